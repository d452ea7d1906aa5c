"""A flush plan as the call of `commit.lua`, literally; and its answer as refusals."""

import json
from typing import Any

import attrs
import pytest

from redmapper import (
    Field,
    ForeignType,
    Key,
    Lookup,
    Mapper,
    MapperRegistry,
    Ordered,
    Unique,
)
from redmapper.mapping.columns import Record
from redmapper.strategies.lua.commit import RUN, Arguments, Compiled, compile_plan, refusals_of
from redmapper.strategies.lua.entries import Placements
from redmapper.strategies.lua.keys import Keyspace
from redmapper.work.plan import (
    Absent,
    AtFields,
    AtVersion,
    EntityWrite,
    FlushPlan,
    Refusal,
    make_plan,
)


@attrs.define
class User:
    """An entity."""

    name: str = ""
    email: str | None = None
    age: int | None = None
    tags: list[str] = attrs.field(factory=list)
    pin: str | None = attrs.field(default=None, repr=False)
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper, with an index of each kind."""

    id = Key[int]()
    email = Field[str | None]()
    age = Field[int | None]()
    tags = Field[list[str]]()
    by_email = Unique(email)
    by_age = Ordered(age)
    by_tag = Lookup(tags)


class Secrets(Mapper[User], name="Secret"):
    """Another one, with indexes over what is hidden."""

    id = Key[int]()
    pin = Field[str | None]()
    unique = Unique(pin)
    lookup = Lookup(pin)
    ordered = Ordered(pin)


class Bare(Mapper[User], name="Bare"):
    """A third one, without an index."""

    id = Key[int]()


USERS = MapperRegistry(Users).mapped(User)
SECRETS = MapperRegistry(Secrets).mapped(User)
BARE = MapperRegistry(Bare).mapped(User)
MAPPED = {"User": USERS, "Secret": SECRETS, "Bare": BARE}


def record(key: int, version: bytes, mapper: str = "User", **attributes: Any) -> Record:
    """A stored record."""
    return MAPPED[mapper].encode(User(**attributes), b"%d" % key) | {b"@": version}


def write(
    key: int, before: Any, after: Any, check: Any = None, mapper: str = "User"
) -> EntityWrite:
    """A user from some attributes to others; None: it is not there."""
    return EntityWrite(
        MAPPED[mapper],
        b"%d" % key,
        check or (Absent() if before is None else AtVersion(b"v")),
        None if before is None else record(key, b"v", mapper, **before),
        None if after is None else record(key, b"w", mapper, **after),
    )


def compiled(*writes: EntityWrite, new: frozenset[str] = frozenset(), **plan: Any) -> Any:
    """The call for these writes."""
    made, _ = make_plan(writes, **plan)
    return compile_plan(made, Placements(Keyspace(b"{s}")), b"{s}#lane/L", new)


def sections(arguments: Arguments) -> list[list[Any]]:
    """The arguments section by section, without their counts."""
    words = iter(arguments)

    def take(count: int | None = None) -> list[Any]:
        return [next(words) for _ in range(next(words) if count is None else count)]

    types = [take(2) for _ in range(next(words))]
    schema = [take(4) for _ in range(next(words))]
    absent = take()
    versions = [take(2) for _ in range(next(words))]
    fields = []
    for _ in range(next(words)):
        at, names = next(words), take()
        fields.append([at, names, take(len(names))])
    sequences = [take(2) for _ in range(next(words))]
    claims = []
    for _ in range(next(words)):
        at, values = next(words), take()
        claims.append([at, values, take(len(values))])
    records = []
    for _ in range(next(words)):
        names = take()
        records.append([names, [[next(words), *take(len(names))] for _ in range(next(words))]])
    commands = [[next(words), next(words), *take()] for _ in range(next(words))]
    assert [] == list(words)
    return [types, schema, absent, versions, fields, sequences, claims, records, commands]


def test_a_whole_call():
    """An insert, an update, a deletion and a change under `conflict="fields"`; the order counts."""
    call, arguments = compiled(
        write(1, None, {"name": "Ann", "email": "a", "tags": ["x", "y"]}),
        write(2, {"name": "Bob", "email": "b", "age": 5}, {"name": "Bob", "email": "c"}),
        write(3, {"name": "Cid", "tags": ["x"]}, None),
        write(4, {"name": "Dan"}, {"name": "Dora"}, AtFields(((b"name", b"Dan"), (b"age", None)))),
        sequences=((USERS, 1),),
        new=frozenset({"User"}),
    )
    keys = [
        b"{s}#lane/L",
        b"{s}#schema",
        b"{s}:User:1",
        b"{s}:User:2",
        b"{s}:User:3",
        b"{s}:User:4",
        b"{s}:User/by_email",
        b"{s}:User",
        b"{s}:User/by_age",
        b"{s}:User/by_tag/x\0\1",
        b"{s}:User/by_tag/y\0\1",
        b"{s}#sequence/User",
    ]
    assert keys == list(call.keys)
    none, five = b"\0\0\1", b"\x81\x05\0\1"
    one, two, three = b"\x811", b"\x812", b"\x813"
    expected = [
        [[8, "zset"], [9, "zset"], [10, "set"], [11, "set"], [7, "hash"], [12, "string"]],
        [["User", USERS.fingerprint, 8, 1]],
        [3],
        [[4, b"v"], [5, b"v"]],
        [[6, [b"name", b"age"], [b"=Dan", b""]]],
        [[12, 1]],
        [[7, [b"a\0\1", b"c\0\1"], [b"", b""]]],
        [
            [[b"name", b"email", b"tags", b"@"], [[3, b"Ann", b"a", b'["x","y"]', b"w"]]],
            [[b"email", b"@"], [[4, b"c", b"w"]]],
            [[b"name", b"@"], [[6, b"Dora", b"w"]]],
        ],
        [
            ["ZADD", 8, b"0", one],
            ["ZADD", 9, b"0", none + one, b"0", none + two],
            ["SADD", 10, b"1"],
            ["SADD", 11, b"1"],
            ["HDEL", 4, b"age"],
            ["ZREM", 9, five + two, none + three],
            ["DEL", 5],
            ["ZREM", 8, three],
            ["SREM", 10, b"3"],
            ["HDEL", 7, b"b\0\1"],
            ["HSET", 7, b"a\0\1", b"1", b"c\0\1", b"2"],
            ["HSET", 2, "User", USERS.fingerprint, "User:indexes", USERS.description],
        ],
    ]
    assert expected == sections(arguments)


def test_every_declared_key_has_a_type():
    """What is asked when the server says that one holds another."""
    call, _ = compiled(write(1, None, {"email": "a", "tags": ["x"]}), sequences=((USERS, 1),))
    expected = {
        b"{s}#lane/L": "string",
        b"{s}#schema": "hash",
        b"{s}:User:1": "hash",
        b"{s}:User": "zset",
        b"{s}:User/by_age": "zset",
        b"{s}:User/by_tag/x\0\1": "set",
        b"{s}:User/by_email": "hash",
        b"{s}#sequence/User": "string",
    }
    assert expected == call.expected


def test_a_known_schema_is_checked_and_not_written():
    """Its description goes along only once."""
    _, arguments = compiled(write(1, None, {}))
    assert [["User", USERS.fingerprint, 4, 0]] == sections(arguments)[1]
    assert USERS.description not in arguments
    assert json.loads(USERS.description)


def test_records_of_one_shape_name_their_fields_once():
    """Whatever their mappers."""
    _, arguments = compiled(
        write(1, None, {"name": "a"}), write(2, None, {"name": "b"}), write(3, None, {"age": 1})
    )
    shapes = [(names, len(rows)) for names, rows in sections(arguments)[7]]
    assert [([b"name", b"tags", b"@"], 2), ([b"name", b"age", b"tags", b"@"], 1)] == shapes


def test_entries_on_one_key_are_one_command():
    """With all of their members."""
    _, arguments = compiled(*(write(key, None, {"tags": ["x"]}) for key in range(1, 4)))
    commands = {(name, key): len(words) for name, key, *words in sections(arguments)[8]}
    assert [("ZADD", 6), ("ZADD", 6), ("SADD", 3)] == [
        (name, size) for (name, _), size in commands.items()
    ]


def test_long_commands_come_in_runs():
    """Lua can not take more at once; scores and members stay together."""
    _, arguments = compiled(*(write(key, None, {}, mapper="Bare") for key in range(1, 3001)))
    runs = [words for name, _, *words in sections(arguments)[8] if name == "ZADD"]
    assert [RUN, 2000] == [len(run) for run in runs]
    assert {b"0"} == {word for run in runs for word in run[::2]}


def test_long_claims_come_in_runs():
    """Their positions count on."""
    call, arguments = compiled(*(write(key, None, {"email": f"{key}"}) for key in range(1, 5002)))
    assert [RUN, 1001] == [len(values) for _, values, _ in sections(arguments)[6]]
    assert list(range(5001)) == [claim.position for claim in call.claimed]


def test_a_claim_names_the_owner_that_gives_it_up():
    """Only from that one it may be taken."""
    _, arguments = compiled(
        write(1, {"email": "a"}, {"email": "b"}), write(2, {"email": "b"}, {"email": "a"})
    )
    assert [[b"b\0\1", b"a\0\1"], [b"=2", b"=1"]] == sections(arguments)[6][0][1:]


def test_long_values_are_compared_in_pieces():
    """As they are stored; and that they end there."""
    value = b"x" * 64
    _, arguments = compiled(
        write(1, {"name": "x" * 64}, {"name": "y"}, AtFields(((b"name", value),)))
    )
    assert [[[b"name", b"name:1"], [b"=" + value, b""]]] == [
        each[1:] for each in sections(arguments)[4]
    ]


def test_pieces_that_are_no_more_are_removed():
    """A shorter value leaves none behind."""
    _, arguments = compiled(write(1, {"name": "x" * 200}, {"name": "x" * 65}))
    removed = [words for name, _, *words in sections(arguments)[8] if name == "HDEL"]
    assert [[b"name:2", b"name:3"]] == removed


def test_an_index_whose_fields_are_the_same_is_not_touched():
    """Nor is the listing."""
    _, arguments = compiled(write(1, {"name": "a", "tags": ["x"]}, {"name": "b", "tags": ["x"]}))
    assert [] == sections(arguments)[8]


# --- what logs must not show -----------------------------------------------------------------


@pytest.mark.parametrize(
    "update",
    [
        write(1, None, {"pin": "hush"}, mapper="Secret"),
        write(1, {"pin": "hush"}, None, mapper="Secret"),
        write(1, {"pin": "hush"}, {"pin": "hush2"}, mapper="Secret"),
        write(1, None, {"pin": "hush" * 50}, mapper="Secret"),
        write(
            1, {"pin": "hush"}, {"pin": "hush2"}, AtFields(((b"pin", b"hush"),)), mapper="Secret"
        ),
        write(1, None, {"pin": "hush"}, mapper="Bare"),
    ],
    ids=["insert", "delete", "update", "long", "fields", "without an index"],
)
def test_every_word_with_a_hidden_value_is_hidden(update: EntityWrite):
    """Records, checks, claims, members and keys."""
    call, arguments = compiled(update)
    words = [*call.keys, *arguments]
    assert [] == [
        word for word in words if b"hush" in str(word).encode() and word not in call.hidden
    ]


def test_what_is_not_hidden_is_shown():
    """The rest of such a call."""
    call, _ = compiled(write(1, None, {"name": "Ann", "pin": "hush"}, mapper="Secret"))
    assert b"Ann" not in call.hidden


# --- the answer ------------------------------------------------------------------------------

WRITES = (
    write(1, None, {"email": "a"}),
    write(2, {"email": "b"}, {"email": "c"}),
    write(3, None, {"email": "d"}),
    write(4, {"age": 1}, {"age": 2}, AtFields(((b"age", b"1"),))),
)
CALL: Compiled = compiled(*WRITES)[0]
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
    assert (expected,) == refusals_of(CALL, [violation])


def test_violations_come_in_the_order_of_the_plan():
    """Those of records first, then those of claims: as in memory, so that the same is raised."""
    violations = [
        [b"exists", 2, STORED],
        [b"version", 1, []],
        [b"fields", 1, []],
        [b"taken", 3, b"9"],
        [b"taken", 1, b"8"],
    ]
    found = [(each.position, each.kind) for each in refusals_of(CALL, violations)]
    assert [(1, "gone"), (2, "exists"), (3, "gone"), (0, "taken"), (2, "taken")] == found


def test_a_foreign_key_is_named():
    """Before any refusal; with what it holds and what to do."""
    at = list(CALL.keys).index(b"{s}:User/by_age") + 1
    with pytest.raises(ForeignType) as refused:
        refusals_of(CALL, [[b"exists", 1, STORED], [b"foreign", b"%d" % at, b"list"]])
    expected = (
        "b'{s}:User/by_age' holds a list, which redmapper did not put there; "
        "nothing was written; remove or rename it"
    )
    assert expected == str(refused.value)


def test_a_plan_of_nothing_is_an_empty_call():
    """Every section is there."""
    _, arguments = compile_plan(
        FlushPlan(()), Placements(Keyspace(b"{s}")), b"{s}#lane/L", frozenset()
    )
    assert [0] * 9 == arguments
