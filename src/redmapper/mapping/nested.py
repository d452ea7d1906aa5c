"""Nested values (lists, dicts, sets, attrs classes) as canonical JSON, through a cattrs converter.

Canonical: equal values give equal bytes. Keys of objects are sorted and so are the elements of
sets, which have no order of their own; nothing is escaped that JSON lets stand, so text stays
readable in `redis-cli`.

Faithful: what is stored loads again as it was. cattrs converts in silence (a text in a list of
texts becomes its characters, a date under `Any` a text), so a value about to be stored is decoded
again and both are walked side by side. What may become another type on the way is what a scalar
takes besides its own (`scalars`), and a collection of the same sort: a tuple in place of a list.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Callable, Collection
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, TypeAlias
from uuid import UUID

import attrs
from cattrs import Converter
from cattrs.cols import is_any_set
from cattrs.errors import StructureHandlerNotFoundError
from cattrs.preconf.json import make_converter

from redmapper.errors import ValueRefused
from redmapper.mapping.annotations import bare, hides
from redmapper.mapping.faults import Part, refusal
from redmapper.mapping.scalars import Scalar, scalar_for, shown


def nested_converter(given: Converter | None) -> Converter:
    """The converter of a registry: a copy of the one given, or that of cattrs for JSON.

    Sets are made canonical, and scalars that it has no hooks for get those of redmapper.
    """
    converter = given.copy() if given is not None else make_converter()
    for kind in (Decimal, UUID, time, timedelta, datetime, date):
        scalar = scalar_for(kind)
        if scalar is not None and not _reads(converter, kind):
            _register(converter, scalar)
    original = converter.copy()

    def sorted_set(kind: Any) -> Callable[[Any], list[Any]]:  # noqa: ANN401 - any annotation
        unordered = original.get_unstructure_hook(kind)
        return lambda value: sorted(unordered(value), key=_dump)

    converter.register_unstructure_hook_factory(is_any_set, sorted_set)
    return converter


def _reads(converter: Converter, kind: type) -> bool:
    """Whether a converter has a hook of its own for a type."""
    try:
        converter.get_structure_hook(kind)
    except StructureHandlerNotFoundError:
        return False
    return True


def _register(converter: Converter, scalar: Scalar) -> None:
    converter.register_unstructure_hook(scalar.type, lambda value: scalar.encode(value).decode())
    converter.register_structure_hook(
        scalar.type, lambda value, _: scalar.decode(str(value).encode())
    )


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


_TOO_DEEP = "it contains itself or is nested too deeply"


@attrs.frozen(slots=False)
class Nested:
    """How the values of one annotation are stored."""

    annotation: Any
    converter: Converter

    @cached_property
    def secret(self) -> bool:
        """Whether something in the values is not to be shown."""
        return hides(self.annotation)

    @cached_property
    def _takes(self) -> Callable[[object], bool]:
        """Whether a value is of the right sort, at a glance."""
        return _sort_of(typing.get_origin(bare(self.annotation)) or bare(self.annotation))

    def encode(self, value: object) -> bytes:
        """The value's JSON; ValueRefused, with the path inside the value, where it has none."""
        if not self._takes(value):
            raise self._refused(value, None)
        try:
            return self._dumped(value)
        except Exception as error:  # noqa: BLE001 - hooks of users raise what they like
            failed = error
        raise self._refused(value, failed) from self._cause(value, failed)

    def encode_checked(self, value: object) -> bytes:
        """The same, and proof that it loads again as it is: what would not is refused before."""
        encoded = self.encode(value)
        failed: Exception | None = None
        try:
            if _alike(value, self.decode(encoded), self.converter):
                return encoded
        except Exception as error:  # noqa: BLE001 - hooks and classes of users raise what they like
            failed = error
        raise self._refused(value, failed) from self._cause(value, failed)

    def _dumped(self, value: object) -> bytes:
        return _dump(self.converter.unstructure(value, unstructure_as=self.annotation)).encode()

    def decode(self, stored: bytes) -> Any:  # noqa: ANN401 - whatever the annotation says
        """The value; any error of JSON or cattrs on damaged bytes."""
        return self.converter.structure(json.loads(stored), self.annotation)

    def _refused(self, value: object, error: Exception | None) -> ValueRefused:
        if isinstance(_innermost(error), RecursionError):
            return ValueRefused(f"{self._shown(value)} can not be stored: {_TOO_DEEP}", value=value)
        reason = self.trouble(value) or f"{self._shown(value)}: {self._reason(value, error)}"
        try:
            return refusal(value, self.annotation, reason, self._trouble_of)
        except RecursionError:
            return ValueRefused(reason, value=value)

    def _trouble_of(self, part: Part) -> str | None:
        nested = Nested(part.annotation, self.converter)
        return nested.trouble(part.probe, of_key=part.key)

    def trouble(self, value: object, *, of_key: bool = False) -> str | None:
        """Why a value can not be stored, in words; None where it can. Of a dict, why its key."""
        said = _first(value) if of_key else value
        try:
            encoded = self._dumped(value)
        except Exception as error:  # noqa: BLE001 - hooks of users raise what they like
            reason = f"can not be stored as JSON: {self._reason(value, error)}"
            return self._unexpected(value) or f"{self._shown(said)} {reason}"
        try:
            again = self.decode(encoded)
            if _alike(value, again, self.converter):
                return None
        except Exception as error:  # noqa: BLE001 - hooks and classes of users raise what they like
            reason = f"would not load again as {self.annotation}: {self._reason(value, error)}"
        else:
            other = _other(said, _first(again) if of_key else again)
            reason = f"is {type(said).__name__}, and would load again as {other}"
        return self._unexpected(value) or f"{self._shown(said)} {reason}"

    def _unexpected(self, value: object) -> str | None:
        """What is said of a value that is not of the annotation's type."""
        kind = typing.get_origin(bare(self.annotation)) or bare(self.annotation)
        scalar = scalar_for(kind)
        try:
            if scalar is not None:
                scalar.encode(value)
            if not isinstance(kind, type) or isinstance(value, kind):
                return None
        except ValueRefused as refused:
            return refused.reason
        except TypeError:  # a protocol that says nothing at run time
            return None
        return f"{self._shown(value)} is {type(value).__name__}, {kind.__name__} expected"

    def _shown(self, value: object) -> str:
        """The value, unless it stands where objects with something hidden belong, and is none."""
        veiled = self.secret and not attrs.has(type(value))
        return f"this {type(value).__name__}" if veiled else shown(value)

    def _reason(self, value: object, error: Exception | None) -> str:
        """What went wrong; without its words where they might tell what is hidden."""
        cause = _innermost(error)
        name = type(cause).__name__
        return name if self._hides(value) else f"{name}: {cause}"

    def _cause(self, value: object, error: Exception | None) -> Exception | None:
        return None if self._hides(value) else error

    def _hides(self, value: object) -> bool:
        return self.secret or _holds_secret(value, 0)


