"""The stream over Apache Kafka. Without the broker nothing stops: followers read from upstream until it is back."""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from ..source import RETENTION_S, Source
from ..stream import ACTIONS, EVENTS, REPORTS, TOPICS, Handler, Message, Shards, live
from . import client, cloudevents
from .client import Consumer, Producer, Record, TopicBounds
from .consumer import Reader, consume
from .dead_letters import DeadLetter, DeadLetters
from .event_publisher import EventPublisher
from .publisher import Publisher, Queue, publish_plain

# Not one a shard: a client asks for all of its partitions at every fetch. Measured, one way: 16 partitions 0.9 ms
# and 12 us of CPU a message; 256 partitions 6.9 ms and 84 us.
PARTITIONS: Final = 16
# Of topics that services alone read: with 4, a message costs a quarter less CPU than with 16, here and at the broker.
INTERNAL_PARTITIONS_MAX: Final = 4
RECONNECT_S: Final = 1.0
SHARD_DIGITS_MAX: Final = 9
DEAD_LETTERS: Final = "dead-letter"
CONFIGS: Final = {
    "retention.ms": str(RETENTION_S * 1000),
    "max.message.bytes": str(client.RECORD_BYTES_MAX),
}

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class KafkaSubscription:
    handler: Handler
    shards: Shards | None
    subscriptions: "list[KafkaSubscription]"

    def close(self) -> None:
        with suppress(ValueError):
            self.subscriptions.remove(self)

    def deliver(self, messages: list[Message]) -> None:
        if (shards := self.shards) is not None:
            messages = [message for message in messages if message.shard in shards]
        if not messages:
            return
        try:
            self.handler(messages)
        except Exception:
            log.exception("a handler of the stream failed; its follower will read the missed ranges")


class Link:
    """One use of the broker, begun again whenever it fails."""

    def __init__(self, what: str, work: Callable[["Link"], Coroutine[Any, Any, None]]) -> None:
        self.is_connected = False
        self._what, self._work = what, work
        self._ending: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = asyncio.create_task(self._run(), name=what)

    def restart(self) -> None:
        former, self._task = self._task, asyncio.create_task(self._run(), name=self._what)
        self._end(former)

    async def stop(self) -> None:
        former, self._task = self._task, None
        self._end(former)
        await asyncio.gather(*self._ending)
        self.is_connected = False

    async def _run(self) -> None:
        me = asyncio.current_task()
        while self._task is me:
            try:
                await client.run_undropped(self._work(self))
            except Exception as error:
                text = str(error) or type(error).__name__
                log.warning("Kafka: %s failed, reconnecting: %s", self._what, text)
            if self._task is me:
                self.is_connected = False
                await asyncio.sleep(RECONNECT_S)

    def _end(self, task: asyncio.Task[None] | None) -> None:
        if task is not None:
            ending = asyncio.create_task(client.cancel(task))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)


def _may_be_wanted(record: Record, wanted: cloudevents.Wanted) -> bool:
    """Whether a record is worth decoding: by its key, unless that makes no sense or it carries several messages."""
    key = record.key
    if key is None or not key.isdigit() or len(key) > SHARD_DIGITS_MAX:
        return True
    return wanted(int(key))


