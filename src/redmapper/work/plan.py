"""The flush plan: what a commit checks and what it writes, as plain data.

A strategy runs every check and, only when all hold, every write. What an entity's entries are is
the strategy's own matter; it finds them as the difference between `base` and `record`, which is
right because the check proves that the stored record is still `base`, as far as indexes look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias, cast

import attrs

from redmapper.mapping.columns import VERSION, Record
from redmapper.mapping.mapped import KeyBytes, MappedClass, MappedIndex, differences
from redmapper.mapping.records import Columns, FieldChanges, Snapshot


@attrs.frozen
class Absent:
    """Nothing stands under the key."""


ABSENT = Absent()


class AtVersion(NamedTuple):
    """The stored record has this version."""

    version: bytes


@attrs.frozen
class AtFields:
    """The stored record is there and has these fields, None for an absent one."""

    fields: tuple[tuple[bytes, bytes | None], ...]


Check: TypeAlias = "Absent | AtVersion | AtFields"


class EntityWrite(NamedTuple):
    """One entity from `base` (None: it is new) to `record` (None: it goes).

    `changes` are the fields that differ, the version among them, None for one that goes; the key is
    none of them, and of an entity that goes there are none. A commit makes a thousand of these, and
    a named tuple is the cheapest frozen value.
    """

    mapped: MappedClass
    key: KeyBytes
    check: Check
    base: Record | None
    record: Record | None
    changes: FieldChanges

    @classmethod
    def of(
        cls,
        mapped: MappedClass,
        key: KeyBytes,
        check: Check,
        base: Record | None,
        record: Record | None,
    ) -> EntityWrite:
        """The write from one record to another."""
        changes = {} if record is None else differences(base or {}, record)
        changes.pop(mapped.key.stored, None)
        return cls(mapped, key, check, base, record, changes)

    def __repr__(self) -> str:
        base, record = (_shown(each, self.mapped) for each in (self.base, self.record))
        check = type(self.check).__name__
        return f"<{self.mapped.title(self.key)} from {base} to {record} if {check}>"


def _shown(record: Record | None, mapped: MappedClass) -> object:
    """A record without its hidden values."""
    if record is None:
        return None
    return {name: ... if name in mapped.hidden else value for name, value in record.items()}


class Claim(NamedTuple):
    """A unique value that `writes[position]` takes.

    `owner` is the entity of the same plan that gives it up; None: it must be free.
    """

    unique: MappedIndex
    value: bytes
    position: int
    owner: KeyBytes | None


class Release(NamedTuple):
    """A unique value that an entity gives up and nobody of the plan takes."""

    unique: MappedIndex
    value: bytes
    position: int


class Guard(NamedTuple):
    """An entity that is checked and not written: it was read, and must still be as it was."""

    mapped: MappedClass
    key: KeyBytes
    check: Check


@attrs.frozen(eq=False)
class Run(Sequence[EntityWrite]):
    """New entities of one mapper, held in columns: their writes, each made when it is asked for.

    A thousand new entities are the commonest of large commits. To make a write of each, with its
    two dicts, costs more than to encode it, and a strategy wants columns anyhow. `columns` are the
    fields of the records, the version among them and the key not, in their order.
    """

    mapped: MappedClass
    keys: Sequence[KeyBytes] = attrs.field(repr=False)
    columns: Columns = attrs.field(repr=False)

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, position: int) -> EntityWrite:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - no slices
        return self._write(self.keys[position], [each[position] for each in self.columns.values()])

    def __iter__(self) -> Iterator[EntityWrite]:
        return map(self._write, self.keys, zip(*self.columns.values(), strict=True))

    def _write(self, key: KeyBytes, values: Iterable[bytes]) -> EntityWrite:
        changes: FieldChanges = dict(zip(self.columns, values, strict=True))
        record = cast("Record", {**changes, self.mapped.key.stored: key})
        return EntityWrite(self.mapped, key, ABSENT, None, record, changes)

    def column(self, name: bytes) -> Sequence[bytes | None]:
        """What the records have of a field."""
        if name == self.mapped.key.stored:
            return self.keys
        return self.columns.get(name) or [None] * len(self.keys)

    def records(self) -> list[Record]:
        """The records."""
        names = (*self.columns, self.mapped.key.stored)
        rows = zip(*self.columns.values(), self.keys, strict=True)
        return [dict(zip(names, values)) for values in rows]  # noqa: B905 - a value for each name

    def part(self, rows: Sequence[int]) -> Run:
        """Some of them."""
        columns: Columns = {
            name: [each[row] for row in rows] for name, each in self.columns.items()
        }
        return Run(self.mapped, [self.keys[row] for row in rows], columns)


@attrs.frozen(eq=False)
class ChangeRun(Sequence[EntityWrite]):
    """Changes of the same fields of loaded entities of one mapper, held in columns, too.

    `bases` are the records that they were loaded from, `columns` the fields that differ, the
    version among them, of which none goes. `attributes` are their values by now,
    column by column, as a snapshot has them.
    """

    mapped: MappedClass
    keys: Sequence[KeyBytes] = attrs.field(repr=False)
    bases: Sequence[Record] = attrs.field(repr=False)
    columns: Columns = attrs.field(repr=False)
    attributes: Sequence[Sequence[Any]] = attrs.field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, position: int) -> EntityWrite:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - no slices
        values = [each[position] for each in self.columns.values()]
        return self._write(self.keys[position], self.bases[position], values)

    def __iter__(self) -> Iterator[EntityWrite]:
        return map(self._write, self.keys, self.bases, zip(*self.columns.values(), strict=True))

    def _write(self, key: KeyBytes, base: Record, values: Iterable[bytes]) -> EntityWrite:
        changes: FieldChanges = dict(zip(self.columns, values, strict=True))
        check = AtVersion(base.get(VERSION, b""))
        record = cast("Record", {**base, **changes})
        return EntityWrite(self.mapped, key, check, base, record, changes)

    @property
    def versions(self) -> list[bytes]:
        """Those that the records must have."""
        return [base.get(VERSION, b"") for base in self.bases]

    def before(self, name: bytes) -> Sequence[bytes | None]:
        """What the records had of a field."""
        return [base.get(name) for base in self.bases]

    def column(self, name: bytes) -> Sequence[bytes | None]:
        """What they have."""
        return self.columns.get(name) or self.before(name)

    def records(self) -> list[Record]:
        """The records."""
        found = [base.copy() for base in self.bases]
        for name, column in self.columns.items():
            for record, value in zip(found, column, strict=True):
                record[name] = value
        return found

    def snapshots(self) -> list[Snapshot]:
        """The entities as they are written, whatever has become of them since."""
        return list(zip(*self.attributes, strict=True))


@attrs.frozen(eq=False)
class RunClaims(Sequence[Claim]):
    """The claims of a run, one `Unique` after the other: of each of its entities one value."""

    entities: int
    values: dict[MappedIndex, list[bytes]] = attrs.field(repr=False)

    @classmethod
    def of(cls, run: Run) -> RunClaims:
        """Of a run of a plain mapper, none of whose values is None."""
        return cls(len(run), {each: each.column(run.column) for each in run.mapped.uniques})

    def __len__(self) -> int:
        return self.entities * len(self.values)

    def __getitem__(self, place: int) -> Claim:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - no slices
        at, position = divmod(place, self.entities)
        unique, values = list(self.values.items())[at]
        return Claim(unique, values[position], position, None)


RUNS = (Run, ChangeRun)
"""What may stand in place of a tuple of writes."""


def keys_of(writes: Sequence[EntityWrite]) -> Sequence[KeyBytes]:
    """The keys of some writes."""
    return writes.keys if isinstance(writes, RUNS) else [write.key for write in writes]


def mappers_of(writes: Sequence[EntityWrite]) -> Iterable[MappedClass]:
    """The mappers of some writes."""
    return (writes.mapped,) if isinstance(writes, RUNS) else [write.mapped for write in writes]


class FlushPlan(NamedTuple):
    """Everything one commit checks and writes.

    `sequences` are the greatest integer keys given by hand, which move the sequences. Positions
    count the writes, and go on with the guards. Writes and claims are tuples, or a `ChangeRun`, or
    a `Run` and its `RunClaims`: a strategy may read these as columns, and any other may iterate.
    """

    writes: Sequence[EntityWrite]
    claims: Sequence[Claim] = ()
    releases: tuple[Release, ...] = ()
    sequences: tuple[tuple[MappedClass, int], ...] = ()
    guards: tuple[Guard, ...] = ()

    @property
    def checked(self) -> Sequence[EntityWrite | Guard]:
        """All that is checked, by position."""
        return (*self.writes, *self.guards) if self.guards else self.writes


@attrs.frozen
class Refusal:
    """A check that did not hold, by its position in the plan.

    `kind`: "exists", "changed", "gone" (of `checked[position]`), "taken" (of the claim's write).
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
    writes: Sequence[EntityWrite],
    sequences: tuple[tuple[MappedClass, int], ...] = (),
    guards: tuple[Guard, ...] = (),
) -> tuple[FlushPlan, list[DoubleClaim]]:
    """The plan of these writes and guards, and the values that two of them claim."""
    if isinstance(writes, Run):
        claims = RunClaims.of(writes)
        if all(map(_differ, (writes.keys, *claims.values.values()))):
            return FlushPlan(writes, claims, (), sequences, guards), []
    if isinstance(writes, ChangeRun) and writes.mapped.unique_fields.isdisjoint(writes.columns):
        return FlushPlan(writes, (), (), sequences, guards), []
    return _plan_one_by_one(tuple(writes), sequences, guards)


