"""What a store can be bound to, what it refuses, and what it tells of its work."""

from __future__ import annotations

import asyncio
import logging
import pickle
import subprocess
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import redis
import redis.asyncio
import redis.asyncio.cluster
import redis.asyncio.sentinel
import redis.cache
import redis.cluster
import redis.sentinel

from accounts import REGISTRY, Account, Accounts, Note, Shop, new_namespace, shop_on
from redmapper import (
    AsyncStore,
    BatchReport,
    Conflict,
    ConnectionLost,
    Field,
    Key,
    Lookup,
    LuaIndexStrategy,
    Mapper,
    MapperRegistry,
    MappingError,
    MemoryIndexStrategy,
    Ordered,
    RedmapperError,
    Store,
    StoreError,
    Taken,
    Unique,
)
from servers import Server, _free_port, running

LOCKED = {"password": "sesame"}


@pytest.fixture(params=[Store, AsyncStore], ids=["sync", "async"])
def face(request: pytest.FixtureRequest) -> Any:
    """One of the faces."""
    return request.param


@pytest.fixture
def shop(server: Server, face: Any) -> Iterator[Shop]:
    """A namespace for one test, on one face."""
    with shop_on(server, face) as shop:
        yield shop


@pytest.fixture(scope="module")
def node(server: Server) -> Iterator[Server]:
    """A server in cluster mode that has all the slots."""
    options = ("--cluster-enabled", "yes", "--cluster-port", str(_free_port()))
    with running(server.binary, *options) as node:
        with node.client() as client:
            client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            while client.cluster("info")["cluster_state"] != "ok":
                pass
        yield node


def use(store: Store) -> None:
    """Write, read, search, change and delete."""
    with store.unit() as unit:
        unit.add_all([Account("Ann", "ann@x", ["a"], 1), Account("Bob", "bob@x", ["b"], 2)])
    with store.unit() as unit:
        bob = unit.get_by(Accounts.by_email, "bob@x")
        bob.owner, bob.tags = "Rob", [*bob.tags, "new"]
        unit.delete(unit.query(Account).where(Accounts.owner == "Ann").one())
    assert [bob] == store.query(Account).where(Accounts.tags.has("new")).all()
    assert 1 == store.query(Account).count()
    with pytest.raises(Taken):
        store.transact(lambda unit: unit.add(Account("Eve", "bob@x")))
    assert bob == store.require(Account, bob.id)


