"""The changes of a unit, printed for a person."""

import importlib
import io
import sys

import attrs
import pytest

from redmapper import Key, Mapper, MapperRegistry, Store
from redmapper.work.table import Changes, rows


@attrs.define
class User:
    """An entity."""

    name: str
    age: int | None = None
    pin: str = attrs.field(default="1234", repr=False)
    id: int | None = None


class Users(Mapper[User]):
    """Its mapper."""

    id = Key[int]()


@attrs.define
class Sealed:
    """Its key is hidden."""

    id: int = attrs.field(repr=False)


class SealedOnes(Mapper[Sealed]):
    """Its mapper."""

    id = Key[int]()


@pytest.fixture
def changes() -> Changes:
    """One of each kind."""
    store = Store(MapperRegistry(Users, SealedOnes))
    with store.unit() as uow:
        uow.add_all([User("Ann", id=1), User("Bob", id=2)])
    with store.unit(commit="explicit") as uow:
        ann, bob = uow.require(User, 1), uow.require(User, 2)
        ann.name, ann.age, ann.pin = "Bea", 30, "5678"
        uow.delete(bob)
        uow.add(User("[red]Cid", 40))
        uow.delete_by_key(Sealed, 7)
        found = uow.changes()
        uow.rollback()
    return found


TABLE = """\
kind    key          field  old    new
------  -----------  -----  -----  ----------
update  User(1)      name   'Ann'  'Bea'
                     age    None   30
                     pin    ...    ...
delete  User(2)
insert  User(new)    name          '[red]Cid'
                     age           40
                     pin           ...
delete  Sealed(...)"""


def test_without_rich_it_is_text(changes: Changes, monkeypatch: pytest.MonkeyPatch):
    """A line a field; kind and key stand in the first of each change; hidden values do not."""
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert TABLE == str(changes)


def test_with_rich_it_is_a_drawn_table(changes: Changes, monkeypatch: pytest.MonkeyPatch):
    """The same cells, as they are: nothing in a value is taken for markup."""
    monkeypatch.setenv("COLUMNS", "100")
    cells = [tuple(line.split("│")[1:-1]) for line in str(changes).splitlines() if "│" in line]
    assert list(rows(changes)) == [tuple(cell.strip() for cell in line) for line in cells]


def test_rich_prints_it_by_itself(changes: Changes):
    """`rich.print(uow.changes())` draws the table in its own colours."""
    target = io.StringIO()
    console = importlib.import_module("rich.console").Console(file=target, width=100)
    console.print(changes)
    assert "'[red]Cid'" in target.getvalue()


@pytest.mark.parametrize("rich", [True, False], ids=["rich", "text"])
def test_nothing_to_do(rich: bool, monkeypatch: pytest.MonkeyPatch):  # noqa: FBT001 - a parameter
    """It says so."""
    if not rich:
        monkeypatch.setitem(sys.modules, "rich.console", None)
    assert "no changes" == str(Changes())
    assert "no changes" == Changes().__rich__()


def test_for_programs_it_is_a_list(changes: Changes):
    """8: it is compared, indexed and printed in logs as lists are."""
    assert changes == list(changes)
    assert ["update", "delete", "insert", "delete"] == [change.kind for change in changes]
    assert repr(list(changes)) == repr(changes)
    assert [User, User, User, Sealed] == [change.cls for change in changes]


def test_rich_is_not_imported_before():
    """It is asked for only when somebody prints."""
    assert "rich" not in vars(sys.modules["redmapper.work.table"])
