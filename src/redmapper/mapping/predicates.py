"""Conditions and orders: frozen values that say what a query asks, and do nothing.

The operators of `fields` make them, `query.planner` finds an index for them, and `query.evaluate`
judges a record by them. They print as the code that made them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import attrs

if TYPE_CHECKING:
    from redmapper.mapping.fields import Queryable


class Predicate:
    """A condition on entities; combine conditions with `&`, `|` and `~`."""

    __slots__ = ()

    def __and__(self, other: Predicate) -> Predicate:
        return And(parts=(*_parts(And, self), *_parts(And, other)))

    def __or__(self, other: Predicate) -> Predicate:
        return Or(parts=(*_parts(Or, self), *_parts(Or, other)))

    def __invert__(self) -> Predicate:
        return Not(part=self)

    def __bool__(self) -> NoReturn:
        message = (
            f"`{self!r}` is a condition, not a truth: combine conditions with &, | and ~ "
            "(in parentheses), not with and, or, not, chained comparisons or `in`"
        )
        raise TypeError(message)


def _parts(kind: type[And | Or], predicate: Predicate) -> tuple[Predicate, ...]:
    """The parts of a condition of this kind, so that `a & b & c` is one condition of three."""
    return predicate.parts if isinstance(predicate, kind) else (predicate,)


def _identity(field: Queryable[Any]) -> object:
    """Fields are told apart by identity: their `==` makes a condition."""
    return id(field)


@attrs.frozen(repr=False)
class Compare(Predicate):
    """`field operator value`, the operator one of `==  !=  <  <=  >  >=`."""

    field: Queryable[Any] = attrs.field(eq=_identity)
    operator: str
    value: Any

    def __repr__(self) -> str:
        return f"{self.field!r} {self.operator} {self.field.show(self.value)}"


@attrs.frozen(repr=False)
class Between(Predicate):
    """`low <= field <= high`."""

    field: Queryable[Any] = attrs.field(eq=_identity)
    low: Any
    high: Any

    def __repr__(self) -> str:
        return f"{self.field!r}.between({self.field.show(self.low)}, {self.field.show(self.high)})"


@attrs.frozen(repr=False)
class In(Predicate):
    """The field has one of the values."""

    field: Queryable[Any] = attrs.field(eq=_identity)
    values: tuple[Any, ...]

    def __repr__(self) -> str:
        return f"{self.field!r}.in_({self.field.show(list(self.values))})"


@attrs.frozen(repr=False)
class IsNone(Predicate):
    """The field has no value."""

    field: Queryable[Any] = attrs.field(eq=_identity)

    def __repr__(self) -> str:
        return f"{self.field!r}.is_none()"


@attrs.frozen(repr=False)
class StartsWith(Predicate):
    """The text begins with the prefix."""

    field: Queryable[Any] = attrs.field(eq=_identity)
    prefix: str

    def __repr__(self) -> str:
        return f"{self.field!r}.startswith({self.field.show(self.prefix)})"


@attrs.frozen(repr=False)
class EndsWith(Predicate):
    """The text ends with the suffix."""

    field: Queryable[Any] = attrs.field(eq=_identity)
    text: str

    def __repr__(self) -> str:
        return f"{self.field!r}.endswith({self.field.show(self.text)})"


@attrs.frozen(repr=False)
class Contains(Predicate):
    """The text holds the part."""

    field: Queryable[Any] = attrs.field(eq=_identity)
    text: str

    def __repr__(self) -> str:
        return f"{self.field!r}.contains({self.field.show(self.text)})"


@attrs.frozen(repr=False)
class Like(Predicate):
    """The text is the pattern: `?` any character, `*` any run of them, others literal."""

    field: Queryable[Any] = attrs.field(eq=_identity)
    text: str

    def __repr__(self) -> str:
        return f"{self.field!r}.like({self.field.show(self.text)})"


@attrs.frozen(repr=False)
class Has(Predicate):
    """The collection holds the element."""

    field: Queryable[Any] = attrs.field(eq=_identity)
    element: Any

    def __repr__(self) -> str:
        return f"{self.field!r}.has({self.field.show(self.element)})"


@attrs.frozen(repr=False)
class HasAny(Predicate):
    """The collection holds one of the elements at least."""

    field: Queryable[Any] = attrs.field(eq=_identity)
    elements: tuple[Any, ...]

    def __repr__(self) -> str:
        return f"{self.field!r}.has_any({self.field.show(list(self.elements))})"


@attrs.frozen(repr=False)
class HasAll(Predicate):
    """The collection holds every one of the elements."""

    field: Queryable[Any] = attrs.field(eq=_identity)
    elements: tuple[Any, ...]

    def __repr__(self) -> str:
        return f"{self.field!r}.has_all({self.field.show(list(self.elements))})"


def _inside(predicate: Predicate) -> str:
    """A part as it must be written inside a larger condition."""
    return f"({predicate!r})" if isinstance(predicate, (Compare, And, Or)) else repr(predicate)


@attrs.frozen(repr=False)
class And(Predicate):
    """Every part holds."""

    parts: tuple[Predicate, ...]

    def __repr__(self) -> str:
        return " & ".join(map(_inside, self.parts))


@attrs.frozen(repr=False)
class Or(Predicate):
    """At least one part holds."""

    parts: tuple[Predicate, ...]

    def __repr__(self) -> str:
        return " | ".join(map(_inside, self.parts))


@attrs.frozen(repr=False)
class Not(Predicate):
    """The part does not hold."""

    part: Predicate

    def __repr__(self) -> str:
        return f"~{_inside(self.part)}"


@attrs.frozen(repr=False)
class Term:
    """One term of an order: a field and its direction."""

    field: Queryable[Any] = attrs.field(eq=_identity)
    descending: bool = False

    def __repr__(self) -> str:
        return f"{self.field!r}.{'desc' if self.descending else 'asc'}()"
