"""Keys that an object does not bring: numbers in blocks, UUIDv7, the user's own."""

import os
from collections.abc import Callable
from enum import Enum
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redmapper import (
    Field,
    Key,
    Mapper,
    MapperRegistry,
    NotMapped,
    QueryError,
    Unique,
    UnitError,
    UnsupportedQuery,
    ValueRefused,
)
from redmapper.mapping.mapped import MappedClass
from redmapper.testing import drive
from redmapper.work.collect import Pending
from redmapper.work.identity import Tracked
from redmapper.work.keys import (
    LARGEST_BLOCK,
    SEQUENCE_LIMIT,
    KeyMaker,
    encode_unique,
    given_numbers,
    set_key,
    uuid7,
)
from redmapper.work.plan import Absent, EntityWrite


@attrs.define
class User:
    """Its key comes from a sequence."""

    name: str = ""
    email: str | None = None
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    name = Field[str](norm=str.casefold)
    email = Field[str | None]()
    by_name = Unique(name)
    by_both = Unique(name, email)
    by_nulls = Unique(email, nulls=True)


@attrs.frozen
class Fixed:
    """Can not be given a key."""

    id: int | None = None


class Fixeds(Mapper[Fixed]):
    """Its mapper."""

    id = Key[int]()


REGISTRY = MapperRegistry(Users, Fixeds)
USERS, FIXEDS = REGISTRY.mapped(User), REGISTRY.mapped(Fixed)


def keyed(kind: Any, new: Callable[[], Any] | None = None) -> MappedClass:
    """A mapped class whose key is of such a kind."""
    domain = attrs.make_class("Thing", {"id": attrs.field(type=kind | None, default=None)})

    class Things(Mapper[domain]):
        id = Key[kind](new=new)

    return MapperRegistry(Things).mapped(domain)


def numbered(domain: Any) -> MappedClass:
    """A mapped class whose key, `id`, comes from a sequence."""

    class Things(Mapper[domain]):
        id = Key[int]()

    return MapperRegistry(Things).mapped(domain)


@attrs.define
class Sequence:
    """A strategy that has only sequences; it notes what is asked of it."""

    last: int = 0
    asked: list[int] = attrs.field(factory=list)

    def allocate(self, _: MappedClass, count: int) -> Any:
        """Take numbers."""
        self.asked.append(count)
        self.last += count
        return self.last - count + 1
        yield


@pytest.fixture
def sequence() -> Sequence:
    """One that nobody has asked."""
    return Sequence()


@pytest.fixture
def maker(sequence: Sequence) -> KeyMaker:
    """Over it, without chance and time."""
    return KeyMaker(sequence, bytes, lambda: 1_700_000_000.0)


def numbers(maker: KeyMaker, count: int) -> list[int]:
    """The next numbers of users."""
    return drive(maker.numbers(USERS, count)).result


# --- numbers ---------------------------------------------------------------------------------


def test_numbers_are_counted_on(maker: KeyMaker):
    """From 1, without a gap as long as one store takes them."""
    assert [1, 2, 3, 4, 5, 6] == numbers(maker, 1) + numbers(maker, 3) + numbers(maker, 2)


def test_one_number_leaves_no_gap(maker: KeyMaker, sequence: Sequence):
    """A script that adds one object takes one."""
    numbers(maker, 1)
    assert [1] == sequence.asked


def test_many_numbers_are_one_request(maker: KeyMaker, sequence: Sequence):
    """However many they are."""
    assert list(range(1, 1001)) == numbers(maker, 1000)
    assert [1000] == sequence.asked


def test_blocks_double_up_to_a_limit(maker: KeyMaker, sequence: Sequence):
    """So that a server that adds many asks seldom."""
    assert list(range(1, 301)) == [number for _ in range(300) for number in numbers(maker, 1)]
    assert [1, 2, 4, 8, 16, 32, LARGEST_BLOCK, LARGEST_BLOCK, LARGEST_BLOCK, LARGEST_BLOCK] == (
        sequence.asked[:10]
    )
    assert max(sequence.asked) == LARGEST_BLOCK


@given(st.lists(st.integers(1, 150), max_size=8))
def test_no_number_is_given_twice(counts: list[int]):
    """Whatever is asked for."""
    maker = KeyMaker(Sequence(), os.urandom, lambda: 0.0)
    given = [number for count in counts for number in numbers(maker, count)]
    assert list(range(1, sum(counts) + 1)) == given


