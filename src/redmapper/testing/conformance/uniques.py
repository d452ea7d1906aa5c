"""Unique values: one owner each, under any concurrency; points 26 and 30 to 32."""
# ruff: noqa: PT012 - a unit of work fails where its block ends

from __future__ import annotations

from typing import Any

import attrs
import pytest

from redmapper.errors import AlreadyExists, Conflict, QueryError, Stale, Taken
from redmapper.mapping.fields import Computed, Field, Key
from redmapper.mapping.indexes import Unique
from redmapper.mapping.mapper import Mapper
from redmapper.mapping.registry import MapperRegistry
from redmapper.testing.conformance.entities import (
    POLICIES,
    REGISTRY,
    Team,
    Teams,
    Traffic,
    User,
    Users,
    names,
    save,
)
from redmapper.testing.conformance.faces import OpenStore

EVERY_POLICY = pytest.mark.parametrize("policy", POLICIES)


@attrs.define
class Seat:
    """Unique by several fields, by one under a norm, and by one computed."""

    row: str | None = None
    number: int | None = None
    holder: str | None = None
    code: str = ""
    id: int | None = None


class Seats(Mapper[Seat]):
    """Its mapper."""

    id = Key[int]()
    row = Field[str | None]()
    number = Field[int | None]()
    holder = Field[str | None](norm=str.casefold)
    domain = Computed[str | None](lambda seat: seat.code.partition("@")[2] or None)

    place = Unique(row, number)
    by_holder = Unique(holder)
    by_domain = Unique(domain)


@attrs.define
class Only:
    """None is a value of its unique index."""

    value: str | None = None
    other: int | None = None
    id: int | None = None


class Onlys(Mapper[Only]):
    """Its mapper."""

    id = Key[int]()
    value = Field[str | None]()
    other = Field[int | None]()

    by_value = Unique(value, nulls=True)
    by_both = Unique(value, other, nulls=True)


SEATS = MapperRegistry(Seats)
ONLYS = MapperRegistry(Onlys)


