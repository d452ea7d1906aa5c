"""What `few.lua` is told of a query: the ways that sets and scores can follow to the end.

A way is one of them if its entries are those of sets that meet, or of one range; if the tests that
it leaves ask a set or the scores of a sorted set; and if it has the order, or none is needed, or
the order is that of scores or of integer keys. The words of ways and tests are among those that the
script is told anyhow. So here they go by their places there, and queries of one shape are told the
same, as one word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from redmapper.strategies.lua.packing import Nested, packed_nested
from redmapper.wire import Argument

if TYPE_CHECKING:
    from redmapper.strategies.lua.conditions import Test, Words
    from redmapper.strategies.lua.wording import Wording

MOST = 1_000
"""Candidates of such a query: what one command can ask about."""

MOST_OF_A_LIMITED = 200
"""The same where some rows are wanted: from there on a walk in order may be cheaper."""

FIRST_PLACE = 13
"""Where the first of the words that are bytes stands, counted from one."""


def few_of(
    wording: Wording, ways: Sequence[Words], words: Sequence[Argument], *, counts: bool
) -> bytes:
    """What is told of these ways, which are said in these words; nothing if there is none.

    `counts`: rows are counted, not read.
    """
    selection = wording.selection
    if selection.without or selection.after is not None or wording.late:
        return b""
    unordered = counts or selection.limit is None
    order = [] if unordered else _order(wording)
    tests = [test for _, test in wording.tests]
    told = list(_ways(ways, tests, sorts=order is not None))
    if not told:
        return b""
    names = selection.names or ()
    places = _places(words)
    first = places[id(names[0])] if names else 1
    few: list[Nested] = [
        MOST if unordered else MOST_OF_A_LIMITED,
        told,
        [list(test.asks) for test in tests],
        order or [],
        first,
        first + len(names) - 1,
        wording.long(),
    ]
    return packed_nested(_placed(few, places))


def _ways(ways: Sequence[Words], tests: Sequence[Test], *, sorts: bool) -> Iterable[Nested]:
    """Those of them that are such: number, 1 if it is walked in order, tests left, source."""
    for number, (walks, distinct, _, covered, *more) in enumerate(ways, start=1):
        covers, (kind, _, *source) = more[: int(covered)], more[int(covered) :]
        left = [at for at in range(1, len(tests) + 1) if at not in covers]
        asked = all(tests[at - 1].asks for at in left)
        if kind in _SOURCES and asked and distinct and (sorts or walks):
            yield [number, walks, left, kind, *_SOURCES[str(kind)](source)]


_SOURCES: dict[str, Callable[[Words], list[Nested]]] = {
    "set": lambda words: [words[2:]],
    "sorted": lambda words: [*words[:5], words[6:]],
    "scored": lambda words: [*words[:5], words[6:]],
}
"""Each kind of source as it is told here: the keys of sets that meet; or a range and its widths."""


def _order(wording: Wording) -> list[Nested] | None:
    """The order by integer keys or by scores; None if it is another."""
    order, mapped = wording.selection.order, wording.mapped
    descends = int(order.key_descending)
    if order.by_key_alone:
        return [descends] if mapped.key.scalar.tail == "int" else None
    (column, down), *more = order.terms
    scores = 0 if more else wording.scores_of(column)
    return [descends, scores, int(down)] if scores else None


def _places(words: Iterable[Argument]) -> Mapping[int, int]:
    """The place of each word that is bytes, by its identity."""
    said = [word for word in words if isinstance(word, bytes)]
    return {id(word): at for at, word in enumerate(said, start=FIRST_PLACE)}


def _placed(told: Nested, places: Mapping[int, int]) -> Nested:
    """The same with places for bytes."""
    if isinstance(told, list):
        return [_placed(each, places) for each in told]
    return places[id(told)] if isinstance(told, bytes) else told
