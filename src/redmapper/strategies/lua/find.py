"""Selections answered by `find.lua`: which steps are taken, and what is left to judge here.

Theory of operation. The planner names every way to the rows, `wording` says them and the conditions
to the script, and the script takes the cheapest way, judges, orders, cuts, and answers the records.
Mostly that is all, in one round trip. Where there is more than one step may reach:

- A *walk* in the wanted order answers what it has found and where it stopped; it goes on from there
  until there are enough rows.
- Other ways gather keys first, in steps, without reading a record. The keys then are given back to
  the script in chunks, to be judged, ordered and cut; what the chunks leave is merged here.

What the script can not judge is judged here, on whole records, and then cut here as well. A step
never holds the server for long; several steps together are not one snapshot.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from itertools import repeat
from operator import itemgetter
from typing import Any, NamedTuple

import attrs

from redmapper.mapping.mapped import KeyBytes, MappedClass
from redmapper.mapping.predicates import And
from redmapper.query.evaluate import Judge, judge_of
from redmapper.query.explain import Explanation, Use
from redmapper.query.planner import (
    Access,
    ByKeys,
    ByLookup,
    ByOrdered,
    ByUnique,
    Either,
    Source,
    advice_for,
    plan_accesses,
)
from redmapper.query.selection import Order, Row, Selection, sort_key
from redmapper.strategies.lua.foreign import carry
from redmapper.strategies.lua.keys import Keyspace
from redmapper.strategies.lua.layout import joined
from redmapper.strategies.lua.literals import Expression, Spelled
from redmapper.strategies.lua.objects import BareRow, entities_of_rows, fields_of, record_of
from redmapper.strategies.lua.scripts import FIND
from redmapper.strategies.lua.shapes import Known, Said, Shapes
from redmapper.strategies.lua.ways import Nested, covered_by, way_by
from redmapper.strategies.lua.wording import Wording
from redmapper.wire import HEAD, Argument, Batch, Command, Flow, Packed, Reply, call, keys_of
from redmapper.work.refusals import schema_mismatch

CANDIDATES = 2_000
"""Entries that one step gathers and judges at the most."""

ROWS = 1_000
"""Rows that one step of a walk answers, or a chunk of keys comes to, at the most.

To read and to sort so many takes a server 5 to 10 ms.
"""

WORK = 18_000
"""What one step of a walk may cost, in units of about half a microsecond: some 9 ms.

