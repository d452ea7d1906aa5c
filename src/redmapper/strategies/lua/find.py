"""Selections answered from index entries: which steps are taken, and what is judged here.

The planner names the sources. `find.lua` reads a step of them: keys, and their records as long as
they are few. What the sources leave open (the residue of the condition, an order that no walk
gives) is done here, on the records, in steps that never hold the server for long: a walk goes on
where it stopped until enough rows have been found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import attrs

from redmapper.mapping.columns import Record
from redmapper.mapping.entries import key_tail
from redmapper.mapping.mapped import KeyBytes, MappedClass
from redmapper.mapping.ordering import descending
from redmapper.query.evaluate import judge_of
from redmapper.query.planner import (
    Access,
    ByKeys,
    ByLookup,
    ByOrdered,
    ByUnique,
    Source,
    plan_access,
)
from redmapper.query.selection import Row, Selection, sort_key
from redmapper.strategies.lua.entries import tail_descends
from redmapper.strategies.lua.foreign import carry
from redmapper.strategies.lua.keys import Keyspace
from redmapper.strategies.lua.layout import joined
from redmapper.strategies.lua.scripts import FIND
from redmapper.wire import Argument, Batch, Flow, Reply, call
from redmapper.work.refusals import schema_mismatch

RUN = 4_000
"""Values of one command at most: Lua's `unpack` fails at 8,000."""

STEP = 1_000
"""Rows read in one step."""

Load: TypeAlias = Callable[[MappedClass, Sequence[KeyBytes]], Flow[list[Row]]]


@attrs.frozen
class Step:
    """One reading of sources, and where the next one goes on (0: nowhere)."""

    keys: list[KeyBytes]
    rows: list[Row] | None
    source: int
    member: bytes


@attrs.define
class Reading:
    """The sources of a selection as `find.lua` reads them, from `source` on."""

    keyspace: Keyspace
    mapped: MappedClass
    sources: list[Source]

    def ask(self, wanted: str, entries: int) -> Flow[Reply]:
        """One call of the script. Raises SchemaMismatch where the entries are another mapper's."""
        schema, listing = self.keyspace.schema, self.keyspace.listing(self.mapped)
        keys = {schema: "hash", listing: "zset"}
        arguments: list[Argument] = [
            self.mapped.name,
            self.mapped.fingerprint,
            self.keyspace.records(self.mapped),
            self.mapped.key.scalar.tail or "fixed",
            wanted,
            entries,
            STEP,
        ]
        sources = [said for source in self.sources for said in self._say(source, keys)]
        arguments.append(len(sources))
        for said in sources:
            arguments += said
        command = call(FIND, list(keys), arguments)
        hidden = self._hidden([*keys, *arguments[8:]])
        batch = Batch("find", schema, (command,), lambda: hidden)
        (reply,) = yield from carry(batch, lambda: keys)
        if reply[0] == b"schema":
            raise schema_mismatch(self.mapped)
        return reply

    def _hidden(self, words: list[Argument]) -> frozenset[Argument]:
        """Keys and bounds of indexes over hidden fields are not shown either."""
        secret = self.mapped.hides_key or any(
            source.index is not None and not source.index.stored.isdisjoint(self.mapped.hidden)
            for source in self.sources
            if not isinstance(source, ByKeys)
        )
        return frozenset(word for word in words if secret and isinstance(word, bytes))

    def step(self, wanted: str, entries: int) -> Flow[Step]:
        """The next entries; what follows is what this reading reads afterwards."""
        kind, source, member, keys, records = yield from self.ask(wanted, entries)
        rows = None
        if kind == b"rows":
            each = zip(keys, (joined(*args) for args in self._joining(keys, records)), strict=True)
            rows = [(key, record) for key, record in each if record is not None]
        if source:
            self._go_on(source, member)
        return Step(keys, rows, source, member)

    def _joining(
        self, keys: list[KeyBytes], records: list[Reply]
    ) -> Iterator[tuple[Reply, MappedClass, KeyBytes]]:
        return ((record, self.mapped, key) for key, record in zip(keys, records, strict=True))

    def _go_on(self, position: int, member: bytes) -> None:
        """Leave out what has been read."""
        ranges = [
            (attrs.evolve(source, ranges=(cut,)))
            for source in self.sources
            if isinstance(source, ByOrdered)
            for cut in (reversed(source.ranges) if source.reverse else source.ranges)
        ]
        left = ranges[position - 1 :]
        low, high = left[0].ranges[0]
        after = (low, member) if left[0].reverse else (member + b"\0", high)
        self.sources = [attrs.evolve(left[0], ranges=(after,)), *left[1:]]

    def _say(self, source: Source, keys: dict[bytes, str]) -> Iterator[list[Argument]]:
        """A source in the words of the script; its keys are added to `keys`, with their types."""
        if isinstance(source, ByOrdered):
            yield from self._sorted(source, keys)
        elif isinstance(source, ByLookup):
            for value in source.values:
                key = self.keyspace.lookup(self.mapped, source.index, value)
                yield ["set", _position(keys, key, "set")]
        elif isinstance(source, ByUnique):
            key = self.keyspace.index(self.mapped, source.index)
            for start in range(0, len(source.values), RUN):
                run = source.values[start : start + RUN]
                yield ["owners", _position(keys, key, "hash"), len(run), *run]

    def _sorted(self, source: ByOrdered, keys: dict[bytes, str]) -> Iterator[list[Argument]]:
        index = source.index
        if index is None:
            key = self.keyspace.listing(self.mapped)
            widths: list[Argument] = []
        else:
            key = self.keyspace.index(self.mapped, index)
            widths = [
                (column.kind.scalar.width if column.kind.scalar else 0) or -term.descending
                for term, column in zip(index.index.terms, index.columns, strict=True)
            ]
        at = _position(keys, key, "zset")
        descends = index is not None and tail_descends(index)
        for low, high in reversed(source.ranges) if source.reverse else source.ranges:
            bounds = (b"[" + low, b"+" if high is None else b"(" + high)
            flags = (int(source.reverse), int(descends), len(widths))
            yield ["sorted", at, *bounds, *flags, *widths]


