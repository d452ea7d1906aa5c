"""Entities to records and back, by functions that are generated once a mapper."""

import math
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import attr
import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from redmapper import (
    Computed,
    CorruptRecord,
    Field,
    Key,
    Lookup,
    Mapper,
    MapperRegistry,
    Ordered,
    ValueRefused,
)
from redmapper.mapping.columns import Record
from redmapper.mapping.mapped import MappedClass, differences, overlaid
from redmapper.mapping.records import FUNCTIONS, compare_by_column

LONG = 5_000
"""More digits than Python by default reads and writes."""


def mapped_of(domain: type, options: dict[str, Any] | None = None, **body: Any) -> MappedClass:
    """A domain class mapped with an integer key, and what else is said."""
    namespace = {"id": Key[int]()} | body
    mapper = types.new_class(
        "Things", (Mapper[domain],), options, lambda said: said.update(namespace)
    )
    return MapperRegistry(mapper).mapped(domain)


# --- the generated code ----------------------------------------------------------------------


@attrs.define
class Plain:
    """A class with a line of each sort in its codec."""

    name: str
    age: int | None = None
    level: int | None = 1
    tags: list[str] = attrs.field(factory=list)
    id: int | None = None


PLAIN = mapped_of(Plain)

SOURCE = """\
def encode(entity):
    record = {}
    value = entity.name
    record[b'name'] = (value.encode() if type(value) is str else encode_name(value))
    value = entity.age
    if value is not None:
        record[b'age'] = (b'%d' % value if A_SHORT_INT else encode_age(value))
    value = entity.level
    if value is not None:
        record[b'level'] = (b'%d' % value if A_SHORT_INT else encode_level(value))
    else: record[b'!level'] = b''
    value = entity.tags
    record[b'tags'] = check_tags(value)
    return record
""".replace("A_SHORT_INT", "type(value) is int and LEAST < value < HUGE")


def test_the_source_of_a_codec_can_be_read():
    """Plain Python, a line or three a field."""
    assert SOURCE == PLAIN.codec.source.split("\n\n")[0] + "\n"


def test_the_source_of_a_codec_compiles():
    """To the functions that it is made of."""
    names: dict[str, Any] = {}
    exec(PLAIN.codec.source, names)  # noqa: S102 - our own source
    functions = [name for name, value in names.items() if isinstance(value, types.FunctionType)]
    assert list(FUNCTIONS) == functions


def test_a_traceback_into_a_codec_says_whose_it_is():
    """By the name of the domain class."""
    assert "<redmapper codec of Plain>" == PLAIN.codec.encode.__code__.co_filename


def test_a_record_is_readable():
    """Text as text, numbers as numbers, nested values as JSON, None not at all."""
    record = PLAIN.encode(Plain("Änn", 7, tags=["a"]), b"1")
    expected = {"name": "Änn", "age": "7", "level": "1", "tags": '["a"]', "id": "1"}
    assert expected == {name.decode(): value.decode() for name, value in record.items()}


def test_none_is_an_absent_field():
    """Unless an absent field would load as something else."""
    assert {b"name": b"", b"!level": b"", b"tags": b"[]"} == PLAIN.encode(Plain("", level=None))


# --- shapes of classes -----------------------------------------------------------------------


