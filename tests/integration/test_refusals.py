"""Servers that refuse: nothing is written, the error has a name, and the data is what it was."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from accounts import REGISTRY, Account, Accounts, Note, Shop, new_namespace, shop_on
from redmapper import (
    AsyncStore,
    ConnectionLost,
    ForeignType,
    NotDurable,
    OutOfMemory,
    Store,
    StoreError,
    StoreReadOnly,
    UnitOfWork,
)
from redmapper.faces.aio import runner as async_runner
from redmapper.faces.sync import runner as sync_runner
from servers import Server, _free_port, running

FACES = pytest.mark.parametrize("face", [Store, AsyncStore], ids=["sync", "async"])


@pytest.fixture
def shop(server: Server) -> Iterator[Shop]:
    """A namespace for one test."""
    with shop_on(server) as shop:
        yield shop


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses before resendings, too short to be noticed."""
    for room in (sync_runner, async_runner):
        monkeypatch.setattr(room, "PAUSES", (0.001,) * 4)


@pytest.fixture(scope="module")
def replica(server: Server) -> Iterator[Server]:
    """A replica of a server with the accounts, in the namespace `shop`."""
    with running(server.binary, "--repl-diskless-sync-delay", "0") as primary:
        with Store(REGISTRY, primary.url, namespace="shop") as store:
            fill(store)
        with (
            running(server.binary, "--replicaof", "127.0.0.1", str(primary.port)) as replica,
            replica.client() as client,
        ):
            while client.info("replication")["master_link_status"] != "up":
                pass
            yield replica


def fill(store: Store) -> None:
    """Two accounts and a note."""
    with store.unit() as unit:
        unit.add(Account("Ann", "ann@x", ["all", "a"], 10, id=1))
        unit.add(Account("Bob", "bob@x", ["all", "b"], 20, id=2))
        unit.add(Note("one", "first", "a"))


def insert(unit: UnitOfWork) -> None:
    """A new account, with an entry in every index, beyond the sequence."""
    unit.add(Account("Cyd", "cyd@x", ["all", "c"], 30, id=3))


def update(unit: UnitOfWork) -> None:
    """Every indexed value of one account changes."""
    ann = unit.require(Account, 1)
    ann.owner, ann.email, ann.tags, ann.balance = "Ada", "ada@x", ["new"], 11


def edit(unit: UnitOfWork) -> None:
    """The same for a note, of which only fields are compared."""
    note = unit.require(Note, "a")
    note.text, note.title = "two", "second"


def delete(unit: UnitOfWork) -> None:
    """An account goes."""
    unit.delete(unit.require(Account, 1))


def put(unit: UnitOfWork) -> None:
    """An account is written over another."""
    unit.put(Account("Ada", "ada@x", ["new"], 11, id=1))


def guard(unit: UnitOfWork) -> None:
    """An account is inserted as long as another one and a note are what they were."""
    unit.guard(unit.require(Account, 1))
    unit.guard(unit.require(Note, "a"))
    insert(unit)


KINDS: dict[str, Callable[[UnitOfWork], None]] = {
    each.__name__: each for each in (insert, update, edit, delete, put, guard)
}
GUARDED = {"guard": {":Account:1": "hash", ":Note:a": "hash"}}
"""What a commit checks and does not write."""


PLANTS: dict[str, Callable[[redis.Redis, bytes], Any]] = {
    "list": lambda client, key: client.rpush(key, "foreign"),
    "string": lambda client, key: client.set(key, "foreign"),
    "set": lambda client, key: client.sadd(key, "foreign"),
    "zset": lambda client, key: client.zadd(key, {"foreign": 1}),
    "hash": lambda client, key: client.hset(key, "foreign", "1"),
    "stream": lambda client, key: client.xadd(key, {"foreign": "1"}),
}
"""What may stand at a key of ours, by its type."""


