"""Queries: what each condition, order and index answers, the same on every strategy."""
# ruff: noqa: E711 - `== None` makes a condition

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from enum import Enum
from typing import Any

import attrs
import pytest

from redmapper.errors import (
    MultipleResults,
    NoIndex,
    NotFound,
    NotMapped,
    QueryError,
    UnknownField,
    UnsupportedQuery,
)
from redmapper.faces.sync.store import Store
from redmapper.mapping.fields import Computed, Field, Key
from redmapper.mapping.indexes import Lookup, Ordered, Unique
from redmapper.mapping.mapper import Mapper
from redmapper.mapping.predicates import Predicate
from redmapper.mapping.registry import MapperRegistry
from redmapper.testing.conformance.entities import REGISTRY, Traffic, User, Users, save
from redmapper.testing.conformance.faces import OpenStore, raw


class Grade(Enum):
    """Ordered by its values."""

    A = "3"
    B = "1"
    C = "2"


@attrs.define
class Item:
    """Something of each kind to ask for."""

    id: int
    name: str = ""
    kind: str | None = None
    size: int | None = None
    price: float | None = None
    grade: Grade | None = None
    tags: list[str] = attrs.field(factory=list)
    codes: set[int] | None = None
    parts: dict[str, int] | None = None
    free: int | None = None


class Items(Mapper[Item]):
    """Everything but `free` is served by some index."""

    id = Key[int]()
    name = Field[str]()
    kind = Field[str | None](norm=str.casefold)
    size = Field[int | None]()
    price = Field[float | None]()
    grade = Field[Grade | None]()
    tags = Field[list[str]](norm=str.casefold)
    codes = Field[set[int] | None]()
    parts = Field[dict[str, int] | None]()
    free = Field[int | None]()
    length = Computed[int](lambda item: len(item.name))
    initials = Computed[list[str]](lambda item: [word[:1] for word in item.name.split()])

    by_name = Unique(name)
    by_kind = Lookup(kind)
    by_tag = Lookup(tags)
    by_code = Lookup(codes)
    by_tag_and_kind = Lookup(kind, tags)
    by_initial = Lookup(initials)
    by_size = Ordered(size)
    by_price = Ordered(price.desc())
    by_grade = Ordered(grade)
    by_length = Ordered(length, size)
    by_kind_size_price = Ordered(kind, size.desc(), price)


ITEMS = [
    Item(1, "ant", "a", 5, 1.5, Grade.A, ["x", "y"], {1, 2}),
    Item(2, "bee hive", "A", 5, 0.5, Grade.B, ["X"], {2}),
    Item(3, "cat", "b", 1, None, Grade.C, [], set()),
    Item(4, "dog", None, None, -1.0, None, ["y", "z"], None, {"leg": 4}),
    Item(9, "eel", "b", 9, 2.0, Grade.A, ["z", "z"], {-1}, {}),
    Item(10, "fox cub", "B", 9, 2.0, Grade.B, ["Y"], {1}, free=7),
    Item(11, "", "", 0, 0.0, Grade.C, [""], {0}, free=0),
]

ITEMS_REGISTRY = MapperRegistry(Items)

UNTYPED: Any = Items
"""For conditions that a type checker refuses."""


def stocked(open_store: OpenStore) -> Store:
    """A store that holds the items."""
    opened = open_store(ITEMS_REGISTRY)
    save(opened, *copy.deepcopy(ITEMS))
    return opened


def ids(query: Any) -> list[int]:  # noqa: ANN401 - of either face
    """The keys of the rows."""
    return [item.id for item in query]


