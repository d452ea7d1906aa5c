"""Bytes an entity: how much a server grows when a contestant has written many."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import attrs
import redis

from referee.place import Server, running, search_options, server_binary
from referee.team import Contestant, Process

AT_ONCE = 2
"""Contestants that write at the same time, each on a server of its own: nothing is timed here."""

A_NAME = (10, 1)
"""Users that share a name: about ten, as in the other workloads, or none; the latter not for peers,
who take longest."""


@attrs.frozen
class Stored:
    """What a contestant's entities take."""

    contestant: str
    entities: int
    a_name: int
    bytes_each: float


def measure(contestants: Iterable[Contestant]) -> list[Stored]:
    """Of each, with names that are shared and names that are not."""
    # The slow ones first, so that nobody waits for them at the end.
    ordered = sorted(contestants, key=lambda each: each.peer, reverse=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = [
            pool.submit(stored, each, a_name)
            for each in ordered
            if each.stored
            for a_name in (A_NAME[:1] if each.peer else A_NAME)
        ]
        return [job.result() for job in jobs]


def stored(contestant: Contestant, a_name: int) -> Stored:
    """Write with a server and a process of their own, and see what the server uses then."""
    people = contestant.stored or 0
    names = None if a_name == 1 else people // a_name
    options = search_options() if contestant.search else ()
    with running(server_binary(), *options) as server:
        before = used(server)
        process = Process.of(contestant)
        try:
            process.ask("connect", url=server.url, names=names)
            process.ask("load", people=people)
        finally:
            process.close()
        return Stored(contestant.name, people, a_name, (used(server) - before) / people)


def used(server: Server) -> int:
    """The bytes that a server uses for data: later Redis counts what its scripts use as well."""
    with server.client() as client:
        client.script_flush("SYNC")
    time.sleep(0.5)  # it lets go of what the connections before had
    with server.client() as client:
        return int(_memory(client)["used_memory"])


def _memory(client: redis.Redis) -> dict[str, int]:
    return client.info("memory")  # type: ignore[no-any-return]
