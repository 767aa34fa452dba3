"""A run as people see it: folded from its plan and the events of its log."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import cast

from penstock_plan.growth import Growth
from penstock_plan.left_out import left_out
from penstock_plan.refs import add_refs
from penstock_plan.show.growing_plan import GrowingPlan
from penstock_plan.show.labels import labels
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2, service_pb2
from penstock_proto.successes import numbers, unpacked
from penstock_proto.wire import INPUTS_NODE

from .node_progress import NodeProgress

CONTINUE = plan_pb2.FAILURE_POLICY_CONTINUE


class RunState(StrEnum):
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @property
    def ended(self) -> bool:
        return self in ENDED


ENDED = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED})


class NodeState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    # It is on a side that a branch did not take.
    NOT_TAKEN = "not_taken"
    # It is within a map: executed once for each item, as nodes of their own.
    MAPPED = "mapped"


@dataclass(slots=True)
class Attempt:
    """One execution; times are microseconds by the database's clock, from the events and the measured duration.

    From `started_at_us` on a worker was busy with it, the last `duration_us` of that in the operator itself.
    """

    number: int
    state: NodeState
    worker: str = ""
    started_at_us: int = 0
    ended_at_us: int = 0
    duration_us: int = 0
    cause: str = ""
    failure: events_pb2.Failure | None = None
    retry_delay_s: float | None = None


@dataclass(slots=True)
class NodeView:
    index: int
    name: str
    operator: str
    kind: str
    place: str
    parents: tuple[int, ...]
    state: NodeState = NodeState.WAITING
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    skip_reason: str = ""
    because_of: int = -1
    output_seq: int = 0
    # Of a wait: when it began and when it ends by itself, in microseconds by the database's clock; 0: not yet, never.
    wait_began_at_us: int = 0
    due_at_us: int = 0
    # How far its operator said it is, if `RunView.note` was given it.
    progress: NodeProgress | None = None
    # Of a node whose result was taken from the cache: the execution that it is of.
    reuse: events_pb2.Reuse | None = None

    @property
    def is_taken_over(self) -> bool:
        """Whether it had succeeded before the run began: in the run that this one was forked from."""
        return self.state is NodeState.SUCCEEDED and not self.attempts

    @property
    def is_reused(self) -> bool:
        """Whether its outputs are those of another run, or of another node."""
        return self.is_taken_over or self.reuse is not None

    @property
    def shown_state(self) -> str:
        """Its state for people, who want to know what it did not have to compute."""
        return "reused" if self.is_reused else self.state.value

    @property
    def started_at_us(self) -> int:
        """Start of the first attempt; 0: none has started."""
        return self.attempts[0].started_at_us if self.attempts else 0

    @property
    def ended_at_us(self) -> int:
        """End of the last attempt; 0: it has not ended."""
        return self.attempts[-1].ended_at_us if self.attempts else 0

    @property
    def duration_us(self) -> int:
        """Time in the operator, of the last attempt."""
        return self.attempts[-1].duration_us if self.attempts else 0


class RunView:
    """Everything that is known of one run; `apply` its events in order, repeated ones change nothing."""

    def __init__(self, plan: plan_pb2.Plan, run_id: bytes = b"") -> None:
        self._growing = GrowingPlan(plan)
        self.run_id = run_id
        self.plan_hash = b""
        self.state = RunState.UNKNOWN
        self.seq = 0
        self.submitted_at_us = 0
        self.ended_at_us = 0
        self.caller = events_pb2.Caller()
        self.options = events_pb2.RunOptions()
        self.failed_node = -1
        # The first node that failed of those that are called at the end, which does not change how the run ends.
        self.failed_at_end = -1
        self.cancel_reason = ""
        self.cancelled_by = ""
        # By the name of their node.
        self.signals: dict[str, events_pb2.SignalReceived] = {}
        self.forked_from = b""
        # The run that started it as a child, and its node.
        self.parent_run_id = b""
        self.parent_node = 0
        # Nothing new of it starts.
        self.is_paused = False
        self.outputs: list[tuple[int, int]] = []
        self.nodes = [node_view(plan, index) for index in range(len(plan.nodes))]

    @property
    def plan(self) -> plan_pb2.Plan:
        """The run's plan, with the nodes that maps have added."""
        return self._growing.plan

    @property
    def compiled_plan(self) -> plan_pb2.Plan:
        """The plan as it was compiled."""
        return self._growing.given

    @property
    def growths(self) -> Sequence[Growth]:
        """What maps have added, in the order in which they did."""
        return self._growing.growths

    def executions(self, template: int) -> Sequence[int]:
        """Return the nodes that are executions of a node within a map: one for each item."""
        return self._growing.executions(template)

    @property
    def id(self) -> str:
        return str(uuid.UUID(bytes=self.run_id)) if self.run_id else ""

    @cached_property
    def labels(self) -> list[str]:
        """The name of each node, or what tells it from other calls of its operator: "train[fold=2, lr=0.1]"."""
        return labels(self.plan)

    @cached_property
    def index_of(self) -> dict[str, int]:
        """The node of each name."""
        return {node.name: node.index for node in self.nodes}

    def counts(self) -> dict[NodeState, int]:
        """Count the nodes by state; those within maps count with each item, and not themselves."""
        counts = dict.fromkeys(NodeState, 0)
        for node in self.nodes:
            counts[node.state] += 1
        counts.pop(NodeState.MAPPED)
        return counts

    @property
    def first_failure(self) -> int:
        """The node that failed first and finally, also while the run goes on; -1 if none has."""
        if self.failed_node >= 0:
            return self.failed_node
        failed = [node for node in self.nodes if node.state is NodeState.FAILED]
        return min(failed, key=lambda node: node.ended_at_us).index if failed else -1

    def ready(self, most: int = 20) -> list[str]:
        """Return the names of nodes that wait although all that they need has succeeded."""
        found: list[str] = []
        for node in self.nodes:
            if node.state is NodeState.WAITING and all(
                self.nodes[parent].state is NodeState.SUCCEEDED for parent in node.parents
            ):
                found.append(node.name)
                if len(found) == most:
                    break
        return found

    def left_out(self) -> dict[int, bool]:
        """Items without which a list was made: whether they failed themselves, or were skipped for that."""
        if self.plan is self.compiled_plan:
            return {}
        graph, nodes = self._growing.graph(), self.nodes
        found = left_out(
            graph,
            range(len(nodes)),
            lambda node: nodes[node].state is NodeState.SUCCEEDED,
            lambda node: (
                nodes[node].state in (NodeState.SKIPPED, NodeState.CANCELLED)
                or (nodes[node].state is NodeState.FAILED and graph.on_failure[node] == CONTINUE)
            ),
        )
        return {node: nodes[node].state is NodeState.FAILED for node in found}

    def running(self, most: int = 20) -> list[str]:
        """Return the names of nodes that run."""
        return [node.name for node in self.nodes if node.state is NodeState.RUNNING][:most]

    def note(self, said: Iterable[NodeProgress]) -> None:
        """Add how far nodes are, as `Client.progress` returns it."""
        latest = {each.node: each for each in said}
        for node in self.nodes:
            found = latest.get(node.name, node.progress)
            begun = node.attempts[-1].number if node.attempts else 0
            node.progress = found if found is not None and found.attempt >= begun else None

    def apply_all(self, events: Iterable[service_pb2.RecordedEvent]) -> None:
        for event in events:
            self.apply(event)

    def apply(self, recorded: service_pb2.RecordedEvent) -> None:
        """Change the view by one event; an event of a kind that is not known here changes nothing."""
        if recorded.seq <= self.seq:
            return
        self.seq = recorded.seq
        kind = recorded.event.WhichOneof("kind")
        if kind is None:
            return
        if not self.run_id:
            self.run_id = recorded.event.run_id
        if (apply := _APPLY.get(kind)) is not None:
            apply(self, getattr(recorded.event, kind), recorded.recorded_at_us)

    def _apply_submitted(self, event: events_pb2.RunSubmitted, at_us: int) -> None:
        self.state, self.submitted_at_us, self.plan_hash = RunState.RUNNING, at_us, event.plan
        self.caller, self.options, self.forked_from = event.caller, event.options, event.forked_from
        self.parent_run_id, self.parent_node = event.parent_run_id, event.parent_node
        for growth in event.reused.growths:
            self._grow(growth.node, self._growing.added_by(growth.node, growth.items))
        for index, seq in unpacked(event.reused):
            self.nodes[index].state, self.nodes[index].output_seq = NodeState.SUCCEEDED, seq
        for steps, state in _left_out(event.reused):
            for index in numbers(steps):
                self.nodes[index].state = state

    def _apply_started(self, event: events_pb2.ActionStarted, at_us: int) -> None:
        attempt = self._attempt(event.node, event.attempt)
        attempt.worker, attempt.started_at_us = event.worker, at_us
        self.nodes[event.node].state = NodeState.RUNNING

    def _apply_succeeded(self, event: events_pb2.ActionSucceeded, at_us: int) -> None:
        attempt = self._attempt(event.node, event.attempt)
        _end(attempt, NodeState.SUCCEEDED, event.worker, event.duration_us, at_us)
        node = self.nodes[event.node]
        node.state, node.output_seq = NodeState.SUCCEEDED, self.seq
        node.reuse = event.reuse if event.HasField("reuse") else None
        if event.added:
            self._grow(event.node, event.added)

    def _grow(self, node: int, added: int) -> None:
        self.nodes += [node_view(self.plan, index) for index in self._growing.grow(node, added)]
        self.__dict__.pop("labels", None)
        self.__dict__.pop("index_of", None)

    def _apply_failed(self, event: events_pb2.ActionFailed, at_us: int) -> None:
        attempt = self._attempt(event.node, event.attempt)
        cancelled = event.cause == events_pb2.CAUSE_CANCELLED
        state = NodeState.CANCELLED if cancelled else NodeState.FAILED
        _end(attempt, state, event.worker, event.duration_us, at_us)
        attempt.cause, attempt.failure = cause_text(event.cause), event.failure
        if event.HasField("retry_delay_s"):
            attempt.retry_delay_s = event.retry_delay_s
            state = NodeState.WAITING
        self.nodes[event.node].state = state

    def _apply_skipped(self, event: events_pb2.NodesSkipped, at_us: int) -> None:
        state = _SKIPPED.get(event.reason, NodeState.CANCELLED)
        reason = events_pb2.SkipReason.Name(event.reason).removeprefix("SKIP_REASON_").lower().replace("_", " ")
        for index in event.nodes:
            node = self.nodes[index]
            node.state, node.skip_reason, node.because_of = state, reason, event.because_of

    def _apply_cancel_requested(self, event: events_pb2.CancelRequested, at_us: int) -> None:
        self.state, self.cancel_reason, self.cancelled_by = RunState.CANCELLING, event.reason, event.caller.user

    def _apply_wait_began(self, event: events_pb2.WaitBegan, at_us: int) -> None:
        node = self.nodes[event.node]
        node.wait_began_at_us, node.due_at_us = at_us, event.due_at_us
        self._attempt(event.node, node.attempts[-1].number + 1 if node.attempts else 1).started_at_us = at_us

    def _apply_signal(self, event: events_pb2.SignalReceived, at_us: int) -> None:
        self.signals[event.name] = event

    def _apply_reopened(self, event: events_pb2.RunReopened, at_us: int) -> None:
        self.state, self.ended_at_us, self.failed_node = RunState.RUNNING, 0, -1
        self.cancel_reason = self.cancelled_by = ""
        self.is_paused = False
        stay = {index for steps, _ in _left_out(event.succeeded) for index in numbers(steps)}
        for node in self.nodes:
            runs_again = node.state not in _STAY or self.plan.nodes[node.index].at_end
            if runs_again and node.index not in stay:
                node.state, node.skip_reason, node.because_of = NodeState.WAITING, "", -1

    def _apply_paused(self, event: events_pb2.RunPaused, at_us: int) -> None:
        self.is_paused = True

    def _apply_resumed(self, event: events_pb2.RunResumed, at_us: int) -> None:
        self.is_paused = False

    def _apply_ended(self, event: events_pb2.RunEnded, at_us: int) -> None:
        self.state, self.ended_at_us, self.failed_node = run_state(event.state), at_us, event.failed_node
        self.failed_at_end = event.failed_at_end - 1
        self.outputs = [(ref.node, ref.seq) for ref in event.outputs]
        self.is_paused = False

    def _attempt(self, node: int, number: int) -> Attempt:
        """The attempt of this number: the last one, or a new one."""
        attempts = self.nodes[node].attempts
        if not attempts or attempts[-1].number != number:
            attempts.append(Attempt(number, NodeState.RUNNING))
        return attempts[-1]