CONDITIONS: dict[str, tuple[Callable[[], Predicate], list[int]]] = {
    # equality
    "unique": (lambda: Items.name == "cat", [3]),
    "unique empty": (lambda: Items.name == "", [11]),
    "unique missing": (lambda: Items.name == "cow", []),
    "lookup": (lambda: Items.size == 5, [1, 2]),
    "norm": (lambda: Items.kind == "a", [1, 2]),
    "norm of the value": (lambda: Items.kind == "A", [1, 2]),
    "norm empty": (lambda: Items.kind == "", [11]),
    "enum": (lambda: Items.grade == Grade.A, [1, 9]),
    "computed": (lambda: Items.length == 3, [1, 3, 4, 9]),
    "key": (lambda: Items.id == 9, [9]),
    "missing key": (lambda: Items.id == 7, []),
    # ranges
    "less": (lambda: Items.size < 5, [3, 11]),
    "less or equal": (lambda: Items.size <= 5, [1, 2, 3, 11]),
    "greater": (lambda: Items.size > 5, [9, 10]),
    "greater or equal": (lambda: Items.size >= 5, [1, 2, 9, 10]),
    "between": (lambda: Items.size.between(1, 5), [1, 2, 3]),
    "between itself": (lambda: Items.size.between(5, 5), [1, 2]),
    "inverted": (lambda: Items.size.between(5, 1), []),
    "inverted by two": (lambda: (Items.size > 5) & (Items.size < 2), []),
    "narrowed": (lambda: (Items.size > 0) & (Items.size < 9) & (Items.size != None), [1, 2, 3]),
    "descending field": (lambda: Items.price > 0, [1, 2, 9, 10]),
    "descending field below": (lambda: Items.price < 0.5, [4, 11]),
    "enum by value": (lambda: Items.grade >= Grade.C, [1, 3, 9, 11]),
    "key range": (lambda: Items.id >= 9, [9, 10, 11]),
    "key below": (lambda: Items.id < 3, [1, 2]),
    "key between": (lambda: Items.id.between(4, 10), [4, 9, 10]),
    "computed range": (lambda: Items.length > 3, [2, 10]),
    # in
    "in": (lambda: Items.size.in_([1, 9, 77]), [3, 9, 10]),
    "in a unique": (lambda: Items.name.in_(["cat", "eel", "cow", "cat"]), [3, 9]),
    "in a lookup": (lambda: Items.kind.in_(["A", "a", "c"]), [1, 2]),
    "in keys": (lambda: Items.id.in_([11, 1, 7, 1]), [1, 11]),
    "in with none": (lambda: Items.size.in_([1, None]), [3, 4]),
    "in lookup with none": (lambda: Items.kind.in_(["b", None]), [3, 4, 9, 10]),
    "in nothing": (lambda: Items.size.in_([]), []),
    "unique in nothing": (lambda: Items.name.in_([]), []),
    "lookup in nothing": (lambda: Items.kind.in_([]), []),
    "key in nothing": (lambda: Items.id.in_([]), []),
    "nothing and something": (lambda: Items.size.in_([]) & (Items.kind == "a"), []),
    # none
    "is none": (Items.size.is_none, [4]),
    "equals none": (lambda: Items.size == None, [4]),
    "not none": (Items.size.not_none, [1, 2, 3, 9, 10, 11]),
    "negated none": (lambda: ~Items.size.is_none(), [1, 2, 3, 9, 10, 11]),
    "unequal none": (lambda: Items.size != None, [1, 2, 3, 9, 10, 11]),
    "lookup is none": (Items.kind.is_none, [4]),
    "descending is none": (Items.price.is_none, [3]),
    "descending not none": (Items.price.not_none, [1, 2, 4, 9, 10, 11]),
    # prefixes
    "prefix": (lambda: Items.kind.startswith("b"), [3, 9, 10]),
    "prefix under norm": (lambda: Items.kind.startswith("B"), [3, 9, 10]),
    "empty prefix": (lambda: Items.kind.startswith(""), [1, 2, 3, 9, 10, 11]),
    "missing prefix": (lambda: Items.kind.startswith("bb"), []),
    # collections
    "has": (lambda: Items.tags.has("y"), [1, 4, 10]),
    "has under norm": (lambda: Items.tags.has("X"), [1, 2]),
    "has twice": (lambda: Items.tags.has("z"), [4, 9]),
    "has empty text": (lambda: Items.tags.has(""), [11]),
    "has in a set": (lambda: Items.codes.has(2), [1, 2]),
    "has negative": (lambda: Items.codes.has(-1), [9]),
    "has missing": (lambda: Items.codes.has(99), []),
    "has computed": (lambda: Items.initials.has("h"), [2]),
    "has and equals": (lambda: Items.tags.has("x") & (Items.kind == "a"), [1, 2]),
    "has and none": (lambda: Items.tags.has("y") & Items.kind.is_none(), [4]),
    "has two": (lambda: Items.tags.has("y") & Items.tags.has("z"), [4]),
    "has any": (lambda: Items.tags.has_any(["z", "X"]), [1, 2, 4, 9]),
    "has any of nothing": (lambda: Items.tags.has_any([]), []),
    "has all": (lambda: Items.tags.has_all(["Z", "y"]), [4]),
    "has all of one": (lambda: Items.codes.has_all([1]), [1, 10]),
    "has all and more": (lambda: Items.tags.has_all(["x", "y"]) & (Items.kind == "a"), [1]),
    # composite
    "leading": (lambda: (Items.kind == "b") & (Items.size == 9), [9, 10]),
    "leading and range": (lambda: (Items.kind == "b") & (Items.size > 1), [9, 10]),
    "leading and below": (lambda: (Items.kind == "b") & (Items.size < 9), [3]),
    "leading in and range": (lambda: Items.kind.in_(["a", "b"]) & (Items.size >= 5), [1, 2, 9, 10]),
    "all three": (
        lambda: (Items.kind == "a") & (Items.size == 5) & (Items.price < 1),
        [2],
    ),
    "computed and next": (lambda: (Items.length == 3) & (Items.size > 1), [1, 9]),
    "computed and next none": (lambda: (Items.length == 3) & Items.size.is_none(), [4]),
    # and, or, not
    "and with a rest": (lambda: (Items.size == 9) & (Items.free == 7), [10]),
    "and with unequal": (lambda: (Items.size == 9) & (Items.name != "eel"), [10]),
    "and with a negation": (lambda: (Items.size == 9) & ~(Items.name == "eel"), [10]),
    "and of a negation of both": (
        lambda: (Items.size >= 0) & ~((Items.size == 9) & (Items.kind == "b")),
        [1, 2, 3, 11],
    ),
    "or": (lambda: (Items.size == 9) | (Items.kind == "a"), [1, 2, 9, 10]),
    "or overlapping": (lambda: (Items.size == 5) | (Items.kind == "a"), [1, 2]),
    "or of three": (
        lambda: (Items.name == "cat") | (Items.id == 11) | Items.tags.has("z"),
        [3, 4, 9, 11],
    ),
    "or of ands": (
        lambda: ((Items.size == 9) & (Items.free == 7)) | ((Items.kind == "a") & (Items.price > 1)),
        [1, 10],
    ),
    "or inside and": (
        lambda: (Items.kind == "b") & ((Items.size == 1) | (Items.free == 7)),
        [3, 10],
    ),
    "nested value and a rest": (lambda: (Items.size == 9) & Items.parts.is_none(), [10]),
    "nested not none": (lambda: (Items.size == 9) & Items.parts.not_none(), [9]),
}

