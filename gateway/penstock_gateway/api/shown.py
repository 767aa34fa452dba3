"""Messages of the services as JSON, in the shape of `models`."""

from typing import Any

from penstock.client.previews import value_json
from penstock.client.view import run_state
from penstock_proto.history.v1 import service_pb2 as history
from penstock_proto.state_tracker.v1 import service_pb2
from penstock_proto.value.v1 import value_pb2
from penstock_proto.wire import DEFAULT_POOL

from ..edge.answers import shown_run, shown_time

COUNTS = ("waiting", "running", "succeeded", "failed", "skipped")
ENDED = ("running", "succeeded", "failed", "skipped", "cancelled")


def run(summary: service_pb2.RunSummary) -> dict[str, Any]:
    counts = summary.counts
    has_counts = summary.HasField("counts")
    shown_counts = {**{name: getattr(counts, name) for name in COUNTS}, "cancelled": 0} if has_counts else None
    return _run(summary, summary.plan_name, summary.nodes, shown_counts)


def listed(record: history.RunRecord) -> dict[str, Any]:
    ended_us, counts = record.ended_at_us, record.counts
    is_known = not ended_us or any(getattr(counts, name) for name in ENDED)
    return {
        **_run(record, record.workflow, counts.nodes, node_counts(counts) if is_known else None),
        "duration_s": (ended_us - record.submitted_at_us) / 1e6 if ended_us else None,
        "busy_s": record.busy_us / 1e6,
        "retries": record.retries,
        "failed_node": record.failed_node or None,
        "failure_text": record.failure or None,
    }


def node_counts(counts: history.Counts) -> dict[str, int]:
    known = {name: getattr(counts, name) for name in ENDED}
    return {"waiting": max(0, counts.nodes - sum(known.values())), **known}


def _run(
    summary: service_pb2.RunSummary | history.RunRecord, workflow: str, nodes: int, counts: dict[str, int] | None
) -> dict[str, Any]:
    options, caller = summary.options, summary.caller
    return {
        "run": shown_run(summary.run_id),
        "workflow": workflow,
        "launched_as": f"{options.workflow}@{options.workflow_version}" if options.workflow else None,
        "plan": summary.plan.hex(),
        "state": run_state(summary.state).value,
        "team": summary.team,
        "pool": options.pool or DEFAULT_POOL,
        "priority": options.priority,
        "fail_fast": options.fail_fast,
        "user": caller.user,
        "client": caller.client,
        "submitted_at": shown_time(summary.submitted_at_us),
        "ended_at": shown_time(summary.ended_at_us),
        "nodes": nodes,
        "counts": counts,
        "labels": dict(options.labels),
    }


def value(recorded: value_pb2.Value) -> Any:
    """A JSON value as it is; another one by its type, its size and the artifact that holds it."""
    shown = value_json(recorded)
    if recorded.WhichOneof("body") == "artifact":
        shown["href"] = artifact_href(recorded.artifact)
    return shown


def artifact_href(artifact: bytes) -> str:
    return f"/v1/artifacts/{artifact.hex()}"
