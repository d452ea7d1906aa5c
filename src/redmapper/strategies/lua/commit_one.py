"""A plan of one entity -> the call of `commit_one.lua`: most commits are one.

It says the same as `commit` would, straight on: here and in the script each step that there is none
of is one that nobody waits for.
"""

from __future__ import annotations

from functools import partial

from redmapper.mapping.mapped import MappedIndex
from redmapper.strategies.lua.calls import CommitCall
from redmapper.strategies.lua.entries import Affected, Places
from redmapper.strategies.lua.layout import cut
from redmapper.strategies.lua.receipts import LANE_MINUTES
from redmapper.strategies.lua.scripts import COMMIT_ONE
from redmapper.wire import Argument
from redmapper.work.plan import Absent, AtVersion, EntityWrite, FlushPlan

MOST = 255
"""Of owners, sets, sorted sets and fields that go: each count is a byte."""

MOST_FIELDS = 2_000
"""Of one record: Lua's `unpack` fails at 8,000 names and values."""


def compile_one(plan: FlushPlan, places: Places, lane: bytes) -> CommitCall | None:
    """The call for a plan of one write; None for another, or where there is too much of something.

    The script has one word for a check: a version, or none where the record must be absent.
    """
    if len(plan.writes) != 1 or plan.guards:
        return None
    (write,) = plan.writes
    mapped, key, check, base, record, changes = write
    version = check.version if isinstance(check, AtVersion) else b""
    if not version and not isinstance(check, Absent):
        return None
    here = places.of(mapped)
    owners = _owners(plan)
    affected = here.affected(tuple(changes)) if base and record else here.all
    added, removed = _sets(affected, write)
    sorted_keys, members = _sorted(affected, write, here.tail(key))
    fields = cut(changes, base)
    gone = [name for name, value in fields.items() if value is None]
    counts = (len(owners), len(added), len(removed), len(sorted_keys), len(gone))
    if max(counts) > MOST or len(fields) > MOST_FIELDS:
        return None
    keys = [lane, places.keyspace.schema, here.listing, here.records + key]
    keys += [here.uniques[unique] for unique in owners]
    keys += (*added, *removed, *sorted_keys)
    number: Argument = b""
    if plan.sequences:
        keys.append(here.sequence)
        number = plan.sequences[0][1]
    arguments: list[Argument] = [
        LANE_MINUTES,
        mapped.name,
        mapped.fingerprint,
        key,
        version,
        number,
        bytes(counts),
    ]
    for pair in owners.values():
        arguments += pair
    arguments += members
    arguments += gone
    for name, value in fields.items():
        if value is not None:
            arguments += (name, value)
    return CommitCall(
        script=COMMIT_ONE,
        plan=plan,
        keys=keys,
        arguments=arguments,
        mappers=(mapped,),
        checked={Absent: [0], AtVersion: [0]},
        claimed=plan.claims,
        types=partial(_types, keys, counts),
    )


def _owners(plan: FlushPlan) -> dict[MappedIndex, list[bytes]]:
    """Of each `Unique` that changes, the value that gets this owner and the one that loses it."""
    owners: dict[MappedIndex, list[bytes]] = {}
    for claim in plan.claims:
        owners[claim.unique] = [claim.value, b""]
    for release in plan.releases:
        owners.setdefault(release.unique, [b"", b""])[1] = release.value
    return owners


def _sets(affected: Affected, write: EntityWrite) -> tuple[list[bytes], list[bytes]]:
    """The sets that get the key, and those that lose it."""
    added: list[bytes] = []
    removed: list[bytes] = []
    for entries in affected.sets:
        before = entries.values(write.base) if write.base else ()
        after = entries.values(write.record) if write.record else ()
        if before != after:
            added += [entries.head + value for value in after if value not in before]
            removed += [entries.head + value for value in before if value not in after]
    return added, removed


def _sorted(affected: Affected, write: EntityWrite, tail: bytes) -> tuple[list[bytes], list[bytes]]:
    """The sorted sets, and for each the member that comes and the one that goes."""
    keys: list[bytes] = []
    members: list[bytes] = []
    for entries in affected.sorted:
        comes = entries.member(write.record, tail) if write.record else b""
        goes = entries.member(write.base, tail) if write.base else b""
        if comes != goes:
            keys.append(entries.key)
            members += (comes, goes)
    return keys, members


def _types(keys: list[bytes], counts: tuple[int, ...]) -> dict[bytes, str]:
    """The type that each key must have."""
    owners, added, removed, zsets, _ = counts
    kinds = ["string", "hash", "zset", "hash", *["hash"] * owners, *["set"] * (added + removed)]
    kinds += [*["zset"] * zsets, "string"]
    return dict(zip(keys, kinds, strict=False))
