"""Record <-> hash: long values are cut into pieces, so that the hash stays compact.

A Redis hash with one value over 64 bytes leaves its compact encoding and takes twice the memory
(docs/decisions/record-layout.md). So a value of up to `MOST` bytes is cut into pieces of 64: the
first under the field's own name, the next under `name:1`, `name:2`, ... A longer one stands whole:
it would gain little, and reading costs more with each piece. A first piece of exactly 64 bytes says
that more may follow.

The key of an entity is in the name of its Redis key, so the hash does not repeat it.
"""

from __future__ import annotations

from collections.abc import Iterator

from redmapper.mapping.columns import Record
from redmapper.mapping.mapped import KeyBytes, MappedClass
from redmapper.wire import Reply

PIECE = 64
MOST = 512


def cut(record: Record, mapped: MappedClass) -> Record:
    """A record as the fields of its hash."""
    fields = dict(record)
    fields.pop(mapped.key.attribute.column.stored, None)
    for name in [name for name, value in fields.items() if PIECE < len(value) <= MOST]:
        fields |= _pieces(name, fields[name])
    return fields


def _pieces(name: bytes, value: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The pieces of a value; just itself where it is short enough, or too long to be cut."""
    if not PIECE < len(value) <= MOST:
        yield name, value
        return
    yield name, value[:PIECE]
    for number, start in enumerate(range(PIECE, len(value), PIECE), start=1):
        yield b"%b:%d" % (name, number), value[start : start + PIECE]


def cut_field(name: bytes, value: bytes | None) -> Iterator[tuple[bytes, bytes | None]]:
    """The fields of a hash that hold one value, None for those that must be absent if it is all."""
    if value is None:
        yield name, None
        return
    pieces = list(_pieces(name, value))
    yield from pieces
    if len(pieces[-1][1]) == PIECE:
        yield b"%b:%d" % (name, len(pieces)), None


def joined(reply: Reply, mapped: MappedClass, key: KeyBytes) -> Record | None:
    """The record that HGETALL answered (a flat list, under RESP3 a dict), None if there is none."""
    if not reply:
        return None
    if isinstance(reply, dict):
        record: Record = reply
    else:
        each = iter(reply)
        record = dict(zip(each, each, strict=True))
    for name in [name for name, value in record.items() if len(value) == PIECE]:
        if name in record and b":" not in name:
            _join(record, name)
    record[mapped.key.attribute.column.stored] = key
    return record


def _join(record: Record, name: bytes) -> None:
    """Put the pieces of a value together in place of the first."""
    pieces = [record[name]]
    while len(pieces[-1]) == PIECE:
        following = record.pop(b"%b:%d" % (name, len(pieces)), None)
        if following is None:
            break
        pieces.append(following)
    record[name] = b"".join(pieces)
