"""Every public verb of a store, a unit and a registry has a wrong use that is named at once.

What is wrong in many ways has its own tests; here none is forgotten.
"""

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

from redmapper import (
    Bulk,
    Field,
    Key,
    Mapper,
    MapperRegistry,
    MappingError,
    NotFound,
    NotMapped,
    QueryError,
    Store,
    StoreError,
    Unique,
    UnitClosed,
    UnitError,
    UnitOfWork,
    ValueRefused,
)


@attrs.define
class User:
    """An entity."""

    name: str
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    name = Field[str]()
    by_name = Unique(name)


class Stranger:
    """Nobody has mapped it."""


UNIT: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "add": (lambda uow: uow.add(Stranger()), NotMapped, "Stranger has no mapper"),
    "add_all": (lambda uow: uow.add_all([User]), NotMapped, "User is a class"),
    "put": (lambda uow: uow.put(User("a", id=1), version=7), UnitError, "a version is text"),
    "replace": (lambda uow: uow.replace(User("a"), User("b")), UnitError, "is not tracked"),
    "delete": (lambda uow: uow.delete(User("a")), UnitError, "has no key"),
    "delete_by_key": (lambda uow: uow.delete_by_key(User, "7"), ValueRefused, "User key"),
    "guard": (lambda uow: uow.guard(User("a")), UnitError, "is not tracked"),
    "get_or_add": (
        lambda uow: uow.get_or_add(Users.by_name, "a", factory=None),
        UnitError,
        "a function that makes the object",
    ),
    "get": (lambda uow: uow.get(User(""), 1), NotMapped, "is not a class"),
    "require": (lambda uow: uow.require(User, 7), NotFound, "no User with key 7"),
    "get_many": (lambda uow: uow.get_many(User, "12"), QueryError, "takes several keys"),
    "get_by": (lambda uow: uow.get_by(Users.name, "a"), QueryError, "takes a Unique"),
    "query": (lambda uow: uow.query(Stranger), NotMapped, "Stranger has no mapper"),
    "refresh": (lambda uow: uow.refresh(uow.add(User("a"))), UnitError, "nothing stored to read"),
    "version_of": (lambda uow: uow.version_of(User("a")), UnitError, "is not tracked"),
}
"""A wrong argument."""

CLOSED: dict[str, Callable[[Any], Any]] = {
    "untrack": lambda uow: uow.untrack(User("a")),
    "commit": lambda uow: uow.commit(),
    "rollback": lambda uow: uow.rollback(),
    "changes": lambda uow: uow.changes(),
    "state": lambda uow: uow.state(User("a")),
}
"""What takes any argument, or none, can still come too late."""

STORE: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "partition": (lambda store: store.partition(""), MappingError, "can not name a partition"),
    "unit": (lambda store: store.unit(commit="never"), ValueError, "commit='never'"),
    "transact": (lambda store: store.transact(len, attempts=0), ValueError, "at least 1"),
    "get": (lambda store: store.get(User, "7"), ValueRefused, "User key"),
    "require": (lambda store: store.require(User, 7), NotFound, "no User with key 7"),
    "get_many": (lambda store: store.get_many(User, 7), QueryError, "takes several keys"),
    "get_by": (lambda store: store.get_by(Users.by_name), QueryError, "over 1 fields, but 0"),
    "query": (lambda store: store.query(7), NotMapped, "7 is not a class"),
    "stream": (lambda store: store.stream(Users, batch=0), QueryError, "batch=0"),
    "bulk": (lambda store: store.bulk(Stranger), NotMapped, "Stranger has no mapper"),
    "new_key": (lambda store: store.new_key(Stranger), NotMapped, "Stranger has no mapper"),
    "outcome": (lambda store: store.outcome(7), StoreError, "not the unit_id"),
}
BULK: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "insert": (lambda bulk: bulk.insert(User("a")), UnitError, "takes several"),
    "put": (lambda bulk: bulk.put([], chunk=0), ValueError, "chunk=0"),
    "delete": (lambda bulk: bulk.delete("12"), UnitError, "takes several"),
}
REGISTRY: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "on": (lambda registry: registry.on("never", print), MappingError, "no such event"),
    "mapper_for": (lambda registry: registry.mapper_for(Stranger), NotMapped, "no mapper"),
    "mapped": (lambda registry: registry.mapped(7), NotMapped, "7 is not a class"),
    "mapped_object": (lambda registry: registry.mapped_object(7), NotMapped, "int has no mapper"),
}


@pytest.fixture
def registry() -> MapperRegistry:
    """One mapper."""
    return MapperRegistry(Users)


@pytest.fixture
def store(registry: MapperRegistry) -> Store:
    """Nothing is stored."""
    return Store(registry)


@pytest.fixture
def uow(store: Store) -> Iterator[UnitOfWork]:
    """Inside its block."""
    with store.unit() as unit:
        yield unit
        unit.rollback()


@pytest.mark.parametrize("verb", UNIT)
def test_a_verb_of_a_unit(uow: UnitOfWork, verb: str):
    """The error names the mistake, and the unit goes on."""
    call, error, said = UNIT[verb]
    with pytest.raises(error, match=said):
        call(uow)
    uow.add(User("another"))


@pytest.mark.parametrize("verb", CLOSED)
def test_a_verb_outside_the_block(store: Store, verb: str):
    """It is named."""
    with pytest.raises(UnitClosed, match=rf"{verb}\(\) outside"):
        CLOSED[verb](store.unit())


@pytest.mark.parametrize("verb", STORE)
def test_a_verb_of_a_store(store: Store, verb: str):
    """The error names the mistake."""
    call, error, said = STORE[verb]
    with pytest.raises(error, match=said):
        call(store)


@pytest.mark.parametrize("verb", BULK)
def test_a_verb_of_bulk(store: Store, verb: str):
    """The error names the mistake."""
    call, error, said = BULK[verb]
    with pytest.raises(error, match=said):
        call(store.bulk(Users))


@pytest.mark.parametrize("verb", REGISTRY)
def test_a_verb_of_a_registry(registry: MapperRegistry, verb: str):
    """The error names the mistake."""
    call, error, said = REGISTRY[verb]
    with pytest.raises(error, match=said):
        call(registry)


@pytest.mark.parametrize(
    ("kind", "tables", "harmless"),
    [
        (UnitOfWork, (UNIT, CLOSED), set()),
        (Store, (STORE,), {"close", "registry"}),
        (Bulk, (BULK,), set()),
        (MapperRegistry, (REGISTRY,), {"use"}),
    ],
)
def test_no_verb_is_forgotten(kind: type, tables: tuple[dict[str, Any], ...], harmless: set[str]):
    """Those that take nothing can not be used wrongly."""
    verbs = {name for name in dir(kind) if not name.startswith("_")}
    assert verbs - harmless == {name for table in tables for name in table}
