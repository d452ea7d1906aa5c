"""Many entities written in chunks: each chunk is a unit of its own, and nothing is kept of it.

A call of a bulk verb is a `Job`. The faces take chunk after chunk from it, give each to a fresh
unit, and report that it has landed. Whatever ends the job before its time passes through it, and is
noted how far it has come: that error alone knows which chunks stand.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType
from typing import Any, ClassVar, Self, TypeAlias

import attrs

from redmapper.errors import CommitUnknown, UnitError
from redmapper.mapping.mapped import MappedClass
from redmapper.mapping.registry import MapperRegistry
from redmapper.work.unit import UnitBase

Progress: TypeAlias = Callable[[int], object]
"""Called with the number of entities that are committed, after each chunk."""

_WRITES: dict[str, Callable[[UnitBase, Any], object]] = {
    "insert": UnitBase.add,
    "put": UnitBase.put,
    "delete": UnitBase.delete,
}


@attrs.frozen(eq=False)
class BulkBase:
    """A mapper whose entities are written in chunks; `_takes` is what a face can iterate over."""

    _takes: ClassVar[tuple[type, ...]] = (Iterable,)

    _registry: MapperRegistry
    _mapped: MappedClass

    def _job(self, verb: str, given: Any, chunk: int, progress: Progress | None) -> Job:  # noqa: ANN401 - whatever was given
        """What is to be done; UnitError or ValueError where that can not be."""
        if not isinstance(chunk, int) or isinstance(chunk, bool) or chunk < 1:
            message = f"{verb}(chunk={chunk!r}): a whole number, 1 or more"
            raise ValueError(message)
        domain = self._mapped.domain
        if isinstance(given, (str, bytes, domain)) or not isinstance(given, self._takes):
            message = f"{verb}() takes several, such as a list of {domain.__name__}"
            raise UnitError(message)
        if progress is not None and (
            not callable(progress) or inspect.iscoroutinefunction(progress)
        ):
            message = f"{verb}(progress={progress!r}): a plain function that takes a count"
            raise UnitError(message)
        title = f"bulk({self._mapped.mapper.__name__}).{verb}"
        return Job(title, _begun(given), chunk, partial(self._write, verb), progress)

    def _write(self, verb: str, unit: UnitBase, given: Any) -> None:  # noqa: ANN401 - whatever was given
        """Register one of what was given with a unit: an entity; to delete, a key as well."""
        mapped = self._mapped
        if verb == "delete" and not attrs.has(type(given)):
            unit.delete_by_key(mapped.domain, given)
            return
        found = self._registry.mapped_object(given)
        if found is not mapped:
            message = f"bulk({mapped.mapper.__name__}).{verb}(): this is a {found.domain.__name__}"
            raise UnitError(message)
        _WRITES[verb](unit, given)


@attrs.define(eq=False)
class Job:
    """One call of a bulk verb; used as a context, it notes on what passes how far it has come.

    Attributes:
        given: an iterator; on the async face it may be an async one.
        count: how many are committed.
        underway: how many `unit` may be committing at this moment.
    """

    title: str
    given: Any
    size: int
    write: Callable[[UnitBase, object], None]
    progress: Progress | None
    count: int = 0
    underway: int = 0
    unit: UnitBase | None = None

    def take(self) -> list[object]:
        """The next chunk, empty after the last one; no more is taken before it is written."""
        return list(itertools.islice(self.given, self.size))

    def fill(self, unit: UnitBase, chunk: list[object]) -> None:
        """Register a chunk with its unit."""
        for each in chunk:
            self.write(unit, each)
        self.unit, self.underway = unit, len(chunk)

    def land(self) -> None:
        """The chunk has been committed."""
        self.count, self.underway = self.count + self.underway, 0
        if self.progress is not None:
            self.progress(self.count)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if failure is None:
            return
        if self.underway and self.unit and self.unit._raised_late(failure):  # noqa: SLF001 - our own
            self.land()
        unsure = isinstance(failure, CommitUnknown) or not isinstance(failure, Exception)
        rest = "no more"
        if self.underway and unsure:
            rest = f"of the next {self.underway:,} either all or none"
        failure.add_note(f"{self.title}: {self.count:,} are committed, and {rest}")


def _begun(given: Any) -> Any:  # noqa: ANN401 - an iterable of either kind
    """An iterator over what was given."""
    return iter(given) if isinstance(given, Iterable) else aiter(given)
