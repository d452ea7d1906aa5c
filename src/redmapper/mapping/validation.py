"""Validators of attrs at a commit in place of a load: `validate="commit"`.

attrs runs the validators of a class in its `__init__`, and can be told not to only for the whole
process at once, whatever other threads are doing. So a mapper that validates at the commit has its
entities made here, without `__init__`: by `__new__`, defaults, converters and
`__attrs_post_init__`, as attrs does it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from redmapper.errors import MappingError

POLICIES = ("always", "commit")

_FACTORY: Any = attrs.Factory  # a class, which its stubs type as a function
_CACHED_HASH = "_attrs_cached_hash"


def check_makeable(domain: Any, where: str) -> None:  # noqa: ANN401 - an attrs class
    """The `__init__` of a class must be the one that attrs writes, and do nothing else."""
    own = getattr(domain.__init__, "__code__", None)
    if own is None or not own.co_filename.startswith("<attrs generated"):
        reason = "has an __init__ of its own"
    elif hasattr(domain, "__attrs_pre_init__"):
        reason = "has an __attrs_pre_init__"
    elif issubclass(domain, BaseException):
        reason = "is an exception"
    else:
        return
    message = (
        f"{where}: validate='commit' loads objects without the validators in __init__, but "
        f"{domain.__name__} {reason}, which would not run; say validate='always'"
    )
    raise MappingError(message)


def unvalidated(domain: Any) -> Callable[..., Any]:  # noqa: ANN401 - an attrs class
    """A function that makes objects as the class itself does, but runs no validator."""
    attributes = attrs.fields(domain)
    finish = getattr(domain, "__attrs_post_init__", None)
    code = domain.__init__.__code__
    caches = _CACHED_HASH in (*code.co_names, *code.co_consts)

    def make(**given: Any) -> Any:  # noqa: ANN401 - as the class takes them
        entity = object.__new__(domain)
        for attribute in attributes:
            value = _value(entity, attribute, given)
            if value is not attrs.NOTHING:
                converted = attrs.setters.convert(entity, attribute, value)
                object.__setattr__(entity, attribute.name, converted)
        if caches:
            object.__setattr__(entity, _CACHED_HASH, None)
        if finish is not None:
            finish(entity)
        return entity

    return make


def _value(entity: object, attribute: Any, given: dict[str, Any]) -> Any:  # noqa: ANN401 - any field's
    """The value that an attribute gets; NOTHING where it stays unset."""
    if attribute.init and attribute.alias in given:
        return given[attribute.alias]
    default = attribute.default
    if not isinstance(default, _FACTORY):
        return default
    return default.factory(entity) if default.takes_self else default.factory()
