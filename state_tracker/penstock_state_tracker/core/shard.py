"""The State Tracker's pure core: a shard's open runs, and what each command means for them.

Deciding applies what it decides: memory runs ahead of the commit, and whoever reads it waits for that commit.
`apply` replays the same transitions from the log.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from penstock_plan import graph as graphs
from penstock_plan.graph import PlanGraph
from penstock_plan.growth import GrownGraph
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import reports_pb2
from penstock_proto.state_tracker.v1 import service_pb2 as api

from ..errors import CorruptLog
from . import control, outcomes, reopening, retries, signals, snapshots, waits
from .run import MAY_END, Run
from .transitions import (
    CANCELLED,
    NOT_TAKEN,
    RUN_TRANSITIONS,
    RUNNING,
    SKIPPED,
    SUCCEEDED,
    WAITING,
    targets,
)
from .waits import Waits

# No Action Service takes in a worker with a longer name.
WORKER_CHARS_MAX: Final = 200
# Of one tick; the next one goes on.
TICK_EVENTS_MAX: Final = 1_000
MAY_BE_CANCELLED: Final = targets(RUN_TRANSITIONS, "cancel_requested")
MAY_END_AS: Final = targets(RUN_TRANSITIONS, "run_ended")
ENDS: Final = frozenset[int]().union(*MAY_END_AS.values())
STATUS_OF: Final[dict[int, int]] = {
    ev.SKIP_REASON_UPSTREAM_FAILED: SKIPPED,
    ev.SKIP_REASON_UPSTREAM_CANCELLED: CANCELLED,
    ev.SKIP_REASON_RUN_CANCELLED: CANCELLED,
    ev.SKIP_REASON_FAIL_FAST: CANCELLED,
    ev.SKIP_REASON_NOT_TAKEN: NOT_TAKEN,
}


class Shard:
    """The state of one shard as its log tells it, up to `seq`."""

    __slots__ = ("epoch", "parents", "plans", "runs", "seq", "shard", "waits")

    def __init__(self, shard: int, plans: Mapping[bytes, PlanGraph]) -> None:
        self.shard = shard
        self.plans = plans
        self.epoch = 0
        self.seq = 0
        self.runs: dict[bytes, Run] = {}
        self.parents: dict[bytes, bytes] = {}  # of the open child runs, the runs that wait for them
        self.waits = Waits()

    # Commands

    def submit(self, event: ev.RunSubmitted, run_id: bytes, now: float, submitted_at_us: int = 0) -> list[ev.Event]:
        """Open a run; its plan is in `plans` and the caller has checked that the id is new."""
        events = [ev.Event(run_id=run_id, run_submitted=event)]
        run = self._open(run_id, event, now)
        run.submitted_at_us = submitted_at_us
        run.touched = now
        return [*events, *self._end_if_done(run)]

    def report(self, report: reports_pb2.Report, now: float) -> list[ev.Event]:
        """Record what a worker tells; nothing, if the log knows better or the report cannot be true."""
        run = self.runs.get(report.run_id)
        node = report.node
        if run is None or not 0 <= node < run.graph.size or run.status[node] not in MAY_END:
            return []
        if report.attempt != run.attempt(node) or report.item or not run.is_unlocked(node):
            return []
        if len(report.worker) > WORKER_CHARS_MAX or node in run.graph.waits:
            return []
        run.touched = now
        match report.WhichOneof("kind"):
            case "succeeded":
                return self._record_succeeded(run, node, report, now)
            case "failed":
                return self._record_failed(run, node, report, report.failed, now)
            case "started":
                return self._record_started(run, node, report, now)
            case _:
                return []

    def give_up(self, report: reports_pb2.Report, error: str, now: float) -> list[ev.Event]:
        """Record that a report cannot be decided, which is a mistake of ours, as the final failure of its node."""
        failure = ev.Failure(
            type="InternalError", message=f"a report could not be recorded, please report this: {error}"
        )
        refused = reports_pb2.Report(
            run_id=report.run_id,
            node=report.node,
            attempt=report.attempt,
            grant=report.grant,
            worker=report.worker,
            failed=reports_pb2.Failed(cause=ev.CAUSE_BAD_RESULT, failure=failure, final=True),
        )
        return self.report(refused, now)

    def cancel(self, run_id: bytes, caller: ev.Caller, reason: str, now: float) -> list[ev.Event]:
        """Cancel a run: no further actions of it start; it ends when no action of it runs."""
        run = self.runs.get(run_id)
        if run is None or (run.is_end_cancelled if run.ending else run.is_cancelling):
            return []
        self.seq += 1
        run.note_cancelled()
        run.touched = now
        asked = ev.Event(run_id=run_id, cancel_requested=ev.CancelRequested(caller=caller, reason=reason))
        return [asked, *self._skip_waiting(run, ev.SKIP_REASON_RUN_CANCELLED), *self._end_if_done(run)]

    def signal(self, run_id: bytes, received: ev.SignalReceived, now: float) -> list[ev.Event]:
        """Take a signal for a wait of an open run; nothing, if it is the same one again. The next `tick` uses it."""
        run = self.runs[run_id]
        node = signals.accepted(run, received)
        if node is None:
            return []
        self.seq += 1
        run.touched = now
        self.waits.receive(run, node, received)
        return [ev.Event(run_id=run_id, signal_received=received)]

    def tick(self, now: float, clock_us: int) -> list[ev.Event]:
        """Begin and end the waits that are due, some at a time. `clock_us` is the database's time."""
        events: list[ev.Event] = []
        for run_id, node in self.waits.due_nodes(now):
            run = self.runs.get(run_id)
            if node == waits.DEADLINE:
                if run is None or run.deadline > now or run.ending:  # it has ended, perhaps to go on
                    continue
                events += self.cancel(run_id, ev.Caller(), f"its deadline of {run.deadline_s:g} s is over", now)
                continue
            if run is None or run.status[node] != WAITING or not run.is_unlocked(node):
                continue
            run.touched = now
            if node not in run.waits.begun:
                events.append(self._begin_wait(run, node, now, clock_us))
            elif waits.is_over(run, node, now, clock_us):
                events += self._end_wait(run, node, now)
            else:
                self.waits.note(run, node)
            if len(events) >= TICK_EVENTS_MAX:
                break
        return events

    def end_child(self, report: reports_pb2.Report, now: float) -> list[ev.Event]:
        """Record how the child run of a node has ended; nothing, if the log knows better."""
        run, node = self.runs.get(report.run_id), report.node
        if run is None or node not in run.waits.begun or report.attempt != run.attempt(node):
            return []
        run.touched = now
        if report.HasField("failed"):
            return self._record_failed(run, node, report, report.failed, now)
        return self._record_succeeded(run, node, report, now)

    def reopen(self, run_id: bytes, event: ev.RunReopened, now: float) -> list[ev.Event]:
        """Let a run go on that has failed or was cancelled, as the caller knows from the log."""
        run = self._reopen(run_id, event, now)
        run.touched = now
        return [ev.Event(run_id=run_id, run_reopened=event), *self._end_if_done(run)]

    def pause(self, run_id: bytes, caller: ev.Caller, reason: str, now: float) -> list[ev.Event]:
        """Let nothing new of a run start."""
        paused = ev.Event(run_id=run_id, run_paused=ev.RunPaused(caller=caller, reason=reason))
        return self._change_paused(run_id, paused, now, is_paused=True)

    def resume(self, run_id: bytes, caller: ev.Caller, now: float) -> list[ev.Event]:
        """Let a paused run go on."""
        resumed = ev.Event(run_id=run_id, run_resumed=ev.RunResumed(caller=caller))
        return self._change_paused(run_id, resumed, now, is_paused=False)

    def counts(self, run_id: bytes) -> api.NodeCounts:
        """Return how many nodes of an open run are in which state."""
        status = self.runs[run_id].status
        return api.NodeCounts(
            waiting=status.count(WAITING),
            running=status.count(RUNNING),
            succeeded=status.count(SUCCEEDED),
            failed=status.count(api.NODE_STATUS_FAILED),
            skipped=status.count(SKIPPED) + status.count(CANCELLED) + status.count(NOT_TAKEN),
        )

    # Replay

    def apply(self, event: ev.Event, now: float) -> None:
        """Change the state by the next event of the log; raise CorruptLog if it cannot follow."""
        if event.WhichOneof("kind") == "run_submitted":
            if event.run_id in self.runs:
                raise CorruptLog("submitted twice", event.run_id)
            self._open(event.run_id, event.run_submitted, now).touched = now
            return
        run = self.runs.get(event.run_id)
        if event.HasField("run_reopened"):
            if run is not None:
                raise CorruptLog("reopened while it was open", event.run_id)
            self._reopen(event.run_id, event.run_reopened, now).touched = now
            return
        self.seq += 1
        if run is not None:
            self._apply(run, event, now)

    def snapshot(self, now: float) -> Iterator[api.OpenRun]:
        """Describe every open run; delays are what remains of them at `now`."""
        return (snapshots.describe(run, now) for run in self.runs.values())

    def restore(self, runs: Iterable[api.OpenRun], seq: int, epoch: int, now: float) -> None:
        """Replace the state by a snapshot's."""
        self.runs = {run.run_id: snapshots.restored(run, self.plans[run.plan], now) for run in runs}
        self.seq, self.epoch = seq, epoch
        self.parents = {}
        self.waits = Waits()
        for run in self.runs.values():
            self.waits.note_open(run)
            self._note_parent(run)

    # Decisions and the transitions they share with the replay

    def _open(self, run_id: bytes, event: ev.RunSubmitted, now: float) -> Run:
        self.seq += 1
        run = self.runs[run_id] = Run(run_id, self.plans[event.plan], self.seq)
        run.describe_submission(event.options, event.caller)
        if event.HasField("reused"):
            run.reuse(event.reused)
        self.waits.compact(self.runs)
        if event.options.deadline_s:
            run.deadline = now + event.options.deadline_s
        self.waits.note_open(run)
        run.parent = event.parent_run_id
        self._note_parent(run)
        return run

    def _note_parent(self, run: Run) -> None:
        if run.parent:
            self.parents[run.run_id] = run.parent

    def _reopen(self, run_id: bytes, event: ev.RunReopened, now: float) -> Run:
        self.seq += 1
        run = self.runs[run_id] = reopening.reopened(run_id, event, self.plans[event.plan])
        if event.options.deadline_s:
            run.deadline = now + event.options.deadline_s
        self.waits.note_open(run)
        self._note_parent(run)
        return run

    def _change_paused(self, run_id: bytes, event: ev.Event, now: float, *, is_paused: bool) -> list[ev.Event]:
        run = self.runs.get(run_id)
        if run is None or run.is_paused == is_paused:
            return []
        self.seq += 1
        run.is_paused, run.touched = is_paused, now
        return [event]

    def _record_started(self, run: Run, node: int, report: reports_pb2.Report, now: float) -> list[ev.Event]:
        if run.is_stopping or run.status[node] == RUNNING:
            return []
        attempt, grant, worker = report.attempt, report.grant, report.worker
        run.start(node, attempt, grant, worker, now)
        self.seq += 1
        started = ev.ActionStarted(node=node, attempt=attempt, grant=grant, worker=worker)
        return [ev.Event(run_id=run.run_id, action_started=started)]

    def _record_succeeded(self, run: Run, node: int, report: reports_pb2.Report, now: float) -> list[ev.Event]:
        result = report.succeeded
        if control.is_too_late(run, node):
            failure = ev.Failure(type="Cancelled", message="the run was stopping when it was decided how it goes on")
            return self._record_failed(
                run, node, report, reports_pb2.Failed(cause=ev.CAUSE_CANCELLED, failure=failure), now
            )
        number, problem = 0, outcomes.outputs_problem(result.outputs)
        if problem is None and isinstance(run.graph, GrownGraph):
            number, problem = control.number_of(run.graph, node, result.outputs)
        if problem is not None:
            failure = ev.Failure(type="BadOutputs", message=problem)
            refused = reports_pb2.Failed(cause=ev.CAUSE_BAD_RESULT, failure=failure, final=True)
            return self._record_failed(run, node, report, refused, now)
        self.seq += 1
        self._succeed(run, node, report.attempt)
        event = ev.Event(run_id=run.run_id)
        succeeded = event.action_succeeded
        succeeded.node = node
        succeeded.attempt = report.attempt
        succeeded.grant = report.grant
        succeeded.worker = report.worker
        succeeded.duration_us = result.duration_us
        succeeded.outputs.CopyFrom(result.outputs)
        if result.HasField("reuse"):
            succeeded.reuse.CopyFrom(result.reuse)
        if isinstance(run.graph, GrownGraph):
            return [event, *self._after_decision(run, run.graph, succeeded, number), *self._end_if_done(run)]
        return [event] if run.open else [event, *self._end_if_done(run)]

    def _succeed(self, run: Run, node: int, attempt: int) -> None:
        run.succeed(node, attempt, self.seq)
        if run.graph.waits:
            self.waits.note_unlocked(run, node)

    def _begin_wait(self, run: Run, node: int, now: float, clock_us: int) -> ev.Event:
        due_at_us, due = waits.due_of(run.graph.waits[node], now, clock_us)
        self.seq += 1
        self.waits.begin(run, node, due_at_us, due)
        return ev.Event(run_id=run.run_id, wait_began=ev.WaitBegan(node=node, due_at_us=due_at_us))

    def _end_wait(self, run: Run, node: int, now: float) -> list[ev.Event]:
        report = waits.outcome(run, node)
        if report.HasField("failed"):
            return self._record_failed(run, node, report, report.failed, now)
        return self._record_succeeded(run, node, report, now)

    def _after_decision(
        self, run: Run, graph: GrownGraph, succeeded: ev.ActionSucceeded, number: int
    ) -> list[ev.Event]:
        """Let a map add its nodes, or leave out what a branch did not take."""
        node = succeeded.node
        match graph.kinds[node]:
            case graphs.MAP if number:
                added = run.grow(node, number)
                if graph.waits:
                    self.waits.note_unlocked(run, node)
                succeeded.added = len(added)
                nodes, failed = control.without_hope(run, added, number)
                return self._skip(run, nodes, ev.SKIP_REASON_UPSTREAM_FAILED, failed)
            case graphs.BRANCH:
                return self._skip(run, control.not_taken(run, node, number), ev.SKIP_REASON_NOT_TAKEN, node)
            case _:
                return []

    def _record_failed(
        self, run: Run, node: int, report: reports_pb2.Report, failed: reports_pb2.Failed, now: float
    ) -> list[ev.Event]:
        delay_s = retries.delay_s(run, node, failed, now)
        if delay_s is None and failed.cause == ev.CAUSE_NOT_YET:
            failed = waits.found_nothing(run, node, failed)
        event = ev.Event(run_id=run.run_id)
        event.action_failed.CopyFrom(
            ev.ActionFailed(
                node=node,
                attempt=report.attempt,
                grant=report.grant,
                worker=report.worker,
                cause=failed.cause or ev.CAUSE_USER,
                failure=outcomes.clipped(failed.failure),
                duration_us=failed.duration_us,
                retry_delay_s=delay_s,
                long_lived=retries.is_long_lived(run, node, failed, now),
            )
        )
        self.seq += 1
        self._apply_failed(run, event.action_failed, now)
        if delay_s is not None:
            return [event]
        return [event, *self._after_final_failure(run, node), *self._end_if_done(run)]

    def _after_final_failure(self, run: Run, node: int) -> list[ev.Event]:
        if run.is_stopping:
            return []
        if run.fail_fast and run.failed_node == node:
            self.seq += 1
            run.is_failing_fast = True
            asked = ev.Event(run_id=run.run_id, cancel_requested=ev.CancelRequested(fail_fast=True))
            return [asked, *self._skip_waiting(run, ev.SKIP_REASON_FAIL_FAST, node)]
        nodes, reason = outcomes.downstream(run, node)
        return self._skip(run, nodes, reason, node)

    def _skip_waiting(self, run: Run, reason: ev.SkipReason, because_of: int = -1) -> list[ev.Event]:
        return self._skip(run, run.waiting(), reason, because_of)

    def _leave_out(self, run: Run, nodes: Sequence[int], status: int) -> None:
        run.skip(nodes, status)
        if run.graph.waits and run.graph.has_control:  # what goes on without them may begin to wait
            for node in nodes:
                self.waits.note_unlocked(run, node)

    def _skip(self, run: Run, nodes: list[int], reason: ev.SkipReason, because_of: int) -> list[ev.Event]:
        self._leave_out(run, nodes, STATUS_OF[reason])
        events = outcomes.skipped(run.run_id, nodes, reason, because_of)
        self.seq += len(events)
        return events

    def _end_if_done(self, run: Run) -> list[ev.Event]:
        if run.open:
            return []
        if run.ending or not run.graph.finals:
            return [self._end(run)]
        state = outcomes.state_of(run)
        not_taken, hopeless = outcomes.without(run, state)
        events = self._skip(run, not_taken, ev.SKIP_REASON_NOT_TAKEN, -1)
        events += self._skip(run, hopeless, ev.SKIP_REASON_UPSTREAM_FAILED, run.failed_node)
        self.seq += 1
        run.begin_end(state)
        events.append(ev.Event(run_id=run.run_id, finally_began=ev.FinallyBegan(state=state)))
        return [*events, *self._end_if_done(run)]

    def _end(self, run: Run) -> ev.Event:
        self.seq += 1
        self._forget(run)
        return outcomes.ended(run)

    def _forget(self, run: Run) -> None:
        del self.runs[run.run_id]
        if run.parent:
            del self.parents[run.run_id]

    def _apply(self, run: Run, event: ev.Event, now: float) -> None:
        run.touched = now
        match event.WhichOneof("kind"):
            case "action_started":
                started = event.action_started
                run.start(started.node, started.attempt, started.grant, started.worker, now)
            case "action_succeeded":
                succeeded = event.action_succeeded
                self._succeed(run, succeeded.node, succeeded.attempt)
                if succeeded.added and isinstance(run.graph, GrownGraph):
                    run.grow(succeeded.node, run.graph.items_of(succeeded.node, succeeded.added))
                    if run.graph.waits:
                        self.waits.note_unlocked(run, succeeded.node)
            case "action_failed":
                self._apply_failed(run, event.action_failed, now)
            case "nodes_skipped":
                skipped = event.nodes_skipped
                self._leave_out(run, skipped.nodes, STATUS_OF.get(skipped.reason, SKIPPED))
            case "cancel_requested":
                _apply_cancel(run, event.cancel_requested)
            case "finally_began":
                run.begin_end(event.finally_began.state)
            case "wait_began":
                began = event.wait_began
                _check_wait(run, began.node)
                due = waits.replayed_due(run.graph.waits[began.node], now)
                self.waits.begin(run, began.node, began.due_at_us, due)
            case "signal_received":
                self.waits.receive(run, _node_of_signal(run, event.signal_received.name), event.signal_received)
            case "run_paused":
                run.is_paused = True
            case "run_resumed":
                run.is_paused = False
            case "run_ended":
                if not event.run_ended.removed:  # what led to this end is not in the log any more
                    _check_end(run, event.run_ended.state)
                self._forget(run)
            case _:
                pass  # an event of a later version: it has a place in the log and no meaning here

    def _apply_failed(self, run: Run, failed: ev.ActionFailed, now: float) -> None:
        if failed.HasField("retry_delay_s"):
            run.retry(failed.node, failed.attempt, now + failed.retry_delay_s, retries.used(failed))
            if failed.cause == ev.CAUSE_NOT_YET and run.history(failed.node).looks_since is None:
                run.history(failed.node).looks_since = now
        else:
            run.fail(failed.node, failed.attempt, self.seq, cancelled=failed.cause == ev.CAUSE_CANCELLED)
            if run.graph.waits:
                self.waits.note_unlocked(run, failed.node)


def _apply_cancel(run: Run, requested: ev.CancelRequested) -> None:
    if run.state not in MAY_BE_CANCELLED or (run.is_end_cancelled if run.ending else run.is_cancelling):
        raise CorruptLog("cancelled twice", run.run_id)
    if requested.fail_fast:
        run.is_failing_fast = True
    else:
        run.note_cancelled()


def _check_wait(run: Run, node: int) -> None:
    if node not in run.graph.waits or run.status[node] != WAITING or node in run.waits.begun:
        raise CorruptLog("a wait cannot begin", run.run_id, node)


def _node_of_signal(run: Run, name: str) -> int:
    if (node := run.graph.node_of(name)) in run.graph.waits:
        return node
    raise CorruptLog(f"no node waits for signal {name!r}", run.run_id)


def _check_end(run: Run, state: int) -> None:
    if run.open:
        raise CorruptLog("ended with open nodes", run.run_id)
    if state in ENDS and state not in MAY_END_AS[run.state]:  # later versions may know other ends
        raise CorruptLog(f"ended as {state}, after it was {run.state}", run.run_id)
