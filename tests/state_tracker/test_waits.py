"""Waits in the State Tracker's core: when each begins and ends, which signals are taken, what a replay makes of it."""

import json

import pytest
from penstock_plan.graph import PlanGraph
from penstock_proto.plan.v1 import plan_pb2 as pl
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import reports_pb2 as rp
from penstock_proto.successes import packed, steps
from penstock_proto.value.v1.value_pb2 import Value
from penstock_state_tracker.core.shard import Shard
from penstock_state_tracker.core.waits import HEAP_MIN, NEVER, RECHECK_S
from penstock_state_tracker.errors import BadRequest, NotYours, SignalRefused

from .test_core import PLAN, RUN, failed, kinds, state_of, submit, succeeded

CLOCK_US = 1_700_000_000_000_000


def shard(*waits: pl.Wait | None, after: dict[int, list[int]] | None = None) -> Shard:
    """Return an empty shard with one plan: a chain of nodes, each of which waits or (None) is a call."""
    plan = pl.Plan(schema=2, name="m:w")
    plan.operators.add(module="m", qualname="f", outputs=[pl.Port(name="result")])
    for index, wait in enumerate(waits):
        kind = pl.NODE_KIND_TASK if wait is None else pl.NODE_KIND_WAIT
        node = plan.nodes.add(name=f"n{index}", kind=kind, wait=wait)
        before = [index - 1] if index else []
        node.after.extend((after or {}).get(index, before))
    return Shard(0, {PLAN: PlanGraph.of(plan, PLAN)})


def sleep(seconds: float) -> pl.Wait:
    return pl.Wait(sleep_s=seconds)


def signal(timeout_s: float = 0, otherwise: object = None, schema: object = None) -> pl.Wait:
    wait = pl.Wait(signal=pl.Signal(schema_json=json.dumps(schema) if schema else ""), timeout_s=timeout_s)
    if otherwise is not None:
        wait.otherwise.CopyFrom(value(otherwise))
    return wait


def approval(*who: str, goes_on_denied: bool = False) -> pl.Wait:
    return pl.Wait(approval=pl.Approval(question="Really?", who=who, goes_on_denied=goes_on_denied))


def value(of: object) -> Value:
    return Value(codec="json", inline=json.dumps(of).encode())


def sent(name: str, of: object = 1, user: str = "ada", id: bytes = b"1" * 16) -> ev.SignalReceived:
    return ev.SignalReceived(name=name, value=value(of), caller=ev.Caller(user=user, team="red"), id=id)


def tick(state: Shard, now: float, *, ahead_s: float = 0.0) -> list[ev.Event]:
    """Tick with a database whose clock is `ahead_s` ahead of what it was."""
    return state.tick(now, CLOCK_US + round((now + ahead_s) * 1e6))


def replayed(state: Shard, events: list[tuple[float, ev.Event]]) -> Shard:
    """Return what a new owner knows: each event with the moment at which it was recorded."""
    other = Shard(0, state.plans)
    for at_s, event in events:
        other.apply(event, at_s)
    return other


def described(state: Shard, now: float) -> list[bytes]:
    return [run.SerializeToString(deterministic=True) for run in state.snapshot(now)]


def test_a_sleep_begins_once_its_parents_have_ended_and_ends_after_its_seconds() -> None:
    state = shard(None, sleep(60), None)
    submit(state)
    assert tick(state, 1.0) == []
    state.report(succeeded(0), 2.0)
    (began,) = tick(state, 2.0)
    assert began.wait_began == ev.WaitBegan(node=1, due_at_us=CLOCK_US + 62_000_000)
    assert state.waits.due == 62.0
    assert tick(state, 61.9, ahead_s=-1e6) == [], "another time at the database changes no sleep"
    (ended,) = tick(state, 62.0, ahead_s=1e6)
    assert (ended.action_succeeded.node, ended.action_succeeded.grant) == (1, 0)
    assert tick(state, 1e6) == [], "it ends once"
    assert state_of(state.report(succeeded(2), 63.0)[-1]) == ev.RUN_STATE_SUCCEEDED


