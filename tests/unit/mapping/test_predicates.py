"""Conditions and orders: values that print as the code that made them."""

import copy
import pickle

import attrs
import pytest

from redmapper import Field, Key, Mapper, Predicate, UnsupportedQuery
from redmapper.mapping.predicates import And, Between, Compare, Has, In, IsNone, Not, Or, Term


@attrs.define
class User:
    """An entity."""

    name: str
    age: int | None = None
    tags: list[str] = attrs.field(factory=list)
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    name = Field[str]()
    age = Field[int | None]()
    tags = Field[list[str]]()


@pytest.mark.parametrize("values", ["abc", b"abc", 7, None], ids=repr)
def test_in_takes_several_values(values: object):
    """A text is not taken for its characters."""
    with pytest.raises(UnsupportedQuery) as refused:
        Users.name.in_(values)
    expected = f"Users.name.in_({values!r}): it takes several values: in_([...])"
    assert expected == str(refused.value)


adult, ann, vip = Users.age >= 18, Users.name == "Ann", Users.tags.has("vip")

MADE: dict[str, Predicate] = {
    "Users.age == 18": Users.age == 18,
    "Users.age != 18": Users.age != 18,
    "Users.age < 18": Users.age < 18,
    "Users.age <= 18": Users.age <= 18,
    "Users.age > 18": Users.age > 18,
    "Users.age >= 18": Users.age >= 18,
    "Users.id == 7": Users.id == 7,
    "Users.age.between(18, 65)": Users.age.between(18, 65),
    "Users.age.in_([1, None])": Users.age.in_([1, None]),
    "Users.age.in_([])": Users.age.in_(()),
    "Users.age.is_none()": Users.age.is_none(),
    "~Users.age.is_none()": Users.age.not_none(),
    "Users.name.startswith('A')": Users.name.startswith("A"),
    "Users.tags.has('vip')": Users.tags.has("vip"),
    "(Users.age >= 18) & (Users.name == 'Ann')": adult & ann,
    "(Users.age >= 18) | Users.tags.has('vip')": adult | vip,
    "~(Users.age >= 18)": ~adult,
    "~Users.tags.has('vip')": ~vip,
    "((Users.age >= 18) | (Users.name == 'Ann')) & ~Users.tags.has('vip')": (adult | ann) & ~vip,
    "~((Users.age >= 18) & (Users.name == 'Ann'))": ~(adult & ann),
}


@pytest.mark.parametrize("expected", MADE)
def test_a_condition_prints_as_one_would_write_it(expected: str):
    """With parentheses where Python needs them."""
    assert expected == repr(MADE[expected])


@pytest.mark.parametrize("code", MADE)
def test_what_is_printed_makes_the_same_condition(code: str):
    """It is the code that made it."""
    made = eval(code, {"Users": Users})  # noqa: S307 - our own literals
    assert MADE[code] == made


@pytest.mark.parametrize("code", MADE)
def test_a_condition_is_pickled_and_copied(code: str):
    """Its fields are those of the mapper afterwards, too."""
    made = MADE[code]
    assert made == pickle.loads(pickle.dumps(made))  # noqa: S301 - our own bytes
    assert made == copy.copy(made)
    assert made == copy.deepcopy(made)


def test_equality_with_none_is_a_question_for_none():
    """As is inequality: a comparison with None would never hold."""
    assert IsNone(Users.age) == (Users.age == None)  # noqa: E711 - the spelling is the point
    assert Not(IsNone(Users.age)) == (Users.age != None)  # noqa: E711 - the spelling is the point


def test_methods_make_conditions():
    """One class each."""
    assert Compare(Users.age, ">=", 18) == adult
    assert Between(Users.age, 1, 2) == Users.age.between(1, 2)
    assert In(Users.age, (1, 2)) == Users.age.in_(iter([1, 2]))
    assert Has(Users.tags, "vip") == vip


def test_a_reversed_comparison_is_the_same_condition():
    """Python asks the field's side for the mirrored operator."""
    assert (Users.age > 18) == (18 < Users.age)


def test_conditions_on_different_fields_differ():
    """Fields are told apart by identity; their own `==` is always true."""
    assert (Users.age == 1) != (Users.id == 1)


def test_conditions_can_stand_in_sets():
    """Equal ones are one."""
    assert 2 == len({Users.age > 1, Users.age > 2, Users.age > 1})


def test_and_is_flat():
    """However it is put together."""
    assert And((adult, ann, vip)) == adult & ann & vip
    assert And((adult, ann, vip)) == adult & (ann & vip)


def test_or_is_flat():
    """However it is put together."""
    assert Or((adult, ann, vip)) == adult | ann | vip
    assert Or((adult, ann, vip)) == adult | (ann | vip)


def test_and_within_or_stays_a_part():
    """Only the same kind is flattened."""
    assert Or((And((adult, ann)), vip)) == adult & ann | vip


@pytest.mark.parametrize(
    "misused",
    [
        lambda: bool(adult),
        lambda: adult and ann,
        lambda: adult or ann,
        lambda: not adult,
        lambda: 1 < Users.age < 5,
        lambda: Users.age in (Users.id, 5),
    ],
    ids=["bool", "and", "or", "not", "chained", "in"],
)
def test_a_condition_is_not_a_truth(misused: object):
    """What would silently drop half of it is an error that names the right operators."""
    with pytest.raises(TypeError, match=r"combine conditions with &, \| and ~") as refused:
        misused()
    assert str(refused.value).startswith("`Users.")


def test_a_condition_can_not_be_changed():
    """A query that was built from it stays what it was."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        adult.value = 21


@pytest.mark.parametrize(
    ("term", "expected"),
    [(Users.age.asc(), "Users.age.asc()"), (Users.age.desc(), "Users.age.desc()")],
)
def test_a_term_of_an_order_prints_as_one_would_write_it(term: Term, expected: str):
    """Its direction, too."""
    assert expected == repr(term)


def test_terms_are_told_apart_by_field_and_direction():
    """And ascending is what a bare field means."""
    assert Term(Users.age) == Users.age.asc()
    assert Users.age.asc() != Users.age.desc()
    assert Users.age.asc() != Users.id.asc()
