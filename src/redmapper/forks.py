"""Which process this is, known without a system call.

What a forked child must leave to its parent (links, lanes of receipts, numbers of sequences) is
asked for several times a commit. A system call each time costs more than it seems: where the kernel
flushes caches at its door, as on virtual machines, all that follows it is slow for a while.
"""

from __future__ import annotations

import os

process = os.getpid()
"""The id of this process."""


def _after_fork() -> None:
    global process  # noqa: PLW0603 - it is the process's own
    process = os.getpid()


def this() -> int:
    """The same, for whoever wants a function."""
    return process


if hasattr(os, "register_at_fork"):  # where processes can fork
    os.register_at_fork(after_in_child=_after_fork)
