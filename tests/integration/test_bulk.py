"""Streams and bulk on real servers: any number of rows, links that break, others that write."""

from __future__ import annotations

import random
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any, cast

import attrs
import pytest

from accounts import Account, Accounts, Note, Notes, Shop, shop_on
from proxy import Proxy, unit_of
from redmapper import AsyncStore, CommitUnknown, ConnectionLost, Stale, Store, Taken
from redmapper.faces.aio import runner as async_runner
from redmapper.faces.sync import runner as sync_runner
from redmapper.testing.conformance.faces import raw
from servers import Pool, Server, find_servers

FEW, MANY = 2_000, 20_000


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses before resendings, too short to be noticed."""
    for room in (sync_runner, async_runner):
        monkeypatch.setattr(room, "PAUSES", (0.001,) * 4)


@pytest.fixture(params=[Store, AsyncStore], ids=["sync", "async"])
def shop(request: pytest.FixtureRequest, server: Server) -> Iterator[Shop]:
    """A namespace for one test, on one face."""
    with shop_on(server, request.param) as shop:
        yield shop


def accounts(count: int) -> Iterator[Account]:
    """So many, made when they are wanted."""
    for number in range(1, count + 1):
        tags = ["all", "rare"] if number % 25 == 0 else ["all"]
        yield Account(f"owner {number % 100}", f"{number}@x", tags, number % 1_000, number)


def peak_of(act: Callable[[], object]) -> int:
    """The most bytes that Python holds at once while something is done, beyond those before."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        act()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def length(store: Store, of: Any) -> int:
    """How many rows a stream has, gone through as a user of the face would."""
    rows = raw(store).stream(of, batch=500)
    if isinstance(rows, Iterator):
        return sum(1 for _ in rows)

    async def counted() -> int:
        count = 0
        async for _ in rows:
            count += 1
        return count

    return cast("Any", store)._loop.run(counted())


class TestMemory:
    """What is held at once does not grow with the number of rows."""

    @pytest.fixture(params=[Store, AsyncStore], ids=["sync", "async"])
    def shop(self, request: pytest.FixtureRequest, pool: Pool) -> Iterator[Shop]:
        """A namespace on one server of this machine: what a client holds is the same with all."""
        with shop_on(pool.get(next(iter(find_servers().values()))), request.param) as shop:
            yield shop

    def test_it_is_flat(self, shop: Shop):
        """In inserts, streams and deletions of ten times as many rows."""
        store = shop.open()
        store.bulk(Accounts).insert(accounts(1_000))  # scripts and functions are made once

        def went_through(count: int) -> dict[str, int]:
            bulk, seen = store.bulk(Accounts), list[int]()
            peaks = {"put": peak_of(lambda: bulk.put(accounts(count), chunk=500))}
            for name, of in {
                "stream": Accounts,
                "range": Accounts.balance >= 0,
                "members": Accounts.tags.has("all"),
                "in order": raw(store.query(Accounts).order_by(Accounts.owner)),
            }.items():
                peaks[name] = peak_of(lambda of=of: seen.append(length(store, of)))
            peaks["delete"] = peak_of(lambda: bulk.delete(range(1, count + 1), chunk=500))
            assert [count] * 4 == seen
            assert 0 == store.query(Accounts).count()
            return peaks

        few, many = went_through(FEW), went_through(MANY)
        assert {} == {name: (few[name], many[name]) for name in few if many[name] > 1.5 * few[name]}


STREAMS: dict[str, Callable[[Store], tuple[Any, ...]]] = {
    "all": lambda _: (Accounts,),
    "range": lambda _: (Accounts.balance >= 500,),
    "narrow range": lambda _: (Accounts.balance.between(500, 520),),
    "narrow, ordered": lambda store: (
        raw(
            store.query(Accounts)
            .where(Accounts.balance.between(500, 520))
            .order_by(Accounts.balance.desc(), Accounts.owner)
        ),
    ),
    "members": lambda _: (Accounts.tags.has("rare"),),
    "either": lambda _: (Accounts.tags.has("rare") | (Accounts.balance < 30),),
    "both": lambda _: (Accounts.tags.has("rare"), Accounts.balance >= 100),
    "filtered": lambda _: (Accounts.balance >= 0, Accounts.email.contains("77")),
}


