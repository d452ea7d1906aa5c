"""The Lua strategy: core data structures of Redis, one script a commit, one a step of a query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import attrs

from redmapper.errors import CommitUnknown, ConnectionLost, ForeignType, StoreError, UnitTooLarge
from redmapper.mapping.columns import Record
from redmapper.mapping.mapped import KeyBytes, MappedClass, MappedIndex
from redmapper.mapping.registry import MapperRegistry
from redmapper.query.explain import Explanation
from redmapper.query.selection import Row, Selection
from redmapper.strategies.lua.calls import CommitCall, refusals_of, secrets
from redmapper.strategies.lua.commit import compile_plan
from redmapper.strategies.lua.commit_one import CallOfOne, compile_one
from redmapper.strategies.lua.entries import SERVED, Places
from redmapper.strategies.lua.find import Finder
from redmapper.strategies.lua.foreign import carry, name_foreign
from redmapper.strategies.lua.keys import Keyspace
from redmapper.strategies.lua.layout import joined
from redmapper.strategies.lua.objects import entities_of
from redmapper.strategies.lua.receipts import (
    LANE_MINUTES,
    Lane,
    Lanes,
    UnitId,
    place_digest,
)
from redmapper.strategies.lua.scripts import OUTCOME, OWNER
from redmapper.wire import Argument, Batch, Command, Flow, Hidden, Reply, call
from redmapper.work.plan import EntityWrite, FlushPlan, Refusal, mappers_of, plan_of_one
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
        return BoundLua(Places(keyspace), place, lanes)


@attrs.define(eq=False)
class BoundLua:
    """One partition on a server.

    `known` are the mappers whose schema the partition is known to remember, `home` is a key that
    finds it in a Cluster.
    """

    places: Places
    place: Place
    lanes: Lanes = attrs.field(repr=False)
    known: set[MappedClass] = attrs.field(factory=set, repr=False)
    home: bytes = attrs.field(init=False, repr=False)
    finder: Finder = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.home = self.keyspace.schema
        self.finder = Finder(self.keyspace)

    @property
    def keyspace(self) -> Keyspace:
        """The keys of the partition."""
        return self.places.keyspace

    # --- reading ---

    def load(self, wanted: Sequence[Identity]) -> Flow[list[Record | None]]:
        """The records of these entities: one HGETALL each, in one round trip up to 2,000."""
        places = self.places
        keys = [places.of(mapped).records + key for mapped, key in wanted]
        replies = yield from self._hashes(keys, partial(_hidden_keys, keys, wanted))
        return [joined(reply, *identity) for reply, identity in zip(replies, wanted, strict=True)]

    def load_entities(self, mapped: MappedClass, keys: Sequence[KeyBytes]) -> Flow[list[Any]]:
        """The entities under these keys, asked for as `load` does."""
        prefix = self.places.of(mapped).records
        names = [prefix + key for key in keys]
        hidden = partial(frozenset[Argument], names if mapped.hides_key else ())
        replies = yield from self._hashes(names, hidden)
        return entities_of(replies, mapped, keys)

    def _hashes(self, keys: Sequence[bytes], hidden: Hidden) -> Flow[list[Reply]]:
        """What HGETALL answers for each of these Redis keys."""
        found: list[Reply] = []
        for start in range(0, len(keys), LOAD_STEP):
            part = keys[start : start + LOAD_STEP]
            commands = tuple([Command(("HGETALL", key)) for key in part])
            batch = Batch("load", self.home, commands, hidden)
            found += yield from carry(batch, partial(_all_hashes, part))
        return found

    def owner(self, mapped: MappedClass, index: MappedIndex, value: bytes) -> Flow[Row | None]:
        """The owner of a unique value, and its record."""
        here, schema = self.places.of(mapped), self.home
        keys = [schema, here.listing, here.uniques[index]]
        command = call(OWNER, keys, [mapped.name, mapped.fingerprint, here.records, value])
        hidden = frozenset((value,)) if index.stored & mapped.hidden else frozenset()
        batch = Batch("owner", schema, (command,), lambda: hidden)
        (found,) = yield from carry(batch, partial(_types_of_owner, keys))
        if found == [b"schema"]:
            raise schema_mismatch(mapped)
        record = joined(found[1], mapped, found[0]) if found else None
        return None if record is None else (found[0], record)

    def find(self, selection: Selection) -> Flow[list[Row]]:
        """The rows of a selection."""
        return self.finder.find(selection)

    def find_entities(self, selection: Selection, skip: int) -> Flow[list[Any]]:
        """The entities of a selection, but for the first so many."""
        return self.finder.find_entities(selection, skip)

    def count(self, selection: Selection) -> Flow[int]:
        """How many there are."""
        return self.finder.count(selection)

    def explain(self, selection: Selection, *, analyze: bool) -> Flow[Explanation]:
        """How `find` answers."""
        return self.finder.explain(selection, analyze=analyze)

    # --- writing ---

    def allocate(self, mapped: MappedClass, count: int) -> Flow[int]:
        """Take numbers off a sequence: one INCRBY. Sent twice it leaves a gap."""
        key = self.keyspace.sequence(mapped)
        batch = Batch("allocate", self.home, (Command(("INCRBY", key, count)),))
        (last,) = yield from carry(batch, lambda: {key: "string"})
        return int(last) - count + 1

    def commit(self, plan: FlushPlan) -> Flow[tuple[Refusal, ...]]:
        """One call of a script; a second one where the partition has forgotten its schema."""
        return self._commit(partial(self._compile, plan))

    def commit_one(self, write: EntityWrite, number: int | None) -> Flow[tuple[Refusal, ...]]:
        """The same, without a plan: it is made where somebody asks for it."""
        return self._commit(partial(self._compile_one, write, number))

    def _commit(self, compiled: Callable[[Lane], CommitCall]) -> Flow[tuple[Refusal, ...]]:
        while True:
            lane, called = self._called(compiled)
            hidden = partial(secrets, called, self.places)
            batch = Batch("commit", self.home, (called.command,), hidden, receipted=True)
            try:
                (reply,) = yield batch
            except StoreError as error:
                yield from self._not_carried(error, lane, called, batch)
                raise
            if reply[0] == b"applied":
                if type(called) is not CallOfOne:
                    self.known.update(called.mappers)
                lane.written = True
                self.lanes.give_back(lane)
                return ()
            if reply[0] == b"superseded":
                message = (
                    f"commit {lane.unit_id} was given up by store.outcome(); nothing was written"
                )
                raise StoreError(message)
            self.lanes.give_back(lane)
            if reply[1][0] != b"unknown schema":
                return self._refusals(called, reply[1:])
            self.known.clear()

    def _called(self, compiled: Callable[[Lane], CommitCall]) -> tuple[Lane, CommitCall]:
        """A lane, and the call that goes through it."""
        lane = self.lanes.take()
        if not lane.key:
            lane.key = self.keyspace.lane(lane.name)
        try:
            return lane, compiled(lane)
        except BaseException:
            self.lanes.give_back(lane)
            raise

    def _compile(self, plan: FlushPlan, lane: Lane) -> CommitCall:
        one = None
        if len(plan.writes) == 1 and not plan.guards:
            one = self._said(plan.writes[0], plan.sequences[0][1] if plan.sequences else None, lane)
        return one or self._compile_many(plan, lane)

    def _compile_one(self, write: EntityWrite, number: int | None, lane: Lane) -> CommitCall:
        said = self._said(write, number, lane)
        return said or self._compile_many(plan_of_one(write, number), lane)

    def _said(self, write: EntityWrite, number: int | None, lane: Lane) -> CallOfOne | None:
        """One write, to a partition that knows its mapper, where the shorter script can say it."""
        return compile_one(write, number, self.places, lane) if write.mapped in self.known else None

    def _compile_many(self, plan: FlushPlan, lane: Lane) -> CommitCall:
        new = frozenset(mappers_of(plan.writes)) - self.known
        called = compile_plan(plan, self.places, lane, new)
        if len(called.command.words) > MOST_WORDS:
            raise _too_large(called)
        return called

    def _not_carried(
        self, error: StoreError, lane: Lane, called: CommitCall, batch: Batch
    ) -> Flow[None]:
        """Where no outcome was learned, the lane stays parked for `outcome`."""
        if isinstance(error, ConnectionLost) and error.sent:
            unit_id = lane.unit_id
            message = (
                f"the link was lost while commit {unit_id} was under way ({error}); "
                f"ask store.outcome({unit_id!r}) whether it was applied"
            )
            raise CommitUnknown(message, unit_id=unit_id) from error
        self.lanes.give_back(lane)
        if isinstance(error, ForeignType):
            yield from name_foreign(batch, called.types())

    def _refusals(self, called: CommitCall, violations: list[Reply]) -> tuple[Refusal, ...]:
        for kind, *position in violations:
            if kind == b"schema":
                raise schema_mismatch(called.mappers[position[0] - 1])
        return refusals_of(called, violations, self.places)

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
        arguments: list[Argument] = [unit.number, unit_id, LANE_MINUTES, age]
        command = call(OUTCOME, [self.keyspace.lane(unit.lane)], arguments)
        (reply,) = yield Batch("outcome", self.home, (command,))
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
            yield Batch("close", self.home, (command,))


def _too_large(called: CommitCall) -> UnitTooLarge:
    """The error for a call that a server would not take."""
    message = (
        f"this unit writes {len(called.plan.writes)} entities in {len(called.command.words)} "
        f"words, and a server takes {MOST_WORDS} at once; commit in parts, or use store.bulk with "
        "a smaller chunk"
    )
    return UnitTooLarge(message)


def _hidden_keys(keys: list[bytes], wanted: Sequence[Identity]) -> frozenset[Argument]:
    return frozenset(key for key, (mapped, _) in zip(keys, wanted, strict=True) if mapped.hides_key)


def _all_hashes(keys: Sequence[bytes]) -> dict[bytes, str]:
    return dict.fromkeys(keys, "hash")


def _types_of_owner(keys: list[bytes]) -> dict[bytes, str]:
    return dict(zip(keys, ("hash", "zset", "hash"), strict=True))


def _text(reply: Reply) -> str:
    return reply.decode() if isinstance(reply, bytes) else str(reply)
