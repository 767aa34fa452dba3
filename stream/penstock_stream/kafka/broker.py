"""How the broker behind a stream is: reachable, and its topics as followers need them."""

import asyncio
from typing import Final

from penstock_proto.state_tracker.v1.diagnosis_pb2 import BrokerHealth, TopicHealth

from ..stream import Stream
from . import client
from .stream import KafkaStream

ANSWER_MAX_S: Final = 5.0
CONFIGS: Final = ("retention.ms", "max.message.bytes", "min.insync.replicas", "cleanup.policy")


async def health(stream: Stream) -> BrokerHealth | None:
    """Return how the broker is; None for a stream without one."""
    if not isinstance(stream, KafkaStream):
        return None
    answer = BrokerHealth(
        address=stream.address,
        connected=stream.is_connected,
        dropped_messages=stream.dropped,
        dead_letters=stream.dead_letters,
    )
    try:
        async with asyncio.timeout(ANSWER_MAX_S):
            topics = await client.describe_topics(stream.address, stream.topics, CONFIGS)
    except Exception as error:  # whatever aiokafka makes of a broker's absence
        answer.error = str(error) or type(error).__name__
        return answer
    answer.topics.extend(
        TopicHealth(name=name, partitions=partitions, configs=configs) for name, partitions, configs in topics
    )
    return answer
