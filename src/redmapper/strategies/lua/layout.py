"""Record <-> hash: long values are cut into pieces, so that the hash stays compact.

A Redis hash with one value over 64 bytes leaves its compact encoding and takes twice the memory
(docs/decisions/record-layout.md). So a value of up to `MOST` bytes is cut into pieces of 64: the
first under the field's own name, the next under `name:1`, `name:2`, ... A longer one stands whole:
it would gain little, and reading costs more with each piece. A first piece of exactly 64 bytes says
that more may follow.

The key of an entity is in the name of its Redis key, so the hash does not repeat it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple

from redmapper.mapping.columns import Record
from redmapper.mapping.construction import ByPosition
from redmapper.mapping.mapped import KeyBytes, MappedClass
from redmapper.mapping.records import FieldChanges
from redmapper.wire import Reply

PIECE = 64
MOST = 512


@lru_cache(maxsize=4096)
def _following(name: bytes) -> tuple[bytes, ...]:
    """The names of the pieces after the first."""
    return tuple([b"%b:%d" % (name, number) for number in range(1, MOST // PIECE + 1)])


def _put(fields: FieldChanges, name: bytes, value: bytes) -> None:
    """Put a value in pieces."""
    fields[name] = value[:PIECE]
    at = PIECE
    for following in _following(name):
        if at >= len(value):
            break
        fields[following] = value[at : at + PIECE]
        at += PIECE


def cut(
    changes: FieldChanges, base: Record | None = None, long: Collection[bytes] | None = None
) -> FieldChanges:
    """Changes of a record as those of its hash, `base` being what stands there.

    `long` are those of the changed fields that may stand in pieces, if that is known.
    """
    fields = changes
    names = changes if long is None else long
    if base is not None:
        for name in names:
            before = len(base.get(name, b""))
            if PIECE < before <= MOST:
                fields = {**fields, **dict.fromkeys(_following(name)[: (before - 1) // PIECE])}
    for name in names:
        value = changes.get(name)
        if value is not None and PIECE < len(value) <= MOST:
            if fields is changes:
                fields = changes.copy()
            _put(fields, name, value)
    return fields


def parted(fields: Mapping[bytes, bytes | None]) -> tuple[dict[bytes, bytes], tuple[bytes, ...]]:
    """The fields that are written, and the names of those that go."""
    gone = tuple([name for name, value in fields.items() if value is None])
    return {name: value for name, value in fields.items() if value is not None}, gone


def pieces(column: Sequence[bytes]) -> list[int]:
    """Of each of these values, how many pieces it stands in; nothing where all stand whole."""
    if is_constant(column):
        size = len(column[0])
        return [_pieces(size)] * len(column) if PIECE < size <= MOST else []
    sizes = list(map(len, column))
    return list(map(_pieces, sizes)) if max(sizes) > PIECE else []


def is_constant(column: Sequence[object]) -> bool:
    """Whether its values, of which there is one at least, are all the same."""
    first = column[0]
    return first == column[-1] and column.count(first) == len(column)


def _pieces(size: int) -> int:
    return (size + PIECE - 1) // PIECE if PIECE < size <= MOST else 1


def cut_column(
    name: bytes, column: Sequence[bytes], count: int
) -> Iterator[tuple[bytes, Sequence[bytes]]]:
    """A column of values that stand in so many pieces each, as the columns of these."""
    alike = is_constant(column)
    for number, each in enumerate((name, *_following(name)[: count - 1])):
        start, end = number * PIECE, (number + 1) * PIECE
        if alike:
            yield each, [column[0][start:end]] * len(column)
        else:
            yield each, [value[start:end] for value in column]


def cut_check(
    fields: Iterable[tuple[bytes, bytes | None]], mapped: MappedClass
) -> list[tuple[bytes, bytes | None]]:
    """What some fields of a record must be, as fields of its hash.

    Those that the mapper does not know are as they stand: nobody has joined their pieces.
    """
    known = cuttable(mapped)
    return [
        part
        for name, value in fields
        for part in (cut_field(name, value) if name in known else [(name, value)])
    ]


def cut_field(name: bytes, value: bytes | None) -> Iterator[tuple[bytes, bytes | None]]:
    """The fields of a hash that hold one value, None for those that must be absent if it is all."""
    if value is None or not PIECE <= len(value) <= MOST:
        yield name, value
        return
    pieces: FieldChanges = {}
    _put(pieces, name, value)
    yield from pieces.items()
    if len(value) % PIECE == 0:
        yield _following(name)[len(pieces) - 1], None


def joined(reply: Reply, mapped: MappedClass, key: KeyBytes) -> Record | None:
    """The record that HGETALL answered (a flat list, under RESP3 a dict), None if there is none.

    Fields that the mapper does not know stay in pieces: nobody reads them, and so they are kept.
    """
    if not reply:
        return None
    if isinstance(reply, dict):
        reply = flat(reply)
    shapes = _shapes(mapped)
    names = tuple(reply[::2])
    shape = shapes.get(names)
    if shape is None:
        shape = _shape(names, mapped)
        if len(shapes) < MOST_SHAPES:
            shapes[names] = shape
    record = dict(zip(shape.names, shape.values(reply)))  # noqa: B905 - this runs once an entity
    for name, pieces in shape.cut:
        _join(record, name, pieces, reply)
    record[mapped.key.stored] = key
    return record


def flat(reply: dict[bytes, bytes]) -> list[bytes]:
    """What HGETALL answers under RESP3, as it does under RESP2."""
    return [word for pair in reply.items() for word in pair]


MOST_SHAPES = 1_000
"""Orders of fields that a mapper's records are remembered to come in."""


