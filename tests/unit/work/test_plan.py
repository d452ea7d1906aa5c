"""Flush plans, literally: what one commit checks and writes."""

from typing import Any

import attrs
import pytest

from redmapper import Computed, Field, Key, Lookup, Mapper, MapperRegistry, Ordered, Unique
from redmapper.mapping.columns import Record
from redmapper.work.plan import (
    Absent,
    AtFields,
    AtVersion,
    Claim,
    DoubleClaim,
    EntityWrite,
    FlushPlan,
    Release,
    fields_check,
    make_plan,
)


@attrs.define
class User:
    """An entity."""

    email: str | None = None
    first: str = ""
    last: str = ""
    age: int | None = None
    pin: str | None = attrs.field(default=None, repr=False)
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper, with two unique indexes."""

    id = Key[int]()
    email = Field[str | None](norm=str.casefold)
    first = Field[str]()
    last = Field[str]()
    age = Field[int | None]()
    pin = Field[str | None]()
    initials = Computed[str](lambda user: user.first[:1] + user.last[:1])

    by_email = Unique(email)
    by_name = Unique(first, last)
    by_age = Ordered(age, first)
    by_initials = Lookup(initials)


MAPPED = MapperRegistry(Users).mapped(User)
EMAIL, NAME = MAPPED.indexes["by_email"], MAPPED.indexes["by_name"]


def record(key: int, **attributes: Any) -> Record:
    """A stored record, of version `v` and the key; its names differ from any other's."""
    user = User(**{"first": str(key)} | attributes)
    return MAPPED.encode(user, b"%d" % key) | {b"@": b"v"}


def write(key: int, before: dict[str, Any] | None, after: dict[str, Any] | None) -> EntityWrite:
    """A user from some attributes (None: it is new) to others (None: it goes)."""
    return EntityWrite.of(
        MAPPED,
        b"%d" % key,
        Absent() if before is None else AtVersion(b"v"),
        None if before is None else record(key, **before),
        None if after is None else record(key, **after),
    )


def email(value: str) -> bytes:
    """An email as it stands in the index."""
    return value.encode() + b"\0\1"


def name(key: int) -> bytes:
    """The name of a user as it stands in the index."""
    return b"%d\0\1\0\1" % key


# --- claims and releases ---------------------------------------------------------------------


def test_an_insert_claims_its_values():
    """They must be free."""
    writes = (write(1, None, {"email": "A"}),)
    claims = (Claim(EMAIL, email("a"), 0, None), Claim(NAME, name(1), 0, None))
    assert (FlushPlan(writes, claims), []) == make_plan(writes)


def test_none_claims_nothing():
    """It exempts from the index."""
    writes = (write(1, None, {}),)
    assert (FlushPlan(writes, (Claim(NAME, name(1), 0, None),)), []) == make_plan(writes)


def test_a_deletion_releases_its_values():
    """Nobody takes them."""
    writes = (write(1, {"email": "a"}, None),)
    releases = (Release(EMAIL, email("a"), 0), Release(NAME, name(1), 0))
    assert (FlushPlan(writes, releases=releases), []) == make_plan(writes)


def test_an_update_claims_and_releases_what_changes():
    """What stays is not spoken of."""
    writes = (write(1, {"email": "a"}, {"email": "b"}),)
    expected = FlushPlan(
        writes, (Claim(EMAIL, email("b"), 0, None),), (Release(EMAIL, email("a"), 0),)
    )
    assert (expected, []) == make_plan(writes)


def test_an_update_of_other_fields_claims_nothing():
    """Nor does one that is the same once it is normed."""
    writes = (write(1, {"email": "a", "age": 1}, {"email": "A", "age": 2}),)
    assert (FlushPlan(writes), []) == make_plan(writes)


def test_a_swap_claims_from_each_other():
    """Each value is given up by the one that has it; none is released."""
    writes = (write(1, {"email": "a"}, {"email": "b"}), write(2, {"email": "b"}, {"email": "a"}))
    claims = (Claim(EMAIL, email("b"), 0, b"2"), Claim(EMAIL, email("a"), 1, b"1"))
    assert (FlushPlan(writes, claims), []) == make_plan(writes)


def test_a_rotation_claims_in_a_circle():
    """Of any length."""
    writes = (
        write(1, {"email": "a"}, {"email": "b"}),
        write(2, {"email": "b"}, {"email": "c"}),
        write(3, {"email": "c"}, {"email": "a"}),
    )
    claims = (
        Claim(EMAIL, email("b"), 0, b"2"),
        Claim(EMAIL, email("c"), 1, b"3"),
        Claim(EMAIL, email("a"), 2, b"1"),
    )
    assert (FlushPlan(writes, claims), []) == make_plan(writes)


