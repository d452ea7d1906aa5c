"""Keys that an object does not bring: numbers from a sequence, UUIDv7, or the user's generator."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any
from uuid import UUID

import attrs

from redmapper import forks
from redmapper.errors import QueryError, UnitError, ValueRefused
from redmapper.mapping.columns import Column
from redmapper.mapping.indexes import Unique
from redmapper.mapping.mapped import KeyBytes, MappedClass, MappedIndex
from redmapper.mapping.registry import MapperRegistry
from redmapper.query.spans import encode_value
from redmapper.wire import Flow
from redmapper.work.collect import Pending
from redmapper.work.plan import ChangeRun, EntityWrite, Run
from redmapper.work.strategy import BoundStrategy

LARGEST_BLOCK = 64
"""How many numbers a store takes off a sequence at most before it needs them."""

SEQUENCE_LIMIT = 2**53
"""Numbers from here on do not move the sequence: a server counts exactly only below."""


@attrs.define
class KeyMaker:
    """Makes the keys of one store and partition.

    Blocks of a sequence double from one commit to the next, up to `LARGEST_BLOCK`: a script that
    adds one object leaves no gap, a server that adds many asks for numbers seldom. Numbers are
    taken one by one off a deque, which is atomic: threads may share it.
    """

    strategy: BoundStrategy
    random: Callable[[int], bytes]
    clock: Callable[[], float]
    spare: dict[str, deque[int]] = attrs.field(factory=dict)
    sizes: dict[str, int] = attrs.field(factory=dict)
    process: int = attrs.field(factory=forks.this)

    def fill(self, mapped: MappedClass, obj: object) -> Any:  # noqa: ANN401 - any key
        """Give an object without a key one that needs no server; None for a sequence's."""
        if mapped.key_frozen:  # refused now, not after the commit
            message = (
                f"this {mapped.domain.__name__} is frozen and has no key; give it one when it is "
                f"made: store.new_key({mapped.mapper.__name__})"
            )
            raise UnitError(message)
        if mapped.key.sequential:
            return None
        key = self.new(mapped)
        set_key(mapped, obj, key)
        return key

    def make(self, mapped: MappedClass) -> Flow[Any]:
        """A new key, from the sequence where the mapper has one."""
        if not mapped.key.sequential:
            return self.new(mapped)
        (number,) = yield from self.numbers(mapped, 1)
        return number

    def new(self, mapped: MappedClass) -> Any:  # noqa: ANN401 - any key
        """A new key that needs no server."""
        if mapped.key.declared.new is not None:
            return _called(mapped, mapped.key.declared.new)
        made = _MADE.get(mapped.key.scalar.type)
        if made is None:
            message = (
                f"{mapped.domain.__name__}: a key of type {mapped.key.scalar.type.__name__} is not "
                "made by itself; set it, or declare Key[...](new=callable)"
            )
            raise UnitError(message)
        return made(uuid7(self.random(10), self.clock()))

    def numbers(self, mapped: MappedClass, count: int) -> Flow[list[int]]:
        """The next numbers of a mapper's sequence; gaps are possible, duplicates are not."""
        if self.process != forks.process:  # a forked child: these numbers are its parent's
            self.spare, self.process = {}, forks.process
        spare = self.spare.setdefault(mapped.name, deque())
        found = list(_taken(spare, count))
        missing = count - len(found)
        if missing:
            block = max(missing, self.sizes.get(mapped.name, 1))
            first = yield from self.strategy.allocate(mapped, block)
            found += range(first, first + missing)
            spare.extend(range(first + missing, first + block))
            self.sizes[mapped.name] = min(LARGEST_BLOCK, block * 2)
        return found

    def forget(self, mapped: MappedClass) -> None:
        """Use no number taken before: somebody gives numbers by hand that lie among them."""
        self.spare.pop(mapped.name, None)

    def given(
        self, written: Iterable[tuple[Pending, EntityWrite]]
    ) -> tuple[tuple[MappedClass, int], ...]:
        """The greatest integer key given by hand, a mapper: the sequence must pass it."""
        greatest: dict[MappedClass, int] = {}
        for pending, write in written:
            number = given_number(write)
            if number is None or pending.tracked is None or pending.tracked.assigned is not None:
                continue
            if number > greatest.get(write.mapped, 0):
                greatest[write.mapped] = number
        return tuple(greatest.items())


def given_number(write: EntityWrite) -> int | None:
    """The integer key of a new entity, where it was given by hand and moves the sequence."""
    if write.base is not None or not write.mapped.key.sequential:
        return None
    number = write.mapped.decode_key(write.key)
    return number if 0 < number < SEQUENCE_LIMIT else None


def given_numbers(writes: Iterable[EntityWrite]) -> tuple[tuple[MappedClass, int], ...]:
    """The greatest of them, a mapper: what `given` tells where no sequence has given a key."""
    greatest: dict[MappedClass, int] = {}
    for mapped, keys in _new_keys(writes):
        if mapped.key.sequential:
            number = _greatest(keys)
            if number > greatest.get(mapped, 0):
                greatest[mapped] = number
    return tuple(greatest.items())


