"""A connection that any number of tasks share, each for exchanges of its own.

Theory of operation. An *exchange* is a request, written in one piece, and a reply for each of its
commands. What tasks ask within one turn of the event loop is *queued* and goes out together, in one
write; from then on the link *owes* the replies, which come in the order of the requests.

A place in that order is never given up. Who is cancelled leaves an exchange behind for which nobody
waits: its replies are read, and thrown away. A link that is lost fails what it owes as sent, which
may have been done, and what is queued as not sent, which has not.

While it owes anything the link looks at itself every so often. It is *held up* while no reply
comes; what has waited for too long fails. A link on which something has, or that is held up with an
exchange that somebody has given up, *retires*: nothing more is asked on it, and it ends with the
last reply that is waited for.
"""

from __future__ import annotations

import asyncio
import select
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
import hiredis
from redis import exceptions as theirs

from redmapper.faces.exchange import failure

PULSE = 0.05
"""Seconds between two looks of a link at itself."""

BUFFER = 65_536
"""Bytes that are read at a time. Between two of them other tasks get their turn."""

_NOTHING = object()
"""What the reader answers when the next reply has not come whole."""

_PUSHED: Any = getattr(hiredis, "PushNotification", ())
"""What RESP3 may send between the replies; versions before 3.2 can not tell it from them."""


@attrs.define(eq=False)
class Exchange:
    """A request, and its replies as they come.

    `since` is when it was asked, or when a reply of it was last seen; `seen` is how many were.
    """

    request: bytes
    count: int
    done: asyncio.Future[list[Any]]
    since: float
    replies: list[Any] = attrs.field(factory=list)
    seen: int = 0


class MultiplexedLink(asyncio.BufferedProtocol):
    """One connection to a server, for the tasks of one event loop.

    Attributes:
        owed: the exchanges that were written and wait for replies, the oldest first.
        queued: those that are still to be written.
        held_up: whether it owes replies and none has come whole for a while.
        heard: when the last one has.
        ended: done once the connection is.
    """

    def __init__(
        self,
        transport: Any,  # noqa: ANN401 - that of any event loop
        reader: hiredis.Reader,
        timeout: float | None,
        let_go: Callable[[MultiplexedLink], object],
    ) -> None:
        """`let_go` is called once the link shall not be used any more."""
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._reader = reader
        self._next_reply = partial(reader.gets, False)  # noqa: FBT003 - bytes, not text
        self._timeout = timeout
        self._pulse = PULSE if timeout is None else min(PULSE, timeout)
        self._let_go = let_go
        self._bytes = bytearray(BUFFER)
        self._view = memoryview(self._bytes)
        self._poll = _poll(transport)
        self._writing = False
        self._paused = False
        self._retired = False
        self._watching: asyncio.TimerHandle | None = None
        self.owed: deque[Exchange] = deque()
        self.queued: list[Exchange] = []
        self.held_up = False
        self.heard = self._loop.time()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self.writer: object = None

    # --- asking ------------------------------------------------------------------------------

    def ask(self, request: bytes, count: int) -> asyncio.Future[list[Any]]:
        """The replies to a request of so many commands, error replies as values.

        ConnectionLost where they do not come, which says whether the request was sent.
        """
        loop = self._loop
        done: asyncio.Future[list[Any]] = loop.create_future()
        self.queued.append(Exchange(request, count, done, loop.time()))
        if not self._writing:
            self._writing = True
            loop.call_soon(self._end_turn)
        if self._watching is None:
            self._watching = loop.call_later(self._pulse, self._watch)
        return done

    def _end_turn(self) -> None:
        """Write what was asked in this turn of the loop."""
        if not self.owed and self._poll is not None and self._poll(0):
            # The end of the link, most likely. Let the loop read it first: what is not written on a
            # link that has ended can be said not to have been sent.
            self._loop.call_soon(self._loop.call_soon, self._write)
        else:
            self._write()

    def _write(self) -> None:
        self._writing = False
        if self._paused or self._transport.is_closing():
            return  # until the connection takes more; or until it is lost
        exchanges = [exchange for exchange in self.queued if not exchange.done.done()]
        self.queued = []
        if exchanges:
            self.owed += exchanges
            self._transport.write(b"".join([exchange.request for exchange in exchanges]))
        self._end_if_drained()

    def pause_writing(self) -> None:
        """The connection takes no more for now; called by the transport."""
        self._paused = True

    def resume_writing(self) -> None:
        """It does again; called by the transport."""
        self._paused = False
        self._write()

    # --- replies -----------------------------------------------------------------------------

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - as asyncio calls it
        """Where bytes are to be put that come; called by the transport."""
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        """So many have come; called by the transport."""
        self.feed(self._bytes, nbytes)

    def feed(self, come: bytes | bytearray, size: int) -> None:
        """Take bytes that have come, and hand out the replies that are whole with them."""
        try:
            self._reader.feed(come, 0, size)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            self._hand_out()
        except theirs.RedisError as error:  # they are no replies: nothing can be made of the rest
            self._lose(error)
            self._transport.abort()

    def _hand_out(self) -> None:
        owed, next_reply, come = self.owed, self._next_reply, False
        while (reply := next_reply()) is not _NOTHING:
            if isinstance(reply, _PUSHED):
                continue
            if not owed:
                message = "the server said what nobody had asked for"
                raise theirs.InvalidResponse(message)
            exchange = owed[0]
            exchange.replies.append(reply)
            if len(exchange.replies) == exchange.count:
                owed.popleft()
                if not exchange.done.done():
                    exchange.done.set_result(exchange.replies)
            come = True
        if come:
            self.held_up = False
            self.heard = self._loop.time()
            self._end_if_drained()

    # --- looking after itself ----------------------------------------------------------------

    def _watch(self) -> None:
        self._watching = None
        oldest = next(iter(self.owed or self.queued), None)
        if oldest is None:
            return
        now = self._loop.time()
        if len(oldest.replies) > oldest.seen:
            oldest.seen, oldest.since = len(oldest.replies), now
        self.held_up = now - max(oldest.since, self.heard) >= self._pulse
        if self._timeout is not None:
            self._give_up(now - self._timeout)
        if self.held_up and any(exchange.done.cancelled() for exchange in self.owed):
            self.retire()
        if self._retired and not self._is_awaited():
            self._transport.abort()
        else:
            self._watching = self._loop.call_later(self._pulse, self._watch)

    def _give_up(self, before: float) -> None:
        """Fail what has waited since before this moment; where that is anything, retire."""
        for exchanges, sent in ((self.owed, True), (self.queued, False)):
            for exchange in exchanges:
                if exchange.since <= before and not exchange.done.done():
                    late = theirs.TimeoutError(f"Timeout reading from {self._peer}")
                    exchange.done.set_exception(failure(late, sent=sent))
                    self.retire()

    def _is_awaited(self) -> bool:
        """Whether anybody still waits for a reply."""
        return any(not exchange.done.done() for exchange in (*self.owed, *self.queued))

    @property
    def _peer(self) -> str:
        """The address of the server."""
        name = self._transport.get_extra_info("peername")
        return ":".join(map(str, name[:2])) if isinstance(name, tuple) else str(name)

    # --- its end -----------------------------------------------------------------------------

    def retire(self) -> None:
        """Be asked nothing more, and end when all that was asked is answered."""
        if not self._retired:
            self._retired = True
            self._let_go(self)
        self._end_if_drained()

    def _end_if_drained(self) -> None:
        if self._retired and not self.owed and not self.queued:
            self._transport.close()

    def abort(self) -> None:
        """End now; what is under way fails."""
        self._transport.abort()

    def eof_received(self) -> None:
        """The server has closed it: so does the transport, which calls this."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing comes any more; called by the transport."""
        self._lose(exc or theirs.ConnectionError("Connection closed by server."))
        if self._watching is not None:
            self._watching.cancel()
        if not self.ended.done():
            self.ended.set_result(None)

    def _lose(self, error: Exception) -> None:
        """Fail all that is under way."""
        owed, queued = self.owed, self.queued
        self.owed, self.queued = deque(), []
        for exchanges, sent in ((owed, True), (queued, False)):
            for exchange in exchanges:
                if not exchange.done.done():
                    exchange.done.set_exception(_lost(error, sent=sent))
        self.retire()


