"""The worker's decisions on plain lists, and under any order of what can happen."""

import itertools
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from penstock_executors.core import STARTED_AFTER_S, TAKE_BACK_AFTER_S, Core
from penstock_executors.slots import PREPARE_S, Need
from penstock_executors.unrecorded import RESEND_MAX_S, RESEND_S
from penstock_proto.action_service.v1.worker_pb2 import Grant, Orders
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1.reports_pb2 import Report

CAPACITY = Need(2000, 1, 100)


def grant(
    number: int, cpu: int = 1000, gpu: int = 0, memory: int = 0, *, operator: str = "m:f", timeout_s: float = 0.0
) -> Grant:
    made = Grant(grant=number, run_id=b"r" * 16, attempt=1, operator=operator, timeout_s=timeout_s)
    made.resources.cpu_milli, made.resources.gpu, made.resources.memory_bytes = cpu, gpu, memory
    return made


def succeeded(number: int, duration_s: float = 0.001) -> Report:
    report = Report(grant=number, run_id=b"r" * 16, attempt=1)
    report.succeeded.duration_us = int(duration_s * 1e6)
    return report


def failed(number: int, cause: ev.Cause = ev.CAUSE_EXITED) -> Report:
    report = Report(grant=number, run_id=b"r" * 16, attempt=1)
    report.failed.cause = cause
    return report


def core() -> Core:
    return Core("w1", CAPACITY, 8)


def order(it: Core, *grants: Grant, now: float = 0.0, **more: Any) -> list[int]:
    """Give orders; return what is to be started."""
    it.orders(Orders(grants=grants, **more), now)
    return taken_starts(it)


def taken_starts(it: Core) -> list[int]:
    numbers = [each.grant for each in it.starts]
    it.starts.clear()
    it.start_slots.clear()
    return numbers


def test_grants_start_in_order_as_resources_allow() -> None:
    it = core()
    assert order(it, *[grant(number) for number in range(1, 6)]) == [1, 2]
    it.take_ended([failed(2)], 1.0)
    assert taken_starts(it) == [3]
    it.take_ended([failed(1), failed(3)], 1.0)
    assert taken_starts(it) == [4, 5]


def test_a_large_action_is_not_overtaken() -> None:
    it = core()
    assert order(it, grant(1), grant(2, 2000), grant(3)) == [1]
    it.take_ended([failed(1)], 1.0)
    assert taken_starts(it) == [2]


def test_what_waits_for_a_gpu_is_overtaken_by_what_needs_none() -> None:
    it = core()
    assert order(it, grant(1, 500, 1), grant(2, 500, 1), grant(3, 500)) == [1, 3]
    it.take_ended([failed(1)], 1.0)
    assert taken_starts(it) == [2]


def test_short_actions_go_behind_each_other() -> None:
    it = core()
    order(it, grant(1))
    it.take_ended([succeeded(1, 0.0001)], 0.0)
    assert order(it, *[grant(number) for number in range(2, 200)]) == list(range(2, 2 + 2 * 50))  # 5 ms each
    assert it.running() == 100


def test_nothing_goes_behind_what_may_take_long() -> None:
    it = core()
    order(it, grant(1), grant(2, operator="m:long"))
    it.take_ended([succeeded(1, 0.0001), succeeded(2, 10.0)], 0.0)
    assert order(it, grant(3, operator="m:long"), grant(4, operator="m:new"), grant(5)) == [3, 4]


def test_a_short_action_is_never_reported_as_started() -> None:
    it = core()
    order(it, grant(1))
    assert it.due == STARTED_AFTER_S
    it.take_ended([succeeded(1)], 0.004)
    it.tick(0.006)
    assert [each.WhichOneof("kind") for each in it.take_outbox()] == ["succeeded"]


