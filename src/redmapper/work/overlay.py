"""A unit's own pending changes laid over what a query finds in the store.

The strategy leaves out the keys that are pending here; those of them that match now come in again,
in their places. So a limit stays right when it is cut after the merge.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from redmapper.mapping.columns import Record
from redmapper.mapping.mapped import KeyBytes, MappedClass, MappedIndex
from redmapper.query.evaluate import judge_of
from redmapper.query.selection import Position, Row, Selection, position_of, sort_key
from redmapper.work.identity import Tracked


@attrs.frozen
class Found:
    """A row of an answer: a stored one, or (`tracked`) an object that is pending here."""

    key: KeyBytes | None
    record: Record
    tracked: Tracked | None = None

    def position(self, selection: Selection) -> Position:
        """Where it stands in the order."""
        serial = self.tracked.serial if self.tracked else 0
        return position_of((self.key, self.record), selection.order, serial)


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

    def matching(self, selection: Selection) -> list[Found]:
        """The pending objects that meet the condition, and stand behind where it begins."""
        if not self.pending:
            return []
        judge = judge_of(selection.where, self.mapped)
        found = [
            Found(tracked.key, record, tracked) for tracked, record in self.pending if judge(record)
        ]
        if selection.after is None:
            return found
        encode = sort_key(selection.order, self.mapped)
        begin = encode(selection.after.row(selection.order), selection.after.serial)
        return [each for each in found if encode(*_sorted_by(each)) > begin]

    def merged(self, rows: list[Row], selection: Selection) -> list[Found]:
        """The stored rows and the matching pending ones, ordered and cut."""
        found = [Found(key, record) for key, record in rows]
        pending = self.matching(selection)
        if not pending:
            return found
        encode = sort_key(selection.order, self.mapped)
        found += pending
        found.sort(key=lambda each: encode(*_sorted_by(each)))
        return found[: selection.limit]


def _sorted_by(found: Found) -> tuple[tuple[KeyBytes | None, Record], int]:
    return (found.key, found.record), found.tracked.serial if found.tracked else 0
