"""Records of `events` as others read them: with the SDK of CloudEvents, and the body by the schema alone."""

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.base import Format
from cloudevents.core.v1.event import CloudEvent
from penstock_proto.dependency_manager.v1.actions_pb2 import ActionBatch
from penstock_proto.state_tracker.v1.events_pb2 import ActionStarted, Event, EventBatch, RunSubmitted
from penstock_proto.state_tracker.v1.reports_pb2 import Report, ReportBatch, Started
from penstock_proto.stream.v1.record_pb2 import Messages
from penstock_stream.kafka import client
from penstock_stream.kafka.stream import KafkaStream
from penstock_stream.stream import ACTIONS, EVENTS, REPORTS

from tests.stream.kafka_records import read
from tests.stream.memory_log import Log
from tests.waiting import WAIT_S

SHARDS = 4
RUN, OTHER = uuid.UUID(int=(7 << 76) | 1), uuid.UUID(int=(7 << 76) | 5)  # both of shard 1
RECORDED_AT = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)


class Bytes(Format):
    """A body that the SDK shall leave alone."""

    def read_data(self, body: bytes, datacontenttype: str | None) -> Any:
        return body

    def write_data(self, data: Any, datacontenttype: str | None) -> bytes:
        return data

    def read(self, event_factory: Any, data: str | bytes) -> Any:
        raise NotImplementedError

    def write(self, event: Any) -> bytes:
        raise NotImplementedError

    def get_content_type(self) -> str:
        raise NotImplementedError


def parsed(record: Any) -> CloudEvent:
    """The SDK's own reader, which raises on whatever the specification forbids."""
    event = from_binary(KafkaMessage(dict(record.headers), record.key, record.value), Bytes(), CloudEvent)
    assert isinstance(event, CloudEvent)
    return event


async def test_the_sdk_of_cloudevents_reads_every_record(broker: str) -> None:
    name, log = f"t-{uuid.uuid4().hex[:8]}", Log(SHARDS)
    at_us = int(RECORDED_AT.timestamp()) * 1_000_000 + RECORDED_AT.microsecond
    started = ActionStarted(node=2, attempt=1, worker="w")
    log.append(1, [Event(run_id=RUN.bytes, run_submitted=RunSubmitted(plan_name="p", nodes=3))], at_us)
    log.append(1, [Event(run_id=id.bytes, action_started=started) for id in (RUN, OTHER)], at_us)
    log.append(2, [Event(run_id=bytes(15) + b"\2")], at_us)
    stream = KafkaStream(broker, shards=SHARDS, deployment="d", prefix=name)
    stream.attach_source(log)
    await stream.start()
    try:
        records = await read(broker, f"{name}.events", 3)
    finally:
        await stream.stop()
    of_shard = {1: list[CloudEvent](), 2: list[CloudEvent]()}
    for record in records:
        event = parsed(record)
        shard = int(event.get_extension("partitionkey"))
        assert record.partition == shard % 16
        assert (event.get_specversion(), event.get_type()) == ("1.0", "io.penstock.events.v1")
        assert (event.get_source(), event.get_time()) == ("/penstock/d", RECORDED_AT)
        assert event.get_datacontenttype() == "application/protobuf"
        of_shard[shard].append(event)
    first, second = of_shard[1]
    assert [event.get_id() for event in (first, second, *of_shard[2])] == ["1/1/1-1", "1/1/2-3", "2/1/1-1"]
    assert (first.get_subject(), second.get_subject()) == (f"run/{RUN}", "shard/1")
    batches = [EventBatch.FromString(event.get_data()) for event in (first, second)]  # type: ignore[arg-type]
    assert batches == log.batches[1]
    assert batches[0].events[0].run_submitted.plan_name == "p"


async def test_the_other_topics_are_cloudevents_too_each_record_of_several_messages(
    broker: str,
) -> None:
    name = f"t-{uuid.uuid4().hex[:8]}"
    stream = KafkaStream(broker, shards=SHARDS, deployment="d", prefix=name, partitions=1)
    reports = [
        ReportBatch(shard=shard, reports=[Report(run_id=RUN.bytes, node=shard, grant=1, started=Started())])
        for shard in range(SHARDS)
    ]
    actions = [ActionBatch(shard=shard, epoch=1, from_seq=0, to_seq=1) for shard in range(SHARDS)]
    stream.publish(REPORTS, reports)
    stream.publish(ACTIONS, actions)
    await stream.start()
    try:
        sent = {topic: await read(broker, f"{name}.{topic}", 1) for topic in (REPORTS, ACTIONS)}
    finally:
        await stream.stop()
    for topic, (record,) in sent.items():
        event = parsed(record)
        assert (event.get_type(), event.get_source()) == (f"io.penstock.{topic}.v2", "/penstock/d")
        together = Messages.FromString(record.value)
        assert list(together.shards) == list(range(SHARDS))
    (first,), (second,) = sent.values()
    assert [ReportBatch.FromString(body) for body in Messages.FromString(first.value).messages] == reports
    assert [ActionBatch.FromString(body) for body in Messages.FromString(second.value).messages] == actions


async def test_a_topic_that_somebody_made_with_other_partitions_is_read_whole(broker: str) -> None:
    name, got = f"t-{uuid.uuid4().hex[:8]}", list[Any]()
    await client.ensure_topics(broker, {f"{name}.{EVENTS}": 3}, {})
    log = Log(SHARDS)
    stream = KafkaStream(broker, shards=SHARDS, deployment="d", prefix=name, partitions=2)
    stream.subscribe(EVENTS, got.extend)
    stream.attach_source(log)
    await stream.start()
    try:
        async with asyncio.timeout(WAIT_S):
            while not stream.is_connected:
                await asyncio.sleep(0.02)
            stream.publish(
                EVENTS, [log.append(shard, [Event(run_id=bytes(15) + bytes([shard]))]) for shard in range(4)]
            )
            while len(got) < SHARDS:
                await asyncio.sleep(0.02)
        records = await read(broker, f"{name}.{EVENTS}", SHARDS)
    finally:
        await stream.stop()
    assert {int(record.key): record.partition for record in records} == {0: 0, 1: 1, 2: 2, 3: 0}
    assert stream.dead_letters == 0
