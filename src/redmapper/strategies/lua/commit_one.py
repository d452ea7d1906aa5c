"""A plan of one entity -> the call of `commit_one.lua`: most commits are one.

It says the same as `commit` would, straight on: here and in the script each step that there is none
of is one that nobody waits for.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import chain

from redmapper.mapping.mapped import MappedIndex
from redmapper.strategies.lua.calls import CommitCall
from redmapper.strategies.lua.entries import MapperPlaces, Places
from redmapper.strategies.lua.layout import cut
from redmapper.strategies.lua.receipts import Lane
from redmapper.strategies.lua.scripts import COMMIT_ONE
from redmapper.wire import Argument, Command
from redmapper.work.plan import Absent, AtVersion, Check, Claim, FlushPlan, Release

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
    owners = _say_owners(here, claims, releases, keys, words) if claims or releases else 0
    added = removed = moved = gone = 0
    if affected.moves:
        tail = here.tail(key)
        if base is None:
            added, removed, moved = affected.moves.come(record or {}, tail, keys, words)
        elif record is None:
            added, removed, moved = affected.moves.go(base, tail, keys, words)
        else:
            added, removed, moved = affected.moves.change(base, record, tail, keys, words)
    fields = cut(changes, base, affected.long) if record and affected.long else changes
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
    try:
        counts = bytes((owners, added, removed, moved, gone))
    except ValueError:
        return None
    if len(fields) > MOST_FIELDS:
        return None
    command = Command(
        (
            *("EVALSHA", COMMIT_ONE.sha, len(keys), *keys, lane.number, lane.unit_id),
            *(*here.named, key, version, number, counts, *words),
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


def _types(keys: list[bytes], counts: bytes) -> dict[bytes, str]:
    """The type that each key must have."""
    owners, added, removed, zsets, _ = counts
    kinds = ["string", "hash", "zset", "hash", *["hash"] * owners, *["set"] * (added + removed)]
    kinds += [*["zset"] * zsets, "string"]
    return dict(zip(keys, kinds, strict=False))
