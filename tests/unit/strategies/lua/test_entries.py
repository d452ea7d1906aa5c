"""Index entries as Redis keeps them."""

from typing import Any

import attrs
import pytest

from redmapper import Field, Key, Lookup, Mapper, MapperRegistry, Ordered, Unique
from redmapper.mapping.ordering import descending, key_tail_int, order_int
from redmapper.strategies.lua.entries import SERVED, SET, SORTED_SET, Placements
from redmapper.strategies.lua.keys import Keyspace


@attrs.define
class User:
    """An entity."""

    city: str | None = None
    age: int | None = None
    pin: str | None = attrs.field(default=None, repr=False)
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    city = Field[str | None]()
    age = Field[int | None]()
    pin = Field[str | None]()

    by_city = Lookup(city)
    by_age = Ordered(age)
    by_age_down = Ordered(city, age.desc())
    by_pin = Lookup(pin)
    unique = Unique(city)


MAPPED = MapperRegistry(Users).mapped(User)
PLACEMENTS = Placements(Keyspace(b"{shop}"))
PLACED = {placement.index.name: placement for placement in PLACEMENTS.of(MAPPED)}


def test_every_index_but_the_uniques_has_a_placement():
    """Their values are claims, which the commit checks."""
    assert ["by_city", "by_age", "by_age_down", "by_pin"] == list(PLACED)
    assert {Unique, Lookup, Ordered} == SERVED


@pytest.mark.parametrize(
    ("name", "structure", "value", "expected"),
    [
        ("by_city", SET, b"Bern\0\1", (b"{shop}:User/by_city/Bern\0\1", b"12")),
        (
            "by_age",
            SORTED_SET,
            order_int(5),
            (b"{shop}:User/by_age", order_int(5) + key_tail_int(12)),
        ),
        (
            "by_age_down",
            SORTED_SET,
            b"v",
            (b"{shop}:User/by_age_down", b"v" + descending(key_tail_int(12))),
        ),
    ],
)
def test_an_entry_has_its_place(name: str, structure: Any, value: bytes, expected: Any):
    """A set a value of a Lookup; a member, with the key at its end, of an Ordered."""
    assert structure == PLACED[name].structure
    assert expected == PLACED[name].place(value, b"12")


def test_the_listing_has_every_key_in_order():
    """10 after 9."""
    assert (b"{shop}:User", key_tail_int(12)) == PLACEMENTS.listed(MAPPED, b"12")


def test_an_index_over_a_hidden_field_is_hidden():
    """Its keys and members hold the values."""
    assert ["by_pin"] == [name for name, placement in PLACED.items() if placement.hidden]


def test_placements_are_worked_out_once():
    """A commit asks for them for each entity."""
    assert PLACEMENTS.of(MAPPED) is PLACEMENTS.of(MAPPED)
