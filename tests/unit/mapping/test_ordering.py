"""The order of the encodings is the order of the values, and every one has an end of its own."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from itertools import pairwise
from typing import Any, TypeAlias
from uuid import UUID

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from redmapper.errors import ValueRefused
from redmapper.mapping import ordering
from redmapper.mapping.ordering import (
    descending,
    descending_bounds,
    key_tail_int,
    key_tail_text,
    order_bool,
    order_bytes,
    order_date,
    order_datetime,
    order_decimal,
    order_float,
    order_int,
    order_text,
    order_time,
    order_timedelta,
    order_uuid,
    prefix_bounds,
    read_key_tail_int,
    read_key_tail_text,
    successor,
)

Draw: TypeAlias = Callable[[random.Random], Any]


def _itself(value: Any) -> Any:
    return value


def _naive_first(value: datetime | time) -> tuple[bool, datetime | time]:
    return (value.tzinfo is not None, value)


@attrs.frozen
class Kind:
    """A kind under test: its encoding, its width, values of it, and what Python compares."""

    order: Callable[[Any], bytes]
    values: st.SearchStrategy[Any]
    draw: Draw
    width: int = 0
    comparable: Callable[[Any], Any] = _itself

    @property
    def none(self) -> bytes:
        """What None is among values of the kind."""
        return bytes(self.width) or ordering.NONE

    def encode(self, value: Any) -> bytes:
        """A value or None."""
        return self.none if value is None else self.order(value)

    def rank(self, value: Any) -> tuple[Any, ...]:
        """What Python sorts by, None first."""
        return (False,) if value is None else (True, self.comparable(value))


OFFSETS = (UTC, *(timezone(timedelta(hours=hours)) for hours in (-12, -5, 2, 14)))
FAR_EAST = timezone(timedelta(hours=24) - timedelta(microseconds=1))
FAR_WEST = timezone(-timedelta(hours=24) + timedelta(microseconds=1))

NASTY = ["", "\0", "\1", "\xff", "a", "b", "é", "\x7f", "\x80", "\u07ff", "\u0800", "\uffff", "😀"]

AROUND_POWERS_OF_256 = [
    sign * (256**power + step)
    for power in (0, 1, 2, 7, 8, 9, 99, 100, 101, 255, 256, 1000, 10_000)
    for step in (-1, 0, 1)
    for sign in (1, -1)
]

FLOATS = [0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 1.5, -1.5, 2.0**53, 1e308]
FLOATS += [float("inf"), float("-inf")]


def _text(rng: random.Random) -> str:
    return "".join(rng.choices(NASTY, k=rng.randrange(5)))


def _decimal(rng: random.Random) -> Decimal:
    if rng.random() < 0.1:
        return Decimal(rng.choice(["Infinity", "-Infinity", "0", "-0", "0E+400", "1.0", "1.00"]))
    digits = tuple(rng.choices((0, 1, 5, 9), k=rng.randint(1, 7)))
    exponent = rng.choice((rng.randint(-3, 3), rng.randint(-400, 400), 10**6, -(10**17)))
    return Decimal((rng.randrange(2), digits, exponent))


def _moment(rng: random.Random) -> datetime:
    near = datetime(2024, 2, 29) + rng.randrange(4) * timedelta(hours=1, microseconds=1)
    moment = rng.choice((datetime.min, datetime.max, near, near, near))
    return moment.replace(tzinfo=rng.choice((None, *OFFSETS)))


KINDS = {
    "text": Kind(
        order_text, st.text(st.characters(codec="utf-8") | st.sampled_from("\0\1")), _text
    ),
    "bytes": Kind(
        order_bytes,
        st.binary() | st.lists(st.sampled_from([0, 1, 254, 255])).map(bytes),
        lambda rng: bytes(rng.choices((0, 1, 2, 97, 254, 255), k=rng.randrange(5))),
    ),
    "int": Kind(
        order_int,
        st.integers() | st.sampled_from(AROUND_POWERS_OF_256),
        lambda rng: rng.choice(AROUND_POWERS_OF_256[:60]) + rng.randint(-2, 2),
    ),
    "decimal": Kind(order_decimal, st.decimals(allow_nan=False), _decimal),
    "timedelta": Kind(
        order_timedelta,
        st.timedeltas() | st.sampled_from([timedelta.min, timedelta.max, timedelta(0)]),
        lambda rng: timedelta(rng.randint(-2, 2), rng.randint(-1, 1), rng.randint(-1, 1)),
    ),
    "float": Kind(
        order_float,
        st.floats(allow_nan=False) | st.sampled_from(FLOATS),
        lambda rng: rng.choice(FLOATS) * rng.choice((1, 1, 0.5)),
        width=8,
    ),
    "bool": Kind(order_bool, st.booleans(), lambda rng: rng.random() < 0.5, width=1),
    "uuid": Kind(
        order_uuid,
        st.uuids(allow_nil=True),
        lambda rng: UUID(int=rng.choice((0, 1, 255, 256, 2**127, 2**128 - 1))),
        width=17,
    ),
    "date": Kind(
        order_date,
        st.dates(),
        lambda rng: date.fromordinal(rng.choice((1, 255, 256, 65_536, date.max.toordinal()))),
        width=4,
    ),
    "time": Kind(
        order_time,
        st.times(timezones=st.none() | st.sampled_from(OFFSETS)),
        lambda rng: _moment(rng).timetz(),
        width=6,
        comparable=_naive_first,
    ),
    "datetime": Kind(
        order_datetime,
        st.datetimes(timezones=st.none() | st.sampled_from(OFFSETS)),
        _moment,
        width=9,
        comparable=_naive_first,
    ),
}

ANY_KIND = st.sampled_from(sorted(KINDS)).map(KINDS.__getitem__)
VALUES = ANY_KIND.flatmap(lambda kind: st.tuples(st.just(kind), st.lists(kind.values, min_size=2)))
MAYBE_NONE = ANY_KIND.flatmap(lambda kind: st.tuples(st.just(kind), st.none() | kind.values))


def _sign(first: Any, second: Any) -> int:
    return int(first > second) - int(first < second)


# --- one value -------------------------------------------------------------------------------


@given(VALUES)
def test_the_order_of_bytes_is_the_order_of_values(drawn: tuple[Kind, list[Any]]) -> None:
    """Two values of a kind compare as their encodings do; equal ones have equal bytes."""
    kind, values = drawn

    for first, second in pairwise(values):
        expected = _sign(kind.rank(first), kind.rank(second))

        assert expected == _sign(kind.order(first), kind.order(second))


@given(VALUES)
def test_descending_reverses_the_order(drawn: tuple[Kind, list[Any]]) -> None:
    """Complemented, two encodings of a kind compare the other way round."""
    kind, values = drawn

    for first, second in pairwise(values):
        expected = _sign(kind.order(second), kind.order(first))

        assert expected == _sign(descending(kind.order(first)), descending(kind.order(second)))


@given(st.binary())
def test_descending_twice_is_the_encoding(data: bytes) -> None:
    """`descending` undoes itself."""
    assert data == descending(descending(data))


@given(VALUES)
def test_no_encoding_begins_with_another(drawn: tuple[Kind, list[Any]]) -> None:
    """Of a kind, None included, no encoding is the beginning of a different one."""
    kind, values = drawn
    encoded = {kind.none, *map(kind.order, values)}

    assert [] == [(a, b) for a in encoded for b in encoded if a != b and a.startswith(b)]


@given(VALUES)
def test_none_is_before_every_value(drawn: tuple[Kind, list[Any]]) -> None:
    """The encoding of None is less than that of any value of the kind."""
    kind, values = drawn

    assert kind.none < min(map(kind.order, values))


@given(MAYBE_NONE, st.binary())
def test_the_end_is_found_by_plain_search(drawn: tuple[Kind, Any], rest: bytes) -> None:
    """Variable encodings end at the first 00 01, descending ones at FF FE; fixed ones by width."""
    kind, value = drawn
    encoded = kind.encode(value)
    up = kind.width or (encoded + rest).find(b"\0\1") + 2
    down = kind.width or (descending(encoded) + rest).find(b"\xff\xfe") + 2

    assert (len(encoded), len(encoded)) == (up, down)


@pytest.mark.parametrize(
    ("order", "value", "expected"),
    [
        (order_text, "", "0001"),
        (order_text, "\0", "00ff0001"),
        (order_text, "\1a", "01610001"),
        (order_bytes, b"\0\1", "00ff010001"),
        (order_int, 0, "800001"),
        (order_int, 1, "81010001"),
        (order_int, -1, "7efe0001"),
        (order_int, 256, "820100ff0001"),
        (order_decimal, Decimal(0), "800001"),
        (order_decimal, Decimal("1.5"), "c080160001"),
        (order_decimal, Decimal("-1.5"), "3f7fe9ff0001"),
        (order_decimal, Decimal("Infinity"), "f00001"),
        (order_timedelta, timedelta(microseconds=1), "81010001"),
        (order_float, 0.0, "8000000000000000"),
        (order_float, float("-inf"), "000fffffffffffff"),
        (order_bool, False, "01"),
        (order_uuid, UUID(int=0), "01" + "00" * 16),
        (order_date, date.min, "00000001"),
        (order_time, time(0), "010000000000"),
        (order_time, time(0, tzinfo=UTC), "02141dd76000"),
        (order_datetime, datetime(1, 1, 1), "010000000000000000"),
        (order_datetime, datetime(1, 1, 1, tzinfo=UTC), "02000000141dd76000"),
    ],
)
def test_the_encodings_are_golden(order: Callable[[Any], bytes], value: Any, expected: str) -> None:
    """The bytes are part of the stored format, so they never change."""
    assert expected == order(value).hex()


# --- several values --------------------------------------------------------------------------


def _shape(rng: random.Random) -> list[tuple[Kind, bool]]:
    """Up to four fields, each of some kind, ascending or descending."""
    return [(KINDS[rng.choice(list(KINDS))], rng.random() < 0.5) for _ in range(rng.randint(1, 4))]


def _row(rng: random.Random, shape: list[tuple[Kind, bool]]) -> list[Any]:
    return [None if rng.random() < 0.15 else kind.draw(rng) for kind, _ in shape]


def _encoded(shape: list[tuple[Kind, bool]], row: list[Any]) -> bytes:
    parts = ((kind.encode(value), down) for (kind, down), value in zip(shape, row, strict=True))
    return b"".join(descending(part) if down else part for part, down in parts)


def _ranks(shape: list[tuple[Kind, bool]], row: list[Any]) -> list[tuple[Any, ...]]:
    return [kind.rank(value) for (kind, _), value in zip(shape, row, strict=True)]


def _sorted_by_python(shape: list[tuple[Kind, bool]], rows: list[list[Any]]) -> list[list[Any]]:
    """The rows in order: sorted by each field, the last first, which a stable sort allows."""
    for position, (kind, down) in reversed(list(enumerate(shape))):
        rows = sorted(rows, key=lambda row: kind.rank(row[position]), reverse=down)
    return rows


@pytest.mark.parametrize("seed", range(20))
def test_tuples_are_in_the_order_of_python(seed: int) -> None:
    """2,000 tuples a seed, 40,000 in all: mixed kinds and directions, None and nasty text.

    Sorted by Python, their encodings are in order, and two are equal where the tuples are.
    """
    rng = random.Random(seed)
    for _ in range(20):
        shape = _shape(rng)
        rows = _sorted_by_python(shape, [_row(rng, shape) for _ in range(100)])
        encoded = [_encoded(shape, row) for row in rows]
        ranks = [_ranks(shape, row) for row in rows]

        assert sorted(encoded) == encoded
        assert [a == b for a, b in pairwise(ranks)] == [a == b for a, b in pairwise(encoded)]


# --- text ------------------------------------------------------------------------------------


def test_long_text_is_exact_to_its_last_character() -> None:
    """Texts of a megabyte that differ at the end are in order, as is one that is longer."""
    long = "a\0é😀" * 125_000
    texts = [long, long + "\0", long + "\0\1", long + "\1", long + "b"]

    assert [order_text(text) for text in texts] == sorted(map(order_text, texts))


@pytest.mark.parametrize(("text", "told"), [("a\ud800", "U+D800"), ("é\udfffb", "U+DFFF")])
def test_a_lone_surrogate_is_refused(text: str, told: str) -> None:
    """Text without UTF-8 is a ValueRefused that names the code point and where it stands."""
    with pytest.raises(ValueRefused) as refused:
        order_text(text)

    assert f"lone surrogate {told} at position 1 of the text" == str(refused.value)


# --- numbers ---------------------------------------------------------------------------------


def test_integers_are_in_order_around_every_power_of_256() -> None:
    """Where an integer gains a byte, to 300 bytes, and at 1,000 and 10,000, the order holds."""
    powers = [256**size for size in (*range(300), 1_000, 10_000)]
    integers = sorted(
        {sign * (p + step) for p in powers for step in (-1, 0, 1) for sign in (1, -1)}
    )

    assert [order_int(n) for n in integers] == sorted(map(order_int, integers))


def test_small_integers_are_short() -> None:
    """One head byte stands before a magnitude of up to 100 bytes; the end takes two."""
    assert (1 + 1 + 2, 1 + 100 + 2) == (len(order_int(7)), len(order_int(256**100 - 1)))


@pytest.mark.parametrize("order", [order_float, order_decimal])
def test_nan_is_refused(order: Callable[[Any], bytes]) -> None:
    """NaN, of either sign, and a signalling one, have no place in an order."""
    nans = [float("nan")] if order is order_float else map(Decimal, ("NaN", "-NaN", "sNaN", "NaN7"))

    for nan in nans:
        with pytest.raises(ValueRefused, match="NaN"):
            order(nan)


def test_equal_numbers_have_equal_bytes() -> None:
    """-0.0 is 0.0, and a Decimal is its value however it is written."""
    assert order_float(0.0) == order_float(-0.0)
    assert 1 == len({order_decimal(Decimal(text)) for text in ("0", "-0", "0.000", "0E+999")})
    assert 1 == len({order_decimal(Decimal(text)) for text in ("100", "1E+2", "100.00", "1.0E2")})


@pytest.mark.parametrize("digits", ["1", "9", "10", "99", "12345", "123450", "999999", "7" * 999])
def test_decimals_are_in_order_of_their_exponents(digits: str) -> None:
    """From 10^-400 to 10^400, and far beyond, a greater exponent is a greater value."""
    far = (10**6, 10**12, 10**17)
    exponents = [*(-power for power in reversed(far)), *range(-400, 401), *far]
    decimals = [Decimal(f"{digits}E{exponent}") for exponent in exponents]
    below = [value.copy_negate() for value in reversed(decimals)]

    encoded = [order_decimal(value) for value in (*below, Decimal(0), *decimals)]

    assert encoded == sorted(set(encoded))


def test_decimals_do_not_depend_on_the_context() -> None:
    """A Decimal longer than the context's precision is not rounded."""
    low, high = (Decimal("1" * 100 + last) for last in "12")

    assert order_decimal(low) < order_decimal(high)
    assert order_decimal(high.copy_negate()) < order_decimal(low.copy_negate())


