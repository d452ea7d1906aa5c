"""Entities made by position are those that are made of records, and fail as they do."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redmapper import Field, Key, Mapper, MapperRegistry
from redmapper.errors import CorruptRecord
from redmapper.mapping.construction import ByPosition
from redmapper.mapping.mapped import MappedClass
from redmapper.strategies.lua import objects
from redmapper.strategies.lua.layout import PIECE, cut, cuttable, joined, positions
from redmapper.strategies.lua.objects import (
    BareRow,
    Fields,
    entities_of,
    entities_of_rows,
    record_of,
)


@attrs.define
class Thing:
    """An attribute of each sort that generated code takes care of."""

    text: str
    number: int
    day: date
    real: float = 0.5
    moment: datetime | None = None
    preset: int | None = 5
    texts: list[str] = attrs.field(factory=list)
    raw: bytes | None = attrs.field(default=b"x", alias="cooked")
    _private: str = ""
    own: str = attrs.field(default=attrs.Factory(lambda self: self.text.upper(), takes_self=True))
    late: str = attrs.field(
        init=False, default=attrs.Factory(lambda self: self.text * 2, takes_self=True)
    )
    bare: int = attrs.field(init=False, default=3)
    id: int | None = None


class Things(Mapper[Thing]):
    """Its mapper."""

    id = Key[int]()
    text = Field[str]()


@attrs.define
class Secretive:
    """An attribute that must not be shown, and one that is refused."""

    name: str = attrs.field(validator=attrs.validators.max_len(3))
    pin: int = attrs.field(default=1, repr=False)
    id: int | None = None


class Secretives(Mapper[Secretive]):
    """Its mapper."""

    id = Key[int]()


REGISTRY = MapperRegistry(Things, Secretives)
MAPPED, SECRETIVE = REGISTRY.mapped(Thing), REGISTRY.mapped(Secretive)
THING = Thing("a", 1, date(2026, 1, 2))

sizes = st.sampled_from([0, 1, 63, 64, 65, 127, 128, 129, 192, 511, 512, 513, 700])
texts = st.builds(lambda size, fill: fill * size, sizes, st.sampled_from("xy"))
things = st.builds(
    Thing,
    text=texts,
    number=st.integers() | st.integers(10**17, 10**25),
    day=st.dates(),
    real=st.floats(allow_nan=False),
    moment=st.none() | st.datetimes(),
    preset=st.none() | st.integers(0, 9),
    texts=st.lists(texts, max_size=3),
    cooked=st.none() | st.binary(max_size=130),
    private=texts,
    own=texts,
)
OPTIONAL = [name for name in MAPPED.loaded if name not in (b"text", b"number", b"day")]


def stored(thing: Thing) -> dict[bytes, bytes | None]:
    """Its hash."""
    return cut(MAPPED.encode_fields(thing, None) | {b"@": b"v"})


@st.composite
def hashes(draw: st.DrawFn) -> dict[bytes, bytes | None]:
    """Hashes in any order, older than some attributes, with fields that nobody knows."""
    record = MAPPED.encode_fields(draw(things), None) | {b"@": b"v"}
    for name in draw(st.sets(st.sampled_from(OPTIONAL))):
        record.pop(name, None)
    foreign = draw(st.dictionaries(st.sampled_from([b"new", b"text:9", b"raw:2"]), st.binary()))
    return dict(draw(st.permutations(list({**foreign, **cut(record)}.items()))))


def flat(fields: dict[bytes, Any]) -> list[Any]:
    """A hash as HGETALL answers it under RESP2."""
    return [word for pair in fields.items() for word in pair]


def by_record(reply: Any, mapped: MappedClass = MAPPED, key: bytes = b"7") -> Any:
    """The entity, made of its record."""
    record = joined(reply, mapped, key)
    return None if record is None else mapped.construct(record, key)


def by_position(reply: Any, mapped: MappedClass = MAPPED) -> Any:
    """The entity, made by the constructor for its shape: what is wrong with it shows itself."""
    construct = mapped.codec.constructors.at(positions(tuple(reply[::2]), mapped))
    return construct(reply, 7)


@given(hashes())
def test_an_entity_by_position_is_the_one_of_its_record(fields: dict[bytes, Any]):
    """Whatever the order of its fields, and whatever is missing."""
    assert by_record(flat(fields)) == by_position(flat(fields))


@given(st.lists(st.none() | st.just({}) | hashes(), max_size=6))
def test_many_come_in_any_mixture(all_fields: list[dict[bytes, Any] | None]):
    """Of shapes and of what is not there, under RESP2 and under RESP3."""
    keys = [b"%d" % key for key in range(len(all_fields))]
    replies = [None if fields is None else flat(fields) for fields in all_fields]
    expected = [by_record(reply, key=key) for reply, key in zip(replies, keys, strict=True)]
    assert expected == entities_of(replies, MAPPED, keys)
    assert expected == entities_of(all_fields, MAPPED, keys)


def row_of(reply: list[Any], names: tuple[bytes, ...], cut_ones: tuple[bytes, ...]) -> BareRow:
    """A hash as the script answers it: what follows a full first piece is a value of its own."""
    first, record = dict(zip(reply[::2], reply[1::2], strict=True)), joined(reply, MAPPED, b"7")
    rest = [(record or {}).get(name, b"")[PIECE:] or None for name in cut_ones]
    return b"7", [*map(first.get, names), *rest], Fields(names, cut_ones)


@given(hashes(), st.permutations(MAPPED.loaded), st.sets(st.sampled_from(cuttable(MAPPED))))
def test_a_row_is_the_entity_of_its_record(
    fields: dict[bytes, Any], names: list[bytes], more: set[bytes]
):
    """With None for what is not stored, and what follows full first pieces, here or elsewhere."""
    reply = flat(fields)
    record = joined(reply, MAPPED, b"7") or {}
    long = [name for name in cuttable(MAPPED) if len(fields.get(name) or b"") == PIECE]
    cut_ones = tuple(name for name in names if name in long or name in more)
    row = row_of(reply, tuple(names), cut_ones)
    assert {**record, **record_of(row, MAPPED)} == record
    expected = MAPPED.construct(record_of(row, MAPPED), b"7")
    assert expected == MAPPED.construct(record, b"7")
    assert [expected] == entities_of_rows([row], MAPPED)


def test_rows_of_several_replies():
    """Each says which of its fields are cut; a row before the first that is has no more values."""
    long = MAPPED.encode_fields(attrs.evolve(THING, text="y" * 70), None)
    short = MAPPED.encode_fields(THING, None)
    names = MAPPED.loaded
    plain, cut_text = Fields(names), Fields(names, (b"text",))
    values = [*map(short.get, names)]
    pieces = [*map((long | {b"text": b"y" * 64}).get, names), b"y" * 6]
    rows: list[BareRow] = [
        (b"7", values, plain),
        (b"7", values, cut_text),
        (b"7", pieces, cut_text),
    ]
    texts = [each.text for each in entities_of_rows([*rows, (b"7", values, plain)], MAPPED)]
    assert ["a", "a", "y" * 70, "a"] == texts


def test_there_are_only_so_many_constructors(monkeypatch: pytest.MonkeyPatch):
    """Beyond them entities are made of records."""
    monkeypatch.setattr(objects, "MOST_CONSTRUCTORS", 0)
    monkeypatch.setattr(objects, "_constructors", lambda _: {})
    assert [by_record(flat(stored(THING)))] == entities_of([flat(stored(THING))], MAPPED, [b"7"])


def test_a_constructor_can_be_read():
    """A value in pieces is put together where the first is full."""
    places = positions((b"text", b"@", b"text:1", b"raw", b"raw:1"), MAPPED)
    source = "\n".join(MAPPED.codec.constructors.lines(places))
    assert "(found[1] + found[5] if len(found[1]) == 64 else found[1])" in source
    assert "(found[1] + found[5] if len(found[1]) == 64 else found[1]).decode()," in source
    assert "absent_number(())" in source


def test_a_constructor_of_rows_can_be_read():
    """What must be there is not asked for: None fails, and the record tells what is wrong."""
    places = ByPosition({b"text": [0, 3], b"number": [1], b"real": [2]}, full=64, gaps=True)
    source = "\n".join(MAPPED.codec.constructors.loop(places))
    assert " int(found[1])," in source
    assert "float(value) if (value := found[2]) is not None else absent_real(" in source
    whole = "(found[0] + (found[3] or b'') if len(found[0] or b'') == 64 else found[0])"
    assert f" {whole}.decode()," in source
    assert "id=int(key)," in source


def message(work: Callable[[], object]) -> str:
    """The error that it ends with."""
    with pytest.raises(CorruptRecord) as refused:
        work()
    return str(refused.value)


@pytest.mark.parametrize(
    ("mapped", "fields"),
    [
        (MAPPED, {b"text": b"a"}),
        (MAPPED, {**stored(THING), b"number": b"many"}),
        (MAPPED, {**stored(THING), b"text": b"\xff"}),
        (SECRETIVE, {b"name": b"a", b"pin": b"secret"}),
        (SECRETIVE, {b"name": b"much too long"}),
    ],
    ids=["missing", "no number", "no text", "hidden", "refused by the class"],
)
def test_what_is_wrong_is_named_as_ever(mapped: MappedClass, fields: dict[bytes, Any]):
    """Entity and field; and no value that must not be shown."""
    expected = message(lambda: by_record(flat(fields), mapped))
    assert expected == message(lambda: entities_of([flat(fields)], mapped, [b"7"]))
    values = [fields.get(name) for name in mapped.loaded]
    rows: list[BareRow] = [(b"7", values, Fields(mapped.loaded))]
    assert expected == message(lambda: entities_of_rows(rows, mapped))
    assert "secret" not in expected


def test_a_key_that_can_not_be_read_is_named():
    """As one of a record."""
    reply = flat(stored(THING))
    expected = message(lambda: by_record(reply, key=b"abc"))
    assert expected == message(lambda: entities_of([reply], MAPPED, [b"abc"]))
    assert expected == message(lambda: entities_of_rows([plain_row(THING, b"abc")], MAPPED))


def plain_row(thing: Thing, key: bytes) -> BareRow:
    """A row of fields none of which is cut."""
    return key, [*map(stored(thing).get, MAPPED.loaded)], Fields(MAPPED.loaded)


def test_of_many_rows_the_damaged_one_is_named():
    """Not the first or the last of them."""
    rows = [plain_row(THING, b"%d" % key) for key in range(5)]
    rows[3] = (b"3", [b"a", b"many", *rows[3][1][2:]], rows[3][2])
    refused = message(lambda: entities_of_rows(rows, MAPPED))
    assert "Thing(3): field 'number' holds b'many'" in refused


def test_what_only_its_record_can_make_stands_in_its_place():
    """An integer that is stored in hex, because it is very long, among others."""
    numbers = [1, 10**4300 + 1, 2]
    things = [attrs.evolve(THING, number=number) for number in numbers]
    rows = [plain_row(thing, b"%d" % key) for key, thing in enumerate(things)]
    replies = [flat(stored(thing)) for thing in things]
    assert numbers == [each.number for each in entities_of_rows(rows, MAPPED)]
    assert numbers == [each.number for each in entities_of(replies, MAPPED, [b"1", b"2", b"3"])]


@attrs.define
class Named:
    """Its key is text, and is not given to `__init__`."""

    note: str
    name: str = attrs.field(init=False, default="")


class Nameds(Mapper[Named]):
    """Its mapper."""

    name = Key[str]()


def test_a_key_of_another_kind_is_read_as_that():
    """And set where `__init__` does not take it."""
    mapped = MapperRegistry(Nameds).mapped(Named)
    rows: list[BareRow] = [(key, [b"x"], Fields((b"note",))) for key in (b"a", b"\xc3\xa4")]
    assert ["a", "\xe4"] == [each.name for each in entities_of_rows(rows, mapped)]
    source = "\n".join(mapped.codec.constructors.loop(ByPosition({b"note": [0]}, gaps=True)))
    assert "set_attribute(entity, 'name', decode_name(key))" in source


def test_no_rows_are_no_entities():
    """Of whatever fields."""
    assert [] == entities_of_rows([], MAPPED)
