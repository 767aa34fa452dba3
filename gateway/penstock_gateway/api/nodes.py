"""The inside of a run: its nodes, their attempts and values, its events, why it waits."""

import dataclasses
from bisect import bisect_right
from collections.abc import Mapping
from contextlib import aclosing
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from penstock.cli.records import of_event, origin
from penstock.client.run_id import parse_run_id
from penstock.client.view import Attempt, NodeState, NodeView, RunView
from penstock_proto.state_tracker.v1 import service_pb2
from penstock_proto.value.v1 import value_pb2
from penstock_proto.wire import shard_of
from starlette.responses import RedirectResponse, Response

from ..edge.answers import JSON_TYPE, OCTETS, answer, shown_time
from ..edge.problems import Problem
from . import fields, models, shown
from .context import NAME_PATTERN, Context, Here, NodeName, OutputName, RunId
from .run_filters import NameFilter

PAGE: Final = 100
PAGE_MAX: Final = 1_000
INDEX_MAX: Final = 10**9
SEQ_MAX: Final = 2**62
ATTEMPTS_SHOWN_MAX: Final = 20
USES_SHOWN_MAX: Final = 100
# JSON arguments up to this size are shown whole.
JSON_BYTES_MAX: Final = 64 * 1024

# What needs attention comes first.
URGENCY: Final = {
    state: place
    for place, state in enumerate(
        (
            NodeState.FAILED,
            NodeState.RUNNING,
            NodeState.CANCELLED,
            NodeState.WAITING,
            NodeState.SKIPPED,
            NodeState.NOT_TAKEN,
            NodeState.MAPPED,
            NodeState.SUCCEEDED,
        )
    )
}

router = APIRouter(prefix="/v1", tags=["nodes"])

NodePart = Annotated[str, Query(max_length=255, pattern=NAME_PATTERN, description="Only of this node.")]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]


@router.get("/runs/{run:part}/nodes", response_model=models.Nodes)
async def list_nodes(
    here: Here,
    run: RunId,
    state: Annotated[list[fields.NodeState] | None, Query(max_length=8)] = None,
    limit: Limit = PAGE,
    after: Annotated[int, Query(ge=-1, le=INDEX_MAX, description="`next` of the page before.")] = -1,
    offset: Annotated[int, Query(ge=0, le=INDEX_MAX, description="Instead of `after`: leave this many out.")] = 0,
    operator: Annotated[str, Query(max_length=511, pattern=NAME_PATTERN, description="Only of this operator.")] = "",
    item_of: Annotated[
        str, Query(max_length=255, pattern=NAME_PATTERN, description="Only what maps made of this node of the plan.")
    ] = "",
    q: Annotated[NameFilter, Query(description="Part of the name or of the operator's name, in any case.")] = "",
    order: Annotated[
        Literal["plan", "-duration", "state"],
        Query(description="`-duration`: what took longest first; `state`: what needs attention first."),
    ] = "plan",
) -> Response:
    """List the nodes of a run. `seq` says of which moment: a stream can go on from there."""
    view = await here.views.get(parse_run_id(run))
    words = q.lower()
    index = view.index_of.get(item_of, -1)
    nodes = view.nodes if not item_of else [view.nodes[each] for each in view.executions(index)]
    found = [
        node
        for node in nodes
        if (not state or node.state.value in state)
        and (not operator or node.operator == operator)
        and (not words or words in node.name.lower() or words in node.operator.lower())
    ]
    if order == "-duration":
        found.sort(key=lambda node: (-node.duration_us, node.index))
    elif order == "state":
        found.sort(key=lambda node: (URGENCY[node.state], node.index))
    total, begin = len(found), offset if order != "plan" or after < 0 else bisect_right(found, after, key=_index)
    page = found[begin : begin + limit]
    body = {
        "run": view.id,
        "state": view.state.value,
        "seq": view.seq,
        "nodes": [_node(view, node) for node in page],
        "next": page[-1].index if order == "plan" and begin + limit < total else None,
        "total": total,
    }
    return answer(body)


@router.get("/runs/{run:part}/nodes/{node:part}", response_model=models.Node)
async def get_node(here: Here, run: RunId, node: NodeName) -> Response:
    """Get a node of a run."""
    view, found = await _found(here, run, node)
    return answer(_node(view, found))