def test_mappers_have_their_own_numbers(maker: KeyMaker):
    """A block belongs to one."""
    numbers(maker, 1)
    numbers(maker, 1)
    assert [3] == numbers(maker, 1)
    assert USERS.name in maker.spare
    assert FIXEDS.name not in maker.spare


def test_a_forked_child_takes_numbers_of_its_own(maker: KeyMaker, sequence: Sequence):
    """Those at hand are its parent's."""
    numbers(maker, 1)
    numbers(maker, 1)
    maker.process += 1
    sequence.last = 50
    assert [51] == numbers(maker, 1)


def test_forgotten_numbers_are_not_given(maker: KeyMaker, sequence: Sequence):
    """Somebody has taken them by hand."""
    numbers(maker, 1)
    numbers(maker, 1)
    maker.forget(USERS)
    sequence.last = 50
    assert [51] == numbers(maker, 1)


# --- keys given by hand ----------------------------------------------------------------------


def inserted(
    key: int, base: dict[bytes, bytes] | None = None, assigned: bytes | None = None
) -> Any:
    """A user that is about to be written under a key."""
    encoded = b"%d" % key
    tracked = Tracked(User(id=key), USERS, encoded, assigned=assigned)
    return Pending(USERS, encoded, tracked), EntityWrite.of(USERS, encoded, Absent(), base, {})


def test_the_greatest_key_given_by_hand_moves_the_sequence(maker: KeyMaker):
    """It must pass it."""
    found = [inserted(3), inserted(9), inserted(7)]
    assert ((USERS, 9),) == maker.given(found) == given_numbers([write for _, write in found])


@pytest.mark.parametrize(
    "written",
    [
        inserted(0),
        inserted(-5),
        inserted(SEQUENCE_LIMIT),
        inserted(7, base={b"@": b"v"}),
        inserted(7, assigned=b"7"),
    ],
    ids=["zero", "negative", "too great", "stored already", "from the sequence"],
)
def test_other_keys_do_not_move_the_sequence(maker: KeyMaker, written: Any):
    """It counts up from 1, and exactly only below 2^53."""
    assert () == maker.given([written])
    pending, write = written
    if pending.tracked.assigned is None:
        assert () == given_numbers([write])


@given(st.lists(st.integers(-120, 120) | st.integers(SEQUENCE_LIMIT - 9, SEQUENCE_LIMIT + 9)))
def test_the_greatest_of_many_keys_moves_the_sequence(keys: list[int]):
    """Whatever their signs and sizes are."""
    writes = [EntityWrite.of(USERS, b"%d" % key, Absent(), None, {}) for key in keys]
    moving = [key for key in keys if 0 < key < SEQUENCE_LIMIT]
    assert given_numbers(writes) == (((USERS, max(moving)),) if moving else ())


def test_each_mapper_has_a_greatest_key_given_by_hand():
    """Whatever stands between."""
    other = keyed(int)
    keys = [(USERS, 3), (other, 5), (USERS, 9), (other, 4), (USERS, 7)]
    writes = [EntityWrite.of(mapped, b"%d" % key, Absent(), None, {}) for mapped, key in keys]
    assert ((USERS, 9), (other, 5)) == given_numbers(writes)


def test_a_key_that_no_sequence_makes_does_not_move_one(maker: KeyMaker):
    """There is none to move."""
    mapped = keyed(int, new=lambda: 5)
    write = EntityWrite.of(mapped, b"7", Absent(), None, {})
    tracked = Tracked(mapped.domain(7), mapped, b"7")
    assert () == maker.given([(Pending(mapped, b"7", tracked), write)]) == given_numbers([write])


# --- keys made without a server --------------------------------------------------------------


def test_a_key_from_a_sequence_is_not_made_by_add(maker: KeyMaker):
    """The object gets it once the commit has landed."""
    user = User()
    assert maker.fill(USERS, user) is None
    assert user.id is None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (str, "018bcfe5-6800-7000-8000-000000000000"),
        (UUID, UUID("018bcfe5-6800-7000-8000-000000000000")),
    ],
)
def test_text_and_uuid_keys_are_made_by_add(maker: KeyMaker, kind: type, expected: object):
    """A UUID of version 7, set on the object."""
    mapped = keyed(kind)
    thing = mapped.domain()
    assert expected == maker.fill(mapped, thing)
    assert expected == thing.id


