"""The store of the async face."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeVar, overload

import redis
import redis.asyncio

from redmapper.errors import Conflict, StoreError
from redmapper.faces.aio.bulk import AsyncBulk
from redmapper.faces.aio.links import AsyncLinks, AsyncOwnLinks, AsyncSharedLinks
from redmapper.faces.aio.query import AsyncQuery
from redmapper.faces.aio.reads import AsyncReads
from redmapper.faces.aio.runner import AsyncMemoryRunner, AsyncRunner, AsyncServerRunner
from redmapper.faces.aio.unit import AsyncUnitOfWork
from redmapper.faces.binding import (
    StoreBase,
    StoreOptions,
    check_client,
    from_url,
    is_url,
    store_options,
    unit_options,
)
from redmapper.faces.observe import Observer
from redmapper.faces.sync.runner import MemoryRunner
from redmapper.mapping.mapper import Mapper
from redmapper.mapping.predicates import Predicate
from redmapper.mapping.registry import MapperRegistry
from redmapper.wire import Flow, OnBatch
from redmapper.work.strategy import IndexStrategy
from redmapper.work.unit import UnitBase

Entity = TypeVar("Entity")
Result = TypeVar("Result")


class AsyncStore(StoreBase, AsyncReads):
    """A registry bound to a place: memory (no target), a URL, or a redis-py client.

    `namespace` begins all its keys. `echo` prints every batch with its values, `on_batch` is called
    with a `BatchReport` of each. Task-safe; its units are not. Making one does no I/O. Raises
    MappingError for a target or a strategy that does not fit.
    """

    def __init__(
        self,
        registry: MapperRegistry,
        target: str | redis.asyncio.Redis | None = None,
        *,
        strategy: IndexStrategy | None = None,
        namespace: str = "redmapper",
        echo: bool = False,
        on_batch: OnBatch | None = None,
    ) -> None:
        observer = Observer(echo, on_batch)
        options = store_options(registry, target, strategy, namespace, observer)
        runner: AsyncRunner = (
            AsyncServerRunner(_links(target), observer)
            if options.server
            else AsyncMemoryRunner(MemoryRunner.of(options.strategy))
        )
        self._begin(options, runner, None, {})

    def _begin(
        self,
        options: StoreOptions,
        runner: AsyncRunner,
        name: str | None,
        partitions: dict[str, AsyncStore],
    ) -> None:
        StoreBase.__init__(self, options, name)
        self._runner = runner
        self._partitions = partitions

    def partition(self, name: str) -> AsyncStore:
        """The same store on a hash tag of its own; its entities are seen nowhere else."""
        self._require_partition(name)
        found = self._partitions.get(name)
        if found is None:
            found = AsyncStore.__new__(AsyncStore)
            found._begin(self._options, self._runner, name, self._partitions)  # noqa: SLF001 - itself
            found = self._partitions.setdefault(name, found)
        return found

    def unit(
        self, *, commit: str = "exit", read_only: bool = False, reads: str = "overlaid"
    ) -> AsyncUnitOfWork:
        """A unit of work.

        `commit="explicit"` discards what was not committed by hand, and warns. `read_only=True`
        refuses writing verbs and compares nothing. `reads="stored"` keeps pending changes out of
        queries.
        """
        options = unit_options(commit=commit, read_only=read_only, reads=reads)
        return AsyncUnitOfWork(self._session, options, self._run)

    async def transact(
        self, work: Callable[[AsyncUnitOfWork], Awaitable[Result]], *, attempts: int = 5
    ) -> Result:
        """Run `work` with a fresh unit, commit, and answer its result.

        After a Conflict it is run again, `attempts` times at most, with a jittered pause between;
        the same Taken, AlreadyExists or Referenced twice in a row is raised.
        """
        retry = self._retry(attempts)
        while True:
            unit = self.unit()
            try:
                async with unit:
                    result = await work(unit)
            except Conflict as conflict:
                if unit._raised_late(conflict):  # noqa: SLF001 - by a handler, after the commit
                    raise
                await asyncio.sleep(retry.pause_after(conflict))
            else:
                return result

    @overload
    def stream(
        self,
        first: type[Mapper[Entity]] | AsyncQuery[Entity],
        /,
        *predicates: Predicate,
        batch: int = 500,
    ) -> AsyncIterator[Entity]: ...
    @overload
    def stream(
        self, first: type[Entity], /, *predicates: Predicate, batch: int = 500
    ) -> AsyncIterator[Entity]: ...
    @overload
    def stream(
        self, first: Predicate, /, *predicates: Predicate, batch: int = 500
    ) -> AsyncIterator[Any]: ...
    def stream(self, *of: Any, batch: int = 500) -> AsyncIterator[Any]:
        """Entities that meet conditions, all of a mapper, or the rows of a query: any number.

        They are read in pages of `batch`, each when it is wanted; none is kept, and they are
        objects of nobody. They come by key: nothing twice, and what is not changed meanwhile
        exactly once. In the order of a query what is moved in it meanwhile may come twice, or not
        at all. Raises QueryError or NotMapped at once.
        """
        return _rows(AsyncQuery(self._streamed(of, batch), self._reader, self._run), batch)

    @overload
    def bulk(self, cls: type[Mapper[Entity]]) -> AsyncBulk[Entity]: ...
    @overload
    def bulk(self, cls: type[Entity]) -> AsyncBulk[Entity]: ...
    def bulk(self, cls: type) -> AsyncBulk[Any]:
        """What writes any number of entities of one mapper, in chunks that are atomic each."""
        return AsyncBulk(self.registry, self.registry.mapped(cls), self.unit)

    async def new_key(self, cls: type) -> Any:  # noqa: ANN401 - any key
        """A new key for an entity of this class, as `add` would give it one."""
        mapped = self.registry.mapped(cls)
        return await self._run(self._session.keys.make(mapped))

    async def outcome(self, unit_id: str) -> str:
        """What became of a commit that raised CommitUnknown: "applied", or "not applied".

        After "not applied" it never will be. The answer can be had for an hour.
        """
        return await self._run(self._outcome(unit_id))

    async def close(self) -> None:
        """Remove the receipts of this store; of a whole store, close its partitions and links too.

        A client that was passed in stays open.
        """
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(StoreError):  # receipts expire by themselves
            await self._runner.run(self._strategy.close())
        if self._partition_name is not None:
            self._partitions.pop(self._partition_name, None)
            return
        for partition in list(self._partitions.values()):
            await partition.close()
        await self._runner.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _reader(self) -> UnitBase:
        return self._door

    async def _run(self, flow: Flow[Result]) -> Result:
        self._require_open()
        return await self._runner.run(flow)


async def _rows(query: AsyncQuery[Entity], batch: int) -> AsyncIterator[Entity]:
    """All rows of a query, page by page."""
    after: str | None = None
    while True:
        page = await query.page(batch, after=after)
        for row in page.items:
            yield row
        if page.next is None:
            return
        after = page.next


def _links(target: Any) -> AsyncLinks:  # noqa: ANN401 - what the user passed
    """The links to a target: a client's that was passed in stay the user's."""
    url = is_url(target)
    client = from_url(redis.asyncio.Redis, target) if url else target
    check_client(client, redis.asyncio.Redis, redis.Redis, "AsyncStore")
    return AsyncOwnLinks(client) if url else AsyncSharedLinks(client)
