"""Where the runner of the async face takes its connections from; as on the sync face."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Protocol

import attrs
import redis
import redis.asyncio

from redmapper.faces.exchange import failure


class AsyncLinks(Protocol):
    """Where a runner takes its connections from: redis-py's, each for one round trip at a time."""

    async def take(self) -> Any:  # noqa: ANN401 - redis-py's connection
        """A connection that nobody else uses; ConnectionLost where there is none."""
        ...

    async def give_back(self, link: Any) -> None:  # noqa: ANN401
        """After a round trip that ended well."""
        ...

    async def drop(self, link: Any) -> None:  # noqa: ANN401
        """After one that did not."""
        ...

    async def close(self) -> None:
        """Let go of all."""
        ...


@attrs.frozen(eq=False)
class AsyncSharedLinks:
    """The connections of the user's client, out of its pool for one round trip each."""

    client: redis.asyncio.Redis

    async def take(self) -> Any:  # noqa: ANN401
        """One of the pool."""
        try:
            return await self.client.connection_pool.get_connection()  # type: ignore[no-untyped-call]
        except (redis.RedisError, OSError) as error:
            raise failure(error, sent=False) from error

    async def give_back(self, link: Any) -> None:  # noqa: ANN401
        """To the pool."""
        await self.client.connection_pool.release(link)

    async def drop(self, link: Any) -> None:  # noqa: ANN401
        """To the pool, disconnected: it connects again when it is used."""
        await link.disconnect(nowait=True)
        await self.client.connection_pool.release(link)

    async def close(self) -> None:
        """They are the user's."""


@attrs.define(eq=False)
class AsyncOwnLinks:
    """Connections that a store has for itself; as on the sync face, for one event loop at a time.

    Those of another loop are left to it.
    """

    client: redis.asyncio.Redis
    idle: deque[Any] = attrs.field(factory=deque)
    loop: asyncio.AbstractEventLoop | None = None

    async def take(self) -> Any:  # noqa: ANN401
        """The one that was used last, or a new one."""
        loop = asyncio.get_running_loop()
        if self.loop is not loop:
            if self.loop is not None:
                self.client.connection_pool.reset()  # type: ignore[no-untyped-call]
            self.idle, self.loop = deque(), loop
        while self.idle:
            link = self.idle.pop()
            try:
                quiet = await _is_quiet(link)
            except BaseException:  # who is cancelled here must not keep it
                await AsyncSharedLinks(self.client).drop(link)
                raise
            if quiet:
                return link
            await AsyncSharedLinks(self.client).drop(link)
        return await AsyncSharedLinks(self.client).take()

    async def give_back(self, link: Any) -> None:  # noqa: ANN401
        """For the next round trip."""
        self.idle.append(link)

    async def drop(self, link: Any) -> None:  # noqa: ANN401
        """To the pool, disconnected."""
        await AsyncSharedLinks(self.client).drop(link)

    async def close(self) -> None:
        """All of them."""
        self.idle.clear()
        await self.client.aclose()


_CAN_READ = "can_read" if hasattr(redis.asyncio.Connection, "can_read") else "can_read_destructive"
"""What redis-py calls it: the second is the name in versions before 8."""


async def _is_quiet(link: Any) -> bool:  # noqa: ANN401
    """Whether nothing has come over it since its last reply, not even its end."""
    try:
        return not await getattr(link, _CAN_READ)()
    except (redis.RedisError, OSError):
        return False