# --- whether a value loads again as it was -----------------------------------------------------


def _alike(one: Any, again: Any, converter: Converter) -> bool:  # noqa: ANN401 - any value
    """Whether a value came through storing: `again` is what `one` was decoded as."""
    kind = type(again)
    if kind in _EXACT and type(one) is kind:
        return bool(one == again)
    if not (type(one) is kind or _SAME_SORT.get(kind, _none_of)(one)):
        return _alike_scalars(one, again)
    inside = _INSIDE.get(kind) or _of_subclass(kind)
    return inside(one, again, converter)


_EXACT = frozenset((str, int, bool, type(None)))
"""Types of which Python's `==` says everything."""


def _none_of(_: object) -> bool:
    return False


def _is_sequence(value: object) -> bool:
    return isinstance(value, list) or type(value) is tuple


_SAME_SORT: dict[type, Callable[[object], bool]] = {
    list: _is_sequence,
    tuple: _is_sequence,
    set: lambda value: isinstance(value, (set, frozenset)),
    frozenset: lambda value: isinstance(value, (set, frozenset)),
    dict: lambda value: isinstance(value, dict),
}
"""What may stand where a collection is expected, and loads as that."""


def _sort_of(kind: Any) -> Callable[[object], bool]:  # noqa: ANN401 - any annotation
    """A test of values for a collection; a text has elements too, but is not a collection of them.

    A comparison encodes without decoding again, so it must not take one for the other.
    """
    if kind in _SAME_SORT:
        return _SAME_SORT[kind]
    if isinstance(kind, type) and issubclass(kind, Collection) and not issubclass(kind, _TEXTS):
        return lambda value: isinstance(value, kind) and not isinstance(value, _TEXTS)
    return _anything


_TEXTS = (str, bytes, bytearray)


