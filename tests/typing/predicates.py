"""What the type checkers must accept, and refuse, of conditions. Nothing here is run.

A line that must be refused carries one comment a checker. Should a checker stop refusing it, the
comment is no longer needed, and that is an error: so these are tests.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import NewType, assert_type

import attrs

from redmapper import Computed, Field, Key, Mapper, MapperRegistry, Ordered, Store, Unique

Email = NewType("Email", str)


@attrs.define
class User:
    """An entity with a field of each kind that conditions tell apart."""

    name: str
    age: int | None = None
    joined: datetime | None = None
    tags: list[str] = attrs.field(factory=list)
    marks: frozenset[int] | None = None
    path: tuple[str, ...] = ()
    words: Sequence[str] = ()
    known: AbstractSet[int] = frozenset()
    email: Email = Email("")
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    name = Field[str](norm=str.casefold)
    age = Field[int | None]()
    joined = Field[datetime | None]()
    tags = Field[list[str]]()
    marks = Field[frozenset[int] | None]()
    path = Field[tuple[str, ...]]()
    words = Field[Sequence[str]]()
    known = Field[AbstractSet[int]]()
    email = Field[Email]()
    initial = Computed[str](lambda user: user.name[:1])

    by_name = Unique(name)
    by_age = Ordered(age, joined.desc())


store = Store(MapperRegistry(Users))


def accepted() -> None:
    """Values of a field's own type, and None where the field may be None."""
    Users.id == 7
    Users.name != "Ann"
    Users.age >= 18
    Users.age == None  # noqa: E711 - `is` would compare the field itself
    Users.age.between(18, 65)
    Users.age.in_([1, 2, None])
    Users.name.startswith("A")
    Users.initial.startswith("A")
    Users.email.startswith("ann@")
    Users.email == Email("ann@x.io")
    Users.tags.has("vip")
    Users.marks.has(7)
    Users.path.has("usr")
    Users.words.has("vip")
    Users.known.has(7)
    Users.name.endswith("n")
    Users.name.contains("n")
    Users.initial.like("?")
    Users.tags.has_any(["vip", "new"])
    Users.tags.has_all({"vip"})
    Users.age.is_none() & (Users.name == "Ann") | ~Users.age.not_none()


def refused() -> None:
    """A value of another type, a method the field's type lacks, a field that is not there.

    Not `Users.age == "x"`: where `==` of a field refuses its operand, Python and the checkers try
    that of the operand, which takes everything. The result is a bool to them: no condition.
    """
    Users.age >= "x"  # type: ignore[operator] # pyright: ignore[reportOperatorIssue]
    Users.age.between(18, "x")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Users.age.in_(["x"])  # type: ignore[list-item] # pyright: ignore[reportArgumentType]
    Users.age.startswith("x")  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]
    Users.name.has("x")  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]
    Users.email.startswith(7)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Users.tags.has(7)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Users.marks.has("x")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Users.path.has(7)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Users.words.has(7)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Users.known.has("x")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    store.query(User).where(Users.age == "x")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    store.query(User).where(Users.id != "x")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    store.query(User).where(Users.tags == 5)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Users.age.contains("x")  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]
    Users.name.like(7)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Users.tags.endswith("x")  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]
    Users.name.has_any(["x"])  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]
    Users.tags.has_all([7])  # pyright: ignore[reportArgumentType]
    Users.nope  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]


def typed() -> None:
    """Declarations keep the type between their brackets."""
    assert_type(Users.age, Field[int | None])
    assert_type(Users.id, Key[int])
    assert_type(Users.initial, Computed[str])
