"""A commit: organize -> collect -> emit -> finalize.

1. *organize*: who is pending, has anybody's key changed, which keys must a sequence give;
2. *collect* (`collect`): each pending object becomes an `EntityWrite`, or nothing when it is clean;
3. *emit* (`plan`, then the strategy): one plan, one atomic call; `refusals` become errors;
4. *finalize*: only when all is written are keys set on objects and snapshots taken anew.

So a commit that fails has moved nothing in memory, and the same unit can be mended and committed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import compress

import attrs

from redmapper.errors import (
    IdentityConflict,
    StoreError,
    UnitError,
    UnitTooLarge,
)
from redmapper.mapping.mapped import KeyBytes, MappedClass
from redmapper.mapping.records import FieldChanges
from redmapper.wire import Flow
from redmapper.work.changes import suspects
from redmapper.work.collect import (
    Pending,
    Stored,
    Written,
    are_plain,
    changes_of,
    guard_of,
    is_blind,
    key_changed,
    keys_hold,
    lone_write,
    run_of,
)
from redmapper.work.events import Handling, kind_of
from redmapper.work.identity import IdentityMap, Tracked
from redmapper.work.keys import given_number, given_numbers, set_key
from redmapper.work.plan import (
    RUNS,
    ChangeRun,
    EntityWrite,
    Guard,
    Refusal,
    Run,
    make_plan,
    plan_of_one,
)
from redmapper.work.refusals import Writes, double_claims, refused
from redmapper.work.session import Session
from redmapper.work.validation import check_valid

BLIND_ATTEMPTS = 20
"""How often a blind write is planned anew because the record under it has moved."""

LARGE = 10_000
"""Entities of one commit above which it warns: with indexes they block a server for 0.1 s."""

LARGEST = 50_000
"""Entities that a commit takes at most: half a second of everybody's time, and with some twenty
words an entity the million that a server takes in one command."""


@attrs.define(eq=False)
class Flush:
    """Writes what is pending in an identity map.

    After the `last` commit of a block all is forgotten, so nothing is made ready for another.
    """

    session: Session
    map: IdentityMap
    handling: Handling | None = None
    last: bool = False

    def run(self) -> Flow[None]:
        """Write every pending change in one atomic call, or nothing.

        Raises Conflict, ValueRefused, KeyChanged, UnitError or StoreError; the unit stays usable.
        """
        table, handling = self.map, self.handling
        if handling is not None:
            handling.before_writes(table)
        if table.superseded:
            self._check_superseded()
        found = suspects(table.objects.values())
        validates = self.session.validates
        if len(found) == 1 and not validates and self._are_plain(found):
            (lone,) = found
            if lone.base is None or lone.deleted:
                self._check_keys(found)
            return (yield from self._write_lone(lone))
        moved = self._check_keys(found)
        if validates:
            check_valid(table)
            moved = True  # a validator may have set something
        yield from self._write_many(suspects(table.tracked) if moved else found)

    def _are_plain(self, found: list[Tracked]) -> bool:
        """Whether nothing else is pending, and nothing about these is out of the ordinary."""
        table = self.map
        special = table.blind or table.guarding or table.outdated or self.handling
        return not special and are_plain(found)

    # --- one object alone, which is what most commits are ---

    def _write_lone(self, tracked: Tracked) -> Flow[None]:
        """What follows in `run` comes to this."""
        session = self.session
        write = lone_write(tracked, session.new_version())
        if write is not None:
            number = given_number(write) if tracked.base is None else None
            one = session.writes_one
            refusals = yield from (
                one.commit_one(write, number)
                if one
                else session.strategy.commit(plan_of_one(write, number))
            )
            if refusals:
                pending = Pending(write.mapped, write.key, tracked, blind=False)
                raise refused(refusals, [(pending, write)])
            if write.record is None:
                self.map.forget(tracked)
            elif not self.last:
                tracked.settle(write.record)
            if number:
                session.keys.forget(write.mapped)
        self.map.superseded.clear()

    # --- many of which none is out of the ordinary ---

    def _write_many(self, found: list[Tracked]) -> Flow[None]:
        if self._are_plain(found):
            yield from self._write_plain(found)
        else:
            yield from self._write_all(self._pending(found))

    def _write_plain(self, found: list[Tracked]) -> Flow[None]:
        """What `_write_all` comes to, without a `Pending` for each: they are made for errors."""
        session, version = self.session, self.session.new_version()
        writes: Sequence[EntityWrite] | None = run_of(found, version)
        if writes is None:
            told = [lone_write(each, version) for each in found]
            if None in told:
                found = list(compress(found, told))
            writes = tuple([write for write in told if write is not None])
        if writes:
            if len(writes) > LARGE:
                self._check_size(len(writes))
            given = given_numbers(writes)
            plan, doubles = make_plan(writes, given)
            if doubles:
                raise double_claims(doubles, _as_pending(found, writes))
            refusals = yield from session.strategy.commit(plan)
            if refusals:
                raise refused(refusals, _as_pending(found, writes))
            for mapped, _ in given:
                session.keys.forget(mapped)
        self._settle_plain(found, writes)

    def _settle_plain(self, found: list[Tracked], writes: Sequence[EntityWrite]) -> None:
        if self.last:
            return
        self.map.superseded.clear()
        if isinstance(writes, RUNS):
            _settle_run(found, writes)
            return
        for tracked, write in zip(found, writes, strict=True):
            if write.record is None:
                self.map.forget(tracked)
            else:
                tracked.settle(write.record)

    # --- any number of them ---

    def _write_all(self, pending: list[Pending]) -> Flow[None]:
        if len(pending) > LARGE:
            self._check_size(len(pending))
        for _ in range(BLIND_ATTEMPTS):
            waiting = [each for each in pending if not each.key and each.waits]
            if waiting:
                yield from self._assign_keys(waiting)
            blind = [each for each in pending if each.blind]
            stored = (yield from self._read_blind(blind)) if blind else {}
            refusals, writes = yield from self._emit(pending, stored)
            if not refusals:
                if self.handling is not None:
                    return self._land_aloud(self.handling, pending, writes, stored)
                return self._finalize(pending, writes, stored)
            self._plan_again_or_raise(writes, refusals)
        message = f"a record was written by others {BLIND_ATTEMPTS} times while this commit tried"
        raise StoreError(message)

    def _check_size(self, count: int) -> None:
        """Warn of a unit that holds up the server's other clients; refuse one that stops them."""
        cure = "use store.bulk with a chunk of 1,000, or commit in parts"
        if count > LARGEST:
            message = f"this unit writes {count} entities, and a commit takes {LARGEST}; {cure}"
            raise UnitTooLarge(message)
        self.session.warn(
            f"this unit writes {count} entities at once; above {LARGE} a commit holds up a "
            f"server's other clients: {cure}"
        )

    def _check_superseded(self) -> None:
        for old in self.map.superseded.values():
            if old.mapped.compare(old.obj, old.snapshot, old.key or b""):
                message = (
                    f"{old.mapped.title(old.key)}: the object was changed after it was replaced; "
                    "change the one that replaced it"
                )
                raise UnitError(message)

    def _check_keys(self, found: list[Tracked]) -> bool:
        """Of all whose attributes are not compared; with those the key is. Has one been taken?"""
        if len(found) > 1 and keys_hold(found):
            return False
        taken = False
        for each in found:
            if each.snapshot is not None and not each.deleted:
                continue
            each.assigned = None  # a number of a commit that was refused may be somebody's by now
            now = each.mapped.key_of(each.obj)
            encoded = None if now is None else each.mapped.encode_key(now)
            if encoded == each.key:
                continue
            if each.key is None and encoded is not None:  # set by hand since it was added
                self._take_key(each, encoded)
                taken = True
            else:
                raise key_changed(each)
        return taken

    def _take_key(self, tracked: Tracked, key: KeyBytes) -> None:
        """The key of an object that was added without one."""
        tracked.key = key
        try:
            self.map.enter(tracked)
        except IdentityConflict:
            tracked.key = None
            raise
        tracked.assigned = None

    def _pending(self, looked_at: list[Tracked]) -> list[Pending]:
        """All that a commit must look at: what has changed, or is new, or goes."""
        found = []
        for each in looked_at:
            snapshot = each.snapshot
            if snapshot is None or each.deleted:
                found.append(_whole(each))
                continue
            changes = changes_of(each, snapshot)
            if changes or each.over_version is not None:
                found.append(_changed(each, changes))
        found += [Pending(mapped, key) for (_, key), mapped in self.map.blind.items()]
        return found

    def _assign_keys(self, waiting: list[Pending]) -> Flow[None]:
        """Give numbers to the objects without a key; they get them when the commit has landed."""
        groups: dict[MappedClass, deque[Pending]] = {}
        for each in waiting:
            groups.setdefault(each.mapped, deque()).append(each)
        for mapped, group in groups.items():
            while group:
                numbers = yield from self.session.keys.numbers(mapped, len(group))
                for key in map(mapped.encode_key, numbers):
                    if not self._meant(mapped, key):
                        _assign(group.popleft(), key)

    def _meant(self, mapped: MappedClass, key: KeyBytes) -> bool:
        """Whether this unit speaks of a key already: a number must not be given twice."""
        return self.map.at(mapped, key) is not None or (mapped.name, key) in self.map.blind

    def _read_blind(self, blind: list[Pending]) -> Flow[Stored]:
        identities = [(each.mapped, each.key) for each in blind]
        records = yield from self.session.strategy.load(identities)
        return {each.place: record for each, record in zip(blind, records, strict=True)}

    def _emit(
        self, pending: list[Pending], stored: Stored
    ) -> Flow[tuple[tuple[Refusal, ...], Writes]]:
        """Plan and carry; the refusals, and the writes in the order of the plan.

        What is refused may be a guard: then those stand after the writes.
        """
        version = self.session.new_version()
        writes = Written.of(pending, stored, version)
        guards = self._guards(writes) if self.map.guarding else []
        if not writes and not guards:
            return (), writes
        if self.map.outdated:
            seen = _seen_newer([*writes, *guards])
            if seen:
                return seen, [*writes, *guards]
        given = self.session.keys.given(writes)
        guarded = tuple([Guard(*write[:3]) for _, write in guards]) if guards else ()
        plan, doubles = make_plan(tuple(writes.writes), given, guarded)
        if doubles:
            raise double_claims(doubles, writes)
        if self.handling is not None:
            self.handling.planned(plan)
        refusals = yield from self.session.strategy.commit(plan)
        for mapped, _ in given if not refusals else ():
            self.session.keys.forget(mapped)  # the next number is above all that were given
        return refusals, [*writes, *guards] if guards and refusals else writes

    def _guards(self, writes: Writes) -> list[tuple[Pending, EntityWrite]]:
        """The guarded objects that are not written: a write checks the whole of one by itself."""
        written = {id(pending.tracked) for pending, _ in writes}
        return [guard_of(each) for each in self.map if each.guarded and id(each) not in written]

    def _plan_again_or_raise(self, writes: Writes, refusals: tuple[Refusal, ...]) -> None:
        """Return where the next plan may succeed: a blind record has moved, a number was taken."""
        again = False
        for refusal in refusals:
            pending, _ = writes[refusal.position]
            tracked = pending.tracked
            if refusal.kind == "exists" and tracked is not None and tracked.assigned is not None:
                _assign(pending, None)
                again = True
                self.session.keys.forget(tracked.mapped)
            elif pending.blind and refusal.kind != "taken":
                again = again or tracked is None or tracked.over_version is None
        if not again:
            raise refused(refusals, writes)

    def _land_aloud(
        self, handling: Handling, pending: list[Pending], writes: Writes, stored: Stored
    ) -> None:
        """All is written: finalize, and tell the handlers."""
        kinds = {id(each): kind_of(each.tracked) for each in pending if each.tracked is not None}
        self._finalize(pending, writes, stored)
        handling.after_writes(kinds, writes)

    def _finalize(self, pending: list[Pending], writes: Writes, stored: Stored) -> None:
        if self.last:
            self._set_keys(pending)
            return
        for each, write in writes:
            if each.tracked is not None:
                self._settle(each.tracked, write)
        if len(writes) < len(pending):
            self._settle_unwritten(pending, writes, stored)
        self.map.blind.clear()
        self.map.superseded.clear()
        if self.map.guarding:
            self.map.unguard()

    @staticmethod
    def _set_keys(pending: list[Pending]) -> None:
        """All that is left to do where everything is forgotten afterwards."""
        for each in pending:
            tracked = each.tracked
            if tracked is not None and tracked.assigned is not None:
                set_key(tracked.mapped, tracked.obj, tracked.mapped.decode_key(tracked.assigned))

    def _settle(self, tracked: Tracked, write: EntityWrite) -> None:
        """Make a written object a loaded one, and forget one that went."""
        if write.record is None:
            self.map.forget(tracked)
            return
        if tracked.assigned is not None:
            set_key(tracked.mapped, tracked.obj, tracked.mapped.decode_key(tracked.assigned))
            tracked.key, tracked.assigned = tracked.assigned, None
            self.map.track(tracked)
        tracked.settle(write.record)

    def _settle_unwritten(self, pending: list[Pending], writes: Writes, stored: Stored) -> None:
        """What was written blindly, but stood there already; or was replaced by its equal."""
        written = {id(each) for each, _ in writes}
        for each in pending:
            tracked = each.tracked
            if tracked is None or id(each) in written:
                continue
            record = stored.get(each.place, tracked.base)
            if tracked.deleted:
                self.map.forget(tracked)
            elif record is not None:
                tracked.settle(record)


