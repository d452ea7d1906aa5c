"""Which index serves which condition and which order, literally."""

from typing import Any

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
    Unique,
    UnknownField,
    UnsupportedQuery,
)
from redmapper.mapping.ordering import order_int, order_text, successor
from redmapper.mapping.predicates import And, HasAll
from redmapper.query.planner import (
    MOST_RANGES,
    Access,
    ByKeys,
    ByLookup,
    ByOrdered,
    ByUnique,
    Either,
    Source,
    advice_for,
    plan_access,
    plan_accesses,
)
from redmapper.query.selection import Position, Selection
from redmapper.query.spans import Span


@attrs.define
class User:
    """An entity with a field for each index, and one without."""

    age: int | None = None
    city: str | None = None
    rank: int | None = None
    team: str | None = None
    tags: list[str] = attrs.field(factory=list)
    email: str | None = None
    first: str | None = None
    last: str | None = None
    plain: int | None = None
    meta: dict[str, int] | None = None
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    age = Field[int | None]()
    city = Field[str | None]()
    rank = Field[int | None]()
    team = Field[str | None]()
    tags = Field[list[str]]()
    email = Field[str | None]()
    first = Field[str | None]()
    last = Field[str | None]()
    plain = Field[int | None]()
    meta = Field[dict[str, int] | None]()

    ordered = Ordered(age)
    composite = Ordered(city, rank.desc())
    lookup = Lookup(team)
    tagged = Lookup(tags)
    unique = Unique(email)
    nulls = Unique(first, last, nulls=True)


MAPPED = MapperRegistry(Users).mapped(User)
ALL = (b"", None)


def selected(*where: Predicate, order: tuple[Any, ...] = (), **options: Any) -> Selection:
    """A selection of all these conditions."""
    condition = where[0] if len(where) == 1 else And(where) if where else None
    return Selection(MAPPED, condition, order, **options)


def planned(*where: Predicate, order: tuple[Any, ...] = (), **options: Any) -> Access:
    """Its access."""
    return plan_access(selected(*where, order=order, **options))


def used(*where: Predicate, **options: Any) -> list[str]:
    """The indexes that its access reads; `key` for given keys, `listing` for that of all."""
    return names(planned(*where, **options).source)


def names(source: Source) -> list[str]:
    """The indexes of a source; of a union, those that serve its sides best."""
    if isinstance(source, Either):
        return [name for side in source.sides for name in names(side[0].source)]
    return [_name(source)]


def _name(source: Source) -> str:
    if isinstance(source, ByKeys):
        return "key"
    return "listing" if source.index is None else source.index.name


def refusal(*where: Predicate, **options: Any) -> str:
    """What the planner says of a selection that no index serves."""
    with pytest.raises(NoIndex) as refused:
        planned(*where, **options)
    return str(refused.value)


# --- which index serves which condition ------------------------------------------------------

SERVED: dict[str, list[Predicate]] = {
    "ordered": [
        Users.age == 1,
        Users.age < 1,
        Users.age <= 1,
        Users.age > 1,
        Users.age >= 1,
        Users.age.between(1, 2),
        Users.age.in_([1, 2, None]),
        Users.age.in_([]),
        Users.age.is_none(),
        Users.age.not_none(),
    ],
    "composite": [
        Users.city == "a",
        Users.city.startswith("a"),
        Users.city.startswith(""),
        Users.city.not_none(),
    ],
    "lookup": [
        Users.team == "a",
        Users.team.in_(["a", None]),
        Users.team.is_none(),
    ],
    "tagged": [Users.tags.has("a"), Users.tags.has_any(["a", "b"]), Users.tags.has_all(["a", "b"])],
    "unique": [Users.email == "a", Users.email.in_(["a", "b"])],
    "key": [Users.id == 1, Users.id.in_([1, 2])],
    "listing": [Users.id > 1, Users.id.between(1, 2), Users.id.not_none()],
}


@pytest.mark.parametrize(
    ("expected", "predicate"),
    [(name, each) for name, predicates in SERVED.items() for each in predicates],
    ids=repr,
)
def test_an_index_serves_a_condition(expected: str, predicate: Predicate):
    """As the API says of each kind; nothing is left to judge."""
    assert [expected] == used(predicate)
    left = And((Users.tags.has("b"),)) if isinstance(predicate, HasAll) else None
    assert left == planned(predicate).residue


