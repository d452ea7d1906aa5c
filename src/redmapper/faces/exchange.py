"""What both runners do with a batch but for the waiting: packing, sorting of replies, patience."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import hiredis
from redis import exceptions as theirs

from redmapper.errors import StoreError
from redmapper.faces.redis_errors import lost, translated
from redmapper.wire import LEADS, Batch, Command, Packed, Reply, as_bytes

PAUSES = (0.02, 0.1, 0.3, 1.0)
"""Seconds to wait before each resending over a new link; then it is given up."""

PATIENCE = 3.0
"""Seconds after which no further attempt begins: a client's own retries may have used them up."""

LOST = (theirs.ConnectionError, theirs.TimeoutError, OSError)
"""What redis-py raises when a link breaks, times out or can not be made."""


def failure(error: Exception, *, sent: bool) -> StoreError:
    """The error for a link that could not be had, or failed with a request under way.

    A server that is loading, or refuses the password, has answered: it did nothing.
    """
    if isinstance(error, theirs.BusyLoadingError):
        return lost(error, sent=False)
    if isinstance(error, LOST) and not isinstance(error, theirs.AuthenticationError):
        return lost(error, sent=sent)
    return translated(error)


SLICE = 100
"""Commands that are packed and sent at once: the server works while the next are packed."""


def packed(batch: Batch, *, in_full: bool) -> Iterable[bytes]:
    """A batch as bytes for the socket, slice by slice, scripts by digest or in full."""
    commands = tuple([each.in_full() for each in batch.commands]) if in_full else batch.commands
    if len(commands) != 1:
        return _slices(commands)
    (command,) = commands
    if type(command) is Packed:
        return (command.packed,)
    words = command.words
    if len(words) > MANY_WORDS:
        return _parts(words)
    return (hiredis.pack_command(words),)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def _slices(commands: Sequence[Command | Packed]) -> Iterator[bytes]:
    for start in range(0, len(commands), SLICE):
        part = commands[start : start + SLICE]
        yield b"".join([hiredis.pack_command(command.words) for command in part])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


MANY_WORDS = 2_000
"""Of one command: so many are packed and sent at once, for the same reason."""


def _parts(words: tuple[Any, ...]) -> Iterator[bytes]:
    """A command of many words, part by part."""
    head = b"*%d" % len(words)
    for end in range(MANY_WORDS, len(words) + MANY_WORDS, MANY_WORDS):
        said = head + _part(words[end - MANY_WORDS : end])
        yield said if end < len(words) else said + b"\r\n"
        head = b""


def _part(words: tuple[Any, ...]) -> bytes:
    """Some words as they stand in a command, each behind its lead."""
    try:
        return _joined(words)
    except TypeError:  # integers and texts are among them, but few
        return _joined([word if type(word) is bytes else as_bytes(word) for word in words])


def _joined(words: Sequence[bytes]) -> bytes:
    lines = [b""] * (2 * len(words))
    try:
        lines[::2] = [LEADS[len(word)] for word in words]
    except IndexError:  # a long word
        lines[::2] = [b"\r\n$%d\r\n" % len(word) for word in words]
    lines[1::2] = words
    return b"".join(lines)


def unknown_script(batch: Batch, replies: list[Any]) -> bool:
    """Whether the server has forgotten a script; a call of one is a batch of its own."""
    forgotten = bool(replies) and isinstance(replies[0], theirs.NoScriptError)
    return forgotten and batch.commands[0].script is not None


_REPLIES = frozenset({bytes, int, list, dict, type(None)})
"""The types of replies that are no errors."""


def sound(replies: list[Any]) -> bool:
    """Whether no error is among the replies."""
    return _REPLIES.issuperset(map(type, replies))


def accepted(replies: list[Any]) -> list[Reply]:
    """The replies, or the first error among them, as ours."""
    for reply in () if sound(replies) else replies:
        if isinstance(reply, Exception):
            raise failure(reply, sent=True) from reply
    return replies
