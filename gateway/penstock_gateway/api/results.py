"""Results of runs."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from penstock.client import expressions
from penstock.client.errors import ResultTimeout
from penstock.client.run_id import parse_run_id
from penstock.client.view import NodeView, RunState, cause_text, node_view, run_state
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import service_pb2
from starlette.responses import Response

from ..edge.answers import answer
from . import models, shown
from .context import Here, RunId

WAIT_S_MAX: Final = 60.0
# JSON up to this size is shown whole where previews are asked for.
PREVIEWED_JSON_BYTES_MAX: Final = 64 * 1024

router = APIRouter(prefix="/v1", tags=["runs"])


@router.get("/runs/{run:part}/result", response_model=models.Result)
async def result(
    here: Here,
    run: RunId,
    wait_s: Annotated[float, Query(ge=0, le=WAIT_S_MAX, description="Wait at most this long for the run to end.")] = 0,
    preview: Annotated[bool, Query(description="Look into outputs that are not JSON.")] = False,
) -> Response:
    """Get the result of a run: its outputs, or why it failed."""
    summary = await here.client.summary(run)
    ended: service_pb2.RunResult | None = None
    if summary.ended_at_us or wait_s:
        with suppress(ResultTimeout):
            ended = await here.client.wait_ended(run, None if summary.ended_at_us else wait_s)
    if ended is None:
        summary = await here.client.summary(run) if wait_s else summary
        return answer({"run": run, "state": run_state(summary.state).value, "outputs": None, "failure": None})
    plan, state = await here.client.plan(ended.plan), run_state(ended.state)
    outputs = None
    if state is RunState.SUCCEEDED and preview:
        outputs = await here.client.outputs_json(run, previews=True, json_bytes_max=PREVIEWED_JSON_BYTES_MAX)
    elif state is RunState.SUCCEEDED:
        outputs = expressions.as_json(plan, expressions.recorded(ended.outputs), shown.value)
    failure = None
    if state is RunState.FAILED:
        # An item of a map is no node of the plan: what the run has grown by says what it is.
        grown = (await here.views.get(parse_run_id(run))).nodes if ended.failed_node >= len(plan.nodes) else []
        failure = failure_of(plan, ended, grown)
    return answer({"run": run, "state": state.value, "outputs": outputs, "failure": failure})


def failure_of(
    plan: plan_pb2.Plan, ended: service_pb2.RunResult, grown: Sequence[NodeView] = ()
) -> dict[str, Any] | None:
    """`grown`: all nodes of the run, if it has more than its plan."""
    if not 0 <= ended.failed_node < max(len(plan.nodes), len(grown)):
        return None
    node, failed = grown[ended.failed_node] if grown else node_view(plan, ended.failed_node), ended.failure
    return {
        "node": node.name,
        "operator": node.operator,
        "call": node.place,
        "cause": cause_text(failed.cause),
        "type": failed.failure.type,
        "message": failed.failure.message,
        "traceback": failed.failure.traceback,
    }
