"""redis-py's errors -> ours: the one place that knows both."""

from __future__ import annotations

from redis import exceptions as theirs

from redmapper.errors import (
    ConnectionLost,
    ForeignType,
    NotDurable,
    OutOfMemory,
    SlotMoving,
    StoreError,
    StoreReadOnly,
)

_KINDS: tuple[tuple[type[theirs.RedisError], type[StoreError], str], ...] = (
    (
        theirs.OutOfMemoryError,
        OutOfMemory,
        "nothing was written; raise maxmemory or delete entities",
    ),
    (theirs.ReadOnlyError, StoreReadOnly, "give the store the primary's address to write"),
    (
        theirs.MovedError,
        SlotMoving,
        "give the store the address of the node that serves the partition",
    ),
    (theirs.AskError, SlotMoving, "try again shortly"),
    (theirs.TryAgainError, SlotMoving, "try again shortly"),
    (theirs.ClusterDownError, SlotMoving, "try again shortly"),
    (theirs.BusyLoadingError, StoreError, "the server is starting; try again shortly"),
    (theirs.NoPermissionError, StoreError, "the connection's user lacks the right; see ACL"),
    (theirs.AuthenticationError, StoreError, "give the right user name and password"),
)
"""By redis-py's class, which has taken the first word off the server's text."""

_WORDS: tuple[tuple[str, type[StoreError], str], ...] = (
    ("WRONGTYPE", ForeignType, "a key of ours holds another type; remove or rename it"),
    ("NOREPLICAS", NotDurable, "attach replicas, or lower min-replicas-to-write"),
    ("MISCONF", StoreReadOnly, "the server can not save to disk; mend that first"),
    ("Protocol error: unauthenticated", StoreError, "give the right user name and password"),
    ("BUSY", StoreError, "another script is running; try again shortly"),
)
"""By the first word of the server's text, which a script's error begins with as well."""


def lost(error: BaseException, *, sent: bool) -> ConnectionLost:
    """The error for a link that could not be made, or broke."""
    message = f"{str(error) or type(error).__name__}; check the address, and that the server runs"
    return ConnectionLost(message, sent=sent)


def unresolved(error: StoreError) -> ConnectionLost:
    """The error for a refusal of what was sent before, and may have been done then."""
    return ConnectionLost(f"the reply was lost, and then the server refused: {error}", sent=True)


def translated(error: Exception) -> StoreError:
    """The error for an error reply."""
    text = str(error)
    for kind, ours, cure in _KINDS:
        if isinstance(error, kind):
            return ours(f"{text}; {cure}")
    for word, ours, cure in _WORDS:
        if text.startswith(word):
            return ours(f"{text}; {cure}")
    return StoreError(f"the server answered: {text}")
