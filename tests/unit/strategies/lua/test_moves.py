"""What a write moves in several indexes, and where many stand: as the functions of each say."""

from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from redmapper import Field, Key, Lookup, Mapper, MapperRegistry, Ordered, Unique
from redmapper.mapping.columns import Record
from redmapper.mapping.inline import names_of
from redmapper.mapping.ordering import descending, order_int
from redmapper.strategies.lua.moves import Held, SortedSet, Tell, generate_tell
from redmapper.strategies.lua.pieces import ANY_LEAD
from redmapper.strategies.lua.receipts import Lane
from redmapper.strategies.lua.scores import scores_of
from redmapper.strategies.lua.standings import EntryColumns, generate_standings
from redmapper.wire import Script


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
SCORED = ["age_order", "key_order"]
NONE = b"\0\0\1"
TAIL = b"tail"
LISTED = [TAIL, b"0", b""]


def head(name: str) -> bytes:
    """What the keys of an index begin with."""
    return b"%b/" % name.encode()


def held(sets: list[str], several: list[str], ordered: list[str]) -> Held:
    """These indexes, before those sorted sets the listing."""
    index = MAPPED.indexes
    return Held(
        [(head(name), index[name].terms) for name in sets],
        [(head(name), index[name].values) for name in several],
        [SortedSet(b"listing", ()), *[ordered_set(name) for name in ordered]],
    )


def ordered_set(name: str) -> SortedSet:
    """That of an index."""
    index = MAPPED.indexes[name]
    return SortedSet(head(name), index.terms, scores_of(index, MAPPED.key.scalar))


HELD = held(SETS, SEVERAL, SORTED)
SCRIPT = Script("commit_one", "return 1")
NAMED = {
    "SCRIPT": SCRIPT,
    "SCHEMA": b"schema",
    "LISTING": b"list",
    "SEQUENCE": b"sequence",
    "RECORDS": b"records/",
    "NAMED": (b"60", b"Thing", b"digest"),
    "tail_of": lambda _: TAIL,
}
WHOLE = generate_tell(HELD, NAMED, changes=False)
CHANGES = generate_tell(HELD, NAMED, changes=True)
STANDINGS = generate_standings(HELD)

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


def record_of(thing: Thing) -> Record:
    """As it is stored."""
    return MAPPED.encode(thing, MAPPED.encode_key(thing.id))


def table(records: list[Record]) -> tuple[Any, Any]:
    """What tells a field of each of these records, and what tells them all."""
    return lambda name: [record.get(name) for record in records], lambda: records


def sets_of(record: Record) -> list[bytes]:
    """The keys of the sets that a record stands in, by the function of each index."""
    return [
        head(name) + value
        for name in SETS + SEVERAL
        for value in MAPPED.indexes[name].values(record)
    ]


def members_of(record: Record, tail: bytes = TAIL) -> dict[bytes, tuple[bytes, bytes]]:
    """Its members of the sorted sets, by the function of each index, and their scores."""
    members = {b"listing": (tail, b"0")}
    for name in SORTED:
        index = MAPPED.indexes[name]
        scores = scores_of(index, MAPPED.key.scalar)
        (value,) = index.values(record)
        down = index.index.terms[-1].descending
        if scores is not None:
            members[head(name)] = scores.entry_of(descending(value) if down else value, tail)
        else:
            members[head(name)] = value + (descending(tail) if down else tail), b"0"
    return members


def moved(tell: Tell, before: Record | None, after: Record | None) -> tuple[Any, ...]:
    """Keys and words that say what moves, and the counts of sets and sorted sets."""
    lane = Lane("L", b"lane", 1, "unit")
    call = tell(lane, b"7", b"v", before, after, {b"f": b"x"}, (), b"")
    script, sha, said, *rest = call.words
    count = int(said)
    keys, arguments = rest[:count], rest[count:]
    assert (SCRIPT, count) == (call.script, call.keys)
    assert (b"EVALSHA", SCRIPT.sha.encode()) == (script, sha)
    assert [b"lane", b"schema", b"list", b"records/7"] == keys[:4]
    assert [b"1", b"unit", b"60", b"Thing", b"digest", b"7", TAIL, b"v", b""] == arguments[:9]
    owners, *counts, gone = arguments[9]
    assert ((0, 0), [b"f", b"x"]) == ((owners, gone), arguments[-2:])
    return keys[4:], arguments[10:-2], tuple(counts)