class NeverEqual:
    """A base that must not be compared, hashed or asked for its truth."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError

    def __hash__(self) -> int:
        raise AssertionError

    def __bool__(self) -> bool:
        raise AssertionError


@attrs.define
class Slotted:
    """The default of attrs."""

    name: str
    id: int | None = None


@attrs.define(slots=False)
class Dicted:
    """With a `__dict__`."""

    name: str
    id: int | None = None


@attrs.frozen
class Frozen:
    """Can not be changed."""

    name: str
    id: int | None = None


@attrs.define(eq=False)
class ById:
    """Compared by identity."""

    name: str
    id: int | None = None


@attrs.define(eq=False)
class Touchy(NeverEqual):
    """Comparing it is an error."""

    name: str
    id: int | None = None


@attrs.define(kw_only=True)
class Keywords:
    """Takes keywords only."""

    id: int | None = None
    name: str


@attrs.define
class Private:
    """Its argument is called `name`."""

    _name: str
    id: int | None = None


@attrs.define
class Mangled:
    """Its attribute is called `_Mangled__name`."""

    __name: str
    id: int | None = None


@attrs.define
class Aliased:
    """Its argument has another name."""

    name: str = attrs.field(alias="called")
    id: int | None = attrs.field(default=None, alias="key")


@attrs.define
class NotInit:
    """An attribute that `__init__` does not take."""

    given: str
    name: str = attrs.field(init=False)
    id: int | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.name = "made by __init__"


@attrs.frozen
class FrozenNotInit:
    """The same, where not even `__init__` sets it."""

    given: str
    name: str = attrs.field(init=False, default="made by __init__")
    id: int | None = attrs.field(init=False, default=None)


@attrs.define
class Converted:
    """Its `__init__` converts."""

    name: str = attrs.field(converter=str.strip)
    id: int | None = None


@attrs.define
class Validated:
    """Its `__init__` validates."""

    name: str = attrs.field(validator=attrs.validators.min_len(1))
    id: int | None = None


@attrs.define
class Parent:
    """Is inherited from."""

    name: str
    id: int | None = None


@attrs.define
class Child(Parent):
    """Has the attributes of its base as well."""

    more: int = 0


@attrs.define(init=False)
class OwnInit:
    """Writes its own `__init__`."""

    name: str
    id: int | None

    def __init__(self, name: str, id: int | None = None) -> None:  # noqa: A002 - the attribute's name
        self.name, self.id = name, id


@attrs.define
class Clashing:
    """Its attributes are called like what the generated code uses."""

    record: str
    get: str
    value: str
    entity: str
    Entity: str
    key: str
    old: str
    changes: str
    set_attribute: str
    encode: str
    id: int | None = None


@attrs.define
class Umlaut:
    """Not all names are ASCII."""

    größe: int  # noqa: PLC2401 - the point of this class
    id: int | None = None


@attr.s
class OldStyle:
    """As attrs was written once."""

    name = attr.ib()
    id = attr.ib(default=None)


@attr.s(auto_attribs=True, order=True)
class OldTyped:
    """As it was written then."""

    name: str
    id: int | None = None


@attrs.define
class Point:
    """A nested class."""

    x: int
    y: int = 0


@attrs.define
class Nesting:
    """Holds others."""

    at: Point
    path: list[Point] = attrs.field(factory=list)
    by_name: dict[str, Point | None] = attrs.field(factory=dict)
    id: int | None = None


SHAPES = [
    Slotted("a"),
    Dicted("a"),
    Frozen("a"),
    ById("a"),
    Touchy("a"),
    Keywords(name="a"),
    Private("a"),
    Mangled("a"),
    Aliased("a"),
    NotInit("a"),
    FrozenNotInit("a"),
    Converted(" a "),
    Validated("a"),
    Child("a", more=3),
    OwnInit("a"),
    Clashing(*"abcdefghij"),
    Umlaut(3),
    OldStyle("a"),
    OldTyped("a"),
    Nesting(Point(1), [Point(2, 3)], {"a": Point(4), "b": None}),
]


def attributes_of(entity: object) -> dict[str, Any]:
    """All attributes of an entity but its key, as its class orders them."""
    names = [each.name for each in attrs.fields(type(entity)) if each.name != "id"]
    return {name: getattr(entity, name) for name in names}


@pytest.mark.parametrize("entity", SHAPES, ids=lambda entity: type(entity).__name__)
def test_every_shape_of_a_class_comes_back(entity: Any):
    """As it was, of the same class, with its key, and clean."""
    mapped = mapped_of(type(entity))
    loaded = mapped.construct(mapped.encode(entity), b"7")
    assert type(entity) is type(loaded)
    assert 7 == loaded.id
    assert attributes_of(entity) == attributes_of(loaded)
    assert {} == mapped.compare(loaded, mapped.snapshot(loaded), b"7")


@pytest.mark.parametrize("entity", SHAPES, ids=lambda entity: type(entity).__name__)
def test_no_shape_of_a_class_is_marked(entity: Any):
    """Neither by storing nor by loading."""
    before = dict(vars(type(entity))), dict(getattr(entity, "__dict__", {}))
    mapped = mapped_of(type(entity))
    loaded = mapped.construct(mapped.encode(entity), b"7")
    mapped.compare(entity, mapped.snapshot(entity), b"7")
    assert before == (dict(vars(type(entity))), dict(getattr(entity, "__dict__", {})))
    assert getattr(entity, "__dict__", {}).keys() == getattr(loaded, "__dict__", {}).keys()


def test_a_loaded_object_is_compared_as_it_stood_after_its_init():
    """What a converter has made of the stored value is no change of the user's."""
    mapped = mapped_of(Converted)
    loaded = mapped.construct({b"name": b"  a  "}, b"7")
    assert "a" == loaded.name
    assert {} == mapped.compare(loaded, mapped.snapshot(loaded), b"7")


# --- values ----------------------------------------------------------------------------------


class Colour(Enum):
    """An Enum of texts."""

    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    """An Enum whose members are integers."""

    LOW = 1
    HIGH = 10


@attrs.define
class Everything:
    """An attribute of each kind."""

    text: str | None = None
    raw: bytes | None = None
    number: int | None = None
    real: float | None = None
    flag: bool | None = None
    exact: Decimal | None = None
    day: date | None = None
    clock: time | None = None
    moment: datetime | None = None
    span: timedelta | None = None
    unique: UUID | None = None
    colour: Colour | None = None
    level: Level | None = None
    texts: list[str] | None = None
    numbers: set[int] | None = None
    mapping: dict[str, list[int | None]] | None = None
    point: Point | None = None
    pair: tuple[int, str] | None = None
    preset: int | None = 5
    required: str = ""
    id: int | None = None


EVERYTHING = mapped_of(Everything)

offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
zones = st.none() | st.just(UTC) | offsets | st.just(ZoneInfo("Europe/Zurich"))

letters = st.characters(exclude_categories=["Cs"])

