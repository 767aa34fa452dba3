"""The tracer's shell: follows the logs, exports what the core makes of them, and remembers how far it came."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

from penstock_eventlog import rpc
from penstock_eventlog.errors import OutOfRange, UpstreamAway
from penstock_eventlog.following import Follower, Snapshot
from penstock_eventlog.stream import EVENTS, Stream
from penstock_eventlog.upstream import StateTrackerUpstream, event_span
from penstock_observability import metrics
from penstock_proto.state_tracker.v1.events_pb2 import EventBatch

from .bookmark import Bookmark, Mark
from .core import Traces
from .export import SPANS_AT_ONCE, Exporter
from .plans import Plans
from .spans import Span

# Taken from the stream and not exported yet; what comes beyond is dropped, and read from the log later.
WAITING_EVENTS_MAX: Final = 20_000
# Taken before others of this process have their turn.
EVENTS_AT_ONCE: Final = 1_000
READ_AGAIN_S: Final = 1.0
SAVED_EVERY_S: Final = 1.0

log = logging.getLogger(__name__)


def _nothing() -> None:
    pass


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
        self._channels = [rpc.channel(address) for address in state_trackers]
        self._upstreams = [StateTrackerUpstream(c, a) for c, a in zip(self._channels, state_trackers, strict=True)]
        self._plans = Plans(self._channels)
        self._traces = Traces(self._plans)
        self._exporter = Exporter(otlp)
        self._bookmark = Bookmark(folder, deployment)
        self._marks: dict[int, Mark] = {}
        self._saved: dict[int, Mark] = {}
        # By shard: the last position that waits or was taken by the core, and the last that the core took.
        self._queued: dict[int, int] = {}
        self._taken: dict[int, int] = {}
        self._waiting: deque[EventBatch] = deque()
        self._waiting_events = 0
        # Shards whose log has to be read, up to a position at least: something of it was dropped.
        self._lacks: dict[int, int] = {}
        self._more, self._room, self._lacking = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._unwatch: Callable[[], None] = _nothing
        self._follower = Follower[EventBatch](
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
        self._tasks = [asyncio.create_task(work()) for work in (self._work, self._catch_up, self._keep)]
        self._unwatch = metrics.FOLLOWER_LAG.watch(self._lag)
        await self._follower.start()

    @property
    def ready(self) -> bool:
        """Whether every shard is followed."""
        return self._follower.is_loaded

    async def loaded(self) -> None:
        await self._follower.loaded()

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

    def apply(self, batch: EventBatch, after_seq: int) -> bool:
        """Let a batch wait for the exporter, if there is room for it."""
        last = batch.from_seq + len(batch.events) - 1
        follows = batch.from_seq <= self._queued[batch.shard] + 1
        if batch.shard not in self._lacks and follows and self._waiting_events < WAITING_EVENTS_MAX:
            self._wait(batch)
        else:
            self._lack(batch.shard, last)
        return True

    def load(self, snapshot: Snapshot) -> None:
        """Go on in the log where the open runs begin, or where it was left."""
        shard, seq = snapshot.shard, snapshot.seq
        if shard not in self._queued:
            if (mark := self._marks.get(shard)) is None:
                # What ended before this tracer's time is past, and not exported.
                mark = Mark(min((run.first_seq for run in snapshot.items), default=seq + 1), seq)
            self._marks[shard] = mark
            self._queued[shard] = self._taken[shard] = mark.from_seq - 1
        if self._queued[shard] > seq:  # the stream led astray, or the log is that of an older backup
            self._waiting = deque(batch for batch in self._waiting if batch.shard != shard)
            self._waiting_events = sum(len(batch.events) for batch in self._waiting)
            self._marks[shard] = Mark(seq + 1, seq)
            self._queued[shard] = self._taken[shard] = seq
            self._lacks.pop(shard, None)
        elif self._queued[shard] < seq:
            self._lack(shard, seq)

    def flush(self) -> None:
        """Nothing: what waits is worked on by itself."""

    # Inside

    def _lag(self) -> list[tuple[tuple[str, str], float]]:
        """What waits for the exporter or was dropped: the follower has passed it already."""
        ends = {shard: max(seq, self._lacks.get(shard, 0)) for shard, seq in list(self._queued.items())}
        return [((EVENTS, str(shard)), end - self._taken.get(shard, end)) for shard, end in ends.items()]

    def _lack(self, shard: int, to_seq: int) -> None:
        self._lacks[shard] = max(to_seq, self._lacks.get(shard, 0))
        self._lacking.set()

    def _wait(self, batch: EventBatch) -> None:
        last = batch.from_seq + len(batch.events) - 1
        if last > self._queued[batch.shard]:
            self._queued[batch.shard] = last
            self._waiting.append(batch)
            self._waiting_events += len(batch.events)
            self._more.set()

    async def _catch_up(self) -> None:
        """Read what was dropped, one shard after another, as there is room for it, for ever."""
        while True:
            await self._lacking.wait()
            for shard in list(self._lacks):
                before = self._queued[shard]
                await self._read(shard)
                if self._queued[shard] >= self._lacks.get(shard, 0):
                    self._lacks.pop(shard, None)
                elif self._queued[shard] == before:
                    await asyncio.sleep(READ_AGAIN_S)
            if not self._lacks:
                self._lacking.clear()

    async def _read(self, shard: int) -> None:
        """Let what follows in a shard's log wait, as far as some State Tracker tells."""
        for upstream in self._upstreams:
            try:
                async for batch in upstream.read(shard, self._queued[shard]):
                    while self._waiting_events >= WAITING_EVENTS_MAX:
                        self._room.clear()
                        await self._room.wait()
                    self._wait(batch)
                return
            except OutOfRange:
                log.warning("events of shard %d after %d are not in the log any more", shard, self._queued[shard])
                self._queued[shard] = self._lacks.get(shard, self._queued[shard])
                return
            except UpstreamAway as error:
                log.debug("shard %d: %s", shard, error)

    async def _work(self) -> None:
        """Take what waits, in order, and export what it ends, for ever."""
        while True:
            await self._more.wait()
            spans: list[Span] = []
            reached: dict[int, int] = {}
            events = 0
            while self._waiting and len(spans) < SPANS_AT_ONCE and events < EVENTS_AT_ONCE:
                batch = self._waiting.popleft()
                events += len(batch.events)
                self._waiting_events -= len(batch.events)
                spans += await self._take(batch)
                reached[batch.shard] = self._taken[batch.shard]
            await self._exporter.export(spans)
            for shard, seq in reached.items():
                exported = max(seq, self._marks[shard].exported_seq)
                self._marks[shard] = Mark(self._traces.needed_from(shard, seq), exported)
            if not self._waiting:
                self._more.clear()
            self._room.set()
            await asyncio.sleep(0)

    async def _take(self, batch: EventBatch) -> list[Span]:
        shard, at_us, exported_seq = batch.shard, batch.recorded_at_us, self._marks[batch.shard].exported_seq
        spans: list[Span] = []
        for seq, event in enumerate(batch.events, batch.from_seq):
            if seq <= self._taken[shard]:
                continue
            if event.HasField("run_submitted"):
                await self._plans.have(event.run_submitted.plan)
            try:
                span = self._traces.take(shard, seq, at_us, event)
            except Exception:
                log.exception("event %d of shard %d makes no sense, and has no span", seq, shard)
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
            log.warning("cannot remember how far traces came: %s; after a restart spans may come twice", error)
            return
        self._saved = marks
