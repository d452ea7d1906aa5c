"""Conditions on one scalar field as spans of its encoded values.

Every such condition, from `==` to a text prefix, says that the encoded value lies in one of some
half-open spans `[low, high)` of bytes. So the planner can hand the spans to an index, and
`evaluate` can judge a record, by the same values and without a second meaning of `<`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import attrs

from redmapper.errors import UnsupportedQuery, ValueRefused
from redmapper.mapping.columns import Column
from redmapper.mapping.ordering import prefix_bounds, successor
from redmapper.mapping.predicates import (
    Between,
    Compare,
    In,
    IsNone,
    Not,
    Predicate,
    StartsWith,
)
from redmapper.mapping.scalars import Scalar


@attrs.frozen
class Span:
    """Encoded values from `low` up to but without `high` (None: no end); `point` if just one."""

    low: bytes
    high: bytes | None
    point: bytes | None = None

    def holds(self, encoded: bytes) -> bool:
        """Whether an encoded value lies inside."""
        return self.low <= encoded and (self.high is None or encoded < self.high)

    def meet(self, other: Span) -> Span:
        """What lies in both; empty spans have `high <= low`."""
        highs = [high for high in (self.high, other.high) if high is not None]
        low, high = max(self.low, other.low), min(highs, default=None)
        return Span(low, high, self.point if self.low == low else other.point)

    @property
    def empty(self) -> bool:
        """Whether nothing lies inside."""
        return self.high is not None and self.high <= self.low


Spans: TypeAlias = tuple[Span, ...]


def point(encoded: bytes) -> Span:
    """The span of one encoded value."""
    return Span(encoded, successor(encoded), encoded)


def spans_of(predicate: Predicate, column: Column) -> Spans | None:
    """The spans of a condition on a scalar column; None where it has none (as `has`, or `~`).

    Raises UnsupportedQuery for a value or an operator that does not fit the field.
    """
    scalar = column.kind.scalar
    if isinstance(predicate, Not) and isinstance(predicate.part, IsNone) and scalar is not None:
        return (_present(scalar),)
    make = _SPANS.get(type(predicate))
    return make(predicate, column, scalar) if make is not None and scalar is not None else None


def encode_value(asked: object, column: Column, scalar: Scalar, value: object) -> bytes:
    """A value that `asked` compares with, normed and encoded; UnsupportedQuery if unfit."""
    if value is None:
        message = f"`{asked!r}` compares with None: write is_none() or not_none()"
        raise UnsupportedQuery(message)
    try:
        return scalar.order(column.norm(value) if column.norm else value)
    except ValueRefused as refused:
        message = f"`{asked!r}`, {column.name}: {_reason(column, refused)}"
        raise UnsupportedQuery(message) from (None if column.hidden else refused)
    except Exception as error:  # noqa: BLE001 - the norm is the user's
        raise _norm_failed(asked, column, error) from (None if column.hidden else error)


def _reason(column: Column, refused: ValueRefused) -> str:
    return "the value does not fit; it is not shown" if column.hidden else refused.reason


def _norm_failed(asked: object, column: Column, error: Exception) -> UnsupportedQuery:
    reason = type(error).__name__ if column.hidden else f"{type(error).__name__}: {error}"
    return UnsupportedQuery(f"`{asked!r}`, {column.name}: {reason}")


def _present(scalar: Scalar) -> Span:
    """Every value but None."""
    return Span(successor(scalar.none) or b"", None)


NAN = b"\xff\xff"
"""Where NaN stands, which no index holds: above every value, and within no comparison."""


_PARTLY_COMPARABLE = ("datetime", "time", "float", "decimal")
"""Kinds with values that can not be compared with all others."""


def _comparable(scalar: Scalar, encoded: bytes) -> Span:
    """The values one value can be compared with: no NaN, and naive times only with naive ones."""
    if scalar.name in ("datetime", "time"):
        return Span(encoded[:1], successor(encoded[:1]))
    present = _present(scalar)
    return attrs.evolve(present, high=NAN) if scalar.name in ("float", "decimal") else present


def _compare(predicate: Any, column: Column, scalar: Scalar) -> Spans:  # noqa: ANN401 - a Compare
    encoded = encode_value(predicate, column, scalar, predicate.value)
    if predicate.operator == "==":
        return (point(encoded),)
    spans = _COMPARED[predicate.operator](encoded, successor(encoded) or b"")
    comparable = _comparable(scalar, encoded)
    return tuple([span.meet(comparable) for span in spans])


_COMPARED: dict[str, Callable[[bytes, bytes], Spans]] = {
    "!=": lambda encoded, after: (Span(b"", encoded), Span(after, None)),
    "<": lambda encoded, _: (Span(b"", encoded),),
    "<=": lambda _, after: (Span(b"", after),),
    ">": lambda _, after: (Span(after, None),),
    ">=": lambda encoded, _: (Span(encoded, None),),
}


def _between(predicate: Any, column: Column, scalar: Scalar) -> Spans:  # noqa: ANN401 - a Between
    low = encode_value(predicate, column, scalar, predicate.low)
    high = encode_value(predicate, column, scalar, predicate.high)
    within = Span(low, successor(high))
    if scalar.name not in _PARTLY_COMPARABLE:
        return (within,)
    return (within.meet(_comparable(scalar, low)).meet(_comparable(scalar, high)),)


def _in(predicate: Any, column: Column, scalar: Scalar) -> Spans:  # noqa: ANN401 - an In
    encoded = {
        scalar.none if value is None else encode_value(predicate, column, scalar, value)
        for value in predicate.values
    }
    return tuple(map(point, sorted(encoded)))


def _is_none(_: Any, __: Column, scalar: Scalar) -> Spans:  # noqa: ANN401 - an IsNone
    return (point(scalar.none),)


def _starts_with(predicate: Any, column: Column, scalar: Scalar) -> Spans:  # noqa: ANN401
    if scalar.type is not str or not isinstance(predicate.prefix, str):
        message = f"`{predicate!r}`: startswith is for text fields and takes text"
        raise UnsupportedQuery(message)
    try:
        prefix = column.norm(predicate.prefix) if column.norm else predicate.prefix
        return (Span(*prefix_bounds(prefix)),)
    except ValueRefused as refused:
        message = f"`{predicate!r}`: {_reason(column, refused)}"
        raise UnsupportedQuery(message) from (None if column.hidden else refused)
    except Exception as error:  # noqa: BLE001 - the norm is the user's
        raise _norm_failed(predicate, column, error) from (None if column.hidden else error)


_SPANS: dict[type[Predicate], Callable[[Any, Column, Scalar], Spans]] = {
    Compare: _compare,
    Between: _between,
    In: _in,
    IsNone: _is_none,
    StartsWith: _starts_with,
}
