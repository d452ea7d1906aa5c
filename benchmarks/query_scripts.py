"""What a query's script costs, and what it pays for: microseconds of the server in one call.

    python benchmarks/query_scripts.py

First scripts that do one thing to the 100 members of a set; what an empty script takes is taken
off. Then queries, with 100 candidates and with none: the latter is what it costs to prepare. All by
the server's own count (`INFO commandstats`), the least of several rounds. Runs on a server of its
own, from the wheel or the PATH.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

from contestants import redmapper_lua
from worker.people import people

sys.path.insert(0, str(Path(__file__).parents[1] / "docs" / "examples"))
from redis_server import running_redis

ENTITIES = 10_000
CALLS, ROUNDS = 100, 20
RECORD, SET = "{shop}:User:", "{shop}:User/by_city/city7\0\1"

FIELDS = "'name','email','age','city','created','score','note'"
LOOP = "local found = {} for i = 1, #ids do found[i] = %s end return #found"
PREFIXED = "redis.call('%s', ARGV[1] .. ids[i], %s)"

SCRIPTS = {
    "nothing": "return #ids",
    "a field of each, by HGET": LOOP % (PREFIXED % ("HGET", "'age'")),
    "two fields of each, by HMGET": LOOP % (PREFIXED % ("HMGET", "'age', 'created'")),
    "seven fields of each, by HMGET": LOOP % (PREFIXED % ("HMGET", FIELDS)),
    "each whole, by HGETALL": LOOP % "redis.call('HGETALL', ARGV[1] .. ids[i])",
    "a field of all, by one SORT_RO": (
        "return #redis.call('SORT_RO', KEYS[1], 'BY', 'nosort', 'GET', '#', "
        "'GET', ARGV[1] .. '*->age')"
    ),
    "in the set, one by one": LOOP % "redis.call('SISMEMBER', KEYS[1], tails[i])",
    "in the set, by one SMISMEMBER": "return #redis.call('SMISMEMBER', KEYS[1], unpack(tails))",
}
QUERIES: dict[str, Callable[[Any, str], Any]] = {
    "all of a city": lambda users, city: users.in_city(city),
    "newest 20 of a city and an age": lambda users, city: users.newest(city, 30, 44, 20),
    "their count": lambda users, city: users.count(city, 30, 44),
}
BEGIN = """#!lua flags=no-writes
local tails, ids = redis.call('SMEMBERS', KEYS[1]), {}
for i = 1, #tails do ids[i] = string.sub(tails[i], 2) end
"""


def main() -> None:
    """Fill a server, then measure in turn."""
    with running_redis() as url:
        store = redmapper_lua.connect(url)
        for first in range(1, ENTITIES, 1_000):
            store.insert_many(people(first, 1_000))
        client = redis.Redis.from_url(url, protocol=2)
        scripts = {name: client.script_load(BEGIN + text) for name, text in SCRIPTS.items()}
        work = {
            name: lambda sha=sha: client.evalsha(sha, 1, SET, RECORD)
            for name, sha in scripts.items()
        }
        for name, ask in QUERIES.items():
            for city in ("city7", "nowhere"):
                work[f"{name}: {city}"] = lambda ask=ask, city=city: ask(store, city)
        least = dict.fromkeys(work, float("inf"))
        for _ in range(ROUNDS):
            for name, each in work.items():
                least[name] = min(least[name], taken(client, each))
        for name in [*work][1:]:
            off = least["nothing"] if name in scripts else 0
            print(f"{name:42}{least[name] - off:7.1f}")


def taken(client: redis.Redis, work: Callable[[], object]) -> float:
    """Microseconds of the one call of a script that this work is."""
    client.config_resetstat()
    for _ in range(CALLS):
        work()
    return float(client.info("commandstats")["cmdstat_evalsha"]["usec_per_call"])


if __name__ == "__main__":
    main()
