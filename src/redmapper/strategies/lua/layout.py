"""Record <-> hash: long values are cut into pieces, so that the hash stays compact.

A Redis hash with one value over 64 bytes leaves its compact encoding and takes twice the memory
(docs/decisions/record-layout.md). So a value of up to `MOST` bytes is cut into pieces of 64: the
first under the field's own name, the next under `name:1`, `name:2`, ... A longer one stands whole:
it would gain little, and reading costs more with each piece. A first piece of exactly 64 bytes says
that more may follow.

The key of an entity is in the name of its Redis key, so the hash does not repeat it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from redmapper.mapping.columns import Record
from redmapper.mapping.mapped import KeyBytes, MappedClass
from redmapper.mapping.records import FieldChanges
from redmapper.wire import Reply

PIECE = 64
MOST = 512


@lru_cache(maxsize=4096)
def _following(name: bytes) -> tuple[bytes, ...]:
    """The names of the pieces after the first."""
    return tuple([b"%b:%d" % (name, number) for number in range(1, MOST // PIECE + 1)])


def _pieces(name: bytes, value: bytes) -> list[tuple[bytes, bytes]]:
    """The pieces of a value that is cut."""
    pieces = [(name, value[:PIECE])]
    start = PIECE
    for following in _following(name):
        if start >= len(value):
            break
        pieces.append((following, value[start : start + PIECE]))
        start += PIECE
    return pieces


def cut(changes: FieldChanges, base: Record | None = None) -> FieldChanges:
    """Changes of a record as those of its hash, `base` being what stands there."""
    base = base or {}
    for name, value in changes.items():
        if (value is not None and len(value) > PIECE) or len(base.get(name, b"")) > PIECE:
            return _cut(changes, base)
    return changes


def _cut(changes: FieldChanges, base: Record) -> FieldChanges:
    fields = dict(changes)
    for name, value in changes.items():
        before = base.get(name)
        if before is not None and PIECE < len(before) <= MOST:
            fields |= dict.fromkeys(_following(name)[: (len(before) - 1) // PIECE])
        if value is not None and PIECE < len(value) <= MOST:
            fields |= _pieces(name, value)
    return fields


def cut_check(
    fields: Iterable[tuple[bytes, bytes | None]], mapped: MappedClass
) -> list[tuple[bytes, bytes | None]]:
    """What some fields of a record must be, as fields of its hash.

    Those that the mapper does not know are as they stand: nobody has joined their pieces.
    """
    known = {name for name, _ in _cuttable(mapped)}
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
    pieces = _pieces(name, value)
    yield from pieces
    if len(pieces[-1][1]) == PIECE:
        yield _following(name)[len(pieces) - 1], None


def joined(reply: Reply, mapped: MappedClass, key: KeyBytes) -> Record | None:
    """The record that HGETALL answered (a flat list, under RESP3 a dict), None if there is none.

    Fields that the mapper does not know stay in pieces: nobody reads them, and so they are kept.
    """
    if not reply:
        return None
    if isinstance(reply, dict):
        record: Record = reply
    else:
        each = iter(reply)
        record = dict(zip(each, each))  # noqa: B905 - pairs, and this runs once an entity
    for name, following in _cuttable(mapped):
        if following in record:
            _join(record, name)
    record[mapped.key.stored] = key
    return record


@lru_cache(maxsize=1024)
def _cuttable(mapped: MappedClass) -> tuple[tuple[bytes, bytes], ...]:
    """The fields that may stand in pieces, and what the second pieces are called."""
    long = [column for column in mapped.every_column if not column.kind.short]
    names = [name for column in long for name in column.names]
    return tuple((name, _following(name)[0]) for name in names)


def _join(record: Record, name: bytes) -> None:
    """Put the pieces of a value together in place of the first."""
    value = record.get(name)
    if value is None:
        return
    for count, following in enumerate(_following(name), start=1):
        if len(value) != count * PIECE or following not in record:
            break
        value += record.pop(following)
    record[name] = value
