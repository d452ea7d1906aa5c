"""What the unit of work asks of an index strategy: a protocol, and its contract in words.

A strategy keeps records and their index entries somewhere, and answers selections. Whoever writes
one satisfies `IndexStrategy`, without inheriting from it, and runs `redmapper.testing`'s
conformance suite. The contract:

- *Flows.* Every method that may need a server is a flow (see `wire`). One that never yields works
  without a server.
- *Records* are whole: field name -> stored bytes, the version under `VERSION`, and the key under
  its own field's name. Field names that the mapper does not know come back as they are.
- *commit* is atomic: all checks of the plan before its first write, then every write or none; every
  check that fails is reported, not only the first. It may be called again with the same plan after
  a lost reply, so it must know a commit it has done already.
- *find* and *count* write nothing. They see whole commits, never half of one; but an answer put
  together in several steps is no snapshot of all. Rows come in the order of the selection, ties by
  key, from behind `after` on, exactly `limit` of them where there are so many, and none of the keys
  in `without`. Of a record `names` must be there, more may be. Before it answers, a strategy calls
  `query.planner.plan_access`, which refuses what no index serves: the same queries are refused
  everywhere.
- *Entities.* Where nobody needs the records, a strategy may make the entities itself, from whatever
  form it has read: it has the two methods of `MakesEntities`. Without them the unit of work makes
  them of records, and nothing else differs.
- *One write.* Most commits are one write that nobody else can contradict; a strategy may take it
  without a plan: it has the method of `WritesOne`, and answers as `commit` would. Who overrides
  the one overrides the other.
- *Capabilities* are asked, never names: nobody above needs to know which strategy it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

import attrs

from redmapper.errors import MappingError
from redmapper.mapping.columns import Record
from redmapper.mapping.indexes import Index
from redmapper.mapping.mapped import KeyBytes, MappedClass, MappedIndex
from redmapper.mapping.registry import MapperRegistry
from redmapper.query.explain import Explanation
from redmapper.query.selection import Row, Selection
from redmapper.wire import Flow
from redmapper.work.plan import EntityWrite, FlushPlan, Refusal


@attrs.frozen
class Capabilities:
    """What a strategy can do.

    `indexes`: the kinds it serves; a mapper with another is refused when the store is built.
    `server`: whether it needs one.
    """

    indexes: frozenset[type[Index]]
    server: bool


def _named(_: object, what: attrs.Attribute[Any], name: object) -> None:
    """A namespace or a partition has a name: text of at least one character, in UTF-8."""
    if name is None and what.name == "partition":
        return
    if not isinstance(name, str) or not name or name.encode(errors="ignore").decode() != name:
        message = f"{name!r} can not name a {what.name}: it must be text, and not empty"
        raise MappingError(message)


@attrs.frozen
class Place:
    """Where a bound strategy keeps its data: a namespace, and a partition of it.

    `random` gives that many random bytes; `clock` the seconds since the epoch. Raises MappingError
    for a name that is none.
    """

    namespace: str = attrs.field(validator=_named)
    partition: str | None = attrs.field(validator=_named)
    random: Callable[[int], bytes] = attrs.field(repr=False)
    clock: Callable[[], float] = attrs.field(repr=False)


Identity: TypeAlias = tuple[MappedClass, KeyBytes]
"""What says which entity is meant."""

Refusals: TypeAlias = tuple[Refusal, ...]


class BoundStrategy(Protocol):
    """A strategy bound to a registry and a place: one partition of one store."""

    def load(self, wanted: Sequence[Identity]) -> Flow[list[Record | None]]:
        """The records of these entities, in their order, None for the missing; one round trip."""
        ...

    def owner(self, mapped: MappedClass, index: MappedIndex, value: bytes) -> Flow[Row | None]:
        """The owner of a unique value and its record, or None; one round trip."""
        ...

    def find(self, selection: Selection) -> Flow[list[Row]]:
        """The rows of a selection. Raises NoIndex where no index serves it."""
        ...

    def count(self, selection: Selection) -> Flow[int]:
        """How many rows `find` would answer."""
        ...

    def explain(self, selection: Selection, *, analyze: bool) -> Flow[Explanation]:
        """How `find` would answer; with `analyze`, how it did, and what that took."""
        ...

    def allocate(self, mapped: MappedClass, count: int) -> Flow[int]:
        """Take `count` numbers off the sequence of a mapper; the first of them."""
        ...

    def commit(self, plan: FlushPlan) -> Flow[Refusals]:
        """Do the whole plan, or nothing and say why.

        Raises CommitUnknown where the link was lost and the outcome could not be learned.
        """
        ...

    def outcome(self, unit_id: str) -> Flow[str]:
        """Whether a commit that raised CommitUnknown was "applied", or "not applied" for good.

        Raises StoreError for what is no unit id of this partition.
        """
        ...

    def close(self) -> Flow[None]:
        """Remove what was kept for commits in flight."""
        ...


@runtime_checkable
class MakesEntities(Protocol):
    """What a bound strategy may offer besides: entities for a reading that keeps no records.

    They are what `MappedClass.construct` makes of the records, and it raises what that would.
    """

    def load_entities(self, mapped: MappedClass, keys: Sequence[KeyBytes]) -> Flow[list[Any]]:
        """As `load`: the entities under these keys, None for the missing."""
        ...

    def find_entities(self, selection: Selection, skip: int) -> Flow[list[Any]]:
        """As `find`: the entities of the rows, but for the first so many."""
        ...


@runtime_checkable
class WritesOne(Protocol):
    """What a bound strategy may offer besides: a commit of one write."""

    def commit_one(self, write: EntityWrite, number: int | None) -> Flow[Refusals]:
        """As `commit` does the plan of this write, `plan_of_one(write, number)`.

        With a number, the sequence of its mapper must reach that.
        """
        ...


class IndexStrategy(Protocol):
    """A way to keep entities and answer queries; see the module for the contract."""

    @property
    def capabilities(self) -> Capabilities:
        """What this strategy can do."""
        ...

    def bind(self, registry: MapperRegistry, place: Place) -> BoundStrategy:
        """This strategy over one partition. Does no I/O."""
        ...