def test_a_generator_of_the_users_own_is_called(maker: KeyMaker):
    """Without arguments, for any kind of key."""
    mapped = keyed(bytes, new=lambda: b"mine")
    thing = mapped.domain()
    maker.fill(mapped, thing)
    assert b"mine" == thing.id


class Colour(Enum):
    """An Enum of texts."""

    RED = "red"


@pytest.mark.parametrize("kind", [bytes, Colour])
def test_other_kinds_are_not_made(maker: KeyMaker, kind: type):
    """The refusal says how to declare a generator."""
    with pytest.raises(UnitError) as refused:
        maker.new(keyed(kind))
    expected = (
        f"Thing: a key of type {kind.__name__} is not made by itself; "
        "set it, or declare Key[...](new=callable)"
    )
    assert expected == str(refused.value)


def test_a_frozen_object_must_bring_its_key(maker: KeyMaker):
    """It is refused by add, not after the commit; with the way to get one."""
    with pytest.raises(UnitError) as refused:
        maker.fill(FIXEDS, Fixed())
    expected = (
        "this Fixed is frozen and has no key; give it one when it is made: store.new_key(Fixeds)"
    )
    assert expected == str(refused.value)


def test_a_new_key_is_made_for_it(maker: KeyMaker):
    """From the sequence, or without a server."""
    assert 1 == drive(maker.make(FIXEDS)).result
    assert UUID(int=0x018BCFE56800_7000_8000_000000000000) == drive(maker.make(keyed(UUID))).result


def test_a_key_is_set():
    """As an attribute of the object."""
    user = User()
    set_key(USERS, user, 7)
    assert 7 == user.id


@attrs.define
class Picky:
    """A class that lets nobody set its key, and notes who tries."""

    id: int | None = attrs.field(
        default=None,
        converter=lambda value: CALLS.append("converter") or value,
        validator=lambda *_: CALLS.append("validator"),
        on_setattr=lambda *_: CALLS.append("hook"),
    )


CALLS: list[Any] = []


def test_a_key_is_set_past_the_users_code(maker: KeyMaker):
    """The commit has landed by then: nothing may fail; nor does the class notice a question."""
    mapped = numbered(Picky)
    picky = Picky()
    CALLS.clear()
    assert maker.fill(mapped, picky) is None
    set_key(mapped, picky, 7)
    assert ([], 7) == (CALLS, picky.id)


@attrs.define
class OwnFrozenKey:
    """Only its key is frozen."""

    id: int | None = attrs.field(default=None, on_setattr=attrs.setters.frozen)


@attrs.define(on_setattr=attrs.setters.frozen)
class EveryFrozen:
    """Each of its attributes is."""

    id: int | None = None


@attrs.define(slots=False)
class Thawed:
    """None of them is."""

    id: int | None = None


@attrs.frozen(slots=False)
class ChildOfFrozen(Fixed):
    """Its base is frozen, and so it is."""


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        (OwnFrozenKey, (False, True)),
        (EveryFrozen, (False, True)),
        (Fixed, (True, True)),
        (ChildOfFrozen, (True, True)),
        (Thawed, (False, False)),
        (Picky, (False, False)),
    ],
)
def test_a_frozen_key_is_told_by_the_class(domain: type, expected: tuple[bool, bool]):
    """No object is touched."""
    mapped = numbered(domain)
    assert expected == (mapped.frozen, mapped.key_frozen)


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (lambda: None, "new= gave what can not be the key: None is NoneType, str expected"),
        (lambda: 5, "new= gave what can not be the key: 5 is int, str expected"),
        (lambda: "\ud800", "new= gave what can not be the key: lone surrogate"),
        (lambda: 1 // 0, "new= failed with ZeroDivisionError: "),
    ],
    ids=["None", "type", "surrogate", "error"],
)
def test_a_generator_that_makes_no_key_is_named(
    maker: KeyMaker, new: Callable[[], Any], reason: str
):
    """And the object is left as it was."""
    mapped = keyed(str, new=new)
    thing = mapped.domain()
    with pytest.raises(ValueRefused) as refused:
        maker.fill(mapped, thing)
    assert f"{mapped.mapper.__name__}.id: {reason}" in str(refused.value)
    assert thing.id is None


