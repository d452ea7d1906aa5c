"""Stored values -> entity: the constructors that are generated for a mapper.

One is made with its codec and reads a record, by name. Others are made when they are wanted: where
many entities come with their fields in the same places, values are taken out by position, and no
record is made at all. All are written by the same lines; what differs is a `Source`, which says how
the code comes by a value, and whether one entity is made at a time or one after the other.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import takewhile
from typing import Any, Protocol, TypeAlias

import attrs

from redmapper.errors import CorruptRecord
from redmapper.mapping.columns import Column
from redmapper.mapping.inline import indented

_FACTORY: Any = attrs.Factory  # a class, which its stubs type as a function

_DECODING: dict[type, str] = {
    str: "{it}.decode()",
    int: "(int({it}) if len({it}) < 20 else {fallback}({it}))",
    float: "float({it})",
    datetime: "read_datetime({it}.decode())",
    date: "read_date({it}.decode())",
}
"""The commonest scalars spelled out, which saves calls; an error there is named afterwards."""

_HASTY = {**_DECODING, int: "int({it})"}
"""The same where what fails is made once more, by name: such as an integer that is very long."""

READERS = {
    "datetime": datetime,
    "date": date,
    "read_datetime": datetime.fromisoformat,
    "read_date": date.fromisoformat,
}


@attrs.frozen
class Attribute:
    """An attribute of the domain class: its column, and how `__init__` takes it."""

    name: str
    alias: str
    init: bool
    default: Any
    column: Column

    @property
    def none_is_absent(self) -> bool:
        """Whether an absent field says None rather than a default that is not None."""
        return self.default is None or self.default is attrs.NOTHING

    @property
    def marker(self) -> bytes:
        """The field that says None, where an absent one says the default."""
        return b"!" + self.column.stored

    @property
    def required(self) -> bool:
        """Whether `__init__` leaves it unset where no value is stored."""
        return self.default is attrs.NOTHING

    @property
    def depends_on_self(self) -> bool:
        """Whether attrs computes its default from the instance."""
        return isinstance(self.default, _FACTORY) and bool(self.default.takes_self)

    def absent(self, stored: Container[bytes]) -> Any:  # noqa: ANN401 - any field's value
        """The value where its field is not stored; of those that are, its marker may be one."""
        if self.marker in stored:
            return None
        if isinstance(self.default, _FACTORY):
            return self.default.factory()
        if self.default is not attrs.NOTHING:
            return self.default
        message = f"the stored record has no field {self.name!r}, which has no default"
        raise CorruptRecord(message)


class Source(Protocol):
    """How generated code comes by a stored field. All answers are Python, as text."""

    @property
    def head(self) -> tuple[str, ...]:
        """The first lines of the function."""
        ...

    @property
    def decoding(self) -> Mapping[type, str]:
        """How the commonest scalars are spelled out."""
        ...

    def value(self, field: bytes) -> str | None:
        """What gives its value, or None where there is none; None: it is never there."""
        ...

    def sure(self, *, required: bool) -> bool:
        """Whether a value that is known is always there.

        What is `required` need not be: None fails in the decoding, as it should.
        """
        ...

    def held(self, field: bytes) -> str:
        """The test whether it is there."""
        ...

    def among(self, field: bytes) -> str:
        """A container that has the field's name in it where it is there."""
        ...


@attrs.frozen
class ByName:
    """From a record."""

    head: tuple[str, ...] = ("def construct(record, key):", "    get = record.get")
    decoding: Mapping[type, str] = _DECODING

    def value(self, field: bytes) -> str | None:
        """Asked for by name."""
        return f"get({field!r})"

    def sure(self, *, required: bool) -> bool:  # noqa: ARG002 - of any
        """None is."""
        return False

    def held(self, field: bytes) -> str:
        """Its name says it."""
        return f"{field!r} in record"

    def among(self, field: bytes) -> str:  # noqa: ARG002 - of any
        """The record is one."""
        return "record"


@attrs.frozen
class ByPosition:
    """From a list: where in it each field stands, which for many entities is the same.

    A value may stand in several places, a piece in each: behind one that has not `full` bytes there
    are no others. With `gaps`, a field of one place that is not stored is None there; otherwise
    what has a place is stored, and all else is not.
    """

    of: Mapping[bytes, Sequence[int]]
    full: int = 0
    gaps: bool = False
    head: tuple[str, ...] = ("def construct(found, key):",)
    decoding: Mapping[type, str] = _HASTY

    def value(self, field: bytes) -> str | None:
        """Its pieces, put together."""
        return self._joint(*self.of[field]) if field in self.of else None

    def _joint(self, place: int, *following: int) -> str:
        piece = f"found[{place}]"
        if not following:
            return piece
        rest = self._joint(*following)
        if not self.gaps:
            return f"({piece} + {rest} if len({piece}) == {self.full} else {piece})"
        return f"({piece} + ({rest} or b'') if len({piece} or b'') == {self.full} else {piece})"

    def sure(self, *, required: bool) -> bool:
        """Not one that may be None."""
        return required or not self.gaps

    def held(self, field: bytes) -> str:
        """What has a place is there, or not None."""
        if field in self.of and self.gaps:
            return f"found[{self.of[field][0]}] is not None"
        return str(field in self.of)

    def among(self, field: bytes) -> str:
        """A tuple of this field alone, or none."""
        if field in self.of and self.gaps:
            return f"(({field!r},) if {self.held(field)} else ())"
        return f"({field!r},)" if field in self.of else "()"


