"""Handlers that are registered from outside: points 53 and 54.

Handlers run where the unit does, on the event loop with an `AsyncStore`: so they ask no store here.
"""
# ruff: noqa: PT012 - a unit of work fails where its block ends

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from redmapper.errors import AlreadyExists, Conflict, MappingError, Stale, UnitError
from redmapper.faces.sync.unit import UnitOfWork
from redmapper.mapping.events import EVENTS
from redmapper.mapping.registry import MapperRegistry
from redmapper.testing.conformance.entities import Team, Teams, User, Users, names, save
from redmapper.testing.conformance.faces import OpenStore

UNDOING = ("before_commit", "before_insert", "planned")
LATE = ("after_insert", "committed")


def fresh() -> MapperRegistry:
    """A registry that nobody uses yet."""
    return MapperRegistry(Users, Teams)


def listening(*events: str) -> tuple[MapperRegistry, list[tuple[str, Any]]]:
    """A registry, and what its handlers are told."""
    registry = fresh()
    told: list[tuple[str, Any]] = []

    def note(event: str, what: Any) -> None:  # noqa: ANN401 - of any event
        told.append((event, what))

    for event in events or EVENTS:
        registry.on(event, partial(note, event))
    return registry, told


def order(told: list[tuple[str, Any]]) -> list[str]:
    """The events alone."""
    return [event for event, _ in told]


def _begin(answer: Any) -> None:  # noqa: ANN401 - of either face
    """Take the first step of a coroutine, where the verb is one: there is no awaiting here."""
    if answer is not None:
        try:
            answer.send(None)
        finally:
            answer.close()


class TheirOwn(Exception):
    """What a handler raises."""


def fail(_: object) -> None:
    """A handler that raises."""
    message = "the handler's own"
    raise TheirOwn(message)


