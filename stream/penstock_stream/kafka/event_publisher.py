"""Publishing the log to its public topic: in order for each shard, from where the topic ends, whatever happened."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple, cast

from ..messages import Events
from ..source import Published, Source
from ..stream import Message
from . import cloudevents
from .client import Consumer, Record, run_together
from .publisher import Publisher, Queue

SAVED_EVERY_S: Final = 1.0
# Messages read from the log that are sent together.
REFILL_MESSAGES_MAX: Final = 500
REFILL_AGAIN_S: Final = 1.0
# How often it is checked that what was published is still on the topic.
LOOK_EVERY_S: Final = 5.0

log = logging.getLogger(__name__)


class EventOrder:
    """Which range of each shard goes to the topic next. No I/O.

    A shard waits while something is missing before what comes: then its ranges are read from the log.
    """

    def __init__(self) -> None:
        self.sent: dict[int, int] = {}
        self.waiting: set[int] = set()

    def admit(self, messages: Sequence[Message]) -> list[Events]:
        """Return those that follow what was sent; note which shards have to wait."""
        fit: list[Events] = []
        for batch in cast("Sequence[Events]", messages):
            if batch.shard not in self.waiting and self.follows(batch):
                fit.append(batch)
        return fit

    def follows(self, batch: Events) -> bool:
        """Whether this range is the next of its shard, which it is taken for; one with a gap before it waits."""
        sent = self.sent.get(batch.shard)
        last = batch.from_seq + len(batch.events) - 1
        if sent is not None and batch.from_seq <= sent + 1:
            if last > sent:
                self.sent[batch.shard] = last
            return last > sent
        self.waiting.add(batch.shard)
        return False

    def compare(self, heads: Mapping[int, int]) -> None:
        """Nothing is on its way: what the heads have and was not sent is missing. Forget shards of others."""
        for shard in self.sent.keys() - heads.keys():
            del self.sent[shard]
        self.waiting &= heads.keys()
        self.waiting.update(shard for shard, head in heads.items() if self.sent.get(shard, -1) < head)


class EventPublisher:
    """Keeps the topic complete until the broker fails: live ranges, and beside them what the topic lacks."""

    def __init__(self, publisher: Publisher, consumer: Consumer, source: Source, queue: Queue) -> None:
        self._publisher = publisher
        self._consumer = consumer
        self._source = source
        self._queue = queue
        self._order = EventOrder()
        self._delivered: dict[int, Published] = {}
        self._more = asyncio.Event()
        # One at a time uses the consumer.
        self._reading = asyncio.Lock()
        # By partition, a shard and where its record is that was seen there last; and the newest that was published.
        self._witnesses: dict[int, Witness] = {}
        self._newest: dict[int, Witness] = {}

    async def run(self) -> None:
        """Publish until something fails, and raise that."""
        await run_together(self._live(), self._refill_all(), self._save(), self._look())

    async def _live(self) -> None:
        loop = asyncio.get_running_loop()
        compare_at = loop.time()
        while True:
            messages = await self._queue.take(SAVED_EVERY_S)
            fit = self._order.admit(messages)
            if not self._queue and loop.time() >= compare_at:
                # Between taking and here nothing was awaited: what was committed has been admitted, or is missing.
                self._order.compare(self._source.heads())
                compare_at = loop.time() + SAVED_EVERY_S
            if self._order.waiting:
                self._more.set()
            await self._send(fit)

    async def _send(self, batches: Sequence[Events]) -> None:
        if not batches:
            return
        offsets = await self._publisher.send(batches)
        for batch, offset in zip(batches, offsets, strict=True):
            if offset is not None:
                place = Published(batch.from_seq + len(batch.events) - 1, offset)
                self._delivered[batch.shard] = place
                self._note(Witness(batch.shard, place))

    async def _save(self) -> None:
        while True:
            await asyncio.sleep(SAVED_EVERY_S)
            if not self._delivered:
                continue
            delivered, self._delivered = self._delivered, {}
            try:
                await self._source.save_published(delivered)
            except Exception as error:
                log.warning("cannot save the published positions now, retrying: %s", error or type(error))
                self._delivered = delivered | self._delivered

    async def _refill_all(self) -> None:
        order = self._order
        while True:
            await self._more.wait()
            self._more.clear()
            try:
                await self._begin(sorted(order.waiting - order.sent.keys()))
                for shard in sorted(order.waiting):
                    await self._refill(shard)
            except LogAway as error:
                log.warning("cannot read the log for the topic now, retrying: %s", error)
                await asyncio.sleep(REFILL_AGAIN_S)
                self._more.set()

    async def _begin(self, shards: Sequence[int]) -> None:
        """Find out how far the topic has the logs of shards that were not published here yet."""
        if not shards:
            return
        with _translate_errors():
            saved = await self._source.published(shards)
            oldest = await self._source.oldest(shards)
        intact = await self._intact(saved)
        for shard in shards:
            here = saved.get(shard)
            began = here.seq if here is not None and shard in intact else 0
            self._order.sent[shard] = max(began, oldest.get(shard, 0))

    async def _intact(self, saved: Mapping[int, Published]) -> set[int]:
        """Return the shards whose last record is where it was, or out of retention: a broker may have lost its data.

        Each shard is asked for by itself: others of its partition may have been published again already.
        """
        topic, partitions = self._publisher.name, self._publisher.partitions
        async with self._reading:
            bounds = await self._consumer.bounds(topic, {shard % partitions for shard in saved})
            intact: set[int] = set()
            to_read: dict[int, list[int]] = {}
            for shard, here in saved.items():
                first, end = bounds[shard % partitions]
                if here.offset < first and first > 0:
                    intact.add(shard)
                elif first <= here.offset < end:
                    to_read.setdefault(shard % partitions, []).append(shard)
            while to_read:  # one shard of each partition at a time
                asked = {partition: shards.pop() for partition, shards in to_read.items()}
                to_read = {partition: shards for partition, shards in to_read.items() if shards}
                offsets = {partition: saved[shard].offset for partition, shard in asked.items()}
                records = await self._consumer.read_at(topic, offsets)
                found = [shard for p, shard in asked.items() if p in records and _ends(records[p], shard, saved[shard])]
                intact.update(found)
                for shard in found:
                    self._note(Witness(shard, saved[shard]))
        if lost := saved.keys() - intact:
            log.warning("events of %d shards are no longer on %s; refilling them from the log", len(lost), topic)
        return intact

    def _note(self, witness: Witness) -> None:
        partition = witness.shard % self._publisher.partitions
        self._witnesses.setdefault(partition, witness)
        self._newest[partition] = witness

    async def _look(self) -> None:
        """Raise TopicLost once the topic lost what it had: no connection has to break, and nothing new has to come.

        On each partition a record is looked for that was there before all that was published since the last look. So
        a loss in between is found even where the partition has grown past that place again.
        """
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            heads, newest = self._source.heads(), dict(self._newest)
            # Of other shards, another process may have filled in the same again by now.
            asked = [witness for witness in self._witnesses.values() if witness.shard in heads]
            places = {witness.shard: witness.place for witness in asked}
            if places and (lost := places.keys() - await self._intact(places)):
                raise TopicLost(self._publisher.name, lost)
            self._witnesses = newest

    async def _refill(self, shard: int) -> None:
        """Send what the log has and the topic lacks, until nothing is missing."""
        order, began = self._order, self._order.sent.get(shard)
        while shard in order.waiting and (before := order.sent.get(shard)) is not None:
            if before < self._source.heads().get(shard, 0):
                await self._copy(shard, before)
            if order.sent.get(shard) == before:
                order.waiting.discard(shard)
        sent = order.sent.get(shard)
        if began is not None and sent is not None and sent > began:
            log.info("shard %d: published events %d to %d from the log", shard, began + 1, sent)

    async def _copy(self, shard: int, after_seq: int) -> None:
        batches: list[Events] = []
        reading = self._source.read(shard, after_seq)
        while True:
            with _translate_errors():
                batch = await anext(reading, None)
            if batch is not None and self._order.follows(batch):
                batches.append(batch)
            if batch is None or len(batches) >= REFILL_MESSAGES_MAX:
                await self._send(batches)
                batches = []
            if batch is None:
                return


class Witness(NamedTuple):
    """A record that the topic has."""

    shard: int
    place: Published


class TopicLost(Exception):
    """The topic lost what was published: publishing has to begin again."""

    def __init__(self, topic: str, shards: Collection[int]) -> None:
        super().__init__(f"{topic} lost its data, seen at shards {', '.join(map(str, sorted(shards)))}")


class LogAway(Exception):
    """The log does not answer now; asking again later helps."""


@contextmanager
def _translate_errors() -> Generator[None]:
    try:
        yield
    except Exception as error:
        raise LogAway(str(error) or type(error).__name__) from error


def _ends(record: Record, shard: int, place: Published) -> bool:
    return cloudevents.end_of(record.headers) == (shard, place.seq)
