"""The conformance suite on the Lua strategy: each server, both faces, both protocols.

tests/unit runs it on the strategy in memory. After each case the entities that it has left are
deleted, by their keys, and then nothing of theirs may be left: no entry, no claim, no piece.
"""

import secrets
from collections.abc import Iterator
from urllib.parse import unquote

import pytest
import redis

from redmapper import AsyncStore, MapperRegistry, Store
from redmapper.testing.conformance import *  # noqa: F403 - every class of tests
from redmapper.testing.conformance import OpenStore, store_opener
from servers import Server


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def protocol(request: pytest.FixtureRequest) -> int:
    """The version of the protocol that a client speaks."""
    return request.param


@pytest.fixture(params=[Store, AsyncStore], ids=["sync", "async"])
def open_store(
    request: pytest.FixtureRequest, server: Server, protocol: int
) -> Iterator[OpenStore]:
    """Opens stores of one namespace, which nobody else has."""
    namespace = f"conformance-{secrets.token_hex(8)}"
    url = f"{server.url}?protocol={protocol}"
    registries: list[MapperRegistry] = []

    def make(registry: MapperRegistry, **options) -> Store | AsyncStore:
        registries.append(registry)
        return request.param(registry, url, namespace=namespace, **options)

    with store_opener(make) as open_store:
        yield open_store
    with server.client() as client:
        if request.param is Store and protocol == 2:  # what is stored depends on neither
            delete_all(client, namespace, registries)
            kept = keys_of(client, namespace)
            assert [] == [key for key in kept if not key.partition(b"}")[2].startswith(b"#")]
        client.flushall()  # scanning the keys of all cases before would take its time


def delete_all(client: redis.Redis, namespace: str, registries: list[MapperRegistry]) -> None:
    """Delete all entities of a namespace, by their keys."""
    there = keys_of(client, namespace)
    for tag in {key.partition(b"}")[0] for key in there}:
        _, colon, partition = tag.decode().partition(":")
        schema = client.hgetall(tag + b"}#schema")
        for registry in registries:
            registry._handlers.of.clear()  # they were the case's own
            store = Store(registry, client, namespace=namespace)
            with (store.partition(unquote(partition)) if colon else store).unit() as uow:
                for mapped in registry:
                    if schema.get(mapped.name.encode()) == mapped.fingerprint.encode():
                        prefix = tag + b"}:" + mapped.name.encode() + b":"
                        for key in there:
                            if key.startswith(prefix):
                                stored = key.removeprefix(prefix)
                                uow.delete_by_key(mapped.domain, mapped.decode_key(stored))


def keys_of(client: redis.Redis, namespace: str) -> list[bytes]:
    """Every key of a namespace and its partitions, bookkeeping too."""
    patterns = (f"{{{namespace}}}*", f"{{{namespace}:*")
    return [key for pattern in patterns for key in client.scan_iter(match=pattern, count=10_000)]
