"""The planner: which index serves a selection, and with which of its entries.

A pure function of the declaration. `plan_access` looks at every index, lets the rule of its kind
say which conditions it can serve (`_RULES`), and takes the one that serves most. What it leaves
over is the *residue*, judged on the records afterwards. A strategy with other means may ignore the
access and answer the selection its own way, but not before `plan_access` has passed it: what is
refused with `NoIndex` is the same everywhere.
"""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import attrs

from redmapper.errors import NoIndex
from redmapper.mapping.columns import Column
from redmapper.mapping.indexes import Index, Lookup, Ordered, Unique
from redmapper.mapping.mapped import KeyBytes, MappedClass, MappedIndex
from redmapper.mapping.ordering import descending, descending_bounds, successor
from redmapper.mapping.predicates import And, Has, Or, Predicate
from redmapper.query.evaluate import judge_of
from redmapper.query.selection import Order, Selection, column_of
from redmapper.query.spans import Span, Spans, encode_value, spans_of

MOST_RANGES = 1_000
"""Products of several `in_` conditions beyond this are judged on the records instead."""

LONGEST_MESSAGE = 300
"""Characters of a condition that an error shows."""

Cut: TypeAlias = tuple[bytes, "bytes | None"]


@attrs.frozen
class ByKeys:
    """The entities of these keys."""

    keys: tuple[KeyBytes, ...]


@attrs.frozen
class ByUnique:
    """The owners of these encoded values."""

    index: MappedIndex
    values: tuple[bytes, ...]


@attrs.frozen
class ByLookup:
    """The entities that have one of these encoded values."""

    index: MappedIndex
    values: tuple[bytes, ...]


@attrs.frozen
class ByOrdered:
    """The entities in these ranges of an `Ordered`, or (None) of the listing of all keys."""

    index: MappedIndex | None
    ranges: tuple[Cut, ...]
    reverse: bool = False


Source: TypeAlias = "ByKeys | ByUnique | ByLookup | ByOrdered"


@attrs.frozen
class Access:
    """How to reach the rows: their sources, what is left to judge, and what is sure.

    `in_order`: one source, walked in the wanted order. `distinct`: no row comes up twice.
    """

    sources: tuple[Source, ...]
    residue: Predicate | None
    in_order: bool = False
    distinct: bool = True


@attrs.frozen
class _Served:
    """What an index can do for a selection; `by` are the conditions it takes off it."""

    source: Source
    by: tuple[Predicate, ...]
    in_order: bool = False
    distinct: bool = True

    def rank(self, *, limited: bool) -> tuple[int, bool, int]:
        """Greater is better: more conditions served, then the order, then the cheaper kind."""
        kind = {ByKeys: 3, ByUnique: 2, ByLookup: 1, ByOrdered: 0}[type(self.source)]
        exact = kind if kind > 1 else 0
        return (exact * 100 + len(self.by), self.in_order and limited, kind)


Rule: TypeAlias = Callable[[MappedIndex, "list[Predicate]", Selection], "_Served | None"]


def plan_access(selection: Selection) -> Access:
    """The best access to a selection's rows; NoIndex where no index serves its condition."""
    judge_of(selection.where, selection.mapped)  # names what is wrong with the condition itself
    conditions = _conditions(selection.where)
    served = _best(conditions, selection)
    if served is not None:
        left = [each for each in conditions if not any(each is taken for taken in served.by)]
        residue = And(tuple(left)) if left else None
        return Access((served.source,), residue, served.in_order, served.distinct)
    either = _either(conditions, selection)
    if either is not None:
        return either
    if conditions and not selection.scan:
        raise _no_index(selection)
    listing = _whole(selection)
    return Access((listing.source,), selection.where, listing.in_order)


def _conditions(where: Predicate | None) -> list[Predicate]:
    """The conditions that must all hold."""
    if where is None:
        return []
    return list(where.parts) if isinstance(where, And) else [where]


def _best(conditions: list[Predicate], selection: Selection) -> _Served | None:
    """The index that serves most of the conditions, or None where none serves any."""
    candidates = [_by_key(conditions, selection)]
    candidates += [
        _RULES[type(index.index)](index, conditions, selection)
        for index in selection.mapped.indexes.values()
    ]
    limited = selection.limit is not None
    found = [each for each in candidates if each is not None and each.by]
    return max(found, key=lambda each: each.rank(limited=limited), default=None)


def _either(conditions: list[Predicate], selection: Selection) -> Access | None:
    """The union of what serves each side of an `|`, all else being judged afterwards."""
    for condition in conditions:
        if not isinstance(condition, Or):
            continue
        sides = [attrs.evolve(selection, where=part, scan=False) for part in condition.parts]
        try:
            accesses = [plan_access(side) for side in sides]
        except NoIndex:
            continue
        sources = tuple(itertools.chain.from_iterable(each.sources for each in accesses))
        return Access(sources, selection.where, distinct=False)
    return None


