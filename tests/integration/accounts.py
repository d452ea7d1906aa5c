"""What the tests over real servers store, and how they look at what is stored."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import redis

from rebuild import complaints
from redmapper import AsyncStore, Field, Key, Lookup, Mapper, MapperRegistry, Ordered, Store, Unique
from redmapper.testing.conformance.faces import store_opener
from servers import Server


@attrs.define
class Account:
    """An entity with every kind of index, and a key from a sequence."""

    owner: str
    email: str | None = None
    tags: list[str] = attrs.field(factory=list)
    balance: int = 0
    id: int | None = None


class Accounts(Mapper[Account]):
    """Where each index stands in keys of its own."""

    id = Key[int]()
    owner = Field[str]()
    email = Field[str | None]()
    tags = Field[list[str]]()
    balance = Field[int]()
    by_email = Unique(email)
    by_tag = Lookup(tags)
    by_owner = Ordered(owner)
    by_balance = Ordered(balance.desc(), owner)


@attrs.define
class Note:
    """An entity whose disjoint edits both land."""

    text: str = ""
    title: str | None = None
    id: str = ""


class Notes(Mapper[Note], conflict="fields"):
    """With a key of text."""

    id = Key[str]()
    text = Field[str]()
    title = Field[str | None]()
    by_title = Unique(title)
    by_text = Ordered(text)


REGISTRY = MapperRegistry(Accounts, Notes)

_numbers = itertools.count()


def new_namespace() -> str:
    """A namespace that no other test has."""
    return f"test-{os.getpid()}-{next(_numbers)}"


@attrs.define
class Shop:
    """One namespace on one server: stores over it, and what stands there.

    Attributes:
        server: where it is.
        client: a client of it, for looking and for meddling.
        open: opens a store of the face under test, with the verbs of the sync face; by the server's
            own address unless `target` is another.
    """

    server: Server
    client: redis.Redis
    open: Callable[..., Store]
    namespace: str

    @property
    def loop(self) -> Any:
        """What runs the coroutines of the stores, on the async face."""
        return self.open()._loop

    @property
    def tag(self) -> bytes:
        """What every key begins with."""
        return b"{%b}" % self.namespace.encode()

    def key(self, rest: str) -> bytes:
        """A key of the namespace."""
        return self.tag + rest.encode()

    @property
    def keys(self) -> set[bytes]:
        """Every key there is."""
        return set(self.client.scan_iter(match=self.tag + b"*", count=10_000))

    @property
    def lanes(self) -> dict[bytes, bytes | None]:
        """The receipts there are."""
        names = [key for key in self.keys if key.startswith(self.tag + b"#lane/")]
        return {key: self.client.get(key) for key in names}

    @property
    def dump(self) -> dict[bytes, bytes | None]:
        """Every key of the whole server, byte for byte, receipts apart."""
        keys = [key for key in self.client.scan_iter(count=10_000) if b"#lane/" not in key]
        return {key: self.client.dump(key) for key in keys}

    def complaints(self, lanes: int = 10) -> list[str]:
        """What is wrong with the indexes."""
        return complaints(self.client, self.tag, REGISTRY, lanes=lanes)

    def calls(self, command: str) -> int:
        """How often the server has run a command so far."""
        stats: dict[str, Any] = self.client.info("commandstats")
        return stats.get(f"cmdstat_{command}", {}).get("calls", 0)


@contextmanager
def shop_on(
    server: Server, face: type[Store | AsyncStore] = Store, **options: Any
) -> Iterator[Shop]:
    """A namespace of a server for one test; its stores are closed and its keys removed.

    The options are those of the client that looks and meddles.
    """
    namespace = new_namespace()

    def make(registry: MapperRegistry, target: Any = None, **options: Any) -> Any:
        return face(registry, target or server.url, **{"namespace": namespace, **options})

    with server.client(**options) as client:
        with store_opener(make) as open_any:

            def open_store(target: Any = None, registry: Any = REGISTRY, **options: Any) -> Store:
                return open_any(registry, target=target, **options)

            yield Shop(server, client, open_store, namespace)
        if server.process_id and client.info("replication")["role"] == "master":
            with client.pipeline(transaction=False) as removing:
                for pattern in (f"{{{namespace}}}*", f"{{{namespace}:*"):
                    for key in client.scan_iter(match=pattern, count=10_000):
                        removing.unlink(key)
                removing.execute()
