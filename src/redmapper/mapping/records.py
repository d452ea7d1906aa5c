"""Entity <-> record: functions generated once a mapper, since they run once an entity.

The source is plain Python, one line a field, kept on the codec and printed by `codec.source`.
What the generated code can not do falls back to the columns it was made from:

- `encode(entity)` gives the record of the attributes, without what is derived from them.
- `columns(entities)` gives the same of many, a column for each field: what a step of C does for all
  of a column costs a tenth of a step for each. None where the values are not all what their fields
  are of, exactly: then `encode` sorts them out.
- `construct(record, key)` calls the class with the decoded values, as its `__init__` takes them
  (see `construction`).
- `snapshot(entity)` keeps what a later comparison needs: the key and scalars as they are (they can
  not change in place), nested values as their canonical bytes (they can).
- `compare(entity, snapshot)` gives the fields that differ, as stored bytes, None for a removed one,
  the key among them. Most fields of most entities are the very object that was loaded, so `is`
  decides first.
- `changed(entities, snapshots)` gives columns of what differs in all of them, where it is the same
  fields; None where it is not, or a value must be looked at by itself.
- `snapshots(entities)` gives the snapshots of many.
- `suspects(held)` gives those of a unit's tracked objects that `compare` must look at, or that are
  not just loaded: a unit that has read a thousand entities has changed few.

A None is an absent field. Only where the class has another default is it written, as the empty
field `!name`: so a record older than an attribute loads with the attribute's default.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, TypeAlias

import attrs

from redmapper.errors import CorruptRecord, ValueRefused
from redmapper.mapping.columns import Record
from redmapper.mapping.construction import READERS, Attribute, ByName, Constructors
from redmapper.mapping.scalars import HUGE, encode_huge

Snapshot: TypeAlias = tuple[Any, ...]
FieldChanges: TypeAlias = dict[bytes, "bytes | None"]
Columns: TypeAlias = dict[bytes, Sequence[bytes]]
"""The stored bytes of many entities: field name -> those of each."""


class Changed(NamedTuple):
    """What differs in many entities from their snapshots, and what snapshots of now would hold."""

    columns: Columns
    attributes: Sequence[Sequence[Any]]


_ENCODING: dict[type, str] = {
    str: "({it}.encode() if type({it}) is str else {fallback}({it}))",
    int: "(b'%d' % {it} if type({it}) is int and LEAST < {it} < HUGE else {fallback}({it}))",
    float: "(repr({it}).encode() if type({it}) is float else {fallback}({it}))",
    datetime: "({it}.isoformat().encode() if type({it}) is datetime else {fallback}({it}))",
    date: "({it}.isoformat().encode() if type({it}) is date else {fallback}({it}))",
}
"""The commonest scalars spelled out, which saves calls; an error there is named afterwards."""

_COLUMN: dict[type, str] = {
    str: "list(map(str.encode, values))",
    int: "[b'%d' % value if LEAST < value < HUGE else HEX(value) for value in values]",
    float: "list(map(str.encode, map(float.__repr__, values)))",
    datetime: "list(map(str.encode, map(datetime.isoformat, values)))",
    date: "list(map(str.encode, map(date.isoformat, values)))",
}
"""The same for all values of a field at once, each exactly of the type."""

_SPELLED_ONCE = (str, int, date)
"""Types of which two values are equal exactly if their stored bytes are: not so -0.0 and 0.0."""


@attrs.frozen
class RecordCodec:
    """The generated functions of one mapper; `constructors` makes further ones, by position."""

    source: str = attrs.field(repr=False)
    constructors: Constructors
    encode: Callable[[Any], Record]
    columns: Callable[[Sequence[Any]], Columns | None]
    construct: Callable[[Record, Any], Any]
    snapshot: Callable[[Any], Snapshot]
    snapshots: Callable[[Sequence[Any]], list[Snapshot]]
    compare: Callable[[Any, Snapshot], FieldChanges]
    changed: Callable[[Sequence[Any], Sequence[Snapshot]], Changed | None]
    suspects: Callable[[Iterable[Any]], list[Any]]


def generate_codec(
    domain: type,
    attributes: list[Attribute],
    key: Attribute,
    make: Callable[..., Any] | None = None,
) -> RecordCodec:
    """Write, compile and keep the functions of a mapper; `make` stands in for calling the class."""
    names: dict[str, Any] = {
        "Entity": make or domain,
        "set_attribute": object.__setattr__,
        "is_not": operator.is_not,
        "ne": operator.ne,
        "Changed": Changed,
        "HUGE": HUGE,
        "LEAST": -HUGE,
        "HEX": encode_huge,
        **READERS,
    }
    for attribute in (*attributes, key):
        names |= _names(attribute)
    constructors = Constructors(domain, attributes, key, make or domain, names)
    parts = (
        _encode_source(attributes),
        _columns_source(attributes),
        constructors.lines(ByName()),
        _snapshot_source(attributes, key),
        _snapshots_source(attributes, key),
        _compare_source(attributes, key),
        _changed_source(attributes, key),
        _suspects_source(attributes, key),
    )
    source = "\n\n".join("\n".join(part) for part in parts) + "\n"
    exec(compile(source, f"<redmapper codec of {domain.__qualname__}>", "exec"), names)  # noqa: S102
    return RecordCodec(source, constructors, *(names[name] for name in FUNCTIONS))


FUNCTIONS = (
    "encode",
    "columns",
    "construct",
    "snapshot",
    "snapshots",
    "compare",
    "changed",
    "suspects",
)


def _names(attribute: Attribute) -> dict[str, Any]:
    """What the generated code may call for one attribute."""
    name, column = attribute.name, attribute.column
    return {
        f"encode_{name}": column.encode,
        f"check_{name}": column.encode_checked,
        f"decode_{name}": column.kind.codec.decode,
        f"absent_{name}": attribute.absent,
    }


def _encode_source(attributes: list[Attribute]) -> Iterator[str]:
    yield "def encode(entity):"
    yield "    record = {}"
    for attribute in attributes:
        yield f"    value = entity.{attribute.name}"
        if attribute.column.kind.optional:
            yield "    if value is not None:"
            yield f"        record[{attribute.column.stored!r}] = {_encoding(attribute)}"
            if not attribute.none_is_absent:
                yield f"    else: record[{attribute.marker!r}] = b''"
        else:
            yield f"    record[{attribute.column.stored!r}] = {_encoding(attribute)}"
    yield "    return record"


def _columns_source(attributes: list[Attribute]) -> Iterator[str]:
    yield "def columns(entities):"
    yield "    found = {}"
    for attribute in attributes:
        kind, stored = attribute.column.kind, attribute.column.stored
        said = _COLUMN.get(kind.scalar.type) if kind.scalar is not None else None
        yield f"    values = [entity.{attribute.name} for entity in entities]"
        if said is not None and kind.scalar is not None:
            yield f"    if set(map(type, values)) != {{{kind.scalar.type.__name__}}}: return None"
        elif kind.optional:
            yield "    if type(None) in map(type, values): return None"
        yield f"    found[{stored!r}] = {said or f'list(map(check_{attribute.name}, values))'}"
    yield "    return found"


def _encoding(attribute: Attribute, it: str = "value") -> str:
    scalar = attribute.column.kind.scalar
    inline = _ENCODING.get(scalar.type) if scalar is not None else None
    if inline is None:
        return f"check_{attribute.name}({it})"
    return inline.format(it=it, fallback=f"encode_{attribute.name}")


def _snapshot_source(attributes: list[Attribute], key: Attribute) -> Iterator[str]:
    yield "def snapshot(entity):"
    yield "    return ("
    yield f"        entity.{key.name},"
    for attribute in attributes:
        name = attribute.name
        if attribute.column.kind.scalar is not None:
            yield f"        entity.{name},"
        else:
            yield f"        None if (value := entity.{name}) is None else encode_{name}(value),"
    yield "    )"


def _snapshots_source(attributes: list[Attribute], key: Attribute) -> Iterator[str]:
    yield "def snapshots(entities):"
    yield "    return list(zip("
    yield f"        [entity.{key.name} for entity in entities],"
    for attribute in attributes:
        name = attribute.name
        if attribute.column.kind.scalar is not None:
            yield f"        [entity.{name} for entity in entities],"
        else:
            yield f"        [None if (value := entity.{name}) is None else encode_{name}(value)"
            yield "            for entity in entities],"
    yield "    ))"


def _compare_source(attributes: list[Attribute], key: Attribute) -> Iterator[str]:
    olds = [f"old_{position}" for position in range(len(attributes) + 1)]
    yield "def compare(entity, snapshot):"
    yield "    changes = {}"
    yield f"    {', '.join(olds)}, = snapshot"
    yield f"    if (value := entity.{key.name}) is not old_0:"
    yield f"        new = None if value is None else encode_{key.name}(value)"
    yield f"        old = None if old_0 is None else encode_{key.name}(old_0)"
    yield f"        if new != old: changes[{key.column.stored!r}] = new"
    for old, attribute in zip(olds[1:], attributes, strict=True):
        yield f"    if (value := entity.{attribute.name}) is not {old}:"
        yield from _comparing(attribute, old)
    yield "    return changes"


def _changed_source(attributes: list[Attribute], key: Attribute) -> Iterator[str]:
    """Nested values change in place: whoever has some is looked at alone."""
    yield "def changed(entities, snapshots):"
    if not all(each.column.kind.scalar is not None for each in attributes):
        yield "    return None"
        return
    yield f"    {', '.join(f'old_{at}' for at in range(len(attributes) + 1))}, = zip(*snapshots)"
    yield f"    keys = [entity.{key.name} for entity in entities]"
    yield "    if any(map(is_not, keys, old_0)): return None"
    yield "    found = {}"
    for at, attribute in enumerate(attributes, 1):
        yield f"    new_{at} = [entity.{attribute.name} for entity in entities]"
        yield f"    if any(map(is_not, new_{at}, old_{at})):"
        yield from (
            f"        {line}" for line in _changed_column(attribute, f"new_{at}", f"old_{at}")
        )
    values = ["keys", *[f"new_{at}" for at in range(1, len(attributes) + 1)]]
    yield f"    return Changed(found, ({', '.join(values)},))"


def _changed_column(attribute: Attribute, news: str, olds: str) -> Iterator[str]:
    """The lines for a field that some have another object in than before."""
    scalar = attribute.column.kind.scalar
    said = _COLUMN.get(scalar.type) if scalar is not None else None
    if said is None or scalar is None:
        yield "return None"
        return
    for values in (news, olds):
        yield f"if set(map(type, {values})) != {{{scalar.type.__name__}}}: return None"
    yield f"encoded = {said.replace('values', news)}"
    if scalar.type in _SPELLED_ONCE:
        yield f"differ = list(map(ne, {news}, {olds}))"
    else:
        yield f"differ = list(map(ne, encoded, {said.replace('values', olds)}))"
    yield f"if all(differ): found[{attribute.column.stored!r}] = encoded"
    yield "elif any(differ): return None"


def _suspects_source(attributes: list[Attribute], key: Attribute) -> Iterator[str]:
    """Whoever has nested values is always looked at: they change in place."""
    yield "def suspects(held):"
    if not all(each.column.kind.scalar is not None for each in attributes):
        yield "    return list(held)"
        return
    names = [key.name, *(each.name for each in attributes)]
    olds = [f"old_{position}" for position in range(len(names))]
    same = " and ".join(f"entity.{name} is {old}" for name, old in zip(names, olds, strict=True))
    yield "    found = []"
    yield "    for each in held:"
    yield "        snapshot = each.snapshot"
    yield "        if snapshot is not None and not each.deleted and each.over_version is None:"
    yield f"            {', '.join(olds)}, = snapshot"
    yield "            entity = each.obj"
    yield f"            if {same}: continue"
    yield "        found.append(each)"
    yield "    return found"


def _comparing(attribute: Attribute, old: str) -> Iterator[str]:
    """The lines that compare one attribute, of `value` and `old`; equal is what is stored alike."""
    name, stored = attribute.name, attribute.column.stored
    kind = attribute.column.kind
    new = _encoding(attribute) if kind.scalar is not None else f"encode_{name}(value)"
    was = _encoding(attribute, old) if kind.scalar is not None else old
    checked = "new" if kind.scalar is not None else f"None if new is None else check_{name}(value)"
    yield (
        f"        new = None if value is None else {new}"
        if kind.optional
        else f"        new = {new}"
    )
    yield f"        if new != (None if {old} is None else {was}):"
    yield f"            changes[{stored!r}] = {checked}"
    if not attribute.none_is_absent and kind.optional:
        marker = b"!" + stored
        yield f"            if new is None: changes[{marker!r}] = b''"
        yield f"            elif {old} is None: changes[{marker!r}] = None"


def encode_by_column(attributes: Iterable[Attribute], entity: object) -> Record:
    """What `encode` answers, field by field: for values its short cuts do not take."""
    record: Record = {}
    for attribute in attributes:
        value, column = _value(entity, attribute), attribute.column
        if value is not None or not column.kind.optional:
            record[column.stored] = column.encode_checked(value)
        elif not attribute.none_is_absent:
            record[b"!" + column.stored] = b""
    return record


def compare_by_column(
    attributes: Iterable[Attribute], entity: object, snapshot: Snapshot
) -> FieldChanges:
    """What `compare` answers but for the key, field by field."""
    changes: FieldChanges = {}
    for attribute, old in zip(attributes, snapshot[1:], strict=True):
        value, column = getattr(entity, attribute.name), attribute.column
        new = None if value is None and column.kind.optional else column.encode(value)
        was = column.encode(old) if column.kind.scalar is not None and old is not None else old
        if new != was:
            changes[column.stored] = None if new is None else column.encode_checked(value)
            if not attribute.none_is_absent and None in (new, was):
                changes[b"!" + column.stored] = b"" if new is None else None
    return changes


def _value(entity: object, attribute: Attribute) -> Any:  # noqa: ANN401 - any field's value
    try:
        return getattr(entity, attribute.name)
    except AttributeError:
        message = "it is not set; give it a value"
        raise ValueRefused(message, path=f".{attribute.name}") from None


def refuse_unset(attributes: Iterable[Attribute], entity: object) -> None:
    """ValueRefused for an attribute without a value, such as one with `init=False`."""
    for attribute in attributes:
        _value(entity, attribute)


def first_corrupt(attributes: Iterable[Attribute], record: Record) -> CorruptRecord | None:
    """What is wrong with a record that `construct` could not read; None if it is not a field."""
    for attribute in attributes:
        stored = record.get(attribute.column.stored)
        try:
            if stored is not None:
                attribute.column.kind.codec.decode(stored)
        except Exception as error:  # noqa: BLE001 - a converter's hooks raise what they like
            return _corrupt(attribute, stored or b"", error)
    return None


def _corrupt(attribute: Attribute, stored: bytes, error: Exception) -> CorruptRecord:
    if attribute.column.secret:
        return CorruptRecord(f"field {attribute.name!r} holds ...: {type(error).__name__}")
    reason = f"{type(error).__name__}: {error}"
    return CorruptRecord(f"field {attribute.name!r} holds {stored[:60]!r}: {reason}")


def named(refused: ValueRefused, entity: str) -> ValueRefused:
    """The same refusal with the entity at the head of its path."""
    return ValueRefused(refused.reason, path=f"{entity}{refused.path}", value=refused.value)
