"""Stores for tests: fresh ones, empty at the beginning and gone without a trace at the end."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)

import attrs

from redmapper.faces.aio.store import AsyncStore
from redmapper.faces.binding import MEMORY
from redmapper.faces.sync.store import Store
from redmapper.mapping.registry import MapperRegistry
from redmapper.wire import Batch, Command, Flow
from redmapper.work.strategy import IndexStrategy

SCAN_COUNT = 1_000
"""Keys that the server looks at in one step of the removal."""


@attrs.frozen
class FreshStore:
    """A place to open stores in, each of them empty and nobody else's.

    Nothing is opened, and no server is asked, before a block is entered. `str()` is a name for the
    ids of tests: "memory", or the scheme of the address, which may hold a password.
    """

    registry: MapperRegistry
    url: str = attrs.field(default=MEMORY, repr=lambda url: url.partition("://")[0])
    make_strategy: Callable[[], IndexStrategy] | None = None

    def open(self) -> AbstractContextManager[Store]:
        """A block with a `Store`; when it ends, all that the store has written is removed."""
        return _open(self)

    def open_async(self) -> AbstractAsyncContextManager[AsyncStore]:
        """The same with an `AsyncStore`, for `async with`."""
        return _open_async(self)

    def __str__(self) -> str:
        return self.url.partition("://")[0]


def stores(
    registry: MapperRegistry,
    url: str | None = None,
    *,
    strategy: Callable[[], IndexStrategy] | None = None,
) -> tuple[FreshStore, ...]:
    """Stores to run a test with: always one in memory and, with `url`, one on that server.

    `strategy` makes the strategy of the one on the server, `LuaIndexStrategy` being the default.

    Made to be the parameters of a pytest fixture. A test that takes the fixture then runs in
    memory, and also on Redis wherever `REDIS_URL` names one, on a store of its own each time:

        import os

        import pytest
        from redmapper.testing import stores

        from shop import registry


        @pytest.fixture(params=stores(registry, os.environ.get("REDIS_URL")), ids=str)
        def store(request):
            with request.param.open() as store:
                yield store


        def test_a_name_is_taken_once(store):
            ...

    With `async with request.param.open_async()` the fixture gives an `AsyncStore`. Outside pytest:

        for place in stores(registry):
            with place.open() as store:
                ...

    On a server each store has a random namespace. When its block ends, whatever the test has done,
    all keys of that namespace and of its partitions are deleted, and no others; to find them the
    server's keys are scanned, which does not hold it up.
    """
    places = [FreshStore(registry)]
    if url is not None and url != MEMORY:
        places.append(FreshStore(registry, url, strategy))
    return tuple(places)


@contextmanager
def _open(place: FreshStore) -> Iterator[Store]:
    namespace = _namespace()
    store = Store(place.registry, place.url, strategy=_strategy(place), namespace=namespace)
    try:
        yield store
    finally:
        store.close()
        if place.url != MEMORY:
            store._runner.run(remove(namespace))  # noqa: SLF001 - faces carry flows
            store._runner.close()  # noqa: SLF001 - faces carry flows


@asynccontextmanager
async def _open_async(place: FreshStore) -> AsyncIterator[AsyncStore]:
    namespace = _namespace()
    store = AsyncStore(place.registry, place.url, strategy=_strategy(place), namespace=namespace)
    try:
        yield store
    finally:
        await store.close()
        if place.url != MEMORY:
            await store._runner.run(remove(namespace))  # noqa: SLF001 - faces carry flows
            await store._runner.close()  # noqa: SLF001 - faces carry flows


def _namespace() -> str:
    return f"test-{secrets.token_hex(8)}"


def _strategy(place: FreshStore) -> IndexStrategy | None:
    return None if place.make_strategy is None else place.make_strategy()


def remove(namespace: str) -> Flow[None]:
    """Delete every key of a namespace of letters, digits and `-`, and no other."""
    home = f"{{{namespace}}}".encode()
    for pattern in (f"{{{namespace}}}*", f"{{{namespace}:*"):
        cursor: bytes | int = 0
        while True:
            scan = Command(("SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_COUNT), 0)
            ((cursor, keys),) = yield Batch("scan", home, (scan,))
            if keys:
                yield Batch("remove", home, (Command(("UNLINK", *keys), len(keys)),))
            if int(cursor) == 0:
                break
