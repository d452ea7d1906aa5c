"""The base of mappers: a class body that says how a domain class is stored, and nothing else.

`Mapper` owns no public attribute, so that every name is free for fields. Reading and checking a
mapper is the registry's work; its class keywords are only kept here.
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar, cast, get_args, get_origin

import attrs

from redmapper.mapping.fields import Computed, Field, Key
from redmapper.mapping.indexes import Index

Domain = TypeVar("Domain")


class _Readable(type):
    """The class of mappers, which only says how they print."""

    def __repr__(cls) -> str:
        declared = read_mapper(cast("type[Mapper[Any]]", cls))
        if declared.domain is None:  # `Mapper` itself, or one that does not say
            return super().__repr__()
        domain = getattr(declared.domain, "__name__", declared.domain)
        return f"<mapper {cls.__name__} of {domain}: {', '.join(declared.every) or 'nothing yet'}>"


class Mapper(Generic[Domain], metaclass=_Readable):
    """Describes how the entities of a domain class are stored.

    Class keywords: `name` (the storage name; default: the domain class's own), `conflict`
    ("version", "fields" or "overwrite"), `omit` (attributes that are not stored) and `validate`
    ("always": attrs' validators run when an object is made, set and loaded; "commit": not on load,
    but on what a commit writes, all failures in one error). What is wrong with a mapper is a
    `MappingError` of the registry it is given to.
    """

    __redmapper_options__: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401 - checked by the registry
        super().__init_subclass__()
        inherited = {k: v for k, v in cls.__redmapper_options__.items() if k != "name"}
        cls.__redmapper_options__ = inherited | options


@attrs.frozen
class Declared:
    """What the body of a mapper says, read but not yet checked."""

    mapper: type[Mapper[Any]]
    domain: Any
    options: dict[str, Any]
    keys: dict[str, Key[Any]]
    fields: dict[str, Field[Any]]
    computed: dict[str, Computed[Any]]
    indexes: dict[str, Index]

    @property
    def every(self) -> dict[str, Key[Any] | Field[Any] | Computed[Any] | Index]:
        """All of them, by the names they stand under."""
        return {**self.keys, **self.fields, **self.computed, **self.indexes}


def read_mapper(mapper: type[Mapper[Any]]) -> Declared:
    """Collect the declarations of a mapper and of those it inherits from."""
    body: dict[str, Any] = {}
    for kind in reversed(mapper.__mro__):
        body |= vars(kind)

    def of(kind: type) -> dict[str, Any]:
        return {name: value for name, value in body.items() if isinstance(value, kind)}

    return Declared(
        mapper=mapper,
        domain=_domain_of(mapper),
        options=mapper.__redmapper_options__,
        keys=of(Key),
        fields=of(Field),
        computed=of(Computed),
        indexes=of(Index),
    )


def _domain_of(mapper: type) -> Any:  # noqa: ANN401 - whatever stands between the brackets
    """The class between the brackets of `Mapper[...]`, or None."""
    for kind in mapper.__mro__:
        for base in kind.__dict__.get("__orig_bases__", ()):
            if get_origin(base) is Mapper:
                return get_args(base)[0]
    return None