NOTHING = Thing()
HARD = Thing(name="\0", raw=b"\0\1", age=0, tags=[])
LARGE = Thing(name="GROSS", age=255, tags=["a", "a"])
OTHER = Thing(name="Straße", age=256, id=-1)


@example(NOTHING)
@example(HARD)
@example(LARGE)
@example(OTHER)
@given(things)
def test_what_comes_and_goes_is_what_each_index_says(thing: Thing):
    """Its sets, and its members: with nothing that goes, or with nothing that comes."""
    record = record_of(thing)
    sets, members = sets_of(record), members_of(record)
    keys = [*sets, *members]
    coming = [word for member, score in members.values() for word in (member, score, b"")]
    going = [word for member, _ in members.values() for word in (b"", b"", member)]
    assert (keys, coming, (len(sets), 0, len(members))) == moved(WHOLE, None, record)
    assert (keys, going, (0, len(sets), len(members))) == moved(WHOLE, record, None)


@example(NOTHING, HARD)
@example(HARD, NOTHING)
@example(LARGE, OTHER)
@example(LARGE, LARGE)
@given(things, things)
def test_what_changes_is_the_difference_of_both(before: Thing, after: Thing):
    """Where both records say the same, nothing moves."""
    old, new = record_of(before), record_of(after)
    was, comes = sets_of(old), sets_of(new)
    added = [key for key in comes if key not in was]
    removed = [key for key in was if key not in comes]
    pairs = zip(members_of(new).items(), members_of(old).values(), strict=True)
    differing = [(key, *entry, gone) for (key, entry), gone in pairs if entry != gone]
    keys = [*added, *removed, *[key for key, *_ in differing]]
    words = [
        word
        for _, member, score, (gone, _) in differing
        for word in (member, score, gone if gone != member else b"")
    ]
    counts = (len(added), len(removed), len(differing))
    assert (keys, words, counts) == moved(CHANGES, old, new)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (([], [], []), ([b"listing"], LISTED, (0, 0, 1))),
        ((["by_name"], [], []), ([b"by_name/a\0\1", b"listing"], LISTED, (1, 0, 1))),
        (
            ([], ["by_tag"], []),
            ([b"by_tag/x\0\1", b"by_tag/y\0\1", b"listing"], LISTED, (2, 0, 1)),
        ),
        (
            ([], [], ["age_order"]),
            ([b"listing", b"age_order/"], [*LISTED, TAIL, b"1", b""], (0, 0, 2)),
        ),
        (
            ([], [], ["mixed"]),
            (
                [b"listing", b"mixed/"],
                [*LISTED, descending(NONE) + order_int(1) + TAIL, b"0", b""],
                (0, 0, 2),
            ),
        ),
    ],
    ids=["none", "a set", "sets of a collection", "numbers", "a sorted set"],
)
def test_any_of_them_may_be_missing(names: Any, expected: Any):
    """A change concerns few."""
    record = record_of(Thing(name="A", age=1, tags=["x", "y"]))
    assert expected == moved(generate_tell(held(*names), NAMED, changes=False), None, record)


@pytest.mark.parametrize("size", [1020, 1024, 100_000])
def test_a_long_word_is_led_as_any_other(size: int):
    """Where nobody has made beforehand what leads it."""
    record = {b"name": b"n" * size}
    lane = Lane("L", b"lane", 12, "unit")
    said = lane, b"k" * size, b"", None, record, record, (), b"7"
    with pytest.raises(IndexError):
        WHOLE(*said)
    words = WHOLE(*said, ANY_LEAD).words
    assert {b"records/" + b"k" * size, b"by_name/" + b"n" * size + b"\0\1"} < {*words}
    assert (b"name", b"n" * size) == words[-2:]