@router.get("/runs/{run:part}/nodes/{node:part}/attempts", response_model=models.Attempts)
async def list_attempts(here: Here, run: RunId, node: NodeName) -> Response:
    """List the attempts of a node, the first one first, with the failures of those that failed."""
    view, found = await _found(here, run, node)
    return answer({"run": view.id, "node": found.name, "attempts": [attempt_shown(one) for one in found.attempts]})


@router.get("/runs/{run:part}/nodes/{node:part}/arguments", response_model=models.Arguments)
async def list_arguments(here: Here, run: RunId, node: NodeName) -> Response:
    """List the arguments of a node: where each is from, and its value, or a preview of it, once it is recorded."""
    view, found = await _found(here, run, node)
    given = await here.client.arguments_json(view.id, found.name, json_bytes_max=JSON_BYTES_MAX)
    return answer({"run": view.id, "node": found.name, "arguments": [{"name": n, **each} for n, each in given.items()]})


@router.get("/runs/{run:part}/nodes/{node:part}/values", response_model=models.Values)
async def list_values(
    here: Here,
    run: RunId,
    node: NodeName,
    preview: Annotated[bool, Query(description="Look into values that are not JSON.")] = False,
) -> Response:
    """List the outputs of a node that has succeeded."""
    view, found = await _found(here, run, node)
    values = await _outputs(here, view, found)
    return answer({"run": view.id, "node": found.name, "values": await _values(here, values, preview)})


@router.get("/runs/{run:part}/outputs", response_model=models.Outputs)
async def list_outputs(here: Here, run: RunId, node: NodePart = "") -> Response:
    """List what there is to be had of a run, or of one of its nodes: names, types and sizes."""
    if node:
        await _found(here, run, node)
    listed = await here.client.outputs(run, node or None)
    return answer({"run": run, "outputs": [dataclasses.asdict(each) for each in listed]})


@router.get(
    "/runs/{run:part}/nodes/{node:part}/values/{output:part}",
    response_model=None,
    responses={
        200: {"description": "The value.", "content": {JSON_TYPE: {"schema": {}}, OCTETS: {"schema": {}}}},
        307: {"description": "The value is an artifact, at Location."},
    },
)
async def get_value(here: Here, run: RunId, node: NodeName, output: OutputName) -> Response:
    """Get an output of a node: JSON, bytes, or a redirect to the artifact."""
    view, found = await _found(here, run, node)
    values = await _outputs(here, view, found)
    if output not in values:
        raise Problem("not-found", f"node {node!r} has no output {output!r}; it has {', '.join(values) or 'none'}")
    value = values[output]
    if value.WhichOneof("body") == "artifact":
        return RedirectResponse(shown.artifact_href(value.artifact), headers={"Cache-Control": "no-store"})
    if value.codec == "json":
        return answer(shown.value(value))
    return Response(value.inline, headers={"Cache-Control": "no-store"}, media_type=OCTETS)


@router.get("/runs/{run:part}/inputs", response_model=models.Inputs)
async def list_inputs(
    here: Here,
    run: RunId,
    preview: Annotated[bool, Query(description="Look into values that are not JSON.")] = False,
) -> Response:
    """List the inputs of a run, defaults filled in."""
    summary = await here.client.summary(run)
    plan = await here.client.plan(summary.plan)
    recorded = await _recorded(here, summary.run_id, summary.first_seq)
    names = [declared.name for declared in plan.inputs]
    values = await _values(here, dict(zip(names, recorded, strict=False)), preview)
    return answer({"run": run, "values": values})


@router.get("/runs/{run:part}/events", response_model=models.Events)
async def list_events(
    here: Here,
    run: RunId,
    limit: Limit = PAGE,
    after: Annotated[int, Query(ge=0, le=SEQ_MAX, description="`next` of the page before: a position.")] = 0,
) -> Response:
    """List the recorded events of a run, the first one first, as they are in the log."""
    found: list[service_pb2.RecordedEvent] = []
    async with aclosing(here.client.events(run, after_seq=after, follow=False)) as batches:
        async for batch in batches:
            found.extend(batch)
            if len(found) > limit:
                break
    after_last = found[limit - 1].seq if len(found) > limit else None
    return answer({"events": [of_event(event) for event in found[:limit]], "next": after_last})


