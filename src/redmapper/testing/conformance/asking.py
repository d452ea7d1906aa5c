"""What a query can be asked for: keys, values, pages, and how it is answered."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar

import attrs
import pytest

from redmapper.errors import (
    BadToken,
    CorruptRecord,
    QueryError,
    UnknownField,
    UnsupportedQuery,
)
from redmapper.faces.sync.store import Store
from redmapper.mapping.fields import Field, Key
from redmapper.mapping.indexes import Ordered
from redmapper.mapping.mapper import Mapper
from redmapper.mapping.registry import MapperRegistry
from redmapper.testing.conformance.entities import (
    REGISTRY,
    UNTYPED,
    Team,
    Teams,
    Traffic,
    User,
    Users,
    save,
)
from redmapper.testing.conformance.faces import OpenStore

PEOPLE = [
    User(f"u{id_}", f"{id_}@x.io", age, "Rome" if id_ % 2 else None, ["a"] * (id_ % 2), id=id_)
    for id_, age in enumerate([10, 20, 20, None, 20, 40, None, 50], start=1)
]


def peopled(open_store: OpenStore, **options: Any) -> Store:  # noqa: ANN401 - options of a store
    """A store of eight users."""
    store = open_store(REGISTRY, **options)
    save(store, *map(attrs.evolve, PEOPLE))
    return store


class TestKeysAndValues:
    """Rows without objects."""

    def test_keys(self, open_store: OpenStore) -> None:
        """In the order of the query, as the class has them."""
        query = peopled(open_store).query(User)
        assert [1, 2, 3, 4, 5, 6, 7, 8] == query.keys()
        assert [8, 6, 5] == query.order_by(Users.age.desc()).limit(3).keys()
        assert [5] == query.where(Users.age == 20).offset(2).keys()

    def test_values(self, open_store: OpenStore) -> None:
        """Tuples of the fields named, decoded, None for what is None."""
        query = peopled(open_store).query(User).where(Users.age == 20)
        expected = [(2, "u2", None, []), (3, "u3", "Rome", ["a"]), (5, "u5", "Rome", ["a"])]
        assert expected == query.values(Users.id, Users.name, Users.city, Users.tags)

    def test_no_values(self, open_store: OpenStore) -> None:
        """A tuple a row all the same."""
        assert [()] * 3 == peopled(open_store).query(User).where(Users.age == 20).values()

    def test_values_are_stored_ones(self, open_store: OpenStore) -> None:
        """A norm is for conditions; a long text comes whole."""
        store = open_store(MapperRegistry(Poems))
        save(store, Poem(1, "Ä" * 100), Poem(2, "x" * 64))
        assert [("Ä" * 100,), ("x" * 64,)] == store.query(Poem).values(Poems.text)

    def test_nothing_is_tracked(self, open_store: OpenStore) -> None:
        """Nor built."""
        with peopled(open_store).unit() as uow:
            assert 8 == len(uow.query(User).values(Users.name))
            assert 8 == len(uow.query(User).keys())
            assert [] == uow.changes()

    def test_a_field_of_another_mapper(self, open_store: OpenStore) -> None:
        """UnknownField; and what is no field is named."""
        query = peopled(open_store).query(User)
        with pytest.raises(UnknownField, match=r"Teams\.name"):
            query.values(Teams.name)
        with pytest.raises(QueryError, match="'name'"):
            query.values(UNTYPED.name.name)

    def test_pending_objects_are_among_them(self, open_store: OpenStore) -> None:
        """41: with the values they have now; None is the key of one that waits for its number."""
        with peopled(open_store).unit() as uow:
            uow.require(User, 2).age = 21
            uow.add(User("new", age=20))
            query = uow.query(User).where(Users.age == 20)
            assert [3, 5, None] == query.keys()
            assert [("u3", 20), ("u5", 20), ("new", 20)] == query.values(Users.name, Users.age)
            uow.rollback()

    def test_one_round_trip(self, open_store: OpenStore) -> None:
        """Whatever is asked for."""
        traffic = Traffic()
        query = peopled(open_store, on_batch=traffic).query(User).where(Users.age >= 20)
        for ask in (query.keys, query.count, query.exists, lambda: query.values(Users.name)):
            traffic.begin()
            ask()
            traffic.expect(1)


@attrs.define
class Poem:
    """A long text."""

    id: int
    text: str = ""
    rating: float = 0.0
    price: Decimal | None = None


class Poems(Mapper[Poem]):
    """Its mapper; most fields have no index."""

    id = Key[int]()
    text = Field[str](norm=str.casefold)
    rating = Field[float]()
    price = Field[Decimal | None]()

    by_text = Ordered(text)


class TestValuesWithoutPlace:
    """NaN, which can be stored and has no place in an index."""

    def test_nan_meets_no_comparison(self, open_store: OpenStore) -> None:
        """It is no None either."""
        store = open_store(MapperRegistry(Poems))
        save(store, Poem(1, rating=math.nan), Poem(2, rating=math.inf), Poem(3, rating=-1.0))
        query = store.query(Poem).allow_scan()
        assert [2] == query.where(Poems.rating > 0).keys()
        assert [2] == query.where(Poems.rating != -1).keys()
        assert [3] == query.where(Poems.rating.between(-2, 5)).keys()
        assert [1, 3] == query.where(~(Poems.rating > 0)).keys()
        assert [1, 2, 3] == query.where(Poems.rating.not_none()).keys()

    def test_nan_comes_last(self, open_store: OpenStore) -> None:
        """After every value."""
        store = open_store(MapperRegistry(Poems))
        prices = [Decimal("NaN"), None, Decimal("Infinity"), Decimal(-1)]
        save(store, *(Poem(at, price=price) for at, price in enumerate(prices)))
        query = store.query(Poem)
        assert [1, 3, 2, 0] == query.order_by(Poems.price).keys()
        assert [0, 2, 3] == query.order_by(Poems.price.desc()).limit(3).keys()


SPECIAL = "|\\*?{}()[].-%^$+\"'@:/<>~!,;#&= \t\n\0"


class TestExactness:
    """Values that other mappers take for others."""

    @pytest.mark.parametrize("at", range(len(SPECIAL)))
    def test_every_character_is_literal(self, open_store: OpenStore, at: int) -> None:
        """In every condition; but for `?` and `*` in `like`."""
        store, character = open_store(MapperRegistry(Poems)), SPECIAL[at]
        text = f"a{character}b"
        save(store, Poem(1, text), Poem(2, "axb"), Poem(3, "a"), Poem(4, "b"), Poem(5, "ab"))
        query = store.query(Poem).allow_scan()
        assert [1] == query.where(Poems.text == text).keys()
        assert [1] == query.where(Poems.text.in_([text])).keys()
        assert [1] == query.where(Poems.text.startswith(text[:2])).keys()
        assert [1] == query.where(Poems.text.endswith(text[1:])).keys()
        assert [1] == query.where(Poems.text.contains(character)).keys()
        alike = {"?": [1, 2], "*": [1, 2, 5]}.get(character, [1])
        assert alike == query.where(Poems.text.like(text)).keys()

    def test_numbers_beyond_those_of_a_double(self, open_store: OpenStore) -> None:
        """2^53 is not 2^53 + 1, served or scanned."""
        store = open_store(REGISTRY)
        save(store, *(User(f"u{at}", age=2**53 + at, id=at) for at in range(3)))
        query = store.query(User)
        assert [1] == query.where(Users.age == 2**53 + 1).keys()
        assert [2, 1] == query.where(Users.age > 2**53).order_by(Users.age.desc()).limit(2).keys()
        assert [0] == query.where(~(Users.age > 2**53)).allow_scan().keys()

    def test_text_beyond_its_first_bytes(self, open_store: OpenStore) -> None:
        """Sorted and compared to its end, with an index and without."""
        store = open_store(REGISTRY)
        names = [f"{'x' * 200}{letter}" for letter in "caB"]
        save(store, *(User(name, city=name, id=at) for at, name in enumerate(names)))
        query = store.query(User)
        assert [2, 1, 0] == query.order_by(Users.name).keys()
        assert [0, 1] == query.order_by(Users.city.desc()).limit(2).keys()
        assert [0] == query.where(Users.city > names[1]).allow_scan().keys()

    def test_no_default_limit(self, open_store: OpenStore) -> None:
        """All is all."""
        store = open_store(REGISTRY)
        save(store, *(User(f"u{at}", age=at % 7, id=at) for at in range(2_100)))
        query = store.query(User)
        assert 2_100 == len(query.all()) == query.count() == len(query.keys())
        assert 300 == len(query.where(Users.age == 3).values(Users.name))
        assert 2_100 == len(query.where(Users.age.in_(range(7))).order_by(Users.name).all())


class TestPages:
    """Keyset paging."""

    ORDERS: ClassVar[tuple[tuple[Any, ...], ...]] = (
        (),
        (Users.id.desc(),),
        (Users.age.asc(),),
        (Users.age.desc(),),
        (Users.city.asc(), Users.age.desc()),
        (Users.name.desc(),),
    )

    @pytest.mark.parametrize("order", ORDERS, ids=repr)
    @pytest.mark.parametrize("size", [1, 3, 8, 9])
    def test_pages_are_all_rows(
        self, open_store: OpenStore, order: tuple[Any, ...], size: int
    ) -> None:
        """Ties, None and descending fields; no row twice, none missing; the last one says so."""
        query = peopled(open_store).query(User).order_by(*order)
        rows: list[int | None] = []
        page = query.page(size)
        while True:
            rows += [user.id for user in page.items]
            if page.next is None:
                break
            assert size == len(page.items)
            page = query.page(size, after=page.next)
        assert query.keys() == rows

    def test_no_rows(self, open_store: OpenStore) -> None:
        """One empty page, the last."""
        page = peopled(open_store).query(User).where(Users.age == 77).page(5)
        assert ([], None) == (page.items, page.next)

    def test_rows_may_come_and_go(self, open_store: OpenStore) -> None:
        """Elsewhere than behind the page, they change nothing; the last row may be gone, too."""
        store = peopled(open_store)
        query = store.query(User).where(Users.age >= 0).order_by(Users.age)
        first = query.page(2)
        assert [1, 2] == [user.id for user in first.items]
        with store.unit() as uow:
            uow.delete_by_key(User, 2)
            uow.add_all([User("early", age=5, id=100), User("late", age=20, id=101)])
        second = query.page(2, after=first.next)
        assert [3, 5] == [user.id for user in second.items]
        assert [101, 6] == [user.id for user in query.page(2, after=second.next).items]

    def test_pages_see_pending_changes(self, open_store: OpenStore) -> None:
        """41: those that wait for a number are told apart."""
        with peopled(open_store).unit() as uow:
            uow.require(User, 1).age = 45
            uow.add_all([User("x", age=20), User("y", age=20), User("z", age=20)])
            query = uow.query(User).where(Users.age >= 20).order_by(Users.age)
            names, page = [], query.page(2)
            while page.next is not None:
                names += [user.name for user in page.items]
                page = query.page(2, after=page.next)
            names += [user.name for user in page.items]
            assert ["u2", "u3", "u5", "x", "y", "z", "u6", "u1", "u8"] == names
            uow.rollback()

    DAMAGES: ClassVar[dict[str, Callable[[str], Any]]] = {
        "cut": lambda token: token[:-1],
        "cut at the head": lambda token: token[1:],
        "cases swapped": lambda token: token.swapcase(),
        "longer": lambda token: token + "A",
        "padded": lambda token: token + "=",
        "one character": lambda token: token[:8] + ("A" if token[8] != "A" else "B") + token[9:],
        "empty": lambda _: "",
        "not ASCII": lambda _: "näh",
        "no text": lambda _: 7,
        "zeros": lambda _: base64.urlsafe_b64encode(bytes(40)).decode(),
    }

    @pytest.mark.parametrize("damage", DAMAGES)
    def test_a_damaged_token(self, open_store: OpenStore, damage: str) -> None:
        """BadToken, before anything is read."""
        query = peopled(open_store).query(User).order_by(Users.age)
        token = query.page(2).next
        with pytest.raises(BadToken, match="begin at the first page"):
            query.page(2, after=self.DAMAGES[damage](token or ""))

    def test_a_token_of_another_query(self, open_store: OpenStore) -> None:
        """BadToken: of other conditions, another order, another mapper; not of another size."""
        store = peopled(open_store)
        save(store, Team("a", "A"), Team("b", "B"))
        query = store.query(User).where(Users.age >= 10).order_by(Users.age)
        token = query.page(2).next
        assert [3] == [user.id for user in query.page(1, after=token).items]
        others: list[Any] = [
            query.where(Users.age < 90),
            query.order_by(Users.age.desc()),
            query.order_by(Users.age, Users.id.desc()),
            store.query(User).where(Users.age >= 11).order_by(Users.age),
            store.query(User).where(Users.age > 10).order_by(Users.age),
            store.query(Team),
        ]
        for other in others:
            with pytest.raises(BadToken):
                other.page(2, after=token)

    def test_the_same_query_said_otherwise(self, open_store: OpenStore) -> None:
        """A token is of what a query amounts to."""
        store = peopled(open_store)
        token = store.query(User).where(Users.age.in_([20, 10])).page(1).next
        page = store.query(User).where(Users.age.in_([10, 20, 10])).page(1, after=token)
        assert [2] == [user.id for user in page.items]

    def test_what_makes_no_page(self, open_store: OpenStore) -> None:
        """A size that is none, and a query that is cut already."""
        query = peopled(open_store).query(User)
        for size in (0, -1, True, 1.5, None):
            with pytest.raises(UnsupportedQuery, match="page"):
                query.page(size)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        for cut in (query.limit(5), query.offset(1)):
            with pytest.raises(UnsupportedQuery, match="leave out limit"):
                cut.page(2)


class TestExplanations:
    """`explain()` on any strategy."""

    def test_it_prints_as_a_tree(self, open_store: OpenStore) -> None:
        """Beginning with the query."""
        query = peopled(open_store).query(User).where(Users.age == 20, Users.city == "Rome")
        lines = str(query.explain()).split("\n")
        assert repr(query) == lines[0]
        assert all(line.startswith("├─ ") for line in lines[1:-1])
        assert lines[-1].startswith("└─ ")

    def test_analyzing_counts_rows(self, open_store: OpenStore) -> None:
        """As many as the query has."""
        query = peopled(open_store).query(User).where(Users.age == 20)
        assert query.explain().rows is None
        assert 3 == query.explain(analyze=True).rows

    def test_it_names_pending_objects(self, open_store: OpenStore) -> None:
        """Which are merged in."""
        with peopled(open_store).unit() as uow:
            uow.add(User("new", age=20))
            assert 1 == uow.query(User).where(Users.age == 20).explain().pending
            uow.rollback()

    def test_it_advises_an_index(self, open_store: OpenStore) -> None:
        """Where one would serve better."""
        query = peopled(open_store).query(User).where(Users.age == 20, Users.city == "Rome")
        assert "Ordered(age, city) in Users" == query.explain().advice
        assert query.order_by(Users.id).where(Users.id == 1).explain().advice is None


class TestDamage:
    """Values that can not be read."""

    def test_a_value_that_is_no_value(self, open_store: OpenStore) -> None:
        """CorruptRecord names the entity and the field."""
        store = open_store(MapperRegistry(Odds))
        save(store, Odd(1, "text"))
        other = open_store(MapperRegistry(Evens))
        with pytest.raises(CorruptRecord, match="'value'"):
            other.query(Odd).values(Evens.value)


@attrs.define
class Odd:
    """Something that two mappers see differently."""

    id: int
    value: Any = None


class Odds(Mapper[Odd], name="Odd"):
    """As text."""

    id = Key[int]()
    value = Field[str | None]()


class Evens(Mapper[Odd], name="Odd"):
    """As a number."""

    id = Key[int]()
    value = Field[int | None]()
