"""Tracked objects -> entity writes: what each policy compares, and over which record it writes.

Most objects carry the record they are written over: the one they were loaded from. The *blind* ones
(`put`, `delete_by_key`, and everything of a mapper with `conflict="overwrite"`) are written over
whatever stands there; the commit reads that first, and again when it has moved meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import CodeType
from typing import Any, TypeAlias, cast

import attrs

from redmapper.errors import KeyChanged, ValueRefused
from redmapper.mapping.columns import VERSION, Column, Record
from redmapper.mapping.mapped import KeyBytes, MappedClass, overlaid
from redmapper.mapping.records import FieldChanges, Snapshot
from redmapper.work.changes import differences_but_version, field_changes
from redmapper.work.identity import Tracked
from redmapper.work.plan import (
    ABSENT,
    AtVersion,
    ChangeRun,
    Check,
    EntityWrite,
    Run,
    fields_check,
    whole_check,
)

Stored: TypeAlias = Mapping[tuple[str, KeyBytes], "Record | None"]
"""What a read before the commit found, by mapper name and key."""


@attrs.define(eq=False)
class Pending:
    """An entity that a commit will write: its object, or None for a deletion by key.

    `blind`: it is written over whatever stands there. `changes` are those of a loaded object's
    fields, `derived` is the record with them and all that is made of them; `encoded` is the record,
    but for its key, of an object that is written as a whole. `key` is empty until a sequence has
    given one.
    """

    mapped: MappedClass
    key: KeyBytes
    tracked: Tracked | None = None
    blind: bool = True
    changes: FieldChanges | None = None
    encoded: Record | None = None
    derived: Record | None = None

    @property
    def place(self) -> tuple[str, KeyBytes]:
        """Mapper name and key."""
        return (self.mapped.name, self.key)

    @property
    def waits(self) -> bool:
        """Whether a sequence must give it a key."""
        return self.tracked is not None and self.tracked.identity is None


class Written(Sequence[tuple[Pending, EntityWrite]]):
    """What is pending and shall be written, with the writes, in the order of the plan.

    Two lists rather than one of pairs: a commit of a thousand entities should leave little for the
    garbage collector to look at.
    """

    def __init__(self, sources: list[Pending], writes: list[EntityWrite]) -> None:
        self.sources = sources
        self.writes = writes

    @classmethod
    def of(cls, pending: list[Pending], stored: Stored, version: bytes) -> Written:
        """The writes of all that is pending."""
        found = [write_of(each, stored, version) for each in pending]
        writes = [write for write in found if write is not None]
        if len(writes) == len(pending):
            return cls(pending, writes)
        pairs = zip(pending, found, strict=True)
        return cls([each for each, write in pairs if write is not None], writes)

    def __getitem__(self, position: int) -> tuple[Pending, EntityWrite]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - no slices
        return self.sources[position], self.writes[position]

    def __len__(self) -> int:
        return len(self.writes)

    def __iter__(self) -> Iterator[tuple[Pending, EntityWrite]]:
        return zip(self.sources, self.writes, strict=True)


def is_blind(tracked: Tracked) -> bool:
    """Whether an object is written over whatever stands under its key."""
    if tracked.over_any or tracked.over_version is not None:
        return tracked.key is not None  # one that waits for a number can only be inserted
    return (
        tracked.mapped.conflict == "overwrite" and tracked.base is not None and not tracked.guarded
    )


def changes_of(tracked: Tracked, snapshot: Snapshot) -> FieldChanges:
    """What a loaded object's attributes have become."""
    try:
        return tracked.mapped.codec.compare(tracked.obj, snapshot)
    except (ValueRefused, ValueError, AttributeError):  # that says where it stands
        return field_changes(tracked)


def key_changed(tracked: Tracked) -> KeyChanged:
    """The error for an object that has another key than it was loaded or added with."""
    now = tracked.mapped.shown_key(tracked.mapped.key_of(tracked.obj))
    message = (
        f"the key of {tracked.title} was changed to {now}; delete the object and add one "
        "with the new key"
    )
    return KeyChanged(message)


def keys_hold(found: Sequence[Tracked]) -> bool:
    """Whether all are new objects of one mapper with the keys they came with, told at once.

    If not, they are looked at one by one.
    """
    if not found or found[0].base is not None:
        return False
    mapped = found[0].mapped
    keys = [each.key for each in found if each.base is None and each.mapped is mapped]
    if len(keys) < len(found):
        return False
    try:
        now = mapped.encode_keys([mapped.key_of(each.obj) for each in found])
    except (ValueRefused, AttributeError):
        return False
    return now == keys


