"""The life of units and stores: points 49 and 51, partitions, and what is refused afterwards."""
# ruff: noqa: PT012 - a unit of work fails where its block ends

from __future__ import annotations

import copy
import pickle
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import pytest

from redmapper.errors import (
    ConcurrentUse,
    Conflict,
    MappingError,
    ReadOnlyUnit,
    StoreError,
    UnitActive,
    UnitClosed,
)
from redmapper.mapping.fields import Computed, Field, Key
from redmapper.mapping.indexes import Ordered, Unique
from redmapper.mapping.mapper import Mapper
from redmapper.mapping.registry import MapperRegistry
from redmapper.testing.conformance.entities import (
    REGISTRY,
    Team,
    Traffic,
    User,
    Users,
    names,
    save,
)
from redmapper.testing.conformance.faces import OpenStore, raw

ANN = User("Ann", id=1)

VERBS: dict[str, Any] = {
    "add": lambda uow: uow.add(User("Bob")),
    "add_all": lambda uow: uow.add_all([User("Bob")]),
    "put": lambda uow: uow.put(User("Bob")),
    "replace": lambda uow: uow.replace(ANN, User("Bob", id=1)),
    "delete": lambda uow: uow.delete(ANN),
    "delete_by_key": lambda uow: uow.delete_by_key(User, 1),
    "untrack": lambda uow: uow.untrack(ANN),
    "guard": lambda uow: uow.guard(ANN),
    "get_or_add": lambda uow: uow.get_or_add(Users.by_email, "b@x", factory=lambda: User("Bob")),
    "get": lambda uow: uow.get(User, 1),
    "require": lambda uow: uow.require(User, 1),
    "get_many": lambda uow: uow.get_many(User, [1]),
    "get_by": lambda uow: uow.get_by(Users.by_email, "ann@x.io"),
    "query": lambda uow: uow.query(User).all(),
    "refresh": lambda uow: uow.refresh(ANN),
    "commit": lambda uow: uow.commit(),
    "rollback": lambda uow: uow.rollback(),
    "changes": lambda uow: uow.changes(),
    "state": lambda uow: uow.state(ANN),
    "version_of": lambda uow: uow.version_of(ANN),
}
WRITING = (
    "add",
    "add_all",
    "put",
    "replace",
    "delete",
    "delete_by_key",
    "guard",
    "get_or_add",
    "commit",
)


