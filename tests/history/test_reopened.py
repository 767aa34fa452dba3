"""A run that goes on after an end, as the history and the notifications take it."""

from penstock_history.core.nodes import FAILED, SUCCEEDED, Nodes
from penstock_history.core.open_run import Earlier
from penstock_history.core.runs import Runs
from penstock_notifications.core.attempts import delivery_id
from penstock_notifications.core.runs import Runs as Told
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.successes import packed
from penstock_proto.value.v1.value_pb2 import Value, Values

RUN = b"r" * 16


def event(**kind: object) -> ev.Event:
    return ev.Event(run_id=RUN, **kind)  # type: ignore[arg-type]


LOG = [
    event(
        run_submitted=ev.RunSubmitted(
            plan=b"p" * 32,
            plan_name="m:w",
            nodes=2,
            inputs=Values(values=[Value(codec="json", inline=b"1")]),
            caller=ev.Caller(user="ann", team="red"),
        )
    ),
    event(action_succeeded=ev.ActionSucceeded(node=0, attempt=1, duration_us=500)),
    event(action_failed=ev.ActionFailed(node=1, attempt=1, failure=ev.Failure(message="no"))),
    event(run_ended=ev.RunEnded(state=ev.RUN_STATE_FAILED, failed_node=1)),
    event(
        run_reopened=ev.RunReopened(
            plan=b"p" * 32,
            plan_name="m:w",
            nodes=2,
            submitted_by=ev.Caller(user="ann", team="red"),
            first_seq=1,
            submitted_at_us=1_000,
            succeeded=packed([(0, 2)]),
            tried_steps=[1],
            next_attempts=[2],
        )
    ),
    event(action_succeeded=ev.ActionSucceeded(node=1, attempt=2, duration_us=700)),
    event(run_ended=ev.RunEnded(state=ev.RUN_STATE_SUCCEEDED, failed_node=-1)),
]


def batch(first: int, last: int) -> ev.EventBatch:
    return ev.EventBatch(from_seq=first, recorded_at_us=1_000 * first, events=LOG[first - 1 : last])


def take(runs: Runs, first: int, last: int) -> None:
    for seq in range(first, last + 1):
        assert not runs.take(batch(seq, seq))[1]


def test_both_ends_in_one_batch_are_one_row_with_all_attempts() -> None:
    runs = Runs({})
    runs.begin(0)
    take(runs, 1, 7)
    (run,) = runs.take_changes().ended
    run.complete()
    assert (run.state, run.submitted_us, run.submitted_seq, run.busy_us) == (ev.RUN_STATE_SUCCEEDED, 1_000, 1, 1_200)
    assert list(run.nodes.status) == [SUCCEEDED] * 2 and list(run.nodes.attempts) == [1, 2]
    assert list(run.nodes.duration_us) == [500, 700] and Values.FromString(run.inputs).values


def test_a_follower_that_has_forgotten_the_run_takes_it_up_where_it_was_reopened() -> None:
    runs = Runs({})
    runs.begin(0)
    take(runs, 1, 4)
    (before,) = runs.take_changes().ended
    take(runs, 5, 5)
    changes = runs.take_changes()
    assert changes.marks[0].from_seq == 5 and [is_new for _, is_new in changes.reopened] == [True]
    take(runs, 6, 7)
    (run,) = runs.take_changes().ended
    assert list(run.nodes.attempts) == [0, 2] and before.nodes.status[1] == FAILED
    run.earlier.append(Earlier(before.retries, before.busy_us, before.inputs, Nodes.unpack(before.nodes.pack())))
    run.complete()
    assert list(run.nodes.attempts) == [1, 2] and run.busy_us == 1_200


def test_each_end_is_told() -> None:
    told = Told({})
    told.begin(0, 0)
    ends, invalid = told.take(batch(1, 7))
    assert not invalid
    assert [(run.state, run.user, run.reopened_seq) for run in ends] == [
        (ev.RUN_STATE_FAILED, "ann", 0),
        (ev.RUN_STATE_SUCCEEDED, "ann", 5),
    ]
    assert delivery_id(RUN, 1, "mail") == delivery_id(RUN, 1, "mail", 0) != delivery_id(RUN, 1, "mail", 5)
