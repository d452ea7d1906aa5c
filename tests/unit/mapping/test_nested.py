"""Nested values: canonical JSON, and refusals that say where inside the value."""

import math
import traceback
from collections import defaultdict
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import attrs
import pytest
from cattrs import Converter
from cattrs.gen import make_dict_unstructure_fn, override
from cattrs.preconf.json import make_converter
from hypothesis import given
from hypothesis import strategies as st

from redmapper import Key, Mapper, MapperRegistry, ValueRefused
from redmapper.mapping.nested import Nested, nested_converter


class Colour(Enum):
    """An Enum of texts."""

    RED = "red"


@attrs.define
class Card:
    """A nested attrs class."""

    owner: Any = None
    numbers: list[Any] = attrs.field(factory=list)
    secret: Any = attrs.field(default=None, repr=False)


@attrs.define
class User:
    """An entity that can hold anything."""

    meta: Any = None
    bag: set[Any] = attrs.field(factory=set)
    card: Card = attrs.field(factory=Card)
    cards: dict[str, Card] = attrs.field(factory=dict)
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()


MAPPED = MapperRegistry(Users).mapped(User)


def nested(annotation: Any) -> Nested:
    """How values of such a type are stored."""
    return Nested(annotation, nested_converter(None))


# --- canonical -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (list[int], [1, 2], "[1,2]"),
        (dict[str, int], {"b": 1, "a": 2}, '{"a":2,"b":1}'),
        (set[int], {10, 9}, "[10,9]"),
        (frozenset[str], frozenset("ba"), '["a","b"]'),
        (tuple[int, str], (1, "x"), '[1,"x"]'),
        (list[str], ["ü😀\n"], '["ü😀\\n"]'),
        (list[int], [2**53 + 1], "[9007199254740993]"),
        (list[float], [-0.0, 1e300], "[-0.0,1e+300]"),
        (list[Decimal], [Decimal("1.10")], '["1.10"]'),
        (list[UUID], [UUID(int=1)], '["00000000-0000-0000-0000-000000000001"]'),
        (list[date], [date(2024, 1, 2)], '["2024-01-02"]'),
        (list[datetime], [datetime(2024, 1, 2, 3)], '["2024-01-02T03:00:00"]'),
        (list[time], [time(1, 2)], '["01:02:00"]'),
        (list[timedelta], [timedelta(seconds=1)], '["1000000"]'),
        (list[Colour], [Colour.RED], '["red"]'),
        (list[bytes], [b"\xff"], '["{{"]'),
        (list[int | None], [None], "[null]"),
    ],
    ids=lambda value: repr(sorted(value) if isinstance(value, frozenset) else value),
)
def test_a_nested_value_is_readable_json(annotation: Any, value: Any, expected: str):
    """Keys and sets are sorted, nothing is escaped needlessly, and it loads as it was."""
    codec = nested(annotation)
    assert expected == codec.encode_checked(value).decode()
    assert value == codec.decode(expected.encode())


@given(st.dictionaries(st.text(), st.integers()), st.randoms(use_true_random=False))
def test_equal_dicts_have_equal_bytes(value: dict[str, int], random: Any):
    """Whatever the order in which they were filled."""
    items = list(value.items())
    random.shuffle(items)
    codec = nested(dict[str, int])
    assert codec.encode(value) == codec.encode(dict(items))


@given(st.frozensets(st.text()))
def test_equal_sets_have_equal_bytes(value: frozenset[str]):
    """Whatever the order in which they are walked."""
    codec = nested(list[set[str]])
    backward: set[str] = set()
    for element in sorted(value, reverse=True):
        backward.add(element)
    assert codec.encode([set(value)]) == codec.encode([backward])


def test_nan_equals_itself_when_stored():
    """So that a record with one is not for ever dirty."""
    codec = nested(list[float])
    assert codec.encode([math.nan]) == codec.encode([float("nan")])


