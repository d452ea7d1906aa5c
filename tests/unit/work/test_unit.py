"""The verbs of a unit of work, over a store in memory."""

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from redmapper import (
    AlreadyExists,
    Computed,
    ConcurrentUse,
    Conflict,
    Field,
    IdentityConflict,
    Key,
    KeyChanged,
    Lookup,
    Mapper,
    MapperRegistry,
    MemoryIndexStrategy,
    NotFound,
    NotMapped,
    Ordered,
    QueryError,
    ReadOnlyUnit,
    Stale,
    Store,
    Taken,
    Unique,
    UnitActive,
    UnitClosed,
    UnitError,
    UnitOfWork,
    ValueRefused,
)
from redmapper.testing import drive
from redmapper.work.unit import UnitBase


@attrs.define
class User:
    """An entity with a key from a sequence."""

    name: str
    email: str | None = None
    age: int | None = None
    tags: list[str] = attrs.field(factory=list)
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    name = Field[str]()
    email = Field[str | None]()
    age = Field[int | None]()
    domain = Computed[str | None](lambda user: user.email and user.email.partition("@")[2])

    by_email = Unique(email)
    by_age = Ordered(age)
    by_domain = Lookup(domain)


@attrs.frozen
class Team:
    """One that can not be changed, and makes its own key."""

    name: str
    id: str | None = None


class Teams(Mapper[Team]):
    """Its mapper."""

    id = Key[str]()
    name = Field[str]()


class Admin(User):
    """A subclass without a mapper of its own."""


@attrs.define
class Watched:
    """A bound strategy whose calls are noted."""

    inner: Any
    calls: list[str]

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            self.calls.append(name)
            return getattr(self.inner, name)(*arguments)

        return call


@attrs.define(eq=False)
class Watching:
    """The strategy in memory; `calls` says what units ask of it."""

    inner: MemoryIndexStrategy = attrs.field(factory=MemoryIndexStrategy)
    calls: list[str] = attrs.field(factory=list)

    @property
    def capabilities(self) -> Any:
        """Those of the other."""
        return self.inner.capabilities

    def bind(self, *arguments: Any) -> Any:
        """The other, watched."""
        return Watched(self.inner.bind(*arguments), self.calls)


@pytest.fixture
def calls() -> list[str]:
    """What the units of `store` ask of its strategy."""
    return []


@pytest.fixture
def store(calls: list[str]) -> Store:
    """Ann and Bob are stored; nothing has been asked since."""
    store = Store(MapperRegistry(Users, Teams), strategy=Watching(calls=calls))
    with store.unit() as uow:
        uow.add_all([User("Ann", "ann@x", 30, ["a"]), User("Bob", "bob@x", 40)])
    calls.clear()
    return store


@pytest.fixture
def uow(store: Store, calls: list[str]) -> Any:
    """A unit inside its block; what is pending at the end of the test is discarded."""
    unit = store.unit()
    with unit:
        calls.clear()
        yield unit
        unit.rollback()


def names(store: Store) -> list[str]:
    """The names of all stored users, by key."""
    return [user.name for user in store.query(Users)]


def edit_elsewhere(store: Store, key: int, **changes: Any) -> None:
    """Somebody else changes a user."""
    with store.unit() as other:
        user = other.require(User, key)
        for name, value in changes.items():
            setattr(user, name, value)


def delete_elsewhere(store: Store, key: int) -> None:
    """Somebody else deletes a user."""
    with store.unit() as other:
        other.delete_by_key(User, key)


# --- states (points 1 to 9) ------------------------------------------------------------------


def test_states(uow: UnitOfWork):
    """Untracked, new, clean, dirty, deleted."""
    ann, bob, new = uow.require(User, 1), uow.require(User, 2), User("New")
    assert ["clean", "clean", "untracked"] == [uow.state(each) for each in (ann, bob, new)]
    ann.age = 31
    uow.delete(bob)
    uow.add(new)
    assert ["dirty", "deleted", "new"] == [uow.state(each) for each in (ann, bob, new)]
    uow.commit()
    assert ["clean", "untracked", "clean"] == [uow.state(each) for each in (ann, bob, new)]


def test_a_change_and_back_is_clean(uow: UnitOfWork, calls: list[str]):
    """And writes nothing."""
    ann = uow.require(User, 1)
    ann.age = 31
    ann.tags.append("b")
    assert "dirty" == uow.state(ann)
    ann.age = 30
    ann.tags.pop()
    assert "clean" == uow.state(ann)
    calls.clear()
    uow.commit()
    assert [] == calls


def test_a_key_stands_for_one_object(uow: UnitOfWork):
    """Whatever the way to it."""
    ann = uow.get(User, 1)
    assert ann is uow.get(Users, 1)
    assert ann is uow.require(User, 1)
    assert ann is uow.get_many(User, [1])[0]
    assert ann is uow.get_by(Users.by_email, "ann@x")
    assert ann is uow.query(Users).first()


def test_a_second_reading_keeps_local_changes(uow: UnitOfWork):
    """Nor does it refresh what is clean."""
    ann = uow.require(User, 1)
    ann.age = 31
    uow.query(Users).all()
    uow.get_by(Users.by_email, "bob@x")
    assert 31 == uow.require(User, 1).age


def test_a_newer_version_seen_on_the_way_fails_the_commit_early(
    store: Store, uow: UnitOfWork, calls: list[str]
):
    """Without asking the server."""
    ann = uow.require(User, 1)
    edit_elsewhere(store, 1, name="Anna")
    assert ann is uow.query(Users).first()
    ann.age = 31
    calls.clear()
    with pytest.raises(Stale) as refused:
        uow.commit()
    assert [] == calls
    assert ("Ann", "Anna", 31) == (
        refused.value.base.name,
        refused.value.stored.name,
        refused.value.mine.age,
    )


def test_what_is_known_is_not_read_again(uow: UnitOfWork, calls: list[str]):
    """Loaded, added, deleted: nothing of them needs the store."""
    uow.get(User, 1)
    uow.add(User("New", id=9))
    uow.delete_by_key(User, 2)
    calls.clear()
    assert ["Ann", "New", None] == [
        found and found.name for found in (uow.get(User, key) for key in (1, 9, 2))
    ]
    assert [] == calls


def test_a_missing_key_is_read_again_each_time(store: Store, uow: UnitOfWork):
    """Somebody may have added it."""
    assert uow.get(User, 9) is None
    with store.unit() as other:
        other.add(User("New", id=9))
    assert "New" == uow.require(User, 9).name


