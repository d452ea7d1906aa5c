"""The in-memory strategy: dicts instead of a server, the same answers and the same errors.

It is also the oracle the other strategies are held against, so it stays as plain as can be: a query
asks the planner for permission only, then judges and sorts every record of the mapper. Its flows
never yield. It does not lock: whoever shares a store between threads carries its flows one at a
time (the runner of the faces does).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import attrs

from redmapper.errors import StoreError
from redmapper.mapping.columns import VERSION, Record
from redmapper.mapping.indexes import Lookup, Ordered, Unique
from redmapper.mapping.mapped import KeyBytes, MappedClass, MappedIndex, overlaid
from redmapper.mapping.registry import MapperRegistry
from redmapper.query.evaluate import judge_of
from redmapper.query.explain import Explanation, Use
from redmapper.query.planner import advice_for, plan_access
from redmapper.query.selection import Row, Selection, sort_key
from redmapper.wire import Flow
from redmapper.work.plan import (
    Absent,
    AtFields,
    AtVersion,
    Claim,
    EntityWrite,
    FlushPlan,
    Guard,
    Refusal,
)
from redmapper.work.refusals import schema_mismatch
from redmapper.work.strategy import Capabilities, Identity, Place

Result = TypeVar("Result")


@attrs.define
class _Partition:
    """The data of one partition: records and claims by mapper name, sequences and schemas."""

    records: dict[str, dict[KeyBytes, Record]] = attrs.field(factory=dict)
    claims: dict[tuple[str, str], dict[bytes, KeyBytes]] = attrs.field(factory=dict)
    sequences: dict[str, int] = attrs.field(factory=dict)
    schemas: dict[str, str] = attrs.field(factory=dict)

    def of(self, mapped: MappedClass) -> dict[KeyBytes, Record]:
        """The records of a mapper."""
        return self.records.setdefault(mapped.name, {})

    def owners(self, mapped: MappedClass, index: MappedIndex) -> dict[bytes, KeyBytes]:
        """The claims of a unique index."""
        return self.claims.setdefault((mapped.name, index.name), {})


@attrs.define(eq=False)
class MemoryIndexStrategy:
    """Keeps everything in this process. Stores that share one strategy share its data."""

    _partitions: dict[tuple[str, str | None], _Partition] = attrs.field(factory=dict, repr=False)

    @property
    def capabilities(self) -> Capabilities:
        """Every kind of index, no server."""
        return Capabilities(frozenset({Unique, Lookup, Ordered}), server=False)

    def bind(self, registry: MapperRegistry, place: Place) -> BoundMemory:  # noqa: ARG002 - contract
        """This strategy over one partition."""
        name = (place.namespace, place.partition)
        return BoundMemory(self._partitions.setdefault(name, _Partition()))


@attrs.frozen(eq=False)
class BoundMemory:
    """One partition in memory."""

    data: _Partition = attrs.field(repr=False)

    def load(self, wanted: Sequence[Identity]) -> Flow[list[Record | None]]:
        """The records of these entities."""
        return _answer(lambda: [_copy(self.data.of(mapped).get(key)) for mapped, key in wanted])

    def owner(self, mapped: MappedClass, index: MappedIndex, value: bytes) -> Flow[Row | None]:
        """The owner of a unique value."""

        def find() -> Row | None:
            self._check_schema(mapped)
            key = self.data.owners(mapped, index).get(value)
            return None if key is None else (key, dict(self.data.of(mapped)[key]))

        return _answer(find)

    def find(self, selection: Selection) -> Flow[list[Row]]:
        """The rows of a selection, by looking at every record."""
        return _answer(lambda: self._rows(selection)[: selection.limit])

    def count(self, selection: Selection) -> Flow[int]:
        """How many there are."""
        return _answer(lambda: len(self._rows(selection)[: selection.limit]))

    def explain(self, selection: Selection, *, analyze: bool) -> Flow[Explanation]:
        """Every record is looked at, whatever index there is; the permission to ask is real."""
        return _answer(lambda: self._explanation(selection, analyze=analyze))

    def _explanation(self, selection: Selection, *, analyze: bool) -> Explanation:
        plan_access(selection)
        size = len(self.data.of(selection.mapped))
        where = () if selection.where is None else (repr(selection.where),)
        return Explanation(
            use=Use(how="every record, in memory", index=None, bounds=(), estimated=size),
            here=where,
            order="sorted here",
            advice=advice_for(selection, plan_access(selection)),
            rows=len(self._rows(selection)[: selection.limit]) if analyze else None,
            looked_at=size,
            read=size,
        )

    def _rows(self, selection: Selection) -> list[Row]:
        plan_access(selection)
        self._check_schema(selection.mapped)
        judge = judge_of(selection.where, selection.mapped)
        rows = [
            (key, dict(record))
            for key, record in self.data.of(selection.mapped).items()
            if key not in selection.without and judge(record)
        ]
        encode = sort_key(selection.order, selection.mapped)
        rows.sort(key=encode)
        if selection.after is None:
            return rows
        begin = encode(selection.after.row(selection.order), selection.after.serial)
        return [row for row in rows if encode(row) > begin]

    def allocate(self, mapped: MappedClass, count: int) -> Flow[int]:
        """Take numbers off a sequence."""

        def take() -> int:
            last = self.data.sequences.get(mapped.name, 0)
            self.data.sequences[mapped.name] = last + count
            return last + 1

        return _answer(take)

    def commit(self, plan: FlushPlan) -> Flow[tuple[Refusal, ...]]:
        """All of the plan, or nothing."""
        whole = plan._replace(writes=tuple(plan.writes), claims=tuple(plan.claims))
        return _answer(lambda: self._commit(whole))

    def outcome(self, unit_id: str) -> Flow[str]:
        """No commit in memory is ever of unknown outcome, so no unit id comes from here."""
        message = f"{unit_id!r} is not the unit_id of a CommitUnknown of this store"
        raise StoreError(message)
        yield  # makes this a flow

    def close(self) -> Flow[None]:
        """Nothing is kept for commits in flight."""
        return _answer(lambda: None)

    def _commit(self, plan: FlushPlan) -> tuple[Refusal, ...]:
        for write in plan.writes:
            self._check_schema(write.mapped)
        refusals = tuple(self._refusals(plan))
        if not refusals:
            self._apply(plan)
        return refusals

    def _check_schema(self, mapped: MappedClass) -> None:
        """A mapper with other indexes is refused, unless nothing of it is stored."""
        known = self.data.schemas.get(mapped.name, mapped.fingerprint)
        if known != mapped.fingerprint and self.data.of(mapped):
            raise schema_mismatch(mapped)

    def _refusals(self, plan: FlushPlan) -> Iterator[Refusal]:
        for position, write in enumerate(plan.checked):
            stored = self.data.of(write.mapped).get(write.key)
            kind = _REFUSES[type(write.check)](write, stored)
            if kind is not None:
                yield Refusal(position, kind, _copy(stored))
        for claim in plan.claims:
            owner = self._owner_in_the_way(claim, plan)
            if owner is not None:
                yield Refusal(claim.position, "taken", claim=claim, owner=owner)

    def _owner_in_the_way(self, claim: Claim, plan: FlushPlan) -> KeyBytes | None:
        mapped = plan.writes[claim.position].mapped
        owner = self.data.owners(mapped, claim.unique).get(claim.value)
        return None if owner == claim.owner else owner

    def _apply(self, plan: FlushPlan) -> None:
        for release in plan.releases:
            mapped = plan.writes[release.position].mapped
            del self.data.owners(mapped, release.unique)[release.value]
        for claim in plan.claims:
            write = plan.writes[claim.position]
            self.data.owners(write.mapped, claim.unique)[claim.value] = write.key
        for write in plan.writes:
            self._write(write)
        for mapped, number in plan.sequences:
            last = self.data.sequences.get(mapped.name, 0)
            self.data.sequences[mapped.name] = max(last, number)

    def _write(self, write: EntityWrite) -> None:
        records = self.data.of(write.mapped)
        self.data.schemas[write.mapped.name] = write.mapped.fingerprint
        if write.record is None:
            del records[write.key]
            return
        stored = records.get(write.key)
        records[write.key] = (
            dict(write.record) if stored is None else overlaid(stored, write.changes)
        )


def _answer(compute: Callable[[], Result]) -> Flow[Result]:
    """A flow that asks nobody."""
    return compute()
    yield  # makes this a generator


def _copy(record: Record | None) -> Record | None:
    return None if record is None else dict(record)


def _when_absent(_: EntityWrite | Guard, stored: Record | None) -> str | None:
    return None if stored is None else "exists"


def _at_version(write: EntityWrite | Guard, stored: Record | None) -> str | None:
    if stored is None:
        return "gone"
    expected = write.check.version if isinstance(write.check, AtVersion) else b""
    return None if stored.get(VERSION) == expected else "changed"


def _at_fields(write: EntityWrite | Guard, stored: Record | None) -> str | None:
    if stored is None:
        return "gone"
    fields = write.check.fields if isinstance(write.check, AtFields) else ()
    same = all(stored.get(name) == value for name, value in fields)
    return None if same else "changed"


_REFUSES: dict[type, Callable[[EntityWrite | Guard, Record | None], str | None]] = {
    Absent: _when_absent,
    AtVersion: _at_version,
    AtFields: _at_fields,
}
