"""What an entity's values are inside an index: encoded, in order, the same for every strategy.

An *encoded value* is the concatenation of the index's fields in the order-preserving encoding of
`ordering`; the key that a strategy puts beside it is not part of it. Three kinds, three rules: a
`Unique` has one value or none, a `Lookup` one an element of a collection, an `Ordered` exactly one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TypeAlias

from redmapper.mapping.columns import Column, Record
from redmapper.mapping.indexes import Index, Lookup, Ordered, Unique
from redmapper.mapping.ordering import descending, key_tail_int, key_tail_text
from redmapper.mapping.scalars import Scalar

Values: TypeAlias = tuple[bytes, ...]
EntryValues: TypeAlias = Callable[[Record], Values]


def entry_values(index: Index, columns: list[Column]) -> EntryValues:
    """The function that gives the encoded values of a record in an index."""
    return _KINDS[type(index)](index, columns)


def ordered_value(column: Column) -> Callable[[Record], bytes]:
    """The function that encodes one scalar field of a record, ascending, None included."""
    scalar = column.kind.scalar
    if scalar is None:
        message = f"{column.name} is not a scalar"  # the registry has refused it before
        raise TypeError(message)
    order, decode, none, raw_of = scalar.order, scalar.decode, scalar.none, column.raw

    def encode(record: Record) -> bytes:
        raw = raw_of(record)
        return none if raw is None else order(decode(raw))

    return encode


def key_tail(key: Scalar) -> Callable[[bytes], bytes]:
    """The function that gives a stored key as it stands, in order, at the end of a member."""
    return _TAILS[key.tail or "fixed"]


_TAILS: dict[str, Callable[[bytes], bytes]] = {
    "int": lambda key: key_tail_int(int(key)),
    "text": key_tail_text,
    "fixed": lambda key: key,
}


def _unique(index: Index, columns: list[Column]) -> EntryValues:
    whole = _concatenated([ordered_value(column) for column in columns])
    if isinstance(index, Unique) and index.nulls:
        return lambda record: (whole(record),)

    def value_or_none(record: Record) -> Values:
        if any(column.raw(record) is None for column in columns):
            return ()
        return (whole(record),)

    return value_or_none


def _lookup(_: Index, columns: list[Column]) -> EntryValues:
    if all(column.kind.scalar for column in columns):
        whole = _concatenated([ordered_value(column) for column in columns])
        return lambda record: (whole(record),)
    each = [_alternatives(column) for column in columns]

    def combinations(record: Record) -> Values:
        return tuple(map(b"".join, itertools.product(*(values(record) for values in each))))

    return combinations


def _alternatives(column: Column) -> EntryValues:
    """The values of one field of a `Lookup`: those of a collection's elements, or its own."""
    elements = column.kind.elements
    if elements is None:
        one = ordered_value(column)
        return lambda record: (one(record),)

    def of_elements(record: Record) -> Values:
        held = column.queried(record) or ()
        return tuple(dict.fromkeys(map(elements.order, held)))

    return of_elements


def _ordered(index: Index, columns: list[Column]) -> EntryValues:
    each = []
    for term, column in zip(index.terms, columns, strict=True):
        one = ordered_value(column)
        each.append(_complemented(one) if term.descending else one)
    whole = _concatenated(each)
    return lambda record: (whole(record),)


def _complemented(one: Callable[[Record], bytes]) -> Callable[[Record], bytes]:
    return lambda record: descending(one(record))


def _concatenated(each: list[Callable[[Record], bytes]]) -> Callable[[Record], bytes]:
    if len(each) == 1:
        return each[0]
    return lambda record: b"".join([one(record) for one in each])


_KINDS: dict[type[Index], Callable[[Index, list[Column]], EntryValues]] = {
    Unique: _unique,
    Lookup: _lookup,
    Ordered: _ordered,
}
