"""Follows `events` and publishes what follows from them; everything of the service but its connections."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from penstock_observability import metrics
from penstock_plan.graph import PlanGraph
from penstock_proto.dependency_manager.v1 import actions_pb2 as act
from penstock_proto.state_tracker.v1.events_pb2 import EventBatch
from penstock_stream.follower import Snapshot
from penstock_stream.messages import Events
from penstock_stream.stream import ACTIONS, Stream

from .core import Graph
from .paths import Paths
from .recent import Recent

# A message stays below 256 KiB with these, as long as one event alone does not unlock more.
EVENTS_AT_ONCE_MAX = 512
MERGED_INSTRUCTIONS_MAX = 512

_unlocking = metrics.STAGE_SECONDS.labels("unlock")


class PlanSource(Protocol):
    """The plans at hand, and a way to get others."""

    def __contains__(self, plan_hash: object, /) -> bool: ...

    def hold(self, hashes: Collection[bytes], /) -> AbstractAsyncContextManager[None]: ...

    @property
    def graphs(self) -> Mapping[bytes, PlanGraph]: ...


class Unlocker:
    """A consumer of events: says what follows from the logs of some shards."""

    def __init__(
        self,
        stream: Stream,
        plans: PlanSource,
        resume: Callable[[int], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._plans = plans
        self._resume = resume
        self._paths = Paths()
        self._clock = clock
        self.graphs: dict[int, Graph] = {}  # of the shards that are loaded
        self.recent = Recent()
        self._out: list[act.ActionBatch] = []
        self._fetches: dict[int, asyncio.Task[None]] = {}  # by shard, which waits for it
        self._describing: dict[int, asyncio.Task[None]] = {}  # by shard, which waits for it
        self.unpublished: dict[int, act.ActionBatch] = {}  # of each of these shards: what is described
        self._since: float | None = None  # when the burst's first range came, by time.monotonic()

    def apply(self, batch: Events, after_seq: int) -> bool:
        """Take a range; without its plans the shard waits until they are here."""
        plans = self._plans
        missing = [plan for plan in Graph.plans_needed(batch.events) if plan not in plans]
        if missing:
            self._fetches[batch.shard] = asyncio.create_task(self._fetch(batch.shard, missing))
            return False
        if self._since is None:
            self._since = time.monotonic()
        graph = self.graphs[batch.shard]
        for piece in pieces(batch, max(after_seq, graph.seq)):
            self._advance(graph, piece)
            if graph.seq < piece.from_seq + len(piece.events) - 1 or graph.undescribed is not None:
                message = self.unpublished[graph.shard] = self._out.pop()
                self._describing[graph.shard] = asyncio.create_task(self._describe(graph, message))
                return False
        return True

    async def load(self, snapshot: Snapshot) -> None:
        """Replace a shard's state. Followers who are behind it find nothing to read, and take a snapshot here."""
        shard = snapshot.shard
        if (fetch := self._fetches.pop(shard, None)) is not None:
            fetch.cancel()  # what it is for may never come
        if (describing := self._describing.pop(shard, None)) is not None:
            describing.cancel()
            self.unpublished.pop(shard, None)
        async with self._plans.hold({run.plan for run in snapshot.items}):
            graph = Graph(shard, self._plans.graphs, self._paths)
            graph.load(snapshot.items, snapshot.seq, snapshot.epoch, self._clock())
        self.graphs[shard] = graph
        self.recent.restart(shard, snapshot.seq)

    def flush(self) -> None:
        """Publish what the burst unlocked."""
        if self._out:
            out, self._out = self._out, []
            for batch in out:
                self.recent.add(batch)
            self._stream.publish(ACTIONS, out)
        if self._since is not None:
            _unlocking.observe(time.monotonic() - self._since)
            self._since = None

    async def stop(self) -> None:
        tasks = [*self._fetches.values(), *self._describing.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def plans_in_use(self) -> set[bytes]:
        return {run.graph.hash for graph in self.graphs.values() for run in graph.runs.values()}

    async def _fetch(self, shard: int, missing: Sequence[bytes]) -> None:
        async with self._plans.hold(missing):
            self._resume(shard)

    async def _describe(self, graph: Graph, message: act.ActionBatch) -> None:
        """Complete the message of a shard that lets very many nodes begin, step by step; the shard waits for it."""
        await asyncio.sleep(0)
        for _ in graph.describe(message.instructions):
            await asyncio.sleep(0)
        del self._describing[graph.shard], self.unpublished[graph.shard]
        self._out.append(message)
        self._resume(graph.shard)

    def _advance(self, graph: Graph, piece: Events) -> None:
        """Add what follows from a range to the burst's message of that shard, if it is the latest and small."""
        last = self._out[-1] if self._out else None
        if last is None or last.shard != graph.shard or last.to_seq != graph.seq or not _has_room(last, piece):
            last = act.ActionBatch(shard=graph.shard, epoch=graph.epoch, from_seq=graph.seq, to_seq=graph.seq)
            graph.advance(piece, self._clock(), last.instructions)
            self._out.append(last)
        else:
            before = len(last.instructions)
            try:
                graph.advance(piece, self._clock(), last.instructions)
            except BaseException:
                del last.instructions[before:]  # the shard is loaded anew, and says nothing of this range
                raise
        last.to_seq, last.epoch = graph.seq, graph.epoch


def _has_room(batch: act.ActionBatch, piece: Events) -> bool:
    """Whether another range fits, of whose events each is expected to settle one attempt and start one."""
    return len(batch.instructions) + 2 * len(piece.events) <= MERGED_INSTRUCTIONS_MAX


def pieces(batch: Events, after_seq: int) -> Iterator[Events]:
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
