"""Index entries as Redis keeps them: a table line and a function for each kind of index.

`Unique` is not here: its values are claims of the plan, which the commit checks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import attrs

from redmapper.mapping.entries import key_tail
from redmapper.mapping.indexes import Index, Lookup, Ordered, Unique
from redmapper.mapping.mapped import KeyBytes, MappedClass, MappedIndex
from redmapper.mapping.ordering import descending
from redmapper.strategies.lua.keys import Keyspace


@attrs.frozen
class Structure:
    """A Redis type that holds entries, and the commands that put one in and take one out."""

    type: str
    add: str
    remove: str


SORTED_SET = Structure("zset", "ZADD", "ZREM")
SET = Structure("set", "SADD", "SREM")
HASH = Structure("hash", "HSET", "HDEL")

Entry: TypeAlias = tuple[bytes, bytes]
"""A Redis key, and the member in it."""


@attrs.frozen
class Placement:
    """Where the entries of one index stand: `place` says it of a value and a key."""

    index: MappedIndex
    structure: Structure
    hidden: bool
    place: Callable[[bytes, KeyBytes], Entry]


@attrs.frozen(eq=False)
class Placements:
    """The placements of a partition's mappers, each worked out once."""

    keyspace: Keyspace
    _known: dict[MappedClass, tuple[Placement, ...]] = attrs.field(factory=dict)

    def of(self, mapped: MappedClass) -> tuple[Placement, ...]:
        """Those of a mapper's indexes, but for its `Unique`s."""
        found = self._known.get(mapped)
        if found is None:
            found = self._known[mapped] = tuple(self._placements(mapped))
        return found

    def _placements(self, mapped: MappedClass) -> list[Placement]:
        return [
            Placement(index, structure, not index.stored.isdisjoint(mapped.hidden), place)
            for index in mapped.indexes.values()
            if type(index.index) in KINDS
            for structure, place in [KINDS[type(index.index)](self.keyspace, mapped, index)]
        ]

    def listed(self, mapped: MappedClass, key: KeyBytes) -> Entry:
        """The entry of a key in the listing of all."""
        return self.keyspace.listing(mapped), key_tail(mapped.key.scalar)(key)


def tail_descends(index: MappedIndex) -> bool:
    """Whether the key at the end of a member descends: it goes as the last field does."""
    return index.index.terms[-1].descending


Kind: TypeAlias = Callable[
    [Keyspace, MappedClass, MappedIndex], tuple[Structure, Callable[[bytes, KeyBytes], Entry]]
]


def _lookup(
    keyspace: Keyspace, mapped: MappedClass, index: MappedIndex
) -> tuple[Structure, Callable[[bytes, KeyBytes], Entry]]:
    head = keyspace.lookup(mapped, index, b"")
    return SET, lambda value, key: (head + value, key)


def _ordered(
    keyspace: Keyspace, mapped: MappedClass, index: MappedIndex
) -> tuple[Structure, Callable[[bytes, KeyBytes], Entry]]:
    at, tail = keyspace.index(mapped, index), key_tail(mapped.key.scalar)
    if tail_descends(index):
        return SORTED_SET, lambda value, key: (at, value + descending(tail(key)))
    return SORTED_SET, lambda value, key: (at, value + tail(key))


KINDS: dict[type[Index], Kind] = {Lookup: _lookup, Ordered: _ordered}
SERVED: frozenset[type[Index]] = frozenset({*KINDS, Unique})
