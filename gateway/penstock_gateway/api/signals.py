"""What ends the waits of runs from outside: signals, and answers to questions."""

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from penstock.client.run_id import parse_run_id
from penstock.client.waiting import Waiting, send_signal, waits_of
from pydantic import ConfigDict, Field
from starlette.responses import Response

from ..edge.answers import answer, shown_time
from ..edge.bodies import described, json_body
from .context import NAME_PATTERN, Caller, Here, RunId
from .fields import Body, Name, Time

router = APIRouter(prefix="/v1", tags=["runs"])


class SentSignal(Body):
    """A value for a node that waits for it; `true` or `false` answers an approval."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "approval", "value": True}]})

    name: Name = Field(min_length=1, description="Name of the node.")
    value: Any = Field(default=None, description="JSON, as the type of the signal asks for.")
    comment: str = Field(default="", max_length=2_000, pattern=NAME_PATTERN)
    team: Name = Field(
        default="", description="Answer as a member of this team. With access control, that of the run takes its place."
    )


class TakenSignal(Body):
    run: str
    name: str


class Wait(Body):
    """A node that waits: for a time, for a signal, or for the answer to a question."""

    node: str
    index: int
    kind: Literal["sleep", "until", "signal", "approval", "child run"]
    since: Time | None
    until: Time | None = Field(description="The time at which it ends by itself; null: never.")
    question: str = Field(description="The question of an approval.")
    who: list[str] = Field(
        description="The users who may answer, and teams as `team:NAME`. Empty: all who may start runs of the team."
    )
    value_schema: dict[str, Any] | None = Field(
        alias="schema", description="JSON Schema of the value that a signal takes; null: anything."
    )


class Waits(Body):
    run: str
    waits: list[Wait]


@router.get("/runs/{run:part}/waits", response_model=Waits)
async def list_waits(here: Here, run: RunId) -> Response:
    """List what the run waits for that no worker does: times, signals, answers to questions."""
    view = await here.views.get(parse_run_id(run))
    return answer({"run": run, "waits": [_wait(one, view.index_of[one.node]) for one in waits_of(view)]})


def _wait(one: Waiting, index: int) -> dict[str, Any]:
    return {
        "node": one.node,
        "index": index,
        "kind": one.kind,
        "since": shown_time(one.since_us),
        "until": shown_time(one.until_us),
        "question": one.question,
        "who": one.who,
        "schema": json.loads(one.schema_json) if one.schema_json else None,
    }


@router.post("/runs/{run:part}:signal", response_model=TakenSignal, openapi_extra=described(SentSignal))
async def signal(
    here: Here, caller: Caller, run: RunId, body: Annotated[SentSignal, Depends(json_body(SentSignal))]
) -> Response:
    """Send a signal to a run, or answer its question. `waits` of the run are what it waits for."""
    caller.team = body.team
    await send_signal(here.client.connection, caller, parse_run_id(run), body.name, body.value, body.comment)
    return answer({"run": run, "name": body.name})
