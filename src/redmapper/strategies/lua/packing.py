"""What a script is told as one word: an array of MessagePack, which cmsgpack reads.

The format: https://github.com/msgpack/msgpack/blob/master/spec.md
"""

from __future__ import annotations

from collections.abc import Sequence

_SMALL = tuple(bytes((number,)) for number in range(128))


def packed(integers: Sequence[int]) -> bytes:
    """Integers from 0 on."""
    head = _head(len(integers))
    if max(integers, default=0) < len(_SMALL):
        return head + bytes(integers)
    return head + b"".join(map(_packed, integers))


def packed_terms(terms: Sequence[int | str]) -> bytes:
    """Integers from -1 on, and the words of a script's own: ASCII, of 31 letters at most."""
    known = _TERMS
    said = [known[term] if term in known else _packed_term(term) for term in terms]
    return _head(len(said)) + b"".join(said)


_TERMS: dict[int | str, bytes] = {**dict(enumerate(_SMALL)), -1: b"\xff"}
"""How terms are packed: the integers below 128, and the words that have been said before."""


def _packed_term(term: int | str) -> bytes:
    if isinstance(term, int):
        return _packed(term)
    text = term.encode("ascii")
    return _TERMS.setdefault(term, bytes((0xA0 + len(text),)) + text)


def _head(size: int) -> bytes:
    if size < 1 << 16:
        return b"\xdc" + size.to_bytes(2, "big")
    return b"\xdd" + size.to_bytes(4, "big")


def _packed(integer: int) -> bytes:
    if integer < len(_SMALL):
        return _SMALL[integer]
    if integer < 1 << 16:
        return b"\xcd" + integer.to_bytes(2, "big")
    return b"\xce" + integer.to_bytes(4, "big")
