"""All services over a Kafka that is not there yet, loses messages, or forgets its topics: runs end all the same."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from random import Random

from aiokafka.admin import AIOKafkaAdminClient
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_proto.state_tracker.v1.events_pb2 import RUN_STATE_SUCCEEDED
from penstock_stack.kafka import EmbeddedKafka
from penstock_stream.kafka.stream import KafkaStream
from penstock_stream.stream import TOPICS, Message

from tests.action_service.world import FakeWorker, World, world
from tests.state_tracker.running import SHARDS, chain, wide
from tests.stream.whole import whole
from tests.streams import connected, kafka_stream


class Lossy(KafkaStream):
    """Loses a third of all bursts, of every topic."""

    def __init__(self, address: str, prefix: str) -> None:
        super().__init__(address, shards=SHARDS, deployment="test", prefix=prefix, partitions=2)
        self._dice = Random(5)

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        if self._dice.random() > 1 / 3:
            super().publish(topic, messages)


async def all_end(services: World, plan: bytes, count: int) -> None:
    runs = [await services.run(plan) for _ in range(count)]
    for run_id in runs:
        assert await services.state(run_id) == RUN_STATE_SUCCEEDED


async def check_topic(services: World, address: str, topic: str) -> None:
    """The topic has what the log has."""
    heads = {head.shard: head.seq for head in (await services.tracker.stub.Heads(api.HeadsRequest())).heads}
    on_topic = await whole(address, topic, heads)
    for shard in heads:
        assert on_topic[shard] == [event for batch in await services.tracker.log(shard) for event in batch.events]


async def test_runs_end_before_there_is_a_broker(database_url: str, tmp_path: Path) -> None:
    broker = EmbeddedKafka(tmp_path)
    stream = kafka_stream(broker.address, SHARDS)
    async with world(database_url, stream) as services, services.action_service() as service:
        FakeWorker().connect(service)
        await all_end(services, chain(2), 3)
        await asyncio.to_thread(broker.start)
        try:
            await connected(stream)
            await all_end(services, chain(2), 3)
            await check_topic(services, broker.address, stream.topics[0])
        finally:
            await stream.stop()
            await asyncio.to_thread(broker.stop)


async def test_lost_messages_of_every_topic(database_url: str, broker: str) -> None:
    stream = Lossy(broker, kafka_stream(broker, SHARDS).topics[0].partition(".")[0])
    async with world(database_url, stream) as services, services.action_service() as service:
        FakeWorker().connect(service)
        await all_end(services, wide(4), 10)
        await all_end(services, chain(4), 4)
        await check_topic(services, broker, stream.topics[0])


async def test_topics_that_are_deleted(database_url: str, broker: str) -> None:
    stream = kafka_stream(broker, SHARDS)
    async with world(database_url, stream) as services, services.action_service() as service:
        FakeWorker().connect(service)
        await connected(stream)
        await all_end(services, chain(3), 3)
        admin = AIOKafkaAdminClient(bootstrap_servers=broker)
        await admin.start()
        await admin.delete_topics(list(stream.topics)[: len(TOPICS)])
        await admin.close()
        await all_end(services, chain(3), 3)
        await check_topic(services, broker, stream.topics[0])
