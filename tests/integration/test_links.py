"""Links that break: what was asked once is done once, and nobody is told what is not known.

A proxy stands between the store and the server and loses requests and replies where a test wants
it to. Every test runs on both faces, and on every server.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import pytest
import redis

from accounts import REGISTRY, Account, Accounts, Note, Shop, shop_on
from proxy import SCRIPTS, Proxy, unit_of
from redmapper import (
    AlreadyExists,
    AsyncStore,
    CommitUnknown,
    ConnectionLost,
    OutOfMemory,
    RedmapperError,
    Store,
    StoreError,
    StoreReadOnly,
    UnitOfWork,
)
from redmapper.faces.aio import runner as async_runner
from redmapper.faces.sync import runner as sync_runner
from redmapper.strategies.lua.receipts import place_digest
from servers import Server

FORKING = Path(__file__).with_name("forking.py")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses before resendings, too short to be noticed."""
    for room in (sync_runner, async_runner):
        monkeypatch.setattr(room, "PAUSES", (0.001,) * 4)


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    """A proxy before the server."""
    with Proxy(server.port) as proxy:
        yield proxy


@pytest.fixture(params=[Store, AsyncStore], ids=["sync", "async"])
def shop(request: pytest.FixtureRequest, server: Server, proxy: Proxy) -> Iterator[Shop]:
    """A namespace for one test, on one face."""
    with shop_on(server, request.param) as shop:
        yield shop
        proxy.come_back()


@pytest.fixture
def store(shop: Shop, proxy: Proxy) -> Store:
    """A store behind the proxy, of a server that knows its scripts; three accounts are there."""
    store = shop.open(proxy.url)
    with store.unit() as unit:
        for number, name in enumerate(("Ann", "Bob", "Cyd"), start=1):
            unit.add(Account(name, f"{name}@x", ["all", name], 10, id=number))
        unit.add(Note("one", "first", "a"))
    # A commit of one is a script of its own, and so is a query.
    for name in ("Anne", "Ann"):
        with store.unit() as unit:
            unit.require(Account, 1).owner = name
    store.query(Account).all()
    proxy.seen.clear()
    return store


def edit_one(store: Store) -> None:
    """Change every indexed field of an account."""
    with store.unit() as unit:
        ann = unit.require(Account, 1)
        ann.owner, ann.email, ann.balance = "Anna", "anna@x", ann.balance + 1
        ann.tags.append("new")


def edit_note(store: Store) -> None:
    """Change a field, where only fields are compared."""
    with store.unit() as unit:
        unit.require(Note, "a").text += "!"


def commit(store: Store, work: Callable[[UnitOfWork], Any]) -> None:
    """A unit without reading."""
    with store.unit() as unit:
        work(unit)


COMMITS: dict[str, Callable[[Store], None]] = {
    "insert": lambda store: commit(
        store, lambda unit: unit.add(Account("Dan", "d@x", ["d"], id=9))
    ),
    "insert, numbered": lambda store: commit(store, lambda unit: unit.add(Account("Dan", "d@x"))),
    "update": edit_one,
    "update of fields": edit_note,
    "put": lambda store: commit(store, lambda unit: unit.put(Account("Eve", "e@x", id=2))),
    "delete": lambda store: commit(store, lambda unit: unit.delete_by_key(Account, 3)),
    "replacement": lambda store: commit(
        store,
        lambda unit: (unit.delete_by_key(Account, 3), unit.add(Account("Fay", "Cyd@x", id=4))),
    ),
}
"""A commit of each kind; each would fail, or change something more, if it were run twice."""


def what_is_there(shop: Shop) -> list[Any]:
    """All entities, as another store reads them."""
    other = shop.open()
    return [attrs.asdict(each) for cls in (Account, Note) for each in other.query(cls).all()]


