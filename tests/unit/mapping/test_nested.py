"""Nested values: canonical JSON, and refusals that say where inside the value."""

import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import attrs
import pytest
from cattrs import Converter
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
    with pytest.raises(ValueRefused, match=r"\['x'\] would not load again as list\[int\]: Value"):
        codec.encode_checked(["x"])


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
