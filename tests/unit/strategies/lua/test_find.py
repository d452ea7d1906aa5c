"""Selections answered from index entries, with the server's answers given by hand."""

from typing import Any
from uuid import UUID

import attrs
import pytest

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
from redmapper.mapping.ordering import order_int, successor
from redmapper.mapping.predicates import And
from redmapper.query.selection import Selection, resolve_order
from redmapper.strategies.lua.find import STEP, Finder
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

    by_age = Ordered(age)
    mixed = Ordered(name, day, team.desc())
    by_team = Lookup(team)
    by_email = Unique(email)
    by_pin = Lookup(pin)


MAPPED: MappedClass = MapperRegistry(Users).mapped(User)
SPACE = Keyspace(b"{s}")
HEAD = ["User", MAPPED.fingerprint, b"{s}:User:", "int"]
NONE = b"\0\0\1"


@attrs.define
class Records:
    """What a `load` answers, and what was asked of it."""

    held: dict[bytes, dict[bytes, bytes]] = attrs.field(factory=dict)
    asked: list[bytes] = attrs.field(factory=list)

    def load(self, _: MappedClass, keys: Any) -> Any:
        """The rows that there are."""
        self.asked += keys
        return [(key, self.held[key]) for key in keys if key in self.held]
        yield


@pytest.fixture
def records() -> Records:
    """None."""
    return Records()


@pytest.fixture
def finder(records: Records) -> Finder:
    """Over these."""
    return Finder(SPACE, records.load)


def selected(*where: Predicate, order: tuple[Any, ...] = (), **options: Any) -> Selection:
    """A selection of all these conditions."""
    condition = where[0] if len(where) == 1 else And(where) if where else None
    return Selection(MAPPED, condition, resolve_order(order, MAPPED), **options)


def row(key: int, **attributes: Any) -> dict[bytes, bytes]:
    """The record of a user."""
    return MAPPED.encode(User(**attributes), b"%d" % key)


def answer(
    *rows: dict[bytes, bytes], kind: bytes = b"rows", source: int = 0, member: bytes = b""
) -> list[Any]:
    """What the script answers: keys, and their records."""
    keys = [each[b"id"] for each in rows]
    hashes = [
        [word for name, value in each.items() if name != b"id" for word in (name, value)]
        for each in rows
    ]
    return [[kind, source, member, keys, hashes if kind == b"rows" else []]]


def keys_of(rows: Any) -> list[bytes]:
    """The keys of rows."""
    return [key for key, _ in rows]


def words(batch: Batch) -> tuple[list[Any], list[Any]]:
    """The keys, and the arguments, of the script called."""
    (command,) = batch.commands
    assert command.script is not None
    assert "find" == command.script.name
    count = command.words[2]
    return list(command.words[3 : 3 + count]), list(command.words[3 + count :])


# --- what is asked ---------------------------------------------------------------------------


def asked(finder: Finder, selection: Selection) -> tuple[list[Any], list[Any]]:
    """The keys and arguments of its first call."""
    return words(drive(finder.find(selection), [answer()]).batches[0])


def test_a_set_is_asked(finder: Finder):
    """The schema and the listing say whether its entries can be trusted."""
    keys, arguments = asked(finder, selected(Users.team == "a"))
    assert [b"{s}#schema", b"{s}:User", b"{s}:User/by_team/a\0\1"] == keys
    assert [*HEAD, "rows", STEP, STEP, 1, "set", 3] == arguments


def test_owners_are_asked(finder: Finder):
    """By their encoded values."""
    keys, arguments = asked(finder, selected(Users.email.in_(["a", "b"])))
    assert b"{s}:User/by_email" == keys[2]
    assert [1, "owners", 3, 2, b"a\0\1", b"b\0\1"] == arguments[7:]


def test_owners_are_asked_in_runs(finder: Finder):
    """Lua can not take more than some 8,000 at once."""
    emails = [f"{number:05}" for number in range(10_000)]
    _, arguments = asked(finder, selected(Users.email.in_(emails)))
    sizes = [size for word, size in zip(arguments, arguments[2:], strict=False) if word == "owners"]
    assert (10_000, True) == (sum(sizes), max(sizes) <= 4_000)


def test_a_range_is_asked(finder: Finder):
    """Half open; with the widths of its fields, so that the key is found behind them."""
    keys, arguments = asked(finder, selected(Users.age >= 5, Users.age < 9))
    assert b"{s}:User/by_age" == keys[2]
    expected = [1, "sorted", 3, b"[" + order_int(5), b"(" + order_int(9), 0, 0, 1, 0]
    assert expected == arguments[7:]


def test_a_range_without_an_end_is_asked(finder: Finder):
    """To the last member."""
    _, arguments = asked(finder, selected(Users.age.not_none()))
    assert [b"[" + successor(NONE), b"+"] == arguments[10:12]


def test_widths_say_where_a_key_begins(finder: Finder):
    """0: after 00 01; so many bytes; -1: after FF FE. The key descends as the last field does."""
    _, arguments = asked(finder, selected(Users.name == "a"))
    assert [0, 1, 3, 0, 1, -1] == arguments[-6:]


