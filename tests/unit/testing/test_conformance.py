"""The conformance suite on the strategy in memory; tests/integration runs it on servers.

After each case every claim belongs to an entity that is there.
"""

from collections.abc import Iterator

import pytest

from redmapper import AsyncStore, MapperRegistry, MemoryIndexStrategy, Store
from redmapper.testing.conformance import *  # noqa: F403 - every class of tests
from redmapper.testing.conformance import OpenStore, store_opener


@pytest.fixture(params=[Store, AsyncStore], ids=["sync", "async"])
def open_store(request: pytest.FixtureRequest) -> Iterator[OpenStore]:
    """Opens stores that share one strategy, and thereby its data."""
    strategy = MemoryIndexStrategy()

    def make(registry: MapperRegistry, **options) -> Store | AsyncStore:
        return request.param(registry, strategy=strategy, **options)

    with store_opener(make) as open_store:
        yield open_store
    for partition in strategy._partitions.values():
        for (name, _), owners in partition.claims.items():
            assert set(owners.values()) <= partition.records.get(name, {}).keys(), name
