"""The query of the sync face."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


class Query(QueryBase[Entity], Generic[Entity]):
    """Entities of one mapper, on a unit (whose own changes it sees) or on a store."""

    def _ask(self, ask: Callable[[Reading], Flow[Result]]) -> Result:
        unit: UnitBase = self._reader()
        return self._run(unit._exclusive("query", ask(unit._reading)))  # type: ignore[no-any-return]  # noqa: SLF001 - faces carry flows

    def all(self) -> list[Entity]:
        """All rows, in order. One round trip up to 2,000 candidates or 1,000 rows."""
        return self._ask(lambda reading: reading.find(self._asked))

    def __iter__(self) -> Iterator[Entity]:
        return iter(self.all())

    def first(self) -> Entity | None:
        """The first row, or None."""
        return next(iter(self._at_most(1).all()), None)

    def one_or_none(self) -> Entity | None:
        """The only row, or None; MultipleResults where there are more."""
        return self._one(self._at_most(2).all())

    def one(self) -> Entity:
        """The only row; NotFound or MultipleResults where there is none or there are more."""
        return self._required(self.one_or_none())

    def count(self) -> int:
        """How many rows `all` would give."""
        return self._ask(lambda reading: reading.count(self._asked))

    def exists(self) -> bool:
        """Whether there is any row."""
        return self._at_most(1).count() > 0

    def keys(self) -> list[Any]:
        """The key of each row, in order; None of an object that waits for its number."""
        return self._ask(lambda reading: reading.keys(self._asked))

    def values(self, *fields: Queryable[Any]) -> list[tuple[Any, ...]]:
        """These fields of each row as a tuple, in order; no objects are built or tracked."""
        return self._ask(lambda reading: reading.values(self._asked, fields))

    def page(self, size: int, *, after: str | None = None) -> Page[Entity]:
        """The first rows, or those behind a page: `page(20, after=before.next)`.

        Rows that come and go between two pages neither repeat another row nor skip one. Raises
        BadToken for a token that is damaged, or of another query.
        """
        return self._ask(lambda reading: reading.page(self._asked, size, after))

    def explain(self, *, analyze: bool = False) -> Explanation:
        """How this query is answered, as a value to print; `analyze=True` runs it and counts."""
        return self._ask(lambda reading: reading.explain(self._asked, analyze=analyze))
