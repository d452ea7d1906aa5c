"""Every shape of an attrs class: stored, loaded back exactly, compared, deleted."""
# ruff: noqa: PT012 - a unit of work fails where its block ends

from __future__ import annotations

import abc
import copy
import datetime as dt
import pickle
import types
from collections.abc import Callable
from functools import cached_property
from itertools import starmap
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

import attr
import attrs
import pytest

from redmapper.errors import CorruptRecord, Stale, UnitError
from redmapper.mapping.fields import Computed, Field, Key
from redmapper.mapping.indexes import Lookup, Ordered, Unique
from redmapper.mapping.mapper import Mapper
from redmapper.mapping.registry import MapperRegistry
from redmapper.testing.conformance.entities import Traffic, save
from redmapper.testing.conformance.faces import OpenStore

T = TypeVar("T")


@attrs.define
class Slotted:
    """What `attrs.define` gives."""

    name: str
    id: int | None = None


@attrs.define(slots=False)
class WithDict:
    """Instances have a `__dict__`."""

    name: str
    id: int | None = None


@attrs.frozen
class Frozen:
    """Slotted and frozen."""

    name: str
    id: int | None = None


@attrs.frozen(slots=False)
class FrozenWithDict:
    """Frozen, with a `__dict__`."""

    name: str
    id: int | None = None


@attrs.define(eq=False)
class ByIdentity:
    """Compared and hashed by identity."""

    name: str
    id: int | None = None


@attrs.define(eq=False)
class NeverCompared:
    """Comparing, hashing or asking for its truth is an error."""

    name: str
    id: int | None = None

    def __eq__(self, other: object) -> NoReturn:
        raise AssertionError

    def __ne__(self, other: object) -> NoReturn:
        raise AssertionError

    def __hash__(self) -> NoReturn:
        raise AssertionError

    def __bool__(self) -> NoReturn:
        raise AssertionError


@attrs.define(unsafe_hash=True, order=True)
class HashedByValue:
    """Its hash changes with its values, and it has an order."""

    name: str
    id: int | None = None


@attrs.define
class Part:
    """A part of another."""

    name: str
    size: float | None = None


@attrs.define(eq=False)
class NeverComparedPart:
    """A part that can not be compared either."""

    name: str

    def __eq__(self, other: object) -> NoReturn:
        raise AssertionError

    def __hash__(self) -> NoReturn:
        raise AssertionError


@attrs.define
class Nested:
    """Has parts of all kinds."""

    name: str
    part: Part
    maybe: Part | None = None
    parts: list[Part] = attrs.field(factory=list)
    named: dict[str, Part] = attrs.field(factory=dict)
    strict: NeverComparedPart = attrs.field(factory=lambda: NeverComparedPart("x"))
    id: int | None = None


@attrs.define
class Base:
    """A class to inherit from, which has a mapper too."""

    name: str
    id: int | None = None


@attrs.define
class Child(Base):
    """Adds an attribute and changes a default."""

    age: int = 7
    name: str = "child"


@attrs.define
class Abstract(abc.ABC):
    """An abstract base without attributes of its own."""

    limit: ClassVar[int] = 7

    @abc.abstractmethod
    def greeting(self) -> str:
        """What a child says."""


@attrs.define
class Concrete(Abstract):
    """Its child, with a slotted cached property and a method."""

    name: str
    id: int | None = None

    def greeting(self) -> str:
        """Made of the name."""
        return f"I am {self.name}"

    @cached_property
    def shout(self) -> str:
        """Made once."""
        return self.name.upper()


@attrs.define(kw_only=True)
class KeywordOnly:
    """Its `__init__` takes keywords alone, so a required one may come last."""

    id: int | None = None
    name: str


@attrs.define
class Private:
    """Private names lose their underscore in `__init__`; another has an alias."""

    _name: str
    __hidden: str = "h"  # pyright: ignore[reportGeneralTypeIssues]
    size: int = attrs.field(default=1, alias="how_big")
    id: int | None = None

    def read(self) -> tuple[str, str]:
        """The private values."""
        return self._name, self.__hidden

    def rename(self, name: str) -> None:
        """Set both."""
        self._name = self.__hidden = name


@attrs.define
class Uninitialized:
    """Attributes that `__init__` does not take, the key among them."""

    name: str
    count: int = attrs.field(init=False, default=0)
    log: list[str] = attrs.field(init=False, factory=list)
    id: int | None = attrs.field(init=False, default=None)