Row: TypeAlias = tuple[Any, Sequence["bytes | None"], Any]
"""A stored key, values by position, and what else belongs to a row."""

MakeAll: TypeAlias = Callable[[Iterable[Row], Callable[[Row], Any]], list[Any]]
"""Makes the entities of rows; where that fails, the second function answers the entity of a row."""


@attrs.frozen(eq=False)
class Constructors:
    """What the constructors of one mapper are made of; `make` is called with the values.

    `names` are what the generated code may call.
    """

    domain: type
    attributes: Sequence[Attribute]
    key: Attribute
    make: Callable[..., Any]
    names: Mapping[str, Any] = attrs.field(repr=False)

    def at(self, source: ByPosition) -> Callable[[Sequence[bytes | None], Any], Any]:
        """The function that makes an entity of a list with its fields in these places, and a key.

        It raises whatever comes: the constructor by name tells what is wrong with a record.
        """
        return self._function(self.lines(source))  # type: ignore[no-any-return]

    def in_turn(self, source: ByPosition) -> MakeAll:
        """The function that makes those of many such lists, one after the other."""
        return self._function(self.loop(source))  # type: ignore[no-any-return]

    def _function(self, lines: Iterable[str]) -> Any:  # noqa: ANN401 - a function
        text = "\n".join(lines) + "\n"
        made: dict[str, Any] = {}
        code = compile(text, f"<redmapper constructor of {self.domain.__qualname__}>", "exec")
        exec(code, {**self.names}, made)  # noqa: S102 - the source is ours
        return made["construct"]

    def lines(self, source: Source) -> Iterator[str]:
        """The source code of the constructor that takes its values from there."""
        yield from source.head
        yield from indented(self._making(source, "key"))
        yield "    return entity"

    def loop(self, source: ByPosition) -> Iterator[str]:
        """The source code of the one that makes many."""
        scalar = self.key.column.kind.scalar
        decode = "int" if scalar is not None and scalar.type is int else f"decode_{self.key.name}"
        yield "def construct(rows, otherwise):"
        yield "    made = []"
        yield "    for key, found, more in rows:"
        yield "        try:"
        yield from indented(indented(indented(self._making(source, f"{decode}(key)"))))
        yield "        except Exception:"  # the class's own __init__ runs
        yield "            entity = otherwise((key, found, more))"
        yield "        made.append(entity)"
        yield "    return made"

    def _making(self, source: Source, key: str) -> Iterator[str]:
        """The lines that make `entity`; `key` is the expression of its key."""
        arguments = self._arguments(source, key)
        yield "entity = Entity("
        for name in takewhile(arguments.__contains__, _positional(self.make)):
            yield f"    {arguments.pop(name)},"
        yield from (f"    {name}={value}," for name, value in arguments.items())
        yield from (f"    {argument}," for argument in self._arguments_if_held(source))
        yield ")"
        for attribute in (*self.attributes, self.key):
            if not attribute.init:
                yield self._set_afterwards(attribute, source, key)

    def _arguments(self, source: Source, key: str) -> dict[str, str]:
        """The arguments that are always given, by name."""
        arguments = {self.key.alias: key} if self.key.init else {}
        for attribute in self.attributes:
            if attribute.init and not attribute.depends_on_self:
                arguments[attribute.alias] = _decoding(attribute, source)
        return arguments

    def _arguments_if_held(self, source: Source) -> Iterator[str]:
        """Those whose default attrs computes from the instance: to be left out for it."""
        for attribute in self.attributes:
            if attribute.init and attribute.depends_on_self:
                value = f"{{{attribute.alias!r}: {_decoding(attribute, source)}}}"
                yield f"**({value} if {_held(attribute, source)} else {{}})"

    def _set_afterwards(self, attribute: Attribute, source: Source, key: str) -> str:
        """The line that sets what `__init__` does not take."""
        value = key if attribute is self.key else _decoding(attribute, source)
        always = attribute is self.key or attribute.required
        held = "" if always else f"if {_held(attribute, source)}: "
        return f"{held}set_attribute(entity, {attribute.name!r}, {value})"


def _positional(constructor: Callable[..., Any]) -> list[str]:
    """The parameters that can be given by position, which costs less than by name, in order."""
    try:
        parameters = inspect.signature(constructor).parameters.values()
    except (TypeError, ValueError):
        return []
    named = takewhile(lambda each: each.kind is each.POSITIONAL_OR_KEYWORD, parameters)
    return [each.name for each in named]


def _held(attribute: Attribute, source: Source) -> str:
    """The test whether anything is stored of an attribute."""
    return f"{source.held(attribute.column.stored)} or {source.held(attribute.marker)}"


def _decoding(attribute: Attribute, source: Source) -> str:
    """The expression for its value."""
    name, stored = attribute.name, attribute.column.stored
    optional = attribute.column.kind.optional
    plain_none = optional and attribute.none_is_absent
    absent = "None" if plain_none else f"absent_{name}({source.among(attribute.marker)})"
    value = source.value(stored)
    if value is None:
        return absent
    scalar = attribute.column.kind.scalar
    inline = source.decoding.get(scalar.type) if scalar is not None else None
    required = inline is not None and attribute.required and not optional
    sure = source.sure(required=required)
    decoding = (inline or "{fallback}({it})").format(
        fallback=f"decode_{name}", it=value if sure else "value"
    )
    return decoding if sure else f"{decoding} if (value := {value}) is not None else {absent}"
