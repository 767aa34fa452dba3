"""What ends the waits of runs from outside: signals, and answers to questions."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from penstock.client.run_id import parse_run_id
from penstock.client.waiting import send_signal
from pydantic import ConfigDict, Field
from starlette.responses import Response

from ..edge.answers import answer
from ..edge.bodies import described, json_body
from .context import NAME_PATTERN, Caller, Here, RunId
from .fields import Body, Name

router = APIRouter(prefix="/v1", tags=["runs"])


class SentSignal(Body):
    """A value for a node that waits for it; `true` or `false` answers an approval."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "approval", "value": True}]})

    name: Name = Field(min_length=1, description="Name of the node.")
    value: Any = Field(default=None, description="JSON, as the type of the signal asks for.")
    comment: str = Field(default="", max_length=2_000, pattern=NAME_PATTERN)


class TakenSignal(Body):
    run: str
    name: str


@router.post("/runs/{run:part}:signal", response_model=TakenSignal, openapi_extra=described(SentSignal))
async def signal(
    here: Here, caller: Caller, run: RunId, body: Annotated[SentSignal, Depends(json_body(SentSignal))]
) -> Response:
    """Send a signal to a run, or answer its question. `why` of the run names what it waits for."""
    await send_signal(here.client.connection, caller, parse_run_id(run), body.name, body.value, body.comment)
    return answer({"run": run, "name": body.name})
