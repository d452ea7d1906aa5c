"""Adding, putting, replacing, deleting, forgetting: points 10 to 17."""
# ruff: noqa: PT012 - a unit of work fails where its block ends

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from redmapper.errors import (
    AlreadyExists,
    Conflict,
    IdentityConflict,
    KeyChanged,
    NotFound,
    NotMapped,
    Stale,
    UnitError,
)
from redmapper.mapping.fields import Key
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


@attrs.define
class Note:
    """An entity with many fields and no index."""

    id: str
    text: str | None = None
    more: str | None = None
    tags: list[str] | None = None


class Notes(Mapper[Note]):
    """Its mapper."""

    id = Key[str]()


NOTES = MapperRegistry(Notes)


class TestAdd:
    """`add` is insert only."""

    def test_verbs_return_what_was_given(self, open_store: OpenStore) -> None:
        """`add`, `add_all`, `put` and `replace`."""
        store = open_store(REGISTRY)
        ann, bob, cid = User("Ann", id=1), User("Bob"), User("Cid", id=3)
        with store.unit() as uow:
            assert ann is uow.add(ann)
            first, second = uow.add_all(iter([ann, bob]))
            assert (first is ann, second is bob) == (True, True)
            assert cid is uow.put(cid)
            other = attrs.evolve(cid, name="Dan")
            assert other is uow.replace(cid, other)
        assert ["Ann", "Bob", "Dan"] == sorted(user.name for user in store.query(User).all())

    def test_adding_twice_has_no_effect(self, open_store: OpenStore) -> None:
        """10: one entity, one change."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            ann = uow.add(User("Ann"))
            uow.add(ann)
            assert 1 == len(uow.changes())
        assert ["Ann"] == names(store.query(User).all())

    def test_adding_a_loaded_object_has_no_effect(self, open_store: OpenStore) -> None:
        """10: neither a change nor a conflict."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            ann = uow.add(uow.require(User, 1))
            assert "clean" == uow.state(ann)
            traffic.begin()
        traffic.expect(0)

    def test_adding_under_a_taken_key_is_refused(self, open_store: OpenStore) -> None:
        """10: AlreadyExists at commit, with the object, its key and what is stored."""
        store = open_store(REGISTRY)
        save(store, Team("t", "Team", 7))
        other = Team("t", "Other")
        with (
            pytest.raises(AlreadyExists, match=r"Team\('t'\).*put") as refused,
            store.unit() as uow,
        ):
            uow.add(other)
        assert other is refused.value.obj
        assert ("t", Team("t", "Team", 7)) == (refused.value.key, refused.value.stored)
        assert Team("t", "Team", 7) == store.require(Team, "t")

    def test_adding_is_refused_whatever_the_content(self, open_store: OpenStore) -> None:
        """10: also where the stored entity is equal."""
        store = open_store(REGISTRY)
        save(store, Team("t", "Team"))
        with pytest.raises(AlreadyExists), store.unit() as uow:
            uow.add(Team("t", "Team"))

    def test_an_entity_with_every_field_none_exists(self, open_store: OpenStore) -> None:
        """Nothing but a key is something: it is found, counted, and in the way of another."""
        store = open_store(NOTES)
        save(store, Note("n"))
        assert Note("n") == store.get(Note, "n")
        assert 1 == store.query(Note).count()
        with pytest.raises(AlreadyExists), store.unit() as uow:
            uow.add(Note("n"))

    def test_two_stores_add_one_key(self, open_store: OpenStore) -> None:
        """One wins, whichever commits first."""
        first, second = open_store(REGISTRY), open_store(REGISTRY)
        with pytest.raises(AlreadyExists), first.unit() as uow:
            uow.add(Team("t", "Mine"))
            with second.unit() as other:
                other.add(Team("t", "Theirs"))
        assert "Theirs" == first.require(Team, "t").name


