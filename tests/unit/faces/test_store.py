"""Stores of both faces: what they take, what they refuse, and the async face in memory."""

import asyncio
import copy
import pickle
from collections.abc import Callable, Coroutine
from typing import Any

import attrs
import pytest
import redis
import redis.asyncio

from redmapper import (
    AsyncStore,
    AsyncUnitOfWork,
    Capabilities,
    Field,
    Key,
    Lookup,
    LuaIndexStrategy,
    Mapper,
    MapperRegistry,
    MappingError,
    MemoryIndexStrategy,
    MultipleResults,
    NotFound,
    Ordered,
    Stale,
    Store,
    StoreError,
    Taken,
    Unique,
)


@attrs.define
class User:
    """An entity."""

    name: str
    age: int | None = None
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    name = Field[str]()
    age = Field[int | None]()
    by_name = Unique(name)
    by_age = Ordered(age)


REGISTRY = MapperRegistry(Users)
FACES = [Store, AsyncStore]


def client(face: type, **options: Any) -> Any:
    """A redis-py client for a face; making one does no I/O."""
    kind = redis.Redis if face is Store else redis.asyncio.Redis
    return kind(**options)


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine."""
    return asyncio.run(coroutine)


# --- what a store takes ----------------------------------------------------------------------


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("target", [None, "memory://"])
def test_a_store_without_a_server_is_in_memory(face: Any, target: str | None):
    """By saying nothing, or by saying so."""
    assert f"<{face.__name__} MemoryIndexStrategy namespace='redmapper'>" == repr(
        face(REGISTRY, target)
    )


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(
    "target",
    ["redis://localhost:1/0", "rediss://user:pass@localhost:1", "unix:///nowhere", "client"],
)
def test_a_store_with_a_server_speaks_lua(face: Any, target: str):
    """Making it does no I/O: nobody listens there."""
    store = face(REGISTRY, client(face) if target == "client" else target, namespace="shop")
    assert f"<{face.__name__} LuaIndexStrategy namespace='shop'>" == repr(store)


def test_a_password_is_not_in_the_repr():
    """Nor anything of the address."""
    assert "secret" not in repr(Store(REGISTRY, "redis://:secret@localhost:1"))


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        (
            "http://:secret@localhost",
            {},
            "the address must begin with memory://, redis://, rediss:// or unix://",
        ),
        (
            "localhost:6379",
            {},
            "the address must begin with memory://, redis://, rediss:// or unix://",
        ),
        (
            "redis://:secret@localhost:port",
            {},
            (
                "the address can not be read; write redis://user:password@localhost:6379/0, "
                "with special characters of the password percent-encoded"
            ),
        ),
        (None, {"strategy": LuaIndexStrategy()}, "LuaIndexStrategy needs a server: pass its URL"),
        (
            "redis://localhost",
            {"strategy": MemoryIndexStrategy()},
            "MemoryIndexStrategy takes no server: pass none",
        ),
        (
            None,
            {"strategy": MemoryIndexStrategy},
            "strategy=MemoryIndexStrategy is a class; make one: MemoryIndexStrategy()",
        ),
        (None, {"strategy": 5}, "strategy=5 is no strategy, such as LuaIndexStrategy()"),
        ("redis://a..b:1", {}, "the address names a host that can not be one: 'a..b'"),
        (
            "unix://h:secret@/s?protocol=7",
            {},
            "the address has an option that redis-py does not take",
        ),
    ],
    ids=[
        *("scheme", "no scheme", "port", "no server", "a server", "a class", "no strategy"),
        *("host", "value of an option"),
    ],
)
def test_a_target_that_does_not_fit_is_refused(
    face: Any, target: str | None, options: dict[str, Any], message: str
):
    """With the cure, and without a password."""
    with pytest.raises(MappingError) as refused:
        face(REGISTRY, target, **options)
    assert message == str(refused.value)


@pytest.mark.parametrize("face", FACES)
def test_an_option_that_redis_does_not_know_is_refused(face: Any):
    """By its name, when the store is made and not at its first use."""
    with pytest.raises(MappingError, match=r"option that redis-py does not take: .*'foo'"):
        face(REGISTRY, "redis://:secret@localhost?foo=1")


@pytest.mark.parametrize(
    ("face", "given", "message"),
    [
        (Store, AsyncStore, "Store can not use redis.asyncio.client.Redis; use AsyncStore"),
        (AsyncStore, Store, "AsyncStore can not use redis.client.Redis; use Store"),
    ],
    ids=["Store", "AsyncStore"],
)
def test_a_client_of_the_other_world_is_refused(face: Any, given: type, message: str):
    """The refusal names the store for it."""
    with pytest.raises(MappingError) as refused:
        face(REGISTRY, client(given))
    assert message == str(refused.value)


@pytest.mark.parametrize("face", FACES)
def test_a_client_that_decodes_is_refused(face: Any):
    """It would hand out text, and what is stored are bytes."""
    with pytest.raises(MappingError, match="the client has decode_responses=True"):
        face(REGISTRY, client(face, decode_responses=True))


@pytest.mark.parametrize(
    ("face", "kind"), [(Store, "redis.Redis"), (AsyncStore, "redis.asyncio.Redis")]
)
def test_another_target_is_refused(face: Any, kind: str):
    """With what it takes."""
    with pytest.raises(MappingError) as refused:
        face(REGISTRY, 6379)
    assert f"{face.__name__} can not use a int; pass a URL or a {kind}" == str(refused.value)


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("registry", [Users, None, [Users]], ids=repr)
def test_a_store_takes_a_registry(face: Any, registry: Any):
    """Not a mapper."""
    with pytest.raises(MappingError) as refused:
        face(registry)
    assert f"a store takes a MapperRegistry first, not {registry!r}" == str(refused.value)


@attrs.frozen
class Poor:
    """A strategy that serves but one kind of index."""

    @property
    def capabilities(self) -> Capabilities:
        """No Ordered."""
        return Capabilities(frozenset({Unique, Lookup}), server=False)

    def bind(self, *_: Any) -> Any:
        """Is never called."""
        raise AssertionError


@pytest.mark.parametrize("face", FACES)
def test_an_index_that_the_strategy_does_not_serve_is_refused(face: Any):
    """When the store is built, by name."""
    with pytest.raises(MappingError) as refused:
        face(REGISTRY, strategy=Poor())
    assert "Users.by_age: Poor does not serve Ordered" == str(refused.value)


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"commit": "never"}, "unit(commit='never'): one of 'exit', 'explicit'"),
        ({"reads": "all"}, "unit(reads='all'): one of 'overlaid', 'stored'"),
    ],
    ids=repr,
)
def test_a_unit_has_known_options(face: Any, options: dict[str, str], message: str):
    """The others are named."""
    with pytest.raises(ValueError, match=r"unit\(") as refused:
        face(REGISTRY).unit(**options)
    assert message == str(refused.value)


@pytest.mark.parametrize("attempts", [0, -1])
def test_transact_makes_an_attempt(attempts: int):
    """One at least; on both faces."""
    with pytest.raises(ValueError, match=rf"^transact\(attempts={attempts}\): at least 1$"):
        Store(REGISTRY).transact(lambda _: None, attempts=attempts)

    async def nothing(_: AsyncUnitOfWork) -> None:
        raise AssertionError

    with pytest.raises(ValueError, match=rf"^transact\(attempts={attempts}\): at least 1$"):
        run(AsyncStore(REGISTRY).transact(nothing, attempts=attempts))


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("attempt", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_store_is_neither_pickled_nor_copied(face: Any, attempt: Callable[[Any], Any]):
    """By name."""
    with pytest.raises(TypeError, match=f"^{face.__name__} can not be pickled or copied"):
        attempt(face(REGISTRY))


@pytest.mark.parametrize("face", FACES)
def test_a_store_knows_its_registry(face: Any):
    """The one that it was made with."""
    assert REGISTRY is face(REGISTRY).registry


# --- the stateless door ----------------------------------------------------------------------


@pytest.fixture
def store() -> Store:
    """Ann and Bob are stored."""
    store = Store(REGISTRY)
    with store.unit() as unit:
        unit.add_all([User("Ann", 30), User("Bob", 40)])
    return store


def test_a_store_reads_without_a_unit(store: Store):
    """By key, by keys, by a unique value, and by a query."""
    assert User("Ann", 30, 1) == store.get(User, 1) == store.require(Users, 1)
    assert store.get(User, 9) is None
    assert [None, "Ann"] == [each and each.name for each in store.get_many(User, [9, 1])]
    assert "Bob" == store.get_by(Users.by_name, "Bob").name
    assert ["Bob"] == [user.name for user in store.query(User).where(Users.age > 30)]
    with pytest.raises(NotFound):
        store.require(User, 9)


def test_objects_without_a_unit_are_nobodys(store: Store):
    """Two readings give two; changing one changes nothing."""
    first = store.require(User, 1)
    first.age = 99
    assert first is not store.get(User, 1)
    assert 30 == store.require(User, 1).age


def test_a_new_key_is_made(store: Store):
    """As add would make it; it is not given again."""
    assert 3 == store.new_key(Users)
    with store.unit() as unit:
        new = unit.add(User("Cid"))
    assert new.id > 3


# --- partitions ------------------------------------------------------------------------------


def test_a_partition_is_the_same_store_elsewhere(store: Store):
    """Its entities, claims and numbers are its own."""
    tenant = store.partition("t")
    with tenant.unit() as unit:
        ann = unit.add(User("Ann"))
    assert (1, 1, 2) == (ann.id, tenant.query(User).count(), store.query(User).count())
    assert "<Store MemoryIndexStrategy namespace='redmapper', partition='t'>" == repr(tenant)


def test_a_partition_is_made_once(store: Store):
    """So that it has one stock of numbers and lanes."""
    assert store.partition("t") is store.partition("t")
    assert store.partition("t") is not store.partition("u")


def test_stores_that_share_a_strategy_share_its_data():
    """In one process."""
    strategy = MemoryIndexStrategy()
    with Store(REGISTRY, strategy=strategy).unit() as unit:
        unit.add(User("Ann"))
    assert 1 == Store(REGISTRY, strategy=strategy).query(User).count()
    assert 0 == Store(REGISTRY, strategy=strategy, namespace="other").query(User).count()
    assert 1 == run(AsyncStore(REGISTRY, strategy=strategy).query(User).count())


# --- closing ---------------------------------------------------------------------------------


def test_a_closed_store_is_not_used(store: Store):
    """Nor are its units; closing twice is fine."""
    unit, query = store.unit(), store.query(User)
    with store:
        pass
    store.close()
    uses: list[Callable[[], Any]] = [
        lambda: store.get(User, 1),
        query.all,
        lambda: store.new_key(User),
        lambda: store.partition("t"),
        lambda: unit.__enter__().get(User, 1),
    ]
    for use in uses:
        with pytest.raises(StoreError, match="is closed; make another"):
            use()


def test_closing_a_store_closes_its_partitions(store: Store):
    """They have its links."""
    tenant = store.partition("t")
    store.close()
    with pytest.raises(StoreError, match="partition='t'> is closed"):
        tenant.get(User, 1)


def test_closing_a_partition_closes_no_other(store: Store):
    """Neither the store, nor its siblings; and it can be had again."""
    sibling = store.partition("u")
    with store.partition("t") as tenant, tenant.unit() as unit:
        unit.add(User("Ann"))
    assert (2, 0, 1) == (
        store.query(User).count(),
        sibling.query(User).count(),
        store.partition("t").query(User).count(),
    )


# --- the async face --------------------------------------------------------------------------


async def filled() -> AsyncStore:
    """Ann and Bob are stored."""
    store = AsyncStore(REGISTRY)
    async with store.unit() as unit:
        unit.add_all([User("Ann", 30), User("Bob", 40)])
    return store


def test_the_async_face_reads():
    """The same verbs, awaited."""

    async def work() -> None:
        store = await filled()
        assert User("Ann", 30, 1) == await store.get(User, 1) == await store.require(Users, 1)
        assert [None, "Bob"] == [each and each.name for each in await store.get_many(User, [9, 2])]
        assert "Bob" == (await store.get_by(Users.by_name, "Bob")).name
        assert 3 == await store.new_key(Users)
        with pytest.raises(NotFound):
            await store.require(User, 9)

    run(work())


def test_the_async_face_queries():
    """The same ends of a query."""

    async def work() -> None:
        query = (await filled()).query(Users).order_by(Users.age.desc())
        assert ["Bob", "Ann"] == [user.name for user in await query.all()]
        assert ["Bob", "Ann"] == [user.name async for user in query]
        assert "Bob" == (await query.first()).name
        assert (2, True) == (await query.count(), await query.exists())
        assert "Ann" == (await query.where(Users.age == 30).one()).name
        assert await query.where(Users.age == 0).one_or_none() is None
        assert not await query.where(Users.age == 0).exists()
        with pytest.raises(MultipleResults):
            await query.one()
        with pytest.raises(NotFound):
            await query.where(Users.age == 0).one()

    run(work())


def test_the_async_face_writes():
    """A clean exit commits, an exception discards, and a conflict is one."""

    async def work() -> None:
        store = await filled()
        async with store.unit() as unit:
            ann = await unit.require(User, 1)
            ann.age = 31
            await unit.commit()
            assert "clean" == unit.state(ann)
            ann.age = 99
            await unit.refresh(ann)
            assert 31 == ann.age
            unit.delete(await unit.require(User, 2))
            unit.rollback()
        assert 2 == await store.query(User).count()
        unit = store.unit()
        with pytest.raises(Taken):
            async with unit:
                unit.add(User("Bob"))
        with pytest.raises(KeyboardInterrupt):
            async with unit:
                _interrupt(unit)
        assert 2 == await store.query(User).count()

    run(work())


def _interrupt(unit: AsyncUnitOfWork) -> None:
    unit.add(User("Cid"))
    raise KeyboardInterrupt


def test_the_async_face_transacts():
    """With a fresh unit after each Stale."""

    async def work() -> None:
        store = await filled()
        runs: list[AsyncUnitOfWork] = []

        async def older(unit: AsyncUnitOfWork) -> int | None:
            ann = await unit.require(User, 1)
            if not runs:
                async with store.unit() as other:
                    (await other.require(User, 1)).age = 50
            runs.append(unit)
            ann.age = (ann.age or 0) + 1
            return ann.age

        assert 51 == await store.transact(older)
        assert 2 == len(runs)
        runs.clear()
        with pytest.raises(Stale):
            await store.transact(older, attempts=1)

    run(work())


def test_the_async_face_closes():
    """A partition alone, a store with its partitions."""

    async def work() -> None:
        async with await filled() as store:
            tenant = store.partition("t")
            assert tenant is store.partition("t")
            await tenant.close()
            assert tenant is not store.partition("t")
            tenant = store.partition("t")
        for closed in (store, tenant):
            with pytest.raises(StoreError, match="is closed; make another"):
                await closed.get(User, 1)

    run(work())
