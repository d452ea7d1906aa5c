"""Every error of redmapper: facts as attributes, and a cure at the end of each docstring.

Messages name what happened, the values, and what to do. All of them survive pickling, and none
carries an error of redis-py: those are translated where they arise (see `faces.redis_errors`).
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any, TypeAlias

Fact: TypeAlias = Any
"""An entity, a key or a value: of whatever class the user has."""


def _portable(fact: object) -> object:
    """A fact as it survives pickling: itself, or its repr where it can not be pickled."""
    if isinstance(fact, tuple) and any(isinstance(each, RedmapperError) for each in fact):
        return fact  # violations, which see to themselves
    try:
        pickle.dumps(fact)
    except Exception:  # noqa: BLE001 - classes of users refuse in their own ways
        return _said(fact)
    return fact


def _said(fact: object) -> str:
    try:
        return repr(fact)
    except Exception:  # noqa: BLE001 - it is the user's own repr
        return f"<{type(fact).__name__}>"


class RedmapperError(Exception):
    """The root of all errors of redmapper. Catch it to catch every one."""

    def __init__(self, message: str) -> None:
        super().__init__(message)

    def __reduce__(self) -> Any:  # noqa: ANN401 - what pickle asks
        facts = {name: _portable(fact) for name, fact in vars(self).items()}
        return type(self), self.args, facts


class MappingError(RedmapperError):
    """A mapper, a registry or a store is declared wrongly. Mend the declaration it names."""


# --- queries ---------------------------------------------------------------------------------


class QueryError(RedmapperError):
    """A query can not be answered as it stands. See the subclasses for cures."""


class NoIndex(QueryError):
    """No index serves the query. Declare the index it names, or call `.allow_scan()`."""


class UnknownField(QueryError):
    """A query names something that is not a field of the mapper. Use a field of that mapper."""


class UnsupportedQuery(QueryError):
    """A condition asks what its field can not answer. Use a condition that fits the field."""


class MultipleResults(QueryError):
    """One row was asked for and there are more. Narrow the query, or use `first()`."""


class NotFound(QueryError):
    """Nothing has the key. Use `get`, which answers None, where absence is normal."""

    def __init__(self, message: str, *, key: Fact = None) -> None:
        super().__init__(message)
        self.key = key


class BadToken(QueryError):
    """A page token is damaged or belongs to another query. Begin at the first page."""


# --- the life of a unit ----------------------------------------------------------------------


class UnitError(RedmapperError):
    """A unit of work is used in a way it does not allow. See the subclasses for cures."""


class UnitClosed(UnitError):
    """A verb was called outside the unit's block. Call it inside `with uow:`."""


class UnitActive(UnitError):
    """A unit was entered that is already inside a block. Make another with `store.unit()`."""


class ConcurrentUse(UnitError):
    """Two tasks or threads used one unit at once. Give each its own unit."""


class ReadOnlyUnit(UnitError):
    """A writing verb was called on a read-only unit. Use `store.unit()`."""


class UnitTooLarge(UnitError):
    """A unit holds more than one commit should carry. Commit in parts, as `store.bulk` does."""


class IdentityConflict(UnitError):
    """Another object is already tracked under this key. Use `replace(old, new)`."""


class KeyChanged(UnitError):
    """The key of a tracked object was changed. Delete the object and add one with the new key."""


class NotMapped(UnitError):
    """An object or class has no mapper in the registry. Register one, or pass an entity."""


# --- values ----------------------------------------------------------------------------------


class ValueRefused(RedmapperError):
    """A value can not be stored or indexed; `path` says where it stands. Change the value."""

    def __init__(self, message: str, *, path: str = "", value: Fact = None) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.reason = message
        self.path = path
        self.value = value


class ValidationFailed(ValueRefused):
    """attrs' own validators refused values at a commit. Change the values it names.

    Attributes:
        obj: the object; `path` names the field, `value` is the value, or `...` where it is hidden.
        failures: every failure of the commit, this error first.
    """

    def __init__(
        self, message: str, *, path: str = "", value: Fact = None, obj: Fact = None
    ) -> None:
        super().__init__(message, path=path, value=value)
        self.obj = obj
        self.failures: tuple[ValidationFailed, ...] = (self,)

    @classmethod
    def of(cls, failures: Sequence[ValidationFailed]) -> ValidationFailed:
        """The first of several, which holds and tells them all."""
        first, *others = failures
        if others:
            told = "; ".join([str(first), *map(str, others)])
            first.args = (f"{len(failures)} values are refused: {told}",)
        for failure in failures:
            failure.failures = tuple(failures)
        return first


