"""Values of every length, changed into every other, under each conflict policy.

A strategy may cut long values into pieces; nobody must notice.
"""
# ruff: noqa: PT012 - a unit of work fails where its block ends

from __future__ import annotations

from functools import cache
from typing import Any

import attrs
import pytest

from redmapper.errors import Stale
from redmapper.mapping.fields import Computed, Field, Key
from redmapper.mapping.indexes import Lookup, Ordered, Unique
from redmapper.mapping.mapper import Mapper
from redmapper.mapping.registry import MapperRegistry
from redmapper.testing.conformance.entities import save
from redmapper.testing.conformance.faces import OpenStore

SIZES = (None, 0, 1, 63, 64, 65, 127, 128, 129, 191, 192, 193, 448, 511, 512, 513, 576, 577, 2000)
LESS = (None, 0, 63, 64, 65, 128, 129, 512, 513)
POLICIES = ("version", "fields", "overwrite")

EVERY_SIZE = pytest.mark.parametrize("size", SIZES)
EVERY_BASE = pytest.mark.parametrize("base", LESS)
EVERY_POLICY = pytest.mark.parametrize("policy", POLICIES)


@attrs.define
class Letter:
    """Texts and bytes that may be long."""

    id: int
    text: str | None = None
    more: str | None = None
    data: bytes | None = None
    parts: list[str] | None = None


class Letters(Mapper[Letter]):
    """Without an index; any change by somebody else is a conflict."""

    id = Key[int]()


class LettersByFields(Letters, conflict="fields"):
    """Disjoint edits both land."""


class LettersOverwritten(Letters, conflict="overwrite"):
    """The last one wins."""


@attrs.define
class Topic:
    """A long text with every index."""

    id: int
    text: str | None = None


class Topics(Mapper[Topic]):
    """Its mapper."""

    id = Key[int]()
    text = Field[str | None](norm=str.casefold)
    reverse = Computed[str | None](lambda topic: topic.text and topic.text[::-1])

    by_text = Unique(text)
    lookup = Lookup(text)
    ordered = Ordered(text)
    by_reverse = Lookup(reverse)


class TopicsByFields(Topics, conflict="fields"):
    """Only what is written is compared."""


@cache
def registry(policy: str) -> MapperRegistry:
    """The registry of a policy."""
    letters = {"version": Letters, "fields": LettersByFields, "overwrite": LettersOverwritten}
    return MapperRegistry(letters[policy], TopicsByFields if policy == "fields" else Topics)


def text_of(size: int | None) -> str | None:
    """A text of that many bytes, which begins as every other does."""
    return None if size is None else ("Abcdefgh" * 250)[:size]


def letter(id_: int, size: int | None, more: int | None = None) -> Letter:
    """A letter whose every value has that size, but for one that has another."""
    text = text_of(size)
    data = None if text is None else text.encode()
    parts = None if text is None else [text]
    return Letter(id_, text, text_of(more), data, parts)


