"""The contestants, and the processes that play them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs

from referee.place import BENCHMARKS, PEERS, search_options
from worker.workloads import WORKLOADS

STORED = 100_000
"""Entities in the measurement of memory."""


class ContestantFailed(Exception):
    """A contestant's process raised, or ended."""


@attrs.frozen
class Contestant:
    """One way to keep users.

    Attributes:
        name: of its module in `contestants`, and on the command line.
        title: what tables call it.
        environment: the folder in `.venv-bench` that has its packages; None: the project's own.
        search: needs a server with the search module.
        server: needs one at all.
        tasks: is there for the workloads of the async face alone.
        stored: entities in the measurement of memory; None: not measured.
        single, composite: takes part in the workloads for mappers with the five indexes that all
            have, and in those for mappers with further ones.
    """

    name: str
    title: str
    environment: str | None = None
    search: bool = False
    server: bool = True
    tasks: bool = False
    stored: int | None = None
    single: bool = True
    composite: bool = False

    @property
    def peer(self) -> bool:
        """Somebody else's."""
        return self.environment is not None

    @property
    def python(self) -> Path:
        """The interpreter that runs it."""
        if self.environment is None:
            return Path(sys.executable)
        return PEERS / self.environment / "bin/python"

    def why_not(self) -> str | None:
        """Why it can not take part here, if so."""
        if not self.python.exists():
            return f"{self.python} is not there; `make bench` makes it"
        if self.search and not search_options():
            return "there is no search module for this machine"
        return None

    def competes_in(self, workload: str) -> bool:
        """Whether it is there for this workload."""
        able = self.composite if WORKLOADS[workload].composite else self.single
        return able and self.tasks == workload.startswith("A")


# Peers are slow to load. With a quarter of the entities the server's hash
# tables are as full as with all, so that bytes an entity compare.
CONTESTANTS = {
    each.name: each
    for each in (
        Contestant("handwritten", "hand-written", stored=STORED, composite=True),
        Contestant("handwritten_lua", "hand-written Lua", composite=True),
        Contestant("redmapper_lua", "redmapper", stored=STORED),
        Contestant("redmapper_composite", "redmapper, 7 indexes", single=False, composite=True),
        Contestant("redmapper_memory", "redmapper in memory", server=False),
        Contestant("peer_rom", "rom", "rom", stored=STORED // 4),
        Contestant("peer_redis_om", "redis-om", "redis-om", search=True, stored=STORED // 4),
        Contestant("peer_walrus", "walrus", "walrus", stored=STORED // 4),
        Contestant("handwritten_async", "hand-written asyncio", tasks=True),
        Contestant("redmapper_async", "redmapper async", tasks=True),
    )
}


def reference(workload: str) -> str:
    """The contestant that a workload's ratios are to."""
    return "handwritten_async" if workload.startswith("A") else "handwritten"


def ours(workload: str) -> str:
    """Which of ours is held against it."""
    if workload.startswith("A"):
        return "redmapper_async"
    return "redmapper_composite" if WORKLOADS[workload].composite else "redmapper_lua"


@attrs.define
class Process:
    """A running worker of a contestant."""

    contestant: Contestant
    _process: subprocess.Popen[str]

    @classmethod
    def of(cls, contestant: Contestant) -> Process:
        """Start it."""
        process = subprocess.Popen(
            [contestant.python, "-m", "worker.serve", f"contestants.{contestant.name}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=BENCHMARKS,
            env=_surroundings(),
        )
        return cls(contestant, process)

    def ask(self, verb: str, **arguments: object) -> Any:
        """Have it do something, and wait for the result."""
        self.send(verb, **arguments)
        return self.receive()

    def send(self, verb: str, **arguments: object) -> None:
        """Have it do something."""
        assert self._process.stdin  # noqa: S101 - it is a pipe
        try:
            print(json.dumps([verb, arguments]), file=self._process.stdin, flush=True)
        except BrokenPipeError as error:
            message = f"{self.contestant.name}: its process ended"
            raise ContestantFailed(message) from error

    def receive(self) -> Any:
        """The result of what was sent."""
        assert self._process.stdout  # noqa: S101 - it is a pipe
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"error": "its process ended"}
        if "error" in answer:
            message = f"{self.contestant.name}: {answer['error']}"
            raise ContestantFailed(message)
        return answer["result"]

    def close(self) -> None:
        """End it: it does when nothing more is to come."""
        assert self._process.stdin  # noqa: S101 - it is a pipe
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()


def _surroundings() -> dict[str, str]:
    """UTC, since some peers turn naive times into timestamps by the local zone."""
    path = filter(None, [str(BENCHMARKS), os.environ.get("PYTHONPATH")])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "TZ": "UTC"}
