"""The registry: every mistake in a mapper is an error at start-up, and says how to mend it."""

import enum
import types
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import attr
import attrs
import pytest
from cattrs import Converter

from redmapper import (
    Computed,
    Field,
    Key,
    Lookup,
    Mapper,
    MapperRegistry,
    MappingError,
    NotMapped,
    Ordered,
    Unique,
)


@attrs.define
class User:
    """An entity."""

    name: str
    email: str
    age: int | None = None
    tags: list[str] = attrs.field(factory=list)
    more: list[str] = attrs.field(factory=list)
    meta: dict[str, int] = attrs.field(factory=dict)
    id: int | None = None


@attrs.define
class Team:
    """Another one."""

    name: str
    id: str | None = None


class Users(Mapper[User]):
    """A mapper without a mistake."""

    id = Key[int]()
    name = Field[str]()
    by_name = Unique(name)


class Teams(Mapper[Team]):
    """Another one."""

    id = Key[str]()
    name = Field[str]()


def users(domain: Any = User, options: dict[str, Any] | None = None, **body: Any) -> Any:
    """A mapper called Users of this body, with a key unless the body says otherwise."""
    namespace = {"id": Key[int]()} | body
    return types.new_class("Users", (Mapper[domain],), options, lambda said: said.update(namespace))


def over(annotation: Any) -> type:
    """An attrs class with one attribute of that type besides its key."""
    return attrs.make_class(
        "Thing", {"it": attrs.field(type=annotation), "id": attrs.field(type=int | None)}
    )


def refusal(*mappers: Any) -> str:
    """What the registry says of these mappers."""
    with pytest.raises(MappingError) as refused:
        MapperRegistry(*mappers)
    return str(refused.value)


# --- names -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"emial": Field[str]()},
            "Users.emial: User has no attribute 'emial'; did you mean 'email'?",
        ),
        (
            {"zzz": Field[str]()},
            (
                "Users.zzz: User has no attribute 'zzz'; "
                "there are: age, email, id, meta, more, name, tags"
            ),
        ),
        (
            {"id": None, "ids": Key[int]()},
            "Users.ids: User has no attribute 'ids'; did you mean 'id'?",
        ),
    ],
)
def test_a_declaration_names_an_attribute_of_the_class(body: dict[str, Any], expected: str):
    """The nearest right name is offered; where there is none, all of them."""
    assert expected == refusal(users(**body))


def test_a_mapper_has_a_key():
    """Without one there is no telling entities apart."""
    assert "Users: a mapper has exactly one Key, found: none" == refusal(users(id=None))


def test_a_mapper_has_no_second_key():
    """The refusal names them."""
    expected = "Users: a mapper has exactly one Key, found: id, name"
    assert expected == refusal(users(name=Key[str]()))


@pytest.mark.parametrize("declared", [Field[str], Key, Computed[str], Unique, Ordered])
def test_forgotten_parentheses_are_found(declared: object):
    """A class in the place of a declaration would declare nothing."""
    expected = f"Users.name: {declared!r} is a class; write it with parentheses"
    assert expected == refusal(users(name=declared))


def test_forgotten_parentheses_are_found_in_an_inherited_mapper():
    """Whichever class in the line forgot them."""

    class Parent(Mapper[User]):
        id = Key[int]()
        name = Field[str]

    class Child(Parent):
        email = Field[str]()

    assert refusal(Child).endswith("is a class; write it with parentheses")


# --- types -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"name": Field[int]()},
            "Users.name: declared as int, but the class says str; write Field[str]()",
        ),
        (
            {"age": Field[int]()},
            "Users.age: declared as int, but the class says int | None; write Field[int | None]()",
        ),
        (
            {"tags": Field[list[int]]()},
            (
                "Users.tags: declared as list[int], but the class says list[str]; "
                "write Field[list[str]]()"
            ),
        ),
        (
            {"id": Key[str]()},
            "Users.id: declared as str, but the class says int | None; write Key[int]()",
        ),
    ],
)
def test_a_type_agrees_with_the_class(body: dict[str, Any], expected: str):
    """None is part of a field's type."""
    assert expected == refusal(users(**body))