def met(kind: str) -> Callable[[Account], bool]:
    """Which accounts a stream goes through."""
    return {
        "all": lambda _: True,
        "range": lambda each: each.balance >= 500,
        "narrow range": lambda each: 500 <= each.balance <= 520,
        "narrow, ordered": lambda each: 500 <= each.balance <= 520,
        "members": lambda each: "rare" in each.tags,
        "either": lambda each: "rare" in each.tags or each.balance < 30,
        "both": lambda each: "rare" in each.tags and each.balance >= 100,
        "filtered": lambda each: "77" in (each.email or ""),
    }[kind]


class TestStreams:
    """Rows of a store in which others write."""

    @pytest.mark.parametrize("kind", STREAMS)
    def test_every_row_comes_once(self, server: Server, kind: str):
        """Whichever way the server takes to it, through many steps a page."""
        with shop_on(server) as shop:
            store = shop.open()
            store.bulk(Accounts).insert(accounts(MANY))
            came = [each.id for each in store.stream(*STREAMS[kind](store), batch=200)]
        assert [each.id for each in accounts(MANY) if met(kind)(each)] == sorted(came)

    @pytest.mark.parametrize("kind", STREAMS)
    def test_rows_come_and_go(self, shop: Shop, kind: str):
        """What stands all the while comes exactly once, and nothing twice."""
        store, chance = shop.open(), random.Random(kind)
        everyone = list(accounts(1_500))
        store.bulk(Accounts).insert(everyone)
        passing = set(range(3, 1_501, 3))
        deleted: set[int] = set()
        came: list[int] = []
        for each in store.stream(*STREAMS[kind](store), batch=40):
            came.append(each.id or 0)
            if len(came) % 20 == 0:
                gone = chance.sample(sorted(passing - deleted), 5)
                store.bulk(Accounts).delete(gone)
                deleted.update(gone)
                fresh = [10_000 + len(came), -len(came)]
                tags = ["all", "rare"]
                store.bulk(Accounts).insert(
                    [Account("new", f"77{key}@x", tags, 510, key) for key in fresh]
                )
        standing = {each.id for each in everyone if met(kind)(each)} - passing
        assert standing == {key for key in came if 0 < key <= 1_500} - passing
        assert len(came) == len(set(came))
        assert [] == shop.complaints()

    def test_another_thread_writes(self, shop: Shop):
        """Inserts, changes and deletions of others leave the rest of a stream as it is."""
        store, other = shop.open(), shop.open()
        store.bulk(Accounts).insert(accounts(3_000))
        over = threading.Event()

        def write() -> None:
            number = 0
            while not over.is_set():
                number += 1
                other.bulk(Accounts).put([Account("new", None, [], 5, 10_000 + number)])
                other.bulk(Accounts).put([Account("moved", None, ["all"], number, 2)])
                other.bulk(Accounts).delete([10_000 + number - 3])

        writer = threading.Thread(target=write)
        writer.start()
        try:
            came = [each.id for each in store.stream(Accounts.balance >= 0, batch=100)]
        finally:
            over.set()
            writer.join()
        assert len(came) == len(set(came))
        assert set(range(1, 3_001)) <= set(came)
        assert [] == shop.complaints()


