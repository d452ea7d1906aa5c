"""A TCP proxy between a client and a server that loses on the way what it is told to lose.

It knows where a request and a reply end, so that it can lose one of them whole, at a point that a
test chooses. Everything is told it before the request comes, by its methods:

    with Proxy(server.port) as proxy:
        store = Store(registry, proxy.url)
        proxy.lose_reply()              # of the next commit: it is applied, and nobody hears of it

What is told concerns the next *watched* requests, calls of scripts unless others are named, in the
order in which it was told; everything else passes.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Callable
from io import BufferedReader
from types import TracebackType
from typing import Self, TypeAlias

import attrs

SCRIPTS = (b"EVALSHA", b"EVAL")


@attrs.frozen
class Request:
    """One command, as it came."""

    raw: bytes

    @property
    def words(self) -> list[bytes]:
        """Its words."""
        words, rest = [], self.raw.partition(b"\r\n")[2]
        while rest:
            length, _, rest = rest.partition(b"\r\n")
            end = int(length[1:])
            words.append(rest[:end])
            rest = rest[end + 2 :]
        return words

    @property
    def name(self) -> bytes:
        """The command's name."""
        return self.words[0].upper()


Fate: TypeAlias = Callable[["Link", Request], bool]
"""What becomes of a request; False where the link is lost with it."""


class Link:
    """A client's link through the proxy, and its own link to the server."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.requests = client.makefile("rb")
        self.replies = server.makefile("rb")

    def forward(self, request: Request) -> bytes:
        """Carry a request to the server; its reply."""
        self.server.sendall(request.raw)
        return read_value(self.replies)

    def close(self) -> None:
        """End both."""
        for stream in (self.requests, self.replies):
            with contextlib.suppress(OSError, ValueError):
                stream.close()
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def cut(self) -> None:
        """Wake whoever reads from either: the link is down."""
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Proxy:
    """Listens on a free port of 127.0.0.1 and passes on to the server's port.

    Attributes:
        seen: every watched request that came, whatever became of it.
        held: those that were held back, to be delivered late.
        lost: the replies that were lost.
        carried: those whose reply was delayed: the server has answered them.
    """

    def __init__(self, port: int, watched: tuple[bytes, ...] = SCRIPTS) -> None:
        self._port = port
        self.watched = watched
        self.seen: list[Request] = []
        self.held: list[Request] = []
        self.lost: list[bytes] = []
        self.carried: list[Request] = []
        self._fates: deque[Fate] = deque()
        self._links: set[Link] = set()
        self._lock = threading.Lock()
        self._down = False
        self._closed = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        """The address to give to a store."""
        return f"redis://127.0.0.1:{self.port}/0"

    # --- what is to happen ---

    def lose_request(self) -> None:
        """The next request does not reach the server; its link breaks."""
        self._fates.append(_lose_request)

    def lose_reply(self) -> None:
        """The next request is carried out; its link breaks before the reply."""
        self._fates.append(self._lose_reply)

    def hold(self) -> None:
        """The next request waits for `deliver`; its link breaks."""
        self._fates.append(self._hold)

    def answer(self, reply: bytes) -> None:
        """The next request does not reach the server: it is answered here."""
        self._fates.append(lambda link, _: _answer(link, reply))

    def do(self, act: Callable[[], object]) -> None:
        """When the next request comes something is done, and then it passes."""
        self._fates.append(lambda link, request: _do(link, request, act))

    def wait_for(self, event: threading.Event) -> None:
        """The next request waits until something has happened, and then it passes."""
        self.do(lambda: self._await(event))

    def delay_reply(self, event: threading.Event) -> None:
        """The next request is carried out; its reply waits until something has happened."""
        self._fates.append(lambda link, request: self._delay(link, request, event))

    def go_down(self) -> None:
        """From now on there is no link, old or new; what has been told comes first."""
        self._fates.append(self._go_down)

    def cut(self) -> None:
        """There is no link from this moment on."""
        with self._lock:
            self._down = True
            for link in self._links:
                link.cut()

    def come_back(self) -> None:
        """New links are made again, and what has been told is forgotten."""
        with self._lock:
            self._fates.clear()
            self._down = False

    def deliver(self) -> list[bytes]:
        """Carry the requests that were held to the server, late; its replies."""
        held, self.held = self.held, []
        with (
            socket.create_connection(("127.0.0.1", self._port)) as server,
            server.makefile("rb") as replies,
        ):
            answers = []
            for request in held:
                server.sendall(request.raw)
                answers.append(read_value(replies))
        return answers

    # --- how it happens ---

    def _lose_reply(self, link: Link, request: Request) -> bool:
        self.lost.append(link.forward(request))
        return False

    def _hold(self, _: Link, request: Request) -> bool:
        self.held.append(request)
        return False

    def _delay(self, link: Link, request: Request, event: threading.Event) -> bool:
        reply = link.forward(request)
        self.carried.append(request)
        self._await(event)
        link.client.sendall(reply)
        return True

    def _await(self, event: threading.Event) -> None:
        while not (event.wait(0.05) or self._closed):
            pass

    def _go_down(self, _: Link, __: Request) -> bool:
        self.cut()
        return False

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._closed or self._down:
                    client.close()
                    if self._closed:
                        return
                    continue
            thread = threading.Thread(target=self._serve, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._port))
        except OSError:  # the server is not there: the link is lost at once
            client.close()
            return
        link = Link(client, server)
        with self._lock:
            self._links.add(link)
            if self._down or self._closed:
                link.cut()
        try:
            with contextlib.suppress(OSError, EOFError, ValueError):
                while self._pass_on(link, Request(read_value(link.requests))):
                    pass
        finally:
            with self._lock:
                self._links.discard(link)
            link.close()

    def _pass_on(self, link: Link, request: Request) -> bool:
        fate: Fate = _pass
        if request.name in self.watched:
            with self._lock:
                self.seen.append(request)
                if self._fates:
                    fate = self._fates.popleft()
        return fate(link, request)

    # --- its end ---

    def close(self) -> None:
        """End every link, and wait for all threads."""
        with self._lock:
            self._closed = True
            for link in self._links:
                link.cut()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            pass  # wakes the one that accepts
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _pass(link: Link, request: Request) -> bool:
    link.client.sendall(link.forward(request))
    return True


def _lose_request(_: Link, __: Request) -> bool:
    return False


def _answer(link: Link, reply: bytes) -> bool:
    link.client.sendall(reply)
    return True


def _do(link: Link, request: Request, act: Callable[[], object]) -> bool:
    act()
    return _pass(link, request)


def read_value(stream: BufferedReader) -> bytes:
    """One whole value of RESP, request or reply, as it came; EOFError where the link ends."""
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise EOFError
    kind, size = line[:1], line[1:-2]
    if kind in b"$=!" and int(size) >= 0:
        body = stream.read(int(size) + 2)
        if len(body) < int(size) + 2:
            raise EOFError
        return line + body
    if kind in b"*~>%|":
        count = max(int(size), 0) * (2 if kind in b"%|" else 1)
        return line + b"".join(read_value(stream) for _ in range(count))
    return line


def unit_of(request: Request) -> str:
    """The unit id of a commit: the second argument after the keys of the script."""
    words = request.words
    return words[3 + int(words[2]) + 1].decode()
