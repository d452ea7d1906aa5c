"""A plan of one entity -> the call of `commit_one.lua`: most commits are one.

It says the same as `commit` would, straight on: here and in the script each step that there is none
of is one that nobody waits for.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import chain

from redmapper.mapping.records import FieldChanges
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
    moves = affected.moves
    added, removed, moved = moves(base, record, here.tail(key), keys, words) if moves else _NO_MOVES
    fields = cut(changes, base, affected.long) if record and affected.long else changes
    gone = _say_gone(fields, words) if base and None in fields.values() else 0
    if gone:
        fields = {name: value for name, value in fields.items() if value is not None}
    words += chain.from_iterable(fields.items())  # type: ignore[arg-type]  # pyright: ignore[reportOperatorIssue]
    number: Argument = b""
    if sequences:
        keys.append(here.sequence)
        number = sequences[0][1]
    counts = (owners, added, removed, moved, gone)
    if max(counts) > MOST or len(fields) > MOST_FIELDS:
        return None
    command = Command(
        (
            *("EVALSHA", COMMIT_ONE.sha, len(keys), *keys, lane.number, lane.unit_id, *here.named),
            *(key, version, number, bytes(counts), *words),
        ),
        len(keys),
        COMMIT_ONE,
    )
    return CommitCall(command, plan, (mapped,), _CHECKED, claims, partial(_types, keys, counts))


_NO_MOVES = (0, 0, 0)
_CHECKED: dict[type[Check], list[int]] = {Absent: [0], AtVersion: [0]}


def _say_owners(
    here: MapperPlaces,
    claims: Sequence[Claim],
    releases: Sequence[Release],
    keys: list[bytes],
    words: list[Argument],
) -> int:
    """Of each `Unique` that changes, the value that gets this owner and the one that loses it."""
    lost = {unique: value for unique, value, _ in releases} if releases else {}
    for unique, value, _, _ in claims:
        keys.append(here.uniques[unique])
        words += (value, lost.pop(unique, b""))
    for unique, value in lost.items():
        keys.append(here.uniques[unique])
        words += (b"", value)
    return len(claims) + len(lost)


def _say_gone(fields: FieldChanges, words: list[Argument]) -> int:
    """The names of the fields that go; how many."""
    gone = [name for name, value in fields.items() if value is None]
    words += gone
    return len(gone)


def _types(keys: list[bytes], counts: tuple[int, ...]) -> dict[bytes, str]:
    """The type that each key must have."""
    owners, added, removed, zsets, _ = counts
    kinds = ["string", "hash", "zset", "hash", *["hash"] * owners, *["set"] * (added + removed)]
    kinds += [*["zset"] * zsets, "string"]
    return dict(zip(keys, kinds, strict=False))