class TestAddresses:
    """A target that is text, or none."""

    @pytest.mark.parametrize("target", [(), (None,), ("memory://",)], ids=str)
    def test_memory(self, face: Any, target: tuple[Any, ...]):
        """No target, or memory://, is a store in memory; each has data of its own."""
        first, second = face(REGISTRY, *target), face(REGISTRY, *target)

        async def count(store: AsyncStore) -> int:
            async with store.unit() as unit:
                unit.add(Note("text", id="a"))
            return await store.query(Note).count()

        for store in (first, second):
            if isinstance(store, AsyncStore):
                assert 1 == asyncio.run(count(store))
            else:
                store.transact(lambda unit: unit.add(Note("text", id="a")))
                assert 1 == store.query(Note).count()

    def test_memory_that_is_shared(self):
        """Stores that share a strategy share its data, in one namespace."""
        strategy = MemoryIndexStrategy()
        one, two = (Store(REGISTRY, strategy=strategy, namespace="shop") for _ in range(2))
        other = Store(REGISTRY, strategy=strategy, namespace="other")
        one.transact(lambda unit: unit.add(Note("text", id="a")))
        assert [1, 1, 0] == [store.query(Note).count() for store in (one, two, other)]

    def test_redis(self, shop: Shop):
        """redis:// is a server's port."""
        use(shop.open(shop.server.url))
        assert shop.keys

    def test_unix(self, shop: Shop):
        """unix:// is a server's socket: it is the same place."""
        use(shop.open(shop.server.unix_url))
        assert 1 == shop.open().query(Account).count()

    def test_rediss(self, tls_server: Server, face: Any):
        """rediss:// is a server's port with TLS, its certificate checked."""
        with shop_on(tls_server, face) as shop:
            use(shop.open())

    def test_rediss_with_a_certificate_of_nobody(
        self, tls_server: Server, face: Any, monkeypatch: pytest.MonkeyPatch
    ):
        """A certificate that nothing vouches for is ConnectionLost, and nothing is sent."""
        monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
        with shop_on(tls_server, face) as shop:
            store = shop.open(f"rediss://127.0.0.1:{tls_server.port}/0")
            with pytest.raises(ConnectionLost, match="certificate") as lost:
                store.get(Account, 1)
            assert not lost.value.sent

    @pytest.mark.parametrize("address", ["redis://127.0.0.1:{}/5", "redis://127.0.0.1:{}?db=5"])
    def test_a_database(self, shop: Shop, address: str):
        """The number at the end of an address is that of a database."""
        use(shop.open(address.format(shop.server.port)))
        assert not shop.keys
        with redis.Redis(port=shop.server.port, db=5) as client:
            assert client.dbsize() > 0
            client.flushdb()

    def test_options(self, shop: Shop):
        """Other options of an address are redis-py's."""
        store = shop.open(f"redis://127.0.0.1:{shop.server.port}?client_name=mine&protocol=3")
        use(store)
        assert "mine" in {each["name"] for each in shop.client.client_list()}

    @pytest.mark.parametrize(
        "address",
        [
            "",
            "localhost:6379",
            "http://user:sesame@localhost",
            "memory://there",
            "REDIS://localhost",
            "sesame",
            "sesame://",
            "redis://user:ses/ame@localhost:6379",
            "redis://user:sesame/x@localhost",
            "redis://user:sesame@[localhost",
            "redis://user:sesame@localhost:port/0",
            "redis://user:sesame@localhost:99999",
            "redis://user:sesame@localhost?max_connections=x",
            "redis://user:sesame@localhost?decode_responses=1",
        ],
    )
    def test_nonsense(self, face: Any, address: str):
        """What is no address is a MappingError at once, which shows none of it."""
        with pytest.raises(MappingError) as refused:
            face(REGISTRY, address)
        shown = "".join(traceback.format_exception(refused.value))
        assert "sesame" not in shown.replace(f'"{address}"', "")
        assert "'ses'" not in shown