@pytest.mark.parametrize("key", [Key[int](), Key[int | None](), Key()])
def test_a_key_may_leave_out_none(key: Key[Any]):
    """`Key[T]` fits `T | None`; and without brackets there is nothing to disagree with."""
    assert int is MapperRegistry(users(id=key)).mapped(User).key.scalar.type


def test_an_attribute_without_a_type_takes_that_of_its_declaration():
    """As those of classes in the old style."""

    @attr.s
    class Old:
        name = attr.ib()
        id = attr.ib(default=None)

    name = Field[str]()
    mapped = MapperRegistry(users(Old, name=name, by_name=Ordered(name))).mapped(Old)
    assert (int, str) == (mapped.key.scalar.type, mapped.columns["name"].kind.annotation)


class Colour(enum.Enum):
    """An Enum of texts."""

    RED = "red"


@pytest.mark.parametrize("kind", [int, str, UUID, bytes, date, Colour])
def test_a_key_can_be_of_these_kinds(kind: Any):
    """Each has one spelling, and an order."""
    domain = attrs.make_class("Thing", {"id": attrs.field(type=kind)})
    assert kind is MapperRegistry(users(domain, id=Key[kind]())).mapped(domain).key.scalar.type


@pytest.mark.parametrize("kind", [bool, float, Decimal, datetime, list[str], dict[str, int]])
def test_a_key_can_not_be_of_another_kind(kind: Any):
    """The refusal says which there are."""
    domain = attrs.make_class("Thing", {"id": attrs.field(type=kind)})
    expected = (
        f"Users.id: {kind} can not be a key; "
        "keys are int, str, UUID, bytes, date, or an Enum of these"
    )
    assert expected == refusal(users(domain, id=Key[kind]()))


class Opaque:
    """A class that no converter knows."""


def no_converter(shown: object) -> str:
    """What a registry says of a type that no converter handles."""
    return (
        f"Users.it: no converter for {shown}; register hooks on a cattrs converter "
        "and pass MapperRegistry(..., converter=converter), or omit the attribute"
    )


@pytest.mark.parametrize("annotation", [Opaque, list[Opaque] | None])
def test_a_type_needs_a_converter(annotation: Any):
    """The refusal says where to register one."""
    assert no_converter(annotation) == refusal(users(over(annotation)))


def test_the_type_of_a_computed_needs_a_converter_too():
    """Its values are stored as well."""
    assert no_converter(Opaque) == refusal(users(it=Computed[Opaque](lambda _: Opaque())))


@pytest.mark.parametrize("domain", [int, types.SimpleNamespace, NamedTuple("Pair", [("id", int)])])
def test_the_domain_is_an_attrs_class(domain: type):
    """The refusal shows how both classes are written."""
    expected = (
        f"Users: {domain!r} is not an attrs class; "
        "write `class Users(Mapper[User])`, User being decorated with @attrs.define"
    )
    assert expected == refusal(users(domain))


def test_a_mapper_names_its_domain():
    """One that does not is told how."""

    class Bare(Mapper):
        id = Key[int]()

    assert refusal(Bare).startswith("Bare: None is not an attrs class; write `class Users(")


# --- options ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"conflct": "fields"}, "Users: unknown option 'conflct'; did you mean 'conflict'?"),
        (
            {"conflict": "overwite"},
            "Users: unknown conflict policy 'overwite'; did you mean 'overwrite'?",
        ),
        (
            {"conflict": 1},
            "Users: unknown conflict policy 1; there are: fields, overwrite, version",
        ),
        (
            {"name": "a:b"},
            "Users: the storage name 'a:b' must be letters, digits, '_', '.' and '-'",
        ),
        ({"name": ""}, "Users: the storage name '' must be letters, digits, '_', '.' and '-'"),
        ({"name": 7}, "Users: the storage name 7 must be letters, digits, '_', '.' and '-'"),
    ],
)
def test_an_option_is_one_there_is(options: dict[str, Any], expected: str):
    """With a value that it can have."""
    assert expected == refusal(users(options=options))


