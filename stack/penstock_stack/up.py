"""The stack in the foreground: from its start until a signal stops it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path

from penstock_console import is_built
from penstock_gateway.settings import HTTP_PORT
from penstock_observability import logs
from penstock_service.errors import ServiceError
from penstock_service.runtime import settle_garbage

from .errors import FolderInUse, StackError
from .ports import HOST
from .stack import Settings, Stack

LOG_FILE = "stack.log"
log = logging.getLogger(__name__)


def up(
    data: Path,
    *,
    port: int,
    cpu: float | None = None,
    memory_bytes: int | None = None,
    gpu: int | None = None,
    workers: bool = True,
    shards: int | None = None,
    kafka: bool = False,
    traces: str = "",
    metrics_port: int | None = None,
    http_port: int | None = None,
    retention_s: float | None = None,
    access: bool | None = None,
    tls: bool = False,
    host: str = HOST,
) -> int:
    """Run until SIGINT or SIGTERM; return the exit code."""
    logs.configure("penstock", as_json=False)
    settings = Settings(
        port=port,
        cpu=cpu,
        memory_bytes=memory_bytes,
        gpu=gpu,
        workers=workers,
        shards=shards,
        kafka=kafka,
        traces=traces,
        metrics_port=metrics_port,
        http_port=HTTP_PORT if http_port is None else http_port,
        is_http_port_open=http_port is None,
        retention_s=retention_s,
        access=access,
        tls=tls,
        host=host,
    )
    return _run(data, settings)


def run_attended(data: Path, *, workers: bool, shards: int | None = None) -> int:
    """Run until stdin ends; say the address on stdout, as JSON on one line; log into the data folder."""
    return _run(data, Settings(workers=workers, shards=shards, attended=True))


def _run(data: Path, settings: Settings) -> int:
    try:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_serve(data, settings))
    except (StackError, ServiceError) as error:
        print(f"error: {error}", file=sys.stderr)
        # The command that attends to it tries again.
        return os.EX_TEMPFAIL if settings.attended and isinstance(error, FolderInUse) else 1
    except Exception as error:
        if os.environ.get("PENSTOCK_DEBUG") == "1":
            raise
        text = str(error).splitlines()[:1] or [""]
        print(
            f"error: the stack failed: {type(error).__name__}: {text[0]} (PENSTOCK_DEBUG=1 shows where)",
            file=sys.stderr,
        )
        return 1


async def _serve(data: Path, settings: Settings) -> int:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    stack = Stack(data, settings)
    starting = asyncio.create_task(stack.start())
    stopping = asyncio.create_task(told.wait())
    if settings.attended:
        loop.add_reader(sys.stdin.fileno(), _at_end_of_stdin, told)
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    try:
        if not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return 0
        starting.result()
        settle_garbage()
        _ready(data, stack, settings)
        await stopping
        return 0
    finally:
        stopping.cancel()
        await stack.stop()


def _at_end_of_stdin(told: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        told.set()


def _ready(data: Path, stack: Stack, settings: Settings) -> None:
    if not settings.attended:
        if stack.kafka_address:
            print(f"events on Kafka at {stack.kafka_address}, topic penstock.events", file=sys.stderr)
        if stack.http_address:
            scheme = "https" if stack.ca else "http"
            print(f"REST API on {scheme}://{stack.http_address}/v1", file=sys.stderr)
            if is_built():
                print(f"console on {scheme}://{stack.http_address}/", file=sys.stderr)
        if stack.metrics_address:
            print(f"metrics on http://{stack.metrics_address}/metrics", file=sys.stderr)
        if stack.ca:
            print(f"TLS with the authority in {stack.ca}", file=sys.stderr)
        if stack.admin_token:
            print(f"access control is on; your token is in {stack.admin_token}, and commands find it", file=sys.stderr)
        print(
            f"ready on {stack.address}, data in {data}; Ctrl-C stops it, and runs continue at the next start",
            file=sys.stderr,
        )
        return
    print(json.dumps({"address": stack.address, "pid": os.getpid()}), flush=True)
    # Whoever started this reads no more: what is printed from now on goes to the log.
    file = os.open(data / LOG_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for fd in (1, 2):
        os.dup2(file, fd)
    os.close(file)
    logs.configure("penstock", as_json=False)
