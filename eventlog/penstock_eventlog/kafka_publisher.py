"""Publishing to Kafka: whatever gathers while the last records are on their way goes together."""

import asyncio
from collections.abc import Sequence
from typing import Final

from . import cloudevents
from .kafka_client import Outgoing, Producer
from .stream import Message

# Messages of a topic that wait for the broker; more are dropped, and events are read again from the log.
PENDING_MESSAGES_MAX: Final = 20_000
# Messages in one round trip to the broker.
ROUND_MESSAGES_MAX: Final = 4_000


class Queue:
    """Messages that wait to be sent. Bounded: the newest are refused."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._wake = asyncio.Event()
        self.dropped = 0

    def put(self, messages: Sequence[Message]) -> None:
        room = PENDING_MESSAGES_MAX - len(self._messages)
        if room < len(messages):
            self.dropped += len(messages) - max(0, room)
            messages = messages[: max(0, room)]
        self._messages.extend(messages)
        self._wake.set()

    async def take(self, timeout_s: float | None = None) -> list[Message]:
        """Return what waits, as soon as something does; nothing after `timeout_s`."""
        if not self._messages:
            self._wake.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._wake.wait()
            except TimeoutError:
                return []
        taken = self._messages[:ROUND_MESSAGES_MAX]
        del self._messages[:ROUND_MESSAGES_MAX]
        return taken

    def __len__(self) -> int:
        return len(self._messages)


class Publisher:
    """Sends the messages of one topic; used by one connection, then thrown away."""

    def __init__(self, topic: str, name: str, partitions: int, source: str, producer: Producer) -> None:
        self.name, self.partitions = name, partitions
        self._topic, self._source, self._producer = topic, source, producer

    async def send(self, messages: Sequence[Message]) -> list[int]:
        """Return the messages' offsets once the broker has all of them; a shard's are sent in the order given."""
        records: dict[int, list[Outgoing]] = {}
        places: list[tuple[int, int]] = []
        for message in messages:
            shard = message.shard
            partition = shard % self.partitions
            of_one = records.setdefault(partition, [])
            places.append((partition, len(of_one)))
            headers = cloudevents.headers(self._topic, self._source, message)
            of_one.append(Outgoing(b"%d" % shard, message.SerializeToString(), headers))
        offsets = await self._producer.send(self.name, records) if records else {}
        return [offsets[partition][index] for partition, index in places]


async def publish_plain(publisher: Publisher, queue: Queue) -> None:
    """Send what comes until the broker fails; what is lost then, its readers get from upstream."""
    while True:
        await publisher.send(await queue.take())
