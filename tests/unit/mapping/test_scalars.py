"""Every kind of value is stored readably, comes back as it was, and refuses what it is not."""

from __future__ import annotations

import decimal
import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum, IntFlag, StrEnum, auto
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from redmapper.errors import ValueRefused
from redmapper.mapping import ordering
from redmapper.mapping.scalars import Scalar, scalar_for


class Colour(Enum):
    """Values of text."""

    RED = "red"
    BLUE = "blue"


class Size(StrEnum):
    """Members that are texts."""

    S = "s"
    L = "l"


class Level(IntEnum):
    """Members that are integers."""

    LOW = 2
    HIGH = 10


class Rank(Enum):
    """Values of int."""

    FIRST = 1
    TENTH = 10


class Right(Flag):
    """Members to be combined."""

    READ = auto()
    WRITE = auto()


class Bits(IntFlag):
    """Integers to be combined."""

    ONE = 1
    FOUR = 4


class Holiday(Enum):
    """Values of a kind of fixed width."""

    NEW_YEAR = date(2024, 1, 1)
    XMAS = date(2024, 12, 25)


class Loud(str):
    """A text whose `str()` is another one."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.upper() + "!"


BERLIN = ZoneInfo("Europe/Berlin")
SECOND_TWO_O_CLOCK = datetime(2024, 10, 27, 1, tzinfo=UTC).astimezone(BERLIN)


class Stamp(datetime):
    """A datetime of somebody else's library."""

    def isoformat(self, *_: Any, **__: Any) -> str:
        """What that library prefers."""
        return "soon"


OFFSETS = st.none() | st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m)))

VALUES = {
    str: st.text(st.characters(codec="utf-8")),
    bytes: st.binary(),
    int: st.integers(),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    Decimal: st.decimals(allow_nan=False),
    date: st.dates(),
    time: st.times(timezones=OFFSETS),
    datetime: st.datetimes(timezones=OFFSETS),
    timedelta: st.timedeltas(),
    UUID: st.uuids(),
    Colour: st.sampled_from(Colour),
    Size: st.sampled_from(Size),
    Level: st.sampled_from(Level),
    Rank: st.sampled_from(Rank),
    Right: st.integers(0, 3).map(Right),
    Bits: st.integers(0, 7).map(Bits),
    Holiday: st.sampled_from(Holiday),
}


def kind_of(annotation: type) -> Scalar:
    """The kind of a type that has one."""
    scalar = scalar_for(annotation)
    assert scalar is not None
    return scalar


def everyone(annotation: type) -> st.SearchStrategy[tuple[Scalar, Any]]:
    """A kind, and a value of it."""
    return st.tuples(st.just(kind_of(annotation)), VALUES[annotation])


ANY_VALUE = st.sampled_from(sorted(VALUES, key=repr)).flatmap(everyone)


# --- round trips -----------------------------------------------------------------------------


@given(ANY_VALUE)
@example((kind_of(str), ""))
@example((kind_of(str), "\0\1\xff😀"))
@example((kind_of(str), "é" * 500_000))
@example((kind_of(float), -0.0))
@example((kind_of(float), 5e-324))
@example((kind_of(float), math.inf))
@example((kind_of(Decimal), Decimal("1E+999999999999999999")))
@example((kind_of(Decimal), Decimal("-0.00")))
@example((kind_of(datetime), datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))))
@example((kind_of(datetime), datetime.max))
@example((kind_of(timedelta), timedelta.min))
@example((kind_of(timedelta), timedelta.max))
@example((kind_of(UUID), UUID(int=0)))
def test_what_is_stored_comes_back(drawn: tuple[Scalar, Any]) -> None:
    """Encoded and decoded, a value is equal, of the same type, and has the same spelling."""
    scalar, value = drawn

    stored = scalar.encode(value)
    loaded = scalar.decode(stored)

    assert (type(value), value, stored) == (type(loaded), loaded, scalar.encode(loaded))


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (str, "é\0", b"\xc3\xa9\0"),
        (bytes, b"\0\xff", b"\0\xff"),
        (int, -12, b"-12"),
        (float, 0.1, b"0.1"),
        (float, -0.0, b"-0.0"),
        (float, math.nan, b"nan"),
        (bool, True, b"1"),
        (bool, False, b"0"),
        (Decimal, Decimal("1.00"), b"1.00"),
        (Decimal, Decimal("1E+3"), b"1E+3"),
        (Decimal, Decimal("sNaN"), b"sNaN"),
        (date, date(24, 2, 29), b"0024-02-29"),
        (time, time(1, 2, 3, 4), b"01:02:03.000004"),
        (datetime, datetime(2024, 2, 29, 12), b"2024-02-29T12:00:00"),
        (datetime, datetime(2024, 2, 29, 12, tzinfo=UTC), b"2024-02-29T12:00:00+00:00"),
        (timedelta, timedelta(-1, 2, 3), b"-86397999997"),
        (UUID, UUID(int=10), b"00000000-0000-0000-0000-00000000000a"),
        (Colour, Colour.RED, b"red"),
        (Size, Size.L, b"l"),
        (Level, Level.HIGH, b"10"),
        (Right, Right.READ | Right.WRITE, b"3"),
        (Holiday, Holiday.XMAS, b"2024-12-25"),
    ],
)
def test_the_stored_bytes_are_golden(kind: type, value: Any, expected: bytes) -> None:
    """Stored bytes are readable, and never change: they are the format."""
    assert expected == kind_of(kind).encode(value)