SCANNED: dict[str, tuple[Callable[[], Predicate], list[int]]] = {
    "unequal": (lambda: Items.size != 5, [3, 9, 10, 11]),
    "negated equality": (lambda: ~(Items.size == 5), [3, 4, 9, 10, 11]),
    "negated inequality": (lambda: ~(Items.size != 5), [1, 2, 4]),
    "negated range": (lambda: ~(Items.size > 5), [1, 2, 3, 4, 11]),
    "negated and": (
        lambda: ~((Items.size == 5) & (Items.price > 1)),
        [2, 3, 4, 9, 10, 11],
    ),
    "negated or": (lambda: ~((Items.size == 5) | (Items.kind == "b")), [4, 11]),
    "double negation": (lambda: ~~(Items.size == 5), [1, 2]),
    "negated not none": (lambda: ~Items.size.not_none(), [4]),
    "negated has": (lambda: ~Items.tags.has("y"), [2, 3, 9, 11]),
    "negated prefix": (lambda: ~Items.kind.startswith("b"), [1, 2, 4, 11]),
    "without an index": (lambda: Items.free == 7, [10]),
    "range without an index": (lambda: Items.free >= 0, [10, 11]),
    "none without an index": (Items.free.is_none, [1, 2, 3, 4, 9]),
    "or with one side": (lambda: (Items.size == 5) | (Items.free == 7), [1, 2, 10]),
    "nested none": (Items.parts.is_none, [1, 2, 3, 10, 11]),
    "unequal key": (lambda: Items.id != 3, [1, 2, 4, 9, 10, 11]),
    "suffix": (lambda: Items.name.endswith("e"), [2]),
    "suffix under norm": (lambda: Items.kind.endswith("B"), [3, 9, 10]),
    "empty suffix": (lambda: Items.kind.endswith(""), [1, 2, 3, 9, 10, 11]),
    "part": (lambda: Items.name.contains(" "), [2, 10]),
    "part under norm": (lambda: Items.kind.contains("A"), [1, 2]),
    "missing part": (lambda: Items.name.contains("*"), []),
    "like with one": (lambda: Items.name.like("?a?"), [3]),
    "like with a run": (lambda: Items.name.like("*e"), [2]),
    "like with runs": (lambda: Items.name.like("?o*b"), [10]),
    "like without either": (lambda: Items.name.like("cat"), [3]),
    "like nothing": (lambda: Items.name.like(""), [11]),
    "like everything": (lambda: Items.kind.like("*"), [1, 2, 3, 9, 10, 11]),
    "like under norm": (lambda: Items.kind.like("A*"), [1, 2]),
    "not like": (lambda: ~Items.name.like("*e*"), [1, 3, 4, 10, 11]),
    "has all of nothing": (lambda: Items.codes.has_all([]), [1, 2, 3, 9, 10, 11]),
    "negated has any": (lambda: ~Items.tags.has_any(["x", "y"]), [3, 9, 11]),
    "second field of an index": (lambda: Items.price.in_([2.0]) & (Items.free == 7), [10]),
}
"""What no index serves; `.allow_scan()` reads all. But for the last, which one does."""


