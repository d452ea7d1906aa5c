"""Changes of the same fields of many in columns: a run says what a write of each would."""

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from redmapper import (
    Conflict,
    Field,
    Key,
    KeyChanged,
    Lookup,
    Mapper,
    MapperRegistry,
    MemoryIndexStrategy,
    Ordered,
    Stale,
    Store,
    Unique,
    ValueRefused,
)
from redmapper.strategies.lua.commit import CallOfMany, compile_plan
from redmapper.strategies.lua.entries import Places
from redmapper.strategies.lua.keys import Keyspace
from redmapper.strategies.lua.receipts import Lane
from redmapper.strategies.memory import BoundMemory
from redmapper.work import flush
from redmapper.work.collect import lone_write, run_of
from redmapper.work.identity import Tracked
from redmapper.work.keys import given_numbers
from redmapper.work.plan import ChangeRun, EntityWrite, FlushPlan, make_plan


class Number(int):
    """No integer exactly."""


@attrs.define
class Item:
    """Scalars alone."""

    name: Any = ""
    email: Any = None
    age: Any = 0
    made: Any = datetime(2026, 1, 1)
    day: Any = None
    score: Any = 0.0
    price: Any = None
    note: Any = ""
    id: Any = 1


class Items(Mapper[Item]):
    """A plain mapper with an index of each kind."""

    id = Key[int]()
    name = Field[str]()
    email = Field[str | None]()
    age = Field[int]()
    made = Field[datetime]()
    day = Field[date | None]()
    score = Field[float]()
    price = Field[Decimal | None]()
    note = Field[str]()

    by_email = Unique(email)
    by_name = Lookup(name)
    by_day = Lookup(day, age)
    by_age = Ordered(age, made.desc())
    by_key = Ordered(note, id.desc())  # noqa: A003 - the key of this mapper


REGISTRY = MapperRegistry(Items)
ITEMS = REGISTRY.mapped(Item)

LONG = ["x" * size for size in (1, 64, 65, 512, 513)] + ["ü" * 33]
values: dict[str, Any] = {
    "name": st.sampled_from(["a", "b", *LONG]),
    "email": st.sampled_from(["a", "b", None]),
    "age": st.integers(-2, 300) | st.sampled_from([10**70, Number(3), True]),
    "made": st.sampled_from([datetime(2026, 1, 2), datetime(2026, 1, 2, 3, tzinfo=UTC)]),
    "day": st.none() | st.dates(),
    "score": st.sampled_from([0.0, -0.0, math.nan, math.inf, 1.5, 2]),
    "price": st.none() | st.sampled_from([Decimal("1.50"), Decimal("1.5")]),
    "note": st.sampled_from(["", "a", *LONG]),
}
items = st.builds(Item, **{name: each for name, each in values.items() if name != "email"})
patches = st.lists(st.fixed_dictionaries({}, optional=values), min_size=1, max_size=5)


def tracked(found: list[Item]) -> list[Tracked]:
    """As a unit has loaded them."""
    loaded = []
    for item in found:
        key = ITEMS.encode_key(item.id)
        base = ITEMS.encode(item, key) | {b"@": b"v%b" % key}
        loaded.append(Tracked(item, ITEMS, key, base, ITEMS.snapshot(item)))
    return loaded


def changed(patched: list[dict[str, Any]], first: Item | None = None) -> list[Tracked]:
    """As many items as there are patches, loaded and then patched."""
    start = first or Item()
    loaded = tracked([attrs.evolve(start, id=at) for at in range(1, len(patched) + 1)])
    for each, patch_of_it in zip(loaded, patched, strict=True):
        for name, value in patch_of_it.items():
            setattr(each.obj, name, value)
    return loaded


def writes(found: list[Tracked]) -> list[EntityWrite | None]:
    """Their writes, one by one."""
    return [lone_write(each, b"w") for each in found]


def run(found: list[Tracked]) -> ChangeRun:
    """The same in columns."""
    made = run_of(found, b"w")
    assert isinstance(made, ChangeRun)
    return made


# --- what a run says -------------------------------------------------------------------------

AGES: list[dict[str, Any]] = [{"age": 5}, {"age": 6}, {"age": 7}]


def again() -> str:
    """A text that is equal each time, and another object."""
    return "ab" * len(LONG)


@given(patches, items)
@example(AGES, Item())
@example([{"name": "b", "note": "x" * 65}] * 2, Item(note="y" * 200))
def test_a_run_says_what_a_write_of_each_does(patched: list[dict[str, Any]], first: Item):
    """Where there is one; field by field, in the same order."""
    found = changed(patched, first)
    made = run_of(found, b"w")
    if made is not None:
        one_by_one = writes(found)
        assert one_by_one == list(made)
        assert [list(each.changes) for each in one_by_one if each] == [
            list(each.changes) for each in made
        ]


