"""Numbers as scores: their entries and cuts stand in the order of values and keys."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import Enum
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redmapper import Computed, Field, Key, Lookup, Mapper, MapperRegistry, Ordered
from redmapper.errors import ValueRefused
from redmapper.mapping.ordering import (
    key_tail_int,
    order_datetime,
    order_float,
    order_int,
    successor,
)
from redmapper.mapping.scalars import Scalar, scalar_for
from redmapper.strategies.lua.scores import (
    FIRST_PLAIN,
    PLAIN_DIGITS,
    PLAIN_MICROSECONDS,
    Entry,
    Scores,
    before,
    behind,
    scored_by,
    scores_of,
)


class Level(Enum):
    """Of numbers."""

    LOW = 1
    HIGH = 2


@attrs.define
class Thing:
    """A field of each kind that matters."""

    count: int | None = None
    size: float = 0.0
    took: timedelta | None = None
    level: Level = Level.LOW
    name: str = ""
    flag: bool = False
    made: datetime | None = None
    born: date = date.min
    wakes: time = time.min
    id: int = 0


class Things(Mapper[Thing]):
    """Its mapper."""

    id = Key[int]()
    count = Field[int | None]()
    size = Field[float]()
    took = Field[timedelta | None]()
    level = Field[Level]()
    name = Field[str]()
    flag = Field[bool]()
    made = Field[datetime | None]()
    born = Field[date]()
    wakes = Field[time]()
    double = Computed[int](lambda thing: 2 * (thing.count or 0))

    by_count = Ordered(count)
    by_count_down = Ordered(count.desc())
    by_size = Ordered(size)
    by_took = Ordered(took)
    by_level = Ordered(level)
    by_double = Ordered(double)
    by_name = Ordered(name)
    by_flag = Ordered(flag)
    by_made = Ordered(made)
    by_made_down = Ordered(made.desc())
    by_made_name = Ordered(made, name)
    by_born = Ordered(born)
    by_wakes = Ordered(wakes)
    by_both = Ordered(count, size)
    looked_up = Lookup(count)
    by_key = Ordered(id)  # noqa: A003 - the key of this mapper


MAPPED = MapperRegistry(Things).mapped(Thing)
INT: Scalar = MAPPED.key.scalar


def scores_by(name: str) -> Scores:
    """Those of an index that has them."""
    scores = scores_of(MAPPED.indexes[name], INT)
    assert scores is not None
    return scores


COUNT, SIZE, MADE = map(scores_by, ("by_count", "by_size", "by_made"))


def stored(value: float | datetime | None) -> bytes | None:
    """A number as a record has it."""
    if isinstance(value, datetime):
        return value.isoformat().encode()
    return None if value is None else repr(value).encode()


def place(entry: Entry) -> tuple[float, bytes]:
    """Where a server has an entry."""
    return float(entry.score), entry.member


def side(cut: bytes, entry: Entry) -> bool:
    """Whether an entry stands behind a cut, as `find.lua` reads it."""
    if cut in (b"-", b"+"):
        return cut == b"-"
    if cut[:1] in (b"=", b">"):
        score, member = cut[1:].split(b" ", 1)
        there = (float(score), member)
        return place(entry) > there if cut[:1] == b">" else place(entry) >= there
    number = float(cut.lstrip(b"("))
    return float(entry.score) > number if cut[:1] == b"(" else float(entry.score) >= number


# --- which indexes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((name, True) for name in ("by_count", "by_count_down", "by_size", "by_took")),
        *((name, True) for name in ("by_level", "by_double", "by_key")),
        *((name, True) for name in ("by_made", "by_made_down")),
        *((name, False) for name in ("by_name", "by_flag", "by_both", "looked_up")),
        *((name, False) for name in ("by_made_name", "by_born", "by_wakes")),
    ],
)
def test_one_field_of_numbers_has_scores(name: str, expected: bool):  # noqa: FBT001 - a case
    """Whatever the numbers stand for, and datetimes; nothing else."""
    assert expected == (scores_of(MAPPED.indexes[name], INT) is not None)


def test_keys_of_any_bytes_leave_no_room():
    """Their tails may begin with any byte."""
    kind = scalar_for(bytes)
    assert kind is not None
    assert scores_of(MAPPED.indexes["by_count"], kind) is None


def test_a_column_is_asked_for_by_its_scores():
    """The key is not: it stands in every entry."""
    assert MAPPED.indexes["by_size"] is scored_by(MAPPED.columns["size"], MAPPED)
    assert scored_by(MAPPED.columns["name"], MAPPED) is None
    assert scored_by(MAPPED.key.attribute.column, MAPPED) is None


# --- literally -------------------------------------------------------------------------------

TAIL = b"\x817"
STEP = timedelta(microseconds=1)
PAST_PLAIN = FIRST_PLAIN + PLAIN_MICROSECONDS * STEP
EAST = timezone(timedelta(hours=5, minutes=30, microseconds=1))


def beyond(moment: datetime) -> bytes:
    """The member of a datetime that is not plain."""
    return b"\xfe" + order_datetime(moment) + TAIL


def in_utc(moment: datetime) -> datetime:
    """What the clock shows, as that of UTC."""
    return moment.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("scores", "number", "expected"),
    [
        (COUNT, None, (b"\xfd" + TAIL, b"-inf")),
        (COUNT, 0, (TAIL, b"0")),
        (COUNT, 10**15 - 1, (TAIL, b"999999999999999")),
        (COUNT, 10**15, (b"\xfe" + order_int(10**15) + TAIL, b"1e300")),
        (COUNT, 1 - 10**14, (TAIL, b"-99999999999999")),
        (COUNT, -(10**14), (b"\xfe" + order_int(-(10**14)) + TAIL, b"-1e300")),
        (SIZE, 0.1, (TAIL, b"0.1")),
        (SIZE, -0.0, (TAIL, b"-0.0")),
        (SIZE, 1e299, (TAIL, b"1e+299")),
        (SIZE, 1e300, (b"\xfe" + order_float(1e300) + TAIL, b"1e300")),
        (SIZE, float("inf"), (b"\xfe" + order_float(float("inf")) + TAIL, b"1e300")),
        (SIZE, float("-inf"), (b"\xfe" + order_float(float("-inf")) + TAIL, b"-1e300")),
        (MADE, None, (b"\xfd" + TAIL, b"-inf")),
        (MADE, datetime.min, (beyond(datetime.min), b"-1e300")),
        (MADE, FIRST_PLAIN - STEP, (beyond(FIRST_PLAIN - STEP), b"-1e300")),
        (MADE, FIRST_PLAIN, (TAIL, b"-9000000000000000")),
        (MADE, PAST_PLAIN - STEP, (TAIL, b"-1")),
        (MADE, PAST_PLAIN, (beyond(PAST_PLAIN), b"-0.75")),
        (MADE, in_utc(FIRST_PLAIN - STEP), (beyond(in_utc(FIRST_PLAIN - STEP)), b"-0.25")),
        (MADE, in_utc(FIRST_PLAIN), (TAIL, b"0")),
        (MADE, datetime(1970, 1, 1, 5, 30, tzinfo=EAST), (TAIL, b"2208988799999999")),
        (MADE, in_utc(PAST_PLAIN - STEP), (TAIL, b"8999999999999999")),
        (MADE, in_utc(PAST_PLAIN), (beyond(in_utc(PAST_PLAIN)), b"1e300")),
    ],
    ids=lambda value: None if isinstance(value, Scores) else repr(value),
)
def test_an_entry(scores: Scores, number: Any, expected: tuple[bytes, bytes]):
    """The number as its score, beyond all where it is not plain."""
    raw = stored(number)
    assert expected == scores.entry(raw, TAIL)
    for other in OTHERS[scores]:
        its = scores.entry(other, b"t")
        pairs = scores.entries([raw, other], [TAIL, b"t"])
        assert [expected, its] == list(zip(*pairs, strict=True))


OTHERS: dict[Scores, list[bytes | None]] = {
    COUNT: [None, b"1"],
    SIZE: [None, b"1.0"],
    MADE: [None, b"2026-01-01T00:00:00", b"2026-01-01T00:00:00+00:00"],
}
"""What an entity that is written at the same time may have."""


def test_what_is_no_number_has_no_entry():
    """Alone or among others."""
    with pytest.raises(ValueRefused, match="NaN"):
        SIZE.entry(b"nan", TAIL)
    with pytest.raises(ValueRefused, match="NaN"):
        SIZE.entries([b"1.0", b"nan"], [TAIL, TAIL])


@pytest.mark.parametrize("raw", [b"soon", b"2026-01-01T00:00:00\n", b"\xff", b""])
def test_what_is_no_datetime_has_no_entry(raw: bytes):
    """Alone or among others: a record that something else has written."""
    with pytest.raises(ValueError, match=r"isoformat|decode"):
        MADE.entry(raw, TAIL)
    for others in ([], [b"2026-01-01T00:00:00"], [None]):
        raws = [raw, *others]
        with pytest.raises(ValueError, match=r"isoformat|decode"):
            MADE.entries(raws, [TAIL] * len(raws))


def test_a_datetime_in_another_spelling_has_the_same_entry():
    """Whatever Python reads: here with a line break where the T stands."""
    others = [b"2026-01-01\n00:00:00", b"2026-01-01"]
    assert {MADE.entry(b"2026-01-01T00:00:00", TAIL)} == {MADE.entry(raw, TAIL) for raw in others}
    members, scores = MADE.entries(others, [TAIL, TAIL])
    assert [MADE.entry(raw, TAIL) for raw in others] == list(zip(members, scores, strict=True))


def test_plain_datetimes_of_many_have_their_tails_for_members():
    """Those of both clocks, but not together; of none there is nothing."""
    tails = [b"a", b"b"]
    for zone in ("", "+00:00", "-08:00"):
        raws = [f"2026-01-0{day}T00:00:00{zone}".encode() for day in (1, 2)]
        members, scores = MADE.entries(raws, tails)
        assert members is tails
        assert [MADE.entry(raw, b"").score for raw in raws] == scores
    assert ([], []) == MADE.entries([], [])


def test_plain_numbers_of_many_go_as_they_are():
    """No step for each."""
    raws, tails = [b"1", b"22"], [b"a", b"b"]
    members, scores = COUNT.entries(raws, tails)
    assert members is tails
    assert scores is raws


# --- in order --------------------------------------------------------------------------------

edges = [10**PLAIN_DIGITS, 10 ** (PLAIN_DIGITS - 1), 2**53, 2**64, 10**40]
integers = st.one_of(
    st.integers(),
    st.integers(-3, 300),
    st.sampled_from(
        [sign * edge + step for edge in edges for sign in (1, -1) for step in (-1, 0, 1)]
    ),
)
floats = st.one_of(
    st.floats(allow_nan=False),
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e300, -1e300, 9.999999999999999e299, 5e-324]),
)
keys = st.integers(-12, 120)

ends = [datetime.min, datetime.max, FIRST_PLAIN, PAST_PLAIN, datetime(2020, 1, 1)]
near = [
    end + step * STEP
    for end in ends
    for step in (-1, 0, 1)
    if 0 <= (end - datetime.min) // STEP + step <= (datetime.max - datetime.min) // STEP
]
carried = [datetime.min + (number * 256**size - 1) * STEP for number, size in [(1, 7), (67, 6)]]
clocks = st.sampled_from([*near, *carried]) | st.datetimes()
offsets = st.timedeltas(timedelta(-1) + STEP, timedelta(1) - STEP).filter(
    lambda offset: abs(offset) >= timedelta(seconds=1)  # of less Python reads none
)
zones = st.one_of(st.none(), st.just(UTC), offsets.map(timezone))
moments = st.builds(lambda clock, zone: clock.replace(tzinfo=zone), clocks, zones)


def check_order(scores: Scores, numbers: list[Any], tails: list[bytes]) -> None:
    """Entries, and the cuts at their values, stand as the numbers and the tails do."""
    none = scores.kind.none
    encoded = [none if each is None else scores.kind.order(each) for each in numbers]
    entries = [scores.entry(*each) for each in zip(map(stored, numbers), tails, strict=True)]
    assert [scores.entry_of(*each) for each in zip(encoded, tails, strict=True)] == [
        Entry(each.member, b"0.0" if each.score == b"-0.0" else each.score) for each in entries
    ]
    rows = list(zip(encoded, tails, entries, strict=True))
    for value, tail, entry in rows:
        for other, its_tail, its_entry in rows:
            assert ((value, tail) < (other, its_tail)) == (place(entry) < place(its_entry))
            assert side(before(entry), its_entry) == (place(its_entry) >= place(entry))
            assert side(behind(entry), its_entry) == (place(its_entry) > place(entry))
            assert side(scores.cut(value), its_entry) == (other >= value)
            after = successor(value)
            assert side(scores.cut(after), its_entry) == (after is not None and other >= after)


@given(st.lists(st.tuples(st.none() | integers, keys), max_size=6))
def test_integers_stand_in_order(rows: list[tuple[int | None, int]]):
    """Of any size, None before all."""
    check_order(COUNT, [number for number, _ in rows], [key_tail_int(key) for _, key in rows])


@given(st.lists(st.tuples(st.none() | floats, keys), max_size=6))
def test_floats_stand_in_order(rows: list[tuple[float | None, int]]):
    """The infinities among them."""
    check_order(SIZE, [number for number, _ in rows], [key_tail_int(key) for _, key in rows])


@given(st.lists(st.tuples(st.none() | moments, keys), max_size=6))
def test_datetimes_stand_in_order(rows: list[tuple[datetime | None, int]]):
    """All naive ones before all aware ones."""
    check_order(MADE, [moment for moment, _ in rows], [key_tail_int(key) for _, key in rows])


@given(moments, keys)
def test_what_is_compared_with_a_datetime_lies_between_cuts(moment: datetime, key: int):
    """What is naive, or what is aware; each end is a score, or that of the set."""
    entry = MADE.entry(stored(moment), key_tail_int(key))
    naive = moment.tzinfo is None
    low, middle, high = map(MADE.cut, (b"\1", b"\2", b"\3"))
    assert (b"(-inf", b"-0.5", b"+") == (low, middle, high)
    assert (True, not naive, False) == tuple(side(cut, entry) for cut in (low, middle, high))
    assert not side(low, MADE.entry(None, key_tail_int(key)))


def test_a_cut_among_plain_datetimes_is_a_score():
    """And before a member among others, or where one of those follows."""
    none = {None: b"+", b"": b"-", MADE.kind.none: b"-", b"\0" * 8 + b"\1": b"(-inf"}
    assert none == {cut: MADE.cut(cut) for cut in none}
    late = order_datetime(PAST_PLAIN)
    assert b"-1" == MADE.cut(order_datetime(PAST_PLAIN - STEP))
    assert b"=-0.75 \xfe" + late[:-1] == MADE.cut(successor(order_datetime(PAST_PLAIN - STEP)))
    assert b"-9000000000000000" == MADE.cut(successor(order_datetime(FIRST_PLAIN - STEP)))
    early = order_datetime(datetime.min)
    assert b"=-1e300 \xfe" + early == MADE.cut(early)


def test_the_ends_are_cuts():
    """Of everything, and of what is no number at all."""
    assert (b"-", b"+") == (COUNT.cut(b""), COUNT.cut(None))
    beyond = SIZE.cut(b"\xff\xff")
    assert not side(beyond, SIZE.entry(b"inf", b"\xee"))
