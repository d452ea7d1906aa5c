"""Names that do not exist, and the nearest that do."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable

from redmapper.errors import MappingError


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'email'?`, or what there is."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(names) or 'none'}"


def check_call(kind: type, arguments: tuple[object, ...], options: dict[str, object]) -> None:
    """MappingError for a call that a declaration does not take, in place of a TypeError."""
    signature = inspect.signature(kind)
    parameters = signature.parameters.values()
    known = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]
    known += [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    for option in options:
        if option not in known:
            message = f"{kind.__name__} has no option {option!r}{did_you_mean(option, known)}"
            raise MappingError(message)
    try:
        signature.bind(*arguments, **options)
    except TypeError as error:
        takes = ", ".join(f"{name}=..." for name in known) or "fields"
        message = f"{kind.__name__} is not declared so: {error}; it takes {takes}"
        raise MappingError(message) from None