def test_get_many_asks_once(uow: UnitOfWork, calls: list[str]):
    """In order, duplicates as the same object, None for the missing."""
    ann = uow.get(User, 1)
    calls.clear()
    found = uow.get_many(User, [2, 9, 1, 2])
    assert ["load"] == calls
    assert ["Bob", None, "Ann", "Bob"] == [each and each.name for each in found]
    assert (found[2] is ann, found[0] is found[3]) == (True, True)


def test_get_many_of_nothing_asks_nothing(uow: UnitOfWork, calls: list[str]):
    """Nor of what is known."""
    assert ([], []) == (uow.get_many(User, []), calls)


def test_require_names_what_is_missing(uow: UnitOfWork):
    """And the verb that answers None."""
    with pytest.raises(NotFound) as refused:
        uow.require(User, 9)
    assert "there is no User with key 9; get() answers None instead" == str(refused.value)
    assert 9 == refused.value.key


def test_get_by_sees_the_units_own_changes(uow: UnitOfWork):
    """Values given up and taken here."""
    ann = uow.require(User, 1)
    ann.email = "new@x"
    assert uow.get_by(Users.by_email, "ann@x") is None
    assert ann is uow.get_by(Users.by_email, "new@x")
    uow.delete(ann)
    assert uow.get_by(Users.by_email, "new@x") is None


def test_get_by_none_is_nobody(uow: UnitOfWork, calls: list[str]):
    """Many may have none."""
    assert uow.get_by(Users.by_email, None) is None
    assert [] == calls


def test_changes_are_listed_in_the_order_of_registration(uow: UnitOfWork, calls: list[str]):
    """Without I/O."""
    bob, ann = uow.get_many(User, [2, 1])
    new = uow.add(User("New"))
    ann.age = 31
    uow.delete(bob)
    uow.delete_by_key(User, 9)
    calls.clear()
    found = [(change.kind, change.obj, change.key) for change in uow.changes()]
    assert [("delete", bob, 2), ("update", ann, 1), ("insert", new, None), ("delete", None, 9)] == (
        found
    )
    assert [] == calls


@attrs.define
class _Note:
    text: str
    id: str | None = None


class _Notes(Mapper[_Note]):
    id = Key[str]()


def test_objects_are_held_for_the_life_of_the_unit():
    """And no longer."""
    unit = Store(MapperRegistry(_Notes)).unit()
    with unit:
        reference = weakref.ref(unit.add(_Note("a")))
        assert reference() is not None
    gc.collect()
    assert reference() is None


def test_an_object_is_plain_after_the_unit(store: Store):
    """It pickles, copies, and reads as before."""
    with store.unit() as unit:
        ann = unit.require(User, 1)
    for each in (ann, pickle.loads(pickle.dumps(ann)), copy.deepcopy(ann)):  # noqa: S301 - our own
        assert User("Ann", "ann@x", 30, ["a"], 1) == each


# --- registering (points 10 to 17) -----------------------------------------------------------


def test_adding_twice_has_no_effect(uow: UnitOfWork):
    """Nor has adding what was loaded."""
    new, ann = User("New"), uow.require(User, 1)
    for each in (new, new, ann):
        assert each is uow.add(each)
    assert ["insert"] == [change.kind for change in uow.changes()]


def test_add_is_insert_only(store: Store):
    """A key that is taken is a conflict at the commit, with what stands there."""
    with pytest.raises(AlreadyExists) as refused, store.unit() as unit:
        unit.add(User("Other", id=1))
    assert ("Ann", 1) == (refused.value.stored.name, refused.value.key)
    assert ["Ann", "Bob"] == names(store)


def test_add_all_adds_each(uow: UnitOfWork):
    """And gives them back as a list."""
    objs = [User("a"), User("b")]
    assert objs == uow.add_all(iter(objs))
    assert ["new", "new"] == [uow.state(each) for each in objs]


def test_many_with_keys_are_added_in_their_order(store: Store, calls: list[str]):
    """And found by their keys; one commit writes them all."""
    users = [User(f"New {key}", id=key) for key in range(10, 15)]
    with store.unit() as unit:
        calls.clear()
        assert users == unit.add_all(users)
        assert users[2] is unit.get(User, 12)
        assert users == [change.obj for change in unit.changes()]
    assert ["commit"] == calls
    assert ["Ann", "Bob", *(user.name for user in users)] == names(store)


def test_add_all_gives_a_list_of_its_own(uow: UnitOfWork):
    """To be changed by whoever asked."""
    users = [User("a", id=10), User("b", id=11)]
    assert uow.add_all(users) is not users


@pytest.mark.parametrize(
    ("last", "error"),
    [
        (User("b", id="x"), ValueRefused),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        (User("b", id=10), IdentityConflict),
        (object(), NotMapped),
    ],
    ids=["no key", "the same key", "no entity"],
)
def test_add_all_adds_those_before_the_one_that_is_refused(
    uow: UnitOfWork, last: Any, error: type[Exception]
):
    """As adding each of them does."""
    first = User("a", id=10)
    with pytest.raises(error):
        uow.add_all([first, last])
    assert ("new", 1) == (uow.state(first), len(uow.changes()))


def test_add_all_beside_others_takes_what_is_new(store: Store, uow: UnitOfWork):
    """What the unit has already stays, and another object under its key is refused."""
    first = uow.add(User("a", id=8))
    uow.add_all([first, User("b", id=9)])
    assert ["a", "b"] == [change.obj.name for change in uow.changes()]
    with pytest.raises(IdentityConflict):
        uow.add_all([User("c", id=9), User("d", id=10)])
    uow.add_all([User("e", id=11), User("f", id=12)])
    uow.commit()
    assert ["Ann", "Bob", "a", "b", "e", "f"] == names(store)


def test_add_all_takes_one_object_once(uow: UnitOfWork):
    """Also where it is known already, was deleted here, or takes the place of what was."""
    known, ann = uow.add(User("a", id=10)), uow.require(User, 1)
    uow.delete(ann)
    uow.delete_by_key(User, 2)
    twice, instead = User("b", id=11), User("c", id=2)
    uow.add_all([known, twice, twice])
    uow.add_all([ann])
    uow.add_all([instead])
    kinds = {change.obj.name: change.kind for change in uow.changes()}
    assert {"a": "insert", "b": "insert", "c": "put"} == kinds


def test_add_and_delete_cancel_out(uow: UnitOfWork, calls: list[str]):
    """Nothing is sent."""
    new = uow.add(User("New", id=9))
    uow.delete(new)
    assert "untracked" == uow.state(new)
    uow.commit()
    assert [] == calls


