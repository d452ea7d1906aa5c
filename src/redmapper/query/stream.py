"""What a stream asks: whose rows, and the order in which they are walked, page by page.

A stream may come in any order, so it takes that of an `Ordered` which serves its conditions: each
page then is a walk that begins where the last one ended, and costs what the first one did. Where
there is none it takes that of the keys, which every mapper has listed.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from redmapper.errors import QueryError
from redmapper.mapping.mapped import MappedClass
from redmapper.mapping.predicates import Predicate, Term
from redmapper.mapping.registry import MapperRegistry
from redmapper.query.planner import Access, ByOrdered, plan_accesses
from redmapper.query.query import Asked, QueryBase
from redmapper.query.selection import resolve_order


def streamed(of: tuple[object, ...], batch: int, registry: MapperRegistry) -> Asked:
    """The query that pages of this size answer a stream with; QueryError for what makes none."""
    asked = _begun(of, registry)
    asked.require_page(batch, "stream")
    mapped = registry.mapped(asked.mapper)
    terms = asked.terms or _walk(asked, mapped, batch)
    return attrs.evolve(asked, terms=terms)


def _begun(of: tuple[object, ...], registry: MapperRegistry) -> Asked:
    """What is said: conditions alone, or behind a class, its mapper or a query."""
    if not of:
        message = "stream() takes conditions, a mapper or a query: stream(Users)"
        raise QueryError(message)
    first, *conditions = of
    if isinstance(first, QueryBase):
        asked = first._asked  # noqa: SLF001 - what it asks
        registry.mapped(asked.mapper)
    elif isinstance(first, Predicate):
        asked, conditions = Asked(_mapped_with(first, registry).mapper), list(of)
    else:
        asked = Asked(registry.mapped(first).mapper)
    return asked.where(conditions, "stream")


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


def _fields(predicate: object) -> Iterator[object]:
    """The fields that a condition speaks of."""
    for part in getattr(predicate, "parts", ()):
        yield from _fields(part)
    if hasattr(predicate, "part"):
        yield from _fields(predicate.part)
    if hasattr(predicate, "field"):
        yield predicate.field


def _walk(asked: Asked, mapped: MappedClass, batch: int) -> tuple[Term, ...]:
    """The order of the `Ordered` that serves most of the conditions; none: that of the keys."""
    selection = attrs.evolve(asked.selection(mapped), limit=batch + 1)
    for access in plan_accesses(selection):
        source = access.source
        if not access.by or not isinstance(source, ByOrdered) or source.index is None:
            continue
        terms = source.index.index.terms
        walked = attrs.evolve(selection, order=resolve_order(terms, mapped))
        if any(_walks(each, access) for each in plan_accesses(walked)):
            return terms
    return ()


def _walks(access: Access, serving: Access) -> bool:
    """Whether an access goes through the same index, and may stop."""
    same = getattr(access.source, "index", None) is getattr(serving.source, "index", None)
    return same and access.in_order and bool(access.by)
