"""A call of a committing script: what both of them have in common, and what their answer means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from redmapper.mapping.columns import Record
from redmapper.mapping.mapped import MappedClass
from redmapper.strategies.lua.entries import Places, SetEntries
from redmapper.strategies.lua.foreign import Types, foreign_types
from redmapper.strategies.lua.layout import cut, cut_check, joined
from redmapper.wire import HEAD, Argument, Command, Packed, Reply, keys_of
from redmapper.work.plan import (
    Absent,
    AtFields,
    AtVersion,
    Check,
    Claim,
    EntityWrite,
    FlushPlan,
    Guard,
    Refusal,
)


class CommitCall(Protocol):
    """A call of a script.

    `mappers`, `checked` and `claimed` say what positions in violations mean, of the `plan` that the
    call does; `types` tells what type each key must have, and `keys` begin with that of the lane.
    """

    @property
    def command(self) -> Command | Packed: ...  # noqa: D102 - see above

    @property
    def plan(self) -> FlushPlan: ...  # noqa: D102

    @property
    def mappers(self) -> Sequence[MappedClass]: ...  # noqa: D102

    @property
    def checked(self) -> Mapping[type[Check], Sequence[int]]: ...  # noqa: D102

    @property
    def claimed(self) -> Sequence[Claim]: ...  # noqa: D102

    @property
    def types(self) -> Types: ...  # noqa: D102

    @property
    def keys(self) -> list[bytes]: ...  # noqa: D102


class CallWords:
    """The words of a call, by what they are."""

    command: Command | Packed

    @property
    def keys(self) -> list[bytes]:
        """The keys, that of the lane first."""
        return keys_of(self.command)

    @property
    def arguments(self) -> list[Argument]:
        """All that follows the receipt."""
        return [*self.command.words[HEAD + self.command.keys + _RECEIPT :]]


_RECEIPT = len(("number", "unit id"))


# --- what is not shown -----------------------------------------------------------------------


def secrets(called: CommitCall, places: Places) -> frozenset[Argument]:
    """The words of a call that logs and messages must not show."""
    plan = called.plan
    words = {word for write in plan.writes for word in _secrets(write, places)}
    return frozenset(words.union(*(_guard_secrets(guard, places) for guard in plan.guards)))


def _guard_secrets(guard: Guard, places: Places) -> Iterator[Argument]:
    if guard.mapped.hidden:
        yield from _secret_checks(guard)
        if guard.mapped.hides_key:
            yield from (guard.key, places.of(guard.mapped).records + guard.key)


def _secrets(write: EntityWrite, places: Places) -> Iterator[Argument]:
    if write.mapped.hidden:
        yield from _secret_fields(write)
        if write.mapped.hides_key:
            yield from (write.key, places.of(write.mapped).records + write.key)
        for record in (write.base, write.record):
            if record is not None:
                yield from _secret_values(write, record, places)


def _secret_fields(write: EntityWrite) -> Iterator[Argument]:
    """Of the hash, as they are written and as they are checked."""
    yield from _secret_values_of(write.mapped, cut(write.changes, write.base).items())
    yield from _secret_checks(write)


def _secret_checks(checked: EntityWrite | Guard) -> Iterator[Argument]:
    check = checked.check
    fields = check.fields if isinstance(check, AtFields) else ()
    yield from _secret_values_of(checked.mapped, cut_check(fields, checked.mapped))


def _secret_values_of(
    mapped: MappedClass, fields: Iterable[tuple[bytes, bytes | None]]
) -> Iterator[Argument]:
    for name, value in fields:
        if value is not None and name.partition(b":")[0] in mapped.hidden:
            yield from (value, b"=" + value)


def _secret_values(write: EntityWrite, record: Record, places: Places) -> Iterator[Argument]:
    """Of indexes over hidden fields; where the key is hidden, all members that end in it."""
    mapped, here = write.mapped, places.of(write.mapped)
    for unique in mapped.uniques:
        if not unique.stored.isdisjoint(mapped.hidden):
            yield from unique.values(record)
    tail = here.tail(write.key)
    if mapped.hides_key:
        yield from [each.entry(record, tail).member for each in here.all.sorted]
    for index, entries in here.indexes:
        if index.stored.isdisjoint(mapped.hidden):
            continue
        if isinstance(entries, SetEntries):
            yield from [entries.head + value for value in entries.values(record)]
        else:
            entry = entries.entry(record, tail)
            yield from entry if entries.scores else entry[:1]


# --- the answer ------------------------------------------------------------------------------


def refusals_of(called: CommitCall, violations: list[Reply], places: Places) -> tuple[Refusal, ...]:
    """The violations of checks, as refusals; ForeignType for keys that hold something else."""
    if not violations:
        return ()
    foreign = [each for each in violations if each[0] == b"foreign"]
    if foreign:
        keys = called.keys
        found = [(keys[int(at) - 1], kind.decode()) for _, at, kind in foreign]
        raise foreign_types(found, secrets(called, places))
    refusals = [_refusal(called, each) for each in violations]
    # Checks go kind by kind and claims an index at a time; they are told in the plan's order.
    said: dict[Claim | None, int] = {claim: at for at, claim in enumerate(called.plan.claims)}
    refusals.sort(key=lambda refusal: (said.get(refusal.claim, -1), refusal.position))
    return tuple(refusals)


def _refusal(called: CommitCall, violation: Reply) -> Refusal:
    kind, at, found = violation
    if kind == b"taken":
        claim = called.claimed[at - 1]
        return Refusal(claim.position, "taken", claim=claim, owner=found)
    position = called.checked[_CHECKED[kind]][at - 1]
    write = called.plan.checked[position]
    stored = joined(found, write.mapped, write.key)
    named = "exists" if kind == b"exists" else "gone" if stored is None else "changed"
    return Refusal(position, named, stored)


_CHECKED: dict[bytes, type[Check]] = {b"exists": Absent, b"version": AtVersion, b"fields": AtFields}
