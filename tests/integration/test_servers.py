"""The servers that the other tests stand on."""

import os
import time

import pytest
import redis

from servers import Server, ServerFailed, _free_port, running


def test_a_server_answers_on_its_port_and_its_socket(server: Server):
    """Both addresses lead to the same process."""
    with server.client() as on_port, redis.Redis.from_url(server.unix_url) as on_socket:
        processes = {client.info("server")["process_id"] for client in (on_port, on_socket)}
    assert {server.process_id} == processes


def test_a_server_writes_nothing_by_itself(server: Server):
    """Neither snapshots nor an append-only file."""
    with server.client() as client:
        assert {"save": "", "appendonly": "no"} == client.config_get("save", "appendonly")


def test_a_restart_keeps_the_port_and_the_data_and_forgets_scripts(own_server: Server):
    """What a client sees of a restart."""
    before = own_server.url
    with own_server.client() as client:
        client.set("key", "value")
        script = client.script_load("return 1")

        own_server.restart()

        assert before == own_server.url
        assert b"value" == client.get("key")
        assert [False] == client.script_exists(script)


def test_a_restart_can_lose_the_data(own_server: Server):
    """As a server without persistence does."""
    with own_server.client() as client:
        client.set("key", "value")
        own_server.restart(keep_data=False)
        assert client.get("key") is None


def test_a_killed_server_starts_again_empty(own_server: Server):
    """`kill` is a crash: nothing is saved."""
    with own_server.client() as client:
        client.set("key", "value")
        own_server.kill()
        own_server.start()
        assert client.get("key") is None


def test_stopping_ends_that_process_alone(server: Server):
    """The shared server outlives another of its kind, and the folder goes with the process."""
    with running(server.binary) as other:
        process_id, folder = other.process_id, other.folder
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)
    with server.client() as client:
        assert client.ping()


def test_a_server_that_can_not_start_says_why(server: Server):
    """The message ends with the server's own words, and comes at once."""
    began = time.monotonic()
    with (
        pytest.raises(ServerFailed, match="no-such-option"),
        running(server.binary, "--no-such-option", "1"),
    ):
        pass
    assert time.monotonic() - began < 5


def test_a_port_taken_meanwhile_is_not_mistaken_for_ours(server: Server, monkeypatch):
    """A server that lost the race for its port takes another."""
    ports = iter([server.port, _free_port()])
    monkeypatch.setattr("servers._free_port", lambda: next(ports))
    with running(server.binary) as other:
        assert other.port != server.port
        with other.client() as client:
            assert other.process_id == client.info("server")["process_id"]


def test_tls(tls_server: Server):
    """The certificate is checked, and the link is encrypted."""
    assert tls_server.url.startswith("rediss://")
    with tls_server.client() as client:
        assert client.ping()
