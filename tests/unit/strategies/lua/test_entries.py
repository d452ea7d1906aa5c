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
    Members,
    Places,
    SetEntries,
    SortedEntries,
    tail_descends,
)
from redmapper.strategies.lua.keys import Keyspace
from redmapper.work.plan import Absent, AtVersion, EntityWrite


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


def come(key: int, **attributes: Any) -> EntityWrite:
    """A new user."""
    return EntityWrite.of(MAPPED, b"%d" % key, Absent(), None, record(key, **attributes))


def go(key: int, **attributes: Any) -> EntityWrite:
    """A user that goes."""
    base = record(key, **attributes)
    return EntityWrite.of(MAPPED, b"%d" % key, AtVersion(b"v"), base, None)


def change(key: int, before: dict[str, Any], after: dict[str, Any]) -> EntityWrite:
    """A user that changes."""
    base, after = record(key, **before), record(key, **after)
    return EntityWrite.of(MAPPED, b"%d" % key, AtVersion(b"v"), base, after)


def tails(*writes: EntityWrite) -> list[bytes]:
    """The keys of these, as members end with them."""
    return [HERE.tail(write.key) for write in writes]


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
        ("by_age", order_int(5) + key_tail_int(12)),
        (
            "by_age_down",
            order_text("bern") + descending(order_int(5)) + descending(key_tail_int(12)),
        ),
    ],
)
def test_a_member_is_the_value_and_the_key(name: str, expected: bytes):
    """The key as its tail, which descends where the last field does."""
    write = come(12, city="Bern", age=5)
    assert [expected] == ENTRIES[name].come([write], tails(write))


def test_the_listing_has_every_key_in_order():
    """10 after 9: a member without a value."""
    writes = [come(9), come(12)]
    assert b"{shop}:User" == LISTING.key
    assert [key_tail_int(9), key_tail_int(12)] == LISTING.come(writes, tails(*writes))


def test_members_go_as_they_have_come():
    """By the record that they were put in for."""
    write = go(12, age=5)
    assert [order_int(5) + key_tail_int(12)] == ENTRIES["by_age"].go([write], tails(write))


def test_a_member_that_changes_comes_and_goes():
    """The new one and the old one."""
    write = change(12, {"age": 5}, {"age": 6})
    expected = [order_int(6) + key_tail_int(12)], [order_int(5) + key_tail_int(12)]
    assert expected == ENTRIES["by_age"].change([write], tails(write))


def test_a_member_that_stays_neither_comes_nor_goes():
    """That of the other entities of the group does."""
    writes = [change(1, {"age": 5}, {"age": 5}), change(2, {"age": 5}, {"age": 6})]
    expected = [order_int(6) + key_tail_int(2)], [order_int(5) + key_tail_int(2)]
    assert expected == ENTRIES["by_age"].change(writes, tails(*writes))


@pytest.mark.parametrize("name", ["by_age", "by_age_down"])
def test_the_member_of_one_entity_is_that_of_the_group(name: str):
    """A commit of one says what a commit of many would."""
    write = come(12, city="Bern", age=5)
    assert write.record is not None
    (expected,) = ENTRIES[name].come([write], tails(write))
    assert expected == ENTRIES[name].member(write.record, *tails(write))


# --- members of sets -------------------------------------------------------------------------


def test_a_key_comes_into_the_set_of_its_value():
    """Of the value as its norm makes it; those of one set stand together."""
    added: Members = {}
    ENTRIES["by_city"].come([come(1, city="Bern"), come(2), come(3, city="BERN")], added)
    expected = {
        b"{shop}:User/by_city/bern\0\1": [b"1", b"3"],
        b"{shop}:User/by_city/" + NONE: [b"2"],
    }
    assert expected == added


def test_a_key_comes_into_the_set_of_each_element():
    """Once."""
    added: Members = {}
    ENTRIES["by_tag"].come([come(1, tags=["a", "b", "a"])], added)
    expected = {b"{shop}:User/by_tag/a\0\1": [b"1"], b"{shop}:User/by_tag/b\0\1": [b"1"]}
    assert expected == added


def test_a_key_goes_from_the_set_of_its_value():
    """By the record that it was put in for."""
    removed: Members = {}
    ENTRIES["by_tag"].go([go(1, tags=["a", "b"])], removed)
    expected = {b"{shop}:User/by_tag/a\0\1": [b"1"], b"{shop}:User/by_tag/b\0\1": [b"1"]}
    assert expected == removed


def test_a_key_stays_in_the_sets_of_values_that_stay():
    """Only the difference is said."""
    added: Members = {}
    removed: Members = {}
    write = change(1, {"tags": ["a", "b"]}, {"tags": ["b", "c"]})
    ENTRIES["by_tag"].change([write], added, removed)
    expected = {b"{shop}:User/by_tag/c\0\1": [b"1"]}, {b"{shop}:User/by_tag/a\0\1": [b"1"]}
    assert expected == (added, removed)


def test_the_same_values_in_another_order_change_nothing():
    """A set has none."""
    added: Members = {}
    removed: Members = {}
    write = change(1, {"tags": ["a", "b"]}, {"tags": ["b", "a"]})
    ENTRIES["by_tag"].change([write], added, removed)
    assert ({}, {}) == (added, removed)


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
    assert [SetEntries, SortedEntries, SortedEntries, SetEntries] == kinds
