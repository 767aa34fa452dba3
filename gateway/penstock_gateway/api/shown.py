"""Messages of the services as JSON, in the shape of `models`."""

from typing import Any

from penstock.client.expressions import value_json
from penstock.client.view import run_state
from penstock_proto.state_tracker.v1 import service_pb2
from penstock_proto.value.v1 import value_pb2
from penstock_proto.wire import DEFAULT_POOL

from ..edge.answers import shown_run, shown_time

COUNTS = ("waiting", "running", "succeeded", "failed", "skipped")


def run(summary: service_pb2.RunSummary) -> dict[str, Any]:
    options, caller, counts = summary.options, summary.caller, summary.counts
    return {
        "run": shown_run(summary.run_id),
        "workflow": summary.plan_name,
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
        "nodes": summary.nodes,
        "counts": {name: getattr(counts, name) for name in COUNTS} if summary.HasField("counts") else None,
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
