"""A partition rebuilt from its records alone: what every other key of it must hold.

An independent reading of the stored format as `strategies/lua` documents it (`keys.py` spells the
keys, `layout.py` cuts long values, `entries.py` places what the indexes hold), so that a mistake
there is not made here again. Shared with it are only the order-preserving encodings of
`mapping.ordering`, which have tests of their own, and the declarations of the mappers.

`complaints` says all that is wrong with a partition: records that are not spelled canonically,
entries without a record, claims without an owner, what is missing, and keys that nobody knows.
"""

from __future__ import annotations

import itertools
import json
import typing
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, TypeAlias
from uuid import UUID

import attrs
import redis

from redmapper import Computed, Field, Lookup, MapperRegistry, Ordered, Unique
from redmapper.mapping import ordering

Content: TypeAlias = "dict[bytes, bytes] | dict[bytes, float] | frozenset[bytes] | bytes"
Partition: TypeAlias = "dict[bytes, Content]"
"""The keys of a partition, and what each of them holds."""

ABSENT = object()


# --- what there is -----------------------------------------------------------------------------


def read_partition(client: redis.Redis, tag: bytes) -> Partition:
    """Every key that begins with the hash tag, whole."""
    keys = sorted(client.scan_iter(match=tag + b"*", count=10_000))
    with client.pipeline(transaction=False) as asking:
        for key in keys:
            asking.type(key)
        types = asking.execute()
        for key, kind in zip(keys, types, strict=True):
            _READS[kind](asking, key)
        contents = asking.execute()
    return {
        key: _PLAIN[kind](content) for key, kind, content in zip(keys, types, contents, strict=True)
    }


_READS: dict[bytes, Callable[[Any, bytes], Any]] = {
    b"hash": lambda asking, key: asking.hgetall(key),
    b"set": lambda asking, key: asking.smembers(key),
    b"zset": lambda asking, key: asking.zrange(key, 0, -1, withscores=True),
    b"string": lambda asking, key: asking.get(key),
}
_PLAIN: dict[bytes, Callable[[Any], Content]] = {
    b"hash": dict,
    b"set": frozenset,
    b"zset": dict,
    b"string": bytes,
}


def data_of(partition: Partition, tag: bytes) -> Partition:
    """A partition without its bookkeeping: only what a commit may have written."""
    return {key: held for key, held in partition.items() if not key.startswith(tag + b"#")}


# --- values ------------------------------------------------------------------------------------


@attrs.frozen
class Kind:
    """How the values of one type are stored, read back, and ordered; and None among the ordered."""

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    order: Callable[[Any], bytes]
    none: bytes = ordering.NONE


_KINDS: dict[type, Kind] = {
    str: Kind(str.encode, bytes.decode, ordering.order_text),
    int: Kind(lambda value: str(value).encode(), int, ordering.order_int),
    Decimal: Kind(
        lambda value: str(value).encode(),
        lambda stored: Decimal(stored.decode()),
        ordering.order_decimal,
    ),
    datetime: Kind(
        lambda value: value.isoformat().encode(),
        lambda stored: datetime.fromisoformat(stored.decode()),
        ordering.order_datetime,
        bytes(9),
    ),
    UUID: Kind(
        lambda value: str(value).encode(),
        lambda stored: UUID(stored.decode()),
        ordering.order_uuid,
        bytes(17),
    ),
}

_JSON = Kind(
    lambda value: json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    ).encode(),
    json.loads,
    lambda value: json.dumps(value).encode(),
)


def kind_of(annotation: Any) -> Kind:
    """The kind of an annotation; lists and dicts of plain values are JSON."""
    for plain in (annotation, *typing.get_args(annotation)):
        if plain in _KINDS and typing.get_origin(annotation) not in (list, dict):
            return _KINDS[plain]
    return _JSON


def _tail_of_int(key: bytes) -> bytes:
    digits = key.lstrip(b"-")
    if key.startswith(b"-"):
        return bytes([0x7F - len(digits)]) + bytes(0x69 - digit for digit in digits)
    return bytes([0x80 + len(digits)]) + digits


