"""A contestant in plain Python, which says what the answers of the others must be."""

from __future__ import annotations

import random
import traceback
from collections.abc import Iterable, Sequence
from typing import Any

from worker.people import Person
from worker.workloads import CITY_AGES, NEWEST, Bench


class Plain:
    """People in a dict."""

    def __init__(self) -> None:
        self.people: dict[int, Person] = {}

    def row(self, held: Person) -> tuple[object, ...]:
        """Its values."""
        return tuple(held)

    def insert(self, values: Person) -> None:
        """One."""
        self.people[values.id] = values

    def insert_many(self, people: Iterable[Person]) -> None:
        """Many."""
        self.people |= {each.id: each for each in people}

    def hold(self, keys: Iterable[int]) -> list[Person]:
        """Those with these keys."""
        return [self.people[key] for key in keys]

    hold_together = hold
    get_many = hold

    def release(self) -> None:
        """Nothing is held."""

    def set_age(self, held: Person, age: int) -> None:
        """Of one."""
        self.people[held.id] = held._replace(age=age)

    def set_ages(self, held: Sequence[Person], ages: Iterable[int]) -> None:
        """Of many."""
        for each, age in zip(held, ages, strict=True):
            self.set_age(each, age)

    def set_score(self, held: Person, score: float) -> None:
        """Of one."""
        self.people[held.id] = held._replace(score=score)

    def delete(self, held: Person) -> None:
        """One."""
        del self.people[held.id]

    def get(self, key: int) -> Person | None:
        """By key."""
        return self.people.get(key)

    def by_email(self, email: str) -> Person | None:
        """By email."""
        return next((each for each in self.people.values() if each.email == email), None)

    def in_city(self, city: str) -> list[Person]:
        """Of a city."""
        return [each for each in self.people.values() if each.city == city]

    def _aged(self, city: str, low: int, high: int) -> list[Person]:
        return [each for each in self.in_city(city) if low <= each.age <= high]

    def newest(self, city: str, low: int, high: int, limit: int) -> list[Person]:
        """Of a city, with an age between, latest first."""
        found = self._aged(city, low, high)
        return sorted(found, key=lambda each: each.created, reverse=True)[:limit]

    def count(self, city: str, low: int, high: int) -> int:
        """Of a city, with an age between."""
        return len(self._aged(city, low, high))


# --- the proof ---------------------------------------------------------------------------------