class TestClients:
    """A target that is a client of redis-py."""

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"protocol": 2},
            {"protocol": 3},
            {"protocol": 2, "retry": None, "health_check_interval": 1},
            {"max_connections": 1},
            {"single_connection_client": True},
        ],
        ids=str,
    )
    def test_given(self, shop: Shop, face: Any, options: dict[str, Any]):
        """Of either protocol; the store does not close it."""
        with client_of(shop, face, options) as (client, run):
            store = shop.open(client)
            use(store)
            before = run(client.client_id)
            store.close()
            assert before == run(client.client_id)

    def test_with_a_cache_of_its_own(self, server: Server):
        """Client-side caching, of RESP3, never gives what is outdated."""
        with server.client() as client:
            version = client.info("server")["redis_version"]
        if tuple(map(int, version.split(".")[:2])) < (7, 4):
            pytest.skip(f"redis-py caches nothing of a server that says it is {version}")
        caching = redis.Redis(port=server.port, protocol=3, cache_config=redis.cache.CacheConfig())
        with shop_on(server) as shop, caching as client:
            use(shop.open(client))
            store, other = shop.open(client, namespace="x"), shop.open(namespace="x")
            for number in range(3):
                other.transact(lambda unit, text=str(number): unit.put(Note(text, id="a")))
                assert str(number) == store.require(Note, "a").text
            other.transact(lambda unit: unit.delete_by_key(Note, "a"))

    def test_a_pool_with_a_limit(self, server: Server):
        """A blocking pool makes threads wait for a link; a bounded one is no error of redis-py."""
        pool = redis.BlockingConnectionPool(port=server.port, max_connections=2, timeout=None)
        with shop_on(server) as shop, redis.Redis(connection_pool=pool) as client:
            use(shop.open(client))
            pool.disconnect()

    def test_two_stores_over_one_client(self, shop: Shop, face: Any):
        """They share its links, and closing one does not disturb the other."""
        with client_of(shop, face, {}) as (client, _):
            first, second = shop.open(client), shop.open(client)
            use(first)
            first.close()
            assert 1 == second.query(Account).count()

    def test_closing_closes_what_an_address_made(self, shop: Shop):
        """The links of a store that was given an address go when it is closed."""
        store = shop.open(f"redis://127.0.0.1:{shop.server.port}?client_name={shop.namespace}")
        use(store)
        named = [each["name"] for each in shop.client.client_list()]
        assert shop.namespace in named
        store.close()
        while shop.namespace in named:  # the server notices it a moment later
            named = [each["name"] for each in shop.client.client_list()]

    def test_a_closed_store(self, shop: Shop, face: Any):
        """It says so, whatever is asked; closing it again has no effect."""
        with client_of(shop, face, {}) as (client, _):
            store = shop.open(client)
            use(store)
            unit = store.unit()
            store.close()
            store.close()
            for act in (
                lambda: store.get(Account, 1),
                lambda: store.query(Account).all(),
                lambda: store.new_key(Account),
                lambda: store.partition("part"),
                lambda: store.outcome("a.1.1.b"),
                lambda: unit.__enter__().get(Account, 1),
            ):
                with pytest.raises(StoreError, match="closed"):
                    act()

    def test_the_other_world(self):
        """A client of asyncio is for AsyncStore, one without for Store; each names the cure."""
        with pytest.raises(MappingError, match="AsyncStore"):
            Store(REGISTRY, redis.asyncio.Redis())
        with pytest.raises(MappingError, match=r"use Store\b"):
            AsyncStore(REGISTRY, redis.Redis())

    def test_one_that_decodes(self):
        """A client that hands out text is refused: bytes are stored."""
        with pytest.raises(MappingError, match="decode_responses"):
            Store(REGISTRY, redis.Redis(decode_responses=True))
        with pytest.raises(MappingError, match="decode_responses"):
            AsyncStore(REGISTRY, redis.asyncio.Redis(decode_responses=True))

    def test_a_cluster(self, node: Server):
        """A client of a Cluster is refused, so far, by name."""
        with pytest.raises(MappingError, match="RedisCluster"):
            AsyncStore(REGISTRY, redis.asyncio.cluster.RedisCluster("localhost"))
        with redis.cluster.RedisCluster("127.0.0.1", node.port) as client:
            for face in (Store, AsyncStore):
                with pytest.raises(MappingError, match="RedisCluster"):
                    face(REGISTRY, client)

    def test_a_node_of_a_cluster(self, node: Server, face: Any):
        """All keys of a partition live in one slot: a server in cluster mode takes every call."""
        with shop_on(node, face) as shop:
            use(shop.open())
            use(shop.open().partition("tenant-42"))
            slots = {shop.client.execute_command("CLUSTER KEYSLOT", key) for key in shop.keys}
            assert 1 == len(slots)

    @pytest.mark.parametrize(
        "target",
        [
            42,
            b"redis://user:sesame@localhost",
            object(),
            ["redis://localhost"],
            Path("/tmp/socket"),  # noqa: S108 - nothing is there
            redis.Redis,
            redis.ConnectionPool(**LOCKED),
            redis.Redis(**LOCKED).pubsub(),
            redis.sentinel.Sentinel([("localhost", 1)], **LOCKED),
            REGISTRY,
        ],
        ids=lambda target: type(target).__name__,
    )
    def test_nonsense(self, face: Any, target: Any):
        """What is no client is a MappingError, which names its type and shows no password."""
        with pytest.raises(MappingError, match=type(target).__name__) as refused:
            face(REGISTRY, target)
        assert "sesame" not in str(refused.value)

    def test_a_strategy_of_the_other_kind(self, face: Any):
        """One that needs a server gets none, or the reverse: each says what to do."""
        with pytest.raises(MappingError, match="needs a server"):
            face(REGISTRY, strategy=LuaIndexStrategy())
        with pytest.raises(MappingError, match="takes no server"):
            face(REGISTRY, "redis://localhost", strategy=MemoryIndexStrategy())
        with pytest.raises(MappingError, match="MapperRegistry"):
            face(Accounts, "redis://localhost")

    def test_making_one_asks_nothing(self, face: Any):
        """A store of a server that is not there is made, looked at and thrown away in peace."""
        store = face(REGISTRY, f"redis://user:sesame@127.0.0.1:{_free_port()}/0", namespace="shop")
        assert "shop" in repr(store)
        assert "sesame" not in repr(store)
        assert "sesame" not in repr(store.partition("part"))
        with pytest.raises(TypeError, match=face.__name__):
            pickle.dumps(store)


