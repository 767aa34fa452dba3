"""Writes the tables: rows, figures and positions of a batch in one transaction, so that each event counts once."""

from collections.abc import Sequence
from typing import Any, Final

from penstock_proto.state_tracker.v1.events_pb2 import RunOptions
from penstock_service.database import Connection, connect
from penstock_service.errors import NotWriter
from penstock_service.sole_writer import WriterLock
from penstock_stream.open_runs import Mark

from ..core.figures import Sums, month_of
from ..core.nodes import CANCELLED, FAILED, RUNNING, SKIPPED, SUCCEEDED, Nodes
from ..core.open_run import Earlier, OpenRun
from ..core.runs import Changes
from . import artifacts
from .artifacts import OutlineOf
from .outline import graph_of, node_name

LOCK_KEY: Final = 0x70656E73_686973
APPLICATION: Final = "penstock-history"

COLUMNS: Final = (
    ("run_id", "uuid"), ("submitted_us", "bigint"), ("ended_us", "bigint"), ("workflow", "text"), ("plan", "bytea"),
    ("team", "text"), ("user_name", "text"), ("caller", "bytea"), ("options", "bytea"), ("state", "smallint"),
    ("shard", "integer"), ("first_seq", "bigint"), ("last_seq", "bigint"), ("nodes", "integer"),
    ("running", "integer"), ("succeeded", "integer"), ("failed", "integer"), ("skipped", "integer"),
    ("cancelled", "integer"), ("failed_node", "text"), ("failure", "text"), ("retries", "integer"),
    ("busy_us", "bigint"), ("inputs", "bytea"), ("columns", "bytea"), ("registered", "text"), ("change", "bigint"),
)  # fmt: skip
_NAMES = ", ".join(name for name, _ in COLUMNS)
_ARRAYS = ", ".join(f"${place}::{kind}[]" for place, (_, kind) in enumerate(COLUMNS, 1))
_CHANGING = (
    "state", "running", "succeeded", "failed", "skipped", "cancelled", "failed_node", "failure", "retries", "busy_us",
    "change",
)  # fmt: skip
_SET = ", ".join(f"{name} = excluded.{name}" for name in _CHANGING)

END = f"""
INSERT INTO penstock_history.runs ({_NAMES}) SELECT * FROM unnest({_ARRAYS}) AS new ({_NAMES})
WHERE NOT EXISTS (SELECT 1 FROM penstock_history.removed WHERE removed.run_id = new.run_id)
ON CONFLICT (run_id) DO NOTHING"""
# The row of an end after which the run goes on is kept apart until the next end.
REOPEN = """
WITH ended AS (DELETE FROM penstock_history.runs WHERE run_id = ANY($1::uuid[])
    RETURNING run_id, retries, busy_us, inputs, columns)
INSERT INTO penstock_history.earlier (run_id, retries, busy_us, inputs, columns) SELECT * FROM ended
ON CONFLICT (run_id) DO UPDATE SET retries = excluded.retries, busy_us = excluded.busy_us, columns = excluded.columns"""
EARLIER = (
    "SELECT run_id, retries, busy_us, inputs, columns FROM penstock_history.earlier WHERE run_id = ANY($1::uuid[])"
)
FORGET = "DELETE FROM penstock_history.earlier WHERE run_id = ANY($1::uuid[])"
CLOSE = "DELETE FROM penstock_history.open_runs WHERE run_id = ANY($1::uuid[])"
CHANGE = f"""
INSERT INTO penstock_history.open_runs ({_NAMES}) SELECT * FROM unnest({_ARRAYS})
ON CONFLICT (run_id) DO UPDATE SET {_SET}"""
# What was read again, and is known to be removed, is no news.
REMOVE = """
INSERT INTO penstock_history.removed (run_id, change) SELECT * FROM unnest($1::uuid[], $2::bigint[])
ON CONFLICT DO NOTHING"""
REMOVE_RUNS = "DELETE FROM penstock_history.runs WHERE run_id = ANY($1::uuid[]) RETURNING run_id, submitted_us, options"
REMOVE_LABELS = """
DELETE FROM penstock_history.labels USING unnest($1::text[], $2::text[], $3::bigint[], $4::uuid[])
    AS gone (name, value, submitted_us, run_id)
WHERE labels.name = gone.name AND labels.value = gone.value AND labels.submitted_us = gone.submitted_us
    AND labels.run_id = gone.run_id"""
