"""Ways to the entries in the words of `ways.lua`, and which of them `few.lua` can follow.

A way is told in numbers: keys go by their places among the keys, and other words by theirs among
the words. So queries of one shape, which differ in those alone, are told the same.

A way is *short* if no record needs to be read along it: its entries are those of sets that meet, or
of one range; the tests that it leaves ask a set or the scores of a sorted set; and it has the
order, or none is needed, or that is the order of scores or of integer keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import attrs

from redmapper.query.planner import Access, ByKeys, ByLookup, ByOrdered, ByUnique, Either
from redmapper.strategies.lua.conditions import FREE
from redmapper.strategies.lua.entries import tail_descends
from redmapper.strategies.lua.packing import packed_numbers
from redmapper.strategies.lua.ranges import cuts_of, ranges_of
from redmapper.strategies.lua.scores import Scores, scores_of
from redmapper.wire import Argument

if TYPE_CHECKING:
    from redmapper.mapping.predicates import Predicate
    from redmapper.strategies.lua.wording import Wording

Nested: TypeAlias = Any
"""A path: its kind, then what it has, such as other paths, keys by their places, words."""

BARE = 3
"""What the script pays for a candidate that no test looks at, in units of half a microsecond."""

RUN = 4_000
"""Values of one command at most: Lua's `unpack` fails at 8,000."""

FIRST_PLACE = 13
"""Where the first of the words that are bytes stands, counted from one."""


class Way(NamedTuple):
    """A way as it is told; `covers` and `left` are the numbers of tests: needless, and to be made.

    `walks`: it is walked in order. `distinct`: no row comes twice. `price` is that of a candidate
    with the tests that are left.
    """

    walks: bool
    distinct: bool
    price: int
    covers: list[int]
    left: list[int]
    short: bool
    path: Nested


# --- a way -----------------------------------------------------------------------------------


def way_of(wording: Wording, access: Access, *, walks: bool, sorts: bool) -> Way:
    """An access as a way; sets that must all have a key are met at once.

    `sorts`: rows need no order, or one that needs no look at their records.
    """
    covers = covered_by(wording, access)
    others: list[int] = []
    if isinstance(access.source, ByLookup):
        for at, (_, test) in enumerate(wording.tests, start=1):
            if test.sets and at not in covers:
                others += test.sets
                covers.append(at)
    path = _path(wording, access, others)
    return way_by(wording, access, covers, path, walks=walks, short=walks or sorts)


def covered_by(wording: Wording, access: Access) -> list[int]:
    """The numbers of the tests that an access makes needless."""
    return [at for at, (each, _) in enumerate(wording.tests, start=1) if each in access.by]


def way_by(
    wording: Wording,
    access: Access,
    covers: list[int],
    path: Nested,
    *,
    walks: bool,
    short: bool = False,
) -> Way:
    """A way by this path, which makes these tests needless; `short`: if it can be."""
    left = [at for at in range(1, len(wording.tests) + 1) if at not in covers]
    tests = [wording.tests[at - 1][1] for at in left]
    price = BARE + max([test.price for test in tests], default=FREE)
    plain = path[0] in ("set", "sorted", "scored") and all(test.asks for test in tests)
    whole = wording.late or wording.selection.without
    short = short and plain and access.distinct and not whole
    return Way(walks, access.distinct, price, covers, left, short, path)


# --- paths -----------------------------------------------------------------------------------


def _path(wording: Wording, access: Access, others: Sequence[int] = ()) -> Nested:
    source = access.source
    if isinstance(source, Either):
        sides = [
            _together("least", [_path(wording, each) for each in side]) for side in source.sides
        ]
        return _together("any", sides)
    return _together("any", list(_SOURCES[type(source)](wording, source, access.by, others)))


def _together(word: str, paths: list[Nested]) -> Nested:
    return paths[0] if len(paths) == 1 else [word, paths]


