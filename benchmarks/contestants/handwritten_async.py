"""The hand-written client on asyncio: each task has a pipeline, and so a connection, of its own."""

from __future__ import annotations

import redis.asyncio

from contestants import handwritten
from contestants.handwritten import FIELDS, EmailTaken, User, user_of
from worker.people import Person

ABOUT = "a pipeline a task, a pool of connections"


class Contestant(handwritten.Contestant):
    """What the workloads ask for: the same, and three verbs for tasks."""

    def __init__(self, url: str) -> None:
        super().__init__(handwritten.Users(url))
        self.client = redis.asyncio.Redis.from_url(url)

    async def insert_async(self, values: Person) -> None:
        """A1."""
        user = User(*values)
        pipe = self.client.pipeline()
        handwritten.queue_insert(pipe, user)
        claimed = (await pipe.execute())[0]
        if not claimed:
            self.users.take_back([user], [claimed])
            raise EmailTaken

    async def get_async(self, key: int) -> User | None:
        """A3."""
        return user_of(key, await self.client.hmget(f"user:{key}", FIELDS))

    async def newest_async(self, city: str, low: int, high: int, limit: int) -> list[User | None]:
        """A6: the temporary set is in a transaction, so that tasks may share its name."""
        pipe = self.client.pipeline()
        handwritten.queue_newest(pipe, city, low, high, limit)
        keys = [*map(int, (await pipe.execute())[-2])]
        records = self.client.pipeline(transaction=False)
        for key in keys:
            records.hmget(f"user:{key}", FIELDS)
        return [*map(user_of, keys, await records.execute())]


def connect(url: str) -> Contestant:
    """A contestant on the server at this URL."""
    return Contestant(url)
