"""One running stack for the tests of a process, and the command line as users call it."""

import atexit
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from penstock.client.discovery import find

from tests.system.forked import Forks
from tests.waiting import WAIT_S, wait_for

PENSTOCK = Path(sys.executable).with_name("penstock")
SHARDS = 4


@dataclass
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Cli:
    """Calls `penstock` with a data folder."""

    data: Path
    env: dict[str, str] = field(default_factory=dict[str, str])

    def start(
        self, *words: str, cwd: Path | None = None, stdout: Any = subprocess.PIPE, stderr: Any = subprocess.PIPE
    ) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [str(PENSTOCK), *words],
            cwd=cwd,
            env=self._environment(),
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )

    def __call__(self, *words: str, cwd: Path | None = None) -> Done:
        try:
            return Done(*forks().call(words, cwd, self._environment(), WAIT_S))
        except TimeoutError:
            pytest.fail(f"penstock {' '.join(words)} did not end")

    def _environment(self) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
        return env | {"PENSTOCK_HOME": str(self.data), **self.env}

    def run_id(self, done: Done) -> str:
        """The id of the run that a `penstock run` without --json started."""
        return done.err.split("run ", 1)[1].split()[0]


@functools.cache
def forks() -> Forks:
    """What calls `penstock`, one for all tests of this process."""
    made = Forks(PENSTOCK)
    atexit.register(made.close)
    return made


class Served:
    """A `penstock up` in a process of its own, over a folder that can be started again."""

    def __init__(self, data: Path, *words: str) -> None:
        self.data = data
        self.cli = Cli(data)
        self._words = words
        self._log = data.parent / "up.log"
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = ("up", "--data", str(self.data), "--port", "0", "--shards", str(SHARDS), *self._words)
        with self._log.open("w") as log:
            process = self.process = self.cli.start(*command, stdout=log, stderr=log)
        wait_for(lambda: "ready on" in self.log() or process.poll() is not None)
        assert process.poll() is None, self.log()

    def log(self) -> str:
        return self._log.read_text()

    @property
    def address(self) -> str:
        running = find(self.data)
        assert running is not None, "the stack does not run"
        return running.address

    def kill(self) -> None:
        """As a crash would: nothing is stopped in order."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_S)


@pytest.fixture(scope="session")
def make_data() -> Iterator[Callable[[], Path]]:
    """Data folders that the unprivileged account of Postgres can reach."""
    folders: list[Path] = []

    def make() -> Path:
        folder = Path(tempfile.mkdtemp(prefix="penstock-system-"))
        folder.chmod(0o755)
        folders.append(folder)
        return folder / "data"

    yield make
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def stack(make_data: Callable[[], Path]) -> Iterator[Served]:
    """A running stack that the tests of this process share."""
    served = Served(make_data(), "--cpu", "2")
    served.start()
    yield served
    served.stop()


@pytest.fixture
def cli(stack: Served) -> Cli:
    """The command line, with the running stack."""
    return stack.cli


@pytest.fixture
def project(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes a file of a project."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(textwrap.dedent(text))
        return path

    return write
