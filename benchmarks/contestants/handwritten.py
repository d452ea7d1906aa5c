"""The client that a good engineer writes in an afternoon: redis-py, hiredis, pipelines, attrs.

A hash a user, a hash email -> id, a set a name and a city, a sorted set each for age and created.
An insert claims its email with HSETNX inside the transaction and takes everything back when the
email had an owner. Changes and deletes trust what was loaded: no check that nobody else wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import attrs
import redis

from worker.people import Person

ABOUT = "redis-py pipelines in MULTI/EXEC; no conflict checks"
FIELDS = ("name", "email", "age", "city", "created", "score", "note")


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


class EmailTaken(Exception):
    """Somebody else has this email."""


class Users:
    """Users in Redis."""

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(url)

    # --- writing ------------------------------------------------------------------------------

    def insert_many(self, users: Sequence[User]) -> None:
        """Write them, their indexes and their claims, in one transaction and one round trip."""
        pipe = self.client.pipeline()
        for user in users:
            queue_insert(pipe, user)
        claimed = pipe.execute()[::COMMANDS_OF_INSERT]
        if not all(claimed):
            self.take_back(users, claimed)
            raise EmailTaken

    def take_back(self, users: Sequence[User], claimed: Iterable[int]) -> None:
        """Remove users of whom some have an email that was somebody else's."""
        pipe = self.client.pipeline()
        for user, own in zip(users, claimed, strict=True):
            _unindex(pipe, user)
            if own:
                pipe.hdel("email", user.email)
        pipe.execute()

    def save_age(self, user: User) -> None:
        """Write a changed age."""
        pipe = self.client.pipeline()
        pipe.hset(f"user:{user.id}", "age", user.age)
        pipe.zadd("age", {user.id: user.age})
        pipe.execute()

    def save_ages(self, users: Iterable[User]) -> None:
        """Write the changed ages of many, in one transaction."""
        pipe = self.client.pipeline()
        for user in users:
            pipe.hset(f"user:{user.id}", "age", user.age)
            pipe.zadd("age", {user.id: user.age})
        pipe.execute()

    def save_score(self, user: User) -> None:
        """Write a changed score, which no index has."""
        self.client.hset(f"user:{user.id}", "score", user.score)

    def delete(self, user: User) -> None:
        """Remove one, its indexes and its claim."""
        pipe = self.client.pipeline()
        _unindex(pipe, user)
        pipe.hdel("email", user.email)
        pipe.execute()

    # --- reading ------------------------------------------------------------------------------

    def get(self, key: int) -> User | None:
        """The user with this id, or None."""
        return user_of(key, self.client.hmget(f"user:{key}", FIELDS))

    def get_many(self, keys: Iterable[int]) -> list[User | None]:
        """Users by id, in one round trip."""
        keys = list(keys)
        pipe = self.client.pipeline(transaction=False)
        for key in keys:
            pipe.hmget(f"user:{key}", FIELDS)
        return list(map(user_of, keys, pipe.execute()))

    def by_email(self, email: str) -> User | None:
        """The owner of an email."""
        key = self.client.hget("email", email)
        return None if key is None else self.get(int(key))

    def in_city(self, city: str) -> list[User | None]:
        """All users of a city."""
        return self.get_many(map(int, self.client.smembers(f"city:{city}")))

    def newest(self, city: str, low: int, high: int, limit: int) -> list[User | None]:
        """Users of a city with an age between, the newest of them, latest first."""
        pipe = self.client.pipeline()
        queue_newest(pipe, city, low, high, limit)
        return self.get_many(map(int, pipe.execute()[-2]))

    def count(self, city: str, low: int, high: int) -> int:
        """How many users of a city have an age between."""
        pipe = self.client.pipeline()
        _aged_in_city(pipe, city, low, high)
        pipe.zcard("temporary")
        pipe.delete("temporary")
        return int(pipe.execute()[-2])


COMMANDS_OF_INSERT = 6


def queue_insert(pipe: Any, user: User) -> None:
    """Put the commands of an insert into a pipeline; the first claims the email."""
    key = user.id
    pipe.hsetnx("email", user.email, key)
    pipe.hset(
        f"user:{key}",
        items=[
            *("name", user.name),
            *("email", user.email),
            *("age", user.age),
            *("city", user.city),
            *("created", user.created.isoformat()),
            *("score", user.score),
            *("note", user.note),
        ],
    )
    pipe.sadd(f"name:{user.name}", key)
    pipe.sadd(f"city:{user.city}", key)
    pipe.zadd("age", {key: user.age})
    pipe.zadd("created", {key: user.created.timestamp()})


def queue_newest(pipe: Any, city: str, low: int, high: int, limit: int) -> None:
    """Put the commands of `newest` into a pipeline; the last but one answers the keys."""
    _aged_in_city(pipe, city, low, high)
    pipe.zinterstore("temporary", {"temporary": 0, "created": 1})
    pipe.zrevrange("temporary", 0, limit - 1)
    pipe.delete("temporary")


def _unindex(pipe: Any, user: User) -> None:
    key = user.id
    pipe.delete(f"user:{key}")
    pipe.srem(f"name:{user.name}", key)
    pipe.srem(f"city:{user.city}", key)
    pipe.zrem("age", key)
    pipe.zrem("created", key)


def _aged_in_city(pipe: Any, city: str, low: int, high: int) -> None:
    """Leave those of the city with an age between in the sorted set `temporary`."""
    pipe.zinterstore("temporary", {"age": 1, f"city:{city}": 0})
    pipe.zremrangebyscore("temporary", "-inf", f"({low}")
    pipe.zremrangebyscore("temporary", f"({high}", "+inf")


def user_of(key: int, stored: Sequence[bytes | None]) -> User | None:
    """The user of the values of `FIELDS`, or None where there is none."""
    name, email, age, city, created, score, note = stored
    if email is None:
        return None
    return User(
        key,
        name.decode(),
        email.decode(),
        int(age),
        city.decode(),
        datetime.fromisoformat(created.decode()),
        float(score),
        note.decode(),
    )


class Contestant:
    """What the workloads ask for."""

    def __init__(self, users: Any) -> None:
        self.users = users
        self.get = users.get
        self.get_many = users.get_many
        self.by_email = users.by_email
        self.in_city = users.in_city
        self.newest = users.newest
        self.count = users.count
        self.delete = users.delete

    def row(self, user: User) -> tuple[object, ...]:
        """Its values, in the order of `Person`."""
        return attrs.astuple(user)

    def insert(self, values: Person) -> None:
        """W1."""
        self.users.insert_many([User(*values)])

    def insert_many(self, people: Iterable[Person]) -> None:
        """W2."""
        self.users.insert_many([User(*values) for values in people])

    def hold(self, keys: Iterable[int]) -> list[User]:
        """Users to be changed or deleted."""
        return [user for user in self.get_many(keys) if user]

    hold_together = hold

    def release(self) -> None:
        """Nothing is held."""

    def set_age(self, user: User, age: int) -> None:
        """W8, a field with an index."""
        user.age = age
        self.users.save_age(user)

    def set_score(self, user: User, score: float) -> None:
        """W8, a field without."""
        user.score = score
        self.users.save_score(user)

    def set_ages(self, held: Sequence[User], ages: Iterable[int]) -> None:
        """W11."""
        for user, age in zip(held, ages, strict=True):
            user.age = age
        self.users.save_ages(held)


def connect(url: str) -> Contestant:
    """A contestant on the server at this URL."""
    return Contestant(Users(url))
