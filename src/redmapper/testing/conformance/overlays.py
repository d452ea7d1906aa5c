"""Queries see the unit's own changes: point 41."""
# ruff: noqa: E711 - `== None` makes a condition

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from redmapper.errors import NoIndex, UnsupportedQuery, ValueRefused
from redmapper.faces.sync.unit import UnitOfWork
from redmapper.testing.conformance.entities import (
    POLICIES,
    REGISTRY,
    UNTYPED,
    Team,
    Teams,
    Traffic,
    User,
    Users,
    names,
    save,
)
from redmapper.testing.conformance.faces import OpenStore

STORED = [
    User(f"u{id_}", f"{id_}@x.io", age, tags=["even" if id_ % 2 == 0 else "odd"], id=id_)
    for id_, age in enumerate([10, 20, 20, 30, None, 40, 50, 50], start=1)
]


def change(uow: UnitOfWork) -> dict[str, User]:
    """One object of each kind of change; who is meant by which name."""
    one, two, _, four, five = uow.get_many(User, [1, 2, 3, 4, 5])
    assert one is not None
    assert two is not None
    assert four is not None
    assert five is not None
    one.age, one.tags = 45, ["even"]
    two.email = "changed@x.io"
    four.age = None
    five.age, five.name = 20, "renamed"
    uow.delete(uow.require(User, 6))
    uow.delete_by_key(User, 7)
    new = uow.add(User("new", "new@x.io", 20, tags=["odd"], id=9))
    waiting = uow.add(User("waiting", None, 50, tags=["even"]))
    put = uow.put(User("put", "put@x.io", 5, id=8))
    return {"new": new, "waiting": waiting, "put": put, "one": one, "five": five}


QUERIES: dict[str, Callable[[Any], Any]] = {
    "all": lambda query: query,
    "equality": lambda query: query.where(Users.age == 20),
    "range": lambda query: query.where(Users.age >= 40),
    "below": lambda query: query.where(Users.age < 20),
    "none": lambda query: query.where(Users.age.is_none()),
    "not none": lambda query: query.where(Users.age != None),
    "lookup": lambda query: query.where(Users.name == "renamed"),
    "lookup of old": lambda query: query.where(Users.name == "u5"),
    "has": lambda query: query.where(Users.tags.has("even")),
    "unique": lambda query: query.where(Users.email == "changed@x.io"),
    "unique of old": lambda query: query.where(Users.email == "2@x.io"),
    "unique in": lambda query: query.where(
        Users.email.in_(["2@x.io", "new@x.io", "6@x.io", "3@x.io", "8@x.io"])
    ),
    "key": lambda query: query.where(Users.id == 9),
    "key in": lambda query: query.where(Users.id.in_([1, 6, 7, 8, 9])),
    "key range": lambda query: query.where(Users.id.between(4, 8)),
    "or": lambda query: query.where((Users.age == 20) | (Users.name == "put")),
    "scan": lambda query: query.where(~(Users.age == 20)).allow_scan(),
    "by age": lambda query: query.order_by(Users.age),
    "by age descending": lambda query: query.order_by(Users.age.desc()),
    "range by age": lambda query: query.where(Users.age >= 10).order_by(Users.age.desc()),
    "by name": lambda query: query.order_by(Users.name),
    "by two": lambda query: query.order_by(Users.age.desc(), Users.name),
    "by key descending": lambda query: query.order_by(Users.id.desc()),
}


