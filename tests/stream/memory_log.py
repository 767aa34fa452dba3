"""A log in memory, for tests of what reads it."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence

from penstock_proto.state_tracker.v1.events_pb2 import Event, EventBatch
from penstock_stream.source import Published


class Log:
    """What the State Tracker has in Postgres."""

    def __init__(self, shards: int) -> None:
        self.batches: dict[int, list[EventBatch]] = {shard: [] for shard in range(shards)}
        self.saved: dict[int, Published] = {}

    def append(self, shard: int, events: Sequence[Event] = (), at_us: int = 1) -> EventBatch:
        """Commit a range; without events, one that means nothing."""
        events = events or [Event(run_id=bytes(15) + bytes([shard]))]
        batch = EventBatch(shard=shard, epoch=1, from_seq=self.heads()[shard] + 1, recorded_at_us=at_us, events=events)
        self.batches[shard].append(batch)
        return batch

    def heads(self) -> Mapping[int, int]:
        return {shard: sum(len(b.events) for b in batches) for shard, batches in self.batches.items()}

    async def published(self, shards: Collection[int]) -> Mapping[int, Published]:
        return {shard: self.saved[shard] for shard in shards if shard in self.saved}

    async def save_published(self, positions: Mapping[int, Published]) -> None:
        self.saved |= positions

    async def oldest(self, shards: Collection[int]) -> Mapping[int, int]:
        return {}

    async def read(self, shard: int, after_seq: int) -> AsyncIterator[EventBatch]:
        for batch in self.batches[shard]:
            if batch.from_seq > after_seq:
                yield batch