class TestDelete:
    """`delete` and `delete_by_key`."""

    def test_a_deleted_entity_is_gone_from_everywhere(self, open_store: OpenStore) -> None:
        """From its key, from every index, and its unique value is free."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", 30, tags=["vip"], id=1))
        with store.unit() as uow:
            uow.delete(uow.require(User, 1))
        assert store.get(User, 1) is None
        assert store.get_by(Users.by_email, "ann@x.io") is None
        for condition in (Users.age == 30, Users.name == "Ann", Users.tags.has("vip")):
            assert [] == store.query(User).where(condition).all()
        assert 0 == store.query(User).count()
        save(store, User("Other Ann", "ann@x.io", 30, tags=["vip"], id=1))

    def test_add_and_delete_cancel_out(self, open_store: OpenStore) -> None:
        """11: nothing is sent."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, User("Ann"))
        with store.unit() as uow:
            bob = uow.add(User("Bob", id=7))
            uow.delete(bob)
            assert "untracked" == uow.state(bob)
            assert [] == uow.changes()
            traffic.begin()
        traffic.expect(0)
        assert ["Ann"] == names(store.query(User).all())

    def test_delete_and_add_undoes_the_delete(self, open_store: OpenStore) -> None:
        """11: and keeps the object's changes."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            ann.age = 30
            uow.delete(ann)
            uow.add(ann)
            assert "dirty" == uow.state(ann)
            assert ann is uow.get(User, 1)
        assert 30 == store.require(User, 1).age

    def test_delete_and_add_of_an_unchanged_object_sends_nothing(
        self, open_store: OpenStore
    ) -> None:
        """11: it is as if nothing had been said."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            uow.delete(ann)
            uow.add(ann)
            assert "clean" == uow.state(ann)
            traffic.begin()
        traffic.expect(0)

    def test_deleting_twice_has_no_effect(self, open_store: OpenStore) -> None:
        """13: one deletion."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            uow.delete(ann)
            uow.delete(ann)
            uow.delete_by_key(User, 1)
            assert 1 == len(uow.changes())
        assert store.get(User, 1) is None

    def test_deleting_what_changed_meanwhile_is_stale(self, open_store: OpenStore) -> None:
        """13: a deletion expects the version that was loaded; there is no `mine`."""
        store = open_store(REGISTRY)
        save(store, User("Ann", age=30, id=1))
        with pytest.raises(Stale) as refused, store.unit() as uow:
            ann = uow.require(User, 1)
            uow.delete(ann)
            with store.unit() as other:
                other.require(User, 1).age = 31
        stale: Any = refused.value
        assert ("changed", 1, None, 31) == (stale.kind, stale.key, stale.mine, stale.stored.age)
        assert 31 == store.require(User, 1).age

    def test_deleting_what_is_gone_is_stale(self, open_store: OpenStore) -> None:
        """13: Stale(kind="gone"), nothing stored."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with pytest.raises(Stale, match="gone") as refused, store.unit() as uow:
            uow.delete(uow.require(User, 1))
            with store.unit() as other:
                other.delete_by_key(User, 1)
        assert ("gone", None) == (refused.value.kind, refused.value.stored)

    def test_deleting_a_missing_key_is_silent(self, open_store: OpenStore) -> None:
        """13: `delete_by_key` of nothing."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            uow.delete_by_key(User, 7)
            uow.delete_by_key(User, 7)

    def test_a_deletion_by_key_takes_what_stands_there(self, open_store: OpenStore) -> None:
        """13: whatever was written meanwhile, entries and claims with it."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", id=1))
        with store.unit() as uow:
            uow.delete_by_key(User, 1)
            with store.unit() as other:
                ann = other.require(User, 1)
                ann.email, ann.age = "new@x.io", 31
        assert store.get(User, 1) is None
        assert [] == store.query(User).where(Users.age == 31).all()
        save(store, User("Bob", "ann@x.io"), User("Cid", "new@x.io"))

    def test_a_deletion_by_key_of_a_tracked_object(self, open_store: OpenStore) -> None:
        """It is that object's deletion."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            uow.delete_by_key(User, 1)
            assert "deleted" == uow.state(ann)
        assert store.get(User, 1) is None

    def test_a_deletion_by_key_of_an_added_object(self, open_store: OpenStore) -> None:
        """Neither the added one nor one that stands in the store is left."""
        store = open_store(REGISTRY)
        save(store, Team("t", "Team"))
        with store.unit() as uow:
            uow.add(Team("t", "Mine"))
            uow.delete_by_key(Team, "t")
        assert store.get(Team, "t") is None

    def test_an_object_that_was_not_loaded_is_deleted_by_its_key(
        self, open_store: OpenStore
    ) -> None:
        """As one from a form, or from another unit."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", id=1))
        with store.unit() as uow:
            uow.delete(User("whoever", id=1))
        assert store.get(User, 1) is None
        save(store, User("Bob", "ann@x.io"))

    def test_an_unknown_object_without_a_key_can_not_be_deleted(
        self, open_store: OpenStore
    ) -> None:
        """UnitError, at once."""
        store = open_store(REGISTRY)
        with store.unit() as uow, pytest.raises(UnitError, match="no key"):
            uow.delete(User("Ann"))

    def test_change_and_delete_writes_no_field(self, open_store: OpenStore) -> None:
        """14: not even a value that could not be stored is looked at."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", id=1), User("Bob", "bob@x.io", id=2))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            ann.email = "bob@x.io"
            ann.meta["k"] = object()
            uow.delete(ann)
        assert ["Bob"] == names(store.query(User).all())
        save(store, User("Cid", "ann@x.io"))

    def test_a_store_can_be_emptied_and_filled_again(self, open_store: OpenStore) -> None:
        """Nothing of the first entities is in the way of the next."""
        store = open_store(REGISTRY)
        for _ in range(3):
            save(store, *(User(f"u{id_}", f"{id_}@x.io", id_, id=id_) for id_ in range(1, 9)))
            assert 8 == store.query(User).count()
            with store.unit() as uow:
                for user in uow.query(User):
                    uow.delete(user)
            assert [] == store.query(User).all()


class TestReplacement:
    """12: `delete(a)` and `add(b)` under a's key."""

    def test_it_is_one_replacement(self, open_store: OpenStore) -> None:
        """12: a's fields, entries and claims that b lacks are gone."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, User("Ann", "ann@x.io", 30, tags=["vip"], meta={"k": 1}, id=1))
        with store.unit() as uow:
            uow.delete(uow.require(User, 1))
            bob = uow.add(User("Bob", city="Rome", id=1))
            assert bob is uow.get(User, 1)
            traffic.begin()
        traffic.expect(1)
        assert User("Bob", city="Rome", id=1) == store.get(User, 1)
        assert store.get_by(Users.by_email, "ann@x.io") is None
        for condition in (Users.age == 30, Users.name == "Ann", Users.tags.has("vip")):
            assert [] == store.query(User).where(condition).all()
        assert ["Bob"] == names(store.query(User).where(Users.name == "Bob").all())

    def test_it_expects_the_version_that_was_deleted(self, open_store: OpenStore) -> None:
        """12: somebody else's change in between is a conflict."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with pytest.raises(Stale), store.unit() as uow:
            uow.delete(uow.require(User, 1))
            uow.add(User("Bob", id=1))
            with store.unit() as other:
                other.require(User, 1).age = 31
        assert ("Ann", 31) == (store.require(User, 1).name, store.require(User, 1).age)

    def test_it_keeps_a_unique_value(self, open_store: OpenStore) -> None:
        """12: the value that both have is not in its own way."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", id=1))
        with store.unit() as uow:
            uow.delete(uow.require(User, 1))
            uow.add(User("Bob", "ann@x.io", id=1))
        assert ["Bob"] == names([store.get_by(Users.by_email, "ann@x.io")])

    def test_deleting_it_again_deletes_the_entity(self, open_store: OpenStore) -> None:
        """12: delete, add, delete."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", id=1))
        with store.unit() as uow:
            uow.delete(uow.require(User, 1))
            uow.delete(uow.add(User("Bob", id=1)))
            assert uow.get(User, 1) is None
        assert store.get(User, 1) is None
        save(store, User("Cid", "ann@x.io"))

    def test_after_it_the_object_is_a_loaded_one(self, open_store: OpenStore) -> None:
        """12: clean, and its later changes are found."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            uow.delete(uow.require(User, 1))
            bob = uow.add(User("Bob", id=1))
            uow.commit()
            assert "clean" == uow.state(bob)
            bob.age = 40
        assert User("Bob", age=40, id=1) == store.get(User, 1)

    def test_after_a_deletion_by_key_it_writes_over_whatever_stands_there(
        self, open_store: OpenStore
    ) -> None:
        """12: nothing was loaded, so there is no version to expect."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", 30, id=1))
        with store.unit() as uow:
            uow.delete_by_key(User, 1)
            uow.add(User("Bob", id=1))
        assert User("Bob", id=1) == store.get(User, 1)
        assert [] == store.query(User).where(Users.age == 30).all()
        save(store, User("Cid", "ann@x.io"))


