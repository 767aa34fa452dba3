"""The little of aiokafka that is used, typed: nothing else imports it."""
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, cast

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, TopicAlreadyExistsError

from ..errors import CallDropped, RecordTooLarge
from .security import client_options

REQUEST_TIMEOUT_MS: Final = 10_000
RECORD_BYTES_MAX: Final = 8 * 2**20
# Bytes that go to one partition in one round trip.
BATCH_BYTES_MAX: Final = 512 * 1024
STOP_S_MAX: Final = 5.0
CANCEL_AGAIN_S: Final = 2 * STOP_S_MAX
FETCH_WAIT_MS: Final = 500
# Where what comes may gather: the broker answers once there is so much, or later.
GATHERED_BYTES: Final = 256 * 1024
POLL_MS: Final = 1_000
ANSWER_S_MAX: Final = 3.0
RECORDS_AT_ONCE_MAX: Final = 5_000
# In one answer of the broker, of one partition; a single record may be larger.
FETCH_BYTES_MAX: Final = 2**20
LOOK_BYTES_MAX: Final = 64 * 1024

Headers = list[tuple[str, bytes]]


class Outgoing(NamedTuple):
    key: bytes | None
    value: bytes
    headers: Headers


class Record(NamedTuple):
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: Headers


class TopicBounds(NamedTuple):
    partitions: int
    record_bytes_max: int


async def run_undropped(work: Coroutine[Any, Any, None]) -> None:
    """Await work with the broker; where aiokafka cancels it and nobody else did, raise CallDropped."""
    try:
        await work
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise CallDropped from None


