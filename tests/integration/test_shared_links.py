"""The links that all tasks of an async store share: replies, cancellations, losses, ends.

What a link does with a reply or a loss is tested alone in tests/unit; here it is many tasks on a
real server, and what became of their commits.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from accounts import REGISTRY, Account, Accounts, Note, Shop, shop_on
from proxy import Proxy
from redmapper import AsyncStore, CommitUnknown, ConnectionLost, StoreError
from redmapper.faces.aio import links as links_room
from redmapper.faces.aio import runner as runner_room
from servers import Server, running

TASKS = 100
FORKING = Path(__file__).with_name("forking_async.py")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses before resendings, too short to be noticed."""
    monkeypatch.setattr(runner_room, "PAUSES", (0.001,) * 4)


@pytest.fixture
def shop(server: Server) -> Iterator[Shop]:
    """A namespace for one test."""
    with shop_on(server) as shop:
        yield shop


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    """A proxy before the server."""
    with Proxy(server.port) as proxy:
        yield proxy


def on(shop: Shop, use: Callable[[AsyncStore], Awaitable[Any]], url: str = "") -> Any:
    """Use a store on a loop of its own, which it is closed on."""

    async def run() -> Any:
        async with AsyncStore(REGISTRY, url or shop.server.url, namespace=shop.namespace) as store:
            return await use(store)

    return asyncio.run(run())


def links_of(store: AsyncStore) -> list[Any]:
    """The links of this loop."""
    links: Any = store._runner
    return links.links.loops[asyncio.get_running_loop()].links


def account(number: int) -> Account:
    """One that can be told from all others."""
    return Account(f"owner {number}", f"{number}@x", [f"tag {number}"], number, id=number)


async def write(store: AsyncStore, number: int) -> None:
    """A commit of one."""
    async with store.unit() as unit:
        unit.add(account(number))


def with_options(url: str, options: str) -> str:
    """An address with further options."""
    return f"{url}{'&' if '?' in url else '?'}{options}"


async def until(condition: Callable[[], Any]) -> None:
    """Wait for what happens in a thread or in another task."""
    while not condition():  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.001)


class TestManyTasks:
    """Each gets what it asked for."""

    def test_each_gets_its_own_replies(self, shop: Shop):
        """Commits, reads by key and by value, and queries, all mixed on two links."""

        async def one(store: AsyncStore, number: int) -> None:
            await write(store, number)
            assert account(number) == await store.get(Account, number)
            assert [account(number), None] == await store.get_many(Account, [number, 10**6])
            assert account(number) == await store.get_by(Accounts.by_email, f"{number}@x")
            found = store.query(Account).where(Accounts.tags.has(f"tag {number}"))
            assert [account(number)] == await found.all()
            async with store.unit() as unit:
                loaded = await unit.require(Account, number)
                loaded.balance += 1
            assert number + 1 == (await store.require(Account, number)).balance

        async def use(store: AsyncStore) -> int:
            await asyncio.gather(*(one(store, number) for number in range(1, TASKS + 1)))
            return len(links_of(store))

        assert 2 == on(shop, use)
        assert [] == shop.complaints(lanes=TASKS)

    def test_a_big_reply_beside_small_ones(self, shop: Shop):
        """It comes whole, and so do those behind it and on the other link."""
        text = "x" * 20_000_000

        async def use(store: AsyncStore) -> None:
            async with store.unit() as unit:
                unit.add_all([Note(text, id="big"), *(Note(str(n), id=str(n)) for n in range(50))])
            big = [asyncio.create_task(store.require(Note, "big")) for _ in range(3)]
            for _ in range(10):
                keys = list(map(str, range(50)))
                notes = await asyncio.gather(*(store.require(Note, key) for key in keys))
                assert keys == [note.text for note in notes]
            assert [text] * 3 == [note.text for note in await asyncio.gather(*big)]

        on(shop, use)

    def test_more_than_the_connection_takes_at_once(self, shop: Shop):
        """What is asked while it takes no more is written when it does."""

        async def one(store: AsyncStore, number: int) -> None:
            text = str(number) * 100_000
            async with store.unit() as unit:
                unit.add(Note(text, id=str(number)))
            assert text == (await store.require(Note, str(number))).text

        async def use(store: AsyncStore) -> None:
            await asyncio.gather(*(one(store, number) for number in range(TASKS)))
            assert TASKS == await store.query(Note).count()

        on(shop, use)
        assert [] == shop.complaints(lanes=TASKS)

    def test_cancelling_some_harms_no_other(self, shop: Shop):
        """At any moment: what was cancelled is written whole or not at all."""
        chance = random.Random(7)

        async def one(store: AsyncStore, number: int) -> None:
            await write(store, number)
            assert account(number) == await store.get(Account, number)

        async def use(store: AsyncStore) -> set[int]:
            await store.get(Account, 1)
            tasks = {
                number: asyncio.create_task(one(store, number)) for number in range(1, TASKS + 1)
            }
            doomed = chance.sample(sorted(tasks), TASKS // 2)
            for number in doomed:
                await asyncio.sleep(0)
                tasks[number].cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)
            for number in doomed:
                if tasks[number].cancelled():
                    del tasks[number]
            await asyncio.gather(*tasks.values())
            return set(tasks)

        done = on(shop, use)
        assert len(done) >= TASKS // 2
        stored = {each.id for each in shop.open().query(Account).all()}
        assert done <= stored
        assert [] == shop.complaints(lanes=TASKS)


