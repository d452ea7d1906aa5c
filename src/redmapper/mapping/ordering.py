r"""Values to bytes whose byte order is the values' order: what stands in an `Ordered` index.

Theory of operation. Redis orders the members of a sorted set by their bytes, as `memcmp` does, so
an index needs no numbers for scores if the bytes say it all. Each kind of value has an encoding
with three properties, and everything else follows from them:

1. *Order.* `order_int(a) < order_int(b)` exactly when `a < b`, and equal values (1.0 and 1.00, or
   -0.0 and 0.0) have equal bytes.
2. *An end of its own.* No encoding of a kind begins with another of that kind. Two different ones
   therefore differ at some byte, and what follows never matters: encodings of several fields,
   one after the other, are ordered as the tuples are. It is also why complementing every byte,
   the end too, reverses the order exactly (`descending`).
3. *None before all.* None has an encoding of its own below those of all values of the kind.

Fixed kinds (bool, date, time, datetime, float, UUID) have an end because all of a kind are equally
long. None is as many zeros, and a leading byte keeps values off them where it is needed.

Variable kinds (text, bytes, int, Decimal, timedelta) are a payload that compares right as long as
a shorter payload comes before its continuations. In it every 00 becomes `00 FF`, and `00 01` ends
it, so `00 01` is found nowhere but at the end:

    None  00 00 01      ""  00 01      "\0"  00 FF 00 01      "a"  61 00 01

The end of a value is where a plain search for `00 01` (descending: `FF FE`) from its start hits,
which is all that the Lua side has to know; it holds for None as well.

- *Integers* begin with a head byte that holds sign and length, 80 for zero. Then come the bytes of
  the magnitude: more of them is greater. Negative ones are the complement of the positive.
- *Decimals* begin with a head byte (-inf, negative, zero, positive, inf), then come the exponent of
  the first digit, as an integer, and the digits without trailing zeros, two a byte, as in 0.ddd.
  Each byte is one up, so that 00 can close the digits of a negative one before its complement.
- *Times* are microseconds. A naive one begins with 01, an aware one with 02, and is moved to UTC.

A range is half open, `[low, high)`, and is made of *cuts*: byte strings that need not be encodings,
such as the first bytes of one. `successor(data)` is the cut after everything that begins with
`data`. So what equals `e` is `[e, successor(e))`, what is above it begins at `successor(e)`, and
what is not None at `successor(none)`. Where the leading fields are given, their encodings stand
before both cuts; in place of an upper cut that there is not, their successor is one.

At the end of a member stands the entity's key: see `key_tail_int`.
"""

from __future__ import annotations

import math
import struct
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from redmapper.errors import ValueRefused

END = b"\0\1"
"""Ends every value of a variable kind, and is found nowhere else in it."""

AFTER = b"\0\2"
"""In place of the end it is the cut behind all that begins with a value of a variable kind."""

NONE = b"\0\0\1"
"""None among values of a variable kind; among those of a fixed kind it is zeros."""

_COMPLEMENT = bytes(range(255, -1, -1))


def descending(encoded: bytes) -> bytes:
    """The encoding with every byte complemented: reversed in order; twice is the encoding."""
    return encoded.translate(_COMPLEMENT)


def _ended(payload: bytes) -> bytes:
    """A payload escaped, and its end."""
    return (payload.replace(b"\0", b"\0\xff") if 0 in payload else payload) + END


# --- text and bytes --------------------------------------------------------------------------