def as_without_loss(shop: Shop, kind: str) -> list[Any]:
    """What would be there if no link had broken: the same in another namespace."""
    with shop_on(shop.server) as calm:
        store = calm.open()
        with store.unit() as unit:
            for number, name in enumerate(("Ann", "Bob", "Cyd"), start=1):
                unit.add(Account(name, f"{name}@x", ["all", name], 10, id=number))
            unit.add(Note("one", "first", "a"))
        COMMITS[kind](store)
        return what_is_there(calm)


class TestLostOnTheWay:
    """The link breaks once or a few times, and comes back."""

    @pytest.mark.parametrize("kind", COMMITS)
    @pytest.mark.parametrize("times", [1, 3])
    def test_a_lost_reply(self, shop: Shop, store: Store, proxy: Proxy, kind: str, times: int):
        """The commit has been applied: it is not applied again, and reported as applied."""
        for _ in range(times):
            proxy.lose_reply()
        COMMITS[kind](store)
        assert times + 1 == len(proxy.seen)
        assert as_without_loss(shop, kind) == what_is_there(shop)
        assert [] == shop.complaints()

    @pytest.mark.parametrize("kind", COMMITS)
    def test_a_lost_request(self, shop: Shop, store: Store, proxy: Proxy, kind: str):
        """The commit had not reached the server: it is sent again, and applied once."""
        proxy.lose_request()
        COMMITS[kind](store)
        assert 2 == len(proxy.seen)
        assert as_without_loss(shop, kind) == what_is_there(shop)

    @pytest.mark.parametrize("kind", COMMITS)
    def test_a_late_request(self, shop: Shop, store: Store, proxy: Proxy, kind: str):
        """A request that was thought lost arrives after its resending: it changes nothing."""
        proxy.hold()
        COMMITS[kind](store)
        before = shop.dump
        (reply,) = proxy.deliver()
        assert b"applied" in reply
        assert before == shop.dump

    @pytest.mark.parametrize("kind", COMMITS)
    def test_a_very_late_request(self, shop: Shop, store: Store, proxy: Proxy, kind: str):
        """It arrives when other commits have gone through its lane: it is none of them."""
        proxy.hold()
        COMMITS[kind](store)
        commit(store, lambda unit: unit.delete_by_key(Account, 1))
        before = shop.dump
        (reply,) = proxy.deliver()
        assert b"superseded" in reply
        assert before == shop.dump

    def test_the_object_gets_its_number(self, store: Store, proxy: Proxy):
        """A key from a sequence is set on the object, though the reply came at second hand."""
        with store.unit() as unit:
            proxy.lose_reply()
            dan = unit.add(Account("Dan"))
            unit.commit()
            assert "clean" == unit.state(dan)
            assert dan is unit.get(Account, dan.id)

    def test_the_unit_goes_on(self, shop: Shop, store: Store, proxy: Proxy):
        """After a commit in the middle whose reply was lost the next one builds upon it."""
        with store.unit() as unit:
            ann = unit.require(Account, 1)
            ann.balance = 11
            proxy.lose_reply()
            unit.commit()
            ann.balance = 12
        assert 12 == shop.open().require(Account, 1).balance

    def test_a_refusal_comes_through(self, store: Store, proxy: Proxy):
        """A commit whose refusal was lost is refused again."""
        proxy.lose_reply()
        with pytest.raises(AlreadyExists):
            commit(store, lambda unit: unit.add(Account("Ann", id=1)))

    def test_reads(self, store: Store, proxy: Proxy):
        """A read whose request or reply is lost is asked again."""
        proxy.watched = (*SCRIPTS, b"HGETALL")
        for lose in (proxy.lose_request, proxy.lose_reply):
            lose()
            assert "Ann" == store.require(Account, 1).owner
            lose()
            assert ["Ann", "Bob"] == [each.owner for each in store.get_many(Account, [1, 2])]
            lose()
            assert 3 == store.query(Account).count()
            lose()
            assert ["Cyd"] == [
                each.owner for each in store.query(Account).where(Accounts.owner > "Bz").all()
            ]
            lose()
            assert 2 == store.get_by(Accounts.by_email, "Bob@x").id

    def test_numbers(self, store: Store, proxy: Proxy):
        """Numbers whose reply was lost are a gap: no number comes twice."""
        proxy.watched = (b"INCRBY",)
        numbers = []
        for _ in range(200):
            proxy.come_back()  # most numbers come from those taken before: forget what was told
            proxy.lose_reply()
            numbers.append(store.new_key(Account))
        assert sorted(set(numbers)) == numbers

    def test_a_slow_link(self, store: Store, proxy: Proxy):
        """A commit that takes long is waited for, and another thread's commit passes it."""
        passed = threading.Event()
        proxy.wait_for(passed)
        with ThreadPoolExecutor(1) as slow:
            waiting = slow.submit(COMMITS["update"], store)
            while not proxy.seen:  # until the slow one is on its way
                pass
            commit(store, lambda unit: unit.add(Account("Quick", id=50)))
            assert not waiting.done()
            passed.set()
            waiting.result()
        assert ["Anna", "Quick"] == [each.owner for each in store.get_many(Account, [1, 50])]


