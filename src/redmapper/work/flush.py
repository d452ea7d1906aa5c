"""A commit: organize -> collect -> emit -> finalize.

1. *organize*: who is pending, has anybody's key changed, which keys must a sequence give;
2. *collect* (`collect`): each pending object becomes an `EntityWrite`, or nothing when it is clean;
3. *emit* (`plan`, then the strategy): one plan, one atomic call; `refusals` become errors;
4. *finalize*: only when all is written are keys set on objects and snapshots taken anew.

So a commit that fails has moved nothing in memory, and the same unit can be mended and committed.
"""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

import attrs

from redmapper.errors import IdentityConflict, KeyChanged, StoreError, UnitError
from redmapper.mapping.columns import Record
from redmapper.mapping.mapped import KeyBytes, MappedClass
from redmapper.mapping.scalars import shown
from redmapper.wire import Flow
from redmapper.work.changes import is_pending
from redmapper.work.collect import Pending, Stored, write_of
from redmapper.work.identity import IdentityMap, Tracked
from redmapper.work.keys import set_key
from redmapper.work.plan import EntityWrite, Refusal, make_plan
from redmapper.work.refusals import double_claims, refused
from redmapper.work.session import Session

BLIND_ATTEMPTS = 20
"""How often a blind write is planned anew because the record under it has moved."""

Writes: TypeAlias = dict[int, tuple[Pending, EntityWrite]]
"""What is written, by its position in the plan."""