class TestConditions:
    """What each condition answers."""

    @pytest.mark.parametrize("name", CONDITIONS)
    def test_served_by_an_index(self, open_store: OpenStore, name: str) -> None:
        """Rows come by key, each once; `count` counts them."""
        store = stocked(open_store)
        condition, expected = CONDITIONS[name]
        query = store.query(Item).where(condition())
        assert expected == ids(query)
        assert len(expected) == query.count()
        first = query.first()
        assert expected[:1] == ([] if first is None else [first.id])

    @pytest.mark.parametrize("name", CONDITIONS)
    def test_and_filtered_by_the_rest(self, open_store: OpenStore, name: str) -> None:
        """A second condition, which no index serves, leaves out what does not meet it."""
        store = stocked(open_store)
        condition, expected = CONDITIONS[name]
        query = store.query(Item).where(condition(), Items.free.is_none())
        assert [id_ for id_ in expected if id_ not in (10, 11)] == ids(query)
        assert len(ids(query)) == query.count()

    @pytest.mark.parametrize("name", CONDITIONS)
    def test_its_complement(self, open_store: OpenStore, name: str) -> None:
        """`~p`: every entity for which `p` is false."""
        store = stocked(open_store)
        condition, expected = CONDITIONS[name]
        query = store.query(Item).where(~condition()).allow_scan()
        everything = [item.id for item in ITEMS]
        assert [id_ for id_ in everything if id_ not in expected] == ids(query)

    @pytest.mark.parametrize("name", CONDITIONS)
    def test_in_the_order_of_an_index(self, open_store: OpenStore, name: str) -> None:
        """The same rows, by size, None first; and backwards, with a limit and an offset."""
        store = stocked(open_store)
        condition, expected = CONDITIONS[name]
        sizes = {item.id: -1 if item.size is None else item.size for item in ITEMS}
        ordered = sorted(expected, key=lambda id_: (sizes[id_], id_))
        query = store.query(Item).where(condition())
        up, down = query.order_by(Items.size), query.order_by(Items.size.desc())
        assert ordered == ids(up)
        assert ordered[::-1] == ids(down)
        assert ordered[1:3] == ids(up.limit(2).offset(1))
        assert ordered[::-1][:2] == ids(down.limit(2))

    @pytest.mark.parametrize("name", SCANNED)
    def test_reading_all(self, open_store: OpenStore, name: str) -> None:
        """`allow_scan()` opts in."""
        store = stocked(open_store)
        condition, expected = SCANNED[name]
        query = store.query(Item).where(condition()).allow_scan()
        assert expected == ids(query)
        assert len(expected) == query.count()

    @pytest.mark.parametrize("name", [*SCANNED][:-1])
    def test_reading_all_is_refused(self, open_store: OpenStore, name: str) -> None:
        """NoIndex on every strategy, naming the mapper and the way out."""
        store = stocked(open_store)
        condition, _ = SCANNED[name]
        query = store.query(Item).where(condition())
        for run in (query.all, query.count, query.first, query.exists):
            with pytest.raises(NoIndex, match=r"Items.*allow_scan"):
                run()

    def test_no_index_names_the_one_that_would_serve(self, open_store: OpenStore) -> None:
        """With its kind and its field."""
        store = stocked(open_store)
        with pytest.raises(NoIndex, match=r"Ordered\(free\)"):
            store.query(Item).where(Items.free > 3).all()

    def test_all_is_all(self, open_store: OpenStore) -> None:
        """Without a condition, by key as a number; not 10 rows, nor those that have some value."""
        store = stocked(open_store)
        assert [item.id for item in ITEMS] == ids(store.query(Item))
        assert len(ITEMS) == store.query(Item).count()
        assert ITEMS == store.query(Item).all()

    def test_conditions_add_up(self, open_store: OpenStore) -> None:
        """Several in one `where`, and several `where`: all must hold."""
        store = stocked(open_store)
        query = store.query(Item)
        both = query.where(Items.kind == "b", Items.size == 9)
        assert [9, 10] == ids(both) == ids(query.where(Items.kind == "b").where(Items.size == 9))
        assert [10] == ids(both.where(Items.free == 7))

    def test_a_query_is_immutable(self, open_store: OpenStore) -> None:
        """Each call gives a new one."""
        store = stocked(open_store)
        query = store.query(Item)
        query.where(Items.size == 5)
        query.order_by(Items.size)
        query.limit(1)
        query.offset(3)
        query.allow_scan()
        assert len(ITEMS) == len(query.all())


