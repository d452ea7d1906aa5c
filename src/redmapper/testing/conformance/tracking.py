"""States and identity: points 1 to 9 of what a unit of work must do."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import attrs
import pytest

from redmapper.errors import IdentityConflict, NotFound, NotMapped, Stale
from redmapper.testing.conformance.entities import (
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
class Admin(User):
    """A subclass that no mapper names."""


class TestStates:
    """What a unit says of an object."""

    def test_an_object_passes_through_its_states(self, open_store: OpenStore) -> None:
        """2: untracked, new, clean, dirty, deleted, and untracked again."""
        store = open_store(REGISTRY)
        ann = User("Ann")
        with store.unit() as uow:
            seen = [uow.state(ann)]
            uow.add(ann)
            seen.append(uow.state(ann))
            uow.commit()
            seen.append(uow.state(ann))
            ann.age = 30
            seen.append(uow.state(ann))
            uow.delete(ann)
            seen.append(uow.state(ann))
            uow.commit()
            seen.append(uow.state(ann))
        assert ["untracked", "new", "clean", "dirty", "deleted", "untracked"] == seen

    def test_set_and_set_back_is_clean(self, open_store: OpenStore) -> None:
        """2: `dirty` is exact; nothing is sent."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, User("Ann", age=30, tags=["a"], id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            ann.age, ann.tags = 31, ["b"]
            assert "dirty" == uow.state(ann)
            ann.age, ann.tags = 30, ["a"]
            assert "clean" == uow.state(ann)
            traffic.begin()
        traffic.expect(0)

    def test_what_is_in_a_unit(self, open_store: OpenStore) -> None:
        """`in` is true of tracked objects, and false of deleted and unknown ones, equal or not."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            assert ann in uow
            assert copy.copy(ann) not in uow
            uow.delete(ann)
            assert ann not in uow

    def test_after_the_unit_an_object_is_plain(self, open_store: OpenStore) -> None:
        """3: every attribute reads; it pickles and copies."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", 30, "Rome", ["a"], {"k": [1]}, id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
        expected = User("Ann", "ann@x.io", 30, "Rome", ["a"], {"k": [1]}, id=1)
        assert expected == ann == copy.deepcopy(ann) == pickle.loads(pickle.dumps(ann))  # noqa: S301 - our own

    def test_added_objects_stay_as_they_are(self, open_store: OpenStore) -> None:
        """3: a commit changes nothing on an object but its key."""
        store = open_store(REGISTRY)
        tags = ["a"]
        ann = User("Ann", tags=tags)
        save(store, ann)
        assert attrs.evolve(User("Ann", tags=["a"]), id=ann.id) == ann
        assert tags is ann.tags


