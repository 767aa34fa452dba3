"""A simulated executor: actions only pass time. Its plans are fetched as the product fetches them."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from penstock_executors.downloads import Prepared, Unavailable
from penstock_executors.executor import Context, Stage
from penstock_plan.graph import BRANCH, MAP
from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.plan.v1.plan_pb2 import Resources
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1.reports_pb2 import Report
from penstock_proto.value.v1.value_pb2 import Value, Values

from .process import current_life

if TYPE_CHECKING:
    from .world import World

KILL_S = 0.5
LENGTHS_S = (0.0005, 0.002, 0.02, 0.3, 1.5)
ITEMS = (0, 1, 2, 2, 3, 5, 2_000_000)  # the last are too many
HANGS_S = (20.0, 120.0)


class ExecutorFails(OSError):
    """What an executor raises where its disk, memory or descriptors are used up."""


class SimulatedExecutor:
    """Executes the actions of each slot one after the other."""

    name = "simulated"
    ahead_max = 8

    def __init__(self, world: World, worker: str, capacity: Resources) -> None:
        self._world, self._worker, self._capacity = world, worker, capacity
        self._life = current_life()
        self._slots: dict[int, deque[Grant]] = {}
        self.running: dict[int, tuple[Grant, float]] = {}  # and since when

    def capacity(self) -> Resources:
        return self._capacity

    async def open(self, context: Context) -> None:
        self._context = context
        self._prepared = Prepared(context, self._on_prepared)

    async def close(self) -> None:
        self.running.clear()
        await self._prepared.close()

    def adopt(self) -> list[Grant]:
        return []

    def held(self) -> set[int]:
        return {grant.grant for queue in self._slots.values() for grant in queue}

    def stage(self, slot: int) -> Stage:
        self._may_fail("stage")
        first = self._slots[slot][0].grant if slot in self._slots else 0
        return Stage(self.running[first][1], "") if first in self.running else Stage(0.0, "waits for its plan")

    def collect(self) -> None:
        self._may_fail("collect")

    def start(self, grants: Sequence[Grant], slots: Sequence[int]) -> None:
        self._may_fail("start")
        for grant, slot in zip(grants, slots, strict=True):
            queue = self._slots.setdefault(slot, deque())
            queue.append(grant)
            if len(queue) == 1:
                self._begin(slot)

    def take_back(self, slot: int, first: bool) -> list[int]:
        self._may_fail("take_back")
        queue = self._slots.get(slot, deque())
        kept = [grant for grant in queue if grant.grant in self.running]
        if not kept and not first:
            kept = list(queue)[:1]
        back = list(queue)[len(kept) :]
        if kept:
            self._slots[slot] = deque(kept)
        else:
            self._slots.pop(slot, None)
        return [grant.grant for grant in back]

    def stop(self, grants: Sequence[int], grace_s: float) -> None:
        self._may_fail("stop")
        for grant in grants:
            self._life.later(self._world.dice.expovariate(1 / KILL_S), self._killed, grant)

    def _may_fail(self, call: str) -> None:
        if self._world.dice.random() < self._world.faults.executor_raises:
            self._world.note(self._worker, f"the executor fails in {call}")
            raise ExecutorFails(errno.ENOSPC, "No space left on device")

    def _begin(self, slot: int) -> None:
        queue = self._slots[slot]
        grant = queue[0]
        if grant.grant in self.running or not self._prepared.has_plan(grant.plan):
            return
        self.running[grant.grant] = grant, self._world.now
        self._world.executes(self._worker, self._capacity, grant, self.running)
        dice, faults = self._world.dice, self._world.faults
        fate = dice.random()
        length_s = dice.choice(LENGTHS_S)
        if fate < faults.action_fails:
            self._life.later(length_s, self._failed, grant, ev.CAUSE_USER, dice.random() < 0.1)
        elif fate < faults.action_fails + faults.action_dies:
            self._life.later(length_s, self._failed, grant, ev.CAUSE_EXITED, False)
        elif fate < faults.action_fails + faults.action_dies + faults.action_hangs:
            self._life.later(dice.choice(HANGS_S), self._succeeded, grant)
        else:
            self._life.later(length_s, self._succeeded, grant)

    def _on_prepared(self, name: bytes, problem: Unavailable | None) -> None:
        for slot in list(self._slots):
            if problem is None:
                self._begin(slot)
                continue
            lost = [grant for grant in self._slots[slot] if grant.plan == name]
            self._leave(slot, lost)
            reports = [self._failure(grant, problem.cause, "Unavailable", problem.message) for grant in lost]
            for report in reports:
                report.failed.returned = problem.returned
            self._context.report(reports)

    def _succeeded(self, grant: Grant) -> None:
        report = self._about(grant)
        report.succeeded.outputs.CopyFrom(self._output_of(grant))
        report.succeeded.duration_us = 1000
        self._ended(grant, report)

    def _failed(self, grant: Grant, cause: ev.Cause, final: bool) -> None:
        report = self._failure(grant, cause, "final" if final else "Simulated", "")
        report.failed.final = final
        self._ended(grant, report)

    def _killed(self, number: int) -> None:
        if number in self.running:
            self._failed(self.running[number][0], ev.CAUSE_EXITED, False)

    def _ended(self, grant: Grant, report: Report) -> None:
        if self.running.pop(grant.grant, None) is None:
            return
        slot = next(slot for slot, queue in self._slots.items() if queue and queue[0] is grant)
        self._leave(slot, [grant])
        self._context.report([report])

    def _leave(self, slot: int, grants: Sequence[Grant]) -> None:
        queue = self._slots[slot]
        for grant in grants:
            queue.remove(grant)
        if queue:
            self._begin(slot)
        else:
            del self._slots[slot]

    def _failure(self, grant: Grant, cause: ev.Cause, kind: str, message: str) -> Report:
        report = self._about(grant)
        report.failed.cause = cause
        report.failed.failure.type, report.failed.failure.message = kind, message
        return report

    def _output_of(self, grant: Grant) -> Values:
        """Every execution has another result, as those of real operators may; also what maps and branches decide."""
        graph, dice = self._world.plans[grant.plan], self._world.growth_dice
        node = grant.template if grant.HasField("template") else grant.node
        number = grant.grant
        if graph.kinds[node] == MAP:
            number = dice.choice(ITEMS)
        elif graph.kinds[node] == BRANCH:
            number = dice.randrange(1 + max((side for _, side in graph.sides[node]), default=0))
        return Values(values=[Value(codec="json", inline=str(number).encode(), size_bytes=8)])

    def _about(self, grant: Grant) -> Report:
        return Report(
            run_id=grant.run_id, node=grant.node, attempt=grant.attempt, grant=grant.grant, worker=self._worker
        )
