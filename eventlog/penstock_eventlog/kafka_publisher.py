"""Publishing to Kafka: in order for each shard, from where the topic ends, whatever happened to the broker."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaProducer  # pyright: ignore[reportMissingTypeStubs]
from penstock_proto.state_tracker.v1.events_pb2 import EventBatch

from . import cloudevents
from .stream import Message

# Messages that wait for the broker, a topic; more are dropped, and events are read again from the log.
PENDING_MESSAGES_MAX: Final = 20_000
# Messages on their way to the broker; more wait, and go together.
IN_FLIGHT_MAX: Final = 2_000
SAVED_EVERY_S: Final = 1.0

log = logging.getLogger(__name__)


class Source(Protocol):
    """Where events come from that the topic lacks: the log."""

    def heads(self) -> Mapping[int, int]:
        """Last committed position of each shard that is owned here."""
        ...

    async def published(self) -> Mapping[int, int]:
        """Last position of each shard known to be on the topic."""
        ...

    async def save_published(self, positions: Mapping[int, int]) -> None: ...

    def read(self, shard: int, after_seq: int) -> AsyncIterator[EventBatch]: ...


class Publisher:
    """Sends the messages of one topic; used by one connection, then thrown away."""

    def __init__(self, topic: str, name: str, partitions: int, source: str, producer: AIOKafkaProducer) -> None:
        self._topic = topic
        self._name = name
        self._partitions = partitions
        self._source = source
        self._producer: Any = producer
        self._in_flight = 0
        self._room = asyncio.Event()
        self._room.set()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def send(self, messages: Sequence[Message]) -> None:
        """Hand messages to the producer in order; failures end up in `failed`."""
        for message in messages:
            if self._in_flight >= IN_FLIGHT_MAX:
                self._room.clear()
                await self._room.wait()
            future = await self._producer.send(
                self._name,
                message.SerializeToString(),
                key=b"%d" % message.shard,
                partition=message.shard % self._partitions,
                headers=cloudevents.headers(self._topic, self._source, message),
            )
            self._in_flight += 1
            future.add_done_callback(self._delivered)

    async def drained(self) -> None:
        """Return once the broker has everything, or raise what went wrong."""
        await self._producer.flush()
        if self.failed.done():
            await self.failed

    def _delivered(self, future: asyncio.Future[object]) -> None:
        self._in_flight -= 1
        self._room.set()
        error = None if future.cancelled() else future.exception()
        if (future.cancelled() or error is not None) and not self.failed.done():
            self.failed.set_exception(error or ConnectionError("the producer was closed"))


class EventOrder:
    """Which range of each shard goes to the topic next. No I/O: a range that does not follow is read from the log."""

    def __init__(self) -> None:
        self.sent: dict[int, int] = {}

    def admit(self, batches: Sequence[EventBatch]) -> tuple[list[EventBatch], set[int]]:
        """Return what can be sent now, and the shards that have a gap first."""
        fit: list[EventBatch] = []
        gaps: set[int] = set()
        for batch in batches:
            sent = self.sent.get(batch.shard, 0)
            last = batch.from_seq + len(batch.events) - 1
            if batch.from_seq == sent + 1:
                fit.append(batch)
                self.sent[batch.shard] = last
            elif last > sent:
                gaps.add(batch.shard)
        return fit, gaps


async def publish_events(publisher: Publisher, source: Source, queue: "Queue", *, from_start: frozenset[int]) -> None:
    """Keep the topic complete until the broker fails: first what it lacks, then what comes."""
    order = EventOrder()
    published = await source.published()
    for shard in source.heads():
        order.sent[shard] = 0 if shard in from_start else published.get(shard, 0)
    saved_at = asyncio.get_running_loop().time()
    gaps = {shard for shard, head in source.heads().items() if head > order.sent[shard]}
    while True:
        for shard in sorted(gaps):
            await _refill(publisher, source, order, shard)
        batches = await queue.take(SAVED_EVERY_S)
        fit, gaps = order.admit([batch for batch in batches if isinstance(batch, EventBatch)])
        await publisher.send(fit)
        if publisher.failed.done():
            await publisher.failed
        if asyncio.get_running_loop().time() - saved_at >= SAVED_EVERY_S:
            positions = dict(order.sent)
            await publisher.drained()
            await source.save_published(positions)
            saved_at = asyncio.get_running_loop().time()


async def _refill(publisher: Publisher, source: Source, order: EventOrder, shard: int) -> None:
    began = order.sent.get(shard, 0)
    async for batch in source.read(shard, began):
        fit, _ = order.admit([batch])
        await publisher.send(fit)
    if order.sent.get(shard, 0) > began:
        log.info("shard %d: events %d to %d read from the log for the topic", shard, began + 1, order.sent[shard])


async def publish_plain(publisher: Publisher, queue: "Queue") -> None:
    """Send what comes until the broker fails; what is lost then, its readers get from upstream."""
    while True:
        await publisher.send(await queue.take(SAVED_EVERY_S))
        if publisher.failed.done():
            await publisher.failed


class Queue:
    """Messages that wait to be sent. Bounded: the newest are refused."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._wake = asyncio.Event()
        self.dropped = 0

    def put(self, messages: Sequence[Message]) -> None:
        room = PENDING_MESSAGES_MAX - len(self._messages)
        self.dropped += max(0, len(messages) - room)
        self._messages.extend(messages[: max(0, room)])
        self._wake.set()

    async def take(self, timeout_s: float) -> list[Message]:
        """Return all that waits, as soon as something does; nothing after `timeout_s`."""
        if not self._messages:
            self._wake.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._wake.wait()
            except TimeoutError:
                return []
        taken, self._messages = self._messages, []
        return taken


