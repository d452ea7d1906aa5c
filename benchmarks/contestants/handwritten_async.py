"""The hand-written client on asyncio: each task has a pipeline, and so a connection, of its own."""

from __future__ import annotations

import redis.asyncio

from contestants import handwritten
from contestants.handwritten import FIELDS, EmailTaken, User, user_of
from worker.people import Person

ABOUT = "a pipeline a task, a pool of connections"


class Contestant(handwritten.Contestant):
    """What the workloads ask for: the same, and two verbs for tasks."""

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


def connect(url: str) -> Contestant:
    """A contestant on the server at this URL."""
    return Contestant(url)
