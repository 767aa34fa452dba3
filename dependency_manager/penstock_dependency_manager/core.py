"""The Dependency Manager's pure core: what follows from a shard's log for those who execute."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from penstock_plan.graph import TOLERATES_FAILED, TOLERATES_NOT_TAKEN, PlanGraph
from penstock_plan.growth import GrownGraph
from penstock_proto.dependency_manager.v1 import actions_pb2 as act
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as st
from penstock_proto.successes import numbers
from penstock_stream.messages import Events

from .errors import UnknownRun
from .open_run import CONTINUE, ENDED, OpenRun, restored
from .paths import Paths

if TYPE_CHECKING:
    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

    # Of a message, into which they are written: what is put into a message later is copied.
    Instructions = RepeatedCompositeFieldContainer[act.Instruction]


class Graph:
    """The open runs of one shard, up to `seq` of its log. `now` is monotonic seconds."""

    STEP = 2_000  # attempts that are described at once: about 10 ms

    __slots__ = ("epoch", "paths", "plans", "runs", "seq", "shard", "undescribed")

    def __init__(self, shard: int, plans: Mapping[bytes, PlanGraph], paths: Paths | None = None) -> None:
        """`paths` is what several shards learn together of durations."""
        self.shard = shard
        self.plans = plans
        self.paths = paths or Paths()
        self.epoch = 0
        self.seq = 0
        self.runs: dict[bytes, OpenRun] = {}
        self.undescribed: tuple[OpenRun, Sequence[int]] | None = None  # the nodes that the last event lets begin

    @staticmethod
    def plans_needed(events: Iterable[ev.Event]) -> set[bytes]:
        """Return the plans that must be in `plans` before these events are taken."""
        needed: set[bytes] = set()
        for event in events:
            kind = event.WhichOneof("kind")
            if kind == "run_submitted":
                needed.add(event.run_submitted.plan)
            elif kind == "run_reopened":
                needed.add(event.run_reopened.plan)
        return needed

    def advance(self, batch: Events, now: float, out: Instructions | None = None) -> Instructions:
        """Take the next range of the log; add what follows from it to a message's instructions, in order.

        It stops after an event that lets very many nodes begin, for `describe` to be called, and after very many
        instructions: this is to be called again then with what comes after `seq`.
        """
        if batch.from_seq != self.seq + 1:
            raise ValueError(f"shard {self.shard}: a range starts at {batch.from_seq}, expected {self.seq + 1}")
        instructions = act.ActionBatch().instructions if out is None else out
        most = len(instructions) + self.STEP
        for event in batch.events:
            self.seq += 1
            self._take(event, now, instructions)
            if self.undescribed is not None or len(instructions) > most:
                break
        self.epoch = max(self.epoch, batch.epoch)
        return instructions

    def load(self, runs: Iterable[st.OpenRun], seq: int, epoch: int, now: float) -> None:
        """Replace the state by a snapshot of the State Tracker."""
        self.runs = {run.run_id: self._restore(run, now) for run in runs}
        self.seq, self.epoch = seq, epoch

    def _restore(self, described: st.OpenRun, now: float) -> OpenRun:
        graph = self.plans[described.plan]
        return restored(described, graph, self.paths.of(graph, now), now)

    def describe(self, out: Instructions) -> Iterator[None]:
        """Add the starts of the nodes that the last event let begin, with a stop after every `STEP`."""
        if self.undescribed is None:
            return
        run, nodes = self.undescribed
        self.undescribed = None
        for count, node in enumerate(nodes, 1):
            run.describe(node, run.pending[node].attempt, 0.0, out.add().start)
            if count % self.STEP == 0:
                yield

    def starts(self, now: float) -> Iterator[act.Start]:
        """Describe every attempt that may run or runs, as of the first one that is asked for: for a snapshot."""
        attempts = [
            (run, run.is_stopped, node, pending.attempt, pending.grant, pending.worker, pending.ready_at)
            for run in self.runs.values()
            for node, pending in run.pending.items()
        ]
        for run, stopping, node, attempt, grant, worker, ready_at in attempts:
            start = act.Start(running_grant=grant, running_worker=worker, stopping=stopping)
            run.describe(node, attempt, max(0.0, ready_at - now), start)
            yield start

    def _take(self, event: ev.Event, now: float, out: Instructions) -> None:
        kind = event.WhichOneof("kind")
        if kind == "run_submitted":
            self._apply_submitted(event.run_id, event.run_submitted, now, out)
            return
        if kind == "run_reopened":
            self._apply_reopened(event.run_id, event.run_reopened, now, out)
            return
        run = self.runs.get(event.run_id)
        if run is None:
            # Of a later version, in which it may follow a run's end; or what is left of a run that was removed.
            if kind is None or (kind == "run_ended" and event.run_ended.removed):
                return
            raise UnknownRun(self.shard, self.seq, event.run_id)
        match kind:
            case "action_succeeded":
                self._apply_succeeded(run, event.action_succeeded, out)
            case "action_started":
                started = event.action_started
                pending = run.pending[started.node]
                pending.grant, pending.worker = started.grant, started.worker
                _write_running(run, started, out.add().running)
            case "action_failed":
                self._apply_failed(run, event.action_failed, now, out)
            case "cancel_requested":
                run.is_stopped = True
                for node in run.pending:
                    _write_stop(run, node, out.add().stop)
            case "finally_began":
                self._begin(run, run.begin_end(), out)
            case "nodes_skipped":
                for node in event.nodes_skipped.nodes:
                    run.pending.pop(node, None)
                    if node in run.graph.finals:
                        run.waits_for[node] = ENDED
                if run.graph.has_control:
                    self._go_on_without(run, event.nodes_skipped, out)
            case "run_ended":
                if run.is_paused:
                    _write_hold(run, out.add().hold, is_held=False)
                del self.runs[run.run_id]
            case "run_paused" | "run_resumed":
                run.is_paused = kind == "run_paused"
                _write_hold(run, out.add().hold, is_held=run.is_paused)
            case _:
                pass  # an event of a later version

    def _apply_submitted(self, run_id: bytes, event: ev.RunSubmitted, now: float, out: Instructions) -> None:
        graph = self.plans[event.plan]
        paths = self.paths.of(graph, now)
        run = self.runs[run_id] = OpenRun(run_id, graph, paths, event.caller.team, event.options, self.seq)
        if event.HasField("reused"):
            run.take_over(event.reused)
            self._begin(run, run.ready(), out)
        else:
            self._begin(run, run.graph.roots, out)

    def _apply_reopened(self, run_id: bytes, event: ev.RunReopened, now: float, out: Instructions) -> None:
        graph = self.plans[event.plan]
        paths, team = self.paths.of(graph, now), event.submitted_by.team
        run = self.runs[run_id] = OpenRun(run_id, graph, paths, team, event.options, event.first_seq)
        run.attempts = dict(zip(numbers(event.tried_steps), event.next_attempts, strict=True))
        run.take_over(event.succeeded)
        self._begin(run, run.ready(), out)

    def _apply_succeeded(self, run: OpenRun, event: ev.ActionSucceeded, out: Instructions) -> None:
        node = event.node
        run.pending.pop(node, None)
        if event.added and isinstance(run.graph, GrownGraph):
            run.grow(node, run.graph.items_of(node, event.added))
        run.outputs[node] = self.seq
        if node not in run.graph.waits:  # else nobody executed it
            self.paths.durations.learn(run.graph.operators[node], event.duration_us * 1e-6)
            self._add_recorded(run, node, event.attempt, event.grant, out)
        self._begin(run, run.unlock_taken(node, event.outputs), out)
        if run.limits:
            self._start(run, run.admit(node), out)

    def _apply_failed(self, run: OpenRun, event: ev.ActionFailed, now: float, out: Instructions) -> None:
        node = event.node
        run.pending.pop(node, None)
        if node not in run.graph.waits:
            self._add_recorded(run, node, event.attempt, event.grant, out)
        if event.HasField("retry_delay_s"):
            run.begin_again(node, event.attempt + 1, event.retry_delay_s, now, out.add().start)
            return
        if run.graph.on_failure[node] == CONTINUE:
            self._begin(run, run.unlock_order_only(node, self.seq), out)
            if run.graph.has_control:
                self._begin(run, run.unlock_without(node, TOLERATES_FAILED), out)
        if run.limits:
            self._start(run, run.admit(node), out)

    def _go_on_without(self, run: OpenRun, skipped: ev.NodesSkipped, out: Instructions) -> None:
        not_taken = skipped.reason == ev.SKIP_REASON_NOT_TAKEN
        for node in skipped.nodes:  # before one of them counts for another
            run.waits_for[node] = ENDED
        if run.limits:
            self._start(run, [other for node in skipped.nodes for other in run.admit(node)], out)
        if not not_taken and run.graph.on_failure[skipped.because_of] != CONTINUE:
            return  # the lists that the items would be left out of are skipped as well
        tolerance = TOLERATES_NOT_TAKEN if not_taken else TOLERATES_FAILED
        self._begin(run, [ready for node in skipped.nodes for ready in run.unlock_without(node, tolerance)], out)

    def _begin(self, run: OpenRun, nodes: Sequence[int], out: Instructions) -> None:
        if run.graph.waits:
            nodes = [node for node in nodes if node not in run.graph.waits]
        if run.limits:
            nodes = [node for node in nodes if run.is_admitted(node)]
        self._start(run, nodes, out)

    def _start(self, run: OpenRun, nodes: Sequence[int], out: Instructions) -> None:
        many = len(nodes) > self.STEP
        for node in nodes:
            attempt = run.begin(node)
            if not many:
                run.describe(node, attempt, 0.0, out.add().start)
        if many:
            self.undescribed = run, nodes

    def _add_recorded(self, run: OpenRun, node: int, attempt: int, grant: int, out: Instructions) -> act.Instruction:
        instruction = out.add()
        recorded = instruction.recorded
        recorded.run_id = run.run_id
        recorded.node = node
        recorded.attempt = attempt
        recorded.grant = grant
        recorded.seq = self.seq
        return instruction


def _write_hold(run: OpenRun, hold: act.Hold, *, is_held: bool) -> None:
    hold.run_id, hold.released = run.run_id, not is_held


def _write_running(run: OpenRun, event: ev.ActionStarted, running: act.Running) -> None:
    running.run_id, running.node, running.attempt, running.grant = run.run_id, event.node, event.attempt, event.grant


def _write_stop(run: OpenRun, node: int, stop: act.Stop) -> None:
    stop.run_id, stop.node, stop.attempt = run.run_id, node, run.pending[node].attempt
