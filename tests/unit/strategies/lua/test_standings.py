"""Where entities stand in several indexes: the generated function and those of each index."""

from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any, Literal

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from redmapper import Field, Key, Lookup, Mapper, MapperRegistry, Ordered, Unique
from redmapper.mapping.columns import Record
from redmapper.mapping.ordering import descending, order_int
from redmapper.strategies.lua.moves import Held
from redmapper.strategies.lua.standings import Entries, generate_standings


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


def held(sets: list[str], several: list[str], ordered: list[str]) -> Held:
    """These indexes, before those sorted sets one without columns."""
    index = MAPPED.indexes
    return Held(
        [(name.encode(), index[name].terms) for name in sets],
        [(name.encode(), index[name].values) for name in several],
        [(b"listing", ()), *((name.encode(), index[name].terms) for name in ordered)],
    )


STANDINGS = generate_standings(held(SETS, SEVERAL, SORTED))

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


def member(name: str, record: Record, tail: bytes) -> bytes:
    """What stands for an entity in the sorted set of an index."""
    index = MAPPED.indexes[name]
    (value,) = index.values(record)
    return value + (descending(tail) if index.index.terms[-1].descending else tail)


@example([Thing()])
@example([Thing(name="\0", raw=b"\0\1", age=0, tags=[])])
@example([Thing(name="GROSS", age=255, tags=["a", "a"]), Thing()])
@example([Thing(name="Straße", age=256, id=-1)])
@given(st.lists(things, max_size=4))
def test_it_says_what_each_index_says(found: list[Thing]):
    """Of each record its values, behind the heads and before the key: a column for each index."""
    tails = [MAPPED.encode_key(thing.id) for thing in found]
    records = list(map(MAPPED.encode, found, tails))
    values = {
        name: [MAPPED.indexes[name].values(each) for each in records] for name in MAPPED.indexes
    }
    expected = Entries(
        sets=[[name.encode() + value for (value,) in values[name]] for name in SETS],
        several=[
            [[name.encode() + value for value in each] for each in values[name]] for name in SEVERAL
        ],
        members=[tails, *(list(map(partial(member, name), records, tails)) for name in SORTED)],
    )
    assert expected == STANDINGS(records, tails)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (([], [], []), ([], [], [[b"t"]])),
        ((["by_name"], [], []), ([[b"by_namea\0\1"]], [], [[b"t"]])),
        (([], ["by_tag"], []), ([], [[[b"by_tagx\0\1", b"by_tagy\0\1"]]], [[b"t"]])),
        (([], [], ["age_order"]), ([], [], [[b"t"], [order_int(1) + b"t"]])),
    ],
    ids=["none", "a set", "sets of a collection", "a sorted set"],
)
def test_any_of_them_may_be_missing(names: Any, expected: Any):
    """A change concerns few."""
    record = MAPPED.encode(Thing(name="A", age=1, tags=["x", "y"]), b"7")
    assert expected == generate_standings(held(*names))([record], [b"t"])


def test_its_source_can_be_read():
    """It is plain Python."""
    source: str = STANDINGS.source  # type: ignore[attr-defined]
    assert source.startswith("def standings(records, tails):\n")