_TAILS: dict[type, Callable[[bytes], bytes]] = {
    int: _tail_of_int,
    str: lambda key: key.replace(b"\0", b"\0\xff") + b"\0\1",
    UUID: lambda key: key,
}


def reversed_order(encoded: bytes) -> bytes:
    """Every byte complemented."""
    return bytes(0xFF - byte for byte in encoded)


# --- records -----------------------------------------------------------------------------------


def joined(hashed: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """The fields of a hash with the pieces of long values put together."""
    whole: dict[bytes, bytes] = {}
    for name, value in hashed.items():
        if b":" not in name:
            pieces = itertools.takewhile(
                lambda piece: piece is not None,
                (hashed.get(b"%b:%d" % (name, number)) for number in itertools.count(1)),
            )
            whole[name] = value + b"".join(pieces)
    return whole


def cut(record: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Values of 65 to 512 bytes in pieces of 64, under `name`, `name:1`, `name:2`, ..."""
    fields = {}
    for name, value in record.items():
        if 64 < len(value) <= 512:
            for number in range((len(value) + 63) // 64):
                piece = value[number * 64 : (number + 1) * 64]
                fields[name if number == 0 else b"%b:%d" % (name, number)] = piece
        else:
            fields[name] = value
    return fields


@attrs.frozen
class Declared:
    """A mapper as its class body says it, beside the entities' class."""

    mapped: Any
    tag: bytes

    @property
    def name(self) -> bytes:
        """The storage name."""
        return self.mapped.name.encode()

    @property
    def prefix(self) -> bytes:
        """What the keys of records begin with."""
        return self.tag + b":" + self.name + b":"

    @property
    def key_name(self) -> str:
        """The attribute that is the key."""
        return self.mapped.key.attribute.name

    @cached_property
    def key_type(self) -> type:
        """The type of the key."""
        annotation = self.types[self.key_name]
        return next(kind for kind in (annotation, *typing.get_args(annotation)) if kind in _TAILS)

    @cached_property
    def types(self) -> dict[str, Any]:
        """The annotations of the entities' class, and those of what is computed."""
        computed = {name: each.annotation for name, each in self.said(Computed).items()}
        return typing.get_type_hints(self.mapped.domain) | computed

    @property
    def attributes(self) -> list[attrs.Attribute[Any]]:
        """What is stored in a record, the key left out."""
        return [each for each in attrs.fields(self.mapped.domain) if each.name != self.key_name]

    def said(self, kind: type) -> dict[str, Any]:
        """The declarations of one kind in the mapper's body."""
        body = vars(self.mapped.mapper)
        return {name: value for name, value in body.items() if isinstance(value, kind)}

    def counts(self, key: bytes) -> bool:
        """Whether a key moves the sequence: a server counts exactly only below 2^53."""
        return self.key_type is int and int(key) < 2**53

    def tail(self, key: bytes) -> bytes:
        """A key at the end of a member."""
        return _TAILS[self.key_type](key)

    def entity(self, record: dict[bytes, bytes], key: bytes) -> Any:
        """The entity that a record says."""
        values: dict[str, Any] = {self.key_name: _KINDS[self.key_type].decode(key)}
        for each in self.attributes:
            stored = record.get(each.name.encode(), ABSENT)
            if stored is not ABSENT:
                values[each.name] = kind_of(self.types[each.name]).decode(stored)
            elif b"!" + each.name.encode() in record or each.default is attrs.NOTHING:
                values[each.name] = None
        return self.mapped.domain(**values)

    def record(self, entity: Any, version: bytes) -> dict[bytes, bytes]:
        """The record that an entity must have."""
        fields = {b"@": version}
        for each in self.attributes:
            value, name = getattr(entity, each.name), each.name.encode()
            if value is not None:
                fields[name] = self.stored(each.name, value)
            elif each.default not in (None, attrs.NOTHING):
                fields[b"!" + name] = b""
        return fields | dict(self.derived(entity, fields))

    def derived(self, entity: Any, fields: dict[bytes, bytes]) -> Iterator[tuple[bytes, bytes]]:
        """What a record holds beside the attributes: values as normed, and those computed."""
        for name, field in self.said(Field).items():
            value = self.indexed(entity, field)
            if value is not None and self.stored(name, value) != fields[name.encode()]:
                yield b"~" + name.encode(), self.stored(name, value)
        for name, computed in self.said(Computed).items():
            value = computed.compute(entity)
            if value is not None:
                yield b"=" + name.encode(), self.stored(name, value)

    def stored(self, name: str, value: Any) -> bytes:
        """A value as the field of a record."""
        return kind_of(self.types[name]).encode(value)

    def indexed(self, entity: Any, field: Any) -> Any:
        """A field's value as indexes see it."""
        if isinstance(field, Computed):
            return field.compute(entity)
        value = getattr(entity, field.name)
        norm = getattr(field, "norm", None)
        return value if norm is None or value is None else norm(value)

    def ordered(self, entity: Any, field: Any) -> bytes:
        """The same in the order-preserving encoding."""
        value, kind = self.indexed(entity, field), kind_of(self.types[field.name])
        return kind.none if value is None else kind.order(value)


# --- entries -----------------------------------------------------------------------------------

Entry: TypeAlias = "tuple[bytes, type, bytes, Any]"
"""A key, what it holds, a member of it, and what stands under the member."""


def _unique(declared: Declared, index: Unique, entity: Any, key: bytes) -> Iterator[Entry]:
    values = [declared.indexed(entity, field) for field in index.fields]
    if index.nulls or None not in values:
        value = b"".join(declared.ordered(entity, field) for field in index.fields)
        yield _at(declared, index), dict, value, key


def _lookup(declared: Declared, index: Lookup, entity: Any, key: bytes) -> Iterator[Entry]:
    choices = []
    for field in index.fields:
        annotation = declared.types[field.name]
        if typing.get_origin(annotation) is list:
            (element,) = typing.get_args(annotation)
            held = declared.indexed(entity, field) or []
            choices.append({_KINDS[element].order(each) for each in held})
        else:
            choices.append({declared.ordered(entity, field)})
    for values in itertools.product(*choices):
        yield _at(declared, index) + b"/" + b"".join(values), frozenset, declared.tail(key), None


def _ordered(declared: Declared, index: Ordered, entity: Any, key: bytes) -> Iterator[Entry]:
    scored = _SCORED.get(id(kind_of(declared.types[index.fields[0].name])))
    if len(index.terms) == 1 and scored is not None:
        number = declared.indexed(entity, index.fields[0])
        yield _at(declared, index), dict, *scored(number, declared.tail(key))
        return
    parts = [
        reversed_order(declared.ordered(entity, term.field))
        if term.descending
        else declared.ordered(entity, term.field)
        for term in index.terms
    ]
    tail = declared.tail(key)
    parts.append(reversed_order(tail) if index.terms[-1].descending else tail)
    yield _at(declared, index), dict, b"".join(parts), 0.0


def _scored(number: int | None, tail: bytes) -> tuple[bytes, float]:
    """A member by the number that is its score; those that no double keeps stand beyond all."""
    if number is None:
        return b"\xfd" + tail, float("-inf")
    if len(str(number)) <= 15:
        return tail, float(number)
    return b"\xfe" + ordering.order_int(number) + tail, 1e300 if number > 0 else -1e300


PLAIN_MICROSECONDS = 9 * 10**15


def _scored_moment(moment: datetime | None, tail: bytes) -> tuple[bytes, float]:
    """The same of a datetime: microseconds since 1900, those of naive ones so many lower."""
    if moment is None:
        return b"\xfd" + tail, float("-inf")
    naive = moment.tzinfo is None
    start = datetime(1900, 1, 1, tzinfo=None if naive else UTC)
    passed = (moment - start) // timedelta(microseconds=1)
    if 0 <= passed < PLAIN_MICROSECONDS:
        return tail, float(passed - PLAIN_MICROSECONDS if naive else passed)
    early, late = (-1e300, -0.75) if naive else (-0.25, 1e300)
    return b"\xfe" + ordering.order_datetime(moment) + tail, early if passed < 0 else late


_SCORED: dict[int, Callable[[Any, bytes], tuple[bytes, float]]] = {
    id(_KINDS[int]): _scored,
    id(_KINDS[datetime]): _scored_moment,
}
"""How the values of a kind are scores, by the kind; of all others they are not."""


def _at(declared: Declared, index: Any) -> bytes:
    return declared.tag + b":" + declared.name + b"/" + index.name.encode()


_ENTRIES: dict[type, Callable[[Declared, Any, Any, bytes], Iterator[Entry]]] = {
    Unique: _unique,
    Lookup: _lookup,
    Ordered: _ordered,
}


def entries_of(declared: Declared, entity: Any, key: bytes) -> Iterator[Entry]:
    """Every place where an entity must stand, the listing of all first."""
    yield declared.tag + b":" + declared.name, dict, declared.tail(key), 0.0
    for kind, entries in _ENTRIES.items():
        for index in declared.said(kind).values():
            yield from entries(declared, index, entity, key)


# --- the judgement -----------------------------------------------------------------------------


def complaints(
    client: redis.Redis, tag: bytes, registry: MapperRegistry, *, lanes: int
) -> list[str]:
    """All that is wrong with a partition, in words; `lanes` is how many receipts there may be."""
    found = read_partition(client, tag)
    mappers = [Declared(mapped, tag) for mapped in registry]
    wanted: Partition = {}
    wrong: list[str] = []
    for declared in mappers:
        wrong += _rebuild(declared, found, wanted)
    data = data_of(found, tag)
    wrong += [f"missing: {key!r}" for key in wanted.keys() - data.keys()]
    wrong += [f"left over: {key!r}" for key in data.keys() - wanted.keys()]
    for key in wanted.keys() & data.keys():
        if wanted[key] != data[key]:
            wrong.append(f"{key!r}:\n  holds   {data[key]!r}\n  must be {wanted[key]!r}")
    wrong += _bookkeeping(mappers, found, tag, lanes)
    return sorted(wrong)


def _rebuild(declared: Declared, found: Partition, wanted: Partition) -> Iterator[str]:
    """Enter into `wanted` what the records of one mapper say."""
    for at, hashed in found.items():
        if not at.startswith(declared.prefix):
            continue
        key = at.removeprefix(declared.prefix)
        record = joined(typing.cast("dict[bytes, bytes]", hashed))
        entity = declared.entity(record, key)
        wanted[at] = cut(declared.record(entity, record.get(b"@", b"none")))
        for place, kind, member, value in entries_of(declared, entity, key):
            if kind is frozenset:
                wanted[place] = wanted.get(place, frozenset()) | {member}
                continue
            held = wanted.setdefault(place, {})
            if member in held:
                yield f"{place!r}: {member!r} belongs to {held[member]!r} and to {key!r}"
            held[member] = value


def _bookkeeping(
    mappers: list[Declared], found: Partition, tag: bytes, lanes: int
) -> Iterator[str]:
    """The schema, the sequences and the receipts."""
    kept = {key: held for key, held in found.items() if key.startswith(tag + b"#")}
    schema = typing.cast("dict[bytes, bytes]", kept.pop(tag + b"#schema", {}))
    for declared in mappers:
        facts = {
            declared.name: declared.mapped.fingerprint.encode(),
            declared.name + b":indexes": declared.mapped.description.encode(),
        }
        known = {name: schema.pop(name) for name in facts if name in schema}
        keys = [key.removeprefix(declared.prefix) for key in found if _is_record(key, declared)]
        if known != facts and (known or keys):
            yield f"the schema says of {declared.name!r}: {known!r}"
        last = typing.cast("bytes", kept.pop(tag + b"#sequence/" + declared.name, b"0"))
        greatest = max((int(key) for key in keys if declared.counts(key)), default=0)
        if int(last) < greatest:
            yield f"the sequence of {declared.name!r} is at {last!r}, below its greatest key"
    yield from (f"the schema speaks of {name!r}" for name in schema)
    receipts = [key for key in kept if key.startswith(tag + b"#lane/")]
    if len(receipts) > lanes:
        yield f"{len(receipts)} receipts: {receipts!r}"
    yield from (f"left over: {key!r}" for key in kept if key not in receipts)


def _is_record(key: bytes, declared: Declared) -> bool:
    return key.startswith(declared.prefix)
