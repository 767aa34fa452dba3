"""A shard's memory from its log: the last checkpoint, then what followed."""

import logging
import time
from collections.abc import AsyncIterator, Sequence
from typing import Final

from penstock_observability import metrics
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_service.database import Connection, Database, Row

from ..core.shard import Shard
from ..errors import CorruptLog, PlanNotFound
from ..log import checkpoints, snapshot_chunks
from ..log.checkpoints import Checkpoint
from ..log.shard_state import Owned
from ..plans import Plans
from .leases import Taken

SHARDS_AT_ONCE: Final = 32
ROWS_AT_ONCE: Final = 2_000

TAIL = """
SELECT shard, seq, (extract(epoch FROM recorded_at) * 1000000)::bigint AS recorded_at_us, payload
FROM unnest($1::int[], $2::bigint[], $3::bigint[]) AS wanted (shard, after_seq, to_seq) JOIN events USING (shard)
WHERE seq > after_seq AND seq <= to_seq ORDER BY shard, seq"""

log = logging.getLogger(__name__)


async def rebuild(database: Database, plans: Plans, taken: Sequence[Taken]) -> list[Owned]:
    """Return the state of each shard as of the head it was taken at; one whose log is damaged is left out, and said."""
    rebuilt: list[Owned] = []
    for at in range(0, len(taken), SHARDS_AT_ONCE):
        with metrics.REBUILD_SECONDS.time():
            rebuilt += await _rebuild_some(database, plans, taken[at : at + SHARDS_AT_ONCE])
    return rebuilt


async def _rebuild_some(database: Database, plans: Plans, taken: Sequence[Taken]) -> list[Owned]:
    found = await checkpoints.read(database, [one.shard for one in taken])
    cores: dict[int, Shard] = {}
    for one in taken:
        core = Shard(one.shard, plans.graphs)
        try:
            await _restore(core, plans, found.get(one.shard))
        except (CorruptLog, PlanNotFound) as error:
            log.error("the checkpoint of shard %d is corrupt, reading its whole log: %s", one.shard, error)
            core = Shard(one.shard, plans.graphs)
            found.pop(one.shard, None)
        cores[one.shard] = core
    damaged = await _replay(database, plans, taken, cores)
    return [_owned(cores[one.shard], one, found) for one in taken if one.shard not in damaged]


def _owned(core: Shard, taken: Taken, found: dict[int, Checkpoint]) -> Owned:
    core.epoch = taken.epoch
    checkpoint = found.get(taken.shard)
    return Owned(core, taken.recorded_at_us, checkpoint.seq if checkpoint is not None else 0)


async def _restore(core: Shard, plans: Plans, checkpoint: Checkpoint | None) -> None:
    if checkpoint is None:
        return
    runs = snapshot_chunks.runs(checkpoint.messages)
    await plans.ensure(run.plan for run in runs)
    core.restore(runs, checkpoint.seq, checkpoint.epoch, time.monotonic())


async def _replay(database: Database, plans: Plans, taken: Sequence[Taken], cores: dict[int, Shard]) -> set[int]:
    """Apply what follows the checkpoints; return the shards whose logs do not fit."""
    damaged: set[int] = set()
    behind = [one for one in taken if cores[one.shard].seq < one.seq]
    if behind:
        async with database.acquire() as connection, connection.transaction():
            async for rows in _tails(connection, behind, cores):
                await _apply(plans, rows, cores, damaged)
    for one in taken:
        if one.shard not in damaged and cores[one.shard].seq != one.seq:
            damaged.add(one.shard)
            log.error("the log of shard %d ends at %d, but its head is at %d", one.shard, cores[one.shard].seq, one.seq)
    return damaged


async def _tails(connection: Connection, taken: Sequence[Taken], cores: dict[int, Shard]) -> AsyncIterator[list[Row]]:
    shards = [one.shard for one in taken]
    after = [cores[shard].seq for shard in shards]
    rows: list[Row] = []
    async for row in connection.cursor(TAIL, shards, after, [one.seq for one in taken], prefetch=ROWS_AT_ONCE):
        rows.append(row)
        if len(rows) == ROWS_AT_ONCE:
            yield rows
            rows = []
    if rows:
        yield rows


async def _apply(plans: Plans, rows: Sequence[Row], cores: dict[int, Shard], damaged: set[int]) -> None:
    events = [ev.Event.FromString(row["payload"]) for row in rows]
    await plans.ensure(event.run_submitted.plan for event in events if event.HasField("run_submitted"))
    now = time.monotonic()
    for row, event in zip(rows, events, strict=True):
        core = cores[row["shard"]]
        if row["shard"] in damaged:
            continue
        try:
            if row["seq"] != core.seq + 1:
                raise CorruptLog(f"event {row['seq']} cannot follow {core.seq}", event.run_id)
            core.apply(event, now)
        except CorruptLog as error:
            damaged.add(row["shard"])
            log.error("the log of shard %d is corrupt, the shard is not served: %s", row["shard"], error)
            continue
        if event.HasField("run_submitted"):
            core.runs[event.run_id].submitted_at_us = row["recorded_at_us"]
