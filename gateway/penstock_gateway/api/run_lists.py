"""Lists of runs: the history, and on the first page what the State Tracker knows better, since it is never behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from penstock.client import Refused, Unreachable
from penstock_proto.history.v1 import service_pb2 as history
from penstock_proto.state_tracker.v1 import service_pb2 as tracker

from ..edge.problems import Problem
from .context import Context
from .run_filters import RunFilter

# The newest runs that the State Tracker is asked for: a history further behind may lack some on the first page.
FRESH_MIN: Final = 100
# Of what a page is, as its token says: of the history, of both, or of the State Tracker alone.
PAST, FRESH, TRACKED = "h", "f", "t"

Place = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of runs.

    Attributes:
        next: The inner token of the next page; empty: there is none.
        lag: Events that the history does not have yet; None: not known.
        position: Where a stream of changes goes on; None: there is no history now.
        databases_away: Their runs are missing.
    """

    runs: Sequence[history.RunRecord]
    next: str
    lag: int | None
    position: int | None
    databases_away: int


async def page(here: Context, wanted: RunFilter, limit: int, token: str, *, is_oldest: bool = False) -> Listed:
    """Return a page of runs by the time of their submission."""
    if not token.startswith(TRACKED):
        try:
            return await _past_page(here, wanted, limit, token, is_oldest)
        except Unreachable:
            if token or is_oldest or not wanted.is_simple:
                raise
        except Refused as refusal:
            if refusal.code != "UNIMPLEMENTED":
                raise
            if is_oldest or not wanted.is_simple:
                raise Problem("unimplemented", "this deployment has no history, which this list is made from") from None
    found = await tracked(here, wanted, limit, token[1:])
    runs = [record_of(summary) for summary in found.runs]
    next_token = TRACKED + found.next_page_token if found.next_page_token else ""
    return Listed(runs, next_token, None, None, found.databases_away)


async def tracked(here: Context, wanted: RunFilter, limit: int, token: str = "") -> tracker.ListRunsResponse:
    """Return runs as the State Tracker lists them: newest first, and never behind."""
    request = wanted.of_tracker()
    request.page_size, request.page_token = limit, token
    return await here.client.connection.call("state_tracker", "ListRuns", request)


async def counts(here: Context, wanted: RunFilter) -> history.CountRunsResponse:
    """Count the runs by state."""
    return await here.client.ask_history("CountRuns", history.CountRunsRequest(filter=wanted.of_history()))


def united(
    past: Sequence[history.RunRecord], fresh: Sequence[tracker.RunSummary], wanted: RunFilter, floor: Place | None
) -> list[history.RunRecord]:
    """Return the newest runs of both, newest first.

    Args:
        fresh: What the State Tracker lists of the filter's workflow, team and states; it was asked last.
        floor: Down to here `fresh` has all of them: what only the history has was removed, or has another state now.
            None: some may be missing.
    """
    known = {summary.run_id: summary for summary in fresh}
    runs: dict[bytes, history.RunRecord] = {}
    for record in past:
        summary = known.get(record.run_id)
        if summary is not None and summary.state != record.state:
            record.state, record.ended_at_us = summary.state, summary.ended_at_us
        if summary is not None or floor is None or place_of(record) < floor:
            runs[record.run_id] = record
    for summary in fresh:
        if summary.run_id not in runs and wanted.has(record := record_of(summary)):
            runs[summary.run_id] = record
    return sorted(runs.values(), key=place_of, reverse=True)


def place_of(run: history.RunRecord) -> Place:
    """Where a run is in a list."""
    return run.submitted_at_us, run.run_id


def record_of(summary: tracker.RunSummary) -> history.RunRecord:
    """Return a run of the State Tracker as the history would have it, with no figures yet."""
    counts = history.Counts(nodes=summary.nodes)
    for name in ("running", "succeeded", "failed", "skipped"):
        setattr(counts, name, getattr(summary.counts, name))
    return history.RunRecord(
        run_id=summary.run_id,
        plan=summary.plan,
        workflow=summary.plan_name,
        team=summary.team,
        caller=summary.caller,
        options=summary.options,
        state=summary.state,
        submitted_at_us=summary.submitted_at_us,
        ended_at_us=summary.ended_at_us,
        counts=counts,
    )


async def _past_page(here: Context, wanted: RunFilter, limit: int, token: str, is_oldest: bool) -> Listed:
    """Return a page of the history; of what the State Tracker lists as newest, of both."""
    kind, after = token[:1], _read_place(token[1:]) if token else None
    request = history.ListRunsRequest(filter=wanted.of_history(), page_size=limit)
    request.order = history.RUN_ORDER_OLDEST if is_oldest else history.RUN_ORDER_NEWEST
    if after is not None:
        request.after.CopyFrom(history.RunPlace(submitted_at_us=after[0], run_id=after[1]))
    found: history.ListRunsResponse = await here.client.ask_history("ListRuns", request)
    runs, away, floor = list(found.runs), 0, None
    is_more = bool(found.next_page_token)
    if kind != PAST and not is_oldest:
        fresh = await tracked(here, wanted, max(limit, FRESH_MIN))
        away = fresh.databases_away
        last = fresh.runs[-1] if fresh.next_page_token else None
        floor = (last.submitted_at_us, last.run_id) if last is not None else (0, b"")
        newer = [run for run in fresh.runs if after is None or (run.submitted_at_us, run.run_id) < after]
        runs = united(found.runs, newer, wanted, None if away else floor)
        # The history may lack what comes next.
        is_more = is_more or (last is not None and found.lag.events != 0)
    is_more = is_more or len(runs) > limit
    if len(runs) >= limit:
        end = place_of(runs[limit - 1])
    else:  # some were removed, or the history lacks some
        places = [*map(place_of, found.runs), *([floor] if floor is not None else [])]
        end = (max if is_oldest else min)(places, default=(0, b""))
    next_kind = FRESH if floor is not None and end > floor else PAST
    lag = found.lag.events if found.lag.events >= 0 else None
    next_token = f"{next_kind}{end[0]}-{end[1].hex()}" if is_more else ""
    return Listed(runs[:limit], next_token, lag, found.position, away)


def _read_place(text: str) -> Place:
    at, _, run = text.partition("-")
    return int(at), bytes.fromhex(run)
