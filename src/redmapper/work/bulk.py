"""Many entities written in chunks: each chunk is a unit of its own, and nothing is kept of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import attrs

from redmapper.errors import UnitError
from redmapper.mapping.mapped import MappedClass
from redmapper.mapping.registry import MapperRegistry
from redmapper.work.unit import UnitBase

Progress: TypeAlias = Callable[[int], object]
"""Called with the number of entities that are done, after each chunk."""


@attrs.frozen(eq=False)
class BulkBase:
    """A mapper whose entities are written in chunks."""

    _registry: MapperRegistry
    _mapped: MappedClass

    def _job(
        self, verb: str, given: Iterable[object], chunk: int, progress: Progress | None
    ) -> Job:
        """What is to be done; UnitError or ValueError where that can not be."""
        mapped = self._mapped
        if not isinstance(chunk, int) or isinstance(chunk, bool) or chunk < 1:
            message = f"{verb}(chunk={chunk!r}): a whole number, 1 or more"
            raise ValueError(message)
        one = isinstance(given, (str, bytes, mapped.domain))
        if one or not isinstance(given, Iterable):
            message = f"{verb}() takes several, such as a list of {mapped.domain.__name__}"
            raise UnitError(message)
        if progress is not None and not callable(progress):
            message = f"{verb}(progress={progress!r}): a function that takes a count"
            raise UnitError(message)
        write = getattr(self, f"_{verb}")
        return Job(iter(given), chunk, write, progress)

    def _insert(self, unit: UnitBase, entity: Any) -> None:  # noqa: ANN401 - whatever was given
        self._require_entity(entity, "insert")
        unit.add(entity)

    def _put(self, unit: UnitBase, entity: Any) -> None:  # noqa: ANN401 - whatever was given
        self._require_entity(entity, "put")
        unit.put(entity)

    def _delete(self, unit: UnitBase, given: Any) -> None:  # noqa: ANN401 - whatever was given
        if isinstance(given, self._mapped.domain):
            self._require_entity(given, "delete")
            unit.delete(given)
        else:
            unit.delete_by_key(self._mapped.domain, given)

    def _require_entity(self, entity: object, verb: str) -> None:
        """Refuse an entity of another class."""
        found = self._registry.mapped_object(entity)
        if found is not self._mapped:
            wanted = self._mapped.mapper.__name__
            message = f"bulk({wanted}).{verb}(): this is a {found.domain.__name__}"
            raise UnitError(message)


@attrs.define(eq=False)
class Job:
    """One call of a bulk verb, and how far it has come."""

    given: Iterator[object]
    size: int
    write: Callable[[UnitBase, object], None]
    progress: Progress | None
    count: int = 0

    def chunks(self) -> Iterator[list[object]]:
        """So many of what was given at a time; no more is taken before they are done."""
        while chunk := list(itertools.islice(self.given, self.size)):
            yield chunk

    def fill(self, unit: UnitBase, chunk: list[object]) -> None:
        """Register a chunk with its unit."""
        for each in chunk:
            self.write(unit, each)

    def done(self, chunk: list[object]) -> None:
        """A chunk has been committed."""
        self.count += len(chunk)
        if self.progress is not None:
            self.progress(self.count)
