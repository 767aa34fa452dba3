"""What runs stays known over failovers: `started` is sent until recorded, and a new owner waits for former workers."""

import pytest
from penstock_proto.dependency_manager.v1.actions_pb2 import Running
from penstock_proto.plan.v1.plan_pb2 import NODE_KIND_PASS

from tests.action_service.pools import LEASE_S, RUN, Driven, held, start, started, succeeded


def running(grant: int, node: int = 0) -> Running:
    return Running(run_id=RUN, node=node, attempt=1, grant=grant)


def resent(pool: Driven, seconds: float) -> int:
    """Let time pass; return how often a report was sent again."""
    times = 0
    for _ in range(int(seconds / 0.5)):
        pool.keep_alive(0.5, "w")
        pool.take()
        times += len(pool.resent())
    return times


def test_started_is_sent_again_until_it_is_recorded() -> None:
    pool = Driven()
    pool.worker()
    pool.say(start())
    (granted,) = pool.granted()
    pool.reports(started(granted))
    pool.take()
    assert [report.WhichOneof("kind") for report in pool.published()] == ["started"]
    assert 3 <= resent(pool, 30.0) <= 8
    pool.say(running(granted.grant))
    assert not resent(pool, 30.0)


@pytest.mark.parametrize("end", ["ended", "worker gone", "stopped"])
def test_started_of_what_has_ended_is_not_sent_again(end: str) -> None:
    pool = Driven()
    pool.worker()
    pool.say(start())
    (granted,) = pool.granted()
    pool.reports(started(granted))
    pool.take()
    match end:
        case "ended":
            pool.reports(succeeded(granted))
        case "worker gone":
            pool.core.remove("w", pool.now)
        case _:
            pool.record(granted, grant=granted.grant + 1)
            pool.reports(succeeded(granted))
    pool.record(granted)
    assert not resent(pool, 30.0)


def test_started_that_came_before_the_log_was_known_is_published_when_it_is() -> None:
    before = Driven()
    before.worker()
    before.say(start())
    (granted,) = before.granted()
    pool = Driven(epoch=2, caught_up=False)
    pool.worker(held=[held(granted)])
    pool.reports(started(granted))
    pool.take()
    assert not pool.published()
    pool.snapshot(start())
    pool.take()
    assert [(report.grant, report.WhichOneof("kind")) for report in pool.published()] == [(granted.grant, "started")]
    assert resent(pool, 10.0)


def test_what_may_run_already_is_not_granted_until_the_former_workers_are_back() -> None:
    before = Driven()
    before.worker("old")
    before.say(start())
    (granted,) = before.granted()
    pool = Driven(epoch=2, caught_up=False, former_workers=["old", "older"])
    pool.snapshot(start(), start(1))
    pool.core.note_caught_up(pool.now)
    pool.worker("new")
    assert not pool.granted()
    assert pool.why() == ["may run already; waits for the workers of the pool's former owner to come back"] * 2
    pool.worker("older")
    assert not pool.granted()
    pool.worker("old", held=[held(granted)])
    assert [each.start.node for each in pool.granted()] == [1]
    pool.reports(started(granted, "old"))
    pool.reports(succeeded(granted, "old"))
    pool.take()
    assert [report.grant for report in pool.published()] == [granted.grant] * 2


def test_former_workers_are_waited_for_one_lease() -> None:
    pool = Driven(epoch=2, caught_up=False, former_workers=["old"])
    pool.snapshot(start())
    pool.core.note_caught_up(pool.now)
    pool.worker("new")
    pool.keep_alive(LEASE_S - 0.1, "new")
    assert not pool.granted()
    pool.keep_alive(0.2, "new")
    assert pool.nodes("new") == [0]


def test_what_begins_after_the_take_over_waits_for_nobody() -> None:
    pool = Driven(epoch=2, caught_up=False, former_workers=["old"])
    pool.snapshot(start(5, kind=NODE_KIND_PASS))
    pool.core.note_caught_up(pool.now)
    pool.take()
    assert [report.node for report in pool.published()] == [5]
    pool.worker("new")
    pool.say(start(1))
    assert pool.nodes("new") == [1]


def test_what_is_held_back_can_be_stopped() -> None:
    pool = Driven(epoch=2, caught_up=False, former_workers=["old"])
    pool.snapshot(start())
    pool.core.note_caught_up(pool.now)
    pool.stop()
    pool.take()
    assert [report.WhichOneof("kind") for report in pool.published()] == ["failed"]
    pool.worker("old")
    assert not pool.granted()
    assert pool.core.summary().delayed == 0
