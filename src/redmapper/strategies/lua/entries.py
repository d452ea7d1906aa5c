"""Index entries as Redis keeps them: a table line and a function for each kind of index.

`Unique` is not here: its values are claims of the plan, which the commit checks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs

from redmapper.mapping.columns import Record
from redmapper.mapping.entries import key_tail
from redmapper.mapping.indexes import Index, Lookup, Ordered, Unique
from redmapper.mapping.mapped import KeyBytes, MappedClass, MappedIndex
from redmapper.mapping.ordering import descending
from redmapper.strategies.lua.keys import Keyspace


@attrs.frozen
class Structure:
    """A Redis type that holds entries: the commands that put one in and take one out."""

    type: str
    add: str
    remove: str


SORTED_SET = Structure("zset", "ZADD", "ZREM")
SET = Structure("set", "SADD", "SREM")
HASH = Structure("hash", "HSET", "HDEL")


@attrs.frozen
class Entry:
    """A place where an entity stands: a Redis key, its structure, and the member in it."""

    at: bytes
    structure: Structure
    member: bytes


Place = Callable[[Keyspace, MappedClass, MappedIndex, bytes, KeyBytes], Entry]


def entries(
    keys: Keyspace, mapped: MappedClass, index: MappedIndex, record: Record, key: KeyBytes
) -> Iterator[Entry]:
    """The entries of a record in an index."""
    place = PLACES.get(type(index.index))
    if place is not None:
        for value in index.values(record):
            yield place(keys, mapped, index, value, key)


def listed(keys: Keyspace, mapped: MappedClass, key: KeyBytes) -> Entry:
    """The entry of a key in the listing of all."""
    return Entry(keys.listing(mapped), SORTED_SET, key_tail(mapped.key.scalar)(key))


def tail_descends(index: MappedIndex) -> bool:
    """Whether the key at the end of a member descends: it goes as the last field does."""
    return index.index.terms[-1].descending


def _in_lookup(
    keys: Keyspace, mapped: MappedClass, index: MappedIndex, value: bytes, key: KeyBytes
) -> Entry:
    return Entry(keys.lookup(mapped, index, value), SET, key)


def _in_ordered(
    keys: Keyspace, mapped: MappedClass, index: MappedIndex, value: bytes, key: KeyBytes
) -> Entry:
    tail = key_tail(mapped.key.scalar)(key)
    member = value + (descending(tail) if tail_descends(index) else tail)
    return Entry(keys.index(mapped, index), SORTED_SET, member)


PLACES: dict[type[Index], Place] = {Lookup: _in_lookup, Ordered: _in_ordered}
SERVED: frozenset[type[Index]] = frozenset({*PLACES, Unique})
