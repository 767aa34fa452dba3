"""An iterator over the public events: from a chosen place, each once, whatever happens to the broker."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from typing import Final

from penstock_proto.state_tracker.v1 import events_pb2

from .kafka import AWAY, Link, Record, open_link, partitions_of
from .records import Event, EventsLost, Order, RunExpired, UnreadableEvent, decode
from .starts import CLOCKS_APART_S, Bookmark, Now, Run, Shard, Start, Time

TOPIC: Final = "penstock.events"
AGAIN_S: Final = 1.0
# From a run's submission until its first event is on the topic, unless the broker is away.
PUBLISHED_WITHIN_S: Final = 60.0

log = logging.getLogger(__name__)


def read(
    kafka: str, start: Start | None = None, *, topic: str = TOPIC, follow: bool = True, skip_lost: bool = False
) -> AsyncGenerator[Event]:
    """Yield events, each once, in the order of each shard's log; those of different shards in any order.

    To stop early, use `contextlib.aclosing`; otherwise its connection stays open as long as the event loop.

    Args:
        kafka: HOST:PORT of a broker. An unavailable one is retried.
        start: Where to begin; from now on, if not given.
        follow: Whether to wait for what comes; else it ends with what the topic has now.
        skip_lost: Go on where the topic has lost events that should have been read, instead of raising EventsLost.

    Raises:
        EventsLost: Retention took events between the bookmark and what the topic has now, or a run's events.
    """
    return EventReader(kafka, start, topic=topic, follow=follow, skip_lost=skip_lost).events()


class EventReader:
    """Like `read`, with a bookmark that can be saved and resumed.

    Attributes:
        unreadable: Number of skipped records, which have another version or are invalid.
        lost: Number of records that the topic lost before they could be read, by partition; with `skip_lost`.
    """

    def __init__(
        self,
        kafka: str,
        start: Start | None = None,
        *,
        topic: str = TOPIC,
        follow: bool = True,
        skip_lost: bool = False,
    ) -> None:
        self.unreadable = 0
        self.lost: dict[int, int] = {}
        self._skip_lost = skip_lost
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
        # Of `Run`: whether its submission was seen, and whether it was looked for from the topic's beginning.
        self._is_found = self._has_searched = False
        # Of `Run`: by time.time, until when its first event may still be on its way to the topic.
        self._awaited_until = 0.0

    @property
    def bookmark(self) -> Bookmark:
        """Where another reader goes on after the last event that this one yielded."""
        return Bookmark(dict(self._offsets), dict(self._order.seqs))

    async def events(self) -> AsyncGenerator[Event]:
        """As `read`."""
        while True:
            try:
                await self._look_for_topic()
                async with open_link(self._kafka, self._topic) as link:
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
        bounds = await link.bounds(partitions)
        if not self._offsets or not self._ends:
            self._ends = {partition: end for partition, (_, end) in bounds.items()}
            self._offsets = await self._first(link, bounds) | self._offsets
            if isinstance(self._start, Run):
                known_s = self._start.at_ms / 1000 + CLOCKS_APART_S if self._start.at_ms else time.time()
                self._awaited_until = known_s + PUBLISHED_WITHIN_S
        self._compare(bounds)
        link.assign(partitions)
        for partition in partitions:
            link.seek(partition, self._offsets.get(partition, 0))

    def _compare(self, bounds: Mapping[int, tuple[int, int]]) -> None:
        """Notice what the topic lost since the place where reading goes on; raise EventsLost unless that is skipped."""
        lost: dict[int, int] = {}
        for partition, (first, end) in bounds.items():
            offset = self._offsets.get(partition, first)
            if offset > end:  # it lost all of its data, and is filled again: what was taken is known and dropped
                self._offsets[partition] = first
            elif offset < first:
                lost[partition] = first - offset
        if not lost:
            return
        error = EventsLost(self._topic, lost)
        if not self._skip_lost:
            raise error
        log.warning("%s", error)
        for partition, count in lost.items():
            self.lost[partition] = self.lost.get(partition, 0) + count
            self._offsets[partition] = bounds[partition][0]
            self._order.note_lost(partition, self._partitions)
            for shard in self._order.seqs:
                if shard % self._partitions == partition:
                    self._looked_again[shard] = self._order.seqs[shard]  # it is not there

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
            if isinstance(self._start, Run):
                self._give_up_run(self._start)
            records = await link.next()
            if not records and (not self._follow or (isinstance(self._start, Run) and not self._is_found)):
                await self._settle(link)
            again: set[int] = set()
            for record in records:
                if record.partition in again:
                    continue
                batch = self._decode(record)
                if batch is not None and self._lacks(batch):
                    again.add(record.partition)
                    await self._look_again(link, batch, record)
                    continue
                for event in self._take_wanted(batch):
                    if isinstance(self._start, Run) and not self._is_found and event.kind != "run_submitted":
                        if self._has_searched and not self._skip_lost:
                            raise RunExpired(self._topic, self._start.run_id, begun=True)
                        if not self._has_searched:
                            again.add(record.partition)
                            await self._look_for_submission(link, record.partition)
                            break
                    self._is_found = True
                    yield event
                    if isinstance(self._start, Run) and event.kind == "run_ended":
                        return
                if record.partition in again:
                    continue
                self._offsets[record.partition] = record.offset + 1
                self._seen_at_ms[record.partition] = record.at_ms
        if isinstance(self._start, Run):
            self._give_up_run(self._start)

    def _give_up_run(self, run: Run) -> None:
        """Raise RunExpired once all was read that the topic had when reading began, and nothing more can be coming."""
        if self._is_found or time.time() <= self._awaited_until:
            return
        if all(self._offsets[partition] >= end for partition, end in self._ends.items()):
            raise RunExpired(self._topic, run.run_id)

    async def _settle(self, link: Link) -> None:
        """Nothing came: records without content may lie before the end, and a topic that lost its data ends earlier."""
        for partition, (_, end) in (await link.bounds(list(self._ends))).items():
            self._ends[partition] = min(end, self._ends[partition])
            self._offsets[partition] = await link.position(partition)

    def _decode(self, record: Record) -> events_pb2.EventBatch | None:
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
        last = self._order.seqs.get(batch.shard)
        return last is not None and self._order.missing(batch) > 0 and self._looked_again.get(batch.shard) != last

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
        self._has_searched, self._order = True, Order({})
        self._offsets = {one: first for one, (first, _) in (await link.bounds([partition])).items()}
        link.seek(partition, self._offsets[partition])

    def _take_wanted(self, batch: events_pb2.EventBatch | None) -> Iterator[Event]:
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