_APPLY = {
    "run_submitted": RunView._apply_submitted,  # pyright: ignore[reportPrivateUsage]
    "action_started": RunView._apply_started,  # pyright: ignore[reportPrivateUsage]
    "action_succeeded": RunView._apply_succeeded,  # pyright: ignore[reportPrivateUsage]
    "action_failed": RunView._apply_failed,  # pyright: ignore[reportPrivateUsage]
    "nodes_skipped": RunView._apply_skipped,  # pyright: ignore[reportPrivateUsage]
    "cancel_requested": RunView._apply_cancel_requested,  # pyright: ignore[reportPrivateUsage]
    "wait_began": RunView._apply_wait_began,  # pyright: ignore[reportPrivateUsage]
    "signal_received": RunView._apply_signal,  # pyright: ignore[reportPrivateUsage]
    "run_reopened": RunView._apply_reopened,  # pyright: ignore[reportPrivateUsage]
    "run_paused": RunView._apply_paused,  # pyright: ignore[reportPrivateUsage]
    "run_resumed": RunView._apply_resumed,  # pyright: ignore[reportPrivateUsage]
    "run_ended": RunView._apply_ended,  # pyright: ignore[reportPrivateUsage]
}


# Of a run that is reopened; others wait again, but for those that lists were made without.
_STAY = frozenset({NodeState.SUCCEEDED, NodeState.MAPPED})


