"""redis-om: pydantic models as hashes, indexed by the search module, which its server has loaded.

It can not enforce uniqueness and checks no conflicts; a change writes the whole entity.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from redis_om import Field, HashModel, Migrator, NotFoundError, get_redis_connection

from worker.people import Person

ABOUT = "the search module's indexes; no uniqueness, no conflict checks"


class User(HashModel, index=True):
    """The entity and its indexes."""

    id: int = Field(primary_key=True)
    name: str = Field(index=True)
    email: str = Field(index=True)
    age: int = Field(index=True)
    city: str = Field(index=True)
    created: datetime = Field(index=True, sortable=True)
    score: float
    note: str


class Contestant:
    """What the workloads ask for."""

    def row(self, user: User) -> tuple[object, ...]:
        """Its values, in the order of `Person`; times are read as UTC, whatever was written."""
        created = user.created.replace(tzinfo=None)
        return (
            int(user.id),
            user.name,
            user.email,
            user.age,
            user.city,
            created,
            user.score,
            user.note,
        )

    def insert(self, values: Person) -> None:
        """W1."""
        _new(values).save()

    def insert_many(self, people: Iterable[Person]) -> None:
        """W2: a pipeline, not a transaction."""
        User.add([_new(values) for values in people])

    def hold(self, keys: Iterable[int]) -> list[User]:
        """Users to be changed or deleted."""
        return [*map(User.get, keys)]

    hold_together = hold

    def release(self) -> None:
        """Nothing is held."""

    def set_age(self, user: User, age: int) -> None:
        """W8, a field with an index."""
        user.age = age
        user.save()

    def set_score(self, user: User, score: float) -> None:
        """W8, a field without."""
        user.score = score
        user.save()

    def set_ages(self, held: Sequence[User], ages: Iterable[int]) -> None:
        """W11: a pipeline, not a transaction."""
        for user, age in zip(held, ages, strict=True):
            user.age = age
        User.add(held)

    def delete(self, user: User) -> None:
        """W9."""
        User.delete(user.id)

    def get(self, key: int) -> User | None:
        """W3."""
        try:
            return User.get(key)
        except NotFoundError:
            return None

    def get_many(self, keys: Iterable[int]) -> list[User]:
        """W4: one after the other; redis-om has no way to read many by key."""
        return [*map(User.get, keys)]

    def by_email(self, email: str) -> User | None:
        """W7."""
        try:
            return User.find(User.email == email).first()
        except NotFoundError:
            return None

    def in_city(self, city: str) -> list[User]:
        """W5."""
        return User.find(User.city == city).all()

    def newest(self, city: str, low: int, high: int, limit: int) -> list[User]:
        """W6."""
        return _aged(city, low, high).sort_by("-created").page(0, limit)

    def count(self, city: str, low: int, high: int) -> int:
        """W10."""
        return _aged(city, low, high).count()


def _new(values: Person) -> User:
    return User(**values._asdict())


def _aged(city: str, low: int, high: int) -> Any:
    return User.find((User.city == city) & (User.age >= low) & (User.age <= high))


def connect(url: str) -> Contestant:
    """A contestant on the server at this URL."""
    User.Meta.database = get_redis_connection(url=url)
    Migrator().run()
    return Contestant()
