"""The order in which a workflow's nodes are executed in a test: one after the other, as the values decide."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from penstock_plan.graph import BRANCH, MAP, TOLERATES_FAILED, PlanGraph
from penstock_plan.growth import MAPPED, GrownGraph, RunGraph, graph_of_run
from penstock_plan.limits import FAILURES
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.value.v1.value_pb2 import Value
from penstock_proto.wire import INPUTS_NODE

from ..call.given import Given

CONTINUE = plan_pb2.FAILURE_POLICY_CONTINUE


class Execution:
    """What is known of one run: `values` by node, and which nodes come next."""

    def __init__(self, plan: plan_pb2.Plan, plan_hash: bytes, inputs: Sequence[Value]) -> None:
        self.graph: RunGraph = graph_of_run(PlanGraph.of(plan, plan_hash))
        self.values = Given({INPUTS_NODE: inputs})
        self._ended: set[int] = set()
        self._failed: dict[int, Value] = {}  # and what was skipped for that
        self._ready = list(self.graph.roots)
        self._queued = {*self._ready, *self.graph.finals}
        self._is_ending = False

    def next(self) -> int | None:
        """The next node; None if there is none."""
        if not self._ready and not self._is_ending:
            self.begin_end(has_failed=False)
        return heapq.heappop(self._ready) if self._ready else None

    def begin_end(self, *, has_failed: bool) -> None:
        """Go on with what the run executes at its end, if it has not begun with that."""
        if self._is_ending:
            return
        self._is_ending = True
        self._ready.clear()
        for node, kind in self.graph.finals.items():
            if kind == plan_pb2.AT_END_ALWAYS or has_failed:
                self._queued.discard(node)
                self._add_ready(node)

    def given(self, node: int) -> Given:
        """The values that a node's arguments use."""
        graph = self.graph
        if not isinstance(graph, GrownGraph):
            return self.values
        if graph.operators[node] == FAILURES:
            _, of_map = next(graph.inputs(node))
            given = Given({MAPPED: self.values[of_map]})
            for number, nodes in graph.items_before(node):
                if failed := [self._failed[each] for each in nodes if each in self._failed]:
                    given[number] = [failed[0]]
            return given
        given = Given((known, self.values[each]) for known, each in graph.inputs(node) if each in self.values)
        given.path = graph.path(node)
        return given

    def end(self, node: int, outputs: Sequence[Value]) -> None:
        """Take the outputs of a node."""
        self.values[node] = outputs
        self._end(node, outputs)

    def is_forgiven(self, node: int) -> bool:
        """Whether the run goes on without this item, if the node fails."""
        return isinstance(self.graph, GrownGraph) and self.graph.on_failure[node] == CONTINUE

    def fail(self, node: int, failure: Value) -> None:
        """Go on without an item that failed; what hangs on the node is skipped for the same."""
        self._failed[node] = failure
        self._end(node, ())

    def _end(self, node: int, outputs: Sequence[Value]) -> None:
        graph = self.graph
        self._ended.add(node)
        after = [node]
        if isinstance(graph, GrownGraph) and outputs:
            if graph.kinds[node] == MAP:
                graph.grow(node, int(outputs[0].inline))
            elif graph.kinds[node] == BRANCH:
                not_taken = graph.not_taken(node, int(outputs[0].inline))
                self._ended.update(not_taken)
                self._queued.update(not_taken)
                after += not_taken
        for child in {child for each in after for child in graph.children[each]}:
            self._add_ready(child)

    def _add_ready(self, node: int) -> None:
        if node not in self._queued and all(parent in self._ended for parent in self.graph.parents[node]):
            self._queued.add(node)
            self._begin(node)

    def _begin(self, node: int) -> None:
        graph = self.graph
        failed = next((self._failed[parent] for parent in graph.parents[node] if parent in self._failed), None)
        if failed is None or (graph.has_control and graph.tolerates[node] == TOLERATES_FAILED):
            heapq.heappush(self._ready, node)
        else:
            self.fail(node, failed)