# --- UUIDs -----------------------------------------------------------------------------------

moments = st.floats(0, 2**48 / 1000 - 1)
randoms = st.binary(min_size=10, max_size=10)


@given(randoms, moments)
def test_a_uuid_has_version_and_variant(random: bytes, now: float):
    """As RFC 9562 places them."""
    made = uuid7(random, now)
    assert (7, "specified in RFC 4122") == (made.version, made.variant)


@given(randoms, moments)
def test_a_uuid_begins_with_the_time(random: bytes, now: float):
    """In milliseconds, in 48 bits."""
    assert int(now * 1000) == uuid7(random, now).int >> 80


@given(randoms)
def test_a_uuid_keeps_all_other_bits_of_chance(random: bytes):
    """74 of the 80 that it was given."""
    mask = (0xFFF << 64) | (2**62 - 1)
    assert int.from_bytes(random, "big") & mask == uuid7(random, 0.0).int & mask


@given(randoms, randoms, moments, moments)
def test_uuids_are_ordered_by_time(first: bytes, second: bytes, then: float, now: float):
    """As numbers and as text, to the millisecond."""
    earlier, later = sorted([(int(then * 1000), first), (int(now * 1000), second)])
    a, b = (uuid7(random, milliseconds / 1000 + 1e-7) for milliseconds, random in (earlier, later))
    if earlier[0] < later[0] and a.int >> 80 != b.int >> 80:
        assert (a < b, str(a) < str(b)) == (True, True)


# --- the values of get_by --------------------------------------------------------------------


def test_the_value_of_a_unique_is_encoded():
    """As it stands in the index: normed, one field after the other."""
    mapped, index, value = encode_unique(REGISTRY, Users.by_both, ("Ann", "a"))
    assert (USERS, USERS.indexes["by_both"]) == (mapped, index)
    assert b"ann\0\1a\0\1" == value
    assert (value,) == index.values(USERS.encode(User("ANN", "a")))


def test_none_owns_nothing():
    """It exempts; unless it is a value."""
    assert encode_unique(REGISTRY, Users.by_both, ("Ann", None))[2] is None
    assert b"\0\0\1" == encode_unique(REGISTRY, Users.by_nulls, (None,))[2]


class Others(Mapper[User]):
    """Is in no registry."""

    id = Key[int]()
    name = Field[str]()
    by_name = Unique(name)


class Inheriting(Users):
    """Inherits its indexes."""


def test_an_inherited_unique_is_that_of_the_mapper_in_the_registry():
    """Whatever class it was written in."""
    registry = MapperRegistry(Inheriting)
    mapped, index, _ = encode_unique(registry, Inheriting.by_name, ("a",))
    assert Inheriting is mapped.mapper
    assert mapped.indexes["by_name"] is index


@pytest.mark.parametrize(
    ("unique", "values", "error", "message"),
    [
        (
            "by_name",
            ("a",),
            QueryError,
            "get_by takes a Unique of a mapper, such as Users.by_email, not 'by_name'",
        ),
        (
            Users.name,
            ("a",),
            QueryError,
            "get_by takes a Unique of a mapper, such as Users.by_email, not Users.name",
        ),
        (
            Users.by_both,
            ("a",),
            QueryError,
            "Users.by_both is over 2 fields, but 1 values were given",
        ),
        (Users.by_name, (), QueryError, "Users.by_name is over 1 fields, but 0 values were given"),
        (
            Users.by_nulls,
            (5,),
            UnsupportedQuery,
            "`Users.by_nulls`, email: 5 is int, str expected",
        ),
    ],
    ids=repr,
)
def test_what_get_by_can_not_ask_is_refused(
    unique: Any, values: tuple[Any, ...], error: type[Exception], message: str
):
    """With what it can."""
    with pytest.raises(error) as refused:
        encode_unique(REGISTRY, unique, values)
    assert message == str(refused.value)


def test_a_unique_of_another_registry_is_refused():
    """Its mapper is not known here."""
    with pytest.raises((NotMapped, QueryError), match="Others"):
        encode_unique(REGISTRY, Others.by_name, ("a",))
