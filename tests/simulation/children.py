"""What must hold of child runs, whichever shards and State Trackers they are on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from penstock_plan.children import Child, Simple
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.wire import child_run_id, shard_of

from .violations import Violation, demand

if TYPE_CHECKING:
    from .invariants import Recorded, RunOfLog

# Within so many seconds a run has ended that nobody waits for, where nothing goes wrong.
STOPS_WITHIN_S = 10.0


@dataclass(slots=True)
class ChildrenOfLog:
    """What the log has said of a run's child runs so far, and of its own ends."""

    began: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])  # nodes, and when
    ended: list[Recorded] = field(default_factory=list["Recorded"])  # ends of nodes that waited for one
    ends: list[Recorded] = field(default_factory=list["Recorded"])  # of this run
    submitted: list[Recorded] = field(default_factory=list["Recorded"])  # this run, once


def node_ended(run: RunOfLog, event: ev.ActionSucceeded | ev.ActionFailed, record: Recorded) -> None:
    """Note the end of a node; what it has to do with its child run is in other logs."""
    waited = run.waits.began.get(event.node)
    demand(waited is not None, f"node {event.node} ends without having waited for its child run")
    assert waited is not None
    waited.ended_at_s, waited.by_signal = record.at_s, True  # not by its time
    run.child_runs.ended.append(record)


def check(runs: Mapping[bytes, RunOfLog], logs: Sequence[Sequence[Recorded]]) -> None:
    """Check that each child run was started as its node says, once, and that the node ended as the child did."""
    of_node: dict[tuple[bytes, int], list[bytes]] = {}
    for run_id, run in runs.items():
        if run.submitted.parent_run_id:
            _check_start(run_id, run, runs, logs)
            of_node.setdefault((run.submitted.parent_run_id, run.submitted.parent_node), []).append(run_id)
    for (parent_id, node), children in of_node.items():
        times = sum(each == node for each, _ in runs[parent_id].child_runs.began)
        demand(len(children) <= times, f"run {parent_id.hex()}: node {node} began {times} times, and has {children}")
    for run_id, run in runs.items():
        for record in run.child_runs.ended:
            _check_end(run_id, run, record, runs, logs, of_node)


def _check_start(
    run_id: bytes, run: RunOfLog, runs: Mapping[bytes, RunOfLog], logs: Sequence[Sequence[Recorded]]
) -> None:
    parent_id, node = run.submitted.parent_run_id, run.submitted.parent_node
    parent = runs.get(parent_id)
    if parent is None:
        raise Violation(f"run {run_id.hex()} is a child of a run that was not submitted")
    child = _child(parent, node)
    demand(run.graph.hash == child.plan, f"run {run_id.hex()} has another plan than its node says")
    demand(run.submitted.depth == parent.submitted.depth + 1, f"run {run_id.hex()} is at another depth")
    began = [at_s for each, at_s in parent.child_runs.began if each == node]
    (submitted,) = run.child_runs.submitted
    demand(bool(began) and submitted.at_s >= began[0], f"run {run_id.hex()} is there before its node waits for it")
    numbers = range(1, len(began) + 1)
    demand(
        run_id in [child_run_id(parent_id, node, each) for each in numbers],
        f"run {run_id.hex()} has the id of no child",
    )
    log = logs[shard_of(parent_id, len(logs))]
    for place, (name, argument) in enumerate(child.arguments):
        due = [value.inline for value in _recorded(argument, _origins(parent_id, runs), log)]
        given = run.submitted.inputs.values[place].inline
        demand(given in due, f"run {run_id.hex()}: its input {name} is {given}, and its parent has {due}")


def _check_end(
    run_id: bytes,
    run: RunOfLog,
    record: Recorded,
    runs: Mapping[bytes, RunOfLog],
    logs: Sequence[Sequence[Recorded]],
    of_node: Mapping[tuple[bytes, int], list[bytes]],
) -> None:
    kind = record.event.WhichOneof("kind") or ""
    event = getattr(record.event, kind)
    where = f"run {run_id.hex()}: node {event.node}"
    children = of_node.get((run_id, event.node), [])
    ends = [(one, end) for one in children for end in runs[one].child_runs.ends if end.at_s <= record.at_s]
    states = [end.event.run_ended.state for _, end in ends]
    if kind == "action_failed":
        ended = [state for state in states if state != ev.RUN_STATE_SUCCEEDED]
        demand(bool(ended), f"{where} failed, and no child run of it had, but ended as {states}")
        return
    demand(ev.RUN_STATE_SUCCEEDED in states, f"{where} succeeded, and its child runs had ended as {states}")
    found: list[list[bytes]] = []
    for one, end in ends:
        if end.event.run_ended.state == ev.RUN_STATE_SUCCEEDED:
            log = logs[shard_of(one, len(logs))]
            outputs = [_recorded(each, _origins(one, runs), log)[-1:] for each in _child(run, event.node).outputs]
            found.append([value.SerializeToString() for values in outputs for value in values])
    put_out = [value.SerializeToString() for value in event.outputs.values]
    demand(put_out in found, f"{where} put out {put_out}, and its child runs {found}")


def _child(run: RunOfLog, node: int) -> Child:
    wait = run.graph.waits.get(node)
    if wait is None or wait.child is None:
        raise Violation(f"node {node} starts no run")
    return wait.child


def _origins(run_id: bytes, runs: Mapping[bytes, RunOfLog]) -> list[bytes]:
    """Return a run and those that it is forked from: where its values are recorded."""
    found = [run_id]
    while origin := runs[found[-1]].submitted.forked_from:
        found.append(origin)
    return found


def _recorded(simple: Simple, run_ids: Sequence[bytes], log: Sequence[Recorded]) -> list[Any]:
    """All values that the log of these runs has for it, in their order."""
    found: list[Any] = []
    for record in log:
        event = record.event
        if event.run_id not in run_ids:
            continue
        if event.HasField("run_submitted"):
            inputs = event.run_submitted.inputs.values
            value = simple.value(lambda node, given=inputs: given if node < 0 else None)
        elif event.HasField("action_succeeded") and event.action_succeeded.node == simple.node:
            outputs = event.action_succeeded.outputs.values
            value = simple.value(lambda node, given=outputs: given)
        else:
            continue
        found += [] if value is None else [value]
    return found


def check_prompt(runs: Mapping[bytes, RunOfLog]) -> None:
    """Check that a child run ends soon after its parent; only where nothing else went wrong."""
    for run_id, run in runs.items():
        parent = runs.get(run.submitted.parent_run_id)
        if parent is None or len(run.child_runs.ends) > 1 or len(parent.child_runs.ends) > 1:
            continue
        late_s = run.ended_at_s - parent.ended_at_s
        demand(late_s < STOPS_WITHIN_S, f"run {run_id.hex()} ended {late_s:.1f} s after its parent")
