"""A flush plan -> the call of `commit.lua`.

The cost of a commit is the server's, and an interpreter in Lua is slow; so the grouping is done
here. Writes of one mapper that change the same fields are one *group*: they name their fields once,
their records stand side by side in KEYS, and each index takes the whole group in one go.

A call is keys, a plan of integers and words; `commit.lua` says in which order. The integers go as
one word, which costs a server less than a word for each.

This is one of the few hot paths: a commit of a thousand entities runs through it a thousand times,
one of a single entity waits for every line of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import attrs

from redmapper.mapping.mapped import MappedClass, MappedIndex
from redmapper.mapping.records import FieldChanges
from redmapper.strategies.lua.calls import CommitCall, commit_command
from redmapper.strategies.lua.entries import Affected, MapperPlaces, Members, Places, SortedEntries
from redmapper.strategies.lua.layout import cut, cut_check
from redmapper.strategies.lua.packing import packed
from redmapper.strategies.lua.receipts import LANE_MINUTES, Lane
from redmapper.strategies.lua.scripts import COMMIT
from redmapper.wire import Argument
from redmapper.work.plan import (
    Absent,
    AtFields,
    AtVersion,
    Check,
    Claim,
    EntityWrite,
    FlushPlan,
    Release,
)


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
    """Writes of one shape, their positions in the plan, and the fields of each.

    `first` is the position in KEYS where their records begin.
    """

    shape: Shape
    places: MapperPlaces
    affected: Affected
    positions: list[int] = attrs.field(factory=list)
    writes: list[EntityWrite] = attrs.field(factory=list)
    fields: list[FieldChanges] = attrs.field(factory=list)
    first: int = 0


@attrs.define(eq=False)
class Compiled:
    """The keys, integers and words of a call, being written.

    `keys` begin with the lane, the schema and a key that there never is; then come the listings,
    the records by the kind of their check, and all else as it is first named (`positions`).
    `checked` and `claimed` say what positions in violations mean, `types` what some keys hold.
    """

    plan: FlushPlan
    places: Places
    groups: list[Group]
    keys: list[bytes]
    integers: list[int] = attrs.field(factory=list)
    words: list[Argument] = attrs.field(factory=list)
    positions: dict[bytes, int] = attrs.field(factory=dict)
    types: dict[bytes, str] = attrs.field(factory=dict)
    checked: dict[type[Check], list[int]] = attrs.field(factory=dict)
    claimed: list[Claim] = attrs.field(factory=list)

    @property
    def mappers(self) -> list[MappedClass]:
        """The mappers that the plan writes to, in the order of the section that names them."""
        return list(dict.fromkeys([group.shape.mapped for group in self.groups]))

    def at(self, key: bytes, kind: str) -> int:
        """The position of a key that is no record's, which is declared by this."""
        position = self.positions.get(key)
        if position is None:
            self.keys.append(key)
            self.types[key] = kind
            position = self.positions[key] = len(self.keys)
        return position

    def types_of_keys(self) -> dict[bytes, str]:
        """The type that each key must have: most are records."""
        return dict.fromkeys(self.keys, "hash") | {self.keys[0]: "string"} | self.types


def compile_plan(
    plan: FlushPlan, places: Places, lane: Lane, new: frozenset[MappedClass]
) -> CommitCall:
    """The call of `commit.lua` for a plan, section by section.

    `new` are the mappers of which the partition may not know yet: they are described to it.
    """
    groups = _groups(plan.writes, places)
    keyspace = places.keyspace
    compiled = Compiled(plan, places, groups, [lane.key, keyspace.schema, keyspace.nothing])
    compiled.integers.append(LANE_MINUTES)
    _say_schema(compiled, new)
    _say_checks(compiled)
    _say_sequences(compiled)
    _say_owners(compiled)
    _say_sets(compiled)
    _say_sorted(compiled)
    _say_records(compiled)
    _say_commands(compiled, new)
    said = (packed(compiled.integers), *compiled.words)
    return CommitCall(
        command=commit_command(COMMIT, lane, compiled.keys[1:], said),
        plan=plan,
        mappers=compiled.mappers,
        checked=compiled.checked,
        claimed=compiled.claimed,
        types=compiled.types_of_keys,
    )


# --- groups ----------------------------------------------------------------------------------