KINDS: dict[str, st.SearchStrategy[Any]] = {
    "text": st.text(letters),
    "raw": st.binary(),
    "number": st.integers() | st.integers(-(2**64), 2**64),
    "real": st.floats(),
    "flag": st.booleans(),
    "exact": st.decimals(),
    "day": st.dates(),
    "clock": st.times(timezones=st.none() | offsets),
    "moment": st.datetimes(timezones=zones),
    "span": st.timedeltas(),
    "unique": st.uuids(),
    "colour": st.sampled_from(Colour),
    "level": st.sampled_from(Level),
    "texts": st.lists(st.text(letters, max_size=4), max_size=3),
    "numbers": st.sets(st.integers(), max_size=4),
    "mapping": st.dictionaries(
        st.text(letters, max_size=3),
        st.lists(st.none() | st.integers(), max_size=3),
        max_size=3,
    ),
    "point": st.builds(Point, st.integers(), st.integers()),
    "pair": st.tuples(st.integers(), st.text(letters)),
    "preset": st.integers(0, 9),
}

entities = st.builds(
    Everything,
    **{name: st.none() | values for name, values in KINDS.items()},
    required=st.sampled_from(["", "x", "y"]),
)


def spelled(value: object) -> str:
    """What must be the same of a value that comes back: all of it but its zone's name and fold."""
    if isinstance(value, (datetime, time)):
        return f"{type(value).__name__} {value.isoformat()}"
    if isinstance(value, set):
        return repr(sorted(value))
    if isinstance(value, dict):
        return repr(sorted(value.items()))
    return f"{type(value).__name__} {value!r}"


def spelling(entity: object) -> dict[str, str]:
    """All attributes of an entity, spelled."""
    return {name: spelled(value) for name, value in attributes_of(entity).items()}


@given(entities)
def test_every_value_comes_back(entity: Everything):
    """Of its own type, with every digit."""
    assert spelling(entity) == spelling(EVERYTHING.construct(EVERYTHING.encode(entity), b"7"))


@given(entities)
def test_a_loaded_object_is_clean_and_encodes_as_before(entity: Everything):
    """Loading and committing writes nothing, whatever the values."""
    record = EVERYTHING.encode(entity)
    loaded = EVERYTHING.construct(record, b"7")
    assert {} == EVERYTHING.compare(loaded, EVERYTHING.snapshot(loaded), b"7")
    assert record == EVERYTHING.encode(loaded)


@given(entities, entities)
def test_a_change_is_found_exactly(first: Everything, second: Everything):
    """What differs is found, and laid over the old record gives the new one."""
    base = EVERYTHING.encode(first, b"7")
    loaded = EVERYTHING.construct(base, b"7")
    snapshot = EVERYTHING.snapshot(loaded)
    for name, value in attributes_of(second).items():
        setattr(loaded, name, value)

    changes = EVERYTHING.compare(loaded, snapshot, b"7")

    expected = EVERYTHING.encode(second, b"7")
    assert expected == overlaid(base, changes)
    differing = {name for name in base | expected if base.get(name) != expected.get(name)}
    assert differing == {name for name in changes if base.get(name) != changes[name]}
    assert {name for name in changes if not name.startswith(b"!")} == {
        name.encode() for name, value in spelling(first).items() if value != spelling(second)[name]
    }


@given(entities, entities)
def test_a_change_and_back_is_clean(first: Everything, second: Everything):
    """Comparison asks for the state, not for its history."""
    loaded = EVERYTHING.construct(EVERYTHING.encode(first), b"7")
    snapshot, before = EVERYTHING.snapshot(loaded), attributes_of(loaded)
    for name, value in [*attributes_of(second).items(), *before.items()]:
        setattr(loaded, name, value)
    assert {} == EVERYTHING.compare(loaded, snapshot, b"7")


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("mapping", {"a": [1], "b": []}, {"b": [], "a": [1]}),
        ("numbers", {1, 2**70}, {2**70, 1}),
        ("real", math.nan, -math.nan),
        ("exact", Decimal("NaN"), Decimal("NaN")),
        ("moment", datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=timezone.utc)),  # noqa: UP017 - the spelling is the point
        (
            "moment",
            datetime(2024, 7, 1, tzinfo=ZoneInfo("Europe/Zurich")),
            datetime(2024, 7, 1, tzinfo=timezone(timedelta(hours=2))),
        ),
        ("level", Level.HIGH, Level(10)),
        ("texts", [], []),
    ],
    ids=["dict", "set", "nan", "decimal-nan", "utc", "zone", "enum", "list"],
)
def test_equal_values_have_equal_bytes(name: str, first: object, second: object):
    """One value has one spelling."""
    encoded = [EVERYTHING.encode(Everything(**{name: each})) for each in (first, second)]
    assert encoded[0] == encoded[1]


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("text", "", None),
        ("raw", b"", None),
        ("texts", [], None),
        ("real", 0.0, -0.0),
        ("number", 2**53, 2**53 + 1),
        ("exact", Decimal("1.0"), Decimal("1.00")),
        ("exact", Decimal("1E+2"), Decimal(100)),
        ("moment", datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC)),
        ("raw", b"\xc3\xbc", b"\xfc"),
        ("mapping", {"a": []}, {"a": [None]}),
        ("preset", None, 5),
        ("number", int("9" * 4300), 10**4300),
    ],
    ids=[
        "empty text",
        "empty bytes",
        "empty list",
        "minus zero",
        "beyond 2^53",
        "zeros",
        "exponent",
        "aware",
        "bytes",
        "null inside",
        "none and default",
        "huge",
    ],
)
def test_different_values_have_different_bytes(name: str, first: object, second: object):
    """However alike they look."""
    encoded = [EVERYTHING.encode(Everything(**{name: each})) for each in (first, second)]
    assert encoded[0] != encoded[1]


