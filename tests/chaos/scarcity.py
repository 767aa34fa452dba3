"""A worker that lacks what every program takes for granted: room on its disk, descriptors, new processes."""

import errno
import os
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Final

import psutil

from .suite import FAR_WORKER, Suite

LACKS_S: Final = 6.0
LOOK_S: Final = 0.05
# All of these are in use in any worker.
DESCRIPTORS: Final = 8
CHUNK_BYTES: Final = 1 << 16
# Of cgroups: version 1, and version 2.
PIDS_CGROUPS: Final = (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup"))


class Impossible(Exception):
    """This machine does not let this user do that to a process."""


def full_disk(suite: Suite, dice: Random) -> None:
    """The far worker's folder takes no byte; where it is on no disk of its own, the worker may write to no file."""
    folder = suite.topology.folder / FAR_WORKER
    if not folder.is_mount():
        with limits([psutil.Process(suite.instance(FAR_WORKER).pid)], psutil.RLIMIT_FSIZE, 0):
            _need_processes(suite, FAR_WORKER)
        return
    filler = folder / "filler"
    try:
        with filler.open("ab", buffering=0) as file:
            _need_processes(suite, FAR_WORKER, lambda: fill(file.fileno()))
    finally:
        filler.unlink(missing_ok=True)


def no_descriptors(suite: Suite, dice: Random) -> None:
    """A worker can open neither a file nor a connection."""
    name = dice.choice(suite.names("worker"))
    with limits([psutil.Process(suite.instance(name).pid)], psutil.RLIMIT_NOFILE, DESCRIPTORS):
        _need_processes(suite, name)


def no_forks(suite: Suite, dice: Random) -> None:
    """What starts a worker's processes can start none."""
    name = dice.choice(suite.names("worker"))
    keepers = suite.keepers(name)
    parent = next((one for one in PIDS_CGROUPS if os.access(one, os.W_OK) and limits_pids(one)), None)
    if parent is not None:
        with cgroup_without_forks(parent, keepers):
            _need_processes(suite, name)
    elif os.geteuid():
        with limits(keepers, psutil.RLIMIT_NPROC, 1):
            _need_processes(suite, name)
    else:
        raise Impossible("no cgroup that limits processes can be made here, and nothing else limits root's")


def _need_processes(suite: Suite, name: str, each: Callable[[], None] = lambda: None) -> None:
    """Let the worker lack something for a while, in which it needs new processes; `each` keeps it up."""
    each()
    for one in suite.operators(name):
        with suppress(psutil.NoSuchProcess):
            one.kill()
    until = time.monotonic() + LACKS_S
    while time.monotonic() < until:
        each()
        time.sleep(LOOK_S)


def fill(fd: int) -> None:
    """Write until nothing more is taken, to the byte."""
    for size in (CHUNK_BYTES, 1):
        try:
            while True:
                os.write(fd, bytes(size))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


@contextmanager
def limits(processes: Sequence[psutil.Process], resource: int, soft: int) -> Generator[None]:
    """Lower a limit of running processes; put it back."""
    former = [(one, one.rlimit(resource)) for one in processes]
    try:
        for one, (_, hard) in former:
            one.rlimit(resource, (soft, hard))
        yield
    finally:
        for one, limits in former:
            with suppress(psutil.NoSuchProcess):
                one.rlimit(resource, limits)


def limits_pids(parent: Path) -> bool:
    """Whether cgroups below this folder limit how many processes there are."""
    controllers = parent / "cgroup.subtree_control"
    return parent.name == "pids" or (controllers.exists() and "pids" in controllers.read_text().split())


@contextmanager
def cgroup_without_forks(parent: Path, processes: Sequence[psutil.Process]) -> Generator[None]:
    """Put processes into a cgroup that has no room for another; put them back."""
    cgroup = parent / f"penstock-chaos-{os.getpid()}"
    cgroup.mkdir()
    former = {one.pid: parent / _cgroup_of(one.pid, parent.name == "pids") for one in processes}
    try:
        (cgroup / "pids.max").write_text("1")
        for pid in former:
            (cgroup / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        for pid, home in former.items():
            with suppress(OSError):  # it has ended
                (home / "cgroup.procs").write_text(str(pid))
        cgroup.rmdir()


def _cgroup_of(pid: int, version_1: bool) -> str:
    """Return where a process is below the cgroups' folder."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        number, kinds, path = line.split(":", 2)
        if kinds == "pids" if version_1 else number == "0":
            return path.lstrip("/")
    raise Impossible(f"process {pid} is in no cgroup that limits processes")