@pytest.mark.parametrize(
    "predicate",
    [
        Users.age != 1,
        ~(Users.age == 1),
        ~Users.tags.has("a"),
        Users.rank == 1,
        Users.team > "a",
        Users.team.startswith("a"),
        Users.team.not_none(),
        Users.city.endswith("a"),
        Users.city.contains("a"),
        Users.city.like("a*"),
        Users.tags.has_all([]),
        Users.email.is_none(),
        Users.email.in_(["a", None]),
        Users.email.startswith("a"),
        Users.first == "a",
        Users.last == "a",
        Users.plain == 1,
        Users.meta.is_none(),
        Users.id != 1,
        (Users.age == 1) | (Users.plain == 1),
        ~((Users.age == 1) & (Users.age == 2)),
    ],
    ids=repr,
)
def test_no_index_serves_a_condition(predicate: Predicate):
    """Nor is it answered by reading everything, unless that was asked for."""
    assert refusal(predicate).startswith(f"no index of Users serves `{predicate!r}`: ")
    access = planned(predicate, scan=True)
    assert Access(ByOrdered(None, (ALL,)), And((predicate,)), in_order=True) == access


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ((Users.city == "a", Users.rank > 1), "composite"),
        ((Users.city == "a", Users.rank.in_([1, 2])), "composite"),
        ((Users.city.in_(["a", "b"]), Users.rank == 1), "composite"),
        ((Users.first == "a", Users.last == "b"), "nulls"),
        ((Users.first == "a", Users.last.in_([None, "b"])), "nulls"),
    ],
    ids=repr,
)
def test_an_index_serves_conditions_on_several_fields(where: tuple[Predicate, ...], expected: str):
    """After equality on those before."""
    assert [expected] == used(*where)
    assert planned(*where).residue is None


def test_a_range_ends_what_an_ordered_serves():
    """What comes after it is judged."""
    access = planned(Users.city > "a", Users.rank == 1)
    assert "composite" == _name(access.source)
    assert And((Users.rank == 1,)) == access.residue


def test_two_ranges_on_one_field_meet():
    """Both are served at once."""
    access = planned(Users.age >= 1, Users.age < 5)
    ranges = ((order_int(1), order_int(5)),)
    spans = (Span(order_int(1), order_int(5)),)
    assert Access(ByOrdered(MAPPED.indexes["ordered"], ranges, spans=spans), None) == access


def test_a_condition_and_another_is_served_by_one_side():
    """The other is judged on what that finds."""
    access = planned(Users.plain == 1, Users.age == 5)
    assert "ordered" == _name(access.source)
    assert And((Users.plain == 1,)) == access.residue


def test_a_condition_or_another_is_served_when_both_are():
    """Each by its own index; rows may come up twice."""
    either = (Users.age == 5) | Users.tags.has("a")
    access = planned(either)
    assert ["ordered", "tagged"] == used(either)
    assert (None, False, False) == (access.residue, access.in_order, access.distinct)


def test_a_union_is_judged_again_where_a_side_leaves_something():
    """What an index does not serve of a side must still hold."""
    either = (Users.age == 5) | (Users.team == "a") & (Users.plain == 1)
    assert And((either,)) == planned(either).residue


def test_alternatives_below_other_conditions_are_served():
    """However they are nested."""
    either = (Users.age == 5) | (Users.plain == 1) & ((Users.id == 7) | (Users.team == "a"))
    assert ["ordered", "key", "lookup"] == used(either, Users.plain == 1)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ((Users.age == 1, Users.id == 1), "key"),
        ((Users.age == 1, Users.email == "a"), "unique"),
        ((Users.age == 1, Users.team == "a"), "lookup"),
        ((Users.team == "a", Users.city == "a", Users.rank == 1), "composite"),
        ((Users.email == "a", Users.city == "a", Users.rank == 1), "unique"),
        ((Users.age > 1, Users.id > 1), "listing"),
    ],
    ids=repr,
)
def test_the_index_that_serves_most_is_taken(where: tuple[Predicate, ...], expected: str):
    """Exact keys and owners before all, then the more conditions, then sets before ranges."""
    assert [expected] == used(*where)