def _groups(writes: Sequence[EntityWrite], places: Places) -> list[Group]:
    """The writes by what they have in common."""
    groups: dict[tuple[object, ...], Group] = {}
    for position, write in enumerate(writes):
        mapped, _, check, base, record, changes = write
        fields, gone = cut(changes, base), _NOTHING
        if None in fields.values():
            fields, gone = _parted(fields)
        names = None if record is None else tuple(fields)
        shape = (type(check), mapped, base is None, names, gone)
        group = groups.get(shape)
        if group is None:
            group = groups[shape] = _group(Shape(*shape), places.of(mapped))
        group.positions.append(position)
        group.writes.append(write)
        group.fields.append(fields)
    return list(groups.values())


_NOTHING: tuple[bytes, ...] = ()


def _parted(fields: FieldChanges) -> tuple[FieldChanges, tuple[bytes, ...]]:
    """The fields that are written, and the names of those that go."""
    gone = tuple(name for name, value in fields.items() if value is None)
    return {name: value for name, value in fields.items() if value is not None}, gone


def _group(shape: Shape, places: MapperPlaces) -> Group:
    if shape.new or shape.names is None:
        return Group(shape, places, places.all)
    return Group(shape, places, places.affected(shape.names + shape.gone))


# --- checks ----------------------------------------------------------------------------------


def _say_schema(compiled: Compiled, new: frozenset[MappedClass]) -> None:
    mappers = compiled.mappers
    compiled.integers.append(len(mappers))
    for mapped in mappers:
        listing = compiled.at(compiled.places.of(mapped).listing, "zset")
        compiled.integers += (listing, int(mapped in new))
        compiled.words += (mapped.name, mapped.fingerprint)


def _say_checks(compiled: Compiled) -> None:
    """The records and their checks, kind by kind."""
    keys = compiled.keys
    for kind, say in _CHECKS.items():
        positions: list[int] = []
        first = len(keys) + 1
        for group in compiled.groups:
            if group.shape.check is kind:
                group.first = len(keys) + 1
                prefix = group.places.records
                keys += [prefix + write.key for write in group.writes]
                positions += group.positions
        if compiled.plan.guards:
            positions += _guarded(compiled, kind)
        compiled.checked[kind] = positions
        say(compiled, positions, first)


def _guarded(compiled: Compiled, kind: type[Check]) -> list[int]:
    """The positions of the guards with such a check; their records become keys like the others."""
    plan = compiled.plan
    found: list[int] = []
    for position, guard in enumerate(plan.guards, start=len(plan.writes)):
        if type(guard.check) is kind:
            compiled.keys.append(compiled.places.of(guard.mapped).records + guard.key)
            found.append(position)
    return found


def _say_absent(compiled: Compiled, positions: list[int], first: int) -> None:
    compiled.integers += (len(positions), first)


def _say_versions(compiled: Compiled, positions: list[int], first: int) -> None:
    compiled.integers += (len(positions), first)
    checked = compiled.plan.checked
    checks = [checked[position].check for position in positions]
    compiled.words += [check.version for check in checks if isinstance(check, AtVersion)]


def _say_fields(compiled: Compiled, positions: list[int], first: int) -> None:
    checked = compiled.plan.checked
    compiled.integers.append(len(positions))
    for at, position in enumerate(positions, start=first):
        check = checked[position].check
        fields = check.fields if isinstance(check, AtFields) else ()
        expected = cut_check(fields, checked[position].mapped)
        compiled.integers += (at, len(expected))
        compiled.words += [name for name, _ in expected]
        compiled.words += [b"" if value is None else b"=" + value for _, value in expected]


_CHECKS: dict[type[Check], Callable[[Compiled, list[int], int], None]] = {
    Absent: _say_absent,
    AtVersion: _say_versions,
    AtFields: _say_fields,
}
"""In the order of the sections."""


def _say_sequences(compiled: Compiled) -> None:
    compiled.integers.append(len(compiled.plan.sequences))
    for mapped, number in compiled.plan.sequences:
        compiled.integers.append(compiled.at(compiled.places.of(mapped).sequence, "string"))
        compiled.words.append(number)


# --- checks and writes -----------------------------------------------------------------------