def test_sets_alone_move():
    """Where no sorted set is concerned."""
    names = Held([(b"s/", MAPPED.indexes["by_name"].terms)], [], [])
    old, new = record_of(Thing(name="A")), record_of(Thing(name="B"))
    whole, changes = (generate_tell(names, NAMED, changes=each) for each in (False, True))
    assert ([b"s/b\0\1", b"s/a\0\1"], [], (1, 1, 0)) == moved(changes, old, new)
    assert ([b"s/b\0\1"], [], (1, 0, 0)) == moved(whole, None, new)


# --- many ------------------------------------------------------------------------------------


@example([Thing()])
@example([Thing(name="\0", raw=b"\0\1", age=0, tags=[])])
@example([Thing(name="GROSS", age=255, tags=["a", "a"]), Thing()])
@example([Thing(name="Straße", age=256, id=-1)])
@given(st.lists(things, max_size=4))
def test_many_stand_where_each_index_says(found: list[Thing]):
    """Of each record its values, behind the heads and before the key: a column for each index."""
    tails = [MAPPED.encode_key(thing.id) for thing in found]
    records = list(map(MAPPED.encode, found, tails))
    members = [members_of(*each).values() for each in zip(records, tails, strict=True)]
    columns = list(zip(*members, strict=True)) or [() for _ in ["listing", *SORTED]]
    values = {
        name: [MAPPED.indexes[name].values(each) for each in records] for name in MAPPED.indexes
    }
    expected = EntryColumns(
        sets=[[head(name) + value for (value,) in values[name]] for name in SETS],
        several=[
            [[head(name) + value for value in each] for each in values[name]] for name in SEVERAL
        ],
        members=[[member for member, _ in each] for each in columns],
        scores=[
            [score for _, score in each] if name in SCORED else None
            for name, each in zip(["listing", *SORTED], columns, strict=True)
        ],
    )
    assert expected == as_lists(STANDINGS(*table(records), tails))


def as_lists(found: EntryColumns) -> EntryColumns:
    """The same, its columns as lists."""
    scores = [None if each is None else list(each) for each in found.scores]
    return found._replace(members=list(map(list, found.members)), scores=scores)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (([], [], []), ([], [], [[b"t"]], [None])),
        ((["by_name"], [], []), ([[b"by_name/a\0\1"]], [], [[b"t"]], [None])),
        (([], ["by_tag"], []), ([], [[[b"by_tag/x\0\1", b"by_tag/y\0\1"]]], [[b"t"]], [None])),
        (([], [], ["age_order"]), ([], [], [[b"t"], [b"t"]], [None, [b"1"]])),
    ],
    ids=["none", "a set", "sets of a collection", "a sorted set"],
)
def test_many_may_miss_any_of_them(names: Any, expected: Any):
    """A change concerns few."""
    record = MAPPED.encode(Thing(name="A", age=1, tags=["x", "y"]), b"7")
    assert expected == generate_standings(held(*names))(*table([record]), [b"t"])


# --- both ------------------------------------------------------------------------------------


def test_their_source_can_be_read():
    """It is plain Python."""
    tell: str = WHOLE.source  # type: ignore[attr-defined]
    standings: str = STANDINGS.source  # type: ignore[attr-defined]
    head = "def tell(lane, key, version, base, record, fields, gone, number, leads=LEADS):\n"
    assert tell.startswith(head)
    assert standings.startswith("def standings(column, records, tails):\n")


def test_what_has_no_order_is_refused():
    """The registry has done so before."""
    with pytest.raises(TypeError, match="tags is not a scalar"):
        names_of([MAPPED.columns["tags"]])
