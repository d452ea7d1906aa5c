"""Two writers under each conflict policy, and `transact`: points 35 to 38 and 40."""
# ruff: noqa: PT012 - a unit of work fails where its block ends

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import pytest

from redmapper.errors import (
    AlreadyExists,
    Conflict,
    NotFound,
    RedmapperError,
    Stale,
    Taken,
)
from redmapper.faces.sync.store import Store
from redmapper.faces.sync.unit import UnitOfWork
from redmapper.mapping.fields import Computed, Field, Key
from redmapper.mapping.indexes import Lookup, Ordered, Unique
from redmapper.mapping.mapper import Mapper
from redmapper.mapping.registry import MapperRegistry
from redmapper.testing.conformance.entities import (
    BY_FIELDS,
    OVERWRITTEN,
    REGISTRY,
    UNTYPED,
    Team,
    Teams,
    Traffic,
    User,
    Users,
    names,
    save,
)
from redmapper.testing.conformance.faces import OpenStore

Edit = Callable[[Any], object]


@attrs.define
class Person:
    """Values that are computed from several others, and indexed together with others."""

    first: str
    last: str
    born: int | None = None
    note: str | None = None
    tags: list[str] = attrs.field(factory=list)
    id: int | None = None

    @property
    def signature(self) -> str:
        """Reads what nobody can know beforehand."""
        return f"{self.first[:1]}{self.last[:1]}"


class People(Mapper[Person], conflict="fields"):
    """Only what a unit writes, and what its index changes depend on, is compared."""

    id = Key[int]()
    first = Field[str]()
    last = Field[str](norm=str.casefold)
    born = Field[int | None]()
    tags = Field[list[str]]()
    full = Computed[str](lambda person: f"{person.first} {person.last}")

    by_full = Unique(full)
    by_both = Lookup(last, born)
    by_tag = Lookup(tags, born)
    ordered = Ordered(born, first.desc())


class SignedPeople(People):
    """Computes with a property, which may read anything."""

    signature = Computed[str](lambda person: person.signature)


class PeopleOverwritten(People, conflict="overwrite"):
    """The last one wins."""


@attrs.define
class Plain:
    """No index, nothing computed."""

    a: str | None = None
    b: str | None = None
    c: list[int] = attrs.field(factory=list)
    id: int | None = None


class Plains(Mapper[Plain], conflict="fields"):
    """Only what a unit writes is compared."""

    id = Key[int]()


@attrs.define
class Counter:
    """What many want to change at once."""

    id: int
    count: int = 0


class Counters(Mapper[Counter]):
    """Its mapper."""

    id = Key[int]()


WITH_COUNTERS = MapperRegistry(Users, Teams, Counters)
PEOPLE = MapperRegistry(People, Plains)
SIGNED_PEOPLE = MapperRegistry(SignedPeople)
PEOPLE_OVERWRITTEN = MapperRegistry(PeopleOverwritten)


def race(store: Store, cls: type[Any], mine: Edit, theirs: Edit) -> None:
    """Both load the entity 1; theirs is committed first."""
    with store.unit() as uow:
        loaded = uow.require(cls, 1)
        with store.unit() as other:
            theirs(other.require(cls, 1))
        mine(loaded)


def put_in(**values: object) -> Edit:
    """An edit that sets attributes."""

    def edit(obj: object) -> None:
        for name, value in values.items():
            setattr(obj, name, value)

    return edit


