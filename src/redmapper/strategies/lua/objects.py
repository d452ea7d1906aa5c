"""Replies -> entities that nobody tracks: straight, by position, without a record in between.

Replies for the entities of a mapper mostly have the same fields in the same order, one after the
other. For each such order a constructor is generated once, and to know that it fits a reply, its
names are compared with those of the reply before. Rows of a query come without names, and one
generated function makes the entities of all that have the same fields. Whatever goes wrong, the
entity is made once more by way of its record: that says what is wrong, and of which entity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from redmapper.mapping.columns import Record
from redmapper.mapping.construction import ByPosition, MakeAll
from redmapper.mapping.mapped import KeyBytes, MappedClass
from redmapper.strategies.lua.layout import PIECE, flat, joined, positions
from redmapper.wire import Reply

Construct: TypeAlias = Callable[[Sequence["bytes | None"], Any], Any]

Values: TypeAlias = Sequence["bytes | None"]
"""Those of a row: one a field, None where it is not stored; then what follows first pieces."""


class Fields(NamedTuple):
    """The fields that rows have, and those of them that are cut.

    Of each of these a row has one value more, if any row before it and itself had a first piece
    that is full: all that follows that piece, None where nothing does.
    """

    names: tuple[bytes, ...]
    cut: tuple[bytes, ...] = ()


@lru_cache(maxsize=1024)
def fields_of(names: tuple[bytes, ...], cut: tuple[int, ...]) -> Fields:
    """These fields; those that are cut are given by number, from 1 on."""
    return Fields(names, tuple([names[number - 1] for number in cut]))


BareRow: TypeAlias = tuple[KeyBytes, Values, Fields]
"""A row as it came; those of one reply share their `Fields`."""

MOST_CONSTRUCTORS = 64
"""Orders of fields of a mapper that get one; it takes about as long as making 100 entities."""


def entities_of(
    replies: Iterable[Reply], mapped: MappedClass, keys: Iterable[KeyBytes]
) -> list[Any]:
    """What HGETALL has answered for these keys, None for what is not there."""
    decode = mapped.decode_key
    made: list[Any] = []
    names: list[bytes] = []
    construct: Construct | None = None
    for reply, key in zip(replies, keys, strict=True):
        if not reply:
            made.append(None)
            continue
        found = flat(reply) if type(reply) is dict else reply
        if found[::2] != names:
            names = found[::2]
            construct = _constructor(tuple(names), mapped)
        try:
            made.append(
                construct(found, decode(key)) if construct else _by_record(found, mapped, key)
            )
        except Exception:  # noqa: BLE001 - the class's own __init__ runs
            made.append(_by_record(found, mapped, key))
    return made


def entities_of_rows(rows: Iterable[BareRow], mapped: MappedClass) -> list[Any]:
    """The same of the values of some fields."""

    def by_record(row: BareRow) -> Any:  # noqa: ANN401 - an entity
        return mapped.construct(record_of(row, mapped), row[0])

    made: list[Any] = []
    for fields, alike in groupby(rows, itemgetter(2)):
        made += _row_constructor(fields, mapped)(alike, by_record)
    return made


def record_of(row: BareRow, mapped: MappedClass) -> Record:
    """Such a row, as far as its fields are stored, as a record."""
    key, values, fields = row
    record: Any = dict(zip(fields.names, values))  # noqa: B905 - this runs once a row
    for place, name in enumerate(fields.cut, len(fields.names)):
        if len(record[name] or b"") == PIECE:
            record[name] += values[place] or b""
    if None in values:
        record = {name: value for name, value in record.items() if value is not None}
    record[mapped.key.stored] = key
    return record  # type: ignore[no-any-return]


def _by_record(reply: Reply, mapped: MappedClass, key: KeyBytes) -> Any:  # noqa: ANN401 - an entity
    return mapped.construct(joined(reply, mapped, key) or {}, key)


def _constructor(names: tuple[bytes, ...], mapped: MappedClass) -> Construct | None:
    """The constructor for replies with these names; None where there are too many others."""
    known = _constructors(mapped)
    if names not in known and len(known) < MOST_CONSTRUCTORS:
        known[names] = mapped.codec.constructors.at(positions(names, mapped))
    return known.get(names)


@lru_cache(maxsize=1024)
def _constructors(_: MappedClass) -> dict[tuple[bytes, ...], Construct]:
    """The constructors of a mapper, by the names of the replies that they fit."""
    return {}


@lru_cache(maxsize=1024)
def _row_constructor(fields: Fields, mapped: MappedClass) -> MakeAll:
    at = {name: [place] for place, name in enumerate(fields.names)}
    for place, name in enumerate(fields.cut, len(fields.names)):
        at[name].append(place)
    return mapped.codec.constructors.in_turn(ByPosition(at, full=PIECE, gaps=True))