# --- conflicts -------------------------------------------------------------------------------


class Conflict(RedmapperError):
    """A commit met something that somebody else wrote; nothing was written.

    Attributes:
        violations: every violation of the commit, this error first.
        obj: the object concerned, or None where a key alone was given.
        key: its key.

    Mend the objects and commit again, or run the work in `store.transact`.
    """

    def __init__(self, message: str, *, obj: Fact = None, key: Fact = None) -> None:
        super().__init__(message)
        self.obj = obj
        self.key = key
        self.violations: tuple[Conflict, ...] = (self,)


class AlreadyExists(Conflict):
    """The key of an added object is taken. Use `put` to write over it, or another key.

    Attributes:
        stored: the entity that stands under the key, or None where it could not be read.
    """

    def __init__(
        self, message: str, *, obj: Fact = None, key: Fact = None, stored: Fact = None
    ) -> None:
        super().__init__(message, obj=obj, key=key)
        self.stored = stored


class Taken(Conflict):
    """Another entity owns a unique value. Choose another value, or change the owner first.

    Attributes:
        index: the name of the `Unique`.
        value: the value; a tuple where the index is over several fields.
        owner: the key of the entity that owns it.
    """

    def __init__(
        self,
        message: str,
        *,
        obj: Fact = None,
        key: Fact = None,
        index: str = "",
        value: Fact = None,
        owner: Fact = None,
    ) -> None:
        super().__init__(message, obj=obj, key=key)
        self.index = index
        self.value = value
        self.owner = owner


class Stale(Conflict):
    """The stored entity is not the one that was loaded. Load it again and repeat the change.

    Attributes:
        kind: "changed" or "gone".
        base: the entity as this unit loaded it, or None where it never did.
        mine: the entity as this unit would have written it, or None for a deletion.
        stored: the entity as it stands in the store, or None where it is gone.
    """

    def __init__(
        self,
        message: str,
        *,
        obj: Fact = None,
        key: Fact = None,
        kind: str = "changed",
        base: Fact = None,
        mine: Fact = None,
        stored: Fact = None,
    ) -> None:
        super().__init__(message, obj=obj, key=key)
        self.kind = kind
        self.base = base
        self.mine = mine
        self.stored = stored


class DanglingReference(Conflict):
    """A reference names an entity that does not exist. Add that entity, or clear the reference."""


class Referenced(Conflict):
    """An entity to be deleted is still referred to. Delete or re-point the referrers first."""


class CommitUnknown(RedmapperError):
    """The link was lost and the outcome of a commit could not be learned.

    Attributes:
        unit_id: what `store.outcome(unit_id)` asks for, from any process, within the hour.
    """

    def __init__(self, message: str, *, unit_id: str = "") -> None:
        super().__init__(message)
        self.unit_id = unit_id


# --- the store -------------------------------------------------------------------------------


class StoreError(RedmapperError):
    """The server did not do what it was asked. See the subclasses for cures."""


class ConnectionLost(StoreError):
    """The server can not be reached, or the link broke. Check the address and the server.

    Attributes:
        sent: whether the last request may have reached the server.
    """

    def __init__(self, message: str, *, sent: bool = False) -> None:
        super().__init__(message)
        self.sent = sent


class StoreReadOnly(StoreError):
    """The server is a read-only replica. Give the store the primary's address to write."""


class OutOfMemory(StoreError):
    """The server is past `maxmemory`; nothing was written. Raise it, or delete entities."""


class NotDurable(StoreError):
    """Too few replicas are attached for the server to accept writes. Attach replicas."""


class SlotMoving(StoreError):
    """The partition's slot is moving between nodes of a Cluster. Try again shortly."""


class CorruptRecord(StoreError):
    """A stored record can not be read as its mapper says. Mend the record it names."""


class ForeignType(StoreError):
    """A key of this store holds another type; nothing was written. Remove or rename that key."""


class SchemaMismatch(StoreError):
    """The partition was written by mappers with other indexes. Use those, or another partition."""
