"""The classic: users with passwords. The class is plain, and persistence leaves it so.

`python docs/examples/users.py` runs it in memory; its tests are tests/unit/test_example_users.py.
"""

import hashlib
import hmac
import secrets

import attrs

from redmapper import Field, Key, Mapper, MapperRegistry, Store, Taken, Unique

# --- the domain --------------------------------------------------------------------------------


@attrs.define
class User:
    """Somebody who can log in. `repr=False` keeps secrets out of logs and errors, ours as well."""

    name: str
    email: str = attrs.field(validator=attrs.validators.matches_re(r"[^@\s]+@[^@\s]+"))
    salt: bytes = attrs.field(default=b"", repr=False)
    password_hash: bytes = attrs.field(default=b"", repr=False)
    id: int | None = None

    @property
    def contact(self) -> str:
        """What goes into the To line of a mail."""
        return f"{self.name} <{self.email}>"

    def update_password(self, password: str) -> None:
        """Set the password, under a fresh salt."""
        self.salt = secrets.token_bytes(16)
        self.password_hash = _hash(password, self.salt)

    def check_password(self, password: str) -> bool:
        """Whether this is the password; a user without one is let in by none."""
        if not self.password_hash:
            return False
        return hmac.compare_digest(self.password_hash, _hash(password, self.salt))


def _hash(password: str, salt: bytes) -> bytes:
    # Slow and hungry on purpose: some 50 ms and 16 MB a guess.
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)


# --- how it is stored --------------------------------------------------------------------------


class Users(Mapper[User]):
    """Users by number, one an email address, however it is spelled."""

    id = Key[int]()
    email = Field[str](norm=str.casefold)

    by_email = Unique(email)


registry = MapperRegistry(Users)


# --- a walk through ----------------------------------------------------------------------------


def main() -> None:
    """Sign up, log in, change the password, and fail to sign up twice."""
    store = Store(registry)  # in memory; Store(registry, "redis://localhost:6379/0") for Redis

    with store.unit() as uow:
        ann = uow.add(User("Ann", "ann@example.com"))
        ann.update_password("correct horse")
    print(f"signed up: {ann}")

    with store.unit() as uow:
        found = uow.get_by(Users.by_email, "Ann@Example.com")
        if found and found.check_password("correct horse"):
            found.update_password("battery staple")
            print(f"logged in, and changed the password: {found.contact}")

    try:
        with store.unit() as uow:
            uow.add(User("Another Ann", "ANN@example.com"))
    except Taken as taken:
        print(f"refused: {taken}")


if __name__ == "__main__":
    main()
