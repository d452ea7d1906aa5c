"""Streams and bulk: any number of entities, a page or a chunk at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from redmapper.errors import (
    AlreadyExists,
    IdentityConflict,
    NoIndex,
    NotMapped,
    QueryError,
    Taken,
    UnitError,
    UnknownField,
    UnsupportedQuery,
    ValueRefused,
)
from redmapper.mapping.fields import Field
from redmapper.mapping.registry import MapperRegistry
from redmapper.testing.conformance.entities import (
    REGISTRY,
    UNTYPED,
    Team,
    Teams,
    Traffic,
    User,
    Users,
    save,
)
from redmapper.testing.conformance.faces import OpenStore, raw
from redmapper.work.events import Committed

COUNT = 25


def people() -> list[User]:
    """Some of each age, and one without."""
    ages = [None, *(number // 3 for number in range(COUNT - 1))]
    cities = ("Rome", "Oslo")
    return [
        User(f"n{age}", f"{at}@x", age, cities[at % 2], tags=["all", f"t{at % 4}"])
        for at, age in enumerate(ages)
    ]


class Stranger:
    """Nobody has mapped it."""


QUERIES: dict[str, tuple[tuple[Any, ...], Callable[[User], bool]]] = {
    "everything": ((Users,), lambda _: True),
    "of a class": ((User,), lambda _: True),
    "a range": ((Users.age >= 3,), lambda user: (user.age or 0) >= 3),
    "a range, and judged": (
        (Users.age >= 3, Users.city == "Rome"),
        lambda user: (user.age or 0) >= 3 and user.city == "Rome",
    ),
    "members": ((Users.tags.has("t1"),), lambda user: "t1" in user.tags),
    "keys": ((Users.id.in_([1, 3, 99]),), lambda user: user.id in (1, 3)),
    "behind a mapper": ((Users, Users.age == 2), lambda user: user.age == 2),
    "either": (
        ((Users.age == 2) | Users.tags.has("t1"),),
        lambda user: user.age == 2 or "t1" in user.tags,
    ),
    "none": ((Users.age > 1000,), lambda _: False),
}

WRONG_STREAMS: dict[str, tuple[tuple[Any, ...], int, type[Exception], str]] = {
    "nothing": ((), 500, QueryError, "takes conditions, a mapper or a query"),
    "no class": ((7,), 500, NotMapped, "7 is not a class"),
    "unmapped": ((Stranger,), 500, NotMapped, "Stranger has no mapper"),
    "a truth": ((Users, True), 500, QueryError, "stream.. takes conditions"),
    "batch 0": ((Users,), 0, UnsupportedQuery, "batch=0"),
    "batch True": ((Users,), True, UnsupportedQuery, "batch=True"),
    "no index": ((Users.city == "Rome",), 500, NoIndex, "Ordered.city"),
    "two mappers": ((Users.age == 1, Teams.name == "a"), 500, UnknownField, "Teams.name"),
    "no mapper": ((Field[int]() == 1,), 500, QueryError, "none of this registry"),
}


class TestStream:
    """`store.stream(...)`."""

    @pytest.mark.parametrize("batch", [1, 3, COUNT - 1, COUNT, COUNT + 1, 500])
    @pytest.mark.parametrize("asked", QUERIES)
    def test_every_row_comes_once(self, open_store: OpenStore, asked: str, batch: int) -> None:
        """Whatever serves the conditions, and however large a page is."""
        store = open_store(REGISTRY)
        everyone = people()
        save(store, *everyone)
        of, meets = QUERIES[asked]
        found = sorted(store.stream(*of, batch=batch), key=lambda user: user.id)
        assert [user for user in everyone if meets(user)] == found

    def test_a_query_keeps_its_order(self, open_store: OpenStore) -> None:
        """And its conditions; `allow_scan` holds."""
        store = open_store(REGISTRY)
        save(store, *people())
        query = store.query(Users).where(Users.city == "Rome").allow_scan()
        query = query.order_by(Users.age.desc())
        with store.unit() as uow:
            for each in (raw(query), raw(uow.query(raw(query)))):
                assert query.all() == list(store.stream(each, batch=4))

    def test_rows_are_read_as_they_are_wanted(self, open_store: OpenStore) -> None:
        """A page at a time, and nothing before the first is asked for."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, *people())
        traffic.begin()
        rows = store.stream(Users.age >= 0, batch=10)
        traffic.expect(0)
        next(rows)
        traffic.expect(1)
        assert COUNT - 2 == len(list(rows))
        traffic.expect(3)

    def test_rows_are_objects_of_nobody(self, open_store: OpenStore) -> None:
        """A unit does not know them."""
        store = open_store(REGISTRY)
        save(store, User("a"))
        with store.unit() as uow:
            (found,) = store.stream(Users)
            assert uow.state(found) == "untracked"

    def test_rows_may_be_deleted_on_the_way(self, open_store: OpenStore) -> None:
        """The rest still comes."""
        store = open_store(REGISTRY)
        save(store, *people())
        came = 0
        for user in store.stream(Users.age >= 0, batch=2):
            store.bulk(Users).delete([user])
            came += 1
        assert (COUNT - 1, 1) == (came, store.query(Users).count())

    @pytest.mark.parametrize("wrong", WRONG_STREAMS)
    def test_wrong_uses_are_named_at_once(self, open_store: OpenStore, wrong: str) -> None:
        """Before a row is asked for."""
        of, batch, error, said = WRONG_STREAMS[wrong]
        untyped: Any = open_store(REGISTRY)
        with pytest.raises(error, match=said):
            untyped.stream(*of, batch=batch)

    def test_a_query_is_judged_at_once_too(self, open_store: OpenStore) -> None:
        """Though it brings an order of its own."""
        store = open_store(REGISTRY)
        query = store.query(Users).where(Users.city == "Rome").order_by(Users.age)
        with pytest.raises(NoIndex):
            store.stream(raw(query))

    @pytest.mark.parametrize("batch", [1, 3, 500])
    def test_rows_that_are_changed_on_the_way_by_key(
        self, open_store: OpenStore, batch: int
    ) -> None:
        """In the order of the keys each comes once, whatever becomes of its fields."""
        store = open_store(REGISTRY)
        everyone = people()
        save(store, *everyone)
        query = store.query(Users).where(Users.age >= 0).order_by(Users.id)
        came = []
        for user in store.stream(raw(query), batch=batch):
            came.append(user.id)
            user.age = 100 + (user.age or 0)
            store.bulk(Users).put([user])
        assert [user.id for user in everyone[1:]] == came

    def test_a_stream_has_no_limit(self, open_store: OpenStore) -> None:
        """It goes through all rows."""
        store = open_store(REGISTRY)
        with pytest.raises(UnsupportedQuery, match="go through all rows"):
            store.stream(raw(store.query(Users).limit(3)))


