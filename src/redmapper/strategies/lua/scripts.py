"""The Lua scripts, read from the package once."""

from __future__ import annotations

from importlib import resources

from redmapper.wire import Script


def _script(name: str) -> Script:
    text = resources.files("redmapper.strategies.lua").joinpath(f"{name}.lua").read_text("utf-8")
    return Script(name, text)


COMMIT = _script("commit")
COMMIT_ONE = _script("commit_one")
FIND = _script("find")
OUTCOME = _script("outcome")
OWNER = _script("owner")
