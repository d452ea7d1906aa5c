"""The same data by hand-written Lua: a transaction, and a query, is one EVALSHA. For scale.

The scripts know this one entity and no other. An insert refuses an email that has an owner, before
it writes anything; there are no conflict checks, no checks of types and no receipts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import redis

from contestants import handwritten
from contestants.handwritten import FIELDS, EmailTaken, User, user_of

ABOUT = "one EVALSHA each; uniqueness checked, conflicts not"

INSERT = """
-- ARGV: for each user id, name, email, age, city, created, its timestamp, score, note
for i = 1, #ARGV, 9 do
    if redis.call('HEXISTS', 'email', ARGV[i + 2]) == 1 then return 0 end
end
for i = 1, #ARGV, 9 do
    local id = ARGV[i]
    redis.call('HSET', 'user:' .. id, 'name', ARGV[i + 1], 'email', ARGV[i + 2],
        'age', ARGV[i + 3], 'city', ARGV[i + 4], 'created', ARGV[i + 5],
        'score', ARGV[i + 7], 'note', ARGV[i + 8])
    redis.call('HSET', 'email', ARGV[i + 2], id)
    redis.call('SADD', 'name:' .. ARGV[i + 1], id)
    redis.call('SADD', 'city:' .. ARGV[i + 4], id)
    redis.call('ZADD', 'age', ARGV[i + 3], id)
    redis.call('ZADD', 'created', ARGV[i + 6], id)
end
return 1
"""

SAVE_AGES = """
-- ARGV: for each user id, age
for i = 1, #ARGV, 2 do
    redis.call('HSET', 'user:' .. ARGV[i], 'age', ARGV[i + 1])
    redis.call('ZADD', 'age', ARGV[i + 1], ARGV[i])
end
"""

SAVE_SCORE = """
-- ARGV: id, score
redis.call('HSET', 'user:' .. ARGV[1], 'score', ARGV[2])
"""

DELETE = """
-- ARGV: id, name, email, city
redis.call('DEL', 'user:' .. ARGV[1])
redis.call('HDEL', 'email', ARGV[3])
redis.call('SREM', 'name:' .. ARGV[2], ARGV[1])
redis.call('SREM', 'city:' .. ARGV[4], ARGV[1])
redis.call('ZREM', 'age', ARGV[1])
redis.call('ZREM', 'created', ARGV[1])
"""

ROWS = """
local function rows(ids)
    local found = {}
    for i = 1, #ids do
        found[i] = redis.call('HMGET', 'user:' .. ids[i],
            'name', 'email', 'age', 'city', 'created', 'score', 'note')
    end
    return found
end
"""

MANY = f"#!lua flags=no-writes\n{ROWS} return rows(ARGV)"

BY_EMAIL = f"""#!lua flags=no-writes
{ROWS}
local id = redis.call('HGET', 'email', ARGV[1])
return id and {{id, rows({{id}})[1]}}
"""

IN_CITY = f"""#!lua flags=no-writes
{ROWS}
local ids = redis.call('SMEMBERS', 'city:' .. ARGV[1])
return {{ids, rows(ids)}}
"""

NEWEST = f"""#!lua flags=no-writes
-- ARGV: city, low, high, limit
{ROWS}
local ids = redis.call('ZINTER', 2, 'city:' .. ARGV[1], 'created', 'WEIGHTS', 0, 1)
local low, high, limit = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local ages = #ids > 0 and redis.call('ZMSCORE', 'age', unpack(ids))
local found = {{}}
for i = #ids, 1, -1 do
    local age = tonumber(ages[i])
    if age >= low and age <= high then found[#found + 1] = ids[i] end
    if #found == limit then break end
end
return {{found, rows(found)}}
"""

COUNT = """#!lua flags=no-writes
-- ARGV: city, low, high
local ids = redis.call('SMEMBERS', 'city:' .. ARGV[1])
local low, high, count = tonumber(ARGV[2]), tonumber(ARGV[3]), 0
local ages = #ids > 0 and redis.call('ZMSCORE', 'age', unpack(ids)) or {}
for i = 1, #ages do
    local age = tonumber(ages[i])
    if age >= low and age <= high then count = count + 1 end
end
return count
"""


class Users:
    """Users in Redis."""

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(url)
        self.known: dict[str, str] = {}

    def run(self, script: str, *args: Any) -> Any:
        """Run a script, by its hash from the second time on."""
        sha = self.known.get(script)
        if sha is None:
            sha = self.known[script] = self.client.script_load(script)
        return self.client.evalsha(sha, 0, *args)

    def insert_many(self, users: Iterable[User]) -> None:
        """Write them in one transaction."""
        args: list[Any] = []
        for user in users:
            created = user.created
            args += (
                *(user.id, user.name, user.email, user.age, user.city),
                *(created.isoformat(), created.timestamp(), user.score, user.note),
            )
        if not self.run(INSERT, *args):
            raise EmailTaken

    def save_ages(self, users: Iterable[User]) -> None:
        """Write the changed ages of many, in one transaction."""
        args: list[int] = []
        for user in users:
            args += (user.id, user.age)
        self.run(SAVE_AGES, *args)

    def save_age(self, user: User) -> None:
        """Write a changed age."""
        self.run(SAVE_AGES, user.id, user.age)

    def save_score(self, user: User) -> None:
        """Write a changed score, which no index has."""
        self.run(SAVE_SCORE, user.id, user.score)

    def delete(self, user: User) -> None:
        """Remove one, its indexes and its claim."""
        self.run(DELETE, user.id, user.name, user.email, user.city)

    def get(self, key: int) -> User | None:
        """The user with this id, or None: no script is quicker than one command."""
        return user_of(key, self.client.hmget(f"user:{key}", FIELDS))

    def get_many(self, keys: Sequence[int]) -> list[User | None]:
        """Users by id."""
        return [*map(user_of, keys, self.run(MANY, *keys))]

    def by_email(self, email: str) -> User | None:
        """The owner of an email."""
        found = self.run(BY_EMAIL, email)
        return found and user_of(int(found[0]), found[1])

    def in_city(self, city: str) -> list[User | None]:
        """All users of a city."""
        ids, rows = self.run(IN_CITY, city)
        return [*map(user_of, map(int, ids), rows)]

    def newest(self, city: str, low: int, high: int, limit: int) -> list[User | None]:
        """Users of a city with an age between, the newest of them, latest first."""
        ids, rows = self.run(NEWEST, city, low, high, limit)
        return [*map(user_of, map(int, ids), rows)]

    def count(self, city: str, low: int, high: int) -> int:
        """How many users of a city have an age between."""
        return int(self.run(COUNT, city, low, high))


class Contestant(handwritten.Contestant):
    """What the workloads ask for: the same as there, of these users."""


def connect(url: str) -> Contestant:
    """A contestant on the server at this URL."""
    return Contestant(Users(url))
