"""How a record is best laid out: the memory and the time of each candidate.

    PYTHONPATH=tests/integration .venv/bin/python benchmarks/record_layout.py [SECTION ...]

prints tables in Markdown, of which docs/decisions/record-layout.md is made. It starts servers of
its own, those that the tests find (the wheel's, and redis-server and valkey-server on the PATH),
and ends them. All sections take some three minutes:

    layouts  memory an entity in each layout, on each server
    cuts     why values are cut into pieces of 64 bytes, and only up to 512
    reads    1,000 records by key in one round trip
    codecs   an entity to stored bytes, and back
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import hiredis
import redis
from cattrs.preconf.json import make_converter

from bench import (
    NOTE,
    REGISTRY,
    ROUND_TRIP,
    SLICES,
    User,
    Words,
    grown,
    run_sections,
    send,
    server_us,
    table,
    user,
)
from redmapper.mapping.columns import VERSION, Record
from redmapper.strategies.lua import layout
from servers import Server, running

ENTITIES = 50_000
KEY_FIELD = b"id"
VERSION_TOKEN = b"Ab3dE5gh"
MAPPED = REGISTRY.mapped(User)

Candidate: TypeAlias = Callable[[bytes, Record], Iterator[Words]]


def record_of(entity: User) -> Record:
    """What redmapper stores of it: field name -> bytes, the key and a version among them."""
    return MAPPED.encode(entity, b"%d" % (entity.id or 0)) | {VERSION: VERSION_TOKEN}


# --- layouts -----------------------------------------------------------------------------------


def plain_hash(key: bytes, record: Record) -> Iterator[Words]:
    """A hash with a field for each attribute, values whole."""
    yield ("HSET", key, *flat(without_key(record)))


def cut_hash(key: bytes, record: Record) -> Iterator[Words]:
    """A hash as redmapper has it: values over 64 bytes in pieces."""
    yield ("HSET", key, *flat(layout.cut(record, MAPPED)))


def json_text(key: bytes, record: Record) -> Iterator[Words]:
    """A string that holds the record as JSON."""
    named = {name.decode(): value.decode() for name, value in without_key(record).items()}
    yield ("SET", key, json.dumps(named, separators=(",", ":")))


def packed_text(key: bytes, record: Record) -> Iterator[Words]:
    """A string that holds the values alone, in the order of the attributes."""
    yield ("SET", key, b"\0".join(without_key(record).values()))


def value_list(key: bytes, record: Record) -> Iterator[Words]:
    """A list of the values, in the order of the attributes."""
    yield ("RPUSH", key, *without_key(record).values())


def long_value_apart(key: bytes, record: Record) -> Iterator[Words]:
    """A hash, and every long value under a key of its own."""
    short = {name: value for name, value in record.items() if len(value) <= layout.PIECE}
    yield from plain_hash(key, short)
    for name in record.keys() - short.keys():
        yield ("SET", key + b":" + name, record[name])


CANDIDATES: dict[str, Candidate] = {
    "hash, values whole": plain_hash,
    "hash, long values in pieces": cut_hash,
    "string, JSON": json_text,
    "string, packed values": packed_text,
    "list of values": value_list,
    "hash, long value under its own key": long_value_apart,
}


def without_key(record: Record) -> Record:
    """The key is in the name of the Redis key, whatever the layout."""
    return {name: value for name, value in record.items() if name != KEY_FIELD}


def flat(record: Record) -> Iterator[bytes]:
    """Names and values in turn, as HSET takes them."""
    for item in record.items():
        yield from item


def record_key(number: int) -> bytes:
    """The Redis key of a record, as long as redmapper's."""
    return b"{shop}:User:%d" % number


def layouts(servers: dict[str, Path]) -> None:
    """Memory an entity in each layout, on each server."""
    columns = []
    for binary in servers.values():
        with running(binary) as server:
            columns.append([bytes_each(server, each) for each in CANDIDATES.values()])
    rows = zip(CANDIDATES, *columns, strict=True)
    table(f"Bytes an entity, {ENTITIES:,} of them", ["layout", *servers], list(rows))