@attrs.frozen
class UninitializedFrozen:
    """The same, frozen; the key is given by `__init__`."""

    name: str
    length: int = attrs.field(init=False)
    id: int | None = None

    @length.default  # pyright: ignore[reportAttributeAccessIssue]
    def _length(self) -> int:
        return len(self.name)


@attrs.define
class Defaults:
    """Defaults, factories, and one computed from the instance."""

    name: str = "nobody"
    size: int = 3
    note: str | None = "a note"
    tags: list[str] = attrs.field(factory=lambda: ["new"])
    title: str = attrs.field(default=attrs.Factory(lambda self: self.name.title(), takes_self=True))
    maybe: str | None = attrs.field(
        default=attrs.Factory(lambda self: f"{self.name}?", takes_self=True)
    )
    id: int | None = None


def _strip(name: str) -> str:
    return name.strip()


@attrs.define
class Converted:
    """Converters, which are not idempotent: loading runs them again."""

    name: str = attrs.field(converter=_strip)
    size: int = attrs.field(converter=int, default=3)
    tags: tuple[str, ...] = attrs.field(converter=tuple, default=())
    id: int | None = attrs.field(converter=attrs.converters.optional(int), default=None)


@attrs.define
class Validated:
    """Validators run when it is made and when an attribute is set."""

    name: str = attrs.field(validator=attrs.validators.min_len(1))
    size: int = attrs.field(default=1, validator=attrs.validators.ge(0))
    id: int | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.instance_of(int))
    )


@attrs.define
class Guarded:
    """Setting goes through hooks; one attribute is frozen."""

    name: str = attrs.field(on_setattr=lambda _, __, value: value.strip())
    born: int = attrs.field(default=1970, on_setattr=attrs.setters.frozen)
    id: int | None = None


@attrs.define
class PostInit:
    """`__attrs_post_init__` fills what `__init__` does not take."""

    name: str
    initial: str = attrs.field(init=False, default="")
    id: int | None = None

    def __attrs_post_init__(self) -> None:
        self.initial = self.name[:1]


@attrs.define
class OwnInit:
    """Its own `__init__`, which calls that of attrs."""

    name: str
    id: int | None = None

    def __init__(self, name: str, id: int | None = None) -> None:  # noqa: A002 - its attribute
        self.__attrs_init__(name.strip(), id)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


@attrs.define(weakref_slot=False)
class WithoutWeakref:
    """Nothing can be kept of it weakly."""

    name: str
    id: int | None = None


@attr.s(auto_attribs=True)
class Old:
    """The older decorator."""

    name: str
    id: int | None = None


@attr.s
class Untyped:
    """Older still: no annotations. The mapper alone knows the types."""

    name = attr.ib()  # type: ignore[var-annotated]  # pyright: ignore[reportGeneralTypeIssues]
    size = attr.ib(default=None)  # type: ignore[var-annotated]  # pyright: ignore[reportGeneralTypeIssues]
    id = attr.ib(default=None)  # type: ignore[var-annotated]  # pyright: ignore[reportGeneralTypeIssues]


UNTYPED: Any = Untyped  # type checkers do not see its `__init__`


@attrs.define
class Box(Generic[T]):
    """A generic class, whose parameter says nothing about what is stored."""

    name: str
    id: int | None = None


@attrs.define
class Strict:
    """Attributes may only be set, never read while it can help it."""

    name: str
    id: int | None = None

    def __getattr__(self, name: str) -> NoReturn:
        message = f"no attribute {name}"
        raise AttributeError(message)

    def __repr__(self) -> NoReturn:
        raise AssertionError


_MAPPER: Any = Mapper  # its parameter is a class that is known at run time only


@attrs.frozen
class Shape:
    """A class, an object of it, and what a user does to change that."""

    domain: type[Any]
    make: Callable[[], Any]
    edit: Callable[[Any], Any]

    @cached_property
    def registry(self) -> MapperRegistry:
        """A registry of the class alone, without an index."""
        declared: dict[str, Any] = {"id": Key[int]()}
        if self.domain is Untyped:
            declared |= {"name": Field[str](), "size": Field[int | None]()}
        base = _MAPPER[self.domain]
        name = f"{self.domain.__name__}Mapper"
        return MapperRegistry(
            types.new_class(name, (base,), {}, lambda body: body.update(declared))
        )


