"""What maps and branches decide: how a run goes on once the first output of such a node is recorded."""

from collections.abc import Sequence

from penstock_plan.graph import BRANCH, MAP
from penstock_plan.growth import ADDED_NODES_MAX, GrownGraph
from penstock_proto.value.v1 import value_pb2

from .run import CONTINUE, ENDED_BADLY, Run
from .transitions import WAITING


def number_of(graph: GrownGraph, node: int, outputs: value_pb2.Values) -> tuple[int, str | None]:
    """Return the number that a map or a branch decided by, 0 for other nodes; and what is wrong with it, or None."""
    kind = graph.kinds[node]
    if kind not in (MAP, BRANCH):
        return 0, None
    value = outputs.values[0] if outputs.values else value_pb2.Value()
    text = value.inline
    if value.codec != "json" or not text.isdigit() or len(text) > len(str(ADDED_NODES_MAX)):
        return 0, f"the first output of a {'map' if kind == MAP else 'branch'} must be a number"
    number = int(text)
    if kind == MAP:
        added = graph.size - graph.plan.size + graph.added_by(node, number)
        if added > ADDED_NODES_MAX:
            return 0, (
                f"with these {number:,} items maps would add {added:,} nodes to the run; the limit is "
                f"{ADDED_NODES_MAX:,}: let one item be several of them"
            )
    return number, None


def is_too_late(run: Run, node: int) -> bool:
    """Whether a map or a branch decides of a run that is stopping. If the run goes on later, it decides again."""
    return run.is_stopping and run.graph.kinds[node] in (MAP, BRANCH)


def not_taken(run: Run, branch: int, side: int) -> list[int]:
    """Return the nodes on the other sides of a branch, ascending."""
    graph = run.graph
    assert isinstance(graph, GrownGraph), "a plan with branches has such a graph"
    return sorted(node for node in graph.not_taken(branch, side) if run.status[node] == WAITING)


def without_hope(run: Run, added: range, items: int) -> tuple[list[int], int]:
    """Return those of a map's new nodes that wait for what has failed already, ascending; and one that has failed."""
    dead: set[int] = set()
    because_of = -1
    for first in added[::items]:
        for parent in run.graph.parents[first]:
            if parent in dead or (run.status[parent] in ENDED_BADLY and not run.lets_go_on(first, parent)):
                dead.update(range(first, first + items))
                because_of = parent if because_of < 0 else because_of
                break
    is_forgiven = because_of >= 0 and run.graph.on_failure[because_of] == CONTINUE
    reached = set(dead)
    edge: Sequence[int] = list(dead)
    while edge:
        edge = [
            child
            for node in edge
            for child in run.graph.children[node]
            if child not in reached
            and run.status[child] == WAITING
            and child not in run.graph.finals
            and not (is_forgiven and run.survives(child, node))
        ]
        reached.update(edge)
    return sorted(reached), because_of
