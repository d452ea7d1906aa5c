"""How each attribute of a domain class is stored: its annotation, read once, becomes a `Column`."""

from __future__ import annotations

import collections.abc
import types
import typing
from typing import Any, TypeAlias

import attrs
from cattrs import Converter

from redmapper.errors import ValueRefused
from redmapper.mapping.annotations import unwrapped, without_none
from redmapper.mapping.nested import Nested
from redmapper.mapping.scalars import Scalar, scalar_for, shown

Record: TypeAlias = dict[bytes, bytes]
"""A stored entity: field name -> stored bytes. Besides the attributes it holds, under names that
no attribute can have, `@` (the version token), `!x` (x is None, though its default is not),
`=x` (the Computed x) and `~x` (x as its norm makes it, where that differs)."""

VERSION = b"@"

_COLLECTIONS = (list, set, frozenset, tuple)
_ABSTRACT = (
    collections.abc.Collection,
    collections.abc.Sequence,
    collections.abc.MutableSequence,
    collections.abc.Set,
    collections.abc.MutableSet,
)


@attrs.frozen
class Kind:
    """What an annotation says: how values are stored, and whether None is among them.

    `scalar` is the codec, where it is one: every query asks for it several times.
    """

    annotation: Any
    optional: bool
    codec: Scalar | Nested
    elements: Scalar | None = None
    scalar: Scalar | None = attrs.field(
        init=False,
        eq=False,
        repr=False,
        default=attrs.Factory(
            lambda self: self.codec if isinstance(self.codec, Scalar) else None, takes_self=True
        ),
    )

    @property
    def short(self) -> bool:
        """Whether no value takes more than a few bytes."""
        return self.scalar is not None and (self.scalar.width > 0 or self.scalar.tail == "fixed")


@attrs.frozen
class Column:
    """One stored field: an attribute, or the value of a Computed.

    `hidden` marks attributes that attrs leaves out of a repr, `veiled` those with such an attribute
    somewhere inside. `norm` is the field's own.
    """

    name: str
    stored: bytes
    kind: Kind
    hidden: bool = False
    veiled: bool = False
    norm: typing.Callable[[Any], Any] | None = None

    @property
    def secret(self) -> bool:
        """Whether its stored bytes must not be shown."""
        return self.hidden or self.veiled

    @property
    def shadow(self) -> bytes:
        """Where the normed value is kept, where it differs."""
        return b"~" + self.stored

    @property
    def names(self) -> tuple[bytes, ...]:
        """Every stored field that has a say in the value."""
        return (self.stored, self.shadow) if self.norm else (self.stored,)

    def normed(self, value: Any) -> Any:  # noqa: ANN401 - any field's value
        """The value as indexes and conditions see it."""
        if self.norm is None or value is None:
            return value
        try:
            if self.kind.elements is not None:
                return type(value)(self._normed(element) for element in value)
            return self._normed(value)
        except Exception as error:  # noqa: BLE001 - the norm is the user's
            reason = type(error).__name__ if self.hidden else f"{type(error).__name__}: {error}"
            message = f"its norm failed with {reason}"
            raise ValueRefused(message, path=f".{self.name}") from (None if self.hidden else error)

    def _normed(self, value: Any) -> Any:  # noqa: ANN401 - any field's value
        normed = self.norm(value) if self.norm else value
        if normed is None:
            message = "a norm must not answer None; normalize the attribute with a converter"
            raise TypeError(message)
        return normed

    def encode(self, value: Any) -> bytes:  # noqa: ANN401 - any field's value
        """A value that is not None, as stored bytes; ValueRefused with the path to it."""
        return self._named(self.kind.codec.encode, value)

    def encode_checked(self, value: Any) -> bytes:  # noqa: ANN401 - any field's value
        """The same, for a value about to be stored: a nested one must load again."""
        codec = self.kind.codec
        return self._named(
            codec.encode if isinstance(codec, Scalar) else codec.encode_checked, value
        )

    def _named(self, encode: typing.Callable[[Any], bytes], value: Any) -> bytes:  # noqa: ANN401
        try:
            return encode(value)
        except ValueRefused as refused:
            if self.hidden:
                message = f"this {type(value).__name__} can not be stored there; it is not shown"
                raise ValueRefused(message, path=f".{self.name}") from None
            path = f".{self.name}{refused.path}"
            raise ValueRefused(refused.reason, path=path, value=refused.value) from refused

    @property
    def unsure(self) -> bool:
        """Whether a value may be stored that has no order."""
        ordered = self.kind.scalar or self.kind.elements
        return ordered is not None and ordered.name in ("float", "decimal")

    def check_order(self, record: Record) -> None:
        """Refuse a value that an index could not place, by its path."""
        ordered, value = self.kind.scalar or self.kind.elements, self.queried(record)
        if ordered is not None and value is not None:
            for each in (value,) if self.kind.scalar else value:
                self._named(ordered.order, each)

    def queried(self, record: Record) -> Any:  # noqa: ANN401 - any field's value
        """The value that conditions and indexes see, from a record."""
        raw = self.raw(record)
        return None if raw is None else self.kind.codec.decode(raw)

    def raw(self, record: Record) -> bytes | None:
        """The stored bytes of that value."""
        raw = record.get(self.stored)
        return raw if self.norm is None else record.get(self.shadow, raw)


