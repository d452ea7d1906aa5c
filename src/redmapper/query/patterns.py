"""Patterns of text: what stands between the `*`, looked for one part after the other.

A pattern is cut at each `*` into *segments*, and a segment is a row of literal texts and of `ANY`
(one `?`). So a segment matches a certain number of characters, and the first place where one fits
leaves the most room for those behind it: nothing has to be tried twice.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any, TypeAlias

import attrs

from redmapper.errors import UnsupportedQuery, ValueRefused
from redmapper.mapping.columns import Column
from redmapper.mapping.ordering import utf8
from redmapper.mapping.predicates import Contains, EndsWith, Like, Predicate

ANY = None
"""Stands in a segment for any one character."""

Segment: TypeAlias = tuple[str | None, ...]


@attrs.frozen
class Pattern:
    """Segments in their order; whether the first stands at the beginning, the last at the end."""

    segments: tuple[Segment, ...]
    begins: bool = False
    ends: bool = False

    def matcher(self) -> Callable[[str], bool]:
        """The function that says whether a text is the pattern."""
        searches = [re.compile(each, re.DOTALL).search for each in self.spelled(re.escape, ".")]

        def matches(text: str) -> bool:
            at = 0
            for search in searches:
                found = search(text, at)
                if found is None:
                    return False
                at = found.end()
            return True

        return matches

    def spelled(
        self, escape: Callable[[str], str], one: str, begin: str = r"\A", end: str = r"\Z"
    ) -> list[str]:
        """Each segment as a search of its own, in some language of patterns."""
        spelled = [
            "".join(one if part is None else escape(part) for part in segment)
            for segment in self.segments
        ]
        if self.begins:
            spelled[0] = begin + spelled[0]
        if self.ends:
            spelled[-1] += end
        return spelled


def pattern_of(predicate: Any, column: Column) -> Pattern | None:  # noqa: ANN401 - a condition
    """The pattern of a condition on text, None for other conditions; UnsupportedQuery if unfit.

    The field's norm is applied to each literal part by itself, so that it never sees a `*`.
    """
    make = _PATTERNS.get(type(predicate))
    if make is None:
        return None
    scalar, text = column.kind.scalar, predicate.text
    if scalar is None or scalar.type is not str or not isinstance(text, str):
        message = f"`{predicate!r}`: it is for text fields and takes text"
        raise UnsupportedQuery(message)
    try:
        utf8(text)
    except ValueRefused as refused:
        reason = "the value does not fit; it is not shown" if column.hidden else refused.reason
        message = f"`{predicate!r}`: {reason}"
        raise UnsupportedQuery(message) from None
    return make(text, column.norm or str)


def _literal(text: str, norm: Callable[[str], str]) -> Segment:
    return (norm(text),) if text else ()


def _contains(text: str, norm: Callable[[str], str]) -> Pattern:
    return Pattern((_literal(text, norm),))


def _ends_with(text: str, norm: Callable[[str], str]) -> Pattern:
    return Pattern((_literal(text, norm),), ends=True)


def _like(text: str, norm: Callable[[str], str]) -> Pattern:
    parts = text.split("*")
    segments = [_segment(part, norm) for part in parts]
    begins, ends = bool(parts[0]) or len(parts) == 1, bool(parts[-1]) or len(parts) == 1
    kept = tuple(each for each in segments if each) if len(parts) > 1 else tuple(segments)
    return Pattern(kept, begins, ends)


def _segment(part: str, norm: Callable[[str], str]) -> Segment:
    literals = (_literal(literal, norm) for literal in part.split("?"))
    between: list[Segment] = [(ANY,)] * part.count("?")
    pieces = itertools.zip_longest(literals, between, fillvalue=())
    return tuple(itertools.chain.from_iterable(itertools.chain.from_iterable(pieces)))


_PATTERNS: dict[type[Predicate], Callable[[str, Callable[[str], str]], Pattern]] = {
    Contains: _contains,
    EndsWith: _ends_with,
    Like: _like,
}
