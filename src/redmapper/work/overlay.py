"""A unit's own pending changes laid over what a query finds in the store.

The strategy leaves out the keys that are pending here; those of them that match now come in again,
in their places. So a limit stays right when it is cut after the merge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import attrs

from redmapper.mapping.columns import Record
from redmapper.mapping.mapped import KeyBytes, MappedClass, MappedIndex
from redmapper.query.evaluate import judge_of
from redmapper.query.selection import Row, Selection, sort_key
from redmapper.work.identity import Tracked


@attrs.frozen
class Overlay:
    """What is pending of one mapper.

    Objects as they stand, and the keys that the store's answer must not bring.
    """

    mapped: MappedClass
    pending: tuple[tuple[Tracked, Record], ...]
    keys: frozenset[KeyBytes]

    @classmethod
    def of(
        cls, mapped: MappedClass, tracked: Iterable[Tracked], blind: frozenset[KeyBytes]
    ) -> Overlay:
        """The overlay of these pending objects and of keys deleted blindly."""
        everyone = list(tracked)
        alive = tuple(
            (each, mapped.encode(each.obj, each.key)) for each in everyone if not each.deleted
        )
        keys = frozenset(each.key for each in everyone if each.key is not None)
        return cls(mapped, alive, keys | blind)

    def owner(self, index: MappedIndex, value: bytes) -> Tracked | None:
        """The pending object that has a unique value."""
        for tracked, record in self.pending:
            if value in index.values(record):
                return tracked
        return None

    def matching(self, selection: Selection) -> list[tuple[Tracked, Record]]:
        """The pending objects that meet the condition."""
        judge = judge_of(selection.where, self.mapped)
        return [(tracked, record) for tracked, record in self.pending if judge(record)]

    def merged(
        self, rows: list[Row], selection: Selection, adopt: Callable[[Row], Any]
    ) -> list[Any]:
        """Objects of the stored rows and of the matching pending ones, ordered and cut."""
        encode = sort_key(selection.order, self.mapped)
        entries: list[tuple[bytes, Tracked | Row]] = [(encode(row), row) for row in rows]
        matching = self.matching(selection)
        if selection.order.key_descending:
            matching.reverse()  # those that wait for numbers get them in their order
        for tracked, record in matching:
            entries.append((encode((tracked.key, record)), tracked))
        entries.sort(key=lambda entry: entry[0])
        first = (found for _, found in entries[: selection.limit])
        return [found.obj if isinstance(found, Tracked) else adopt(found) for found in first]