def _set(**values: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - any attribute
    """An edit in place."""

    def edit(obj: object) -> object:
        for name, value in values.items():
            setattr(obj, name, value)
        return obj

    return edit


def _evolve(**values: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - any attribute
    """Another object in place of it."""
    return lambda obj: attrs.evolve(obj, **values)


def _edit_nested(obj: Nested) -> Nested:
    obj.part.size = 2.5
    obj.parts.append(Part("c"))
    obj.named["a"].name = "z"
    obj.strict.name = "y"
    obj.maybe = None
    return obj


def _edit_private(obj: Private) -> Private:
    obj.rename("new")
    obj.size = 9
    return obj


def _edit_log(obj: Uninitialized) -> Uninitialized:
    obj.count += 1
    obj.log.append("b")
    return obj


def _logged() -> Uninitialized:
    obj = Uninitialized("Ann")
    obj.count, obj.log, obj.id = 3, ["a"], 1
    return obj


def _post_init() -> PostInit:
    obj = PostInit("Ann", id=1)
    obj.initial = "changed since"
    return obj


def _converted() -> Converted:
    make: Any = Converted  # its converters take more than its attributes may be
    return make(" Ann ", "7", ["a"], "1")  # type: ignore[no-any-return]


_PARTS = [Part("a"), Part("b", 1.5)]
RENAMED = _set(name="new")

SHAPES = {
    shape.domain.__name__: shape
    for shape in (
        Shape(Slotted, lambda: Slotted("Ann", id=1), RENAMED),
        Shape(WithDict, lambda: WithDict("Ann", id=1), RENAMED),
        Shape(Frozen, lambda: Frozen("Ann", id=1), _evolve(name="new")),
        Shape(FrozenWithDict, lambda: FrozenWithDict("Ann", id=1), _evolve(name="new")),
        Shape(ByIdentity, lambda: ByIdentity("Ann", id=1), RENAMED),
        Shape(NeverCompared, lambda: NeverCompared("Ann", id=1), RENAMED),
        Shape(HashedByValue, lambda: HashedByValue("Ann", id=1), RENAMED),
        Shape(
            Nested,
            lambda: copy.deepcopy(
                Nested("Ann", _PARTS[0], _PARTS[1], _PARTS, {"a": _PARTS[0]}, id=1)
            ),
            _edit_nested,
        ),
        Shape(Base, lambda: Base("Ann", id=1), RENAMED),
        Shape(Child, lambda: Child(id=1, age=8, name="Ann"), _set(age=9)),
        Shape(Concrete, lambda: Concrete("Ann", id=1), RENAMED),
        Shape(KeywordOnly, lambda: KeywordOnly(name="Ann", id=1), RENAMED),
        Shape(Private, lambda: Private("Ann", "secret", 5, id=1), _edit_private),
        Shape(Uninitialized, _logged, _edit_log),
        Shape(
            UninitializedFrozen, lambda: UninitializedFrozen("Ann", id=1), _evolve(name="longer")
        ),
        Shape(Defaults, lambda: Defaults(id=1), RENAMED),
        Shape(Converted, _converted, _set(name=" new ", size="8")),
        Shape(Validated, lambda: Validated("Ann", 3, 1), _set(size=4)),
        Shape(Guarded, lambda: Guarded("Ann", 1980, 1), _set(name=" new ")),
        Shape(PostInit, _post_init, _set(initial="again")),
        Shape(OwnInit, lambda: OwnInit("Ann", 1), RENAMED),
        Shape(WithoutWeakref, lambda: WithoutWeakref("Ann", 1), RENAMED),
        Shape(Old, lambda: Old("Ann", 1), RENAMED),
        Shape(Untyped, lambda: UNTYPED("Ann", 5, 1), _set(name="new", size=None)),
        Shape(Box, lambda: Box("Ann", 1), RENAMED),
        Shape(Strict, lambda: Strict("Ann", 1), RENAMED),
    )
}


def contents(obj: Any) -> Any:  # noqa: ANN401 - any value
    """The attributes of an object and of its parts, without comparing any of them."""
    if isinstance(obj, (list, tuple)):
        return [contents(each) for each in obj]
    if isinstance(obj, dict):
        return {key: contents(each) for key, each in obj.items()}
    if attrs.has(type(obj)):
        attributes = attrs.fields(type(obj))
        return type(obj), {each.name: contents(getattr(obj, each.name)) for each in attributes}
    return type(obj), obj


SHAPED = pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))


