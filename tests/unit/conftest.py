"""Unit tests open no socket; one that tries fails."""

import socket
from typing import NoReturn

import pytest


@pytest.fixture(autouse=True)
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to connect, under sync and asyncio code alike: both end in these two methods."""

    def refuse(_socket: socket.socket, address: object) -> NoReturn:
        pytest.fail(f"a unit test connects to {address!r}; it belongs into tests/integration")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
