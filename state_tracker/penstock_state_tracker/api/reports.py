"""Reports become events: from the stream, and by RPC from those who wait for the record."""

import asyncio
import logging
import time
from collections.abc import Sequence

from penstock_observability import metrics
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import reports_pb2
from penstock_service.answers import Answer
from penstock_stream.messages import Reports

from ..log.committer import PENDING_EVENTS_MAX
from ..log.shard_state import Owned
from ..ownership.routing import Routing

log = logging.getLogger(__name__)


class Consumer:
    """Workers resend reports until they are recorded, so that dropping is always allowed."""

    def __init__(self, routing: Routing) -> None:
        self._routing = routing
        self.reports = 0
        # By why: another's shard or one being rebuilt, too much waiting, a report that no core can read.
        self.dropped = {"not_owned": 0, "overloaded": 0, "malformed": 0}

    def take(self, batches: Sequence[Reports]) -> None:
        """Decide what reports of the stream mean; never raises."""
        now = time.monotonic()
        for batch in batches:
            self._accept(batch, now)

    async def report(self, batches: Sequence[reports_pb2.ReportBatch]) -> list[int]:
        """Decide, and return the grants that are settled once that is in the log. Those left out are to be resent."""
        now = time.monotonic()
        waits: list[tuple[reports_pb2.ReportBatch, asyncio.Future[None] | None]] = []
        settled: list[int] = []
        for batch in batches:
            owned = self._accept(batch, now)
            if owned is not None:
                waits.append((batch, owned.committing()))
            elif not 0 <= batch.shard < self._routing.shards:
                settled += _terminal(batch)  # no such shard: nobody will ever know better
        for batch, committing in waits:
            try:
                if committing is not None:
                    await asyncio.shield(committing)
            except Answer:
                continue
            settled += _terminal(batch)
        return settled

    def _accept(self, batch: Reports, now: float) -> Owned | None:
        """Decide a batch; None if it had to be dropped."""
        owned = self._routing.current(batch.shard)
        if owned is None:
            self.dropped["not_owned"] += len(batch.reports)
            return None
        committer = self._routing.committers[owned.shard]
        if committer.pending_events > PENDING_EVENTS_MAX:
            self.dropped["overloaded"] += len(batch.reports)
            return None
        self.reports += len(batch.reports)
        events: list[ev.Event] = []
        settled = 0
        decide = owned.core.report
        try:
            for report in batch.reports:
                if decided := decide(report, now):
                    events += decided
                else:
                    settled += 1
        except Exception:
            # A mistake of ours, and the memory may be half changed: read it anew.
            self.dropped["malformed"] += 1
            log.exception("cannot process a report of shard %d", owned.shard)
            committer.drop(owned)
            return None
        if settled:
            metrics.REPORTS_SETTLED.inc(settled)
        if events:
            committer.add(owned, events)
        return owned


def _terminal(batch: reports_pb2.ReportBatch) -> list[int]:
    """Return the grants that the batch says have ended; what of it cannot be read has no worth to anybody."""
    return [report.grant for report in batch.reports if not report.HasField("started")]