def test_an_integer_of_any_length_comes_back():
    """Beyond what Python by default reads and writes as decimal digits."""
    number = 10**LONG + 1
    assert LONG > sys.get_int_max_str_digits()
    record = EVERYTHING.encode(Everything(number=number))
    assert number == EVERYTHING.construct(record, b"7").number


@pytest.fixture
def no_limit() -> Iterator[None]:
    """A process that spells integers of any length."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    yield
    sys.set_int_max_str_digits(before)


@pytest.mark.parametrize(
    "number", [10**4300, -(10**4300), 10**LONG], ids=["first", "below", "long"]
)
@pytest.mark.usefixtures("no_limit")
def test_a_process_without_a_limit_spells_integers_alike(number: int):
    """Others must read them: in hex, alone, in columns and in conditions."""
    entity = Everything(number=number)
    hexed = hex(number).encode()
    assert hexed == EVERYTHING.encode(entity)[b"number"]
    columns = PLAIN.encode_columns([Plain("a", number)])
    assert columns is not None
    assert [hexed] == columns[b"age"]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (10**LONG + 1, {}),
        (10**LONG, {b"number": hex(10**LONG).encode()}),
        (7, {b"number": b"7"}),
    ],
    ids=["the same", "another", "a short one"],
)
def test_an_integer_of_any_length_is_compared(now: int, expected: dict[bytes, bytes]):
    """As its stored bytes, which are no decimal digits."""
    loaded = EVERYTHING.construct(EVERYTHING.encode(Everything(number=10**LONG + 1)), b"7")
    snapshot = EVERYTHING.snapshot(loaded)
    loaded.number = now
    assert expected == EVERYTHING.compare(loaded, snapshot, b"7")


def test_an_integer_that_becomes_long_is_compared():
    """It was short when it was loaded."""
    loaded = EVERYTHING.construct(EVERYTHING.encode(Everything(number=7)), b"7")
    snapshot = EVERYTHING.snapshot(loaded)
    loaded.number = 10**LONG
    expected = {b"number": hex(10**LONG).encode()}
    assert expected == EVERYTHING.compare(loaded, snapshot, b"7")


def test_a_changed_key_is_found_beside_an_integer_of_any_length():
    """Whatever way the comparison takes."""
    loaded = EVERYTHING.construct(EVERYTHING.encode(Everything()), b"7000")
    snapshot = EVERYTHING.snapshot(loaded)
    loaded.id, loaded.number = 8_000, 10**LONG
    assert {b"id", b"number"} == EVERYTHING.compare(loaded, snapshot, b"7000").keys()


@given(entities, entities)
def test_fields_are_compared_one_by_one_as_they_are_together(first: Everything, second: Everything):
    """Which is done where the short cuts of the generated code do not do."""
    loaded = EVERYTHING.construct(EVERYTHING.encode(first), b"7")
    snapshot = EVERYTHING.snapshot(loaded)
    for name, value in attributes_of(second).items():
        setattr(loaded, name, value)
    changes = EVERYTHING.codec.compare(loaded, snapshot)
    assert changes == compare_by_column(EVERYTHING.attributes, loaded, snapshot)


def test_a_surrogate_is_refused_when_it_is_compared():
    """By the path to it, as when it is encoded."""
    loaded = EVERYTHING.construct(EVERYTHING.encode(Everything()), b"7")
    snapshot = EVERYTHING.snapshot(loaded)
    loaded.text = "\ud800"
    with pytest.raises(ValueRefused, match=r"^Everything\(7\)\.text: "):
        EVERYTHING.compare(loaded, snapshot, b"7")


@pytest.mark.parametrize(
    ("name", "value", "stored"),
    [("number", True, b"1"), ("number", Level.HIGH, b"10"), ("real", 3, b"3.0")],
    ids=["bool", "IntEnum", "int"],
)
def test_a_value_of_a_kindred_type_is_stored_as_the_fields_own(
    name: str, value: object, stored: bytes
):
    """So that it loads again."""
    assert stored == EVERYTHING.encode(Everything(**{name: value}))[name.encode()]


# --- changes inside of values ----------------------------------------------------------------


@attrs.define
class Deep:
    """Values that can be changed in place."""

    tags: list[str] = attrs.field(factory=lambda: ["a"])
    meta: dict[str, Any] = attrs.field(factory=lambda: {"x": [{"y": 1}]})
    bag: set[int] = attrs.field(factory=lambda: {1})
    point: Point = attrs.field(factory=lambda: Point(1))
    points: list[Point] = attrs.field(factory=lambda: [Point(1)])
    id: int | None = None


def set_y(deep: Deep) -> None:
    """Change a dict in a list in a dict."""
    deep.meta["x"][0]["y"] = 2


def set_x(deep: Deep) -> None:
    """Change a nested object."""
    deep.point.x = 2


def set_inner_x(deep: Deep) -> None:
    """Change an object in a list."""
    deep.points[0].x = 2


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda deep: deep.tags.append("b"), b"tags"),
        (set_y, b"meta"),
        (lambda deep: deep.bag.add(2), b"bag"),
        (set_x, b"point"),
        (set_inner_x, b"points"),
    ],
    ids=["list", "dict", "set", "object", "object in a list"],
)
def test_a_change_inside_a_value_is_found(change: Callable[[Deep], None], name: bytes):
    """At any depth; and only the field it is in is written."""
    mapped = mapped_of(Deep)
    deep = mapped.construct(mapped.encode(Deep()), b"7")
    snapshot = mapped.snapshot(deep)
    change(deep)
    assert [name] == list(mapped.compare(deep, snapshot, b"7"))


# --- older and damaged records ---------------------------------------------------------------


@attrs.define
class Grown:
    """A class that has got new attributes, each with a default of another sort."""

    name: str
    none: int | None = None
    value: int = 3
    preset: int | None = 5
    made: list[int] = attrs.field(factory=lambda: [1])
    own: str = attrs.field(default=attrs.Factory(lambda self: self.name.upper(), takes_self=True))
    late: str = attrs.field(
        init=False, default=attrs.Factory(lambda self: self.name * 2, takes_self=True)
    )
    id: int | None = None


GROWN = mapped_of(Grown)


def test_an_older_record_loads_the_defaults():
    """Of whatever sort they are."""
    assert Grown("a", id=7) == GROWN.construct({b"name": b"a"}, b"7")


def test_an_older_record_is_clean():
    """Nothing is written because the class has grown."""
    loaded = GROWN.construct({b"name": b"a"}, b"7")
    assert {} == GROWN.compare(loaded, GROWN.snapshot(loaded), b"7")


def test_a_made_default_is_made_for_each():
    """Two entities never share a list."""
    first, second = (GROWN.construct({b"name": b"a"}, b"7") for _ in range(2))
    assert first.made is not second.made


def test_a_none_is_told_from_a_missing_field():
    """It was written as one, though the default is another."""
    record = GROWN.encode(Grown("a", preset=None))
    assert GROWN.construct(record, b"7").preset is None


def test_a_default_that_was_overwritten_is_not_made_again():
    """What is stored counts."""
    grown = Grown("a", own="mine")
    grown.late = "mine, too"
    loaded = GROWN.construct(GROWN.encode(grown), b"7")
    assert ("mine", "mine, too") == (loaded.own, loaded.late)


def test_a_missing_field_without_a_default_is_corrupt():
    """The message names entity and field."""
    with pytest.raises(CorruptRecord) as refused:
        GROWN.construct({}, b"7")
    expected = (
        "Grown(7): the stored record has no field 'name', which has no default; "
        "mend the record or the mapper"
    )
    assert expected == str(refused.value)


def test_a_missing_field_that_may_be_none_is_none():
    """Though the class has no default for it."""
    mapped = mapped_of(attrs.make_class("Thing", {"it": attr_of(int | None), "id": attr_of(int)}))
    assert mapped.construct({}, b"7").it is None


def attr_of(annotation: Any) -> Any:
    """An attribute of a type."""
    return attrs.field(type=annotation)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("text", b"\xff"),
        ("number", b"1.5"),
        ("real", b"x"),
        ("flag", b"2"),
        ("exact", b"x"),
        ("day", b"2024-02-30"),
        ("clock", b"25:00"),
        ("moment", b"x"),
        ("span", b"x"),
        ("unique", b"x"),
        ("colour", b"green"),
        ("texts", b"["),
        ("texts", b"7"),
        ("point", b'{"z":1}'),
    ],
    ids=lambda case: case if isinstance(case, str) else repr(case),
)
def test_a_damaged_field_is_corrupt(name: str, stored: bytes):
    """The message names entity and field, and shows what stands there."""
    with pytest.raises(CorruptRecord) as refused:
        EVERYTHING.construct({b"required": b"", name.encode(): stored}, b"7")
    message = str(refused.value)
    assert message.startswith(f"Everything(7): field {name!r} holds {stored!r}: ")
    assert message.endswith("; mend the record or the mapper")


def test_a_long_damaged_field_is_cut_in_the_message():
    """A message is for reading."""
    with pytest.raises(CorruptRecord) as refused:
        EVERYTHING.construct({b"required": b"", b"number": b"x" * 10**6}, b"7")
    assert len(str(refused.value)) < 500


def test_a_record_that_the_class_refuses_is_corrupt():
    """The validators run on loading; what they say names the entity."""
    mapped = mapped_of(Validated)
    with pytest.raises(CorruptRecord, match=r"^Validated\(7\): .*Length of 'name' must be >= 1"):
        mapped.construct({b"name": b""}, b"7")


def test_a_key_that_can_not_be_read_is_corrupt():
    """As a member of a foreign listing would be."""
    with pytest.raises(CorruptRecord, match="Validated"):
        mapped_of(Validated).construct({b"name": b"a"}, b"abc")


@attrs.define
class Secretive:
    """Hides what it holds."""

    pin: int | None = attrs.field(default=None, repr=False)
    words: list[str] | None = attrs.field(default=None, repr=False)
    id: int | None = None


def chain(error: BaseException | None) -> str:
    """An error and all that would be shown with it."""
    shown = ""
    while error is not None:
        shown += repr(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return shown


@pytest.mark.parametrize("record", [{b"pin": b"hush"}, {b"words": b'["hush"'}], ids=repr)
def test_a_damaged_hidden_field_is_not_shown(record: Record):
    """Neither by the message nor by what caused it."""
    with pytest.raises(CorruptRecord) as refused:
        mapped_of(Secretive).construct(record, b"7")
    assert "hush" not in chain(refused.value)


@pytest.mark.parametrize(
    "entity", [Secretive(pin="hush"), Secretive(words=["hush\ud800"])], ids=["scalar", "nested"]
)
def test_a_refused_hidden_value_is_not_shown(entity: Secretive):
    """Neither on insert nor on update."""
    mapped = mapped_of(Secretive)
    with pytest.raises(ValueRefused) as inserting:
        mapped.encode(entity, b"7")
    with pytest.raises(ValueRefused) as updating:
        mapped.compare(entity, mapped.snapshot(Secretive()), b"7")
    assert "hush" not in chain(inserting.value) + chain(updating.value)
    assert inserting.value.path.startswith("Secretive(7).")


# --- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"text": 7}, "Everything(7).text: 7 is int, str expected"),
        ({"required": None}, "Everything(7).required: None is NoneType, str expected"),
        (
            {"text": "a\udfff"},
            "Everything(7).text: lone surrogate U+DFFF at position 1 of the text",
        ),
        ({"flag": 1}, "Everything(7).flag: 1 is int, bool expected"),
        (
            {"day": datetime(2024, 1, 2)},
            "Everything(7).day: datetime.datetime(2024, 1, 2, 0, 0) is datetime, date expected",
        ),
        ({"colour": "red"}, "Everything(7).colour: 'red' is str, Colour expected"),
    ],
    ids=["type", "none", "surrogate", "bool", "datetime as date", "enum"],
)
def test_a_value_of_another_type_is_refused(attributes: dict[str, Any], message: str):
    """On insert and on update, with the path to it."""
    entity = Everything(**attributes)
    snapshot = EVERYTHING.snapshot(Everything())
    refused = []
    for encode in (
        lambda: EVERYTHING.encode(entity, b"7"),
        lambda: EVERYTHING.compare(entity, snapshot, b"7"),
    ):
        with pytest.raises(ValueRefused) as caught:
            encode()
        refused.append(caught.value)
    assert [message, message] == [*map(str, refused)]
    assert next(iter(attributes.values())) == refused[0].value


# --- what is derived -------------------------------------------------------------------------


@attrs.define
class Person:
    """Is computed with."""

    name: str
    score: float = 0.0
    scores: list[float] = attrs.field(factory=list)
    email: str | None = None
    id: int | None = None


def person_fields() -> dict[str, Any]:
    """Declarations whose values are derived."""
    score, scores = Field[float](), Field[list[float]]()
    return {
        "name": Field[str](norm=str.casefold),
        "email": Field[str | None](norm=str.casefold),
        "score": score,
        "scores": scores,
        "initial": Computed[str | None](lambda person: person.name[0] if person.name else None),
        "by_score": Ordered(score),
        "by_scores": Lookup(scores),
    }


PERSON = mapped_of(Person, **person_fields())


def test_a_record_keeps_what_is_computed_and_normed():
    """The latter where it differs; so that filters and diffs run no code of the user's."""
    record = PERSON.encode(Person("Ann", email="a@x.io"))
    derived = {name: value for name, value in record.items() if not name.isalpha()}
    assert {b"=initial": b"A", b"~name": b"ann"} == derived