def no_lane(shop: Shop) -> str:
    """The name of a lane of this partition that there never was."""
    return place_digest(shop.tag) + "nowhere"


class TestOutcomes:
    """The link breaks, and stays broken: only the receipt can tell."""

    def test_it_was_applied(self, shop: Shop, store: Store, proxy: Proxy):
        """The error names the unit, and another store says that it was applied, again and again."""
        proxy.lose_reply()
        proxy.go_down()
        with pytest.raises(CommitUnknown) as unknown:
            COMMITS["insert"](store)
        unit_id = unknown.value.unit_id
        assert unit_id in str(unknown.value)
        other = shop.open()
        assert ["applied"] * 2 == [other.outcome(unit_id) for _ in range(2)]
        assert "Dan" == other.require(Account, 9).owner

    @pytest.mark.parametrize("kind", COMMITS)
    def test_it_was_not_applied(self, shop: Shop, store: Store, proxy: Proxy, kind: str):
        """Once somebody was told so it never will be, though the request arrives late."""
        proxy.hold()
        proxy.go_down()
        with pytest.raises(CommitUnknown) as unknown:
            COMMITS[kind](store)
        before, other = shop.dump, shop.open()
        assert "not applied" == other.outcome(unknown.value.unit_id)
        (reply,) = proxy.deliver()
        assert b"superseded" in reply
        assert before == shop.dump
        assert "not applied" == other.outcome(unknown.value.unit_id)

    def test_it_is_applied_late(self, shop: Shop, store: Store, proxy: Proxy):
        """The request arrives before anybody has asked: then the answer is that it was applied."""
        proxy.hold()
        proxy.go_down()
        with pytest.raises(CommitUnknown) as unknown:
            COMMITS["update"](store)
        (reply,) = proxy.deliver()
        assert b"applied" in reply
        assert "applied" == shop.open().outcome(unknown.value.unit_id)
        assert as_without_loss(shop, "update") == what_is_there(shop)

    def test_it_was_given_up_by_another(self, shop: Shop, store: Store, proxy: Proxy):
        """Somebody is told "not applied" between two sendings: the second is no success."""
        before, other = shop.dump, shop.open()
        proxy.hold()
        proxy.do(lambda: other.outcome(unit_of(proxy.held[0])))
        with pytest.raises(StoreError, match="nothing was written"):
            COMMITS["insert"](store)
        proxy.deliver()
        assert before == shop.dump

    def test_the_store_that_was_cut_off_can_ask_too(self, store: Store, proxy: Proxy):
        """When the link is back the same store learns the outcome, and its work goes on."""
        proxy.lose_reply()
        proxy.go_down()
        with pytest.raises(CommitUnknown) as unknown:
            COMMITS["insert"](store)
        proxy.come_back()
        assert "applied" == store.outcome(unknown.value.unit_id)
        COMMITS["update"](store)
        assert "Anna" == store.require(Account, 1).owner

    def test_it_was_another_partitions(self, shop: Shop, store: Store, proxy: Proxy):
        """Asked of the wrong partition or namespace: nothing false is said, nothing is burned."""
        proxy.lose_reply()
        proxy.go_down()
        part = store.partition("part")
        with pytest.raises(CommitUnknown) as unknown:
            commit(part, lambda unit: unit.add(Account("Dan", id=9)))
        unit_id, other = unknown.value.unit_id, shop.open()
        assert "Dan" == other.partition("part").require(Account, 9).owner
        for wrong in (other, other.partition("other"), shop.open(namespace=shop.namespace + "2")):
            before = shop.dump
            with pytest.raises(StoreError, match="partition"):
                wrong.outcome(unit_id)
            assert before == shop.dump
        assert "applied" == other.partition("part").outcome(unit_id)

    def test_its_lane_is_parked(self, shop: Shop, store: Store, proxy: Proxy):
        """No later commit goes through the lane of an unknown outcome, so its receipt stays."""
        proxy.lose_reply()
        proxy.go_down()
        with pytest.raises(CommitUnknown) as unknown:
            COMMITS["insert"](store)
        proxy.come_back()
        parked = shop.lanes
        for number in range(60, 70):
            commit(store, lambda unit, key=number: unit.add(Account("More", id=key)))
        assert parked == {key: shop.lanes[key] for key in parked}
        assert 2 == len(shop.lanes)
        store.close()
        assert parked == shop.lanes
        assert "applied" == shop.open().outcome(unknown.value.unit_id)

    def test_nothing_was_sent(self, shop: Shop, store: Store, proxy: Proxy):
        """Where no link could be made the commit was certainly not applied; it can be repeated."""
        before = shop.dump
        with store.unit() as unit:
            dan = unit.add(Account("Dan", id=9))
            proxy.cut()
            with pytest.raises(ConnectionLost) as lost:
                unit.commit()
            assert not lost.value.sent
            assert before == shop.dump
            assert "new" == unit.state(dan)
            proxy.come_back()
            unit.commit()
        assert "Dan" == store.require(Account, 9).owner

    def test_an_id_of_nothing(self, shop: Shop, store: Store):
        """What is no unit id is refused; the id of a unit that never was, was not applied."""
        with pytest.raises(StoreError, match="unit_id"):
            store.outcome("nonsense")
        assert "not applied" == store.outcome(f"{no_lane(shop)}.1.{2**40}.token")

    def test_an_old_id(self, shop: Shop, store: Store):
        """After an hour the receipt is gone, and nothing is claimed."""
        with pytest.raises(CommitUnknown, match="hour"):
            store.outcome(f"{no_lane(shop)}.1.1000.token")

    def test_a_read_that_gets_no_answer(self, shop: Shop, store: Store, proxy: Proxy):
        """Reading over a broken link is ConnectionLost."""
        proxy.cut()
        for read in (
            lambda: store.get(Account, 1),
            lambda: store.query(Account).all(),
            lambda: store.query(Account).count(),
            lambda: store.get_by(Accounts.by_email, "a"),
            lambda: store.outcome(f"{no_lane(shop)}.1.1000.token"),
        ):
            with pytest.raises(ConnectionLost):
                read()


