"""What the numbers are made of: medians, and the CPU and memory of a tree of processes."""

import statistics
from collections.abc import Awaitable, Callable
from time import perf_counter

import psutil


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """Return the seconds that the work took."""
    began = perf_counter()
    await work()
    return perf_counter() - began


async def median_of(work: Callable[[], Awaitable[object]], repeats: int) -> float:
    """Return the median of the seconds; one run goes first, unclocked."""
    await work()
    return statistics.median([await timed(work) for _ in range(repeats)])


def cpu_s(pids: list[int]) -> float:
    """Return the CPU seconds that these processes and their children have used, ended children included."""
    total = 0.0
    for process in processes(pids):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def memory_bytes(pids: list[int]) -> int:
    """Return the proportional set size of these processes and their children."""
    total = 0
    for process in processes(pids):
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def processes(pids: list[int]) -> set[psutil.Process]:
    """Return the processes with all that descend from them, each once."""
    found: set[psutil.Process] = set()
    for pid in pids:
        try:
            root = psutil.Process(pid)
            found |= {root, *root.children(recursive=True)}
        except psutil.Error:
            continue
    return found
