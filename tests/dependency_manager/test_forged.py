"""Events that the log does not have: the shard comes back to the truth, and its runs go on."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from penstock_dependency_manager.core import Graph
from penstock_dependency_manager.errors import UnknownRun
from penstock_proto.dependency_manager.v1 import actions_pb2 as act
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_stream import follower
from penstock_stream.local import LocalStream
from penstock_stream.stream import ACTIONS, EVENTS

from tests.dags import NodeSpec, plan_of
from tests.dependency_manager.world import World, succeeded, until

RUN = bytes(16)  # of shard 0
STRANGER = bytes(15) + b"2"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "HEADS_EVERY_S", 0.05)
    monkeypatch.setattr(follower, "MESSAGES_LATE_S", 0.01)
    monkeypatch.setattr(follower, "ASTRAY_S_MAX", 0.2)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """With a run whose first of two nodes may run."""
    world = World(LocalStream())
    await world.start()
    await world.follower.wait_loaded()
    world.tracker.submit(0, RUN, world.tracker.put(plan_of([NodeSpec(uses=[-1]), NodeSpec(uses=[0])], outputs=[1])))
    await until(lambda: world.starts.open[0] == {(RUN, 0, 1)})
    yield world
    await world.stop()


def forge(world: World, **kind: object) -> None:
    """Publish what would be the next event of shard 0."""
    events = [ev.Event(run_id=STRANGER, **kind)]  # type: ignore[arg-type]
    batch = ev.EventBatch(shard=0, epoch=1, from_seq=len(world.tracker.logs[0]) + 1, events=events)
    world.stream.publish(EVENTS, [batch])


async def finish(world: World) -> None:
    for node in range(2):
        world.tracker.report(0, succeeded(RUN, node))
        await until(world.agrees)


async def test_a_run_that_nobody_submitted(world: World) -> None:
    forge(world, action_succeeded=ev.ActionSucceeded(node=0, attempt=1))
    await until(lambda: world.stream.refused == 1)  # type: ignore[attr-defined]
    await finish(world)


async def test_a_range_that_makes_no_sense_leaves_nothing_in_the_message_of_the_range_before_it(world: World) -> None:
    """Both come in one burst, and what follows from the first is published alone."""
    before = world.follower.positions[0].seq
    said: list[act.ActionBatch] = []
    world.stream.subscribe(ACTIONS, said.extend)
    done = ev.Event(run_id=RUN, action_succeeded=ev.ActionSucceeded(node=0, attempt=1, grant=1))
    again = ev.Event(run_id=RUN, action_succeeded=ev.ActionSucceeded(node=1, attempt=1, grant=2))
    strange = ev.Event(run_id=STRANGER, action_succeeded=ev.ActionSucceeded(node=0, attempt=1))
    first = ev.EventBatch(shard=0, epoch=1, from_seq=before + 1, events=[done])
    second = ev.EventBatch(shard=0, epoch=1, from_seq=before + 2, events=[again, strange])
    world.stream.publish(EVENTS, [first, second])
    await until(lambda: bool(said))
    (batch,) = said
    assert (batch.from_seq, batch.to_seq) == (before, before + 1)
    assert [one.WhichOneof("kind") for one in batch.instructions] == ["recorded", "start"]


async def test_a_plan_that_nobody_has(world: World, caplog: pytest.LogCaptureFixture) -> None:
    forge(world, run_submitted=ev.RunSubmitted(plan=b"p" * 32, nodes=1))
    await until(lambda: "beyond its log" in caplog.text)
    await finish(world)
    await until(lambda: not any("_fetch_while_held" in repr(task.get_coro()) for task in asyncio.all_tasks()))


async def test_a_submission_of_a_plan_that_there_is(world: World) -> None:
    forge(world, run_submitted=ev.RunSubmitted(plan=next(iter(world.tracker.data)), nodes=2))
    await until(lambda: (STRANGER, 0, 1) in world.starts.open[0])
    await until(world.agrees)
    await finish(world)


async def test_actions_that_follow_from_nothing(world: World) -> None:
    at = world.follower.positions[0].seq
    start = act.Instruction(start=act.Start(run_id=STRANGER, attempt=1))
    forged = act.ActionBatch(shard=0, epoch=1, from_seq=at, to_seq=at + 3, instructions=[start])
    world.stream.publish(ACTIONS, [forged])
    await until(lambda: (STRANGER, 0, 1) in world.starts.open[0])
    await until(world.agrees)
    await finish(world)


def test_kinds_of_later_versions_may_be_about_any_run() -> None:
    graph = Graph(0, {})
    later = ev.Event.FromString(ev.Event(run_id=STRANGER).SerializeToString() + b"\xa2\x3f\x02hi")
    assert graph.advance(ev.EventBatch(shard=0, epoch=1, from_seq=1, events=[later]), 0.0) == []
    with pytest.raises(UnknownRun):
        graph.advance(ev.EventBatch(from_seq=2, events=[ev.Event(run_id=STRANGER, run_ended=ev.RunEnded())]), 0.0)
