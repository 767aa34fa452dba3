"""What is measured of a pool: looked at once a second, stages by samples, never action by action."""

from collections.abc import Callable, Mapping
from typing import Final

from penstock_observability import metrics
from penstock_observability.scraped import Scraped, Stop
from penstock_proto.action_service.v1.service_pb2 import Pool as Summary

from .pool.core import Pool

LOOK_EVERY_S: Final = 1.0
# Teams are named by whoever submits: no more of them have figures of their own.
TEAMS_MAX: Final = 20
NO_TEAM: Final = "-"
OTHER_TEAMS: Final = "..."

OF_SUMMARY: Final[Mapping[Scraped, Callable[[Summary], float]]] = {
    metrics.QUEUED: lambda pool: pool.queued,
    metrics.DELAYED: lambda pool: pool.delayed,
    metrics.GRANTED: lambda pool: pool.granted,
    metrics.WORKERS: lambda pool: pool.workers,
    metrics.CPU_CAPACITY: lambda pool: pool.capacity.cpu_milli / 1000,
    metrics.CPU_USED: lambda pool: pool.used.cpu_milli / 1000,
    metrics.GPU_CAPACITY: lambda pool: pool.capacity.gpu,
    metrics.GPU_USED: lambda pool: pool.used.gpu,
    metrics.MEMORY_CAPACITY: lambda pool: pool.capacity.memory_bytes,
    metrics.MEMORY_USED: lambda pool: pool.used.memory_bytes,
}


class Measures:
    """One pool's part of the metrics, from now until `stop`."""

    def __init__(self, pool: str) -> None:
        self._pool = pool
        self._summary = Summary()
        self._teams: dict[str, int] = {}
        self._longest_s = 0.0
        self._grants = metrics.GRANTS.labels(pool)
        self._lost = metrics.LOST.labels(pool)
        self._in_queue = metrics.STAGE_SECONDS.labels("queue")
        self._at_worker = metrics.STAGE_SECONDS.labels("worker")
        self._counted = (0, 0)
        self._looked_at = 0.0
        self._stops = [
            *(self._register(metric, number) for metric, number in OF_SUMMARY.items()),
            metrics.QUEUED_SECONDS.register(lambda: [((pool,), self._longest_s)]),
            metrics.TEAM_QUEUED.register(lambda: [((pool, team), count) for team, count in self._teams.items()]),
        ]

    def _register(self, metric: Scraped, number: Callable[[Summary], float]) -> Stop:
        return metric.register(lambda: [((self._pool,), number(self._summary))])

    def stop(self) -> None:
        """Show nothing more: another process may own the pool."""
        for stop in self._stops:
            stop()

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
        self._summary = core.summary()
        self._longest_s = core.longest_queued_s(now)
        self._teams = bounded(core.queued_by_team())
        given, lost = core.counts()
        self._grants.inc(given - self._counted[0])
        self._lost.inc(lost - self._counted[1])
        self._counted = (given, lost)


def bounded(queued: Mapping[str, int]) -> dict[str, int]:
    """Return the teams with most queued actions by their names, and the others together."""
    most = sorted(queued.items(), key=lambda entry: -entry[1])
    shown = {team or NO_TEAM: count for team, count in most[:TEAMS_MAX]}
    if others := sum(count for _, count in most[TEAMS_MAX:]):
        shown[OTHER_TEAMS] = others
    return shown