class TestTaken:
    """A value that somebody else owns."""

    def test_it_is_refused(self, open_store: OpenStore) -> None:
        """26: with the index, the value, the object, its key and the owner's."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", id=1))
        other = User("Other", "ann@x.io", id=2)
        with pytest.raises(Taken, match=r"User\(2\).*ann@x\.io.*User\(1\)") as refused:  # noqa: SIM117 - they would not fit a line
            with store.unit() as uow:
                uow.add(other)
        taken = refused.value
        assert ("by_email", "ann@x.io", 1, 2) == (
            taken.index,
            taken.value,
            taken.owner,
            taken.key,
        )
        assert other is taken.obj
        assert ["Ann"] == names(store.query(User).all())

    @EVERY_POLICY
    def test_by_a_change(self, open_store: OpenStore, policy: str) -> None:
        """26: of a loaded object, under every conflict policy."""
        store = open_store(POLICIES[policy])
        save(store, User("Ann", "ann@x.io", id=1), User("Bob", "bob@x.io", id=2))
        with pytest.raises(Taken) as refused, store.unit() as uow:
            uow.require(User, 2).email = "ann@x.io"
        assert (1, 2) == (refused.value.owner, refused.value.key)
        assert "bob@x.io" == store.require(User, 2).email

    def test_of_a_composite_the_value_is_a_tuple(self, open_store: OpenStore) -> None:
        """Its fields in the order of the index."""
        store = open_store(SEATS)
        save(store, Seat("A", 7, id=1))
        with pytest.raises(Taken) as refused, store.unit() as uow:
            uow.add(Seat("A", 7))
        assert ("place", ("A", 7), 1) == (
            refused.value.index,
            refused.value.value,
            refused.value.owner,
        )

    def test_a_value_that_was_let_go_is_free(self, open_store: OpenStore) -> None:
        """By a change, by None, by deletion: nothing stays reserved."""
        store = open_store(REGISTRY)
        save(store, *(User(f"u{id_}", f"{id_}@x.io", id=id_) for id_ in (1, 2, 3)))
        with store.unit() as uow:
            first, second, third = uow.query(User).all()
            first.email = "new@x.io"
            second.email = None
            uow.delete(third)
        save(store, *(User("later", f"{id_}@x.io") for id_ in (1, 2, 3)))
        assert "u1" == store.get_by(Users.by_email, "new@x.io").name

    def test_deleting_a_stale_copy_frees_the_current_value(self, open_store: OpenStore) -> None:
        """What is freed is what is stored, not what somebody remembers."""
        store = open_store(POLICIES["overwrite"])
        save(store, User("Ann", "old@x.io", id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            with store.unit() as other:
                other.require(User, 1).email = "new@x.io"
            save(store, User("Bob", "old@x.io", id=2))
            uow.delete(ann)
        save(store, User("Cid", "new@x.io"))
        assert "Bob" == store.get_by(Users.by_email, "old@x.io").name

    def test_two_stores_claim_one_value(self, open_store: OpenStore) -> None:
        """31: the loser of a race learns the owner's key."""
        first, second = open_store(REGISTRY), open_store(REGISTRY)
        with pytest.raises(Taken) as refused, first.unit() as uow:
            uow.add(User("Mine", "ann@x.io"))
            save(second, User("Theirs", "ann@x.io", id=70))
        assert 70 == refused.value.owner

    def test_an_owner_keeps_its_value(self, open_store: OpenStore) -> None:
        """A change of another field, or of the value's case under a norm, is no conflict."""
        store = open_store(SEATS)
        save(store, Seat("A", 7, "Ann", "x@y", id=1))
        for holder in ("ANN", "ann", "Ann"):
            with store.unit() as uow:
                seat = uow.require(Seat, 1)
                seat.holder = holder
                seat.code = f"{holder}@y"
            assert holder == store.get_by(Seats.by_holder, "aNN").holder

    def test_two_objects_of_one_unit(self, open_store: OpenStore) -> None:
        """30: found before anything is sent, naming both."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            first = uow.add(User("First", "x@x.io", id=7))
            second = uow.add(User("Second", "x@x.io", id=8))
            traffic.begin()
            with pytest.raises(Taken, match=r"User\(8\).*User\(7\).*this unit") as refused:
                uow.commit()
            traffic.expect(0)
            assert second is refused.value.obj
            assert (7, "by_email") == (refused.value.owner, refused.value.index)
            first.email = "first@x.io"
        assert 3 == store.query(User).count()

    def test_an_object_of_one_unit_and_a_change_of_another(self, open_store: OpenStore) -> None:
        """30: a loaded object that takes what an added one claims."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", id=1))
        with pytest.raises(Taken), store.unit() as uow:
            uow.require(User, 1).email = "x@x.io"
            uow.add(User("Bob", "x@x.io"))
        assert "ann@x.io" == store.require(User, 1).email

    def test_three_objects_of_one_unit(self, open_store: OpenStore) -> None:
        """26, 30: each that comes too late is reported."""
        store = open_store(REGISTRY)
        with pytest.raises(Taken) as refused, store.unit() as uow:
            uow.add_all(User(f"u{id_}", "x@x.io", id=id_) for id_ in (1, 2, 3))
        assert [2, 3] == [violation.key for violation in refused.value.violations]


