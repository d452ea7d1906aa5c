"""A program that forks while a store is open: parent and child both write; see test_links.

Says, as JSON, which lanes and numbers each of them had. A program of its own, since a test runner
with threads had better not be forked.
"""

from __future__ import annotations

import json
import os
import sys

import redis

from accounts import REGISTRY, Account
from redmapper import Store

URL, NAMESPACE = sys.argv[1:]


def lanes() -> set[str]:
    """The receipts there are."""
    with redis.Redis.from_url(URL) as client:
        return {key.decode() for key in client.scan_iter(match=f"{{{NAMESPACE}}}#lane/*")}


def write(store: Store, name: str) -> tuple[list[int], list[int]]:
    """Add accounts, and take numbers; the keys of both."""
    added, numbers = [], []
    for _ in range(20):
        with store.unit() as unit:
            account = unit.add(Account(name))
        added.append(account.id)
        numbers.append(store.new_key(Account))
    return added, numbers


def main() -> None:
    """Write, fork, write in both at once."""
    store = Store(REGISTRY, URL, namespace=NAMESPACE)
    before, numbers = write(store, "before")
    told = {"parent lanes": sorted(lanes())}
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        added, mine = write(store, "child")
        with os.fdopen(writing, "w") as pipe:
            json.dump({"added": added, "numbers": mine}, pipe)
        os._exit(0)
    os.close(writing)
    added, more = write(store, "parent")
    with os.fdopen(reading) as pipe:
        of_child = json.load(pipe)
    os.waitpid(child, 0)
    told["child lanes"] = sorted(lanes() - set(told["parent lanes"]))
    told["added"] = before + added + of_child["added"]
    told["parent numbers"] = numbers + more + before + added
    told["child numbers"] = of_child["numbers"] + of_child["added"]
    sys.stdout.write(json.dumps(told))
    store.close()


main()
