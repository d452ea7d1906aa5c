"""Format 3 as it lies in Redis: written today as it was when it was frozen, and read from there.

`golden/format-3.json` is what a server holds after `everything()` was committed: keys, types and
members, bytes as Latin-1 text, versions aside. It is never written anew: data of users has that
form. A form that differs is format 4, with a file of its own and a way from one to the other. (No
release has written formats 1 and 2.)
"""

import enum
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs
import pytest
import redis

from redmapper import (
    Computed,
    Field,
    Key,
    Lookup,
    Mapper,
    MapperRegistry,
    Ordered,
    Store,
    Unique,
)
from servers import Server

GOLDEN = Path(__file__).parent / "golden" / "format-3.json"
NAMESPACE = "golden"
VERSION = b"VERSION1"
NOBODY = UUID(int=0)


class Level(enum.Enum):
    """A kind of values with names."""

    LOW = 1
    HIGH = 2


@attrs.define
class Place:
    """A nested value."""

    street: str
    zip: str | None = None


@attrs.define
class Thing:
    """A field of every kind."""

    id: int
    name: str
    code: str | None = None
    count: int = 0
    ratio: float = 0.0
    price: Decimal = Decimal(0)
    alive: bool = True
    born: date = date(2000, 1, 1)
    wakes: time = time(7)
    made: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    local: datetime = datetime(2026, 1, 1)
    lasts: timedelta = timedelta()
    token: UUID = NOBODY
    raw: bytes = b""
    level: Level = Level.LOW
    note: str | None = "none yet"
    tags: list[str] = attrs.field(factory=list)
    home: Place | None = None


class Things(Mapper[Thing]):
    """Indexes of every kind, over one field and several, ascending and descending."""

    id = Key[int]()
    name = Field[str](norm=str.casefold)
    code = Field[str | None]()
    count = Field[int]()
    ratio = Field[float]()
    lasts = Field[timedelta]()
    price = Field[Decimal]()
    made = Field[datetime]()
    local = Field[datetime]()
    level = Field[Level]()
    tags = Field[list[str]]()
    initial = Computed[str](lambda thing: thing.name[:1])

    by_code = Unique(code)
    by_name_level = Unique(name, level)
    by_tag = Lookup(tags)
    by_initial = Lookup(initial)
    by_level_count = Lookup(level, count)
    by_price = Ordered(price)
    by_made = Ordered(made.desc())
    by_local = Ordered(local)
    by_level_name = Ordered(level, name.desc())
    by_level = Ordered(level)
    by_count = Ordered(count.desc())
    by_ratio = Ordered(ratio)
    by_lasts = Ordered(lasts)


@attrs.define
class Page:
    """A key of text."""

    path: str
    hits: int = 0


class Pages(Mapper[Page]):
    """An index that ends in it."""

    path = Key[str]()
    hits = Field[int]()

    by_hits = Ordered(hits)


REGISTRY = MapperRegistry(Things, Pages)


def everything() -> list[Any]:
    """Values at the edges of the format."""
    east = timezone(timedelta(hours=5, minutes=30))
    return [
        Thing(1, "Plain"),
        Thing(
            -20,
            "ÉCLAIR\0x",
            code="a/b:c{d}",
            count=-300,
            ratio=-0.1,
            price=Decimal("-12.50"),
            alive=False,
            born=date(1, 1, 1),
            wakes=time(23, 59, 59, 999999),
            made=datetime(2026, 3, 1, 12, 30, tzinfo=east),
            local=datetime(9999, 12, 31, 23, 59, 59, 1),
            lasts=timedelta(days=-1, microseconds=7),
            token=UUID(int=2**128 - 1),
            raw=bytes(range(256)),
            level=Level.HIGH,
            note=None,
            tags=["red", "", "é/"],
            home=Place("Long Lane 7", "x"),
        ),
        Thing(
            2**64,
            "pieces",
            code="",
            count=10**30,
            note="n" * 64,
            price=Decimal("1E+9"),
            made=datetime(1, 1, 1, tzinfo=UTC),
            local=datetime(1899, 12, 31, 23, 59, 59, 999999),
        ),
        Thing(255, "more", count=256, note="1234567é" * 20, tags=["red"]),
        Thing(256, "most", note="w" * 600, home=Place("")),
        Page("", 7),
        Page("/a\0b", 7),
        Page("/a", 8),
    ]


