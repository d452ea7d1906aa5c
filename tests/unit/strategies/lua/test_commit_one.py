"""A plan of one entity as the call of `commit_one.lua`, literally; and that it says the same."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redmapper import Field, Key, Lookup, Mapper, MapperRegistry, Ordered, Unique
from redmapper.mapping.columns import Record
from redmapper.strategies.lua.calls import CommitCall
from redmapper.strategies.lua.commit import compile_plan
from redmapper.strategies.lua.commit_one import CallOfOne, compile_one
from redmapper.strategies.lua.entries import Places
from redmapper.strategies.lua.keys import Keyspace
from redmapper.strategies.lua.receipts import Lane
from redmapper.strategies.lua.scripts import COMMIT_ONE
from redmapper.work.plan import (
    Absent,
    AtFields,
    AtVersion,
    EntityWrite,
    plan_of_one,
)


@attrs.define
class User:
    """An entity."""

    name: str = ""
    email: str | None = None
    age: int | None = None
    tags: list[str] = attrs.field(factory=list)
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper, with an index of each kind."""

    id = Key[int]()
    name = Field[str]()
    email = Field[str | None](norm=str.casefold)
    age = Field[int | None]()
    tags = Field[list[str]]()
    by_email = Unique(email)
    by_both = Unique(name, age, nulls=True)
    by_age = Ordered(age, name.desc())
    by_age_alone = Ordered(age)
    by_tag = Lookup(tags)


MAPPED = MapperRegistry(Users).mapped(User)
PLACES = Places(Keyspace(b"{s}"))
LANE = b"{s}#lane/L"
FINGERPRINT = MAPPED.fingerprint.encode()
THROUGH = Lane("L", LANE, 1, "unit")
Read = Callable[[CommitCall], Any]


def write(before: Any, after: Any, check: Any = None, key: bytes = b"7") -> EntityWrite:
    """A user from some attributes to others; None: it is not there."""

    def record(version: bytes, attributes: Any) -> Record | None:
        if attributes is None:
            return None
        return MAPPED.encode(User(**attributes), key) | {b"@": version}

    absent = Absent() if before is None else AtVersion(b"v")
    return EntityWrite.of(MAPPED, key, check or absent, record(b"v", before), record(b"w", after))


TAIL = b"\x817"
"""The key in entries."""

MOST = 255


def compiled(update: EntityWrite, number: int | None = None) -> CallOfOne:
    """The call for one write."""
    call = compile_one(update, number, PLACES, THROUGH)
    assert call is not None
    return call


def order_of(age: bytes, name: bytes) -> bytes:
    """A member of `by_age`, as ages and names stand there: the name and the key descend."""
    return age + bytes(255 - each for each in name + b"\0\1" + b"\x817")


NONE, FIVE, SIX = b"\0\0\1", b"\x81\x05\0\1", b"\x81\x06\0\1"


# --- literally -------------------------------------------------------------------------------


def test_an_insert():
    """Every entry comes, and the listing's; then the whole record but for its key."""
    call = compiled(write(None, {"name": "A", "email": "E", "age": 5, "tags": ["x", "y"]}))
    keys = [
        LANE,
        b"{s}#schema",
        b"{s}:User",
        b"{s}:User:7",
        b"{s}:User/by_email",
        b"{s}:User/by_both",
        b"{s}:User/by_tag/x\0\1",
        b"{s}:User/by_tag/y\0\1",
        b"{s}:User",
        b"{s}:User/by_age",
        b"{s}:User/by_age_alone",
    ]
    assert (COMMIT_ONE, keys) == (call.command.script, call.keys)
    expected = [
        *(b"60", b"User", FINGERPRINT, b"7", TAIL, b"", b"", b"\2\2\0\3\0"),
        *(b"e\0\1", b"", b"A\0\1" + FIVE, b""),
        *(b"\x817", b"0", b"", order_of(FIVE, b"A"), b"0", b""),
        *(b"\x817", b"5", b""),
        *(b"name", b"A", b"email", b"E", b"age", b"5", b"tags", b'["x","y"]'),
        *(b"~email", b"e", b"@", b"w"),
    ]
    assert expected == call.arguments


def test_an_update_of_an_indexed_field():
    """The entries of that field, and the fields that change; a name that goes comes before them."""
    call = compiled(write({"age": 5, "tags": ["x"]}, {"tags": ["y"]}))
    keys = [
        LANE,
        b"{s}#schema",
        b"{s}:User",
        b"{s}:User:7",
        b"{s}:User/by_both",
        b"{s}:User/by_tag/y\0\1",
        b"{s}:User/by_tag/x\0\1",
        b"{s}:User/by_age",
        b"{s}:User/by_age_alone",
    ]
    assert keys == call.keys
    expected = [
        *(b"60", b"User", FINGERPRINT, b"7", TAIL, b"v", b"", b"\1\1\1\2\1"),
        *(b"\0\1" + NONE, b"\0\1" + FIVE),
        *(order_of(NONE, b""), b"0", order_of(FIVE, b"")),
        *(b"\xfd\x817", b"-inf", b"\x817"),
        b"age",
        *(b"tags", b'["y"]', b"@", b"w"),
    ]
    assert expected == call.arguments


