"""Commits: once, whole or not at all; points 21, 23, 24, 50."""
# ruff: noqa: PT012 - a unit of work fails where its block ends

from __future__ import annotations

import asyncio

import pytest

from redmapper.errors import Taken
from redmapper.testing.conformance.entities import (
    OVERWRITTEN,
    REGISTRY,
    Team,
    Traffic,
    User,
    Users,
    names,
    save,
)
from redmapper.testing.conformance.faces import OpenStore


class Interrupted(BaseException):
    """Not even an Exception."""


class TestCommit:
    """What a commit sends."""

    def test_a_clean_exit_commits(self, open_store: OpenStore) -> None:
        """23: everything of the unit, at once."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            uow.add(User("Ann"))
            uow.add(Team("t", "Team"))
            assert (0, 0) == (store.query(User).count(), store.query(Team).count())
        assert (1, 1) == (store.query(User).count(), store.query(Team).count())

    @pytest.mark.parametrize(
        "kind",
        [
            *(ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, Interrupted),
            asyncio.CancelledError,
        ],
    )
    def test_an_exception_discards(self, open_store: OpenStore, kind: type[BaseException]) -> None:
        """23: any, cancellation too; and passes unchanged."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, User("Ann", id=1))
        error = kind("stop")
        with pytest.raises(kind) as raised, store.unit() as uow:
            uow.require(User, 1).age = 7
            uow.add(User("Bob"))
            traffic.begin()
            raise error
        traffic.expect(0)
        assert error is raised.value
        assert [("Ann", None)] == [(user.name, user.age) for user in store.query(User)]

    def test_nothing_to_do_sends_nothing(self, open_store: OpenStore) -> None:
        """24: an empty unit, and one that only read."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, User("Ann", id=1))
        traffic.begin()
        with store.unit() as uow:
            uow.commit()
        traffic.expect(0)
        with store.unit() as uow:
            uow.get(User, 1)
        traffic.expect(1)

    def test_anything_else_is_one_call(self, open_store: OpenStore) -> None:
        """24: inserts, updates, deletions, of several mappers."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, *(User(f"u{at}", f"{at}@x.io", at, id=at) for at in range(1, 9)))
        save(store, Team("t", "Team"))
        with store.unit() as uow:
            users = uow.query(User).all()
            for user in users[:4]:
                user.age = 70
                user.email = f"new{user.id}@x.io"
            for user in users[4:]:
                uow.delete(user)
            uow.add_all(User(f"v{at}", f"{at}@y.io", id=at) for at in range(20, 40))
            uow.add(Team("s", "Other"))
            traffic.begin()
        traffic.expect(1)
        assert 24 == store.query(User).count()

    def test_blind_writes_are_a_read_and_a_call(self, open_store: OpenStore) -> None:
        """24: however many there are."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, *(User(f"u{at}", id=at) for at in range(1, 9)))
        traffic.begin()
        with store.unit() as uow:
            for at in range(1, 5):
                uow.delete_by_key(User, at)
            for at in range(5, 12):
                uow.put(User("put", id=at))
        traffic.expect(2)
        assert ["put"] * 7 == names(store.query(User))

    def test_overwriting_is_a_read_and_a_call(self, open_store: OpenStore) -> None:
        """24: `conflict="overwrite"`."""
        traffic = Traffic()
        store = open_store(OVERWRITTEN, on_batch=traffic)
        save(store, *(User(f"u{at}", id=at) for at in range(1, 9)))
        with store.unit() as uow:
            for user in uow.query(User):
                user.age = 7
            traffic.begin()
        traffic.expect(2)

    def test_a_refused_commit_is_one_call(self, open_store: OpenStore) -> None:
        """24: and writes nothing."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, User("Ann", "ann@x.io", id=1))
        with store.unit() as uow:
            uow.add(User("Bob", "ann@x.io", id=2))
            uow.add(User("Cid", id=3))
            traffic.begin()
            with pytest.raises(Taken):
                uow.commit()
            traffic.expect(1)
            uow.rollback()
        assert ["Ann"] == names(store.query(User))

    def test_a_field_set_to_none_is_cleared(self, open_store: OpenStore) -> None:
        """21: from the record and from its indexes."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", 30, "Rome", ["a"], {"k": 1}, id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            ann.email = ann.age = ann.city = None
            ann.tags, ann.meta = [], {}
        assert User("Ann", id=1) == store.get(User, 1)
        assert store.get_by(Users.by_email, "ann@x.io") is None
        assert [] == store.query(User).where(Users.age == 30).all()
        assert [] == store.query(User).where(Users.tags.has("a")).all()
        assert [1] == [user.id for user in store.query(User).where(Users.age.is_none())]

    def test_a_collection_grows_and_shrinks_in_its_index(self, open_store: OpenStore) -> None:
        """21: an entry an element, each once."""
        store = open_store(REGISTRY)
        save(store, User("Ann", tags=["a", "b", "a"], id=1))
        for tags in (["b", "c"], [], ["c", "c"], ["d"]):
            with store.unit() as uow:
                uow.require(User, 1).tags = tags
            found = {
                tag for tag in "abcd" for _ in store.query(User).where(Users.tags.has(tag)).all()
            }
            assert set(tags) == found

    def test_large_units(self, open_store: OpenStore) -> None:
        """3,000 objects: inserted, changed and deleted, each in one commit."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            uow.add_all(
                User(f"u{at % 7}", f"{at}@x.io", at % 11, tags=[f"t{at % 5}"], id=at)
                for at in range(3_000)
            )
        assert 3_000 == store.query(User).count()
        with store.unit() as uow:
            for user in uow.query(User):
                user.age = 50
                user.tags = ["new"]
        assert 3_000 == store.query(User).where(Users.age == 50).count()
        assert 3_000 == store.query(User).where(Users.tags.has("new")).count()
        assert 0 == store.query(User).where(Users.tags.has("t1")).count()
        with store.unit() as uow:
            for user in uow.query(User):
                uow.delete(user)
        assert 0 == store.query(User).count()
        assert [] == store.query(User).where(Users.name == "u1").all()