def test_delete_and_add_of_one_object_undo(uow: UnitOfWork):
    """Its changes stay."""
    ann = uow.require(User, 1)
    ann.age = 31
    uow.delete(ann)
    uow.add(ann)
    assert "dirty" == uow.state(ann)


def test_delete_and_add_under_one_key_is_a_replacement(store: Store):
    """What the first had and the second lacks is gone: fields, entries, claims."""
    with store.unit() as unit:
        unit.delete(unit.require(User, 1))
        unit.add(User("Another", id=1))
    assert User("Another", id=1) == store.get(User, 1)
    assert store.get_by(Users.by_email, "ann@x") is None
    assert 0 == store.query(Users).where(Users.age == 30).count()


def test_a_replacement_expects_the_version_that_was_deleted(store: Store, uow: UnitOfWork):
    """Somebody else's change is not lost."""
    uow.delete(uow.require(User, 1))
    uow.add(User("Another", id=1))
    edit_elsewhere(store, 1, age=31)
    with pytest.raises(Stale):
        uow.commit()


def test_a_key_set_after_add_makes_a_replacement_as_well(store: Store):
    """It counts as it stands at the commit."""
    with store.unit() as unit:
        unit.delete(unit.require(User, 1))
        unit.add(User("Another")).id = 1
    assert ["Another", "Bob"] == names(store)


def test_deleting_twice_has_no_effect(store: Store):
    """It is gone once."""
    with store.unit() as unit:
        ann = unit.require(User, 1)
        unit.delete(ann)
        unit.delete(ann)
        unit.delete_by_key(User, 1)
    assert ["Bob"] == names(store)


def test_a_deletion_expects_the_loaded_version(store: Store, uow: UnitOfWork):
    """What somebody else changed is not deleted unseen."""
    uow.delete(uow.require(User, 1))
    edit_elsewhere(store, 1, age=31)
    with pytest.raises(Stale) as refused:
        uow.commit()
    assert ("changed", None) == (refused.value.kind, refused.value.mine)


def test_deleting_what_is_gone_is_stale(store: Store, uow: UnitOfWork):
    """Somebody else was faster."""
    uow.delete(uow.require(User, 1))
    delete_elsewhere(store, 1)
    with pytest.raises(Stale) as refused:
        uow.commit()
    assert "gone" == refused.value.kind


def test_deleting_a_missing_key_is_silent(store: Store):
    """Nothing there is no error."""
    with store.unit() as unit:
        unit.delete_by_key(User, 9)
        unit.delete(User("Nobody", id=8))
    assert ["Ann", "Bob"] == names(store)


def test_deleting_by_key_frees_values(store: Store):
    """Without having seen the object."""
    with store.unit() as unit:
        unit.delete_by_key(User, 1)
        unit.add(User("New", "ann@x"))
    assert ["Bob", "New"] == names(store)


def test_a_deletion_writes_no_field(store: Store):
    """Whatever was changed before."""
    with store.unit() as unit:
        ann = unit.require(User, 1)
        ann.email = "bob@x"  # which is taken
        unit.delete(ann)
    assert ["Bob"] == names(store)


@pytest.mark.parametrize("key", [9, None])
def test_a_changed_key_is_refused(uow: UnitOfWork, calls: list[str], key: int | None):
    """Before anything is sent."""
    ann = uow.require(User, 1)
    ann.id = key
    calls.clear()
    with pytest.raises(KeyChanged) as refused:
        uow.commit()
    expected = (
        f"the key of User(1) was changed to {key!r}; delete the object and add one with the new key"
    )
    assert expected == str(refused.value)
    assert [] == calls


def test_put_inserts(store: Store):
    """Where nothing stands."""
    with store.unit() as unit:
        unit.put(User("New", id=9))
    assert ["Ann", "Bob", "New"] == names(store)


def test_put_writes_over(store: Store):
    """Fields that the object has not are gone."""
    with store.unit() as unit:
        unit.put(User("Another", id=1))
    assert User("Another", id=1) == store.get(User, 1)
    assert store.get_by(Users.by_email, "ann@x") is None


def test_put_of_an_equal_writes_nothing(store: Store, calls: list[str]):
    """It is read, found equal, and tracked as clean."""
    with store.unit() as unit:
        ann = unit.put(User("Ann", "ann@x", 30, ["a"], 1))
        unit.commit()
        assert "clean" == unit.state(ann)
        assert unit.version_of(ann) is not None
    assert ["load"] == calls


def test_put_over_a_version(store: Store):
    """Only over that one."""
    with store.unit() as unit:
        version = unit.version_of(unit.require(User, 1))
    with store.unit() as unit:
        unit.put(User("Anna", id=1), version=version)
    with pytest.raises(Stale) as refused, store.unit() as unit:
        unit.put(User("Annie", id=1), version=version)
    assert ("changed", "Anna") == (refused.value.kind, refused.value.stored.name)
    with pytest.raises(Stale) as refused, store.unit() as unit:
        unit.put(User("Annie", id=9), version=version)
    assert "gone" == refused.value.kind


def test_put_of_a_tracked_object_has_no_effect(uow: UnitOfWork):
    """Its version is known already."""
    ann = uow.require(User, 1)
    assert ann is uow.put(ann)
    assert "clean" == uow.state(ann)


def test_put_without_a_key_is_an_insert(store: Store):
    """It gets one."""
    with store.unit() as unit:
        new = unit.put(User("New"))
    assert 3 == new.id


def test_replace_takes_the_place(store: Store):
    """With the old one's base and version; the way to change a frozen object."""
    with store.unit() as unit:
        team = unit.add(Team("A", "t"))
    with store.unit() as unit:
        old = unit.require(Team, "t")
        new = unit.replace(old, attrs.evolve(old, name="B"))
        assert ["untracked", "dirty"] == [unit.state(each) for each in (old, new)]
        assert new is unit.get(Team, "t")
        assert new is unit.query(Teams).first()
    assert Team("B", "t") == store.get(Team, "t")
    assert "A" == team.name


def test_replacing_by_an_equal_is_clean(uow: UnitOfWork, calls: list[str]):
    """Nothing is sent."""
    ann = uow.require(User, 1)
    new = uow.replace(ann, attrs.evolve(ann))
    assert "clean" == uow.state(new)
    calls.clear()
    uow.commit()
    assert [] == calls


def test_a_chain_of_replacements_is_written_once(store: Store, calls: list[str]):
    """As the last one stands."""
    with store.unit() as unit:
        ann = unit.require(User, 1)
        second = unit.replace(ann, attrs.evolve(ann, age=31))
        unit.replace(second, attrs.evolve(second, age=32))
        calls.clear()
    assert ["commit"] == calls
    assert 32 == store.require(User, 1).age


