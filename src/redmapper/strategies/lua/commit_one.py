"""A plan of one entity -> the call of `commit_one.lua`: most commits are one.

It says the same as `commit` would, straight on: here and in the script each step that there is none
of is one that nobody waits for.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from functools import partial
from itertools import chain, compress, repeat

from redmapper.mapping.columns import Record
from redmapper.mapping.mapped import MappedIndex
from redmapper.strategies.lua.calls import CommitCall, commit_command
from redmapper.strategies.lua.entries import Affected, MapperPlaces, Places
from redmapper.strategies.lua.layout import cut
from redmapper.strategies.lua.receipts import Receipt
from redmapper.strategies.lua.scripts import COMMIT_ONE
from redmapper.wire import Argument
from redmapper.work.plan import Absent, AtVersion, Check, Claim, FlushPlan, Release

MOST = 255
"""Of owners, sets, sorted sets and fields that go: each count is a byte."""

MOST_FIELDS = 2_000
"""Of one record: Lua's `unpack` fails at 8,000 names and values."""


def compile_one(plan: FlushPlan, places: Places, receipt: Receipt) -> CommitCall | None:
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
    keys = [places.keyspace.schema, here.listing, here.records + key]
    words: list[Argument] = []
    owners = added = removed = zsets = 0
    if claims or releases:
        owners = _say_owners(here, claims, releases, keys, words)
    if affected.zsets or affected.heads:
        tail = here.tail(key)
        added, removed, zsets = _say_entries(affected, tail, base, record, keys, words)
    fields = cut(changes, base, affected.long) if record and affected.long else changes
    gone: list[bytes] = []
    if None in fields.values():
        gone = [name for name, value in fields.items() if value is None]
        words += gone
        fields = {name: value for name, value in fields.items() if value is not None}
    words += chain.from_iterable(fields.items())  # type: ignore[arg-type]  # pyright: ignore[reportOperatorIssue]
    number: Argument = b""
    if sequences:
        keys.append(here.sequence)
        number = sequences[0][1]
    counts = (owners, added, removed, zsets, len(gone))
    if max(counts) > MOST or len(fields) > MOST_FIELDS:
        return None
    said = (*here.named, key, version, number, bytes(counts), *words)
    command = commit_command(COMMIT_ONE, receipt, keys, said)
    types = partial(_types, receipt, keys, counts)
    return CommitCall(command, plan, (mapped,), _CHECKED, claims, types)


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
    for claim in claims:
        owners[claim.unique] = [claim.value, b""]
    for release in releases:
        owners.setdefault(release.unique, [b"", b""])[1] = release.value
    keys += [here.uniques[unique] for unique in owners]
    words += chain.from_iterable(owners.values())
    return len(owners)


_NOTHING = repeat(b"")


def _say_entries(
    affected: Affected,
    tail: bytes,
    base: Record | None,
    record: Record | None,
    keys: list[bytes],
    words: list[Argument],
) -> tuple[int, int, int]:
    """The sets that get or lose the key, and the sorted sets with what comes and goes; how many."""
    sets, members = affected.standing(record or base or {}, tail, affected.heads)
    if base is None or record is None:
        keys += sets
        keys += affected.zsets
        moves = zip(members, _NOTHING) if record else zip(_NOTHING, members)  # noqa: B905 - endless
        words += chain.from_iterable(moves)
        return (len(sets), 0, len(members)) if record else (0, len(sets), len(members))
    before, gone = affected.standing(base, tail, affected.heads)
    added = [each for each in sets if each not in before]
    removed = [each for each in before if each not in sets]
    differ = list(map(operator.ne, members, gone))
    keys += added
    keys += removed
    keys += compress(affected.zsets, differ)
    words += chain.from_iterable(compress(zip(members, gone, strict=True), differ))
    return len(added), len(removed), sum(differ)


def _types(receipt: Receipt, keys: list[bytes], counts: tuple[int, ...]) -> dict[bytes, str]:
    """The type that each key must have."""
    owners, added, removed, zsets, _ = counts
    kinds = ["string", "hash", "zset", "hash", *["hash"] * owners, *["set"] * (added + removed)]
    kinds += [*["zset"] * zsets, "string"]
    return dict(zip((receipt.key, *keys), kinds, strict=False))
