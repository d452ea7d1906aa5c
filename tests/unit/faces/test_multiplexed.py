"""The connections that the tasks of an async store share, over transports played by hand."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import attrs
import hiredis
import pytest
from redis import exceptions as theirs
from redis.asyncio import Connection

from redmapper import ConnectionLost
from redmapper.faces.aio import links as links_room
from redmapper.faces.aio import multiplexed
from redmapper.faces.aio.links import AsyncOwnLinks
from redmapper.faces.aio.multiplexed import MultiplexedLink, take_over
from redmapper.wire import Batch, Command


@pytest.fixture(autouse=True)
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link does not look at itself while a test runs, however slowly, but when it is told to."""
    monkeypatch.setattr(multiplexed, "PULSE", 10)


@attrs.define(eq=False)
class Transport:
    """Keeps what is written; its end is told in the next turn of the loop, as asyncio does."""

    protocol: Any = None
    written: list[bytes] = attrs.field(factory=list)
    closing: bool = False

    def write(self, data: bytes) -> None:
        """One write."""
        self.written.append(data)

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closing

    def close(self) -> None:
        """End."""
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    abort = close

    def get_extra_info(self, name: str) -> Any:
        """It has an address, but no socket."""
        return ("127.0.0.1", 6379) if name == "peername" else None

    def set_protocol(self, protocol: Any) -> None:
        """Who is called from now on."""
        self.protocol = protocol


@attrs.define(eq=False)
class Played:
    """A link, and what it is played on."""

    link: MultiplexedLink
    transport: Transport
    let_go: list[MultiplexedLink]

    def come(self, text: bytes) -> None:
        """Bytes come, each alone: where they are cut makes no difference."""
        for byte in text:
            self.link.get_buffer(-1)[0] = byte
            self.link.buffer_updated(1)

    async def owing(self, *requests: bytes) -> list[asyncio.Future[list[Any]]]:
        """Ask each of these, of one command, and let them be written."""
        waiting = [self.link.ask(request, 1) for request in requests]
        await turns()
        return waiting

    def waits(self, seconds: float) -> None:
        """Everything was asked so much earlier, and so long nothing has come."""
        for exchange in (*self.link.owed, *self.link.queued):
            exchange.since -= seconds
        self.link.heard -= seconds
        self.look()

    def look(self) -> None:
        """The link looks at itself."""
        if self.link._watching is not None:
            self.link._watching.cancel()
        self.link._watch()


async def turns(count: int = 5) -> None:
    """Some turns of the loop."""
    for _ in range(count):
        await asyncio.sleep(0)


def play(timeout: float | None = None) -> Played:
    """A link over a transport of its own."""
    transport, let_go = Transport(), []
    reader = hiredis.Reader(
        protocolError=theirs.InvalidResponse,
        replyError=theirs.ResponseError,
        notEnoughData=multiplexed._NOTHING,
    )
    transport.protocol = MultiplexedLink(transport, reader, timeout, let_go.append)
    return Played(transport.protocol, transport, let_go)


