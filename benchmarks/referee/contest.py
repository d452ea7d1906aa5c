"""Contestants side by side: the same server, the same people, time slices in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import Self

import attrs
import psutil
import redis

from referee.figures import Counts, Figures, Slice
from referee.place import Server, running, search_options, server_binary
from referee.team import CONTESTANTS, Contestant, ContestantFailed, Process
from worker.workloads import WORKLOADS

COUNTED = {1: 100, 1_000: 5}
"""Steps that are counted, by the entities of a step; as many as W8 holds and as there are tasks."""

OURS = {"config|resetstat", "info", "flushdb", "client|setinfo", "hello", "select", "ping"}
"""Commands of the referee, and of new connections."""

Tell = Callable[[str], None]


@attrs.define
class Seat:
    """A contestant at work: its process, and its database on a server."""

    process: Process
    server: Server
    database: int
    names: int | None

    @property
    def name(self) -> str:
        """Of the contestant."""
        return self.process.contestant.name

    @property
    def url(self) -> str:
        """Its database."""
        return self.server.url.removesuffix("/0") + f"/{self.database}"

    def begin(self) -> None:
        """With nothing stored."""
        with redis.Redis.from_url(self.url) as client:
            client.flushdb()
        self.process.ask("connect", url=self.url, names=self.names)

    def warm_up(self, workload: str) -> None:
        """A first slice, which nobody counts."""
        if WORKLOADS[workload].empty:
            self.begin()
        self.process.ask("warm_up", workload=workload)

    def slice(self, workload: str, seconds: float) -> Slice:
        """Run a workload for so long; what comes before it is not counted."""
        if WORKLOADS[workload].empty:
            self.begin()
        self.process.ask("prepare", workload=workload, seconds=seconds)
        before = self._server_cpu()
        done = self.process.ask("run", workload=workload, seconds=seconds)
        return Slice(done["entities"], done["wall"], done["cpu"], self._server_cpu() - before)

    def counts(self, workload: str) -> Counts:
        """Run a few steps, and count."""
        steps = COUNTED[WORKLOADS[workload].per]
        self.process.ask("prepare_steps", workload=workload, steps=steps)
        with redis.Redis.from_url(self.server.url) as client:
            client.config_resetstat()
            done = self.process.ask("count", steps=steps)
            stats = client.info("commandstats")
        run = sum(
            each["calls"]
            for command, each in stats.items()
            if command.removeprefix("cmdstat_") not in OURS
        )
        entities = done["entities"]
        return Counts(done["round_trips"] / entities, done["commands"] / entities, run / entities)

    def _server_cpu(self) -> float:
        times = psutil.Process(self.server.process_id).cpu_times()
        return float(times.user + times.system)


@attrs.define
class Contest:
    """Servers and contestants, as long as its block runs."""

    contestants: Sequence[Contestant]
    people: int
    names: int | None
    tell: Tell
    seats: dict[str, Seat] = attrs.field(factory=dict)
    _closing: ExitStack = attrs.field(factory=ExitStack)

    def __enter__(self) -> Self:
        binary = server_binary()
        plain = self._closing.enter_context(running(binary))
        search = plain
        if any(each.search for each in self.contestants):
            search = self._closing.enter_context(running(binary, *search_options()))
        for number, each in enumerate(self.contestants):
            process = Process.of(each)
            self._closing.callback(process.close)
            server, database = (search, 0) if each.search else (plain, number)
            self.seats[each.name] = Seat(process, server, database, self.names)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def begin(self) -> None:
        """All of them, with everybody loaded."""
        able = self._all_that_can(self.seats, lambda seat: seat.begin())
        self.seats = {name: self.seats[name] for name in able}
        self.load(self.people)

    def load(self, people: int) -> None:
        """Have all of them write people until each has so many; two at a time."""
        seats = [*self.seats.values()]
        for pair in zip(seats[::2], [*seats[1::2], None], strict=False):
            for seat in filter(None, pair):
                seat.process.send("load", people=people)
            for seat in filter(None, pair):
                seat.process.receive()

    def prove(self, workloads: Iterable[str]) -> dict[str, list[str]]:
        """Those who can do a workload, and answered right."""
        able: dict[str, list[str]] = {each: [] for each in workloads}
        for name, seat in self.seats.items():
            theirs = [each for each in able if seat.process.contestant.competes_in(each)]
            theirs = seat.process.ask("able", workloads=theirs)
            wrong = seat.process.ask("prove", workloads=theirs)
            for workload in theirs:
                if workload in wrong:
                    self.tell(f"{name} is left out of {workload}, being wrong:\n{wrong[workload]}")
                else:
                    able[workload].append(name)
        return able

    def run(
        self,
        figures: Figures,
        workload: str,
        names: Sequence[str],
        *,
        repeats: int,
        seconds: float,
    ) -> None:
        """Time slices in turn; who begins a round moves on with each.

        A contestant that fails is told, and has no figures.
        """
        racing = self._all_that_can(names, lambda seat: seat.warm_up(workload))
        slices: dict[str, list[Slice]] = {name: [] for name in racing}
        for turn in range(repeats):
            begins = turn % max(len(racing), 1)
            order = (*racing[begins:], *racing[:begins])
            racing_on = self._all_that_can(
                order, lambda seat: slices[seat.name].append(seat.slice(workload, seconds))
            )
            racing = [name for name in racing if name in racing_on]
        figures.slices |= {(workload, name): slices[name] for name in racing}

    def count(self, figures: Figures, workload: str) -> None:
        """Round trips and commands of all who have a server."""

        def count(seat: Seat) -> None:
            figures.counts[workload, seat.name] = seat.counts(workload)

        names = figures.contestants(workload)
        self._all_that_can([each for each in names if CONTESTANTS[each].server], count)

    def _all_that_can(self, names: Iterable[str], do: Callable[[Seat], object]) -> list[str]:
        """Have each do something; those that did."""
        done = []
        for name in names:
            try:
                do(self.seats[name])
            except ContestantFailed as failure:
                self.tell(f"{name} is left out: {failure}")
            else:
                done.append(name)
        return done