def test_a_longer_one_is_reported_once_and_those_behind_it_are_freed() -> None:
    it = core()
    order(it, grant(1))
    it.take_ended([succeeded(1, 0.0001)], 0.0)
    it.take_outbox()
    order(it, grant(2), grant(3), grant(4), grant(5))
    it.take_ended([succeeded(3), succeeded(5)], 0.001)
    it.tick(0.006)
    assert [(each.grant, each.WhichOneof("kind")) for each in it.take_outbox()][-1] == (2, "started")
    slot = it.take_back.pop()
    assert not it.takes_first(slot)
    it.apply_taken_back(slot, [4], 0.006)
    assert taken_starts(it) == [4]
    it.tick(1.0)
    assert (2, "started") not in [(each.grant, each.WhichOneof("kind")) for each in it.take_outbox()]


def test_while_every_process_has_more_to_do_what_waits_behind_a_longer_one_stays_for_a_while() -> None:
    it = core()
    order(it, grant(1))
    it.take_ended([succeeded(1, 0.0001)], 0.0)
    assert len(order(it, *[grant(number) for number in range(2, 200)])) == 100
    it.tick(0.006)
    assert not it.take_back and it.due == pytest.approx(TAKE_BACK_AFTER_S)
    it.tick(it.due)
    assert sorted(it.take_back) == [2, 3]
    for slot in (it.take_back.pop(), it.take_back.pop()):
        it.apply_taken_back(slot, [], 0.1)  # the process has read them meanwhile, and is not asked again
    it.tick(0.2)
    assert not it.take_back and it.due > 0.2


def test_a_timeout_counts_from_the_call_of_the_operator() -> None:
    it = core()
    order(it, grant(1, 2000), grant(2, 2000, timeout_s=1.0))
    it.tick(100.0)
    assert not it.asks
    it.take_ended([failed(1)], 100.0)
    assert taken_starts(it) == [2]
    it.tick(100.006)
    assert it.due <= 101.0
    it.tick(101.0)
    it.judge_stage(it.asks.pop(), 0.0, "its code is imported", 101.0)  # then it cannot be late before 102
    assert it.due == 102.0 and not it.take_back
    it.tick(102.0)
    it.judge_stage(it.asks.pop(), 101.7, "", 102.0)
    assert it.due == 102.7 and not it.take_back
    it.tick(102.7)
    it.judge_stage(it.asks.pop(), 101.7, "", 102.7)
    slot = it.take_back.pop()
    assert it.takes_first(slot)
    it.apply_taken_back(slot, [], 102.7)
    assert it.kills == [2]
    it.take_outbox()
    it.take_ended([failed(2)], 101.5)
    (report,) = it.take_outbox()
    assert report.failed.cause == ev.CAUSE_TIMEOUT and "1 s" in report.failed.failure.message


@pytest.mark.parametrize("timeout_s", [0.0, 1.0, 10_000.0])
def test_what_is_not_called_ends_without_the_timeout_and_without_a_retry(timeout_s: float) -> None:
    it = core()
    order(it, grant(1, timeout_s=timeout_s))
    asked, now = 0, 0.0
    while not it.take_back:
        now = it.due
        assert now <= PREPARE_S
        it.tick(now)
        if it.asks:
            asked += 1
            it.judge_stage(it.asks.pop(), 0.0, "its code is imported", now)
    assert now == PREPARE_S and asked <= PREPARE_S
    it.apply_taken_back(it.take_back.pop(), [], now)
    assert it.kills == [1]
    it.take_outbox()
    it.take_ended([failed(1)], now)
    (report,) = it.take_outbox()
    assert report.failed.cause == ev.CAUSE_LOST
    assert "was not called within 900 s: its code is imported" in report.failed.failure.message


def test_what_has_no_limit_is_asked_for_once() -> None:
    it = core()
    order(it, grant(1))
    it.tick(PREPARE_S)
    it.judge_stage(it.asks.pop(), 5.0, "", PREPARE_S)
    it.tick(10 * PREPARE_S)
    assert not it.asks and not it.take_back
    assert [each.grant for each in it.placed()] == [1]


def test_only_actions_of_one_team_follow_each_other_in_a_slot() -> None:
    it = Core("w1", Need(1000, 0, 0), 8)
    order(it, grant(1))
    it.take_ended([succeeded(1, 0.0001)], 0.0)
    mine, other = grant(2), grant(3)
    other.team = "others"
    assert order(it, mine, other, grant(4)) == [2]


