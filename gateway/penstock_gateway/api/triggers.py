"""Deliveries of other programs that start runs."""

import asyncio
import time
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Path
from penstock_proto.state_tracker.v1 import events_pb2
from starlette.requests import Request
from starlette.responses import Response

from ..edge.answers import JSON_TYPE, answer, shown_run
from ..edge.bodies import JSON_BYTES_MAX, parsed, read
from ..edge.problems import Problem
from ..edge.triggers import NAME_PATTERN, NotReal, check
from . import models, requests, shown
from .context import CLIENT, Here, context_of
from .runs import start

BODY: Final[dict[str, Any]] = {"requestBody": {"required": True, "content": {JSON_TYPE: {"schema": {}}}}}
DELIVERY_CHARS_MAX: Final = 200

router = APIRouter(prefix="/v1", tags=["triggers"])


@router.post("/triggers/{trigger}", status_code=201, response_model=models.Run, openapi_extra=BODY)
async def deliver(
    here: Here, request: Request, trigger: Annotated[str, Path(pattern=NAME_PATTERN, examples=["nightly"])]
) -> Response:
    """Start a run by a delivery that is signed as Standard Webhooks say; the same delivery again is the same run."""
    chosen = here.triggers.get(trigger)
    if chosen is None:
        raise Problem("not-found", f"unknown trigger {trigger!r}")
    data = await read(request, JSON_TYPE, JSON_BYTES_MAX)
    keys = await asyncio.to_thread(chosen.keys)
    try:
        delivery = check(request.headers, data, keys, time.time())
    except NotReal as error:
        raise Problem("unauthenticated", str(error)) from None
    if token := await asyncio.to_thread(chosen.token):
        here = context_of(request, token)
    body = parsed(data)
    inputs = {chosen.input: body} if chosen.input else body
    if not isinstance(inputs, dict):
        raise Problem("invalid", "the body is not an object, whose fields would be the inputs")
    launch = requests.Launch(
        workflow=chosen.workflow, inputs=cast(dict[str, Any], inputs), team=chosen.team, labels=chosen.labels
    )
    caller = events_pb2.Caller(user=f"trigger {trigger}", client=CLIENT)
    run = await start(here, caller, launch, delivery[:DELIVERY_CHARS_MAX])
    return answer(shown.run(run), 201, {"Location": f"/v1/runs/{shown_run(run.run_id)}"})
