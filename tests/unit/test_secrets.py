"""What `repr=False` hides is shown by nothing: no change, no error, nothing that caused one."""

import traceback
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from redmapper import (
    Computed,
    CorruptRecord,
    Field,
    Key,
    Lookup,
    Mapper,
    MapperRegistry,
    NotFound,
    Ordered,
    RedmapperError,
    Store,
    Unique,
    UnitOfWork,
    UnsupportedQuery,
    ValueRefused,
)

SECRET = "hush"  # noqa: S105 - nobody's


@attrs.define
class Token:
    """An entity whose key is a secret."""

    token: str = attrs.field(repr=False)
    user: str = ""


class Tokens(Mapper[Token]):
    """Its mapper."""

    token = Key[str]()
    user = Field[str]()

    by_user = Unique(user)


@attrs.define
class Card:
    """A nested class with a secret."""

    pin: Any = attrs.field(repr=False)
    number: int = 0


@attrs.define
class Wallet:
    """A class that holds one with a secret."""

    cards: list[Card] = attrs.field(factory=list)


def refuse_marked(value: str) -> str:
    """A norm that tells what it was given."""
    if value.startswith("!"):
        message = f"no norm for {value}"
        raise ValueError(message)
    return value


def digits_of(password: str) -> int:
    """Raises an error that tells what it was given."""
    return int(password) if password and password[0] != "!" else 0


@attrs.define
class Account:
    """An entity with secrets, its own and inside."""

    name: str
    password: str = attrs.field(default="", repr=False)
    wallet: Wallet | None = None
    id: int | None = None


class Accounts(Mapper[Account]):
    """Its mapper."""

    id = Key[int]()
    name = Field[str]()
    password = Field[str](norm=refuse_marked)
    digits = Computed[int](lambda account: digits_of(account.password))

    by_name = Unique(name)
    by_password = Lookup(password)
    in_order = Ordered(password)


REGISTRY = MapperRegistry(Tokens, Accounts)
ACCOUNTS = REGISTRY.mapped(Account)
OPAQUE = object()


def shown(error: BaseException) -> str:
    """All that a log would hold of an error, what caused it too, but for the lines of code."""
    lines = traceback.format_exception(error)
    return repr(error) + str(error.args) + "".join(x for x in lines if not x.startswith("  File"))


def with_token(store: Store) -> Store:
    """A store with one token."""
    with store.unit() as uow:
        uow.add(Token(SECRET, "Ann"))
    return store


def _stale(uow: UnitOfWork, store: Store) -> None:
    uow.require(Token, SECRET).user = "Bob"
    with store.unit() as other:
        other.require(Token, SECRET).user = "Cid"


def _gone(uow: UnitOfWork, store: Store) -> None:
    uow.require(Token, SECRET).user = "Bob"
    store.transact(lambda other: other.delete_by_key(Token, SECRET))


def _changed_key(uow: UnitOfWork, _: Store) -> None:
    uow.replace(uow.require(Token, SECRET), Token(SECRET + "!"))


KEYED: dict[str, Callable[[UnitOfWork, Store], object]] = {
    "exists": lambda uow, _: uow.add(Token(SECRET, "Bob")),
    "taken": lambda uow, _: uow.add(Token("other", "Ann")),
    "stale": _stale,
    "gone": _gone,
    "not found": lambda uow, _: uow.require(Token, SECRET + "!"),
    "identity": lambda uow, _: (uow.require(Token, SECRET), uow.add(Token(SECRET))),
    "replaced": _changed_key,
    "unfit": lambda uow, _: uow.get(Token, [SECRET]),
    "surrogate": lambda uow, _: uow.add(Token(SECRET + "\ud800")),
}


@pytest.mark.parametrize("do", KEYED.values(), ids=KEYED)
def test_a_hidden_key_is_in_no_error(do: Callable[[UnitOfWork, Store], object]):
    """Titles of entities say `...` in its place."""
    store = with_token(Store(REGISTRY))
    with pytest.raises(RedmapperError) as refused, store.unit() as uow:
        do(uow, store)
    assert SECRET not in shown(refused.value)
    assert "Token" in str(refused.value)


