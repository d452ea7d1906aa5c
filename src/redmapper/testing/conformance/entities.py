"""The entities that most cases speak of, and what they ask again and again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from redmapper.faces.sync.store import Store
from redmapper.mapping.fields import Field, Key
from redmapper.mapping.indexes import Lookup, Ordered, Unique
from redmapper.mapping.mapper import Mapper
from redmapper.mapping.registry import MapperRegistry
from redmapper.wire import BatchReport


@attrs.define
class User:
    """A plain entity with a key from a sequence."""

    name: str
    email: str | None = None
    age: int | None = None
    city: str | None = None
    tags: list[str] = attrs.field(factory=list)
    meta: dict[str, Any] = attrs.field(factory=dict)
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper, with an index of each kind; any change by somebody else is a conflict."""

    id = Key[int]()
    name = Field[str]()
    email = Field[str | None]()
    age = Field[int | None]()
    city = Field[str | None]()
    tags = Field[list[str]]()

    by_email = Unique(email)
    by_name = Lookup(name)
    by_tag = Lookup(tags)
    by_age = Ordered(age)


class UsersByFields(Users, conflict="fields"):
    """The same, and only what a unit writes is compared."""


class UsersOverwritten(Users, conflict="overwrite"):
    """The same, and the last write wins."""


@attrs.frozen
class Team:
    """A frozen entity with a key of text."""

    id: str
    name: str
    budget: int = 0


class Teams(Mapper[Team]):
    """Its mapper."""

    id = Key[str]()
    name = Field[str]()

    by_name = Unique(name)


UNTYPED: Any = Users
"""For what a type checker refuses."""

REGISTRY = MapperRegistry(Users, Teams)
BY_FIELDS = MapperRegistry(UsersByFields, Teams)
OVERWRITTEN = MapperRegistry(UsersOverwritten, Teams)

POLICIES = {"version": REGISTRY, "fields": BY_FIELDS, "overwrite": OVERWRITTEN}
"""The registry of each conflict policy: the stored format is the same."""


def save(store: Store, *objs: Any) -> None:  # noqa: ANN401 - entities
    """Add them in a unit of their own."""
    with store.unit() as uow:
        uow.add_all(objs)


def names(users: Iterable[User | None]) -> list[str | None]:
    """The names of users, None for None."""
    return [None if user is None else user.name for user in users]


@attrs.define
class Traffic:
    """What a store reports as `on_batch`: how many round trips something takes.

    A strategy without a server reports nothing, and fits any expectation.
    """

    verbs: list[str] = attrs.field(factory=list)
    server: bool = False

    def __call__(self, report: BatchReport) -> None:
        """Note a batch."""
        self.server = True
        self.verbs.append(report.verb)

    def begin(self) -> None:
        """Count from here."""
        self.verbs.clear()

    def expect(self, count: int) -> None:
        """That there were so many round trips."""
        assert not self.server or count == len(self.verbs), self.verbs
