"""Every open attempt of a pool, and the ways in which it goes from one state to the next."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from penstock_proto.dependency_manager.v1.actions_pb2 import Start
from penstock_proto.plan.v1.plan_pb2 import (
    NODE_KIND_BRANCH,
    NODE_KIND_GATHER,
    NODE_KIND_MAP,
    NODE_KIND_PASS,
    NODE_KIND_TASK,
    NODE_KIND_UNSPECIFIED,
)
from penstock_proto.state_tracker.v1.events_pb2 import CAUSE_CANCELLED, CAUSE_LOST, CAUSE_NOT_LOADABLE, Cause
from penstock_proto.state_tracker.v1.reports_pb2 import Report

from . import outcomes
from .durations import Durations
from .effects import Granted
from .holds import Holds
from .keys import UNCLAIMED, Key, State, key_of
from .placement import Placement
from .records import AHEAD_S, HELD_ONE, Action
from .teams import Teams
from .unrecorded import Unrecorded, UnrecordedStarts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .records import Worker

EPOCH_FACTOR = 2**40
RETURNED_MIN_S, RETURNED_MAX_S = 1.0, 60.0  # until what a worker gave back is granted again; it doubles
RETURNED_FOR_S = 86_400.0  # after which it is reported as a failure
NOTE_CHARS_MAX = 500
# Kinds of nodes that workers execute.
EXECUTED = frozenset({NODE_KIND_TASK, NODE_KIND_UNSPECIFIED, NODE_KIND_MAP, NODE_KIND_GATHER, NODE_KIND_BRANCH})


class Book:
    """Open attempts by key. An attempt is listed in the place that its state names, and nowhere else."""

    def __init__(self, epoch: int, grants_from: int, weights: Mapping[str, float]) -> None:
        self.open: dict[Key, Action] = {}
        self.by_shard: dict[int, dict[Action, None]] = {}
        self.teams = Teams(weights)
        self.durations = Durations()
        self.placement = Placement()
        self.unrecorded = Unrecorded()
        self.unrecorded_starts = UnrecordedStarts()
        self.settled: dict[int, dict[Action, int]] = {}  # by shard; the position of its log that has the end
        self.held_back: dict[Action, None] = {}  # delayed until it is known that no former worker runs them
        self.holds = Holds()
        self.former: set[str] = set()  # workers of the pool's former owner that have not come back yet
        self.awaited: dict[str, dict[Action, None]] = {}  # by the name of the worker
        self.published: dict[int, list[Report]] = {}
        self.told: dict[Worker, None] = {}  # workers with orders to be taken
        self.freed: dict[Worker, None] = {}  # workers where something has ended since the last round
        self.now: float = 0.0
        self.delayed: int = 0
        self.given: int = 0  # grants so far
        self.lost: int = 0  # actions so far
        self.queue_s: float | None = None  # how long the last one granted had been queued
        self.worker_s: float | None = None  # how long the last one ended had been granted
        self._delays: list[tuple[float, int, Action]] = []  # heap; some are no longer delayed
        self._grant = epoch * EPOCH_FACTOR + grants_from - 1
        self._arrival: int = 0

    # How an attempt comes in

    def admit(self, key: Key, shard: int, start: Start, now: float) -> Action:
        """List an attempt; its state is for the caller to decide next."""
        self._arrival += 1
        team = self.teams.of(start.team, now)
        shape = self.placement.shape(start.resources)
        action = Action(key, shard, start, shape, self.durations.of(start.operator), team, self._arrival)
        self.open[key] = action
        self.file(action, shard)
        return action

    def set_aside(self, start: Start, shard: int, error: Exception, now: float) -> Action:
        """Fail an attempt that cannot be taken: a mistake of ours, which shall cost nothing but this attempt."""
        key = key_of(start)
        action = self.open.get(key)
        if action is None:
            bare = Start(run_id=start.run_id, node=start.node, item=start.item, attempt=start.attempt)
            action = self.admit(key, shard, bare, now)
        if action.line is not None:
            self.teams.remove(action)
        if action.state in (State.QUEUED, State.DELAYED):
            text = f"the Action Service cannot process it: {type(error).__name__}: {error}"
            self.fail(action, CAUSE_NOT_LOADABLE, text, now, final=True)
        return action

    def file(self, action: Action, shard: int) -> None:
        """List an attempt under its shard."""
        action.shard = shard
        of_shard = self.by_shard.get(shard)
        if of_shard is None:
            of_shard = self.by_shard[shard] = {}
        of_shard[action] = None

    def delay(self, action: Action, delay_s: float, now: float) -> None:
        action.state = State.DELAYED
        self.delayed += 1
        heappush(self._delays, (now + delay_s, action.arrival, action))
        if len(self._delays) > 64 + 2 * self.delayed:
            self._delays = [entry for entry in self._delays if entry[2].state is State.DELAYED]
            heapify(self._delays)

    def hold_back(self, action: Action) -> None:
        """The log may not know yet that a former worker runs it: wait until they have come back."""
        action.state = State.DELAYED
        self.delayed += 1
        self.held_back[action] = None

    def release_held_back(self, now: float) -> None:
        """All former workers are back, or gone."""
        self.former.clear()
        held_back, self.held_back = self.held_back, {}
        for action in held_back:
            if action.state is State.DELAYED:
                self.delayed -= 1
                self.make_ready(action, now)

    def hold_run(self, run_id: bytes, shard: int) -> None:
        """Grant nothing more of a run; what a worker holds goes on."""
        self.holds.add(run_id, shard)
        for action in list(self.by_shard.get(shard, ())):
            if action.key[0] == run_id and action.state is State.QUEUED:
                self.teams.remove(action)
                self._park(action)

    def release_run(self, run_id: bytes, now: float) -> None:
        """Let a held run go on; harmless if it is not held."""
        for action in self.holds.release(run_id):
            self.delayed -= 1
            self.make_ready(action, now)

    def _park(self, action: Action) -> None:
        action.state = State.DELAYED
        self.delayed += 1
        self.holds.park(action)

    def end_delays(self, now: float) -> None:
        while self._delays and self._delays[0][0] <= now:
            action = heappop(self._delays)[2]
            if action.state is State.DELAYED:
                self.delayed -= 1
                self.make_ready(action, now)

    def make_ready(self, action: Action, now: float) -> None:
        """Queue it; what needs no worker ends at once."""
        kind = action.start.kind
        if self.holds and action.key[0] in self.holds:
            self._park(action)
        elif kind in EXECUTED:
            self.queue(action, now)
        elif kind == NODE_KIND_PASS:
            self.end(action, outcomes.passed(action.key, self.next_grant()), now)
        else:
            text = f"this version cannot execute nodes of kind {kind}; upgrade the Action Service"
            self.fail(action, CAUSE_NOT_LOADABLE, text, now, final=True)

    def queue(self, action: Action, now: float, *, first: bool = False) -> None:
        if action.shape.is_outgrown:
            action.shape = self.placement.shape(action.start.resources)
        action.state, action.queued_at = State.QUEUED, now
        self.teams.push(action, action.start.priority, now, first=first)

    def join(self, worker: Worker, now: float) -> None:
        """Take a worker in; what is queued under needs that were rounded over what it has is queued under its own."""
        for shape in self.placement.join(worker):
            for queue in list(shape.queues):
                for line in list(queue.lines.values()):
                    for action in list(line.actions):
                        queued_at = action.queued_at
                        self.teams.remove(action)
                        self.queue(action, now)
                        action.queued_at = queued_at

    def wait_for(self, action: Action, worker: str, grant: int) -> None:
        """The log says it runs there: wait until that worker tells."""
        action.state = State.AWAITED
        action.grant = grant
        self.awaited.setdefault(worker, {})[action] = None

    # How it comes to a worker and leaves it

    def next_grant(self) -> int:
        self._grant += 1
        return self._grant

    def grant(self, action: Action, worker: Worker, now: float) -> None:
        """Give the right to execute a queued attempt."""
        self.teams.remove(action)
        if action.duration.expected_s > AHEAD_S:  # it stays for long: do not keep the message around it alive
            start = Start()
            start.CopyFrom(action.start)
            action.start = start
        grant = self.next_grant()
        self.given += 1
        self.queue_s = now - action.queued_at
        self.hold(action, worker, grant, now)
        worker.orders.grants.append(Granted(grant, action.shard, action.start))
        self.told[worker] = None

    def hold(self, action: Action, worker: Worker, grant: int, now: float) -> None:
        """Note that the worker holds it."""
        action.state = State.GRANTED
        action.grant, action.granted_at, action.worker, action.reporter = grant, now, worker, worker.name
        worker.put(action, worker.fractions.get(action.shape, 1.0), action.start.bundle)
        action.share = action.shape.share * min(1.0, action.duration.expected_s / AHEAD_S)
        team = action.team
        team.held += 1
        team.share += action.share
        run = action.run
        run.key += HELD_ONE
        if run.served_s > team.clock_s:
            team.clock_s = run.served_s

    def release(self, action: Action) -> None:
        """Its worker holds it no longer."""
        worker, team, run = action.worker, action.team, action.run
        assert worker is not None
        worker.drop(action)
        if action.is_started:
            self.unrecorded_starts.pop(action.grant)
        self.freed[worker] = None
        team.held -= 1
        team.share = team.share - action.share if team.held else 0.0
        run.add_served(self.now - action.granted_at)
        for queue, line in run.lines.items():
            queue.move_up(line)

    def requeue(self, action: Action, now: float) -> None:
        """It never began: give it to another worker, under another grant."""
        action.is_pulled = False
        if action.is_stopping:
            self.fail(action, CAUSE_CANCELLED, "the run was cancelled", now)
        elif self.holds and action.key[0] in self.holds:
            self._park(action)
        else:
            self.queue(action, now, first=True)

    def give_back(self, action: Action, report: Report, now: float) -> None:
        """Its worker could not execute it, which is not its fault: it goes to another, or to the same one later."""
        if action.returned_at is None:
            action.returned_at, action.returned_after_s = now, RETURNED_MIN_S
        if action.is_stopping or now - action.returned_at > RETURNED_FOR_S:
            self.end(action, report, now)
            return
        self.tell_recorded(report.worker, report.grant)
        failure = report.failed.failure
        action.avoided = report.worker
        action.note = f"worker {report.worker} returned it ({failure.type}: {failure.message})"[:NOTE_CHARS_MAX]
        action.is_started = action.is_pulled = False
        self.delay(action, action.returned_after_s, now)
        action.returned_after_s = min(2 * action.returned_after_s, RETURNED_MAX_S)

    # How it ends

    def end(self, action: Action, report: Report, now: float) -> None:
        """Note its outcome and publish it; it stays listed until that is recorded."""
        action.state = State.ENDED
        action.report = report
        self.unrecorded.add(report.grant, action, now)
        self.publish(action.shard, report)

    def fail(self, action: Action, cause: Cause, text: str, now: float, *, final: bool = False) -> None:
        """End it without a worker's word."""
        grant = action.grant or self.next_grant()
        self.end(action, outcomes.failed(action.key, grant, action.reporter, cause, text, final=final), now)

    def lose(self, action: Action, worker: str, now: float) -> None:
        action.reporter = worker
        self.lost += 1
        self.fail(action, CAUSE_LOST, f"worker {worker} was lost", now)

    def publish_start(self, action: Action, report: Report, now: float) -> None:
        """Publish that it runs, and again until the log says so: who comes after this owner shall know."""
        action.is_started = action.may_be_recorded = True
        if action.shard != UNCLAIMED:
            self.publish(action.shard, report)
            self.unrecorded_starts.add(action.shard, report, now)

    def publish(self, shard: int, report: Report) -> None:
        reports = self.published.get(shard)
        if reports is None:
            reports = self.published[shard] = []
        reports.append(report)

    def settle(self, action: Action, seq: int) -> None:
        """Its end is in the log, which is followed to a place before that: who tells of it again is behind."""
        self.settled.setdefault(action.shard, {})[action] = seq
        self._let_go(action)

    def forget_settled(self, shard: int, to_seq: int | None = None) -> None:
        """Forget what is settled by a place in the log up to which it was followed; None: whatever the place."""
        settled = self.settled.get(shard, {})
        for action, seq in list(settled.items()):
            if to_seq is None or seq <= to_seq:
                self.forget(action)

    def unlist(self, action: Action) -> None:
        """Take it out of the place that its state names; what a worker holds stays held until the worker says so."""
        match action.state:
            case State.QUEUED:
                self.teams.remove(action)
            case State.DELAYED:
                self.delayed -= 1
                self.held_back.pop(action, None)
                self.holds.drop(action)
            case State.AWAITED:
                self._unawait(action)
            case State.ENDED:
                assert action.report is not None
                self.unrecorded.pop(action.report.grant)
                settled = self.settled.get(action.shard)
                if settled is not None and settled.pop(action, None) is not None and not settled:
                    del self.settled[action.shard]
            case State.GRANTED | State.FORGOTTEN:
                pass

    def forget(self, action: Action) -> None:
        """Nothing is to be done about it any more: settle with who reported it, stop whoever still executes it."""
        self.unlist(action)
        if self.open.pop(action.key, None) is not None:
            action.team.close_run(action.run)
        self.by_shard[action.shard].pop(action, None)
        self._let_go(action)
        action.state = State.FORGOTTEN

    def _let_go(self, action: Action) -> None:
        """Tell whoever reported or executes it that nothing more is wanted."""
        if action.state is State.ENDED and action.reporter and action.report is not None:
            self.tell_recorded(action.reporter, action.report.grant)
        if action.worker is not None:
            self.tell_stop(action.worker, action.grant)

    def _unawait(self, action: Action) -> None:
        for name, actions in self.awaited.items():
            if action in actions:
                del actions[action]
                if not actions:
                    del self.awaited[name]
                return

    # What workers are told

    def tell_recorded(self, worker: str, grant: int) -> None:
        known = self.placement.workers.get(worker)
        if known is not None and known.is_connected:
            known.orders.recorded.append(grant)
            self.told[known] = None

    def tell_stop(self, worker: Worker, grant: int) -> None:
        if worker.is_connected:
            worker.orders.stop.append(grant)
            self.told[worker] = None
