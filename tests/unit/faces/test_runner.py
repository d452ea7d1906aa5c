"""The runners of both faces, over a link that is played by hand."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import attrs
import hiredis
import pytest
from redis import exceptions as theirs
from redis._parsers import hiredis as theirs_parser

from redmapper import BatchReport, ConnectionLost, MemoryIndexStrategy, OutOfMemory, StoreError
from redmapper.faces.aio import runner as aio
from redmapper.faces.aio.links import AsyncOwnLinks, AsyncSharedLinks
from redmapper.faces.aio.runner import AsyncServerRunner
from redmapper.faces.observe import Observer
from redmapper.faces.sync import runner as sync
from redmapper.faces.sync.links import OwnLinks, SharedLinks
from redmapper.faces.sync.plain import PlainLink
from redmapper.faces.sync.runner import MemoryRunner, ServerRunner
from redmapper.wire import Batch, Command, Flow, Script, ask, call

BATCH = Batch("load", b"home", (Command(("GET", b"a")), Command(("GET", b"b"))))
CALL = Batch("find", b"home", (call(Script("x", "return 1"), [], []),))
NOBODY = Observer()
COMMIT = CALL._replace(verb="commit", receipted=True)


@attrs.define
class Link:
    """A connection and its pool: each sending gets the next of the answers.

    An answer is a list of replies, or an error that the sending raises; an error among the replies
    is raised by the reading of that reply.
    """

    answers: list[Any]
    sent: list[bytes] = attrs.field(factory=list)
    replies: list[Any] = attrs.field(factory=list)
    released: int = 0
    disconnected: int = 0

    def get_connection(self) -> Any:
        """Itself."""
        if self.answers and isinstance(self.answers[0], tuple):
            raise self.answers.pop(0)[0]
        return self

    def release(self, _: Any) -> None:
        """Given back."""
        self.released += 1

    def disconnect(self) -> None:
        """Closed."""
        self.disconnected += 1

    def send_packed_command(self, packed: list[bytes]) -> None:
        """Sent, or lost."""
        self.sent += packed
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        self.replies = list(answer)

    def read_response(self, *, disable_decoding: bool) -> Any:
        """The next reply."""
        assert disable_decoding
        reply = self.replies.pop(0)
        if isinstance(reply, BaseException):
            raise reply
        return reply


@attrs.define
class AsyncLink:
    """The same, awaited."""

    link: Link

    async def get_connection(self) -> Any:
        """Itself."""
        self.link.get_connection()
        return self

    async def release(self, _: Any) -> None:
        """Given back."""
        self.link.release(_)

    async def disconnect(self, **_: Any) -> None:
        """Closed."""
        self.link.disconnect()

    async def send_packed_command(self, packed: list[bytes]) -> None:
        """Sent, or lost."""
        self.link.send_packed_command(packed)

    async def read_response(self, **options: Any) -> Any:
        """The next reply."""
        return self.link.read_response(**options)


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


Run = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a flow on a link, without a pause between two attempts."""
    for module in (sync, aio):
        monkeypatch.setattr(module, "PAUSES", (0, 0))

    def run_sync(flow: Flow[Any], link: Link, observer: Observer) -> Any:
        return ServerRunner(SharedLinks(Client(link)), observer).run(flow)

    def run_async(flow: Flow[Any], link: Link, observer: Observer) -> Any:
        runner = AsyncServerRunner(AsyncSharedLinks(Client(AsyncLink(link))), observer)
        return asyncio.run(runner.run(flow))

    chosen = run_sync if request.param == "sync" else run_async
    return lambda flow, link, observer=NOBODY: chosen(flow, link, observer)


def test_a_flow_is_run_to_its_end(run: Run):
    """Its batches are carried, its result is answered."""

    def flow() -> Flow[list[Any]]:
        first = yield BATCH
        second = yield BATCH
        return [*first, *second]

    link = Link([[b"1", b"2"], [None, [b"4"]]])
    assert [b"1", b"2", None, [b"4"]] == run(flow(), link)
    assert (2, 2, 0) == (len(link.sent), link.released, link.disconnected)


def test_a_forgotten_script_is_sent_in_full(run: Run):
    """Nobody above notices."""
    link = Link([[theirs.NoScriptError("No matching script")], [b"1"]])
    assert [b"1"] == run(ask(CALL), link)
    assert [b"EVALSHA" in link.sent[0], b"return 1" in link.sent[1]] == [True, True]


def test_an_error_reply_is_raised_in_the_flow(run: Run):
    """After all replies were read: the link is good for the next."""

    def flow() -> Flow[str]:
        try:
            yield BATCH
        except StoreError as error:
            return str(error)
        return "no error"

    link = Link([[theirs.ResponseError("ERR wrong"), b"2"]])
    assert "the server answered: ERR wrong" == run(flow(), link)
    assert ([], 0) == (link.replies, link.disconnected)


@pytest.mark.parametrize(
    "failing",
    [theirs.ConnectionError("lost"), [theirs.ConnectionError("lost")], (ConnectionRefusedError(),)],
    ids=["sending", "reading", "connecting"],
)
def test_a_lost_link_is_replaced_and_the_batch_sent_again(run: Run, failing: Any):
    """Every batch allows it."""
    link = Link([failing, [b"1"]])
    assert [b"1"] == run(ask(CALL), link)


