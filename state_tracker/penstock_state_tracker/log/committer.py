"""One committer a database: whatever gathered while the last commit ran goes together, of all shards."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.wire import pieces
from penstock_service.database import DEFINITE, Connection, connect
from penstock_stream import stream as streams
from penstock_stream.messages import EventRange
from penstock_stream.stream import Stream

from .. import failure_log, measures
from . import event_log as logs
from .recent import Range, Recent
from .shard_state import Owned

BATCH_ROWS_MAX: Final = 8_192
BATCH_BYTES_MAX: Final = 8 * 2**20
# Above this many events that wait, new runs are refused; far above, reports are dropped, and sent again later.
PENDING_EVENTS_FOR_SUBMITS: Final = 20_000
PENDING_EVENTS_MAX: Final = 200_000
RETRY_DELAY_MIN_S: Final = 0.05
RETRY_DELAY_MAX_S: Final = 1.0
# The connection runs one statement, whose plan is made while the tables may be empty: it must not be one that
# reads them whole.
SETTINGS: Final = {
    "application_name": "penstock-committer",
    "enable_seqscan": "off",
    "plan_cache_mode": "force_generic_plan",
}

log = logging.getLogger(__name__)

Pair = tuple[Owned, logs.Part]


class Committer:
    """Appends the events that the cores decided and notifies the waiters.

    Args:
        lost: Called for each shard that was dropped: its log went on without us, or its events are refused for good.
    """

    def __init__(self, url: str, stream: Stream, recent: Recent, lost: Callable[[Owned], None]) -> None:
        self._url = url
        self._stream = stream
        self._recent = recent
        self._on_lost = lost
        self._connection: Connection | None = None
        self._dirty: deque[Owned] = deque()
        self._wake = asyncio.Event()
        # Something was decided that lets waits begin or end.
        self.has_waits = asyncio.Event()
        # Something was decided by which child runs are to be started; replaced by the event of whoever starts them.
        self.has_child_runs = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None
        self.pending_events = 0
        # When the oldest of what is pending came, by time.monotonic().
        self._since: float | None = None
        # Why the database does not answer; empty if it does.
        self.away = ""
        self.batches = 0
        self.rows = 0

    async def start(self, away: str = "") -> None:
        """Connect, unless the database is known to be away: then `rejoin` does."""
        self.away = away
        if not away:
            self._connection = await connect(self._url, SETTINGS)
        self._task = asyncio.create_task(self._run(), name="committer")

    async def rejoin(self) -> None:
        """Connect to a database that was away when this began."""
        if self._connection is None:
            self._connection = await connect(self._url, SETTINGS)
        self.away = ""

    async def stop(self, grace_s: float) -> None:
        """Commit what is pending if that takes no longer than the grace."""
        if self._task is None:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), grace_s)
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        if self._connection is not None:
            self._connection.terminate()

    def add(self, owned: Owned, events: list[ev.Event]) -> None:
        """Take over what a core has just decided."""
        if not owned.pending:
            self._dirty.append(owned)
            self._idle.clear()
            self._wake.set()
            if self._since is None:
                self._since = time.monotonic()
        owned.pending += events
        self.pending_events += len(events)
        if owned.core.waits.fresh:
            self.has_waits.set()
        if owned.core.waits.child_runs:
            self.has_child_runs.set()

    def drop(self, owned: Owned) -> None:
        """Forget a shard: what of it is not committed will be asked for, or reported, again."""
        if owned.is_lost:
            return
        self.pending_events -= len(owned.pending)
        owned.lose()
        self._recent.forget(owned.shard)
        self._on_lost(owned)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while pairs := self._gather():
                since, begun = self._since, time.monotonic()
                self._since = begun if self._dirty else None
                try:
                    await self._commit(pairs)
                    waited_s = 0.0 if since is None else begun - since
                    parts = [part for _, part in pairs]
                    measures.count_commit(parts, time.monotonic() - begun, waited_s)
                    failure_log.log_commit(parts)
                except Exception:
                    # A mistake of ours: what these shards remember can no longer be trusted.
                    log.exception("a commit failed with an internal error; reloading its shards")
                    for owned, _ in pairs:
                        self.drop(owned)
            self._idle.set()

    def _gather(self) -> list[Pair]:
        """Take what is pending, within the bounds of a batch."""
        pairs: list[Pair] = []
        rows = size = 0
        while self._dirty and rows < BATCH_ROWS_MAX and size < BATCH_BYTES_MAX:
            owned = self._dirty.popleft()
            events = owned.pending
            if owned.is_lost or not events:
                continue
            count = logs.whole(events, BATCH_ROWS_MAX - rows)
            owned.pending = events[count:]
            if owned.pending:
                events = events[:count]
                self._dirty.append(owned)
            self.pending_events -= len(events)
            try:
                part = logs.part_of(owned.shard, owned.epoch, owned.committed, events, owned.digests)
            except Exception:
                log.exception("events of shard %d cannot be written, it is read again", owned.shard)
                self.drop(owned)
                continue
            rows += len(events)
            size += sum(map(len, part.payloads))
            pairs.append((owned, part))
        return pairs

    async def _commit(self, pairs: Sequence[Pair]) -> None:
        """Append, again and again until the outcome is known for each shard."""
        uncertain = False
        while pairs:
            columns = logs.columns([part for _, part in pairs])  # what fails here says nothing of the database
            try:
                held = await self._append(columns)
            except DEFINITE as error:
                await self._commit_apart(pairs, error)
                return
            except Exception as error:
                uncertain = True
                found = await self._reconnect(error, [part.shard for _, part in pairs])
                pairs = self._sort_out(pairs, found)
                continue
            self._announce([(owned, part, held[part.shard]) for owned, part in pairs if part.shard in held])
            pairs = [pair for pair in pairs if pair[1].shard not in held]
            if not uncertain:
                for owned, _ in pairs:
                    self.drop(owned)
                return
            # An earlier try may have been recorded after we looked.
            found = await self._reconnect(None, [part.shard for _, part in pairs])
            pairs = self._sort_out(pairs, found)

    async def _append(self, columns: list[list[object]]) -> dict[int, int]:
        if self._connection is None:
            self._connection = await connect(self._url, SETTINGS)
        return await logs.append_columns(self._connection, columns)

    async def _commit_apart(self, pairs: Sequence[Pair], error: Exception) -> None:
        """Find the shard whose events the database refuses; the others go on."""
        if len(pairs) > 1:
            for pair in pairs:
                await self._commit([pair])
            return
        owned, part = pairs[0]
        log.error("the database rejected events of shard %d, reloading it: %s", part.shard, error)
        self.drop(owned)

    def _sort_out(self, pairs: Sequence[Pair], found: dict[int, logs.Head]) -> list[Pair]:
        """After an unknown outcome the heads tell: recorded, to be tried again, or lost to another owner."""
        again: list[Pair] = []
        recorded: list[tuple[Owned, logs.Part, int]] = []
        for owned, part in pairs:
            head = found.get(part.shard)
            if head is None or head.epoch != part.epoch:
                self.drop(owned)
            elif head.seq == part.to_seq:
                recorded.append((owned, part, head.recorded_at_us))
            elif head.seq == part.after_seq:
                again.append((owned, part))
            else:
                log.error("shard %d is at %d, neither before nor after the written events", part.shard, head.seq)
                self.drop(owned)
        self._announce(recorded)
        return again

    async def _reconnect(self, error: Exception | None, shards: Sequence[int]) -> dict[int, logs.Head]:
        """Try until the database answers; return the heads of these shards."""
        since, delay_s = time.monotonic(), RETRY_DELAY_MIN_S
        if error is not None:
            log.warning("the outcome of a commit is unknown: %s; reading the heads", error or type(error).__name__)
        while True:
            try:
                if error is not None and self._connection is not None:
                    self._connection.terminate()
                    self._connection = None
                if self._connection is None:
                    self._connection = await connect(self._url, SETTINGS)
                found = await logs.heads(self._connection, shards)
            except Exception as failure:
                if not self.away:
                    log.error("the database is unavailable; retrying: %s", failure)
                error, self.away = failure, str(failure) or type(failure).__name__
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, RETRY_DELAY_MAX_S)
                continue
            if self.away:
                log.warning("the database is available again after %.1f s", time.monotonic() - since)
            self.away = ""
            return found

    def _announce(self, done: Sequence[tuple[Owned, logs.Part, int]]) -> None:
        """Tell everybody, in the log's order, once it is on disk."""
        batches: list[EventRange] = []
        for owned, part, recorded_at_us in done:
            if owned.is_lost:
                continue
            self.rows += len(part.events)
            _note_submitted(owned, part, recorded_at_us)
            self._recent.add(part.shard, Range(part.after_seq + 1, recorded_at_us, part.payloads, part.run_ids))
            owned.advance(part.to_seq, recorded_at_us)
            batches += messages(part, recorded_at_us)
            if owned.listeners:
                _call_listeners(owned, part)
        self.batches += 1
        self._stream.publish(streams.EVENTS, batches)


def _note_submitted(owned: Owned, part: logs.Part, recorded_at_us: int) -> None:
    if not owned.digests:
        return
    for index, kind in enumerate(part.kinds):
        if kind == logs.RUN_SUBMITTED:
            run_id = part.run_ids[index]
            owned.digests.pop(run_id, None)
            run = owned.core.runs.get(run_id)
            if run is not None:
                run.submitted_at_us = recorded_at_us


def _call_listeners(owned: Owned, part: logs.Part) -> None:
    for index, run_id in enumerate(part.run_ids):
        if run_id in owned.listeners:
            for listener in tuple(owned.listeners[run_id]):
                listener(part.kinds[index], part.after_seq + 1 + index)


def messages(part: logs.Part, recorded_at_us: int) -> list[EventRange]:
    """Return a part as messages of the stream, cut where one would be too large."""
    shard, epoch, seq, events, payloads = part.shard, part.epoch, part.after_seq + 1, part.events, part.payloads
    if len(events) == 1:
        return [EventRange(shard, epoch, seq, recorded_at_us, events, payloads)]
    return [
        EventRange(shard, epoch, seq + piece.start, recorded_at_us, events[piece], payloads[piece])
        for piece in pieces(map(len, payloads))
    ]
