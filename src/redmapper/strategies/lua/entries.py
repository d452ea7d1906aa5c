"""Where the entries of a mapper's indexes stand in Redis: a table line each kind.

What they are is told for all indexes that a write concerns at once, by generated functions (see
`moves` and `standings`). The entries of a `Unique` are its owners: claims, which the commit checks;
in a commit of many they are the plan's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, TypeAlias, cast

import attrs

from redmapper.mapping.columns import Column, Record
from redmapper.mapping.entries import EntryValues, key_tail, key_tails, raw_of
from redmapper.mapping.indexes import Index, Lookup, Ordered, Unique
from redmapper.mapping.inline import Terms
from redmapper.mapping.mapped import KeyBytes, MappedClass, MappedIndex
from redmapper.mapping.ordering import descending
from redmapper.strategies.lua.keys import Keyspace
from redmapper.strategies.lua.layout import cuttable
from redmapper.strategies.lua.moves import NO_SCORE, Held, Owned, SortedSet, Tell, generate_tell
from redmapper.strategies.lua.receipts import LANE_MINUTES
from redmapper.strategies.lua.scores import Entry, Scores, scores_of
from redmapper.strategies.lua.scripts import COMMIT_ONE
from redmapper.strategies.lua.standings import Standings, generate_standings


@attrs.frozen
class SortedEntries:
    """An `Ordered`, or the listing of all keys: a member of one sorted set for each entity.

    A member is the encoded value, none in the listing, and the key as its tail: see `key_tail`. All
    have the same score.
    """

    scores: ClassVar[None] = None

    key: bytes
    value: Callable[[Record], bytes]
    descends: bool

    def entry(self, record: Record, tail: bytes) -> Entry:
        """The one of one entity."""
        return Entry(self.value(record) + (descending(tail) if self.descends else tail), NO_SCORE)


@attrs.frozen
class ScoredEntries:
    """An `Ordered` over one field of numbers, which are scores: the same, by `scores`."""

    key: bytes
    column: Column
    scores: Scores

    def entry(self, record: Record, tail: bytes) -> Entry:
        """The one of one entity."""
        return self.scores.entry(raw_of(self.column, record), tail)


@attrs.frozen
class SetEntries:
    """A `Lookup`: a set of keys for each value; `one` where each entity has just one."""

    head: bytes
    values: EntryValues
    one: Callable[[Record], bytes] | None


Entries: TypeAlias = "SortedEntries | ScoredEntries | SetEntries"


@attrs.frozen(slots=False)
class Affected:
    """The entries that a write concerns, by the structure that holds them.

    `long` are the fields it writes that may stand in pieces. `tell` tells the call of a write of
    one, which `changes` these fields or comes or goes; `standings` where many entities stand.
    """

    sorted: tuple[SortedEntries | ScoredEntries, ...]
    sets: tuple[SetEntries, ...]
    long: tuple[bytes, ...]
    held: Held
    named: Mapping[str, Any] = attrs.field(repr=False)
    changes: bool

    @cached_property
    def tell(self) -> Tell:
        """Made when it is first asked for: most combinations of changed fields come in one way."""
        return generate_tell(self.held, self.named, changes=self.changes)

    @cached_property
    def standings(self) -> Standings:
        """The same."""
        return generate_standings(self.held)

    @property
    def indexed(self) -> bool:
        """Whether there are any."""
        return bool(self.sorted or self.sets)


def _affected(
    indexes: Sequence[tuple[Terms, Entries]],
    uniques: Iterable[tuple[MappedIndex, bytes]],
    long: Iterable[bytes],
    named: Mapping[str, Any],
    *,
    changes: bool,
) -> Affected:
    zsets = [(terms, each) for terms, each in indexes if not isinstance(each, SetEntries)]
    sets = [(terms, each) for terms, each in indexes if isinstance(each, SetEntries)]
    held = Held(
        sets=[(each.head, terms) for terms, each in sets if each.one],
        several=[(each.head, each.values) for _, each in sets if not each.one],
        sorted=[SortedSet(each.key, terms, each.scores) for terms, each in zsets],
        owned=[
            Owned(key, unique.terms, isinstance(unique.index, Unique) and unique.index.nulls)
            for unique, key in uniques
        ],
    )
    return Affected(
        sorted=tuple(each for _, each in zsets),
        sets=tuple(each for _, each in sets),
        long=tuple(long),
        held=held,
        named=named,
        changes=changes,
    )


MOST_SHAPES = 1_000
"""Combinations of changed fields that a mapper's places are remembered for."""


