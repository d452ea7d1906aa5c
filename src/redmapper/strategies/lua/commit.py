"""A flush plan -> the call of `commit.lua`, and its answer -> refusals.

The cost of a commit is the server's, and an interpreter in Lua is slow; so the grouping is done
here: commands of one kind on one key become one command with many arguments, and records of one
shape name their fields once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TypeAlias, TypeVar

import attrs

from redmapper.mapping.columns import Record
from redmapper.mapping.mapped import MappedClass, MappedIndex
from redmapper.strategies.lua.entries import HASH, SORTED_SET, Entry, Placements, Structure
from redmapper.strategies.lua.foreign import foreign_types
from redmapper.strategies.lua.keys import Keyspace
from redmapper.strategies.lua.layout import cut, cut_field, joined
from redmapper.wire import Argument, Reply
from redmapper.work.plan import (
    Absent,
    AtFields,
    AtVersion,
    Claim,
    EntityWrite,
    FlushPlan,
    Refusal,
    Release,
)

RUN = 4_000
"""Arguments of one command at most: Lua's `unpack` fails at 8,000."""

Item = TypeVar("Item")
Arguments: TypeAlias = list[Argument]
Fields: TypeAlias = "tuple[bytes, ...]"


@attrs.define
class Compiled:
    """The keys and arguments of a call, being written.

    `absent`, `versioned`, `fielded` and `claimed` are what the positions of violations mean.
    """

    plan: FlushPlan
    placements: Placements
    keys: dict[bytes, int] = attrs.field(factory=dict)
    absent: list[int] = attrs.field(factory=list)
    versioned: list[int] = attrs.field(factory=list)
    fielded: list[int] = attrs.field(factory=list)
    claimed: list[Claim] = attrs.field(factory=list)
    commands: dict[tuple[str, bytes], Arguments] = attrs.field(factory=dict)
    shapes: dict[Fields, list[tuple[int, Iterable[bytes]]]] = attrs.field(factory=dict)
    types: dict[bytes, str] = attrs.field(factory=dict)
    hidden: set[Argument] = attrs.field(factory=set)

    @cached_property
    def mappers(self) -> list[MappedClass]:
        """The mappers that the plan writes to."""
        return list({write.mapped.name: write.mapped for write in self.plan.writes}.values())

    @property
    def keyspace(self) -> Keyspace:
        """The keys of the partition."""
        return self.placements.keyspace

    def at(self, key: bytes) -> int:
        """The position of a key, which is declared by this."""
        return self.keys.setdefault(key, len(self.keys) + 1)

    @property
    def expected(self) -> dict[bytes, str]:
        """The type that each key must have: the lane is the first, and most are records."""
        special = {next(iter(self.keys)): "string"}
        special |= {self.keyspace.listing(mapped): "zset" for mapped in self.mappers}
        return dict.fromkeys(self.keys, "hash") | self.types | special

    def command(self, name: str, key: bytes, arguments: Iterable[Argument] = ()) -> None:
        """A command, joined with others of its name on its key."""
        self.commands.setdefault((name, key), []).extend(arguments)

    def add(self, structure: Structure, entry: Entry) -> None:
        """Put an entry in."""
        at, member = entry
        self.types[at] = structure.type
        self.command(structure.add, at, (b"0", member) if structure is SORTED_SET else (member,))

    def remove(self, structure: Structure, entry: Entry) -> None:
        """Take an entry out."""
        at, member = entry
        self.types[at] = structure.type
        self.command(structure.remove, at, (member,))


def compile_plan(
    plan: FlushPlan, placements: Placements, lane: bytes, new_schemas: frozenset[str]
) -> tuple[Compiled, Arguments]:
    """The call of `commit.lua` for a plan, but for the three arguments of the receipt."""
    compiled = Compiled(plan, placements)
    compiled.at(lane)
    compiled.at(compiled.keyspace.schema)
    for position, write in enumerate(plan.writes):
        _write(compiled, position, write)
    claims = _claims(compiled)
    for mapped in compiled.mappers:
        if mapped.name in new_schemas:
            _describe(compiled, mapped)
    arguments: Arguments = [
        *_types(compiled),
        *_schema(compiled, new_schemas),
        *_absent(compiled),
        *_versions(compiled),
        *_fields(compiled),
        *_sequences(compiled),
        *claims,
        *_records(compiled),
        *_commands(compiled),
    ]
    return compiled, arguments