def held(client: redis.Redis) -> dict[str, Any]:
    """All that a server holds of the namespace, receipts aside, as JSON can say it."""
    keys = sorted(client.scan_iter(match=b"{golden}*", count=1000))
    return {text(key): _value(client, key) for key in keys if b"#lane" not in key}


def text(data: bytes) -> str:
    """Each byte as the character of its number."""
    return data.decode("latin-1")


def _value(client: redis.Redis, key: bytes) -> Any:
    kind = client.type(key)
    if kind == b"hash":
        pairs = client.hgetall(key).items()
        return {text(name): text(VERSION if name == b"@" else each) for name, each in pairs}
    if kind == b"zset":
        scored = client.zrange(key, 0, -1, withscores=True)
        return {"zset": [[text(member), str(score)] for member, score in scored]}
    if kind == b"set":
        return {"set": sorted(map(text, client.smembers(key)))}
    return text(client.get(key) or b"")


def put_back(client: redis.Redis, golden: dict[str, Any]) -> None:
    """Lay down what the file says."""
    for name, value in golden.items():
        key = name.encode("latin-1")
        if isinstance(value, str):
            client.set(key, value.encode("latin-1"))
        elif list(value) == ["zset"]:
            client.zadd(
                key, {member.encode("latin-1"): float(score) for member, score in value["zset"]}
            )
        elif list(value) == ["set"]:
            client.sadd(key, *[member.encode("latin-1") for member in value["set"]])
        else:
            pairs = {k.encode("latin-1"): v.encode("latin-1") for k, v in value.items()}
            client.hset(key, mapping=pairs)


@pytest.fixture
def golden() -> dict[str, Any]:
    """What was frozen."""
    return json.loads(GOLDEN.read_text())


@pytest.fixture
def client(empty_server: Server) -> Iterator[redis.Redis]:
    """To a server with nothing on it."""
    with empty_server.client() as client:
        yield client


@pytest.fixture
def store(empty_server: Server) -> Iterator[Store]:
    """On the same."""
    with Store(REGISTRY, empty_server.url, namespace=NAMESPACE) as store:
        yield store


@pytest.mark.parametrize("together", [True, False])
def test_what_is_written_is_what_was_frozen(
    store: Store, client: redis.Redis, golden: dict[str, Any], *, together: bool
):
    """By the script for many, and by the one for one entity."""
    for group in [everything()] if together else [[each] for each in everything()]:
        with store.unit() as uow:
            uow.add_all(group)
    assert golden == held(client)


def test_what_was_frozen_is_read(store: Store, client: redis.Redis, golden: dict[str, Any]):
    """Each entity, by its key and through each index."""
    put_back(client, golden)
    things = [each for each in everything() if isinstance(each, Thing)]
    pages = [each for each in everything() if isinstance(each, Page)]
    assert things == store.get_many(Thing, [each.id for each in things])
    assert pages == store.get_many(Page, [each.path for each in pages])
    assert things[1] == store.get_by(Things.by_code, "a/b:c{d}")
    assert things[3] == store.get_by(Things.by_name_level, "MORE", Level.LOW)
    ask = store.query(Thing)
    assert [-20, 255] == ask.where(Things.tags.has("red")).keys()
    assert [-20] == ask.where(Things.level == Level.HIGH, Things.count == -300).keys()
    by_price = sorted(things, key=lambda each: (each.price, each.id))
    assert by_price == ask.order_by(Things.price).all()
    by_count = sorted(things, key=lambda each: (each.count, each.id), reverse=True)
    assert by_count == ask.order_by(Things.count.desc()).all()
    assert by_count[-3:] == ask.where(Things.count < 256).order_by(Things.count.desc()).all()
    newest = sorted(things, key=lambda each: each.made, reverse=True)
    assert newest[0] == ask.order_by(Things.made.desc()).first()
    by_local = sorted(things, key=lambda each: (each.local, each.id))
    assert by_local == ask.order_by(Things.local).all()
    assert ["", "/a\0b", "/a"] == store.query(Page).order_by(Pages.hits).keys()


def test_what_was_frozen_is_taken_out_again(
    store: Store, client: redis.Redis, golden: dict[str, Any]
):
    """A deletion finds every entry: what is left is the schema and the sequence."""
    put_back(client, golden)
    with store.unit() as uow:
        for each in everything():
            key = each.id if isinstance(each, Thing) else each.path
            uow.delete(uow.require(type(each), key))
    assert {"{golden}#schema", "{golden}#sequence/Thing"} >= set(held(client))
