"""The worker's decisions, pure: what runs now, what is stopped, what is reported. `now` is monotonic seconds."""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Protocol

from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.state_tracker.v1.events_pb2 import Cause
from penstock_proto.state_tracker.v1.reports_pb2 import Report

from . import reports
from .slots import AHEAD_MAX, PREPARE_S, UNKNOWN_S, Held, Need, Slots
from .unrecorded import Ended

STARTED_AFTER_S = 0.005  # an action that ends earlier is not reported as started
# What waits behind an action that takes longer is handed to another process: at once if any may have nothing to do,
# else later. On busy cores processes often wait so long for their turn, and to hand over costs as much as to execute.
TAKE_BACK_AFTER_S = 0.05
HELD_MAX = 65_536  # grants of one worker
OPERATORS_MAX = 10_000  # whose durations are remembered
WEIGHT = 0.25  # of the newest duration in the moving average
# Not being called in time is the platform's fault: no retry is used up.
_KINDS = {Cause.CAUSE_CANCELLED: "Cancelled", Cause.CAUSE_TIMEOUT: "Timeout", Cause.CAUSE_LOST: "NotCalled"}


class Orders(Protocol):
    """What an Action Service orders: a worker_pb2.Orders, or what stands for it within one process."""

    @property
    def recorded(self) -> Iterable[int]: ...
    @property
    def stop(self) -> Iterable[int]: ...
    @property
    def grants(self) -> Sequence[Grant]: ...


