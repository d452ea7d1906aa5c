"""What a unit of work reads: each entity is one object, whatever the way to it.

A second reading neither overwrites an object nor makes another; it only notes that the store has a
newer version, so that a commit of a change to it fails early.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs

from redmapper.errors import NotFound, QueryError
from redmapper.mapping.columns import VERSION, Record
from redmapper.mapping.indexes import Unique
from redmapper.mapping.mapped import KeyBytes, MappedClass, MappedIndex
from redmapper.query.explain import Explanation
from redmapper.query.page import Page, position_at, token_of
from redmapper.query.query import Asked
from redmapper.query.selection import Selection
from redmapper.query.values import reader_of
from redmapper.wire import Flow
from redmapper.work.changes import is_pending, suspects
from redmapper.work.identity import IdentityMap, Tracked
from redmapper.work.keys import encode_unique
from redmapper.work.overlay import Found, Overlay
from redmapper.work.session import Session, UnitOptions


@attrs.define(eq=False)
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
        encoded = mapped.encode_keys(keys)
        if self.options.untracked:
            return (yield from self._untracked(mapped, encoded))
        found: dict[KeyBytes, Any] = dict.fromkeys(encoded)
        unknown = list(found)
        if self.map.knows_any:
            found = {key: self._present(mapped, key) for key in found}
            unknown = [key for key in unknown if self._unknown(mapped, key)]
        if unknown:
            records = yield from self.session.strategy.load([(mapped, key) for key in unknown])
            for key, record in zip(unknown, records, strict=True):
                if record is not None:
                    found[key] = self._adopt(mapped, key, record)
        return [found[key] for key in encoded]

    def _untracked(self, mapped: MappedClass, keys: list[KeyBytes]) -> Flow[list[Any]]:
        """Objects of nobody, one a key."""
        once = list(dict.fromkeys(keys))
        makes, strategy = self.session.makes, self.session.strategy
        if makes is not None:
            objects = yield from makes.load_entities(mapped, once)
        else:
            records = yield from strategy.load([(mapped, key) for key in once])
            objects = [
                None if record is None else mapped.construct(record, key)
                for key, record in zip(once, records, strict=True)
            ]
        if self.loaded is not None:
            for obj in objects:
                if obj is not None:
                    self.loaded(obj)
        if len(once) == len(keys):
            return objects
        found = dict(zip(once, objects, strict=True))
        return [found[key] for key in keys]

    def _present(self, mapped: MappedClass, key: KeyBytes) -> Any:  # noqa: ANN401 - an entity
        tracked = self.map.at(mapped, key)
        return None if tracked is None or tracked.deleted else tracked.obj

    def _unknown(self, mapped: MappedClass, key: KeyBytes) -> bool:
        return self.map.at(mapped, key) is None and not self.map.is_gone(mapped, key)

    def get(self, cls: type, key: object) -> Flow[Any]:
        """The entity with this key, or None."""
        mapped = self.session.registry.mapped(cls)
        encoded = mapped.encode_key(key)
        if self.options.untracked:
            (found,) = yield from self._untracked(mapped, [encoded])
            return found
        if not self._unknown(mapped, encoded):
            return self._present(mapped, encoded)
        (record,) = yield from self.session.strategy.load([(mapped, encoded)])
        return None if record is None else self._adopt(mapped, encoded, record)

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
        return self._adopt(mapped, *row)

    def _adopt(self, mapped: MappedClass, key: KeyBytes, record: Record) -> Any:  # noqa: ANN401 - an entity
        """The object of a stored record: the one that is tracked, or a new one."""
        if self.options.untracked:
            obj = mapped.construct(record, key)
            return self._told(obj) if self.loaded else obj
        tracked = self.map.entities.get((mapped.name, key))
        if tracked is not None:
            if tracked.base is not None and record.get(VERSION) != tracked.version:
                tracked.newer = record
                self.map.outdated = True
            return tracked.obj
        obj = mapped.construct(record, key)
        snapshot = None if self.options.read_only else mapped.snapshot(obj)
        self.map.load(Tracked(obj, mapped, key, record, snapshot), key)
        return self._told(obj) if self.loaded else obj

    def _told(self, obj: Any) -> Any:  # noqa: ANN401 - an entity
        if self.loaded is not None:
            self.loaded(obj)
        return obj

    # --- queries -----------------------------------------------------------------------------

    def find(self, asked: Asked) -> Flow[list[Any]]:
        """The objects of a query, this unit's own changes among them."""
        if not self.options.untracked:
            selection = self._selection(asked)
            found = yield from self._found(selection, asked.offset)
            return self._objects(selection.mapped, found)
        mapped = self.session.registry.mapped(asked.mapper)
        wanted = asked.selection(mapped, mapped.loaded)
        makes = self.session.makes
        if makes is not None:
            objects = yield from makes.find_entities(wanted, asked.offset)
        else:
            rows = yield from self.session.strategy.find(wanted)
            construct = mapped.construct
            objects = [construct(record, key) for key, record in rows[asked.offset :]]
        return list(map(self._told, objects)) if self.loaded else objects

    def page(self, asked: Asked, size: int, after: str | None) -> Flow[Page[Any]]:
        """So many objects of a query, from a position on."""
        asked.require_page(size)
        selection = self._selection(asked, whole=not self.options.untracked)
        begin = None if after is None else position_at(after, selection)
        wanted = attrs.evolve(selection, limit=size + 1, after=begin)
        found = yield from self._found(wanted, 0)
        items = self._objects(selection.mapped, found[:size])
        more = len(found) > size
        return Page(
            items, token_of(found[size - 1].position(selection), selection) if more else None
        )

    def values(self, asked: Asked, fields: tuple[object, ...]) -> Flow[list[tuple[Any, ...]]]:
        """Some fields of each row, from the records; nothing is built or tracked."""
        selection = self._selection(asked)
        reader = reader_of(fields, selection.mapped)
        found = yield from self._found(attrs.evolve(selection, fields=reader.names), asked.offset)
        return [reader.read(each.key, each.record) for each in found]

    def keys(self, asked: Asked) -> Flow[list[Any]]:
        """The key of each row, None of an object that waits for its number."""
        selection = self._selection(asked)
        found = yield from self._found(attrs.evolve(selection, fields=()), asked.offset)
        decode = selection.mapped.decode_key
        return [None if each.key is None else decode(each.key) for each in found]

    def count(self, asked: Asked) -> Flow[int]:
        """How many there are."""
        offset = asked.offset
        if not self.options.untracked:
            total = yield from self._counted(self._selection(asked))
        else:
            selection = asked.selection(self.session.registry.mapped(asked.mapper))
            total = yield from self.session.strategy.count(selection)
        return max(0, total - offset) if offset else total

    def _counted(self, selection: Selection) -> Flow[int]:
        """How many rows a selection has, this unit's own changes considered."""
        overlay = self._overlay(selection.mapped)
        stored = attrs.evolve(selection, without=overlay.keys) if overlay.keys else selection
        total = yield from self.session.strategy.count(stored)
        total += len(overlay.matching(selection))
        return total if selection.limit is None else min(total, selection.limit)

    def explain(self, asked: Asked, *, analyze: bool) -> Flow[Explanation]:
        """How the query is, or (analyze) was answered."""
        selection = self._selection(asked)
        overlay = self._overlay(selection.mapped)
        stored = attrs.evolve(selection, without=overlay.keys)
        found = yield from self.session.strategy.explain(stored, analyze=analyze)
        pending = len(overlay.pending) if overlay.keys or overlay.pending else 0
        return attrs.evolve(found, query=str(asked), pending=pending)

    def _found(self, selection: Selection, offset: int) -> Flow[list[Found]]:
        """The rows of a selection, this unit's own changes among them."""
        overlay = self._overlay(selection.mapped)
        stored = attrs.evolve(selection, without=overlay.keys) if overlay.keys else selection
        rows = yield from self.session.strategy.find(stored)
        return overlay.merged(rows, stored)[offset:]

    def _objects(self, mapped: MappedClass, found: list[Found]) -> list[Any]:
        """The objects of rows."""
        return [
            each.tracked.obj if each.tracked else self._adopt(mapped, each.key or b"", each.record)
            for each in found
        ]

    def _selection(self, asked: Asked, *, whole: bool = True) -> Selection:
        """What is asked; of its rows whole records, or only what objects are made of."""
        mapped = self.session.registry.mapped(asked.mapper)
        selection = asked.selection(mapped, None if whole else mapped.loaded)
        selection.check_order()
        return selection

    def _overlay(self, mapped: MappedClass) -> Overlay:
        """This unit's pending changes to one mapper, as queries see them."""
        if self.options.reads == "stored" or self.options.read_only:
            return Overlay(mapped, (), frozenset())
        return self.pending_of(mapped)

    def pending_of(self, mapped: MappedClass) -> Overlay:
        """All that this unit would change of one mapper."""
        blind = frozenset(key for name, key in self.map.blind if name == mapped.name)
        mine = [each for each in self.map if each.mapped is mapped]
        pending = [each for each in suspects(mine) if is_pending(each)]
        return Overlay.of(mapped, pending, blind)


def not_found(mapped: MappedClass, key: object) -> NotFound:
    """The error for a key that nothing has."""
    message = (
        f"there is no {mapped.domain.__name__} with key {mapped.shown_key(key)}; "
        "get() answers None instead"
    )
    return NotFound(message, key=key)
