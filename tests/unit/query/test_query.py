"""A query as a user writes it: immutable, readable, and refused early when it makes no sense."""

import copy
import pickle
from typing import Any

import attrs
import pytest

from redmapper import (
    AsyncStore,
    Field,
    Key,
    Mapper,
    MapperRegistry,
    MultipleResults,
    NotFound,
    Ordered,
    Query,
    QueryError,
    Store,
    UnknownField,
    UnsupportedQuery,
)


@attrs.define
class User:
    """An entity."""

    name: str
    age: int | None = None
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()
    name = Field[str]()
    age = Field[int | None]()
    by_age = Ordered(age)


REGISTRY = MapperRegistry(Users)


@pytest.fixture
def store() -> Store:
    """Three users."""
    store = Store(REGISTRY)
    with store.unit() as uow:
        uow.add_all([User("a", 10), User("b", 20), User("c")])
    return store


@pytest.fixture
def query(store: Store) -> Query[User]:
    """All of them."""
    return store.query(Users)


def names(rows: Any) -> list[str]:
    """The names of rows."""
    return [row.name for row in rows]


class Others(Mapper[User]):
    """Another mapper, whose fields are not those of the first."""

    id = Key[int]()
    age = Field[int | None]()


WAYS: list[Any] = [
    Query.all,
    Query.first,
    Query.count,
    Query.exists,
    Query.keys,
    Query.explain,
    lambda query: query.values(Others.age),
    lambda query: query.page(2, after="no token"),
]


@pytest.mark.parametrize("way", WAYS, ids=range(len(WAYS)))
def test_an_order_that_is_none_is_refused_first(store: Store, way: Any):
    """Whatever else is wrong, whichever way it is run, on a unit or without."""
    with store.unit() as uow:
        for reads in (store, uow):
            wrong = reads.query(Users).where(Users.age == "x")  # type: ignore[arg-type]
            with pytest.raises(UnknownField, match=r"Others\.age is not a field of Users"):
                way(wrong.order_by(Others.age))
            with pytest.raises(UnsupportedQuery, match="'x' is str, int expected"):
                wrong.all()


def test_a_query_prints_as_one_would_write_it(query: Query[User]):
    """In one order, however it was put together."""
    said = (
        query.allow_scan()
        .offset(1)
        .limit(5)
        .order_by(Users.age.desc(), Users.name)
        .where(Users.age >= 18)
    )
    expected = (
        "query(Users).where(Users.age >= 18).order_by(Users.age.desc(), Users.name.asc())"
        ".limit(5).offset(1).allow_scan()"
    )
    assert expected == repr(said)


def test_the_shortest_query_prints_short(query: Query[User]):
    """All rows by key."""
    assert "query(Users)" == repr(query)


def test_each_call_gives_a_new_query(query: Query[User]):
    """What was said of one is not said of another."""
    query.where(Users.age > 1).order_by(Users.age).limit(1).offset(1).allow_scan()
    assert "query(Users)" == repr(query)


def test_conditions_add_up(query: Query[User]):
    """Said at once, one after the other, or with `&`."""
    first, second = Users.age > 1, Users.age < 5
    expected = repr(query.where(first, second))
    assert expected == repr(query.where(first).where(second)) == repr(query.where(first & second))


def test_the_last_order_counts(query: Query[User]):
    """It takes the place of the one before."""
    said = query.order_by(Users.name).order_by(Users.age)
    assert "query(Users).order_by(Users.age.asc())" == repr(said)


def test_the_last_limit_counts(query: Query[User]):
    """None takes it away."""
    assert "query(Users)" == repr(query.limit(1).limit(None))
    assert 3 == len(query.limit(1).limit(None).all())


@pytest.mark.parametrize("given", [True, None, "age > 1", Users.age], ids=repr)
def test_where_takes_conditions(query: Query[User], given: Any):
    """Not the bool that `and` would leave."""
    with pytest.raises(QueryError) as refused:
        query.where(given)
    expected = f"where() takes conditions such as Users.age >= 18, not {given!r}"
    assert expected == str(refused.value)


@pytest.mark.parametrize("given", ["age", None, Users.by_age, Users.age > 1], ids=repr)
def test_order_by_takes_fields(query: Query[User], given: Any):
    """Not their names."""
    with pytest.raises(QueryError) as refused:
        query.order_by(given)
    expected = f"order_by() takes fields such as Users.age.desc(), not {given!r}"
    assert expected == str(refused.value)


