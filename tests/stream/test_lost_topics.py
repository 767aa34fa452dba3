"""The public topic after it lost its data, by a broker's disk or by a deletion: every shard is filled in again."""

import asyncio
import tempfile
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, UnknownTopicOrPartitionError
from penstock_proto.state_tracker.v1.events_pb2 import EventBatch
from penstock_stack.kafka import EmbeddedKafka
from penstock_stream.kafka import event_publisher
from penstock_stream.kafka.stream import KafkaStream
from penstock_stream.stream import EVENTS

from tests.stream.memory_log import Log

SHARDS = 8
PARTITIONS = 2  # the even shards are on one, the odd ones on the other
DEADLINE_S = 120.0


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_publisher, "LOOK_EVERY_S", 0.5, raising=False)


@asynccontextmanager
async def writing(address: str, name: str, log: Log) -> AsyncIterator[KafkaStream]:
    writer = KafkaStream(address, shards=SHARDS, deployment="test", prefix=name, partitions=PARTITIONS)
    writer.attach_source(log)
    await writer.start()
    try:
        yield writer
    finally:
        await writer.stop()


def topic() -> str:
    return f"t-{uuid.uuid4().hex[:8]}"


def commit(writer: KafkaStream, log: Log, shards: Sequence[int], times: int = 1) -> None:
    for shard in [shard for shard in shards for _ in range(times)]:
        writer.publish(EVENTS, [log.append(shard)])


async def saved(log: Log, heads: dict[int, int]) -> None:
    """Return once it is kept how far the topic is."""
    async with asyncio.timeout(DEADLINE_S):
        while {shard: place.seq for shard, place in log.saved.items()} != heads:
            await asyncio.sleep(0.02)


async def emptied(address: str, name: str) -> None:
    """Delete the topic and make it again, as an administrator may, while everybody stays connected."""
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        await admin.delete_topics([f"{name}.{EVENTS}"])
        async with asyncio.timeout(DEADLINE_S):
            while f"{name}.{EVENTS}" in await admin.list_topics():
                await asyncio.sleep(0.05)
            made = None
            while made is None or made.topic_errors[0][1]:  # the name may not be free yet
                made = await admin.create_topics([NewTopic(f"{name}.{EVENTS}", PARTITIONS, 1)])
    finally:
        await admin.close()


async def filled(address: str, name: str, heads: Mapping[int, int]) -> None:
    """Read the topic from its beginning until it has every shard from 1 to its head, in order and without a gap.

    Where no connection broke, what is new may stand before what is filled in again, and once more after it.
    """
    seqs = dict.fromkeys(heads, 0)
    async with asyncio.timeout(DEADLINE_S):
        async with aclosing(records(address, f"{name}.{EVENTS}")) as found:
            while seqs != heads:
                batch = EventBatch.FromString((await anext(found)).value)
                if batch.from_seq <= seqs[batch.shard] + 1:
                    seqs[batch.shard] = max(seqs[batch.shard], batch.from_seq + len(batch.events) - 1)


async def records(address: str, topic: str) -> AsyncGenerator[Any]:
    while True:  # until the topic is there
        consumer: Any = AIOKafkaConsumer(topic, bootstrap_servers=address, auto_offset_reset="earliest", group_id=None)
        try:
            await consumer.start()
            while True:
                yield await consumer.getone()
        except (UnknownTopicOrPartitionError, KafkaConnectionError):
            await asyncio.sleep(0.1)
        finally:
            await consumer.stop()


@pytest.mark.parametrize("newer", [(), (0,), (0, 1, 4), range(SHARDS)], ids=["none", "one", "some", "all"])
async def test_a_wiped_broker_gets_all_shards_again_whether_something_new_comes_or_not(newer: Sequence[int]) -> None:
    name, log = topic(), Log(SHARDS)
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        broker = EmbeddedKafka(Path(first))
        await asyncio.to_thread(broker.start)
        port = int(broker.address.rsplit(":", 1)[1])
        async with writing(broker.address, name, log) as writer:
            for shard in range(SHARDS - 1):  # the last shard has never had an event
                commit(writer, log, [shard], times=shard % 3 + 1)
            await saved(log, {shard: seq for shard, seq in log.heads().items() if seq})
            await asyncio.to_thread(broker.kill)
            again = EmbeddedKafka(Path(second), port)
            await asyncio.to_thread(again.start)
            try:
                commit(writer, log, newer, times=4)
                await filled(again.address, name, log.heads())
            finally:
                await asyncio.to_thread(again.stop)


@pytest.mark.parametrize("newer", [(), (0,), (0, 1)], ids=["none", "one", "one of each partition"])
async def test_a_topic_that_is_made_again_is_filled_in_though_no_connection_broke(
    broker: str, newer: Sequence[int]
) -> None:
    name, log = topic(), Log(SHARDS)
    async with writing(broker, name, log) as writer:
        commit(writer, log, range(SHARDS), times=2)
        await saved(log, dict(log.heads()))
        await emptied(broker, name)
        commit(writer, log, newer, times=20)  # past all offsets that were known
        await filled(broker, name, log.heads())


async def test_what_another_publishes_in_a_shards_place_is_not_taken_for_it(broker: str) -> None:
    name, mine, others = topic(), Log(SHARDS), Log(SHARDS)
    mine.batches = {shard: [] for shard in (0, 1, 2, 3)}
    others.batches = {shard: [] for shard in (4, 5, 6, 7)}
    async with writing(broker, name, mine) as one, writing(broker, name, others) as two:
        commit(one, mine, [0, 1, 2, 3], times=2)
        commit(two, others, [4, 5, 6, 7], times=2)
        await saved(mine, dict(mine.heads()))
        await saved(others, dict(others.heads()))
        await emptied(broker, name)
        commit(two, others, [4, 5, 6, 7], times=20)
        await filled(broker, name, {**mine.heads(), **others.heads()})