@pytest.mark.parametrize("turn", [1, -1], ids=["deletion first", "insert first"])
def test_an_insert_takes_over_from_a_deletion(turn: int):
    """In whatever order they come."""
    deletion, insert = write(1, {"email": "a", "first": "x"}, None), write(2, None, {"email": "a"})
    writes = (deletion, insert)[::turn]
    position = writes.index(insert)
    plan, doubles = make_plan(writes)
    assert [] == doubles
    assert Claim(EMAIL, email("a"), position, b"1") in plan.claims
    assert (Release(NAME, b"x\0\1\0\1", 1 - position),) == plan.releases


def test_a_chain_releases_the_last_value():
    """Where one takes from the next, what the last one had is free."""
    writes = (write(1, {"email": "a"}, {"email": None}), write(2, {"email": "b"}, {"email": "a"}))
    claims, releases = (Claim(EMAIL, email("a"), 1, b"1"),), (Release(EMAIL, email("b"), 1),)
    assert (FlushPlan(writes, claims, releases), []) == make_plan(writes)


def test_two_claims_of_one_value_are_found():
    """Before anything is sent; the first one keeps it in the plan."""
    writes = (write(1, None, {"email": "a"}), write(2, None, {"email": "A"}))
    first, second = Claim(EMAIL, email("a"), 0, None), Claim(EMAIL, email("a"), 1, None)
    plan, doubles = make_plan(writes)
    assert [DoubleClaim(second, first)] == doubles
    assert second not in plan.claims


def test_equal_values_of_two_indexes_are_two_values():
    """Nobody stands in anybody's way."""
    writes = (write(1, None, {"email": "x", "first": "y", "last": "x"}),)
    _, doubles = make_plan(writes)
    assert [] == doubles


def test_sequences_are_passed_on():
    """The greatest key given by hand, a mapper."""
    plan, _ = make_plan((), ((MAPPED, 7),))
    assert FlushPlan((), sequences=((MAPPED, 7),)) == plan


def test_an_entity_is_written_once():
    """A plan with two writes of one would be a mistake of ours."""
    with pytest.raises(ValueError, match="must not write one entity twice"):
        make_plan((write(1, None, {}), write(1, None, {"email": "a"})))


# --- what is written -------------------------------------------------------------------------


def test_only_changed_fields_are_written():
    """And those that are no more are removed; the rest is not spoken of."""
    base = record(1, email="A", age=1) | {b"unknown": b"x"}
    changed = record(1, email="b", first="F") | {b"unknown": b"x", b"@": b"w"}
    update = EntityWrite.of(MAPPED, b"1", AtVersion(b"v"), base, changed)
    written = {b"email": b"b", b"first": b"F", b"=initials": b"F", b"@": b"w"}
    assert written | {b"age": None, b"~email": None} == update.changes


def test_an_insert_writes_everything():
    """And removes nothing; the key is in no change."""
    insert = write(1, None, {"age": 1})
    assert insert.record == {**insert.changes, b"id": b"1"}


def test_a_deletion_writes_nothing():
    """All goes."""
    assert {} == write(1, {"age": 1}, None).changes


# --- the check of conflict="fields" ----------------------------------------------------------


def compared(before: dict[str, Any], after: dict[str, Any], *also: bytes) -> AtFields:
    """What is compared for such an update."""
    return fields_check(MAPPED, record(1, **before), record(1, **after), frozenset(also))


def test_the_changed_field_is_compared():
    """As it was loaded, None for one that was absent."""
    expected = AtFields(((b"pin", None),))
    assert expected == compared({}, {"pin": "x"})


def test_a_field_set_to_none_is_compared():
    """Removing is a change, too."""
    assert AtFields(((b"pin", b"x"),)) == compared({"pin": "x"}, {"pin": None})


def test_all_fields_of_a_changed_index_are_compared():
    """The entry that goes is made of them as they were loaded; with their normed values."""
    expected = AtFields(((b"age", b"1"), (b"first", b"1")))
    assert expected == compared({"age": 1}, {"age": 2})
    assert AtFields(((b"email", b"A"), (b"~email", b"a"))) == compared(
        {"email": "A"}, {"email": "b"}
    )


def test_what_a_computed_depends_on_is_compared():
    """And its stored value, where it changes."""
    expected = AtFields(((b"=initials", b"F"), (b"age", None), (b"first", b"F"), (b"last", b"")))
    assert expected == compared({"first": "F"}, {"first": "G"}, b"first", b"last")


def test_neither_version_nor_key_is_compared():
    """The version is what the policy does without."""
    base = record(1, pin="x")
    changed = record(1, pin="y") | {b"@": b"w"}
    check = fields_check(MAPPED, base, changed, frozenset({b"id"}))
    assert AtFields(((b"pin", b"x"),)) == check


# --- printing --------------------------------------------------------------------------------


def test_a_plan_can_be_read():
    """On one line a thing, without addresses and without hidden values."""
    writes = (write(1, {"email": "a", "pin": "hush"}, {"email": "b", "pin": "hush!"}),)
    plan, _ = make_plan(writes)
    shown = repr(plan)
    assert "Users.by_email" in shown
    assert "User(1)" in shown
    assert "hush" not in shown
    assert " at 0x" not in shown
