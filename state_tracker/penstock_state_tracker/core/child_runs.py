"""Child runs: what a node starts its run with, and what the end of that run means for the node. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from penstock_plan.children import CHILD_DEPTH_MAX, Child
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import reports_pb2
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_proto.value.v1 import value_pb2
from penstock_proto.wire import INPUTS_NODE

from ..errors import run_text
from .run import Run

STATES: Final = {ev.RUN_STATE_FAILED: "failed", ev.RUN_STATE_CANCELLED: "was cancelled"}

Positions = Mapping[int, int]  # of the events in the log of the shard, by node; of the inputs of the run: by -1


def child_of(run: Run, node: int) -> Child | None:
    """Return the run that a node starts."""
    wait = run.graph.waits.get(node)
    return wait.child if wait is not None else None


def positions(run: Run, child: Child) -> Positions:
    """Return where the values are recorded that a child run is started with, and where its parent was submitted."""
    found = {INPUTS_NODE: run.first_seq}
    for _, argument in child.arguments:
        if argument.node >= 0:
            found[argument.node] = run.outputs[argument.node]
    return found


def request(
    run: Run, node: int, child: Child, run_id: bytes, recorded: Mapping[int, ev.Event]
) -> api.SubmitRequest | str:
    """Return the request by which the child run is started, or why it cannot be.

    Args:
        recorded: The events at `positions`, by node.
    """
    submitted = recorded[INPUTS_NODE].run_submitted
    depth = submitted.depth + 1
    if depth > CHILD_DEPTH_MAX:
        return f"it would be more than {CHILD_DEPTH_MAX} child runs deep: let a run start fewer within each other"

    def values_of(parent: int) -> Sequence[value_pb2.Value]:
        return submitted.inputs.values if parent < 0 else recorded[parent].action_succeeded.outputs.values

    asked = api.SubmitRequest(
        run_id=run_id,
        plan=child.plan,
        caller=ev.Caller.FromString(run.caller),
        options=_options(run, child),
        parent=api.Parent(run_id=run.run_id, node=node, depth=depth),
    )
    for name, argument in child.arguments:
        value = argument.value(values_of)
        if value is None:
            return f"its input {name!r} has no value"
        asked.inputs[name].CopyFrom(value)
    return asked


def _options(run: Run, child: Child) -> ev.RunOptions:
    """The options of a child run: those of the run that starts it, but for what ends with that one."""
    own, options = plan_pb2.Child.FromString(child.options), ev.RunOptions.FromString(run.options)
    options.ClearField("notify")
    options.workflow, options.workflow_version = "", 0
    options.deadline_s = own.deadline_s
    options.pool = own.pool or options.pool
    if own.HasField("priority"):
        options.priority = own.priority
    options.labels.update(own.labels)
    return options


def ended(run: Run, node: int, child: Child, result: api.RunResult) -> reports_pb2.Report:
    """Return how a node ends by the end of its child run."""
    if result.state != ev.RUN_STATE_SUCCEEDED:
        return failed(run, node, result.run_id, _how(result))
    values = {outputs.node: outputs.values.values for outputs in result.outputs}
    report = reports_pb2.Report(run_id=run.run_id, node=node, attempt=run.attempt(node))
    report.succeeded.SetInParent()
    for number, output in enumerate(child.outputs, 1):
        value = output.value(values.get)
        if value is None:
            return failed(run, node, result.run_id, f"has no output {number}")
        report.succeeded.outputs.values.append(value)
    return report


def failed(run: Run, node: int, child_id: bytes, what: str) -> reports_pb2.Report:
    """Return the failure of a node that names its child run."""
    failure = ev.Failure(type="ChildRunFailed", message=f"child run {run_text(child_id)} {what}")
    report = reports_pb2.Report(run_id=run.run_id, node=node, attempt=run.attempt(node))
    report.failed.CopyFrom(reports_pb2.Failed(cause=ev.CAUSE_USER, failure=failure, final=True))
    return report


def _how(result: api.RunResult) -> str:
    how, failure = STATES.get(result.state, "has not succeeded"), result.failure.failure
    return f"{how}: {failure.type}: {failure.message}" if failure.type else how
