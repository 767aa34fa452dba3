"""The two streams, for tests of services that are to work over either."""

import asyncio
import uuid
from collections.abc import Callable

import pytest
from penstock_stream.kafka.stream import KafkaStream
from penstock_stream.local import LocalStream
from penstock_stream.stream import Stream

from tests.waiting import WAIT_S

PARTITIONS = 2

MakeStream = Callable[[int], Stream]


def kafka_stream(address: str, shards: int) -> KafkaStream:
    """Return a stream with topics of its own."""
    prefix = f"t-{uuid.uuid4().hex[:8]}"
    return KafkaStream(address, shards=shards, deployment="test", prefix=prefix, partitions=PARTITIONS)


@pytest.fixture(params=["local", "kafka"])
def make_stream(request: pytest.FixtureRequest) -> MakeStream:
    """Makes a stream for a number of shards, not started yet: each test runs once on either kind."""
    if request.param == "local":
        return lambda shards: LocalStream()
    address = request.getfixturevalue("broker")
    return lambda shards: kafka_stream(address, shards)


async def connected(stream: Stream) -> None:
    """Return once what is published arrives; until then a Kafka's readers have not joined."""
    async with asyncio.timeout(WAIT_S):
        while isinstance(stream, KafkaStream) and not stream.is_connected:
            await asyncio.sleep(0.01)
