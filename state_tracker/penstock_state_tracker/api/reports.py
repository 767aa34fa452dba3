"""Reports become events: from the stream, and by RPC from those who wait for the record."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from penstock_observability import metrics
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import reports_pb2
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_service.answers import Answer
from penstock_stream.messages import Reports

from ..errors import run_text
from ..log.committer import PENDING_EVENTS_MAX
from ..log.shard_state import Owned
from ..ownership.routing import Routing

# A report that the core fails at so often is not given to it again.
FAILURES_MAX: Final = 2
# Reports that the core failed at and that are remembered.
TROUBLE_MAX: Final = 1_000

Key = tuple[bytes, int, int]  # run, node, attempt

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Trouble:
    """A report that the core failed at: a mistake of ours."""

    failures: int = 0
    error: str = ""


class Consumer:
    """Workers resend reports until they are recorded, so that dropping is always allowed."""

    def __init__(self, routing: Routing) -> None:
        self._routing = routing
        self.reports = 0
        # By why: another's shard or one being rebuilt, too much waiting, a report that the core failed at.
        self.dropped = {"not_owned": 0, "overloaded": 0, "malformed": 0}
        self._trouble: OrderedDict[Key, Trouble] = OrderedDict()

    @property
    def undecided(self) -> Mapping[Key, Trouble]:
        """The reports that the core failed at again and again, the last ones."""
        return {key: trouble for key, trouble in self._trouble.items() if trouble.failures >= FAILURES_MAX}

    def take(self, batches: Sequence[Reports]) -> None:
        """Decide what reports of the stream mean; never raises."""
        now = time.monotonic()
        for batch in batches:
            self._accept(batch, now)

    async def report(self, batches: Sequence[reports_pb2.ReportBatch]) -> api.ReportResponse:
        """Decide, and say which grants are settled once that is in the log. Those left out are to be resent."""
        now = time.monotonic()
        waits: list[tuple[reports_pb2.ReportBatch, int, asyncio.Future[None] | None]] = []
        response = api.ReportResponse()
        for batch in batches:
            owned = self._accept(batch, now)
            if owned is not None:
                waits.append((batch, owned.core.seq, owned.pending_commit()))
            elif not 0 <= batch.shard < self._routing.shards:
                response.settled.extend(_terminal(batch))  # no such shard: nobody will ever know better
        for batch, seq, committing in waits:
            try:
                if committing is not None:
                    await asyncio.shield(committing)
            except Answer:
                continue
            response.settled.extend(_terminal(batch))
            response.seqs[batch.shard] = seq
        return response

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
        report: reports_pb2.Report | None = None
        decide = owned.core.report if not self._trouble else partial(self._decide, owned)
        try:
            for report in batch.reports:
                if decided := decide(report, now):
                    events += decided
                else:
                    settled += 1
        except Exception as error:
            # A mistake of ours, and the memory may be half changed: read it again.
            self.dropped["malformed"] += 1
            log.exception("cannot process a report of shard %d", owned.shard)
            if report is not None:
                self._note(_key(report), error)
            committer.drop(owned)
            return None
        if settled:
            metrics.REPORTS_SETTLED.inc(settled)
        if events:
            committer.add(owned, events)
        return owned

    def _decide(self, owned: Owned, report: reports_pb2.Report, now: float) -> list[ev.Event]:
        """As the core, but for a report that it failed at before: it must not cost the shard again and again."""
        trouble = self._trouble.get(_key(report))
        if trouble is None or trouble.failures < FAILURES_MAX:
            return owned.core.report(report, now)
        if trouble.failures > FAILURES_MAX:
            return []  # not even as a failure: the node is left as it is, and the diagnosis names it
        return owned.core.give_up(report, trouble.error, now)

    def _note(self, key: Key, error: Exception) -> None:
        trouble = self._trouble.setdefault(key, Trouble())
        trouble.failures += 1
        trouble.error = f"{type(error).__name__}: {error}"
        self._trouble.move_to_end(key)
        if trouble.failures == FAILURES_MAX:
            log.error("reports of node %d of run %s cannot be decided; it fails for that", key[1], run_text(key[0]))
        while len(self._trouble) > TROUBLE_MAX:
            self._trouble.popitem(last=False)


def _key(report: reports_pb2.Report) -> Key:
    return report.run_id, report.node, report.attempt


def _terminal(batch: reports_pb2.ReportBatch) -> list[int]:
    """Return the grants that the batch says have ended; what of it cannot be read has no worth to anybody."""
    return [report.grant for report in batch.reports if not report.HasField("started")]
