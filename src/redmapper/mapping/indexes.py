"""The kinds of index a mapper can declare; the tables of the strategies serve them."""

from __future__ import annotations

from typing import Any, Self, TypeAlias

from redmapper.mapping.fields import Queryable
from redmapper.mapping.predicates import Term
from redmapper.mapping.spelling import check_call

Part: TypeAlias = "Queryable[Any] | Term"


class Index:
    """A declared index: its kind is its class, its name the attribute it stands under."""

    def __new__(cls, *arguments: Any, **options: Any) -> Self:  # noqa: ANN401 - for __init__
        """Refuse a misspelled option as every mistake in a mapper is refused."""
        check_call(cls, arguments, options)
        return super().__new__(cls)

    def __init__(self, fields: tuple[Part, ...]) -> None:
        self.name = ""
        self.owner: type | None = None
        self.terms = tuple(part if isinstance(part, Term) else Term(part) for part in fields)

    def __set_name__(self, owner: type, name: str) -> None:
        if self.owner is None:  # a second mapper, or a second name, is refused by the registry
            self.name = name
            self.owner = owner

    @property
    def fields(self) -> tuple[Queryable[Any], ...]:
        """The indexed fields, in order."""
        return tuple(term.field for term in self.terms)

    def __reduce__(self) -> tuple[Any, ...]:
        return (getattr, (self.owner, self.name))

    def __repr__(self) -> str:
        owner = self.owner.__name__ if self.owner else type(self).__name__
        return f"{owner}.{self.name or '?'}"


class Unique(Index):
    """One owner a value, under any concurrency; lookup by value.

    A None in any field exempts the entity, unless `nulls=True` makes None a value like others.
    """

    def __init__(self, *fields: Queryable[Any], nulls: bool = False) -> None:
        super().__init__(fields)
        self.nulls = nulls


class Lookup(Index):
    """Equality and membership; None is a value too.

    A collection field gives one entry an element, and none when it is empty or None.
    """

    def __init__(self, *fields: Queryable[Any]) -> None:
        super().__init__(fields)


class Ordered(Index):
    """Equality on leading fields, then a range or a text prefix on the next; and their order.

    Each field ascending or `.desc()`. Every entity is in it, None before every value.
    """

    def __init__(self, *fields: Part) -> None:
        super().__init__(fields)
