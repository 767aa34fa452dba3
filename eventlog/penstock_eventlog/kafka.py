"""The stream over Apache Kafka. Without the broker nothing stops: followers read from upstream until it is back."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaProducer, TopicPartition  # pyright: ignore[reportMissingTypeStubs]
from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # pyright: ignore[reportMissingTypeStubs]
from aiokafka.errors import TopicAlreadyExistsError  # pyright: ignore[reportMissingTypeStubs]

from . import kafka_consumer
from .kafka_publisher import Publisher, Queue, Source, publish_events, publish_plain
from .stream import EVENTS, TOPICS, Handler, Message

# Not one a shard: a client asks for all of its partitions at every fetch. Measured, one way: 16 partitions 0.9 ms
# and 12 us of CPU a message; 256 partitions 6.9 ms and 84 us.
PARTITIONS: Final = 16
REQUEST_TIMEOUT_MS: Final = 10_000
RECONNECT_S: Final = 1.0
DEAD_LETTERS: Final = "dead-letter"
DEAD_LETTERS_WAITING_MAX: Final = 1_000
RETENTION_MS: Final = 7 * 24 * 3600 * 1000

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class KafkaSubscription:
    handler: Handler
    shards: frozenset[int] | None
    subscriptions: "list[KafkaSubscription]"

    def close(self) -> None:
        with contextlib.suppress(ValueError):
            self.subscriptions.remove(self)


class KafkaStream:
    """Topics PREFIX.events, PREFIX.actions and PREFIX.reports; a shard's messages are on partition shard % partitions."""

    def __init__(
        self, address: str, *, shards: int, deployment: str, prefix: str = "penstock", partitions: int = PARTITIONS
    ) -> None:
        self._address = address
        self._shards = shards
        self._source_name = f"/penstock/{deployment}"
        self._prefix = prefix
        self._partitions = partitions
        self._queues = {topic: Queue() for topic in TOPICS}
        self._publishes: set[str] = set()
        self._source: Source | None = None
        self._subscriptions: dict[str, list[KafkaSubscription]] = {topic: [] for topic in TOPICS}
        self._dead: asyncio.Queue[tuple[Any, str]] = asyncio.Queue(DEAD_LETTERS_WAITING_MAX)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.connected = False
        self.dead_letters = 0

    @property
    def dropped(self) -> int:
        """Messages that found no room while the broker was slow or away."""
        return sum(queue.dropped for queue in self._queues.values())

    def attach_source(self, source: Source) -> None:
        """Say where events are read that the topic lacks; without one, this process publishes no events."""
        self._source = source

    async def start(self) -> None:
        """Connect in the background; a broker that is away is waited for."""
        self._spawn("publish", self._publish_all)
        for topic, subscriptions in self._subscriptions.items():
            if subscriptions:
                self._spawn(f"consume {topic}", lambda topic=topic: self._consume(topic))

    async def stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        self._queues[topic].put(messages)

    def subscribe(self, topic: str, handler: Handler, shards: Collection[int] | None = None) -> KafkaSubscription:
        subscriptions = self._subscriptions[topic]
        subscription = KafkaSubscription(handler, None if shards is None else frozenset(shards), subscriptions)
        subscriptions.append(subscription)
        if self._tasks and f"consume {topic}" not in self._tasks:
            self._spawn(f"consume {topic}", lambda: self._consume(topic))
        return subscription

    def _spawn(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._tasks[name] = asyncio.create_task(self._again_and_again(name, work))

    async def _again_and_again(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                await work()
            except Exception as error:
                log.warning("Kafka at %s: %s failed (%s); connecting again", self._address, name, error or type(error))
            self.connected = False
            await asyncio.sleep(RECONNECT_S)

    def _name(self, topic: str) -> str:
        return f"{self._prefix}.{topic}"

    async def _ensure_topics(self) -> None:
        admin: Any = AIOKafkaAdminClient(bootstrap_servers=self._address, request_timeout_ms=REQUEST_TIMEOUT_MS)
        await admin.start()
        try:
            existing = set(await admin.list_topics())
            missing = [name for name in map(self._name, (*TOPICS, DEAD_LETTERS)) if name not in existing]
            configs = {"retention.ms": str(RETENTION_MS)}
            with contextlib.suppress(TopicAlreadyExistsError):
                if missing:
                    new = [NewTopic(name, self._partitions, 1, topic_configs=configs) for name in missing]
                    await admin.create_topics(new)
        finally:
            await admin.close()

    async def _partition_count(self, producer: Any, topic: str) -> int:
        """Return the topic's partitions: it may have been created by others with another number."""
        partitions = await producer.partitions_for(self._name(topic))
        return len(partitions or ()) or self._partitions

    async def _publish_all(self) -> None:
        """One connection: topics, producer, and what it sends, until the broker fails."""
        await self._ensure_topics()
        producer: Any = AIOKafkaProducer(
            bootstrap_servers=self._address,
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            max_request_size=2 * 1024 * 1024,
        )
        await producer.start()
        try:
            async with asyncio.TaskGroup() as group:
                for topic in TOPICS:
                    partitions = await self._partition_count(producer, topic)
                    publisher = Publisher(topic, self._name(topic), partitions, self._source_name, producer)
                    if topic != EVENTS:
                        group.create_task(publish_plain(publisher, self._queues[topic]))
                    elif self._source is not None:
                        empty = await self._empty_shards(partitions)
                        queue = self._queues[topic]
                        group.create_task(publish_events(publisher, self._source, queue, from_start=empty))
                group.create_task(self._bury(producer))
                self.connected = True
        except ExceptionGroup as group_error:
            raise group_error.exceptions[0] from group_error
        finally:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(producer.stop(), 5)

    async def _empty_shards(self, partitions: int) -> frozenset[int]:
        """Shards of partitions that never held a record: of a new topic, or of a broker that lost its data."""
        from aiokafka import AIOKafkaConsumer  # pyright: ignore[reportMissingTypeStubs]

        consumer: Any = AIOKafkaConsumer(bootstrap_servers=self._address, enable_auto_commit=False)
        await consumer.start()
        try:
            every = [TopicPartition(self._name(EVENTS), partition) for partition in range(partitions)]
            ends = await consumer.end_offsets(every)
        finally:
            await consumer.stop()
        empty = {partition.partition for partition, end in ends.items() if end == 0}
        return frozenset(shard for shard in range(self._shards) if shard % partitions in empty)

    async def _bury(self, producer: Any) -> None:
        while True:
            record, reason = await self._dead.get()
            headers = [
                ("penstock_reason", reason.encode("utf-8", "replace")),
                ("penstock_origin", f"{record.topic}/{record.partition}/{record.offset}".encode()),
                *record.headers,
            ]
            await producer.send(self._name(DEAD_LETTERS), record.value or b"", key=record.key, headers=headers)

    def _dead_letter(self, record: Any, reason: str) -> None:
        self.dead_letters += 1
        with contextlib.suppress(asyncio.QueueFull):
            self._dead.put_nowait((record, reason))

    async def _consume(self, topic: str) -> None:
        await self._ensure_topics()
        producer: Any = AIOKafkaProducer(bootstrap_servers=self._address, request_timeout_ms=REQUEST_TIMEOUT_MS)
        await producer.start()
        try:
            partitions = await self._partition_count(producer, topic)
        finally:
            await producer.stop()
        await kafka_consumer.consume(
            self._address,
            topic,
            self._name(topic),
            self._wanted(topic, partitions),
            partitions,
            self._shards,
            lambda messages: self._deliver(topic, messages),
            self._dead_letter,
        )

    def _wanted(self, topic: str, partitions: int) -> list[int]:
        wanted: set[int] = set()
        for subscription in self._subscriptions[topic]:
            shards = range(self._shards) if subscription.shards is None else subscription.shards
            wanted.update(shard % partitions for shard in shards)
        return sorted(wanted)

    def _deliver(self, topic: str, messages: list[Message]) -> None:
        for subscription in tuple(self._subscriptions[topic]):
            shards = subscription.shards
            wanted = messages if shards is None else [message for message in messages if message.shard in shards]
            if not wanted:
                continue
            try:
                subscription.handler(wanted)
            except Exception:
                log.exception("a handler of the stream failed; its follower reads again what it missed")
