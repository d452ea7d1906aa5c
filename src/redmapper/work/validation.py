"""attrs' own validators at a commit, for mappers with `validate="commit"`.

Of a new object every attribute is looked at, of a loaded one those that have changed, in place too:
a list that was appended to. All that is refused in a unit is told in one error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import attrs

from redmapper.errors import ValidationFailed, ValueRefused
from redmapper.mapping.scalars import shown
from redmapper.work.changes import Hidden, field_changes
from redmapper.work.identity import Tracked


def check_valid(entities: Iterable[Tracked]) -> None:
    """Run the validators of what will be written; ValidationFailed holds every failure."""
    failures = [
        failure
        for tracked in entities
        if tracked.mapped.validated and not tracked.deleted
        for failure in _failures(tracked)
    ]
    if failures:
        raise ValidationFailed.of(failures)


def _failures(tracked: Tracked) -> Iterator[ValidationFailed]:
    changed = _changed(tracked)
    for attribute in tracked.mapped.validated:
        if changed is not None and attribute.name.encode() not in changed:
            continue
        value = getattr(tracked.obj, attribute.name, attrs.NOTHING)
        if value is attrs.NOTHING or _waits(tracked, attribute):
            continue
        try:
            attrs.setters.validate(tracked.obj, attribute, value)
        except Exception as error:  # noqa: BLE001 - validators raise what they like
            yield _failure(tracked, attribute, value, error)


def _waits(tracked: Tracked, attribute: Any) -> bool:  # noqa: ANN401 - an attribute of attrs
    """Whether it is a key that a sequence will give."""
    return tracked.key is None and attribute.name == tracked.mapped.key.attribute.name


def _changed(tracked: Tracked) -> frozenset[bytes] | None:
    """The fields of a loaded object that have changed; None: all are looked at."""
    if tracked.snapshot is None:
        return None
    try:
        return frozenset(field_changes(tracked))
    except ValueRefused:  # by its type, of which a validator may say more
        return None


def _failure(
    tracked: Tracked,
    attribute: Any,  # noqa: ANN401 - an attribute of attrs
    value: object,
    error: Exception,
) -> ValidationFailed:
    """A failure by its path; a class with hidden values does not tell what a validator says."""
    hidden = attribute.repr is False
    secret = bool(tracked.mapped.hidden)
    said = error.args[0] if error.args and isinstance(error.args[0], str) else str(error)
    reason = type(error).__name__ if secret else f"{type(error).__name__}: {said}"
    failure = ValidationFailed(
        f"{'...' if hidden else shown(value)} is refused by its validator: {reason}",
        path=f"{tracked.title}.{attribute.name}",
        value=Hidden() if hidden else value,
        obj=tracked.obj,
    )
    failure.__cause__ = None if secret else error
    return failure
