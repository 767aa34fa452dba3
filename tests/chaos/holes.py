"""A hole in the public topic: retention took events before a reader came back. It is told, and the log has them."""

import asyncio
import time
import uuid
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from penstock import AsyncClient
from penstock.events import Bookmark, EventReader, EventsLost, Run, RunExpired, Time, read
from penstock_proto.state_tracker.v1 import events_pb2 as ev

from tests.simulation.invariants import Violation, demand

from .checker import topic_partitions
from .suite import Suite

# Runs go on, and their records are lost; then more of them come.
LOST_S: Final = 5.0
NEWER_S: Final = 2.0
READ_BACK: Final = timedelta(seconds=30)
# A reader that waits for longer than this was told nothing.
READ_S_MAX: Final = 120.0
POLL_MS: Final = 500


def make_hole(suite: Suite, dice: Random) -> None:
    """Half of the partitions lose all that they have, between a reader's going and its coming back."""
    call = suite.background.call
    bookmark = call(_bookmark(suite))
    time.sleep(LOST_S)
    partitions = call(topic_partitions(suite.deployment))
    chosen = dice.sample(sorted(partitions), max(1, len(partitions) // 2))
    ends = call(_erase(suite, chosen))
    time.sleep(NEWER_S)
    lost = {one: end - bookmark.offsets[one] for one, end in ends.items() if bookmark.offsets[one] < end}
    call(_demand_told(suite, bookmark, lost, len(partitions)))
    call(_demand_in_log(suite))


async def _bookmark(suite: Suite) -> Bookmark:
    """Read what was published lately; return where that ended."""
    reader = EventReader(suite.topology.kafka.address, Time(datetime.now(UTC) - READ_BACK), follow=False)
    async with asyncio.timeout(READ_S_MAX), aclosing(reader.events()) as events:
        async for _ in events:
            pass
    return reader.bookmark


async def _erase(suite: Suite, partitions: list[TopicPartition]) -> dict[int, int]:
    """Delete all records of partitions, and keep them for the checker; return the ends, by partition."""
    kafka = suite.topology.kafka.address
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await consumer.start()
    await admin.start()
    try:
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        async with asyncio.timeout(READ_S_MAX):
            while any([await consumer.position(one) < end for one, end in ends.items()]):
                for one, records in (await consumer.getmany(timeout_ms=POLL_MS)).items():
                    suite.erased += [record.value for record in records if record.offset < ends[one]]
        await admin.delete_records({one: RecordsToDelete(before_offset=end) for one, end in ends.items()})
    finally:
        await admin.close()
        await consumer.stop()
    return {one.partition: end for one, end in ends.items()}


async def _demand_told(suite: Suite, bookmark: Bookmark, lost: dict[int, int], partitions: int) -> None:
    """A reader that comes back hears of the hole; if it goes on without, each event is read or counted as missed."""
    kafka = suite.topology.kafka.address
    async with asyncio.timeout(READ_S_MAX):
        if lost:
            try:
                async with aclosing(read(kafka, bookmark, follow=False)) as events:
                    async for _ in events:
                        pass
            except EventsLost as error:
                demand(error.partitions == lost, f"a reader was told of {error.partitions}, lost are {lost}")
            else:
                raise Violation(f"a reader was told nothing of a hole in the topic: {lost}")
        reader = EventReader(kafka, bookmark, follow=False, skip_lost=True)
        last = dict(bookmark.seqs)
        async with aclosing(reader.events()) as events:
            async for event in events:
                before = last.get(event.shard, 0 if event.shard % partitions in lost else event.seq - 1)
                demand(
                    event.seq == before + event.missed + 1,
                    f"shard {event.shard}: a reader had {before}, then {event.seq}, and {event.missed} as missed",
                )
                last[event.shard] = event.seq
    demand(reader.lost == lost, f"a reader lost {reader.lost}, and should have lost {lost}")


async def _demand_in_log(suite: Suite) -> None:
    """A run whose events are gone has expired for a reader of the topic; the log tells all of it."""
    run_id = _expired_run(suite.erased)
    if run_id is None:
        return
    try:
        async with asyncio.timeout(READ_S_MAX), aclosing(read(suite.topology.kafka.address, Run(run_id))) as events:
            told = [event.kind async for event in events]
        demand(told[-1:] == ["run_ended"], f"run {run_id} ends with {told[-1:]} for a reader of the topic")
    except RunExpired:
        pass
    except TimeoutError:
        raise Violation(f"a reader of run {run_id}, whose events are gone, was told nothing") from None
    async with AsyncClient(suite.topology.address) as client:
        kinds = [one.event.WhichOneof("kind") async for batch in client.events(run_id, follow=False) for one in batch]
    demand(kinds[:1] == ["run_submitted"] and kinds[-1:] == ["run_ended"], f"the log tells {kinds} of run {run_id}")


def _expired_run(bodies: list[bytes]) -> uuid.UUID | None:
    """Return the run that ended first of those whose events were erased from the first to the last."""
    begun: set[bytes] = set()
    for body in bodies:
        for event in ev.EventBatch.FromString(body).events:
            if event.HasField("run_submitted"):
                begun.add(event.run_id)
            elif event.HasField("run_ended") and event.run_id in begun:
                return uuid.UUID(bytes=event.run_id)
    return None