def test_the_listing_is_asked(finder: Finder):
    """It is declared already."""
    keys, arguments = asked(finder, selected(order=(Users.id.desc(),)))
    assert [b"{s}#schema", b"{s}:User"] == keys
    assert [1, "sorted", 2, b"[", b"+", 1, 0, 0] == arguments[7:]


@pytest.mark.parametrize(
    ("kind", "expected"), [(int, "int"), (str, "text"), (bytes, "text"), (UUID, "fixed")]
)
def test_the_form_of_the_keys_is_said(kind: type, expected: str):
    """The script must read them off the members."""
    domain = attrs.make_class("Thing", {"id": attrs.field(type=kind)})

    class Things(Mapper[domain]):
        id = Key[kind]()

    selection = Selection(MapperRegistry(Things).mapped(domain))
    assert expected == asked(Finder(SPACE, Records().load), selection)[1][3]


def test_several_ranges_are_asked_in_the_order_of_the_walk(finder: Finder):
    """Backward from the last."""
    _, arguments = asked(finder, selected(Users.age.in_([1, 2]), order=(Users.age.desc(),)))
    lows = [word for word in arguments if isinstance(word, bytes) and word.startswith(b"[")]
    assert [b"[" + order_int(2), b"[" + order_int(1)] == lows


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"limit": 5}, 5),
        ({"limit": 5, "without": frozenset({b"1", b"2"})}, 7),
        ({"limit": 10**6}, STEP),
        ({}, STEP),
    ],
    ids=["limit", "limit and keys", "great limit", "no limit"],
)
def test_a_walk_asks_for_no_more_than_it_needs(
    finder: Finder, options: dict[str, Any], expected: int
):
    """The keys to be left out may come among them."""
    _, arguments = asked(finder, selected(order=(Users.age.asc(),), **options))
    assert expected == arguments[5]


def test_a_walk_with_something_to_judge_asks_for_a_whole_step(finder: Finder):
    """Nobody knows how many will pass."""
    night = Users.day == False  # noqa: E712 - a condition
    assert STEP == asked(finder, selected(Users.age > 1, night, limit=5))[1][5]


def test_a_limit_of_nothing_asks_nothing(finder: Finder):
    """There is nothing to find."""
    driven = drive(finder.find(selected(order=(Users.age.asc(),), limit=0)))
    assert ([], ()) == (driven.result, driven.batches)


def test_keys_are_loaded(finder: Finder, records: Records):
    """Without the script."""
    records.held = {b"1": row(1)}
    driven = drive(finder.find(selected(Users.id.in_([2, 1]))))
    assert (b"2" in records.asked, [b"1"], ()) == (True, keys_of(driven.result), driven.batches)


def test_what_no_index_serves_is_refused(finder: Finder):
    """Before anything is asked."""
    with pytest.raises(NoIndex):
        drive(finder.find(selected(Users.day == True)))  # noqa: E712 - a condition


def test_values_of_hidden_fields_are_not_shown_in_logs(finder: Finder):
    """Neither in keys nor in bounds."""
    driven = drive(finder.find(selected(Users.pin == "hush")), [answer()])
    (batch,) = driven.batches
    keys, arguments = words(batch)
    secret = [word for word in (*keys, *arguments) if b"hush" in str(word).encode()]
    assert secret
    assert set(secret) <= batch.hidden()


# --- what is made of the answers -------------------------------------------------------------


def test_rows_come_with_their_keys(finder: Finder):
    """Put together from their pieces."""
    long = row(2, name="x" * 100)
    pieces = [b"name", long[b"name"][:64], b"name:1", long[b"name"][64:], b"day", b"0"]
    reply = [[b"rows", 0, b"", [b"2"], [pieces]]]
    driven = drive(finder.find(selected(Users.team == "a")), [reply])
    assert [(b"2", long)] == driven.result


def test_a_row_that_is_gone_is_left_out(finder: Finder):
    """An entry without its record is nobody."""
    reply = [[b"rows", 0, b"", [b"1", b"2"], [[], [b"name", b"a"]]]]
    driven = drive(finder.find(selected(Users.team == "a")), [reply])
    assert [b"2"] == keys_of(driven.result)


def test_rows_are_judged_sorted_and_cut(finder: Finder):
    """By what the index left open."""
    selection = selected(Users.team == "a", Users.day == True, order=(Users.name.desc(),), limit=2)  # noqa: E712 - a condition
    rows = [row(key, name=name, day=key != 3) for key, name in enumerate("abcd", start=1)]
    driven = drive(finder.find(selection), [answer(*rows)])
    assert [b"4", b"2"] == keys_of(driven.result)


def test_rows_without_an_order_come_by_key(finder: Finder):
    """Keys are numbers; only the wanted ones are kept."""
    rows = [row(key) for key in (10, 9, 100)]
    driven = drive(finder.find(selected(Users.team == "a", limit=2)), [answer(*rows)])
    assert [b"9", b"10"] == keys_of(driven.result)
    down = selected(Users.team == "a", order=(Users.id.desc(),))
    assert [b"100", b"10", b"9"] == keys_of(drive(finder.find(down), [answer(*rows)]).result)