class TestForeignTypes:
    """Somebody else's data stands at a key of ours."""

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_commit_writes_nothing(self, server: Server, kind: str):
        """25: at each key in turn that the commit touches: it is named, alone, and all stays."""
        touched = self.touched(server, kind)
        assert len(touched) >= 5
        for rest, held in touched.items():
            for plant in PLANTS.keys() - {held}:
                with shop_on(server) as shop:
                    store = shop.open()
                    fill(store)
                    self.refused(shop, store, kind, rest, plant)

    def refused(self, shop: Shop, store: Store, kind: str, rest: str, plant: str) -> None:
        """Plant something at one key, and find that the commit fails over it and writes nothing."""
        key = next(iter(shop.lanes)) if rest == "#lane" else shop.key(rest)
        with store.unit(commit="explicit") as unit:
            KINDS[kind](unit)
            shop.client.delete(key)
            PLANTS[plant](shop.client, key)
            before = {each: shop.client.dump(each) for each in shop.keys}
            with pytest.raises(ForeignType) as foreign:
                unit.commit()
            assert before == {each: shop.client.dump(each) for each in shop.keys}
            assert f"{key!r} holds a {plant}" in str(foreign.value)
            assert 1 == str(foreign.value).count(shop.namespace)
            unit.rollback()

    def touched(self, server: Server, kind: str) -> dict[str, str]:
        """What a like commit reads or writes, without the tag; and the types that stand there."""
        with shop_on(server) as shop:
            store = shop.open()
            fill(store)
            types = self.types(shop)
            before = shop.dump
            store.transact(KINDS[kind])
            after = shop.dump
            types |= self.types(shop)
            changed = {key for key in types if before.get(key) != after.get(key)}
            schema = shop.key("#schema")
            own = {key for key in changed | {schema} if key.startswith(shop.tag)}
            named = {key.removeprefix(shop.tag).decode("latin1"): types[key] for key in own}
        known = {name: held for name, held in named.items() if "#lane" not in name}
        return known | {"#lane": "string"} | GUARDED.get(kind, {})

    def types(self, shop: Shop) -> dict[bytes, str]:
        """The type of each key."""
        return {key: shop.client.type(key).decode() for key in shop.keys}

    def test_reads_name_the_key(self, shop: Shop):
        """Getting, searching and counting say which key it is that they can not read."""
        store = shop.open()
        fill(store)
        reads: dict[str, Callable[[], Any]] = {
            ":Account:1": lambda: store.get(Account, 1),
            ":Account": lambda: store.query(Account).all(),
            "/by_email": lambda: store.get_by(Accounts.by_email, "ann@x"),
            "/by_owner": lambda: store.query(Account).where(Accounts.owner >= "B").all(),
            "/by_balance": lambda: store.query(Account).where(Accounts.balance < 20).count(),
            "/by_tag/all\0\1": lambda: store.query(Account).where(Accounts.tags.has("all")).all(),
            "#schema": lambda: store.query(Account).all(),
        }
        for rest, read in reads.items():
            key = shop.key(f":Account{rest}" if rest.startswith("/") else rest)
            kept = shop.client.dump(key)
            shop.client.delete(key)
            shop.client.rpush(key, "foreign")
            with pytest.raises(ForeignType, match=re.escape(f"{key!r} holds a list")):
                read()
            shop.client.restore(key, 0, kept, replace=True)
            read()

    def test_a_sequence_of_another_type(self, shop: Shop):
        """Taking a number says which key it is, and nothing is written."""
        store = shop.open()
        key = shop.key("#sequence/Account")
        shop.client.rpush(key, "foreign")
        before = shop.dump
        for act in (
            lambda: store.new_key(Account),
            lambda: store.transact(lambda unit: unit.add(Account("Ann"))),
        ):
            with pytest.raises(ForeignType, match=re.escape(f"{key!r} holds a list")):
                act()
        assert before == shop.dump

    def test_a_sequence_that_is_no_number(self, shop: Shop):
        """A string that is no number is refused before anything is written."""
        store = shop.open()
        shop.client.set(shop.key("#sequence/Account"), "foreign")
        before = shop.dump
        for act in (
            lambda: store.new_key(Account),
            lambda: store.transact(lambda unit: unit.add(Account("Ann"))),
            lambda: store.transact(lambda unit: unit.add(Account("Ann", id=7))),
        ):
            with pytest.raises(StoreError):
                act()
        assert before == shop.dump

    def test_a_receipt_that_is_none(self, shop: Shop):
        """Text at the key of a lane that no commit has left there fails the commit whole."""
        store = shop.open()
        fill(store)
        (lane,) = shop.lanes
        for text in ("foreign", "", "x y z", " "):
            shop.client.set(lane, text)
            before = shop.dump
            with pytest.raises(StoreError):
                store.transact(insert)
            assert before == shop.dump

    def test_an_entity_of_nobody_else(self, shop: Shop):
        """A key that merely looks like ours is neither read nor written."""
        store = shop.open()
        mine = shop.tag.replace(b"}", b"2}") + b":Account:1"
        shop.client.set(mine, "untouched")
        fill(store)
        assert 2 == store.query(Account).count()
        assert b"untouched" == shop.client.get(mine)
        shop.client.delete(mine)


