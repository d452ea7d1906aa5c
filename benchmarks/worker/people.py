"""The users of all benchmarks, as plain values: the same for the same number, whoever asks.

Every contestant runs in an environment of its own, so this needs only the standard library.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import NamedTuple

CITIES = 100
AGES = (18, 90)
BEGINNING = datetime(2020, 1, 1)  # noqa: DTZ001 - a naive one is as good here
NOTE = ("lorem ipsum dolor " * 7)[:118]


class Person(NamedTuple):
    """The values of one user, in the order of the attributes that every contestant declares."""

    id: int
    name: str
    email: str
    age: int
    city: str
    created: datetime
    score: float
    note: str


def person(number: int, *, names: int | None = None) -> Person:
    """The user of this number; of `names` different names, or one of its own."""
    chance = random.Random(number)
    named = chance.randrange(names) if names else number
    return Person(
        id=number,
        name=f"Name{named} Surname{named % 1000}",
        email=f"user{number}@example.com",
        age=chance.randint(*AGES),
        city=f"city{number % CITIES}",
        created=BEGINNING + timedelta(seconds=chance.randrange(10**8)),
        score=chance.random() * 100,
        note=NOTE,
    )


def people(first: int, count: int, *, names: int | None = None) -> list[Person]:
    """So many users, from this number on."""
    return [person(number, names=names) for number in range(first, first + count)]
