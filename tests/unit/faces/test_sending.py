"""How the sync face writes to its connections: at once as far as they take it."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from redmapper.faces.sync.runner import _send

SECOND = 1.0


@attrs.define(eq=False)
class Link:
    """A connection of redis-py, as far as it is written to."""

    _sock: Any
    health_check_interval: float = 0
    sent: list[bytes] = attrs.field(factory=list)

    def send_packed_command(self, parts: Any) -> None:
        """The way of redis-py."""
        self.sent += parts


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends; the first has a timeout, as redis-py's have."""
    ours, theirs = socket.socketpair()
    ours.settimeout(30 * SECOND)
    yield ours, theirs
    ours.close()
    theirs.close()


def read(end: socket.socket, size: int) -> bytes:
    """So many bytes."""
    found = bytearray()
    while len(found) < size:
        found += end.recv(1 << 16)
    return bytes(found)


def test_what_fits_is_written(pair: tuple[socket.socket, socket.socket]):
    """Part by part."""
    ours, theirs = pair
    _send(Link(ours), [b"one ", b"two"])
    assert b"one two" == read(theirs, 7)


def test_what_does_not_fit_at_once_follows(pair: tuple[socket.socket, socket.socket]):
    """Nothing is lost or sent twice where the buffers of the system are full."""
    ours, theirs = pair
    parts = [bytes([number]) * 1_000_003 for number in range(5)]
    writer = threading.Thread(target=_send, args=(Link(ours), parts))
    writer.start()
    assert b"".join(parts) == read(theirs, 5 * 1_000_003)
    writer.join()


def test_a_full_socket_is_waited_for(pair: tuple[socket.socket, socket.socket]):
    """Though it took nothing of what was to be written."""
    ours, theirs = pair
    before = 0
    ours.settimeout(0)
    while True:
        try:
            before += ours.send(b"x" * 4096)
        except BlockingIOError:
            break
    ours.settimeout(30 * SECOND)
    writer = threading.Thread(target=_send, args=(Link(ours), [b"after"]))
    writer.start()
    assert b"after" == read(theirs, before + 5)[before:]
    writer.join()


def test_a_socket_without_a_timeout_is_written_to(pair: tuple[socket.socket, socket.socket]):
    """It blocks instead."""
    ours, theirs = pair
    ours.settimeout(None)
    _send(Link(ours), [b"word"])
    assert b"word" == read(theirs, 4)


def test_an_end_that_is_closed_is_an_error(pair: tuple[socket.socket, socket.socket]):
    """Which the runner takes for a lost link."""
    ours, theirs = pair
    theirs.close()
    with pytest.raises(OSError, match="pipe"):
        _send(Link(ours), [b"word"])


@pytest.mark.parametrize("kind", ["other", "none", "watched"])
def test_what_is_not_plain_goes_the_way_of_redis_py(
    kind: str, pair: tuple[socket.socket, socket.socket]
):
    """TLS, a link that is to connect first, and one whose health is to be checked."""
    ours, _ = pair
    link = {
        "other": Link(object()),
        "none": Link(None),
        "watched": Link(ours, health_check_interval=SECOND),
    }[kind]
    _send(link, [b"word"])
    assert [b"word"] == link.sent
