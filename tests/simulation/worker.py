"""A simulated worker: the real core of its agent, a link to the pool, and actions that only pass time."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from penstock_executors.core import Core
from penstock_executors.slots import Need
from penstock_proto.action_service.v1.worker_pb2 import Grant, Orders, Register
from penstock_proto.plan.v1.plan_pb2 import Resources
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1.reports_pb2 import Report
from penstock_proto.value.v1.value_pb2 import Value, Values

from .process import Process

if TYPE_CHECKING:
    from .world import World

HEARTBEAT_S = 2.0
RECONNECT_S = 0.3
LINK_S = 0.001
KILL_S = 0.5
SLOTS_MAX = 8


class Link:
    """One connection between a worker and the pool, in order both ways until it is cut."""

    def __init__(self, worker: WorkerProcess) -> None:
        self.worker = worker
        self.world = worker.world
        self.open = True
        self.pool = self.world.pool
        self.pool.connections.append(self)
        self._pool_life = self.pool.life
        self._worker_life = worker.life
        self._last = {"pool": 0.0, "worker": 0.0}

    def to_pool(self, method: Callable[..., Any], *args: Any) -> None:
        self._send("pool", self.pool, method, self, *args)

    def to_worker(self, orders: Orders) -> None:
        self._send("worker", self.worker, self.worker.orders, self, orders)

    def _send(self, end: str, process: Process, method: Callable[..., Any], *args: Any) -> None:
        if not self.open:
            return
        at = max(self._last[end], self.world.now + self.world.dice.expovariate(1 / LINK_S))
        self._last[end] = at
        process.later(at - self.world.now, self._deliver, process, method, args)

    def _deliver(self, process: Process, method: Callable[..., Any], args: tuple[Any, ...]) -> None:
        if self.open:
            method(*args)

    def cut(self) -> None:
        """Break it; what was on its way is lost. Both ends notice, each in its time."""
        if not self.open:
            return
        self.open = False
        pool, worker = self.pool, self.worker
        if pool.up and pool.life == self._pool_life:
            pool.later(LINK_S, pool.disconnected, self)
        if worker.up and worker.life == self._worker_life:
            worker.later(RECONNECT_S, worker.connect)


class WorkerProcess(Process):
    """Its crash is that of the whole machine: nothing of it goes on."""

    def __init__(self, world: World, name: str, cores: int) -> None:
        super().__init__(world)
        self.name = name
        self.capacity = Resources(cpu_milli=1000 * cores, memory_bytes=2**30)

    def started(self) -> None:
        self.core = Core(self.name, Need(self.capacity.cpu_milli, 0, self.capacity.memory_bytes), SLOTS_MAX)
        self.slots: dict[int, deque[Grant]] = {}
        self.running: dict[int, Grant] = {}
        self.began: dict[int, float] = {}
        self.timer_at = math.inf
        self.link: Link | None = None
        self.connect()
        self.later(HEARTBEAT_S, self._heartbeat)

    def stopped(self) -> None:
        self.running = {}
        if self.link is not None:
            self.link.cut()

    def connect(self) -> None:
        if self.link is not None and self.link.open:
            return
        if not self.world.pool.up:
            self.later(RECONNECT_S, self.connect)
            return
        self.link = Link(self)
        register = Register(
            worker=self.name,
            incarnation=str(self.life),
            pool="default",
            capacity=self.capacity,
            held=self.core.holds(),
            executor="simulated",
        )
        self.link.to_pool(self.link.pool.register, register)
        self.core.resend(self.world.now)
        self._act()

    def _heartbeat(self) -> None:
        if self.link is not None and self.world.dice.random() >= self.world.faults.heartbeats_lost:
            self.link.to_pool(self.link.pool.heartbeat)
        self.later(HEARTBEAT_S, self._heartbeat)

    def orders(self, link: Link, orders: Orders) -> None:
        if link is self.link:
            self.core.orders(orders, self.world.now)
            self._act()

    # What the agent does with its core's decisions

    def _act(self) -> None:
        core = self.core
        while core.asks:
            slot = core.asks.pop()
            queue = self.slots.get(slot)
            core.staged(slot, self.began.get(queue[0].grant, 0.0) if queue else 0.0, "", self.world.now)
        while core.take_back:
            slot = core.take_back.pop()
            core.taken_back(slot, self._take_back(slot), self.world.now)
        kills, core.kills = core.kills, []
        for grant in kills:
            self.later(self.world.dice.expovariate(1 / KILL_S), self._killed, grant)
        starts, slots = core.starts, core.start_slots
        core.starts, core.start_slots = [], []
        for grant, slot in zip(starts, slots, strict=True):
            self._put(grant, slot)
        outbox = core.take_outbox()
        if outbox and self.link is not None:
            self.link.to_pool(self.link.pool.reports, outbox)
        if core.due < self.timer_at:
            self.timer_at = core.due
            self.later(max(0.0, core.due - self.world.now), self._tick, core.due)

    def _tick(self, at: float) -> None:
        if at == self.timer_at:
            self.timer_at = math.inf
            self.core.tick(self.world.now)
            self._act()

    # The executor

    def _put(self, grant: Grant, slot: int) -> None:
        queue = self.slots.setdefault(slot, deque())
        queue.append(grant)
        if len(queue) == 1:
            self._begin(grant, slot)

    def _take_back(self, slot: int) -> list[int]:
        queue = self.slots.get(slot, deque())
        back = [grant.grant for grant in list(queue)[1:]]
        while len(queue) > 1:
            queue.pop()
        return back

    def _begin(self, grant: Grant, slot: int) -> None:
        self.running[grant.grant] = grant
        self.began[grant.grant] = max(self.world.now, 1e-9)
        self.world.executes(self, grant)
        dice, faults = self.world.dice, self.world.faults
        fate = dice.random()
        length_s = dice.choice((0.0005, 0.002, 0.02, 0.3, 1.5))
        if fate < faults.action_fails:
            final = dice.random() < 0.1
            self.later(length_s, self._failed, grant, slot, ev.CAUSE_USER, final)
        elif fate < faults.action_fails + faults.action_dies:
            self.later(length_s, self._failed, grant, slot, ev.CAUSE_EXITED, False)
        elif fate < faults.action_fails + faults.action_dies + faults.action_hangs:
            self.later(20.0, self._succeeded, grant, slot)
        else:
            self.later(length_s, self._succeeded, grant, slot)

    def _succeeded(self, grant: Grant, slot: int) -> None:
        report = _about(grant, self.name)
        report.succeeded.outputs.CopyFrom(output_of(grant))
        report.succeeded.duration_us = 1000
        self._ended(grant, report)

    def _failed(self, grant: Grant, slot: int, cause: ev.Cause, final: bool) -> None:
        report = _about(grant, self.name)
        report.failed.cause, report.failed.final = cause, final
        report.failed.failure.type = "final" if final else "Simulated"
        self._ended(grant, report)

    def _killed(self, number: int) -> None:
        if (grant := self.running.get(number)) is not None:
            self._failed(grant, 0, ev.CAUSE_EXITED, False)

    def _ended(self, grant: Grant, report: Report) -> None:
        if self.running.pop(grant.grant, None) is None:
            return
        for slot, queue in list(self.slots.items()):
            if queue[0] is grant:
                queue.popleft()
                if queue:
                    self._begin(queue[0], slot)
                else:
                    del self.slots[slot]
        self.core.ended([report], self.world.now)
        self._act()


def output_of(grant: Grant) -> Values:
    """Every execution has another result, as those of real operators may."""
    return Values(values=[Value(codec="json", inline=str(grant.grant).encode(), size_bytes=8)])


def _about(grant: Grant, worker: str) -> Report:
    return Report(run_id=grant.run_id, node=grant.node, attempt=grant.attempt, grant=grant.grant, worker=worker)