class TestOrder:
    """`order_by`: the same order on every strategy."""

    @pytest.mark.parametrize(
        ("terms", "expected"),
        [
            pytest.param(lambda: [Items.id], [1, 2, 3, 4, 9, 10, 11], id="key"),
            pytest.param(lambda: [Items.id.desc()], [11, 10, 9, 4, 3, 2, 1], id="key descending"),
            pytest.param(lambda: [Items.size], [4, 11, 3, 1, 2, 9, 10], id="none first"),
            pytest.param(lambda: [Items.size.desc()], [10, 9, 2, 1, 3, 11, 4], id="none last"),
            pytest.param(lambda: [Items.price], [3, 4, 11, 2, 1, 9, 10], id="against its index"),
            pytest.param(
                lambda: [Items.price.desc()], [10, 9, 1, 2, 11, 4, 3], id="as its index has it"
            ),
            pytest.param(lambda: [Items.grade], [4, 2, 10, 3, 11, 1, 9], id="enum by value"),
            pytest.param(lambda: [Items.kind], [4, 11, 1, 2, 3, 9, 10], id="norm"),
            pytest.param(lambda: [Items.name], [11, 1, 2, 3, 4, 9, 10], id="unique"),
            pytest.param(lambda: [Items.length], [11, 1, 3, 4, 9, 10, 2], id="computed"),
            pytest.param(lambda: [Items.free], [1, 2, 3, 4, 9, 11, 10], id="no index"),
            pytest.param(
                lambda: [Items.size, Items.price], [4, 11, 3, 2, 1, 9, 10], id="two fields"
            ),
            pytest.param(
                lambda: [Items.size.desc(), Items.price],
                [9, 10, 2, 1, 3, 11, 4],
                id="two directions",
            ),
            pytest.param(
                lambda: [Items.kind, Items.size.desc(), Items.price],
                [4, 11, 2, 1, 9, 10, 3],
                id="three, as their index has them",
            ),
            pytest.param(
                lambda: [Items.kind.desc(), Items.size, Items.price.desc()],
                [3, 10, 9, 1, 2, 11, 4],
                id="three, backwards",
            ),
            pytest.param(
                lambda: [Items.size, Items.id.desc()], [4, 11, 3, 2, 1, 10, 9], id="by key at last"
            ),
            pytest.param(
                lambda: [Items.id.desc(), Items.size], [11, 10, 9, 4, 3, 2, 1], id="after the key"
            ),
            pytest.param(
                lambda: [Items.length, Items.size], [11, 4, 3, 1, 9, 10, 2], id="computed and next"
            ),
        ],
    )
    def test_all_in_order(
        self, open_store: OpenStore, terms: Callable[[], list[Any]], expected: list[int]
    ) -> None:
        """Ties go by key in the direction of the last term; cut by any limit and offset."""
        store = stocked(open_store)
        query = store.query(Item).order_by(*terms())
        assert expected == ids(query)
        for limit in (0, 1, 3, 7, 20):
            assert expected[:limit] == ids(query.limit(limit))
            assert expected[2 : 2 + limit] == ids(query.offset(2).limit(limit))
        assert expected[0] == getattr(query.first(), "id", None)

    def test_equality_on_the_leading_field(self, open_store: OpenStore) -> None:
        """Then the order of those that follow; also with the leading one named."""
        store = stocked(open_store)
        query = store.query(Item).where(Items.kind == "b")
        assert [9, 10, 3] == ids(query.order_by(Items.size.desc(), Items.price))
        assert [3, 10, 9] == ids(query.order_by(Items.size, Items.price.desc()))
        assert [9, 10, 3] == ids(query.order_by(Items.kind, Items.size.desc(), Items.price))
        assert [9, 10] == ids(query.order_by(Items.size.desc(), Items.price).limit(2))

    def test_a_range_in_its_order_backwards(self, open_store: OpenStore) -> None:
        """With a limit."""
        store = stocked(open_store)
        query = store.query(Item).where(Items.size >= 1).order_by(Items.size.desc())
        assert [10, 9, 2, 1, 3] == ids(query)
        assert [10, 9, 2] == ids(query.limit(3))

    def test_several_ranges_in_order(self, open_store: OpenStore) -> None:
        """`in_`, forwards and backwards."""
        store = stocked(open_store)
        query = store.query(Item).where(Items.size.in_([9, 0, 5]))
        assert [11, 1, 2, 9, 10] == ids(query.order_by(Items.size))
        assert [10, 9, 2, 1, 11] == ids(query.order_by(Items.size.desc()))
        assert [2, 1] == ids(query.order_by(Items.size.desc()).limit(2).offset(2))

    def test_the_last_order_counts(self, open_store: OpenStore) -> None:
        """`order_by` in place of one said before."""
        store = stocked(open_store)
        query = store.query(Item).order_by(Items.size).order_by(Items.id.desc())
        assert [11, 10, 9, 4, 3, 2, 1] == ids(query)

    def test_keys_of_text_by_code_point(self, open_store: OpenStore) -> None:
        """Not by any locale: capitals before small letters, those beyond at the end."""
        opened = open_store(MapperRegistry(Words))
        texts = ["", "\0", "10", "9", "B", "a", "ab", "b", "z", "é", "日", "\uffff", "😀"]
        save(opened, *(Word(text) for text in reversed(texts)))
        assert texts == [word.id for word in opened.query(Word)]
        assert texts[::-1] == [word.id for word in opened.query(Word).order_by(Words.id.desc())]
        assert texts[4:8] == [
            word.id for word in opened.query(Word).where(Words.id.between("B", "b"))
        ]
        assert ["a", "ab"] == [
            word.id for word in opened.query(Word).where(Words.id.startswith("a"))
        ]

    def test_a_nested_field_has_no_order(self, open_store: OpenStore) -> None:
        """UnsupportedQuery names it."""
        store = stocked(open_store)
        for field in (Items.parts, Items.tags):
            with pytest.raises(UnsupportedQuery, match="order"):
                store.query(Item).order_by(field).all()


@attrs.define
class Word:
    """A key of text."""

    id: str


class Words(Mapper[Word]):
    """Its mapper."""

    id = Key[str]()


