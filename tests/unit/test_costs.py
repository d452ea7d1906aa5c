"""What an entity costs in calls of Python functions: a regression fails here without a clock.

Each figure is the difference of two runs, of 200 and of 100 entities, over 100: what each further
entity costs. The bounds are what it takes today; raise one only for something worth its price.
"""

import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import attrs
import pytest

from redmapper import Field, Key, Lookup, Mapper, MapperRegistry, Ordered, Store, Unique
from redmapper.faces.exchange import packed
from redmapper.wire import Batch, Flow


@attrs.define
class User:
    """Eight scalar fields, as in the benchmarks."""

    name: str
    email: str
    age: int
    city: str
    created: datetime
    score: float
    note: str
    id: int


class Users(Mapper[User]):
    """Five indexes."""

    id = Key[int]()
    name = Field[str]()
    email = Field[str]()
    age = Field[int]()
    city = Field[str]()
    created = Field[datetime]()
    by_email = Unique(email)
    by_name = Lookup(name)
    by_city = Lookup(city)
    by_age = Ordered(age)
    by_created = Ordered(created)


REGISTRY = MapperRegistry(Users)
MAPPED = REGISTRY.mapped(User)
SOME, MORE = 100, 200


def user(number: int) -> User:
    """One of many."""
    created = datetime(2026, 1, 1 + number % 28)
    return User(f"n{number}", f"e{number}", number % 90, "c", created, 0.5, "x" * 118, number)


def stored(number: int) -> list[bytes]:
    """What HGETALL says of it."""
    record = MAPPED.encode_fields(user(number), None) | {b"@": b"v"}
    return [word for pair in record.items() for word in pair]


class Answering:
    """Runs flows with the replies that a server would give, and packs what is sent."""

    def run(self, flow: Flow[Any]) -> Any:
        """The flow's result."""
        try:
            batch = next(flow)
            while True:
                list(packed(batch, in_full=False))
                batch = flow.send(self.replies(batch))
        except StopIteration as end:
            return end.value

    @staticmethod
    def replies(batch: Batch) -> list[Any]:
        """Of reads and of commits."""
        if batch.verb == "commit":
            return [[b"applied"]]
        return [stored(int(command.words[1].rpartition(b":")[2])) for command in batch.commands]


@pytest.fixture
def store() -> Store:
    """On a server that is not there."""
    store = Store(REGISTRY, "redis://nowhere:1")
    store._runner = Answering()
    with store.unit() as unit:  # the schema is known from here on
        unit.add(user(0))
    return store


def calls(work: Callable[[], object]) -> int:
    """How many functions of ours are called, generators that go on among them."""
    count = 0

    def note(frame: Any, event: str, _: object) -> None:
        nonlocal count
        if event == "call" and frame.f_globals.get("__name__", "") != __name__:
            count += 1

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def each(prepare: Callable[[int], Callable[[], object]]) -> float:
    """What each further entity costs: `prepare` gives the work for so many."""
    return (calls(prepare(MORE)) - calls(prepare(SOME))) / (MORE - SOME)


def test_a_load(store: Store):
    """Decoded, tracked, and kept for comparison."""

    def prepare(count: int) -> Callable[[], object]:
        unit = store.unit()
        unit.__enter__()
        return lambda: unit.get_many(User, list(range(count)))

    assert 14 >= each(prepare)


def test_a_load_without_a_unit(store: Store):
    """Decoded."""
    assert 11 >= each(lambda count: lambda: store.get_many(User, list(range(count))))


def test_a_comparison(store: Store):
    """Of what has not changed: a commit that sends nothing."""

    def prepare(count: int) -> Callable[[], object]:
        unit = store.unit()
        unit.__enter__()
        unit.get_many(User, list(range(count)))
        return unit.commit

    assert 1 >= each(prepare)


def test_a_change(store: Store):
    """Found, planned, sent and settled: one indexed field."""

    def prepare(count: int) -> Callable[[], object]:
        unit = store.unit()
        unit.__enter__()
        for found in unit.get_many(User, list(range(count))):
            found.age = 91
        return unit.commit

    assert 24 >= each(prepare)


def test_an_insert(store: Store):
    """Encoded, planned, sent and settled, with its five entries and a claim."""

    def prepare(count: int) -> Callable[[], object]:
        unit = store.unit()
        unit.__enter__()
        unit.add_all([user(number) for number in range(count)])
        return unit.commit

    assert 37 >= each(prepare)


def test_a_commit_of_one(store: Store):
    """From `store.unit()` to the end of its block."""

    def work() -> None:
        with store.unit() as unit:
            unit.add(user(1))

    assert 115 >= calls(work)
