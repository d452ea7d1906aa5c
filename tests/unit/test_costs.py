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


def found(words: tuple[Any, ...]) -> list[Any]:
    """What the script answers: as many rows as are wanted."""
    said = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    at = 3 + int(said[2])
    wanted, rows = said[at + 4], max(int(said[at + 5]), 0)
    if wanted == b"count":
        return [b"count", 1, rows, 0, 0, b"", [1], rows, []]
    keys = [b"%d" % number for number in range(rows)]
    whole = [MAPPED.encode_fields(user(number), None) for number in range(rows)]
    records = [[each.get(name) for name in MAPPED.loaded] for each in whole]
    return [wanted, 1, rows, 0, 0, b"", [1], keys, records]


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
        """Of reads, of commits, and of queries: as many rows as are wanted."""
        if batch.verb == "commit":
            return [[b"applied"]]
        if batch.verb == "find":
            return [found(batch.commands[0].words)]
        return [stored(int(command.words[1].rpartition(b":")[2])) for command in batch.commands]


@pytest.fixture
def store() -> Store:
    """On a server that is not there."""
    store = Store(REGISTRY, "redis://nowhere:1")
    store._runner = Answering()
    for number in range(2):  # the schema is known from here on, and what an insert says generated
        with store.unit() as unit:
            unit.add(user(number))
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

    assert 12.3 >= each(prepare)


def test_a_load_without_a_unit(store: Store):
    """Decoded."""
    store.get(User, 1)  # what makes an object of a reply is generated once
    assert 7.4 >= each(lambda count: lambda: store.get_many(User, list(range(count))))


def test_a_comparison(store: Store):
    """Of what has not changed: a commit that sends nothing."""

    def prepare(count: int) -> Callable[[], object]:
        unit = store.unit()
        unit.__enter__()
        unit.get_many(User, list(range(count)))
        return unit.commit

    assert 0.1 >= each(prepare)


def test_a_change(store: Store):
    """Found, planned, sent and settled: one indexed field."""

    def prepare(count: int) -> Callable[[], object]:
        unit = store.unit()
        unit.__enter__()
        for found in unit.get_many(User, list(range(count))):
            found.age = 91
        return unit.commit

    prepare(2)()  # what a change of these fields moves is generated once
    assert 0.1 >= each(prepare)


def test_an_insert(store: Store):
    """Encoded, planned, sent and settled, with its five entries and a claim."""

    def prepare(count: int) -> Callable[[], object]:
        unit = store.unit()
        unit.__enter__()
        unit.add_all([user(number) for number in range(count)])
        return unit.commit

    assert 2.4 >= each(prepare)


def test_an_insert_at_the_end_of_a_block(store: Store):
    """The same without settling: what is tracked of it, and where two of its indexes have it."""

    def prepare(count: int) -> Callable[[], object]:
        users = [user(number) for number in range(count)]

        def work() -> None:
            with store.unit() as unit:
                unit.add_all(users)

        return work

    prepare(2)()  # what puts values in order is generated once
    assert 2.3 >= each(prepare)


def test_a_commit_of_one(store: Store):
    """From `store.unit()` to the end of its block."""

    def work() -> None:
        with store.unit() as unit:
            unit.add(user(1))

    assert 69 >= calls(work)


def two_conditions(store: Store, low: int) -> Any:
    """A query with literals of its own."""
    return store.query(User).where(Users.city == "c", Users.age.between(low, low + 9))


def test_a_query_of_a_known_shape(store: Store):
    """Said, and its answer read: one row, and a number. Planned anew it takes twice that."""

    def newest() -> None:
        two_conditions(store, 2).order_by(Users.created.desc()).limit(1).all()

    for low in range(2):  # from the second on it is said by a function, which is generated then
        newest()
        two_conditions(store, low).count()
    assert 89 >= calls(newest)
    assert 66 >= calls(lambda: two_conditions(store, 2).count())


def test_a_row_of_a_query(store: Store):
    """Decoded: an object of nobody."""

    def prepare(count: int) -> Callable[[], object]:
        return two_conditions(store, 1).order_by(Users.created.desc()).limit(count).all

    for _ in range(2):  # as above
        prepare(1)()
    assert 3.1 >= each(prepare)