class TestShapes:
    """What holds for each shape of a class."""

    @SHAPED
    def test_it_loads_as_it_was_stored(self, open_store: OpenStore, shape: Shape) -> None:
        """1: every attribute, and every part, of the same type."""
        registry = shape.registry
        save(open_store(registry), shape.make())
        loaded = open_store(registry).require(shape.domain, 1)
        assert contents(shape.make()) == contents(loaded)

    @SHAPED
    def test_loading_and_committing_writes_nothing(
        self, open_store: OpenStore, shape: Shape
    ) -> None:
        """19: it is clean, and stays at its version."""
        traffic = Traffic()
        store = open_store(shape.registry, on_batch=traffic)
        save(store, shape.make())
        with store.unit() as uow:
            loaded = uow.require(shape.domain, 1)
            assert "clean" == uow.state(loaded)
            assert [] == uow.changes()
            traffic.begin()
        traffic.expect(0)

    @SHAPED
    def test_an_added_object_is_clean_after_the_commit(
        self, open_store: OpenStore, shape: Shape
    ) -> None:
        """50: and a second commit writes nothing."""
        store = open_store(shape.registry)
        with store.unit() as uow:
            obj = uow.add(shape.make())
            uow.commit()
            assert "clean" == uow.state(obj)
            version = uow.version_of(obj)
            uow.commit()
            assert version == uow.version_of(obj)

    @SHAPED
    def test_a_change_is_found_and_written(self, open_store: OpenStore, shape: Shape) -> None:
        """18: in place, or by `replace` where it is frozen."""
        store = open_store(shape.registry)
        save(store, shape.make())
        with store.unit() as uow:
            loaded = uow.require(shape.domain, 1)
            edited = shape.edit(loaded)
            if edited is not loaded:
                uow.replace(loaded, edited)
            assert "dirty" == uow.state(edited)
        assert contents(edited) == contents(store.require(shape.domain, 1))
        assert contents(shape.make()) != contents(edited)

    @SHAPED
    def test_it_is_put_deleted_and_added_again(self, open_store: OpenStore, shape: Shape) -> None:
        """1: no verb compares or hashes it."""
        store = open_store(shape.registry)
        with store.unit() as uow:
            uow.put(shape.make())
        with store.unit() as uow:
            loaded = uow.require(shape.domain, 1)
            uow.delete(loaded)
            uow.add(loaded)
            uow.delete(loaded)
            assert [] == uow.query(shape.domain).all()
        assert store.get(shape.domain, 1) is None
        with store.unit() as uow:
            obj = uow.add(shape.make())
            uow.untrack(obj)
            uow.add(obj)
            assert obj in uow
        assert 1 == len(store.query(shape.domain).all())

    @SHAPED
    def test_a_conflict_shows_it(self, open_store: OpenStore, shape: Shape) -> None:
        """35: base, mine and stored are objects of the class."""
        store = open_store(shape.registry)
        save(store, shape.make())
        edited: Any = None
        with pytest.raises(Stale) as refused, store.unit() as uow:
            loaded = uow.require(shape.domain, 1)
            with store.unit() as other:
                other.delete_by_key(shape.domain, 1)
                other.commit()
                other.add(shape.make())
            edited = shape.edit(loaded)
            if edited is not loaded:
                uow.replace(loaded, edited)
        stale = refused.value
        assert contents(shape.make()) == contents(stale.base) == contents(stale.stored)
        assert edited is stale.mine

    @SHAPED
    def test_no_mark_is_left_on_it(self, open_store: OpenStore, shape: Shape) -> None:
        """1: an object that was tracked pickles to the same bytes as one that never was."""
        store = open_store(shape.registry)
        obj = shape.make()
        with store.unit() as uow:
            uow.add(obj)
            uow.commit()
            uow.query(shape.domain).all()
        assert pickle.dumps(copy.deepcopy(shape.make())) == pickle.dumps(copy.deepcopy(obj))
        assert vars(type(obj)).keys() >= {"__attrs_attrs__"}
        assert not [name for name in dir(type(obj)) if "redmapper" in name]