# --- times -----------------------------------------------------------------------------------


def test_the_first_and_last_moments_are_in_order() -> None:
    """The ends of the calendar encode under any offset, naive ones before aware ones."""
    moments = [
        datetime.min,
        datetime.max,
        datetime.min.replace(tzinfo=FAR_EAST),
        datetime.min.replace(tzinfo=OFFSETS[-1]),
        datetime.min.replace(tzinfo=UTC),
        datetime.min.replace(tzinfo=FAR_WEST),
        datetime.max.replace(tzinfo=FAR_EAST),
        datetime.max.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=FAR_WEST),
    ]

    assert [order_datetime(m) for m in moments] == sorted(map(order_datetime, moments))


def test_one_instant_is_one_encoding() -> None:
    """Aware datetimes of one instant have equal bytes, whatever their offsets."""
    noon = datetime(2024, 2, 29, 12, tzinfo=UTC)

    assert 1 == len({order_datetime(noon.astimezone(zone)) for zone in OFFSETS})


def test_the_first_and_last_times_of_day_are_in_order() -> None:
    """The ends of the day encode under any offset; aware times do not wrap around."""
    times = [
        time.min,
        time.max,
        time.min.replace(tzinfo=FAR_EAST),
        time.min.replace(tzinfo=UTC),
        time.max.replace(tzinfo=UTC),
        time.max.replace(tzinfo=FAR_WEST),
    ]

    assert [order_time(t) for t in times] == sorted(map(order_time, times))