@contextmanager
def client_of(
    shop: Shop, face: Any, options: dict[str, Any]
) -> Iterator[tuple[Any, Callable[[Callable[[], Any]], Any]]]:
    """A client of a face's world, and a way to run its commands."""
    if face is Store:
        with redis.Redis(port=shop.server.port, **options) as client:
            yield client, lambda command: command()
        return
    loop = shop.loop
    client = redis.asyncio.Redis(port=shop.server.port, **options)
    yield client, lambda command: loop.run(command())
    loop.run(client.aclose())


class TestSentinel:
    """A client that asks sentinels which server is the primary."""

    @pytest.fixture
    def sentinel(self, own_server: Server, tmp_path: Path) -> Iterator[int]:
        """The port of a sentinel that watches a server."""
        port = _free_port()
        settings = tmp_path / "sentinel.conf"
        settings.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {tmp_path}\n"
            f"sentinel monitor primary 127.0.0.1 {own_server.port} 1\n"
        )
        words = [own_server.binary, settings, "--sentinel"]
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log)
        try:
            with redis.Redis(port=port) as client:
                while process.poll() is None:
                    try:
                        client.ping()
                        break
                    except redis.ConnectionError:
                        pass
            yield port
        finally:
            process.terminate()
            process.wait()

    def test_master_for(self, own_server: Server, sentinel: int):
        """A store over the client for the primary works as over any other."""
        sentinels = redis.sentinel.Sentinel([("127.0.0.1", sentinel)])
        with shop_on(own_server) as shop:
            with sentinels.master_for("primary") as client:
                store = shop.open(client)
                use(store)
                store.close()
                assert client.ping()
            assert 1 == shop.open().query(Account).count()
        sentinels.sentinels[0].close()

    def test_async_master_for(self, own_server: Server, sentinel: int):
        """The same with asyncio."""
        with shop_on(own_server, AsyncStore) as shop:
            sentinels = redis.asyncio.sentinel.Sentinel([("127.0.0.1", sentinel)])
            client = sentinels.master_for("primary")
            store = shop.open(client)
            use(store)
            store.close()
            assert shop.loop.run(client.ping())
            shop.loop.run(client.aclose())
            shop.loop.run(sentinels.sentinels[0].aclose())

    def test_a_primary_that_nobody_knows(self, sentinel: int):
        """It is ConnectionLost, not redis-py's own error."""
        sentinels = redis.sentinel.Sentinel([("127.0.0.1", sentinel)])
        with sentinels.master_for("nobody") as client:
            store = Store(REGISTRY, client)
            with pytest.raises(ConnectionLost):
                store.get(Account, 1)
            store.close()
        sentinels.sentinels[0].close()


# --- what is told ------------------------------------------------------------------------------


@attrs.define
class Login:
    """An entity with secrets in every kind of index."""

    name: str
    password: str = attrs.field(repr=False)
    token: str | None = attrs.field(default=None, repr=False)
    codes: list[str] = attrs.field(factory=list, repr=False)
    pin: str | None = attrs.field(default=None, repr=False)
    note: str = attrs.field(default="", repr=False)
    id: str = ""


def logins(conflict: str) -> MapperRegistry:
    """A registry of logins with a policy."""

    class Logins(Mapper[Login], conflict=conflict):
        id = Key[str]()
        name = Field[str]()
        password = Field[str](norm=str.upper)
        token = Field[str | None]()
        codes = Field[list[str]]()
        pin = Field[str | None]()
        by_token = Unique(token)
        by_name_pin = Unique(name, pin)
        by_code = Lookup(codes)
        by_pin = Lookup(pin)
        by_password = Ordered(password)

    return MapperRegistry(Logins)


SECRET = "sesame"  # noqa: S105 - it is one, for the test
POLICIES = pytest.mark.parametrize("conflict", ["version", "fields", "overwrite"])


