"""Which ways `find.lua` is told, and which of them it may go without a look at a record."""

from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from told import Told, ToldWay, told_ways

from redmapper import Field, Key, Lookup, Mapper, MapperRegistry, Ordered, Predicate, Unique
from redmapper.mapping.mapped import MappedClass
from redmapper.mapping.predicates import And
from redmapper.query.selection import Position, Selection
from redmapper.strategies.lua.conditions import SCORED
from redmapper.strategies.lua.find import Search
from redmapper.strategies.lua.keys import Keyspace
from redmapper.strategies.lua.shapes import Said, Shapes
from redmapper.strategies.lua.ways import BARE
from redmapper.wire import HEAD, as_bytes, keys_of


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


def selected(*where: Predicate, mapped: MappedClass = MAPPED, **options: Any) -> Selection:
    """A selection of all these conditions."""
    condition = where[0] if len(where) == 1 else And(where) if where else None
    return Selection(mapped, condition, **{"scan": True, **options})


HEADER = 10


def said(selection: Selection, wanted: str = "fields") -> Said:
    """A query as it is told to the script."""
    search = Search(SPACE, Shapes(), selection, wanted)
    command = search.command
    keys = keys_of(command)
    return Said(keys, [*command.words[HEAD + len(keys) + HEADER :]], search.known)


def resolved(query: Said) -> Told:
    """What is told of its ways."""
    assert not query.known.sized
    return told_ways(query.keys, [*range(10), *query.words])


def sent(selection: Selection, wanted: str, shapes: Shapes) -> tuple[list[bytes], list[bytes]]:
    """The keys and the arguments of the first call, at once where that is known."""
    command = Search(SPACE, shapes, selection, wanted).command
    keys = keys_of(command)
    return keys, [as_bytes(word) for word in command.words[HEAD + len(keys) :]]


def told(selection: Selection, wanted: str = "fields") -> Told:
    """What is told of the ways of a selection."""
    return resolved(said(selection, wanted))


def paths(found: Told) -> list[Any]:
    """Those of the short ways."""
    return [way.path for way in found.short]


AGES = (b"5", b"(9")
BY_AGE, BY_SIZE = b"{s}:User/by_age", b"{s}:User/by_size"
TEAM, CITY = b"{s}:User/by_team/a\0\1", b"{s}:User/by_city/b\0\1"
OF_TEAM, OF_AGES = Users.team == "a", Users.age.between(5, 9)


# --- literally -------------------------------------------------------------------------------


def test_a_set_and_a_range():
    """Either way leaves what the other one is about; the range is said as a way and as a test."""
    asked = selected(OF_TEAM, OF_AGES, fields=(b"@", b"name", b"age"))
    ages = ["scored", 2, BY_AGE, *AGES, 0, 0, [0]]
    assert told(asked) == Told(
        ways=[
            ToldWay(0, 1, BARE + SCORED, [1], [2], 1, ["set", 1, b"0", [TEAM]]),
            ToldWay(0, 1, BARE, [2], [1], 1, ages),
        ],
        tests=[[TEAM], [BY_AGE, *AGES]],
        order=[0],
        by_key_alone=1,
        names=[b"@", b"name", b"age"],
        long=[b"name", b"age"],
        left_out=0,
    )


def test_a_word_of_a_way_and_a_test_is_said_once():
    """Both are told the same place, so a literal is spelled once."""
    words = said(selected(OF_TEAM, OF_AGES)).words
    assert [1, 1] == [words.count(cut) for cut in AGES]


def test_sets_meet_in_one_way():
    """And leave nothing."""
    found = told(selected(OF_TEAM, Users.city == "b"))
    assert ["set", 1, b"0", [TEAM, CITY]] == found.ways[0].path
    assert ([1, 2], []) == (found.ways[0].covers, found.ways[0].left)


def test_an_order_by_scores():
    """The set is told, and both directions: that of ties first."""
    terms = (Users.size.desc(), Users.id.asc())
    found = told(selected(OF_TEAM, terms=terms, limit=3))
    assert ([0, BY_SIZE, 1], 0) == (found.order, found.by_key_alone)
    assert ["set", 1, b"0", [TEAM]] in paths(found)


def test_an_order_of_all_names_no_set():
    """The client puts all rows in order, so the script needs no key for it."""
    terms = (Users.size.desc(),)
    assert BY_SIZE in said(selected(OF_TEAM, terms=terms, limit=3)).keys
    assert BY_SIZE not in said(selected(OF_TEAM, terms=terms)).keys


def test_a_walk_backward_by_scores():
    """An index that was declared to descend has its scores ascending all the same."""
    found = told(selected(terms=(Users.size.desc(),), limit=3))
    assert [["scored", 1, BY_SIZE, b"-", b"+", 1, 0, [8]]] == paths(found)


def test_a_walk_of_several_fields():
    """A range of members, whose fields have widths."""
    asked = selected(Users.name == "n", terms=(Users.age.asc(),), limit=3)
    ends = b"[n\0\1", b"(n\0\2"
    assert ["sorted", 1, b"{s}:User/by_name_age", *ends, 0, 0, [0, 0]] in paths(told(asked))


