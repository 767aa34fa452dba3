"""Child runs in the State Tracker's core: started with what, ended once, whoever owns the shard."""

from __future__ import annotations

from typing import Any

import pytest
from penstock_plan.graph import PlanGraph
from penstock_proto.plan.v1 import plan_pb2 as pl
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_proto.value.v1.value_pb2 import Value, Values
from penstock_proto.wire import child_run_id
from penstock_state_tracker.core import child_runs
from penstock_state_tracker.core.shard import Shard

from .test_core import PLAN, RUN, kinds, state_of, succeeded
from .test_waits import replayed, tick

CHILD = 1  # the node that starts a run


def value(text: bytes) -> Value:
    return Value(codec="json", inline=text)


def shard() -> Shard:
    """An empty shard with a plan: a call, a child run that gets its output, and a call that gets the child's."""
    plan = pl.Plan(schema=2, name="m:w", operators=[pl.Operator(module="m", qualname="f")])
    plan.inputs.add(name="x")
    for index in range(3):
        plan.nodes.add(name=f"n{index}", kind=pl.NODE_KIND_WAIT if index == CHILD else pl.NODE_KIND_TASK)
    child = plan.nodes[CHILD]
    child.wait.child.plan, child.wait.child.priority, child.wait.child.pool = b"c" * 32, 7, "gpu"
    child.wait.child.labels["b"] = "2"
    child.wait.child.outputs.add().output.node = 5
    child.arguments.add(name="made").value.output.node = 0
    child.arguments.add(name="given").value.input = 0
    child.arguments.add(name="plain").value.literal.CopyFrom(value(b"3"))
    plan.nodes[2].arguments.add(name="y").value.output.node = CHILD
    return Shard(0, {PLAN: PlanGraph.of(plan, PLAN)})


OPTIONS = ev.RunOptions(team="red", priority=1, labels={"a": "1"}, notify=["mail"], deadline_s=1e6, workflow="w")


def opened(parent: bytes = b"") -> tuple[Shard, list[ev.Event]]:
    """A shard with a run whose child is to be started, and its log."""
    state = shard()
    submitted = ev.RunSubmitted(plan=PLAN, options=OPTIONS, nodes=3, parent_run_id=parent, depth=2)
    submitted.inputs.values.append(value(b"1"))
    log = state.submit(submitted, RUN, 0.0)
    report = succeeded(0)
    report.succeeded.outputs.CopyFrom(Values(values=[value(b"2")]))
    log += state.report(report, 1.0)
    log += tick(state, 1.0)
    return state, log


def asked(state: Shard, log: list[ev.Event], depth: int = 2) -> api.SubmitRequest | str:
    run = state.runs[RUN]
    child = child_runs.child_of(run, CHILD)
    assert child is not None
    recorded = {node: log[seq - 1] for node, seq in child_runs.positions(run, child).items()}
    recorded[-1].run_submitted.depth = depth
    return child_runs.request(run, CHILD, child, child_run_id(RUN, CHILD), recorded)


def result(state: int = ev.RUN_STATE_SUCCEEDED, **more: Any) -> api.RunResult:
    outputs = [api.NodeOutputs(node=5, values=Values(values=[value(b"42")]))]
    return api.RunResult(run_id=child_run_id(RUN, CHILD), state=state, outputs=outputs, **more)  # type: ignore[arg-type]


def ended(state: Shard, of: api.RunResult) -> list[ev.Event]:
    run = state.runs[RUN]
    child = child_runs.child_of(run, CHILD)
    assert child is not None
    return state.end_child(child_runs.ended(run, CHILD, child, of), 5.0)


def test_a_child_gets_its_inputs_and_the_options_of_its_parent() -> None:
    state, log = opened()
    assert kinds(log) == ["run_submitted", "action_succeeded", "wait_began"]
    assert list(state.waits.child_runs) == [(RUN, CHILD)]
    request = asked(state, log)
    assert isinstance(request, api.SubmitRequest)
    assert {name: each.inline for name, each in request.inputs.items()} == {"made": b"2", "given": b"1", "plain": b"3"}
    assert request.plan == b"c" * 32
    assert request.options == ev.RunOptions(team="red", priority=7, pool="gpu", labels={"a": "1", "b": "2"})
    assert request.parent == api.Parent(run_id=RUN, node=CHILD, depth=3)


def test_what_is_too_deep_or_has_no_value_is_not_started() -> None:
    state, log = opened()
    assert "more than 10 child runs deep" in str(asked(state, log, depth=10))
    log[1].action_succeeded.outputs.Clear()
    assert asked(state, log) == "its input 'made' has no value"


@pytest.mark.parametrize("how", ["live", "replayed", "restored"])
def test_a_child_ends_once_in_its_parent_whoever_owns_it(how: str) -> None:
    state, log = opened(parent=b"p" * 16)
    if how == "replayed":
        state = replayed(state, [(1.0, event) for event in log])
    elif how == "restored":
        kept = [api.OpenRun.FromString(run.SerializeToString()) for run in state.snapshot(1.0)]
        other = Shard(0, state.plans)
        other.restore(kept, state.seq, 1, 1.0)
        state = other
    assert list(state.waits.child_runs) == [(RUN, CHILD)], "its owner starts it again"
    assert state.parents == {RUN: b"p" * 16}
    assert tick(state, 1e5) == [], "no time ends it"
    assert state.report(succeeded(CHILD), 2.0) == [], "nor does a worker"
    (success,) = ended(state, result())
    assert (success.action_succeeded.node, success.action_succeeded.outputs.values[0].inline) == (CHILD, b"42")
    run = state.runs[RUN]
    child = child_runs.child_of(run, CHILD)
    assert child is not None
    assert state.end_child(child_runs.ended(run, CHILD, child, result()), 6.0) == []
    (_, end) = state.report(succeeded(2), 7.0)
    assert state_of(end) == ev.RUN_STATE_SUCCEEDED
    assert state.parents == {}


@pytest.mark.parametrize(
    ("of", "says"),
    [
        (
            result(
                ev.RUN_STATE_FAILED,
                failure=ev.ActionFailed(failure=ev.Failure(type="ValueError", message="no rows")),
            ),
            "failed: ValueError: no rows",
        ),
        (result(ev.RUN_STATE_CANCELLED), "was cancelled"),
        (api.RunResult(run_id=child_run_id(RUN, CHILD), state=ev.RUN_STATE_SUCCEEDED), "has no output 1"),
    ],
)
def test_a_child_that_does_not_succeed_fails_its_node(of: api.RunResult, says: str) -> None:
    state, _ = opened()
    failure, skipped, end = ended(state, of)
    assert failure.action_failed.failure.type == "ChildRunFailed"
    assert failure.action_failed.failure.message.endswith(says)
    assert failure.action_failed.failure.message.startswith("child run ")
    assert (list(skipped.nodes_skipped.nodes), state_of(end)) == ([2], ev.RUN_STATE_FAILED)
    assert state.end_child(succeeded(CHILD), 9.0) == []


def test_a_cancelled_parent_waits_for_no_child() -> None:
    state, _ = opened()
    assert kinds(state.cancel(RUN, ev.Caller(), "", 2.0)) == ["cancel_requested", "nodes_skipped", "run_ended"]
    assert state.end_child(succeeded(CHILD), 3.0) == []
