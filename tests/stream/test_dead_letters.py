"""What comes on a topic and cannot be true: put aside with the reason, and the partition goes on."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import cycle

import pytest
from penstock_proto.dependency_manager.v1.actions_pb2 import ActionBatch, Instruction, Start
from penstock_proto.state_tracker.v1.events_pb2 import Event, EventBatch, RunEnded
from penstock_proto.state_tracker.v1.reports_pb2 import Report, ReportBatch, Started, Succeeded
from penstock_proto.stream.v1.record_pb2 import Messages
from penstock_stream import measures
from penstock_stream.kafka import client, cloudevents
from penstock_stream.kafka.dead_letters import BODY_BYTES_MAX, HEADER_BYTES_MAX, HEADERS_MAX, DeadLetter
from penstock_stream.kafka.stream import KafkaStream
from penstock_stream.stream import ACTIONS, EVENTS, REPORTS, Message
from prometheus_client import REGISTRY

from tests.stream.kafka_records import Writer, read
from tests.waiting import WAIT_S

SHARDS = 4
PARTITIONS = 2
DEPLOYMENT = "test"
SOURCE = f"/penstock/{DEPLOYMENT}"


def run(shard: int) -> bytes:
    return bytes(15) + bytes([shard % 256])


def true_message(topic: str, shard: int) -> Message:
    """A message that any reader takes."""
    match topic:
        case "events":
            return EventBatch(shard=shard, epoch=1, from_seq=1, recorded_at_us=1, events=[Event(run_id=run(shard))])
        case "actions":
            starts = [Instruction(start=Start(run_id=run(shard)))]
            return ActionBatch(shard=shard, epoch=1, from_seq=0, to_seq=1, instructions=starts)
        case _:
            return ReportBatch(shard=shard, reports=[Report(run_id=run(shard), started=Started())])


def headers(topic: str, **changes: bytes) -> dict[str, bytes | None]:
    message = true_message(topic, 0)
    return dict(cloudevents.headers(topic, SOURCE, message, message.SerializeToString())) | changes


@asynccontextmanager
async def reading(broker: str, topic: str, prefix: str) -> AsyncIterator[tuple[KafkaStream, list[Message]]]:
    """A process that reads a topic, and what it got; it has joined when this begins."""
    got: list[Message] = []
    stream = KafkaStream(broker, shards=SHARDS, deployment=DEPLOYMENT, prefix=prefix, partitions=PARTITIONS)
    stream.subscribe(topic, got.extend, range(SHARDS))
    await stream.start()
    try:
        await until(lambda: stream.is_connected)
        yield stream, got
    finally:
        await stream.stop()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not true():
            await asyncio.sleep(0.02)


def prefix() -> str:
    return f"t-{uuid.uuid4().hex[:8]}"


def lies(topic: str) -> list[tuple[str, int, bytes | None, dict[str, bytes | None]]]:
    """What must not be believed: a part of the reason, partition, body, headers."""
    true = headers(topic)

    def body(message: Message) -> bytes:
        return message.SerializeToString()

    other_run = run(1)
    forged: Message = {
        EVENTS: EventBatch(shard=0, epoch=1, from_seq=1, events=[Event(run_id=other_run)]),
        ACTIONS: ActionBatch(
            shard=0, epoch=1, to_seq=1, instructions=[Instruction(start=Start(run_id=other_run, plan=b"p"))]
        ),
        REPORTS: ReportBatch(shard=0, reports=[Report(run_id=other_run)]),
    }[topic]
    no_id: Message = {
        EVENTS: EventBatch(shard=0, epoch=1, from_seq=1, events=[Event(run_id=b"short")]),
        ACTIONS: ActionBatch(shard=0, epoch=1, to_seq=1, instructions=[Instruction(start=Start(run_id=b"short"))]),
        REPORTS: ReportBatch(shard=0, reports=[Report(run_id=b"short")]),
    }[topic]
    told = [
        ("ce_specversion", 0, b"no header at all", {}),
        ("ce_type", 0, b"", true | {"ce_type": None}),
        ("ce_specversion is '0.3'", 0, body(true_message(topic, 0)), true | {"ce_specversion": b"0.3"}),
        (f"io.penstock.{topic}.v9", 0, b"", true | {"ce_type": f"io.penstock.{topic}.v9".encode()}),
        ("ce_type", 0, b"", true | {"ce_type": b"\xff\xfe" * 5_000}),
        ("/penstock/another", 0, body(true_message(topic, 0)), true | {"ce_source": b"/penstock/another"}),
        ("the body is no", 0, b"\xff\xff\xff not protobuf", true),
        ("shard 99 of 4", 0, body(true_message(topic, 99)), true),
        ("shard -1 of 4", 0, body(true_message(topic, -1)), true),
        ("shard 1 does not belong on partition 0", 0, body(true_message(topic, 1)), true),
        ("does not belong to shard 0", 0, body(forged), true),
        ("does not belong to shard 0", 0, body(no_id), true),
        ("the body has 5,000,000 bytes", 0, bytes(5_000_000), true),
    ]
    if topic != REPORTS:  # nothing at all is a batch of no reports
        told.append(("invalid range", 0, None, true))
    if topic == EVENTS:
        told.append(
            ("recorded_at_us", 0, body(EventBatch(epoch=1, from_seq=1, recorded_at_us=2**62, events=[Event()])), true)
        )
        told.append(("epoch 0", 0, body(EventBatch(shard=0, from_seq=1, events=[Event(run_id=run(0))])), true))
        told.append(("from -5", 0, body(EventBatch(epoch=1, from_seq=-5, events=[Event(run_id=run(0))])), true))
    if topic == ACTIONS:
        told.append(("epoch 0", 0, body(ActionBatch(to_seq=1)), true))
        told.append(("(7, 7]", 0, body(ActionBatch(epoch=1, from_seq=7, to_seq=7)), true))
    return told


@pytest.mark.parametrize("topic", [EVENTS, ACTIONS, REPORTS])
async def test_what_cannot_be_true_is_put_aside_and_the_partition_goes_on(broker: str, topic: str) -> None:
    name, told = prefix(), lies(topic)
    async with reading(broker, topic, name) as (stream, got), Writer(broker, f"{name}.{topic}") as writer:
        stop = measures.register(stream)
        counted = REGISTRY.get_sample_value("penstock_dead_letters_total") or 0
        keys = cycle([b"0", b"9" * 5_000, b"\xff", b""])
        offsets = [await writer.put(partition, body, given, next(keys)) for _, partition, body, given in told]
        await writer.put(0, true_message(topic, 2).SerializeToString(), headers(topic), b"2")
        await until(lambda: bool(got))
        assert [message.shard for message in got] == [2]
        assert stream.dead_letters == len(told)
        assert REGISTRY.get_sample_value("penstock_dead_letters_total") == counted + len(told)
        stop()
        letters = {
            int(dict(letter.headers)["penstock_origin"].decode().split("/")[2]): letter
            for letter in await read(broker, f"{name}.dead-letter", len(told))
        }
    for offset, (reason, partition, body, _) in zip(offsets, told, strict=True):
        found = dict(letters[offset].headers)
        assert reason in found["penstock_reason"].decode()
        assert found["penstock_origin"].decode() == f"{name}.{topic}/{partition}/{offset}"
        assert int(found["penstock_body_bytes"]) == len(body or b"")
        assert letters[offset].value == (body or b"")[:BODY_BYTES_MAX]


def test_a_dead_letter_is_never_large() -> None:
    given = [("h" * 5_000, b"v" * 5_000)] * 1_000
    letter = DeadLetter("topic/0/1", "r" * 5_000, b"k" * 5_000, b"b" * 8 * 2**20, given).outgoing()
    total = len(letter.key) + len(letter.value) + sum(len(name) + len(value) for name, value in letter.headers)
    assert total < BODY_BYTES_MAX + (HEADERS_MAX + 3) * 2 * HEADER_BYTES_MAX < 256 * 1024


async def test_a_message_that_a_follower_refuses_is_put_aside(broker: str) -> None:
    name = prefix()
    async with reading(broker, EVENTS, name) as (stream, _):
        stream.refuse(EVENTS, true_message(EVENTS, 3), "epoch 9, of which no owner knows")
        (letter,) = await read(broker, f"{name}.dead-letter", 1)
    found = dict(letter.headers)
    assert (found["penstock_reason"], found["penstock_origin"]) == (
        b"epoch 9, of which no owner knows",
        f"{name}.events".encode(),
    )
    assert cloudevents.decode(EVENTS, SOURCE, letter.headers, letter.value) == [true_message(EVENTS, 3)]


async def test_a_message_that_the_topic_does_not_take_is_put_aside_and_the_rest_goes_on(broker: str) -> None:
    """Administrators may have made the topic themselves, with a limit of theirs."""
    name = prefix()
    await client.ensure_topics(broker, {f"{name}.reports": PARTITIONS}, {"max.message.bytes": "20000"})
    large = ReportBatch(shard=0, reports=[Report(run_id=run(0), worker="w" * 30_000, started=Started())])
    small = [
        ReportBatch(shard=0, reports=[Report(run_id=run(0), grant=grant, worker="w" * 5_000, started=Started())])
        for grant in range(20)
    ]
    async with reading(broker, REPORTS, name) as (_, got):
        sender = KafkaStream(broker, shards=SHARDS, deployment=DEPLOYMENT, prefix=name, partitions=PARTITIONS)
        await sender.start()
        sender.publish(REPORTS, [*small[:10], large, *small[10:]])
        await until(lambda: len(got) == len(small))
        assert got == small
        assert sender.dead_letters == 1
        (letter,) = await read(broker, f"{name}.dead-letter", 1)
        await sender.stop()
    assert "rejected a record of 30," in dict(letter.headers)["penstock_reason"].decode()


def many(topic: str, *messages: Message, shards: Sequence[int] | None = None) -> tuple[bytes, dict[str, bytes | None]]:
    """The body and the headers of a record that carries several messages."""
    shards = [message.shard for message in messages] if shards is None else shards
    body = Messages(messages=[message.SerializeToString() for message in messages], shards=shards).SerializeToString()
    return body, dict(cloudevents.headers_of_many(topic, SOURCE, body))


@pytest.mark.parametrize("topic", [ACTIONS, REPORTS])
async def test_a_record_of_several_messages_is_read_beside_records_of_one(broker: str, topic: str) -> None:
    name = prefix()
    several, marks = many(topic, true_message(topic, 0), true_message(topic, 2))
    unmarked, unmarked_marks = many(topic, true_message(topic, 2), shards=[])
    alone = true_message(topic, 0)
    async with reading(broker, topic, name) as (stream, got), Writer(broker, f"{name}.{topic}") as writer:
        await writer.put(0, several, marks)
        await writer.put(0, alone.SerializeToString(), headers(topic), b"0")
        await writer.put(0, unmarked, unmarked_marks)
        await until(lambda: len(got) == 4)
        assert stream.dead_letters == 0
    assert [message.shard for message in got] == [0, 2, 0, 2]


@pytest.mark.parametrize("topic", [ACTIONS, REPORTS])
async def test_one_lie_among_several_messages_is_put_aside_alone(broker: str, topic: str) -> None:
    name = prefix()
    lie = {
        ACTIONS: ActionBatch(shard=0, epoch=1, to_seq=1, instructions=[Instruction(start=Start(run_id=run(1)))]),
        REPORTS: ReportBatch(shard=0, reports=[Report(run_id=run(1))]),
    }[topic]
    elsewhere = true_message(topic, 1)  # of the other partition
    body, marks = many(topic, true_message(topic, 2), lie, elsewhere, true_message(topic, 0))
    damaged, damaged_marks = many(topic, true_message(topic, 2))
    damaged = damaged[:-1]
    async with reading(broker, topic, name) as (stream, got), Writer(broker, f"{name}.{topic}") as writer:
        await writer.put(0, body, marks)
        await writer.put(0, damaged, damaged_marks)
        await until(lambda: stream.dead_letters == 3)
        letters = await read(broker, f"{name}.dead-letter", 3)
    assert [message.shard for message in got] == [2, 0]
    reasons = sorted(dict(letter.headers)["penstock_reason"].decode() for letter in letters)
    assert (
        "does not belong to shard 0" in reasons[0]
        and "shard 1 does not belong on partition 0" in reasons[1]
        and "the body is no" in reasons[2]
    )
    values = [letter.value for letter in letters]
    assert lie.SerializeToString() in values and elsewhere.SerializeToString() in values and damaged in values
    of_lie = next(letter for letter in letters if letter.value == lie.SerializeToString())
    assert cloudevents.decode(topic, SOURCE, of_lie.headers, of_lie.value) == [lie]


async def test_of_several_messages_only_those_of_wanted_shards_are_decoded(broker: str) -> None:
    name, got = prefix(), list[Message]()
    stream = KafkaStream(broker, shards=SHARDS, deployment=DEPLOYMENT, prefix=name, partitions=1)
    stream.subscribe(ACTIONS, got.extend, [0, 3])
    await stream.start()
    body, marks = many(ACTIONS, *(true_message(ACTIONS, shard) for shard in range(SHARDS)))
    damaged = Messages.FromString(body)
    damaged.messages[1] = b"\xff\xff"  # nobody reads it
    try:
        async with Writer(broker, f"{name}.{ACTIONS}") as writer:
            await until(lambda: stream.is_connected)
            await writer.put(0, damaged.SerializeToString(), marks)
            await until(lambda: len(got) == 2)
        assert stream.dead_letters == 0
    finally:
        await stream.stop()
    assert [message.shard for message in got] == [0, 3]


async def test_what_later_versions_add_is_no_lie(broker: str) -> None:
    name = prefix()
    later = true_message(EVENTS, 2).SerializeToString() + b"\x9a\x3f\x03new"  # field 1011
    kind = Event(run_id=run(2)).SerializeToString() + b"\xa2\x3f\x02hi"  # field 1012: an event of a kind to come
    later += b"\x2a" + bytes([len(kind)]) + kind
    async with reading(broker, EVENTS, name) as (stream, got), Writer(broker, f"{name}.events") as writer:
        await writer.put(0, later, headers(EVENTS, ce_extension=b"new"), b"2")
        await until(lambda: bool(got))
        assert stream.dead_letters == 0
    (batch,) = got
    assert isinstance(batch, EventBatch)
    assert [event.WhichOneof("kind") for event in batch.events] == [None, None]
    assert EventBatch.FromString(batch.SerializeToString()) == EventBatch.FromString(later)
    assert b"\x03new" in batch.SerializeToString() and b"\x02hi" in batch.SerializeToString()


def test_an_id_names_one_message() -> None:
    def identity(topic: str, message: Message) -> bytes:
        return dict(cloudevents.headers(topic, SOURCE, message, message.SerializeToString()))["ce_id"]

    started = ReportBatch(shard=1, reports=[Report(run_id=run(1), grant=5, started=Started())])
    succeeded = ReportBatch(shard=1, reports=[Report(run_id=run(1), grant=5, succeeded=Succeeded())])
    assert identity(REPORTS, started) == identity(REPORTS, ReportBatch.FromString(started.SerializeToString()))
    assert identity(REPORTS, started) != identity(REPORTS, succeeded)
    ended = EventBatch(shard=1, epoch=1, from_seq=2, events=[Event(run_id=run(1), run_ended=RunEnded())])
    assert identity(EVENTS, ended) != identity(EVENTS, true_message(EVENTS, 1))