@pytest.mark.parametrize(
    ("answers", "sent"),
    [
        ([(ConnectionRefusedError("no"),)] * 3, False),
        ([theirs.TimeoutError("no")] * 3, True),
        ([theirs.TimeoutError("no"), *[(ConnectionRefusedError("no"),)] * 2], True),
    ],
    ids=["never sent", "sent", "sent once"],
)
def test_a_link_that_stays_lost_is_given_up(run: Run, answers: list[Any], sent: bool):  # noqa: FBT001 - a case
    """The error says whether the request may have reached the server."""
    with pytest.raises(ConnectionLost) as lost:
        run(ask(CALL), Link(list(answers)))
    assert sent == lost.value.sent


def test_without_patience_no_further_attempt_begins(run: Run, monkeypatch: pytest.MonkeyPatch):
    """A client's own retries may have used it up."""
    for module in (sync, aio):
        monkeypatch.setattr(module, "PATIENCE", -1)
    link = Link([theirs.TimeoutError("no"), [b"1"]])
    with pytest.raises(ConnectionLost):
        run(ask(CALL), link)
    assert 1 == len(link.sent)


def test_a_broken_link_is_not_used_again(run: Run):
    """Replies may still be under way on it."""
    link = Link([[b"1", theirs.TimeoutError("no")], [b"1", b"2"]])
    assert [b"1", b"2"] == run(ask(BATCH), link)
    assert (1, 2) == (link.disconnected, link.released)


@pytest.mark.parametrize("failure", [KeyboardInterrupt, SystemExit], ids=lambda kind: kind.__name__)
def test_an_interrupted_link_is_not_used_again(run: Run, failure: type[BaseException]):
    """And the interruption passes."""
    link = Link([[failure()]])
    with pytest.raises(failure):
        run(ask(CALL), link)
    assert (1, 1) == (link.disconnected, link.released)


def test_a_refusal_is_not_sent_again(run: Run):
    """It is an answer."""
    link = Link([[theirs.OutOfMemoryError("full")]])
    with pytest.raises(OutOfMemory):
        run(ask(COMMIT), link)
    assert 1 == len(link.sent)


def test_a_refusal_of_a_resent_commit_leaves_its_outcome_open(run: Run):
    """The first sending may have been done."""
    link = Link([theirs.TimeoutError("no"), [theirs.OutOfMemoryError("full")]])
    with pytest.raises(ConnectionLost) as lost:
        run(ask(COMMIT), link)
    assert lost.value.sent


def test_a_refusal_of_a_commit_that_was_not_sent_before_is_a_refusal(run: Run):
    """Nothing but the link had been lost."""
    link = Link([(ConnectionRefusedError("no"),), [theirs.OutOfMemoryError("full")]])
    with pytest.raises(OutOfMemory):
        run(ask(COMMIT), link)


def test_a_refusal_of_a_resent_reading_is_a_refusal(run: Run):
    """Reading twice is reading once."""
    link = Link([theirs.TimeoutError("no"), [theirs.OutOfMemoryError("full")]])
    with pytest.raises(OutOfMemory):
        run(ask(CALL), link)


@attrs.define
class PlainLinks:
    """The same plain link each time, and what became of it."""

    link: PlainLink
    ended: list[str] = attrs.field(factory=list)

    def take(self) -> PlainLink:
        """It."""
        return self.link

    def give_back(self, link: Any) -> None:
        """Given back."""
        assert self.link is link
        self.ended.append("given back")

    def drop(self, link: Any) -> None:
        """Dropped."""
        assert self.link is link
        self.ended.append("dropped")

    def close(self) -> None:
        """Nothing is left."""


def test_a_plain_link_to_a_server_that_is_loading_is_dropped(monkeypatch: pytest.MonkeyPatch):
    """Wherever among the replies it says so; and another link is tried."""
    monkeypatch.setattr(sync, "PAUSES", (0,))
    reader = hiredis.Reader(
        replyError=theirs_parser._HiredisParser.parse_error,
        notEnoughData=theirs_parser.NOT_ENOUGH_DATA,
    )
    ours, end = socket.socketpair()
    with ours, end:
        links = PlainLinks(PlainLink(None, (ours, reader), lambda _: []))
        end.sendall(b"+OK\r\n-LOADING Redis is loading the dataset in memory\r\n+1\r\n+2\r\n")
        assert [b"1", b"2"] == ServerRunner(links, NOBODY).run(ask(BATCH))
    assert ["dropped", "given back"] == links.ended


def test_each_batch_is_reported(run: Run):
    """Those that failed as well."""
    reports: list[BatchReport] = []
    observer = Observer(on_batch=reports.append)
    run(ask(BATCH), Link([[b"1", b"2"]]), observer)
    with pytest.raises(OutOfMemory):
        run(ask(COMMIT), Link([[theirs.OutOfMemoryError("full")]]), observer)
    assert [("load", 2, 2), ("commit", 1, 0)] == [
        (report.verb, report.commands, report.keys) for report in reports
    ]


@pytest.mark.parametrize(
    ("links", "awaited", "expected"),
    [(OwnLinks, AsyncOwnLinks, 1), (SharedLinks, AsyncSharedLinks, 0)],
    ids=["own", "shared"],
)
def test_only_links_of_ones_own_are_closed(links: Any, awaited: Any, expected: int):
    """A client that was passed in stays open."""
    client, observer = Client(None), Observer()
    ServerRunner(links(client), observer).close()
    assert expected == client.closed
    asyncio.run(AsyncServerRunner(awaited(client), observer).close())
    assert 2 * expected == client.closed


def test_a_strategy_in_memory_asks_no_server():
    """One that does is a mistake of its own."""
    with pytest.raises(RuntimeError, match="a strategy without a server asked for one: load"):
        MemoryRunner.of(MemoryIndexStrategy()).run(ask(BATCH))
