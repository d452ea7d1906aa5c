"""Where the runners of both faces take their connections from, the pool being played by hand.

Those that an async store has for itself are shared by its tasks: see test_multiplexed.
"""

import asyncio
import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import attrs
import pytest
from redis import exceptions as theirs

from redmapper import AsyncStore, ConnectionLost, MapperRegistry, Store
from redmapper.faces.aio.links import AsyncOwnLinks, AsyncSharedLinks
from redmapper.faces.sync.links import QUIET, OwnLinks, SharedLinks


@attrs.define(eq=False)
class Link:
    """A connection: connected until it is closed; `come` is what has come over it."""

    number: int
    connected: bool = True
    come: Any = False

    def disconnect(self) -> None:
        """Close it."""
        self.connected = False

    def can_read(self, timeout: float = 0) -> bool:
        """Whether there is anything, the end among it; looked at without waiting."""
        assert 0 == timeout
        if isinstance(self.come, BaseException):
            raise self.come
        return bool(self.come)


class AsyncLink(Link):
    """The same, awaited."""

    async def disconnect(self, **_: Any) -> None:
        """Close it."""
        super().disconnect()


@attrs.define
class Pool:
    """A pool: hands out what came back last, or a new one."""

    kind: type = Link
    made: list[Any] = attrs.field(factory=list)
    idle: list[Any] = attrs.field(factory=list)
    failure: Exception | None = None

    def get_connection(self) -> Any:
        """One that nobody else uses."""
        if self.failure is not None:
            raise self.failure
        if self.idle:
            return self.idle.pop()
        self.made.append(self.kind(len(self.made)))
        return self.made[-1]

    def release(self, link: Any) -> None:
        """Given back."""
        self.idle.append(link)


@attrs.define
class AsyncPool:
    """The same, awaited."""

    pool: Pool

    async def get_connection(self) -> Any:
        """One that nobody else uses."""
        return self.pool.get_connection()

    async def release(self, link: Any) -> None:
        """Given back."""
        self.pool.release(link)


@attrs.define
class Client:
    """Stands for redis-py's."""

    connection_pool: Any
    closed: int = 0

    def close(self) -> None:
        """Its links."""
        self.closed += 1

    async def aclose(self) -> None:
        """Its links."""
        self.closed += 1


@attrs.frozen
class Awaited:
    """Links of the async face, each step in the same loop."""

    links: Any
    loop: asyncio.Runner

    def __getattr__(self, step: str) -> Any:
        return lambda *given: self.loop.run(getattr(self.links, step)(*given))


@attrs.frozen
class Played:
    """Links, and what they are played on."""

    links: Any
    pool: Pool
    client: Client


def played(sync: Any, aio: Any, face: str) -> Iterator[Played]:
    """The links of a face."""
    if face == "sync":
        pool = Pool()
        client = Client(pool)
        yield Played(sync(client), pool, client)
        return
    pool = Pool(AsyncLink)
    client = Client(AsyncPool(pool))
    with asyncio.Runner() as loop:
        yield Played(Awaited(aio(client), loop), pool, client)


@pytest.fixture
def own() -> Iterator[Played]:
    """Links that a store has for itself; so much time passes between two looks at the clock."""
    seconds = itertools.count(step=QUIET)
    yield from played(partial(OwnLinks, clock=lambda: next(seconds)), None, "sync")


@pytest.fixture(params=["sync", "async"])
def shared(request: pytest.FixtureRequest) -> Iterator[Played]:
    """Links of the user's client."""
    yield from played(SharedLinks, AsyncSharedLinks, request.param)


@pytest.fixture(params=["own", "shared"])
def any_links(request: pytest.FixtureRequest, own: Played, shared: Played) -> Played:
    """Both kinds."""
    return own if request.param == "own" else shared


# --- both kinds ------------------------------------------------------------------------------


def test_two_round_trips_at_once_have_two_links(any_links: Played):
    """Otherwise one would read the replies of the other."""
    first, second = any_links.links.take(), any_links.links.take()
    assert first is not second


@pytest.mark.parametrize(
    "failure", [theirs.ConnectionError("no"), ConnectionRefusedError("no")], ids=repr
)
def test_a_link_that_can_not_be_had_is_a_lost_connection(any_links: Played, failure: Exception):
    """On which nothing was sent."""
    any_links.pool.failure = failure
    with pytest.raises(ConnectionLost) as lost:
        any_links.links.take()
    assert (False, failure) == (lost.value.sent, lost.value.__cause__)


def test_a_link_that_failed_is_disconnected(any_links: Played):
    """Replies may be under way on it; the pool has it back, and connects it again."""
    link = any_links.links.take()
    any_links.links.drop(link)
    assert (False, [link]) == (link.connected, any_links.pool.idle)


# --- a store's own ---------------------------------------------------------------------------


