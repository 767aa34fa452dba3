"""Reading from Kafka: decoded messages to handlers, what cannot be read to the dead letters."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import UnreadableRecord
from ..stream import Message
from . import cloudevents
from .client import Consumer, Record
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

    def read(self, records: Sequence[Record]) -> list[Message]:
        """Return the messages; put aside records that are none, or that cannot be true."""
        messages: list[Message] = []
        for record in records:
            try:
                messages.append(self._read(record))
            except UnreadableRecord as error:
                log.warning("%s-%d at %d is put aside: %s", record.topic, record.partition, record.offset, error)
                origin = f"{record.topic}/{record.partition}/{record.offset}"
                self.put_aside(DeadLetter(origin, str(error), record.key or b"", record.value, record.headers))
        return messages

    def _read(self, record: Record) -> Message:
        message = cloudevents.decode(self.topic, self.source, record.headers, record.value)
        cloudevents.check(message, self.shards)
        if record.partition != message.shard % self.partitions:
            raise UnreadableRecord(f"shard {message.shard} on partition {record.partition}, where it never is")
        return message


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
