"""What is measured of a pool: looked at once a second, stages by samples, never action by action."""

from penstock_observability import metrics

from .core import Pool

LOOK_EVERY_S = 1.0


class Measures:
    """One pool's part of the metrics."""

    def __init__(self, pool: str) -> None:
        self._queued = metrics.QUEUED.labels(pool)
        self._granted = metrics.GRANTED.labels(pool)
        self._workers = metrics.WORKERS.labels(pool)
        self._cpu_capacity = metrics.CPU_CAPACITY.labels(pool)
        self._cpu_used = metrics.CPU_USED.labels(pool)
        self._grants = metrics.GRANTS.labels(pool)
        self._lost = metrics.LOST.labels(pool)
        self._in_queue = metrics.STAGE_SECONDS.labels("queue")
        self._at_worker = metrics.STAGE_SECONDS.labels("worker")
        self._counted = (0, 0)
        self._looked_at = 0.0

    def sample(self, queue_s: float | None, worker_s: float | None) -> None:
        """Take how long two actions were in a stage."""
        if queue_s is not None:
            self._in_queue.observe(queue_s)
        if worker_s is not None:
            self._at_worker.observe(worker_s)

    def look(self, core: Pool, now: float) -> None:
        """Bring the metrics up to date, at most once in `LOOK_EVERY_S`."""
        if now - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = now
        summary = core.summary()
        self._queued.set(summary.queued)
        self._granted.set(summary.granted)
        self._workers.set(summary.workers)
        self._cpu_capacity.set(summary.capacity.cpu_milli / 1000)
        self._cpu_used.set(summary.used.cpu_milli / 1000)
        given, lost = core.counts()
        self._grants.inc(given - self._counted[0])
        self._lost.inc(lost - self._counted[1])
        self._counted = (given, lost)
