"""What a commit costs the client and the server: one entity by either script, many by one.

Prints the table of docs/decisions/commit-scripts.md. The client's time is to compile and to pack a
plan, best of many; the server's is its own count (`INFO commandstats`) of calls sent one after
another in one pipeline, so that nobody waits.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hiredis

from bench import REGISTRY, all_servers, table, user
from redmapper.strategies.lua.calls import CommitCall
from redmapper.strategies.lua.commit import compile_plan
from redmapper.strategies.lua.commit_one import compile_one
from redmapper.strategies.lua.entries import Places
from redmapper.strategies.lua.keys import Keyspace
from redmapper.strategies.lua.receipts import Lane
from redmapper.strategies.lua.scripts import COMMIT, COMMIT_ONE
from redmapper.work.plan import ABSENT, AtVersion, EntityWrite, make_plan
from servers import Server

MAPPED = next(iter(REGISTRY))
PLACES = Places(Keyspace(b"{shop}"))
CALLS = 1_000

Compile = Callable[[Sequence[EntityWrite], Lane], "CommitCall | None"]


def by_one(writes: Sequence[EntityWrite], lane: Lane) -> CommitCall | None:
    """The call of `commit_one.lua`."""
    return compile_one(writes[0], None, PLACES, lane)


def by_many(writes: Sequence[EntityWrite], lane: Lane) -> CommitCall | None:
    """The call of `commit.lua`."""
    return compile_plan(make_plan(tuple(writes))[0], PLACES, lane, frozenset())


def record(number: int, version: bytes) -> dict[bytes, bytes]:
    """A stored user."""
    return {**MAPPED.encode(user(number, a_name=10), b"%d" % number), b"@": version}


def insert(number: int) -> EntityWrite:
    """A new user."""
    return EntityWrite.of(MAPPED, b"%d" % number, ABSENT, None, record(number, b"v1234567"))


def change(number: int) -> EntityWrite:
    """Another age."""
    base = record(number, b"v1234567")
    after = {**base, b"age": b"91", b"@": b"w1234567"}
    return EntityWrite.of(MAPPED, b"%d" % number, AtVersion(base[b"@"]), base, after)


def packed(compile_: Compile, writes: Sequence[EntityWrite], number: int) -> bytes:
    """What is sent."""
    called: Any = compile_(writes, Lane("a", b"{shop}#lane/a", number, f"a.{number}.0.token"))
    return hiredis.pack_command(called.command.words)


def client_us(compile_: Compile, writes: Sequence[EntityWrite]) -> float:
    """Microseconds an entity, of the best of many."""
    best = float("inf")
    for _ in range(200 if len(writes) == 1 else 10):
        begin = time.perf_counter()
        packed(compile_, writes, 1)
        best = min(best, time.perf_counter() - begin)
    return best * 1e6 / len(writes)


def server_us(server: Server, sent: list[bytes], entities: int) -> float:
    """Microseconds an entity, as the server counts them."""
    with server.client(protocol=2) as client:
        client.config_resetstat()
        link = client.connection_pool.get_connection()
        for start in range(0, len(sent), 100):
            link.send_packed_command(sent[start : start + 100])
            for _ in sent[start : start + 100]:
                answer = link.read_response()
                if answer[0] != b"applied":
                    raise RuntimeError(answer)
        client.connection_pool.release(link)
        return float(client.info("commandstats")["cmdstat_evalsha"]["usec"]) / entities


def describe(server: Server) -> None:
    """Tell the partition of the mapper, as its first commit does, and the server of the scripts."""
    with server.client() as client:
        client.flushall()
        client.hset("{shop}#schema", MAPPED.name, MAPPED.fingerprint)
        for script in (COMMIT, COMMIT_ONE):
            client.script_load(script.text)


def rows_of(server: Server) -> list[list[object]]:
    """A line for each way and kind of write."""
    found = []
    for name, compile_, size in (
        ("one by commit_one.lua", by_one, 1),
        ("one by commit.lua", by_many, 1),
        ("1,000 by commit.lua", by_many, 1_000),
    ):
        describe(server)
        numbers = [range(at, at + size) for at in range(1, CALLS * 5 + 1, size)][: 5_000 // size]
        row: list[object] = [name]
        for number, make in ((1, insert), (10_000, change)):
            writes = [[make(each) for each in part] for part in numbers]
            sent = [packed(compile_, some, number + at) for at, some in enumerate(writes)]
            row.append(f"{client_us(compile_, writes[0]):.1f}")
            row.append(f"{server_us(server, sent, size * len(numbers)):.1f}")
        found.append(row)
    return found


def main() -> None:
    """Print a table for each server found."""
    heads = ("commit of", "insert: client us", "server us", "change: client us", "server us")
    for name, binary in all_servers().items():
        with tempfile.TemporaryDirectory() as folder:
            options = ("--save", "", "--appendonly", "no")
            server = Server(binary, Path(folder), options=options).start()
            try:
                table(name, heads, rows_of(server))
            finally:
                server.stop()


if __name__ == "__main__":
    main()
