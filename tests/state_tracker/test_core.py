"""What each report, submit and cancel means for a run: the State Tracker's core on plain lists."""

from collections.abc import Iterable, Mapping

import pytest
from penstock_plan.graph import PlanGraph
from penstock_plan.limits import RETRY_DELAY_S_MAX
from penstock_proto.plan.v1 import plan_pb2 as pl
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import reports_pb2 as rp
from penstock_proto.value.v1 import value_pb2
from penstock_state_tracker.core.retries import LONG_LIFE_S, LOST_MAX
from penstock_state_tracker.core.shard import Shard
from penstock_state_tracker.errors import CorruptLog

from tests.reopening import reopening_of

RUN = b"r" * 16
PLAN = b"p" * 32
BLOCK = pl.FAILURE_POLICY_BLOCK_DEPENDENTS
CONTINUE = pl.FAILURE_POLICY_CONTINUE
CANCEL = pl.FAILURE_POLICY_CANCEL_DEPENDENTS


def shard(
    parents: list[list[int]],
    *,
    after: Mapping[int, list[int]] | None = None,
    policy: Mapping[int, pl.FailurePolicy] | None = None,
    retries: int = 0,
    outputs: Iterable[int] = (),
) -> Shard:
    """Return an empty shard with one plan: node i uses the outputs of parents[i]."""
    plan = pl.Plan(schema=1, name="m:w")
    retry = pl.RetryPolicy(retries=retries, delay_s=2, factor=2, delay_max_s=5)
    plan.operators.add(module="m", qualname="f", outputs=[pl.Port(name="result")], retry=retry)
    for index, used in enumerate(parents):
        arguments = [pl.Argument(name=f"a{p}", value=pl.Expr(output=pl.OutputRef(node=p))) for p in used]
        node = plan.nodes.add(name=f"n{index}", kind=pl.NODE_KIND_TASK, arguments=arguments)
        node.after.extend((after or {}).get(index, ()))
        if policy and index in policy:
            node.overrides.on_failure = policy[index]
    for index in outputs:
        plan.outputs.add(name=f"o{index}", value=pl.Expr(output=pl.OutputRef(node=index)))
    return Shard(0, {PLAN: PlanGraph.of(plan, PLAN)})


def submit(state: Shard, *, fail_fast: bool = False) -> list[ev.Event]:
    options = ev.RunOptions(fail_fast=fail_fast)
    return state.submit(ev.RunSubmitted(plan=PLAN, options=options), RUN, 0.0)


def succeeded(node: int, attempt: int = 1) -> rp.Report:
    value = value_pb2.Value(codec="json", inline=b"1")
    outputs = value_pb2.Values(values=[value])
    return rp.Report(run_id=RUN, node=node, attempt=attempt, grant=7, succeeded=rp.Succeeded(outputs=outputs))


def failed(node: int, attempt: int = 1, cause: ev.Cause = ev.CAUSE_USER, *, final: bool = False) -> rp.Report:
    return rp.Report(run_id=RUN, node=node, attempt=attempt, failed=rp.Failed(cause=cause, final=final))


def started(node: int, attempt: int = 1) -> rp.Report:
    return rp.Report(run_id=RUN, node=node, attempt=attempt, grant=7, worker="w", started=rp.Started())


def kinds(events: list[ev.Event]) -> list[str | None]:
    return [event.WhichOneof("kind") for event in events]


def state_of(event: ev.Event) -> ev.RunState:
    assert event.HasField("run_ended")
    return event.run_ended.state


def test_a_run_succeeds_when_its_last_node_does_and_says_where_its_outputs_are() -> None:
    state = shard([[], [0]], outputs=[1])
    assert kinds(submit(state)) == ["run_submitted"]
    assert kinds(state.report(started(0), 0.0)) == ["action_started"]
    assert kinds(state.report(succeeded(0), 0.0)) == ["action_succeeded"]
    *_, end = state.report(succeeded(1), 0.0)
    assert state_of(end) == ev.RUN_STATE_SUCCEEDED
    assert [(ref.node, ref.seq) for ref in end.run_ended.outputs] == [(1, 4)]
    assert state.seq == 5
    assert not state.runs


