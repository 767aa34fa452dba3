"""Follows the logs from where the tables are, and hands over what they lack."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from typing import Final

from penstock_service.plans import Plans
from penstock_stream.log_reader import LogReader
from penstock_stream.messages import Events
from penstock_stream.open_runs import Mark
from penstock_stream.stream import Stream
from penstock_stream.upstreams import StateTrackerUpstream

from ..core.figures import DAY_US, Sums, of_nodes
from ..core.nodes import operators_of
from ..core.open_run import OpenRun
from ..core.runs import Runs
from .outline import Outline, graph_of
from .removals import Removals
from .writer import Writer

# Between two writes: at least this, and so long that writing takes a small share of the time. Of a run that begins and
# ends meanwhile only the end is written.
WRITTEN_EVERY_S: Final = 0.5
WRITTEN_EVERY_S_MAX: Final = 3.0
WRITING_SHARE: Final = 0.03
EVENTS_PER_WRITE_MAX: Final = 20_000
# Larger runs are counted in a thread.
NODES_HERE_MAX: Final = 2_000

log = logging.getLogger(__name__)


class Intake:
    """One stretch of writing: from the moment that this process may write the tables until it may no longer."""

    def __init__(
        self,
        stream: Stream,
        upstreams: Sequence[StateTrackerUpstream],
        shards: Collection[int],
        plans: Plans[Outline],
        writer: Writer,
        marks: dict[int, Mark],
        removals: Removals,
    ) -> None:
        self._plans, self._writer = plans, writer
        self._runs = Runs(marks)
        self._removals, self._removed_us = removals, writer.removed_us
        self.events_taken = 0
        self._reader = LogReader(stream, upstreams, shards, self)

    @property
    def is_loaded(self) -> bool:
        """Whether every shard is followed."""
        return self._reader.is_loaded

    def lag(self) -> list[tuple[tuple[str, str], float]]:
        """Return how many events of each shard are not in the tables, and were not taken to be written next."""
        return self._reader.lag()

    async def run(self) -> None:
        """Write until cancelled. Raises NotWriter, or an error of Postgres."""
        removals = asyncio.create_task(self._removals.run())
        try:
            async with self._reader.follow():
                await self._work()
        finally:
            removals.cancel()
            await asyncio.gather(removals, return_exceptions=True)

    # What the reader calls

    def begin(self, shard: int, end_seq: int) -> int:
        """Start where the tables are."""
        return self._runs.begin(shard)

    def begin_again(self, shard: int, end_seq: int, seq: int) -> None:
        """Wait: a history of what was lost is no reason to lose it too."""
        log.error(
            "shard %d: the log ends at %d and the history is at %d, as after the restore of a backup; "
            "`penstock history rebuild` makes the history again",
            shard,
            end_seq,
            seq,
        )

    def position(self, shard: int) -> int:
        """Return the last position of a shard that was taken."""
        return self._runs.position(shard)

    # Inside

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        due_s, taken = loop.time() + WRITTEN_EVERY_S, 0
        while True:
            taken += await self._take(await self._reader.take(due_s))
            if (now_s := loop.time()) >= due_s or taken >= EVENTS_PER_WRITE_MAX:
                await self._write()
                after_s = loop.time()
                wait_s = min(max(WRITTEN_EVERY_S, (after_s - now_s) / WRITING_SHARE), WRITTEN_EVERY_S_MAX)
                due_s, taken = after_s + wait_s, 0

    async def _write(self) -> None:
        removed, removed_us = self._removals.take()
        for run_id in removed:
            self._runs.remove(run_id)
        if removed_us > self._removed_us:
            self._removed_us = removed_us
            self._runs.note_removals(removed_us)
        if changes := self._runs.take_changes():
            for plan in {one.run.plan for one in changes.artifacts}:
                await self._plans.have(plan)
            await self._writer.write(changes, self._plans.get)
        else:
            await self._writer.verify()

    async def _take(self, batches: Sequence[Events]) -> int:
        """Take batches; return how many events they have."""
        taken, take = 0, self._runs.take
        for batch in batches:
            ended, invalid = take(batch)
            taken += len(batch.events)
            for seq, error in invalid:
                log.error("event %d of shard %d is invalid and is not in the history", seq, batch.shard, exc_info=error)
            for run in ended:
                await self._plans.have(run.plan)
                self._runs.count(run, await self._figures(run))
        self.events_taken += taken
        return taken

    async def _figures(self, run: OpenRun) -> Sums:
        found = self._plans.get(run.plan)
        graph = graph_of(found, run.nodes)
        if graph is None or run.ended_us is None:
            return Sums()
        wanted = (run.nodes, operators_of(graph), run.ended_us // DAY_US, run.workflow, run.team)
        return of_nodes(*wanted) if len(run.nodes) <= NODES_HERE_MAX else await asyncio.to_thread(of_nodes, *wanted)
