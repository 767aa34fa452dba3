"""Plans: store, describe, draw. A plan never changes, and what is made of it neither."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Header, Query
from penstock.client.uploads import send_plan
from penstock.client.view import kind_word
from penstock_plan.graph import PlanGraph
from penstock_plan.limits import PLAN_BYTES_MAX
from penstock_plan.picture import draw
from penstock_plan.picture.captions import what
from penstock_plan.picture.grouping import Box, edges_of, grouped
from penstock_plan.picture.layout import lay_out
from penstock_plan.picture.loops import folded, loops_of
from penstock_plan.show.description import describe
from penstock_proto.plan.v1 import plan_pb2
from starlette.requests import Request
from starlette.responses import Response

from ..edge.answers import BYTES, JSON_TYPE, OCTETS, answer
from ..edge.bodies import read
from ..edge.problems import Problem
from ..edge.ranges import is_current
from . import models, overview_models, shown
from .context import NAME_PATTERN, Caller, Context, Here, PlanHash

SVG: Final = "image/svg+xml"
SVG_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
VERSION: Final = version("penstock-gateway")
FOR_AN_HOUR: Final = "private, max-age=3600"
# Places of boxes, in units of their height.
GAP: Final = 0.5
LINE_GAP: Final = 0.25

# The argument of a branch that has a value for each side.
CASES: Final = "cases"
# A plan of more nodes is shown in groups alone.
APART_MAX: Final = 20_000
OPENED_MAX: Final = 100

router = APIRouter(prefix="/v1", tags=["plans"])

IfNoneMatch = Annotated[str, Header(alias="If-None-Match", description="ETag of what the client has.")]
NOT_MODIFIED: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "The client has it already."}}


@router.post(
    "/plans",
    status_code=201,
    response_model=models.StoredPlan,
    openapi_extra={"requestBody": {"required": True, "content": BYTES}},
)
async def store_plan(here: Here, caller: Caller, request: Request) -> Response:
    """Store a compiled plan: the bytes of a `penstock.plan.v1.Plan`. Store its bundle, an artifact, before."""
    data = await read(request, OCTETS, PLAN_BYTES_MAX)
    await send_plan(here.client.connection, data, caller)
    plan_hash = hashlib.sha256(data).digest()
    plan = await here.client.plan(plan_hash)
    headers = {"Location": f"/v1/plans/{plan_hash.hex()}"}
    return answer({"plan": plan_hash.hex(), "workflow": plan.name}, 201, headers)


@router.get("/plans/{plan}", response_model=models.Plan, responses=NOT_MODIFIED)
async def get_plan(here: Here, plan: PlanHash, request: Request, _: IfNoneMatch = "") -> Response:
    """Get a plan: inputs with their JSON Schema, outputs, nodes by level, critical path, resources."""
    found = await here.client.plan(bytes.fromhex(plan))
    return _lasting(request, plan, lambda: _described(found, bytes.fromhex(plan)))


@router.get("/plans/{plan}/layout", response_model=overview_models.Layout, responses=NOT_MODIFIED)
async def get_layout(
    here: Here,
    plan: PlanHash,
    request: Request,
    opened: Annotated[
        list[Annotated[str, Query(max_length=255, pattern=NAME_PATTERN)]] | None,
        Query(alias="open", max_length=OPENED_MAX, description="`key` of a group: show its parts."),
    ] = None,
    apart: Annotated[bool, Query(description="A box for each node.")] = False,
    _: IfNoneMatch = "",
) -> Response:
    """Get the graph of a plan, laid out: columns from left to right, places from top to bottom.

    Where many nodes would be many boxes, nodes that are alike are one box, a group.
    """
    found = await here.client.plan(bytes.fromhex(plan))
    if apart and len(found.nodes) > APART_MAX:
        raise Problem("invalid", f"the plan has {len(found.nodes):,} nodes; at most {APART_MAX:,} are shown apart")
    keys = frozenset(opened or ())
    part = hashlib.sha256("\0".join([str(apart), *sorted(keys)]).encode()).hexdigest()[:16]
    if is_current(request, _lasting_headers(plan + part)["ETag"]):
        return Response(status_code=304, headers=_lasting_headers(plan + part))
    drawn = await _drawn(here, found, bytes.fromhex(plan), keys, apart, part)
    return Response(drawn, headers=_lasting_headers(plan + part), media_type=JSON_TYPE)


@router.get(
    "/plans/{plan}/picture",
    response_model=None,
    responses={**NOT_MODIFIED, 200: {"description": "SVG.", "content": {SVG: {"schema": {"type": "string"}}}}},
)
async def get_picture(here: Here, plan: PlanHash, request: Request, _: IfNoneMatch = "") -> Response:
    """Get a plan as an SVG picture."""
    found = await here.client.plan(bytes.fromhex(plan))
    headers = _lasting_headers(plan)
    if is_current(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    picture = await asyncio.to_thread(draw, found, bytes.fromhex(plan))
    return Response(picture, headers={**headers, "Content-Security-Policy": SVG_POLICY}, media_type=SVG)


async def _drawn(
    here: Context, plan: plan_pb2.Plan, plan_hash: bytes, opened: frozenset[str], apart: bool, part: str
) -> bytes:
    """Lay out a plan, once while it is remembered, and return it as JSON."""
    key = plan_hash + part.encode()
    if (known := here.drawings.get(key)) is None:
        graph = here.graphs.get(plan_hash)
        if graph is None:
            graph = await asyncio.to_thread(PlanGraph.of, plan, plan_hash)
            here.graphs.keep(plan_hash, graph)
        known = await asyncio.to_thread(_layout, plan, graph, opened, apart)
        here.drawings.keep(key, known)
    return known


def _layout(plan: plan_pb2.Plan, graph: PlanGraph, opened: frozenset[str], apart: bool) -> bytes:
    loops = loops_of(plan, graph)
    boxes = grouped(graph, opened, apart=apart)
    if not apart:
        boxes = folded(graph, boxes, loops, opened)
    layout = lay_out([1.0] * len(boxes), edges_of(graph, boxes), gap=GAP, line_gap=LINE_GAP)
    column_of = {vertex: index for index, column in enumerate(layout.columns) for vertex in column}

    def place(vertex: int) -> list[float]:
        return [column_of[vertex], round(layout.y[vertex], 3)]

    body = {
        "plan": graph.hash.hex(),
        "nodes": graph.size,
        "loops": [{"key": loop.key, "branches": loop.branches} for loop in loops],
        "branches": [_branch(plan, graph, node) for node in graph.sides],
        "boxes": [
            {
                "key": box.key,
                "label": _label(graph, box),
                "operator": graph.operators[box.nodes[0]],
                "kind": kind_word(graph.kinds[box.nodes[0]]),
                "nodes": runs_of(sorted(box.nodes)),
                "steps": box.steps,
                "place": place(index),
            }
            for index, box in enumerate(boxes)
        ],
        "edges": [
            {"from": start, "to": end, "through": [place(vertex) for vertex in route[1:-1]]}
            for (start, end), route in layout.routes.items()
        ],
    }
    return msgspec.json.encode(body)


def _branch(plan: plan_pb2.Plan, graph: PlanGraph, branch: int) -> dict[str, Any]:
    """Return a branch with the words for its sides, and what is on each of them but not on a side within it."""
    given = next((each.value.literal.inline for each in plan.nodes[branch].arguments if each.name == CASES), b"[]")
    cases = [case if isinstance(case, str) else json.dumps(case) for case in json.loads(given)]
    on_sides = [(node, side) for node, side in graph.sides[branch] if plan.nodes[node].sides[-1].branch == branch]
    otherwise = ["otherwise"] if len(cases) <= max((side for _, side in on_sides), default=0) else []
    return {"node": branch, "sides": [*cases, *otherwise], "nodes": on_sides}


def _label(graph: PlanGraph, box: Box) -> str:
    first = graph.names[box.nodes[0]]
    if len(box.nodes) == 1:
        return first
    if box.key.startswith("loop "):
        return box.key.removeprefix("loop ")
    # The parts of a group would all be called the same.
    return f"{first}\N{HORIZONTAL ELLIPSIS}" if box.key.count(".") > 1 else what(graph, box)


def runs_of(numbers: Sequence[int]) -> list[list[int]]:
    """Return ascending numbers as runs of equal steps: first, step, count."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs:
            first, step, count = runs[-1]
            if count == 1 or number == first + step * count:
                runs[-1] = [first, number - first if count == 1 else step, count + 1]
                continue
        runs.append([number, 1, 1])
    return runs


def _described(plan: plan_pb2.Plan, plan_hash: bytes) -> dict[str, Any]:
    shown_plan: dict[str, Any] = {**describe(plan, plan_hash)}
    for port, declared in zip(shown_plan["inputs"], plan.inputs, strict=True):
        port["schema"] = json.loads(declared.schema_json) if declared.schema_json else {}
        port["default"] = None if declared.required else shown.value(declared.default)
    return shown_plan


def _lasting(request: Request, plan: str, make: Callable[[], Any]) -> Response:
    headers = _lasting_headers(plan)
    if is_current(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return answer(make(), headers=headers)


def _lasting_headers(plan: str) -> dict[str, str]:
    """A later version of the gateway may describe the same plan in more detail: its version is in the tag."""
    return {"ETag": f'"{plan[:32]}{plan[64:]}-{VERSION}"', "Cache-Control": FOR_AN_HOUR}
