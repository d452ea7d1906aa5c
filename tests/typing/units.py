"""What the type checkers must make of units, stores and queries. Nothing here is run.

A line that must be refused carries one comment a checker, as in `predicates.py`.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any, assert_type

import attrs

from redmapper import (
    AsyncBulk,
    AsyncQuery,
    AsyncStore,
    AsyncUnitOfWork,
    Bulk,
    Change,
    Explanation,
    Field,
    Key,
    Mapper,
    MapperRegistry,
    Page,
    Query,
    Store,
    Unique,
    UnitOfWork,
)


@attrs.define
class User:
    """An entity."""

    name: str
    id: int | None = None


@attrs.define
class Team:
    """Another one."""

    name: str
    id: str | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    name = Field[str]()
    by_name = Unique(name)


class Teams(Mapper[Team]):
    """Its mapper."""

    id = Key[str]()


registry = MapperRegistry(Users, Teams)
store = Store(registry, "redis://localhost", namespace="shop", on_batch=print)
async_store = AsyncStore(registry)


def reading(uow: UnitOfWork) -> None:
    """A domain class and its mapper give the same type; a store as a unit does."""
    assert_type(uow.get(User, 1), User | None)
    assert_type(uow.get(Users, 1), User | None)
    assert_type(uow.require(User, 1), User)
    assert_type(uow.require(Users, 1), User)
    assert_type(uow.get_many(User, [1, 2]), list[User | None])
    assert_type(uow.get_many(Users, [1, 2]), list[User | None])
    assert_type(uow.query(User), Query[User])
    assert_type(uow.query(Users), Query[User])
    assert_type(uow.query(uow.query(Users)), Query[User])
    assert_type(store.get(Team, "t"), Team | None)
    assert_type(store.require(Teams, "t"), Team)
    assert_type(store.get_many(Teams, ["t"]), list[Team | None])
    assert_type(store.query(Teams), Query[Team])
    assert_type(uow.get_by(Users.by_name, "Ann"), Any)


def querying(query: Query[User]) -> None:
    """A query keeps its type to its end."""
    narrowed = query.where(Users.name == "Ann").order_by(Users.name, Users.id.desc())
    assert_type(narrowed.limit(1).offset(1).allow_scan(), Query[User])
    assert_type(query.all(), list[User])
    assert_type(query.first(), User | None)
    assert_type(query.one(), User)
    assert_type(query.one_or_none(), User | None)
    assert_type(query.count(), int)
    assert_type(query.exists(), bool)
    assert_type(query.keys(), list[Any])
    assert_type(query.values(Users.name, Users.id), list[tuple[Any, ...]])
    assert_type(query.page(5), Page[User])
    assert_type(query.page(5, after=None).items, list[User])
    assert_type(query.page(5, after="token").next, str | None)
    assert_type(query.explain(analyze=True), Explanation)
    for user in query:
        assert_type(user, User)


def writing(uow: UnitOfWork, user: User) -> None:
    """What is given comes back as what it is."""
    assert_type(uow.add(user), User)
    assert_type(uow.add_all([user]), list[User])
    assert_type(uow.put(user, version="v"), User)
    assert_type(uow.replace(user, attrs.evolve(user)), User)
    assert_type(uow.changes(), list[Change])
    assert_type(uow.get_or_add(Users.by_name, "Ann", factory=lambda: user), User)
    uow.guard(user)
    assert_type(uow.state(user), str)
    assert_type(uow.version_of(user), str | None)
    assert_type(user in uow, bool)
    with store.unit(commit="explicit") as unit:
        assert_type(unit, UnitOfWork)


def length(uow: UnitOfWork) -> int:
    """What `transact` runs."""
    return len(uow.require(User, 1).name)


async def async_length(uow: AsyncUnitOfWork) -> int:
    """The same, on the async face."""
    return len((await uow.require(User, 1)).name)


def transacting() -> None:
    """`transact` answers what its function does."""
    assert_type(store.transact(length, attempts=3), int)
    assert_type(store.transact(lambda uow: uow.get(User, 1)), User | None)
    assert_type(store.partition("t"), Store)


async def awaiting(uow: AsyncUnitOfWork) -> None:
    """The same types, awaited."""
    assert_type(await uow.get(User, 1), User | None)
    assert_type(await uow.get(Users, 1), User | None)
    assert_type(await uow.require(Users, 1), User)
    assert_type(await uow.get_many(Users, [1]), list[User | None])
    assert_type(await async_store.require(Team, "t"), Team)
    assert_type(uow.query(Users), AsyncQuery[User])
    assert_type(await uow.query(Users).where(Users.name == "Ann").all(), list[User])
    assert_type(await uow.query(User).first(), User | None)
    assert_type(await uow.query(User).page(5), Page[User])
    assert_type(await async_store.transact(async_length), int)
    assert_type(uow.add(User("Ann")), User)
    assert_type(await uow.get_or_add(Users.by_name, "Ann", factory=lambda: User("Ann")), User)
    async for user in uow.query(Users):
        assert_type(user, User)
    async with async_store.unit(read_only=True) as unit:
        assert_type(unit, AsyncUnitOfWork)


def in_bulk(user: User) -> None:
    """Streams of what they were asked for, and bulks of its entities."""
    assert_type(store.stream(User), Iterator[User])
    assert_type(store.stream(Users, Users.name == "Ann", batch=5), Iterator[User])
    assert_type(store.stream(store.query(Users)), Iterator[User])
    assert_type(store.stream(Users.name == "Ann"), Iterator[Any])
    assert_type(store.bulk(User), Bulk[User])
    assert_type(store.bulk(Users), Bulk[User])
    assert_type(store.bulk(Users).insert([user], chunk=5, progress=print), int)
    assert_type(store.bulk(Users).put(store.stream(Users)), int)
    assert_type(store.bulk(Users).delete([user, 7]), int)


async def async_in_bulk(user: User) -> None:
    """The same, awaited; from a stream as from a list."""
    assert_type(async_store.stream(Users), AsyncIterator[User])
    assert_type(async_store.stream(Users.name == "Ann"), AsyncIterator[Any])
    assert_type(async_store.bulk(User), AsyncBulk[User])
    assert_type(await async_store.bulk(Users).insert([user]), int)
    assert_type(await async_store.bulk(Users).put(async_store.stream(Users)), int)
    assert_type(await async_store.bulk(Users).delete(async_store.query(Users)), int)


def mapping() -> None:
    """The mapper of a class is one of its entities."""
    assert_type(registry.mapper_for(User), type[Mapper[User]])
    registry.on("committed", print)


def refused(uow: UnitOfWork, query: Query[User], user: User) -> None:
    """A name that is not there, a value of another type, an option that is none."""
    uow.get(user, 1)  # type: ignore[call-overload] # pyright: ignore[reportArgumentType, reportCallIssue]
    uow.get(User)  # type: ignore[call-overload] # pyright: ignore[reportCallIssue]
    uow.get(User, 1).name  # type: ignore[union-attr] # pyright: ignore[reportOptionalMemberAccess]
    uow.require(Users, 1).nope  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    uow.get_many(User, 1)  # type: ignore[call-overload] # pyright: ignore[reportArgumentType, reportCallIssue]
    uow.get_by("by_name", "Ann")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    uow.put(user, 7)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    uow.get_or_add(Users.by_name, "Ann")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    uow.get_or_add(Users.by_name, "Ann", factory=user)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    registry.on("committed", "print")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    uow.flush()  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    query.where("name")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    query.values("name")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    query.page("5")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    query.page(5, "token")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    query.limit("5")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    query.order_by("name")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    store.unit(readonly=True)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    store.stream("name")  # type: ignore[call-overload] # pyright: ignore[reportArgumentType, reportCallIssue]
    store.stream(Users, "name")  # type: ignore[call-overload] # pyright: ignore[reportArgumentType, reportCallIssue]
    store.bulk(Users).insert([Team("a")])  # type: ignore[list-item] # pyright: ignore[reportArgumentType]
    store.bulk(Users).insert(user)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    store.bulk(Users).put([user], 5)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    store.bulk(Users).put(async_store.stream(Users))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    store.transact(length, 3)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    store.transact(length(uow))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Store(registry, 6379)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Store("redis://localhost")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    MapperRegistry(User)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


async def refused_async(uow: AsyncUnitOfWork) -> None:
    """What is awaited on the async face is no value before."""
    (await uow.get(User, 1)).name  # type: ignore[union-attr] # pyright: ignore[reportOptionalMemberAccess]
    uow.require(User, 1).name  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    await async_store.transact(length)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    for _ in uow.query(User):  # type: ignore[attr-defined] # pyright: ignore[reportGeneralTypeIssues]
        pass