def test_replacing_there_and_back(store: Store):
    """The first one is tracked again, and may be changed."""
    with store.unit() as unit:
        ann = unit.require(User, 1)
        other = unit.replace(ann, attrs.evolve(ann))
        unit.replace(other, ann).age = 33
    assert 33 == store.require(User, 1).age


def test_replacing_a_new_object_stays_new(store: Store):
    """It is inserted as it stands."""
    with store.unit() as unit:
        first = unit.add(User("First"))
        second = unit.replace(first, User("Second"))
        assert "new" == unit.state(second)
    assert ["Ann", "Bob", "Second"] == names(store)
    assert (None, 3) == (first.id, second.id)


def test_a_superseded_object_changed_afterwards_is_an_error(uow: UnitOfWork):
    """Not a silent loss."""
    ann = uow.require(User, 1)
    uow.replace(ann, attrs.evolve(ann, age=31))
    ann.name = "lost"
    with pytest.raises(UnitError) as refused:
        uow.commit()
    expected = (
        "User(1): the object was changed after it was replaced; change the one that replaced it"
    )
    assert expected == str(refused.value)


def test_untrack_forgets(store: Store):
    """The object and its pending change."""
    with store.unit() as unit:
        ann, new = unit.require(User, 1), unit.add(User("New"))
        ann.age = 31
        unit.untrack(ann)
        unit.untrack(new)
        unit.untrack(User("Never seen"))
        assert [] == unit.changes()
        assert ann is not unit.get(User, 1)
    assert ["Ann", "Bob"] == names(store)


def test_untrack_leaves_a_deletion_that_was_said_before(store: Store):
    """It was another call."""
    with store.unit() as unit:
        unit.delete(unit.require(User, 1))
        unit.untrack(unit.add(User("Another", id=1)))
    assert ["Bob"] == names(store)


def test_an_object_is_in_a_unit(uow: UnitOfWork):
    """As long as it is tracked and not deleted."""
    ann = uow.require(User, 1)
    assert (True, False) == (ann in uow, User("Ann") in uow)
    uow.delete(ann)
    assert ann not in uow


# --- keys ------------------------------------------------------------------------------------


def test_numbers_are_set_once_the_commit_has_landed(store: Store):
    """In the order of add; not before."""
    with store.unit() as unit:
        new = unit.add_all([User("a"), User("b")])
        assert [None, None] == [each.id for each in new]
        unit.commit()
        assert [3, 4] == [each.id for each in new]
        assert new[0] is unit.get(User, 3)


def test_no_number_is_set_by_a_commit_that_failed(store: Store):
    """Nothing in memory has moved."""
    new = User("New", "ann@x")
    with pytest.raises(Taken), store.unit() as unit:
        unit.add(new)
    assert new.id is None


def test_a_key_given_by_hand_is_kept_and_moves_the_sequence(store: Store):
    """The next number is above it."""
    with store.unit() as unit:
        unit.add(User("Hand", id=50))
    with store.unit() as unit:
        new = unit.add(User("New"))
    assert 51 == new.id


@pytest.mark.parametrize("turn", [1, -1], ids=["hand first", "sequence first"])
def test_a_number_never_collides_with_a_key_of_the_same_unit(turn: int):
    """Whichever came first, both are stored."""
    store = Store(MapperRegistry(Users))
    users = [User("Hand", id=1), User("Sequence")][::turn]
    with store.unit() as unit:
        unit.add_all(users)
    assert {1: "Hand", 2: "Sequence"} == {user.id: user.name for user in store.query(Users)}


def test_a_number_that_somebody_took_by_hand_is_not_insisted_on():
    """Nor are those that were taken off the sequence with it: the next attempt asks for others."""
    watching = Watching()
    store, other = (Store(MapperRegistry(Users), strategy=watching) for _ in range(2))
    for name in "abcd":  # by now numbers up to 7 are at hand
        with store.unit() as unit:
            unit.add(User(name))
    with other.unit() as unit:
        unit.add_all([User(f"hand {key}", id=key) for key in (5, 6, 7)])
    watching.calls.clear()
    with store.unit() as unit:
        new = unit.add(User("e"))
    assert (8, ["commit", "allocate", "commit"]) == (new.id, watching.calls)


def test_text_keys_are_set_by_add():
    """Different ones."""
    with Store(MapperRegistry(_Notes)).unit() as unit:
        assert 3 == len({unit.add(_Note("a")).id for _ in range(3)} - {None})


def test_a_frozen_object_brings_its_key(store: Store):
    """Which a store makes."""
    with store.unit() as unit:
        with pytest.raises(UnitError, match=r"store\.new_key\(Teams\)"):
            unit.add(Team("A"))
        team = unit.add(Team("A", store.new_key(Teams)))
    assert team == store.get(Team, team.id)


# --- commit ----------------------------------------------------------------------------------


def test_a_clean_exit_commits_once(store: Store, calls: list[str]):
    """Everything in one call."""
    with store.unit() as unit:
        unit.require(User, 1).age = 31
        unit.add(User("New", id=9))
        unit.delete(unit.require(User, 2))
        calls.clear()
    assert ["commit"] == calls
    assert ["Ann", "New"] == names(store)


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_exception_discards_and_passes_unchanged(store: Store, failure: type[BaseException]):
    """Whatever it is."""
    error = failure("mine")

    def fail(unit: UnitOfWork) -> None:
        unit.add(User("New"))
        raise error

    with pytest.raises(failure) as raised, store.unit() as unit:
        fail(unit)
    assert error is raised.value
    assert ["Ann", "Bob"] == names(store)


def test_a_commit_in_the_middle_makes_two_atoms(store: Store):
    """Objects stay tracked, with new versions."""
    with store.unit() as unit:
        ann = unit.require(User, 1)
        before = unit.version_of(ann)
        ann.age = 31
        unit.commit()
        assert unit.version_of(ann) not in (None, before)
        assert ann is unit.get(User, 1)
        ann.age = 32
        unit.rollback()
    assert 31 == store.require(User, 1).age


def test_a_deletion_by_key_is_done_once(store: Store):
    """What somebody adds afterwards is not deleted by the next commit."""
    with store.unit() as unit:
        unit.delete_by_key(User, 1)
        unit.commit()
        with store.unit() as other:
            other.add(User("New", id=1))
        assert "New" == unit.require(User, 1).name
    assert ["New", "Bob"] == names(store)


