"""`drive`: a flow run to its end without a server."""

from collections.abc import Generator

import pytest

from redmapper.testing import Driven, WrongReplies, drive
from redmapper.wire import Batch, Command, Flow

ONE = Batch("one", b"home", (Command(("GET", b"a")),))
TWO = Batch("two", b"home", (Command(("GET", b"b")), Command(("GET", b"c"))))


def flow() -> Flow[list[object]]:
    """Asks twice, and answers what it was told."""
    first = yield ONE
    second = yield TWO
    return [*first, *second]


def careful() -> Flow[str]:
    """Answers an error of its link."""
    try:
        yield ONE
    except ConnectionError as error:
        return str(error)
    return "well"


def test_a_flow_is_driven_to_its_end():
    """What it returned, and what it asked."""
    assert Driven([1, 2, 3], (ONE, TWO)) == drive(flow(), [[1], [2, 3]])


def test_a_flow_that_asks_nothing_needs_no_replies():
    """As those of the strategy in memory."""

    def nothing() -> Flow[int]:
        return 7
        yield ONE

    assert Driven(7, ()) == drive(nothing())


def test_replies_may_be_made_on_the_way():
    """Any iterable of them will do."""
    assert [1, 2, 3] == drive(flow(), iter([[1], [2, 3]])).result


def test_an_exception_is_thrown_into_the_flow():
    """Where it waits for the replies."""
    assert Driven("lost", (ONE,)) == drive(careful(), [ConnectionError("lost")])


def test_what_a_flow_raises_passes():
    """Unchanged, with a note of what it had asked."""
    error = ConnectionError("lost")
    with pytest.raises(ConnectionError) as raised:
        drive(flow(), [[1], error])
    assert error is raised.value
    assert ["drive: the flow had asked 2 batches (one, two)"] == error.__notes__


def test_too_few_replies_are_an_error():
    """It shows the batch that waits, and the flow is closed."""
    closed = []

    def closing() -> Generator[Batch, list[object], None]:
        try:
            yield ONE
            yield TWO
        finally:
            closed.append(True)

    with pytest.raises(WrongReplies, match=r"batch 2 .* no answer: Batch\(verb='two'"):
        drive(closing(), [[1]])
    assert [True] == closed


def test_replies_left_over_are_an_error():
    """It shows the first of them."""
    with pytest.raises(WrongReplies, match=r"after 2 batches \(one, two\); 1 answers .*\[4\]"):
        drive(flow(), [[1], [2, 3], [4]])


def test_each_command_has_a_reply():
    """An answer of another length is an error."""
    with pytest.raises(WrongReplies, match="2 commands, but its answer has 1 replies"):
        drive(flow(), [[1], [2]])


def test_wrong_replies_fail_a_test():
    """As an assertion does."""
    assert issubclass(WrongReplies, AssertionError)
