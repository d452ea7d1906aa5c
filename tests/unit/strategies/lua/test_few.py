"""What `few.lua` is told of which queries, with its places resolved."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redmapper import Field, Key, Lookup, Mapper, MapperRegistry, Ordered, Predicate, Unique
from redmapper.mapping.mapped import MappedClass
from redmapper.mapping.predicates import And
from redmapper.query.selection import Position, Selection
from redmapper.strategies.lua.few import FIRST_PLACE, MOST, MOST_OF_A_LIMITED
from redmapper.strategies.lua.find import Search
from redmapper.strategies.lua.keys import Keyspace
from redmapper.strategies.lua.shapes import Said, Shapes


@attrs.define
class User:
    """An entity."""

    name: str = ""
    age: int | None = None
    size: float | None = None
    team: str | None = None
    city: str | None = None
    email: str | None = None
    note: str | None = None
    tags: list[str] = attrs.field(factory=list)
    id: int | None = None


class Users(Mapper[User]):
    """Sets, scores in both directions, an order of several fields, and a field without any."""

    id = Key[int]()
    name = Field[str]()
    age = Field[int | None]()
    size = Field[float | None]()
    team = Field[str | None]()
    city = Field[str | None]()
    email = Field[str | None]()
    note = Field[str | None]()
    tags = Field[list[str]]()

    by_age = Ordered(age)
    by_size = Ordered(size.desc())
    by_team = Lookup(team)
    by_city = Lookup(city)
    by_tag = Lookup(tags)
    by_name_age = Ordered(name, age)
    by_email = Unique(email)


@attrs.define
class Word:
    """Its key is text."""

    id: str
    n: str | None = None
    rank: int = 0


class Words(Mapper[Word]):
    """With a set and scores."""

    id = Key[str]()
    n = Field[str | None]()
    rank = Field[int]()

    by_n = Lookup(n)
    by_rank = Ordered(rank)


@attrs.define
class Token:
    """Its key is a UUID."""

    id: UUID
    rank: int = 0


class Tokens(Mapper[Token]):
    """All of the same width."""

    id = Key[UUID]()
    rank = Field[int]()

    by_rank = Ordered(rank)


REGISTRY = MapperRegistry(Users, Words, Tokens)
MAPPED: MappedClass = REGISTRY.mapped(User)
SPACE = Keyspace(b"{s}")


# --- how it is read --------------------------------------------------------------------------


class Few(NamedTuple):
    """What is told, with keys and words in place of places."""

    most: int
    ways: list[list[Any]]
    tests: list[list[bytes]]
    order: list[Any]
    names: list[bytes]
    long: list[bytes]


def unpacked(data: bytes) -> Any:
    """Nested arrays of integers and short words; nothing is left over."""
    found, end = _unpacked(data, 0)
    assert len(data) == end
    return found


def _unpacked(data: bytes, at: int) -> tuple[Any, int]:
    head, at = data[at], at + 1
    if head == 0xDC:
        items, count, at = [], int.from_bytes(data[at : at + 2]), at + 2
        for _ in range(count):
            item, at = _unpacked(data, at)
            items.append(item)
        return items, at
    if head == 0xCD:
        return int.from_bytes(data[at : at + 2]), at + 2
    if 0xA0 <= head < 0xC0:
        return data[at : at + head - 0xA0].decode(), at + head - 0xA0
    assert head < 128
    return head, at


def selected(*where: Predicate, mapped: MappedClass = MAPPED, **options: Any) -> Selection:
    """A selection of all these conditions."""
    condition = where[0] if len(where) == 1 else And(where) if where else None
    return Selection(mapped, condition, **{"scan": True, **options})


def said(selection: Selection, wanted: str = "fields", shapes: Shapes | None = None) -> Said:
    """A query as it is told to the script."""
    known = Shapes() if shapes is None else shapes
    return Search(SPACE, known, selection, wanted).said


def resolved(query: Said) -> Few | None:
    """What few.lua is told of it; None if nothing."""
    assert not query.sized
    _, told, *words = query.words
    if told == b"":
        return None

    def key(place: int) -> bytes:
        return query.keys[place - 1]

    def word(place: int) -> Any:
        return words[place - FIRST_PLACE]

    most, ways, tests, order, first, last, long = unpacked(told)
    names = [word(place) for place in range(first, last + 1)]
    return Few(
        most,
        [[*way[:3], *_source(way[3], way[4:], key, word)] for way in ways],
        [[key(test[0]), *map(word, test[1:])] if test else [] for test in tests],
        [order[0], key(order[1]), order[2]] if order[1:] else order,
        names,
        [names[at - 1] for at in long],
    )


def _source(kind: str, said: Sequence[Any], key: Any, word: Any) -> list[Any]:
    if kind == "set":
        (sets,) = said
        return [kind, [key(place) for place in sets]]
    at, low, high, *more = said
    return [kind, key(at), word(low), word(high), *more]


def few(selection: Selection, wanted: str = "fields") -> Few | None:
    """What few.lua is told of a selection."""
    return resolved(said(selection, wanted))


AGES = (b"5", b"(9")
BY_AGE, BY_SIZE = b"{s}:User/by_age", b"{s}:User/by_size"
TEAM, CITY = b"{s}:User/by_team/a\0\1", b"{s}:User/by_city/b\0\1"
OF_TEAM, OF_AGES = Users.team == "a", Users.age.between(5, 9)


# --- literally -------------------------------------------------------------------------------


def test_a_set_and_a_range():
    """Either way leaves what the other one is about; the range is said as a way and as a test."""
    asked = selected(OF_TEAM, OF_AGES, fields=(b"@", b"name", b"age"))
    assert few(asked) == Few(
        most=MOST,
        ways=[
            [1, 0, [2], "set", [TEAM]],
            [2, 0, [1], "scored", BY_AGE, *AGES, 0, 0, [0]],
        ],
        tests=[[TEAM], [BY_AGE, *AGES]],
        order=[],
        names=[b"@", b"name", b"age"],
        long=[b"name", b"age"],
    )


def test_sets_meet_in_one_way():
    """And leave nothing."""
    found = few(selected(OF_TEAM, Users.city == "b"))
    assert found is not None
    assert [[1, 0, [], "set", [TEAM, CITY]]] == found.ways[:1]


def test_an_order_by_scores():
    """With a limit the set is told, and both directions: that of ties first."""
    terms = (Users.size.desc(), Users.id.asc())
    found = few(selected(OF_TEAM, terms=terms, limit=3))
    assert found is not None
    assert (MOST_OF_A_LIMITED, [0, BY_SIZE, 1]) == (found.most, found.order)
    assert [1, 0, [], "set", [TEAM]] == found.ways[0]


def test_a_walk_backward_by_scores():
    """An index that was declared to descend has its scores ascending all the same."""
    found = few(selected(terms=(Users.size.desc(),), limit=3))
    assert found is not None
    assert [[1, 1, [], "scored", BY_SIZE, b"-", b"+", 1, 0, [8]]] == found.ways


def test_a_walk_of_several_fields():
    """A range of members, whose fields have widths."""
    asked = selected(Users.name == "n", terms=(Users.age.asc(),), limit=3)
    ends = b"[n\0\1", b"(n\0\2"
    found = few(asked)
    assert found is not None
    assert [1, 1, [], "sorted", b"{s}:User/by_name_age", *ends, 0, 0, [0, 0]] in found.ways


def test_the_listing_of_all():
    """A walk of keys alone."""
    found = few(selected(limit=3))
    assert found is not None
    assert [[1, 1, [], "sorted", b"{s}:User", b"[", b"+", 0, 0, []]] == found.ways
    assert [0] == found.order


# --- which queries ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ((), [0]),
        ((Users.id.desc(),), [1]),
        ((Users.age.asc(),), [0, BY_AGE, 0]),
        ((Users.age.desc(),), [1, BY_AGE, 1]),
        ((Users.age.desc(), Users.id.asc()), [0, BY_AGE, 1]),
        ((Users.size.asc(), Users.id.desc()), [1, BY_SIZE, 0]),
    ],
    ids=["none", "by key", "scores up", "scores down", "ties up", "ties down"],
)
def test_orders_that_numbers_decide(order: Any, expected: list[Any]):
    """Told where rows are cut, as the way is no walk; else rows are put in order elsewhere."""
    limited, whole = (few(selected(OF_TEAM, terms=order, limit=each)) for each in (3, None))
    counted = few(selected(OF_TEAM, OF_AGES, terms=order, limit=3), "count")
    assert limited is not None
    assert whole is not None
    assert counted is not None
    assert [expected, [], []] == [limited.order, whole.order, counted.order]
    assert [MOST_OF_A_LIMITED, MOST, MOST] == [limited.most, whole.most, counted.most]


@pytest.mark.parametrize(
    "order",
    [
        (Users.name.asc(),),
        (Users.note.desc(),),
        (Users.age.asc(), Users.size.asc()),
        (Users.team.asc(), Users.age.asc()),
    ],
    ids=["text", "no index", "two numbers", "a set's field"],
)
def test_other_orders_are_for_walks(order: Any):
    """With a limit; without one, and counted, no order is needed."""
    limited = few(selected(OF_TEAM, OF_AGES, terms=order, limit=3))
    assert limited is None or all(walks for _, walks, *_ in limited.ways)
    assert few(selected(OF_TEAM, OF_AGES, terms=order)) is not None
    assert few(selected(OF_TEAM, OF_AGES, terms=order, limit=3), "count") is not None


@pytest.mark.parametrize(
    ("mapper", "scored"),
    [(Words, b"{s}:Word/by_rank"), (Tokens, b"{s}:Token/by_rank")],
    ids=["text", "UUID"],
)
def test_keys_that_are_no_integers_are_no_order(mapper: Any, scored: bytes):
    """They settle ties of scores, though."""
    mapped = REGISTRY.mapped(Word if mapper is Words else Token)
    by_key = few(selected(mapper.rank > 1, mapped=mapped, limit=3))
    assert by_key is None or all(walks for _, walks, *_ in by_key.ways)
    terms = (mapper.rank.asc(), mapper.id.desc())
    by_scores = few(selected(mapper.rank > 1, mapped=mapped, limit=3, terms=terms))
    assert by_scores is not None
    assert [1, scored, 0] == by_scores.order


@pytest.mark.parametrize(
    "condition",
    [
        Users.note == "x",
        Users.note.contains("x"),
        Users.age.is_none(),
        Users.age != 5,
        Users.age.in_([1, 2]),
        Users.city.in_(["a", "b"]),
        Users.tags.has_any(["a", "b"]),
        (Users.city == "b") | (Users.age > 5),
        ~(Users.city == "b"),
        ~(Users.age > 5),
        Users.name.startswith("x"),
    ],
    ids=repr,
)
def test_what_is_neither_a_set_nor_a_range_is_left_to_the_rest(condition: Predicate):
    """Such a test asks nothing, and so no way that leaves it is told."""
    found = few(selected(OF_TEAM, condition))
    ways = [] if found is None else found.ways
    assert found is None or [] in found.tests
    assert TEAM not in [key for *_, source in ways for key in source]


@pytest.mark.parametrize(
    "condition",
    [
        Users.age.in_([1, 2]),
        Users.city.in_(["a", "b"]),
        Users.tags.has_any(["a", "b"]),
        Users.age != 5,
        (Users.city == "b") | (Users.age > 5),
        Users.email == "e",
        Users.id == 5,
        Users.id.in_([1, 2]),
    ],
    ids=repr,
)
def test_several_sources_owners_and_keys_are_no_such_ways(condition: Predicate):
    """Alone they are told nothing."""
    assert few(selected(condition)) is None


@pytest.mark.parametrize(
    "options",
    [{"without": frozenset((b"1",))}, {"after": Position((), b"1"), "limit": 3}],
    ids=["pending", "a page"],
)
def test_what_leaves_rows_out_is_left_to_the_rest(options: Any):
    """The same without it is told."""
    assert few(selected(OF_TEAM, OF_AGES, **options)) is None
    assert few(selected(OF_TEAM, OF_AGES)) is not None


def test_what_is_judged_here_is_left_to_the_rest():
    """Whole records are wanted then."""
    late = Users.note.like("?" * 51)
    assert few(selected(OF_TEAM, late)) is None


def test_whole_records():
    """Have no names."""
    found = few(selected(OF_TEAM), "rows")
    assert found is not None
    assert ([], []) == (found.names, found.long)


def test_names_that_an_order_has_as_well():
    """Those of the fields wanted are meant, which stand behind those that tests and orders read."""
    mapped = REGISTRY.mapped(Word)
    asked = selected(Words.n == "a", mapped=mapped, fields=(b"rank", b"n"), limit=3)
    found = few(attrs.evolve(asked, terms=(Words.rank.asc(),)))
    assert found is not None
    assert [b"rank", b"n"] == found.names


# --- shapes ----------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"), st.integers(-(10**17), 10**17), st.floats(allow_nan=False)
        ),
        min_size=2,
        max_size=3,
    ),
    st.sampled_from([(), (Users.age.desc(),), (Users.name.asc(),)]),
    st.sampled_from([None, 3]),
    st.sampled_from(["fields", "count"]),
)
def test_queries_of_one_shape_are_told_the_same_word(
    literals: Any, order: Any, limit: int | None, wanted: str
):
    """It resolves to what each is told anew."""
    shapes, told = Shapes(), set()
    for team, age, size in literals:
        where = Users.team == team, Users.age >= age, Users.size < size
        asked = selected(*where, terms=order, limit=limit, fields=(b"@", b"name"))
        query = said(asked, wanted, shapes)
        told.add(query.words[1])
        assert few(asked, wanted) == resolved(query)
    assert (1, 1) == (len(told), len(shapes))
