"""A flush plan -> the call of `commit.lua`.

The cost of a commit is the server's, and an interpreter in Lua is slow; so the grouping is done
here (see `groups`). A group names its fields once, its records stand side by side in KEYS, and each
index takes the whole group in one go. What is the same for all of a group is said once.

A call is keys, a plan of integers and words; `commit.lua` says in which order. The integers go as
one word, which costs a server less than a word for each. So the keys of the entities are said once
too, and an integer says whose key is meant.

This is one of the few hot paths: a commit of a thousand entities runs through it a thousand times,
one of a single entity waits for every line of it.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import compress, repeat
from typing import NamedTuple, TypeVar

import attrs

from redmapper.mapping.mapped import MappedClass, MappedIndex
from redmapper.strategies.lua.calls import CallWords
from redmapper.strategies.lua.entries import Places
from redmapper.strategies.lua.foreign import Types
from redmapper.strategies.lua.groups import Group, groups_of
from redmapper.strategies.lua.layout import cut_check, is_constant
from redmapper.strategies.lua.packing import packed
from redmapper.strategies.lua.receipts import LANE_MINUTES, Lane
from redmapper.strategies.lua.scripts import COMMIT
from redmapper.strategies.lua.standings import EntryColumns
from redmapper.wire import Argument, Command, Packed, call
from redmapper.work.plan import (
    Absent,
    AtFields,
    AtVersion,
    ChangeRun,
    Check,
    Claim,
    FlushPlan,
    Release,
    RunClaims,
    keys_of,
)


@attrs.frozen(eq=False, slots=False)
class CallOfMany(CallWords):
    """Such a call."""

    command: Command | Packed
    plan: FlushPlan
    mappers: Sequence[MappedClass]
    checked: Mapping[type[Check], Sequence[int]]
    claimed: Sequence[Claim]
    types: Types


@attrs.define(eq=False)
class Members:
    """Members of sets, by the key of the set: which of the plan's entities, counted from 1.

    Most sets have just the `first`; those of others are in `more`.
    """

    first: dict[bytes, int] = attrs.field(factory=dict)
    more: defaultdict[bytes, list[int]] = attrs.field(factory=lambda: defaultdict(list))

    def put(self, sets: Iterable[bytes], rows: Iterable[int]) -> None:
        """Of each of these sets one entity is a member."""
        first, more = self.first.setdefault, self.more
        for key, row in zip(sets, rows):  # noqa: B905 - one entity may be repeated without end
            if first(key, row) != row:
                more[key].append(row)

    def put_all(self, entries: EntryColumns, rows: list[int]) -> None:
        """All entries of some entities."""
        for column in entries.sets:
            alone = dict(zip(column, rows, strict=True))
            if len(alone) == len(rows) and alone.keys().isdisjoint(self.first.keys()):
                self.first |= alone  # each set has one, as where few are alike: no step for each
            else:
                self.put(column, rows)
        for several in entries.several:
            for sets, row in zip(several, rows, strict=True):
                self.put(sets, repeat(row))

    def of(self, key: bytes) -> list[int]:
        """Those of one set."""
        return [self.first[key], *self.more.get(key, ())] if key in self.first else []


@attrs.define(eq=False)
class Compiled:
    """The keys, integers and words of a call, being written.

    `keys` begin with the lane, the schema and a key that there never is; then come the listings,
    the records by the kind of their check, and all else as it is first named (`positions`).
    `checked` and `claimed` say what positions in violations mean, `types` what some keys hold, and
    the keys of `sets` hold sets.
    """

    plan: FlushPlan
    places: Places
    groups: list[Group]
    keys: list[bytes]
    integers: list[int] = attrs.field(factory=list)
    words: list[Argument] = attrs.field(factory=list)
    positions: dict[bytes, int] = attrs.field(factory=dict)
    types: dict[bytes, str] = attrs.field(factory=dict)
    sets: list[bytes] = attrs.field(factory=list)
    checked: dict[type[Check], list[int]] = attrs.field(factory=dict)
    claimed: Sequence[Claim] = attrs.field(factory=list)

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
        sets = dict.fromkeys(self.sets, "set")
        return dict.fromkeys(self.keys, "hash") | {self.keys[0]: "string"} | self.types | sets


def compile_plan(
    plan: FlushPlan, places: Places, lane: Lane, new: frozenset[MappedClass]
) -> CallOfMany:
    """The call of `commit.lua` for a plan, section by section.

    `new` are the mappers of which the partition may not know yet: they are described to it.
    """
    groups = groups_of(plan.writes, places)
    keyspace = places.keyspace
    compiled = Compiled(plan, places, groups, [lane.key, keyspace.schema, keyspace.nothing])
    compiled.integers.append(LANE_MINUTES)
    _say_schema(compiled, new)
    _say_checks(compiled)
    _say_sequences(compiled)
    _say_entities(compiled)
    _say_owners(compiled)
    _say_sets(compiled)
    _say_sorted(compiled)
    _say_records(compiled)
    _say_commands(compiled, new)
    arguments = [lane.number, lane.unit_id, packed(compiled.integers), *compiled.words]
    return CallOfMany(
        command=call(COMMIT, compiled.keys, arguments),
        plan=plan,
        mappers=compiled.mappers,
        checked=compiled.checked,
        claimed=compiled.claimed,
        types=compiled.types_of_keys,
    )


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
                keys += [prefix + key for key in group.keys]
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
    if isinstance(checked, ChangeRun):
        every = checked.versions
        versions = [every[position] for position in positions]
    else:
        checks = [checked[position].check for position in positions]
        versions = [check.version for check in checks if isinstance(check, AtVersion)]
    _say_column(compiled, versions)


def _say_column(compiled: Compiled, column: Sequence[bytes]) -> None:
    """How many words, and these: one for each, or one where all are the same."""
    said = column[:1] if column and is_constant(column) else column
    compiled.integers.append(len(said))
    compiled.words += said


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


def _say_entities(compiled: Compiled) -> None:
    """All keys, where owners are among them, and all tails, where members of sets are."""
    keys = keys_of(compiled.plan.writes) if compiled.plan.claims else []
    tails = _tails_of(compiled)
    if [*keys] == [*tails]:
        tails = []
    compiled.integers += (len(keys), len(tails))
    compiled.words += keys
    compiled.words += tails


def _tails_of(compiled: Compiled) -> Sequence[bytes]:
    """By the position of an entity, where there are sets; those of others do not matter."""
    groups = [group for group in compiled.groups if group.affected.sets]
    if len(groups) == 1 == len(compiled.groups):
        return groups[0].tails
    tails = [b""] * len(compiled.plan.writes) if groups else []
    for group in groups:
        for position, tail in zip(group.positions, group.tails, strict=True):
            tails[position] = tail
    return tails


def _say_owners(compiled: Compiled) -> None:
    """The claims and releases of each `Unique`."""
    plan = compiled.plan
    if isinstance(plan.claims, RunClaims):
        _say_claims_of_run(compiled, plan.claims)
        return
    claims, releases = _by_unique(plan.claims), _by_unique(plan.releases)
    uniques = dict.fromkeys([*claims, *releases])
    compiled.integers.append(len(uniques))
    for unique in uniques:
        come, go = claims.get(unique, []), releases.get(unique, [])
        position = come[0].position if come else go[0].position
        key = compiled.places.of(plan.writes[position].mapped).uniques[unique]
        _say_owners_of(compiled, compiled.at(key, "hash"), come, go)


def _say_claims_of_run(compiled: Compiled, claims: RunClaims) -> None:
    """All entities of the plan claim a value in each, and nobody gives one up."""
    here, integers = compiled.groups[0].places, compiled.integers
    integers.append(len(claims.values))
    for unique, values in claims.values.items():
        integers += (compiled.at(here.uniques[unique], "hash"), len(values), 0, 0)
        integers += range(1, len(values) + 1)
        compiled.words += values
    compiled.claimed = claims


Owned = TypeVar("Owned", Claim, Release)


def _by_unique(owned: Sequence[Owned]) -> dict[MappedIndex, list[Owned]]:
    """Most plans have those of one alone."""
    uniques = list(dict.fromkeys([each.unique for each in owned]))
    if len(uniques) == 1:
        return {uniques[0]: list(owned)}
    return {unique: [each for each in owned if each.unique is unique] for unique in uniques}


def _say_owners_of(
    compiled: Compiled, at: int, claims: Sequence[Claim], releases: Sequence[Release]
) -> None:
    integers, words = compiled.integers, compiled.words
    owners = [claim.owner for claim in claims]
    given = [place for place, owner in enumerate(owners, 1) if owner is not None]
    integers += (at, len(claims), len(given), len(releases))
    integers += [claim.position + 1 for claim in claims]
    integers += given
    words += [claim.value for claim in claims]
    words += [owner for owner in owners if owner is not None]
    words += [release.value for release in releases]
    compiled.claimed = [*compiled.claimed, *claims]


def _say_sets(compiled: Compiled) -> None:
    """Most values of a `Lookup` are those of one entity, so most sets get one member."""
    added, removed = _moves_of_sets(compiled.groups)
    others = added.more.keys() | removed.first.keys()
    single = [key for key in added.first if key not in others]
    rest = [key for key in {**added.first, **removed.first} if key in others] if others else []
    first, integers = len(compiled.keys) + 1, compiled.integers
    compiled.sets = single + rest
    compiled.keys += compiled.sets
    integers += (len(compiled.sets), first, len(single))
    integers += map(added.first.__getitem__, single)
    for key in rest:
        come, go = added.of(key), removed.of(key)
        integers += (len(come), len(go))
        integers += come
        integers += go


def _moves_of_sets(groups: Iterable[Group]) -> tuple[Members, Members]:
    """The members that come into sets, and those that go."""
    added, removed = Members(), Members()
    for group in groups:
        rows = [position + 1 for position in group.positions]
        if group.come and group.go:
            _changed_members(group.come, group.go, rows, added, removed)
        elif group.come:
            added.put_all(group.come, rows)
        elif group.go:
            removed.put_all(group.go, rows)
    return added, removed


def _changed_members(
    come: EntryColumns, go: EntryColumns, rows: list[int], added: Members, removed: Members
) -> None:
    """Those that only the new records have come, those that only the old ones have go."""
    for afters, befores in zip(come.sets, go.sets, strict=True):
        differ = list(map(operator.ne, afters, befores))
        moved = list(compress(rows, differ))
        added.put(compress(afters, differ), moved)
        removed.put(compress(befores, differ), moved)
    for several, before_several in zip(come.several, go.several, strict=True):
        for after, before, row in zip(several, before_several, rows, strict=True):
            added.put([each for each in after if each not in before], repeat(row))
            removed.put([each for each in before if each not in after], repeat(row))


def _say_sorted(compiled: Compiled) -> None:
    integers, words = compiled.integers, compiled.words
    integers.append(sum([len(group.affected.sorted) for group in compiled.groups]))
    for group in compiled.groups:
        for at, entries in enumerate(group.affected.sorted):
            come, scores, go = _moves_of(group, at)
            integers += (compiled.at(entries.key, "zset"), len(scores), len(come), len(go))
            words += scores
            words += come
            words += go


class Moves(NamedTuple):
    """The members of one sorted set that come, their scores (none: 0), and those that go."""

    come: Sequence[bytes]
    scores: Sequence[bytes]
    go: Sequence[bytes]


def _moves_of(group: Group, at: int) -> Moves:
    """What moves in one sorted set."""
    come, scores = _entries_of(group.come, at)
    go, before = _entries_of(group.go, at)
    if not (come and go):
        return Moves(come, scores, go)
    if scores and come is go:  # plain numbers: the members stay, and what differs is their scores
        come, scores = _chosen(list(map(operator.ne, scores, before)), come, scores)
        return Moves(come, scores, ())
    differ = list(map(operator.ne, come, go))
    (leaving,) = _chosen(differ, go)
    if scores:
        differ = list(map(operator.or_, differ, map(operator.ne, scores, before)))
    come, scores = _chosen(differ, come, scores)
    return Moves(come, scores, leaving)


def _chosen(chosen: list[bool], *columns: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Of each column what is chosen; mostly all, as where an index is over what has changed."""
    whole = all(chosen)
    return (column if whole else list(compress(column, chosen)) for column in columns)


def _entries_of(entries: EntryColumns | None, at: int) -> tuple[Sequence[bytes], Sequence[bytes]]:
    """The members of one sorted set, and their scores."""
    return (entries.members[at], entries.scores[at] or ()) if entries else ((), ())


# --- writes ----------------------------------------------------------------------------------


def _say_records(compiled: Compiled) -> None:
    """A run of records for each group, in columns; without names they go."""
    compiled.integers.append(len(compiled.groups))
    for group in compiled.groups:
        names = group.shape.names or ()
        compiled.integers += (len(names), len(group.positions), group.first)
        compiled.words += names
        for column in group.columns:
            _say_column(compiled, column)


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
