"""The call of a committing script: what of it is not shown, and what its answer means."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from redmapper import Field, ForeignType, Key, Lookup, Mapper, MapperRegistry, Ordered, Unique
from redmapper.mapping.columns import Record
from redmapper.strategies.lua.calls import CommitCall, refusals_of, secrets
from redmapper.strategies.lua.commit import compile_plan
from redmapper.strategies.lua.commit_one import compile_one
from redmapper.strategies.lua.entries import Places
from redmapper.strategies.lua.keys import Keyspace
from redmapper.strategies.lua.receipts import Lane
from redmapper.work.plan import Absent, AtFields, AtVersion, EntityWrite, Refusal, make_plan


@attrs.define
class User:
    """An entity."""

    name: str = ""
    email: str | None = None
    age: int | None = None
    pin: str | None = attrs.field(default=None, repr=False)
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    email = Field[str | None]()
    age = Field[int | None]()
    by_email = Unique(email)
    by_age = Ordered(age)


class Secrets(Mapper[User], name="Secret"):
    """Another one, with indexes over what is hidden, and one that is not."""

    id = Key[int]()
    name = Field[str]()
    pin = Field[str | None](norm=str.casefold)
    unique = Unique(pin)
    lookup = Lookup(pin)
    ordered = Ordered(pin)
    by_name = Lookup(name)


class Bare(Mapper[User], name="Bare"):
    """A third one, without an index."""

    id = Key[int]()


MAPPED = {
    "User": MapperRegistry(Users).mapped(User),
    "Secret": MapperRegistry(Secrets).mapped(User),
    "Bare": MapperRegistry(Bare).mapped(User),
}
PLACES = Places(Keyspace(b"{s}"))
LANE = b"{s}#lane/L"
THROUGH = Lane("L", LANE, 1, "unit")


def record(key: int, version: bytes, mapper: str = "User", **attributes: Any) -> Record:
    """A stored record."""
    return MAPPED[mapper].encode(User(**attributes), b"%d" % key) | {b"@": version}


def write(
    key: int, before: Any, after: Any, check: Any = None, mapper: str = "User"
) -> EntityWrite:
    """A user from some attributes to others; None: it is not there."""
    return EntityWrite.of(
        MAPPED[mapper],
        b"%d" % key,
        check or (Absent() if before is None else AtVersion(b"v")),
        None if before is None else record(key, b"v", mapper, **before),
        None if after is None else record(key, b"w", mapper, **after),
    )


def many(*writes: EntityWrite) -> CommitCall:
    """The call of `commit.lua`."""
    return compile_plan(make_plan(writes)[0], PLACES, THROUGH, frozenset())


def one(write: EntityWrite) -> CommitCall:
    """That of `commit_one.lua`."""
    call = compile_one(write, None, PLACES, THROUGH)
    assert call is not None
    return call


# --- what logs must not show -----------------------------------------------------------------

HIDING = {
    "insert": write(1, None, {"pin": "Hush"}, mapper="Secret"),
    "delete": write(1, {"pin": "Hush"}, None, mapper="Secret"),
    "update": write(1, {"pin": "Hush"}, {"pin": "Hush2"}, mapper="Secret"),
    "long": write(1, None, {"pin": "Hush" * 50}, mapper="Secret"),
    "shorter": write(1, {"pin": "Hush" * 50}, {"pin": "hush"}, mapper="Secret"),
    "without an index": write(1, None, {"pin": "hush"}, mapper="Bare"),
    "to none": write(1, {"pin": "hush"}, {}, mapper="Secret"),
}
FIELDS = {
    "fields": write(
        1, {"pin": "hush"}, {"pin": "hush2"}, AtFields(((b"pin", b"hush"),)), mapper="Secret"
    ),
    "long fields": write(
        1,
        {"pin": "hush" * 50},
        {"pin": "hush"},
        AtFields(((b"pin", b"hush" * 50),)),
        mapper="Secret",
    ),
}


def showing(call: CommitCall) -> list[Any]:
    """The words of a call that would show the value."""
    hidden = secrets(call, PLACES)
    words = [*call.keys, *call.arguments]
    return [word for word in words if b"hush" in str(word).lower().encode() and word not in hidden]


@pytest.mark.parametrize("name", HIDING | FIELDS)
def test_every_word_with_a_hidden_value_is_hidden(name: str):
    """Records, checks, claims, members and keys."""
    assert [] == showing(many((HIDING | FIELDS)[name]))


@pytest.mark.parametrize("name", HIDING)
def test_every_word_with_a_hidden_value_is_hidden_in_a_commit_of_one(name: str):
    """Its words are the same."""
    assert [] == showing(one(HIDING[name]))


def test_keys_and_members_of_an_index_over_a_hidden_field_are_hidden():
    """They hold the values; of the values themselves those before and after."""
    expected = {
        b"hush\0\1",
        b"{s}:Secret/lookup/hush\0\1",
        b"hush\0\1\x811",
    }
    assert expected <= secrets(one(HIDING["insert"]), PLACES)
    assert expected <= secrets(one(HIDING["update"]), PLACES)


def test_what_is_not_hidden_is_shown():
    """The rest of such a call."""
    call = many(write(1, None, {"name": "Ann", "pin": "hush"}, mapper="Secret"))
    hidden = secrets(call, PLACES)
    shown = {b"Ann", b"{s}:Secret/by_name/Ann\0\1", b"{s}:Secret:1", b"w"}
    assert shown == shown & {*call.keys, *call.arguments}
    assert set() == hidden & shown


def test_a_mapper_that_hides_nothing_has_no_secrets():
    """Nothing is looked for."""

    @attrs.define
    class Open:
        name: str = "Ann"
        id: int = 1

    class Opens(Mapper[Open]):
        id = Key[int]()

    mapped = MapperRegistry(Opens).mapped(Open)
    insert = EntityWrite.of(mapped, b"1", Absent(), None, {b"name": b"Ann"})
    assert frozenset() == secrets(many(insert), PLACES)


# --- the answer ------------------------------------------------------------------------------

WRITES = (
    write(1, None, {"email": "a"}),
    write(2, {"email": "b"}, {"email": "c"}),
    write(3, None, {"email": "d"}),
    write(4, {"age": 1}, {"age": 2}, AtFields(((b"age", b"1"),))),
)
CALL = many(*WRITES)
STORED = [b"name", b"x", b"@", b"t"]


@pytest.mark.parametrize(
    ("violation", "expected"),
    [
        ([b"exists", 2, STORED], Refusal(2, "exists", {b"name": b"x", b"@": b"t", b"id": b"3"})),
        ([b"version", 1, STORED], Refusal(1, "changed", {b"name": b"x", b"@": b"t", b"id": b"2"})),
        ([b"version", 1, []], Refusal(1, "gone")),
        ([b"fields", 1, STORED], Refusal(3, "changed", {b"name": b"x", b"@": b"t", b"id": b"4"})),
        ([b"fields", 1, []], Refusal(3, "gone")),
        (
            [b"taken", 3, b"9"],
            Refusal(2, "taken", claim=CALL.plan.claims[2], owner=b"9"),
        ),
    ],
    ids=["exists", "changed", "gone", "fields", "fields gone", "taken"],
)
def test_a_violation_is_a_refusal(violation: list[Any], expected: Refusal):
    """By its position in the plan."""
    assert (expected,) == refusals_of(CALL, [violation], PLACES)


INSERT, UPDATE = one(WRITES[0]), one(WRITES[1])


@pytest.mark.parametrize(
    ("call", "violation", "expected"),
    [
        (INSERT, [b"exists", 1, STORED], Refusal(0, "exists", {**record(1, b"t"), b"name": b"x"})),
        (UPDATE, [b"version", 1, []], Refusal(0, "gone")),
        (UPDATE, [b"taken", 1, b"9"], Refusal(0, "taken", claim=UPDATE.plan.claims[0], owner=b"9")),
    ],
    ids=["exists", "gone", "taken"],
)
def test_a_violation_of_a_commit_of_one_is_a_refusal(
    call: CommitCall, violation: list[Any], expected: Refusal
):
    """Of its only write."""
    assert (expected,) == refusals_of(call, [violation], PLACES)


@pytest.mark.parametrize("made", [one, many], ids=["one", "many"])
def test_both_scripts_are_understood_alike(made: Callable[[EntityWrite], CommitCall]):
    """What they say of a plan of one is the same."""
    call = made(WRITES[1])
    violations = [[b"version", 1, STORED], [b"taken", 1, b"9"]]
    expected = (
        Refusal(0, "changed", {b"name": b"x", b"@": b"t", b"id": b"2"}),
        Refusal(0, "taken", claim=call.plan.claims[0], owner=b"9"),
    )
    assert expected == refusals_of(call, violations, PLACES)


def test_violations_come_in_the_order_of_the_plan():
    """Those of records first, then those of claims: as in memory, so that the same is raised."""
    violations = [
        [b"exists", 2, STORED],
        [b"version", 1, []],
        [b"fields", 1, []],
        [b"taken", 3, b"9"],
        [b"taken", 1, b"8"],
    ]
    found = [(each.position, each.kind) for each in refusals_of(CALL, violations, PLACES)]
    assert [(1, "gone"), (2, "exists"), (3, "gone"), (0, "taken"), (2, "taken")] == found


def test_no_violations_are_no_refusals():
    """The usual answer."""
    assert () == refusals_of(CALL, [], PLACES)


def test_a_foreign_key_is_named():
    """Before any refusal; with what it holds and what to do."""
    at = CALL.keys.index(b"{s}:User/by_age") + 1
    with pytest.raises(ForeignType) as refused:
        refusals_of(CALL, [[b"exists", 1, STORED], [b"foreign", at, b"list"]], PLACES)
    expected = (
        "b'{s}:User/by_age' holds a list, which redmapper did not put there; "
        "nothing was written; remove or rename it"
    )
    assert expected == str(refused.value)


def test_a_foreign_key_with_a_hidden_value_is_not_named():
    """Only what it holds."""
    call = one(HIDING["insert"])
    at = call.keys.index(b"{s}:Secret/lookup/hush\0\1") + 1
    with pytest.raises(ForeignType, match=r"^\.\.\. holds a list, which") as refused:
        refusals_of(call, [[b"foreign", at, b"list"]], PLACES)
    assert "hush" not in str(refused.value)
