"""Numbers as scores: their entries and cuts stand in the order of values and keys."""

from datetime import timedelta
from enum import Enum
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redmapper import Computed, Field, Key, Lookup, Mapper, MapperRegistry, Ordered
from redmapper.errors import ValueRefused
from redmapper.mapping.ordering import key_tail_int, order_float, order_int, successor
from redmapper.mapping.scalars import Scalar, scalar_for
from redmapper.strategies.lua.scores import (
    PLAIN_DIGITS,
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
    double = Computed[int](lambda thing: 2 * (thing.count or 0))

    by_count = Ordered(count)
    by_count_down = Ordered(count.desc())
    by_size = Ordered(size)
    by_took = Ordered(took)
    by_level = Ordered(level)
    by_double = Ordered(double)
    by_name = Ordered(name)
    by_flag = Ordered(flag)
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


COUNT, SIZE = scores_by("by_count"), scores_by("by_size")


def stored(value: float | None) -> bytes | None:
    """A number as a record has it."""
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
        *((name, False) for name in ("by_name", "by_flag", "by_both", "looked_up")),
    ],
)
def test_one_field_of_numbers_has_scores(name: str, expected: bool):  # noqa: FBT001 - a case
    """Whatever the numbers stand for; nothing else."""
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
    ],
    ids=lambda value: None if isinstance(value, Scores) else repr(value),
)
def test_an_entry(scores: Scores, number: float | None, expected: tuple[bytes, bytes]):
    """The score as it is stored, beyond all where no double keeps it."""
    raw = stored(number)
    assert expected == scores.entry(raw, TAIL)
    members, all_scores = scores.entries([raw, b"1"], [TAIL, b"t"])
    assert ((expected[0], b"t"), (expected[1], b"1")) == (tuple(members), tuple(all_scores))


def test_what_is_no_number_has_no_entry():
    """Alone or among others."""
    with pytest.raises(ValueRefused, match="NaN"):
        SIZE.entry(b"nan", TAIL)
    with pytest.raises(ValueRefused, match="NaN"):
        SIZE.entries([b"1.0", b"nan"], [TAIL, TAIL])


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


def test_the_ends_are_cuts():
    """Of everything, and of what is no number at all."""
    assert (b"-", b"+") == (COUNT.cut(b""), COUNT.cut(None))
    beyond = SIZE.cut(b"\xff\xff")
    assert not side(beyond, SIZE.entry(b"inf", b"\xee"))
