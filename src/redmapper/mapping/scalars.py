"""The table of scalar kinds: how a single value is stored, how it is read back, how it is ordered.

Stored bytes are readable and canonical: one value has one spelling, in every process. They keep all
of a value but two things. `fold` is dropped: an aware time keeps its offset and thereby its
instant, a naive one its clock. And a zone becomes the offset that it had (a `time` whose zone has
none without a date loads as naive, which is what Python takes it for).

`encode` and `order` take exactly the kind's own type, and what its row in the table lists besides,
as that type: a bool or an IntEnum in an int field is its int. All else is a `ValueRefused`, None
among it, whose message names neither field nor entity: the caller knows the path.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, NoReturn, TypeAlias, TypeVar
from uuid import UUID

import attrs

from redmapper.errors import ValueRefused
from redmapper.mapping import ordering

T = TypeVar("T")
Result = TypeVar("Result")

Accepted: TypeAlias = Mapping[type, Callable[[Any], T]]
"""What a kind takes besides its exact type, the first class that fits -> how it becomes one."""


@attrs.frozen
class Scalar:
    """A scalar kind; an Enum class is the kind of its values with another `type`.

    Attributes:
        name: what the kind is called in the stored format.
        type: what `decode` gives.
        encode: a value as stored bytes; ValueRefused where it is not of the type.
        decode: the value; ValueError where the bytes are damaged.
        order: a value as bytes in order (see `ordering`); ValueRefused, also for NaN.
        order_stored: the same of a value as stored bytes, which indexes are made from.
        none: None as `order` would have it.
        width: how many bytes `order` and `none` give; 0 where they vary, and end in `END`.
        tail: how a key of the kind stands at the end of an index member: "int", "text" (escaped)
            or "fixed" (raw); None where the kind can not be a key.
    """

    name: str
    type: type
    encode: Callable[[Any], bytes] = attrs.field(repr=False)
    decode: Callable[[bytes], Any] = attrs.field(repr=False)
    order: Callable[[Any], bytes] = attrs.field(repr=False)
    order_stored: Callable[[bytes], bytes] = attrs.field(repr=False)
    none: bytes
    width: int
    tail: str | None


def scalar_for(annotation: object) -> Scalar | None:
    """The kind of a type: a row of the table, or an Enum all of whose values are of one kind.

    None for anything else, subclasses of the table's types among it: they would load as the type.
    """
    if not isinstance(annotation, type):
        return None
    return _enum(annotation) if issubclass(annotation, Enum) else _SCALARS.get(annotation)


# --- what a field takes ----------------------------------------------------------------------

_SHOWN = 60


def shown(value: object) -> str:
    """The value's repr, cut; the type's name where it has none (an int of 5,000 digits)."""
    try:
        text = repr(value[:_SHOWN] if isinstance(value, (str, bytes)) else value)
    except Exception:  # noqa: BLE001 - it is the user's own repr, and an error is on its way
        return f"<{type(value).__name__}>"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _refuse(value: object, kind: type) -> NoReturn:
    message = f"{shown(value)} is {type(value).__name__}, {kind.__name__} expected"
    raise ValueRefused(message, value=value)


def _strict(
    kind: type[T], accepted: Accepted[T], function: Callable[[T], Result]
) -> Callable[[Any], Result]:
    """The function, called with exactly the kind: fast for that, by the table for the rest."""

    def taken(value: object) -> T:
        for other, become in accepted.items():
            if isinstance(value, other):
                return become(value)
        _refuse(value, kind)

    def call(value: Any) -> Result:  # noqa: ANN401 - it is here that the type is found out
        return function(value if type(value) is kind else taken(value))

    return call


def _exact_float(value: int) -> float:
    try:
        result = float(value)
    except OverflowError:
        result = float("inf")
    if result != value:
        message = f"{shown(value)} is int, and no float is equal to it"
        raise ValueRefused(message, value=value)
    return result


def _exact_date(value: date) -> date:
    return date(value.year, value.month, value.day)


def _exact_time(value: time) -> time:
    return time(
        value.hour,
        value.minute,
        value.second,
        value.microsecond,
        tzinfo=value.tzinfo,
        fold=value.fold,
    )


def _exact_datetime(value: datetime) -> datetime:
    return datetime.combine(_exact_date(value), _exact_time(value.timetz()))


def _exact_timedelta(value: timedelta) -> timedelta:
    return timedelta(value.days, value.seconds, value.microseconds)


def _not_a_date(value: object) -> NoReturn:
    """Refuse a datetime, which is a date to `isinstance`, rather than lose its time."""
    _refuse(value, date)


# --- stored bytes ----------------------------------------------------------------------------

HUGE = 10**4300
"""From here on integers are stored in hex: Python by default refuses to read longer decimals.

A constant, so that a process with another limit (`sys.set_int_max_str_digits`) does not give an
integer another spelling.
"""

_LEAST = -HUGE  # once: to negate so long an integer is to copy it

_ANY_DECIMAL = decimal.Context(capitals=1, traps=[decimal.InvalidOperation])
"""Reads and spells Decimals alike in every process: the caller's context may have other habits."""

_MICROSECOND = timedelta(microseconds=1)


def _encode_int(value: int) -> bytes:
    return b"%d" % value if _LEAST < value < HUGE else encode_huge(value)


def encode_huge(value: int) -> bytes:
    """An integer of so many digits as stored bytes."""
    return hex(value).encode()


def _decode_int(stored: bytes) -> int:
    return int(stored, 16 if b"x" in stored[:3] else 10)


def _encode_float(value: float) -> bytes:
    return repr(value).encode()


def _encode_bool(value: bool) -> bytes:  # noqa: FBT001 - the value itself, no switch
    return b"1" if value else b"0"


