"""The public names, their signatures and their defaults: what the API promises."""

import inspect
from collections.abc import Callable
from importlib import resources
from types import ModuleType
from typing import Any

import pytest

import redmapper
from redmapper import (
    AsyncBulk,
    AsyncQuery,
    AsyncStore,
    AsyncUnitOfWork,
    Bulk,
    Computed,
    Field,
    Key,
    Lookup,
    Mapper,
    MapperRegistry,
    Ordered,
    Query,
    Store,
    Unique,
    UnitOfWork,
    errors,
)


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Exception)


PROMISED = {
    *("Mapper", "MapperRegistry", "Key", "Field", "Computed", "Unique", "Lookup", "Ordered"),
    *("Store", "AsyncStore", "UnitOfWork", "AsyncUnitOfWork", "Query", "AsyncQuery"),
    *("Bulk", "AsyncBulk"),
    *("Predicate", "Page", "Explanation", "Use", "Change", "BatchReport"),
    *("IndexStrategy", "BoundStrategy", "Capabilities"),
    *("LuaIndexStrategy", "MemoryIndexStrategy"),
    *(name for name, value in vars(errors).items() if _is_error(value)),
}


def test_every_promised_name_is_there():
    """Importable from the package itself."""
    assert set() == {name for name in PROMISED if not hasattr(redmapper, name)}


def test_all_is_exactly_what_is_public():
    """No name more, none less; and in order."""
    public = {
        name
        for name, value in vars(redmapper).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert sorted(public) == redmapper.__all__
    assert set() == PROMISED - public


def test_the_package_is_typed():
    """Type checkers look for this file."""
    assert resources.files(redmapper).joinpath("py.typed").is_file()


# --- signatures ------------------------------------------------------------------------------


def signature(function: Callable[..., Any]) -> str:
    """A signature without its types and without self."""
    given = inspect.signature(function)
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for name, parameter in given.parameters.items()
        if name != "self"
    ]
    plain = given.replace(parameters=parameters, return_annotation=inspect.Signature.empty)
    return str(plain)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (Key, "(*, new=None)"),
        (Field, "(*, norm=None)"),
        (Computed, "(compute)"),
        (Unique, "(*fields, nulls=False)"),
        (Lookup, "(*fields)"),
        (Ordered, "(*fields)"),
        (MapperRegistry, "(*mappers, converter=None)"),
        (MapperRegistry.mapper_for, "(domain)"),
        (MapperRegistry.on, "(event, handler)"),
        (Field.between, "(low, high)"),
        (Field.in_, "(values)"),
        (Field.is_none, "()"),
        (Field.not_none, "()"),
        (Field.startswith, "(prefix)"),
        (Field.endswith, "(suffix)"),
        (Field.contains, "(part)"),
        (Field.like, "(pattern)"),
        (Field.has, "(element)"),
        (Field.has_any, "(elements)"),
        (Field.has_all, "(elements)"),
        (Field.asc, "()"),
        (Field.desc, "()"),
    ],
    ids=lambda case: getattr(case, "__qualname__", ""),
)
def test_a_declaration_has_its_signature(function: Callable[..., Any], expected: str):
    """As the API writes it."""
    assert expected == signature(function)