# --- what is written -------------------------------------------------------------------------


def _write(compiled: Compiled, position: int, write: EntityWrite) -> None:
    """One entity: its record and its entries, as commands."""
    mapped, keyspace = write.mapped, compiled.keyspace
    key = keyspace.record(mapped, write.key)
    _SECTION[type(write.check)](compiled).append(position)
    number = compiled.at(key)
    if write.record is None:
        compiled.command("DEL", key)
        compiled.remove(SORTED_SET, compiled.placements.listed(mapped, write.key))
    else:
        _write_record(compiled, write, key, number)
        if write.base is None:
            compiled.add(SORTED_SET, compiled.placements.listed(mapped, write.key))
    _write_entries(compiled, write)


_SECTION = {
    Absent: lambda compiled: compiled.absent,
    AtVersion: lambda compiled: compiled.versioned,
    AtFields: lambda compiled: compiled.fielded,
}


def _write_record(compiled: Compiled, write: EntityWrite, key: bytes, number: int) -> None:
    after = cut(write.record or {}, write.mapped)
    if write.base is not None:
        before = cut(write.base, write.mapped)
        gone = [name for name in before if name not in after]
        if gone:
            compiled.command("HDEL", key, gone)
        after = {name: value for name, value in after.items() if before.get(name) != value}
    if write.mapped.hidden:
        compiled.hidden.update(_secret(after, write.mapped))
    compiled.shapes.setdefault(tuple(after), []).append((number, after.values()))


def _secret(fields: Record, mapped: MappedClass) -> Iterator[bytes]:
    for name, value in fields.items():
        if name.partition(b":")[0] in mapped.hidden:
            yield value


def _write_entries(compiled: Compiled, write: EntityWrite) -> None:
    """The entries that only the old record has go, those that only the new one has come."""
    for placement in compiled.placements.of(write.mapped):
        before, after = _values(placement.index, write.base, write.record)
        for value in before:
            if value not in after:
                compiled.remove(placement.structure, placement.place(value, write.key))
        for value in after:
            if value not in before:
                compiled.add(placement.structure, placement.place(value, write.key))
        if placement.hidden:
            for value in before + after:
                compiled.hidden.update(placement.place(value, write.key))


def _values(
    index: MappedIndex, base: Record | None, record: Record | None
) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """The values of both records in an index; none at all where its fields are the same."""
    if base is None or record is None:
        before = () if base is None else index.values(base)
        return before, () if record is None else index.values(record)
    if all(base.get(name) == record.get(name) for name in index.stored):
        return (), ()
    return index.values(base), index.values(record)


def _describe(compiled: Compiled, mapped: MappedClass) -> None:
    """What the partition is to remember of a mapper."""
    facts = (mapped.name, mapped.fingerprint, f"{mapped.name}:indexes", mapped.description)
    compiled.command("HSET", compiled.keyspace.schema, facts)


def _claims(compiled: Compiled) -> Arguments:
    """The section of claims; their writes, and those of released values, become commands."""
    plan, keyspace = compiled.plan, compiled.keyspace
    grouped: dict[bytes, list[Claim]] = {}
    for claim in plan.claims:
        mapped = plan.writes[claim.position].mapped
        grouped.setdefault(keyspace.index(mapped, claim.index), []).append(claim)
    section: Arguments = []
    runs = 0
    for release in plan.releases:
        mapped = plan.writes[release.position].mapped
        compiled.remove(HASH, (keyspace.index(mapped, release.index), release.value))
    for key, claims in grouped.items():
        for claim in claims:
            compiled.command("HSET", key, (claim.value, plan.writes[claim.position].key))
        for run in _runs(claims):
            runs += 1
            compiled.claimed.extend(run)
            owners = [b"" if claim.owner is None else b"=" + claim.owner for claim in run]
            section += [compiled.at(key), len(run), *(claim.value for claim in run), *owners]
    both: tuple[Claim | Release, ...] = (*plan.claims, *plan.releases)
    for held in both:
        if not held.index.stored.isdisjoint(plan.writes[held.position].mapped.hidden):
            compiled.hidden.add(held.value)
    return [runs, *section]


# --- the sections of the call ----------------------------------------------------------------