def test_an_update_of_a_field_without_an_entry():
    """The record alone, without what sets have for it; a norm that is the same leaves the claim."""
    call = compiled(write({"email": "e"}, {"email": "E"}))
    assert [LANE, b"{s}#schema", b"{s}:User", b"{s}:User:7"] == call.keys
    expected = [
        *(b"60", b"User", FINGERPRINT, b"7", b"", b"v", b"", b"\0\0\0\0\0"),
        *(b"email", b"E", b"~email", b"e", b"@", b"w"),
    ]
    assert expected == call.arguments


def test_a_deletion():
    """Every entry goes, and the listing's; without fields the record goes."""
    call = compiled(write({"name": "A", "email": "e", "age": 5, "tags": ["x"]}, None))
    keys = [
        LANE,
        b"{s}#schema",
        b"{s}:User",
        b"{s}:User:7",
        b"{s}:User/by_email",
        b"{s}:User/by_both",
        b"{s}:User/by_tag/x\0\1",
        b"{s}:User",
        b"{s}:User/by_age",
        b"{s}:User/by_age_alone",
    ]
    assert keys == call.keys
    expected = [
        *(b"60", b"User", FINGERPRINT, b"7", TAIL, b"v", b"", b"\2\0\1\3\0"),
        *(b"", b"e\0\1", b"", b"A\0\1" + FIVE),
        *(b"", b"", b"\x817", b"", b"", order_of(FIVE, b"A")),
        *(b"", b"", b"\x817"),
    ]
    assert expected == call.arguments


def test_a_change_of_a_unique_value():
    """The value that gets this owner, and the one that loses it."""
    call = compiled(write({"email": "a"}, {"email": "b"}))
    assert [b"{s}:User/by_email"] == call.keys[4:]
    expected = [b"\1\0\0\0\0", b"b\0\1", b"a\0\1", b"email", b"b", b"@", b"w"]
    assert expected == call.arguments[7:]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {"email": "b"}, (b"b\0\1", b"")),
        ({"email": "a"}, {}, (b"", b"a\0\1")),
    ],
    ids=["claimed", "released"],
)
def test_a_unique_value_from_or_to_none(before: Any, after: Any, expected: tuple[bytes, bytes]):
    """Nothing stands for none."""
    assert expected == tuple(compiled(write(before, after)).arguments[8:10])


def test_a_key_given_by_hand_moves_its_sequence():
    """Whose key comes last."""
    call = compiled(write(None, {}), 7)
    assert (b"{s}#sequence/User", b"7") == (call.keys[-1], call.arguments[6])


def test_a_long_value_is_written_in_pieces():
    """Those that are no more go."""
    call = compiled(write({"name": "x" * 200}, {"name": "y" * 65}))
    assert b"\1\0\0\1\2" == call.arguments[7]
    expected = [
        *(b"name:2", b"name:3"),
        *(b"name", b"y" * 64, b"@", b"w", b"name:1", b"y"),
    ]
    assert expected == call.arguments[13:]


def test_every_key_has_a_type():
    """What is asked when the server says that one holds another."""
    call = compiled(write({"email": "a", "tags": ["x"]}, {"age": 5, "tags": ["y"]}), 7)
    expected = {
        LANE: "string",
        b"{s}#schema": "hash",
        b"{s}:User": "zset",
        b"{s}:User:7": "hash",
        b"{s}:User/by_email": "hash",
        b"{s}:User/by_both": "hash",
        b"{s}:User/by_tag/y\0\1": "set",
        b"{s}:User/by_tag/x\0\1": "set",
        b"{s}:User/by_age": "zset",
        b"{s}:User/by_age_alone": "zset",
        b"{s}#sequence/User": "string",
    }
    assert expected == call.types()


# --- which plans -----------------------------------------------------------------------------


def test_a_check_of_fields_is_for_the_other_script():
    """This one knows versions, and absence."""
    assert (
        compile_one(write({}, {"age": 1}, AtFields(((b"age", None),))), None, PLACES, THROUGH)
        is None
    )


@pytest.mark.parametrize(
    ("tags", "expected"), [(MOST, True), (MOST + 1, False)], ids=["just enough", "too many"]
)
@pytest.mark.parametrize("turn", [1, -1], ids=["come", "go"])
@pytest.mark.parametrize("size", [3, 2000], ids=["short", "long"])
def test_too_many_entries_are_for_the_other_script(tags: int, turn: int, size: int, expected: bool):  # noqa: FBT001 - a case
    """Each count is a byte; however long the words are."""
    before, after = ({}, {"tags": [f"{number:0{size}}" for number in range(tags)]})[::turn]
    call = compile_one(write(before, after), None, PLACES, THROUGH)
    assert expected == (call is not None)


