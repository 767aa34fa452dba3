"""The public events as a program outside reads them: from each start, each once, whatever else is on the topic."""

import asyncio
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as some
from penstock.client.run_id import new_run_id
from penstock.events import Bookmark, Event, EventReader, Now, Run, Shard, Start, Time, UnreadableEvent, read
from penstock.events.records import decode
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_stack.kafka import EmbeddedKafka
from penstock_stream.kafka import client, cloudevents
from pydantic import TypeAdapter

from tests.stream.kafka_records import Writer
from tests.waiting import WAIT_S

PARTITIONS = 2
SHARDS = 4
RUN = uuid.UUID(int=0)  # of shard 0

Kind = dict[str, object]


class Topic:
    """A topic of its own, and what is put there as a State Tracker does."""

    def __init__(self, address: str, name: str, writer: Writer) -> None:
        self.address, self.name, self._writer = address, name, writer

    async def put(self, shard: int, from_seq: int, *events: ev.Event, at: datetime | None = None) -> None:
        batch = ev.EventBatch(shard=shard, epoch=1, from_seq=from_seq, recorded_at_us=1_000_000, events=events)
        body = batch.SerializeToString()
        headers = dict(cloudevents.headers("events", "/penstock/test", batch, body))
        at_ms = None if at is None else int(at.timestamp() * 1000)
        await self._writer.put(shard % PARTITIONS, body, headers, b"%d" % shard, at_ms)

    async def put_garbage(self, partition: int, body: bytes, **headers: bytes) -> None:
        await self._writer.put(partition, body, headers)

    async def now(self, start: Start) -> list[tuple[int, int]]:
        """Return (shard, seq) of all that the topic has from there on."""
        async with aclosing(read(self.address, start, topic=self.name, follow=False)) as events:
            return [(event.shard, event.seq) async for event in events]


@asynccontextmanager
async def topic(address: str) -> AsyncIterator[Topic]:
    name = f"t-{uuid.uuid4().hex[:8]}.events"
    await client.ensure_topics(address, {name: PARTITIONS}, {})
    async with Writer(address, name) as writer:
        yield Topic(address, name, writer)


def of(run_id: uuid.UUID, **kind: object) -> ev.Event:
    return ev.Event(run_id=run_id.bytes, **kind)  # type: ignore[arg-type]


def some_events(count: int) -> list[ev.Event]:
    return [of(RUN, action_started=ev.ActionStarted(node=node)) for node in range(count)]


async def test_a_shard_from_its_beginning_each_event_once(broker: str) -> None:
    async with topic(broker) as there:
        await there.put(0, 1, *some_events(3))
        await there.put(2, 1, *some_events(2))  # on the same partition
        await there.put(0, 1, *some_events(3))  # again, as after a lost acknowledgement
        await there.put(0, 2, *some_events(4))  # cut otherwise, as after a refill
        assert await there.now(Shard(0)) == [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5)]
        assert await there.now(Shard(2)) == [(2, 1), (2, 2)]
        assert await there.now(Shard(1)) == []


async def test_a_run_from_its_submission_to_its_end(broker: str) -> None:
    run_id, other = new_run_id(), new_run_id()
    start = Run(run_id, SHARDS)
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    async with topic(broker) as there, asyncio.timeout(WAIT_S):
        await there.put(start.shard, 1, *some_events(2), at=long_ago)
        await there.put(start.shard, 3, of(run_id, run_submitted=ev.RunSubmitted(plan_name="p")), of(other))
        await there.put(start.shard, 5, of(run_id, action_succeeded=ev.ActionSucceeded(node=7, attempt=1)))
        await there.put(start.shard, 6, of(run_id, run_ended=ev.RunEnded()), of(run_id))
        async with aclosing(read(broker, start, topic=there.name)) as events:  # ends by itself
            seen = [event async for event in events]
    assert [(event.seq, event.kind, event.run_id) for event in seen] == [
        (3, "run_submitted", run_id),
        (5, "action_succeeded", run_id),
        (6, "run_ended", run_id),
    ]
    assert (seen[1].body.node, seen[0].recorded_at) == (7, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))


async def test_a_run_whose_client_has_a_fast_clock(broker: str) -> None:
    now_ms = int(time.time() * 1000) + 1_800_000
    run_id = uuid.UUID(int=(now_ms << 80) | (7 << 76) | (2 << 62))
    async with topic(broker) as there, asyncio.timeout(WAIT_S):
        begun = [of(run_id, run_submitted=ev.RunSubmitted()), of(run_id, action_started=ev.ActionStarted())]
        await there.put(0, 1, *begun)
        await there.put(0, 3, of(run_id, run_ended=ev.RunEnded()), at=datetime.now(UTC) + timedelta(minutes=50))
        async with aclosing(read(broker, Run(run_id, SHARDS), topic=there.name)) as events:
            seen = [event async for event in events]
    assert [event.kind for event in seen] == ["run_submitted", "action_started", "run_ended"]


