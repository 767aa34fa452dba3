"""What an input that is a stored value may be set to: outputs of earlier runs whose type fits."""

from collections.abc import Iterator
from typing import Annotated, Any, Final, NamedTuple

from fastapi import APIRouter, Query
from penstock_plan.spelling import spell
from penstock_proto.history.v1 import service_pb2 as history
from penstock_proto.plan.v1 import plan_pb2
from starlette.responses import Response

from ..edge.answers import answer, shown_run, shown_time
from . import overview_models
from .context import Here
from .run_filters import NameFilter

# The newest runs that are looked at, and of each at most so many outputs.
RUNS_MAX: Final = 200
OUTPUTS_MAX: Final = 20
REFERENCES_MAX: Final = 100

router = APIRouter(prefix="/v1", tags=["nodes"])


class _Output(NamedTuple):
    node: str
    output: str
    type: str


@router.get("/references", response_model=overview_models.References)
async def list_references(
    here: Here,
    type: Annotated[NameFilter, Query(description="As `x-type` or `x-kind` of a schema.", examples=["Model[Net]"])],
    q: Annotated[NameFilter, Query(description="Part of the workflow, the node or the run, in any case.")] = "",
    limit: Annotated[int, Query(ge=1, le=REFERENCES_MAX)] = 20,
) -> Response:
    """List outputs of a type that runs which succeeded have made, the newest first."""
    request = history.ListRunsRequest(
        filter=history.RunFilter(states=["RUN_STATE_SUCCEEDED"]),
        page_size=RUNS_MAX,
        order=history.RUN_ORDER_NEWEST,
    )
    found: history.ListRunsResponse = await here.client.ask_history("ListRuns", request)
    words = q.lower()
    outputs: dict[bytes, list[_Output]] = {}
    references: list[dict[str, Any]] = []
    for run in found.runs:
        if run.plan not in outputs:
            plan = await here.client.plan(run.plan)
            outputs[run.plan] = [one for _, one in zip(range(OUTPUTS_MAX), _fitting(plan, type), strict=False)]
        run_id, name = shown_run(run.run_id), run.options.workflow or run.workflow
        for one in outputs[run.plan]:
            text = f"{name} {run_id}/{one.node}.{one.output}"
            if words in text.lower() and len(references) < limit:
                shown = {"run": run_id, "workflow": name, "ended_at": shown_time(run.ended_at_us)}
                references.append({**shown, **one._asdict()})
    return answer({"references": references})


def _fitting(plan: plan_pb2.Plan, wanted: str) -> Iterator[_Output]:
    """Yield the outputs of nodes that have the type; those that the workflow returns are often the last ones."""
    fitting: dict[int, list[tuple[str, str]]] = {}
    for index, operator in enumerate(plan.operators):
        types = [(output.name, spell(plan.types, output.type)) for output in operator.outputs]
        if same := [(name, spelt) for name, spelt in types if _fits(spelt, wanted)]:
            fitting[index] = same
    for node in reversed(plan.nodes) if fitting else ():
        if node.kind == plan_pb2.NODE_KIND_TASK:
            for name, spelt in fitting.get(node.operator, ()):
                yield _Output(node.name, name, spelt)


def _fits(given: str, wanted: str) -> bool:
    """`Model` takes every model, `Model[Net]` only its own. The State Tracker checks it again at a launch."""
    return given == wanted or given.startswith(f"{wanted}[")
