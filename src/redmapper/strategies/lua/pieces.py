"""Calls as the source of one join, for functions that are generated: bytes as a socket wants them.

What a call says the same each time is packed when its function is generated, and what stands
between two words that differ is one piece. A word that differs is two: what leads it, and itself.
What leads words is `leads`, by their length: a tuple that has those of the usual lengths; where it
ends, the function is called once more with `ANY_LEAD`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from redmapper.wire import LEADS, Argument, as_bytes

NAMES = {"LEADS": LEADS}
"""What the source calls: `leads` are these, unless it is told others."""


class _AnyLead:
    def __getitem__(self, length: int) -> bytes:
        return b"\r\n$%d\r\n" % length


ANY_LEAD = _AnyLead()
"""What leads a word of any length."""

Made = TypeVar("Made")


def led(tell: Callable[..., Made], *said: object) -> Made:
    """What a generated function makes of these, however long its words are."""
    try:
        return tell(*said)
    except IndexError:
        return tell(*said, ANY_LEAD)


def same(*words: Argument) -> bytes:
    """Words that are said each time, as they are sent."""
    return b"".join([ANY_LEAD[len(each)] + each for each in map(as_bytes, words)])


def word(name: str) -> str:
    """The two pieces of the word that has this name."""
    return f"leads[len({name})], {name}"


def listed(pieces: Iterable[bytes | str]) -> str:
    """The list of all pieces: of what is the same, as bytes, and of the source of all else.

    What is the same and stands together is one piece.
    """
    return f"[{', '.join(_merged(pieces))}]"


LAST = b"\r\n"
"""The last piece of a call."""


def _merged(pieces: Iterable[bytes | str]) -> Iterator[str]:
    same_so_far = b""
    for piece in pieces:
        if isinstance(piece, bytes):
            same_so_far += piece
            continue
        if same_so_far:
            yield repr(same_so_far)
        yield piece
        same_so_far = b""
    if same_so_far:
        yield repr(same_so_far)
