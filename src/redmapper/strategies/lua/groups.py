"""The writes of a plan by what they have in common, field by field.

Writes of one mapper that change the same fields are one *group*. What they write stands in columns,
one a field of their hashes: so most steps are taken once a field and not once a field and entity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, cast

import attrs

from redmapper.mapping.columns import Record
from redmapper.mapping.mapped import MappedClass
from redmapper.strategies.lua.entries import Affected, MapperPlaces, Places
from redmapper.strategies.lua.layout import PIECE, cut, cut_column, parted, pieces
from redmapper.strategies.lua.standings import EntryColumns
from redmapper.work.plan import Check, EntityWrite


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
    """Writes of one shape, their positions in the plan, and a column of values for each name.

    `first` is the position in KEYS where their records begin. `come` and `go` are the entries of
    the records after and before.
    """

    shape: Shape
    places: MapperPlaces
    affected: Affected
    positions: list[int]
    writes: list[EntityWrite]
    columns: list[Sequence[bytes]]
    first: int = 0
    come: EntryColumns | None = None
    go: EntryColumns | None = None

    def __attrs_post_init__(self) -> None:
        if not self.affected.moves:
            return
        tails = self.places.tails([write.key for write in self.writes])
        if self.shape.names is not None:
            self.come = self._entries([write.record for write in self.writes], tails)
        if not self.shape.new:
            self.go = self._entries([write.base for write in self.writes], tails)

    def _entries(self, records: list[Record | None], tails: list[bytes]) -> EntryColumns:
        return self.affected.standings(cast("list[Record]", records), tails)


class Alike(NamedTuple):
    """Writes that change the same fields, as the plan has them, and their positions in it."""

    positions: list[int]
    writes: list[EntityWrite]


def groups_of(writes: Sequence[EntityWrite], places: Places) -> list[Group]:
    """The groups of a plan."""
    found: dict[tuple[object, ...], Alike] = {}
    for position, write in enumerate(writes):
        mapped, _, check, base, record, changes = write
        kind = (check.__class__, mapped, base is None, record is None, *changes)
        alike = found.get(kind)
        if alike is None:
            alike = found[kind] = Alike([], [])
        alike.positions.append(position)
        alike.writes.append(write)
    return [group for alike in found.values() for group in _shaped(alike, places)]


def _shaped(alike: Alike, places: Places) -> Iterator[Group]:
    """By what becomes of their fields in a hash."""
    mapped, _, check, base, record, changes = alike.writes[0]
    here = places.of(mapped)
    if record is None:
        yield Group(Shape(type(check), mapped, False, None, ()), here, here.all, *alike, [])  # noqa: FBT003 - a value
        return
    names = tuple(changes)
    columns = _columns(alike.writes)
    if base is None:
        yield from _new(alike, here, names, columns)
        return
    affected = here.affected(names)
    if any(None in column for column in columns) or not _whole(alike, names, columns, affected):
        yield from _field_by_field(alike, here)
        return
    shape = Shape(type(check), mapped, False, names, ())  # noqa: FBT003 - a value
    yield Group(shape, here, affected, *alike, columns)


def _columns(writes: Iterable[EntityWrite]) -> list[Sequence[bytes]]:
    """What they write, field by field, where no field goes."""
    return list(zip(*[write.changes.values() for write in writes], strict=True))


# --- new entities ----------------------------------------------------------------------------


def _new(
    alike: Alike, here: MapperPlaces, names: tuple[bytes, ...], columns: list[Sequence[bytes]]
) -> Iterator[Group]:
    """One group, or several where their long values have different numbers of pieces."""
    counts = {at: pieces(columns[at]) for at, name in enumerate(names) if name in here.all.long}
    counts = {at: count for at, count in counts.items() if count}
    sizes = list(zip(*counts.values(), strict=True))
    if len(set(sizes)) > 1:
        for part in _parts(alike, sizes):
            yield from _new(part, here, names, _columns(part.writes))
        return
    for at, count in zip(counts, sizes[0] if sizes else (), strict=True):
        if count > 1:
            (_, columns[at]), *following = cut_column(names[at], columns[at], count)
            names += tuple([name for name, _ in following])
            columns += [column for _, column in following]
    check, mapped = type(alike.writes[0].check), alike.writes[0].mapped
    yield Group(Shape(check, mapped, True, names, ()), here, here.all, *alike, columns)  # noqa: FBT003 - a value


def _parts(alike: Alike, kinds: Iterable[object]) -> Iterable[Alike]:
    """The writes by some kind of each."""
    found: dict[object, Alike] = {}
    for position, write, kind in zip(*alike, kinds, strict=True):
        part = found.setdefault(kind, Alike([], []))
        part.positions.append(position)
        part.writes.append(write)
    return found.values()


def _whole(
    alike: Alike, names: tuple[bytes, ...], columns: list[Sequence[bytes]], affected: Affected
) -> bool:
    """Whether no value stands in pieces, neither as it was nor as it will be."""
    for name, column in zip(names, columns, strict=True):
        if name in affected.long:
            before = [write.base.get(name, b"") for write in alike.writes if write.base]
            if max(map(len, column)) > PIECE or max(map(len, before), default=0) > PIECE:
                return False
    return True


# --- changes of long values, and fields that go ----------------------------------------------


def _field_by_field(alike: Alike, here: MapperPlaces) -> Iterator[Group]:
    """By the fields of the hashes: longer or shorter values have other pieces, some fields go."""
    found = [parted(cut(write.changes, write.base)) for write in alike.writes]
    kinds = [(tuple(fields), gone) for fields, gone in found]
    values = iter([fields for fields, _ in found])
    by_write = dict(zip(alike.positions, values, strict=True))
    for part, (names, gone) in zip(_parts(alike, kinds), dict.fromkeys(kinds), strict=True):
        write = part.writes[0]
        shape = Shape(type(write.check), write.mapped, False, names, gone)  # noqa: FBT003 - a value
        rows = [by_write[position].values() for position in part.positions]
        columns: list[Sequence[bytes]] = list(zip(*rows, strict=True))
        yield Group(shape, here, here.affected(names + gone), *part, columns)