@pytest.mark.parametrize("name", ["User", "Grüße", "v1.users", "a-b_c", "7"])
def test_a_storage_name_is_any_word(name: str):
    """Without what separates the parts of a Redis key."""
    assert name == MapperRegistry(users(options={"name": name})).mapped(User).name


def test_the_storage_name_is_the_classs_own_by_default():
    """Without its module, which a refactor may change."""
    assert "User" == MapperRegistry(Users).mapped(User).name


@pytest.mark.parametrize(
    ("omit", "body", "expected"),
    [
        ("meta", {}, "Users: omit='meta' must be a tuple of names: omit=('meta',)"),
        (("mta",), {}, "Users: omit names 'mta', which User lacks; did you mean 'meta'?"),
        (("name",), {}, "Users: 'name' is omitted, so the class must give it a default"),
        (("id",), {}, "Users.id: it is omitted and declared; drop one of the two"),
        (
            ("age",),
            {"age": Field[int | None]()},
            "Users.age: it is omitted and declared; drop one of the two",
        ),
    ],
)
def test_what_is_omitted_can_be_left_out(omit: Any, body: dict[str, Any], expected: str):
    """An attribute that nobody needs, and that the class can make by itself."""
    assert expected == refusal(users(options={"omit": omit}, **body))


def test_an_omitted_attribute_is_not_stored():
    """All others are, whether the mapper names them or not."""
    mapped = MapperRegistry(users(options={"omit": ("meta", "more")})).mapped(User)
    assert ["name", "email", "age", "tags"] == [each.name for each in mapped.attributes]


def test_an_omitted_attribute_needs_no_converter():
    """Which is why one may omit it."""
    domain = attrs.make_class(
        "Thing",
        {"id": attrs.field(type=int), "it": attrs.field(type=Opaque, factory=Opaque)},
    )
    assert [] == [*MapperRegistry(users(domain, {"omit": ("it",)})).mapped(domain).attributes]


# --- indexes ---------------------------------------------------------------------------------


def test_an_index_has_a_field():
    """One at least."""
    assert "Users.by_x: Ordered needs at least one field" == refusal(users(by_x=Ordered()))


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (
            Teams.name,
            "Users.by_x: Teams.name is not a field of Users; did you mean 'name'?",
        ),
        (Field[str](), "Users.by_x: Field.? is not a field of Users; there are: id, name"),
        ("name", "Users.by_x: 'name' is not a field of Users; did you mean 'name'?"),
    ],
)
def test_an_index_is_over_fields_of_its_own_mapper(field: Any, expected: str):
    """Not those of another, nor their names."""
    assert expected == refusal(users(name=Field[str](), by_x=Unique(field)))


@pytest.mark.parametrize("kind", [Unique, Lookup, Ordered])
def test_a_nested_value_is_not_indexed(kind: Any):
    """A Computed of it can be."""
    meta = Field[dict[str, int]]()
    expected = (
        "Users.by_meta: 'meta' is neither a scalar nor a collection of scalars; "
        "index a Computed of it"
    )
    assert expected == refusal(users(meta=meta, by_meta=kind(meta)))


@pytest.mark.parametrize("kind", [Unique, Ordered])
def test_only_a_lookup_indexes_a_collection(kind: Any):
    """One entry an element makes no order, and no one owner."""
    tags = Field[list[str]]()
    expected = (
        f"Users.by_tag: {kind.__name__} can not index the collection 'tags'; "
        "a Lookup can, one of them"
    )
    assert expected == refusal(users(tags=tags, by_tag=kind(tags)))


def test_a_lookup_indexes_one_collection():
    """Two would give an entry a pair."""
    tags, more = Field[list[str]](), Field[list[str]]()
    expected = (
        "Users.by_both: Lookup can not index the collection 'more'; a Lookup can, one of them"
    )
    assert expected == refusal(users(tags=tags, more=more, by_both=Lookup(tags, more)))


