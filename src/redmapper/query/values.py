"""Some fields of rows as tuples: what `values(...)` reads, and how it is decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import attrs

from redmapper.errors import CorruptRecord, QueryError
from redmapper.mapping.columns import Column, Record
from redmapper.mapping.fields import Queryable
from redmapper.mapping.mapped import KeyBytes, MappedClass
from redmapper.query.selection import column_of

Decode: TypeAlias = Callable[["KeyBytes | None", Record], Any]


@attrs.frozen
class Reader:
    """Which stored fields some values need, and the function that makes a tuple of them."""

    names: tuple[bytes, ...]
    decoders: tuple[Decode, ...]

    def read(self, key: KeyBytes | None, record: Record) -> tuple[Any, ...]:
        """The values of one row. Raises CorruptRecord."""
        return tuple([decode(key, record) for decode in self.decoders])


def reader_of(fields: tuple[object, ...], mapped: MappedClass) -> Reader:
    """The reader of these fields. Raises UnknownField, and QueryError for what is no field."""
    names: dict[bytes, None] = {}
    decoders: list[Decode] = []
    for field in fields:
        if not isinstance(field, Queryable):
            message = f"values() takes fields such as Users.name, not {field!r}"
            raise QueryError(message)
        column = column_of(field, mapped)
        if column is mapped.key.attribute.column:
            decoders.append(lambda key, _: None if key is None else mapped.decode_key(key))
        else:
            names |= dict.fromkeys((column.stored, b"!" + column.stored))
            decoders.append(_decoder(column, mapped))
    return Reader(tuple(names), tuple(decoders))


def _decoder(column: Column, mapped: MappedClass) -> Decode:
    """What an object's attribute would be: a record older than it gives its default."""
    attribute = next((each for each in mapped.attributes if each.column is column), None)
    absent = attribute.absent if attribute and not attribute.none_is_absent else lambda _: None
    decode, stored = column.kind.codec.decode, column.stored

    def read(key: KeyBytes | None, record: Record) -> Any:  # noqa: ANN401 - any value
        raw = record.get(stored)
        try:
            return absent(record) if raw is None else decode(raw)
        except Exception as error:  # noqa: BLE001 - a converter's hooks raise what they like
            shown = "..." if column.hidden else repr((raw or b"")[:60])
            reason = type(error).__name__ if column.hidden else f"{type(error).__name__}: {error}"
            message = f"{mapped.title(key)}: field {column.name!r} holds {shown}: {reason}"
        raise CorruptRecord(message)

    return read