class TestUnits:
    """49: one unit, many blocks in turn."""

    @pytest.mark.parametrize("verb", VERBS)
    def test_outside_a_block(self, open_store: OpenStore, verb: str) -> None:
        """49: UnitClosed, naming the verb; before the first block and after the last."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        uow = store.unit()
        named = "add" if verb == "add_all" else verb
        with pytest.raises(UnitClosed, match=rf"{named}\(\)"):
            VERBS[verb](uow)
        with uow:
            pass
        with pytest.raises(UnitClosed, match=rf"{named}\(\)"):
            VERBS[verb](uow)
        assert [] == traffic.verbs

    def test_entering_an_active_unit(self, open_store: OpenStore) -> None:
        """49: UnitActive; the block that it is in goes on."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            uow.add(User("Ann"))
            with pytest.raises(UnitActive), uow:
                pass
            uow.add(User("Bob"))
        assert ["Ann", "Bob"] == names(store.query(User))

    def test_many_blocks_in_turn(self, open_store: OpenStore) -> None:
        """49: each starts empty, also after an exception."""
        store = open_store(REGISTRY)
        uow = store.unit()
        with uow:
            ann = uow.add(User("Ann"))
        with pytest.raises(ZeroDivisionError), uow:
            assert "untracked" == uow.state(ann)
            uow.add(User("Bob"))
            raise ZeroDivisionError
        with uow as again:
            assert [] == again.changes()
            assert again.get(User, ann.id) is not ann
            again.add(User("Cid"))
        assert ["Ann", "Cid"] == names(store.query(User))

    def test_a_failed_commit_ends_the_block(self, open_store: OpenStore) -> None:
        """49: the next one starts empty."""
        store = open_store(REGISTRY)
        save(store, Team("t", "Team"))
        uow = store.unit()
        with pytest.raises(Exception, match="exists"), uow:
            uow.add(Team("t", "Other"))
        with uow:
            assert [] == uow.changes()

    def test_units_do_not_see_each_other(self, open_store: OpenStore) -> None:
        """One is inside its block while another is."""
        store = open_store(REGISTRY)
        with store.unit() as first, store.unit() as second:
            ann = first.add(User("Ann", id=1))
            assert "untracked" == second.state(ann)
            assert second.get(User, 1) is None
            second.add(User("Bob", id=2))
        assert ["Ann", "Bob"] == names(store.query(User))

    def test_use_from_two_threads_at_once(self, open_store: OpenStore) -> None:
        """49: ConcurrentUse, for whoever comes second; the first is not disturbed."""
        begun, go_on = threading.Event(), threading.Event()

        def slow(_: Any) -> str:  # noqa: ANN401 - an entity
            if threading.current_thread() is not threading.main_thread():
                begun.set()
                go_on.wait(10)
            return ""

        store = open_store(_slow_registry(slow))
        with store.unit() as uow, ThreadPoolExecutor(1) as pool:
            uow.add(Slow(1))
            first = pool.submit(uow.commit)
            assert begun.wait(10)
            for verb in ("changes", "state", "add", "untrack", "rollback", "delete_by_key"):
                with pytest.raises(ConcurrentUse, match=verb):
                    _on_slow(verb, raw(uow))
            go_on.set()
            first.result()
        assert 1 == store.query(Slow).count()

    def test_use_from_inside_a_verb(self, open_store: OpenStore) -> None:
        """49: a function that the commit calls can not change the unit under it."""
        seen: list[Exception] = []
        units: list[Any] = []

        def meddle(_: Any) -> str:  # noqa: ANN401 - an entity
            try:
                units[0].add(Slow(2))
            except ConcurrentUse as error:
                seen.append(error)
            return ""

        store = open_store(_slow_registry(meddle))
        with store.unit() as uow:
            units.append(raw(uow))
            uow.add(Slow(1))
        assert [ConcurrentUse] == [type(error) for error in seen][:1]
        assert [1] == [row.id for row in store.query(Slow)]

    @pytest.mark.parametrize("wrong", ["", "auto", None])
    def test_an_unknown_way_to_commit(self, open_store: OpenStore, wrong: Any) -> None:  # noqa: ANN401 - any value
        """ValueError names the option and what there is."""
        store = open_store(REGISTRY)
        with pytest.raises(ValueError, match="explicit"):
            store.unit(commit=wrong)

    def test_units_refuse_pickling(self, open_store: OpenStore) -> None:
        """By name; copying too."""
        unit = raw(open_store(REGISTRY).unit())
        for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="UnitOfWork"):
                attempt(unit)


@attrs.define
class Slow:
    """Computes something while it is written."""

    id: int


def _slow_registry(compute: Any) -> MapperRegistry:  # noqa: ANN401 - an entity
    class Slows(Mapper[Slow]):
        id = Key[int]()
        computed = Computed[str](compute)

    return MapperRegistry(Slows)


def _on_slow(verb: str, uow: Any) -> None:  # noqa: ANN401 - of either face
    """A verb that needs no server."""
    arguments = {"state": (ANN,), "add": (Slow(2),), "untrack": (ANN,), "delete_by_key": (Slow, 3)}
    getattr(uow, verb)(*arguments.get(verb, ()))