class Core:
    """What one worker holds, and what is to be done about it.

    Inputs: `orders`, `take_ended`, `apply_taken_back`, `judge_stage`, `tick`. Each adds to the lists of what is to be
    done, which the driver of the core empties, in this order: `asks`, `take_back`, `kills`, `starts` with
    `start_slots`, `outbox`.
    """

    def __init__(self, worker: str, capacity: Need, slots_max: int, ahead_max: int = AHEAD_MAX) -> None:
        self.due = math.inf  # when `tick` has something to do
        self.asks: list[int] = []  # slots: say how far the first action is; see `judge_stage`
        self.take_back: list[int] = []  # slots: return what has not begun; see `takes_first`
        self.kills: list[int] = []  # grants
        self.starts: list[Grant] = []
        self.start_slots: list[int] = []  # one for each of `starts`
        self.outbox: list[Report] = []
        self._worker = worker
        self._held: dict[int, Held] = {}
        self._ended = Ended()
        self._cpu_queue: deque[Held] = deque()
        self._gpu_queue: deque[Held] = deque()
        self._slots = Slots(capacity, slots_max, ahead_max)
        self._durations: dict[str, float] = {}  # seconds, by operator
        self._arrivals = 0
        self._has_run_dry = False

    def holds(self) -> list[Grant]:
        """Grants that wait, run, or have ended and are not recorded."""
        return [*(held.grant for held in self._held.values()), *self._ended.grants()]

    def running(self) -> int:
        """Number of actions handed to the executor."""
        return sum(len(slot.queue) for slot in self._slots.open.values())

    def waiting(self) -> int:
        """Number of grants not yet handed to the executor."""
        return len(self._held) - self.running()

    @property
    def is_busy(self) -> bool:
        """Whether no slot has run dry since the outbox was emptied, and each has more to do after its first action."""
        slots = self._slots.open
        return not self._has_run_dry and bool(slots) and all(len(slot.queue) > 1 for slot in slots.values())

    def take_outbox(self) -> list[Report]:
        """Empty the outbox."""
        outbox, self.outbox, self._has_run_dry = self.outbox, [], False
        return outbox

    def unrecorded(self) -> int:
        """Number of grants that have ended and are not recorded."""
        return len(self._ended)

    def orders(self, orders: Orders, now: float) -> None:
        """Forget what is recorded, stop, and take on: in this order."""
        for number in orders.recorded:
            if not self._ended.forget(number) and (held := self._held.get(number)):
                held.is_unwanted = True  # another execution won, or this one was given up
                self._stop(held, "", now)
        for number in orders.stop:
            if held := self._held.get(number):
                self._stop(held, "stopped on request", now)
        for grant in orders.grants:
            self._take_on(grant, now)
        self._pump(now)
        self._look_soon(now)

    def take_ended(self, ended: Iterable[Report], now: float) -> None:
        """Terminal reports of the executor; what comes about a grant that is not held means nothing."""
        slots = len(self._slots.open)
        for report in ended:
            held = self._held.pop(report.grant, None)
            if held is None:
                continue
            if held.slot is not None:
                self._slots.leave(held, now)
            if held.is_unwanted:
                self._ended.remember(held.id)
                continue
            if report.HasField("failed"):
                if held.cause:
                    report = reports.reworded(report, held.cause, _KINDS[held.cause], held.message)
            else:
                self._learn(held.grant.operator, report.succeeded.duration_us * 1e-6)
            self._end(held, report, now)
        self._pump(now)
        self._has_run_dry |= len(self._slots.open) < slots
        self._look_soon(now)

    def end_unheld(self, grant: Grant, report: Report, now: float) -> None:
        """A grant has ended that was never taken on here: its report is repeated like any other."""
        self._end(Held(grant, grant.grant, Need.of(grant.resources), 0), report, now)

    def takes_first(self, slot: int) -> bool:
        """Whether the first action of a slot is to be taken back too: it shall not run."""
        found = self._slots.open.get(slot)
        return found is not None and bool(found.queue[0].cause)

    def apply_taken_back(self, slot: int, grants: Sequence[int], now: float) -> None:
        """The executor's answer to `take_back`: these will not begin; what else was to be stopped is killed."""
        back = [self._held[number] for number in grants]
        for held in back:
            self._slots.leave(held, now)
        for held in reversed(back):
            if held.cause:
                self._cancel(held, now)
            else:
                self._queue(held).appendleft(held)
        if left := self._slots.open.get(slot):
            left.is_late |= any(held.cause for held in left.queue)
            self.kills.extend(held.id for held in left.queue if held.cause)
        self._pump(now)
        self._look_soon(now)

    def tick(self, now: float) -> None:
        """Report what runs for longer, stop what runs too long, repeat what was not recorded."""
        patience_s = TAKE_BACK_AFTER_S if self._cpu_queue or self._gpu_queue else STARTED_AFTER_S
        for slot in self._slots.open.values():
            first = slot.queue[0]
            if not slot.is_reported and now >= slot.since + STARTED_AFTER_S:
                slot.is_reported = slot.is_late = True
                self.outbox.append(reports.started(first.grant, self._worker))
            if slot.is_late and not slot.is_taken_back and len(slot.queue) > 1 and now >= slot.since + patience_s:
                slot.is_taken_back = True
                self.take_back.append(slot.number)
            if slot.deadline and now >= slot.deadline:
                slot.deadline = 0.0
                self.asks.append(slot.number)
        self.outbox.extend(self._ended.repeat(now))
        self._due_again(now)

    def judge_stage(self, slot: int, called_s: float, doing: str, now: float) -> None:
        """The executor's answer to `asks`: when the operator of the first action was called, 0 if it was not."""
        found = self._slots.open.get(slot)
        if found is None or found.queue[0].cause:
            return
        first, timeout_s = found.queue[0], found.queue[0].grant.timeout_s
        if called_s:
            late = max(called_s, found.since) + timeout_s if timeout_s > 0 else 0.0
            cause, message = Cause.CAUSE_TIMEOUT, f"it ran longer than its timeout of {timeout_s:g} s"
        else:
            late = found.since + PREPARE_S
            cause, message = Cause.CAUSE_LOST, f"its operator was not called within {PREPARE_S:g} s: {doing}"
        if not late or now < late:
            found.deadline = late if called_s or timeout_s <= 0 else min(late, now + timeout_s)
            self.due = min(self.due, found.deadline or self.due)
        else:
            first.cause, first.message = cause, message
            self.take_back.append(slot)

    def placed(self) -> list[Grant]:
        """Grants that the executor should have."""
        return [held.grant for slot in self._slots.open.values() for held in slot.queue]

    def resend(self, now: float) -> None:
        """Repeat all at once: the link is new."""
        self._ended.hurry(now)
        for slot in self._slots.open.values():
            slot.is_reported = False
        self.due = now

    def _take_on(self, grant: Grant, now: float) -> None:
        number = grant.grant
        if number in self._held or self._ended.repeat_if_ended(number, now):
            self.due = min(self.due, self._ended.due)
            return
        need = Need.of(grant.resources)
        self._arrivals += 1
        held = Held(grant, number, need, self._arrivals)
        if not self._slots.can_ever_run(need):
            self._refuse(held, f"it needs {need.spelt()}, this worker has {self._slots.capacity.spelt()}", now)
        elif len(self._held) >= HELD_MAX:
            self._refuse(held, f"the worker holds {HELD_MAX} actions already", now)
        else:
            self._held[number] = held
            self._queue(held).append(held)

    def _queue(self, held: Held) -> deque[Held]:
        return self._gpu_queue if held.need.gpu else self._cpu_queue

    def _refuse(self, held: Held, message: str, now: float) -> None:
        self._end(held, reports.failed(held.grant, self._worker, Cause.CAUSE_WORKER, "NoRoom", message), now)

    def _stop(self, held: Held, message: str, now: float) -> None:
        """A waiting action ends at once; of one handed over it is first seen whether it can be had back."""
        if held.cause:
            return
        held.cause, held.message = Cause.CAUSE_CANCELLED, message
        if held.slot is None:
            self._cancel(held, now)  # its queue drops it when it comes to it
        else:
            self.take_back.append(held.slot.number)

    def _cancel(self, held: Held, now: float) -> None:
        del self._held[held.id]
        if held.is_unwanted:
            self._ended.remember(held.id)
        else:
            kind = _KINDS[held.cause]
            self._end(held, reports.failed(held.grant, self._worker, held.cause, kind, held.message), now)

    def _end(self, held: Held, report: Report, now: float) -> None:
        self._ended.add(held.id, held.grant, report, now)
        self.due = min(self.due, self._ended.due)
        self.outbox.append(report)

    def _pump(self, now: float) -> None:
        """Start what may start, by arrival; only what lacks a GPU may be overtaken, by what needs none."""
        wait_for_gpu = False
        while True:
            cpu, gpu = self._cpu_queue, self._gpu_queue
            if gpu and not wait_for_gpu and (not cpu or gpu[0].order < cpu[0].order):
                queue = gpu
            elif cpu:
                queue = cpu
            else:
                return
            held = queue[0]
            if held.cause:
                queue.popleft()  # cancelled while it waited
            elif self._start(held, now):
                queue.popleft()
            elif queue is gpu and self._slots.lacks_gpu_only(held.need):
                wait_for_gpu = True
            else:
                return

    def _start(self, held: Held, now: float) -> bool:
        held.expected_s = self._durations.get(held.grant.operator, UNKNOWN_S)
        slot = self._slots.place(held, now)
        if slot is None:
            return False
        self.starts.append(held.grant)
        self.start_slots.append(slot.number)
        return True

    def _look_soon(self, now: float) -> None:
        """Whatever began now is looked at when it would be reported as started."""
        if self._slots.open and self.due > now + STARTED_AFTER_S:
            self.due = now + STARTED_AFTER_S

    def _due_again(self, now: float) -> None:
        due = self._ended.due
        for slot in self._slots.open.values():
            if not slot.is_reported:
                due = min(due, slot.since + STARTED_AFTER_S)
            elif not slot.is_taken_back and len(slot.queue) > 1:
                due = min(due, slot.since + TAKE_BACK_AFTER_S)
            if slot.deadline:
                due = min(due, slot.deadline)
        self.due = due

    def _learn(self, operator: str, duration_s: float) -> None:
        known = self._durations.get(operator)
        if known is None:
            if len(self._durations) >= OPERATORS_MAX:
                self._durations.clear()
            self._durations[operator] = duration_s
        else:
            self._durations[operator] = known + WEIGHT * (duration_s - known)
