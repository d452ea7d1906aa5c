"""The Lua strategy's flows, with the server's answers given by hand."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from redmapper import (
    CommitUnknown,
    ConnectionLost,
    Field,
    ForeignType,
    Key,
    LuaIndexStrategy,
    Mapper,
    MapperRegistry,
    OutOfMemory,
    SchemaMismatch,
    StoreError,
    Unique,
    UnitTooLarge,
)
from redmapper.strategies.lua import strategy
from redmapper.strategies.lua.receipts import place_digest
from redmapper.strategies.lua.scripts import COMMIT, COMMIT_ONE, OWNER
from redmapper.strategies.lua.strategy import LOAD_STEP, MOST_WORDS, BoundLua
from redmapper.testing import drive
from redmapper.wire import Batch
from redmapper.work.plan import (
    Absent,
    AtFields,
    AtVersion,
    EntityWrite,
    FlushPlan,
    Refusal,
    plan_of_one,
)
from redmapper.work.strategy import Place


@attrs.define
class User:
    """An entity."""

    name: str = ""
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    name = Field[str]()
    by_name = Unique(name)


REGISTRY = MapperRegistry(Users)
MAPPED = REGISTRY.mapped(User)
NOW = 1_700_000_000
HERE = place_digest(b"{s}")
RECORD = {b"name": b"a", b"id": b"7", b"@": b"v"}
PLAN = FlushPlan((EntityWrite.of(MAPPED, b"7", Absent(), None, RECORD),))
LANE = HERE + "AAAAAAABAAAC"
APPLIED: list[Any] = [[b"applied"]]


@pytest.fixture
def bound() -> BoundLua:
    """A partition `{s}`, with countable chance: no 3 bytes of it are the same."""
    numbers = iter(range(10**6))

    def random(size: int) -> bytes:
        return b"".join(next(numbers).to_bytes(3, "big") for _ in range(size // 3))

    return LuaIndexStrategy().bind(REGISTRY, Place("s", None, random, lambda: NOW))


def receipt(batch: Batch) -> tuple[Any, ...]:
    """The lane, the number and the unit id of a commit."""
    words = batch.commands[0].words
    lane, number, unit_id = words[3], *words[3 + int(words[2]) :][:2]
    return lane, int(number), unit_id.decode() if isinstance(unit_id, bytes) else unit_id


# --- reading ---------------------------------------------------------------------------------


def test_records_are_loaded_in_one_round_trip(bound: BoundLua):
    """In their order, None for the missing."""
    driven = drive(
        bound.load([(MAPPED, b"7"), (MAPPED, b"8")]), [[[b"name", b"a", b"@", b"v"], []]]
    )
    assert [RECORD, None] == driven.result
    (batch,) = driven.batches
    expected = [("HGETALL", b"{s}:User:7"), ("HGETALL", b"{s}:User:8")]
    assert expected == [command.words for command in batch.commands]
    assert ("load", 2) == (batch.verb, batch.keys)


def test_very_many_records_are_loaded_in_steps(bound: BoundLua):
    """None of them holds the server for long."""
    keys = [(MAPPED, b"%d" % key) for key in range(LOAD_STEP + 1)]
    driven = drive(bound.load(keys), [[[]] * LOAD_STEP, [[]]])
    assert [None] * (LOAD_STEP + 1) == driven.result


def test_loading_nothing_asks_nothing(bound: BoundLua):
    """No round trip for an empty list."""
    assert ([], ()) == (drive(bound.load([])).result, drive(bound.load([])).batches)


def test_a_foreign_record_is_named(bound: BoundLua):
    """The server says only that there is one."""
    flow = bound.load([(MAPPED, b"7"), (MAPPED, b"8")])
    with pytest.raises(ForeignType, match=r"b'{s}:User:8' holds a list, which redmapper did not"):
        drive(flow, [ForeignType("WRONGTYPE"), [b"hash", b"list"]])


def test_a_foreign_key_that_has_gone_is_not_named(bound: BoundLua):
    """Then the server's own words remain."""
    error = ForeignType("WRONGTYPE")
    with pytest.raises(ForeignType) as refused:
        drive(bound.load([(MAPPED, b"7")]), [error, [b"none"]])
    assert error is refused.value


