"""The reading verbs that a store and a unit of the sync face share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, overload

from redmapper.faces.sync.query import Query
from redmapper.mapping.indexes import Unique
from redmapper.mapping.mapper import Mapper
from redmapper.wire import Flow
from redmapper.work.unit import UnitBase

Entity = TypeVar("Entity")
Result = TypeVar("Result")


class Reads:
    """Verbs that read. `cls` is the domain class or its mapper.

    On a unit they answer its own objects, and see its changes; on a store, objects of nobody.
    """

    def _reader(self) -> UnitBase:
        raise NotImplementedError

    def _run(self, flow: Flow[Result]) -> Result:
        raise NotImplementedError

    def _read(self, verb: str, unit: UnitBase, flow: Flow[Result]) -> Result:
        return self._run(unit._exclusive(verb, flow))  # noqa: SLF001 - faces carry flows

    @overload
    def get(self, cls: type[Mapper[Entity]], key: object) -> Entity | None: ...
    @overload
    def get(self, cls: type[Entity], key: object) -> Entity | None: ...
    def get(self, cls: type, key: object) -> Any:
        """The entity with this key, or None."""
        unit = self._reader()
        return self._read("get", unit, unit._reading.get(cls, key))  # noqa: SLF001 - faces carry flows

    @overload
    def require(self, cls: type[Mapper[Entity]], key: object) -> Entity: ...
    @overload
    def require(self, cls: type[Entity], key: object) -> Entity: ...
    def require(self, cls: type, key: object) -> Any:
        """The entity with this key; NotFound where there is none."""
        unit = self._reader()
        return self._read("require", unit, unit._reading.require(cls, key))  # noqa: SLF001 - faces carry flows

    @overload
    def get_many(
        self, cls: type[Mapper[Entity]], keys: Sequence[object]
    ) -> list[Entity | None]: ...
    @overload
    def get_many(self, cls: type[Entity], keys: Sequence[object]) -> list[Entity | None]: ...
    def get_many(self, cls: type, keys: Sequence[object]) -> list[Any]:
        """The entities with these keys, in their order, None for the missing; one round trip."""
        unit = self._reader()
        return self._read("get_many", unit, unit._reading.get_many(cls, keys))  # noqa: SLF001 - faces carry flows

    def get_by(self, unique: Unique, *values: object) -> Any:  # noqa: ANN401 - a Unique does not tell its class
        """The owner of a unique value, or None."""
        unit = self._reader()
        return self._read("get_by", unit, unit._reading.get_by(unique, *values))  # noqa: SLF001 - faces carry flows

    @overload
    def query(self, cls: type[Mapper[Entity]]) -> Query[Entity]: ...
    @overload
    def query(self, cls: Query[Entity]) -> Query[Entity]: ...
    @overload
    def query(self, cls: type[Entity]) -> Query[Entity]: ...
    def query(self, cls: type | Query[Any]) -> Query[Any]:
        """A query over the entities of one mapper; or another query, to be run here."""
        asked = self._reader()._asked(cls)  # noqa: SLF001 - faces carry flows
        return Query(asked, self._reader, self._run)
