"""What `find.lua` is told of ways, read with the keys and words that its places stand for."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from redmapper.strategies.lua.ways import FIRST_PLACE


class ToldWay(NamedTuple):
    """A way; its path has keys and words in place of places."""

    walks: int
    distinct: int
    price: int
    covers: list[int]
    left: list[int]
    short: int
    path: list[Any]


class Told(NamedTuple):
    """All that the second word tells."""

    ways: list[ToldWay]
    tests: list[list[bytes]]
    order: list[Any]
    by_key_alone: int
    names: list[bytes]
    long: list[bytes]
    left_out: int

    @property
    def short(self) -> list[ToldWay]:
        """The ways along which no record is read."""
        return [way for way in self.ways if way.short]


class _Call(NamedTuple):
    """The keys and all arguments of one."""

    keys: Sequence[bytes]
    arguments: Sequence[Any]

    def key(self, place: int) -> bytes:
        return self.keys[place - 1]

    def word(self, place: int) -> Any:
        return self.arguments[place - 1]

    def words(self, run: list[int]) -> list[Any]:
        """Those from a place on, so many."""
        return [self.word(place) for place in range(run[0], run[0] + run[1])] if run else []

    def path(self, told: list[Any]) -> list[Any]:
        kind, *said = told
        if kind in ("any", "least"):
            return [kind, [self.path(each) for each in said[0]]]
        number, *said = said
        return [kind, number, *_SOURCES[kind](self, *said)]


_SOURCES: dict[str, Callable[..., list[Any]]] = {
    "keys": lambda call, run: call.words(run),
    "owners": lambda call, at, run: [call.key(at), *call.words(run)],
    "set": lambda call, cursor, sets: [call.word(cursor), [call.key(place) for place in sets]],
    "sorted": lambda call, at, low, high, *more: [
        *(call.key(at), call.word(low), call.word(high)),
        *more,
    ],
}
_SOURCES["scored"] = _SOURCES["sorted"]


def told_ways(keys: Sequence[bytes], arguments: Sequence[Any]) -> Told:
    """Of the keys and all arguments of a call."""
    call = _Call(keys, arguments)
    ways, tests, order, alone, first, last, long, left_out = unpacked(arguments[11])
    names = call.words([first, last - first + 1])
    return Told(
        [ToldWay(*way[:6], call.path(way[6])) for way in ways],
        [[call.key(test[0]), *map(call.word, test[1:])] if test else [] for test in tests],
        [order[0], call.key(order[1]), order[2]] if order[1:] else order,
        alone,
        names,
        [names[at - 1] for at in long],
        left_out,
    )


def unpacked(data: bytes) -> Any:
    """Nested arrays of integers and short words; nothing is left over."""
    found, end = _unpacked(data, 0)
    assert len(data) == end
    return found


def _unpacked(data: bytes, at: int) -> tuple[Any, int]:
    head, at = data[at], at + 1
    if head == 0xDC:
        items, count, at = [], int.from_bytes(data[at : at + 2]), at + 2
        for _ in range(count):
            item, at = _unpacked(data, at)
            items.append(item)
        return items, at
    if head == 0xCD:
        return int.from_bytes(data[at : at + 2]), at + 2
    if 0xA0 <= head < 0xC0:
        return data[at : at + head - 0xA0].decode(), at + head - 0xA0
    assert head < 128 or head == 255
    return head if head < 128 else -1, at


assert FIRST_PLACE == 13, "a word that stands before what has a place"
