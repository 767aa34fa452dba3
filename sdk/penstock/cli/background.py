"""The embedded stack in the background: started so that it stays, and stopped by another command."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..client.discovery import PORT, Running, data_folder, find, holder, is_alive
from ..errors import PenstockError
from .stack import POLL_S, START_MAX_S, STOP_MAX_S, StackFailed, StackMissing, is_configured

LOG_FILE = "stack.log"
LOG_LINES_SHOWN = 5
# Options of `penstock up` that have an opposite.
NEGATED = ("workers", "access")


class StopFailed(PenstockError):
    """The stack cannot be stopped by this command."""


def make_lasting(address: str | None, data: Path | None) -> None:
    """Have services that a run can be left to: start them in the background if none run; raise StackFailed."""
    folder = data or data_folder()
    if address or is_configured():
        return
    running = find(folder)
    if running is None:
        running = start(folder)
        print(
            f"started services on {running.address}, data in {folder}; `penstock down` stops them",
            file=sys.stderr,
            flush=True,
        )
    elif running.attended:
        raise StackFailed(
            f"the services on {folder} stop when another command (process {running.pid}) ends, and the run would stop "
            "with them; wait for its end, or choose another folder with --data"
        )


def start(data: Path, options: Sequence[str] = ()) -> Running:
    """Start `penstock up` in a session of its own, and return it once it is ready; raise StackFailed.

    Args:
        options: Of `penstock up`; without `--port`, the default one if it is free.
    """
    _raise_unless_installed()
    if (running := find(data)) is not None:
        raise StackFailed(f"services are already running on {data} (process {running.pid})")
    if "--port" not in options:
        options = (*options, "--port", str(PORT if _is_free(PORT) else 0))
    data.mkdir(parents=True, exist_ok=True)
    path = data / LOG_FILE
    command = [sys.executable, "-P", "-m", "penstock.cli", "up", "--data", str(data), *options]
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        before = os.fstat(fd).st_size
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=fd, stderr=fd, start_new_session=True, cwd=data
        )
    finally:
        os.close(fd)
    deadline = time.monotonic() + START_MAX_S
    while time.monotonic() < deadline:
        running = find(data)
        if running is not None and running.pid == process.pid:
            process.returncode = 0  # it is not waited for: it outlives this command
            return running
        if process.poll() is not None:
            if running is not None and not running.attended:
                return running  # another command was starting it at the same time
            raise StackFailed(_reason(path, before))
        time.sleep(POLL_S)
    process.terminate()
    raise StackFailed(f"the services did not start within {START_MAX_S:g} s; see {path}")


def words_of(params: Mapping[str, Any], *left_out: str) -> list[str]:
    """Return a command's options as they are typed."""
    words: list[str] = []
    for name, value in params.items():
        option = f"--{name.replace('_', '-')}"
        if name in left_out or value is None or (value is False and name not in NEGATED) or value == "":
            continue
        if value is False:
            words.append(f"--no-{option[2:]}")
        elif name != "workers":
            words += [option] if value is True else [option, str(value)]
    return words


def stop(data: Path) -> Running | None:
    """Stop the stack on a data folder in order and return what it was; None if none runs. Raise StopFailed."""
    running = find(data)
    if running is None:
        if (pid := holder(data)) is not None:
            raise StopFailed(f"process {pid} uses {data} but is not ready yet; try again in a moment")
        return None
    if running.attended:
        raise StopFailed(
            f"the services on {data} belong to another command (process {running.pid}) and stop when it ends"
        )
    handle = _handle(running.pid)
    try:
        # The id in the file may be that of another process by now: only the stack itself holds the folder's lock.
        if (user := holder(data)) is None:
            return None
        if user != running.pid:
            raise StopFailed(f"process {user} uses {data} but is not ready yet; try again in a moment")
        _terminate(running.pid, handle)
        deadline = time.monotonic() + STOP_MAX_S
        while is_alive(running.pid):
            if time.monotonic() > deadline:
                raise StopFailed(f"the services (process {running.pid}) did not stop within {STOP_MAX_S:g} s")
            time.sleep(POLL_S)
    finally:
        if handle >= 0:
            os.close(handle)
    return running


def _handle(pid: int) -> int:
    """A handle that stays with the process although its id is used again; -1 where there is none."""
    if not hasattr(os, "pidfd_open"):
        return -1
    with contextlib.suppress(OSError):
        return os.pidfd_open(pid)
    return -1


def _terminate(pid: int, handle: int) -> None:
    try:
        if handle >= 0:
            signal.pidfd_send_signal(handle, signal.SIGTERM)
        else:
            os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    except PermissionError:
        raise StopFailed(f"the services (process {pid}) belong to another user; stop them as that user") from None


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _raise_unless_installed() -> None:
    from importlib.util import find_spec

    if find_spec("penstock_stack") is None:
        raise StackMissing


def _reason(log: Path, before: int) -> str:
    """The error that the stack has written, or its last lines."""
    with log.open("rb") as file:
        file.seek(before)
        lines = file.read().decode(errors="replace").strip().splitlines()
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return errors[-1] if errors else "\n".join(["the services did not start:", *lines[-LOG_LINES_SHOWN:]])
