"""Where the runner of the sync face takes its connections from: redis-py's."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import attrs
import redis

from redmapper import forks
from redmapper.faces.exchange import failure
from redmapper.faces.sync.plain import behind, direct


class Links(Protocol):
    """Where a runner takes its links from: redis-py's connections, directly where they are plain.

    Each is for one round trip at a time.
    """

    def take(self) -> Any:  # noqa: ANN401 - redis-py's connection, or a PlainLink over it
        """A link that nobody else uses; ConnectionLost where there is none."""
        ...

    def give_back(self, link: Any) -> None:  # noqa: ANN401
        """After a round trip that ended well."""
        ...

    def drop(self, link: Any) -> None:  # noqa: ANN401
        """After one that did not."""
        ...

    def close(self) -> None:
        """Let go of all."""
        ...


@attrs.frozen(eq=False)
class SharedLinks:
    """The connections of the user's client, out of its pool for one round trip each."""

    client: redis.Redis

    def take(self) -> Any:  # noqa: ANN401
        """One of the pool."""
        try:
            return direct(self.client.connection_pool.get_connection())
        except (redis.RedisError, OSError) as error:
            raise failure(error, sent=False) from error

    def give_back(self, link: Any) -> None:  # noqa: ANN401
        """To the pool."""
        self.client.connection_pool.release(behind(link))

    def drop(self, link: Any) -> None:  # noqa: ANN401
        """To the pool, disconnected: it connects again when it is used."""
        link.disconnect()
        self.give_back(link)

    def close(self) -> None:
        """They are the user's."""


QUIET = 0.001
"""Seconds for which nothing is expected to come over a link that has just been used.

To look is a system call, which costs a busy client some three of a hundred microseconds; one that
rests for longer does not notice. Should the server close the link in this time, then what is sent
on it may have been done for all one knows, as when it is closed a moment later: it is sent again,
and where that fails a commit says that its outcome is unknown.
"""


@attrs.define(eq=False)
class OwnLinks:
    """Connections that a store has for itself, and so does not give back to the pool.

    To take one off the pool costs as much as the round trip. As the pool does, it is looked at
    before it is used, unless it has been just now, whether the server has closed it meanwhile: what
    was surely not sent can be told from what may have been. A forked child leaves those of its
    parent.
    """

    client: redis.Redis
    clock: Callable[[], float] = time.monotonic
    idle: deque[tuple[Any, float]] = attrs.field(factory=deque)
    process: int = attrs.field(factory=forks.this)

    def take(self) -> Any:  # noqa: ANN401
        """The one that was used last, or a new one."""
        if self.process != forks.process:
            self.idle, self.process = deque(), forks.process
        while True:
            try:
                link, used = self.idle.pop()
            except IndexError:
                return SharedLinks(self.client).take()
            if self.clock() - used < QUIET or _is_quiet(link):
                return link
            SharedLinks(self.client).drop(link)

    def give_back(self, link: Any) -> None:  # noqa: ANN401
        """For the next round trip."""
        self.idle.append((link, self.clock()))

    def drop(self, link: Any) -> None:  # noqa: ANN401
        """To the pool, disconnected."""
        SharedLinks(self.client).drop(link)

    def close(self) -> None:
        """All of them."""
        self.idle.clear()
        self.client.close()


def _is_quiet(link: Any) -> bool:  # noqa: ANN401
    """Whether nothing has come over it since its last reply, not even its end."""
    try:
        return not link.can_read(timeout=0)
    except (redis.RedisError, OSError):
        return False