def _whole(selection: Selection) -> _Served:
    """All rows: by the `Ordered` that has the wanted order, or by the listing."""
    for index in selection.mapped.indexes.values():
        if isinstance(index.index, Ordered):
            direction = _direction(index, 0, selection.order)
            if direction is not None:
                return _Served(ByOrdered(index, ((b"", None),), direction), (), in_order=True)
    order = selection.order
    everything = ByOrdered(None, ((b"", None),), order.key_descending)
    return _Served(everything, (), in_order=order.by_key_alone)


# --- the rule of each kind -------------------------------------------------------------------


def _by_key(conditions: list[Predicate], selection: Selection) -> _Served | None:
    """The key always serves: exact keys, or a range of the listing."""
    column, order = selection.mapped.key.listed, selection.order
    for condition, spans in _spans(
        conditions, selection.mapped.key.attribute.column, selection, column
    ):
        if all(span.point is not None for span in spans):
            keys = tuple(dict.fromkeys(_keys_of(condition, selection.mapped)))
            return _Served(ByKeys(keys), (condition,))
        ranges = tuple((span.low, span.high) for span in spans if not span.empty)
        source = ByOrdered(None, ranges, order.key_descending)
        return _Served(source, (condition,), in_order=order.by_key_alone)
    return None


def _keys_of(condition: Predicate, mapped: MappedClass) -> Iterator[KeyBytes]:
    """The keys that an `==` or `in_` on the key names."""
    values = getattr(condition, "values", None)
    for value in (getattr(condition, "value", None),) if values is None else values:
        if value is not None:
            yield mapped.encode_key(value)


def _unique(
    index: MappedIndex, conditions: list[Predicate], selection: Selection
) -> _Served | None:
    """Equality on every field, None excepted unless it is a value of the index."""
    found = _points(index, conditions, selection)
    if found is None or not isinstance(index.index, Unique):
        return None
    values, by = found
    if not index.index.nulls and any(_holds_none(each, index) for each in values):
        return None
    return _Served(ByUnique(index, tuple(map(b"".join, values))), by)


def _holds_none(values: tuple[bytes, ...], index: MappedIndex) -> bool:
    return any(
        column.kind.scalar is not None and value == column.kind.scalar.none
        for value, column in zip(values, index.columns, strict=True)
    )


def _lookup(
    index: MappedIndex, conditions: list[Predicate], selection: Selection
) -> _Served | None:
    """Equality on every field, membership for a collection."""
    found = _points(index, conditions, selection)
    if found is None:
        return None
    values, by = found
    distinct = len(values) == 1 or all(column.kind.scalar for column in index.columns)
    return _Served(ByLookup(index, tuple(map(b"".join, values))), by, distinct=distinct)


def _points(
    index: MappedIndex, conditions: list[Predicate], selection: Selection
) -> tuple[list[tuple[bytes, ...]], tuple[Predicate, ...]] | None:
    """The encoded values that equalities on all the fields of an index leave, and from which."""
    choices: list[list[bytes]] = []
    by: list[Predicate] = []
    for column in index.columns:
        chosen = _choice(column, conditions, selection)
        if chosen is None:
            return None
        choices.append(chosen[1])
        by.append(chosen[0])
    if _too_many(len(chosen) for chosen in choices):
        return None
    return list(itertools.product(*choices)), tuple(by)


def _too_many(choices: Iterable[int]) -> bool:
    """Whether several fields with many values each make a product that is better judged later."""
    several = [count for count in choices if count > 1]
    return len(several) > 1 and math.prod(several) > MOST_RANGES


def _choice(
    column: Column, conditions: list[Predicate], selection: Selection
) -> tuple[Predicate, list[bytes]] | None:
    """The condition that names exact values of a field, and these."""
    if column.kind.elements is not None:
        return _element(column, conditions, selection)
    for condition, spans in _spans(conditions, column, selection):
        points = [span.point for span in spans if span.point is not None]
        if len(points) == len(spans):
            return condition, points
    return None


def _element(
    column: Column, conditions: list[Predicate], selection: Selection
) -> tuple[Predicate, list[bytes]] | None:
    for condition in conditions:
        if isinstance(condition, Has) and column_of(condition.field, selection.mapped) is column:
            elements = column.kind.elements
            if elements is not None:
                return condition, [encode_value(condition, column, elements, condition.element)]
    return None