class TestEvents:
    """53: what is told, of what, and in which order."""

    def test_the_order_of_a_commit(self, open_store: OpenStore) -> None:
        """53: one order: before_commit, before each object, planned, after each, committed."""
        registry, told = listening()
        store = open_store(registry)
        save(store, User("Ann", id=1), User("Bob", id=2))
        told.clear()
        with store.unit() as uow:
            ann, bob = uow.require(User, 1), uow.require(User, 2)
            ann.age = 30
            uow.delete(bob)
            cid = uow.add(User("Cid", id=3))
        assert [
            *("loaded", "loaded", "before_commit"),
            *("before_update", "before_delete", "before_insert", "planned"),
            *("after_update", "after_delete", "after_insert", "committed"),
        ] == order(told)
        objects = [what for event, what in told if event.startswith(("before_", "after_"))][1:]
        assert [id(each) for each in (ann, bob, cid) * 2] == [id(each) for each in objects]

    def test_every_handler_in_the_order_of_registration(self, open_store: OpenStore) -> None:
        """53: an event may have several."""
        registry = fresh()
        told: list[int] = []
        for number in range(3):
            registry.on("before_insert", lambda _, number=number: told.append(number))
        save(open_store(registry), User("Ann"))
        assert [0, 1, 2] == told

    def test_loaded_is_told_once_an_object(self, open_store: OpenStore) -> None:
        """53: when a reading makes it, whatever the way; a tracked one is not made again."""
        registry, told = listening("loaded")
        store = open_store(registry)
        save(store, User("Ann", "ann@x", id=1), User("Bob", id=2))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            uow.get_by(Users.by_email, "ann@x")
            bob = uow.query(User).all()[1]
            uow.get_many(User, [1, 2, 3])
        assert [id(ann), id(bob)] == [id(obj) for _, obj in told]

    def test_loaded_is_told_of_untracked_objects(self, open_store: OpenStore) -> None:
        """53: those of the stateless door and of a read-only unit too."""
        registry, told = listening("loaded")
        store = open_store(registry)
        save(store, User("Ann", id=1))
        store.get(User, 1)
        with store.unit(read_only=True) as uow:
            uow.get(User, 1)
        assert ["Ann", "Ann"] == [obj.name for _, obj in told]

    def test_what_loaded_changes_is_a_change(self, open_store: OpenStore) -> None:
        """53: an object is compared as it stood after its `__init__`."""
        registry = fresh()
        registry.on("loaded", lambda obj: setattr(obj, "city", "Rome"))
        store = open_store(registry)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            assert "dirty" == uow.state(uow.require(User, 1))
        registry = fresh()
        assert "Rome" == open_store(registry).require(User, 1).city

    def test_before_commit_may_add_change_and_delete(self, open_store: OpenStore) -> None:
        """53: all of it lands with the same commit."""
        registry = fresh()

        def also(uow: UnitOfWork) -> None:
            for change in uow.changes():
                if isinstance(change.obj, User) and change.obj.name == "Ann":
                    change.obj.city = "Rome"
            uow.delete_by_key(Team, "old")
            if uow.state(team) == "untracked":
                uow.add(team)

        registry.on("before_commit", also)
        team = Team("t", "Team")
        store = open_store(registry)
        with store.unit() as uow:
            uow.add(User("Ann", id=1))
        assert "Rome" == store.require(User, 1).city
        assert "Team" == store.require(Team, "t").name

    def test_before_commit_is_told_of_an_empty_unit(self, open_store: OpenStore) -> None:
        """53: it may find something to do; without that nothing else is told."""
        registry, told = listening()
        with open_store(registry).unit():
            pass
        assert ["before_commit"] == order(told)

    def test_before_commit_is_repeated_until_quiet(self, open_store: OpenStore) -> None:
        """53: as long as another object or field comes in, and once more."""
        registry = fresh()
        rounds: list[int] = []

        def one_more(uow: UnitOfWork) -> None:
            rounds.append(len(uow.changes()))
            if len(rounds) < 4:
                uow.add(User(f"more {len(rounds)}"))

        registry.on("before_commit", one_more)
        store = open_store(registry)
        save(store, User("Ann"))
        assert ([1, 2, 3, 4], 4) == (rounds, store.query(User).count())

    def test_a_new_value_of_a_changed_field_is_quiet(self, open_store: OpenStore) -> None:
        """53: so a handler may count or tell the time without waking itself."""
        registry = fresh()
        rounds: list[int] = []

        def count(uow: UnitOfWork) -> None:
            rounds.append(1)
            for change in uow.changes():
                change.obj.age = (change.obj.age or 0) + 1

        registry.on("before_commit", count)
        store = open_store(registry)
        save(store, User("Ann", id=1))
        assert 1 == len(rounds)
        with store.unit() as uow:
            uow.require(User, 1).name = "Bea"
        assert (3, 3) == (len(rounds), store.require(User, 1).age)

    def test_before_commit_that_is_never_quiet(self, open_store: OpenStore) -> None:
        """53: the repetition has a bound, and nothing is sent."""
        registry = fresh()
        registry.on("before_commit", lambda uow: uow.add(User("more")))
        store = open_store(registry)
        with pytest.raises(UnitError, match="brought in new changes 10 times"), store.unit():
            pass
        assert 0 == store.query(User).count()

    @pytest.mark.parametrize("event", ["before_insert", "before_update"])
    def test_before_a_write_its_object_may_change(self, open_store: OpenStore, event: str) -> None:
        """53: as a handler that notes who wrote it does."""
        registry = fresh()
        registry.on(event, lambda user: setattr(user, "city", f"{user.name} {event}"))
        store = open_store(registry)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            uow.require(User, 1).age = 30
        assert f"Ann {event}" == store.require(User, 1).city

    def test_a_key_from_a_sequence(self, open_store: OpenStore) -> None:
        """53: before the commit it is not there yet, afterwards it is."""
        registry = fresh()
        keys: list[Any] = []
        for event in ("before_insert", "after_insert"):
            registry.on(event, lambda user: keys.append(user.id))
        registry.on("committed", lambda result: keys.append(result.changes[0].key))
        save(open_store(registry), User("Ann"))
        assert [None, 1, 1] == keys

    def test_planned_is_told_of_checks_and_writes(self, open_store: OpenStore) -> None:
        """53: the plan, as the strategy gets it."""
        registry, told = listening("planned")
        store = open_store(registry)
        save(store, User("Ann", "ann@x", id=1))
        with store.unit() as uow:
            uow.guard(uow.require(User, 1))
            uow.add(Team("t", "Team"))
        (_, first), (_, second) = told
        assert (1, 1, 0) == (len(first.writes), len(first.claims), len(first.guards))
        assert (1, 1, 1) == (len(second.writes), len(second.claims), len(second.guards))

    def test_committed_is_told_what_was_written(self, open_store: OpenStore) -> None:
        """53: a `put` as what it was in the store, a deletion by key without an object."""
        registry, told = listening("committed")
        store = open_store(registry)
        save(store, User("Ann", id=1), User("Bob", id=2))
        told.clear()
        with store.unit() as uow:
            uow.put(User("New", id=1))
            uow.put(User("Cid", id=3))
            uow.delete_by_key(User, 2)
            uow.delete_by_key(User, 99)
        ((_, result),) = told
        assert [
            ("update", 1, {"name": ("Ann", "New")}),
            ("insert", 3, "Cid"),
            ("delete", 2, {}),
        ] == [
            (each.kind, each.key, each.obj.name if each.kind == "insert" else each.fields)
            for each in result.changes
        ]
        assert result.changes[2].obj is None
        assert "Bob" == result.changes[2].base.name

    def test_a_put_counts_as_an_insert(self, open_store: OpenStore) -> None:
        """53: of an object that the unit has not loaded; of one that it has, as an update."""
        registry, told = listening("before_insert", "before_update", "after_insert", "after_update")
        store = open_store(registry)
        save(store, User("Ann", id=1))
        told.clear()
        with store.unit() as uow:
            uow.put(User("New", id=1))
        with store.unit() as uow:
            ann = uow.require(User, 1)
            ann.age = 3
            uow.put(ann)
        assert ["before_insert", "after_insert", "before_update", "after_update"] == order(told)

    def test_a_conflict_is_told_as_failed(self, open_store: OpenStore) -> None:
        """53: with the error; the unit is usable, and the next commit tells all anew."""
        registry, told = listening("before_insert", "failed", "rolled_back", "committed")
        store = open_store(registry)
        save(store, User("Ann", id=1))
        told.clear()
        with store.unit() as uow:
            other = uow.add(User("Other", id=1))
            with pytest.raises(AlreadyExists) as refused:
                uow.commit()
            uow.untrack(other)
            uow.add(User("Other", id=2))
        assert ["before_insert", "failed", "before_insert", "committed"] == order(told)
        assert told[1][1] is refused.value

    def test_a_unit_that_fails_is_told_as_rolled_back(self, open_store: OpenStore) -> None:
        """53: after failed; the error passes unchanged."""
        registry, told = listening("failed", "rolled_back")
        store = open_store(registry)
        save(store, User("Ann", id=1))
        with pytest.raises(AlreadyExists), store.unit() as uow:
            uow.add(User("Other", id=1))
        assert ["failed", "rolled_back"] == order(told)

    @pytest.mark.parametrize("how", ["raise", "rollback", "explicit"])
    def test_what_is_discarded_is_told_as_rolled_back(
        self, open_store: OpenStore, how: str
    ) -> None:
        """53: once, by an exception, by hand, or at the end of an explicit unit."""
        registry, told = listening("failed", "rolled_back", "committed")
        store = open_store(registry)
        if how == "raise":
            with pytest.raises(KeyboardInterrupt), store.unit() as uow:
                uow.add(User("Ann"))
                raise KeyboardInterrupt
        elif how == "rollback":
            with store.unit() as uow:
                uow.add(User("Ann"))
                uow.rollback()
        else:
            with (
                pytest.warns(UserWarning, match="discards 1"),
                store.unit(commit="explicit") as uow,
            ):
                uow.add(User("Ann"))
        assert ["rolled_back"] == order(told)

    def test_a_read_only_unit_tells_only_of_what_it_loads(self, open_store: OpenStore) -> None:
        """53: there is nothing to commit nor to roll back."""
        registry, told = listening()
        store = open_store(registry)
        with pytest.raises(TheirOwn), store.unit(read_only=True):
            raise TheirOwn
        with store.unit(read_only=True):
            pass
        assert [] == told

    def test_another_registry_is_not_told(self, open_store: OpenStore) -> None:
        """53: handlers belong to one registry; there is nothing global."""
        _, told = listening()
        save(open_store(fresh()), User("Ann"))
        assert [] == told


