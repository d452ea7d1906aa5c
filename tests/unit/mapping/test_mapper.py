"""A mapper's class body: what it declares, what it inherits, and what it leaves free."""

import copy
import pickle
from typing import Any

import attrs
import pytest

from redmapper import Computed, Field, Key, Lookup, Mapper, MapperRegistry, Ordered, Unique
from redmapper.mapping.fields import Queryable
from redmapper.mapping.mapper import read_mapper
from redmapper.mapping.predicates import Term


@attrs.define
class User:
    """An entity."""

    name: str
    age: int | None = None
    id: int | None = None


class Users(Mapper[User], name="person", conflict="fields"):
    """Its mapper."""

    id = Key[int]()
    name = Field[str]()
    age = Field[int | None]()
    initial = Computed[str](lambda user: user.name[:1])

    by_name = Unique(name)
    by_age = Ordered(age.desc(), name)


class Members(Users):
    """A mapper that inherits all of it, and declares one field anew."""

    age = Field[int | None](norm=abs)
    by_initial = Lookup(Users.initial)


def test_mapper_owns_no_public_attribute():
    """So that every name is free for a user's field."""
    assert [] == [name for name in vars(Mapper) if not name.startswith("_")]


def test_declarations_are_read_by_kind():
    """The key, the fields, what is computed, and the indexes, each by its name."""
    declared = read_mapper(Users)
    found = (declared.keys, declared.fields, declared.computed, declared.indexes)
    assert [["id"], ["name", "age"], ["initial"], ["by_name", "by_age"]] == [*map(list, found)]


def test_the_domain_class_stands_between_the_brackets():
    """Of a mapper that inherits, between those of its base."""
    assert [User, User] == [read_mapper(each).domain for each in (Users, Members)]


def test_a_mapper_without_brackets_has_no_domain_class():
    """Which the registry refuses; reading it does not."""
    bare = type("Bare", (Mapper,), {})
    assert read_mapper(bare).domain is None


def test_options_are_kept_as_they_are_said():
    """They are judged by the registry."""
    assert {"name": "person", "conflict": "fields"} == read_mapper(Users).options


def test_all_options_but_the_name_are_inherited():
    """Two mappers with one storage name could not stand in one registry."""
    assert {"conflict": "fields"} == read_mapper(Members).options


def test_declarations_are_inherited():
    """Those of the base come first."""
    assert ["by_name", "by_age", "by_initial"] == list(read_mapper(Members).indexes)


def test_a_declaration_replaces_an_inherited_one():
    """As attributes of classes do."""
    assert Members.__dict__["age"] is read_mapper(Members).fields["age"]


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (Users.id, "Users.id"),
        (Users.age, "Users.age"),
        (Users.initial, "Users.initial"),
        (Users.by_name, "Users.by_name"),
        (Field[int](), "Field.?"),
        (Ordered(Users.age), "Ordered.?"),
    ],
)
def test_a_declaration_prints_as_one_would_write_it(declared: object, expected: str):
    """One that stands in no mapper says its kind."""
    assert expected == repr(declared)


@pytest.mark.parametrize("declared", [Users.id, Users.age, Users.initial, Users.by_age])
def test_a_declaration_is_copied_and_pickled_by_name(declared: object):
    """What comes back is the one that stands in the mapper: fields are told apart by identity."""
    assert pickle.loads(pickle.dumps(declared)) is declared  # noqa: S301 - our own bytes
    assert copy.deepcopy(declared) is declared


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (Users.id, int),
        (Users.age, int | None),
        (Users.initial, str),
        (Field[list[str]](), list[str]),
        (Field(), Any),
    ],
)
def test_a_declaration_keeps_the_type_between_its_brackets(
    declared: Queryable[Any], expected: object
):
    """Any, where there are no brackets."""
    assert expected == declared.annotation


def test_a_declaration_can_stand_in_sets():
    """Its `==` makes a condition, its hash is that of the object."""
    assert 2 == len({Users.id, Users.age, Users.id})


def test_an_index_knows_its_fields_and_their_directions():
    """Ascending where nothing is said."""
    assert (Term(Users.age, descending=True), Term(Users.name)) == Users.by_age.terms
    assert ["age", "name"] == [field.name for field in Users.by_age.fields]


@pytest.mark.parametrize(("index", "expected"), [(Unique(), False), (Unique(nulls=True), True)])
def test_a_unique_exempts_none_unless_told(index: Unique, expected: bool):  # noqa: FBT001 - a case
    """As in SQL."""
    assert expected == index.nulls


def test_a_mapper_leaves_no_mark_on_the_domain_class():
    """Nothing is added, nothing is wrapped."""
    before = dict(vars(User))
    MapperRegistry(Users)
    assert before == dict(vars(User))


def test_a_mapper_is_readable():
    """What it maps, and its declarations."""
    expected = "<mapper Users of User: id, name, age, initial, by_name, by_age>"
    assert expected == repr(Users)
    assert repr(Members).startswith("<mapper Members of User: id, name, age, initial, by_name")


def test_a_mapper_of_nothing_prints_as_a_class():
    """`Mapper` itself among them."""
    assert "<class 'redmapper.mapping.mapper.Mapper'>" == repr(Mapper)


def test_a_mapper_is_copied_as_a_class_is():
    """It stays itself."""
    pickled = pickle.loads(pickle.dumps(Users))  # noqa: S301 - our own bytes
    assert [Users] * 3 == [pickled, copy.copy(Users), copy.deepcopy(Users)]
