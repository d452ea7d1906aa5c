"""The flush plan: what a commit checks and what it writes, as plain data.

A strategy runs every check and, only when all hold, every write. What an entity's entries are is
the strategy's own matter; it finds them as the difference between `base` and `record`, which is
right because the check proves that the stored record is still `base`, as far as indexes look.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import attrs

from redmapper.mapping.columns import VERSION, Record
from redmapper.mapping.mapped import KeyBytes, MappedClass, MappedIndex


@attrs.frozen
class Absent:
    """Nothing stands under the key."""


@attrs.frozen
class AtVersion:
    """The stored record has this version."""

    version: bytes


@attrs.frozen
class AtFields:
    """The stored record is there and has these fields, None for an absent one."""

    fields: tuple[tuple[bytes, bytes | None], ...]


Check: TypeAlias = "Absent | AtVersion | AtFields"


@attrs.frozen(repr=False)
class EntityWrite:
    """One entity from `base` (None: it is new) to `record` (None: it goes)."""

    mapped: MappedClass
    key: KeyBytes
    check: Check
    base: Record | None
    record: Record | None

    def __repr__(self) -> str:
        base, record = (_shown(each, self.mapped) for each in (self.base, self.record))
        check = type(self.check).__name__
        return f"<{self.mapped.title(self.key)} from {base} to {record} if {check}>"

    @property
    def written(self) -> Record:
        """The fields that change, the version among them."""
        base, record = self.base or {}, self.record or {}
        return {name: value for name, value in record.items() if base.get(name) != value}

    @property
    def removed(self) -> list[bytes]:
        """The fields that go, where the record stays."""
        return [name for name in self.base or () if name not in (self.record or {})]


def _shown(record: Record | None, mapped: MappedClass) -> object:
    """A record without its hidden values."""
    if record is None:
        return None
    return {name: ... if name in mapped.hidden else value for name, value in record.items()}


@attrs.frozen
class Claim:
    """A unique value that `writes[position]` takes.

    `owner` is the entity of the same plan that gives it up; None: it must be free.
    """

    index: MappedIndex
    value: bytes
    position: int
    owner: KeyBytes | None


@attrs.frozen
class Release:
    """A unique value that an entity gives up and nobody of the plan takes."""

    index: MappedIndex
    value: bytes
    position: int


@attrs.frozen
class FlushPlan:
    """Everything one commit checks and writes.

    `sequences` are the greatest integer keys given by hand, which move the sequences.
    """

    writes: tuple[EntityWrite, ...]
    claims: tuple[Claim, ...] = ()
    releases: tuple[Release, ...] = ()
    sequences: tuple[tuple[MappedClass, int], ...] = ()


@attrs.frozen
class Refusal:
    """A check that did not hold, by its position in the plan.

    `kind`: "exists", "changed", "gone" (of `writes[position]`), "taken" (of the claim's write).
    """

    position: int
    kind: str
    stored: Record | None = None
    claim: Claim | None = None
    owner: KeyBytes | None = None


@attrs.frozen
class DoubleClaim:
    """Two entities of one plan that claim the same value: no server need be asked."""

    claim: Claim
    other: Claim


def make_plan(
    writes: tuple[EntityWrite, ...], sequences: tuple[tuple[MappedClass, int], ...] = ()
) -> tuple[FlushPlan, list[DoubleClaim]]:
    """The plan of these writes, and the values that two of them claim."""
    if len({(id(write.mapped), write.key) for write in writes}) < len(writes):
        message = "a plan must not write one entity twice"
        raise ValueError(message)
    given_up: dict[tuple[int, bytes], Release] = {}
    taken: dict[tuple[int, bytes], Claim] = {}
    doubles: list[DoubleClaim] = []
    for release in _releases(writes):
        given_up[id(release.index), release.value] = release
    for claim in _claims(writes, given_up):
        place = (id(claim.index), claim.value)
        if place in taken:
            doubles.append(DoubleClaim(claim, taken[place]))
        else:
            taken[place] = claim
    left = tuple(release for place, release in given_up.items() if place not in taken)
    return FlushPlan(writes, tuple(taken.values()), left, sequences), doubles


def _releases(writes: tuple[EntityWrite, ...]) -> Iterator[Release]:
    for position, write in enumerate(writes):
        for index, before, after in _unique_values(write):
            for value in before:
                if value not in after:
                    yield Release(index, value, position)


def _claims(
    writes: tuple[EntityWrite, ...], given_up: dict[tuple[int, bytes], Release]
) -> Iterator[Claim]:
    for position, write in enumerate(writes):
        for index, before, after in _unique_values(write):
            for value in after:
                if value not in before:
                    release = given_up.get((id(index), value))
                    owner = writes[release.position].key if release else None
                    yield Claim(index, value, position, owner)


def _unique_values(
    write: EntityWrite,
) -> Iterator[tuple[MappedIndex, tuple[bytes, ...], tuple[bytes, ...]]]:
    for index in write.mapped.uniques:
        before = index.values(write.base) if write.base is not None else ()
        after = index.values(write.record) if write.record is not None else ()
        if before or after:
            yield index, before, after


def whole_check(mapped: MappedClass, base: Record) -> AtFields:
    """The check of `conflict="fields"` for what touches every field: a deletion, a replacement.

    The version would not do: after a commit that let somebody else's edit stand beside it, the base
    is not the whole record, though its version is the stored one.
    """
    columns = [each.column for each in mapped.attributes] + list(mapped.columns.values())
    names = {*base, *(name for column in columns for name in column.names)}
    names -= {VERSION, mapped.key.attribute.column.stored}
    return AtFields(tuple((name, base.get(name)) for name in sorted(names)))


def fields_check(
    mapped: MappedClass, base: Record, record: Record, also: frozenset[bytes]
) -> AtFields:
    """The check of `conflict="fields"`: what is written, and what index changes depend on.

    An index whose fields change loses the entry of all its fields as they were loaded, so all of
    them must still be that. `also` are the fields that the Computed values were made from.
    """
    names = {name for name in {*base, *record} if base.get(name) != record.get(name)}
    changed = frozenset(names)
    for index in mapped.indexes.values():
        if not changed.isdisjoint(index.stored):
            names |= index.stored
    names |= also
    names -= {VERSION, mapped.key.attribute.column.stored}
    return AtFields(tuple((name, base.get(name)) for name in sorted(names)))
