"""Ranges of sorted sets as `find.lua` is told them: between members, or between cuts among scores.

A range that literals of the query decide alone has ends that are `Spelled`: they know how they are
made of other literals. `positions` say where the conditions stand that a range comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import TypeAlias

from redmapper.query.planner import ByOrdered, range_of
from redmapper.query.spans import Span
from redmapper.strategies.lua.literals import Expression, Literal, Spelled, span_of
from redmapper.strategies.lua.scores import Scores, before, behind

Ends: TypeAlias = tuple[bytes, bytes]

NOWHERE = -1
"""The position of a condition that stands inside another one."""


# --- between members -------------------------------------------------------------------------


def ranges_of(source: ByOrdered, positions: Sequence[int]) -> Iterator[Ends]:
    """Both ends of each range, as ZRANGE BYLEX wants them, in the order of the walk."""
    low = high = None
    if positions and NOWHERE not in positions and len(source.ranges) == 1:
        fields = [term.descending for term in source.index.index.terms] if source.index else []
        low, high = _range_makers(list(zip(positions, fields, strict=False)))
    for cut in reversed(source.ranges) if source.reverse else source.ranges:
        first, last = _ends(*cut)
        yield Spelled.by(first, low), Spelled.by(last, high)


def _ends(low: bytes, high: bytes | None) -> Ends:
    return b"[" + low, b"+" if high is None else b"(" + high


def _range_makers(places: Sequence[tuple[int, bool]]) -> tuple[Expression, Expression]:
    """What makes both ends of literals: where those stand, and whether the field descends.

    Of one field that ascends, its span says them as they are.
    """
    if len(places) == 1 and not places[0][1]:
        ((at, _),) = places
        high = f"b'+' if high_{at} is None else b'(' + high_{at}"
        return Expression(f"b'[' + low_{at}"), Expression(high)
    downs = [down for _, down in places]

    def ends(*literals: Literal) -> Ends:
        return _ends(*range_of(list(zip(map(span_of, literals), downs, strict=True))))

    name = f"ends_{id(ends)}"
    said = f"{name}({', '.join(f'literal_{at}' for at, _ in places)})"
    return Expression(f"{said}[0]", {name: ends}), Expression(f"{said}[1]", {name: ends})


# --- between cuts ----------------------------------------------------------------------------


def cuts_of(source: ByOrdered, scores: Scores, *, reverse: bool) -> Iterable[Ends]:
    """Both cuts of each span, in the order of the walk, which is `reverse` to the scores or not."""
    spans = sorted(source.spans, key=attrgetter("low"), reverse=reverse)
    if source.behind is not None:
        return _cuts_behind(*source.behind, spans, scores, reverse=reverse)
    return cuts_between(spans, scores)


def cuts_between(
    spans: Sequence[Span], scores: Scores, positions: Sequence[int] = ()
) -> Iterator[Ends]:
    """Both cuts of each span."""
    low = high = None
    if len(positions) == 1 == len(spans) and NOWHERE not in positions:
        low, high = _cut_makers(positions[0], scores)
    for span in spans:
        yield Spelled.by(scores.cut(span.low), low), Spelled.by(scores.cut(span.high), high)


def _cut_makers(at: int, scores: Scores) -> tuple[Expression, Expression]:
    """What makes both cuts of a literal; most are known."""
    known, cut = f"known_{id(scores)}", f"cut_{id(scores)}"
    names = {known: scores.known_cuts, cut: scores.cut}
    low, high = (f"{known}.get({end}_{at}) or {cut}({end}_{at})" for end in ("low", "high"))
    return Expression(low, names), Expression(high, names)


def _cuts_behind(
    value: bytes, tail: bytes, spans: Iterable[Span], scores: Scores, *, reverse: bool
) -> Iterator[Ends]:
    """Both cuts of each span, or of what is left of it behind a row."""
    row = scores.entry_of(value, tail)
    for span in spans:
        low, high = scores.cut(span.low), scores.cut(span.high)
        if span.holds(value):
            yield (low, before(row)) if reverse else (behind(row), high)
        elif (span.low > value) != reverse:
            yield low, high