REMOVED_UP_TO = "UPDATE penstock_history.state SET removed_us = $1"
# Take the numbers of a batch of changes, if the tables are still those that were begun with.
NUMBER = "UPDATE penstock_history.state SET change = change + $1 WHERE generation = $2 RETURNING change"
LABEL = """
INSERT INTO penstock_history.labels (name, value, submitted_us, run_id)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::uuid[]) ON CONFLICT DO NOTHING"""
NAME = """
INSERT INTO penstock_history.workflows (workflow) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING"""
# Filled in: the table, and its column of time.
COUNT = """
INSERT INTO penstock_history.{0} AS known
    ({1}, workflow, team, operator, succeeded, failed, cancelled, skipped, retries, busy_us)
SELECT * FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[],
    $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])
ON CONFLICT (operator, {1}, workflow, team) DO UPDATE SET
    succeeded = known.succeeded + excluded.succeeded, failed = known.failed + excluded.failed,
    cancelled = known.cancelled + excluded.cancelled, skipped = known.skipped + excluded.skipped,
    retries = known.retries + excluded.retries, busy_us = known.busy_us + excluded.busy_us"""
MEASURE = """
INSERT INTO penstock_history.{0} AS known ({1}, workflow, team, operator, bucket, count)
SELECT * FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::smallint[], $6::bigint[])
ON CONFLICT (operator, {1}, workflow, team, bucket) DO UPDATE SET count = known.count + excluded.count"""
POSITION = """
INSERT INTO penstock_history.positions (shard, from_seq, taken_seq)
SELECT * FROM unnest($1::integer[], $2::bigint[], $3::bigint[])
ON CONFLICT (shard) DO UPDATE SET from_seq = excluded.from_seq, taken_seq = excluded.taken_seq"""
TABLES: Final = (
    "runs", "open_runs", "labels", "workflows", "figures", "durations", "figures_by_month", "durations_by_month",
    "positions", "artifacts", "artifact_names", "earlier",
)  # fmt: skip


class Writer:
    """Writes the tables, as long as this process is the one that may."""

    def __init__(self, url: str) -> None:
        self._lock = WriterLock(url, LOCK_KEY, APPLICATION)
        self._generation = 0
        # Up to when removals were known when this began.
        self.removed_us = 0
        self._workflows: set[str] = set()
        self._of_artifacts: set[str] = set()

    async def acquire(self) -> dict[int, Mark] | None:
        """Try to become the one that writes; return how far the tables are. None: another process is.

        Raises one of `TROUBLE` while Postgres is unavailable.
        """
        if (connection := await self._lock.acquire()) is None:
            return None
        state = await connection.fetchrow("SELECT generation, removed_us FROM penstock_history.state")
        self._generation, self.removed_us = state["generation"], state["removed_us"]
        rows = await connection.fetch("SELECT shard, from_seq, taken_seq FROM penstock_history.positions")
        self._workflows.clear()
        self._of_artifacts.clear()
        return {row["shard"]: Mark(row["from_seq"], row["taken_seq"]) for row in rows}

    def release(self) -> None:
        """Give the lock back; harmless when repeated."""
        self._lock.release()

    async def verify(self) -> None:
        """Raise NotWriter if this process may write no longer."""
        generation = await self._lock.connection.fetchval("SELECT generation FROM penstock_history.state")
        if generation != self._generation:
            raise _emptied()

    async def write(self, changes: Changes, outline_of: OutlineOf) -> None:
        """Write a batch of changes, all or none.

        Raises:
            NotWriter: The lock is gone, or the tables were emptied: begin again with `acquire`.
        """
        connection = self._lock.connection
        of_artifacts: set[str] = set()
        async with connection.transaction():
            count = len(changes.ended) + len(changes.changed) + len(changes.removed)
            last = await connection.fetchval(NUMBER, count, self._generation)
            if last is None:
                raise _emptied()
            await self._write(connection, changes, outline_of, last - count)
            of_artifacts = await artifacts.write(connection, changes.artifacts, outline_of, self._of_artifacts)
        self._of_artifacts |= of_artifacts
        self._workflows.update(name for run in (*changes.ended, *changes.changed.values()) for name in _names(run))

    async def _write(self, connection: Connection, changes: Changes, outline_of: OutlineOf, change: int) -> None:
        """Write the changes, numbered after `change`."""
        ended, changed = changes.ended, list(changes.changed.values())
        if changes.removed or changes.removed_us:
            await _write_removals(connection, changes, change + len(ended) + len(changed))
        if changes.reopened:
            await _reopen(connection, changes)
        if ended:
            if again := [run.run_id for run in ended if run.submitted_seq != run.first_seq]:
                await connection.execute(FORGET, again)
            for run in ended:
                run.complete()
            await connection.execute(END, *_columns(ended, outline_of, change))
            await connection.execute(CLOSE, [run.run_id for run in ended])
        if changed:
            await connection.execute(CHANGE, *_columns(changed, outline_of, change + len(ended)))
        runs = [*ended, *changed]
        labels = [(name, value, run) for run in runs for name, value in run.labels.items()]
        if labels:
            names, values = [name for name, _, _ in labels], [value for _, value, _ in labels]
            places = [run.submitted_us for _, _, run in labels], [run.run_id for _, _, run in labels]
            await connection.execute(LABEL, names, values, *places)
        if new := sorted({name for run in runs for name in _names(run)} - self._workflows):
            await connection.execute(NAME, new)
        await _write_figures(connection, changes.figures)
        if changes.marks:
            marks = sorted(changes.marks.items())
            columns = zip(*((shard, mark.from_seq, mark.taken_seq) for shard, mark in marks), strict=True)
            await connection.execute(POSITION, *map(list, columns))


