"""Reading from Kafka: decoded messages to handlers, what cannot be read to the dead-letter topic."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from . import cloudevents
from .errors import UnreadableRecord
from .kafka_client import Consumer, Record
from .stream import Message

REASON_CHARS_MAX: Final = 500

log = logging.getLogger(__name__)

# Gets a record that cannot be read, and why.
DeadLetter = Callable[[Record, str], None]


def read(topic: str, records: Sequence[Record], shards: int, dead_letter: DeadLetter) -> list[Message]:
    """Return the messages of records of a topic; hand over those that are none, or that cannot be true."""
    messages: list[Message] = []
    for record in records:
        try:
            message = cloudevents.decode(topic, record.headers, record.value)
            cloudevents.check(message, shards)
        except UnreadableRecord as error:
            reason = str(error)[:REASON_CHARS_MAX]
            log.warning("%s-%d at %d cannot be read: %s", record.topic, record.partition, record.offset, reason)
            dead_letter(record, reason)
        else:
            messages.append(message)
    return messages


async def consume(consumer: Consumer, deliver: Callable[[Sequence[Record]], None]) -> None:
    """Deliver what comes, until cancelled or the client gives up."""
    while True:
        if records := await consumer.next():
            deliver(records)