class TestIdentity:
    """One key is one object, whatever the path."""

    def test_every_path_leads_to_one_object(self, open_store: OpenStore) -> None:
        """4: get, require, get_many, get_by, queries of all kinds."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", 30, tags=["vip"], id=1))
        with store.unit() as uow:
            ann = uow.get(User, 1)
            paths: list[Any] = [
                uow.get(Users, 1),
                uow.require(User, 1),
                uow.get_many(User, [1])[0],
                uow.get_by(Users.by_email, "ann@x.io"),
                uow.query(User).first(),
                uow.query(Users).where(Users.age == 30).one(),
                uow.query(User).where(Users.name == "Ann").one(),
                uow.query(User).where(Users.tags.has("vip")).one(),
                uow.query(User).where(Users.id == 1).one_or_none(),
                next(iter(uow.query(User))),
            ]
            assert ann is not None
            assert [] == [path for path in paths if path is not ann]

    def test_an_added_object_is_found_by_every_path_after_the_commit(
        self, open_store: OpenStore
    ) -> None:
        """4: the object itself, not another one."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            ann = uow.add(User("Ann", "ann@x.io", 30))
            uow.commit()
            assert ann is uow.get(User, ann.id)
            assert ann is uow.get_by(Users.by_email, "ann@x.io")
            assert ann is uow.query(User).where(Users.age == 30).one()

    def test_a_second_read_keeps_local_changes(self, open_store: OpenStore) -> None:
        """4: reading again never overwrites what was changed."""
        store = open_store(REGISTRY)
        save(store, User("Ann", age=30, id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            ann.age = 31
            assert ann is uow.get(User, 1)
            assert ann is uow.query(User).all()[0]
            assert 31 == ann.age
            uow.rollback()

    def test_a_second_read_does_not_refresh(self, open_store: OpenStore) -> None:
        """4: a clean object stays as it was loaded, though the store has a newer one."""
        store = open_store(REGISTRY)
        save(store, User("Ann", age=30, id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            with store.unit() as other:
                other.require(User, 1).age = 40
            assert ann is uow.query(User).first()
            assert 30 == ann.age

    def test_a_newer_version_seen_on_the_way_fails_the_commit_early(
        self, open_store: OpenStore
    ) -> None:
        """4: without another round trip."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, User("Ann", age=30, id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            with store.unit() as other:
                other.require(User, 1).age = 40
            uow.query(User).all()
            ann.age = 31
            traffic.begin()
            with pytest.raises(Stale) as refused:
                uow.commit()
            traffic.expect(0)
            uow.rollback()
        stale: Any = refused.value
        found = (stale.kind, stale.base.age, stale.mine.age, stale.stored.age)
        assert ("changed", 30, 31, 40) == found

    def test_a_newer_version_seen_harms_nobody_who_only_reads(self, open_store: OpenStore) -> None:
        """4: a unit that changes another object commits."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1), User("Bob", id=2))
        with store.unit() as uow:
            uow.require(User, 1)
            bob = uow.require(User, 2)
            with store.unit() as other:
                other.require(User, 1).age = 40
            uow.query(User).all()
            bob.age = 20
        assert [40, 20] == [user.age for user in store.query(User).all()]

    def test_an_added_object_is_got_without_io(self, open_store: OpenStore) -> None:
        """5: `get` of an object added here returns it."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            bob = uow.add(User("Bob", id=2))
            traffic.begin()
            assert bob is uow.get(User, 2)
            assert bob is uow.require(User, 2)
            traffic.expect(0)
            uow.rollback()

    def test_a_deleted_object_is_none(self, open_store: OpenStore) -> None:
        """5: by every path, whichever way it was deleted."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "a@x.io", 30, id=1), User("Bob", "b@x.io", 30, id=2))
        with store.unit() as uow:
            uow.delete(uow.require(User, 1))
            uow.delete_by_key(User, 2)
            assert [None, None] == uow.get_many(User, [1, 2])
            assert uow.get_by(Users.by_email, "a@x.io") is None
            assert uow.get_by(Users.by_email, "b@x.io") is None
            assert [] == uow.query(User).where(Users.age == 30).all()
            with pytest.raises(NotFound):
                uow.require(User, 2)
            uow.rollback()

    def test_a_missing_key_is_read_again(self, open_store: OpenStore) -> None:
        """5: None is not remembered."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            assert uow.get(User, 1) is None
            save(store, User("Ann", id=1))
            assert ["Ann"] == names([uow.get(User, 1)])


class TestMany:
    """`get_many` and `require`."""

    def test_the_order_is_that_of_the_keys(self, open_store: OpenStore) -> None:
        """6: duplicates give the same object, the missing are None."""
        store = open_store(REGISTRY)
        save(store, *(User(name, id=id_) for id_, name in enumerate("abc", start=1)))
        with store.unit() as uow:
            found = uow.get_many(User, [3, 9, 1, 3, 2])
            assert ["c", None, "a", "c", "b"] == names(found)
            assert found[0] is found[3]

    def test_it_is_one_round_trip_for_the_unknown_ones(self, open_store: OpenStore) -> None:
        """6: and none where all are known."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, *(User(name, id=id_) for id_, name in enumerate("abcde", start=1)))
        with store.unit() as uow:
            uow.get(User, 2)
            traffic.begin()
            uow.get_many(User, [1, 2, 3, 4, 5])
            traffic.expect(1)
            uow.get_many(User, [5, 4, 3, 2, 1])
            traffic.expect(1)

    def test_no_keys_are_no_objects(self, open_store: OpenStore) -> None:
        """6: an empty list, without I/O."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, User("Ann"))
        traffic.begin()
        assert [] == store.get_many(User, [])
        traffic.expect(0)

    def test_it_knows_what_was_added_and_deleted_here(self, open_store: OpenStore) -> None:
        """6: the unit's own changes count."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1), User("Bob", id=2))
        with store.unit() as uow:
            uow.delete_by_key(User, 1)
            uow.add(User("Cid", id=3))
            assert [None, "Bob", "Cid"] == names(uow.get_many(User, [1, 2, 3]))
            uow.rollback()

    def test_require_names_what_is_missing(self, open_store: OpenStore) -> None:
        """NotFound carries the key, and a message with the class."""
        store = open_store(REGISTRY)
        with pytest.raises(NotFound, match=r"User.*7") as refused:
            store.require(User, 7)
        assert 7 == refused.value.key

    def test_a_store_reads_without_a_unit(self, open_store: OpenStore) -> None:
        """The stateless door: untracked objects, another one each time."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", id=1))
        first, second = store.get(User, 1), store.require(User, 1)
        assert first == second == store.get_by(Users.by_email, "ann@x.io")
        assert first is not second
        assert store.get(User, 2) is None
        assert [1] == [user.id for user in store.query(Users)]


class TestRefusedObjects:
    """What can not be tracked fails at once."""

    def test_another_object_under_a_tracked_key(self, open_store: OpenStore) -> None:
        """7: IdentityConflict at `add`, naming `replace`; the first stays tracked."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            ann = uow.add(User("Ann", id=1))
            with pytest.raises(IdentityConflict, match="replace"):
                uow.add(User("Another Ann", id=1))
            assert ann is uow.get(User, 1)
        assert "Ann" == store.require(User, 1).name

    def test_another_object_under_a_loaded_key(self, open_store: OpenStore) -> None:
        """7: `put` is refused like `add`."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            uow.get(User, 1)
            for verb in (uow.add, uow.put):
                with pytest.raises(IdentityConflict, match="replace"):
                    verb(User("Another Ann", id=1))

    def test_an_unmapped_class(self, open_store: OpenStore) -> None:
        """9: NotMapped names the mapped ones, before any I/O."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        with store.unit() as uow:
            for call in (uow.add, uow.put, uow.delete, uow.refresh):
                with pytest.raises(NotMapped, match=r"object.*Team, User"):
                    call(object())
            for read in (uow.get, uow.require, uow.delete_by_key):
                with pytest.raises(NotMapped, match=r"dict.*Team, User"):
                    read(dict, 1)
            with pytest.raises(NotMapped):
                uow.query(dict)
        assert [] == traffic.verbs

    def test_an_unmapped_subclass_of_a_mapped_class(self, open_store: OpenStore) -> None:
        """9: it would lose what it adds."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            with pytest.raises(NotMapped, match=r"Admin.*User"):
                uow.add(Admin("Ann"))
            with pytest.raises(NotMapped, match=r"Admin.*User"):
                uow.get(Admin, 1)

    def test_none_and_a_class_are_no_objects(self, open_store: OpenStore) -> None:
        """9: refused at once, and by name."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            for verb in (uow.add, uow.put, uow.delete):
                with pytest.raises(NotMapped):
                    verb(None)
                with pytest.raises(NotMapped, match="User"):
                    verb(User)
                with pytest.raises(NotMapped, match="Users"):
                    verb(Users)

    def test_an_object_is_no_class(self, open_store: OpenStore) -> None:
        """9: `get(ann, 1)` is refused by name."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            wrongs: list[Any] = [User("Ann"), None, "User"]
            for wrong in wrongs:
                with pytest.raises(NotMapped):
                    uow.get(wrong, 1)


class TestChanges:
    """`changes()` tells what a commit would do."""

    def test_they_come_in_the_order_of_registration(self, open_store: OpenStore) -> None:
        """8: typed changes, without I/O."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, User("Ann", age=30, id=1), User("Bob", id=2), User("Cid", id=3))
        with store.unit() as uow:
            dan = uow.add(User("Dan"))
            ann, bob = uow.require(User, 1), uow.require(User, 2)
            bob_s_team = uow.put(Team("t", "Team"))
            ann.age = 31
            uow.delete(bob)
            traffic.begin()
            changes: list[Any] = uow.changes()
            traffic.expect(0)
            assert ["insert", "update", "delete", "put"] == [change.kind for change in changes]
            for obj, change in zip([dan, ann, bob, bob_s_team], changes, strict=True):
                assert obj is change.obj
            assert [None, 1, 2, "t"] == [change.key for change in changes]
            assert {"age": (30, 31)} == changes[1].fields
            assert 30 == changes[1].base.age
            uow.rollback()

    def test_a_deletion_by_key_has_no_object(self, open_store: OpenStore) -> None:
        """8: but its key."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            uow.delete_by_key(User, 7)
            (change,) = uow.changes()
            assert ("delete", None, 7) == (change.kind, change.obj, change.key)

    def test_an_insert_shows_every_field(self, open_store: OpenStore) -> None:
        """8: as (None, value)."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            uow.add(Team("t", "Team", 7))
            (change,) = uow.changes()
            assert {"name": (None, "Team"), "budget": (None, 7)} == change.fields
            assert change.base is None
            uow.rollback()

    def test_a_field_set_to_none_shows_both(self, open_store: OpenStore) -> None:
        """8: (old, None); one that was None before, (None, new)."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            ann.email, ann.age = None, 30
            (change,) = uow.changes()
            assert {"email": ("ann@x.io", None), "age": (None, 30)} == change.fields

    def test_a_nested_change_shows_the_whole_value(self, open_store: OpenStore) -> None:
        """8, 18: as it was loaded, and as it is."""
        store = open_store(REGISTRY)
        save(store, User("Ann", tags=["a"], meta={"k": [1]}, id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            ann.tags.append("b")
            ann.meta["k"].append(2)
            (change,) = uow.changes()
            expected = {"tags": (["a"], ["a", "b"]), "meta": ({"k": [1]}, {"k": [1, 2]})}
            assert expected == change.fields

    def test_clean_objects_have_none(self, open_store: OpenStore) -> None:
        """8: nothing but changes is listed; after a commit there are none."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            uow.require(User, 1)
            assert [] == uow.changes()
            uow.add(User("Bob"))
            assert 1 == len(uow.changes())
            uow.commit()
            assert [] == uow.changes()


class TestVersions:
    """`version_of` is a token that changes with each write."""

    def test_a_new_object_has_none(self, open_store: OpenStore) -> None:
        """And has one after the commit."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            ann = uow.add(User("Ann"))
            assert uow.version_of(ann) is None
            uow.commit()
            version = uow.version_of(ann)
            assert version
        with store.unit() as uow:
            assert version == uow.version_of(uow.require(User, ann.id))

    def test_every_write_makes_another(self, open_store: OpenStore) -> None:
        """Setting a value and setting it back are two versions."""
        store = open_store(REGISTRY)
        save(store, User("Ann", age=30, id=1))
        seen = []
        for age in (30, 31, 30):
            with store.unit() as uow:
                ann = uow.require(User, 1)
                ann.age = age
                uow.commit()
                seen.append(uow.version_of(ann))
        assert 3 == len(set(seen))

    def test_delete_and_add_again_is_another(self, open_store: OpenStore) -> None:
        """A token, not a counter."""
        store = open_store(REGISTRY)
        seen = set()
        for _ in range(3):
            with store.unit() as uow:
                team = uow.add(Team("t", "Team"))
                uow.commit()
                seen.add(uow.version_of(team))
                uow.delete(team)
        assert 3 == len(seen)

    def test_mapper_and_class_name_the_same(self, open_store: OpenStore) -> None:
        """`cls` may be either, in every verb."""
        store = open_store(REGISTRY)
        save(store, Team("t", "Team"))
        with store.unit() as uow:
            team = uow.get(Team, "t")
            assert team is uow.get(Teams, "t")
            assert team is uow.require(Teams, "t")
            assert team is uow.get_many(Teams, ["t"])[0]
            assert team is uow.query(Teams).one()
            uow.delete_by_key(Teams, "t")
        assert store.get(Team, "t") is None
