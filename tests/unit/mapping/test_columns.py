"""What an annotation says about storing, however it is written.

This module postpones the evaluation of annotations, as many users' modules do: the classes below
have them as text.
"""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, List, Literal, NewType, Optional, Set  # noqa: UP035
from uuid import UUID

import attrs
import pytest
from cattrs import Converter

from redmapper import Field, Key, Mapper, MapperRegistry, MappingError, ValueRefused
from redmapper.mapping.annotations import annotation_of
from redmapper.mapping.columns import Column, agrees, read_kind
from redmapper.mapping.nested import nested_converter

if typing.TYPE_CHECKING:
    from somewhere import ForCheckersOnly

CONVERTER = nested_converter(Converter())
UserId = NewType("UserId", int)


class Colour(Enum):
    """An Enum of texts."""

    RED = "red"


class Mixed(Enum):
    """An Enum of values of several kinds."""

    ONE = 1
    TWO = "two"


@attrs.define
class Address:
    """A nested value."""

    city: str


# --- what a type is stored as ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (int, "int"),
        (int | None, "int"),
        (Optional[int], "int"),  # noqa: UP045 - the spelling is the point
        (Annotated[int, "positive"], "int"),
        (Annotated[int | None, "positive"], "int"),
        (UserId, "int"),
        (Literal["a", "b"], "text"),
        (Literal[1, 2], "int"),
        (Colour, "text"),
        (Decimal, "decimal"),
    ],
    ids=repr,
)
def test_a_scalar_is_found_under_what_says_nothing_about_storing(annotation: Any, expected: str):
    """None, Annotated, NewType, and the choice of a Literal or an Enum."""
    kind = read_kind(annotation, CONVERTER)
    assert kind.scalar is not None
    assert expected == kind.scalar.name


@pytest.mark.parametrize(
    "annotation",
    [list[int], dict[str, int], Address, Any, int | str, Mixed, Literal["a", 1], tuple[int, str]],
    ids=repr,
)
def test_all_else_is_nested(annotation: Any):
    """And goes through the converter."""
    assert read_kind(annotation, CONVERTER).scalar is None


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (int, False),
        (list[int], False),
        (int | None, True),
        (Annotated[int | None, "positive"], True),
        (int | str | None, True),
        (None, True),
        (Any, True),
    ],
    ids=repr,
)
def test_none_is_a_value_where_the_type_says_so(annotation: Any, expected: bool):  # noqa: FBT001 - a case
    """It is then an absent field."""
    annotation = type(None) if annotation is None else annotation
    assert expected == read_kind(annotation, CONVERTER).optional


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (list[str], "text"),
        (set[int] | None, "int"),
        (frozenset[date], "date"),
        (tuple[Colour, ...], "text"),
        (Sequence[Decimal], "decimal"),
        (List[UserId], "int"),  # noqa: UP006 - the spelling is the point
        (list[list[int]], None),
        (list[int | None], None),
        (list[Address], None),
        (tuple[int, int], None),
        (dict[str, int], None),
        (list, None),
    ],
    ids=repr,
)
def test_a_collection_of_scalars_has_elements(annotation: Any, expected: str | None):
    """A `Lookup` can have an entry for each of them."""
    elements = read_kind(annotation, CONVERTER).elements
    assert expected == (None if elements is None else elements.name)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (float, True),
        (bool, True),
        (date | None, True),
        (UUID, True),
        (int, False),
        (str, False),
        (bytes, False),
        (Decimal, False),
        (Colour, False),
        (list[bool], False),
    ],
    ids=repr,
)
def test_some_kinds_are_always_short(annotation: Any, expected: bool):  # noqa: FBT001 - a case
    """An integer or a text may be of any length."""
    assert expected == read_kind(annotation, CONVERTER).short


# --- whether two types agree -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "actual"),
    [
        (int | None, Optional[int]),  # noqa: UP045 - the spelling is the point
        (list[int], List[int]),  # noqa: UP006 - the spelling is the point
        (set[str | None], Set[Optional[str]]),  # noqa: UP006, UP045 - the spelling is the point
        (int, UserId),
        (Annotated[int, 1], int),
        (Any, int),
        (int, Any),
    ],
    ids=repr,
)
def test_spellings_of_one_type_agree(declared: Any, actual: Any):
    """And Any agrees with everything."""
    assert agrees(declared, actual)


@pytest.mark.parametrize(
    ("declared", "actual"),
    [(int, int | None), (int | None, int), (list[int], list[str]), (int, bool), (list, list[int])],
    ids=repr,
)
def test_other_types_disagree(declared: Any, actual: Any):
    """None and the elements included."""
    assert not agrees(declared, actual)


def test_a_key_agrees_without_its_none():
    """But not one of another type."""
    assert agrees(int, int | None, key=True)
    assert not agrees(str, int | None, key=True)
    assert not agrees(int | None, int, key=True)


# --- annotations as text ---------------------------------------------------------------------


@attrs.define
class Event:
    """Its attributes are named like their types, which slots then shadow in the class."""

    date: date
    Decimal: Decimal | None = None
    id: UserId | None = None


def resolved(domain: type) -> dict[str, Any]:
    """The resolved annotations of a class."""
    return {each.name: annotation_of(domain, each) for each in attrs.fields(domain)}


def test_text_is_resolved_in_the_module_of_the_class():
    """Even where an attribute has the name of its own type."""
    assert {"date": date, "Decimal": Decimal | None, "id": UserId | None} == resolved(Event)


def test_text_is_resolved_among_the_names_of_the_class():
    """As the body of the class would."""

    @attrs.define
    class Light:
        Kind = Colour
        kind: Kind

    assert {"kind": Colour} == resolved(Light)


