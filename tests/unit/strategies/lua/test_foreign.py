"""Keys of ours that hold another type: only then it is asked which."""

from typing import Any

import pytest

from redmapper import ForeignType, StoreError
from redmapper.strategies.lua.foreign import carry, foreign_types
from redmapper.testing import drive
from redmapper.wire import Batch, Command

BATCH = Batch("load", b"home", (Command(("HGETALL", b"a")),), lambda: frozenset({b"secret"}))
WRONG = ForeignType("WRONGTYPE")


@pytest.fixture
def asked() -> list[int]:
    """How often the types were asked for."""
    return []


@pytest.fixture
def types(asked: list[int]) -> Any:
    """Tells the types that keys must have."""

    def tell() -> dict[bytes, str]:
        asked.append(1)
        return {b"a": "hash", b"b": "zset", b"secret": "set"}

    return tell


def test_a_batch_is_carried(asked: list[int], types: Any):
    """And nobody asks what its keys must hold."""
    driven = drive(carry(BATCH, types), [[b"x"]])
    assert ([b"x"], (BATCH,), []) == (driven.result, driven.batches, asked)


def test_another_error_passes(asked: list[int], types: Any):
    """It says nothing of types."""
    error = StoreError("no")
    with pytest.raises(StoreError) as refused:
        drive(carry(BATCH, types), [error])
    assert (error, []) == (refused.value, asked)


def test_every_foreign_key_is_named(asked: list[int], types: Any):
    """In one more round trip; hidden ones only by what they hold."""
    with pytest.raises(ForeignType) as refused:
        drive(carry(BATCH, types), [WRONG, [b"list", b"zset", b"string"]])
    expected = (
        "b'a' holds a list, ... holds a string, which redmapper did not put there; "
        "nothing was written; remove or rename it"
    )
    assert (expected, [1]) == (str(refused.value), asked)


def test_the_types_are_asked_for_in_one_batch(types: Any):
    """Which hides what the other one did."""
    flow = carry(BATCH, types)
    next(flow)
    batch = flow.throw(WRONG)
    assert ("types", b"home", BATCH.hidden) == (batch.verb, batch.home, batch.hidden)
    expected = [("TYPE", b"a"), ("TYPE", b"b"), ("TYPE", b"secret")]
    assert expected == [command.words for command in batch.commands]


@pytest.mark.parametrize("held", [b"none", b"hash"], ids=["gone", "mended"])
def test_where_all_is_well_meanwhile_the_first_error_passes(types: Any, held: bytes):
    """The server's own words remain."""
    with pytest.raises(ForeignType) as refused:
        drive(carry(BATCH, types), [WRONG, [held, b"none", b"none"]])
    assert WRONG is refused.value


def test_a_foreign_key_is_shown_unless_it_is_hidden():
    """With what stands there."""
    assert str(foreign_types([(b"a", "list")])).startswith("b'a' holds a list, which")
    hidden = foreign_types([(b"a", "list")], frozenset({b"a"}))
    assert str(hidden).startswith("... holds a list, which")
