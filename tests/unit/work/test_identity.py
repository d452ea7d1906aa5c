"""The identity map: which object stands for which entity."""

import attrs
import pytest

from redmapper import Field, IdentityConflict, Key, Mapper, MapperRegistry
from redmapper.work.identity import IdentityMap, Superseded, Tracked


@attrs.define(eq=False)
class User:
    """An entity that must be left alone."""

    name: str = ""
    id: int | None = None

    def __eq__(self, other: object) -> bool:
        raise AssertionError

    def __hash__(self) -> int:
        raise AssertionError


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    name = Field[str]()


MAPPED = MapperRegistry(Users).mapped(User)


@pytest.fixture
def table() -> IdentityMap:
    """An empty one."""
    return IdentityMap()


def new(key: bytes | None = b"7") -> Tracked:
    """A new object."""
    return Tracked(User(), MAPPED, key)


def loaded(key: bytes = b"7") -> Tracked:
    """A loaded one."""
    return Tracked(User(), MAPPED, key, {b"name": b"", b"@": b"v"}, ("",))


def test_a_tracked_object_is_found(table: IdentityMap):
    """By itself, and by its key; it is neither compared nor hashed."""
    tracked = table.track(new())
    assert tracked is table.of(tracked.obj)
    assert tracked is table.at(MAPPED, b"7")


def test_another_object_is_not_found(table: IdentityMap):
    """However equal it is."""
    table.track(new())
    assert table.of(User()) is None
    assert table.at(MAPPED, b"8") is None


def test_an_object_without_a_key_is_found_by_itself(table: IdentityMap):
    """Any number of them can be tracked."""
    first, second = table.track(new(None)), table.track(new(None))
    assert [first, second] == list(table)


def test_tracking_again_has_no_effect(table: IdentityMap):
    """The same object stands under the key already."""
    tracked = table.track(new())
    table.track(tracked)
    assert [tracked] == list(table)


def test_a_key_stands_for_one_object(table: IdentityMap):
    """The refusal names the way to change it."""
    table.track(loaded())
    with pytest.raises(IdentityConflict) as refused:
        table.track(new())
    expected = (
        "User(7) is already tracked as another object; change that one, or say replace(old, new)"
    )
    assert expected == str(refused.value)


def test_a_refused_object_is_not_tracked(table: IdentityMap):
    """Nothing has moved."""
    tracked, other = table.track(loaded()), new()
    with pytest.raises(IdentityConflict):
        table.track(other)
    assert table.of(other.obj) is None
    assert tracked is table.at(MAPPED, b"7")


def test_objects_are_walked_in_the_order_they_came(table: IdentityMap):
    """And may be forgotten on the way."""
    each = [table.track(new(key)) for key in (b"3", b"1", None, b"2")]
    assert each == [tracked for tracked in table if table.forget(tracked) is None]
    assert [] == list(table)


def test_a_forgotten_object_is_not_found(table: IdentityMap):
    """Its key is free for another."""
    tracked = table.track(new())
    table.forget(tracked)
    assert table.of(tracked.obj) is None
    table.track(new())


def test_forgetting_leaves_another_object_under_the_key(table: IdentityMap):
    """As one that never came in."""
    tracked = table.track(new())
    table.forget(new())
    assert tracked is table.at(MAPPED, b"7")


def test_a_deleted_entity_is_gone(table: IdentityMap):
    """Whether by its object or by its key."""
    table.track(loaded(b"1")).deleted = True
    table.blind["User", b"2"] = MAPPED
    table.track(loaded(b"3"))
    assert [True, True, False, False] == [
        table.is_gone(MAPPED, key) for key in (b"1", b"2", b"3", b"4")
    ]


def test_entering_takes_the_place_of_what_was_deleted(table: IdentityMap):
    """It is written over the record that was there."""
    old, mine = table.track(loaded()), new()
    old.deleted = True
    table.enter(mine)
    assert mine is table.at(MAPPED, b"7")
    assert (old.base, None) == (mine.base, mine.snapshot)
    assert table.of(old.obj) is None


