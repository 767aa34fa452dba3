"""A run as a whole, however many nodes it has: states as letters, figures by operator, when nodes ran."""

import heapq
from collections.abc import Iterable
from statistics import median
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from penstock.client.run_id import parse_run_id
from penstock.client.view import NodeState, NodeView, RunView
from penstock_plan.graph import MAP, way_back
from penstock_plan.show.growing_plan import may_grow
from penstock_proto.plan.v1 import plan_pb2
from starlette.responses import Response

from ..edge.answers import answer, shown_run, shown_time
from . import overview_models
from .context import NAME_PATTERN, Begun, Context, Here, RunId
from .nodes import ATTEMPTS_SHOWN_MAX, attempt_shown

TIMELINE_MAX: Final = 5_000
CRITICAL_MAX: Final = 1_000
OFFSET_MAX: Final = 10**9
# Later than any time: what runs has not ended.
NEVER: Final = 2**62
LETTERS: Final = {
    NodeState.WAITING: "w",
    NodeState.RUNNING: "r",
    NodeState.SUCCEEDED: "s",
    NodeState.FAILED: "f",
    NodeState.SKIPPED: "k",
    NodeState.CANCELLED: "c",
    NodeState.NOT_TAKEN: "n",
    NodeState.MAPPED: "m",
}

router = APIRouter(prefix="/v1", tags=["nodes"])

OperatorPart = Annotated[str, Query(max_length=511, pattern=NAME_PATTERN, description="Only of this operator.")]


@router.get("/runs/{run:part}/states", response_model=overview_models.States)
async def states(here: Here, run: RunId) -> Response:
    """Get the state of every node as a letter, by index. `seq` says of which moment: a stream goes on from there."""
    view = await here.views.get(parse_run_id(run))
    body = {
        "run": view.id,
        "plan": view.plan_hash.hex(),
        "seq": view.seq,
        "state": view.state.value,
        "states": "".join([LETTERS[node.state] for node in view.nodes]),
        "maps": _maps(view.compiled_plan),
        "growths": [[growth.node, growth.first, growth.items] for growth in view.growths],
        "paused": view.is_paused,
        "forked_from": shown_run(view.forked_from) if view.forked_from else None,
        "parent": shown_run(view.parent_run_id) if view.parent_run_id else None,
    }
    return answer(body)


def _maps(plan: plan_pb2.Plan) -> list[dict[str, Any]]:
    if not may_grow(plan):
        return []
    within: dict[int, list[int]] = {index: [] for index, node in enumerate(plan.nodes) if node.kind == MAP}
    for index, node in enumerate(plan.nodes):
        if node.map:
            within[node.map - 1].append(index)
    return [{"node": node, "within": nodes} for node, nodes in within.items()]


@router.get("/runs/{run:part}/operators", response_model=overview_models.Operators)
async def operators(here: Here, run: RunId) -> Response:
    """Add the nodes of a run up by operator, as they are now."""
    view = await here.views.get(parse_run_id(run))
    groups: dict[str, list[NodeView]] = {}
    for node in view.nodes:
        groups.setdefault(node.operator, []).append(node)
    return answer({**_head(view), "operators": [_operator(name, nodes) for name, nodes in groups.items()]})


@router.get("/runs/{run:part}/critical-path", response_model=overview_models.CriticalPath)
async def critical_path(here: Here, run: RunId) -> Response:
    """List the nodes that the end of a run waited for, first to last; of a run that goes on, what it waits for now.

    From the node that ended last, it goes back to the node that ended last of those whose values it takes, and so on.
    """
    view = await here.views.get(parse_run_id(run))
    path = [view.nodes[index] for index in _begun(here, view).critical]
    return answer({"run": view.id, "nodes": [{"name": node.name, "index": node.index} for node in path]})


@router.get("/runs/{run:part}/timeline", response_model=overview_models.Timeline)
async def timeline(
    here: Here,
    run: RunId,
    limit: Annotated[int, Query(ge=1, le=TIMELINE_MAX)] = 500,
    offset: Annotated[
        int | None,
        Query(ge=0, le=OFFSET_MAX, description="From there on, by their starts; default: those that took longest."),
    ] = None,
    operator: OperatorPart = "",
    critical: Annotated[bool, Query(description="Only nodes of the critical path.")] = False,
) -> Response:
    """Say when nodes ran, each attempt of them."""
    view = await here.views.get(parse_run_id(run))
    begun = _begun(here, view)
    path = frozenset(begun.critical)
    ran = [
        node
        for node in map(view.nodes.__getitem__, begun.in_order)
        if (not operator or node.operator == operator) and (not critical or node.index in path)
    ]
    if offset is None:
        chosen = sorted(heapq.nlargest(limit, ran, key=_took_us), key=_place)
    else:
        chosen = ran[offset : offset + limit]
    body = {
        **_head(view),
        "nodes": [_row(node, node.index in path) for node in chosen],
        "left_out": len(ran) - len(chosen),
        "total": len(ran),
    }
    return answer(body)


def _head(view: RunView) -> dict[str, Any]:
    return {
        "run": view.id,
        "state": view.state.value,
        "submitted_at": shown_time(view.submitted_at_us),
        "ended_at": shown_time(view.ended_at_us),
        "seq": view.seq,
    }


def _row(node: NodeView, is_critical: bool) -> dict[str, Any]:
    return {
        "name": node.name,
        "index": node.index,
        "operator": node.operator,
        "state": node.state.value,
        "critical": is_critical,
        "attempts": [attempt_shown(one) for one in node.attempts[-ATTEMPTS_SHOWN_MAX:]],
    }


def _operator(name: str, nodes: Iterable[NodeView]) -> dict[str, Any]:
    counts = {state.value: 0 for state in NodeState}
    starts, ends, took = list[int](), list[int](), list[int]()
    for node in nodes:
        counts[node.state.value] += 1
        if node.attempts:
            starts.append(node.started_at_us)
            ends.append(node.attempts[-1].ended_at_us)
            if node.state is NodeState.SUCCEEDED:
                took.append(node.duration_us)
    return {
        "operator": name,
        "nodes": sum(counts.values()),
        "counts": counts,
        "first_at": shown_time(min(starts, default=0)),
        "last_at": shown_time(max(ends, default=0)) if all(ends) else None,
        "p50_s": median(took) / 1e6 if took else None,
        "max_s": max(took) / 1e6 if took else None,
    }


def _begun(here: Context, view: RunView) -> Begun:
    """Return the order in which nodes started; of a run that has ended, made once while it is remembered."""
    key = view.run_id + view.seq.to_bytes(8, "big")  # a run that has ended may be reopened
    if (known := here.begun.get(key)) is not None:
        return known
    nodes = view.nodes
    begun = sorted((node for node in nodes if node.attempts), key=_place)
    last = max(begun, key=lambda node: (_ended_us(node), -node.started_at_us), default=None)
    path = way_back(
        -1 if last is None else last.index, lambda n: nodes[n].parents, lambda n: _ended_us(nodes[n]), CRITICAL_MAX
    )
    found = Begun([node.index for node in begun], path)
    if view.state.ended:
        here.begun.keep(key, found)
    return found


def _ended_us(node: NodeView) -> int:
    return node.ended_at_us or (NEVER if node.attempts else 0)


def _place(node: NodeView) -> tuple[int, int]:
    return node.started_at_us, node.index


def _took_us(node: NodeView) -> int:
    """How long a node took; one that still runs, longer than any other."""
    return node.ended_at_us - node.started_at_us if node.ended_at_us else NEVER - node.started_at_us