@pytest.mark.parametrize(
    ("patched", "names"),
    [
        (AGES, {b"age", b"@"}),
        ([{"age": 5, "note": "a"}, {"note": "b", "age": 5}], {b"age", b"note", b"@"}),
        ([{"age": 5, "note": again()}, {"age": 6}], {b"age", b"@"}),
        ([{"made": datetime(2027, 1, 1)}] * 2, {b"made", b"@"}),
        ([{"score": 1.5}] * 2, {b"score", b"@"}),
    ],
    ids=["one field", "two", "what was set to what it was", "a time", "a float"],
)
def test_what_changes_in_all_makes_a_run(patched: list[dict[str, Any]], names: set[bytes]):
    """Whatever is set to what it was."""
    assert names == run(changed(patched, Item(note=again()))).columns.keys()


@pytest.mark.parametrize(
    "patched",
    [
        [],
        [{"age": 5}, {}],
        [{"age": 5}, {"name": "a"}],
        [{"age": 5}, {"age": Number(5)}],
        [{"age": 5}, {"age": None}],
        [{"email": "a"}, {"email": "b"}],
        [{"price": Decimal(1)}, {"price": Decimal(2)}],
        [{"name": "a"}, {"name": "\ud800"}],
        [{"age": 5}, {"age": 6, "id": 9}],
        [{"note": again()}, {"note": again()}],
    ],
    ids=[
        *("nothing", "one", "other fields", "a subclass", "a None", "from None", "another kind"),
        *("what is refused", "a key", "nothing different"),
    ],
)
def test_everything_else_does_not(patched: list[dict[str, Any]]):
    """It is looked at one by one."""
    assert run_of(changed(patched, Item(note=again())), b"w") is None


def test_what_is_deleted_or_new_is_in_no_run_of_changes():
    """Nor is an attribute without a value."""
    for spoil in ("deleted", "base", "unset"):
        found = changed(AGES)
        if spoil == "deleted":
            found[1].deleted = True
        elif spoil == "base":
            found[1].base = found[1].snapshot = None
        else:
            del found[1].obj.name
        assert run_of(found, b"w") is None


class Twins(Mapper[Item]):
    """Another mapper of the same class."""

    id = Key[int]()
    age = Field[int]()


def test_a_run_is_of_one_mapper():
    """Though the fields have the same names."""
    found = changed(AGES)
    found[1].mapped = MapperRegistry(Twins).mapped(Item)
    assert run_of(found, b"w") is None


def test_a_run_is_a_sequence():
    """Of writes that are made when they are asked for."""
    found = changed(AGES)
    made, one_by_one = run(found), writes(found)
    assert (3, one_by_one[1], one_by_one[-1]) == (len(made), made[1], made[-1])
    assert [write.record for write in one_by_one if write] == list(made.records())
    with pytest.raises(IndexError):
        made[3]


# --- its plan, and its call ------------------------------------------------------------------

LANE = Lane("L", b"{s}#lane/L", 1, "unit")


def checked_by(call: CallOfMany) -> dict[Any, list[int]]:
    """The positions of what is checked, by the kind of the check."""
    return {kind: [*positions] for kind, positions in call.checked.items()}


@given(patches, items)
@example(AGES, Item())
@example([{"age": 10**70}, {"age": 5}], Item())
@example([{"age": 5}, {"age": 6}], Item(age=10**70))
@example([{"note": "x" * 65}, {"note": "x" * 130}, {"note": "y"}], Item())
@example([{"note": "x"}, {"note": "y"}], Item(note="x" * 200))
@example([{"note": "x"}, {"note": "x" * 65}, {"note": "y"}], Item())
@example([{"email": "b"}, {"email": "c"}], Item(email="a"))
def test_the_plan_of_a_run_is_that_of_its_writes(patched: list[dict[str, Any]], first: Item):
    """And so is its call, word by word, with what its answer means."""
    found = changed(patched, first)
    made = run_of(found, b"w")
    if made is None:
        return
    one_by_one = tuple([write for write in writes(found) if write is not None])
    plans = [make_plan(each) for each in (made, one_by_one)]
    (plan, doubles), (expected, same) = plans
    assert (expected, same) == (plan._replace(writes=tuple(plan.writes)), doubles)
    calls = [compile_plan(each, Places(Keyspace(b"{s}")), LANE, frozenset()) for each, _ in plans]
    said = [
        (call.command, call.mappers, [*call.claimed], call.types(), checked_by(call))
        for call in calls
    ]
    assert said[1] == said[0]


def test_a_run_moves_no_sequence():
    """The numbers were given when the entities were new."""
    assert () == given_numbers(run(changed(AGES)))