def test_a_computed_none_is_absent():
    """Like that of a field."""
    assert b"=initial" not in PERSON.encode(Person(""))


def test_a_changed_record_has_its_derived_values_anew():
    """And keeps the fields that this mapper does not know."""
    base = PERSON.encode(Person("Ann", email="A@x.io"), b"7") | {b"unknown": b"kept", b"@": b"v"}
    person = Person("bob", email="b@x.io", id=7)
    changes = {b"name": b"bob", b"email": b"b@x.io"}
    record = PERSON.changed_record(person, base, changes, b"7")
    expected = PERSON.encode(person, b"7") | {b"unknown": b"kept", b"@": b"v"}
    assert expected == record


def test_a_failing_computation_is_refused_by_name():
    """Whatever it raises."""
    mapped = mapped_of(Person, odd=Computed[str](lambda person: person.nope))
    with pytest.raises(ValueRefused) as refused:
        mapped.encode(Person("Ann"), b"7")
    assert str(refused.value).startswith("Person(7).odd: computing it failed with AttributeError: ")


def test_a_failing_norm_is_refused_by_name():
    """Whatever it raises."""
    mapped = mapped_of(Person, email=Field[str | None](norm=lambda text: text.split("@")[1]))
    with pytest.raises(ValueRefused, match=r"^Person\(7\)\.email: .*IndexError"):
        mapped.encode(Person("Ann", email="nowhere"), b"7")