def test_keys_to_be_left_out_are(finder: Finder):
    """Before the limit is cut."""
    options = {"limit": 1, "without": frozenset({b"1"})}
    for selection in (selected(Users.team == "a", **options), selected(Users.age > 1, **options)):
        driven = drive(finder.find(selection), [answer(row(1, age=5), row(2, age=5))])
        assert [b"2"] == keys_of(driven.result)


def test_too_many_rows_come_as_keys_first(finder: Finder, records: Records):
    """Then those that are wanted are loaded."""
    records.held = {b"%d" % key: row(key) for key in range(1, 6)}
    found = answer(*(row(key) for key in (5, 4, 3, 2, 1)), kind=b"keys")
    driven = drive(finder.find(selected(Users.team == "a", limit=2)), [found])
    assert [b"1", b"2"] == keys_of(driven.result) == records.asked


def test_a_walk_goes_on_where_it_stopped(finder: Finder):
    """Until there are enough."""
    selection = selected(Users.age > 1, order=(Users.age.asc(),), limit=3)
    member = order_int(7) + b"\x812"
    driven = drive(
        finder.find(selection),
        [answer(row(1), row(2), source=1, member=member), answer(row(3), row(4))],
    )
    assert [b"1", b"2", b"3"] == keys_of(driven.result)
    _, arguments = words(driven.batches[1])
    assert (1, b"[" + member + b"\0", b"+") == (arguments[5], *arguments[10:12])


def test_a_backward_walk_goes_on_below(finder: Finder):
    """The member that came last is left out."""
    selection = selected(Users.age > 1, order=(Users.age.desc(),))
    driven = drive(finder.find(selection), [answer(row(1), source=1, member=b"m"), answer()])
    _, arguments = words(driven.batches[1])
    assert b"(m" == arguments[11]


def test_a_walk_goes_on_with_the_ranges_that_are_left(finder: Finder):
    """From the one it stopped in."""
    selection = selected(Users.age.in_([1, 2, 3]), order=(Users.age.asc(),))
    driven = drive(finder.find(selection), [answer(row(1), source=2, member=b"m"), answer()])
    _, arguments = words(driven.batches[1])
    lows = [word for word in arguments if isinstance(word, bytes) and word.startswith(b"[")]
    assert [b"[m\0", b"[" + order_int(3)] == lows


def test_a_walk_ends_when_there_are_enough(finder: Finder):
    """Though there would be more."""
    selection = selected(order=(Users.age.asc(),), limit=1)
    driven = drive(finder.find(selection), [answer(row(1), source=1, member=b"m")])
    assert [b"1"] == keys_of(driven.result)


def test_alternatives_come_once_each(finder: Finder):
    """However many of them a row meets."""
    either = (Users.team == "a") | (Users.age > 1) | (Users.id == 9)
    ranges, sets = (
        answer(row(1, team="a", age=5)),
        answer(row(1, team="a", age=5), row(2, team="a")),
    )
    driven = drive(finder.find(selected(either)), [ranges, sets])
    assert [b"1", b"2"] == keys_of(driven.result)


def test_entries_of_another_mapper_are_not_read(finder: Finder):
    """The partition was written with other indexes."""
    with pytest.raises(SchemaMismatch, match="other indexes than Users has"):
        drive(finder.find(selected(Users.team == "a")), [[[b"schema"]]])


# --- counting --------------------------------------------------------------------------------


def test_entries_are_counted(finder: Finder):
    """Without reading a record."""
    driven = drive(finder.count(selected(Users.age > 1)), [[[b"count", 7]]])
    assert 7 == driven.result
    assert "count" == words(driven.batches[0])[1][4]


def test_what_is_left_out_is_not_counted(finder: Finder):
    """Then the keys must be seen; not their records."""
    selection = selected(Users.team == "a", without=frozenset({b"1", b"9"}))
    driven = drive(finder.count(selection), [answer(row(1), row(2), row(3), kind=b"keys")])
    assert 2 == driven.result
    assert "keys" == words(driven.batches[0])[1][4]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ((Users.team == "a", Users.day == True), 1),  # noqa: E712 - a condition
        (((Users.team == "a") | (Users.email == "x"),), 2),
    ],
    ids=["residue", "alternatives"],
)
def test_what_must_be_judged_is_read_to_be_counted(
    finder: Finder, where: tuple[Predicate, ...], expected: int
):
    """Each row once."""
    found = answer(row(1, team="a", day=True), row(2, team="a"), row(2, team="a"))
    assert expected == drive(finder.count(selected(*where)), [found]).result


def test_given_keys_are_counted_as_far_as_they_are_there(finder: Finder, records: Records):
    """By loading them."""
    records.held = {b"1": row(1)}
    assert 1 == drive(finder.count(selected(Users.id.in_([1, 2])))).result
