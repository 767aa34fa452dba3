"""What is measured of the registry."""

from collections.abc import Callable, Sequence

from penstock_observability import metrics
from penstock_observability.scraped import Stop
from penstock_proto.registry.v1.events_pb2 import RegistryEvent


def committed(events: Sequence[RegistryEvent]) -> None:
    """Count what was just committed."""
    for event in events:
        metrics.REGISTRY_EVENTS.labels(event.WhichOneof("kind") or "unknown").inc()


def watch(is_up: Callable[[], bool], followers: Callable[[], int]) -> Stop:
    """Let the metrics show a registry; the answer ends that."""
    stops = [
        metrics.REGISTRY_UP.watch_one(lambda: 1.0 if is_up() else 0.0),
        metrics.REGISTRY_FOLLOWERS.watch_one(lambda: float(followers())),
    ]

    def stop() -> None:
        for step in stops:
            step()

    return stop
