"""The words of a commit of one entity, told by a generated function.

A commit of one says in words which owners, sets and members of sorted sets come and go. A call for
each index costs more than what it does; so what all indexes that a write touches come to is spelled
out in one function, from the stored bytes to the words of the call of `commit_one.lua`, which says
what they mean.

The source is plain Python, and kept on the function as `source`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
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
from redmapper.strategies.lua.scores import Scores

Words: TypeAlias = Callable[..., tuple[bytes, ...]]
"""`words(lane, key, version, base, record, fields, gone, number)`, those of a call, all as bytes.

The entity goes from the record `base` to `record`, None: there is none. `version` is the one that
it must have (b"": it must be absent), `fields` are written to its hash, `gone` are the names of
those that go from there, and `number` is what the sequence must reach (b"": nothing). Raises
ValueError where there is too much of something: each count is a byte.
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


def generate_words(held: Held, named: Mapping[str, Any], *, changes: bool) -> Words:
    """Write, compile and keep the function: for changes, or for all that comes or goes.

    `named` has what is the same in all calls for a mapper: the first words as `HEAD`; the keys
    `SCHEMA`, `LISTING` and `SEQUENCE`, and `RECORDS`, which those of its records begin with; the
    words that name the mapper as `NAMED`; and the function `tail_of`, which gives what members end
    in, of a key.
    """
    names = held.names | names_of(_every_column(held)) | {**named, "pairs": chain.from_iterable}
    words: Words = generated("words", _lines(held, changes=changes), names)
    return words


def _every_column(held: Held) -> list[Column]:
    """Those of the owned, too."""
    owned = _columns([each.terms for each in held.owned])
    return list(dict.fromkeys([*owned, *held.columns]))


def _lines(held: Held, *, changes: bool) -> Iterator[str]:
    yield "def words(lane, key, version, base, record, fields, gone, number):"
    indexed = held.sorted or held.sets or held.several
    yield f"    tail = {'tail_of(key)' if indexed else repr(b'')}"
    yield from indented(liat_of(each.terms for each in held.sorted if not each.scores))
    if changes:
        yield from indented(_change(held))
    else:
        yield "    if base is None:"
        yield from indented(indented(_move(held, "record", _COMES)))
        yield from indented(_move(held, "base", _GOES))


class _Way(NamedTuple):
    """What comes or goes: where it stands among its words, and how the sets are counted."""

    pair: str
    entry: str
    sets: str


_COMES = _Way("{}, b''", "{member}, {score}, b''", "{}, 0")
_GOES = _Way("b'', {}", "b'', b'', {member}", "0, {}")

NO_SCORE = b"0"
"""The score of members that say all by themselves."""

_FIRST = "lane.key, SCHEMA, LISTING, RECORDS + key"


def _call(counts: str, words: Iterable[str]) -> Iterator[str]:
    """The last lines: the whole call, with these words behind the counts."""
    yield "if number:"
    yield "    keys.append(SEQUENCE)"
    told = ", ".join((f"bytes(({counts}))", *words))
    yield "return (*HEAD, b'%d' % len(keys), *keys, b'%d' % lane.number, lane.unit_id.encode(),"
    yield f"    *NAMED, key, tail, version, number, {told}, *pairs(fields.items()))"


def _move(held: Held, record: str, way: _Way) -> Iterator[str]:
    """What comes or goes in all indexes."""
    yield from lines_of(_every_column(held), record, "value")
    yield from _numbers(held, record, "value")
    keys, words, owners, sets = [_FIRST], [], ["0"], [str(len(held.sets))]
    for at, each in enumerate(held.owned):
        pair = way.pair.format(value_of(each.terms, "value"))
        yield f"owned_{at} = {_has_value(each, record)}"
        keys.append(f"*({each.key!r},) * owned_{at}")
        words.append(f"*({pair}) * owned_{at}")
        owners.append(f"owned_{at}")
    keys += [f"{head!r} + {value_of(terms, 'value')}" for head, terms in held.sets]
    for at, (head, _) in enumerate(held.several):
        yield f"all_{at} = [{head!r} + value for value in several_{at}({record})]"
        keys.append(f"*all_{at}")
        sets.append(f"len(all_{at})")
    keys += [repr(each.key) for each in held.sorted]
    words += [way.entry.format(**entry) for entry in _entries(held, "value")]
    yield f"keys = [{', '.join(keys)}]"
    counts = f"{' + '.join(owners)}, {way.sets.format(' + '.join(sets))}, {len(held.sorted)}, 0"
    yield from _call(counts, words)


def _has_value(owned: Owned, record: str) -> str:
    """Whether a record has a value there that can have an owner."""
    if owned.nulls:
        return "True"
    return " and ".join(f"{column.stored!r} in {record}" for column, _ in owned.terms)


def _change(held: Held) -> Iterator[str]:
    """What moves from one record to the other."""
    columns = _every_column(held)
    for record, told in (("base", "old"), ("record", "new")):
        yield from lines_of(columns, record, told)
        yield from _numbers(held, record, told)
    yield f"keys, words, added, removed, moved = [{_FIRST}], [], [], [], 0"
    for each in held.owned:
        yield f"comes = {value_of(each.terms, 'new')} if {_has_value(each, 'record')} else b''"
        yield f"goes = {value_of(each.terms, 'old')} if {_has_value(each, 'base')} else b''"
        yield "if comes != goes:"
        yield f"    keys.append({each.key!r})"
        yield "    words += (comes, goes)"
    yield "owners = len(keys) - 4"
    yield from _changed_sets(held)
    yield from _moved_entries(held)
    yield from _call("owners, len(added), len(removed), moved, len(gone)", ("*words", "*gone"))


def _moved_entries(held: Held) -> Iterator[str]:
    """The sorted sets in which something moves; one whose score alone does need not go before."""
    news, olds = _entries(held, "new"), _entries(held, "old")
    for each, new, old in zip(held.sorted, news, olds, strict=True):
        yield f"comes, goes = {new['member']}, {old['member']}"
        other = f" or {new['score']} != {old['score']}" if each.scores else ""
        yield f"if comes != goes{other}:"
        yield f"    keys.append({each.key!r})"
        yield f"    words += (comes, {new['score']}, goes if comes != goes else b'')"
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


def _entries(held: Held, told: str) -> Iterator[dict[str, str]]:
    """The expressions of the member and the score in each sorted set."""
    for at, each in enumerate(held.sorted):
        if each.scores:
            member, score = _entry_names(at, told)
            yield {"member": member, "score": score}
        else:
            yield {"member": member_of(each.terms, told), "score": repr(NO_SCORE)}


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
    yield "keys += added"
    yield "keys += removed"
