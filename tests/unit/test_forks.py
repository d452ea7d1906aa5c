"""Which process this is, without a system call."""

import os
import subprocess
import sys

import pytest

from redmapper import forks

CHILD = """
import os
from redmapper import forks
before = forks.process
child = os.fork()
if child == 0:
    os._exit(0 if forks.process == os.getpid() != before else 1)
status = os.waitpid(child, 0)[1]
print(os.waitstatus_to_exitcode(status), forks.process == before == os.getpid())
"""


def test_it_is_this_one():
    """As the system says."""
    assert os.getpid() == forks.process


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_is_another():
    """Its parent stays what it was."""
    command = [sys.executable, "-c", CHILD]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert "0 True\n" == done.stdout
