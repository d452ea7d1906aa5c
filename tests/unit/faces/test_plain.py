"""The sync face's way over plain sockets, and what is none."""

import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import attrs
import hiredis
import pytest
from redis import exceptions as theirs
from redis._parsers import hiredis as theirs_parser

from redmapper.faces.sync import plain as room
from redmapper.faces.sync.plain import Plain, plain_of, receive, send
from redmapper.faces.sync.runner import _ask

SECOND = 1.0


def reader() -> hiredis.Reader:
    """As redis-py makes one."""
    return hiredis.Reader(
        protocolError=theirs.InvalidResponse,
        replyError=theirs_parser._HiredisParser.parse_error,
        notEnoughData=theirs_parser.NOT_ENOUGH_DATA,
    )


@attrs.define(eq=False)
class Link:
    """A connection of redis-py, as far as one looks at it."""

    _sock: Any
    _parser: Any = attrs.field(factory=lambda: SimpleNamespace(_reader=reader()))
    protocol: Any = 2
    health_check_interval: float = 0
    sent: list[bytes] = attrs.field(factory=list)
    replies: list[Any] = attrs.field(factory=list)

    def send_packed_command(self, parts: Any) -> None:
        """The way of redis-py."""
        self.sent += parts

    def read_response(self, *, disable_decoding: bool) -> Any:
        """The same."""
        assert disable_decoding
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends; the first has a timeout, as redis-py's have."""
    ours, theirs_end = socket.socketpair()
    ours.settimeout(30 * SECOND)
    yield ours, theirs_end
    ours.close()
    theirs_end.close()


@pytest.fixture
def ours(pair: tuple[socket.socket, socket.socket]) -> socket.socket:
    """The end that a link has."""
    return pair[0]


@pytest.fixture
def end(pair: tuple[socket.socket, socket.socket]) -> socket.socket:
    """The server's."""
    return pair[1]


@pytest.fixture
def plain(ours: socket.socket) -> Plain:
    """What a link is made of."""
    return ours, reader()


def read(end: socket.socket, size: int) -> bytes:
    """So many bytes."""
    found = bytearray()
    while len(found) < size:
        found += end.recv(1 << 16)
    return bytes(found)


# --- sending ---------------------------------------------------------------------------------


def test_what_fits_is_written(ours: socket.socket, end: socket.socket):
    """Part by part."""
    send(ours, [b"one ", b"two"])
    assert b"one two" == read(end, 7)


def test_what_does_not_fit_at_once_follows(ours: socket.socket, end: socket.socket):
    """Nothing is lost or sent twice where the buffers of the system are full."""
    parts = [bytes([number]) * 1_000_003 for number in range(5)]
    writer = threading.Thread(target=send, args=(ours, parts))
    writer.start()
    assert b"".join(parts) == read(end, 5 * 1_000_003)
    writer.join()


def test_a_full_socket_is_waited_for(ours: socket.socket, end: socket.socket):
    """Though it took nothing of what was to be written."""
    before = 0
    ours.settimeout(0)
    while True:
        try:
            before += ours.send(b"x" * 4096)
        except BlockingIOError:
            break
    ours.settimeout(30 * SECOND)
    writer = threading.Thread(target=send, args=(ours, [b"after"]))
    writer.start()
    assert b"after" == read(end, before + 5)[before:]
    writer.join()


def test_a_socket_without_a_timeout_is_written_to(ours: socket.socket, end: socket.socket):
    """It blocks instead."""
    ours.settimeout(None)
    send(ours, [b"word"])
    assert b"word" == read(end, 4)


def test_an_end_that_is_closed_is_an_error(ours: socket.socket, end: socket.socket):
    """Which the runner takes for a lost link."""
    end.close()
    with pytest.raises(OSError, match="pipe"):
        send(ours, [b"word"])


# --- receiving -------------------------------------------------------------------------------


def test_replies_are_read_as_many_as_are_wanted(plain: Plain, end: socket.socket):
    """Those that came with them stay for later; bytes are bytes."""
    end.sendall(b"$3\r\none\r\n:2\r\n*1\r\n$-1\r\n+later\r\n")
    assert [b"one", 2, [None]] == receive(plain, 3)
    assert [b"later"] == receive(plain, 1)


def test_a_reply_that_comes_in_parts_is_waited_for(plain: Plain, end: socket.socket):
    """However it is cut."""
    end.sendall(b"$6\r\nwh")
    rest = threading.Timer(0.01, end.sendall, [b"ole!\r\n"])
    rest.start()
    assert [b"whole!"] == receive(plain, 1)
    rest.join()


def test_an_error_is_a_value(plain: Plain, end: socket.socket):
    """What follows it is read, too."""
    end.sendall(b"-ERR no\r\n+OK\r\n")
    error, reply = receive(plain, 2)
    assert (theirs.ResponseError, "no", b"OK") == (type(error), str(error), reply)


def test_a_server_that_can_not_serve_ends_it(plain: Plain, end: socket.socket):
    """As redis-py has it."""
    end.sendall(b"-LOADING Redis is loading the dataset in memory\r\n")
    with pytest.raises(theirs.BusyLoadingError):
        receive(plain, 1)


def test_an_end_that_closes_is_a_lost_link(plain: Plain, end: socket.socket):
    """In the middle of a reply, too."""
    end.sendall(b"$6\r\nwh")
    end.close()
    with pytest.raises(theirs.ConnectionError, match="closed by server"):
        receive(plain, 1)


def test_a_reply_that_does_not_come_is_a_timeout(plain: Plain):
    """By the socket's own."""
    plain[0].settimeout(0.01)
    with pytest.raises(theirs.TimeoutError, match="Timeout reading"):
        receive(plain, 1)


def test_what_is_no_reply_is_said(plain: Plain, end: socket.socket):
    """By the class that redis-py has for it."""
    end.sendall(b"HTTP/1.1 400\r\n")
    with pytest.raises(theirs.InvalidResponse):
        receive(plain, 1)


# --- which connections -----------------------------------------------------------------------


def test_a_plain_connection_is_used_directly(ours: socket.socket, end: socket.socket):
    """Nothing of redis-py is called."""
    link = Link(ours)
    end.sendall(b"+PONG\r\n")
    assert [b"PONG"] == _ask(link, [b"ping"], 1)
    assert (b"ping", []) == (read(end, 4), link.sent)


NOT_PLAIN: dict[str, dict[str, Any]] = {
    "TLS, or whatever else": {"sock": object()},
    "not connected": {"sock": None},
    "watched": {"health_check_interval": SECOND},
    "RESP3": {"protocol": 3},
    "another parser": {"parser": SimpleNamespace()},
    "another reader": {"parser": SimpleNamespace(_reader=object())},
}


@pytest.mark.parametrize("what", NOT_PLAIN)
def test_what_is_not_plain_goes_the_way_of_redis_py(what: str, ours: socket.socket):
    """Its errors are values as well."""
    error = theirs.ResponseError("no")
    link = Link(**{"sock": ours, **NOT_PLAIN[what]}, replies=[b"one", error])
    assert plain_of(link) is None
    assert [b"one", error] == _ask(link, [b"word"], 2)
    assert [b"word"] == link.sent


def test_the_protocol_may_be_text(ours: socket.socket):
    """As an address has it."""
    assert plain_of(Link(ours, protocol="2")) is not None


def test_where_sockets_are_no_files_redis_py_writes(
    ours: socket.socket, monkeypatch: pytest.MonkeyPatch
):
    """As on Windows."""
    monkeypatch.setattr(room, "DESCRIPTORS", False)
    assert plain_of(Link(ours)) is None
