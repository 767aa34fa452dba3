"""The logs in Postgres: append for many shards at once, and read by range."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_service.database import Connection, Database

READ_ROWS: Final = 2_000
READ_BYTES: Final = 4 * 2**20
FAILURES_AT_ONCE: Final = 10

# One round trip and one fsync for whatever gathered, of all shards. A shard whose head is not where its writer
# believes drops out alone, with its runs. $1-$4: heads. $5-$9: events. $10-$21: new runs. $22-$25: changed runs.
APPEND = """
WITH held AS (
    UPDATE heads
    SET seq = heads.seq + batch.count, recorded_at = greatest(heads.recorded_at, clock_timestamp())
    FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::int[]) AS batch (shard, epoch, seq, count)
    WHERE heads.shard = batch.shard AND heads.epoch = batch.epoch AND heads.seq = batch.seq
    RETURNING heads.shard, heads.recorded_at
), written AS (
    INSERT INTO events (shard, seq, run_id, recorded_at, kind, payload)
    SELECT shard, seq, run_id, recorded_at, kind, payload
    FROM unnest($5::int[], $6::bigint[], $7::uuid[], $8::smallint[], $9::bytea[])
        AS new (shard, seq, run_id, kind, payload)
    JOIN held USING (shard)
), opened AS (
    INSERT INTO runs (run_id, shard, digest, plan, plan_name, nodes, team, caller, options,
        first_seq, state, last_seq, submitted_at, ended_at)
    SELECT run_id, shard, digest, plan, plan_name, nodes, team, caller, options,
        first_seq, state, last_seq, recorded_at, CASE WHEN state >= 3 THEN recorded_at END
    FROM unnest($10::uuid[], $11::int[], $12::bytea[], $13::bytea[], $14::text[], $15::int[], $16::text[],
        $17::bytea[], $18::bytea[], $19::bigint[], $20::smallint[], $21::bigint[])
        AS new (run_id, shard, digest, plan, plan_name, nodes, team, caller, options, first_seq, state, last_seq)
    JOIN held USING (shard)
), changed AS (
    UPDATE runs
    SET state = change.state, last_seq = change.last_seq,
        ended_at = CASE WHEN change.state >= 3 THEN held.recorded_at END
    FROM unnest($22::uuid[], $23::int[], $24::smallint[], $25::bigint[]) AS change (run_id, shard, state, last_seq)
    JOIN held USING (shard)
    WHERE runs.run_id = change.run_id
)
SELECT shard, (extract(epoch FROM recorded_at) * 1000000)::bigint FROM held"""

HEADS = """
SELECT shard, epoch, seq, (extract(epoch FROM recorded_at) * 1000000)::bigint AS recorded_at_us
FROM heads WHERE shard = ANY($1::int[])"""

# A page, within a number of rows and of bytes, but for its first row. A size is known without reading the payload.
READ = """
SELECT seq, (extract(epoch FROM recorded_at) * 1000000)::bigint AS recorded_at_us, payload, rows
FROM (
    SELECT seq, recorded_at, payload, count(*) OVER () AS rows,
        sum(octet_length(payload)) OVER (ORDER BY seq) - octet_length(payload) AS bytes_before
    FROM (
        SELECT seq, recorded_at, payload FROM events
        WHERE shard = $1 AND seq BETWEEN $2 AND $3 ORDER BY seq LIMIT $4
    ) AS read
) AS page WHERE bytes_before < $5 ORDER BY seq"""
# $7: when the run was submitted. Partitions of days before are not looked at.
READ_RUN = READ.replace(
    "BETWEEN $2 AND $3 ORDER",
    "BETWEEN $2 AND $3 AND run_id = $6 "
    "AND recorded_at >= 'epoch'::timestamptz + $7::bigint * interval '1 microsecond' ORDER",
)

READ_AT = """
SELECT shard, seq, payload
FROM unnest($1::int[], $2::bigint[]) AS wanted (shard, seq) JOIN events USING (shard, seq)"""

# The failures of one run, last first.
READ_FAILURES = """
SELECT seq, payload FROM events
WHERE shard = $1 AND seq BETWEEN $2 AND $3 AND run_id = $4 AND kind = $5
    AND recorded_at >= 'epoch'::timestamptz + $7::bigint * interval '1 microsecond' ORDER BY seq DESC LIMIT $6"""

ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('make_events_partition'))"
# Attaching a partition waits for whoever reads the default one, and whoever comes after it waits as well.
SOON_OR_NOT_NOW = "SELECT set_config('lock_timeout', '500', true)"
MISSING_PARTITIONS = """
SELECT day FROM (
    SELECT ((now() AT TIME ZONE 'UTC')::date + days)::date AS day FROM generate_series(0, $1) AS days
) AS wanted WHERE to_regclass('events_' || to_char(day, 'YYYYMMDD')) IS NULL ORDER BY day"""
MAKE_PARTITION = "SELECT make_events_partition($1)"

# Fields of Event, by which rows are told apart without reading their payload.
KINDS: Final = {name: ev.Event.DESCRIPTOR.fields_by_name[name].number for name in ev.Event.DESCRIPTOR.fields_by_name}
RUN_SUBMITTED: Final = KINDS["run_submitted"]
ACTION_FAILED: Final = KINDS["action_failed"]
CANCEL_REQUESTED: Final = KINDS["cancel_requested"]
RUN_ENDED: Final = KINDS["run_ended"]
RUN_REOPENED: Final = KINDS["run_reopened"]
_OF_RUNS: Final = frozenset({RUN_SUBMITTED, CANCEL_REQUESTED, RUN_ENDED, RUN_REOPENED})
ENDED_STATE_MIN: Final = int(ev.RUN_STATE_SUCCEEDED)


@dataclass(slots=True)
class Part:
    """What one shard adds to a batch: events that follow its committed end, as they go to disk."""

    shard: int
    epoch: int
    after_seq: int
    events: list[ev.Event]
    payloads: list[bytes]
    run_ids: list[bytes]
    kinds: list[int]
    # Digest of the request of each run that is submitted here.
    digests: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])

    @property
    def to_seq(self) -> int:
        return self.after_seq + len(self.events)


@dataclass(slots=True, frozen=True)
class Head:
    """The end of a shard's log as the database has it."""

    epoch: int
    seq: int
    recorded_at_us: int


