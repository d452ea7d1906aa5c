"""Every kind of value: loaded back exactly, compared exactly, found by every index."""
# ruff: noqa: DTZ901, DTZ001, E711 - naive times are values too; `== None` makes a condition

from __future__ import annotations

import types
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, IntFlag, StrEnum, auto
from functools import cache, cached_property
from typing import Annotated, Any, Literal, NewType
from uuid import UUID

import attrs
import pytest

from redmapper.errors import UnsupportedQuery, ValueRefused
from redmapper.mapping.fields import Field, Key
from redmapper.mapping.indexes import Lookup, Ordered, Unique
from redmapper.mapping.mapper import Mapper
from redmapper.mapping.registry import MapperRegistry
from redmapper.testing.conformance.entities import Traffic, save
from redmapper.testing.conformance.faces import OpenStore


class Colour(Enum):
    """Values of text, in another order than the names."""

    RED = "b"
    BLUE = "a"
    GREEN = "c"


class Level(IntEnum):
    """Members that are integers."""

    LOW = -1
    MIDDLE = 9
    HIGH = 10


class Size(StrEnum):
    """Members that are texts."""

    L = "l"
    S = "s"


class Right(IntFlag):
    """Members to be combined."""

    READ = auto()
    WRITE = auto()


Email = NewType("Email", str)

EAST = timezone(timedelta(hours=5, minutes=30))
WEST = timezone(-timedelta(hours=8))


@attrs.frozen
class Values:
    """Values of one annotation, in ascending order, no two of them equal."""

    annotation: Any
    ascending: list[Any]


SCALARS = {
    "text": Values(
        str, ["", "\0", "\0\0", "\1", "A", "Aa", "B", "a", "a\0", "a b", "é", "日", "😀"]
    ),
    "bytes": Values(
        bytes, [b"", b"\0", b"\0\1", b"\0\xff", b"a", b"a\0", b"\x80", b"\xff", b"\xff\xfe"]
    ),
    "int": Values(
        int,
        [
            *(
                -(10**40),
                -(2**63) - 1,
                -(2**53) - 1,
                -(2**53),
                -256,
                -255,
                -10,
                -9,
                -1,
                0,
                1,
                9,
                10,
            ),
            *(255, 256, 2**53, 2**53 + 1, 12345678901234567, 2**63, 10**40, 10**40 + 1),
        ],
    ),
    "float": Values(
        float,
        [
            float("-inf"),
            -1e308,
            -1.5,
            -5e-324,
            0.0,
            5e-324,
            0.1,
            0.1 + 0.2,
            1.5,
            2.0**53,
            1e308,
            float("inf"),
        ],
    ),
    "bool": Values(bool, [False, True]),
    "decimal": Values(
        Decimal,
        [
            Decimal(text)
            for text in (
                *("-Infinity", "-1e30", "-1.5", "-0.001", "0", "1e-30", "0.1", "1.10", "1.11"),
                *("9", "10", "1e30", "1e300", "Infinity"),
            )
        ],
    ),
    "date": Values(date, [date.min, date(1969, 12, 31), date(2024, 2, 29), date.max]),
    "naive time": Values(time, [time.min, time(0, 0, 0, 1), time(12, 30), time.max]),
    "naive datetime": Values(
        datetime,
        [
            datetime.min,
            datetime(1969, 12, 31, 23),
            datetime(2024, 2, 29, 1, 2, 3, 4),
            datetime(2024, 2, 29, 1, 2, 3, 5),
            datetime.max,
        ],
    ),
    "aware datetime": Values(
        datetime,
        [
            datetime(1969, 12, 31, tzinfo=UTC),
            datetime(2024, 3, 1, 5, tzinfo=EAST),
            datetime(2024, 3, 1, tzinfo=UTC),
            datetime(2024, 2, 29, 17, tzinfo=WEST),
        ],
    ),
    "timedelta": Values(
        timedelta,
        [
            timedelta.min,
            timedelta(microseconds=-1),
            timedelta(),
            timedelta(microseconds=1),
            timedelta(days=400),
            timedelta.max,
        ],
    ),
    "uuid": Values(UUID, [UUID(int=0), UUID(int=1), UUID(int=2**127), UUID(int=2**128 - 1)]),
    "enum of text": Values(Colour, [Colour.BLUE, Colour.RED, Colour.GREEN]),
    "enum of int": Values(Level, [Level.LOW, Level.MIDDLE, Level.HIGH]),
    "text enum": Values(Size, [Size.L, Size.S]),
    "flag": Values(Right, [Right(0), Right.READ, Right.WRITE, Right.READ | Right.WRITE]),
    "new type": Values(Email, [Email("a"), Email("b")]),
    "annotated": Values(Annotated[int, "years"], [-1, 0, 1]),
    "literal": Values(Literal["left", "right"], ["left", "right"]),
}
"""Each kind of scalar; the last of some kinds are as great as they can be."""

