"""The guard of `conftest.py` against sockets in unit tests."""

import asyncio
import socket

import pytest


def test_a_connection_is_refused():
    """Connecting fails the test before a packet leaves."""
    with socket.socket() as link, pytest.raises(pytest.fail.Exception, match="tests/integration"):
        link.connect(("127.0.0.1", 1))


def test_a_connection_of_asyncio_is_refused():
    """The event loop's own sockets are caught as well."""
    with pytest.raises(pytest.fail.Exception, match="tests/integration"):
        asyncio.run(asyncio.open_connection("127.0.0.1", 1))


def test_an_event_loop_still_runs():
    """What asyncio needs for itself is left alone."""
    assert "done" == asyncio.run(asyncio.sleep(0, "done"))
