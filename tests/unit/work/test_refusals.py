"""What a user is told when a commit is refused: what happened, the values, and what to do."""

from typing import Any

import attrs
import pytest

from redmapper import (
    AlreadyExists,
    Conflict,
    Field,
    Key,
    Mapper,
    MapperRegistry,
    Stale,
    Taken,
    Unique,
)
from redmapper.mapping.columns import Record
from redmapper.work.collect import Pending
from redmapper.work.identity import Tracked
from redmapper.work.plan import (
    Absent,
    AtVersion,
    Claim,
    DoubleClaim,
    EntityWrite,
    Refusal,
)
from redmapper.work.refusals import double_claims, refused, schema_mismatch


@attrs.define
class User:
    """An entity."""

    name: str
    email: str | None = None
    age: int | None = None
    pin: str | None = attrs.field(default=None, repr=False)
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    name = Field[str]()
    email = Field[str | None](norm=str.casefold)
    age = Field[int | None]()
    pin = Field[str | None]()

    by_email = Unique(email)
    by_both = Unique(name, email)
    by_pin = Unique(pin)


MAPPED = MapperRegistry(Users).mapped(User)
ANN = User("Ann", "Ann@x.io", 30, "hush", id=7)


def record(user: User, version: bytes = b"v") -> Record:
    """A stored record."""
    return MAPPED.encode(user, b"%d" % (user.id or 0)) | {b"@": version}


def update(base: User, mine: User | None) -> tuple[Pending, EntityWrite]:
    """An update, or a deletion, of a loaded user."""
    key = b"%d" % (base.id or 0)
    tracked = Tracked(mine or base, MAPPED, key, record(base))
    after = None if mine is None else record(mine, b"w")
    write = EntityWrite.of(MAPPED, key, AtVersion(b"v"), record(base), after)
    return Pending(MAPPED, key, tracked), write


def insert(user: User) -> tuple[Pending, EntityWrite]:
    """An insert."""
    key = b"%d" % (user.id or 0)
    write = EntityWrite.of(MAPPED, key, Absent(), None, record(user, b"w"))
    return Pending(MAPPED, key, Tracked(user, MAPPED, key)), write


def claim(index: str, position: int = 0) -> Claim:
    """A claim of some value."""
    return Claim(MAPPED.indexes[index], b"", position, None)


def error_of(refusal: Refusal, *writes: tuple[Pending, EntityWrite]) -> Any:
    """The error for one refusal."""
    return refused([refusal], writes)


# --- one error a kind ------------------------------------------------------------------------


def test_already_exists():
    """With what stands there."""
    there = attrs.evolve(ANN, name="Other")
    error = error_of(Refusal(0, "exists", record(there)), insert(ANN))
    assert AlreadyExists is type(error)
    assert "User(7) exists already; use put() to write over it, or another key" == str(error)
    assert (7, there) == (error.key, error.stored)
    assert ANN is error.obj


def test_stale_because_it_was_changed():
    """With base, mine and stored; the message says what somebody else changed."""
    mine, theirs = attrs.evolve(ANN, age=31), attrs.evolve(ANN, name="Bob", pin="other")
    error = error_of(Refusal(0, "changed", record(theirs, b"t")), update(ANN, mine))
    assert Stale is type(error)
    expected = (
        "User(7) was changed by somebody else since it was loaded "
        "(name 'Ann' -> 'Bob', pin ... -> ...); "
        "load it again and repeat the change (store.transact does)"
    )
    assert expected == str(error)
    assert ("changed", 7, ANN, theirs) == (error.kind, error.key, error.base, error.stored)
    assert mine is error.mine is error.obj


def test_stale_because_it_is_gone():
    """There is nothing stored to show."""
    mine = attrs.evolve(ANN, age=31)
    error = error_of(Refusal(0, "gone"), update(ANN, mine))
    expected = (
        "User(7) is gone since it was loaded; "
        "load it again and repeat the change (store.transact does)"
    )
    assert expected == str(error)
    assert ("gone", ANN, None) == (error.kind, error.base, error.stored)


def test_a_stale_deletion_would_have_written_nothing():
    """So there is no `mine`."""
    error = error_of(Refusal(0, "changed", record(ANN, b"t")), update(ANN, None))
    assert (None, 7) == (error.mine, error.key)
    assert error.obj is not None


