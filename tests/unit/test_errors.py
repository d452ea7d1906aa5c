"""The errors: their tree, their facts, and that they survive pickling."""

import copy
import inspect
import pickle
import threading
from typing import Any

import attrs
import pytest

from redmapper import (
    AlreadyExists,
    CommitUnknown,
    Conflict,
    ConnectionLost,
    NotFound,
    RedmapperError,
    Stale,
    Taken,
    ValidationFailed,
    ValueRefused,
    errors,
)

TREE: dict[str, list[str]] = {
    "Exception": ["RedmapperError"],
    "RedmapperError": [
        "MappingError",
        "QueryError",
        "UnitError",
        "ValueRefused",
        "Conflict",
        "CommitUnknown",
        "StoreError",
    ],
    "QueryError": [
        "NoIndex",
        "UnknownField",
        "UnsupportedQuery",
        "MultipleResults",
        "NotFound",
        "BadToken",
    ],
    "UnitError": [
        "UnitClosed",
        "UnitActive",
        "ConcurrentUse",
        "ReadOnlyUnit",
        "UnitTooLarge",
        "IdentityConflict",
        "KeyChanged",
        "NotMapped",
    ],
    "ValueRefused": ["ValidationFailed"],
    "Conflict": ["AlreadyExists", "Taken", "Stale", "DanglingReference", "Referenced"],
    "StoreError": [
        "ConnectionLost",
        "StoreReadOnly",
        "OutOfMemory",
        "NotDurable",
        "SlotMoving",
        "CorruptRecord",
        "ForeignType",
        "SchemaMismatch",
    ],
}
"""As the API has it."""

EVERY: list[type[RedmapperError]] = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, RedmapperError)
]


@attrs.define
class User:
    """An entity that an error speaks of."""

    name: str