# --- ranges ----------------------------------------------------------------------------------

NASTY_TEXT = st.text(st.sampled_from("\0\1ab\x7f\u07ff\uffff😀"), max_size=4)


def _inside(data: bytes, bounds: tuple[bytes, bytes | None]) -> bool:
    low, high = bounds
    return low <= data and (high is None or data < high)


@given(st.binary(), st.binary())
@example(b"a\xff", b"b")
@example(b"\xff\xff", b"\xff\xff\xff")
def test_the_successor_is_above_all_that_begins_alike(data: bytes, other: bytes) -> None:
    """`[data, successor(data))` holds exactly the byte strings that begin with `data`."""
    assert other.startswith(data) == _inside(other, (data, successor(data)))


def test_all_ff_has_no_successor() -> None:
    """Nothing is above all that begins with FF, nor above all that begins with nothing."""
    assert [None, None] == [successor(b"\xff\xff"), successor(b"")]


@given(NASTY_TEXT, NASTY_TEXT, st.binary())
@example("", "", b"")
@example("a\0", "a", b"\xff")
@example("a\0", "a\0\1", b"")
def test_a_prefix_is_a_range(prefix: str, text: str, rest: bytes) -> None:
    """A text is in the range of a prefix exactly when it begins with it, whatever follows."""
    for candidate in (text, prefix + text):
        expected = candidate.startswith(prefix)

        assert expected == _inside(order_text(candidate) + rest, prefix_bounds(prefix))


