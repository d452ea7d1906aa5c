"""New entities of one mapper in columns: a run says what a write of each would."""

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any
from unittest.mock import patch

import attrs
import pytest
from cattrs import Converter
from hypothesis import example, given
from hypothesis import strategies as st

from redmapper import (
    AlreadyExists,
    Conflict,
    Field,
    IdentityConflict,
    Key,
    KeyChanged,
    Lookup,
    Mapper,
    MapperRegistry,
    MemoryIndexStrategy,
    Ordered,
    Store,
    Taken,
    Unique,
    UnitTooLarge,
    ValueRefused,
)
from redmapper.mapping.scalars import shown
from redmapper.strategies.lua.commit import compile_plan
from redmapper.strategies.lua.entries import Places
from redmapper.strategies.lua.keys import Keyspace
from redmapper.strategies.lua.receipts import Lane
from redmapper.work import flush
from redmapper.work.collect import lone_write, run_of
from redmapper.work.identity import Tracked
from redmapper.work.plan import Claim, EntityWrite, FlushPlan, Run, RunClaims, make_plan


class Text(str):
    """No text exactly."""

    __slots__ = ()


class Number(int):
    """No integer exactly."""


class Size(StrEnum):
    """Kept as text, too."""

    SMALL = "s"
    LARGE = "l"


class Level(Enum):
    """Kept as an integer."""

    LOW = 1
    HIGH = 300


@attrs.define
class Thing:
    """With an attribute of each sort."""

    name: Any = "a"
    email: Any = "a"
    age: Any = 1
    made: Any = datetime(2026, 1, 1)
    day: Any = date(2026, 1, 1)
    score: Any = 0.5
    price: Any = Decimal(1)
    size: Any = Size.SMALL
    level: Any = Level.LOW
    raw: Any = b""
    note: Any = "n"
    tags: Any = attrs.field(factory=list)
    more: Any = attrs.field(factory=dict)
    id: Any = 1


class Things(Mapper[Thing]):
    """A plain mapper with an index of each kind, two of them unique."""

    id = Key[int]()
    name = Field[str]()
    email = Field[str | None]()
    age = Field[int]()
    made = Field[datetime]()
    day = Field[date | None]()
    score = Field[float]()
    price = Field[Decimal | None]()
    size = Field[Size]()
    level = Field[Level | None]()
    raw = Field[bytes]()
    note = Field[str]()
    tags = Field[list[str]]()
    more = Field[dict[str, int] | None]()

    by_email = Unique(email)
    by_name_and_id = Unique(name, id)  # noqa: A003 - the key of this mapper
    by_name = Lookup(name)
    by_tag = Lookup(tags)
    by_day = Lookup(day, raw)
    by_age = Ordered(age, made.desc())
    by_level = Ordered(level)
    by_key = Ordered(id.desc())  # noqa: A003 - the key of this mapper


REGISTRY = MapperRegistry(Things)
THINGS = REGISTRY.mapped(Thing)

LONG = ["x" * size for size in (63, 64, 65, 128, 511, 512, 513)] + ["ü" * 33]
good = {
    "name": st.text(max_size=3) | st.sampled_from(LONG),
    "email": st.text(max_size=8),
    "age": st.integers() | st.integers(0, 300),
    "made": st.datetimes(timezones=st.none() | st.just(UTC)),
    "day": st.dates(),
    "score": st.floats(),
    "price": st.decimals(allow_nan=False),
    "size": st.sampled_from(Size),
    "level": st.sampled_from(Level),
    "raw": st.binary(max_size=3) | st.just(b"\0" * 65),
    "note": st.just("") | st.sampled_from(LONG),
    "tags": st.lists(st.text(max_size=2), max_size=3),
    "more": st.dictionaries(st.text(max_size=2), st.integers(0, 9), max_size=2),
}
odd = (
    st.none()
    | st.sampled_from(["\ud800", "x", 7, True, 10**5000, -(10**5000), math.nan, math.inf, b"x"])
    | st.sampled_from([Text("t"), Number(5), Decimal("NaN"), 1.5, [1], object, [None], Size.LARGE])
)
things = st.builds(Thing, **good)


def numbered(found: list[Thing]) -> list[Thing]:
    """Each with a key of its own."""
    return [attrs.evolve(thing, id=at) for at, thing in enumerate(found, 1)]


many = st.lists(things, min_size=1, max_size=6).map(numbered)


def tracked(found: list[Thing]) -> list[Tracked]:
    """As a unit has them."""
    return [Tracked(thing, THINGS, b"%d" % thing.id) for thing in found]


