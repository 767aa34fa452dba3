"""What is measured of notifications."""

from dataclasses import dataclass
from typing import Any, Final

from penstock_observability import metrics
from penstock_observability.scraped import Stop
from penstock_proto.notifications.v1 import service_pb2 as api

OUTCOMES: Final[dict[int, str]] = {
    api.DELIVERY_STATE_WAITING: "failed",
    api.DELIVERY_STATE_DELIVERED: "delivered",
    api.DELIVERY_STATE_DEAD: "dead",
}
TARGETS: Final = tuple(field.name for field in api.Channel.DESCRIPTOR.oneofs_by_name["target"].fields)
# All of them, so that a counter is there before its first attempt.
_ATTEMPTS: Final[dict[tuple[str, str], Any]] = {
    (target, outcome): metrics.NOTIFICATION_ATTEMPTS.labels(target, outcome)
    for target in TARGETS
    for outcome in OUTCOMES.values()
}


@dataclass(slots=True)
class Figures:
    """The outbox, as it was counted last."""

    waiting: int = 0
    dead: int = 0
    oldest_s: float = 0.0

    def take(self, waiting: int, dead: int, oldest_s: float) -> None:
        self.waiting, self.dead, self.oldest_s = waiting, dead, oldest_s


def count(channel: api.Channel, state: int) -> None:
    """Count an attempt that ended."""
    target = channel.WhichOneof("target")
    if (counter := _ATTEMPTS.get((target or "", OUTCOMES.get(state, "")))) is not None:
        counter.inc()


def watch(figures: Figures) -> Stop:
    """Let the metrics show an outbox; the answer ends that."""
    stops = [
        metrics.NOTIFICATIONS_WAITING.register_one(lambda: float(figures.waiting)),
        metrics.NOTIFICATIONS_DEAD.register_one(lambda: float(figures.dead)),
        metrics.NOTIFICATIONS_OLDEST.register_one(lambda: figures.oldest_s),
    ]

    def stop() -> None:
        for each in stops:
            each()

    return stop
