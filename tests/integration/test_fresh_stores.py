"""`redmapper.testing.stores` on servers: fresh, and gone without a trace."""

import asyncio

import attrs
import pytest
import redis

from redmapper import (
    AsyncStore,
    ConnectionLost,
    Key,
    Lookup,
    LuaIndexStrategy,
    Mapper,
    MapperRegistry,
    Store,
)
from redmapper.mapping.fields import Field
from redmapper.testing import FreshStore, stores
from servers import Server


@attrs.define
class Thing:
    """An entity."""

    name: str
    id: int | None = None


class Things(Mapper[Thing]):
    """With an index."""

    id = Key[int]()
    name = Field[str]()
    by_name = Lookup(name)


REGISTRY = MapperRegistry(Things)


def on(server: Server) -> FreshStore:
    """The place on the server, which is the second."""
    _, place = stores(REGISTRY, server.url)
    return place


def fill(store: Store) -> None:
    """Write to it and to two of its partitions."""
    for place in (store, store.partition("a"), store.partition("b{*}")):
        with place.unit() as uow:
            uow.add_all(Thing(f"n{number}") for number in range(300))


def keys(client: redis.Redis) -> set[bytes]:
    """Every key of the server."""
    return set(client.scan_iter(count=10_000))


def test_it_deletes_exactly_its_own_keys(empty_server: Server):
    """Those of its partitions too, and nobody else's, however alike."""
    with empty_server.client() as client, on(empty_server).open() as other:
        fill(other)
        for name in ("mine", "{test-", "{test-}:Thing:1", "test-", "{redmapper}:Thing:1"):
            client.set(name, "untouched")
        before = keys(client)
        with on(empty_server).open() as store:
            fill(store)
            assert 300 == store.partition("a").query(Thing).count()
            assert len(keys(client)) > len(before)
        assert before == keys(client)
        assert 300 == other.query(Thing).count()


def test_the_async_face_deletes_them_too(empty_server: Server):
    """As the sync one does."""

    async def run() -> None:
        async with on(empty_server).open_async() as store:
            assert isinstance(store, AsyncStore)
            for place in (store, store.partition("a")):
                async with place.unit() as uow:
                    uow.add_all(Thing(f"n{number}") for number in range(300))

    asyncio.run(run())
    with empty_server.client() as client:
        assert set() == keys(client)


def test_whatever_the_test_does(empty_server: Server):
    """It fails, or closes the store itself."""
    with empty_server.client() as client:
        with pytest.raises(TypeError), on(empty_server).open() as store:
            fill(store) + 1
        with on(empty_server).open() as store, store:
            fill(store)
        assert set() == keys(client)


def test_no_link_is_left(empty_server: Server):
    """Neither by the store nor by the removal."""
    with empty_server.client() as client:
        before = client.info("clients")["connected_clients"]
        for _ in range(3):
            with on(empty_server).open() as store:
                fill(store)
        assert before == client.info("clients")["connected_clients"]


def test_each_is_a_place_of_its_own(empty_server: Server):
    """Two at a time do not see each other."""
    place = on(empty_server)
    with place.open() as first, place.open() as second:
        fill(first)
        assert 0 == second.query(Thing).count()


def test_a_strategy_is_made_for_each(empty_server: Server):
    """By the function that was given."""
    made = []

    def make() -> LuaIndexStrategy:
        made.append(LuaIndexStrategy())
        return made[-1]

    _, place = stores(REGISTRY, empty_server.url, strategy=make)
    for _ in range(2):
        with place.open() as store:
            fill(store)
    assert 2 == len(made)


def test_a_server_that_is_not_there_is_named():
    """ConnectionLost, from the first use or from the end of the block."""
    _, place = stores(REGISTRY, "redis://127.0.0.1:1/0")
    with pytest.raises(ConnectionLost), place.open() as store:
        store.get(Thing, 1)
