"""rom: an active-record mapper whose writes are one Lua script each.

Its session caches what was loaded; it is switched off here (`use_null_session`), so that every read
asks the server. It takes keys from a sequence of its own, one round trip each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import redis
import rom
import rom.util

from worker.people import Person

ABOUT = "uniqueness and changed columns checked in a script, an entity a script"
BATCH = 100  # entities a step of W2 and W11: they go one by one, whatever the number
NAMES = Person._fields


class User(rom.Model):
    """The entity and its indexes."""

    name = rom.Text(index=True, keygen=rom.IDENTITY)
    email = rom.Text(unique=True)
    age = rom.Integer(index=True)
    city = rom.Text(index=True, keygen=rom.IDENTITY)
    created = rom.DateTime(index=True)
    score = rom.Float()
    note = rom.Text()


class Contestant:
    """What the workloads ask for."""

    def row(self, user: User) -> tuple[object, ...]:
        """Its values, in the order of `Person`."""
        return tuple(getattr(user, name) for name in NAMES)

    def insert(self, values: Person) -> None:
        """W1."""
        _new(values).save()

    def insert_many(self, people: Iterable[Person]) -> None:
        """W2: one after the other; rom has no way to write many at once."""
        rom.session.save([_new(values) for values in people])

    def hold(self, keys: Sequence[int]) -> list[User]:
        """Users to be changed or deleted."""
        return User.get(keys)

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
        """W11: one after the other, as the session does."""
        for user, age in zip(held, ages, strict=True):
            user.age = age
        rom.session.save(held)

    def delete(self, user: User) -> None:
        """W9."""
        user.delete()

    def get(self, key: int) -> User | None:
        """W3."""
        return User.get(key)

    def get_many(self, keys: Sequence[int]) -> list[User]:
        """W4."""
        return User.get(keys)

    def by_email(self, email: str) -> User | None:
        """W7."""
        return User.get_by(email=email)

    def in_city(self, city: str) -> list[User]:
        """W5."""
        return User.query.filter(city=city).all()

    def newest(self, city: str, low: int, high: int, limit: int) -> list[User]:
        """W6."""
        query = User.query.filter(city=city).filter(age=(low, high))
        return query.order_by("-created").limit(0, limit).all()

    def count(self, city: str, low: int, high: int) -> int:
        """W10."""
        return User.query.filter(city=city).filter(age=(low, high)).count()


def _new(values: Person) -> User:
    """A user; its key comes from the server at once."""
    _, name, email, age, city, created, score, note = values
    return User(name=name, email=email, age=age, city=city, created=created, score=score, note=note)


def connect(url: str) -> Contestant:
    """A contestant on the server at this URL."""
    rom.util.CONNECTION = redis.Redis.from_url(url)
    rom.util.use_null_session()
    return Contestant()
