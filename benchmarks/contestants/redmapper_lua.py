"""redmapper with its Lua strategy, through the public API alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import attrs

from redmapper import Field, Key, Lookup, Mapper, MapperRegistry, Ordered, Store, Unique, UnitOfWork
from worker.people import Person

ABOUT = "uniqueness and conflicts checked in the commit, exactly"


@attrs.define
class User:
    """The entity."""

    id: int
    name: str
    email: str
    age: int
    city: str
    created: datetime
    score: float
    note: str


class Users(Mapper[User]):
    """Its five indexes."""

    id = Key[int]()
    name = Field[str]()
    email = Field[str]()
    age = Field[int]()
    city = Field[str]()
    created = Field[datetime]()

    by_email = Unique(email)
    by_name = Lookup(name)
    by_city = Lookup(city)
    by_age = Ordered(age)
    by_created = Ordered(created)


REGISTRY = MapperRegistry(Users)


@attrs.frozen
class Loaded:
    """A user loaded into a unit of its own, which is still open."""

    unit: UnitOfWork
    user: User


@attrs.frozen
class LoadedMany:
    """Users loaded into one unit, which is still open."""

    unit: UnitOfWork
    users: list[User]


class Contestant:
    """What the workloads ask for."""

    USERS: type[Any] = Users

    def __init__(self, store: Store) -> None:
        self.store = store
        self._open = ExitStack()

    def row(self, user: User) -> tuple[object, ...]:
        """Its values, in the order of `Person`."""
        return attrs.astuple(user)

    # --- writing ------------------------------------------------------------------------------

    def insert(self, values: Person) -> None:
        """W1."""
        with self.store.unit() as uow:
            uow.add(User(*values))

    def insert_many(self, people: Iterable[Person]) -> None:
        """W2."""
        with self.store.unit() as uow:
            uow.add_all([User(*values) for values in people])

    def hold(self, keys: Iterable[int]) -> list[Loaded]:
        """Users to be changed or deleted, each in a unit of its own."""
        loaded = []
        for key in keys:
            unit = self._open.enter_context(self.store.unit())
            loaded.append(Loaded(unit, unit.require(User, key)))
        return loaded

    def hold_together(self, keys: Sequence[int]) -> LoadedMany:
        """Users to be changed, all in one unit."""
        unit = self._open.enter_context(self.store.unit())
        users = [user for user in unit.get_many(User, keys) if user]
        return LoadedMany(unit, users)

    def release(self) -> None:
        """Forget what was held."""
        self._open.close()

    def set_age(self, held: Loaded, age: int) -> None:
        """W8, a field with an index."""
        held.user.age = age
        held.unit.commit()

    def set_score(self, held: Loaded, score: float) -> None:
        """W8, a field without."""
        held.user.score = score
        held.unit.commit()

    def set_ages(self, held: LoadedMany, ages: Iterable[int]) -> None:
        """W11."""
        for user, age in zip(held.users, ages, strict=True):
            user.age = age
        held.unit.commit()

    def delete(self, held: Loaded) -> None:
        """W9."""
        held.unit.delete(held.user)
        held.unit.commit()

    # --- reading ------------------------------------------------------------------------------

    def get(self, key: int) -> User | None:
        """W3."""
        return self.store.get(User, key)

    def get_many(self, keys: Sequence[int]) -> list[User | None]:
        """W4."""
        return self.store.get_many(User, keys)

    def get_in_unit(self, key: int) -> User | None:
        """W3, tracked in a unit of its own, which ends after it."""
        with self.store.unit() as uow:
            return uow.get(User, key)

    def get_many_in_unit(self, keys: Sequence[int]) -> list[User | None]:
        """W4, tracked in a unit of their own, which ends after it."""
        with self.store.unit() as uow:
            return uow.get_many(User, keys)

    def by_email(self, email: str) -> User | None:
        """W7."""
        return self.store.get_by(self.USERS.by_email, email)

    def in_city(self, city: str) -> list[User]:
        """W5."""
        return self.store.query(User).where(self.USERS.city == city).all()

    def newest(self, city: str, low: int, high: int, limit: int) -> list[User]:
        """W6."""
        users = self.USERS
        query = self.store.query(User).where(users.city == city, users.age.between(low, high))
        return query.order_by(users.created.desc()).limit(limit).all()

    def count(self, city: str, low: int, high: int) -> int:
        """W10."""
        users = self.USERS
        query = self.store.query(User).where(users.city == city, users.age.between(low, high))
        return query.count()


def connect(url: str) -> Contestant:
    """A contestant on the server at this URL."""
    return Contestant(Store(REGISTRY, url, namespace="shop"))