def test_a_stale_deletion_by_key_has_no_object():
    """Nobody loaded it."""
    write = EntityWrite.of(MAPPED, b"7", AtVersion(b"v"), record(ANN), None)
    error = error_of(Refusal(0, "changed", record(ANN, b"t")), (Pending(MAPPED, b"7"), write))
    assert (None, None) == (error.obj, error.base)


def test_a_stored_record_that_can_not_be_read_is_none():
    """The conflict is what matters."""
    error = error_of(Refusal(0, "exists", {b"age": b"x"}), insert(ANN))
    assert error.stored is None


def test_taken():
    """With index, value and owner; the value as the object has it."""
    error = error_of(Refusal(0, "taken", claim=claim("by_email"), owner=b"3"), insert(ANN))
    assert Taken is type(error)
    expected = (
        "User(7) can not have email 'Ann@x.io': User(3) has it (Users.by_email); "
        "choose another value, or change the owner first"
    )
    assert expected == str(error)
    assert ("by_email", "Ann@x.io", 3, 7) == (error.index, error.value, error.owner, error.key)
    assert ANN is error.obj


def test_taken_by_several_fields():
    """The value is a tuple."""
    error = error_of(Refusal(0, "taken", claim=claim("by_both"), owner=b"3"), insert(ANN))
    assert ("Ann", "Ann@x.io") == error.value
    assert "can not have name 'Ann', email 'Ann@x.io': User(3) has it" in str(error)


def test_taken_does_not_show_a_hidden_value():
    """It says which field it is."""
    error = error_of(Refusal(0, "taken", claim=claim("by_pin"), owner=b"3"), insert(ANN))
    assert "User(7) can not have pin ...: User(3) has it" in str(error)
    assert "hush" not in repr(error)


def test_taken_shows_the_head_of_a_long_value():
    """A message is for reading; the fact is whole."""
    long = attrs.evolve(ANN, email="a" * 10**6)
    error = error_of(Refusal(0, "taken", claim=claim("by_email"), owner=b"3"), insert(long))
    assert len(str(error)) < 500
    assert long.email == error.value


@pytest.mark.parametrize(
    "refusal", [Refusal(0, "taken", owner=b"3"), Refusal(0, "taken", claim=claim("by_pin"))]
)
def test_a_strategy_says_what_is_taken_and_by_whom(refusal: Refusal):
    """All else is a mistake of the strategy's."""
    with pytest.raises(ValueError, match="a strategy reported a taken value without saying which"):
        error_of(refusal, insert(ANN))


# --- several ---------------------------------------------------------------------------------


def test_every_violation_is_reported():
    """The one that is raised is the first of them; each holds them all."""
    writes = [insert(ANN), update(attrs.evolve(ANN, id=8), ANN)]
    refusals = [
        Refusal(0, "exists", record(ANN)),
        Refusal(1, "gone"),
        Refusal(1, "taken", claim=claim("by_email", 1), owner=b"3"),
    ]
    error = refused(refusals, writes)
    assert [AlreadyExists, Stale, Taken] == [type(each) for each in error.violations]
    assert error is error.violations[0]
    assert all(error.violations == each.violations for each in error.violations)


def test_an_entity_is_not_told_that_it_has_its_own_values():
    """Where its key exists already, so do they."""
    refusals = [
        Refusal(0, "exists", record(ANN)),
        Refusal(0, "taken", claim=claim("by_email"), owner=b"7"),
    ]
    error = refused(refusals, {0: insert(ANN)})
    assert [AlreadyExists] == [type(each) for each in error.violations]


def test_two_objects_that_claim_one_value():
    """Each that can not have it is told who has."""
    bob, cid = attrs.evolve(ANN, name="Bob", id=8), attrs.evolve(ANN, name="Cid", id=9)
    writes = [insert(ANN), insert(bob), insert(cid)]
    first = claim("by_email", 0)
    doubles = [DoubleClaim(claim("by_email", at), first) for at in (1, 2)]
    error = double_claims(doubles, writes)
    expected = (
        "User(8) can not have email 'Ann@x.io': User(7), another object of this unit, has it "
        "(Users.by_email); choose another value, or change the owner first"
    )
    assert expected == str(error)
    assert [(bob, 7), (cid, 7)] == [(each.obj, each.owner) for each in error.violations]
    assert isinstance(error, Conflict)


def test_a_partition_of_other_mappers():
    """With what to do about it."""
    expected = (
        "the stored User entities were written by a mapper with another key or other indexes "
        "than Users has; use that one, or another partition"
    )
    assert expected == str(schema_mismatch(MAPPED))
