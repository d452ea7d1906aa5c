"""The shortest way over a connection of redis-py: where it is a plain socket that speaks RESP2.

redis-py has made the connection and will end it. What it does in between for each command and each
reply costs more than packing and parsing them: so bytes go to its socket, and come into its hiredis
reader, directly. Neither is public. A connection that has something more (TLS, RESP3 with messages
between the replies, a health check, another parser, methods of somebody's own) goes redis-py's way.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from typing import Any, TypeAlias

import attrs
import hiredis
import redis
from redis import exceptions as theirs
from redis._parsers import hiredis as theirs_parser

Plain: TypeAlias = "tuple[socket.socket, hiredis.Reader]"

_NOT_ENOUGH = getattr(theirs_parser, "NOT_ENOUGH_DATA", None)
"""What redis-py has its reader answer when the next reply has not come whole."""

_KINDS = (redis.Connection, redis.UnixDomainSocketConnection)
"""Nothing that inherits from them: it may watch, or change, what is sent and read."""

READ_SIZE = 1 << 16

DESCRIPTORS = os.name == "posix"
"""Whether sockets are written to as files are; Windows keeps them apart."""


def plain_of(link: Any) -> Plain | None:  # noqa: ANN401 - redis-py's connection
    """The socket and the reader of a connection that has nothing more; else None."""
    sock = getattr(link, "_sock", None)
    reader = getattr(getattr(link, "_parser", None), "_reader", None)
    if (
        DESCRIPTORS
        and type(link) in _KINDS
        and type(sock) is socket.socket
        and isinstance(reader, hiredis.Reader)
        and _NOT_ENOUGH is not None
        and str(link.protocol) == "2"
        and not link.health_check_interval
    ):
        return sock, reader
    return None


@attrs.frozen(eq=False)
class PlainLink:
    """Such a connection, with what is asked of it each time at hand."""

    theirs: Any
    plain: Plain
    readable: Callable[[int], list[Any]]

    def can_read(self, timeout: int) -> bool:
        """As redis-py's: whether something has come, be it the end; in milliseconds."""
        return bool(self.plain[1].has_data() or self.readable(timeout))

    def disconnect(self) -> None:
        """Close it."""
        self.theirs.disconnect()

    def ask(self, parts: Iterable[bytes], wanted: int) -> list[Any]:
        """Send what is packed, and read so many replies, error replies as values."""
        sock, _ = plain = self.plain
        for part in parts:
            send(sock, part)
        return receive(plain, wanted)


def direct(connection: Any) -> Any:  # noqa: ANN401 - redis-py's, as long as it is not plain
    """The shortest way over a connection: a `PlainLink`, or itself where it has something more."""
    plain = plain_of(connection)
    if plain is None:
        return connection
    waiting = select.poll()
    waiting.register(plain[0], select.POLLIN)
    return PlainLink(connection, plain, waiting.poll)


def behind(link: Any) -> Any:  # noqa: ANN401 - as above
    """The connection of redis-py that `direct` was given."""
    return link.theirs if type(link) is PlainLink else link


def send(sock: socket.socket, part: bytes) -> None:
    """Send what is packed: as far as the socket takes it at once, without asking it before.

    A socket of Python that has a timeout asks first whether it may write, a system call each time.
    """
    try:
        taken = os.write(sock.fileno(), part)
    except BlockingIOError:
        taken = 0
    if taken < len(part):
        sock.sendall(memoryview(part)[taken:])


def receive(plain: Plain, wanted: int) -> list[Any]:
    """So many replies, error replies as values; redis-py's errors where the link fails."""
    sock, reader = plain
    first = reader.gets(False)  # noqa: FBT003 - bytes, whatever the client decodes
    while first is _NOT_ENOUGH:
        reader.feed(_come(sock))
        first = reader.gets(False)  # noqa: FBT003
    replies = [first]
    while len(replies) < wanted:
        whole = iter(partial(reader.gets, False), _NOT_ENOUGH)  # noqa: FBT003
        replies += islice(whole, wanted - len(replies))
        if len(replies) < wanted:
            reader.feed(_come(sock))
    return replies


def _come(sock: socket.socket) -> bytes:
    try:
        data = sock.recv(READ_SIZE)
    except TimeoutError as late:
        message = "Timeout reading from socket"
        raise theirs.TimeoutError(message) from late
    if not data:
        message = "Connection closed by server."
        raise theirs.ConnectionError(message)
    return data