class TestKindsOfUnits:
    """51: `read_only=True` and `commit="explicit"`."""

    @pytest.mark.parametrize("verb", WRITING)
    def test_read_only_refuses_writing_verbs(self, open_store: OpenStore, verb: str) -> None:
        """51: ReadOnlyUnit, naming the verb."""
        store = open_store(REGISTRY)
        with store.unit(read_only=True) as uow:
            named = "add" if verb == "add_all" else verb
            with pytest.raises(ReadOnlyUnit, match=rf"{named}\(\)"):
                VERBS[verb](uow)

    def test_read_only_reads(self, open_store: OpenStore) -> None:
        """51: every way; one key is one object."""
        store = open_store(REGISTRY)
        save(store, User("Ann", "ann@x.io", 30, id=1))
        with store.unit(read_only=True) as uow:
            ann = uow.require(User, 1)
            assert ann is uow.get(User, 1)
            assert ann is uow.get_by(Users.by_email, "ann@x.io")
            assert ann is uow.query(User).where(Users.age == 30).one()
            assert "clean" == uow.state(ann)
            assert ann in uow
            uow.rollback()

    def test_read_only_writes_nothing(self, open_store: OpenStore) -> None:
        """51: whatever becomes of the objects."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, User("Ann", id=1))
        with store.unit(read_only=True) as uow:
            uow.require(User, 1).age = 7
            traffic.begin()
        traffic.expect(0)
        assert store.require(User, 1).age is None

    def test_explicit_discards_and_warns(self, open_store: OpenStore) -> None:
        """51: what was not committed by hand."""
        store = open_store(REGISTRY)
        with pytest.warns(UserWarning, match="discards 2 changes"):  # noqa: PT031, SIM117 - the unit warns where its block ends
            with store.unit(commit="explicit") as uow:
                uow.add(User("Ann"))
                uow.commit()
                uow.add(User("Bob"))
                uow.delete_by_key(User, 7)
        assert ["Ann"] == names(store.query(User))

    def test_explicit_is_silent_where_nothing_is_lost(self, open_store: OpenStore) -> None:
        """51: after a commit, a rollback, or reading alone; and after an exception."""
        store = open_store(REGISTRY)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with store.unit(commit="explicit") as uow:
                uow.add(User("Ann", id=1))
                uow.commit()
            with store.unit(commit="explicit") as uow:
                uow.require(User, 1).age = 7
                uow.rollback()
            with pytest.raises(ZeroDivisionError), store.unit(commit="explicit") as uow:
                uow.add(User("Bob"))
                raise ZeroDivisionError
        assert ["Ann"] == names(store.query(User))


class TestStores:
    """A store binds a registry to a place."""

    def test_making_one_does_no_io(self, open_store: OpenStore) -> None:
        """Nor does making units, queries and partitions."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        store.unit()
        store.query(User).where(Users.age > 1)
        store.partition("p")
        assert [] == traffic.verbs

    def test_two_stores_over_one_place(self, open_store: OpenStore) -> None:
        """What one writes, the other finds."""
        first, second = open_store(REGISTRY), open_store(REGISTRY)
        save(first, User("Ann", "ann@x.io", id=1))
        with second.unit() as uow:
            uow.get_by(Users.by_email, "ann@x.io").age = 30
        assert 30 == first.require(User, 1).age

    def test_it_knows_its_registry(self, open_store: OpenStore) -> None:
        """And shows what it is, but no address."""
        store = open_store(REGISTRY)
        assert REGISTRY is store.registry
        assert "Store" in repr(store)
        assert "://" not in repr(store)

    def test_threads_share_a_store(self, open_store: OpenStore) -> None:
        """Each with units of its own."""
        store = open_store(REGISTRY)

        def work(at: int) -> int:
            with store.unit() as uow:
                uow.add(User(f"u{at}", f"{at}@x.io", at, id=at))
            with store.unit() as uow:
                uow.require(User, at).age = at + 1000
            return len(store.query(User).where(Users.age == at + 1000).all())

        with ThreadPoolExecutor(8) as pool:
            assert [1] * 40 == list(pool.map(work, range(40)))
        assert 40 == store.query(User).where(Users.age >= 1000).count()

    def test_one_owner_under_concurrency(self, open_store: OpenStore) -> None:
        """Of ten threads that claim one value, one gets it."""
        store = open_store(REGISTRY)
        barrier = threading.Barrier(8)

        def claim(at: int) -> bool:
            barrier.wait(10)
            try:
                save(store, User(f"u{at}", "one@x.io"))
            except Exception:  # noqa: BLE001 - whichever it is, it was refused
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert 1 == sum(pool.map(claim, range(8)))
        assert 1 == store.query(User).count()

    def test_a_closed_store(self, open_store: OpenStore) -> None:
        """StoreError from every verb; closing again has no effect."""
        store = open_store(REGISTRY)
        save(store, User("Ann", id=1))
        unit, partition = store.unit(), store.partition("p")
        store.close()
        store.close()
        for call in (
            lambda: store.get(User, 1),
            lambda: store.query(User).all(),
            lambda: store.query(User).count(),
            lambda: store.new_key(User),
            lambda: store.transact(lambda _: None),
            lambda: store.partition("q"),
            lambda: partition.get(User, 1),
            lambda: save(store, User("Bob")),
            lambda: save(partition, User("Bob")),
        ):
            with pytest.raises(StoreError, match="closed"):
                call()
        with pytest.raises(StoreError, match="closed"), unit:
            unit.add(User("Bob"))
        assert ["Ann"] == names(open_store(REGISTRY).query(User))

    def test_a_store_is_a_context_manager(self, open_store: OpenStore) -> None:
        """Which closes it."""
        with open_store(REGISTRY) as store:
            save(store, User("Ann"))
        with pytest.raises(StoreError, match="closed"):
            store.get(User, 1)

    def test_stores_refuse_pickling(self, open_store: OpenStore) -> None:
        """By name; copying too."""
        store = raw(open_store(REGISTRY))
        for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match=type(store).__name__):
                attempt(store)

    @pytest.mark.parametrize("unit_id", ["nonsense", "", None, 7])
    def test_an_outcome_that_nobody_asked_for(self, open_store: OpenStore, unit_id: str) -> None:
        """`outcome` of what is no unit id is a StoreError by name."""
        store = open_store(REGISTRY)
        with pytest.raises(StoreError, match=f"{unit_id!r} is not the unit_id of a CommitUnknown"):
            store.outcome(unit_id)


