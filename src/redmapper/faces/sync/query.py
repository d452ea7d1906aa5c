"""The query of the sync face."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, Self, TypeVar

import attrs

from redmapper.query.query import Asked, QueryBase, no_store
from redmapper.wire import Flow
from redmapper.work.unit import UnitBase

Entity = TypeVar("Entity")


class Query(QueryBase[Entity], Generic[Entity]):
    """Entities of one mapper, on a unit (whose own changes it sees) or on a store."""

    def __init__(
        self, asked: Asked, reader: Callable[[], UnitBase], run: Callable[[Flow[Any]], Any]
    ) -> None:
        super().__init__(asked)
        self._reader = reader
        self._run = run

    @classmethod
    def _unbound(cls, asked: Asked) -> Self:
        return cls(asked, no_store, no_store)

    def _with(self, **said: Any) -> Self:  # noqa: ANN401 - fields of Asked
        return type(self)(attrs.evolve(self._asked, **said), self._reader, self._run)

    def all(self) -> list[Entity]:
        """All rows, in order. One round trip up to 1,000."""
        rows: list[Entity] = self._run(self._reader()._query(self._asked))  # noqa: SLF001 - faces carry flows
        return rows

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
        total: int = self._run(self._reader()._count(self._asked))  # noqa: SLF001 - faces carry flows
        return total

    def exists(self) -> bool:
        """Whether there is any row."""
        return self.first() is not None
