"""The store of the sync face."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar, overload

import redis
import redis.asyncio

from redmapper.errors import Conflict, StoreError
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
from redmapper.faces.sync.bulk import Bulk
from redmapper.faces.sync.links import Links, OwnLinks, SharedLinks
from redmapper.faces.sync.query import Query
from redmapper.faces.sync.reads import Reads
from redmapper.faces.sync.runner import MemoryRunner, Runner, ServerRunner
from redmapper.faces.sync.unit import UnitOfWork
from redmapper.mapping.mapper import Mapper
from redmapper.mapping.predicates import Predicate
from redmapper.mapping.registry import MapperRegistry
from redmapper.wire import Flow, OnBatch
from redmapper.work.strategy import IndexStrategy
from redmapper.work.unit import UnitBase

Entity = TypeVar("Entity")
Result = TypeVar("Result")


class Store(StoreBase, Reads):
    """A registry bound to a place: memory (no target), a URL, or a redis-py client.

    `namespace` begins all its keys. `echo` prints every batch with its values, `on_batch` is called
    with a `BatchReport` of each. Thread-safe; its units are not. Making one does no I/O. Raises
    MappingError for a target or a strategy that does not fit.
    """

    def __init__(
        self,
        registry: MapperRegistry,
        target: str | redis.Redis | None = None,
        *,
        strategy: IndexStrategy | None = None,
        namespace: str = "redmapper",
        echo: bool = False,
        on_batch: OnBatch | None = None,
    ) -> None:
        observer = Observer(echo, on_batch)
        options = store_options(registry, target, strategy, namespace, observer)
        runner = (
            ServerRunner(_links(target), observer)
            if options.server
            else MemoryRunner.of(options.strategy)
        )
        self._begin(options, runner, None, {})

    def _begin(
        self, options: StoreOptions, runner: Runner, name: str | None, partitions: dict[str, Store]
    ) -> None:
        StoreBase.__init__(self, options, name)
        self._runner = runner
        self._partitions = partitions

    def partition(self, name: str) -> Store:
        """The same store on a hash tag of its own; its entities are seen nowhere else."""
        self._require_partition(name)
        found = self._partitions.get(name)
        if found is None:
            found = Store.__new__(Store)
            found._begin(self._options, self._runner, name, self._partitions)  # noqa: SLF001 - itself
            found = self._partitions.setdefault(name, found)
        return found

    def unit(
        self, *, commit: str = "exit", read_only: bool = False, reads: str = "overlaid"
    ) -> UnitOfWork:
        """A unit of work.

        `commit="explicit"` discards what was not committed by hand, and warns. `read_only=True`
        refuses writing verbs and compares nothing. `reads="stored"` keeps pending changes out of
        queries.
        """
        options = unit_options(commit=commit, read_only=read_only, reads=reads)
        return UnitOfWork(self._session, options, self._run)

    def transact(self, work: Callable[[UnitOfWork], Result], *, attempts: int = 5) -> Result:
        """Run `work` with a fresh unit, commit, and answer its result.

        After a Conflict it is run again, `attempts` times at most, with a jittered pause between;
        the same Taken, AlreadyExists or Referenced twice in a row is raised.
        """
        retry = self._retry(attempts)
        while True:
            unit = self.unit()
            try:
                with unit:
                    result = work(unit)
            except Conflict as conflict:
                if unit._raised_late(conflict):  # noqa: SLF001 - by a handler, after the commit
                    raise
                time.sleep(retry.pause_after(conflict))
            else:
                return result

    @overload
    def stream(
        self,
        first: type[Mapper[Entity]] | Query[Entity],
        /,
        *predicates: Predicate,
        batch: int = 500,
    ) -> Iterator[Entity]: ...
    @overload
    def stream(
        self, first: type[Entity], /, *predicates: Predicate, batch: int = 500
    ) -> Iterator[Entity]: ...
    @overload
    def stream(
        self, first: Predicate, /, *predicates: Predicate, batch: int = 500
    ) -> Iterator[Any]: ...
    def stream(self, *of: Any, batch: int = 500) -> Iterator[Any]:
        """Entities that meet conditions, all of a mapper, or the rows of a query: any number.

        They are read in pages of `batch`, each when it is wanted; none is kept, and they are
        objects of nobody. They come by key: nothing twice, and what is not changed meanwhile
        exactly once. In the order of a query what is moved in it meanwhile may come twice, or not
        at all. Raises QueryError or NotMapped at once.
        """
        return _rows(Query(self._streamed(of, batch), self._reader, self._run), batch)

    @overload
    def bulk(self, cls: type[Mapper[Entity]]) -> Bulk[Entity]: ...
    @overload
    def bulk(self, cls: type[Entity]) -> Bulk[Entity]: ...
    def bulk(self, cls: type) -> Bulk[Any]:
        """What writes any number of entities of one mapper, in chunks that are atomic each."""
        return Bulk(self.registry, self.registry.mapped(cls), self.unit)

    def new_key(self, cls: type) -> Any:  # noqa: ANN401 - any key
        """A new key for an entity of this class, as `add` would give it one."""
        mapped = self.registry.mapped(cls)
        return self._run(self._session.keys.make(mapped))

    def outcome(self, unit_id: str) -> str:
        """What became of a commit that raised CommitUnknown: "applied", or "not applied".

        After "not applied" it never will be. The answer can be had for an hour.
        """
        return self._run(self._outcome(unit_id))

    def close(self) -> None:
        """Remove the receipts of this store; of a whole store, close its partitions and links too.

        A client that was passed in stays open.
        """
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(StoreError):  # receipts expire by themselves
            self._runner.run(self._strategy.close())
        if self._partition_name is not None:
            self._partitions.pop(self._partition_name, None)
            return
        for partition in list(self._partitions.values()):
            partition.close()
        self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _reader(self) -> UnitBase:
        return self._door

    def _run(self, flow: Flow[Result]) -> Result:
        if self._closed:
            self._require_open()
        return self._runner.run(flow)


def _rows(query: Query[Entity], batch: int) -> Iterator[Entity]:
    """All rows of a query, page by page."""
    after: str | None = None
    while True:
        page = query.page(batch, after=after)
        yield from page.items
        if page.next is None:
            return
        after = page.next


def _links(target: Any) -> Links:  # noqa: ANN401 - what the user passed
    """The links to a target: a client's that was passed in stay the user's."""
    url = is_url(target)
    client = from_url(redis.Redis, target) if url else target
    check_client(client, redis.Redis, redis.asyncio.Redis, "Store")
    return OwnLinks(client) if url else SharedLinks(client)
