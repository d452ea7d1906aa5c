"""What an entity's values are inside an index: encoded, in order, the same for every strategy.

They are made from the stored bytes, never from the object: so an entry can be taken out again by
the record that it was put in for, whatever has become of the class since.

An *encoded value* is the concatenation of the index's fields in the order-preserving encoding of
`ordering`; the key that a strategy puts beside it is not part of it. Three kinds, three rules: a
`Unique` has one value or none, a `Lookup` one an element of a collection, an `Ordered` exactly one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import TypeAlias, cast

from redmapper.mapping.columns import Column, Record
from redmapper.mapping.indexes import Index, Lookup, Ordered, Unique
from redmapper.mapping.ordering import END, KEY_DIGITS, descending, key_tail_int, key_tail_text
from redmapper.mapping.scalars import Scalar

Values: TypeAlias = tuple[bytes, ...]
EntryValues: TypeAlias = Callable[[Record], Values]
EntryValue: TypeAlias = "Callable[[Record], bytes | None]"


def entry_values(index: Index, columns: list[Column]) -> tuple[EntryValue, EntryValues]:
    """The functions that give a record's encoded values in an index: the only one, and all.

    Over a collection there may be many, and the first function may not be asked.
    """
    if any(column.kind.elements for column in columns):
        return _not_one, _combinations(columns)
    one = _KINDS[type(index)](index, columns)

    def values(record: Record) -> Values:
        value = one(record)
        return () if value is None else (value,)

    return one, values


def _not_one(_: Record) -> bytes | None:
    message = "an index over a collection has not one value"
    raise TypeError(message)


def ordered_value(column: Column) -> Callable[[Record], bytes]:
    """The function that encodes one scalar field of a record, ascending, None included."""
    scalar = column.kind.scalar
    if scalar is None:
        message = f"{column.name} is not a scalar"  # the registry has refused it before
        raise TypeError(message)
    return cast("Callable[[Record], bytes]", _encoded(column, scalar, scalar.none))


def _encoded(column: Column, scalar: Scalar, none: bytes | None) -> EntryValue:
    """The same, with something else for None."""
    order, stored, shadow = scalar.order_stored, column.stored, column.shadow

    def encode(record: Record) -> bytes | None:
        raw = record.get(stored)
        return none if raw is None else order(raw)

    def encode_text(record: Record) -> bytes | None:
        raw = record.get(stored)
        if raw is None or 0 in raw:  # as a byte it takes a third of what it takes as bytes
            return none if raw is None else order(raw)
        return raw + END  # the commonest of all, without a call

    def encode_normed(record: Record) -> bytes | None:
        raw = record.get(shadow, record.get(stored))
        return none if raw is None else order(raw)

    if column.norm is not None:
        return encode_normed
    return encode_text if scalar.name in AS_STORED else encode


def raw_of(column: Column, record: Record) -> bytes | None:
    """The stored bytes of the value that indexes have of a field."""
    raw = record.get(column.stored)
    return raw if column.norm is None else record.get(column.shadow, raw)


AS_STORED = ("text", "bytes")
"""Kinds whose stored bytes are in order as they are, but for their end."""


def key_tail(key: Scalar) -> Callable[[bytes], bytes]:
    """The function that gives a stored key as it stands, in order, at the end of a member."""
    return _TAILS[key.tail or "fixed"]


def key_tails(key: Scalar) -> Callable[[Iterable[bytes]], list[bytes]]:
    """The same of many keys."""
    if key.tail == "int":
        return _int_tails
    tail = key_tail(key)
    return lambda keys: list(map(tail, keys))


_MINUS = ord("-")
_INT_HEADS = tuple(key_tail_int(10**digits)[:1] for digits in range(KEY_DIGITS))
"""The head of a tail by the number of digits, less one."""


def _int_tail(key: bytes) -> bytes:
    """What `key_tail_int` makes of a number, from its digits."""
    if key[0] == _MINUS or len(key) > KEY_DIGITS:
        return key_tail_int(int(key, 0))
    return _INT_HEADS[len(key) - 1] + key


def _int_tails(keys: Iterable[bytes]) -> list[bytes]:
    """The same of many: a call each costs more than it does."""
    heads, minus, most, tail = _INT_HEADS, _MINUS, KEY_DIGITS, _int_tail
    return [
        tail(key) if key[0] == minus or len(key) > most else heads[len(key) - 1] + key
        for key in keys
    ]


_TAILS: dict[str, Callable[[bytes], bytes]] = {
    "int": _int_tail,
    "text": key_tail_text,
    "fixed": lambda key: key,
}


def _unique(index: Index, columns: list[Column]) -> EntryValue:
    if isinstance(index, Unique) and index.nulls:
        return _joined([ordered_value(column) for column in columns])
    each = [_encoded(column, column.kind.scalar, None) for column in columns if column.kind.scalar]
    if len(each) == 1:
        return each[0]

    def all_or_none(record: Record) -> bytes | None:
        parts = [one(record) for one in each]
        return None if None in parts else b"".join(part for part in parts if part is not None)

    return all_or_none


def _lookup(_: Index, columns: list[Column]) -> EntryValue:
    return _joined([ordered_value(column) for column in columns])


def _ordered(index: Index, columns: list[Column]) -> EntryValue:
    each = []
    for term, column in zip(index.terms, columns, strict=True):
        one = ordered_value(column)
        each.append(_complemented(one) if term.descending else one)
    return _joined(each)


def _complemented(one: Callable[[Record], bytes]) -> Callable[[Record], bytes]:
    return lambda record: descending(one(record))


def _joined(each: list[Callable[[Record], bytes]]) -> Callable[[Record], bytes]:
    if len(each) == 1:
        return each[0]
    return lambda record: b"".join([one(record) for one in each])


_KINDS: dict[type[Index], Callable[[Index, list[Column]], EntryValue]] = {
    Unique: _unique,
    Lookup: _lookup,
    Ordered: _ordered,
}


def _combinations(columns: list[Column]) -> EntryValues:
    """The values of a `Lookup` over a collection: one an element."""
    each = [_alternatives(column) for column in columns]
    return lambda record: tuple(
        map(b"".join, itertools.product(*(values(record) for values in each)))
    )


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