def _schema(compiled: Compiled, new_schemas: frozenset[str]) -> Iterator[Argument]:
    yield len(compiled.mappers)
    for mapped in compiled.mappers:
        listing = compiled.at(compiled.keyspace.listing(mapped))
        yield from (mapped.name, mapped.fingerprint, listing, int(mapped.name in new_schemas))


def _types(compiled: Compiled) -> Iterator[Argument]:
    for mapped, _ in compiled.plan.sequences:
        compiled.types[compiled.keyspace.sequence(mapped)] = "string"
    yield len(compiled.types)
    for key, kind in compiled.types.items():
        yield from (compiled.at(key), kind)


def _absent(compiled: Compiled) -> Iterator[Argument]:
    yield len(compiled.absent)
    for position in compiled.absent:
        yield compiled.at(_record_key(compiled, position))


def _versions(compiled: Compiled) -> Iterator[Argument]:
    yield len(compiled.versioned)
    for position in compiled.versioned:
        yield compiled.at(_record_key(compiled, position))
        check = compiled.plan.writes[position].check
        yield check.version if isinstance(check, AtVersion) else b""


def _fields(compiled: Compiled) -> Iterator[Argument]:
    yield len(compiled.fielded)
    for position in compiled.fielded:
        yield compiled.at(_record_key(compiled, position))
        check = compiled.plan.writes[position].check
        fields = check.fields if isinstance(check, AtFields) else ()
        expected = [each for name, value in fields for each in cut_field(name, value)]
        secret = {name: value for name, value in expected if value is not None}
        hidden = _secret(secret, compiled.plan.writes[position].mapped)
        compiled.hidden.update(b"=" + value for value in hidden)
        yield len(expected)
        yield from (name for name, _ in expected)
        yield from (b"" if value is None else b"=" + value for _, value in expected)


def _record_key(compiled: Compiled, position: int) -> bytes:
    write = compiled.plan.writes[position]
    return compiled.keyspace.record(write.mapped, write.key)


def _records(compiled: Compiled) -> Iterator[Argument]:
    yield len(compiled.shapes)
    for names, rows in compiled.shapes.items():
        yield len(names)
        yield from names
        yield len(rows)
        for number, values in rows:
            yield number
            yield from values


def _commands(compiled: Compiled) -> Arguments:
    section: Arguments = []
    count = 0
    for (name, key), arguments in compiled.commands.items():
        for run in _runs(arguments) if arguments else [()]:
            count += 1
            section += [name, compiled.at(key), len(run), *run]
    return [count, *section]


def _sequences(compiled: Compiled) -> Iterator[Argument]:
    yield len(compiled.plan.sequences)
    for mapped, number in compiled.plan.sequences:
        yield from (compiled.at(compiled.keyspace.sequence(mapped)), number)


def _runs(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Slices of at most `RUN`, an even number, so that pairs stay together."""
    for start in range(0, len(items), RUN):
        yield items[start : start + RUN]


# --- the answer ------------------------------------------------------------------------------


def refusals_of(compiled: Compiled, violations: list[Reply]) -> tuple[Refusal, ...]:
    """The violations of checks, as refusals; ForeignType for keys that hold something else."""
    foreign = [each for each in violations if each[0] == b"foreign"]
    if foreign:
        names = list(compiled.keys)
        found = [(names[int(at) - 1], kind.decode()) for _, at, kind in foreign]
        raise foreign_types(found, frozenset(compiled.hidden))
    refusals = [_refusal(compiled, each) for each in violations]
    # Claims are checked an index at a time; they are told in the order of the plan.
    said = {id(claim): place for place, claim in enumerate(compiled.plan.claims)}
    refusals.sort(key=lambda refusal: (said.get(id(refusal.claim), -1), refusal.position))
    return tuple(refusals)


def _refusal(compiled: Compiled, violation: Reply) -> Refusal:
    kind, at, found = violation
    if kind == b"taken":
        claim = compiled.claimed[at - 1]
        return Refusal(claim.position, "taken", claim=claim, owner=found)
    positions = {b"exists": compiled.absent, b"version": compiled.versioned}
    position = positions.get(kind, compiled.fielded)[at - 1]
    write = compiled.plan.writes[position]
    stored = joined(found, write.mapped, write.key)
    named = "exists" if kind == b"exists" else "gone" if stored is None else "changed"
    return Refusal(position, named, stored)