class KafkaStream:
    """Topics PREFIX.events, PREFIX.actions and PREFIX.reports; a shard's messages are on partition shard % partitions.

    Args:
        deployment: Its id, for the `source` of CloudEvents.
        partitions: Of topics that do not exist yet; `actions` and `reports` get at most INTERNAL_PARTITIONS_MAX.
        gather_s: So long what is read here may gather at the broker, where a delay does no harm.
    """

    def __init__(
        self,
        address: str,
        *,
        shards: int,
        deployment: str,
        prefix: str = "penstock",
        partitions: int = PARTITIONS,
        gather_s: float = 0.0,
    ) -> None:
        self.gather_s = gather_s
        self._address = address
        self._shards = shards
        self._source_name = f"/penstock/{deployment}"
        self._prefix = prefix
        self._partitions = partitions
        self._queues = {topic: Queue() for topic in TOPICS}
        self._subscriptions: dict[str, list[KafkaSubscription]] = {topic: [] for topic in TOPICS}
        self._consumed: dict[str, set[int]] = {}  # the partitions
        self._source: Source | None = None
        self._dead = DeadLetters()
        self._links: dict[str, Link] = {}
        self._is_running = False

    @property
    def is_connected(self) -> bool:
        """Whether everything that this process uses the broker for goes on."""
        return self._is_running and all(link.is_connected for link in self._links.values())

    @property
    def address(self) -> str:
        """HOST:PORT of the broker."""
        return self._address

    @property
    def topics(self) -> list[str]:
        """Names of all topics, the dead letters' among them."""
        return [self._name(topic) for topic in (*TOPICS, DEAD_LETTERS)]

    @property
    def queued(self) -> dict[str, int]:
        """How many messages of each topic wait to be sent."""
        return {topic: len(queue) for topic, queue in self._queues.items()}

    @property
    def dropped(self) -> int:
        """Messages that found no room while the broker was slow or away."""
        return sum(queue.dropped for queue in self._queues.values())

    @property
    def dead_letters(self) -> int:
        """Records that were put aside here."""
        return self._dead.count

    def attach_source(self, source: Source) -> None:
        """Say where events are read that the topic lacks; without one, this process publishes no events."""
        self._source = source
        self._begin_publishing(EVENTS)

    async def start(self) -> None:
        """Connect in the background; a broker that is away is waited for."""
        self._is_running = True
        for topic in TOPICS:
            if self._queues[topic] or (topic == EVENTS and self._source is not None):
                self._begin_publishing(topic)
            if self._subscriptions[topic]:
                self._begin_consuming(topic)

    async def stop(self) -> None:
        """Forget what is not sent yet."""
        self._is_running = False
        links, self._links = self._links, {}
        await asyncio.gather(*(link.stop() for link in links.values()))

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        self._queues[topic].put(messages)
        self._begin_publishing(topic)

    def subscribe(self, topic: str, handler: Handler, shards: Collection[int] | None = None) -> KafkaSubscription:
        subscriptions = self._subscriptions[topic]
        subscription = KafkaSubscription(handler, None if shards is None else live(shards), subscriptions)
        subscriptions.append(subscription)
        self._begin_consuming(topic)
        return subscription

    def refuse(self, topic: str, message: Message, reason: str) -> None:
        """Put aside a message that came, and turned out not to be true."""
        log.warning("moved a message of %s about shard %d to the dead letters: %s", topic, message.shard, reason)
        body = message.SerializeToString()
        headers = cloudevents.headers(topic, self._source_name, message, body)
        self._bury(DeadLetter(self._name(topic), reason, b"%d" % message.shard, body, headers))

    # Publishing

    def _begin_publishing(self, topic: str) -> None:
        name = f"publishing {topic}"
        if self._is_running and name not in self._links and (topic != EVENTS or self._source is not None):
            self._links[name] = Link(name, lambda link: self._publish(topic, link))

    async def _publish(self, topic: str, link: Link) -> None:
        await self._ensure_topics()
        name = self._name(topic)
        partitions, record_bytes_max = await self._bounds(topic)
        producer = Producer(self._address, record_bytes_max)
        await producer.start()
        try:
            publisher = Publisher(topic, name, partitions, self._source_name, producer, record_bytes_max, self._bury)
            link.is_connected = True
            if topic != EVENTS:
                await publish_plain(publisher, self._queues[topic])
            else:
                await self._publish_events(publisher)
        finally:
            await producer.stop()

    async def _publish_events(self, publisher: Publisher) -> None:
        assert self._source is not None
        consumer = Consumer(self._address, client.LOOK_BYTES_MAX)
        await consumer.start()
        try:
            await EventPublisher(publisher, consumer, self._source, self._queues[EVENTS]).run()
        finally:
            await consumer.stop()

    async def _ensure_topics(self) -> None:
        topics = {self._name(topic): self._partitions_of(topic) for topic in (*TOPICS, DEAD_LETTERS)}
        await client.ensure_topics(self._address, topics, CONFIGS)

    def _partitions_of(self, topic: str) -> int:
        """Return how many partitions a topic gets that does not exist yet."""
        return min(self._partitions, INTERNAL_PARTITIONS_MAX) if topic in (ACTIONS, REPORTS) else self._partitions

    async def _bounds(self, topic: str) -> TopicBounds:
        """Return what a topic takes, which somebody else may have made."""
        usual = TopicBounds(self._partitions_of(topic), client.RECORD_BYTES_MAX)
        return await client.bounds_of(self._address, self._name(topic), usual)

    def _name(self, topic: str) -> str:
        return f"{self._prefix}.{topic}"

    # Consuming

    def _begin_consuming(self, topic: str) -> None:
        name = f"reading {topic}"
        if not self._is_running:
            return
        if name not in self._links:
            self._links[name] = Link(name, lambda link: self._consume(topic, link))
        elif not self._wanted(topic, self._partitions_of(topic)) <= self._consumed.get(topic, set()):
            self._links[name].restart()

    async def _consume(self, topic: str, link: Link) -> None:
        await self._ensure_topics()
        name = self._name(topic)
        partitions, _ = await self._bounds(topic)
        consumer = Consumer(self._address, gather_s=self.gather_s)
        await consumer.start()
        try:
            wanted = self._consumed[topic] = self._wanted(topic, partitions)
            if not wanted:  # until somebody subscribes, which begins this anew
                link.is_connected = True
                await asyncio.Event().wait()
            await consumer.from_end(name, sorted(wanted))

            def note_broker(connected: bool) -> None:
                if connected != link.is_connected:
                    level, says = (logging.INFO, "responds") if connected else (logging.WARNING, "does not respond")
                    log.log(level, "Kafka: %s, the broker %s", name, says)
                link.is_connected = connected

            note_broker(True)
            reader = Reader(topic, self._source_name, self._shards, partitions, self._bury)
            await consume(consumer, lambda records: self._deliver(topic, reader, records), note_broker)
        finally:
            self._consumed.pop(topic, None)
            await consumer.stop()

    def _wanted(self, topic: str, partitions: int) -> set[int]:
        wanted: set[int] = set()
        for subscription in self._subscriptions[topic]:
            # What a view holds later is not known yet.
            fixed = subscription.shards if isinstance(subscription.shards, frozenset) else range(self._shards)
            wanted.update(shard % partitions for shard in fixed)
        return wanted

    def _deliver(self, topic: str, reader: Reader, records: Sequence[Record]) -> None:
        subscriptions = tuple(self._subscriptions[topic])
        wanted: cloudevents.Wanted | None = None
        if all(subscription.shards is not None for subscription in subscriptions):
            wanted = self._wanted_of(subscriptions)
            records = [record for record in records if _may_be_wanted(record, wanted)]
        if messages := reader.read(records, wanted):
            for subscription in subscriptions:
                subscription.deliver(messages)

    def _wanted_of(self, subscriptions: Sequence[KafkaSubscription]) -> cloudevents.Wanted:
        """Return what says whether messages of a shard are worth decoding: it is wanted here, or there is no such."""

        def is_wanted(shard: int) -> bool:
            return not 0 <= shard < self._shards or any(shard in (one.shards or ()) for one in subscriptions)

        return is_wanted

    # What cannot be read

    def _bury(self, letter: DeadLetter) -> None:
        self._dead.add(letter)
        if self._is_running and DEAD_LETTERS not in self._links:
            self._links[DEAD_LETTERS] = Link("dead letters", self._bury_all)

    async def _bury_all(self, link: Link) -> None:
        await self._ensure_topics()
        producer = Producer(self._address)
        await producer.start()
        link.is_connected = True
        try:
            await self._dead.send_all(self._name(DEAD_LETTERS), producer)
        finally:
            await producer.stop()
