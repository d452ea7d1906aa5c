"""Random words that tell one write from all others."""

import os
import string
from collections.abc import Iterator
from itertools import count

import pytest

from redmapper import forks
from redmapper.work.tokens import AT_ONCE, LETTERS, Tokens, letters


@pytest.fixture
def asked() -> list[int]:
    """How many bytes each asking for chance was for."""
    return []


@pytest.fixture
def tokens(asked: list[int]) -> Tokens:
    """With countable chance: no 6 bytes of it are the same."""
    numbers: Iterator[int] = count()

    def random(size: int) -> bytes:
        asked.append(size)
        return b"".join(next(numbers).to_bytes(6, "big") for _ in range(size // 6))

    return Tokens(random)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", ""),
        (bytes(range(3)), "AAEC"),
        (bytes(range(6)), "AAECAwQF"),
        (bytes(range(9)), "AAECAwQFBgcI"),
        (b"\xfb\xff", "-_8"),
    ],
    ids=repr,
)
def test_bytes_become_letters(data: bytes, expected: str):
    """Of letters, digits, `-` and `_`: 4 for each 3 bytes."""
    assert expected == letters(data)


def test_a_token_is_a_word():
    """Of 8 letters, digits, `-` and `_`."""
    token = Tokens(os.urandom).next()
    assert 8 == LETTERS == len(token)
    assert set(token.decode()) <= {*string.ascii_letters, *string.digits, "-", "_"}


def test_a_token_is_made_of_six_bytes(tokens: Tokens):
    """One of them after the other, none of the chance is thrown away."""
    assert [b"AAAAAAAA", b"AAAAAAAB", b"AAAAAAAC"] == [tokens.next() for _ in range(3)]


def test_no_two_tokens_are_the_same(tokens: Tokens):
    """Beyond those that are made at once."""
    made = [tokens.next() for _ in range(3 * AT_ONCE + 1)]
    assert len(made) == len(set(made))


def test_chance_is_asked_for_seldom(tokens: Tokens, asked: list[int]):
    """Of as many tokens as are made at once."""
    for _ in range(AT_ONCE):
        tokens.next()
    assert [6 * AT_ONCE] == asked
    tokens.next()
    assert [6 * AT_ONCE] * 2 == asked


def test_a_forked_child_leaves_the_spare_tokens_to_its_parent(
    tokens: Tokens, asked: list[int], monkeypatch: pytest.MonkeyPatch
):
    """No two writes may ever have the same."""
    tokens.next()
    parents = {*tokens.spare}
    monkeypatch.setattr(forks, "process", tokens.process + 1)
    childs = {tokens.next(), *tokens.spare}
    assert set() == parents & childs
    assert [6 * AT_ONCE] * 2 == asked


def test_a_forked_child_asks_for_chance_once(
    tokens: Tokens, asked: list[int], monkeypatch: pytest.MonkeyPatch
):
    """From then on the spare tokens are its own."""
    tokens.next()
    child = forks.process + 1
    monkeypatch.setattr(forks, "process", child)
    made = [tokens.next() for _ in range(AT_ONCE)]
    assert (AT_ONCE, 2) == (len(set(made)), len(asked))
