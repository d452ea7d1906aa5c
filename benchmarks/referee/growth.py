"""The same workloads on ever more entities: what should stay flat, does."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from referee.contest import Contest, Tell
from referee.figures import Figures
from referee.team import Contestant

SIZES = (1_000, 10_000, 100_000, 300_000)
WORKLOADS = ("W1", "W3", "W7", "W6c", "W10c")
CHARTED = WORKLOADS[:3]
"""What a hand-written client does in the others grows too much for one chart."""

CONTESTANTS = ("handwritten", "redmapper_lua", "redmapper_composite")


@attrs.frozen
class Grown:
    """Figures by how many entities were loaded."""

    sizes: dict[int, Figures]


def measure(
    contestants: Sequence[Contestant], *, repeats: int, seconds: float, names: int, tell: Tell
) -> Grown:
    """Load more and more, and time at each size."""
    sizes: dict[int, Figures] = {}
    with Contest(contestants, SIZES[0], names, tell) as contest:
        contest.begin()
        for size in SIZES:
            contest.load(size)
            figures = sizes[size] = Figures()
            for workload in WORKLOADS:
                able = [each.name for each in contestants if each.competes_in(workload)]
                able = [name for name in able if name in contest.seats]
                contest.run(figures, workload, able, repeats=repeats, seconds=seconds)
            tell(f"{size:,} entities: {summary(figures)}")
    return Grown(sizes)


def summary(figures: Figures) -> str:
    """Microseconds, in a line."""
    return ", ".join(
        f"{name} {workload} {figures.elapsed(workload, name):.0f} us"
        for workload, name in figures.slices
    )
