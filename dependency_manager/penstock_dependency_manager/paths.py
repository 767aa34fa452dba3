"""How long the rest of a run takes from each node on, by the durations that were seen: a hint for who goes first."""

from array import array
from collections import OrderedDict
from typing import Final

from penstock_plan.graph import PlanGraph

OPERATORS_MAX: Final = 10_000
GAIN: Final = 1 / 8
# Between two nodes, whatever they do; so that of two paths of unknown or no duration the longer one counts more.
HOP_S: Final = 0.005
UNKNOWN_S: Final = 1.0
# A mean that has changed by so much makes paths worth another look.
CHANGE: Final = 0.25
# Looking at a plan again may take about a tenth of the time.
LOOK_AGAIN_S_PER_NODE: Final = 1e-5
# Of all plans that are remembered.
NODES_MAX: Final = 4_000_000


class Durations:
    """A mean for each operator, smoothed."""

    __slots__ = ("_said", "_seconds", "version")

    def __init__(self) -> None:
        self.version: int = 0  # raised where some mean has changed much
        self._seconds: dict[str, float] = {}
        self._said: dict[str, float] = {}  # the means of the last version

    def learn(self, operator: str, duration_s: float) -> None:
        seconds = self._seconds
        mean_s = seconds.get(operator)
        if mean_s is None:
            if len(seconds) >= OPERATORS_MAX:
                seconds.clear()
                self._said.clear()
            mean_s = duration_s
        else:
            mean_s += GAIN * (duration_s - mean_s)
        seconds[operator] = mean_s
        said_s = self._said.get(operator, -1.0)
        if abs(mean_s - said_s) > CHANGE * (said_s + HOP_S):
            self._said[operator] = mean_s
            self.version += 1

    def of(self, operator: str) -> float:
        """Return the expected seconds of a call, with what is between two nodes; "" is a node that calls nothing."""
        return HOP_S + (self._seconds.get(operator, UNKNOWN_S) if operator else 0.0)


class Paths:
    """Expected seconds of the longest path from each node of a plan, itself included, to an end."""

    __slots__ = ("_nodes", "_of", "durations")

    def __init__(self) -> None:
        self.durations = Durations()
        self._of: OrderedDict[bytes, tuple[int, float, array[float]]] = OrderedDict()  # version, when, by node
        self._nodes = 0

    @property
    def remembered(self) -> tuple[int, int]:
        """Plans, and their nodes together."""
        return len(self._of), self._nodes

    def of(self, graph: PlanGraph, now: float) -> "array[float]":
        """Return the column of a plan; it may lag a little behind what is learnt."""
        version = self.durations.version
        known = self._of.get(graph.hash)
        if known is not None:
            if known[0] == version or now - known[1] < LOOK_AGAIN_S_PER_NODE * graph.size:
                return known[2]
            self._nodes -= graph.size
            del self._of[graph.hash]
        column = remaining_s(graph, self.durations)
        self._of[graph.hash] = version, now, column
        self._nodes += graph.size
        while self._nodes > NODES_MAX and len(self._of) > 1:
            self._nodes -= len(self._of.popitem(last=False)[1][2])
        return column


def remaining_s(graph: PlanGraph, durations: Durations) -> "array[float]":
    """Add up along the longest path, from the last node to the first."""
    column = array("f", bytes(4 * graph.size))
    own_s = {operator: durations.of(operator) for operator in set(graph.operators)}
    operators, children = graph.operators, graph.children
    for node in range(graph.size - 1, -1, -1):
        after_s = max([column[child] for child in children[node]], default=0.0)
        column[node] = after_s + own_s[operators[node]]
    return column