class TestChunks:
    """A chunk that fails: what is committed is told, and a call can go on behind it."""

    @pytest.fixture
    def proxy(self, server: Server) -> Iterator[Proxy]:
        """A proxy before the server."""
        with Proxy(server.port) as proxy:
            yield proxy

    @pytest.fixture
    def store(self, shop: Shop, proxy: Proxy) -> Iterator[Store]:
        """A store behind it, of a server that knows its scripts."""
        with shop_on(shop.server) as other:
            other.open().bulk(Accounts).insert(accounts(5), chunk=2)
        store = shop.open(proxy.url)
        store.bulk(Notes).insert([Note(id="a")])
        proxy.seen.clear()
        yield store
        proxy.come_back()

    @pytest.mark.parametrize("lose", ["lose_reply", "lose_request", "hold"])
    @pytest.mark.parametrize("verb", ["insert", "put", "delete"])
    def test_a_link_that_breaks_in_a_chunk(
        self, shop: Shop, store: Store, proxy: Proxy, verb: str, lose: str
    ):
        """The chunk is written once, and counted once."""
        told: list[int] = []
        if verb == "delete":
            store.bulk(Accounts).insert(accounts(5))

        def then(count: int) -> None:
            told.append(count)
            if count == 2:
                getattr(proxy, lose)()

        given = list(accounts(5))
        assert 5 == getattr(store.bulk(Accounts), verb)(given, chunk=2, progress=then)
        assert [2, 4, 5] == told
        before = shop.dump
        proxy.deliver()
        assert before == shop.dump
        there = shop.open().query(Accounts).all()
        assert ([] if verb == "delete" else given) == there
        assert [] == shop.complaints()

    @pytest.mark.parametrize("written", [True, False], ids=["written", "not written"])
    def test_an_unknown_outcome(self, shop: Shop, store: Store, proxy: Proxy, *, written: bool):
        """The note says which chunk is open, `outcome` what became of it; then it goes on."""
        told = [0]

        def then(count: int) -> None:
            told.append(count)
            if count == 2:
                (proxy.lose_reply if written else proxy.lose_request)()
                proxy.go_down()

        given = list(accounts(7))
        with pytest.raises(CommitUnknown) as unknown:
            store.bulk(Accounts).insert(given, chunk=2, progress=then)
        assert ["bulk(Accounts).insert: 2 are committed, and of the next 2 either all or none"] == (
            unknown.value.__notes__
        )
        assert [0, 2] == told
        proxy.come_back()
        other = shop.open()
        applied = "applied" == other.outcome(unknown.value.unit_id)
        assert written == applied
        done = told[-1] + (2 if applied else 0)
        assert given[:done] == other.query(Accounts).all()
        assert 7 - done == store.bulk(Accounts).insert(given[done:], chunk=2)
        assert given == other.query(Accounts).all()
        assert [] == shop.complaints()

    def test_a_server_that_is_not_there(self, shop: Shop, store: Store, proxy: Proxy):
        """What could not be sent is not written, and the note says so."""

        def then(count: int) -> None:
            if count == 4:
                proxy.cut()

        given = list(accounts(7))
        with pytest.raises((ConnectionLost, CommitUnknown)) as lost:
            store.bulk(Accounts).put(given, chunk=2, progress=then)
        assert isinstance(lost.value, ConnectionLost)  # a put reads first
        assert ["bulk(Accounts).put: 4 are committed, and no more"] == lost.value.__notes__
        assert given[:4] == shop.open().query(Accounts).all()

    @pytest.mark.parametrize("place", range(7))
    def test_a_value_that_is_taken(self, shop: Shop, place: int):
        """By another entity: whole chunks before stand, and it goes on once it is mended."""
        store, told = shop.open(), [0]
        store.bulk(Accounts).insert([Account("other", "taken@x", id=99)])
        given = list(accounts(7))
        given[place].email = "taken@x"
        with pytest.raises(Taken) as taken:
            store.bulk(Accounts).insert(given, chunk=3, progress=told.append)
        assert ("by_email", "taken@x", 99) == (
            taken.value.index,
            taken.value.value,
            taken.value.owner,
        )
        assert given[place] is taken.value.obj
        assert place // 3 * 3 == told[-1]
        assert given[: told[-1]] == store.query(Accounts).where(Accounts.id < 99).all()
        assert [] == shop.complaints()
        given[place].email = None
        store.bulk(Accounts).insert(given[told[-1] :], chunk=3, progress=told.append)
        assert given == store.query(Accounts).where(Accounts.id < 99).all()
        assert [] == shop.complaints()

    def test_others_write_the_same_rows(self, shop: Shop):
        """Puts, inserts and deletions at once: every chunk is whole, and the indexes are right."""
        failures: list[BaseException] = []

        def write(number: int, store: Store) -> None:
            chance = random.Random(number)
            for _ in range(6):
                keys = chance.sample(range(1, 40), 20)
                mine = [Account(f"w{number}", f"{key}@x", ["all"], number, key) for key in keys]
                try:
                    store.bulk(Accounts).put(mine, chunk=7)
                    store.bulk(Accounts).delete(keys[:5], chunk=2)
                except (Taken, Stale) as error:  # nobody else's value is wanted, nor any version
                    failures.append(error)

        threads = [
            threading.Thread(target=write, args=(number, shop.open())) for number in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [] == failures
        assert [] == shop.complaints()

    def test_a_chunk_is_one_commit(self, store: Store, proxy: Proxy):
        """Each of its own unit, in one call of a script."""
        store.bulk(Accounts).insert(accounts(10), chunk=3)
        units = [unit_of(request) for request in proxy.seen]
        assert 4 == len(units) == len(set(units))


def test_ten_thousand_in_a_chunk_do_not_warn(server: Server):
    """The limit that a unit warns above; a warning would fail this test."""
    with shop_on(server) as shop:
        assert 10_001 == shop.open().bulk(Accounts).insert(
            (attrs.evolve(each, id=None) for each in accounts(10_001)), chunk=10_000
        )
