"""Records and declarations that are not of the same age: points 19 and 21, SchemaMismatch."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import pytest

from redmapper.errors import CorruptRecord, SchemaMismatch
from redmapper.mapping.fields import Computed, Field, Key
from redmapper.mapping.indexes import Lookup, Ordered, Unique
from redmapper.mapping.mapper import Mapper
from redmapper.mapping.registry import MapperRegistry
from redmapper.testing.conformance.entities import Traffic, save
from redmapper.testing.conformance.faces import OpenStore


@attrs.define
class Narrow:
    """An entity as an old program knows it."""

    id: int
    name: str = ""


@attrs.define
class Wide:
    """The same entity as a new program knows it."""

    id: int
    name: str = ""
    text: str | None = None
    size: int = 7
    note: str | None = "a note"
    tags: list[str] = attrs.field(factory=lambda: ["new"])
    title: str = attrs.field(default=attrs.Factory(lambda self: self.name.title(), takes_self=True))


@attrs.define
class Demanding:
    """One that can not do without a field."""

    id: int
    name: str
    needed: int


@attrs.define
class AsText:
    """A number as text."""

    id: int
    value: str = ""


@attrs.define
class AsInt:
    """A number as an integer."""

    id: int
    value: int = 0


@attrs.define
class AsFloat:
    """A number as a float."""

    id: int
    value: float = 0.0
    other: str | None = None


@attrs.define
class AsDecimal:
    """A number as a Decimal."""

    id: int
    value: Decimal = Decimal(0)
    other: str | None = None


class Narrows(Mapper[Narrow], name="Thing"):
    """Under one storage name, with the same index."""

    id = Key[int]()
    name = Field[str]()
    by_name = Lookup(name)


class NarrowsByFields(Narrows, name="Thing", conflict="fields"):
    """Another policy writes the same format."""


class NarrowsOverwritten(Narrows, name="Thing", conflict="overwrite"):
    """And so does this one."""


class Wides(Mapper[Wide], name="Thing"):
    """More fields are no other schema: they are not indexed."""

    id = Key[int]()
    name = Field[str]()
    text = Field[str | None]()
    by_name = Lookup(name)


class Demandings(Mapper[Demanding], name="Thing"):
    """As they are."""

    id = Key[int]()
    name = Field[str]()
    by_name = Lookup(name)


class AsTexts(Mapper[AsText], name="Number"):
    """Under one storage name."""

    id = Key[int]()


class AsInts(Mapper[AsInt], name="Number"):
    """Under one storage name."""

    id = Key[int]()


class AsFloats(Mapper[AsFloat], name="Number"):
    """Under one storage name."""

    id = Key[int]()


class AsDecimals(Mapper[AsDecimal], name="Number"):
    """Under one storage name."""

    id = Key[int]()


WIDE = MapperRegistry(Wides)
NARROW = {
    "version": MapperRegistry(Narrows),
    "fields": MapperRegistry(NarrowsByFields),
    "overwrite": MapperRegistry(NarrowsOverwritten),
}
SIZES = (0, 1, 63, 64, 65, 128, 129, 512, 513, 1_000)


class TestUnknownFields:
    """21: stored fields that a mapper does not know."""

    @pytest.mark.parametrize("policy", NARROW)
    def test_they_survive_an_update(self, open_store: OpenStore, policy: str) -> None:
        """21: of any length."""
        wide, narrow = open_store(WIDE), open_store(NARROW[policy])
        rows = [
            Wide(at, "old", "x" * size, size, None, ["a" * size], f"t{size}")
            for at, size in enumerate(SIZES)
        ]
        save(wide, *rows)
        with narrow.unit() as uow:
            for row in uow.query(Narrow):
                row.name = "new"
        expected = [attrs.evolve(row, name="new") for row in rows]
        assert expected == wide.query(Wide).all()
        assert expected == wide.query(Wide).where(Wides.name == "new").all()

    def test_they_survive_what_the_narrow_field_becomes(self, open_store: OpenStore) -> None:
        """21: a neighbour that grows and shrinks."""
        wide, narrow = open_store(WIDE), open_store(NARROW["version"])
        save(wide, Wide(1, "n", "y" * 100))
        for size in (*SIZES, *reversed(SIZES)):
            with narrow.unit() as uow:
                uow.require(Narrow, 1).name = "n" * size
            assert ("n" * size, "y" * 100) == (
                wide.require(Wide, 1).name,
                wide.require(Wide, 1).text,
            )

    def test_loading_and_committing_writes_nothing(self, open_store: OpenStore) -> None:
        """19: they make no difference."""
        traffic = Traffic()
        save(open_store(WIDE), Wide(1, "Ann", "x"))
        narrow = open_store(NARROW["version"], on_batch=traffic)
        with narrow.unit() as uow:
            assert "clean" == uow.state(uow.require(Narrow, 1))
            traffic.begin()
        traffic.expect(0)

    def test_a_put_removes_them(self, open_store: OpenStore) -> None:
        """16: it writes the whole entity."""
        wide, narrow = open_store(WIDE), open_store(NARROW["version"])
        save(wide, Wide(1, "Ann", "x" * 200, 9, "other", ["a"], "t"))
        with narrow.unit() as uow:
            uow.put(Narrow(1, "Bob"))
        assert Wide(1, "Bob") == wide.get(Wide, 1)

    def test_a_replacement_removes_them(self, open_store: OpenStore) -> None:
        """12: `delete(a)` and `add(b)`: what b lacks is gone."""
        wide, narrow = open_store(WIDE), open_store(NARROW["version"])
        save(wide, Wide(1, "Ann", "x" * 200))
        with narrow.unit() as uow:
            uow.delete(uow.require(Narrow, 1))
            uow.add(Narrow(1, "Bob"))
        assert Wide(1, "Bob") == wide.get(Wide, 1)

    def test_a_replaced_object_keeps_them(self, open_store: OpenStore) -> None:
        """17: `replace` keeps the base: it is a change, not another entity."""
        wide, narrow = open_store(WIDE), open_store(NARROW["version"])
        save(wide, Wide(1, "Ann", "x" * 200))
        with narrow.unit() as uow:
            uow.replace(uow.require(Narrow, 1), Narrow(1, "Bob"))
        assert ("Bob", "x" * 200) == (wide.require(Wide, 1).name, wide.require(Wide, 1).text)


class TestOlderRecords:
    """19: records that an older program wrote."""

    def test_missing_fields_have_their_defaults(self, open_store: OpenStore) -> None:
        """Values, factories, and factories that take the object."""
        save(open_store(NARROW["version"]), Narrow(1, "ann"))
        assert Wide(1, "ann", None, 7, "a note", ["new"], "Ann") == open_store(WIDE).get(Wide, 1)

    def test_loading_and_committing_writes_nothing(self, open_store: OpenStore) -> None:
        """19: defaults that were filled in are no changes."""
        traffic = Traffic()
        save(open_store(NARROW["version"]), Narrow(1, "ann"))
        wide = open_store(WIDE, on_batch=traffic)
        with wide.unit() as uow:
            assert "clean" == uow.state(uow.require(Wide, 1))
            traffic.begin()
        traffic.expect(0)

    def test_none_is_not_missing(self, open_store: OpenStore) -> None:
        """20: a None where the default is another value is stored as such."""
        wide = open_store(WIDE)
        save(wide, Wide(1, "Ann", note=None))
        assert wide.require(Wide, 1).note is None
        with wide.unit() as uow:
            uow.require(Wide, 1).note = "x"
        assert "x" == wide.require(Wide, 1).note
        for value in (None, "", "a note", None):
            with wide.unit() as uow:
                uow.require(Wide, 1).note = value
            assert value == wide.require(Wide, 1).note

    def test_a_change_beside_a_filled_in_default(self, open_store: OpenStore) -> None:
        """21: only what was changed is written; the next default would be filled in again."""
        narrow, wide = open_store(NARROW["version"]), open_store(WIDE)
        save(narrow, Narrow(1, "ann"))
        with wide.unit() as uow:
            uow.require(Wide, 1).text = "x"
        with narrow.unit() as uow:
            uow.require(Narrow, 1).name = "bob"
        assert Wide(1, "bob", "x", 7, "a note", ["new"], "Bob") == wide.get(Wide, 1)

    def test_a_required_field_that_is_missing(self, open_store: OpenStore) -> None:
        """CorruptRecord names the entity and the field, by every way of reading."""
        save(open_store(NARROW["version"]), Narrow(1, "ann"))
        store = open_store(MapperRegistry(Demandings))
        for read in (
            lambda: store.get(Demanding, 1),
            lambda: store.query(Demanding).all(),
            lambda: store.query(Demanding).where(Demandings.name == "ann").first(),
        ):
            with pytest.raises(CorruptRecord, match=r"Demanding\(1\).*needed"):
                read()

    @pytest.mark.parametrize("newer", [AsFloats, AsDecimals])
    def test_another_spelling_of_a_value_is_no_change(
        self,
        open_store: OpenStore,
        newer: Any,  # noqa: ANN401 - a mapper
    ) -> None:
        """19: an int that is a float now; a change of another field leaves it as it was."""
        traffic = Traffic()
        old = open_store(MapperRegistry(AsInts))
        save(old, AsInt(1, 5), AsInt(2, -(10**15)))
        domain: type[Any] = AsFloat if newer is AsFloats else AsDecimal
        store = open_store(MapperRegistry(newer), on_batch=traffic)
        with store.unit() as uow:
            rows = uow.query(domain).all()
            assert [5, -(10**15)] == [row.value for row in rows]
            assert {"clean"} == {uow.state(row) for row in rows}
            traffic.begin()
            uow.commit()
            traffic.expect(0)
            rows[0].other = "x"
        assert [5, -(10**15)] == [row.value for row in old.query(AsInt)]

    def test_a_value_that_does_not_load(self, open_store: OpenStore) -> None:
        """CorruptRecord names the entity, the field and what stands there."""
        save(open_store(MapperRegistry(AsTexts)), AsText(1, "many"))
        store = open_store(MapperRegistry(AsInts))
        with pytest.raises(CorruptRecord, match=r"AsInt\(1\).*value.*many"):
            store.get(AsInt, 1)

    def test_a_corrupt_record_can_be_deleted_and_written_over(self, open_store: OpenStore) -> None:
        """By its key: nothing of it needs to be read."""
        save(open_store(MapperRegistry(AsTexts)), AsText(1, "many"), AsText(2, "few"))
        store = open_store(MapperRegistry(AsInts))
        with store.unit() as uow:
            uow.delete_by_key(AsInt, 1)
            uow.put(AsInt(2, 7))
        assert [AsInt(2, 7)] == store.query(AsInt).all()


@attrs.define
class Book:
    """An entity whose indexes change."""

    id: int
    title: str = ""
    pages: int | None = None


class Books(Mapper[Book]):
    """As it was written."""

    id = Key[int]()
    title = Field[str]()
    pages = Field[int | None]()
    by_title = Lookup(title)
    by_pages = Ordered(pages)


class WithoutIndex(Mapper[Book]):
    """One index less."""

    id = Key[int]()
    title = Field[str]()
    pages = Field[int | None]()
    by_title = Lookup(title)


class WithAnother(Mapper[Book]):
    """One more."""

    id = Key[int]()
    title = Field[str]()
    pages = Field[int | None]()
    by_title = Lookup(title)
    by_pages = Ordered(pages)
    once = Unique(title)


class OtherKind(Mapper[Book]):
    """Another kind under the same name."""

    id = Key[int]()
    title = Field[str]()
    pages = Field[int | None]()
    by_title = Unique(title)
    by_pages = Ordered(pages)


class OtherDirection(Mapper[Book]):
    """The same kind in another direction."""

    id = Key[int]()
    title = Field[str]()
    pages = Field[int | None]()
    by_title = Lookup(title)
    by_pages = Ordered(pages.desc())


class OtherNorm(Mapper[Book]):
    """The same index over other values."""

    id = Key[int]()
    title = Field[str](norm=str.casefold)
    pages = Field[int | None]()
    by_title = Lookup(title)
    by_pages = Ordered(pages)


class SameBooks(Mapper[Book], name="Book", conflict="overwrite"):
    """The same indexes in another order, another policy, and a value that is not indexed."""

    id = Key[int]()
    pages = Field[int | None]()
    title = Field[str]()
    length = Computed[int](lambda book: len(book.title))
    by_pages = Ordered(pages)
    by_title = Lookup(title)


OTHERS = pytest.mark.parametrize(
    "other", [WithoutIndex, WithAnother, OtherKind, OtherDirection, OtherNorm]
)


class TestSchemas:
    """A partition remembers the indexes that it was written with."""

    @OTHERS
    def test_another_declaration_is_refused(self, open_store: OpenStore, other: Any) -> None:  # noqa: ANN401 - a mapper
        """SchemaMismatch, from commits and from what reads indexes; nothing is written."""
        store = open_store(MapperRegistry(Books))
        save(store, Book(1, "Dune", 412))
        wrong = open_store(MapperRegistry(other))
        for call in (
            lambda: save(wrong, Book(2, "Emma")),
            lambda: wrong.query(Book).where(other.title == "Dune").all(),
            lambda: wrong.query(Book).count(),
            lambda: wrong.query(Book).all(),
        ):
            with pytest.raises(SchemaMismatch, match=other.__name__):
                call()
        with pytest.raises(SchemaMismatch, match="Book"), wrong.unit() as uow:
            uow.require(Book, 1).title = "Other"
        with pytest.raises(SchemaMismatch, match="Book"), wrong.unit() as uow:
            uow.delete_by_key(Book, 1)
        assert [Book(1, "Dune", 412)] == store.query(Book).where(Books.title == "Dune").all()

    def test_a_unique_is_asked_under_the_right_declaration(self, open_store: OpenStore) -> None:
        """SchemaMismatch from `get_by`: an index that was never filled knows nobody."""
        save(open_store(MapperRegistry(Books)), Book(1, "Dune"))
        wrong = open_store(MapperRegistry(WithAnother))
        with pytest.raises(SchemaMismatch):
            wrong.get_by(WithAnother.once, "Dune")

    def test_the_same_indexes_are_the_same_schema(self, open_store: OpenStore) -> None:
        """Whatever the order, the mapper's own name, its policy, and what is not indexed."""
        first, second = open_store(MapperRegistry(Books)), open_store(MapperRegistry(SameBooks))
        save(first, Book(1, "Dune", 412))
        with second.unit() as uow:
            uow.query(Book).where(SameBooks.title == "Dune").one().pages = 500
        assert [1] == [book.id for book in first.query(Book).where(Books.pages == 500)]

    @OTHERS
    def test_an_empty_partition_takes_any(self, open_store: OpenStore, other: Any) -> None:  # noqa: ANN401 - a mapper
        """Once all its entities are gone, nothing can be wrong."""
        old, new = open_store(MapperRegistry(Books)), open_store(MapperRegistry(other))
        save(old, Book(1, "Dune", 412), Book(2, "Emma", 300))
        with old.unit() as uow:
            for book in uow.query(Book):
                uow.delete(book)
        assert [] == new.query(Book).where(other.title == "Dune").all()
        assert 0 == new.query(Book).count()
        save(new, Book(3, "Ilias", 700))
        assert [3] == [book.id for book in new.query(Book).where(other.title == "Ilias")]
        with pytest.raises(SchemaMismatch):
            old.query(Book).where(Books.title == "Ilias").all()

    def test_each_partition_remembers_its_own(self, open_store: OpenStore) -> None:
        """Another partition may be of another declaration."""
        save(open_store(MapperRegistry(Books)).partition("a"), Book(1, "Dune"))
        other = open_store(MapperRegistry(WithAnother))
        save(other.partition("b"), Book(1, "Dune"))
        with pytest.raises(SchemaMismatch):
            other.partition("a").query(Book).all()

    def test_other_mappers_are_not_concerned(self, open_store: OpenStore) -> None:
        """What a partition remembers is of each mapper by itself."""
        save(open_store(MapperRegistry(Books)), Book(1, "Dune"))
        store = open_store(MapperRegistry(WithAnother, Narrows))
        save(store, Narrow(1, "Ann"))
        assert [Narrow(1, "Ann")] == store.query(Narrow).all()
        with pytest.raises(SchemaMismatch), store.unit() as uow:
            uow.add_all([Narrow(2, "Bob"), Book(2, "Emma")])
        assert 1 == store.query(Narrow).count()
