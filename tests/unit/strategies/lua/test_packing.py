"""What scripts are told as one word: an array of MessagePack, or bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redmapper.strategies.lua.packing import packed, packed_numbers, packed_terms


@pytest.mark.parametrize(
    ("integers", "expected"),
    [
        ([], b"\xdc\0\0"),
        ([0, 1, 127], b"\xdc\0\3\x00\x01\x7f"),
        ([127, 128], b"\xdc\0\2\xcd\x00\x7f\xcd\x00\x80"),
        ([255, 256, 1], b"\xdc\0\3\xcd\x00\xff\xcd\x01\x00\xcd\x00\x01"),
        ([65_535, 65_536], b"\xdc\0\2\xce\x00\x00\xff\xff\xce\x00\x01\x00\x00"),
        ([2**32 - 1], b"\xdc\0\1\xce\xff\xff\xff\xff"),
    ],
    ids=["none", "small", "16 bits", "16 bits among small", "32 bits", "the greatest"],
)
def test_integers_are_packed(integers: list[int], expected: bytes):
    """As MessagePack says: an array, all numbers in as many bytes as the greatest needs."""
    assert expected == packed(integers)


@pytest.mark.parametrize(
    ("count", "head"),
    [(65_535, b"\xdc\xff\xff"), (65_536, b"\xdd\x00\x01\x00\x00")],
    ids=["16 bits", "32 bits"],
)
@pytest.mark.parametrize(
    ("integer", "item"), [(1, b"\x01"), (300, b"\xcd\x01\x2c")], ids=["small", "not small"]
)
def test_very_many_integers_are_packed(count: int, head: bytes, integer: int, item: bytes):
    """Then their count takes four bytes."""
    assert head + item * count == packed([integer] * count)


@given(st.lists(st.integers(0, 2**32 - 1)))
def test_packed_integers_can_be_read(integers: list[int]):
    """By whoever follows the format."""
    assert integers == unpacked(packed(integers))


WORDS = st.text("abcdefghijklmnopqrstuvwxyz", max_size=31)


@given(st.lists(st.integers(0, 2**32 - 1) | WORDS))
def test_terms_can_be_read(terms: list[int | str]):
    """Whether they have been said before or not."""
    assert terms == unpacked(packed_terms(terms)) == unpacked(packed_terms(terms))


def test_a_term_is_as_short_as_it_can_be():
    """One byte for small numbers, one more than its letters for a word."""
    assert b"\xdc\0\3\x00\x7f\xa3any" == packed_terms([0, 127, "any"])


def unpacked(data: bytes) -> list[int | str]:
    """What an array of MessagePack holds, of its kinds for integers and short texts."""
    sizes = {0xDC: 2, 0xDD: 4, 0xCD: 2, 0xCE: 4}
    at = 0

    def item() -> int | str:
        nonlocal at
        head, at = data[at], at + 1
        if head < 128:
            return head
        size = sizes.get(head) or head - 0xA0
        at += size
        said = data[at - size : at]
        return int.from_bytes(said) if head in sizes else said.decode()

    found = [item() for _ in range(int(item()))]
    assert at == len(data)
    return found


@pytest.mark.parametrize(
    "numbers", [[0], [219, 255, 0], [*range(200)] * 10], ids=["one", "large", "many"]
)
def test_small_numbers_are_a_byte_each(numbers: list[int]):
    """Which costs a script the least."""
    assert bytes(numbers) == packed_numbers(numbers)


@pytest.mark.parametrize(
    "numbers", [[1, 256], [7] * 2001, [0, 1 << 20]], ids=["16 bits", "many", "32 bits"]
)
def test_larger_numbers_and_many_are_an_array(numbers: list[int]):
    """The first byte of which no small number is."""
    assert packed(numbers) == packed_numbers(numbers)
    assert packed_numbers(numbers)[0] >= 220
