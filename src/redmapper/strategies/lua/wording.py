"""A selection in the words of `find.lua`: columns, tests, an order, and ways to the entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any

import attrs

from redmapper.mapping.columns import Column
from redmapper.mapping.indexes import Lookup
from redmapper.mapping.mapped import MappedClass, MappedIndex
from redmapper.mapping.predicates import Predicate
from redmapper.query.planner import (
    Access,
    ByKeys,
    ByLookup,
    ByOrdered,
    ByUnique,
    Either,
    conditions_of,
)
from redmapper.query.selection import Selection
from redmapper.strategies.lua.conditions import FREE, READ, SCORED, TESTS, Late, Test, Words
from redmapper.strategies.lua.entries import tail_descends
from redmapper.strategies.lua.keys import Keyspace
from redmapper.strategies.lua.layout import cuttable
from redmapper.strategies.lua.packing import packed_terms
from redmapper.strategies.lua.ranges import NOWHERE, Ends, cuts_between, cuts_of, ranges_of
from redmapper.strategies.lua.scores import (
    Scores,
    between_members,
    scored_by,
    scores_of,
)
from redmapper.strategies.lua.shapes import Literal, Make, Said, Spelled
from redmapper.wire import Argument

_SCORES = 3
"""Where the words of a column name the sorted set whose scores it has."""

BARE = 3
"""What the script pays for a candidate that no test looks at, in units of half a microsecond."""

RUN = 4_000
"""Values of one command at most: Lua's `unpack` fails at 8,000."""

KINDS = {
    "text": "bytes",
    "bytes": "bytes",
    "date": "bytes",
    "uuid": "bytes",
    "bool": "bytes",
    "int": "int",
    "timedelta": "int",
    "float": "float",
    "decimal": "decimal",
    "datetime": "time",
    "time": "time",
}
"""The comparator of the script for each kind of scalar."""


@lru_cache
def _lookups(mapped: MappedClass) -> dict[str, MappedIndex]:
    """The `Lookup` over each column that has one to itself."""
    return {
        index.columns[0].name: index
        for index in mapped.indexes.values()
        if isinstance(index.index, Lookup) and len(index.columns) == 1
    }


