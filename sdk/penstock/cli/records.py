"""Runs as JSON: what `--json` prints."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from penstock_plan.show.expressions import expression
from penstock_proto.state_tracker.v1 import events_pb2, service_pb2

from ..client.children import ChildRun
from ..client.node_progress import NodeProgress
from ..client.outputs import Output
from ..client.past import PastRun
from ..client.registered import AliasMove, Change, Deployed, TypeInfo, WorkflowInfo, WorkflowVersion
from ..client.runs import RunInfo
from ..client.view import Attempt, NodeState, NodeView, RunView


def of_info(run: RunInfo | PastRun) -> dict[str, Any]:
    return {
        "run": str(run.id),
        "workflow": run.workflow,
        "name": run.name or None,
        "version": run.version or None,
        "plan": run.plan_hash.hex(),
        "state": run.state.value,
        "team": run.team,
        "user": run.user,
        "submitted_at_us": run.submitted_at_us,
        "ended_at_us": run.ended_at_us or None,
        "nodes": run.nodes,
        "counts": dict(run.counts),
        "labels": dict(run.labels),
    }


def of_view(
    view: RunView, inputs: dict[str, Any], outputs: dict[str, Any] | None, children: Sequence[ChildRun] = ()
) -> dict[str, Any]:
    """The run's id, state, inputs, outputs and timings; null where something is not there yet."""
    failed = view.nodes[view.first_failure] if view.first_failure >= 0 else None
    return {
        "run": view.id,
        "workflow": view.plan.name,
        "name": view.options.workflow or None,
        "version": view.options.workflow_version or None,
        "plan": view.plan_hash.hex(),
        "state": view.state.value,
        "inputs": inputs,
        "outputs": outputs,
        "failure": _failure(failed) if failed else None,
        "failed_at_end": view.nodes[view.failed_at_end].name if view.failed_at_end >= 0 else None,
        "paused": view.is_paused,
        "forked_from": str(uuid.UUID(bytes=view.forked_from)) if view.forked_from else None,
        "parent": str(uuid.UUID(bytes=view.parent_run_id)) if view.parent_run_id else None,
        "children": [of_child(child) for child in children],
        "cancelled": {"user": view.cancelled_by, "reason": view.cancel_reason} if view.state == "cancelled" else None,
        "timings": {
            "submitted_at_us": view.submitted_at_us,
            "ended_at_us": view.ended_at_us or None,
            "duration_s": (view.ended_at_us - view.submitted_at_us) / 1e6 if view.ended_at_us else None,
            "nodes": [_node(view, node) for node in view.nodes],
        },
    }


def of_child(child: ChildRun) -> dict[str, Any]:
    return {"node": child.node, **of_info(child.run)}


def of_workflow(workflow: WorkflowInfo) -> dict[str, Any]:
    return {
        "name": workflow.name,
        "team": workflow.team,
        "doc": workflow.doc,
        "latest": workflow.latest,
        "aliases": dict(workflow.aliases),
        "updated_at_us": workflow.updated_at_us,
    }


def of_version(version: WorkflowVersion) -> dict[str, Any]:
    return {
        "name": version.name,
        "version": version.version,
        "plan": version.plan_hash.hex(),
        "bundle": version.bundle.hex() or None,
        "workflow": version.workflow,
        "team": version.team,
        "user": version.user,
        "nodes": version.nodes,
        "published_at_us": version.published_at_us,
        "changes": _changes(version.changes),
        "types": dict(version.types),
    }


def of_type(version: TypeInfo) -> dict[str, Any]:
    return {
        "name": version.name,
        "version": version.version,
        "fields": dict(version.fields),
        "workflow": version.workflow,
        "published_at_us": version.published_at_us,
    }


def of_move(moved: AliasMove) -> dict[str, Any]:
    return {
        "name": moved.name,
        "alias": moved.alias,
        "version": moved.version or None,
        "from_version": moved.from_version or None,
        "changes": _changes(moved.changes),
    }


def of_deployed(done: Deployed) -> dict[str, Any]:
    return {
        **of_version(done.version),
        "created": done.created,
        "alias": None if done.moved is None else of_move(done.moved),
    }


def _changes(changes: Sequence[Change]) -> list[dict[str, Any]]:
    return [{"text": each.text, "incompatible": each.incompatible} for each in changes]