@given(NASTY_TEXT, NASTY_TEXT, st.binary())
@example("", "", b"")
@example("a\0", "a", b"\xff")
def test_a_prefix_is_a_range_in_a_descending_field(prefix: str, text: str, rest: bytes) -> None:
    """The same holds of the complements, in the range that `descending_bounds` makes of it."""
    bounds = descending_bounds(*prefix_bounds(prefix))
    for candidate in (text, prefix + text):
        encoded = descending(order_text(candidate)) + rest

        assert candidate.startswith(prefix) == _inside(encoded, bounds)


@given(NASTY_TEXT, st.binary())
def test_none_is_in_no_range_of_a_prefix(prefix: str, rest: bytes) -> None:
    """None does not begin with anything, not even with the empty text."""
    bounds = prefix_bounds(prefix)

    assert not _inside(ordering.NONE + rest, bounds)
    assert not _inside(descending(ordering.NONE) + rest, descending_bounds(*bounds))


@given(NASTY_TEXT, NASTY_TEXT, NASTY_TEXT)
def test_a_range_follows_leading_fields(leading: str, prefix: str, text: str) -> None:
    """With the leading fields' encodings before both cuts, only their rows are in the range."""
    low, high = prefix_bounds(prefix)
    head = order_text(leading)
    bounds = (head + low, head + high)

    assert text.startswith(prefix) == _inside(head + order_text(text), bounds)
    assert not _inside(order_text(leading + "\0") + order_text(prefix), bounds)
    assert not _inside(ordering.NONE + order_text(prefix), bounds)


