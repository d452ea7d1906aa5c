"""The identity map of a unit: which object stands for which entity, and what is meant with it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any

import attrs

from redmapper.errors import IdentityConflict
from redmapper.mapping.columns import VERSION, Record
from redmapper.mapping.mapped import KeyBytes, MappedClass
from redmapper.mapping.records import Snapshot


@attrs.define(eq=False)
class Tracked:
    """An object of a unit.

    - new: `base` is None. The commit inserts it; with `over_any` it writes over what stands there
      (`put`), with `over_version` only over that version.
    - loaded: `base` is the record it was loaded from, `snapshot` the object as it stood then.
    - a replacement (another object was deleted under its key): `base` without a snapshot.

    `deleted` may be said of a loaded one, `guarded` too: the next commit checks that it is what was
    loaded, whatever it does with it. `key` is None until a sequence gives one; `assigned` is
    one that the sequence has given and the object does not have before the commit has landed.
    `newer` is a record of another version that some read has seen since. `displaced` is the deleted
    object whose place it took, `displaced_blind` says that its key had been deleted blindly.
    `serial` is greater than that of every object that came before.
    """

    obj: Any
    mapped: MappedClass
    key: KeyBytes | None
    base: Record | None = None
    snapshot: Snapshot | None = None
    deleted: bool = False
    over_any: bool = False
    over_version: str | None = None
    assigned: KeyBytes | None = None
    newer: Record | None = None
    displaced: Tracked | None = None
    displaced_blind: bool = False
    guarded: bool = False
    serial: int = attrs.field(factory=itertools.count().__next__)

    def settle(self, record: Record) -> None:
        """Be loaded from this record from now on."""
        self.base, self.newer = record, None
        self.over_any, self.over_version = False, None
        self.displaced, self.displaced_blind = None, False
        self.snapshot = self.mapped.snapshot(self.obj)

    @property
    def identity(self) -> KeyBytes | None:
        """The key, or the one that the object will have."""
        return self.key if self.key is not None else self.assigned

    @property
    def title(self) -> str:
        """The entity as messages call it."""
        return self.mapped.title(self.identity)

    @property
    def version(self) -> bytes:
        """The version token of what was loaded."""
        return b"" if self.base is None else self.base.get(VERSION, b"")


@attrs.define(eq=False)
class Superseded:
    """An object that `replace` took the place of: changing it afterwards would be lost."""

    obj: Any
    mapped: MappedClass
    key: KeyBytes | None
    snapshot: Snapshot


class IdentityMap:
    """The side table of a unit: objects by their `id`, entities by mapper and key.

    Objects are held strongly and never marked, compared or hashed. `blind` are the keys deleted
    without an object. Tracked ones keep the order in which they came. `guarding` says that some of
    them may be guarded, `outdated` that the store may have something newer of some.
    """

    def __init__(self) -> None:
        self.objects: dict[int, Tracked] = {}
        self.entities: dict[tuple[str, KeyBytes], Tracked] = {}
        self.blind: dict[tuple[str, KeyBytes], MappedClass] = {}
        self.superseded: dict[int, Superseded] = {}
        self.guarding = False
        self.outdated = False

    def of(self, obj: object) -> Tracked | None:
        """What is tracked of an object."""
        return self.objects.get(id(obj))

    def at(self, mapped: MappedClass, key: KeyBytes) -> Tracked | None:
        """What is tracked under a key."""
        return self.entities.get((mapped.name, key))

    def is_gone(self, mapped: MappedClass, key: KeyBytes) -> bool:
        """Whether this unit has deleted the entity of a key."""
        tracked = self.at(mapped, key)
        return tracked.deleted if tracked else (mapped.name, key) in self.blind

    def track(self, tracked: Tracked) -> Tracked:
        """Enter an object; IdentityConflict where another one stands under its key."""
        if tracked.key is not None:
            other = self.at(tracked.mapped, tracked.key)
            if other is not None and other.obj is not tracked.obj:
                message = (
                    f"{tracked.title} is already tracked as another object; change that one, or "
                    "say replace(old, new)"
                )
                raise IdentityConflict(message)
            self.entities[tracked.mapped.name, tracked.key] = tracked
        self.objects[id(tracked.obj)] = tracked
        self.superseded.pop(id(tracked.obj), None)
        return tracked

    def load(self, tracked: Tracked, key: KeyBytes) -> None:
        """Enter an object under a key that is not tracked."""
        self.entities[tracked.mapped.name, key] = tracked
        self.objects[id(tracked.obj)] = tracked

    @property
    def knows_any(self) -> bool:
        """Whether it says anything of any entity."""
        return bool(self.objects or self.blind)

    def enter(self, tracked: Tracked) -> Tracked:
        """Track what is not stored yet, or takes the place of what was deleted here."""
        key = tracked.key
        if key is None:
            return self.track(tracked)
        place = (tracked.mapped.name, key)
        other = self.entities.get(place)
        if other is None and not (self.blind or self.superseded):
            self.entities[place] = self.objects[id(tracked.obj)] = tracked
            return tracked
        if other is not None and other.deleted:
            tracked.base, tracked.displaced = other.base, other
            tracked.guarded = other.guarded
            self.forget(other)
        elif self.blind.pop(place, None) is not None:
            tracked.over_any = tracked.displaced_blind = True
        return self.track(tracked)

    def enter_new(self, mapped: MappedClass, objs: Sequence[Any], keys: list[KeyBytes]) -> bool:
        """Enter many new objects at once; none, and False, where `enter` has more to look at."""
        if self.blind or self.superseded:
            return False
        name, ids = mapped.name, list(map(id, objs))
        places = [(name, key) for key in keys]
        known = self.objects and (self.objects.keys() & ids or self.entities.keys() & places)
        if known or len(set(keys)) < len(keys):
            return False
        tracked = list(map(Tracked, objs, repeat(mapped), keys))
        self.entities.update(zip(places, tracked, strict=True))
        self.objects.update(zip(ids, tracked, strict=True))
        return True

    def leave(self, tracked: Tracked) -> None:
        """Take an object out; what had been deleted in its place stays deleted."""
        self.forget(tracked)
        if tracked.displaced is not None:
            self.track(tracked.displaced)
        elif tracked.displaced_blind and tracked.key is not None:
            self.blind[tracked.mapped.name, tracked.key] = tracked.mapped

    def forget(self, tracked: Tracked) -> None:
        """Take an object out."""
        self.objects.pop(id(tracked.obj), None)
        if tracked.key is not None and self.at(tracked.mapped, tracked.key) is tracked:
            del self.entities[tracked.mapped.name, tracked.key]

    def clear(self) -> None:
        """Forget everything."""
        self.objects.clear()
        self.entities.clear()
        self.blind.clear()
        self.superseded.clear()
        self.guarding = self.outdated = False

    def guard(self, tracked: Tracked) -> None:
        """Have the next commit check a loaded object."""
        tracked.guarded = self.guarding = True

    def unguard(self) -> None:
        """A commit has landed, and with it what it checked."""
        for tracked in self.objects.values():
            tracked.guarded = False
        self.guarding = False

    @property
    def tracked(self) -> tuple[Tracked, ...]:
        """All objects, in the order in which they came."""
        return tuple(self.objects.values())

    def __iter__(self) -> Iterator[Tracked]:
        return iter(self.tracked)
