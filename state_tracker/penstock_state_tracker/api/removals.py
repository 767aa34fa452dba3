"""Removing runs that have ended, and which artifacts those that stay refer to."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_service.database import Database, Row
from penstock_service.errors import DatabaseAway

from ..core import removal
from ..errors import BadRequest, RunNotFound, RunOpen, RunReferred
from ..log import event_log as logs
from ..ownership.routing import Routing
from . import runs
from .lookup import Lookup
from .turns import Turns

# All of it or nothing: a run without its date of removal has all of its events. $2: where the end is. $3: what stays of
# it. $4: what stays of the others.
REMOVE: Final = f"""
WITH removed AS (
    UPDATE runs SET removed_at = clock_timestamp()
    WHERE run_id = $1 AND last_seq = $2 AND state >= {logs.ENDED_STATE_MIN} AND removed_at IS NULL
    RETURNING run_id, shard, first_seq, last_seq, submitted_at, removed_at
), emptied AS (
    UPDATE events SET payload = CASE WHEN events.kind = {logs.RUN_ENDED} THEN $3::bytea ELSE $4::bytea END
    FROM removed
    WHERE events.shard = removed.shard AND events.seq BETWEEN removed.first_seq AND removed.last_seq
        AND events.run_id = removed.run_id AND events.recorded_at >= removed.submitted_at
)
SELECT (extract(epoch FROM removed_at) * 1000000)::bigint FROM removed"""

HOLD: Final = "SELECT 1 FROM runs WHERE run_id = $1 FOR UPDATE"
# A reference without a run is of a submit that is on its way, or that failed long ago.
REFERRING: Final = """
SELECT run_references.run_id FROM run_references LEFT JOIN runs USING (run_id)
WHERE origin = $1 AND runs.removed_at IS NULL
    AND (runs.run_id IS NOT NULL OR created_at > clock_timestamp() - interval '1 hour') LIMIT 1"""

REMOVED: Final = """
SELECT run_id, (extract(epoch FROM removed_at) * 1000000)::bigint AS removed_at_us FROM runs
WHERE removed_at >= 'epoch'::timestamptz + $1::bigint * interval '1 microsecond' ORDER BY removed_at LIMIT $2"""
REMOVED_MAX: Final = 1_000
PAGE_ROWS: Final = 1_000
# What is left of a removed run's event is shorter.
EVENT_BYTES_MIN: Final = 40
ARTIFACTS_AT_ONCE: Final = 5_000

# In the order of an index; events of removed runs are passed over by their size.
EVENTS: Final = f"""
SELECT shard, seq, payload FROM events
WHERE (shard, seq) > ($1::int, $2::bigint) AND kind IN ({logs.RUN_SUBMITTED}, {logs.KINDS["action_succeeded"]})
    AND octet_length(payload) > {EVENT_BYTES_MIN}
ORDER BY shard, seq LIMIT {PAGE_ROWS}"""
PLANS: Final = "SELECT hash FROM plans ORDER BY hash"
PLAN: Final = "SELECT data FROM plans WHERE hash = $1"


class Removals:
    """Args:
    turns: Of whatever changes ended runs.
    """

    def __init__(self, routing: Routing, lookups: Mapping[int, Lookup], turns: Turns) -> None:
        self._routing = routing
        self._lookups = lookups
        self._turns = turns

    async def remove(self, run_id: bytes) -> int:
        """Remove a run whose shard is owned here, and return when it was removed.

        Raises:
            RunNotFound, RunOpen, RunReferred; NotOwner, ShardAway and DatabaseAway as every command.
        """
        async with self._turns.of(run_id):
            while (removed_at_us := await self._remove(run_id)) is None:
                pass  # another call was faster
        return removed_at_us

    async def _remove(self, run_id: bytes) -> int | None:
        shard = self._routing.shard(run_id)
        owned = self._routing.mine(shard)
        if run_id in owned.core.runs:
            raise RunOpen(run_id)
        await owned.wait_committed()  # its end may be on the way
        row = (await self._lookups[shard].find([run_id])).get(run_id)
        if row is None:
            raise RunNotFound(run_id)
        if row["removed_at_us"]:
            return row["removed_at_us"]
        database, last_seq = self._routing.databases[shard], row["last_seq"]
        payload = (await logs.read_at(database, [(shard, last_seq)])).get((shard, last_seq), b"")
        end = removal.end_of(ev.Event.FromString(payload)).SerializeToString()
        rest = removal.emptied(run_id).SerializeToString()
        async with database.acquire() as connection, connection.transaction():
            # Whoever is about to refer to it has done so, or waits and finds it removed.
            await connection.fetchrow(HOLD, run_id)
            if (referring := await connection.fetchrow(REFERRING, run_id)) is not None:
                raise RunReferred(run_id, referring["run_id"])
            return await connection.fetchval(REMOVE, run_id, last_seq, end, rest)

    async def since(self, histories: Sequence[Database], request: api.ListRemovedRequest) -> api.ListRemovedResponse:
        """Return the runs that were removed since a time, of all databases that answer; raise DatabaseAway if none."""
        if not 0 <= request.from_us < 2**53 or not 0 <= request.limit <= REMOVED_MAX:
            raise BadRequest(
                f"expected from_us as a time in microseconds since 1970, and a limit of at most {REMOVED_MAX}"
            )
        limit = request.limit or REMOVED_MAX

        async def of_one(database: Database) -> list[Row]:
            return list(await database.fetch(REMOVED, request.from_us, limit))

        rows, away = await runs.of_those_that_answer(histories, of_one)
        rows.sort(key=lambda row: row["removed_at_us"])
        found = [api.RemovedRun(run_id=row["run_id"], removed_at_us=row["removed_at_us"]) for row in rows[:limit]]
        return api.ListRemovedResponse(runs=found, databases_away=len(away))

    async def references(self) -> AsyncIterator[list[bytes]]:
        """Yield the artifacts that plans and events refer to, of all databases; raise DatabaseAway if one is away."""
        if len(self._routing.databases) != self._routing.shards:
            raise DatabaseAway("a database is away: its references are unknown")
        for database in {id(one): one for one in self._routing.databases.values()}.values():
            found: set[bytes] = set()
            async for artifacts in _references(database):
                found |= artifacts
                if len(found) >= ARTIFACTS_AT_ONCE:
                    yield list(found)
                    found = set()
            yield list(found)


async def _references(database: Database) -> AsyncIterator[set[bytes]]:
    """Plans last: one that is stored meanwhile comes with artifacts that are young."""
    at = (-1, 0)
    while rows := await database.fetch(EVENTS, *at):
        events = (ev.Event.FromString(row["payload"]) for row in rows)
        yield {artifact for event in events for artifact in removal.artifacts_of_event(event)}
        at = (rows[-1]["shard"], rows[-1]["seq"])
    for row in await database.fetch(PLANS):
        data = await database.fetchval(PLAN, row["hash"])
        if data is not None:
            yield set(removal.artifacts_of_plan(plan_pb2.Plan.FromString(data)))
