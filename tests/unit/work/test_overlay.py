"""A unit's own pending changes, laid over what a query finds."""

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redmapper import Field, Key, Mapper, MapperRegistry, Ordered, Predicate, Store, Unique
from redmapper.query.selection import Position, Selection
from redmapper.work.identity import Tracked
from redmapper.work.overlay import Overlay


@attrs.define
class User:
    """An entity."""

    name: str
    age: int | None = None
    email: str | None = None
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    name = Field[str]()
    age = Field[int | None]()
    email = Field[str | None]()
    by_age = Ordered(age)
    by_email = Unique(email)


REGISTRY = MapperRegistry(Users)
MAPPED = REGISTRY.mapped(User)


def pending(user: User, *, deleted: bool = False) -> Tracked:
    """A new user, or one that is deleted."""
    key = None if user.id is None else MAPPED.encode_key(user.id)
    return Tracked(user, MAPPED, key, deleted=deleted)


def overlay(*tracked: Tracked, blind: tuple[bytes, ...] = ()) -> Overlay:
    """The overlay of these."""
    return Overlay.of(MAPPED, tracked, frozenset(blind))


def test_pending_keys_are_left_out_of_the_stores_answer():
    """Those of added, changed and deleted objects, and those deleted by key."""
    over = overlay(
        pending(User("a", id=1)),
        pending(User("b", id=2), deleted=True),
        pending(User("c")),
        blind=(b"9",),
    )
    assert {b"1", b"2", b"9"} == over.keys


def test_deleted_objects_do_not_come_in():
    """All others do where they match."""
    a, b = pending(User("a", 5, id=1)), pending(User("b", 5, id=2), deleted=True)
    over = overlay(a, b, pending(User("c", 6)))
    assert [a] == [each.tracked for each in over.matching(Selection(MAPPED, Users.age == 5))]


def test_the_owner_of_a_value_is_found_among_pending_objects():
    """As they stand."""
    index, a = MAPPED.indexes["by_email"], pending(User("a", email="x", id=1))
    over = overlay(a, pending(User("b", email="y", id=2), deleted=True))
    assert a is over.owner(index, b"x\0\1")
    assert over.owner(index, b"y\0\1") is None
    assert over.owner(index, b"z\0\1") is None


def merged(over: Overlay, stored: list[User], *order: Any, limit: int | None = None) -> list[str]:
    """The names of stored and pending users, merged."""
    selection = Selection(MAPPED, None, order, limit)
    rows = [(b"%d" % user.id, MAPPED.encode(user, b"%d" % user.id)) for user in stored]
    return [each.record[b"name"].decode() for each in over.merged(rows, selection)]


def test_pending_objects_come_in_their_places():
    """In the order of the query; those without a number yet after all keys."""
    over = overlay(pending(User("b", 2)), pending(User("d", 4, id=0)))
    stored = [User("a", 1, id=1), User("c", 3, id=3)]
    assert ["a", "b", "c", "d"] == merged(over, stored, Users.age.asc())
    assert ["d", "a", "c", "b"] == merged(over, stored)


def test_the_limit_is_cut_after_the_merge():
    """Not before."""
    over, stored = overlay(pending(User("b", 2))), [User("a", 1, id=1), User("c", 3, id=3)]
    assert ["a", "b"] == merged(over, stored, Users.age.asc(), limit=2)


def test_a_merged_row_says_whose_it_is():
    """An object that is pending, or a record of the store."""
    mine = pending(User("b", 2))
    rows = [(b"1", {b"name": b"a"})]
    found = overlay(mine).merged(rows, Selection(MAPPED))
    assert [None, mine] == [each.tracked for each in found]


def test_what_stands_before_the_beginning_is_left_out():
    """Of pending objects as of stored ones; those that wait are told apart by their serials."""
    first, second = pending(User("b", 2)), pending(User("b", 2))
    over = overlay(first, second, pending(User("a", 1, id=1)))
    selection = Selection(MAPPED, after=Position((), None, first.serial))
    assert [second] == [each.tracked for each in over.matching(selection)]


# --- against a store in which the changes are stored -----------------------------------------

names = st.sampled_from("abc")
ages = st.none() | st.integers(0, 3)
users = st.builds(User, names, ages)
asked = st.sampled_from([None, Users.age == 1, Users.age >= 1, Users.age.is_none()])
orders = st.sampled_from([(), (Users.age,), (Users.age.desc(),), (Users.id.desc(),)])


@given(
    st.lists(users, max_size=5),
    st.lists(st.tuples(st.sampled_from(["age", "delete", "key"]), st.integers(1, 5), ages)),
    st.lists(users, max_size=3),
    asked,
    orders,
    st.none() | st.integers(0, 4),
    st.integers(0, 3),
)
def test_a_query_answers_as_if_all_were_written(
    stored: list[User],
    edits: list[tuple[str, int, int | None]],
    added: list[User],
    where: Predicate | None,
    order: tuple[Any, ...],
    limit: int | None,
    offset: int,
):
    """Rows, order, limit, offset and count; new objects get their numbers in this order."""
    store = Store(REGISTRY)
    with store.unit() as uow:
        uow.add_all(attrs.evolve(user) for user in stored)
    with store.unit() as uow:
        for verb, key, age in edits:
            _edit(uow, verb, key, age)
        uow.add_all(attrs.evolve(user) for user in added)
        query = uow.query(Users).order_by(*order).limit(limit).offset(offset)
        query = query.where(where) if where is not None else query
        before, count = query.all(), query.count()
        uow.commit()
        assert before == query.all()
        assert count == query.count() == len(before)


def _edit(uow: Any, verb: str, key: int, age: int | None) -> None:
    user = uow.get(User, key) if verb != "key" else None
    if verb == "key":
        uow.delete_by_key(User, key)
    elif user is not None and verb == "age":
        user.age = age
    elif user is not None:
        uow.delete(user)


@pytest.mark.parametrize(("reads", "expected"), [("overlaid", ["b"]), ("stored", ["a"])])
def test_reads_of_what_is_stored_leave_pending_changes_out(reads: str, expected: list[str]):
    """When they are asked for."""
    store = Store(REGISTRY)
    with store.unit() as uow:
        uow.add(User("a", 1))
    with store.unit(reads=reads) as uow:
        uow.delete_by_key(User, 1)
        uow.add(User("b", 1))
        assert expected == [user.name for user in uow.query(Users).where(Users.age == 1)]
        assert len(expected) == uow.query(Users).where(Users.age == 1).count()
        uow.rollback()