def test_indexes_take_keys_and_computed_values():
    """Whatever can be queried."""
    key, initial = Key[int](), Computed[str](lambda user: user.name[:1])
    mapper = users(id=key, initial=initial, by_x=Ordered(initial, key.desc()))
    columns = MapperRegistry(mapper).mapped(User).indexes["by_x"].columns
    assert ["initial", "id"] == [column.name for column in columns]


# --- what a registry takes -------------------------------------------------------------------


@pytest.mark.parametrize("thing", [User, Mapper, "Users", None, Users.__new__(Users)])
def test_a_registry_takes_mapper_classes(thing: Any):
    """And nothing else."""
    assert f"{thing!r} is not a mapper class; write `class Users(Mapper[User])`" == refusal(thing)


def test_a_class_has_one_mapper_a_registry():
    """The refusal names both."""

    class Members(Mapper[User], name="Member"):
        id = Key[int]()

    expected = (
        "Members and Users both map the User; "
        "a class has one mapper a registry, and a storage name one class"
    )
    assert expected == refusal(Users, Members)


def test_a_storage_name_belongs_to_one_class():
    """Or their records would mix."""

    class Crews(Mapper[Team], name="User"):
        id = Key[str]()

    expected = (
        "Crews and Users both map the name 'User'; "
        "a class has one mapper a registry, and a storage name one class"
    )
    assert expected == refusal(Users, Crews)


def test_a_mapper_may_be_in_many_registries():
    """It is only read."""
    first, second = MapperRegistry(Users), MapperRegistry(Users, Teams)
    assert Users is first.mapper_for(User) is second.mapper_for(User)


def test_a_mapper_may_inherit_from_another():
    """Its indexes are over the inherited fields."""

    class Children(Users, name="Child"):
        email = Field[str]()
        by_both = Ordered(Users.name, email)

    mapped = MapperRegistry(Children).mapped(User)
    assert "Child" == mapped.name
    assert ["by_name", "by_both"] == list(mapped.indexes)


# --- what a registry knows -------------------------------------------------------------------


def test_the_mapper_of_a_class_is_found():
    """By the class, or by itself."""
    registry = MapperRegistry(Users, Teams)
    assert Teams is registry.mapper_for(Team)
    assert registry.mapped(Team) is registry.mapped(Teams)


def test_a_registry_prints_its_mappers():
    """As one would write it."""
    registry = MapperRegistry(Users, Teams)
    assert "MapperRegistry(Users, Teams)" == repr(registry)
    assert "<mapped Team by Teams>" == repr(registry.mapped(Team))


class Admin(User):
    """A subclass of a mapped class."""


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            Admin,
            (
                "Admin has no mapper in this registry; "
                "its base User has one, but a subclass needs its own"
            ),
        ),
        (int, "int has no mapper in this registry; mapped are: Team, User"),
        (Mapper, "Mapper has no mapper in this registry; mapped are: Team, User"),
        (None, "None is not a class; pass a domain class or its mapper"),
        ([], "[] is not a class; pass a domain class or its mapper"),
    ],
)
def test_an_unmapped_class_is_refused(kind: Any, expected: str):
    """Naming the nearest that is mapped."""
    with pytest.raises(NotMapped) as refused:
        MapperRegistry(Users, Teams).mapped(kind)
    assert expected == str(refused.value)


@pytest.mark.parametrize(
    ("entity", "expected"),
    [
        (User, "User is a class; pass an object of it"),
        (Users, "Users is a class; pass an object of it"),
        (None, "NoneType has no mapper in this registry; mapped are: User"),
        (
            Admin("a", "b"),
            (
                "Admin has no mapper in this registry; "
                "its base User has one, but a subclass needs its own"
            ),
        ),
    ],
)
def test_an_unmapped_object_is_refused(entity: Any, expected: str):
    """And so is a class in its place."""
    with pytest.raises(NotMapped) as refused:
        MapperRegistry(Users).mapped_object(entity)
    assert expected == str(refused.value)


# --- converters ------------------------------------------------------------------------------


