"""Where a nested value can not be stored: the way down to the innermost part that is at fault.

Only a refusal comes here, so it takes its time: a value is tried part by part, each by its own
annotation, until no part of a part is at fault. What `repr=False` hides is one part, whatever is
inside, and is not shown.
"""

from __future__ import annotations

import collections.abc
import json
import typing
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import attrs

from redmapper.errors import ValueRefused
from redmapper.mapping.annotations import attribute_types, bare


@attrs.frozen
class Part:
    """A part of a value, and how one would write the way to it in Python.

    `probe` is what shows whether it can be stored, by `annotation`: of a key, a dict that has it.
    Keys and what is `hidden` are not looked into.
    """

    step: str
    value: object
    probe: object
    annotation: Any
    hidden: bool = False
    key: bool = False


Trouble: TypeAlias = Callable[[Part], "str | None"]
"""Why a part can not be stored; None where it can."""


def refusal(value: object, annotation: Any, reason: str, trouble: Trouble) -> ValueRefused:  # noqa: ANN401
    """The error for a value that can not be stored, by the path to what is at fault in it."""
    path, fault = "", Part("", value, value, annotation)
    while not (fault.hidden or fault.key):
        found = _first_fault(fault, trouble)
        if found is None:
            break
        fault, reason = found
        path += fault.step
    if fault.hidden:
        message = f"this {type(fault.value).__name__} can not be stored; it is not shown"
        return ValueRefused(message, path=path)
    return ValueRefused(reason, path=path, value=fault.value)


def _first_fault(fault: Part, trouble: Trouble) -> tuple[Part, str] | None:
    for part in _parts(fault.value, fault.annotation):
        reason = trouble(part)
        if reason is not None:
            return part, reason
    return None


def _parts(value: object, annotation: Any) -> Iterator[Part]:  # noqa: ANN401 - any annotation
    inside = next((parts for kind, parts in _INSIDE if isinstance(value, kind)), _of_attributes)
    return inside(value, bare(annotation))


def _of_dict(value: Any, annotation: Any) -> Iterator[Part]:  # noqa: ANN401 - a dict
    keys, items = _arguments(annotation, collections.abc.Mapping, 2)
    typed = typing.get_type_hints(annotation) if typing.is_typeddict(annotation) else {}
    for key, item in value.items():
        spelled = json.dumps(key, ensure_ascii=False) if isinstance(key, str) else repr(key)
        yield Part(f"[{spelled}]", item, item, typed.get(key, items))
    alias: Any = dict
    for key in () if typed else value:
        yield Part(".keys()", key, {key: None}, alias[keys, Any], key=True)


def _of_sequence(value: Any, annotation: Any) -> Iterator[Part]:  # noqa: ANN401 - a list or tuple
    each = typing.get_args(annotation)
    fixed = typing.get_origin(annotation) is tuple and len(each) == len(value) and ... not in each
    (elements,) = _arguments(annotation, collections.abc.Collection, 1)
    for position, item in enumerate(value):
        yield Part(f"[{position}]", item, item, each[position] if fixed else elements)


def _of_set(value: Any, annotation: Any) -> Iterator[Part]:  # noqa: ANN401 - a set
    (elements,) = _arguments(annotation, collections.abc.Collection, 1)
    return (Part("{...}", item, item, elements) for item in value)


def _of_attributes(value: Any, annotation: Any) -> Iterator[Part]:  # noqa: ANN401 - anything else
    kind = type(value)
    if attrs.has(kind) and kind is (typing.get_origin(annotation) or annotation):
        types = attribute_types(kind)
        for each in attrs.fields(kind):
            item = getattr(value, each.name, None)
            yield Part(f".{each.name}", item, item, types[each.name], hidden=each.repr is False)


def _arguments(annotation: Any, base: type, count: int) -> tuple[Any, ...]:  # noqa: ANN401
    """The annotations of what is inside a collection of that kind; Any where none are said."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if isinstance(origin, type) and issubclass(origin, base):
        said = tuple(each for each in arguments if each is not ...)
        if len(said) == count:
            return said
    return (Any,) * count


_INSIDE: tuple[tuple[Any, Callable[[Any, Any], Iterator[Part]]], ...] = (
    (dict, _of_dict),
    ((list, tuple), _of_sequence),
    ((set, frozenset), _of_set),
)