def _plan_one_by_one(
    writes: tuple[EntityWrite, ...],
    sequences: tuple[tuple[MappedClass, int], ...],
    guards: tuple[Guard, ...],
) -> tuple[FlushPlan, list[DoubleClaim]]:
    if not _distinct(writes):
        message = "a plan must not write one entity twice"
        raise ValueError(message)
    given_up, wanted = _unique_changes(writes)
    if not given_up and _distinct(wanted):
        return FlushPlan(writes, tuple(wanted), (), sequences, guards), []
    taken: dict[tuple[MappedIndex, bytes], Claim] = {}
    doubles: list[DoubleClaim] = []
    for wish in wanted:
        claim, place = wish, wish[:2]
        if given_up and place in given_up:
            claim = wish._replace(owner=writes[given_up[place].position].key)
        first = taken.setdefault(place, claim)
        if first is not claim:
            doubles.append(DoubleClaim(claim, first))
    left = tuple([release for place, release in given_up.items() if place not in taken])
    return FlushPlan(writes, tuple(taken.values()), left, sequences, guards), doubles


def _differ(values: Sequence[bytes]) -> bool:
    return len(set(values)) == len(values)


def _distinct(all_: Sequence[EntityWrite] | Sequence[Claim]) -> bool:
    """Whether no two begin alike: mapper and key, or index and value.

    The first is mostly the same in all, and then a set of pairs is more than it takes.
    """
    if len({each[0] for each in all_}) <= 1:
        return len({each[1] for each in all_}) == len(all_)
    return len({each[:2] for each in all_}) == len(all_)


