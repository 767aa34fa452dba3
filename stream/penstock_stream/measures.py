"""What is measured of a process's stream: looked up when it is asked for."""

from collections.abc import Callable

from penstock_observability import metrics

from .kafka.stream import KafkaStream
from .local import LocalStream
from .stream import Stream


def register(stream: Stream) -> Callable[[], None]:
    """Let the metrics show the stream's state; the answer ends that."""
    stops: list[Callable[[], None]] = []
    if isinstance(stream, KafkaStream):
        stops = [
            metrics.STREAM_CONNECTED.register_one(lambda: stream.is_connected),
            metrics.STREAM_QUEUED.register(lambda: [((topic,), count) for topic, count in stream.queued.items()]),
            metrics.STREAM_DROPPED.register_one(lambda: stream.dropped),
            metrics.DEAD_LETTERS.register_one(lambda: stream.dead_letters),
        ]
    elif isinstance(stream, LocalStream):
        stops = [
            metrics.STREAM_DROPPED.register_one(lambda: stream.dropped),
            metrics.DEAD_LETTERS.register_one(lambda: stream.refused),
        ]

    def stop() -> None:
        for step in stops:
            step()

    return stop
