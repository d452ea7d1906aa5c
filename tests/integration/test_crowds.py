"""How much is asked of a server, large units, and many that write at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import pytest

from accounts import REGISTRY, Account, Accounts, Note, Notes, Shop, shop_on
from rebuild import complaints
from redmapper import (
    AlreadyExists,
    AsyncStore,
    AsyncUnitOfWork,
    BatchReport,
    Field,
    Key,
    Lookup,
    Mapper,
    MapperRegistry,
    Ordered,
    Stale,
    Store,
    StoreError,
    Taken,
    Unique,
    UnitOfWork,
)
from servers import Server

FACES = pytest.mark.parametrize("face", [Store, AsyncStore], ids=["sync", "async"])


@pytest.fixture
def shop(server: Server) -> Iterator[Shop]:
    """A namespace for one test."""
    with shop_on(server) as shop:
        yield shop


COMMITS: dict[str, Callable[[UnitOfWork], Any]] = {
    "one": lambda unit: unit.add(Account("Zoe", "zoe@x", id=99)),
    "many": lambda unit: unit.add_all(
        [Account("Z", f"z{number}@x", ["z"], id=number) for number in range(100, 200)]
    ),
    "two classes": lambda unit: (unit.add(Account("Z", id=99)), unit.add(Note(id="z"))),
}


class TestWhatIsAsked:
    """The server's own count of commands, and the store's reports of batches."""

    @pytest.fixture
    def told(self) -> list[BatchReport]:
        """What `on_batch` was handed."""
        return []

    @pytest.fixture(params=[Store, AsyncStore], ids=["sync", "async"])
    def shop(self, request: pytest.FixtureRequest, server: Server) -> Iterator[Shop]:
        """A namespace for one test, on one face."""
        with shop_on(server, request.param) as shop:
            yield shop

    @pytest.fixture
    def store(self, shop: Shop, told: list[BatchReport]) -> Store:
        """A store of a server that knows its scripts; ten accounts are there."""
        store = shop.open(on_batch=told.append)
        with store.unit() as unit:
            for number in range(1, 11):
                unit.add(Account(f"A{number}", f"{number}@x", ["all"], number, id=number))
            unit.add(Note("text", "title", "a"))
        with store.unit() as unit:  # a commit of one is a script of its own
            unit.delete_by_key(Account, 11)
            unit.add(Account("A11", "11@x", ["all"], 11, id=11))
        store.transact(lambda unit: unit.delete_by_key(Account, 11))
        store.query(Account).all()
        told.clear()
        return store

    def asked(self, shop: Shop, act: Callable[[], Any]) -> dict[str, int]:
        """How often which command of ours was run while something was done."""
        commands = ("evalsha", "eval", "evalsha_ro", "hgetall", "hget", "incrby", "type", "multi")
        before = {each: shop.calls(each) for each in commands}
        act()
        after = {each: shop.calls(each) for each in commands}
        return {each: after[each] - before[each] for each in commands if after[each] > before[each]}

    @pytest.mark.parametrize("kind", COMMITS)
    def test_a_commit_is_one_call(
        self, shop: Shop, store: Store, told: list[BatchReport], kind: str
    ):
        """Whatever is in it: one EVALSHA, in one batch, and nothing besides."""
        with store.unit() as unit:
            COMMITS[kind](unit)
            asked = self.asked(shop, unit.commit)
            assert 1 == asked["evalsha"]
            assert not asked.keys() & {"eval", "evalsha_ro", "incrby", "multi"}
            assert [1] == [report.commands for report in told]
            assert ["commit"] == [report.verb for report in told]
            assert {} == self.asked(shop, unit.commit)

    def test_a_changed_object_is_one_call(self, shop: Shop, store: Store, told: list[BatchReport]):
        """Changes of what was read, with deletions, are one call after the reading."""
        with store.unit() as unit:
            first, *others = unit.get_many(Account, range(1, 11))
            unit.delete(first)
            for each in others:
                each.owner, each.email = each.owner + "!", f"new-{each.email}"
            assert 1 == self.asked(shop, unit.commit)["evalsha"]
        assert ["load", "commit"] == [report.verb for report in told]

    def test_nothing_to_do_asks_nothing(self, shop: Shop, store: Store, told: list[BatchReport]):
        """Neither an empty unit, nor what was set and set back, nor what cancels out."""

        def nothing() -> None:
            with store.unit():
                pass
            with store.unit() as unit:
                unit.delete(unit.add(Account("Zoe")))
                note = unit.add(Note("n", id="n"))
                unit.untrack(note)
                unit.rollback()
            store.transact(lambda _: None)

        assert {} == self.asked(shop, nothing)
        assert [] == told
        with store.unit() as unit:
            account = unit.require(Account, 1)
            account.owner, kept = "other", account.owner
            account.tags.append("other")
            account.owner = kept
            account.tags.pop()
            assert {} == self.asked(shop, unit.commit)
        assert ["load"] == [report.verb for report in told]

    def test_reading_by_key_is_hgetall(self, shop: Shop, store: Store, told: list[BatchReport]):
        """One HGETALL an entity, in one round trip; one that is known already is not read."""
        assert {"hgetall": 1} == self.asked(shop, lambda: store.get(Account, 1))
        assert {"hgetall": 4} == self.asked(shop, lambda: store.get_many(Account, [1, 2, 3, 99]))
        with store.unit() as unit:
            assert {"hgetall": 2} == self.asked(shop, lambda: unit.get_many(Account, [1, 2, 1, 2]))
            assert {"hgetall": 1} == self.asked(shop, lambda: unit.get_many(Account, [1, 2, 3]))
            assert {} == self.asked(shop, lambda: unit.get(Account, 3))
            unit.delete_by_key(Account, 4)
            assert {} == self.asked(shop, lambda: unit.get(Account, 4))
            unit.rollback()
        assert ["load"] * 4 == [report.verb for report in told]
        assert [1, 4, 2, 1] == [report.commands for report in told]

    def test_a_query_is_one_call(self, shop: Shop, store: Store, told: list[BatchReport]):
        """Searching, counting and getting by a unique value: one call of a script each."""
        query = store.query(Account)
        for act in (
            query.all,
            query.where(Accounts.owner >= "A5").order_by(Accounts.owner).limit(2).all,
            query.where(Accounts.tags.has("all")).all,
            query.where(Accounts.tags.has("all")).count,
            query.count,
            lambda: store.get_by(Accounts.by_email, "3@x"),
        ):
            assert 1 == self.asked(shop, act)["evalsha"]
        assert 6 == len(told)

    def test_numbers_are_taken_in_blocks(self, shop: Shop, store: Store):
        """One INCRBY for all new objects of a commit, and then ever fewer."""

        def add(count: int) -> None:
            with store.unit() as unit:
                unit.add_all([Account("Z") for _ in range(count)])

        assert 1 == self.asked(shop, lambda: add(500))["incrby"]

        def add_one_by_one() -> None:
            for _ in range(128):
                add(1)

        assert 10 >= self.asked(shop, add_one_by_one)["incrby"]

    def test_a_blind_write_reads_first(self, shop: Shop, store: Store):
        """Deleting and putting by key read what stands there, once, and then it is one call."""
        assert {"hgetall": 2, "evalsha": 1} == {
            command: count
            for command, count in self.asked(
                shop,
                lambda: store.transact(
                    lambda unit: (unit.delete_by_key(Account, 1), unit.put(Account("Z", id=2)))
                ),
            ).items()
            if command in ("hgetall", "evalsha")
        }


class TestLargeUnits:
    """Thousands of objects in one commit."""

    @FACES
    def test_ten_thousand_objects(self, server: Server, face: type):
        """They are written at once, found by every index, changed at once, and deleted at once."""
        with shop_on(server, face) as shop:
            store = shop.open()
            with store.unit() as unit:
                unit.add_all(
                    [
                        Account(f"N{number:05}", f"{number}@x", [str(number % 7)], number)
                        for number in range(10_000)
                    ]
                )
            query = store.query(Account)
            assert 10_000 == query.count()
            assert [] == shop.complaints()
            assert 1_429 == query.where(Accounts.tags.has("3")).count()
            assert 1_429 == len(query.where(Accounts.tags.has("3")).all())
            assert list(range(9_999, -1, -1)) == [
                each.balance for each in query.order_by(Accounts.balance.desc(), Accounts.owner)
            ]
            assert [f"N{number:05}" for number in range(5_000)] == [
                each.owner
                for each in query.where(Accounts.owner < "N05000").order_by(Accounts.owner).all()
            ]
            with store.unit() as unit:
                for each in unit.query(Account).all():
                    each.email, each.owner = f"new-{each.email}", each.owner.lower()
            assert "n00042" == store.get_by(Accounts.by_email, "new-42@x").owner
            assert [] == shop.complaints()
            with store.unit() as unit:
                for each in unit.query(Account).all():
                    unit.delete(each)
            assert 0 == query.count()
            store.close()
            assert {shop.key("#schema"), shop.key("#sequence/Account")} == shop.keys

    def test_long_runs_of_one_value(self, shop: Shop):
        """Five thousand in one Lookup, and unique values rotated among as many."""
        store = shop.open()
        with store.unit() as unit:
            unit.add_all(
                [Account("A", f"{number}@x", ["all"], id=number + 1) for number in range(5_000)]
            )
        with store.unit() as unit:
            accounts = unit.query(Account).all()
            emails = [each.email for each in accounts]
            for each, email in zip(accounts, emails[1:] + emails[:1], strict=True):
                each.email = email
        assert 5_000 == store.get_by(Accounts.by_email, "0@x").id
        assert [] == shop.complaints()


class TestCrowds:
    """Many threads, many tasks."""

    def test_fifty_threads_add_one(self, shop: Shop):
        """To one counter: it is exactly fifty."""
        store = shop.open()
        store.transact(lambda unit: unit.add(Account("Counter", id=1)))

        def add_one(_: int) -> None:
            store.transact(count, attempts=1_000)

        def count(unit: UnitOfWork) -> None:
            unit.require(Account, 1).balance += 1

        with ThreadPoolExecutor(50) as threads:
            list(threads.map(add_one, range(50)))
        assert 50 == store.require(Account, 1).balance
        assert [] == shop.complaints(lanes=50)

    def test_fifty_tasks_add_one(self, shop: Shop):
        """The same for tasks of one loop."""

        async def count(unit: AsyncUnitOfWork) -> None:
            (await unit.require(Account, 1)).balance += 1

        async def run() -> int:
            async with AsyncStore(REGISTRY, shop.server.url, namespace=shop.namespace) as store:
                async with store.unit() as unit:
                    unit.add(Account("Counter", id=1))
                await asyncio.gather(*(store.transact(count, attempts=1_000) for _ in range(50)))
                return (await store.require(Account, 1)).balance

        assert 50 == asyncio.run(run())
        assert [] == shop.complaints(lanes=50)

    def test_memory_has_threads_too(self):
        """The in-memory store keeps the same promise."""
        store = Store(REGISTRY)
        store.transact(lambda unit: unit.add(Account("Counter", id=1)))

        def count(unit: UnitOfWork) -> None:
            unit.require(Account, 1).balance += 1

        with ThreadPoolExecutor(50) as threads:
            list(threads.map(lambda _: store.transact(count, attempts=1_000), range(50)))
        assert 50 == store.require(Account, 1).balance

    def test_a_unique_value_has_one_owner(self, shop: Shop):
        """Threads that want the same values: each value goes to one, and the others learn whose."""
        store, values, wanted = shop.open(), range(40), list(range(40)) * 8

        def claim(number: int) -> int | None:
            try:
                store.transact(lambda unit: unit.add(Account("A", f"{number}@x")), attempts=1)
            except Taken as taken:
                return taken.owner
            return None

        random.Random(1).shuffle(wanted)
        with ThreadPoolExecutor(8) as threads:
            owners = list(threads.map(claim, wanted))
        assert len(values) == owners.count(None)
        assert len(values) == store.query(Account).count()
        for number, owner in zip(wanted, owners, strict=True):
            assert owner in (None, store.get_by(Accounts.by_email, f"{number}@x").id)
        assert [] == shop.complaints()

    def test_values_that_go_round(self, shop: Shop):
        """Threads swap unique values of the same few entities: none is lost, none comes twice."""
        store = shop.open()
        with store.unit() as unit:
            unit.add_all([Account("A", f"{number}@x", id=number) for number in range(1, 9)])

        def swap(seed: int) -> None:
            one, two = random.Random(seed).sample(range(1, 9), 2)

            def work(unit: UnitOfWork) -> None:
                first, second = unit.get_many(Account, [one, two])
                first.email, second.email = second.email, first.email
                first.tags, second.tags = [second.email], [first.email]

            store.transact(work, attempts=1_000)

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(swap, range(100)))
        emails = sorted(each.email for each in store.query(Account).all())
        assert [f"{number}@x" for number in range(1, 9)] == emails
        assert [] == shop.complaints()

    def test_one_of_many_inserts(self, shop: Shop):
        """Threads that add the same key: one wins, the others find it there."""
        store = shop.open()

        def add(name: str) -> str:
            try:
                store.transact(lambda unit: unit.add(Note(name, id="only")), attempts=1)
            except AlreadyExists as exists:
                return exists.stored.text
            return name

        with ThreadPoolExecutor(16) as threads:
            names = set(threads.map(add, map(str, range(64))))
        assert {store.require(Note, "only").text} == names & {store.require(Note, "only").text}
        assert 1 == len(names)

    def test_disjoint_edits_all_land(self, shop: Shop):
        """Where only fields are compared, threads that write different fields never meet."""
        store = shop.open()
        store.transact(lambda unit: unit.add(Note("0", "0", "a")))

        def write(name: str) -> None:
            for number in range(50):
                with store.unit() as unit:
                    setattr(unit.require(Note, "a"), name, f"{name} {number}")

        with ThreadPoolExecutor(2) as threads:
            list(threads.map(write, ("text", "title")))
        assert Note("text 49", "title 49", "a") == store.require(Note, "a")
        assert "a" == store.get_by(Notes.by_title, "title 49").id
        assert [] == shop.complaints()

    def test_numbers_are_given_once(self, shop: Shop):
        """Threads and stores that take numbers of one sequence: none comes twice."""
        stores = [shop.open() for _ in range(3)]

        def take(number: int) -> list[int]:
            store = stores[number % 3]
            added = Account("A")
            store.transact(lambda unit: unit.add(added))
            return [store.new_key(Account), added.id, store.new_key(Account)]

        with ThreadPoolExecutor(12) as threads:
            numbers = [each for taken in threads.map(take, range(120)) for each in taken]
        assert len(numbers) == len(set(numbers))

    def test_a_reader_sees_whole_commits(self, shop: Shop):
        """While two entities change together, a query never sees one changed without the other."""
        store = shop.open()
        with store.unit() as unit:
            unit.add_all([Account("0", tags=["pair"], id=1), Account("0", tags=["pair"], id=2)])

        def write(_: int) -> None:
            for number in range(100):
                with store.unit() as unit:
                    for each in unit.get_many(Account, [1, 2]):
                        each.owner = str(number)

        def read(_: int) -> set[bool]:
            query = store.query(Account).where(Accounts.tags.has("pair"))
            return {1 == len({each.owner for each in query.all()}) for _ in range(200)}

        with ThreadPoolExecutor(2) as threads:
            writing, reading = threads.submit(write, 0), threads.submit(read, 0)
            assert {True} == reading.result()
            writing.result()

    def test_the_loser_is_told(self, shop: Shop):
        """Threads that change what all of them have read: one wins, the others are stale."""
        store = shop.open()
        store.transact(lambda unit: unit.add(Account("A", id=1)))
        units = [store.unit() for _ in range(8)]
        accounts = [unit.__enter__().require(Account, 1) for unit in units]

        def write(number: int) -> str:
            accounts[number].owner = f"A{number}"
            try:
                units[number].__exit__(None, None, None)
            except Stale as stale:
                return stale.stored.owner
            return f"A{number}"

        with ThreadPoolExecutor(8) as threads:
            winners = set(threads.map(write, range(8)))
        assert {store.require(Account, 1).owner} == winners


class TestMeetings:
    """Somebody writes between the reading and the writing of one commit."""

    @staticmethod
    def meeting(shop: Shop, times: int, registry: MapperRegistry = REGISTRY) -> Store:
        """A store that after each of so many loads finds that another store has written.

        Each time the account 1 has changed, with all that is indexed of it.
        """
        other, left = shop.open(registry=registry), [times]

        def meddle(report: BatchReport) -> None:
            if report.verb == "load" and left[0]:
                left[0] -= 1
                met = Account(f"M{left[0]}", f"m{left[0]}@x", [f"m{left[0]}"], left[0], 1)
                other.transact(lambda unit: unit.put(met))

        return shop.open(registry=registry, on_batch=meddle)

    BLIND: ClassVar[dict[str, Callable[[UnitOfWork], Any]]] = {
        "put": lambda unit: unit.put(Account("New", "new@x", ["new"], 7, 1)),
        "delete_by_key": lambda unit: unit.delete_by_key(Account, 1),
        "replacement": lambda unit: (
            unit.delete_by_key(Account, 1),
            unit.add(Account("New", "new@x", ["new"], 7, 1)),
        ),
    }

    @pytest.mark.parametrize("kind", BLIND)
    @pytest.mark.parametrize("times", [1, 5])
    def test_a_blind_write_tries_again(self, shop: Shop, kind: str, times: int):
        """It lands in the end, and takes away every entry of the records that it met."""
        shop.open().transact(lambda unit: unit.add(Account("Old", "old@x", ["old"], 1, 1)))
        self.meeting(shop, times).transact(self.BLIND[kind], attempts=1)
        expected = [] if kind == "delete_by_key" else [Account("New", "new@x", ["new"], 7, 1)]
        assert expected == shop.open().query(Account).all()
        assert [] == shop.complaints()

    @pytest.mark.parametrize("kind", BLIND)
    def test_it_gives_up_in_the_end(self, shop: Shop, kind: str):
        """A record that never stands still is a StoreError, and nothing of the unit is written."""
        shop.open().transact(lambda unit: unit.add(Account("Old", "old@x", ["old"], 1, 1)))

        def work(unit: UnitOfWork) -> None:
            self.BLIND[kind](unit)
            unit.add(Note("text", id="a"))

        with pytest.raises(StoreError, match="by others"):
            self.meeting(shop, 10_000).transact(work, attempts=1)
        assert 0 == shop.open().query(Note).count()
        assert [] == shop.complaints()

    def test_the_last_write_wins(self, shop: Shop):
        """Where conflicts are overwritten: this unit's fields, over the others' of the moment."""

        class Winners(Mapper[Account], conflict="overwrite", name="Account"):
            id = Key[int]()
            owner = Field[str]()
            email = Field[str | None]()
            tags = Field[list[str]]()
            balance = Field[int]()
            by_email = Unique(email)
            by_tag = Lookup(tags)
            by_owner = Ordered(owner)
            by_balance = Ordered(balance.desc(), owner)

        registry = MapperRegistry(Winners)
        shop.open(registry=registry).transact(
            lambda unit: unit.add(Account("Old", "old@x", ["old"], 1, 1))
        )
        with self.meeting(shop, 4, registry).unit() as unit:
            unit.require(Account, 1).balance = 99
        assert Account("M0", "m0@x", ["m0"], 99, 1) == shop.open(registry=registry).get(Account, 1)
        assert [] == complaints(shop.client, shop.tag, registry, lanes=9)

    def test_a_number_that_is_taken_meanwhile(self, shop: Shop):
        """Somebody gives the next numbers by hand: the new object gets one that is free."""
        store, other = shop.open(), shop.open()
        for number in range(1, 40):
            other.transact(lambda unit, key=number: unit.put(Note(str(key), id=str(key))))
            with store.unit() as unit:
                mine = unit.add(Account("Mine"))
                last = other.new_key(Account)
                other.transact(
                    lambda unit, last=last: unit.add_all(
                        [Account("Theirs", id=last + each) for each in range(1, 4)]
                    )
                )
            assert "Mine" == other.require(Account, mine.id).owner
        assert 39 * 4 == other.query(Account).count()
        assert [] == shop.complaints()
