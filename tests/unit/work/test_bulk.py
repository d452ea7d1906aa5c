"""Bulk writing at the edges of its chunks, over a store in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redmapper import (
    AsyncStore,
    Field,
    Key,
    Mapper,
    MapperRegistry,
    Ordered,
    Store,
    Taken,
    Unique,
    UnitError,
    UnitTooLarge,
)
from redmapper.work import flush


@attrs.define
class User:
    """An entity with a key from a sequence, and a name of its own."""

    name: str
    age: int = 0
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    name = Field[str]()
    age = Field[int]()

    by_name = Unique(name)
    by_age = Ordered(age)


REGISTRY = MapperRegistry(Users)


def users(count: int) -> list[User]:
    """So many, each of its own name."""
    return [User(f"n{number}") for number in range(count)]


def told_of(count: int, chunk: int) -> list[int]:
    """What `progress` is told of so many."""
    return [min(done + chunk, count) for done in range(0, count, chunk)]


CHUNK = 4
COUNTS = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1]


@pytest.mark.parametrize("count", COUNTS)
def test_every_verb_at_the_edges_of_a_chunk(count: int):
    """All are written once, and told of after each chunk."""
    store, told = Store(REGISTRY), list[int]()
    bulk, given = store.bulk(Users), users(count)
    assert count == bulk.insert(given, chunk=CHUNK, progress=told.append)
    assert given == store.query(Users).all()
    for user in given:
        user.age = 7
    assert count == bulk.put(given, chunk=CHUNK, progress=told.append)
    assert given == store.query(Users).where(Users.age == 7).all()
    assert count == bulk.delete(given, chunk=CHUNK, progress=told.append)
    assert [] == store.query(Users).all()
    assert told_of(count, CHUNK) * 3 == told


@pytest.mark.parametrize("count", COUNTS)
def test_a_stream_at_the_edges_of_a_page(count: int):
    """All rows come once, on both faces."""
    store = Store(REGISTRY)
    store.bulk(Users).insert(users(count))
    assert list(range(1, count + 1)) == [user.id for user in store.stream(Users, batch=CHUNK)]

    async def streamed() -> list[int | None]:
        async with AsyncStore(REGISTRY) as other:
            await other.bulk(Users).insert(users(count))
            return [user.id async for user in other.stream(Users.age == 0, batch=CHUNK)]

    assert list(range(1, count + 1)) == asyncio.run(streamed())


@given(count=st.integers(1, 30), chunk=st.integers(1, 12), data=st.data())
def test_what_is_committed_is_a_number_of_whole_chunks(count: int, chunk: int, data: st.DataObject):
    """Wherever one is refused; from what was told it goes on, and all are there in the end."""
    place = data.draw(st.integers(0, count - 1))
    store, told = Store(REGISTRY), [0]
    with store.unit() as uow:
        uow.add(User("taken"))
    given = users(count)
    given[place].name = "taken"
    with pytest.raises(Taken) as refused:
        store.bulk(Users).insert(given, chunk=chunk, progress=told.append)
    committed = place // chunk * chunk
    assert [0, *told_of(committed, chunk)] == told
    assert [f"bulk(Users).insert: {committed} are committed, and no more"] == (
        refused.value.__notes__
    )
    assert given[:committed] == store.query(Users).all()[1:]
    given[place].name = "free"
    store.bulk(Users).insert(given[told[-1] :], chunk=chunk)
    assert given == store.query(Users).all()[1:]


def test_rows_are_read_changed_and_written():
    """A stream goes through a generator into a bulk; each row is met once, moved or not."""
    store = Store(REGISTRY)
    store.bulk(Users).insert(users(20))
    older = (attrs.evolve(user, age=user.age + 1) for user in store.stream(Users.age >= 0, batch=3))
    assert 20 == store.bulk(Users).put(older, chunk=4)
    assert 20 == store.query(Users).where(Users.age == 1).count()


def test_async_generators_are_taken():
    """On the async face, chunk by chunk; so are streams."""
    log: list[object] = []

    async def made() -> AsyncIterator[User]:
        for user in users(5):
            log.append(user.name)
            yield user

    async def run() -> int:
        async with AsyncStore(REGISTRY) as store:
            bulk = store.bulk(Users)
            await bulk.insert(made(), chunk=2, progress=log.append)
            older = (attrs.evolve(user, age=9) async for user in store.stream(Users, batch=2))
            await bulk.put(older, chunk=3)
            assert 5 == await store.query(Users).where(Users.age == 9).count()
            return await bulk.delete(store.stream(Users, batch=2), chunk=3)

    assert 5 == asyncio.run(run())
    assert ["n0", "n1", 2, "n2", "n3", 4, "n4", 5] == log


def test_the_sync_face_refuses_them():
    """It could not wait for them."""

    async def made() -> AsyncIterator[User]:
        yield User("a")

    with pytest.raises(UnitError, match="takes several"):
        Store(REGISTRY).bulk(Users).insert(made())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def test_an_interrupt_leaves_the_chunk_open(monkeypatch: pytest.MonkeyPatch):
    """Whoever interrupts a commit can not know of it; the note says so."""
    store = Store(REGISTRY)
    bulk = store.bulk(Users)
    bulk.insert(users(1))

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(store._strategy), "commit", interrupted)
    with pytest.raises(KeyboardInterrupt) as raised:
        bulk.insert([User("x"), User("y"), User("z")], chunk=2)
    assert ["bulk(Users).insert: 0 are committed, and of the next 2 either all or none"] == (
        raised.value.__notes__
    )


def test_what_a_unit_that_is_too_large_advises(monkeypatch: pytest.MonkeyPatch):
    """The same objects go through a bulk; a chunk that is too large hears the same."""
    monkeypatch.setattr(flush, "LARGE", 3)
    monkeypatch.setattr(flush, "LARGEST", 3)
    store = Store(REGISTRY)
    for write in (
        lambda: store.transact(lambda unit: unit.add_all(users(4))),
        lambda: store.bulk(Users).insert(users(4), chunk=4),
    ):
        with pytest.raises(UnitTooLarge, match=r"use store\.bulk with a chunk of 1,000"):
            write()
    assert 4 == store.bulk(Users).insert(users(4), chunk=3)
