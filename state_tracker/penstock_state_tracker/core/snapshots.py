"""Open runs as messages: for checkpoints, for followers, and back."""

from typing import cast

from penstock_plan.graph import PlanGraph
from penstock_plan.growth import GrownGraph
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api

from .run import Begun, History, Run
from .transitions import FAILED, RUNNING, SUCCEEDED, TEMPLATE, WAITING

FIRST = frozenset({WAITING, TEMPLATE})


def describe(run: Run, now: float) -> api.OpenRun:
    """Return all that the log says of an open run."""
    described = api.OpenRun(
        run_id=run.run_id,
        plan=run.graph.hash,
        team=run.team,
        options=ev.RunOptions.FromString(run.options),
        caller=ev.Caller.FromString(run.caller),
        plan_name=run.plan_name,
        first_seq=run.first_seq,
        submitted_at_us=run.submitted_at_us,
        cancelling=run.is_cancelling,
        failing_fast=run.is_failing_fast,
        failed_node=run.failed_node,
        failure_seq=run.failure_seq,
        paused=run.is_paused,
        parent_run_id=run.parent,
        ending=cast("ev.RunState", run.ending),
        end_cancelled=run.is_end_cancelled,
        failed_at_end=run.failed_at_end + 1,
    )
    if run.deadline < float("inf"):
        described.deadline_in_s = run.deadline - now
    if isinstance(run.graph, GrownGraph):
        described.growth.extend(ev.Growth(node=each.node, items=each.items) for each in run.graph.growths)
    histories, begun = run.histories, run.waits.begun
    for node, status in enumerate(run.status):
        if status not in FIRST or node in histories or node in begun:
            described.nodes.append(_node(run, node, status, histories.get(node), now))
    described.signals.extend(run.waits.signals[node] for node in sorted(run.waits.signals))
    return described


def _node(run: Run, node: int, status: int, history: History | None, now: float) -> api.OpenNode:
    open_node = api.OpenNode(node=node, status=cast("api.NodeStatus", status), attempt=run.attempt(node))
    if history is not None:
        open_node.retries, open_node.lost = history.retries, history.lost
        open_node.delay_s = max(0.0, history.ready_at - now)
        if history.looks_since is not None:
            open_node.looks_s = max(0.0, now - history.looks_since)
    if status in (SUCCEEDED, FAILED):
        open_node.output_seq = run.outputs[node]
    elif status == RUNNING:
        open_node.grant, open_node.worker = run.running[node]
        open_node.running_s = max(0.0, now - run.started_at[node])
    elif status == WAITING and (begun := run.waits.begun.get(node)) is not None:
        open_node.waits, open_node.due_at_us = True, begun.due_at_us
        open_node.due_in_s = begun.due - now
    return open_node


def restored(described: api.OpenRun, graph: PlanGraph, now: float) -> Run:
    """Return the run that was described."""
    run = Run(described.run_id, graph, described.first_seq)
    run.submitted_at_us = described.submitted_at_us
    run.touched = now
    run.describe_submission(described.options, described.caller)
    run.is_paused = described.paused
    run.parent = described.parent_run_id
    if described.ending:
        run.begin_end(described.ending)
    run.is_end_cancelled, run.failed_at_end = described.end_cancelled, described.failed_at_end - 1
    run.is_cancelling = described.cancelling
    run.is_failing_fast = described.failing_fast
    run.failed_node, run.failure_seq = described.failed_node, described.failure_seq
    for growth in described.growth:
        run.grow(growth.node, growth.items)
    for node in described.nodes:
        _restore_node(run, node, now)
    if described.HasField("deadline_in_s"):
        run.deadline = now + described.deadline_in_s
    for received in described.signals:
        run.waits.signals[run.graph.node_of(received.name)] = received
    return run


def _restore_node(run: Run, described: api.OpenNode, now: float) -> None:
    node, status = described.node, described.status
    run.status[node] = status
    if status in (SUCCEEDED, FAILED):
        run.outputs[node] = described.output_seq
    elif status == RUNNING:
        run.running[node] = (described.grant, described.worker)
        run.started_at[node] = now - described.running_s
    elif described.waits:
        run.waits.begun[node] = Begun(described.due_at_us, now + described.due_in_s)
    if status > RUNNING:
        run.open -= 1
    elif described.attempt > 1:
        history = run.history(node)
        history.attempt, history.retries, history.lost = described.attempt, described.retries, described.lost
        history.ready_at = now + described.delay_s
        if described.HasField("looks_s"):
            history.looks_since = now - described.looks_s
