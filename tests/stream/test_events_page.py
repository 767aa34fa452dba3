"""docs/events.md says what is so: its tables are those of the schema, and its consumers work."""

import re
import uuid
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from penstock_proto.state_tracker.v1.events_pb2 import ActionFailed, Event, EventBatch, Failure
from penstock_stream.kafka import client, cloudevents
from penstock_stream.kafka.dead_letters import DeadLetter
from penstock_stream.kafka.stream import PARTITIONS
from penstock_stream.source import RETENTION_S
from penstock_stream.stream import EVENTS

from tests.stream.kafka_records import Writer

PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def table(first_column: str) -> list[list[str]]:
    """The cells of the table whose first column has this title."""
    (rows,) = re.findall(rf"^\| {first_column} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows.splitlines()]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]*)`", cell)


def test_the_table_of_kinds_is_that_of_the_schema() -> None:
    shown = [(int(number), code(kind), code(fields)) for number, kind, fields, _ in table("number")]
    kinds = sorted(Event.DESCRIPTOR.oneofs_by_name["kind"].fields, key=lambda kind: kind.number)
    assert shown == [(kind.number, [kind.name], [field.name for field in kind.message_type.fields]) for kind in kinds]


def test_the_batch_is_that_of_the_schema() -> None:
    (message,) = re.findall(r"message EventBatch \{\n(.*?)\n\}", PAGE, re.DOTALL)
    shown = [(name, int(number)) for name, number in re.findall(r"(\w+) = (\d+);", message)]
    assert shown == [(field.name, field.number) for field in EventBatch.DESCRIPTOR.fields]


def test_the_headers_are_those_that_are_written() -> None:
    batch = EventBatch(shard=3, epoch=2, from_seq=5, recorded_at_us=1, events=[Event(run_id=bytes(16))])
    written = [name for name, _ in cloudevents.headers(EVENTS, "/penstock/d", batch, b"")]
    shown = [name for header, *_ in table("header") for name in code(header)]
    assert sorted(shown) == sorted(written)
    letter = DeadLetter("topic/0/0", "why", b"", b"", []).outgoing()
    assert [name for header, _ in table("header of a dead letter") for name in code(header)] == [
        name for name, _ in letter.headers
    ]


def test_the_numbers_are_those_of_the_code() -> None:
    facts = {row[0]: row[1] for row in re.findall(r"^\| ([a-z]+) \| (.*) \|$", PAGE, re.MULTILINE)}
    assert facts["partitions"].startswith(f"{PARTITIONS}, ")
    assert facts["retention"] == f"{RETENTION_S // 86_400} days"


@pytest.fixture
async def topic(broker: str) -> str:
    """A topic with a failure, garbage, a repeat and a gap."""
    name = f"t-{uuid.uuid4().hex[:8]}.events"
    await client.ensure_topics(broker, {name: PARTITIONS}, {})
    failed = Event(run_id=bytes(16), action_failed=ActionFailed(node=1, failure=Failure(message="no such file")))
    async with Writer(broker, name) as writer:
        for from_seq, count in ((1, 2), (1, 3), (6, 1)):
            batch = EventBatch(shard=0, epoch=1, from_seq=from_seq, recorded_at_us=1, events=[failed] * count)
            body = batch.SerializeToString()
            headers = dict(cloudevents.headers(EVENTS, "/penstock/d", batch, body))
            await writer.put(0, body, headers)
            await writer.put(0, b"\xffgarbage", headers)
            await writer.put(0, body, {})
    return name


async def test_the_consumer_of_the_page_works(broker: str, topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    consumer: dict[str, Any] = {}
    exec(PYTHON[0], consumer)
    last = {0: 1}
    async with aclosing(consumer["events"](broker, topic, last)) as events:
        seen = [(await anext(events))[:2] for _ in range(3)]
    assert seen == [(0, 2), (0, 3), (0, 6)] and last == {0: 6}
    assert capsys.readouterr().out == "shard 0: 4 to 5 are missing; see Read\n"


async def test_the_consumer_of_the_page_tells_of_a_hole(broker: str, topic: str) -> None:
    consumer: dict[str, Any] = {}
    exec(PYTHON[0], consumer)
    offsets: dict[int, int] = {}
    async with aclosing(consumer["events"](broker, topic, {}, offsets)) as events:
        await anext(events)
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=9)})
    await admin.close()
    async with aclosing(consumer["events"](broker, topic, {}, offsets)) as events:
        with pytest.raises(LookupError, match="records 1 to 8 are gone"):
            await anext(events)


async def test_the_readers_example_works(broker: str, topic: str) -> None:
    example: dict[str, Any] = {}
    exec(PYTHON[1].replace("read(kafka, start", f"read(kafka, start, topic={topic!r}"), example)
    assert await example["failures_of_the_last_hour"](broker) == ["no such file"] * 4