def registry_with_hooks(converter: Converter) -> MapperRegistry:
    """A registry over a class with an Opaque, by hooks of the converter."""
    converter.register_unstructure_hook(Opaque, lambda _: "opaque")
    converter.register_structure_hook(Opaque, lambda _, __: Opaque())
    return MapperRegistry(users(over(Opaque)), converter=converter)


def test_the_hooks_of_a_converter_are_used():
    """For whatever the table of scalars does not have."""
    (mapped,) = registry_with_hooks(Converter())
    record = mapped.encode(mapped.domain(Opaque(), 7))
    assert {b"it": b'"opaque"'} == record
    assert Opaque is type(mapped.construct(record, b"7").it)


def test_the_given_converter_is_left_unchanged():
    """The registry works on a copy: it sorts sets, which others may not want."""
    converter = Converter()
    MapperRegistry(Users, converter=converter)
    given = {3, 1, 2}
    assert converter.unstructure(given, unstructure_as=set[int]) == given


def test_hooks_registered_later_have_no_effect():
    """A registry is frozen once it is made."""
    converter = Converter()
    (mapped,) = registry_with_hooks(converter)
    converter.register_unstructure_hook(Opaque, lambda _: "changed")
    assert {b"it": b'"opaque"'} == mapped.encode(mapped.domain(Opaque(), 7))


# --- what the stored format depends on -------------------------------------------------------


def test_the_description_names_key_and_indexes():
    """A change of it is a change of schema: this literal is stored."""
    name, age = Field[str](norm=str.casefold), Field[int | None]()
    tags = Field[list[str]]()
    mapper = users(
        name=name,
        age=age,
        tags=tags,
        by_name=Unique(name, nulls=True),
        by_age=Ordered(age.desc(), name),
        by_tag=Lookup(tags),
    )
    expected = (
        '{"format": 3, "indexes": {"by_age": "Ordered(age:int desc, name:text~)", '
        '"by_name": "Unique(name:text~) nulls", "by_tag": "Lookup(tags:[text])"}, "key": "int"}'
    )
    assert expected == MapperRegistry(mapper).mapped(User).description


def test_the_fingerprint_follows_the_description():
    """The same for the same declarations, in every process; another for others."""
    mapped = MapperRegistry(Users).mapped(User)
    other = MapperRegistry(users(name=Field[str]())).mapped(User)
    assert "522b6a75f238607d" == mapped.fingerprint
    assert mapped.fingerprint != other.fingerprint


# --- declarations --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": Computed[str]("x")}, "Users.name: 'x' is not a function"),
        ({"name": Computed[str](None)}, "Users.name: None is not a function"),
        ({"name": Field[str](norm="casefold")}, "Users.name: norm= 'casefold' is not a function"),
        ({"id": Key[int](new=7)}, "Users.id: new= 7 is not a function"),
    ],
    ids=["Computed", "None", "norm", "new"],
)
def test_what_is_to_be_called_is_a_function(body: dict[str, Any], expected: str):
    """Found here, not when the first entity is written."""
    assert expected == refusal(users(**body))


@pytest.mark.parametrize(
    "omit",
    [5, None, ([],), (5,), iter(["age"])],
    ids=["int", "None", "a list in it", "an int in it", "iterator"],
)
def test_omit_is_a_tuple_of_names(omit: Any):
    """Anything else is shown."""
    expected = f"Users: omit={omit!r} must be a tuple of names, such as omit=('cache',)"
    assert expected == refusal(users(options={"omit": omit}))


@pytest.mark.parametrize(
    ("declare", "expected"),
    [
        (lambda: Field[str]("x"), "Field is not declared so: too many positional arguments"),
        (Computed[str], "Computed is not declared so: missing a required argument"),
        (lambda: Key(int), "Key is not declared so: too many positional arguments"),
    ],
    ids=["Field", "Computed", "Key"],
)
def test_a_declaration_takes_what_it_takes(declare: Any, expected: str):
    """A MappingError, as for every mistake in a mapper."""
    with pytest.raises(MappingError) as refused:
        declare()
    assert str(refused.value).startswith(expected)


