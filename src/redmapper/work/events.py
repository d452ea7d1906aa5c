"""The events of a unit of work: what its handlers are told, in which order, and what they may do.

A commit tells `before_commit` (again until no handler brings in another object or field), then
`before_insert`, `before_update` and `before_delete` of each object, then `planned` of each plan it
sends. A handler that raises so far undoes all: nothing has been sent. After the script come
`after_insert`, `after_update` and `after_delete`, then `committed`; `failed` is told of a commit
that did not land, `rolled_back` whenever a unit is emptied unwritten. Handlers of these can not
undo anything: every one of them is called, and what they raise is raised when the unit is closed.

Only `before_commit` may use the unit, and not to commit or to roll back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import attrs

from redmapper.errors import CommitUnknown, UnitError, ValueRefused
from redmapper.mapping.events import EVENTS, Handler, Handlers
from redmapper.work.changes import Change, field_changes, is_pending, written
from redmapper.work.collect import Pending
from redmapper.work.identity import IdentityMap, Tracked
from redmapper.work.plan import EntityWrite, FlushPlan

MOST_ROUNDS = 10
"""How often `before_commit` is told before handlers that wake each other are refused."""

FREE = ("", "before_commit")
"""While these are told a unit may be used."""


@attrs.frozen
class Committed:
    """What a commit has written.

    Attributes:
        changes: as `uow.changes()` lists them, with the keys that a sequence gave; each "insert",
            "update" or "delete", whichever it was in the store.
    """

    changes: tuple[Change, ...]


@attrs.define(eq=False)
class Handling:
    """The handlers of a registry, as one unit calls them.

    `running` is the event that is being told. `late` are errors of handlers that could not undo,
    `broken` says that one that could has raised, `discarded` that the unit has been emptied.
    """

    of: dict[str, tuple[Handler, ...]]
    running: str = ""
    late: list[Exception] = attrs.field(factory=list)
    broken: bool = False
    discarded: bool = False

    @classmethod
    def by(cls, handlers: Handlers) -> Handling:
        """With the handlers that a registry has."""
        return cls({event: tuple(handlers.of.get(event, ())) for event in EVENTS})

    def begin(self) -> None:
        """A block begins."""
        self.late, self.broken, self.discarded = [], False, False

    def _each(self, event: str) -> Iterator[Handler]:
        """The handlers of an event, while it is the one that is told."""
        before, self.running = self.running, event
        try:
            yield from self.of[event]
        finally:
            self.running = before

    def tell(self, event: str, what: object) -> None:
        """Call the handlers of an event that may still undo; what one raises passes."""
        try:
            for handler in self._each(event):
                handler(what)
        except BaseException:
            self.broken = event != "loaded"
            raise

    def tell_late(self, event: str, what: object) -> None:
        """Call every handler of an event that can not undo; what they raise is kept."""
        for handler in self._each(event):
            try:
                handler(what)
            except Exception as error:  # noqa: BLE001 - it is the user's
                self.late.append(error)

    @property
    def loaded(self) -> Callable[[object], None] | None:
        """Whom reading tells of the objects it makes, if anybody."""
        return partial(self.tell, "loaded") if self.of["loaded"] else None

    # --- the course of a commit ---

    def before_commit(self, unit: object, entities: IdentityMap) -> None:
        """Tell it until no further object or field has come in."""
        if not self.of["before_commit"]:
            return
        standing = _standing(entities)
        for _ in range(MOST_ROUNDS):
            self.tell("before_commit", unit)
            before, standing = standing, _standing(entities)
            if before == standing:
                return
        message = (
            f"handlers of before_commit brought in new changes {MOST_ROUNDS} times; "
            "let them change only what is not changed yet"
        )
        raise UnitError(message)

    def before_writes(self, entities: IdentityMap) -> None:
        """Tell of each object that will be written."""
        for tracked in [each for each in entities if is_pending(each)]:
            self.tell(f"before_{kind_of(tracked)}", tracked.obj)

    def planned(self, plan: FlushPlan) -> None:
        """Tell of a plan before it is sent."""
        self.tell("planned", plan)

    def after_writes(
        self, kinds: dict[int, str], writes: Sequence[tuple[Pending, EntityWrite]]
    ) -> None:
        """Tell of each object that was written, and of the whole."""
        for pending, _ in writes:
            if pending.tracked is not None:
                self.tell_late(f"after_{kinds[id(pending)]}", pending.tracked.obj)
        if writes and self.of["committed"]:
            self.tell_late("committed", Committed(tuple(_written(*each) for each in writes)))

    def failed(self, error: Exception) -> bool:
        """Tell of a commit that did not land; whether a handler was to blame."""
        self.tell_late("failed", error)
        broken, self.broken = self.broken, False
        return broken

    def rolled_back(self, unit: object) -> None:
        """Tell that a unit was emptied."""
        self.discarded = True
        self.tell_late("rolled_back", unit)

    def close(self, unit: object, passing: BaseException | None, *, emptied: bool) -> None:
        """The block is over: raise what could not be raised before, or note it on what passes."""
        if emptied and not isinstance(passing, CommitUnknown):
            self.rolled_back(unit)
        if not self.late:
            return
        if passing is not None:
            for error in self.late:
                passing.add_note(f"and a handler raised {type(error).__name__}: {error}")
        elif len(self.late) == 1:
            raise self.late[0]
        else:
            message = "handlers raised after the commit, which stands"
            raise ExceptionGroup(message, self.late)


def kind_of(tracked: Tracked) -> str:
    """What a commit does with an object, as its unit sees it: a `put` of a new one inserts it."""
    if tracked.deleted:
        return "delete"
    return "insert" if tracked.base is None else "update"


def _standing(entities: IdentityMap) -> list[Any]:
    """What is pending: objects, and the names of the fields that have changed."""
    found: list[Any] = [(id(each), kind_of(each), _names(each)) for each in entities]
    return [*found, *entities.blind]


def _names(tracked: Tracked) -> frozenset[bytes] | None:
    """Those of a loaded object; None where a value is refused, which the commit will say."""
    if tracked.base is None:
        return None
    try:
        return frozenset(field_changes(tracked))
    except ValueRefused:
        return None


def _written(pending: Pending, write: EntityWrite) -> Change:
    obj = None if pending.tracked is None else pending.tracked.obj
    return written(pending.mapped, obj, write.key, write.base, write.record)
