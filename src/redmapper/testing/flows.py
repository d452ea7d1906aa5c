"""Flows driven by hand: what the core would say to a server, and what it makes of the answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeAlias, TypeVar

import attrs

from redmapper.wire import Batch, Flow, Reply

Result = TypeVar("Result")

Answer: TypeAlias = "list[Reply] | BaseException"
"""What a batch gets: a reply a command, or an error that is raised where the flow waits for it."""


class WrongReplies(AssertionError):
    """The replies do not fit what the flow asks. Give one list a batch, one reply a command."""


@attrs.frozen
class Driven(Generic[Result]):
    """A flow that was driven to its end.

    Attributes:
        result: what the flow returned.
        batches: what it yielded, in order.
    """

    result: Result
    batches: tuple[Batch, ...]


def drive(flow: Flow[Result], replies: Iterable[Answer] = ()) -> Driven[Result]:
    """Run a flow without a server.

    `replies` holds, for each batch that the flow yields, the list of its replies, one a command.
    An exception in place of a list is raised in the flow, as the runner of a face raises a lost
    link:

        driven = drive(strategy.allocate(mapped, 3), [[7]])
        assert driven.result == 5
        assert driven.batches[0].verb == "allocate"

    What the flow raises passes, with a note of what it had asked until then.

    Raises:
        WrongReplies: they are too few, too many, or not one a command.
    """
    waiting = list(replies)
    batches: list[Batch] = []
    try:
        batch = next(flow)
        while True:
            batches.append(batch)
            batch = _answer(flow, batch, len(batches), waiting)
    except StopIteration as end:
        if waiting:
            message = (
                f"the flow ended after {_shown(batches)}; {len(waiting)} answers are left over, "
                f"the first of them {waiting[0]!r}"
            )
            raise WrongReplies(message) from None
        return Driven(end.value, tuple(batches))
    except WrongReplies:
        flow.close()
        raise
    except BaseException as error:
        error.add_note(f"drive: the flow had asked {_shown(batches)}")
        raise


def _answer(flow: Flow[Result], batch: Batch, number: int, waiting: list[Answer]) -> Batch:
    """Give a batch the next answer; the batch that follows."""
    if not waiting:
        message = f"batch {number} of the flow has no answer: {batch!r}"
        raise WrongReplies(message)
    answer = waiting.pop(0)
    if isinstance(answer, BaseException):
        return flow.throw(answer)
    if len(answer) != len(batch.commands):
        message = (
            f"batch {number} of the flow has {len(batch.commands)} commands, "
            f"but its answer has {len(answer)} replies: {batch!r}, {answer!r}"
        )
        raise WrongReplies(message)
    return flow.send(answer)


def _shown(batches: list[Batch]) -> str:
    """The verbs of batches, for a message."""
    return f"{len(batches)} batches ({', '.join(batch.verb for batch in batches)})"
