"""The service: from `events` to `actions`, through lost messages, missing plans and restarts."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from random import Random
from typing import Any

import pytest
from penstock_dependency_manager import recent
from penstock_dependency_manager.core import Graph
from penstock_dependency_manager.unlocker import EVENTS_AT_ONCE_MAX, pieces
from penstock_proto.dependency_manager.v1 import service_pb2, service_pb2_grpc
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_stream import follower
from penstock_stream.stream import ACTIONS

from tests.dags import NodeSpec, plan_of, random_plan
from tests.dependency_manager.world import SHARDS, World, admitted, succeeded, until
from tests.streams import MakeStream


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "HEADS_EVERY_S", 0.05)
    monkeypatch.setattr(follower, "MESSAGES_LATE_S", 0.01)


@pytest.fixture
async def world(make_stream: MakeStream) -> AsyncIterator[World]:
    world = World(make_stream(SHARDS))
    await world.start()
    await world.follower.wait_loaded()
    yield world
    await world.stop()


RUN = bytes(16)  # of shard 0


async def test_a_chain_unlocks_step_by_step(world: World) -> None:
    plan = world.tracker.put(plan_of([NodeSpec(uses=[-1]), NodeSpec(uses=[0])], outputs=[1]))
    world.tracker.submit(0, RUN, plan)
    await until(lambda: world.starts.open[0] == {(RUN, 0, 1)})
    world.tracker.report(0, succeeded(RUN, 0))
    await until(lambda: world.starts.open[0] == {(RUN, 1, 1)})
    world.tracker.report(0, succeeded(RUN, 1))
    await until(world.agrees)
    assert world.starts.open[0] == set() and world.starts.loads == 0


async def test_a_shard_waits_for_its_plan_alone(world: World) -> None:
    other = bytes(15) + b"1"
    slow, quick = world.tracker.put(plan_of([NodeSpec()])), world.tracker.put(plan_of([NodeSpec(), NodeSpec()]))
    world.tracker.submit(1, other, quick)
    await until(world.agrees)
    world.tracker.hide_plans = True
    world.tracker.submit(0, RUN, slow)
    world.tracker.submit(0, bytes(15) + b"2", quick)
    world.tracker.report(1, succeeded(other, 0))
    await until(lambda: len(world.starts.open[1]) == 1)
    assert world.starts.open[0] == set()
    world.tracker.hide_plans = False
    await until(world.agrees)


@pytest.mark.parametrize("at_once", [1, Graph.STEP])
async def test_random_runs_with_lost_messages_and_restarts(
    world: World, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Graph, "STEP", at_once)
    dice = Random(11)
    plans = [world.tracker.put(random_plan(dice, 10)) for _ in range(4)]
    for index in range(24):
        world.tracker.submit(index % SHARDS, bytes(15) + bytes([index]), dice.choice(plans))
        await asyncio.sleep(0)
    for step in range(300):
        world.tracker.silent = dice.random() < 0.2
        shard = world.tracker.shards[dice.randrange(SHARDS)]
        if todo := sorted(admitted(shard)):
            run_id, node, attempt = dice.choice(todo)
            report = succeeded(run_id, node)
            report.attempt = attempt
            if dice.random() < 0.2:
                report.failed.cause = ev.CAUSE_USER
            world.tracker.report(shard.shard, report)
        if step % 7 == 0:
            await asyncio.sleep(0.001)
        if step in (100, 200):
            port = world.server.port
            await world.stop_dependency_manager()
            await world.start_dependency_manager(port)
    await until(world.agrees)


async def test_others_get_their_turn_while_a_huge_run_begins(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on = asyncio.Event()
    describe = Graph.describe

    def describe_late(self: Graph, out: Any) -> Iterator[None]:
        while not goes_on.is_set():
            yield
        yield from describe(self, out)

    monkeypatch.setattr(Graph, "STEP", 10)
    monkeypatch.setattr(Graph, "describe", describe_late)
    nodes, other = 500, bytes(15) + b"1"
    huge, small = world.tracker.put(plan_of([NodeSpec()] * nodes)), world.tracker.put(plan_of([NodeSpec()]))
    world.tracker.submit(0, bytes(15) + b"2", small)
    await until(world.agrees)
    world.tracker.submit(0, RUN, huge)
    world.tracker.submit(0, bytes(15) + b"4", small)
    await until(lambda: 0 in world.manager._unlocker.unpublished)
    world.tracker.submit(1, other, small)
    await until(lambda: (other, 0, 1) in world.starts.open[1])
    assert 0 in world.manager._unlocker.unpublished, "it is still being described, and is nowhere to be read"
    stub = service_pb2_grpc.DependencyManagerServiceStub(world.channel)
    heads = {head.shard: head.seq for head in (await stub.Heads(service_pb2.HeadsRequest())).heads}
    assert heads == {0: 1, 1: 1} and len(world.starts.open[0]) == 1
    goes_on.set()
    await until(world.agrees)
    assert len(world.starts.open[0]) == nodes + 2 and world.starts.loads == 0


async def test_who_missed_too_much_takes_a_snapshot(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "KEPT_INSTRUCTIONS_MAX", 8)
    plan = world.tracker.put(plan_of([NodeSpec() for _ in range(20)]))
    publish = world.stream.publish
    monkeypatch.setattr(world.stream, "publish", lambda topic, sent: None if topic == ACTIONS else publish(topic, sent))
    for index in range(4):
        world.tracker.submit(0, bytes(15) + bytes([SHARDS * index]), plan)
    await until(world.agrees)
    assert world.starts.loads >= 1 and len(world.starts.open[0]) == 80


def test_a_long_range_is_cut_and_what_is_known_left_out() -> None:
    count = EVENTS_AT_ONCE_MAX + 10
    batch = ev.EventBatch(
        shard=1, epoch=2, from_seq=5, events=[ev.Event(run_id=bytes([i % 256])) for i in range(count)]
    )
    assert [(piece.from_seq, len(piece.events)) for piece in pieces(batch, 4)] == [
        (5, EVENTS_AT_ONCE_MAX),
        (5 + EVENTS_AT_ONCE_MAX, 10),
    ]
    (rest,) = pieces(batch, 4 + EVENTS_AT_ONCE_MAX)
    assert rest.from_seq == 5 + EVENTS_AT_ONCE_MAX and list(rest.events) == list(batch.events)[EVENTS_AT_ONCE_MAX:]
    small = ev.EventBatch(from_seq=1, events=[ev.Event()])
    assert next(pieces(small, 0)) is small