def test_every_violation_is_reported(store: Store, uow: UnitOfWork):
    """The one that is raised is the first of them."""
    uow.require(User, 2).age = 41
    uow.add(User("Other", id=1))
    uow.add(User("Third", "ann@x"))
    edit_elsewhere(store, 2, name="Rob")
    with pytest.raises(Conflict) as refused:
        uow.commit()
    found = [type(each) for each in refused.value.violations]
    assert {Stale, AlreadyExists, Taken} == set(found)
    assert refused.value is refused.value.violations[0]


def test_after_a_conflict_the_unit_is_mended(store: Store):
    """Nothing was written, nothing has moved: mend, and commit again."""
    with store.unit() as unit:
        new = unit.add(User("New", "ann@x"))
        ann = unit.require(User, 1)
        ann.age = 31
        with pytest.raises(Taken) as refused:
            unit.commit()
        assert (new, 1) == (refused.value.obj, refused.value.owner)
        assert ["new", "dirty"] == [unit.state(each) for each in (new, ann)]
        assert 30 == store.require(User, 1).age
        new.email = "new@x"
    assert [31, 40, None] == [user.age for user in store.query(Users)]


def test_two_claims_of_one_value_are_found_before_sending(uow: UnitOfWork, calls: list[str]):
    """Each that can not have it is told which object has."""
    first, second = uow.add_all([User("a", "x@x", id=8), User("b", "x@x", id=9)])
    with pytest.raises(Taken) as refused:
        uow.commit()
    assert [] == calls
    assert (second, 8) == (refused.value.obj, refused.value.owner)
    assert "new" == uow.state(first)


def test_a_claim_of_many_that_is_taken_names_its_object(store: Store):
    """And all others stay new."""
    users = [User("a", "a@x", id=8), User("b", "ann@x", id=9), User("c", "c@x", id=10)]
    with pytest.raises(Taken) as refused, store.unit() as unit:
        unit.add_all(users)
    assert (users[1], 1) == (refused.value.obj, refused.value.owner)
    assert ["Ann", "Bob"] == names(store)


def test_a_commit_of_many_that_was_refused_can_be_mended(store: Store):
    """In the same unit, where nothing has moved; afterwards all are as they were loaded."""
    with store.unit() as unit:
        ann, bob = unit.get_many(User, [1, 2])
        new = unit.add(User("c", "ann@x", id=9))
        bob.age = 41
        with pytest.raises(Taken):
            unit.commit()
        assert ["new", "dirty", "clean"] == [unit.state(each) for each in (new, bob, ann)]
        unit.delete(ann)
        unit.commit()
        assert ["clean", "clean", "untracked"] == [unit.state(each) for each in (new, bob, ann)]
        bob.age, new.age = 42, 1
    assert {"Bob": 42, "c": 1} == {user.name: user.age for user in store.query(Users)}


def test_of_many_that_are_looked_at_those_that_changed_are_written(store: Store):
    """An equal object in place of another is no change."""
    with store.unit() as unit:
        ann, bob = unit.get_many(User, [1, 2])
        ann.name, bob.age = "".join(list(ann.name)), 41
        before = unit.version_of(ann)
        unit.commit()
        assert before == unit.version_of(ann)
        assert before != unit.version_of(bob)


def test_many_that_are_as_they_were_send_nothing(store: Store, calls: list[str]):
    """Whatever has been set."""
    with store.unit() as unit:
        for user in unit.get_many(User, [1, 2]):
            user.name = "".join(list(user.name))
        calls.clear()
    assert [] == calls


def test_values_are_swapped(store: Store):
    """Between two in one commit."""
    with store.unit() as unit:
        ann, bob = unit.get_many(User, [1, 2])
        ann.email, bob.email = bob.email, ann.email
    assert "Bob" == store.get_by(Users.by_email, "ann@x").name
    assert "Ann" == store.get_by(Users.by_email, "bob@x").name


def test_a_value_is_taken_over_from_a_deleted_one(store: Store):
    """In one commit."""
    with store.unit() as unit:
        unit.delete(unit.require(User, 1))
        unit.add(User("New", "ann@x"))
    assert "New" == store.get_by(Users.by_email, "ann@x").name


def test_a_value_that_can_not_be_stored_is_refused(uow: UnitOfWork, calls: list[str]):
    """By its path, before any I/O; the unit stays usable."""
    ann = uow.require(User, 1)
    ann.age = "old"
    calls.clear()
    with pytest.raises(ValueRefused, match=r"^User\(1\)\.age: 'old' is str, int expected$"):
        uow.commit()
    ann.age = 31
    uow.commit()
    assert ["commit"] == calls


def test_stale_says_base_mine_and_stored(store: Store, uow: UnitOfWork):
    """The three that a merge needs."""
    ann = uow.require(User, 1)
    ann.age = 31
    edit_elsewhere(store, 1, age=32)
    with pytest.raises(Stale) as refused:
        uow.commit()
    error = refused.value
    assert (30, 31, 32) == (error.base.age, error.mine.age, error.stored.age)
    assert ann is error.obj


def test_deleted_and_added_again_by_somebody_else_is_stale(store: Store, uow: UnitOfWork):
    """Even as its equal: versions are tokens."""
    uow.require(User, 1).age = 31
    copied = store.require(User, 1)
    delete_elsewhere(store, 1)
    with store.unit() as other:
        other.add(copied)
    with pytest.raises(Stale):
        uow.commit()


# --- the life of a unit ----------------------------------------------------------------------


VERBS: dict[str, Callable[[UnitOfWork], object]] = {
    "add": lambda unit: unit.add(User("a")),
    "add_all": lambda unit: unit.add_all([User("a")]),
    "put": lambda unit: unit.put(User("a")),
    "replace": lambda unit: unit.replace(User("a"), User("b")),
    "delete": lambda unit: unit.delete(User("a", id=1)),
    "delete_by_key": lambda unit: unit.delete_by_key(User, 1),
    "untrack": lambda unit: unit.untrack(User("a")),
    "state": lambda unit: unit.state(User("a")),
    "changes": lambda unit: unit.changes(),
    "version_of": lambda unit: unit.version_of(User("a")),
    "get": lambda unit: unit.get(User, 1),
    "require": lambda unit: unit.require(User, 1),
    "get_many": lambda unit: unit.get_many(User, [1]),
    "get_by": lambda unit: unit.get_by(Users.by_email, "a"),
    "query": lambda unit: unit.query(Users).all(),
    "refresh": lambda unit: unit.refresh(User("a")),
    "commit": lambda unit: unit.commit(),
    "rollback": lambda unit: unit.rollback(),
}
WRITING = ("add", "add_all", "put", "replace", "delete", "delete_by_key", "commit")


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_outside_the_block_is_refused(store: Store, verb: str):
    """By its name; before the block and after it."""
    unit = store.unit()
    for _ in range(2):
        with pytest.raises(UnitClosed) as refused:
            VERBS[verb](unit)
        name = "add" if verb == "add_all" else verb
        expected = f"{name}() outside the unit's block; call it inside `with unit:`"
        assert expected == str(refused.value)
        with unit:
            pass


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_during_another_is_refused(uow: UnitOfWork, verb: str):
    """A unit is for one task."""
    flow = uow._exclusive("get", iter([None]))
    next(flow)
    with pytest.raises(ConcurrentUse, match="while another call on this unit is under way"):
        VERBS[verb](uow)
    flow.close()
    uow.changes()