def test_an_attribute_without_annotation_is_anything():
    """As those of the old style are."""
    assert {"it": Any} == resolved(attrs.make_class("Thing", ["it"]))


def test_an_inherited_attribute_is_resolved_where_it_was_written(
    monkeypatch: pytest.MonkeyPatch,
):
    """Not in the module of the child, where its name may be another's."""
    elsewhere = types.ModuleType("elsewhere")
    monkeypatch.setitem(sys.modules, "elsewhere", elsewhere)
    source = "from uuid import UUID as Colour\nclass Parent:\n    made: 'Colour'"
    exec(source, vars(elsewhere))  # noqa: S102 - a module that is only known here
    parent = attrs.define(elsewhere.Parent)

    @attrs.define
    class Child(parent):
        more: Colour = Colour.RED

    assert {"made": UUID, "more": Colour} == resolved(Child)


@attrs.define
class Lazy:
    """One of its types is imported for type checkers only."""

    made: ForCheckersOnly | None = None
    broken: typing.Nothing = None  # type: ignore[name-defined]
    id: int | None = None


@pytest.mark.parametrize(
    ("omitted", "expected"),
    [
        ("broken", "Lazys: the type of Lazy.made can not be resolved"),
        ("made", "Lazys: the type of Lazy.broken can not be resolved"),
    ],
)
def test_text_that_can_not_be_resolved_is_refused(omitted: str, expected: str):
    """The cure is to say the type in the mapper."""

    class Lazys(Mapper[Lazy], omit=(omitted,)):
        id = Key[int]()

    with pytest.raises(MappingError) as refused:
        MapperRegistry(Lazys)
    assert str(refused.value).startswith(expected)
    assert str(refused.value).endswith("= Field[...]()")


def test_a_class_local_to_a_function_is_mapped():
    """Where its text names what only the function knows, the mapper says the types."""

    @attrs.define
    class Inner:
        x: int

    @attrs.define
    class Outer:
        inner: Inner
        inners: list[Inner] = attrs.field(factory=list)
        id: int | None = None

    class Outers(Mapper[Outer]):
        id = Key[int]()
        inner = Field[Inner]()
        inners = Field[list[Inner]]()

    (mapped,) = MapperRegistry(Outers)
    record = mapped.encode(Outer(Inner(1), [Inner(2)]), b"7")
    assert Outer(Inner(1), [Inner(2)], 7) == mapped.construct(record, b"7")


# --- a column --------------------------------------------------------------------------------


def column(annotation: Any, **options: Any) -> Column:
    """A column called `it`."""
    return Column("it", b"it", read_kind(annotation, CONVERTER), **options)


def test_a_refusal_names_the_column():
    """And shows the value."""
    with pytest.raises(ValueRefused) as refused:
        column(int).encode("x")
    assert ".it: 'x' is str, int expected" == str(refused.value)
    assert "x" == refused.value.value


def test_a_refusal_does_not_show_a_hidden_value():
    """Not in its message, not as a fact, not as its cause."""
    with pytest.raises(ValueRefused) as refused:
        column(int, hidden=True).encode("secret")
    error = refused.value
    assert ".it: this str can not be stored there; it is not shown" == str(error)
    assert (None, None) == (error.value, error.__cause__)


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [(str, "Ann", "ann"), (str | None, None, None), (list[str], ["A", "b"], ["a", "b"])],
)
def test_a_norm_is_applied_to_values_and_elements(annotation: Any, value: Any, expected: Any):
    """Never to None."""
    assert expected == column(annotation, norm=str.casefold).normed(value)


def test_a_column_with_a_norm_is_read_from_its_shadow():
    """Which is there where the normed value differs."""
    it = column(str, norm=str.casefold)
    assert (b"it", b"~it") == it.names
    assert "ann" == it.queried({b"it": b"Ann", b"~it": b"ann"})
    assert "ann" == it.queried({b"it": b"ann"})
    assert it.queried({}) is None


def test_a_column_without_a_norm_has_no_shadow():
    """Whatever stands there."""
    assert (b"it",) == column(str).names
    assert "Ann" == column(str).queried({b"it": b"Ann", b"~it": b"ann"})


# --- Literal -------------------------------------------------------------------------------------


@pytest.mark.parametrize("use", ["encode", "order"])
@pytest.mark.parametrize(
    ("annotation", "value", "reason"),
    [
        (Literal["a", "b"], "c", "'c' is none of 'a', 'b'"),
        (Literal["a", "b"], 7, "7 is int, str expected"),
        (Literal[1, 2], 3, "3 is none of 1, 2"),
    ],
    ids=repr,
)
def test_a_literal_takes_its_values_only(use: str, annotation: Any, value: object, reason: str):
    """In what is stored, and in what is compared."""
    scalar = read_kind(annotation, CONVERTER).scalar
    with pytest.raises(ValueRefused, match=f"^{reason}$"):
        getattr(scalar, use)(value)


def test_a_stored_literal_is_one():
    """Another text is damage."""
    scalar = read_kind(Literal["a", "b"], CONVERTER).scalar
    assert scalar is not None
    assert "a" == scalar.decode(b"a")
    with pytest.raises(ValueError, match="b'c' is none of 'a', 'b'"):
        scalar.decode(b"c")


def test_elements_of_a_collection_of_literals():
    """They are checked as single ones are."""
    kind = read_kind(list[Literal["a", "b"]], CONVERTER)
    assert kind.elements is not None
    with pytest.raises(ValueRefused, match="'c' is none of 'a', 'b'"):
        kind.elements.order("c")
    with pytest.raises(ValueRefused, match=r"^\[1\]: 'c' would not load again"):
        kind.codec.encode_checked(["a", "c"])
