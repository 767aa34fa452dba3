"""The tables of transitions say what the core does: each row is taken, nothing else is, and the page shows them."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from penstock_plan.graph import PlanGraph
from penstock_proto.plan.v1 import plan_pb2 as pl
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import reports_pb2 as rp
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_state_tracker.core.shard import Shard
from penstock_state_tracker.core.transitions import (
    NODE_BEGINS,
    NODE_TRANSITIONS,
    RUN_BEGINS,
    RUN_TRANSITIONS,
    Transition,
    sources,
    targets,
)
from penstock_state_tracker.errors import CorruptLog
from penstock_state_tracker.reference import page

from tests.reopening import reopening_of
from tests.transitions import Ended, applied

RUN = b"r" * 16
PLAN = b"p" * 32
PAGE = Path(__file__).parent.parent.parent / "docs" / "state_machine.md"
POLICIES = (
    pl.FAILURE_POLICY_BLOCK_DEPENDENTS,
    pl.FAILURE_POLICY_CANCEL_DEPENDENTS,
    pl.FAILURE_POLICY_CONTINUE,
)
WALKS = 300
REPORTS_MAX = 60

# A template is never executed, and no event is about one.
NODE_STATUSES = sorted(set(api.NodeStatus.values()) - {api.NODE_STATUS_UNSPECIFIED, api.NODE_STATUS_TEMPLATE})


def _skip(reason: ev.SkipReason) -> ev.Event:
    return ev.Event(run_id=RUN, nodes_skipped=ev.NodesSkipped(nodes=[0], reason=reason))


def _failed(cause: ev.Cause, retry_delay_s: float | None = None) -> ev.Event:
    return ev.Event(run_id=RUN, action_failed=ev.ActionFailed(attempt=1, cause=cause, retry_delay_s=retry_delay_s))


# What can be said of node 0 at its first attempt, and what it becomes where that may follow.
NODE_EVENTS: dict[str, tuple[ev.Event, api.NodeStatus]] = {
    "started": (
        ev.Event(run_id=RUN, action_started=ev.ActionStarted(attempt=1, grant=7, worker="w")),
        api.NODE_STATUS_RUNNING,
    ),
    "succeeded": (
        ev.Event(run_id=RUN, action_succeeded=ev.ActionSucceeded(attempt=1, grant=7)),
        api.NODE_STATUS_SUCCEEDED,
    ),
    "failed with a retry": (_failed(ev.CAUSE_USER, 1.0), api.NODE_STATUS_WAITING),
    "stopped with a retry": (_failed(ev.CAUSE_CANCELLED, 0.0), api.NODE_STATUS_WAITING),
    "failed": (_failed(ev.CAUSE_USER), api.NODE_STATUS_FAILED),
    "stopped": (_failed(ev.CAUSE_CANCELLED), api.NODE_STATUS_CANCELLED),
    "skipped": (_skip(ev.SKIP_REASON_UPSTREAM_FAILED), api.NODE_STATUS_SKIPPED),
    "skipped by a policy": (_skip(ev.SKIP_REASON_UPSTREAM_CANCELLED), api.NODE_STATUS_CANCELLED),
    "cancelled": (_skip(ev.SKIP_REASON_RUN_CANCELLED), api.NODE_STATUS_CANCELLED),
    "fail-fast": (_skip(ev.SKIP_REASON_FAIL_FAST), api.NODE_STATUS_CANCELLED),
    "not taken": (_skip(ev.SKIP_REASON_NOT_TAKEN), api.NODE_STATUS_NOT_TAKEN),
}
# Which events bring a node into each status; the second node keeps the run open.
WAYS_THERE: dict[int, tuple[str, ...]] = {
    api.NODE_STATUS_WAITING: (),
    api.NODE_STATUS_RUNNING: ("started",),
    api.NODE_STATUS_SUCCEEDED: ("succeeded",),
    api.NODE_STATUS_FAILED: ("failed",),
    api.NODE_STATUS_SKIPPED: ("skipped",),
    api.NODE_STATUS_CANCELLED: ("cancelled",),
    api.NODE_STATUS_NOT_TAKEN: ("not taken",),
}
RUN_STATES = (ev.RUN_STATE_RUNNING, ev.RUN_STATE_CANCELLING)
ENDS = (ev.RUN_STATE_SUCCEEDED, ev.RUN_STATE_FAILED, ev.RUN_STATE_CANCELLED)


def shard(
    nodes: int,
    parents: Callable[[int], list[int]],
    *,
    policy: Callable[[], pl.FailurePolicy],
    branches: bool = False,
    ends: bool = False,
) -> Shard:
    """Return a shard with one plan, whose nodes use the outputs of their parents; the first may be a branch.

    With `ends`, the last node is executed at every end, and the one before it after a failure.
    """
    plan = pl.Plan(schema=1, name="m:w")
    retry = pl.RetryPolicy(retries=1, delay_s=1)
    plan.operators.add(module="m", qualname="f", outputs=[pl.Port(name="result")], retry=retry)
    for index in range(nodes):
        arguments = [pl.Argument(name=f"a{p}", value=pl.Expr(output=pl.OutputRef(node=p))) for p in parents(index)]
        node = plan.nodes.add(name=f"n{index}", kind=pl.NODE_KIND_TASK, arguments=arguments)
        node.overrides.on_failure = policy()
    if branches:  # the last node is on the side that is not taken
        plan.nodes[0].kind = pl.NODE_KIND_BRANCH
        plan.nodes[nodes - 1].sides.add(branch=0, side=1)
        plan.nodes[nodes - 1].after.append(0)
    if ends:
        plan.nodes[nodes - 1].at_end, plan.nodes[nodes - 2].at_end = pl.AT_END_ALWAYS, pl.AT_END_FAILURE
        del plan.nodes[nodes - 1].arguments[:]
    plan.outputs.add(name="last", value=pl.Expr(output=pl.OutputRef(node=0 if ends else nodes - 1)))
    return Shard(0, {PLAN: PlanGraph.of(plan, PLAN)})


def submitted(*, nodes: int = 2, fail_fast: bool = False) -> Shard:
    """Return a shard whose log holds one new run of unrelated nodes."""
    state = shard(nodes, lambda _: [], policy=lambda: POLICIES[0])
    event = ev.RunSubmitted(plan=PLAN, options=ev.RunOptions(fail_fast=fail_fast))
    state.apply(ev.Event(run_id=RUN, run_submitted=event), 0.0)
    return state


def allowed(table: tuple[Transition, ...], kind: str, source: int) -> frozenset[int]:
    return targets(table, kind).get(source, frozenset())


@pytest.mark.parametrize("status", NODE_STATUSES, ids=api.NodeStatus.Name)
@pytest.mark.parametrize("name", NODE_EVENTS)
def test_an_event_of_a_node_is_applied_exactly_where_a_row_allows_it(status: int, name: str) -> None:
    state = submitted()
    run = state.runs[RUN]
    for step in WAYS_THERE[status]:
        state.apply(NODE_EVENTS[step][0], 0.0)
    assert run.status[0] == status
    event, target = NODE_EVENTS[name]
    kind = event.WhichOneof("kind") or ""
    if status not in sources(NODE_TRANSITIONS, kind):
        with pytest.raises(CorruptLog):
            state.apply(event, 0.0)
        return
    (step,) = applied(state, event)
    assert step.rows
    assert run.status[0] == target


@pytest.mark.parametrize("state_before", RUN_STATES, ids=ev.RunState.Name)
@pytest.mark.parametrize("end", ENDS, ids=ev.RunState.Name)
def test_a_run_ends_exactly_as_a_row_allows(state_before: ev.RunState, end: ev.RunState) -> None:
    state = submitted(nodes=1)
    if state_before == ev.RUN_STATE_CANCELLING:
        state.apply(ev.Event(run_id=RUN, cancel_requested=ev.CancelRequested()), 0.0)
    state.apply(NODE_EVENTS["succeeded"][0], 0.0)
    event = ev.Event(run_id=RUN, run_ended=ev.RunEnded(state=end))
    if end in allowed(RUN_TRANSITIONS, "run_ended", state_before):
        (step,) = applied(state, event)
        assert step.rows
        assert not state.runs
    else:
        with pytest.raises(CorruptLog):
            state.apply(event, 0.0)


@pytest.mark.parametrize("fail_fast", [False, True])
def test_a_run_is_cancelled_once(fail_fast: bool) -> None:
    state = submitted()
    asked = ev.Event(run_id=RUN, cancel_requested=ev.CancelRequested())
    (step,) = applied(state, asked)
    assert step.rows
    with pytest.raises(CorruptLog):
        state.apply(ev.Event(run_id=RUN, cancel_requested=ev.CancelRequested(fail_fast=fail_fast)), 0.0)


def test_an_end_that_a_later_version_knows_is_taken() -> None:
    state = submitted(nodes=1)
    state.apply(NODE_EVENTS["succeeded"][0], 0.0)
    later = ev.Event(run_id=RUN, run_ended=ev.RunEnded(state=cast("ev.RunState", 99)))
    state.apply(later, 0.0)
    assert not state.runs


def walk(seed: int) -> tuple[Shard, list[ev.Event]]:
    """Return the log of a random run, and an empty shard that can replay it."""
    chance = random.Random(seed)
    size = chance.randint(1, 6)
    ends = size > 2 and chance.random() < 0.3
    state = shard(
        size,
        lambda index: [parent for parent in range(index) if chance.random() < 0.4],
        policy=lambda: chance.choice(POLICIES),
        branches=size > 1 and not ends and chance.random() < 0.2,
        ends=ends,
    )
    options = ev.RunOptions(fail_fast=chance.random() < 0.3)
    log = state.submit(ev.RunSubmitted(plan=PLAN, options=options), RUN, 0.0)
    for _ in range(REPORTS_MAX):
        if chance.random() < (0.1 if ends else 0.02):
            log += state.cancel(RUN, ev.Caller(), "", 0.0)
        log += state.report(_random_report(chance, size), 0.0)
        failed = RUN not in state.runs and log[-1].run_ended.state != ev.RUN_STATE_SUCCEEDED
        # A run with branches is not reopened: the State Tracker's service refuses it.
        if failed and not state.plans[PLAN].has_control and chance.random() < 0.1:
            log += state.reopen(RUN, reopening_of(RUN, log, state.plans), 0.0)
    return Shard(0, state.plans), log


def _random_report(chance: random.Random, size: int) -> rp.Report:
    """Of all kinds, many of them stale."""
    report = rp.Report(run_id=RUN, node=chance.randrange(size), attempt=chance.choice((1, 1, 2, 3)), grant=7)
    match chance.randrange(4):
        case 0:
            report.started.SetInParent()
        case 1:
            report.failed.cause = chance.choice((ev.CAUSE_USER, ev.CAUSE_CANCELLED, ev.CAUSE_BAD_RESULT))
        case _:
            report.succeeded.outputs.values.add(codec="json", inline=b"0")
    return report


def test_random_runs_take_every_row_and_nothing_else() -> None:
    taken: set[Transition] = set()
    for seed in range(WALKS):
        state, log = walk(seed)
        ended: Ended = {}
        for event in log:
            for step in applied(state, event, ended):
                assert step.rows, f"seed {seed}: no row allows {step.source} -> {step.target} by {event}"
                taken.update(step.rows)
    assert taken == {*NODE_TRANSITIONS, *RUN_TRANSITIONS}


def test_a_run_and_its_nodes_begin_as_the_tables_say() -> None:
    run = submitted().runs[RUN]
    assert (set(run.status), run.state) == ({NODE_BEGINS}, RUN_BEGINS)


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"