def _greatest(keys: Sequence[KeyBytes]) -> int:
    """The greatest number among them that moves a sequence; 0 where there is none."""
    if not keys:
        return 0
    most = max(map(len, keys))  # the longest is the greatest, where it is not negative
    number = int(max([key for key in keys if len(key) == most]))
    if 0 < number < SEQUENCE_LIMIT:
        return number
    return max(filter(SEQUENCE_LIMIT.__gt__, map(int, keys)), default=0)


def _new_keys(writes: Iterable[EntityWrite]) -> Iterator[tuple[MappedClass, Sequence[KeyBytes]]]:
    """The keys of the new entities among them, by the mapper."""
    if isinstance(writes, Run):
        yield writes.mapped, writes.keys
        return
    if isinstance(writes, ChangeRun):
        return
    for mapped, group in itertools.groupby(writes, _mapped):
        yield mapped, [write.key for write in group if write.base is None]


_mapped: Callable[[EntityWrite], MappedClass] = attrgetter("mapped")


def _taken(spare: deque[int], count: int) -> Iterator[int]:
    """Up to so many numbers."""
    for _ in range(count):
        try:
            yield spare.popleft()
        except IndexError:
            return


def _called(mapped: MappedClass, new: Callable[[], Any]) -> Any:  # noqa: ANN401 - any key
    """A key by the user's own generator; ValueRefused where it makes none."""
    path = f"{mapped.mapper.__name__}.{mapped.key.attribute.name}"
    try:
        key = new()
    except Exception as error:  # noqa: BLE001 - it is the user's
        told = "" if mapped.hides_key else f": {error}"
        message = f"new= failed with {type(error).__name__}{told}"
        raise ValueRefused(message, path=path) from (None if mapped.hides_key else error)
    try:
        mapped.encode_key(key)
    except ValueRefused as refused:
        message = f"new= gave what can not be the key: {refused.reason}"
        raise ValueRefused(message, path=path, value=refused.value) from None
    return key


def set_key(mapped: MappedClass, obj: object, key: object) -> None:
    """Set an object's key, as loading sets it: past converters, validators and hooks.

    Nothing of the user's runs, because a commit that has landed must not fail.
    """
    object.__setattr__(obj, mapped.key.attribute.name, key)


def uuid7(random: bytes, now: float) -> UUID:
    """A UUID of version 7 (RFC 9562, 5.7) from 10 random bytes and a Unix time in seconds."""
    milliseconds = int(now * 1000).to_bytes(6, "big")
    rest = int.from_bytes(random, "big")
    value = int.from_bytes(milliseconds, "big") << 80 | rest
    value = value & ~(0xF << 76) | 0x7 << 76  # the version
    value = value & ~(0x3 << 62) | 0x2 << 62  # the variant
    return UUID(int=value)


_MADE: dict[type, Callable[[UUID], Any]] = {str: str, UUID: lambda made: made}


def encode_unique(
    registry: MapperRegistry, unique: Unique, values: tuple[object, ...], verb: str = "get_by"
) -> tuple[MappedClass, MappedIndex, bytes | None]:
    """The value of a `Unique` that a verb asks for; None where a None exempts from it."""
    if not isinstance(unique, Unique) or unique.owner is None:
        message = f"{verb} takes a Unique of a mapper, such as Users.by_email, not {unique!r}"
        raise QueryError(message)
    mapped = _mapped_with(registry, unique)
    index = mapped.indexes[unique.name]
    if len(values) != len(index.columns):
        message = (
            f"{unique!r} is over {len(index.columns)} fields, but {len(values)} values were given"
        )
        raise QueryError(message)
    if any(value is None for value in values) and not unique.nulls:
        return mapped, index, None
    parts = map(_encode_part, itertools.repeat(unique), index.columns, values)
    return mapped, index, b"".join(parts)


def _mapped_with(registry: MapperRegistry, unique: Unique) -> MappedClass:
    """The mapped class that has a `Unique`; a mapper may have inherited it from another."""
    having = [
        mapped
        for mapped in registry
        if unique.name in mapped.indexes and mapped.indexes[unique.name].index is unique
    ]
    own = [mapped for mapped in having if mapped.mapper is unique.owner]
    if len(own or having) == 1:
        return (own or having)[0]
    names = ", ".join(mapped.mapper.__name__ for mapped in having) or "none of this registry"
    message = f"{unique!r} must belong to one mapper, but it belongs to: {names}"
    raise QueryError(message)


def _encode_part(unique: Unique, column: Column, value: object) -> bytes:
    scalar = column.kind.scalar
    if scalar is None or value is None:
        return b"" if scalar is None else scalar.none
    return encode_value(unique, column, scalar, value)
