"""What a unit of work reads: each entity is one object, whatever the way to it.

A second reading neither overwrites an object nor makes another; it only notes that the store has a
newer version, so that a commit of a change to it fails early.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs

from redmapper.errors import NotFound, QueryError
from redmapper.mapping.columns import VERSION
from redmapper.mapping.indexes import Unique
from redmapper.mapping.mapped import KeyBytes, MappedClass, MappedIndex
from redmapper.query.query import Asked
from redmapper.query.selection import Row, Selection
from redmapper.wire import Flow
from redmapper.work.changes import is_pending
from redmapper.work.identity import IdentityMap, Tracked
from redmapper.work.keys import encode_unique
from redmapper.work.overlay import Overlay
from redmapper.work.session import Session, UnitOptions


@attrs.frozen
class Reading:
    """Reads into an identity map, through it, and over it; `loaded` is told of each object."""

    session: Session
    options: UnitOptions
    map: IdentityMap
    loaded: Callable[[object], None] | None = None

    def get_many(self, cls: type, keys: Sequence[object]) -> Flow[list[Any]]:
        """The entities with these keys, None for the missing; one round trip for the unknown."""
        mapped = self.session.registry.mapped(cls)
        if isinstance(keys, (str, bytes)) or not isinstance(keys, Iterable):
            message = f"get_many takes several keys: get_many({mapped.domain.__name__}, [...])"
            raise QueryError(message)
        encoded = [mapped.encode_key(key) for key in keys]
        found: dict[KeyBytes, Any] = dict.fromkeys(encoded)
        unknown = list(found)
        if self.map.knows_any:
            found = {key: self._present(mapped, key) for key in found}
            unknown = [key for key in unknown if self._unknown(mapped, key)]
        if unknown:
            records = yield from self.session.strategy.load([(mapped, key) for key in unknown])
            for key, record in zip(unknown, records, strict=True):
                if record is not None:
                    found[key] = self._adopt(mapped, (key, record))
        return [found[key] for key in encoded]

    def _present(self, mapped: MappedClass, key: KeyBytes) -> Any:  # noqa: ANN401 - an entity
        tracked = self.map.at(mapped, key)
        return None if tracked is None or tracked.deleted else tracked.obj

    def _unknown(self, mapped: MappedClass, key: KeyBytes) -> bool:
        return self.map.at(mapped, key) is None and not self.map.is_gone(mapped, key)

    def get(self, cls: type, key: object) -> Flow[Any]:
        """The entity with this key, or None."""
        mapped = self.session.registry.mapped(cls)
        encoded = mapped.encode_key(key)
        if not self.options.untracked and not self._unknown(mapped, encoded):
            return self._present(mapped, encoded)
        (record,) = yield from self.session.strategy.load([(mapped, encoded)])
        return None if record is None else self._adopt(mapped, (encoded, record))

    def require(self, cls: type, key: object) -> Flow[Any]:
        """The entity with this key; NotFound where there is none."""
        found = yield from self.get(cls, key)
        if found is None:
            raise not_found(self.session.registry.mapped(cls), key)
        return found

    def get_by(self, unique: Unique, *values: object) -> Flow[Any]:
        """The owner of a unique value, pending changes considered, or None."""
        mapped, index, value = encode_unique(self.session.registry, unique, values)
        if value is None:
            return None
        return (yield from self.owner(index, value, self._overlay(mapped)))

    def owner(self, index: MappedIndex, value: bytes, overlay: Overlay) -> Flow[Any]:
        """The owner of a unique value, or None."""
        mapped = overlay.mapped
        mine = overlay.owner(index, value)
        if mine is not None:
            return mine.obj
        row = yield from self.session.strategy.owner(mapped, index, value)
        if row is None or row[0] in overlay.keys:
            return None
        return self._adopt(mapped, row)

    def _adopt(self, mapped: MappedClass, row: Row) -> Any:  # noqa: ANN401 - an entity
        """The object of a stored row: the one that is tracked, or a new one."""
        key, record = row
        if self.options.untracked:
            obj = mapped.construct(record, key)
            return self._told(obj) if self.loaded else obj
        tracked = self.map.entities.get((mapped.name, key))
        if tracked is not None:
            if tracked.base is not None and record.get(VERSION) != tracked.version:
                tracked.newer = record
            return tracked.obj
        obj = mapped.construct(record, key)
        snapshot = None if self.options.read_only else mapped.snapshot(obj)
        self.map.load(Tracked(obj, mapped, key, record, snapshot), key)
        return self._told(obj) if self.loaded else obj

    def _told(self, obj: Any) -> Any:  # noqa: ANN401 - an entity
        if self.loaded is not None:
            self.loaded(obj)
        return obj

    def find(self, asked: Asked) -> Flow[list[Any]]:
        """The objects of a query, this unit's own changes among them."""
        selection, offset = self._selection(asked), asked.offset
        mapped = selection.mapped
        overlay = self._overlay(mapped)
        widened = selection.limit + offset if selection.limit is not None else None
        stored = attrs.evolve(selection, limit=widened, without=overlay.keys)
        rows = yield from self.session.strategy.find(stored)
        if overlay.keys or overlay.pending:
            return overlay.merged(rows, stored, lambda row: self._adopt(mapped, row))[offset:]
        return [self._adopt(mapped, row) for row in rows[offset:]]

    def count(self, asked: Asked) -> Flow[int]:
        """How many there are."""
        selection, offset = self._selection(asked), asked.offset
        overlay = self._overlay(selection.mapped)
        every = attrs.evolve(selection, limit=None, without=overlay.keys)
        stored = yield from self.session.strategy.count(every)
        total = max(0, stored + len(overlay.matching(every)) - offset)
        return total if selection.limit is None else min(total, selection.limit)

    def _selection(self, asked: Asked) -> Selection:
        return asked.selection(self.session.registry.mapped(asked.mapper))

    def _overlay(self, mapped: MappedClass) -> Overlay:
        """This unit's pending changes to one mapper, as queries see them."""
        if self.options.reads == "stored" or self.options.read_only:
            return Overlay(mapped, (), frozenset())
        return self.pending_of(mapped)

    def pending_of(self, mapped: MappedClass) -> Overlay:
        """All that this unit would change of one mapper."""
        blind = frozenset(key for name, key in self.map.blind if name == mapped.name)
        pending = [each for each in self.map if each.mapped is mapped and is_pending(each)]
        return Overlay.of(mapped, pending, blind)


def not_found(mapped: MappedClass, key: object) -> NotFound:
    """The error for a key that nothing has."""
    message = (
        f"there is no {mapped.domain.__name__} with key {mapped.shown_key(key)}; "
        "get() answers None instead"
    )
    return NotFound(message, key=key)