CUTS = ANY_KIND.flatmap(
    lambda kind: st.tuples(st.just(kind), kind.values, st.none() | kind.values, kind.values)
)


@given(CUTS, st.booleans(), st.booleans(), st.binary())
def test_any_range_can_be_turned_round(
    drawn: tuple[Kind, Any, Any, Any],
    above: bool,  # noqa: FBT001 - drawn, not switched
    through: bool,  # noqa: FBT001 - the same
    rest: bytes,
) -> None:
    """A value in `[low, high)`, its ends in or out, is in the range of complements; others not."""
    kind, first, last, value = drawn
    low = successor(kind.order(first)) if above else kind.order(first)
    high = kind.order(last) if last is not None else None
    high = successor(high) if through and high is not None else high
    bounds = (low or b"\xff" * 20, high)

    for encoded in (kind.order(value), kind.order(first), kind.encode(last)):
        turned = descending(encoded) + rest

        assert _inside(encoded + rest, bounds) == _inside(turned, descending_bounds(*bounds))


def test_below_zeros_there_is_nothing_to_turn_round() -> None:
    """The empty range below None of a fixed kind is empty in a descending field, too."""
    assert (b"", b"") == descending_bounds(b"", bytes(8))


# --- keys ------------------------------------------------------------------------------------