class TestWindow:
    """`limit`, `offset`, and the ways to run a query."""

    def test_limits(self, open_store: OpenStore) -> None:
        """0 is none, more than there are is all, None takes a limit back."""
        store = stocked(open_store)
        query = store.query(Item)
        assert [] == ids(query.limit(0))
        assert [1, 2] == ids(query.limit(2))
        assert 7 == len(ids(query.limit(100)))
        assert 7 == len(ids(query.limit(2).limit(None)))

    def test_an_offset_past_the_end(self, open_store: OpenStore) -> None:
        """No rows, not the first ones again."""
        store = stocked(open_store)
        query = store.query(Item)
        assert [11] == ids(query.offset(6))
        assert [] == ids(query.offset(7))
        assert [] == ids(query.offset(100).limit(5))
        assert [] == ids(query.where(Items.size == 5).order_by(Items.size).offset(2))

    def test_count_respects_both(self, open_store: OpenStore) -> None:
        """As `all` would give them."""
        store = stocked(open_store)
        query = store.query(Item).where(Items.size >= 0)
        for limit in (None, 0, 2, 100):
            for offset in (0, 1, 5, 6, 100):
                window = query.limit(limit).offset(offset)
                assert len(window.all()) == window.count(), (limit, offset)

    @pytest.mark.parametrize("wrong", [-1, 1.5, "2", True, None])
    def test_a_window_is_of_whole_numbers(self, open_store: OpenStore, wrong: Any) -> None:  # noqa: ANN401 - any value
        """UnsupportedQuery names the verb."""
        store = stocked(open_store)
        with pytest.raises(UnsupportedQuery, match="offset"):
            store.query(Item).offset(wrong)
        if wrong is not None:
            with pytest.raises(UnsupportedQuery, match="limit"):
                store.query(Item).limit(wrong)

    def test_first(self, open_store: OpenStore) -> None:
        """The first in order, or None."""
        store = stocked(open_store)
        query = store.query(Item)
        assert 11 == getattr(query.order_by(Items.id.desc()).first(), "id", None)
        assert query.where(Items.size == 77).first() is None
        assert query.limit(0).first() is None
        assert 2 == getattr(query.offset(1).first(), "id", None)

    def test_one(self, open_store: OpenStore) -> None:
        """Exactly one: else NotFound or MultipleResults, naming the query."""
        store = stocked(open_store)
        query = store.query(Item)
        assert 3 == query.where(Items.name == "cat").one().id
        with pytest.raises(NotFound, match=r"Items\.name == 'cow'"):
            query.where(Items.name == "cow").one()
        with pytest.raises(MultipleResults, match=r"Items\.size == 9"):
            query.where(Items.size == 9).one()
        assert query.where(Items.name == "cow").one_or_none() is None
        with pytest.raises(MultipleResults):
            query.where(Items.size == 9).one_or_none()

    def test_exists(self, open_store: OpenStore) -> None:
        """Whether there is any row."""
        store = stocked(open_store)
        query = store.query(Item)
        assert query.where(Items.size == 9).exists()
        assert not query.where(Items.size == 8).exists()
        assert not query.offset(7).exists()

    def test_a_small_query_is_one_round_trip(self, open_store: OpenStore) -> None:
        """Whatever it asks; and it writes nothing."""
        traffic = Traffic()
        opened = open_store(ITEMS_REGISTRY, on_batch=traffic)
        save(opened, *copy.deepcopy(ITEMS))
        query = opened.query(Item)
        for asked in (
            query,
            query.where(Items.size > 1).order_by(Items.size).limit(2),
            query.where(Items.tags.has("y"), Items.free.is_none()),
            query.where(Items.name == "cat"),
            query.order_by(Items.price),
        ):
            traffic.begin()
            asked.all()
            traffic.expect(1)

    def test_an_empty_store(self, open_store: OpenStore) -> None:
        """Every query answers nothing."""
        opened = open_store(ITEMS_REGISTRY)
        for condition, _ in CONDITIONS.values():
            query = opened.query(Item).where(condition())
            assert ([], 0, None) == (query.all(), query.count(), query.first())
        assert [] == opened.query(Item).order_by(Items.size).all()

    def test_more_rows_than_a_step(self, open_store: OpenStore) -> None:
        """1,300 of them: every row, once, in order; any window."""
        opened = open_store(ITEMS_REGISTRY)
        with opened.unit() as uow:
            uow.add_all(
                Item(at, str(at), "k", at % 3, tags=["t"], free=at % 2) for at in range(1_300)
            )
        query = opened.query(Item)
        by_size = sorted(range(1_300), key=lambda at: (at % 3, at))
        assert list(range(1_300)) == ids(query)
        assert list(range(1_300)) == ids(query.where(Items.tags.has("t")))
        assert by_size == ids(query.order_by(Items.size))
        assert by_size[::-1] == ids(query.where(Items.size >= 0).order_by(Items.size.desc()))
        assert by_size[1_100:1_110] == ids(query.order_by(Items.size).offset(1_100).limit(10))
        odd = [at for at in by_size if at % 2]
        walked = query.where(Items.size >= 0, Items.free == 1).order_by(Items.size)
        assert odd[600:605] == ids(walked.offset(600).limit(5))
        assert 650 == walked.count()
        either = query.where((Items.size == 1) | Items.tags.has("t"))
        assert (1_300, list(range(1_300))) == (either.count(), ids(either))


