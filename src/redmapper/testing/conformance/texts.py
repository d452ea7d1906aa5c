"""Keys and values of any content: stored exactly, never cut, never another's."""
# ruff: noqa: PT012 - a unit of work fails where its block ends

from __future__ import annotations

from datetime import date
from typing import Any

import attrs
import pytest

from redmapper.errors import Conflict, Taken, UnsupportedQuery, ValueRefused
from redmapper.mapping.fields import Computed, Field, Key
from redmapper.mapping.indexes import Lookup, Ordered, Unique
from redmapper.mapping.mapper import Mapper
from redmapper.mapping.registry import MapperRegistry
from redmapper.testing.conformance.entities import Traffic, save
from redmapper.testing.conformance.faces import OpenStore


@attrs.define
class Page:
    """Text everywhere."""

    id: str
    title: str | None = None
    body: str | None = None
    tags: list[str] = attrs.field(factory=list)
    links: dict[str, str] = attrs.field(factory=dict)
    extra: Any = None


class Pages(Mapper[Page]):
    """With an index of each kind."""

    id = Key[str]()
    title = Field[str | None]()
    body = Field[str | None]()
    tags = Field[list[str]]()
    first = Computed[str](lambda page: (page.title or "")[:1])

    by_title = Unique(title)
    by_both = Unique(title, body)
    by_body = Lookup(body)
    by_tag = Lookup(tags)
    by_two = Lookup(title, body)
    ordered = Ordered(title, body)


@attrs.define
class Blob:
    """A key and a value of bytes."""

    id: bytes
    data: bytes | None = None


class Blobs(Mapper[Blob]):
    """With an index of each kind."""

    id = Key[bytes]()
    data = Field[bytes | None]()

    by_data = Unique(data)
    lookup = Lookup(data)
    ordered = Ordered(data)


@attrs.define
class Grade:
    """A float with an order, and one without."""

    id: int
    mark: float | None = None
    weight: float | None = None
    history: list[float] = attrs.field(factory=list)


class Grades(Mapper[Grade]):
    """Only `mark` is indexed."""

    id = Key[int]()
    mark = Field[float | None]()
    weight = Field[float | None]()

    by_mark = Ordered(mark)


REGISTRY = MapperRegistry(Pages, Blobs, Grades)

NAN = float("nan")
MEGABYTE = "x" * 1_000_000

TEXTS = {
    "empty": "",
    "space": " ",
    "colon": ":",
    "colons": "a:b::c",
    "braces": "{}",
    "tag": "{shop}",
    "open brace": "a{b",
    "nul": "\0",
    "nul inside": "a\0b",
    "nul at the end": "a\0",
    "end of an encoding": "a\0\1b",
    "escape of an encoding": "\0\xff\1",
    "slash": "/by_title/x",
    "hash": "#schema",
    "glob": "*?[a-z]\\",
    "query syntax": "a|b @c:{d} (e) -f %g% ~h",
    "quotes": "'\"`",
    "newline": "a\r\nb",
    "emoji": "👩‍👩‍👧🏽",
    "combining": "e\u0301",
    "highest": "\U0010ffff",
    "right to left": "שלום",
    "number": "0012",
    "none": "None",
    "json": '{"a": [1]}',
    "percent": "%s%00",
    "64 bytes": "y" * 64,
    "128 two byte": "é" * 64,
}
EVERY_TEXT = pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))

SURROGATES = ["\ud800", "a\udfffb", "\udc80" * 3]
EVERY_SURROGATE = pytest.mark.parametrize("text", SURROGATES, ids=["lone", "inside", "many"])


