"""The reading verbs that a store and a unit of the async face share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, overload

from redmapper.faces.aio.query import AsyncQuery
from redmapper.mapping.indexes import Unique
from redmapper.mapping.mapper import Mapper
from redmapper.wire import Flow
from redmapper.work.unit import UnitBase

Entity = TypeVar("Entity")
Result = TypeVar("Result")


class AsyncReads:
    """Verbs that read. `cls` is the domain class or its mapper.

    On a unit they answer its own objects, and see its changes; on a store, objects of nobody.
    """

    def _reader(self) -> UnitBase:
        raise NotImplementedError

    async def _run(self, flow: Flow[Result]) -> Result:
        raise NotImplementedError

    async def _read(self, verb: str, unit: UnitBase, flow: Flow[Result]) -> Result:
        return await self._run(unit._exclusive(verb, flow))  # noqa: SLF001 - faces carry flows

    @overload
    async def get(self, cls: type[Mapper[Entity]], key: object) -> Entity | None: ...
    @overload
    async def get(self, cls: type[Entity], key: object) -> Entity | None: ...
    async def get(self, cls: type, key: object) -> Any:
        """The entity with this key, or None."""
        unit = self._reader()
        return await self._read("get", unit, unit._reading.get(cls, key))  # noqa: SLF001 - faces carry flows

    @overload
    async def require(self, cls: type[Mapper[Entity]], key: object) -> Entity: ...
    @overload
    async def require(self, cls: type[Entity], key: object) -> Entity: ...
    async def require(self, cls: type, key: object) -> Any:
        """The entity with this key; NotFound where there is none."""
        unit = self._reader()
        return await self._read("require", unit, unit._reading.require(cls, key))  # noqa: SLF001 - faces carry flows

    @overload
    async def get_many(
        self, cls: type[Mapper[Entity]], keys: Sequence[object]
    ) -> list[Entity | None]: ...
    @overload
    async def get_many(self, cls: type[Entity], keys: Sequence[object]) -> list[Entity | None]: ...
    async def get_many(self, cls: type, keys: Sequence[object]) -> list[Any]:
        """The entities with these keys, in their order, None for the missing; one round trip."""
        unit = self._reader()
        return await self._read("get_many", unit, unit._reading.get_many(cls, keys))  # noqa: SLF001 - faces carry flows

    async def get_by(self, unique: Unique, *values: object) -> Any:  # noqa: ANN401 - a Unique does not tell its class
        """The owner of a unique value, or None."""
        unit = self._reader()
        return await self._read("get_by", unit, unit._reading.get_by(unique, *values))  # noqa: SLF001 - faces carry flows

    @overload
    def query(self, cls: type[Mapper[Entity]]) -> AsyncQuery[Entity]: ...
    @overload
    def query(self, cls: AsyncQuery[Entity]) -> AsyncQuery[Entity]: ...
    @overload
    def query(self, cls: type[Entity]) -> AsyncQuery[Entity]: ...
    def query(self, cls: type | AsyncQuery[Any]) -> AsyncQuery[Any]:
        """A query over the entities of one mapper; or another query, to be run here."""
        asked = self._reader()._asked(cls)  # noqa: SLF001 - faces carry flows
        return AsyncQuery(asked, self._reader, self._run)