@given(st.integers(4_295, 4_305), st.sampled_from([-1, 0, 1]), st.sampled_from([1, -1]))
def test_integers_beyond_pythons_limit_are_hex(digits: int, step: int, sign: int) -> None:
    """An integer of more than 4,300 digits is stored in hex, and comes back."""
    value = sign * (10**digits + step)
    scalar = kind_of(int)

    stored = scalar.encode(value)

    assert (abs(value) >= 10**4300) == (b"x" in stored)
    assert value == scalar.decode(stored)


@pytest.mark.parametrize("size", [100, 1_000, 10_000])
def test_integers_of_any_size_come_back(size: int) -> None:
    """An integer of thousands of bytes, positive or negative, is stored exactly."""
    scalar = kind_of(int)

    for value in (256**size, 256**size - 1, -(256**size), 1 - 256**size):
        assert value == scalar.decode(scalar.encode(value))


def test_nan_is_stored_but_not_ordered() -> None:
    """A float or Decimal NaN can be kept in a field, but has no place in an index."""
    for kind in (float, Decimal):
        scalar = kind_of(kind)

        assert math.isnan(scalar.decode(scalar.encode(kind("nan"))))
        with pytest.raises(ValueRefused, match="NaN"):
            scalar.order(kind("nan"))


def test_decimals_are_spelled_alike_in_every_context() -> None:
    """The caller's decimal context changes neither what is stored nor what is read."""
    value, scalar = Decimal("1.23456789E+99"), kind_of(Decimal)
    traps: list[type[decimal.DecimalException]] = []

    with decimal.localcontext(decimal.Context(prec=2, capitals=0, traps=traps)):
        stored, loaded = scalar.encode(value), scalar.decode(b"1.23456789E+99")
        with pytest.raises(ValueError, match="no Decimal"):
            scalar.decode(b"abc")

    assert (b"1.23456789E+99", value) == (stored, loaded)


def test_a_zone_is_kept_as_its_offset() -> None:
    """An aware datetime loads with a fixed offset: the same instant, whichever fold it was in."""
    scalar = kind_of(datetime)
    twice = [datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=fold) for fold in (0, 1)]

    stored = [scalar.encode(value) for value in twice]

    assert [b"2024-10-27T02:30:00+02:00", b"2024-10-27T02:30:00+01:00"] == stored
    assert scalar.order(twice[0]) < scalar.order(twice[1])
    assert [scalar.order(value) for value in twice] == [
        scalar.order(scalar.decode(text)) for text in stored
    ]


def test_the_fold_of_a_naive_time_is_dropped() -> None:
    """A naive value keeps its clock alone, and is stored and ordered as one without fold."""
    for kind, value in ((datetime, datetime(2024, 10, 27, 2, 30)), (time, time(2, 30))):
        scalar, folded = kind_of(kind), value.replace(fold=1)

        assert scalar.encode(value) == scalar.encode(folded)
        assert scalar.order(value) == scalar.order(folded)
        assert 0 == scalar.decode(scalar.encode(folded)).fold


def test_a_time_whose_zone_has_no_offset_is_naive() -> None:
    """Without a date Berlin has no offset; Python takes such a time for naive, and so do we."""
    scalar, berlin = kind_of(time), time(12, tzinfo=BERLIN)

    assert time(12) == scalar.decode(scalar.encode(berlin))
    assert scalar.order(time(12)) == scalar.order(berlin)


