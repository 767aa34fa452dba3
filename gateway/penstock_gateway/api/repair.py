"""Runs that are repaired: retry, pause, resume."""

from collections.abc import Awaitable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends
from penstock.client import Refused
from starlette.responses import Response

from ..edge.answers import answer
from ..edge.bodies import described, json_body
from ..edge.problems import Problem
from . import models, requests
from .context import Caller, Here, RunId

T = TypeVar("T")

router = APIRouter(prefix="/v1", tags=["runs"])


@router.post("/runs/{run:part}:retry", response_model=models.Reopened)
async def retry(here: Here, caller: Caller, run: RunId) -> Response:
    """Continue a run that failed or was cancelled: what has not succeeded runs again. Harmless on an open run."""
    return answer({"run": run, "reopened": await _done(here.client.repair.acting_for(caller).retry(run))})


@router.post("/runs/{run:part}:pause", response_model=models.Paused, openapi_extra=described(requests.Cancel))
async def pause(
    here: Here, caller: Caller, run: RunId, body: Annotated[requests.Cancel, Depends(json_body(requests.Cancel))]
) -> Response:
    """Let nothing new of a run start; what runs goes on. Harmless when repeated."""
    await _done(here.client.repair.acting_for(caller).pause(run, body.reason))
    return answer({"run": run, "paused": True})


@router.post("/runs/{run:part}:resume", response_model=models.Paused)
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
