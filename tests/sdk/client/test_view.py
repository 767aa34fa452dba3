"""A run's view, folded from events as the State Tracker records them."""

from itertools import count

from penstock.client.progress import progress
from penstock.client.view import NodeState, RunState, RunView
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2

RUN = bytes(range(16))


def plan(*names: str) -> plan_pb2.Plan:
    nodes = [plan_pb2.Node(name=name, kind=plan_pb2.NODE_KIND_TASK, line=7) for name in names]
    for node in nodes[1:]:
        node.arguments.add(name="x").value.sequence.items.add().output.node = 0
    operators = [plan_pb2.Operator(module="m", qualname="f")]
    return plan_pb2.Plan(schema=1, name="m:w", operators=operators, nodes=nodes, files=["m.py"])


def recorded(*events: ev.Event, step_us: int = 1_000_000) -> list[service_pb2.RecordedEvent]:
    clock = count(step_us, step_us)
    return [
        service_pb2.RecordedEvent(shard=1, seq=seq, recorded_at_us=next(clock), event=event)
        for seq, event in enumerate(events, 1)
    ]


def event(**kind: object) -> ev.Event:
    return ev.Event(run_id=RUN, **kind)  # pyright: ignore[reportArgumentType]


SUBMITTED = event(run_submitted=ev.RunSubmitted(plan=b"p", nodes=2))


def folded(nodes: plan_pb2.Plan, *events: ev.Event) -> RunView:
    view = RunView(nodes)
    view.apply_all(recorded(*events))
    return view


def test_a_short_attempt_has_a_start_though_none_was_recorded() -> None:
    succeeded = ev.ActionSucceeded(node=0, attempt=1, duration_us=300_000, worker="w")
    view = folded(plan("a", "b"), SUBMITTED, event(action_succeeded=succeeded))
    assert view.nodes[0].state is NodeState.SUCCEEDED
    assert (view.nodes[0].started_at_us, view.nodes[0].ended_at_us) == (1_700_000, 2_000_000)
    assert view.nodes[1].state is NodeState.WAITING
    assert view.nodes[1].parents == (0,)
    assert view.counts()[NodeState.WAITING] == 1


def test_a_retry_is_a_second_attempt() -> None:
    failed = ev.ActionFailed(node=0, attempt=1, cause=ev.CAUSE_USER, duration_us=10, retry_delay_s=0.5)
    started = ev.ActionStarted(node=0, attempt=2, worker="w")
    view = folded(plan("a"), SUBMITTED, event(action_failed=failed))
    assert view.nodes[0].state is NodeState.WAITING
    assert view.nodes[0].attempts[0].retry_delay_s == 0.5
    view = folded(plan("a"), SUBMITTED, event(action_failed=failed), event(action_started=started))
    assert view.nodes[0].state is NodeState.RUNNING
    assert [attempt.state for attempt in view.nodes[0].attempts] == [NodeState.FAILED, NodeState.RUNNING]


def test_failure_skips_what_depends_on_it_and_ends_the_run() -> None:
    failure = ev.Failure(type="ValueError", message="no")
    failed = ev.ActionFailed(node=0, attempt=1, cause=ev.CAUSE_USER, failure=failure)
    skipped = ev.NodesSkipped(nodes=[1], reason=ev.SKIP_REASON_UPSTREAM_FAILED, because_of=0)
    ended = ev.RunEnded(state=ev.RUN_STATE_FAILED, failed_node=0)
    view = folded(
        plan("a", "b"), SUBMITTED, event(action_failed=failed), event(nodes_skipped=skipped), event(run_ended=ended)
    )
    assert (view.state, view.failed_node, view.ended_at_us) == (RunState.FAILED, 0, 4_000_000)
    assert [node.state for node in view.nodes] == [NodeState.FAILED, NodeState.SKIPPED]
    assert view.nodes[1].skip_reason == "upstream failed"


def test_cancelled_nodes_are_not_called_skipped_or_failed() -> None:
    cancel = ev.CancelRequested(caller=ev.Caller(user="ada"), reason="enough")
    skipped = ev.NodesSkipped(nodes=[1], reason=ev.SKIP_REASON_RUN_CANCELLED, because_of=-1)
    stopped = ev.ActionFailed(node=0, attempt=1, cause=ev.CAUSE_CANCELLED)
    ended = ev.RunEnded(state=ev.RUN_STATE_CANCELLED, failed_node=-1)
    events = [
        SUBMITTED,
        event(cancel_requested=cancel),
        event(nodes_skipped=skipped),
        event(action_failed=stopped),
        event(run_ended=ended),
    ]
    view = folded(plan("a", "b"), *events)
    assert view.state is RunState.CANCELLED
    assert {node.state for node in view.nodes} == {NodeState.CANCELLED}
    assert (view.cancel_reason, view.cancelled_by) == ("enough", "ada")


def test_what_was_seen_before_and_what_is_not_known_change_nothing() -> None:
    events = recorded(SUBMITTED, event(action_succeeded=ev.ActionSucceeded(node=0, attempt=1, duration_us=1)))
    view = RunView(plan("a"))
    view.apply_all(events)
    view.apply_all(events)
    view.apply(service_pb2.RecordedEvent(seq=3, event=ev.Event(run_id=RUN)))
    assert len(view.nodes[0].attempts) == 1
    assert view.seq == 3
    assert progress(view.plan, service_pb2.RecordedEvent(seq=3, event=ev.Event(run_id=RUN))).kind == "unknown"


def test_progress_names_nodes() -> None:
    failure = ev.Failure(type="ValueError", message="no")
    failed = ev.ActionFailed(node=1, attempt=2, cause=ev.CAUSE_USER, failure=failure, retry_delay_s=1.5)
    shown = progress(plan("a", "b"), recorded(event(action_failed=failed))[0])
    assert (shown.kind, shown.node, shown.attempt, shown.message) == ("retrying", "b", 2, "ValueError: no")
    assert (shown.cause, shown.retry_delay_s) == ("user", 1.5)
