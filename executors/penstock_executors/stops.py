"""How an operator that is asked to stop treats the programs it has started: they were asked as well, and may end."""

import contextlib
import os
import subprocess
import time
from typing import Any, Final

# Of the grace period: the rest is the operator's own.
SHARE: Final = 0.6


def let_programs_end(grace_s: float) -> None:
    """From now on, `Popen.kill` gives a program a part of the grace period to end in order.

    `subprocess.run` kills the program that it waits for when an exception comes. A launcher of distributed training
    would then never end its workers, which have sessions of their own, nor would those save what they have. A program
    in the operator's process group got SIGTERM together with it; another one gets it here.
    """
    popen: Any = subprocess.Popen
    kill = popen.kill
    until = time.monotonic() + grace_s * SHARE

    def kill_later(self: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired, ProcessLookupError):
            if os.getpgid(self.pid) != os.getpgrp():
                self.terminate()
            self.wait(max(0.0, until - time.monotonic()))
        kill(self)

    popen.kill = kill_later