KEYS = st.integers(-(10**110) + 1, 10**110 - 1) | st.integers(-1000, 1000)


@given(KEYS, KEYS)
@example(9, 10)
@example(-9, -10)
@example(0, -1)
@example(10**110 - 1, 1 - 10**110)
def test_integer_keys_are_in_order(first: int, second: int) -> None:
    """Keys at the end of a member sort as numbers, and none is the beginning of another."""
    tails = key_tail_int(first), key_tail_int(second)

    assert _sign(first, second) == _sign(*tails)
    assert first == second or not tails[0].startswith(tails[1])


@given(KEYS)
@example(-12)
@example(0)
def test_integer_keys_are_read_back(key: int) -> None:
    """From the end of a member comes the decimal text of the key, as it is stored."""
    assert str(key).encode() == read_key_tail_int(key_tail_int(key))


@pytest.mark.parametrize(
    ("key", "expected"), [(0, b"\x810"), (7, b"\x817"), (-7, b"\x7e2"), (120, b"\x83120")]
)
def test_integer_keys_are_golden(key: int, expected: bytes) -> None:
    """The bytes at the end of a member are part of the stored format."""
    assert expected == key_tail_int(key)


@pytest.mark.parametrize("key", [10**110, -(10**110), 10**10_000], ids=["just", "below", "far"])
def test_longer_integer_keys_are_refused(key: int) -> None:
    """A key of more than 110 digits is a ValueRefused, and is not shown."""
    with pytest.raises(ValueRefused) as refused:
        key_tail_int(key)

    assert "an integer key has at most 110 digits" == str(refused.value)


@given(st.binary() | NASTY_TEXT.map(str.encode), st.binary())
def test_text_keys_are_in_order_and_read_back(first: bytes, second: bytes) -> None:
    """Text and bytes keys sort by their bytes, and come back as they were."""
    assert _sign(first, second) == _sign(key_tail_text(first), key_tail_text(second))
    assert first == read_key_tail_text(key_tail_text(first))
