"""Refusals of a strategy -> the errors a user sees: what happened, the values, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from redmapper.errors import AlreadyExists, Conflict, CorruptRecord, SchemaMismatch, Stale, Taken
from redmapper.mapping.columns import Column, Record
from redmapper.mapping.mapped import MappedClass
from redmapper.mapping.scalars import shown as cut
from redmapper.work.changes import Hidden
from redmapper.work.collect import Pending
from redmapper.work.plan import Claim, DoubleClaim, EntityWrite, Refusal

MOST_DIFFERENCES = 3
"""Changed fields that a message shows."""

Writes: TypeAlias = Sequence[tuple[Pending, EntityWrite]]


def refused(refusals: Iterable[Refusal], writes: Writes) -> Conflict:
    """The first violation, in the order in which the objects came; it holds them all.

    An entity whose key exists already meets its own values there, which is no news.
    """
    return _gathered(
        [
            _ERRORS[each.kind](each, *writes[each.position])
            for each in sorted(refusals, key=lambda each: (each.position, each.kind == "taken"))
            if each.kind != "taken" or each.owner != writes[each.position][1].key
        ]
    )


def double_claims(doubles: Iterable[DoubleClaim], writes: Writes) -> Conflict:
    """The error for values that two objects of one unit claim."""
    violations: list[Conflict] = []
    for double in doubles:
        pending, write = writes[double.claim.position]
        _, other = writes[double.other.position]
        violations.append(
            _taken_by(double.claim, pending, write, other.key, "another object of this unit")
        )
    return _gathered(violations)


def schema_mismatch(mapped: MappedClass) -> SchemaMismatch:
    """The error for a partition that was written by another declaration of a mapper."""
    message = (
        f"the stored {mapped.name} entities were written by a mapper with another key or other "
        f"indexes than {mapped.mapper.__name__} has; use that one, or another partition"
    )
    return SchemaMismatch(message)


def _gathered(violations: list[Conflict]) -> Conflict:
    for violation in violations:
        violation.violations = tuple(violations)
    return violations[0]


def _exists(refusal: Refusal, pending: Pending, write: EntityWrite) -> Conflict:
    mapped = pending.mapped
    key = mapped.decode_key(write.key)
    message = (
        f"{mapped.title(write.key)} exists already; use put() to write over it, or another key"
    )
    stored = _entity(mapped, write.key, refusal.stored)
    return AlreadyExists(message, obj=_object(pending), key=key, stored=stored)


def _stale(refusal: Refusal, pending: Pending, write: EntityWrite) -> Conflict:
    mapped = pending.mapped
    gone = refusal.kind == "gone"
    what = "is gone" if gone else "was changed by somebody else"
    shown = "" if gone else _difference(mapped, write, refusal.stored)
    message = (
        f"{mapped.title(write.key)} {what} since it was loaded{shown}; load it again and repeat "
        "the change (store.transact does)"
    )
    return Stale(
        message,
        obj=_object(pending),
        key=mapped.decode_key(write.key),
        kind=refusal.kind,
        base=_entity(mapped, write.key, pending.tracked.base if pending.tracked else None),
        mine=_object(pending) if write.record is not None else None,
        stored=_entity(mapped, write.key, refusal.stored),
    )


def _taken(refusal: Refusal, pending: Pending, write: EntityWrite) -> Conflict:
    if refusal.claim is None or refusal.owner is None:
        message = f"a strategy reported a taken value without saying which: {refusal!r}"
        raise ValueError(message)
    return _taken_by(refusal.claim, pending, write, refusal.owner, "")


def _taken_by(
    claim: Claim, pending: Pending, write: EntityWrite, owner: bytes, whose: str
) -> Conflict:
    mapped, record = pending.mapped, write.record or {}
    values = tuple(_said(column, record) for column in claim.unique.columns)
    value = values[0] if len(values) == 1 else values
    what = ", ".join(f"{column.name} {_shown(column, record)}" for column in claim.unique.columns)
    message = (
        f"{mapped.title(write.key)} can not have {what}: "
        f"{mapped.title(owner)}{', ' + whose + ',' if whose else ''} has it "
        f"({claim.unique.index!r}); choose another value, or change the owner first"
    )
    return Taken(
        message,
        obj=_object(pending),
        key=mapped.decode_key(write.key),
        index=claim.unique.name,
        value=value,
        owner=mapped.decode_key(owner),
    )


def _said(column: Column, record: Record) -> object:
    """A field's value as the object has it, before its norm."""
    raw = record.get(column.stored)
    return None if raw is None else column.kind.codec.decode(raw)


def _difference(mapped: MappedClass, write: EntityWrite, stored: Record | None) -> str:
    """What somebody else changed, in a few words: `(name 'Ann' -> 'Bob')`."""
    if write.base is None or stored is None:
        return ""
    changed = [
        f"{each.name} {_shown(each.column, write.base)} -> {_shown(each.column, stored)}"
        for each in mapped.attributes
        if write.base.get(each.column.stored) != stored.get(each.column.stored)
    ]
    if len(changed) > MOST_DIFFERENCES:
        changed[MOST_DIFFERENCES:] = [f"and {len(changed) - MOST_DIFFERENCES} more"]
    return f" ({', '.join(changed)})" if changed else ""


def _shown(column: Column, record: Record) -> str:
    """A field's value as a message shows it."""
    if column.hidden:
        return repr(Hidden())
    try:
        return cut(_said(column, record))
    except Exception:  # noqa: BLE001 - a converter's hooks raise what they like
        return repr(Hidden()) if column.veiled else cut(record.get(column.stored))


def _object(pending: Pending) -> object:
    return None if pending.tracked is None else pending.tracked.obj


def _entity(mapped: MappedClass, key: bytes, record: Record | None) -> object:
    """A record as an entity; None where there is none, or it can not be read."""
    if record is None:
        return None
    try:
        return mapped.construct(record, key)
    except CorruptRecord:
        return None


_ERRORS: dict[str, Callable[[Refusal, Pending, EntityWrite], Conflict]] = {
    "exists": _exists,
    "changed": _stale,
    "gone": _stale,
    "taken": _taken,
}
