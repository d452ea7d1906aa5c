"""Where the memory of a store goes, by structure, and what the listing of all keys costs.

    PYTHONPATH=tests/integration .venv/bin/python benchmarks/stored_memory.py [SECTION ...]

prints tables in Markdown, for docs/decisions/record-layout.md and key-listing.md. It starts servers
of its own and ends them, as record_layout.py does. Both sections take some two minutes:

    store    100,000 entities with five indexes, written through redmapper
    listing  the sorted set of all keys, beside a set
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import REGISTRY, ROUND_TRIP, Words, grown, info, run_sections, send, table, used, user
from redmapper import Store
from redmapper.mapping.ordering import key_tail_int, key_tail_text
from redmapper.work.keys import uuid7
from servers import Server, running

ENTITIES = 100_000


# --- store -------------------------------------------------------------------------------------


def store(servers: dict[str, Path]) -> None:
    """All that redmapper keeps for an entity, by structure, on each server."""
    for a_name in (1, 10):
        columns = []
        for binary in servers.values():
            with running(binary) as server:
                columns.append(bytes_by_structure(server, a_name))
        rows = [
            (structure, *(round(each[structure], 1) for each in columns))
            for structure in columns[0]
        ]
        title = f"Bytes an entity, {ENTITIES:,} of them, {a_name} of a name"
        table(title, ["structure", *servers], rows)


def bytes_by_structure(server: Server, a_name: int) -> dict[str, float]:
    """Bytes an entity by structure: what the server gets back when its keys are deleted.

    MEMORY USAGE would be quicker, but it is up to 25 bytes an entry off (8.2.3: a set of integers).
    """
    total = grown(server, lambda _: write_users(server, a_name)) / ENTITIES
    keys: dict[str, list[bytes]] = defaultdict(list)
    with server.client() as client:
        for key in client.scan_iter(count=5_000):
            keys[structure_of(key)].append(key)
    found = {
        f"{structure}: {len(each):,} key{'s' if len(each) > 1 else ''}": freed(server, each)
        for structure, each in sorted(keys.items())
    }
    found["the rest"] = total - sum(found.values())
    found["in all"] = total
    return found


def freed(server: Server, keys: list[bytes]) -> float:
    """The bytes an entity that deleting these keys gives back."""
    before = used(server)
    with server.client() as client:
        send(client, (("DEL", key) for key in keys))
    return float(before - used(server)) / ENTITIES


def write_users(server: Server, a_name: int) -> None:
    """Write them as a program would, in units of 1,000."""
    with Store(REGISTRY, server.url, namespace="shop") as shop:
        for start in range(1, ENTITIES + 1, ROUND_TRIP):
            with shop.unit() as uow:
                for number in range(start, start + ROUND_TRIP):
                    uow.add(user(number, a_name=a_name))


def structure_of(key: bytes) -> str:
    """Which of redmapper's structures a key belongs to."""
    own = key.removeprefix(b"{shop}:User")
    if own == key:
        return "schema and sequence"
    if own.startswith(b":"):
        return "records"
    return own.decode(errors="replace").split("/")[1] if own else "listing"


# --- listing -----------------------------------------------------------------------------------


def uuid_text(number: int) -> bytes:
    """A key as `Key[str]` makes them, each greater than the one before."""
    return str(uuid7(number.to_bytes(10, "big"), number / 1_000)).encode()


LISTINGS: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "sorted set, integer keys": ("ZADD", key_tail_int),
    "sorted set, keys of 36 characters": ("ZADD", lambda number: key_tail_text(uuid_text(number))),
    "set, integer keys": ("SADD", lambda number: b"%d" % number),
    "set, keys of 36 characters": ("SADD", uuid_text),
}


def listing(servers: dict[str, Path]) -> None:
    """The listing of all keys: memory, and the server's time to write it."""
    heads = ["kind", *(f"{name}: {what}" for name in servers for what in ("bytes", "us to add"))]
    columns = []
    for binary in servers.values():
        with running(binary) as server:
            columns.append([listing_costs(server, *how) for how in LISTINGS.values()])
    rows = [
        (kind, *(cost for each in costs for cost in each))
        for kind, *costs in zip(LISTINGS, *columns, strict=True)
    ]
    table(f"A key in the listing of {ENTITIES:,}", heads, rows)


def listing_costs(
    server: Server, command: str, member: Callable[[int], bytes]
) -> tuple[float, float]:
    """Bytes a key, and the server's microseconds to add one, a thousand at a time."""

    def commands() -> Iterator[Words]:
        for start in range(1, ENTITIES + 1, ROUND_TRIP):
            words: list[bytes] = []
            for number in range(start, start + ROUND_TRIP):
                words += [b"0", member(number)] if command == "ZADD" else [member(number)]
            yield (command, "{shop}:User", *words)

    with server.client() as client:
        client.config_resetstat()
    memory = grown(server, lambda client: send(client, commands()))
    spent = info(server, "commandstats")[f"cmdstat_{command.lower()}"]["usec"]
    return round(memory / ENTITIES, 1), round(spent / ENTITIES, 2)


if __name__ == "__main__":
    run_sections({each.__name__: each for each in (store, listing)})
