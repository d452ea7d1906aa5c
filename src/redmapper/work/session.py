"""What a unit of work has of its store, and how it was asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import attrs

from redmapper.mapping.events import Handlers
from redmapper.mapping.registry import MapperRegistry
from redmapper.work.keys import KeyMaker
from redmapper.work.strategy import BoundStrategy, MakesEntities, WritesOne


@attrs.frozen(slots=False)
class Session:
    """What a unit has of its store: all that is the same for every unit.

    `validates`: a mapper has validators that run at the commit.
    """

    registry: MapperRegistry
    strategy: BoundStrategy
    keys: KeyMaker
    new_version: Callable[[], bytes]
    warn: Callable[[str], None]
    handlers: Handlers = attrs.field(factory=Handlers)
    validates: bool = False

    @cached_property
    def makes(self) -> MakesEntities | None:
        """The strategy, where it makes entities itself."""
        offering: MakesEntities | None = self._offering(MakesEntities)
        return offering

    @cached_property
    def writes_one(self) -> WritesOne | None:
        """The strategy, where it takes one write without a plan."""
        offering: WritesOne | None = self._offering(WritesOne)
        return offering

    def _offering(self, what: type) -> Any:  # noqa: ANN401 - the strategy as one of its protocols
        """Its class is asked: a strategy that passes every name on to another has none of these."""
        return self.strategy if issubclass(type(self.strategy), what) else None


@attrs.frozen(kw_only=True)
class UnitOptions:
    """How a unit was asked for: see `Store.unit`.

    `untracked`: it is for one reading without a unit, and keeps nothing.
    """

    commit: str = "exit"
    read_only: bool = False
    untracked: bool = False
    reads: str = "overlaid"
