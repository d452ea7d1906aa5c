"""Lanes: how a commit whose reply was lost is recognized when it comes again.

A store has a lane for each commit in flight. A lane is a key that holds the number, the unit id and
so the outcome of the last commit that went through it; `commit.lua` looks at it first and writes it
last. The same number and unit id: it is done already. A lower number, or an equal one of another
unit: *superseded*, it must not be done any more. So receipts take memory for commits in flight, not
for commits made, and they expire after an hour without use.

A unit id names its lane, its number and the second it was made in: `store.outcome` needs no more. A
lane's name begins with a digest of its partition, so that no other partition answers for it.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import attrs

from redmapper import forks
from redmapper.work.tokens import Tokens, letters

LANE_MINUTES = 60
"""How long a lane lives after its last commit."""


@attrs.define
class Lane:
    """A lane that one commit at a time goes through, and what that commit leaves there.

    What a commit looks at first and leaves last, its *receipt*, is the `number` and the `unit_id`,
    under the `key`. `written` once there is one.
    """

    name: str
    key: bytes = b""
    number: int = 0
    unit_id: str = ""
    written: bool = False


class UnitId(NamedTuple):
    """What tells one commit from all others."""

    lane: str
    number: int
    second: int
    token: str

    @classmethod
    def parse(cls, text: str) -> UnitId:
        """From its text; ValueError where it is none."""
        lane, number, second, token = text.split(".")
        return cls(lane, int(number), int(second), token)


def place_digest(tag: bytes) -> str:
    """What the lanes of a partition begin with: 4 characters, from its hash tag."""
    return letters(hashlib.blake2b(tag, digest_size=3).digest())


@attrs.define(eq=False)
class Lanes:
    """The free lanes of one partition of a store. Threads share it: each step is atomic.

    A forked child begins with none: two processes in one lane would undo its guarantee.
    """

    place: str
    random: Callable[[int], bytes]
    clock: Callable[[], float]
    tokens: Tokens = attrs.field(
        default=attrs.Factory(lambda lanes: Tokens(lanes.random), takes_self=True)
    )
    free: deque[Lane] = attrs.field(factory=deque)
    process: int = attrs.field(factory=forks.this)

    def take(self) -> Lane:
        """A lane that no commit is in, with the number and the unit id of one about to be."""
        if self.process != forks.process:
            self._leave_parents_lanes()
        try:
            lane = self.free.pop()
        except IndexError:
            lane = Lane(self.place + letters(self.random(9)))
        lane.number = number = lane.number + 1
        token = self.tokens.next().decode()
        lane.unit_id = f"{lane.name}.{number}.{int(self.clock())}.{token}"
        return lane

    def give_back(self, lane: Lane) -> None:
        """After a known outcome. A lane whose commit's outcome is unknown stays out: parked."""
        if self.process == forks.process:
            self.free.append(lane)

    def drain(self) -> list[str]:
        """The free lanes with a receipt; none is free afterwards. Parked ones keep theirs."""
        if self.process != forks.process:
            self._leave_parents_lanes()
        names = [lane.name for lane in self.free if lane.written]
        self.free.clear()
        return names

    def _leave_parents_lanes(self) -> None:
        self.free, self.process = deque(), forks.process