def _ordered(
    index: MappedIndex, conditions: list[Predicate], selection: Selection
) -> _Served | None:
    """Equality on leading fields, then a range on the next; and the order of what follows."""
    ranges: tuple[Cut, ...] = ((b"", None),)
    by: list[Predicate] = []
    fixed = 0
    for term, column in zip(index.index.terms, index.columns, strict=True):
        taken = _narrow(ranges, column, term.descending, conditions, selection)
        if taken is None:
            break
        ranges, conditions_used, exact = taken
        by.extend(conditions_used)
        if exact and len(ranges) == 1:
            fixed += 1
        if not exact:
            break
    direction = _direction(index, fixed, selection.order)
    source = ByOrdered(index, tuple(sorted(ranges)), bool(direction))
    return _Served(source, tuple(by), in_order=direction is not None)


def _narrow(
    heads: tuple[Cut, ...],
    column: Column,
    term_descends: bool,  # noqa: FBT001 - how the index has the field
    conditions: list[Predicate],
    selection: Selection,
) -> tuple[tuple[Cut, ...], list[Predicate], bool] | None:
    """Ranges narrowed by the conditions on one field; whether they still are exact values."""
    found = list(_spans(conditions, column, selection))
    if not found:
        return None
    points = [each for each in found if all(span.point is not None for span in each[1])]
    used = points[:1] or found
    spans = used[0][1]
    for _, others in used[1:]:
        spans = tuple(a.meet(b) for a in spans for b in others)
    cuts = [_cut(span, term_descends) for span in spans if not span.empty]
    if _too_many((len(heads), len(cuts))):
        return None
    ranges = tuple(_below(head, low, high) for head, _ in heads for low, high in cuts)
    return ranges, [condition for condition, _ in used], bool(points)


def _cut(span: Span, descends: bool) -> Cut:  # noqa: FBT001 - how the index has the field
    """A span as a range; the low cut of one value is its whole encoding: the next fields follow."""
    if not descends:
        return span.low, span.high
    if span.point is not None:
        head = descending(span.point)
        return head, successor(head)
    return descending_bounds(span.low, span.high)


def _below(head: bytes, low: bytes, high: bytes | None) -> Cut:
    """A range of one field, below fixed values of the fields before it."""
    return head + low, successor(head) if high is None else head + high


def _direction(index: MappedIndex, fixed: int, order: Order) -> bool | None:
    """Whether walking the index gives the order: forward (False), backward (True), not (None).

    The first `fixed` fields have one value each, so that any order by them is as good as none.
    """
    has = [
        (column.name, term.descending)
        for term, column in zip(index.index.terms, index.columns, strict=True)
    ]
    names = [name for name, _ in has[:fixed]]
    wants = [(column.name, down) for column, down in order.terms if column.name not in names]
    rest = [*has[fixed:], ("", has[-1][1])]  # at last the key, which goes as the last field does
    wanted = [*wants, ("", order.key_descending)]
    if wanted == rest:
        return False
    if wanted == [(name, not down) for name, down in rest]:
        return True
    return None


def _spans(
    conditions: list[Predicate],
    column: Column,
    selection: Selection,
    encoded_as: Column | None = None,
) -> Iterator[tuple[Predicate, Spans]]:
    """The conditions on a column that are spans of its values."""
    for condition in conditions:
        field = getattr(getattr(condition, "part", condition), "field", None)
        if field is None or column_of(field, selection.mapped) is not column:
            continue
        spans = spans_of(condition, encoded_as or column)
        if spans is not None and not _is_unequal(condition):
            yield condition, spans


def _is_unequal(condition: Predicate | None) -> bool:
    """`!=` leaves almost everything: no index serves it."""
    return getattr(condition, "operator", "") == "!="


_RULES: dict[type[Index], Rule] = {Unique: _unique, Lookup: _lookup, Ordered: _ordered}


def _no_index(selection: Selection) -> NoIndex:
    """The error, and the index that would help."""
    mapper = selection.mapped.mapper.__name__
    asked = textwrap.shorten(repr(selection.where), LONGEST_MESSAGE)
    cure = _cure(_unserved(selection), selection.mapped)
    return NoIndex(f"no index of {mapper} serves `{asked}`: {cure}, or call .allow_scan()")


def _unserved(selection: Selection) -> Predicate | None:
    """The part of a condition to which an index should be added."""
    for condition in _conditions(selection.where):
        if not isinstance(condition, Or):
            return condition
        for part in condition.parts:
            side = attrs.evolve(selection, where=part, scan=False)
            try:
                plan_access(side)
            except NoIndex:
                return _unserved(side)
    return None


def _cure(condition: Predicate | None, mapped: MappedClass) -> str:
    """What to declare for a condition that no index serves."""
    field = getattr(condition, "field", None)
    if field is None or _is_unequal(condition):
        return "!= and ~ are served by none; add a condition that one serves"
    column = column_of(field, mapped)
    if isinstance(condition, Has):
        return f"declare Lookup({field.name}) in {mapped.mapper.__name__}"
    if column.kind.scalar is None:
        return f"declare an index over a Computed of {field.name}"
    return f"declare Ordered({field.name}) in {mapped.mapper.__name__}"