@pytest.mark.parametrize(
    ("kind", "stored"),
    [
        (str, b"\xff"),
        (int, b""),
        (int, b"abx"),
        (float, b"much"),
        (bool, b"True"),
        (bool, b""),
        (Decimal, b"1,5"),
        (Decimal, b"\xff"),
        (date, b"2024-02-30"),
        (time, b"25:00"),
        (datetime, b"soon"),
        (timedelta, b"1.5"),
        (timedelta, b"9" * 30),
        (UUID, b"0000"),
        (Colour, b"green"),
        (Rank, b"2"),
        (Right, b"8"),
        (Holiday, b"Easter"),
    ],
)
def test_damaged_bytes_are_a_value_error(kind: type, stored: bytes) -> None:
    """Bytes that no value has are a ValueError, of whatever subclass."""
    with pytest.raises(ValueError):  # noqa: PT011 - the message is Python's own
        kind_of(kind).decode(stored)


# --- what is taken ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "given", "taken"),
    [
        (str, Size.S, "s"),
        (str, Loud("a"), "a"),
        (int, True, 1),
        (int, Level.HIGH, 10),
        (int, Bits.ONE | Bits.FOUR, 5),
        (float, 3, 3.0),
        (float, True, 1.0),
        (float, -(2**80), -(2.0**80)),
        (Decimal, 3, Decimal(3)),
        (Decimal, 10**40 + 1, Decimal(10**40 + 1)),
        (datetime, Stamp(2024, 10, 27, 2, 30), datetime(2024, 10, 27, 2, 30)),
        (datetime, Stamp(2024, 10, 27, 2, tzinfo=BERLIN, fold=1), SECOND_TWO_O_CLOCK),
    ],
)
def test_what_fits_is_taken_as_the_kind(kind: type, given: Any, taken: Any) -> None:
    """A subclass, and an int where a float or Decimal stands, count as the field's own type."""
    scalar = kind_of(kind)

    assert (scalar.encode(taken), scalar.order(taken)) == (
        scalar.encode(given),
        scalar.order(given),
    )


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        (int, "abc", "'abc' is str, int expected"),
        (int, 1.0, "1.0 is float, int expected"),
        (int, None, "None is NoneType, int expected"),
        (str, b"abc", "b'abc' is bytes, str expected"),
        (str, 5, "5 is int, str expected"),
        (bytes, bytearray(b"a"), "bytearray(b'a') is bytearray, bytes expected"),
        (float, "1", "'1' is str, float expected"),
        (float, Decimal(1), "Decimal('1') is Decimal, float expected"),
        (float, 2**53 + 1, "9007199254740993 is int, and no float is equal to it"),
        pytest.param(float, 10**5_000, "<int> is int, and no float is equal to it", id="giant"),
        (bool, 1, "1 is int, bool expected"),
        (Decimal, 1.5, "1.5 is float, Decimal expected"),
        (
            date,
            datetime(2024, 1, 1),
            "datetime.datetime(2024, 1, 1, 0, 0) is datetime, date expected",
        ),
        (datetime, date(2024, 1, 1), "datetime.date(2024, 1, 1) is date, datetime expected"),
        (UUID, "0" * 32, "'00000000000000000000000000000000' is str, UUID expected"),
        (Colour, "red", "'red' is str, Colour expected"),
        (Level, 2, "2 is int, Level expected"),
    ],
)
def test_what_does_not_fit_is_refused(kind: type, value: Any, told: str) -> None:
    """Another type is a ValueRefused, in storing and in ordering alike, and it says both types."""
    scalar = kind_of(kind)

    for function in (scalar.encode, scalar.order):
        with pytest.raises(ValueRefused) as refused:
            function(value)

        assert (told, value) == (str(refused.value), refused.value.value)


@given(ANY_VALUE)
def test_none_is_refused_everywhere(drawn: tuple[Scalar, Any]) -> None:
    """None is no scalar: what it means is the caller's affair, and `none` its place in order."""
    scalar, _ = drawn

    for function in (scalar.encode, scalar.order):
        with pytest.raises(ValueRefused, match="None is NoneType"):
            function(None)


def test_a_lone_surrogate_is_refused() -> None:
    """Text that has no UTF-8 is refused, with the code point and its position."""
    scalar = kind_of(str)

    for function in (scalar.encode, scalar.order):
        with pytest.raises(ValueRefused, match=r"U\+DC80 at position 2"):
            function("ab\udc80")


class Unspeakable:
    """Something without a repr."""

    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    "value",
    ["x" * 10**6, b"x" * 10**6, list(range(1000)), Unspeakable()],
    ids=["text", "bytes", "list", "no repr"],
)
def test_a_message_stays_short(value: Any) -> None:
    """However large a refused value is, or broken its repr, the message is a line."""
    with pytest.raises(ValueRefused) as refused:
        kind_of(int).encode(value)

    assert len(str(refused.value)) < 100


# --- the table -------------------------------------------------------------------------------


