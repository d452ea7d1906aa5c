"""What was only read and must stay as it was, get-or-add, and sizes: points 24, 34 and 39."""
# ruff: noqa: PT012 - a unit of work fails where its block ends

from __future__ import annotations

from typing import Any

import attrs
import pytest

from redmapper.errors import (
    Conflict,
    NotMapped,
    QueryError,
    ReadOnlyUnit,
    Stale,
    Taken,
    UnitClosed,
    UnitError,
    UnitTooLarge,
)
from redmapper.faces.sync.unit import UnitOfWork
from redmapper.mapping.fields import Field, Key
from redmapper.mapping.indexes import Unique
from redmapper.mapping.mapper import Mapper
from redmapper.mapping.registry import MapperRegistry
from redmapper.testing.conformance.entities import (
    POLICIES,
    REGISTRY,
    Team,
    Traffic,
    User,
    Users,
    names,
    save,
)
from redmapper.testing.conformance.faces import OpenStore
from redmapper.work import flush

EVERY_POLICY = pytest.mark.parametrize("policy", POLICIES)


@attrs.define
class Doctor:
    """Somebody must be on call."""

    name: str
    on_call: bool = True


class Doctors(Mapper[Doctor]):
    """Its mapper."""

    name = Key[str]()


@attrs.define
class Sealed:
    """What logs and messages must not show."""

    id: int
    secret: str = attrs.field(repr=False)
    note: str | None = None


class SealedByFields(Mapper[Sealed], conflict="fields"):
    """Its mapper: a guard compares the fields."""

    id = Key[int]()


@attrs.define
class Pair:
    """Two values that are unique together, also where one is None."""

    left: str | None
    right: str | None
    id: int | None = None


class Pairs(Mapper[Pair]):
    """Its mapper."""

    id = Key[int]()
    left = Field[str | None]()
    right = Field[str | None]()

    by_both = Unique(left, right, nulls=True)


DOCTORS = MapperRegistry(Doctors)
SEALED = MapperRegistry(SealedByFields)
PAIRS = MapperRegistry(Pairs)


def leave(uow: UnitOfWork, mine: str, other: str) -> Doctor:
    """Go off call, since the other one is there; the other one, as it was read."""
    colleague = uow.require(Doctor, other)
    assert colleague.on_call
    uow.require(Doctor, mine).on_call = False
    return colleague