def _decode_bool(stored: bytes) -> bool:
    if stored not in (b"0", b"1"):
        message = f"{shown(stored)} is no bool"
        raise ValueError(message)
    return stored == b"1"


def _encode_decimal(value: Decimal) -> bytes:
    return _ANY_DECIMAL.to_sci_string(value).encode()


def _decode_decimal(stored: bytes) -> Decimal:
    try:
        return Decimal(stored.decode(), _ANY_DECIMAL)
    except decimal.InvalidOperation:  # is an ArithmeticError, no ValueError
        message = f"{shown(stored)} is no Decimal"
        raise ValueError(message) from None


def _encode_timedelta(value: timedelta) -> bytes:
    return str(value // _MICROSECOND).encode()


def _decode_timedelta(stored: bytes) -> timedelta:
    try:
        return int(stored) * _MICROSECOND
    except OverflowError:
        message = f"{shown(stored)} microseconds are no timedelta"
        raise ValueError(message) from None


def _encode_uuid(value: UUID) -> bytes:
    return str(value).encode()


def _as_it_is(value: bytes) -> bytes:
    return value


def _encode_iso(value: date | time | datetime) -> bytes:
    return value.isoformat().encode()


def _decoding(read: Callable[[str], T]) -> Callable[[bytes], T]:
    """Reads text, from bytes."""
    return lambda stored: read(stored.decode())


# --- the table -------------------------------------------------------------------------------


def order_stored_int(stored: bytes) -> bytes:
    """What `ordering.order_int` makes of an integer, from its stored bytes."""
    return ordering.SMALL.get(stored) or ordering.order_int(_decode_int(stored))


_ORDER_STORED = {
    "text": ordering.order_bytes,
    "bytes": ordering.order_bytes,
    "int": order_stored_int,
}
"""The kinds whose stored bytes need not be decoded to be put in order, or not always."""


def _scalar(
    name: str,
    kind: type[T],
    *,
    accepted: Accepted[T],
    encode: Callable[[T], bytes],
    decode: Callable[[bytes], T],
    order: Callable[[T], bytes],
    width: int = 0,
    tail: str | None = None,
) -> Scalar:
    return Scalar(
        name=name,
        type=kind,
        encode=_strict(kind, accepted, encode),
        decode=decode,
        order=_strict(kind, accepted, order),
        order_stored=_ORDER_STORED.get(name) or (lambda stored: order(decode(stored))),
        none=bytes(width) if width else ordering.NONE,
        width=width,
        tail=tail,
    )


_ROWS = (
    _scalar(
        "text",
        str,
        accepted={str: str.__str__},  # of a subclass the characters, whatever its own __str__ says
        encode=ordering.utf8,
        decode=bytes.decode,
        order=ordering.order_text,
        tail="text",
    ),
    _scalar(
        "bytes",
        bytes,
        accepted={bytes: bytes.__bytes__},
        encode=_as_it_is,
        decode=_as_it_is,
        order=ordering.order_bytes,
        tail="text",
    ),
    _scalar(
        "int",
        int,
        accepted={int: int.__int__},
        encode=_encode_int,
        decode=_decode_int,
        order=ordering.order_int,
        tail="int",
    ),
    _scalar(
        "float",
        float,
        accepted={float: float.__float__, int: _exact_float},
        encode=_encode_float,
        decode=float,
        order=ordering.order_float,
        width=8,
    ),
    _scalar(
        "bool",
        bool,
        accepted={},
        encode=_encode_bool,
        decode=_decode_bool,
        order=ordering.order_bool,
        width=1,
    ),
    _scalar(
        "decimal",
        Decimal,
        accepted={Decimal: Decimal, int: Decimal},
        encode=_encode_decimal,
        decode=_decode_decimal,
        order=ordering.order_decimal,
    ),
    _scalar(
        "date",
        date,
        accepted={datetime: _not_a_date, date: _exact_date},
        encode=_encode_iso,
        decode=_decoding(date.fromisoformat),
        order=ordering.order_date,
        width=4,
        tail="fixed",
    ),
    _scalar(
        "time",
        time,
        accepted={time: _exact_time},
        encode=_encode_iso,
        decode=_decoding(time.fromisoformat),
        order=ordering.order_time,
        width=6,
    ),
    _scalar(
        "datetime",
        datetime,
        accepted={datetime: _exact_datetime},
        encode=_encode_iso,
        decode=_decoding(datetime.fromisoformat),
        order=ordering.order_datetime,
        width=9,
    ),
    _scalar(
        "timedelta",
        timedelta,
        accepted={timedelta: _exact_timedelta},
        encode=_encode_timedelta,
        decode=_decode_timedelta,
        order=ordering.order_timedelta,
    ),
    _scalar(
        "uuid",
        UUID,
        accepted={UUID: lambda value: UUID(int=value.int)},
        encode=_encode_uuid,
        decode=_decoding(UUID),
        order=ordering.order_uuid,
        width=17,
        tail="fixed",
    ),
)

_SCALARS: dict[type, Scalar] = {scalar.type: scalar for scalar in _ROWS}


def _enum(kind: type[Enum]) -> Scalar | None:
    """The kind of an Enum: that of its values, where they have one; Flags are ints."""
    types = {type(member.value) for member in kind.__members__.values()}
    values = scalar_for(types.pop()) if len(types) == 1 else None
    if values is None:
        return None
    encode, decode, order = values.encode, values.decode, values.order
    return attrs.evolve(
        values,
        type=kind,
        encode=_strict(kind, {}, lambda member: encode(member.value)),
        decode=lambda stored: kind(decode(stored)),
        order=_strict(kind, {}, lambda member: order(member.value)),
    )
