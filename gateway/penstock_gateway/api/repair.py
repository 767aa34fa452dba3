"""Runs that are repaired: retry, fork, pause, resume."""

from collections.abc import Awaitable
from typing import Annotated, Final, TypeVar

from fastapi import APIRouter, Depends
from penstock.client import Refused
from penstock.client.submission import Prepared
from starlette.responses import Response

from ..edge.answers import answer
from ..edge.bodies import described, json_body
from ..edge.problems import Problem
from . import repair_models, requests
from .context import Caller, Here, RunId

T = TypeVar("T")

# Nodes that a fork runs and the answer names.
SHOWN_MAX: Final = 1_000

router = APIRouter(prefix="/v1", tags=["runs"])


@router.post("/runs/{run:part}:retry", response_model=repair_models.Reopened)
async def retry(here: Here, caller: Caller, run: RunId) -> Response:
    """Continue a run that failed or was cancelled: what has not succeeded runs again. Harmless on an open run."""
    return answer({"run": run, "reopened": await _done(here.client.repair.acting_for(caller).retry(run))})


@router.post("/runs/{run:part}:fork", response_model=repair_models.PlannedFork, openapi_extra=described(requests.Fork))
async def fork(
    here: Here, caller: Caller, run: RunId, body: Annotated[requests.Fork, Depends(json_body(requests.Fork))]
) -> Response:
    """Start a run that takes over what an ended one has computed; by default only say what it would reuse and run.

    Without `workflow` it has the run's own code.
    """
    reference = body.workflow
    plan_hash = (await here.client.registry.version(reference) if reference else await here.client.get(run)).plan_hash
    plan = await here.client.plan(plan_hash)
    if unknown := sorted(set(body.again).difference(node.name for node in plan.nodes)):
        raise Problem("invalid", f"{plan.name} has no node {', '.join(unknown[:20])}")
    prepared = Prepared(plan, plan_hash, b"", {}, {})
    repair = here.client.repair.acting_for(caller)
    planned = await repair.plan(run, prepared, inputs=body.inputs, again=body.again)
    started = None if body.dry_run else await repair.start(planned)
    runs = [node for node in planned.nodes if not node.is_reused]
    shown = [{"node": one.node, "operator": one.operator, "reasons": one.reasons} for one in runs[:SHOWN_MAX]]
    return answer(
        {
            "run": None if started is None else str(started.id),
            "forked_from": run,
            "plan": planned.prepared.plan_hash.hex(),
            "reused": planned.reused,
            "runs": len(runs),
            "nodes": shown,
        }
    )


@router.post("/runs/{run:part}:pause", response_model=repair_models.Paused, openapi_extra=described(requests.Cancel))
async def pause(
    here: Here, caller: Caller, run: RunId, body: Annotated[requests.Cancel, Depends(json_body(requests.Cancel))]
) -> Response:
    """Let nothing new of a run start; what runs goes on. Harmless when repeated."""
    await _done(here.client.repair.acting_for(caller).pause(run, body.reason))
    return answer({"run": run, "paused": True})


@router.post("/runs/{run:part}:resume", response_model=repair_models.Paused)
async def resume(here: Here, caller: Caller, run: RunId) -> Response:
    """Let a paused run go on. Harmless when repeated."""
    await _done(here.client.repair.acting_for(caller).resume(run))
    return answer({"run": run, "paused": False})


async def _done(command: Awaitable[T]) -> T:
    """Return what a command does; one that does not fit the run's state is a conflict."""
    try:
        return await command
    except Refused as error:
        if error.code != "FAILED_PRECONDITION":
            raise
        raise Problem("conflict", str(error)) from None
