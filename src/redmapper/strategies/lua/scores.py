"""Numbers as the scores of a sorted set: the entries of an `Ordered` over one field of numbers.

(A datetime is one, too: its microseconds.)

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

(An integer that is not plain is taken for one beyond 1e300.) Datetimes are two kinds of numbers,
of which all naive ones come before all aware ones. Plain are those from 1900 to some day of 2185,
9 * 10^15 microseconds later, naive ones by their clock, aware ones by UTC:

    naive, before 1900   score -1e300           FE, encoded value, tail
    naive, plain         -9 * 10^15 to below 0  tail
    naive, from 2185 on  score -0.75            FE, encoded value, tail
    aware, before 1900   score -0.25            FE, encoded value, tail
    aware, plain         0 to below 9 * 10^15   tail
    aware, from 2185 on  score 1e300            FE, encoded value, tail

So -0.5 is the cut between the two kinds. A record has datetimes as ISO 8601: of all kinds it is the
one whose scores are spelled in another way than the numbers are stored.

FD and FE begin no tail: a key is digits behind a byte below F0, UTF-8, or ASCII. Keys of arbitrary
bytes have no such room, and so the entries of their mappers stay as those of all other kinds are.

Within one score the members are in order, so all of the set is in the order of value and key. A
place between two members is a *cut*, as `find.lua` reads it: "-" before all, "30" before that
score, "(30" behind it, "+" behind all; and "=30 member" before a member, ">30 member" behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias, cast

import attrs

from redmapper.mapping.columns import Column
from redmapper.mapping.indexes import Ordered
from redmapper.mapping.mapped import MappedClass, MappedIndex
from redmapper.mapping.ordering import (
    AFTER,
    END,
    SMALL,
    microseconds,
    order_datetime,
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
        score: the score of a stored number; None if it is not plain.
        all_scores: those of many; None unless all are plain.
        inline: whether one is its own score, as source over `raw`; None where it may be another.
        plain_cut: the cut that one among encoded values is; None where no plain number is next to
            it.
        beyond: the score of an encoded value that is not plain.
        known_cuts: cuts that are known without `plain_cut`.
        as_stored: whether scores are spelled as the numbers are stored.
    """

    kind: Scalar
    score: Callable[[bytes], bytes | None]
    all_scores: Callable[[Sequence[bytes]], Sequence[bytes] | None]
    inline: str | None
    plain_cut: Callable[[bytes], bytes | None]
    beyond: Callable[[bytes], bytes]
    known_cuts: Mapping[bytes | None, bytes]
    as_stored: bool = True

    def entry(self, raw: Raw, tail: bytes) -> Entry:
        """The entry of an entity that has this stored number.

        Raises ValueRefused for NaN.
        """
        if raw is None:
            return Entry(_NONE + tail, OF_NONE)
        score = self.score(raw)
        if score is not None:
            return Entry(tail, score)
        return self.entry_of(self.kind.order_stored(raw), tail)

    def entries(
        self, raws: Sequence[Raw], tails: Sequence[bytes]
    ) -> tuple[Sequence[bytes], Sequence[Any]]:
        """Members and scores of many; the tails themselves where all numbers are plain."""
        present = [raw for raw in raws if raw is not None] if None in raws else raws
        plain = self.all_scores(cast("Sequence[bytes]", present))
        if plain is None:
            members, scores = zip(*map(self.entry, raws, tails), strict=True)
            return members, scores
        if present is raws:
            return tails, plain
        pairs, following = zip(raws, tails, strict=True), iter(plain).__next__
        return (
            [_NONE + tail if raw is None else tail for raw, tail in pairs],
            [OF_NONE if raw is None else following() for raw in raws],
        )

    def entry_of(self, encoded: bytes, tail: bytes) -> Entry:
        """The same of one that has this encoded number, which may be that of NaN."""
        if encoded == self.kind.none:
            return Entry(_NONE + tail, OF_NONE)
        before = self.known_cuts.get(encoded) or self.plain_cut(encoded)
        if before is not None:  # and is spelled as the number is
            return Entry(tail, before)
        return Entry(_BEYOND + encoded + tail, self.beyond(encoded))

    def cut(self, encoded: bytes | None) -> bytes:
        """The cut that one among encoded values is; None: behind all."""
        found = self.known_cuts.get(encoded)
        if found is not None or encoded is None:
            return found or LAST
        return self.plain_cut(encoded) or b"=%b %b" % (self.beyond(encoded), _BEYOND + encoded)


