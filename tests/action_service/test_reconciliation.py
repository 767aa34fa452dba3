"""Take-overs, workers that come back, and grants that meet."""

from penstock_proto.dependency_manager.v1.actions_pb2 import Start
from penstock_proto.state_tracker.v1.events_pb2 import CAUSE_CANCELLED, CAUSE_LOST

from tests.action_service.pools import LEASE_S, Driven, Granted, cancelled, held, start, started, succeeded


def of_former(node: int = 0, grant: int = 77) -> Granted:
    """A grant of a former owner of the pool."""
    return Granted(grant, 0, start(node))


def running(granted: Granted, worker: str = "w", **fields: object) -> Start:
    """What a snapshot says of an attempt that runs."""
    again = Start()
    again.CopyFrom(granted.start)
    again.running_grant, again.running_worker = granted.grant, worker
    for name, value in fields.items():
        setattr(again, name, value)
    return again


def test_after_a_take_over_what_runs_is_adopted() -> None:
    pool = Driven(epoch=2, caught_up=False)
    former = of_former()
    pool.snapshot(running(former), start(1))
    pool.core.note_caught_up(pool.now)
    pool.take()
    pool.worker(cpus=1, held=[held(former)])
    assert not pool.granted() and not pool.told("stop")
    pool.reports(succeeded(former))
    assert pool.nodes() == [1]
    assert [report.grant for report in pool.published()] == [77]
    pool.record(former)
    pool.take()
    assert pool.told("recorded") == [77]


def test_after_a_take_over_what_nobody_holds_is_lost_after_a_lease() -> None:
    pool = Driven(epoch=2)
    pool.snapshot(running(of_former()))
    pool.tick(LEASE_S - 1)
    pool.take()
    assert not pool.published()
    pool.tick(2)
    pool.take()
    (report,) = pool.published()
    assert (report.failed.cause, report.grant) == (CAUSE_LOST, 77)


def test_after_a_take_over_what_its_worker_does_not_hold_is_lost_at_once() -> None:
    pool = Driven(epoch=2)
    pool.snapshot(running(of_former()))
    pool.worker("other")
    pool.take()
    assert not pool.published()
    pool.worker("w")
    pool.take()
    assert [report.failed.cause for report in pool.published()] == [CAUSE_LOST]


def test_a_worker_that_registered_before_the_snapshot_came() -> None:
    pool = Driven(epoch=2, caught_up=False)
    kept, unwanted, ended = of_former(0, 70), of_former(1, 71), of_former(2, 72)
    pool.worker(held=[held(kept), held(unwanted), held(ended)])
    pool.reports(succeeded(ended))
    pool.take()
    assert not pool.told("stop") and not pool.told("recorded") and not pool.published()
    pool.snapshot(running(kept), running(ended), running(of_former(3, 73)))
    pool.core.note_caught_up(pool.now)
    pool.take()
    assert pool.told("stop") == [71]
    assert {report.grant: report.WhichOneof("kind") for report in pool.published()} == {72: "succeeded", 73: "failed"}
    pool.reports(succeeded(kept), cancelled(unwanted))
    pool.take()
    assert [report.grant for report in pool.published()] == [70]
    assert pool.told("recorded") == [71]


def test_a_report_that_came_before_the_snapshot_is_not_lost() -> None:
    pool = Driven(epoch=2, caught_up=False)
    former = of_former()
    pool.worker()
    pool.reports(succeeded(former))
    pool.snapshot(running(former))
    pool.take()
    assert [report.grant for report in pool.published()] == [77]


def test_a_report_of_what_no_log_names_is_settled() -> None:
    pool = Driven(epoch=2, caught_up=False)
    former = of_former()
    pool.worker()
    pool.reports(succeeded(former))
    pool.core.note_caught_up(pool.now)
    pool.take()
    assert pool.told("recorded") == [77] and not pool.published()
    pool.reports(succeeded(former))
    pool.take()
    assert pool.told("recorded") == [77]


def test_a_stopping_attempt_of_a_snapshot_never_starts() -> None:
    pool = Driven(epoch=2)
    former = of_former()
    pool.snapshot(running(former, stopping=True), start(1, stopping=True))
    pool.worker(held=[held(former)])
    assert not pool.granted()
    assert pool.told("stop") == [77]
    assert [(report.node, report.failed.cause) for report in pool.published()] == [(1, CAUSE_CANCELLED)]
    pool.reports(cancelled(former))
    pool.take()
    assert [report.grant for report in pool.published()] == [77]


def test_a_broken_connection_loses_nothing_within_the_lease() -> None:
    pool = Driven()
    pool.worker()
    pool.say(start(0), start(1))
    one, two = pool.granted()
    pool.core.disconnect("w", pool.now)
    pool.say(start(2))
    assert not pool.granted()
    pool.tick(LEASE_S / 2)
    pool.worker(held=[held(one), held(two)])
    assert not pool.granted()
    pool.reports(succeeded(one))
    assert pool.nodes() == [2]


def test_an_order_that_never_arrived_is_given_again() -> None:
    pool = Driven()
    pool.worker()
    pool.say(start(0), start(1))
    one, two = pool.granted()
    pool.reports(started(one))
    pool.core.disconnect("w", pool.now)
    pool.worker()
    (again,) = pool.granted()
    assert (again.start.node, again.start.attempt) == (1, 1) and again.grant > two.grant
    assert [report.failed.cause for report in pool.published() if report.HasField("failed")] == [CAUSE_LOST]


def test_a_stop_reaches_a_worker_that_was_away() -> None:
    pool = Driven()
    pool.worker()
    pool.say(start(0))
    (granted,) = pool.granted()
    pool.core.disconnect("w", pool.now)
    pool.stop(0)
    pool.take()
    assert not pool.told("stop")
    pool.worker(held=[held(granted)])
    pool.take()
    assert pool.told("stop") == [granted.grant]