def test_a_run_of_waits_alone_ends_with_the_last_one() -> None:
    state = shard(sleep(0), sleep(5))
    submit(state)
    assert kinds(tick(state, 0.0)) == ["wait_began", "action_succeeded", "wait_began"]
    assert kinds(tick(state, 5.0)) == ["action_succeeded", "run_ended"]


def test_a_time_is_the_databases_and_follows_its_clock() -> None:
    state = shard(pl.Wait(until_us=CLOCK_US + 100_000_000), None)
    submit(state)
    assert tick(state, 0.0)[0].wait_began.due_at_us == CLOCK_US + 100_000_000
    assert state.waits.due == RECHECK_S
    assert tick(state, RECHECK_S) == []
    assert kinds(tick(state, 2 * RECHECK_S, ahead_s=80.0)) == ["action_succeeded"], "the clock was set ahead"
    late = shard(pl.Wait(until_us=CLOCK_US + 30_000_000), None)
    submit(late)
    tick(late, 0.0)
    assert tick(late, 30.0, ahead_s=-5.0) == [], "the clock was set back"
    assert kinds(tick(late, 35.0, ahead_s=-5.0)) == ["action_succeeded"]


def test_a_signal_is_used_once_whether_it_comes_before_or_after_the_wait_begins() -> None:
    for early in (True, False):
        state = shard(None, signal(), None)
        submit(state)
        if not early:
            state.report(succeeded(0), 0.0)
            assert kinds(tick(state, 0.0)) == ["wait_began"]
            assert state.waits.due == NEVER
        assert kinds(state.signal(RUN, sent("n1", 42), 0.0)) == ["signal_received"]
        assert state.signal(RUN, sent("n1", 42), 0.0) == [], "the same request again"
        if early:
            assert tick(state, 0.0) == []
            state.report(succeeded(0), 0.0)
        ended = tick(state, 0.0)[-1].action_succeeded
        assert (ended.node, ended.outputs.values[0].inline) == (1, b"42")
        with pytest.raises(SignalRefused, match="was received before, from ada"):
            state.signal(RUN, sent("n1", 42, id=b"2" * 16), 0.0)
        assert state.signal(RUN, sent("n1", 42), 0.0) == [], "the same request, late"


def test_signals_that_are_not_taken_change_nothing() -> None:
    schema = {"type": "integer", "minimum": 0}
    state = shard(signal(schema=schema), sleep(1), approval("bob", "team:blue"))
    submit(state)
    tick(state, 0.0)
    before = state.seq, described(state, 0.0)
    for received, error, text in (
        (sent("x"), BadRequest, "unknown signal 'x'; the run has 'n0', 'n2'"),
        (sent("n1"), BadRequest, "unknown signal 'n1'"),
        (sent("n0", "text"), BadRequest, "signal 'n0' must be integer"),
        (sent("n0", -1), BadRequest, "at least 0"),
        (sent("n2", True), NotYours, "by bob or team:blue, not by ada"),
        (sent("n2", 1, user="bob"), BadRequest, "must be true or false"),
        (ev.SignalReceived(name="n0"), BadRequest, "has no value"),
    ):
        with pytest.raises(error, match=text):
            state.signal(RUN, received, 0.0)
    assert (state.seq, described(state, 0.0)) == before
    state.cancel(RUN, ev.Caller(), "", 0.0)
    assert RUN not in state.runs


def test_a_timeout_ends_a_signal_with_another_value_or_by_failure() -> None:
    state = shard(signal(10, otherwise="none"), signal(10), None)
    submit(state)
    tick(state, 0.0)
    succeeded_, began = tick(state, 10.0)
    assert succeeded_.action_succeeded.outputs.values[0].inline == b'"none"'
    assert began.wait_began.node == 1
    failure, skipped, end = tick(state, 20.0)
    assert failure.action_failed.cause == ev.CAUSE_TIMEOUT
    assert failure.action_failed.failure.message == "nobody sent the signal within 10 s"
    assert (list(skipped.nodes_skipped.nodes), state_of(end)) == ([2], ev.RUN_STATE_FAILED)


