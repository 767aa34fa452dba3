"""The pool on plain values: from starts to grants, from reports to what is published."""

from penstock_action_service.pool.records import HELD_MAX
from penstock_proto.dependency_manager.v1.actions_pb2 import ActionBatch, Instruction
from penstock_proto.plan.v1.plan_pb2 import NODE_KIND_PASS, NODE_KIND_WAIT
from penstock_proto.state_tracker.v1.events_pb2 import (
    CAUSE_CANCELLED,
    CAUSE_LOST,
    CAUSE_NOT_LOADABLE,
    CAUSE_PREEMPTED,
    CAUSE_TIMEOUT,
)

from tests.action_service.pools import LEASE_S, Driven, cancelled, start, started, succeeded


def test_an_action_is_granted_reported_and_settled() -> None:
    pool = Driven(epoch=3)
    pool.worker()
    pool.say(start())
    (granted,) = pool.granted("w")
    assert granted.grant == 3 * 2**40 + 1
    pool.reports(started(granted), succeeded(granted))
    pool.take()
    assert [report.WhichOneof("kind") for report in pool.published()] == ["started", "succeeded"]
    pool.record(granted)
    pool.take()
    assert pool.told("recorded") == [granted.grant]
    (learnt,) = pool.learnt()
    assert (learnt.shard, learnt.seq, learnt.report.grant) == (0, 1, granted.grant)
    assert not pool.why()


def test_what_runs_never_exceeds_capacity() -> None:
    pool = Driven()
    pool.worker(cpus=2, gpu=1, memory_bytes=100)
    pool.say(*(start(node) for node in range(3)), start(3, gpu=1, cpus=0), start(4, gpu=1, cpus=0))
    pool.say(start(5, cpus=0, memory_bytes=70), start(6, cpus=0, memory_bytes=70))
    assert sorted(pool.nodes()) == [0, 1, 3, 5]
    assert pool.core.summary().used.gpu == 1


def test_ranges_at_or_below_the_position_mean_nothing() -> None:
    pool = Driven()
    pool.worker()
    pool.say(start(0))
    batch = ActionBatch(shard=0, from_seq=0, to_seq=1, instructions=[Instruction(start=start(1))])
    pool.core.actions(batch, pool.now)
    assert pool.nodes() == [0]


def test_other_pools_are_others_matter() -> None:
    pool = Driven()
    pool.worker()
    pool.say(start(0, pool="gpus"), start(1, pool=""))
    assert pool.nodes() == [1]


def test_short_actions_are_granted_ahead_and_unknown_ones_are_not() -> None:
    pool = Driven()
    pool.worker(cpus=2)
    pool.say(*(start(node) for node in range(600)))
    first = pool.granted()
    assert len(first) == 2
    pool.reports(*(succeeded(granted, duration_s=30e-6) for granted in first))
    assert 200 < len(pool.granted()) <= HELD_MAX
    assert pool.core.summary().used.cpu_milli == 2000


def test_long_actions_are_not_granted_ahead() -> None:
    pool = Driven()
    pool.worker(cpus=2)
    pool.say(*(start(node) for node in range(6)))
    first = pool.granted()
    pool.reports(*(succeeded(granted, duration_s=0.5) for granted in first))
    assert len(pool.granted()) == 2


def test_what_waits_behind_a_surprise_is_asked_back_and_goes_elsewhere() -> None:
    pool = Driven()
    pool.worker("w", cpus=1)
    pool.say(start(0))
    pool.reports(succeeded(pool.granted()[0], duration_s=30e-6))
    pool.say(start(1), start(2))
    one, two = pool.granted("w")
    pool.keep_alive(0.5, "w")
    pool.take()
    assert pool.told("stop", "w") == [two.grant]
    pool.worker("other", cpus=1)
    pool.reports(cancelled(two))
    (again,) = pool.granted("other")
    assert (again.start.node, again.start.attempt) == (2, 1)
    assert again.grant != two.grant
    assert not pool.published()
    assert pool.told("recorded", "w") == [two.grant]
    pool.reports(succeeded(one))


def test_what_began_before_it_could_be_given_back_is_not_given_to_another_as_if_it_had_not() -> None:
    pool = Driven()
    pool.worker("w", cpus=1)
    pool.say(start(0))
    pool.reports(succeeded(pool.granted()[0], duration_s=30e-6))
    pool.say(start(1), start(2))
    _, two = pool.granted("w")
    pool.keep_alive(0.5, "w")
    pool.take()
    assert pool.told("stop", "w") == [two.grant]
    pool.reports(started(two))
    pool.reports(cancelled(two))
    assert not pool.granted("w")
    (report,) = (each for each in pool.published() if each.HasField("failed"))
    assert (report.node, report.failed.cause) == (2, CAUSE_CANCELLED)