def test_sets_are_sorted_with_a_given_converter():
    """Its own hooks for the elements are used before."""
    converter = Converter()
    converter.register_unstructure_hook(int, lambda value: -value)
    assert b"[-1,-2,-3]" == Nested(set[int], nested_converter(converter)).encode({1, 2, 3})


# --- refusals --------------------------------------------------------------------------------


def refusal(**attributes: Any) -> ValueRefused:
    """The refusal of a user."""
    with pytest.raises(ValueRefused) as refused:
        MAPPED.encode(User(**attributes), b"7")
    return refused.value


OPAQUE = object()


@pytest.mark.parametrize(
    ("attributes", "path", "value"),
    [
        ({"meta": OPAQUE}, "User(7).meta", OPAQUE),
        ({"meta": {"a": [0, 1, 2, OPAQUE]}}, 'User(7).meta["a"][3]', OPAQUE),
        ({"meta": {'q"q': (1, OPAQUE)}}, 'User(7).meta["q\\"q"][1]', OPAQUE),
        ({"meta": {7: OPAQUE}}, "User(7).meta[7]", OPAQUE),
        ({"meta": [{(1, 2): 3}]}, "User(7).meta[0].keys()", (1, 2)),
        ({"meta": ["fine", "\ud800"]}, "User(7).meta[1]", "\ud800"),
        ({"card": Card(owner=OPAQUE)}, "User(7).card.owner", OPAQUE),
        ({"cards": {"x": Card(numbers=[OPAQUE])}}, 'User(7).cards["x"].numbers[0]', OPAQUE),
    ],
    ids=lambda case: case if isinstance(case, str) and case.startswith("User") else "",
)
def test_a_refusal_says_where_inside_the_value(
    attributes: dict[str, Any], path: str, value: object
):
    """As one would write it in Python."""
    refused = refusal(**attributes)
    assert path == refused.path
    assert value == refused.value
    assert str(refused).startswith(f"{path}: {value!r} can not be stored as JSON: ")


def test_a_refusal_of_an_element_of_a_set_can_not_say_where():
    """A set has no order; the element is shown."""
    refused = refusal(bag={OPAQUE})
    assert ("User(7).bag{...}", OPAQUE) == (refused.path, refused.value)


def test_a_value_of_another_type_than_the_annotation_is_refused():
    """It would load as something else, or not at all."""
    codec = nested(list[int])
    with pytest.raises(ValueRefused, match=r"^\[0\]: 'x' is str, int expected$"):
        codec.encode_checked(["x"])


@attrs.define
class Part:
    """A nested class with typed attributes."""

    a: int = 0
    tags: list[str] = attrs.field(factory=list)


class Labelled(str):
    """A text with a type of its own."""

    __slots__ = ()


def endless() -> dict[str, Any]:
    """A dict that holds itself."""
    value: dict[str, Any] = {}
    value["self"] = value
    return value


