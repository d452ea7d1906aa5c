"""The sync face's way over plain sockets, and what is none."""

import socket
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import hiredis
import pytest
import redis
from redis import exceptions as theirs
from redis._parsers import hiredis as theirs_parser

from redmapper.faces.sync import plain as room
from redmapper.faces.sync.plain import Plain, behind, direct, plain_of, receive, send
from redmapper.faces.sync.runner import _ask, _require_lasting

SECOND = 1.0


def reader() -> hiredis.Reader:
    """As redis-py makes one."""
    return hiredis.Reader(
        protocolError=theirs.InvalidResponse,
        replyError=theirs_parser._HiredisParser.parse_error,
        notEnoughData=theirs_parser.NOT_ENOUGH_DATA,
    )


class Recording(redis.Connection):
    """A connection with methods of its own."""

    sent: tuple[bytes, ...] = ()
    replies: tuple[Any, ...] = ()

    def send_packed_command(self, command: Any, *_: Any) -> None:
        """Note it."""
        self.sent = (*self.sent, *command)

    def read_response(self, *_: Any, **options: Any) -> Any:
        """The next one."""
        assert options == {"disable_decoding": True}
        reply, *self.replies = self.replies  # type: ignore[assignment]
        if isinstance(reply, Exception):
            raise reply
        return reply


def link(sock: Any, kind: type[redis.Connection] = redis.Connection, **options: Any) -> Any:
    """A connection of redis-py that has been made."""
    connection = kind(**{"protocol": 2, **options})
    connection._sock = sock
    connection._parser._reader = reader()
    return connection


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
    send(ours, b"one ")
    send(ours, b"two")
    assert b"one two" == read(end, 7)


def test_what_does_not_fit_at_once_follows(ours: socket.socket, end: socket.socket):
    """Nothing is lost or sent twice where the buffers of the system are full."""
    parts = [bytes([number]) * 1_000_003 for number in range(5)]
    writer = threading.Thread(target=lambda: [send(ours, part) for part in parts])
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
    writer = threading.Thread(target=send, args=(ours, b"after"))
    writer.start()
    assert b"after" == read(end, before + 5)[before:]
    writer.join()


def test_a_socket_without_a_timeout_is_written_to(ours: socket.socket, end: socket.socket):
    """It blocks instead."""
    ours.settimeout(None)
    send(ours, b"word")
    assert b"word" == read(end, 4)


def test_an_end_that_is_closed_is_an_error(ours: socket.socket, end: socket.socket):
    """Which the runner takes for a lost link."""
    end.close()
    with pytest.raises(OSError, match="pipe"):
        send(ours, b"word")


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
    """As redis-py has it: the link does not last, wherever among the replies that is said."""
    end.sendall(b"+OK\r\n-LOADING Redis is loading the dataset in memory\r\n")
    with pytest.raises(theirs.BusyLoadingError):
        _require_lasting(receive(plain, 2))


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


@pytest.mark.parametrize("protocol", [2, "2"], ids=["number", "text"])
def test_a_plain_connection_is_used_directly(
    protocol: Any, ours: socket.socket, end: socket.socket
):
    """Nothing of redis-py is called; an address has the protocol as text."""
    end.sendall(b"+PONG\r\n")
    assert [b"PONG"] == _ask(direct(link(ours, protocol=protocol)), [b"ping"], 1)
    assert b"ping" == read(end, 4)


def test_so_is_one_over_a_unix_socket(ours: socket.socket):
    """It is as plain."""
    connection = redis.UnixDomainSocketConnection(protocol=2)
    connection._sock, connection._parser._reader = ours, reader()
    assert plain_of(connection) is not None


def test_a_direct_link_is_quiet_until_something_comes(ours: socket.socket, end: socket.socket):
    """Be it words, or the end."""
    direct_link = direct(link(ours))
    assert not direct_link.can_read(timeout=0)
    end.sendall(b"+word\r\n")
    assert direct_link.can_read(timeout=0)
    assert [b"word"] == receive(direct_link.plain, 1)
    assert not direct_link.can_read(timeout=0)
    end.close()
    assert direct_link.can_read(timeout=0)


def test_a_direct_link_is_not_quiet_with_a_reply_too_many(ours: socket.socket, end: socket.socket):
    """It has been read already, but nobody has asked for it."""
    direct_link = direct(link(ours))
    end.sendall(b"+one\r\n+two\r\n")
    assert [b"one"] == receive(direct_link.plain, 1)
    assert direct_link.can_read(timeout=0)


def test_behind_a_direct_link_is_the_connection(ours: socket.socket):
    """Which goes back to the pool, and which it closes."""
    connection = link(ours)
    direct_link = direct(connection)
    assert connection is behind(direct_link)
    direct_link.disconnect()
    assert connection._sock is None


def test_what_is_not_plain_stays_as_it_is(ours: socket.socket):
    """There is nothing before it."""
    connection = link(ours, Recording)
    assert connection is direct(connection) is behind(connection)


def another_parser(connection: Any) -> Any:
    """One without a reader."""
    connection._parser = SimpleNamespace()
    return connection


def another_reader(connection: Any) -> Any:
    """One that is not hiredis'."""
    connection._parser._reader = object()
    return connection


NOT_PLAIN: dict[str, Callable[[socket.socket], Any]] = {
    "TLS, or whatever else": lambda _: link(object()),
    "not connected": lambda _: link(None),
    "watched": lambda sock: link(sock, health_check_interval=SECOND),
    "RESP3": lambda sock: link(sock, protocol=3),
    "another parser": lambda sock: another_parser(link(sock)),
    "another reader": lambda sock: another_reader(link(sock)),
    "with methods of its own": lambda sock: link(sock, Recording),
    "no connection of redis-py": lambda sock: SimpleNamespace(_sock=sock),
}


@pytest.mark.parametrize("what", NOT_PLAIN)
def test_what_is_not_plain(what: str, ours: socket.socket):
    """It goes the way of redis-py."""
    assert plain_of(NOT_PLAIN[what](ours)) is None


def test_the_way_of_redis_py(ours: socket.socket):
    """Its errors are values as well."""
    error = theirs.ResponseError("no")
    connection = link(ours, Recording)
    connection.replies = (b"one", error)
    assert [b"one", error] == _ask(connection, [b"word"], 2)
    assert (b"word",) == connection.sent


def test_where_sockets_are_no_files_redis_py_writes(
    ours: socket.socket, monkeypatch: pytest.MonkeyPatch
):
    """As on Windows."""
    monkeypatch.setattr(room, "DESCRIPTORS", False)
    assert plain_of(link(ours)) is None