def test_a_stop_takes_what_is_queued_and_stops_what_runs() -> None:
    pool = Driven()
    pool.now += LEASE_S + 1
    pool.worker(cpus=1)
    pool.say(start(0), start(1))
    (granted,) = pool.granted()
    pool.stop(0)
    pool.stop(1)
    assert not pool.granted()
    assert pool.told("stop") == [granted.grant]
    pool.reports(cancelled(granted))
    assert not pool.granted()
    (report,) = pool.published()
    assert report.failed.cause == CAUSE_CANCELLED


def test_a_stopped_start_that_another_owner_may_have_granted_is_reported() -> None:
    pool = Driven()
    pool.say(start(0))
    pool.stop(0)
    pool.take()
    (report,) = pool.published()
    assert report.failed.cause == CAUSE_CANCELLED


def test_delays() -> None:
    pool = Driven()
    pool.worker()
    pool.say(start(0, delay_s=5.0), start(1, delay_s=3.0), start(2))
    assert pool.nodes() == [2]
    assert pool.core.summary().delayed == 2
    pool.stop(1)
    pool.keep_alive(4, "w")
    assert pool.nodes() == []
    pool.keep_alive(2, "w")
    assert pool.nodes() == [0]


def test_pass_nodes_succeed_without_a_worker() -> None:
    pool = Driven()
    pool.say(start(0, kind=NODE_KIND_PASS))
    pool.take()
    (report,) = pool.published()
    assert report.HasField("succeeded") and report.grant


def test_kinds_of_a_later_version_fail_with_a_reason() -> None:
    pool = Driven()
    pool.say(start(0, kind=NODE_KIND_WAIT))
    pool.take()
    (report,) = pool.published()
    assert report.failed.cause == CAUSE_NOT_LOADABLE and report.failed.final


def test_unrecorded_reports_are_sent_again_less_and_less_often() -> None:
    pool = Driven()
    pool.worker()
    pool.say(start())
    (granted,) = pool.granted()
    pool.reports(succeeded(granted))
    pool.take()
    resent_at: list[float] = []
    since = pool.now
    while pool.now < since + 40:
        pool.keep_alive(0.25, "w")
        pool.take()
        resent_at += [pool.now - since for _ in pool.resent()]
    assert resent_at == [1.0, 3.0, 7.0, 15.0, 25.0, 35.0]
    pool.core.settle([granted.grant], {})
    pool.take()
    assert pool.told("recorded") == [granted.grant]
    assert not pool.why()


def test_a_worker_that_does_not_enforce_a_timeout() -> None:
    pool = Driven()
    pool.worker(cpus=1)
    pool.say(start(0, timeout_s=2.0), start(1))
    (granted,) = pool.granted()
    for _ in range(20):
        pool.keep_alive(1, "w")
    assert not pool.granted()  # it still executes there
    assert [report.failed.cause for report in pool.published()] == [CAUSE_TIMEOUT]
    assert set(pool.told("stop")) == {granted.grant}
    pool.reports(cancelled(granted))
    assert pool.nodes() == [1]
    assert not pool.published()


def test_a_drained_worker_ends_what_it_runs() -> None:
    pool = Driven()
    pool.worker()
    pool.say(start(0))
    (granted,) = pool.granted()
    pool.core.drain("w")
    pool.say(start(1))
    pool.reports(succeeded(granted))
    assert not pool.granted()
    assert "draining" in pool.why()[1]


def test_why() -> None:
    pool = Driven()
    pool.say(start(0, gpu=1), start(1), start(2, delay_s=9))
    assert pool.why()[0] == "pool default has no worker"
    pool.worker(cpus=1)
    pool.take()
    assert pool.why() == [
        "needs cpu 1, gpu 1; no worker in pool default has one",
        "runs on worker w",
        "waits for its retry delay",
    ]
    pool.say(start(3))
    pool.take()
    assert pool.why()[3] == "needs cpu 1; all workers that have it are busy, 1 more wait in pool default"


def test_what_no_worker_has_is_said_before_it_is_submitted() -> None:
    pool = Driven()
    needs = [start(0, gpu=1).resources, start(1).resources, start(2, cpus=3).resources]
    assert pool.core.lacks(needs) == [], "nobody knows which workers will join"
    pool.worker(cpus=1)
    assert pool.core.lacks(needs) == [
        "needs cpu 1, gpu 1; no worker in pool default has one",
        "",
        "needs cpu 3; no worker in pool default has all of it",
    ]
    pool.worker("large", cpus=4, gpu=1)
    assert pool.core.lacks(needs) == ["", "", ""]


def test_labels() -> None:
    pool = Driven()
    needs = start(0)
    needs.resources.labels["zone"] = "b"
    pool.worker("w", labels={"zone": "a"})
    pool.say(needs)
    assert not pool.granted()
    assert pool.why() == ["needs cpu 1, label zone=b; no worker in pool default has the label zone=b"]
    pool.worker("v", labels={"zone": "b"})
    assert len(pool.granted("v")) == 1