def test_a_denial_fails_the_node_or_is_its_output() -> None:
    state = shard(approval(), None)
    submit(state)
    tick(state, 0.0)
    denied = sent("n0", False)
    denied.comment = "too slow"
    state.signal(RUN, denied, 1.0)
    failure, _, end = tick(state, 1.0)
    assert failure.action_failed.failure == ev.Failure(type="Denied", message="ada denied it: too slow")
    assert state_of(end) == ev.RUN_STATE_FAILED
    goes_on = shard(approval("team:red", goes_on_denied=True), None)
    submit(goes_on)
    goes_on.signal(RUN, sent("n0", False), 0.0)
    assert tick(goes_on, 0.0)[-1].action_succeeded.outputs.values[0].inline == b"false"


def test_cancelling_and_failing_fast_end_waits_at_once() -> None:
    state = shard(sleep(60), None)
    submit(state)
    tick(state, 0.0)
    assert kinds(state.cancel(RUN, ev.Caller(), "", 1.0)) == ["cancel_requested", "nodes_skipped", "run_ended"]
    assert tick(state, 61.0) == []
    fast = shard(None, sleep(60), after={1: []})
    submit(fast, fail_fast=True)
    tick(fast, 0.0)
    assert kinds(fast.report(failed(0), 1.0))[-1] == "run_ended"


def test_a_worker_cannot_end_a_wait() -> None:
    state = shard(sleep(60), None)
    submit(state)
    tick(state, 0.0)
    assert state.report(succeeded(0), 1.0) == state.report(failed(0), 1.0) == []


@pytest.mark.parametrize("done", range(6))
def test_a_new_owner_goes_on_where_the_log_ends(done: int) -> None:
    """The log of a run is cut after each event; whoever takes over ends the run at the same times."""
    state = shard(sleep(10), signal(20, otherwise=0), None)
    log = [(0.0, event) for event in submit(state)]
    log += [(0.0, event) for event in tick(state, 0.0)]
    log += [(5.0, event) for event in state.signal(RUN, sent("n1", 7), 5.0)]
    log += [(10.0, event) for event in tick(state, 10.0)]
    assert [kind for _, event in log for kind in kinds([event])] == [
        "run_submitted",
        "wait_began",
        "signal_received",
        "action_succeeded",
        "wait_began",
        "action_succeeded",
    ]
    new = replayed(state, log[: done + 1])
    snapshot = Shard(0, state.plans)
    snapshot.restore(list(new.snapshot(12.0)), new.seq, 0, 12.0)
    for owner in (new, snapshot):
        rest = [*tick(owner, 12.0), *tick(owner, 22.0), *tick(owner, 42.0)]
        ends = [event.action_succeeded for event in rest if event.HasField("action_succeeded")]
        assert [end.node for end in ends] == [node for node, at in ((0, 3), (1, 5)) if done < at]
        if done < 5:
            assert ends[-1].outputs.values[0].inline == (b"7" if done >= 2 else b"0")
        assert [owner.runs[RUN].status[node] for node in (0, 1, 2)] == [3, 3, 1]


def nothing_found(attempt: int) -> rp.Report:
    return failed(0, attempt, ev.CAUSE_NOT_YET)