@pytest.mark.parametrize("verb", WRITING)
def test_a_read_only_unit_refuses_writing_verbs(store: Store, verb: str):
    """By their names."""
    with store.unit(read_only=True) as unit, pytest.raises(ReadOnlyUnit) as refused:
        VERBS[verb](unit)
    name = "add" if verb == "add_all" else verb
    assert f"{name}() on a read-only unit; use store.unit()" == str(refused.value)


def test_a_read_only_unit_reads(store: Store, calls: list[str]):
    """It keeps identity, and writes nothing."""
    with store.unit(read_only=True) as unit:
        ann = unit.require(User, 1)
        assert ann is unit.query(Users).first()
        ann.age = 31
        calls.clear()
    assert [] == calls
    assert 30 == store.require(User, 1).age


def test_entering_an_active_unit_is_refused(uow: UnitOfWork):
    """The block it is in goes on."""
    with pytest.raises(UnitActive) as refused, uow:
        pass
    expected = "this unit is inside a block already; use another: store.unit()"
    assert expected == str(refused.value)
    uow.changes()


def test_a_unit_is_used_for_many_blocks(store: Store):
    """Each starts empty."""
    unit = store.unit()
    with unit:
        ann = unit.require(User, 1)
    with unit:
        assert ann not in unit
        assert ann is not unit.require(User, 1)


def test_a_unit_is_used_again_after_a_failure(store: Store):
    """As after a success."""
    unit = store.unit()
    with pytest.raises(Taken), unit:
        unit.add(User("New", "ann@x"))
    with unit:
        assert [] == unit.changes()


def test_rollback_empties_the_unit(uow: UnitOfWork, calls: list[str]):
    """Objects stay as they are; it may be said twice."""
    ann = uow.require(User, 1)
    ann.age = 31
    uow.delete_by_key(User, 2)
    uow.rollback()
    uow.rollback()
    assert ("untracked", 31, []) == (uow.state(ann), ann.age, uow.changes())
    calls.clear()
    uow.commit()
    assert [] == calls


def test_an_explicit_unit_discards_and_warns(store: Store):
    """What was not committed by hand."""
    unit = store.unit(commit="explicit")

    def work() -> None:
        with unit:
            unit.add(User("Kept"))
            unit.commit()
            unit.add(User("Lost"))

    with pytest.warns(UserWarning, match="discards 1 changes") as warned:
        work()
    assert ["Ann", "Bob", "Kept"] == names(store)
    assert __file__ == warned[0].filename


def test_an_explicit_unit_does_not_warn_of_nothing(store: Store):
    """All was committed, or nothing was to be."""
    with store.unit(commit="explicit") as unit:
        unit.add(User("Kept"))
        unit.commit()


def _readings(store: Store, unit: UnitBase) -> list[Any]:
    """One after the other, on a unit for readings without a unit."""
    asked = store.query(Users)._asked
    return [
        drive(flow).result
        for flow in (
            unit._reading.get(User, 1),
            unit._reading.get_many(User, [1, 2, 3]),
            unit._reading.get_by(Users.by_email, "ann@x"),
            unit._reading.find(asked),
        )
    ]


def test_a_reading_without_a_unit_keeps_nothing(store: Store):
    """Each one makes its objects anew."""
    unit = store._door
    one, (ann, bob, nobody), owner, found = _readings(store, unit)
    assert [ann, bob, ann, ann, None] == [one, found[1], owner, found[0], nobody]
    assert 4 == len({id(each) for each in (one, ann, owner, found[0])})
    assert ([], False) == (list(unit._map), unit._map.knows_any)


def test_a_key_asked_for_twice_without_a_unit_is_one_object(store: Store, calls: list[str]):
    """It is read once."""
    first, second, _ = store.get_many(User, [1, 1, 2])
    assert first is second
    assert ["load"] == calls


def test_a_unit_is_neither_pickled_nor_copied(uow: UnitOfWork):
    """By name."""
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="UnitOfWork can not be pickled or copied"):
            attempt(uow)


# --- wrong use -------------------------------------------------------------------------------

TAKE_OBJECTS = ("add", "put", "delete", "refresh", "version_of")
TAKE_CLASSES = ("get", "require", "get_many", "delete_by_key")


@pytest.mark.parametrize("verb", TAKE_OBJECTS)
@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (None, "NoneType has no mapper in this registry; mapped are: Team, User"),
        (7, "int has no mapper in this registry; mapped are: Team, User"),
        (User, "User is a class; pass an object of it"),
        (
            Admin("a"),
            (
                "Admin has no mapper in this registry; "
                "its base User has one, but a subclass needs its own"
            ),
        ),
    ],
    ids=["None", "int", "class", "subclass"],
)
def test_a_verb_takes_an_object_of_a_mapped_class(
    uow: UnitOfWork, verb: str, thing: Any, message: str
):
    """At once; naming the nearest class that is mapped."""
    with pytest.raises(NotMapped) as refused:
        getattr(uow, verb)(thing)
    assert message == str(refused.value)


@pytest.mark.parametrize("verb", [*TAKE_CLASSES, "query"])
@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (None, "None is not a class; pass a domain class or its mapper"),
        (int, "int has no mapper in this registry; mapped are: Team, User"),
        (
            Admin,
            (
                "Admin has no mapper in this registry; "
                "its base User has one, but a subclass needs its own"
            ),
        ),
    ],
    ids=["None", "int", "subclass"],
)
def test_a_verb_takes_a_mapped_class(uow: UnitOfWork, verb: str, thing: Any, message: str):
    """At once; naming the nearest one."""
    arguments = [thing] if verb == "query" else [thing, [1] if verb == "get_many" else 1]
    with pytest.raises(NotMapped) as refused:
        getattr(uow, verb)(*arguments)
    assert message == str(refused.value)


