"""Queries of one shape differ in their literals alone: planned and worded once, then filled in.

Theory of operation. What costs the client its time is to plan a query and to say it, and neither
depends on the literals for the commonest conditions: `==`, `<`, `<=`, `>`, `>=` and `between`, each
on a field of its own, with any order and limit. The first query of a shape is planned and worded as
every other is; where a literal has a say in a word, that word is a `Spelled`, which knows how it is
made. What was said is kept as it is, and the next query of the shape makes those words anew.

So there is one way to plan and one to word, and `tests` hold what is filled in against both.

A shape is found by what the query says: no order is resolved, no span worked out. Each condition of
it has a function that reads its literals, which knows a shorter way for plain values of the
commonest kinds. Whatever else comes goes the general way, which also says what does not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import attrs

from redmapper.mapping.columns import Column
from redmapper.mapping.ordering import AFTER, END, NONE, order_bytes
from redmapper.mapping.predicates import And, Between, Compare, Predicate
from redmapper.mapping.scalars import order_stored_int
from redmapper.query.selection import Order, Selection, column_of
from redmapper.query.spans import Span, spans_of
from redmapper.strategies.lua.scores import between_members
from redmapper.wire import Argument

MOST_SHAPES = 1_000
"""Shapes that a partition remembers; more are not made by hand."""


class Literal(NamedTuple):
    """What one condition compares with, in the spellings that words are made of.

    `low`, `high` and `point` are those of its span, `raws` its values as a record holds them.
    """

    low: bytes
    high: bytes | None
    point: bytes | None
    raws: tuple[bytes, ...]

    @property
    def span(self) -> Span:
        """The span, as an index has its values."""
        return Span(self.low, self.high, self.point)


Read: TypeAlias = "Callable[[Any], Literal | None]"
"""Reads the literals of a condition; None where nothing lies between them.

Raises UnsupportedQuery for a value that does not fit.
"""

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
    return Literal(span.low, span.high, span.point, raws)


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
        return Literal(*ends(encoded, encoded[:-2] + AFTER), (raw,))

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
        if max(map(len, raws)) > LONGEST:
            return otherwise(said)
        first, last = order(raws[0]), order(raws[1])
        return Literal(first, last[:-2] + AFTER, None, raws) if first <= last else None

    return read


# --- shapes ----------------------------------------------------------------------------------

Holes: TypeAlias = tuple[tuple[int, Make], ...]


def _holes(words: Sequence[Argument]) -> Holes:
    return tuple((at, word.make) for at, word in enumerate(words) if isinstance(word, Spelled))


def _filled(words: Sequence[Any], holes: Holes, literals: Sequence[Literal]) -> list[Any]:
    filled = [*words]
    for at, make in holes:
        filled[at] = make(literals)
    return filled


class Said(NamedTuple):
    """A query as it is told to the script: its keys and their types, the words behind the header.

    `walks`: of each way, whether it is a walk. `secret`: the words must not be shown. `order` and
    `names`: in which order rows are wanted, and what of them. `sized`: the words are ranges and
    sets, whose sizes are the answer.
    """

    keys: list[bytes]
    types: tuple[str, ...]
    words: list[Argument]
    walks: tuple[bool, ...]
    secret: bool
    order: Order
    names: tuple[bytes, ...] | None
    sized: bool = False


@attrs.frozen
class Shape:
    """What was said once, with its holes, and what reads the conditions, in their order."""

    said: Said
    reads: tuple[Read, ...]
    in_keys: Holes
    in_words: Holes

    @classmethod
    def of(cls, said: Said, reads: tuple[Read, ...]) -> Shape:
        """The shape of what was said."""
        return cls(said, reads, _holes(said.keys), _holes(said.words))

    def fill(self, conditions: Sequence[Predicate]) -> Said | None:
        """The same with other literals; None where these make another shape of it."""
        literals: list[Any] = []
        for read, condition in zip(self.reads, conditions):  # noqa: B905 - they are of this shape
            literal = read(condition)
            if literal is None:
                return None
            literals.append(literal)
        said = self.said
        keys = _filled(said.keys, self.in_keys, literals)
        words = _filled(said.words, self.in_words, literals)
        if said.sized and any(map(between_members, words)):
            return None
        # Not by `_replace`, which takes twice as long.
        alike = said.walks, said.secret, said.order, said.names, said.sized
        return Said(keys, said.types, words, *alike)


@attrs.frozen(eq=False)
class Shapes:
    """The shapes of one partition's queries."""

    _known: dict[object, Shape] = attrs.field(factory=dict)

    def __len__(self) -> int:
        return len(self._known)

    def fill(self, selection: Selection, wanted: str) -> Said | None:
        """What is to be said, if a query of this shape has been said before."""
        conditions = _conditions(selection.where)
        shape = self._known.get(_key(selection, conditions, wanted))
        return None if shape is None else shape.fill(conditions)

    def learn(self, selection: Selection, wanted: str, said: Said) -> None:
        """Remember what has been said, if only literals can differ."""
        conditions = _conditions(selection.where)
        key = _key(selection, conditions, wanted)
        if key is None or key in self._known or not _decide_words_alone(conditions, selection):
            return
        if len(self._known) >= MOST_SHAPES:
            self._known.clear()
        columns = [column_of(each.field, selection.mapped) for each in conditions]
        shape = Shape.of(said, tuple(map(read_of, conditions, columns)))
        again = shape.fill(conditions)
        if again is not None and (again.keys, again.words) == (said.keys, said.words):
            self._known[key] = shape


def _conditions(where: Predicate | None) -> tuple[Any, ...]:
    if type(where) is And:
        return where.parts
    return () if where is None else (where,)


def _key(selection: Selection, conditions: Sequence[Any], wanted: str) -> object:
    """What queries of one shape have in common; None where they have none.

    Fields go by their identity. They live as long as their mapper, and no others get into a key
    that is remembered.
    """
    if selection.without or selection.after is not None:
        return None
    key = [selection.mapped, wanted, selection.fields, selection.limit is None, selection.scan]
    for each in conditions:
        kind = type(each)
        if kind is Compare:
            key += each.operator, id(each.field)
        elif kind is Between:
            key += "between", id(each.field)
        else:
            return None
    for term in selection.terms:
        key += id(term.field), term.descending
    return tuple(key)


def _decide_words_alone(conditions: Sequence[Any], selection: Selection) -> bool:
    """Whether literals have a say in words, but not in how the query is planned."""
    fields = {id(each.field) for each in conditions}
    if id(selection.mapped.key.declared) in fields:
        return False
    if any(type(each) is Compare and each.operator == "!=" for each in conditions):
        return False
    return len(fields) == len(conditions)  # of two of one field, literals decide what is left
