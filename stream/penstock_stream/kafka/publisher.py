"""Publishing to Kafka: whatever gathers while the last records are on their way goes together."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from penstock_proto.stream.v1.record_pb2 import Messages

from ..errors import RecordTooLarge
from ..stream import Message
from . import cloudevents
from .client import Headers, Outgoing, Producer
from .dead_letters import DeadLetter

# Messages of a topic that wait for the broker; more are dropped, and events are read again from the log.
PENDING_MESSAGES_MAX: Final = 20_000
# Messages in one round trip to the broker.
ROUND_MESSAGES_MAX: Final = 4_000
# Messages of one partition that go together in one record.
TOGETHER_BYTES_MAX: Final = 64 * 1024
# What a record has beside its body, at most.
HEADER_BYTES_MAX: Final = 1024
# What a message among others takes beside its own bytes, at most.
ENTRY_BYTES_MAX: Final = 16

Encoded = tuple[int, bytes]  # a message's shard and its bytes

log = logging.getLogger(__name__)


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

    def __init__(
        self,
        topic: str,
        name: str,
        partitions: int,
        source: str,
        producer: Producer,
        record_bytes_max: int,
        put_aside: Callable[[DeadLetter], None],
    ) -> None:
        self.name, self.partitions = name, partitions
        self._topic, self._source, self._producer = topic, source, producer
        self._body_bytes_max = record_bytes_max - HEADER_BYTES_MAX
        self._put_aside = put_aside

    async def send(self, messages: Sequence[Message]) -> list[int | None]:
        """Return the messages' offsets once the broker has all of them; a shard's are sent in the order given.

        One that the topic takes no record of has none: it is put aside, and readers get it from the log.
        """
        records: dict[int, list[Outgoing]] = {}
        places: list[tuple[int, int] | None] = []
        for message in messages:
            shard, body = message.shard, message.SerializeToString()
            partition = shard % self.partitions
            headers = cloudevents.headers(self._topic, self._source, message, body)
            if len(body) > self._body_bytes_max:
                self._refuse(shard, body, headers)
                places.append(None)
                continue
            of_one = records.setdefault(partition, [])
            places.append((partition, len(of_one)))
            of_one.append(Outgoing(b"%d" % shard, body, headers))
        offsets = await self._producer.send(self.name, records) if records else {}
        return [None if place is None else offsets[place[0]][place[1]] for place in places]

    async def send_together(self, messages: Sequence[Message]) -> None:
        """Return once the broker has all; those of a partition go together, in as few records as their size allows."""
        records: dict[int, list[Outgoing]] = {}
        for partition, of_one in self._by_partition(messages).items():
            outgoing = [self._together(group) for group in _groups(of_one, self._body_bytes_max)]
            if outgoing:
                records[partition] = outgoing
        if records:
            await self._producer.send(self.name, records)

    def _by_partition(self, messages: Sequence[Message]) -> dict[int, list[Encoded]]:
        """Encode; put aside what is too large for a record of the topic."""
        found: dict[int, list[Encoded]] = {}
        for message in messages:
            shard, body = message.shard, message.SerializeToString()
            if len(body) > self._body_bytes_max:
                self._refuse(shard, body, cloudevents.headers(self._topic, self._source, message, body))
            else:
                found.setdefault(shard % self.partitions, []).append((shard, body))
        return found

    def _together(self, group: Sequence[Encoded]) -> Outgoing:
        together = Messages(messages=[body for _, body in group], shards=[shard for shard, _ in group])
        body = together.SerializeToString()
        return Outgoing(None, body, cloudevents.headers_of_many(self._topic, self._source, body))

    def _refuse(self, shard: int, body: bytes, headers: Headers) -> None:
        error = RecordTooLarge(self.name, len(body))
        log.error("%s", error)
        self._put_aside(DeadLetter(self.name, str(error), b"%d" % shard, body, headers))


def _groups(encoded: Sequence[Encoded], record_bytes_max: int) -> list[list[Encoded]]:
    """Cut what goes to one partition into records of bounded size."""
    bytes_max = min(TOGETHER_BYTES_MAX, record_bytes_max)
    groups: list[list[Encoded]] = []
    size = bytes_max
    for each in encoded:
        size += len(each[1]) + ENTRY_BYTES_MAX
        if size > bytes_max:
            groups.append([])
            size = len(each[1]) + ENTRY_BYTES_MAX
        groups[-1].append(each)
    return groups


async def publish_plain(publisher: Publisher, queue: Queue) -> None:
    """Send what comes until the broker fails; what is lost then, its readers get from upstream."""
    while True:
        await publisher.send_together(await queue.take())
