"""Keys that an object does not bring: point 33, UUIDv7, and generators of one's own."""
# ruff: noqa: PT012 - a unit of work fails where its block ends

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from enum import Enum
from typing import Any, NewType
from uuid import UUID

import attrs
import pytest

from redmapper.errors import Taken, UnitError, ValueRefused
from redmapper.mapping.fields import Field, Key
from redmapper.mapping.indexes import Unique
from redmapper.mapping.mapper import Mapper
from redmapper.mapping.registry import MapperRegistry
from redmapper.testing.conformance.entities import REGISTRY, Traffic, User, Users, names, save
from redmapper.testing.conformance.faces import OpenStore

OrderId = NewType("OrderId", int)


@attrs.define
class Other:
    """Another entity with a sequence, and keys of a type of their own."""

    name: str = ""
    id: OrderId | None = None


class Others(Mapper[Other]):
    """Its mapper."""

    id = Key[OrderId]()


@attrs.define
class Doc:
    """A key of text."""

    name: str = ""
    id: str | None = None


class Docs(Mapper[Doc]):
    """A UUIDv7, as text."""

    id = Key[str]()


@attrs.define
class Event:
    """A key that is a UUID."""

    name: str = ""
    id: UUID | None = None


class Events(Mapper[Event]):
    """A UUIDv7."""

    id = Key[UUID]()


NUMBERS = itertools.count(100, 100)


@attrs.define
class Invoice:
    """Its numbers come from a function."""

    name: str = ""
    id: int | None = None


class Invoices(Mapper[Invoice]):
    """A generator in place of the sequence."""

    id = Key[int](new=lambda: next(NUMBERS))


@attrs.define
class Coupon:
    """Its text comes from a function, which always gives the same."""

    name: str = ""
    id: str | None = None


class Coupons(Mapper[Coupon]):
    """A generator in place of the UUID."""

    id = Key[str](new=lambda: "the only one")
    name = Field[str]()

    by_name = Unique(name)


@attrs.define
class Day:
    """A key that is a date."""

    name: str = ""
    id: date | None = None


class Days(Mapper[Day]):
    """Nobody makes dates."""

    id = Key[date]()


class Side(Enum):
    """A key that is an Enum."""

    LEFT = "l"
    RIGHT = "r"


@attrs.define
class Shoe:
    """One of a pair."""

    id: Side
    name: str = ""


class Shoes(Mapper[Shoe]):
    """Its mapper."""

    id = Key[Side]()


@attrs.define
class Late:
    """It does not take the numbers that its sequence gives."""

    name: str = ""
    id: int | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.gt(100))
    )


class Lates(Mapper[Late]):
    """Its mapper."""

    id = Key[int]()


@attrs.define
class Keyless:
    """Its generator makes no keys."""

    id: str | None = None


class Keylesses(Mapper[Keyless]):
    """Its mapper."""

    id = Key[str](new=lambda: 7)  # type: ignore[arg-type, return-value]  # pyright: ignore[reportArgumentType]


KEYS = MapperRegistry(Lates, Keylesses, Users, Others, Docs, Events, Invoices, Coupons, Days, Shoes)