class TestPartitions:
    """`store.partition(name)`: the same store, and data of its own."""

    def test_its_entities_are_seen_nowhere_else(self, open_store: OpenStore) -> None:
        """Keys, indexes, unique values and counts are each partition's own."""
        store = open_store(REGISTRY)
        places = [store, store.partition("a"), store.partition("b")]
        for at, place in enumerate(places):
            save(place, User(f"u{at}", "same@x.io", at, tags=["t"], id=1))
        for at, place in enumerate(places):
            assert f"u{at}" == place.require(User, 1).name
            assert f"u{at}" == place.get_by(Users.by_email, "same@x.io").name
            assert [f"u{at}"] == names(place.query(User).where(Users.tags.has("t")))
            assert [at] == [user.age for user in place.query(User).order_by(Users.age)]
        with places[1].unit() as uow:
            uow.delete_by_key(User, 1)
        assert [1, 0, 1] == [place.query(User).count() for place in places]

    def test_the_same_name_is_the_same_place(self, open_store: OpenStore) -> None:
        """From this store and from another."""
        store = open_store(REGISTRY)
        save(store.partition("a"), User("Ann", id=1))
        assert "Ann" == store.partition("a").require(User, 1).name
        assert "Ann" == open_store(REGISTRY).partition("a").require(User, 1).name

    @pytest.mark.parametrize(
        "name",
        ["tenant-42", "a:b", "日本", "a b", "0", ":", "*", "\0", "a/b#c", "{", "}", "a{b}", "%7B"],
    )
    def test_any_name(self, open_store: OpenStore, name: str) -> None:
        """Is a place like others, and none of them is another's."""
        store = open_store(REGISTRY)
        save(store.partition(name), User("Ann", "ann@x.io", id=1))
        save(store.partition(f"{name}:x"), User("Bob", id=1))
        assert "Ann" == store.partition(name).get_by(Users.by_email, "ann@x.io").name
        assert 1 == store.partition(name).query(User).count()
        assert 0 == store.query(User).count()

    @pytest.mark.parametrize("name", ["", "\ud800", 42, None], ids=repr)
    def test_a_name_that_can_not_be_one(self, open_store: OpenStore, name: Any) -> None:  # noqa: ANN401 - any value
        """Empty, or no text that could be written: MappingError at once, on every strategy."""
        store = open_store(REGISTRY)
        with pytest.raises(MappingError, match="partition"):
            store.partition(name)

    def test_units_and_transactions(self, open_store: OpenStore) -> None:
        """Everything a store does."""
        partition = open_store(REGISTRY).partition("p")
        ann = partition.transact(lambda uow: uow.add(User("Ann")))
        assert ann.id is not None
        assert ann.id != partition.new_key(User)
        assert REGISTRY is partition.registry
        assert "'p'" in repr(partition)


@attrs.define
class Account:
    """Secrets, which attrs leaves out of a repr."""

    name: str
    password: str = attrs.field(repr=False)
    pin: str | None = attrs.field(default=None, repr=False)
    id: int | None = None