def sources_of(wording: Wording, access: Access) -> list[Nested]:
    """What an access comes to, if that is no choice: see `ways.lua`."""
    return list(_SOURCES[type(access.source)](wording, access.source, access.by, ()))


def _sorted(
    wording: Wording, source: ByOrdered, by: Sequence[Predicate], _: object
) -> Iterable[Nested]:
    """Ranges of a sorted set, in the order of the walk."""
    index, mapped = source.index, wording.mapped
    if index is None:
        at = wording.key(wording.keyspace.listing(mapped), "zset")
        return _by_members(wording, source, at, by, [], descends=False)
    wording.note(index)
    at = wording.key(wording.keyspace.index(mapped, index), "zset")
    scores = scores_of(index, mapped.key.scalar)
    if scores is not None:
        return _by_scores(wording, source, at, by, scores)
    widths = [
        (column.kind.scalar.width if column.kind.scalar else 0) or -term.descending
        for term, column in zip(index.index.terms, index.columns, strict=True)
    ]
    return _by_members(wording, source, at, by, widths, descends=tail_descends(index))


def _by_members(
    wording: Wording,
    source: ByOrdered,
    at: int,
    by: Sequence[Predicate],
    widths: list[int],
    *,
    descends: bool,
) -> Iterator[Nested]:
    """By what members begin with, their fields having these widths."""
    for low, high in ranges_of(source, wording.positions_of(by)):
        ends = [low, high, int(source.reverse), int(descends)]
        yield wording.source("sorted", at, *ends, widths)


def _by_scores(
    wording: Wording, source: ByOrdered, at: int, by: Sequence[Predicate], scores: Scores
) -> Iterator[Nested]:
    """By the scores, which ascend whatever the index was declared to do."""
    index: Any = source.index
    reverse = source.reverse != tail_descends(index)
    alone = wording.cuts(by[0], index.columns[0]) if len(by) == 1 and not source.behind else None
    each = [alone] if alone else cuts_of(source, scores, reverse=reverse)
    for low, high in each:
        yield wording.source("scored", at, low, high, int(reverse), 0, [scores.kind.width])


def _members(
    wording: Wording, source: ByLookup, by: Sequence[Predicate], others: Sequence[int]
) -> Iterable[Nested]:
    """The sets of values."""
    wording.note(source.index)
    for value in source.values:
        key = wording.lookup(source.index, value, by if len(source.values) == 1 else ())
        yield wording.source("set", b"0", [wording.key(key, "set"), *others])


def _owners(
    wording: Wording, source: ByUnique, by: Sequence[Predicate], _: object
) -> Iterable[Nested]:
    """Values of a hash, in runs."""
    wording.note(source.index)
    at = wording.key(wording.keyspace.index(wording.mapped, source.index), "hash")
    if len(source.values) == 1:
        yield wording.source("owners", at, [wording.encoded(source.values[0], by)])
        return
    for start in range(0, len(source.values), RUN):
        yield wording.source("owners", at, [*source.values[start : start + RUN]])


def _named(wording: Wording, source: ByKeys, _: object, __: object) -> Iterable[Nested]:
    """The keys themselves."""
    yield wording.source("keys", [*source.keys])


_SOURCES: dict[type, Callable[[Wording, Any, Any, Any], Iterable[Nested]]] = {
    ByOrdered: _sorted,
    ByLookup: _members,
    ByUnique: _owners,
    ByKeys: _named,
}


# --- what is told ----------------------------------------------------------------------------


def sorts_of(wording: Wording, *, counts: bool) -> bool:
    """Whether rows need no order, or one that needs no look at their records.

    `counts`: they are counted.
    """
    selection = wording.selection
    if selection.after is not None:
        return False
    return counts or selection.limit is None or _order(wording) is not None


