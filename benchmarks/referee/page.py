"""The page of docs/reference that a run writes: the tables; their text is in page.md."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from string import Template

import attrs

from referee.figures import Figures
from referee.growth import SIZES, Grown
from referee.growth import WORKLOADS as GROWING
from referee.machine import Machine
from referee.memory import A_NAME, Stored
from referee.tables import NOTHING, count, ratio, short, table, text_table
from referee.team import CONTESTANTS, ours, reference
from worker.workloads import WORKLOADS

TEXT = Path(__file__).with_suffix(".md")
BYTES_TO_REACH = 800

COMPARED = [
    *("workload", "to reach", "redmapper", "rounds", "reached", "processor"),
    *("hand-written, us", "redmapper, us"),
]


@attrs.frozen
class Run:
    """A whole run.

    Attributes:
        people: loaded before.
        repeats, seconds: time slices, and how long one is.
        minutes: it took.
    """

    figures: Figures
    stored: list[Stored]
    grown: Grown
    machine: Machine
    people: int
    repeats: int
    seconds: float
    minutes: float


def write(run: Run, page: Path, chart: Path) -> None:
    """Write the page; the chart is drawn by another."""
    figures, machine = run.figures, run.machine
    text = Template(TEXT.read_text("utf-8")).substitute(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        chart=chart.name,
        server=f"Redis {machine.server}",
        cores=machine.cores,
        processor=machine.processor,
        memory_size=machine.memory,
        system=machine.system,
        python=machine.python,
        people=f"{run.people:,}",
        repeats=run.repeats,
        seconds=f"{run.seconds:g}",
        minutes=f"{run.minutes:.0f}",
        noise=f"{noise(figures):.0%}",
        bytes_to_reach=BYTES_TO_REACH,
        targets=targets(figures),
        losses=losses(figures),
        ratios=ratios(figures, machine),
        about=about(machine),
        times=times(figures, machine),
        tasks=tasks(figures),
        memory=memory(run.stored),
        growth=growth(run.grown),
        counts=counts(figures),
        versions=versions(machine),
    )
    page.write_text(text, encoding="utf-8")


# --- tables of one operation -------------------------------------------------------------------


def targets(figures: Figures) -> str:
    """redmapper, and what it is to reach."""
    return table(COMPARED, (compared(figures, each) for each in raced(figures)))


def tasks(figures: Figures) -> str:
    """The same of the async face."""
    return table(COMPARED, (compared(figures, each) for each in ordered(figures, "A")))


def compared(figures: Figures, workload: str) -> list[str]:
    """A row of redmapper beside the hand-written client."""
    name, target = ours(workload), WORKLOADS[workload].target
    found = figures.ratio(workload, name)
    rounds = figures.ratios(workload, name)
    return [
        title_of(workload),
        ratio(target),
        ratio(found),
        f"{rounds[0]:.2f} to {rounds[-1]:.2f}" if rounds else NOTHING,
        reached(found, target),
        ratio(figures.saved(workload, name)),
        spent(figures, workload, reference(workload)),
        spent(figures, workload, name),
    ]


def reached(found: float | None, target: float | None) -> str:
    """Whether a ratio is what it should be."""
    if found is None or target is None:
        return NOTHING
    return "yes" if found >= target else "**no**"


def losses(figures: Figures) -> str:
    """Where redmapper is the slower one."""
    slower = [each for each in ordered(figures) if (ours_to_theirs(figures, each) or 1) < 1]
    if not slower:
        return "Nowhere is redmapper slower than the hand-written client."
    return f"redmapper is slower than the hand-written client in {', '.join(slower)}."


def ratios(figures: Figures, machine: Machine) -> str:
    """Everybody."""
    names = on_one_thread(machine)
    rows = (
        [title_of(each), *(ratio(figures.ratio(each, name)) for name in names)]
        for each in raced(figures)
    )
    return table(["workload", *titles(names)], rows)


def times(figures: Figures, machine: Machine) -> str:
    """Everybody's microseconds."""
    names = on_one_thread(machine)
    rows = (
        [title_of(each), *(spent(figures, each, name) for name in names)]
        for each in ordered(figures, "W")
    )
    return table(["workload", *titles(names)], rows)


def spent(figures: Figures, workload: str, name: str) -> str:
    """Microseconds that passed, of the client and of the server."""
    if (workload, name) not in figures.slices:
        return NOTHING
    parts = [figures.elapsed, figures.client, figures.server]
    if not CONTESTANTS[name].server:
        parts.pop()
    return " / ".join(short(part(workload, name)) for part in parts)


