"""The stream over a real Kafka: order, gaps, lost brokers."""

import asyncio
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from penstock_proto.dependency_manager.v1.actions_pb2 import ActionBatch
from penstock_proto.state_tracker.v1.events_pb2 import EventBatch
from penstock_stack.kafka import EmbeddedKafka
from penstock_stream.kafka.stream import KafkaStream
from penstock_stream.source import Published
from penstock_stream.stream import ACTIONS, EVENTS, Message

from tests.stream.kafka_records import read
from tests.stream.memory_log import Log

SHARDS = 4


def stream(address: str, prefix: str, log: Log | None = None) -> KafkaStream:
    made = KafkaStream(address, shards=SHARDS, deployment="test", prefix=prefix, partitions=2)
    if log is not None:
        made.attach_source(log)
    return made


def prefix() -> str:
    return f"t-{uuid.uuid4().hex[:8]}"


async def eventually(condition: Callable[[], bool], timeout_s: float = 30) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.02)


def ranges(records: list[Any], shard: int) -> list[int]:
    batches = [EventBatch.FromString(record.value) for record in records]
    return [batch.from_seq for batch in batches if batch.shard == shard]


async def test_messages_arrive_in_the_order_of_their_shard(broker: str) -> None:
    name, got = prefix(), list[Message]()
    writer, reader = stream(broker, name), stream(broker, name)
    reader.subscribe(ACTIONS, got.extend, shards=[0, 1])
    await reader.start()
    await writer.start()
    await eventually(lambda: writer.is_connected)
    at = 0
    # Until the reader has joined, what is sent is not for it; it joins one partition after the other.
    while len(got) < 20 or {message.shard for message in got} < {0, 1}:
        at += 1
        writer.publish(
            ACTIONS, [ActionBatch(shard=shard, epoch=1, from_seq=at - 1, to_seq=at) for shard in range(SHARDS)]
        )
        await asyncio.sleep(0.02)
    for shard in (0, 1):
        seen = [message.to_seq for message in got if isinstance(message, ActionBatch) and message.shard == shard]
        assert seen == list(range(seen[0], seen[0] + len(seen)))
    assert {message.shard for message in got} == {0, 1}
    await writer.stop()
    await reader.stop()


async def test_the_topic_gets_what_it_lacks_before_what_comes(broker: str) -> None:
    name, log = prefix(), Log(SHARDS)
    for _ in range(3):
        log.append(1)
    log.saved = {1: Published(1, 0)}  # the topic is new all the same: it never held anything
    writer = stream(broker, name, log)
    await writer.start()
    log.append(1)  # committed, but its message was lost
    writer.publish(EVENTS, [log.append(1)])
    assert ranges(await read(broker, f"{name}.events", 5), 1) == [1, 2, 3, 4, 5]
    await writer.stop()


async def test_a_broker_that_lost_its_data_gets_the_whole_log_again() -> None:
    name, log = prefix(), Log(SHARDS)
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        broker = EmbeddedKafka(Path(first))
        await asyncio.to_thread(broker.start)
        port = int(broker.address.rsplit(":", 1)[1])
        writer = stream(broker.address, name, log)
        await writer.start()
        for _ in range(3):
            writer.publish(EVENTS, [log.append(2)])
        await read(broker.address, f"{name}.events", 3)
        await asyncio.to_thread(broker.kill)
        for _ in range(3):
            writer.publish(EVENTS, [log.append(2)])  # nobody waits for the broker
        again = EmbeddedKafka(Path(second), port)
        await asyncio.to_thread(again.start)
        try:
            assert ranges(await read(again.address, f"{name}.events", 6), 2) == [1, 2, 3, 4, 5, 6]
        finally:
            await writer.stop()
            await asyncio.to_thread(again.stop)


async def test_a_shard_that_was_lost_is_filled_in_though_another_of_its_partition_is_there(broker: str) -> None:
    name, log = prefix(), Log(SHARDS)
    writer = stream(broker, name, log)
    await writer.start()
    for _ in range(3):
        writer.publish(EVENTS, [log.append(0)])
    await read(broker, f"{name}.events", 3)
    await eventually(lambda: bool(log.saved))
    await writer.stop()
    other = 2  # of the same partition as 0
    log.append(other)
    log.append(other)
    log.saved[other] = Published(1, 1)  # where another record is by now
    writer = stream(broker, name, log)
    await writer.start()
    assert ranges(await read(broker, f"{name}.events", 5), other) == [1, 2]
    await writer.stop()


async def test_who_only_reads_says_whether_the_broker_is_there() -> None:
    name, got = prefix(), list[Message]()
    with tempfile.TemporaryDirectory() as folder:
        broker = EmbeddedKafka(Path(folder))
        await asyncio.to_thread(broker.start)
        reader = stream(broker.address, name)
        reader.subscribe(ACTIONS, got.extend, shards=[0])
        await reader.start()
        await eventually(lambda: reader.is_connected)
        await asyncio.to_thread(broker.kill)
        await eventually(lambda: not reader.is_connected)
        again = EmbeddedKafka(Path(folder), int(broker.address.rsplit(":", 1)[1]))
        await asyncio.to_thread(again.start)
        try:
            await eventually(lambda: reader.is_connected)
        finally:
            await reader.stop()
            await asyncio.to_thread(again.stop)
