"""The Lua strategy: core data structures of Redis, one script a commit, one a step of a query."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from redmapper.errors import CommitUnknown, ConnectionLost, StoreError, UnitTooLarge
from redmapper.mapping.columns import Record
from redmapper.mapping.mapped import MappedClass, MappedIndex
from redmapper.mapping.registry import MapperRegistry
from redmapper.query.explain import Explanation
from redmapper.query.selection import Row, Selection
from redmapper.strategies.lua.commit import (
    Arguments,
    Compiled,
    compile_plan,
    refusals_of,
)
from redmapper.strategies.lua.entries import SERVED, Placements
from redmapper.strategies.lua.find import Finder
from redmapper.strategies.lua.foreign import carry
from redmapper.strategies.lua.keys import Keyspace
from redmapper.strategies.lua.layout import joined
from redmapper.strategies.lua.receipts import LANE_SECONDS, Lane, Lanes, UnitId, place_digest
from redmapper.strategies.lua.scripts import COMMIT, OUTCOME
from redmapper.wire import Batch, Command, Flow, Reply, call
from redmapper.work.plan import FlushPlan, Refusal
from redmapper.work.refusals import schema_mismatch
from redmapper.work.strategy import Capabilities, Identity, Place

MOST_WORDS = 1_000_000
"""A server drops the link of a client that sends more in one command (1024 * 1024)."""

LOAD_STEP = 2_000
"""Records asked for in one round trip."""


@attrs.frozen
class LuaIndexStrategy:
    """Keeps entities in hashes and indexes in sets, sorted sets and hashes; Redis >= 7.0."""

    @property
    def capabilities(self) -> Capabilities:
        """Unique, Lookup and Ordered, on a server."""
        return Capabilities(SERVED, server=True)

    def bind(self, registry: MapperRegistry, place: Place) -> BoundLua:  # noqa: ARG002 - contract
        """This strategy over one partition."""
        keyspace = Keyspace.of(place)
        lanes = Lanes(place_digest(keyspace.tag), place.random, place.clock)
        return BoundLua(Placements(keyspace), place, lanes)


@attrs.define(eq=False)
class BoundLua:
    """One partition on a server.

    `known` are the mappers whose schema the partition is known to remember.
    """

    placements: Placements
    place: Place
    lanes: Lanes = attrs.field(repr=False)
    known: set[str] = attrs.field(factory=set, repr=False)

    @property
    def keyspace(self) -> Keyspace:
        """The keys of the partition."""
        return self.placements.keyspace

    # --- reading ---

    def load(self, wanted: Sequence[Identity]) -> Flow[list[Record | None]]:
        """The records of these entities: one HGETALL each, in one round trip up to 2,000."""
        found: list[Record | None] = []
        for start in range(0, len(wanted), LOAD_STEP):
            part = wanted[start : start + LOAD_STEP]
            commands = tuple(
                Command(("HGETALL", self.keyspace.record(mapped, key))) for mapped, key in part
            )
            expected = {self.keyspace.record(*each): "hash" for each in part}
            replies = yield from carry(Batch("load", self.keyspace.schema, commands), expected)
            found += [
                joined(reply, mapped, key)
                for reply, (mapped, key) in zip(replies, part, strict=True)
            ]
        return found

    def owner(self, mapped: MappedClass, index: MappedIndex, value: bytes) -> Flow[Row | None]:
        """The owner of a unique value, and its record."""
        return Finder(self.keyspace).owner(mapped, index, value)

    def find(self, selection: Selection) -> Flow[list[Row]]:
        """The rows of a selection."""
        return Finder(self.keyspace).find(selection)

    def count(self, selection: Selection) -> Flow[int]:
        """How many there are."""
        return Finder(self.keyspace).count(selection)

    def explain(self, selection: Selection, *, analyze: bool) -> Flow[Explanation]:
        """How `find` answers."""
        return Finder(self.keyspace).explain(selection, analyze=analyze)

    # --- writing ---

    def allocate(self, mapped: MappedClass, count: int) -> Flow[int]:
        """Take numbers off a sequence: one INCRBY. Sent twice it leaves a gap."""
        key = self.keyspace.sequence(mapped)
        batch = Batch("allocate", self.keyspace.schema, (Command(("INCRBY", key, count)),))
        (last,) = yield from carry(batch, {key: "string"})
        return int(last) - count + 1

    def commit(self, plan: FlushPlan) -> Flow[tuple[Refusal, ...]]:
        """One call of `commit.lua`; a second one where the partition has forgotten its schema."""
        violations, compiled = yield from self._attempt(plan)
        if any(each[0] == b"unknown schema" for each in violations):
            self.known.clear()
            violations, compiled = yield from self._attempt(plan)
        for kind, *position in violations:
            if kind == b"schema":
                raise schema_mismatch(compiled.mappers[position[0] - 1])
        return refusals_of(compiled, violations)

    def _attempt(self, plan: FlushPlan) -> Flow[tuple[list[Reply], Compiled]]:
        mappers = {write.mapped.name for write in plan.writes}
        lane, unit = self.lanes.take()
        new_schemas = frozenset(mappers - self.known)
        compiled, sections = compile_plan(
            plan, self.placements, self.keyspace.lane(lane.name), new_schemas
        )
        reply = yield from self._carry(lane, unit, compiled, sections)
        if reply[0] == b"superseded":
            message = f"commit {unit} was given up by store.outcome(); nothing was written"
            raise StoreError(message)
        if reply[0] == b"applied":
            self.known |= mappers
            lane.written = True
        self.lanes.give_back(lane)
        return reply[1:], compiled

    def _carry(
        self, lane: Lane, unit: UnitId, compiled: Compiled, sections: Arguments
    ) -> Flow[Reply]:
        """Send the call. Where no outcome is learned, the lane stays parked for `outcome`."""
        arguments: Arguments = [unit.number, str(unit), LANE_SECONDS, *sections]
        command = call(COMMIT, list(compiled.keys), arguments)
        if len(command.words) > MOST_WORDS:
            self.lanes.give_back(lane)
            message = (
                f"this unit writes {len(compiled.plan.writes)} entities in {len(command.words)} "
                f"words, and a server takes {MOST_WORDS} at once; commit in parts"
            )
            raise UnitTooLarge(message)
        batch = Batch(
            "commit", self.keyspace.schema, (command,), frozenset(compiled.hidden), receipted=True
        )
        try:
            (reply,) = yield from carry(batch, compiled.expected)
        except ConnectionLost as lost:
            if not lost.sent:
                self.lanes.give_back(lane)
                raise
            message = (
                f"the link was lost while commit {unit} was under way ({lost}); "
                f"ask store.outcome({str(unit)!r}) whether it was applied"
            )
            raise CommitUnknown(message, unit_id=str(unit)) from lost
        except StoreError:
            self.lanes.give_back(lane)
            raise
        return reply

    def outcome(self, unit_id: str) -> Flow[str]:
        """What became of a commit that raised CommitUnknown, for an hour afterwards."""
        try:
            unit = UnitId.parse(unit_id)
        except ValueError as error:
            message = f"{unit_id!r} is not the unit_id of a CommitUnknown"
            raise StoreError(message) from error
        if not unit.lane.startswith(self.lanes.place):
            message = f"commit {unit_id} was another partition's; ask the store of that one"
            raise StoreError(message)
        age = max(0, int(self.place.clock()) - unit.second)
        arguments: Arguments = [unit.number, unit_id, LANE_SECONDS, age]
        command = call(OUTCOME, [self.keyspace.lane(unit.lane)], arguments)
        (reply,) = yield Batch("outcome", self.keyspace.schema, (command,))
        if reply == b"unknown":
            message = f"commit {unit_id} is over an hour old, and so its receipt is gone"
            raise CommitUnknown(message, unit_id=unit_id)
        return _text(reply)

    def close(self) -> Flow[None]:
        """Remove the receipts of lanes that nobody may ask for."""
        lanes = self.lanes.drain()
        if lanes:
            keys = tuple(self.keyspace.lane(name) for name in lanes)
            command = Command(("DEL", *keys), len(keys))
            yield Batch("close", self.keyspace.schema, (command,))


def _text(reply: Reply) -> str:
    return reply.decode() if isinstance(reply, bytes) else str(reply)
