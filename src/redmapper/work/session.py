"""What a unit of work has of its store, and how it was asked for."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from redmapper.mapping.registry import MapperRegistry
from redmapper.work.keys import KeyMaker
from redmapper.work.strategy import BoundStrategy


@attrs.frozen
class Session:
    """What a unit has of its store: all that is the same for every unit."""

    registry: MapperRegistry
    strategy: BoundStrategy
    keys: KeyMaker
    new_version: Callable[[], bytes]
    warn: Callable[[str], None]


@attrs.frozen(kw_only=True)
class UnitOptions:
    """How a unit was asked for: see `Store.unit`. `stateless`: for one reading, nobody holds it."""

    commit: str = "exit"
    read_only: bool = False
    stateless: bool = False
    reads: str = "overlaid"
