"""Queries over more rows than one step reads: memory held against Lua, pending changes among them.

The state machine has few entities; here are some thousands, so that answers are put together from
several steps, walked forwards and backwards, cut, counted and merged with what a unit has pending.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import REGISTRY, Account, Accounts, shop_on
from redmapper import RedmapperError, Store, UnitOfWork
from servers import Server

ROWS = 2_600
"""More than twice what one step reads."""

OWNERS = ["", "A", "a", "aa", "b", "b\0", "ä", "z" * 100]
TAGS = ["all", "half", "few", "one", "none"]
LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"


def population() -> list[Account]:
    """The same accounts each time; values that many share, and values of one."""
    chance = random.Random(1)
    keys = [*range(-300, ROWS - 600), *range(10**20, 10**20 + 300)]
    chance.shuffle(keys)
    return [
        Account(
            owner=chance.choice(OWNERS),
            email=f"{key}@x" if key % 3 else None,
            tags=[
                tag
                for tag, share in zip(TAGS, (1, 2, 50, 1_000, ROWS * 10), strict=True)
                if place % share == 0
            ],
            balance=chance.choice([0, -5, 7, 2**70, place]),
            id=key,
        )
        for place, key in enumerate(keys)
    ]


PREDICATES: dict[str, Callable[[Any], Any]] = {
    "owner ==": lambda value: Accounts.owner == OWNERS[value % len(OWNERS)],
    "owner <": lambda value: Accounts.owner < OWNERS[value % len(OWNERS)],
    "owner >=": lambda value: Accounts.owner >= OWNERS[value % len(OWNERS)],
    "owner startswith": lambda value: Accounts.owner.startswith(OWNERS[value % 6]),
    "owner in": lambda value: Accounts.owner.in_(OWNERS[: value % 5]),
    "owner !=": lambda value: Accounts.owner != OWNERS[value % len(OWNERS)],
    "balance ==": lambda value: Accounts.balance == value,
    "balance between": lambda value: Accounts.balance.between(-value, 2 * value),
    "balance >": lambda value: Accounts.balance > value,
    "balance <=": lambda value: Accounts.balance <= value,
    "has": lambda value: Accounts.tags.has(TAGS[value % len(TAGS)]),
    "has any": lambda value: Accounts.tags.has_any(TAGS[value % 4 :]),
    "has all": lambda value: Accounts.tags.has_all(TAGS[: value % 4]),
    "email contains": lambda value: Accounts.email.contains(str(value)),
    "owner like": lambda value: Accounts.owner.like(["?", "a*", "*b?"][value % 3]),
    "email ==": lambda value: Accounts.email == f"{value}@x",
    "email in": lambda value: Accounts.email.in_([f"{each}@x" for each in range(value)]),
    "email is none": lambda _: Accounts.email.is_none(),
    "id ==": lambda value: Accounts.id == value,
    "id in": lambda value: Accounts.id.in_(range(-value, value)),
    "id >": lambda value: Accounts.id > value,
    "id between": lambda value: Accounts.id.between(-value, value),
}
ORDERS: dict[str, list[Any]] = {
    "none": [],
    "id": [Accounts.id],
    "id desc": [Accounts.id.desc()],
    "owner": [Accounts.owner],
    "owner desc": [Accounts.owner.desc()],
    "balance desc, owner": [Accounts.balance.desc(), Accounts.owner],
    "balance, owner desc": [Accounts.balance, Accounts.owner.desc()],
    "balance": [Accounts.balance],
    "owner, balance": [Accounts.owner, Accounts.balance],
    "balance desc, id": [Accounts.balance.desc(), Accounts.id],
}
COMBINATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "&": lambda one, two: one & two,
    "|": lambda one, two: one | two,
    "& ~": lambda one, two: one & ~two,
    "| ~": lambda one, two: one | ~two,
}
AMOUNTS = [0, 1, 3, 7, 400, 999, 1_000, 1_001, 2_000, ROWS - 1, ROWS, ROWS + 1]


@attrs.frozen
class Asked:
    """A query, by its parts' names."""

    predicates: list[tuple[str, int]]
    combination: str
    order: str
    limit: int | None
    offset: int
    scan: bool
    verb: str

    def of(self, door: Store | UnitOfWork) -> Any:
        """What the query gives, in words that are the same everywhere."""
        query = door.query(Account).limit(self.limit).offset(self.offset)
        query = query.order_by(*ORDERS[self.order])
        if self.predicates:
            first, *others = [PREDICATES[name](value) for name, value in self.predicates]
            for other in others:
                first = COMBINATIONS[self.combination](first, other)
            query = query.where(first)
        try:
            found = getattr(query.allow_scan() if self.scan else query, self.verb)()
        except RedmapperError as error:
            return type(error), str(error)
        if self.verb == "all":
            return [attrs.astuple(each) for each in found]
        return found


