"""A Dependency Manager between a State Tracker in memory and a follower, for tests."""

import asyncio
from collections.abc import Callable

from penstock_dependency_manager import DependencyManager
from penstock_proto.dependency_manager.v1 import actions_pb2 as act
from penstock_proto.state_tracker.v1 import reports_pb2
from penstock_service import channels, grpc_server
from penstock_stream.follower import Follower, Snapshot
from penstock_stream.stream import ACTIONS, Stream
from penstock_stream.upstreams import DependencyManagerUpstream, action_span

from tests.dependency_manager.tracker import Tracker
from tests.waiting import WAIT_S

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
        self.channel = channels.open_channel(self.server.address)
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
        self.server = grpc_server.server(grpc_server.ServerOptions(port=port))
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
        if run.status[node] <= 2 and run.is_unlocked(node)
    }


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not true():
            await asyncio.sleep(0.005)


def succeeded(run_id: bytes, node: int) -> reports_pb2.Report:
    report = reports_pb2.Report(run_id=run_id, node=node, attempt=1, grant=7, worker="w")
    report.succeeded.SetInParent()
    return report
