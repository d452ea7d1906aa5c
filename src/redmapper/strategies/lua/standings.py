"""Where the entities of a group stand in its indexes, told by one generated function.

A commit of many takes a column of sets or members for each index. As in `moves` all indexes that
the writes touch are spelled out; here in one loop over the records, which puts a line's worth into
each column.

The source is plain Python, and kept on the function as `source`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from redmapper.mapping.columns import Record
from redmapper.mapping.inline import generated, indented, liat_of, lines_of, member_of, value_of
from redmapper.strategies.lua.moves import Held


class EntryColumns(NamedTuple):
    """The entries of some records, a column for each index, in the order of `Held`.

    `sets` has the key of the one set of each entity, `several` those of all of its sets; `members`
    those of sorted sets.
    """

    sets: list[list[bytes]]
    several: list[list[list[bytes]]]
    members: list[list[bytes]]


Standings: TypeAlias = Callable[[Iterable[Record], Sequence[bytes]], EntryColumns]
"""`standings(records, tails)`; members end in the tails."""


def generate_standings(held: Held) -> Standings:
    """Write, compile and keep the function."""
    names = held.names | {"EntryColumns": EntryColumns}
    standings: Standings = generated("standings", _lines(held), names)
    return standings


def _lines(held: Held) -> Iterator[str]:
    yield "def standings(records, tails):"
    yield from indented(_body(held))


def _body(held: Held) -> Iterator[str]:
    said = _said(held)
    columns = {kind: [f"{kind}_{at}" for at in range(len(each))] for kind, each in said.items()}
    for column in itertools.chain(*columns.values()):
        yield f"{column} = []"
        yield f"to_{column} = {column}.append"
    yield "for record, tail in zip(records, tails):"
    yield from indented(lines_of(held.columns, "record", "value"))
    yield from indented(liat_of(terms for _, terms in held.sorted))
    for kind, expressions in said.items():
        for column, expression in zip(columns[kind], expressions, strict=True):
            yield f"    to_{column}({expression})"
    told = [f"[{', '.join(each)}]" for each in columns.values()]
    yield f"return EntryColumns({', '.join(told)})"


def _said(held: Held) -> dict[str, list[str]]:
    """The expressions of the columns, by their kind."""
    return {
        "sets": [f"{head!r} + {value_of(terms, 'value')}" for head, terms in held.sets],
        "several_of": [
            f"[{head!r} + value for value in several_{at}(record)]"
            for at, (head, _) in enumerate(held.several)
        ],
        "members": [member_of(terms, "value") for _, terms in held.sorted],
    }
