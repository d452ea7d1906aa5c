"""The workloads: what each prepares, and the step that is timed.

A workload is timed as `for args in items: step(*args)`. What comes before that is not timed: the
values to be written, the keys to be asked for, the entities that are loaded to be changed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice, repeat
from typing import Any

from worker.people import AGES, CITIES, Person, people

BATCH = 1_000
"""Entities a commit in W2 and W11, and keys a call in W4."""

HELD = 100
"""Loaded entities that W8 changes in turn; no multiple of half the ages, so that each changes."""

CITY_AGES = (30, 50)
"""The ages that W6 and W10 ask for."""

NEWEST = 20
KEYS = 1_000
"""Keys, or emails, that reads ask for in turn."""

TASKS = 100
"""Tasks at once on the async face."""


class Bench:
    """A contestant, the people it has loaded, and further ones for it to write.

    Attributes:
        names: how many different names there are; None: one a user.
        batch: entities a commit in W2 and W11; fewer for those who write one by one anyhow.
        loop: where tasks run.
    """

    def __init__(self, contestant: Any, *, names: int | None = None, batch: int = BATCH) -> None:
        self.contestant = contestant
        self.names = names
        self.batch = batch
        self.loop = asyncio.Runner()
        self.loaded: list[Person] = []
        self._last = 0
        self._chance = random.Random(7)
        self._halves = cycle(halves_of(range(AGES[0], AGES[1] + 1)))

    def twin(self, contestant: Any) -> Bench:
        """Another contestant with the same people loaded and the same ones to come."""
        twin = Bench(contestant, names=self.names, batch=self.batch)
        twin.load(len(self.loaded))
        twin._last = self._last
        return twin

    def load(self, count: int) -> None:
        """Write so many people, a thousand a commit."""
        for batch in batches(self.fresh(count)):
            self.contestant.insert_many(batch)
            self.loaded += batch

    def fresh(self, count: int) -> list[Person]:
        """People that nobody has written yet."""
        first = self._last + 1
        self._last += count
        return people(first, count, names=self.names)

    def other_ages(self) -> range:
        """Ages to change to: none of those that were given out the last time."""
        return next(self._halves)

    def some(self, count: int) -> list[Person]:
        """Loaded people, by chance: the same ones for every contestant."""
        return self._chance.sample(self.loaded, min(count, len(self.loaded)))


def halves_of(ages: range) -> tuple[range, range]:
    """The younger and the older half."""
    return ages[: len(ages) // 2], ages[len(ages) // 2 :]


def batches(everybody: list[Person], size: int = BATCH) -> Iterator[list[Person]]:
    """So many at a time."""
    for start in range(0, len(everybody), size):
        yield everybody[start : start + size]


# --- what is timed -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Task:
    """A step, and the arguments for one after the other.

    Attributes:
        entities: how many of them a step writes or reads.
        tasks: how many run at once, where the step is a coroutine.
    """

    step: Callable[..., Any]
    items: Iterable[tuple[Any, ...]]
    entities: int = 1
    tasks: int = 0


def insert_one(bench: Bench, steps: int) -> Task:
    """New users, each in a commit of its own."""
    return Task(bench.contestant.insert, ((each,) for each in bench.fresh(steps)))


def insert_batches(bench: Bench, steps: int) -> Task:
    """New users, a thousand a commit."""
    fresh = [*batches(bench.fresh(steps * bench.batch), bench.batch)]
    return Task(bench.contestant.insert_many, ((each,) for each in fresh), bench.batch)


def get_one(verb: str) -> Callable[[Bench, int], Task]:
    """Users by key."""

    def prepare(bench: Bench, _: int) -> Task:
        keys = [(each.id,) for each in bench.some(KEYS)]
        return Task(getattr(bench.contestant, verb), cycle(keys))

    return prepare


def get_batch(verb: str) -> Callable[[Bench, int], Task]:
    """A thousand users by key in one call."""

    def prepare(bench: Bench, _: int) -> Task:
        keys = [([each.id for each in bench.some(BATCH)],) for _ in range(10)]
        return Task(getattr(bench.contestant, verb), cycle(keys), BATCH)

    return prepare


def get_by_email(bench: Bench, _: int) -> Task:
    """Users by their unique email."""
    emails = [(each.email,) for each in bench.some(KEYS)]
    return Task(bench.contestant.by_email, cycle(emails))


def all_of_a_city(bench: Bench, _: int) -> Task:
    """All users of a city."""
    return Task(bench.contestant.in_city, cycle([(city,) for city in cities()]))


def newest_of_a_city(bench: Bench, _: int) -> Task:
    """Users of a city with an age between, the newest of them."""
    return Task(bench.contestant.newest, cycle([(city, *CITY_AGES, NEWEST) for city in cities()]))


def count_in_a_city(bench: Bench, _: int) -> Task:
    """How many users of a city have an age between."""
    return Task(bench.contestant.count, cycle([(city, *CITY_AGES) for city in cities()]))


def tasks_newest(bench: Bench, _: int) -> Task:
    """As `newest_of_a_city`, by many tasks."""
    asked = [(city, *CITY_AGES, NEWEST) for city in cities()]
    return Task(bench.contestant.newest_async, cycle(asked), tasks=TASKS)


def cities() -> list[str]:
    """All cities."""
    return [f"city{number}" for number in range(CITIES)]


def change_age(bench: Bench, _: int) -> Task:
    """An indexed field of loaded users, one after the other."""
    held = bench.contestant.hold([each.id for each in bench.loaded[:HELD]])
    return Task(bench.contestant.set_age, zip(cycle(held), cycle(bench.other_ages()), strict=False))


def change_score(bench: Bench, _: int) -> Task:
    """A field without an index."""
    held = bench.contestant.hold([each.id for each in bench.loaded[:HELD]])
    scores = cycle([age + 0.5 for age in bench.other_ages()])
    return Task(bench.contestant.set_score, zip(cycle(held), scores, strict=False))


def change_batch(bench: Bench, _: int) -> Task:
    """A thousand loaded users, all changed, in one commit."""
    held = bench.contestant.hold_together([each.id for each in bench.loaded[: bench.batch]])
    years = bench.other_ages()
    turns = [islice(cycle(years), turn, turn + bench.batch) for turn in range(5)]
    return Task(bench.contestant.set_ages, zip(repeat(held), cycle(map(list, turns))), bench.batch)


def delete_one(bench: Bench, steps: int) -> Task:
    """Loaded users, one a commit; they are written just before, so that those loaded stay."""
    fresh = bench.fresh(steps)
    for batch in batches(fresh):
        bench.contestant.insert_many(batch)
    held = bench.contestant.hold([each.id for each in fresh])
    return Task(bench.contestant.delete, ((each,) for each in held))


def tasks_insert(bench: Bench, steps: int) -> Task:
    """As `insert_one`, by many tasks."""
    fresh = bench.fresh(steps)
    return Task(bench.contestant.insert_async, ((each,) for each in fresh), tasks=TASKS)


def tasks_get(bench: Bench, _: int) -> Task:
    """As `get_one`, by many tasks."""
    keys = [(each.id,) for each in bench.some(KEYS)]
    return Task(bench.contestant.get_async, cycle(keys), tasks=TASKS)


# --- the table ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Workload:
    """A row of the table.

    Attributes:
        title: what is done, in words.
        verb: the method that a contestant must have.
        prepare: makes the task of so many steps; those that only read may go on without end.
        target: what redmapper with Lua, or its async face, is to reach, as a ratio to hand-written.
        per: what times are given for: so many entities.
        empty: begins with nothing stored.
        composite: the same as another, for mappers that have an index over just these fields.
    """

    title: str
    verb: str
    prepare: Callable[[Bench, int], Task]
    target: float | None = None
    per: int = 1
    empty: bool = False
    composite: bool = False


WORKLOADS = {
    "W3": Workload("get one by key", "get", get_one("get"), 0.95),
    "W3u": Workload("the same, in a unit", "get_in_unit", get_one("get_in_unit")),
    "W4": Workload("get 1,000 by key in one call", "get_many", get_batch("get_many"), 1.6, BATCH),
    "W4u": Workload(
        "the same, in a unit", "get_many_in_unit", get_batch("get_many_in_unit"), per=BATCH
    ),
    "W5": Workload("all 100 of a city", "in_city", all_of_a_city, 1.5),
    "W6": Workload("age between and city ==, newest 20", "newest", newest_of_a_city, 1.7),
    "W6c": Workload(
        "the same, with an index by city and time", "newest", newest_of_a_city, 2.5, composite=True
    ),
    "W7": Workload("get by unique email", "by_email", get_by_email, 1.4),
    "W8i": Workload("change an indexed field of a loaded one", "set_age", change_age, 1.0),
    "W8n": Workload("change a field without an index", "set_score", change_score, 0.95),
    "W10": Workload("count of a two-condition filter", "count", count_in_a_city, 1.3),
    "W10c": Workload(
        "the same, with an index by city and age", "count", count_in_a_city, 1.3, composite=True
    ),
    "W11": Workload("commit 1,000 loaded and changed", "set_ages", change_batch, 2.0, BATCH),
    "A3": Workload("get one by key, 100 tasks", "get_async", tasks_get, 1.5),
    "A6": Workload("as W6, 100 tasks", "newest_async", tasks_newest, 1.5),
    "W9": Workload("delete a loaded one", "delete", delete_one, 1.3),
    "W1": Workload("insert one, one commit", "insert", insert_one, 1.0),
    "A1": Workload("insert one, 100 tasks", "insert_async", tasks_insert, 1.5),
    "W2": Workload(
        "insert many, 1,000 a commit", "insert_many", insert_batches, 2.0, BATCH, empty=True
    ),
}
"""In the order they run: those that only read first, so that all meet the same 10,000."""