@pytest.mark.parametrize(("count", "expected"), [(MOST, True), (MOST + 1, False)])
def test_too_many_fields_that_go_are_for_the_other_script(count: int, expected: bool):  # noqa: FBT001 - a case
    """A put over a record that is not ours."""
    update = write({}, {})
    assert update.base is not None
    base = update.base | {b"f%d" % number: b"" for number in range(count)}
    update = EntityWrite.of(MAPPED, b"7", update.check, base, update.record)
    assert expected == (compile_one(update, None, PLACES, THROUGH) is not None)


def test_a_record_without_a_version_is_not_taken_for_an_absent_one():
    """Nothing in place of the version says that the record must be absent."""
    call = compile_one(write({}, {"age": 1}, AtVersion(b"")), None, PLACES, THROUGH)
    assert call is None or b"" != call.arguments[5]


# --- as the other script would have it -------------------------------------------------------


def by_one(call: CommitCall) -> dict[str, Any]:
    """What a call of `commit_one.lua` checks and writes."""
    _, mapper, fingerprint, key, tail, version, number, counts, *words = call.arguments
    owners, added, removed, ordered, gone = counts
    keys, each = iter(call.keys[4:]), iter(words)
    claims = {next(keys): (next(each), next(each)) for _ in range(owners)}
    sets = {next(keys): (tail, b"") for _ in range(added)}
    sets |= {next(keys): (b"", tail) for _ in range(removed)}
    members = {next(keys): (next(each), next(each), next(each)) for _ in range(ordered)}
    fields: dict[bytes, Any] = dict.fromkeys(next(each) for _ in range(gone))
    fields |= dict(zip(each, each, strict=True))
    return {
        "schema": (call.keys[2], mapper, fingerprint),
        "check": (call.keys[3], version),
        "owners": {
            place: (gets, key if gets else b"", lost) for place, (gets, lost) in claims.items()
        },
        "sets": sets,
        "sorted": members,
        "fields": fields,
        "sequences": [(place, number) for place in keys],
    }


def by_many(call: CommitCall, sections: Read) -> dict[str, Any]:
    """What a call of `commit.lua` for a plan of one checks and writes."""

    def key(position: int) -> bytes:
        return call.keys[position - 1]

    said = sections(call)
    ((listing, _, mapper, fingerprint),) = said.schema
    ((first, names, (row,)),) = said.records
    fields: dict[bytes, Any] = dict(zip(names, row, strict=True))
    for _, _, gone in said.commands:
        fields |= dict.fromkeys(gone)
    single, members = said.single
    sets = {key(single + place): (member, b"") for place, member in enumerate(members)}
    for place, (come, go) in enumerate(said.sets, single + len(members)):
        sets[key(place)] = (*come, b"") if come else (b"", *go)
    owners = {}
    for at, gets, _, lost in said.owners:
        ((value, owner),) = gets.items() or [(b"", b"")]
        owners[key(at)] = (value, owner, *(lost or [b""]))
    checked, version = (said.absent[1], b"") if said.absent[0] else (said.versions[1], b"v")
    assert [version][: said.versions[0]] == said.versions[2]
    assert checked == first
    return {
        "schema": (key(listing), mapper.encode(), fingerprint.encode()),
        "check": (key(checked), version),
        "owners": owners,
        "sets": sets,
        "sorted": {
            key(at): (*(*come.items(), (b"", b""))[0], *(go or [b""]))
            for at, come, go in said.sorted
            if come or go
        },
        "fields": fields,
        "sequences": [(key(at), b"%d" % number) for at, number in said.sequences],
    }


texts = st.sampled_from(["", "a", "A", "b", "x" * 64, "x" * 65, "y" * 200, "x" * 600, "z" * 1100])
users = st.fixed_dictionaries(
    {},
    optional={
        "name": texts,
        "email": st.none() | texts,
        "age": st.none() | st.integers(-3, 3),
        "tags": st.lists(texts, max_size=3),
    },
)


@given(st.none() | users, st.none() | users, st.booleans())
def test_both_scripts_are_told_the_same(
    sections: Read,
    before: Any,
    after: Any,
    numbered: bool,  # noqa: FBT001 - a case
):
    """Whatever comes, changes or goes."""
    if before is None and after is None:
        return
    number = 7 if numbered else None
    one = compiled(write(before, after), number)
    plan = plan_of_one(one.write, number)
    many = compile_plan(plan, PLACES, THROUGH, frozenset())
    assert by_many(many, sections) == by_one(one)
    types = many.types()
    assert one.types() == {key: types[key] for key in one.types()}
    assert ([MAPPED], list(plan.claims)) == (list(one.mappers), list(one.claimed))
    assert (many.mappers, many.claimed) == (list(one.mappers), list(one.claimed))
