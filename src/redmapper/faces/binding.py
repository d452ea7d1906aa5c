"""What the stores of both faces have in common: a registry bound to a strategy and a place."""

from __future__ import annotations

import os
import random
import sys
import time
import warnings
from types import FrameType
from typing import Any

import attrs
import redis
import redis.asyncio

from redmapper.errors import MappingError, StoreError
from redmapper.faces.observe import Observer
from redmapper.mapping.registry import MapperRegistry
from redmapper.query.query import Asked
from redmapper.query.stream import streamed
from redmapper.strategies.lua.strategy import LuaIndexStrategy
from redmapper.strategies.memory import MemoryIndexStrategy
from redmapper.wire import Flow
from redmapper.work.keys import KeyMaker
from redmapper.work.retry import Retry
from redmapper.work.session import Session, UnitOptions
from redmapper.work.strategy import BoundStrategy, Capabilities, IndexStrategy, Place
from redmapper.work.tokens import Tokens
from redmapper.work.unit import UnitBase

MEMORY = "memory://"
LARGEST_PORT = 65_535
_SCHEMES = ("redis://", "rediss://", "unix://")
_COMMITS = ("exit", "explicit")
_READS = ("overlaid", "stored")


@attrs.frozen
class StoreOptions:
    """How a store was asked for; the same for all its partitions."""

    registry: MapperRegistry
    strategy: IndexStrategy
    namespace: str
    observer: Observer

    @property
    def server(self) -> bool:
        """Whether there is one."""
        return self.strategy.capabilities.server


def store_options(
    registry: MapperRegistry,
    target: object,
    strategy: IndexStrategy | None,
    namespace: str,
    observer: Observer,
) -> StoreOptions:
    """Check what a store was given. Raises MappingError; does no I/O."""
    if not isinstance(registry, MapperRegistry):
        message = f"a store takes a MapperRegistry first, not {registry!r}"
        raise MappingError(message)
    in_memory = target is None or target == MEMORY
    chosen = strategy or (MemoryIndexStrategy() if in_memory else LuaIndexStrategy())
    _check_strategy(chosen)
    if chosen.capabilities.server == in_memory:
        needs = "needs a server: pass its URL" if in_memory else "takes no server: pass none"
        message = f"{type(chosen).__name__} {needs}"
        raise MappingError(message)
    for mapped in registry:
        for index in mapped.indexes.values():
            if type(index.index) not in chosen.capabilities.indexes:
                kind = type(index.index).__name__
                message = f"{index.index!r}: {type(chosen).__name__} does not serve {kind}"
                raise MappingError(message)
    return StoreOptions(registry, chosen, namespace, observer)


def _check_strategy(strategy: object) -> None:
    """A strategy is an object that can say what it can do."""
    if isinstance(strategy, type):
        message = f"strategy={strategy.__name__} is a class; make one: {strategy.__name__}()"
        raise MappingError(message)
    if not isinstance(getattr(strategy, "capabilities", None), Capabilities):
        message = f"strategy={strategy!r} is no strategy, such as LuaIndexStrategy()"
        raise MappingError(message)


def is_url(target: object) -> bool:
    """Whether a target is a URL of a server; MappingError where it is text but none."""
    if not isinstance(target, str):
        return False
    if not target.startswith(_SCHEMES):
        message = "the address must begin with memory://, redis://, rediss:// or unix://"
        raise MappingError(message)
    return True


def from_url(kind: Any, url: str) -> Any:  # noqa: ANN401 - a client class, and its instance
    """A client of an address; MappingError, without showing its password, where it is none."""
    try:
        # RESP2: the replies of scripts are the same, and parse faster.
        client = kind.from_url(url, protocol=2)
    except ValueError:
        message = (
            "the address can not be read; write redis://user:password@localhost:6379/0, "
            "with special characters of the password percent-encoded"
        )
        raise MappingError(message) from None
    _check_link(client.connection_pool)
    return client


def _check_link(pool: Any) -> None:  # noqa: ANN401 - a pool of either world
    """Find now what redis-py would find at the first use; MappingError where it refuses."""
    said = pool.connection_kwargs
    try:
        pool.connection_class(**said)  # connects to nothing, but reads its options
    except Exception as error:  # noqa: BLE001 - it has no error of its own for them
        reason = f": {error}" if isinstance(error, TypeError) else ""
        message = f"the address has an option that redis-py does not take{reason}"
        raise MappingError(message) from None
    host, port = str(said.get("host", "")), said.get("port", 1)
    try:
        host.encode("idna")
    except UnicodeError:
        message = f"the address names a host that can not be one: {host!r}"
        raise MappingError(message) from None
    if not 0 < port <= LARGEST_PORT:
        message = f"the address has port {port}; ports are 1 to {LARGEST_PORT}"
        raise MappingError(message)


