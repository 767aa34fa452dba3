"""Queries over all runs: lists and counts. Each list follows an index and reads no more than it returns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from penstock_access import calling
from penstock_proto.history.v1 import service_pb2 as api
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.wire import RUN_ID_BYTES
from penstock_service.database import Database, Row

from ..errors import BadRequest
from . import pages

STATES: Final[tuple[ev.RunState, ...]] = (
    ev.RUN_STATE_RUNNING,
    ev.RUN_STATE_CANCELLING,
    ev.RUN_STATE_SUCCEEDED,
    ev.RUN_STATE_FAILED,
    ev.RUN_STATE_CANCELLED,
)
OPEN: Final[frozenset[ev.RunState]] = frozenset({ev.RUN_STATE_RUNNING, ev.RUN_STATE_CANCELLING})
NEWEST: Final = (2**53, b"\xff" * 16)
OLDEST: Final = (-1, b"\0" * 16)
LABELS_MAX: Final = 16
TEXT_CHARS_MAX: Final = 1_000
WORKFLOWS_MAX: Final = 1_000  # that a search may match
COUNTED_MAX: Final = 10_000

FIELDS: Final = (
    "run_id, submitted_us, ended_us, workflow, plan, team, caller, options, state, shard, first_seq, last_seq, nodes, "
    "running, succeeded, failed, skipped, cancelled, failed_node, failure, retries, busy_us"
)
TABLES: Final = ("penstock_history.runs", "penstock_history.open_runs")
SEARCH = """
SELECT workflow FROM penstock_history.workflows WHERE strpos(lower(workflow), lower($1)) > 0 ORDER BY 1 LIMIT $2"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after a run, in one of the two orders."""

    after: tuple[int, bytes]
    is_oldest: bool
    limit: int


@dataclass(slots=True)
class Condition:
    """A WHERE clause that is being put together: values go in as parameters, never as text."""

    words: list[str] = field(default_factory=list[str])
    values: list[Any] = field(default_factory=list[Any])

    def value(self, value: object) -> str:
        """Add a parameter; return its placeholder."""
        self.values.append(value)
        return f"${len(self.values)}"

    def also(self, words: str) -> None:
        self.words.append(words)

    @property
    def text(self) -> str:
        return " AND ".join(self.words) or "true"


async def position(database: Database) -> int:
    """Return the number of the last change."""
    return await database.fetchval("SELECT change FROM penstock_history.state")


async def runs(database: Database, request: api.ListRunsRequest) -> tuple[list[Row], str]:
    """Return a page of runs by the time of their submission, and the token of the next one; empty if there is none."""
    size = pages.size_of(request.page_size)
    if request.order not in api.RunOrder.values():
        raise BadRequest(f"unknown order {request.order}")
    is_oldest = request.order == api.RUN_ORDER_OLDEST
    digest = pages.digest_of(api.ListRunsRequest(filter=request.filter, order=request.order))
    place = Place(_after(request, digest, is_oldest), is_oldest, size + 1)
    states = _states(request.filter.states)
    found = await _where(database, request.filter)
    if found is None:
        return [], ""
    rows: list[Row] = []
    for table in TABLES:
        wanted = states & OPEN if table.endswith("open_runs") else states - OPEN
        # One query for each state follows that state's index; all states together follow the index of times.
        for state in [None] if wanted in (OPEN, set(STATES) - OPEN) else sorted(wanted):
            rows += await _page(database, table, found, state, place)
    rows.sort(key=_key, reverse=not is_oldest)
    # A run that ended between the two queries is in both; the first table has its end.
    rows = list({row["run_id"]: row for row in reversed(rows)}.values())[::-1]
    token = pages.token(*_key(rows[size - 1]), digest) if len(rows) > size else ""
    return rows[:size], token


async def counts(database: Database, request: api.CountRunsRequest) -> list[api.StateCount]:
    """Return how many runs of each state match, each counted up to COUNTED_MAX."""
    states = _states(request.filter.states)
    where = await _where(database, request.filter)
    found: list[api.StateCount] = []
    for state in sorted(states):
        if where is None:
            found.append(api.StateCount(state=state))
            continue
        table = TABLES[state in OPEN]
        condition = Condition(list(where.words), list(where.values))
        condition.also(f"runs.state = {condition.value(state)}")
        query = f"SELECT 1 FROM {table} AS runs WHERE {condition.text} LIMIT {COUNTED_MAX + 1}"
        number = await database.fetchval(f"SELECT count(*) FROM ({query}) AS counted", *condition.values)
        found.append(api.StateCount(state=state, runs=min(number, COUNTED_MAX), capped=number > COUNTED_MAX))
    return found


async def by_id(database: Database, run_ids: Sequence[bytes], more: str = "") -> dict[bytes, Row]:
    """Return the rows of these runs, with more columns than lists have; those without one are left out."""
    rows: dict[bytes, Row] = {}
    for table in reversed(TABLES):
        query = f"SELECT {FIELDS}{more} FROM {table} WHERE run_id = ANY($1::uuid[])"
        rows |= {row["run_id"]: row for row in await database.fetch(query, list(run_ids))}
    return rows