def test_a_hidden_key_is_a_fact_of_the_error():
    """What is not shown can still be asked for."""
    with pytest.raises(NotFound, match=r"no Token with key \.\.\.;") as refused:
        Store(REGISTRY).require(Token, SECRET)
    assert SECRET == refused.value.key


def test_a_hidden_key_is_in_no_change():
    """Of an insert, an update, or a deletion by key."""
    with with_token(Store(REGISTRY)).unit(commit="explicit") as uow:
        uow.add(Token(SECRET + "2", "Bob"))
        uow.require(Token, SECRET).user = "Cid"
        uow.delete_by_key(Token, SECRET + "3")
        changes = uow.changes()
        assert ["..."] * 3 == [repr(change.key) for change in changes]
        assert SECRET not in repr(changes)
        uow.rollback()


def test_a_column_with_a_secret_inside_is_one():
    """However deep: its stored bytes are not shown by logs."""
    assert {b"password", b"wallet"} <= ACCOUNTS.hidden
    assert {b"name", b"id"}.isdisjoint(ACCOUNTS.hidden)
    assert b"token" in REGISTRY.mapped(Token).hidden


@pytest.mark.parametrize(
    ("account", "path"),
    [
        (Account("Ann", wallet=Wallet([Card(OPAQUE)])), ".wallet.cards[0].pin"),
        (Account("Ann", wallet=Wallet([Card(SECRET, "x")])), ".wallet.cards[0].number"),
        (Account("Ann", wallet=Wallet([{"pin": SECRET}])), ".wallet.cards[0]"),
        (Account("Ann", wallet={"pin": SECRET}), ".wallet"),
        (Account("Ann", wallet=SECRET), ".wallet"),
        (Account("Ann", password=[SECRET]), ".password"),
        (Account("Ann", password=f"!{SECRET}"), ".password"),
        (Account("Ann", password=SECRET), ".digits"),
    ],
    ids=["itself", "beside", "a dict", "no wallet", "a text", "a list", "norm", "computed"],
)
def test_a_refused_value_shows_no_secret(account: Account, path: str):
    """Neither the hidden value nor what it stands beside."""
    with pytest.raises(ValueRefused) as refused:
        ACCOUNTS.encode(account, b"7")
    assert f"Account(7){path}" == refused.value.path
    assert SECRET not in shown(refused.value)


@pytest.mark.parametrize(
    "wallet",
    [
        b'{"cards":[{"pin":"hush","number":"x"}]}',
        b'{"cards":[{"pin":"hush"',
        b'{"cards":{"hush":1}}',
    ],
    ids=["a field", "cut", "a dict"],
)
def test_a_damaged_record_shows_no_secret(wallet: bytes):
    """The bytes of the field are not shown, since there may be one among them."""
    record = {b"name": b"Ann", b"password": b"1", b"wallet": wallet}
    with pytest.raises(CorruptRecord, match=r"field 'wallet' holds \.\.\.: ") as refused:
        ACCOUNTS.construct(record, b"7")
    assert SECRET not in shown(refused.value)


@attrs.define
class Strict:
    """A class that tells what it refuses."""

    password: str = attrs.field(repr=False)
    name: str = ""
    id: int | None = None

    @password.validator
    def _check(self, _: object, password: str) -> None:
        if password != "fine":  # noqa: S105 - nobody's
            message = f"weak: {password}"
            raise ValueError(message)


class Stricts(Mapper[Strict]):
    """Its mapper."""

    id = Key[int]()


def test_a_validator_that_refuses_on_load_does_not_tell():
    """Only what kind of error it was."""
    mapped = MapperRegistry(Stricts).mapped(Strict)
    with pytest.raises(CorruptRecord, match=r"refuses the stored values: ValueError; ") as refused:
        mapped.construct({b"password": SECRET.encode()}, b"7")
    assert SECRET not in shown(refused.value)


def test_a_norm_that_refuses_a_prefix_does_not_tell():
    """It is an UnsupportedQuery, as with `==`."""
    for condition in (
        Accounts.password.startswith(f"!{SECRET}"),
        Accounts.password == f"!{SECRET}",
    ):
        with pytest.raises(UnsupportedQuery, match="password: ValueError") as refused:
            Store(REGISTRY).query(Account).where(condition).all()
        assert SECRET not in shown(refused.value)