def test_entering_takes_the_place_of_a_blind_deletion(table: IdentityMap):
    """It is written over whatever is there."""
    table.blind["User", b"7"] = MAPPED
    mine = table.enter(new())
    assert mine.over_any
    assert {} == table.blind


def test_leaving_restores_the_deletion(table: IdentityMap):
    """It was another call."""
    old, mine = table.track(loaded()), new()
    old.deleted = True
    table.enter(mine)
    table.leave(mine)
    assert old is table.at(MAPPED, b"7")
    assert old.deleted


def test_leaving_restores_a_blind_deletion(table: IdentityMap):
    """Likewise."""
    table.blind["User", b"7"] = MAPPED
    table.leave(table.enter(new()))
    assert {("User", b"7"): MAPPED} == table.blind


def test_what_was_loaded_is_entered(table: IdentityMap):
    """By itself, and by its key."""
    tracked = loaded()
    table.load(tracked, b"7")
    assert (tracked, tracked) == (table.of(tracked.obj), table.at(MAPPED, b"7"))


def test_a_table_says_whether_it_knows_any(table: IdentityMap):
    """An object, or a deletion by key."""
    assert not table.knows_any
    table.blind["User", b"7"] = MAPPED
    assert table.knows_any
    table.clear()
    table.load(loaded(), b"7")
    assert table.knows_any


def test_an_object_that_comes_back_is_not_superseded(table: IdentityMap):
    """Changing it is no loss any more."""
    tracked = new()
    table.superseded[id(tracked.obj)] = Superseded(tracked.obj, MAPPED, b"7", ("",))
    table.track(tracked)
    assert {} == table.superseded


def test_clearing_forgets_everything(table: IdentityMap):
    """Deletions, too."""
    tracked = table.track(new())
    table.blind["User", b"8"] = MAPPED
    table.superseded[0] = Superseded(User(), MAPPED, b"7", ("",))
    table.clear()
    assert ([], {}, {}) == (list(table), table.blind, table.superseded)
    assert table.at(MAPPED, b"7") is table.of(tracked.obj) is None


@pytest.mark.parametrize(
    ("key", "assigned", "expected"),
    [(b"7", None, "User(7)"), (None, b"8", "User(8)"), (None, None, "User(new)")],
)
def test_a_tracked_object_has_a_title(key: bytes | None, assigned: bytes | None, expected: str):
    """By the key that it has, or will have."""
    assert expected == Tracked(User(), MAPPED, key, assigned=assigned).title


def test_the_version_is_that_of_what_was_loaded():
    """A new object has none."""
    assert (b"v", b"") == (loaded().version, new().version)


def test_what_was_written_is_loaded_from_then_on():
    """From the record that was written; nothing of what was meant remains."""
    tracked = Tracked(
        User("Ann", 7),
        MAPPED,
        b"7",
        {b"name": b"", b"@": b"v"},
        over_any=True,
        over_version="v",
        newer={b"@": b"u"},
        displaced=loaded(),
        displaced_blind=True,
    )
    record = {b"name": b"Ann", b"@": b"w"}
    tracked.settle(record)
    snapshot = MAPPED.snapshot(tracked.obj)
    expected = Tracked(tracked.obj, MAPPED, b"7", record, snapshot, serial=tracked.serial)
    assert attrs.asdict(expected, recurse=False) == attrs.asdict(tracked, recurse=False)


def test_what_was_written_is_clean():
    """Its snapshot is of the object as it is now."""
    tracked = loaded()
    tracked.obj.name = "Ann"
    tracked.settle({b"name": b"Ann", b"@": b"w"})
    assert tracked.snapshot is not None
    assert {} == MAPPED.compare(tracked.obj, tracked.snapshot, b"7")
