"""Following through losses, gaps, restarts and slow consumers."""

import asyncio
import random

import pytest
from penstock_proto.state_tracker.v1.events_pb2 import EventBatch
from penstock_stream import follower
from penstock_stream.stream import EVENTS

from tests.stream.followed import SHARDS, Logs, World, batch, until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "HEADS_EVERY_S", 0.05)
    monkeypatch.setattr(follower, "MESSAGES_LATE_S", 0.01)


async def test_it_starts_from_a_snapshot_and_follows_the_stream() -> None:
    logs = Logs()
    logs.append(0, 5)
    async with World(logs) as world:
        await world.follower.wait_loaded()
        assert world.whole() and logs.snapshots == 1  # an empty shard needs none
        world.stream.publish(EVENTS, [logs.append(0, 2), logs.append(1, 1), logs.append(0, 1)])
        await until(world.whole)
        assert logs.reads == 0


async def test_a_burst_during_the_snapshot_is_kept() -> None:
    logs = Logs()
    logs.append(0, 5)
    async with World(logs) as world:
        world.stream.publish(EVENTS, [batch(0, 4, 5), logs.append(0, 2)])
        await world.follower.wait_loaded()
        await until(world.whole)


async def test_a_lost_last_message_is_found_by_the_heads() -> None:
    logs = Logs()
    async with World(logs) as world:
        await world.follower.wait_loaded()
        logs.append(2, 3)
        await until(world.whole)


async def test_everything_lost_repeated_and_reordered() -> None:
    dice = random.Random(7)
    logs = Logs()
    async with World(logs) as world:
        sent: list[EventBatch] = []
        for _ in range(300):
            sent.append(logs.append(dice.randrange(SHARDS), dice.randint(1, 4)))
            world.stream.publish(EVENTS, [message for message in dice.choices(sent[-6:], k=3) if dice.random() < 0.7])
            if dice.random() < 0.1:
                await asyncio.sleep(0.002)
            logs.away = dice.random() < 0.3
        logs.away = False
        await until(world.whole)
        assert logs.snapshots <= SHARDS


async def test_a_service_that_forgot_gives_a_snapshot() -> None:
    logs = Logs()
    async with World(logs) as world:
        await world.follower.wait_loaded()
        logs.append(1, 50)
        logs.kept_from = 40
        await until(world.whole)
        assert logs.snapshots == 1


async def test_a_very_long_way_back_is_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "RANGE_MAX", 10)
    logs = Logs()
    async with World(logs) as world:
        await world.follower.wait_loaded()
        logs.append(1, 50)
        await until(world.whole)
        assert logs.snapshots == 1 and logs.reads == 0


async def test_each_upstream_answers_for_its_own_shards() -> None:
    first, second = Logs("first", range(0, 1)), Logs("second", range(1, SHARDS))
    first.append(0, 3)
    async with World(first, second) as world:
        await world.follower.wait_loaded()
        second.append(2, 4)
        second.away = True
        first.append(0, 1)
        await until(lambda: len(world.consumer.seen[0]) == 4)
        assert not world.whole()
        second.away = False
        await until(world.whole)


async def test_a_shard_changes_hands() -> None:
    first, second = Logs("first"), Logs("second", range(0))
    async with World(first, second) as world:
        await world.follower.wait_loaded()
        second.seqs = {0: first.seqs.pop(0)}
        second.append(0, 3)
        await until(world.whole)


async def test_a_consumer_may_make_a_shard_wait() -> None:
    logs = Logs()
    async with World(logs) as world:
        await world.follower.wait_loaded()
        world.consumer.refuse = True
        world.stream.publish(EVENTS, [logs.append(0, 2), logs.append(0, 2)])
        await asyncio.sleep(0.02)
        world.consumer.refuse = False
        world.stream.publish(EVENTS, [logs.append(0, 1), logs.append(1, 1)])
        await until(lambda: world.consumer.seen[1] == [1])
        assert world.consumer.seen[0] == []
        world.follower.resume(0)
        assert world.whole()


async def test_a_consumer_that_fails_is_loaded_anew() -> None:
    logs = Logs()
    async with World(logs) as world:
        await world.follower.wait_loaded()
        world.consumer.fail_at = 2
        world.stream.publish(EVENTS, [logs.append(0, 2)])
        await until(world.whole)
        assert logs.snapshots == 1
