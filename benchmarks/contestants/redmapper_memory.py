"""redmapper in memory: the same units and queries without a server, for scale and for tests."""

from __future__ import annotations

from contestants import redmapper_lua
from redmapper import Store

ABOUT = "in this process, no server; otherwise as with Lua"


class Contestant(redmapper_lua.Contestant):
    """What the workloads ask for: the same, of another store."""


def connect(_: str) -> Contestant:
    """A contestant with an empty store; no server is asked."""
    return Contestant(Store(redmapper_lua.REGISTRY))
