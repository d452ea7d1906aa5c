"""redis-py's errors as ours: which, and with what cure."""

import pytest
from redis import exceptions as theirs

from redmapper import (
    ConnectionLost,
    ForeignType,
    NotDurable,
    OutOfMemory,
    SlotMoving,
    StoreError,
    StoreReadOnly,
)
from redmapper.faces.exchange import failure
from redmapper.faces.redis_errors import lost, translated, unresolved

OOM = "command not allowed when used memory > 'maxmemory'."


@pytest.mark.parametrize(
    ("error", "expected", "cure"),
    [
        (theirs.OutOfMemoryError(OOM), OutOfMemory, "raise maxmemory or delete entities"),
        (theirs.ReadOnlyError("read only replica."), StoreReadOnly, "the primary's address"),
        (theirs.MovedError("1 127.0.0.1:7001"), SlotMoving, ""),
        (theirs.AskError("1 127.0.0.1:7001"), SlotMoving, "try again shortly"),
        (theirs.TryAgainError("multiple keys"), SlotMoving, "try again shortly"),
        (theirs.ClusterDownError("down"), SlotMoving, "try again shortly"),
        (theirs.BusyLoadingError("loading"), StoreError, "the server is starting"),
        (theirs.NoPermissionError("no"), StoreError, "see ACL"),
        (theirs.AuthenticationError("no"), StoreError, "the right user name and password"),
        (
            theirs.ResponseError("WRONGTYPE Operation against a key holding the wrong kind"),
            ForeignType,
            "remove or rename it",
        ),
        (theirs.ResponseError("NOREPLICAS Not enough good replicas"), NotDurable, "attach"),
        (theirs.ResponseError("MISCONF Redis is configured to save"), StoreReadOnly, "to disk"),
        (theirs.ResponseError("BUSY Redis is busy running a script"), StoreError, "try again"),
        (
            theirs.ResponseError("Protocol error: unauthenticated multibulk length"),
            StoreError,
            "the right user name and password",
        ),
        (theirs.ResponseError("ERR unknown command"), StoreError, "the server answered: ERR"),
    ],
    ids=lambda case: case if isinstance(case, str) else getattr(case, "__name__", repr(case)),
)
def test_an_error_reply_is_translated(
    error: theirs.RedisError, expected: type[StoreError], cure: str
):
    """To the error that says what it means for a user; with the server's words and what to do."""
    ours = translated(error)
    assert expected is type(ours)
    assert str(error) in str(ours)
    assert cure in str(ours)


@pytest.mark.parametrize(
    "error",
    [
        theirs.ConnectionError("closed by server"),
        theirs.TimeoutError("timed out"),
        ConnectionRefusedError(111, "refused"),
        BrokenPipeError(),
        TimeoutError(),
    ],
    ids=repr,
)
@pytest.mark.parametrize("sent", [True, False])
def test_a_broken_link_is_lost(error: Exception, sent: bool):  # noqa: FBT001 - a case
    """The request may have reached the server, or surely has not."""
    ours = failure(error, sent=sent)
    assert (ConnectionLost, sent) == (type(ours), ours.sent)
    assert (str(error) or type(error).__name__) in str(ours)


def test_a_loading_server_has_done_nothing():
    """It has answered; it is worth another attempt."""
    ours = failure(theirs.BusyLoadingError("loading the dataset"), sent=True)
    assert (ConnectionLost, False) == (type(ours), ours.sent)


def test_a_wrong_password_is_no_lost_link():
    """Another attempt would not help."""
    ours = failure(theirs.AuthenticationError("invalid username-password pair"), sent=False)
    assert StoreError is type(ours)


def test_a_lost_link_says_what_to_check():
    """With the words of the error."""
    expected = "closed; check the address, and that the server runs"
    assert expected == str(lost(ConnectionResetError("closed"), sent=True))


def test_a_refusal_of_a_resending_is_no_refusal_of_the_first_sending():
    """Which may have been done."""
    ours = unresolved(OutOfMemory("full"))
    assert ours.sent
    assert "the reply was lost, and then the server refused: full" == str(ours)
