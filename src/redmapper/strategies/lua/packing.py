"""What a script is told as one word: an array of MessagePack, or numbers that are a byte each.

The format: https://github.com/msgpack/msgpack/blob/master/spec.md
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

_SMALL = tuple(bytes((number,)) for number in range(128))


def packed(integers: Sequence[int]) -> bytes:
    """Integers from 0 on."""
    head, greatest = _head(len(integers)), max(integers, default=0)
    if greatest < len(_SMALL):
        return head + bytes(integers)
    kind, letter, size = _SHORT if greatest < 1 << 16 else _LONG
    # All of them as wide as the greatest, which takes no step of Python for each.
    numbers = struct.pack(f">{len(integers)}{letter}", *integers)
    said = bytearray(kind) * (len(integers) * (size + 1))
    for place in range(size):
        said[place + 1 :: size + 1] = numbers[place::size]
    return head + said


_SHORT, _LONG = (b"\xcd", "H", 2), (b"\xce", "I", 4)
"""What leads an integer of that size, its letter in `struct`, and how many bytes it has."""


def packed_terms(terms: Sequence[int | str]) -> bytes:
    """Integers from 0 on, and the words of a script's own: ASCII, of 31 letters at most."""
    known = _TERMS
    said = [known[term] if term in known else _packed_term(term) for term in terms]
    return _head(len(said)) + b"".join(said)


def packed_numbers(numbers: Sequence[int]) -> bytes:
    """Integers from 0 on: a byte each, where all can be one and they are not too many.

    Else an array of MessagePack, which is told by its first byte.
    """
    if len(numbers) <= MOST_BYTES and numbers[0] < FIRST_OF_ARRAY and max(numbers) <= LARGEST_BYTE:
        return bytes(numbers)
    return packed(numbers)


MOST_BYTES = 2_000
"""Numbers that are a byte each: Lua can not take apart some 8,000 at once."""

LARGEST_BYTE = 255
FIRST_OF_ARRAY = 0xDC
"""Arrays begin with this, or the byte behind it; numbers that are a byte each with a lower one."""

_TERMS: dict[int | str, bytes] = dict(enumerate(_SMALL))
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