def test_what_waits_is_cancelled_at_once_wherever_it_stands() -> None:
    it = core()
    assert order(it, grant(1), grant(2, 2000), grant(3, 2000), grant(4)) == [1]
    order(it, stop=[3])
    assert [(each.grant, each.failed.cause) for each in it.take_outbox()] == [(3, ev.CAUSE_CANCELLED)]
    it.take_ended([failed(1)], 1.0)
    assert taken_starts(it) == [2]
    it.take_ended([failed(2)], 1.0)
    assert taken_starts(it) == [4]


def test_a_success_beats_the_stop() -> None:
    it = core()
    order(it, grant(1), stop=[])
    it.orders(Orders(stop=[1]), 1.0)
    it.apply_taken_back(it.take_back.pop(), [], 1.0)
    it.take_ended([succeeded(1)], 1.0)
    assert it.take_outbox()[-1].HasField("succeeded")


def test_orders_are_carried_out_recorded_first_grants_last() -> None:
    it = core()
    order(it, grant(1))
    it.take_ended([succeeded(1)], 0.0)
    assert order(it, grant(1), grant(2), recorded=[1], stop=[2]) == [2]  # 1 is over, and 2 was not there to stop
    assert [each.grant for each in it.holds()] == [2]


def test_reports_are_repeated_until_they_are_recorded() -> None:
    it = core()
    order(it, grant(1))
    it.take_ended([succeeded(1)], 0.0)
    it.take_outbox()
    times: list[float] = []
    now = 0.0
    while now < 60:
        now = it.due
        it.tick(now)
        times += [now for _ in it.take_outbox()]
    pauses = [round(after - before, 3) for before, after in itertools.pairwise(times)]
    assert times[0] == RESEND_S and pauses[:4] == [1.0, 2.0, 4.0, 8.0] and set(pauses[4:]) == {RESEND_MAX_S}
    order(it, recorded=[1], now=now)
    it.tick(it.due)
    assert not it.take_outbox() and it.due == float("inf") and not it.holds()


def test_a_new_link_hears_everything_again() -> None:
    it = core()
    order(it, grant(1), grant(2))
    it.take_ended([succeeded(1)], 0.0)
    it.tick(1.0)
    it.take_outbox()
    it.resend(1.5)
    it.tick(it.due)
    assert sorted((each.grant, each.WhichOneof("kind")) for each in it.take_outbox()) == [
        (1, "succeeded"),
        (2, "started"),
    ]


def test_what_can_never_run_is_refused() -> None:
    it = core()
    assert order(it, grant(1, gpu=2), grant(2)) == [2]
    (report,) = it.take_outbox()
    assert (report.grant, report.failed.cause) == (1, ev.CAUSE_WORKER)


