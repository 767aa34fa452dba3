"""Server-sent events of runs."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query
from penstock.client.run_id import parse_run_id
from penstock_proto.state_tracker.v1.events_pb2 import RunState
from starlette.responses import Response, StreamingResponse

from ..edge.answers import STREAMED
from ..edge.problems import Problem
from ..live.run_changes import Wanted
from ..live.watching import Watched, Watcher
from .context import RUN_EXAMPLE, RUN_PATTERN, Context, Here, RunId
from .run_filters import Filter

EVENT_STREAM: Final = "text/event-stream"
RUNS_MAX: Final = 50
SEQ_MAX: Final = 2**62
EVENT: Final = {
    "type": "object",
    "properties": {
        "event": {"enum": ["changes", "lagged"]},
        "id": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
EVENTS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Events `changes`, whose data are JSON and whose id is the position after them. An event "
        "`lagged` says that this client was too slow: read the nodes of the run again.",
        "content": {EVENT_STREAM: {"schema": EVENT}},
    },
    204: {"description": "Everything was sent already, and the run has ended: do not connect again."},
}

RUN_EVENTS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Events `changes`, whose data are JSON: `runs` that match, as in lists; `left`: ids of those "
        "that match but for their state now; `removed`: ids of runs that no longer exist. An event `lagged` "
        "says that this client missed too much: list the runs again.",
        "content": {EVENT_STREAM: {"schema": EVENT}},
    },
}

router = APIRouter(prefix="/v1", tags=["events"], default_response_class=StreamingResponse)

LastEventId = Annotated[
    str,
    Header(
        alias="Last-Event-ID",
        description="Id of the last event that was received: only later changes are sent.",
        pattern=r"^([0-9]{1,18}(\.[0-9]{1,18}){0,49})?$",
    ),
]


@router.get("/runs/{run:part}/stream", response_model=None, responses=EVENTS)
async def stream(
    here: Here,
    run: RunId,
    after_seq: Annotated[int, Query(ge=0, le=SEQ_MAX, description="As `seq` of the nodes says.")] = 0,
    last_event_id: LastEventId = "",
) -> Response:
    """Watch a run until it ends: server-sent events, several changes of nodes in each."""
    return await _streamed(here, [run], last_event_id or str(after_seq))


@router.get("/events", response_model=None, responses=EVENTS)
async def events(
    here: Here,
    run: Annotated[
        list[Annotated[str, Query(pattern=RUN_PATTERN)]],
        Query(min_length=1, max_length=RUNS_MAX, examples=[[RUN_EXAMPLE]]),
    ],
    last_event_id: LastEventId = "",
) -> Response:
    """Watch several runs over one connection until all of them have ended."""
    return await _streamed(here, run, last_event_id)


@router.get("/runs:stream", response_model=None, responses=RUN_EVENTS)
async def stream_runs(
    here: Here,
    wanted: Filter,
    after: Annotated[int | None, Query(ge=0, le=SEQ_MAX, description="`position` of a list; default: now.")] = None,
    last_event_id: Annotated[
        str, Header(alias="Last-Event-ID", description="Id of the last event.", pattern=r"^([0-9]{1,18})?$")
    ] = "",
) -> Response:
    """Watch all runs that match: server-sent events with each run that changed, as it is now."""
    here.run_changes.check_room()
    position = int(last_event_id) if last_event_id else after
    now = await here.run_changes.position()
    states = frozenset(map(RunState.Value, wanted.state_names))
    # A position of a history that was made again from the logs is unknown now.
    begin = now if position is None else min(position, now)
    stream = here.run_changes.stream(Wanted(wanted.has, states), begin)
    return StreamingResponse(stream, headers=STREAMED, media_type=EVENT_STREAM)


async def _streamed(here: Context, runs: Sequence[str], position: str) -> Response:
    ids = list(dict.fromkeys(map(parse_run_id, runs)))
    seqs = [int(part) for part in position.split(".")] if position else [0] * len(ids)
    if len(seqs) != len(ids):
        raise Problem("not-found", f"the position {position} is of {len(seqs)} runs, and {len(ids)} are asked for")
    here.feeds.check_room()
    summaries = await asyncio.gather(*map(here.client.summary, ids))
    if all(run.last_seq and seq >= run.last_seq for run, seq in zip(summaries, seqs, strict=True)):
        return Response(status_code=204)
    plans = await asyncio.gather(*(here.client.plan(run.plan) for run in summaries))
    watched = [Watched(*one) for one in zip(ids, plans, seqs, strict=True)]
    return StreamingResponse(Watcher(here.feeds, watched).stream(), headers=STREAMED, media_type=EVENT_STREAM)
