"""The strategy in memory: the same contract, without a server."""

from typing import Any

import attrs
import pytest

from redmapper import (
    Field,
    Key,
    Lookup,
    Mapper,
    MapperRegistry,
    MemoryIndexStrategy,
    NoIndex,
    Ordered,
    SchemaMismatch,
    StoreError,
    Unique,
)
from redmapper.mapping.mapped import MappedClass
from redmapper.query.selection import Selection
from redmapper.testing import drive
from redmapper.work.plan import (
    Absent,
    AtFields,
    AtVersion,
    EntityWrite,
    Refusal,
    make_plan,
)
from redmapper.work.strategy import Place


@attrs.define
class User:
    """An entity."""

    name: str = ""
    age: int | None = None
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    name = Field[str]()
    age = Field[int | None]()
    by_name = Unique(name)
    by_age = Ordered(age)


class Changed(Mapper[User]):
    """Another one of the same storage name, with other indexes."""

    id = Key[int]()
    age = Field[int | None]()
    by_age = Lookup(age)


REGISTRY = MapperRegistry(Users)
MAPPED = REGISTRY.mapped(User)


def place(namespace: str = "s", partition: str | None = None) -> Place:
    """A place without chance and time."""
    return Place(namespace, partition, bytes, float)


def record(key: int, version: bytes = b"v", **attributes: Any) -> dict[bytes, bytes]:
    """The record of a user."""
    user = User(**{"name": str(key)} | attributes)
    return MAPPED.encode(user, b"%d" % key) | {b"@": version}


def insert(key: int, mapped: MappedClass = MAPPED, **attributes: Any) -> EntityWrite:
    """A new user."""
    return EntityWrite.of(mapped, b"%d" % key, Absent(), None, record(key, **attributes))


@pytest.fixture
def strategy() -> MemoryIndexStrategy:
    """An empty one."""
    return MemoryIndexStrategy()


@pytest.fixture
def bound(strategy: MemoryIndexStrategy) -> Any:
    """A partition with two users."""
    bound = strategy.bind(REGISTRY, place())
    assert () == committed(bound, insert(1, age=1), insert(2, age=2))
    return bound


def committed(bound: Any, *writes: EntityWrite, **plan: Any) -> tuple[Refusal, ...]:
    """The refusals of a commit of these writes."""
    made, _ = make_plan(writes, **plan)
    return drive(bound.commit(made)).result


def stored(bound: Any) -> dict[bytes, Any]:
    """All records by key."""
    return dict(drive(bound.find(Selection(MAPPED))).result)


def test_no_flow_asks_a_server(bound: Any):
    """None of them yields a batch."""
    flows = [
        bound.load([(MAPPED, b"1")]),
        bound.owner(MAPPED, MAPPED.indexes["by_name"], b"1\0\1"),
        bound.find(Selection(MAPPED)),
        bound.count(Selection(MAPPED)),
        bound.allocate(MAPPED, 1),
        bound.commit(make_plan(())[0]),
        bound.close(),
    ]
    assert [()] * len(flows) == [drive(flow).batches for flow in flows]


@pytest.mark.parametrize("unit_id", ["x", "lane.1.2.token"])
def test_no_unit_id_comes_from_memory(bound: Any, unit_id: str):
    """So none is known, as no other partition's is on a server."""
    with pytest.raises(StoreError, match=f"'{unit_id}' is not the unit_id of a CommitUnknown"):
        drive(bound.outcome(unit_id))


def test_records_are_copies(bound: Any):
    """Changing what was answered changes nothing that is stored."""
    (loaded,) = drive(bound.load([(MAPPED, b"1")])).result
    loaded[b"name"] = b"spoiled"
    stored(bound)[b"1"][b"name"] = b"spoiled"
    owner = drive(bound.owner(MAPPED, MAPPED.indexes["by_name"], b"1\0\1")).result
    owner[1][b"name"] = b"spoiled"
    assert record(1, age=1) == stored(bound)[b"1"]


