"""When `transact` runs a function again, and how long it waits before."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from redmapper.errors import Conflict, Stale

FIRST_PAUSE = 0.002
LONGEST_PAUSE = 0.25


@attrs.define
class Retry:
    """Counts the attempts of one `transact`.

    `Stale` is always worth another attempt. Another conflict is worth one, since a fresh reading
    may see what stands in the way (as get-or-add does); the same twice in a row is there to stay.
    """

    attempts: int
    random: Callable[[], float]
    made: int = 0
    last: tuple[object, ...] = ()

    def pause_after(self, conflict: Conflict) -> float:
        """Seconds to wait before the next attempt: full jitter under a doubling bound.

        Raises the conflict where there shall be no further attempt.
        """
        self.made += 1
        stale = any(isinstance(each, Stale) for each in conflict.violations)
        standing = () if stale else tuple(map(_what, conflict.violations))
        if self.made >= self.attempts or (standing and standing == self.last):
            raise conflict
        self.last = standing
        return self.random() * min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**self.made)


def _what(conflict: Conflict) -> tuple[object, ...]:
    """What tells one conflict from another."""
    return (
        type(conflict),
        getattr(conflict, "index", None),
        repr(getattr(conflict, "value", conflict.key)),
    )
