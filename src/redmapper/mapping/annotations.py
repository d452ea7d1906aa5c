"""Annotations, read: what is said of a value, and whether anything in it is to stay hidden."""

from __future__ import annotations

import inspect
import sys
import types
import typing
from typing import Any

import attrs


def without_none(annotation: Any) -> tuple[Any, bool]:  # noqa: ANN401 - any annotation
    """`T | None` as (T, True); anything else as (itself, False)."""
    if typing.get_origin(annotation) not in (typing.Union, types.UnionType):
        return annotation, annotation is type(None) or annotation is Any
    arguments = typing.get_args(annotation)
    rest = tuple(part for part in arguments if part is not type(None))
    return (typing.Union[rest], len(rest) < len(arguments))  # noqa: UP007 - made at run time


def unwrapped(annotation: Any) -> Any:  # noqa: ANN401 - any annotation
    """Without `Annotated[...]` and `NewType`, which say nothing about storing."""
    while True:
        if typing.get_origin(annotation) is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        else:
            return annotation


def bare(annotation: Any) -> Any:  # noqa: ANN401 - any annotation
    """What a value that is not None must be: without None, `Annotated` and `NewType`."""
    return unwrapped(without_none(unwrapped(annotation))[0])


def annotation_of(domain: type, attribute: attrs.Attribute[Any]) -> Any:  # noqa: ANN401 - a type
    """An attribute's annotation, text resolved in the module of the class that wrote it.

    Raises NameError, or another error of evaluating it, when it says nothing at run time, as with
    a name imported only for type checkers.
    """
    if attribute.type is None:
        return Any
    written_in = (
        kind for kind in domain.__mro__ if attribute.name in inspect.get_annotations(kind)
    )
    owner = next(written_in, domain)
    holder = types.SimpleNamespace(__annotations__={attribute.name: attribute.type})
    # In the class body stand attributes too, and one may be called `date` like its type.
    nested = {name: value for name, value in vars(owner).items() if isinstance(value, type)}
    module = vars(sys.modules.get(owner.__module__, types.ModuleType("nowhere")))
    hints = typing.get_type_hints(holder, globalns={**nested, **module}, include_extras=True)
    return hints[attribute.name]


def attribute_types(kind: type) -> dict[str, Any]:
    """The annotations of an attrs class by attribute, Any where one says nothing at run time."""
    return {each.name: _attribute_type(kind, each) for each in attrs.fields(kind)}


def _attribute_type(kind: type, attribute: attrs.Attribute[Any]) -> Any:  # noqa: ANN401 - a type
    try:
        found = annotation_of(kind, attribute)
    except Exception:  # noqa: BLE001 - evaluating text may raise what it likes
        return Any
    return Any if isinstance(found, typing.TypeVar) else found


def hides(annotation: Any) -> bool:  # noqa: ANN401 - any annotation
    """Whether values of it have, however deep inside, an attribute with `repr=False`."""
    return any(
        each.repr is False
        for kind in kinds_in(annotation)
        if attrs.has(kind)
        for each in attrs.fields(kind)
    )


def kinds_in(annotation: Any) -> frozenset[type]:  # noqa: ANN401 - any annotation
    """Every class that an annotation names, and those that attributes of attrs classes name."""
    found: set[type] = set()
    _collect(annotation, found)
    return frozenset(found)


def _collect(annotation: Any, found: set[type]) -> None:  # noqa: ANN401 - any annotation
    annotation = unwrapped(annotation)
    for part in typing.get_args(annotation):
        _collect(part, found)
    kind = typing.get_origin(annotation) or annotation
    if not isinstance(kind, type) or kind in found:
        return
    found.add(kind)
    if attrs.has(kind):
        for part in attribute_types(kind).values():
            _collect(part, found)
