"""The table of runs: one row each, which outlives the run's removal. `log.APPEND` writes it, and it is read here."""

import asyncio
import base64
import binascii
import struct
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from penstock_access import calling
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_service.database import Database, Row
from penstock_service.errors import DatabaseAway

from ..core.run import Run
from ..errors import BadRequest

PAGE_SIZE_DEFAULT: Final = 50
PAGE_SIZE_MAX: Final = 1_000

COLUMNS = """
run_id, shard, digest, plan, plan_name, nodes, team, caller, options, state, first_seq, last_seq,
    (extract(epoch FROM submitted_at) * 1000000)::bigint AS submitted_at_us,
    (extract(epoch FROM ended_at) * 1000000)::bigint AS ended_at_us,
    (extract(epoch FROM removed_at) * 1000000)::bigint AS removed_at_us"""

BY_ID = f"SELECT {COLUMNS} FROM runs WHERE run_id = ANY($1::uuid[])"

# $1, $2: the last run of the page before, by (submitted_at, run_id). $3: number of rows.
_LIST = f"""
SELECT {COLUMNS} FROM runs
WHERE (submitted_at, run_id) < ('epoch'::timestamptz + $1::bigint * interval '1 microsecond', $2::uuid)
    AND removed_at IS NULL"""
CONDITIONS: Final = {"team": "team = ${}", "teams": "team = ANY(${}::text[])", "plan_name": "plan_name = ${}"}
_ORDER = " ORDER BY submitted_at DESC, run_id DESC LIMIT $3"
# States whose runs have an index of their own, named in the words of that index.
_GROUPS: Final = (
    (frozenset({ev.RUN_STATE_RUNNING, ev.RUN_STATE_CANCELLING}), " AND state < 3"),
    (frozenset({ev.RUN_STATE_RUNNING}), " AND state < 3 AND state = 1"),
    (frozenset({ev.RUN_STATE_CANCELLING}), " AND state < 3 AND state = 2"),
    (frozenset({ev.RUN_STATE_SUCCEEDED}), " AND state = 3"),
    (frozenset({ev.RUN_STATE_FAILED}), " AND state = 4"),
    (frozenset({ev.RUN_STATE_CANCELLED}), " AND state = 5"),
)

# Ids that begin so are a range of the primary key, and those that end so one of the index `runs_id_end`.
FOUND_MAX: Final = 20
ID_DIGITS: Final = 32
END_DIGITS: Final = 12
BEGINNING = f"""
SELECT run_id FROM runs WHERE run_id BETWEEN $1::uuid AND $2::uuid AND ($3::text[] IS NULL OR team = ANY($3))
ORDER BY run_id DESC LIMIT {FOUND_MAX}"""
ENDING = """
SELECT run_id FROM runs
WHERE reverse(right(run_id::text, 12)) ~>=~ $1 AND reverse(right(run_id::text, 12)) ~<~ $2
    AND ($4::text[] IS NULL OR team = ANY($4)) LIMIT $3"""
# Whose last 12 digits are the same is looked at further, up to so many.
ENDING_ROWS_MAX: Final = 1_000

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


async def page(databases: Sequence[Database], request: api.ListRunsRequest) -> api.ListRunsResponse:
    """Return runs from all databases that answer, newest first."""
    size = _page_size(request.page_size)
    after = _after(request.page_token)
    states = _states(request.states)
    if "\0" in request.team + request.plan_name:
        raise BadRequest("invalid team or workflow: a name cannot contain a zero byte")
    teams = calling.narrowed(request.team)
    filters: dict[str, object] = {}
    if teams is not None:  # a single one has an index that is in the order of the list
        filters |= {"team": teams[0]} if len(teams) == 1 else {"teams": teams}
    if request.plan_name:
        filters["plan_name"] = request.plan_name
    queries = listing(states, list(filters))

    async def of_one(database: Database) -> list[Row]:
        return [row for query in queries for row in await database.fetch(query, *after, size + 1, *filters.values())]

    rows, away = await of_those_that_answer(databases, of_one)
    rows.sort(key=_key, reverse=True)
    token = _token(*_key(rows[size - 1])) if len(rows) > size else ""
    return api.ListRunsResponse(
        runs=[summary(row) for row in rows[:size]], next_page_token=token, databases_away=len(away)
    )


async def of_those_that_answer(
    databases: Sequence[Database], ask: Callable[[Database], Awaitable[list[Row]]]
) -> tuple[list[Row], list[DatabaseAway]]:
    """Return the rows of all databases that answer, and why others do not; raise that if none does."""
    rows: list[Row] = []
    away: list[DatabaseAway] = []
    for outcome in await asyncio.gather(*map(ask, databases), return_exceptions=True):
        if isinstance(outcome, DatabaseAway):
            away.append(outcome)
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            rows += outcome
    if len(away) == len(databases):
        raise away[0]
    return rows, away


def _key(row: Row) -> tuple[int, bytes]:
    return row["submitted_at_us"], row["run_id"]


def _states(wanted: Sequence[int]) -> set[int]:
    if unknown := set(wanted).difference(ALL_STATES):
        raise BadRequest(f"unknown run state {min(unknown)}")
    return set(wanted) or set(ALL_STATES)


def listing(states: set[int], named: Sequence[str] = ()) -> list[str]:
    """Return queries that together list these states, with a parameter for each of CONDITIONS that is named.

    Each has an index to follow, and no two of them list the same run.
    """
    where = "".join(f" AND {CONDITIONS[name].format(place)}" for place, name in enumerate(named, 4))
    if states == set(ALL_STATES):
        return [_LIST + where + _ORDER]
    queries: list[str] = []
    left = set(states)
    for group, condition in _GROUPS:
        if group <= left:
            queries.append(_LIST + condition + where + _ORDER)
            left -= group
    return queries


async def find(databases: Sequence[Database], part: str) -> list[bytes]:
    """Return the runs whose ids begin or end with these hexadecimal digits, newest first, at most FOUND_MAX."""
    digits = part.replace("-", "").lower()
    if not 0 < len(digits) <= ID_DIGITS or set(digits) - set("0123456789abcdef"):
        raise BadRequest(f"{part[:64]!r} is not part of a run id: expected 1 to {ID_DIGITS} hexadecimal digits")
    first, last = (bytes.fromhex(digits.ljust(ID_DIGITS, fill)) for fill in "0f")
    reverse = digits[-END_DIGITS:][::-1]
    rows_max = ENDING_ROWS_MAX if len(digits) > END_DIGITS else FOUND_MAX
    teams = calling.narrowed("")

    async def of_one(database: Database) -> list[Row]:
        return [
            *await database.fetch(BEGINNING, first, last, teams),
            *await database.fetch(ENDING, reverse, reverse + "g", rows_max, teams),  # "g" follows every digit
        ]

    rows, away = await of_those_that_answer(databases, of_one)
    ids: list[bytes] = [row["run_id"] for row in rows]
    found = {run_id for run_id in ids if run_id.hex().startswith(digits) or run_id.hex().endswith(digits)}
    if away and not found:
        raise away[0]
    return sorted(found, reverse=True)[:FOUND_MAX]


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