class TestAnswersToTheResending:
    """An error that answers the second sending says nothing about the first one."""

    @pytest.mark.parametrize(
        "answer",
        [
            b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
            b"-READONLY You can't write against a read only replica.\r\n",
            b"-NOREPLICAS Not enough good replicas to write.\r\n",
            b"-MISCONF Errors writing to the AOF file\r\n",
            b"-BUSY Redis is busy running a script.\r\n",
            b"-NOPERM User default has no permissions to run the 'evalsha' command\r\n",
            b"-NOAUTH Authentication required.\r\n",
            b"-LOADING Redis is loading the dataset in memory\r\n",
            b"-MOVED 1 127.0.0.1:1\r\n",
            b"-ERR something else\r\n",
        ],
        ids=lambda answer: answer.split()[0].decode().strip("-"),
    )
    def test_it_is_not_taken_for_the_outcome(
        self, shop: Shop, store: Store, proxy: Proxy, answer: bytes
    ):
        """The commit was applied, or is unknown; it is never said not to have been written."""
        proxy.lose_reply()
        for _ in range(10):
            proxy.answer(answer)
        try:
            COMMITS["insert"](store)
        except CommitUnknown as unknown:
            proxy.come_back()
            assert "applied" == shop.open().outcome(unknown.unit_id)  # noqa: PT017 - may pass too
        assert "Dan" == shop.open().require(Account, 9).owner

    def test_after_an_answer_nothing_is_unknown(self, shop: Shop, store: Store, proxy: Proxy):
        """An error that answers the first sending is an outcome: nothing was written."""
        for answer, kind in (
            (b"-OOM command not allowed\r\n", OutOfMemory),
            (b"-READONLY no\r\n", StoreReadOnly),
            (b"-BUSY script\r\n", StoreError),
            (b"-NOAUTH Authentication required.\r\n", StoreError),
        ):
            proxy.answer(answer)
            with pytest.raises(kind):
                COMMITS["insert"](store)
        proxy.seen.clear()
        COMMITS["insert"](store)
        assert 1 == len(proxy.seen)
        assert 1 == len(shop.lanes)

    def test_a_server_that_loads_for_a_moment(self, store: Store, proxy: Proxy):
        """A server that has just been started is waited for."""
        proxy.answer(b"-LOADING Redis is loading the dataset in memory\r\n")
        COMMITS["insert"](store)
        assert "Dan" == store.require(Account, 9).owner

    def test_a_server_that_loads_for_long(self, shop: Shop, store: Store, proxy: Proxy):
        """It has said each time that it did nothing: that is no unknown outcome."""
        before = shop.dump
        for _ in range(20):
            proxy.answer(b"-LOADING Redis is loading the dataset in memory\r\n")
        with pytest.raises(StoreError, match="loading"):
            COMMITS["insert"](store)
        assert before == shop.dump


