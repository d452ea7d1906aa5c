"""A condition judged on a record, held against plain Python on the values."""

import operator
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redmapper import (
    Computed,
    Field,
    Key,
    Mapper,
    MapperRegistry,
    Predicate,
    UnknownField,
    UnsupportedQuery,
)
from redmapper.query.evaluate import judge_of


class Size(Enum):
    """Ordered by value, not by declaration."""

    S = 10
    M = 9


@attrs.define
class User:
    """An entity."""

    name: str | None = None
    age: int | None = None
    score: float | None = None
    joined: datetime | None = None
    size: Size | None = None
    tags: list[str] | None = attrs.field(factory=list)
    meta: dict[str, int] | None = None
    id: int = 7


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    name = Field[str | None]()
    folded = Computed[str | None](lambda user: user.name and user.name.casefold())
    age = Field[int | None]()
    score = Field[float | None]()
    joined = Field[datetime | None]()
    size = Field[Size | None]()
    tags = Field[list[str] | None](norm=str.casefold)
    meta = Field[dict[str, int] | None]()


MAPPED = MapperRegistry(Users).mapped(User)


def holds(predicate: Predicate | None, user: User) -> bool:
    """Whether a user meets a condition."""
    return judge_of(predicate, MAPPED)(MAPPED.encode(user, MAPPED.encode_key(user.id)))


COMPARISONS: list[Callable[[Any, Any], Any]] = [
    operator.eq,
    operator.ne,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
]

texts = st.text(st.sampled_from("\0aAbß\U0001f600"), max_size=3)
numbers = st.integers(-3, 3) | st.sampled_from([2**53, 2**53 + 1, -(10**30)])
reals = st.floats(allow_nan=False)


@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda compare: compare.__name__)
@pytest.mark.parametrize(
    ("field", "values"),
    [(Users.name, texts), (Users.age, numbers), (Users.score, reals), (Users.id, numbers)],
    ids=repr,
)
@settings(max_examples=30)  # for each field and operator
@given(st.data())
def test_a_comparison_is_that_of_python(
    compare: Callable[[Any, Any], Any], field: Any, values: st.SearchStrategy[Any], data: Any
):
    """Text by code point, integers of any size exactly."""
    mine, asked = data.draw(values), data.draw(values)
    user = User(**{field.name: mine})
    assert compare(mine, asked) == holds(compare(field, asked), user)


@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda compare: compare.__name__)
def test_a_comparison_with_none_is_false(compare: Callable[[Any, Any], Any]):
    """`age != 5` leaves out those without an age."""
    assert not holds(compare(Users.age, 5), User())


@given(numbers, numbers, numbers)
def test_between_has_both_ends(mine: int, low: int, high: int):
    """And is empty where the low one is the greater."""
    assert (low <= mine <= high) == holds(Users.age.between(low, high), User(age=mine))


@given(st.none() | numbers, st.lists(st.none() | numbers, max_size=3))
def test_in_is_that_of_python(mine: int | None, asked: list[int | None]):
    """None among the values matches what has none."""
    assert (mine in asked) == holds(Users.age.in_(asked), User(age=mine))


@given(st.none() | texts, texts)
def test_startswith_is_that_of_python(mine: str | None, prefix: str):
    """Every character is literal; None begins with nothing."""
    expected = mine is not None and mine.startswith(prefix)
    assert expected == holds(Users.name.startswith(prefix), User(mine))


@given(st.none() | st.lists(texts, max_size=3), texts)
def test_has_finds_an_element(mine: list[str] | None, asked: str):
    """Both sides as the norm makes them."""
    expected = asked.casefold() in [each.casefold() for each in mine or ()]
    assert expected == holds(Users.tags.has(asked), User(tags=mine))


