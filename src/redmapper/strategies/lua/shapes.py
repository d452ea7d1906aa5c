"""Queries of one shape differ in their literals alone: planned and worded once, then filled in.

Theory of operation. What costs the client its time is to plan a query and to say it, and neither
depends on the literals for the commonest conditions: `==`, `<`, `<=`, `>`, `>=` and `between`, each
on a field of its own, with any order and limit. The first query of a shape is planned and worded as
every other is; where a literal has a say in a word, that word is a `Spelled`, which knows how it is
made. What was said is kept as it is, and the next query of the shape makes those words anew.

So there is one way to plan and one to word, and `tests` hold what is filled in against both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import attrs

from redmapper.mapping.columns import Column
from redmapper.mapping.predicates import And, Between, Compare, Predicate
from redmapper.query.selection import Selection, column_of
from redmapper.query.spans import Span, spans_of
from redmapper.wire import Argument

MOST_SHAPES = 1_000
"""Shapes that a partition remembers; more are not made by hand."""


class Literal:
    """What one condition compares with, in the spellings that words are made of.

    `span` is that of indexes, `values` are as they were written. Raises UnsupportedQuery for a
    value that does not fit.
    """

    __slots__ = ("column", "span", "values")

    def __init__(self, said: Any, column: Column) -> None:  # noqa: ANN401 - Compare, Between
        spans: Any = spans_of(said, column)
        self.span: Span = spans[0]
        self.column = column
        self.values = (said.value,) if type(said) is Compare else (said.low, said.high)

    def raw(self, at: int) -> bytes:
        """As a record holds it."""
        column, value = self.column, self.values[at]
        scalar: Any = column.kind.scalar
        return scalar.encode(column.norm(value) if column.norm else value)  # type: ignore[no-any-return]


Make: TypeAlias = Callable[[Sequence[Literal]], bytes]
"""Makes a word of the literals of a query, by the positions of its conditions."""


class Spelled(bytes):
    """A word in which literals have a say, with what makes it of others."""

    make: Make

    @classmethod
    def by(cls, word: bytes, make: Make | None) -> bytes:
        """The word, if it is known how it is made; else plain bytes."""
        if make is None:
            return word
        spelled = cls(word)
        spelled.make = make
        return spelled


Holes: TypeAlias = tuple[tuple[int, Make], ...]


def _holes(words: Sequence[Argument]) -> Holes:
    return tuple((at, word.make) for at, word in enumerate(words) if isinstance(word, Spelled))


def _filled(words: Sequence[Argument], holes: Holes, literals: Sequence[Literal]) -> list[Any]:
    filled = list(words)
    for at, make in holes:
        filled[at] = make(literals)
    return filled


class Said(NamedTuple):
    """A query as it is told to the script: its keys and their types, the words behind the header.

    `walks`: of each way, whether it is a walk. `secret`: the words must not be shown. `sized`: the
    words are ranges and sets, whose sizes are the answer.
    """

    keys: list[bytes]
    types: tuple[str, ...]
    words: list[Argument]
    walks: tuple[bool, ...]
    secret: bool
    sized: bool = False


@attrs.frozen
class Shape:
    """What was said once, with its holes; `columns` are those of the conditions, in their order."""

    said: Said
    columns: tuple[Column, ...]
    in_keys: Holes
    in_words: Holes

    @classmethod
    def of(cls, said: Said, columns: tuple[Column, ...]) -> Shape:
        """The shape of what was said."""
        return cls(said, columns, _holes(said.keys), _holes(said.words))

    def fill(self, conditions: Sequence[Predicate]) -> Said | None:
        """The same with other literals; None where these make another shape of it."""
        literals = list(map(Literal, conditions, self.columns))
        for literal in literals:
            if literal.span.empty:
                return None
        said = self.said
        keys = _filled(said.keys, self.in_keys, literals)
        words = _filled(said.words, self.in_words, literals)
        return Said(keys, said.types, words, said.walks, said.secret, said.sized)


@attrs.frozen(eq=False)
class Shapes:
    """The shapes of one partition's queries."""

    _known: dict[object, Shape] = attrs.field(factory=dict)

    def __len__(self) -> int:
        return len(self._known)

    def fill(self, selection: Selection, wanted: str) -> Said | None:
        """What is to be said, if a query of this shape has been said before."""
        conditions = _conditions(selection.where)
        key = _key(selection, conditions, wanted)
        shape = None if key is None else self._known.get(key)
        return None if shape is None else shape.fill(conditions)

    def learn(self, selection: Selection, wanted: str, said: Said) -> None:
        """Remember what has been said, if only literals can differ."""
        conditions = _conditions(selection.where)
        key = _key(selection, conditions, wanted)
        if key is None or key in self._known:
            return
        if len(self._known) >= MOST_SHAPES:
            self._known.clear()
        columns = tuple(column_of(each.field, selection.mapped) for each in conditions)
        shape = Shape.of(said, columns)
        again = shape.fill(conditions)
        if again is not None and (again.keys, again.words) == (said.keys, said.words):
            self._known[key] = shape


def _conditions(where: Predicate | None) -> tuple[Any, ...]:
    if isinstance(where, And):
        return where.parts
    return () if where is None else (where,)


def _key(selection: Selection, conditions: Sequence[Any], wanted: str) -> object:
    """What queries of one shape have in common; None where not only literals can differ."""
    mapped, order = selection.mapped, selection.order
    if selection.without or selection.after is not None:
        return None
    verbs: dict[object, str] = {}
    for each in conditions:
        verb = _verb(each)
        if verb is None or each.field is mapped.key.declared:
            return None
        verbs[id(each.field)] = verb
    if len(verbs) != len(conditions):  # two of one field: their literals decide what is left
        return None
    key = [mapped, wanted, selection.fields, selection.limit is None, selection.scan]
    key += [order.key_descending, *verbs, None, *verbs.values()]
    for column, down in order.terms:
        key += (id(column), down)
    return tuple(key)


def _verb(condition: Predicate) -> str | None:
    """What a condition says of its literals; None where they decide more than words."""
    if type(condition) is Compare:
        return None if condition.operator == "!=" else condition.operator
    return "between" if type(condition) is Between else None