def test_the_owner_of_a_value_comes_with_its_record(bound: BoundLua):
    """Or None."""
    index = MAPPED.indexes["by_name"]
    found = [[b"7", [b"name", b"a", b"@", b"v"]]]
    assert (b"7", RECORD) == drive(bound.owner(MAPPED, index, b"a\0\1"), [found]).result
    assert drive(bound.owner(MAPPED, index, b"b\0\1"), [[[]]]).result is None


def test_an_owner_is_asked_for_in_one_call(bound: BoundLua):
    """The schema is looked at in the same."""
    flow = bound.owner(MAPPED, MAPPED.indexes["by_name"], b"a\0\1")
    (batch,) = drive(flow, [[[]]]).batches
    (command,) = batch.commands
    assert ("owner", OWNER, 3) == (batch.verb, command.script, command.keys)
    expected = (
        *(3, b"{s}#schema", b"{s}:User", b"{s}:User/by_name"),
        *("User", MAPPED.fingerprint, b"{s}:User:", b"a\0\1"),
    )
    assert expected == command.words[2:]


def test_an_owner_whose_record_is_gone_is_nobody(bound: BoundLua):
    """As a row of a query is."""
    flow = bound.owner(MAPPED, MAPPED.indexes["by_name"], b"a\0\1")
    assert drive(flow, [[[b"7", []]]]).result is None


def test_an_owner_under_other_indexes_is_refused(bound: BoundLua):
    """By the name of the mapper."""
    flow = bound.owner(MAPPED, MAPPED.indexes["by_name"], b"a\0\1")
    with pytest.raises(SchemaMismatch, match="other indexes than Users has"):
        drive(flow, [[[b"schema"]]])


def test_a_foreign_hash_of_owners_is_named(bound: BoundLua):
    """The server says only that there is one."""
    flow = bound.owner(MAPPED, MAPPED.indexes["by_name"], b"a\0\1")
    with pytest.raises(ForeignType, match=r"b'{s}:User/by_name' holds a list, which redmapper did"):
        drive(flow, [ForeignType("WRONGTYPE"), [b"hash", b"none", b"list"]])


@pytest.mark.parametrize(
    ("field", "expected"), [("pin", {b"hush\0\1"}), ("name", set())], ids=["hidden", "open"]
)
def test_the_value_of_a_hidden_field_is_not_shown_in_logs(field: str, expected: set[bytes]):
    """Whose owner is asked for."""

    @attrs.define
    class Secret:
        name: str = ""
        pin: str = attrs.field(default="", repr=False)
        id: int | None = None

    class Secrets(Mapper[Secret]):
        id = Key[int]()
        name = Field[str]()
        pin = Field[str]()
        by_name = Unique(name)
        by_pin = Unique(pin)

    registry = MapperRegistry(Secrets)
    mapped = registry.mapped(Secret)
    bound = LuaIndexStrategy().bind(registry, Place("s", None, bytes, lambda: NOW))
    flow = bound.owner(mapped, mapped.indexes[f"by_{field}"], b"hush\0\1")
    (batch,) = drive(flow, [[[]]]).batches
    assert expected == batch.hidden()


# --- committing ------------------------------------------------------------------------------


def test_a_commit_is_one_call(bound: BoundLua):
    """With a receipt that can be sent twice."""
    driven = drive(bound.commit(PLAN), [APPLIED])
    assert () == driven.result
    (batch,) = driven.batches
    assert ("commit", 1, True) == (batch.verb, len(batch.commands), batch.receipted)
    lane, number, unit = receipt(batch)
    assert (b"{s}#lane/" + LANE.encode(), 1) == (lane, number)
    assert unit == f"{LANE}.1.{NOW}.AAADAAAE"


def test_commits_use_one_lane_one_after_the_other(bound: BoundLua):
    """With the next number."""
    first, second = (receipt(drive(bound.commit(PLAN), [APPLIED]).batches[0]) for _ in range(2))
    assert (first[0], 1, 2) == (second[0], first[1], second[1])


def test_commits_in_flight_have_lanes_of_their_own(bound: BoundLua):
    """Otherwise one would supersede the other."""
    flow = bound.commit(PLAN)
    first = receipt(next(flow))
    second = receipt(drive(bound.commit(PLAN), [APPLIED]).batches[0])
    assert first[0] != second[0]


def test_the_schema_goes_along_once(bound: BoundLua):
    """After that the partition remembers it."""
    first, second = (drive(bound.commit(PLAN), [APPLIED]).batches[0] for _ in range(2))
    described = [MAPPED.description in batch.commands[0].words for batch in (first, second)]
    assert [True, False] == described


