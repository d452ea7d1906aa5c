"""What a unit costs that has read much and changed little: two ratios, printed.

    PYTHONPATH=tests/integration .venv/bin/python benchmarks/unit_costs.py

It starts a server of its own and ends it; some ten seconds. The bounds are those of the project's
plan: a commit of one change in a unit that has loaded 1,000 entities of eight fields takes less
than three times a put in one that has loaded nothing (that of a unit which has loaded only the one
stands beside it); and to compare an unchanged entity of
eight scalar fields takes less than 1.5 us. Times are medians of rounds that take turns, since the
machine has other things to do.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

import attrs

from redmapper import Field, Key, Mapper, MapperRegistry, Ordered, Store, UnitOfWork
from servers import find_servers, running

LOADED = 1_000
ROUNDS = 200
COMPARED = 100_000


@attrs.define
class Row:
    """Eight scalar fields, the key aside."""

    id: int
    name: str
    email: str
    age: int
    score: float
    city: str | None
    active: bool
    joined: datetime
    note: str | None = None


class Rows(Mapper[Row]):
    """With one index, which the change does not touch."""

    id = Key[int]()
    age = Field[int]()
    by_age = Ordered(age)


REGISTRY = MapperRegistry(Rows)


def row(number: int) -> Row:
    """The entity of a number."""
    joined = datetime(2020, 1, 1, tzinfo=UTC)
    name, email = f"name {number}", f"{number}@example.org"
    return Row(number, name, email, number % 90, 0.5, "Rome", active=True, joined=joined)


def commit_time(store: Store, loaded: int, turn: int) -> float:
    """Seconds that a commit of one change takes in a unit that has loaded so many."""
    with store.unit() as uow:
        uow.get_many(Row, range(1, loaded + 1))
        uow.require(Row, 1).note = f"note {loaded} {turn}"
        begin = time.perf_counter()
        uow.commit()
        return time.perf_counter() - begin


def commit_of_unloaded(store: Store, turn: int) -> float:
    """The same for an object that was made by hand and is put over what stands there."""
    with store.unit() as uow:
        uow.put(attrs.evolve(row(1), note=f"put {turn}"))
        begin = time.perf_counter()
        uow.commit()
        return time.perf_counter() - begin


def compare_time(unit: UnitOfWork) -> float:
    """Seconds to compare an unchanged entity once."""
    tracked = next(iter(unit._map))  # noqa: SLF001 - the comparison alone
    compare, obj, snapshot = tracked.mapped.compare, tracked.obj, tracked.snapshot
    begin = time.perf_counter()
    for _ in range(COMPARED):
        compare(obj, snapshot, b"1")
    return (time.perf_counter() - begin) / COMPARED


def medians(*measured: Callable[[int], float]) -> list[float]:
    """The median of each, in turns."""
    times: list[list[float]] = [[] for _ in measured]
    for turn in range(ROUNDS):
        for each, found in zip(measured, times, strict=True):
            found.append(each(turn))
    return [statistics.median(found) for found in times]


def report(store: Store, where: str) -> None:
    """Measure a commit in a large unit beside those in small ones."""
    with store.unit() as uow:
        uow.add_all(map(row, range(1, LOADED + 1)))
    large, small, put = medians(
        lambda turn: commit_time(store, LOADED, turn),
        lambda turn: commit_time(store, 1, turn),
        lambda turn: commit_of_unloaded(store, turn),
    )
    print(f"{where}: a commit of one change, of {LOADED} loaded {large * 1e6:.0f} us")
    print(f"    beside one loaded {small * 1e6:.0f} us: ratio {large / small:.2f} (bound 3)")
    print(f"    beside none loaded, a put, {put * 1e6:.0f} us: ratio {large / put:.2f} (bound 3)")


def main() -> None:
    """Print all figures."""
    with Store(REGISTRY) as store:
        store.transact(lambda uow: uow.add(row(1)))
        with store.unit() as uow:
            uow.require(Row, 1)
            each = min(compare_time(uow) for _ in range(5))
    print(f"to compare an unchanged entity of eight scalars: {each * 1e6:.2f} us (bound 1.5)")
    name, binary = next(iter(find_servers().items()))
    with running(binary) as server, Store(REGISTRY, server.url) as store:
        report(store, name)


if __name__ == "__main__":
    main()
