"""What a run's nodes say in sum: figures by operator, when each node was ready, and the chain that took longest."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from penstock_plan.graph import way_back
from penstock_plan.growth import RunGraph

from .buckets import bucket_of, percentile_us
from .nodes import ENDED, NEVER, STATUSES, SUCCEEDED, Nodes, operators_of

CRITICAL_MAX: Final = 1_000


class OperatorFigures:
    """Figures of the nodes of one operator; times are microseconds since the run's submission."""

    __slots__ = ("buckets", "busy_us", "counts", "first_us", "last_us", "max_us", "nodes", "retries", "waited_us")

    def __init__(self) -> None:
        self.counts: dict[int, int] = dict.fromkeys(STATUSES, 0)
        self.nodes = self.retries = self.busy_us = self.max_us = self.waited_us = self.last_us = 0
        self.first_us = NEVER
        self.buckets: dict[int, int] = {}

    def percentile_us(self, share: float) -> int:
        """Return a percentile of the durations of nodes that succeeded, right to 13 percent."""
        return min(percentile_us(self.buckets, share), self.max_us)


def ready_us(graph: RunGraph, nodes: Nodes, node: int) -> int:
    """Return when a node's parents had ended; -1 where one of them never did."""
    latest = 0
    ended = nodes.ended_us
    for parent in graph.parents[node]:
        if parent >= 0:
            if ended[parent] < 0:
                return NEVER
            latest = max(latest, ended[parent])
    return latest


def by_operator(graph: RunGraph, nodes: Nodes) -> dict[str, OperatorFigures]:
    """Return figures of each operator, in the order in which the plan names them first."""
    found: dict[str, OperatorFigures] = {}
    columns = zip(
        operators_of(graph), graph.parents, nodes.status, nodes.attempts, nodes.ended_us, nodes.duration_us, strict=True
    )
    ended: Sequence[int] = nodes.ended_us
    parents: Sequence[int]
    for operator, parents, status, attempts, ended_us, duration_us in columns:  # one loop: there may be 100,000 nodes
        figures = found.get(operator)
        if figures is None:
            figures = found[operator] = OperatorFigures()
        figures.nodes += 1
        figures.counts[status] += 1
        if not attempts or ended_us < 0:
            continue
        started_us = max(0, ended_us - duration_us)
        latest_us = 0
        for parent in parents:
            if parent >= 0:
                latest_us = max(latest_us, ended[parent])
        figures.retries += attempts - 1
        figures.busy_us += duration_us
        if started_us > latest_us:
            figures.waited_us += started_us - latest_us
        if not 0 <= figures.first_us <= started_us:
            figures.first_us = started_us
        if ended_us > figures.last_us:
            figures.last_us = ended_us
        if status == SUCCEEDED:
            if duration_us > figures.max_us:
                figures.max_us = duration_us
            bucket = bucket_of(duration_us)
            figures.buckets[bucket] = figures.buckets.get(bucket, 0) + 1
    return found


def critical_path(graph: RunGraph, nodes: Nodes) -> list[int]:
    """Return the nodes that the end of the run waited for, first to last.

    It goes back from the node that ended last, always to the parent that ended last: no node on it could begin earlier.
    """
    ended = nodes.ended_us
    last = max((n for n in nodes.of_status(ENDED)), key=lambda n: ended[n], default=-1)
    return way_back(last, lambda n: graph.parents[n], lambda n: ended[n], CRITICAL_MAX)


class Window(NamedTuple):
    """Some of a run's nodes, of those that were asked for."""

    nodes: list[int]
    total: int


def window(
    graph: RunGraph, nodes: Nodes, *, operator: str, statuses: frozenset[int], order: str, first: int, size: int
) -> Window:
    """Return nodes from the `first` of those that match, in the order "plan", "started" or "duration"."""
    operators, status = operators_of(graph), nodes.status
    found = [
        node
        for node in range(len(nodes))
        if (not operator or operators[node] == operator) and (not statuses or status[node] in statuses)
    ]
    if order == "started":
        found.sort(key=lambda node: (nodes.started_us(node) < 0, nodes.started_us(node), node))
    elif order == "duration":
        found.sort(key=lambda node: (-nodes.duration_us[node], node))
    return Window(found[first : first + size], len(found))
