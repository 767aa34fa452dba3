"""Reading from Kafka: decoded messages to handlers, what cannot be read to the dead letters."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import UnreadableRecord
from ..stream import Message
from . import cloudevents
from .client import Consumer, Record
from .cloudevents import Headers, Wanted
from .dead_letters import DeadLetter

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reader:
    """Decodes the records of a topic.

    Attributes:
        source: The `ce_source` of this deployment; records of others are none of ours.
    """

    topic: str
    source: str
    shards: int
    partitions: int
    put_aside: Callable[[DeadLetter], None]

    def read(self, records: Sequence[Record], wanted: Wanted | None = None) -> list[Message]:
        """Return the messages; put aside records that are none, or that cannot be true."""
        messages: list[Message] = []
        for record in records:
            try:
                messages += self._read(record, wanted)
            except UnreadableRecord as error:
                self._put_aside(record, error, record.value, record.headers)
        return messages

    def _read(self, record: Record, wanted: Wanted | None) -> list[Message]:
        messages = cloudevents.decode(self.topic, self.source, record.headers, record.value, wanted)
        if len(messages) == 1:
            self._check(messages[0], record.partition)
            return messages
        return [message for message in messages if self._is_true(message, record)]

    def _is_true(self, message: Message, record: Record) -> bool:
        """Check one message of several; put only this one aside if it is invalid."""
        try:
            self._check(message, record.partition)
        except UnreadableRecord as error:
            body = message.SerializeToString()
            self._put_aside(record, error, body, cloudevents.headers(self.topic, self.source, message, body))
            return False
        return True

    def _check(self, message: Message, partition: int) -> None:
        cloudevents.check(self.topic, message, self.shards)
        if partition != message.shard % self.partitions:
            raise UnreadableRecord(f"shard {message.shard} does not belong on partition {partition}")

    def _put_aside(self, record: Record, error: UnreadableRecord, body: bytes, headers: Headers) -> None:
        log.warning("moved %s-%d at %d to the dead letters: %s", record.topic, record.partition, record.offset, error)
        origin = f"{record.topic}/{record.partition}/{record.offset}"
        self.put_aside(DeadLetter(origin, str(error), record.key or b"", body, headers))


async def consume(
    consumer: Consumer, deliver: Callable[[Sequence[Record]], None], heard: Callable[[bool], None]
) -> None:
    """Deliver what comes, until cancelled or the client gives up; say whether the broker is there."""
    while True:
        if records := await consumer.next():
            heard(True)
            deliver(records)
        else:  # nothing came, or nobody sends: the client reconnects without a word
            heard(await consumer.answers())
