"""Run the benchmarks: redmapper beside the hand-written client and the peers.

    .venv/bin/python benchmarks/run.py --workloads W1,W3 --contestants handwritten,redmapper_lua

prints a part of them. Without options, as `make bench` runs it, everything is measured, and
docs/reference/benchmarks.md is written.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from referee import chart, growth, machine, memory, page
from referee.contest import Contest
from referee.figures import Figures
from referee.place import CHART, PAGE
from referee.tables import NOTHING, ratio, short
from referee.team import CONTESTANTS, Contestant
from worker.workloads import WORKLOADS

PEOPLE = 10_000
A_NAME = 10
"""Users that share a name."""

PARTS = ("speed", "memory", "growth")
GROWTH_SECONDS = 0.3
"""A slice of the measurement of growth, as a part of the others'."""


def main() -> None:
    """Everything, or what was chosen."""
    chosen = options()
    begin = time.monotonic()
    contestants = taking_part(chosen.contestants)
    figures, stored, grown = Figures(), [], None
    if "speed" in chosen.parts:
        figures = speed(chosen, contestants)
    if "memory" in chosen.parts:
        stored = memory.measure(contestants)
        for each in stored:
            print(f"{each.contestant}, {each.a_name} a name: {each.bytes_each:.0f} bytes an entity")
    if "growth" in chosen.parts:
        grown = growth.measure(
            [each for each in contestants if each.name in growth.CONTESTANTS],
            repeats=chosen.repeats,
            seconds=chosen.seconds * GROWTH_SECONDS,
            names=growth.SIZES[-1] // A_NAME,
            tell=print,
        )
    seconds = time.monotonic() - begin
    print(f"\n{seconds:.0f} s")
    if chosen.write and grown:
        run = page.Run(
            figures=figures,
            stored=stored,
            grown=grown,
            machine=machine.describe(contestants),
            people=chosen.people,
            repeats=chosen.repeats,
            seconds=chosen.seconds,
            minutes=seconds / 60,
        )
        chart.draw(run, CHART)
        page.write(run, PAGE, CHART)
        print(f"wrote {PAGE} and {CHART}")


def speed(chosen: argparse.Namespace, contestants: list[Contestant]) -> Figures:
    """All workloads, one after the other; what is found is printed at once."""
    figures, begin = Figures(), time.monotonic()
    with Contest(contestants, chosen.people, chosen.people // A_NAME, print) as contest:
        contest.begin()
        able = contest.prove(chosen.workloads)
        print(f"{chosen.people:,} loaded and proved in {time.monotonic() - begin:.0f} s")
        for workload, names in able.items():
            if names:
                contest.run(
                    figures, workload, names, repeats=chosen.repeats, seconds=chosen.seconds
                )
                contest.count(figures, workload)
                tell(figures, workload)
    print(f"\nspeed: {time.monotonic() - begin:.0f} s")
    return figures


# --- the command line --------------------------------------------------------------------------


def options() -> argparse.Namespace:
    """What the command line says; a part of the contestants or workloads is not written down."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--contestants", type=words(CONTESTANTS), help=", ".join(CONTESTANTS))
    parser.add_argument("--workloads", type=words(WORKLOADS), help=", ".join(WORKLOADS))
    parser.add_argument("--parts", type=words(PARTS), help=", ".join(PARTS))
    parser.add_argument("--repeats", type=int, default=5, help="time slices of each (5)")
    parser.add_argument("--seconds", type=float, default=0.5, help="of a time slice (0.5)")
    parser.add_argument("--people", type=int, default=PEOPLE, help="users loaded before (10,000)")
    chosen = parser.parse_args()
    chosen.write = not (chosen.contestants or chosen.workloads or chosen.parts)
    chosen.parts = chosen.parts or (PARTS if chosen.write else PARTS[:1])
    chosen.contestants = chosen.contestants or [*CONTESTANTS]
    chosen.workloads = chosen.workloads or [*WORKLOADS]
    return chosen


def words(known: dict[str, object] | tuple[str, ...]) -> Callable[[str], list[str]]:
    """A type for argparse: known words, with commas between; `W8` is all that begin with it."""

    def parse(text: str) -> list[str]:
        chosen = []
        for word in text.split(","):
            found = [word] if word in known else [each for each in known if each.startswith(word)]
            if not found:
                message = f"there is no {word}, but {', '.join(known)}"
                raise argparse.ArgumentTypeError(message)
            chosen += found
        return [each for each in known if each in chosen]

    return parse


def taking_part(names: list[str]) -> list[Contestant]:
    """Those of the contestants that can run here."""
    chosen = []
    for name in names:
        reason = CONTESTANTS[name].why_not()
        if reason:
            print(f"{name} does not take part: {reason}")
        else:
            chosen.append(CONTESTANTS[name])
    return chosen


# --- telling -----------------------------------------------------------------------------------

HEADS = ("ratio", "least", "most", "cpu", "us", "client", "server", "trips", "sent", "run")


def tell(figures: Figures, workload: str) -> None:
    """A line for each contestant, a column for each of `HEADS`.

    `ratio`, and the `least` and `most` of the rounds, is how many times as fast as hand-written;
    `cpu` is the same of processor times, client and server together, which is less noisy. The rest
    is for one entity: microseconds that passed, of the client's and the server's processor, then
    round trips, commands sent, and commands that the server ran.
    """
    print(f"\n{workload}: {WORKLOADS[workload].title}")
    print(f"{'':20}", *(f"{head:>8}" for head in HEADS))
    for name in figures.contestants(workload):
        print(f"{name:20}", *(f"{cell:>8}" for cell in cells(figures, workload, name)), flush=True)


def cells(figures: Figures, workload: str, name: str) -> list[str]:
    """The numbers of a line."""
    ratios = figures.ratios(workload, name) or [None]
    counts = figures.counts.get((workload, name))
    return [
        *map(ratio, (figures.ratio(workload, name), ratios[0], ratios[-1])),
        ratio(figures.saved(workload, name)),
        short(figures.elapsed(workload, name)),
        short(figures.client(workload, name)),
        short(figures.server(workload, name)) if counts else NOTHING,
        *(
            f"{each:.3f}"
            for each in ((counts.round_trips, counts.sent, counts.run) if counts else ())
        ),
    ]


if __name__ == "__main__":
    main()