asked = st.builds(
    Asked,
    st.lists(st.tuples(st.sampled_from(sorted(PREDICATES)), st.sampled_from(AMOUNTS)), max_size=3),
    st.sampled_from(sorted(COMBINATIONS)),
    st.sampled_from(sorted(ORDERS)),
    st.one_of(st.none(), st.sampled_from(AMOUNTS)),
    st.sampled_from([0, 0, *AMOUNTS]),
    st.booleans(),
    st.sampled_from(["all", "all", "count", "first", "keys", "exists"]),
)


@attrs.frozen
class Doors:
    """The same entities in memory and on a server: stores, and units with changes pending."""

    stores: tuple[Store, Store]
    units: tuple[UnitOfWork, UnitOfWork]


def change(unit: UnitOfWork) -> None:
    """Leave changes of every sort pending: more of some than a small limit."""
    for key in range(0, 60, 2):
        unit.require(Account, key).owner = "b"
        unit.require(Account, key).tags.append("none")
    for key in range(100, 140):
        unit.delete_by_key(Account, key)
    for key in range(150, 160):
        unit.delete(unit.require(Account, key))
    for key in range(200, 210):
        unit.require(Account, key).balance = 2**71
        unit.require(Account, key).email = None
    unit.add_all([Account("a", f"new{key}@x", ["few"], 7, 10**30 + key) for key in range(20)])
    unit.add_all([Account("b", None, ["one"]) for _ in range(5)])
    unit.put(Account("aa", None, [], 0, 300))


@pytest.fixture(scope="module")
def doors(server: Server) -> Iterator[Doors]:
    """Both worlds, filled alike."""
    with ExitStack() as closing:
        shop = closing.enter_context(shop_on(server))
        stores = (Store(REGISTRY), shop.open())
        units = []
        for store in stores:
            with store.unit() as unit:
                unit.add_all(population())
            unit = store.unit(commit="explicit")
            unit.__enter__()
            change(unit)
            closing.callback(unit.rollback)
            units.append(unit)
        yield Doors(stores, tuple(units))


@settings(
    max_examples=2_000 if LONG else 60,
    derandomize=not LONG,
    suppress_health_check=list(HealthCheck),
)
@given(query=asked, pending=st.booleans())
def test_memory_and_lua_answer_alike(doors: Doors, query: Asked, *, pending: bool):
    """Any query over thousands of rows, with and without pending changes, gives the same rows."""
    in_memory, on_server = doors.units if pending else doors.stores
    assert query.of(in_memory) == query.of(on_server)


@pytest.mark.parametrize(
    ("first", "count", "pending"), [(1_500, 8_500, False), (10**9, 2_500, True)]
)
def test_very_many_given_keys(doors: Doors, first: int, count: int, *, pending: bool):
    """More than a step judges or Lua unpacks; those that nobody has count for nothing."""

    def answers(door: Any) -> list[Any]:
        query = door.query(Account).where(Accounts.id.in_(range(first, first + count)))
        return [query.count(), query.exists(), query.limit(7).all()]

    in_memory, on_server = doors.units if pending else doors.stores
    assert answers(in_memory) == answers(on_server)
