"""Where the runner of the async face takes its replies from."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any, Protocol

import attrs
import hiredis
import redis
import redis.asyncio
from redis import exceptions as theirs

from redmapper.errors import ConnectionLost
from redmapper.faces.aio.multiplexed import MultiplexedLink, take_over
from redmapper.faces.exchange import PATIENCE, failure, packed
from redmapper.wire import Batch


class AsyncLinks(Protocol):
    """Carry a batch to the server and its replies back, for many tasks at once."""

    async def ask(self, batch: Batch, *, in_full: bool) -> list[Any]:
        """The replies of one round trip, error replies as values; scripts by digest, or in full.

        StoreError where there are none: ConnectionLost as a rule, which says whether it was sent.
        """
        ...

    async def close(self) -> None:
        """Let go of all."""
        ...


# --- the user's ------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class AsyncSharedLinks:
    """The connections of the user's client, out of its pool for one round trip each."""

    client: redis.asyncio.Redis

    async def ask(self, batch: Batch, *, in_full: bool) -> list[Any]:
        """The replies, over a connection that nobody else uses meanwhile."""
        link = await self.take()
        try:
            replies = await _ask(link, batch, in_full=in_full)
        except BaseException as error:
            # Replies may be under way that the next to use this link would take for its own.
            await self.drop(link)
            if isinstance(error, (redis.RedisError, OSError)):
                raise failure(error, sent=True) from error
            raise
        await self.give_back(link)
        return replies

    async def take(self) -> Any:  # noqa: ANN401 - redis-py's connection
        """One of the pool; ConnectionLost where there is none."""
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


async def _ask(link: Any, batch: Batch, *, in_full: bool) -> list[Any]:  # noqa: ANN401 - redis-py's connection
    """The replies, an error reply as a value, so that those after it are read too."""
    await link.send_packed_command(list(packed(batch, in_full=in_full)))
    replies, read = [], link.read_response
    for _ in batch.commands:
        try:
            replies.append(await read(disable_decoding=True))
        except redis.ResponseError as error:
            replies.append(error)
    return replies


# --- a store's own ---------------------------------------------------------------------------

MOST = 2
"""How many links a loop has at most: a long reply on one of them holds up half of the tasks."""

CONTENT = 1.0
"""Seconds until another link is tried for, where it could not be had beside those there are."""

_PING = hiredis.pack_command(("PING",))


