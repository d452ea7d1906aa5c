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


def refuse_unknown_options(kind: type, options: Iterable[str]) -> None:
    """MappingError for a keyword that a declaration does not take, in place of a TypeError."""
    parameters = inspect.signature(kind).parameters.values()
    known = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]
    known += [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    for option in options:
        if option not in known:
            message = f"{kind.__name__} has no option {option!r}{did_you_mean(option, known)}"
            raise MappingError(message)
