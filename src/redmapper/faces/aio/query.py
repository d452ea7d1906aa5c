"""The query of the async face."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, TypeVar

from redmapper.mapping.fields import Queryable
from redmapper.query.explain import Explanation
from redmapper.query.page import Page
from redmapper.query.query import QueryBase
from redmapper.wire import Flow
from redmapper.work.reading import Reading
from redmapper.work.unit import UnitBase

Entity = TypeVar("Entity")
Result = TypeVar("Result")


class AsyncQuery(QueryBase[Entity], Generic[Entity]):
    """Entities of one mapper, on a unit (whose own changes it sees) or on a store."""

    async def _ask(self, ask: Callable[[Reading], Flow[Result]]) -> Result:
        unit: UnitBase = self._reader()
        return await self._run(unit._exclusive("query", ask(unit._reading)))  # type: ignore[no-any-return]  # noqa: SLF001 - faces carry flows

    async def all(self) -> list[Entity]:
        """All rows, in order. One round trip up to 2,000 candidates or 1,000 rows."""
        return await self._ask(lambda reading: reading.find(self._asked))

    async def __aiter__(self) -> AsyncIterator[Entity]:
        for row in await self.all():
            yield row

    async def first(self) -> Entity | None:
        """The first row, or None."""
        return next(iter(await self._at_most(1).all()), None)

    async def one_or_none(self) -> Entity | None:
        """The only row, or None; MultipleResults where there are more."""
        return self._one(await self._at_most(2).all())

    async def one(self) -> Entity:
        """The only row; NotFound or MultipleResults where there is none or there are more."""
        return self._required(await self.one_or_none())

    async def count(self) -> int:
        """How many rows `all` would give."""
        return await self._ask(lambda reading: reading.count(self._asked))

    async def exists(self) -> bool:
        """Whether there is any row."""
        return await self._at_most(1).count() > 0

    async def keys(self) -> list[Any]:
        """The key of each row, in order; None of an object that waits for its number."""
        return await self._ask(lambda reading: reading.keys(self._asked))

    async def values(self, *fields: Queryable[Any]) -> list[tuple[Any, ...]]:
        """These fields of each row as a tuple, in order; no objects are built or tracked."""
        return await self._ask(lambda reading: reading.values(self._asked, fields))

    async def page(self, size: int, *, after: str | None = None) -> Page[Entity]:
        """The first rows, or those behind a page: `page(20, after=before.next)`.

        Rows that come and go between two pages neither repeat another row nor skip one. Raises
        BadToken for a token that is damaged, or of another query.
        """
        return await self._ask(lambda reading: reading.page(self._asked, size, after))

    async def explain(self, *, analyze: bool = False) -> Explanation:
        """How this query is answered, as a value to print; `analyze=True` runs it and counts."""
        return await self._ask(lambda reading: reading.explain(self._asked, analyze=analyze))
