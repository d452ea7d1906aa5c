"""Validators of attrs: always, or once at the commit."""
# ruff: noqa: PT012 - a unit of work fails where its block ends

from __future__ import annotations

import pickle
from typing import Any

import attrs
import pytest
from attrs import validators

from redmapper.errors import CorruptRecord, KeyChanged, MappingError, ValidationFailed
from redmapper.mapping.fields import Field, Key
from redmapper.mapping.indexes import Ordered
from redmapper.mapping.mapper import Mapper
from redmapper.mapping.registry import MapperRegistry
from redmapper.testing.conformance.entities import Traffic, save
from redmapper.testing.conformance.faces import OpenStore


def _short(_: object, what: Any, value: list[str]) -> None:  # noqa: ANN401 - an attribute of attrs
    if len(value) > 2:
        message = f"{what.name} has more than 2 elements"
        raise ValueError(message)


def _stripped(value: str) -> str:
    return value.strip()


def _no_text(_: object, __: Any, value: str) -> None:  # noqa: ANN401 - an attribute of attrs
    if "hush" in value:
        raise ValueError(value)


@attrs.define(on_setattr=attrs.setters.NO_OP)
class Guest:
    """One who may be wrong until the commit."""

    name: str = attrs.field(validator=validators.min_len(1), converter=_stripped)
    age: int | None = attrs.field(default=None, validator=validators.optional(validators.ge(0)))
    tags: list[str] = attrs.field(factory=list, validator=_short)
    size: int = attrs.field(init=False)
    id: int | None = attrs.field(
        default=None,
        validator=validators.instance_of(int),  # None until the sequence gives one
    )

    def __attrs_post_init__(self) -> None:
        """Run when it is made, however that is."""
        self.size = len(self.name)

    @classmethod
    def wrong(cls, **options: Any) -> Guest:  # noqa: ANN401 - attributes
        """One that its own `__init__` would not let be."""
        guest = cls("somebody", id=1)
        for name, value in options.items():
            setattr(guest, name, value)
        return guest


class AtCommit(Mapper[Guest], validate="commit"):
    """Its mapper."""

    id = Key[int]()
    name = Field[str]()
    age = Field[int | None]()

    by_age = Ordered(age)


class Always(Mapper[Guest], validate="always"):
    """The default, spelled out."""

    id = Key[int]()
    name = Field[str]()
    age = Field[int | None]()

    by_age = Ordered(age)


class Unsaid(Mapper[Guest]):
    """The default."""

    id = Key[int]()
    name = Field[str]()
    age = Field[int | None]()

    by_age = Ordered(age)


@attrs.define(on_setattr=attrs.setters.NO_OP)
class Spy:
    """What must not be shown."""

    id: int
    word: str = attrs.field(repr=False, validator=_no_text)


class Spies(Mapper[Spy], validate="commit"):
    """Its mapper."""

    id = Key[int]()


AT_COMMIT = MapperRegistry(AtCommit)
SPIES = MapperRegistry(Spies)


def new(**options: Any) -> Guest:  # noqa: ANN401 - attributes
    """A guest without a key, who may be wrong."""
    guest = Guest.wrong(**options)
    guest.id = options.get("id")
    return guest