class Slotteds(Mapper[Slotted]):
    """Keys from a sequence."""

    id = Key[int]()
    name = Field[str]()

    by_name = Unique(name)


class NeverCompareds(Mapper[NeverCompared]):
    """With an index of each kind."""

    id = Key[int]()
    name = Field[str]()
    initial = Computed[str](lambda obj: obj.name[:1])

    by_name = Unique(name)
    by_initial = Lookup(initial)
    ordered = Ordered(name)


class Frozens(Mapper[Frozen]):
    """Keys from a sequence, which a frozen object can not be given."""

    id = Key[int]()


class Uninitializeds(Mapper[Uninitialized]):
    """The key is not an argument of `__init__`."""

    id = Key[int]()


class Privates(Mapper[Private]):
    """A private name is declared as it stands in the class."""

    id = Key[int]()
    _name = Field[str]()
    by_name = Unique(_name)


class Untypeds(Mapper[Untyped]):
    """The types are those of the declarations."""

    id = Key[int]()
    name = Field[str]()
    size = Field[int | None]()

    by_name = Unique(name)
    by_size = Ordered(size)


class Bases(Mapper[Base]):
    """The mapper of a base."""

    id = Key[int]()
    name = Field[str]()
    by_name = Unique(name)


class Children(Mapper[Child]):
    """The mapper of its child, in the same registry."""

    id = Key[int]()
    name = Field[str]()
    by_name = Unique(name)


class Guardeds(Mapper[Guarded]):
    """One of its attributes is frozen."""

    id = Key[int]()


def _exclaim(name: str) -> str:
    return f"{name}!"


@attrs.define
class Exclaimed:
    """Its converter adds something each time it runs."""

    name: str = attrs.field(converter=_exclaim)
    id: int | None = None


class Exclaimeds(Mapper[Exclaimed]):
    """Its mapper."""

    id = Key[int]()


@attrs.define
class Cached:
    """Holds a value that is not stored."""

    name: str
    cache: object = attrs.field(factory=object, eq=False)
    id: int | None = None


class Cacheds(Mapper[Cached], omit=("cache",)):
    """Leaves it out."""

    id = Key[int]()


@attrs.define
class Unvalidated:
    """Nothing is validated when an attribute is set."""

    size: int = attrs.field(validator=attrs.validators.ge(0), on_setattr=attrs.setters.NO_OP)
    id: int | None = None


class Unvalidateds(Mapper[Unvalidated]):
    """Its mapper."""

    id = Key[int]()


@attrs.define
class Namesake:
    """Its attributes have names that code about it might use for something else."""

    datetime: dt.datetime
    record: dt.datetime
    base: str = "b"
    key: str | None = None
    value: int = 1
    date: str = "d"
    member_2: str = "m"
    score_2: str = "s"
    id: int | None = None


class Namesakes(Mapper[Namesake]):
    """All of them are in an index."""

    id = Key[int]()
    datetime = Field[dt.datetime]()
    record = Field[dt.datetime]()
    base = Field[str]()
    key = Field[str | None]()
    value = Field[int]()
    date = Field[str]()
    member_2 = Field[str]()
    score_2 = Field[str]()

    by_datetime = Unique(datetime)
    by_record = Ordered(record, datetime.desc())
    by_base = Lookup(base, date)
    by_key = Unique(key)
    by_value = Ordered(value)
    by_member = Lookup(member_2)
    by_score = Lookup(score_2)


def _namesakes() -> list[Namesake]:
    """Three of them, which differ in all but their texts."""
    days = [dt.datetime(2026, 1, day, tzinfo=dt.UTC) for day in (3, 2, 1)]
    return [Namesake(day, day, value=at, id=at) for at, day in enumerate(days, 1)]


