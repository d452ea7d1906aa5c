"""`stores` in memory; tests/integration has it on servers."""

import asyncio
import subprocess
import sys

import attrs
import pytest

from redmapper import AsyncStore, Key, Mapper, MapperRegistry, Store, StoreError
from redmapper.testing import FreshStore, stores


@attrs.define
class Thing:
    """An entity."""

    name: str
    id: int | None = None


class Things(Mapper[Thing]):
    """Its mapper."""

    id = Key[int]()


REGISTRY = MapperRegistry(Things)


def test_there_is_always_one_in_memory():
    """And with an address one on that server, which is not asked."""
    assert ["memory"] == [str(place) for place in stores(REGISTRY)]
    assert ["memory"] == [str(place) for place in stores(REGISTRY, None)]
    assert ["memory"] == [str(place) for place in stores(REGISTRY, "memory://")]
    found = stores(REGISTRY, "redis://:secret@localhost:1/0")
    assert ["memory", "redis"] == [str(place) for place in found]
    assert "secret" not in repr(found)


@pytest.fixture(params=stores(REGISTRY), ids=str)
def store(request):
    """What the docstring shows."""
    with request.param.open() as store:
        yield store


@pytest.mark.parametrize("name", ["first", "second"])
def test_each_test_has_an_empty_one(store: Store, name: str):
    """What one test has written, the next does not see."""
    assert 0 == store.query(Thing).count()
    with store.unit() as uow:
        uow.add(Thing(name))
    assert [name] == [thing.name for thing in store.query(Thing)]


def test_it_is_closed_afterwards():
    """By the block, also when the test has closed it itself."""
    (place,) = stores(REGISTRY)
    with place.open() as store, place.open() as other:
        with store.unit() as uow:
            uow.add(Thing("a"))
        assert 0 == other.query(Thing).count()
        store.close()
    for closed in (store, other):
        with pytest.raises(StoreError, match="closed"):
            closed.get(Thing, 1)


def test_the_async_face():
    """The same with `async with`."""

    async def run(place: FreshStore) -> AsyncStore:
        async with place.open_async() as store:
            async with store.unit() as uow:
                uow.add(Thing("a"))
            assert 1 == await store.query(Thing).count()
        return store

    async def closed(store: AsyncStore) -> None:
        await store.get(Thing, 1)

    store = asyncio.run(run(stores(REGISTRY)[0]))
    with pytest.raises(StoreError, match="closed"):
        asyncio.run(closed(store))


def test_an_error_of_the_test_passes():
    """Unchanged."""
    with pytest.raises(ZeroDivisionError), stores(REGISTRY)[0].open():
        raise ZeroDivisionError


def test_the_test_tools_need_no_pytest():
    """Only the suite does, and says so."""
    program = """
import sys
sys.modules["pytest"] = None
import redmapper.testing
redmapper.testing.drive, redmapper.testing.stores
try:
    import redmapper.testing.conformance
except ImportError as error:
    print(error)
"""
    run = [sys.executable, "-c", program]
    said = subprocess.run(run, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert "pip install pytest" in said.stdout