def run(found: list[Thing]) -> Run:
    """Their writes, as columns."""
    made = run_of(tracked(found), b"v")
    assert isinstance(made, Run)
    return made


def writes(found: list[Thing]) -> tuple[EntityWrite, ...]:
    """Their writes, one by one."""
    made = [lone_write(each, b"v") for each in tracked(found)]
    return tuple([write for write in made if write is not None])


# --- what a run says -------------------------------------------------------------------------


@example([Thing(id=1), Thing(id=2, age=10**5000)])
@given(many)
def test_a_run_says_what_a_write_of_each_does(found: list[Thing]):
    """Field by field, in the same order."""
    one_by_one = writes(found)
    assert list(one_by_one) == list(run(found))
    assert [list(each.changes) for each in one_by_one] == [
        list(each.changes) for each in run(found)
    ]


def test_a_run_is_a_sequence():
    """Of writes that are made when they are asked for."""
    found = numbered([Thing("a"), Thing("b"), Thing("c")])
    made, one_by_one = run(found), writes(found)
    assert (3, one_by_one[1], one_by_one[-1]) == (len(made), made[1], made[-1])
    assert list(one_by_one) == list(reversed(list(reversed(made))))
    with pytest.raises(IndexError):
        made[3]


def test_records_of_a_run_are_nobody_elses():
    """What is loaded from them is changed by others."""
    made = run(numbered([Thing()]))
    assert made[0].record is not made[0].record
    assert made[0].record is not made[0].changes


@given(many, st.data())
def test_a_value_out_of_the_ordinary_is_looked_at_by_itself(found: list[Thing], data: Any):
    """None, a subclass, another type: either it is stored as `lone_write` has it, or not here."""
    name = data.draw(st.sampled_from(sorted(good)))
    setattr(data.draw(st.sampled_from(found)), name, data.draw(odd))
    made = run_of(tracked(found), b"v")
    assert made is None or list(writes(found)) == list(made)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", None),
        ("name", Text("t")),
        ("name", "\ud800"),
        ("email", None),
        ("age", None),
        ("age", True),
        ("age", Number(5)),
        ("made", date(2026, 1, 1)),
        ("day", datetime(2026, 1, 1)),
        ("score", 1),
        ("price", None),
        ("level", None),
        ("size", "s"),
        ("more", None),
    ],
    ids=shown,
)
def test_what_is_not_told_in_columns(name: str, value: Any):
    """What is no value of exactly the type of its field."""
    found = numbered([Thing(), Thing()])
    setattr(found[1], name, value)
    assert run_of(tracked(found), b"v") is None


def test_an_attribute_without_a_value_is_not_told_in_columns():
    """Whose it is, is found out one by one."""
    found = numbered([Thing(), Thing()])
    del found[1].age
    assert run_of(tracked(found), b"v") is None


@attrs.define
class Point:
    """Of a class that a converter knows."""


@attrs.define
class Place:
    """It may have one."""

    point: Point | None = None
    id: int | None = None


def test_none_is_absent_whatever_a_converter_makes_of_it():
    """So it is not asked."""
    converter = Converter()
    converter.register_structure_hook(Point, lambda value, _: value and Point())
    converter.register_unstructure_hook(Point, lambda value: value and "a point")

    class Places(Mapper[Place]):
        id = Key[int]()
        point = Field[Point | None]()

    mapped = MapperRegistry(Places, converter=converter).mapped(Place)
    assert mapped.encode_columns([Place(Point(), 1)]) is not None
    assert mapped.encode_columns([Place(None, 1), Place(None, 2)]) is None


@attrs.define
class Other:
    """Of another mapper."""

    id: int


class Others(Mapper[Other]):
    """Its mapper."""

    id = Key[int]()


OTHERS = MapperRegistry(Others).mapped(Other)


@pytest.mark.parametrize(
    "found",
    [
        [],
        [*tracked([Thing()]), Tracked(Other(1), OTHERS, b"1")],
        [Tracked(Other(1), OTHERS, b"1"), *tracked([Thing()])],
        [*tracked([Thing()]), Tracked(Thing(id=2), THINGS, b"2", base={}, snapshot=())],
        [Tracked(Thing(id=2), THINGS, b"2", base={}, snapshot=()), *tracked([Thing()])],
    ],
    ids=[
        "none",
        "another mapper",
        "another mapper, first",
        "one that was loaded",
        "one that was loaded, first",
    ],
)
def test_a_run_is_of_new_objects_of_one_mapper(found: list[Tracked]):
    """And of nothing else."""
    assert run_of(found, b"v") is None