def test_what_was_written_is_a_copy(bound: Any):
    """The plan may be thrown about."""
    write = insert(3)
    committed(bound, write)
    write.record[b"name"] = b"spoiled"
    assert b"3" == stored(bound)[b"3"][b"name"]


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (insert(1, name="x"), Refusal(0, "exists", record(1, age=1))),
        (
            EntityWrite.of(MAPPED, b"1", AtVersion(b"u"), record(1), None),
            Refusal(0, "changed", record(1, age=1)),
        ),
        (EntityWrite.of(MAPPED, b"9", AtVersion(b"v"), record(9), None), Refusal(0, "gone")),
        (
            EntityWrite.of(MAPPED, b"1", AtFields(((b"age", b"5"),)), record(1), record(1)),
            Refusal(0, "changed", record(1, age=1)),
        ),
        (EntityWrite.of(MAPPED, b"9", AtFields(()), record(9), record(9)), Refusal(0, "gone")),
    ],
    ids=["exists", "version", "gone", "fields", "fields gone"],
)
def test_a_check_that_does_not_hold_is_a_refusal(bound: Any, write: EntityWrite, expected: Refusal):
    """With what stands there."""
    assert (expected,) == committed(bound, write)


def test_a_taken_value_is_a_refusal(bound: Any):
    """Naming its owner."""
    (refusal,) = committed(bound, insert(3, name="1"))
    assert ("taken", 0, b"1") == (refusal.kind, refusal.position, refusal.owner)


def test_every_refusal_is_reported_and_nothing_written(bound: Any):
    """All checks come before the first write."""
    before = stored(bound)
    refusals = committed(bound, insert(3, name="1"), insert(2, name="x"), insert(4))
    assert {(0, "taken"), (1, "exists")} == {(each.position, each.kind) for each in refusals}
    assert before == stored(bound)
    assert drive(bound.owner(MAPPED, MAPPED.indexes["by_name"], b"4\0\1")).result is None


def test_fields_that_are_not_written_stay(bound: Any):
    """As on a server: what is written is the difference."""
    base = record(1, age=1)
    elsewhere = EntityWrite.of(MAPPED, b"1", AtVersion(b"v"), base, base | {b"unknown": b"x"})
    mine = EntityWrite.of(MAPPED, b"1", AtVersion(b"v"), base, record(1, b"w"))
    assert () == committed(bound, elsewhere) + committed(bound, mine)
    assert record(1, b"w") | {b"unknown": b"x"} == stored(bound)[b"1"]


def test_a_deletion_frees_its_values(bound: Any):
    """For somebody else."""
    delete = EntityWrite.of(MAPPED, b"1", AtVersion(b"v"), record(1, age=1), None)
    assert () == committed(bound, delete)
    assert () == committed(bound, insert(3, name="1"))


def test_a_given_number_moves_the_sequence(bound: Any):
    """Never backwards."""
    assert 1 == drive(bound.allocate(MAPPED, 1)).result
    committed(bound, insert(9), sequences=((MAPPED, 9),))
    committed(bound, insert(5), sequences=((MAPPED, 5),))
    assert 10 == drive(bound.allocate(MAPPED, 2)).result
    assert 12 == drive(bound.allocate(MAPPED, 1)).result


def test_what_no_index_serves_is_refused(bound: Any):
    """Though it could be answered: the same queries are refused everywhere."""
    with pytest.raises(NoIndex):
        drive(bound.find(Selection(MAPPED, Users.age != 1)))


def test_partitions_do_not_see_each_other(strategy: MemoryIndexStrategy, bound: Any):
    """Neither by namespace nor by partition."""
    for other in (place("t"), place("s", "p"), place("s:p")):
        assert {} == stored(strategy.bind(REGISTRY, other))
    assert 2 == len(stored(strategy.bind(REGISTRY, place())))
    assert 2 == len(stored(bound))


def test_a_mapper_with_other_indexes_is_refused(strategy: MemoryIndexStrategy, bound: Any):
    """As long as anything of it is stored."""
    changed = MapperRegistry(Changed)
    mapped, other = changed.mapped(User), strategy.bind(changed, place())
    with pytest.raises(SchemaMismatch):
        drive(other.find(Selection(mapped)))
    with pytest.raises(SchemaMismatch):
        committed(other, insert(3, mapped))
    for key in (1, 2):
        delete = EntityWrite.of(MAPPED, b"%d" % key, AtVersion(b"v"), record(key, age=key), None)
        committed(bound, delete)
    assert () == committed(other, insert(3, mapped))
