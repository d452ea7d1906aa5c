"""A selection in the words of `find.lua`: columns, tests, an order, and ways to the entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import attrs

from redmapper.mapping.columns import Column
from redmapper.mapping.indexes import Lookup
from redmapper.mapping.mapped import MappedClass, MappedIndex
from redmapper.mapping.predicates import Predicate
from redmapper.query.planner import (
    Access,
    ByLookup,
    ByOrdered,
    conditions_of,
)
from redmapper.query.selection import Selection
from redmapper.strategies.lua.conditions import FREE, READ, SCORED, TESTS, Late, Test, Words
from redmapper.strategies.lua.keys import Keyspace
from redmapper.strategies.lua.layout import cuttable
from redmapper.strategies.lua.literals import Expression, Spelled
from redmapper.strategies.lua.packing import packed_terms
from redmapper.strategies.lua.ranges import NOWHERE, Ends, cuts_between
from redmapper.strategies.lua.scores import Scores, between_members, scored_by, scores_of
from redmapper.strategies.lua.shapes import Known, Said
from redmapper.strategies.lua.ways import Nested, Way, sorts_of, sources_of, told_of, way_of

_SCORES = 3
"""Where the words of a column name the sorted set whose scores it has."""

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
    sources: list[Nested] = attrs.field(factory=list)
    _places: dict[bytes, int] = attrs.field(factory=dict)
    _names: dict[bytes, int] = attrs.field(factory=dict)
    _columns: dict[str, tuple[int, Words]] = attrs.field(factory=dict)
    _cuts: dict[int, Ends] = attrs.field(factory=dict)
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

    def scores_of(self, column: Column) -> int:
        """Where the key of the sorted set stands whose scores a column has; 0 if there is none."""
        index = scored_by(column, self.mapped)
        if index is None:
            return 0
        return self.key(self.keyspace.index(self.mapped, index), "zset")

    def column_to_test(self, column: Column, *, by_cuts: bool = False) -> tuple[int, int]:
        """The number of a column that a test is about, and the price of the test.

        Where its values are scores of a sorted set, the column is told by which; unless the test is
        not said by cuts, and needs the values as records spell them.
        """
        number, scores = self.column(column), self._scores(column)
        if scores is None or not (by_cuts or scores.as_stored):
            return number, READ
        self._columns[column.name][1][_SCORES] = self.scores_of(column)
        return number, SCORED

    def scored(self, column: Column) -> bool:
        """Whether the values of a column are scores of a sorted set."""
        return scored_by(column, self.mapped) is not None

    def _scores(self, column: Column) -> Scores | None:
        """How they are."""
        index = scored_by(column, self.mapped)
        return None if index is None else scores_of(index, self.mapped.key.scalar)

    def cuts(self, predicate: Predicate, column: Column) -> Ends | None:
        """The cuts between which a condition has the scores of a column; None if it has no such.

        They are the same words wherever they are needed.
        """
        known = self._cuts.get(id(predicate))
        if known is None:
            scores, spans = self._scores(column), self.selection.spans(predicate, column)
            if scores is None or spans is None or len(spans) != 1:
                return None
            (known,) = cuts_between(spans, scores, self.positions_of([predicate]))
            self._cuts[id(predicate)] = known
        return known

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
        self.note(index)
        sets = tuple(self.key(self.lookup(index, value, by), "set") for value in values)
        alone = sets if len(sets) == 1 else ()
        return Test(["probe", len(sets), *sets], FREE, alone, alone)

    def lookup_of(self, column: Column) -> MappedIndex | None:
        """The `Lookup` over this column alone."""
        return _lookups(self.mapped).get(column.name)

    # --- words that literals have a say in: how to make them again ---

    def spelled(self, word: bytes, by: Predicate, made: Callable[[int], Expression]) -> bytes:
        """A word made of one condition's literals; `made` is told which these are."""
        (position,) = self.positions_of([by])
        if position == NOWHERE:
            return word
        return Spelled.by(word, made(position))

    def lookup(self, index: MappedIndex, value: bytes, by: Sequence[Predicate]) -> bytes:
        """The set of those that have a value, which these conditions name."""
        key = self.keyspace.lookup(self.mapped, index, value)
        head = key.removesuffix(value)
        return Spelled.by(key, self._joined(head, by))

    def encoded(self, value: bytes, by: Sequence[Predicate]) -> bytes:
        """An encoded value of an index, which these conditions name."""
        return Spelled.by(value, self._joined(b"", by))

    def _joined(self, head: bytes, by: Sequence[Predicate]) -> Expression | None:
        """How an encoded value is made of the literals of these conditions, a field each."""
        positions = self.positions_of(by)
        if not positions or NOWHERE in positions:
            return None
        value = Expression(" + ".join([f"low_{at}" for at in positions]))
        return value.behind(head) if head else value

    def positions_of(self, by: Iterable[Predicate]) -> list[int]:
        """Where these conditions stand among all."""
        return [self._positions.get(id(each), NOWHERE) for each in by]

    def note(self, index: MappedIndex) -> None:
        """Remember whether an index that is asked has hidden values."""
        self.secret = self.secret or not index.stored.isdisjoint(self.mapped.hidden)

    def source(self, kind: str, *words: Nested) -> Nested:
        """A source of the entries of a way, with the number it goes by."""
        said = [kind, len(self.sources) + 1, *words]
        self.sources.append(said)
        return said

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
        without = sorted(selection.without)
        return [*words, len(without), *without, *(selection.names or ())]

    def long(self) -> list[int]:
        """Which of the fields wanted may go on in further ones."""
        may = cuttable(self.mapped)
        return [at for at, name in enumerate(self.selection.names or (), 1) if name in may]

    def said(self, accesses: Sequence[Access], walks: Sequence[bool], *, counts: bool) -> Said:
        """All of it, with every way. `counts`: rows are counted, not read."""
        sorts = sorts_of(self, counts=counts)
        each = zip(accesses, walks, strict=True)
        ways = [way_of(self, access, walks=walked, sorts=sorts) for access, walked in each]
        return self._said(self._words(ways), tuple(walks))

    def sized(self, access: Access) -> Said | None:
        """How the sizes of an access's sources say how many rows there are; None if they do not."""
        source = access.source
        judged = any(each not in access.by for each, _ in self.tests)
        if judged or not access.distinct or self.late or self.selection.without:
            return None
        if not isinstance(source, (ByOrdered, ByLookup)):
            return None
        words: Words = []
        for kind, _, *said in sources_of(self, access):
            at, *ends = (said[1][0], b"", b"") if kind == "set" else said[:3]
            if any(map(between_members, ends)):
                self.like_others = False
                return None
            words += [_COUNTED[kind], at, *ends]
        return self._said(words, (False,), sized=True)

    def said_by(self, way: Way) -> Said:
        """All of it, with this way alone."""
        return self._said(self._words([way]), ())

    def _words(self, ways: Sequence[Way]) -> Words:
        """As the script takes it: all that is no bytes in two words, then the bytes.

        Queries of one shape differ in the bytes alone.
        """
        told = self.told()
        terms = [word for word in told if not isinstance(word, bytes)]
        return [packed_terms(terms), *told_of(self, ways, told)]

    def _said(self, words: Words, walks: tuple[bool, ...], *, sized: bool = False) -> Said:
        """These words, the keys that they name, and what is to be known of the rows."""
        types, secret = tuple(self.keys.values()), self.secret or self.mapped.hides_key
        order, names = self.selection.order, self.selection.names
        return Said(list(self.keys), words, Known(types, walks, secret, order, names, sized))

    def _start(self) -> Words:
        after = self.selection.after
        if after is None:
            return [0]
        words: Words = [1, _GREATEST if after.key is None else after.key]
        for value in after.values:
            words += [0] if value is None else [1, value]
        return words


_COUNTED = {"sorted": "ZLEXCOUNT", "scored": "ZCOUNT", "set": "SCARD"}
"""What counts the entries of each kind of source."""

_GREATEST = b"9" * 200
"""Above every integer key: where an object stands that waits for its number."""
