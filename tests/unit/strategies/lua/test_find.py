"""Selections answered from index entries, with the server's answers given by hand."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs
import pytest
from told import ToldWay, told_ways

from redmapper import (
    Field,
    Key,
    Lookup,
    Mapper,
    MapperRegistry,
    NoIndex,
    Ordered,
    Predicate,
    SchemaMismatch,
    Unique,
)
from redmapper.mapping.mapped import MappedClass
from redmapper.mapping.ordering import order_datetime, order_decimal, order_int, successor
from redmapper.mapping.predicates import And
from redmapper.query.selection import Order, Position, Row, Selection
from redmapper.query.spans import NAN
from redmapper.strategies.lua.find import CANDIDATES, ROWS, WORK, Finder, sort_rows
from redmapper.strategies.lua.keys import Keyspace
from redmapper.testing import drive
from redmapper.wire import Batch


@attrs.define
class User:
    """An entity."""

    name: str = ""
    age: int | None = None
    team: str | None = None
    email: str | None = None
    day: bool = False
    pin: str | None = attrs.field(default=None, repr=False)
    rank: Decimal | None = None
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    name = Field[str]()
    age = Field[int | None]()
    team = Field[str | None]()
    email = Field[str | None]()
    day = Field[bool]()
    pin = Field[str | None]()
    rank = Field[Decimal | None]()

    by_age = Ordered(age)
    mixed = Ordered(name, day, team.desc())
    by_team = Lookup(team)
    by_email = Unique(email)
    by_pin = Lookup(pin)
    by_rank = Ordered(rank)


@attrs.define
class Word:
    """An entity whose key is text."""

    id: str


class Words(Mapper[Word]):
    """Its mapper."""

    id = Key[str]()


@attrs.define
class Event:
    """An entity with a time."""

    id: int
    at: datetime | None = None
    kind: str = ""


class Events(Mapper[Event]):
    """In the order of the times."""

    id = Key[int]()
    at = Field[datetime | None]()
    kind = Field[str]()

    by_at = Ordered(at)
    by_kind = Lookup(kind)


MAPPED: MappedClass = MapperRegistry(Users).mapped(User)
SPACE = Keyspace(b"{s}")
FINDER = Finder(SPACE)
NONE = b"\0\0\1"


def selected(*where: Predicate, order: tuple[Any, ...] = (), **options: Any) -> Selection:
    """A selection of all these conditions."""
    condition = where[0] if len(where) == 1 else And(where) if where else None
    return Selection(MAPPED, condition, order, **options)


def row(key: int, **attributes: Any) -> dict[bytes, bytes]:
    """The record of a user."""
    return MAPPED.encode(User(**attributes), b"%d" % key)


def answer(
    *rows: dict[bytes, bytes],
    kind: bytes = b"rows",
    source: int = 0,
    cursor: bytes = b"",
    picked: int = 1,
) -> list[Any]:
    """What the script answers: keys, and their records."""
    keys = [each[b"id"] for each in rows]
    hashes = [
        [word for name, value in each.items() if name != b"id" for word in (name, value)]
        for each in rows
    ]
    records = hashes if kind == b"rows" else []
    picks = list(range(1, picked + 1))
    return [[kind, 1, len(rows), 0, source, cursor, picks, keys, records]]


def counted(total: int, source: int = 0, cursor: bytes = b"") -> list[Any]:
    """What it answers when rows are counted."""
    return [[b"count", 1, total, 0, source, cursor, [1], total, []]]


def keys_of(rows: Any) -> list[bytes]:
    """The keys of rows."""
    return [key for key, _ in rows]


def unpacked(data: bytes) -> list[int | str]:
    """What is packed in one word: integers, short words."""
    found: list[int | str] = []
    at = 3
    while at < len(data):
        head, at = data[at], at + 1
        if 0xA0 <= head < 0xC0:
            found.append(data[at : at + head - 0xA0].decode())
            at += head - 0xA0
        elif head == 0xCD:
            found.append(int.from_bytes(data[at : at + 2]))
            at += 2
        else:
            assert head < 128 or head == 255
            found.append(head if head < 128 else -1)
    assert int.from_bytes(data[1:3]) == len(found)
    return found


def words(batch: Batch) -> tuple[list[Any], list[Any]]:
    """The keys, and the arguments, of the script called: the header, terms, and all other words.

    Without what is told of ways, for which there is `ways`.
    """
    keys, arguments = called(batch)
    if arguments[4] != "size":
        arguments[10:12] = unpacked(arguments[10])
    return keys, arguments


def called(batch: Batch) -> tuple[list[Any], list[Any]]:
    """The keys and the arguments; numbers of rows are sent as their digits."""
    (command,) = batch.commands
    assert command.script is not None
    assert "find" == command.script.name
    keys, arguments = command.words[3 : 3 + command.keys], [*command.words[3 + command.keys :]]
    arguments[5:10] = [int(number) for number in arguments[5:10]]
    return [*keys], arguments


def ways(batch: Batch) -> list[ToldWay]:
    """The ways that are told."""
    return told_ways(*called(batch)).ways


def asked(selection: Selection) -> tuple[list[Any], list[Any]]:
    """The keys and arguments of its first call."""
    return words(first_of(selection))


def asked_paths(selection: Selection) -> list[list[Any]]:
    """The paths of the ways of its first call."""
    return [way.path for way in ways(first_of(selection))]


def first_of(selection: Selection) -> Batch:
    """The first call."""
    return drive(FINDER.find(selection), [answer()]).batches[0]


# --- what is asked ---------------------------------------------------------------------------


def test_a_set_is_asked():
    """All that is said, from the mapper to the one way; the schema and the listing come along."""
    batch = first_of(selected(Users.team == "a"))
    keys, arguments = words(batch)
    assert [b"{s}#schema", b"{s}:User", b"{s}:User/by_team/a\0\1"] == keys
    assert [
        *("User", MAPPED.fingerprint, b"{s}:User:", "int", "rows"),
        *(-1, -1, ROWS, CANDIDATES, WORK),
        *(0, 0),  # no stored names, no columns
        *(1, 0, "probe", 1, 3),  # one test, which reads no record
        *(0, 0, 0, 0),  # no order, key upward, from the start, none left out
        b"0",  # the cursor of the way
    ] == arguments
    (way,) = ways(batch)  # no walk, distinct, its price, makes test 1 needless, leaves none, short
    assert (0, 1, 3, [1], [], 1, ["set", 1, b"0", [keys[2]]]) == way


def test_owners_are_asked():
    """By their encoded values."""
    paths = asked_paths(selected(Users.email.in_(["a", "b"])))
    assert [["owners", 1, b"{s}:User/by_email", b"a\0\1", b"b\0\1"]] == paths


def test_owners_are_asked_in_runs():
    """Lua can not take more than some 8,000 at once."""
    emails = [f"{number:05}" for number in range(10_000)]
    ((word, sources),) = asked_paths(selected(Users.email.in_(emails)))
    sizes = [len(values) for _, _, _, *values in sources]
    assert ("any", 10_000, True) == (word, sum(sizes), max(sizes) <= 4_000)


def test_a_range_is_asked():
    """Half open; with the widths of its fields, so that the key is found behind them."""
    bounds = (b"[" + order_decimal(Decimal(5)), b"(" + order_decimal(Decimal(9)))
    paths = asked_paths(selected(Users.rank >= 5, Users.rank < 9))
    assert [["sorted", 1, b"{s}:User/by_rank", *bounds, 0, 0, [0]]] == paths


def test_a_range_without_an_end_is_asked():
    """To the last member."""
    (path,) = asked_paths(selected(Users.rank.not_none()))
    assert [b"[" + successor(NONE), b"+", 0, 0, [0]] == path[3:]


HUGE = 10**15


@pytest.mark.parametrize(
    ("condition", "cuts"),
    [
        (Users.age.between(5, 300), (b"5", b"(300")),
        (Users.age == -7, (b"-7", b"(-7")),
        (Users.age.is_none(), (b"-", b"(-inf")),
        (Users.age.not_none(), (b"(-inf", b"+")),
        (Users.age < HUGE, (b"(-inf", b"=1e300 \xfe" + order_int(HUGE))),
        (Users.age <= -HUGE, (b"(-inf", b"=-1e300 \xfe" + order_int(-HUGE)[:-1] + b"\2")),
        (Users.age > HUGE - 1, (b"(999999999999999", b"+")),
    ],
    ids=repr,
)
def test_a_range_of_scores_is_asked(condition: Predicate, cuts: tuple[bytes, bytes]):
    """Between two cuts: before a number, behind it, or before a member where it is no score."""
    paths = asked_paths(selected(condition))
    assert [["scored", 1, b"{s}:User/by_age", *cuts, 0, 0, [0]]] == paths


def events(*where: Predicate) -> Selection:
    """What meets all these conditions."""
    condition = where[0] if len(where) == 1 else And(where)
    return Selection(MapperRegistry(Events).mapped(Event), condition)


NAIVE, AWARE = datetime(2020, 1, 1), datetime(2020, 1, 1, tzinfo=UTC)
SCORE = 3_786_825_600_000_000
LATER = SCORE - 9 * 10**15
EARLY = datetime(1800, 1, 1)


@pytest.mark.parametrize(
    ("condition", "cuts"),
    [
        (Events.at < AWARE, (b"-0.5", b"%d" % SCORE)),
        (Events.at >= AWARE, (b"%d" % SCORE, b"+")),
        (Events.at == AWARE, (b"%d" % SCORE, b"%d" % (SCORE + 1))),
        (Events.at < NAIVE, (b"(-inf", b"%d" % LATER)),
        (Events.at > NAIVE, (b"%d" % (LATER + 1), b"-0.5")),
        (Events.at.between(NAIVE, datetime.max), (b"%d" % LATER, b"=-0.75 \xfe")),
        (Events.at >= EARLY, (b"=-1e300 \xfe" + order_datetime(EARLY), b"-0.5")),
        (Events.at.is_none(), (b"-", b"(-inf")),
        (Events.at.not_none(), (b"(-inf", b"+")),
    ],
    ids=repr,
)
def test_a_range_of_datetimes_is_asked(condition: Predicate, cuts: tuple[bytes, bytes]):
    """Between two scores, be it all naive or all aware ones; what lies beyond ends at a member."""
    low, high = cuts
    if high.endswith(b"\xfe"):
        high += successor(order_datetime(datetime.max)) or b""
    paths = asked_paths(events(condition))
    assert [["scored", 1, b"{s}:Event/by_at", low, high, 0, 0, [9]]] == paths


@pytest.mark.parametrize(
    ("condition", "test"),
    [
        (Events.at > NAIVE, "scored"),
        (Events.at == AWARE, "scored"),
        (Events.at.in_([AWARE]), "scored"),
        (Events.at.between(NAIVE, NAIVE), "scored"),
        (Events.at != NAIVE, "span"),
        (Events.at.in_([NAIVE, AWARE]), "span"),
        (Events.at.in_([None, AWARE]), "or"),
        (Events.at.is_none(), "none"),
    ],
    ids=repr,
)
def test_a_test_of_a_datetime_reads_records_where_it_has_no_cuts(condition: Predicate, test: str):
    """Its scores are not spelled as a record has it: they say what lies between two cuts alone."""
    keys, arguments = asked(events(Events.kind == "a", condition))
    scores = keys.index(b"{s}:Event/by_at") + 1 if test == "scored" else 0
    column = arguments.index("time")
    told = column + arguments[column:].index(test)
    assert ["time", 1, 0, scores] == arguments[column : column + 4]
    assert [int(test != "scored"), test] == arguments[told - 1 : told + 1]


def test_a_test_of_a_number_is_told_where_its_scores_are():
    """The sorted set is declared, and the way costs less than one that reads records."""
    keys, arguments = asked(selected(Users.team == "a", Users.age > 1))
    age = keys.index(b"{s}:User/by_age") + 1
    column = arguments.index("int", 4)
    assert ["int", 1, 0, age] == arguments[column : column + 4]


def test_widths_say_where_a_key_begins():
    """0: after 00 01; so many bytes; -1: after FF FE. The key descends as the last field does."""
    (path,) = asked_paths(selected(Users.name == "a"))
    assert [0, 1, [0, 1, -1]] == path[5:]


def test_the_listing_is_asked():
    """It is declared already."""
    by_key = selected(order=(Users.id.desc(),))
    assert [b"{s}#schema", b"{s}:User"] == asked(by_key)[0]
    assert [["sorted", 1, b"{s}:User", b"[", b"+", 1, 0, []]] == asked_paths(by_key)


@pytest.mark.parametrize(
    ("kind", "expected"), [(int, "int"), (str, "text"), (bytes, "text"), (UUID, "fixed")]
)
def test_the_form_of_the_keys_is_said(kind: type, expected: str):
    """The script must read them off the members."""
    domain = attrs.make_class("Thing", {"id": attrs.field(type=kind)})

    class Things(Mapper[domain]):
        id = Key[kind]()

    assert expected == asked(Selection(MapperRegistry(Things).mapped(domain)))[1][3]


def test_several_ranges_are_asked_in_the_order_of_the_walk():
    """Backward from the last."""
    ((_, sources),) = asked_paths(selected(Users.rank.in_([1, 2]), order=(Users.rank.desc(),)))
    lows = [b"[" + order_decimal(Decimal(each)) for each in (2, 1)]
    assert lows == [source[3] for source in sources]
    ((_, sources),) = asked_paths(selected(Users.age.in_([1, 2]), order=(Users.age.desc(),)))
    assert [[b"2", b"(2"], [b"1", b"(1"]] == [source[3:5] for source in sources]


def test_sets_that_must_all_have_a_key_meet():
    """One source of both; nothing is left to test."""
    way, *_ = ways(first_of(selected(Users.team == "a", Users.pin == "b")))
    sets = [b"{s}:User/by_team/a\0\1", b"{s}:User/by_pin/b\0\1"]
    assert (["set", 1, b"0", sets], []) == (way.path, way.left)


def test_the_limit_is_said():
    """How many are wanted at all, how many of this answer, how many of a walk."""
    assert [5, 5, 5] == asked(selected(order=(Users.age.asc(),), limit=5))[1][5:8]
    assert [5_000, 5_000, ROWS] == asked(selected(order=(Users.age.asc(),), limit=5_000))[1][5:8]


def test_what_python_must_judge_is_not_cut_by_the_script():
    """Nobody knows how many will pass."""
    late = Users.name.like("?" * 60)
    assert [5, -1, 25] == asked(selected(Users.age > 1, late, limit=5))[1][5:8]


def test_a_limit_of_nothing_asks_nothing():
    """There is nothing to find."""
    driven = drive(FINDER.find(selected(order=(Users.age.asc(),), limit=0)))
    assert ([], ()) == (driven.result, driven.batches)


def test_what_no_index_serves_is_refused():
    """Before anything is asked."""
    with pytest.raises(NoIndex):
        drive(FINDER.find(selected(Users.day == True)))  # noqa: E712 - a condition


@pytest.mark.parametrize(
    "selection",
    [
        selected(Users.pin == "hush"),
        selected(Users.team == "a", Users.pin != "hush"),
        selected(order=(Users.pin.asc(),), after=Position((b"hush",), b"1")),
    ],
    ids=repr,
)
def test_values_of_hidden_fields_are_not_shown_in_logs(selection: Selection):
    """Neither in keys nor in bounds, tests and positions."""
    (batch,) = drive(FINDER.find(selection), [answer()]).batches
    keys, arguments = words(batch)
    secret = [word for word in (*keys, *arguments) if b"hush" in str(word).encode()]
    assert secret
    assert set(secret) <= batch.hidden()


# --- what is made of the answers -------------------------------------------------------------


def test_rows_come_with_their_keys():
    """Put together from their pieces."""
    long = row(2, name="x" * 100)
    pieces = [b"name", long[b"name"][:64], b"name:1", long[b"name"][64:], b"day", b"0"]
    reply = [[b"rows", 1, 1, 1, 0, b"", [1], [b"2"], [pieces]]]
    driven = drive(FINDER.find(selected(Users.team == "a")), [reply])
    assert [(b"2", long)] == driven.result


def test_fields_come_with_their_keys():
    """Those that are there."""
    reply = [[b"fields", 1, 1, 1, 0, b"", [1], [b"2"], [[b"a", None]]]]
    selection = selected(Users.team == "a", fields=(b"name", b"team"))
    assert [(b"2", {b"name": b"a", b"id": b"2"})] == drive(FINDER.find(selection), [reply]).result


def test_fields_of_a_record_that_is_gone_are_left_out():
    """The script says so."""
    reply = [[b"fields", 1, 2, 0, 0, b"", [1], [b"1", b"2"], [None, [None, None]]]]
    selection = selected(Users.team == "a", fields=(b"name", b"team"))
    assert [(b"2", {b"id": b"2"})] == drive(FINDER.find(selection), [reply]).result


def test_a_row_that_is_gone_is_left_out():
    """An entry without its record is nobody."""
    reply = [[b"rows", 1, 2, 0, 0, b"", [1], [b"1", b"2"], [[], [b"name", b"a"]]]]
    driven = drive(FINDER.find(selected(Users.team == "a")), [reply])
    assert [b"2"] == keys_of(driven.result)


def test_all_rows_are_sorted_here():
    """The script sorts only to cut."""
    selection = selected(Users.team == "a", order=(Users.name.desc(),))
    rows = [row(key, name=name) for key, name in enumerate("abcd", start=1)]
    driven = drive(FINDER.find(selection), [answer(*rows)])
    assert [b"4", b"3", b"2", b"1"] == keys_of(driven.result)


def test_rows_without_an_order_come_by_key():
    """Keys are numbers."""
    rows = [row(key) for key in (10, 9, 100)]
    driven = drive(FINDER.find(selected(Users.team == "a")), [answer(*rows)])
    assert [b"9", b"10", b"100"] == keys_of(driven.result)
    down = selected(Users.team == "a", order=(Users.id.desc(),))
    assert [b"100", b"10", b"9"] == keys_of(drive(FINDER.find(down), [answer(*rows)]).result)


@pytest.mark.parametrize(("down", "expected"), [(False, "abc"), (True, "cba")], ids=repr)
def test_keys_of_text_are_in_order_as_they_are(down: bool, expected: str):  # noqa: FBT001 - a case
    """In both directions."""
    mapped = MapperRegistry(Words).mapped(Word)
    rows: list[Row] = [(key, {}) for key in (b"b", b"c", b"a")]
    sort_rows(rows, Order(key_descending=down), mapped)
    assert expected == b"".join(keys_of(rows)).decode()


def test_what_the_script_can_not_judge_is_judged_sorted_and_cut_here():
    """On whole records."""
    late = Users.name.like("?" * 60)
    selection = selected(Users.team == "a", late, order=(Users.age.desc(),), limit=1)
    rows = [row(1, name="x" * 60, age=1), row(2, name="x", age=9), row(3, name="y" * 60, age=5)]
    assert [b"3"] == keys_of(drive(FINDER.find(selection), [answer(*rows)]).result)


@pytest.mark.parametrize(
    ("field", "member", "expected"),
    [
        (Users.rank, b"member", [b"{s}:User/by_rank", b"(member", b"(" + NAN, 0, 0, [0]]),
        (Users.age, b"7 \x812", [b"{s}:User/by_age", b">7 \x812", b"+", 0, 0, [0]]),
    ],
    ids=["by members", "by scores"],
)
def test_a_walk_goes_on_where_it_stopped(field: Any, member: bytes, expected: list[Any]):
    """Until there are enough; only as many as are missing are asked for."""
    selection = selected(field > 1, order=(field.asc(),), limit=3)
    driven = drive(
        FINDER.find(selection),
        [answer(row(1), row(2), source=1, cursor=member), answer(row(3))],
    )
    assert [b"1", b"2", b"3"] == keys_of(driven.result)
    (way,) = ways(driven.batches[1])
    assert (1, "any") == (way.walks, way.path[0])
    assert [expected] == [path[2:] for path in way.path[1]]
    assert [3, 1, 1] == words(driven.batches[1])[1][5:8]


def test_a_walk_of_the_second_way_stays_on_it():
    """The script numbers the ways it is given, and further steps are given one alone."""
    selection = selected(Users.age > 1, limit=3)  # the range of by_age, or the listing in order
    driven = drive(
        FINDER.find(selection),
        [
            _by_the_second_way(answer(row(1), source=2, cursor=b"\x811")),
            answer(row(2), source=2, cursor=b"\x812", picked=2),
            answer(row(3)),
        ],
    )
    assert [b"1", b"2", b"3"] == keys_of(driven.result)
    second, third = (ways(batch) for batch in driven.batches[1:])
    for cursor, told in ((b"\x811", second), (b"\x812", third)):
        listing = ["sorted", 2, b"{s}:User", b"(" + cursor, b"+", 0, 0, []]
        assert [(1, 1, 5, [], [1], 0, ["any", [listing]])] == told


def _by_the_second_way(replies: list[Any]) -> list[Any]:
    """The same answer, of another way and its only source."""
    replies[0][1], replies[0][6] = 2, [2]
    return replies


@pytest.mark.parametrize(
    ("field", "expected"),
    [(Users.rank, [b"(m", 1, 0, [0]]), (Users.age, [b"=m", 1, 0, [0]])],
    ids=["by members", "by scores"],
)
def test_a_backward_walk_goes_on_below(field: Any, expected: list[Any]):
    """The member that came last is left out."""
    selection = selected(field > 1, order=(field.desc(),))
    driven = drive(FINDER.find(selection), [answer(row(1), source=1, cursor=b"m"), answer()])
    ((path,),) = [way.path[1] for way in ways(driven.batches[1])]
    assert expected == path[4:]


def test_a_walk_goes_on_with_the_ranges_that_are_left():
    """From the one it stopped in."""
    selection = selected(Users.rank.in_([1, 2, 3]), order=(Users.rank.asc(),))
    driven = drive(
        FINDER.find(selection), [answer(row(1), source=2, cursor=b"m", picked=3), answer()]
    )
    _, arguments = words(driven.batches[1])
    assert [b"(m", b"[" + order_decimal(Decimal(3))] == arguments[-4::2]


def test_very_many_keys_are_judged_in_chunks():
    """They are gathered first, each once; then those wanted by key are asked for."""
    selection = selected(Users.team == "a", limit=2)
    many = [row(key) for key in range(CANDIDATES + 10, 0, -1)]
    steps = [
        answer(*many, kind=b"keys", source=1, cursor=b"1:7"),
        answer(many[0], kind=b"keys"),
        answer(row(1), row(2)),
    ]
    driven = drive(FINDER.find(selection), steps)
    assert [b"1", b"2"] == keys_of(driven.result)
    resumed, chunk = (words(batch)[1] for batch in driven.batches[1:])
    assert ("keys", b"1:7") == (resumed[4], resumed[-1])
    assert [b"1", b"2"] == chunk[-ROWS : -ROWS + 2]
    ((word, keys),) = [way.path for way in ways(driven.batches[2])]
    assert ("any", "keys", ROWS) == (word, keys[0][0], len(keys[0][2:]))


def test_entries_of_another_mapper_are_not_read():
    """The partition was written with other indexes."""
    with pytest.raises(SchemaMismatch, match="other indexes than Users has"):
        drive(FINDER.find(selected(Users.team == "a")), [[[b"schema"]]])


# --- counting --------------------------------------------------------------------------------


def test_rows_are_counted():
    """By the script."""
    driven = drive(FINDER.count(selected(Users.age > 1, Users.name == "a")), [counted(7)])
    assert 7 == driven.result
    assert "count" == words(driven.batches[0])[1][4]


@pytest.mark.parametrize(
    ("condition", "key", "said"),
    [
        (Users.age > 1, b"{s}:User/by_age", ["ZCOUNT", 3, b"(1", b"+"]),
        (Users.rank.not_none(), b"{s}:User/by_rank", ["ZLEXCOUNT", 3, b"[\0\0\2", b"+"]),
        (Users.team == "a", b"{s}:User/by_team/a\0\1", ["SCARD", 3, b"", b""]),
    ],
)
def test_sizes_are_counted_by_the_index(condition: Predicate, key: bytes, said: list[Any]):
    """One range or set that has all rows and no others: nothing else is told."""
    driven = drive(FINDER.count(selected(condition)), [counted(7)])
    keys, arguments = words(driven.batches[0])
    assert (7, key) == (driven.result, keys[2])
    assert ("size", said) == (arguments[4], arguments[10:])


@pytest.mark.parametrize(
    "selection",
    [
        selected(Users.age > 1, without=frozenset((b"1",))),
        selected(Users.team == "a", Users.age > 1),
        selected(Users.team.in_(["a", "b"]) | (Users.age > 1)),
        selected(Users.email == "x"),
        selected(Users.age > HUGE),
    ],
)
def test_what_must_be_looked_at_is_not_counted_by_size(selection: Selection):
    """Keys to leave out, further conditions, unions, owners, numbers that are no scores."""
    driven = drive(FINDER.count(selection), [counted(7)])
    assert "count" == words(driven.batches[0])[1][4]


def test_a_count_goes_on_where_it_stopped():
    """Up to the limit."""
    selection = selected(Users.age > 1, Users.day == True, limit=5)  # noqa: E712 - a condition
    assert 5 == drive(FINDER.count(selection), [counted(3, 1, b"m"), counted(4)]).result


def test_a_union_of_very_many_is_counted_by_its_keys():
    """Each once; where the entries say it all, no record is read."""
    either = (Users.team == "a") | (Users.email == "x")
    steps = [
        answer(row(1), row(2), kind=b"keys", source=2, picked=2),
        answer(row(2), row(3), kind=b"keys"),
    ]
    assert 3 == drive(FINDER.count(selected(either)), steps).result


def test_very_many_candidates_are_counted_in_chunks():
    """Where something is left to judge."""
    selection = selected(Users.team == "a", Users.day == True)  # noqa: E712 - a condition
    steps = [answer(row(1), row(2), kind=b"keys"), counted(1)]
    assert 1 == drive(FINDER.count(selection), steps).result


def test_what_python_must_judge_is_read_to_be_counted():
    """There is no other way."""
    selection = selected(Users.team == "a", Users.name.like("?" * 60))
    assert 1 == drive(FINDER.count(selection), [answer(row(1, name="x" * 60), row(2))]).result


# --- explaining ------------------------------------------------------------------------------


def test_a_plan_is_explained():
    """The way that the script would take, with the entries there are, and what is left to do."""
    night = Users.day == False  # noqa: E712 - a condition
    selection = selected(Users.team == "a", night, order=(Users.age.desc(),), limit=3)
    driven = drive(FINDER.explain(selection, analyze=False), [[[b"plan", 1, 40, 1_000]]])
    assert "plan" == words(driven.batches[0])[1][4]
    assert [
        "",
        "├─ members of Users.by_team: Users.team == 'a' (estimated 40)",
        "├─ rather than walk backward Users.by_age (estimated 1,000)",
        "├─ filtered by the server: Users.day == False",
        "├─ order: sorted by the server",
        "└─ better: Ordered(team, day, age.desc()) in Users",
    ] == str(driven.result).split("\n")


def test_a_plan_is_analyzed():
    """By running it: rows, what was looked at and read, and round trips."""
    selection = selected(Users.team == "a")
    plan = [[b"plan", 1, 2]]
    driven = drive(FINDER.explain(selection, analyze=True), [plan, answer(row(1), row(2))])
    found = driven.result
    assert (2, 2, 0, 1, 1) == (
        found.rows,
        found.looked_at,
        found.read,
        found.commands,
        found.round_trips,
    )