def of_node(view: RunView, node: NodeView, arguments: dict[str, Any], outputs: dict[str, Any] | None) -> dict[str, Any]:
    """One node of a run; its outputs are null until it has succeeded."""
    failed = node.state is NodeState.FAILED
    return {
        "run": view.id,
        **_node(view, node),
        "arguments": arguments,
        "call": node.place or None,
        "uses": [view.nodes[parent].name for parent in node.parents],
        "outputs": outputs,
        "failure": _failure(node) if failed else None,
    }


def of_output(output: Output) -> dict[str, Any]:
    """An output without its value; what is not known before it is there is null."""
    return {
        "output": output.path,
        "type": output.type,
        "ready": output.is_ready,
        "codec": output.codec or None,
        "size_bytes": output.size_bytes if output.is_ready else None,
    }


def of_event(recorded: service_pb2.RecordedEvent) -> dict[str, Any]:
    """One event with its place in the log; hashes in hex, inline values as JSON where they are JSON."""
    kind = recorded.event.WhichOneof("kind") or "unknown"
    body = of_message(getattr(recorded.event, kind)) if kind != "unknown" else {}
    return {
        "shard": recorded.shard,
        "seq": recorded.seq,
        "recorded_at_us": recorded.recorded_at_us,
        "run": str(uuid.UUID(bytes=recorded.event.run_id)),
        "kind": kind,
        **body,
    }


def of_message(message: Message) -> dict[str, Any]:
    """A message as JSON in the names of its .proto file, with every field that has a default; numbers are numbers."""
    return _plain(
        MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True), message
    )


def _plain(shown: dict[str, Any], message: Message) -> dict[str, Any]:
    """JSON of protobuf writes 64-bit numbers as text and bytes as base64: people and programs want neither."""
    for field in message.DESCRIPTOR.fields:
        if field.name not in shown:
            continue
        value: Any = getattr(message, field.name)
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            if field.is_repeated:
                shown[field.name] = [_plain(each, part) for each, part in zip(shown[field.name], value, strict=True)]
            else:
                shown[field.name] = _plain(shown[field.name], value)
        elif field.type == field.TYPE_BYTES and not field.is_repeated:
            shown[field.name] = _bytes(field.name, value)
        elif field.cpp_type in (field.CPPTYPE_INT64, field.CPPTYPE_UINT64):
            shown[field.name] = list(value) if field.is_repeated else value
    return shown


def _bytes(name: str, value: bytes) -> Any:
    if name != "inline":
        return value.hex()
    try:
        return json.loads(value)
    except ValueError:
        return value.hex()


def _failure(node: NodeView) -> dict[str, Any]:
    last = node.attempts[-1] if node.attempts else None
    failure = last.failure if last else None
    return {
        "node": node.name,
        "operator": node.operator,
        "call": node.place,
        "cause": last.cause if last else "",
        "type": failure.type if failure else "",
        "message": failure.message if failure else "",
        "traceback": failure.traceback if failure else "",
    }


def _node(view: RunView, node: NodeView) -> dict[str, Any]:
    return {
        "name": node.name,
        "label": view.labels[node.index],
        "operator": node.operator,
        "state": node.state.value,
        "reused": node.is_reused,
        "reused_from": origin(node.reuse) if node.reuse is not None else None,
        "started_at_us": node.started_at_us or None,
        "ended_at_us": node.ended_at_us or None,
        "duration_s": node.duration_us / 1e6 if node.ended_at_us else None,
        "skipped_because": node.skip_reason or None,
        "progress": _progress(node.progress) if node.progress else None,
        "arguments": {each.name: expression(view.plan, each.value) for each in view.plan.nodes[node.index].arguments},
        "attempts": [_attempt(attempt) for attempt in node.attempts],
    }


def origin(reuse: events_pb2.Reuse) -> dict[str, Any]:
    """The execution whose result another one took."""
    return {
        "run": str(uuid.UUID(bytes=reuse.run_id)),
        "node": reuse.name,
        "attempt": reuse.attempt,
        "kept_at_us": reuse.kept_at_us,
    }


def _progress(said: NodeProgress) -> dict[str, Any]:
    return {
        "attempt": said.attempt,
        "at_us": said.at_us,
        "done": _finite(said.done),
        "total": _finite(said.total),
        "text": said.text,
        "line": said.line or None,
    }


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "attempt": attempt.number,
        "state": attempt.state.value,
        "worker": attempt.worker,
        "started_at_us": attempt.started_at_us or None,
        "ended_at_us": attempt.ended_at_us or None,
        "duration_s": attempt.duration_us / 1e6 if attempt.ended_at_us else None,
        "cause": attempt.cause or None,
        "message": attempt.failure.message if attempt.failure else None,
    }