class Interrupted(redis.Connection):
    """A link on which reading a reply can be interrupted, as a signal does."""

    armed = False

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        """The next reply, or an interrupt in its place."""
        if Interrupted.armed:
            Interrupted.armed = False
            raise KeyboardInterrupt
        return super().read_response(*arguments, **options)


class TestInterrupts:
    """Somebody stops waiting for a reply that is on its way."""

    @pytest.fixture
    def interruptible(self, server: Server) -> Iterator[tuple[Shop, Store]]:
        """A store with a single link; two notes are there."""
        pool = redis.ConnectionPool(
            connection_class=Interrupted, port=server.port, protocol=2, max_connections=1
        )
        with shop_on(server) as shop, redis.Redis(connection_pool=pool) as client:
            store = shop.open(client)
            commit(store, lambda unit: unit.add_all([Note("one", id="1"), Note("two", id="2")]))
            yield shop, store
            store.close()
            pool.disconnect()

    def test_no_reply_is_left_for_the_next_reader(self, interruptible: tuple[Shop, Store]):
        """The link with the reply of an interrupted read is not used again."""
        _, store = interruptible
        Interrupted.armed = True
        with pytest.raises(KeyboardInterrupt):
            store.get(Note, "1")
        assert Note("two", id="2") == store.get(Note, "2")

    def test_an_interrupted_commit(self, interruptible: tuple[Shop, Store]):
        """It is written whole; no later commit goes through its lane."""
        shop, store = interruptible

        def write(unit: UnitOfWork) -> None:
            unit.add_all([Note("three", id="3"), Note("four", id="4")])
            Interrupted.armed = True

        with pytest.raises(KeyboardInterrupt):
            commit(store, write)
        parked = shop.lanes
        commit(store, lambda unit: unit.delete_by_key(Note, "1"))
        assert ["2", "3", "4"] == [note.id for note in store.query(Note).all()]
        assert parked.items() <= shop.lanes.items()
        assert 2 == len(shop.lanes)
        assert [] == shop.complaints()

    @pytest.mark.parametrize("sent", [False, True], ids=["before", "after"])
    def test_a_cancelled_commit(self, server: Server, proxy: Proxy, *, sent: bool):
        """Cancelled before it reached the server it is not written, after that it is, whole."""
        never = threading.Event()
        (proxy.delay_reply if sent else proxy.wait_for)(never)

        async def write(store: AsyncStore) -> None:
            async with store.unit() as unit:
                unit.add_all([Note("one", id="1"), Note("two", id="2")])

        async def cancel(namespace: str) -> None:
            async with AsyncStore(REGISTRY, proxy.url, namespace=namespace) as store:
                task = asyncio.create_task(write(store))
                while not (proxy.carried if sent else proxy.seen):  # noqa: ASYNC110 - of a thread
                    await asyncio.sleep(0)
                for _ in range(100):  # until it waits for the reply: Python 3.11 loses a
                    await asyncio.sleep(0)  # cancellation at the very end of asyncio.wait_for
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                proxy.cut()
                never.set()
                proxy.come_back()
                assert (2 if sent else 0) == await store.query(Note).count()
                async with store.unit() as unit:
                    unit.put(Note("new", id="2"))
                assert "new" == (await store.require(Note, "2")).text

        with shop_on(server) as shop:
            warm = shop.open()
            commit(warm, lambda unit: unit.delete_by_key(Note, "0"))
            commit(warm, lambda unit: unit.put(Note("", id="0")))  # the script is known
            commit(warm, lambda unit: unit.delete_by_key(Note, "0"))
            asyncio.run(cancel(shop.namespace))
            assert [] == shop.complaints()


