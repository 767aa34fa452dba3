"""Whether the system has killed processes because memory ran out."""

import contextlib
from pathlib import Path

_CGROUP = Path("/proc/self/cgroup")
_CGROUPS = Path("/sys/fs/cgroup")
_VMSTAT = Path("/proc/vmstat")


def oom_kills() -> int:
    """How often the kernel has killed for want of memory: in this control group, and on the machine."""
    return _counter(_memory_events(), "oom_kill") + _counter(_VMSTAT, "oom_kill")


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
