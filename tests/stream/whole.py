"""What the public topic holds, checked as a stranger would: each shard's log in order and without a gap."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer
from penstock_proto.state_tracker.v1.events_pb2 import Event, EventBatch

from tests.waiting import WAIT_S


async def whole(address: str, topic: str, heads: Mapping[int, int]) -> dict[int, list[Event]]:
    """Read a topic from its beginning until it has every shard up to its head; return the shards' events.

    A range that comes again, as after a lost acknowledgement, is dropped; one after a gap fails the test.
    """
    events: dict[int, list[Event]] = {shard: [] for shard in heads}
    consumer: Any = AIOKafkaConsumer(topic, bootstrap_servers=address, auto_offset_reset="earliest", group_id=None)
    async with asyncio.timeout(WAIT_S):
        await consumer.start()
        try:
            while any(len(events[shard]) < head for shard, head in heads.items()):
                batch = EventBatch.FromString((await consumer.getone()).value)
                had = len(events[batch.shard])
                assert batch.from_seq <= had + 1, f"shard {batch.shard}: {batch.from_seq} comes after {had}"
                events[batch.shard] += list(batch.events)[had + 1 - batch.from_seq :]
        finally:
            await consumer.stop()
    return events