@pytest.mark.parametrize("verb", TAKE_CLASSES)
def test_a_verb_takes_keys_of_the_right_type(uow: UnitOfWork, verb: str):
    """Text is no number."""
    with pytest.raises(ValueRefused, match=r"^User key: '1' is str, int expected$"):
        getattr(uow, verb)(User, ["1"] if verb == "get_many" else "1")


def test_adding_under_a_tracked_key_is_refused(uow: UnitOfWork):
    """At once; the message names replace."""
    uow.require(User, 1)
    for verb in (uow.add, uow.put):
        with pytest.raises(IdentityConflict, match=r"say replace\(old, new\)$"):
            verb(User("Other", id=1))


def test_a_key_set_to_a_tracked_one_is_refused(uow: UnitOfWork):
    """At each commit, until it is mended."""
    ann, new = uow.require(User, 1), uow.add(User("New"))
    ann.age, new.id = 31, 1
    for _ in range(2):
        with pytest.raises(IdentityConflict):
            uow.commit()
    new.id = 9
    uow.commit()
    assert ["clean", "clean"] == [uow.state(each) for each in (ann, new)]


@pytest.mark.parametrize("verb", ["replace", "refresh", "version_of"])
def test_a_verb_for_tracked_objects_refuses_others(uow: UnitOfWork, verb: str):
    """By its name."""
    arguments = [User("a"), User("b")] if verb == "replace" else [User("a")]
    with pytest.raises(UnitError) as refused:
        getattr(uow, verb)(*arguments)
    assert f"{verb}: this User is not tracked by this unit; add or get it" == str(refused.value)


@pytest.mark.parametrize("verb", ["replace", "refresh", "version_of", "delete"])
def test_a_verb_refuses_what_was_replaced(uow: UnitOfWork, verb: str):
    """The one that replaced it is meant."""
    ann = uow.require(User, 1)
    uow.replace(ann, attrs.evolve(ann))
    with pytest.raises(UnitError) as refused:
        getattr(uow, verb)(*[ann, User("b")][: 2 if verb == "replace" else 1])
    assert f"{verb}: this object of User was replaced by another" == str(refused.value)


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (Team("A", "t"), "replace: User(1) is not replaced by a Team"),
        (
            User("b", id=2),
            (
                "replace: the new object's key is 2, but it shall replace User(1); "
                "delete that, and add the new one"
            ),
        ),
        (
            User("b"),
            (
                "replace: the new object's key is None, but it shall replace User(1); "
                "delete that, and add the new one"
            ),
        ),
    ],
    ids=["class", "key", "no key"],
)
def test_replace_takes_another_of_the_same_entity(uow: UnitOfWork, new: Any, message: str):
    """The same class, the same key."""
    with pytest.raises(UnitError) as refused:
        uow.replace(uow.require(User, 1), new)
    assert message == str(refused.value)


def test_replace_does_not_take_a_tracked_object(uow: UnitOfWork):
    """It has a place already."""
    ann, bob = uow.get_many(User, [1, 2])
    with pytest.raises(UnitError, match=r"the new object of User\(1\) is tracked already$"):
        uow.replace(ann, bob)


def test_replace_does_not_take_the_place_of_a_deleted_object(uow: UnitOfWork):
    """The new one would be lost."""
    ann = uow.require(User, 1)
    uow.delete(ann)
    with pytest.raises(UnitError, match=r"was deleted here; add\(new\) takes its place$"):
        uow.replace(ann, attrs.evolve(ann))


def test_an_object_without_a_key_that_was_not_loaded_is_not_deleted(uow: UnitOfWork):
    """There is nothing to delete by."""
    with pytest.raises(UnitError) as refused:
        uow.delete(User("a"))
    assert "delete: this User has no key and was not loaded here" == str(refused.value)


def test_get_by_takes_a_unique(uow: UnitOfWork):
    """Of a mapper."""
    with pytest.raises(QueryError, match=r"^get_by takes a Unique of a mapper"):
        uow.get_by(Users.by_age, 30)


# --- refresh ---------------------------------------------------------------------------------


def test_refresh_loads_anew(store: Store, uow: UnitOfWork):
    """Over what was changed here."""
    ann = uow.require(User, 1)
    ann.age = 31
    edit_elsewhere(store, 1, name="Anna")
    uow.refresh(ann)
    assert (User("Anna", "ann@x", 30, ["a"], 1), "clean") == (ann, uow.state(ann))
    ann.age = 32
    uow.commit()


def test_refresh_does_not_hide_a_changed_key(uow: UnitOfWork):
    """It is no attribute that is loaded anew; so the commit still refuses it."""
    ann = uow.require(User, 1)
    ann.id = 7_000
    uow.refresh(ann)
    ann.age = 31
    with pytest.raises(KeyChanged, match=r"^the key of User\(1\) was changed to 7000"):
        uow.commit()


def test_refresh_of_what_is_gone(store: Store, uow: UnitOfWork):
    """Is an error."""
    ann = uow.require(User, 1)
    delete_elsewhere(store, 1)
    with pytest.raises(NotFound, match="there is no User with key 1"):
        uow.refresh(ann)


def test_refresh_of_a_new_object_is_refused(uow: UnitOfWork):
    """There is nothing to read."""
    with pytest.raises(UnitError, match=r"User\(9\) is new: there is nothing stored to read$"):
        uow.refresh(uow.add(User("New", id=9)))


def test_refresh_of_a_frozen_object_is_refused(store: Store):
    """It can not be changed."""
    with store.unit() as unit:
        team = unit.add(Team("A", "t"))
        unit.commit()
        with pytest.raises(UnitError, match=r"Team\('t'\) is frozen; get it in another unit$"):
            unit.refresh(team)


@attrs.define
class _Range:
    low: int = attrs.field()
    high: int
    id: int | None = None

    @low.validator
    def _low(self, _: Any, value: int) -> None:
        if value > getattr(self, "high", value):
            raise ValueError


class _Ranges(Mapper[_Range]):
    id = Key[int]()


def test_refresh_asks_no_validator():
    """Those of a fresh object have agreed already; half of it could not stand."""
    store = Store(MapperRegistry(_Ranges))
    with store.unit() as unit:
        unit.add(_Range(1, 2))
    with store.unit() as unit:
        mine = unit.require(_Range, 1)
        with store.unit() as other:
            other.put(_Range(10, 20, 1))
        unit.refresh(mine)
        assert _Range(10, 20, 1) == mine


# --- policies (points 35 to 38) --------------------------------------------------------------


