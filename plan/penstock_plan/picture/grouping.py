"""Which nodes are drawn as one: those that are alike; where too many differ, those of one operator and level.

A group can be opened: into its nodes, or, if they are many, into parts that can be opened in turn.
"""

from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Final

from ..graph import PlanGraph

# A plan of more nodes is drawn with those as one box that are alike.
NODES_APART_MAX: Final = 60
# More boxes are not read: the grouping is coarser then.
READABLE_MAX: Final = 200
# Boxes that a plan of many levels and operators has at last, one behind the other.
BANDS: Final = 40
# A group of more nodes opens into so many parts.
PARTS: Final = 100
OPENED_MAX: Final = 2 * PARTS


@dataclass(slots=True)
class Box:
    """Nodes drawn as one: `steps` of them one after the other, the rest at the same time.

    Attributes:
        key: Names it among the boxes of its plan: the same at each call.
        levels: Of the first and the last of its nodes.
    """

    nodes: list[int]
    levels: tuple[int, int]
    steps: int = 1
    critical: bool = False
    key: str = ""


def grouped(graph: PlanGraph, opened: Collection[str] = (), *, apart: bool = False) -> list[Box]:
    """Return the boxes of a plan, each after those that it depends on.

    Args:
        opened: Keys of groups whose parts are boxes of their own.
        apart: A box for each node.
    """
    level_of = [0] * graph.size
    for level, nodes in enumerate(graph.levels()):
        for node in nodes:
            level_of[node] = level
    if apart or graph.size <= NODES_APART_MAX:
        return [Box([node], (level_of[node], level_of[node]), key=graph.names[node]) for node in range(graph.size)]
    boxes = _groups(graph, level_of)
    for number, box in enumerate(boxes):
        box.key = f"{number}." if len(box.nodes) > 1 else graph.names[box.nodes[0]]
    if not opened:
        return boxes
    parts = [part for box in boxes for part in _opened(graph, box, level_of, opened)]
    return in_order(graph, parts)


def _groups(graph: PlanGraph, level_of: Sequence[int]) -> list[Box]:
    alike = _alike(graph, level_of)
    if alike is not None:
        boxes = _sequences_joined(graph, _boxes(alike, level_of), alike)
        if len(boxes) <= READABLE_MAX:
            return boxes
    options = [(graph.operators[node], graph.kinds[node], id(graph.resources[node])) for node in range(graph.size)]
    boxes = _boxes(_numbered(zip(level_of, options, strict=True)), level_of)
    if len(boxes) > READABLE_MAX:
        wide = -(-(max(level_of) + 1) // BANDS)
        boxes = _boxes(_numbered(level // wide for level in level_of), level_of)
    return sorted(boxes, key=lambda box: (box.levels[0], box.nodes[0]))


def _boxes(group_of: Sequence[int], level_of: Sequence[int]) -> list[Box]:
    boxes: list[Box] = []
    for node, group in enumerate(group_of):
        level = level_of[node]
        if group == len(boxes):
            boxes.append(Box([], (level, level)))
        box = boxes[group]
        box.nodes.append(node)
        box.levels = (min(box.levels[0], level), max(box.levels[1], level))
    return boxes


def _alike(graph: PlanGraph, level_of: Sequence[int]) -> list[int] | None:
    """A group for each node: the same operator and options on the same level, between nodes of the same groups.

    None: ever more nodes turn out to differ.
    """
    returned = set(graph.output_nodes)
    groups = _numbered(
        (level_of[node], graph.operators[node], graph.kinds[node], id(graph.resources[node]), node in returned)
        for node in range(graph.size)
    )
    levels = max(level_of) + 1
    while True:
        finer = _numbered(
            (group, frozenset(map(groups.__getitem__, parents)), frozenset(map(groups.__getitem__, children)))
            for group, parents, children in zip(groups, graph.parents, graph.children, strict=True)
        )
        if max(finer) == max(groups):
            return finer
        # A loop of many levels is one box in the end, however many groups it has before its steps are joined.
        if max(finer) >= READABLE_MAX + levels * READABLE_MAX // 10:
            return None
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


def _opened(graph: PlanGraph, box: Box, level_of: Sequence[int], opened: Collection[str]) -> Iterable[Box]:
    """Yield the box, or its parts if it is open: runs of its nodes in their order, so that no circle arises."""
    if box.key not in opened or len(box.nodes) == 1:
        yield box
        return
    nodes = sorted(box.nodes)
    size = 1 if len(nodes) <= OPENED_MAX else -(-len(nodes) // PARTS)
    for start in range(0, len(nodes), size):
        part = nodes[start : start + size]
        levels = [level_of[node] for node in part]
        key = f"{box.key}{start // size}." if len(part) > 1 else graph.names[part[0]]
        yield from _opened(graph, Box(part, (min(levels), max(levels)), key=key), level_of, opened)


def in_order(graph: PlanGraph, boxes: Sequence[Box]) -> list[Box]:
    """Sort boxes so that each comes after those that it depends on."""
    before: dict[int, set[int]] = {index: set() for index in range(len(boxes))}
    for one, other in edges_of(graph, boxes):
        before[other].add(one)
    return [boxes[index] for index in TopologicalSorter(before).static_order()]


def edges_of(graph: PlanGraph, boxes: Sequence[Box]) -> Iterable[tuple[int, int]]:
    """Return which boxes use which, by their indexes, in the order of the nodes."""
    box_of = [0] * graph.size
    for index, box in enumerate(boxes):
        for node in box.nodes:
            box_of[node] = index
    pairs = ((box_of[parent], box_of[node]) for node, parents in enumerate(graph.parents) for parent in parents)
    return dict.fromkeys(pair for pair in pairs if pair[0] != pair[1])