def on_a_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A test that runs on a loop of its own."""

    @wraps(test)
    def run(*given: Any, **options: Any) -> None:
        asyncio.run(test(*given, **options))

    return run


async def lost(waiting: Awaitable[Any]) -> ConnectionLost:
    """The error that somebody gets who waits."""
    with pytest.raises(ConnectionLost) as error:
        await waiting
    return error.value


# --- asking and answering --------------------------------------------------------------------


@on_a_loop
async def test_what_is_asked_in_one_turn_is_written_at_once():
    """However many tasks ask; nothing is written before the turn is over."""
    played = play()
    for number in range(100):
        played.link.ask(b"%d " % number, 1)
    assert [] == played.transport.written
    await turns()
    assert [b"".join(b"%d " % number for number in range(100))] == played.transport.written


@on_a_loop
async def test_each_gets_the_replies_to_its_own_request():
    """By their order, as many as it has commands."""
    played = play()
    first, second, third = (played.link.ask(b"?", count) for count in (1, 3, 1))
    await turns()
    played.come(b"$1\r\na\r\n:1\r\n*2\r\n:2\r\n$-1\r\n+OK\r\n$1\r\nz\r\n")
    assert [[b"a"], [1, [2, None], b"OK"], [b"z"]] == [await first, await second, await third]


@on_a_loop
async def test_nobody_waits_for_the_others():
    """A reply is handed out as soon as it is whole."""
    played = play()
    first, second = await played.owing(b"1", b"2")
    played.come(b":1\r\n:")
    assert [True, False] == [first.done(), second.done()]


@on_a_loop
async def test_an_error_reply_is_a_value():
    """It is the answer to one of them."""
    played = play()
    first, second = await played.owing(b"1", b"2")
    played.come(b"-ERR wrong\r\n:2\r\n")
    (error,) = await first
    assert isinstance(error, theirs.ResponseError)
    assert [2] == await second


@pytest.mark.skipif(not hasattr(hiredis, "PushNotification"), reason="this hiredis can not tell")
@on_a_loop
async def test_what_the_server_pushes_is_nobodys_reply():
    """RESP3 allows it, between two replies and while nothing is owed."""
    played = play()
    pushed = b">2\r\n+moving\r\n:1\r\n"
    played.come(pushed)
    first, second = await played.owing(b"1", b"2")
    played.come(pushed + b":1\r\n" + pushed + b":2\r\n" + pushed)
    assert [[1], [2]] == [await first, await second]


@on_a_loop
async def test_a_connection_that_takes_no_more_is_waited_for():
    """What is asked meanwhile goes out together when it takes more."""
    played = play()
    played.link.pause_writing()
    await played.owing(b"1", b"2")
    await played.owing(b"3")
    assert [] == played.transport.written
    played.link.resume_writing()
    assert [b"123"] == played.transport.written


# --- cancelling ------------------------------------------------------------------------------


@on_a_loop
async def test_the_reply_of_who_was_cancelled_is_thrown_away():
    """The others get their own."""
    played = play()
    first, second, third = await played.owing(b"1", b"2", b"3")
    second.cancel()
    played.come(b":1\r\n:2\r\n:3\r\n")
    assert [[1], [3]] == [await first, await third]
    assert [] == played.let_go


@on_a_loop
async def test_who_is_cancelled_before_the_turn_is_over_has_asked_nothing():
    """The request is not written."""
    played = play()
    played.link.ask(b"1", 1).cancel()
    second = played.link.ask(b"2", 1)
    await turns()
    played.come(b":2\r\n")
    assert ([b"2"], [2]) == (played.transport.written, await second)


@on_a_loop
async def test_a_link_whose_only_asker_was_cancelled_writes_nothing():
    """It is as good as before."""
    played = play()
    played.link.ask(b"1", 1).cancel()
    await turns()
    assert ([], []) == (played.transport.written, played.let_go)


# --- the end of the connection ---------------------------------------------------------------


@on_a_loop
async def test_a_lost_link_says_what_was_sent():
    """What was written may have been done; what was not has not."""
    played = play()
    written = await played.owing(b"1", b"2")
    played.link.pause_writing()
    queued = await played.owing(b"3")
    played.link.connection_lost(ConnectionResetError("by peer"))
    errors = [await lost(each) for each in (*written, *queued)]
    assert [True, True, False] == [error.sent for error in errors]
    assert all("by peer" in str(error) for error in errors)


@on_a_loop
async def test_each_who_waits_gets_an_error_of_its_own():
    """The runner writes into it whether that task's request was ever sent."""
    played = play()
    waiting = await played.owing(b"1", b"2")
    played.link.connection_lost(None)
    errors = [await lost(each) for each in waiting]
    assert errors[0] is not errors[1]


@on_a_loop
async def test_a_lost_link_is_let_go_once():
    """Whoever has it must ask nothing on it any more."""
    played = play()
    played.link.connection_lost(None)
    assert [played.link] == played.let_go
    assert played.link.ended.done()


@on_a_loop
async def test_the_end_that_has_come_is_read_before_anything_is_written():
    """So that it can be said that nothing was sent."""
    played = play()
    played.link._poll = lambda _: [(0, 0)]
    waiting = played.link.ask(b"1", 1)
    await turns(1)
    asyncio.get_running_loop().call_soon(played.link.connection_lost, None)
    assert not (await lost(waiting)).sent
    assert [] == played.transport.written


@on_a_loop
async def test_what_has_come_need_not_be_the_end():
    """It may be a message of TLS or RESP3: then the request is written."""
    played = play()
    played.link._poll = lambda _: [(0, 0)]
    await played.owing(b"1")
    assert [b"1"] == played.transport.written


@on_a_loop
async def test_nothing_is_written_on_a_connection_that_ends():
    """The transport would throw it away: it was not sent."""
    played = play()
    played.transport.close()
    assert not (await lost(played.link.ask(b"1", 1))).sent
    assert [] == played.transport.written


