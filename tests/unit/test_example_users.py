"""docs/examples/users.py: its behaviour, first alone, then through the in-memory store."""

import pickle

import pytest

import users
from redmapper import Store, Taken
from users import User, Users, registry


@pytest.fixture
def ann() -> User:
    """A user with a password."""
    ann = User("Ann", "ann@example.com")
    ann.update_password("correct horse")
    return ann


@pytest.fixture
def store() -> Store:
    """An empty store in memory."""
    return Store(registry)


def test_the_password_is_checked(ann: User):
    """The right one is let in, another is not."""
    assert ann.check_password("correct horse")
    assert not ann.check_password("correct house")


def test_without_a_password_nobody_is_let_in():
    """Not with empty text either."""
    assert not User("Bob", "bob@example.com").check_password("")


def test_a_new_password_takes_a_new_salt(ann: User):
    """So that equal passwords have unequal hashes."""
    before = ann.salt, ann.password_hash
    ann.update_password("correct horse")
    assert ann.salt != before[0]
    assert ann.password_hash != before[1]


def test_the_email_is_required():
    """It has no default, and must look like an address."""
    with pytest.raises(TypeError, match="email"):
        User("Ann")
    with pytest.raises(ValueError, match="email"):
        User("Ann", "nowhere")


def test_secrets_are_not_shown(ann: User):
    """Neither salt nor hash is in the repr."""
    assert "User(name='Ann', email='ann@example.com', id=None)" == repr(ann)


def test_a_stored_user_behaves_as_before(store: Store, ann: User):
    """Methods and properties of a loaded user are those of the class."""
    with store.unit() as uow:
        uow.add(ann)

    loaded = store.require(User, ann.id)

    assert User is type(loaded)
    assert ann is not loaded
    assert ann == loaded
    assert "Ann <ann@example.com>" == loaded.contact
    assert loaded.check_password("correct horse")


def test_persistence_leaves_no_mark(store: Store, ann: User):
    """What was stored and loaded pickles as a plain object, to the same bytes."""
    with store.unit() as uow:
        uow.add(ann)
        uow.commit()
        loaded = uow.require(User, ann.id)
        plain = User(ann.name, ann.email, ann.salt, ann.password_hash, ann.id)
        assert pickle.dumps(plain) == pickle.dumps(loaded)


def test_a_new_password_is_found_at_commit(store: Store, ann: User):
    """`update_password` says nothing to the unit; the change is found by comparison."""
    with store.unit() as uow:
        uow.add(ann)
    with store.unit() as uow:
        uow.require(User, ann.id).update_password("battery staple")

    loaded = store.require(User, ann.id)

    assert loaded.check_password("battery staple")
    assert not loaded.check_password("correct horse")


def test_an_email_belongs_to_one_user_however_it_is_spelled(store: Store, ann: User):
    """The second is refused, and told whose it is."""
    with store.unit() as uow:
        uow.add(ann)

    with pytest.raises(Taken) as refused, store.unit() as uow:
        uow.add(User("Another Ann", "ANN@example.com"))

    assert ("by_email", ann.id) == (refused.value.index, refused.value.owner)
    assert 1 == store.query(User).count()


def test_a_user_is_found_by_email(store: Store, ann: User):
    """In any spelling; the stored spelling stays as it was given."""
    with store.unit() as uow:
        uow.add(ann)
    with store.unit() as uow:
        assert ann == uow.get_by(Users.by_email, "Ann@Example.COM")
        assert uow.get_by(Users.by_email, "bob@example.com") is None


def test_the_program_runs(capsys: pytest.CaptureFixture[str]):
    """It prints what happened, and no secret."""
    users.main()
    signed_up, logged_in, refused = capsys.readouterr().out.splitlines()
    assert "signed up: User(name='Ann', email='ann@example.com', id=1)" == signed_up
    assert "logged in, and changed the password: Ann <ann@example.com>" == logged_in
    assert refused.startswith("refused: ")
