"""Conditions in the words of `find.lua`: a test for each kind.

The script judges stored bytes, so here conditions are said again over those: equality where a value
has one spelling, bounds for the comparators otherwise, sets to be probed where a `Lookup` has them.
What it can not judge (a collection without a `Lookup` of its own, a pattern of very many `?`) is
*late*: such a condition is left to Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from redmapper.mapping.columns import Column
from redmapper.mapping.ordering import successor, utf8
from redmapper.mapping.predicates import (
    And,
    Between,
    Compare,
    Contains,
    EndsWith,
    Has,
    HasAll,
    HasAny,
    In,
    IsNone,
    Like,
    Not,
    Or,
    Predicate,
    StartsWith,
)
from redmapper.mapping.scalars import Scalar
from redmapper.query.evaluate import elements_of
from redmapper.query.patterns import pattern_of
from redmapper.query.selection import column_of
from redmapper.strategies.lua.literals import Expression, Spelled
from redmapper.wire import Argument

if TYPE_CHECKING:
    from redmapper.strategies.lua.wording import Wording

Words: TypeAlias = list[Argument]

MOST_MARKS = 50
"""`?` in a pattern that the script matches: each is a level of recursion there."""

_SEVERAL_SPELLINGS = ("float", "decimal", "datetime", "time")
"""Kinds of which two stored values may be equal though their bytes are not: 1.0 and 1.00."""

_LIMITS = {
    ("datetime", False): ("0001-01-01T00:00:00", "9999-12-31T23:59:59.999999"),
    ("datetime", True): (
        "0001-01-01T00:00:00+23:59:59.999999",
        "9999-12-31T23:59:59.999999-23:59:59.999999",
    ),
    ("time", False): ("00:00:00", "23:59:59.999999"),
    ("time", True): ("00:00:00+23:59:59.999999", "23:59:59.999999-23:59:59.999999"),
}
"""The first and the last value that one of a kind, naive or aware, is compared with."""

_TIMES = ("datetime", "time")

_AWARE = b"\2"
"""What the encoding of an aware time begins with: see `mapping.ordering`."""


class Late(Exception):
    """A condition that the script can not judge."""


FREE, SCORED, READ = 0, 2, 3
"""What a test costs for a candidate, in units of half a microsecond."""


@attrs.frozen
class Test:
    """A condition in the words of the script, and its price.

    It is free to ask for many candidates at once whether a set has them, cheap to ask for their
    scores (records are read of those alone that have none), and dear to read all records.
    `sets`: what passes is what this one set has. `asks`: what `few.lua` is told of it, which is
    a set, or a set by score and two cuts; nothing of other tests.
    """

    words: Words
    price: int
    sets: tuple[int, ...] = ()
    asks: tuple[Argument, ...] = ()

    @property
    def must_read(self) -> bool:
        """Whether it looks at the records of all."""
        return self.price == READ


def _column(wording: Wording, predicate: Any) -> Column:  # noqa: ANN401 - a condition
    return column_of(predicate.field, wording.mapped)


def _scalar(column: Column) -> Scalar:
    if column.kind.scalar is None:
        raise Late
    return column.kind.scalar


def _raw(column: Column, value: object) -> bytes:
    """A value that conditions compare with, as a record holds it."""
    return _scalar(column).encode(column.norm(value) if column.norm else value)


def _of_one(wording: Wording, predicate: Any) -> Test:  # noqa: ANN401 - a condition
    """A condition on one scalar field: a set to probe, some values, or spans of them."""
    column = _column(wording, predicate)
    index = wording.lookup_of(column)
    spans = wording.selection.spans(predicate, column) if index is not None else None
    if index is not None and spans is not None:
        points = [span.point for span in spans if span.point is not None]
        if len(points) == len(spans):
            return wording.probe(index, points, predicate)
    return _BOUNDS[type(predicate)](wording, predicate, column)


def _compare(wording: Wording, predicate: Compare, column: Column) -> Test:
    raw = _raw(column, predicate.value)
    if predicate.operator == "==":
        return _values(wording, predicate, column, [wording.spelled(raw, predicate, _raw_again(0))])
    least, most = _limits(column, predicate.value)
    if _scalar(column).name in _TIMES:
        least = wording.spelled(least, predicate, _limit_again(column, 0))
        most = wording.spelled(most, predicate, _limit_again(column, 1))
    open_, closed = (
        wording.spelled(mark + raw, predicate, _raw_again(0, mark)) for mark in (b"(", b"[")
    )
    bounds: dict[str, list[tuple[bytes, bytes]]] = {
        "!=": [(least, open_), (open_, most)],
        "<": [(least, open_)],
        "<=": [(least, closed)],
        ">": [(open_, most)],
        ">=": [(closed, most)],
    }
    return _span(wording, predicate, column, bounds[predicate.operator])


MakeOne: TypeAlias = Callable[[int], Expression]
"""How a word is made of the literals of one condition, by its position."""


def _raw_again(end: int, mark: bytes = b"") -> MakeOne:
    return lambda at: Expression(f"{mark!r} + raws_{at}[{end}]" if mark else f"raws_{at}[{end}]")


def _limit_again(column: Column, end: int) -> MakeOne:
    name = _scalar(column).name  # its span says it: that of an aware time has none but aware ones
    source = f"time_limits({name!r}, aware=low_{{at}}[:1] == {_AWARE!r})[{end}]"
    return lambda at: Expression(source.format(at=at), {"time_limits": _time_limits})


def _limits(column: Column, value: Any) -> tuple[bytes, bytes]:  # noqa: ANN401 - a value
    """What a value is compared with: naive times with naive ones only."""
    scalar = _scalar(column)
    if scalar.name not in _TIMES:
        return b"-", b"-"
    encoded = scalar.order(column.norm(value) if column.norm else value)
    return _time_limits(scalar.name, aware=encoded[:1] == _AWARE)


def _time_limits(name: str, *, aware: bool) -> tuple[bytes, bytes]:
    first, last = _LIMITS[name, aware]
    return b"[" + first.encode(), b"[" + last.encode()


def _between(wording: Wording, predicate: Between, column: Column) -> Test:
    low, high = _raw(column, predicate.low), _raw(column, predicate.high)
    if _limits(column, predicate.low) != _limits(column, predicate.high):
        return Test(["or", 0], FREE)  # from a naive time to an aware one there is nothing
    first, last = (
        wording.spelled(b"[" + raw, predicate, _raw_again(end, b"["))
        for end, raw in enumerate((low, high))
    )
    return _span(wording, predicate, column, [(first, last)])


def _in(wording: Wording, predicate: In, column: Column) -> Test:
    raws = [_raw(column, value) for value in predicate.values if value is not None]
    test = _values(wording, predicate, column, raws)
    if len(raws) == len(predicate.values):
        return test
    return Test(["or", 2, *_is_none(wording, predicate, column).words, *test.words], READ)


def _is_none(wording: Wording, _: Predicate, column: Column) -> Test:
    return Test(["none", wording.column(column)], READ)


def _starts_with(wording: Wording, predicate: StartsWith, column: Column) -> Test:
    prefix = utf8(column.norm(predicate.prefix) if column.norm else predicate.prefix)
    after = successor(prefix)
    high = b"-" if after is None else b"(" + after
    return _span(wording, predicate, column, [(b"[" + prefix, high)])


def _values(wording: Wording, predicate: Predicate, column: Column, raws: list[bytes]) -> Test:
    alone = len(raws) == 1 and wording.scored(column)
    if alone or _scalar(column).name in _SEVERAL_SPELLINGS:
        closed = [(each, each) for each in map(_closed, raws)]
        return _span(wording, predicate, column, closed)
    number, price = wording.column_to_test(column)
    return Test(["one", number, len(raws), *raws], price)


def _closed(raw: bytes) -> bytes:
    """A value as a bound that has it."""
    return Spelled.by(b"[" + raw, raw.made.behind(b"[") if isinstance(raw, Spelled) else None)


def _span(
    wording: Wording, predicate: Predicate, column: Column, bounds: list[tuple[bytes, bytes]]
) -> Test:
    flat = [bound for pair in bounds for bound in pair]
    cuts = wording.cuts(predicate, column) if len(bounds) == 1 else None
    number, price = wording.column_to_test(column, by_cuts=cuts is not None)
    if cuts is not None:
        asks = (wording.scores_of(column), *cuts)
        return Test(["scored", number, *cuts, *flat], price, asks=asks)
    return Test(["span", number, len(bounds), *flat], price)


_BOUNDS: dict[type[Predicate], Callable[[Wording, Any, Column], Test]] = {
    Compare: _compare,
    Between: _between,
    In: _in,
    IsNone: _is_none,
    StartsWith: _starts_with,
}


def _like(wording: Wording, predicate: Any) -> Test:  # noqa: ANN401 - a condition on text
    column = _column(wording, predicate)
    pattern = pattern_of(predicate, column)
    if pattern is None or sum(each.count(None) for each in pattern.segments) > MOST_MARKS:
        raise Late
    spelled = pattern.spelled(_escaped, _CHARACTER, "^", "$")
    patterns = [each.encode("latin-1") for each in spelled]
    return Test(["like", wording.column(column), len(patterns), *patterns], READ)


_CHARACTER = "[%z\x01-\x7f\xc2-\xf4][\x80-\xbf]*"
"""One character in UTF-8. Lua's patterns are of bytes, each of which is a character here."""


