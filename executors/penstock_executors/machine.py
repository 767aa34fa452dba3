"""What this machine has, and whether it has enough of it left."""

import os
from typing import Final

import psutil
from penstock_proto.plan.v1.plan_pb2 import Resources

# Of the machine's memory, when less is left: no process stays warm but one for each core.
SCARCE: Final = 0.1
# What an operator holds that declares nothing; it is not held to that.
MEMORY_UNDECLARED: Final = 512 << 20


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


def memory_limit(declared: int) -> int:
    """Return the bytes that an operator may use which declares so many; 0: as many as there are."""
    return 0 if declared == MEMORY_UNDECLARED else declared
