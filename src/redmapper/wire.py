"""What the core may say to a server: batches of commands, yielded by flows.

A *flow* is a generator that yields a `Batch` (one round trip), is sent the list of its replies, one
a command, and returns a result. It never sees a socket: a runner (`faces`) carries the batches, and
raises the errors of redmapper into the flow at the `yield`. A flow that yields nothing needs no
server, which is how the in-memory strategy works.

Every batch may be sent twice: reads have no effect, commits carry a receipt, and a block of
sequence keys may be lost. So it is the runner that resends after a lost link.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

import attrs

Result = TypeVar("Result")

Argument: TypeAlias = bytes | str | int
"""What may stand in a command; text is sent as UTF-8, an integer as decimal digits."""

Hidden: TypeAlias = "Callable[[], frozenset[Argument]]"
"""Tells the words that logs must not show: worked out only where there is a log."""

Reply: TypeAlias = Any
"""A decoded reply: bytes, int, None, or a list (or dict, under RESP3) of these."""


@attrs.frozen(slots=False)
class Script:
    """A Lua script, sent by its digest and in full only to a server that does not know it."""

    name: str
    text: str = attrs.field(repr=False)

    @cached_property
    def sha(self) -> str:
        """The digest by which a server knows it."""
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class Command(NamedTuple):
    """One command: its words, and how many of the words are keys (for the log).

    A reading of a thousand records makes a thousand of these: a named tuple is the cheapest value.
    """

    words: tuple[Argument, ...]
    keys: int = 1
    script: Script | None = None

    @property
    def sent(self) -> tuple[bytes, ...]:
        """Its words, as they are sent."""
        return tuple(map(as_bytes, self.words))

    def in_full(self) -> Command:
        """The same call with the script's text in place of its digest."""
        if self.script is None:
            return self
        return Command(("EVAL", self.script.text, *self.words[2:]), self.keys)


class Packed(NamedTuple):
    """A command as the bytes that are sent; its words are read out of them for who asks."""

    packed: bytes
    keys: int = 1
    script: Script | None = None

    @property
    def words(self) -> tuple[bytes, ...]:
        """As of a command, all of them bytes."""
        packed, words = self.packed, []
        at = packed.index(b"\r\n") + 2
        while at < len(packed):
            begin = packed.index(b"\r\n", at) + 2
            end = begin + int(packed[at + 1 : begin])
            words.append(packed[begin:end])
            at = end + 2
        return tuple(words)

    def in_full(self) -> Command:
        """As of a command."""
        return Command(self.words, self.keys, self.script).in_full()


LEADS = tuple([b"\r\n$%d\r\n" % length for length in range(1024)])
"""What stands before a word of this length in a command, behind the word before: `$`, the length.

One join of words and leads takes half the time of hiredis, which makes copies.
"""


def as_bytes(word: Argument) -> bytes:
    """A word as it is sent."""
    if isinstance(word, int):
        return b"%d" % word
    return word.encode() if isinstance(word, str) else word


def call(script: Script, keys: Sequence[bytes], arguments: Sequence[Argument]) -> Command:
    """A call of a script."""
    words = ("EVALSHA", script.sha, len(keys), *keys, *arguments)
    return Command(words, len(keys), script)


HEAD = len(("EVALSHA", "digest", "number of keys"))
"""How many words of a call stand before its keys."""


def keys_of(called: Command | Packed) -> list[bytes]:
    """The keys of a call."""
    return cast("list[bytes]", [*called.words[HEAD : HEAD + called.keys]])


class Batch(NamedTuple):
    """Commands for one round trip.

    `home` is a key of the partition they all belong to, which finds the node in a Cluster.
    `hidden` tells the words that logs must not show, when somebody asks. `receipted` says that it
    writes: when it is sent again after a lost reply, what the server refuses then says nothing of
    the first sending.
    """

    verb: str
    home: bytes
    commands: tuple[Command | Packed, ...]
    hidden: Hidden = frozenset
    receipted: bool = False

    @property
    def keys(self) -> int:
        """How many keys the commands name."""
        return sum(command.keys for command in self.commands)


Flow: TypeAlias = Generator[Batch, list[Reply], Result]
"""A generator of batches that returns `Result`."""


@attrs.frozen
class BatchReport:
    """One line of the log: what was carried, and how long the server and the link took."""

    verb: str
    commands: int
    keys: int
    ms: float

    def __str__(self) -> str:
        return f"{self.verb}: {self.commands} commands, {self.keys} keys, {self.ms:.2f} ms"


OnBatch: TypeAlias = Callable[[BatchReport], None]
"""What a store's `on_batch` takes."""


def ask(batch: Batch) -> Flow[list[Reply]]:
    """Carry one batch and return its replies."""
    return (yield batch)