# --- the exact access ------------------------------------------------------------------------


def test_keys_are_named():
    """Each once."""
    assert ByKeys((b"2", b"1")) == planned(Users.id.in_([2, 1, 2, None])).source


def test_owners_are_named_by_encoded_values():
    """The parts of several fields one after the other."""
    access = planned(Users.first == "a", Users.last.is_none())
    value = order_text("a") + b"\0\0\1"
    assert ByUnique(MAPPED.indexes["nulls"], (value,)) == access.source


def test_sets_are_named_by_encoded_values():
    """One a value."""
    access = planned(Users.team.in_(["b", "a"]))
    values = (order_text("a"), order_text("b"))
    assert ByLookup(MAPPED.indexes["lookup"], values) == access.source


def test_a_range_below_fixed_values_stands_behind_them():
    """Between cuts of both fields; descending turns the second around."""
    access = planned(Users.city == "a", Users.rank >= 0)
    head = order_text("a")
    zero = successor(bytes(255 - byte for byte in order_int(0)))
    source = ByOrdered(MAPPED.indexes["composite"], ((head, head + zero),))
    assert source == access.source


def test_a_prefix_is_a_range():
    """Up to the next text that does not begin with it."""
    access = planned(Users.city.startswith("ab"))
    assert ByOrdered(MAPPED.indexes["composite"], ((b"ab", b"ac"),)) == access.source


def test_ranges_come_in_the_order_of_the_index():
    """So that a walk over them is in order."""
    access = planned(Users.age.in_([5, None, 1]), order=(Users.age.asc(),))
    lows = [low for low, _ in access.source.ranges]
    assert ([b"\0\0\1", order_int(1), order_int(5)], True) == (lows, access.in_order)


def test_an_empty_range_is_left_out():
    """Nothing is read."""
    assert ByOrdered(MAPPED.indexes["ordered"], ()) == planned(Users.age.between(5, 1)).source


@pytest.mark.parametrize(
    ("field", "kind"),
    [(Users.age, int), (Users.id, int), (Users.team, str), (Users.email, str)],
    ids=repr,
)
def test_any_number_of_values_is_served(field: Any, kind: type):
    """A long list is no reason to read everything."""
    assert "listing" not in used(field.in_(map(kind, range(2 * MOST_RANGES))))


def test_too_many_combinations_are_judged_afterwards():
    """The first field narrows, the second is left."""
    many = [str(value) for value in range(MOST_RANGES)]
    second = Users.rank.in_([1, 2])
    access = planned(Users.city.in_(many), second)
    assert (["composite"], And((second,))) == (
        names(access.source),
        access.residue,
    )


# --- orders ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "expected", "reverse"),
    [
        ((), "listing", False),
        ((Users.id.desc(),), "listing", True),
        ((Users.age.asc(),), "ordered", False),
        ((Users.age.desc(),), "ordered", True),
        ((Users.age.asc(), Users.id.asc()), "ordered", False),
        ((Users.city.asc(), Users.rank.desc()), "composite", False),
        ((Users.city.desc(), Users.rank.asc()), "composite", True),
    ],
    ids=repr,
)
def test_all_rows_come_by_the_index_that_has_their_order(
    order: tuple[Any, ...],
    expected: str,
    reverse: bool,  # noqa: FBT001 - a case
):
    """Forward or backward."""
    access = planned(order=order)
    source = access.source
    assert (expected, reverse, True) == (_name(source), source.reverse, access.in_order)


@pytest.mark.parametrize(
    "order",
    [
        (Users.plain.asc(),),
        (Users.age.asc(), Users.id.desc()),
        (Users.city.asc(),),
        (Users.city.asc(), Users.rank.asc()),
        (Users.rank.desc(),),
        (Users.team.asc(),),
    ],
    ids=repr,
)
def test_an_order_that_no_index_has_is_sorted(order: tuple[Any, ...]):
    """An order alone is never refused."""
    access = planned(order=order)
    assert ("listing", False) == (_name(access.source), access.in_order)


