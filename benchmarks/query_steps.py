"""How long one step of a query holds the server, at 300,000 entities.

    python benchmarks/query_steps.py [entities]

For each query: rows, steps (round trips), the longest step and all of them together in milliseconds
of the server, as its SLOWLOG has them, and the elapsed time. Runs on a server of its own, from the
wheel or the PATH.
"""

import random
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import redis

from redmapper import Field, Key, Lookup, Mapper, MapperRegistry, Ordered, Store

sys.path.insert(0, str(Path(__file__).parents[1] / "docs" / "examples"))
from redis_server import running_redis


@attrs.define
class User:
    """An entity of eight fields."""

    name: str
    email: str
    age: int
    city: str
    created: datetime
    bio: str
    tags: list[str]
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    name = Field[str]()
    email = Field[str]()
    age = Field[int]()
    city = Field[str]()
    created = Field[datetime]()
    bio = Field[str]()
    tags = Field[list[str]]()

    by_city = Lookup(city)
    by_tag = Lookup(tags)
    by_age = Ordered(age)
    by_created = Ordered(created)
    by_city_created = Ordered(city, created.desc())


REGISTRY = MapperRegistry(Users)

QUERIES: dict[str, Callable[[Any], Any]] = {
    "city ==, newest 20": lambda q: (
        q.where(Users.city == "c7").order_by(Users.created.desc()).limit(20).all()
    ),
    "city == and age between, newest 20": lambda q: (
        q.where(Users.city == "c7", Users.age.between(30, 44))
        .order_by(Users.created.desc())
        .limit(20)
        .all()
    ),
    "tag of half, newest 20": lambda q: (
        q.where(Users.tags.has("half")).order_by(Users.created.desc()).limit(20).all()
    ),
    "two tags, by name, 20": lambda q: (
        q.where(Users.tags.has_all(["half", "third"])).order_by(Users.name).limit(20).all()
    ),
    "tag of half, first 20 keys": lambda q: q.where(Users.tags.has("half")).limit(20).keys(),
    "count of a tag": lambda q: q.where(Users.tags.has("half")).count(),
    "count of two tags": lambda q: q.where(Users.tags.has_all(["half", "third"])).count(),
    "count of a tag and age": lambda q: q.where(
        Users.tags.has("half"), Users.age.between(30, 31)
    ).count(),
    "count of tag or age": lambda q: q.where(
        Users.tags.has("half") | (Users.age.in_([18]))
    ).count(),
    "age range, by name, 20": lambda q: (
        q.where(Users.age.between(30, 33)).order_by(Users.name).limit(20).all()
    ),
    "scan for a part of the name, first 20": lambda q: (
        q.where(Users.name.contains("999")).allow_scan().limit(20).all()
    ),
    "scan for a part of the name, count": lambda q: (
        q.where(Users.name.contains("999")).allow_scan().count()
    ),
    "all keys": lambda q: q.keys(),
    "age range, values": lambda q: q.where(Users.age.between(30, 31)).values(Users.name),
    "age range, all": lambda q: q.where(Users.age.between(30, 31)).all(),
}


def main(entities: int) -> None:
    """Fill a server, then ask."""
    with running_redis() as url, Store(REGISTRY, url, namespace="steps") as store:
        client = redis.Redis.from_url(url)
        fill(store, entities)
        client.config_set("slowlog-log-slower-than", 200)  # of scripts, not of what they call
        client.config_set("slowlog-max-len", 10_000)
        print(f"{entities:,} entities, {client.info('server')['redis_version']}")
        print(f"{'query':40}{'rows':>9}{'steps':>7}{'longest ms':>12}{'server ms':>11}{'ms':>9}")
        for name, ask in QUERIES.items():
            ask(store.query(User))
            client.slowlog_reset()
            began = time.perf_counter()
            found = ask(store.query(User))
            elapsed = (time.perf_counter() - began) * 1000
            steps = [
                each["duration"] / 1000
                for each in client.slowlog_get(10_000)
                if each["command"].startswith(b"EVALSHA")
            ]
            rows = found if isinstance(found, int) else len(found)
            print(
                f"{name:40}{rows:>9,}{len(steps):>7}{max(steps, default=0):>12.2f}"
                f"{sum(steps):>11.1f}{elapsed:>9.1f}"
            )


def fill(store: Store, entities: int) -> None:
    """Add so many entities."""
    chance = random.Random(1)
    cities = max(1, entities // 100)
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    for start in range(0, entities, 1_000):
        with store.unit() as uow:
            for at in range(start, start + 1_000):
                tags = [tag for tag, share in (("half", 2), ("third", 3)) if at % share == 0]
                created = begin + timedelta(seconds=chance.randrange(10**8))
                city = f"c{chance.randrange(cities)}"
                age = chance.randrange(18, 90)
                uow.add(User(f"n{at}", f"e{at}@x.io", age, city, created, "b" * 30, tags))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300_000)
