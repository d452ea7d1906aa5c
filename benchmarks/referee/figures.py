"""What is measured, and what is said of it: medians, and ratios to the hand-written client."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable

import attrs

from referee.team import reference


@attrs.frozen
class Slice:
    """One time slice of a contestant in a workload; all times in seconds."""

    entities: float
    wall: float
    client: float
    server: float

    @property
    def rate(self) -> float:
        """Entities a second."""
        return self.entities / self.wall


@attrs.frozen
class Counts:
    """What one entity costs in round trips, in commands sent, and in commands that the server ran.

    Those that a script ran are among the last.
    """

    round_trips: float
    sent: float
    run: float


@attrs.define
class Figures:
    """All that a contest found out: by (workload, contestant) and in the order of the rounds."""

    slices: dict[tuple[str, str], list[Slice]] = attrs.field(factory=lambda: defaultdict(list))
    counts: dict[tuple[str, str], Counts] = attrs.field(factory=dict)

    def workloads(self) -> list[str]:
        """Those measured, in order."""
        return list(dict.fromkeys(workload for workload, _ in self.slices))

    def contestants(self, workload: str) -> list[str]:
        """Those measured in this workload, in order."""
        return [contestant for each, contestant in self.slices if each == workload]

    def ratios(self, workload: str, contestant: str) -> list[float]:
        """How many times as fast as the reference in the same round, sorted; none without one."""
        own = self.slices.get((workload, contestant), [])
        others = self.slices.get((workload, reference(workload)), [])
        pairs = zip(own, others, strict=False)
        return sorted(mine.rate / theirs.rate for mine, theirs in pairs)

    def ratio(self, workload: str, contestant: str) -> float | None:
        """The median of them."""
        ratios = self.ratios(workload, contestant)
        return statistics.median(ratios) if ratios else None

    def saved(self, workload: str, contestant: str) -> float | None:
        """How many times the processor time, of client and server, the reference takes.

        Less than a ratio of what passed, but it hardly moves when others use the machine.
        """
        their = reference(workload)
        if not {(workload, their), (workload, contestant)} <= self.slices.keys():
            return None
        theirs = self.client(workload, their) + self.server(workload, their)
        return theirs / (self.client(workload, contestant) + self.server(workload, contestant))

    def elapsed(self, workload: str, contestant: str) -> float:
        """Microseconds an entity."""
        return self._median(workload, contestant, lambda each: each.wall)

    def client(self, workload: str, contestant: str) -> float:
        """Microseconds of the client's processor an entity."""
        return self._median(workload, contestant, lambda each: each.client)

    def server(self, workload: str, contestant: str) -> float:
        """Microseconds of the server's processor each, over all rounds: its clock is coarse."""
        slices = self.slices[workload, contestant]
        return 1e6 * sum(each.server for each in slices) / sum(each.entities for each in slices)

    def _median(self, workload: str, contestant: str, seconds: Callable[[Slice], float]) -> float:
        return median(
            1e6 * seconds(each) / each.entities for each in self.slices[workload, contestant]
        )


def median(values: Iterable[float]) -> float:
    """Of any values."""
    return statistics.median(values)