It never ends before `CANDIDATES` have been looked at.
"""

ALL = -1


class Step(NamedTuple):
    """What the script has answered.

    `keys_only`: there were too many to judge at once. `source` and `cursor` say where the next step
    goes on among the `picked` sources (0: nowhere).
    """

    keys_only: bool
    way: int
    seen: int
    read: int
    source: int
    cursor: bytes
    picked: list[int]
    keys: list[KeyBytes]
    total: int
    rows: list[Row]


@attrs.frozen
class Planned:
    """A selection as it was planned and worded.

    `late` judges what the script can not, on whole records.
    """

    accesses: tuple[Access, ...]
    wording: Wording
    late: Judge | None

    @classmethod
    def of(cls, keyspace: Keyspace, selection: Selection) -> Planned:
        """Plan and word it. Raises NoIndex."""
        accesses, wording = plan_accesses(selection), Wording(keyspace, selection)
        late = judge_of(And(tuple(wording.late)), selection.mapped) if wording.late else None
        return cls(accesses, wording, late)


class Search:
    """One selection, asked of the script step by step; it counts what was looked at and sent.

    Where a query of its shape has been said before, only what follows the first step is planned.
    """

    seen = read = sent = 0
    judge: Judge | None = None
    bare = False
    """Whether rows keep the values of their fields as they came."""

    def __init__(
        self, keyspace: Keyspace, shapes: Shapes, selection: Selection, wanted: str
    ) -> None:
        self.keyspace = keyspace
        self.selection = selection
        self.limit = ALL if selection.limit is None else selection.limit
        self.wanted = wanted
        self.known: Known
        self.command: Command | Packed
        self.known, self.command = shapes.fill(selection, wanted) or self._say(shapes)

    def _say(self, shapes: Shapes) -> tuple[Known, Command]:
        """Say it anew, with the first call; remembered where all of it is said."""
        self.judge = self.planned.late
        if self.judge is not None:  # judged on whole records, and cut afterwards
            self.wanted = "rows"
        said = self._sized() or self._said_in_full
        command = self._call(said, self.limit, self.wanted)
        if self.judge is None and self.planned.wording.like_others:
            shapes.learn(self.selection, self.wanted, said.known, command)
        return said.known, command

    @cached_property
    def planned(self) -> Planned:
        """What it took to say it."""
        return Planned.of(self.keyspace, self.selection)

    def _sized(self) -> Said | None:
        """All that is to be said where the only way is counted by the index itself."""
        planned = self.planned
        alone = self.wanted == "count" and len(planned.accesses) == 1
        return planned.wording.sized(*planned.accesses) if alone else None

    @cached_property
    def _said_in_full(self) -> Said:
        accesses = self.planned.accesses
        walks = [self._walked(each) for each in accesses]
        return self.planned.wording.said(accesses, walks, counts=self.wanted == "count")

    def _walked(self, access: Access) -> bool:
        """Whether an access is walked, and may stop; to be counted, rows need no order."""
        if self.wanted == "count":
            return access.distinct and isinstance(access.source, ByOrdered)
        return access.in_order

    def walks(self, step: Step) -> bool:
        """Whether the script has walked."""
        return self.known.walks[step.way - 1]

    # --- steps ---

    def first(self) -> Flow[Step]:
        """The first step, by the way that the script takes."""
        return self._step(self.known, self.command)

    def beyond(self, step: Step, missing: int = ALL) -> Flow[Step]:
        """What follows a step: the sources that it had picked, from its cursor on."""
        self._said_in_full  # noqa: B018 - numbers the sources
        at = step.picked.index(step.source)
        known = self.planned.wording.sources
        sources = [list(known[number - 1]) for number in step.picked[at:]]
        if step.cursor:
            _MOVE[sources[0][0]](sources[0], step.cursor)
        access = self.planned.accesses[step.way - 1]
        wanted = "keys" if step.keys_only else self.wanted
        said = self._way(access, sources, walks=self._walked(access))
        found = yield from self._step(said.known, self._call(said, missing, wanted))
        return found._replace(way=step.way)  # the script was given this one alone, its first

    def chunk(self, way: int, keys: list[KeyBytes]) -> Flow[Step]:
        """These keys, judged."""
        access = attrs.evolve(self.planned.accesses[way - 1], distinct=True)
        said = self._way(access, [["keys", 0, keys]], walks=False)
        return self._step(said.known, self._call(said, self.limit, self.wanted))

    def _way(self, access: Access, sources: list[Nested], *, walks: bool) -> Said:
        """The way of an access, over other sources."""
        wording = self.planned.wording
        covers = covered_by(wording, access)
        way = way_by(wording, access, covers, ["any", sources], walks=walks)
        return wording.said_by(way)

    def _step(self, known: Known, command: Command | Packed) -> Flow[Step]:
        """One call of the script. Raises SchemaMismatch where the entries are another mapper's."""
        reply = yield from self.ask(known, command)
        if reply[0] == b"few":
            return self._few(*reply[1:])
        kind, way, seen, read, source, cursor, picked, found, records, *cut = reply
        self.seen += seen
        self.read += read
        keys_only = kind == b"keys"
        if kind == b"count":
            return Step(keys_only, way, seen, read, source, cursor, picked, [], found, [])
        rows = [] if keys_only else self._rows(found, records, *cut)
        return Step(keys_only, way, seen, read, source, cursor, picked, found, 0, rows)

    def _few(self, way: int, seen: int, found: Reply, *rows: Reply) -> Step:
        """The only step of a query of few candidates."""
        self.seen += seen
        keys, total = (found, 0) if rows else ([], found)
        made = self._rows(found, *rows) if rows else []
        return Step(False, way, seen, 0, 0, b"", [], keys, total, made)  # noqa: FBT003 - a value

    def plan(self) -> Flow[Reply]:
        """The way that the script would take, and the sizes of all."""
        said = self._said_in_full
        return self.ask(said.known, self._call(said, self.limit, "plan"))

    def ask(self, known: Known, command: Command | Packed) -> Flow[Reply]:
        """The script's reply."""

        def types() -> dict[bytes, str]:
            return dict(zip(keys_of(command), known.types, strict=True))

        def hidden() -> frozenset[Argument]:  # keys, bounds and values are not shown either
            words = command.words[HEAD:] if known.secret else ()
            return frozenset(each for each in words if isinstance(each, bytes))

        batch = Batch("find", self.keyspace.schema, (command,), hidden)
        self.sent += 1
        (reply,) = yield from carry(batch, types)
        if reply[0] == b"schema":
            raise schema_mismatch(self.selection.mapped)
        return reply

    def _call(self, said: Said, missing: int, wanted: str) -> Command:
        """The call of the script for a step, which is told before all else whose rows, how many."""
        cut, page = missing, _rows_at_most(missing)
        if wanted == "fields" and not said.known.names:  # keys alone
            page = 5 * ROWS if missing == ALL else page
        elif wanted != "count":
            if self.judge is not None:
                cut, missing = ALL, 5 * missing
            page = _rows_of_step(missing)
        header: list[Argument] = [
            *head_of(self.selection.mapped, self.keyspace.tag),
            "size" if said.known.sized else wanted,
            _rows_at_most(self.limit),
            _rows_at_most(cut),
            page,
            CANDIDATES,
            WORK,
        ]
        return call(FIND, said.keys, header + said.words)

    def _rows(self, keys: list[KeyBytes], records: list[Reply], cut: Sequence[int] = ()) -> Any:  # noqa: ANN401 - a list of Row, or of BareRow
        """Rows with whole records, or with the fields that are wanted; those that are there."""
        mapped, judge = self.selection.mapped, self.judge
        if self.wanted == "fields":
            rows = self._there(keys, records, cut)
            return rows if self.bare else [(row[0], record_of(row, mapped)) for row in rows]
        joint = [
            (key, joined(reply, mapped, key)) for key, reply in zip(keys, records, strict=True)
        ]
        return [
            (key, record)
            for key, record in joint
            if record is not None and (judge is None or judge(record))
        ]

    def _there(
        self, keys: list[KeyBytes], records: list[Reply], cut: Sequence[int]
    ) -> list[BareRow]:
        """Rows with the values of some fields; None in place of these is a record that is gone."""
        names = self.known.names or ()
        fields = fields_of(names, tuple(cut))
        if not names:
            return [(key, (), fields) for key in keys]
        rows = list(zip(keys, records, repeat(fields)))
        return [row for row in rows if row[1] is not None] if None in records else rows

    def judged_by_entries(self, step: Step) -> bool:
        """Whether keys that a step has gathered need no look at their records."""
        access = self.planned.accesses[step.way - 1]
        if _has_given_keys(access.source):
            return False
        by = access.by
        left = (test for each, test in self.planned.wording.tests if each not in by)
        return self.judge is None and not any(test.must_read for test in left)


