"""The bodies of answers about runs and plans as a whole, however many nodes they have."""

from pydantic import Field

from .fields import Body, HashText, NodeState, RunState, Time
from .models import Attempt, Counts


class TimelineNode(Body):
    name: str
    index: int
    operator: str
    state: NodeState
    critical: bool = Field(description="The end of the run waited for it.")
    attempts: list[Attempt]


class Timeline(Body):
    """When nodes ran."""

    run: str
    state: RunState
    submitted_at: Time | None
    ended_at: Time | None
    seq: int
    nodes: list[TimelineNode] = Field(description="In the order of their starts.")
    left_out: int = Field(description="Other nodes that ran.")
    total: int


class MapNodes(Body):
    node: int
    within: list[int] = Field(description="The nodes of the plan that are executed once for each item.")


class States(Body):
    run: str
    plan: HashText
    seq: int
    state: RunState
    states: str = Field(
        description="A letter for each node, by index: w waiting, r running, s succeeded, f failed, k skipped, "
        "c cancelled, n not taken, m mapped."
    )
    maps: list[MapNodes]
    growths: list[list[int]] = Field(
        description="The additions of maps: the map's node, the index of the first node that it added, its items. "
        "There is a node for each item of each node within the map, in their order."
    )
    paused: bool = Field(description="Nothing new of it starts.")
    forked_from: str | None = Field(description="The run whose results it took over.")
    parent: str | None = Field(description="The run that has started it.")


class OperatorNow(Body):
    """The nodes of one operator in a run; times of those that have started."""

    operator: str
    nodes: int
    counts: Counts
    first_at: Time | None = Field(description="Start of the first of them.")
    last_at: Time | None = Field(description="End of the last of them; null while one runs.")
    p50_s: float | None = Field(description="Median of those that succeeded.")
    max_s: float | None


class Operators(Body):
    run: str
    state: RunState
    submitted_at: Time | None
    ended_at: Time | None
    seq: int
    operators: list[OperatorNow] = Field(description="In the order of the plan.")


class NodePlace(Body):
    name: str
    index: int


class CriticalPath(Body):
    run: str
    nodes: list[NodePlace]


class OutputReference(Body):
    """An output of a run that has succeeded: RUN/NODE.OUTPUT."""

    run: str
    workflow: str = Field(description="Its name in the registry, or in the code.")
    ended_at: Time | None
    node: str
    output: str
    type: str


class References(Body):
    references: list[OutputReference]


class LayoutBox(Body):
    """A node, or several that are shown as one: a group."""

    key: str = Field(description="The name of a node; what opens a group.")
    label: str
    operator: str = Field(description="The operator of its first node.")
    nodes: list[list[int]] = Field(description="Indexes, as runs of equal steps: first, step, count.")
    kind: str = Field(description="The kind of its first node: `task`, `wait`, `map`, `gather`, `branch`, `pass`.")
    steps: int = Field(description="The number of its nodes that run one after the other.")
    place: list[float] = Field(min_length=2, max_length=2, description="Column, and distance from the top.")


class Edge(Body):
    start: int = Field(alias="from", description="Index of a box.")
    end: int = Field(alias="to", description="Index of a box.")
    through: list[list[float]] = Field(description="Places that the line passes through.")


class LayoutBranch(Body):
    node: int
    sides: list[str] = Field(description="The value of the condition for each side.")
    nodes: list[list[int]] = Field(description="The nodes on its sides: index, side.")


class LayoutLoop(Body):
    key: str = Field(description="The key of the box that stands for all rounds after the first.")
    branches: list[int] = Field(description="The nodes that decide after each round whether there is another one.")


class Layout(Body):
    plan: HashText
    nodes: int
    loops: list[LayoutLoop]
    branches: list[LayoutBranch]
    boxes: list[LayoutBox]
    edges: list[Edge]
