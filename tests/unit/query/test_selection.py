"""What a query asks, with its names resolved."""

from typing import Any

import attrs
import pytest

from redmapper import Field, Key, Mapper, MapperRegistry, UnknownField, UnsupportedQuery
from redmapper.mapping.mapped import MappedClass
from redmapper.query.selection import Order, column_of, resolve_order, sort_key


@attrs.define
class User:
    """An entity."""

    name: str | None = None
    age: int | None = None
    tags: list[str] = attrs.field(factory=list)
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    name = Field[str | None]()
    age = Field[int | None]()
    tags = Field[list[str]]()


class Others(Mapper[User], name="Other"):
    """Another mapper of the same class, with the same names."""

    id = Key[int]()
    age = Field[int | None]()


MAPPED: MappedClass = MapperRegistry(Users).mapped(User)
NAME, AGE = MAPPED.columns["name"], MAPPED.columns["age"]


def test_a_field_has_a_column():
    """The key, too."""
    assert AGE is column_of(Users.age, MAPPED)
    assert MAPPED.key.attribute.column is column_of(Users.id, MAPPED)


@pytest.mark.parametrize("field", [Others.age, Others.id, Field[int]()], ids=repr)
def test_a_foreign_field_is_unknown(field: Any):
    """Whatever its name."""
    with pytest.raises(UnknownField) as refused:
        column_of(field, MAPPED)
    assert f"{field!r} is not a field of Users" == str(refused.value)


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ((), Order()),
        ((Users.age.asc(),), Order(((AGE, False),))),
        ((Users.age.desc(),), Order(((AGE, True),), key_descending=True)),
        ((Users.age.desc(), Users.name.asc()), Order(((AGE, True), (NAME, False)))),
        ((Users.id.desc(),), Order((), key_descending=True)),
        ((Users.age.desc(), Users.id.asc()), Order(((AGE, True),))),
        ((Users.id.asc(), Users.age.desc()), Order()),
    ],
    ids=repr,
)
def test_ties_go_by_key_in_the_direction_of_the_last_term(terms: Any, expected: Order):
    """Unless the key is ordered by; what comes after it decides nothing."""
    assert expected == resolve_order(terms, MAPPED)


def test_a_collection_has_no_order():
    """The refusal shows the term."""
    with pytest.raises(UnsupportedQuery) as refused:
        resolve_order((Users.tags.desc(),), MAPPED)
    assert "Users.tags.desc(): only scalar fields have an order" == str(refused.value)


USERS = [
    User("b", 5, id=9),
    User("a", 5, id=10),
    User(None, 5, id=1),
    User("a", None, id=-1),
    User("B", 40, id=2),
]


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ((), [-1, 1, 2, 9, 10]),
        ((Users.id.desc(),), [10, 9, 2, 1, -1]),
        ((Users.age.asc(),), [-1, 1, 9, 10, 2]),
        ((Users.age.desc(),), [2, 10, 9, 1, -1]),
        ((Users.name.asc(),), [1, 2, -1, 10, 9]),
        ((Users.age.asc(), Users.name.desc()), [-1, 9, 10, 1, 2]),
    ],
    ids=repr,
)
def test_rows_are_sorted(terms: Any, expected: list[int]):
    """None first, text by code point, keys as numbers; descending reverses all of it."""
    rows = [(MAPPED.encode_key(user.id), MAPPED.encode(user)) for user in USERS]
    rows.sort(key=sort_key(resolve_order(terms, MAPPED), MAPPED))
    assert expected == [MAPPED.decode_key(key) for key, _ in rows]


@pytest.mark.parametrize(("terms", "place"), [((), -1), ((Users.id.desc(),), 0)], ids=repr)
def test_a_row_that_waits_for_its_number_comes_after_all_keys(terms: Any, place: int):
    """The sequence will give it a greater one."""
    rows = [(b"7", {}), (None, {}), (b"9" * 110, {})]
    rows.sort(key=sort_key(resolve_order(terms, MAPPED), MAPPED))
    assert rows[place][0] is None