@attrs.define(eq=False)
class LoopLinks:
    """The links of one event loop, each shared by any number of tasks; `making` makes another.

    `silence` is how many seconds of it are allowed: the option `health_check_interval`.
    """

    client: redis.asyncio.Redis
    loop: asyncio.AbstractEventLoop
    silence: float = 0
    links: list[MultiplexedLink] = attrs.field(factory=list)
    making: asyncio.Task[Exception | None] | None = None
    content_until: float = float("-inf")
    ending: AsyncGenerator[None, None] | None = None

    async def healthy(self) -> MultiplexedLink:
        """A link; one that has been silent for too long is asked first whether it is there."""
        link, silence = await self.link(), self.silence
        while silence and self.loop.time() - link.heard > silence:
            with contextlib.suppress(ConnectionLost):  # then it is there no more
                await link.ask(_PING, 1)
            link = await self.link()
        return link

    async def link(self) -> MultiplexedLink:
        """One that owes nothing, or as little as any; a new one where there might be more."""
        for link in self.links:
            if not (link.owed or link.queued):
                return link
        if not self.links or self._wants_more():
            error = await self._another()
            if error is not None:
                self.content_until = self.loop.time() + CONTENT
            if not self.links:
                error = error or theirs.ConnectionError("Connection closed by server.")
                raise failure(error, sent=False) from error
        return min(self.links, key=_burden)

    def _wants_more(self) -> bool:
        """Whether another link is wanted beside those there are, and nobody is making it."""
        if self.making is not None or len(self.links) >= MOST:
            return False
        most = getattr(self.client.connection_pool, "max_connections", MOST)
        return len(self.links) < most and self.loop.time() >= self.content_until

    async def _another(self) -> Exception | None:
        """Wait for another link; why there is none.

        It is made in a task of its own: who is cancelled here must not take it from the others.
        """
        if self.making is None:
            self.making = self.loop.create_task(self._make())
        making = self.making
        await asyncio.wait((making,))
        return None if making.cancelled() else making.result()

    async def _make(self) -> Exception | None:
        try:
            await self._watch_for_the_end()
            connection = self.client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
            await _connect(connection)
        except (redis.RedisError, OSError) as error:
            return error
        finally:
            self.making = None
        link = take_over(connection, self._forget)
        if not link.ended.done():
            self.links.append(link)
        return None

    async def _watch_for_the_end(self) -> None:
        """A loop that ends closes what generates in it: the way to hear of it in time."""
        if self.ending is None:
            self.ending = self._end_with_the_loop()
            await anext(self.ending)

    async def _end_with_the_loop(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            for link in self.links.copy():
                link.abort()
            await asyncio.sleep(0)  # until they have ended

    def _forget(self, link: MultiplexedLink) -> None:
        if link in self.links:
            self.links.remove(link)

    def retire(self) -> list[MultiplexedLink]:
        """No more is asked on any link; those that will end with their last reply."""
        links = self.links.copy()
        for link in links:
            link.retire()
        return links

    async def close(self) -> None:
        """Wait for what is on its way, for a while, and end all links."""
        if self.making is not None:
            await asyncio.wait((self.making,), timeout=PATIENCE)
        if self.making is not None:
            self.making.cancel()
        links = self.retire()
        if links:
            await asyncio.wait([link.ended for link in links], timeout=PATIENCE)
        for link in links:
            link.abort()
        if self.ending is not None:
            await self.ending.aclose()


async def _connect(connection: Any) -> None:  # noqa: ANN401 - redis-py's
    """Make it, and introduce it to the server; where that fails nothing is left of it."""
    try:
        await connection.connect()
    except BaseException:
        await connection.disconnect(nowait=True)
        raise


def _burden(link: MultiplexedLink) -> tuple[bool, int]:
    """By what a link is chosen: one that is held up comes last."""
    return link.held_up, len(link.owed) + len(link.queued)


@attrs.define(eq=False)
class AsyncOwnLinks:
    """Links that a store has for itself: a few in each event loop, which all its tasks share.

    A connection belongs to the loop that it was made in; those of a loop that has ended are
    forgotten.
    """

    client: redis.asyncio.Redis
    loops: dict[asyncio.AbstractEventLoop, LoopLinks] = attrs.field(factory=dict)

    async def ask(self, batch: Batch, *, in_full: bool) -> list[Any]:
        """The replies, over one of the links of this loop."""
        loop = asyncio.get_running_loop()
        here = self.loops.get(loop) or self._begin(loop)
        link = await here.healthy()
        request = b"".join(packed(batch, in_full=in_full))
        replies = await link.ask(request, len(batch.commands))
        if isinstance(replies[0], theirs.ConnectionError):
            link.retire()  # as redis-py does: the server would say the same of what comes next
        return replies

    def _begin(self, loop: asyncio.AbstractEventLoop) -> LoopLinks:
        for other in list(self.loops):
            if other.is_closed():
                self.loops.pop(other, None)
        silence = self.client.connection_pool.connection_kwargs.get("health_check_interval", 0)
        return self.loops.setdefault(loop, LoopLinks(self.client, loop, silence))

    async def close(self) -> None:
        """All of them, when what is on its way has come. What is asked then gets others."""
        loop = asyncio.get_running_loop()
        closing, self.loops = self.loops, {}
        for other, links in closing.items():
            if other is loop:
                await links.close()
            elif not other.is_closed():
                other.call_soon_threadsafe(links.retire)
        await self.client.aclose()