@pytest.mark.parametrize(
    ("where", "order", "reverse"),
    [
        ((Users.city == "a",), (Users.rank.desc(),), False),
        ((Users.city == "a",), (Users.rank.asc(),), True),
        ((Users.city == "a",), (Users.city.desc(), Users.rank.desc()), False),
        ((Users.city == "a", Users.rank > 1), (Users.rank.desc(),), False),
        ((Users.city > "a",), (Users.city.asc(), Users.rank.desc()), False),
        ((Users.age > 1,), (Users.age.desc(),), True),
    ],
    ids=repr,
)
def test_an_equality_leaves_the_order_of_what_follows(
    where: tuple[Predicate, ...],
    order: tuple[Any, ...],
    reverse: bool,  # noqa: FBT001 - a case
):
    """A field with one value orders nothing."""
    access = planned(*where, order=order)
    assert (True, reverse) == (access.in_order, access.source.reverse)


@pytest.mark.parametrize(
    ("where", "order"),
    [
        ((Users.city > "a",), (Users.rank.desc(),)),
        ((Users.city.in_(["a", "b"]),), (Users.rank.desc(),)),
        ((Users.age > 1,), (Users.city.asc(), Users.rank.desc())),
        ((Users.team == "a",), ()),
    ],
    ids=repr,
)
def test_other_orders_are_sorted(where: tuple[Predicate, ...], order: tuple[Any, ...]):
    """Several values of a field, or another index, give no order of what follows."""
    assert not planned(*where, order=order).in_order


def test_a_limit_prefers_the_index_that_has_the_order():
    """Walking it may stop early."""
    where, order = (Users.team == "a", Users.age > 1), (Users.age.asc(),)
    assert ["lookup"] == used(*where, order=order)
    assert ["ordered"] == used(*where, order=order, limit=5)


# --- every way ---------------------------------------------------------------------------------


def every(*where: Predicate, order: tuple[Any, ...] = (), **options: Any) -> list[list[str]]:
    """The indexes of each access."""
    return [names(each.source) for each in plan_accesses(selected(*where, order=order, **options))]


def test_every_index_that_serves_something_is_a_way():
    """Which is the smallest, only the server knows."""
    assert [["lookup"], ["ordered"]] == every(Users.team == "a", Users.age > 1)


def test_what_serves_more_of_the_same_is_no_further_way():
    """Its entries are among those of the other."""
    assert [["composite"]] == every(Users.city == "a", Users.rank == 1)
    assert [["unique"]] == every(Users.email == "a", Users.email.in_(["a", "b"]))


def test_a_union_is_a_way_beside_what_serves_more():
    """Though it must be judged again, it may be the smallest."""
    either = (Users.age == 5) | (Users.team == "a") & (Users.plain == 1)
    assert [["composite"], ["ordered", "lookup"]] == every(Users.city > "a", either)


def test_an_order_with_a_limit_is_a_way():
    """Walking all of it may stop early."""
    where, order = Users.team == "a", (Users.age.desc(),)
    assert [["lookup"], ["ordered"]] == every(where, order=order, limit=5)
    assert [["lookup"]] == every(where, order=order)


def test_the_listing_is_a_way_to_the_first_keys():
    """The order by key is its own."""
    assert [["lookup"], ["listing"]] == every(Users.team == "a", limit=5)


# --- beginning behind a position ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "order", "values", "expected"),
    [
        ((), (Users.age.asc(),), (b"5",), ((order_int(5) + b"\x811\0", None),)),
        ((), (Users.age.desc(),), (b"5",), ((b"", order_int(5) + b"\x811"),)),
        ((), (), (), ((b"\x811\0", None),)),
        ((Users.age == 5,), (Users.age.asc(),), (b"5",), ((order_int(5) + b"\x811\0", b""),)),
        ((Users.age > 5,), (Users.age.desc(),), (b"5",), ()),
    ],
    ids=["forward", "backward", "listing", "inside a range", "past the range"],
)
def test_a_walk_begins_behind_a_position(
    where: tuple[Predicate, ...], order: tuple[Any, ...], values: tuple[bytes, ...], expected: Any
):
    """Of the member that stands there, on either side."""
    access = planned(*where, order=order, after=Position(values, b"1"))
    if where == (Users.age == 5,):
        expected = ((expected[0][0], successor(order_int(5))),)
    assert (True, expected) == (access.in_order, access.source.ranges)