class TestLosses:
    """The connections are killed with a hundred tasks on them."""

    @pytest.mark.parametrize("pauses", [(), (0.001,) * 20], ids=["told at once", "sent again"])
    def test_each_commit_has_landed_or_not_as_it_is_told(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch, pauses: tuple[float, ...]
    ):
        """Success: it has. ConnectionLost: it has not. CommitUnknown: as `outcome` says."""
        monkeypatch.setattr(runner_room, "PAUSES", pauses)
        monkeypatch.setattr(runner_room, "PATIENCE", 60)

        async def use(store: AsyncStore) -> dict[int, str]:
            with contextlib.suppress(StoreError):
                await store.query(Account).count()
            with killing(shop, every=0.05 if pauses else 0.002):
                return await write_many(store)

        told = on(shop, use)
        stored = {each.id for each in shop.open().query(Account).all()}
        outcome = shop.open().outcome
        applied = {
            number
            for number, said in told.items()
            if (said if said.endswith("applied") else outcome(said)) == "applied"
        }
        assert applied == stored
        if pauses:
            assert set(told.values()) == {"applied"}
        assert [] == shop.complaints(lanes=10**6)

    def test_a_server_that_dies(self, shop: Shop, server: Server):
        """Everybody who waits is told."""

        async def use(store: AsyncStore) -> None:
            await store.get(Account, 1)
            os.kill(own.process_id, signal.SIGSTOP)
            tasks = [asyncio.create_task(store.get(Account, number)) for number in range(TASKS)]
            await until(lambda: sum(len(link.owed) for link in links_of(store)) >= TASKS - 1)
            own.kill()
            told = await asyncio.gather(*tasks, return_exceptions=True)
            assert {ConnectionLost} == set(map(type, told))
            with pytest.raises(ConnectionLost):
                await store.get(Account, 1)

        with running(server.binary) as own:
            on(shop, use, own.url)

    def test_a_reply_that_takes_too_long(self, shop: Shop, proxy: Proxy):
        """`socket_timeout` holds for each: it is sent again, over another link, and done once."""
        never = threading.Event()

        async def use(store: AsyncStore) -> None:
            await asyncio.gather(*(store.get(Account, number) for number in range(10)))
            proxy.delay_reply(never)
            slow = asyncio.create_task(write(store, 1))
            await until(lambda: proxy.carried)
            await asyncio.gather(*(write(store, number) for number in range(2, 12)))
            await slow
            never.set()

        on(shop, use, f"{proxy.url}?socket_timeout=0.1")
        assert list(range(1, 12)) == [each.id for each in shop.open().query(Account).all()]
        assert [] == shop.complaints(lanes=20)

    def test_a_slow_reply_holds_up_no_newcomer(self, shop: Shop, proxy: Proxy):
        """They go by the other link, even where there is no timeout."""
        event = threading.Event()

        async def use(store: AsyncStore) -> None:
            await store.get(Account, 1)
            proxy.delay_reply(event)
            slow = asyncio.create_task(write(store, 1))
            await until(lambda: proxy.carried)
            await until(lambda: any(link.held_up for link in links_of(store)))
            for number in range(2, 12):
                await write(store, number)
            assert not slow.done()
            event.set()
            await slow

        on(shop, use, f"{proxy.url}?socket_timeout=60")
        assert 11 == shop.open().query(Account).count()

    def test_who_gives_up_is_not_waited_for(self, shop: Shop, proxy: Proxy):
        """With no timeout of the link: the store's next tasks get other links."""
        never = threading.Event()

        async def use(store: AsyncStore) -> None:
            await store.get(Account, 0)
            for number in (1, 2, 3):
                proxy.wait_for(never)
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(write(store, number), 0.2)
                await until(lambda: not any(link.owed for link in links_of(store)))
            await write(store, 4)
            never.set()

        on(shop, use, f"{proxy.url}?socket_timeout=600")
        assert 4 in {each.id for each in shop.open().query(Account).all()}