class TestHandlersThatRaise:
    """54: before the script all is undone, afterwards nothing can be."""

    @pytest.mark.parametrize("event", UNDOING)
    def test_before_the_script_all_is_discarded(self, open_store: OpenStore, event: str) -> None:
        """54: the error passes unchanged, failed and rolled_back are told."""
        registry, told = listening("failed", "rolled_back", "committed")
        registry.on(event, fail)
        store = open_store(registry)
        with pytest.raises(TheirOwn), store.unit() as uow:
            uow.add(User("Ann"))
        assert ["failed", "rolled_back"] == order(told)
        assert 0 == store.query(User).count()

    @pytest.mark.parametrize("event", UNDOING)
    def test_in_the_middle_too(self, open_store: OpenStore, event: str) -> None:
        """54: the unit is empty then, and the block goes on."""
        registry, told = listening("rolled_back")
        registry.on(event, lambda _: None if told else fail(_))
        store = open_store(registry)
        with store.unit() as uow:
            ann = uow.add(User("Ann"))
            with pytest.raises(TheirOwn):
                uow.commit()
            assert ("untracked", []) == (uow.state(ann), uow.changes())
            uow.add(User("Bob"))
        assert ["Bob"] == names(store.query(User))
        assert 1 == len(told)

    @pytest.mark.parametrize("event", LATE)
    def test_after_the_script_nothing_can_be_undone(
        self, open_store: OpenStore, event: str
    ) -> None:
        """54: the commit stands, and the error is raised when the unit is closed."""
        registry, told = listening("failed", "rolled_back", "committed")
        left = [fail]
        registry.on(event, lambda what: left.pop()(what) if left else None)
        store = open_store(registry)
        with pytest.raises(TheirOwn), store.unit() as uow:
            ann = uow.add(User("Ann"))
            uow.commit()
            assert "clean" == uow.state(ann)
            ann.age = 30
        assert ["committed", "committed"] == order(told)
        assert 30 == store.query(User).one().age

    def test_several_are_raised_together(self, open_store: OpenStore) -> None:
        """54: every handler of these events is called; a group holds what they raised."""
        registry = fresh()
        for event in LATE:
            registry.on(event, fail)
        store = open_store(registry)
        with pytest.raises(ExceptionGroup, match="the commit, which stands") as raised:
            save(store, User("Ann"))
        assert [TheirOwn, TheirOwn] == [type(each) for each in raised.value.exceptions]
        assert 1 == store.query(User).count()

    @pytest.mark.parametrize("event", ["failed", "rolled_back"])
    def test_the_error_that_passes_comes_first(self, open_store: OpenStore, event: str) -> None:
        """23, 54: what a handler of these raises is a note on it."""
        registry = fresh()
        registry.on(event, fail)
        store = open_store(registry)
        save(store, User("Ann", id=1))
        with pytest.raises(AlreadyExists) as refused, store.unit() as uow:
            uow.add(User("Other", id=1))
        assert ["and a handler raised TheirOwn: the handler's own"] == refused.value.__notes__

    def test_an_error_of_loaded_fails_the_reading(self, open_store: OpenStore) -> None:
        """54: it passes out of the verb; the unit goes on."""
        registry = fresh()
        registry.on("loaded", fail)
        store = open_store(registry)
        save(store, User("Ann", id=1))
        with store.unit() as uow:
            with pytest.raises(TheirOwn):
                uow.get(User, 1)
            uow.add(Team("t", "Team"))

    def test_a_unit_is_used_again(self, open_store: OpenStore) -> None:
        """49, 54: what was raised late belongs to one block."""
        registry = fresh()
        left = [fail]
        registry.on("committed", lambda result: left.pop()(result) if left else None)
        store = open_store(registry)
        unit = store.unit()
        with pytest.raises(TheirOwn), unit:
            unit.add(User("Ann"))
        with unit:
            unit.add(User("Bob"))
        assert ["Ann", "Bob"] == names(store.query(User))

    @pytest.mark.parametrize("verb", ["commit", "rollback"])
    @pytest.mark.parametrize("event", ["before_commit", "before_insert", "after_insert"])
    def test_no_end_inside_a_handler(self, open_store: OpenStore, event: str, verb: str) -> None:
        """54: commit and rollback are refused there, naming the event."""
        registry = fresh()
        units: list[Any] = []
        said: list[str] = []

        def end(_: object) -> None:
            with pytest.raises(UnitError) as refused:
                _begin(getattr(units[0], verb)())
            said.append(str(refused.value))

        registry.on("before_commit", units.append)
        registry.on(event, end)
        store = open_store(registry)
        save(store, User("Ann"))
        assert f"{verb}() inside a handler of {event!r}" in said[0]
        assert 1 == store.query(User).count()

    def test_other_verbs_only_in_before_commit(self, open_store: OpenStore) -> None:
        """54: a handler of another event that uses the unit undoes the commit."""
        registry = fresh()
        units: list[Any] = []
        registry.on("before_commit", units.append)
        registry.on("before_insert", lambda _: units[0].add(User("more")))
        store = open_store(registry)
        with pytest.raises(UnitError, match=r"add\(\) inside a handler of 'before_insert'"):
            save(store, User("Ann"))
        assert 0 == store.query(User).count()

    def test_a_late_conflict_is_not_tried_again(self, open_store: OpenStore) -> None:
        """40, 54: `transact` knows that the commit has landed."""
        registry = fresh()

        def conflict(_: object) -> None:
            message = "of something else"
            raise Stale(message)

        registry.on("committed", conflict)
        store = open_store(registry)
        with pytest.raises(Conflict, match="of something else"):
            store.transact(lambda uow: uow.add(User("Ann")))
        assert 1 == store.query(User).count()


