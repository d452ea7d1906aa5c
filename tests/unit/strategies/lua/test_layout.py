"""Records as hashes: long values in pieces, and back."""

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from redmapper import Key, Mapper, MapperRegistry
from redmapper.strategies.lua.layout import MOST, PIECE, cut, cut_field, joined


@attrs.define
class User:
    """An entity."""

    a: str = ""
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()


MAPPED = MapperRegistry(Users).mapped(User)
EDGES = [0, 1, 63, 64, 65, 127, 128, 129, 511, 512, 513, 640, 1000]


def value(size: int, fill: bytes = b"x") -> bytes:
    """A value of such a size."""
    return (b"0123456789" * (size // 10 + 1))[: size - 1] + fill if size else b""


sizes = st.sampled_from(EDGES) | st.integers(0, 1100)
values = st.builds(value, sizes, st.sampled_from([b"x", b"y"]))
names = st.sampled_from([b"a", b"ab", b"=a", b"~a", b"!a", b"@", b"unknown"])
records = st.dictionaries(names, values, max_size=5)


def flat(fields: dict[bytes, bytes]) -> list[bytes]:
    """A hash as HGETALL answers it under RESP2."""
    return [word for pair in fields.items() for word in pair]


@given(records)
def test_a_record_comes_back(record: dict[bytes, bytes]):
    """From both forms of the reply, with its key."""
    record[b"@"] = b"v"
    fields = cut(record, MAPPED)
    expected = record | {b"id": b"7"}
    assert expected == joined(flat(fields), MAPPED, b"7")
    assert expected == joined(dict(fields), MAPPED, b"7")


@given(records)
def test_no_piece_is_long_unless_its_value_is_longer_than_most(record: dict[bytes, bytes]):
    """So the hash stays compact whenever it can."""
    for name, piece in cut(record, MAPPED).items():
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
    fields = cut({b"a": value(size)}, MAPPED)
    assert [b"a", *(b"a:%d" % number for number in range(1, len(expected)))] == list(fields)
    assert expected == [len(piece) for piece in fields.values()]


def test_the_key_is_not_repeated():
    """It stands in the name of the Redis key."""
    assert {b"a": b"1"} == cut({b"a": b"1", b"id": b"7"}, MAPPED)
    assert b"id" not in cut({b"a": value(100), b"id": b"7"}, MAPPED)


@pytest.mark.parametrize("reply", [[], {}, None], ids=repr)
def test_an_empty_hash_is_no_record(reply: object):
    """Redis has none."""
    assert joined(reply, MAPPED, b"7") is None


def test_a_foreign_field_with_a_colon_comes_back():
    """Where it is no piece of a value before it."""
    fields = [b"a", value(64), b"b:1", b"x", b"a:2", b"y"]
    expected = {b"a": value(64), b"b:1": b"x", b"a:2": b"y", b"id": b"7"}
    assert expected == joined(fields, MAPPED, b"7")


# --- the check of one value ------------------------------------------------------------------


def holds(expected: bytes | None, stored: bytes | None) -> bool:
    """Whether a check that a field has a value passes on a hash that holds another."""
    fields = {} if stored is None else cut({b"a": stored}, MAPPED)
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


def test_a_full_last_piece_must_be_the_last():
    """The next one must be absent."""
    assert [(b"a", value(64)), (b"a:1", None)] == list(cut_field(b"a", value(64)))
    assert [(b"a", value(63))] == list(cut_field(b"a", value(63)))
    assert [(b"a", None)] == list(cut_field(b"a", None))