def utf8(text: str) -> bytes:
    """The text as UTF-8, whose byte order is that of code points.

    Raises:
        ValueRefused: the text holds a lone surrogate, which has no UTF-8.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        position = error.start
    message = f"lone surrogate U+{ord(text[position]):04X} at position {position} of the text"
    raise ValueRefused(message, value=text)


def order_text(value: str) -> bytes:
    """Texts by code point."""
    return _ended(utf8(value))


def order_bytes(value: bytes) -> bytes:
    """Byte strings as they compare; so do texts that are stored as UTF-8."""
    return (value.replace(b"\0", b"\0\xff") if 0 in value else value) + END


# --- numbers ---------------------------------------------------------------------------------

_ZERO = 0x80
_SHORT = 100  # a magnitude of so many bytes has its length in the head; a longer one after it


def _magnitude(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _sized(value: int) -> bytes:
    """An integer with an end of its own, not escaped: head, length if it is long, magnitude."""
    if value < 0:
        return descending(_sized(-value))
    magnitude = _magnitude(value)
    if len(magnitude) <= _SHORT:
        return bytes((_ZERO + len(magnitude),)) + magnitude
    length = _magnitude(len(magnitude))
    return bytes((_ZERO + _SHORT + len(length),)) + length + magnitude


def order_int(value: int) -> bytes:
    """Integers of any size."""
    return _ended(_sized(value))


_READABLE = 8


def read_order_int(payload: bytes) -> int | None:
    """The integer whose encoding, without its end, this is; None if it has more than 8 bytes."""
    sized = payload.replace(b"\0\xff", b"\0")
    if len(sized) > 1 + _READABLE:  # the head, and the magnitude
        return None
    if sized[0] < _ZERO:
        return -int.from_bytes(descending(sized)[1:], "big")
    return int.from_bytes(sized[1:], "big")


SMALL = {b"%d" % number: order_int(number) for number in range(256)}
"""The commonest of them, by their digits."""

_POSITIVE = b"\xc0"
_INFINITE = b"\xf0"
_ONE_UP = bytes(range(1, 256)) + b"\0"


def _size_of(value: Decimal) -> bytes:
    """What orders Decimals above zero, trailing zeros left out: 1.0 and 1.00 are one value."""
    if value.is_infinite():
        return _INFINITE
    digits = bytes(value.as_tuple().digits).rstrip(b"\0").hex()[1::2]
    pairs = bytes.fromhex(digits + "0" * (len(digits) % 2))
    return _POSITIVE + _sized(value.adjusted()) + pairs.translate(_ONE_UP)


def order_decimal(value: Decimal) -> bytes:
    """Decimals of any size and exponent, the infinities among them.

    Nothing here computes with Decimals: that would round to the precision of the context.

    Raises:
        ValueRefused: the value is a NaN.
    """
    if value.is_nan():
        raise _not_a_number(value)
    if not value:
        return _ended(bytes((_ZERO,)))
    size = _size_of(value)
    # The 00 makes -0.12 greater than -0.1234: complemented it is FF, above any further digits.
    return _ended(descending(size + b"\0") if value.is_signed() else size)


_DOUBLE = struct.Struct(">d")
_SIGN = 0x80


def order_float(value: float) -> bytes:
    """Floats, the infinities among them, in 8 bytes; IEEE 754 orders like integers by sign.

    Raises:
        ValueRefused: the value is NaN.
    """
    if math.isnan(value):
        raise _not_a_number(value)
    packed = _DOUBLE.pack(value)
    if value < 0:
        return descending(packed)
    return bytes((packed[0] | _SIGN,)) + packed[1:]  # -0.0 has the sign already: it is 0.0


def read_order_float(encoded: bytes) -> float:
    """The float that has this encoding, or whose encoding it begins and zeros end.

    Some are no float's: then it is a NaN.
    """
    full = encoded.ljust(_DOUBLE.size, b"\0")
    packed = bytes((full[0] & ~_SIGN,)) + full[1:] if full[0] & _SIGN else descending(full)
    number: float
    (number,) = _DOUBLE.unpack(packed)
    return number


def _not_a_number(value: object) -> ValueRefused:
    return ValueRefused("NaN has no place in an order", value=value)


def order_bool(value: bool) -> bytes:  # noqa: FBT001 - the value itself, no switch
    """False before True, in 1 byte."""
    return b"\2" if value else b"\1"


def order_uuid(value: UUID) -> bytes:
    """UUIDs by their number, in 17 bytes: the nil UUID is above None, too."""
    return b"\1" + value.bytes


# --- times -----------------------------------------------------------------------------------

_NAIVE = b"\1"
_AWARE = b"\2"
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_FIRST = datetime.min  # noqa: DTZ901 - naive, like the clocks it is taken from


def microseconds(value: timedelta) -> int:
    """How many a duration has."""
    return value.days * _DAY + value.seconds * _SECOND + value.microseconds


def _moment(reading: int, offset: timedelta | None, size: int) -> bytes:
    """Microseconds read off a clock that is `offset` ahead of UTC, in 1 + `size` bytes."""
    if offset is None:
        return _NAIVE + reading.to_bytes(size, "big")
    # An offset is less than a day, so with a day more not even the first moment is negative.
    return _AWARE + (reading - microseconds(offset) + _DAY).to_bytes(size, "big")


def order_timedelta(value: timedelta) -> bytes:
    """Durations, to the microsecond."""
    return order_int(microseconds(value))


def order_date(value: date) -> bytes:
    """Dates, in 4 bytes."""
    return value.toordinal().to_bytes(4, "big")


def order_time(value: time) -> bytes:
    """Times of day in 6 bytes: naive ones by the clock, then aware ones by the clock less offset.

    As in Python the latter do not wrap around: 01:00+02:00 is an hour before 00:00+00:00. A time
    whose zone has no offset without a date is naive, also as in Python.
    """
    seconds = value.hour * 3600 + value.minute * 60 + value.second
    return _moment(seconds * _SECOND + value.microsecond, value.utcoffset(), 5)


def order_datetime(value: datetime) -> bytes:
    """Datetimes in 9 bytes: naive ones by the clock, then aware ones by instant.

    `fold` counts through the offset, so not at all for naive ones. Python differs within one zone:
    there it compares clocks, and takes the two 02:30 of a night that has them for equal.
    """
    if value.tzinfo is None:
        passed = value - _FIRST  # most are such, and a call of `microseconds` costs as much again
        seconds = passed.days * 86_400 + passed.seconds
        return _NAIVE + (seconds * _SECOND + passed.microseconds).to_bytes(8, "big")
    clock = value.replace(tzinfo=None) - _FIRST
    return _moment(microseconds(clock), value.utcoffset(), 8)


# --- ranges ----------------------------------------------------------------------------------


def successor(data: bytes) -> bytes | None:
    """The smallest byte string above every one that begins with `data`; None if it is all FF."""
    head = data.rstrip(b"\xff")
    return head[:-1] + bytes((head[-1] + 1,)) if head else None


def prefix_bounds(prefix: str) -> tuple[bytes, bytes]:
    """The range `[low, high)` of all texts that begin with the prefix, None never among them.

    There is always an upper cut, so composing needs no special case: put the encodings of the
    leading fields before both. For the empty prefix it is FF, which no UTF-8 holds.

    Raises:
        ValueRefused: the prefix holds a lone surrogate.
    """
    low = _ended(utf8(prefix))[: -len(END)]
    return low or END, successor(low) or b"\xff"


def descending_bounds(low: bytes, high: bytes | None) -> tuple[bytes, bytes | None]:
    """The range, among descending encodings, of what `[low, high)` is among ascending ones.

    Complementing the cuts is not enough. What begins with `low` was at or above it, and comes
    last now, so that the new end is after all that begins with its complement; and so is the
    new start. `high` None is no upper cut, on either side.
    """
    start = b"" if high is None else successor(descending(high))
    # Below a cut of zeros there was nothing: an empty range.
    return (b"", b"") if start is None else (start, successor(descending(low)))


# --- the key at the end of a member ----------------------------------------------------------

KEY_DIGITS = 110
"""Of an integer key, at most."""

_KEY_LIMIT = 10**KEY_DIGITS
_NINES = bytes.maketrans(b"0123456789", b"9876543210")


def key_tail_int(n: int) -> bytes:
    """An integer key as it stands at the end of a member: ordered, and easily read back.

    The head is 80 + the number of digits, or 7F - that number for a negative key; then come the
    decimal digits, each taken from nine for a negative key. Nothing but the head byte has to be
    known to get the decimal text, whatever the size: Lua has no integers beyond 2^53.

    Raises:
        ValueRefused: the key has more than 110 digits.
    """
    if not -_KEY_LIMIT < n < _KEY_LIMIT:
        message = f"an integer key has at most {KEY_DIGITS} digits"
        raise ValueRefused(message, value=n)
    digits = b"%d" % abs(n)
    if n < 0:
        return bytes((_ZERO - 1 - len(digits),)) + digits.translate(_NINES)
    return bytes((_ZERO + len(digits),)) + digits


def read_key_tail_int(tail: bytes) -> bytes:
    """The decimal text of an integer key: what `key_tail_int` was given, `b"-12"` for -12."""
    digits = tail[1:]
    return digits if tail[0] >= _ZERO else b"-" + digits.translate(_NINES)


def key_tail_text(raw: bytes) -> bytes:
    """A text or bytes key, by its stored bytes, as it stands at the end of a member.

    Keys of a fixed length whose stored text is in order (UUID, date) stand there as they are.
    """
    return _ended(raw)


def read_key_tail_text(tail: bytes) -> bytes:
    """The stored bytes of a text or bytes key: what `key_tail_text` was given."""
    return tail[: -len(END)].replace(b"\0\xff", b"\0")
