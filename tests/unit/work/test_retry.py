"""When `transact` runs a function again, and how long it waits."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from redmapper import AlreadyExists, Conflict, Referenced, Stale, Taken
from redmapper.work.retry import FIRST_PAUSE, LONGEST_PAUSE, Retry


def retry(attempts: int = 99, random: float = 1.0) -> Retry:
    """One whose chance always says the same."""
    return Retry(attempts, lambda: random)


def stale() -> Stale:
    """A conflict that another attempt may not meet."""
    return Stale("stale", key=1)


def taken(value: object = "a", index: str = "by_email") -> Taken:
    """One that a fresh reading may resolve."""
    return Taken("taken", index=index, value=value)


def test_stale_is_tried_again_to_the_last_attempt():
    """Then it is raised, itself."""
    one, last = retry(attempts=3), stale()
    one.pause_after(stale())
    one.pause_after(stale())
    with pytest.raises(Stale) as raised:
        one.pause_after(last)
    assert last is raised.value


def test_one_attempt_is_no_retry():
    """The first conflict is raised."""
    with pytest.raises(Stale):
        retry(attempts=1).pause_after(stale())


@pytest.mark.parametrize(
    "conflict",
    [
        taken,
        lambda: AlreadyExists("exists", key=1),
        lambda: Referenced("referenced", key=1),
    ],
    ids=["Taken", "AlreadyExists", "Referenced"],
)
def test_the_same_conflict_twice_in_a_row_is_raised(conflict: Callable[[], Conflict]):
    """It is there to stay."""
    one = retry()
    one.pause_after(conflict())
    with pytest.raises(Conflict):
        one.pause_after(conflict())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (taken("a"), taken("b")),
        (taken("a"), taken("a", "by_name")),
        (AlreadyExists("exists", key=1), AlreadyExists("exists", key=2)),
        (AlreadyExists("exists", key=1), Referenced("referenced", key=1)),
        (taken("1"), taken(1)),
    ],
    ids=["value", "index", "key", "kind", "type of value"],
)
def test_another_conflict_is_tried_again(first: Conflict, second: Conflict):
    """Kind, index, value and key tell them apart."""
    one = retry()
    one.pause_after(first)
    one.pause_after(second)


def test_stale_between_breaks_the_row():
    """Something has changed since."""
    one = retry()
    for conflict in (taken(), stale(), taken()):
        one.pause_after(conflict)


def test_pauses_double_up_to_a_limit():
    """Of the bound; chance says how much of it."""
    one = retry()
    pauses = [one.pause_after(stale()) for _ in range(10)]
    assert FIRST_PAUSE * 2 == pauses[0]
    assert all(b in (2 * a, LONGEST_PAUSE) for a, b in pairwise(pauses))
    assert LONGEST_PAUSE == pauses[-1]


@pytest.mark.parametrize("random", [0.0, 0.5])
def test_pauses_are_jittered_in_full(random: float):
    """So that those who met do not meet again."""
    whole = retry().pause_after(stale())
    assert random * whole == retry(random=random).pause_after(stale())
