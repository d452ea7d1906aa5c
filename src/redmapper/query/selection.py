"""What a query asks, with its names resolved: a frozen value that strategies answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeAlias

import attrs

from redmapper.errors import UnknownField, UnsupportedQuery, ValueRefused
from redmapper.mapping.columns import Column, Record
from redmapper.mapping.entries import key_tail, ordered_value
from redmapper.mapping.fields import Queryable
from redmapper.mapping.mapped import KeyBytes, MappedClass
from redmapper.mapping.ordering import descending
from redmapper.mapping.predicates import Predicate, Term
from redmapper.query.spans import NAN, Spans, spans_of

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

    @property
    def names(self) -> tuple[bytes, ...]:
        """The stored fields that it looks at."""
        return tuple([name for column, _ in self.terms for name in column.names])


@attrs.frozen
class Position:
    """A place in an order: the stored value of each term, None where there is none, and a key.

    `key` None with a `serial` is the place of an object that waits for its number.
    """

    values: tuple[bytes | None, ...]
    key: KeyBytes | None
    serial: int = 0

    def row(self, order: Order) -> tuple[KeyBytes | None, Record]:
        """A row that would stand there."""
        each = zip(order.terms, self.values, strict=True)
        return self.key, {column.stored: raw for (column, _), raw in each if raw is not None}


@attrs.frozen(slots=False)
class Selection:
    """Rows of one mapper: a condition, an order, and a number of rows at most.

    `without` are keys to leave out, before anything is counted: the pending ones of a unit. Rows
    begin behind `after`. Of their records `fields` are wanted besides those of the order, None: all
    that they hold.

    One is made for each query, and a query like one before needs nothing but what was said: so what
    follows from that is worked out when it is asked for.
    """

    mapped: MappedClass
    where: Predicate | None = None
    terms: tuple[Term, ...] = ()
    limit: int | None = None
    scan: bool = False
    without: frozenset[KeyBytes] = frozenset()
    after: Position | None = None
    fields: tuple[bytes, ...] | None = None

    @cached_property
    def order(self) -> Order:
        """The order, resolved. Raises UnknownField, and UnsupportedQuery for what has none."""
        return resolve_order(self.terms, self.mapped)

    def check_order(self) -> None:
        """Raise what `order` raises: an order that is none is refused before all else."""
        _ = self.order

    @cached_property
    def names(self) -> tuple[bytes, ...] | None:
        """The stored fields that are wanted of each record; None: all."""
        fields = self.fields
        if fields is None or not self.terms:
            return fields
        return (*fields, *[name for name in self.order.names if name not in fields])

    @cached_property
    def _spans(self) -> dict[int, Spans | None]:
        return {}

    def spans(self, predicate: Predicate, column: Column) -> Spans | None:
        """`spans_of`, worked out once a condition of this selection."""
        known = self._spans
        if id(predicate) not in known:
            known[id(predicate)] = spans_of(predicate, column)
        return known[id(predicate)]


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
        if all(column is not each for each, _ in resolved):  # a second time it decides nothing
            resolved.append((column, term.descending))
    return Order(tuple(resolved), terms[-1].descending if terms else False)


def place_of(column: Column) -> Callable[[Record], bytes]:
    """The function that encodes one scalar field of a record; NaN, unlike an index, as well."""
    encode = ordered_value(column)
    if not column.unsure:
        return encode

    def place(record: Record) -> bytes:
        try:
            return encode(record)
        except ValueRefused:
            return NAN

    return place


_GREATEST = b"\xff"
"""Above every key: where an object stands that waits for its number from a sequence."""


def sort_key(order: Order, mapped: MappedClass) -> Callable[..., bytes]:
    """What sorts rows: the bytes an `Ordered` over the same terms would hold.

    The function takes a row, its key None for one that waits for a number, and the serial that
    tells such rows apart.
    """
    columns = [(place_of(column), down) for column, down in order.terms]
    tail = key_tail(mapped.key.scalar)

    def encode(row: tuple[KeyBytes | None, Record], serial: int = 0) -> bytes:
        key, record = row
        parts = [descending(one(record)) if down else one(record) for one, down in columns]
        last = _GREATEST + serial.to_bytes(8, "big") if key is None else tail(key)
        parts.append(descending(last) if order.key_descending else last)
        return b"".join(parts)

    return encode


def position_of(row: tuple[KeyBytes | None, Record], order: Order, serial: int = 0) -> Position:
    """Where a row stands in an order."""
    key, record = row
    return Position(tuple(column.raw(record) for column, _ in order.terms), key, serial)
