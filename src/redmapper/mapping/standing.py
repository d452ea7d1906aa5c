"""Where an entity stands in several indexes at once, told by one generated function.

A commit asks for the entries of every index that it touches, of every entity. A call for each index
costs more than what it does; so the functions of `entries` are spelled out one after the other,
with the commonest kinds inline. What comes out is the same, and a test holds them together.

The source is plain Python, and kept on the function as `source`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
    """Write, compile and keep the function."""
    columns = {column.stored: column for of in (*wanted.sets, *wanted.sorted) for column, _ in of}
    names: dict[str, Any] = {"END": END, "SMALL": SMALL, "descending": descending}
    for number, column in enumerate(columns.values()):
        scalar = column.kind.scalar
        if scalar is None:
            message = f"{column.name} is not a scalar"  # the registry has refused it before
            raise TypeError(message)
        names |= {f"order_{number}": scalar.order_stored, f"none_{number}": scalar.none}
    names |= {f"several_{number}": values for number, values in enumerate(wanted.several)}
    source = "\n".join(_source(wanted, columns)) + "\n"
    exec(compile(source, "<redmapper index entries>", "exec"), names)  # noqa: S102
    standing = names["standing"]
    standing.source = source
    return standing  # type: ignore[no-any-return]


def _source(wanted: Wanted, columns: dict[bytes, Column]) -> Iterator[str]:
    heads = [f"head_{number}" for number in range(len(wanted.sets) + len(wanted.several))]
    values = {stored: f"value_{number}" for number, stored in enumerate(columns)}
    yield "def standing(record, tail, heads):"
    yield "    get = record.get"
    for number, column in enumerate(columns.values()):
        yield f"    raw = get({column.stored!r})"
        if column.norm is not None:
            yield f"    raw = get({column.shadow!r}, raw)"
        yield f"    value_{number} = {_in_order(column, number)}"
    if heads:
        yield f"    {', '.join(heads)}, = heads"
    if any(_descends(terms) for terms in wanted.sorted):
        yield "    liat = descending(tail)"
    sets = [f"{head} + {_joined(of, values)}" for head, of in zip(heads, wanted.sets)]  # noqa: B905 - the first heads are theirs
    for number, head in enumerate(heads[len(sets) :]):
        sets.append(f"*[{head} + value for value in several_{number}(record)]")
    members = [
        f"{_joined(terms, values)} + {'liat' if _descends(terms) else 'tail'}" if terms else "tail"
        for terms in wanted.sorted
    ]
    yield f"    return [{', '.join(sets)}], [{', '.join(members)}]"


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