def test_a_registry_takes_a_converter_of_cattrs():
    """And says so."""
    with pytest.raises(MappingError, match="converter=5 is not a cattrs Converter"):
        MapperRegistry(Users, converter=5)


def test_a_field_has_one_name():
    """Under two it would be both, or neither."""
    field, index = Field[str](), Unique(Users.name)
    expected = "Users.email: it is Users.name under another name; declare one for each"
    assert expected == refusal(users(name=field, email=field))
    expected = "Users.other: it is Users.by_name under another name; declare one for each"
    assert expected == refusal(users(name=Field[str](), by_name=index, other=index))


def test_a_field_is_not_another_mappers():
    """The other mapper's field stays what it was."""
    borrowed = users(name=Users.name)
    assert "Users.name: Users.name is another mapper's; declare one here" == refusal(borrowed)
    assert Users is Users.name.owner


def test_a_mapper_that_inherits_has_the_fields_of_its_base():
    """Those of a class beside `Mapper` too."""

    class Named:
        name = Field[str]()

    class Parent(Mapper[User]):
        id = Key[int]()
        email = Field[str]()
        by_email = Unique(email)

    class Child(Named, Parent):
        by_both = Unique(Named.name, Parent.email)

    mapped = MapperRegistry(Child).mapped(User)
    assert {"name", "email"} == mapped.columns.keys()
    assert {"by_email", "by_both"} == mapped.indexes.keys()
    assert [Named, Parent] == [Child.name.owner, Child.email.owner]


# --- the class's own __init__ --------------------------------------------------------------------


@attrs.define(init=False)
class Own:
    """Its own `__init__` takes something else."""

    name: str
    id: int | None

    def __init__(self, full_name: str) -> None:
        self.name, self.id = full_name, None


@attrs.define(init=False)
class Demanding:
    """Its own takes the attributes, and wants more."""

    name: str
    id: int | None

    def __init__(self, name: str, id: int | None, clock: Any) -> None:  # noqa: A002
        self.name, self.id = name, clock or id


@attrs.define(init=False)
class Without:
    """It has none."""

    name: str
    id: int | None


@attrs.define(init=False)
class Willing:
    """Its own takes whatever comes."""

    name: str
    id: int | None

    def __init__(self, *, raw: str = "", **given: Any) -> None:
        self.__attrs_init__(**({"name": raw, "id": None} if raw else given))


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        (Own, "Users: loading calls Own(name=..., id=...), which its own __init__ does not take"),
        (Demanding, "Users: loading calls Demanding(name=..., id=...), which its own __init__"),
        (Without, "Users: Without has no __init__ that takes its attributes"),
    ],
)
def test_a_class_takes_its_attributes(domain: type, expected: str):
    """Loading calls it with them: found here, not when the first entity is loaded."""
    assert refusal(users(domain)).startswith(expected)


def test_an_own_init_may_take_more():
    """With defaults."""
    mapped = MapperRegistry(users(Willing)).mapped(Willing)
    assert "Ann" == mapped.construct({b"name": b"Ann"}, b"7").name


# --- Enums without a scalar ----------------------------------------------------------------------


class Planet(enum.Enum):
    """Its values are of no scalar type, and JSON knows no tuples."""

    EARTH = (1.0, 2.0)


class Mixed(enum.Enum):
    """Its values are of two types that JSON knows."""

    ONE = 1
    TWO = "two"


@attrs.define
class Orbit:
    """A nested class with an Enum."""

    planet: Planet


@pytest.mark.parametrize("annotation", [Planet, list[Planet], Orbit, dict[str, Orbit | None]])
def test_an_enum_that_can_not_be_stored_is_refused(annotation: Any):
    """Wherever it stands."""
    shown = refusal(users(over(annotation)))
    assert shown.startswith("Users.it: Planet can not be stored (")
    assert shown.endswith("give its members values of one scalar type")


def test_an_enum_of_several_types_is_json():
    """As long as JSON knows them."""
    mapped = MapperRegistry(users(over(list[Mixed]))).mapped
    assert mapped is not None