def test_a_refused_commit_does_not_make_the_schema_known(bound: BoundLua):
    """It wrote nothing."""
    drive(bound.commit(PLAN), [[[b"refused", [b"exists", 1, [b"@", b"v"]]]]])
    (batch,) = drive(bound.commit(PLAN), [APPLIED]).batches
    assert MAPPED.description in batch.commands[0].words


def test_a_forgotten_schema_is_sent_again(bound: BoundLua):
    """After a FLUSHALL; the same plan in a second call."""
    drive(bound.commit(PLAN), [APPLIED])
    driven = drive(bound.commit(PLAN), [[[b"refused", [b"unknown schema"]]], APPLIED])
    assert () == driven.result
    assert MAPPED.description in driven.batches[1].commands[0].words


def test_refusals_are_answered(bound: BoundLua):
    """As the plan counts them."""
    driven = drive(bound.commit(PLAN), [[[b"refused", [b"exists", 1, [b"@", b"v"]]]]])
    assert (Refusal(0, "exists", {b"@": b"v", b"id": b"7"}),) == driven.result


def test_a_partition_of_other_mappers_is_refused(bound: BoundLua):
    """By the name of the mapper."""
    with pytest.raises(SchemaMismatch, match="other indexes than Users has"):
        drive(bound.commit(PLAN), [[[b"refused", [b"schema", 1]]]])


def test_a_superseded_commit_is_never_success(bound: BoundLua):
    """Somebody asked for its outcome, and was told that it is not applied."""
    with pytest.raises(
        StoreError, match=r"was given up by store\.outcome\(\); nothing was written"
    ):
        drive(bound.commit(PLAN), [[[b"superseded"]]])


def test_a_lost_reply_is_an_unknown_outcome(bound: BoundLua):
    """The error names the unit; its lane is parked until somebody asks."""
    with pytest.raises(CommitUnknown) as refused:
        drive(bound.commit(PLAN), [ConnectionLost("lost", sent=True)])
    lane, number, second, _ = refused.value.unit_id.split(".")
    assert ("1", str(NOW)) == (number, second)
    assert f"store.outcome({refused.value.unit_id!r})" in str(refused.value)
    again = receipt(drive(bound.commit(PLAN), [APPLIED]).batches[0])
    assert again[0] != b"{s}#lane/" + lane.encode()


@pytest.mark.parametrize(
    "error", [ConnectionLost("refused", sent=False), OutOfMemory("full")], ids=repr
)
def test_a_commit_that_was_not_done_frees_its_lane(bound: BoundLua, error: StoreError):
    """And its error passes."""
    with pytest.raises(type(error)) as refused:
        drive(bound.commit(PLAN), [error])
    assert error is refused.value
    _, number, _ = receipt(drive(bound.commit(PLAN), [APPLIED]).batches[0])
    assert 2 == number


