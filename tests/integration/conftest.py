"""Fixtures over the real servers of this machine.

`REDMAPPER_REQUIRE_SERVERS=wheel,redis7,valkey8`, as CI sets it, makes a test on one of these that
is not found here fail; without it the tests run on whatever is found.
"""

import os
from collections.abc import Iterator

import pytest

from servers import Pool, Server, find_servers, running, version_of, why_no_tls

FOUND = find_servers()
REQUIRED = set(filter(None, os.environ.get("REDMAPPER_REQUIRE_SERVERS", "").split(",")))
# Where there is no server at all the tests must not pass by being none: one name stays, and fails.
NAMES = sorted(FOUND.keys() | REQUIRED) or ["wheel"]


def pytest_report_header() -> str:
    """Say on which servers the tests run."""
    servers = [
        f"{name} ({version_of(FOUND[name])})" if name in FOUND else f"{name} (MISSING)"
        for name in NAMES
    ]
    return f"servers: {', '.join(servers)}"


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    """The servers of this worker, each started once, when first needed."""
    pool = Pool()
    yield pool
    pool.close()


@pytest.fixture(scope="session", params=NAMES)
def server(request: pytest.FixtureRequest, pool: Pool) -> Server:
    """A running server, once for each that was found. Tests share it: use your own namespace."""
    name = request.param
    if name not in FOUND:
        pytest.fail(
            f"no server {name!r} here, only {sorted(FOUND) or 'none'}: `make test` installs one "
            "from a wheel, .ci/run installs Debian's; or put a redis-server on the PATH"
        )
    return pool.get(FOUND[name])


@pytest.fixture
def empty_server(server: Server) -> Server:
    """The shared server with nothing stored and no script known."""
    with server.client() as client:
        client.flushall()
        client.script_flush()
    return server


@pytest.fixture
def own_server(server: Server) -> Iterator[Server]:
    """A server of the same kind for one test alone, which may stop, kill or restart it."""
    with running(server.binary) as own:
        yield own


@pytest.fixture(scope="session")
def tls_server(pool: Pool) -> Server:
    """A server that speaks TLS: the first found that was built with it."""
    reasons = {}
    for name, binary in FOUND.items():
        reasons[name] = why_no_tls(binary)
        if reasons[name] is None:
            return pool.get(binary, tls=True)
    # CI names the servers it needs, and among these some speak TLS.
    give_up = pytest.fail if REQUIRED else pytest.skip
    return give_up(f"no server here speaks TLS: {reasons}")
