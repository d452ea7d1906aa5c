"""The call of a commit of one entity, told by a generated function.

A commit of one says in words which owners, sets and members of sorted sets come and go. A call for
each index costs more than what it does; so what all indexes that a write touches come to is spelled
out in one function, from the stored bytes to the call of `commit_one.lua`, which says what its
words mean.

The source is plain Python, and kept on the function as `source`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from redmapper.mapping.columns import Column
from redmapper.mapping.entries import EntryValues
from redmapper.mapping.inline import (
    Terms,
    generated,
    indented,
    liat_of,
    lines_of,
    member_of,
    names_of,
    raw_of_one,
    value_of,
)
from redmapper.strategies.lua.pieces import LAST, NAMES, listed, same, word
from redmapper.strategies.lua.scores import Scores
from redmapper.wire import Packed

Tell: TypeAlias = Callable[..., Packed]
"""`tell(lane, key, version, base, record, fields, gone, number)`, all as bytes.

The entity goes from the record `base` to `record`, None: there is none. `version` is the one that
it must have (b"": it must be absent), `fields` are written to its hash, `gone` are the names of
those that go from there, and `number` is what the sequence must reach (b"": nothing). Raises
ValueError where there is too much of something: each count is a byte. At the end it takes `leads`,
and raises IndexError where one is missing (see `pieces`).
"""


class Owned(NamedTuple):
    """A `Unique`: the key of its owners, its terms, and whether None is a value like others."""

    key: bytes
    terms: Terms
    nulls: bool


class SortedSet(NamedTuple):
    """An `Ordered`, or the listing: its key, its terms, and whether its one number is a score."""

    key: bytes
    terms: Terms
    scores: Scores | None = None

    @property
    def number(self) -> Column:
        """The column of a number that is a score."""
        return self.terms[0][0]


class Held(NamedTuple):
    """The indexes that a write touches.

    Of each the key, or what the keys of its sets begin with, and its terms. In place of them a set
    of a collection, of which an entity may be in `several`, has the function that gives its values.
    """

    sets: Sequence[tuple[bytes, Terms]]
    several: Sequence[tuple[bytes, EntryValues]]
    sorted: Sequence[SortedSet]
    owned: Sequence[Owned] = ()

    @property
    def columns(self) -> list[Column]:
        """The columns that have encoded values, but for those of the collections and the owned."""
        members = [each.terms for each in self.sorted if not each.scores]
        return _columns([*[terms for _, terms in self.sets], *members])

    @property
    def names(self) -> dict[str, Any]:
        """What lines about them call."""
        several = {f"several_{at}": values for at, (_, values) in enumerate(self.several)}
        scores = {at: each.scores for at, each in enumerate(self.sorted) if each.scores}
        ones = {f"score_{at}": each.score for at, each in scores.items()}
        entries = {f"entry_{at}": each.entry for at, each in scores.items()}
        columns = {f"entries_{at}": each.entries for at, each in scores.items()}
        return names_of(self.columns) | several | ones | entries | columns


def _columns(indexes: Iterable[Terms]) -> list[Column]:
    return list({column.name: column for terms in indexes for column, _ in terms}.values())


def generate_tell(held: Held, named: Mapping[str, Any], *, changes: bool) -> Tell:
    """Write, compile and keep the function: for changes, or for all that comes or goes.

    `named` has what is the same in all calls for a mapper: the `SCRIPT`; the keys `SCHEMA`,
    `LISTING` and `SEQUENCE`, and `RECORDS`, which those of its records begin with; the words that
    name the mapper as `NAMED`; and the function `tail_of`, which gives what members end in, of a
    key.
    """
    names = held.names | names_of(_every_column(held)) | NAMES | {**named}
    names["Packed"] = Packed
    tell: Tell = generated("tell", _lines(held, named, changes=changes), names)
    return tell


def _every_column(held: Held) -> list[Column]:
    """Those of the owned, too."""
    owned = _columns([each.terms for each in held.owned])
    return list(dict.fromkeys([*owned, *held.columns]))


def _lines(held: Held, named: Mapping[str, Any], *, changes: bool) -> Iterator[str]:
    yield "def tell(lane, key, version, base, record, fields, gone, number, leads=LEADS):"
    indexed = held.sorted or held.sets or held.several
    yield f"    tail = {'tail_of(key)' if indexed else repr(b'')}"
    yield from indented(liat_of(each.terms for each in held.sorted if not each.scores))
    if changes:
        yield from indented(_change(held, named))
    else:
        yield "    if base is None:"
        yield from indented(indented(_move(held, named, "record", _COMES)))
        yield from indented(_move(held, named, "base", _GOES))


# --- what comes or goes, as a whole ----------------------------------------------------------


class _Way(NamedTuple):
    """What comes or goes: its words, "" for none, and how sets are counted.

    Of what is owned there is a `claim` or none, of a sorted set a member and its score.
    """

    claim: Callable[[str], str]
    entry: Callable[[str, str | bytes], list[bytes | str]]
    sets: str


NO_SCORE = b"0"
"""The score of members that say all by themselves."""

_COMES = _Way(
    claim=lambda claim: f"leads[len({claim})] + {claim} + {same(b'')!r}",
    entry=lambda member, score: [word(member), _word(score), same(b"")],
    sets="{}, 0",
)
_GOES = _Way(
    claim=lambda claim: f"{same(b'')!r} + leads[len({claim})] + {claim}",
    entry=lambda member, _: [same(b"", b""), word(member)],
    sets="0, {}",
)


def _word(said: str | bytes) -> bytes | str:
    """A word that is the same each time, or has a name."""
    return same(said) if isinstance(said, bytes) else word(said)


def _move(held: Held, named: Mapping[str, Any], record: str, way: _Way) -> Iterator[str]:
    """What comes or goes in all indexes."""
    yield from lines_of(_every_column(held), record, "value")
    yield from _numbers(held, record, "value")
    keys: list[bytes | str] = []
    words: list[bytes | str] = []
    for at, each in enumerate(held.owned):
        yield f"claim_{at} = {value_of(each.terms, 'value')}"
        yield f"owned_{at} = {_has_value(each, record)}"
        keys.append(f"{same(each.key)!r} * owned_{at}")
        words.append(f"({way.claim(f'claim_{at}')}) * owned_{at}")
    for at, (head, terms) in enumerate(held.sets):
        yield f"set_{at} = {head!r} + {value_of(terms, 'value')}"
        keys.append(word(f"set_{at}"))
    for at, (head, _) in enumerate(held.several):
        yield f"all_{at} = [{head!r} + value for value in several_{at}({record})]"
        each_word = f"for word in all_{at} for piece in ({word('word')})"
        keys.append(f"*[piece {each_word}]")
    keys += [same(each.key) for each in held.sorted]
    for at, (member, score) in enumerate(_entries(held, "value")):
        yield f"member_{at} = {member}"
        words += way.entry(f"member_{at}", score)
    owned = [f"owned_{at}" for at in range(len(held.owned))]
    several = [f"len(all_{at})" for at in range(len(held.several))]
    yield f"owners = {' + '.join(owned) or '0'}"
    yield f"sets, moved = {' + '.join([str(len(held.sets)), *several])}, {len(held.sorted)}"
    yield f"counts = bytes((owners, {way.sets.format('sets')}, moved, 0))"
    yield from _call(named, keys, words)


def _has_value(owned: Owned, record: str) -> str:
    """Whether a record has a value there that can have an owner."""
    if owned.nulls:
        return "True"
    return " and ".join(f"{column.stored!r} in {record}" for column, _ in owned.terms)


# --- what changes ----------------------------------------------------------------------------


def _change(held: Held, named: Mapping[str, Any]) -> Iterator[str]:
    """What moves from one record to the other."""
    columns = _every_column(held)
    for record, told in (("base", "old"), ("record", "new")):
        yield from lines_of(columns, record, told)
        yield from _numbers(held, record, told)
    yield "keys, words, added, removed, owners, moved = [], [], [], [], 0, 0"
    for each in held.owned:
        yield f"comes = {value_of(each.terms, 'new')} if {_has_value(each, 'record')} else b''"
        yield f"goes = {value_of(each.terms, 'old')} if {_has_value(each, 'base')} else b''"
        yield "if comes != goes:"
        yield f"    keys.append({same(each.key)!r})"
        yield f"    words += ({word('comes')}, {word('goes')})"
        yield "    owners += 1"
    yield from _changed_sets(held)
    yield from _moved_entries(held)
    yield "sets = len(added) + len(removed)"
    yield "counts = bytes((owners, len(added), len(removed), moved, len(gone)))"
    yield from _call(named, ["*keys"], ["*words"])


def _moved_entries(held: Held) -> Iterator[str]:
    """The sorted sets in which something moves; one whose score alone does need not go before."""
    news, olds = _entries(held, "new"), _entries(held, "old")
    for each, (new, score), (old, was) in zip(held.sorted, news, olds, strict=True):
        yield f"comes, goes = {new}, {old}"
        other = f" or {score!s} != {was!s}" if each.scores else ""
        yield f"if comes != goes{other}:"
        yield f"    keys.append({same(each.key)!r})"
        yield "    if comes == goes: goes = b''"
        yield f"    words += {listed([word('comes'), _word(score), word('goes')])}"
        yield "    moved += 1"


def _numbers(held: Held, record: str, told: str) -> Iterator[str]:
    """The lines that make the entries whose numbers are scores."""
    for at, each in enumerate(held.sorted):
        if not each.scores:
            continue
        score, plain = "raw", each.scores.inline
        if plain is None:
            score, plain = "score", f"(score := score_{at}(raw)) is not None"
        yield f"get = {record}.get"
        yield f"raw = {raw_of_one(each.number)}"
        yield f"{', '.join(_entry_names(at, told))} = ("
        yield f"    (tail, {score}) if raw is not None and {plain} else entry_{at}(raw, tail)"
        yield ")"


def _entry_names(at: int, told: str) -> tuple[str, str]:
    """The names of such an entry's member and score; those of attributes begin with `told`."""
    return f"member_{at}_{told}", f"score_{at}_{told}"


