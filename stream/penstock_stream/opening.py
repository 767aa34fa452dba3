"""The stream that a service's settings ask for, as a part of its process."""

import logging
from typing import Final

from penstock_service.process import Process

from . import measures
from .kafka.security import use_security
from .kafka.stream import KafkaStream
from .local import LocalStream
from .settings import StreamSettings
from .stream import Stream

log = logging.getLogger(__name__)


# For services that no run waits for: five answers of the broker a second, instead of one for each few events.
GATHER_S: Final = 0.2


async def open_stream(
    process: Process, settings: StreamSettings, shards: int, deployment: str, gather_s: float = 0.0
) -> Stream:
    """Return the started stream of these settings; it is stopped when the process ends.

    Args:
        gather_s: So long messages may gather on their way: `GATHER_S` where a delay does no harm.
    """
    stream = _stream_of(settings, shards, deployment, gather_s)
    await stream.start()
    process.stop(stream.stop)
    process.stops.callback(measures.register(stream))
    return stream


def _stream_of(settings: StreamSettings, shards: int, deployment: str, gather_s: float) -> Stream:
    """Return Kafka's stream, or one that goes nowhere."""
    if not settings.kafka:
        log.warning("PENSTOCK_KAFKA is not set: services poll each other only once a second")
        return LocalStream()
    use_security(settings.kafka_security)
    return KafkaStream(
        settings.kafka,
        shards=shards,
        deployment=deployment,
        prefix=settings.topic_prefix,
        partitions=settings.topic_partitions,
        gather_s=gather_s,
    )