def check_client(client: object, wanted: type, other: type, face: str) -> None:
    """A client must be of the face's world, and hand out bytes."""
    if isinstance(client, other):
        cure = "AsyncStore" if face == "Store" else "Store"
        message = (
            f"{face} can not use {type(client).__module__}.{type(client).__name__}; use {cure}"
        )
        raise MappingError(message)
    if isinstance(client, (redis.RedisCluster, redis.asyncio.RedisCluster)):
        message = f"{face} does not serve a RedisCluster yet; pass the client of one node"
        raise MappingError(message)
    if not isinstance(client, wanted):
        message = (
            f"{face} can not use a {type(client).__name__}; pass a URL or a "
            f"{wanted.__module__.removesuffix('.client')}.{wanted.__name__}"
        )
        raise MappingError(message)
    pool = getattr(client, "connection_pool", None)
    if getattr(pool, "connection_kwargs", {}).get("decode_responses"):
        message = (
            "the client has decode_responses=True, but redmapper stores bytes; "
            "pass one without it, or the URL"
        )
        raise MappingError(message)


def _warn_user(message: str) -> None:
    """Warn of the line in the user's code, however deep below it we are."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - what warnings does itself
    while frame is not None and frame.f_globals.get("__name__", "").startswith("redmapper."):
        frame = frame.f_back
    if frame is not None:
        name = frame.f_globals.get("__name__")
        warnings.warn_explicit(
            message, UserWarning, frame.f_code.co_filename, frame.f_lineno, module=name
        )


_USUAL = UnitOptions()
_UNTRACKED = UnitOptions(read_only=True, untracked=True)


class StoreBase:
    """A registry bound to one partition of one place; what needs no server, and no waiting."""

    def __init__(self, options: StoreOptions, partition: str | None) -> None:
        self._options = options
        self._partition_name = partition
        self._closed = False
        place = Place(options.namespace, partition, os.urandom, time.time)
        self._strategy: BoundStrategy = options.strategy.bind(options.registry, place)
        self._session = Session(
            registry=options.registry,
            strategy=self._strategy,
            keys=KeyMaker(self._strategy, os.urandom, time.time),
            new_version=Tokens(os.urandom).next,
            warn=_warn_user,
            handlers=options.registry.use(),
            validates=any(mapped.validated for mapped in options.registry),
        )
        # The stateless door: a unit that nobody holds, keeps nothing, and so may be everybody's.
        self._door = UnitBase(self._session, _UNTRACKED)
        self._door._enter()  # noqa: SLF001 - see above

    @property
    def registry(self) -> MapperRegistry:
        """The registry the store was made with."""
        return self._options.registry

    def __repr__(self) -> str:
        place = f"namespace={self._options.namespace!r}"
        if self._partition_name is not None:
            place += f", partition={self._partition_name!r}"
        return f"<{type(self).__name__} {type(self._options.strategy).__name__} {place}>"

    def __reduce__(self) -> Any:  # noqa: ANN401 - it never returns
        message = f"{type(self).__name__} can not be pickled or copied; make one in each process"
        raise TypeError(message)

    def _require_open(self) -> None:
        if self._closed:
            message = f"{self!r} is closed; make another"
            raise StoreError(message)

    def _require_partition(self, name: object) -> None:
        self._require_open()
        if name is None:
            message = "partition(None): a partition has a name; the store itself is without one"
            raise MappingError(message)

    def _outcome(self, unit_id: object) -> Flow[str]:
        if not isinstance(unit_id, str):
            message = f"{unit_id!r} is not the unit_id of a CommitUnknown"
            raise StoreError(message)
        return self._strategy.outcome(unit_id)

    def _streamed(self, of: tuple[object, ...], batch: int) -> Asked:
        return streamed(of, batch, self.registry)

    def _retry(self, attempts: int) -> Retry:
        if attempts < 1:
            message = f"transact(attempts={attempts!r}): at least 1"
            raise ValueError(message)
        return Retry(attempts, random.random)


def unit_options(*, commit: str, read_only: bool, reads: str) -> UnitOptions:
    """The options of a unit; ValueError for one that there is not."""
    if commit == "exit" and not read_only and reads == "overlaid":
        return _USUAL
    for name, value, known in (("commit", commit, _COMMITS), ("reads", reads, _READS)):
        if value not in known:
            message = f"unit({name}={value!r}): one of {', '.join(map(repr, known))}"
            raise ValueError(message)
    return UnitOptions(commit=commit, read_only=read_only, reads=reads)