class TestKeys:
    """15: a key is for life."""

    @pytest.mark.parametrize("key", [2, None])
    def test_changing_the_key_of_a_loaded_object(
        self, open_store: OpenStore, key: int | None
    ) -> None:
        """15: KeyChanged at commit, before anything is sent; to None as well."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            ann.id = key
            traffic.begin()
            with pytest.raises(KeyChanged, match=r"User\(1\)"):
                uow.commit()
            traffic.expect(0)
            ann.id = 1
        assert [1] == [user.id for user in store.query(User)]

    def test_changing_the_key_of_an_added_object(self, open_store: OpenStore) -> None:
        """15: it is tracked under the key that it came with."""
        store = open_store(REGISTRY)
        with pytest.raises(KeyChanged), store.unit() as uow:
            uow.add(User("Ann", id=1)).id = 2
        assert [] == store.query(User).all()

    def test_nothing_else_is_written(self, open_store: OpenStore) -> None:
        """15: the whole commit is refused."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with pytest.raises(KeyChanged), store.unit() as uow:
            uow.add(User("Bob"))
            uow.require(User, 1).id = 2
        assert ["Ann"] == names(store.query(User).all())

    def test_a_loaded_object_with_another_key_among_added_ones(self, open_store: OpenStore) -> None:
        """15: `add_all` of it does not make it new."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with pytest.raises(KeyChanged), store.unit() as uow:
            ann = uow.require(User, 1)
            ann.id = 700
            uow.add_all([ann, User("Bob", id=701)])
        assert [1] == [user.id for user in store.query(User)]

    def test_a_key_set_while_the_object_waits_for_a_number_is_its_key(
        self, open_store: OpenStore
    ) -> None:
        """A value given by the user is always kept."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            ann = uow.add(User("Ann"))
            ann.id = 70
        assert ["Ann"] == names([store.get(User, 70)])
        assert 70 == ann.id