def _entries(held: Held, told: str) -> Iterator[tuple[str, str | bytes]]:
    """The expression of the member in each sorted set, and the name of its score, or itself."""
    for at, each in enumerate(held.sorted):
        yield _entry_names(at, told) if each.scores else (member_of(each.terms, told), NO_SCORE)


def _changed_sets(held: Held) -> Iterator[str]:
    """The sets that get the key, and then those that lose it."""
    if not held.sets and not held.several:
        return
    for head, terms in held.sets:
        yield f"after, before = {value_of(terms, 'new')}, {value_of(terms, 'old')}"
        yield "if after != before:"
        yield f"    added.append({head!r} + after)"
        yield f"    removed.append({head!r} + before)"
    for at, (head, _) in enumerate(held.several):
        yield f"after, before = several_{at}(record), several_{at}(base)"
        yield f"added += [{head!r} + each for each in after if each not in before]"
        yield f"removed += [{head!r} + each for each in before if each not in after]"
    yield f"for each in (*added, *removed): keys += ({word('each')})"


# --- the call --------------------------------------------------------------------------------


def _call(
    named: Mapping[str, Any], keys: Iterable[bytes | str], words: Iterable[bytes | str]
) -> Iterator[str]:
    """The last lines: all of it, with the pieces of these keys, and of these words behind `counts`.

    There are so many `owners`, `sets` and `moved` members of sorted sets.
    """
    yield f"keys_in_all = {_FIRST_KEYS} + owners + sets + moved + (1 if number else 0)"
    yield f"words_in_all = {_OTHER_WORDS} + keys_in_all + 2 * owners + 3 * moved + len(gone)"
    yield "lane_key, stored, unit_id = lane.key, RECORDS + key, lane.unit_id.encode()"
    yield "nth, count = b'%d' % lane.number, b'%d' % keys_in_all"
    pieces = [
        "b'*%d' % (words_in_all + 2 * len(fields))",
        same("EVALSHA", named["SCRIPT"].sha),
        *map(word, ("count", "lane_key")),
        same(named["SCHEMA"], named["LISTING"]),
        word("stored"),
        *keys,
        f"{same(named['SEQUENCE'])!r} if number else b''",
        *map(word, ("nth", "unit_id")),
        same(*named["NAMED"]),
        *map(word, ("key", "tail", "version", "number", "counts")),
        *words,
    ]
    yield f"pieces = {listed(pieces)}"
    yield f"for name in gone: pieces += ({word('name')})"
    yield "for name, value in fields.items():"
    yield f"    pieces += ({word('name')}, {word('value')})"
    yield f"pieces.append({LAST!r})"
    yield "return Packed(b''.join(pieces), keys_in_all, SCRIPT)"


_FIRST_KEYS = len(("lane", "schema", "listing", "record"))
_OTHER_WORDS = sum(
    (
        len(("EVALSHA", "digest", "number of keys")),
        len(("number", "unit id", "minutes", "mapper", "fingerprint")),
        len(("key", "tail", "version", "number to reach", "counts")),
    )
)