def _position(keys: dict[bytes, str], key: bytes, kind: str) -> int:
    """Where a key stands among those declared; it is declared by this."""
    if key in keys:
        return list(keys).index(key) + 1
    keys[key] = kind
    return len(keys)


@attrs.frozen
class Finder:
    """Answers the selections of one partition."""

    keyspace: Keyspace
    load: Load

    def find(self, selection: Selection) -> Flow[list[Row]]:
        """The rows, exactly as `BoundStrategy.find` says."""
        access = plan_access(selection)
        if access.in_order:
            return (yield from self._walked(selection, access))
        if access.residue is None and selection.order.by_key_alone:
            return (yield from self._by_key(selection, access))
        rows = yield from self._every(selection, access)
        rows.sort(key=sort_key(selection.order, selection.mapped))
        return rows[: selection.limit]

    def count(self, selection: Selection) -> Flow[int]:
        """How many rows, without reading them where the entries say it."""
        access = plan_access(selection)
        keyed = any(isinstance(source, ByKeys) for source in access.sources)
        if access.residue is not None or keyed or not access.distinct:
            return len((yield from self._every(selection, access)))
        if selection.without:
            return len((yield from self._keys(selection, access)))
        reading = Reading(self.keyspace, selection.mapped, list(access.sources))
        _, total = yield from reading.ask("count", 0)
        return int(total)

    def _walked(self, selection: Selection, access: Access) -> Flow[list[Row]]:
        """Rows in the order of the walk, until there are enough."""
        reading = Reading(self.keyspace, selection.mapped, list(access.sources))
        rows: list[Row] = []
        judge = judge_of(access.residue, selection.mapped)
        limit = selection.limit
        while limit is None or len(rows) < limit:
            wanted = STEP
            if limit is not None and access.residue is None:
                wanted = min(STEP, limit - len(rows) + len(selection.without))
            step = yield from reading.step("rows", max(wanted, 1))
            rows += [
                row for row in step.rows or () if row[0] not in selection.without and judge(row[1])
            ]
            if not step.source:
                break
        return rows[:limit]

    def _by_key(self, selection: Selection, access: Access) -> Flow[list[Row]]:
        """Few enough rows come at once; of more, the keys first, and then those that are wanted."""
        mapped = selection.mapped
        found = yield from self._gather(selection, access, "rows")
        down = selection.order.key_descending
        tail = key_tail(mapped.key.scalar)
        order: Callable[[KeyBytes], bytes] = (lambda key: descending(tail(key))) if down else tail
        keys = sorted(found, key=order)[: selection.limit]
        missing = [key for key in keys if found[key] is None]
        loaded = dict((yield from self.load(mapped, missing)))
        rows = ((key, found[key] or loaded.get(key)) for key in keys)
        return [(key, record) for key, record in rows if record is not None]

    def _every(self, selection: Selection, access: Access) -> Flow[list[Row]]:
        """All rows that meet the condition, in no order."""
        found = yield from self._gather(selection, access, "rows")
        missing = [key for key, record in found.items() if record is None]
        for row in (yield from self.load(selection.mapped, missing)):
            found[row[0]] = row[1]
        judge = judge_of(access.residue, selection.mapped)
        return [
            (key, record) for key, record in found.items() if record is not None and judge(record)
        ]

    def _keys(self, selection: Selection, access: Access) -> Flow[list[KeyBytes]]:
        return list((yield from self._gather(selection, access, "keys")))

    def _gather(
        self, selection: Selection, access: Access, wanted: str
    ) -> Flow[dict[KeyBytes, Record | None]]:
        """The keys of all sources, each once, with the records that came along."""
        found: dict[KeyBytes, Record | None] = {}
        named = [source for source in access.sources if isinstance(source, ByKeys)]
        keys = dict.fromkeys(key for source in named for key in source.keys)
        found.update((yield from self.load(selection.mapped, list(keys))))
        walks = [source for source in access.sources if isinstance(source, ByOrdered)]
        others = [each for each in access.sources if not isinstance(each, (ByOrdered, ByKeys))]
        for group in (walks, others):
            reading = Reading(self.keyspace, selection.mapped, list(group))
            going_on = bool(group)
            while going_on:
                step = yield from reading.step(wanted, STEP)
                found |= dict.fromkeys(key for key in step.keys if key not in found)
                found |= dict(step.rows or ())
                going_on = bool(step.source)
        return {key: record for key, record in found.items() if key not in selection.without}
