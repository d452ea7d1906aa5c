"""The values of an index spelled out as source, for functions that are generated for several.

What `entries` does by a call for each index and field is here one line a field, with the commonest
kinds inline, and one expression an index. Each field's value has a name: `old_age`, say, where the
values of the record `base` are told as `old`.

Of many records it is one line a field and one an index as well, each of which makes a list: then
`column(name)` gives what all of them have of a field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from redmapper.mapping.columns import Column
from redmapper.mapping.entries import AS_STORED
from redmapper.mapping.ordering import END, SMALL, descending, order_datetime

Terms: TypeAlias = Sequence[tuple[Column, bool]]
"""The columns of an index, and whether they descend.

It has exactly one value of each entity, a None being one; without columns it is empty.
"""

ColumnOf: TypeAlias = Callable[[bytes], "Sequence[bytes | None]"]
"""Tells what each of many records has of a field, by its stored name."""


def names_of(columns: Iterable[Column]) -> dict[str, Any]:
    """What the lines of these columns call."""
    names: dict[str, Any] = {
        "END": END,
        "SMALL": SMALL,
        "descending": descending,
        "ORDER_DATETIME": order_datetime,
        "READ_DATETIME": datetime.fromisoformat,
    }
    for column in columns:
        scalar = column.kind.scalar
        if scalar is None:
            message = f"{column.name} is not a scalar"  # the registry has refused it before
            raise TypeError(message)
        names |= {f"order_{column.name}": scalar.order_stored, f"none_{column.name}": scalar.none}
    return names


def lines_of(columns: Iterable[Column], record: str, told: str) -> Iterator[str]:
    """The lines that make the values of these columns, in order, of a record."""
    columns = tuple(columns)
    if columns:
        yield f"get = {record}.get"
    for column in columns:
        yield f"raw = {raw_of_one(column)}"
        yield f"{told}_{column.name} = {_in_order(column)}"


def raw_of_one(column: Column) -> str:
    """The expression of the stored bytes that indexes have of a field, by the `get` of a record."""
    raw = f"get({column.stored!r})"
    return raw if column.norm is None else f"get({column.shadow!r}, {raw})"


def _in_order(column: Column) -> str:
    """One field as its kind has it in order, of `raw`."""
    scalar, order = column.kind.scalar, f"order_{column.name}(raw)"
    if scalar is not None and scalar.name in AS_STORED:
        order = f"raw + END if 0 not in raw else {order}"
    elif scalar is not None and scalar.name == "int":
        order = f"SMALL.get(raw) or {order}"
    elif scalar is not None and scalar.name == "datetime":
        order = "ORDER_DATETIME(READ_DATETIME(raw.decode()))"
    return f"none_{column.name} if raw is None else {order}"


def value_of(terms: Terms, told: str) -> str:
    """The expression of an index's value."""
    pairs = [(f"{told}_{column.name}", down) for column, down in terms]
    return " + ".join(f"descending({value})" if down else value for value, down in pairs)


def member_of(terms: Terms, told: str) -> str:
    """The expression of a member of a sorted set: the value, and the key as `tail`, or `liat`."""
    tail = "liat" if descends(terms) else "tail"
    return f"{value_of(terms, told)} + {tail}" if terms else tail


def descends(terms: Terms) -> bool:
    """Whether the key at the end of a member descends: it goes as the last column does."""
    return bool(terms) and terms[-1][1]


def lists_of(columns: Iterable[Column]) -> Iterator[str]:
    """The lines that make lists of the values of these columns, in order, by `column`."""
    for column in columns:
        yield from raws_of(column)
        yield f"all_{column.name} = [{_in_order(column)} for raw in raws]"


def raws_of(column: Column) -> Iterator[str]:
    """The lines that make `raws`, what many records have of a field for indexes, by `column`."""
    yield f"raws = column({column.stored!r})"
    if column.norm is not None:
        yield f"normed = column({column.shadow!r})"
        yield "raws = [raw if other is None else other for raw, other in zip(raws, normed)]"


def each_of(expression: str, terms: Terms, **others: str) -> str:
    """The list of an expression for each entity, over `value_age` and the like, and others."""
    lists = {f"value_{column.name}": f"all_{column.name}" for column, _ in terms} | others
    if expression in lists:
        return lists[expression]
    if len(lists) == 1:
        ((value, values),) = lists.items()
        return f"[{expression} for {value} in {values}]"
    return f"[{expression} for {', '.join(lists)} in zip({', '.join(lists.values())})]"


def generate_column(terms: Terms) -> Callable[[ColumnOf], list[bytes]]:
    """The function that gives an index's value of each of many records."""
    columns = list({column.name: column for column, _ in terms}.values())
    lines = [*lists_of(columns), f"return {each_of(value_of(terms, 'value'), terms)}"]
    made: Callable[[ColumnOf], list[bytes]] = generated(
        "values", ["def values(column):", *indented(lines)], names_of(columns)
    )
    return made


def liat_of(indexes: Iterable[Terms]) -> Iterator[str]:
    """The line that makes the descending tail, where there is an index that ends in it."""
    if any(map(descends, indexes)):
        yield "liat = descending(tail)"


def indented(lines: Iterable[str]) -> Iterator[str]:
    """The same, one step further in."""
    return (f"    {line}" for line in lines)


def generated(name: str, lines: Iterable[str], names: dict[str, Any]) -> Any:  # noqa: ANN401 - a function
    """The function of this name that the lines define; it keeps them as its `source`."""
    source = "\n".join(lines) + "\n"
    exec(compile(source, f"<redmapper {name}>", "exec"), names)  # noqa: S102 - the source is ours
    function = names[name]
    function.source = source
    return function