def test_a_norm_that_answers_none_is_refused_by_name():
    """An index and a condition could not agree on it."""
    mapped = mapped_of(Person, email=Field[str | None](norm=lambda text: text.strip() or None))
    with pytest.raises(ValueRefused, match=r"^Person\(7\)\.email: "):
        mapped.encode(Person("Ann", email=" "), b"7")


@pytest.mark.parametrize(
    ("attributes", "path"),
    [({"score": math.nan}, "Person(7).score"), ({"scores": [1.0, math.nan]}, "Person(7).scores")],
    ids=["scalar", "element"],
)
def test_nan_in_an_indexed_field_is_refused(attributes: dict[str, Any], path: str):
    """It has no place in an order."""
    with pytest.raises(ValueRefused, match="NaN has no place in an order") as refused:
        PERSON.encode(Person("Ann", **attributes), b"7")
    assert refused.value.path.startswith(path)


def test_nan_in_a_field_without_an_index_is_stored():
    """It can be, and comes back."""
    mapped = mapped_of(Person)
    record = mapped.encode(Person("Ann", score=math.nan))
    assert math.isnan(mapped.construct(record, b"7").score)


@pytest.mark.parametrize(
    ("mapped", "expected"),
    [
        (mapped_of(Person), False),
        (mapped_of(Person, name=Field[str]()), False),
        (mapped_of(Person, name=Field[str](norm=str.casefold)), True),
        (mapped_of(Person, odd=Computed[str](lambda person: person.name)), True),
        (PERSON, True),
    ],
    ids=["nothing", "field", "norm", "computed", "all"],
)
def test_a_mapper_derives_or_does_not(mapped: MappedClass, expected: bool):  # noqa: FBT001 - a case
    """Values beside its attributes."""
    assert expected == mapped.derives


