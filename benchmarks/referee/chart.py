"""The chart of docs/reference: speed beside hand-written code, memory, and growth."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from referee.figures import Figures
from referee.growth import CHARTED as GROWING
from referee.growth import SIZES
from referee.page import Run, ordered, title_of
from referee.team import CONTESTANTS

LOOKS = {
    "redmapper_lua": ("#c0392b", "o", 80),
    "redmapper_async": ("#c0392b", "D", 55),
    "redmapper_memory": ("#e59866", "o", 30),
    "handwritten_lua": ("#555555", "|", 90),
    "peer_rom": ("#2471a3", "^", 40),
    "peer_redis_om": ("#1e8449", "s", 35),
    "peer_walrus": ("#7d3c98", "v", 40),
}
"""Colour, marker and its size."""

GREY = "#999999"


def draw(run: Run, path: Path) -> None:
    """Draw it as SVG, the same for the same figures."""
    mpl.rcParams |= {
        "svg.fonttype": "none",
        "svg.hashsalt": "redmapper",
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    figure = Figure(figsize=(9, 8.5), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=[2.6, 1])
    _speed(figure.add_subplot(grid[0, :]), run.figures)
    _memory(figure.add_subplot(grid[1, 0]), run)
    _growth(figure.add_subplot(grid[1, 1]), run)
    figure.savefig(
        path, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
    )
    # Lines that matplotlib ends with blanks would be changed by every editor.
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n", "utf-8")


def _speed(axes: Axes, figures: Figures) -> None:
    workloads = [each for each in ordered(figures) if _rivals(figures, each)]
    for name, (colour, marker, size) in LOOKS.items():
        points = [
            (ratio, -row)
            for row, workload in enumerate(workloads)
            if (ratio := figures.ratio(workload, name)) is not None
        ]
        if points:
            x, y = zip(*points, strict=True)
            title = CONTESTANTS[name].title
            axes.scatter(x, y, s=size, c=colour, marker=marker, label=title, zorder=3)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    ticks = (0.01, 0.03, 0.1, 0.3, 1, 3, 10)
    axes.set_xticks(ticks, [f"{each:g}" for each in ticks])
    axes.minorticks_off()
    axes.set_yticks([-row for row in range(len(workloads))], [*map(title_of, workloads)])
    axes.grid(color="#e5e5e5")
    axes.set_title("How many times as fast as hand-written redis-py (further right is faster)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.3, -0.05), ncols=4, frameon=False)


def _rivals(figures: Figures, workload: str) -> bool:
    return any(figures.ratio(workload, name) is not None for name in LOOKS)


def _memory(axes: Axes, run: Run) -> None:
    stored = sorted(
        (each for each in run.stored if each.a_name > 1), key=lambda each: -each.bytes_each
    )
    titles = [CONTESTANTS[each.contestant].title for each in stored]
    colours = [LOOKS.get(each.contestant, (GREY,))[0] for each in stored]
    bars = axes.barh(titles, [each.bytes_each for each in stored], color=colours)
    axes.bar_label(bars, fmt="{:,.0f}", padding=-32, color="white")
    axes.set_title("Bytes an entity, all indexes")


def _growth(axes: Axes, run: Run) -> None:
    lines = {"handwritten": GREY, "redmapper_lua": LOOKS["redmapper_lua"][0]}
    for workload, style in zip(GROWING, ("-", "--", ":"), strict=True):
        for name, colour in lines.items():
            times = [run.grown.sizes[size].elapsed(workload, name) for size in SIZES]
            label = f"{workload} {CONTESTANTS[name].title}"
            axes.plot(SIZES, times, style, color=colour, marker=".", label=label)
    axes.set_xscale("log")
    axes.set_xticks(SIZES, [f"{each // 1_000:,}k" for each in SIZES])
    axes.minorticks_off()
    axes.set_ylim(0, 1.4 * axes.get_ylim()[1])  # room for the legend
    axes.set_title("Microseconds by entities stored")
    axes.legend(fontsize=7, ncols=2, loc="upper center", columnspacing=1, handlelength=1.5)
