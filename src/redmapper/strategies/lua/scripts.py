"""The Lua scripts, read from the package once, and put together from their parts."""

from __future__ import annotations

import re
from importlib import resources

from redmapper.wire import Script


def _script(name: str) -> Script:
    return Script(name, _INCLUDED.sub(lambda found: _read(found[1]), _read(f"{name}.lua")))


def _read(name: str) -> str:
    return resources.files("redmapper.strategies.lua").joinpath(name).read_text("utf-8")


_INCLUDED = re.compile(r"^-- include (\w+\.lua)\n", re.MULTILINE)
"""Where another file stands in a script: one script is one text to a server."""


COMMIT = _script("commit")
COMMIT_ONE = _script("commit_one")
FIND = _script("find")
OUTCOME = _script("outcome")
OWNER = _script("owner")