async def write_many(store: AsyncStore) -> dict[int, str]:
    """A thousand commits, a hundred at a time; what is said of each, or the id of its unit."""

    async def told(number: int) -> str:
        try:
            await write(store, number)
        except CommitUnknown as unknown:
            return unknown.unit_id
        except ConnectionLost as lost:
            return "nothing" if lost.sent else "not applied"
        return "applied"

    answers: list[str] = []
    for first in range(1, 1001, TASKS):
        answers += await asyncio.gather(*map(told, range(first, first + TASKS)))
    return dict(enumerate(answers, start=1))


@contextlib.contextmanager
def killing(shop: Shop, every: float) -> Iterator[None]:
    """Every connection to the server but one is killed, again and again."""
    enough = threading.Event()

    def kill() -> None:
        with redis.Redis(port=shop.server.port) as client:
            while not enough.wait(every):
                client.execute_command("CLIENT KILL TYPE normal SKIPME yes")

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


class TestTheirEnd:
    """Closing, and loops that end."""

    def connections(self, shop: Shop) -> int:
        """How many there are that are called so."""
        return [each["name"] for each in shop.client.client_list()].count("mine")

    def test_tasks_share_two_connections(self, shop: Shop):
        """However many they are; closing leaves none."""

        async def use(store: AsyncStore) -> int:
            await asyncio.gather(*(write(store, number) for number in range(1, TASKS)))
            await asyncio.gather(*(store.get(Account, number) for number in range(TASKS)))
            return self.connections(shop)

        assert 2 == on(shop, use, f"{shop.server.url}?client_name=mine")
        assert 0 == self.connections(shop)

    def test_closing_waits_for_a_commit_on_its_way(self, shop: Shop, proxy: Proxy):
        """It has landed, and who asked for it is told so."""
        event = threading.Event()

        async def use(store: AsyncStore) -> None:
            await store.get(Account, 1)
            proxy.delay_reply(event)
            slow = asyncio.create_task(write(store, 1))
            await until(lambda: proxy.carried)
            closing = asyncio.create_task(store.close())
            await asyncio.sleep(0.01)
            assert not closing.done()
            event.set()
            await slow
            await closing
            with pytest.raises(StoreError, match="closed"):
                await store.get(Account, 1)

        on(shop, use, proxy.url)
        assert 1 == shop.open().query(Account).count()

    def test_closing_does_not_wait_for_ever(
        self, shop: Shop, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
    ):
        """A commit whose reply does not come asks for it again, over another link."""
        monkeypatch.setattr(links_room, "PATIENCE", 0.05)
        never = threading.Event()

        async def use(store: AsyncStore) -> None:
            await store.get(Account, 1)
            proxy.delay_reply(never)
            slow = asyncio.create_task(write(store, 1))
            await until(lambda: proxy.carried)
            await store.close()
            await slow
            assert 2 == len(proxy.seen)

        on(shop, use, proxy.url)
        never.set()
        assert 1 == shop.open().query(Account).count()

    def test_one_loop_after_another(self, shop: Shop):
        """A store outlives its loop, as in a module that tests use; the links do not."""
        url = f"{shop.server.url}?client_name=mine"
        store = AsyncStore(REGISTRY, url, namespace=shop.namespace)

        async def use(number: int) -> None:
            assert number == await store.query(Account).count()
            await write(store, number + 1)
            await asyncio.gather(*(store.get(Account, each) for each in range(TASKS)))
            assert 2 == self.connections(shop)

        for number in range(3):
            asyncio.run(use(number))
        asyncio.run(store.close())
        assert 0 == self.connections(shop)

    def test_two_loops_at_once(self, shop: Shop):
        """In two threads: each has links of its own."""
        store = AsyncStore(REGISTRY, shop.server.url, namespace=shop.namespace)

        async def use(first: int) -> None:
            for number in range(first, first + 20):
                await write(store, number)
                assert account(number) == await store.get(Account, number)

        threads = [
            threading.Thread(target=asyncio.run, args=(use(first),)) for first in (1, 101, 201)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        asyncio.run(store.close())
        assert 60 == shop.open().query(Account).count()
        assert [] == shop.complaints(lanes=10)

    def test_a_forked_child(self, shop: Shop):
        """It makes links of its own, and leaves those of its parent, which goes on."""
        words = [sys.executable, "-X", "dev", str(FORKING), shop.server.url, shop.namespace]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        assert (0, "") == (done.returncode, done.stderr)
        owners = [each.owner for each in shop.open().query(Account).all()]
        assert {"before": 5, "child": 5, "parent": 5} == {
            name: owners.count(name) for name in set(owners)
        }


async def use_all(store: AsyncStore) -> None:
    """Write and read in many tasks."""
    await asyncio.gather(*(write(store, number) for number in range(1, TASKS)))
    found = await asyncio.gather(*(store.get(Account, number) for number in range(1, TASKS)))
    assert list(map(account, range(1, TASKS))) == found
    assert TASKS - 1 == await store.query(Account).count()


class TestOptions:
    """What an address says is redis-py's to do."""

    @pytest.mark.parametrize(
        "options",
        [
            "protocol=3",
            "protocol=2",
            "max_connections=1",
            "health_check_interval=1",
            "socket_timeout=30",
            "socket_connect_timeout=30",
            "socket_keepalive=0",
            "client_name=mine&protocol=3&socket_timeout=30",
            "retry_on_timeout=1",
            "db=5",
        ],
    )
    def test_of_an_address(self, shop: Shop, options: str):
        """Many tasks do their work with each of them."""
        on(shop, use_all, f"redis://127.0.0.1:{shop.server.port}?{options}")
        if options == "db=5":
            with redis.Redis(port=shop.server.port, db=5) as client:
                client.flushdb()

    @pytest.mark.parametrize("protocol", [2, 3])
    def test_a_unix_socket(self, shop: Shop, protocol: int):
        """As over TCP."""
        on(shop, use_all, with_options(shop.server.unix_url, f"protocol={protocol}"))

    @pytest.mark.parametrize("protocol", [2, 3])
    def test_tls(self, tls_server: Server, protocol: int):
        """As without; big replies and what the connection does not take at once, too."""
        with shop_on(tls_server) as shop:
            url = with_options(shop.server.url, f"protocol={protocol}")
            on(shop, use_all, url)

            async def big(store: AsyncStore) -> None:
                text = "x" * 5_000_000
                for key in "ab":
                    async with store.unit() as unit:
                        unit.add(Note(text, id=key))
                notes = await asyncio.gather(*(store.require(Note, key) for key in "abab"))
                assert [text] * 4 == [note.text for note in notes]

            on(shop, big, url)

    @pytest.mark.parametrize("protocol", [2, 3])
    def test_a_user_with_a_password(self, shop: Shop, protocol: int):
        """And one with another is refused, before anything is sent."""
        user = f"user-{shop.namespace}"
        shop.client.execute_command(f"ACL SETUSER {user} on >pass%word ~* +@all")
        try:
            url = f"redis://{user}:pass%25word@127.0.0.1:{shop.server.port}?protocol={protocol}"
            on(shop, use_all, url)
            with pytest.raises(StoreError, match="right user name and password"):
                on(shop, use_all, url.replace("pass%25word", "other"))
        finally:
            shop.client.execute_command(f"ACL DELUSER {user}")

    def test_a_user_that_loses_its_rights(self, shop: Shop):
        """Its connections are cut; the next is refused, and those after it as well."""
        user = f"user-{shop.namespace}"
        shop.client.execute_command(f"ACL SETUSER {user} on >word ~* +@all")

        async def use(store: AsyncStore) -> None:
            await write(store, 1)
            shop.client.execute_command(f"ACL DELUSER {user}")
            for _ in range(3):
                with pytest.raises(StoreError):
                    await store.get(Account, 1)

        on(shop, use, f"redis://{user}:word@127.0.0.1:{shop.server.port}")


async def ticks() -> AsyncIterator[None]:
    """Turns of the loop."""
    while True:
        await asyncio.sleep(0)
        yield


def test_other_tasks_get_their_turn_while_a_long_reply_comes(shop: Shop):
    """It is read piece by piece."""
    text = "x" * 20_000_000

    async def use(store: AsyncStore) -> int:
        async with store.unit() as unit:
            unit.add(Note(text, id="big"))
        reading = asyncio.create_task(store.require(Note, "big"))
        turns = 0
        async for _ in ticks():
            turns += 1
            if reading.done():
                break
        return turns

    assert on(shop, use) > len(text) // 1_000_000
