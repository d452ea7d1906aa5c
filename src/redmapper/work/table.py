"""The changes of a unit as a table, for a person: a line a field, with what it was and becomes.

`rich` draws it where it is installed; it is asked for only when somebody prints.
"""

from __future__ import annotations

import importlib
import io
import shutil
from collections.abc import Iterator, Sequence
from typing import Any

from redmapper.mapping.scalars import shown
from redmapper.work.changes import Change

COLUMNS = ("kind", "key", "field", "old", "new")
NOTHING = "no changes"


class Changes(list[Change]):
    """A list of changes that prints as a table: `print(uow.changes())`."""

    def __str__(self) -> str:
        if not self:
            return NOTHING
        rich = _rich("rich.console")
        return _text(rows(self)) if rich is None else _drawn(rich, self.__rich__())

    def __rich__(self) -> Any:  # noqa: ANN401 - a table of rich, which asks for it
        if not self:
            return NOTHING
        table = importlib.import_module("rich.table").Table(*COLUMNS)
        plain = importlib.import_module("rich.text").Text
        for row in rows(self):
            table.add_row(*map(plain, row))
        return table


def rows(changes: Sequence[Change]) -> Iterator[tuple[str, ...]]:
    """The lines of the table; what a change has done stands in its first."""
    for change in changes:
        head = (change.kind, _title(change))
        if not change.fields:
            yield (*head, "", "", "")
        for name, (old, new) in change.fields.items():
            before = "" if change.kind == "insert" else shown(old)
            yield (*head, name, before, shown(new))
            head = ("", "")


def _title(change: Change) -> str:
    """The entity: `User(7)`."""
    key = "new" if change.key is None else repr(change.key)
    return f"{change.cls.__name__}({key})"


def _text(lines: Iterator[tuple[str, ...]]) -> str:
    """The table without rich."""
    table = [COLUMNS, *lines]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    table.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    )


def _rich(module: str) -> Any:  # noqa: ANN401 - a module, or None
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def _drawn(rich: Any, table: Any) -> str:  # noqa: ANN401 - of rich
    """The table as rich draws it, as wide as the terminal, and without colours."""
    target = io.StringIO()
    width = shutil.get_terminal_size().columns
    rich.Console(file=target, width=width, no_color=True, highlight=False).print(table)
    return target.getvalue().rstrip("\n")