async def empty(url: str) -> None:
    """Empty the tables; whoever writes them begins again with the first event of each log."""
    connection = await connect(url, {"application_name": APPLICATION})
    try:
        async with connection.transaction():
            await connection.execute("UPDATE penstock_history.state SET generation = generation + 1")
            await connection.execute("TRUNCATE " + ", ".join(f"penstock_history.{table}" for table in TABLES))
    finally:
        await connection.close()


async def _reopen(connection: Connection, changes: Changes) -> None:
    """Take the rows of ends back after which runs go on, and tell the runs what these have."""
    if new := [run.run_id for run, is_new in changes.reopened if is_new]:
        await connection.execute(REOPEN, new)
    runs = {run.run_id: run for run, _ in changes.reopened}
    for row in await connection.fetch(EARLIER, list(runs)):
        run, nodes = runs[row["run_id"]], Nodes.unpack(row["columns"])
        run.inputs = run.inputs or row["inputs"]
        run.earlier.append(Earlier(row["retries"], row["busy_us"], row["inputs"], nodes))


async def _write_removals(connection: Connection, changes: Changes, change: int) -> None:
    run_ids = list(changes.removed)
    if run_ids:
        await connection.execute(REMOVE, run_ids, [change + place for place in range(1, len(run_ids) + 1)])
        await connection.execute(CLOSE, run_ids)
        await artifacts.remove(connection, run_ids)
        await connection.execute(FORGET, run_ids)
        rows = await connection.fetch(REMOVE_RUNS, run_ids)
        labels = [
            (name, value, row["submitted_us"], row["run_id"])
            for row in rows
            for name, value in RunOptions.FromString(row["options"]).labels.items()
        ]
        if labels:
            await connection.execute(REMOVE_LABELS, *map(list, zip(*labels, strict=True)))
    if changes.removed_us:
        await connection.execute(REMOVED_UP_TO, changes.removed_us)


async def _write_figures(connection: Connection, sums: Sums) -> None:
    await _add(connection, sums, "figures", "durations", "day")
    months = Sums()
    for key, figures in sums.items():
        months.of(key._replace(day=month_of(key.day))).add(figures)
    await _add(connection, months, "figures_by_month", "durations_by_month", "month")


async def _add(connection: Connection, sums: Sums, figures: str, durations: str, column: str) -> None:
    """Add sums to the tables of days or of months, in one order for every writer."""
    ordered = sorted(sums.items())
    if not ordered:
        return
    counted = [(*key, f.succeeded, f.failed, f.cancelled, f.skipped, f.retries, f.busy_us) for key, f in ordered]
    await connection.execute(COUNT.format(figures, column), *map(list, zip(*counted, strict=True)))
    measured = [(*key, bucket, count) for key, f in ordered for bucket, count in sorted(f.buckets.items())]
    if measured:
        await connection.execute(MEASURE.format(durations, column), *map(list, zip(*measured, strict=True)))


def _emptied() -> NotWriter:
    return NotWriter("the tables were emptied, to be made again from the logs")


def _names(run: OpenRun) -> list[str]:
    """Return the names that the run's workflow is searched by."""
    return [run.workflow, run.registered] if run.registered else [run.workflow]


def _failed_node(run: OpenRun, outline_of: OutlineOf) -> str:
    return node_name(graph_of(outline_of(run.plan), run.nodes), run.failed_node) if run.failed_node >= 0 else ""


def _columns(runs: Sequence[OpenRun], outline_of: OutlineOf, change: int) -> list[list[Any]]:
    rows = (_row(run, outline_of, number) for number, run in enumerate(runs, change + 1))
    return [list(column) for column in zip(*rows, strict=True)]


def _row(run: OpenRun, outline_of: OutlineOf, change: int) -> tuple[Any, ...]:
    counts = run.nodes.counts()
    return (
        run.run_id, run.submitted_us, run.ended_us, run.workflow, run.plan, run.team, run.user, run.caller, run.options,
        run.state, run.shard, run.submitted_seq, run.last_seq, len(run.nodes), counts[RUNNING], counts[SUCCEEDED],
        counts[FAILED], counts[SKIPPED], counts[CANCELLED],
        _failed_node(run, outline_of), run.failure, run.retries,
        run.busy_us, run.inputs, run.nodes.pack() if run.ended_us is not None else b"", run.registered, change,
    )  # fmt: skip
