"""Queries of few candidates on real servers: what `few.lua` answers, and every way out of it.

Whatever answers, it is the answer of memory.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import attrs
import pytest

from accounts import Shop, shop_on
from redmapper import AsyncStore, Field, Key, Lookup, Mapper, MapperRegistry, Ordered, Store
from redmapper.strategies.lua.find import Search
from redmapper.wire import Flow, Reply
from servers import Server

MOST = 1_000
"""Candidates of a query that is answered so."""


@attrs.define
class Thing:
    """With few different numbers, so that most of them are shared."""

    note: str | None = None
    rank: int | None = 0
    size: float | None = 0.0
    kind: str = "a"
    tags: list[str] = attrs.field(factory=list)
    text: str = ""


@attrs.define
class Numbered(Thing):
    """Its key is an integer."""

    id: int = 0


@attrs.define
class Named(Thing):
    """Its key is text."""

    id: str = ""


@attrs.define
class Marked(Thing):
    """Its key is a UUID."""

    id: UUID = attrs.field(factory=lambda: UUID(int=0))


def mapper_of(domain: type, key: Key[Any]) -> type[Mapper[Any]]:
    """The same for all three."""

    class Described(Mapper[domain]):  # type: ignore[valid-type]
        id = key
        note = Field[str | None]()
        rank = Field[int | None]()
        size = Field[float | None]()
        kind = Field[str]()
        tags = Field[list[str]]()
        text = Field[str]()

        by_rank = Ordered(rank)
        by_size = Ordered(size.desc())
        by_kind = Lookup(kind)
        by_tag = Lookup(tags)
        by_text_rank = Ordered(text, rank)

    Described.__name__ = f"{domain.__name__}s"
    return Described


Numbers, Names, Marks = MAPPERS = (
    mapper_of(Numbered, Key[int]()),
    mapper_of(Named, Key[str]()),
    mapper_of(Marked, Key[UUID]()),
)
REGISTRY = MapperRegistry(*MAPPERS)
KEYS: dict[Any, Callable[[int], Any]] = {
    Numbers: lambda number: number - 20,
    Names: lambda number: ["a", "a\0", "b", "B", "ä"][number % 5] + str(number),
    Marks: lambda number: UUID(int=number * 2**120),
}
DOMAINS: dict[Any, Any] = {Numbers: Numbered, Names: Named, Marks: Marked}

mappers = pytest.mark.parametrize("mapper", MAPPERS, ids=["int", "text", "UUID"])


@pytest.fixture
def replies(monkeypatch: pytest.MonkeyPatch) -> list[Reply]:
    """What the script answered, in the order of asking."""
    heard: list[Reply] = []
    ask = Search.ask

    def noted(self: Search, *asked: Any) -> Flow[Reply]:
        reply = yield from ask(self, *asked)
        heard.append(reply)
        return reply

    monkeypatch.setattr(Search, "ask", noted)
    return heard


@attrs.define
class Both:
    """The same things on a server and in memory; queries are asked of both."""

    shop: Shop
    store: Store
    memory: Store
    replies: list[Reply]

    def add(self, things: list[Any]) -> None:
        """Store them."""
        for store in (self.store, self.memory):
            with store.unit() as unit:
                unit.add_all([attrs.evolve(each) for each in things])

    def lose(self, thing: Any) -> None:
        """Something else deletes a record, and leaves its entries."""
        kind = type(thing).__name__
        assert 1 == self.shop.client.delete(self.shop.key(f":{kind}:{thing.id}"))
        with self.memory.unit() as unit:
            unit.delete_by_key(type(thing), thing.id)

    def same(self, ask: Callable[[Any], Any], *, unit: bool = False) -> list[bool]:
        """Whether few.lua answered, step by step; the answers are the same."""
        self.replies.clear()
        if unit:
            with self.memory.unit() as mine:
                expected = ask(mine)
            with self.store.unit() as mine:
                assert expected == ask(mine)
        else:
            assert ask(self.memory) == ask(self.store)
        return [reply[0] == b"few" for reply in self.replies]


@pytest.fixture(params=[Store, AsyncStore], ids=["sync", "async"])
def both(request: pytest.FixtureRequest, server: Server, replies: list[Reply]) -> Iterator[Both]:
    """A namespace of its own on one face, and a memory."""
    with shop_on(server, request.param) as shop:
        yield Both(shop, shop.open(registry=REGISTRY), Store(REGISTRY), replies)


def things_of(mapper: Any, count: int, **said: Callable[[int], Any]) -> list[Any]:
    """So many, with these values by their numbers."""
    return [
        DOMAINS[mapper](id=KEYS[mapper](at), **{name: make(at) for name, make in said.items()})
        for at in range(count)
    ]


def mixed_things(mapper: Any, count: int = 60) -> list[Any]:
    """All of whose numbers are plain."""
    chance = random.Random(7)
    things = things_of(
        mapper,
        count,
        note=lambda at: None if at % 3 else "n",
        rank=lambda _: chance.choice([-7, 0, 3, 10, 10**14]),
        size=lambda _: chance.choice([-1e200, -0.0, 0.0, 0.1, 2.5]),
        kind=lambda _: chance.choice("aaab"),
        tags=lambda _: chance.choice([["x"], ["x", "y"], []]),
        text=lambda _: chance.choice(["", "t", "t" * 65]),
    )
    chance.shuffle(things)
    return things


def values_of(mapper: Any) -> Callable[[Any], Any]:
    """Some fields, the first of which most have not."""
    return lambda query: query.values(mapper.note, mapper.rank, mapper.text)


def verbs_of(mapper: Any) -> dict[str, Callable[[Any], Any]]:
    """Everything that is asked of a query."""
    return {
        "all": lambda query: query.all(),
        "count": lambda query: query.count(),
        "exists": lambda query: query.exists(),
        "keys": lambda query: query.keys(),
        "first": lambda query: query.first(),
        "values": values_of(mapper),
    }


VERBS = ("all", "count", "exists", "keys", "first", "values")
READING = ("all", "first", "values")
"""Those that look at records."""


# --- what it answers -------------------------------------------------------------------------


@mappers
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("unit", [False, True], ids=["store", "unit"])
def test_sets_and_scores_answer_every_verb(both: Both, mapper: Any, verb: str, *, unit: bool):
    """In any order of scores, with a limit and without, of the store and of a unit."""
    both.add(mixed_things(mapper))
    domain, ask = DOMAINS[mapper], verbs_of(mapper)[verb]
    wheres = [
        (mapper.kind == "a", mapper.rank > 0),
        (mapper.kind == "b", mapper.tags.has("x")),
        (mapper.rank.between(-7, 3), mapper.size < 0.1, mapper.size >= 0.0),
        (mapper.kind == "a", mapper.tags.has("y"), mapper.size > 0.0),
        (mapper.kind == "nothing", mapper.rank > 0),
        (mapper.rank.between(4, 9), mapper.kind == "a"),
    ]
    orders = [
        (mapper.rank,),
        (mapper.rank.desc(),),
        (mapper.rank.desc(), mapper.id),
        (mapper.size, mapper.id.desc()),
    ]
    for where, order, limit in itertools.product(wheres, orders, [None, 1, 4, 100]):
        found = both.same(
            lambda door, where=where, order=order, limit=limit: ask(
                door.query(domain).where(*where).order_by(*order).limit(limit)
            ),
            unit=unit,
        )
        assert [True] == found, (where, order, limit)


@mappers
@pytest.mark.parametrize("down", [False, True], ids=["up", "down"])
def test_ties_go_by_key(both: Both, mapper: Any, *, down: bool):
    """In the direction of the last term, wherever the rows are cut."""
    both.add(mixed_things(mapper, 40))
    ties = mapper.id.desc() if down else mapper.id.asc()
    query = [mapper.kind == "a"]
    for order, limit in itertools.product(
        [(mapper.rank, ties), (mapper.size.desc(), ties), (mapper.rank.desc(),)], range(1, 31, 3)
    ):
        found = both.same(
            lambda door, order=order, limit=limit: (
                door.query(DOMAINS[mapper]).where(*query).order_by(*order).limit(limit).keys()
            )
        )
        assert [True] == found


@mappers
def test_an_order_by_key(both: Both, mapper: Any):
    """Few.lua has that of integers; a walk has the others."""
    both.add(mixed_things(mapper))
    for order, limit, verb in itertools.product(
        [(), (mapper.id.desc(),)], [None, 1, 7], ["all", "keys"]
    ):
        found = both.same(
            lambda door, order=order, limit=limit, verb=verb: verbs_of(mapper)[verb](
                door.query(DOMAINS[mapper])
                .where(mapper.kind == "a", mapper.rank > 0)
                .order_by(*order)
                .limit(limit)
            )
        )
        assert mapper is not Numbers or [True] == found


@pytest.mark.parametrize("length", [63, 64, 65, 128, 129, 192, 200, 512, 513])
@pytest.mark.parametrize("unit", [False, True], ids=["store", "unit"])
def test_long_values_are_whole(both: Both, length: int, *, unit: bool):
    """Those of one length among those of others, whichever comes first."""
    lengths = [0, length, 64, length, 1, 200, 64]
    things = things_of(Numbers, 7, text=lambda at: str(at) * lengths[at], note=lambda at: "é" * at)
    both.add(things)
    for verb, limit in itertools.product(["all", "values", "first"], [None, 3]):
        found = both.same(
            lambda door, verb=verb, limit=limit: verbs_of(Numbers)[verb](
                door.query(Numbered).where(Numbers.kind == "a").limit(limit)
            ),
            unit=unit,
        )
        assert [True] == found


def test_a_first_field_without_a_value_is_no_record_that_is_gone(both: Both):
    """So few.lua answers, and no record is read twice."""
    both.add(mixed_things(Numbers))
    before = both.shop.calls("hmget")
    found = both.same(
        lambda door: (
            door.query(Numbered)
            .where(Numbers.kind == "a", Numbers.rank > 0)
            .order_by(Numbers.rank)
            .limit(5)
            .values(Numbers.note)
        )
    )
    assert ([True], 5) == (found, both.shop.calls("hmget") - before)


# --- the ways out ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "odd",
    [None, 10**15, -(10**14), 10**40, -(10**40)],
    ids=["none", "16 digits", "16 with the sign", "large", "below"],
)
@pytest.mark.parametrize("verb", VERBS)
def test_a_number_that_is_no_score(both: Both, odd: int | None, verb: str):
    """None is none of a range and comes first; of others only their records tell."""
    things = things_of(Numbers, 30, rank=lambda at: odd if at % 10 == 4 else at)
    both.add(things)
    ask = verbs_of(Numbers)[verb]
    few_of_test, few_of_order = set(), set()
    for limit, bound in itertools.product([None, 1, 5, 40], [0, 10**15, -(10**15)]):
        for where in (Numbers.rank > bound, Numbers.rank <= bound):
            found = both.same(
                lambda door, limit=limit, where=where: ask(
                    door.query(Numbered).where(Numbers.kind == "a", where).limit(limit)
                )
            )
            few_of_test.update(found)
        for order in (Numbers.rank.asc(), Numbers.rank.desc()):
            found = both.same(
                lambda door, limit=limit, order=order: ask(
                    door.query(Numbered).where(Numbers.kind == "a").order_by(order).limit(limit)
                )
            )
            few_of_order.update(found)
    assert True in few_of_test
    if verb not in ("count", "exists"):  # which need no order
        assert {True} == few_of_order or odd is not None


@pytest.mark.parametrize(
    ("odd", "few"),
    [(5, True), (None, True), (10**15, False), (-(10**14), False)],
    ids=["plain", "none", "above", "below"],
)
def test_what_is_not_plain_is_left_to_the_rest(both: Both, odd: int | None, *, few: bool):
    """One of the candidates is enough, for a test and for an order."""
    both.add(
        things_of(Numbers, 30, rank=lambda at: odd if at == 4 else at, kind=lambda at: "ab"[at > 9])
    )
    query = Numbers.kind == "a", Numbers.rank < 10**20
    order = Numbers.size, Numbers.id
    assert [few] == both.same(lambda door: door.query(Numbered).where(*query).all())
    for down in (Numbers.rank.asc(), Numbers.rank.desc()):
        # So many of them that to walk all in order would cost more than to put these in order.
        assert [few] == both.same(
            lambda door, down=down: (
                door.query(Numbered).where(query[0]).order_by(down).limit(10).all()
            )
        )
    assert [True] == both.same(
        lambda door: door.query(Numbered).where(query[0]).order_by(*order).limit(3).all()
    )


@mappers
@pytest.mark.parametrize("verb", READING)
@pytest.mark.parametrize("limit", [None, 1, 5, 9, 10, 11])
def test_a_record_that_something_else_has_deleted(
    both: Both, mapper: Any, verb: str, limit: int | None
):
    """Its entries are left; another row comes in its place."""
    things = things_of(mapper, 11, rank=lambda at: at // 3)
    both.add(things)
    both.lose(things[0])
    both.lose(things[4])
    by_key = mapper.id.asc(), mapper.id.desc()
    for order in (mapper.rank.asc(), mapper.rank.desc(), mapper.size.asc(), *by_key):
        found = both.same(
            lambda door, order=order: verbs_of(mapper)[verb](
                door.query(DOMAINS[mapper])
                .where(mapper.kind == "a", mapper.rank >= 0)
                .order_by(order)
                .limit(limit)
            )
        )
        assert (
            order in by_key
            or verb == "first"
            or [True] == found
            or (limit is not None and limit < 11)
        )


@mappers
@pytest.mark.parametrize("down", [False, True], ids=["up", "down"])
def test_pages_and_the_records_that_something_else_has_deleted(
    both: Both, mapper: Any, *, down: bool
):
    """In an order by key, which looks at no record: every page is full until there are no more."""
    things = things_of(mapper, 40, rank=lambda at: at % 3)
    both.add(things)
    for lost in (0, 1, 2, 17, 20, 21, 39):
        both.lose(things[lost])

    def pages(door: Any) -> list[list[Any]]:
        query = door.query(DOMAINS[mapper]).where(mapper.kind == "a", mapper.rank < 2)
        query = query.order_by(mapper.id.desc() if down else mapper.id)
        found, after = [], None
        while not found or after is not None:
            page = query.page(5, after=after)
            found.append([thing.id for thing in page.items])
            after = page.next
        return found

    both.same(pages)


@pytest.mark.parametrize("key", [10**15, -(10**14), 10**40, -(10**40), 2**53 + 1])
@pytest.mark.parametrize("down", [False, True], ids=["up", "down"])
def test_keys_of_many_digits(both: Both, key: int, *, down: bool):
    """No double tells them apart: where they are put in order by key, they are left to the rest.

    There are others, so many that to walk all keys in order would cost more.
    """
    things = things_of(Numbers, 200, rank=lambda _: 9, kind=lambda _: "z")
    things += [Numbered(id=10**5 + at, rank=at % 3) for at in range(12)]
    things += [Numbered(id=key, rank=1), Numbered(id=key - 1, rank=1), Numbered(id=-3 * 10**9)]
    both.add(things)
    by_key = Numbers.id.desc() if down else Numbers.id.asc()
    query = Numbers.kind == "a", Numbers.rank.between(0, 5)
    for limit in (1, 2, 3, 14):
        assert [False] == both.same(
            lambda door, limit=limit: (
                door.query(Numbered).where(*query).order_by(by_key).limit(limit).keys()
            )
        )
        assert [True] == both.same(
            lambda door, limit=limit: (
                door.query(Numbered).where(*query).order_by(Numbers.rank, by_key).limit(limit).all()
            )
        )


@pytest.mark.parametrize("verb", ["all", "keys", "values", "count"])
def test_just_few_enough(both: Both, verb: str):
    """One more is too many."""
    ask = verbs_of(Numbers)[verb]
    both.add(things_of(Numbers, MOST, rank=lambda at: at % 7, size=lambda at: float(at % 3)))

    def found() -> list[bool]:
        query = Numbers.kind == "a", Numbers.size > 0.5
        return both.same(
            lambda door: ask(
                door.query(Numbered)
                .where(*query, Numbers.tags.has("x"))
                .order_by(Numbers.rank.desc())
            )
        ) + both.same(
            lambda door: ask(door.query(Numbered).where(query[0]).order_by(Numbers.rank.desc()))
        )

    exactly = found()
    both.add([Numbered(id=5_000)])
    assert [True] == exactly[:1]
    if verb != "count":
        assert [True, True] == exactly
        assert [True, False] == found()[:2]


@pytest.mark.parametrize(("first", "few"), [(50, True), (2_000, False)], ids=["soon", "late"])
def test_a_walk_that_has_enough_soon(both: Both, first: int, *, few: bool):
    """However long it might be; one that has seen many without is left to the rest."""
    both.add(
        things_of(
            Numbers, 2_400, rank=lambda at: at, kind=lambda at: "ab"[not 0 <= at - first < 100]
        )
    )
    assert [few] == both.same(
        lambda door: (
            door.query(Numbered).where(Numbers.kind == "a").order_by(Numbers.rank).limit(7).all()
        )
    )[:1]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("limit", [None, 0, 3])
def test_where_there_is_nothing(both: Both, verb: str, limit: int | None):
    """Empty sets, ranges without entries and inverted ones, no entity at all."""
    ask = verbs_of(Numbers)[verb]
    wheres = [
        (Numbers.kind == "z",),
        (Numbers.kind == "z", Numbers.rank > 0),
        (Numbers.kind == "z", Numbers.tags.has("z")),
        (Numbers.kind == "a", Numbers.rank.between(9, 5)),
        (Numbers.rank.between(9, 5),),
        (Numbers.size.between(2.0, 1.0), Numbers.rank > 0),
        (Numbers.rank > 5, Numbers.rank < 3),
        (Numbers.kind == "a", Numbers.rank > 5, Numbers.rank < 3),
        (Numbers.rank > 1000, Numbers.kind == "a"),
        (Numbers.text == "z", Numbers.rank.between(5, 9)),
    ]
    for things in ([], mixed_things(Numbers)):
        both.add(things)
        for where, order in itertools.product(wheres, [(), (Numbers.rank.desc(),)]):
            both.same(
                lambda door, where=where, order=order: ask(
                    door.query(Numbered).where(*where).order_by(*order).limit(limit)
                )
            )


# --- explained -------------------------------------------------------------------------------


@mappers
@pytest.mark.parametrize("odd", [5, 10**15], ids=["few", "left to the rest"])
def test_the_way_that_is_explained_is_taken(both: Both, mapper: Any, odd: int):
    """Whoever answers."""
    both.add(
        things_of(
            mapper, 90, rank=lambda at: odd if at % 30 == 4 else at, kind=lambda at: "aab"[at % 3]
        )
    )
    wheres = [
        (mapper.kind == "a", mapper.rank > 3),
        (mapper.kind == "a", mapper.rank < 50),
        (mapper.kind == "b", mapper.rank.between(1, 80), mapper.size < 1.0),
        (mapper.text == "", mapper.kind == "b"),
    ]
    orders = [(), (mapper.rank,), (mapper.size.desc(),), (mapper.text.desc(),)]
    fews = set()
    for where, order, limit in itertools.product(wheres, orders, [None, 2, 50]):
        query = both.store.query(DOMAINS[mapper]).where(*where).order_by(*order).limit(limit)
        both.replies.clear()
        explained: Any = query.explain()
        query.all()
        (_, way, *_), (kind, taken, *_) = both.replies[:2]
        fews.add(kind == b"few")
        assert way == taken, (where, order, limit, explained)
    assert {True, False} == fews or odd == 5


@mappers
def test_far_fewer_entries_that_must_be_read_are_taken(both: Both, mapper: Any):
    """Rather than many that need not be."""
    both.add(things_of(mapper, 150, tags=lambda at: ["rare"] if at == 5 else ["x"]))
    for tag, few in (("rare", False), ("x", True)):
        where = mapper.tags.has(tag), mapper.text >= ""
        query = both.store.query(DOMAINS[mapper]).where(*where)
        explained: Any = query.explain()
        assert few == ("by_tag" not in str(explained.use))
        found = both.same(lambda door, where=where: door.query(DOMAINS[mapper]).where(*where).all())
        assert [few] == found