def test_a_sensor_looks_again_until_its_time_is_over_and_uses_no_retry() -> None:
    plan = pl.Plan(schema=2, name="m:w", operators=[pl.Operator(retry=pl.RetryPolicy(retries=1))])
    wait = pl.Wait(sensor=pl.Sensor(every_s=60), timeout_s=150)
    plan.nodes.add(name="n0", kind=pl.NODE_KIND_TASK, wait=wait)
    state = Shard(0, {PLAN: PlanGraph.of(plan, PLAN)})
    submit(state)
    (first,) = state.report(nothing_found(1), 10.0)
    assert (first.action_failed.cause, first.action_failed.retry_delay_s) == (ev.CAUSE_NOT_YET, 60)
    (raised,) = state.report(failed(0, 2), 70.0)
    assert raised.action_failed.HasField("retry_delay_s"), "its retry is still there"
    other = Shard(0, state.plans)
    other.restore(list(state.snapshot(100.0)), state.seq, 0, 1_100.0)
    for owner, ahead_s in ((state, 0.0), (other, 1_000.0)):
        (again,) = owner.report(nothing_found(3), 100.0 + ahead_s)
        assert again.action_failed.retry_delay_s == 60
        over, end = owner.report(nothing_found(4), 160.0 + ahead_s)
        assert over.action_failed.cause == ev.CAUSE_TIMEOUT
        assert over.action_failed.failure.message.startswith("nothing was found within 150 s")
        assert state_of(end) == ev.RUN_STATE_FAILED


def test_what_is_no_sensor_cannot_look_again() -> None:
    state = shard(None, None)
    submit(state)
    assert not state.report(nothing_found(1), 0.0)[0].action_failed.HasField("retry_delay_s")


def test_a_run_is_cancelled_at_its_deadline_whoever_owns_it_then() -> None:
    state = shard(None, sleep(1_000))
    (submitted,) = state.submit(ev.RunSubmitted(plan=PLAN, options=ev.RunOptions(deadline_s=90)), RUN, 5.0)
    assert state.waits.due == 95.0
    new = replayed(state, [(5.0, submitted)])
    snapshot = Shard(0, state.plans)
    snapshot.restore(list(state.snapshot(50.0)), state.seq, 0, 50.0)
    for owner in (state, new, snapshot):
        assert tick(owner, 94.0) == []
        asked, skipped, end = tick(owner, 95.0)
        assert asked.cancel_requested.reason == "its deadline of 90 s is over"
        assert (list(skipped.nodes_skipped.nodes), state_of(end)) == ([0, 1], ev.RUN_STATE_CANCELLED)
        assert tick(owner, 1e6) == []


def test_runs_that_have_ended_leave_the_heap() -> None:
    state = shard(None)
    for number in range(5_000):
        run_id = number.to_bytes(16, "big")
        state.submit(ev.RunSubmitted(plan=PLAN, options=ev.RunOptions(deadline_s=1e6)), run_id, 0.0)
        state.cancel(run_id, ev.Caller(), "", 0.0)
    assert not state.runs and len(state.waits._heap) <= HEAP_MIN


def test_a_run_that_goes_on_after_its_end_waits_anew_and_has_its_deadline_again() -> None:
    state = shard(sleep(10), approval())
    state.submit(ev.RunSubmitted(plan=PLAN, options=ev.RunOptions(deadline_s=90)), RUN, 0.0)
    tick(state, 0.0)
    tick(state, 10.0)
    state.signal(RUN, sent("n1", False), 20.0)
    ended = [event.action_succeeded for event in tick(state, 20.0)]
    assert RUN not in state.runs and ended
    outputs = packed([(0, 3)])
    reopened = ev.RunReopened(plan=PLAN, first_seq=1, succeeded=outputs, tried_steps=steps([1]), next_attempts=[2])
    reopened.options.deadline_s = 2_000
    state.reopen(RUN, reopened, 30.0)
    assert kinds(tick(state, 30.0)) == ["wait_began"]
    assert state.runs[RUN].deadline == 2_030.0, "counted from the moment at which it went on"
    assert tick(state, 1_000.0) == []
    state.signal(RUN, sent("n1", True, id=b"2" * 16), 1_000.0)
    again, end = tick(state, 1_000.0)
    assert (again.action_succeeded.attempt, state_of(end)) == (2, ev.RUN_STATE_SUCCEEDED)