@attrs.define
class Wording:
    """One selection as it is told to the script; the keys that it names, with their types.

    `like_others`: with other literals it would be told in the same way.
    """

    keyspace: Keyspace
    selection: Selection
    keys: dict[bytes, str] = attrs.field(factory=dict)
    secret: bool = False
    late: list[Predicate] = attrs.field(factory=list)
    like_others: bool = True
    tests: list[tuple[Predicate, Test]] = attrs.field(factory=list)
    sources: list[Words] = attrs.field(factory=list)
    _places: dict[bytes, int] = attrs.field(factory=dict)
    _names: dict[bytes, int] = attrs.field(factory=dict)
    _columns: dict[str, tuple[int, Words]] = attrs.field(factory=dict)
    _positions: dict[int, int] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        mapped = self.selection.mapped
        self.key(self.keyspace.schema, "hash")
        self.key(self.keyspace.listing(mapped), "zset")
        judged: list[tuple[Predicate, Test]] = []
        for position, condition in enumerate(conditions_of(self.selection.where)):
            self._positions[id(condition)] = position
            try:
                judged.append((condition, self.test(condition)))
            except Late:
                self.late.append(condition)
        self.tests = sorted(judged, key=lambda each: each[1].price)

    @property
    def mapped(self) -> MappedClass:
        """The mapped class that is asked for."""
        return self.selection.mapped

    def key(self, key: bytes, kind: str) -> int:
        """Where a key stands among those declared; it is declared by this."""
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self._places) + 1
            self.keys[key] = kind
        return place

    def column_to_test(self, column: Column, *, by_cuts: bool = False) -> tuple[int, int]:
        """The number of a column that a test is about, and the price of the test.

        Where the numbers are scores of a sorted set, the column is told by which; unless the test
        is not said by cuts, and needs the numbers as records spell them.
        """
        number, index = self.column(column), scored_by(column, self.mapped)
        scores = scores_of(index, self.mapped.key.scalar) if index is not None else None
        if index is None or scores is None or not (by_cuts or scores.as_stored):
            return number, READ
        said = self._columns[column.name][1]
        said[_SCORES] = self.key(self.keyspace.index(self.mapped, index), "zset")
        return number, SCORED

    def scored(self, column: Column) -> bool:
        """Whether the values of a column are scores of a sorted set."""
        return scored_by(column, self.mapped) is not None

    def cuts(self, predicate: Predicate, column: Column) -> Ends | None:
        """The cuts between which a condition has the scores of a column; None if it has no such."""
        index, spans = scored_by(column, self.mapped), self.selection.spans(predicate, column)
        scores = scores_of(index, self.mapped.key.scalar) if index is not None else None
        if scores is None or spans is None or len(spans) != 1:
            return None
        (ends,) = cuts_between(spans, scores, self._positions_of([predicate]))
        return ends

    def column(self, column: Column) -> int:
        """The number of a column."""
        known = self._columns.get(column.name)
        if known is None:
            self.secret = self.secret or column.hidden
            kind = KINDS[column.kind.scalar.name] if column.kind.scalar else "bytes"
            place = shadow = 0
            if column is not self.mapped.key.attribute.column:
                place = self._name(column.stored)
                shadow = self._name(column.shadow) if column.norm else 0
            known = self._columns[column.name] = (len(self._columns) + 1, [kind, place, shadow, 0])
        return known[0]

    def _name(self, name: bytes) -> int:
        return self._names.setdefault(name, len(self._names) + 1)

    # --- tests ---

    def test(self, predicate: Predicate) -> Test:
        """A condition as a test. Raises Late."""
        return TESTS[type(predicate)](self, predicate)

    def several(self, word: str, parts: Iterable[Predicate]) -> Test:
        """Tests that must hold together, or one of which must."""
        tests = sorted(map(self.test, parts), key=lambda each: each.price)
        words: Words = [word, len(tests)]
        for test in tests:
            words += test.words
        return Test(words, max([test.price for test in tests], default=FREE))

    def probe(self, index: MappedIndex, values: Sequence[bytes], *by: Predicate) -> Test:
        """Whether the key is in the set of one of these values; `by` says the only one."""
        self._note(index)
        sets = tuple(self.key(self._lookup(index, value, by), "set") for value in values)
        return Test(["probe", len(sets), *sets], FREE, sets if len(sets) == 1 else ())

    def lookup_of(self, column: Column) -> MappedIndex | None:
        """The `Lookup` over this column alone."""
        return _lookups(self.mapped).get(column.name)

    # --- words that literals have a say in: how to make them again ---

    def spelled(
        self, word: bytes, by: Predicate, make: Callable[[int, Sequence[Literal]], bytes]
    ) -> bytes:
        """A word made of one condition's literals; `make` is told which these are."""
        (position,) = self._positions_of([by])
        if position == NOWHERE:
            return word
        return Spelled.by(word, partial(make, position))

    def _lookup(self, index: MappedIndex, value: bytes, by: Sequence[Predicate]) -> bytes:
        """Where the keys stand that have a value, which these conditions name."""
        key = self.keyspace.lookup(self.mapped, index, value)
        head = key.removesuffix(value)
        return Spelled.by(key, self._joined(head, by))

    def _joined(self, head: bytes, by: Sequence[Predicate]) -> Make | None:
        """What makes an encoded value of the literals of these conditions, a field each."""
        positions = self._positions_of(by)
        if not positions or NOWHERE in positions:
            return None
        if len(positions) == 1:
            (only,) = positions
            return lambda literals: head + literals[only].low
        return lambda literals: head + b"".join([literals[at].low for at in positions])

    def _positions_of(self, by: Iterable[Predicate]) -> list[int]:
        """Where these conditions stand among all."""
        return [self._positions.get(id(each), NOWHERE) for each in by]

    def _note(self, index: MappedIndex) -> None:
        self.secret = self.secret or not index.stored.isdisjoint(self.mapped.hidden)

    # --- ways ---

    def way(self, access: Access, walks: bool) -> Words:  # noqa: FBT001 - as the planner has it
        """A way to the rows; sets that must all have a key are met at once."""
        covers = [at for at, (each, _) in enumerate(self.tests, start=1) if each in access.by]
        others: list[int] = []
        if isinstance(access.source, ByLookup):
            for at, (_, test) in enumerate(self.tests, start=1):
                if test.sets and at not in covers:
                    others += test.sets
                    covers.append(at)
        return self.way_by(access, covers, self._path(access, others), walks=walks)

    def way_by(self, access: Access, covers: Sequence[int], path: Words, *, walks: bool) -> Words:
        """A way that makes these tests needless."""
        left = (test for at, (_, test) in enumerate(self.tests, start=1) if at not in covers)
        price = BARE + max([test.price for test in left], default=FREE)
        return [int(walks), int(access.distinct), price, len(covers), *covers, *path]

    def _path(self, access: Access, others: Sequence[int] = ()) -> Words:
        source = access.source
        if isinstance(source, Either):
            sides = [
                _together("least", [self._path(each) for each in side]) for side in source.sides
            ]
            return _together("any", sides)
        return _together("any", list(_SOURCES[type(source)](self, source, access.by, others)))

    def source(self, *words: Argument) -> Words:
        """A source, with the number it goes by."""
        said = [words[0], len(self.sources) + 1, *words[1:]]
        self.sources.append(said)
        return said

    def sorted(self, source: ByOrdered, by: Sequence[Predicate], _: object) -> Iterable[Words]:
        """Ranges of a sorted set, in the order of the walk."""
        index, mapped = source.index, self.mapped
        if index is None:
            at = self.key(self.keyspace.listing(mapped), "zset")
            return self._by_members(source, at, by, descends=False)
        self._note(index)
        at = self.key(self.keyspace.index(mapped, index), "zset")
        scores = scores_of(index, mapped.key.scalar)
        if scores is not None:
            return self._by_scores(source, at, by, scores)
        widths = [
            (column.kind.scalar.width if column.kind.scalar else 0) or -term.descending
            for term, column in zip(index.index.terms, index.columns, strict=True)
        ]
        return self._by_members(source, at, by, *widths, descends=tail_descends(index))

    def _by_members(
        self, source: ByOrdered, at: int, by: Sequence[Predicate], *widths: int, descends: bool
    ) -> Iterator[Words]:
        """By what members begin with, their fields having these widths."""
        for bounds in ranges_of(source, self._positions_of(by)):
            ends = *bounds, int(source.reverse), int(descends)
            yield self.source("sorted", at, *ends, len(widths), *widths)

    def _by_scores(
        self, source: ByOrdered, at: int, by: Sequence[Predicate], scores: Scores
    ) -> Iterator[Words]:
        """By the scores, which ascend whatever the index was declared to do."""
        index: Any = source.index
        reverse = source.reverse != tail_descends(index)
        for low, high in cuts_of(source, scores, self._positions_of(by), reverse=reverse):
            yield self.source("scored", at, low, high, int(reverse), 1, scores.kind.width)

    def members(
        self, source: ByLookup, by: Sequence[Predicate], others: Sequence[int]
    ) -> Iterable[Words]:
        """The sets of values."""
        self._note(source.index)
        for value in source.values:
            key = self._lookup(source.index, value, by if len(source.values) == 1 else ())
            yield self.source("set", b"0", 1 + len(others), self.key(key, "set"), *others)

    def owners(self, source: ByUnique, by: Sequence[Predicate], _: object) -> Iterable[Words]:
        """Values of a hash, in runs."""
        self._note(source.index)
        at = self.key(self.keyspace.index(self.mapped, source.index), "hash")
        if len(source.values) == 1:
            owned = Spelled.by(source.values[0], self._joined(b"", by))
            yield self.source("owners", at, 1, owned)
            return
        for start in range(0, len(source.values), RUN):
            run = source.values[start : start + RUN]
            yield self.source("owners", at, len(run), *run)

    def named(self, source: ByKeys, _: object, __: object) -> Iterable[Words]:
        """The keys themselves."""
        yield self.source("keys", len(source.keys), *source.keys)

    # --- all of it ---

    def told(self) -> Words:
        """What is the same in every step: from the stored names to the fields wanted."""
        selection = self.selection
        terms: Words = [len(selection.order.terms)]
        for column, down in selection.order.terms:
            terms += [self.column(column), int(down)]
        terms.append(int(selection.order.key_descending))
        tests: Words = [len(self.tests)]
        for _, test in self.tests:
            tests += [int(test.must_read), *test.words]
        words: Words = [len(self._names), *self._names, len(self._columns)]
        for _, said in self._columns.values():
            words += said
        words += [*tests, *terms, *self._start()]
        for listed in (sorted(selection.without), selection.names or ()):
            words += [len(listed), *listed]
        return words + self._long()

    def _long(self) -> Words:
        """Which of the fields wanted may go on in further ones."""
        may = cuttable(self.mapped)
        long = [at for at, name in enumerate(self.selection.names or (), 1) if name in may]
        return [len(long), *long]

    def said(self, accesses: Sequence[Access], walks: Sequence[bool]) -> Said:
        """All of it, with every way."""
        ways = [self.way(*each) for each in zip(accesses, walks, strict=True)]
        return self.said_by(ways, tuple(walks))

    def sized(self, access: Access) -> Said | None:
        """How the sizes of an access's sources say how many rows there are; None if they do not."""
        source = access.source
        judged = any(each not in access.by for each, _ in self.tests)
        if judged or not access.distinct or self.late or self.selection.without:
            return None
        if not isinstance(source, (ByOrdered, ByLookup)):
            return None
        sources = list(_SOURCES[type(source)](self, source, access.by, ()))
        words: Words = []
        for kind, _, *said in sources:
            at, *ends = (said[2], b"", b"") if kind == "set" else said[:3]
            if any(map(between_members, ends)):
                self.like_others = False
                return None
            words += [_COUNTED[str(kind)], at, *ends]
        return self._said(words, (False,))._replace(sized=True)

    def said_by(self, ways: Sequence[Words], walks: tuple[bool, ...] = ()) -> Said:
        """All of it, with these ways."""
        words = [*self.told(), len(ways), *(word for way in ways for word in way)]
        return self._said(parted(words), walks)

    def _said(self, words: Words, walks: tuple[bool, ...]) -> Said:
        """These words, the keys that they name, and what is to be known of the rows."""
        types, secret = tuple(self.keys.values()), self.secret or self.mapped.hides_key
        order, names = self.selection.order, self.selection.names
        return Said(list(self.keys), types, words, walks, secret, order, names)

    def _start(self) -> Words:
        after = self.selection.after
        if after is None:
            return [0]
        words: Words = [1, _GREATEST if after.key is None else after.key]
        for value in after.values:
            words += [0] if value is None else [1, value]
        return words


def parted(words: Words) -> Words:
    """The same, as the script takes it: all that is no bytes packed in one word, then the bytes.

    Queries of one shape differ in the bytes alone.
    """
    terms = [word for word in words if not isinstance(word, bytes)]
    return [packed_terms(terms), *[word for word in words if isinstance(word, bytes)]]


_COUNTED = {"sorted": "ZLEXCOUNT", "scored": "ZCOUNT", "set": "SCARD"}
"""What counts the entries of each kind of source."""

_GREATEST = b"9" * 200
"""Above every integer key: where an object stands that waits for its number."""


def _together(word: str, paths: list[Words]) -> Words:
    if len(paths) == 1:
        return paths[0]
    return [word, len(paths), *(each for path in paths for each in path)]


_SOURCES: dict[type, Callable[[Wording, Any, Any, Any], Iterable[Words]]] = {
    ByOrdered: Wording.sorted,
    ByLookup: Wording.members,
    ByUnique: Wording.owners,
    ByKeys: Wording.named,
}