def test_a_link_of_ones_own_is_used_again(own: Played):
    """Without asking the pool, which costs as much as the round trip."""
    first = own.links.take()
    own.links.give_back(first)
    own.pool.failure = theirs.ConnectionError("asked")
    assert first is own.links.take()


def test_a_link_of_ones_own_is_not_given_back_to_the_pool(own: Played):
    """Nobody else could use it."""
    own.links.give_back(own.links.take())
    assert [] == own.pool.idle


def test_the_link_that_was_used_last_comes_first(own: Played):
    """The server has closed it least likely."""
    links = [own.links.take() for _ in range(3)]
    for link in links:
        own.links.give_back(link)
    assert links[::-1] == [own.links.take() for _ in range(3)]


SPOKEN = [
    b"-LOADING",
    theirs.ConnectionError("Connection closed by server."),
    theirs.TimeoutError("late"),
    OSError("bad file descriptor"),
]
"""What may have come over a link while nobody used it."""


@pytest.mark.parametrize("come", SPOKEN, ids=repr)
def test_a_link_that_is_not_quiet_is_not_used(own: Played, come: Any):
    """The server has closed it, or said what nobody asked for: so nothing is sent on it."""
    link, other = own.links.take(), own.links.take()
    own.links.give_back(other)
    own.links.give_back(link)
    link.come = come
    assert other is own.links.take()


@pytest.mark.parametrize("come", SPOKEN, ids=repr)
def test_a_link_that_is_not_quiet_goes_back_to_the_pool(own: Played, come: Any):
    """Disconnected; the pool is asked where no other is left."""
    link = own.links.take()
    own.links.give_back(link)
    link.come = come
    assert link is own.links.take()
    assert not link.connected
    assert [link] == own.pool.made


def test_a_link_that_was_just_used_is_not_looked_at():
    """To look is a system call; what is lost so soon is sent again."""
    now = [0.0]
    links = OwnLinks(Client(Pool()), clock=lambda: now[0])
    link = links.take()
    link.come = b"the end"
    links.give_back(link)
    now[0] += QUIET * 0.99
    assert link is links.take()
    assert link.connected
    links.give_back(link)
    now[0] += QUIET
    links.take()
    assert not link.connected


def test_other_links_of_ones_own_survive_a_failure(own: Played):
    """Each is looked at before it is used."""
    idle, used, failed = (own.links.take() for _ in range(3))
    own.links.give_back(idle)
    own.links.drop(failed)
    assert [True, True, False] == [link.connected for link in (idle, used, failed)]
    assert idle is own.links.take()


def test_a_forked_child_starts_with_no_links():
    """Two processes must not read from one connection."""
    links = OwnLinks(Client(Pool()))
    parents = links.take()
    links.give_back(parents)
    links.process += 1
    assert parents is not links.take()


def test_a_forked_child_leaves_the_links_of_its_parent():
    """It neither closes them nor has its pool hand them out."""
    pool = Pool()
    links = OwnLinks(Client(pool))
    parents = links.take()
    links.give_back(parents)
    links.process += 1
    links.drop(links.take())
    links.close()
    assert parents.connected
    assert parents not in pool.idle


def test_closing_closes_the_client_and_keeps_no_link(own: Played):
    """The client's pool closes what it has handed out."""
    link = own.links.take()
    own.links.give_back(link)
    own.links.close()
    assert 1 == own.client.closed
    assert link is not own.links.take()


# --- the user's ------------------------------------------------------------------------------


def test_a_shared_link_goes_back_to_the_pool(shared: Played):
    """After each round trip, connected."""
    link = shared.links.take()
    shared.links.give_back(link)
    assert ([link], True) == (shared.pool.idle, link.connected)


def test_other_shared_links_survive_a_failure(shared: Played):
    """They are not ours to close."""
    first, failed = shared.links.take(), shared.links.take()
    shared.links.give_back(first)
    shared.links.drop(failed)
    assert (True, False) == (first.connected, failed.connected)


def test_closing_leaves_the_users_client_open(shared: Played):
    """It is the user's."""
    shared.links.close()
    assert 0 == shared.client.closed


# --- which a store has -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("face", "kind"), [(Store, OwnLinks), (AsyncStore, AsyncOwnLinks)], ids=["sync", "async"]
)
def test_a_store_of_an_address_has_links_of_its_own(face: Any, kind: type):
    """Nobody else knows its client."""
    assert isinstance(face(MapperRegistry(), "redis://nowhere")._runner.links, kind)


@pytest.mark.parametrize(
    ("face", "kind"), [(Store, SharedLinks), (AsyncStore, AsyncSharedLinks)], ids=["sync", "async"]
)
def test_a_store_of_a_client_shares_its_links(face: Any, kind: type):
    """Others use it, too."""
    own = face(MapperRegistry(), "redis://nowhere")._runner.links
    assert isinstance(face(MapperRegistry(), own.client)._runner.links, kind)