class TestReceipts:
    """Receipts take memory for commits in flight, not for commits made."""

    def test_a_thousand_commits_leave_one(self, shop: Shop):
        """One after another they all go through one lane, which expires by itself."""
        store = shop.open()
        for number in range(1000):
            commit(store, lambda unit, key=number: unit.put(Note(str(key), id="one")))
        ((lane, receipt),) = shop.lanes.items()
        assert receipt.startswith(b"1000 ")
        assert 0 < shop.client.ttl(lane) <= 3600

    def test_as_many_as_commits_in_flight(self, shop: Shop):
        """Eight threads need eight lanes at most, however much they write."""
        store = shop.open()

        def write(name: str) -> None:
            for number in range(25):
                with store.unit() as unit:
                    unit.put(Note(str(number), id=name))

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(write, "abcdefgh"))
        assert 1 <= len(shop.lanes) <= 8
        assert [] == shop.complaints(lanes=8)

    def test_closing_removes_them(self, shop: Shop):
        """A store that is closed leaves no receipt, one that is not closed keeps its own."""
        first, second = shop.open(), shop.open()
        for store, key in ((first, "one"), (second, "two")):
            commit(store, lambda unit, key=key: unit.put(Note("text", id=key)))
        assert 2 == len(shop.lanes)
        first.close()
        first.close()
        assert 1 == len(shop.lanes)
        second.close()
        assert {} == shop.lanes

    def test_closing_closes_partitions_too(self, shop: Shop):
        """Their receipts go as well."""
        store = shop.open()
        part = store.partition("part")
        for each in (store, part):
            commit(each, lambda unit: unit.add(Note("text", id="one")))
        store.close()
        left = list(shop.client.scan_iter(match=f"*{shop.namespace}*lane*", count=10_000))
        assert [] == left

    def test_a_refused_commit_leaves_none(self, shop: Shop):
        """Neither a new one, nor a change of the one that was there."""
        first, second = shop.open(), shop.open()
        commit(first, lambda unit: unit.add(Account("Ann", "a@x", id=1)))
        before = shop.lanes
        for store in (first, second):
            with pytest.raises(AlreadyExists):
                commit(store, lambda unit: unit.add(Account("Bob", id=1)))
        assert before == shop.lanes

    def test_a_forked_child_has_its_own(self, shop: Shop):
        """Parent and child share neither lanes nor numbers of a sequence."""
        words = [sys.executable, str(FORKING), shop.server.url, shop.namespace]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        assert 0 == done.returncode, done.stderr
        told = json.loads(done.stdout)
        assert 1 == len(set(told["parent lanes"]))
        assert 1 == len(set(told["child lanes"]))
        assert not set(told["parent lanes"]) & set(told["child lanes"])
        numbers = told["parent numbers"] + told["child numbers"]
        assert len(numbers) == len(set(numbers))
        assert len(told["added"]) == shop.open().query(Account).count()
        assert [] == shop.complaints()