class TestMiddle:
    """50: `commit()` in the middle makes two atoms; `rollback()` empties the unit."""

    def test_objects_stay_tracked_and_clean(self, open_store: OpenStore) -> None:
        """50: with new versions."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            ann, bob = uow.require(User, 1), uow.add(User("Bob"))
            ann.age = 1
            before = uow.version_of(ann)
            uow.commit()
            assert ("clean", "clean") == (uow.state(ann), uow.state(bob))
            assert before != uow.version_of(ann)
            assert ann is uow.get(User, 1)
            assert bob is uow.get(User, bob.id)
            ann.age = bob.age = 2
        assert [2, 2] == [user.age for user in store.query(User)]

    def test_the_first_atom_stays(self, open_store: OpenStore) -> None:
        """50: whatever becomes of the rest."""
        store = open_store(REGISTRY)
        with pytest.raises(ZeroDivisionError), store.unit() as uow:
            ann = uow.add(User("Ann", id=1))
            uow.commit()
            ann.age = 7
            uow.add(User("Bob"))
            raise ZeroDivisionError
        assert [("Ann", None)] == [(user.name, user.age) for user in store.query(User)]

    def test_a_deleted_object_is_untracked_afterwards(self, open_store: OpenStore) -> None:
        """50: and can be added again, as it is."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            uow.delete(ann)
            uow.commit()
            assert "untracked" == uow.state(ann)
            assert uow.get(User, 1) is None
            uow.add(ann)
            assert "new" == uow.state(ann)
        assert ann == store.get(User, 1)

    def test_many_commits_of_one_object(self, open_store: OpenStore) -> None:
        """50: each expects the version that the one before it made."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            ann = uow.add(User("Ann", "0@x.io", 0))
            for age in range(1, 20):
                uow.commit()
                ann.age, ann.email = age, f"{age}@x.io"
        assert (19, "19@x.io") == (store.require(User, ann.id).age, ann.email)
        assert [ann.id] == [user.id for user in store.query(User).where(Users.age >= 0)]

    def test_rollback_empties_the_unit(self, open_store: OpenStore) -> None:
        """50: objects stay as they are; it is idempotent; the unit goes on."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            ann, bob = uow.require(User, 1), uow.add(User("Bob"))
            ann.age = 7
            uow.delete_by_key(User, 9)
            uow.rollback()
            uow.rollback()
            assert [] == uow.changes()
            assert ("untracked", "untracked", 7) == (uow.state(ann), uow.state(bob), ann.age)
            again = uow.require(User, 1)
            assert (True, None) == (again is not ann, again.age)
            uow.add(User("Cid"))
        assert ["Ann", "Cid"] == names(store.query(User))

    def test_an_error_after_the_last_commit_changes_nothing(self, open_store: OpenStore) -> None:
        """23: what was committed by hand is committed."""
        store = open_store(REGISTRY)
        with pytest.raises(ZeroDivisionError), store.unit() as uow:
            uow.add(User("Ann"))
            uow.commit()
            raise ZeroDivisionError
        assert ["Ann"] == names(store.query(User))
