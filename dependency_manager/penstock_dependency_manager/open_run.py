"""What the Dependency Manager keeps of one open run: what each node still waits for. Never a value."""

from array import array
from collections.abc import Sequence
from typing import Final, cast
from weakref import WeakKeyDictionary

from penstock_plan.graph import BRANCH, DECIDING_KINDS, MAP, TOLERATES_FAILED, TOLERATES_NOT_TAKEN, PlanGraph
from penstock_plan.growth import MAPPED, GrownGraph, Growth, Place, RunGraph, graph_of_run
from penstock_plan.limits import FAILURES
from penstock_proto.dependency_manager.v1 import actions_pb2 as act
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as st
from penstock_proto.successes import numbers, unpacked
from penstock_proto.value.v1 import value_pb2
from penstock_proto.wire import DEFAULT_POOL

from .item_limit import ItemLimit

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
        "forgiven",
        "graph",
        "is_paused",
        "is_stopped",
        "limits",
        "no_cache",
        "not_taken",
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
        self.graph: RunGraph = graph_of_run(graph)
        self.paths = paths  # expected seconds from each node to an end
        self.descriptions = _descriptions.setdefault(graph, {})
        self.team = options.team or team
        self.pool = options.pool or DEFAULT_POOL
        self.priority = options.priority
        self.traceparent = options.traceparent
        self.no_cache = options.no_cache
        self.first_seq = first_seq
        self.is_stopped = False
        self.is_paused = False  # nothing new of it is granted
        self.attempts: dict[int, int] | None = None  # of a run that was reopened: next attempts that are not the first
        self.waits_for = array("I", map(len, self.graph.parents))
        for node, around in enumerate(graph.maps):
            if around:
                self.waits_for[node] = ENDED  # a template is never executed
        for node in graph.finals:
            self.waits_for[node] += 1  # for the end of all others
        self.outputs = array("q", bytes(8 * graph.size))
        self.pending: dict[int, Pending] = {}
        self.limits: dict[Growth, ItemLimit] = {}  # of maps that have one
        # Kept only where maps may ask for them:
        self.forgiven: dict[int, int] = {}  # failed nodes under `continue`, and where that is recorded
        self.not_taken: set[int] = set()  # nodes on sides that a branch did not take

    def take_over(self, known: ev.Successes) -> None:
        """Count what had been decided and had ended before the run began, or began again."""
        for growth in known.growths:
            self.grow(growth.node, growth.items)
        for node, seq in unpacked(known):
            self.outputs[node] = seq
            self.note_ended(node, st.NODE_STATUS_SUCCEEDED)
        for steps, status in (
            (known.not_taken_steps, st.NODE_STATUS_NOT_TAKEN),
            (known.failed_steps, st.NODE_STATUS_FAILED),
            (known.skipped_steps, st.NODE_STATUS_SKIPPED),
        ):
            for node in numbers(steps):
                self.note_ended(node, status)

    def note_ended(self, node: int, status: int) -> None:
        """Count a node that had ended when its run is first heard of."""
        if status == st.NODE_STATUS_SUCCEEDED:
            self.unlock(node)
        elif status == st.NODE_STATUS_NOT_TAKEN:
            self.unlock_without(node, TOLERATES_NOT_TAKEN)
        else:
            is_forgiven = self.graph.on_failure[node] == CONTINUE
            if status == st.NODE_STATUS_FAILED and is_forgiven:
                self.unlock_order_only(node, self.forgiven.get(node, 0))
            if self.graph.has_control and (status != st.NODE_STATUS_FAILED or is_forgiven):
                self.unlock_without(node, TOLERATES_FAILED)
        self.waits_for[node] = ENDED
        if self.limits:
            self.admit(node)

    def ready(self) -> list[int]:
        """Return the nodes that wait for nothing; of a run that begins with some that have succeeded."""
        return [node for node, left in enumerate(self.waits_for) if left == 0]

    def unlock(self, node: int) -> list[int]:
        """Count a success; return the nodes that became ready by it."""
        return self._count_down(self.graph.children[node])

    def unlock_taken(self, node: int, outputs: value_pb2.Values) -> list[int]:
        """Count a success; of a branch, return only those that became ready on the side that it took."""
        ready, graph = self.unlock(node), self.graph
        if not ready or not isinstance(graph, GrownGraph) or graph.kinds[node] != BRANCH:
            return ready
        others = graph.not_taken(node, int(outputs.values[0].inline))
        return [child for child in ready if child not in others]

    def grow(self, node: int, items: int) -> None:
        """Add the nodes of a map's items, before its own success is counted."""
        graph = self.graph
        assert isinstance(graph, GrownGraph), "only such a graph has maps"
        added = graph.grow(node, items)
        self.outputs.frombytes(bytes(8 * len(added)))
        if (most := graph.plan.concurrency.get(graph.template_of(node), 0)) and added:
            self.limits[graph.growths[-1]] = ItemLimit(items, len(added) // items, most)
        for first in added[::items]:  # the same for each item
            left = sum(not self._lets_go_on(first, parent) for parent in graph.parents[first])
            self.waits_for.extend(array("I", (left,)) * items)
            for gather in {child for child in graph.children[first] if child < added.start}:
                self.waits_for[gather] += items

    def is_admitted(self, node: int) -> bool:
        """Whether the limit of its map's items that are open lets a node begin."""
        place = self._place(node)
        limit = self.limits.get(place.growth) if place.growth is not None else None
        return limit is None or place.item < limit.admitted

    def admit(self, node: int) -> list[int]:
        """Count the end of a node; return the nodes of other items that may begin for that."""
        place = self._place(node)
        growth = place.growth
        if growth is None or (limit := self.limits.get(growth)) is None:
            return []
        items = limit.end(place.item)
        nodes = range(growth.first, growth.first + growth.items * limit.nodes, growth.items)
        ready = [first + item for item in items for first in nodes if self.waits_for[first + item] == 0]
        return [] if self.is_stopped else [each for each in ready if not self.outputs[each]]

    def _place(self, node: int) -> Place:
        return self.graph.place(node) if isinstance(self.graph, GrownGraph) else Place(node)

    def _lets_go_on(self, node: int, parent: int) -> bool:
        """Whether a node need not wait for another one, which ended earlier."""
        graph = self.graph
        if parent in self.forgiven:
            return parent not in graph.value_parents[node] and graph.kinds[parent] not in DECIDING_KINDS
        if parent in self.not_taken:
            return graph.tolerates[node] == TOLERATES_NOT_TAKEN
        return self.outputs[parent] > 0

    def begin_end(self) -> list[int]:
        """Let the nodes of the run's end start; return those that are ready."""
        self.is_stopped = False
        return self._count_down([node for node in self.graph.finals if self.waits_for[node] < ENDED])

    def unlock_without(self, node: int, tolerance: int) -> list[int]:
        """Count a node that will never succeed; return those that became ready because they go on without it."""
        graph = self.graph
        if tolerance == TOLERATES_NOT_TAKEN:
            self.not_taken.add(node)
        elif graph.kinds[node] == MAP:
            return []
        return self._count_down([child for child in graph.children[node] if graph.tolerates[child] == tolerance])

    def unlock_order_only(self, node: int, seq: int) -> list[int]:
        """Count a forgiven failure, recorded at `seq`; return the dependents by order alone that became ready by it."""
        graph = self.graph
        children = [child for child in graph.children[node] if node not in graph.value_parents[child]]
        if graph.has_control:
            self.forgiven[node] = seq
            if graph.kinds[node] in DECIDING_KINDS:
                return []
            children = [child for child in children if graph.tolerates[child] != TOLERATES_FAILED]
        return self._count_down(children)

    def _count_down(self, children: Sequence[int]) -> list[int]:
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
        graph = self.graph
        template = node if node < len(self.paths) else graph.template_of(node)
        description = self.descriptions.get(template)
        if description is None:
            description = self.descriptions[template] = _description(graph, template)
        start.MergeFromString(description)
        start.run_id = self.run_id
        start.attempt = attempt
        start.remaining_s = self.paths[template]
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
        if self.no_cache:
            start.no_cache = True
        if isinstance(graph, GrownGraph):
            self._describe_inputs(graph, node, template, start)
            return
        outputs, first_seq = self.outputs, self.first_seq
        for parent in graph.value_parents[node]:
            seq = first_seq if parent < 0 else outputs[parent]
            start.inputs.add(node=parent, seq=seq)

    def _describe_inputs(self, graph: GrownGraph, node: int, template: int, start: act.Start) -> None:
        """Name the values by the plan's nodes, whichever executions of them they are; those of a gather by item."""
        if node != template:
            start.node, start.template = node, template
            start.path.extend(graph.path(node))
        if graph.operators[template] == FAILURES:
            self._describe_failures(graph, node, start)
            return
        for known, execution in graph.inputs(node):
            seq = self.first_seq if execution < 0 else self.outputs[execution]
            if seq > 0:
                start.inputs.add(node=known, seq=seq)

    def _describe_failures(self, graph: GrownGraph, node: int, start: act.Start) -> None:
        """Name the failures of a map's items by their numbers, and what the map put out."""
        _, of_map = next(graph.inputs(node))
        start.inputs.add(node=MAPPED, seq=self.outputs[of_map])
        for number, executions in graph.items_before(node):
            found = [seq for execution in executions if (seq := self._failure_of(execution))]
            if found:
                start.inputs.add(node=number, seq=min(found))

    def _failure_of(self, node: int) -> int:
        """Where the forgiven failure is recorded for which a node has no result; 0: it has one, or needs none."""
        reached, edge = {node}, [node]
        while edge:
            node = edge.pop()
            if node < 0 or self.outputs[node] > 0 or node in self.not_taken:
                continue
            if node in self.forgiven:
                return self.forgiven[node]
            edge += [parent for parent in self.graph.parents[node] if parent not in reached]
            reached.update(edge)
        return 0


def _description(graph: RunGraph, node: int) -> bytes:
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
    for growth in described.growth:
        run.grow(growth.node, growth.items)
    status = bytearray(run.graph.size)
    for node in described.nodes:
        status[node.node] = node.status
        if node.status == st.NODE_STATUS_FAILED:
            run.forgiven[node.node] = node.output_seq
        else:
            run.outputs[node.node] = node.output_seq
    for index, state in enumerate(status):
        if state > st.NODE_STATUS_RUNNING:
            run.note_ended(index, state)
    if described.ending:
        run.begin_end()
        run.is_stopped = described.end_cancelled
    _restore_pending(run, described, status, now)
    return run


def _restore_pending(run: OpenRun, described: st.OpenRun, status: bytearray, now: float) -> None:
    waits = run.graph.waits
    for node in described.nodes:
        if node.node in waits:
            continue
        may_begin = node.status == st.NODE_STATUS_WAITING and not run.is_stopped and run.waits_for[node.node] == 0
        may_begin = may_begin and (not run.limits or run.is_admitted(node.node))
        if node.status == st.NODE_STATUS_RUNNING or may_begin:
            pending = run.pending[node.node] = Pending(node.attempt or 1, now + node.delay_s)
            pending.grant, pending.worker = node.grant, node.worker
    if not run.is_stopped:
        for index, state in enumerate(status):
            if state == 0 and run.waits_for[index] == 0 and index not in waits and run.is_admitted(index):
                run.pending[index] = Pending(1)