class TestSequences:
    """`Key[int]` is taken from a sequence when it is None."""

    def test_keys_are_given_with_the_commit(self, open_store: OpenStore) -> None:
        """33: positive numbers, in the order of `add`."""
        store = open_store(REGISTRY)
        users = [User(name) for name in "abc"]
        with store.unit() as uow:
            uow.add_all(users)
            assert [None] * 3 == [user.id for user in users]
        ids = [user.id for user in users if user.id is not None]
        assert 3 == len(ids) == len(set(ids))
        assert sorted(ids) == ids
        assert min(ids) > 0
        assert ["a", "b", "c"] == names(store.get_many(User, ids))

    def test_one_allocation_for_many_objects(self, open_store: OpenStore) -> None:
        """33: a block of numbers, then one commit."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        with store.unit() as uow:
            uow.add_all(User(f"u{at}") for at in range(300))
        traffic.expect(2)
        assert 300 == store.query(User).count()

    def test_many_small_units_ask_seldom(self, open_store: OpenStore) -> None:
        """33: a store keeps a block; far less than one allocation a unit."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        for at in range(100):
            save(store, User(f"u{at}"))
        assert len(traffic.verbs) <= 115
        assert 100 == store.query(User).count()

    def test_two_stores_never_give_one_number(self, open_store: OpenStore) -> None:
        """33: each has its own block."""
        stores = [open_store(REGISTRY) for _ in range(3)]
        users = []
        for at in range(60):
            user = User(f"u{at}")
            save(stores[at % 3], user)
            users.append(user)
        assert 60 == len({user.id for user in users}) == stores[0].query(User).count()

    def test_threads_never_get_one_number(self, open_store: OpenStore) -> None:
        """33: a store is thread-safe."""
        store = open_store(REGISTRY)
        users = [User(f"u{at}") for at in range(120)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda user: save(store, user), users))
        assert 120 == len({user.id for user in users}) == store.query(User).count()

    def test_each_mapper_has_its_own(self, open_store: OpenStore) -> None:
        """33: and each partition."""
        store = open_store(KEYS)
        ann, other, elsewhere = User("Ann"), Other("other"), User("elsewhere")
        save(store, ann)
        save(store, other)
        save(store.partition("p"), elsewhere)
        assert ann.id == other.id == elsewhere.id

    def test_a_given_number_is_kept_and_moves_the_sequence(self, open_store: OpenStore) -> None:
        """33: in this store and in others."""
        first, second = open_store(REGISTRY), open_store(REGISTRY)
        save(first, User("given", id=500))
        users = [User(f"u{at}") for at in range(6)]
        for at, user in enumerate(users):
            save((first, second)[at % 2], user)
        assert min(user.id for user in users if user.id) > 500
        assert 7 == len({user.id for user in users} | {500})

    def test_numbers_given_many_at_once_move_the_sequence(self, open_store: OpenStore) -> None:
        """33: the numbers that a store has in store are passed over."""
        store = open_store(REGISTRY)
        for name in "abcd":
            save(store, User(name))
        with store.unit() as uow:
            uow.add_all([User("given", id=50), User("given", id=60)])
            uow.commit()
            later = uow.add(User("later"))
        assert 61 == later.id

    def test_a_given_number_below_moves_nothing(self, open_store: OpenStore) -> None:
        """33: nor do negative ones, zero, and those beyond all counting."""
        store = open_store(REGISTRY)
        save(store, *(User("given", id=id_) for id_ in (-5, 0, 2**53, 10**30, 3)))
        ann = User("Ann")
        save(store, ann)
        assert 4 == ann.id
        assert [-5, 0, 3, 4, 2**53, 10**30] == [user.id for user in store.query(User)]

    def test_given_numbers_in_another_stores_block(self, open_store: OpenStore) -> None:
        """33: a number that was taken by hand is passed over."""
        first, second = open_store(REGISTRY), open_store(REGISTRY)
        for name in "abcdef":
            save(first, User(name))
        last = max(user.id or 0 for user in first.query(User))
        save(second, *(User("given", id=id_) for id_ in range(last + 1, last + 20)))
        users = [User(f"later{at}") for at in range(30)]
        for user in users:
            save(first, user)
        assert 6 + 19 + 30 == first.query(User).count()
        assert 30 == len({user.id for user in users})

    def test_a_given_number_and_the_sequences_in_one_unit(self, open_store: OpenStore) -> None:
        """33: the sequence gives another, whichever was added first."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            users = [uow.add(User(f"u{at}", id=id_)) for at, id_ in enumerate([1, None, 3, None])]
            users += [uow.add(User("later")), uow.add(User("given", id=2))]
        assert 6 == len({user.id for user in users}) == store.query(User).count()
        assert [1, 3, 2] == [users[at].id for at in (0, 2, 5)]

    def test_put_never_writes_over_a_number_of_somebody_else(self, open_store: OpenStore) -> None:
        """33: `put` of an object without a key inserts."""
        first, second = open_store(REGISTRY), open_store(REGISTRY)
        for name in "ab":
            save(first, User(name))
        last = max(user.id or 0 for user in first.query(User))
        save(second, *(User("theirs", id=last + more) for more in (1, 2, 3)))
        with first.unit() as uow:
            mine = [uow.put(User("mine")) for _ in range(4)]
        assert 9 == first.query(User).count()
        assert 3 == len(first.query(User).where(Users.name == "theirs").all())
        assert 4 == len({user.id for user in mine})

    def test_put_with_a_number_moves_the_sequence(self, open_store: OpenStore) -> None:
        """33: as `add` does."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            uow.put(User("Ann", id=40))
        bob = User("Bob")
        save(store, bob)
        assert (bob.id or 0) > 40

    def test_a_refused_commit_gives_no_key(self, open_store: OpenStore) -> None:
        """26: the objects stay without; mended, they get one."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", id=1))
        with store.unit() as uow:
            first, second = uow.add(User("a", "ann@x.io")), uow.add(User("b"))
            with pytest.raises(Taken) as refused:
                uow.commit()
            assert first is refused.value.obj
            assert (None, None) == (first.id, second.id)
            first.email = None
        assert None not in {first.id, second.id}
        assert 3 == store.query(User).count()

    def test_a_discarded_unit_gives_no_key(self, open_store: OpenStore) -> None:
        """23: gaps are allowed, keys without an entity are not."""
        store = open_store(REGISTRY)
        ann = User("Ann")
        with pytest.raises(ZeroDivisionError), store.unit() as uow:
            uow.add(ann)
            raise ZeroDivisionError
        assert ann.id is None

    def test_new_key_reserves_a_number(self, open_store: OpenStore) -> None:
        """`store.new_key` takes one off the sequence: nobody else gets it."""
        store = open_store(REGISTRY)
        keys = [store.new_key(Users), store.new_key(User)]
        ann = User("Ann")
        save(store, ann)
        assert 3 == len({*keys, ann.id})

    def test_large_and_small_numbers_are_ordered_as_numbers(self, open_store: OpenStore) -> None:
        """10 after 9, negative ones first."""
        store = open_store(REGISTRY)
        ids = [-(10**20), -100, -99, -10, -9, -1, 0, 1, 2, 9, 10, 11, 99, 100, 10**20]
        save(store, *(User(f"u{id_}", id=id_) for id_ in reversed(ids)))
        assert ids == [user.id for user in store.query(User)]
        assert ids[::-1] == [user.id for user in store.query(User).order_by(Users.id.desc())]
        assert ids[3:9] == [user.id for user in store.query(User).where(Users.id.between(-10, 2))]

    def test_a_key_of_a_type_of_its_own(self, open_store: OpenStore) -> None:
        """A NewType says nothing about where keys come from."""
        store = open_store(KEYS)
        other = Other("x")
        save(store, other)
        assert other.id is not None
        assert other == store.get(Other, other.id)


class TestMadeKeys:
    """Keys that `add` makes by itself."""

    @pytest.mark.parametrize("verb", ["add", "put"])
    def test_text_is_a_uuid_of_version_7(self, open_store: OpenStore, verb: str) -> None:
        """Set at once; it begins with the time it was made at."""
        store = open_store(KEYS)
        with store.unit() as uow:
            before = time.time_ns() // 1_000_000
            doc: Any = getattr(uow, verb)(Doc("Ann"))
            after = time.time_ns() // 1_000_000
            made = UUID(doc.id)
            assert (7, "specified in RFC 4122") == (made.version, made.variant)
            assert before - 1 <= made.int >> 80 <= after + 1
            assert doc is uow.get(Doc, str(made))
        assert doc == store.get(Doc, str(made))

    def test_a_uuid_is_one_too(self, open_store: OpenStore) -> None:
        """As an object, not as text."""
        store = open_store(KEYS)
        event = Event("Ann")
        save(store, event)
        assert isinstance(event.id, UUID)
        assert 7 == event.id.version
        assert event == store.get(Event, event.id)

    def test_they_are_all_different(self, open_store: OpenStore) -> None:
        """1,000 in one unit."""
        store = open_store(KEYS)
        with store.unit() as uow:
            docs = uow.add_all(Doc(str(at)) for at in range(1_000))
        assert 1_000 == len({doc.id for doc in docs}) == store.query(Doc).count()

    def test_a_generator_of_ones_own(self, open_store: OpenStore) -> None:
        """`Key[T](new=callable)`: called by `add` for each object without a key."""
        store = open_store(KEYS)
        with store.unit() as uow:
            first, second = uow.add_all([Invoice("a"), Invoice("b")])
            assert first.id is not None
            assert first.id + 100 == second.id
            given = uow.add(Invoice("c", 7))
        assert 7 == given.id
        assert 3 == store.query(Invoice).count()

    def test_a_generator_that_makes_no_key(self, open_store: OpenStore) -> None:
        """Refused by `add`, by name; the object is as it was."""
        store = open_store(KEYS)
        keyless = Keyless()
        for verb in ("add", "put"):
            with (
                pytest.raises(ValueRefused, match=r"Keylesses\.id: new= gave .*: 7 is int"),
                store.unit() as uow,
            ):
                getattr(uow, verb)(keyless)
        with pytest.raises(ValueRefused, match=r"Keylesses\.id: new="):
            store.new_key(Keyless)
        assert keyless.id is None

    def test_a_key_is_set_past_validators(self, open_store: OpenStore) -> None:
        """A commit that has landed does not fail on the way back."""
        store = open_store(KEYS)
        late = Late("Ann")
        save(store, late)
        assert 1 == late.id
        assert 1 == store.query(Late).count()

    def test_a_generator_that_repeats_itself(self, open_store: OpenStore) -> None:
        """The key is taken, as any other would be."""
        store = open_store(KEYS)
        save(store, Coupon("a"))
        with pytest.raises(Exception, match="the only one"), store.unit() as uow:
            uow.add(Coupon("b"))

    def test_given_keys_are_kept(self, open_store: OpenStore) -> None:
        """Of every kind, empty text too."""
        store = open_store(KEYS)
        made = UUID(int=7)
        day = date(2024, 2, 29)
        save(store, Doc("a", ""), Doc("b", "key"), Event("c", made), Day("d", day), Shoe(Side.LEFT))
        assert ["a", "b"] == [doc.name for doc in store.query(Doc)]
        assert Event("c", made) == store.get(Event, made)
        assert Day("d", day) == store.get(Day, day)
        assert Shoe(Side.LEFT) == store.get(Shoe, Side.LEFT)
        assert store.get(Shoe, Side.RIGHT) is None

    def test_a_kind_of_key_that_nobody_makes(self, open_store: OpenStore) -> None:
        """UnitError at `add`, naming the cure."""
        store = open_store(KEYS)
        with store.unit() as uow, pytest.raises(UnitError, match="new="):
            uow.add(Day("d"))

    def test_new_key_makes_every_kind(self, open_store: OpenStore) -> None:
        """As `add` would."""
        store = open_store(KEYS)
        assert 7 == UUID(store.new_key(Docs)).version
        assert 7 == store.new_key(Events).version
        assert 0 == store.new_key(Invoices) % 100
        assert "the only one" == store.new_key(Coupon)
        with pytest.raises(UnitError, match="new="):
            store.new_key(Days)
