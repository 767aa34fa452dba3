"""What the system tells about processes: whether memory ran out, and what a killed worker left running."""

import contextlib
import json
import os
import signal
from pathlib import Path

import psutil

_CGROUP = Path("/proc/self/cgroup")
_CGROUPS = Path("/sys/fs/cgroup")
_VMSTAT = Path("/proc/vmstat")
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def oom_kills() -> int:
    """How often the kernel has killed for want of memory: in this control group, and on the machine."""
    return _counter(_memory_events(), "oom_kill") + _counter(_VMSTAT, "oom_kill")


def note(folder: Path, number: int, pid: int) -> None:
    """Write down that a process group was started, for a worker that comes after this one."""
    with contextlib.suppress(psutil.NoSuchProcess):
        created = psutil.Process(pid).create_time()
        (folder / f"group-{number}").write_text(json.dumps([pid, created, _boot()]))


def forget(folder: Path, number: int) -> None:
    """The group is gone."""
    (folder / f"group-{number}").unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Kill what is left of the groups that a killed worker wrote down.

    The operator processes themselves died with it, but not what they had started. A number that a group uses is not
    given to a new process, so a group whose leader is gone is still the one that was written down.
    """
    for path in folder.glob("group-*"):
        with contextlib.suppress(OSError, ValueError):
            pid, created, boot = json.loads(path.read_text())
            if boot == _boot() and _leader_created(pid) in (None, created):
                os.killpg(pid, signal.SIGKILL)


def _leader_created(pid: int) -> float | None:
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


def _boot() -> str:
    return _BOOT.read_text().strip() if _BOOT.exists() else ""


def _memory_events() -> Path:
    with contextlib.suppress(OSError):
        for line in _CGROUP.read_text().splitlines():
            if line.startswith("0::"):
                return _CGROUPS / line[3:].strip("/") / "memory.events"
    return _CGROUPS / "memory.events"


def _counter(path: Path, name: str) -> int:
    with contextlib.suppress(OSError):
        for line in path.read_text().splitlines():
            key, _, count = line.partition(" ")
            if key == name:
                return int(count)
    return 0