def before(entry: Entry) -> bytes:
    """The cut before an entry."""
    return b"=%b %b" % (entry.score, entry.member)


def behind(entry: Entry) -> bytes:
    """The cut behind it."""
    return b">%b %b" % (entry.score, entry.member)


MARKS = (b"=", b">")
"""What a cut between two members begins with."""


def between_members(word: Argument) -> bool:
    """Whether a word is a cut between two members, for which a server has no bound."""
    return isinstance(word, bytes) and word[:1] in MARKS


def _beyond_by_sign(encoded: bytes) -> bytes:
    """The score of what is not plain, by the sign that its encoding begins with."""
    return ABOVE if encoded[0] >= _POSITIVE else BELOW


_POSITIVE = 0x80

# --- integers --------------------------------------------------------------------------------


def _int_score(raw: bytes) -> bytes | None:
    return raw if len(raw) <= PLAIN_DIGITS else None


def _int_scores(raws: Sequence[bytes]) -> Sequence[bytes] | None:
    return raws if max(map(len, raws), default=0) <= PLAIN_DIGITS else None


def _int_cut(encoded: bytes) -> bytes | None:
    """A cut among integers is before all that begins with the encoding of one, or behind it."""
    number = read_order_int(encoded[: -len(END)])
    if number is None or len(raw := b"%d" % number) > PLAIN_DIGITS:
        return None
    return b"(" + raw if encoded.endswith(AFTER) else raw


# --- floats ----------------------------------------------------------------------------------


def _float_score(raw: bytes) -> bytes | None:
    return raw if abs(float(raw)) < _LIMIT else None


def _float_scores(raws: Sequence[bytes]) -> Sequence[bytes] | None:
    if b"nan" in raws:
        return None
    numbers = list(map(float, raws))
    return raws if max(map(abs, numbers), default=0) < _LIMIT else None


def _float_cut(encoded: bytes) -> bytes | None:
    """Encodings are equally long, and so what comes behind one is the next."""
    number = read_order_float(encoded)
    return repr(number).encode() if abs(number) < _LIMIT else None


# --- datetimes -------------------------------------------------------------------------------

FIRST_PLAIN = datetime(1900, 1, 1)  # noqa: DTZ001 - naive, and the clock of UTC by it
PLAIN_MICROSECONDS = 9 * 10**15
"""How far from the first on datetimes are plain: of both clocks they are below 2^53."""

_FIRST_NAIVE, _FIRST_AWARE, _PAST_ALL = b"\1", b"\2", b"\3"
"""What the encodings of both begin with, and what comes behind."""

_BETWEEN_CLOCKS = b"-0.5"


@attrs.frozen(eq=False)
class _Clock:
    """What naive datetimes are told by, or aware ones.

    Attributes:
        zero: the datetime whose score is 0.
        least: the least score of a plain one.
        first: the encoding of that, as a number.
        early: the score of those before.
        late: the score of those that come behind the plain ones.
    """

    zero: datetime
    least: int
    first: int
    early: bytes
    late: bytes

    def spelled(self, scores: list[int]) -> list[bytes] | None:
        """Scores as they are sent; None unless all are of plain ones."""
        plain = self.least <= min(scores) and max(scores) < self.least + PLAIN_MICROSECONDS
        return [b"%d" % score for score in scores] if plain else None


def _clock(first: datetime, least: int, early: bytes, late: bytes) -> _Clock:
    zero = first - timedelta(microseconds=least)
    return _Clock(zero, least, int.from_bytes(order_datetime(first), "big"), early, late)


_NAIVE = _clock(FIRST_PLAIN, -PLAIN_MICROSECONDS, BELOW, b"-0.75")
_AWARE = _clock(FIRST_PLAIN.replace(tzinfo=UTC), 0, b"-0.25", ABOVE)