def test_objects_without_attributes_make_a_run():
    """They have a version."""
    found = [Tracked(Other(1), OTHERS, b"1"), Tracked(Other(2), OTHERS, b"2")]
    assert [{b"@": b"v", b"id": b"1"}, {b"@": b"v", b"id": b"2"}] == [
        write.record for write in run_of(found, b"v") or ()
    ]


# --- its plan --------------------------------------------------------------------------------


def in_order(plan: FlushPlan) -> list[Claim]:
    """The claims, entity by entity."""
    return sorted(plan.claims, key=lambda claim: claim.position)


@given(many)
def test_the_plan_of_a_run_is_that_of_its_writes(found: list[Thing]):
    """The claims one `Unique` after the other; and the same values are claimed twice."""
    plan, doubles = make_plan(run(found), ((THINGS, 3),))
    expected, same = make_plan(writes(found), ((THINGS, 3),))
    assert expected._replace(claims=tuple(in_order(expected))) == FlushPlan(
        tuple(plan.writes), tuple(in_order(plan)), plan.releases, plan.sequences, plan.guards
    )
    assert same == doubles
    assert bool(doubles) or isinstance(plan.claims, RunClaims)


def test_a_run_does_not_write_one_entity_twice():
    """As no plan does."""
    columns = run(numbered([Thing("a", "a"), Thing("b", "b")])).columns
    twice = Run(THINGS, [b"1", b"1"], columns)
    with pytest.raises(ValueError, match="must not write one entity twice"):
        make_plan(twice)


def test_the_claims_of_a_run_are_a_sequence():
    """Of as many as there are entities, for each `Unique`."""
    claims = RunClaims.of(run(numbered([Thing("a", "b"), Thing("c", "d")])))
    email, both = (THINGS.indexes[name] for name in ("by_email", "by_name_and_id"))
    expected = [
        Claim(email, b"b\0\1", 0, None),
        Claim(email, b"d\0\1", 1, None),
        Claim(both, b"a\0\1\x81\1\0\1", 0, None),
        Claim(both, b"c\0\1\x81\2\0\1", 1, None),
    ]
    assert (4, expected) == (len(claims), list(claims))
    with pytest.raises(IndexError):
        claims[4]


LANE = Lane("L", b"{s}#lane/L", 1, "unit")


@given(many)
@example(numbered([Thing(email=str(at), note="x" * (at * 64)) for at in range(9)]))
@example(numbered([Thing(email=str(at), note="x" * (at % 3 * 64 + 1)) for at in range(9)]))
def test_the_call_of_a_run_is_that_of_its_writes(found: list[Thing]):
    """Word by word, and what its answer means."""
    for at, thing in enumerate(found):
        thing.email = f"{at}"  # no two alike
    calls = [
        compile_plan(make_plan(each)[0], Places(Keyspace(b"{s}")), LANE, frozenset({THINGS}))
        for each in (run(found), writes(found))
    ]
    said = [
        (call.command, call.mappers, call.checked, list(call.claimed), call.types())
        for call in calls
    ]
    checked = {kind: list(positions) for kind, positions in said[0][2].items()}
    assert said[1] == (*said[0][:2], checked, *said[0][3:])


# --- units -----------------------------------------------------------------------------------


@pytest.fixture
def store() -> Store:
    """In memory."""
    return Store(REGISTRY, strategy=MemoryIndexStrategy())


def two(**more: Any) -> list[Thing]:
    """Two of them."""
    return [Thing("a", "a@x.io", id=1), Thing(**{"name": "b", "email": "b@x.io", "id": 2} | more)]


@pytest.mark.parametrize(
    ("found", "expected"),
    [(two(), Run), (two(email=None), tuple), (two()[:1], tuple)],
    ids=["plain values", "a None", "one"],
)
def test_new_objects_are_written_in_columns(
    store: Store, plans: list[FlushPlan], found: list[Thing], expected: type
):
    """Where there are several, and nothing about them is out of the ordinary."""
    with store.unit() as uow:
        uow.add_all(found)
    assert [expected] == [type(plan.writes) for plan in plans]
    assert found == store.get_many(Thing, [thing.id for thing in found])


def test_a_run_leaves_loaded_objects(store: Store, plans: list[FlushPlan]):
    """Where the unit goes on, they are compared with what was written."""
    with store.unit() as uow:
        first, second = uow.add_all(two())
        uow.commit()
        assert ["clean", "clean"] == [uow.state(each) for each in (first, second)]
        first.age, second.note = 5, "other"
        uow.commit()
        uow.delete(first)
    assert [2, 2, 1] == [len(plan.writes) for plan in plans]
    assert [None, attrs.evolve(second, note="other")] == store.get_many(Thing, [1, 2])


