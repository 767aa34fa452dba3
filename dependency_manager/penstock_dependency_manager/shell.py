"""The Dependency Manager's shell: follows `events`, publishes what follows from them as `actions`."""

import asyncio
import logging
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from penstock_eventlog import rpc
from penstock_eventlog.following import Follower, Snapshot
from penstock_eventlog.stream import ACTIONS, EVENTS, Stream
from penstock_eventlog.upstream import StateTrackerUpstream, event_span
from penstock_proto.dependency_manager.v1 import actions_pb2 as act
from penstock_proto.dependency_manager.v1 import service_pb2_grpc
from penstock_proto.state_tracker.v1.events_pb2 import EventBatch

from .core import Graph
from .plans import Plans, channels
from .recent import Recent
from .service import Service

SERVICE_NAME = "penstock.dependency_manager.v1.DependencyManagerService"
# A message stays below 256 KiB with these, as long as one event alone does not unlock more.
EVENTS_AT_ONCE_MAX = 512
MERGED_INSTRUCTIONS_MAX = 512

log = logging.getLogger(__name__)


class DependencyManager:
    """Says what follows from the logs of some shards. Keeps no table and needs no lease: two of them agree."""

    def __init__(self, stream: Stream, state_trackers: Sequence[str], shards: Collection[int]) -> None:
        self._stream = stream
        self._channels = channels(state_trackers)
        self._plans = Plans(self._channels, self._plans_in_use)
        self._graphs: dict[int, Graph] = {}  # of the shards that are loaded
        self._recent = Recent()
        self._out: list[act.ActionBatch] = []
        self._fetches: set[asyncio.Task[None]] = set()
        self._follower = Follower[EventBatch](
            stream=stream,
            topic=EVENTS,
            upstreams=[StateTrackerUpstream(c, a) for c, a in zip(self._channels, state_trackers, strict=True)],
            shards=shards,
            span=event_span,
            consumer=self,
        )

    async def start(self) -> None:
        """Begin to follow; returns at once. `loaded` tells when every shard has a state."""
        await self._follower.start()

    async def loaded(self) -> None:
        await self._follower.loaded()

    def register(self, server: rpc.Server) -> None:
        """Serve those who missed a part of `actions`; its errors derive from DependencyManagerError."""
        generated: Any = service_pb2_grpc
        generated.add_DependencyManagerServiceServicer_to_server(Service(self._graphs, self._recent), server.grpc)
        server.serves(SERVICE_NAME)

    async def stop(self) -> None:
        await self._follower.stop()
        for task in self._fetches:
            task.cancel()
        await asyncio.gather(*self._fetches, return_exceptions=True)
        await self._plans.stop()
        for channel in self._channels:
            await channel.close()

    # What the follower calls

    def apply(self, batch: EventBatch, after_seq: int) -> bool:
        """Take a range; without its plans the shard waits until they are here."""
        plans = self._plans
        missing = {plan for plan in Graph.plans_needed(batch.events) if plan not in plans}
        if missing:
            task = asyncio.create_task(self._fetch(batch.shard, missing))
            self._fetches.add(task)
            task.add_done_callback(self._fetches.discard)
            return False
        graph = self._graphs[batch.shard]
        for piece in pieces(batch, after_seq):
            from_seq = graph.seq
            self._emit(graph, from_seq, graph.advance(piece))
        return True

    async def load(self, snapshot: Snapshot) -> None:
        """Replace a shard's state. Followers who are behind it find nothing to read, and take a snapshot here."""
        shard = snapshot.shard
        async with self._plans.held({run.plan for run in snapshot.items}):
            graph = Graph(shard, self._plans)
            graph.load(snapshot.items, snapshot.seq, snapshot.epoch)
        self._graphs[shard] = graph
        self._recent.restart(shard, snapshot.seq)

    def flush(self) -> None:
        if self._out:
            out, self._out = self._out, []
            for batch in out:
                self._recent.add(batch)
            self._stream.publish(ACTIONS, out)

    async def _fetch(self, shard: int, missing: set[bytes]) -> None:
        async with self._plans.held(missing):
            self._follower.resume(shard)

    def _emit(self, graph: Graph, from_seq: int, instructions: Sequence[act.Instruction]) -> None:
        """Add what follows from a range to the burst's message of that shard, if it is the latest and small."""
        last = self._out[-1] if self._out else None
        if (
            last is not None
            and last.shard == graph.shard
            and last.to_seq == from_seq
            and len(last.instructions) + len(instructions) <= MERGED_INSTRUCTIONS_MAX
        ):
            last.instructions.extend(instructions)
            last.to_seq, last.epoch = graph.seq, graph.epoch
            return
        self._out.append(
            act.ActionBatch(
                shard=graph.shard, epoch=graph.epoch, from_seq=from_seq, to_seq=graph.seq, instructions=instructions
            )
        )

    def _plans_in_use(self) -> set[bytes]:
        return {run.graph.hash for graph in self._graphs.values() for run in graph.runs.values()}


def pieces(batch: EventBatch, after_seq: int) -> Iterator[EventBatch]:
    """Cut a range so that what follows from each piece fits a message; leave out what is known up to `after_seq`."""
    known = after_seq + 1 - batch.from_seq
    count = len(batch.events)
    if known == 0 and count <= EVENTS_AT_ONCE_MAX:
        yield batch
        return
    for at in range(known, count, EVENTS_AT_ONCE_MAX):
        yield EventBatch(
            shard=batch.shard,
            epoch=batch.epoch,
            from_seq=batch.from_seq + at,
            recorded_at_us=batch.recorded_at_us,
            events=batch.events[at : at + EVENTS_AT_ONCE_MAX],
        )
