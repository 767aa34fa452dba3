"""The table of runs: one row each for ever. Rows are written with the log (`log.APPEND`) and read here."""

import base64
import binascii
import struct
from collections.abc import Sequence
from typing import Final

from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_service.database import Database, Row

from ..core.run import Run
from ..errors import BadRequest

PAGE_SIZE_DEFAULT: Final = 50
PAGE_SIZE_MAX: Final = 1_000

COLUMNS = """
run_id, shard, digest, plan, plan_name, nodes, team, caller, options, state, first_seq, last_seq,
    (extract(epoch FROM submitted_at) * 1000000)::bigint AS submitted_at_us,
    (extract(epoch FROM ended_at) * 1000000)::bigint AS ended_at_us"""

BY_ID = f"SELECT {COLUMNS} FROM runs WHERE run_id = ANY($1::uuid[])"

# $1, $2: the last run of the page before, by (submitted_at, run_id). $3: states. $4: number of rows.
_LIST = f"""
SELECT {COLUMNS} FROM runs
WHERE (submitted_at, run_id) < ('epoch'::timestamptz + $1::bigint * interval '1 microsecond', $2::uuid)
    AND state = ANY($3::smallint[])"""
_ORDER = " ORDER BY submitted_at DESC, run_id DESC LIMIT $4"
# By which filters are set, so that each has an index to follow: of the team, of the plan's name.
LISTS: Final = {
    (False, False): _LIST + _ORDER,
    (True, False): _LIST + " AND team = $5" + _ORDER,
    (False, True): _LIST + " AND plan_name = $5" + _ORDER,
    (True, True): _LIST + " AND team = $5 AND plan_name = $6" + _ORDER,
}
# Later than any run.
NEWEST: Final = (2**53, b"\xff" * 16)
TOKEN: Final = struct.Struct(">q16s")
ALL_STATES: Final = (
    ev.RUN_STATE_RUNNING,
    ev.RUN_STATE_CANCELLING,
    ev.RUN_STATE_SUCCEEDED,
    ev.RUN_STATE_FAILED,
    ev.RUN_STATE_CANCELLED,
)


async def by_id(database: Database, run_ids: Sequence[bytes]) -> dict[bytes, Row]:
    """Return the rows of these runs; those without one are left out."""
    return {row["run_id"]: row for row in await database.fetch(BY_ID, run_ids)}


async def page(databases: Sequence[Database], request: api.ListRunsRequest) -> tuple[list[api.RunSummary], str]:
    """Return runs from all databases, newest first, and the token of the next page; empty if there is none."""
    size = _page_size(request.page_size)
    after = _after(request.page_token)
    states = _states(request.states)
    filters = [name for name in (request.team, request.plan_name) if name]
    if any("\0" in name for name in filters):
        raise BadRequest("invalid team or workflow: a name cannot contain a zero byte")
    query = LISTS[bool(request.team), bool(request.plan_name)]
    rows: list[Row] = []
    for database in databases:
        rows += await database.fetch(query, *after, states, size + 1, *filters)
    rows.sort(key=_key, reverse=True)
    token = _token(*_key(rows[size - 1])) if len(rows) > size else ""
    return [summary(row) for row in rows[:size]], token


def _key(row: Row) -> tuple[int, bytes]:
    return row["submitted_at_us"], row["run_id"]


def _states(wanted: Sequence[int]) -> list[int]:
    if unknown := set(wanted).difference(ALL_STATES):
        raise BadRequest(f"unknown run state {min(unknown)}")
    return list(set(wanted) or ALL_STATES)


def _page_size(wanted: int) -> int:
    if not 0 <= wanted <= PAGE_SIZE_MAX:
        raise BadRequest(
            f"invalid page_size {wanted}: expected 1 to {PAGE_SIZE_MAX}, or 0 for the default of {PAGE_SIZE_DEFAULT}"
        )
    return wanted or PAGE_SIZE_DEFAULT


def _token(submitted_at_us: int, run_id: bytes) -> str:
    return base64.urlsafe_b64encode(TOKEN.pack(submitted_at_us, run_id)).decode()


def _after(token: str) -> tuple[int, bytes]:
    if not token:
        return NEWEST
    try:
        submitted_at_us, run_id = TOKEN.unpack(base64.urlsafe_b64decode(token))
    except (binascii.Error, struct.error, ValueError):
        raise BadRequest("invalid page_token; omit it to start from the first page") from None
    if not 0 <= submitted_at_us <= NEWEST[0]:
        raise BadRequest("invalid page_token; omit it to start from the first page")
    return submitted_at_us, run_id


def summary(row: Row) -> api.RunSummary:
    """Return what a row says of a run."""
    return api.RunSummary(
        run_id=row["run_id"],
        plan=row["plan"],
        plan_name=row["plan_name"],
        caller=ev.Caller.FromString(row["caller"]),
        team=row["team"],
        state=row["state"],
        submitted_at_us=row["submitted_at_us"],
        ended_at_us=row["ended_at_us"] or 0,
        shard=row["shard"],
        first_seq=row["first_seq"],
        last_seq=row["last_seq"] or 0,
        options=ev.RunOptions.FromString(row["options"]),
        nodes=row["nodes"],
    )


def open_summary(run: Run, shard: int) -> api.RunSummary:
    """Return what memory says of an open run; when it was submitted is known once that is committed."""
    return api.RunSummary(
        run_id=run.run_id,
        plan=run.graph.hash,
        plan_name=run.plan_name,
        caller=ev.Caller.FromString(run.caller),
        team=run.team,
        state=run.state,
        submitted_at_us=run.submitted_at_us,
        shard=shard,
        first_seq=run.first_seq,
        options=ev.RunOptions.FromString(run.options),
        nodes=run.graph.size,
    )
