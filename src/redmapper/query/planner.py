"""The planner: which indexes serve a selection, and with which of their entries.

A pure function of the declaration. `plan_accesses` looks at every index, lets the rule of its kind
say which conditions it can serve (`_RULES`), and answers every way there is to reach the rows, that
which serves most first. What a way leaves over is its *residue*, judged on what it finds. Which way
is the cheapest depends on how many entries there are: a strategy that can count them is free to
take another than the first, and one with other means may ignore them all; but not before
`plan_access` has passed the selection: what is refused with `NoIndex` is the same everywhere.
"""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

import attrs

from redmapper.errors import NoIndex
from redmapper.mapping.columns import Column
from redmapper.mapping.entries import key_tail
from redmapper.mapping.indexes import Index, Lookup, Ordered, Unique
from redmapper.mapping.mapped import KeyBytes, MappedClass, MappedIndex
from redmapper.mapping.ordering import descending, descending_bounds, successor
from redmapper.mapping.predicates import (
    And,
    Compare,
    Contains,
    EndsWith,
    Has,
    HasAll,
    HasAny,
    In,
    Like,
    Or,
    Predicate,
)
from redmapper.query.evaluate import check, elements_of
from redmapper.query.selection import Order, Selection, column_of, place_of
from redmapper.query.spans import Span, Spans, spans_of

MOST_RANGES = 1_000
"""Products of several `in_` conditions beyond this are judged on the records instead."""

LONGEST_MESSAGE = 300
"""Characters of a condition that an error shows."""

Cut: TypeAlias = tuple[bytes, "bytes | None"]

_ALL: Cut = (b"", None)
_EVERY: Spans = (Span(b"", None),)


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
    """The entities in these ranges of an `Ordered`, or (None) of the listing of all keys.

    Of an index over one field they are said as `spans` of it as well, and as the encoded value and
    the tail of the row that they begin `behind`, if there is one.
    """

    index: MappedIndex | None
    ranges: tuple[Cut, ...]
    reverse: bool = False
    spans: Spans = ()
    behind: tuple[bytes, bytes] | None = None


@attrs.frozen
class Either:
    """The entities that any side reaches; a side is reached by any one of its accesses."""

    sides: tuple[tuple[Access, ...], ...]


Source: TypeAlias = "ByKeys | ByUnique | ByLookup | ByOrdered | Either"


@attrs.frozen
class Access:
    """A way to reach the rows: its source, what is left to judge, and what is sure.

    `in_order`: the source is walked in the wanted order, from where the selection begins.
    `distinct`: no row comes up twice. `by`: the conditions that it takes off the selection.
    """

    source: Source
    residue: Predicate | None
    in_order: bool = False
    distinct: bool = True
    by: tuple[Predicate, ...] = attrs.field(default=(), eq=False)

    def rank(self, *, limited: bool) -> tuple[int, bool, int]:
        """Greater is better: more conditions served, then the order, then the cheaper kind."""
        kind = _CHEAPNESS[type(self.source)]
        exact = kind if kind > 1 else 0
        return (exact * 100 + len(self.by), self.in_order and limited, kind)


_CHEAPNESS = {ByKeys: 3, ByUnique: 2, ByLookup: 1, ByOrdered: 0, Either: -1}


