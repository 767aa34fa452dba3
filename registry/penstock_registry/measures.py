"""What is measured of the registry."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from penstock_observability import metrics
from penstock_observability.scraped import Stop
from penstock_proto.registry.v1.events_pb2 import RegistryEvent

# All of them, so that a counter is there before its first event.
_EVENTS: Final = {
    field.name: metrics.REGISTRY_EVENTS.labels(field.name)
    for field in RegistryEvent.DESCRIPTOR.oneofs_by_name["kind"].fields
}


def count_committed(events: Sequence[RegistryEvent]) -> None:
    """Count what was just committed."""
    for event in events:
        _EVENTS[event.WhichOneof("kind") or ""].inc()


def watch_key(signing_since_us: Callable[[], int]) -> Stop:
    """Let the metrics show how old the key is that signs access tokens, once that is known."""

    def look() -> Iterator[tuple[Sequence[str], float]]:
        if since_us := signing_since_us():
            yield (), time.time() - since_us / 1e6

    return metrics.ACCESS_KEY_AGE.register(look)


def watch(is_up: Callable[[], bool], followers: Callable[[], int]) -> Stop:
    """Let the metrics show a registry; the answer ends that."""
    stops = [
        metrics.REGISTRY_UP.register_one(lambda: 1.0 if is_up() else 0.0),
        metrics.REGISTRY_FOLLOWERS.register_one(lambda: float(followers())),
    ]

    def stop() -> None:
        for step in stops:
            step()

    return stop
