"""Numbers as the scores of a sorted set: the entries of an `Ordered` over one field of numbers.

Where the value of an entry is a number, the sorted set need not have it in the bytes of its member
(see `mapping.ordering`): the score is the number, the member the tail alone. So a number that
changes moves one member, and the numbers of many entities are had by one ZMSCORE, without a look at
their records.

A score is a double, and answers are exact. So only *plain* numbers are scores: integers of up to 15
bytes, which are far below 2^53, and floats below 1e300. All others stand beyond them, in the order
of their encodings, and None before all:

    None            score -inf     FD, tail
    below -1e300    score -1e300   FE, encoded value, tail
    plain           the number     tail
    above 1e300     score 1e300    FE, encoded value, tail

(An integer that is not plain is taken for one beyond 1e300.) FD and FE begin no tail: a key is
digits behind a byte below F0, UTF-8, or ASCII. Keys of arbitrary bytes have no such room, and so
the entries of their mappers stay as those of all other kinds are.

Within one score the members are in order, so all of the set is in the order of value and key. A
place between two members is a *cut*, as `find.lua` reads it: "-" before all, "30" before that
score, "(30" behind it, "+" behind all; and "=30 member" before a member, ">30 member" behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import attrs

from redmapper.mapping.columns import Column
from redmapper.mapping.indexes import Ordered
from redmapper.mapping.mapped import MappedClass, MappedIndex
from redmapper.mapping.ordering import (
    AFTER,
    END,
    SMALL,
    read_order_float,
    read_order_int,
    successor,
)
from redmapper.mapping.scalars import Scalar
from redmapper.wire import Argument

PLAIN_DIGITS = 15
"""Bytes of a plain integer, its sign among them."""

OF_NONE, BELOW, ABOVE = b"-inf", b"-1e300", b"1e300"
_LIMIT = 1e300
_NONE, _BEYOND = b"\xfd", b"\xfe"

FIRST, LAST = b"-", b"+"
"""The cuts before all members and behind all."""


class Entry(NamedTuple):
    """A member of a sorted set, and its score."""

    member: bytes
    score: bytes


Raw: TypeAlias = "bytes | None"


@attrs.frozen(eq=False)
class Scores:
    """Numbers of one kind as scores.

    Attributes:
        kind: the kind of number.
        plain: whether a stored number is plain.
        all_plain: the same of many, any of which may be absent.
        inline: the same of one as source over `raw`, where that is shorter than a call.
        plain_cut: the cut that one among encoded values is; None where no plain number is next to
            it.
        known_cuts: cuts that are known without it.
    """

    kind: Scalar
    plain: Callable[[bytes], bool]
    all_plain: Callable[[Sequence[Any]], bool]
    inline: str | None
    plain_cut: Callable[[bytes], bytes | None]
    known_cuts: Mapping[bytes | None, bytes]

    def entry(self, raw: Raw, tail: bytes) -> Entry:
        """The entry of an entity that has this stored number.

        Raises ValueRefused for NaN.
        """
        if raw is not None and self.plain(raw):
            return Entry(tail, raw)
        return self.entry_of(self.kind.none if raw is None else self.kind.order_stored(raw), tail)

    def entries(
        self, raws: Sequence[Raw], tails: Sequence[bytes]
    ) -> tuple[Sequence[bytes], Sequence[Any]]:
        """Members and scores of many; the tails themselves where all numbers are plain."""
        if self.all_plain(raws):
            return tails, raws
        members, scores = zip(*map(self.entry, raws, tails), strict=True)
        return members, scores

    def entry_of(self, encoded: bytes, tail: bytes) -> Entry:
        """The same of one that has this encoded number, which may be that of NaN."""
        if encoded == self.kind.none:
            return Entry(_NONE + tail, OF_NONE)
        before = self.known_cuts.get(encoded) or self.plain_cut(encoded)
        if before is not None:  # and is spelled as the number is
            return Entry(tail, before)
        return Entry(_BEYOND + encoded + tail, _beyond(encoded))

    def cut(self, encoded: bytes | None) -> bytes:
        """The cut that one among encoded values is; None: behind all."""
        found = self.known_cuts.get(encoded)
        if found is not None or encoded is None:
            return found or LAST
        return self.plain_cut(encoded) or b"=%b %b" % (_beyond(encoded), _BEYOND + encoded)


def _beyond(encoded: bytes) -> bytes:
    """The score of what is not plain, by the sign that its encoding begins with."""
    return ABOVE if encoded[0] >= _POSITIVE else BELOW


_POSITIVE = 0x80


def before(entry: Entry) -> bytes:
    """The cut before an entry."""
    return b"=%b %b" % (entry.score, entry.member)


def behind(entry: Entry) -> bytes:
    """The cut behind it."""
    return b">%b %b" % (entry.score, entry.member)


def between_members(word: Argument) -> bool:
    """Whether a word is a cut between two members, for which a server has no bound."""
    return isinstance(word, bytes) and word[:1] in (b"=", b">")


# --- integers --------------------------------------------------------------------------------


def _is_plain_int(raw: bytes) -> bool:
    return len(raw) <= PLAIN_DIGITS


def _are_plain_ints(raws: Sequence[Any]) -> bool:
    return None not in raws and max(map(len, raws), default=0) <= PLAIN_DIGITS


def _int_cut(encoded: bytes) -> bytes | None:
    """A cut among integers is before all that begins with the encoding of one, or behind it."""
    number = read_order_int(encoded[: -len(END)])
    if number is None or len(raw := b"%d" % number) > PLAIN_DIGITS:
        return None
    return b"(" + raw if encoded.endswith(AFTER) else raw


# --- floats ----------------------------------------------------------------------------------


def _is_plain_float(raw: bytes) -> bool:
    return abs(float(raw)) < _LIMIT


def _are_plain_floats(raws: Sequence[Any]) -> bool:
    if None in raws or b"nan" in raws:
        return False
    numbers = list(map(float, raws))
    return max(map(abs, numbers), default=0) < _LIMIT


def _float_cut(encoded: bytes) -> bytes | None:
    """Encodings are equally long, and so what comes behind one is the next."""
    number = read_order_float(encoded)
    return repr(number).encode() if abs(number) < _LIMIT else None


# --- which indexes have them -----------------------------------------------------------------


def _known_cuts(none: bytes) -> dict[bytes | None, bytes]:
    return {None: LAST, b"": FIRST, none: FIRST, successor(none): b"(" + OF_NONE}


_SMALL_CUTS: dict[bytes | None, bytes] = {encoded: raw for raw, encoded in SMALL.items()}
_SMALL_CUTS |= {encoded[: -len(END)] + AFTER: b"(" + raw for raw, encoded in SMALL.items()}

_KINDS: dict[str, Callable[[Scalar], Scores]] = {
    "float": lambda kind: Scores(
        kind, _is_plain_float, _are_plain_floats, None, _float_cut, _known_cuts(kind.none)
    ),
}
_KINDS["int"] = _KINDS["timedelta"] = lambda kind: Scores(
    kind,
    _is_plain_int,
    _are_plain_ints,
    f"len(raw) <= {PLAIN_DIGITS}",
    _int_cut,
    _SMALL_CUTS | _known_cuts(kind.none),
)


@lru_cache(maxsize=4096)
def scores_of(index: MappedIndex, key: Scalar) -> Scores | None:
    """How the entries of an index, for entities with such a key, are scores; None if they are not.

    They are in an `Ordered` over one field of numbers, unless the key is of arbitrary bytes.
    """
    if type(index.index) is not Ordered or key.name == "bytes":
        return None
    kind, *others = (column.kind.scalar for column in index.columns)
    make = None if others or kind is None else _KINDS.get(kind.name)
    return make(kind) if make is not None and kind is not None else None


def scored_by(column: Column, mapped: MappedClass) -> MappedIndex | None:
    """The index whose scores are the numbers of a column."""
    return _scored(mapped).get(column.name)


@lru_cache(maxsize=1024)
def _scored(mapped: MappedClass) -> dict[str, MappedIndex]:
    return {
        index.columns[0].name: index
        for index in mapped.indexes.values()
        if scores_of(index, mapped.key.scalar)
        and index.columns[0] is not mapped.key.attribute.column
    }