class TestReplicas:
    """A read-only replica."""

    @FACES
    def test_reads_work_and_write_nothing(self, replica: Server, face: type):
        """Every way to read; the data set is what it was, key for key."""
        with shop_on(replica, face) as shop:
            store = shop.open(namespace="shop")
            before = shop.dump
            assert "Ann" == store.get(Account, 1).owner
            assert ["Ann", None] == [
                each and each.owner for each in store.get_many(Account, [1, 99])
            ]
            assert "Bob" == store.get_by(Accounts.by_email, "bob@x").owner
            query = store.query(Account)
            assert 2 == query.count()
            assert ["Bob"] == [each.owner for each in query.where(Accounts.owner >= "B").all()]
            assert 1 == len(query.where(Accounts.tags.has("a")).all())
            assert 20 == query.order_by(Accounts.balance.desc(), Accounts.owner).first().balance
            with store.unit() as unit:
                assert unit.get(Account, 1) is unit.get_by(Accounts.by_email, "ann@x")
            assert before == shop.dump
            assert {} == shop.lanes

    @FACES
    @pytest.mark.parametrize("kind", KINDS)
    def test_commits_are_refused(self, replica: Server, face: type, kind: str):
        """They are StoreReadOnly, nothing has changed, and the store can be closed."""
        with shop_on(replica, face) as shop:
            store = shop.open(namespace="shop")
            before = shop.dump
            with pytest.raises(StoreReadOnly):
                store.transact(KINDS[kind])
            with pytest.raises(StoreReadOnly):
                store.new_key(Account)
            assert before == shop.dump
            store.close()
            with pytest.raises(StoreError, match="closed"):
                store.get(Account, 1)


class TestMemory:
    """A server that is full."""

    @FACES
    @pytest.mark.parametrize("kind", KINDS)
    def test_it_is_full(self, own_server: Server, face: type, kind: str):
        """A commit is OutOfMemory and writes nothing; reads go on; with room it can be repeated."""
        with shop_on(own_server, face) as shop:
            store = shop.open()
            fill(store)
            with store.unit() as unit:
                KINDS[kind](unit)
                before = shop.dump
                shop.client.config_set("maxmemory", 1)
                with pytest.raises(OutOfMemory, match="nothing was written"):
                    unit.commit()
                assert before == shop.dump
                assert "Bob" == unit.get_by(Accounts.by_email, "bob@x").owner
                assert 1 == store.query(Account).where(Accounts.owner >= "B").count()
                shop.client.config_set("maxmemory", 0)
            assert before != shop.dump
            assert [] == shop.complaints()

    def test_too_few_replicas(self, own_server: Server):
        """A server that wants replicas and has none is NotDurable, and writes nothing."""
        with shop_on(own_server) as shop:
            store = shop.open()
            fill(store)
            before = shop.dump
            shop.client.config_set("min-replicas-to-write", 1)
            with pytest.raises(NotDurable):
                store.transact(insert)
            assert before == shop.dump
            assert 2 == store.query(Account).count()
            shop.client.config_set("min-replicas-to-write", 0)