def test_the_listing_of_all():
    """A walk of keys alone."""
    found = told(selected(limit=3))
    assert [["sorted", 1, b"{s}:User", b"[", b"+", 0, 0, []]] == paths(found)
    assert ([0], 1) == (found.order, found.by_key_alone)


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
    """A way that has not the order is short, as rows are put in order by these."""
    found = told(selected(OF_TEAM, terms=order, limit=3))
    assert expected == found.order
    assert ["set", 1, b"0", [TEAM]] in paths(found)


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
    limited = told(selected(OF_TEAM, OF_AGES, terms=order, limit=3))
    assert all(way.walks for way in limited.short)
    assert [] == limited.order
    assert told(selected(OF_TEAM, OF_AGES, terms=order)).short
    assert told(selected(OF_TEAM, OF_AGES, terms=order, limit=3), "count").short


@pytest.mark.parametrize(
    ("mapper", "scored"),
    [(Words, b"{s}:Word/by_rank"), (Tokens, b"{s}:Token/by_rank")],
    ids=["text", "UUID"],
)
def test_keys_that_are_no_integers_are_no_order(mapper: Any, scored: bytes):
    """They settle ties of scores, though."""
    mapped = REGISTRY.mapped(Word if mapper is Words else Token)
    by_key = told(selected(mapper.rank > 1, mapped=mapped, limit=3))
    assert all(way.walks for way in by_key.short)
    terms = (mapper.rank.asc(), mapper.id.desc())
    by_scores = told(selected(mapper.rank > 1, mapped=mapped, limit=3, terms=terms))
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
def test_a_way_that_leaves_neither_a_set_nor_a_range_is_long(condition: Predicate):
    """Such a test asks nothing of entries."""
    found = told(selected(OF_TEAM, condition))
    assert [] in found.tests
    assert ["set", 1, b"0", [TEAM]] not in paths(found)


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
def test_ways_to_several_sources_owners_and_keys_are_long(condition: Predicate):
    """Even if they leave nothing."""
    assert [] == [way for way in told(selected(condition)).short if way.covers]


def test_a_list_of_words_is_told_by_its_place():
    """However long it is: of owners, of keys."""
    found = told(selected(Users.email.in_(["e", "f"])))
    assert ["owners", 1, b"{s}:User/by_email", b"e\0\1", b"f\0\1"] == found.ways[0].path
    found = told(selected(Users.id.in_([5, 6, 7])))
    assert ["keys", 1, b"5", b"6", b"7"] == found.ways[0].path


@pytest.mark.parametrize("count", [200, 300, 3_000])
def test_many_places_are_told(count: int):
    """Those that are no byte, too."""
    asked = selected(Users.city.in_([f"{number}" for number in range(count)]), OF_TEAM)
    word, sets = next(way.path for way in told(asked).ways if len(way.path) == 2)
    cities = [b"{s}:User/by_city/%d\0\1" % number for number in range(count)]
    assert ("any", sorted(cities)) == (word, sorted(keys[0] for _, _, _, keys in sets))


def test_sides_that_say_the_same_are_told_apart():
    """Their words stand twice, each list in its own place."""
    two, one = Users.email.in_(["e", "f"]), Users.email.in_(["f"])
    (way,) = told(selected(two | one)).ways
    word, (first, second) = way.path
    assert ("any", [b"e\0\1", b"f\0\1"], [b"f\0\1"]) == (word, first[3:], second[3:])


def test_no_way_is_short_where_keys_are_left_out():
    """A unit's own changes come in their place."""
    found = told(selected(OF_TEAM, OF_AGES, without=frozenset((b"1", b"2"))))
    assert ([], 2) == (found.short, found.left_out)


def test_behind_a_row_only_walks_are_short():
    """They begin there; all else would have to be put in order with it."""
    asked = selected(OF_TEAM, terms=(Users.age.asc(),), limit=3)
    found = told(attrs.evolve(asked, after=Position((b"7",), b"1")))
    assert [["scored", 2, BY_AGE, b">7 \x811", b"+", 0, 0, [0]]] == paths(found)


def test_no_way_is_short_where_python_judges():
    """Whole records are wanted then."""
    assert [] == told(selected(OF_TEAM, Users.note.like("?" * 51))).short


def test_whole_records():
    """Have no names."""
    found = told(selected(OF_TEAM), "rows")
    assert ([], []) == (found.names, found.long)


def test_names_that_an_order_has_as_well():
    """Those of the fields wanted are meant, which stand behind those that tests and orders read."""
    mapped = REGISTRY.mapped(Word)
    asked = selected(Words.n == "a", mapped=mapped, fields=(b"rank", b"n"), limit=3)
    found = told(attrs.evolve(asked, terms=(Words.rank.asc(),)))
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
    shapes, said_once = Shapes(), set()
    for team, age, size in literals:
        where = Users.team == team, Users.age >= age, Users.size < size
        asked = selected(*where, terms=order, limit=limit, fields=(b"@", b"name"))
        keys, arguments = sent(asked, wanted, shapes)
        said_once.add(arguments[11])
        assert told(asked, wanted) == told_ways(keys, arguments)
    assert (1, 1) == (len(said_once), len(shapes))
