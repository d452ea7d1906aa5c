"""Index entries as Redis keeps them."""

from typing import Any

import attrs
import pytest

from redmapper import Field, Key, Lookup, Mapper, MapperRegistry, Ordered, Unique
from redmapper.mapping.columns import Record
from redmapper.mapping.ordering import descending, key_tail_int, order_int, order_text
from redmapper.strategies.lua import entries
from redmapper.strategies.lua.entries import (
    SERVED,
    Affected,
    MapperPlaces,
    Places,
    ScoredEntries,
    SetEntries,
    SortedEntries,
    tail_descends,
)
from redmapper.strategies.lua.keys import Keyspace


@attrs.define
class User:
    """An entity."""

    city: str | None = None
    age: int | None = None
    tags: list[str] = attrs.field(factory=list)
    name: str = ""
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    city = Field[str | None](norm=str.casefold)
    age = Field[int | None]()
    tags = Field[list[str]]()

    by_city = Lookup(city)
    by_age = Ordered(age)
    by_age_down = Ordered(city, age.desc())
    by_tag = Lookup(tags)
    unique = Unique(city)


MAPPED = MapperRegistry(Users).mapped(User)
PLACES = Places(Keyspace(b"{shop}"))
HERE = PLACES.of(MAPPED)
ENTRIES: dict[str, Any] = {index.name: each for index, each in HERE.indexes}
NONE = b"\0\0\1"


def record(key: int, **attributes: Any) -> Record:
    """A stored record."""
    return MAPPED.encode(User(**attributes), b"%d" % key)


def named(affected: Affected) -> set[str]:
    """The indexes of these entries, and the listing."""
    held = [*affected.sorted, *affected.sets]
    return {name for name, each in {**ENTRIES, "listing": LISTING}.items() if each in held}


LISTING = HERE.all.sorted[0]


# --- where they stand ------------------------------------------------------------------------


def test_every_index_but_the_uniques_has_entries():
    """The values of those are claims, which the commit checks."""
    assert ["by_city", "by_age", "by_age_down", "by_tag"] == list(ENTRIES)
    assert {Unique, Lookup, Ordered} == SERVED


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("records", b"{shop}:User:"),
        ("listing", b"{shop}:User"),
        ("sequence", b"{shop}#sequence/User"),
    ],
)
def test_a_mapper_has_its_places(part: str, expected: bytes):
    """Each key is spelled once."""
    assert expected == getattr(HERE, part)


def test_a_unique_has_a_hash_of_owners():
    """Of which only the key is known here."""
    assert {MAPPED.indexes["unique"]: b"{shop}:User/unique"} == HERE.uniques


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("by_age", b"{shop}:User/by_age"),
        ("by_age_down", b"{shop}:User/by_age_down"),
    ],
)
def test_an_ordered_has_a_sorted_set(name: str, expected: bytes):
    """One for all of its members."""
    assert expected == ENTRIES[name].key


def test_a_lookup_has_a_set_a_value():
    """Whose key the value ends."""
    assert b"{shop}:User/by_city/" == ENTRIES["by_city"].head


def test_a_key_ends_a_member_in_its_order():
    """10 after 9."""
    assert key_tail_int(12) == HERE.tail(b"12")


def test_places_are_worked_out_once():
    """A commit asks for them for each group of writes."""
    assert PLACES.of(MAPPED) is PLACES.of(MAPPED)


def test_mappers_have_places_of_their_own():
    """Of two mappers of one class, too."""
    other = MapperRegistry(Users).mapped(User)
    assert PLACES.of(other) is not PLACES.of(MAPPED)


@pytest.mark.parametrize(
    ("name", "expected"), [("by_age", False), ("by_age_down", True), ("by_city", False)]
)
def test_the_key_goes_as_the_last_field_does(name: str, expected: bool):  # noqa: FBT001 - a case
    """So that a walk the other way gives the other order."""
    assert expected == tail_descends(MAPPED.indexes[name])


# --- members of sorted sets ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("by_age", (key_tail_int(12), b"5")),
        (
            "by_age_down",
            (order_text("bern") + descending(order_int(5)) + descending(key_tail_int(12)), b"0"),
        ),
    ],
)
def test_an_entry_is_the_value_and_the_key(name: str, expected: tuple[bytes, bytes]):
    """A number as the score; the key as its tail, which descends where the last field does."""
    held = record(12, city="Bern", age=5)
    assert expected == ENTRIES[name].entry(held, HERE.tail(b"12"))


def test_the_listing_has_every_key_in_order():
    """10 after 9: a member without a value."""
    assert b"{shop}:User" == LISTING.key
    tails = HERE.tails([b"9", b"12"])
    assert [key_tail_int(9), key_tail_int(12)] == [LISTING.entry({}, tail).member for tail in tails]


@pytest.mark.parametrize("key", [0, 7, -1, -12, 10**109, 10**18, -(10**40)])
def test_the_tails_of_many_keys_are_those_of_each(key: int):
    """Whatever their sign and length."""
    encoded = b"%d" % key
    assert [HERE.tail(encoded), HERE.tail(b"1")] == HERE.tails([encoded, b"1"])


# --- which a change concerns -----------------------------------------------------------------


def test_all_entries_come_and_go_with_an_entity():
    """The listing among them."""
    assert {"listing", "by_city", "by_age", "by_age_down", "by_tag"} == named(HERE.all)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((b"age", b"@"), {"by_age", "by_age_down"}),
        ((b"tags",), {"by_tag"}),
        ((b"~city",), {"by_city", "by_age_down"}),
        ((b"name", b"@"), set()),
    ],
    ids=["a field", "a collection", "a norm", "no entry"],
)
def test_a_change_concerns_the_entries_of_its_fields(names: tuple[bytes, ...], expected: set[str]):
    """The normed ones, too; the listing never."""
    assert expected == named(HERE.affected(names))


def test_what_a_change_concerns_is_found_out_once():
    """Most changes are alike."""
    assert HERE.affected((b"age",)) is HERE.affected((b"age",))


def test_rare_changes_are_forgotten(monkeypatch: pytest.MonkeyPatch):
    """A mapper of many fields has more combinations of them than memory."""
    monkeypatch.setattr(entries, "MOST_SHAPES", 2)
    here = Places(Keyspace(b"{shop}")).of(MAPPED)
    for names in ((b"age",), (b"city",), (b"tags",)):
        here.affected(names)
    assert [(b"tags",)] == list(here._affected)


def test_entries_are_of_the_structure_that_holds_them():
    """A table line each kind of index."""
    assert isinstance(HERE, MapperPlaces)
    kinds = [type(each) for _, each in HERE.indexes]
    assert [SetEntries, ScoredEntries, SortedEntries, SetEntries] == kinds
