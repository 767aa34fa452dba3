"""What the nodes of maps and branches must fulfil, and who may use whose outputs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from penstock_proto.plan.v1 import plan_pb2

from ..graph import CONTROL_KINDS
from ..limits import CONTROL_MODULE, FAILURES, MAP_DEPTH_MAX
from ..refs import parts_of
from ..spelling import quote
from .problems import Problems


class Scopes:
    """The maps and sides that each node is within."""

    __slots__ = ("_nodes", "_problems", "maps")

    def __init__(
        self, problems: Problems, nodes: Sequence[plan_pb2.Node], operators: Sequence[plan_pb2.Operator]
    ) -> None:
        """Check each node by itself."""
        self._problems, self._nodes = problems, nodes
        self.maps: list[tuple[int, ...]] = []
        for index, node in enumerate(nodes):
            around = node.map - 1
            if around < 0:
                self.maps.append(())
            elif around >= index or nodes[around].kind != plan_pb2.NODE_KIND_MAP:
                self.maps.append(())
                problems.add(f"{_what(node)} is within node {around}, which is not a map before it")
            else:
                self.maps.append((*self.maps[around], around))
                if len(self.maps[-1]) > MAP_DEPTH_MAX:
                    problems.add(f"{_what(node)} is within more than {MAP_DEPTH_MAX} maps")
            for side in node.sides:
                if not 0 <= side.branch < index or nodes[side.branch].kind != plan_pb2.NODE_KIND_BRANCH:
                    problems.add(f"{_what(node)} is on a side of node {side.branch}, which is not a branch before it")
            if node.concurrency < 0 or (node.concurrency and node.kind != plan_pb2.NODE_KIND_MAP):
                problems.add(f"{_what(node)} has a concurrency of {node.concurrency}, which is for maps, from 1")
            if node.kind in CONTROL_KINDS:
                self._check_control(node, operators)
            elif node.kind == plan_pb2.NODE_KIND_WAIT and node.map:
                if node.wait.HasField("child"):
                    problems.add(f"{_what(node)} starts a run within a map, which this version does not support")
                elif any(nodes[around].concurrency for around in self.maps[-1]):
                    problems.add(f"{_what(node)} waits within a map whose concurrency is limited")

    def check_uses(self, index: int, used: Iterable[int]) -> None:
        """Check that a node uses only what there is for each of its executions."""
        node, own = self._nodes[index], self.maps[index]
        for other in used:
            if not 0 <= other < index:
                continue  # said elsewhere
            maps = self.maps[other]
            if maps == own[: len(maps)]:
                continue
            gathers = node.kind == plan_pb2.NODE_KIND_GATHER and maps[:-1] == own
            if not gathers:
                name = quote(self._nodes[other].name)
                self._problems.add(f"{_what(node)} uses {name}, which is executed for each item of a map: gather it")

    def check_values(
        self, what: str, expr: plan_pb2.Expr, sides: frozenset[tuple[int, int]], maps: tuple[int, ...]
    ) -> None:
        """Check that each value is there on the sides on which it is used."""
        match expr.WhichOneof("kind"):
            case "output":
                if 0 <= expr.output.node < len(self._nodes):
                    other = self._nodes[expr.output.node]
                    if not sides.issuperset((side.branch, side.side) for side in other.sides):
                        self._problems.add(f"{what} uses {quote(other.name)}, which a branch may not take")
            case "item":
                if expr.item.node not in maps:
                    self._problems.add(f"{what} uses an item of a map that it is not within")
            case "choice":
                for side, part in enumerate(expr.choice.sides):
                    self.check_values(what, part, sides | {(expr.choice.branch, side)}, maps)
            case _:
                for part in parts_of(expr):
                    self.check_values(what, part, sides, maps)

    def sides(self, index: int) -> frozenset[tuple[int, int]]:
        """The sides that a node is on."""
        return frozenset((side.branch, side.side) for side in self._nodes[index].sides)

    def _check_control(self, node: plan_pb2.Node, operators: Sequence[plan_pb2.Operator]) -> None:
        what = _what(node)
        if not 0 <= node.operator < len(operators):
            return  # said elsewhere
        operator = operators[node.operator]
        expected = plan_pb2.NodeKind.Name(node.kind).removeprefix("NODE_KIND_").lower()
        called = f"{operator.module}:{operator.qualname}"
        if called == FAILURES and node.kind == plan_pb2.NODE_KIND_GATHER:
            arguments = {each.name: each.value.WhichOneof("kind") for each in node.arguments}
            if arguments != {"items": "output", "success_min": "literal"} or len(operator.outputs) != 1:
                self._problems.add(f"{what} must have the map that it is about, and the least share of successes")
            return
        if called != f"{CONTROL_MODULE}:{expected}":
            self._problems.add(f"{what} must call {CONTROL_MODULE}:{expected}")
            return
        outputs = len(operator.outputs)
        match node.kind:
            case plan_pb2.NODE_KIND_MAP if not node.arguments or outputs != 1 + len(node.arguments):
                self._problems.add(f"{what} must have an output for the number of items and one for each list")
            case plan_pb2.NODE_KIND_GATHER if (
                len(node.arguments) != 1 or node.arguments[0].value.WhichOneof("kind") != "output" or outputs != 1
            ):
                self._problems.add(f"{what} must collect one output of one node")
            case plan_pb2.NODE_KIND_BRANCH if {"condition", "cases"} - {each.name for each in node.arguments}:
                self._problems.add(f"{what} must have a condition and cases")
            case _:
                pass


def _what(node: plan_pb2.Node) -> str:
    return f"node {quote(node.name)}"