@pytest.mark.parametrize("come", [b"?\r\n", b":1\r\n:2\r\n"], ids=["garbage", "one reply more"])
@on_a_loop
async def test_what_can_not_be_understood_ends_the_link(come: bytes):
    """Of what comes after it nobody could know whose reply it is."""
    played = play()
    (first,) = await played.owing(b"1")
    played.come(come)
    await turns()
    assert (True, [played.link]) == (played.transport.closing, played.let_go)
    if come.startswith(b":"):
        assert [1] == await first
    else:
        assert (await lost(first)).sent


# --- retiring --------------------------------------------------------------------------------


@on_a_loop
async def test_a_link_that_retires_ends_with_its_last_reply():
    """Those who wait get theirs, what is still to be written among it."""
    played = play()
    (first,) = await played.owing(b"1")
    second = played.link.ask(b"2", 1)
    played.link.retire()
    await turns()
    assert not played.transport.closing
    played.come(b":1\r\n:2\r\n")
    assert [[1], [2]] == [await first, await second]
    await played.link.ended
    assert [played.link] == played.let_go


@on_a_loop
async def test_an_idle_link_that_retires_ends_at_once():
    """Nobody waits."""
    played = play()
    played.link.retire()
    await played.link.ended


@on_a_loop
async def test_a_link_ends_when_what_it_had_to_write_was_cancelled():
    """It would wait for ever."""
    played = play()
    only = played.link.ask(b"1", 1)
    played.link.retire()
    only.cancel()
    await played.link.ended


# --- waiting for too long --------------------------------------------------------------------


@on_a_loop
async def test_who_waits_for_too_long_gets_an_error():
    """The address and `sent` among it."""
    played = play(timeout=50)
    (first,) = await played.owing(b"1")
    played.waits(60)
    error = await lost(first)
    assert (True, "Timeout reading from 127.0.0.1:6379") == (error.sent, str(error).split(";")[0])


@on_a_loop
async def test_what_could_not_be_written_for_too_long_was_not_sent():
    """Nor will it be."""
    played = play(timeout=50)
    played.link.pause_writing()
    (first,) = await played.owing(b"1")
    played.waits(60)
    assert not (await lost(first)).sent
    played.link.resume_writing()
    assert [] == played.transport.written


@on_a_loop
async def test_who_has_not_waited_for_too_long_goes_on():
    """On a link that is not given to anybody else; it ends when they have theirs."""
    played = play(timeout=50)
    (first,) = await played.owing(b"1")
    played.waits(30)
    (second,) = await played.owing(b"2")
    played.waits(30)
    await lost(first)
    assert [played.link] == played.let_go
    played.come(b":1\r\n:2\r\n")
    assert [2] == await second
    await played.link.ended


@on_a_loop
async def test_a_link_for_which_nobody_waits_any_more_ends():
    """Its server may never answer."""
    played = play(timeout=50)
    waiting = await played.owing(b"1", b"2")
    played.waits(60)
    for each in waiting:
        await lost(each)
    await played.link.ended


@on_a_loop
async def test_each_reply_may_take_its_time():
    """As with redis-py, which waits for each reply anew."""
    played = play(timeout=50)
    waiting = played.link.ask(b"many", 2)
    await turns()
    played.come(b":1\r\n")
    played.waits(60)
    played.come(b":2\r\n")
    assert [1, 2] == await waiting


@on_a_loop
async def test_without_a_timeout_everybody_waits():
    """For as long as it takes."""
    played = play()
    (first,) = await played.owing(b"1")
    played.waits(1_000)
    played.come(b":1\r\n")
    assert [1] == await first


@on_a_loop
async def test_the_link_looks_at_itself_while_it_owes():
    """Without being told to, and not when it owes nothing."""
    played = play(timeout=0.001)
    (first,) = await played.owing(b"1")
    await lost(first)
    await played.link.ended
    assert played.link._watching is None


@on_a_loop
async def test_an_idle_link_does_not_look_at_itself():
    """Nothing is to be seen."""
    played = play()
    (first,) = await played.owing(b"1")
    played.come(b":1\r\n")
    await first
    played.look()
    assert played.link._watching is None


@on_a_loop
async def test_a_link_is_held_up_while_no_reply_comes():
    """Bytes of a long one are no reply; a reply ends it."""
    played = play()
    await played.owing(b"1", b"2")
    played.look()
    assert not played.link.held_up
    played.waits(20)
    assert played.link.held_up
    played.come(b"$5\r\nlo")
    played.look()
    assert played.link.held_up
    played.come(b"ng!\r\n")
    assert not played.link.held_up


