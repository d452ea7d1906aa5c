"""What is filled in for a query of a known shape is what planning and wording it anew would say."""

import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redmapper import (
    Field,
    Key,
    Lookup,
    Mapper,
    MapperRegistry,
    Ordered,
    Unique,
    UnknownField,
    UnsupportedQuery,
)
from redmapper.mapping.predicates import And, Between, Compare, Predicate, Term
from redmapper.query.selection import Position, Selection, column_of
from redmapper.strategies.lua.find import Planned, Search
from redmapper.strategies.lua.keys import Keyspace
from redmapper.strategies.lua.literals import Expression, Spelled, read_of
from redmapper.strategies.lua.scripts import FIND
from redmapper.strategies.lua.shapes import MOST_SHAPES, Known, Shapes
from redmapper.wire import as_bytes, call, keys_of


@attrs.define
class Thing:
    """An entity with a field of every kind."""

    id: int
    name: str
    city: str
    age: int
    seen: datetime
    born: date
    size: float
    price: Decimal
    code: bytes
    done: bool
    owner: UUID


class Things(Mapper[Thing]):
    """Indexes over one field and several, in both directions; some fields have none."""

    id = Key[int]()
    name = Field[str](norm=str.casefold)
    city = Field[str]()
    age = Field[int]()
    seen = Field[datetime]()
    born = Field[date]()
    size = Field[float]()
    price = Field[Decimal]()
    code = Field[bytes]()
    done = Field[bool]()
    owner = Field[UUID]()

    by_city = Lookup(city)
    by_city_done = Lookup(city, done)
    by_name = Unique(name)
    by_code_owner = Unique(code, owner)
    by_age = Ordered(age)
    newest = Ordered(city, seen.desc())
    oldest = Ordered(city, age.desc(), born)
    by_price = Ordered(price.desc())
    by_size = Ordered(size)


MAPPED = MapperRegistry(Things).mapped(Thing)
SPACE = Keyspace(b"{s}")
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "name": st.text(max_size=3),
    "city": st.sampled_from(["a", "b", "\0", "", "A" * 70]),
    "age": st.integers(),
    "seen": st.datetimes() | st.datetimes(timezones=st.just(UTC)),
    "born": st.dates(),
    "size": st.floats(allow_nan=False),
    "price": st.decimals(allow_nan=False),
    "code": st.binary(max_size=3),
    "done": st.booleans(),
    "owner": st.uuids(),
}


class Word(str):
    """A text that says something else of itself."""

    __slots__ = ()

    def __str__(self) -> str:
        return "other"

    def encode(self, *_: Any) -> bytes:
        """Not what it holds."""
        return b"other"


class Number(int):
    """An integer that says something else of itself."""

    def __str__(self) -> str:
        return "0"


class Others(Mapper[Thing]):
    """Another mapper of the same class, whose fields are not those of the first."""

    id = Key[int]()
    age = Field[int]()


PLAIN: dict[str, Any] = {
    "name": "a",
    "city": "a",
    "age": 1,
    "seen": datetime(2026, 1, 2),
    "born": date(2026, 1, 2),
    "size": 0.5,
    "price": Decimal(1),
    "code": b"a",
    "done": True,
    "owner": UUID(int=1),
}
ODD: list[Any] = [
    *PLAIN.values(),
    None,
    True,
    Word("a"),
    Number(7),
    "\ud800",
    b"a",
    "a\0b",
    "\xff",
    "",
    1.5,
    float("nan"),
    Decimal("nan"),
    10**4299,
    10**4300,
    -(10**4300),
    255,
    256,
    -1,
    [],
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 1, 1),
]
VERBS = ("==", "<", "<=", ">", ">=", "between")


def condition(field: str, verb: str, values: list[Any]) -> Predicate:
    """One condition."""
    declared = getattr(Things, field)
    if verb == "between":
        return Between(declared, *values)
    return Compare(declared, verb, values[0])


@st.composite
def alike(draw: st.DrawFn) -> tuple[list[list[Predicate]], tuple[Term, ...]]:
    """The conditions of some queries which differ in their literals alone, and their order."""
    fields = draw(st.lists(st.sampled_from(sorted(VALUES)), unique=True, max_size=4))
    verbs = [draw(st.sampled_from(VERBS)) for _ in fields]
    queries = [
        [
            condition(field, verb, [draw(VALUES[field]) for _ in range(2)])
            for field, verb in zip(fields, verbs, strict=True)
        ]
        for _ in range(3)
    ]
    term = getattr(Things, draw(st.sampled_from(sorted(VALUES))))
    order = draw(st.sampled_from([(), (term.asc(),), (term.desc(), Things.id.asc())]))
    return queries, order


def selection(conditions: list[Predicate], **options: Any) -> Selection:
    """A selection of these conditions."""
    where = And(tuple(conditions)) if len(conditions) > 1 else (*conditions, None)[0]
    return Selection(MAPPED, where, **{"scan": True, **options})


class Sent(NamedTuple):
    """All that a search says: the words of its first call, and what is known of these."""

    words: list[bytes]
    keys: list[bytes]
    known: Known