class TestTexts:
    """Bad input that is none: any text is a value, and a key."""

    @EVERY_TEXT
    def test_as_a_key(self, open_store: OpenStore, text: str) -> None:
        """Got, listed, queried, changed and deleted; and no other key is."""
        store = open_store(REGISTRY)
        others = [f"{text}x", f"y{text}", f"{text}:title", f"{text}\0"]
        save(store, Page(text, "mine"), *(Page(other) for other in others))
        assert Page(text, "mine") == store.require(Page, text)
        assert [text] == [page.id for page in store.query(Page).where(Pages.id == text)]
        assert sorted([text, *others]) == [page.id for page in store.query(Page)]
        with store.unit() as uow:
            uow.require(Page, text).title = "changed"
        assert Page(text, "changed") == store.get_by(Pages.by_title, "changed")
        with store.unit() as uow:
            uow.delete_by_key(Page, text)
        assert sorted(others) == [page.id for page in store.query(Page)]
        assert [None] * 4 == [page.title for page in store.query(Page)]

    @EVERY_TEXT
    def test_as_a_value(self, open_store: OpenStore, text: str) -> None:
        """In a plain field, in a list, as key and value of a dict; clean when it is loaded."""
        store = open_store(REGISTRY)
        page = Page("p", text, text, [text, text], {text: text})
        save(store, page)
        with store.unit() as uow:
            loaded = uow.require(Page, "p")
            assert page == loaded
            assert "clean" == uow.state(loaded)

    @EVERY_TEXT
    def test_as_an_indexed_value(self, open_store: OpenStore, text: str) -> None:
        """Found by each index, and by exactly that value."""
        store = open_store(REGISTRY)
        save(store, Page("p", text, text, [text]))
        other = f"{text}."
        save(store, Page("q", other, other, [other]))
        query = store.query(Page)
        for condition in (
            Pages.title == text,
            Pages.body == text,
            Pages.tags.has(text),
            (Pages.title == text) & (Pages.body == text),
            Pages.title.in_([text]),
            Pages.title <= text,
        ):
            assert ["p"] == [page.id for page in query.where(condition)], condition
        for found in (
            store.get_by(Pages.by_title, text),
            store.get_by(Pages.by_both, text, text),
        ):
            assert "p" == found.id
        assert ["p", "q"] == [page.id for page in query.where(Pages.title.startswith(text))]

    @EVERY_TEXT
    def test_a_unique_value_is_taken(self, open_store: OpenStore, text: str) -> None:
        """And free again when its owner lets go of it; empty text is a value like others."""
        store = open_store(REGISTRY)
        save(store, Page("p", text))
        with pytest.raises(Taken) as refused, store.unit() as uow:
            uow.add(Page("q", text))
        assert (text, "p", "by_title") == (
            refused.value.value,
            refused.value.owner,
            refused.value.index,
        )
        with store.unit() as uow:
            uow.require(Page, "p").title = None
        save(store, Page("q", text))

    @EVERY_TEXT
    def test_changed_into_and_out_of(self, open_store: OpenStore, text: str) -> None:
        """Every piece of the old value is gone, from the record and the indexes."""
        store = open_store(REGISTRY)
        save(store, Page("p", "first"))
        for title in (text, "between", text, None):
            with store.unit() as uow:
                page = uow.require(Page, "p")
                page.title = page.body = title
            assert Page("p", title, title) == store.require(Page, "p")
            rows = store.query(Page).where(Pages.body == title).all()
            assert ["p"] == [row.id for row in rows]
        for gone in (text, "between"):
            assert [] == store.query(Page).where(Pages.body == gone).all()

    def test_a_megabyte(self, open_store: OpenStore) -> None:
        """As a key, as a value in every index, and changed in its last letter."""
        store = open_store(REGISTRY)
        longer = f"{MEGABYTE}y"
        save(store, Page(MEGABYTE, MEGABYTE, MEGABYTE, [MEGABYTE]), Page(longer))
        assert Page(MEGABYTE, MEGABYTE, MEGABYTE, [MEGABYTE]) == store.require(Page, MEGABYTE)
        with store.unit() as uow:
            page = uow.query(Page).where(Pages.tags.has(MEGABYTE)).one()
            page.title = longer
        assert store.get_by(Pages.by_title, MEGABYTE) is None
        rows = store.query(Page).where(Pages.title > MEGABYTE).all()
        assert [(MEGABYTE, longer, MEGABYTE)] == [(row.id, row.title, row.body) for row in rows]
        assert Page(longer) == store.require(Page, longer)

    @pytest.mark.parametrize(
        "data",
        [b"", b"\0", b":", b"{}", b"\xff\xfe", b"\x80", b"\0\1", b"x" * 1000, bytes(range(256))],
        ids=repr,
    )
    def test_bytes(self, open_store: OpenStore, data: bytes) -> None:
        """As key and as value, in every index."""
        store = open_store(REGISTRY)
        save(store, Blob(data, data), Blob(data + b"\0", data + b"\0"))
        assert Blob(data, data) == store.get(Blob, data) == store.get_by(Blobs.by_data, data)
        assert [data] == [blob.id for blob in store.query(Blob).where(Blobs.data == data)]
        assert [data, data + b"\0"] == [blob.id for blob in store.query(Blob).order_by(Blobs.data)]
        with store.unit() as uow:
            uow.delete_by_key(Blob, data)
        assert [data + b"\0"] == [blob.id for blob in store.query(Blob)]

    def test_none_empty_and_the_word_are_three_values(self, open_store: OpenStore) -> None:
        """20: None against "" against "None"."""
        store = open_store(REGISTRY)
        save(store, *(Page(repr(value), value, value) for value in (None, "", "None")))
        for value in (None, "", "None"):
            page = store.require(Page, repr(value))
            assert (value, value) == (page.title, page.body)
            assert [repr(value)] == [row.id for row in store.query(Page).where(Pages.body == value)]

    def test_composite_values_never_collide(self, open_store: OpenStore) -> None:
        """32: ("a|b", "c") is not ("a", "b|c"), whatever stands between."""
        store = open_store(REGISTRY)
        splits = [
            (joined[:at], joined[at + 1 :])
            for joined in ("a|b|c", "a:b:c", "a\0b\0c", "a\0\1b\0\1c", "a  c", "aaaa")
            for at in range(1, len(joined) - 1)
        ]
        pairs = list(dict.fromkeys(splits))
        save(store, *(Page(repr(pair), f"{pair[0]}", pair[1]) for pair in pairs[:1]))
        registry = MapperRegistry(Composites)
        save(open_store(registry), *(Composite(at, *pair) for at, pair in enumerate(pairs)))
        other = open_store(registry)
        for at, pair in enumerate(pairs):
            assert at == other.get_by(Composites.by_both, *pair).id
            rows = other.query(Composite).where(
                Composites.first == pair[0], Composites.second == pair[1]
            )
            assert [at] == [row.id for row in rows]

    def test_prefixes_are_literal(self, open_store: OpenStore) -> None:
        """Every character of a prefix stands for itself."""
        store = open_store(REGISTRY)
        texts = [f"{start}rest" for start in ("*", "%", "?", "[a]", "\\", ".", "^$", "\0", "a\0")]
        save(store, *(Page(text, text) for text in texts), Page("z", "zzz"), Page("none"))
        for text in texts:
            prefix = text.removesuffix("rest")
            rows = store.query(Page).where(Pages.title.startswith(prefix)).all()
            assert [text] == [row.id for row in rows]

    def test_messages_stay_short(self, open_store: OpenStore) -> None:
        """A megabyte of text is a fact on an error, but no message for a person."""
        store = open_store(REGISTRY)
        save(store, Page(MEGABYTE, MEGABYTE))
        with pytest.raises(Conflict) as refused, store.unit() as uow:
            uow.add(Page("p", MEGABYTE))
            uow.add(Page(MEGABYTE, "other"))
        assert 2 == len(refused.value.violations)
        assert max(len(str(each)) for each in refused.value.violations) < 1_000
        taken = next(each for each in refused.value.violations if isinstance(each, Taken))
        assert (MEGABYTE, MEGABYTE) == (taken.value, taken.owner)

    def test_an_empty_prefix_is_every_text(self, open_store: OpenStore) -> None:
        """But not None."""
        store = open_store(REGISTRY)
        save(store, Page("a", ""), Page("b", "\0"), Page("c", "c"), Page("d"))
        rows = store.query(Page).where(Pages.title.startswith("")).all()
        assert ["a", "b", "c"] == [row.id for row in rows]