def lone_write(tracked: Tracked, version: bytes) -> EntityWrite | None:
    """The write of an object that is all a commit writes; None where it is as it was loaded.

    Its mapper is plain, and the object new, loaded, or loaded and to be deleted.
    """
    mapped, key, base = tracked.mapped, tracked.key or b"", tracked.base
    if base is None:
        fields = mapped.encode_fields(tracked.obj, key)
        fields[VERSION] = version
        record = {**fields, mapped.key.stored: key}
        return EntityWrite(mapped, key, ABSENT, None, record, fields)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    check = _at_version(base.get(VERSION, b""))
    if tracked.deleted:
        return EntityWrite(mapped, key, check, base, None, {})
    changes = changes_of(tracked, tracked.snapshot or ())
    if not changes:
        return None
    if mapped.key.stored in changes:
        raise key_changed(tracked)
    changes[VERSION] = version
    return EntityWrite(mapped, key, check, base, overlaid(base, changes), changes)


def run_of(found: Sequence[Tracked], version: bytes) -> Run | ChangeRun | None:
    """The writes of plain objects of one mapper as columns, where all are new, or changed alike.

    None where they are not, or a value must be looked at by itself: then `lone_write` tells each.
    """
    if not found:
        return None
    return _new_run(found, version) if found[0].base is None else _change_run(found, version)


def _new_run(found: Sequence[Tracked], version: bytes) -> Run | None:
    mapped = found[0].mapped
    objs = [each.obj for each in found if each.base is None and each.mapped is mapped]
    columns = mapped.encode_columns(objs) if len(objs) == len(found) else None
    if columns is None:
        return None
    columns[VERSION] = [version] * len(found)
    return Run(mapped, [each.key or b"" for each in found], columns)


def _change_run(found: Sequence[Tracked], version: bytes) -> ChangeRun | None:
    mapped = found[0].mapped
    snapshots = [
        each.snapshot
        for each in found
        if each.snapshot is not None and each.mapped is mapped and not each.deleted
    ]
    if len(snapshots) < len(found):
        return None
    changed = mapped.changed_columns([each.obj for each in found], snapshots)
    if not (changed and changed.columns):
        return None
    columns, attributes = changed
    columns[VERSION] = [version] * len(found)
    bases = [each.base or {} for each in found]
    return ChangeRun(mapped, [each.key or b"" for each in found], bases, columns, attributes)


def are_plain(found: Sequence[Tracked]) -> bool:
    """Whether `lone_write` tells all their writes: nothing about them is out of the ordinary.

    Their mappers are plain; each is new and has its key, or was loaded, and is to be checked.
    """
    for each in found:
        if each.key is None or each.over_any or each.over_version is not None:
            return False
        if (each.snapshot is None and each.base is not None) or not each.mapped.plain:
            return False
    return True


def write_of(pending: Pending, stored: Stored, version: bytes) -> EntityWrite | None:
    """The write of one entity, or None where nothing is to be done."""
    tracked = pending.tracked
    if tracked is not None and not pending.blind and pending.mapped.plain:
        if pending.changes:
            return _plain_change(pending, tracked.base or {}, pending.changes, version)
        if pending.encoded is not None and tracked.base is None:
            return _plain_insert(pending, pending.encoded, version)
    over = stored.get(pending.place) if pending.blind else tracked.base if tracked else None
    if tracked is None or tracked.deleted:
        return _deletion(pending, over)
    if pending.changes is None or over is None:
        record, changes = _whole(pending, tracked, over)
    else:
        record, changes = _changed(pending, tracked, over, pending.changes)
    if not changes and over is not None and _as_wanted(tracked, over):
        return None
    check = _check(pending, tracked, over, record)
    record[VERSION] = changes[VERSION] = version
    return EntityWrite(pending.mapped, pending.key, check, over, record, changes)


def _plain_change(
    pending: Pending, base: Record, changes: FieldChanges, version: bytes
) -> EntityWrite:
    """What comes of all that is below for most changes: nothing derived, checked by version."""
    changes[VERSION] = version
    check = _at_version(base.get(VERSION, b""))
    record = overlaid(base, changes)
    return EntityWrite(pending.mapped, pending.key, check, base, record, changes)


def _plain_insert(pending: Pending, encoded: Record, version: bytes) -> EntityWrite:
    """The same for most new objects."""
    mapped, key = pending.mapped, pending.key
    encoded[VERSION] = version
    record = {**encoded, mapped.key.stored: key}
    return EntityWrite(mapped, key, ABSENT, None, record, cast("FieldChanges", encoded))


def _as_wanted(tracked: Tracked, over: Record) -> bool:
    """Whether the version is that of `put(obj, version=...)`, where one was given."""
    return tracked.over_version is None or _at(over) == AtVersion(tracked.over_version.encode())


def _deletion(pending: Pending, over: Record | None) -> EntityWrite | None:
    if over is None:
        return None
    return EntityWrite(pending.mapped, pending.key, _unchanged(pending, over), over, None, {})


