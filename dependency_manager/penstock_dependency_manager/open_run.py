"""What the Dependency Manager keeps of one open run: what each node still waits for. Never a value."""

from array import array
from collections.abc import Iterable
from typing import Final, cast
from weakref import WeakKeyDictionary

from penstock_plan.graph import PlanGraph
from penstock_proto.dependency_manager.v1 import actions_pb2 as act
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as st
from penstock_proto.wire import DEFAULT_POOL

CONTINUE: Final = int(plan_pb2.FAILURE_POLICY_CONTINUE)

# What a node waits for that has ended: more parents than there are, so that it never begins again.
ENDED: Final = 2**31

# Of each plan that some run still has: its nodes' descriptions, made when they are first needed.
_descriptions: WeakKeyDictionary[PlanGraph, dict[int, bytes]] = WeakKeyDictionary()


class Pending:
    """An attempt that may run, or runs."""

    __slots__ = ("attempt", "grant", "ready_at", "worker")

    def __init__(self, attempt: int, ready_at: float = 0.0) -> None:
        self.attempt = attempt
        self.ready_at = ready_at  # monotonic; a retry waits for it
        self.grant = 0
        self.worker = ""


class OpenRun:
    """A run's open nodes: parents still waited for, where outputs are, which attempts are out."""

    __slots__ = (
        "attempts",
        "descriptions",
        "first_seq",
        "graph",
        "is_paused",
        "is_stopped",
        "outputs",
        "paths",
        "pending",
        "pool",
        "priority",
        "run_id",
        "team",
        "traceparent",
        "waits_for",
    )

    def __init__(
        self,
        run_id: bytes,
        graph: PlanGraph,
        paths: "array[float]",
        team: str,
        options: ev.RunOptions,
        first_seq: int,
    ) -> None:
        self.run_id = run_id
        self.graph = graph
        self.paths = paths  # expected seconds from each node to an end
        self.descriptions = _descriptions.setdefault(graph, {})
        self.team = options.team or team
        self.pool = options.pool or DEFAULT_POOL
        self.priority = options.priority
        self.traceparent = options.traceparent
        self.first_seq = first_seq
        self.is_stopped = False
        self.is_paused = False  # nothing new of it is granted
        self.attempts: dict[int, int] | None = None  # of a run that was reopened: next attempts that are not the first
        self.waits_for = array("I", map(len, graph.parents))
        self.outputs = array("q", bytes(8 * graph.size))
        self.pending: dict[int, Pending] = {}

    def take_over(self, succeeded: Iterable[tuple[int, int]]) -> None:
        """Count what had succeeded before the run began, or began again: each node with the position of its outputs."""
        for node, seq in succeeded:
            self.outputs[node] = seq
            self.unlock(node)
            self.waits_for[node] = ENDED

    def ready(self) -> list[int]:
        """Return the nodes that wait for nothing; of a run that begins with some that have succeeded."""
        return [node for node, left in enumerate(self.waits_for) if left == 0]

    def unlock(self, node: int) -> list[int]:
        """Count a success; return the nodes that became ready by it."""
        return self._count_down(self.graph.children[node])

    def unlock_order_only(self, node: int) -> list[int]:
        """Count a forgiven failure; return the dependents by order alone that became ready by it."""
        value_parents = self.graph.value_parents
        return self._count_down([child for child in self.graph.children[node] if node not in value_parents[child]])

    def _count_down(self, children: "tuple[int, ...] | list[int]") -> list[int]:
        waits_for = self.waits_for
        ready: list[int] = []
        for child in children:
            left = waits_for[child] = waits_for[child] - 1
            if left == 0:
                ready.append(child)
        return [] if self.is_stopped else ready

    def begin(self, node: int) -> int:
        """Let a node's first attempt since the run was opened run; return its number."""
        attempt = 1 if self.attempts is None else self.attempts.get(node, 1)
        self.pending[node] = Pending(attempt)
        return attempt

    def begin_again(self, node: int, attempt: int, delay_s: float, now: float, start: act.Start) -> None:
        """Let another attempt run, after a while; write it into `start`."""
        self.pending[node] = Pending(attempt, now + delay_s)
        self.describe(node, attempt, delay_s, start)

    def describe(self, node: int, attempt: int, delay_s: float, start: act.Start) -> None:
        """Write what the Action Service needs to know of an attempt into `start`."""
        description = self.descriptions.get(node)
        if description is None:
            description = self.descriptions[node] = _description(self.graph, node)
        start.MergeFromString(description)
        start.run_id = self.run_id
        start.attempt = attempt
        start.remaining_s = self.paths[node]
        start.team = self.team
        start.pool = self.pool
        if delay_s:
            start.delay_s = delay_s
        if self.is_paused:
            start.held = True
        if self.priority:
            start.priority = self.priority
        if self.traceparent:
            start.traceparent = self.traceparent
        outputs, first_seq = self.outputs, self.first_seq
        for parent in self.graph.value_parents[node]:
            seq = first_seq if parent < 0 else outputs[parent]
            start.inputs.add(node=parent, seq=seq)


def _description(graph: PlanGraph, node: int) -> bytes:
    """Return what is the same in every start of a node, encoded."""
    start = act.Start(
        node=node,
        plan=graph.hash,
        bundle=graph.bundle,
        kind=cast(plan_pb2.NodeKind, graph.kinds[node]),
        resources=graph.resources[node],
        timeout_s=graph.timeout_s[node],
        operator=graph.operators[node],
    )
    return start.SerializeToString()


def restored(described: st.OpenRun, graph: PlanGraph, paths: "array[float]", now: float) -> OpenRun:
    """Return the run as a snapshot of the State Tracker describes it."""
    run = OpenRun(described.run_id, graph, paths, described.team, described.options, described.first_seq)
    run.is_stopped = described.cancelling or described.failing_fast
    run.is_paused = described.paused
    tried = {node.node: node.attempt for node in described.nodes if node.attempt > 1}
    run.attempts = tried or None
    status = bytearray(graph.size)
    for node in described.nodes:
        status[node.node] = node.status
        run.outputs[node.node] = node.output_seq
    for index, state in enumerate(status):
        if state == st.NODE_STATUS_SUCCEEDED:
            run.unlock(index)
        elif state == st.NODE_STATUS_FAILED and graph.on_failure[index] == CONTINUE:
            run.unlock_order_only(index)
        if state > st.NODE_STATUS_RUNNING:
            run.waits_for[index] = ENDED
    _restore_pending(run, described, status, now)
    return run


def _restore_pending(run: OpenRun, described: st.OpenRun, status: bytearray, now: float) -> None:
    waits = run.graph.waits
    for node in described.nodes:
        if node.node in waits:
            continue
        may_begin = node.status == st.NODE_STATUS_WAITING and not run.is_stopped and run.waits_for[node.node] == 0
        if node.status == st.NODE_STATUS_RUNNING or may_begin:
            pending = run.pending[node.node] = Pending(node.attempt or 1, now + node.delay_s)
            pending.grant, pending.worker = node.grant, node.worker
    if not run.is_stopped:
        for index, state in enumerate(status):
            if state == 0 and run.waits_for[index] == 0 and index not in waits:
                run.pending[index] = Pending(1)
