"""The query as a user writes it: immutable, each call gives a new one; faces say how it is run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, NamedTuple, Self, TypeVar

from redmapper.errors import MultipleResults, NotFound, QueryError, UnsupportedQuery
from redmapper.mapping.fields import Queryable
from redmapper.mapping.mapped import MappedClass
from redmapper.mapping.mapper import Mapper
from redmapper.mapping.predicates import And, Predicate, Term
from redmapper.query.selection import Selection

Entity = TypeVar("Entity")


class Asked(NamedTuple):
    """What has been said so far.

    A query makes one a word it says: a named tuple costs a third of a class of attrs.
    """

    mapper: type[Mapper[Any]]
    conditions: tuple[Predicate, ...] = ()
    terms: tuple[Term, ...] = ()
    limit: int | None = None
    offset: int = 0
    scan: bool = False

    def selection(self, mapped: MappedClass, fields: tuple[bytes, ...] | None = None) -> Selection:
        """The selection it amounts to in a registry, with the rows that the offset leaves out."""
        _, conditions, terms, limit, offset, scan = self
        if limit is not None:
            limit += offset
        where = None
        if conditions:
            where = conditions[0] if len(conditions) == 1 else And(conditions)
        return Selection(mapped, where, terms, limit, scan, fields=fields)

    def where(self, predicates: Iterable[object], verb: str = "where") -> Asked:
        """The same, with more conditions; QueryError for what is none."""
        return self._replace(conditions=self.conditions_with(predicates, verb))

    def conditions_with(
        self, predicates: Iterable[object], verb: str = "where"
    ) -> tuple[Predicate, ...]:
        """Its conditions and these; QueryError for what is none."""
        conditions = [*self.conditions]
        for predicate in predicates:
            if isinstance(predicate, And):
                conditions += predicate.parts
            elif isinstance(predicate, Predicate):
                conditions.append(predicate)
            else:  # a bool, from `a and b`
                message = f"{verb}() takes conditions such as Users.age >= 18, not {predicate!r}"
                raise QueryError(message)
        return tuple(conditions)

    def require_page(self, size: object, said: str = "page({!r})") -> None:
        """Refuse what makes no pages; `said` is how the size was given."""
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            message = f"{said.format(size)}: a whole number, 1 or more"
            raise UnsupportedQuery(message)
        if self.limit is not None or self.offset:
            message = (
                f"{self}: pages and streams go through all rows; leave out limit() and offset()"
            )
            raise UnsupportedQuery(message)

    def __str__(self) -> str:
        parts = [f"query({self.mapper.__name__})"]
        for name, arguments in (("where", self.conditions), ("order_by", self.terms)):
            if arguments:
                parts.append(f"{name}({', '.join(map(repr, arguments))})")
        if self.limit is not None:
            parts.append(f"limit({self.limit})")
        if self.offset:
            parts.append(f"offset({self.offset})")
        if self.scan:
            parts.append("allow_scan()")
        return ".".join(parts)


class QueryBase(Generic[Entity]):
    """What can be said of a query before it is run; `reader` and `run` are of the face."""

    def __init__(self, asked: Asked, reader: Callable[[], Any], run: Callable[[Any], Any]) -> None:
        self._asked = asked
        self._reader = reader
        self._run = run

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: object) -> Self:
        return self

    def __reduce__(self) -> Any:  # noqa: ANN401 - what pickle asks
        return (type(self)._unbound, (self._asked,))  # noqa: SLF001 - itself

    @classmethod
    def _unbound(cls, asked: Asked) -> Self:
        """A query out of a pickle, which has left its store behind; `store.query(it)` binds it."""
        return cls(asked, no_store, no_store)

    def _with(self, asked: Asked) -> Self:
        """The same query, with something else said."""
        return type(self)(asked, self._reader, self._run)

    # The commonest words do without `_replace`, which takes twice as long.

    def where(self, *predicates: Predicate) -> Self:
        """Only what meets all of these conditions, and those said before."""
        asked = self._asked
        return self._with(Asked(asked.mapper, asked.conditions_with(predicates), *asked[2:]))

    def order_by(self, *terms: Queryable[Any] | Term) -> Self:
        """In this order, in place of one said before; ties go by key, as the last term goes."""
        for term in terms:
            if not isinstance(term, (Term, Queryable)):
                message = f"order_by() takes fields such as Users.age.desc(), not {term!r}"
                raise QueryError(message)
        said = tuple([term if isinstance(term, Term) else Term(term) for term in terms])
        asked = self._asked
        return self._with(Asked(asked.mapper, asked.conditions, said, *asked[3:]))

    def limit(self, count: int | None) -> Self:
        """At most so many rows; None: all."""
        if count is not None:
            _require_natural("limit", count)
        asked = self._asked
        return self._with(Asked(*asked[:3], count, *asked[4:]))

    def offset(self, count: int) -> Self:
        """Leave out so many rows from the beginning."""
        _require_natural("offset", count)
        return self._with(self._asked._replace(offset=count))

    def allow_scan(self) -> Self:
        """Let the query read every entity where no index serves it."""
        return self._with(self._asked._replace(scan=True))

    def __repr__(self) -> str:
        return str(self._asked)

    def _one(self, rows: list[Entity]) -> Entity | None:
        """The only row, or None; MultipleResults where there are more."""
        if len(rows) > 1:
            message = f"{self!r} has more than one row; narrow it, or use first()"
            raise MultipleResults(message)
        return rows[0] if rows else None

    def _required(self, row: Entity | None) -> Entity:
        if row is None:
            message = f"{self!r} has no row; one_or_none() answers None instead"
            raise NotFound(message)
        return row

    def _at_most(self, count: int) -> Self:
        """The same query, for no more rows than that."""
        limit = self._asked.limit
        return self.limit(count if limit is None else min(limit, count))


def no_store(*_: object) -> Any:  # noqa: ANN401 - it never returns
    """What a query out of a pickle has in place of a store."""
    message = "this query comes out of a pickle and has no store; run store.query(it)"
    raise QueryError(message)


def _require_natural(verb: str, count: object) -> None:
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        message = f"{verb}({count!r}): a whole number, 0 or more"
        raise UnsupportedQuery(message)
