"""Watchers of a feed: those who come late, those who are slow, those who go."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from penstock.client import RunInfo
from penstock_gateway.live import feeds as feeds_module
from penstock_gateway.live import replay as replay_module
from penstock_gateway.live import watching
from penstock_gateway.live.feeds import Feed, Feeds
from penstock_gateway.live.watching import LAGGED, Watched, Watcher
from penstock_gateway.upstream import Upstream
from penstock_observability import metrics

from tests.gateway.programs import Programs
from tests.waiting import wait_for


@pytest.fixture
async def client(programs: Programs) -> AsyncIterator[Upstream]:
    async with Upstream(programs.address) as client:
        yield client


@pytest.fixture
async def feeds(client: Upstream) -> AsyncIterator[Feeds]:
    feeds = Feeds(client)
    yield feeds
    await feeds.close()


async def watcher(client: Upstream, feeds: Feeds, run: RunInfo, seq: int = 0) -> Watcher:
    return Watcher(feeds, [Watched(run.id, await client.plan(run.plan_hash), seq)])


def seqs_of(data: bytes) -> list[int]:
    lines = [line for line in data.split(b"\n") if line.startswith(b"data: {")]
    return [change["seq"] for line in lines for change in json.loads(line[6:]).get("changes", ())]


def followed() -> float:
    (family,) = metrics.HTTP_FEEDS.collect()
    return family.samples[0].value


async def all_seqs(client: Upstream, run: RunInfo) -> list[int]:
    return [event.seq async for batch in client.events(run, follow=False) for event in batch]


@pytest.mark.parametrize("kept_bytes", [1, 2_000, 2**20])
async def test_who_comes_late_gets_what_the_feed_no_longer_has(
    client: Upstream, feeds: Feeds, programs: Programs, monkeypatch: pytest.MonkeyPatch, kept_bytes: int
) -> None:
    monkeypatch.setattr(feeds_module, "KEPT_BYTES_MAX", kept_bytes)
    monkeypatch.setattr("penstock_gateway.live.folding.MESSAGE_BYTES_MAX", 1_000)
    run = await client.get(programs.launch("wide", n=2))
    await client.wait_ended(run)
    expected = await all_seqs(client, run)
    for seq in (0, expected[0], expected[len(expected) // 2], expected[-2]):
        data = b"".join([part async for part in (await watcher(client, feeds, run, seq)).stream()])
        assert seqs_of(data) == [one for one in expected if one > seq]
        assert LAGGED not in data


@pytest.mark.parametrize("kept_bytes", [1, 2**20])
async def test_those_who_come_late_together_share_one_read(
    client: Upstream, programs: Programs, monkeypatch: pytest.MonkeyPatch, kept_bytes: int
) -> None:
    monkeypatch.setattr(feeds_module, "KEPT_BYTES_MAX", 1)
    monkeypatch.setattr(replay_module, "KEPT_BYTES_MAX", kept_bytes)
    monkeypatch.setattr("penstock_gateway.live.folding.MESSAGE_BYTES_MAX", 500)
    run = await client.get(programs.launch("wide", n=3))
    await client.wait_ended(run)
    expected = await all_seqs(client, run)
    reads = 0

    async def counted(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        nonlocal reads
        reads += 1
        async with aclosing(type(client).events(client, *args, **kwargs)) as batches:
            async for batch in batches:
                yield batch

    monkeypatch.setattr(client, "events", counted)
    feeds = Feeds(client)

    async def read(number: int) -> list[int]:
        data = b""
        async for part in (await watcher(client, feeds, run, expected[number] - 1)).stream():
            data += part
            await asyncio.sleep(0.001 * (number % 3))  # some are slower, and what they need is dropped
        assert LAGGED not in data
        return seqs_of(data)

    try:
        found = await asyncio.gather(*map(read, range(6)))
    finally:
        await feeds.close()
    assert found == [expected[number:] for number in range(6)]
    assert kept_bytes == 1 or reads == 2  # by the feed, and for all who came late


async def test_a_reader_that_goes_takes_nothing_from_the_others(client: Upstream, programs: Programs) -> None:
    run = await client.get(programs.launch("wide", n=2))
    await client.wait_ended(run)
    expected = await all_seqs(client, run)
    feeds = Feeds(client)
    async with aclosing(feeds.history(feed := await unread_feed(client, feeds, run), 0)) as first:
        goes = asyncio.create_task(anext(first))
        stays = asyncio.create_task(collected(feeds, feed))
        await asyncio.sleep(0)
        goes.cancel()
        await asyncio.gather(goes, return_exceptions=True)
        assert await stays == expected
    await feeds.close()


async def unread_feed(client: Upstream, feeds: Feeds, run: RunInfo) -> Feed:
    with feeds.watched(run.id, await client.plan(run.plan_hash), asyncio.Event()) as feed:
        return feed


async def collected(feeds: Feeds, feed: Feed) -> list[int]:
    return [change.seq async for message in feeds.history(feed, 0) for change in message.changes]


async def test_who_is_too_slow_is_told_and_left(
    client: Upstream, feeds: Feeds, programs: Programs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(watching, "BEHIND_BYTES_MAX", 100)
    monkeypatch.setattr(watching, "PING_S", 0.01)
    run = await client.get(programs.launch("gated", gate=str(tmp_path)))
    slow = await watcher(client, feeds, run)
    stream = slow.stream()
    async with aclosing(stream):
        async for part in stream:
            if part == watching.PING and not slow.is_behind:  # it has caught up
                break
        (tmp_path / "open").touch()
        await client.wait_ended(run)
        # One that takes each message as it comes sees all of them.
        left = [part async for part in stream]
    assert left[-1] == LAGGED


async def test_a_run_is_followed_once_and_only_while_it_is_watched(
    client: Upstream, feeds: Feeds, programs: Programs, tmp_path: Path
) -> None:
    run = await client.get(programs.launch("gated", gate=str(tmp_path)))
    streams = [(await watcher(client, feeds, run)).stream() for _ in range(5)]
    for stream in streams:
        await anext(stream)
    assert followed() == 1
    for stream in streams:
        await stream.aclose()
    assert followed() == 0
    (tmp_path / "open").touch()
    wait_for(lambda: programs.ended(str(run.id)))