class TestOverlay:
    """What a query answers before the commit is what it answers after it."""

    @pytest.mark.parametrize("asked", QUERIES)
    def test_before_as_after_the_commit(self, open_store: OpenStore, asked: str) -> None:
        """41: added, changed and deleted objects; every window of every query."""
        store = open_store(REGISTRY)
        save(store, *map(attrs.evolve, STORED))
        windows = [(None, 0), (1, 0), (2, 1), (3, 2), (None, 3), (20, 5), (0, 0)]
        with store.unit() as uow:
            change(uow)
            query = QUERIES[asked](uow.query(User))
            before = [names(query.limit(limit).offset(offset)) for limit, offset in windows]
            counts = [query.limit(limit).offset(offset).count() for limit, offset in windows]
            first, exists = query.first(), query.exists()
            uow.commit()
            after = [names(query.limit(limit).offset(offset)) for limit, offset in windows]
            assert after == before
            assert [len(rows) for rows in after] == counts
            assert (query.first(), query.exists()) == (first, exists)
        stored = QUERIES[asked](store.query(User))
        assert after == [names(stored.limit(limit).offset(offset)) for limit, offset in windows]

    def test_the_objects_are_the_units_own(self, open_store: OpenStore) -> None:
        """41: not copies of them."""
        store = open_store(REGISTRY)
        save(store, *map(attrs.evolve, STORED))
        with store.unit() as uow:
            mine = change(uow)
            rows = uow.query(User).all()
            assert [] == [who for who, obj in mine.items() if not any(row is obj for row in rows)]
            assert mine["new"] is uow.get_by(Users.by_email, "new@x.io")
            assert mine["put"] is uow.get_by(Users.by_email, "put@x.io")
            uow.rollback()

    def test_get_by_sees_changes(self, open_store: OpenStore) -> None:
        """41: an old value leads to nobody, a new one to its object."""
        store = open_store(REGISTRY)
        save(store, *map(attrs.evolve, STORED))
        with store.unit() as uow:
            change(uow)
            found = [
                uow.get_by(Users.by_email, f"{who}@x.io")
                for who in ("2", "changed", "6", "7", "8", "put", "new", "3")
            ]
            expected = [None, "u2", None, None, None, "put", "new", "u3"]
            assert expected == names(found)
            uow.rollback()

    def test_replaced_objects(self, open_store: OpenStore) -> None:
        """17, 41: queries give the new one."""
        store = open_store(REGISTRY)
        save(store, Team("a", "A"), Team("b", "B"))
        with store.unit() as uow:
            old = uow.require(Team, "a")
            new = uow.replace(old, attrs.evolve(old, name="Z"))
            rows = uow.query(Team).order_by(Teams.name).all()
            assert ["B", "Z"] == [team.name for team in rows]
            assert rows[1] is new
            assert [] == uow.query(Team).where(Teams.name == "A").all()

    def test_a_limit_is_filled_up(self, open_store: OpenStore) -> None:
        """41: rows that this unit has deleted make room for those behind them."""
        store = open_store(REGISTRY)
        save(store, *(User(f"u{at}", age=at, id=at) for at in range(50)))
        with store.unit() as uow:
            for at in range(20):
                uow.delete_by_key(User, at)
            query = uow.query(User).order_by(Users.age)
            assert [20, 21, 22] == [user.id for user in query.limit(3)]
            assert [25, 26] == [user.id for user in query.offset(5).limit(2)]
            backwards = uow.query(User).where(Users.age < 23).order_by(Users.age.desc())
            assert [22, 21, 20] == [user.id for user in backwards.limit(5)]
            uow.rollback()

    def test_waiting_objects_stand_behind_the_others(self, open_store: OpenStore) -> None:
        """41: those that wait for a number, in the order in which they were added."""
        store = open_store(REGISTRY)
        save(store, User("stored", age=1, id=5))
        with store.unit() as uow:
            uow.add_all([User("first", age=1), User("second", age=1)])
            query = uow.query(User)
            assert ["stored", "first", "second"] == names(query)
            assert ["stored", "first", "second"] == names(query.order_by(Users.age))
            assert ["second", "first", "stored"] == names(query.order_by(Users.age.desc()))
            assert ["second", "first", "stored"] == names(query.order_by(Users.id.desc()))

    def test_the_norm_and_the_same_refusals(self, open_store: OpenStore) -> None:
        """41: what no index serves is refused, though all rows are in the unit."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            uow.add(User("Ann", city="Rome"))
            with pytest.raises(NoIndex):
                uow.query(User).where(Users.city == "Rome").all()
            with pytest.raises(UnsupportedQuery):
                uow.query(User).where(UNTYPED.age > "x").all()
            assert ["Ann"] == names(uow.query(User).where(Users.city == "Rome").allow_scan())
            uow.rollback()

    def test_a_change_that_can_not_be_stored_is_named(self, open_store: OpenStore) -> None:
        """22, 41: a query that had to judge it says which value it is."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            uow.require(User, 1).name = "\ud800"
            with pytest.raises(ValueRefused, match=r"User\(1\)\.name"):
                uow.query(User).where(Users.age == 7).all()
            uow.rollback()

    def test_stored_reads_leave_pending_changes_out(self, open_store: OpenStore) -> None:
        """41: `reads="stored"` switches it off."""
        store = open_store(REGISTRY)
        save(store, *map(attrs.evolve, STORED))
        with store.unit(reads="stored") as uow:
            change(uow)
            assert [user.id for user in STORED] == [user.id for user in store.query(User)]
            assert [1, 2, 3, 4, 5, 6, 7, 8] == [user.id for user in uow.query(User)]
            assert 8 == uow.query(User).count()
            assert [2, 3] == [user.id for user in uow.query(User).where(Users.age == 20)]
            assert 0 == uow.query(User).where(Users.name == "new").count()
            uow.rollback()

    def test_an_unknown_way_to_read(self, open_store: OpenStore) -> None:
        """ValueError names the option and what there is."""
        store = open_store(REGISTRY)
        with pytest.raises(ValueError, match="stored"):
            store.unit(reads="dirty")

    @pytest.mark.parametrize("policy", POLICIES)
    @pytest.mark.parametrize("seed", range(4))
    def test_random_changes(self, open_store: OpenStore, policy: str, seed: int) -> None:
        """41: any mixture of them, held against the answer after the commit."""
        chance = random.Random(seed)  # noqa: S311 - no secret
        store = open_store(POLICIES[policy])
        save(store, *(_random_user(chance, id_) for id_ in range(30)))
        with store.unit() as uow:
            for user in uow.query(User).limit(20).all():
                _disturb(chance, uow, user)
            for id_ in range(20, 40):
                if chance.random() < 0.5:
                    uow.put(_random_user(chance, id_))
            uow.add_all(_random_user(chance, id_) for id_ in range(50, 55))
            before = {asked: names(ask(uow.query(User))) for asked, ask in QUERIES.items()}
            uow.commit()
            after = {asked: names(ask(uow.query(User))) for asked, ask in QUERIES.items()}
            assert after == before
        stored = {asked: names(ask(store.query(User))) for asked, ask in QUERIES.items()}
        assert stored == after

    def test_queries_need_one_round_trip_still(self, open_store: OpenStore) -> None:
        """41: changes are merged here."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, *map(attrs.evolve, STORED))
        with store.unit() as uow:
            change(uow)
            for asked in ("all", "range", "has", "by age", "range by age"):
                traffic.begin()
                QUERIES[asked](uow.query(User)).limit(3).all()
                traffic.expect(1)
            uow.rollback()


def _random_user(chance: random.Random, id_: int) -> User:
    ages: list[int | None] = [None, 10, 20, 30, 40, 50]
    tags = chance.sample(["even", "odd", "other"], chance.randint(0, 2))
    name = chance.choice(["put", "renamed", "u5", f"u{id_}"]) + f"-{id_}"
    return User(name, None, chance.choice(ages), tags=tags, id=id_)


def _disturb(chance: random.Random, uow: UnitOfWork, user: User) -> None:
    """Nothing, or one of the things that a unit can do to an object."""
    what = chance.randint(0, 5)
    if what == 0:
        uow.delete(user)
    elif what == 1:
        user.age = chance.choice([None, 10, 20, 50])
    elif what == 2:
        user.tags = ["even"]
    elif what == 3:
        uow.replace(user, attrs.evolve(user, name=f"u5-{user.id}", age=20))
    elif what == 4:
        uow.delete(user)
        uow.add(_random_user(chance, user.id or 0))