def secret(number: int, name: str, key: str) -> Login:
    """A login all of whose secrets can be recognized, long ones among them."""
    each = f"{SECRET}{number}"
    return Login(name, each, f"t{each}", [f"c{each}", f"d{each}"], f"p{each}", each * 20, key)


def keep_secrets(store: Store, registry: MapperRegistry) -> Iterator[str]:
    """Everything that can be done with secrets; what errors say of it."""
    (mapped,) = registry
    mapper: Any = mapped.mapper
    with store.unit() as unit:
        unit.add_all([secret(1, "Ann", "ann"), secret(2, "Bob", "bob")])
    with store.unit() as unit:
        ann = unit.get_by(mapper.by_token, f"t{SECRET}1")
        changed = secret(3, "Ann", "ann")
        for name in ("password", "token", "codes", "pin", "note"):
            setattr(ann, name, getattr(changed, name))
        yield repr(unit.changes())
    store.transact(lambda unit: unit.put(secret(4, "Ann", "ann")))
    for query in (
        store.query(Login).where(mapper.password == f"{SECRET}4"),
        store.query(Login).where(mapper.password.startswith(SECRET)),
        store.query(Login).where(mapper.codes.has(f"c{SECRET}4")),
        store.query(Login).where(mapper.pin.in_([f"p{SECRET}4", f"p{SECRET}9"])),
        store.query(Login).where(mapper.token == f"t{SECRET}4"),
    ):
        assert ["ann"] == [each.id for each in query.where(mapper.name == "Ann").all()]
        query.count()
    yield from refused(
        lambda: store.transact(lambda unit: unit.add(secret(2, "Eve", "eve")), attempts=1),
        lambda: store.transact(lambda unit: unit.add(secret(9, "Ann", "ann")), attempts=1),
        lambda: store.query(Login).where(mapper.password != f"{SECRET}4").all(),
        lambda: store.query(Login).where(mapper.pin > f"p{SECRET}4").all(),
        lambda: store.query(Login).where(mapper.codes == [f"c{SECRET}4"]).all(),
        lambda: store.transact(lambda unit: unit.add(Login("E", f"{SECRET}\ud800", id="e"))),
        lambda: store.query(Login).where(mapper.password == f"{SECRET}\ud800").all(),
        lambda: store.query(Login).where(mapper.token < 5).all(),
    )
    store.transact(lambda unit: unit.delete_by_key(Login, "bob"))
    with store.unit() as unit:
        unit.delete(unit.require(Login, "ann"))


def refused(*acts: Callable[[], Any]) -> Iterator[str]:
    """What the errors of these say, violations included."""
    for act in acts:
        with pytest.raises(RedmapperError) as error:
            act()
        yield str(error.value)
        if isinstance(error.value, Conflict):
            yield from map(str, error.value.violations)


