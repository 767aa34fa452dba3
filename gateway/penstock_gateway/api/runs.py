"""Runs: launch, list, find, get, cancel."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Header, Query
from penstock.client.view import run_state
from penstock_proto.state_tracker.v1 import events_pb2, service_pb2
from starlette.responses import Response

from ..edge.answers import answer, shown_run
from ..edge.bodies import described, json_body
from ..edge.pages import TOKEN_PATTERN
from . import models, requests, run_lists, shown
from .context import NAME_CHARS_MAX, Caller, Context, Here, RunId
from .launching import prepare, run_id_of
from .run_filters import Filter

PAGE: Final = 50
PAGE_MAX: Final = 1_000
NEWEST_FIRST: Final = "-submitted_at"

router = APIRouter(prefix="/v1", tags=["runs"])


@router.post("/runs", status_code=201, response_model=models.Run, openapi_extra=described(requests.Launch))
async def launch(
    here: Here,
    caller: Caller,
    body: Annotated[requests.Launch, Depends(json_body(requests.Launch))],
    key: Annotated[
        str,
        Header(
            alias="Idempotency-Key",
            description="Makes the request repeatable: the same key of the same user is the same run.",
            max_length=NAME_CHARS_MAX,
            pattern=r"^[!-~]*$",
        ),
    ] = "",
) -> Response:
    """Start a run of a deployed workflow, or of a stored plan."""
    run = await start(here, caller, body, key)
    return answer(shown.run(run), 201, {"Location": f"/v1/runs/{shown_run(run.run_id)}"})


async def start(here: Context, caller: events_pb2.Caller, body: requests.Launch, key: str) -> service_pb2.RunSummary:
    """Start a run; the same key of the same user is the same run."""
    options = events_pb2.RunOptions(
        team=body.team,
        pool=body.pool,
        priority=body.priority,
        fail_fast=body.fail_fast,
        deadline_s=body.deadline_s,
        no_cache=body.no_cache,
        labels=body.labels,
        notify=body.notify,
    )
    plan_hash = await _chosen(here, body, options)
    prepared = prepare(await here.client.plan(plan_hash), plan_hash, body)
    run_id = run_id_of(here.deployment_id, caller.user, key)
    return await here.client.launch(prepared, run_id, options, caller)


@router.get("/runs", response_model=models.Runs)
async def list_runs(
    here: Here,
    wanted: Filter,
    order: Annotated[Literal["-submitted_at", "submitted_at"], Query(description="`-`: newest first.")] = NEWEST_FIRST,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE,
    after: Annotated[
        str, Query(pattern=TOKEN_PATTERN, description="`next` of the page before, with the same filters.")
    ] = "",
) -> Response:
    """List runs by the time of their submission. A run is listed as soon as it was launched."""
    filters = wanted.text + order
    found = await run_lists.page(here, wanted, limit, here.pages.inner(after, filters), is_oldest=order != NEWEST_FIRST)
    body = {
        "runs": [shown.listed(run) for run in found.runs],
        "next": here.pages.token(found.next, filters),
        "lag": found.lag,
        "position": found.position,
        "databases_away": found.databases_away,
    }
    return answer(body)


@router.get("/runs:count", response_model=models.RunCounts)
async def count_runs(here: Here, wanted: Filter) -> Response:
    """Count runs by state, each up to 10,000."""
    found = await run_lists.counts(here, wanted)
    counted = [{"state": run_state(one.state).value, "runs": one.runs, "capped": one.capped} for one in found.counts]
    return answer({"counts": counted, "lag": found.lag.events if found.lag.events >= 0 else None})


@router.get("/runs:find", response_model=models.FoundRuns)
async def find_runs(
    here: Here,
    part: Annotated[
        str, Query(description="Beginning or end of the id.", pattern=r"^[0-9a-fA-F]{1,32}$", examples=["01933f4e"])
    ],
) -> Response:
    """Find runs by the beginning or the end of their ids, newest first, at most 20."""
    request = service_pb2.FindRunsRequest(part=part)
    found = await here.client.connection.call("state_tracker", "FindRuns", request)
    return answer({"runs": [shown_run(run_id) for run_id in found.run_ids]})


@router.get("/runs/{run:part}", response_model=models.Run)
async def get_run(here: Here, run: RunId) -> Response:
    """Get a run."""
    return answer(shown.run(await here.client.summary(run)))


@router.get("/runs/{run:part}/children", response_model=models.ChildRuns)
async def list_children(here: Here, run: RunId) -> Response:
    """List the child runs that the nodes of a run have started so far, in the order of the nodes."""
    found = await here.client.children(run)
    children = [{"node": child.node, **shown.run(await here.client.summary(child.run.id))} for child in found]
    return answer({"run": run, "children": children})


@router.post("/runs/{run:part}:cancel", response_model=models.Cancelled, openapi_extra=described(requests.Cancel))
async def cancel(
    here: Here, caller: Caller, run: RunId, body: Annotated[requests.Cancel, Depends(json_body(requests.Cancel))]
) -> Response:
    """Cancel a run. No further actions start; running ones are stopped. Harmless on a run that has ended."""
    state = await here.client.cancel_as(caller, run, body.reason)
    return answer({"run": run, "state": state.value})


async def _chosen(here: Context, body: requests.Launch, options: events_pb2.RunOptions) -> bytes:
    """Return the plan to run; of a deployed workflow, note in the options what the run is launched by."""
    if not body.workflow:
        return bytes.fromhex(body.plan)
    version = await here.client.registry.version(body.workflow)
    options.workflow, options.workflow_version = version.name, version.version
    options.team = options.team or version.team
    return version.plan_hash