def bytes_each(server: Server, candidate: Candidate) -> int:
    """The bytes that one entity takes when there are many."""

    def commands() -> Iterator[Words]:
        for number in range(1, ENTITIES + 1):
            yield from candidate(record_key(number), record_of(user(number)))

    return round(grown(server, lambda client: send(client, commands())) / ENTITIES)


# --- cuts --------------------------------------------------------------------------------------

LENGTHS = (64, 65, 118, 200, 300, 400, 512, 800, 1_600, 3_200, 6_400)
SIZES = (16, 32, 48, 64, 65)
CUT_ENTITIES = 5_000
COSTS = ("bytes", "HGETALL us", "HSET us", "client us")


@attrs.define
class Cut:
    """Records with one long value in pieces of one size, and what they cost.

    Bytes an entity; microseconds of the server to read it, and to write its age, a short field;
    microseconds of the client to make a record of the reply.
    """

    length: int
    size: int
    memory: int = 0
    reading: list[float] = attrs.field(factory=list)
    writing: list[float] = attrs.field(factory=list)
    joining: list[float] = attrs.field(factory=list)

    def keys(self) -> list[bytes]:
        """The Redis keys of its records."""
        return [b"{%d/%d}:User:%d" % (self.length, self.size, n) for n in range(CUT_ENTITIES)]

    def fields(self) -> Record:
        """The fields of each of its hashes."""
        note = b"x" * self.length
        parts = range(0, self.length, self.size)
        cut = {
            b"note:%d" % number if number else b"note": note[start : start + self.size]
            for number, start in enumerate(parts)
        }
        return without_key(record_of(user(1))) | {b"note": b""} | cut

    def fill(self, client: redis.Redis) -> None:
        """Write its records."""
        words = list(flat(self.fields()))
        send(client, (("HSET", key, *words) for key in self.keys()))

    def slice(self, client: redis.Redis) -> None:
        """Read and write all of its records once, and note the microseconds of each."""
        keys = random.sample(self.keys(), CUT_ENTITIES)
        client.config_resetstat()
        send(client, (("HGETALL", key) for key in keys))
        send(client, (("HSET", key, "age", number % 100) for number, key in enumerate(keys)))
        stats = client.info("commandstats")
        self.reading.append(stats["cmdstat_hgetall"]["usec_per_call"])
        self.writing.append(stats["cmdstat_hset"]["usec_per_call"])
        reply = list(flat(self.fields()))
        began = time.perf_counter()
        for _ in keys:
            layout.joined(reply, MAPPED, b"1")
        self.joining.append((time.perf_counter() - began) / CUT_ENTITIES * 1e6)

    @property
    def costs(self) -> list[float]:
        """What `COSTS` lists."""
        times = (self.reading, self.writing, self.joining)
        return [self.memory, *(round(statistics.median(each), 1) for each in times)]


def cuts(servers: dict[str, Path]) -> None:
    """What a long value costs whole and in pieces, by its length; and other sizes of pieces."""
    heads = [f"{what}, {how}" for what in COSTS for how in ("whole", "cut")]
    for name, binary in servers.items():
        whole = [Cut(length, size=length) for length in LENGTHS]
        cut = [Cut(length, layout.PIECE) for length in LENGTHS]
        sizes = [Cut(len(NOTE), size) for size in SIZES]
        with running(binary) as server:
            measure(server, [*whole, *cut, *sizes])
        pairs = [zip(w.costs, c.costs, strict=True) for w, c in zip(whole, cut, strict=True)]
        rows = [
            (length, *(cost for pair in each for cost in pair))
            for length, each in zip(LENGTHS, pairs, strict=True)
        ]
        table(f"A record with one long value, {name}", ["its length", *heads], rows)
        others = [(each.size, *each.costs[:-1]) for each in sizes]
        title = f"A value of {len(NOTE)} bytes in other pieces, {name}"
        table(title, ["size", *COSTS[:-1]], others)


def measure(server: Server, each: list[Cut]) -> None:
    """Memory one by one, times in turns."""
    for cut in each:
        cut.memory = round(grown(server, cut.fill) / CUT_ENTITIES)
    with server.client() as client:
        for cut in each:
            cut.fill(client)
        for _ in range(SLICES):
            for cut in each:
                cut.slice(client)


