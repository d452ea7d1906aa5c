"""What a write of one entity moves in its indexes, told by a generated function.

A commit of one says in words which sets get or lose a key, and which members of sorted sets come
and go. A call for each index costs more than what it does; so what all indexes that a write touches
come to is spelled out in one function, from the stored bytes to the keys and the words.

The source is plain Python, and kept on the function as `source`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from redmapper.mapping.columns import Column, Record
from redmapper.mapping.entries import EntryValues
from redmapper.mapping.inline import (
    Terms,
    generated,
    indented,
    liat_of,
    lines_of,
    member_of,
    names_of,
    value_of,
)

Counts: TypeAlias = tuple[int, int, int]
"""How many sets get the key, how many lose it, and in how many sorted sets something moves."""

Moves: TypeAlias = "Callable[[Record | None, Record | None, bytes, list[bytes], list[Any]], Counts]"
"""`moves(base, record, tail, keys, words)` from one record to another, None: there is none.

It adds the keys of the sets, then those of the sorted sets, and two words for each of these: the
member that comes and the one that goes, "" for none. Members end in the `tail`.
"""


class Held(NamedTuple):
    """The indexes that a write touches.

    Of each the key, or what the keys of its sets begin with, and its terms. In place of them a set
    of a collection, of which an entity may be in `several`, has the function that gives its values.
    """

    sets: Sequence[tuple[bytes, Terms]]
    several: Sequence[tuple[bytes, EntryValues]]
    sorted: Sequence[tuple[bytes, Terms]]

    @property
    def columns(self) -> list[Column]:
        """The columns that they are over, but for those of the collections."""
        terms = [terms for _, terms in (*self.sets, *self.sorted)]
        return list({column.name: column for each in terms for column, _ in each}.values())

    @property
    def names(self) -> dict[str, Any]:
        """What lines about them call."""
        several = {f"several_{at}": values for at, (_, values) in enumerate(self.several)}
        return names_of(self.columns) | several


def generate_moves(held: Held) -> Moves:
    """Write, compile and keep the function."""
    moves: Moves = generated("moves", _lines(held), held.names)
    return moves


def _lines(held: Held) -> Iterator[str]:
    yield "def moves(base, record, tail, keys, words):"
    yield from indented(liat_of(terms for _, terms in held.sorted))
    yield "    if base is None:"
    yield from indented(indented(_move(held, "record", "{}, b''", "{}, 0")))
    yield "    if record is None:"
    yield from indented(indented(_move(held, "base", "b'', {}", "0, {}")))
    yield from indented(_change(held))


def _move(held: Held, record: str, pair: str, counts: str) -> Iterator[str]:
    """What comes or goes: where in its pair of words a member stands, and in counts the sets."""
    yield from lines_of(held.columns, record, "value")
    keys = [f"{head!r} + {value_of(terms, 'value')}" for head, terms in held.sets]
    sets = [str(len(keys))]
    for at, (head, _) in enumerate(held.several):
        yield f"all_{at} = [{head!r} + value for value in several_{at}({record})]"
        keys.append(f"*all_{at}")
        sets.append(f"len(all_{at})")
    keys += [repr(key) for key, _ in held.sorted]
    if keys:
        yield f"keys += ({', '.join(keys)},)"
    pairs = [pair.format(member_of(terms, "value")) for _, terms in held.sorted]
    if pairs:
        yield f"words += ({', '.join(pairs)})"
    yield f"return {counts.format(' + '.join(sets))}, {len(held.sorted)}"


def _change(held: Held) -> Iterator[str]:
    yield from lines_of(held.columns, "base", "old")
    yield from lines_of(held.columns, "record", "new")
    yield from _changed_sets(held)
    yield "moved = 0"
    for key, terms in held.sorted:
        if not terms:  # the listing
            continue
        yield f"comes, goes = {member_of(terms, 'new')}, {member_of(terms, 'old')}"
        yield "if comes != goes:"
        yield f"    keys.append({key!r})"
        yield "    words += (comes, goes)"
        yield "    moved += 1"
    sets = "len(added), len(removed)" if held.sets or held.several else "0, 0"
    yield f"return {sets}, moved"


def _changed_sets(held: Held) -> Iterator[str]:
    """The sets that get the key, and then those that lose it."""
    if not held.sets and not held.several:
        return
    yield "added, removed = [], []"
    for head, terms in held.sets:
        yield f"after, before = {value_of(terms, 'new')}, {value_of(terms, 'old')}"
        yield "if after != before:"
        yield f"    added.append({head!r} + after)"
        yield f"    removed.append({head!r} + before)"
    for at, (head, _) in enumerate(held.several):
        yield f"after, before = several_{at}(record), several_{at}(base)"
        yield f"added += [{head!r} + each for each in after if each not in before]"
        yield f"removed += [{head!r} + each for each in before if each not in after]"
    yield "keys += added"
    yield "keys += removed"