class TestForgetfulServers:
    """What a server forgets is told it again, unnoticed."""

    def test_scripts_are_flushed(self, shop: Shop):
        """Between two commits, and between two queries."""
        store = shop.open()
        for number in range(3):
            commit(store, lambda unit, key=number: unit.add(Account(str(key), id=key)))
            shop.client.script_flush()
            assert number + 1 == store.query(Account).count()
            shop.client.script_flush()
            assert number == len(store.query(Account).where(Accounts.owner < str(number)).all())
            shop.client.script_flush()

    def test_scripts_are_flushed_before_a_resending(self, shop: Shop, store: Store, proxy: Proxy):
        """The link breaks, and the server has forgotten the script when it is back."""
        proxy.lose_reply()
        proxy.do(shop.client.script_flush)
        COMMITS["insert"](store)
        assert as_without_loss(shop, "insert") == what_is_there(shop)

    @pytest.mark.parametrize("face", [Store, AsyncStore], ids=["sync", "async"])
    def test_it_restarts(self, own_server: Server, face: type):
        """With its data: commits, reads and queries go on, numbers too."""
        with shop_on(own_server, face) as shop:
            store = shop.open()
            for number in range(3):
                commit(store, lambda unit: unit.add(Account("Ann")))
                own_server.restart()
                assert number + 1 == store.query(Account).count()
                own_server.restart()
                assert store.get(Account, 1) is not None
                own_server.restart()
            assert [] == shop.complaints()

    @pytest.mark.parametrize("face", [Store, AsyncStore], ids=["sync", "async"])
    def test_it_loses_its_data(self, own_server: Server, face: type):
        """A server that comes back empty is one to begin with again."""
        with shop_on(own_server, face) as shop:
            store = shop.open()
            commit(store, lambda unit: unit.add(Account("Ann", "a@x", id=1)))
            own_server.restart(keep_data=False)
            assert store.get(Account, 1) is None
            commit(store, lambda unit: unit.add(Account("Bob", "a@x", id=1)))
            assert "Bob" == store.get_by(Accounts.by_email, "a@x").owner
            assert [] == shop.complaints()

    def test_it_was_emptied(self, shop: Shop):
        """The keys of the namespace go while the store is open: it begins again."""
        store = shop.open()
        commit(store, lambda unit: unit.add(Account("Ann", "a@x", id=1)))
        shop.client.delete(*shop.keys)
        commit(store, lambda unit: unit.add(Account("Bob", "a@x", id=1)))
        assert [] == shop.complaints()


def test_no_error_of_redis_py_escapes(store: Store, proxy: Proxy):
    """Whatever the server answers, the error is one of ours, and says it."""
    proxy.watched = (*SCRIPTS, b"HGETALL", b"INCRBY")
    for word in ("ERR", "BUSY", "NOPERM", "NOAUTH", "MISCONF", "CLUSTERDOWN", "TRYAGAIN", "XYZ"):
        for act in (
            lambda: store.get(Account, 1),
            lambda: store.query(Account).all(),
            lambda: store.new_key(Account),
            COMMITS["insert"].__get__(store),
        ):
            for _ in range(6):
                proxy.answer(f"-{word} because of the moon\r\n".encode())
            with pytest.raises(RedmapperError, match=re.escape("because of the moon")):
                act()
            proxy.come_back()
