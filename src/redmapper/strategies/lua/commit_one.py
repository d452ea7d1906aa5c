"""A plan of one entity -> the call of `commit_one.lua`: most commits are one.

It says the same as `commit` would, straight on: here and in the script each step that there is none
of is one that nobody waits for.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from functools import partial
from itertools import chain, compress, repeat

from redmapper.mapping.mapped import MappedIndex
from redmapper.strategies.lua.calls import CommitCall
from redmapper.strategies.lua.entries import Affected, MapperPlaces, Places
from redmapper.strategies.lua.layout import cut
from redmapper.strategies.lua.receipts import Lane
from redmapper.strategies.lua.scripts import COMMIT_ONE
from redmapper.wire import Argument, Command
from redmapper.work.plan import Absent, AtVersion, Check, Claim, EntityWrite, FlushPlan, Release

MOST = 255
"""Of owners, sets, sorted sets and fields that go: each count is a byte."""

MOST_FIELDS = 2_000
"""Of one record: Lua's `unpack` fails at 8,000 names and values."""


def compile_one(plan: FlushPlan, places: Places, lane: Lane) -> CommitCall | None:
    """The call for a plan of one write; None for another, or where there is too much of something.

    The script has one word for a check: a version, or none where the record must be absent.
    """
    writes, claims, releases, sequences, guards = plan
    if len(writes) != 1 or guards:
        return None
    mapped, key, check, base, record, changes = writes[0]
    version = check.version if isinstance(check, AtVersion) else b""
    if not version and not isinstance(check, Absent):
        return None
    here = places.of(mapped)
    affected = here.affected(tuple(changes)) if base and record else here.all
    keys = [lane.key, places.keyspace.schema, here.listing, here.records + key]
    words: list[Argument] = []
    owners = added = removed = zsets = 0
    if claims or releases:
        owners = _say_owners(here, claims, releases, keys, words)
    if affected.zsets or affected.heads:
        added, removed, zsets = _say_entries(affected, here.tail(key), writes[0], keys, words)
    fields = cut(changes, base, affected.long) if record and affected.long else changes
    gone = 0
    if base and None in fields.values():
        names = [name for name, value in fields.items() if value is None]
        words += names
        gone = len(names)
        fields = {name: value for name, value in fields.items() if value is not None}
    words += chain.from_iterable(fields.items())  # type: ignore[arg-type]  # pyright: ignore[reportOperatorIssue]
    number: Argument = b""
    if sequences:
        keys.append(here.sequence)
        number = sequences[0][1]
    counts = (owners, added, removed, zsets, gone)
    if max(counts) > MOST or len(fields) > MOST_FIELDS:
        return None
    command = Command(
        (
            *("EVALSHA", COMMIT_ONE.sha, len(keys), *keys, lane.number, lane.unit_id),
            *(*here.named, key, version, number, bytes(counts), *words),
        ),
        len(keys),
        COMMIT_ONE,
    )
    return CommitCall(command, plan, (mapped,), _CHECKED, claims, partial(_types, keys, counts))


_CHECKED: dict[type[Check], list[int]] = {Absent: [0], AtVersion: [0]}


def _say_owners(
    here: MapperPlaces,
    claims: Iterable[Claim],
    releases: Iterable[Release],
    keys: list[bytes],
    words: list[Argument],
) -> int:
    """Of each `Unique` that changes, the value that gets this owner and the one that loses it."""
    owners: dict[MappedIndex, list[bytes]] = {}
    for unique, value, _, _ in claims:
        owners[unique] = [value, b""]
    for unique, value, _ in releases:
        owners.setdefault(unique, [b"", b""])[1] = value
    for unique, values in owners.items():
        keys.append(here.uniques[unique])
        words += values
    return len(owners)


_NOTHING = repeat(b"")


def _say_entries(
    affected: Affected,
    tail: bytes,
    write: EntityWrite,
    keys: list[bytes],
    words: list[Argument],
) -> tuple[int, int, int]:
    """The sets that get or lose the key, and the sorted sets with what comes and goes; how many."""
    _, _, _, base, record, _ = write
    standing, heads, zsets = affected.standing, affected.heads, affected.zsets
    if base is None or record is None:
        sets, members = standing(record or base or {}, tail, heads)
        keys += sets
        keys += zsets
        moves = zip(members, _NOTHING) if record else zip(_NOTHING, members)  # noqa: B905 - endless
        words += chain.from_iterable(moves)
        return (len(sets), 0, len(zsets)) if record else (0, len(sets), len(zsets))
    sets, members = standing(record, tail, heads)
    before, gone = standing(base, tail, heads)
    added = [each for each in sets if each not in before] if sets else sets
    removed = [each for each in before if each not in sets] if before else before
    differ = list(map(operator.ne, members, gone))
    keys += added
    keys += removed
    keys += compress(zsets, differ)
    words += chain.from_iterable(compress(zip(members, gone, strict=True), differ))
    return len(added), len(removed), sum(differ)


def _types(keys: list[bytes], counts: tuple[int, ...]) -> dict[bytes, str]:
    """The type that each key must have."""
    owners, added, removed, zsets, _ = counts
    kinds = ["string", "hash", "zset", "hash", *["hash"] * owners, *["set"] * (added + removed)]
    kinds += [*["zset"] * zsets, "string"]
    return dict(zip(keys, kinds, strict=False))
