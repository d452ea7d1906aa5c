"""The process of one contestant: it does what the referee asks for, a line of JSON at a time.

    PYTHONPATH=benchmarks python -m worker.serve contestants.handwritten

A request names a verb and its arguments; the answer is the verb's result, or the error. Each
contestant runs under the interpreter of its own environment, so all of `worker` needs the standard
library alone.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from typing import Any, TextIO

from worker.oracle import Plain, Transcript
from worker.traffic import counted
from worker.workloads import BATCH, WORKLOADS, Bench, Task

WARM_UP = 0.1
"""Seconds of a first slice that nobody counts; it says how many steps the next must prepare."""

FOR_EVER = 600
SPARE = 1.6
"""More steps are prepared than the last slice needed, by this factor."""


class Worker:
    """The verbs."""

    def __init__(self, module: str) -> None:
        self.module = importlib.import_module(module)
        self.bench: Bench
        self.task: Task
        self.rates: dict[str, float] = {}

    def about(self, packages: list[str]) -> dict[str, object]:
        """What this contestant says of itself, and the versions of those packages that it has."""
        return {"about": self.module.ABOUT, "versions": dict(_versions(packages))}

    def connect(self, url: str, names: int | None) -> None:
        """Begin anew, on an empty server."""
        batch = getattr(self.module, "BATCH", BATCH)
        self.bench = Bench(self.module.connect(url), names=names, batch=batch)

    def load(self, people: int) -> None:
        """Write people until there are so many."""
        self.bench.load(people - len(self.bench.loaded))

    def able(self, workloads: list[str]) -> list[str]:
        """Those of the workloads that this contestant can do."""
        return [each for each in workloads if hasattr(self.bench.contestant, WORKLOADS[each].verb)]

    def prove(self, workloads: list[str]) -> dict[str, str]:
        """What is wrong, by workload."""
        theirs, ours = Transcript(self.bench), Transcript(self.bench.twin(Plain()))
        answers = ((each, theirs.of(each), ours.of(each)) for each in workloads)
        return {
            each: f"{found!s:.2000}\n!=\n{expected!s:.2000}"
            for each, found, expected in answers
            if found != expected
        }

    def warm_up(self, workload: str) -> None:
        """Run it for a moment."""
        self.rates[workload] = 500 / WORKLOADS[workload].per
        self.prepare(workload, WARM_UP)
        self.run(workload, WARM_UP)

    def prepare(self, workload: str, seconds: float) -> None:
        """Make ready for a slice."""
        self.prepare_steps(workload, int(self.rates[workload] * seconds * SPARE) + 2)

    def prepare_steps(self, workload: str, steps: int) -> None:
        """Make ready for so many steps."""
        self.task = WORKLOADS[workload].prepare(self.bench, steps)

    def run(self, workload: str, seconds: float) -> dict[str, float]:
        """The slice: how much was done in what time."""
        cpu, begin = time.process_time(), time.perf_counter()
        steps = self._timed(seconds)
        wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
        self.bench.contestant.release()
        self.rates[workload] = steps / wall
        return {"entities": steps * self.task.entities, "wall": wall, "cpu": cpu}

    def count(self, steps: int) -> dict[str, float]:
        """So many steps, and what was sent for them."""
        self.task = replace(self.task, items=islice(self.task.items, steps))
        with counted() as traffic:
            done = self._timed(FOR_EVER)
        self.bench.contestant.release()
        return {
            "entities": done * self.task.entities,
            "round_trips": traffic.round_trips,
            "commands": traffic.commands,
        }

    def _timed(self, seconds: float) -> int:
        until = time.perf_counter() + seconds
        if self.task.tasks:
            return self.bench.loop.run(steps_of_tasks(self.task, until))
        return steps_in_turn(self.task, until)


def steps_in_turn(task: Task, until: float) -> int:
    """Do the steps one after the other; how many were done in time."""
    step, clock, steps = task.step, time.perf_counter, 0
    for args in task.items:
        step(*args)
        steps += 1
        if clock() >= until:
            break
    return steps


async def steps_of_tasks(task: Task, until: float) -> int:
    """Do the steps in many tasks, each doing one after the other; how many were done in time."""
    step, clock, items = task.step, time.perf_counter, iter(task.items)

    async def work() -> int:
        steps = 0
        for args in items:
            await step(*args)
            steps += 1
            if clock() >= until:
                break
        return steps

    return sum(await asyncio.gather(*(work() for _ in range(task.tasks))))


def _versions(packages: list[str]) -> Iterator[tuple[str, str]]:
    for package in packages:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            continue


def serve(worker: Worker, requests: TextIO, answers: TextIO) -> None:
    """Answer until there are no more requests."""
    for line in requests:
        verb, arguments = json.loads(line)
        try:
            answer: dict[str, Any] = {"result": getattr(worker, verb)(**arguments)}
        except Exception:  # noqa: BLE001 - the referee tells it
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    # What a contestant prints goes to stderr; the pipe is for answers.
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(Worker(sys.argv[1]), sys.stdin, channel)