def _datetime_scores(raws: Sequence[bytes]) -> Sequence[bytes] | None:
    """Of many that are by one clock, as most are; they are read as one text."""
    if not raws:
        return raws
    texts = b"\n".join(raws).decode().split("\n")
    if len(texts) != len(raws):  # one has a line of its own, which is none that redmapper wrote
        return None
    moments = list(map(datetime.fromisoformat, texts))
    clock = _NAIVE if moments[0].tzinfo is None else _AWARE
    try:
        passed = [moment - clock.zero for moment in moments]
    except TypeError:  # some are by the other clock
        return None
    return clock.spelled(list(map(microseconds, passed)))


def _datetime_score(raw: bytes) -> bytes | None:
    moment = datetime.fromisoformat(raw.decode())
    clock = _NAIVE if moment.tzinfo is None else _AWARE
    score = microseconds(moment - clock.zero)
    return b"%d" % score if 0 <= score - clock.least < PLAIN_MICROSECONDS else None


def _behind_first(encoded: bytes) -> tuple[_Clock, int]:
    """The clock of an encoded datetime, and its microseconds behind the first plain one.

    A cut may be shorter, as what comes behind 01 FF is 02: then zeros are to follow.
    """
    clock = _NAIVE if encoded < _FIRST_AWARE else _AWARE
    return clock, int.from_bytes(encoded.ljust(_WIDTH, b"\0"), "big") - clock.first


_WIDTH = len(order_datetime(FIRST_PLAIN))


def _datetime_cut(encoded: bytes) -> bytes | None:
    """As with floats, what comes behind one is the next."""
    clock, behind_first = _behind_first(encoded)
    plain = 0 <= behind_first < PLAIN_MICROSECONDS
    return b"%d" % (clock.least + behind_first) if plain else None


def _beyond_by_clock(encoded: bytes) -> bytes:
    clock, behind_first = _behind_first(encoded)
    return clock.early if behind_first < 0 else clock.late


# --- which indexes have them -----------------------------------------------------------------


def _known_cuts(none: bytes) -> dict[bytes | None, bytes]:
    return {None: LAST, b"": FIRST, none: FIRST, successor(none): b"(" + OF_NONE}


_SMALL_CUTS: dict[bytes | None, bytes] = {encoded: raw for raw, encoded in SMALL.items()}
_SMALL_CUTS |= {encoded[: -len(END)] + AFTER: b"(" + raw for raw, encoded in SMALL.items()}

_CLOCK_CUTS: dict[bytes | None, bytes] = {
    _FIRST_NAIVE: b"(" + OF_NONE,
    _FIRST_AWARE: _BETWEEN_CLOCKS,
    _PAST_ALL: LAST,
}

_KINDS: dict[str, Callable[[Scalar], Scores]] = {
    "float": lambda kind: Scores(
        kind=kind,
        score=_float_score,
        all_scores=_float_scores,
        inline=None,
        plain_cut=_float_cut,
        beyond=_beyond_by_sign,
        known_cuts=_known_cuts(kind.none),
    ),
    "datetime": lambda kind: Scores(
        kind=kind,
        score=_datetime_score,
        all_scores=_datetime_scores,
        inline=None,
        plain_cut=_datetime_cut,
        beyond=_beyond_by_clock,
        known_cuts=_CLOCK_CUTS | _known_cuts(kind.none),
        as_stored=False,
    ),
}
_KINDS["int"] = _KINDS["timedelta"] = lambda kind: Scores(
    kind=kind,
    score=_int_score,
    all_scores=_int_scores,
    inline=f"len(raw) <= {PLAIN_DIGITS}",
    plain_cut=_int_cut,
    beyond=_beyond_by_sign,
    known_cuts=_SMALL_CUTS | _known_cuts(kind.none),
)


@lru_cache(maxsize=4096)
def scores_of(index: MappedIndex, key: Scalar) -> Scores | None:
    """How the entries of an index, for entities with such a key, are scores; None if they are not.

    They are in an `Ordered` over one field of numbers or datetimes, unless the key is of arbitrary
    bytes.
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
