"""What this machine has: cores, memory, GPUs; and whether memory runs out."""

import contextlib
import os
import re
from pathlib import Path
from typing import Final

import psutil
from penstock_proto.plan.v1.plan_pb2 import Resources

# Of the machine's memory, when less is left: no process stays warm but one for each core.
SCARCE: Final = 0.1
_DEVICE: Final = re.compile(r"nvidia(\d+)")
_CGROUP: Final = Path("/proc/self/cgroup")
_CGROUPS: Final = Path("/sys/fs/cgroup")
_VMSTAT: Final = Path("/proc/vmstat")


def resources(cpu_milli: int | None, memory_bytes: int | None, gpu: int) -> Resources:
    """Return what is given, and of the rest what this machine has."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Resources(
        cpu_milli=cores * 1000 if cpu_milli is None else cpu_milli,
        gpu=gpu,
        memory_bytes=psutil.virtual_memory().total if memory_bytes is None else memory_bytes,
    )


def is_memory_scarce() -> bool:
    """Whether little is left."""
    memory = psutil.virtual_memory()
    return memory.available < SCARCE * memory.total


def visible_gpus(devices: Path = Path("/dev")) -> list[str]:
    """Names for CUDA_VISIBLE_DEVICES: those that the worker itself sees, else all of the machine."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name for name in (part.strip() for part in given.split(",")) if name and name != "-1"]
    if not devices.is_dir():
        return []
    return sorted((match[1] for entry in os.scandir(devices) if (match := _DEVICE.fullmatch(entry.name))), key=int)


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
