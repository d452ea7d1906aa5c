"""The values of a record in an index: one, or none, or one an element."""

from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from redmapper import (
    Field,
    Key,
    Lookup,
    Mapper,
    MapperRegistry,
    Ordered,
    Unique,
    ValueRefused,
)
from redmapper.mapping.entries import key_tail, ordered_value
from redmapper.mapping.ordering import (
    KEY_DIGITS,
    descending,
    key_tail_int,
    order_int,
    order_text,
)
from redmapper.mapping.scalars import scalar_for


@attrs.define
class User:
    """An entity."""

    name: str | None = None
    age: int | None = None
    tags: list[str] | None = None
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper, with an index of each shape."""

    id = Key[int]()
    name = Field[str | None](norm=str.casefold)
    age = Field[int | None]()
    tags = Field[list[str] | None]()

    unique = Unique(name)
    pair = Unique(name, age)
    nulls = Unique(name, age, nulls=True)
    lookup = Lookup(age)
    tagged = Lookup(tags)
    tagged_by_age = Lookup(age, tags)
    ordered = Ordered(age)
    down = Ordered(name, age.desc())
    by_key = Ordered(id)  # noqa: A003 - the key of this mapper


MAPPED = MapperRegistry(Users).mapped(User)
NONE = b"\0\0\1"


def values(index: str, **attributes: Any) -> tuple[bytes, ...]:
    """The values of a user in an index."""
    return MAPPED.indexes[index].values(MAPPED.encode(User(**attributes), b"7"))


def test_a_unique_has_one_value():
    """Of the value as its norm makes it."""
    assert (b"ann\0\1",) == values("unique", name="Ann")


@pytest.mark.parametrize("index", ["unique", "pair", "nulls", "lookup", "ordered", "down"])
@pytest.mark.parametrize(
    "attributes",
    [{}, {"name": "Ann"}, {"age": 7}, {"name": "Ann", "age": 7}, {"name": "ann", "age": -7}],
    ids=repr,
)
def test_the_one_value_is_the_only_one(index: str, attributes: dict[str, Any]):
    """Or None, where there is none."""
    record = MAPPED.encode(User(**attributes), b"7")
    one = MAPPED.indexes[index].one(record)
    assert values(index, **attributes) == (() if one is None else (one,))


@pytest.mark.parametrize("index", ["tagged", "tagged_by_age"])
def test_an_index_over_a_collection_has_not_one_value(index: str):
    """Whoever asks for it has not looked."""
    with pytest.raises(TypeError, match="an index over a collection has not one value"):
        MAPPED.indexes[index].one({})


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({b"name": b"Ann", b"~name": b"ann"}, b"ann\0\1"),
        ({b"name": b"ann"}, b"ann\0\1"),
        ({}, None),
    ],
    ids=["shadow", "the same", "none"],
)
def test_a_value_comes_from_the_stored_bytes(record: dict[bytes, bytes], expected: bytes | None):
    """Those of the norm, where they differ."""
    assert expected == MAPPED.indexes["unique"].one(record)


def test_none_exempts_from_a_unique():
    """In any of its fields."""
    assert () == values("unique")
    assert () == values("pair", name="Ann")
    assert () == values("pair", age=7)


def test_none_is_a_value_of_a_unique_with_nulls():
    """In each of its fields."""
    assert (NONE + NONE,) == values("nulls")
    assert (b"ann\0\1" + NONE,) == values("nulls", name="Ann")


def test_a_lookup_has_a_value_for_none():
    """So that those without one are found as well."""
    assert (order_int(7),) == values("lookup", age=7)
    assert (NONE,) == values("lookup")


def test_a_lookup_has_a_value_an_element():
    """Each once, in the order of the collection."""
    assert (b"b\0\1", b"a\0\1") == values("tagged", tags=["b", "a", "b"])


@pytest.mark.parametrize("tags", [[], None], ids=["empty", "none"])
def test_a_lookup_has_no_value_without_an_element(tags: list[str] | None):
    """Nothing can be found by what is not there."""
    assert () == values("tagged", tags=tags)
    assert () == values("tagged_by_age", age=7, tags=tags)


def test_a_lookup_pairs_each_element_with_its_other_fields():
    """None among these is a value."""
    assert (NONE + b"a\0\1", NONE + b"b\0\1") == values("tagged_by_age", tags=["a", "b"])


def test_an_ordered_has_one_value():
    """For every entity, None first."""
    assert (order_int(7),) == values("ordered", age=7)
    assert (NONE,) == values("ordered")
    assert NONE < order_int(-(10**50))


def test_a_descending_field_is_complemented():
    """The others stay as they are."""
    expected = order_text("ann") + descending(order_int(7))
    assert (expected,) == values("down", name="Ann", age=7)


def test_a_key_can_be_indexed():
    """Like any other field."""
    assert (order_int(7),) == values("by_key")


@given(
    st.tuples(st.text(max_size=3), st.integers(-9, 9)),
    st.tuples(st.text(max_size=3), st.integers(-9, 9)),
)
def test_different_tuples_never_have_one_value(first: tuple[str, int], second: tuple[str, int]):
    """Neither ("a|b", "c") nor ("a", "b|c") can be mistaken for the other."""
    firsts = values("pair", name=first[0], age=first[1])
    seconds = values("pair", name=second[0], age=second[1])
    same = (first[0].casefold(), first[1]) == (second[0].casefold(), second[1])
    assert same == (firsts == seconds)


@given(st.integers(1 - 10**110, 10**110 - 1))
@example(0)
@example(9)
@example(10)
@example(-1)
@example(10**110 - 1)
@example(1 - 10**110)
def test_the_tail_of_an_integer_is_made_of_its_digits(key: int):
    """Without reading them as a number."""
    assert key_tail_int(key) == key_tail(scalar_for(int))(b"%d" % key)


def test_the_tail_of_an_integer_has_a_limit():
    """That of a key."""
    with pytest.raises(ValueRefused, match="at most 110 digits"):
        key_tail(scalar_for(int))(b"1" + b"0" * KEY_DIGITS)


def test_only_a_scalar_has_an_order():
    """The registry refuses the others before; here it is a mistake of ours."""
    with pytest.raises(TypeError, match="tags is not a scalar"):
        ordered_value(MAPPED.columns["tags"])


@pytest.mark.parametrize(
    ("kind", "stored", "expected"),
    [
        (int, b"10", b"\x8210"),
        (int, b"-9", b"\x7e0"),
        (str, b"a\0b", b"a\0\xffb\0\1"),
        (bytes, b"\xff", b"\xff\0\1"),
        (UUID, b"00000000-0000-0000-0000-000000000001", b"00000000-0000-0000-0000-000000000001"),
    ],
    ids=["int", "negative", "str", "bytes", "uuid"],
)
def test_a_key_stands_in_order_at_the_end_of_an_entry(kind: type, stored: bytes, expected: bytes):
    """By its stored bytes, which can be read back."""
    assert expected == key_tail(scalar_for(kind))(stored)