@attrs.frozen(eq=False)
class MapperPlaces:
    """Where everything of a mapper stands, each key spelled once.

    `records` is what the keys of its records begin with, `tail` makes what members of sorted sets
    end with, of a key, and `tails` of many; `uniques` are the hashes of owners, `all` the entries
    that come and go with an entity.
    """

    records: bytes
    tail: Callable[[KeyBytes], bytes]
    tails: Callable[[Iterable[KeyBytes]], list[bytes]]
    listing: bytes
    sequence: bytes
    uniques: dict[MappedIndex, bytes]
    indexes: tuple[tuple[MappedIndex, Entries], ...]
    all: Affected
    _affected: dict[tuple[bytes, ...], Affected] = attrs.field(factory=dict)

    def affected(self, names: tuple[bytes, ...]) -> Affected:
        """The entries that a change of these fields concerns."""
        found = self._affected.get(names)
        if found is None:
            if len(self._affected) >= MOST_SHAPES:
                self._affected.clear()
            concerned = [
                (index.terms, each)
                for index, each in self.indexes
                if not index.stored.isdisjoint(names)
            ]
            owned = [pair for pair in self.uniques.items() if not pair[0].stored.isdisjoint(names)]
            long = [name for name in self.all.long if name in names]
            found = _affected(concerned, owned, long, self.all.named, changes=True)
            self._affected[names] = found
        return found


def _no_value(_: Record) -> bytes:
    return b""


def _places(keyspace: Keyspace, mapped: MappedClass) -> MapperPlaces:
    listing, sequence = keyspace.listing(mapped), keyspace.sequence(mapped)
    records, tail = keyspace.records(mapped), key_tail(mapped.key.scalar)
    uniques = {index: keyspace.index(mapped, index) for index in mapped.uniques}
    indexes = tuple(
        (index, KINDS[type(index.index)](keyspace, mapped, index))
        for index in mapped.indexes.values()
        if type(index.index) in KINDS
    )
    listed = SortedEntries(listing, _no_value, descends=False)
    named = {
        "SCRIPT": COMMIT_ONE,
        "SCHEMA": keyspace.schema,
        "LISTING": listing,
        "SEQUENCE": sequence,
        "RECORDS": records,
        "NAMED": (b"%d" % LANE_MINUTES, mapped.name.encode(), mapped.fingerprint.encode()),
        "tail_of": tail,
    }
    every = [((), listed), *((index.terms, each) for index, each in indexes)]
    return MapperPlaces(
        records=records,
        tail=tail,
        tails=key_tails(mapped.key.scalar),
        listing=listing,
        sequence=sequence,
        uniques=uniques,
        indexes=indexes,
        all=_affected(every, uniques.items(), cuttable(mapped), named, changes=False),
    )


@attrs.frozen(eq=False)
class Places:
    """The places of a partition's mappers, each worked out once."""

    keyspace: Keyspace
    _known: dict[MappedClass, MapperPlaces] = attrs.field(factory=dict)

    def of(self, mapped: MappedClass) -> MapperPlaces:
        """Where everything of a mapper stands."""
        found = self._known.get(mapped)
        if found is None:
            found = self._known[mapped] = _places(self.keyspace, mapped)
        return found


def tail_descends(index: MappedIndex) -> bool:
    """Whether the key at the end of a member descends: it goes as the last field does."""
    return index.index.terms[-1].descending


Kind: TypeAlias = Callable[[Keyspace, MappedClass, MappedIndex], Entries]


def _lookup(keyspace: Keyspace, mapped: MappedClass, index: MappedIndex) -> Entries:
    alone = all(column.kind.elements is None for column in index.columns)
    one = cast("Callable[[Record], bytes]", index.one) if alone else None
    return SetEntries(keyspace.lookup(mapped, index, b""), index.values, one)


def _ordered(keyspace: Keyspace, mapped: MappedClass, index: MappedIndex) -> Entries:
    value = cast("Callable[[Record], bytes]", index.one)  # every entity has one
    key, scores = keyspace.index(mapped, index), scores_of(index, mapped.key.scalar)
    if scores is not None:
        return ScoredEntries(key, index.columns[0], scores)
    return SortedEntries(key, value, tail_descends(index))


KINDS: dict[type[Index], Kind] = {Lookup: _lookup, Ordered: _ordered}
SERVED: frozenset[type[Index]] = frozenset({*KINDS, Unique})
