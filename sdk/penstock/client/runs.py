"""Runs as the client returns them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from penstock_proto.state_tracker.v1 import service_pb2

from .errors import Refused, not_found
from .run_id import parse_run_id
from .view import RunState, run_state

if TYPE_CHECKING:
    from .connection import Connection

PAGE = 200


@dataclass(frozen=True, slots=True)
class Run:
    """A submitted run: what `result`, `watch` and `cancel` take. A run id as text does as well."""

    id: uuid.UUID
    workflow: str
    plan_hash: bytes = field(repr=False)
    # The shape of what the workflow returns, where this process knows it.
    returned: Any = field(default=None, repr=False, compare=False)
    # What no worker can execute at the moment, one line each.
    warnings: tuple[str, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        return str(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """The summary of a run, without its events. Times are microseconds of Unix time."""

    id: uuid.UUID
    workflow: str
    plan_hash: bytes = field(repr=False)
    state: RunState
    team: str
    user: str
    submitted_at_us: int
    # 0 while the run is open.
    ended_at_us: int
    nodes: int
    # Nodes by state, while the run is open.
    counts: Mapping[str, int]
    labels: Mapping[str, str]
    # In the registry, if it was launched by its name there; otherwise empty and 0.
    name: str = ""
    version: int = 0


class RunList(list[RunInfo]):
    """Runs, newest first."""

    databases_away: int = 0  # their runs are missing


AnyRun = Run | RunInfo | uuid.UUID | str


def id_of(run: AnyRun) -> uuid.UUID:
    """Return the id of a run that is named somehow; raise NoSuchRun."""
    return run.id if isinstance(run, Run | RunInfo) else parse_run_id(run)


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that an operator printed."""

    node: str
    attempt: int
    at_us: int
    text: str


def run_info(summary: service_pb2.RunSummary) -> RunInfo:
    counts = {each.name: int(getattr(summary.counts, each.name)) for each in summary.counts.DESCRIPTOR.fields}
    return RunInfo(
        id=uuid.UUID(bytes=summary.run_id),
        workflow=summary.plan_name,
        plan_hash=summary.plan,
        state=run_state(summary.state),
        team=summary.team,
        user=summary.caller.user,
        submitted_at_us=summary.submitted_at_us,
        ended_at_us=summary.ended_at_us,
        nodes=summary.nodes,
        counts=counts if summary.HasField("counts") else {},
        labels=dict(summary.options.labels),
        name=summary.options.workflow,
        version=summary.options.workflow_version,
    )


async def list_runs(
    connection: Connection, team: str, workflow: str, states: Sequence[RunState], limit: int
) -> RunList:
    """Return runs, newest first, page by page."""
    found = RunList()
    request = service_pb2.ListRunsRequest(
        team=team,
        plan_name=workflow,
        states=[f"RUN_STATE_{state.value.upper()}" for state in states],
        page_size=min(limit, PAGE),
    )
    while len(found) < limit:
        answer: Any = await connection.call("state_tracker", "ListRuns", request)
        found.databases_away = max(found.databases_away, answer.databases_away)
        found += map(run_info, answer.runs)
        request.page_token = answer.next_page_token
        if not request.page_token:
            break
    del found[limit:]
    return found


async def naming(stream: AsyncGenerator[Any], run_id: uuid.UUID) -> AsyncGenerator[Any]:
    """Yield the same, with a NOT_FOUND that names the run."""
    try:
        async for response in stream:
            yield response
    except Refused as error:
        raise not_found(error, str(run_id)) from None