class TestPut:
    """16: `put` writes a detached object over whatever stands there."""

    def test_on_an_absent_key(self, open_store: OpenStore) -> None:
        """16: it inserts."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            ann = uow.put(User("Ann", "ann@x.io", 30, id=1))
            assert "new" == uow.state(ann)
            uow.commit()
            assert "clean" == uow.state(ann)
        assert ann == store.get(User, 1) == store.get_by(Users.by_email, "ann@x.io")

    def test_on_a_present_key(self, open_store: OpenStore) -> None:
        """16: fields, entries and claims that it lacks are removed."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", 30, "Rome", ["vip"], {"k": 1}, id=1))
        with store.unit() as uow:
            uow.put(User("Bob", "bob@x.io", id=1))
        assert User("Bob", "bob@x.io", id=1) == store.get(User, 1)
        for condition in (Users.age == 30, Users.name == "Ann", Users.tags.has("vip")):
            assert [] == store.query(User).where(condition).all()
        assert ["Bob"] == names([store.get_by(Users.by_email, "bob@x.io")])
        save(store, User("Cid", "ann@x.io"))

    def test_it_makes_a_new_version(self, open_store: OpenStore) -> None:
        """16: whoever loaded the entity before finds that it has changed."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with pytest.raises(Stale), store.unit() as uow:
            uow.require(User, 1).age = 30
            with store.unit() as other:
                other.put(User("Bob", id=1))
        assert User("Bob", id=1) == store.get(User, 1)

    def test_over_the_version_it_was_read_at(self, open_store: OpenStore) -> None:
        """16: `put(version=v)` goes over v."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", id=1))
        with store.unit() as uow:
            version = uow.version_of(uow.require(User, 1))
        with store.unit() as uow:
            uow.put(User("Bob", id=1), version=version)
        assert User("Bob", id=1) == store.get(User, 1)

    def test_over_another_version(self, open_store: OpenStore) -> None:
        """16: `put(version=v)` only over v; there is no base, for nothing was loaded."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            version = uow.version_of(uow.require(User, 1))
        with store.unit() as uow:
            uow.require(User, 1).age = 31
        mine = User("Bob", id=1)
        with pytest.raises(Stale) as refused, store.unit() as uow:
            uow.put(mine, version=version)
        stale = refused.value
        assert ("changed", None, User("Ann", age=31, id=1)) == (
            stale.kind,
            stale.base,
            stale.stored,
        )
        assert mine is stale.mine
        assert "Ann" == store.require(User, 1).name

    def test_over_a_version_of_what_is_gone(self, open_store: OpenStore) -> None:
        """16: Stale(kind="gone"); nothing is inserted."""
        store = open_store(REGISTRY)
        with pytest.raises(Stale) as refused, store.unit() as uow:
            uow.put(User("Ann", id=1), version="some-version")
        assert ("gone", None) == (refused.value.kind, refused.value.stored)
        assert store.get(User, 1) is None

    def test_over_another_version_with_equal_content(self, open_store: OpenStore) -> None:
        """16: the version decides, not the content."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with pytest.raises(Stale), store.unit() as uow:
            uow.put(User("Ann", id=1), version="another-version")

    def test_of_a_loaded_object(self, open_store: OpenStore) -> None:
        """It is tracked already: its changes are written as those of any other."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            ann = uow.put(uow.require(User, 1))
            assert "clean" == uow.state(ann)
            ann.age = 30
        assert 30 == store.require(User, 1).age

    @pytest.mark.parametrize("policy", POLICIES)
    @pytest.mark.parametrize("changed", [True, False], ids=["changed", "clean"])
    def test_of_a_loaded_object_over_a_version(
        self,
        open_store: OpenStore,
        policy: str,
        changed: bool,  # noqa: FBT001 - a case
    ) -> None:
        """16: only over that version, whatever was loaded and whatever the policy."""
        store = open_store(POLICIES[policy])
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            ann.age = 30 if changed else None
            version = uow.version_of(ann)
            uow.put(ann, version="another-version")
            with pytest.raises(Stale) as refused:
                uow.commit()
            assert ("changed", ann) == (refused.value.kind, refused.value.obj)
            uow.put(ann, version=version)
            uow.commit()
            assert "clean" == uow.state(ann)
            assert changed == (version != uow.version_of(ann))
        assert (30 if changed else None) == store.require(User, 1).age

    @pytest.mark.parametrize("version", [5, b"x", "\ud800"], ids=["int", "bytes", "surrogate"])
    def test_what_is_no_version(self, open_store: OpenStore, version: Any) -> None:  # noqa: ANN401
        """16: refused by `put`, by name."""
        with (
            open_store(REGISTRY).unit() as uow,
            pytest.raises(UnitError, match=r"put\(version=.*version_of"),
        ):
            uow.put(User("Ann", id=1), version=version)

    def test_of_a_deleted_object_undoes_the_delete(self, open_store: OpenStore) -> None:
        """As `add` does."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            uow.delete(ann)
            uow.put(ann)
        assert ["Ann"] == names([store.get(User, 1)])

    def test_after_an_add_it_writes_over(self, open_store: OpenStore) -> None:
        """The last word counts."""
        store = open_store(REGISTRY)
        save(store, Team("t", "Team"))
        with store.unit() as uow:
            mine = uow.add(Team("t", "Mine"))
            uow.put(mine)
        assert "Mine" == store.require(Team, "t").name

    def test_put_and_delete_deletes(self, open_store: OpenStore) -> None:
        """What stands under the key goes: the unit's last word was that it shall be gone."""
        store = open_store(REGISTRY)
        save(store, Team("t", "Team"))
        with store.unit() as uow:
            uow.delete(uow.put(Team("t", "Mine")))
        assert store.get(Team, "t") is None

    def test_of_what_is_equal_writes_nothing(self, open_store: OpenStore) -> None:
        """The version stays; afterwards the object is clean, and its changes are found."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", id=1))
        with store.unit() as uow:
            version = uow.version_of(uow.require(User, 1))
        with store.unit() as uow:
            ann = uow.put(User("Ann", "ann@x.io", id=1))
            uow.commit()
            assert ("clean", version) == (uow.state(ann), uow.version_of(ann))
            ann.age = 30
        assert 30 == store.require(User, 1).age

    def test_while_somebody_else_writes(self, open_store: OpenStore) -> None:
        """The record is read and planned again until it holds; entries agree with the record."""
        store = open_store(REGISTRY)
        for age in range(5):
            with store.unit() as uow:
                uow.put(User("Ann", f"{age}@x.io", age, id=1))
                with store.unit() as other:
                    other.put(User("Bob", f"other{age}@x.io", 100 + age, id=1))
        assert [4] == [user.age for user in store.query(User).where(Users.age >= 0).all()]
        save(store, *(User("free", f"other{age}@x.io") for age in range(5)))

    def test_into_a_taken_unique_value(self, open_store: OpenStore) -> None:
        """A `put` writes over its own key, not over another entity's claim."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", id=1), User("Bob", "bob@x.io", id=2))
        with pytest.raises(Conflict, match=r"ann@x\.io"), store.unit() as uow:
            uow.put(User("Bob", "ann@x.io", id=2))
        assert "bob@x.io" == store.require(User, 2).email


