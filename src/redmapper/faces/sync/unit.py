"""The unit of work of the sync face: one line a verb."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

from redmapper.faces.sync.reads import Reads
from redmapper.mapping.indexes import Unique
from redmapper.wire import Flow
from redmapper.work.session import Session, UnitOptions
from redmapper.work.unit import UnitBase

Entity = TypeVar("Entity")
Result = TypeVar("Result")


class UnitOfWork(UnitBase, Reads):
    """New, changed and deleted objects, written together when its block ends without an exception.

    Made by `store.unit()`. It can be used for many blocks, one after another; each starts empty.
    """

    def __init__(
        self, session: Session, options: UnitOptions, run: Callable[[Flow[Any]], Any]
    ) -> None:
        UnitBase.__init__(self, session, options)
        self._carry = run

    def _reader(self) -> UnitBase:
        return self

    def _run(self, flow: Flow[Result]) -> Result:
        return self._carry(flow)  # type: ignore[no-any-return]

    def __enter__(self) -> Self:
        self._enter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._carry(self._leave(failure))

    def commit(self) -> None:
        """Write all pending changes in one atomic call; objects stay tracked, clean.

        Raises Conflict, with every violation, when nothing was written: mend and commit again.
        """
        self._carry(self._commit())

    def refresh(self, obj: object) -> None:
        """Load a tracked object anew, over what was changed; NotFound when it is gone."""
        self._run(self._refresh(obj))

    def get_or_add(self, unique: Unique, *values: object, factory: Callable[[], Entity]) -> Entity:
        """The owner of a unique value, or what `factory()` makes, added.

        Somebody else may add one meanwhile: then the commit raises Taken, and in `store.transact`
        the work is run again and finds it.

        Raises QueryError where a None exempts from the Unique, UnitError where the factory makes
        what does not have the value.
        """
        return self._run(self._get_or_add(unique, values, factory))  # type: ignore[no-any-return]
