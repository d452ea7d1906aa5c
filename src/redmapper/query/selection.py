"""What a query asks, with its names resolved: a frozen value that strategies answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import attrs

from redmapper.errors import UnknownField, UnsupportedQuery
from redmapper.mapping.columns import Column, Record
from redmapper.mapping.entries import key_tail, ordered_value
from redmapper.mapping.fields import Queryable
from redmapper.mapping.mapped import KeyBytes, MappedClass
from redmapper.mapping.ordering import descending
from redmapper.mapping.predicates import Predicate, Term

Row: TypeAlias = tuple[KeyBytes, Record]
"""A stored entity as a query finds it."""


@attrs.frozen
class Order:
    """The order of rows: by columns (and whether each descends), at last by key."""

    terms: tuple[tuple[Column, bool], ...] = ()
    key_descending: bool = False

    @property
    def by_key_alone(self) -> bool:
        """Whether the key decides everything."""
        return not self.terms


@attrs.frozen
class Selection:
    """Rows of one mapper: a condition, an order, and a number of rows at most.

    `without` are keys to leave out, before anything is counted: the pending ones of a unit.
    """

    mapped: MappedClass
    where: Predicate | None = None
    order: Order = Order()
    limit: int | None = None
    scan: bool = False
    without: frozenset[KeyBytes] = frozenset()


def column_of(field: Queryable[Any], mapped: MappedClass) -> Column:
    """The column a condition or an order speaks of; UnknownField where it is another mapper's."""
    if mapped.key.declared is field:
        return mapped.key.attribute.column
    column = mapped.columns.get(field.name)
    if column is None or getattr(mapped.mapper, field.name, None) is not field:
        message = f"{field!r} is not a field of {mapped.mapper.__name__}"
        raise UnknownField(message)
    return column


def resolve_order(terms: tuple[Term, ...], mapped: MappedClass) -> Order:
    """An order as said, resolved: what comes after the key decides nothing; ties go by key."""
    resolved: list[tuple[Column, bool]] = []
    for term in terms:
        if mapped.key.declared is term.field:
            return Order(tuple(resolved), term.descending)
        column = column_of(term.field, mapped)
        if column.kind.scalar is None:
            message = f"{term!r}: only scalar fields have an order"
            raise UnsupportedQuery(message)
        resolved.append((column, term.descending))
    return Order(tuple(resolved), resolved[-1][1] if resolved else False)


_GREATEST = b"\xff"
"""Above every key: where an object stands that waits for its number from a sequence."""


def sort_key(
    order: Order, mapped: MappedClass
) -> Callable[[tuple[KeyBytes | None, Record]], bytes]:
    """What sorts rows: the bytes an `Ordered` over the same terms would hold."""
    columns = [(ordered_value(column), down) for column, down in order.terms]
    tail = key_tail(mapped.key.scalar)

    def encode(row: tuple[KeyBytes | None, Record]) -> bytes:
        key, record = row
        parts = [descending(one(record)) if down else one(record) for one, down in columns]
        last = _GREATEST if key is None else tail(key)
        parts.append(descending(last) if order.key_descending else last)
        return b"".join(parts)

    return encode