@on_a_loop
async def test_a_link_that_somebody_has_given_up_retires():
    """Nobody else shall begin to wait; who does already goes on."""
    played = play()
    first, second = await played.owing(b"1", b"2")
    first.cancel()
    played.waits(20)
    assert [played.link] == played.let_go
    played.come(b":1\r\n:2\r\n")
    assert [2] == await second


@on_a_loop
async def test_a_link_that_everybody_has_given_up_ends():
    """It would wait for ever."""
    played = play()
    (first,) = await played.owing(b"1")
    first.cancel()
    played.waits(20)
    await played.link.ended


@on_a_loop
async def test_who_gives_up_on_a_link_that_answers_harms_nobody():
    """It stays in use."""
    played = play()
    first, second = await played.owing(b"1", b"2")
    second.cancel()
    played.come(b":1\r\n")
    played.look()
    assert [1] == await first
    assert [] == played.let_go


# --- taking over -----------------------------------------------------------------------------


@attrs.define
class Writer:
    """Stands for the StreamWriter of a connection."""

    transport: Transport


def connected(*, come: bytes = b"", ended: bool = False) -> Connection:
    """A connection of redis-py, as it is after the handshake."""
    connection = Connection(socket_timeout=7)
    connection._reader = asyncio.StreamReader()
    connection._reader.feed_data(come)
    if ended:
        connection._reader.feed_eof()
    connection._writer = Writer(Transport())
    return connection


@on_a_loop
async def test_a_connection_is_taken_over_from_redis_py():
    """Its transport and its timeout; redis-py has nothing left to close, or to warn of."""
    connection = connected()
    transport = connection._writer.transport
    link = take_over(connection, lambda _: None)
    assert transport.protocol is link
    assert 7 == link._timeout
    assert not connection.is_connected


@on_a_loop
async def test_errors_are_those_of_redis_py():
    """Known by the first word of what the server says."""
    link = take_over(connected(), lambda _: None)
    waiting = link.ask(b"1", 1)
    await turns()
    link.feed(b"-NOSCRIPT none\r\n", 16)
    (error,) = await waiting
    assert isinstance(error, theirs.NoScriptError)


@on_a_loop
async def test_what_redis_py_has_read_already_is_looked_at():
    """A reply to nothing ends the link before it is used."""
    let_go: list[MultiplexedLink] = []
    link = take_over(connected(come=b"+what\r\n"), let_go.append)
    await link.ended
    assert [link] == let_go


@on_a_loop
async def test_a_connection_that_has_ended_meanwhile_is_a_link_that_has():
    """Nothing can be asked on it."""
    assert take_over(connected(ended=True), lambda _: None).ended.done()


# --- the links of a store --------------------------------------------------------------------

BATCH = Batch("load", b"home", (Command(("GET", b"a")),))


class Made(Connection):
    """A connection that is made at once, or fails as its pool says."""

    pool: Any = None

    async def connect(self) -> None:
        """Connected, after some turns of the loop."""
        await turns()
        if self.pool.failures:
            failure = self.pool.failures.pop(0)
            if failure is not None:
                raise failure
        self._reader, self._writer = asyncio.StreamReader(), Writer(Transport())
        self.pool.transports.append(self._writer.transport)


@attrs.define(eq=False)
class Pool:
    """Makes connections; `failures` are those of the next ones, None for none."""

    max_connections: int = 100
    connection_kwargs: dict[str, Any] = attrs.field(factory=dict)
    failures: list[Exception | None] = attrs.field(factory=list)
    transports: list[Transport] = attrs.field(factory=list)
    made: int = 0

    def make_connection(self) -> Made:
        """One more."""
        self.made += 1
        connection = Made()
        connection.pool = self
        return connection


@attrs.define(eq=False)
class Client:
    """Stands for redis-py's."""

    connection_pool: Pool
    closed: int = 0

    async def aclose(self) -> None:
        """Its pool."""
        self.closed += 1


