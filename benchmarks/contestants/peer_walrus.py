"""walrus: a small active-record mapper; every container operation is a round trip.

No uniqueness and no conflict check; a change is a delete and an insert.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import walrus
from walrus.query import Executor

from worker.people import Person

ABOUT = "no uniqueness, nothing atomic"
BATCH = 20  # entities a step of W2 and W11: they go one by one, whatever the number
NAMES = Person._fields


def model_on(url: str) -> type[Any]:
    """The entity and its indexes, bound to a server as walrus wants it."""

    class User(walrus.Model):
        __database__ = walrus.Database.from_url(url)

        id = walrus.IntegerField(primary_key=True)
        name = walrus.TextField(index=True)
        email = walrus.TextField(index=True)
        age = walrus.IntegerField(index=True)
        city = walrus.TextField(index=True)
        created = walrus.DateTimeField(index=True)
        score = walrus.FloatField()
        note = walrus.TextField()

    return User


class Contestant:
    """What the workloads ask for."""

    def __init__(self, model: type[Any]) -> None:
        self.model = model

    def row(self, user: Any) -> tuple[object, ...]:
        """Its values, in the order of `Person`."""
        return tuple(getattr(user, name) for name in NAMES)

    def insert(self, values: Person) -> None:
        """W1."""
        self.model.create(**values._asdict())

    def insert_many(self, people: Iterable[Person]) -> None:
        """W2: one after the other; walrus has no way to write many at once."""
        for values in people:
            self.insert(values)

    def hold(self, keys: Iterable[int]) -> list[Any]:
        """Users to be changed or deleted."""
        return [*map(self.model.load, keys)]

    hold_together = hold

    def release(self) -> None:
        """Nothing is held."""

    def set_age(self, user: Any, age: int) -> None:
        """W8, a field with an index."""
        user.age = age
        user.save()

    def set_score(self, user: Any, score: float) -> None:
        """W8, a field without."""
        user.score = score
        user.save()

    def set_ages(self, held: Sequence[Any], ages: Iterable[int]) -> None:
        """W11: one after the other."""
        for user, age in zip(held, ages, strict=True):
            self.set_age(user, age)

    def delete(self, user: Any) -> None:
        """W9."""
        user.delete()

    def get(self, key: int) -> Any | None:
        """W3."""
        try:
            return self.model.load(key)
        except KeyError:
            return None

    def get_many(self, keys: Iterable[int]) -> list[Any]:
        """W4: one after the other; walrus has no way to read many at once."""
        return [*map(self.model.load, keys)]

    def by_email(self, email: str) -> Any | None:
        """W7."""
        try:
            return self.model.get(self.model.email == email)
        except ValueError:
            return None

    def in_city(self, city: str) -> list[Any]:
        """W5."""
        return [*self.model.query(self.model.city == city)]

    def newest(self, city: str, low: int, high: int, limit: int) -> list[Any]:
        """W6: the order by SORT, the limit in Python."""
        found = self.model.query(self._aged(city, low, high), self.model.created.desc())
        return [*islice(found, limit)]

    def count(self, city: str, low: int, high: int) -> int:
        """W10: of the set that the query leaves; walrus has no verb for it."""
        executor = Executor(self.model.__database__)
        return len(executor.execute(self._aged(city, low, high)))

    def _aged(self, city: str, low: int, high: int) -> Any:
        return (self.model.city == city) & self.model.age.between(low, high)


def connect(url: str) -> Contestant:
    """A contestant on the server at this URL."""
    return Contestant(model_on(url))
