"""Follows the logs from where the outbox is, and hands over the runs that end."""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from typing import Final

from penstock_proto.plan.v1 import plan_pb2
from penstock_service.plans import Plans
from penstock_stream.log_reader import LogReader
from penstock_stream.messages import Events
from penstock_stream.open_runs import Mark
from penstock_stream.stream import Stream
from penstock_stream.upstreams import StateTrackerUpstream

from ..core.rules import is_anybody_notified
from ..core.runs import Run, Runs
from .writer import Writer

WRITTEN_EVERY_S: Final = 0.5
ENDED_PER_WRITE_MAX: Final = 1_000
# A message without the node's name is better than none.
PLAN_MAX_S: Final = 5.0

log = logging.getLogger(__name__)

Names = tuple[str, ...]


def node_names(data: bytes, plan_hash: bytes) -> Names:
    """Return the names of a plan's nodes."""
    return tuple(node.name for node in plan_pb2.Plan.FromString(data).nodes)


class Intake:
    """One stretch of writing: from the moment that this process may write the outbox until it may no longer.

    Args:
        wake: Called when there is something to send.
    """

    def __init__(
        self,
        stream: Stream,
        upstreams: Sequence[StateTrackerUpstream],
        shards: Collection[int],
        plans: Plans[Names],
        writer: Writer,
        marks: dict[int, Mark],
        wake: Callable[[], None],
    ) -> None:
        self._plans, self._writer, self._wake = plans, writer, wake
        self._runs = Runs(marks)
        self._ended: list[Run] = []
        self._reader = LogReader(stream, upstreams, shards, self)

    @property
    def is_loaded(self) -> bool:
        """Whether every shard is followed."""
        return self._reader.is_loaded

    def lag(self) -> list[tuple[tuple[str, str], float]]:
        """Return how many events of each shard were not taken yet."""
        return self._reader.lag()

    async def run(self) -> None:
        """Write until cancelled. Raises NotWriter, or an error of Postgres."""
        async with self._reader.follow():
            await self._work()

    # What the reader calls

    def begin(self, shard: int, end_seq: int) -> int:
        """Start where the outbox is."""
        return self._runs.begin(shard, end_seq)

    def begin_again(self, shard: int, end_seq: int, seq: int) -> int:
        """Go on with what there is."""
        log.warning("the log of shard %d is shorter than it was, as after the restore of a backup", shard)
        return self._runs.begin(shard, end_seq)

    def position(self, shard: int) -> int:
        """Return the last position of a shard that was taken."""
        return self._runs.position(shard)

    # Inside

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time() + WRITTEN_EVERY_S
        while True:
            for batch in await self._reader.take(due_s):
                self._take(batch)
            if loop.time() >= due_s or len(self._ended) >= ENDED_PER_WRITE_MAX:
                await self._write()
                due_s = loop.time() + WRITTEN_EVERY_S

    async def _write(self) -> None:
        # The marks are of this moment, and nothing is taken until they are written with what ended before them.
        ended, marks = self._ended, self._runs.take_marks()
        self._ended = []
        if not ended and not marks:
            await self._writer.verify()
            return
        if any(run.failed_node >= 0 for run in ended):
            await self._have_plans(ended)
        if await self._writer.write(ended, marks, self._node_name):
            self._wake()

    async def _have_plans(self, ended: Sequence[Run]) -> None:
        rules = await self._writer.rules()
        wanted = {run.plan for run in ended if run.failed_node >= 0 and is_anybody_notified(rules, [run])}
        for plan in wanted:
            try:
                async with asyncio.timeout(PLAN_MAX_S):
                    await self._plans.have(plan)
            except TimeoutError:
                return

    def _node_name(self, run: Run) -> str:
        if run.failed_node < 0:
            return ""
        names = self._plans.get(run.plan, ())
        return names[run.failed_node] if run.failed_node < len(names) else f"node {run.failed_node}"

    def _take(self, batch: Events) -> None:
        ended, invalid = self._runs.take(batch)
        self._ended += ended
        for seq, error in invalid:
            log.error("event %d of shard %d is invalid; no message is sent for it", seq, batch.shard, exc_info=error)
