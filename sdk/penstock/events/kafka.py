"""The little of aiokafka that reading needs, typed."""
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

REQUEST_TIMEOUT_MS: Final = 10_000
POLL_MS: Final = 1_000
RECORDS_AT_ONCE_MAX: Final = 1_000
STOP_S_MAX: Final = 5.0

# What a broker's absence ends a call with.
AWAY: Final[tuple[type[Exception], ...]] = (KafkaError, OSError, TimeoutError)


class Record(NamedTuple):
    partition: int
    offset: int
    at_ms: int
    value: bytes | None
    headers: list[tuple[str, bytes]]


async def partitions_of(address: str, topic: str) -> int:
    """Return how many a topic has; 0 if there is no such topic. Anything in `AWAY` ends it."""
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=address, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        # Of all topics: to ask for one that is missing may create it.
        topics: Any = await admin.describe_topics()
        return next((len(one["partitions"]) for one in topics if one["topic"] == topic), 0)
    finally:
        await admin.close()


@asynccontextmanager
async def open_link(address: str, topic: str) -> AsyncGenerator[Link]:
    """Lend a connection; anything in `AWAY` ends it."""
    consumer: Any = AIOKafkaConsumer(
        bootstrap_servers=address,
        enable_auto_commit=False,
        # What became of a place that is gone is found out, and not passed over: it ends the connection.
        auto_offset_reset="none",
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )
    try:
        await consumer.start()
        yield Link(consumer, topic)
    finally:
        with suppress(Exception):
            await asyncio.wait_for(consumer.stop(), STOP_S_MAX)


class Link:
    """One connection to the topic."""

    def __init__(self, consumer: Any, topic: str) -> None:
        self._consumer, self._topic = consumer, topic

    def assign(self, partitions: Iterable[int]) -> None:
        self._consumer.assign([TopicPartition(self._topic, partition) for partition in partitions])

    def seek(self, partition: int, offset: int) -> None:
        self._consumer.seek(TopicPartition(self._topic, partition), offset)

    async def bounds(self, partitions: Iterable[int]) -> dict[int, tuple[int, int]]:
        """Return the first offset that is kept of each partition, and the one that the next record will get."""
        asked = [TopicPartition(self._topic, partition) for partition in partitions]
        firsts: Any = await self._consumer.beginning_offsets(asked)
        ends: Any = await self._consumer.end_offsets(asked)
        return {one.partition: (firsts[one], ends[one]) for one in asked}

    async def at(self, times_ms: dict[int, int]) -> dict[int, int | None]:
        """Return the offset of the first record of each partition at or after a time; None if there is none."""
        asked = {TopicPartition(self._topic, partition): at_ms for partition, at_ms in times_ms.items()}
        found: Any = await self._consumer.offsets_for_times(asked)
        return {one.partition: None if place is None else place.offset for one, place in found.items()}

    async def next(self) -> list[Record]:
        """Return what has come, as soon as something has; nothing after a second."""
        found: Any = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS_AT_ONCE_MAX)
        return [
            Record(one.partition, one.offset, one.timestamp, one.value, list(one.headers))
            for batch in found.values()
            for one in batch
        ]

    async def position(self, partition: int) -> int:
        """Return the offset of the next record that `next` gives."""
        return int(await self._consumer.position(TopicPartition(self._topic, partition)))
