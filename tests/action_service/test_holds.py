"""Nothing of a held run is granted; what a worker has of it goes on."""

from penstock_proto.dependency_manager.v1.actions_pb2 import ActionBatch, Hold, Instruction, Start
from penstock_proto.plan.v1.plan_pb2 import NODE_KIND_PASS

from tests.action_service.pools import RUN, Driven, failed, start, succeeded

OTHER = b"o" * 16


def hold(pool: Driven, *, released: bool = False) -> None:
    batch = ActionBatch(shard=0, epoch=1, from_seq=pool.seq, to_seq=pool.seq + 1)
    pool.seq += 1
    batch.instructions.append(Instruction(hold=Hold(run_id=RUN, released=released)))
    pool.core.actions(batch, pool.now)


def granted(pool: Driven) -> list[tuple[bytes, int]]:
    return [(one.start.run_id, one.start.node) for one in pool.granted()]


def test_a_held_run_keeps_what_runs_and_gets_nothing_new_until_it_is_released() -> None:
    pool = Driven()
    pool.worker(cpus=1)
    pool.say(start(0), start(1), start(0, run_id=OTHER))
    (first,) = pool.granted()
    assert first.start.run_id == RUN
    hold(pool)
    pool.say(start(2), start(3, kind=NODE_KIND_PASS))
    pool.reports(succeeded(first))
    assert granted(pool) == [(OTHER, 0)]
    assert {line.text for line in pool.core.why(RUN, pool.now) if line.node in (1, 2, 3)} == {
        "the run is paused: `penstock resume` lets it go on"
    }
    assert pool.core.summary().delayed == 3
    hold(pool, released=True)
    pool.worker("other", cpus=2)
    assert sorted(granted(pool)) == [(RUN, 1), (RUN, 2)]
    assert pool.core.summary().delayed == 0


def test_what_a_held_run_waits_with_can_be_stopped() -> None:
    pool = Driven()
    pool.say(start(0))
    hold(pool)
    pool.stop()
    hold(pool, released=True)
    pool.worker()
    assert granted(pool) == []


def test_a_retry_that_is_due_and_a_start_that_says_so_are_held() -> None:
    pool = Driven()
    pool.worker(cpus=2)
    hold(pool)
    pool.say(start(0, attempt=2, delay_s=1.0))
    pool.keep_alive(2.0, "w")
    assert granted(pool) == []
    other = Driven()  # it has not heard of the hold
    other.worker()
    other.say(start(1, held=True))
    assert granted(other) == []
    hold(other, released=True)
    assert granted(other) == [(RUN, 1)]


def test_a_snapshot_holds_and_releases() -> None:
    pool = Driven()
    pool.worker(cpus=4)
    starts: list[Start] = [start(0, held=True), start(0, run_id=OTHER)]
    pool.snapshot(*starts)
    assert granted(pool) == [(OTHER, 0)]
    pool.snapshot(start(0), start(0, run_id=OTHER))
    assert granted(pool) == [(RUN, 0)]


def test_what_comes_back_from_a_worker_is_held() -> None:
    pool = Driven()
    pool.worker(cpus=1)
    pool.say(start(0))
    (first,) = pool.granted()
    hold(pool)
    pool.reports(failed(first))
    pool.record(first)
    pool.say(start(0, attempt=2))
    assert granted(pool) == []
