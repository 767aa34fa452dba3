"""Starts what is measured, as a user would, in processes of its own."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_S_MAX = 90.0


@dataclass(frozen=True)
class Running:
    """A running stack: where it answers, and its processes."""

    address: str
    pids: list[int]


@contextmanager
def fresh_folder() -> Generator[Path]:
    """Make a folder that other users may pass through: Postgres may run as one."""
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@contextmanager
def running(*, kafka: bool = False) -> Generator[Running]:
    """Start everything on a fresh folder: one process, or one a service with a Kafka between them; stop it later."""
    with fresh_folder() as folder, _separate(folder) if kafka else _embedded(folder) as started:
        yield started


@contextmanager
def _separate(folder: Path) -> Generator[Running]:
    from penstock_stack.topology import Topology

    with Topology(folder, cpu=os.cpu_count()) as suite:
        yield Running(suite.address, suite.pids)


@contextmanager
def _embedded(folder: Path) -> Generator[Running]:
    port = free_port()
    script = Path(sys.executable).with_name("penstock")
    command = [str(script), "up", "--data", str(folder / "data"), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait(port, process)
        yield Running(f"127.0.0.1:{port}", [process.pid])
    finally:
        process.terminate()
        process.wait(60)


def wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_S_MAX
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the stack ended at its start with exit code {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            time.sleep(0.05)
        else:
            time.sleep(1.0)  # the first worker processes
            return
    raise RuntimeError(f"the stack did not answer within {START_S_MAX:.0f} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