def sent(shapes: Shapes, asked: Selection, wanted: str) -> Sent:
    """What is said, at once where that is known."""
    search = Search(SPACE, shapes, asked, wanted)
    words = [*map(as_bytes, search.command.words)]
    return Sent(words, keys_of(search.command), search.known)


def anew(asked: Selection, wanted: str) -> Sent:
    """What is said where nothing is known."""
    return sent(Shapes(), asked, wanted)


def outcome(shapes: Shapes, asked: Selection, wanted: str) -> object:
    """What is said, or why not."""
    try:
        return sent(shapes, asked, wanted)
    except Exception as error:  # noqa: BLE001 - whatever it is, it must be the same
        return type(error), str(error)


@given(alike(), st.sampled_from(["rows", "count"]), st.sampled_from([None, 20]))
def test_the_words_are_those_of_a_new_plan(
    queries: tuple[list[list[Predicate]], tuple[Term, ...]], wanted: str, limit: int | None
):
    """Whatever the literals were of the one that was learned from."""
    shapes = Shapes()
    conditions, terms = queries
    for each in conditions:
        asked = selection(each, terms=terms, limit=limit)
        assert anew(asked, wanted) == sent(shapes, asked, wanted)


@pytest.mark.parametrize("field", sorted(VALUES))
@pytest.mark.parametrize("verb", VERBS)
def test_what_is_not_plain_is_taken_or_refused_as_ever(field: str, verb: str):
    """Values of subclasses, of other types, of none; whichever end it is."""
    shapes, plain = Shapes(), PLAIN[field]
    Search(SPACE, shapes, selection([condition(field, verb, [plain, plain])]), "rows")
    for odd in ODD:
        for values in ([odd, plain], [plain, odd], [odd, odd]):
            asked = selection([condition(field, verb, values)])
            assert outcome(Shapes(), asked, "rows") == outcome(shapes, asked, "rows"), values


def planned(monkeypatch: pytest.MonkeyPatch, *selections: Selection, wanted: str = "rows") -> int:
    """How many of these selections, one after the other, have been planned."""
    plans: list[Selection] = []
    plan = Planned.of

    def noted(keyspace: Keyspace, asked: Selection) -> Planned:
        plans.append(asked)
        return plan(keyspace, asked)

    monkeypatch.setattr(Planned, "of", noted)
    shapes = Shapes()
    for each in selections:
        Search(SPACE, shapes, each, wanted)
    return len(plans)


def test_a_shape_is_planned_once(monkeypatch: pytest.MonkeyPatch):
    """Literals and the number of a limit may differ."""
    asked = [
        selection([Things.city == city, Things.age.between(low, low + 9)], limit=low)
        for city, low in (("a", 1), ("b", 2), ("c", 300))
    ]
    assert 1 == planned(monkeypatch, *asked)


@pytest.mark.parametrize(
    "other",
    [
        selection([Things.city == "b"]),
        selection([Things.city == "b"], limit=1, terms=(Things.age.asc(),)),
        selection([Things.city == "b"], limit=1, terms=(Things.id.desc(),)),
        selection([Things.city.between("a", "b")], limit=1),
        selection([Things.city == "b"], limit=1, scan=False),
        selection([Things.city > "b"], limit=1),
        selection([Things.age == 1], limit=1),
        selection([Things.city == "b", Things.age == 1], limit=1),
        selection([Things.city == "b"], limit=1, fields=(b"age",)),
        selection([], limit=1),
    ],
)
def test_other_shapes_are_planned(monkeypatch: pytest.MonkeyPatch, other: Selection):
    """Of other fields, operators, orders, and so on."""
    assert 2 == planned(monkeypatch, selection([Things.city == "a"], limit=1), other)


def test_the_other_direction_is_another_shape(monkeypatch: pytest.MonkeyPatch):
    """Of the same term."""
    terms = [(Things.age.asc(),), (Things.age.desc(),), (Things.age.asc(),)]
    asked = [selection([Things.city == "a"], limit=1, terms=each) for each in terms]
    assert 2 == planned(monkeypatch, *asked)


@pytest.mark.parametrize(
    "asked",
    [
        selection([Things.city == "a", Things.city == "b"]),
        selection([Things.city != "a"]),
        selection([Things.city.in_(["a"])]),
        selection([(Things.city == "a") | (Things.age == 1)]),
        selection([Things.id == 1]),
        selection([Things.id.between(1, 2), Things.age == 1]),
        selection([Things.age.is_none()]),
        selection([Things.age.between(2, 1)]),
        selection([Things.city == "a"], without=frozenset((b"1",))),
        selection([Things.city == "a"], after=Position((), b"1")),
    ],
)
def test_what_is_planned_each_time(monkeypatch: pytest.MonkeyPatch, asked: Selection):
    """Where literals decide of more than some words."""
    assert 2 == planned(monkeypatch, asked, asked)


def test_a_literal_that_does_not_fit_is_refused_as_ever():
    """With the same message."""
    shapes = Shapes()
    Search(SPACE, shapes, selection([Things.age == 1]), "rows")
    with pytest.raises(UnsupportedQuery) as first:
        anew(selection([Things.age == "x"]), "rows")  # type: ignore[list-item]
    with pytest.raises(UnsupportedQuery) as again:
        Search(SPACE, shapes, selection([Things.age == "x"]), "rows")  # type: ignore[list-item]
    assert str(first.value) == str(again.value)


