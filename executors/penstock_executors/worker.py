"""The `penstock-worker` process: from its options to its end."""

import asyncio
import logging
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from penstock_observability import logs, metrics
from penstock_proto import tls
from penstock_proto.plan.v1.plan_pb2 import Resources
from penstock_proto.tls import TlsError
from penstock_service import certificates
from penstock_service.errors import ServiceError
from penstock_service.runtime import loop_factory, settle_garbage
from penstock_service.settings import BadAddress, UnsafeBind, is_loopback, split_address

from . import own_folder
from .errors import ExecutorError
from .executor import Executor, load_executor
from .machine import visible_gpus
from .remote import Place, RemoteWorker

DRAIN_S: Final = 60.0
# A terminal and a program that passes Ctrl-C on send it twice.
SAME_SIGNAL_S: Final = 0.5
log = logging.getLogger(__name__)


def run(
    place: Place,
    resources: Resources,
    *,
    home: Path,
    gpu: int | None = None,
    executor: str = "process",
    drain_s: float = DRAIN_S,
    metrics_listen: str = "",
    allow_insecure_bind: bool = False,
) -> int:
    """Work until SIGINT or SIGTERM, then end what is held; return the exit code.

    Args:
        place: Without a name or a folder, it gets one of its own.
        home: Where workers' folders are.
        metrics_listen: HOST:PORT that answers /metrics in Prometheus' text format; nowhere if empty.
        allow_insecure_bind: Whether others than this machine may read them.
    """
    logs.configure("penstock-worker")
    try:
        if tls.chosen().certificate:  # without one, servers that do not ask for it are encrypted all the same
            certificates.check(tls.chosen())
        if metrics_listen:
            _serve_metrics(metrics_listen, allow_insecure_bind)
        with own_folder.hold_folder(home, place.worker, place.folder) as own:
            worker = RemoteWorker(replace(place, worker=own.name, folder=own.path), _executor(executor, resources, gpu))
            metrics.WORKER_CONNECTED.register_one(worker.connected.is_set)
            with asyncio.Runner(loop_factory=loop_factory()) as runner:
                return runner.run(_work(worker, own.name, drain_s))
    except (BadAddress, ServiceError, ExecutorError, TlsError, OSError) as error:
        log.error("%s", error)
        return 1


def _serve_metrics(address: str, allow_insecure_bind: bool) -> None:
    host, port = split_address(address)
    if not allow_insecure_bind and not is_loopback(host):
        raise UnsafeBind("PENSTOCK_METRICS_LISTEN", address)
    metrics.serve(port, host)


async def _work(worker: RemoteWorker, name: str, drain_s: float) -> int:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    told_at = 0.0

    def stop() -> None:
        nonlocal told_at
        if not told.is_set():
            told_at = loop.time()
            told.set()
        elif loop.time() > told_at + SAME_SIGNAL_S:
            log.warning("worker %s stops immediately and abandons its actions", name)
            worker.leave()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    settle_garbage()
    running = asyncio.create_task(worker.run())
    waiting = asyncio.create_task(told.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if told.is_set() and not running.done():
        log.info(
            "worker %s is draining: actions get at most %.0f s to finish; Ctrl-C or SIGTERM again stops it immediately",
            name,
            drain_s,
        )
        await worker.drain(drain_s)
    await running
    return 0


def _executor(name: str, resources: Resources, gpu: int | None) -> Executor:
    """Return the executor with the capacity of this worker; by default that of the machine."""
    make: Any = load_executor(name)
    return make(
        cpu_milli=resources.cpu_milli or None,
        memory_bytes=resources.memory_bytes or None,
        gpus=None if gpu is None else _gpus(gpu),
    )


def _gpus(count: int) -> list[str]:
    """Return the first GPUs; raise ExecutorError if there are fewer."""
    found = visible_gpus()
    if count > len(found):
        raise ExecutorError(
            f"this machine has {len(found)} GPUs, not {count}; start the worker with --gpu {len(found)}"
        )
    return list(found[:count])
