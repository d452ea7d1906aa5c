"""What a unit would change, found by comparison: values to look at, without I/O."""

from __future__ import annotations

from collections.abc import Collection
from itertools import groupby
from operator import attrgetter
from typing import Any

import attrs

from redmapper.mapping.columns import VERSION, Record
from redmapper.mapping.construction import Attribute
from redmapper.mapping.mapped import KeyBytes, MappedClass, differences
from redmapper.mapping.records import FieldChanges
from redmapper.work.identity import Tracked


@attrs.frozen
class Hidden:
    """Stands for a value that attrs leaves out of a repr."""

    def __repr__(self) -> str:
        return "..."


@attrs.frozen
class Change:
    """One change of a unit.

    Attributes:
        kind: "insert", "update", "put" (which of the two the server decides) or "delete".
        obj: the object, or None for a deletion by key.
        key: its key, or None where a sequence will give it; a hidden one shows as `...`.
        base: the entity as it was loaded, or None.
        fields: attribute name -> (old, new), old being None in an insert. Hidden ones show `...`.
        cls: the domain class.
    """

    kind: str
    obj: Any = attrs.field(eq=id, repr=False)
    key: Any
    base: Any = attrs.field(eq=id, repr=False)
    fields: dict[str, tuple[Any, Any]]
    cls: type = attrs.field(default=object, repr=False)


def field_changes(tracked: Tracked) -> FieldChanges:
    """What a loaded object's attributes have become, as stored bytes."""
    if tracked.snapshot is not None:
        return tracked.mapped.compare(tracked.obj, tracked.snapshot, tracked.key or b"")
    if tracked.base is None or tracked.identity is None:
        return {}
    record = tracked.mapped.encode(tracked.obj, tracked.identity)
    return differences_but_version(tracked.base, record)


def differences_but_version(base: Record, record: Record) -> FieldChanges:
    """What is different in one record from another, whoever wrote them."""
    changes = differences(base, record)
    changes.pop(VERSION, None)
    return changes


_mapped = attrgetter("mapped")


def suspects(tracked: Collection[Tracked]) -> list[Tracked]:
    """All but those, never pending, whose attributes are the very objects that were loaded.

    One alone is told anyhow: to compare it costs no more than to find out.
    """
    if len(tracked) <= 1:
        return list(tracked)
    found: list[Tracked] = []
    for mapped, group in groupby(tracked, _mapped):
        held = list(group)
        try:
            found += mapped.codec.suspects(held)
        except AttributeError:  # an attribute without a value: who has it is found later
            found += held
    return found


def is_pending(tracked: Tracked) -> bool:
    """Whether a commit would write this object."""
    asked = tracked.base is None or tracked.deleted or tracked.over_version is not None
    return asked or bool(field_changes(tracked))


def change_of(tracked: Tracked) -> Change | None:
    """The change of one object, or None where it is as it was loaded."""
    kind = _kind(tracked)
    if kind is None:
        return None
    return Change(
        kind=kind,
        obj=tracked.obj,
        key=_key(tracked.mapped, tracked.mapped.key_of(tracked.obj)),
        base=_base_entity(tracked),
        fields={} if kind == "delete" else _fields(tracked),
        cls=tracked.mapped.domain,
    )


def deletion(mapped: MappedClass, key: KeyBytes) -> Change:
    """The change of a deletion by key."""
    return Change("delete", None, _key(mapped, mapped.decode_key(key)), None, {}, mapped.domain)


def written(
    mapped: MappedClass, obj: object, key: KeyBytes, base: Record | None, record: Record | None
) -> Change:
    """The change that a commit has made of one record into another."""
    fields = {} if record is None else _between(mapped, base or {}, record)
    return Change(
        kind="delete" if record is None else "insert" if base is None else "update",
        obj=obj,
        key=_key(mapped, mapped.decode_key(key)),
        base=None if base is None else mapped.construct(base, key),
        fields=fields,
        cls=mapped.domain,
    )


def _between(mapped: MappedClass, base: Record, record: Record) -> dict[str, tuple[object, object]]:
    """The attributes that differ, as they were and as they are."""
    return {
        each.name: (_decoded(each, base), _decoded(each, record))
        for each in mapped.attributes
        if not base or base.get(each.column.stored) != record.get(each.column.stored)
    }


def _decoded(attribute: Attribute, record: Record) -> object:
    if attribute.column.hidden:
        return Hidden()
    stored = record.get(attribute.column.stored)
    return None if stored is None else attribute.column.kind.codec.decode(stored)


def _key(mapped: MappedClass, key: object) -> object:
    return Hidden() if mapped.hides_key and key is not None else key


def _kind(tracked: Tracked) -> str | None:
    if tracked.deleted:
        return "delete"
    if tracked.over_any or tracked.over_version is not None:
        return "put"
    if tracked.base is None:
        return "insert"
    return "update" if field_changes(tracked) else None


def _base_entity(tracked: Tracked) -> object:
    if tracked.base is None or tracked.key is None:
        return None
    return tracked.mapped.construct(tracked.base, tracked.key)


def _fields(tracked: Tracked) -> dict[str, tuple[object, object]]:
    changed = field_changes(tracked) if tracked.base is not None else None
    return {
        attribute.name: _values(attribute, tracked)
        for attribute in tracked.mapped.attributes
        if changed is None or attribute.column.stored in changed
    }


def _values(attribute: Attribute, tracked: Tracked) -> tuple[object, object]:
    if attribute.column.hidden:
        return (Hidden(), Hidden())
    stored = None if tracked.base is None else tracked.base.get(attribute.column.stored)
    old = None if stored is None else attribute.column.kind.codec.decode(stored)
    return (old, getattr(tracked.obj, attribute.name, attrs.NOTHING))