class TestRegisteringHandlers:
    """53: `registry.on(event, handler)`, before the registry is used."""

    @pytest.mark.parametrize(
        ("event", "handler", "said"),
        [
            ("before_comit", print, "did you mean 'before_commit'"),
            ("", print, "there are: after_delete"),
            (None, print, "there is no such event"),
            ("loaded", None, "a handler is a function of obj"),
            ("planned", "print", "a handler is a function of plan"),
        ],
        ids=["misspelled", "empty", "none", "no-handler", "text"],
    )
    def test_wrong_use(self, event: Any, handler: Any, said: str) -> None:  # noqa: ANN401 - wrong ones
        """53: a MappingError names the mistake."""
        with pytest.raises(MappingError, match=said):
            fresh().on(event, handler)

    def test_a_coroutine_function_is_no_handler(self) -> None:
        """53: handlers are plain functions, on the async face too."""

        async def handler(_: object) -> None:
            raise AssertionError

        with pytest.raises(MappingError, match="a handler is a plain function, on both faces"):
            fresh().on("committed", handler)

    @pytest.mark.parametrize("event", EVENTS)
    def test_not_once_there_is_a_store(self, open_store: OpenStore, event: str) -> None:
        """53: a registry that is used does not change any more."""
        registry = fresh()
        open_store(registry)
        with pytest.raises(MappingError, match="a store has this registry already"):
            registry.on(event, print)
