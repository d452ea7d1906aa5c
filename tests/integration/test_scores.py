"""Numbers as scores, on real servers: pages through many ties, and what stands where."""

from __future__ import annotations

import itertools
import operator
import random
from collections.abc import Iterator
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


class Items(Mapper[Item]):
    """Up and down."""

    id = Key[int]()
    rank = Field[int | None]()
    size = Field[float | None]()

    by_rank = Ordered(rank)
    by_size = Ordered(size.desc())


RANKS = [None, -3, 0, 7, 10**15, 10**15 + 1, -(10**20), 10**30]
SIZES = [None, 0.0, -0.0, 2.5, float("inf"), float("-inf"), 1e300]


def items(chance: random.Random, count: int) -> list[Item]:
    """Of keys with different numbers of digits, below zero too."""
    keys = chance.sample(range(-count, 20 * count), count)
    return [Item(key, chance.choice(RANKS), chance.choice(SIZES)) for key in keys]


@pytest.fixture
def store(server: Server) -> Iterator[Store]:
    """In a namespace of its own."""
    with Store(MapperRegistry(Items), server.url, namespace=new_namespace()) as store:
        yield store


def place(field: str, item: Item) -> tuple[bool, float, int]:
    """Where an item stands, None before all."""
    value = getattr(item, field)
    return value is not None, 0 if value is None else value, item.id


@pytest.mark.parametrize("down", [False, True], ids=["up", "down"])
@pytest.mark.parametrize("field", ["rank", "size"])
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
                setattr(mine, field, chance.choice(RANKS if field == "rank" else SIZES))
                here[last.id] = attrs.evolve(mine)


def test_a_number_that_changes_leaves_nothing_behind(server: Server):
    """From every number to every other, None and such as are no scores among them."""
    namespace = new_namespace()
    with (
        server.client() as client,
        Store(MapperRegistry(Items), server.url, namespace=namespace) as store,
    ):
        for before, after in itertools.product(RANKS, RANKS):
            with store.unit() as unit:
                unit.put(Item(1, before))
            with store.unit() as unit:
                unit.require(Item, 1).rank = after
            assert [1] == store.query(Item).order_by(Items.rank).limit(5).keys()
            condition = Items.rank.is_none() if after is None else Items.rank == after
            assert [1] == store.query(Item).where(condition).keys()
            assert 1 == client.zcard(f"{{{namespace}}}:Item/by_rank")
