"""What operators start and leave behind, found in /proc by what its environment carries."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.simulation.invariants import Violation

from .workload import MARK

# For a worker to end what a run has left: its grace period, and a busy machine.
GONE_S_MAX: Final = 30.0
POLL_S: Final = 0.1


def living(folder: Path) -> dict[int, str]:
    """Return the marks of the processes that live, by process id; marks are paths below a folder."""
    found: dict[int, str] = {}
    needle = f"{MARK}={folder}/".encode()
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            variables = Path("/proc", name, "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended meanwhile, or is somebody else's
        for one in variables:
            if one.startswith(needle):
                found[int(name)] = one.decode().partition("=")[2]
    return found


def demand_gone(folder: Path, ended: Callable[[int, str], bool], when: str, within_s: float = GONE_S_MAX) -> None:
    """Raise Violation if something lives on that has to be gone, by its process id and its mark."""
    deadline = time.monotonic() + within_s
    while left := {pid: mark for pid, mark in living(folder).items() if ended(pid, mark)}:
        if time.monotonic() > deadline:
            raise Violation(f"left {within_s:.0f} s {when}: {left}")
        time.sleep(POLL_S)