@router.get("/runs/{run:part}/why", response_model=models.Why)
async def why(here: Here, run: RunId) -> Response:
    """Say of each node that waits or runs why it does not go on."""
    lines = await here.client.why(run)
    return answer({"run": run, "waits": [{"node": node, "text": text} for node, text in lines]})


def _index(node: NodeView) -> int:
    return node.index


async def _found(here: Context, run: str, node: str) -> tuple[RunView, NodeView]:
    view = await here.views.get(parse_run_id(run))
    if (index := view.index_of.get(node)) is None:
        names = ", ".join(one.name for one in view.nodes[:20])
        raise Problem("not-found", f"{view.plan.name} has no node {node!r}; its nodes are {names}")
    return view, view.nodes[index]


async def _outputs(here: Context, view: RunView, node: NodeView) -> dict[str, value_pb2.Value]:
    if not node.output_seq:
        raise Problem("not-found", f"node {node.name!r} has no outputs: it is {node.state.value}")
    declared = view.plan.nodes[node.index]
    names = [output.name for output in view.plan.operators[declared.operator].outputs] if node.operator else []
    recorded = await _recorded(here, view.run_id, node.output_seq)
    return dict(zip(names, recorded, strict=False))


async def _recorded(here: Context, run_id: bytes, seq: int) -> list[value_pb2.Value]:
    """Read the values that an event of the run's shard carries."""
    shard = shard_of(run_id, here.shards)
    request = service_pb2.ReadValuesRequest(positions=[service_pb2.ShardSeqs(shard=shard, seqs=[seq])])
    found = await here.client.connection.call("state_tracker", "ReadValues", request)
    return [value for one in found.values for value in one.values.values]


def _node(view: RunView, node: NodeView) -> dict[str, Any]:
    return {
        "name": node.name,
        "index": node.index,
        "operator": node.operator,
        "kind": node.kind,
        "call": node.place,
        "state": node.state.value,
        "uses": [view.nodes[parent].name for parent in node.parents[:USES_SHOWN_MAX]],
        "uses_count": len(node.parents),
        "attempts": len(node.attempts),
        "worker": node.attempts[-1].worker if node.attempts else "",
        "started_at": shown_time(node.started_at_us),
        "ended_at": shown_time(node.ended_at_us),
        "duration_s": node.duration_us / 1e6 if node.ended_at_us else None,
        "skipped_because": node.skip_reason or None,
        "because_of": view.nodes[node.because_of].name if node.because_of >= 0 else None,
        "reused_from": origin(node.reuse) if node.reuse is not None else None,
    }


def attempt_shown(one: Attempt) -> dict[str, Any]:
    failure = one.failure
    return {
        "attempt": one.number,
        "state": one.state.value,
        "worker": one.worker,
        "started_at": shown_time(one.started_at_us),
        "ended_at": shown_time(one.ended_at_us),
        "duration_s": one.duration_us / 1e6 if one.ended_at_us else None,
        "cause": one.cause or None,
        "retry_delay_s": one.retry_delay_s,
        "failure": {"type": failure.type, "message": failure.message, "traceback": failure.traceback}
        if failure is not None
        else None,
    }


async def _values(here: Context, values: Mapping[str, value_pb2.Value], preview: bool) -> list[dict[str, Any]]:
    found = [_value(name, one) for name, one in values.items()]
    if preview:
        previews = await here.client.previews(list(values.values()))
        for shown_value, one in zip(found, previews, strict=True):
            shown_value["preview"] = one
    return found


def _value(name: str, value: value_pb2.Value) -> dict[str, Any]:
    shown_value: dict[str, Any] = {
        "name": name,
        "codec": value.codec,
        "type": value.type_name,
        "size_bytes": value.size_bytes,
        "json": None,
        "artifact": None,
        "href": None,
        "preview": None,
    }
    if value.WhichOneof("body") == "artifact":
        shown_value |= {"artifact": value.artifact.hex(), "href": shown.artifact_href(value.artifact)}
    elif value.codec == "json":
        shown_value["json"] = shown.value(value)
    return shown_value