@attrs.define
class Composite:
    """Two texts that are unique together."""

    id: int
    first: str
    second: str


class Composites(Mapper[Composite]):
    """Its mapper."""

    id = Key[int]()
    first = Field[str]()
    second = Field[str]()

    by_both = Unique(first, second)
    lookup = Lookup(first, second)


class TestRefusedValues:
    """22: ValueRefused, with the path to the value, before any I/O."""

    @EVERY_SURROGATE
    def test_a_lone_surrogate_as_a_key(self, open_store: OpenStore, text: str) -> None:
        """It has no bytes, so nothing can have it as its key."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        with store.unit() as uow:
            with pytest.raises(ValueRefused, match="Page"):
                uow.add(Page(text))
            for read in (uow.get, uow.require, uow.delete_by_key):
                with pytest.raises(ValueRefused, match="surrogate"):
                    read(Page, text)
        assert [] == traffic.verbs

    @EVERY_SURROGATE
    def test_a_lone_surrogate_in_a_value(self, open_store: OpenStore, text: str) -> None:
        """Refused by name at commit, in new and in changed objects; nothing is written."""
        store = open_store(REGISTRY)
        save(store, Page("p", "title"))
        for wrong, path in (
            (Page("q", body=text), r"Page\('q'\)\.body"),
            (Page("q", tags=["a", text]), r"Page\('q'\)\.tags\[1\]"),
            (Page("q", links={"a": text}), r"Page\('q'\)\.links\[.a.\]"),
        ):
            with pytest.raises(ValueRefused, match=path) as refused, store.unit() as uow:
                uow.add(Page("good"))
                uow.add(wrong)
            assert text == refused.value.value
        with pytest.raises(ValueRefused, match=r"Page\('p'\)\.title"), store.unit() as uow:
            uow.require(Page, "p").title = text
        assert [Page("p", "title")] == store.query(Page).all()

    @EVERY_SURROGATE
    def test_a_lone_surrogate_in_a_condition(self, open_store: OpenStore, text: str) -> None:
        """Nothing can have it, and the query says so."""
        store = open_store(REGISTRY)
        for condition in (
            Pages.title == text,
            Pages.title < text,
            Pages.title.in_(["a", text]),
            Pages.title.startswith(text),
            Pages.tags.has(text),
        ):
            with pytest.raises(UnsupportedQuery, match="surrogate"):
                store.query(Page).where(condition).all()

    def test_nan_in_an_ordered_field(self, open_store: OpenStore) -> None:
        """It has no place in an order: refused by name at commit; nothing is written."""
        store = open_store(REGISTRY)
        save(store, Grade(1, 1.5))
        with pytest.raises(ValueRefused, match=r"Grade\(2\)\.mark.*NaN"), store.unit() as uow:
            uow.add_all([Grade(3), Grade(2, NAN)])
        with pytest.raises(ValueRefused, match=r"Grade\(1\)\.mark.*NaN"), store.unit() as uow:
            uow.require(Grade, 1).mark = NAN
        with pytest.raises(ValueRefused, match=r"Grade\(1\)\.mark.*NaN"), store.unit() as uow:
            uow.put(Grade(1, NAN))
        assert [Grade(1, 1.5)] == store.query(Grade).order_by(Grades.mark).all()

    def test_nan_in_a_condition(self, open_store: OpenStore) -> None:
        """It is refused too."""
        store = open_store(REGISTRY)
        with pytest.raises(UnsupportedQuery, match="NaN"):
            store.query(Grade).where(Grades.mark > NAN).all()

    def test_nan_where_nothing_is_ordered(self, open_store: OpenStore) -> None:
        """It is stored, and clean when it is loaded."""
        store = open_store(REGISTRY)
        save(store, Grade(1, weight=float("nan"), history=[float("nan"), 1.0]))
        with store.unit() as uow:
            grade = uow.require(Grade, 1)
            assert ("nan", "[nan, 1.0]") == (repr(grade.weight), repr(grade.history))
            assert "clean" == uow.state(grade)

    @pytest.mark.parametrize(
        ("values", "path"),
        [
            ({"title": 7}, r"Page\('p'\)\.title: 7 is int"),
            ({"title": b"x"}, r"Page\('p'\)\.title"),
            ({"tags": ["a", "b", object()]}, r"Page\('p'\)\.tags\[2\]"),
            ({"links": {"a": {"b": object()}}}, r"Page\('p'\)\.links\[.a.\]\[.b.\]"),
            ({"tags": "abc"}, r"Page\('p'\)\.tags: 'abc' is str, list expected"),
            ({"tags": ["a", 7]}, r"Page\('p'\)\.tags\[1\]: 7 is int, str expected"),
            ({"links": {"a": 7}}, r"Page\('p'\)\.links\[.a.\]: 7 is int, str expected"),
            ({"extra": {"a": [date(2024, 2, 29)]}}, r"Page\('p'\)\.extra\[.a.\]\[0\]: .* is date"),
            ({"extra": {1: 2}}, r"Page\('p'\)\.extra\.keys\(\): 1 is int"),
        ],
        ids=[
            *("type", "bytes", "in a list", "in a dict", "a text as a list", "another type"),
            *("another type in a dict", "under Any", "a key under Any"),
        ],
    )
    def test_an_unencodable_value(
        self, open_store: OpenStore, values: dict[str, Any], path: str
    ) -> None:
        """22: the error names the path; nothing has been sent."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        with pytest.raises(ValueRefused, match=path), store.unit() as uow:
            uow.add(Page("p", **values))
        assert [] == traffic.verbs

    def test_the_unit_stays_usable(self, open_store: OpenStore) -> None:
        """26: mend the value, and commit again."""
        store = open_store(REGISTRY)
        with store.unit() as uow:
            page = uow.add(Page("p", "\ud800"))
            with pytest.raises(ValueRefused):
                uow.commit()
            page.title = "mended"
        assert "mended" == store.require(Page, "p").title

    def test_a_refusal_comes_before_a_conflict(self, open_store: OpenStore) -> None:
        """22: no server is asked when a value can not be stored."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        save(store, Page("p", "title"))
        traffic.begin()
        with pytest.raises(ValueRefused), store.unit() as uow:
            uow.add_all([Page("p"), Page("q", "\ud800")])
        assert [] == traffic.verbs

    @pytest.mark.parametrize(
        "key", [None, "7", 7.0, object()], ids=["none", "text", "float", "object"]
    )
    def test_a_key_of_another_type(self, open_store: OpenStore, key: object) -> None:
        """Refused by name, before any I/O; never another's key."""
        traffic = Traffic()
        store = open_store(REGISTRY, on_batch=traffic)
        with store.unit() as uow:
            for read in (uow.get, uow.require, uow.delete_by_key):
                with pytest.raises(ValueRefused, match="Grade"):
                    read(Grade, key)
            with pytest.raises(ValueRefused, match="Grade"):
                uow.get_many(Grade, [1, key])
        assert [] == traffic.verbs

    def test_a_value_of_another_type_for_a_unique(self, open_store: OpenStore) -> None:
        """`get_by` refuses it by name."""
        store = open_store(REGISTRY)
        with pytest.raises((UnsupportedQuery, ValueRefused), match="title"):
            store.get_by(Pages.by_title, 7)

    def test_many_violations_of_strange_texts(self, open_store: OpenStore) -> None:
        """26: every one is reported with its value."""
        store = open_store(REGISTRY)
        texts = list(TEXTS.values())
        save(store, *(Page(f"p{at}", text) for at, text in enumerate(texts)))
        with pytest.raises(Conflict) as refused, store.unit() as uow:
            uow.add_all(Page(f"q{at}", text) for at, text in enumerate(texts))
        violations: tuple[Any, ...] = refused.value.violations
        assert texts == [violation.value for violation in violations]
