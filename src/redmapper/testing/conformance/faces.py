"""Both faces behind the verbs of one, so that a case is written once and runs on each."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar, cast

from redmapper.faces.aio.bulk import AsyncBulk
from redmapper.faces.aio.query import AsyncQuery
from redmapper.faces.aio.store import AsyncStore
from redmapper.faces.aio.unit import AsyncUnitOfWork
from redmapper.faces.sync.store import Store
from redmapper.mapping.registry import MapperRegistry

Result = TypeVar("Result")


class OpenStore(Protocol):
    """Opens a store with the verbs of the sync face; what one store writes, the next one finds.

    The options are those of a store: `on_batch`, `echo`.
    """

    def __call__(self, registry: MapperRegistry, **options: Any) -> Store:  # noqa: ANN401 - options of a store
        """A store over this registry."""
        ...


@contextmanager
def store_opener(make: Callable[..., Store | AsyncStore]) -> Iterator[OpenStore]:
    """What the cases of the suite take as `open_store`; every store is closed with the block.

    `make(registry, **options)` makes a store of either face. All stores that it makes must share
    one place, which is empty at first: a namespace, or a strategy that keeps its data itself.
    """
    with ExitStack() as closing:
        loop: list[Loop] = []

        def open_store(registry: MapperRegistry, **options: Any) -> Store:  # noqa: ANN401 - options of a store
            store = make(registry, **options)
            if isinstance(store, AsyncStore):
                if not loop:
                    loop.append(closing.enter_context(Loop()))
                store = cast("Store", Blocking(store, loop[0]))
            closing.callback(store.close)
            return store

        yield open_store


def raw(adapted: object) -> Any:  # noqa: ANN401 - of either face
    """A store, unit or query of its own face, be it adapted or not."""
    return adapted._wrapped if isinstance(adapted, Blocking) else adapted  # noqa: SLF001 - our own


class Loop:
    """An event loop in a thread of its own, for those who want to wait for it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine on the loop, and wait for its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Blocking:
    """A store, unit or query of the async face with the verbs of the sync one.

    What is a coroutine there runs on the loop while the caller waits; the rest is called as it is.
    """

    def __init__(self, wrapped: Any, loop: Loop) -> None:  # noqa: ANN401 - of either face
        self._wrapped = wrapped
        self._loop = loop

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute
        found = getattr(self._wrapped, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - options of a store
            answer = found(*arguments, **options)
            return self._adapted(self._loop.run(answer) if inspect.iscoroutine(answer) else answer)

        return call

    def _adapted(self, answer: Any) -> Any:  # noqa: ANN401 - any verb
        if isinstance(answer, AsyncIterator):
            return self._stepped(answer)
        adapted = isinstance(answer, (AsyncStore, AsyncUnitOfWork, AsyncQuery, AsyncBulk))
        return Blocking(answer, self._loop) if adapted else answer

    def _stepped(self, rows: AsyncIterator[Any]) -> Iterator[Any]:
        """The rows, each asked for when it is wanted."""

        async def step() -> Any:  # noqa: ANN401 - a row
            return await anext(rows, self)

        while (row := self._loop.run(step())) is not self:
            yield row

    def transact(self, work: Callable[[Any], Result], **options: Any) -> Result:  # noqa: ANN401 - options of a store
        """As `Store.transact`; `work` runs in a thread, where it may wait for the loop."""

        async def apart(unit: AsyncUnitOfWork) -> Result:
            return await asyncio.to_thread(work, Blocking(unit, self._loop))

        return self._loop.run(self._wrapped.transact(apart, **options))  # type: ignore[no-any-return]

    def __enter__(self) -> Self:
        self._loop.run(self._wrapped.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.run(self._wrapped.__aexit__(kind, failure, trace))

    def __iter__(self) -> Iterator[Any]:
        async def rows() -> list[Any]:
            return [row async for row in self._wrapped]

        return iter(self._loop.run(rows()))

    def __contains__(self, obj: object) -> bool:
        return obj in self._wrapped

    def __repr__(self) -> str:
        return repr(self._wrapped)
