"""What is drawn: boxes of nodes, and what goes from one to another."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from penstock_proto.plan.v1 import plan_pb2

from ..graph import PlanGraph
from ..refs import parts_of
from ..spelling import spell
from .grouping import Box, grouped


@dataclass(slots=True)
class Link:
    """What goes from one box to another: names and types of outputs; none where only the order counts."""

    labels: list[str] = field(default_factory=list[str])
    critical: bool = False


Links = dict[tuple[int, int], Link]


def boxes_of(plan: plan_pb2.Plan, graph: PlanGraph) -> tuple[list[Box], Links]:
    """Return the boxes, each after those that it depends on, and the links between them by their indexes."""
    boxes = grouped(graph)
    box_of = {node: index for index, box in enumerate(boxes) for node in box.nodes}
    return boxes, _links(plan, graph, boxes, box_of)


def _links(plan: plan_pb2.Plan, graph: PlanGraph, boxes: Sequence[Box], box_of: dict[int, int]) -> Links:
    links: Links = {}
    for node, parents in enumerate(graph.parents):
        for parent in parents:
            if box_of[parent] != box_of[node]:
                links.setdefault((box_of[parent], box_of[node]), Link())
        for parent, output in _outputs_used(plan.nodes[node]):
            if box_of[parent] != box_of[node]:
                _add(links[box_of[parent], box_of[node]].labels, _label(plan, parent, output))
    path = graph.critical_path()
    for node in path:
        boxes[box_of[node]].critical = True
    for one, other in itertools.pairwise(path):
        if (link := links.get((box_of[one], box_of[other]))) is not None:
            link.critical = True
    return links


def _add(labels: list[str], label: str) -> None:
    if label not in labels:
        labels.append(label)


def _label(plan: plan_pb2.Plan, node: int, output: int) -> str:
    """The output's type, with its name where the operator has several."""
    outputs = plan.operators[plan.nodes[node].operator].outputs
    kind = spell(plan.types, outputs[output].type)
    return f"{outputs[output].name}: {kind}" if len(outputs) > 1 else kind


def _outputs_used(node: plan_pb2.Node) -> list[tuple[int, int]]:
    """The outputs of other nodes that the arguments are made of, in their order."""
    found: dict[tuple[int, int], None] = {}
    waiting = [argument.value for argument in reversed(node.arguments)]
    while waiting:
        expr = waiting.pop()
        if expr.WhichOneof("kind") == "output":
            found[expr.output.node, expr.output.output] = None
        elif expr.WhichOneof("kind") == "item":
            found[expr.item.node, 1 + expr.item.list] = None
        waiting.extend(reversed(parts_of(expr)))
    return list(found)
