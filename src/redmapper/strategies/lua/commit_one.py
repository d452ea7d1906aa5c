"""A write of one entity -> the call of `commit_one.lua`: most commits are one.

It says the same as `commit` would, straight on: here and in the script each step that there is none
of is one that nobody waits for. The words are told by a function that is generated for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import attrs

from redmapper.mapping.mapped import MappedClass
from redmapper.strategies.lua.calls import CallWords
from redmapper.strategies.lua.entries import Places
from redmapper.strategies.lua.foreign import Types
from redmapper.strategies.lua.layout import cut, parted
from redmapper.strategies.lua.pieces import led
from redmapper.strategies.lua.receipts import Lane
from redmapper.wire import Command, Packed
from redmapper.work.plan import Absent, AtVersion, Check, Claim, EntityWrite, FlushPlan, plan_of_one

MOST_FIELDS = 2_000
"""Of one record: Lua's `unpack` fails at 8,000 names and values."""


@attrs.define(eq=False)
class CallOfOne(CallWords):
    """Such a call. What it means is told when somebody asks, as where it was refused."""

    command: Command | Packed
    write: EntityWrite
    number: int | None

    @property
    def plan(self) -> FlushPlan:
        """The plan of the write."""
        return plan_of_one(self.write, self.number)

    @property
    def mappers(self) -> list[MappedClass]:
        """The one that it writes to."""
        return [self.write.mapped]

    @property
    def checked(self) -> dict[type[Check], list[int]]:
        """The write, by the kind of its check."""
        return {type(self.write.check): [0]}

    @property
    def claimed(self) -> Sequence[Claim]:
        """What the plan claims, in its order."""
        return self.plan.claims

    @property
    def types(self) -> Types:
        """By the counts of them."""
        return self._types

    def _types(self) -> dict[bytes, str]:
        counts = self.arguments[7]
        owners, added, removed, zsets, _ = cast("bytes", counts)
        kinds = ["string", "hash", "zset", "hash", *["hash"] * owners, *["set"] * (added + removed)]
        kinds += [*["zset"] * zsets, "string"]
        return dict(zip(self.keys, kinds, strict=False))


def compile_one(
    write: EntityWrite, number: int | None, places: Places, lane: Lane
) -> CallOfOne | None:
    """The call for a write, which moves the sequence of its mapper to a number where there is one.

    None where the script can not say it: where the check is another than for a version or for
    absence, or where there is too much of something.
    """
    mapped, key, check, base, record, changes = write
    version = check.version if isinstance(check, AtVersion) else b""
    if not version and not isinstance(check, Absent):
        return None
    here = places.of(mapped)
    whole = base is None or record is None
    affected = here.all if whole else here.affected(tuple(changes))
    fields: Mapping[bytes, bytes | None] = changes
    if record and affected.long:
        fields = cut(changes, base, affected.long)
    gone: tuple[bytes, ...] = ()
    if not whole and None in fields.values():
        fields, gone = parted(fields)
    if len(fields) > MOST_FIELDS:
        return None
    said = b"%d" % number if number else b""
    try:
        command = led(affected.tell, lane, key, version, base, record, fields, gone, said)
    except ValueError:
        return None
    return CallOfOne(command, write, number)
