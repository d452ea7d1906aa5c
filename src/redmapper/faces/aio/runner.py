"""The runner of the async face: carries the batches of flows over a redis.asyncio pool."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Protocol, TypeVar

import attrs
import redis
import redis.asyncio

from redmapper.errors import ConnectionLost, StoreError
from redmapper.faces.exchange import PATIENCE, PAUSES, accepted, failure, packed, unknown_script
from redmapper.faces.observe import Observer
from redmapper.faces.redis_errors import unresolved
from redmapper.faces.sync.runner import MemoryRunner
from redmapper.wire import Batch, Flow, Reply

Result = TypeVar("Result")


class AsyncRunner(Protocol):
    """Runs flows to their end."""

    async def run(self, flow: Flow[Result]) -> Result:
        """The flow's result; what it raises passes."""
        ...

    async def close(self) -> None:
        """Give the links back."""
        ...


@attrs.define(eq=False)
class AsyncMemoryRunner:
    """Runs flows that need no server, without ever waiting."""

    runner: MemoryRunner

    async def run(self, flow: Flow[Result]) -> Result:
        """The flow's result."""
        return self.runner.run(flow)

    async def close(self) -> None:
        """There is nothing to give back."""


@attrs.define(eq=False)
class AsyncServerRunner:
    """Runs flows against a server; as `ServerRunner`, but for tasks instead of threads."""

    client: redis.asyncio.Redis
    owned: bool
    observer: Observer

    async def run(self, flow: Flow[Result]) -> Result:
        """The flow's result."""
        try:
            batch = next(flow)
            while True:
                try:
                    replies = await self._carry(batch)
                except BaseException as error:  # noqa: BLE001 - the flow decides
                    batch = flow.throw(error)
                else:
                    batch = flow.send(replies)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    async def _carry(self, batch: Batch) -> list[Reply]:
        if self.observer.idle:
            return await self._patiently(batch)
        begin = time.perf_counter()
        try:
            return await self._patiently(batch)
        finally:
            self.observer.report(batch, time.perf_counter() - begin)

    async def _patiently(self, batch: Batch) -> list[Reply]:
        sent, begin = False, time.perf_counter()
        for pause in (*PAUSES, None):
            try:
                return await self._exchange(batch)
            except ConnectionLost as error:
                sent = error.sent = sent or error.sent
                if pause is None or time.perf_counter() - begin > PATIENCE:
                    raise
                await asyncio.sleep(pause)
            except StoreError as error:
                if sent and batch.receipted:
                    raise unresolved(error) from error
                raise
        raise AssertionError  # the loop ends with a return or a raise

    async def _exchange(self, batch: Batch) -> list[Reply]:
        """One round trip, or two when the server has forgotten a script."""
        pool = self.client.connection_pool
        try:
            connection = await pool.get_connection()  # type: ignore[no-untyped-call]
        except (redis.RedisError, OSError) as error:
            raise failure(error, sent=False) from error
        try:
            replies = await self._ask(connection, batch, in_full=False)
            if unknown_script(replies):
                replies = await self._ask(connection, batch, in_full=True)
        except BaseException as error:
            # Replies may be under way that the next to use this link would take for its own.
            await connection.disconnect(nowait=True)
            if isinstance(error, (redis.RedisError, OSError)):
                raise failure(error, sent=True) from error
            raise
        finally:
            await pool.release(connection)
        return accepted(replies)

    async def _ask(self, connection: Any, batch: Batch, *, in_full: bool) -> list[Any]:  # noqa: ANN401
        await connection.send_packed_command(packed(batch, in_full=in_full))
        return [await _reply(connection) for _ in batch.commands]

    async def close(self) -> None:
        """Close the links, unless they are the user's."""
        if self.owned:
            await self.client.aclose()


async def _reply(connection: Any) -> Any:  # noqa: ANN401 - redis-py's connection and its replies
    """One reply, an error reply as a value, so that those after it are read too."""
    try:
        return await connection.read_response(disable_decoding=True)
    except redis.ResponseError as error:
        return error