def test_what_the_log_knows_better_means_nothing() -> None:
    state = shard([[], [0]])
    assert state.report(succeeded(0), 0.0) == []  # no such run yet
    submit(state)
    state.report(succeeded(0), 0.0)
    for stale in (succeeded(0), failed(0), started(0), succeeded(1, attempt=2), succeeded(2), succeeded(-1)):
        assert state.report(stale, 0.0) == []
    assert state.report(rp.Report(run_id=RUN, node=1, attempt=1), 0.0) == []  # of no known kind
    assert state.seq == 2


def test_a_node_whose_parents_have_not_ended_cannot_have_run() -> None:
    state = shard([[], [0]])
    submit(state)
    assert state.report(started(1), 0.0) == []
    assert state.report(succeeded(1), 0.0) == []


def test_retries_count_what_the_operator_did_and_back_off() -> None:
    state = shard([[]], retries=2)
    submit(state)
    delays = [state.report(failed(0, n), 0.0)[0].action_failed.retry_delay_s for n in (1, 2)]
    assert delays == [2.0, 4.0]
    *_, last, end = state.report(failed(0, 3), 0.0)
    assert not last.action_failed.HasField("retry_delay_s")
    assert state_of(end) == ev.RUN_STATE_FAILED
    assert end.run_ended.failed_node == 0


def test_a_cancelled_run_of_which_all_has_succeeded_ends_when_it_is_tried_again() -> None:
    state = shard([[]], outputs=[0])
    log = submit(state)
    log += state.report(rp.Report(run_id=RUN, node=0, attempt=1, grant=7, started=rp.Started()), 0.0)
    log += state.cancel(RUN, ev.Caller(), "", 0.0) + state.report(succeeded(0), 0.0)
    again = state.reopen(RUN, reopening_of(RUN, log, state.plans), 0.0)
    assert [event.run_ended.state for event in again] == [0, ev.RUN_STATE_SUCCEEDED]
    assert not state.runs


def test_a_lost_worker_uses_up_no_retry_until_the_operator_is_suspected() -> None:
    state = shard([[]])
    submit(state)
    for attempt in range(1, LOST_MAX + 1):
        assert kinds(state.report(failed(0, attempt, ev.CAUSE_LOST), 0.0)) == ["action_failed"]
    assert state_of(state.report(failed(0, LOST_MAX + 1, ev.CAUSE_LOST), 0.0)[-1]) == ev.RUN_STATE_FAILED


def test_losses_before_a_long_life_no_longer_count_and_a_replay_agrees() -> None:
    state, now = shard([[]]), 0.0
    log = submit(state)
    for attempt in range(1, 4 * LOST_MAX):
        log += state.report(started(0, attempt), now)
        now += LONG_LIFE_S if attempt % LOST_MAX == 0 else 1.0
        log += state.report(failed(0, attempt, ev.CAUSE_LOST), now)
        lost = state.runs[RUN].histories[0].lost
        assert lost == (1 if attempt % LOST_MAX == 0 else attempt % LOST_MAX + (attempt > LOST_MAX))
    # A replay has no clock: what was decided is in the events.
    replayed = Shard(0, state.plans)
    for event in log:
        replayed.apply(event, 0.0)
    assert replayed.runs[RUN].histories[0].lost == state.runs[RUN].histories[0].lost
    assert next(iter(state.snapshot(now))).nodes == next(iter(replayed.snapshot(now))).nodes
    *_, last = [state.report(failed(0, 4 * LOST_MAX + n, ev.CAUSE_LOST), now) for n in range(LOST_MAX) if state.runs]
    assert state_of(last[-1]) == ev.RUN_STATE_FAILED, "one after the other, none of which lived"


def test_a_long_life_goes_on_over_a_snapshot() -> None:
    state = shard([[]])
    submit(state)
    for attempt in range(1, LOST_MAX + 1):
        state.report(failed(0, attempt, ev.CAUSE_LOST), 0.0)
    state.report(started(0, LOST_MAX + 1), 0.0)
    restored = Shard(0, state.plans)
    restored.restore(list(state.snapshot(LONG_LIFE_S / 2)), state.seq, 1, 1000.0)
    (event,) = restored.report(failed(0, LOST_MAX + 1, ev.CAUSE_LOST), 1000.0 + LONG_LIFE_S / 2)
    assert event.action_failed.long_lived and event.action_failed.HasField("retry_delay_s")