def _order(wording: Wording) -> list[int] | None:
    """The order by integer keys, or, of some rows, by scores; None if it is another.

    1 if the key descends; where it is not by key alone, the place of a set, and 1 if it descends.
    The script puts rows in order only to cut them, and is not to name a set for nothing.
    """
    order, mapped = wording.selection.order, wording.mapped
    descends = int(order.key_descending)
    if order.by_key_alone:
        return [descends] if mapped.key.scalar.tail == "int" else None
    (column, down), *more = order.terms
    whole = wording.selection.limit is None
    scores = 0 if more or whole else wording.scores_of(column)
    return [descends, scores, int(down)] if scores else None


def told_of(wording: Wording, ways: Sequence[Way], told: Iterable[Argument]) -> list[bytes]:
    """The word that tells these ways, and all that are bytes: of what was `told`, and of theirs.

    It is numbers: how many ways there are, where the fields wanted stand, how many keys are left
    out, 1 if the order is by key alone, the order as above, the fields that may go on in further
    ones, what each test asks, if no record, and the ways.
    """
    selection, words = wording.selection, WordPlaces.of(told)
    names = selection.names or ()
    first = words.place(names[0]) if names else 1
    asks = [[words.known.get(id(word), word) for word in test.asks] for _, test in wording.tests]
    said = [len(ways), first, first + len(names) - 1, len(selection.without)]
    said += [int(selection.order.by_key_alone), *_list(_order(wording) or [])]
    said += [*_list(wording.long()), len(asks), *chain.from_iterable(map(_list, asks))]
    for way in ways:
        said += _said(way, words)
    return [packed_numbers(said), *words.words]


def _list(items: Sequence[Any]) -> list[Any]:
    """A list begins with its length."""
    return [len(items), *items]


@attrs.frozen
class WordPlaces:
    """The words that are bytes, and where they stand among all."""

    words: list[bytes]
    known: dict[int, int]

    @classmethod
    def of(cls, told: Iterable[Argument]) -> WordPlaces:
        """Of all words, those that are."""
        words = [word for word in told if isinstance(word, bytes)]
        return cls(words, {id(word): at for at, word in enumerate(words, start=FIRST_PLACE)})

    def place(self, word: bytes) -> int:
        """Where this very word stands, from now on if it did not yet: behind the others."""
        if id(word) not in self.known:
            self.known[id(word)], _ = self.run([word])
        return self.known[id(word)]

    def run(self, words: list[bytes]) -> list[int]:
        """Where these stand behind the others, one after the other, and how many they are."""
        first = FIRST_PLACE + len(self.words)
        self.words.extend(words)
        return [first, len(words)]


def _said(way: Way, words: WordPlaces) -> list[int]:
    """A way in numbers."""
    walks, distinct, price, covers, left, short, path = way
    said = [int(walks), int(distinct), price, int(short), *_list(covers), *_list(left)]
    return [*said, *_path_said(path, words)]


def _path_said(path: Nested, words: WordPlaces) -> list[int]:
    """A path in numbers: its kind first."""
    kind, *said = path
    if kind in ("any", "least"):
        parts = [_path_said(part, words) for part in said[0]]
        return [_PATHS[kind], len(parts), *chain.from_iterable(parts)]
    number, *said = said
    tell: Callable[..., list[int]] = _TELL.get(kind, _tell_range)
    return [_PATHS[kind], number, *tell(words, *said)]


def _tell_range(words: WordPlaces, key: int, low: bytes, high: bytes, *more: Any) -> list[int]:  # noqa: ANN401 - two flags, and a list
    *flags, widths = more
    told = [key, words.place(low), words.place(high), *flags]
    return [*told, *_list([width + 1 for width in widths])]


_PATHS = {"any": 1, "least": 2, "set": 3, "owners": 4, "keys": 5, "sorted": 6, "scored": 7}
_TELL: dict[str, Callable[..., list[int]]] = {
    "set": lambda words, cursor, keys: [words.place(cursor), *_list(keys)],
    "owners": lambda words, key, values: [key, *words.run(values)],
    "keys": lambda words, keys: words.run(keys),
}