def deep() -> list[Any]:
    """Lists in lists, deeper than Python can go."""
    value: list[Any] = []
    for _ in range(3_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        # A text, bytes or dict has elements too, but is not a collection of them.
        (list[str], "abc", "'abc' is str, list expected"),
        (set[str], "abc", "'abc' is str, set expected"),
        (tuple[str, ...], "xy", "'xy' is str, tuple expected"),
        (list[int], b"ab", "b'ab' is bytes, list expected"),
        (list[str], {"a": 1}, "{'a': 1} is dict, list expected"),
        (list[str], {"a"}, "{'a'} is set, list expected"),
        (list[list[str]], [["ab"], "ab"], "[1]: 'ab' is str, list expected"),
        (dict[str, list[str]], {"k": "ab"}, "[\"k\"]: 'ab' is str, list expected"),
        # What JSON has no type for, where the annotation says none.
        (Any, {"a": [date(2024, 1, 2)]}, '["a"][0]: datetime.date(2024, 1, 2) is date, and would'),
        (Any, [Decimal("1.0")], "[0]: Decimal('1.0') is Decimal, and would load again as str"),
        (Any, [b"x"], "[0]: b'x' is bytes, and would load again as str"),
        (Any, [{1}], "[0]: {1} is set, and would load again as list"),
        (Any, Colour.RED, "<Colour.RED: 'red'> is Colour, and would load again as str"),
        (list, [UUID(int=1)], f"[0]: {UUID(int=1)!r} is UUID, and would load again as str"),
        (dict, {"a": Part(1)}, '["a"]: Part(a=1, tags=[]) is Part, and would load again as dict'),
        (dict[str, Any], {"a": {1: 2}}, '["a"].keys(): 1 is int, and would load again as str'),
        # A value of another type than the annotation's, wherever it stands.
        (dict[str, list[int]], {"a": [1, 2, 3, "x"]}, "[\"a\"][3]: 'x' is str, int expected"),
        (dict[str, list[int]], {"a": [1, 2, 3, "5"]}, "[\"a\"][3]: '5' is str, int expected"),
        (list[str], ["a", 5], "[1]: 5 is int, str expected"),
        (list[str | None], ["a", None, 5], "[2]: 5 is int, str expected"),
        (list[int], [1.0], "[0]: 1.0 is float, int expected"),
        (list[bool], [True, 1], "[1]: 1 is int, bool expected"),
        (
            list[date],
            [datetime(2024, 1, 2)],
            "[0]: datetime.datetime(2024, 1, 2, 0, 0) is datetime",
        ),
        (list[Colour], ["red"], "[0]: 'red' is str, Colour expected"),
        (list[Part], [Part(1), Part("x")], "[1].a: 'x' is str, int expected"),
        (list[Part], [Part(1, ["y", 5])], "[0].tags[1]: 5 is int, str expected"),
        (list[Part], [5], "[0]: 5 is int, Part expected"),
        (Part | None, Part("x"), ".a: 'x' is str, int expected"),
        (tuple[int, str], (1, 2), "[1]: 2 is int, str expected"),
        (set[int], {"x"}, "{...}: 'x' is str, int expected"),
        (dict[int, str], {"x": "y"}, ".keys(): 'x' "),
        (dict[str, str], [("a", "b")], "[('a', 'b')] is list, dict expected"),
        # What has no end.
        (dict[str, Any], endless(), "{'self': {...}} can not be stored: it contains itself or is"),
        (list[Any], deep(), "<list> can not be stored: it contains itself or is nested too deeply"),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_what_would_not_load_as_it_is_is_refused(annotation: Any, value: Any, message: str):
    """By the path to what is at fault; before it is stored."""
    with pytest.raises(ValueRefused) as refused:
        nested(annotation).encode_checked(value)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("annotation", "value", "loaded"),
    [
        (list[str], ("a", "b"), ["a", "b"]),
        (tuple[str, ...], ["a"], ("a",)),
        (set[int], frozenset({1}), {1}),
        (Any, (1, [2, (3,)]), [1, [2, [3]]]),
        (list[float], [1, True], [1.0, 1.0]),
        (set[float], {1, 2}, {1.0, 2.0}),
        (list[int], [True], [1]),
        (list[Decimal], [1], [Decimal(1)]),
        (Any, [Labelled("x")], ["x"]),
        (dict[str, int], defaultdict(int, a=1), {"a": 1}),
    ],
    ids=repr,
)
def test_what_a_type_takes_besides_loads_as_the_type(annotation: Any, value: Any, loaded: Any):
    """A scalar what it takes in a field of its own; a collection one of its sort."""
    codec = nested(annotation)
    assert repr(loaded) == repr(codec.decode(codec.encode_checked(value)))


@attrs.frozen(eq=False)
class Point:
    """A frozen class without an `==`, as it may stand in a set."""

    x: int


def test_elements_of_a_set_without_an_equality_are_told_apart():
    """By what they are stored as."""
    codec = nested(set[Point])
    loaded = codec.decode(codec.encode_checked({Point(1), Point(2)}))
    assert [1, 2] == sorted(point.x for point in loaded)


