"""The status of a pool for users: why an action waits, what the workers hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock_proto.action_service.v1 import service_pb2 as api
from penstock_proto.plan.v1.plan_pb2 import Resources

from .keys import State
from .records import Action, Shape
from .shapes import need_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .book import Book
    from .records import Worker

INT32_MAX, INT64_MAX = 2**31 - 1, 2**63 - 1


def why(book: Book, pool: str, run_id: bytes, now: float) -> list[api.WhyLine]:
    """Return one line for each open attempt of a run: what it waits for."""
    lines = [
        api.WhyLine(node=action.key[1], attempt=action.key[2], text=_why(book, pool, action))
        for action in book.open.values()
        if action.key[0] == run_id
    ]
    return sorted(lines, key=lambda line: (line.node, line.attempt))


def _why(book: Book, pool: str, action: Action) -> str:
    match action.state:
        case State.DELAYED if book.holds.has(action):
            return "the run is paused: `penstock resume` lets it go on"
        case State.DELAYED if action in book.held_back:
            return "may run already; waits for the workers of the pool's former owner to come back"
        case State.DELAYED:
            return f"{action.note}; waits for its retry" if action.note else "waits for its retry delay"
        case State.QUEUED:
            return _why_queued(book, pool, action)
        case State.AWAITED:
            return "was running; waits for its worker to reconnect"
        case State.ENDED | State.FORGOTTEN:
            return "has ended; waits to be recorded"
        case State.GRANTED:
            assert action.worker is not None
            doing = "is being stopped" if action.is_stopping else "runs" if action.is_running else "is next"
            return f"{doing} on worker {action.worker.name}"


def lacks(book: Book, pool: str, needs: Iterable[Resources]) -> list[str]:
    """Return for each need what no worker has; nothing while there is no worker."""
    workers = _connected_workers(book)
    return [_lack(Shape(need_of(resources), {}), pool, workers) for resources in needs] if workers else []


def _lack(shape: Shape, pool: str, workers: list[Worker]) -> str:
    if any(worker.fraction(shape) is not None for worker in workers):
        return ""
    return f"needs {shape.text()}; no worker in pool {pool} {_has_none(shape, workers)}"


def _connected_workers(book: Book) -> list[Worker]:
    return [worker for worker in book.placement.workers.values() if worker.is_connected]


def _why_queued(book: Book, pool: str, action: Action) -> str:
    shape, workers = action.shape, _connected_workers(book)
    if not workers:
        return f"pool {pool} has no worker"
    if lack := _lack(shape, pool, workers):
        return lack
    if not any(shape in worker.fractions and not worker.is_draining for worker in workers):
        return f"needs {shape.text()}; the workers in pool {pool} that have it are draining"
    others = book.teams.queued - 1
    return f"needs {shape.text()}; all workers that have it are busy, {others} more wait in pool {pool}"


def _has_none(shape: Shape, workers: list[Worker]) -> str:
    if shape.gpu and all(worker.gpu < shape.gpu for worker in workers):
        return "has one" if shape.gpu == 1 else f"has {shape.gpu} GPUs"
    for name, value in shape.labels:
        if all(worker.labels.get(name) != value for worker in workers):
            return f"has the label {name}={value}"
    return "has all of it"


def workers(book: Book, pool: str, now: float) -> list[api.Worker]:
    """Describe each worker."""
    return [_worker(worker, pool, now) for worker in book.placement.workers.values()]


def _worker(worker: Worker, pool: str, now: float) -> api.Worker:
    register = worker.register
    return api.Worker(
        worker=worker.name,
        pool=pool,
        host=register.host,
        version=register.version,
        executor=register.executor,
        capacity=register.capacity,
        used=_used([worker]),
        actions=len(worker.held),
        silent_s=max(0.0, now - worker.heard_at),
        draining=worker.is_draining,
    )


def summary(book: Book, pool: str, epoch: int) -> api.Pool:
    """Describe the pool."""
    all_workers = list(book.placement.workers.values())
    return api.Pool(
        pool=pool,
        epoch=epoch,
        capacity=resources(*book.placement.capacity()),
        used=_used(all_workers),
        queued=book.teams.queued,
        delayed=book.delayed,
        granted=sum(len(worker.held) for worker in all_workers),
        workers=len(all_workers),
    )


def _used(workers: list[Worker]) -> Resources:
    return resources(
        sum(worker.cpu_milli - worker.free_cpu_milli for worker in workers),
        sum(worker.gpu - worker.free_gpu for worker in workers),
        sum(worker.memory_bytes - worker.free_memory_bytes for worker in workers),
    )


def resources(cpu_milli: int, gpu: int, memory_bytes: int) -> Resources:
    """Put sums into a message, whose fields are bounded."""
    return Resources(
        cpu_milli=min(cpu_milli, INT32_MAX), gpu=min(gpu, INT32_MAX), memory_bytes=min(memory_bytes, INT64_MAX)
    )