class TestRefusedQueries:
    """What a query can not ask, refused by name."""

    @pytest.mark.parametrize(
        "condition",
        [
            pytest.param(lambda: UNTYPED.size > "x", id="text for int"),
            pytest.param(lambda: UNTYPED.size == "5", id="equal text for int"),
            pytest.param(lambda: UNTYPED.size == 5.0, id="float for int"),
            pytest.param(lambda: UNTYPED.size.in_([5, "x"]), id="in"),
            pytest.param(lambda: UNTYPED.size.between(1, None), id="between none"),
            pytest.param(lambda: UNTYPED.size < None, id="less than none"),
            pytest.param(lambda: UNTYPED.name == 7, id="int for text"),
            pytest.param(lambda: UNTYPED.kind == 7, id="int for a norm of text"),
            pytest.param(lambda: UNTYPED.kind.startswith(7), id="prefix of int"),
            pytest.param(lambda: UNTYPED.size.startswith("5"), id="prefix on int"),
            pytest.param(lambda: UNTYPED.grade == "3", id="value for enum"),
            pytest.param(lambda: UNTYPED.tags.has(7), id="element"),
            pytest.param(lambda: UNTYPED.name.has("x"), id="has on a scalar"),
            pytest.param(lambda: UNTYPED.parts == {"leg": 4}, id="equality of a nested value"),
            pytest.param(lambda: UNTYPED.id == "7", id="text for a key"),
        ],
    )
    def test_a_value_or_an_operator_that_does_not_fit(
        self, open_store: OpenStore, condition: Callable[[], Predicate]
    ) -> None:
        """UnsupportedQuery, naming the field; on every strategy, scanning or not."""
        store = stocked(open_store)
        name = repr(condition()).split(".", 2)[1].split("(")[0].split(" ")[0]
        for query in (store.query(Item), store.query(Item).allow_scan()):
            with pytest.raises(UnsupportedQuery, match=name):
                query.where(condition()).all()
            with pytest.raises(UnsupportedQuery, match=name):
                query.where((Items.size == 5) & condition()).count()

    def test_a_field_of_another_mapper(self, open_store: OpenStore) -> None:
        """UnknownField names both."""
        store = stocked(open_store)
        for query in (
            store.query(Item).where(Users.age == 5),
            store.query(Item).order_by(Users.age),
        ):
            with pytest.raises(UnknownField, match=r"Users\.age.*Items"):
                query.all()

    def test_what_is_no_condition(self, open_store: OpenStore) -> None:
        """A bool (from `and`), a field, a text."""
        store = stocked(open_store)
        wrongs: tuple[Any, ...] = (True, Items.size, "size = 5", None)
        for wrong in wrongs:
            with pytest.raises(QueryError, match="where"):
                store.query(Item).where(wrong)
        with pytest.raises(QueryError, match="order_by"):
            store.query(Item).order_by(wrongs[2])

    def test_a_condition_has_no_truth(self) -> None:
        """`and`, `or`, `not`, chains and `in` are TypeErrors, naming `&`, `|` and `~`."""
        for wrong in (
            lambda: Items.size > 1 and Items.size < 5,
            lambda: Items.size > 1 or Items.size < 5,
            lambda: bool(Items.size > 1),
            lambda: 1 < Items.size < 5,
            lambda: Items.size in [1, 2],
        ):
            with pytest.raises(TypeError, match=r"&, \| and ~"):
                wrong()

    def test_an_unmapped_class(self, open_store: OpenStore) -> None:
        """NotMapped, at once."""
        store = stocked(open_store)
        with pytest.raises(NotMapped):
            store.query(User)


class TestReadable:
    """Predicates and queries show what they say, and travel."""

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            (lambda: Items.size >= 18, "Items.size >= 18"),
            (lambda: Items.name == "x", "Items.name == 'x'"),
            (lambda: Items.size == None, "Items.size.is_none()"),
            (lambda: Items.size.between(1, 2), "Items.size.between(1, 2)"),
            (lambda: Items.size.in_([1, 2]), "Items.size.in_([1, 2])"),
            (lambda: Items.tags.has("x"), "Items.tags.has('x')"),
            (lambda: ~(Items.size == 1), "~(Items.size == 1)"),
            (
                lambda: (Items.size == 1) & (Items.name == "x") | Items.kind.startswith("a"),
                "((Items.size == 1) & (Items.name == 'x')) | Items.kind.startswith('a')",
            ),
        ],
    )
    def test_a_condition_is_the_code_that_made_it(
        self, condition: Callable[[], Predicate], expected: str
    ) -> None:
        """And it pickles."""
        assert expected == repr(condition())
        assert expected == repr(pickle.loads(pickle.dumps(condition())))  # noqa: S301 - our own

    def test_a_query_says_all_it_was_told(self, open_store: OpenStore) -> None:
        """Mapper, conditions, order, window."""
        store = stocked(open_store)
        query = store.query(Item).where(Items.size > 1).order_by(Items.size.desc()).limit(3)
        expected = "query(Items).where(Items.size > 1).order_by(Items.size.desc()).limit(3)"
        assert expected in repr(query)

    def test_a_query_copies_and_pickles(self, open_store: OpenStore) -> None:
        """It is a value; what it was asked on stays behind."""
        store = stocked(open_store)
        query = raw(store.query(Item).where(Items.size > 1).order_by(Items.size.desc()).limit(3))
        for again in (
            copy.copy(query),
            copy.deepcopy(query),
            pickle.loads(pickle.dumps(query)),  # noqa: S301 - our own
        ):
            assert repr(query) == repr(again)


@attrs.define
class Entry:
    """Long composites in many directions."""

    id: int
    a: str | None = None
    b: int | None = None
    c: float | None = None


