"""Reading and writing topics as an outsider does, for tests."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.waiting import WAIT_S


async def follow(address: str, topic: str) -> AsyncGenerator[Any]:
    """Yield the records of a topic from its beginning, for ever."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=address, auto_offset_reset="earliest", group_id=None)
    await consumer.start()
    try:
        while True:
            yield await consumer.getone()
    finally:
        await consumer.stop()


async def read(address: str, topic: str, count: int) -> list[Any]:
    """Return the first `count` records of a topic."""
    async with aclosing(follow(address, topic)) as records, asyncio.timeout(WAIT_S):
        return [await anext(records) for _ in range(count)]


class Writer:
    """Puts whatever it is told on a topic."""

    def __init__(self, address: str, topic: str) -> None:
        self._producer: Any = AIOKafkaProducer(bootstrap_servers=address, max_request_size=8 * 2**20)
        self._topic = topic

    async def __aenter__(self) -> "Writer":
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    async def put(
        self,
        partition: int,
        body: bytes | None,
        headers: Mapping[str, bytes | None],
        key: bytes = b"",
        at_ms: int | None = None,
    ) -> int:
        """Return the record's offset."""
        sent = await self._producer.send_and_wait(
            self._topic, body, key=key, partition=partition, headers=list(headers.items()), timestamp_ms=at_ms
        )
        return sent.offset