def test_a_mapper_that_must_look_for_nan_derives():
    """Before the value is written, which an index could not place."""
    score = Field[float]()
    mapped = mapped_of(Person, score=score, by_score=Ordered(score))
    assert mapped.derives


@pytest.mark.parametrize(
    ("options", "body", "expected"),
    [
        (None, {}, True),
        ({"conflict": "fields"}, {}, False),
        ({"conflict": "overwrite"}, {}, False),
        (None, {"name": Field[str](norm=str.casefold)}, False),
    ],
    ids=["version", "fields", "overwrite", "norm"],
)
def test_a_change_is_plain_or_is_not(options: Any, body: Any, expected: bool):  # noqa: FBT001 - a case
    """It is where it is written as it is, and the version checks it."""
    assert expected == mapped_of(Person, options, **body).plain


def test_every_column_is_one_of_an_attribute_or_computed():
    """Each once; the key has its own place."""
    expected = ["name", "score", "scores", "email", "initial"]
    assert expected == [column.name for column in PERSON.every_column]


def test_the_key_stands_beside_the_fields():
    """Encoded apart, since a sequence may give it later."""
    person = Person("Ann", id=7)
    assert PERSON.encode(person, b"7") == {**PERSON.encode_fields(person, b"7"), b"id": b"7"}
    assert PERSON.encode(person) == PERSON.encode_fields(person, None)


def test_a_refused_field_names_its_entity():
    """By the key, which is not encoded."""
    with pytest.raises(ValueRefused, match=r"^Person\(7\)\.score: NaN"):
        PERSON.encode_fields(Person("Ann", score=math.nan), b"7")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {b"a": b"1", b"b": b"2"}),
        ({b"a": b"3"}, {b"a": b"3", b"b": b"2"}),
        ({b"c": b"3"}, {b"a": b"1", b"b": b"2", b"c": b"3"}),
        ({b"a": None}, {b"b": b"2"}),
        ({b"c": None}, {b"a": b"1", b"b": b"2"}),
    ],
    ids=repr,
)
def test_changes_are_laid_over_a_record(changes: dict[bytes, bytes | None], expected: Record):
    """None removes a field; the record below stays as it is."""
    base = {b"a": b"1", b"b": b"2"}
    assert expected == overlaid(base, changes)
    assert {b"a": b"1", b"b": b"2"} == base


some_records = st.dictionaries(st.sampled_from([b"a", b"b", b"@"]), st.sampled_from([b"", b"1"]))


@given(some_records, some_records)
def test_differences_laid_over_a_record_are_the_other(base: Record, record: Record):
    """And there are no more than it takes."""
    changes = differences(base, record)
    assert record == overlaid(base, changes)
    assert {name for name in base | record if base.get(name) != record.get(name)} == set(changes)


# --- keys ------------------------------------------------------------------------------------


def loaded_person(key: int) -> Person:
    """One with a key that is no small integer, of which there is but one object."""
    return PERSON.construct(PERSON.encode(Person("Ann")), b"%d" % key)