def _rows_at_most(count: int) -> Argument:
    """A number of rows as it is told; in a first step, which others may be like, the limit."""
    return ALL if count < 0 else Spelled.by(b"%d" % count, Expression("b'%d' % limit"))


def _rows_of_step(count: int) -> Argument:
    """How many rows of so many, as above, one step may answer."""
    if count < 0:
        return ROWS
    return Spelled.by(b"%d" % min(count, ROWS), Expression(f"b'%d' % min(limit, {ROWS})"))


def _has_given_keys(source: Source) -> bool:
    """Whether it has keys of which nobody knows whether they are stored."""
    if isinstance(source, Either):
        return any(_has_given_keys(access.source) for side in source.sides for access in side)
    return isinstance(source, ByKeys)


@lru_cache(maxsize=1024)
def head_of(mapped: MappedClass, tag: bytes) -> tuple[Argument, ...]:
    """Whose rows are wanted, as the script is told it."""
    records = Keyspace(tag).records(mapped)
    return mapped.name, mapped.fingerprint, records, mapped.key.scalar.tail or "fixed"


def _move_sorted(words: list[Nested], cursor: bytes) -> None:
    """Begin behind a member: words are kind, number, key, low, high, backward, ..."""
    words[4 if words[5] else 3] = b"(" + cursor


