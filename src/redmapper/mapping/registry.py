"""The registry: mappers read, checked as a whole, and compiled; then it never changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, TypeVar

import attrs
from cattrs import Converter
from cattrs.errors import StructureHandlerNotFoundError

from redmapper.errors import MappingError, NotMapped
from redmapper.mapping.annotations import annotation_of, hides, kinds_in, without_none
from redmapper.mapping.check import (
    check_annotation,
    check_converter,
    check_declared,
    check_indexed_kind,
    check_init,
    check_mapper_class,
)
from redmapper.mapping.columns import Column, Kind, read_kind
from redmapper.mapping.construction import Attribute
from redmapper.mapping.entries import entry_values
from redmapper.mapping.events import Handler, Handlers
from redmapper.mapping.fields import Computed, Field, Key, Queryable
from redmapper.mapping.indexes import Index
from redmapper.mapping.mapped import KeyColumn, MappedClass, MappedIndex, nearest_domain
from redmapper.mapping.mapper import Declared, Mapper, read_mapper
from redmapper.mapping.nested import Nested, nested_converter
from redmapper.mapping.records import generate_codec
from redmapper.mapping.scalars import scalar_for
from redmapper.mapping.validation import unvalidated

Domain = TypeVar("Domain")


class MapperRegistry:
    """Mappers that belong together; a store is bound to one.

    `converter` is a cattrs converter for nested values; the registry works on a copy of it, so
    hooks must be registered before. Raises MappingError for whatever is wrong with a mapper.
    """

    def __init__(self, *mappers: type[Mapper[Any]], converter: Converter | None = None) -> None:
        check_converter(converter)
        nested = nested_converter(converter)
        self._by_class: dict[type, MappedClass] = {}
        self._handlers = Handlers()
        names: dict[str, MappedClass] = {}
        for mapper in mappers:
            check_mapper_class(mapper)
            mapped = _compile(read_mapper(mapper), nested)
            self._refuse_twice(mapped, names)
            names[mapped.name] = mapped
            self._by_class[mapped.domain] = mapped
            self._by_class[mapper] = mapped

    def _refuse_twice(self, mapped: MappedClass, names: dict[str, MappedClass]) -> None:
        other = self._by_class.get(mapped.domain) or names.get(mapped.name)
        if other is None:
            return
        what = mapped.domain.__name__ if other.domain is mapped.domain else f"name {mapped.name!r}"
        message = (
            f"{mapped.mapper.__name__} and {other.mapper.__name__} both map the {what}; "
            "a class has one mapper a registry, and a storage name one class"
        )
        raise MappingError(message)

    def on(self, event: str, handler: Handler) -> None:
        """Call a plain function at an event of every unit, before the registry has a store.

        Events are those of `redmapper.mapping.events`; several handlers of one are called in the
        order of registration. Raises MappingError for a mistake, and once a store was made.
        """
        self._handlers.on(event, handler)

    def use(self) -> Handlers:
        """The handlers, which are complete from now on: a store is being made."""
        self._handlers.used = True
        return self._handlers

    def mapper_for(self, domain: type[Domain]) -> type[Mapper[Domain]]:
        """The mapper of a domain class; NotMapped, naming the nearest, where it has none."""
        return self.mapped(domain).mapper

    def mapped(self, kind: object) -> MappedClass:
        """What is known of a domain class or a mapper; NotMapped where nothing is."""
        found = self._by_class.get(kind) if isinstance(kind, type) else None
        if found is not None:
            return found
        if isinstance(kind, type):
            raise nearest_domain(kind, self)
        message = f"{kind!r} is not a class; pass a domain class or its mapper"
        raise NotMapped(message)

    def mapped_object(self, entity: object) -> MappedClass:
        """What is known of an entity's class; NotMapped where it is not an entity."""
        found = self._by_class.get(type(entity))
        if found is not None:
            return found
        if isinstance(entity, type):
            message = f"{entity.__name__} is a class; pass an object of it"
            raise NotMapped(message)
        raise nearest_domain(type(entity), self)

    def __iter__(self) -> Iterator[MappedClass]:
        return iter(dict.fromkeys(self._by_class.values()))

    def __repr__(self) -> str:
        return f"MapperRegistry({', '.join(mapped.mapper.__name__ for mapped in self)})"


def _compile(declared: Declared, converter: Converter) -> MappedClass:
    """One mapper, checked and made ready."""
    check_declared(declared)
    omitted = declared.options.get("omit", ())
    attributes = {
        each.name: _attribute(each, declared, converter)
        for each in attrs.fields(declared.domain)
        if each.name not in omitted
    }
    check_init(declared.domain, attributes.values(), declared.mapper.__name__)
    key = _key(next(iter(declared.keys.values())), attributes, declared)
    stored = [each for name, each in attributes.items() if name != key.attribute.name]
    computed = {
        name: _computed_column(each, declared, converter)
        for name, each in declared.computed.items()
    }
    columns = {name: attributes[name].column for name in declared.fields} | computed
    indexable = {**columns, key.attribute.name: key.attribute.column}
    return MappedClass(
        mapper=declared.mapper,
        domain=declared.domain,
        name=declared.options.get("name", declared.domain.__name__),
        conflict=declared.options.get("conflict", "version"),
        key=key,
        attributes=tuple(stored),
        columns=columns,
        computed=tuple((computed[name], each.compute) for name, each in declared.computed.items()),
        indexes={
            name: _index(index, indexable, declared) for name, index in declared.indexes.items()
        },
        codec=generate_codec(declared.domain, stored, key.attribute, _maker(declared)),
        validated=_validated(declared, attributes),
    )