class TestAccess:
    """A server that is not there, or lets nobody in."""

    @FACES
    @pytest.mark.usefixtures("impatient")
    def test_nobody_listens(self, shop: Shop, face: type):
        """ConnectionLost, with the address; nothing was sent, by any verb."""
        port = _free_port()
        addresses = {
            f"redis://:pass-word@127.0.0.1:{port}/0": f"127.0.0.1:{port}",
            f"unix:///tmp/redmapper-{new_namespace()}/socket": "/socket",
        }
        with shop_on(shop.server, face) as nowhere:
            for url, said in addresses.items():
                store = nowhere.open(url)
                for act in (
                    lambda store=store: store.get(Account, 1),
                    lambda store=store: store.query(Account).count(),
                    lambda store=store: store.new_key(Account),
                    lambda store=store: store.transact(insert),
                ):
                    with pytest.raises(ConnectionLost, match=said) as lost:
                        act()
                    assert not lost.value.sent
                    assert "pass-word" not in str(lost.value)
                store.close()

    @pytest.mark.usefixtures("impatient")
    def test_a_given_clients_own_patience_is_not_multiplied(self, shop: Shop):
        """A client that tries to connect for seconds is not asked again and again to do so."""
        tried = []

        class Counted(redis.Connection):
            def connect(self) -> None:
                tried.append(self)
                super().connect()

        pool = redis.ConnectionPool(connection_class=Counted, port=_free_port())
        with redis.Redis(connection_pool=pool) as client:
            store = shop.open(client)
            with pytest.raises(ConnectionLost):
                store.get(Account, 1)
        assert 1 <= len(tried) <= 5

    @FACES
    def test_a_wrong_password(self, own_server: Server, face: type):
        """A StoreError says what to do, at once, and shows no password."""
        with own_server.client() as client:
            client.config_set("requirepass", "sesame")
        locked = {"password": "sesame"}
        address = own_server.url.removeprefix("redis://")
        with shop_on(own_server, face, **locked) as shop:
            right = shop.open(f"redis://:sesame@{address}")
            fill(right)
            before = shop.dump
            for url in (own_server.url, f"redis://:wrong-one@{address}"):
                store = shop.open(url)
                for act in (
                    lambda store=store: store.get(Account, 1),
                    lambda store=store: store.query(Account).count(),
                    lambda store=store: store.new_key(Account),
                    lambda store=store: store.transact(insert),
                    lambda store=store: store.transact(delete),
                ):
                    with pytest.raises(StoreError, match="password") as refused:
                        act()
                    assert "wrong-one" not in str(refused.value)
                    assert not isinstance(refused.value, ConnectionLost)
            assert before == shop.dump

    @FACES
    def test_a_user_without_the_right(self, own_server: Server, face: type):
        """One who may only read reads; a commit is a StoreError, and nothing is written."""
        with shop_on(own_server, face) as shop:
            fill(shop.open())
            shop.client.acl_setuser(
                "reader",
                enabled=True,
                passwords=["+read"],
                keys=["*"],
                commands=["+@all", "-evalsha", "-eval"],
            )
            address = own_server.url.removeprefix("redis://")
            store = shop.open(f"redis://reader:read@{address}")
            before = shop.dump
            assert "Ann" == store.get(Account, 1).owner
            with pytest.raises(StoreError, match="right"):
                store.transact(insert)
            assert before == shop.dump

    @FACES
    @pytest.mark.usefixtures("impatient")
    def test_a_server_that_is_loading(self, own_server: Server, face: type):
        """While it loads its data everything is a StoreError; afterwards everything is there."""
        with shop_on(own_server, face) as shop:
            store = shop.open()
            fill(store)
            with shop.client.pipeline() as filling:
                for number in range(30_000):
                    filling.set(f"filling:{number}", b"x" * 100)
                filling.execute()
            own_server.options = (
                *("--key-load-delay", "1000"),  # microseconds a key: it takes its time
                *("--loading-process-events-interval-bytes", "1024"),
            )
            starting = threading.Thread(target=own_server.restart)
            starting.start()
            with own_server.client(socket_timeout=30) as client:
                while not is_loading(client):
                    pass
                for act in (
                    lambda: store.get(Account, 1),
                    lambda: store.query(Account).count(),
                    lambda: store.new_key(Account),
                    lambda: store.transact(insert),
                ):
                    with pytest.raises(StoreError):
                        act()
                client.config_set("key-load-delay", "0")
            starting.join()
            assert 2 == store.query(Account).count()
            store.transact(insert)
            assert [] == shop.complaints()


def is_loading(client: redis.Redis) -> bool:
    """Whether a server answers, and says that it loads."""
    try:
        client.ping()
    except redis.exceptions.BusyLoadingError:
        return True
    except redis.ConnectionError:  # it has not come up yet, or is still going down
        pass
    return False
