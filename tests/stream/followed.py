"""Logs to follow, and a follower of them that sums up what it saw, for tests."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from penstock_proto.state_tracker.v1.events_pb2 import Event, EventBatch
from penstock_stream.errors import OutOfRange, UpstreamAway
from penstock_stream.follower import Follower, Head, Snapshot
from penstock_stream.local import LocalStream
from penstock_stream.stream import EVENTS
from penstock_stream.upstreams import event_span

from tests.waiting import WAIT_S

SHARDS = 3


class Logs:
    """An upstream service whose logs hold the numbers 1, 2, ..., as run ids; it can be away, or forget."""

    def __init__(self, address: str = "logs", shards: range = range(SHARDS)) -> None:
        self.address = address
        self.seqs = dict.fromkeys(shards, 0)
        self.epoch = 1
        self.away = False
        self.kept_from = 1
        self.snapshots = 0
        self.reads = 0

    def append(self, shard: int, count: int) -> EventBatch:
        first = self.seqs[shard] + 1
        self.seqs[shard] += count
        return batch(shard, first, self.seqs[shard], self.epoch)

    async def heads(self) -> Sequence[Head]:
        self._check()
        return [Head(shard, self.epoch, seq) for shard, seq in self.seqs.items()]

    async def read(self, shard: int, after_seq: int) -> AsyncIterator[EventBatch]:
        self._check()
        self.reads += 1
        if after_seq + 1 < self.kept_from:
            raise OutOfRange("too old")
        for first in range(after_seq + 1, self.seqs[shard] + 1, 2):
            await asyncio.sleep(0)
            yield batch(shard, first, min(first + 1, self.seqs[shard]), self.epoch)

    async def snapshot(self, shard: int) -> Snapshot:
        self._check()
        self.snapshots += 1
        seq = self.seqs[shard]
        await asyncio.sleep(0.001)
        return Snapshot(shard, self.epoch, seq, list(range(1, seq + 1)))

    def _check(self) -> None:
        if self.away:
            raise UpstreamAway("not now")


class Sums:
    """A consumer that keeps what it saw of each shard."""

    def __init__(self) -> None:
        self.seen: dict[int, list[int]] = {shard: [] for shard in range(SHARDS)}
        self.refuse = False
        self.fail_at = 0

    def apply(self, batch: EventBatch, after_seq: int) -> bool:
        if self.refuse:
            return False
        fresh = [int.from_bytes(event.run_id, "big") for event in batch.events]
        if self.fail_at in fresh:
            self.fail_at = 0
            raise ValueError("cannot take it")
        self.seen[batch.shard] += [number for number in fresh if number > after_seq]
        return True

    async def load(self, snapshot: Snapshot) -> None:
        await asyncio.sleep(0.001)
        self.seen[snapshot.shard] = list(snapshot.items)

    def flush(self) -> None:
        pass


def batch(shard: int, first: int, last: int, epoch: int = 1) -> EventBatch:
    events = [Event(run_id=number.to_bytes(16, "big")) for number in range(first, last + 1)]
    return EventBatch(shard=shard, epoch=epoch, from_seq=first, events=events)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not true():
            await asyncio.sleep(0.005)


class World:
    def __init__(self, *upstreams: Logs) -> None:
        self.stream = LocalStream()
        self.consumer = Sums()
        self.follower = Follower(
            stream=self.stream,
            topic=EVENTS,
            upstreams=upstreams,
            shards=range(SHARDS),
            span=event_span,
            consumer=self.consumer,
        )
        self.upstreams = upstreams

    def whole(self) -> bool:
        expected = {shard: list(range(1, seq + 1)) for logs in self.upstreams for shard, seq in logs.seqs.items()}
        return self.consumer.seen == expected

    async def __aenter__(self) -> "World":
        await self.stream.start()
        await self.follower.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.follower.stop()
        await self.stream.stop()
