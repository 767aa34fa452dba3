"""On Linux a child process ends with its parent, also when that is killed."""

import ctypes
import os
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def tied(command: Sequence[str], signal_number: int) -> list[str]:
    """Return a command that becomes the given one, and gets the signal when the thread that started it has ended.

    A program of its own does it before it becomes the other: a function that is called between fork and exec has to
    live with what libraries do at a fork, and gRPC may then wait for ever.
    """
    if not sys.platform.startswith("linux"):
        return list(command)
    return [sys.executable, "-I", "-S", __file__, str(signal_number), str(os.getpid()), *command]


def main() -> None:
    """Become the command."""
    signal_number, parent, *command = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal_number))
    if os.getppid() == int(parent):  # else it has ended already
        os.execv(command[0], command)


if __name__ == "__main__":
    main()
