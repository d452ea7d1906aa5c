"""What a mapper declares of its class: a key, fields, and values computed from an entity.

A declaration is read by the class body (`__set_name__` tells it its name) and by the registry,
which checks it against the domain class. Its operators make conditions (`predicates`); the type
parameter makes `Users.age >= "x"` an error to a type checker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar, cast, get_args, overload

from redmapper.errors import UnsupportedQuery
from redmapper.mapping.predicates import (
    Between,
    Compare,
    Contains,
    EndsWith,
    Has,
    HasAll,
    HasAny,
    In,
    IsNone,
    Like,
    Not,
    Predicate,
    StartsWith,
    Term,
)
from redmapper.mapping.scalars import shown
from redmapper.mapping.spelling import check_call

if TYPE_CHECKING:
    from collections.abc import MutableSequence, MutableSet, Sequence
    from collections.abc import Set as AbstractSet

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Element = TypeVar("Element")


class Typed(Protocol[T_co]):
    """What can be asked only of fields of some type, and of types derived from it."""

    def _typed(self) -> T_co: ...


class Queryable(Generic[T]):
    """What conditions and orders can be said of: a `Key`, a `Field` or a `Computed`."""

    # `Field[int]()` tells the instance its own parameter through this attribute, after __init__.
    __orig_class__: Any

    if TYPE_CHECKING:  # what `Typed` goes by

        def _typed(self) -> T: ...

    def __new__(cls, *arguments: Any, **options: Any) -> Self:  # noqa: ANN401 - for __init__
        """Refuse a misspelled option as every mistake in a mapper is refused."""
        check_call(cls, arguments, options)
        return super().__new__(cls)

    def __init__(self) -> None:
        self.name = ""
        self.owner: type | None = None
        self.hidden = False  # the registry knows: attrs leaves the attribute out of a repr

    def __set_name__(self, owner: type, name: str) -> None:
        if self.owner is None:  # a second mapper, or a second name, is refused by the registry
            self.name = name
            self.owner = owner

    @property
    def annotation(self) -> Any:  # noqa: ANN401 - a type, a union or a string is all of these
        """What stands between the brackets, or Any where nothing does."""
        return get_args(self.__orig_class__)[0] if hasattr(self, "__orig_class__") else Any

    def show(self, value: object) -> str:
        """A value of this field, as a condition prints it."""
        if self.hidden:
            return "..."
        try:
            return repr(value)
        except ValueError:  # an int of more digits than Python spells
            return shown(value)

    def __repr__(self) -> str:
        owner = self.owner.__name__ if self.owner else type(self).__name__
        return f"{owner}.{self.name or '?'}"

    def __reduce__(self) -> tuple[Any, ...]:
        return (getattr, (self.owner, self.name))

    __hash__ = object.__hash__

    def __eq__(self, other: T) -> Predicate:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return IsNone(self) if other is None else Compare(self, "==", other)

    def __ne__(self, other: T) -> Predicate:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return Not(IsNone(self)) if other is None else Compare(self, "!=", other)

    def __lt__(self, other: T) -> Predicate:
        return Compare(self, "<", other)

    def __le__(self, other: T) -> Predicate:
        return Compare(self, "<=", other)

    def __gt__(self, other: T) -> Predicate:
        return Compare(self, ">", other)

    def __ge__(self, other: T) -> Predicate:
        return Compare(self, ">=", other)

    def between(self, low: T, high: T) -> Predicate:
        """`low <= field <= high`, both ends in."""
        return Between(self, low, high)

    def in_(self, values: Iterable[T]) -> Predicate:
        """The field has one of the values; None among them matches what has no value."""
        return In(self, self._several("in_", values))

    def is_none(self) -> Predicate:
        """The field has no value."""
        return IsNone(self)

    def not_none(self) -> Predicate:
        """The field has a value."""
        return Not(IsNone(self))

    def startswith(self: Typed[str | None], prefix: str) -> Predicate:
        """The text begins with the prefix; every character of it is literal."""
        return StartsWith(cast("Queryable[Any]", self), prefix)

    def endswith(self: Typed[str | None], suffix: str) -> Predicate:
        """The text ends with the suffix; every character of it is literal."""
        return EndsWith(cast("Queryable[Any]", self), suffix)

    def contains(self: Typed[str | None], part: str) -> Predicate:
        """The text holds the part; every character of it is literal."""
        return Contains(cast("Queryable[Any]", self), part)

    def like(self: Typed[str | None], pattern: str) -> Predicate:
        """The text is the pattern: `?` any one character, `*` any run; all others are literal."""
        return Like(cast("Queryable[Any]", self), pattern)

    # One for each kind of collection: joined in one union, mypy takes an element of any type.
    @overload
    def has(self: Queryable[list[Element]], element: Element) -> Predicate: ...
    @overload
    def has(self: Queryable[list[Element] | None], element: Element) -> Predicate: ...
    @overload
    def has(self: Queryable[set[Element]], element: Element) -> Predicate: ...
    @overload
    def has(self: Queryable[set[Element] | None], element: Element) -> Predicate: ...
    @overload
    def has(self: Queryable[frozenset[Element]], element: Element) -> Predicate: ...
    @overload
    def has(self: Queryable[frozenset[Element] | None], element: Element) -> Predicate: ...
    @overload
    def has(self: Queryable[tuple[Element, ...]], element: Element) -> Predicate: ...
    @overload
    def has(self: Queryable[tuple[Element, ...] | None], element: Element) -> Predicate: ...
    @overload
    def has(self: Queryable[Sequence[Element]], element: Element) -> Predicate: ...
    @overload
    def has(self: Queryable[Sequence[Element] | None], element: Element) -> Predicate: ...
    @overload
    def has(self: Queryable[MutableSequence[Element]], element: Element) -> Predicate: ...
    @overload
    def has(self: Queryable[MutableSequence[Element] | None], element: Element) -> Predicate: ...
    @overload
    def has(self: Queryable[AbstractSet[Element]], element: Element) -> Predicate: ...
    @overload
    def has(self: Queryable[AbstractSet[Element] | None], element: Element) -> Predicate: ...
    @overload
    def has(self: Queryable[MutableSet[Element]], element: Element) -> Predicate: ...
    @overload
    def has(self: Queryable[MutableSet[Element] | None], element: Element) -> Predicate: ...
    def has(self, element: Any) -> Predicate:
        """The collection holds the element."""
        return Has(self, element)

    def has_any(
        self: Queryable[list[Element]]
        | Queryable[set[Element]]
        | Queryable[frozenset[Element]]
        | Queryable[tuple[Element, ...]]
        | Queryable[list[Element] | None]
        | Queryable[set[Element] | None]
        | Queryable[frozenset[Element] | None]
        | Queryable[tuple[Element, ...] | None],
        elements: Iterable[Element],
    ) -> Predicate:
        """The collection holds one of the elements at least; of no elements, none does."""
        return HasAny(self, self._several("has_any", elements))

    def has_all(
        self: Queryable[list[Element]]
        | Queryable[set[Element]]
        | Queryable[frozenset[Element]]
        | Queryable[tuple[Element, ...]]
        | Queryable[list[Element] | None]
        | Queryable[set[Element] | None]
        | Queryable[frozenset[Element] | None]
        | Queryable[tuple[Element, ...] | None],
        elements: Iterable[Element],
    ) -> Predicate:
        """The collection holds every one of the elements; of no elements, any collection does."""
        return HasAll(self, self._several("has_all", elements))

    def _several(self, verb: str, values: Iterable[Any]) -> tuple[Any, ...]:
        """The values that a condition names; text is no collection of its characters here."""
        if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
            message = (
                f"{self!r}.{verb}({self.show(values)}): it takes several values: {verb}([...])"
            )
            raise UnsupportedQuery(message)
        return tuple(values)

    def asc(self) -> Term:
        """This field, smallest first, None before all."""
        return Term(self)

    def desc(self) -> Term:
        """This field, greatest first, None after all."""
        return Term(self, descending=True)


class Key(Queryable[T]):
    """The field that identifies an entity; a mapper has exactly one.

    A key that is None is filled in: `Key[int]` from a sequence, when the commit has landed;
    `Key[str]` and `Key[UUID]` with a UUIDv7, by `add`; any other, or all with `new=`, by calling
    `new` without arguments, by `add`.
    """

    def __init__(self, *, new: Callable[[], T] | None = None) -> None:
        super().__init__()
        self.new = new


class Field(Queryable[T]):
    """An attribute that can be queried.

    `norm` is applied to the value in indexes, conditions and orders, not to what is stored:
    `Field[str](norm=str.casefold)`. It must be pure, and never sees None.
    """

    def __init__(self, *, norm: Callable[[Any], Any] | None = None) -> None:
        super().__init__()
        self.norm = norm


class Computed(Queryable[T]):
    """A value computed from the entity whenever it is written; queryable, never part of it."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        super().__init__()
        self.compute = compute
