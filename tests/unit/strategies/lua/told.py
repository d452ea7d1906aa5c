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


class _Call:
    """The keys and all arguments of one; what tells ways is read from its beginning to its end."""

    def __init__(self, keys: Sequence[bytes], arguments: Sequence[Any]) -> None:
        self.keys, self.arguments = keys, arguments
        self.numbers = iter(numbers_of(arguments[11]))

    def next(self) -> int:
        return next(self.numbers)

    def several(self) -> list[int]:
        return [self.next() for _ in range(self.next())]

    def key(self) -> bytes:
        return self.keys[self.next() - 1]

    def word(self) -> Any:
        return self.arguments[self.next() - 1]

    def words(self) -> list[Any]:
        """Those from a place on, so many."""
        first, count = self.next(), self.next()
        return [*self.arguments[first - 1 : first - 1 + count]]

    def path(self) -> list[Any]:
        kind = KINDS[self.next() - 1]
        if kind in ("any", "least"):
            return [kind, [self.path() for _ in range(self.next())]]
        return [kind, self.next(), *_SOURCES[kind](self)]

    def way(self) -> ToldWay:
        walks, distinct, price, short = (self.next() for _ in range(4))
        return ToldWay(walks, distinct, price, self.several(), self.several(), short, self.path())


KINDS = ("any", "least", "set", "owners", "keys", "sorted", "scored")
_SOURCES: dict[str, Callable[[_Call], list[Any]]] = {
    "set": lambda call: [call.word(), [call.keys[place - 1] for place in call.several()]],
    "owners": lambda call: [call.key(), *call.words()],
    "keys": _Call.words,
    "sorted": lambda call: [
        *(call.key(), call.word(), call.word(), call.next(), call.next()),
        [width - 1 for width in call.several()],
    ],
}
_SOURCES["scored"] = _SOURCES["sorted"]


def told_ways(keys: Sequence[bytes], arguments: Sequence[Any]) -> Told:
    """Of the keys and all arguments of a call."""
    call = _Call(keys, arguments)
    count, first, last, left_out, alone = (call.next() for _ in range(5))
    names = [*arguments[first - 1 : last]]
    order: list[Any] = call.several()
    if order[1:]:
        order[1] = keys[order[1] - 1]
    long = [names[at - 1] for at in call.several()]
    asks = [call.several() for _ in range(call.next())]
    tests = [
        [keys[ask[0] - 1], *[arguments[cut - 1] for cut in ask[1:]]] if ask else [] for ask in asks
    ]
    ways = [call.way() for _ in range(count)]
    assert [] == [*call.numbers]
    return Told(ways, tests, order, alone, names, long, left_out)


def numbers_of(data: bytes) -> list[int]:
    """A byte each, or an array of MessagePack."""
    return [*data] if data[0] < 220 else unpacked(data)


def unpacked(data: bytes) -> list[int]:
    """An array of integers; nothing is left over."""
    count, at, found = int.from_bytes(data[1:3]), 3, []
    for _ in range(count):
        size = {0xCD: 2, 0xCE: 4}.get(data[at], 0)
        found.append(int.from_bytes(data[at + 1 : at + 1 + size]) if size else data[at])
        at += 1 + size
    assert (0xDC, len(data)) == (data[0], at)
    return found


assert FIRST_PLACE == 13, "a word that stands before what has a place"
