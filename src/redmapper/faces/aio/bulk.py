"""Bulk writing on the async face: one line a verb."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import attrs

from redmapper.faces.aio.unit import AsyncUnitOfWork
from redmapper.work.bulk import BulkBase, Job, Progress

Entity = TypeVar("Entity")


@attrs.frozen(eq=False)
class AsyncBulk(BulkBase, Generic[Entity]):
    """Writes any number of entities of one mapper, in chunks. Made by `store.bulk(Users)`.

    Each chunk is one atomic commit of a fresh unit: indexes, unique values and handlers are as in
    any other. What is given may be a generator; it is taken chunk by chunk, and nothing is kept.
    `progress` is called with the count so far after each chunk; the verbs answer the count.

    Where something raises, be it the store, a check, `progress` or the generator, the chunks before
    stay written, and of those behind nothing is.
    """

    _unit: Callable[[], AsyncUnitOfWork]

    async def insert(
        self,
        entities: Iterable[Entity],
        *,
        chunk: int = 1000,
        progress: Progress | None = None,
    ) -> int:
        """Insert them all; AlreadyExists where a key is taken, Taken where a unique value is."""
        return await self._run(self._job("insert", entities, chunk, progress))

    async def put(
        self,
        entities: Iterable[Entity],
        *,
        chunk: int = 1000,
        progress: Progress | None = None,
    ) -> int:
        """Write them all over whatever stands under their keys; Taken where a unique value is."""
        return await self._run(self._job("put", entities, chunk, progress))

    async def delete(
        self,
        given: Iterable[Entity | object],
        *,
        chunk: int = 1000,
        progress: Progress | None = None,
    ) -> int:
        """Delete what stands under the keys, given as such or as entities; absent is no error."""
        return await self._run(self._job("delete", given, chunk, progress))

    async def _run(self, job: Job) -> int:
        for chunk in job.chunks():
            async with self._unit() as unit:
                job.fill(unit, chunk)
            job.done(chunk)
        return job.count
