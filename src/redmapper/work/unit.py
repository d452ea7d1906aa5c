"""The unit of work: what its verbs mean, on both faces.

Theory of operation. A unit tracks objects in an `IdentityMap`: those it was given (new), those it
has read (loaded, with the record they came from and a snapshot), and what is to become of them.
Nothing is written before the commit, and there is no flush. Here is what the verbs do to the map;
`reading` fills it from the store, and `flush` turns it into one commit.

Verbs that may need the server are flows, and the faces give each of them its public name in one
line; verbs that never do are public here. A unit belongs to one task: a flow that begins while
another is under way is `ConcurrentUse`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, TypeVar

from redmapper.errors import (
    ConcurrentUse,
    QueryError,
    ReadOnlyUnit,
    UnitActive,
    UnitClosed,
    UnitError,
    ValueRefused,
)
from redmapper.mapping.indexes import Unique
from redmapper.mapping.mapped import KeyBytes, MappedClass, MappedIndex, version_of
from redmapper.query.query import Asked, QueryBase
from redmapper.wire import Flow
from redmapper.work.changes import Change, change_of, deletion, field_changes, is_pending
from redmapper.work.events import FREE, Handling
from redmapper.work.flush import Flush
from redmapper.work.identity import IdentityMap, Superseded, Tracked
from redmapper.work.keys import encode_unique
from redmapper.work.reading import Reading, not_found
from redmapper.work.session import Session, UnitOptions
from redmapper.work.table import Changes

Entity = TypeVar("Entity")
Result = TypeVar("Result")


class UnitBase:
    """The verbs of a unit of work that need no server, and the flows of those that do."""

    def __init__(self, session: Session, options: UnitOptions) -> None:
        self._session = session
        self._options = options
        self._map = IdentityMap()
        self._handling = Handling.by(session.handlers) if session.handlers.of else None
        self._active = False
        self._busy = False

    @cached_property
    def _reading(self) -> Reading:
        """Made when it is wanted: many units only write."""
        loaded = None if self._handling is None else self._handling.loaded
        return Reading(self._session, self._options, self._map, loaded)

    # --- life --------------------------------------------------------------------------------

    def _enter(self) -> None:
        if self._active:
            message = "this unit is inside a block already; use another: store.unit()"
            raise UnitActive(message)
        self._active = True
        if self._handling is not None:
            self._handling.begin()

    def _leave(self, failure: BaseException | None) -> Flow[None]:
        """The end of a block: commit after a clean one, and forget everything in any case."""
        passing, emptied = failure, failure is not None
        try:
            if failure is None and self._options.commit == "explicit":
                emptied = self._warn_of_uncommitted()
            elif failure is None and not self._options.read_only:
                yield from self._commit(last=True)
        except BaseException as error:
            passing, emptied = error, isinstance(error, Exception)
            raise
        finally:
            if self._handling is not None and emptied:
                # unless they know that it was emptied before
                emptied = self._map.knows_any or not self._handling.discarded
            self._map.clear()
            self._active = False
            if self._handling is not None:
                emptied = emptied and not self._options.read_only
                self._handling.close(self, passing, emptied=emptied)

    def _raised_late(self, error: BaseException) -> bool:
        """Whether an error is that of handlers, of a commit that has landed."""
        if self._handling is None:
            return False
        late = self._handling.late
        grouped = isinstance(error, ExceptionGroup) and list(error.exceptions) == late
        return grouped or any(error is each for each in late)

    def _warn_of_uncommitted(self) -> bool:
        """Warn of what is discarded; whether there is anything."""
        left = len(self._map.blind) + sum(map(_is_unwritten, self._map))
        if left:
            self._session.warn(f"a unit with commit='explicit' discards {left} changes")
        return bool(left)

    def _require_active(self, verb: str) -> None:
        if not self._active:
            message = f"{verb}() outside the unit's block; call it inside `with unit:`"
            raise UnitClosed(message)
        if self._handling is not None and self._handling.running not in FREE:
            self._refuse_in_handler(verb)
        if self._busy:
            message = (
                f"{verb}() while another call on this unit is under way; a unit is for one task"
            )
            raise ConcurrentUse(message)

    def _refuse_in_handler(self, verb: str) -> None:
        running = "" if self._handling is None else self._handling.running
        if running:
            message = (
                f"{verb}() inside a handler of {running!r}; a handler of 'before_commit' may use "
                "the unit, but neither commit it nor roll it back"
            )
            raise UnitError(message)

    def _require_writable(self, verb: str) -> None:
        if self._busy or not self._active or self._handling is not None:
            self._require_active(verb)
        if self._options.read_only:
            message = f"{verb}() on a read-only unit; use store.unit()"
            raise ReadOnlyUnit(message)

    def _exclusive(self, verb: str, flow: Flow[Result]) -> Flow[Result]:
        """A verb's flow, during which no other verb of this unit may run.

        What keeps nothing may be asked by many at once.
        """
        return flow if self._options.untracked else self._alone(verb, flow)

    def _alone(self, verb: str, flow: Flow[Result]) -> Flow[Result]:
        if self._busy or not self._active or self._handling is not None:
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
        return self._add(obj)

    def _add(self, obj: Entity) -> Entity:
        mapped = self._session.registry.mapped_object(obj)
        tracked = self._map.objects.get(id(obj))
        if tracked is not None:
            tracked.deleted = False
            return obj
        self._map.enter(Tracked(obj, mapped, self._own_key(mapped, obj)))
        return obj

    def _get_or_add(
        self, unique: Unique, values: tuple[object, ...], factory: Callable[[], object]
    ) -> Flow[Any]:
        """The owner of a unique value; where there is none, what the factory makes, added.

        Pending changes count, in a unit with reads="stored" too. The factory runs when the reading
        is over, so that it may use this unit.
        """
        self._require_writable("get_or_add")
        mapped, index, value = encode_unique(self._session.registry, unique, values, "get_or_add")
        if not callable(factory):
            message = f"get_or_add(factory={factory!r}): a function that makes the object"
            raise UnitError(message)
        if value is None:
            message = f"get_or_add: {unique!r} is not enforced for None, so nobody owns it"
            raise QueryError(message)
        overlay = self._reading.pending_of(mapped)
        reading = self._reading.owner(index, value, overlay)
        found = yield from self._exclusive("get_or_add", reading)
        if found is not None:
            return found
        made = factory()
        self._check_made(mapped, index, value, made)
        return self.add(made)

    def _check_made(
        self, mapped: MappedClass, index: MappedIndex, value: bytes, made: object
    ) -> None:
        """What a factory has made must own the value, or the next call would make another."""
        if self._session.registry.mapped_object(made) is not mapped:
            message = (
                f"get_or_add: the factory made a {type(made).__name__}, but {index!r} is of "
                f"{mapped.domain.__name__}"
            )
            raise UnitError(message)
        if value not in index.values(mapped.encode(made)):
            message = (
                f"get_or_add: the {mapped.domain.__name__} that the factory made has another "
                f"value of {index!r} than was asked for; make it with the same"
            )
            raise UnitError(message)

    def add_all(self, objs: Iterable[Entity]) -> list[Entity]:
        """`add` each of them."""
        self._require_writable("add")
        if isinstance(objs, list) and self._add_new(objs):
            return [*objs]
        return [self._add(obj) for obj in objs]

    def _add_new(self, objs: list[Any]) -> bool:
        """Add many new objects of one class, with keys: whether they are that, and were added.

        If not, they are looked at one by one.
        """
        if len(set(map(type, objs))) != 1:
            return False
        mapped = self._session.registry.mapped_object(objs[0])
        try:
            keys = list(map(mapped.key_of, objs))
            encoded = None if None in keys else mapped.encode_keys(keys)
        except (ValueRefused, AttributeError):  # those before the one without a good key are added
            return False
        return encoded is not None and self._map.enter_new(mapped, objs, encoded)

    def put(self, obj: Entity, version: str | None = None) -> Entity:
        """Write `obj` over whatever stands under its key; with `version`, only over that version.

        Raises as `add` does, and UnitError for a version that is none, or of an object without a
        key; the commit raises Stale where the version is another.
        """
        self._require_writable("put")
        mapped = self._session.registry.mapped_object(obj)
        if version is not None:
            _check_version(mapped, obj, version)
        tracked = self._map.of(obj)
        if tracked is None:
            key = self._own_key(mapped, obj)
            tracked = self._map.enter(Tracked(obj, mapped, key))
        tracked.deleted = False
        tracked.over_version = version
        if tracked.snapshot is None:  # a loaded object is written over what was loaded
            tracked.over_any = version is None
        return obj

    def _own_key(self, mapped: MappedClass, obj: object) -> KeyBytes | None:
        """The key of an object that comes in; None where a sequence will give it."""
        key = mapped.key_of(obj)
        if key is None:
            key = self._session.keys.fill(mapped, obj)
        return None if key is None else mapped.encode_key(key)

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
        self._map.track(tracked)
        return new

    def _check_replacement(self, tracked: Tracked, new: object) -> None:
        mapped = tracked.mapped
        if tracked.deleted:
            message = f"replace: {tracked.title} was deleted here; add(new) takes its place"
            raise UnitError(message)
        if type(new) is not mapped.domain:
            message = f"replace: {tracked.title} is not replaced by a {type(new).__name__}"
            raise UnitError(message)
        if self._map.of(new) is not None:
            message = f"replace: the new object of {tracked.title} is tracked already"
            raise UnitError(message)
        if mapped.key_of(new) != mapped.key_of(tracked.obj):
            message = (
                f"replace: the new object's key is {mapped.shown_key(mapped.key_of(new))}, but it "
                f"shall replace {tracked.title}; delete that, and add the new one"
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
            self._map.leave(tracked)

    def guard(self, obj: object) -> None:
        """Have the next commit fail with Stale where a loaded object has changed or gone meanwhile.

        For what was only read, and decides over what is written. It holds for one commit, under
        every conflict policy; a commit of guards alone asks the store too.

        Raises:
            UnitError: it is not tracked here, or new.
        """
        self._require_writable("guard")
        tracked = self._tracked(obj, "guard")
        if tracked.base is None:
            message = f"guard: {tracked.title} is new: there is nothing stored that could change"
            raise UnitError(message)
        self._map.guard(tracked)

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
        """What a commit would do, in the order in which objects came; without I/O.

        A list of `Change`, which prints as a table.
        """
        self._require_active("changes")
        found = [change_of(tracked) for tracked in self._map]
        blind = [deletion(mapped, key) for (_, key), mapped in self._map.blind.items()]
        return Changes([change for change in found if change is not None] + blind)

    def version_of(self, obj: object) -> str | None:
        """The version token an object was loaded with or written as; None for a new one."""
        self._require_active("version_of")
        base = self._tracked(obj, "version_of").base
        return None if base is None else version_of(base)

    def __contains__(self, obj: object) -> bool:
        tracked = self._map.of(obj)
        return tracked is not None and not tracked.deleted

    def rollback(self) -> None:
        """Forget every object and pending change; objects stay as they are."""
        self._require_active("rollback")
        self._refuse_in_handler("rollback")
        self._map.clear()
        if self._handling is not None:
            self._handling.rolled_back(self)

    # --- what may need the server ------------------------------------------------------------

    def _commit(self, *, last: bool = False) -> Flow[None]:
        """Write every pending change, or nothing; after the last of a block all is forgotten."""
        if self._options.read_only:
            self._require_writable("commit")
        if self._handling is not None:
            self._require_active("commit")
            return self._commit_aloud(self._handling)
        return self._exclusive("commit", Flush(self._session, self._map, None, last).run())

    def _commit_aloud(self, handling: Handling) -> Flow[None]:
        """The same, and handlers are told of it; one that raises before the script undoes all."""
        self._refuse_in_handler("commit")
        try:
            handling.before_commit(self, self._map)
            flush = Flush(self._session, self._map, handling)
            yield from self._exclusive("commit", flush.run())
        except Exception as error:
            if handling.failed(error):
                self._map.clear()
                handling.rolled_back(self)
            raise

    def _asked(self, cls: type | QueryBase[Any]) -> Asked:
        """What a query asks, or the beginning of one over a mapper's entities."""
        if isinstance(cls, QueryBase):
            return cls._asked
        return Asked(self._session.registry.mapped(cls).mapper)

    def _refresh(self, obj: object) -> Flow[None]:
        return self._exclusive("refresh", self._load_anew(obj))

    def _load_anew(self, obj: object) -> Flow[None]:
        tracked = self._tracked(obj, "refresh")
        mapped, key = tracked.mapped, tracked.key
        if key is None or tracked.base is None:
            message = f"refresh: {tracked.title} is new: there is nothing stored to read"
            raise UnitError(message)
        (record,) = yield from self._session.strategy.load([(mapped, key)])
        if record is None:
            raise not_found(mapped, mapped.decode_key(key))
        _overwrite(tracked, mapped.construct(record, key))
        tracked.base, tracked.newer = record, None
        # The key is not overwritten: where it was changed, the commit shall still say so.
        tracked.snapshot = (mapped.decode_key(key), *mapped.snapshot(obj)[1:])


def _is_unwritten(tracked: Tracked) -> bool:
    """Whether a commit would have something to do with an object, be it to refuse it."""
    try:
        return is_pending(tracked)
    except ValueRefused:
        return True


def _check_version(mapped: MappedClass, obj: object, version: object) -> None:
    """A version is what `version_of` answers, of something that has a key."""
    if not isinstance(version, str) or version.encode(errors="ignore").decode() != version:
        message = f"put(version={version!r}): a version is text, as version_of(obj) answers it"
        raise UnitError(message)
    if mapped.key_of(obj) is None:
        message = f"put(version=...): this {mapped.domain.__name__} has no key to be stored under"
        raise UnitError(message)


def _overwrite(tracked: Tracked, fresh: object) -> None:
    """Give an object the attributes of a fresh one, whose `__init__` has accepted them."""
    mapped, obj = tracked.mapped, tracked.obj
    if mapped.frozen:
        message = f"refresh: {tracked.title} is frozen; get it in another unit"
        raise UnitError(message)
    for attribute in mapped.attributes:
        object.__setattr__(obj, attribute.name, getattr(fresh, attribute.name))
