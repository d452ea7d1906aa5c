"""Records as hashes: long values in pieces, and back."""

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from redmapper import Computed, Field, Key, Lookup, Mapper, MapperRegistry
from redmapper.mapping.records import FieldChanges
from redmapper.strategies.lua.layout import MOST, PIECE, cut, cut_check, cut_field, joined
from redmapper.work.plan import whole_check


@attrs.define
class User:
    """An entity."""

    a: str = ""
    ab: str | None = "x"
    level: int | None = 1
    day: float = 0.0
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper: fields of `a`, its norm and what is computed may be long."""

    id = Key[int]()
    a = Field[str](norm=str.casefold)
    computed = Computed[str](lambda user: user.a)
    by_computed = Lookup(computed)


MAPPED = MapperRegistry(Users).mapped(User)
EDGES = [0, 1, 63, 64, 65, 127, 128, 129, 511, 512, 513, 640, 1000]


def value(size: int, fill: bytes = b"x") -> bytes:
    """A value of such a size."""
    return (b"0123456789" * (size // 10 + 1))[: size - 1] + fill if size else b""


sizes = st.sampled_from(EDGES) | st.integers(0, 1100)
values = st.builds(value, sizes, st.sampled_from([b"x", b"y"]))
names = st.sampled_from([b"a", b"ab", b"level", b"=computed", b"~a"])
records = st.dictionaries(names, values, max_size=5)


def flat(fields: FieldChanges) -> list[bytes | None]:
    """A hash as HGETALL answers it under RESP2."""
    return [word for pair in fields.items() for word in pair]


def changed(fields: FieldChanges, changes: FieldChanges) -> FieldChanges:
    """A hash once HSET and HDEL have been called with these changes."""
    after = fields | changes
    return {name: value for name, value in after.items() if value is not None}


def differences(base: FieldChanges, record: FieldChanges) -> FieldChanges:
    """From one record to another."""
    changes = {name: value for name, value in record.items() if base.get(name) != value}
    return changes | dict.fromkeys(base.keys() - record.keys())


@given(records)
def test_a_record_comes_back(record: dict[bytes, bytes]):
    """From both forms of the reply, with its key."""
    record |= {b"@": b"v", b"!ab": b""}
    fields = cut(record)
    expected = record | {b"id": b"7"}
    assert expected == joined(flat(fields), MAPPED, b"7")
    assert expected == joined(dict(fields), MAPPED, b"7")


@given(records, records)
@example({b"a": value(200)}, {b"a": value(65)})
@example({b"a": value(512)}, {b"a": value(513)})
@example({b"a": value(513)}, {b"a": value(512)})
@example({b"a": value(65)}, {b"a": value(64)})
@example({b"a": value(65)}, {})
@example({b"a": value(130)}, {b"a": value(130, b"y")})
def test_a_change_makes_the_hash_that_an_insert_would(
    base: dict[bytes, bytes], record: dict[bytes, bytes]
):
    """No piece is left behind, and none is missing."""
    changes = cut(differences(base, record), base)
    assert cut(record) == changed(cut(base), changes)


@given(records)
def test_no_piece_is_long_unless_its_value_is_longer_than_most(record: dict[bytes, bytes]):
    """So the hash stays compact whenever it can."""
    for name, piece in cut(record).items():
        whole = record[name.partition(b":")[0]]
        assert len(piece) <= PIECE or (piece == whole and len(whole) > MOST)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, [0]),
        (64, [64]),
        (65, [64, 1]),
        (128, [64, 64]),
        (130, [64, 64, 2]),
        (512, [64] * 8),
        (513, [513]),
    ],
)
def test_a_value_is_cut(size: int, expected: list[int]):
    """Into pieces of 64 bytes, up to 512; the first under its own name."""
    fields = cut({b"a": value(size)})
    assert [b"a", *(b"a:%d" % number for number in range(1, len(expected)))] == list(fields)
    assert expected == [len(piece) for piece in fields.values()]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (value(200), value(65), {b"a": value(64, b"3"), b"a:1": b"x", b"a:2": None, b"a:3": None}),
        (value(65), value(3), {b"a": value(3), b"a:1": None}),
        (value(65), None, {b"a": None, b"a:1": None}),
        (value(129), value(513), {b"a": value(513), b"a:1": None, b"a:2": None}),
        (value(513), value(3), {b"a": value(3)}),
        (value(64), value(3), {b"a": value(3)}),
        (value(513), None, {b"a": None}),
    ],
    ids=["shorter", "short", "none", "too long", "from too long", "one piece", "whole to none"],
)
def test_pieces_that_are_no_more_go(before: bytes, after: bytes | None, expected: FieldChanges):
    """With the change of their value."""
    assert expected == cut({b"a": after}, {b"a": before})


def test_short_changes_are_those_of_the_hash():
    """Which is what most are: they are not even copied."""
    changes = {b"a": b"1", b"level": None}
    assert changes is cut(changes, {b"a": b"2", b"level": b"1", b"ab": value(100)})


def test_the_changes_themselves_stay_as_they_are():
    """They say what becomes of the record, too."""
    changes: FieldChanges = {b"a": value(100)}
    cut(changes, {b"a": value(200)})
    assert {b"a": value(100)} == changes


def test_the_key_comes_from_the_name_of_the_hash():
    """It is not repeated in it."""
    assert {b"a": b"1", b"id": b"7"} == joined([b"a", b"1"], MAPPED, b"7")


@pytest.mark.parametrize("reply", [[], {}, None], ids=repr)
def test_an_empty_hash_is_no_record(reply: object):
    """Redis has none."""
    assert joined(reply, MAPPED, b"7") is None


@pytest.mark.parametrize(
    "fields",
    [
        {b"a": value(64), b"b:1": b"x", b"a:2": b"y"},
        {b"a": value(63), b"a:1": b"x"},
        {b"a": value(513), b"a:1": b"x"},
        {b"a:1": b"x"},
    ],
    ids=["other numbers", "after a short value", "after a whole value", "after none"],
)
def test_a_foreign_field_with_a_colon_comes_back(fields: dict[bytes, bytes]):
    """Where it is no piece of a value before it."""
    assert fields | {b"id": b"7"} == joined(flat(fields), MAPPED, b"7")


def test_a_field_that_the_mapper_does_not_know_stays_in_pieces():
    """Nobody reads it, and so it is kept as it is."""
    fields = cut({b"unknown": value(100)})
    assert {**fields, b"id": b"7"} == joined(flat(fields), MAPPED, b"7")


def test_a_field_that_is_always_short_is_not_looked_for_in_pieces():
    """A number with a fraction never takes more than a few bytes."""
    fields = [b"day", value(64), b"day:1", b"x"]
    expected = {b"day": value(64), b"day:1": b"x", b"id": b"7"}
    assert expected == joined(fields, MAPPED, b"7")


# --- the check of one value ------------------------------------------------------------------


def holds(expected: bytes | None, stored: bytes | None) -> bool:
    """Whether a check that a field has a value passes on a hash that holds another."""
    fields = {} if stored is None else cut({b"a": stored})
    return all(fields.get(name) == piece for name, piece in cut_field(b"a", expected))


@given(st.none() | values, st.none() | values)
@example(value(64), value(64) + b"y")
@example(value(512), value(512) + b"y")
@example(value(128), value(128) + value(64))
@example(None, b"")
def test_a_check_passes_exactly_on_its_own_value(expected: bytes | None, stored: bytes | None):
    """Not on a longer one that begins alike."""
    assert (expected == stored) == holds(expected, stored)


@pytest.mark.parametrize("size", EDGES)
def test_a_check_passes_on_a_value_of_any_size(size: int):
    """That is its own."""
    assert holds(value(size), value(size))
    assert not holds(value(size), value(size) + b"y")
    assert not holds(value(size) + b"y", value(size))


@pytest.mark.parametrize("name", [b"a", b"unknown"])
@pytest.mark.parametrize("size", EDGES)
def test_a_check_of_a_whole_record_passes_on_its_own_hash(name: bytes, size: int):
    """Whether the mapper knows its fields or not."""
    fields = cut({name: value(size), b"@": b"v"})
    record = joined(dict(fields), MAPPED, b"7")
    assert record is not None
    check = whole_check(MAPPED, record)
    expected = cut_check(check.fields, MAPPED)
    assert [] == [(field, piece) for field, piece in expected if fields.get(field) != piece]


def test_a_full_last_piece_must_be_the_last():
    """The next one must be absent."""
    assert [(b"a", value(64)), (b"a:1", None)] == list(cut_field(b"a", value(64)))
    assert [(b"a", value(63))] == list(cut_field(b"a", value(63)))
    assert [(b"a", None)] == list(cut_field(b"a", None))