async def told_later(_: int) -> None:
    """What nobody awaits."""


WRONG_BULK: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "chunk 0": (lambda bulk: bulk.insert([], chunk=0), ValueError, "chunk=0"),
    "chunk True": (lambda bulk: bulk.put([], chunk=True), ValueError, "chunk=True"),
    "progress": (lambda bulk: bulk.delete([], progress=7), UnitError, "progress=7"),
    "async progress": (lambda bulk: bulk.put([], progress=told_later), UnitError, "a plain func"),
    "one": (lambda bulk: bulk.insert(User("a")), UnitError, "takes several"),
    "text": (lambda bulk: bulk.delete("12"), UnitError, "takes several"),
    "a number": (lambda bulk: bulk.delete(7), UnitError, "takes several"),
    "another class": (lambda bulk: bulk.insert([Team("t", "T")]), UnitError, "this is a Team"),
    "another, deleted": (lambda bulk: bulk.delete([Team("t", "T")]), UnitError, "this is a Team"),
    "another, put": (lambda bulk: bulk.put([Team("t", "T")]), UnitError, "this is a Team"),
    "unmapped": (lambda bulk: bulk.insert([Stranger()]), NotMapped, "Stranger has no mapper"),
    "no key": (lambda bulk: bulk.delete(["7"]), ValueRefused, "User key"),
    "keyless": (lambda bulk: bulk.delete([User("a")]), UnitError, "has no key"),
    "one key twice": (
        lambda bulk: bulk.put([User("a", id=1), User("b", id=1)]),
        IdentityConflict,
        "User",
    ),
}


