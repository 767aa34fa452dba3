"""What a failed run's answer says, whatever kind of node failed; and lists made of two sources."""

from penstock_gateway.api.results import failure_of
from penstock_gateway.api.run_filters import RunFilter
from penstock_gateway.api.run_lists import record_of, united
from penstock_proto.history.v1 import service_pb2 as history
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2, service_pb2

RUNNING, SUCCEEDED = events_pb2.RUN_STATE_RUNNING, events_pb2.RUN_STATE_SUCCEEDED


def test_a_failed_node_that_calls_no_operator_is_shown() -> None:
    plan = plan_pb2.Plan(name="m:w", nodes=[plan_pb2.Node(name="gather", kind=plan_pb2.NODE_KIND_PASS)])
    ended = service_pb2.RunResult(failed_node=0, failure=events_pb2.ActionFailed(cause=events_pb2.CAUSE_LOST))
    failure = failure_of(plan, ended)
    assert failure is not None
    assert (failure["node"], failure["operator"], failure["cause"]) == ("gather", "", "lost")


def test_a_failed_node_outside_of_the_plan_is_left_out() -> None:
    assert failure_of(plan_pb2.Plan(), service_pb2.RunResult(failed_node=3)) is None


def summary(number: int, state: events_pb2.RunState = SUCCEEDED) -> service_pb2.RunSummary:
    caller = events_pb2.Caller(user="ada")
    return service_pb2.RunSummary(
        run_id=number.to_bytes(16, "big"), submitted_at_us=number, state=state, plan_name="m:w", caller=caller
    )


def past(number: int, state: events_pb2.RunState = SUCCEEDED) -> history.RunRecord:
    return record_of(summary(number, state))


def numbers(found: list[history.RunRecord]) -> list[tuple[int, int]]:
    return [(run.submitted_at_us, run.state) for run in found]


def test_the_state_tracker_knows_the_newest_runs_better() -> None:
    behind = [past(5, RUNNING), past(4), past(3), past(1)]
    fresh = [summary(7, RUNNING), summary(6), summary(5), summary(3)]
    found = united(behind, fresh, RunFilter(), (2, b""))
    # 7 and 6 are new, 5 has ended, 4 was removed, and 1 is older than what the State Tracker has listed.
    assert numbers(found) == [(7, RUNNING), (6, SUCCEEDED), (5, SUCCEEDED), (3, SUCCEEDED), (1, SUCCEEDED)]


def test_nothing_is_taken_for_removed_while_a_database_is_away() -> None:
    assert numbers(united([past(4), past(3)], [summary(3)], RunFilter(), None)) == [(4, SUCCEEDED), (3, SUCCEEDED)]


def test_the_rest_of_the_filter_holds_for_what_is_new() -> None:
    assert united([], [summary(1)], RunFilter(user="grace"), (0, b"")) == []
    assert len(united([], [summary(1)], RunFilter(user="ada", search="W"), (0, b""))) == 1
