"""Calls of `penstock` in forks of a process that has everything imported, which takes most of the time of a call.

Each call is a process of its own, with its own folder, environment and output. What forks them has no threads and no
connections. That the installed program starts as well is what `Cli.start` shows.
"""

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

REQUEST_BYTES_MAX = 128 * 1024
# What commands import when they run.
MODULES = (
    "grpc.aio", "typer._adapters", "penstock.cli.app", "penstock.client.registry", "penstock.client.view",
    "penstock.compiler.bundle", "penstock.compiler.loader", "penstock.compiler.schema", "penstock.cli.records",
    "penstock.cli.run_texts", "penstock.cli.texts", "penstock.cli.terminal",
)  # fmt: skip


class Ended(NamedTuple):
    """How a call ended."""

    code: int
    out: str
    err: str


class Forks:
    """The process that forks, until it is closed."""

    def __init__(self, program: Path) -> None:
        self._near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with far:
            command = [sys.executable, __file__, str(far.fileno()), str(program)]
            self._process = subprocess.Popen(command, pass_fds=[far.fileno()], stdin=subprocess.DEVNULL)

    def call(self, words: Sequence[str], folder: Path | None, env: Mapping[str, str], timeout_s: float) -> Ended:
        """Call `penstock` and return how it ended; raises TimeoutError."""
        request = json.dumps([words, str(folder or Path.cwd()), dict(env)]).encode()
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with near, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            with far:
                socket.send_fds(self._near, [request], [out.fileno(), err.fileno(), far.fileno()])
            near.settimeout(timeout_s)
            number = int(near.recv(16))
            try:
                code = int(near.recv(16))
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
                raise
            out.seek(0)
            err.seek(0)
            return Ended(code, out.read().decode(), err.read().decode())

    def close(self) -> None:
        self._near.close()
        self._process.wait()


def serve(end: socket.socket, program: str) -> None:
    """Fork for each request, until the other end is closed; in what was forked, do what was asked."""
    for module in MODULES:
        importlib.import_module(module)
    sys.path[0] = str(Path(program).parent)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that watch over calls
    while True:
        request, descriptors, *_ = socket.recv_fds(end, REQUEST_BYTES_MAX, 3)
        if not request:
            return
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            out, err, told = descriptors
            if (number := os.fork()) == 0:
                become(out, err, program, *json.loads(request))
            os.write(told, str(number).encode())
            code = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
            os.write(told, str(code).encode())
            os._exit(0)
        for descriptor in descriptors:
            os.close(descriptor)


def become(out: int, err: int, program: str, words: list[str], folder: str, env: dict[str, str]) -> None:
    """Be `penstock` as it is after its start."""
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.closerange(3, 1024)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.argv = [program, *words]
    main: Any = importlib.import_module("penstock.cli").main
    main()


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
