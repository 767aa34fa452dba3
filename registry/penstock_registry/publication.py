"""The registry's log on a topic of Kafka: complete within its retention, in order, with possible repeats."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from penstock_observability import metrics
from penstock_observability.scraped import Stop
from penstock_proto.registry.v1.events_pb2 import EntryKind, RegistryBatch, RegistryEvent
from penstock_service.database import Database, Limits
from penstock_stream.kafka import client, cloudevents
from penstock_stream.kafka.client import Outgoing, Producer
from penstock_stream.kafka.stream import CONFIGS, Link

from .store.log import Log

TOPIC: Final = "registry"
TYPE: Final = "io.penstock.registry.v1"
EVENTS_AT_ONCE: Final = 200
LOOK_EVERY_S: Final = 1.0
# One connection, which is held while the broker is told.
LIMITS: Final = Limits(connections_max=1)
TAKE_TURN = "SELECT seq FROM penstock_registry.published FOR UPDATE SKIP LOCKED"
ADVANCE = "UPDATE penstock_registry.published SET seq = $1"


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the log is published."""

    address: str
    prefix: str = "penstock"


class Publication:
    """Publishes what is in the log and not yet on the topic. Registries that share a database take turns.

    Args:
        database_url: Of the log, for a connection of its own.
        deployment: Returns the id of the deployment; raises what a State Tracker's absence raises.
    """

    def __init__(self, log: Log, database_url: str, broker: Broker, deployment: Callable[[], Awaitable[str]]) -> None:
        self._log, self._broker, self._deployment = log, broker, deployment
        self._database = Database(database_url, LIMITS)
        self._topic = f"{broker.prefix}.{TOPIC}"
        self._published = 0
        self._link: Link | None = None
        self._stop_metrics: Stop | None = None

    async def start(self) -> None:
        await self._database.open()
        self._stop_metrics = metrics.REGISTRY_UNPUBLISHED.register_one(
            lambda: float(max(0, self._log.seq - self._published))
        )
        self._link = Link(f"publishing {TOPIC}", self._publish)

    async def stop(self) -> None:
        if self._link is not None:
            await self._link.stop()
        if self._stop_metrics is not None:
            self._stop_metrics()
        await self._database.close()

    async def _publish(self, link: Link) -> None:
        source = f"/penstock/{await self._deployment()}"
        await client.ensure_topics(self._broker.address, {self._topic: 1}, CONFIGS)
        producer = Producer(self._broker.address)
        await producer.start()
        link.is_connected = True
        try:
            while True:
                seq = await self._publish_some(producer, source)
                try:
                    async with asyncio.timeout(LOOK_EVERY_S):
                        await self._log.wait_beyond(seq)
                except TimeoutError:
                    pass  # what another registry appends is seen by then
        finally:
            await producer.stop()

    async def _publish_some(self, producer: Producer, source: str) -> int:
        """Publish the next events, unless another registry does; return the position up to which nothing is left."""
        async with self._database.acquire() as connection, connection.transaction():
            seq: int | None = await connection.fetchval(TAKE_TURN)
            if seq is None:
                return self._log.seq
            head = self._log.seq
            records: list[Outgoing] = []
            async for batch in self._log.read(seq + 1, min(head, seq + EVENTS_AT_ONCE)):
                records += records_of(batch, source)
                seq = batch.from_seq + len(batch.events) - 1
            if records:
                await producer.send(self._topic, {0: records})
                await connection.execute(ADVANCE, seq)
        self._published = seq
        return seq


def records_of(batch: RegistryBatch, source: str) -> Sequence[Outgoing]:
    """Return a record for each event: a batch of one, whose id is its position."""
    records: list[Outgoing] = []
    for seq, event in enumerate(batch.events, batch.from_seq):
        kind, name = _subject(event)
        attributes = cloudevents.attributes(TYPE, source, b"%d" % seq, f"{kind}/{name}".encode(), batch.recorded_at_us)
        body = RegistryBatch(from_seq=seq, recorded_at_us=batch.recorded_at_us, events=[event])
        records.append(Outgoing(name.encode(), body.SerializeToString(), attributes))
    return records


def _subject(event: RegistryEvent) -> tuple[str, str]:
    """Return the kind of the name that an event is about, and the name."""
    kind = event.WhichOneof("kind")
    if kind == "alias_moved":
        entry = EntryKind.Name(event.alias_moved.entry_kind).removeprefix("ENTRY_KIND_").lower()
        return entry, event.alias_moved.name
    if kind == "type_registered":
        return "type", event.type_registered.name
    return "workflow", event.workflow_published.name