async def test_from_a_time_and_from_now(broker: str) -> None:
    async with topic(broker) as there, asyncio.timeout(WAIT_S):
        hour_ago = datetime.now(UTC) - timedelta(hours=1)
        await there.put(0, 1, *some_events(1), at=hour_ago)
        await there.put(0, 2, *some_events(1))
        await there.put(1, 1, *some_events(1))
        assert sorted(await there.now(Time(hour_ago + timedelta(minutes=1)))) == [(0, 2), (1, 1)]
        assert sorted(await there.now(Time(hour_ago))) == [(0, 1), (0, 2), (1, 1)]
        assert await there.now(Time(datetime.now(UTC) + timedelta(days=1))) == []
        assert await there.now(Now()) == []
        reader = EventReader(broker, topic=there.name)
        async with aclosing(reader.events()) as events:
            first = asyncio.create_task(anext(events))
            while not reader.bookmark.offsets:
                await asyncio.sleep(0.02)
            await there.put(0, 3, *some_events(1))
            event = await first
    assert (event.shard, event.seq, event.missed) == (0, 3, 0)


async def test_a_bookmark_goes_on_in_the_middle_of_a_record(broker: str) -> None:
    kept = TypeAdapter(Bookmark)
    async with topic(broker) as there:
        await there.put(0, 1, *some_events(5))
        await there.put(3, 1, *some_events(2))
        seen: list[tuple[int, int]] = []
        start: Start = Time(datetime.fromtimestamp(0, UTC))
        while True:
            reader = EventReader(broker, start, topic=there.name, follow=False)
            async with aclosing(reader.events()) as events:
                event = await anext(events, None)
            if event is None:
                break
            seen.append((event.shard, event.seq))
            start = kept.validate_json(kept.dump_json(reader.bookmark))
    assert sorted(seen) == [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (3, 1), (3, 2)]


async def test_a_gap_is_told_once(broker: str) -> None:
    async with topic(broker) as there:
        await there.put(0, 1, of(RUN, run_submitted=ev.RunSubmitted()))
        await there.put(0, 4, of(uuid.UUID(int=4)), of(RUN))
        await there.put(0, 6, of(RUN))
        for start in (Shard(0), Run(RUN, SHARDS)):
            async with aclosing(read(broker, start, topic=there.name, follow=False)) as events:
                seen = {event.seq: event.missed async for event in events}
            missed_here = {1: 0, 4: 2, 5: 0, 6: 0} if isinstance(start, Shard) else {1: 0, 5: 2, 6: 0}
            assert seen == missed_here


async def test_garbage_is_passed_over_and_counted(broker: str) -> None:
    async with topic(broker) as there:
        await there.put(0, 1, *some_events(1))
        await there.put_garbage(0, b"garbage")
        await there.put_garbage(0, b"", ce_specversion=b"1.0", ce_type=b"io.penstock.events.v2")
        await there.put_garbage(0, b"\xff\xff", ce_specversion=b"1.0", ce_type=b"io.penstock.events.v1")
        lost = ev.EventBatch(shard=1, from_seq=2**60, events=some_events(1)).SerializeToString()
        await there.put_garbage(0, lost, ce_specversion=b"1.0", ce_type=b"io.penstock.events.v1")
        await there.put(0, 2, *some_events(1))
        reader = EventReader(broker, Shard(0), topic=there.name, follow=False)
        async with aclosing(reader.events()) as events:
            assert [event.seq async for event in events] == [1, 2]
        assert reader.unreadable == 4


async def test_a_broker_that_comes_back_empty_and_is_filled_again() -> None:
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        broker = EmbeddedKafka(Path(first))
        await asyncio.to_thread(broker.start)
        again = EmbeddedKafka(Path(second), int(broker.address.rsplit(":", 1)[1]))
        name, seen = "penstock.events", list[int]()
        try:
            await client.ensure_topics(broker.address, {name: PARTITIONS}, {})
            async with Writer(broker.address, name) as writer:
                await Topic(broker.address, name, writer).put(0, 1, *some_events(3))
            async with aclosing(read(broker.address, Shard(0))) as events:
                seen += [(await anext(events)).seq for _ in range(3)]
                await asyncio.to_thread(broker.kill)
                await asyncio.to_thread(again.start)
                await client.ensure_topics(again.address, {name: PARTITIONS}, {})
                async with Writer(again.address, name) as writer:
                    for seq in range(1, 6):
                        await Topic(again.address, name, writer).put(0, seq, *some_events(1))
                for _ in range(2):
                    event = await anext(events)
                    seen.append(event.seq)
                    assert event.missed == 0
        finally:
            await asyncio.to_thread(broker.stop)
            await asyncio.to_thread(again.stop)
    assert seen == [1, 2, 3, 4, 5]


HEADERS = [("ce_specversion", b"1.0"), ("ce_type", b"io.penstock.events.v1")]


@given(some.binary(max_size=200) | some.builds(_batch := lambda **fields: ev.EventBatch(**fields).SerializeToString(),
    shard=some.integers(-(2**31), 2**31 - 1), from_seq=some.integers(-(2**63), 2**63 - 1),
    recorded_at_us=some.integers(-(2**63), 2**63 - 1),
    events=some.lists(some.builds(ev.Event, run_id=some.binary(max_size=17)), max_size=3),
))  # fmt: skip
def test_whatever_is_read_can_be_looked_at(body: bytes) -> None:
    try:
        batch = decode(HEADERS, body)
    except UnreadableEvent:
        return
    for message in batch.events:
        event = Event(batch.shard, batch.from_seq, batch.epoch, batch.recorded_at_us, message)
        assert event.recorded_at.year < 10_000 and len(str(event.run_id)) == 36
        assert (event.body is None) == (event.kind == "")