def counts(figures: Figures) -> str:
    """Round trips and commands of all who have a server."""
    names = [
        name for name in CONTESTANTS if any(contestant == name for _, contestant in figures.counts)
    ]
    rows = (
        [title_of(each), *(counted(figures, each, name) for name in names)]
        for each in ordered(figures)
    )
    return table(["workload", *titles(names)], rows)


def counted(figures: Figures, workload: str, name: str) -> str:
    """Round trips, commands sent, commands run."""
    found = figures.counts.get((workload, name))
    if found is None:
        return NOTHING
    per = WORKLOADS[workload].per
    return " / ".join(count(each * per) for each in (found.round_trips, found.sent, found.run))


# --- other tables ------------------------------------------------------------------------------


def memory(stored: Iterable[Stored]) -> str:
    """Bytes an entity."""
    found = {(each.contestant, each.a_name): each for each in stored}
    rows = (
        [
            CONTESTANTS[name].title,
            f"{found[name, A_NAME[0]].entities:,}",
            *(bytes_each(found.get((name, a_name))) for a_name in A_NAME),
        ]
        for name in CONTESTANTS
        if (name, A_NAME[0]) in found
    )
    return table(["contestant", "entities", "ten share a name", "each its own name"], rows)


def bytes_each(stored: Stored | None) -> str:
    """Bytes, where they were measured."""
    return NOTHING if stored is None else f"{stored.bytes_each:,.0f}"


def growth(grown: Grown) -> str:
    """Microseconds by size."""
    columns = [(each, name) for each in GROWING for name in (reference(each), ours(each))]
    rows = [
        [f"{size:,}", *(short(grown.sizes[size].elapsed(*each)) for each in columns)]
        for size in SIZES
    ]
    first, last = grown.sizes[SIZES[0]], grown.sizes[SIZES[-1]]
    factors = [ratio(last.elapsed(*each) / first.elapsed(*each)) for each in columns]
    heads = [f"{workload} {CONTESTANTS[name].title}" for workload, name in columns]
    return table(["entities", *heads], [*rows, ["factor", *factors]])


def about(machine: Machine) -> str:
    """What each does for it."""
    rows = ([CONTESTANTS[name].title, says] for name, (says, _) in machine.contestants.items())
    return text_table(["contestant", "what it does"], rows)


def versions(machine: Machine) -> str:
    """Of the packages of each environment."""
    environments: dict[tuple[tuple[str, str], ...], list[str]] = defaultdict(list)
    for name, (_, found) in machine.contestants.items():
        environments[tuple(found.items())].append(CONTESTANTS[name].title)
    rows = (
        [", ".join(names), ", ".join(f"{package} {version}" for package, version in found)]
        for found, names in environments.items()
    )
    return text_table(["contestants", "versions"], rows)


# --- pieces ------------------------------------------------------------------------------------


def ordered(figures: Figures, kind: str = "WA") -> list[str]:
    """The workloads by number, those of the async face last."""
    found = (each for each in figures.workloads() if each[0] in kind)
    return sorted(found, key=lambda each: (each[0] == "A", number_of(each), each))


def raced(figures: Figures) -> list[str]:
    """Those on one thread that a hand-written client takes part in."""
    return [each for each in ordered(figures, "W") if (each, reference(each)) in figures.slices]


def number_of(workload: str) -> int:
    """8 of `W8i`."""
    return int("".join(filter(str.isdigit, workload)))


def title_of(workload: str) -> str:
    """Its number and what it does."""
    return f"{workload} {WORKLOADS[workload].title}"


def titles(names: Iterable[str]) -> list[str]:
    """What tables call these contestants."""
    return [CONTESTANTS[name].title for name in names]


def on_one_thread(machine: Machine) -> list[str]:
    """The contestants that are not there for the async face."""
    return [name for name in machine.contestants if not CONTESTANTS[name].tasks]


def ours_to_theirs(figures: Figures, workload: str) -> float | None:
    """Redmapper's ratio."""
    return figures.ratio(workload, ours(workload))


def noise(figures: Figures) -> float:
    """How far redmapper's rounds are from their median at most, in the middle workload."""
    ranges = [
        max(rounds[-1] / middle - 1, 1 - rounds[0] / middle)
        for workload in figures.workloads()
        if (rounds := figures.ratios(workload, ours(workload)))
        and (middle := ours_to_theirs(figures, workload))
    ]
    return statistics.median(ranges) if ranges else 0.0