def test_a_worker_given_up_is_told_to_stop_when_it_comes_back() -> None:
    pool = Driven()
    pool.worker()
    pool.say(start(0))
    (granted,) = pool.granted()
    pool.tick(LEASE_S + 1)
    pool.take()
    pool.worker(held=[held(granted)])
    pool.take()
    assert pool.told("stop") == [granted.grant]
    pool.record(granted)
    pool.say(start(0, attempt=2))
    assert not [g for g in pool.granted() if g.start.attempt == 1]


def test_another_incarnation_means_that_the_former_is_dead() -> None:
    pool = Driven()
    pool.worker()
    pool.say(start(0))
    pool.take()
    pool.worker(incarnation="2")
    pool.take()
    assert [report.failed.cause for report in pool.published()] == [CAUSE_LOST]


def test_of_two_grants_of_one_attempt_the_first_end_counts_and_the_other_stops() -> None:
    pool = Driven()
    pool.worker("w")
    pool.say(start(0))
    (granted,) = pool.granted("w")
    pool.worker("v")
    foreign = of_former()
    pool.reports(succeeded(foreign, "v"))
    pool.take()
    assert [report.grant for report in pool.published()] == [77]
    pool.record(foreign)
    pool.take()
    assert pool.told("recorded", "v") == [77]
    assert pool.told("stop", "w") == [granted.grant]
    pool.reports(cancelled(granted))
    pool.take()
    assert pool.told("recorded", "w") == [granted.grant] and not pool.published()


def test_a_second_execution_is_stopped_when_its_worker_comes() -> None:
    pool = Driven()
    pool.worker("w")
    pool.say(start(0))
    pool.take()
    pool.worker("v", held=[held(of_former())])
    pool.take()
    assert pool.told("stop", "v") == [77]
    pool.reports(cancelled(of_former(), "v"))
    pool.take()
    assert not pool.published() and pool.told("recorded", "v") == [77]


def test_a_snapshot_forgets_what_it_does_not_name() -> None:
    pool = Driven()
    pool.worker(cpus=1)
    pool.say(start(0), start(1), start(2, delay_s=5))
    (granted,) = pool.granted()
    pool.seq += 5
    pool.snapshot(start(3))
    pool.take()
    assert pool.told("stop") == [granted.grant]
    pool.reports(cancelled(granted))
    assert pool.nodes() == [3]
    assert not pool.published()


def test_an_older_snapshot_means_nothing() -> None:
    pool = Driven()
    pool.worker()
    pool.say(start(0))
    pool.core.snapshot(0, 0, [], pool.now)
    assert pool.nodes() == [0]


def test_a_snapshot_keeps_what_it_names() -> None:
    pool = Driven()
    pool.worker(cpus=1)
    pool.say(start(0), start(1))
    (granted,) = pool.granted()
    pool.snapshot(running(granted), start(1))
    assert not pool.granted() and not pool.told("stop")
    pool.reports(succeeded(granted))
    assert pool.nodes() == [1]


def test_the_log_may_record_another_grant_than_ours() -> None:
    pool = Driven()
    pool.worker()
    pool.say(start(0))
    (granted,) = pool.granted()
    pool.reports(succeeded(granted))
    pool.take()
    pool.record(granted, grant=99)
    pool.take()
    assert pool.told("recorded") == [granted.grant] and not pool.learnt()


def reported_and_settled(pool: Driven, seq: int) -> Granted:
    """Let the pool execute an attempt whose report the stream loses: it is settled by a call, at a place in the log."""
    pool.worker()
    pool.say(start())
    (granted,) = pool.granted()
    pool.reports(succeeded(granted))
    pool.core.settle([granted.grant], {0: seq})
    pool.take()
    assert pool.told("recorded") == [granted.grant], "its worker may forget it"
    return granted


def test_what_is_settled_is_not_executed_again_for_a_snapshot_from_before() -> None:
    pool = Driven()
    granted = reported_and_settled(pool, seq=3)
    pool.snapshot(start())
    assert not pool.granted()
    pool.seq = 2
    pool.snapshot(running(granted), start(1))
    assert pool.nodes() == [1]
    pool.record(granted)
    pool.snapshot(start(1))
    assert not pool.granted() and pool.nodes_open() == [1]


def test_what_is_settled_is_not_executed_again_for_a_range_from_before() -> None:
    pool = Driven()
    reported_and_settled(pool, seq=3)
    pool.seq = 1
    pool.say(start(), start(1))  # what another Dependency Manager tells of a longer range
    assert pool.nodes() == [1] and pool.nodes_open() == [0, 1]
    pool.say()
    assert pool.nodes_open() == [1], "the log was followed to the end of it, and nothing of it is kept"


def test_what_is_settled_by_a_place_that_the_pool_knows_is_forgotten_at_once() -> None:
    pool = Driven()
    reported_and_settled(pool, seq=1)
    assert not pool.nodes_open()


def test_a_report_that_comes_again_after_it_was_settled_changes_nothing() -> None:
    pool = Driven()
    granted = reported_and_settled(pool, seq=3)
    pool.reports(succeeded(granted))
    pool.stop()
    pool.tick(60)
    pool.take()
    assert not pool.published() and not pool.resent()


def test_a_log_that_has_lost_what_was_settled_gets_it_executed_again() -> None:
    pool = Driven()
    pool.say()
    reported_and_settled(pool, seq=5)
    pool.core.go_back(0, 1)
    pool.seq = 1
    pool.snapshot(start())
    assert pool.nodes() == [0]
