"""The literals of conditions, read the short way, and how words are spelled of them.

What a condition compares with is read once, into the spellings that words are made of. A word in
which literals have a say is a `Spelled`: bytes that know the expression which makes them of others.
The expressions are source, since `shapes` generates one function of all those of a query.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from redmapper.mapping.columns import Column
from redmapper.mapping.ordering import AFTER, END, NONE, order_bytes
from redmapper.mapping.predicates import Between, Compare
from redmapper.mapping.scalars import order_stored_int
from redmapper.query.spans import Span, spans_of

Literal: TypeAlias = "tuple[bytes, bytes | None, bytes | None, tuple[bytes, ...]]"
"""What one condition compares with: low, high and point of its span, and its raw values.

The span has values as an index has them; raw are those that a record holds.
"""

Read: TypeAlias = "Callable[[Any], Literal | None]"
"""Reads the literals of a condition; None where nothing lies between them.

Raises UnsupportedQuery for a value that does not fit.
"""


def span_of(literal: Literal) -> Span:
    """The span of a literal."""
    return Span(*literal[:3])


# --- words of literals -----------------------------------------------------------------------


class Expression(NamedTuple):
    """How bytes are made of literals, as source, and what it calls by name.

    Of the condition that stands at 0 `low_0` and `high_0` are the ends of its span, `raws_0` its
    raw values, and `literal_0` is all of it. `limit` is the number of rows at most.
    """

    source: str
    names: Mapping[str, Any] = {}

    def behind(self, head: bytes) -> Expression:
        """The same behind other bytes."""
        return Expression(f"{head!r} + ({self.source})", self.names)


class Spelled(bytes):
    """A word in which literals have a say, with the expression that makes it of others."""

    made: Expression

    @classmethod
    def by(cls, word: bytes, made: Expression | None) -> bytes:
        """The word, if it is known how it is made; else plain bytes."""
        if made is None:
            return word
        spelled = cls(word)
        spelled.made = made
        return spelled


# --- reading literals ------------------------------------------------------------------------


def read_of(condition: Any, column: Column) -> Read:  # noqa: ANN401 - Compare, Between
    """What reads the literals of conditions that differ from this one in them alone."""
    read, scalar = partial(_read, column), column.kind.scalar
    plain = _PLAIN.get(scalar.type) if scalar is not None and column.norm is None else None
    if plain is None:
        return read
    if type(condition) is Between:
        return _between(*plain, read)
    ends = _ENDS.get(condition.operator)
    return read if ends is None else _compared(*plain, ends, read)


def _read(column: Column, said: Any) -> Literal | None:  # noqa: ANN401 - Compare, Between
    """The general way, which knows every value and refuses what is none."""
    spans: Any = spans_of(said, column)
    scalar: Any = column.kind.scalar
    span, norm = spans[0], column.norm
    if span.empty:
        return None
    values = (said.value,) if type(said) is Compare else (said.low, said.high)
    raws = tuple([scalar.encode(norm(value) if norm else value) for value in values])
    return span.low, span.high, span.point, raws


LONGEST = 4_000
"""Bytes of a literal that is read the short way; fewer than the digits of `scalars.HUGE`."""

_PLAIN: dict[type, tuple[type, Callable[[Any], bytes], Callable[[bytes], bytes]]] = {
    str: (str, str.encode, order_bytes),
    int: (int, b"%d".__mod__, order_stored_int),
}
"""How values of exactly this type are stored, and that is put in order.

Both kinds are variable ones: what comes after all that begins with a value is its end, one up. A
ValueError is a text with surrogates, or an integer with more digits than Python spells; one with so
many may be stored in hex, and goes the general way.
"""

Ends: TypeAlias = Callable[[bytes, bytes], "tuple[bytes, bytes | None, bytes | None]"]

_PRESENT = NONE[: -len(END)] + AFTER
"""Where the values begin that are not None."""

_ENDS: dict[str, Ends] = {
    "==": lambda value, after: (value, after, value),
    "<": lambda value, _: (_PRESENT, value, None),
    "<=": lambda _, after: (_PRESENT, after, None),
    ">": lambda _, after: (after, None, None),
    ">=": lambda value, _: (value, None, None),
}
"""The span of each operator: where it begins and ends, and its only value."""


def _compared(
    kind: type,
    encode: Callable[[Any], bytes],
    order: Callable[[bytes], bytes],
    ends: Ends,
    otherwise: Read,
) -> Read:
    """The short way for `==`, `<`, and the like."""

    def read(said: Any) -> Literal | None:  # noqa: ANN401 - a Compare
        value = said.value
        if type(value) is not kind:
            return otherwise(said)
        try:
            raw = encode(value)
        except ValueError:
            return otherwise(said)
        if len(raw) > LONGEST:
            return otherwise(said)
        encoded = order(raw)
        return (*ends(encoded, encoded[:-2] + AFTER), (raw,))

    return read


def _between(
    kind: type, encode: Callable[[Any], bytes], order: Callable[[bytes], bytes], otherwise: Read
) -> Read:
    """The short way for `between`."""

    def read(said: Any) -> Literal | None:  # noqa: ANN401 - a Between
        low, high = said.low, said.high
        if type(low) is not kind or type(high) is not kind:
            return otherwise(said)
        try:
            raws = encode(low), encode(high)
        except ValueError:
            return otherwise(said)
        if len(raws[0]) > LONGEST or len(raws[1]) > LONGEST:
            return otherwise(said)
        first, last = order(raws[0]), order(raws[1])
        return (first, last[:-2] + AFTER, None, raws) if first <= last else None

    return read