def _left_out(known: events_pb2.Successes) -> list[tuple[Sequence[int], NodeState]]:
    """What a run begins or goes on with besides successes."""
    return [
        (known.not_taken_steps, NodeState.NOT_TAKEN),
        (known.failed_steps, NodeState.FAILED),
        (known.skipped_steps, NodeState.SKIPPED),
    ]


_SKIPPED: dict[int, NodeState] = {
    events_pb2.SKIP_REASON_UPSTREAM_FAILED: NodeState.SKIPPED,
    events_pb2.SKIP_REASON_NOT_TAKEN: NodeState.NOT_TAKEN,
}


def run_state(state: events_pb2.RunState) -> RunState:
    name = events_pb2.RunState.Name(state).removeprefix("RUN_STATE_").lower()
    return RunState.UNKNOWN if name == "unspecified" else RunState(name)


def cause_text(cause: events_pb2.Cause) -> str:
    return events_pb2.Cause.Name(cause).removeprefix("CAUSE_").lower().replace("_", " ")


def _end(attempt: Attempt, state: NodeState, worker: str, duration_us: int, at_us: int) -> None:
    """Close the attempt. Short ones have no started-event: their start is their end less the time in the operator."""
    attempt.state, attempt.worker, attempt.ended_at_us = state, worker or attempt.worker, at_us
    attempt.duration_us = duration_us or (at_us - attempt.started_at_us if attempt.started_at_us else 0)
    called_at_us = at_us - attempt.duration_us
    attempt.started_at_us = min(attempt.started_at_us or called_at_us, called_at_us)


def kind_word(kind: int) -> str:
    """Return a kind of nodes as a word: "task", "wait", "map"."""
    return plan_pb2.NodeKind.Name(cast("plan_pb2.NodeKind", kind)).removeprefix("NODE_KIND_").lower()


def node_view(plan: plan_pb2.Plan, index: int) -> NodeView:
    node = plan.nodes[index]
    kind = kind_word(node.kind)
    operator = ""
    if node.kind not in (plan_pb2.NODE_KIND_PASS, plan_pb2.NODE_KIND_UNSPECIFIED):
        declared = plan.operators[node.operator]
        operator = f"{declared.module}:{declared.qualname}"
    place = f"{plan.files[node.file]}:{node.line}" if node.line and node.file < len(plan.files) else ""
    state = NodeState.MAPPED if node.map else NodeState.WAITING
    return NodeView(index, node.name, operator, kind, place, _parents(node), state)


def _parents(node: plan_pb2.Node) -> tuple[int, ...]:
    found = set(node.after)
    for argument in node.arguments:
        add_refs(argument.value, found)
    return tuple(sorted(found - {INPUTS_NODE}))