@attrs.define
class Sparse:
    """A class with an attribute that its converter leaves out."""

    x: int = 0
    cache: dict[str, int] = attrs.field(factory=dict)


def test_what_a_converter_leaves_out_is_no_difference():
    """The user has said so."""
    converter = make_converter()
    hook = make_dict_unstructure_fn(Sparse, converter, cache=override(omit=True))
    converter.register_unstructure_hook(Sparse, hook)
    codec = Nested(list[Sparse], nested_converter(converter))
    assert [Sparse(1)] == codec.decode(codec.encode_checked([Sparse(1, {"a": 1})]))


@pytest.mark.parametrize("converter", [Converter(), make_converter()], ids=["plain", "json"])
@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (list[Decimal], [Decimal("1.0")]),
        (list[UUID], [UUID(int=1)]),
        (list[time], [time(1, 2)]),
        (list[timedelta], [timedelta(1)]),
        (list[datetime], [datetime(2024, 1, 2)]),
        (list[date], [date(2024, 1, 2)]),
    ],
    ids=str,
)
def test_a_given_converter_keeps_the_scalars(converter: Converter, annotation: Any, value: Any):
    """Those that it has no hooks for."""
    codec = Nested(annotation, nested_converter(converter))
    assert value == codec.decode(codec.encode_checked(value))


def test_hooks_of_a_given_converter_stay():
    """For a scalar too: what is stored is what the user says."""
    converter = make_converter()
    converter.register_unstructure_hook(UUID, lambda value: value.hex)
    converter.register_structure_hook(UUID, lambda value, _: UUID(hex=value))
    codec = Nested(list[UUID], nested_converter(converter))
    assert b'["00000000000000000000000000000001"]' == codec.encode_checked([UUID(int=1)])


def test_a_key_of_a_new_entity_is_shown_as_new():
    """Until a sequence has given one."""
    with pytest.raises(ValueRefused) as refused:
        MAPPED.encode(User(meta=OPAQUE))
    assert "User(new).meta" == refused.value.path


@pytest.mark.parametrize(
    "secret", ["hush\ud800", {"hush": OPAQUE}, ["hush", OPAQUE]], ids=["text", "dict", "list"]
)
def test_a_hidden_value_inside_is_not_shown(secret: object):
    """Neither in the message nor as a fact, nor by what caused the refusal."""
    refused: BaseException | None = refusal(card=Card(secret=secret))
    assert refused.value is None
    while refused is not None:
        assert "hush" not in repr(refused)
        refused = refused.__cause__ or (
            None if refused.__suppress_context__ else refused.__context__
        )


@attrs.define
class Locked:
    """A class whose validator of a hidden attribute tells its value."""

    number: int
    pin: str = attrs.field(repr=False)

    @pin.validator
    def _check(self, _: object, pin: str) -> None:
        if LOCKED:
            message = f"weak: {pin}"
            raise ValueError(message)


LOCKED: list[bool] = []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Locked("5", "hush"), ".number: '5' is str, int expected"),
        (Locked(5, ["hush"]), ".pin: this list can not be stored; it is not shown"),
    ],
    ids=["beside it", "itself"],
)
def test_a_refusal_beside_a_hidden_value_does_not_show_it(value: Locked, message: str):
    """The value as it would load again is not shown: only what differs."""
    with pytest.raises(ValueRefused) as refused:
        nested(Locked).encode_checked(value)
    assert message == str(refused.value)
    assert "hush" not in "".join(traceback.format_exception(refused.value))


def test_a_validator_of_a_hidden_attribute_does_not_tell_it(monkeypatch: pytest.MonkeyPatch):
    """What it says may be the value: the kind of error is all that is told."""
    value = [Locked(5, "hush")]
    monkeypatch.setitem(globals(), "LOCKED", [True])
    with pytest.raises(ValueRefused, match=r"would not load again as .*: ValueError$") as refused:
        nested(list[Locked]).encode_checked(value)
    assert "hush" not in "".join(traceback.format_exception(refused.value))