class TestValidationAtCommit:
    """`validate="commit"`: what is written is validated once, and nothing else ever."""

    def test_a_new_object_is_validated(self, open_store: OpenStore) -> None:
        """The error names the object, the field and the value."""
        store = open_store(AT_COMMIT)
        guest = Guest.wrong(age=-1, id=7)
        with pytest.raises(ValidationFailed, match=r"Guest\(7\)\.age: -1 is refused") as refused:
            save(store, guest)
        error = refused.value
        assert ("Guest(7).age", -1) == (error.path, error.value)
        assert guest is error.obj
        assert (error,) == error.failures
        assert isinstance(error.__cause__, ValueError)
        assert 0 == store.query(Guest).count()

    def test_all_failures_are_in_one_error(self, open_store: OpenStore) -> None:
        """Of every object of the unit, in the order of registration; it survives pickling."""
        store = open_store(AT_COMMIT)
        save(store, Guest("Ann", id=1))
        said = "3 values are refused"
        with pytest.raises(ValidationFailed, match=said) as refused, store.unit() as uow:
            ann = uow.require(Guest, 1)
            uow.add(new(name="", age=-2))
            ann.age = -1
        error = refused.value
        paths = ["Guest(1).age", "Guest(new).name", "Guest(new).age"]
        assert paths == [each.path for each in error.failures]
        assert error is error.failures[0]
        assert all(path in str(error) for path in paths)
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
        assert (str(error), paths) == (str(again), [each.path for each in again.failures])

    def test_before_anything_is_sent(self, open_store: OpenStore) -> None:
        """Be it only for keys; the unit stays usable."""
        traffic = Traffic()
        store = open_store(AT_COMMIT, on_batch=traffic)
        with store.unit() as uow:
            guest = uow.add(new(age=-1))
            with pytest.raises(ValidationFailed):
                uow.commit()
            traffic.expect(0)
            guest.age = 1
        assert 1 == store.query(Guest).one().age

    def test_only_changed_fields_are_validated(self, open_store: OpenStore) -> None:
        """What somebody else has stored does not keep a unit from changing another field."""
        store = open_store(AT_COMMIT)
        save(open_store(MapperRegistry(Always)), Guest.wrong(age=-1))
        with store.unit() as uow:
            uow.require(Guest, 1).name = "Bea"
        assert ("Bea", -1) == (store.require(Guest, 1).name, store.require(Guest, 1).age)

    def test_changes_in_place_are_validated(self, open_store: OpenStore) -> None:
        """Attrs itself would not see them."""
        store = open_store(AT_COMMIT)
        save(store, Guest("Ann", id=1))
        said = r"Guest\(1\)\.tags: .* more than 2"
        with pytest.raises(ValidationFailed, match=said), store.unit() as uow:
            uow.require(Guest, 1).tags += ["a", "b", "c"]

    def test_of_another_type(self, open_store: OpenStore) -> None:
        """A validator speaks before the encoding does."""
        store = open_store(AT_COMMIT)
        save(store, Guest("Ann", id=1))
        with pytest.raises(ValidationFailed, match=r"Guest\(1\)\.tags"), store.unit() as uow:
            untyped: Any = uow.require(Guest, 1)
            untyped.tags = None

    def test_what_goes_is_not_validated(self, open_store: OpenStore) -> None:
        """Nothing of it will be stored."""
        store = open_store(AT_COMMIT)
        save(store, Guest("Ann", id=1))
        with store.unit() as uow:
            ann = uow.require(Guest, 1)
            ann.age = -1
            uow.delete(ann)
        assert store.get(Guest, 1) is None

    def test_loading_validates_nothing(self, open_store: OpenStore) -> None:
        """Converters, defaults and `__attrs_post_init__` run all the same."""
        save(open_store(MapperRegistry(Always)), Guest.wrong(age=-1, name=" Ann "))
        guest = open_store(AT_COMMIT).require(Guest, 1)
        assert ("Ann", -1, []) == (guest.name, guest.age, guest.tags)

    @pytest.mark.parametrize("mapper", [Always, Unsaid])
    def test_the_default_validates_on_load(self, open_store: OpenStore, mapper: Any) -> None:  # noqa: ANN401 - a mapper
        """What a class refuses never becomes an object."""
        save(open_store(MapperRegistry(Always)), Guest.wrong(age=-1))
        with pytest.raises(CorruptRecord, match="its class refuses the stored values"):
            open_store(MapperRegistry(mapper)).require(Guest, 1)

    @pytest.mark.parametrize("mapper", [Always, Unsaid])
    def test_the_default_leaves_setting_to_the_class(
        self,
        open_store: OpenStore,
        mapper: Any,  # noqa: ANN401 - a mapper
    ) -> None:
        """One that lets anything be set is written as it stands."""
        save(open_store(MapperRegistry(mapper)), Guest.wrong(age=-1))
        assert -1 == open_store(AT_COMMIT).require(Guest, 1).age

    def test_hidden_values_are_not_shown(self, open_store: OpenStore) -> None:
        """Nor is what their validator says."""
        store = open_store(SPIES)
        spy = Spy(1, "word")
        spy.word = "hush hush"
        with pytest.raises(ValidationFailed) as refused:
            save(store, spy)
        error = refused.value
        assert "Spy(1).word: ... is refused by its validator: ValueError" == str(error)
        assert ("...", None) == (repr(error.value), error.__cause__)

    def test_a_changed_key_is_no_matter_of_validators(self, open_store: OpenStore) -> None:
        """15: KeyChanged, as always."""
        store = open_store(AT_COMMIT)
        save(store, Guest("Ann", id=1))
        with pytest.raises(KeyChanged), store.unit() as uow:
            uow.require(Guest, 1).id = 2

    def test_when_attrs_is_told_to_validate_nothing(self, open_store: OpenStore) -> None:
        """The switch of attrs, for the whole process, is obeyed."""
        store = open_store(AT_COMMIT)
        with validators.disabled():
            save(store, Guest.wrong(age=-1))
        assert -1 == store.require(Guest, 1).age


class TestValidateKeyword:
    """The class keyword of a mapper."""

    @pytest.mark.parametrize("value", ["comit", "", None, True], ids=repr)
    def test_another_time(self, value: Any) -> None:  # noqa: ANN401 - wrong ones
        """A MappingError names it."""

        class Wrong(Mapper[Guest], validate=value):
            id = Key[int]()

        with pytest.raises(MappingError, match=rf"Wrong: validate={value!r} is no time"):
            MapperRegistry(Wrong)

    def test_a_class_with_an_init_of_its_own(self) -> None:
        """It could not be made without running its validators."""

        @attrs.define(init=False)
        class Own:
            id: int

            def __init__(self, id: int) -> None:  # noqa: A002 - as the attribute
                self.__attrs_init__(id)  # pyright: ignore[reportAttributeAccessIssue]

        class Owns(Mapper[Own], validate="commit"):
            id = Key[int]()

        with pytest.raises(MappingError, match="Own has an __init__ of its own"):
            MapperRegistry(Owns)

    def test_a_class_with_a_pre_init(self) -> None:
        """It would not run."""

        @attrs.define
        class Early:
            id: int

            def __attrs_pre_init__(self) -> None:
                """Before all else."""

        class Earlies(Mapper[Early], validate="commit"):
            id = Key[int]()

        with pytest.raises(MappingError, match="Early has an __attrs_pre_init__"):
            MapperRegistry(Earlies)

    def test_a_class_that_keeps_its_hash(self, open_store: OpenStore) -> None:
        """An object that was loaded can be hashed."""

        @attrs.frozen(cache_hash=True)
        class Kept:
            id: int
            name: str = attrs.field(default="x", validator=validators.min_len(1))

        class Keeps(Mapper[Kept], validate="commit"):
            id = Key[int]()

        store = open_store(MapperRegistry(Keeps))
        save(store, Kept(1))
        assert hash(Kept(1)) == hash(store.require(Kept, 1))
