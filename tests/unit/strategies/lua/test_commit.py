"""A flush plan as the call of `commit.lua`, literally."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import attrs
import pytest

from redmapper import Field, Key, Lookup, Mapper, MapperRegistry, Ordered, Unique
from redmapper.mapping.columns import Record
from redmapper.mapping.mapped import MappedClass
from redmapper.strategies.lua.calls import CommitCall
from redmapper.strategies.lua.commit import Members, compile_plan
from redmapper.strategies.lua.entries import Places
from redmapper.strategies.lua.keys import Keyspace
from redmapper.strategies.lua.receipts import Lane
from redmapper.strategies.lua.scripts import COMMIT
from redmapper.strategies.lua.standings import EntryColumns
from redmapper.work.plan import (
    Absent,
    AtFields,
    AtVersion,
    EntityWrite,
    FlushPlan,
    make_plan,
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
    email = Field[str | None]()
    age = Field[int | None]()
    tags = Field[list[str]]()
    by_email = Unique(email)
    by_age = Ordered(age)
    by_tag = Lookup(tags)


class Bare(Mapper[User], name="Bare"):
    """Another one, without an index."""

    id = Key[int]()


@attrs.define
class Mark:
    """An entity whose key is a UUID."""

    name: str
    tags: list[str]
    id: UUID


class Marks(Mapper[Mark]):
    """Its mapper."""

    id = Key[UUID]()
    name = Field[str]()
    tags = Field[list[str]]()
    by_name = Unique(name)
    by_tag = Lookup(tags)


MARKS = MapperRegistry(Marks).mapped(Mark)
USERS = MapperRegistry(Users).mapped(User)
BARE = MapperRegistry(Bare).mapped(User)
MAPPED = {"User": USERS, "Bare": BARE}
Read = Callable[[CommitCall], Any]


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


THROUGH = Lane("L", b"{s}#lane/L", 1, "unit")


def compiled(
    *writes: EntityWrite, new: frozenset[MappedClass] = frozenset(), **plan: Any
) -> CommitCall:
    """The call for these writes."""
    made, _ = make_plan(writes, **plan)
    return compile_plan(made, Places(Keyspace(b"{s}")), THROUGH, new)


NONE = b"\xfd"


def test_a_whole_call(sections: Read):
    """An insert, an update, a deletion and a change under `conflict="fields"`; the order counts."""
    call = compiled(
        write(1, None, {"name": "Ann", "email": "a", "tags": ["x", "y"]}),
        write(2, {"name": "Bob", "email": "b", "age": 5}, {"name": "Bob", "email": "c"}),
        write(3, {"name": "Cid", "tags": ["x"]}, None),
        write(4, {"name": "Dan"}, {"name": "Dora"}, AtFields(((b"name", b"Dan"), (b"age", None)))),
        sequences=((USERS, 1),),
        new=frozenset({USERS}),
    )
    keys = [
        b"{s}#lane/L",
        b"{s}#schema",
        b"{s}#nothing",
        b"{s}:User",
        b"{s}:User:1",
        b"{s}:User:2",
        b"{s}:User:3",
        b"{s}:User:4",
        b"{s}#sequence/User",
        b"{s}:User/by_email",
        b"{s}:User/by_tag/y\0\1",
        b"{s}:User/by_tag/x\0\1",
        b"{s}:User/by_age",
    ]
    assert (COMMIT, keys) == (call.command.script, call.keys)
    one, two, three = b"\x811", b"\x812", b"\x813"
    description = ["User", USERS.fingerprint, "User:indexes", USERS.description]
    expected = {
        "minutes": 60,
        "schema": [[4, 1, "User", USERS.fingerprint]],
        "absent": [1, 5],
        "versions": [2, 6, [b"v", b"v"]],
        "fields": [[8, [b"name", b"age"], [b"=Dan", b""]]],
        "sequences": [[9, 1]],
        "entities": [[b"1", b"2", b"3", b"4"], [one, b"", three, b""]],
        "owners": [[10, {b"a\0\1": b"1", b"c\0\1": b"2"}, {}, [b"b\0\1"]]],
        "single": [11, [one]],
        "sets": [[[one], [three]]],
        "sorted": [
            [4, {one: b"0"}, []],
            [13, {NONE + one: b"-inf"}, []],
            [13, {NONE + two: b"-inf"}, [two]],
            [4, {}, [three]],
            [13, {}, [NONE + three]],
        ],
        "records": [
            [5, [b"name", b"email", b"tags", b"@"], [[b"Ann", b"a", b'["x","y"]', b"w"]]],
            [6, [b"email", b"@"], [[b"c", b"w"]]],
            [7, [], [[]]],
            [8, [b"name", b"@"], [[b"Dora", b"w"]]],
        ],
        "commands": [[6, "HDEL", [b"age"]], [2, "HSET", description]],
    }
    assert expected == sections(call)._asdict()


def test_the_words_of_a_call():
    """As they are sent: the integers as one, then those that they speak of."""
    call = compiled(write(1, None, {"name": "a"}, mapper="Bare"))
    checks = [60, 1, 4, 0, 1, 5, 0, 6, 0, 0, 0, 0, 0, 0]
    writes = [0, 6, 0, 1, 4, 0, 1, 0, 1, 3, 1, 5, 1, 1, 1, 0]
    assert b"\xdc\0\x1e" + bytes(checks + writes) == call.arguments[0]
    names, values = [b"name", b"tags", b"@"], [b"a", b"[]", b"w"]
    assert ["Bare", BARE.fingerprint, b"\x811", *names, *values] == call.arguments[1:]


def test_every_declared_key_has_a_type():
    """What is asked when the server says that one holds another."""
    call = compiled(write(1, None, {"email": "a", "tags": ["x"]}), sequences=((USERS, 1),))
    expected = {
        b"{s}#lane/L": "string",
        b"{s}#schema": "hash",
        b"{s}#nothing": "hash",
        b"{s}:User": "zset",
        b"{s}:User:1": "hash",
        b"{s}#sequence/User": "string",
        b"{s}:User/by_email": "hash",
        b"{s}:User/by_tag/x\0\1": "set",
        b"{s}:User/by_age": "zset",
    }
    assert expected == call.types()


def test_a_known_schema_is_checked_and_not_written(sections: Read):
    """Its description goes along only once."""
    call = compiled(write(1, None, {}))
    assert [[4, 0, "User", USERS.fingerprint]] == sections(call).schema
    assert [] == sections(call).commands
    assert USERS.description not in call.arguments
    assert json.loads(USERS.description)


def test_only_a_new_schema_is_written(sections: Read):
    """Of two mappers in one call."""
    writes = write(1, None, {}), write(2, None, {}, mapper="Bare")
    found = sections(compiled(*writes, new=frozenset({BARE})))
    assert [("User", 0), ("Bare", 1)] == [(name, new) for _, new, name, _ in found.schema]
    assert [("HSET", "Bare")] == [(command, words[0]) for _, command, words in found.commands]


def test_the_mappers_of_a_call_are_those_of_its_schema_section(sections: Read):
    """In its order, which violations count by."""
    call = compiled(write(1, None, {}, mapper="Bare"), write(2, None, {}), write(3, None, {}))
    assert [BARE, USERS] == call.mappers
    assert ["Bare", "User"] == [name for _, _, name, _ in sections(call).schema]


def test_records_of_one_shape_name_their_fields_once(sections: Read):
    """Whatever stands in them."""
    call = compiled(
        write(1, None, {"name": "a"}), write(2, None, {"name": "b"}), write(3, None, {"age": 1})
    )
    shapes = [(names, len(rows)) for _, names, rows in sections(call).records]
    assert [([b"name", b"tags", b"@"], 2), ([b"name", b"age", b"tags", b"@"], 1)] == shapes


def test_records_of_one_shape_stand_side_by_side(sections: Read):
    """In KEYS, from the first one on; in whatever order the plan has them."""
    call = compiled(
        write(1, None, {"name": "a"}), write(2, None, {"age": 1}), write(3, None, {"name": "b"})
    )
    first, _, rows = sections(call).records[0]
    assert [b"{s}:User:1", b"{s}:User:3"] == call.keys[first - 1 : first - 1 + len(rows)]
    assert [b"a", b"b"] == [row[0] for row in rows]


@pytest.mark.parametrize(
    "others",
    [
        (write(2, None, {"name": "b"}, mapper="Bare"),),
        (write(2, {"age": 1}, {"age": 2}), write(3, {"age": 1}, None)),
        (write(2, {"name": "a"}, {"name": "b"}, AtFields(((b"name", b"a"),))),),
    ],
    ids=["mapper", "new or not", "check"],
)
def test_writes_that_differ_are_not_of_one_shape(sections: Read, others: tuple[EntityWrite, ...]):
    """In their mapper, in whether they come or go, in how they are checked."""
    call = compiled(write(1, None, {"name": "a"}), *others)
    assert [1] * (len(others) + 1) == [len(rows) for _, _, rows in sections(call).records]


def test_records_that_go_name_no_fields(sections: Read):
    """They go in one run, whatever stood in them."""
    call = compiled(write(1, {"age": 1}, None), write(2, {"name": "x" * 200}, None))
    assert [[5, [], [[], []]]] == sections(call).records


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"age": 1}, [[], []]),
        ({"email": "a"}, [[b"1"], []]),
        ({"tags": ["x"]}, [[], [b"\x811"]]),
        ({"email": "a", "tags": ["x"]}, [[b"1"], [b"\x811"]]),
    ],
    ids=["neither", "claims", "sets", "both"],
)
def test_keys_are_said_for_claims_and_tails_for_sets(sections: Read, values: Any, expected: Any):
    """Where positions speak of them."""
    assert expected == sections(compiled(write(1, {}, values))).entities


def test_keys_that_are_their_own_tails_are_said_once(sections: Read):
    """Those of one width: owners and members are the same words then."""
    key = b"00000000-0000-0000-0000-000000000001"
    token = MARKS.encode(Mark("a", ["x"], UUID(key.decode())), key) | {b"@": b"w"}
    found = sections(compiled(EntityWrite.of(MARKS, key, Absent(), None, token)))
    assert [[key], []] == found.entities
    assert ([key], {b"a\0\1": key}) == (found.single[1], found.owners[0][1])


def test_entries_on_one_key_go_together(sections: Read):
    """With all of their members."""
    found = sections(compiled(*(write(key, None, {"tags": ["x"]}) for key in range(1, 4))))
    assert [3, 3] == [len(come) for _, come, _ in found.sorted]
    assert [[[b"\x811", b"\x812", b"\x813"], []]] == found.sets


def test_a_set_that_gets_one_member_is_said_without_a_count(sections: Read):
    """Most values of a `Lookup` are those of one entity."""
    call = compiled(write(1, None, {"tags": ["x", "y"]}), write(2, None, {"tags": ["y", "z"]}))
    first, members = sections(call).single
    keys = [b"{s}:User/by_tag/" + value + b"\0\1" for value in (b"x", b"z", b"y")]
    assert [b"\x811", b"\x812"] == members
    assert keys == call.keys[first - 1 : first + 2]


def test_a_set_that_gets_one_and_loses_another_is_said_whole(sections: Read):
    """Both at once."""
    call = compiled(write(1, {"tags": ["x"]}, None), write(2, None, {"tags": ["x"]}))
    assert ([], [[[b"\x812"], [b"\x811"]]]) == (sections(call).single[1], sections(call).sets)


def test_many_members_of_one_key_are_said_once(sections: Read):
    """The script cuts them into runs that Lua can take."""
    call = compiled(*(write(key, None, {}, mapper="Bare") for key in range(1, 9001)))
    assert [9000] == [len(come) for _, come, _ in sections(call).sorted]


def test_many_claims_of_one_index_are_said_once(sections: Read):
    """Their positions count on."""
    call = compiled(*(write(key, None, {"email": f"{key}"}) for key in range(1, 9002)))
    assert [9001] == [len(owners) for _, owners, _, _ in sections(call).owners]
    assert list(range(9001)) == [claim.position for claim in call.claimed]


def test_a_claim_names_the_owner_that_gives_it_up(sections: Read):
    """Only from that one it may be taken."""
    call = compiled(
        write(1, {"email": "a"}, {"email": "b"}), write(2, {"email": "b"}, {"email": "a"})
    )
    gets, now = {b"b\0\1": b"1", b"a\0\1": b"2"}, {b"b\0\1": b"2", b"a\0\1": b"1"}
    assert [[gets, now, []]] == [each[1:] for each in sections(call).owners]


def test_a_value_that_nobody_takes_is_lost(sections: Read):
    """Beside one that is taken."""
    call = compiled(
        write(1, {"email": "a"}, {"email": None}),
        write(2, {"email": "b"}, {"email": "a"}),
        write(3, None, {"email": "c"}),
    )
    gets = {b"a\0\1": b"2", b"c\0\1": b"3"}
    assert [[gets, {b"a\0\1": b"1"}, [b"b\0\1"]]] == [each[1:] for each in sections(call).owners]


def test_long_values_are_compared_in_pieces(sections: Read):
    """As they are stored; and that they end there."""
    value = b"x" * 64
    call = compiled(write(1, {"name": "x" * 64}, {"name": "y"}, AtFields(((b"name", value),))))
    assert [[[b"name", b"name:1"], [b"=" + value, b""]]] == [
        each[1:] for each in sections(call).fields
    ]


def test_long_values_are_written_in_pieces(sections: Read):
    """As fields of their own."""
    call = compiled(write(1, None, {"name": "x" * 65}))
    expected = [[b"name", b"tags", b"@", b"name:1"], [[b"x" * 64, b"[]", b"w", b"x"]]]
    assert [expected] == [each[1:] for each in sections(call).records]


def test_pieces_that_are_no_more_are_removed(sections: Read):
    """A shorter value leaves none behind."""
    call = compiled(write(1, {"name": "x" * 200}, {"name": "x" * 65}))
    assert [[5, "HDEL", [b"name:2", b"name:3"]]] == sections(call).commands


def test_fields_are_removed_from_each_record_of_a_group(sections: Read):
    """By a command of its own."""
    call = compiled(*(write(key, {"age": key}, {}) for key in (1, 2)))
    assert [[5, "HDEL", [b"age"]], [6, "HDEL", [b"age"]]] == sections(call).commands


def test_an_index_whose_fields_are_the_same_is_not_touched(sections: Read):
    """Nor is the listing."""
    call = compiled(write(1, {"name": "a", "tags": ["x"]}, {"name": "b", "tags": ["x"]}))
    found = sections(call)
    assert ([], [], [], []) == (found.owners, found.single[1], found.sets, found.sorted)
    assert [b"{s}:User", b"{s}:User:1"] == call.keys[3:]


def test_what_is_the_same_in_all_records_is_said_once(sections: Read):
    """As the version is; what differs is said for each."""
    call = compiled(*(write(key, None, {"name": "a", "age": key}) for key in range(1, 4)))
    values = [b"a", b"1", b"2", b"3", b"[]", b"w"]
    assert values == call.arguments[-len(values) :]
    rows = [[b"a", age, b"[]", b"w"] for age in (b"1", b"2", b"3")]
    assert rows == sections(call).records[0][2]


def test_what_is_the_same_at_both_ends_is_not_the_same_in_all(sections: Read):
    """Each record is asked."""
    call = compiled(*(write(key, None, {"name": "a" if key != 2 else "b"}) for key in (1, 2, 3)))
    assert [b"a", b"b", b"a"] == [row[0] for row in sections(call).records[0][2]]


def test_one_version_of_all_is_said_once(sections: Read):
    """As where one commit has written them."""
    call = compiled(*(write(key, {"name": "a"}, {"name": "b"}) for key in (1, 2, 3)))
    assert 1 == call.arguments.count(b"v")
    assert [3, 5, [b"v"] * 3] == sections(call).versions


def test_each_version_is_said_where_they_differ(sections: Read):
    """In the order of the records."""
    versions = [b"x", b"y", b"x"]
    call = compiled(
        *(
            write(key, {"name": "a"}, {"name": "b"}, AtVersion(version))
            for key, version in enumerate(versions, 1)
        )
    )
    assert [3, 5, versions] == sections(call).versions


def test_records_with_other_numbers_of_pieces_are_not_of_one_shape(sections: Read):
    """Whether one piece or several; each stands under its own key."""
    sizes = [64, 65, 1, 129, 128, 513]
    call = compiled(*(write(key, None, {"name": "x" * size}) for key, size in enumerate(sizes)))
    pieces = {0: [64], 2: [1], 5: [513], 1: [64, 1], 4: [64, 64], 3: [64, 64, 1]}
    found = {
        call.keys[first - 1 + at]: [len(v) for n, v in zip(names, row, strict=True) if b"n" in n]
        for first, names, rows in sections(call).records
        for at, row in enumerate(rows)
    }
    assert {b"{s}:User:%d" % key: sizes for key, sizes in pieces.items()} == found
    assert 3 == len(sections(call).records)


def test_a_change_of_a_long_value_moves_its_pieces(sections: Read):
    """Beside changes of short ones, which are of another shape."""
    call = compiled(
        write(1, {"name": "a"}, {"name": "b"}),
        write(2, {"name": "a"}, {"name": "x" * 65}),
        write(3, {"name": "x" * 65}, {"name": "c"}),
    )
    found = {call.keys[first - 1]: rows for first, _, rows in sections(call).records}
    expected = {
        b"{s}:User:1": [[b"b", b"w"]],
        b"{s}:User:2": [[b"x" * 64, b"w", b"x"]],
        b"{s}:User:3": [[b"c", b"w"]],
    }
    assert expected == found
    assert [[7, "HDEL", [b"name:1"]]] == sections(call).commands


# --- what moves in an index ------------------------------------------------------------------


def by_age(found: Any) -> list[Any]:
    """Of the sorted sets, what moves in that of ages."""
    return [[come, go] for _, come, go in found.sorted if come or go]


def test_a_number_that_changes_is_another_score(sections: Read):
    """Of the same member."""
    found = sections(compiled(write(1, {"age": 5}, {"age": 0})))
    assert [[{b"\x811": b"0"}, []]] == by_age(found)


def test_a_member_that_stays_neither_comes_nor_goes(sections: Read):
    """That of the other entities of the group does."""
    writes = (_changing(1, b"5", b"5"), _changing(2, b"5", b"6"))
    found = sections(compiled(*writes))
    assert [[{b"\x812": b"6"}, []]] == by_age(found)


def _changing(key: int, before: bytes, after: bytes) -> EntityWrite:
    """A user whose age is written, whether it is another or not."""
    base, changes = record(key, b"v", age=5), {b"age": after, b"@": b"w"}
    base[b"age"] = before
    return EntityWrite(USERS, b"%d" % key, AtVersion(b"v"), base, {**base, **changes}, changes)


def test_a_key_stays_in_the_sets_of_values_that_stay(sections: Read):
    """Only the difference is said."""
    call = compiled(write(1, {"tags": ["a", "b"]}, {"tags": ["b", "c"]}))
    first, members = sections(call).single
    keys = [b"{s}:User/by_tag/" + value + b"\0\1" for value in (b"c", b"a")]
    assert (keys, [b"\x811"]) == (call.keys[first - 1 : first + 1], members)
    assert [[[], [b"\x811"]]] == sections(call).sets


def test_the_same_values_in_another_order_change_nothing(sections: Read):
    """A set has none."""
    found = sections(compiled(write(1, {"tags": ["a", "b"]}, {"tags": ["b", "a"]})))
    assert ([], []) == (found.single[1], found.sets)


def test_a_plan_of_nothing_is_an_empty_call(sections: Read):
    """Every section is there."""
    call = compile_plan(FlushPlan(()), Places(Keyspace(b"{s}")), THROUGH, frozenset())
    assert [0, 4] == sections(call).absent
    checks, writes = [60, 0, 0, 4, 0, 4, 0, 0, 0, 0, 0], [0, 0, 4, 0, 0, 0, 0]
    assert checks + writes == list(call.arguments[0][3:])
    assert 1 == len(call.arguments)


def test_members_of_sets_are_put_together():
    """Those of one column, of several columns, and of several groups."""
    members = Members()
    members.put_all(EntryColumns([[b"x", b"y"], [b"z", b"z"]], [], [], []), [1, 2])
    members.put_all(EntryColumns([[b"x", b"u"]], [[[b"u"], [b"v", b"y"]]], [], []), [3, 4])
    expected = {b"x": [1, 3], b"y": [2, 4], b"z": [1, 2], b"u": [4, 3], b"v": [4], b"w": []}
    assert expected == {key: members.of(key) for key in expected}


def test_new_entities_whose_values_have_other_pieces_are_groups(sections: Read):
    """Each keeps its own key, value and place in the plan."""
    names = ["a" * 64, "b" * 65, "c", "d" * 129, "e" * 66]
    call = compiled(*[write(at, None, {"name": name}) for at, name in enumerate(names, 1)])
    found = {}
    for first, fields, rows in sections(call).records:
        for at, row in enumerate(rows, first - 1):
            pieces = [value for field, value in zip(fields, row, strict=True) if b"name" in field]
            found[call.keys[at]] = b"".join(pieces).decode()
    assert {b"{s}:User:%d" % at: name for at, name in enumerate(names, 1)} == found
    assert sorted(call.checked[Absent]) == list(range(len(names)))
    assert [list(found)[at] for at in range(5)] == [
        b"{s}:User:%d" % (position + 1) for position in call.checked[Absent]
    ]