def made(kind: type[RedmapperError]) -> RedmapperError:
    """An error with every fact that its class knows."""
    facts = {
        name: User(name)
        for name, parameter in inspect.signature(kind).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    return kind("what happened", **facts)


def facts_of(error: BaseException) -> dict[str, Any]:
    """What an error knows, but for those that it holds itself among."""
    among = ("violations", "failures")
    facts = {name: value for name, value in vars(error).items() if name not in among}
    return facts | {"args": error.args, "text": str(error)}


def test_the_tree_is_that_of_the_api():
    """Each with its base."""
    found: dict[str, list[str]] = {}
    for kind in EVERY:
        found.setdefault(kind.__bases__[0].__name__, []).append(kind.__name__)
    assert {base: sorted(kinds) for base, kinds in TREE.items()} == {
        base: sorted(kinds) for base, kinds in found.items()
    }


@pytest.mark.parametrize("kind", EVERY)
def test_an_error_is_documented_with_its_cure(kind: type[RedmapperError]):
    """What happened, and then what to do about it."""
    text = inspect.getdoc(kind) or ""
    sentences = [part for part in text.replace("\n", " ").split(". ") if part.strip()]
    assert len(sentences) >= 2


@pytest.mark.parametrize("kind", EVERY)
def test_an_error_survives_pickling(kind: type[RedmapperError]):
    """With all that it knows; twice, too."""
    error = made(kind)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    twice = pickle.loads(pickle.dumps(again))  # noqa: S301 - our own bytes
    assert [kind, kind] == [type(again), type(twice)]
    assert facts_of(error) == facts_of(again) == facts_of(twice)


@pytest.mark.parametrize("kind", EVERY)
def test_an_error_survives_copying(kind: type[RedmapperError]):
    """Deeply, and not."""
    error = made(kind)
    assert facts_of(error) == facts_of(copy.copy(error)) == facts_of(copy.deepcopy(error))


def test_a_note_survives_pickling():
    """As tests and tracers add them."""
    error = made(Taken)
    error.add_note("seen")
    assert ["seen"] == pickle.loads(pickle.dumps(error)).__notes__  # noqa: S301 - our own bytes


def test_violations_survive_pickling():
    """The one that was raised is the first of them afterwards as well."""
    first, second = made(Stale), made(Taken)
    assert isinstance(first, Conflict)
    assert isinstance(second, Conflict)
    first.violations = second.violations = (first, second)
    again = pickle.loads(pickle.dumps(first))  # noqa: S301 - our own bytes
    assert again is again.violations[0] is again.violations[1].violations[0]
    assert [Stale, Taken] == [type(each) for each in again.violations]


def test_failures_survive_pickling():
    """And the first tells them all."""
    made = [ValidationFailed(said, path=f"User({said}).age") for said in ("1", "2")]
    first = ValidationFailed.of(made)
    again = pickle.loads(pickle.dumps(first))  # noqa: S301 - our own bytes
    assert again is again.failures[0] is again.failures[1].failures[0]
    assert "2 values are refused: User(1).age: 1; User(2).age: 2" == str(again) == str(first)


@pytest.mark.parametrize("kind", [each for each in EVERY if issubclass(each, Conflict)])
def test_a_conflict_is_its_own_first_violation(kind: type[Conflict]):
    """As long as nobody has said more."""
    error = kind("what happened")
    assert (error,) == error.violations


@pytest.mark.parametrize("kind", [ValueRefused, ValidationFailed])
def test_a_refused_value_has_its_path(kind: type[ValueRefused]):
    """At the head of the message; the reason alone is a fact."""
    error = kind("too old", path="User(7).age", value=900)
    assert "User(7).age: too old" == str(error)
    assert ("too old", "User(7).age", 900) == (error.reason, error.path, error.value)
    assert "too old" == str(kind("too old"))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NotFound("m"), {"key": None}),
        (ValueRefused("m"), {"reason": "m", "path": "", "value": None}),
        (AlreadyExists("m"), {"obj": None, "key": None, "stored": None}),
        (Taken("m"), {"obj": None, "key": None, "index": "", "value": None, "owner": None}),
        (
            Stale("m"),
            {
                "obj": None,
                "key": None,
                "kind": "changed",
                "base": None,
                "mine": None,
                "stored": None,
            },
        ),
        (CommitUnknown("m"), {"unit_id": ""}),
        (ConnectionLost("m"), {"sent": False}),
    ],
    ids=lambda case: type(case).__name__ if isinstance(case, Exception) else "",
)
def test_an_error_has_its_facts(error: RedmapperError, expected: dict[str, Any]):
    """By these names."""
    found = {name: value for name, value in vars(error).items() if name != "violations"}
    assert expected == found


@attrs.define
class Locked:
    """An entity that can not be pickled, and hides something."""

    name: str
    pin: str = attrs.field(repr=False)
    lock: Any = attrs.field(factory=threading.Lock, repr=False)


def test_facts_that_can_not_be_pickled_become_their_repr():
    """What is hidden stays hidden; all else is as it was."""
    error = Taken("m", obj=Locked("Ann", "hush"), key=7, index="by_name", value="Ann", owner=3)
    other = Stale("n", mine=Locked("Bob", "hush"), base=Locked)
    error.violations = other.violations = (error, other)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert ("Locked(name='Ann')", 7, 3) == (again.obj, again.key, again.owner)
    assert again is again.violations[0]
    assert ("Locked(name='Bob')", Locked) == (again.violations[1].mine, again.violations[1].base)
    assert isinstance(error.obj, Locked)


class Mute:
    """It can neither be pickled nor printed."""

    def __reduce__(self) -> Any:
        raise TypeError

    def __repr__(self) -> str:
        raise TypeError


def test_a_fact_without_a_repr_becomes_the_name_of_its_type():
    """An error is on its way: nothing must stop it."""
    again = pickle.loads(pickle.dumps(ValueRefused("m", value=Mute())))  # noqa: S301 - our own bytes
    assert "<Mute>" == again.value
