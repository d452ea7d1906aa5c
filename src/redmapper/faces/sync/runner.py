"""The runner of the sync face: carries the batches of flows over a redis-py connection pool."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

import attrs
import redis

from redmapper.errors import ConnectionLost, StoreError
from redmapper.faces.exchange import (
    PATIENCE,
    PAUSES,
    accepted,
    failure,
    packed,
    sound,
    unknown_script,
)
from redmapper.faces.observe import Observer
from redmapper.faces.redis_errors import unresolved
from redmapper.faces.sync.links import Links
from redmapper.faces.sync.plain import PlainLink
from redmapper.wire import Batch, Flow, Reply
from redmapper.work.strategy import IndexStrategy

Result = TypeVar("Result")


class Runner(Protocol):
    """Runs flows to their end."""

    def run(self, flow: Flow[Result]) -> Result:
        """The flow's result; what it raises passes."""
        ...

    def close(self) -> None:
        """Give the links back."""
        ...


_LOCKS: WeakKeyDictionary[IndexStrategy, threading.RLock] = WeakKeyDictionary()
"""One for each strategy that needs no server: stores may share its data."""


@attrs.frozen(eq=False)
class MemoryRunner:
    """Runs flows that need no server, one at a time, whatever thread they come from."""

    lock: threading.RLock

    @classmethod
    def of(cls, strategy: IndexStrategy) -> MemoryRunner:
        """A runner that waits for all others over the same strategy."""
        return cls(_LOCKS.setdefault(strategy, threading.RLock()))

    def run(self, flow: Flow[Result]) -> Result:
        """The flow's result."""
        with self.lock:
            try:
                batch = next(flow)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
        message = f"a strategy without a server asked for one: {batch.verb}"
        raise RuntimeError(message)

    def close(self) -> None:
        """There is nothing to give back."""


@attrs.define(eq=False)
class ServerRunner:
    """Runs flows against a server. Thread-safe, as the pool is; a batch has a link for itself.

    A lost link is replaced and the batch sent again, which every batch allows (see `wire`).
    redis-py's own re-sending is not used: it would not know.
    """

    links: Links
    observer: Observer

    def run(self, flow: Flow[Result]) -> Result:
        """The flow's result."""
        carry = self._patiently if self.observer.idle else self._observed
        try:
            batch = next(flow)
            while True:
                try:
                    replies = carry(batch)
                except BaseException as error:  # noqa: BLE001 - the flow decides
                    batch = flow.throw(error)
                else:
                    batch = flow.send(replies)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    def _observed(self, batch: Batch) -> list[Reply]:
        begin = time.perf_counter()
        try:
            return self._patiently(batch)
        finally:
            self.observer.report(batch, time.perf_counter() - begin)

    def _patiently(self, batch: Batch) -> list[Reply]:
        begin = time.perf_counter()
        try:
            return self._exchange(batch)
        except ConnectionLost as lost:
            return self._again(batch, lost, begin)

    def _again(self, batch: Batch, lost: ConnectionLost, begin: float) -> list[Reply]:
        """Carry what may have been carried, over other links, as long as there is patience."""
        for pause in PAUSES:
            if time.perf_counter() - begin > PATIENCE:
                break
            time.sleep(pause)
            try:
                return self._exchange(batch)
            except ConnectionLost as error:
                error.sent = error.sent or lost.sent
                lost = error
            except StoreError as error:
                if lost.sent and batch.receipted:
                    raise unresolved(error) from error
                raise
        raise lost

    def _exchange(self, batch: Batch) -> list[Reply]:
        """One round trip, or two when the server has forgotten a script."""
        parts = packed(batch, in_full=False)
        link = self.links.take()
        try:
            replies = _ask(link, parts, len(batch.commands))
            fine = sound(replies)
            if not fine and unknown_script(batch, replies):
                replies = _ask(link, packed(batch, in_full=True), len(batch.commands))
                fine = sound(replies)
            if not fine:
                _require_lasting(replies)
        except BaseException as error:
            # Replies may be under way that the next to use this link would take for its own.
            self.links.drop(link)
            if isinstance(error, (redis.RedisError, OSError)):
                raise failure(error, sent=True) from error
            raise
        self.links.give_back(link)
        return replies if fine else accepted(replies)

    def close(self) -> None:
        """Close the links, unless they are the user's."""
        self.links.close()


def _ask(link: Any, parts: Iterable[bytes], wanted: int) -> list[Any]:  # noqa: ANN401 - see Links
    """So many replies, an error reply as a value, so that those after it are read too."""
    if type(link) is PlainLink:
        return link.ask(parts, wanted)
    link.send_packed_command(parts)
    return [_next_reply(link) for _ in range(wanted)]


def _require_lasting(replies: Iterable[Any]) -> None:
    """Raise the error of a server that has said, among its replies, that it does not serve."""
    for reply in replies:
        if isinstance(reply, redis.ConnectionError):
            raise reply


def _next_reply(link: Any) -> Any:  # noqa: ANN401
    try:
        return link.read_response(disable_decoding=True)
    except redis.ResponseError as error:
        return error