@pytest.mark.parametrize("given", [-1, 1.0, True, "5"], ids=repr)
@pytest.mark.parametrize("verb", ["limit", "offset"])
def test_limit_and_offset_take_whole_numbers(query: Query[User], verb: str, given: Any):
    """From 0 on."""
    with pytest.raises(UnsupportedQuery) as refused:
        getattr(query, verb)(given)
    assert f"{verb}({given!r}): a whole number, 0 or more" == str(refused.value)


def test_all_gives_the_rows_in_order(query: Query[User]):
    """None before every value; by key where nothing is said."""
    assert ["a", "b", "c"] == names(query.all())
    assert ["c", "a", "b"] == names(query.order_by(Users.age).all())
    assert ["b", "a", "c"] == names(query.order_by(Users.age.desc()).all())


def test_a_query_can_be_walked(query: Query[User]):
    """As its rows can."""
    assert ["a", "b", "c"] == names(query)


def test_a_query_can_be_run_again(query: Query[User], store: Store):
    """And sees what has been written since."""
    assert 3 == query.count()
    with store.unit() as uow:
        uow.add(User("d"))
    assert 4 == query.count()


@pytest.mark.parametrize(
    ("limit", "offset", "expected"),
    [
        (2, 0, ["a", "b"]),
        (2, 2, ["c"]),
        (None, 1, ["b", "c"]),
        (0, 0, []),
        (2, 3, []),
        (9, 9, []),
    ],
    ids=repr,
)
def test_limit_and_offset_cut(
    query: Query[User], limit: int | None, offset: int, expected: list[str]
):
    """An offset past the end leaves nothing; and count agrees with all."""
    cut = query.limit(limit).offset(offset)
    assert expected == names(cut.all())
    assert len(expected) == cut.count()
    assert bool(expected) == cut.exists()


def test_first_is_the_first_row_or_none(query: Query[User]):
    """In the order of the query."""
    found = query.order_by(Users.age.desc()).first()
    assert found is not None
    assert "b" == found.name
    assert query.where(Users.age > 99).first() is None
    assert query.limit(0).first() is None


def test_one_is_the_only_row(query: Query[User]):
    """And so is one_or_none."""
    only = query.where(Users.age == 20)
    assert "b" == only.one().name
    assert "b" == names([only.one_or_none()])[0]


def test_none_in_place_of_one(query: Query[User]):
    """Is an error, or None."""
    nothing = query.where(Users.age == 99)
    with pytest.raises(NotFound) as refused:
        nothing.one()
    assert f"{nothing!r} has no row; one_or_none() answers None instead" == str(refused.value)
    assert nothing.one_or_none() is None


@pytest.mark.parametrize("verb", ["one", "one_or_none"])
def test_several_in_place_of_one(query: Query[User], verb: str):
    """Are an error that shows the query."""
    several = query.where(Users.age > 1)
    with pytest.raises(MultipleResults) as refused:
        getattr(several, verb)()
    assert f"{several!r} has more than one row; narrow it, or use first()" == str(refused.value)


def test_a_limit_of_one_makes_one_of_many(query: Query[User]):
    """As it was asked for."""
    assert "a" == query.limit(1).one().name


# --- pickling and copying --------------------------------------------------------------------


def test_a_query_is_copied(query: Query[User]):
    """It stays with its store."""
    said = query.where(Users.age > 15)
    assert ["b"] == names(copy.copy(said).all())
    assert ["b"] == names(copy.deepcopy(said).all())


def test_a_query_is_pickled(query: Query[User]):
    """All that was said of it."""
    said = query.where(Users.age > 1).order_by(Users.age.desc()).limit(5).offset(1).allow_scan()
    assert repr(said) == repr(pickle.loads(pickle.dumps(said)))  # noqa: S301 - our own bytes


def test_a_query_of_the_async_face_is_pickled():
    """As one of the sync face is."""
    said = AsyncStore(REGISTRY).query(Users).where(Users.age > 1)
    assert repr(said) == repr(pickle.loads(pickle.dumps(said)))  # noqa: S301 - our own bytes


def test_a_query_out_of_a_pickle_is_bound_to_a_store_anew(query: Query[User], store: Store):
    """It can not bring its own."""
    said = pickle.loads(pickle.dumps(query.where(Users.age > 15)))  # noqa: S301 - our own bytes
    with pytest.raises(QueryError, match=r"has no store; run store\.query\(it\)"):
        said.all()
    assert ["b"] == names(store.query(said).all())


def test_a_query_is_bound_to_a_unit(query: Query[User], store: Store):
    """Then it sees the unit's own changes."""
    said = query.where(Users.age > 15)
    with store.unit() as uow:
        uow.add(User("d", 99))
        assert ["b", "d"] == names(uow.query(said).all())
        uow.rollback()