@attrs.frozen
class _Asked:
    """A selection with its conditions taken apart, and sorted by the columns they speak of.

    Those on the key have spans of it as an index has it, and in `key_spans` as the listing has it.
    """

    selection: Selection
    conditions: tuple[Predicate, ...]
    spans: dict[str, list[tuple[Predicate, Spans]]]
    elements: dict[str, tuple[Predicate, list[bytes]]]
    key_spans: list[tuple[Predicate, Spans]]

    @classmethod
    def of(cls, selection: Selection) -> _Asked:
        """Taken apart. The conditions have been judged sound before."""
        conditions = tuple(conditions_of(selection.where))
        spans: dict[str, list[tuple[Predicate, Spans]]] = {}
        elements: dict[str, tuple[Predicate, list[bytes]]] = {}
        key_spans: list[tuple[Predicate, Spans]] = []
        key = selection.mapped.key
        for condition in conditions:
            field = getattr(getattr(condition, "part", condition), "field", None)
            if field is None or _is_unequal(condition):
                continue
            column = column_of(field, selection.mapped)
            if isinstance(condition, (Has, HasAny)):
                elements.setdefault(
                    column.name, (condition, sorted(elements_of(condition, column)))
                )
            elif (found := selection.spans(condition, column)) is not None:
                spans.setdefault(column.name, []).append((condition, found))
                if column is key.attribute.column:
                    key_spans.append((condition, spans_of(condition, key.listed) or ()))
        return cls(selection, conditions, spans, elements, key_spans)

    def access(
        self,
        source: Source,
        by: Iterable[Predicate],
        *,
        in_order: bool = False,
        distinct: bool = True,
    ) -> Access:
        """What a source leaves open of the conditions."""
        taken = tuple(by)
        known = set(map(id, taken))
        left = tuple([each for each in self.conditions if id(each) not in known])
        return Access(source, And(left) if left else None, in_order, distinct, taken)


Rule: TypeAlias = Callable[[MappedIndex, _Asked], "Access | None"]


def plan_access(selection: Selection) -> Access:
    """The access that serves most of a selection; NoIndex where no index serves its condition."""
    return plan_accesses(selection)[0]


def plan_accesses(selection: Selection) -> tuple[Access, ...]:
    """Every access to a selection's rows, at least one; NoIndex as `plan_access`."""
    selection.check_order()
    check(selection.where, selection)  # names what is wrong with the condition itself
    found = _accesses(selection)
    if not found:
        raise _no_index(selection)
    return found


def _accesses(selection: Selection) -> tuple[Access, ...]:
    """The same, empty where no index serves."""
    asked = _Asked.of(selection)
    serving = list(_serving(asked))
    if asked.conditions and not serving and not selection.scan:
        return ()
    limited = selection.limit is not None
    serving.sort(key=lambda each: each.rank(limited=limited), reverse=True)
    if not serving:
        listing = asked.access(ByOrdered(None, (_ALL,)), ())
        return tuple(_whole(asked)) or (listing,)
    if limited:  # reading all is an alternative where that gives the order, and may stop
        serving += _whole(asked)
    return tuple(_worthwhile(serving))


def _worthwhile(accesses: list[Access]) -> Iterator[Access]:
    """Accesses without those that another one beats however many entries there are.

    What serves more conditions reaches no more entries; only an order may make up for that. Of a
    union that must be judged again nobody knows.
    """
    kept: list[Access] = []
    for access in accesses:
        needed = set(map(id, access.by))
        beaten = (
            needed.issubset(map(id, better.by)) and (better.in_order or not access.in_order)
            for better in kept
        )
        if isinstance(access.source, Either) or not any(beaten):
            kept.append(access)
            yield access


def conditions_of(where: Predicate | None) -> Iterator[Predicate]:
    """The conditions that must all hold; `has_all` is one for each of its elements."""
    if isinstance(where, And):
        for part in where.parts:
            yield from conditions_of(part)
    elif isinstance(where, HasAll) and where.elements:
        yield from (Has(where.field, element) for element in where.elements)
    elif where is not None:
        yield where


def _serving(asked: _Asked) -> Iterator[Access]:
    """The accesses that serve a condition at least."""
    key = _by_key(asked)
    if key is not None:
        yield key
    for index in asked.selection.mapped.indexes.values():
        access = _RULES[type(index.index)](index, asked)
        if access is not None and access.by:
            yield access
    for condition in asked.conditions:
        if isinstance(condition, Or):
            either = _either(condition, asked)
            if either is not None:
                yield either


def _either(condition: Or, asked: _Asked) -> Access | None:
    """The union of what serves each side of an `|`; None where one is not served."""
    plain = attrs.evolve(asked.selection, scan=False, terms=(), limit=None, after=None)
    sides = tuple(_accesses(attrs.evolve(plain, where=part)) for part in condition.parts)
    if not all(sides):
        return None
    exact = all(access.residue is None for side in sides for access in side)
    return asked.access(Either(sides), (condition,) if exact else (), distinct=False)