async def team_of(database: Database, run_id: bytes) -> str | None:
    """Return the team of a run; None if there is no such run."""
    row = (await by_id(database, [run_id])).get(run_id)
    return None if row is None else row["team"]


def record(row: Row) -> api.RunRecord:
    """Return what a row says of a run."""
    counts = api.Counts(
        nodes=row["nodes"], running=row["running"], succeeded=row["succeeded"], failed=row["failed"],
        skipped=row["skipped"], cancelled=row["cancelled"],
    )  # fmt: skip
    return api.RunRecord(
        run_id=row["run_id"], plan=row["plan"], workflow=row["workflow"], team=row["team"],
        caller=ev.Caller.FromString(row["caller"]), options=ev.RunOptions.FromString(row["options"]),
        state=row["state"], submitted_at_us=row["submitted_us"], ended_at_us=row["ended_us"] or 0, shard=row["shard"],
        first_seq=row["first_seq"], last_seq=row["last_seq"], counts=counts, failed_node=row["failed_node"],
        failure=row["failure"], retries=row["retries"], busy_us=row["busy_us"],
    )  # fmt: skip


def _after(request: api.ListRunsRequest, digest: bytes, is_oldest: bool) -> tuple[int, bytes]:
    if request.page_token:
        return pages.place(request.page_token, digest)
    if not request.HasField("after"):
        return OLDEST if is_oldest else NEWEST
    if len(request.after.run_id) != RUN_ID_BYTES:
        raise BadRequest(f"invalid run id: expected a UUID of {RUN_ID_BYTES} bytes, not {len(request.after.run_id)}")
    return request.after.submitted_at_us, request.after.run_id


async def _page(database: Database, table: str, where: Condition, state: int | None, place: Place) -> Sequence[Row]:
    condition = Condition(list(where.words), list(where.values))
    if state is not None:
        condition.also(f"runs.state = {condition.value(state)}")
    at, run_id = condition.value(place.after[0]), condition.value(place.after[1])
    sign, order = (">", "ASC") if place.is_oldest else ("<", "DESC")
    condition.also(f"(runs.submitted_us, runs.run_id) {sign} ({at}::bigint, {run_id}::uuid)")
    query = (
        f"SELECT {FIELDS} FROM {table} AS runs WHERE {condition.text} "
        f"ORDER BY runs.submitted_us {order}, runs.run_id {order} LIMIT {place.limit}"
    )
    return await database.fetch(query, *condition.values)


async def _where(database: Database, wanted: api.RunFilter) -> Condition | None:
    """Return the conditions of a filter; None if nothing can match."""
    condition = Condition()
    named = (wanted.workflow, wanted.team, wanted.user, wanted.search, wanted.registered)
    texts = (*named, *wanted.labels.keys(), *wanted.labels.values())
    if any("\0" in text or len(text) > TEXT_CHARS_MAX for text in texts):
        raise BadRequest(f"a text to look for has at most {TEXT_CHARS_MAX} characters, none of them a zero byte")
    if len(wanted.labels) > LABELS_MAX:
        raise BadRequest(f"at most {LABELS_MAX} labels can be looked for at once, not {len(wanted.labels)}")
    teams = calling.narrowed(wanted.team)
    if teams is not None:
        condition.also(f"runs.team = {condition.value(teams[0])}" if len(teams) == 1 else _among(condition, teams))
    for column, text in (("workflow", wanted.workflow), ("user_name", wanted.user)):
        if text:
            condition.also(f"runs.{column} = {condition.value(text)}")
    if wanted.registered:  # in the words of the index, which has only these
        condition.also(f"runs.registered <> '' AND runs.registered = {condition.value(wanted.registered)}")
    if wanted.search:
        names = [row["workflow"] for row in await database.fetch(SEARCH, wanted.search, WORKFLOWS_MAX)]
        if not names:
            return None
        place = condition.value(names)
        condition.also(f"(runs.workflow = ANY({place}::text[]) OR runs.registered = ANY({place}::text[]))")
    for name, value in sorted(wanted.labels.items()):
        condition.also(
            "EXISTS (SELECT 1 FROM penstock_history.labels AS l WHERE l.run_id = runs.run_id "
            f"AND l.submitted_us = runs.submitted_us "
            f"AND l.name = {condition.value(name)} AND l.value = {condition.value(value)})"
        )
    if wanted.from_us:
        condition.also(f"runs.submitted_us >= {condition.value(wanted.from_us)}")
    if wanted.ended_from_us:
        condition.also(f"runs.ended_us >= {condition.value(wanted.ended_from_us)}")
    if wanted.before_us:
        condition.also(f"runs.submitted_us < {condition.value(wanted.before_us)}")
    return condition


def _among(condition: Condition, teams: list[str]) -> str:
    return f"runs.team = ANY({condition.value(teams)}::text[])"


def _key(row: Row) -> tuple[int, bytes]:
    return row["submitted_us"], row["run_id"]


def _states(wanted: Sequence[ev.RunState]) -> set[ev.RunState]:
    if unknown := set(wanted).difference(STATES):
        raise BadRequest(f"unknown run state {min(unknown)}")
    return set(wanted) or set(STATES)
