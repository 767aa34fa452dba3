"""What is drawn: a box for each node, or, where they are too many to read, one for all nodes that are alike."""

import itertools
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from penstock_proto.plan.v1 import plan_pb2

from ..graph import PlanGraph
from ..spelling import spell

# A plan of more nodes is drawn with those as one box that are alike.
NODES_APART_MAX = 60


@dataclass(slots=True)
class Box:
    """Nodes drawn as one: `steps` of them one after the other, the rest at the same time."""

    nodes: list[int]
    levels: tuple[int, int]  # of the first and the last of its nodes
    steps: int = 1
    critical: bool = False


@dataclass(slots=True)
class Link:
    """What goes from one box to another: names and types of outputs; none where only the order counts."""

    labels: list[str] = field(default_factory=list[str])
    critical: bool = False


Links = dict[tuple[int, int], Link]


def boxes_of(plan: plan_pb2.Plan, graph: PlanGraph) -> tuple[list[Box], Links]:
    """Return the boxes, each after those that it depends on, and the links between them by their indexes."""
    level_of = [0] * graph.size
    for level, nodes in enumerate(graph.levels()):
        for node in nodes:
            level_of[node] = level
    group_of = list(range(graph.size)) if graph.size <= NODES_APART_MAX else _alike(graph, level_of)
    boxes: list[Box] = []
    for node, group in enumerate(group_of):
        if group == len(boxes):
            boxes.append(Box([], (level_of[node], level_of[node])))
        boxes[group].nodes.append(node)
    if graph.size > NODES_APART_MAX:
        boxes = _sequences_joined(graph, boxes, group_of)
    box_of = {node: index for index, box in enumerate(boxes) for node in box.nodes}
    return boxes, _links(plan, graph, boxes, box_of)


def _alike(graph: PlanGraph, level_of: Sequence[int]) -> list[int]:
    """A group for each node: the same operator and options on the same level, between nodes of the same groups."""
    returned = set(graph.output_nodes)
    groups = _numbered(
        (level_of[node], graph.operators[node], graph.kinds[node], id(graph.resources[node]), node in returned)
        for node in range(graph.size)
    )
    while True:
        finer = _numbered(
            (group, frozenset(map(groups.__getitem__, parents)), frozenset(map(groups.__getitem__, children)))
            for group, parents, children in zip(groups, graph.parents, graph.children, strict=True)
        )
        if max(finer) == max(groups):
            return finer
        groups = finer


def _numbered(keys: Iterable[Hashable]) -> list[int]:
    """Equal keys get the same number, in the order in which they first come."""
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(key, len(numbers)) for key in keys]


def _sequences_joined(graph: PlanGraph, boxes: Sequence[Box], group_of: Sequence[int]) -> list[Box]:
    """Join boxes of one operator that follow each other, if what else uses one or is used by it is the same for all."""
    parents = [{group_of[parent] for node in box.nodes for parent in graph.parents[node]} for box in boxes]
    children = [{group_of[child] for node in box.nodes for child in graph.children[node]} for box in boxes]
    first = list(range(len(boxes)))
    joined: dict[int, Box] = {}
    for index, box in enumerate(boxes):
        # What else uses the one before must use this one, too: so it comes after both, and no circle arises.
        uses = children[index] | {index}
        before = next((each for each in sorted(parents[index], reverse=True) if children[each] <= uses), None)
        if before is not None and _continues(graph, boxes[before], box):
            head = first[before]
            if parents[index] - {before} <= parents[head]:
                first[index] = head
                joined[head].nodes += box.nodes
                joined[head].steps += 1
                joined[head].levels = (joined[head].levels[0], box.levels[1])
                continue
        joined[index] = box
    return list(joined.values())


def _continues(graph: PlanGraph, before: Box, box: Box) -> bool:
    one, other = before.nodes[0], box.nodes[0]
    return (
        len(before.nodes) == len(box.nodes)
        and bool(graph.operators[one])
        and graph.operators[one] == graph.operators[other]
        and graph.resources[one] is graph.resources[other]
    )


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
        parts = (*expr.sequence.items, *expr.mapping.keys, *expr.mapping.values, *expr.record.values)
        waiting.extend(reversed(parts))
    return list(found)