def _maker(declared: Declared) -> Callable[..., Any]:
    """What makes an object of a record: the class, or what spares its validators."""
    at_commit = declared.options.get("validate") == "commit"
    return unvalidated(declared.domain) if at_commit else declared.domain


def _validated(
    declared: Declared, attributes: dict[str, Attribute]
) -> tuple[attrs.Attribute[Any], ...]:
    """The stored attributes whose validators run at the commit."""
    if declared.options.get("validate") != "commit":
        return ()
    every = attrs.fields(declared.domain)
    return tuple(each for each in every if each.validator and each.name in attributes)


def _attribute(
    attribute: attrs.Attribute[Any], declared: Declared, converter: Converter
) -> Attribute:
    field = declared.keys.get(attribute.name) or declared.fields.get(attribute.name)
    kind = _kind(attribute, field, declared, converter)
    if field is not None:
        field.hidden = attribute.repr is False
    column = Column(
        name=attribute.name,
        stored=attribute.name.encode(),
        kind=kind,
        hidden=attribute.repr is False,
        veiled=hides(kind.annotation),
        norm=field.norm if isinstance(field, Field) else None,
    )
    return Attribute(
        name=attribute.name,
        alias=attribute.alias or attribute.name,
        init=attribute.init,
        default=attribute.default,
        column=column,
    )


def _kind(
    attribute: attrs.Attribute[Any],
    field: Queryable[Any] | None,
    declared: Declared,
    converter: Converter,
) -> Kind:
    where = declared.mapper.__name__
    try:
        annotation = annotation_of(declared.domain, attribute)
    except (NameError, TypeError, AttributeError, SyntaxError) as error:
        if field is None:
            message = (
                f"{where}: the type of {declared.domain.__name__}.{attribute.name} can not be "
                f"resolved ({error}); declare it in the mapper as {attribute.name} = Field[...]()"
            )
            raise MappingError(message) from error
        annotation = field.annotation
    if field is not None:
        check_annotation(field, annotation, where)
    if field is not None and annotation is Any:  # the class says nothing: the mapper does
        annotation = field.annotation
        if attribute.default is None and annotation is not Any:
            annotation = annotation | None
    return _storable(annotation, converter, f"{where}.{attribute.name}")


def _storable(annotation: object, converter: Converter, title: str) -> Kind:
    """The kind of an annotation, once cattrs has said that it can handle it."""
    kind = read_kind(annotation, converter)
    if isinstance(kind.codec, Nested):
        try:
            converter.get_structure_hook(kind.codec.annotation)
        except StructureHandlerNotFoundError as error:
            message = (
                f"{title}: no converter for {annotation}; register hooks on a cattrs converter "
                "and pass MapperRegistry(..., converter=converter), or omit the attribute"
            )
            raise MappingError(message) from error
        for inside in kinds_in(annotation):
            _check_enum(inside, converter, title)
    return kind


def _check_enum(kind: type, converter: Converter, title: str) -> None:
    """An Enum without a scalar type of its own is stored as JSON, which takes not every value."""
    if not issubclass(kind, Enum) or scalar_for(kind) is not None:
        return
    for member in kind.__members__.values():
        trouble = Nested(kind, converter).trouble(member)
        if trouble is not None:
            message = (
                f"{title}: {kind.__name__} can not be stored ({trouble}); "
                "give its members values of one scalar type"
            )
            raise MappingError(message)


def _key(key: Key[Any], attributes: dict[str, Attribute], declared: Declared) -> KeyColumn:
    attribute = attributes[key.name]
    scalar = attribute.column.kind.scalar
    if scalar is None or scalar.tail is None:
        found = without_none(attribute.column.kind.annotation)[0]
        message = (
            f"{declared.mapper.__name__}.{key.name}: {found} can not be a key; "
            "keys are int, str, UUID, bytes, date, or an Enum of these"
        )
        raise MappingError(message)
    return KeyColumn(declared=key, attribute=attribute, scalar=scalar)


def _computed_column(computed: Computed[Any], declared: Declared, converter: Converter) -> Column:
    title = f"{declared.mapper.__name__}.{computed.name}"
    kind = _storable(computed.annotation, converter, title)
    return Column(name=computed.name, stored=b"=" + computed.name.encode(), kind=kind)


def _index(index: Index, columns: dict[str, Column], declared: Declared) -> MappedIndex:
    indexed = [columns[field.name] for field in index.fields]
    collections = [each.name for each in indexed if each.kind.elements is not None]
    nested = [
        each.name for each in indexed if each.kind.scalar is None and each.kind.elements is None
    ]
    check_indexed_kind(index, collections, nested, declared.mapper.__name__)
    return MappedIndex(index, tuple(indexed), *entry_values(index, indexed))