@pytest.mark.parametrize(
    ("predicate", "user", "expected"),
    [
        (Users.age.is_none(), User(), True),
        (Users.age.is_none(), User(age=0), False),
        (Users.age.not_none(), User(age=0), True),
        (Users.name.is_none(), User(""), False),
        (Users.meta.is_none(), User(), True),
        (Users.meta.is_none(), User(meta={}), False),
        (Users.tags.is_none(), User(tags=[]), False),
        (Users.tags.is_none(), User(tags=None), True),
        (Users.tags.not_none(), User(tags=None), False),
    ],
    ids=repr,
)
def test_none_is_asked_for_by_name(predicate: Predicate, user: User, expected: bool):  # noqa: FBT001 - a case
    """Empty is not None."""
    assert expected == holds(predicate, user)


def test_an_enum_compares_by_value():
    """As it is stored, and sorted."""
    assert holds(Users.size > Size.M, User(size=Size.S))


NAIVE = datetime(2024, 1, 1)
AWARE = datetime(2024, 1, 1, tzinfo=UTC)


def test_aware_times_compare_by_instant():
    """Whatever their zones."""
    same = AWARE.astimezone(timezone(timedelta(hours=5)))
    assert holds(Users.joined == AWARE, User(joined=same))


@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda compare: compare.__name__)
@pytest.mark.parametrize(("mine", "asked"), [(NAIVE, AWARE), (AWARE, NAIVE)], ids=repr)
def test_naive_and_aware_times_never_match(
    compare: Callable[[Any, Any], Any], mine: datetime, asked: datetime
):
    """Not even as different."""
    assert not holds(compare(Users.joined, asked), User(joined=mine))


def test_a_computed_value_is_judged_as_it_was_stored():
    """User code that may have changed does not run again."""
    record = MAPPED.encode(User("Ann")) | {b"=folded": b"as it was"}
    assert judge_of(Users.folded == "as it was", MAPPED)(record)


@pytest.mark.parametrize("age", [None, 0, 5])
def test_not_is_the_plain_complement(age: int | None):
    """Of those without a value as well."""
    assert (age != 5) == holds(~(Users.age == 5), User(age=age))


young, named = Users.age < 5, Users.name == "a"


@pytest.mark.parametrize("age", [1, 9])
@pytest.mark.parametrize("name", ["a", "b"])
def test_conditions_are_combined(age: int, name: str):
    """As in Boolean algebra."""
    user, a, b = User(name, age), age < 5, name == "a"
    assert (a and b) == holds(young & named, user)
    assert (a or b) == holds(young | named, user)
    assert (not (a and b)) == holds(~(young & named), user)
    assert (not a and not b) == holds(~young & ~named, user)


def test_no_condition_means_all():
    """Whatever the record."""
    assert holds(None, User())


class Others(Mapper[User], name="Other"):
    """Another mapper of the same class."""

    id = Key[int]()
    age = Field[int | None]()


@pytest.mark.parametrize(
    ("predicate", "error", "message"),
    [
        (Others.age > 1, UnknownField, "Others.age is not a field of Users"),
        (
            Users.age.has(1),
            UnsupportedQuery,
            "`Users.age.has(1)`: has() is for collections of scalars",
        ),
        (
            Users.meta.has("a"),
            UnsupportedQuery,
            "`Users.meta.has('a')`: has() is for collections of scalars",
        ),
        (
            Users.name < 5,
            UnsupportedQuery,
            "`Users.name < 5`, name: 5 is int, str expected",
        ),
        (
            Users.tags == ["a"],
            UnsupportedQuery,
            "`Users.tags == ['a']`: a nested value is asked with has() or is_none()",
        ),
        (
            Users.meta > {},
            UnsupportedQuery,
            "`Users.meta > {}`: a nested value is asked with has() or is_none()",
        ),
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    "within",
    [lambda it: it, lambda it: ~(young & it), lambda it: young | it],
    ids=["alone", "below not and and", "below or"],
)
def test_a_question_that_makes_no_sense_is_refused(
    predicate: Predicate,
    error: type[Exception],
    message: str,
    within: Callable[[Predicate], Predicate],
):
    """Before any record is seen, wherever it stands."""
    with pytest.raises(error) as refused:
        judge_of(within(predicate), MAPPED)
    assert message == str(refused.value)
