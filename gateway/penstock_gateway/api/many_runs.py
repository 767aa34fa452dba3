"""One command for all runs that match a filter; by default it only says which they are."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from penstock.client.bulk import apply
from starlette.responses import Response

from ..edge.answers import answer, shown_run
from ..edge.bodies import described, json_body
from ..edge.problems import Fault
from . import models, requests, run_lists
from .context import Caller, Context, Here
from .run_filters import RunFilter, time_us

router = APIRouter(prefix="/v1", tags=["runs"])


@router.post("/runs:cancel", response_model=models.CancelledMany, openapi_extra=described(requests.CancelMany))
async def cancel_many(
    here: Here, caller: Caller, body: Annotated[requests.CancelMany, Depends(json_body(requests.CancelMany))]
) -> Response:
    """Cancel the open runs that match a filter, the newest first; by default only say which they are."""
    wanted = _filter(body.filter, body.filter.states or ("running", "cancelling"))

    async def cancel(run: str) -> None:
        await here.client.cancel_as(caller, run, body.reason)

    return await _done(here, body, wanted, cancel, "cancelled")


@router.post("/runs:retry", response_model=models.RetriedMany, openapi_extra=described(requests.RetryMany))
async def retry_many(
    here: Here, caller: Caller, body: Annotated[requests.RetryMany, Depends(json_body(requests.RetryMany))]
) -> Response:
    """Retry the failed runs that match a filter, the newest first; by default only say which they are."""
    ended_from_us = time_us("ended_from", body.filter.ended_from)
    wanted = _filter(body.filter, body.filter.states or ("failed",), ended_from_us)
    return await _done(here, body, wanted, here.client.repair.acting_for(caller).retry, "retried")


def _filter(chosen: requests.RunFilter, states: Any, ended_from_us: int = 0) -> RunFilter:
    return RunFilter(
        workflow=chosen.workflow,
        registered=chosen.name,
        team=chosen.team,
        user=chosen.user,
        states=tuple(states),
        labels=chosen.labels,
        search=chosen.q,
        ended_from_us=ended_from_us,
    )


async def _done(
    here: Context,
    body: requests.CancelMany | requests.RetryMany,
    wanted: RunFilter,
    command: Callable[[str], Awaitable[Any]],
    done: str,
) -> Response:
    """Give the runs that match a command, unless this is only a rehearsal."""
    if wanted.is_simple:
        tracked = await run_lists.tracked(here, wanted, body.limit)
        matched = [shown_run(summary.run_id) for summary in tracked.runs]
        is_more, away = bool(tracked.next_page_token), tracked.databases_away
    else:
        listed = await run_lists.page(here, wanted, body.limit, "")
        matched = [shown_run(record.run_id) for record in listed.runs]
        is_more, away = bool(listed.next), listed.databases_away
    failures = [] if body.dry_run else await apply(command, matched)
    return answer(
        {
            "dry_run": body.dry_run,
            "matched": len(matched),
            done: 0 if body.dry_run else len(matched) - len(failures),
            "runs": matched,
            "failures": [Fault(run, str(error)).shown() for run, error in failures],
            "more": is_more or away > 0,
            "databases_away": away,
        }
    )