def part_of(shard: int, epoch: int, after_seq: int, events: list[ev.Event], digests: dict[bytes, bytes]) -> Part:
    """Serialise a shard's events."""
    payloads = [event.SerializeToString() for event in events]
    run_ids = [event.run_id for event in events]
    kinds = [KINDS[event.WhichOneof("kind") or ""] for event in events]
    return Part(shard, epoch, after_seq, events, payloads, run_ids, kinds, digests)


def whole(events: Sequence[ev.Event], count_min: int) -> int:
    """Return how many of the first events are at least so many, and whole decisions.

    A decision that is recorded in part would be taken for all of it: its rest is never decided again.
    """
    for count in range(max(count_min, 1), len(events)):
        if _is_first(events[count]):
            return count
    return len(events)


def _is_first(event: ev.Event) -> bool:
    """Whether a decision begins here; what follows from it is about the same run and comes right after it."""
    kind = event.WhichOneof("kind")
    if kind == "cancel_requested":
        return not event.cancel_requested.fail_fast
    return kind not in ("nodes_skipped", "finally_began", "run_ended")


def kind_of(payload: bytes) -> int:
    """Return the kind of a serialised event; 0 if it is none that this version knows."""
    return KINDS.get(ev.Event.FromString(payload).WhichOneof("kind") or "", 0)


async def append(connection: Connection, parts: Sequence[Part]) -> dict[int, int]:
    """Append each part after its shard's head; return when each shard that was still held recorded it."""
    return await append_columns(connection, columns(parts))


async def append_columns(connection: Connection, columns: list[list[object]]) -> dict[int, int]:
    """As `append`, of parts as `columns` makes them."""
    rows = await connection.fetch(APPEND, *columns)
    return {shard: recorded_at_us for shard, recorded_at_us in rows}


def columns(parts: Sequence[Part]) -> list[list[object]]:
    """Return the parameters of APPEND."""
    heads: list[list[object]] = [
        [part.shard for part in parts],
        [part.epoch for part in parts],
        [part.after_seq for part in parts],
        [len(part.events) for part in parts],
    ]
    shards: list[object] = []
    seqs: list[object] = []
    run_ids: list[object] = []
    kinds: list[object] = []
    payloads: list[object] = []
    for part in parts:
        count = len(part.events)
        shards += [part.shard] * count
        seqs += range(part.after_seq + 1, part.after_seq + 1 + count)
        run_ids += part.run_ids
        kinds += part.kinds
        payloads += part.payloads
    return [*heads, shards, seqs, run_ids, kinds, payloads, *_run_columns(parts)]


