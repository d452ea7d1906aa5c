"""The unit of work: what its verbs mean, on both faces.

Theory of operation. A unit tracks objects in an `IdentityMap`: those it was given (new), those it
has read (loaded, with the record they came from and a snapshot), and what is to become of them.
Nothing is written before the commit, and there is no flush. A commit goes through four rooms:

1. *organize* (here): who is pending, has anybody's key changed, which keys must a sequence give;
2. *collect* (`collect`): each pending object becomes an `EntityWrite`, or nothing when it is clean;
3. *emit* (`plan`, then the strategy): one plan, one atomic call; `refusals` become errors;
4. *finalize* (here): only when all is written are keys set on objects and snapshots taken anew.

So a commit that fails has moved nothing in memory, and the same unit can be mended and committed.

Verbs that may need the server are flows, named with an underscore; the faces give each of them its
public name in one line. Verbs that never do are public here. A unit belongs to one task: a flow
that begins while another is under way is `ConcurrentUse`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import attrs

from redmapper.errors import (
    ConcurrentUse,
    KeyChanged,
    NotFound,
    ReadOnlyUnit,
    StoreError,
    UnitActive,
    UnitClosed,
    UnitError,
)
from redmapper.mapping.columns import VERSION, Record
from redmapper.mapping.indexes import Unique
from redmapper.mapping.mapped import KeyBytes, MappedClass, version_of
from redmapper.mapping.registry import MapperRegistry
from redmapper.query.query import Asked
from redmapper.query.selection import Row, Selection
from redmapper.wire import Flow
from redmapper.work.changes import Change, change_of, deletion, field_changes, is_pending
from redmapper.work.collect import Pending, Stored, write_of
from redmapper.work.identity import IdentityMap, Superseded, Tracked
from redmapper.work.keys import KeyMaker, encode_unique, set_key
from redmapper.work.overlay import Overlay
from redmapper.work.plan import EntityWrite, Refusal, make_plan
from redmapper.work.refusals import double_claims, refused
from redmapper.work.strategy import BoundStrategy

Entity = TypeVar("Entity")
Result = TypeVar("Result")

BLIND_ATTEMPTS = 20
"""How often a blind write is planned anew because the record under it has moved."""


@attrs.frozen
class Session:
    """What a unit has of its store: all that is the same for every unit."""

    registry: MapperRegistry
    strategy: BoundStrategy
    keys: KeyMaker
    new_version: Callable[[], bytes]
    warn: Callable[[str], None]


@attrs.frozen(kw_only=True)
class UnitOptions:
    """How a unit was asked for: see `Store.unit`."""

    commit: str = "exit"
    read_only: bool = False
    reads: str = "overlaid"


class UnitBase:
    """The verbs of a unit of work that need no server, and the flows of those that do."""

    def __init__(self, session: Session, options: UnitOptions) -> None:
        self._session = session
        self._options = options
        self._map = IdentityMap()
        self._active = False
        self._busy = False

    # --- life --------------------------------------------------------------------------------

    def _enter(self) -> None:
        if self._active:
            message = "this unit is inside a block already; use another: store.unit()"
            raise UnitActive(message)
        self._map.clear()
        self._active = True

    def _leave(self, failure: BaseException | None) -> Flow[None]:
        """The end of a block: commit after a clean one, and forget everything in any case."""
        try:
            if failure is None and self._options.commit == "explicit":
                self._warn_of_uncommitted()
            elif failure is None and not self._options.read_only:
                yield from self._exclusive("commit", self._commit())
        finally:
            self._map.clear()
            self._active = False

    def _warn_of_uncommitted(self) -> None:
        left = len(self.changes())
        if left:
            self._session.warn(f"a unit with commit='explicit' discards {left} changes")

    def _require_active(self, verb: str) -> None:
        if not self._active:
            message = f"{verb}() outside the unit's block; call it inside `with unit:`"
            raise UnitClosed(message)
        if self._busy:
            message = (
                f"{verb}() while another call on this unit is under way; a unit is for one task"
            )
            raise ConcurrentUse(message)

    def _require_writable(self, verb: str) -> None:
        self._require_active(verb)
        if self._options.read_only:
            message = f"{verb}() on a read-only unit; use store.unit()"
            raise ReadOnlyUnit(message)

    def _exclusive(self, verb: str, flow: Flow[Result]) -> Flow[Result]:
        """A verb's flow, during which no other verb of this unit may run."""
        self._require_active(verb)
        self._busy = True
        try:
            return (yield from flow)
        finally:
            self._busy = False

    def __reduce__(self) -> Any:  # noqa: ANN401 - it never returns
        message = f"{type(self).__name__} can not be pickled or copied: it belongs to one task"
        raise TypeError(message)

    # --- registering -------------------------------------------------------------------------

    def add(self, obj: Entity) -> Entity:
        """Insert `obj` with the commit, which raises AlreadyExists where its key is taken.

        Adding what is tracked has no effect; adding what was deleted here undoes that.

        Raises:
            IdentityConflict: another object is tracked under its key.
            NotMapped: its class has no mapper.
            UnitError: it is frozen and has no key.
        """
        self._require_writable("add")
        mapped = self._session.registry.mapped_object(obj)
        tracked = self._map.of(obj)
        if tracked is not None:
            tracked.deleted = False
            return obj
        self._enter_new(Tracked(obj, mapped, self._own_key(mapped, obj)))
        return obj

    def add_all(self, objs: Iterable[Entity]) -> list[Entity]:
        """`add` each of them."""
        return [self.add(obj) for obj in objs]

    def put(self, obj: Entity, version: str | None = None) -> Entity:
        """Write `obj` over whatever stands under its key; with `version`, only over that version.

        Raises as `add` does; the commit raises Stale where the version is another.
        """
        self._require_writable("put")
        mapped = self._session.registry.mapped_object(obj)
        tracked = self._map.of(obj)
        if tracked is None:
            key = self._own_key(mapped, obj)
            tracked = self._enter_new(Tracked(obj, mapped, key))
        tracked.deleted = False
        if tracked.snapshot is None:
            tracked.over_any, tracked.over_version = version is None, version
        return obj

    def _own_key(self, mapped: MappedClass, obj: object) -> KeyBytes | None:
        """The key of an object that comes in; None where a sequence will give it."""
        key = mapped.key_of(obj)
        if key is None:
            key = self._session.keys.fill(mapped, obj)
        return None if key is None else mapped.encode_key(key)

    def _enter_new(self, tracked: Tracked) -> Tracked:
        """Track what is not stored yet, or takes the place of what was deleted here."""
        if tracked.key is None:
            return self._map.track(tracked)
        place = (tracked.mapped.name, tracked.key)
        if self._map.blind.pop(place, None) is not None:
            tracked.over_any = True
        other = self._map.at(tracked.mapped, tracked.key)
        if other is not None and other.deleted:
            tracked.base = other.base
            self._map.forget(other)
        return self._map.track(tracked)

    def replace(self, old: object, new: Entity) -> Entity:
        """`new` takes the place of the tracked `old`, of the same class and with the same key."""
        self._require_writable("replace")
        tracked = self._tracked(old, "replace")
        if new is old:
            return new
        self._check_replacement(tracked, new)
        self._map.superseded[id(old)] = Superseded(
            old, tracked.mapped, tracked.key, tracked.mapped.snapshot(old)
        )
        del self._map.objects[id(old)]
        tracked.obj = new
        self._map.objects[id(new)] = tracked
        return new

    def _check_replacement(self, tracked: Tracked, new: object) -> None:
        mapped = tracked.mapped
        if type(new) is not mapped.domain:
            message = f"replace: {tracked.title} is not replaced by a {type(new).__name__}"
            raise UnitError(message)
        if self._map.of(new) is not None:
            message = f"replace: the new object of {tracked.title} is tracked already"
            raise UnitError(message)
        if mapped.key_of(new) != mapped.key_of(tracked.obj):
            message = (
                f"replace: the new object's key is {mapped.key_of(new)!r}, but it shall replace "
                f"{tracked.title}; delete that, and add the new one"
            )
            raise UnitError(message)

    def delete(self, obj: object) -> None:
        """Delete the entity of a tracked object with the commit; of a new one, forget it.

        An object that is not tracked is deleted by its key.
        """
        self._require_writable("delete")
        mapped = self._session.registry.mapped_object(obj)
        tracked = self._map.of(obj)
        if tracked is None:
            self._refuse_superseded(obj, "delete")
            self._delete_untracked(mapped, obj)
        elif tracked.base is None:
            self._map.forget(tracked)
            if tracked.over_any or tracked.over_version is not None:
                self._delete_key(mapped, tracked.key)
        else:
            tracked.deleted = True

    def _delete_untracked(self, mapped: MappedClass, obj: object) -> None:
        key = mapped.key_of(obj)
        if key is None:
            message = f"delete: this {mapped.domain.__name__} has no key and was not loaded here"
            raise UnitError(message)
        self._delete_key(mapped, mapped.encode_key(key))

    def delete_by_key(self, cls: type, key: object) -> None:
        """Delete whatever stands under a key with the commit; nothing there is no error."""
        self._require_writable("delete_by_key")
        mapped = self._session.registry.mapped(cls)
        self._delete_key(mapped, mapped.encode_key(key))

    def _delete_key(self, mapped: MappedClass, key: KeyBytes | None) -> None:
        if key is None:
            return
        tracked = self._map.at(mapped, key)
        if tracked is None:
            self._map.blind[mapped.name, key] = mapped
        elif tracked.base is None:
            self._map.forget(tracked)
            self._map.blind[mapped.name, key] = mapped
        else:
            tracked.deleted = True

    def untrack(self, obj: object) -> None:
        """Forget an object and its pending change."""
        self._require_active("untrack")
        tracked = self._map.of(obj)
        if tracked is not None:
            self._map.forget(tracked)

    def _tracked(self, obj: object, verb: str) -> Tracked:
        """What is tracked of an object; UnitError where nothing is."""
        self._session.registry.mapped_object(obj)
        tracked = self._map.of(obj)
        if tracked is None:
            self._refuse_superseded(obj, verb)
            message = (
                f"{verb}: this {type(obj).__name__} is not tracked by this unit; add or get it"
            )
            raise UnitError(message)
        return tracked

    def _refuse_superseded(self, obj: object, verb: str) -> None:
        old = self._map.superseded.get(id(obj))
        if old is not None:
            message = f"{verb}: this object of {old.mapped.domain.__name__} was replaced by another"
            raise UnitError(message)

    # --- looking -----------------------------------------------------------------------------

    def state(self, obj: object) -> str:
        """One of "new", "clean", "dirty", "deleted" and "untracked"."""
        self._require_active("state")
        tracked = self._map.of(obj)
        if tracked is None:
            return "untracked"
        if tracked.deleted:
            return "deleted"
        if tracked.base is None:
            return "new"
        return "dirty" if field_changes(tracked) else "clean"

    def changes(self) -> list[Change]:
        """What a commit would do, in the order in which objects came; without I/O."""
        self._require_active("changes")
        found = [change_of(tracked) for tracked in self._map]
        blind = [deletion(key, mapped) for (_, key), mapped in self._map.blind.items()]
        return [change for change in found if change is not None] + blind

    def version_of(self, obj: object) -> str | None:
        """The version token an object was loaded with or written as; None for a new one."""
        self._require_active("version_of")
        base = self._tracked(obj, "version_of").base
        return None if base is None else version_of(base)

    def __contains__(self, obj: object) -> bool:
        tracked = self._map.of(obj)
        return tracked is not None and not tracked.deleted

    def _rollback(self) -> None:
        """Forget every object and pending change; objects stay as they are."""
        self._require_active("rollback")
        self._map.clear()

    # --- reading -----------------------------------------------------------------------------

    def _get_many(self, cls: type, keys: Sequence[object]) -> Flow[list[Any]]:
        mapped = self._session.registry.mapped(cls)
        encoded = [mapped.encode_key(key) for key in keys]
        unknown = [key for key in dict.fromkeys(encoded) if self._must_read(mapped, key)]
        if unknown:
            records = yield from self._session.strategy.load([(mapped, key) for key in unknown])
            for key, record in zip(unknown, records, strict=True):
                if record is not None:
                    self._adopt(mapped, (key, record))
        return [self._present(mapped, key) for key in encoded]

    def _must_read(self, mapped: MappedClass, key: KeyBytes) -> bool:
        return self._map.at(mapped, key) is None and not self._map.is_gone(mapped, key)

    def _present(self, mapped: MappedClass, key: KeyBytes) -> Any:  # noqa: ANN401 - an entity
        tracked = self._map.at(mapped, key)
        return None if tracked is None or tracked.deleted else tracked.obj

    def _get(self, cls: type, key: object) -> Flow[Any]:
        found = yield from self._get_many(cls, [key])
        return found[0]

    def _require(self, cls: type, key: object) -> Flow[Any]:
        found = yield from self._get(cls, key)
        if found is None:
            raise not_found(self._session.registry.mapped(cls), key)
        return found

    def _get_by(self, unique: Unique, *values: object) -> Flow[Any]:
        mapped, index, value = encode_unique(self._session.registry, unique, values)
        if value is None:
            return None
        overlay = self._overlay(mapped)
        mine = overlay.owner(index, value)
        if mine is not None:
            return mine.obj
        row = yield from self._session.strategy.owner(mapped, index, value)
        if row is None or row[0] in overlay.keys:
            return None
        return self._adopt(mapped, row)

    def _refresh(self, obj: object) -> Flow[None]:
        tracked = self._tracked(obj, "refresh")
        mapped, key = tracked.mapped, tracked.key
        if key is None or tracked.base is None:
            message = f"refresh: {tracked.title} is new: there is nothing stored to read"
            raise UnitError(message)
        (record,) = yield from self._session.strategy.load([(mapped, key)])
        if record is None:
            raise not_found(mapped, mapped.decode_key(key))
        self._overwrite(tracked, mapped.construct(record, key))
        tracked.base, tracked.newer = record, None
        tracked.snapshot = mapped.snapshot(obj)

    def _overwrite(self, tracked: Tracked, fresh: object) -> None:
        """Give the object the attributes of a fresh one."""
        for attribute in tracked.mapped.attributes:
            try:
                setattr(tracked.obj, attribute.name, getattr(fresh, attribute.name))
            except attrs.exceptions.FrozenError as error:
                message = f"refresh: {tracked.title} is frozen; get it in another unit"
                raise UnitError(message) from error

    def _adopt(self, mapped: MappedClass, row: Row) -> Any:  # noqa: ANN401 - an entity
        """The object of a stored row: the one that is tracked, or a new one."""
        key, record = row
        tracked = self._map.at(mapped, key)
        if tracked is not None:
            if tracked.base is not None and record.get(VERSION) != tracked.version:
                tracked.newer = record
            return tracked.obj
        obj = mapped.construct(record, key)
        snapshot = None if self._options.read_only else mapped.snapshot(obj)
        self._map.track(Tracked(obj, mapped, key, record, snapshot))
        return obj

    # --- queries -----------------------------------------------------------------------------

    def _query(self, asked: Asked) -> Flow[list[Any]]:
        """The objects of a query, this unit's own changes among them."""
        return self._exclusive("query", self._find(asked.selection(), asked.offset))

    def _count(self, asked: Asked) -> Flow[int]:
        """How many there are."""
        return self._exclusive("query", self._total(asked.selection(), asked.offset))

    def _find(self, selection: Selection, offset: int) -> Flow[list[Any]]:
        mapped = selection.mapped
        overlay = self._overlay(mapped)
        widened = selection.limit + offset if selection.limit is not None else None
        stored = attrs.evolve(selection, limit=widened, without=overlay.keys)
        rows = yield from self._session.strategy.find(stored)
        if overlay.keys or overlay.pending:
            return overlay.merged(rows, stored, lambda row: self._adopt(mapped, row))[offset:]
        return [self._adopt(mapped, row) for row in rows[offset:]]

    def _total(self, selection: Selection, offset: int) -> Flow[int]:
        overlay = self._overlay(selection.mapped)
        every = attrs.evolve(selection, limit=None, without=overlay.keys)
        stored = yield from self._session.strategy.count(every)
        total = max(0, stored + len(overlay.matching(every)) - offset)
        return total if selection.limit is None else min(total, selection.limit)

    def _overlay(self, mapped: MappedClass) -> Overlay:
        """This unit's pending changes to one mapper, as queries see them."""
        if self._options.reads == "stored" or self._options.read_only:
            return Overlay(mapped, (), frozenset())
        blind = frozenset(key for name, key in self._map.blind if name == mapped.name)
        pending = [each for each in self._map if each.mapped is mapped and is_pending(each)]
        return Overlay.of(mapped, pending, blind)

    # --- commit ------------------------------------------------------------------------------

    def _commit(self) -> Flow[None]:
        """Write every pending change in one atomic call, or nothing.

        Raises Conflict, ValueRefused, KeyChanged, UnitError or StoreError; the unit stays usable.
        """
        if self._options.read_only:
            self._require_writable("commit")
        self._check_superseded()
        pending = [each for each in self._map if is_pending(each)]
        self._check_keys()
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
                return self._finalize(writes, stored)
            self._plan_again_or_raise(writes, refusals)
        message = f"a record was written by others {BLIND_ATTEMPTS} times while this commit tried"
        raise StoreError(message)

    def _check_superseded(self) -> None:
        for old in self._map.superseded.values():
            if old.mapped.codec.compare(old.obj, old.snapshot):
                message = (
                    f"{old.mapped.title(old.key)}: the object was changed after it was replaced; "
                    "change the one that replaced it"
                )
                raise UnitError(message)

    def _check_keys(self) -> None:
        for each in self._map:
            now = each.mapped.key_of(each.obj)
            encoded = None if now is None else each.mapped.encode_key(now)
            if encoded == each.key:
                continue
            if each.key is None and encoded is not None:  # set by hand since it was added
                each.key, each.assigned = encoded, None
                self._map.track(each)
                continue
            message = (
                f"the key of {each.title} was changed to {now!r}; delete the object and add one "
                "with the new key"
            )
            raise KeyChanged(message)

    def _assign_keys(self, pending: list[Tracked]) -> Flow[None]:
        """Give numbers to the objects without a key; they get them when the commit has landed."""
        waiting: dict[str, list[Tracked]] = {}
        for each in pending:
            if each.identity is None:
                waiting.setdefault(each.mapped.name, []).append(each)
        for group in waiting.values():
            mapped = group[0].mapped
            numbers = yield from self._session.keys.numbers(mapped, len(group))
            for each, number in zip(group, numbers, strict=True):
                each.assigned = mapped.encode_key(number)

    def _pending(self, tracked: list[Tracked], encoded: dict[int, Record]) -> list[Pending]:
        found = [
            Pending(each.mapped, each.identity or b"", each, encoded.get(id(each)))
            for each in tracked
        ]
        blind = [Pending(mapped, key) for (_, key), mapped in self._map.blind.items()]
        return found + blind

    def _read_blind(self, wanted: list[Pending]) -> Flow[Stored]:
        blind = [each for each in wanted if each.blind]
        if not blind:
            return {}
        identities = [(each.mapped, each.key) for each in blind]
        records = yield from self._session.strategy.load(identities)
        return {each.place: record for each, record in zip(blind, records, strict=True)}

    def _emit(
        self, wanted: list[Pending], stored: Stored
    ) -> Flow[tuple[tuple[Refusal, ...], dict[int, tuple[Pending, EntityWrite]]]]:
        """Plan and carry; the refusals, and the writes by their position in the plan."""
        version = self._session.new_version()
        made = [(each, write_of(each, stored, version)) for each in wanted]
        written = [(each, write) for each, write in made if write is not None]
        writes = dict(enumerate(written))
        if not written:
            return (), writes
        seen = _seen_newer(writes)
        if seen:
            return seen, writes
        given = self._session.keys.given(written)
        plan, doubles = make_plan(tuple(write for _, write in written), given)
        if doubles:
            raise double_claims(doubles, writes)
        refusals = yield from self._session.strategy.commit(plan)
        return refusals, writes

    def _plan_again_or_raise(
        self,
        writes: dict[int, tuple[Pending, EntityWrite]],
        refusals: tuple[Refusal, ...],
    ) -> None:
        """Return where the next plan may succeed: a blind record has moved, a number was taken."""
        again = False
        for refusal in refusals:
            pending, _ = writes[refusal.position]
            tracked = pending.tracked
            if refusal.kind == "exists" and tracked is not None and tracked.assigned is not None:
                tracked.assigned, again = None, True
            elif pending.blind and refusal.kind != "taken":
                again = again or tracked is None or tracked.over_version is None
        if not again:
            raise refused(refusals, writes)

    def _finalize(self, writes: dict[int, tuple[Pending, EntityWrite]], stored: Stored) -> None:
        for pending, write in writes.values():
            if pending.tracked is not None:
                self._settle(pending.tracked, write)
        for each in self._map:
            if each.deleted:
                self._map.forget(each)
            elif each.base is None:  # a `put` that found itself stored already
                self._settle_unwritten(each, stored)
        self._map.blind.clear()
        self._map.superseded.clear()

    def _settle(self, tracked: Tracked, write: EntityWrite) -> None:
        """Make a written object a loaded one."""
        if write.record is None:
            return
        if tracked.assigned is not None:
            set_key(tracked.mapped, tracked.obj, tracked.mapped.decode_key(tracked.assigned))
            tracked.key, tracked.assigned = tracked.assigned, None
            self._map.track(tracked)
        self._settle_as(tracked, write.record)

    def _settle_unwritten(self, tracked: Tracked, stored: Stored) -> None:
        record = stored.get((tracked.mapped.name, tracked.key or b""))
        if record is not None:
            self._settle_as(tracked, record)

    def _settle_as(self, tracked: Tracked, record: Record) -> None:
        tracked.base, tracked.newer = record, None
        tracked.over_any, tracked.over_version = False, None
        tracked.snapshot = tracked.mapped.snapshot(tracked.obj)


def _seen_newer(writes: dict[int, tuple[Pending, EntityWrite]]) -> tuple[Refusal, ...]:
    """The writes that a later reading has already shown to be stale."""
    return tuple(
        Refusal(position, "changed", pending.tracked.newer)
        for position, (pending, _) in writes.items()
        if pending.mapped.conflict == "version"
        and pending.tracked is not None
        and pending.tracked.newer is not None
    )


def not_found(mapped: MappedClass, key: object) -> NotFound:
    """The error for a key that nothing has."""
    message = f"there is no {mapped.domain.__name__} with key {key!r}; get() answers None instead"
    return NotFound(message, key=key)