# --- reads -------------------------------------------------------------------------------------

GETALL_SCRIPT = """
local found = {}
for i = 1, #KEYS do found[i] = redis.call('HGETALL', KEYS[i]) end
return found
"""
MGET_SCRIPT = """
local found = {}
for i = 1, #KEYS do found[i] = redis.call('HMGET', KEYS[i], unpack(ARGV)) end
return found
"""
FIELDS = (b"name", b"email", b"age", b"city", b"created", b"score", b"note", VERSION, b"note:1")
LAID_OUT: dict[bytes, Candidate] = {
    b"cut:": cut_hash,
    b"whole:": plain_hash,
    b"json:": json_text,
    b"packed:": packed_text,
}


@attrs.define
class Way:
    """A way to read records: commands on a link of its own, and the times that a record took."""

    name: str
    commands: list[Words]
    link: Any
    elapsed: list[float] = attrs.field(factory=list)
    client: list[float] = attrs.field(factory=list)
    server: list[float] = attrs.field(factory=list)

    def slice(self, server: Server, times: int) -> None:
        """Read everything so many times, and note the microseconds."""
        used = server_us(server)
        began, cpu = time.perf_counter(), time.process_time()
        for _ in range(times):
            self.once()
        records = times * ROUND_TRIP
        self.elapsed.append((time.perf_counter() - began) / records * 1e6)
        self.client.append((time.process_time() - cpu) / records * 1e6)
        self.server.append((server_us(server) - used) / records)

    def once(self) -> list[Any]:
        """Read everything: one write to the socket, and every reply parsed."""
        packed = [hiredis.pack_command(command) for command in self.commands]
        self.link.send_packed_command([b"".join(packed)])
        return [self.link.read_response(disable_decoding=True) for _ in self.commands]

    @property
    def medians(self) -> list[float]:
        """Elapsed, client CPU, server CPU."""
        times = (self.elapsed, self.client, self.server)
        return [round(statistics.median(each), 1) for each in times]


def reads(servers: dict[str, Path]) -> None:
    """1,000 records by key in one round trip: replies parsed, but no entities made of them."""
    for name, binary in servers.items():
        with running(binary) as server:
            with server.client() as client:
                for prefix, candidate in LAID_OUT.items():
                    for number in range(ROUND_TRIP):
                        send(client, candidate(prefix + b"%d" % number, record_of(user(number))))
            ways = list(ways_to_read(server))
            for _ in range(SLICES):
                for way in ways:
                    way.slice(server, times=10)
        heads = ["way", "elapsed", "client CPU", "server CPU"]
        rows = [(way.name, *way.medians) for way in ways]
        table(f"us a record, {ROUND_TRIP:,} by key in one round trip, {name}", heads, rows)


def ways_to_read(server: Server) -> Iterator[Way]:
    """Every way, under RESP3 too where its replies are others."""
    cut, whole, as_json, packed = (
        [prefix + b"%d" % number for number in range(ROUND_TRIP)] for prefix in LAID_OUT
    )
    with server.client() as client:
        getall, mget = client.script_load(GETALL_SCRIPT), client.script_load(MGET_SCRIPT)
    yield way(server, 2, "HGETALL", [("HGETALL", key) for key in cut])
    yield way(server, 3, "HGETALL", [("HGETALL", key) for key in cut])
    yield way(server, 2, "HGETALL of values left whole", [("HGETALL", key) for key in whole])
    yield way(server, 2, "HMGET", [("HMGET", key, *FIELDS) for key in cut])
    yield way(server, 3, "HMGET", [("HMGET", key, *FIELDS) for key in cut])
    yield way(server, 2, "script of HGETALLs", [("EVALSHA", getall, ROUND_TRIP, *cut)])
    yield way(server, 2, "script of HMGETs", [("EVALSHA", mget, ROUND_TRIP, *cut, *FIELDS)])
    yield way(server, 2, "MGET of JSON", [("MGET", *as_json)])
    yield way(server, 2, "MGET of packed values", [("MGET", *packed)])