def test_a_commit_that_can_not_be_said_frees_its_lane(
    bound: BoundLua, monkeypatch: pytest.MonkeyPatch
):
    """Nothing was sent."""
    with monkeypatch.context() as patched:
        patched.setattr(strategy, "compile_plan", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            drive(bound.commit(PLAN))
    _, number, _ = receipt(drive(bound.commit(PLAN), [APPLIED]).batches[0])
    assert 2 == number


def test_a_foreign_key_of_a_commit_is_named(bound: BoundLua):
    """Which the checks ran into."""
    flow = bound.commit(PLAN)
    types = [b"string", b"hash", b"none", b"zset", b"list"]
    with pytest.raises(ForeignType, match=r"b'{s}:User:7' holds a list, which redmapper did not"):
        drive(flow, [ForeignType("WRONGTYPE"), types])


def test_a_commit_of_one_has_a_script_of_its_own(bound: BoundLua):
    """Once the partition knows the mapper, which most commits find."""
    first, second = (drive(bound.commit(PLAN), [APPLIED]).batches[0] for _ in range(2))
    assert [COMMIT, COMMIT_ONE] == [batch.commands[0].script for batch in (first, second)]


def test_a_commit_of_one_says_what_a_commit_does(bound: BoundLua):
    """The same receipt; its words are hidden, and it may be sent twice."""
    first, second = (drive(bound.commit(PLAN), [APPLIED]).batches[0] for _ in range(2))
    assert (first.verb, first.home, first.receipted) == (
        second.verb,
        second.home,
        second.receipted,
    )
    assert (receipt(first)[0], 2) == receipt(second)[:2]


@pytest.mark.parametrize(
    "writes",
    [
        (*PLAN.writes, EntityWrite.of(MAPPED, b"8", Absent(), None, RECORD)),
        (EntityWrite.of(MAPPED, b"7", AtFields(()), RECORD, {}),),
        (
            EntityWrite.of(
                MAPPED,
                b"7",
                AtVersion(b"v"),
                RECORD | {b"f%d" % number: b"" for number in range(256)},
                RECORD | {b"@": b"w"},
            ),
        ),
    ],
    ids=["two", "fields", "too many fields that go"],
)
def test_other_commits_have_the_general_script(bound: BoundLua, writes: tuple[EntityWrite, ...]):
    """Though the partition knows the mapper."""
    drive(bound.commit(PLAN), [APPLIED])
    (batch,) = drive(bound.commit(FlushPlan(writes)), [APPLIED]).batches
    assert COMMIT == batch.commands[0].script


def test_hidden_values_of_a_commit_are_told_when_somebody_asks():
    """Whichever script it is."""

    @attrs.define
    class Secret:
        pin: str = attrs.field(default="hush", repr=False)
        id: int | None = None

    class Secrets(Mapper[Secret]):
        id = Key[int]()
        pin = Field[str]()

    registry = MapperRegistry(Secrets)
    insert = EntityWrite.of(
        registry.mapped(Secret), b"7", Absent(), None, {b"pin": b"hush", b"@": b"v"}
    )
    bound = LuaIndexStrategy().bind(registry, Place("s", None, bytes, lambda: NOW))
    for _ in range(2):
        (batch,) = drive(bound.commit(FlushPlan((insert,))), [APPLIED]).batches
        assert b"hush" in batch.commands[0].words
        assert b"hush" in batch.hidden()


# --- one write without a plan ----------------------------------------------------------------

Commit = Callable[[BoundLua], Any]


def by_plan(bound: BoundLua) -> Any:
    """A commit of the plan that inserts 7, which moves the sequence to there."""
    return bound.commit(plan_of_one(PLAN.writes[0], 7))


def by_write(bound: BoundLua) -> Any:
    """The same, and the plan is made where somebody asks for it."""
    return bound.commit_one(PLAN.writes[0], 7)


@pytest.mark.parametrize("times", [1, 2], ids=["by the general script", "by its own"])
def test_one_write_is_sent_as_its_plan_would_be(times: int):
    """Whether the partition knows the mapper or not."""

    def last(commit: Commit) -> Batch:
        place = Place("s", None, bytes, lambda: NOW)
        bound = LuaIndexStrategy().bind(REGISTRY, place)
        return [drive(commit(bound), [APPLIED]).batches[0] for _ in range(times)][-1]

    planned, plain = last(by_plan), last(by_write)
    assert planned.commands == plain.commands
    assert b"{s}#sequence/User" in plain.commands[0].words
    assert planned.hidden() == plain.hidden()


def test_refusals_of_one_write_are_those_of_its_plan(bound: BoundLua):
    """With the claim that the plan would have."""
    drive(by_plan(bound), [APPLIED])
    reply = [[b"refused", [b"taken", 1, b"9"], [b"exists", 1, [b"@", b"v"]]]]
    exists, taken = drive(by_write(bound), [reply]).result
    assert Refusal(0, "exists", {b"@": b"v", b"id": b"7"}) == exists
    (claim,) = plan_of_one(PLAN.writes[0], None).claims
    assert Refusal(0, "taken", claim=claim, owner=b"9") == taken


def test_one_write_after_a_forgotten_schema_describes_it(bound: BoundLua):
    """By the general script."""
    drive(by_write(bound), [APPLIED])
    driven = drive(by_write(bound), [[[b"refused", [b"unknown schema"]]], APPLIED])
    assert [COMMIT_ONE, COMMIT] == [batch.commands[0].script for batch in driven.batches]


def test_a_commit_of_one_after_a_forgotten_schema_describes_it(bound: BoundLua):
    """By the general script; the next one is a commit of one again."""
    drive(bound.commit(PLAN), [APPLIED])
    refused: list[Any] = [[b"refused", [b"unknown schema"]]]
    driven = drive(bound.commit(PLAN), [refused, APPLIED])
    (third,) = drive(bound.commit(PLAN), [APPLIED]).batches
    scripts = [batch.commands[0].script for batch in (*driven.batches, third)]
    assert [COMMIT_ONE, COMMIT, COMMIT_ONE] == scripts


def test_refusals_of_a_commit_of_one_are_answered(bound: BoundLua):
    """As those of any other."""
    drive(bound.commit(PLAN), [APPLIED])
    driven = drive(bound.commit(PLAN), [[[b"refused", [b"exists", 1, [b"@", b"v"]]]]])
    assert (Refusal(0, "exists", {b"@": b"v", b"id": b"7"}),) == driven.result


def test_a_foreign_key_of_a_commit_of_one_is_named(bound: BoundLua):
    """Which the checks ran into."""
    drive(bound.commit(PLAN), [APPLIED])
    types = [b"string", b"hash", b"zset", b"list", b"hash"]
    with pytest.raises(ForeignType, match=r"b'{s}:User:7' holds a list, which redmapper did not"):
        drive(bound.commit(PLAN), [ForeignType("WRONGTYPE"), types])


def test_a_commit_that_no_server_takes_is_refused(bound: BoundLua):
    """Before it is sent; with what to do."""
    write = EntityWrite.of(MAPPED, b"7", Absent(), None, dict.fromkeys(_names(MOST_WORDS), b""))
    with pytest.raises(UnitTooLarge, match="commit in parts"):
        drive(bound.commit(FlushPlan((write,))))


def _names(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


# --- sequences, outcomes, closing ------------------------------------------------------------


def test_numbers_are_taken_off_a_sequence(bound: BoundLua):
    """The last of them is answered; the first is what counts."""
    driven = drive(bound.allocate(MAPPED, 3), [[7]])
    assert 5 == driven.result
    assert ("INCRBY", b"{s}#sequence/User", 3) == driven.batches[0].commands[0].words


@pytest.mark.parametrize("reply", ["applied", "not applied"])
def test_an_outcome_is_told(bound: BoundLua, reply: str):
    """By the lane that the unit id names; with its age, which says whether the receipt is gone."""
    driven = drive(bound.outcome(f"{HERE}L.3.{NOW - 60}.tok"), [[reply.encode()]])
    assert reply == driven.result
    (command,) = driven.batches[0].commands
    assert (
        1,
        b"{s}#lane/" + HERE.encode() + b"L",
        3,
        f"{HERE}L.3.{NOW - 60}.tok",
        60,
        60,
    ) == command.words[2:]


def test_an_outcome_that_is_too_old_is_unknown(bound: BoundLua):
    """For good."""
    with pytest.raises(CommitUnknown, match="is over an hour old"):
        drive(bound.outcome(f"{HERE}L.3.1.tok"), [[b"unknown"]])


def test_an_outcome_of_another_partition_is_not_told(bound: BoundLua):
    """Its lane is not here, which says nothing of the commit; nothing is asked or burned."""
    with pytest.raises(StoreError, match="was another partition's; ask the store of that one"):
        drive(bound.outcome(f"L.3.{NOW}.tok"))


def test_an_outcome_takes_the_id_of_a_unit(bound: BoundLua):
    """Other text is refused, before anything is asked."""
    with pytest.raises(StoreError, match=r"^'7' is not the unit_id of a CommitUnknown"):
        drive(bound.outcome("7"))


def test_closing_removes_receipts(bound: BoundLua):
    """Of the lanes that nobody may ask for."""
    assert () == drive(bound.close()).batches
    drive(bound.commit(PLAN), [APPLIED])
    driven = drive(bound.close(), [[1]])
    assert ("DEL", b"{s}#lane/" + LANE.encode()) == driven.batches[0].commands[0].words
    assert () == drive(bound.close()).batches


def test_a_refused_commit_leaves_no_receipt_to_remove(bound: BoundLua):
    """It wrote nothing."""
    drive(bound.commit(PLAN), [[[b"refused", [b"exists", 1, [b"@", b"v"]]]]])
    assert () == drive(bound.close()).batches


def test_what_it_can_do():
    """Every index there is, on a server."""
    able = LuaIndexStrategy().capabilities
    assert (True, {"Unique", "Lookup", "Ordered"}) == (
        able.server,
        {kind.__name__ for kind in able.indexes},
    )
