"""What the benchmarks share: the entity, the servers, and how memory and time are taken.

Memory is the growth of `used_memory` after `FLUSHALL SYNC`, read by a connection that has sent
nothing else, divided by the number of entities. Times are medians of many slices.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import redis

from redmapper import Field, Key, Lookup, Mapper, MapperRegistry, Ordered, Unique
from servers import Server, find_servers, version_of

Words: TypeAlias = "tuple[Any, ...]"
Section: TypeAlias = "Callable[[dict[str, Path]], None]"

ROUND_TRIP = 1_000
"""Commands, or entities, that go together."""

SLICES = 15


# --- the entity --------------------------------------------------------------------------------


@attrs.define
class User:
    """The entity of all benchmarks: eight attributes, one of them long."""

    name: str
    email: str
    age: int
    city: str
    created: datetime
    score: float
    note: str
    id: int | None = None


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
BEGINNING = datetime(2020, 1, 1)  # noqa: DTZ001 - a naive one is as good here
NOTE = ("lorem ipsum dolor " * 7)[:118]


def user(number: int, *, a_name: int = 1) -> User:
    """The same user for the same number, whoever asks; so many users have the same name."""
    chance = random.Random(number)
    named = number // a_name
    return User(
        name=f"Name{named} Surname{named % 1000}",
        email=f"user{number}@example.com",
        age=chance.randint(18, 90),
        city=f"city{number % 100}",
        created=BEGINNING + timedelta(seconds=chance.randrange(10**8)),
        score=chance.random() * 100,
        note=NOTE,
        id=number,
    )


# --- servers -----------------------------------------------------------------------------------


def all_servers() -> dict[str, Path]:
    """The binaries found, under what they call themselves: `Redis 8.2.3`."""
    found = {}
    for name, binary in find_servers().items():
        product = "Valkey" if "valkey" in name else "Redis"
        found[f"{product} {version_of(binary)}"] = Path(binary)
    return found


def info(server: Server, section: str) -> dict[str, Any]:
    """An INFO section, by a connection that has nothing in its buffers."""
    with server.client() as client:
        return dict(client.info(section))


def send(client: redis.Redis, commands: Iterator[Words]) -> None:
    """Carry commands out, a thousand a round trip."""
    pipe = client.pipeline(transaction=False)
    for command in commands:
        pipe.execute_command(*command)
        if len(pipe) == ROUND_TRIP:
            pipe.execute()
    pipe.execute()


# --- memory and time ---------------------------------------------------------------------------


def grown(server: Server, write: Callable[[redis.Redis], object]) -> int:
    """The bytes that writing adds to an empty server."""
    with server.client() as client:
        client.execute_command("FLUSHALL", "SYNC")
    before = used(server)
    with server.client() as client:
        write(client)
    return used(server) - before


def used(server: Server) -> int:
    """The bytes that a server uses for data: later Redis counts what its scripts use as well."""
    with server.client() as client:
        client.execute_command("SCRIPT", "FLUSH", "SYNC")
    time.sleep(0.2)  # it lets go of what the connections before had
    return int(info(server, "memory")["used_memory"])


def server_us(server: Server) -> float:
    """The processor time that the server has used, in microseconds."""
    cpu = info(server, "cpu")
    return float(cpu["used_cpu_user"] + cpu["used_cpu_sys"]) * 1e6


# --- telling -----------------------------------------------------------------------------------


def table(title: str, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table in Markdown."""
    print(f"\n**{title}**\n")
    print("|", " | ".join(heads), "|")
    print("|", " | ".join(["---", *(["---:"] * (len(heads) - 1))]), "|")
    for row in rows:
        print("|", " | ".join(map(str, row)), "|", flush=True)


def run_sections(sections: Mapping[str, Section]) -> None:
    """Run those named on the command line, or all."""
    chosen = sys.argv[1:] or [*sections]
    unknown = set(chosen) - sections.keys()
    if unknown:
        sys.exit(f"no section {', '.join(unknown)}; there are {', '.join(sections)}")
    servers = all_servers()
    for name in chosen:
        sections[name](servers)
