"""Where the entities of a group stand in its indexes, told by one generated function.

A commit of many takes a column of sets or members for each index. As in `moves` all indexes that
the writes touch are spelled out; here a line makes the whole column of a field or of an index.

The source is plain Python, and kept on the function as `source`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from redmapper.mapping.columns import Record
from redmapper.mapping.inline import (
    ColumnOf,
    Terms,
    descends,
    each_of,
    generated,
    indented,
    lists_of,
    member_of,
    raws_of,
    value_of,
)
from redmapper.strategies.lua.moves import Held


class EntryColumns(NamedTuple):
    """The entries of some records, a column for each index, in the order of `Held`.

    `sets` has the key of the one set of each entity, `several` those of all of its sets; `members`
    those of sorted sets, and `scores` their scores, None where they have none to speak of.
    """

    sets: list[list[bytes]]
    several: list[list[list[bytes]]]
    members: list[Sequence[bytes]]
    scores: list[Sequence[bytes] | None]


Records: TypeAlias = Callable[[], Iterable[Record]]

Standings: TypeAlias = Callable[[ColumnOf, Records, Sequence[bytes]], EntryColumns]
"""`standings(column, records, tails)`; members end in the tails.

The records are asked for only where an index is over a collection.
"""


def generate_standings(held: Held) -> Standings:
    """Write, compile and keep the function."""
    names = held.names | {"EntryColumns": EntryColumns}
    standings: Standings = generated("standings", _lines(held), names)
    return standings


def _lines(held: Held) -> Iterator[str]:
    yield "def standings(column, records, tails):"
    yield from indented(lists_of(held.columns))
    if any(descends(each.terms) for each in held.sorted if not each.scores):
        yield "    liats = [descending(tail) for tail in tails]"
    for at, each in enumerate(held.sorted):
        if each.scores:
            yield from indented(raws_of(each.number))
            yield f"    members_{at}, scores_{at} = entries_{at}(raws, tails)"
    yield "    return EntryColumns("
    for lists in _said(held):
        yield from indented(indented(["[", *indented(f"{each}," for each in lists), "],"]))
    yield "    )"


def _said(held: Held) -> Iterator[list[str]]:
    """The lists of the columns, kind by kind."""
    yield [each_of(f"{head!r} + {value_of(terms, 'value')}", terms) for head, terms in held.sets]
    yield [
        f"[[{head!r} + value for value in several_{at}(record)] for record in records()]"
        for at, (head, _) in enumerate(held.several)
    ]
    sorted_sets = list(enumerate(held.sorted))
    yield [f"members_{at}" if each.scores else _members(each.terms) for at, each in sorted_sets]
    yield [f"scores_{at}" if each.scores else "None" for at, each in sorted_sets]


def _members(terms: Terms) -> str:
    """Those of one sorted set whose members say the value; those of the listing are the tails."""
    if not terms:
        return "tails"
    tails = {"liat": "liats"} if descends(terms) else {"tail": "tails"}
    return each_of(member_of(terms, "value"), terms, **tails)