class TestPieces:
    """One writer at a time."""

    @EVERY_SIZE
    def test_a_value_of_any_size_loads_exactly(
        self, open_store: OpenStore, size: int | None
    ) -> None:
        """Beside values of every other size; and is clean."""
        store = open_store(registry("version"))
        save(store, *(letter(at, size, more) for at, more in enumerate(SIZES)))
        with store.unit() as uow:
            rows = uow.query(Letter).all()
            assert [letter(at, size, more) for at, more in enumerate(SIZES)] == rows
            assert {"clean"} == {uow.state(row) for row in rows}
        assert [letter(at, size, more) for at, more in enumerate(SIZES)] == store.get_many(
            Letter, range(len(SIZES))
        )

    @EVERY_POLICY
    @EVERY_SIZE
    def test_it_grows_and_shrinks_to_any_other(
        self, open_store: OpenStore, policy: str, size: int | None
    ) -> None:
        """No piece of a longer one is left behind."""
        store = open_store(registry(policy))
        save(store, *(letter(at, size, size) for at in range(len(SIZES))))
        with store.unit() as uow:
            for row, new in zip(uow.query(Letter).all(), SIZES, strict=True):
                changed = letter(row.id, new)
                row.text, row.data, row.parts = changed.text, changed.data, changed.parts
        assert [letter(at, new, size) for at, new in enumerate(SIZES)] == store.query(Letter).all()

    @EVERY_SIZE
    def test_it_is_put_over_any_other(self, open_store: OpenStore, size: int | None) -> None:
        """`put` removes what the old one had."""
        store = open_store(registry("version"))
        save(store, *(letter(at, size, size) for at in range(len(SIZES))))
        with store.unit() as uow:
            for at, new in enumerate(SIZES):
                uow.put(letter(at, new))
        assert [letter(at, new) for at, new in enumerate(SIZES)] == store.query(Letter).all()

    @EVERY_POLICY
    def test_it_goes_up_and_down_step_by_step(self, open_store: OpenStore, policy: str) -> None:
        """One entity through all sizes, there and back."""
        store = open_store(registry(policy))
        save(store, letter(1, None))
        for size in (*SIZES, *reversed(SIZES)):
            with store.unit() as uow:
                row = uow.require(Letter, 1)
                row.text = text_of(size)
            assert Letter(1, text_of(size)) == store.require(Letter, 1)

    @EVERY_SIZE
    def test_an_indexed_value_of_any_size(self, open_store: OpenStore, size: int | None) -> None:
        """Found by each index, under its norm, before and after it changes to another size."""
        store = open_store(registry("version"))
        save(store, *(Topic(at, text_of(each)) for at, each in enumerate(SIZES)))
        text = text_of(size)
        at = SIZES.index(size)
        for condition in (Topics.text == text, Topics.reverse == (text and text[::-1])):
            assert [at] == [row.id for row in store.query(Topic).where(condition)]
        if text is not None:
            assert at == store.get_by(Topics.by_text, text.upper()).id
        assert list(range(len(SIZES))) == [
            row.id for row in store.query(Topic).order_by(Topics.text)
        ]
        with store.unit() as uow:
            uow.require(Topic, at).text = "other"
        assert [] == store.query(Topic).where(Topics.text == text).all()
        assert at == store.get_by(Topics.by_text, "OTHER").id

    @pytest.mark.parametrize("descending", [False, True], ids=["up", "down"])
    def test_rows_of_a_query_are_whole(self, open_store: OpenStore, descending: bool) -> None:  # noqa: FBT001 - a case
        """Of nobody and of a unit; short ones before long ones and behind them, some and all."""
        store = open_store(registry("version"))
        sizes = [*SIZES, *reversed(SIZES)]
        letters = [letter(at, size, sizes[at // 2]) for at, size in enumerate(sizes, start=1)]
        save(store, *letters)
        order = Letters.id.desc() if descending else Letters.id
        expected = letters[::-1] if descending else letters
        with store.unit(commit="explicit") as uow:
            for reader in (store, uow):
                query = reader.query(Letter).order_by(order)
                assert expected == query.all()
                assert expected[2:11] == query.limit(9).offset(2).all()
                assert [] == query.where(Letters.id.in_([1, 3, 30])).limit(0).all()
                assert [] == query.where(Letters.id > len(letters)).all()

    def test_rows_in_the_order_of_a_long_value(self, open_store: OpenStore) -> None:
        """Each text is the beginning of all that are longer: none comes before those with any."""
        store = open_store(registry("version"))
        topics = [Topic(at, text_of(size)) for at, size in enumerate(SIZES)]
        save(store, *topics)
        with store.unit(commit="explicit") as uow:
            for reader in (store, uow):
                query = reader.query(Topic).allow_scan()
                up, down = query.order_by(Topics.text), query.order_by(Topics.text.desc())
                assert topics[:12] == up.limit(12).all()
                assert topics[::-1][:12] == down.limit(12).all()
                assert topics[2:] == up.where(Topics.text.startswith("A")).all()

    def test_multibyte_characters_are_never_torn(self, open_store: OpenStore) -> None:
        """Characters of two, three and four bytes across every border."""
        store = open_store(registry("version"))
        texts = ["x" * shift + "é日😀" * 70 for shift in range(9)]
        save(store, *(Letter(at, text) for at, text in enumerate(texts)))
        assert texts == [row.text for row in store.query(Letter).all()]

    def test_values_that_look_like_pieces(self, open_store: OpenStore) -> None:
        """Many values of exactly one piece, whatever is in them."""
        store = open_store(registry("version"))
        sixty_four = ("text:1" * 11)[:64]
        rows = [Letter(1, sixty_four, sixty_four, b"\0" * 64, [sixty_four])]
        save(store, *rows)
        assert rows == store.query(Letter).all()
        with store.unit() as uow:
            row = uow.require(Letter, 1)
            row.text = (row.text or "") + "more"
        assert f"{sixty_four}more" == store.require(Letter, 1).text


class TestPiecesOfTwo:
    """Two writers: a change of any piece is a change."""

    @EVERY_BASE
    @pytest.mark.parametrize("policy", ["version", "fields"])
    def test_a_change_by_another_is_noticed(
        self, open_store: OpenStore, policy: str, base: int | None
    ) -> None:
        """36: though the values begin alike, from any size to any other."""
        store = open_store(registry(policy))
        others = [size for size in LESS if size != base]
        save(store, *(letter(at, base) for at in range(len(others))))
        with store.unit() as uow:
            for letter_ in uow.query(Letter).all():
                letter_.text = "mine"
            with store.unit() as other:
                for letter_, size in zip(other.query(Letter).all(), others, strict=True):
                    letter_.text = text_of(size)
            with pytest.raises(Stale) as refused:
                uow.commit()
            uow.rollback()
        violations: tuple[Any, ...] = refused.value.violations
        found = [(each.base.text, each.mine.text, each.stored.text) for each in violations]
        assert [(text_of(base), "mine", text_of(size)) for size in others] == found
        assert [text_of(size) for size in others] == [row.text for row in store.query(Letter)]

    @pytest.mark.parametrize("policy", ["version", "fields"])
    def test_one_letter_of_a_long_text(self, open_store: OpenStore, policy: str) -> None:
        """36: wherever it stands."""
        store = open_store(registry(policy))
        text = "x" * 200
        for at in (0, 63, 64, 127, 128, 199):
            save(store, Letter(at, text))
            with pytest.raises(Stale), store.unit() as uow:
                uow.require(Letter, at).text = "mine"
                with store.unit() as other:
                    other.require(Letter, at).text = text[:at] + "y" + text[at + 1 :]

    @EVERY_BASE
    @pytest.mark.parametrize("policy", ["fields", "overwrite"])
    def test_disjoint_edits_both_land(
        self, open_store: OpenStore, policy: str, base: int | None
    ) -> None:
        """36, 37: whatever becomes of the sizes of both."""
        store = open_store(registry(policy))
        save(store, *(letter(at, base, base) for at in range(len(LESS))))
        with store.unit() as uow:
            for row, size in zip(uow.query(Letter).all(), LESS, strict=True):
                row.text = text_of(size)
            with store.unit() as other:
                for row, size in zip(other.query(Letter).all(), LESS, strict=True):
                    row.more = text_of(size)
        expected = [
            attrs.evolve(letter(at, base), text=text_of(size), more=text_of(size))
            for at, size in enumerate(LESS)
        ]
        assert expected == store.query(Letter).all()

    @EVERY_BASE
    def test_the_last_one_wins(self, open_store: OpenStore, base: int | None) -> None:
        """37: and nothing of the other's longer value is left."""
        store = open_store(registry("overwrite"))
        pairs = [(theirs, mine) for theirs in LESS for mine in LESS]
        save(store, *(letter(at, base) for at in range(len(pairs))))
        with store.unit() as uow:
            for row, (_, mine) in zip(uow.query(Letter).all(), pairs, strict=True):
                row.text = text_of(mine)
            with store.unit() as other:
                for row, (theirs, _) in zip(other.query(Letter).all(), pairs, strict=True):
                    row.text = text_of(theirs)
        # Who says nothing new has not written: a base set to itself leaves the other's value.
        expected = [text_of(theirs if mine == base else mine) for theirs, mine in pairs]
        assert expected == [row.text for row in store.query(Letter)]

    @pytest.mark.parametrize("size", LESS)
    def test_indexes_agree_after_both(self, open_store: OpenStore, size: int | None) -> None:
        """38: a text that somebody else changed meanwhile keeps its entries."""
        store = open_store(registry("fields"))
        save(store, Topic(1, "first"), letter(1, 64))
        with store.unit() as uow:
            topic, row = uow.require(Topic, 1), uow.require(Letter, 1)
            with store.unit() as other:
                other.require(Topic, 1).text = text_of(size)
            row.text = "mine"
            assert "first" == topic.text
        assert [1] == [row.id for row in store.query(Topic).where(Topics.text == text_of(size))]
        assert [] == store.query(Topic).where(Topics.text == "first").all()
