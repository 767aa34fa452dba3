"""Reading from Kafka: decoded messages to handlers, what cannot be read to the dead-letter topic."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition  # pyright: ignore[reportMissingTypeStubs]

from . import cloudevents
from .errors import UnreadableRecord
from .stream import Message

WAIT_MS: Final = 1_000
RECORDS_MAX: Final = 5_000
REASON_CHARS_MAX: Final = 500

log = logging.getLogger(__name__)

# Gets a record that cannot be read, and why.
DeadLetter = Callable[[Any, str], None]


async def consume(
    address: str,
    topic: str,
    name: str,
    partitions: Sequence[int],
    all_partitions: int,
    shards: int,
    deliver: Callable[[list[Message]], None],
    dead_letter: DeadLetter,
) -> None:
    """Deliver what is published from now on, until cancelled or the client gives up."""
    # A wiped topic begins anew: from its beginning, since repeats are dropped anyway.
    consumer: Any = AIOKafkaConsumer(
        bootstrap_servers=address, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=500
    )
    await consumer.start()
    try:
        assigned = [TopicPartition(name, partition) for partition in partitions]
        consumer.assign(assigned)
        await consumer.seek_to_end(*assigned)
        while True:
            records = await consumer.getmany(timeout_ms=WAIT_MS, max_records=RECORDS_MAX)
            messages: list[Message] = []
            for partition, batch in records.items():
                for record in batch:
                    _read(topic, record, partition.partition, all_partitions, shards, messages, dead_letter)
            if messages:
                deliver(messages)
    finally:
        await consumer.stop()


def _read(
    topic: str,
    record: Any,
    partition: int,
    partitions: int,
    shards: int,
    messages: list[Message],
    dead_letter: DeadLetter,
) -> None:
    try:
        message = cloudevents.decode(topic, record.headers, record.value)
        cloudevents.check(message, shards, partition, partitions)
    except UnreadableRecord as error:
        reason = str(error)[:REASON_CHARS_MAX]
        log.warning("%s-%d at %d cannot be read: %s", record.topic, partition, record.offset, reason)
        dead_letter(record, reason)
    else:
        messages.append(message)