class TestReplace:
    """17: `replace(old, new)` is the way to change a frozen object."""

    def test_it_keeps_base_and_version(self, open_store: OpenStore) -> None:
        """17: only what differs changes, and somebody else's write in between is a conflict."""
        store = open_store(REGISTRY)
        save(store, Team("t", "Team", 7))
        with store.unit() as uow:
            old = uow.require(Team, "t")
            new = uow.replace(old, attrs.evolve(old, name="New"))
            (change,) = uow.changes()
            assert ("update", {"name": ("Team", "New")}) == (change.kind, change.fields)
            assert ("untracked", "dirty") == (uow.state(old), uow.state(new))
            uow.commit()
            assert "clean" == uow.state(new)
        with pytest.raises(Stale), store.unit() as uow:
            old = uow.require(Team, "t")
            uow.replace(old, attrs.evolve(old, budget=8))
            with store.unit() as other:
                theirs = other.require(Team, "t")
                other.replace(theirs, attrs.evolve(theirs, budget=9))
        assert Team("t", "New", 9) == store.get(Team, "t")

    def test_a_chain_writes_once(self, open_store: OpenStore) -> None:
        """17: only the last one is written."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, Team("t", "Team", 0))
        with store.unit() as uow:
            team = uow.require(Team, "t")
            for budget in range(1, 5):
                team = uow.replace(team, attrs.evolve(team, budget=budget))
            traffic.begin()
        traffic.expect(1)
        assert 4 == store.require(Team, "t").budget

    def test_with_an_equal_value_it_is_clean(self, open_store: OpenStore) -> None:
        """17: and nothing is sent."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, Team("t", "Team"))
        with store.unit() as uow:
            new = uow.replace(uow.require(Team, "t"), Team("t", "Team"))
            assert "clean" == uow.state(new)
            traffic.begin()
        traffic.expect(0)

    def test_by_itself_it_changes_nothing(self, open_store: OpenStore) -> None:
        """17: `replace(a, a)`."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            assert ann is uow.replace(ann, ann)
            ann.age = 30
        assert 30 == store.require(User, 1).age

    def test_and_back(self, open_store: OpenStore) -> None:
        """17: the first object is the current one again, and may be changed."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            bob = uow.replace(ann, attrs.evolve(ann, name="Bob"))
            uow.replace(bob, ann)
            ann.name = "Cid"
        assert ["Cid"] == names([store.get(User, 1)])

    @pytest.mark.parametrize(
        "wrong",
        [
            pytest.param(lambda: User("Ann"), id="class"),
            pytest.param(lambda: Team("other", "Team"), id="key"),
        ],
    )
    def test_another_class_or_key_is_an_error(
        self, open_store: OpenStore, wrong: Callable[[], object]
    ) -> None:
        """17: UnitError, at once; the old one stays tracked."""
        store = open_store(REGISTRY)
        save(store, Team("t", "Team"))
        with store.unit() as uow:
            team = uow.require(Team, "t")
            with pytest.raises(UnitError, match="replace"):
                uow.replace(team, wrong())
            assert team is uow.get(Team, "t")

    def test_what_is_not_tracked_can_not_be_replaced(self, open_store: OpenStore) -> None:
        """17: UnitError names the verb."""
        store = open_store(REGISTRY)
        with store.unit() as uow, pytest.raises(UnitError, match="replace"):
            uow.replace(Team("t", "Team"), Team("t", "New"))

    def test_by_an_object_that_is_tracked_is_an_error(self, open_store: OpenStore) -> None:
        """17: one object can not stand for two entities."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            first, second = uow.add(User("Ann")), uow.add(User("Bob"))
            with pytest.raises(UnitError, match="tracked"):
                uow.replace(first, second)
            uow.rollback()

    def test_a_new_object_stays_new(self, open_store: OpenStore) -> None:
        """17: the commit inserts the replacement, and only that."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            old = uow.add(User("Ann"))
            new = uow.replace(old, User("Bob"))
            assert "new" == uow.state(new)
        assert [("Bob", new.id)] == [(user.name, user.id) for user in store.query(User)]
        assert old.id is None

    def test_reads_then_give_the_new_object(self, open_store: OpenStore) -> None:
        """17: by every path."""
        store = open_store(REGISTRY)
        save(store, Team("t", "Team"))
        with store.unit() as uow:
            old = uow.require(Team, "t")
            new = uow.replace(old, attrs.evolve(old, name="New"))
            assert new is uow.get(Team, "t")
            assert new is uow.query(Team).one()
            assert new is uow.get_by(Teams.by_name, "New")
            assert uow.get_by(Teams.by_name, "Team") is None

    def test_a_superseded_object_that_is_changed_afterwards(self, open_store: OpenStore) -> None:
        """17: an error at commit, not a silent loss; nothing is written."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with pytest.raises(UnitError, match="replaced"), store.unit() as uow:
            old = uow.require(User, 1)
            uow.replace(old, attrs.evolve(old, name="Bob"))
            old.age = 30
        assert User("Ann", id=1) == store.get(User, 1)

    def test_superseded_objects_are_free_after_the_commit(self, open_store: OpenStore) -> None:
        """17: changing one then is nobody's loss, and changes nothing."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1), User("Bob", id=2))
        with store.unit() as uow:
            olds = uow.query(User).all()
            for old in olds:
                uow.replace(old, attrs.evolve(old, age=30))
            uow.commit()
            olds[0].age = 40
            uow.commit()
        assert [30, 30] == [user.age for user in store.query(User)]

    def test_a_superseded_object_can_not_be_used_again(self, open_store: OpenStore) -> None:
        """17: verbs refuse it, saying why."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            old = uow.require(User, 1)
            uow.replace(old, attrs.evolve(old, name="Bob"))
            for verb in (uow.delete, uow.refresh):
                with pytest.raises(UnitError, match="replaced"):
                    verb(old)
            for enter in (uow.add, uow.put):
                with pytest.raises(IdentityConflict):
                    enter(old)
            uow.rollback()

    def test_changes_made_before_are_kept_out(self, open_store: OpenStore) -> None:
        """17: what counts is the new object, compared with what was loaded."""
        store = open_store(REGISTRY)
        save(store, User("Ann", age=30, id=1))
        with store.unit() as uow:
            old = uow.require(User, 1)
            old.age = 31
            uow.replace(old, User("Bob", age=30, id=1))
        assert User("Bob", age=30, id=1) == store.get(User, 1)


class TestUntrack:
    """`untrack` forgets an object and its pending change."""

    def test_a_change_is_forgotten(self, open_store: OpenStore) -> None:
        """Nothing is written; reading again makes another object."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            ann.age = 30
            uow.untrack(ann)
            assert "untracked" == uow.state(ann)
            again = uow.require(User, 1)
            assert (True, None) == (again is not ann, again.age)
        assert store.require(User, 1).age is None

    def test_an_added_object_is_forgotten(self, open_store: OpenStore) -> None:
        """And so is a deletion."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            uow.untrack(uow.add(User("Bob")))
            ann = uow.require(User, 1)
            uow.delete(ann)
            uow.untrack(ann)
            assert [] == uow.changes()
        assert ["Ann"] == names(store.query(User).all())

    def test_what_is_not_tracked_has_no_effect(self, open_store: OpenStore) -> None:
        """Twice, or never added."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            ann = uow.add(User("Ann"))
            uow.untrack(ann)
            uow.untrack(ann)
            uow.untrack(User("Bob"))

    def test_an_untracked_object_can_be_put(self, open_store: OpenStore) -> None:
        """It is a detached object then."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            uow.untrack(ann)
            ann.age = 30
            uow.put(ann)
        assert 30 == store.require(User, 1).age


class TestRefresh:
    """`refresh` loads a tracked object anew."""

    def test_it_takes_over_what_is_stored(self, open_store: OpenStore) -> None:
        """Over what was changed here; the object stays the same one."""
        store = open_store(REGISTRY)
        save(store, User("Ann", age=30, tags=["a"], id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            ann.name = "mine"
            ann.tags.append("mine")
            with store.unit() as other:
                other.require(User, 1).age = 31
            uow.refresh(ann)
            assert User("Ann", age=31, tags=["a"], id=1) == ann
            assert "clean" == uow.state(ann)
            assert ann is uow.get(User, 1)

    def test_after_it_a_commit_goes_through(self, open_store: OpenStore) -> None:
        """What was stale no longer is."""
        store = open_store(REGISTRY)
        save(store, User("Ann", age=30, id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            with store.unit() as other:
                other.require(User, 1).age = 31
            uow.query(User).all()
            uow.refresh(ann)
            ann.age = 40
        assert 40 == store.require(User, 1).age

    def test_what_is_gone_is_not_found(self, open_store: OpenStore) -> None:
        """NotFound with the key; the object stays as it is."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            with store.unit() as other:
                other.delete_by_key(User, 1)
            with pytest.raises(NotFound) as refused:
                uow.refresh(ann)
            assert (1, "Ann") == (refused.value.key, ann.name)

    def test_what_is_new_or_unknown_or_frozen_is_refused(self, open_store: OpenStore) -> None:
        """UnitError says why."""
        store = open_store(REGISTRY)
        save(store, Team("t", "Team"))
        with store.unit() as uow:
            with pytest.raises(UnitError, match="new"):
                uow.refresh(uow.add(User("Ann")))
            with pytest.raises(UnitError, match="not tracked"):
                uow.refresh(User("Bob", id=1))
            with pytest.raises(UnitError, match="frozen"):
                uow.refresh(uow.require(Team, "t"))
            with pytest.raises(NotMapped):
                uow.refresh(None)
            uow.rollback()
