"""A running process is made to lack something, and has it again."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.chaos.disk import small_disk
from tests.chaos.scarcity import PIDS_CGROUPS, cgroup_without_forks, fill, limits, limits_pids

ANSWERING = """
import os, sys
for line in sys.stdin:
    try:
        if line == "open\\n":
            os.close(os.open("/dev/null", os.O_RDONLY))
        elif os.fork():
            os.wait()
        else:
            os._exit(0)
        print("done", flush=True)
    except OSError as error:
        print(error.strerror, flush=True)
"""


class Other:
    """A process that opens a file or forks when it is asked to."""

    def __init__(self) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-c", ANSWERING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.process = psutil.Process(self.popen.pid)

    def ask(self, what: str) -> str:
        assert self.popen.stdin is not None
        assert self.popen.stdout is not None
        self.popen.stdin.write(f"{what}\n")
        self.popen.stdin.flush()
        return self.popen.stdout.readline().strip()


@pytest.fixture
def other() -> Iterator[Other]:
    made = Other()
    with made.popen:
        yield made
        made.popen.kill()


def test_a_process_without_descriptors_has_them_again(other: Other) -> None:
    assert other.ask("open") == "done"
    with limits([other.process], psutil.RLIMIT_NOFILE, 1):
        assert other.ask("open") == "Too many open files"
    assert other.ask("open") == "done"


def test_a_process_that_cannot_fork_can_again(other: Other) -> None:
    parent = next((one for one in PIDS_CGROUPS if os.access(one, os.W_OK) and limits_pids(one)), None)
    if parent is None:
        pytest.skip("no cgroup that limits processes can be made here")
    assert other.ask("fork") == "done"
    with cgroup_without_forks(parent, [other.process]):
        assert other.ask("fork") == "Resource temporarily unavailable"
    assert other.ask("fork") == "done"


def test_a_small_disk_is_filled_and_gone(tmp_path: Path) -> None:
    with small_disk(tmp_path, "1m"):
        if not tmp_path.is_mount():
            pytest.skip("this user cannot mount a file system")
        with (tmp_path / "filler").open("ab", buffering=0) as file:
            fill(file.fileno())
            with pytest.raises(OSError, match="No space left"):
                (tmp_path / "other").write_bytes(b"x")
    assert not tmp_path.is_mount()
    assert not list(tmp_path.iterdir())