def _whole(asked: _Asked) -> Iterator[Access]:
    """All rows in the wanted order: by each `Ordered` that has it, and by the listing."""
    order = asked.selection.order
    for index in asked.selection.mapped.indexes.values():
        direction = _direction(index, 0, order) if isinstance(index.index, Ordered) else None
        if direction is not None:
            source = _in_order(index, b"", 0, ByOrdered(index, (_ALL,), direction, _EVERY), asked)
            yield asked.access(source, (), in_order=True)
    if order.by_key_alone:
        ranges = _listed_from((_ALL,), asked.selection)
        yield asked.access(ByOrdered(None, ranges, order.key_descending), (), in_order=True)


# --- the rule of each kind -------------------------------------------------------------------


def _by_key(asked: _Asked) -> Access | None:
    """The key always serves: exact keys, or a range of the listing."""
    selection = asked.selection
    order = selection.order
    for condition, spans in asked.key_spans:
        if all(span.point is not None for span in spans):
            keys = tuple(dict.fromkeys(_keys_of(condition, selection.mapped)))
            return asked.access(ByKeys(keys), (condition,))
        ranges = tuple((span.low, span.high) for span in spans if not span.empty)
        if order.by_key_alone:
            ranges = _listed_from(ranges, selection)
        source = ByOrdered(None, ranges, order.key_descending)
        return asked.access(source, (condition,), in_order=order.by_key_alone)
    return None


def _keys_of(condition: Predicate, mapped: MappedClass) -> Iterator[KeyBytes]:
    """The keys that an `==` or `in_` on the key names."""
    values = getattr(condition, "values", None)
    for value in (getattr(condition, "value", None),) if values is None else values:
        if value is not None:
            yield mapped.encode_key(value)


def _unique(index: MappedIndex, asked: _Asked) -> Access | None:
    """Equality on every field, None excepted unless it is a value of the index."""
    found = _points(index, asked)
    if found is None or not isinstance(index.index, Unique):
        return None
    values, by = found
    if not index.index.nulls and any(_holds_none(each, index) for each in values):
        return None
    return asked.access(ByUnique(index, tuple(map(b"".join, values))), by)


def _holds_none(values: tuple[bytes, ...], index: MappedIndex) -> bool:
    return any(
        column.kind.scalar is not None and value == column.kind.scalar.none
        for value, column in zip(values, index.columns, strict=True)
    )


def _lookup(index: MappedIndex, asked: _Asked) -> Access | None:
    """Equality on every field, membership for a collection."""
    found = _points(index, asked)
    if found is None:
        return None
    values, by = found
    distinct = len(values) == 1 or all(column.kind.scalar for column in index.columns)
    return asked.access(ByLookup(index, tuple(map(b"".join, values))), by, distinct=distinct)


def _points(
    index: MappedIndex, asked: _Asked
) -> tuple[list[tuple[bytes, ...]], tuple[Predicate, ...]] | None:
    """The encoded values that equalities on all the fields of an index leave, and from which."""
    choices: list[list[bytes]] = []
    by: list[Predicate] = []
    for column in index.columns:
        chosen = _choice(column, asked)
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


def _choice(column: Column, asked: _Asked) -> tuple[Predicate, list[bytes]] | None:
    """The condition that names exact values of a field, and these."""
    if column.kind.elements is not None:
        return asked.elements.get(column.name)
    for condition, spans in asked.spans.get(column.name, ()):
        points = [span.point for span in spans if span.point is not None]
        if len(points) == len(spans):
            return condition, points
    return None


