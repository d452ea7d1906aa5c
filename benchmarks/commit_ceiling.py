"""How fast a commit could be if the client's mapping took no time at all.

    PYTHONPATH=tests/integration:benchmarks .venv/bin/python benchmarks/commit_ceiling.py

Every write workload is done by the hand-written client and by redmapper. What redmapper sent for it
is then sent again, byte for byte, to a server in the state that it was in before: packed
beforehand, over a bare connection, each reply read before the next is sent. No client that uses
these scripts is faster than that. Prints the ratios of docs/decisions/what-a-commit-costs.md:
medians of rounds that take turns.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import redis

from bench import all_servers, table
from contestants import handwritten, redmapper_lua
from redmapper.faces.exchange import packed
from redmapper.faces.sync import runner
from redmapper.wire import Batch
from servers import Server, running
from worker.people import people

ROUNDS = 7
ONE = 300
MANY = 1_000
BATCHES = 3


class Recorder:
    """Packs batches for the runner, and keeps what it packed for commits."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def __call__(self, batch: Batch, *, in_full: bool) -> Iterable[bytes]:
        """The bytes of a batch."""
        parts = list(packed(batch, in_full=in_full))
        if batch.verb == "commit":
            self.sent.append(b"".join(parts))
        return parts


def one_by_one(contestant: Any) -> dict[str, Callable[[], object]]:
    """The workloads that write one entity a commit, in an order that fits."""
    users = people(1, ONE)
    held: list[Any] = []

    def change_age() -> None:
        for each, user in zip(held, users, strict=True):
            contestant.set_age(each, 18 + (user.age + 1) % 70)

    def change_score() -> None:
        for each, user in zip(held, users, strict=True):
            contestant.set_score(each, user.score + 1)

    return {
        "W1 insert one": lambda: [contestant.insert(user) for user in users],
        "": lambda: held.extend(contestant.hold([user.id for user in users])),
        "W8i change an indexed field": change_age,
        "W8n change a field without an index": change_score,
        "W9 delete one": lambda: [contestant.delete(each) for each in held],
    }


def many_at_once(contestant: Any) -> dict[str, Callable[[], object]]:
    """The workloads that write a thousand."""
    users = people(1, MANY * BATCHES)
    parts = [users[start : start + MANY] for start in range(0, len(users), MANY)]
    held: list[Any] = []

    def change() -> None:
        for each, part in zip(held, parts, strict=True):
            contestant.set_ages(each, [18 + (user.age + 1) % 70 for user in part])

    def hold() -> None:
        held.extend(contestant.hold_together([user.id for user in part]) for part in parts)

    return {
        "W2 insert 1,000": lambda: [contestant.insert_many(part) for part in parts],
        "": hold,
        "W11 change 1,000": change,
    }


def timed(work: Callable[[], object]) -> float:
    """Seconds that it took."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def play(client: redis.Redis, sent: list[bytes]) -> None:
    """Send again what was sent, and read each reply."""
    link = client.connection_pool.get_connection()
    for each in sent:
        link.send_packed_command([each])
        answer = link.read_response()
        if answer[0] != b"applied":
            raise RuntimeError(answer)
    client.connection_pool.release(link)


def rounds_of(
    server: Server, workloads: Callable[[Any], dict[str, Callable[[], object]]], begin: list[bytes]
) -> dict[str, list[tuple[float, float, float]]]:
    """Seconds of each workload: by hand, by redmapper, and sent again."""
    recorder = Recorder()
    runner.packed = recorder  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    found: dict[str, list[tuple[float, float, float]]] = {}
    with server.client(protocol=2) as client:
        mine = redmapper_lua.connect(server.url)
        for _ in range(ROUNDS):
            client.flushall()
            theirs = workloads(handwritten.connect(server.url))
            by_hand = {name: timed(work) for name, work in theirs.items()}
            client.flushall()
            play(client, begin)
            by_me, sent = {}, {}
            for name, work in workloads(mine).items():
                recorder.sent.clear()
                by_me[name] = timed(work)
                sent[name] = list(recorder.sent)
            mine.release()
            client.flushall()
            play(client, begin)
            for name, bytes_ in sent.items():
                again = timed(lambda bytes_=bytes_: play(client, bytes_))
                if name:
                    found.setdefault(name, []).append((by_hand[name], by_me[name], again))
    return found


def first_commit(server: Server) -> list[bytes]:
    """What tells an empty server of the mapper, as it was sent."""
    recorder = Recorder()
    runner.packed = recorder  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    with server.client() as client:
        client.flushall()
        client.script_flush()
    contestant = redmapper_lua.connect(server.url)
    contestant.insert_many(people(10**6, 2))
    contestant.insert(people(10**7, 1)[0])
    contestant.store.close()
    return recorder.sent[1:2]  # the first sending was of a script that the server did not know


def row_of(workload: str, times: list[tuple[float, float, float]], count: int) -> list[object]:
    """A line of the table: the ratios, and microseconds an entity."""
    by_hand, own, bare = (statistics.median(each) for each in zip(*times, strict=True))
    seconds = [f"{each / count * 1e6:.1f}" for each in (by_hand, own, bare)]
    return [workload, f"{by_hand / own:.2f}", f"{by_hand / bare:.2f}", *seconds]


def main() -> None:
    """Print a table for each server found."""
    heads = ("workload", "redmapper", "ceiling", "by hand, us", "redmapper, us", "ceiling, us")
    for name, binary in all_servers().items():
        with running(Path(binary), "--save", "", "--appendonly", "no") as server:
            begin = first_commit(server)
            rows = [
                row_of(workload, times, count)
                for workloads, count in ((one_by_one, ONE), (many_at_once, MANY * BATCHES))
                for workload, times in rounds_of(server, workloads, begin).items()
            ]
        table(name, heads, rows)


if __name__ == "__main__":
    main()
