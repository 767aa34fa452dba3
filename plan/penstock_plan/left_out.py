"""Items that lists were made without: they stay so when a run goes on, or another one takes its results over."""

from collections.abc import Callable, Iterable

from .graph import TOLERATES_FAILED
from .growth import RunGraph


def left_out(
    graph: RunGraph, nodes: Iterable[int], is_succeeded: Callable[[int], bool], is_forgiven: Callable[[int], bool]
) -> set[int]:
    """Return the nodes without success that nothing waits for any more, since a list was made without them.

    Args:
        nodes: All nodes of the run.
        is_forgiven: Whether a node was skipped, or failed where that is forgiven.
    """
    found: set[int] = set()
    if not graph.has_control:
        return found

    def is_over(node: int) -> bool:
        return node in found or (graph.tolerates[node] == TOLERATES_FAILED and is_succeeded(node))

    edge = [node for node in nodes if is_over(node)]
    while edge:
        parents = {parent for node in edge for parent in graph.parents[node]} - found
        edge = [node for node in parents if is_forgiven(node) and all(map(is_over, graph.children[node]))]
        found.update(edge)
    return found