def plan_of_one(write: EntityWrite, number: int | None) -> FlushPlan:
    """The plan of one write, which moves the sequence of its mapper where there is a number."""
    plan, _ = make_plan((write,), ((write.mapped, number),) if number else ())
    return plan


def _unique_changes(
    writes: tuple[EntityWrite, ...],
) -> tuple[dict[tuple[MappedIndex, bytes], Release], list[Claim]]:
    """The unique values that entities give up, and those they want, as if they were free."""
    given_up: dict[tuple[MappedIndex, bytes], Release] = {}
    wanted: list[Claim] = []
    for position, (mapped, _, _, base, record, changes) in enumerate(writes):
        if base and record and mapped.unique_fields.isdisjoint(changes):
            continue
        for index in mapped.uniques:
            if base and record and index.stored.isdisjoint(changes):
                continue
            before = index.one(base) if base else None
            after = index.one(record) if record else None
            if before == after:
                continue
            if before is not None:
                given_up[index, before] = Release(index, before, position)
            if after is not None:
                wanted.append(Claim(index, after, position, None))
    return given_up, wanted


def whole_check(mapped: MappedClass, base: Record) -> AtFields:
    """The check of `conflict="fields"` for what touches every field: a deletion, a replacement.

    The version would not do: after a commit that let somebody else's edit stand beside it, the base
    is not the whole record, though its version is the stored one.
    """
    names = {*base, *(name for column in mapped.every_column for name in column.names)}
    names -= {VERSION, mapped.key.stored}
    return AtFields(tuple((name, base.get(name)) for name in sorted(names)))


def fields_check(
    mapped: MappedClass, base: Record, record: Record, also: frozenset[bytes]
) -> AtFields:
    """The check of `conflict="fields"`: what is written, and what index changes depend on.

    An index whose fields change loses the entry of all its fields as they were loaded, so all of
    them must still be that. `also` are the fields that the Computed values were made from.
    """
    names = set(differences(base, record))
    changed = frozenset(names)
    for index in mapped.indexes.values():
        if not changed.isdisjoint(index.stored):
            names |= index.stored
    names |= also
    names -= {VERSION, mapped.key.stored}
    return AtFields(tuple((name, base.get(name)) for name in sorted(names)))
