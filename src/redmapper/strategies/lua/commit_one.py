"""A plan of one entity -> the call of `commit_one.lua`: most commits are one.

It says the same as `commit` would, straight on: here and in the script each step that there is none
of is one that nobody waits for.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import chain
from typing import cast

from redmapper.mapping.columns import Record
from redmapper.mapping.mapped import MappedIndex
from redmapper.mapping.records import FieldChanges
from redmapper.strategies.lua.calls import CommitCall
from redmapper.strategies.lua.entries import Affected, Places
from redmapper.strategies.lua.layout import cut
from redmapper.strategies.lua.scripts import COMMIT_ONE
from redmapper.wire import Argument
from redmapper.work.plan import Absent, AtVersion, Check, Claim, FlushPlan, Release

MOST = 255
"""Of owners, sets, sorted sets and fields that go: each count is a byte."""

MOST_FIELDS = 2_000
"""Of one record: Lua's `unpack` fails at 8,000 names and values."""


def compile_one(plan: FlushPlan, places: Places, lane: bytes) -> CommitCall | None:
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
    owners = _owners(claims, releases) if claims or releases else {}
    added, removed = _sets(affected, base, record) if affected.sets else _NONE
    zsets, members = _sorted(affected, base, record, here.tail(key)) if affected.sorted else _NONE
    fields = cut(changes, base)
    gone = _gone(fields) if None in fields.values() else ()
    counts = (len(owners), len(added), len(removed), len(zsets), len(gone))
    if max(counts) > MOST or len(fields) > MOST_FIELDS:
        return None
    owned = [here.uniques[unique] for unique in owners] if owners else ()
    schema, listing, stored = places.keyspace.schema, here.listing, here.records + key
    keys = [lane, schema, listing, stored, *owned, *added, *removed, *zsets]
    number: Argument = b""
    if sequences:
        keys.append(here.sequence)
        number = sequences[0][1]
    arguments: list[Argument] = [*here.named, key, version, number, bytes(counts)]
    if owners:
        arguments += chain.from_iterable(owners.values())
    arguments += members
    if gone:
        arguments += gone
        fields = {name: value for name, value in fields.items() if value is not None}
    arguments += chain.from_iterable(cast("Record", fields).items())
    types = partial(_types, keys, counts)
    return CommitCall(COMMIT_ONE, plan, keys, arguments, (mapped,), _CHECKED, claims, types)


def _gone(fields: FieldChanges) -> list[bytes]:
    """The names of fields that go."""
    return [name for name, value in fields.items() if value is None]


_NONE: tuple[list[bytes], list[bytes]] = ([], [])
_CHECKED: dict[type[Check], list[int]] = {Absent: [0], AtVersion: [0]}


def _owners(claims: Iterable[Claim], releases: Iterable[Release]) -> dict[MappedIndex, list[bytes]]:
    """Of each `Unique` that changes, the value that gets this owner and the one that loses it."""
    owners: dict[MappedIndex, list[bytes]] = {}
    for claim in claims:
        owners[claim.unique] = [claim.value, b""]
    for release in releases:
        owners.setdefault(release.unique, [b"", b""])[1] = release.value
    return owners


def _sets(
    affected: Affected, base: Record | None, record: Record | None
) -> tuple[list[bytes], list[bytes]]:
    """The sets that get the key, and those that lose it."""
    added: list[bytes] = []
    removed: list[bytes] = []
    for entries in affected.sets:
        before = entries.values(base) if base else ()
        after = entries.values(record) if record else ()
        if before != after:
            added += [entries.head + value for value in after if value not in before]
            removed += [entries.head + value for value in before if value not in after]
    return added, removed


def _sorted(
    affected: Affected, base: Record | None, record: Record | None, tail: bytes
) -> tuple[list[bytes], list[bytes]]:
    """The sorted sets, and for each the member that comes and the one that goes."""
    keys: list[bytes] = []
    members: list[bytes] = []
    for entries in affected.sorted:
        comes = entries.member(record, tail) if record else b""
        goes = entries.member(base, tail) if base else b""
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
