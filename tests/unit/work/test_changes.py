"""What a unit would change, as values to look at."""

from typing import Any

import attrs
import pytest

from redmapper import Field, Key, Mapper, MapperRegistry
from redmapper.work.changes import (
    Hidden,
    change_of,
    deletion,
    differences_but_version,
    is_pending,
)
from redmapper.work.identity import Tracked


@attrs.define
class User:
    """An entity."""

    name: str
    tags: list[str] = attrs.field(factory=list)
    level: int | None = 1
    pin: str | None = attrs.field(default=None, repr=False)
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    name = Field[str]()


MAPPED = MapperRegistry(Users).mapped(User)


def loaded(**changes: Any) -> Tracked:
    """A loaded user with these changes since."""
    user = User("Ann", ["a"], pin="old", id=7)
    base = MAPPED.encode(user, b"7") | {b"@": b"v"}
    tracked = Tracked(user, MAPPED, b"7", base, MAPPED.snapshot(user))
    for name, value in changes.items():
        setattr(user, name, value)
    return tracked


def test_an_untouched_object_has_no_change():
    """Nor is it pending."""
    assert change_of(loaded()) is None
    assert not is_pending(loaded())


def test_an_update_says_what_was_and_what_is():
    """Of the fields that changed."""
    tracked = loaded(name="Bob", tags=["a", "b"], level=None)
    change = change_of(tracked)
    assert change is not None
    assert ("update", tracked.obj, 7) == (change.kind, change.obj, change.key)
    expected = {"name": ("Ann", "Bob"), "tags": (["a"], ["a", "b"]), "level": (1, None)}
    assert expected == change.fields


def test_the_base_is_the_entity_as_it_was_loaded():
    """A copy: changing it changes nothing."""
    tracked = loaded(name="Bob")
    change = change_of(tracked)
    assert change is not None
    assert User("Ann", ["a"], pin="old", id=7) == change.base
    assert change.base is not tracked.obj


def test_an_insert_has_all_fields():
    """There was nothing before."""
    change = change_of(Tracked(User("Ann"), MAPPED, None))
    assert change is not None
    assert ("insert", None, None) == (change.kind, change.key, change.base)
    fields = {name: value for name, value in change.fields.items() if name != "pin"}
    assert {"name": (None, "Ann"), "tags": (None, []), "level": (None, 1)} == fields


def test_a_deletion_has_no_fields():
    """The base says what goes."""
    tracked = loaded(name="Bob")
    tracked.deleted = True
    change = change_of(tracked)
    assert change is not None
    assert ("delete", {}, "Ann") == (change.kind, change.fields, change.base.name)


def test_a_deletion_by_key_has_no_object():
    """Nobody has loaded it."""
    change = deletion(MAPPED, b"7")
    assert ("delete", 7, None, None) == (change.kind, change.key, change.obj, change.base)


@pytest.mark.parametrize("options", [{"over_any": True}, {"over_version": "v"}], ids=repr)
def test_a_put_is_neither_insert_nor_update_yet(options: dict[str, Any]):
    """The server decides."""
    change = change_of(Tracked(User("Ann", id=7), MAPPED, b"7", **options))
    assert change is not None
    assert ("put", 7) == (change.kind, change.key)


def test_hidden_values_are_not_shown():
    """Neither the old nor the new one."""
    change = change_of(loaded(pin="new"))
    assert change is not None
    assert "Change(kind='update', key=7, fields={'pin': (..., ...)})" == repr(change)
    assert (Hidden(), Hidden()) == change.fields["pin"]


def test_a_replacement_is_an_update():
    """A loaded entity under whose key another object was added has a base, and no snapshot."""
    base = loaded().base
    change = change_of(Tracked(User("Bob", ["a"], pin="old", id=7), MAPPED, b"7", base))
    assert change is not None
    assert ("update", {"name": ("Ann", "Bob")}) == (change.kind, change.fields)


@pytest.mark.parametrize(
    ("base", "record", "expected"),
    [
        ({b"a": b"1"}, {b"a": b"1"}, {}),
        ({b"a": b"1"}, {b"a": b"2"}, {b"a": b"2"}),
        ({b"a": b"1"}, {}, {b"a": None}),
        ({}, {b"a": b"1"}, {b"a": b"1"}),
        ({b"@": b"v"}, {b"@": b"w"}, {}),
        ({b"@": b"v"}, {}, {}),
    ],
    ids=repr,
)
def test_differences_lead_from_one_record_to_the_other(
    base: dict[bytes, bytes], record: dict[bytes, bytes], expected: dict[bytes, bytes | None]
):
    """The version aside."""
    assert expected == differences_but_version(base, record)
