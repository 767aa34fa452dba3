"""The stream that a service's settings ask for, as a part of its process."""

import logging

from penstock_service.process import Process

from . import measures
from .kafka.security import use_security
from .kafka.stream import KafkaStream
from .local import LocalStream
from .settings import StreamSettings
from .stream import Stream

log = logging.getLogger(__name__)


async def open_stream(process: Process, settings: StreamSettings, shards: int, deployment: str) -> Stream:
    """Return the started stream of these settings; it is stopped when the process ends."""
    stream = _stream_of(settings, shards, deployment)
    await stream.start()
    process.stop(stream.stop)
    process.stops.callback(measures.register(stream))
    return stream


def _stream_of(settings: StreamSettings, shards: int, deployment: str) -> Stream:
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
    )
