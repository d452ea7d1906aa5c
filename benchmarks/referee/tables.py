"""Numbers and tables for people."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

NOTHING = "-"
NEARLY = 0.05
LARGE = 100


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; all but the first column are numbers."""
    return _table(heads, rows, "---:")


def text_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown, of words."""
    return _table(heads, rows, "---")


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], rule: str) -> str:
    lines = [heads, ["---", *[rule] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def ratio(value: float | None) -> str:
    """How many times as fast: two decimals, since the noise is in the second."""
    return NOTHING if value is None else f"{value:.2f}"


def short(value: float) -> str:
    """Three digits that mean something."""
    if not value:
        return "0"
    decimals = 2 - math.floor(math.log10(abs(value)))
    rounded = round(value, decimals)
    return f"{rounded:,.{min(max(decimals, 0), 2)}f}"


def count(value: float) -> str:
    """How many there are of something an operation: whole where it nearly is, or is large."""
    whole = abs(value - round(value)) < NEARLY or value >= LARGE
    return f"{value:,.0f}" if whole else f"{value:,.1f}"