def _move_scored(words: list[Nested], cursor: bytes) -> None:
    """The same by score."""
    at, mark = (4, b"=") if words[5] else (3, b">")
    words[at] = mark + cursor


def _move_set(words: list[Nested], cursor: bytes) -> None:
    words[2] = cursor


_MOVE = {"sorted": _move_sorted, "scored": _move_scored, "set": _move_set}


def sort_rows(rows: list[Row], order: Order, mapped: MappedClass) -> None:
    """Put rows in order; by key alone, the keys themselves say it."""
    if not order.by_key_alone:
        rows.sort(key=sort_key(order, mapped))
    elif mapped.key.scalar.tail == "int":
        rows.sort(key=lambda row: int(row[0]), reverse=order.key_descending)
    else:
        rows.sort(key=itemgetter(0), reverse=order.key_descending)


@attrs.frozen
class Finder:
    """Answers the selections of one partition."""

    keyspace: Keyspace
    shapes: Shapes = attrs.field(factory=Shapes)

    def find(self, selection: Selection) -> Flow[list[Row]]:
        """The rows, exactly as `BoundStrategy.find` says."""
        return (yield from self._found(self._search(selection)))

    def find_entities(self, selection: Selection, skip: int) -> Flow[list[Any]]:
        """The entities of a selection, but for the first so many."""
        search, mapped = self._search(selection), selection.mapped
        # Rows that are put in order here must be records, unless it is by key alone.
        ordered = selection.limit is not None or search.known.order.by_key_alone
        search.bare = search.wanted == "fields" and ordered
        rows: list[Any] = (yield from self._found(search))[skip:]
        if search.bare:
            return entities_of_rows(rows, mapped)
        return [mapped.construct(record, key) for key, record in rows]

    def _search(self, selection: Selection, shapes: Shapes | None = None) -> Search:
        wanted = "rows" if selection.fields is None else "fields"
        return Search(self.keyspace, self.shapes if shapes is None else shapes, selection, wanted)

    def _found(self, search: Search) -> Flow[list[Row]]:
        selection = search.selection
        if selection.limit == 0:
            return []
        step = yield from search.first()
        if step.keys_only:
            search.bare = search.bare and search.known.order.by_key_alone
            rows = yield from self._in_chunks(search, step)
        elif search.walks(step):
            return (yield from self._walked(search, step))
        else:
            rows = step.rows
        if selection.limit is None or step.keys_only or search.judge is not None:
            sort_rows(rows, search.known.order, selection.mapped)
        return rows[: selection.limit]

    def _walked(self, search: Search, step: Step) -> Flow[list[Row]]:
        """Rows in the order of the walk, until there are enough."""
        rows, limit = step.rows, search.selection.limit
        while step.source and (limit is None or len(rows) < limit):
            missing = ALL if limit is None else limit - len(rows)
            step = yield from search.beyond(step, missing)
            rows += step.rows
        return rows[:limit]

    def _in_chunks(self, search: Search, step: Step) -> Flow[list[Row]]:
        """The rows under very many keys: by key, only as many of them as are wanted."""
        selection = search.selection
        keys = yield from self._keys(search, step)
        cut = selection.limit is not None
        if selection.order.by_key_alone:
            named: list[Row] = [(key, {}) for key in keys]
            sort_rows(named, selection.order, selection.mapped)
            keys = [key for key, _ in named]
        rows: list[Row] = []
        for start in range(0, len(keys), ROWS):
            if cut and selection.order.by_key_alone and len(rows) >= (selection.limit or 0):
                break
            found = yield from search.chunk(step.way, keys[start : start + ROWS])
            rows += found.rows
        return rows

    def _keys(self, search: Search, step: Step) -> Flow[list[KeyBytes]]:
        """Every key that the picked sources hold, each once."""
        keys = dict.fromkeys(step.keys)
        while step.source:
            step = yield from search.beyond(step)
            keys |= dict.fromkeys(step.keys)
        return list(keys)

    def count(self, selection: Selection) -> Flow[int]:
        """How many rows, without reading them where the entries say it."""
        search = Search(self.keyspace, self.shapes, selection, "count")
        if search.judge is not None or selection.limit == 0:
            return len((yield from self._found(search)))
        step = yield from search.first()
        if step.keys_only:
            keys = yield from self._keys(search, step)
            total = len(keys)
            if not search.judged_by_entries(step):
                total = yield from self._counted_in_chunks(search, step.way, keys)
        else:
            total = (yield from self._counted(search, step)) if step.source else step.total
        return total if selection.limit is None else min(total, selection.limit)

    def _counted(self, search: Search, step: Step) -> Flow[int]:
        total, limit = step.total, search.selection.limit
        while step.source and (limit is None or total < limit):
            step = yield from search.beyond(step, ALL if limit is None else limit - total)
            total += step.total
        return total

    def _counted_in_chunks(self, search: Search, way: int, keys: list[KeyBytes]) -> Flow[int]:
        total, limit = 0, search.selection.limit
        for start in range(0, len(keys), CANDIDATES):
            if limit is not None and total >= limit:
                break
            step = yield from search.chunk(way, keys[start : start + CANDIDATES])
            total += step.total
        return total

    # --- explaining ---

    def explain(self, selection: Selection, *, analyze: bool) -> Flow[Explanation]:
        """What the script would do, and (analyze) what it did."""
        asking = self._search(selection, Shapes())
        _, way, *sizes = yield from asking.plan()
        accesses, wording = asking.planned.accesses, asking.planned.wording
        access = accesses[way - 1]
        uses = [_use(*each) for each in zip(accesses, sizes, strict=True)]
        explanation = Explanation(
            use=uses[way - 1],
            others=tuple(use for at, use in enumerate(uses, 1) if at != way),
            on_server=tuple(repr(each) for each, _ in wording.tests if each not in access.by),
            here=tuple(map(repr, wording.late)),
            order=_order_of(asking, walks=asking.known.walks[way - 1]),
            advice=advice_for(selection, access),
        )
        if not analyze:
            return explanation
        search = self._search(selection)
        rows = yield from self._found(search)
        return attrs.evolve(
            explanation,
            rows=len(rows),
            looked_at=search.seen,
            read=search.read,
            round_trips=search.sent,
            commands=search.sent,
        )


def _order_of(search: Search, *, walks: bool) -> str:
    if walks:
        return "that of the walk"
    if search.limit == ALL or search.judge is not None:
        return "sorted here"
    return "sorted by the server"


def _use(access: Access, size: int) -> Use:
    how, index = _HOW[type(access.source)](access.source)
    return Use(how=how, index=index, bounds=tuple(map(repr, access.by)), estimated=size)


def _by_ordered(source: ByOrdered) -> tuple[str, str | None]:
    way = "walk backward" if source.reverse else "walk"
    if source.index is None:
        return f"{way} the listing of all keys", None
    return way, repr(source.index)


def _by_either(source: Either) -> tuple[str, str | None]:
    names = [_HOW[type(side[0].source)](side[0].source) for side in source.sides]
    return "union of " + " and ".join(index or how for how, index in names), None


_HOW: dict[type[Source], Any] = {
    ByKeys: lambda source: (f"{len(source.keys)} given keys", None),
    ByUnique: lambda source: ("owners in", repr(source.index)),
    ByLookup: lambda source: ("members of", repr(source.index)),
    ByOrdered: _by_ordered,
    Either: _by_either,
}
