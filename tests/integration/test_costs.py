"""What an operation costs in round trips and in commands that the server runs: no clock needed.

The tables are what it takes today, command by command. A change of them is a change of the price:
make it knowingly, or find out where it comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

from accounts import Account, Accounts, Shop, shop_on
from redmapper import AsyncStore, BatchReport, Store, UnitOfWork
from servers import Server

Act: TypeAlias = Callable[[UnitOfWork, list[Account]], Any]

SCRIPT = {"evalsha": 1}
RECEIPT = {"get": 1, "set": 1}
"""Looked for before a commit, and written after it."""

COSTS: dict[str, tuple[Act, dict[str, int]]] = {
    "get": (lambda unit, _: unit.get(Account, 50), {"hgetall": 1}),
    "get many": (lambda unit, _: unit.get_many(Account, range(50, 70)), {"hgetall": 20}),
    "get by": (
        lambda unit, _: unit.get_by(Accounts.by_email, "50@x"),
        SCRIPT | {"hget": 2, "hgetall": 1},  # the schema and the owner; the record
    ),
    "insert": (
        lambda unit, _: unit.add(Account("New", "new@x", ["t"], 1, 1_000)),
        # Looks at: the receipt and the sequence; the schema and the claim; the record; the set; the
        # listing and both orders. Writes: record and claim; set; listing and orders; sequence.
        SCRIPT
        | {"get": 2, "hget": 2, "exists": 1, "scard": 1, "zcard": 3}
        | {"hset": 2, "sadd": 1, "zadd": 3, "set": 2},
    ),
    "change what is indexed": (
        lambda _, mine: setattr(mine[0], "owner", "Another"),
        SCRIPT | RECEIPT | {"hget": 2, "zcard": 2, "hset": 1, "zadd": 2, "zrem": 2},
    ),
    "delete": (
        lambda unit, mine: unit.delete(mine[0]),
        SCRIPT
        | RECEIPT
        | {"hget": 2, "hexists": 1, "scard": 1, "zcard": 3}
        | {"del": 1, "hdel": 1, "srem": 1, "zrem": 3},
    ),
    "insert ten": (
        lambda unit, _: unit.add_all(
            [Account(f"N{n}", f"n{n}@x", ["t"], 1, 1_000 + n) for n in range(10)]
        ),
        # Records are written one by one; all else in as many commands as for one.
        SCRIPT
        | {"get": 2, "hget": 1, "hmget": 1, "exists": 1, "sintercard": 1, "zcard": 3}
        | {"hset": 11, "sadd": 1, "zadd": 3, "set": 2},
    ),
    "change ten": (
        lambda _, mine: [setattr(each, "owner", "Another") for each in mine],
        SCRIPT | RECEIPT | {"hget": 11, "zcard": 2, "hset": 10, "zadd": 2, "zrem": 2},
    ),
}


LOOK = SCRIPT | {"hget": 1}
"""Any query: whether the schema is the mapper's."""

QUERIES: dict[str, tuple[Callable[[Store], Any], dict[str, int]]] = {
    "all of a set": (
        lambda store: store.query(Account).where(Accounts.tags.has("all")).all(),
        LOOK | {"scard": 1, "smembers": 1, "hmget": 99},
    ),
    "a range and a set, counted": (
        lambda store: (
            store.query(Account)
            .where(Accounts.tags.has("all"), Accounts.balance.between(10, 29))
            .count()
        ),
        # The range has fewer entries; whether the set has these is asked at once.
        LOOK | {"scard": 1, "zlexcount": 1, "zrange": 1, "smismember": 1},
    ),
    "a range, counted": (
        lambda store: store.query(Account).where(Accounts.balance.between(10, 29)).count(),
        LOOK | {"zlexcount": 1},
    ),
    "a range in another order, cut": (
        lambda store: (
            store.query(Account)
            .where(Accounts.balance.between(10, 29))
            .order_by(Accounts.email)
            .limit(5)
            .all()
        ),
        LOOK | {"hget": 21, "zlexcount": 1, "zrange": 1, "hmget": 5},
    ),
    "a walk": (
        lambda store: store.query(Account).order_by(Accounts.owner).limit(5).all(),
        LOOK | {"zrange": 1, "hmget": 5},
    ),
    "a walk that filters": (
        lambda store: (
            store.query(Account)
            .where(Accounts.tags.has("all"))
            .order_by(Accounts.owner)
            .limit(5)
            .all()
        ),
        # The listing says how many of all will match.
        LOOK
        | {"scard": 1, "zcard": 1, "zlexcount": 1}
        | {"zrange": 1, "smismember": 1, "hmget": 5},
    ),
}


@pytest.fixture(params=[Store, AsyncStore], ids=["sync", "async"])
def shop(request: pytest.FixtureRequest, server: Server) -> Iterator[Shop]:
    """A namespace for one test, on one face."""
    with shop_on(server, request.param) as shop:
        yield shop


def ran(shop: Shop) -> dict[str, int]:
    """How often which command has been run so far, those of looking here and of links aside."""
    stats: dict[str, Any] = shop.client.info("commandstats")
    calls = {name.removeprefix("cmdstat_"): each["calls"] for name, each in stats.items()}
    return {name: count for name, count in calls.items() if name.split("|")[0] not in NOT_OURS}


NOT_OURS = {"info", "client", "hello", "auth", "ping", "select"}


@pytest.mark.parametrize("what", COSTS)
def test_what_is_run(shop: Shop, what: str):
    """One round trip, and these commands; scripts are known to the server by then."""
    told: list[BatchReport] = []
    store = shop.open(on_batch=told.append)
    act, expected = COSTS[what]
    warm_up(store)
    with store.unit() as unit:
        mine = unit.get_many(Account, range(1, 11))
        before = ran(shop)
        told.clear()
        act(unit, mine)
        unit.commit()
        after = ran(shop)
    assert 1 == len(told)
    assert expected == between(before, after)


@pytest.mark.parametrize("what", QUERIES)
def test_what_a_query_runs(shop: Shop, what: str):
    """One round trip as well, the first time as the second, when its shape is known."""
    told: list[BatchReport] = []
    store = shop.open(on_batch=told.append)
    ask, expected = QUERIES[what]
    warm_up(store)
    for _ in range(2):
        before = ran(shop)
        told.clear()
        ask(store)
        after = ran(shop)
        assert 1 == len(told)
        assert expected == between(before, after)


def between(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """What was run from one look to the other."""
    counts = {name: count - before.get(name, 0) for name, count in after.items()}
    return {name: count for name, count in counts.items() if count}


def warm_up(store: Store) -> None:
    """A hundred accounts, and each script sent once."""
    accounts = [Account(f"A{n}", f"{n}@x", ["all"], n, n) for n in range(1, 101)]
    store.transact(lambda unit: unit.add_all(accounts))
    store.transact(lambda unit: unit.delete(unit.require(Account, 100)))
    store.get_by(Accounts.by_email, "1@x")
    store.query(Account).count()