async def run_together(*works: Coroutine[Any, Any, None]) -> None:
    """Await works with the broker, all at once, until one fails; raise that.

    Not by a TaskGroup: Python 3.11's leaves the task that awaits it marked as cancelled after a failure, and the next
    call that aiokafka cancels would then end that task for good.
    """
    tasks = [asyncio.create_task(run_undropped(work)) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            if task.done():
                task.result()
    finally:
        await asyncio.gather(*(cancel(task) for task in tasks))


async def cancel(task: asyncio.Task[None]) -> None:
    """Cancel a task until it has ended: what awaits its parts with a timeout may swallow a cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_AGAIN_S)
    if not task.cancelled():
        task.exception()  # it was asked for, or another's is raised


async def _connect(starting: Coroutine[Any, Any, None]) -> None:
    """Await the start of a client; whoever cancels that waits, too: aiokafka loses connections that are being made."""
    task = asyncio.ensure_future(starting)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        with suppress(Exception):
            await asyncio.wait_for(task, STOP_S_MAX)
        raise


async def ensure_topics(address: str, topics: Mapping[str, int], configs: Mapping[str, str]) -> None:
    """Create the topics that are missing, each with its number of partitions."""
    admin: Any = AIOKafkaAdminClient(
        bootstrap_servers=address, request_timeout_ms=REQUEST_TIMEOUT_MS, **client_options()
    )
    try:
        await _connect(admin.start())
        existing = set(await admin.list_topics())
        missing = [
            NewTopic(name, partitions, 1, topic_configs=dict(configs))
            for name, partitions in topics.items()
            if name not in existing
        ]
        if missing:
            with suppress(TopicAlreadyExistsError):
                await admin.create_topics(missing)
    finally:
        await admin.close()


async def describe_topics(
    address: str, names: Sequence[str], configs: Sequence[str]
) -> list[tuple[str, int, dict[str, str]]]:
    """Return name, number of partitions and the chosen settings of those topics that there are."""
    admin: Any = AIOKafkaAdminClient(
        bootstrap_servers=address, request_timeout_ms=REQUEST_TIMEOUT_MS, **client_options()
    )
    try:
        await _connect(admin.start())
        existing = set(await admin.list_topics()).intersection(names)
        topics: Any = await admin.describe_topics(sorted(existing))
        asked = [ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(configs, "")) for name in existing]
        answers: Any = await admin.describe_configs(asked)
        entries = {
            resource[3]: {name: str(value) for name, value, *_ in resource[4]}
            for answer in answers
            for resource in answer.resources
        }
        return [(one["topic"], len(one["partitions"]), entries.get(one["topic"], {})) for one in topics]
    finally:
        await admin.close()


async def bounds_of(address: str, topic: str, otherwise: TopicBounds) -> TopicBounds:
    """Return what a topic takes; `otherwise`, if it is so new that the broker does not tell of it yet."""
    for _, partitions, configs in await describe_topics(address, [topic], ["max.message.bytes"]):
        largest = int(configs.get("max.message.bytes", otherwise.record_bytes_max))
        return TopicBounds(partitions, min(largest, RECORD_BYTES_MAX))
    return otherwise


class Producer:
    """Idempotent, acknowledged by all replicas. Of no use any more after its first error."""

    def __init__(self, address: str, batch_bytes_max: int = BATCH_BYTES_MAX) -> None:
        self._producer: Any = AIOKafkaProducer(
            bootstrap_servers=address,
            **client_options(),
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            max_request_size=RECORD_BYTES_MAX,
            max_batch_size=min(batch_bytes_max, BATCH_BYTES_MAX),
        )

    async def start(self) -> None:
        try:
            await _connect(self._producer.start())
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Give the connection up, and what is on its way with it."""
        with suppress(Exception):
            await asyncio.wait_for(self._producer.stop(), STOP_S_MAX)
        with suppress(Exception):  # what could not be sent in time kept it open
            await self._producer.client.close()

    async def partitions(self, topic: str) -> int:
        """Return how many the topic has; 0 if there is no such topic."""
        return len(await self._producer.partitions_for(topic) or ())

    async def send(self, topic: str, records: Mapping[int, Sequence[Outgoing]]) -> dict[int, list[int]]:
        """Send records of several partitions, in order; return their offsets once the broker has all of them.

        Raises:
            RecordTooLarge: The broker's topic takes no record of that size.
        """
        if len(records) == 1:
            return {partition: await self._send(topic, partition, of_one) for partition, of_one in records.items()}
        sent = await asyncio.gather(
            *(self._send(topic, partition, of_one) for partition, of_one in records.items()), return_exceptions=True
        )
        if failures := [one for one in sent if isinstance(one, BaseException)]:
            raise failures[0]
        return dict(zip(records, cast("list[list[int]]", sent), strict=True))

    async def _send(self, topic: str, partition: int, records: Sequence[Outgoing]) -> list[int]:
        offsets: list[int] = []
        at = 0
        while at < len(records):
            batch: Any = self._producer.create_batch()
            began = at
            while at < len(records):
                key, value, headers = records[at]
                if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                    break
                at += 1
            batch.close()
            delivered: Any = await self._producer.send_batch(batch, topic, partition=partition)
            try:
                metadata = await delivered
            except MessageSizeTooLargeError:
                raise RecordTooLarge(topic, max(len(record.value) for record in records[began:at])) from None
            offsets += range(metadata.offset, metadata.offset + at - began)
        return offsets


class Consumer:
    """Reads partitions that are assigned by hand, from their ends on or from given offsets."""

    def __init__(self, address: str, fetch_bytes_max: int = FETCH_BYTES_MAX, gather_s: float = 0.0) -> None:
        """`gather_s`: so long the broker may let records gather before it answers."""
        # A wiped topic begins anew: from its beginning, since repeats are dropped anyway.
        self._consumer: Any = AIOKafkaConsumer(
            bootstrap_servers=address,
            **client_options(),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=int(gather_s * 1_000) or FETCH_WAIT_MS,
            fetch_min_bytes=GATHERED_BYTES if gather_s else 1,
            max_partition_fetch_bytes=fetch_bytes_max,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )

    async def start(self) -> None:
        try:
            await _connect(self._consumer.start())
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        with suppress(Exception):
            await asyncio.wait_for(self._consumer.stop(), STOP_S_MAX)

    async def from_end(self, topic: str, partitions: Iterable[int]) -> None:
        """Read what comes from now on."""
        assigned = [TopicPartition(topic, partition) for partition in partitions]
        self._consumer.assign(assigned)
        await self._consumer.seek_to_end(*assigned)
        for partition in assigned:  # the seek is done lazily, and "now" would be later
            await self._consumer.position(partition)

    async def next(self, timeout_ms: int = POLL_MS) -> list[Record]:
        """Return what has come, as soon as something has; nothing after the timeout."""
        found: Any = await self._consumer.getmany(timeout_ms=timeout_ms, max_records=RECORDS_AT_ONCE_MAX)
        return [
            Record(one.topic, one.partition, one.offset, one.key, one.value or b"", list(one.headers))
            for batch in found.values()
            for one in batch
        ]

    async def answers(self) -> bool:
        """Whether the broker answers about a partition that is read here."""
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                await run_undropped(self._ask())
        except (CallDropped, KafkaError, TimeoutError):
            return False
        return True

    async def _ask(self) -> None:
        await self._consumer.end_offsets(list(self._consumer.assignment())[:1])

    async def bounds(self, topic: str, partitions: Iterable[int]) -> dict[int, tuple[int, int]]:
        """Return the first offset that is kept of each partition, and the one that the next record will get."""
        asked = [TopicPartition(topic, partition) for partition in partitions]
        firsts: Any = await self._consumer.beginning_offsets(asked)
        ends: Any = await self._consumer.end_offsets(asked)
        return {one.partition: (firsts[one], ends[one]) for one in asked}

    async def read_at(self, topic: str, offsets: Mapping[int, int]) -> dict[int, Record]:
        """Return by partition the record at an offset that `bounds` allows, unless it is not there after all."""
        assigned = {TopicPartition(topic, partition): offset for partition, offset in offsets.items()}
        self._consumer.assign(list(assigned))
        for one, offset in assigned.items():
            self._consumer.seek(one, offset)
        firsts: dict[int, Record] = {}
        while len(firsts) < len(offsets) and (records := await self.next()):
            for record in records:
                firsts.setdefault(record.partition, record)
        return {partition: record for partition, record in firsts.items() if record.offset == offsets[partition]}