# --- advice ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "options", "expected"),
    [
        ((Users.team == "a",), {}, None),
        ((Users.id == 1, Users.plain == 1), {}, None),
        ((Users.team == "a", Users.plain > 1), {}, "Ordered(team, plain) in Users"),
        ((Users.team == "a", Users.plain == 1), {}, "Ordered(team, plain) in Users"),
        ((Users.team == "a", Users.first.contains("x")), {}, None),
        (
            (Users.team == "a",),
            {"order": (Users.age.desc(),), "limit": 5},
            "Ordered(team, age.desc()) in Users",
        ),
        ((Users.team == "a",), {"order": (Users.age.desc(),)}, None),
        ((Users.age > 1,), {"order": (Users.age.desc(),), "limit": 5}, None),
    ],
    ids=repr,
)
def test_an_index_that_would_serve_better_is_named(
    where: tuple[Predicate, ...], options: dict[str, Any], expected: str | None
):
    """Equalities first, then the order that a limit makes worth it, or else a range."""
    selection = selected(*where, **options)
    assert expected == advice_for(selection, plan_access(selection))


def test_an_index_that_is_there_is_not_advised():
    """Though another way was taken: there was nothing to be had by it."""
    selection = selected(Users.city == "a", Users.team == "b", order=(Users.rank.desc(),), limit=5)
    for access in plan_accesses(selection):
        assert "Ordered(city, team, rank.desc()) in Users" == advice_for(selection, access)
    selection = selected(Users.city == "a", Users.age > 1, order=(Users.rank.desc(),), limit=5)
    accesses = plan_accesses(selection)
    assert {"ordered", "composite"} == {each.source.index.name for each in accesses}  # type: ignore[union-attr]
    assert [None, None] == [advice_for(selection, each) for each in accesses]


# --- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("predicate", "cure"),
    [
        (Users.plain == 1, "declare Ordered(plain) in Users, or call .allow_scan()"),
        (Users.rank > 1, "declare Ordered(rank) in Users, or call .allow_scan()"),
        (
            (Users.age == 1) | (Users.plain == 1),
            "declare Ordered(plain) in Users, or call .allow_scan()",
        ),
    ],
    ids=repr,
)
def test_the_refusal_names_the_index_that_would_help(predicate: Predicate, cure: str):
    """Of an `|`, for the side that has none."""
    assert f"no index of Users serves `{predicate!r}`: {cure}" == refusal(predicate)


def test_the_refusal_names_a_lookup_for_a_collection():
    """An `Ordered` can not hold one."""

    class Bare(Mapper[User]):
        id = Key[int]()
        tags = Field[list[str]]()

    mapped = MapperRegistry(Bare).mapped(User)
    with pytest.raises(NoIndex, match=r"declare Lookup\(tags\) in Bare, or call \.allow_scan\(\)"):
        plan_access(Selection(mapped, Bare.tags.has("a")))


def test_the_refusal_names_a_computed_for_a_nested_value():
    """No index can hold the value itself."""
    cure = "declare an index over a Computed of meta, or call .allow_scan()"
    assert refusal(Users.meta.is_none()).endswith(cure)


@pytest.mark.parametrize("predicate", [Users.age != 1, ~(Users.age == 1)], ids=repr)
def test_the_refusal_names_no_index_where_none_would_help(predicate: Predicate):
    """To declare one that is there already is bad advice."""
    assert "declare" not in refusal(predicate)
    assert "allow_scan()" in refusal(predicate)


def test_a_long_condition_is_cut_in_the_refusal():
    """A message is for reading."""
    assert len(refusal(Users.plain.in_(range(10_000)))) < 1_000


def test_a_foreign_field_is_refused_before_anything_else():
    """With a scan, too."""

    class Others(Mapper[User]):
        id = Key[int]()
        age = Field[int | None]()

    with pytest.raises(UnknownField, match=r"Others\.age is not a field of Users"):
        planned(Others.age == 1, scan=True)


def test_an_unfit_condition_is_refused_before_anything_else():
    """In the part that no index would look at, too."""
    with pytest.raises(UnsupportedQuery, match="'x' is str, int expected"):
        planned(Users.age == 1, Users.plain == "x")