def test_priority_then_age() -> None:
    pool = Driven()
    pool.say(start(0), start(1, priority=5), start(2, priority=5), start(3, priority=-1))
    pool.worker(cpus=1)
    order: list[int] = []
    for _ in range(4):
        (granted,) = pool.granted()
        order.append(granted.start.node)
        pool.reports(succeeded(granted))
    assert order == [1, 2, 0, 3]


def test_reports_about_another_action_than_the_grants_are_refused() -> None:
    pool = Driven()
    pool.worker()
    pool.say(start(0))
    (granted,) = pool.granted()
    report = succeeded(granted)
    report.node = 1
    pool.reports(report)
    pool.take()
    assert pool.core.refused == 1 and not pool.published()


def test_a_worker_lost_with_all_that_it_held() -> None:
    pool = Driven()
    pool.worker()
    pool.say(start(0), start(1))
    granted = pool.granted()
    pool.tick(LEASE_S + 1)
    pool.take()
    assert [report.failed.cause for report in pool.published()] == [CAUSE_LOST] * 2
    assert [report.grant for report in pool.published()] == [g.grant for g in granted]
    assert not pool.core.knows("w")
    pool.say(start(0, attempt=2))
    pool.worker("v")
    assert pool.nodes("v") == [0]


def test_a_worker_that_stops_in_order_gives_up_what_it_held_and_that_uses_up_nothing() -> None:
    pool = Driven()
    pool.worker()
    pool.say(start(0), start(1))
    granted = pool.granted()
    pool.core.remove("w", pool.now, stopped=True)
    pool.take()
    assert [report.failed.cause for report in pool.published()] == [CAUSE_PREEMPTED] * 2
    assert [report.grant for report in pool.published()] == [g.grant for g in granted]
    assert not pool.core.knows("w")


def test_teams_share_by_use_and_weight() -> None:
    pool = Driven(weights={"big": 3.0})
    pool.worker(cpus=8)
    for node in range(200):
        pool.say(start(node, team="small"), start(node, team="big", run_id=b"b" * 16))
    counts = {"small": 0, "big": 0}
    running = pool.granted()
    for _ in range(30):
        for granted in running:
            counts[granted.start.team] += 1
        pool.now += 1
        pool.reports(*(succeeded(granted) for granted in running))
        running = pool.granted()
    assert 2.0 < counts["big"] / counts["small"] < 4.0


def test_a_team_that_comes_later_gets_the_next_room() -> None:
    pool = Driven()
    pool.worker(cpus=4)
    pool.say(*(start(node) for node in range(100)))
    running = pool.granted()
    pool.keep_alive(5, "w")
    pool.say(*(start(node, team="b", run_id=b"b" * 16) for node in range(100)))
    pool.reports(succeeded(running[0]), succeeded(running[1]))
    assert [granted.start.team for granted in pool.granted()] == ["b", "b"]


def test_a_large_action_is_not_starved_by_small_ones() -> None:
    pool = Driven()
    pool.worker(cpus=4)
    pool.say(*(start(node) for node in range(400)))
    running = pool.granted()
    pool.say(start(1000, cpus=4))
    for _ in range(100):
        pool.keep_alive(0.25, "w")
        pool.reports(succeeded(running.pop(0)))
        running += pool.granted()
        if any(granted.start.node == 1000 for granted in running):
            break
    else:
        raise AssertionError("the large action never ran")
    assert pool.core.summary().used.cpu_milli == 4000


def test_an_unknown_action_is_not_starved_by_short_ones_granted_ahead() -> None:
    pool = Driven()
    pool.worker(cpus=2)
    pool.say(start(0, operator="m:short"))
    pool.reports(succeeded(pool.granted()[0], duration_s=30e-6))
    pool.say(*(start(node, operator="m:short") for node in range(1, 3000)))
    running = pool.granted()
    pool.say(start(0, operator="m:new", team="b", run_id=b"b" * 16))
    for _ in range(3000):
        pool.keep_alive(0.001, "w")
        pool.reports(succeeded(running.pop(0), duration_s=30e-6))
        news = pool.granted()
        running += news
        if any(granted.start.operator == "m:new" for granted in news):
            break
    else:
        raise AssertionError("it never ran")


def test_warm_workers_are_preferred() -> None:
    pool = Driven()
    pool.worker("w", cpus=4)
    pool.worker("v", cpus=4)
    for node, bundle in enumerate([b"x", b"y", b"x", b"y", b"x", b"y"]):
        pool.say(start(node, bundle=bundle))
        pool.take()
    bundles = {worker.worker: worker.actions for worker in pool.core.workers(pool.now)}
    assert bundles == {"w": 3, "v": 3}
