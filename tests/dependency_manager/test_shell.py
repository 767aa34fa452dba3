"""The service: from `events` to `actions`, through lost messages, missing plans and restarts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from random import Random

import pytest
from penstock_dependency_manager import DependencyManager, DependencyManagerError, recent
from penstock_dependency_manager.unlocker import EVENTS_AT_ONCE_MAX, pieces
from penstock_eventlog import following, rpc
from penstock_eventlog.following import Follower, Snapshot
from penstock_eventlog.stream import ACTIONS, Stream
from penstock_eventlog.upstream import DependencyManagerUpstream, action_span
from penstock_proto.dependency_manager.v1 import actions_pb2 as act
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import reports_pb2

from tests.dags import NodeSpec, plan_of, random_plan
from tests.dependency_manager.tracker import Tracker
from tests.streams import MakeStream

SHARDS = 2
Key = tuple[bytes, int, int]


class Starts:
    """A follower of `actions`: which attempts it believes may run."""

    def __init__(self) -> None:
        self.open: dict[int, set[Key]] = {shard: set() for shard in range(SHARDS)}
        self.loads = 0

    def apply(self, batch: act.ActionBatch, after_seq: int) -> bool:
        open_here = self.open[batch.shard]
        for instruction in batch.instructions:
            if instruction.HasField("start"):
                open_here.add(key(instruction.start))
            elif instruction.HasField("recorded"):
                open_here.discard(key(instruction.recorded))
        return True

    def load(self, snapshot: Snapshot) -> None:
        self.loads += bool(snapshot.items)
        self.open[snapshot.shard] = {key(start) for start in snapshot.items}

    def flush(self) -> None:
        pass


def key(what: act.Start | act.Recorded) -> Key:
    return what.run_id, what.node, what.attempt


class World:
    """A State Tracker, a Dependency Manager and a follower of it, over one stream."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.tracker = Tracker(self.stream, SHARDS)
        self.starts = Starts()

    async def start(self) -> None:
        await self.stream.start()
        self.tracker_address = await self.tracker.start()
        await self.start_dependency_manager(0)
        self.channel = rpc.channel(self.server.address)
        self.follower = Follower(
            stream=self.stream,
            topic=ACTIONS,
            upstreams=[DependencyManagerUpstream(self.channel, self.server.address)],
            shards=range(SHARDS),
            span=action_span,
            consumer=self.starts,
        )
        await self.follower.start()

    async def start_dependency_manager(self, port: int) -> None:
        self.manager = DependencyManager(self.stream, [self.tracker_address], range(SHARDS))
        self.server = rpc.server(rpc.ServerOptions(port=port, errors=DependencyManagerError))
        self.manager.register(self.server)
        await self.server.start()
        await self.manager.start()

    async def stop_dependency_manager(self) -> None:
        await self.server.stop(0)
        await self.manager.stop()

    async def stop(self) -> None:
        await self.follower.stop()
        await self.channel.close()
        await self.stop_dependency_manager()
        await self.tracker.server.stop(0)
        await self.stream.stop()

    def agrees(self) -> bool:
        """The follower's starts are those that the State Tracker's state admits, and it has seen the whole log."""
        return all(
            self.follower.positions[shard.shard].seq == shard.seq and self.starts.open[shard.shard] == admitted(shard)
            for shard in self.tracker.shards
        )


def admitted(shard: object) -> set[Key]:
    runs = shard.runs.values()  # type: ignore[attr-defined]
    return {
        (run.run_id, node, run.attempt(node))
        for run in runs
        for node in range(run.graph.size)
        if run.status[node] <= 2 and run.unlocked(node)
    }


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "HEADS_EVERY_S", 0.05)
    monkeypatch.setattr(following, "MESSAGES_LATE_S", 0.01)


@pytest.fixture
async def world(make_stream: MakeStream) -> AsyncIterator[World]:
    world = World(make_stream(SHARDS))
    await world.start()
    await world.follower.loaded()
    yield world
    await world.stop()


def succeeded(run_id: bytes, node: int) -> reports_pb2.Report:
    report = reports_pb2.Report(run_id=run_id, node=node, attempt=1, grant=7, worker="w")
    report.succeeded.SetInParent()
    return report


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


async def test_random_runs_with_lost_messages_and_restarts(world: World) -> None:
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
