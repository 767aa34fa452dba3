"""The nodes of a run that grows, by the plainest means: a list of what each is an execution of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from penstock_plan.graph import BRANCH, GATHER, MAP, PlanGraph
from penstock_proto.state_tracker.v1 import events_pb2 as ev

from .violations import demand

if TYPE_CHECKING:
    from .invariants import Recorded, RunOfLog

# A node of the plan, and the number of the item in each map around it.
Execution = tuple[int, tuple[int, ...]]


class Nodes:
    """What each node of a run is an execution of, and what maps and branches have decided."""

    def __init__(self, plan: PlanGraph) -> None:
        self.plan = plan
        self.executions: list[Execution] = [(node, ()) for node in range(plan.size)]
        self._index: dict[Execution, int] = {each: each[0] for each in self.executions if not self.around(each[0])}
        self._items: dict[Execution, int] = {}
        self.sides: dict[int, int] = {}  # that branches took
        self._on_sides: dict[int, list[tuple[int, int]]] = {}  # of each node of the plan: branches, and their sides
        for branch, nodes in plan.sides.items():
            for node, side in nodes:
                self._on_sides.setdefault(node, []).append((branch, side))

    def around(self, template: int) -> tuple[int, ...]:
        """The maps that a node of the plan is within."""
        return self.plan.maps[template] if self.plan.has_control else ()

    def template(self, node: int) -> int:
        return self.executions[node][0]

    def is_template(self, node: int) -> bool:
        """Whether it is never executed itself."""
        return self._index.get(self.executions[node]) != node

    def grow(self, node: int, items: int) -> int:
        """Add the nodes of a map's items; return their number."""
        before = len(self.executions)
        template, path = self.executions[node]
        self._items[template, path] = items
        for inner in range(self.plan.size):
            if self.around(inner)[-1:] == (template,):
                for item in range(items):
                    self._index[inner, (*path, item)] = len(self.executions)
                    self.executions.append((inner, (*path, item)))
        return len(self.executions) - before

    def parents(self, node: int) -> list[int]:
        """All that it waits for."""
        template, path = self.executions[node]
        return [each for parent in self.plan.parents[template] for each in self._related(parent, template, path)]

    def used(self, node: int) -> Iterator[tuple[int, int]]:
        """The nodes whose outputs it uses, by the number that it knows them by."""
        template, path = self.executions[node]
        gathers = self.plan.kinds[template] == GATHER
        for parent in self.plan.value_parents[template]:
            for item, index in enumerate([-1] if parent < 0 else self._related(parent, template, path)):
                yield (item if gathers else parent), index

    def branches(self, node: int) -> list[tuple[int, int]]:
        """The branches that it is on a side of, with that side."""
        template, path = self.executions[node]
        return [
            (branch, side)
            for of_plan, side in self._on_sides.get(template, ())
            for branch in self._related(of_plan, template, path)
        ]

    def _related(self, other: int, template: int, path: tuple[int, ...]) -> list[int]:
        own, around = self.around(template), self.around(other)
        if around == own[: len(around)]:
            return [self._index[other, path[: len(around)]]]
        demand(around[:-1] == own, f"node {template} uses node {other}, which is not directly within its maps")
        items = self._items.get((around[-1], path), 0)
        return [self._index[other, (*path, item)] for item in range(items)]


def decided(run: RunOfLog, event: ev.ActionSucceeded, record: Recorded) -> None:
    """Check what a success adds to a run, and note it."""
    nodes, expected = run.grown, 0
    kind = run.graph.kinds[nodes.template(event.node)]
    if kind in (MAP, BRANCH):
        demand(not run.stopping, f"node {event.node} decides how a run goes on that is stopping")
        number = int(event.outputs.values[0].inline)
        if kind == BRANCH:
            nodes.sides[event.node] = number
        else:
            expected = nodes.grow(event.node, number)
            run.add_nodes(expected)
    demand(event.added == expected, f"node {event.node} added {event.added} nodes, expected {expected}")


def check_not_taken(run: RunOfLog, event: ev.NodesSkipped) -> None:
    """Check that what is not taken is on another side than the one that its branch took."""
    took = run.grown.sides.get(event.because_of)
    demand(took is not None, f"nodes are not taken because of node {event.because_of}, which has decided nothing")
    for node in event.nodes:
        others = [side for branch, side in run.grown.branches(node) if branch == event.because_of and side != took]
        demand(bool(others), f"node {node} is not taken, but side {took} of node {event.because_of} was")


def check_one_side(run: RunOfLog) -> None:
    """Check that nothing of a side that was not taken ran, and that all of it is recorded as such, or ended before."""
    for index, node in enumerate(run.nodes):
        if run.grown.is_template(index):
            continue
        wrong = [branch for branch, side in run.grown.branches(index) if run.grown.sides.get(branch, side) != side]
        demand(
            not wrong or node.status in ("not taken", "skipped"),
            f"node {index} is {node.status}, on a side that node {wrong[:1]} did not take",
        )
