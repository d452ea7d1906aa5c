"""A page of a query, and the token that says where the next one begins.

Pages are cut by *keyset*: the token holds the last row's values in the order of the query, and its
key, and the next page is what stands behind them. So rows that come and go elsewhere neither repeat
a row nor skip one. A digest over the place and over the query tells whether a token is whole, and
of this query.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import attrs

from redmapper.errors import BadToken
from redmapper.mapping.mapped import MappedClass
from redmapper.mapping.predicates import And, Has, HasAll, HasAny, Not, Or, Predicate
from redmapper.query.evaluate import elements_of
from redmapper.query.patterns import pattern_of
from redmapper.query.selection import Position, Selection, column_of
from redmapper.query.spans import spans_of

Entity = TypeVar("Entity")

_DIGEST = 12
_SERIAL = b"#"
_NONE, _VALUE = b"-", b"="


@attrs.frozen
class Page(Generic[Entity]):
    """Some rows of a query in a row.

    Attributes:
        items: the rows, in order.
        next: what `page(size, after=...)` takes to go on behind them; None after the last page.
    """

    items: list[Entity]
    next: str | None


def token_of(position: Position, selection: Selection) -> str:
    """A position in a query's rows, as text that is safe in a URL."""
    place = b"".join(_spelled(position))
    return _in_letters(_digest(place, selection) + place)


def _in_letters(whole: bytes) -> str:
    return base64.urlsafe_b64encode(whole).decode().rstrip("=")


def position_at(token: object, selection: Selection) -> Position:
    """The position that a token of this very query holds; BadToken for any other."""
    try:
        text = token.encode("ascii") if isinstance(token, str) else b""
        whole = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        whole = b""
    digest, place = whole[:_DIGEST], whole[_DIGEST:]
    if not place or digest != _digest(place, selection) or _in_letters(whole) != token:
        message = (
            "the page token is damaged, or was given by another query; begin at the first page"
        )
        raise BadToken(message)
    *values, key = _read(place)
    if key is not None and key[:1] == _SERIAL:
        return Position(tuple(values), None, int(key[1:]))
    return Position(tuple(values), None if key is None else key[1:])


def _spelled(position: Position) -> Iterator[bytes]:
    key = _SERIAL + b"%d" % position.serial if position.key is None else _VALUE + position.key
    for value in (*position.values, key):
        yield _NONE if value is None else _VALUE + len(value).to_bytes(4, "big") + value


def _read(place: bytes) -> Iterator[bytes | None]:
    at = 0
    while at < len(place):
        if place[at : at + 1] == _NONE:
            yield None
            at += 1
            continue
        size = int.from_bytes(place[at + 1 : at + 5], "big")
        yield place[at + 5 : at + 5 + size]
        at += 5 + size


def _digest(place: bytes, selection: Selection) -> bytes:
    mapped, order = selection.mapped, selection.order
    terms = [(column.name, column.kind.scalar and column.kind.scalar.name, down)
             for column, down in order.terms]  # fmt: skip
    asked = (mapped.name, terms, order.key_descending, _canonical(selection.where, mapped))
    return hashlib.blake2b(place + repr(asked).encode(), digest_size=_DIGEST).digest()


def _canonical(predicate: Any, mapped: MappedClass) -> object:  # noqa: ANN401 - any condition
    """A condition by what it amounts to, the same in every process."""
    if predicate is None:
        return None
    return _CANONICAL.get(type(predicate), _of_field)(predicate, mapped)


def _of_parts(predicate: Any, mapped: MappedClass) -> object:  # noqa: ANN401 - an And, an Or
    return (type(predicate).__name__, [_canonical(part, mapped) for part in predicate.parts])


def _of_not(predicate: Any, mapped: MappedClass) -> object:  # noqa: ANN401 - a Not
    return ("Not", _canonical(predicate.part, mapped))


def _of_elements(predicate: Any, mapped: MappedClass) -> object:  # noqa: ANN401 - a Has...
    column = column_of(predicate.field, mapped)
    return (type(predicate).__name__, column.name, sorted(elements_of(predicate, column)))


def _of_field(predicate: Any, mapped: MappedClass) -> object:  # noqa: ANN401 - a condition
    column = column_of(predicate.field, mapped)
    spans = spans_of(predicate, column)
    said = (
        pattern_of(predicate, column)
        if spans is None
        else [(each.low, each.high) for each in spans]
    )
    return (column.name, type(predicate).__name__ if said is None else said)


_CANONICAL: dict[type[Predicate], Any] = {
    And: _of_parts,
    Or: _of_parts,
    Not: _of_not,
    Has: _of_elements,
    HasAny: _of_elements,
    HasAll: _of_elements,
}
