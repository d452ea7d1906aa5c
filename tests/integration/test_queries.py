"""Random queries: brute force in Python, memory and Lua give the same answers and errors.

Each server is asked every query, every other round on the async face; half of the queries are asked
of a unit with changes pending.
"""

from __future__ import annotations

import functools
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from accounts import new_namespace
from random_queries import REGISTRY, Asked, disturb, population, random_query
from redmapper import AsyncStore, RedmapperError, Store
from redmapper.testing.conformance.faces import store_opener
from servers import Server

ROUNDS = int(os.environ.get("QUERY_ROUNDS", "20"))
QUERIES = 250
"""Of a round: 20 rounds are 5,000 queries, asked on each server."""


def tried(run: Callable[[Any], Any], door: Any) -> Any:
    """What a query gives: its answer, or its error."""
    try:
        return run(door)
    except RedmapperError as error:
        return type(error).__name__, str(error)


@functools.cache
def answered(number: int) -> list[tuple[int, Asked, bool, Any]]:
    """The queries of a round, whether of a unit, and the answer of memory: that of brute force."""
    chance = random.Random(number)
    things = population(number)
    store = Store(REGISTRY)
    with store.unit() as unit:
        unit.add_all(population(number))
    found = []
    with store.unit(commit="explicit") as unit:
        after = disturb(random.Random(number), unit, things)
        for at in range(QUERIES):
            query, pending = random_query(chance), chance.random() < 0.5
            mine = [each for each in (after if pending else things) if type(each) is query.cls]
            answer = tried(query.run, unit if pending else store)
            if not (isinstance(answer, tuple) and answer[0] == "NoIndex"):
                assert query.expected(mine) == answer, (at, query.said(store), query.verb)
            found.append((at, query, pending, answer))
        unit.rollback()
    return found


@contextmanager
def opened(server: Server, face: type[Store | AsyncStore]) -> Iterator[Store]:
    """A store of either face in a namespace of its own, behind the verbs of the sync one."""
    namespace = new_namespace()

    def make(registry: Any, **options: Any) -> Any:
        return face(registry, server.url, namespace=namespace, **options)

    with store_opener(make) as open_store:
        yield open_store(REGISTRY)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_the_same_answers_everywhere(server: Server, number: int):
    """In order, counted, in pages, as values and keys; refusals too."""
    with opened(server, (Store, AsyncStore)[number % 2]) as store:
        with store.unit() as unit:
            unit.add_all(population(number))
        with store.unit(commit="explicit") as unit:
            disturb(random.Random(number), unit, population(number))
            for at, query, pending, answer in answered(number):
                found = tried(query.run, unit if pending else store)
                assert answer == found, (at, query.said(store), query.verb)
            unit.rollback()