def _ordered(index: MappedIndex, asked: _Asked) -> Access | None:
    """Equality on leading fields, then a range on the next; and the order of what follows."""
    ranges: tuple[Cut, ...] = (_ALL,)
    spans: Spans = _EVERY
    by: list[Predicate] = []
    fixed, head = 0, b""
    for term, column in zip(index.index.terms, index.columns, strict=True):
        found = _met(asked.spans.get(column.name, []))
        if found is None or _too_many((len(ranges), len(found.spans))):
            break
        spans = found.spans
        ranges = _narrowed(ranges, spans, term.descending)
        by.extend(found.by)
        if found.exact and len(ranges) == 1:
            fixed, head = fixed + 1, ranges[0][0]
        if not found.exact:
            break
    direction = _direction(index, fixed, asked.selection.order)
    alone = spans if len(index.columns) == 1 else ()
    source = ByOrdered(index, tuple(sorted(ranges)), bool(direction), alone)
    if direction is not None:
        source = _in_order(index, head, fixed, source, asked)
    return asked.access(source, by, in_order=direction is not None)


class _Met(NamedTuple):
    """Where the values of a field lie under the conditions on it, those of `by`.

    `exact`: the spans are of one value each.
    """

    spans: Spans
    by: list[Predicate]
    exact: bool


def _met(found: list[tuple[Predicate, Spans]]) -> _Met | None:
    """One condition that names exact values, or all that there are."""
    if not found:
        return None
    points = [each for each in found if all(span.point is not None for span in each[1])]
    used = points[:1] or found
    spans = used[0][1]
    for _, others in used[1:]:
        spans = tuple(a.meet(b) for a in spans for b in others)
    spans = tuple(span for span in spans if not span.empty)
    return _Met(spans, [condition for condition, _ in used], bool(points))


def _narrowed(
    heads: tuple[Cut, ...],
    spans: Spans,
    descends: bool,  # noqa: FBT001 - how the index has the field
) -> tuple[Cut, ...]:
    """Ranges of the fields before, narrowed by the spans of one more."""
    cuts = [_cut(span, descends) for span in spans]
    return tuple(_below(head, low, high) for head, _ in heads for low, high in cuts)


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


_RULES: dict[type[Index], Rule] = {Unique: _unique, Lookup: _lookup, Ordered: _ordered}


def range_of(spans: Iterable[tuple[Span, bool]]) -> Cut:
    """The range of an `Ordered` under one span a field, each with whether that field descends.

    All but the last are of one value. It is what the planner makes of the same spans.
    """
    head, high = b"", None
    for span, descends in spans:
        low, end = _cut(span, descends)
        head, high = _below(head, low, end)
    return head, high


# --- orders, and where a walk begins ---------------------------------------------------------


def _direction(index: MappedIndex, fixed: int, order: Order) -> bool | None:
    """Whether walking the index gives the order: forward (False), backward (True), not (None).

    The first `fixed` fields have one value each, so that any order by them is as good as none.
    """
    if len(order.terms) < len(index.columns) - fixed:
        return None
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


def _in_order(
    index: MappedIndex, head: bytes, fixed: int, source: ByOrdered, asked: _Asked
) -> ByOrdered:
    """A source that is walked in the wanted order, from where the selection begins."""
    selection = asked.selection
    if selection.after is None:
        return source
    key, record = selection.after.row(selection.order)
    values = head
    columns = zip(index.index.terms, index.columns, strict=True)
    for term, column in itertools.islice(columns, fixed, None):
        value = place_of(column)(record)
        values += descending(value) if term.descending else value
    tail, turned = _tail(selection.mapped, key), index.index.terms[-1].descending
    member = values + (descending(tail) if turned else tail)
    ranges = _beyond(source.ranges, member, source.reverse)
    # Of an index over one field, its value as the spans have it: ascending.
    behind = (descending(values) if turned else values, tail) if source.spans else None
    return attrs.evolve(source, ranges=ranges, behind=behind)


def _listed_from(ranges: tuple[Cut, ...], selection: Selection) -> tuple[Cut, ...]:
    """The same of the listing."""
    if selection.after is None:
        return ranges
    tail = _tail(selection.mapped, selection.after.key)
    return _beyond(ranges, tail, selection.order.key_descending)


def _tail(mapped: MappedClass, key: KeyBytes | None) -> bytes:
    """The key at the end of a member; of an object that waits for its number, above all others."""
    return b"\xff" if key is None else key_tail(mapped.key.scalar)(key)