@attrs.define(eq=False)
class Own:
    """The links of a store, and what they are played on."""

    pool: Pool = attrs.field(factory=Pool)
    links: AsyncOwnLinks = attrs.field(
        default=attrs.Factory(lambda own: AsyncOwnLinks(Client(own.pool)), takes_self=True)
    )

    def ask(self) -> asyncio.Task[list[Any]]:
        """Ask for something in a task."""
        return asyncio.create_task(self.links.ask(BATCH, in_full=False))

    def protocol(self, number: int) -> MultiplexedLink:
        """The link that was made in this place."""
        return self.pool.transports[number].protocol

    def answer(self, number: int, reply: bytes = b"+OK\r\n") -> None:
        """The server answers all that is owed on a link."""
        protocol = self.protocol(number)
        come = reply * len(protocol.owed)
        protocol.feed(come, len(come))

    async def asked(self, count: int) -> list[asyncio.Task[list[Any]]]:
        """So many tasks have asked, one after another."""
        tasks = []
        for _ in range(count):
            tasks.append(self.ask())
            await turns(20)
        return tasks

    @property
    def owed(self) -> list[int]:
        """How many exchanges each link owes."""
        return [len(transport.protocol.owed) for transport in self.pool.transports]


@on_a_loop
async def test_a_link_is_used_again():
    """By who comes after."""
    own = Own()
    for _ in range(3):
        (asked,) = await own.asked(1)
        own.answer(0)
        assert [b"OK"] == await asked
    assert 1 == own.pool.made


@on_a_loop
async def test_two_links_are_shared_by_all():
    """The second is made when the first is busy; then each gets as much as the other."""
    own = Own()
    await own.asked(100)
    assert [50, 50] == own.owed


@on_a_loop
async def test_many_that_come_at_once_wait_for_the_same_link():
    """What waited for the first does not wait for a second."""
    own = Own()
    tasks = [own.ask() for _ in range(100)]
    await turns(20)
    assert ([100], 1) == (own.owed, own.pool.made)
    own.answer(0)
    assert [[b"OK"]] * 100 == await asyncio.gather(*tasks)


@on_a_loop
async def test_only_who_wants_another_link_waits_for_it():
    """Others that come meanwhile use the one there is."""
    own = Own()
    await own.asked(1)
    second, third = own.ask(), own.ask()
    await turns(4)
    assert [2] == own.owed
    await turns(20)
    assert [2, 1] == own.owed
    assert [False, False] == [second.done(), third.done()]


@on_a_loop
async def test_a_link_that_is_held_up_comes_last():
    """However little it owes."""
    own = Own()
    await own.asked(3)
    assert [2, 1] == own.owed
    own.protocol(1).held_up = True
    await own.asked(3)
    assert [5, 1] == own.owed


@on_a_loop
async def test_a_pool_of_one_connection_is_one_link():
    """`max_connections` is an option of an address."""
    own = Own(Pool(max_connections=1))
    await own.asked(10)
    assert [10] == own.owed


@pytest.mark.parametrize(
    "failure", [theirs.ConnectionError("no"), ConnectionRefusedError("no")], ids=repr
)
@on_a_loop
async def test_a_link_that_can_not_be_made_is_a_lost_connection(failure: Exception):
    """On which nothing was sent; each who waited for it has an error of its own."""
    own = Own(Pool(failures=[failure]))
    errors = [await lost(task) for task in [own.ask(), own.ask()]]
    assert [(False, failure)] * 2 == [(error.sent, error.__cause__) for error in errors]
    assert errors[0] is not errors[1]
    (again,) = await own.asked(1)
    own.answer(0)
    assert [b"OK"] == await again


@on_a_loop
async def test_one_link_does_where_another_can_not_be_made(monkeypatch: pytest.MonkeyPatch):
    """It is not tried for again at once."""
    monkeypatch.setattr(links_room, "CONTENT", 1_000)
    own = Own(Pool(failures=[None, theirs.ConnectionError("max number of clients reached")]))
    await own.asked(5)
    assert ([5], 2) == (own.owed, own.pool.made)
    own.links.loops[asyncio.get_running_loop()].content_until = float("-inf")
    await own.asked(1)
    assert [5, 1] == own.owed


@on_a_loop
async def test_who_is_cancelled_while_a_link_is_made_does_not_take_it_from_others():
    """It is made for all of them."""
    own = Own()
    first, second = own.ask(), own.ask()
    await turns(2)
    first.cancel()
    await turns(20)
    own.answer(0)
    assert first.cancelled()
    assert [b"OK"] == await second


@on_a_loop
async def test_a_link_that_was_lost_is_not_used_again():
    """Another is made."""
    own = Own()
    (first,) = await own.asked(1)
    own.protocol(0).connection_lost(None)
    assert (await lost(first)).sent
    (second,) = await own.asked(1)
    own.answer(1)
    assert [b"OK"] == await second