class Walk(RuleBasedStateMachine):
    """Any orders against an executor that may be slow, lose processes, and give back or not."""

    @initialize()
    def begin(self) -> None:
        self.now = 0.0
        self.core = core()
        self.slots: dict[int, list[Grant]] = {}
        self.given: list[Grant] = []
        self.began: Counter[int] = Counter()
        self.ends: Counter[int] = Counter()
        self.reported: set[int] = set()
        self.killed: set[int] = set()

    def act(self, keep: int = 0) -> None:
        """Carry out what the core decided, as the agent does; `keep` actions of a slot have begun."""
        while self.core.asks:
            number = self.core.asks.pop()
            self.core.judge_stage(number, max(self.now - 1.0, 1e-9) if number % 2 else 0.0, "", self.now)
        while self.core.take_back:
            number = self.core.take_back.pop()
            queue = self.slots.get(number, [])
            kept = keep if self.core.takes_first(number) else max(1, keep)
            back, self.slots[number] = queue[kept:], queue[:kept]
            if not self.slots[number]:
                del self.slots[number]
            self.core.apply_taken_back(number, [each.grant for each in back], self.now)
        self.killed |= set(self.core.kills)
        self.core.kills.clear()
        for each, slot in zip(self.core.starts, self.core.start_slots, strict=True):
            queue = self.slots.setdefault(slot, [])
            assert all(each.grant != other.grant for queue in self.slots.values() for other in queue)
            assert not queue or queue[0].resources == each.resources
            queue.append(each)
        self.core.starts.clear()
        self.core.start_slots.clear()
        for report in self.core.take_outbox():
            if not report.HasField("started"):
                self.ends[report.grant] += 1
                self.reported.add(report.grant)

    @rule(needs=st.lists(st.tuples(st.sampled_from([500, 1000, 2000, 3000]), st.integers(0, 1)), max_size=6))
    def give(self, needs: list[tuple[int, int]]) -> None:
        first = len(self.given) + 1
        new = [
            grant(first + index, cpu, gpu, operator=f"m:{cpu}", timeout_s=(0.0, 0.05)[index % 2])
            for index, (cpu, gpu) in enumerate(needs)
        ]
        self.given += new
        self.core.orders(Orders(grants=[*new, *new[:1]]), self.now)
        self.act()

    @precondition(lambda self: self.slots)
    @rule(data=st.data(), seconds=st.sampled_from([0.0001, 0.002, 1.0]), well=st.booleans())
    def end(self, data: st.DataObject, seconds: float, well: bool) -> None:
        slot = data.draw(st.sampled_from(sorted(self.slots)))
        done = self.slots[slot].pop(0)
        if not self.slots[slot]:
            del self.slots[slot]
        assert done.grant not in self.reported
        self.core.take_ended([succeeded(done.grant, seconds) if well else failed(done.grant)], self.now)
        self.act()

    @rule(data=st.data(), keep=st.integers(0, 2))
    def stop(self, data: st.DataObject, keep: int) -> None:
        numbers = data.draw(st.lists(st.integers(1, len(self.given) + 1), max_size=4))
        self.core.orders(Orders(stop=numbers), self.now)
        self.act(keep)

    @rule(data=st.data())
    def record(self, data: st.DataObject) -> None:
        if self.reported:
            numbers = data.draw(st.lists(st.sampled_from(sorted(self.reported)), max_size=9))
            self.core.orders(Orders(recorded=numbers), self.now)
            self.act()

    @rule(seconds=st.sampled_from([0.0001, 0.006, 0.1, 2.0]), keep=st.integers(1, 2))
    def wait(self, seconds: float, keep: int) -> None:
        self.now += seconds
        if self.core.due <= self.now:
            self.core.tick(self.now)
        self.act(keep)

    @invariant()
    def resources_are_held_once(self) -> None:
        if not hasattr(self, "slots"):
            return
        first = [queue[0].resources for queue in self.slots.values()]
        assert sum(each.cpu_milli for each in first) <= CAPACITY.cpu_milli
        assert sum(each.gpu for each in first) <= CAPACITY.gpu

    def teardown(self) -> None:
        """Once all that runs has ended and is recorded, every grant was reported, and none is held."""
        if not hasattr(self, "slots"):
            return
        for _ in range(10_000):
            if not self.slots:
                break
            self.end_any()
        self.core.orders(Orders(recorded=sorted(self.reported)), self.now)
        self.act()
        assert self.reported == {each.grant for each in self.given}
        assert not self.core.holds() and not self.core.running() and not self.core.waiting()

    def end_any(self) -> None:
        slot = min(self.slots)
        done = self.slots[slot].pop(0)
        if not self.slots[slot]:
            del self.slots[slot]
        self.core.take_ended([succeeded(done.grant)], self.now)
        self.act()


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_it_is_busy_until_a_slot_runs_dry() -> None:
    it = Core("w1", Need(1000, 0, 0), 8)
    order(it, grant(1))
    it.take_ended([succeeded(1, 0.0001)], 0.0)
    assert not it.is_busy, "nothing is left to do"
    it.take_outbox()
    order(it, grant(2), grant(3), grant(4))
    assert it.is_busy
    it.take_ended([succeeded(2)], 0.0)
    assert it.is_busy
    it.take_ended([succeeded(3)], 0.0)
    assert not it.is_busy, "the last one runs"
    order(it, grant(5))
    assert it.is_busy
    it.take_ended([succeeded(4), succeeded(5)], 0.0)
    order(it, grant(6), grant(7))
    assert not it.is_busy, "somebody may wait for the reports of 4 and 5"
    it.take_outbox()
    assert it.is_busy
