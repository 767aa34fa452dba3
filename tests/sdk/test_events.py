"""The public events as a program outside reads them: from each start, each once, whatever else is on the topic."""

import asyncio
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from hypothesis import given
from hypothesis import strategies as some
from penstock.client.run_id import new_run_id
from penstock.events import (
    Bookmark,
    Event,
    EventReader,
    EventsLost,
    Now,
    Run,
    RunExpired,
    Shard,
    Start,
    Time,
    UnreadableEvent,
    read,
)
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


async def expire(address: str, name: str) -> None:
    """Delete all that a topic has, as retention does."""
    consumer, admin = AIOKafkaConsumer(bootstrap_servers=address), AIOKafkaAdminClient(bootstrap_servers=address)
    await consumer.start()
    await admin.start()
    try:
        ends = await consumer.end_offsets([TopicPartition(name, partition) for partition in range(PARTITIONS)])
        await admin.delete_records({one: RecordsToDelete(before_offset=end) for one, end in ends.items()})
    finally:
        await admin.close()
        await consumer.stop()


async def bookmarked(there: Topic) -> Bookmark:
    """Read what there is, and return the place."""
    reader = EventReader(there.address, Time(datetime.fromtimestamp(0, UTC)), topic=there.name, follow=False)
    async with aclosing(reader.events()) as events:
        async for _ in events:
            pass
    return reader.bookmark


@pytest.mark.parametrize("newer", [False, True])
async def test_a_hole_between_a_bookmark_and_the_topic_is_an_error(broker: str, newer: bool) -> None:
    async with topic(broker) as there:
        await there.put(0, 1, *some_events(2))
        await there.put(1, 1, *some_events(1))
        start = await bookmarked(there)
        await there.put(0, 3, *some_events(2))
        await there.put(2, 1, *some_events(5))  # a shard that the reader has not seen
        await expire(broker, there.name)
        if newer:
            await there.put(2, 6, *some_events(1))
        async with aclosing(read(broker, start, topic=there.name)) as events:
            with pytest.raises(EventsLost, match="retention") as lost:
                await anext(events)
        assert lost.value.partitions == {0: 2}, "two records of partition 0; nothing was lost of the other one"


async def test_who_skips_a_hole_is_told_all_that_is_missing(broker: str) -> None:
    async with topic(broker) as there:
        await there.put(0, 1, *some_events(2))
        start = await bookmarked(there)
        await there.put(0, 3, *some_events(2))
        await there.put(2, 1, *some_events(5))
        await expire(broker, there.name)
        await there.put(2, 6, *some_events(2))
        await there.put(0, 5, *some_events(1))
        await there.put(1, 1, *some_events(1))  # of a partition that has lost nothing
        reader = EventReader(broker, start, topic=there.name, follow=False, skip_lost=True)
        async with aclosing(reader.events()) as events:
            missed = {(event.shard, event.seq): event.missed async for event in events}
        assert missed == {(2, 6): 5, (2, 7): 0, (0, 5): 2, (1, 1): 0}
        assert reader.lost == {0: 2}


async def test_a_hole_that_opens_while_reading_is_an_error(broker: str) -> None:
    async with topic(broker) as there, asyncio.timeout(WAIT_S):
        await there.put(0, 1, *some_events(1))
        async with aclosing(read(broker, Time(datetime.fromtimestamp(0, UTC)), topic=there.name)) as events:
            assert (await anext(events)).seq == 1
            # More than the client has fetched already.
            for seq in range(2, 12):
                padding = ev.ActionFailed(failure=ev.Failure(traceback="x" * 900_000))
                await there.put(0, seq, of(RUN, action_failed=padding))
            await expire(broker, there.name)
            await there.put(0, 12, *some_events(1))
            with pytest.raises(EventsLost):
                seqs = [2]
                async for event in events:
                    assert event.seq == seqs[-1] + (len(seqs) > 1) and event.missed == 0, "nothing is passed over"
                    seqs.append(event.seq)


def old_run_id(shard: int) -> uuid.UUID:
    at_ms = int(time.time() * 1000) - 3_600_000
    return uuid.UUID(int=(at_ms << 80) | (7 << 76) | (2 << 62) | shard)


@pytest.mark.parametrize("follow", [True, False])
async def test_a_run_that_has_expired_ends(broker: str, follow: bool) -> None:
    async with topic(broker) as there, asyncio.timeout(WAIT_S):
        run_id = old_run_id(2)
        await there.put(2, 1, of(run_id, run_submitted=ev.RunSubmitted()), of(run_id, run_ended=ev.RunEnded()))
        await expire(broker, there.name)
        for _ in range(2):  # with nothing newer on the topic, and with something
            async with aclosing(read(broker, Run(run_id, SHARDS), topic=there.name, follow=follow)) as events:
                with pytest.raises(RunExpired, match=str(run_id)):
                    await anext(events)
            await there.put(0, 1, *some_events(1))


async def test_a_run_whose_beginning_has_expired_is_not_told_in_part(broker: str) -> None:
    async with topic(broker) as there, asyncio.timeout(WAIT_S):
        run_id = old_run_id(2)
        await there.put(2, 1, of(run_id, run_submitted=ev.RunSubmitted()))
        await expire(broker, there.name)
        await there.put(2, 2, of(run_id, run_ended=ev.RunEnded()))
        async with aclosing(read(broker, Run(run_id, SHARDS), topic=there.name)) as events:
            with pytest.raises(RunExpired, match="lacks the first events"):
                await anext(events)
        async with aclosing(read(broker, Run(run_id, SHARDS), topic=there.name, skip_lost=True)) as events:
            assert [event.kind async for event in events] == ["run_ended"]


async def test_a_run_that_was_just_submitted_is_waited_for(broker: str) -> None:
    run_id = new_run_id()
    start = Run(run_id, SHARDS)
    async with topic(broker) as there, asyncio.timeout(WAIT_S):
        events = read(broker, start, topic=there.name)
        first = asyncio.create_task(anext(events))
        await asyncio.sleep(1.5)
        assert not first.done()
        await there.put(start.shard, 1, of(run_id, run_submitted=ev.RunSubmitted()))
        assert (await first).kind == "run_submitted"
        await events.aclose()


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