def _anything(_: object) -> bool:
    return True


def _alike_sequences(one: Any, again: Any, converter: Converter) -> bool:  # noqa: ANN401
    return len(one) == len(again) and all(
        _alike(mine, other, converter) for mine, other in zip(one, again, strict=True)
    )


def _alike_dicts(one: Any, again: Any, converter: Converter) -> bool:  # noqa: ANN401 - dicts
    keys = {key: key for key in again}
    return len(one) == len(again) and all(
        key in keys and _alike(key, keys[key], converter) and _alike(value, again[key], converter)
        for key, value in one.items()
    )


def _alike_sets(one: Any, again: Any, converter: Converter) -> bool:  # noqa: ANN401 - sets
    """Their elements have no order: they are told apart by what they are stored as."""
    kinds = set(map(type, again))
    if kinds <= _EXACT and kinds == set(map(type, one)):
        return bool(one == again)
    found = {_plain(each, converter): each for each in again}
    found |= {each: each for each in again if not attrs.has(type(each))}
    return len(one) == len(again) and all(
        _alike(each, _counterpart(each, found, converter), converter) for each in one
    )


def _counterpart(element: Any, found: dict[Any, Any], converter: Converter) -> Any:  # noqa: ANN401
    plain = _plain(element, converter)
    return found[plain] if plain in found or attrs.has(type(element)) else found.get(element)


def _alike_others(one: Any, again: Any, converter: Converter) -> bool:  # noqa: ANN401 - one type
    """Two values of one type that is no collection."""
    if scalar_for(type(one)) is not None:
        return _alike_scalars(one, again)
    return _plain(one, converter) == _plain(again, converter)


def _alike_scalars(one: Any, again: Any) -> bool:  # noqa: ANN401 - any values
    """Whether one is stored as the other is, in a field of the other's type."""
    scalar = scalar_for(type(again))
    try:
        return scalar is not None and bool(scalar.encode(one) == scalar.encode(again))
    except ValueRefused:
        return False


def _alike_entities(one: Any, again: Any, converter: Converter) -> bool:  # noqa: ANN401
    """By attribute; what a converter was told to leave out has no say."""
    names = [each.name for each in attrs.fields(type(one)) if each.init]
    differing = [
        name for name in names if not _alike(getattr(one, name), getattr(again, name), converter)
    ]
    if not differing:
        return True
    plain = converter.unstructure(again)
    if not isinstance(plain, dict):  # a hook of the user's writes it in a way of its own
        return _plain(one, converter) == _plain(again, converter)
    return len(plain) < len(names) and plain.keys().isdisjoint(differing)


def _plain(value: object, converter: Converter) -> str:
    """What a value is stored as without an annotation; its type where that is nothing."""
    try:
        return _dump(converter.unstructure(value))
    except (TypeError, ValueError):
        return type(value).__qualname__


_Alike: TypeAlias = Callable[[Any, Any, Converter], bool]

_INSIDE: dict[type, _Alike] = {
    list: _alike_sequences,
    tuple: _alike_sequences,
    dict: _alike_dicts,
    set: _alike_sets,
    frozenset: _alike_sets,
}


def _of_subclass(kind: type) -> _Alike:
    """How values of a type that is in no table are compared."""
    if attrs.has(kind):
        return _alike_entities
    return next((alike for base, alike in _INSIDE.items() if issubclass(kind, base)), _alike_others)


# --- what is said of one that does not ---------------------------------------------------------


def _other(value: object, again: object) -> str:
    """What a value would become."""
    return "another value" if type(value) is type(again) else type(again).__name__


def _first(keyed: Any) -> object:  # noqa: ANN401 - a dict
    return next(iter(keyed))


def _innermost(error: BaseException | None) -> BaseException | None:
    """What went wrong, the innermost cause of a cattrs group first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


_DEEPEST = 50
"""Collections inside collections that are looked through for something hidden."""


def _holds_secret(value: object, depth: int) -> bool:
    """Whether an attrs object with a hidden attribute is inside, or too deep to be looked for."""
    if attrs.has(type(value)):
        return hides(type(value)) or depth > _DEEPEST
    if isinstance(value, dict):
        value = (*value, *value.values())
    if not isinstance(value, Collection) or isinstance(value, (str, bytes)):
        return False
    return depth > _DEEPEST or any(_holds_secret(each, depth + 1) for each in value)