class TestGuard:
    """`guard(obj)`: the commit fails where an object that was only read has changed or gone."""

    def test_without_it_a_write_skew_is_possible(self, open_store: OpenStore) -> None:
        """39: each of two doctors goes, because the other one is there; then nobody is."""
        store = open_store(DOCTORS)
        save(store, Doctor("Ann"), Doctor("Bob"))
        with store.unit() as mine:
            leave(mine, "Ann", "Bob")
            with store.unit() as theirs:
                leave(theirs, "Bob", "Ann")
        assert [False, False] == [each.on_call for each in store.query(Doctor)]

    def test_with_it_the_second_one_fails(self, open_store: OpenStore) -> None:
        """39: what it has read is no longer true, and the error says so."""
        store = open_store(DOCTORS)
        save(store, Doctor("Ann"), Doctor("Bob"))
        with (
            pytest.raises(Stale, match=r"Doctor\('Bob'\) was changed") as refused,
            store.unit() as mine,
        ):
            mine.guard(leave(mine, "Ann", "Bob"))
            with store.unit() as theirs:
                theirs.guard(leave(theirs, "Bob", "Ann"))
        error = refused.value
        assert ("changed", "Bob") == (error.kind, error.key)
        assert error.obj is error.mine
        assert (True, True, False) == (error.base.on_call, error.mine.on_call, error.stored.on_call)
        assert [True, False] == [each.on_call for each in store.query(Doctor)]

    def test_transact_runs_it_again(self, open_store: OpenStore) -> None:
        """40: a guard that failed is a Stale like every other."""
        store = open_store(DOCTORS)
        save(store, Doctor("Ann"), Doctor("Bob"))
        runs: list[bool] = []

        def work(uow: UnitOfWork) -> None:
            bob = uow.require(Doctor, "Bob")
            uow.guard(bob)
            if not runs:
                with store.unit() as other:
                    other.require(Doctor, "Bob").on_call = False
            runs.append(bob.on_call)
            uow.require(Doctor, "Ann").on_call = not bob.on_call

        store.transact(work)
        assert ([True, False], True) == (runs, store.require(Doctor, "Ann").on_call)

    @EVERY_POLICY
    def test_any_change_counts(self, open_store: OpenStore, policy: str) -> None:
        """39: under every conflict policy; nothing at all is written."""
        store = open_store(POLICIES[policy])
        save(store, User("Ann", "ann@x.io", id=1), Team("t", "Team"))
        with pytest.raises(Stale) as refused, store.unit() as uow:
            uow.guard(uow.require(User, 1))
            uow.replace(uow.require(Team, "t"), Team("t", "New"))
            uow.add(User("Bob", "bob@x.io", id=2))
            with store.unit() as other:
                other.require(User, 1).city = "Rome"
        assert ("changed", 1) == (refused.value.kind, refused.value.key)
        assert ["Ann"] == names(store.query(User))
        assert "Team" == store.require(Team, "t").name

    @EVERY_POLICY
    def test_a_deletion_counts(self, open_store: OpenStore, policy: str) -> None:
        """39: the error says that it is gone."""
        store = open_store(POLICIES[policy])
        save(store, User("Ann", id=1))
        with pytest.raises(Stale, match=r"User\(1\) is gone") as refused, store.unit() as uow:
            uow.guard(uow.require(User, 1))
            uow.add(Team("t", "Team"))
            with store.unit() as other:
                other.delete_by_key(User, 1)
        assert ("gone", None) == (refused.value.kind, refused.value.stored)
        assert store.get(Team, "t") is None

    @EVERY_POLICY
    def test_delete_and_add_again_counts(self, open_store: OpenStore, policy: str) -> None:
        """39: with other values. Only with "fields", where fields are compared, the same pass."""
        store = open_store(POLICIES[policy])
        save(store, User("Ann", id=1))
        with pytest.raises(Stale), store.unit() as uow:
            uow.guard(uow.require(User, 1))
            with store.unit() as other:
                other.delete_by_key(User, 1)
            save(store, User("Bob", id=1))

    @EVERY_POLICY
    def test_where_nothing_has_changed_all_is_written(
        self, open_store: OpenStore, policy: str
    ) -> None:
        """39: in one writing call, like every commit; the guarded record stays as it was."""
        traffic = Traffic()
        store = open_store(POLICIES[policy], on_batch=traffic)
        save(store, User("Ann", id=1), User("Bob", id=2))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            version = uow.version_of(ann)
            uow.guard(ann)
            uow.add(Team("t", "Team"))
            traffic.begin()
        traffic.expect(1)
        with store.unit() as uow:
            assert version == uow.version_of(uow.require(User, 1))
        assert "Team" == store.require(Team, "t").name

    def test_a_unit_that_only_guards_asks_once(self, open_store: OpenStore) -> None:
        """24, 39: a commit without a write verifies what was read, in one call."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, User("Ann", id=1), User("Bob", id=2))
        with store.unit() as uow:
            for user in uow.get_many(User, [1, 2]):
                uow.guard(user)
            traffic.begin()
        traffic.expect(1)

    def test_a_unit_that_only_guards_may_fail(self, open_store: OpenStore) -> None:
        """39: it is told that what it read is no longer so."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1), User("Bob", id=2))
        with pytest.raises(Stale) as refused, store.unit() as uow:
            for user in uow.get_many(User, [1, 2]):
                uow.guard(user)
            with store.unit() as other:
                for number in (1, 2):
                    other.require(User, number).age = 30
        assert [1, 2] == [each.key for each in refused.value.violations]

    def test_guards_and_writes_are_told_together(self, open_store: OpenStore) -> None:
        """26, 39: every violation; those of writes come first."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", id=1), User("Bob", id=2))
        with pytest.raises(Conflict) as refused, store.unit() as uow:
            uow.guard(uow.require(User, 1))
            bob = uow.require(User, 2)
            with store.unit() as other:
                for number in (1, 2):
                    other.require(User, number).age = 30
            bob.age = 40
            uow.add(User("New", "ann@x.io", id=3))
        found = [(type(each), each.key) for each in refused.value.violations]
        assert [(Stale, 2), (Taken, 3), (Stale, 1)] == found

    @EVERY_POLICY
    def test_what_is_written_too_is_compared_as_a_whole(
        self, open_store: OpenStore, policy: str
    ) -> None:
        """39: a guard is stronger than the policies that let somebody else's edit stand."""
        store = open_store(POLICIES[policy])
        save(store, User("Ann", id=1))
        with pytest.raises(Stale), store.unit() as uow:
            ann = uow.require(User, 1)
            uow.guard(ann)
            with store.unit() as other:
                other.require(User, 1).city = "Rome"
            ann.age = 30
        assert (None, "Rome") == (store.require(User, 1).age, store.require(User, 1).city)

    @EVERY_POLICY
    def test_what_is_deleted_too_is_compared_as_a_whole(
        self, open_store: OpenStore, policy: str
    ) -> None:
        """39: nor is it deleted over somebody else's edit."""
        store = open_store(POLICIES[policy])
        save(store, User("Ann", id=1))
        with pytest.raises(Stale), store.unit() as uow:
            ann = uow.require(User, 1)
            uow.guard(ann)
            uow.delete(ann)
            with store.unit() as other:
                other.require(User, 1).city = "Rome"
        assert "Rome" == store.require(User, 1).city

    def test_what_was_mended_commits(self, open_store: OpenStore) -> None:
        """26, 39: the unit stays usable; a refreshed object is guarded as it is now."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            uow.guard(ann)
            uow.add(Team("t", "Team"))
            with store.unit() as other:
                other.require(User, 1).age = 30
            with pytest.raises(Stale):
                uow.commit()
            with pytest.raises(Stale):
                uow.commit()
            uow.refresh(ann)
            uow.commit()
        assert "Team" == store.require(Team, "t").name

    def test_it_holds_for_one_commit(self, open_store: OpenStore) -> None:
        """50: each commit is an atom by itself, with its own guards."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            uow.guard(uow.require(User, 1))
            uow.add(Team("t", "Team"))
            uow.commit()
            with store.unit() as other:
                other.require(User, 1).age = 30
            uow.add(Team("u", "Other"))
        assert "Other" == store.require(Team, "u").name

    @pytest.mark.parametrize("verb", ["untrack", "rollback"])
    def test_it_is_forgotten_with_its_object(self, open_store: OpenStore, verb: str) -> None:
        """39: what is no longer tracked is no longer guarded."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            uow.guard(ann)
            if verb == "untrack":
                uow.untrack(ann)
            else:
                uow.rollback()
            uow.add(Team("t", "Team"))
            with store.unit() as other:
                other.require(User, 1).age = 30
        assert "Team" == store.require(Team, "t").name

    def test_a_newer_version_seen_on_the_way_fails_early(self, open_store: OpenStore) -> None:
        """4, 39: a later query has shown it; the commit needs no round trip to know."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, User("Ann", id=1))
        with pytest.raises(Stale), store.unit() as uow:
            uow.guard(uow.require(User, 1))
            with store.unit() as other:
                other.require(User, 1).age = 30
            uow.query(User).all()
            traffic.begin()
        traffic.expect(0)

    def test_guards_are_no_changes(self, open_store: OpenStore) -> None:
        """8, 39: guarding twice does what once does, and the object stays clean."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            uow.guard(ann)
            uow.guard(ann)
            assert ("clean", []) == (uow.state(ann), uow.changes())

    def test_a_replacement_is_guarded_as_what_it_replaced(self, open_store: OpenStore) -> None:
        """17, 39: it keeps the base, so it keeps the guard."""
        store = open_store(REGISTRY)
        save(store, Team("t", "Team"))
        with pytest.raises(Stale), store.unit() as uow:
            team = uow.require(Team, "t")
            uow.guard(team)
            uow.replace(team, attrs.evolve(team))
            with store.unit() as other:
                other.put(Team("t", "Other"))

    def test_hidden_values_are_not_shown(self, open_store: OpenStore) -> None:
        """39: `repr=False` hides them in what is reported of a call, too."""
        words: list[str] = []
        store = open_store(SEALED, on_batch=lambda report: words.append(repr(report)))
        save(store, Sealed(1, "hush hush"))
        with pytest.raises(Stale) as refused, store.unit() as uow:
            uow.guard(uow.require(Sealed, 1))
            with store.unit() as other:
                other.require(Sealed, 1).secret = "new hush"  # noqa: S105 - of a test
        assert "hush" not in str(refused.value)
        assert "hush" not in "".join(words)

    @pytest.mark.parametrize(
        ("obj", "error", "said"),
        [
            (User("New", id=7), UnitError, r"guard: this User is not tracked by this unit"),
            (None, NotMapped, "None"),
            (User, NotMapped, "User is a class; pass an object of it"),
            ("text", NotMapped, "str has no mapper"),
        ],
        ids=["untracked", "none", "class", "unmapped"],
    )
    def test_what_can_not_be_guarded(
        self,
        open_store: OpenStore,
        obj: Any,  # noqa: ANN401 - wrong ones
        error: type[Exception],
        said: str,
    ) -> None:
        """9: a mistake is named at once."""
        store = open_store(REGISTRY)
        with store.unit() as uow, pytest.raises(error, match=said):
            uow.guard(obj)

    def test_a_new_object_is_not_guarded(self, open_store: OpenStore) -> None:
        """39: nothing is stored that could change."""
        store = open_store(REGISTRY)
        with store.unit(commit="explicit") as uow:
            ann = uow.add(User("Ann", id=1))
            with pytest.raises(UnitError, match=r"guard: User\(1\) is new"):
                uow.guard(ann)
            uow.rollback()

    def test_it_needs_a_unit_that_commits(self, open_store: OpenStore) -> None:
        """49, 51: outside a block and in a read-only unit it is refused by name."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        unit = store.unit(read_only=True)
        with unit:
            ann = unit.require(User, 1)
            with pytest.raises(ReadOnlyUnit, match=r"guard\(\)"):
                unit.guard(ann)
        with pytest.raises(UnitClosed, match=r"guard\(\)"):
            unit.guard(ann)


