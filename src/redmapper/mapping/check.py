"""The checks of a mapper against its domain class: every mistake is a `MappingError`."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterable, Iterator
from typing import Any

import attrs
from cattrs import Converter

from redmapper.errors import MappingError
from redmapper.mapping.annotations import without_none
from redmapper.mapping.columns import agrees
from redmapper.mapping.construction import Attribute
from redmapper.mapping.fields import Computed, Field, Key, Queryable
from redmapper.mapping.indexes import Index, Lookup, Ordered
from redmapper.mapping.mapper import Declared, Mapper
from redmapper.mapping.spelling import did_you_mean
from redmapper.mapping.validation import POLICIES, check_makeable

CONFLICT_POLICIES = ("version", "fields", "overwrite")
OPTIONS = ("name", "conflict", "omit", "validate")
_NAMES = (tuple, list, set, frozenset)
_STORAGE_NAME = re.compile(r"[\w.-]+")


def check_declared(declared: Declared) -> None:
    """What can be seen without the annotations of the class."""
    where = declared.mapper.__name__
    _check_domain(declared.domain, where)
    _check_options(declared, where)
    _check_parentheses(declared.mapper, where)
    _check_own(declared, where)
    _check_callables(declared, where)
    _check_key(declared, where)
    _check_names(declared, where)
    _check_omitted(declared, where)
    for index in declared.indexes.values():
        _check_index(index, declared, where)


def check_mapper_class(mapper: object) -> None:
    """A registry takes mapper classes, and nothing else."""
    if not (isinstance(mapper, type) and issubclass(mapper, Mapper) and mapper is not Mapper):
        message = f"{mapper!r} is not a mapper class; write `class Users(Mapper[User])`"
        raise MappingError(message)


def check_converter(converter: object) -> None:
    """A registry takes a converter of cattrs, or none."""
    if converter is not None and not isinstance(converter, Converter):
        message = f"converter={converter!r} is not a cattrs Converter; make one: Converter()"
        raise MappingError(message)


def _check_domain(domain: Any, where: str) -> None:  # noqa: ANN401 - anything may stand there
    if not (isinstance(domain, type) and attrs.has(domain)):
        message = (
            f"{where}: {domain!r} is not an attrs class; "
            "write `class Users(Mapper[User])`, User being decorated with @attrs.define"
        )
        raise MappingError(message)


def _check_options(declared: Declared, where: str) -> None:
    for option in declared.options:
        if option not in OPTIONS:
            message = f"{where}: unknown option {option!r}{did_you_mean(option, OPTIONS)}"
            raise MappingError(message)
    policy = declared.options.get("conflict", "version")
    if policy not in CONFLICT_POLICIES:
        known = did_you_mean(str(policy), CONFLICT_POLICIES)
        message = f"{where}: unknown conflict policy {policy!r}{known}"
        raise MappingError(message)
    validate = declared.options.get("validate", "always")
    if validate not in POLICIES:
        known = did_you_mean(str(validate), POLICIES)
        message = f"{where}: validate={validate!r} is no time to validate at{known}"
        raise MappingError(message)
    if validate == "commit":
        check_makeable(declared.domain, where)
    name = declared.options.get("name", declared.domain.__name__)
    if not (isinstance(name, str) and _STORAGE_NAME.fullmatch(name)):
        message = f"{where}: the storage name {name!r} must be letters, digits, '_', '.' and '-'"
        raise MappingError(message)


def _check_parentheses(mapper: type, where: str) -> None:
    for name, value in _body(mapper):
        kind = typing.get_origin(value) or value
        if isinstance(kind, type) and issubclass(kind, (Queryable, Index)):
            message = f"{where}.{name}: {value!r} is a class; write it with parentheses"
            raise MappingError(message)


def _check_own(declared: Declared, where: str) -> None:
    """A declaration stands under one name, in one mapper and those that inherit from it."""
    for name, value in declared.every.items():
        if value.owner is not None and value.owner not in declared.mapper.__mro__:
            message = f"{where}.{name}: {value!r} is another mapper's; declare one here"
            raise MappingError(message)
        if value.name != name:
            message = f"{where}.{name}: it is {value!r} under another name; declare one for each"
            raise MappingError(message)


def _check_callables(declared: Declared, where: str) -> None:
    options: dict[str, object] = {f"{name}: new=": key.new for name, key in declared.keys.items()}
    options |= {f"{name}: norm=": field.norm for name, field in declared.fields.items()}
    wanted = {said: value for said, value in options.items() if value is not None}
    wanted |= {f"{name}:": computed.compute for name, computed in declared.computed.items()}
    for said, value in wanted.items():
        if not callable(value):
            message = f"{where}.{said} {value!r} is not a function"
            raise MappingError(message)


def _body(mapper: type) -> Iterator[tuple[str, object]]:
    for kind in mapper.__mro__[: mapper.__mro__.index(Mapper)]:
        yield from vars(kind).items()


def _check_key(declared: Declared, where: str) -> None:
    if len(declared.keys) == 1:
        return
    found = ", ".join(declared.keys) or "none"
    message = f"{where}: a mapper has exactly one Key, found: {found}"
    raise MappingError(message)


def _check_names(declared: Declared, where: str) -> None:
    known = [attribute.name for attribute in attrs.fields(declared.domain)]
    for name in (*declared.keys, *declared.fields):
        if name not in known:
            message = (
                f"{where}.{name}: {declared.domain.__name__} has no attribute {name!r}"
                f"{did_you_mean(name, known)}"
            )
            raise MappingError(message)


def _check_omitted(declared: Declared, where: str) -> None:
    omitted = declared.options.get("omit", ())
    if isinstance(omitted, str):
        message = f"{where}: omit={omitted!r} must be a tuple of names: omit=({omitted!r},)"
        raise MappingError(message)
    if not isinstance(omitted, _NAMES) or not all(isinstance(name, str) for name in omitted):
        message = f"{where}: omit={omitted!r} must be a tuple of names, such as omit=('cache',)"
        raise MappingError(message)
    attributes = {each.name: each for each in attrs.fields(declared.domain)}
    for name in omitted:
        if name not in attributes:
            known = did_you_mean(name, attributes)
            message = f"{where}: omit names {name!r}, which {declared.domain.__name__} lacks{known}"
            raise MappingError(message)
        if name in declared.keys or name in declared.fields:
            message = f"{where}.{name}: it is omitted and declared; drop one of the two"
            raise MappingError(message)
        if attributes[name].init and attributes[name].default is attrs.NOTHING:
            message = f"{where}: {name!r} is omitted, so the class must give it a default"
            raise MappingError(message)


def check_init(domain: Any, attributes: Iterable[Attribute], where: str) -> None:  # noqa: ANN401
    """The class must take its attributes: loading calls it with them."""
    names = [each.alias for each in attributes if each.init]
    try:
        inspect.signature(domain.__init__).bind(None, **dict.fromkeys(names))
    except TypeError as error:
        message = (
            f"{where}: loading calls {domain.__name__}({', '.join(f'{name}=...' for name in names)}"
            f"), which its own __init__ does not take ({error}); let it take them, with defaults "
            "for all else"
        )
        raise MappingError(message) from None
    if names and domain.__init__ is object.__init__:
        message = f"{where}: {domain.__name__} has no __init__ that takes its attributes"
        raise MappingError(message)


def check_annotation(declared: Queryable[Any], actual: object, where: str) -> None:
    """`Field[T]` must say what the class says; `Key[T]` fits `T | None` too."""
    if not agrees(declared.annotation, actual, key=isinstance(declared, Key)):
        cure = without_none(actual)[0] if isinstance(declared, Key) else actual
        message = (
            f"{where}.{declared.name}: declared as {_spelled(declared.annotation)}, "
            f"but the class says {_spelled(actual)}; write {type(declared).__name__}"
            f"[{_spelled(cure)}]()"
        )
        raise MappingError(message)


def _spelled(annotation: object) -> str:
    return (
        annotation.__name__
        if isinstance(annotation, type) and not typing.get_args(annotation)
        else str(annotation)
    )


def _check_index(index: Index, declared: Declared, where: str) -> None:
    title = f"{where}.{index.name}"
    if not index.terms:
        message = f"{title}: {type(index).__name__} needs at least one field"
        raise MappingError(message)
    descending = [term for term in index.terms if term.descending]
    if descending and not isinstance(index, Ordered):
        message = f"{title}: {type(index).__name__} has no order, so {descending[0]!r} says nothing"
        raise MappingError(message)
    known: dict[str, Key[Any] | Field[Any] | Computed[Any]] = {
        **declared.keys,
        **declared.fields,
        **declared.computed,
    }
    for field in index.fields:
        if not isinstance(field, Queryable) or known.get(field.name) is not field:
            message = (
                f"{title}: {field!r} is not a field of {where}"
                f"{did_you_mean(getattr(field, 'name', str(field)), known)}"
            )
            raise MappingError(message)


def check_indexed_kind(index: Index, collections: list[str], nested: list[str], where: str) -> None:
    """Which fields an index can take: scalars; a `Lookup` one collection of scalars too."""
    title = f"{where}.{index.name}"
    if nested:
        message = (
            f"{title}: {nested[0]!r} is neither a scalar nor a collection of scalars; "
            "index a Computed of it"
        )
        raise MappingError(message)
    allowed = 1 if isinstance(index, Lookup) else 0
    if len(collections) > allowed:
        message = (
            f"{title}: {type(index).__name__} can not index the collection {collections[-1]!r}; "
            "a Lookup can, one of them"
        )
        raise MappingError(message)
