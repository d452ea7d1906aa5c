"""Random words that tell one write from all others."""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable

import attrs

from redmapper import forks

BYTES = 6
LETTERS = 8
AT_ONCE = 64


def letters(data: bytes) -> str:
    """Bytes as letters, digits, `-` and `_`: 4 characters for each 3 bytes."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@attrs.define(eq=False)
class Tokens:
    """Tokens of 8 characters. Randomness is asked for many of them at a time, which is cheaper.

    Taking one off a deque is atomic, so threads may share it. A forked child leaves the spare ones
    to its parent: no two writes may ever have the same.
    """

    random: Callable[[int], bytes]
    spare: deque[bytes] = attrs.field(factory=deque)
    process: int = attrs.field(factory=forks.this)

    def next(self) -> bytes:
        """One that nobody has had."""
        if self.process != forks.process:
            self.spare, self.process = deque(), forks.process
        try:
            return self.spare.popleft()
        except IndexError:
            text = letters(self.random(BYTES * AT_ONCE)).encode()
            made = [text[start : start + LETTERS] for start in range(0, len(text), LETTERS)]
            self.spare.extend(made[1:])
            return made[0]