def read_kind(annotation: Any, converter: Converter) -> Kind:  # noqa: ANN401 - any annotation
    """What an annotation says about storing."""
    plain, optional = without_none(unwrapped(annotation))
    if unwrapped(plain) is not plain:  # as in `Email | None`, Email being a NewType
        inner = read_kind(unwrapped(plain), converter)
        return attrs.evolve(inner, annotation=annotation, optional=optional or inner.optional)
    scalar = _scalar(plain)
    if scalar is not None:
        return Kind(annotation, optional, scalar)
    return Kind(annotation, optional, Nested(plain, converter), _elements(plain))


def _scalar(annotation: Any) -> Scalar | None:  # noqa: ANN401 - any annotation
    if typing.get_origin(annotation) is typing.Literal:
        return _literal(annotation)
    return scalar_for(annotation) if isinstance(annotation, type) else None


def _literal(annotation: Any) -> Scalar | None:  # noqa: ANN401 - a Literal
    """The kind of a Literal: that of its values, where they have one, and no others."""
    values = typing.get_args(annotation)
    kinds = {type(value) for value in values}
    scalar = scalar_for(kinds.pop()) if len(kinds) == 1 else None
    if scalar is None:
        return None
    encode, decode, order = scalar.encode, scalar.decode, scalar.order
    known = frozenset(map(encode, values))

    def encode_known(value: object) -> bytes:
        encoded = encode(value)
        if encoded not in known:
            message = f"{shown(value)} is none of {', '.join(map(shown, values))}"
            raise ValueRefused(message, value=value)
        return encoded

    def decode_known(stored: bytes) -> Any:  # noqa: ANN401 - one of the values
        if stored not in known:
            message = f"{shown(stored)} is none of {', '.join(map(shown, values))}"
            raise ValueError(message)
        return decode(stored)

    def order_known(value: object) -> bytes:
        encode_known(value)
        return order(value)

    # Its type is no class, so that nothing is done for it that takes every value of one.
    return attrs.evolve(
        scalar, type=annotation, encode=encode_known, decode=decode_known, order=order_known
    )


def _elements(annotation: Any) -> Scalar | None:  # noqa: ANN401 - any annotation
    """The scalar of a collection's elements: `list[str]`, `set[int]`, `tuple[str, ...]`."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin not in (*_COLLECTIONS, *_ABSTRACT):
        return None
    if origin is tuple and (len(arguments) != 2 or arguments[1] is not ...):  # noqa: PLR2004
        return None
    return _scalar(unwrapped(arguments[0]))


def agrees(declared: Any, actual: Any, *, key: bool = False) -> bool:  # noqa: ANN401 - annotations
    """Whether what a mapper says of a field is what the class says."""
    if declared is Any or actual is Any:
        return True
    first, second = _shape(declared), _shape(actual)
    return first == second or (key and _shape(without_none(actual)[0]) == first)


def _shape(annotation: Any) -> Any:  # noqa: ANN401 - any annotation
    """An annotation in one spelling: `List[int]` as `list[int]`, unions as sets."""
    annotation = unwrapped(annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return frozenset(map(_shape, arguments))
    if origin is typing.Literal or not arguments:
        return annotation
    return (origin, *map(_shape, arguments))