def _as_pending(found: list[Tracked], writes: Sequence[EntityWrite]) -> Writes:
    return [
        (Pending(write.mapped, write.key, tracked, blind=False), write)
        for tracked, write in zip(found, writes, strict=True)
    ]


def _changed(tracked: Tracked, changes: FieldChanges) -> Pending:
    """A loaded object; what is derived from it is derived now, before the server is asked."""
    mapped, key = tracked.mapped, tracked.key or b""
    if mapped.key.stored in changes:
        raise key_changed(tracked)
    derived = None
    if mapped.derives:
        derived = mapped.changed_record(tracked.obj, tracked.base or {}, changes, key)
    return Pending(mapped, key, tracked, is_blind(tracked), changes, None, derived)


def _whole(tracked: Tracked) -> Pending:
    """An object that goes, or is written as a whole."""
    mapped, key, blind = tracked.mapped, tracked.key, is_blind(tracked)
    encoded = None if tracked.deleted else mapped.encode_fields(tracked.obj, key)
    return Pending(mapped, key or b"", tracked, blind, encoded=encoded)


def _assign(pending: Pending, key: KeyBytes | None) -> None:
    """Give an object a number, for this commit; or take it back."""
    pending.key = key or b""
    if pending.tracked is not None:
        pending.tracked.assigned = key


def _settle_run(found: list[Tracked], run: Run | ChangeRun) -> None:
    """What `Tracked.settle` comes to for each of plain objects that are written in columns."""
    if isinstance(run, ChangeRun):
        snapshots = run.snapshots()
    else:
        snapshots = run.mapped.codec.snapshots([each.obj for each in found])
    for tracked, record, snapshot in zip(found, run.records(), snapshots, strict=True):
        tracked.base, tracked.snapshot = record, snapshot


def _seen_newer(writes: Writes) -> tuple[Refusal, ...]:
    """The writes that a later reading has already shown to be stale."""
    return tuple(
        [
            Refusal(position, "changed", pending.tracked.newer)
            for position, (pending, _) in enumerate(writes)
            if pending.tracked is not None
            and pending.tracked.newer is not None
            and (pending.mapped.conflict == "version" or pending.tracked.guarded)
        ]
    )
