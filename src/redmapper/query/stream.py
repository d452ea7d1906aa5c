"""What a stream asks: the query whose pages it goes through.

Without an order of its own that is by key, because keys never change: whatever is written between
two pages, no row comes twice, and none is passed over. In the order of a field it might be walked
faster, but a row that whoever reads the stream changes might move ahead and come again, for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from redmapper.errors import QueryError
from redmapper.mapping.mapped import MappedClass
from redmapper.mapping.predicates import Predicate
from redmapper.mapping.registry import MapperRegistry
from redmapper.query.planner import plan_access
from redmapper.query.query import Asked, QueryBase


def streamed(of: tuple[object, ...], batch: int, registry: MapperRegistry) -> Asked:
    """The query whose pages are the stream; QueryError, before any is read, for what makes none."""
    asked = _begun(of, registry)
    asked.require_page(batch, "stream(batch={!r})")
    plan_access(asked.selection(registry.mapped(asked.mapper)))
    return asked


def _begun(of: tuple[object, ...], registry: MapperRegistry) -> Asked:
    """What is said: conditions alone, or behind a class, its mapper or a query."""
    if not of:
        message = "stream() takes conditions, a mapper or a query: stream(Users)"
        raise QueryError(message)
    first, *others = of
    if isinstance(first, Predicate):
        return Asked(_mapped_with(first, registry).mapper).where(of, "stream")
    if isinstance(first, QueryBase):
        return first._asked.where(others, "stream")  # noqa: SLF001 - what it asks
    return Asked(registry.mapped(first).mapper).where(others, "stream")


def _mapped_with(predicate: Predicate, registry: MapperRegistry) -> MappedClass:
    """The mapped class of a condition; its mapper may have inherited the field from another."""
    field = next(_fields(predicate), None)
    name = getattr(field, "name", "")
    having = [each for each in registry if getattr(each.mapper, name, None) is field]
    own = [each for each in having if each.mapper is getattr(field, "owner", None)]
    if field is not None and len(own or having) == 1:
        return (own or having)[0]
    names = ", ".join(each.mapper.__name__ for each in having) or "none of this registry"
    message = f"stream({predicate!r}) must be of one mapper, but it is of: {names}"
    raise QueryError(message)


def _fields(predicate: Any) -> Iterator[object]:  # noqa: ANN401 - any condition
    """The fields that a condition speaks of."""
    for part in getattr(predicate, "parts", ()):
        yield from _fields(part)
    if hasattr(predicate, "part"):
        yield from _fields(predicate.part)
    if hasattr(predicate, "field"):
        yield predicate.field