def policed(policy: str) -> Store:
    """Ann, under a policy."""

    class Policed(Mapper[User], conflict=policy):
        id = Key[int]()
        name = Field[str]()
        email = Field[str | None]()
        age = Field[int | None]()
        by_email = Unique(email)
        by_age = Ordered(age, name)

    store = Store(MapperRegistry(Policed))
    with store.unit() as unit:
        unit.add(User("Ann", "ann@x", 30))
    return store


def meet(store: Store, mine: dict[str, Any], theirs: dict[str, Any]) -> User:
    """Two edit Ann at once; what is stored afterwards."""
    with store.unit() as unit:
        ann = unit.require(User, 1)
        edit_elsewhere(store, 1, **theirs)
        for name, value in mine.items():
            setattr(ann, name, value)
    return store.require(User, 1)


def test_fields_lets_disjoint_edits_land():
    """Both of them."""
    found = meet(policed("fields"), {"email": "new@x"}, {"age": 31})
    assert User("Ann", "new@x", 31, id=1) == found


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ({"email": "a@x"}, {"email": "b@x"}),
        ({"email": None}, {"email": "b@x"}),
        ({"email": "a@x"}, {"email": None}),
        ({"age": 31}, {"name": "Anna"}),
        ({"tags": ["a"]}, {"tags": ["b"]}),
    ],
    ids=["same", "to None", "from None", "same index", "nested"],
)
def test_fields_refuses_overlapping_edits(mine: dict[str, Any], theirs: dict[str, Any]):
    """The fields of an index that changes count as read."""
    with pytest.raises(Stale) as refused:
        meet(policed("fields"), mine, theirs)
    assert "changed" == refused.value.kind


def test_fields_never_puts_an_old_value_back():
    """Neither into the record, nor into an index, nor as a claim."""
    store = policed("fields")
    meet(store, {"tags": ["x"]}, {"email": "new@x", "age": 31})
    found = store.require(User, 1)
    assert ("new@x", 31, ["x"]) == (found.email, found.age, found.tags)
    with store.unit() as unit:
        unit.add(User("Other", "ann@x"))


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        ({"age": 31}, {"age": 32}, User("Ann", "ann@x", 31, id=1)),
        ({"age": 31}, {"name": "Anna"}, User("Anna", "ann@x", 31, id=1)),
    ],
    ids=["same", "other"],
)
def test_overwrite_lets_the_last_one_win(
    mine: dict[str, Any], theirs: dict[str, Any], expected: User
):
    """In the fields that it changed."""
    assert expected == meet(policed("overwrite"), mine, theirs)


def test_overwrite_keeps_claims_right():
    """The value that somebody else gave up is free, mine is taken."""
    store = policed("overwrite")
    meet(store, {"email": "mine@x"}, {"email": "theirs@x"})
    with store.unit() as unit:
        unit.add_all([User("b", "theirs@x"), User("c", "ann@x")])
    with pytest.raises(Taken), store.unit() as unit:
        unit.add(User("d", "mine@x"))


# --- transact --------------------------------------------------------------------------------


def test_transact_commits_and_answers(store: Store):
    """What the function answers."""

    def older(unit: UnitOfWork) -> int | None:
        ann = unit.require(User, 1)
        ann.age = 31
        return ann.age

    assert 31 == store.transact(older)
    assert 31 == store.require(User, 1).age


def test_transact_runs_again_after_stale(store: Store):
    """With a fresh unit."""
    units = []

    def older(unit: UnitOfWork) -> None:
        ann = unit.require(User, 1)
        if not units:
            edit_elsewhere(store, 1, age=50)
        units.append(unit)
        ann.age = (ann.age or 0) + 1

    store.transact(older)
    assert 51 == store.require(User, 1).age
    assert units[0] is not units[1]


def test_transact_gives_up(store: Store):
    """After so many attempts, with the last conflict."""
    runs = []

    def older(unit: UnitOfWork) -> None:
        ann = unit.require(User, 1)
        edit_elsewhere(store, 1, age=50 + len(runs))
        runs.append(unit)
        ann.age = 0

    with pytest.raises(Stale):
        store.transact(older, attempts=3)
    assert 3 == len(runs)


def test_transact_raises_the_same_taken_twice(store: Store):
    """It is there to stay."""
    runs = []

    def add(unit: UnitOfWork) -> None:
        runs.append(unit)
        unit.add(User("New", "ann@x"))

    with pytest.raises(Taken):
        store.transact(add)
    assert 2 == len(runs)


def test_transact_passes_other_errors(store: Store):
    """At once; nothing is written."""

    def fail(unit: UnitOfWork) -> None:
        unit.add(User("New"))
        raise ValueError("mine")  # noqa: EM101 - a literal is clearer here

    with pytest.raises(ValueError, match="mine"):
        store.transact(fail)
    assert ["Ann", "Bob"] == names(store)


# --- put over a version, and what is not asked well ----------------------------------------------


@pytest.mark.parametrize("version", [5, b"x", "\ud800"], ids=["int", "bytes", "surrogate"])
def test_a_version_is_text(store: Store, version: Any):
    """As `version_of` answers it; refused by `put`."""
    with (
        store.unit() as unit,
        pytest.raises(UnitError, match=r"put\(version=.*: a version is text"),
    ):
        unit.put(User("Ann", id=1), version=version)


def test_a_version_is_that_of_something_with_a_key(store: Store):
    """What has no key yet is not stored in any."""
    team = Team("Team")
    with store.unit() as unit:
        for obj in (User("Ann"), team):
            with pytest.raises(UnitError, match="has no key to be stored under"):
                unit.put(obj, version="v")
            assert obj not in unit


@pytest.mark.parametrize("keys", ["12", b"12", 7, None], ids=repr)
def test_get_many_takes_several_keys(store: Store, keys: Any):
    """A text is not taken for its characters."""
    with pytest.raises(
        QueryError, match=r"get_many takes several keys: get_many\(Team, \[\.\.\.\]\)"
    ):
        store.get_many(Team, keys)


def test_an_explicit_unit_warns_of_what_can_not_be_stored(store: Store):
    """It is discarded as the rest is; no error tells of a commit that nobody asked for."""
    unit = store.unit(commit="explicit")

    def discard() -> None:
        with unit:
            unit.add(User("\ud800"))
            unit.require(User, 1).tags = "ab"
            unit.delete_by_key(User, 2)

    with pytest.warns(UserWarning, match="discards 3 changes"):
        discard()


def test_the_changes_of_an_object_with_an_unset_attribute(store: Store):
    """They can be looked at; NOTHING stands for the value."""
    ann = User("Ann")
    del ann.age
    with store.unit(commit="explicit") as unit:
        unit.add(ann)
        assert (None, attrs.NOTHING) == unit.changes()[0].fields["age"]
        unit.rollback()