def test_a_snapshot_begins_with_the_key():
    """As it is: it can not change in place."""
    person = loaded_person(7_000)
    assert person.id is PERSON.snapshot(person)[0]


def test_a_changed_key_is_found():
    """Under its own stored name."""
    person = loaded_person(7_000)
    snapshot = PERSON.snapshot(person)
    person.id = 8_000
    assert {b"id": b"8000"} == PERSON.compare(person, snapshot, b"7000")


def test_an_equal_key_in_another_object_is_no_change():
    """What is stored alike is equal."""
    person = loaded_person(7_000)
    snapshot = PERSON.snapshot(person)
    person.id = int("7000")
    assert person.id is not snapshot[0]
    assert {} == PERSON.compare(person, snapshot, b"7000")


def test_a_key_knows_the_name_of_its_field():
    """As it is stored."""
    assert b"id" == PERSON.key.stored


@given(st.integers(1 - 10**110, 10**110 - 1))
@example(10**18)
@example(10**18 - 1)
@example(-(10**18))
def test_an_integer_key_is_its_digits(key: int):
    """However many there are."""
    assert str(key).encode() == PERSON.encode_key(key)
    assert key == PERSON.decode_key(PERSON.encode_key(key))


@pytest.mark.parametrize("key", [True, 7.0, None], ids=repr)
def test_what_only_equals_an_integer_is_taken_or_refused_as_before(key: object):
    """A bool is its int; a float is none."""
    if key is True:
        assert b"1" == PERSON.encode_key(key)
        return
    with pytest.raises(ValueRefused, match=r"^Person key: .* int expected"):
        PERSON.encode_key(key)


class Rank(IntEnum):
    """A key that is an integer, and more."""

    FIRST = 1


def test_a_key_is_decoded_as_its_own_type():
    """The function for it is found once."""
    mapped = mapped_of(attrs.make_class("Ranked", {"id": attr_of(Rank)}), id=Key[Rank]())
    assert mapped.decode_key(b"1") is Rank.FIRST
    assert mapped.decode_key is mapped.decode_key


def test_a_key_of_another_type_is_refused():
    """By the class's name."""
    with pytest.raises(ValueRefused) as refused:
        PERSON.encode_key("7")
    assert "Person key: '7' is str, int expected" == str(refused.value)


def test_an_integer_key_has_a_limit():
    """Which is said before anything is stored."""
    assert b"9" * 110 == PERSON.encode_key(10**110 - 1)
    with pytest.raises(ValueRefused, match=r"^Person key: an integer key has at most 110 digits"):
        PERSON.encode_key(10**110)


@pytest.mark.parametrize(("key", "expected"), [(b"7", "Person(7)"), (None, "Person(new)")])
def test_an_entity_has_a_title(key: bytes | None, expected: str):
    """Which messages call it by."""
    assert expected == PERSON.title(key)


# --- attributes without a value ------------------------------------------------------------------


@attrs.define
class Unset:
    """One of its attributes has no value before somebody gives it one."""

    name: str = ""
    later: int = attrs.field(init=False)
    id: int | None = None


def test_an_attribute_that_is_not_set_is_refused():
    """On insert and on update, by its path."""
    mapped = mapped_of(Unset)
    entity = Unset()
    with pytest.raises(ValueRefused) as inserting:
        mapped.encode(entity, b"7")
    entity.later = 1
    snapshot = mapped.snapshot(entity)
    del entity.later
    with pytest.raises(ValueRefused) as updating:
        mapped.compare(entity, snapshot, b"7")
    for refused in (inserting, updating):
        assert "Unset(7).later: it is not set; give it a value" == str(refused.value)


# --- a text in place of a collection -------------------------------------------------------------


@attrs.define
class Tagged:
    """Its tags are normed and computed from."""

    name: str = ""
    tags: list[str] = attrs.field(factory=list)
    words: Sequence[str] = ()
    id: int | None = None


TAGGED = mapped_of(
    Tagged,
    name=Field[str](),
    tags=Field[list[str]](norm=str.casefold),
    letters=Computed[list[str]](lambda tagged: tagged.name or []),
)


@pytest.mark.parametrize(("attribute", "value"), [("tags", "abc"), ("words", "abc"), ("tags", {})])
def test_a_text_is_not_taken_for_its_characters(attribute: str, value: Any):
    """Not even where they are what had been loaded."""
    loaded = Tagged(tags=[*value], words=(*value,))
    snapshot = TAGGED.snapshot(loaded)
    setattr(loaded, attribute, value)
    for refuse in (
        lambda: TAGGED.compare(loaded, snapshot, b"7"),
        lambda: TAGGED.encode(loaded, b"7"),
        lambda: TAGGED.snapshot(loaded),
    ):
        with pytest.raises(ValueRefused, match=f"{attribute}: .* is (str|dict), "):
            refuse()


def test_a_computed_collection_is_one():
    """What a function gives is stored as any value is."""
    with pytest.raises(ValueRefused, match=r"Tagged\(7\)\.letters: 'Ann' is str, list expected"):
        TAGGED.encode(Tagged("Ann"), b"7")
