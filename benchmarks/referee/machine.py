"""The machine, and the versions of everything."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from pathlib import Path

import attrs

from referee.place import server_binary, version_of
from referee.team import Contestant, Process

PACKAGES = [
    *("redmapper", "rom", "redis-om", "walrus"),
    *("redis", "hiredis", "attrs", "cattrs", "pydantic"),
]


@attrs.frozen
class Machine:
    """Where the figures come from.

    Attributes:
        contestants: by name, what each says of itself, and its versions by package.
    """

    processor: str
    cores: int
    memory: int
    system: str
    python: str
    server: str
    contestants: dict[str, tuple[str, dict[str, str]]]


def describe(contestants: Iterable[Contestant]) -> Machine:
    """This machine and those contestants."""
    return Machine(
        processor=processor(),
        cores=os.cpu_count() or 0,
        memory=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        server=version_of(server_binary()),
        contestants={each.name: about(each) for each in contestants},
    )


def about(contestant: Contestant) -> tuple[str, dict[str, str]]:
    """What it says of itself, and its versions."""
    process = Process.of(contestant)
    try:
        said = process.ask("about", packages=PACKAGES)
    finally:
        process.close()
    return said["about"], said["versions"]


def processor() -> str:
    """Its name, as far as the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
