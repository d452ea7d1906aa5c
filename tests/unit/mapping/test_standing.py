"""Where an entity stands in several indexes: the generated function and those of each index."""

from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from itertools import chain
from typing import Any, Literal

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from redmapper import Field, Key, Lookup, Mapper, MapperRegistry, Ordered, Unique
from redmapper.mapping.ordering import descending, order_int
from redmapper.mapping.standing import Wanted, generate_standing, generate_standings


class Size(Enum):
    """Of whole numbers."""

    SMALL = 1
    LARGE = 1000


@attrs.define
class Thing:
    """A field of each kind that is treated by itself, and some that are not."""

    name: str | None = None
    age: int | None = None
    made: datetime | None = None
    price: Decimal | None = None
    size: Size | None = None
    side: Literal["left", "right"] | None = None
    raw: bytes | None = None
    tags: list[str] | None = None
    id: int = 7


class Things(Mapper[Thing]):
    """Indexes over one field and over several, up and down, normed, and over a collection."""

    id = Key[int]()
    name = Field[str | None](norm=str.casefold)
    age = Field[int | None]()
    made = Field[datetime | None]()
    price = Field[Decimal | None]()
    size = Field[Size | None]()
    side = Field[Literal["left", "right"] | None]()
    raw = Field[bytes | None]()
    tags = Field[list[str] | None]()

    unique = Unique(name)
    by_name = Lookup(name)
    by_pair = Lookup(age, side)
    by_raw = Lookup(raw)
    by_size = Lookup(size)
    by_tag = Lookup(tags)
    by_age_and_tag = Lookup(age, tags)
    age_order = Ordered(age)
    down = Ordered(made, name.desc())
    mixed = Ordered(price.desc(), age)
    key_order = Ordered(id.desc())  # noqa: A003 - the key of this mapper


MAPPED = MapperRegistry(Things).mapped(Thing)
SETS = ["by_name", "by_pair", "by_raw", "by_size"]
SEVERAL = ["by_tag", "by_age_and_tag"]
SORTED = ["age_order", "down", "mixed", "key_order"]
HEADS = [b"%d/" % number for number in range(len(SETS + SEVERAL))]


def wanted(sets: list[str], several: list[str], ordered: list[str]) -> Wanted:
    """These indexes, behind those sorted sets one without columns."""
    index = MAPPED.indexes
    return Wanted(
        [index[name].terms for name in sets],
        [index[name].values for name in several],
        [(), *(index[name].terms for name in ordered)],
    )


STANDING = generate_standing(wanted(SETS, SEVERAL, SORTED))
STANDINGS = generate_standings(wanted(SETS, SEVERAL, SORTED))

things = st.builds(
    Thing,
    name=st.none() | st.text(),
    age=st.none() | st.integers(),
    made=st.none() | st.datetimes(timezones=st.none() | st.just(UTC)),
    price=st.none() | st.decimals(allow_nan=False),
    size=st.none() | st.sampled_from(Size),
    side=st.none() | st.sampled_from(["left", "right"]),
    raw=st.none() | st.binary(),
    tags=st.none() | st.lists(st.text()),
    id=st.integers(),
)


@example(Thing())
@example(Thing(name="\0", raw=b"\0\1", age=0, tags=[]))
@example(Thing(name="GROSS", age=255, tags=["a", "a"]))
@example(Thing(name="Straße", age=256, id=-1))
@given(things)
def test_it_says_what_each_index_says(thing: Thing):
    """Of the same record, its values behind the heads, and before the key."""
    key = MAPPED.encode_key(thing.id)
    record, tail = MAPPED.encode(thing, key), b"tail"
    sets, members = STANDING(record, tail, HEADS)
    indexes = [MAPPED.indexes[name] for name in SETS + SEVERAL]
    expected = [
        head + value
        for head, index in zip(HEADS, indexes, strict=True)
        for value in index.values(record)
    ]
    assert expected == sets
    expected = [tail]
    for name in SORTED:
        index = MAPPED.indexes[name]
        (value,) = index.values(record)
        expected.append(value + (descending(tail) if index.index.terms[-1].descending else tail))
    assert expected == members


@given(st.lists(things, max_size=4))
def test_of_many_it_says_what_it_says_of_each(held: list[Thing]):
    """A column for each index, in the order of the records."""
    keys = [MAPPED.encode_key(thing.id) for thing in held]
    records = list(map(MAPPED.encode, held, keys))
    found = STANDINGS(records, keys, HEADS)
    several = zip(*found.several, strict=True)
    sets = zip(*found.sets, strict=True)
    members = list(map(list, zip(*found.members, strict=True)))
    told = [[*one, *chain(*many)] for one, many in zip(sets, several, strict=True)]
    expected = [STANDING(record, key, HEADS) for record, key in zip(records, keys, strict=True)]
    assert expected == list(zip(told, members, strict=True))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (([], [], []), ([], [b"t"])),
        ((["by_name"], [], []), ([b"0/a\0\1"], [b"t"])),
        (([], ["by_tag"], []), ([b"0/x\0\1", b"0/y\0\1"], [b"t"])),
        (([], [], ["age_order"]), ([], [b"t", order_int(1) + b"t"])),
    ],
    ids=["none", "a set", "sets of a collection", "a sorted set"],
)
def test_any_of_them_may_be_missing(names: Any, expected: Any):
    """A change concerns few."""
    standing = generate_standing(wanted(*names))
    record = MAPPED.encode(Thing(name="A", age=1, tags=["x", "y"]), b"7")
    heads = HEADS[: len(names[0]) + len(names[1])]
    assert expected == standing(record, b"t", heads)
    sets, several, members = generate_standings(wanted(*names))([record], [b"t"], heads)
    told = [key for (key,) in sets] + [key for (keys,) in several for key in keys]
    assert expected == (told, [member for (member,) in members])


def test_its_source_can_be_read():
    """It is plain Python."""
    assert STANDING.source.startswith("def standing(record, tail, heads):\n")  # type: ignore[attr-defined]
    assert STANDINGS.source.startswith("def standings(records, tails, heads):\n")  # type: ignore[attr-defined]


def test_what_has_no_order_is_refused():
    """The registry has done so before."""
    with pytest.raises(TypeError, match="tags is not a scalar"):
        generate_standing(Wanted([[(MAPPED.columns["tags"], False)]], [], []))