def _say_owners(compiled: Compiled) -> None:
    """The claims and releases of each `Unique`."""
    plan = compiled.plan
    claims: dict[MappedIndex, list[Claim]] = {}
    releases: dict[MappedIndex, list[Release]] = {}
    for claim in plan.claims:
        claims.setdefault(claim.unique, []).append(claim)
    for release in plan.releases:
        releases.setdefault(release.unique, []).append(release)
    uniques = claims | releases
    compiled.integers.append(len(uniques))
    for unique, held in uniques.items():
        key = compiled.places.of(plan.writes[held[0].position].mapped).uniques[unique]
        at = compiled.at(key, "hash")
        _say_owners_of(compiled, at, claims.get(unique, []), releases.get(unique, []))


def _say_owners_of(
    compiled: Compiled, at: int, claims: list[Claim], releases: list[Release]
) -> None:
    writes, words = compiled.plan.writes, compiled.words
    given = [
        (place, claim.owner) for place, claim in enumerate(claims, 1) if claim.owner is not None
    ]
    compiled.integers += (at, len(claims), len(given), len(releases))
    compiled.integers += [place for place, _ in given]
    words += [claim.value for claim in claims]
    words += [writes[claim.position].key for claim in claims]
    words += [owner for _, owner in given]
    words += [release.value for release in releases]
    compiled.claimed += claims


def _say_sets(compiled: Compiled) -> None:
    added: Members = {}
    removed: Members = {}
    for group in compiled.groups:
        for entries in group.affected.sets:
            if group.shape.new:
                entries.come(group.writes, added)
            elif group.shape.names is None:
                entries.go(group.writes, removed)
            else:
                entries.change(group.writes, added, removed)
    _say_members(compiled, added, removed)


def _say_members(compiled: Compiled, added: Members, removed: Members) -> None:
    """Most values of a `Lookup` are those of one entity, so most sets get one member."""
    first, keys = len(compiled.keys) + 1, dict.fromkeys([*added, *removed], "set")
    single = [key for key, come in added.items() if len(come) == 1 and key not in removed]
    alone = frozenset(single)
    rest = [key for key in keys if key not in alone]
    compiled.keys += (*single, *rest)
    compiled.types |= keys
    compiled.integers += (len(keys), first, len(single))
    compiled.words += [added[key][0] for key in single]
    for key in rest:
        come, go = added.get(key, []), removed.get(key, [])
        compiled.integers += (len(come), len(go))
        compiled.words += come
        compiled.words += go


def _say_sorted(compiled: Compiled) -> None:
    integers, words = compiled.integers, compiled.words
    integers.append(sum([len(group.affected.sorted) for group in compiled.groups]))
    for group in compiled.groups:
        tails = [group.places.tail(write.key) for write in group.writes]
        for entries in group.affected.sorted:
            come, go = _moves(entries, group, tails)
            integers += (compiled.at(entries.key, "zset"), len(come), len(go))
            words += come
            words += go


def _moves(
    entries: SortedEntries, group: Group, tails: list[bytes]
) -> tuple[list[bytes], list[bytes]]:
    """The members that come, and those that go."""
    if group.shape.new:
        return entries.come(group.writes, tails), []
    if group.shape.names is None:
        return [], entries.go(group.writes, tails)
    return entries.change(group.writes, tails)


# --- writes ----------------------------------------------------------------------------------


def _say_records(compiled: Compiled) -> None:
    """A run of records for each group; without names they go."""
    words = compiled.words
    compiled.integers.append(len(compiled.groups))
    for group in compiled.groups:
        names = group.shape.names or _NOTHING
        compiled.integers += (len(names), len(group.positions), group.first)
        words += names
        for fields in group.fields if names else ():
            words += fields.values()  # type: ignore[arg-type]  # pyright: ignore[reportOperatorIssue]


def _say_commands(compiled: Compiled, new: frozenset[MappedClass]) -> None:
    """What is seldom to be done: fields that go, and a mapper to be described."""
    commands: list[tuple[int, tuple[Argument, ...]]] = [
        (group.first + row, ("HDEL", *group.shape.gone))
        for group in compiled.groups
        if group.shape.gone
        for row in range(len(group.positions))
    ]
    for each in compiled.mappers:
        if each in new:
            facts = (each.name, each.fingerprint, f"{each.name}:indexes", each.description)
            commands.append((_SCHEMA, ("HSET", *facts)))
    compiled.integers.append(len(commands))
    for at, words in commands:
        compiled.integers += (at, len(words) - 1)
        compiled.words += words


_SCHEMA = 2
"""The position of the schema."""