class TestShapesAtWork:
    """What is special about one shape."""

    def test_attributes_of_any_name(self, open_store: OpenStore) -> None:
        """One or many, they come, change and go, and are found by every index."""
        store = open_store(MapperRegistry(Namesakes))
        save(store, *_namesakes())
        with store.unit() as uow:
            uow.add(
                attrs.evolve(_namesakes()[0], datetime=dt.datetime(2027, 1, 1, tzinfo=dt.UTC), id=4)
            )
        alike = store.query(Namesake).where(Namesakes.member_2 == "m", Namesakes.score_2 == "s")
        assert [1, 2, 3, 4] == alike.keys()
        with store.unit() as uow:
            for loaded in uow.get_many(Namesake, [1, 2, 3]):
                assert loaded is not None
                loaded.value, loaded.key = loaded.value + 1, f"k{loaded.id}"
        with store.unit() as uow:
            uow.require(Namesake, 2).record = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
        with store.unit() as uow:
            uow.delete(uow.require(Namesake, 4))
        rows = store.query(Namesake).order_by(Namesakes.record)
        assert [3, 1, 2] == [row.id for row in rows.all()]
        assert [3] == [row.id for row in rows.where(Namesakes.value == 4).all()]
        assert 3 == rows.where(Namesakes.base == "b", Namesakes.date == "d").count()
        assert [1, 2, 3] == alike.keys()
        assert 2 == store.get_by(Namesakes.by_datetime, dt.datetime(2026, 1, 2, tzinfo=dt.UTC)).id
        assert 3 == store.get_by(Namesakes.by_key, "k3").id

    def test_long_and_short_values_of_many(self, open_store: OpenStore) -> None:
        """Each is checked against its own version, in however many pieces it stands."""
        store = open_store(MapperRegistry(Cacheds))
        for key in range(1, 5):  # in a commit of its own: a version of its own
            save(store, Cached("a", id=key))
        sizes = [1, 65, 2, 200]
        with store.unit() as uow:
            for key, size in enumerate(sizes, 1):
                uow.require(Cached, key).name = "x" * size
        found = store.get_many(Cached, [1, 2, 3, 4])
        assert sizes == [len(each.name) for each in found if each]

    def test_incomparable_objects_in_every_query(self, open_store: OpenStore) -> None:
        """1: found by every index, overlaid, replaced, and in conflicts."""
        store = open_store(MapperRegistry(NeverCompareds))
        save(store, NeverCompared("Ann", 1), NeverCompared("Bob", 2))
        with store.unit() as uow:
            cid = uow.add(NeverCompared("Cid"))
            ann = uow.get_by(NeverCompareds.by_name, "Ann")
            ann.name = "Zoe"
            rows = uow.query(NeverCompared).order_by(NeverCompareds.name).all()
            assert ["Bob", "Cid", "Zoe"] == [row.name for row in rows]
            (found,) = uow.query(NeverCompared).where(NeverCompareds.initial == "Z").all()
            assert found is ann
            new = NeverCompared("Dan")
            uow.replace(cid, new)
            assert 3 == len(uow.changes()) + 1
        assert 3 == store.query(NeverCompared).count()

    def test_the_key_is_set_once_the_commit_has_landed(self, open_store: OpenStore) -> None:
        """A slotted object without a key gets one; a refused one does not."""
        store = open_store(MapperRegistry(Slotteds))
        ann = Slotted("Ann")
        with store.unit() as uow:
            uow.add(ann)
            assert ann.id is None
        assert ann.id is not None
        other = Slotted("Ann")
        with pytest.raises(Exception, match="Ann"), store.unit() as uow:
            uow.add(other)
        assert other.id is None

    def test_a_key_that_init_does_not_take(self, open_store: OpenStore) -> None:
        """It is set all the same, by the commit and by loading."""
        store = open_store(MapperRegistry(Uninitializeds))
        ann = Uninitialized("Ann")
        save(store, ann)
        assert ann.id is not None
        assert ann == store.get(Uninitialized, ann.id)

    @pytest.mark.parametrize("verb", ["add", "put"])
    def test_a_frozen_object_brings_its_key(self, open_store: OpenStore, verb: str) -> None:
        """Else UnitError at once, naming `new_key`, which makes one."""
        store = open_store(MapperRegistry(Frozens))
        with store.unit() as uow:
            with pytest.raises(UnitError, match="new_key"):
                getattr(uow, verb)(Frozen("Ann"))
            assert [] == uow.changes()
            ann = getattr(uow, verb)(Frozen("Ann", id=store.new_key(Frozens)))
        assert ann == store.get(Frozen, ann.id)

    def test_private_attributes_are_fields(self, open_store: OpenStore) -> None:
        """Under their own names."""
        store = open_store(MapperRegistry(Privates))
        save(store, Private("Ann", "secret", id=1))
        found = store.query(Private).where(Privates._name == "Ann").one()  # noqa: SLF001 - our own
        assert ("Ann", "secret") == found.read()
        assert found == store.get_by(Privates.by_name, "Ann")

    def test_untyped_attributes_have_the_types_of_their_fields(self, open_store: OpenStore) -> None:
        """Nothing else says what they are."""
        store = open_store(MapperRegistry(Untypeds))
        save(store, *starmap(UNTYPED, [("Ann", 10, 1), ("Bob", 9, 2), ("Cid", None, 3)]))
        rows = store.query(Untyped).order_by(Untypeds.size).all()
        assert [("Cid", None), ("Bob", 9), ("Ann", 10)] == [(row.name, row.size) for row in rows]
        assert 1 == store.get_by(Untypeds.by_name, "Ann").id

    def test_a_base_and_its_child_are_two_kinds(self, open_store: OpenStore) -> None:
        """Each has its own keys, indexes and unique values."""
        store = open_store(MapperRegistry(Bases, Children))
        save(store, Base("Ann", 1), Child(id=1, age=8, name="Ann"))
        assert Base("Ann", 1) == store.get(Base, 1) == store.get_by(Bases.by_name, "Ann")
        assert (
            Child(id=1, age=8, name="Ann")
            == store.get(Child, 1)
            == store.get_by(Children.by_name, "Ann")
        )
        with store.unit() as uow:
            uow.delete_by_key(Base, 1)
        assert (
            Child(id=1, age=8, name="Ann") == store.query(Child).where(Children.name == "Ann").one()
        )
        assert 0 == store.query(Base).count()

    def test_what_a_converter_makes_is_what_is_compared(self, open_store: OpenStore) -> None:
        """Loading runs it again; the object is clean as it stands after that."""
        store = open_store(MapperRegistry(Exclaimeds))
        save(store, Exclaimed("Ann", 1))
        with store.unit() as uow:
            loaded = uow.require(Exclaimed, 1)
            assert ("Ann!!", "clean") == (loaded.name, uow.state(loaded))
        assert "Ann!!" == store.require(Exclaimed, 1).name

    def test_a_refreshed_object_is_as_a_loaded_one(self, open_store: OpenStore) -> None:
        """Converters run as often as for loading, and hooks for setting do not run."""
        store = open_store(MapperRegistry(Exclaimeds, Guardeds))
        save(store, Exclaimed("Ann", 1), Guarded("Ann", 1980, 1))
        with store.unit() as uow:
            exclaimed, guarded = uow.require(Exclaimed, 1), uow.require(Guarded, 1)
            uow.refresh(exclaimed)
            assert "Ann!!" == exclaimed.name
            guarded.name = "mine"
            uow.refresh(guarded)
            assert ("Ann", 1980, "clean") == (guarded.name, guarded.born, uow.state(guarded))

    def test_an_omitted_attribute_is_left_alone(self, open_store: OpenStore) -> None:
        """Neither stored, nor compared, nor touched by a refresh."""
        store = open_store(MapperRegistry(Cacheds))
        mine = object()
        with store.unit() as uow:
            obj = uow.add(Cached("Ann", mine))
            uow.commit()
            obj.cache = other = object()
            assert "clean" == uow.state(obj)
            uow.refresh(obj)
            assert other is obj.cache
        assert mine is not store.require(Cached, obj.id).cache

    def test_a_record_that_its_class_refuses_is_corrupt(self, open_store: OpenStore) -> None:
        """Validators run on loading; CorruptRecord names the entity."""
        store = open_store(MapperRegistry(Unvalidateds))
        with store.unit() as uow:
            obj = uow.add(Unvalidated(1, id=7))
            uow.commit()
            obj.size = -1
        with pytest.raises(CorruptRecord, match=r"Unvalidated\(7\)"):
            store.get(Unvalidated, 7)

    def test_attributes_set_by_hand_are_not_stored(self, open_store: OpenStore) -> None:
        """An instance with a `__dict__` may carry more than its class declares."""
        store = open_store(SHAPES["WithDict"].registry)
        obj = WithDict("Ann", id=1)
        obj.extra = "mine"  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
        save(store, obj)
        assert {"name": "Ann", "id": 1} == vars(store.require(WithDict, 1))
        assert {"name": "Ann", "id": 1, "extra": "mine"} == vars(obj)