def test_an_orderly_end_uses_up_nothing() -> None:
    state = shard([[]])
    submit(state)
    for attempt in range(1, 5 * LOST_MAX):
        assert kinds(state.report(failed(0, attempt, ev.CAUSE_PREEMPTED), 0.0)) == ["action_failed"]
    assert state.runs[RUN].histories[0].lost == 0


@pytest.mark.parametrize("factor", [1e10, 1e200, 1.7e308])
@pytest.mark.parametrize("delay_max_s", [0.0, 0.01, 1e300])
def test_no_policy_makes_a_delay_that_cannot_be_counted(factor: float, delay_max_s: float) -> None:
    """As in plans that were stored before such numbers were refused."""
    state = shard([[]], retries=100)
    policy = state.plans[PLAN].retry[0]
    policy.factor, policy.delay_max_s = factor, delay_max_s
    submit(state)
    delays = [state.report(failed(0, n), 0.0)[0].action_failed.retry_delay_s for n in range(1, 101)]
    assert delays == sorted(delays) and delays[-1] == min(delay_max_s or RETRY_DELAY_S_MAX, RETRY_DELAY_S_MAX)


def test_a_report_that_cannot_be_decided_fails_its_node() -> None:
    state = shard([[], []], retries=5)
    submit(state)
    failure, *_ = state.give_up(succeeded(0), "OverflowError: no", 0.0)
    assert failure.action_failed.cause == ev.CAUSE_BAD_RESULT
    assert "OverflowError: no" in failure.action_failed.failure.message
    assert state.give_up(succeeded(0), "OverflowError: no", 0.0) == [], "it is stale by now"


def test_the_end_of_a_run_says_where_its_failure_is() -> None:
    state = shard([[], []], retries=0)
    submit(state)
    state.report(failed(1), 0.0)
    restored = Shard(0, state.plans)
    restored.restore(list(state.snapshot(0.0)), state.seq, 1, 0.0)
    for one in (state, restored):
        *_, end = one.report(succeeded(0), 0.0)
        assert (end.run_ended.failed_node, end.run_ended.failure_seq) == (1, 2)


@pytest.mark.parametrize("report", [failed(0, final=True), failed(0, cause=ev.CAUSE_BAD_RESULT)])
def test_what_another_attempt_cannot_cure_is_final(report: rp.Report) -> None:
    state = shard([[]], retries=5)
    submit(state)
    assert state_of(state.report(report, 0.0)[-1]) == ev.RUN_STATE_FAILED


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([value_pb2.Value(inline=b"x" * 1024)] * 90, "81,920"),
        ([value_pb2.Value(inline=b"1"), value_pb2.Value(inline=b"x" * 1025)], "output 2 has 1,025 bytes inline"),
        ([value_pb2.Value(codec="json", size_bytes=3)], "output 1 has no value"),
        ([value_pb2.Value(artifact=b"short")], "by 5 bytes"),
    ],
)
def test_outputs_that_break_the_contract_fail_the_node_and_name_the_limit(
    values: list[value_pb2.Value], said: str
) -> None:
    state = shard([[]], retries=3)
    submit(state)
    report = succeeded(0)
    del report.succeeded.outputs.values[:]
    report.succeeded.outputs.values.extend(values)
    failure, end = state.report(report, 0.0)
    assert failure.action_failed.cause == ev.CAUSE_BAD_RESULT
    assert said in failure.action_failed.failure.message
    assert state_of(end) == ev.RUN_STATE_FAILED


def test_no_report_makes_an_event_that_followers_cannot_read() -> None:
    state = shard([[]])
    submit(state)
    much = "ü" * 2**20
    for report in (started(0), succeeded(0), failed(0)):
        report.worker = much
        assert state.report(report, 0.0) == []
    report = failed(0)
    report.failed.failure.MergeFrom(ev.Failure(type=much, message=much, traceback=much))
    assert sum(event.ByteSize() for event in state.report(report, 0.0)) < 2**18


@pytest.mark.parametrize(
    ("later", "kept"), [(b"\xfa\x7f\x64" + bytes(100), True), (b"\xfa\x7f\x80\x80\x40" + bytes(2**20), False)]
)
def test_what_a_later_version_says_of_a_failure_is_kept_unless_it_is_too_much(later: bytes, kept: bool) -> None:
    state = shard([[]])
    submit(state)
    report = failed(0)
    report.failed.failure.MergeFrom(ev.Failure.FromString(b"\x0a\x01E" + later))
    failure = state.report(report, 0.0)[0].action_failed.failure
    assert failure.type == "E"
    assert (later in failure.SerializeToString()) is kept


