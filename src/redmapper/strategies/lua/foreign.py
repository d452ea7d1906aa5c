"""Keys of ours that hold another type: the server says only that one does, this says which."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from redmapper.errors import ForeignType
from redmapper.wire import Argument, Batch, Command, Flow, Reply

Types: TypeAlias = Callable[[], Mapping[bytes, str]]
"""Tells the type that each key must have: asked only where one has another."""


def carry(batch: Batch, expected: Types) -> Flow[list[Reply]]:
    """Carry a batch; where a key has another type than `expected`, name it."""
    try:
        return (yield batch)
    except ForeignType:
        yield from name_foreign(batch, expected())
        raise


def name_foreign(batch: Batch, expected: Mapping[bytes, str]) -> Flow[None]:
    """Raise ForeignType for the keys of a batch that have another type than `expected`."""
    commands = tuple(Command(("TYPE", key)) for key in expected)
    replies = yield Batch("types", batch.home, commands, batch.hidden)
    found = [
        (key, reply.decode())
        for (key, kind), reply in zip(expected.items(), replies, strict=True)
        if reply not in (b"none", kind.encode())
    ]
    if found:
        raise foreign_types(found, batch.hidden())


def foreign_types(
    found: Sequence[tuple[bytes, str]], hidden: frozenset[Argument] = frozenset()
) -> ForeignType:
    """The error for keys of ours that hold another type."""
    shown = ", ".join(
        f"{'...' if key in hidden else repr(key)} holds a {kind}" for key, kind in found
    )
    message = (
        f"{shown}, which redmapper did not put there; nothing was written; remove or rename it"
    )
    return ForeignType(message)