class Accounts(Mapper[Account], conflict="fields"):
    """They are stored, and shown to nobody."""

    id = Key[int]()
    name = Field[str]()
    password = Field[str]()
    pin = Field[str | None]()


ACCOUNTS = MapperRegistry(Accounts)


@attrs.define
class Token:
    """An entity whose key is hidden."""

    token: str = attrs.field(repr=False)
    user: str = ""


class Tokens(Mapper[Token]):
    """Its mapper."""

    token = Key[str]()
    user = Field[str]()

    by_user = Unique(user)
    in_order = Ordered(user)


TOKENS = MapperRegistry(Tokens)


class TestSecrets:
    """Fields with `repr=False` show as `...` everywhere."""

    def test_in_changes(self, open_store: OpenStore) -> None:
        """Old and new value."""
        store = open_store(ACCOUNTS)
        save(store, Account("Ann", "s3cret", "0000", 1))
        with store.unit() as uow:
            account = uow.require(Account, 1)
            account.password = "n3w"  # noqa: S105 - nobody's
            account.pin = None
            uow.add(Account("Bob", "s3cret too"))
            shown = repr(uow.changes())
            assert "..." in shown
            assert "s3cret" not in shown
            assert "n3w" not in shown
            assert "0000" not in shown
            uow.rollback()

    def test_in_errors(self, open_store: OpenStore) -> None:
        """Conflicts, refused values, and what is printed of them."""
        store = open_store(ACCOUNTS)
        save(store, Account("Ann", "s3cret", id=1))
        shown: list[str] = []
        with store.unit() as uow:
            uow.require(Account, 1).password = "n3w"  # noqa: S105 - nobody's
            with store.unit() as other:
                other.require(Account, 1).password = "n3wer"  # noqa: S105 - nobody's
            with pytest.raises(Exception, match="changed") as stale:
                uow.commit()
            uow.rollback()
            shown += [str(stale.value), repr(stale.value)]
        with pytest.raises(Exception, match="password") as refused, store.unit() as uow:
            uow.add(Account("Bob", "s3cret\ud800"))
        shown += [str(refused.value), repr(refused.value), str(refused.value.args)]
        assert not [text for text in shown if "s3cret" in text or "n3w" in text]

    def test_in_echoes(self, open_store: OpenStore, capsys: pytest.CaptureFixture[str]) -> None:
        """`echo=True` prints values, but not these."""
        store = open_store(ACCOUNTS, echo=True)
        save(store, Account("Ann", "s3cret", "0000" * 40, id=1))
        for password in ("n3w", "n3w" * 50):
            with store.unit() as uow:
                account = uow.require(Account, 1)
                account.password = password
                account.pin = None
        store.query(Account).where(Accounts.password == "n3w").allow_scan().all()  # noqa: S105 - nobody's
        shown = capsys.readouterr().out
        assert not shown or "Ann" in shown
        for secret in ("s3cret", "n3w", "0000"):
            assert secret not in shown

    def test_hidden_keys(self, open_store: OpenStore, capsys: pytest.CaptureFixture[str]) -> None:
        """They are in no change, no conflict, and in no echo."""
        store = open_store(TOKENS)
        save(store, Token("s3cret", "Ann"))
        for token in (Token("s3cret", "Bob"), Token("other", "Ann")):
            with pytest.raises(Conflict, match=r"Token\(\.\.\.\)") as refused, store.unit() as uow:
                uow.add(token)
                assert "s3cret" not in repr(uow.changes())
            assert "s3cret" not in str(refused.value)
            assert token.token == refused.value.key
        loud = open_store(TOKENS, echo=True)
        assert 1 == len(loud.query(Token).where(Tokens.user == "Ann").all())
        assert 1 == loud.query(Token).count()
        assert 1 == loud.query(Token).where(Tokens.token == "s3cret").count()  # noqa: S105 - that is the point
        assert Token("s3cret", "Ann") == loud.get(Token, "s3cret")
        with loud.unit() as uow:
            uow.require(Token, "s3cret").user = "Bob"
        with loud.unit() as uow:
            uow.add(Token("s3cret too", "Cyd"))
            uow.delete(uow.require(Token, "s3cret"))
        assert "s3cret" not in capsys.readouterr().out
