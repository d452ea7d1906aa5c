"""Whatever the planner chooses gives the rows that judging and sorting every record gives.

Here an access is carried out by the simplest interpreter there is: plain sorted lists of entries.
What it finds is held against brute force, for random entities, conditions and orders.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from redmapper import Field, Key, Lookup, Mapper, MapperRegistry, Ordered, Predicate, Unique
from redmapper.mapping.entries import key_tail
from redmapper.mapping.mapped import MappedIndex
from redmapper.mapping.ordering import descending
from redmapper.mapping.predicates import And, Term
from redmapper.query.evaluate import judge_of
from redmapper.query.planner import (
    Access,
    ByKeys,
    ByLookup,
    ByOrdered,
    ByUnique,
    Either,
    Source,
    plan_accesses,
)
from redmapper.query.selection import Row, Selection, position_of, sort_key


@attrs.define
class Thing:
    """An entity with fields of fixed and of variable width."""

    name: str | None
    age: int | None
    day: date | None
    flag: bool
    tags: list[str]
    code: str | None
    id: int


class Things(Mapper[Thing]):
    """Its mapper, with indexes of every kind over one field and over several."""

    id = Key[int]()
    name = Field[str | None](norm=str.casefold)
    age = Field[int | None]()
    day = Field[date | None]()
    flag = Field[bool]()
    tags = Field[list[str]]()
    code = Field[str | None]()

    by_age = Ordered(age)
    by_name_down = Ordered(name.desc(), age)
    by_day_down = Ordered(day.desc(), name, flag.desc())
    by_flag = Ordered(flag, day, age.desc())
    by_same_age = Lookup(age)
    by_tag = Lookup(tags)
    by_flag_and_tag = Lookup(flag, tags)
    by_code = Unique(code)
    by_code_and_age = Unique(code, age)


MAPPED = MapperRegistry(Things).mapped(Thing)

AGES = [None, -300, -1, 0, 5, 255, 256, 10**40]
NAMES = [None, "", "A", "a", "ab", "a\0", "a\0b", "\0", "b", "ü", "\U0010ffff"]
# Encodings that end in FF, where a cut and its complement have different lengths.
DAYS = [None, date.min, date.fromordinal(0x0B53FE), date.fromordinal(0x0B53FF), date.max]
TAGS = ["", "x", "y"]
CODES = [None, "c1", "c2", "c3"]
KEYS = [-12, -1, 0, 1, 9, 10, 11, 100]


# --- the interpreter -------------------------------------------------------------------------


@attrs.frozen
class Shelf:
    """Rows, and their index entries as they would be stored."""

    rows: dict[bytes, dict[bytes, bytes]]

    def keys(self, source: Source) -> Iterator[bytes]:
        """The keys of a source, as an index gives them."""
        if isinstance(source, Either):
            for side in source.sides:
                yield from set(self.keys(side[-1].source))
        elif isinstance(source, ByKeys):
            yield from (key for key in source.keys if key in self.rows)
        elif isinstance(source, (ByUnique, ByLookup)):
            for value in source.values:
                yield from (key for each, key in self.entries(source.index) if each == value)
        else:
            yield from self.walk(source)

    def entries(self, index: MappedIndex) -> list[tuple[bytes, bytes]]:
        """Every value in an index, and the key that has it."""
        return [(value, key) for key, row in self.rows.items() for value in index.values(row)]

    def walk(self, source: ByOrdered) -> Iterator[bytes]:
        """The keys of the members in the ranges, one range after the other."""
        members = sorted(self.members(source.index))
        for low, high in reversed(source.ranges) if source.reverse else source.ranges:
            inside = [
                each for each in members if low <= each[0] and (high is None or each[0] < high)
            ]
            yield from (key for _, key in (reversed(inside) if source.reverse else inside))

    def members(self, index: MappedIndex | None) -> Iterator[tuple[bytes, bytes]]:
        """The members of an `Ordered` (of the listing, for None) with their keys."""
        tail = key_tail(MAPPED.key.scalar)
        if index is None:
            yield from ((tail(key), key) for key in self.rows)
            return
        down = index.index.terms[-1].descending
        for value, key in self.entries(index):
            yield value + (descending(tail(key)) if down else tail(key)), key

    def carried_out(self, access: Access, selection: Selection) -> list[Row]:
        """The rows of an access."""
        keys = list(self.keys(access.source))
        if access.distinct:
            assert len(set(keys)) == len(keys)
        judge = judge_of(access.residue, MAPPED)
        rows = [(key, self.rows[key]) for key in dict.fromkeys(keys) if judge(self.rows[key])]
        if not access.in_order:
            rows = behind(selection, sorted(rows, key=sort_key(selection.order, MAPPED)))
        return rows[: selection.limit]

    def by_force(self, selection: Selection) -> list[Row]:
        """The rows that should come out."""
        judge = judge_of(selection.where, MAPPED)
        rows = [(key, row) for key, row in self.rows.items() if judge(row)]
        rows.sort(key=sort_key(selection.order, MAPPED))
        return behind(selection, rows)[: selection.limit]


def behind(selection: Selection, rows: list[Row]) -> list[Row]:
    """Rows that come after the position where a selection begins."""
    if selection.after is None:
        return rows
    encode = sort_key(selection.order, MAPPED)
    return [row for row in rows if encode(row) > encode(selection.after.row(selection.order))]


# --- what is generated -----------------------------------------------------------------------


@st.composite
def shelves(draw: st.DrawFn) -> Shelf:
    """A few entities; codes are unique, as the index wants it."""
    keys = draw(st.lists(st.sampled_from(KEYS), unique=True, max_size=8))
    codes = draw(st.permutations(CODES + [None] * len(keys)))
    rows = {}
    for key, code in zip(keys, codes, strict=False):
        thing = Thing(
            draw(st.sampled_from(NAMES)),
            draw(st.sampled_from(AGES)),
            draw(st.sampled_from(DAYS)),
            draw(st.booleans()),
            draw(st.lists(st.sampled_from(TAGS), max_size=3)),
            code,
            key,
        )
        encoded = MAPPED.encode_key(key)
        rows[encoded] = MAPPED.encode(thing, encoded)
    return Shelf(rows)


def leaves(field: Any, values: list[Any]) -> st.SearchStrategy[Predicate]:
    """Conditions on one scalar field."""
    present = st.sampled_from([value for value in values if value is not None])
    return st.one_of(
        st.sampled_from(["__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"]).flatmap(
            lambda operator: present.map(getattr(field, operator))
        ),
        st.builds(field.between, present, present),
        st.builds(field.in_, st.lists(st.sampled_from(values), max_size=3)),
        st.builds(field.is_none),
        st.builds(field.not_none),
    )


conditions = st.recursive(
    st.one_of(
        leaves(Things.id, KEYS),
        leaves(Things.name, NAMES),
        leaves(Things.age, AGES),
        leaves(Things.day, DAYS),
        leaves(Things.flag, [True, False]),
        leaves(Things.code, CODES),
        st.builds(Things.name.startswith, st.sampled_from(NAMES[1:])),
        st.builds(Things.tags.has, st.sampled_from(TAGS)),
        st.builds(Things.tags.has_any, st.lists(st.sampled_from(TAGS), max_size=3)),
        st.builds(Things.tags.has_all, st.lists(st.sampled_from(TAGS), max_size=3)),
        st.builds(Things.name.contains, st.sampled_from(NAMES[1:])),
    ),
    lambda inner: st.one_of(
        st.builds(lambda a, b: a & b, inner, inner),
        st.builds(lambda a, b: a | b, inner, inner),
        st.builds(lambda a: ~a, inner),
    ),
    max_leaves=5,
)

FIELDS = [Things.id, Things.name, Things.age, Things.day, Things.flag]
orders = st.lists(st.builds(Term, st.sampled_from(FIELDS), st.booleans()), max_size=3)


def selected(where: list[Predicate], order: list[Term], limit: int | None) -> Selection:
    """A selection that may read all where no index serves it."""
    flat = [part for each in where for part in (each.parts if isinstance(each, And) else [each])]
    condition = And(tuple(flat)) if flat else None
    return Selection(MAPPED, condition, tuple(order), limit, scan=True)


@settings(max_examples=200)
@given(
    shelves(),
    st.lists(conditions, max_size=4),
    orders,
    st.none() | st.integers(0, 4),
    st.none() | st.integers(0, 7),
)
def test_every_access_gives_the_rows_that_brute_force_gives(
    shelf: Shelf,
    where: list[Predicate],
    order: list[Term],
    limit: int | None,
    begin: int | None,
):
    """The same ones, in the same order, none of them twice; from behind any row."""
    selection = selected(where, order, limit)
    if begin is not None and begin < len(shelf.rows):
        row = list(shelf.rows.items())[begin]
        selection = attrs.evolve(selection, after=position_of(row, selection.order))
    for access in plan_accesses(selection):
        assert shelf.by_force(selection) == shelf.carried_out(access, selection)


@given(shelves(), st.sampled_from(DAYS[1:]), leaves(Things.name, NAMES), orders)
def test_a_range_below_an_equality_on_a_descending_field(
    shelf: Shelf, day: date, below: Predicate, order: list[Term]
):
    """Its cuts stand behind the whole encoding, the last byte of it too."""
    selection = selected([Things.day == day, below], order, None)
    for access in plan_accesses(selection):
        assert shelf.by_force(selection) == shelf.carried_out(access, selection)