class TestGetOrAdd:
    """`get_or_add(unique, *values, factory=...)`: the owner of a value, or a new one."""

    def test_it_finds_the_owner(self, open_store: OpenStore) -> None:
        """It is tracked, and the factory is not called."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", id=1))
        with store.unit() as uow:
            ann = uow.get_or_add(Users.by_email, "ann@x.io", factory=_not_called)
            assert ann is uow.get(User, 1)
            assert "clean" == uow.state(ann)

    def test_it_adds_what_the_factory_makes(self, open_store: OpenStore) -> None:
        """Once: the second call finds the one that was added, without asking the store for it."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            first = uow.get_or_add(Users.by_email, "a@x", factory=lambda: User("A", "a@x"))
            assert "new" == uow.state(first)
            assert first is uow.get_or_add(Users.by_email, "a@x", factory=_not_called)
        assert ["A"] == names(store.query(User))

    def test_pending_changes_count(self, open_store: OpenStore) -> None:
        """A value that was given up here is free, one that was taken here has an owner."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x", id=1), User("Bob", "bob@x", id=2))
        with store.unit(reads="stored") as uow:
            ann, bob = (uow.require(User, number) for number in (1, 2))
            ann.email = "new@x"
            uow.delete(bob)
            assert ann is uow.get_or_add(Users.by_email, "new@x", factory=_not_called)
            uow.get_or_add(Users.by_email, "ann@x", factory=lambda: User("Cid", "ann@x", id=3))
            uow.get_or_add(Users.by_email, "bob@x", factory=lambda: User("Dan", "bob@x", id=4))
        owners = [store.get_by(Users.by_email, f"{name}@x") for name in ("new", "ann", "bob")]
        assert ["Ann", "Cid", "Dan"] == names(owners)

    def test_it_is_safe_in_transact(self, open_store: OpenStore) -> None:
        """40: who loses the race finds the winner's the second time."""
        store = open_store(REGISTRY)
        found: list[str] = []

        def owner(uow: UnitOfWork) -> User:
            user = uow.get_or_add(
                Users.by_email, "ann@x.io", factory=lambda: User("Mine", "ann@x.io")
            )
            if not found:
                save(store, User("Theirs", "ann@x.io"))
            found.append(user.name)
            return user

        assert "Theirs" == store.transact(owner).name
        assert (["Mine", "Theirs"], ["Theirs"]) == (found, names(store.query(User)))

    def test_outside_transact_the_loser_is_told(self, open_store: OpenStore) -> None:
        """31: by Taken, with the owner's key; nothing is written."""
        store = open_store(REGISTRY)
        with pytest.raises(Taken) as refused, store.unit() as uow:
            uow.get_or_add(Users.by_email, "ann@x.io", factory=lambda: User("Mine", "ann@x.io"))
            save(store, User("Theirs", "ann@x.io", id=7))
        assert 7 == refused.value.owner

    def test_the_factory_may_use_the_unit(self, open_store: OpenStore) -> None:
        """It runs when the reading is over."""
        store = open_store(REGISTRY)

        def make() -> User:
            return User("Ann", "ann@x", city=uow.add(Team("t", "Team")).id)

        with store.unit() as uow:
            uow.get_or_add(Users.by_email, "ann@x", factory=make)
        assert "t" == store.get_by(Users.by_email, "ann@x").city
        assert "Team" == store.require(Team, "t").name

    def test_of_several_fields(self, open_store: OpenStore) -> None:
        """None is a value of a Unique with `nulls=True`."""
        store = open_store(PAIRS)
        with store.unit() as uow:
            pair = uow.get_or_add(Pairs.by_both, "a", None, factory=lambda: Pair("a", None))
            assert pair is uow.get_or_add(Pairs.by_both, "a", None, factory=_not_called)

    def test_one_round_trip(self, open_store: OpenStore) -> None:
        """That of `get_by`; an object added before needs none."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        with store.unit(commit="explicit") as uow:
            uow.get_or_add(Users.by_email, "ann@x", factory=lambda: User("Ann", "ann@x"))
            traffic.expect(1)
            uow.get_or_add(Users.by_email, "ann@x", factory=_not_called)
            traffic.expect(1)
            uow.rollback()

    @pytest.mark.parametrize(
        ("unique", "values", "factory", "error", "said"),
        [
            (Users.by_email, ("a@x",), lambda: User("A", "b@x"), UnitError, "another value of"),
            (Users.by_email, ("a@x",), lambda: User("A"), UnitError, "another value of"),
            (Users.by_email, ("a@x",), lambda: Team("t", "T"), UnitError, "made a Team"),
            (Users.by_email, ("a@x",), lambda: None, NotMapped, "NoneType has no mapper"),
            (Users.by_email, ("a@x",), User("A", "a@x"), UnitError, "a function that makes"),
            (Users.by_email, (None,), lambda: User("A"), QueryError, "nobody owns it"),
            (Users.by_email, (), lambda: User("A"), QueryError, "is over 1 fields, but 0"),
            (Users.by_email, ("a", "b"), lambda: User("A"), QueryError, "is over 1 fields, but 2"),
            (Users.by_name, ("A",), lambda: User("A"), QueryError, "get_or_add takes a Unique"),
            (Users.email, ("A",), lambda: User("A"), QueryError, "get_or_add takes a Unique"),
        ],
        ids=[
            *("other", "none", "class", "nothing", "object", "exempt", "few", "many", "lookup"),
            "field",
        ],
    )
    def test_wrong_use(
        self,
        open_store: OpenStore,
        unique: Any,  # noqa: ANN401 - wrong ones
        values: tuple[Any, ...],
        factory: Any,  # noqa: ANN401 - wrong ones
        error: type[Exception],
        said: str,
    ) -> None:
        """It is named, and nothing is added."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            with pytest.raises(error, match=said):
                uow.get_or_add(unique, *values, factory=factory)
            assert [] == uow.changes()

    def test_the_factory_is_given_by_name(self, open_store: OpenStore) -> None:
        """Values are many, so it stands apart from them."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            untyped: Any = uow
            with pytest.raises(TypeError, match="factory"):
                untyped.get_or_add(Users.by_email, "a@x", lambda: User("A", "a@x"))

    def test_an_error_of_the_factory_passes(self, open_store: OpenStore) -> None:
        """23: and the unit goes on."""
        store = open_store(REGISTRY)

        def fail() -> User:
            message = "the factory's own"
            raise LookupError(message)

        with store.unit() as uow:
            with pytest.raises(LookupError, match="the factory's own"):
                uow.get_or_add(Users.by_email, "a@x", factory=fail)
            uow.add(Team("t", "Team"))
        assert store.get(Team, "t") is not None

    def test_it_needs_a_unit_that_commits(self, open_store: OpenStore) -> None:
        """49, 51: outside a block and in a read-only unit it is refused by name."""
        store = open_store(REGISTRY)
        unit = store.unit(read_only=True)
        with unit, pytest.raises(ReadOnlyUnit, match=r"get_or_add\(\)"):
            unit.get_or_add(Users.by_email, "a@x", factory=_not_called)
        with pytest.raises(UnitClosed, match=r"get_or_add\(\)"):
            unit.get_or_add(Users.by_email, "a@x", factory=_not_called)


def _not_called() -> Any:  # noqa: ANN401 - it never returns
    """A factory that is not needed."""
    message = "the factory was called"
    raise AssertionError(message)


class TestSizes:
    """34: a unit too large to be kind to the server."""

    def test_a_large_one_warns(
        self, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """34: with the advice to use bulk; it is committed all the same."""
        monkeypatch.setattr(flush, "LARGE", 2)
        store = open_store(REGISTRY)
        with pytest.warns(UserWarning, match=r"writes 3 entities at once; .* use store\.bulk"):
            save(store, *(User(f"u{number}") for number in range(3)))
        assert 3 == store.query(User).count()

    def test_one_at_the_limit_does_not(
        self, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """34: the figure itself is kind still; a warning would fail this test."""
        monkeypatch.setattr(flush, "LARGE", 3)
        store = open_store(REGISTRY)
        save(store, *(User(f"u{number}") for number in range(3)))
        assert 3 == store.query(User).count()

    def test_one_beyond_the_limit_is_refused(
        self, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """34: before anything is sent, be it only for keys; it can be committed in parts."""
        monkeypatch.setattr(flush, "LARGE", 2)
        monkeypatch.setattr(flush, "LARGEST", 3)
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        users = [User(f"u{number}") for number in range(4)]
        with store.unit() as uow:
            uow.add_all(users)
            with pytest.raises(UnitTooLarge, match=r"writes 4 entities, .* use store\.bulk"):
                uow.commit()
            traffic.expect(0)
            for user in users[2:]:
                uow.untrack(user)
        assert 2 == store.query(User).count()

    def test_the_figures(self) -> None:
        """34: a tenth of a second of the server's time, and half a second."""
        assert (10_000, 50_000) == (flush.LARGE, flush.LARGEST)