@given(ANY_VALUE)
def test_none_and_width_are_those_of_order(drawn: tuple[Scalar, Any]) -> None:
    """`none` is below every value; where `width` is not 0, both are so long; else they end."""
    scalar, value = drawn
    ordered = scalar.order(value)

    assert scalar.none < ordered
    if scalar.width:
        assert (scalar.width, scalar.width) == (len(scalar.none), len(ordered))
    else:
        assert ordered.endswith(ordering.END)
        assert scalar.none.endswith(ordering.END)


@given(ANY_VALUE)
@example((kind_of(str), "a\0b"))
@example((kind_of(int), 255))
@example((kind_of(int), 256))
@example((kind_of(int), -1))
@example((kind_of(int), 10**5000))
@example((kind_of(float), -0.0))
@example((kind_of(Decimal), Decimal("-0.00")))
def test_a_stored_value_is_ordered_as_the_value_is(drawn: tuple[Scalar, Any]) -> None:
    """Indexes are made from the stored bytes."""
    scalar, value = drawn

    assert scalar.order(value) == scalar.order_stored(scalar.encode(value))


def test_a_stored_value_is_ordered_after_its_member_has_gone() -> None:
    """The entry that it was put in for is found again."""
    assert kind_of(str).order("green") == kind_of(Colour).order_stored(b"green")


@given(VALUES[float] | VALUES[date] | VALUES[datetime] | VALUES[time] | VALUES[UUID])
def test_kinds_of_a_fixed_width_are_stored_in_a_few_bytes(value: Any) -> None:
    """So none of their values is ever cut into pieces."""
    assert len(kind_of(type(value)).encode(value)) < 64


@pytest.mark.parametrize("kind", sorted(VALUES, key=repr))
def test_a_key_of_fixed_width_can_stand_raw(kind: type) -> None:
    """The stored bytes of a "fixed" kind are equally long, and in the order of the values."""
    scalar = kind_of(kind)
    if scalar.tail != "fixed":
        return

    @given(VALUES[kind], VALUES[kind])
    def check(first: Any, second: Any) -> None:
        one, two = scalar.encode(first), scalar.encode(second)
        assert len(one) == len(two)
        assert (one < two) == (scalar.order(first) < scalar.order(second))

    check()


def test_the_kinds_are_golden() -> None:
    """Names, widths and key forms are part of the stored format."""
    kinds = [kind_of(kind) for kind in VALUES]

    assert [
        ("text", 0, "text"),
        ("bytes", 0, "text"),
        ("int", 0, "int"),
        ("float", 8, None),
        ("bool", 1, None),
        ("decimal", 0, None),
        ("date", 4, "fixed"),
        ("time", 6, None),
        ("datetime", 9, None),
        ("timedelta", 0, None),
        ("uuid", 17, "fixed"),
        ("text", 0, "text"),
        ("text", 0, "text"),
        ("int", 0, "int"),
        ("int", 0, "int"),
        ("int", 0, "int"),
        ("int", 0, "int"),
        ("date", 4, "fixed"),
    ] == [(kind.name, kind.width, kind.tail) for kind in kinds]
    assert list(VALUES) == [kind.type for kind in kinds]


def test_enums_are_ordered_by_value() -> None:
    """An Enum's order is that of its values, as their own kind has it."""
    assert kind_of(Rank).order(Rank.FIRST) < kind_of(Rank).order(Rank.TENTH)
    assert kind_of(int).order(10) == kind_of(Level).order(Level.HIGH)
    assert kind_of(str).order("red") == kind_of(Colour).order(Colour.RED)


def test_composite_flags_come_back() -> None:
    """A combination that has no name of its own is stored by its number."""
    both, scalar = Right.READ | Right.WRITE, kind_of(Right)

    assert (both, Right(0)) == (scalar.decode(b"3"), scalar.decode(b"0"))


class Mixed(Enum):
    """Values of two kinds."""

    NUMBER = 1
    TEXT = "1"


class Pairs(Enum):
    """Values that are no scalars."""

    UNIT = (1, 1)


class Empty(Enum):
    """No values."""


@pytest.mark.parametrize(
    "annotation",
    [list, dict, object, type(None), Loud, Stamp, Mixed, Pairs, Empty, Enum],
)
def test_other_types_are_no_scalars(annotation: Any) -> None:
    """Collections, subclasses that could not load as themselves and mixed Enums have no kind."""
    assert scalar_for(annotation) is None


def test_what_is_no_class_is_no_scalar() -> None:
    """A generic alias or a union has no kind: the caller has to take it apart."""
    assert [None, None] == [scalar_for(list[int]), scalar_for(int | None)]
