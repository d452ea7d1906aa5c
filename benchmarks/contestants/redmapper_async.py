"""redmapper's async face: all tasks on one store."""

from __future__ import annotations

from contestants import redmapper_lua
from contestants.redmapper_lua import REGISTRY, User, Users
from redmapper import AsyncStore, Store
from worker.people import Person

ABOUT = "one store for all tasks; checks as on the sync face"


class Contestant(redmapper_lua.Contestant):
    """What the workloads ask for: the same, and three verbs for tasks."""

    def __init__(self, url: str) -> None:
        super().__init__(Store(REGISTRY, url, namespace="shop"))
        self.shared = AsyncStore(REGISTRY, url, namespace="shop")

    async def insert_async(self, values: Person) -> None:
        """A1."""
        async with self.shared.unit() as uow:
            uow.add(User(*values))

    async def get_async(self, key: int) -> User | None:
        """A3."""
        return await self.shared.get(User, key)

    async def newest_async(self, city: str, low: int, high: int, limit: int) -> list[User]:
        """A6."""
        query = self.shared.query(User).where(Users.city == city, Users.age.between(low, high))
        return await query.order_by(Users.created.desc()).limit(limit).all()


def connect(url: str) -> Contestant:
    """A contestant on the server at this URL."""
    return Contestant(url)
