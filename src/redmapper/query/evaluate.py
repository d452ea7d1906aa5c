"""A condition over a record, in Python: the meaning that every strategy is held against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from redmapper.errors import UnsupportedQuery
from redmapper.mapping.columns import Column, Record
from redmapper.mapping.mapped import MappedClass
from redmapper.mapping.predicates import And, Has, HasAll, HasAny, IsNone, Not, Or, Predicate
from redmapper.query.patterns import pattern_of
from redmapper.query.selection import Selection, column_of, place_of
from redmapper.query.spans import encode_value, spans_of

Judge: TypeAlias = Callable[[Record], bool]


def judge_of(predicate: Predicate | None, mapped: MappedClass) -> Judge:
    """The function that says whether a record (its key included) meets the condition.

    Raises UnknownField and UnsupportedQuery, before any record is seen.
    """
    if predicate is None:
        return lambda _: True
    return _COMBINED.get(type(predicate), _one_field)(predicate, mapped)


def check(predicate: Any, selection: Selection) -> None:  # noqa: ANN401 - any condition
    """Raise what `judge_of` raises, without making a function."""
    if isinstance(predicate, (And, Or)):
        for part in predicate.parts:
            check(part, selection)
    elif isinstance(predicate, Not):
        check(predicate.part, selection)
    elif predicate is not None:
        column = column_of(predicate.field, selection.mapped)
        if column.kind.scalar is None or selection.spans(predicate, column) is None:
            judge_of(predicate, selection.mapped)


def _and(predicate: Any, mapped: MappedClass) -> Judge:  # noqa: ANN401 - an And
    judges = [judge_of(part, mapped) for part in predicate.parts]
    return lambda record: all(judge(record) for judge in judges)


def _or(predicate: Any, mapped: MappedClass) -> Judge:  # noqa: ANN401 - an Or
    judges = [judge_of(part, mapped) for part in predicate.parts]
    return lambda record: any(judge(record) for judge in judges)


def _not(predicate: Any, mapped: MappedClass) -> Judge:  # noqa: ANN401 - a Not
    judge = judge_of(predicate.part, mapped)
    return lambda record: not judge(record)


def elements_of(predicate: Any, column: Column) -> frozenset[bytes]:  # noqa: ANN401 - a Has...
    """The encoded elements that a condition on a collection names; UnsupportedQuery if unfit."""
    elements = column.kind.elements
    if elements is None:
        message = f"`{predicate!r}`: {_verb(predicate)}() is for collections of scalars"
        raise UnsupportedQuery(message)
    named = (predicate.element,) if isinstance(predicate, Has) else predicate.elements
    return frozenset(encode_value(predicate, column, elements, each) for each in named)


def _verb(predicate: Predicate) -> str:
    return {HasAny: "has_any", HasAll: "has_all"}.get(type(predicate), "has")


def _has(predicate: Any, mapped: MappedClass) -> Judge:  # noqa: ANN401 - a Has...
    """Of a collection that is None, nothing is true."""
    column = column_of(predicate.field, mapped)
    wanted = elements_of(predicate, column)
    order = column.kind.elements.order if column.kind.elements else bytes
    enough = wanted.isdisjoint if isinstance(predicate, HasAny) else wanted.issubset

    def judge(record: Record) -> bool:
        held = column.queried(record)
        return held is not None and enough(map(order, held)) != isinstance(predicate, HasAny)

    return judge


def _one_field(predicate: Any, mapped: MappedClass) -> Judge:  # noqa: ANN401 - a condition
    column = column_of(predicate.field, mapped)
    if column.kind.scalar is None:
        return _of_nested(predicate, column)
    pattern = pattern_of(predicate, column)
    if pattern is not None:
        matches = pattern.matcher()
        return lambda record: (raw := column.raw(record)) is not None and matches(raw.decode())
    spans = spans_of(predicate, column)
    if spans is None:
        message = f"`{predicate!r}` is not answered for {predicate.field!r}"
        raise UnsupportedQuery(message)
    encoded = place_of(column)

    def judge(record: Record) -> bool:
        value = encoded(record)
        return any(span.holds(value) for span in spans)

    return judge


def _of_nested(predicate: Any, column: Column) -> Judge:  # noqa: ANN401 - a condition
    """A nested value can only be there or not."""
    if not isinstance(predicate, IsNone):
        message = f"`{predicate!r}`: a nested value is asked with has() or is_none()"
        raise UnsupportedQuery(message)
    return lambda record: column.raw(record) is None


_COMBINED: dict[type[Predicate], Callable[[Any, MappedClass], Judge]] = {
    And: _and,
    Or: _or,
    Not: _not,
    Has: _has,
    HasAny: _has,
    HasAll: _has,
}
