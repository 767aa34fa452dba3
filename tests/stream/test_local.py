"""The stream within one process: bursts, shards, bounds, and handlers that fail."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence

import pytest
from penstock_proto.state_tracker.v1.events_pb2 import EventBatch
from penstock_stream import local
from penstock_stream.local import LocalStream
from penstock_stream.stream import EVENTS, REPORTS


@pytest.fixture
async def stream() -> AsyncIterator[LocalStream]:
    stream = LocalStream()
    await stream.start()
    yield stream
    await stream.stop()


async def turn() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_a_burst_is_one_delivery_of_the_same_objects(stream: LocalStream) -> None:
    bursts: list[Sequence[EventBatch]] = []
    stream.subscribe(EVENTS, bursts.append)
    sent = [EventBatch(shard=shard) for shard in range(3)]
    stream.publish(EVENTS, sent[:1])
    stream.publish(EVENTS, sent[1:])
    assert bursts == []
    await turn()
    assert len(bursts) == 1
    assert [id(message) for message in bursts[0]] == [id(message) for message in sent]


async def test_only_the_shards_asked_for(stream: LocalStream) -> None:
    seen: list[int] = []
    subscription = stream.subscribe(EVENTS, lambda batches: seen.extend(b.shard for b in batches), shards={1})
    stream.publish(EVENTS, [EventBatch(shard=0), EventBatch(shard=1)])
    await turn()
    subscription.close()
    subscription.close()
    stream.publish(EVENTS, [EventBatch(shard=1)])
    await turn()
    assert seen == [1]


async def test_a_failing_handler_harms_nobody(stream: LocalStream, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[int] = []

    def fails(batches: Sequence[EventBatch]) -> None:
        raise ValueError("mine")

    stream.subscribe(EVENTS, fails)
    stream.subscribe(EVENTS, lambda batches: seen.append(len(batches)))
    stream.publish(EVENTS, [EventBatch()])
    await turn()
    assert seen == [1]
    assert "a handler of the stream failed" in caplog.text


async def test_a_handler_may_publish(stream: LocalStream) -> None:
    seen: list[int] = []
    stream.subscribe(EVENTS, lambda batches: stream.publish(REPORTS, [*batches, *batches]))
    stream.subscribe(REPORTS, lambda batches: seen.append(len(batches)))
    stream.publish(EVENTS, [EventBatch()])
    await turn()
    await turn()
    assert seen == [2]


async def test_beyond_the_bound_messages_are_dropped_and_said(
    stream: LocalStream, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(local, "PENDING_MESSAGES_MAX", 2)
    seen: list[int] = []
    stream.subscribe(EVENTS, lambda batches: seen.append(len(batches)))
    with caplog.at_level(logging.WARNING):
        stream.publish(EVENTS, [EventBatch()] * 3)
        stream.publish(EVENTS, [EventBatch()])
    await turn()
    assert seen == [2] and stream.dropped == 2
    assert len(caplog.records) == 1


async def test_a_stopped_stream_takes_nothing() -> None:
    stream = LocalStream()
    stream.publish(EVENTS, [EventBatch()])
    await stream.stop()
    assert stream.dropped == 0