def test_an_order_that_is_none_is_refused_as_ever():
    """Though what is found by its shape resolves no order."""
    shapes, terms = Shapes(), (Term(Others.age),)
    Search(SPACE, shapes, selection([Things.age == 1], terms=(Things.age.asc(),)), "rows")
    for _ in range(2):
        with pytest.raises(UnknownField, match="age is not a field of Things"):
            Search(SPACE, shapes, selection([Things.age == 1], terms=terms), "rows")


def test_a_known_shape_needs_no_order(monkeypatch: pytest.MonkeyPatch):
    """What it is, and which fields it takes, was said the first time."""
    shapes = Shapes()
    asked = [
        selection([Things.city == city], terms=(Things.age.desc(),), limit=3, fields=(b"name",))
        for city in "ab"
    ]
    first = Search(SPACE, shapes, asked[0], "fields").known
    monkeypatch.setattr(Selection, "order", None)
    again = Search(SPACE, shapes, asked[1], "fields").known
    assert (first.order, (b"name", b"age")) == (again.order, again.names)


def test_a_shape_that_is_asked_once_generates_nothing(monkeypatch: pytest.MonkeyPatch):
    """Programs that ask each query once do not pay for a second one."""
    monkeypatch.setattr("redmapper.strategies.lua.shapes.generated", None)
    assert anew(selection([Things.age == 1]), "rows")


def test_what_says_a_shape_keeps_its_source():
    """To be read, and shown by a debugger."""
    shapes = Shapes()
    for age in (1, 2):
        Search(SPACE, shapes, selection([Things.age == age], limit=age), "rows")
    (shape,) = shapes._known.values()
    source = shape.say.source
    assert source.startswith("def say(conditions, limit, leads=LEADS):\n")
    assert "b'%d' % limit" in source


@pytest.mark.parametrize("size", [999, 1000, 1001, 1023, 1024, 1100, 3999, 4000, 4001, 100_000])
def test_a_literal_of_any_length_is_said_at_once(monkeypatch: pytest.MonkeyPatch, size: int):
    """What leads a long word is made for it."""
    asked = [selection([Things.city == "a" * length]) for length in (1, 2, size, 3)]
    shapes = Shapes()
    for each in asked:
        assert anew(each, "rows") == sent(shapes, each, "rows")
    assert 1 == planned(monkeypatch, *asked)


def test_a_shape_that_says_something_else_is_planned_each_time(monkeypatch: pytest.MonkeyPatch):
    """Whatever it is that was not thought of: what was said once is said again to compare."""
    wrong = Expression("b'something else'")
    by = Spelled.by
    monkeypatch.setattr(Spelled, "by", lambda word, made: by(word, made and wrong))
    assert 3 == planned(monkeypatch, *[selection([Things.age == age]) for age in range(3)])


def test_a_condition_that_nothing_meets_is_not_remembered(monkeypatch: pytest.MonkeyPatch):
    """It is planned as what it is, and the next of its shape as another."""
    asked = [selection([Things.age.between(*ends)]) for ends in ((2, 1), (1, 2), (3, 4))]
    assert 2 == planned(monkeypatch, *asked)


def test_shapes_are_forgotten_rather_than_piled_up():
    """A program that makes ever new ones does not grow without end."""
    shapes, known = Shapes(), Search(SPACE, Shapes(), selection([Things.city == "a"]), "rows").known
    for number in range(MOST_SHAPES + 1):
        fields = (b"%d" % number,)
        asked = selection([Things.city == "a"], fields=fields)
        shapes.learn(asked, "fields", known, call(FIND, [], []))
    assert 1 == len(shapes)


@pytest.mark.parametrize("verb", VERBS)
def test_integers_that_are_stored_in_hex_are_read_as_such(verb: str):
    """In a process that spells integers of any length, too."""
    column = column_of(Things.age, MAPPED)
    values = [10**4300, 10**4301]
    asked = condition("age", verb, values)
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        literal = read_of(asked, column)(asked)
    finally:
        sys.set_int_max_str_digits(before)
    assert literal is not None
    _, _, _, raws = literal
    assert [hex(each).encode() for each in values][: len(raws)] == [*raws]


@pytest.mark.parametrize(
    ("asked", "wanted", "expected"),
    [
        (Things.city == "=a", "rows", 1),
        (Things.city == ">a", "count", 1),
        (Things.size < 1.5, "count", 1),
        (Things.size < 1e308, "rows", 1),
        (Things.size < 1e308, "count", 0),
    ],
    ids=["text", "text counted", "a number counted", "a large one", "a large one counted"],
)
def test_what_others_are_told_like_is_remembered(asked: Predicate, wanted: str, expected: int):
    """Only a count between numbers that are no scores is told in a way of its own."""
    shapes = Shapes()
    Search(SPACE, shapes, selection([asked]), wanted)
    assert expected == len(shapes)
