"""An iterator over the public events: from a chosen place, each once, whatever happens to the broker."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Final

from penstock_proto.state_tracker.v1 import events_pb2

from .kafka import AWAY, Link, Record, connected, partitions_of
from .records import Event, Order, UnreadableEvent, decode
from .starts import Bookmark, Now, Run, Shard, Start, Time

TOPIC: Final = "penstock.events"
AGAIN_S: Final = 1.0

log = logging.getLogger(__name__)


def read(kafka: str, start: Start | None = None, *, topic: str = TOPIC, follow: bool = True) -> AsyncGenerator[Event]:
    """Yield events, each once, in the order of each shard's log; those of different shards in any order.

    To stop early, use `contextlib.aclosing`; otherwise its connection stays open as long as the event loop.

    Args:
        kafka: HOST:PORT of a broker. An unavailable one is retried.
        start: Where to begin; from now on, if not given.
        follow: Whether to wait for what comes; else it ends with what the topic has now.
    """
    return EventReader(kafka, start, topic=topic, follow=follow).events()


class EventReader:
    """Like `read`, with a bookmark that can be saved and resumed.

    Attributes:
        unreadable: Number of skipped records, which have another version or are invalid.
    """

    def __init__(self, kafka: str, start: Start | None = None, *, topic: str = TOPIC, follow: bool = True) -> None:
        self.unreadable = 0
        self._kafka, self._topic, self._follow = kafka, topic, follow
        self._start: Start = start or Now()
        self._order = Order(dict(start.seqs) if isinstance(start, Bookmark) else {})
        # Of the next record, by partition; empty until reading has begun.
        self._offsets: dict[int, int] = dict(start.offsets) if isinstance(start, Bookmark) else {}
        self._ends: dict[int, int] = {}
        # When the last record of each partition was put there.
        self._seen_at_ms: dict[int, int] = {}
        # The last event before a gap, by shard, that was looked for again.
        self._looked_again: dict[int, int] = {}
        self._partitions = 0
        # Of `Run`: events that are missing since its last one.
        self._missed = 0
        # Of `Run`: whether its submission was seen, or looked for from the topic's beginning.
        self._found = False

    @property
    def bookmark(self) -> Bookmark:
        """Where another reader goes on after the last event that this one yielded."""
        return Bookmark(dict(self._offsets), dict(self._order.seqs))

    async def events(self) -> AsyncGenerator[Event]:
        """As `read`."""
        while True:
            try:
                await self._look_for_topic()
                async with connected(self._kafka, self._topic) as link:
                    await self._begin(link)
                    async with aclosing(self._events(link)) as events:
                        async for event in events:
                            yield event
                    return
            except AWAY as error:
                log.warning("Kafka at %s: %s; reconnecting", self._kafka, str(error) or type(error).__name__)
            await asyncio.sleep(AGAIN_S)

    async def _look_for_topic(self) -> None:
        while not (count := await partitions_of(self._kafka, self._topic)):
            log.warning("Kafka at %s does not have the topic %s yet; retrying", self._kafka, self._topic)
            await asyncio.sleep(AGAIN_S)
        self._partitions = count

    async def _begin(self, link: Link) -> None:
        partitions = range(self._partitions)
        if isinstance(self._start, Shard | Run):
            partitions = [self._start.shard % self._partitions]
        if not self._offsets or not self._ends:
            bounds = await link.bounds(partitions)
            self._ends = {partition: end for partition, (_, end) in bounds.items()}
            self._offsets = await self._first(link, bounds) | self._offsets
        link.assign(partitions)
        for partition in partitions:
            link.seek(partition, self._offsets.get(partition, 0))

    async def _first(self, link: Link, bounds: dict[int, tuple[int, int]]) -> dict[int, int]:
        """Return the offset at which reading begins, by partition."""
        match self._start:
            case Now():
                return dict(self._ends)
            case Time(at_ms=at_ms) | Run(at_ms=at_ms):
                found = await link.at(dict.fromkeys(bounds, at_ms))
                return {p: self._ends[p] if offset is None else offset for p, offset in found.items()}
            case Shard() | Bookmark():
                return {partition: first for partition, (first, _) in bounds.items()}

    async def _events(self, link: Link) -> AsyncGenerator[Event]:
        while self._follow or any(self._offsets[p] < end for p, end in self._ends.items()):
            records = await link.next()
            if not records and not self._follow:
                await self._settle(link)
            again: set[int] = set()
            for record in records:
                if record.partition in again:
                    continue
                batch = self._decoded(record)
                if batch is not None and self._lacks(batch):
                    again.add(record.partition)
                    await self._look_again(link, batch, record)
                    continue
                for event in self._wanted(batch):
                    if isinstance(self._start, Run) and not self._found and event.kind != "run_submitted":
                        again.add(record.partition)
                        await self._look_for_submission(link, record.partition)
                        break
                    self._found = True
                    yield event
                    if isinstance(self._start, Run) and event.kind == "run_ended":
                        return
                if record.partition in again:
                    continue
                self._offsets[record.partition] = record.offset + 1
                self._seen_at_ms[record.partition] = record.at_ms

    async def _settle(self, link: Link) -> None:
        """Nothing came: records without content may lie before the end, and a topic that lost its data ends earlier."""
        for partition, (_, end) in (await link.bounds(list(self._ends))).items():
            self._ends[partition] = min(end, self._ends[partition])
            self._offsets[partition] = await link.position(partition)

    def _decoded(self, record: Record) -> events_pb2.EventBatch | None:
        try:
            batch = decode(record.headers, record.value)
            if batch.shard % self._partitions != record.partition:
                raise UnreadableEvent(f"shard {batch.shard} does not belong on this partition")
            return batch
        except UnreadableEvent as error:
            self.unreadable += 1
            log.warning("%s-%d at %d: %s", self._topic, record.partition, record.offset, error)
            return None

    def _lacks(self, batch: events_pb2.EventBatch) -> bool:
        """Whether events before the range were not seen, and not looked for again yet."""
        shard = batch.shard
        return self._order.missing(batch) > 0 and self._looked_again.get(shard) != self._order.seqs[shard]

    async def _look_again(self, link: Link, batch: events_pb2.EventBatch, record: Record) -> None:
        """Read the partition once more from the time of what came last: a broker may have lost its data meanwhile,
        and offsets that were passed may hold what was filled in again."""
        partition, seq = record.partition, self._order.seqs[batch.shard]
        self._looked_again[batch.shard] = seq
        log.warning("events of shard %d after %d are missing; rereading its partition", batch.shard, seq)
        found = await link.at({partition: self._seen_at_ms.get(partition, 0)})
        offset = found[partition]
        self._offsets[partition] = min(record.offset, record.offset if offset is None else offset)
        link.seek(partition, self._offsets[partition])

    async def _look_for_submission(self, link: Link, partition: int) -> None:
        """The clock of the run's client was far ahead: its events lie before where reading began."""
        self._found, self._order = True, Order({})
        self._offsets = {one: first for one, (first, _) in (await link.bounds([partition])).items()}
        link.seek(partition, self._offsets[partition])

    def _wanted(self, batch: events_pb2.EventBatch | None) -> Iterator[Event]:
        if batch is None:
            return
        match self._start:
            case Shard(shard=shard) if batch.shard != shard:
                return
            case Run() as run:
                if batch.shard == run.shard:
                    yield from self._of_run(run, batch)
            case _:
                yield from self._order.take(batch)

    def _of_run(self, run: Run, batch: events_pb2.EventBatch) -> Iterator[Event]:
        for event in self._order.take(batch):
            self._missed += event.missed
            if event.message.run_id == run.run_id.bytes:
                event.missed, self._missed = self._missed, 0
                yield event
