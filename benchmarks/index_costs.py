"""What each kind of index costs, in memory and in writes: the figures of docs/how-to/indexes.md.

    python benchmarks/index_costs.py [entities]

For each index: bytes of the server an entity (MEMORY USAGE of what it keeps), and CPU of client and
server together for adding an entity, in units of 1,000. Both beside a mapper without indexes. CPU,
unlike elapsed time, hardly depends on what else the machine does. Runs on a server of its own.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import redis

from redmapper import Computed, Field, Key, Lookup, Mapper, MapperRegistry, Ordered, Store, Unique

sys.path.insert(0, str(Path(__file__).parents[1] / "docs" / "examples"))
from redis_server import running_redis

UNIT = 1_000
ROUNDS = 2


@attrs.define
class User:
    """An entity of six fields."""

    name: str
    email: str
    age: int
    city: str
    tags: list[str]
    id: int | None = None


INDEXES: dict[str, Callable[[Any], Any]] = {
    "none": lambda _: None,
    "Unique(email)": lambda it: Unique(it["email"]),
    "Lookup(city), 100 a city": lambda it: Lookup(it["city"]),
    "Lookup(city), all in one": lambda it: Lookup(it["country"]),
    "Lookup(email), one each": lambda it: Lookup(it["email"]),
    "Lookup(tags), 3 tags": lambda it: Lookup(it["tags"]),
    "Ordered(age)": lambda it: Ordered(it["age"]),
    "Ordered(email)": lambda it: Ordered(it["email"]),
    "Ordered(city, age.desc())": lambda it: Ordered(it["city"], it["age"].desc()),
}


def registry(make: Callable[[Any], Any]) -> MapperRegistry:
    """A mapper with one index."""
    body: dict[str, Any] = {
        "id": Key[int](),
        "email": Field[str](),
        "age": Field[int](),
        "city": Field[str](),
        "tags": Field[list[str]](),
        "country": Computed[str](lambda _: "IT"),
    }
    index = make(body)
    if index is not None:
        body["index"] = index
    # What `class Users(Mapper[User])` does, with a body that was put together.
    return MapperRegistry(type("Users", (Mapper,), body | {"__orig_bases__": (Mapper[User],)}))


def users(count: int) -> list[User]:
    """So many users."""
    tags = ["new", "old", "vip", "far", "near"]
    return [
        User(f"name {at}", f"user{at}@example.org", at % 70, f"city {at // 100}",
             [tags[at % 5], tags[(at + 1) % 5], tags[(at + 2) % 5]])
        for at in range(count)
    ]  # fmt: skip


def measured(client: redis.Redis, url: str, make: Callable[[Any], Any], count: int) -> list[float]:
    """Bytes and microseconds an entity."""
    client.flushall()
    with Store(registry(make), url, namespace="costs") as store:
        everyone = users(count)
        began = cpu(client)
        for start in range(0, count, UNIT):
            with store.unit() as uow:
                uow.add_all(everyone[start : start + UNIT])
        spent = cpu(client) - began
        return [held(client) / count, spent / count * 1e6]


def held(client: redis.Redis) -> int:
    """Bytes of all that there is."""
    keys = list(client.scan_iter(count=10_000))
    asking = client.pipeline(transaction=False)
    for key in keys:
        asking.memory_usage(key, samples=0)
    return sum(asking.execute())


def cpu(client: redis.Redis) -> float:
    """Seconds of this process and of the server."""
    info = client.info("cpu")
    server = float(info["used_cpu_user"]) + float(info["used_cpu_sys"])
    return time.process_time() + server


def main(count: int) -> None:
    """Print a table in Markdown."""
    with running_redis() as url:
        client = redis.Redis.from_url(url)
        print("| index | bytes an entity | µs an entity added |\n| --- | ---: | ---: |")
        base = [0.0, 0.0]
        for name, make in INDEXES.items():
            found = [measured(client, url, make, count) for _ in range(ROUNDS)]
            best = [min(column) for column in zip(*found, strict=True)]
            shown = [a - b for a, b in zip(best, base, strict=True)]
            sign = "" if name == "none" else "+"
            print(f"| `{name}` | {sign}{shown[0]:.0f} | {sign}{shown[1]:.1f} |")
            if name == "none":
                base = best


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
