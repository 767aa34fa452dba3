"""Plans: store, describe, draw. A plan never changes, and what is made of it neither."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header
from penstock.client.uploads import send_plan
from penstock_plan.errors import PictureTooLarge
from penstock_plan.graph import PlanGraph
from penstock_plan.limits import PLAN_BYTES_MAX
from penstock_plan.picture import draw
from penstock_plan.picture.layout import lay_out
from penstock_plan.show.description import describe
from penstock_proto.plan.v1 import plan_pb2
from starlette.requests import Request
from starlette.responses import Response

from ..edge.answers import BYTES, OCTETS, answer
from ..edge.bodies import read
from ..edge.problems import Problem
from ..edge.ranges import is_current
from . import models, shown
from .context import Caller, Context, Here, PlanHash

SVG: Final = "image/svg+xml"
SVG_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
VERSION: Final = version("penstock-gateway")
FOR_AN_HOUR: Final = "private, max-age=3600"
# Places of boxes, in units of their height.
GAP: Final = 0.5
LINE_GAP: Final = 0.25

NODES_DRAWN_MAX: Final = 20_000

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


@router.get("/plans/{plan}/layout", response_model=models.Graph, responses=NOT_MODIFIED)
async def get_layout(here: Here, plan: PlanHash, request: Request, _: IfNoneMatch = "") -> Response:
    """Get the graph of a plan, laid out: columns from left to right, places from top to bottom."""
    found = await here.client.plan(bytes.fromhex(plan))
    drawn = await graph_of(here, found, bytes.fromhex(plan))
    return _lasting(request, plan, lambda: drawn)


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
    try:
        picture = await asyncio.to_thread(draw, found, bytes.fromhex(plan))
    except PictureTooLarge as error:
        raise Problem("invalid", str(error)) from None
    return Response(picture, headers={**headers, "Content-Security-Policy": SVG_POLICY}, media_type=SVG)


async def graph_of(here: Context, plan: plan_pb2.Plan, plan_hash: bytes) -> dict[str, Any]:
    """Lay out a plan, once a plan while it is remembered."""
    if len(plan.nodes) > NODES_DRAWN_MAX:
        raise Problem("invalid", f"the plan has {len(plan.nodes):,} nodes; at most {NODES_DRAWN_MAX:,} are laid out")
    if (known := here.graphs.get(plan_hash)) is None:
        known = await asyncio.to_thread(_graph, plan, plan_hash)
        here.graphs.keep(plan_hash, known)
    return known


def _graph(plan: plan_pb2.Plan, plan_hash: bytes) -> dict[str, Any]:
    graph = PlanGraph.of(plan, plan_hash)
    edges = [(parent, node) for node, parents in enumerate(graph.parents) for parent in parents]
    layout = lay_out([1.0] * graph.size, edges, gap=GAP, line_gap=LINE_GAP)
    column_of = {vertex: index for index, column in enumerate(layout.columns) for vertex in column}

    def place(vertex: int) -> list[float]:
        return [column_of[vertex], round(layout.y[vertex], 3)]

    return {
        "plan": plan_hash.hex(),
        "nodes": [
            {"name": name, "operator": operator, "place": place(index)}
            for index, (name, operator) in enumerate(zip(graph.names, graph.operators, strict=True))
        ],
        "edges": [
            {"from": start, "to": end, "through": [place(vertex) for vertex in route[1:-1]]}
            for (start, end), route in layout.routes.items()
        ],
    }


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
    return {"ETag": f'"{plan[:32]}-{VERSION}"', "Cache-Control": FOR_AN_HOUR}
