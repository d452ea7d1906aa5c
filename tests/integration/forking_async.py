"""A program that forks while an async store has links; parent and child both write on.

See test_shared_links. A program of its own, since a test runner with threads had better not be
forked. Between two loops, as a server does that forks its workers; a loop itself can not be shared.
"""

from __future__ import annotations

import asyncio
import os
import sys

from accounts import REGISTRY, Account
from redmapper import AsyncStore

URL, NAMESPACE = sys.argv[1:]


async def write(store: AsyncStore, name: str) -> None:
    """Add accounts, each in a task."""

    async def one() -> None:
        async with store.unit() as unit:
            unit.add(Account(name))

    await asyncio.gather(*(one() for _ in range(5)))


def main() -> None:
    """Write, fork, write in both at once; the parent's loop goes on with the links it had."""
    store = AsyncStore(REGISTRY, URL, namespace=NAMESPACE)
    with asyncio.Runner() as runner:
        runner.run(write(store, "before"))
        child = os.fork()
        if child == 0:
            asyncio.run(write(store, "child"))
            asyncio.run(store.close())
            os._exit(0)
        runner.run(write(store, "parent"))
        _, status = os.waitpid(child, 0)
        runner.run(write_nothing(store))
    sys.exit(os.waitstatus_to_exitcode(status))


async def write_nothing(store: AsyncStore) -> None:
    """The parent's links are as good as before; close them."""
    await store.query(Account).count()
    await store.close()


main()
