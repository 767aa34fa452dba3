"""The loops of a plan, which has a copy of the body for each round: shown as one box until somebody opens it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from penstock_proto.plan.v1 import plan_pb2

from ..graph import PlanGraph
from .grouping import Box, in_order

# What the SDK calls the branch after a round; its second side is another round.
REPEAT: Final = "repeat"
ANOTHER_ROUND: Final = 1


@dataclass(frozen=True, slots=True)
class Loop:
    """Rounds of a body.

    Attributes:
        branches: The nodes that decide after each round but the last whether there is another one.
        nodes: Those branches, and all nodes of the rounds after the first.
    """

    key: str
    branches: Sequence[int]
    nodes: frozenset[int]


def loops_of(plan: plan_pb2.Plan, graph: PlanGraph) -> list[Loop]:
    """Return the loops that are in no other loop, in their order."""
    found: list[Loop] = []
    seen: set[int] = set()
    for branch in graph.sides:
        if branch in seen or not _is_repeat(plan, branch):
            continue
        within = frozenset({branch, *(node for node, side in graph.sides[branch] if side == ANOTHER_ROUND)})
        seen |= within
        found.append(Loop(f"loop {graph.names[branch]}", _chain(plan, graph, branch), within))
    return found


def folded(graph: PlanGraph, boxes: list[Box], loops: Sequence[Loop], opened: Collection[str]) -> list[Box]:
    """Return the boxes with one for each loop that is not open, where no other nodes are in boxes with its own."""
    changed = list(boxes)
    for loop in loops:
        inside = [box for box in changed if loop.nodes.issuperset(box.nodes)]
        if loop.key in opened or sum(len(box.nodes) for box in inside) < len(loop.nodes) or len(loop.branches) < 2:
            continue
        levels = [level for box in inside for level in box.levels]
        whole = Box(sorted(loop.nodes), (min(levels), max(levels)), key=loop.key)
        changed = [box for box in changed if box not in inside] + [whole]
    return in_order(graph, changed) if len(changed) < len(boxes) else boxes


def _is_repeat(plan: plan_pb2.Plan, branch: int) -> bool:
    last = plan.nodes[branch].name.rpartition("/")[2]
    return last == REPEAT or (last.startswith(f"{REPEAT}-") and last[len(REPEAT) + 1 :].isdigit())


def _chain(plan: plan_pb2.Plan, graph: PlanGraph, branch: int) -> list[int]:
    """Follow a loop from round to round: the next branch is called at the same place, and is on no side within."""
    chain: list[int] = []
    following: int | None = branch
    while following is not None:
        chain.append(following)
        here = plan.nodes[following]
        following = next(
            (
                node
                for node, side in reversed(graph.sides[chain[-1]])
                if side == ANOTHER_ROUND
                and node in graph.sides
                and _is_repeat(plan, node)
                and (plan.nodes[node].file, plan.nodes[node].line) == (here.file, here.line)
                and plan.nodes[node].sides[-1].branch == chain[-1]
            ),
            None,
        )
    return chain
