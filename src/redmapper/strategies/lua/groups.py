"""The writes of a plan by what they have in common, field by field.

Writes of one mapper that change the same fields are one *group*. What they write stands in columns,
one a field of their hashes: so most steps are taken once a field and not once a field and entity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, cast

import attrs

from redmapper.mapping.columns import Record
from redmapper.mapping.mapped import KeyBytes, MappedClass
from redmapper.mapping.records import Columns
from redmapper.strategies.lua.entries import Affected, MapperPlaces, Places
from redmapper.strategies.lua.layout import PIECE, cut, cut_column, parted, pieces
from redmapper.strategies.lua.standings import EntryColumns
from redmapper.work.plan import Absent, AtVersion, ChangeRun, Check, EntityWrite, Run


class Shape(NamedTuple):
    """What the writes of a group have in common.

    The kind of their checks, the mapper, whether the entities are new, the fields of their hashes
    that are written (None: the entities go), and those that are removed.
    """

    check: type[Check]
    mapped: MappedClass
    new: bool
    names: tuple[bytes, ...] | None
    gone: tuple[bytes, ...]


@attrs.define(eq=False)
class Group:
    """Writes of one shape: their positions in the plan, their keys, a column for each name.

    `tails` are the keys as entries have them, where there are any. `first` is the position in KEYS
    where their records begin. `come` and `go` are the entries of the records after and before.
    """

    shape: Shape
    places: MapperPlaces
    affected: Affected
    positions: Sequence[int]
    keys: Sequence[KeyBytes]
    columns: list[Sequence[bytes]]
    tails: Sequence[bytes] = ()
    come: EntryColumns | None = None
    go: EntryColumns | None = None
    first: int = 0


class Alike(NamedTuple):
    """Writes that change the same fields, as the plan has them, and their positions in it."""

    positions: Sequence[int]
    writes: Sequence[EntityWrite]


def groups_of(writes: Sequence[EntityWrite], places: Places) -> list[Group]:
    """The groups of a plan."""
    if isinstance(writes, ChangeRun):
        run, here = Alike(range(len(writes)), writes), places.of(writes.mapped)
        return list(_changed(AtVersion, run, writes, here))
    if isinstance(writes, Run):
        return list(_new(Absent, range(len(writes)), writes, places.of(writes.mapped)))
    found: dict[tuple[object, ...], list[int]] = {}
    for position, write in enumerate(writes):
        mapped, _, check, base, record, changes = write
        kind = (check.__class__, mapped, base is None, record is None, *changes)
        found.setdefault(kind, []).append(position)
    each = [Alike(positions, [writes[at] for at in positions]) for positions in found.values()]
    return [group for alike in each for group in _shaped(alike, places)]


def _shaped(alike: Alike, places: Places) -> Iterator[Group]:
    """By what becomes of their fields in a hash."""
    mapped, _, check, base, record, changes = alike.writes[0]
    here, names = places.of(mapped), tuple(changes)
    if record is None:
        yield _group(alike, here, None, (), [])
        return
    columns = dict(zip(names, _columns(alike.writes), strict=True))
    if base is None:
        run = Run(mapped, _keys(alike), columns)
        yield from _new(type(check), alike.positions, run, here)
    elif any(None in column for column in columns.values()):
        yield from _field_by_field(alike, here)
    else:
        bases = [write.base or {} for write in alike.writes]
        changed = ChangeRun(mapped, _keys(alike), bases, columns)
        yield from _changed(type(check), alike, changed, here)


def _columns(writes: Iterable[EntityWrite]) -> list[Sequence[bytes]]:
    """What they write, field by field, where no field goes."""
    return list(zip(*[write.changes.values() for write in writes], strict=True))


def _keys(alike: Alike) -> list[KeyBytes]:
    return [write.key for write in alike.writes]


# --- new entities ----------------------------------------------------------------------------


def _new(
    check: type[Check], positions: Sequence[int], run: Run, here: MapperPlaces
) -> Iterator[Group]:
    """One group, or several where their long values have different numbers of pieces."""
    columns, affected = run.columns, here.all
    counts = {name: pieces(columns[name]) for name in affected.long if name in columns}
    counts = {name: count for name, count in counts.items() if count}
    sizes = list(zip(*counts.values(), strict=True))
    if len(set(sizes)) > 1:
        for rows in _rows_by(sizes):
            yield from _new(check, [positions[row] for row in rows], run.part(rows), here)
        return
    tails: Sequence[bytes] = ()
    come = None
    if affected.indexed:
        tails = here.tails(run.keys)
        come = affected.standings(run.column, run.records, tails)
    cut = _cut(columns, zip(counts, sizes[0], strict=True)) if counts else columns
    shape = Shape(check, run.mapped, True, tuple(cut), ())  # noqa: FBT003 - a value
    yield Group(shape, here, affected, positions, run.keys, [*cut.values()], tails, come)


def _cut(columns: Columns, counts: Iterable[tuple[bytes, int]]) -> Columns:
    """The columns of the hashes, the pieces after the first behind all others."""
    found = columns.copy()
    for name, count in counts:
        if count > 1:
            found |= cut_column(name, columns[name], count)
    return found


def _rows_by(kinds: Iterable[object]) -> Iterable[list[int]]:
    """The rows by some kind of each."""
    found: dict[object, list[int]] = {}
    for row, kind in enumerate(kinds):
        found.setdefault(kind, []).append(row)
    return found.values()


# --- changed entities, and those that go -----------------------------------------------------


def _group(
    alike: Alike,
    here: MapperPlaces,
    names: tuple[bytes, ...] | None,
    gone: tuple[bytes, ...],
    columns: list[Sequence[bytes]],
) -> Group:
    """Of entities that have been; without names they go."""
    first, keys = alike.writes[0], _keys(alike)
    affected = here.all if names is None else here.affected(names + gone)
    tails: Sequence[bytes] = ()
    come = go = None
    if affected.indexed:
        tails = here.tails(keys)
        go = _entries(affected, [write.base for write in alike.writes], tails)
        if names is not None:
            come = _entries(affected, [write.record for write in alike.writes], tails)
    shape = Shape(type(first.check), first.mapped, False, names, gone)  # noqa: FBT003 - a value
    return Group(shape, here, affected, alike.positions, keys, columns, tails, come, go)


def _entries(
    affected: Affected, told: Sequence[Record | None], tails: Sequence[bytes]
) -> EntryColumns:
    """The entries of some records, none of which is absent."""
    records = cast("Sequence[Record]", told)
    return affected.standings(
        lambda name: [record.get(name) for record in records], lambda: records, tails
    )


def _changed(
    check: type[Check], alike: Alike, run: ChangeRun, here: MapperPlaces
) -> Iterator[Group]:
    """The same fields of all, of which none goes: mostly one group."""
    names = tuple(run.columns)
    affected = here.affected(names)
    before = {name: run.before(name) for name in affected.long}
    if not _whole(run.columns, before):
        yield from _field_by_field(Alike([*alike.positions], [*alike.writes]), here)
        return
    tails: Sequence[bytes] = ()
    come = go = None
    if affected.indexed:
        tails = here.tails(run.keys)
        go = affected.standings(
            lambda name: before.get(name) or run.before(name), lambda: run.bases, tails
        )
        come = affected.standings(run.column, run.records, tails)
    shape = Shape(check, run.mapped, False, names, ())  # noqa: FBT003 - a value
    columns = [*run.columns.values()]
    yield Group(shape, here, affected, alike.positions, run.keys, columns, tails, come, go)


def _whole(columns: Columns, before: Mapping[bytes, Sequence[bytes | None]]) -> bool:
    """Whether none of some values stands in pieces, neither as they were nor as they will be."""
    return all(
        max(map(len, (*columns[name], *filter(None, old)))) <= PIECE for name, old in before.items()
    )


# --- changes of long values, and fields that go ----------------------------------------------


def _field_by_field(alike: Alike, here: MapperPlaces) -> Iterator[Group]:
    """By the fields of the hashes: longer or shorter values have other pieces, some fields go."""
    found = [parted(cut(write.changes, write.base)) for write in alike.writes]
    kinds = [(tuple(fields), gone) for fields, gone in found]
    for rows in _rows_by(kinds):
        names, gone = kinds[rows[0]]
        part = Alike([alike.positions[row] for row in rows], [alike.writes[row] for row in rows])
        columns: list[Sequence[bytes]] = list(
            zip(*[found[row][0].values() for row in rows], strict=True)
        )
        yield _group(part, here, names, gone, columns)