def refuse_b_after(committed: Committed) -> None:
    """A handler that comes too late."""
    if committed.changes[0].obj.name == "b":
        raise LookupError


def refuse_b_before(user: User) -> None:
    """A handler that comes in time."""
    if user.name == "b":
        raise LookupError


class TestBulk:
    """`store.bulk(...)`."""

    @pytest.mark.parametrize("chunk", [1, 10, COUNT, 1000])
    def test_everything_is_inserted(self, open_store: OpenStore, chunk: int) -> None:
        """With its keys and index entries; the count is answered, and told after each chunk."""
        store, told = open_store(REGISTRY), list[int]()
        everyone = people()
        assert store.bulk(Users).insert(everyone, chunk=chunk, progress=told.append) == COUNT
        assert [*range(chunk, COUNT, chunk), COUNT] == told
        assert everyone == store.query(Users).all()
        assert everyone[4] == store.get_by(Users.by_email, "4@x")

    def test_nothing_is_nothing(self, open_store: OpenStore) -> None:
        """No chunk, no commit."""
        traffic = Traffic()
        store, told = open_store(REGISTRY, on_batch=traffic), list[int]()
        assert store.bulk(User).insert([], progress=told.append) == 0
        assert told == []
        traffic.expect(0)

    def test_a_generator_is_taken_chunk_by_chunk(self, open_store: OpenStore) -> None:
        """No more of it than the chunk that is next."""
        store, log = open_store(REGISTRY), list[object]()

        def given() -> Iterator[User]:
            for name in "abc":
                log.append(name)
                yield User(name)

        assert store.bulk(Users).insert(given(), chunk=2, progress=log.append) == 3
        assert log == ["a", "b", 2, "c", 3]

    def test_a_chunk_is_all_or_nothing(self, open_store: OpenStore) -> None:
        """Those before one that is refused stay, and of it and those behind nothing is written."""
        store, told = open_store(REGISTRY), list[int]()
        emails = ["a@x", "b@x", "c@x", "a@x", "e@x"]
        users = [User(email, email) for email in emails]
        with pytest.raises(Taken, match="by_email"):
            store.bulk(Users).insert(users, chunk=2, progress=told.append)
        assert ["a@x", "b@x"] == [user.email for user in store.query(Users)]
        assert told == [2]
        assert store.get_by(Users.by_email, "c@x") is None

    def test_it_can_go_on_behind_what_is_committed(self, open_store: OpenStore) -> None:
        """The error notes how many that are, as `progress` was told; keys are not given twice."""
        store, told = open_store(REGISTRY), [0]
        users = [User(email, email) for email in ("a@x", "b@x", "c@x", "a@x", "e@x")]
        with pytest.raises(Taken) as refused:
            store.bulk(Users).insert(users, chunk=2, progress=told.append)
        assert ["bulk(Users).insert: 2 are committed, and no more"] == refused.value.__notes__
        users[3].email = "d@x"
        assert 3 == store.bulk(Users).insert(users[told[-1] :], chunk=2)
        assert users == store.query(Users).all()

    @pytest.mark.parametrize("handlers", [1, 2])
    def test_a_handler_that_raises_after_the_commit(
        self, open_store: OpenStore, handlers: int
    ) -> None:
        """The chunk stands: it is counted, and told, and then the error passes."""
        registry = MapperRegistry(Users, Teams)
        for _ in range(handlers):
            registry.on("committed", refuse_b_after)
        store, told = open_store(registry), list[int]()
        with pytest.raises((LookupError, ExceptionGroup)) as raised:
            store.bulk(Users).insert(map(User, "abcd"), chunk=1, progress=told.append)
        assert ["bulk(Users).insert: 2 are committed, and no more"] == raised.value.__notes__
        assert told == [1, 2]
        assert ["a", "b"] == [user.name for user in store.query(Users)]

    def test_a_handler_that_raises_before_the_commit(self, open_store: OpenStore) -> None:
        """The chunk is not written, and not counted."""
        registry = MapperRegistry(Users, Teams)
        registry.on("before_insert", refuse_b_before)
        store, told = open_store(registry), list[int]()
        with pytest.raises(LookupError) as raised:
            store.bulk(Users).insert(map(User, "abcd"), chunk=1, progress=told.append)
        assert ["bulk(Users).insert: 1 are committed, and no more"] == raised.value.__notes__
        assert told == [1]
        assert ["a"] == [user.name for user in store.query(Users)]

    def test_progress_that_raises(self, open_store: OpenStore) -> None:
        """It ends the call; the chunk that it was told of stands."""
        store = open_store(REGISTRY)

        def stop(count: int) -> None:
            if count == 4:
                raise LookupError

        with pytest.raises(LookupError) as raised:
            store.bulk(Users).insert(map(User, "abcdef"), chunk=2, progress=stop)
        assert ["bulk(Users).insert: 4 are committed, and no more"] == raised.value.__notes__
        assert 4 == store.query(Users).count()

    def test_a_stream_may_be_given(self, open_store: OpenStore) -> None:
        """Any number of rows is read and deleted, a chunk at a time."""
        store = open_store(REGISTRY)
        save(store, *people())
        rows = raw(store).stream(Users.age >= 3, batch=4)
        gone = store.bulk(Users).delete(rows, chunk=3)
        assert COUNT == gone + store.query(Users).count()
        assert 0 == store.query(Users).where(Users.age >= 3).count()

    def test_insert_overwrites_nothing(self, open_store: OpenStore) -> None:
        """A key that is taken is AlreadyExists."""
        store = open_store(REGISTRY)
        save(store, Team("b", "old"))
        with pytest.raises(AlreadyExists):
            store.bulk(Teams).insert([Team("a", "A"), Team("b", "B")], chunk=1)
        assert [Team("a", "A"), Team("b", "old")] == store.query(Teams).all()

    def test_put_overwrites(self, open_store: OpenStore) -> None:
        """Index entries and unique values follow."""
        store = open_store(REGISTRY)
        save(store, Team("b", "old"))
        assert store.bulk(Teams).put([Team("a", "A"), Team("b", "B")], chunk=1) == 2
        assert store.query(Teams).all() == [Team("a", "A"), Team("b", "B")]
        assert store.get_by(Teams.by_name, "old") is None

    def test_delete_takes_keys_and_entities(self, open_store: OpenStore) -> None:
        """Mixed as they come; what is not there is no error."""
        store, told = open_store(REGISTRY), list[int]()
        everyone = people()
        save(store, *everyone)
        gone: list[Any] = [everyone[0], 2, 99, everyone[2]]
        assert store.bulk(Users).delete(gone, chunk=3, progress=told.append) == 4
        assert told == [3, 4]
        assert everyone[3:] == store.query(Users).all()
        assert store.get_by(Users.by_email, "1@x") is None

    def test_what_raises_on_the_way_passes(self, open_store: OpenStore) -> None:
        """A generator, or an entity that can not be: chunks before it stay."""
        store = open_store(REGISTRY)

        def given() -> Iterator[User]:
            yield User("a")
            yield User("b")
            yield User("c")
            raise LookupError

        with pytest.raises(LookupError):
            store.bulk(Users).insert(given(), chunk=2)
        with pytest.raises(UnitError, match="this is a Team"):
            store.bulk(UNTYPED).insert([User("d"), User("e"), User("f"), Team("t", "T")], chunk=2)
        assert ["a", "b", "d", "e"] == [user.name for user in store.query(Users)]

    @pytest.mark.parametrize("wrong", WRONG_BULK)
    def test_wrong_uses_are_named(self, open_store: OpenStore, wrong: str) -> None:
        """And nothing is written."""
        call, error, said = WRONG_BULK[wrong]
        store = open_store(REGISTRY)
        with pytest.raises(error, match=said):
            call(store.bulk(Users))
        assert 0 == store.query(Users).count() == store.query(Teams).count()

    def test_an_unmapped_class_is_named(self, open_store: OpenStore) -> None:
        """At once."""
        with pytest.raises(NotMapped, match="Stranger has no mapper"):
            open_store(REGISTRY).bulk(Stranger)
