"""What both runners do with a batch but for the waiting: packing, sorting of replies, patience."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import hiredis
from redis import exceptions as theirs
from redis._parsers import hiredis as theirs_parser

from redmapper.errors import StoreError
from redmapper.faces.redis_errors import lost, translated
from redmapper.wire import Batch, Command, Reply

PAUSES = (0.02, 0.1, 0.3, 1.0)
"""Seconds to wait before each resending over a new link; then it is given up."""

PATIENCE = 3.0
"""Seconds after which no further attempt begins: a client's own retries may have used them up."""

_NOT_ENOUGH = getattr(theirs_parser, "NOT_ENOUGH_DATA", None)
"""What redis-py has its reader answer when the next reply has not come whole."""

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
    if len(commands) == 1:
        return (hiredis.pack_command(commands[0].words),)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return _slices(commands)


def _slices(commands: tuple[Command, ...]) -> Iterator[bytes]:
    for start in range(0, len(commands), SLICE):
        part = commands[start : start + SLICE]
        yield b"".join([hiredis.pack_command(command.words) for command in part])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def ready_replies(link: Any) -> Callable[[int], list[Any]]:  # noqa: ANN401 - redis-py's connection
    """The function that takes up to so many replies which have come already, without waiting.

    redis-py's own call for each reply costs twice its parsing. What it reads from the socket lies
    in a hiredis reader, which is not public: where there is none, nothing is taken here. Nor is it
    where messages may come between the replies, which RESP3 allows.
    """
    reader = getattr(getattr(link, "_parser", None), "_reader", None)
    plain = str(getattr(link, "protocol", "")) == "2"
    if _NOT_ENOUGH is None or not plain or not isinstance(reader, hiredis.Reader):
        return lambda _: []
    gets = partial(reader.gets, False)  # noqa: FBT003 - bytes, whatever the client decodes

    def take(most: int) -> list[Any]:
        taken: list[Any] = []
        while len(taken) < most:
            reply = gets()
            if reply is _NOT_ENOUGH:
                break
            taken.append(reply)
        return taken

    return take


def unknown_script(batch: Batch, replies: list[Any]) -> bool:
    """Whether the server has forgotten a script; a call of one is a batch of its own."""
    return batch.commands[0].script is not None and isinstance(replies[0], theirs.NoScriptError)


def accepted(replies: list[Any]) -> list[Reply]:
    """The replies, or the first error among them, as ours."""
    for reply in replies:
        if isinstance(reply, Exception):
            raise failure(reply, sent=True) from reply
    return replies