class Transcript:
    """Does what the workloads do, once each, and writes down what is to be seen afterwards."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.contestant = bench.contestant
        self.known = random.Random(1).sample(bench.loaded, 20)

    def of(self, workload: str) -> object:
        """What this contestant answers."""
        try:
            return getattr(self, workload.lower())()
        except Exception:  # noqa: BLE001 - an answer like others, and a wrong one
            return traceback.format_exc()

    def row(self, held: Any) -> object:
        """An entity's values, or None."""
        return held and tuple(self.contestant.row(held))

    def rows(self, held: Iterable[Any]) -> list[object]:
        """Values, in order."""
        return [*map(self.row, held)]

    def sight(self, person: Person) -> tuple[object, ...]:
        """Everything that the indexes know of a person, and so of its traces after a change."""
        contestant, ages = self.contestant, (person.age, person.age)
        return (
            self.row(contestant.get(person.id)),
            self.row(contestant.by_email(person.email)),
            sorted(self.rows(contestant.in_city(person.city))),
            contestant.count(person.city, *ages),
            self.rows(contestant.newest(person.city, *ages, 1)),
        )

    # --- reading ------------------------------------------------------------------------------

    def w3(self) -> object:
        """Some that are there."""
        return [self.row(self.contestant.get(each.id)) for each in self.known]

    def w3u(self) -> object:
        """The same."""
        get = getattr(self.contestant, "get_in_unit", self.contestant.get)
        return [self.row(get(each.id)) for each in self.known]

    def w4(self) -> object:
        """Some that are there, in one call."""
        return self.rows(self.contestant.get_many([each.id for each in self.known]))

    def w4u(self) -> object:
        """The same."""
        get = getattr(self.contestant, "get_many_in_unit", self.contestant.get_many)
        return self.rows(get([each.id for each in self.known]))

    def w5(self) -> object:
        """Of a city, in any order."""
        return [sorted(self.rows(self.contestant.in_city(each.city))) for each in self.known]

    def w6(self) -> object:
        """In order."""
        ask = self.contestant.newest
        return [self.rows(ask(each.city, *CITY_AGES, NEWEST)) for each in self.known]

    w6c = w6

    def w7(self) -> object:
        """Some that are there."""
        return [self.row(self.contestant.by_email(each.email)) for each in self.known]

    def w10(self) -> object:
        """Numbers."""
        return [self.contestant.count(each.city, *CITY_AGES) for each in self.known]

    w10c = w10

    # --- writing: each takes back what it did -------------------------------------------------

    def a3(self) -> object:
        """As w3."""
        if not hasattr(self.contestant, "get_async"):
            return self.w3()
        get = self.contestant.get_async
        return [self.row(self.bench.loop.run(get(each.id))) for each in self.known]

    def a6(self) -> object:
        """As w6."""
        if not hasattr(self.contestant, "newest_async"):
            return self.w6()
        ask = self.contestant.newest_async
        answers = [self.bench.loop.run(ask(each.city, *CITY_AGES, NEWEST)) for each in self.known]
        return [*map(self.rows, answers)]

    def a1(self) -> object:
        """As w1."""
        if not hasattr(self.contestant, "insert_async"):
            return self.w1()
        (new,) = self.bench.fresh(1)
        self.bench.loop.run(self.contestant.insert_async(new))
        return self._seen_and_deleted([new])

    def w1(self) -> object:
        """A new one can be seen everywhere."""
        (new,) = self.bench.fresh(1)
        self.contestant.insert(new)
        return self._seen_and_deleted([new])

    def w2(self) -> object:
        """So can many new ones."""
        new = self.bench.fresh(10)
        self.contestant.insert_many(new)
        return self._seen_and_deleted(new)

    def w8i(self) -> object:
        """A changed age is found, the old one is not."""
        before = self.known[0]
        now = before._replace(age=before.age + 1)
        self._set_age(before, now.age)
        seen = self.sight(before), self.sight(now)
        self._set_age(before, before.age)
        return seen

    def w8n(self) -> object:
        """A changed score is read."""
        before = self.known[1]
        self._set_score(before, before.score + 1)
        seen = self.sight(before)
        self._set_score(before, before.score)
        return seen

    def w9(self) -> object:
        """One that is deleted can be seen nowhere."""
        (new,) = self.bench.fresh(1)
        self.contestant.insert(new)
        self._delete([new])
        return self.sight(new)

    def w11(self) -> object:
        """Changed ages are found."""
        before = self.known[:10]
        self._set_ages(before, [each.age + 1 for each in before])
        seen = [self.sight(each._replace(age=each.age + 1)) for each in before]
        self._set_ages(before, [each.age for each in before])
        return seen

    def _seen_and_deleted(self, people: list[Person]) -> object:
        seen = [self.sight(each) for each in people]
        self._delete(people)
        return seen

    def _delete(self, people: list[Person]) -> None:
        for held in self.contestant.hold([each.id for each in people]):
            self.contestant.delete(held)
        self.contestant.release()

    def _set_age(self, person: Person, age: int) -> None:
        self.contestant.set_age(*self.contestant.hold([person.id]), age)
        self.contestant.release()

    def _set_score(self, person: Person, score: float) -> None:
        self.contestant.set_score(*self.contestant.hold([person.id]), score)
        self.contestant.release()

    def _set_ages(self, people: list[Person], ages: list[int]) -> None:
        held = self.contestant.hold_together([each.id for each in people])
        self.contestant.set_ages(held, ages)
        self.contestant.release()