@attrs.frozen
class Flush:
    """Writes what is pending in an identity map."""

    session: Session
    map: IdentityMap

    def run(self) -> Flow[None]:
        """Write every pending change in one atomic call, or nothing.

        Raises Conflict, ValueRefused, KeyChanged, UnitError or StoreError; the unit stays usable.
        """
        for each in self.map:  # a number of a commit that was refused may be somebody's by now
            each.assigned = None
        self._check_superseded()
        self._check_keys()
        pending = [each for each in self.map if is_pending(each)]
        encoded = {
            id(each): each.mapped.encode(each.obj, each.identity)
            for each in pending
            if each.snapshot is None and not each.deleted
        }
        for _ in range(BLIND_ATTEMPTS):
            yield from self._assign_keys(pending)
            wanted = self._pending(pending, encoded)
            stored = yield from self._read_blind(wanted)
            refusals, writes = yield from self._emit(wanted, stored)
            if not refusals:
                return self._finalize(pending, writes, stored)
            self._plan_again_or_raise(writes, refusals)
        message = f"a record was written by others {BLIND_ATTEMPTS} times while this commit tried"
        raise StoreError(message)

    def _check_superseded(self) -> None:
        for old in self.map.superseded.values():
            if old.mapped.codec.compare(old.obj, old.snapshot):
                message = (
                    f"{old.mapped.title(old.key)}: the object was changed after it was replaced; "
                    "change the one that replaced it"
                )
                raise UnitError(message)

    def _check_keys(self) -> None:
        for each in self.map:
            now = each.mapped.key_of(each.obj)
            encoded = None if now is None else each.mapped.encode_key(now)
            if encoded == each.key:
                continue
            if each.key is None and encoded is not None:  # set by hand since it was added
                self._take_key(each, encoded)
                continue
            message = (
                f"the key of {each.title} was changed to {shown(now)}; delete the object and add "
                "one with the new key"
            )
            raise KeyChanged(message)

    def _take_key(self, tracked: Tracked, key: KeyBytes) -> None:
        """The key of an object that was added without one."""
        tracked.key = key
        try:
            self.map.enter(tracked)
        except IdentityConflict:
            tracked.key = None
            raise
        tracked.assigned = None

    def _assign_keys(self, pending: list[Tracked]) -> Flow[None]:
        """Give numbers to the objects without a key; they get them when the commit has landed."""
        waiting: dict[str, deque[Tracked]] = {}
        for each in pending:
            if each.identity is None:
                waiting.setdefault(each.mapped.name, deque()).append(each)
        for group in waiting.values():
            mapped = group[0].mapped
            while group:
                numbers = yield from self.session.keys.numbers(mapped, len(group))
                for key in map(mapped.encode_key, numbers):
                    if not self._meant(mapped, key):
                        group.popleft().assigned = key

    def _meant(self, mapped: MappedClass, key: KeyBytes) -> bool:
        """Whether this unit speaks of a key already: a number must not be given twice."""
        return self.map.at(mapped, key) is not None or (mapped.name, key) in self.map.blind

    def _pending(self, tracked: list[Tracked], encoded: dict[int, Record]) -> list[Pending]:
        found = [
            Pending(each.mapped, each.identity or b"", each, encoded.get(id(each)))
            for each in tracked
        ]
        blind = [Pending(mapped, key) for (_, key), mapped in self.map.blind.items()]
        return found + blind

    def _read_blind(self, wanted: list[Pending]) -> Flow[Stored]:
        blind = [each for each in wanted if each.blind]
        if not blind:
            return {}
        identities = [(each.mapped, each.key) for each in blind]
        records = yield from self.session.strategy.load(identities)
        return {each.place: record for each, record in zip(blind, records, strict=True)}

    def _emit(
        self, wanted: list[Pending], stored: Stored
    ) -> Flow[tuple[tuple[Refusal, ...], Writes]]:
        """Plan and carry; the refusals, and the writes by their position in the plan."""
        version = self.session.new_version()
        made = [(each, write_of(each, stored, version)) for each in wanted]
        written = [(each, write) for each, write in made if write is not None]
        writes = dict(enumerate(written))
        if not written:
            return (), writes
        seen = _seen_newer(writes)
        if seen:
            return seen, writes
        given = self.session.keys.given(written)
        plan, doubles = make_plan(tuple(write for _, write in written), given)
        if doubles:
            raise double_claims(doubles, writes)
        refusals = yield from self.session.strategy.commit(plan)
        for mapped, _ in given if not refusals else ():
            self.session.keys.forget(mapped)  # the next number is above all that were given
        return refusals, writes

    def _plan_again_or_raise(self, writes: Writes, refusals: tuple[Refusal, ...]) -> None:
        """Return where the next plan may succeed: a blind record has moved, a number was taken."""
        again = False
        for refusal in refusals:
            pending, _ = writes[refusal.position]
            tracked = pending.tracked
            if refusal.kind == "exists" and tracked is not None and tracked.assigned is not None:
                tracked.assigned, again = None, True
                self.session.keys.forget(tracked.mapped)
            elif pending.blind and refusal.kind != "taken":
                again = again or tracked is None or tracked.over_version is None
        if not again:
            raise refused(refusals, writes)

    def _finalize(self, pending: list[Tracked], writes: Writes, stored: Stored) -> None:
        written = set()
        for each, write in writes.values():
            if each.tracked is not None:
                written.add(id(each.tracked))
                self._settle(each.tracked, write)
        for tracked in pending:
            if tracked.deleted:
                self.map.forget(tracked)
            elif id(tracked) not in written:
                self._settle_unwritten(tracked, stored)
        self.map.blind.clear()
        self.map.superseded.clear()

    def _settle(self, tracked: Tracked, write: EntityWrite) -> None:
        """Make a written object a loaded one."""
        if write.record is None:
            return
        if tracked.assigned is not None:
            set_key(tracked.mapped, tracked.obj, tracked.mapped.decode_key(tracked.assigned))
            tracked.key, tracked.assigned = tracked.assigned, None
            self.map.track(tracked)
        self._settle_as(tracked, write.record)

    def _settle_unwritten(self, tracked: Tracked, stored: Stored) -> None:
        """What was written blindly, but stood there already; or was replaced by its equal."""
        record = stored.get((tracked.mapped.name, tracked.key or b""), tracked.base)
        if record is not None:
            self._settle_as(tracked, record)

    def _settle_as(self, tracked: Tracked, record: Record) -> None:
        tracked.base, tracked.newer = record, None
        tracked.over_any, tracked.over_version = False, None
        tracked.displaced, tracked.displaced_blind = None, False
        tracked.snapshot = tracked.mapped.snapshot(tracked.obj)


def _seen_newer(writes: Writes) -> tuple[Refusal, ...]:
    """The writes that a later reading has already shown to be stale."""
    return tuple(
        Refusal(position, "changed", pending.tracked.newer)
        for position, (pending, _) in writes.items()
        if pending.mapped.conflict == "version"
        and pending.tracked is not None
        and pending.tracked.newer is not None
    )
