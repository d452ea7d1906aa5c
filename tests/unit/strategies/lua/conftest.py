"""What the calls of `commit.lua` say, read as the script reads them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from redmapper.strategies.lua.calls import CommitCall


class Sections(NamedTuple):
    """A call, section by section; a key is its position.

    `schema` are [listing, described, mapper, fingerprint], `absent` is [count, first key],
    `versions` [count, first key, versions], `fields` are [key, names, values], `sequences` [key,
    number], `entities` are keys and tails, `owners` [key, {value: owner}, {value: owner now}, lost
    values], `single` is [first key, members] and `sets` are [members that come, members that go] of
    the keys after those, `sorted` are [key, {members that come: scores}, members that go],
    `records` [first key, names, rows], `commands` [key, command, arguments].
    """

    minutes: int
    schema: list[Any]
    absent: list[Any]
    versions: list[Any]
    fields: list[Any]
    sequences: list[Any]
    entities: list[Any]
    owners: list[Any]
    single: list[Any]
    sets: list[Any]
    sorted: list[Any]
    records: list[Any]
    commands: list[Any]


def _unpacked(data: bytes) -> list[int]:
    """The integers of an array of MessagePack."""
    lengths = {0xDC: 2, 0xDD: 4, 0xCD: 2, 0xCE: 4}
    at = 0

    def number() -> int:
        nonlocal at
        head, at = data[at], at + 1
        if head < 128:
            return head
        at += lengths[head]
        return int.from_bytes(data[at - lengths[head] : at], "big")

    found = [number() for _ in range(number())]
    assert at == len(data)
    return found


class _Reading:
    """The integers and the words of a call, one after the other."""

    def __init__(self, packed: bytes, words: list[Any]) -> None:
        self.integers = iter(_unpacked(packed))
        self.words = iter(words)
        self.entities: list[Any] = []
        self.tails: list[Any] = []

    def number(self) -> int:
        """The next integer."""
        return next(self.integers)

    def take(self, count: int) -> list[Any]:
        """The next words."""
        return [next(self.words) for _ in range(count)]

    def each(self, read: Callable[[], Any]) -> list[Any]:
        """So many items as the next integer says."""
        return [read() for _ in range(self.number())]

    def mapper(self) -> list[Any]:
        return [self.number(), self.number(), *self.take(2)]

    def versions(self) -> list[Any]:
        count, first = self.number(), self.number()
        return [count, first, self.column(count)]

    def column(self, rows: int) -> list[Any]:
        """A value for each row, or one for all."""
        count = self.number()
        assert count in (1, rows)
        said = self.take(count)
        return said if count == rows else said * rows

    def fields(self) -> list[Any]:
        key, count = self.number(), self.number()
        return [key, self.take(count), self.take(count)]

    def owners(self) -> list[Any]:
        key, values, given, lost = self.number(), self.number(), self.number(), self.number()
        getting = self.named(values)
        places = [self.number() - 1 for _ in range(given)]
        gets = self.take(values)
        owners = dict(zip(gets, getting, strict=True))
        now = zip([gets[place] for place in places], self.take(given), strict=True)
        return [key, owners, dict(now), self.take(lost)]

    def sets(self) -> tuple[list[Any], list[Any]]:
        count, first, single = self.number(), self.number(), self.number()
        alone = [first, self.members(single)]
        return alone, [self.moves() for _ in range(count - single)]

    def named(self, count: int) -> list[Any]:
        """The keys of so many entities."""
        return [self.entities[self.number() - 1] for _ in range(count)]

    def members(self, count: int) -> list[Any]:
        """The tails of so many."""
        return [self.tails[self.number() - 1] for _ in range(count)]

    def moves(self) -> list[Any]:
        come, go = self.number(), self.number()
        return [self.members(come), self.members(go)]

    def sorted(self) -> list[Any]:
        key, scored, come, go = [self.number() for _ in range(4)]
        assert scored in (0, come)
        scores = self.take(scored) or [b"0"] * come
        return [key, dict(zip(self.take(come), scores, strict=True)), self.take(go)]

    def records(self) -> list[Any]:
        count, rows, first = self.number(), self.number(), self.number()
        names = self.take(count)
        columns = [self.column(rows) for _ in range(count)]
        return [first, names, [list(row) for row in zip(*columns)] or [[]] * rows]  # noqa: B905

    def command(self) -> list[Any]:
        key, count = self.number(), self.number()
        return [key, *self.take(1), self.take(count)]


@pytest.fixture(scope="session")
def sections() -> Callable[[CommitCall], Sections]:
    """Reads a call of `commit.lua`, to its last word."""

    def read(call: CommitCall) -> Sections:
        packed, *words = call.arguments
        assert isinstance(packed, bytes)
        reading = _Reading(packed, words)
        minutes, schema = reading.number(), reading.each(reading.mapper)
        absent, versions = [reading.number(), reading.number()], reading.versions()
        fields = reading.each(reading.fields)
        sequences = reading.each(lambda: [reading.number(), *reading.take(1)])
        named, members = reading.number(), reading.number()
        reading.entities = reading.take(named)
        reading.tails = reading.take(members) or reading.entities
        owners = reading.each(reading.owners)
        single, sets = reading.sets()
        ordered, records = reading.each(reading.sorted), reading.each(reading.records)
        commands = reading.each(reading.command)
        assert ([], []) == (list(reading.integers), list(reading.words))
        checks = (minutes, schema, absent, versions, fields, sequences)
        said = [reading.entities[:named], reading.tails[:members]]
        return Sections(*checks, said, owners, single, sets, ordered, records, commands)

    return read
