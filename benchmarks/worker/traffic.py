"""Counts what a process sends: round trips, and the commands in them.

A round trip is a send after something was received on the same connection, or the first one. It is
counted at the sockets, below any client, so that whatever a contestant is made of is counted alike.
"""

from __future__ import annotations

import os
import socket
import stat
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

SENDS = ("send", "sendall")
RECEIVES = ("recv", "recv_into")


@dataclass
class Traffic:
    """What was sent, by connection."""

    round_trips: int = 0
    sent: dict[int, bytearray] = field(default_factory=lambda: defaultdict(bytearray))
    _asking: set[int] = field(default_factory=set)

    def send(self, connection: int, data: bytes) -> None:
        """Something was sent."""
        if connection not in self._asking:
            self._asking.add(connection)
            self.round_trips += 1
        self.sent[connection] += data

    def receive(self, connection: int) -> None:
        """Something was received."""
        self._asking.discard(connection)

    @property
    def commands(self) -> int:
        """How many commands were sent."""
        return sum(sum(1 for _ in commands_in(bytes(each))) for each in self.sent.values())


def commands_in(data: bytes) -> Iterator[int]:
    """Where the commands begin in what was sent: arrays of texts, as Redis wants them."""
    at = 0
    while at < len(data):
        yield at
        end = data.index(b"\r\n", at)
        words, at = int(data[at + 1 : end]), end + 2
        for _ in range(words):
            end = data.index(b"\r\n", at)
            at = end + 2 + int(data[at + 1 : end]) + 2


@contextmanager
def counted() -> Iterator[Traffic]:
    """Count while the block runs."""
    traffic = Traffic()
    for name in SENDS:
        setattr(socket.socket, name, _counting_send(name, traffic))
    for name in RECEIVES:
        setattr(socket.socket, name, _counting_receive(name, traffic))
    write = os.write
    os.write = _counting_write(traffic)
    try:
        yield traffic
    finally:
        os.write = write
        for name in (*SENDS, *RECEIVES):
            delattr(socket.socket, name)  # the methods of the class it is made of show again


def _counting_send(name: str, traffic: Traffic) -> Callable[..., Any]:
    original = getattr(socket.socket, name)

    def send(self: socket.socket, data: Any, *rest: Any) -> Any:
        done = original(self, data, *rest)
        traffic.send(self.fileno(), bytes(data)[:done])
        return done

    return send


def _counting_write(traffic: Traffic) -> Callable[[int, Any], int]:
    """What is written past Python's sockets."""
    original = os.write

    def write(number: int, data: Any) -> int:
        done = original(number, data)
        if stat.S_ISSOCK(os.fstat(number).st_mode):
            traffic.send(number, bytes(data)[:done])
        return done

    return write


def _counting_receive(name: str, traffic: Traffic) -> Callable[..., Any]:
    original = getattr(socket.socket, name)

    def receive(self: socket.socket, *rest: Any) -> Any:
        done = original(self, *rest)
        traffic.receive(self.fileno())
        return done

    return receive
