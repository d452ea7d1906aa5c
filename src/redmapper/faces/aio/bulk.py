"""Bulk writing on the async face: one line a verb."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from typing import ClassVar, Generic, TypeVar

import attrs

from redmapper.faces.aio.unit import AsyncUnitOfWork
from redmapper.work.bulk import BulkBase, Job, Progress

Entity = TypeVar("Entity")


@attrs.frozen(eq=False)
class AsyncBulk(BulkBase, Generic[Entity]):
    """Writes any number of entities of one mapper, in chunks. Made by `store.bulk(Users)`.

    Each chunk is one atomic commit of a fresh unit: indexes, unique values and handlers are as in
    any other. What is given may be a generator, an async one too. A chunk is taken of it when the
    one before is written, and nothing is kept. `progress` is called after each chunk with how many
    are committed so far; the verbs answer how many they were in the end.

    What raises, be it the store, `progress` or what is given, ends the call and passes, with a note
    that says how many are committed. What comes behind them is not written. Of the chunk that a
    CommitUnknown is about `store.outcome` tells.
    """

    _takes: ClassVar[tuple[type, ...]] = (Iterable, AsyncIterable)

    _unit: Callable[[], AsyncUnitOfWork]

    async def insert(
        self,
        entities: Iterable[Entity] | AsyncIterable[Entity],
        *,
        chunk: int = 1000,
        progress: Progress | None = None,
    ) -> int:
        """Insert them all; AlreadyExists where a key is taken, Taken where a unique value is."""
        return await self._run(self._job("insert", entities, chunk, progress))

    async def put(
        self,
        entities: Iterable[Entity] | AsyncIterable[Entity],
        *,
        chunk: int = 1000,
        progress: Progress | None = None,
    ) -> int:
        """Write them all over whatever stands under their keys; Taken where a unique value is."""
        return await self._run(self._job("put", entities, chunk, progress))

    async def delete(
        self,
        given: Iterable[object] | AsyncIterable[object],
        *,
        chunk: int = 1000,
        progress: Progress | None = None,
    ) -> int:
        """Delete what stands under the keys, given as such or as entities; absent is no error."""
        return await self._run(self._job("delete", given, chunk, progress))

    async def _run(self, job: Job) -> int:
        with job:
            while chunk := await _taken(job):
                async with self._unit() as unit:
                    job.fill(unit, chunk)
                job.land()
        return job.count


async def _taken(job: Job) -> list[object]:
    """The next chunk of a job, from an iterator of either kind."""
    if not isinstance(job.given, AsyncIterator):
        return job.take()
    chunk: list[object] = []
    async for each in job.given:
        chunk.append(each)
        if len(chunk) == job.size:
            break
    return chunk