class TestViolations:
    """26: every violation is reported, with its object."""

    def test_all_of_all_kinds(self, open_store: OpenStore) -> None:
        """26: taken values, taken keys, changed and missing entities, in one error."""
        store = open_store(REGISTRY)
        save(store, *(User(f"u{id_}", f"{id_}@x.io", id=id_) for id_ in range(1, 5)))
        save(store, Team("t", "Team"))
        changes: list[object] = []
        with pytest.raises(Conflict) as refused, store.unit() as uow:
            changed, gone, taker = uow.get_many(User, [1, 2, 3])
            assert changed is not None
            assert gone is not None
            assert taker is not None
            with store.unit() as other:
                other.require(User, 1).age = 9
                other.delete_by_key(User, 2)
            changed.age = gone.age = 7
            taker.email = "4@x.io"
            team = uow.add(Team("t", "Other"))
            added = uow.add(User("new", "3@x.io", id=9))
            changes = [changed, gone, taker, team, added]
        violations = refused.value.violations
        assert refused.value is violations[0]
        kinds = {(type(each), getattr(each, "kind", None), each.key) for each in violations}
        assert {
            (Stale, "changed", 1),
            (Stale, "gone", 2),
            (AlreadyExists, None, "t"),
            (Taken, None, 3),
        } <= kinds
        for violation in violations:
            assert [obj for obj in changes if obj is violation.obj]
        assert 3 == store.query(User).count()
        assert [Team("t", "Team")] == store.query(Team).all()

    def test_two_values_of_one_object(self, open_store: OpenStore) -> None:
        """26: one violation for each index."""
        store = open_store(SEATS)
        save(store, Seat("A", 1, "Ann", id=1), Seat("B", 2, "Bob", id=2))
        with pytest.raises(Taken) as refused, store.unit() as uow:
            uow.add(Seat("A", 1, "BOB", id=3))
        violations: tuple[Any, ...] = refused.value.violations
        assert {("place", 1), ("by_holder", 2)} == {(each.index, each.owner) for each in violations}

    def test_a_taken_key_is_one_violation(self, open_store: OpenStore) -> None:
        """26: that it has the same unique value as itself is no news."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", id=1))
        with pytest.raises(AlreadyExists) as refused, store.unit() as uow:
            uow.add(User("Ann", "ann@x.io", id=1))
        assert 1 == len(refused.value.violations)

    def test_after_a_conflict_nothing_has_moved(self, open_store: OpenStore) -> None:
        """26: neither in the store nor in memory; keys stay unset, states as they were."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", id=1), User("Bob", "bob@x.io", id=2))
        with store.unit() as uow:
            ann, bob = uow.require(User, 1), uow.require(User, 2)
            version = uow.version_of(ann)
            ann.age = 30
            uow.delete(bob)
            new = uow.add(User("New", "ann@x.io"))
            with pytest.raises(Taken):
                uow.commit()
            assert ("dirty", "deleted", "new") == (uow.state(ann), uow.state(bob), uow.state(new))
            assert (None, version) == (new.id, uow.version_of(ann))
            assert 3 == len(uow.changes())
            uow.rollback()
        assert [None, None] == [user.age for user in store.query(User).all()]

    def test_a_unit_can_be_mended(self, open_store: OpenStore) -> None:
        """26: and committed again, as a whole."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", id=1), User("Bob", "bob@x.io", id=2))
        with store.unit() as uow:
            ann, bob = uow.require(User, 1), uow.require(User, 2)
            ann.age = 30
            uow.delete(bob)
            new = uow.add(User("New", "ann@x.io"))
            with pytest.raises(Taken):
                uow.commit()
            new.email = "bob@x.io"
        assert ["Ann", "New"] == names(store.query(User).all())
        assert new.id == store.get_by(Users.by_email, "bob@x.io").id

    def test_a_stale_unit_can_be_refreshed(self, open_store: OpenStore) -> None:
        """26: `refresh`, change again, commit."""
        store = open_store(REGISTRY)
        save(store, User("Ann", age=1, id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            with store.unit() as other:
                other.require(User, 1).name = "Anna"
            ann.age = 2
            with pytest.raises(Stale):
                uow.commit()
            uow.refresh(ann)
            ann.age = 3
        assert ("Anna", 3) == (store.require(User, 1).name, store.require(User, 1).age)

    def test_a_violating_object_can_be_untracked(self, open_store: OpenStore) -> None:
        """26: the rest then commits."""
        store = open_store(REGISTRY)
        save(store, Team("t", "Team"))
        with store.unit() as uow:
            uow.add(User("Ann"))
            uow.add(Team("t", "Other"))
            with pytest.raises(AlreadyExists) as refused:
                uow.commit()
            uow.untrack(refused.value.obj)
        assert ["Ann"] == names(store.query(User).all())


class TestHandOver:
    """31: values that change hands within one commit."""

    @EVERY_POLICY
    def test_a_swap(self, open_store: OpenStore, policy: str) -> None:
        """31: a <-> b."""
        store = open_store(POLICIES[policy])
        save(store, User("Ann", "a@x.io", id=1), User("Bob", "b@x.io", id=2))
        with store.unit() as uow:
            ann, bob = uow.require(User, 1), uow.require(User, 2)
            ann.email, bob.email = bob.email, ann.email
        assert (2, 1) == (
            store.get_by(Users.by_email, "a@x.io").id,
            store.get_by(Users.by_email, "b@x.io").id,
        )
        with pytest.raises(Taken) as refused, store.unit() as uow:
            uow.add(User("Cid", "a@x.io"))
        assert 2 == refused.value.owner

    def test_a_swap_with_an_empty_key(self, open_store: OpenStore) -> None:
        """31: an owner whose key is the empty text is one all the same."""
        store = open_store(REGISTRY)
        save(store, Team("", "red"), Team("b", "blue"))
        with store.unit() as uow:
            for key, name in (("", "blue"), ("b", "red")):
                uow.replace(uow.require(Team, key), Team(key, name))
        assert [Team("", "blue"), Team("b", "red")] == store.query(Team).all()
        assert "b" == store.get_by(Teams.by_name, "red").id

    @EVERY_POLICY
    @pytest.mark.parametrize("count", [3, 10])
    def test_a_rotation(self, open_store: OpenStore, policy: str, count: int) -> None:
        """31: of n."""
        store = open_store(POLICIES[policy])
        save(store, *(User(f"u{id_}", f"{id_}@x.io", id=id_) for id_ in range(count)))
        with store.unit() as uow:
            users = uow.query(User).all()
            emails = [user.email for user in users]
            for user, email in zip(users, emails[1:] + emails[:1], strict=True):
                user.email = email
        found = [store.get_by(Users.by_email, f"{id_}@x.io").id for id_ in range(count)]
        assert [count - 1, *range(count - 1)] == found

    @EVERY_POLICY
    def test_from_a_deleted_object_to_an_added_one(
        self, open_store: OpenStore, policy: str
    ) -> None:
        """31: delete a, add b with a's value, in either order."""
        store = open_store(POLICIES[policy])
        save(store, User("Ann", "a@x.io", id=1), User("Bob", "b@x.io", id=2))
        with store.unit() as uow:
            uow.delete(uow.require(User, 1))
            uow.add(User("New Ann", "a@x.io"))
            uow.add(User("New Bob", "b@x.io"))
            uow.delete(uow.require(User, 2))
        assert "New Ann" == store.get_by(Users.by_email, "a@x.io").name
        assert "New Bob" == store.get_by(Users.by_email, "b@x.io").name

    @EVERY_POLICY
    def test_from_a_blind_deletion(self, open_store: OpenStore, policy: str) -> None:
        """31: `delete_by_key`, and `put` over the owner."""
        store = open_store(POLICIES[policy])
        save(store, User("Ann", "a@x.io", id=1), User("Bob", "b@x.io", id=2))
        with store.unit() as uow:
            uow.add(User("New", "a@x.io"))
            uow.delete_by_key(User, 1)
            uow.add(User("Newer", "b@x.io"))
            uow.put(User("Bob", "bob@x.io", id=2))
        found = [store.get_by(Users.by_email, f"{who}@x.io").name for who in ("a", "b", "bob")]
        assert ["New", "Newer", "Bob"] == found

    @EVERY_POLICY
    def test_a_chain_with_a_free_end(self, open_store: OpenStore, policy: str) -> None:
        """31: a takes b's, b takes a new one, c takes a's."""
        store = open_store(POLICIES[policy])
        save(store, *(User(who, f"{who}@x.io", id=at) for at, who in enumerate("abc")))
        with store.unit() as uow:
            a, b, c = uow.query(User).all()
            a.email, b.email, c.email = "b@x.io", "new@x.io", "a@x.io"
        found = [store.get_by(Users.by_email, f"{who}@x.io").name for who in ("a", "b", "new")]
        assert ["c", "a", "b"] == found
        assert store.get_by(Users.by_email, "c@x.io") is None

    def test_a_swap_of_composites(self, open_store: OpenStore) -> None:
        """31: one field each is enough."""
        store = open_store(SEATS)
        save(store, Seat("A", 1, id=1), Seat("B", 1, id=2))
        with store.unit() as uow:
            first, second = uow.query(Seat).all()
            first.row, second.row = "B", "A"
        assert (2, 1) == (
            store.get_by(Seats.place, "A", 1).id,
            store.get_by(Seats.place, "B", 1).id,
        )

    def test_a_swap_is_refused_when_one_is_stale(self, open_store: OpenStore) -> None:
        """31: a hand-over rests on the version of who gives."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "a@x.io", id=1), User("Bob", "b@x.io", id=2))
        with pytest.raises(Stale), store.unit() as uow:
            ann, bob = uow.require(User, 1), uow.require(User, 2)
            ann.email, bob.email = bob.email, ann.email
            with store.unit() as other:
                other.require(User, 2).email = "c@x.io"
        assert ["a@x.io", "c@x.io"] == [user.email for user in store.query(User)]
        assert store.get_by(Users.by_email, "b@x.io") is None

    def test_a_value_moves_on_and_back(self, open_store: OpenStore) -> None:
        """Over several commits of one unit."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "x@x.io", id=1), User("Bob", id=2))
        with store.unit() as uow:
            ann, bob = uow.require(User, 1), uow.require(User, 2)
            for giver, taker in ((ann, bob), (bob, ann), (ann, bob)):
                giver.email, taker.email = None, "x@x.io"
                uow.commit()
        assert 2 == store.get_by(Users.by_email, "x@x.io").id