UNORDERED: dict[str, tuple[Any, list[Any]]] = {
    "nan": (float, [float("nan")]),
    "minus zero": (float, [-0.0]),
    "decimal nan": (Decimal, [Decimal("NaN")]),
    "decimal exponents": (
        Decimal,
        [Decimal(x) for x in ("1.0", "1.00", "1E+1", "10", "-0", "0.0", "0E-10", "1E+5")],
    ),
    "aware time": (time, [time(12, tzinfo=UTC), time(12, tzinfo=EAST), time(23, 59, tzinfo=WEST)]),
    "long int": (int, [10**5000, -(10**5000), 2**20000]),
    "list": (list[int], [[], [1, 2, 1], [2**70]]),
    "list of text": (list[str], [[""], ["a,b", "\0", "😀", '"', "\\"]]),
    "list of optional": (list[int | None], [[None, 1, None]]),
    "list of floats": (list[float], [[0.1, -0.0, 1e300, float("inf")]]),
    "list of dates": (list[date], [[date(2024, 2, 29)]]),
    "list of datetimes": (
        list[datetime],
        [[datetime(2024, 2, 29, 1), datetime(2024, 3, 1, tzinfo=UTC)]],
    ),
    "list of decimals": (list[Decimal], [[Decimal("1.00"), Decimal("1E+5")]]),
    "list of bytes": (list[bytes], [[b"", b"\0\xff"]]),
    "list of enums": (list[Colour], [[Colour.RED, Colour.BLUE]]),
    "list of uuids": (list[UUID], [[UUID(int=7)]]),
    "list of timedeltas": (list[timedelta], [[timedelta(days=-1, microseconds=1)]]),
    "lists in lists": (list[list[int]], [[[], [1], [[2][0], 3]]]),
    "set": (set[str], [set(), {"b", "a", ""}]),
    "set of ints": (set[int], [{10, 9, -1}]),
    "frozenset": (frozenset[int], [frozenset(), frozenset({3, 1})]),
    "tuple": (tuple[int, str, bool], [(1, "a", True)]),
    "tuple of any length": (tuple[str, ...], [(), ("a", "b")]),
    "dict": (dict[str, int], [{}, {"b": 1, "a": 2, "": 3}]),
    "dict by int": (dict[int, str], [{10: "a", 9: "b"}]),
    "dict by enum": (dict[Colour, int], [{Colour.RED: 1}]),
    "dict by date": (dict[date, int], [{date(2024, 2, 29): 1}]),
    "dict of lists": (dict[str, list[set[int]]], [{"a": [{1}, set()], "b": []}]),
    "anything JSON": (Any, [{"a": [1, None, True, "x", 1.5, {"b": []}]}, [], 7, "text", False]),
    "dict of anything": (dict[str, Any], [{"a": {"b": [1, {"c": None}]}}]),
}
"""Kinds without an order, or that compare equal though they are not the same."""


_MAPPER: Any = Mapper  # its parameter is a class that is made here


@attrs.frozen
class Holder:
    """A class with a value of one type, its mapper, and their registry."""

    domain: Any
    mapper: Any

    @cached_property
    def registry(self) -> MapperRegistry:
        """Made once: it is what takes time."""
        return MapperRegistry(self.mapper)

    def of(self, values: list[Any]) -> list[Any]:
        """An entity for each value, its key the position."""
        return [self.domain(*each) for each in enumerate(values)]


def holder(annotation: Any, *indexes: Callable[[Field[Any]], Any]) -> Holder:  # noqa: ANN401 - any annotation
    """A class with an optional value of this type, and its mapper with these indexes."""
    wanted: Any = annotation if annotation is Any else annotation | None
    attributes = {
        "id": attrs.field(type=int),
        "value": attrs.field(type=wanted, default=None),
    }
    domain = attrs.make_class("Holder", attributes, class_body={"__module__": __name__})
    field: Any = Field  # its parameter is a value here
    value = field[wanted]()
    body = {"id": Key[int](), "value": value}
    body |= {f"index{number}": make(value) for number, make in enumerate(indexes)}
    base = _MAPPER[domain]
    mapper = types.new_class("Holders", (base,), {}, lambda names: names.update(body))
    return Holder(domain, mapper)