def test_a_key_that_exists_names_its_object(store: Store):
    """And the rest is not written."""
    store.transact(lambda uow: uow.add(Thing(email="c", id=2)))
    found = two()
    with pytest.raises(AlreadyExists) as raised, store.unit() as uow:
        uow.add_all(found)
    assert (found[1], 2) == (raised.value.obj, raised.value.key)
    assert store.get(Thing, 1) is None


def test_a_value_that_is_taken_names_its_object(store: Store):
    """And its owner; what was refused can be mended."""
    store.transact(lambda uow: uow.add(Thing(email="b@x.io", id=7)))
    found = two()
    with store.unit() as uow:
        uow.add_all(found)
        with pytest.raises(Taken) as raised:
            uow.commit()
        found[1].email = "free"
    error = raised.value
    assert (found[1], "by_email", "b@x.io", 7) == (error.obj, error.index, error.value, error.owner)
    assert found == store.get_many(Thing, [1, 2])


def test_two_claims_of_one_value_name_the_second_object(store: Store, plans: list[FlushPlan]):
    """Before anything is sent."""
    whose = r"Thing\(2\) can not have .* Thing\(1\), another object"
    with pytest.raises(Taken, match=whose), store.unit() as uow:
        uow.add_all(two(email="a@x.io"))
    assert [] == plans


@pytest.mark.parametrize("key", [3, None, "x"], ids=repr)
def test_a_key_that_was_changed_is_noticed(store: Store, plans: list[FlushPlan], key: Any):
    """In whichever object."""
    with store.unit() as uow:
        found = uow.add_all(two())
        found[1].id = key
        with pytest.raises((KeyChanged, ValueRefused)):
            uow.commit()
        uow.rollback()
    assert [] == plans


def test_a_key_is_given_once(store: Store):
    """The second object is refused where it is added."""
    with pytest.raises(IdentityConflict), store.unit() as uow:
        uow.add_all(two(id=1))


def test_a_run_moves_the_sequence(store: Store):
    """Past the greatest key given by hand."""
    with store.unit() as uow:
        uow.add_all([Thing(email="a", id=70), Thing(email="b", id=9), Thing(email="c", id=-800)])
    new = Thing(email="d", id=None)
    store.transact(lambda uow: uow.add(new))
    assert 71 == new.id


def test_a_value_that_is_refused_is_named(store: Store):
    """With its entity, as that of one alone."""
    with pytest.raises(ValueRefused, match=r"^Thing\(2\)\.age"), store.unit() as uow:
        uow.add_all(two(age="old"))


def test_a_run_may_be_too_large(store: Store, monkeypatch: pytest.MonkeyPatch):
    """As any commit."""
    monkeypatch.setattr(flush, "LARGE", 0)
    monkeypatch.setattr(flush, "LARGEST", 1)
    with pytest.raises(UnitTooLarge, match="writes 2 entities"), store.unit() as uow:
        uow.add_all(two())


# --- whichever way ---------------------------------------------------------------------------


def outcome(found: list[Thing], later: list[Thing]) -> tuple[Any, Any]:
    """What becomes of the objects over one that is there: the error, and what is stored then."""
    strategy = MemoryIndexStrategy()
    store = Store(REGISTRY, strategy=strategy)
    store.transact(lambda uow: uow.add(Thing("there", "there", id=3)))
    error: Any = None
    try:
        with store.unit() as uow:
            uow.add_all(found)
            uow.commit()
            uow.add_all(later)
    except (Conflict, ValueRefused, IdentityConflict) as raised:
        told = [(type(each), str(each)) for each in getattr(raised, "violations", ())]
        error = type(raised), str(raised), told
    (partition,) = strategy._partitions.values()
    records = {
        name: {key: record | {b"@": b""} for key, record in held.items()}
        for name, held in partition.records.items()
    }
    return error, (records, partition.claims, partition.sequences)


@given(
    st.lists(things, max_size=5),
    st.lists(things, max_size=3),
    st.lists(st.integers(1, 9), min_size=8, max_size=8),
    st.data(),
)
def test_both_ways_lead_to_the_same(
    found: list[Thing], later: list[Thing], keys: list[int], data: Any
):
    """Whatever the objects are, columns or not: the same is stored, or the same is the error."""
    for thing, key in zip([*found, *later], keys, strict=False):
        thing.id = key
        if data.draw(st.booleans()):
            thing.email = data.draw(st.sampled_from(["there", "a", "b"]))
    if found and data.draw(st.booleans()):
        setattr(found[-1], data.draw(st.sampled_from(sorted(good))), data.draw(odd))
    with patch.object(flush, "run_of", lambda *_: None):
        expected = outcome(found, later)
    assert expected == outcome(found, later)
