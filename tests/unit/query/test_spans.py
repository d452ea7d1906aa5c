"""Conditions on a scalar field as spans of its encoded values."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redmapper import Field, Key, Mapper, MapperRegistry, Predicate, UnsupportedQuery
from redmapper.mapping.ordering import order_int, order_text, successor
from redmapper.query.spans import Span, point, spans_of


@attrs.define
class User:
    """An entity."""

    name: str | None = None
    age: int | None = None
    joined: datetime | None = None
    tags: list[str] = attrs.field(factory=list)
    pin: int | None = attrs.field(default=None, repr=False)
    word: str | None = attrs.field(default=None, repr=False)
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    name = Field[str | None](norm=str.casefold)
    age = Field[int | None]()
    joined = Field[datetime | None]()
    tags = Field[list[str]]()
    pin = Field[int | None]()
    word = Field[str | None](norm=lambda word: str(int(word)))


MAPPED = MapperRegistry(Users).mapped(User)
NONE = b"\0\0\1"
FIRST = successor(NONE)
EIGHTEEN = order_int(18)
AFTER_EIGHTEEN = successor(EIGHTEEN)


def spans(predicate: Any) -> list[Span] | None:
    """The spans of a condition."""
    field = getattr(predicate, "part", predicate).field
    found = spans_of(predicate, MAPPED.columns[field.name])
    return None if found is None else list(found)


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        (Users.age == 18, [Span(EIGHTEEN, AFTER_EIGHTEEN, EIGHTEEN)]),
        (Users.age != 18, [Span(FIRST, EIGHTEEN), Span(AFTER_EIGHTEEN, None)]),
        (Users.age < 18, [Span(FIRST, EIGHTEEN)]),
        (Users.age <= 18, [Span(FIRST, AFTER_EIGHTEEN)]),
        (Users.age > 18, [Span(AFTER_EIGHTEEN, None)]),
        (Users.age >= 18, [Span(EIGHTEEN, None)]),
        (Users.age.between(18, 18), [Span(EIGHTEEN, AFTER_EIGHTEEN)]),
        (Users.age.in_([18, None, 18]), [point(NONE), point(EIGHTEEN)]),
        (Users.age.in_([]), []),
        (Users.age.is_none(), [point(NONE)]),
        (Users.age.not_none(), [Span(FIRST, None)]),
        (Users.name.startswith("Än"), [Span("än".encode(), "äo".encode())]),
        (Users.name == "ANN", [point(order_text("ann"))]),
    ],
    ids=repr,
)
def test_a_condition_is_spans(predicate: Predicate, expected: list[Span]):
    """None is in none of them unless it is asked for; text is normed."""
    assert expected == spans(predicate)


def test_an_empty_range_is_an_empty_span():
    """A minimum above the maximum matches nothing."""
    assert [True] == [span.empty for span in spans(Users.age.between(5, 3)) or ()]


@pytest.mark.parametrize("predicate", [~(Users.age == 1), Users.tags.has("a")], ids=repr)
def test_some_conditions_have_no_spans(predicate: Predicate):
    """They are judged otherwise."""
    assert spans(predicate) is None


def test_a_collection_has_no_spans():
    """It has no order."""
    assert spans(Users.tags.is_none()) is None


@pytest.mark.parametrize("operator", ["__lt__", "__le__", "__ge__", "__gt__", "__ne__", "__eq__"])
def test_a_naive_time_is_compared_with_naive_ones_only(operator: str):
    """And an aware one with aware ones: a condition with one kind never matches the other."""
    naive, aware = datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC)
    order = MAPPED.columns["joined"].kind.scalar.order
    for asked, others in [(naive, [aware]), (aware, [naive])]:
        found = spans(getattr(Users.joined, operator)(asked)) or ()
        assert not any(span.holds(order(other)) for span in found for other in others)


def test_a_range_between_the_two_kinds_of_time_is_empty():
    """There is nothing between a naive and an aware one."""
    within = Users.joined.between(datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC))
    assert [True] == [span.empty for span in spans(within) or ()]


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        (Users.age < None, "`Users.age < None` compares with None: write is_none() or not_none()"),
        (
            Users.age.between(None, 5),
            "`Users.age.between(None, 5)` compares with None: write is_none() or not_none()",
        ),
        (Users.age == "x", "`Users.age == 'x'`, age: 'x' is str, int expected"),
        (
            Users.age.in_([1, Decimal(2)]),
            "`Users.age.in_([1, Decimal('2')])`, age: Decimal('2') is Decimal, int expected",
        ),
        (
            Users.name == "\ud800",
            ("`Users.name == '\\ud800'`, name: lone surrogate U+D800 at position 0 of the text"),
        ),
        (
            Users.age.startswith("1"),
            "`Users.age.startswith('1')`: startswith is for text fields and takes text",
        ),
        (
            Users.name.startswith(5),
            "`Users.name.startswith(5)`: startswith is for text fields and takes text",
        ),
        (
            Users.name.startswith("\ud800"),
            ("`Users.name.startswith('\\ud800')`: lone surrogate U+D800 at position 0 of the text"),
        ),
    ],
    ids=repr,
)
def test_what_does_not_fit_the_field_is_refused(predicate: Predicate, expected: str):
    """The condition is shown as it was written, and what is wrong with it."""
    with pytest.raises(UnsupportedQuery) as refused:
        spans(predicate)
    assert expected == str(refused.value)


def test_what_does_not_fit_the_norm_is_refused():
    """With what the norm says of it."""
    with pytest.raises(UnsupportedQuery, match=r"^`Users\.name == 5`, name: TypeError: "):
        spans(Users.name == 5)


@pytest.mark.parametrize(
    "predicate", [Users.pin == "hush", Users.word == "hush"], ids=["type", "norm"]
)
def test_a_hidden_value_is_not_shown(predicate: Predicate):
    """Neither by the message nor by what caused it."""
    with pytest.raises(UnsupportedQuery) as refused:
        spans(predicate)
    error: BaseException | None = refused.value
    while error is not None:
        assert "hush" not in repr(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_two_spans_meet_in_what_lies_in_both():
    """None as an upper cut is no end."""
    assert Span(b"b", b"c") == Span(b"a", b"c").meet(Span(b"b", None))
    assert Span(b"b", b"c") == Span(b"b", None).meet(Span(b"a", b"c"))
    assert Span(b"b", None) == Span(b"a", None).meet(Span(b"b", None))


def test_a_point_stays_a_point():
    """Whatever it meets that holds it."""
    assert point(b"b") == point(b"b").meet(Span(b"a", None))
    assert point(b"b") == Span(b"a", None).meet(point(b"b"))


cuts = st.binary(max_size=2)
some_spans = st.builds(Span, cuts, st.none() | cuts)


@given(some_spans, some_spans, cuts)
def test_a_meeting_holds_what_both_hold(first: Span, second: Span, value: bytes):
    """Empty ones included."""
    both = first.holds(value) and second.holds(value)
    assert both == first.meet(second).holds(value)


@given(some_spans, cuts)
def test_an_empty_span_holds_nothing(span: Span, value: bytes):
    """That is what empty means."""
    assert not (span.empty and span.holds(value))


@attrs.define
class Odd:
    """Its norm does not take every text."""

    word: str = ""
    id: int | None = None


class Odds(Mapper[Odd]):
    """Its mapper."""

    id = Key[int]()
    word = Field[str](norm=lambda word: str(int(word)))


@pytest.mark.parametrize("condition", [Odds.word.startswith("x"), Odds.word == "x"], ids=repr)
def test_a_norm_that_fails_is_an_unsupported_query(condition: Any):
    """Whatever the condition: the norm's own error is not let through."""
    column = MapperRegistry(Odds).mapped(Odd).columns["word"]
    with pytest.raises(UnsupportedQuery, match="word: ValueError: invalid literal"):
        spans_of(condition, column)
