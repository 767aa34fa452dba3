"""What the history knows of runs in sum: figures of a run, comparisons, statistics."""

import datetime
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from penstock.client.past import shown as shown_value
from penstock.client.run_id import parse_run_id
from penstock_proto.history.v1 import service_pb2 as history
from starlette.responses import Response

from ..edge.answers import answer
from ..edge.problems import Fault, Problem
from . import past_models, shown
from .context import NAME_CHARS_MAX, NAME_PATTERN, RUN_EXAMPLE, RUN_PATTERN, Here, RunId

COMPARED_MAX: Final = 20
EPOCH: Final = datetime.date(1970, 1, 1)

router = APIRouter(prefix="/v1", tags=["history"])

Name = Annotated[str, Query(max_length=NAME_CHARS_MAX, pattern=NAME_PATTERN)]
Day = Annotated[datetime.date, Query(description="A day of UTC, such as 2026-11-26.")]


@router.get("/runs/{run:part}/figures", response_model=past_models.RunFigures)
async def figures(here: Here, run: RunId) -> Response:
    """Get a run in sum: inputs, and once it has ended, figures of each operator and the critical path."""
    request = history.GetRunRequest(run_id=parse_run_id(run).bytes)
    found: history.GetRunResponse = await here.client.ask_history("GetRun", request)
    names = [node.name for node in (await here.client.plan(found.run.plan)).nodes] if found.critical_path else []
    body: dict[str, Any] = {
        "run": shown.listed(found.run),
        "inputs": {each.name: shown_value(each.value) for each in found.inputs},
        "operators": [_figures(each) for each in found.operators],
        "critical_path": [names[node] for node in found.critical_path],
    }
    return answer(body)


@router.get("/runs:compare", response_model=past_models.Comparison)
async def compare(
    here: Here,
    run: Annotated[
        list[Annotated[str, Query(pattern=RUN_PATTERN)]],
        Query(min_length=2, max_length=COMPARED_MAX, examples=[[RUN_EXAMPLE, RUN_EXAMPLE]]),
    ],
) -> Response:
    """Compare the inputs and the figures of runs."""
    request = history.CompareRequest(run_ids=[parse_run_id(each).bytes for each in run])
    found: history.CompareResponse = await here.client.ask_history("Compare", request)
    body: dict[str, Any] = {
        "runs": [shown.listed(each) for each in found.runs],
        "same_plan": found.same_plan,
        "inputs": [
            {
                "name": row.name,
                "values": [shown_value(value) if value.WhichOneof("body") else None for value in row.values],
                "differs": row.differs,
            }
            for row in found.inputs
        ],
        "operators": [
            {
                "operator": row.operator,
                "runs": [_figures(each, row.operator) if each.counts.nodes else None for each in row.summaries],
            }
            for row in found.operators
        ],
    }
    return answer(body)


@router.get("/statistics", response_model=past_models.Statistics)
async def statistics(
    here: Here,
    by: Annotated[list[Literal["workflow", "team", "operator", "day"]] | None, Query(max_length=4)] = None,
    first_day: Day | None = None,
    last_day: Day | None = None,
    workflow: Name = "",
    team: Name = "",
    operator: Name = "",
) -> Response:
    """Get figures of runs that ended; with an operator, of nodes. Default: the last 30 days, UTC, today included."""
    columns = by or []
    request = history.StatisticsRequest(by=columns, workflow=workflow, team=team, operator=operator)
    request.from_day = _day("first_day", first_day)
    request.before_day = _day("last_day", last_day) + 1 if last_day is not None else 0
    if request.from_day and request.before_day and request.from_day >= request.before_day:
        text = "first_day is after last_day"
        raise Problem("invalid", text, [Fault("query parameter first_day", text)])
    found: history.StatisticsResponse = await here.client.ask_history("Statistics", request)
    lag = found.lag.events if found.lag.events >= 0 else None
    return answer({"rows": [_statistic(row, columns) for row in found.rows], "more": found.more, "lag": lag})


def _day(name: str, day: datetime.date | None) -> int:
    """Return days since 1970; 0 for one that is not given."""
    if day is None:
        return 0
    number = (day - EPOCH).days
    if number < 1:
        text = f"invalid day {day}: expected one after 1970-01-01"
        raise Problem("invalid", text, [Fault(f"query parameter {name}", text)])
    return number


def _figures(one: history.OperatorSummary, operator: str = "") -> dict[str, Any]:
    return {
        "operator": one.operator or operator,
        "nodes": one.counts.nodes,
        "counts": shown.node_counts(one.counts),
        "retries": one.retries,
        "busy_s": one.busy_us / 1e6,
        "waited_s": one.waited_us / 1e6,
        "p50_s": one.p50_us / 1e6,
        "p95_s": one.p95_us / 1e6,
        "max_s": one.max_us / 1e6,
        "first_s": one.first_us / 1e6 if one.first_us >= 0 else None,
        "last_s": one.last_us / 1e6 if one.first_us >= 0 else None,
    }


def _statistic(row: history.StatisticsRow, by: Sequence[str]) -> dict[str, Any]:
    return {
        "workflow": row.workflow or None,
        "team": row.team if row.team or "team" in by else None,
        "operator": row.operator or None,
        "day": (EPOCH + datetime.timedelta(days=row.day)).isoformat() if "day" in by else None,
        **{name: getattr(row, name) for name in ("succeeded", "failed", "cancelled", "skipped", "retries")},
        **{name: getattr(row, name.replace("_s", "_us")) / 1e6 for name in ("busy_s", "p50_s", "p95_s")},
    }
