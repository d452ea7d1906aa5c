"""Numbers and datetimes as scores, on real servers: pages through ties, and what stands where."""

from __future__ import annotations

import itertools
import operator
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest

from accounts import new_namespace
from redmapper import Field, Key, Mapper, MapperRegistry, Ordered, Store
from servers import Server


@attrs.define
class Item:
    """With few different numbers, so that most of them are shared."""

    id: int
    rank: int | None = None
    size: float | None = None
    made: datetime | None = None


class Items(Mapper[Item]):
    """Up and down."""

    id = Key[int]()
    rank = Field[int | None]()
    size = Field[float | None]()
    made = Field[datetime | None]()

    by_rank = Ordered(rank)
    by_size = Ordered(size.desc())
    by_made = Ordered(made.desc())


RANKS = [None, -3, 0, 7, 10**15, 10**15 + 1, -(10**20), 10**30]
SIZES = [None, 0.0, -0.0, 2.5, float("inf"), float("-inf"), 1e300]
STEP = timedelta(microseconds=1)
FIRST, PAST = datetime(1900, 1, 1), datetime(1900, 1, 1) + 9 * 10**15 * STEP
ODD = timezone(timedelta(hours=-3, microseconds=7))
CLOCKS = [datetime.min, FIRST - STEP, FIRST, datetime(2020, 1, 1), PAST - STEP, PAST, datetime.max]
TIMES = [
    *(None, *CLOCKS, *(each.replace(tzinfo=UTC) for each in CLOCKS)),
    *(each.replace(tzinfo=ODD) for each in CLOCKS),
    datetime(2020, 1, 1, tzinfo=UTC).astimezone(ODD),
]
"""Naive and aware, at both ends of those that are scores, and beyond."""

VALUES: dict[str, list[Any]] = {"rank": RANKS, "size": SIZES, "made": TIMES}


def items(chance: random.Random, count: int) -> list[Item]:
    """Of keys with different numbers of digits, below zero too."""
    keys = chance.sample(range(-count, 20 * count), count)
    return [Item(key, **{name: chance.choice(of) for name, of in VALUES.items()}) for key in keys]


@pytest.fixture
def store(server: Server) -> Iterator[Store]:
    """In a namespace of its own."""
    with Store(MapperRegistry(Items), server.url, namespace=new_namespace()) as store:
        yield store


def place(field: str, item: Item) -> tuple[int, Any, int]:
    """Where an item stands, None before all, and naive datetimes before aware ones."""
    value = getattr(item, field)
    aware = isinstance(value, datetime) and value.tzinfo is not None
    return 0 if value is None else 1 + aware, 0 if value is None else value, item.id


@pytest.mark.parametrize("down", [False, True], ids=["up", "down"])
@pytest.mark.parametrize("field", ["rank", "size", "made"])
@pytest.mark.parametrize("what", ["deletes", "changes"])
def test_a_page_begins_where_the_last_row_was(store: Store, field: str, what: str, *, down: bool):
    """Though it has gone since, or has another number: nothing is skipped, nothing comes twice."""
    chance = random.Random(f"{field} {what} {down}")
    here = {item.id: item for item in items(chance, 120)}
    with store.unit() as unit:
        unit.add_all(here.values())
    declared: Any = getattr(Items, field)
    query = store.query(Item).order_by(declared.desc() if down else declared)
    token, seen = None, None
    while True:
        page = query.page(7, after=token)
        expected = sorted(here.values(), key=lambda item: place(field, item), reverse=down)
        if seen is not None:
            behind = operator.lt if down else operator.gt
            expected = [each for each in expected if behind(place(field, each), seen)]
        assert expected[:7] == page.items
        if page.next is None:
            break
        token, last = page.next, page.items[-1]
        seen = place(field, last)
        with store.unit() as unit:
            mine = unit.require(Item, last.id)
            if what == "deletes":
                unit.delete(mine)
                del here[last.id]
            else:
                setattr(mine, field, chance.choice(VALUES[field]))
                here[last.id] = attrs.evolve(mine)


@pytest.mark.parametrize("field", ["rank", "made"])
def test_a_number_that_changes_leaves_nothing_behind(server: Server, field: str):
    """From every number to every other, None and such as are no scores among them."""
    declared: Any = getattr(Items, field)
    namespace = new_namespace()
    with (
        server.client() as client,
        Store(MapperRegistry(Items), server.url, namespace=namespace) as store,
    ):
        for before, after in itertools.product(VALUES[field], VALUES[field]):
            with store.unit() as unit:
                unit.put(Item(1, **{field: before}))
            with store.unit() as unit:
                setattr(unit.require(Item, 1), field, after)
            assert [1] == store.query(Item).order_by(declared).limit(5).keys()
            condition = declared.is_none() if after is None else declared == after
            assert [1] == store.query(Item).where(condition).keys()
            assert 1 == client.zcard(f"{{{namespace}}}:Item/by_{field}")


def test_datetimes_of_many_that_change_at_once(store: Store):
    """In one commit, all from one of them to another: what was there goes, or has another score."""
    for before, after in itertools.pairwise([*TIMES, TIMES[0]]):
        with store.unit() as unit:
            for key in range(5):
                unit.put(Item(key, made=before if key else TIMES[4]))
        with store.unit() as unit:
            for key in range(4):
                unit.require(Item, key).made = after
        here = store.get_many(Item, range(5))
        expected = sorted(here, key=lambda item: place("made", item))
        assert expected == store.query(Item).order_by(Items.made).all()


COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
}


@pytest.mark.parametrize("sign", COMPARED)
def test_a_datetime_is_compared_with_those_of_its_kind(store: Store, sign: str):
    """By ranks, and as a test: alone, beside another of the same field, and negated."""
    here = items(random.Random(sign), 200)
    with store.unit() as unit:
        unit.add_all(here)
    compare, but = COMPARED[sign], datetime(2020, 1, 1)
    ask = store.query(Item).allow_scan()
    for asked in TIMES[1:]:
        condition = compare(Items.made, asked)
        fits = {
            item.id
            for item in here
            if item.made is not None
            and (item.made.tzinfo is None) == (asked.tzinfo is None)
            and compare(item.made, asked)
        }
        assert len(fits) == ask.where(condition).count()
        assert fits == set(ask.where(condition).keys())
        ranked = {item.id for item in here if item.rank == 7}
        assert fits & ranked == set(ask.where(Items.rank == 7, condition).keys())
        assert ranked - fits == set(ask.where(Items.rank == 7, ~condition).keys())
        others = {item.id for item in here if item.made in (but, asked)}
        listed = Items.made.in_([but, asked])
        assert fits & others & ranked == set(ask.where(Items.rank == 7, condition, listed).keys())
        naive = {item.id for item in here if item.made and item.made.tzinfo is None}
        rest = fits & ranked & {item.id for item in here if item.id in naive and item.made != but}
        assert rest == set(ask.where(Items.rank == 7, condition, Items.made != but).keys())