@pytest.mark.parametrize(
    ("policy", "reason"), [(BLOCK, ev.SKIP_REASON_UPSTREAM_FAILED), (CANCEL, ev.SKIP_REASON_UPSTREAM_CANCELLED)]
)
def test_everything_downstream_of_a_failure_is_skipped_and_the_rest_goes_on(
    policy: pl.FailurePolicy, reason: ev.SkipReason
) -> None:
    state = shard([[], [0], [1], []], policy={0: policy})
    submit(state)
    _, skipped = state.report(failed(0), 0.0)
    assert (list(skipped.nodes_skipped.nodes), skipped.nodes_skipped.reason) == ([1, 2], reason)
    assert skipped.nodes_skipped.because_of == 0
    assert state_of(state.report(succeeded(3), 0.0)[-1]) == ev.RUN_STATE_FAILED


def test_continue_unlocks_those_that_need_only_the_order() -> None:
    state = shard([[], [0], []], after={2: [0]}, policy={0: CONTINUE}, outputs=[2])
    submit(state)
    assert list(state.report(failed(0), 0.0)[1].nodes_skipped.nodes) == [1]
    assert state_of(state.report(succeeded(2), 0.0)[-1]) == ev.RUN_STATE_SUCCEEDED


def test_a_forgiven_failure_still_fails_a_run_whose_output_it_was() -> None:
    state = shard([[], [0]], policy={0: CONTINUE}, outputs=[1])
    submit(state)
    end = state.report(failed(0), 0.0)[-1]
    assert state_of(end) == ev.RUN_STATE_FAILED
    assert end.run_ended.failed_node == 0


def test_fail_fast_stops_what_waits_and_lets_what_runs_end() -> None:
    state = shard([[], [], []])
    submit(state, fail_fast=True)
    state.report(started(1), 0.0)
    events = state.report(failed(0), 0.0)
    assert kinds(events) == ["action_failed", "cancel_requested", "nodes_skipped"]
    assert list(events[2].nodes_skipped.nodes) == [2]
    assert state_of(state.report(failed(1, cause=ev.CAUSE_CANCELLED), 0.0)[-1]) == ev.RUN_STATE_FAILED


def test_nothing_starts_after_a_cancel_and_the_run_ends_with_what_runs() -> None:
    state = shard([[], []])
    submit(state)
    state.report(started(0), 0.0)
    assert kinds(state.cancel(RUN, ev.Caller(user="u"), "", 0.0)) == ["cancel_requested", "nodes_skipped"]
    assert state.cancel(RUN, ev.Caller(), "", 0.0) == []
    assert state.report(started(1), 0.0) == []
    assert state_of(state.report(succeeded(0), 0.0)[-1]) == ev.RUN_STATE_CANCELLED


def test_a_cancel_with_nothing_running_ends_the_run_at_once() -> None:
    state = shard([[], [0]])
    submit(state)
    events = state.cancel(RUN, ev.Caller(), "enough", 0.0)
    assert kinds(events) == ["cancel_requested", "nodes_skipped", "run_ended"]
    assert not state.runs


def test_the_log_and_a_snapshot_rebuild_the_state() -> None:
    state = shard([[], [0], [], []], retries=3)
    log = submit(state)
    for report in (succeeded(0), started(2), failed(3), failed(3, 2, ev.CAUSE_LOST)):
        log += state.report(report, 10.0)
    replayed, restored = Shard(0, state.plans), Shard(0, state.plans)
    for event in log:
        replayed.apply(event, 10.0)
    restored.restore(state.snapshot(10.0), state.seq, state.epoch, 10.0)
    expected = list(state.snapshot(10.0))
    assert list(replayed.snapshot(10.0)) == expected == list(restored.snapshot(10.0))
    assert replayed.seq == state.seq
    assert replayed.runs[RUN].open == restored.runs[RUN].open == state.runs[RUN].open


def test_a_log_that_cannot_be_is_refused() -> None:
    state = shard([[]])
    submit(state)
    success = state.report(succeeded(0), 0.0)[0]
    again = shard([[]])
    submit(again)
    again.apply(success, 0.0)
    with pytest.raises(CorruptLog, match="cannot end"):
        again.apply(success, 0.0)
