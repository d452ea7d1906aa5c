"""Lanes: how a commit whose reply was lost is recognized."""

from collections.abc import Iterator
from itertools import count

import pytest

from redmapper.strategies.lua.receipts import Lanes, UnitId, place_digest


@pytest.fixture
def lanes() -> Lanes:
    """Those of a store, with countable chance: no 3 bytes of it are the same."""
    numbers: Iterator[int] = count()

    def random(size: int) -> bytes:
        return b"".join(next(numbers).to_bytes(3, "big") for _ in range(size // 3))

    return Lanes("here", random, lambda: 1_700_000_000.9)


def test_a_lane_is_made_when_none_is_free(lanes: Lanes):
    """Commits in flight never share one."""
    first, second = lanes.take(), lanes.take()
    assert first.name != second.name


def test_a_lane_names_its_partition(lanes: Lanes):
    """So a store can tell the commits of another one from its own."""
    assert lanes.take().name.startswith("here")
    assert place_digest(b"{shop}") != place_digest(b"{shop:part}")


def test_a_lane_is_used_again(lanes: Lanes):
    """With the next number; so receipts take memory for commits in flight only."""
    lane = lanes.take()
    first = lane.unit_id
    lanes.give_back(lane)
    again = lanes.take()
    second = again.unit_id
    assert lane is again
    assert (1, 2) == (UnitId.parse(first).number, UnitId.parse(second).number)


def test_a_unit_id_says_where_its_receipt_stands(lanes: Lanes):
    """The lane, the number and the second; and a token that nobody else has."""
    lane = lanes.take()
    unit = UnitId.parse(lane.unit_id)
    assert (lane.name, 1, 1_700_000_000) == (unit.lane, unit.number, unit.second)
    assert unit.token != UnitId.parse(lanes.take().unit_id).token


def test_a_unit_id_is_text(lanes: Lanes):
    """That any process can read."""
    text = lanes.take().unit_id
    unit = UnitId.parse(text)
    assert text == f"{unit.lane}.{unit.number}.{unit.second}.{unit.token}"


@pytest.mark.parametrize("text", ["", "a.b", "lane.x.1.token", "lane.1.x.token", "a.1.1.t.more"])
def test_other_text_is_no_unit_id(text: str):
    """ValueError, which the strategy turns into an answer."""
    with pytest.raises(ValueError, match=r"."):
        UnitId.parse(text)


def test_a_parked_lane_is_not_used_again(lanes: Lanes):
    """One that was not given back: its commit's outcome is not known."""
    parked, taken = lanes.take(), lanes.take()
    assert parked is not taken


def test_draining_names_the_free_lanes_with_a_receipt(lanes: Lanes):
    """Those that hold none have nothing to remove; parked ones keep theirs."""
    first, second, _ = lanes.take(), lanes.take(), lanes.take()
    first.written = True
    lanes.give_back(first)
    lanes.give_back(second)
    assert [first.name] == lanes.drain()
    assert [] == lanes.drain()


def test_a_forked_child_has_lanes_of_its_own(lanes: Lanes):
    """Two processes in one lane would undo its guarantee."""
    mine = lanes.take()
    lanes.give_back(mine)
    lanes.process += 1
    child = lanes.take()
    assert mine.name != child.name
    assert [] == lanes.drain()


def test_a_lane_of_the_parent_is_not_given_back_to_the_child(lanes: Lanes):
    """It was taken before the fork."""
    mine = lanes.take()
    lanes.process += 1
    lanes.give_back(mine)
    assert not lanes.free


def test_a_place_is_four_letters():
    """Letters, digits, `-` and `_`, whatever the partition is called."""
    assert "Pvup" == place_digest(b"{shop}")