class TestVersionPolicy:
    """35: any change by somebody else since the load is a conflict."""

    def test_two_writers(self, open_store: OpenStore) -> None:
        """35: one wins, the other gets Stale with base, mine and stored."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", 1, tags=["a"], id=1))
        with pytest.raises(Stale, match=r"User\(1\).*age") as refused:
            race(store, User, put_in(age=2), put_in(age=3, tags=["b"]))
        stale = refused.value
        assert User("Ann", "ann@x.io", 1, tags=["a"], id=1) == stale.base
        assert User("Ann", "ann@x.io", 2, tags=["a"], id=1) == stale.mine == stale.obj
        assert User("Ann", "ann@x.io", 3, tags=["b"], id=1) == stale.stored
        assert ("changed", 1) == (stale.kind, stale.key)
        assert 3 == store.require(User, 1).age

    def test_disjoint_edits(self, open_store: OpenStore) -> None:
        """35: they conflict as well."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with pytest.raises(Stale):
            race(store, User, put_in(age=2), put_in(city="Rome"))

    def test_the_same_edit(self, open_store: OpenStore) -> None:
        """35: that both want the same is no excuse."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with pytest.raises(Stale):
            race(store, User, put_in(age=2), put_in(age=2))

    def test_a_change_that_was_taken_back(self, open_store: OpenStore) -> None:
        """35: the version is a token."""
        store = open_store(REGISTRY)
        save(store, User("Ann", age=1, id=1))

        def and_back(_: object) -> None:
            for age in (2, 1):
                with store.unit() as uow:
                    uow.require(User, 1).age = age

        with pytest.raises(Stale):
            race(store, User, put_in(age=7), and_back)

    def test_delete_and_add_again(self, open_store: OpenStore) -> None:
        """35: by somebody else, with the same content."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", id=1))
        with pytest.raises(Stale) as refused, store.unit() as uow:
            ann = uow.require(User, 1)
            with store.unit() as other:
                other.delete_by_key(User, 1)
            save(store, User("Ann", "ann@x.io", id=1))
            ann.age = 2
        assert "changed" == refused.value.kind

    def test_gone(self, open_store: OpenStore) -> None:
        """35: Stale(kind="gone"); a change never brings an entity back."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with pytest.raises(Stale, match="gone") as refused, store.unit() as uow:
            ann = uow.require(User, 1)
            with store.unit() as other:
                other.delete_by_key(User, 1)
            ann.age = 2
        assert ("gone", None) == (refused.value.kind, refused.value.stored)
        assert store.get(User, 1) is None

    def test_one_of_many_is_enough(self, open_store: OpenStore) -> None:
        """24: nothing of the unit is written."""
        store = open_store(REGISTRY)
        save(store, *(User(f"u{at}", id=at) for at in range(1, 6)))
        with pytest.raises(Stale) as refused, store.unit() as uow:
            for user in uow.query(User):
                user.age = 7
            uow.add(User("new"))
            with store.unit() as other:
                other.require(User, 3).age = 1
                other.require(User, 5).age = 1
        assert [3, 5] == [violation.key for violation in refused.value.violations]
        assert [None, None, 1, None, 1] == [user.age for user in store.query(User)]

    def test_what_was_only_read_may_change(self, open_store: OpenStore) -> None:
        """35: a clean object is not checked."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1), User("Bob", id=2))
        with store.unit() as uow:
            uow.require(User, 1)
            bob = uow.require(User, 2)
            with store.unit() as other:
                other.require(User, 1).age = 1
            bob.age = 2
        assert [1, 2] == [user.age for user in store.query(User)]

    def test_the_message_says_what_to_do(self, open_store: OpenStore) -> None:
        """And keeps to itself what attrs leaves out of a repr."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with pytest.raises(Stale, match="load it again"):
            race(store, User, put_in(age=2), put_in(city="Rome"))


class TestFieldsPolicy:
    """36: only the fields that a unit writes are compared."""

    def test_disjoint_edits_both_land(self, open_store: OpenStore) -> None:
        """36: indexed fields and others."""
        store = open_store(BY_FIELDS)
        save(store, User("Ann", "ann@x.io", 1, id=1))
        race(store, User, put_in(age=2, city="Rome"), put_in(email="new@x.io", name="Anna"))
        assert User("Anna", "new@x.io", 2, "Rome", id=1) == store.get(User, 1)
        assert 1 == store.get_by(Users.by_email, "new@x.io").id
        assert [1] == [user.id for user in store.query(User).where(Users.age == 2)]
        assert [1] == [user.id for user in store.query(User).where(Users.name == "Anna")]
        for gone in (Users.age == 1, Users.name == "Ann", Users.email == "ann@x.io"):
            assert [] == store.query(User).where(gone).all()

    @pytest.mark.parametrize(
        ("base", "mine", "theirs"),
        [
            ("x", "y", "z"),
            ("x", "y", "y"),
            ("x", None, "y"),
            ("x", "y", None),
            (None, "y", "z"),
            (None, "y", ""),
            ("", None, "y"),
        ],
    )
    def test_overlapping_edits_do_not(
        self, open_store: OpenStore, base: str | None, mine: str | None, theirs: str | None
    ) -> None:
        """36: setting an unset field, or to None, counts."""
        store = open_store(PEOPLE)
        save(store, Plain(base, "b", id=1))
        with pytest.raises(Stale) as refused:
            race(store, Plain, put_in(a=mine, b="mine"), put_in(a=theirs))
        stale: Any = refused.value
        found = (stale.kind, stale.base.a, stale.mine.a, stale.stored.a)
        assert ("changed", base, mine, theirs) == found
        assert Plain(theirs, "b", id=1) == store.get(Plain, 1)

    def test_nested_values_are_one_field(self, open_store: OpenStore) -> None:
        """36: two that append to one list conflict."""
        store = open_store(PEOPLE)
        save(store, Plain(c=[1], id=1))
        with pytest.raises(Stale):
            race(store, Plain, lambda row: row.c.append(2), lambda row: row.c.append(3))

    def test_a_change_that_was_taken_back_is_none(self, open_store: OpenStore) -> None:
        """36: the fields are compared, not the version."""
        store = open_store(PEOPLE)
        save(store, Plain("x", id=1))

        def and_back(_: object) -> None:
            for value in ("y", "x"):
                with store.unit() as uow:
                    uow.require(Plain, 1).a = value

        race(store, Plain, put_in(a="mine"), and_back)
        assert "mine" == store.require(Plain, 1).a

    def test_gone_is_gone(self, open_store: OpenStore) -> None:
        """36: whatever the fields were."""
        store = open_store(PEOPLE)
        save(store, Plain("x", id=1))
        with pytest.raises(Stale, match="gone") as refused, store.unit() as uow:
            row = uow.require(Plain, 1)
            with store.unit() as other:
                other.delete_by_key(Plain, 1)
            row.a = "y"
        assert "gone" == refused.value.kind
        assert store.get(Plain, 1) is None

    def test_fields_set_from_nothing_to_nothing(self, open_store: OpenStore) -> None:
        """36: an entity without a field is not gone."""
        store = open_store(PEOPLE)
        save(store, Plain(id=1))
        race(store, Plain, put_in(a="mine"), put_in(b="theirs"))
        assert Plain("mine", "theirs", id=1) == store.get(Plain, 1)

    def test_a_computed_value_depends_on_its_fields(self, open_store: OpenStore) -> None:
        """36: two that change parts of one indexed value conflict."""
        store = open_store(PEOPLE)
        save(store, Person("Ann", "Lee", id=1))
        with pytest.raises(Stale):
            race(store, Person, put_in(first="Bea"), put_in(last="May"))
        assert 1 == store.get_by(People.by_full, "Ann May").id
        assert store.get_by(People.by_full, "Ann Lee") is None

    def test_an_index_depends_on_all_its_fields(self, open_store: OpenStore) -> None:
        """36: else the entry of neither pair would be right."""
        store = open_store(PEOPLE)
        save(store, Person("Ann", "Lee", 1980, tags=["x"], id=1))
        with pytest.raises(Stale):
            race(store, Person, put_in(tags=["y"]), put_in(born=1990))
        row = store.query(Person).where(People.tags.has("x"), People.born == 1990).one()
        assert 1 == row.id

    def test_every_index_agrees_after_disjoint_edits(self, open_store: OpenStore) -> None:
        """38: a name and a birthday."""
        store = open_store(PEOPLE)
        save(store, Person("Ann", "Lee", 1980, tags=["x"], id=1))
        race(store, Person, put_in(note="mine"), put_in(born=1990, tags=["y"]))
        assert Person("Ann", "Lee", 1990, "mine", ["y"], 1) == store.get(Person, 1)
        query = store.query(Person)
        assert [1] == [row.id for row in query.where(People.last == "LEE", People.born == 1990)]
        assert [] == query.where(People.last == "lee", People.born == 1980).all()
        assert [1] == [row.id for row in query.where(People.born >= 1990).order_by(People.born)]

    def test_a_computed_value_may_read_anything(self, open_store: OpenStore) -> None:
        """36: what a method or a property reads is not known, so every field counts."""
        store = open_store(SIGNED_PEOPLE)
        save(store, Person("Ann", "Lee", id=1))
        with pytest.raises(Stale):
            race(store, Person, put_in(note="mine"), put_in(born=1990))
        with pytest.raises(Stale):
            race(store, Person, put_in(first="Bea"), put_in(last="May"))

    def test_a_stale_copy_never_changes_anothers_entries(self, open_store: OpenStore) -> None:
        """38: it saves an unrelated field; claims and entries of the rest stay as they are."""
        store = open_store(BY_FIELDS)
        save(store, User("Ann", "old@x.io", 1, tags=["old"], id=1))
        race(
            store,
            User,
            put_in(city="Rome"),
            put_in(email="new@x.io", age=2, name="Anna", tags=["new"]),
        )
        assert User("Anna", "new@x.io", 2, "Rome", ["new"], id=1) == store.get(User, 1)
        query = store.query(User)
        for condition in (
            Users.email == "new@x.io",
            Users.age == 2,
            Users.name == "Anna",
            Users.tags.has("new"),
        ):
            assert [1] == [user.id for user in query.where(condition)], condition
        for condition in (
            Users.email == "old@x.io",
            Users.age == 1,
            Users.name == "Ann",
            Users.tags.has("old"),
        ):
            assert [] == query.where(condition).all(), condition
        save(store, User("Bob", "old@x.io"))

    def test_deleting_a_stale_copy(self, open_store: OpenStore) -> None:
        """13: a deletion expects the version, under this policy too."""
        store = open_store(BY_FIELDS)
        save(store, User("Ann", "ann@x.io", id=1))
        with pytest.raises(Stale), store.unit() as uow:
            uow.delete(uow.require(User, 1))
            with store.unit() as other:
                other.require(User, 1).city = "Rome"
        assert "Rome" == store.require(User, 1).city

    def test_after_it_the_object_is_clean(self, open_store: OpenStore) -> None:
        """50: and a later change is compared with what this unit knows."""
        store = open_store(PEOPLE)
        save(store, Plain("x", "y", id=1))
        with store.unit() as uow:
            row = uow.require(Plain, 1)
            with store.unit() as other:
                other.require(Plain, 1).b = "theirs"
            row.a = "mine"
            uow.commit()
            assert "clean" == uow.state(row)
            row.a = "again"
        assert Plain("again", "theirs", id=1) == store.get(Plain, 1)

    def test_a_newer_version_seen_is_no_conflict(self, open_store: OpenStore) -> None:
        """4, 36: only fields count."""
        store = open_store(PEOPLE)
        save(store, Plain("x", "y", id=1))
        with store.unit() as uow:
            row = uow.require(Plain, 1)
            with store.unit() as other:
                other.require(Plain, 1).b = "theirs"
            uow.query(Plain).all()
            row.a = "mine"
        assert Plain("mine", "theirs", id=1) == store.get(Plain, 1)


class TestOverwritePolicy:
    """37: the last one wins, and every index agrees with the record."""

    def test_overlapping_edits(self, open_store: OpenStore) -> None:
        """37: mine is written over theirs."""
        store = open_store(OVERWRITTEN)
        save(store, User("Ann", "old@x.io", 1, tags=["old"], id=1))
        race(
            store,
            User,
            put_in(email="mine@x.io", age=2, tags=["mine"]),
            put_in(email="theirs@x.io", age=3, tags=["theirs"]),
        )
        assert User("Ann", "mine@x.io", 2, tags=["mine"], id=1) == store.get(User, 1)
        query = store.query(User)
        for condition in (Users.age == 2, Users.email == "mine@x.io", Users.tags.has("mine")):
            assert [1] == [user.id for user in query.where(condition)], condition
        for condition in (
            Users.age.in_([1, 3]),
            Users.tags.has("old"),
            Users.tags.has("theirs"),
            Users.email.in_(["old@x.io", "theirs@x.io"]),
        ):
            assert [] == query.where(condition).all(), condition
        save(store, User("Bob", "old@x.io"), User("Cid", "theirs@x.io"))

    def test_disjoint_edits(self, open_store: OpenStore) -> None:
        """37: only what was changed is written: both land."""
        store = open_store(OVERWRITTEN)
        save(store, User("Ann", "ann@x.io", 1, id=1))
        race(store, User, put_in(age=2), put_in(email="new@x.io"))
        assert User("Ann", "new@x.io", 2, id=1) == store.get(User, 1)
        assert 1 == store.get_by(Users.by_email, "new@x.io").id

    def test_what_is_computed_comes_from_the_mixture(self, open_store: OpenStore) -> None:
        """37: mine and theirs each change a part of one indexed value."""
        store = open_store(PEOPLE_OVERWRITTEN)
        save(store, Person("Ann", "Lee", 1980, tags=["x"], id=1))
        race(store, Person, put_in(first="Bea", tags=["y"]), put_in(last="May", born=1990))
        assert 1 == store.get_by(People.by_full, "Bea May").id
        query = store.query(Person)
        assert [1] == [row.id for row in query.where(People.tags.has("y"), People.born == 1990)]
        assert [1] == [row.id for row in query.where(People.last == "MAY", People.born == 1990)]
        assert [1] == [row.id for row in query.where(People.born == 1990).order_by(People.first)]
        for gone in ("Ann Lee", "Ann May", "Bea Lee"):
            assert store.get_by(People.by_full, gone) is None
        save(store, Person("Ann", "Lee"), Person("Ann", "May"))

    def test_a_taken_value_is_refused(self, open_store: OpenStore) -> None:
        """37: what it overwrites is its own entity, never another's claim."""
        store = open_store(OVERWRITTEN)
        save(store, User("Ann", "ann@x.io", id=1), User("Bob", "bob@x.io", id=2))
        with pytest.raises(Taken) as refused:
            race(store, User, put_in(email="bob@x.io"), put_in(age=7))
        assert 2 == refused.value.owner

    def test_a_claim_moves_while_somebody_else_moves_it_too(self, open_store: OpenStore) -> None:
        """37: whatever they do, one value has one owner."""
        store = open_store(OVERWRITTEN)
        save(store, User("Ann", "a@x.io", id=1), User("Bob", "b@x.io", id=2))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            with store.unit() as other:
                one, two = other.require(User, 1), other.require(User, 2)
                one.email, two.email = two.email, one.email
            ann.email = "c@x.io"
        assert ["c@x.io", "a@x.io"] == [user.email for user in store.query(User)]
        assert 2 == store.get_by(Users.by_email, "a@x.io").id
        assert store.get_by(Users.by_email, "b@x.io") is None

    def test_after_it_the_object_is_clean(self, open_store: OpenStore) -> None:
        """50: nothing is written a second time."""
        store = open_store(OVERWRITTEN)
        save(store, User("Ann", "ann@x.io", 1, id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            with store.unit() as other:
                other.require(User, 1).email = "new@x.io"
            ann.age = 2
            uow.commit()
            assert "clean" == uow.state(ann)
            version = uow.version_of(ann)
            uow.commit()
            assert version == uow.version_of(ann)

    def test_a_deletion_takes_what_stands_there(self, open_store: OpenStore) -> None:
        """37: whatever it has become."""
        store = open_store(OVERWRITTEN)
        save(store, User("Ann", "old@x.io", id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            with store.unit() as other:
                other.require(User, 1).email = "new@x.io"
            uow.delete(ann)
        assert store.get(User, 1) is None
        save(store, User("Bob", "old@x.io"), User("Cid", "new@x.io"))


class TestTransact:
    """40: `store.transact` runs work again until it goes through."""

    def test_it_returns_the_result(self, open_store: OpenStore) -> None:
        """40: and has committed."""
        store = open_store(WITH_COUNTERS)
        save(store, Team("t", "Team", 10))

        def spend(uow: UnitOfWork) -> int:
            team = uow.require(Team, "t")
            new = uow.replace(team, attrs.evolve(team, budget=team.budget - 3))
            return new.budget

        assert 7 == store.transact(spend)
        assert 7 == store.require(Team, "t").budget

    def test_stale_runs_it_again_with_a_fresh_unit(self, open_store: OpenStore) -> None:
        """40: another unit each time, which loads anew."""
        store = open_store(WITH_COUNTERS)
        save(store, Counter(1))
        seen: list[Any] = []

        def grow(uow: UnitOfWork) -> None:
            counter = uow.require(Counter, 1)
            if len(seen) < 2:
                with store.unit() as other:
                    other.require(Counter, 1).count += 10
            seen.append((counter, counter.count))
            counter.count += 1

        store.transact(grow)
        assert [0, 10, 20] == [count for _, count in seen]
        assert 3 == len({id(counter) for counter, _ in seen})
        assert 21 == store.require(Counter, 1).count

    def test_fifty_threads_add_one(self, open_store: OpenStore) -> None:
        """40: to one counter, exactly fifty."""
        store = open_store(WITH_COUNTERS)
        save(store, Counter(1))

        def add_one(uow: UnitOfWork) -> None:
            uow.require(Counter, 1).count += 1

        with ThreadPoolExecutor(10) as pool:
            for done in [pool.submit(store.transact, add_one, attempts=500) for _ in range(50)]:
                done.result()
        assert 50 == store.require(Counter, 1).count

    def test_the_same_taken_twice_is_raised(self, open_store: OpenStore) -> None:
        """40: it is there to stay."""
        store = open_store(WITH_COUNTERS)
        save(store, User("Ann", "ann@x.io", id=1))
        runs = []

        def sign_up(uow: UnitOfWork) -> None:
            runs.append(uow)
            uow.add(User("Other", "ann@x.io"))

        with pytest.raises(Taken) as refused:
            store.transact(sign_up)
        assert (2, 1) == (len(runs), refused.value.owner)

    def test_the_same_taken_key_twice_is_raised(self, open_store: OpenStore) -> None:
        """40: AlreadyExists likewise."""
        store = open_store(WITH_COUNTERS)
        save(store, Team("t", "Team"))
        runs = []

        def add(uow: UnitOfWork) -> None:
            runs.append(uow)
            uow.add(Team("t", "Other"))

        with pytest.raises(AlreadyExists):
            store.transact(add)
        assert 2 == len(runs)

    def test_get_or_add_works(self, open_store: OpenStore) -> None:
        """40: the first Taken is answered by reading again."""
        store = open_store(WITH_COUNTERS)
        first = True

        def owner(uow: UnitOfWork) -> Any:  # noqa: ANN401 - of either face
            nonlocal first
            found = uow.get_by(Users.by_email, "ann@x.io")
            if found is None:
                found = uow.add(User("Mine", "ann@x.io"))
            if first:
                first = False
                save(store, User("Theirs", "ann@x.io"))
            return found

        assert "Theirs" == store.transact(owner).name
        assert ["Theirs"] == names(store.query(User))

    def test_attempts_come_to_an_end(self, open_store: OpenStore) -> None:
        """40: the last Stale is raised."""
        store = open_store(WITH_COUNTERS)
        save(store, Counter(1))
        runs = []

        def never(uow: UnitOfWork) -> None:
            runs.append(uow)
            counter = uow.require(Counter, 1)
            with store.unit() as other:
                other.require(Counter, 1).count += 1
            counter.count = -1

        with pytest.raises(Stale):
            store.transact(never, attempts=3)
        assert (3, 3) == (len(runs), store.require(Counter, 1).count)

    def test_other_exceptions_pass(self, open_store: OpenStore) -> None:
        """23: at once, and nothing is written."""
        store = open_store(WITH_COUNTERS)
        runs = []

        def fail(uow: UnitOfWork) -> None:
            runs.append(uow)
            uow.add(User("Ann"))
            uow.require(User, 7)

        with pytest.raises(NotFound):
            store.transact(fail)
        assert (1, 0) == (len(runs), store.query(User).count())

    @pytest.mark.parametrize("attempts", [0, -1])
    def test_no_attempt_is_no_way(self, open_store: OpenStore, attempts: int) -> None:
        """40: ValueError names the option."""
        store = open_store(WITH_COUNTERS)
        with pytest.raises(ValueError, match="attempts"):
            store.transact(lambda _: None, attempts=attempts)

    def test_without_a_change_nothing_is_sent(self, open_store: OpenStore) -> None:
        """24: work that only reads commits nothing."""
        traffic = Traffic()
        store = open_store(WITH_COUNTERS, on_batch=traffic)
        save(store, User("Ann", id=1))
        traffic.begin()
        store.transact(lambda uow: uow.get(User, 1))
        traffic.expect(1)


class TestPickling:
    """Every error survives pickling, facts and all."""

    def test_every_conflict(self, open_store: OpenStore) -> None:
        """With its violations, of which it is still the first."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", id=1), User("Bob", id=2), Team("t", "Team"))
        with pytest.raises(Conflict) as refused, store.unit() as uow:
            ann = uow.require(User, 1)
            with store.unit() as other:
                other.require(User, 1).age = 1
            ann.age = 2
            uow.add(User("Other", "ann@x.io", id=3))
            uow.add(Team("t", "Other"))
        before = refused.value
        after = pickle.loads(pickle.dumps(before))  # noqa: S301 - our own
        assert after is after.violations[0]
        assert str(before) == str(after)
        assert [type(each) for each in before.violations] == [
            type(each) for each in after.violations
        ]
        stale: Any = next(each for each in after.violations if isinstance(each, Stale))
        taken = next(each for each in after.violations if isinstance(each, Taken))
        exists = next(each for each in after.violations if isinstance(each, AlreadyExists))
        assert (None, 2, 1) == (stale.base.age, stale.mine.age, stale.stored.age)
        assert ("by_email", "ann@x.io", 1, 3) == (taken.index, taken.value, taken.owner, taken.key)
        assert Team("t", "Team") == exists.stored

    def test_other_errors(self, open_store: OpenStore) -> None:
        """With their attributes and messages."""
        store = open_store(REGISTRY)
        errors: list[Any] = []
        for call in (
            lambda: store.require(User, 7),
            lambda: store.get(dict, 7),
            lambda: store.get(User, "7"),
            lambda: store.query(User).where(Users.city == "Rome").all(),
            lambda: store.query(User).where(UNTYPED.age > "x").all(),
            lambda: store.unit().get(User, 1),
        ):
            with pytest.raises(RedmapperError) as raised:
                call()
            errors.append(raised.value)
        for error in errors:
            again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
            assert (type(error), str(error)) == (type(again), str(again))
            assert vars(error).keys() == vars(again).keys()
        assert 7 == errors[0].key