class TestWhatIsTold:
    """Logs, echo, on_batch, errors."""

    def test_the_log_has_no_values(self, shop: Shop, caplog: pytest.LogCaptureFixture):
        """At DEBUG one line a batch: verb, commands, keys, milliseconds; no value, and no key."""
        caplog.set_level(logging.DEBUG, "redmapper")
        store = shop.open()
        with store.unit() as unit:
            unit.add(Account("VALUE", "VALUE@x", ["VALUE"], 4711, id=4712))
            unit.add(Note("VALUE", "VALUE", "VALUE"))
        store.get(Note, "VALUE")
        store.query(Account).where(Accounts.owner == "VALUE").all()
        store.get_by(Accounts.by_email, "VALUE@x")
        lines = [each.getMessage() for each in caplog.records if each.name == "redmapper"]
        assert ["commit", "load", "find", "owner"] == [line.partition(":")[0] for line in lines]
        for line in lines:
            assert " commands, " in line
            assert line.endswith(" ms")
            assert "VALUE" not in line
            assert "471" not in line.partition(" keys")[0]

    def test_on_batch(self, shop: Shop):
        """A function is handed the same, and one that fails does no harm but for a line."""
        told: list[BatchReport] = []
        store = shop.open(on_batch=told.append)
        store.transact(lambda unit: unit.add(Note("text", id="a")))
        store.get(Note, "a")
        assert [("commit", 1), ("load", 1)] == [(each.verb, each.commands) for each in told]
        assert all(each.keys >= 1 and each.ms > 0 for each in told)

    def test_an_on_batch_that_fails(self, shop: Shop, caplog: pytest.LogCaptureFixture):
        """The commit has been carried all the same, and its error is logged."""

        def fail(_: BatchReport) -> None:
            message = "the observer's own"
            raise ValueError(message)

        store = shop.open(on_batch=fail)
        store.transact(lambda unit: unit.add(Note("text", id="a")))
        assert "text" == store.require(Note, "a").text
        assert "the observer's own" in caplog.text

    def test_echo_shows_values(self, shop: Shop, capsys: pytest.CaptureFixture[str]):
        """With echo every batch is printed, its words readable, long ones cut."""
        store = shop.open(echo=True)
        store.transact(lambda unit: unit.add(Note("x" * 10_000, "the title", "the key")))
        said = capsys.readouterr().out
        assert "the title" in said
        assert "the key" in said
        assert max(map(len, said.split())) < 200

    def test_without_echo_nothing_is_printed(self, shop: Shop, capsys: pytest.CaptureFixture[str]):
        """A store says nothing by itself."""
        use(shop.open())
        assert ("", "") == capsys.readouterr()

    @POLICIES
    def test_secrets_are_shown_nowhere(
        self,
        shop: Shop,
        capsys: pytest.CaptureFixture[str],
        caplog: pytest.LogCaptureFixture,
        conflict: str,
    ):
        """Fields with repr=False are `...` in echo, changes and errors, whatever is done."""
        caplog.set_level(logging.DEBUG)
        registry = logins(conflict)
        store = shop.open(registry=registry, echo=True)
        for said in keep_secrets(store, registry):
            assert SECRET not in said.lower()
        printed = capsys.readouterr().out
        assert "..." in printed
        assert "Ann" in printed
        assert [] == [line for line in printed.splitlines() if SECRET in line.lower()]
        assert SECRET not in caplog.text.lower()

    @POLICIES
    def test_secrets_in_memory(self, conflict: str):
        """The errors of the in-memory store keep them too."""
        registry = logins(conflict)
        for said in keep_secrets(Store(registry), registry):
            assert SECRET not in said.lower()

    def test_an_address_is_shown_nowhere(
        self,
        server: Server,
        face: Any,
        capsys: pytest.CaptureFixture[str],
        caplog: pytest.LogCaptureFixture,
    ):
        """The password of an address: not in repr, log, echo, nor in an error and its causes."""
        caplog.set_level(logging.DEBUG)
        with shop_on(server, face) as shop:
            for port in (server.port, _free_port()):
                store = shop.open(
                    f"redis://somebody:sesame@127.0.0.1:{port}/0", echo=True, on_batch=print
                )
                with pytest.raises(StoreError) as refused:
                    store.get(Account, 1)
                shown = "".join(traceback.format_exception(refused.value))
                assert "sesame" not in shown.replace("somebody:sesame@127.0.0.1:{port}", "")
                assert "sesame" not in repr(store)
                store.close()
        assert "sesame" not in caplog.text
        assert "sesame" not in capsys.readouterr().out


def test_namespaces_and_partitions_are_apart(shop: Shop):
    """The same keys in each of them; whatever they are called, none sees another's."""
    before = set(shop.client.scan_iter())
    names = [new_namespace(), f"{shop.namespace}:part", f"{shop.namespace}*", "Ä x?[a]#/"]
    stores = [shop.open(namespace=name) for name in names]
    stores += [store.partition("part") for store in stores]
    stores += [shop.open(), shop.open().partition("part")]
    for number, store in enumerate(stores):
        store.transact(lambda unit, text=str(number): unit.add(Note(text, "title", "a")))
    for number, store in enumerate(stores):
        assert str(number) == store.require(Note, "a").text
        assert 1 == store.query(Note).count()
    for store in stores:
        store.transact(lambda unit: unit.delete_by_key(Note, "a"))
    shop.client.delete(*set(shop.client.scan_iter()) - before)