def _lost(error: Exception, *, sent: bool) -> Exception:
    """An error of its own for each who waits: a runner writes into it."""
    ours = failure(theirs.ConnectionError(str(error)), sent=sent)
    ours.__cause__ = error
    return ours


def _poll(transport: Any) -> Callable[[int], list[Any]] | None:  # noqa: ANN401
    """What tells whether anything has come over a transport; None where nothing can."""
    socket = transport.get_extra_info("socket")
    if socket is None or not hasattr(select, "poll"):
        return None
    poll = select.poll()
    poll.register(socket.fileno(), select.POLLIN)
    return poll.poll


def take_over(
    connection: Any,  # noqa: ANN401 - redis-py's
    let_go: Callable[[MultiplexedLink], object],
) -> MultiplexedLink:
    """A link out of a connection that redis-py has made, and introduced to the server.

    So everything that an address may say of it holds. The connection is left empty behind: it must
    neither read from the transport nor close it.
    """
    stream, writer = connection._reader, connection._writer  # noqa: SLF001 - there is no other way
    reader = hiredis.Reader(
        protocolError=theirs.InvalidResponse,
        replyError=connection._parser.parse_error,  # noqa: SLF001 - redis-py's errors by their words
        notEnoughData=_NOTHING,
    )
    link = MultiplexedLink(writer.transport, reader, connection.socket_timeout, let_go)
    connection._reader = connection._writer = None  # noqa: SLF001
    # The writer closes the transport when it is forgotten, in later versions of Python.
    link.writer = writer
    writer.transport.set_protocol(link)
    link.feed(bytes(stream._buffer), len(stream._buffer))  # noqa: SLF001
    if stream.at_eof():  # it has ended meanwhile, which the link was not told
        link.connection_lost(None)
    return link
