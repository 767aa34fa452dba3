"""The tracer's shell: follows the logs, exports what the core makes of them, and remembers how far it came."""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

from penstock_observability import metrics
from penstock_plan.graph import PlanGraph
from penstock_proto.plan.v1 import plan_pb2
from penstock_service import channels
from penstock_service.plans import Plans
from penstock_stream.backlog import Backlog
from penstock_stream.follower import Follower, Snapshot
from penstock_stream.messages import Events
from penstock_stream.stream import EVENTS, Stream
from penstock_stream.upstreams import StateTrackerUpstream, event_span

from .bookmark import Bookmark, Mark
from .core import Traces
from .export import Exporter
from .spans import Span

SAVED_EVERY_S: Final = 1.0

log = logging.getLogger(__name__)


def _do_nothing() -> None:
    pass


def _graph(data: bytes, plan_hash: bytes) -> PlanGraph:
    return PlanGraph.of(plan_pb2.Plan.FromString(data), plan_hash)


class Tracer:
    """Follows `events` of some shards; only one tracer of a deployment may.

    Args:
        otlp: HOST:PORT of a collector; empty: as OTEL_EXPORTER_OTLP_* say.
        folder: Where it remembers how far it came; None: a restart begins with the runs that are open then.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        state_trackers: Sequence[str],
        shards: Collection[int],
        deployment: str,
        otlp: str = "",
        folder: Path | None = None,
    ) -> None:
        self._channels = [channels.open_channel(address) for address in state_trackers]
        self._upstreams = [StateTrackerUpstream(c, a) for c, a in zip(self._channels, state_trackers, strict=True)]
        self._plans = Plans[PlanGraph](self._channels, _graph)
        self._traces = Traces(self._plans)
        self._exporter = Exporter(otlp)
        self._bookmark = Bookmark(folder, deployment)
        self._marks: dict[int, Mark] = {}
        self._saved: dict[int, Mark] = {}
        self._backlog = Backlog(self._upstreams)
        # By shard: the last position that the core took.
        self._taken: dict[int, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._unwatch: Callable[[], None] = _do_nothing
        self._follower = Follower[Events](
            stream=stream,
            topic=EVENTS,
            upstreams=self._upstreams,
            shards=shards,
            span=event_span,
            consumer=self,
        )

    async def start(self) -> None:
        """Begin to follow. Raises BadBookmark, OSError."""
        self._marks = self._bookmark.load()
        self._tasks = [asyncio.create_task(work()) for work in (self._work, self._backlog.catch_up, self._keep)]
        self._unwatch = metrics.FOLLOWER_LAG.register(self._lag)
        await self._follower.start()

    @property
    def is_ready(self) -> bool:
        """Whether every shard is followed."""
        return self._follower.is_loaded

    async def wait_loaded(self) -> None:
        await self._follower.wait_loaded()

    async def stop(self) -> None:
        """What is not exported yet is read again after the next start."""
        self._unwatch()
        await self._follower.stop()
        for task in self._tasks:
            task.cancel()
        await self._exporter.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tasks:
            self._save(dict(self._marks))
        for channel in self._channels:
            await channel.close()

    # What the follower calls

    def apply(self, batch: Events, after_seq: int) -> bool:
        """Let a batch wait for the exporter."""
        self._backlog.offer(batch)
        return True

    def load(self, snapshot: Snapshot) -> None:
        """Go on in the log where the open runs begin, or where it was left."""
        shard, seq = snapshot.shard, snapshot.seq
        if shard not in self._taken:
            if (mark := self._marks.get(shard)) is None:
                # What ended before this tracer's time is past, and not exported.
                mark = Mark(min((run.first_seq for run in snapshot.items), default=seq + 1), seq)
            self._begin(shard, mark)
        if self._backlog.ends[shard] > seq:  # the stream led astray, or the log is that of an older backup
            mark = self._marks[shard]
            self._begin(shard, Mark(min(mark.from_seq, seq + 1), min(mark.exported_seq, seq)))
        self._backlog.reaches(shard, seq)

    def flush(self) -> None:
        """Nothing: what waits is worked on by itself."""

    # Inside

    def _lag(self) -> list[tuple[tuple[str, str], float]]:
        """What waits for the exporter or was dropped: the follower has passed it already."""
        ends = self._backlog.ends
        return [((EVENTS, str(shard)), end - self._taken.get(shard, end)) for shard, end in ends.items()]

    def _begin(self, shard: int, mark: Mark) -> None:
        self._marks[shard] = mark
        self._taken[shard] = mark.from_seq - 1
        self._backlog.begin(shard, mark.from_seq - 1)

    async def _work(self) -> None:
        """Take what waits, in order, and export what it ends, for ever."""
        while True:
            spans: list[Span] = []
            reached: dict[int, int] = {}
            for batch in await self._backlog.take():
                spans += await self._take(batch)
                reached[batch.shard] = self._taken[batch.shard]
            await self._exporter.export(spans)
            for shard, seq in reached.items():
                exported = max(seq, self._marks[shard].exported_seq)
                self._marks[shard] = Mark(self._traces.needed_from(shard, seq), exported)
            await asyncio.sleep(0)  # others of this process have their turn

    async def _take(self, batch: Events) -> list[Span]:
        shard, at_us, exported_seq = batch.shard, batch.recorded_at_us, self._marks[batch.shard].exported_seq
        spans: list[Span] = []
        for seq, event in enumerate(batch.events, batch.from_seq):
            if seq <= self._taken[shard]:
                continue
            if plan := event.run_submitted.plan or event.run_reopened.plan:
                await self._plans.have(plan)
            try:
                span = self._traces.take(shard, seq, at_us, event)
            except Exception:
                log.exception("event %d of shard %d is invalid and has no span", seq, shard)
                span = None
            if span is not None and seq > exported_seq:
                spans.append(span)
            self._taken[shard] = seq
        return spans

    async def _keep(self) -> None:
        """Save the bookmark when it has changed, for ever."""
        while True:
            await asyncio.sleep(SAVED_EVERY_S)
            await asyncio.to_thread(self._save, dict(self._marks))

    def _save(self, marks: dict[int, Mark]) -> None:
        if marks == self._saved:
            return
        try:
            self._bookmark.save(marks)
        except OSError as error:
            log.warning("cannot save the position of the traces: %s; after a restart spans may be duplicated", error)
            return
        self._saved = marks
