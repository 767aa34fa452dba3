"""What is measured of a worker: counted once a burst of results, or looked up when it is asked for."""

from collections.abc import Callable
from typing import Final

from penstock_observability import metrics
from penstock_observability.scraped import Stop
from penstock_proto.executors.v1.child_pb2 import FromChild

from .core import Core

_succeeded: Final = metrics.WORKER_ENDED.labels("succeeded")
_hit: Final = metrics.WORKER_CACHE.labels("hit")
_missed: Final = metrics.WORKER_CACHE.labels("miss")
_failed: Final = metrics.WORKER_ENDED.labels("failed")


def count_ended(succeeded: int, failed: int) -> None:
    """Count what the executor reports."""
    _succeeded.inc(succeeded)
    if failed:
        _failed.inc(failed)


def count_cached(answer: FromChild) -> None:
    """Count how a result that is reused was come by."""
    if answer.cache_missed:
        _missed.inc()
    elif answer.report.succeeded.HasField("reuse"):
        _hit.inc()


def register(core: Core, scratch_bytes: Callable[[], float]) -> Stop:
    """Let the metrics show what a worker holds; the answer ends that."""
    stops = [
        metrics.WORKER_RUNNING.register_one(core.running),
        metrics.WORKER_WAITING.register_one(core.waiting),
        metrics.WORKER_UNRECORDED.register_one(core.unrecorded),
        metrics.WORKER_SCRATCH_BYTES.register_one(scratch_bytes),
    ]

    def stop() -> None:
        for step in stops:
            step()

    return stop
