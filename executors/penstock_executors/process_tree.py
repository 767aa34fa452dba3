"""What the system shows of processes: which descend from which, how much memory they use, which carry a mark."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

LINUX: Final = sys.platform == "linux"
_PROC: Final = "/proc"
_THREADS: Final = 17  # position of the number of threads in `stat`, after the name
_NO_MEMORY: Final = b"0 0 0 0 0 0 0\n"
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
SWEEPS_MAX: Final = 100
SWEEP_PAUSE_S: Final = 0.02


def children() -> dict[int, list[int]]:
    """Return the living children of every process; of processes that have ended but were not waited for, none.

    A process whose main thread has ended looks like one of those, but lives as long as another of its threads.
    """
    if not LINUX:
        return _children_elsewhere()
    found: dict[int, list[int]] = {}
    for pid in _pids():
        fields = _read(f"{_PROC}/{pid}/stat").rpartition(b")")[2].split(None, _THREADS + 1)
        if len(fields) > _THREADS and (fields[0] not in (b"Z", b"X") or int(fields[_THREADS]) > 1):
            found.setdefault(int(fields[1]), []).append(pid)
    return found


def descendants(pid: int, tree: dict[int, list[int]]) -> list[int]:
    """Return all that descend from a process, parents before their children."""
    found = list(tree.get(pid, ()))
    for each in found:  # grows on the way
        found += tree.get(each, ())
    return found


def send(pids: Iterable[int], *numbers: signal.Signals) -> None:
    """Send signals to processes that may be gone already."""
    for pid in pids:
        for number in numbers:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)


def resident_bytes(pid: int) -> int:
    """Memory of a process that is in use, with all that it shares with others: an upper bound, and cheap."""
    fields = _told(pid, "statm", _NO_MEMORY).split()
    return int(fields[1]) * _PAGE_BYTES if len(fields) > 1 else 0


def used_bytes(pid: int) -> int:
    """Memory that a process takes from others: what it shares with n processes counts 1/n, files not at all."""
    lines = [line.split() for line in _told(pid, "smaps_rollup").splitlines()]
    sizes = {line[0]: int(line[1]) << 10 for line in lines if len(line) == 3 and line[2] == b"kB"}
    if b"Pss_Anon:" not in sizes:  # an old kernel: with files
        return sizes.get(b"Pss:", 0)
    return sizes[b"Pss_Anon:"] + sizes.get(b"Pss_Shmem:", 0) + sizes.get(b"SwapPss:", 0)


def end_marked(mark: str) -> int:
    """Kill what has a mark in the environment that it was started with, until nothing has; return how many had."""
    if not LINUX or not mark:
        return 0
    needle, ended = mark.encode(), 0
    for _ in range(SWEEPS_MAX):
        found = [pid for pid in _pids() if pid != os.getpid() and needle in _told(pid, "environ").split(b"\0")]
        if not found:
            break
        ended += len(found)
        send(found, signal.SIGKILL)
        time.sleep(SWEEP_PAUSE_S)
    return ended


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir(_PROC) if name.isdigit())


def _told(pid: int, name: str, nothing: bytes = b"") -> bytes:
    """What a file of the system says of a process; if its main thread has ended, what it says of another thread."""
    told = _read(f"{_PROC}/{pid}/{name}")
    if told not in (b"", nothing):
        return told
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"{_PROC}/{pid}/task"):
            if int(thread) != pid and (told := _read(f"{_PROC}/{thread}/{name}")):
                return told
    return b""


def _read(path: str | Path) -> bytes:
    """What a file of the system says; nothing of a process that is gone or another's."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        parts: list[bytes] = []
        while part := os.read(fd, 1 << 16):
            parts.append(part)
        return b"".join(parts)
    except OSError:
        return b""
    finally:
        os.close(fd)


def _children_elsewhere() -> dict[int, list[int]]:
    import psutil

    found: dict[int, list[int]] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.setdefault(process.ppid(), []).append(process.pid)
    return found
