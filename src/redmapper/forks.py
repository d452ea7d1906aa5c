"""Which process this is, known without a system call.

What a forked child must leave to its parent (links, lanes of receipts, numbers of sequences) is
asked for several times a commit. A system call each time costs more than it seems: where the kernel
flushes caches at its door, as on virtual machines, all that follows it is slow for a while.
"""

from __future__ import annotations

import os

_process = os.getpid()


def process() -> int:
    """The id of this process."""
    return _process


def _after_fork() -> None:
    global _process  # noqa: PLW0603 - it is the process's own
    _process = os.getpid()


if hasattr(os, "register_at_fork"):  # where processes can fork
    os.register_at_fork(after_in_child=_after_fork)