class Shape(NamedTuple):
    """What records have in common whose hashes have the same fields in the same order.

    `names` are the fields of the record, `values` takes them out of a reply. Of each that stands in
    pieces `cut` has the name, and those of the pieces after the first with where they stand.
    """

    names: tuple[bytes, ...]
    values: Callable[[list[bytes]], tuple[bytes, ...]]
    cut: tuple[tuple[bytes, tuple[tuple[bytes, int], ...]], ...]


def positions(names: tuple[bytes, ...], mapped: MappedClass) -> ByPosition:
    """Where the values of a record stand in a reply with these names, pieces and all."""
    shape = _shape(names, mapped)
    found = {name: [2 * names.index(name) + 1] for name in shape.names}
    for name, pieces in shape.cut:
        found[name] += [place for _, place in pieces]
    return ByPosition(found, full=PIECE)


def _shape(names: tuple[bytes, ...], mapped: MappedClass) -> Shape:
    places = {name: 2 * position + 1 for position, name in enumerate(names)}
    cut: list[tuple[bytes, tuple[tuple[bytes, int], ...]]] = []
    for name in cuttable(mapped):
        if name in places:
            following = takewhile(places.__contains__, _following(name))
            pieces = tuple([(each, places.pop(each)) for each in tuple(following)])
            if pieces:
                cut.append((name, pieces))
    # With one position `itemgetter` would answer the value itself, so the first is taken twice.
    values = operator.itemgetter(*places.values(), 1)
    return Shape(tuple(places), values, tuple(cut))


@lru_cache(maxsize=1024)
def _shapes(_: MappedClass) -> dict[tuple[bytes, ...], Shape]:
    """The shapes of a mapper's records that have been seen."""
    return {}


@lru_cache(maxsize=1024)
def cuttable(mapped: MappedClass) -> tuple[bytes, ...]:
    """The fields that may stand in pieces."""
    long = [column for column in mapped.every_column if not column.kind.short]
    return tuple([name for column in long for name in column.names])


def _join(
    record: Record, name: bytes, pieces: tuple[tuple[bytes, int], ...], reply: list[bytes]
) -> None:
    """Put the pieces of a value together in place of the first.

    Behind a piece that is not full there are no others; what stands there is a field by itself.
    """
    value = piece = record[name]
    for following, place in pieces:
        if len(piece) == PIECE:
            piece = reply[place]
            value += piece
        else:
            record[following] = reply[place]
    record[name] = value
