"""Queries of one shape differ in their literals alone: planned and worded once, then said at once.

Theory of operation. What costs the client its time is to plan a query and to say it, and neither
depends on the literals for the commonest conditions: `==`, `<`, `<=`, `>`, `>=` and `between`, each
on a field of its own, with any order and limit. The first query of a shape is planned and worded as
every other is; where a literal has a say in a word, that word is a `Spelled`, which knows how it is
made. From the second on a function that is generated for the shape makes those words of the
literals, and joins them with all that stands between them, which is packed for the socket already.

So there is one way to plan and one to word, and `tests` hold what is said at once against both.

A shape is found by what the query says: no order is resolved, no span worked out. Each condition of
it has a function that reads its literals, which knows a shorter way for plain values of the
commonest kinds. Whatever else comes goes the general way, which also says what does not fit.

The source of the function is plain Python, and kept on it as `source`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import attrs

from redmapper.mapping.inline import generated
from redmapper.mapping.predicates import And, Between, Compare, Predicate
from redmapper.query.selection import Order, Selection, column_of
from redmapper.strategies.lua.literals import Expression, Read, Spelled, read_of
from redmapper.strategies.lua.pieces import LAST, NAMES, led, listed, same, word
from redmapper.strategies.lua.scores import MARKS
from redmapper.wire import Argument, Command, Packed, Script

MOST_SHAPES = 1_000
"""Shapes that a partition remembers; more are not made by hand."""


class Known(NamedTuple):
    """What is known of all queries of a shape: the types of the keys they name, and what comes.

    `walks`: of each way, whether it is a walk. `secret`: the words must not be shown. `order` and
    `names`: in which order rows are wanted, and what of them. `sized`: the words are ranges and
    sets, whose sizes are the answer.
    """

    types: tuple[str, ...]
    walks: tuple[bool, ...]
    secret: bool
    order: Order
    names: tuple[bytes, ...] | None
    sized: bool = False


class Said(NamedTuple):
    """A query as it is told to the script: its keys, the words behind the header, what is known."""

    keys: list[bytes]
    words: list[Argument]
    known: Known


Say: TypeAlias = Callable[..., "bytes | None"]
"""The packed call: `say(conditions, limit, leads)`, None where it is another's shape."""


@attrs.frozen(eq=False)
class Shape:
    """Says the queries of a shape, each by a call with so many keys."""

    known: Known
    say: Say
    keys: int
    script: Script | None

    def fill(self, conditions: Sequence[Predicate], limit: int | None) -> Packed | None:
        """The call of this one; None where its literals make another shape of it."""
        said = led(self.say, conditions, limit)
        return None if said is None else Packed(said, self.keys, self.script)


@attrs.frozen(eq=False)
class Once:
    """A query that has been asked once: its conditions, what reads them, its limit, its call."""

    known: Known
    command: Command
    conditions: Sequence[Predicate]
    limit: int | None
    reads: tuple[Read, ...]

    def shape(self) -> Shape:
        """What says others like it: made when there is one, which may never be."""
        names: dict[str, Any] = {f"read_{at}": read for at, read in enumerate(self.reads)}
        names |= NAMES
        for expression in _expressions(self.command):
            names |= expression.names
        say: Say = generated("say", _lines(self), names)
        again = led(say, self.conditions, self.limit)
        if again is None or Packed(again).words != self.command.sent:
            say = _nothing
        return Shape(self.known, say, self.command.keys, self.command.script)


def _nothing(*_: object) -> None:
    """What is said of a shape that has more to it than was thought."""


def _expressions(command: Command) -> Iterator[Expression]:
    """Those of its words."""
    return (each.made for each in command.words if isinstance(each, Spelled))


def _lines(once: Once) -> Iterator[str]:
    """The function: literals are read, words made of them, and all words joined."""
    yield "def say(conditions, limit, leads=LEADS):"
    for at in range(len(once.reads)):
        yield f"    literal_{at} = read_{at}(conditions[{at}])"
        yield f"    if literal_{at} is None: return None"
        yield f"    low_{at}, high_{at}, _, raws_{at} = literal_{at}"
    made = {each.source: "" for each in _expressions(once.command)}
    for at, source in enumerate(made):
        made[source] = name = f"word_{at}"
        yield f"    {name} = {source}"
        if once.known.sized:  # a cut between two members, for which no size is known
            yield f"    if {name}[:1] in {MARKS!r}: return None"
    words = once.command.words
    pieces = [word(made[x.made.source]) if isinstance(x, Spelled) else same(x) for x in words]
    yield f"    return b''.join({listed([b'*%d' % len(words), *pieces, LAST])})"


@attrs.frozen(eq=False)
class Shapes:
    """The shapes of one partition's queries."""

    _known: dict[object, Shape | Once] = attrs.field(factory=dict)

    def __len__(self) -> int:
        return len(self._known)

    def fill(self, selection: Selection, wanted: str) -> tuple[Known, Packed] | None:
        """The call, if a query of this shape has been said before, and what is known of it."""
        conditions = _conditions(selection.where)
        key = _key(selection, conditions, wanted)
        shape = self._known.get(key)
        if shape is None:
            return None
        if isinstance(shape, Once):
            shape = self._known[key] = shape.shape()
        command = shape.fill(conditions, selection.limit)
        return None if command is None else (shape.known, command)

    def learn(self, selection: Selection, wanted: str, known: Known, command: Command) -> None:
        """Remember what has been said by this call, if only literals can differ."""
        conditions = _conditions(selection.where)
        key = _key(selection, conditions, wanted)
        if key is None or key in self._known or not _decide_words_alone(conditions, selection):
            return
        columns = [column_of(each.field, selection.mapped) for each in conditions]
        reads = tuple(map(read_of, conditions, columns))
        if any(read(each) is None for read, each in zip(reads, conditions, strict=True)):
            return
        if len(self._known) >= MOST_SHAPES:
            self._known.clear()
        self._known[key] = Once(known, command, conditions, selection.limit, reads)


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
