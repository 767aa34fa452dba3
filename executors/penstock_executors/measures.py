"""What is measured of a worker: counted once a burst of results, or looked up when it is asked for."""

from collections.abc import Callable
from typing import Final

from penstock_observability import metrics
from penstock_observability.scraped import Stop

from .core import Core

_succeeded: Final = metrics.WORKER_ENDED.labels("succeeded")
_failed: Final = metrics.WORKER_ENDED.labels("failed")


def count_ended(succeeded: int, failed: int) -> None:
    """Count what the executor reports."""
    _succeeded.inc(succeeded)
    if failed:
        _failed.inc(failed)


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