def _run_columns(parts: Sequence[Part]) -> list[list[object]]:
    """Rows of `runs`: a run that begins and ends in one batch is one row, since no statement sees its own rows."""
    opened: dict[bytes, list[object]] = {}
    changed: dict[bytes, list[object]] = {}
    for part in parts:
        for index, kind in enumerate(part.kinds):
            if kind not in _OF_RUNS:
                continue
            run_id, seq, event = part.run_ids[index], part.after_seq + 1 + index, part.events[index]
            if kind == RUN_SUBMITTED:
                opened[run_id] = _opened(part, seq, event)
            else:
                _change(opened, changed, part.shard, seq, event)
    return [*_transposed(list(opened.values()), 12), *_transposed(list(changed.values()), 4)]


def _opened(part: Part, seq: int, event: ev.Event) -> list[object]:
    run_id, submitted = event.run_id, event.run_submitted
    caller, options = submitted.caller, submitted.options
    return [
        run_id,
        part.shard,
        part.digests[run_id],
        submitted.plan,
        submitted.plan_name,
        submitted.nodes,
        options.team or caller.team,
        caller.SerializeToString(),
        options.SerializeToString(),
        seq,
        ev.RUN_STATE_RUNNING,
        None,
    ]


def _change(
    opened: dict[bytes, list[object]], changed: dict[bytes, list[object]], shard: int, seq: int, event: ev.Event
) -> None:
    run_id = event.run_id
    if event.WhichOneof("kind") == "run_ended":
        state, last_seq = event.run_ended.state, seq
    elif event.HasField("run_reopened"):
        state, last_seq = ev.RUN_STATE_RUNNING, None
    elif event.cancel_requested.fail_fast:
        return
    else:
        state, last_seq = ev.RUN_STATE_CANCELLING, None
    if run_id in opened:
        opened[run_id][-2:] = [state, last_seq]
    else:
        changed[run_id] = [run_id, shard, state, last_seq]


def _transposed(rows: list[list[object]], width: int) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


async def heads(connection: Connection | Database, shards: Sequence[int]) -> dict[int, Head]:
    """Return where the logs of these shards end."""
    rows = await connection.fetch(HEADS, shards)
    return {row["shard"]: Head(row["epoch"], row["seq"], row["recorded_at_us"]) for row in rows}


async def read(
    database: Database, shard: int, from_seq: int, to_seq: int, rows_max: int = READ_ROWS
) -> list[tuple[int, int, bytes]]:
    """Return (seq, recorded_at_us, payload) of the first rows of a range, both ends included: a page of them."""
    rows = await database.fetch(READ, shard, from_seq, to_seq, rows_max, READ_BYTES)
    return [(row["seq"], row["recorded_at_us"], row["payload"]) for row in rows]


async def read_run(
    database: Database, shard: int, from_seq: int, to_seq: int, run_id: bytes, submitted_at_us: int
) -> AsyncIterator[list[tuple[int, int, bytes]]]:
    """Yield (seq, recorded_at_us, payload) of one run's events in a range, page by page."""
    while True:
        rows = await database.fetch(READ_RUN, shard, from_seq, to_seq, READ_ROWS, READ_BYTES, run_id, submitted_at_us)
        if rows:
            yield [(row["seq"], row["recorded_at_us"], row["payload"]) for row in rows]
        if not rows or len(rows) == rows[0]["rows"] < READ_ROWS:
            return
        from_seq = rows[-1]["seq"] + 1


async def read_at(database: Database, positions: Sequence[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
    """Return the payloads at (shard, seq); those that are not there are left out."""
    shards = [shard for shard, _ in positions]
    rows = await database.fetch(READ_AT, shards, [seq for _, seq in positions])
    return {(row["shard"], row["seq"]): row["payload"] for row in rows}


async def read_failures(
    database: Database, shard: int, from_seq: int, to_seq: int, run_id: bytes, submitted_at_us: int
) -> AsyncGenerator[ev.ActionFailed]:
    """Yield the failed attempts of a run, last first."""
    while True:
        asked = (shard, from_seq, to_seq, run_id, ACTION_FAILED, FAILURES_AT_ONCE, submitted_at_us)
        rows = await database.fetch(READ_FAILURES, *asked)
        for row in rows:
            yield ev.Event.FromString(row["payload"]).action_failed
        if len(rows) < FAILURES_AT_ONCE:
            return
        to_seq = rows[-1]["seq"] - 1


async def make_partitions(database: Database, days_ahead: int) -> None:
    """Make the partitions of today and the days to come that are missing, each in a transaction of its own.

    Raises:
        DatabaseAway: Somebody reads for long what has to be locked for a moment; try again later.
    """
    for row in await database.fetch(MISSING_PARTITIONS, days_ahead):
        async with database.acquire() as connection, connection.transaction():
            await connection.execute(SOON_OR_NOT_NOW)
            # Several State Trackers start at the same time.
            await connection.execute(ONE_AT_A_TIME)
            await connection.fetch(MAKE_PARTITION, row["day"])