@cache
def plain(name: str) -> Holder:
    """A holder without an index."""
    return holder(SCALARS[name].annotation if name in SCALARS else UNORDERED[name][0])


@cache
def indexed(name: str) -> Holder:
    """A holder with an index of each kind."""
    return holder(SCALARS[name].annotation, Unique, Lookup, Ordered)


@cache
def ordered_only(name: str, kind: str) -> Holder:
    """A holder with one index: ascending, descending, `Unique` or `Lookup`."""
    kinds: dict[str, Callable[[Field[Any]], Any]] = {
        "ascending": Ordered,
        "descending": lambda value: Ordered(value.desc()),
        "unique": Unique,
        "lookup": Lookup,
    }
    return holder(SCALARS[name].annotation, kinds[kind])


def spelled(value: Any) -> str:  # noqa: ANN401 - any value
    """All that can be seen of a value: -0.0 is not 0.0, and 1.0 not 1.00; sets have no order."""
    if isinstance(value, (set, frozenset)):
        return f"{type(value).__name__} {sorted(map(repr, value))}"
    if isinstance(value, dict):
        return repr(sorted((repr(key), spelled(each)) for key, each in value.items()))
    if isinstance(value, list):
        return repr([spelled(each) for each in value])
    if isinstance(value, int) and abs(value) > 10**100:
        return hex(value)
    return f"{type(value).__name__} {value!r}"


SAMPLES = {
    **{name: [None, *values.ascending] for name, values in SCALARS.items()},
    **{name: [None, *values] for name, (_, values) in UNORDERED.items()},
}
EVERY_KIND = pytest.mark.parametrize("kind", SAMPLES)
EVERY_SCALAR = pytest.mark.parametrize("kind", SCALARS)


class TestValues:
    """What holds for values of every kind."""

    @EVERY_KIND
    def test_they_load_exactly(self, open_store: OpenStore, kind: str) -> None:
        """20: of the same type, to the last digit; None is None."""
        held = plain(kind)
        save(open_store(held.registry), *held.of(SAMPLES[kind]))
        rows = open_store(held.registry).query(held.domain).all()
        assert [spelled(value) for value in SAMPLES[kind]] == [spelled(row.value) for row in rows]

    @EVERY_KIND
    def test_loading_and_committing_writes_nothing(self, open_store: OpenStore, kind: str) -> None:
        """19: no value differs from itself."""
        held = plain(kind)
        traffic = Traffic()
        store = open_store(held.registry, on_batch=traffic)
        save(store, *held.of(SAMPLES[kind]))
        with store.unit() as uow:
            rows = uow.query(held.domain).all()
            assert {"clean"} == {uow.state(row) for row in rows}
            traffic.begin()
        traffic.expect(0)

    @EVERY_KIND
    def test_an_equal_value_in_another_object_is_clean(
        self, open_store: OpenStore, kind: str
    ) -> None:
        """20: encodings are canonical; loaded values set on the object again change nothing."""
        held = plain(kind)
        store = open_store(held.registry)
        save(store, *held.of(SAMPLES[kind]))
        with store.unit() as uow:
            rows = uow.query(held.domain).all()
            for row, again in zip(
                rows, open_store(held.registry).query(held.domain).all(), strict=True
            ):
                row.value = again.value
            assert {"clean"} == {uow.state(row) for row in rows}

    @EVERY_KIND
    def test_each_value_is_changed_into_each(self, open_store: OpenStore, kind: str) -> None:
        """21: None included, in both directions."""
        held = plain(kind)
        store = open_store(held.registry)
        values = SAMPLES[kind]
        save(store, *held.of(values))
        with store.unit() as uow:
            for row in uow.query(held.domain):
                row.value = values[row.id - 1]
        expected = [spelled(values[at - 1]) for at in range(len(values))]
        assert expected == [spelled(row.value) for row in store.query(held.domain)]


