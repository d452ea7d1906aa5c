"""How a query is answered, as a value that prints as a tree."""

from __future__ import annotations

from collections.abc import Iterator

import attrs


@attrs.frozen(kw_only=True)
class Use:
    """A way to reach rows.

    Attributes:
        how: what is done with the index, such as "walk" or "members of".
        index: its name, None where it is the key, the listing of all keys, or every record.
        bounds: the conditions that it serves, as they were written.
        estimated: how many entries lie within them, None where nobody has counted.
    """

    how: str
    index: str | None
    bounds: tuple[str, ...]
    estimated: int | None = None

    def __str__(self) -> str:
        line = f"{self.how} {self.index}" if self.index else self.how
        if self.bounds:
            line += f": {' & '.join(self.bounds)}"
        return line if self.estimated is None else f"{line} (estimated {self.estimated:,})"


@attrs.frozen(kw_only=True)
class Explanation:
    """How a query is answered; print it.

    Attributes:
        query: the query, as it was written.
        use: how its rows are reached.
        others: the other ways there were, dearer by estimate.
        on_server: conditions that the server judges on what it reaches.
        here: conditions that are judged in this process, on records that were sent.
        order: what puts the rows in order.
        advice: which index would serve better, or None.
        pending: how many pending objects of the unit are merged in.
        rows, looked_at, read: with `analyze`: rows of the store, before the unit's own are merged
            in; candidates looked at; those of them whose records were read to judge or order them.
        commands, round_trips: what was sent for that, and in how many goes.
    """

    query: str = ""
    use: Use
    others: tuple[Use, ...] = ()
    on_server: tuple[str, ...] = ()
    here: tuple[str, ...] = ()
    order: str
    advice: str | None = None
    pending: int = 0
    rows: int | None = None
    looked_at: int | None = None
    read: int | None = None
    commands: int = 0
    round_trips: int = 0

    def __str__(self) -> str:
        lines = [*self._lines()]
        corners = ["├─ "] * (len(lines) - 1) + ["└─ "]
        return "\n".join([self.query, *map("".join, zip(corners, lines, strict=True))])

    def _lines(self) -> Iterator[str]:
        yield str(self.use)
        yield from (f"rather than {other}" for other in self.others)
        yield from (f"filtered by the server: {each}" for each in self.on_server)
        yield from (f"filtered here: {each}" for each in self.here)
        yield f"order: {self.order}"
        if self.pending:
            yield f"pending objects of this unit, merged in: {self.pending:,}"
        if self.rows is not None:
            yield f"rows: {self.rows:,}, of {self.looked_at:,} candidates"
            yield f"records read to judge or to order: {self.read:,}"
            yield f"commands: {self.commands}, round trips: {self.round_trips}"
        if self.advice:
            yield f"better: {self.advice}"