@pytest.mark.parametrize("reply", [theirs.BusyLoadingError, theirs.AuthenticationError])
@on_a_loop
async def test_a_link_on_which_the_server_refuses_everything_is_not_used_again(
    reply: type[Exception],
):
    """The next one may be let in."""
    own = Own()
    (first,) = await own.asked(1)
    words = {theirs.BusyLoadingError: b"LOADING", theirs.AuthenticationError: b"WRONGPASS"}
    own.answer(0, b"-%b no\r\n" % words[reply])
    (error,) = await first
    assert isinstance(error, reply)
    await own.protocol(0).ended
    await own.asked(1)
    assert [0, 1] == own.owed


@on_a_loop
async def test_a_link_that_was_silent_for_too_long_is_asked_first():
    """`health_check_interval` is an option of an address, too; where it is gone another is made."""
    own = Own(Pool(connection_kwargs={"health_check_interval": 30}))
    (first,) = await own.asked(1)
    own.answer(0)
    await first
    for come in (own.answer, lambda number: own.protocol(number).connection_lost(None)):
        own.protocol(0).heard -= 31
        (second,) = await own.asked(1)
        assert b"PING" in own.pool.transports[0].written[-1]
        come(0)
        await turns(20)
        own.answer(own.pool.made - 1)
        assert [b"OK"] == await second
    assert 2 == own.pool.made


def test_each_loop_has_links_of_its_own():
    """A connection belongs to the loop that it was made in; those of a closed one are forgotten."""
    own = Own()

    async def round_trip(number: int) -> int:
        (asked,) = await own.asked(1)
        own.answer(number)
        await asked
        return len(own.links.loops)

    assert [1, 1] == [asyncio.run(round_trip(number)) for number in range(2)]
    assert 2 == own.pool.made


@on_a_loop
async def test_closing_waits_for_what_is_on_its_way():
    """Those who asked get their replies; then the links end, and the client is closed."""
    own = Own()
    waiting = await own.asked(3)
    closing = asyncio.create_task(own.links.close())
    await turns()
    assert not closing.done()
    for number in range(2):
        own.answer(number)
    await closing
    assert [[b"OK"]] * 3 == [await each for each in waiting]
    assert [True, True] == [transport.closing for transport in own.pool.transports]
    assert 1 == own.links.client.closed


@on_a_loop
async def test_closing_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch):
    """Those whose replies do not come are told that they may have been sent."""
    monkeypatch.setattr(links_room, "PATIENCE", 0.001)
    own = Own()
    (waiting,) = await own.asked(1)
    await own.links.close()
    assert (await lost(waiting)).sent


@on_a_loop
async def test_what_is_asked_of_closed_links_gets_others():
    """As with redis-py's pool; it is the store that refuses."""
    own = Own()
    (first,) = await own.asked(1)
    own.answer(0)
    await first
    await own.links.close()
    (second,) = await own.asked(1)
    own.answer(1)
    assert [[b"OK"]] * 2 == [await first, await second]


@on_a_loop
async def test_closing_waits_for_a_link_that_is_being_made():
    """Who has asked for it gets a reply over it; then it ends."""
    own = Own()
    first = own.ask()
    await turns(2)
    closing = asyncio.create_task(own.links.close())
    await turns(20)
    own.answer(0)
    assert [b"OK"] == await first
    await closing
    assert [True] == [transport.closing for transport in own.pool.transports]


@on_a_loop
async def test_closing_does_not_wait_for_ever_for_a_link(monkeypatch: pytest.MonkeyPatch):
    """One that can not be made is given up; on it nothing was sent."""
    monkeypatch.setattr(links_room, "PATIENCE", 0.001)
    monkeypatch.setattr(Made, "connect", lambda _: asyncio.sleep(1_000))
    own = Own()
    waiting = own.ask()
    await turns(2)
    await own.links.close()
    assert not (await lost(waiting)).sent


@on_a_loop
async def test_links_end_with_their_loop():
    """A loop that shuts down its generators is about to close."""
    own = Own()
    (waiting,) = await own.asked(1)
    await asyncio.get_running_loop().shutdown_asyncgens()
    assert (await lost(waiting)).sent
    assert [True] == [transport.closing for transport in own.pool.transports]


def test_closing_reaches_the_links_of_other_loops():
    """Which end them by themselves."""
    own = Own()
    with asyncio.Runner() as other:
        other.run(own.asked(1))
        asyncio.run(own.links.close())
        own_link = own.protocol(0)

        async def answered() -> None:
            await turns()
            own.answer(0)
            await own_link.ended

        other.run(answered())