STORE = {
    "__init__": (
        "(registry, target=None, *, strategy=None, namespace='redmapper', echo=False, "
        "on_batch=None)"
    ),
    "partition": "(name)",
    "unit": "(*, commit='exit', read_only=False, reads='overlaid')",
    "transact": "(work, *, attempts=5)",
    "get": "(cls, key)",
    "require": "(cls, key)",
    "get_many": "(cls, keys)",
    "get_by": "(unique, *values)",
    "query": "(cls)",
    "stream": "(*of, batch=500)",
    "bulk": "(cls)",
    "new_key": "(cls)",
    "outcome": "(unit_id)",
    "close": "()",
}
BULK = {
    "insert": "(entities, *, chunk=1000, progress=None)",
    "put": "(entities, *, chunk=1000, progress=None)",
    "delete": "(given, *, chunk=1000, progress=None)",
}
UNIT = {
    "add": "(obj)",
    "add_all": "(objs)",
    "put": "(obj, version=None)",
    "replace": "(old, new)",
    "delete": "(obj)",
    "delete_by_key": "(cls, key)",
    "untrack": "(obj)",
    "guard": "(obj)",
    "get_or_add": "(unique, *values, factory)",
    "get": "(cls, key)",
    "require": "(cls, key)",
    "get_many": "(cls, keys)",
    "get_by": "(unique, *values)",
    "query": "(cls)",
    "refresh": "(obj)",
    "commit": "()",
    "rollback": "()",
    "changes": "()",
    "state": "(obj)",
    "version_of": "(obj)",
    "__contains__": "(obj)",
}
QUERY = {
    "where": "(*predicates)",
    "order_by": "(*terms)",
    "limit": "(count)",
    "offset": "(count)",
    "allow_scan": "()",
    "all": "()",
    "first": "()",
    "one": "()",
    "one_or_none": "()",
    "count": "()",
    "exists": "()",
    "keys": "()",
    "values": "(*fields)",
    "page": "(size, *, after=None)",
    "explain": "(*, analyze=False)",
}


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        (kind, name, expected)
        for kinds, table in [
            ((Store, AsyncStore), STORE),
            ((UnitOfWork, AsyncUnitOfWork), UNIT),
            ((Query, AsyncQuery), QUERY),
            ((Bulk, AsyncBulk), BULK),
        ]
        for kind in kinds
        for name, expected in table.items()
    ],
)
def test_a_verb_has_its_signature(kind: type, name: str, expected: str):
    """The same on both faces."""
    assert expected == signature(getattr(kind, name))


FACES = [
    (Store, AsyncStore),
    (UnitOfWork, AsyncUnitOfWork),
    (Query, AsyncQuery),
    (Bulk, AsyncBulk),
]


def public_names(kind: type) -> set[str]:
    """The public attributes of a class."""
    return {name for name in dir(kind) if not name.startswith("_")}


@pytest.mark.parametrize(("sync", "other"), FACES)
def test_both_faces_have_the_same_names(sync: type, other: type):
    """Async methods carry no prefix."""
    assert public_names(sync) == public_names(other)


IO = {
    Store: {*("get", "require", "get_many", "get_by", "new_key", "outcome", "transact", "close")},
    UnitOfWork: {*("get", "require", "get_many", "get_by", "get_or_add", "refresh", "commit")},
    Bulk: {"insert", "put", "delete"},
    Query: {
        *("all", "first", "one", "one_or_none", "count", "exists"),
        *("keys", "values", "page", "explain"),
    },
}


@pytest.mark.parametrize(("sync", "other"), FACES)
def test_what_may_touch_redis_is_awaited(sync: type, other: type):
    """And nothing else; on the sync face nothing is."""
    awaited = {name for name in public_names(other) if _awaited(getattr(other, name))}
    assert IO[sync] == awaited
    assert set() == {name for name in public_names(sync) if _awaited(getattr(sync, name))}


def _awaited(attribute: object) -> bool:
    return inspect.iscoroutinefunction(attribute)


def test_mapper_leaves_every_name_to_the_user():
    """`name`, `key`, `fields`, `query`: it owns none of them."""
    assert set() == public_names(Mapper)


def functions() -> list[Any]:
    """Every public function and method of the package."""
    found = {}
    for exported in redmapper.__all__:
        value = getattr(redmapper, exported)
        if not inspect.isclass(value):
            continue
        for name in dir(value):
            attribute = inspect.getattr_static(value, name)
            function = getattr(attribute, "__func__", attribute)
            ours = getattr(function, "__module__", "") or ""
            public = name == "__init__" or not name.startswith("_")
            if public and inspect.isfunction(function) and ours.startswith("redmapper"):
                found[f"{exported}.{name}"] = function
    return [pytest.param(function, id=name) for name, function in found.items()]


@pytest.mark.parametrize("function", functions())
def test_everything_public_is_typed(function: Any):
    """Each parameter, and the result."""
    given = inspect.signature(function)
    untyped = [
        name
        for name, parameter in given.parameters.items()
        if parameter.annotation is inspect.Parameter.empty and name not in ("self", "cls")
    ]
    assert [] == untyped
    assert given.return_annotation is not inspect.Signature.empty


@pytest.mark.parametrize("name", redmapper.__all__)
def test_everything_public_is_documented(name: str):
    """By a sentence at least."""
    assert (inspect.getdoc(getattr(redmapper, name)) or "").strip().endswith(".")