def _beyond(ranges: tuple[Cut, ...], member: bytes, reverse: bool) -> tuple[Cut, ...]:  # noqa: FBT001 - how it is walked
    if reverse:
        below = ((low, member if high is None else min(high, member)) for low, high in ranges)
        return tuple((low, high) for low, high in below if low < high)
    above = ((max(low, member + b"\0"), high) for low, high in ranges)
    return tuple((low, high) for low, high in above if high is None or low < high)


def _is_unequal(condition: object) -> bool:
    """`!=` leaves almost everything: no index serves it."""
    return getattr(condition, "operator", "") == "!="


# --- what would serve better -----------------------------------------------------------------


def _no_index(selection: Selection) -> NoIndex:
    """The error, and the index that would help."""
    mapper = selection.mapped.mapper.__name__
    asked = textwrap.shorten(repr(selection.where), LONGEST_MESSAGE)
    cure = _cure(_unserved(selection), selection.mapped)
    return NoIndex(f"no index of {mapper} serves `{asked}`: {cure}, or call .allow_scan()")


def _unserved(selection: Selection) -> Predicate | None:
    """The part of a condition to which an index should be added."""
    for condition in conditions_of(selection.where):
        if not isinstance(condition, Or):
            return condition
        for part in condition.parts:
            side = attrs.evolve(selection, where=part, scan=False)
            if not _accesses(side):
                return _unserved(side)
    return None


def _cure(condition: Predicate | None, mapped: MappedClass) -> str:
    """What to declare for a condition that no index serves."""
    field = getattr(condition, "field", None)
    if isinstance(condition, (Contains, EndsWith, Like)):
        return "endswith, contains and like are served by none; add a condition that one serves"
    if field is None or _is_unequal(condition) or isinstance(condition, HasAll):
        return "!= and ~ are served by none; add a condition that one serves"
    column = column_of(field, mapped)
    if isinstance(condition, (Has, HasAny)):
        return f"declare Lookup({field.name}) in {mapped.mapper.__name__}"
    if column.kind.scalar is None:
        return f"declare an index over a Computed of {field.name}"
    return f"declare Ordered({field.name}) in {mapped.mapper.__name__}"


def advice_for(selection: Selection, access: Access) -> str | None:
    """The index that would serve a selection better than an access does; None where none would."""
    if isinstance(access.source, (ByKeys, ByUnique)):
        return None
    ordered = selection.limit is not None and not access.in_order
    if access.residue is None and (not ordered or selection.order.by_key_alone):
        return None
    conditions = conditions_of(selection.where)
    equal = (
        each.field.name
        for each in conditions
        if isinstance(each, Compare) and each.operator == "=="
    )
    names = list(dict.fromkeys(equal))
    more = list(_next_parts(selection, names))
    served = {each.field.name for each in access.by if isinstance(each, Compare)}
    parts = [*names, *more]
    if _has_ordered(selection.mapped, parts) or (not more and served.issuperset(names)):
        return None
    return f"Ordered({', '.join(parts)}) in {selection.mapped.mapper.__name__}"


def _next_parts(selection: Selection, names: list[str]) -> Iterator[str]:
    """What should come after the fields that have one value: the order, or else a range."""
    terms = [each for each in selection.order.terms if each[0].name not in names]
    if selection.limit is not None and terms:
        yield from (f"{column.name}.desc()" if down else column.name for column, down in terms)
        return
    for condition in conditions_of(selection.where):
        field = getattr(getattr(condition, "part", condition), "field", None)
        if (
            field is None
            or field.name in names
            or _is_unequal(condition)
            or isinstance(condition, In)
        ):
            continue
        column = column_of(field, selection.mapped)
        if column.kind.scalar is not None and spans_of(condition, column) is not None:
            yield field.name
            return


def _has_ordered(mapped: MappedClass, parts: list[str]) -> bool:
    """Whether there is an `Ordered` that begins with these fields."""
    each = (index.index for index in mapped.indexes.values())
    return any(
        parts == _parts_of(index)[: len(parts)] for index in each if isinstance(index, Ordered)
    )


def _parts_of(index: Ordered) -> list[str]:
    return [
        f"{term.field.name}.desc()" if term.descending else term.field.name for term in index.terms
    ]