# --- units -----------------------------------------------------------------------------------


@pytest.fixture
def store() -> Store:
    """In memory, with three items."""
    store = Store(REGISTRY, strategy=MemoryIndexStrategy())
    with store.unit() as uow:
        uow.add_all([Item(name, id=at) for at, name in enumerate("abc", 1)])
    return store


def test_changes_of_many_are_written_in_columns(store: Store, plans: list[FlushPlan]):
    """And where the unit goes on, what follows is compared with them."""
    with store.unit() as uow:
        found = uow.get_many(Item, [1, 2, 3])
        for item in found:
            assert item
            item.age += 5
        uow.commit()
        assert ["clean"] * 3 == [uow.state(item) for item in found]
        uow.commit()
        for item in found:
            assert item
            item.age += 1
        found[0].note = "n"  # type: ignore[union-attr]
    assert [ChangeRun, tuple] == [type(plan.writes) for plan in plans]
    expected = [Item("a", age=6, note="n", id=1), Item("b", age=6, id=2), Item("c", age=6, id=3)]
    assert expected == store.get_many(Item, [1, 2, 3])


def test_what_changes_while_a_commit_is_under_way_is_left_to_the_next(store: Store):
    """The unit knows what it has written, not what the objects have become since."""
    with store.unit() as unit:
        found = [unit.require(Item, key) for key in (1, 2)]
        for item in found:
            item.age = 7
        commit = BoundMemory.commit

        def meanwhile(self: BoundMemory, plan: FlushPlan) -> Any:
            found[0].age = 8
            return commit(self, plan)

        with patch.object(BoundMemory, "commit", meanwhile):
            unit.commit()
        assert [7, 7] == [item.age for item in store.get_many(Item, [1, 2]) if item]
        unit.commit()
    assert [8, 7] == [item.age for item in store.get_many(Item, [1, 2]) if item]


def test_who_was_changed_by_others_is_named(store: Store):
    """Nothing is written, and the unit can be mended."""
    with store.unit() as uow:
        found = uow.get_many(Item, [1, 2, 3])
        store.transact(lambda other: setattr(other.require(Item, 2), "note", "theirs"))
        for item in found:
            assert item
            item.age = 7
        with pytest.raises(Stale, match=r"^Item\(2\)") as refused:
            uow.commit()
        assert refused.value.obj is found[1]
        assert 0 == store.get(Item, 1).age  # type: ignore[union-attr]
        uow.refresh(found[1])
        found[1].age = 8  # type: ignore[union-attr]
    assert [7, 8, 7] == [item.age for item in store.get_many(Item, [1, 2, 3]) if item]


def test_a_key_that_was_changed_is_noticed(store: Store):
    """Though the other fields change alike."""
    with store.unit() as uow:
        for item in uow.get_many(Item, [1, 2, 3]):
            assert item
            item.age, item.id = 7, 9 if item.id == 2 else item.id
        with pytest.raises(KeyChanged, match=r"Item\(2\)"):
            uow.commit()
        uow.rollback()


# --- whichever way ---------------------------------------------------------------------------


def outcome(patched: list[dict[str, Any]], again: list[dict[str, Any]]) -> tuple[Any, Any]:
    """What becomes of loaded items, patched twice: the error, and what is stored then."""
    strategy = MemoryIndexStrategy()
    store = Store(REGISTRY, strategy=strategy)
    with store.unit() as uow:
        uow.add_all([Item(note="y" * 70, id=at) for at in range(1, 6)])
    error: Any = None
    try:
        with store.unit() as uow:
            found = uow.get_many(Item, range(1, 6))
            for each in (patched, again):
                for item, values_of_it in zip(found, each, strict=False):
                    for name, value in values_of_it.items():
                        setattr(item, name, value)
                uow.commit()
    except (Conflict, ValueRefused) as raised:
        told = [(type(each), str(each)) for each in getattr(raised, "violations", ())]
        error = type(raised), str(raised), told
    (partition,) = strategy._partitions.values()
    records = {key: each | {b"@": b""} for key, each in partition.records["Item"].items()}
    return error, (records, partition.claims, partition.sequences)


@given(patches, patches, st.booleans())
@example(AGES * 2, AGES * 2, False)  # noqa: FBT003 - a case
def test_both_ways_lead_to_the_same(
    patched: list[dict[str, Any]],
    again: list[dict[str, Any]],
    alike: bool,  # noqa: FBT001 - a case
):
    """Whatever the changes are, columns or not: the same is stored, or the same is the error."""
    if alike:
        patched, again = patched[:1] * 5, again[:1] * 5
    with patch.object(flush, "run_of", lambda *_: None):
        expected = outcome(patched, again)
    assert expected == outcome(patched, again)
