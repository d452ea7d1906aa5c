"""The events of units of work, and the functions that a registry calls at them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeAlias

import attrs

from redmapper.errors import MappingError
from redmapper.mapping.spelling import did_you_mean

Handler: TypeAlias = Callable[..., object]

EVENTS = {
    "loaded": "obj",
    "before_commit": "uow",
    "before_insert": "obj",
    "before_update": "obj",
    "before_delete": "obj",
    "planned": "plan",
    "after_insert": "obj",
    "after_update": "obj",
    "after_delete": "obj",
    "committed": "result",
    "failed": "error",
    "rolled_back": "uow",
}
"""What each handler is given, in the order in which the events of a commit come."""


@attrs.define
class Handlers:
    """Who is called at which event, in the order of registration, until the registry is used."""

    of: dict[str, list[Handler]] = attrs.field(factory=dict)
    used: bool = False

    def on(self, event: str, handler: Handler) -> None:
        """Call `handler` at an event; MappingError for a mistake, or where it comes too late."""
        if event not in EVENTS:
            known = did_you_mean(str(event), EVENTS)
            message = f"on({event!r}, ...): there is no such event{known}"
            raise MappingError(message)
        if not callable(handler):
            message = f"on({event!r}, {handler!r}): a handler is a function of {EVENTS[event]}"
            raise MappingError(message)
        if inspect.iscoroutinefunction(handler):
            message = f"on({event!r}, ...): a handler is a plain function, on both faces"
            raise MappingError(message)
        if self.used:
            message = f"on({event!r}, ...): a store has this registry already; register before"
            raise MappingError(message)
        self.of.setdefault(event, []).append(handler)
