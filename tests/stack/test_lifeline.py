"""A child process that ends with its parent."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

import psutil
import pytest

from tests.waiting import wait_for

PARENT = """
import signal, subprocess, sys
from penstock_stack.lifeline import tied

child = subprocess.Popen(tied([sys.executable, "-c", "import signal; signal.pause()"], signal.SIGTERM))
print(child.pid, flush=True)
child.wait()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems know no such thing")
def test_a_child_ends_with_a_parent_that_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    try:
        # It is the command itself now, and not on its way to it.
        wait_for(lambda: psutil.Process(child).cmdline()[1:2] == ["-c"])
        parent.kill()
        parent.wait()
        wait_for(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)
    finally:
        parent.stdout.close()
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