class TestUniqueValues:
    """What is a value, and what is exempt."""

    def test_none_exempts(self, open_store: OpenStore) -> None:
        """Any number of entities may have none, of one field or of one among several."""
        store = open_store(SEATS)
        save(store, *(Seat("A", None) for _ in range(3)), *(Seat(None, 7) for _ in range(3)))
        assert 6 == store.query(Seat).count()
        assert store.get_by(Seats.place, "A", None) is None
        assert store.get_by(Seats.by_holder, None) is None

    def test_with_nulls_none_is_a_value(self, open_store: OpenStore) -> None:
        """One owner for it, too."""
        store = open_store(ONLYS)
        save(store, Only(None, 1, id=1), Only("a", None, id=2))
        with pytest.raises(Taken) as refused, store.unit() as uow:
            uow.add(Only(None, 2, id=3))
        assert (1, "by_value", None) == (
            refused.value.owner,
            refused.value.index,
            refused.value.value,
        )
        assert 1 == store.get_by(Onlys.by_value, None).id
        assert 2 == store.get_by(Onlys.by_both, "a", None).id
        assert [1] == [row.id for row in store.query(Only).where(Onlys.value.is_none())]

    def test_none_and_empty_text_are_two_values(self, open_store: OpenStore) -> None:
        """20: also where None is a value."""
        store = open_store(ONLYS)
        save(store, Only(None, id=1), Only("", id=2))
        assert (1, 2) == (
            store.get_by(Onlys.by_value, None).id,
            store.get_by(Onlys.by_value, "").id,
        )

    def test_a_norm_decides_what_is_equal(self, open_store: OpenStore) -> None:
        """What is stored stays as it was given."""
        store = open_store(SEATS)
        save(store, Seat(holder="Straße", id=1))
        with pytest.raises(Taken) as refused, store.unit() as uow:
            uow.add(Seat(holder="STRASSE"))
        assert (1, "STRASSE") == (refused.value.owner, refused.value.value)
        assert "Straße" == store.get_by(Seats.by_holder, "strasse").holder

    def test_a_computed_value(self, open_store: OpenStore) -> None:
        """It is claimed, and follows what it is computed from."""
        store = open_store(SEATS)
        save(store, Seat(code="a@x.io", id=1), Seat(code="nothing", id=2), Seat(code="", id=3))
        with pytest.raises(Taken, match=r"x\.io"), store.unit() as uow:
            uow.require(Seat, 2).code = "b@x.io"
        with store.unit() as uow:
            uow.require(Seat, 1).code = "a@y.io"
        save(store, Seat(code="c@x.io", id=4))
        assert (4, 1) == (
            store.get_by(Seats.by_domain, "x.io").id,
            store.get_by(Seats.by_domain, "y.io").id,
        )

    def test_one_field_of_a_composite_changes(self, open_store: OpenStore) -> None:
        """The old pair is free, the new one taken."""
        store = open_store(SEATS)
        save(store, Seat("A", 1, id=1))
        with store.unit() as uow:
            uow.require(Seat, 1).number = 2
        save(store, Seat("A", 1, id=2))
        with pytest.raises(Taken), store.unit() as uow:
            uow.add(Seat("A", 2))

    @pytest.mark.parametrize("values", [(), ("a",), ("a", 1, 2)])
    def test_get_by_takes_a_value_for_each_field(
        self, open_store: OpenStore, values: tuple[object, ...]
    ) -> None:
        """Another number of them is refused by name."""
        store = open_store(SEATS)
        with pytest.raises(QueryError, match="place"):
            store.get_by(Seats.place, *values)

    def test_get_by_takes_a_unique(self, open_store: OpenStore) -> None:
        """Of a mapper of this registry, and nothing else."""
        store = open_store(SEATS)
        wrong: Any = Seats.holder
        with pytest.raises(QueryError, match="Unique"):
            store.get_by(wrong, "Ann")
        with pytest.raises(Exception, match="Users"):
            store.get_by(Users.by_email, "ann@x.io")

    def test_many_claims_in_one_commit(self, open_store: OpenStore) -> None:
        """5,000 of them: no limit of the server's script language is met."""
        store = open_store(SEATS)
        with store.unit() as uow:
            uow.add_all(Seat("A", number, f"h{number}", id=number) for number in range(5_000))
        assert 4_999 == store.get_by(Seats.place, "A", 4_999).id
        assert 5_000 == store.query(Seat).count()
        with pytest.raises(Taken) as refused, store.unit() as uow:
            uow.add_all(Seat("A", number, id=-1 - number) for number in range(4_990, 5_001))
        violations: tuple[Any, ...] = refused.value.violations
        assert list(range(4_990, 5_000)) == [violation.owner for violation in violations]
