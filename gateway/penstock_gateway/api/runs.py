"""Runs: launch, list, find, get, cancel."""

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query
from penstock.client import ClientError
from penstock_proto.state_tracker.v1 import events_pb2, service_pb2
from starlette.responses import Response

from ..edge.answers import answer, shown_run
from ..edge.bodies import described, json_body
from ..edge.pages import TOKEN_PATTERN
from ..edge.problems import Fault
from . import fields, models, requests, shown
from .context import NAME_CHARS_MAX, NAME_PATTERN, Caller, Context, Here, RunId
from .launching import prepare, run_id_of

PAGE: Final = 50
PAGE_MAX: Final = 1_000
# Runs whose cancellation is asked for at the same time.
CANCELLED_AT_ONCE: Final = 50

router = APIRouter(prefix="/v1", tags=["runs"])

NameFilter = Annotated[str, Query(max_length=NAME_CHARS_MAX, pattern=NAME_PATTERN)]


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
    options = events_pb2.RunOptions(
        team=body.team, pool=body.pool, priority=body.priority, fail_fast=body.fail_fast, labels=body.labels
    )
    plan_hash = await _chosen(here, body, options)
    prepared = prepare(await here.client.plan(plan_hash), plan_hash, body)
    run_id = run_id_of(here.deployment_id, caller.user, key)
    run = await here.client.launch(prepared, run_id, options, caller)
    return answer(shown.run(run), 201, {"Location": f"/v1/runs/{shown_run(run.run_id)}"})


@router.get("/runs", response_model=models.Runs)
async def list_runs(
    here: Here,
    workflow: NameFilter = "",
    team: NameFilter = "",
    state: Annotated[list[fields.RunState] | None, Query(max_length=5)] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE,
    after: Annotated[
        str, Query(pattern=TOKEN_PATTERN, description="`next` of the page before, with the same filters.")
    ] = "",
) -> Response:
    """List runs, newest first."""
    states = sorted(set(state or ()))
    filters = json.dumps([workflow, team, states])
    found = await _page(here, workflow, team, states, limit, here.pages.inner(after, filters))
    body = {
        "runs": [shown.run(summary) for summary in found.runs],
        "next": here.pages.token(found.next_page_token, filters),
    }
    return answer(body)


@router.post("/runs:cancel", response_model=models.CancelledMany, openapi_extra=described(requests.CancelMany))
async def cancel_many(
    here: Here, caller: Caller, body: Annotated[requests.CancelMany, Depends(json_body(requests.CancelMany))]
) -> Response:
    """Cancel the open runs that match a filter, the newest first; by default only say which they are."""
    chosen = body.filter
    states = chosen.states or ["running", "cancelling"]
    found = await _page(here, chosen.workflow, chosen.team, states, body.limit, "")
    matched = [shown_run(summary.run_id) for summary in found.runs]
    cancelled, failures = (0, []) if body.dry_run else await _cancel_all(here, caller, matched, body.reason)
    return answer(
        {
            "dry_run": body.dry_run,
            "matched": len(matched),
            "cancelled": cancelled,
            "runs": matched,
            "failures": failures,
            "more": bool(found.next_page_token),
        }
    )


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


async def _page(
    here: Context, workflow: str, team: str, states: Sequence[str], limit: int, token: str
) -> service_pb2.ListRunsResponse:
    request = service_pb2.ListRunsRequest(
        team=team,
        plan_name=workflow,
        states=[f"RUN_STATE_{state.upper()}" for state in states],
        page_size=limit,
        page_token=token,
    )
    return await here.client.connection.call("state_tracker", "ListRuns", request)


async def _cancel_all(
    here: Context, caller: events_pb2.Caller, runs: Sequence[str], reason: str
) -> tuple[int, list[dict[str, str]]]:
    """Cancel runs, some at a time; return how many could be, and why the others could not."""
    failures: list[dict[str, str]] = []

    async def cancel_one(run: str) -> None:
        try:
            await here.client.cancel_as(caller, run, reason)
        except ClientError as error:
            failures.append(Fault(run, str(error)).shown())

    for at in range(0, len(runs), CANCELLED_AT_ONCE):
        await asyncio.gather(*map(cancel_one, runs[at : at + CANCELLED_AT_ONCE]))
    return len(runs) - len(failures), failures