def way(server: Server, protocol: int, name: str, commands: list[Words]) -> Way:
    """A way on a link that speaks that protocol."""
    link = server.client(protocol=protocol).connection_pool.get_connection()
    return Way(f"{name}, RESP{protocol}", commands, link)


# --- codecs ------------------------------------------------------------------------------------

CALLS = 2_000


def codecs(_: dict[str, Path]) -> None:
    """An entity to stored bytes, and a parsed reply to an entity, by each way the same one."""
    entity = user(7)
    runs: list[Callable[[], object]] = []
    for name, (encode, decode) in CODECS.items():
        stored = encode(entity)
        if decode(stored) != entity:
            message = f"{name} does not bring the entity back"
            raise AssertionError(message)
        runs += [partial(encode, entity), partial(decode, stored)]
    times = iter(medians_us(runs))
    rows = [(name, round(next(times), 1), round(next(times), 1)) for name in CODECS]
    table("us an entity", ["codec", "encode", "decode"], rows)


def medians_us(runs: list[Callable[[], object]]) -> list[float]:
    """What one call of each takes, in microseconds; slices in turns."""
    found: list[list[float]] = [[] for _ in runs]
    for _ in range(SLICES):
        for run, times in zip(runs, found, strict=True):
            began = time.perf_counter()
            for _ in range(CALLS):
                run()
            times.append((time.perf_counter() - began) / CALLS * 1e6)
    return [statistics.median(times) for times in found]


def to_hash(entity: User) -> list[bytes]:
    """As redmapper does: a record, cut, as the flat list of a reply."""
    return list(flat(to_hash_dict(entity)))


def to_hash_dict(entity: User) -> Record:
    """The same, as the dict of a reply under RESP3."""
    return layout.cut(record_of(entity), MAPPED)


def from_hash(reply: object) -> User:
    """As redmapper does: pieces joined, the class called by generated code."""
    record = layout.joined(reply, MAPPED, b"7") or {}
    entity: User = MAPPED.construct(record, b"7")
    return entity


def to_values(entity: User) -> list[bytes]:
    """Positions instead of names: what HMGET or a list gives."""
    e = entity
    return [
        *(VERSION_TOKEN, e.name.encode(), e.email.encode(), b"%d" % e.age, e.city.encode()),
        *(e.created.isoformat().encode(), repr(e.score).encode(), e.note.encode()),
    ]


def from_values(values: list[bytes]) -> User:
    """The class called by hand."""
    _, name, email, age, city, created, score, note = values
    when = datetime.fromisoformat(created.decode())
    first = (name.decode(), email.decode(), int(age), city.decode(), when)
    return User(*first, float(score), note.decode(), 7)


def to_json(entity: User) -> bytes:
    """JSON by hand."""
    e = entity
    named = {"@": "Ab3dE5gh", "name": e.name, "email": e.email, "age": e.age, "city": e.city}
    named |= {"created": e.created.isoformat(), "score": e.score, "note": e.note}
    return json.dumps(named).encode()


def from_json(stored: bytes) -> User:
    """The class called by hand."""
    get = json.loads(stored).__getitem__
    when = datetime.fromisoformat(get("created"))
    first = (get("name"), get("email"), get("age"), get("city"), when)
    return User(*first, get("score"), get("note"), 7)


CATTRS = make_converter()
CODECS: dict[str, tuple[Callable[[User], Any], Callable[[Any], User]]] = {
    "redmapper, RESP2": (to_hash, from_hash),
    "redmapper, RESP3": (to_hash_dict, from_hash),
    "values by position, by hand": (to_values, from_values),
    "packed values, by hand": (
        lambda entity: b"\0".join(to_values(entity)),
        lambda stored: from_values(stored.split(b"\0")),
    ),
    "JSON, by hand": (to_json, from_json),
    "JSON, by cattrs": (CATTRS.dumps, lambda stored: CATTRS.loads(stored, User)),
}


if __name__ == "__main__":
    run_sections({each.__name__: each for each in (layouts, cuts, reads, codecs)})