class Entries(Mapper[Entry]):
    """Three fields, in the directions of the index."""

    id = Key[int]()
    a = Field[str | None]()
    b = Field[int | None]()
    c = Field[float | None]()

    up = Ordered(a, b, c)
    mixed = Ordered(a.desc(), b, c.desc())
    by_two = Lookup(a, b)


class TestComposites:
    """Every query on three fields against a plain sort in Python."""

    def test_every_order_and_condition(self, open_store: OpenStore) -> None:
        """All directions, with equality on any number of leading fields, and ranges."""
        opened = open_store(MapperRegistry(Entries))
        texts, numbers, floats = (None, "", "a", "a\0", "b"), (None, -1, 10, 9), (None, -0.5, 2.0)
        rows = [
            Entry(at, *each)
            for at, each in enumerate((a, b, c) for a in texts for b in numbers for c in floats)
        ]
        save(opened, *copy.deepcopy(rows))
        query = opened.query(Entry)
        for down_a, down_b, down_c in ((0, 0, 0), (1, 1, 1), (1, 0, 1), (0, 1, 0), (0, 0, 1)):
            expected = sorted(rows, key=lambda row: row.id, reverse=bool(down_c))
            for name, down in (("c", down_c), ("b", down_b), ("a", down_a)):
                expected.sort(key=_none_first(name), reverse=bool(down))
            terms = [
                getattr(Entries, name).desc() if down else getattr(Entries, name)
                for name, down in (("a", down_a), ("b", down_b), ("c", down_c))
            ]
            ordered = query.order_by(*terms)
            assert [row.id for row in expected] == ids(ordered)
            for condition, holds in _CONDITIONS_ON_ENTRIES:
                found = ids(ordered.where(condition()))
                assert [row.id for row in expected if holds(row)] == found, condition()


def _none_first(name: str) -> Callable[[Entry], tuple[bool, Any]]:
    def key(row: Entry) -> tuple[bool, Any]:
        value = getattr(row, name)
        return (value is not None, 0 if value is None else value)

    return key


class TestTextsInOrder:
    """Texts that begin alike, ordered without an index: they are compared a few bytes at a time."""

    @pytest.mark.parametrize("length", [5, 6, 7, 12, 126, 192])
    @pytest.mark.parametrize("rest", ["\0", " ", "é", "x" * 70])
    def test_a_text_comes_before_those_it_begins(
        self, open_store: OpenStore, length: int, rest: str
    ) -> None:
        """Wherever it ends; keys of equal ones go the same way, and a limit takes the first."""
        opened = open_store(REGISTRY)
        short = "L" * length
        cities = [short, short + rest, short, short + rest + rest, short + rest, None]
        save(
            opened, *(User("a", age=1, city=city, id=at) for at, city in enumerate(cities, start=1))
        )
        found = opened.query(User).where(Users.name == "a")
        for ordered, expected in (
            (found.order_by(Users.city), [6, 1, 3, 2, 5, 4]),
            (found.order_by(Users.city.desc()), [4, 5, 2, 3, 1, 6]),
        ):
            for limit in (1, 2, 3, 4, 6):
                assert expected[:limit] == ids(ordered.limit(limit))


_CONDITIONS_ON_ENTRIES: list[tuple[Callable[[], Predicate], Callable[[Entry], bool]]] = [
    (lambda: Entries.a == "a", lambda row: row.a == "a"),
    (Entries.a.is_none, lambda row: row.a is None),
    (lambda: Entries.a.startswith("a"), lambda row: (row.a or "").startswith("a")),
    (lambda: (Entries.a == "b") & (Entries.b == 9), lambda row: (row.a, row.b) == ("b", 9)),
    (
        lambda: (Entries.a == "a") & (Entries.b > -1),
        lambda row: row.a == "a" and row.b is not None and row.b > -1,
    ),
    (
        lambda: (Entries.a == "") & Entries.b.is_none() & (Entries.c < 1),
        lambda row: row.a == "" and row.b is None and row.c is not None and row.c < 1,
    ),
    (
        lambda: Entries.a.in_(["b", None, "a\0"]) & Entries.b.in_([10, None]),
        lambda row: row.a in ("b", None, "a\0") and row.b in (10, None),
    ),
    (
        lambda: (Entries.a > "") & (Entries.b <= 9),
        lambda row: row.a is not None and row.a > "" and row.b is not None and row.b <= 9,
    ),
]


class TestQueriesOnUnits:
    """On a unit, rows are its own objects."""

    def test_rows_are_tracked(self, open_store: OpenStore) -> None:
        """Changes of them are found."""
        opened = open_store(REGISTRY)
        save(opened, *(User(f"u{at}", age=at, id=at) for at in range(5)))
        with opened.unit() as uow:
            for user in uow.query(User).where(Users.age >= 3):
                user.city = "Rome"
        assert [None, None, None, "Rome", "Rome"] == [user.city for user in opened.query(User)]

    def test_rows_of_a_store_are_not(self, open_store: OpenStore) -> None:
        """They belong to nobody."""
        opened = open_store(REGISTRY)
        save(opened, User("Ann", id=1))
        with opened.unit() as uow:
            for user in opened.query(User):
                user.age = 7
            assert [] == uow.changes()
        assert opened.require(User, 1).age is None