def _unchanged(pending: Pending, over: Record) -> Check:
    """Nobody has changed anything of the record."""
    if pending.mapped.conflict == "fields" and not pending.blind:
        return whole_check(pending.mapped, over)
    return _at(over)


def guard_of(tracked: Tracked) -> tuple[Pending, EntityWrite]:
    """A guarded object as what is checked and not written: a write that changes nothing."""
    mapped, key, base = tracked.mapped, tracked.key or b"", tracked.base or {}
    pending = Pending(mapped, key, tracked, blind=False)
    check = _unchanged(pending, base)
    return pending, EntityWrite(mapped, key, check, tracked.base, tracked.base, {})


def _at(record: Record) -> AtVersion:
    return _at_version(record.get(VERSION, b""))


_at_version = lru_cache(maxsize=64)(AtVersion)
"""What one commit has written is of one version, so one check does for all of it."""


def _check(pending: Pending, tracked: Tracked, over: Record | None, record: Record) -> Check:
    if tracked.over_version is not None:
        return AtVersion(tracked.over_version.encode())
    if over is None:
        return ABSENT
    by_fields = pending.mapped.conflict == "fields" and not tracked.guarded
    if by_fields and pending.changes is not None:
        read = _computed_from(pending.mapped, tracked.obj, over, record)
        return fields_check(pending.mapped, over, record, read)
    return _unchanged(pending, over)


def _whole(pending: Pending, tracked: Tracked, over: Record | None) -> tuple[Record, FieldChanges]:
    """The record of an object that is written as a whole, and what it changes."""
    mapped, key, encoded = pending.mapped, pending.key, pending.encoded
    if encoded is None:
        encoded = mapped.encode_fields(tracked.obj, key)
    record = {**encoded, mapped.key.stored: key}
    if over is None:
        return record, cast("FieldChanges", encoded)
    return record, differences_but_version(over, record)


def _changed(
    pending: Pending, tracked: Tracked, over: Record, changes: FieldChanges
) -> tuple[Record, FieldChanges]:
    """The record with a loaded object's changes laid over it, and what they change."""
    mapped, key, entity = pending.mapped, pending.key, tracked.obj
    if over is tracked.base:
        if pending.derived is None:
            return overlaid(over, changes), {**changes}
        return {**pending.derived}, differences_but_version(over, pending.derived)
    if mapped.computed:
        # Somebody else's fields come in: what is computed must be computed from the mixture.
        entity = mapped.construct(overlaid(over, changes), key)
    record = mapped.changed_record(entity, over, changes, key)
    return record, differences_but_version(over, record)


class _Recorder:
    """Passes for an entity, and notes which of its attributes are read."""

    def __init__(self, entity: object, read: set[str]) -> None:
        self.__entity = entity
        self.__read = read

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute
        self.__read.add(name)
        return getattr(self.__entity, name)


def _opaque(*_: object) -> Any:  # noqa: ANN401 - it never returns
    """What the language asks of a class, past `__getattr__`, may read anything."""
    raise TypeError


for _name in ("str", "repr", "format", "hash", "bool", "eq", "iter", "len", "getitem"):
    setattr(_Recorder, f"__{_name}__", _opaque)


def _computed_from(
    mapped: MappedClass, entity: object, base: Record, record: Record
) -> frozenset[bytes]:
    """The stored fields that Computed values depend on, as far as this write concerns them.

    It does where the value changes, or where a field changes that the function reads or mentions.
    """
    changed = set(differences_but_version(base, record))
    concerned: set[bytes] = set()
    for column, compute in mapped.computed:
        reads = _reads(compute, mapped, entity)
        if column.stored in changed or not changed.isdisjoint(reads):
            concerned |= reads
    return frozenset(concerned)


def _reads(compute: Callable[[Any], Any], mapped: MappedClass, entity: object) -> frozenset[bytes]:
    """The stored fields that a function reads of an entity, or mentions in its code.

    A method or property of the entity may read anything, and so may a function that does not take
    the recorder for an entity: then every field counts.
    """
    columns: dict[str, Column] = {each.name: each.column for each in mapped.attributes}
    everything = frozenset(column.stored for column in columns.values())
    read: set[str] = set()
    try:
        same = bool(compute(_Recorder(entity, read)) == compute(entity))
    except Exception:  # noqa: BLE001 - the function is the user's
        return everything
    read.discard(mapped.key.attribute.name)
    if not same or not read <= columns.keys():
        return everything
    read |= _mentioned(getattr(compute, "__code__", None)) & columns.keys()
    return frozenset(columns[name].stored for name in read)


def _mentioned(code: CodeType | None) -> set[str]:
    """The names of attributes in a function's code, those in functions inside it too."""
    if code is None:
        return set()
    inner = (_mentioned(each) for each in code.co_consts if isinstance(each, CodeType))
    return set(code.co_names).union(*inner)
