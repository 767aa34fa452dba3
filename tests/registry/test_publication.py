"""The registry's log on its topic: all of it, in order, whatever happens to registries and to the broker's answers."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import pytest
from penstock_proto.registry.v1.events_pb2 import RegistryBatch
from penstock_proto.state_tracker.v1.service_pb2 import InfoRequest
from penstock_registry.publication import Broker
from penstock_stream.kafka.client import Outgoing, Producer

from tests.registry.running import plan, serving
from tests.state_tracker.running import running
from tests.stream.kafka_records import read
from tests.waiting import WAIT_S


async def test_every_event_is_published_in_order_by_registries_that_take_turns(
    database_url: str, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = Broker(broker, f"test-{uuid.uuid4().hex}")
    again: list[int] = []  # records that the broker had before the error
    send = Producer.send

    async def send_and_lose_an_answer(
        self: Producer, topic: str, records: Mapping[int, Sequence[Outgoing]]
    ) -> dict[int, list[int]]:
        offsets = await send(self, topic, records)
        if topic.endswith(".registry") and not again:
            again.append(len(records[0]))
            raise ConnectionError("the broker has it, and nobody knows")
        return offsets

    monkeypatch.setattr(Producer, "send", send_and_lose_an_answer)
    async with running(database_url) as tracker:
        address = tracker.server.address
        async with serving(database_url, address, tracker) as unpublished:
            await unpublished.publish(plan(1), alias="production")
        async with (
            serving(database_url, address, tracker, chosen) as first,
            serving(database_url, address, tracker, chosen) as second,
        ):
            await second.publish(plan(2, rounds="int:3"))
            await first.move("production", 2)
            log = [
                (batch.from_seq + index, batch.recorded_at_us, event)
                for batch in await first.log()
                for index, event in enumerate(batch.events)
            ]
            deployment = (await tracker.stub.Info(InfoRequest())).deployment_id
            await published(database_url, len(log))
            found = await read(broker, f"{chosen.prefix}.registry", len(log) + again[0])
    bodies: dict[int, RegistryBatch] = {}
    for record in found:
        attributes = dict(record.headers)
        assert attributes["ce_type"] == b"io.penstock.registry.v1"
        assert attributes["ce_source"] == f"/penstock/{deployment}".encode()
        assert attributes["ce_subject"] == b"workflow/train" and record.key == b"train"
        bodies.setdefault(id_of(record), RegistryBatch.FromString(record.value))
    assert list(bodies) == sorted(bodies)
    assert [(seq, body.recorded_at_us, body.events[0]) for seq, body in bodies.items()] == log


async def published(url: str, seq: int) -> None:
    """Wait until the log is on the topic up to a position."""
    connection = await asyncpg.connect(url)
    try:
        async with asyncio.timeout(WAIT_S):
            while await connection.fetchval("SELECT seq FROM penstock_registry.published") < seq:
                await asyncio.sleep(0.05)
    finally:
        await connection.close()


def id_of(record: Any) -> int:
    return int(dict(record.headers)["ce_id"])
