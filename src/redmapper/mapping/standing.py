"""Where an entity stands in several indexes at once, told by one generated function.

A commit asks for the entries of every index that it touches, of every entity. A call for each index
costs more than what it does; so the functions of `entries` are spelled out one after the other,
with the commonest kinds inline: in one function for an entity, and in another, which is one loop,
for many. What comes out is the same, and a test holds them together.

The source is plain Python, and kept on the function as `source`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from redmapper.mapping.columns import Column, Record
from redmapper.mapping.entries import AS_STORED, EntryValues
from redmapper.mapping.ordering import END, SMALL, descending

Terms: TypeAlias = Sequence[tuple[Column, bool]]
"""The columns of an index, and whether they descend."""

Standing: TypeAlias = Callable[[Record, bytes, Sequence[bytes]], tuple[list[bytes], list[bytes]]]
"""`standing(record, tail, heads)`: the sets and the members of an entity.

A set of each value, led by one of the `heads` (those of `several` last); a member of each sorted
set, ended by the key as its `tail`.
"""


class Entries(NamedTuple):
    """Where many entities stand, a column for each index, in the order of `Wanted`.

    `sets` has the one set of each entity, `several` all of them; `members` those of a sorted set.
    """

    sets: list[list[bytes]]
    several: list[list[list[bytes]]]
    members: list[list[bytes]]


Standings: TypeAlias = Callable[[Iterable[Record], Sequence[bytes], Sequence[bytes]], Entries]
"""`standings(records, tails, heads)`: what `standing` tells, of many."""


class Wanted(NamedTuple):
    """The indexes that are wanted.

    `sets` and `sorted` have exactly one value of each entity, a None being one (so no `Unique` that
    exempts it is among them); one without columns has the empty value. `several` are sets of
    collections. Where the last column descends, the tail does.
    """

    sets: Sequence[Terms]
    several: Sequence[EntryValues]
    sorted: Sequence[Terms]


def generate_standing(wanted: Wanted) -> Standing:
    """Write, compile and keep the function of one entity."""
    standing: Standing = _generate("standing", _source_of_one, wanted)
    return standing


def generate_standings(wanted: Wanted) -> Standings:
    """Write, compile and keep the function of many."""
    standings: Standings = _generate("standings", _source_of_many, wanted)
    return standings


Columns: TypeAlias = dict[bytes, Column]
"""Those that the wanted indexes are over, by their stored names."""


def _generate(
    name: str, source_of: Callable[[Wanted, Columns], Iterator[str]], wanted: Wanted
) -> Any:  # noqa: ANN401 - a function
    columns = {column.stored: column for of in (*wanted.sets, *wanted.sorted) for column, _ in of}
    names: dict[str, Any] = {"END": END, "SMALL": SMALL, "descending": descending}
    for number, column in enumerate(columns.values()):
        scalar = column.kind.scalar
        if scalar is None:
            message = f"{column.name} is not a scalar"  # the registry has refused it before
            raise TypeError(message)
        names |= {f"order_{number}": scalar.order_stored, f"none_{number}": scalar.none}
    names |= {f"several_{number}": values for number, values in enumerate(wanted.several)}
    names["Entries"] = Entries
    source = "\n".join(source_of(wanted, columns)) + "\n"
    exec(compile(source, "<redmapper index entries>", "exec"), names)  # noqa: S102
    function = names[name]
    function.source = source
    return function


def _source_of_one(wanted: Wanted, columns: Columns) -> Iterator[str]:
    yield "def standing(record, tail, heads):"
    yield from _heads(wanted, "    ")
    yield from _values(wanted, columns, "    ")
    sets, several, members = _told(wanted, columns)
    listed = [*sets, *[f"*{each}" for each in several]]
    yield f"    return [{', '.join(listed)}], [{', '.join(members)}]"


def _source_of_many(wanted: Wanted, columns: Columns) -> Iterator[str]:
    """A list for each index, and a loop that puts a line's worth into each."""
    told = dict(zip(("sets", "several", "members"), _told(wanted, columns), strict=True))
    names = {kind: [f"{kind}_of_{at}" for at in range(len(each))] for kind, each in told.items()}
    yield "def standings(records, tails, heads):"
    yield from _heads(wanted, "    ")
    for each in itertools.chain(*names.values()):
        yield f"    {each} = []"
        yield f"    to_{each} = {each}.append"
    yield "    for record, tail in zip(records, tails):"
    yield from _values(wanted, columns, "        ")
    for kind, expressions in told.items():
        for each, expression in zip(names[kind], expressions, strict=True):
            yield f"        to_{each}({expression})"
    columns_of = [f"[{', '.join(each)}]" for each in names.values()]
    yield f"    return Entries({', '.join(columns_of)})"


def _heads(wanted: Wanted, indent: str) -> Iterator[str]:
    heads = [f"head_{number}" for number in range(len(wanted.sets) + len(wanted.several))]
    if heads:
        yield f"{indent}{', '.join(heads)}, = heads"


def _values(wanted: Wanted, columns: Columns, indent: str) -> Iterator[str]:
    """The lines that make the values of the fields, of `record`, and the descending `tail`."""
    if columns:
        yield f"{indent}get = record.get"
    for number, column in enumerate(columns.values()):
        yield f"{indent}raw = get({column.stored!r})"
        if column.norm is not None:
            yield f"{indent}raw = get({column.shadow!r}, raw)"
        yield f"{indent}value_{number} = {_in_order(column, number)}"
    if any(_descends(terms) for terms in wanted.sorted):
        yield f"{indent}liat = descending(tail)"


def _told(wanted: Wanted, columns: Columns) -> tuple[list[str], list[str], list[str]]:
    """The expressions of the sets, of the lists of them, and of the members."""
    values = {stored: f"value_{number}" for number, stored in enumerate(columns)}
    sets = [f"head_{at} + {_joined(terms, values)}" for at, terms in enumerate(wanted.sets)]
    several = [
        f"[head_{len(sets) + at} + value for value in several_{at}(record)]"
        for at in range(len(wanted.several))
    ]
    members = [
        f"{_joined(terms, values)} + {'liat' if _descends(terms) else 'tail'}" if terms else "tail"
        for terms in wanted.sorted
    ]
    return sets, several, members


def _descends(terms: Terms) -> bool:
    return bool(terms) and terms[-1][1]


def _in_order(column: Column, number: int) -> str:
    """One field as its kind has it in order, of `raw`."""
    scalar, order = column.kind.scalar, f"order_{number}(raw)"
    if scalar is not None and scalar.name in AS_STORED:
        order = f"raw + END if b'\\0' not in raw else {order}"
    elif scalar is not None and scalar.name == "int":
        order = f"SMALL.get(raw) or {order}"
    return f"none_{number} if raw is None else {order}"


def _joined(terms: Terms, values: dict[bytes, str]) -> str:
    """The value of one index, of the values of its fields."""
    pairs = [(values[column.stored], descends) for column, descends in terms]
    return " + ".join(f"descending({value})" if down else value for value, down in pairs)
