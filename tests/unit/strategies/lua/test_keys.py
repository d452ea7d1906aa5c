"""The keys of a partition: no two different things ever share one."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redmapper import MappingError
from redmapper.strategies.lua.keys import Keyspace
from redmapper.work.strategy import Place


def place(namespace: str = "shop", partition: str | None = None) -> Place:
    """A place without chance and time."""
    return Place(namespace, partition, bytes, float)


SPACE = Keyspace.of(place())


def named(name: str) -> Any:
    """Stands for a mapper or an index: only its name counts."""
    return SimpleNamespace(name=name)


USER, CITY = named("User"), named("by_city")


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (SPACE.record(USER, b"7"), b"{shop}:User:7"),
        (SPACE.records(USER), b"{shop}:User:"),
        (SPACE.listing(USER), b"{shop}:User"),
        (SPACE.index(USER, CITY), b"{shop}:User/by_city"),
        (SPACE.lookup(USER, CITY, b"Bern\0\1"), b"{shop}:User/by_city/Bern\0\1"),
        (SPACE.sequence(USER), b"{shop}#sequence/User"),
        (SPACE.lane("kX3"), b"{shop}#lane/kX3"),
        (SPACE.schema, b"{shop}#schema"),
        (SPACE.nothing, b"{shop}#nothing"),
    ],
    ids=repr,
)
def test_a_key_is_spelled(key: bytes, expected: bytes):
    """These literals are stored."""
    assert expected == key


@pytest.mark.parametrize(
    ("namespace", "partition", "expected"),
    [
        ("shop", None, b"{shop}"),
        ("shop", "tenant-42", b"{shop:tenant-42}"),
        ("shop", "a:b", b"{shop:a:b}"),
        ("a:b", None, b"{a%3Ab}"),
        ("{x}", "{y}", b"{%7Bx%7D:%7By%7D}"),
        ("100%", "100%", b"{100%25:100%25}"),
        ("Grüße 😀", None, "{Grüße 😀}".encode()),
    ],
    ids=repr,
)
def test_a_place_has_a_hash_tag(namespace: str, partition: str | None, expected: bytes):
    """What would break it is written as in a URL."""
    assert expected == Keyspace.of(place(namespace, partition)).tag


@pytest.mark.parametrize(
    ("namespace", "partition"),
    [("", None), ("shop", ""), ("\ud800", None), ("shop", "\ud800")],
    ids=ascii,
)
def test_a_place_needs_a_name(namespace: str, partition: str | None):
    """Of characters that can be stored."""
    with pytest.raises(MappingError):
        Keyspace.of(place(namespace, partition))


# --- no two things share a key ---------------------------------------------------------------

nasty = st.text(st.sampled_from(":/#{}%a7B\0"), min_size=1, max_size=4)
storage_names = st.text(st.sampled_from("a7.-_B"), min_size=1, max_size=3)
index_names = st.sampled_from(["a", "b", "a7", "_"])
values = st.binary(max_size=2) | st.sampled_from([b":", b"/", b"#", b"a/a", b"a:a", b"/a", b":a"])
places = st.tuples(nasty, st.none() | nasty)

things = st.one_of(
    st.tuples(st.just("record"), places, storage_names, values),
    st.tuples(st.just("listing"), places, storage_names),
    st.tuples(st.just("index"), places, storage_names, index_names),
    st.tuples(st.just("lookup"), places, storage_names, index_names, values),
    st.tuples(st.just("sequence"), places, storage_names),
    st.tuples(st.just("lane"), places, st.text(st.sampled_from("aB7-_"), max_size=2)),
    st.tuples(st.just("schema"), places),
    st.tuples(st.just("nothing"), places),
)


def key_of(thing: tuple[Any, ...]) -> bytes:
    """The key of a thing."""
    kind, where, *rest = thing
    space = Keyspace.of(place(*where))
    if kind in {"schema", "nothing"}:
        return getattr(space, kind)
    if kind == "lane":
        return space.lane(*rest)
    mapped, *rest = rest
    return getattr(space, kind)(
        named(mapped), *(named(each) if isinstance(each, str) else each for each in rest)
    )


@given(st.sets(things, min_size=2, max_size=30))
def test_different_things_have_different_keys(found: set[tuple[Any, ...]]):
    """Whatever stands in their names, keys and values."""
    assert len(found) == len({key_of(thing) for thing in found})


@given(things, things)
def test_the_things_of_one_place_have_one_hash_tag(first: tuple[Any, ...], second: tuple[Any, ...]):
    """So they stand on one node; and those of another place have another."""
    tags = [re.match(rb"\{([^{}]+)\}", key_of(thing)) for thing in (first, second)]
    assert None not in tags
    assert (first[1] == second[1]) == (tags[0].group() == tags[1].group())
