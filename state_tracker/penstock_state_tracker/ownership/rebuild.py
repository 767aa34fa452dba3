"""A shard's memory from its log: the last checkpoint, then what followed."""

import logging
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.message import DecodeError
from penstock_observability import metrics
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_service.answers import Answer
from penstock_service.database import Connection, Database, Row
from penstock_service.errors import DatabaseAway

from ..core.shard import Shard
from ..errors import CorruptLog
from ..log import checkpoints, snapshot_chunks
from ..log.checkpoints import Checkpoint
from ..log.shard_state import Owned
from ..plans import Plans
from .leases import Taken

SHARDS_AT_ONCE: Final = 32
ROWS_AT_ONCE: Final = 2_000
BYTES_AT_ONCE: Final = 16 * 2**20

TAIL = """
SELECT shard, seq, (extract(epoch FROM recorded_at) * 1000000)::bigint AS recorded_at_us,
    extract(epoch FROM clock_timestamp() - recorded_at)::float8 AS age_s, run_id, payload
FROM unnest($1::int[], $2::bigint[], $3::bigint[]) AS wanted (shard, after_seq, to_seq) JOIN events USING (shard)
WHERE seq > after_seq AND seq <= to_seq ORDER BY shard, seq"""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Rebuilt:
    """What became of the shards that were taken."""

    owned: list[Owned] = field(default_factory=list[Owned])
    # Those that cannot be read, with the reason.
    damaged: dict[int, str] = field(default_factory=dict[int, str])


async def rebuild(database: Database, plans: Plans, taken: Sequence[Taken]) -> Rebuilt:
    """Return the state of each shard as of the head it was taken at; one that is damaged is left out, alone.

    Raises:
        DatabaseAway: Nothing can be read now.
    """
    rebuilt = Rebuilt()
    for at in range(0, len(taken), SHARDS_AT_ONCE):
        with metrics.REBUILD_SECONDS.time():
            await _rebuild_some(database, plans, taken[at : at + SHARDS_AT_ONCE], rebuilt)
    return rebuilt


async def _rebuild_some(database: Database, plans: Plans, taken: Sequence[Taken], rebuilt: Rebuilt) -> None:
    found = await checkpoints.read(database, [one.shard for one in taken])
    cores: dict[int, Shard] = {}
    for one in taken:
        core = Shard(one.shard, plans.graphs)
        try:
            await _restore(core, plans, found.get(one.shard))
        except DatabaseAway:
            raise
        except Exception as error:
            log.error("the checkpoint of shard %d is corrupt, reading its whole log: %s", one.shard, said(error))
            core = Shard(one.shard, plans.graphs)
            found.pop(one.shard, None)
            await checkpoints.delete(database, one.shard)
        cores[one.shard] = core
    damaged = await _replay(database, plans, taken, cores)
    for shard, reason in damaged.items():
        log.error("shard %d is corrupt, it is not served: %s", shard, reason)
    rebuilt.damaged |= damaged
    rebuilt.owned += [_owned(cores[one.shard], one, found) for one in taken if one.shard not in damaged]


def _owned(core: Shard, taken: Taken, found: dict[int, Checkpoint]) -> Owned:
    core.epoch = taken.epoch
    checkpoint = found.get(taken.shard)
    return Owned(core, taken.recorded_at_us, checkpoint.seq if checkpoint is not None else 0)


async def _restore(core: Shard, plans: Plans, checkpoint: Checkpoint | None) -> None:
    if checkpoint is None:
        return
    runs = snapshot_chunks.runs(checkpoint.messages())
    await plans.ensure(run.plan for run in runs)
    core.restore(runs, checkpoint.seq, checkpoint.epoch, time.monotonic() - max(0.0, checkpoint.age_s))


async def _replay(database: Database, plans: Plans, taken: Sequence[Taken], cores: dict[int, Shard]) -> dict[int, str]:
    """Apply what follows the checkpoints; return the shards whose logs do not fit, with the reasons."""
    damaged: dict[int, str] = {}
    behind = [one for one in taken if cores[one.shard].seq < one.seq]
    if behind:
        async with database.acquire() as connection, connection.transaction():
            async for rows in _tails(connection, behind, cores):
                await _apply(plans, rows, cores, damaged)
    for one in taken:
        if one.shard not in damaged and cores[one.shard].seq != one.seq:
            damaged[one.shard] = f"its log ends at {cores[one.shard].seq}, but its head is at {one.seq}"
    return damaged


async def _tails(connection: Connection, taken: Sequence[Taken], cores: dict[int, Shard]) -> AsyncIterator[list[Row]]:
    shards = [one.shard for one in taken]
    after = [cores[shard].seq for shard in shards]
    rows: list[Row] = []
    size = 0
    async for row in connection.cursor(TAIL, shards, after, [one.seq for one in taken], prefetch=ROWS_AT_ONCE):
        rows.append(row)
        size += len(row["payload"])
        if len(rows) == ROWS_AT_ONCE or size > BYTES_AT_ONCE:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


async def _apply(plans: Plans, rows: Sequence[Row], cores: dict[int, Shard], damaged: dict[int, str]) -> None:
    events = [_event(row, damaged) for row in rows]
    opening = [_plan_of(event) for event in events]
    missing = await _load_plans(plans, {plan for plan in opening if plan})
    now = time.monotonic()
    for row, event, plan in zip(rows, events, opening, strict=True):
        shard, core = row["shard"], cores[row["shard"]]
        if shard in damaged:
            continue
        if plan and (reason := missing.get(plan)):
            damaged[shard] = f"event {row['seq']}: {reason}"
            continue
        try:
            if row["seq"] != core.seq + 1:
                raise CorruptLog(f"event {row['seq']} cannot follow {core.seq}", event.run_id)
            core.apply(event, now - max(0.0, row["age_s"]))
        except Exception as error:
            damaged[shard] = f"event {row['seq']}: {said(error)}"
            continue
        if event.HasField("run_submitted"):
            core.runs[event.run_id].submitted_at_us = row["recorded_at_us"]


def _plan_of(event: ev.Event) -> bytes:
    """Return the plan that has to be there before an event is applied; empty: none."""
    return event.run_reopened.plan if event.HasField("run_reopened") else event.run_submitted.plan


def _event(row: Row, damaged: dict[int, str]) -> ev.Event:
    try:
        event = ev.Event.FromString(row["payload"])
        if event.run_id == row["run_id"]:
            return event
        reason = "it is not about the run that it was recorded for"
    except DecodeError as error:
        reason = said(error)
    damaged.setdefault(row["shard"], f"event {row['seq']}: {reason}")
    return ev.Event()


async def _load_plans(plans: Plans, wanted: set[bytes]) -> dict[bytes, str]:
    """Bring plans into memory; return those that cannot be had, with the reasons."""
    missing: dict[bytes, str] = {}
    for plan in wanted:
        try:
            await plans.ensure([plan])
        except DatabaseAway:
            raise
        except Answer as error:
            missing[plan] = str(error)
    await plans.ensure(wanted - missing.keys())
    return missing


def said(error: Exception) -> str:
    """Return what is known of an error that nobody foresaw."""
    return f"{type(error).__name__}: {error}"
