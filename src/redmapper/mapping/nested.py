"""Nested values (lists, dicts, sets, attrs classes) as canonical JSON, through a cattrs converter.

Canonical: equal values give equal bytes. Keys of objects are sorted and so are the elements of
sets, which have no order of their own; nothing is escaped that JSON lets stand, so text stays
readable in `redis-cli`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import time, timedelta
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

import attrs
from cattrs import Converter
from cattrs.cols import is_any_set
from cattrs.preconf.json import make_converter

from redmapper.errors import ValueRefused
from redmapper.mapping.scalars import Scalar, scalar_for, shown


def nested_converter(given: Converter | None) -> Converter:
    """The converter of a registry: a copy of the one given, or a new one; sets made canonical."""
    converter = given.copy() if given is not None else _default_converter()
    original = converter.copy()

    def sorted_set(kind: Any) -> Callable[[Any], list[Any]]:  # noqa: ANN401 - any annotation
        unordered = original.get_unstructure_hook(kind)
        return lambda value: sorted(unordered(value), key=_dump)

    converter.register_unstructure_hook_factory(is_any_set, sorted_set)
    return converter


def _default_converter() -> Converter:
    """The JSON converter of cattrs, and the scalars that it leaves alone but JSON can not write."""
    converter = make_converter()
    for kind in (Decimal, UUID, time, timedelta):
        scalar = scalar_for(kind)
        if scalar is not None:
            _register(converter, scalar)
    return converter


def _register(converter: Converter, scalar: Scalar) -> None:
    converter.register_unstructure_hook(scalar.type, lambda value: scalar.encode(value).decode())
    converter.register_structure_hook(
        scalar.type, lambda value, _: scalar.decode(str(value).encode())
    )


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@attrs.frozen
class Nested:
    """How the values of one annotation are stored."""

    annotation: Any
    converter: Converter

    def encode(self, value: object) -> bytes:
        """The value's JSON; ValueRefused, with the path inside the value, where it has none."""
        try:
            encoded = _dump(self._plain(value)).encode()
        except Exception as error:  # noqa: BLE001 - hooks of users raise what they like
            refused = self._refused(value, error)
            raise refused from (None if refused.value is None else error)
        return encoded

    def encode_checked(self, value: object) -> bytes:
        """The same, and proof that it loads again as it is: what would not is refused before."""
        encoded = self.encode(value)
        try:
            again = self._plain(self.decode(encoded))
        except Exception as error:
            message = f"{shown(value)} would not load again as {self.annotation}: {_reason(error)}"
            raise ValueRefused(message, value=value) from error
        if not _same(self._plain(value), again):
            message = f"{shown(value)} would load again as {shown(again)}: see {self.annotation}"
            raise ValueRefused(message, value=value)
        return encoded

    def _plain(self, value: object) -> Any:  # noqa: ANN401 - what JSON can write
        return self.converter.unstructure(value, unstructure_as=self.annotation)

    def decode(self, stored: bytes) -> Any:  # noqa: ANN401 - whatever the annotation says
        """The value; any error of JSON or cattrs on damaged bytes."""
        return self.converter.structure(json.loads(stored), self.annotation)

    def _refused(self, value: object, error: Exception) -> ValueRefused:
        for leaf in _leaves(value, ""):
            try:
                _dump(self.converter.unstructure(leaf.probe)).encode()
            except Exception as at_leaf:  # noqa: BLE001 - hooks of users raise what they like
                return leaf.refused(at_leaf)
        return _Leaf("", value, value).refused(error)


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401 - what JSON can write
    """Whether two plain values are one: tuples are lists, 3 is 3.0, NaN is NaN."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other) or (one != one and other != other)  # noqa: PLR0124 - NaN


@attrs.frozen
class _Leaf:
    """An innermost value, and the path to it as one would write it in Python.

    `probe` is what shows whether it can be stored: of a key, a dict that has it. A hidden attribute
    is one leaf, whatever is inside.
    """

    path: str
    value: object
    probe: object
    hidden: bool = False

    def refused(self, error: Exception) -> ValueRefused:
        """The error for it."""
        if self.hidden:
            message = f"this {type(self.value).__name__} can not be stored; it is not shown"
            return ValueRefused(message, path=self.path)
        message = f"{shown(self.value)} can not be stored as JSON: {_reason(error)}"
        return ValueRefused(message, path=self.path, value=self.value)


def _leaves(value: object, path: str) -> Iterator[_Leaf]:
    """Every innermost value."""
    inside = next((items for kind, items in _INSIDE if isinstance(value, kind)), _of_attributes)
    found = list(inside(value, path))
    if not found:
        yield _Leaf(path, value, value)
    for item in found:
        if isinstance(item, _Leaf):
            yield item
        else:
            yield from _leaves(*item)


_Inside: TypeAlias = Iterator["_Leaf | tuple[object, str]"]


def _of_dict(value: Any, path: str) -> _Inside:  # noqa: ANN401 - a dict
    for key, item in value.items():
        yield _Leaf(f"{path}.keys()", key, {key: None})
        yield item, f"{path}[{_dump(key) if isinstance(key, str) else repr(key)}]"


def _of_sequence(value: Any, path: str) -> _Inside:  # noqa: ANN401 - a list or tuple
    return ((item, f"{path}[{position}]") for position, item in enumerate(value))


def _of_set(value: Any, path: str) -> _Inside:  # noqa: ANN401 - a set
    return ((item, f"{path}{{...}}") for item in value)


def _of_attributes(value: Any, path: str) -> _Inside:  # noqa: ANN401 - anything else
    for each in attrs.fields(type(value)) if attrs.has(type(value)) else ():
        item, step = getattr(value, each.name), f"{path}.{each.name}"
        yield _Leaf(step, item, item, hidden=True) if each.repr is False else (item, step)


_INSIDE: tuple[tuple[Any, Callable[[Any, str], _Inside]], ...] = (
    (dict, _of_dict),
    ((list, tuple), _of_sequence),
    ((set, frozenset), _of_set),
)


def _reason(error: BaseException) -> str:
    """What went wrong, the innermost cause of a cattrs group first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
