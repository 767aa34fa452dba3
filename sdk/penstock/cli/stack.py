"""The embedded stack as the CLI uses it: in the foreground, or as a child that ends with a command."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from ..client.discovery import Running, choose_address, data_folder, find
from ..errors import PenstockError

# A first start creates the database; on a busy machine that takes a while.
START_MAX_S = 120.0
STOP_MAX_S = 40.0
POLL_S = 0.05


class StackMissing(PenstockError):
    """This installation has no embedded stack."""

    def __init__(self) -> None:
        super().__init__("the embedded stack is not installed: pip install 'penstock[local]', or set PENSTOCK_ADDRESS")


class NoStack(PenstockError):
    """Nothing runs that could be asked."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"no stack is running on the data folder {folder}; start one with `penstock up`, or give its --address"
        )


class StackFailed(PenstockError):
    """The embedded stack ended before it was ready."""


def foreground(data: Path, **settings: Any) -> int:
    """Run the stack in this process until a signal stops it."""
    try:
        from penstock_stack.up import up
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("penstock_stack"):
            raise StackMissing from None
        raise
    return up(data, **settings)


class StackInUse(StackFailed):
    """Another stack has the data folder at this moment."""


class Session:
    """The address to call, and whether the stack there ends with this command."""

    def __init__(self, address: str, attended: bool) -> None:
        self.address, self.attended = address, attended


@contextlib.asynccontextmanager
async def session(
    address: str | None, data: Path | None = None, *, execute: bool = True, start: bool = True
) -> AsyncGenerator[Session]:
    """Yield where the services are; if none run on this machine, start some for as long as this lasts.

    Args:
        execute: Whether the stack may execute operators; commands that only look must not continue runs.
        start: Whether one may be started; where its answer would say nothing, NoStack is raised.
    """
    folder = data or data_folder()
    chosen = choose_address(address, folder) if address or find(folder) or is_configured() else None
    if chosen is not None:
        running = find(folder)
        yield Session(chosen, attended=bool(running and running.address == chosen and running.attended))
        return
    if not start:
        raise NoStack(folder)
    child = await asyncio.to_thread(Child.start, folder, execute)
    if isinstance(child, Running):
        yield Session(child.address, child.attended)
        return
    find(folder)  # which may have a token for us
    try:
        yield Session(child.address, attended=True)
    finally:
        await asyncio.to_thread(child.stop)


def is_configured() -> bool:
    return bool(os.environ.get("PENSTOCK_ADDRESS"))


class Child:
    """A stack in a process of its own; it ends when its stdin is closed, so also when this process is killed."""

    def __init__(self, process: subprocess.Popen[bytes], address: str) -> None:
        self.process, self.address = process, address

    @classmethod
    def start(cls, data: Path, execute: bool) -> Child | Running:
        """Start a stack on the data folder, or return the one that another command starts there meanwhile."""
        deadline = time.monotonic() + START_MAX_S
        while True:
            try:
                return cls._start(data, execute)
            except StackFailed as error:
                # Somebody else's stack may be starting or ending on this folder.
                if (running := find(data)) is not None:
                    return running
                if not isinstance(error, StackInUse) or time.monotonic() > deadline:
                    raise
                time.sleep(POLL_S * 4)

    @classmethod
    def _start(cls, data: Path, execute: bool) -> Child:
        command = [sys.executable, "-m", "penstock_stack", "--data", str(data), "--port", "0", "--attended"]
        command += [] if execute else ["--no-workers"]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the command, which then ends the stack in order
        )
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        if not line:
            _, text = process.communicate(timeout=STOP_MAX_S)
            failed = StackInUse if process.returncode == os.EX_TEMPFAIL else StackFailed
            raise failed(text.decode(errors="replace").strip().removeprefix("error: ") or "the stack failed to start")
        return cls(process, json.loads(line)["address"])

    def stop(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(STOP_MAX_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
