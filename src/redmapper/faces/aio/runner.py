"""The runner of the async face: carries the batches of flows over links that tasks share."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol, TypeVar

import attrs

from redmapper.errors import ConnectionLost, StoreError
from redmapper.faces.aio.links import AsyncLinks
from redmapper.faces.exchange import PATIENCE, PAUSES, accepted, unknown_script
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

    links: AsyncLinks
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
        replies = await self.links.ask(batch, in_full=False)
        if unknown_script(batch, replies):
            replies = await self.links.ask(batch, in_full=True)
        return accepted(replies)

    async def close(self) -> None:
        """Close the links, unless they are the user's."""
        await self.links.close()
