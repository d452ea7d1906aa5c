"""The only place that spells a key.

Everything of one partition has one hash tag, so it lives in one slot of a Cluster:

    {shop}:User:7            the record of the entity 7: a hash
    {shop}:User              the listing: a sorted set of all keys, in their order
    {shop}:User/by_email     an index: a hash (Unique) or a sorted set (Ordered)
    {shop}:User/by_city/...  one value of a Lookup: a set of keys
    {shop}#sequence/User     the last number given to a User
    {shop}#schema            what the partition was written with: a hash
    {shop}#nothing           nothing, ever
    {shop}#lane/kX3...       the receipt of the last commit of a lane: a string

A storage name holds neither `:` nor `/` nor `#`, so no two of these can ever be the same.
"""

from __future__ import annotations

import attrs

from redmapper.mapping.mapped import KeyBytes, MappedClass, MappedIndex
from redmapper.work.strategy import Place


def _spelled(name: str, special: str) -> bytes:
    """A namespace or partition with these characters escaped, `%` itself among them."""
    return "".join(f"%{ord(c):02X}" if c in special else c for c in name).encode()


@attrs.frozen
class Keyspace:
    """The keys of one partition.

    `schema` is where its schema stands, and at `nothing` nothing ever does: an intersection of sets
    with it is empty.
    """

    tag: bytes
    schema: bytes = attrs.field(
        init=False, default=attrs.Factory(lambda self: self.tag + b"#schema", takes_self=True)
    )
    nothing: bytes = attrs.field(
        init=False, default=attrs.Factory(lambda self: self.tag + b"#nothing", takes_self=True)
    )

    @classmethod
    def of(cls, place: Place) -> Keyspace:
        """The keyspace of a namespace and a partition.

        What would break the hash tag, or make two places one, is written as in a URL: `{` as `%7B`.
        """
        tag = _spelled(place.namespace, "%{}:")
        if place.partition is not None:
            tag += b":" + _spelled(place.partition, "%{}")
        return cls(b"{" + tag + b"}")

    def record(self, mapped: MappedClass, key: KeyBytes) -> bytes:
        """Where an entity stands."""
        return self.records(mapped) + key

    def records(self, mapped: MappedClass) -> bytes:
        """What the keys of all records of a mapper begin with."""
        return b"%b:%b:" % (self.tag, mapped.name.encode())

    def listing(self, mapped: MappedClass) -> bytes:
        """Where all keys of a mapper are listed."""
        return b"%b:%b" % (self.tag, mapped.name.encode())

    def index(self, mapped: MappedClass, index: MappedIndex) -> bytes:
        """Where an index stands."""
        return b"%b:%b/%b" % (self.tag, mapped.name.encode(), index.name.encode())

    def lookup(self, mapped: MappedClass, index: MappedIndex, value: bytes) -> bytes:
        """The set of those that have a value in a `Lookup`."""
        return b"%b/%b" % (self.index(mapped, index), value)

    def sequence(self, mapped: MappedClass) -> bytes:
        """Where the last number of a mapper stands."""
        return b"%b#sequence/%b" % (self.tag, mapped.name.encode())

    def lane(self, lane: str) -> bytes:
        """Where the receipts of a lane stand."""
        return b"%b#lane/%b" % (self.tag, lane.encode())