def _escaped(text: str) -> str:
    """Text as a Lua pattern: every special character literal, and no 00 in it."""
    as_bytes = text.encode().decode("latin-1")
    return re.sub(r"([\^$()%.\[\]*+\-?])", r"%\1", as_bytes).replace("\0", "%z")


def _collection(wording: Wording, predicate: Any) -> Test:  # noqa: ANN401 - a Has...
    """By the sets of its `Lookup`, of which there is one for each element."""
    column = _column(wording, predicate)
    index, elements = wording.lookup_of(column), sorted(elements_of(predicate, column))
    if index is None or (isinstance(predicate, HasAll) and not elements):
        raise Late
    if not isinstance(predicate, HasAll):
        return wording.probe(index, elements)
    words: Words = ["and", len(elements)]
    for element in elements:
        words += wording.probe(index, [element]).words
    return Test(words, FREE)


def _negated(wording: Wording, predicate: Not) -> Test:
    test = wording.test(predicate.part)
    return Test(["not", *test.words], test.price)


TESTS: dict[type[Predicate], Callable[[Wording, Any], Test]] = {
    And: lambda wording, predicate: wording.several("and", predicate.parts),
    Or: lambda wording, predicate: wording.several("or", predicate.parts),
    Not: _negated,
    Compare: _of_one,
    Between: _of_one,
    In: _of_one,
    IsNone: _of_one,
    StartsWith: _of_one,
    Contains: _like,
    EndsWith: _like,
    Like: _like,
    Has: _collection,
    HasAny: _collection,
    HasAll: _collection,
}