class TestScalars:
    """Every kind of scalar in every kind of index."""

    @EVERY_SCALAR
    def test_equality_finds_exactly_one(self, open_store: OpenStore, kind: str) -> None:
        """2^53 is not 2^53 + 1, and `==` on text is no full-text search."""
        held = indexed(kind)
        store = open_store(held.registry)
        values = SCALARS[kind].ascending
        save(store, held.domain(99), *held.of(values))
        found = [
            store.query(held.domain).where(held.mapper.value == value).all() for value in values
        ]
        assert [[at] for at in range(len(values))] == [[row.id for row in rows] for rows in found]

    def test_a_literal_has_no_other_values(self, open_store: OpenStore) -> None:
        """Neither in an entity nor in a condition, whatever their type."""
        held = indexed("literal")
        store = open_store(held.registry)
        for value in ("middle", 7):
            with pytest.raises(ValueRefused, match=r"Holder\(1\)\.value: "), store.unit() as uow:
                uow.add(held.domain(1, value))
            for condition in (held.mapper.value == value, held.mapper.value.in_([value])):
                with pytest.raises(UnsupportedQuery, match="value: "):
                    store.query(held.domain).where(condition).all()
        assert 0 == store.query(held.domain).count()

    @pytest.mark.parametrize("values", ["left", b"left", 7], ids=repr)
    def test_in_takes_several_values(self, values: Any) -> None:  # noqa: ANN401 - what is wrong
        """A text is not taken for its characters."""
        with pytest.raises(UnsupportedQuery, match="takes several values"):
            indexed("literal").mapper.value.in_(values)

    @EVERY_SCALAR
    def test_a_unique_value_is_got(self, open_store: OpenStore, kind: str) -> None:
        """By exactly that value."""
        held = indexed(kind)
        store = open_store(held.registry)
        values = SCALARS[kind].ascending
        save(store, *held.of(values))
        found = [store.get_by(held.mapper.index0, value).id for value in values]
        assert list(range(len(values))) == found

    @EVERY_SCALAR
    @pytest.mark.parametrize("index", ["ascending", "descending", "unique", "lookup"])
    def test_rows_come_in_the_order_of_values(
        self, open_store: OpenStore, kind: str, index: str
    ) -> None:
        """None before every value; `desc()` reverses that too; whatever the index is."""
        held = ordered_only(kind, index)
        store = open_store(held.registry)
        count = len(SCALARS[kind].ascending)
        values = [*enumerate(SCALARS[kind].ascending, start=1), (0, None)]
        save(store, *(held.domain(id_, value) for id_, value in values))
        query = store.query(held.domain)
        up = [row.id for row in query.order_by(held.mapper.value).all()]
        down = [row.id for row in query.order_by(held.mapper.value.desc()).all()]
        assert list(range(count + 1)) == up == down[::-1]

    @EVERY_SCALAR
    @pytest.mark.parametrize("index", ["ascending", "descending"])
    def test_comparisons_cut_at_the_value(
        self, open_store: OpenStore, kind: str, index: str
    ) -> None:
        """`<  <=  >  >=` and `between`; None is never in."""
        held = ordered_only(kind, index)
        store = open_store(held.registry)
        values = SCALARS[kind].ascending
        save(store, held.domain(len(values)), *held.of(values))
        everything = list(range(len(values)))
        field = held.mapper.value
        for at in {0, 1, len(values) // 2, len(values) - 1}:
            value = values[at]
            for condition, expected in (
                (field < value, everything[:at]),
                (field <= value, everything[: at + 1]),
                (field > value, everything[at + 1 :]),
                (field >= value, everything[at:]),
                (field.between(value, values[-1]), everything[at:]),
                (field.between(values[0], value), everything[: at + 1]),
            ):
                rows = store.query(held.domain).where(condition).all()
                assert expected == [row.id for row in rows], condition

    @EVERY_SCALAR
    def test_every_condition_without_an_index(self, open_store: OpenStore, kind: str) -> None:
        """Judged on the records alone, they say the same."""
        held = plain(kind)
        store = open_store(held.registry)
        values = SCALARS[kind].ascending
        save(store, held.domain(len(values)), *held.of(values))
        everything = list(range(len(values)))
        at = len(values) // 2
        value, field = values[at], held.mapper.value
        for condition, expected in (
            (field == value, [at]),
            (field != value, everything[:at] + everything[at + 1 :]),
            (field < value, everything[:at]),
            (field >= value, everything[at:]),
            (field.in_([value, values[0], None]), sorted({0, at, len(values)})),
            (field.is_none(), [len(values)]),
            (field.not_none(), everything),
        ):
            rows = store.query(held.domain).where(condition).allow_scan().all()
            assert expected == [row.id for row in rows], condition

    @EVERY_SCALAR
    def test_in_none_and_not_none_by_index(self, open_store: OpenStore, kind: str) -> None:
        """`in_`, `is_none` and `not_none` of an `Ordered`."""
        held = ordered_only(kind, "ascending")
        store = open_store(held.registry)
        values = SCALARS[kind].ascending
        save(store, held.domain(len(values)), *held.of(values))
        field, query = held.mapper.value, store.query(held.domain)
        chosen = [values[0], values[-1], values[-1]]
        assert sorted({0, len(values) - 1}) == [row.id for row in query.where(field.in_(chosen))]
        assert [len(values)] == [row.id for row in query.where(field.is_none())]
        assert [len(values)] == [row.id for row in query.where(field == None)]
        assert list(range(len(values))) == [row.id for row in query.where(field != None)]


class TestSameValues:
    """Values that are equal though they are spelled otherwise."""

    def test_equal_values_stand_together_in_an_index(self, open_store: OpenStore) -> None:
        """1.0 and 1.00, -0.0 and 0.0: one value to `==`, ties to an order; each loads as it was."""
        held = ordered_only("decimal", "ascending")
        store = open_store(held.registry)
        spellings = [Decimal("1.00"), Decimal(1), Decimal("1.0")]
        save(store, *held.of(spellings))
        rows = store.query(held.domain).where(held.mapper.value == Decimal("1.000")).all()
        assert ["1.00", "1", "1.0"] == [str(row.value) for row in rows]

    def test_minus_zero_is_zero_to_an_index(self, open_store: OpenStore) -> None:
        """And loads as minus zero."""
        held = ordered_only("float", "ascending")
        store = open_store(held.registry)
        save(store, held.domain(1, -0.0), held.domain(2, 0.0))
        rows = store.query(held.domain).where(held.mapper.value == 0).all()
        assert ["-0.0", "0.0"] == [repr(row.value) for row in rows]

    def test_a_unique_value_is_taken_in_any_spelling(self, open_store: OpenStore) -> None:
        """1.0 is the owner of 1.00."""
        held = indexed("decimal")
        store = open_store(held.registry)
        save(store, held.domain(1, Decimal("1.0")))
        with pytest.raises(Exception, match=r"1\.00"), store.unit() as uow:
            uow.add(held.domain(2, Decimal("1.00")))
        assert 1 == store.get_by(held.mapper.index0, Decimal("1.000")).id

    def test_another_spelling_of_one_value_is_a_change(self, open_store: OpenStore) -> None:
        """1.0 to 1.00 is written; the unique value stays with its owner."""
        held = indexed("decimal")
        store = open_store(held.registry)
        save(store, held.domain(1, Decimal("1.0")))
        with store.unit() as uow:
            uow.require(held.domain, 1).value = Decimal("1.00")
        assert "1.00" == str(store.get_by(held.mapper.index0, Decimal(1)).value)

    def test_instants_are_equal_in_every_zone(self, open_store: OpenStore) -> None:
        """An aware datetime is found by its instant, and keeps its offset."""
        held = ordered_only("aware datetime", "ascending")
        store = open_store(held.registry)
        noon = datetime(2024, 3, 1, 12, tzinfo=UTC)
        save(store, held.domain(1, noon.astimezone(EAST)))
        row = store.query(held.domain).where(held.mapper.value == noon).one()
        assert timedelta(hours=5, minutes=30) == row.value.utcoffset()

    def test_naive_and_aware_are_two_kinds(self, open_store: OpenStore) -> None:
        """Naive ones come first, and a condition with one kind never matches the other."""
        held = ordered_only("naive datetime", "ascending")
        store = open_store(held.registry)
        naive = [datetime(2024, 3, 1, 12), datetime(2024, 3, 2)]
        aware = [each.replace(tzinfo=UTC) for each in naive]
        save(store, *held.of([*naive, *aware, None]))
        query, field = store.query(held.domain), held.mapper.value
        assert [4, 0, 1, 2, 3] == [row.id for row in query.order_by(field)]
        for condition, expected in (
            (field == naive[0], [0]),
            (field == aware[0], [2]),
            (field < aware[1], [2]),
            (field <= naive[1], [0, 1]),
            (field > naive[0], [1]),
            (field >= naive[0], [0, 1]),
            (field.between(naive[0], naive[1]), [0, 1]),
            (field.between(naive[0], aware[1]), []),
            (field.in_([naive[0], aware[1]]), [0, 3]),
        ):
            assert expected == [row.id for row in query.where(condition)], condition
        assert [1] == [row.id for row in query.where(field != naive[0]).allow_scan()]

    def test_an_int_in_a_float_field_is_that_float(self, open_store: OpenStore) -> None:
        """3 is stored as 3.0."""
        held = plain("float")
        store = open_store(held.registry)
        save(store, held.domain(1, 3))
        assert "3.0" == repr(store.require(held.domain, 1).value)

    def test_a_bool_in_an_int_field_is_its_int(self, open_store: OpenStore) -> None:
        """It loads as 1, and is found as 1."""
        held = ordered_only("int", "lookup")
        store = open_store(held.registry)
        save(store, held.domain(1, True))  # noqa: FBT003 - the value itself
        row = store.query(held.domain).where(held.mapper.value == 1).one()
        assert "1" == repr(row.value)


@attrs.define
class Doc:
    """Has every kind of nested value."""

    id: int
    items: list[str] = attrs.field(factory=list)
    tree: dict[str, Any] = attrs.field(factory=dict)
    seen: set[int] = attrs.field(factory=set)
    where: Where | None = None


@attrs.define
class Where:
    """A nested class, with one inside."""

    street: str
    points: list[float] = attrs.field(factory=list)
    next: Where | None = None


class Docs(Mapper[Doc]):
    """Its held.mapper."""

    id = Key[int]()


DOCS = MapperRegistry(Docs)


class TestNested:
    """18: mutation inside a value is found."""

    @pytest.mark.parametrize(
        "mutate",
        [
            pytest.param(lambda doc: doc.items.append("z"), id="list"),
            pytest.param(lambda doc: doc.items.reverse(), id="order"),
            pytest.param(lambda doc: doc.tree["a"]["b"][1].update(c=2), id="dict in list in dict"),
            pytest.param(lambda doc: doc.tree.pop("x"), id="key"),
            pytest.param(lambda doc: doc.seen.add(9), id="set"),
            pytest.param(lambda doc: setattr(doc.where, "street", "B"), id="attrs"),
            pytest.param(lambda doc: doc.where.next.points.append(0.5), id="deep attrs"),
            pytest.param(lambda doc: setattr(doc.where, "next", None), id="none"),
        ],
    )
    def test_a_mutation_is_found(
        self, open_store: OpenStore, mutate: Callable[[Doc], object]
    ) -> None:
        """18: and written."""
        store = open_store(DOCS)
        tree = {"a": {"b": [1, {"c": 1}]}, "x": None}
        where = Where("A", [1.5], Where("C"))
        save(store, Doc(1, ["b", "a"], tree, {1, 2}, where))
        with store.unit() as uow:
            doc = uow.require(Doc, 1)
            mutate(doc)
            assert "dirty" == uow.state(doc)
        assert doc == store.require(Doc, 1)

    def test_another_order_is_no_change(self, open_store: OpenStore) -> None:
        """20: neither of a dict's keys nor of a set's elements."""
        store = open_store(DOCS)
        save(store, Doc(1, tree={"a": 1, "b": {"c": 1, "d": 2}}, seen={1, 2**20, 3}))
        with store.unit() as uow:
            doc = uow.require(Doc, 1)
            doc.tree = {"b": {"d": 2, "c": 1}, "a": 1}
            doc.seen = {3, 2**20, 1}
            assert "clean" == uow.state(doc)

    def test_equal_is_not_the_same(self, open_store: OpenStore) -> None:
        """20: 1 and True, 1 and 1.0 are changes of a JSON value."""
        store = open_store(DOCS)
        save(store, Doc(1, tree={"a": 1}))
        values: list[Any] = [True, 1.0, "1", [1], None, {}]
        for value in values:
            with store.unit() as uow:
                uow.require(Doc, 1).tree["a"] = value
            assert repr(value) == repr(store.require(Doc, 1).tree["a"])

    def test_what_is_shared_is_loaded_twice(self, open_store: OpenStore) -> None:
        """Values have no identity: entities that shared one no longer do."""
        store = open_store(DOCS)
        items = ["a"]
        save(store, Doc(1, items), Doc(2, items))
        with store.unit() as uow:
            first, second = uow.get_many(Doc, [1, 2])
            assert first is not None
            assert second is not None
            first.items.append("b")
            assert ("dirty", "clean") == (uow.state(first), uow.state(second))
