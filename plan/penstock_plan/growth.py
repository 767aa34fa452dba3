"""A run's graph that grows: each map that knows its items adds a node for each item and each node within it.

The nodes of one growth have consecutive indexes: first those of the map's first template, one for each item, then those
of the next. What is known of an added node follows from its template, so that an item costs no memory here.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

from .graph import GATHER, PlanGraph

T = TypeVar("T")

_ITEMS: Final = re.compile(r"(\[\d{1,9}\])+$")
_ITEM: Final = re.compile(r"\d+")
# Stands for the map whose items a list of failures is about, where values are named by the numbers of items.
MAPPED: Final = -2
# Nodes that maps may add to a run.
ADDED_NODES_MAX: Final = 1_000_000


@dataclass(slots=True, frozen=True, eq=False)
class Growth:
    """What one map added.

    Attributes:
        node: The map's node, which maps around it may have added.
        first: Index of the first added node.
        items: Number of items.
        place: What the map's node is an execution of.
    """

    node: int
    first: int
    items: int
    place: Place


class Place(NamedTuple):
    """What a node of a run is an execution of: of a node of the plan, and for which item of the growth that added it.

    A node of the plan itself has no growth.
    """

    template: int
    growth: Growth | None = None
    item: int = 0


class Column(Generic[T]):
    """A column of the graph: of added nodes it is what their templates have."""

    __slots__ = ("_of_plan", "_places")

    def __init__(self, of_plan: Sequence[T], template_of: Callable[[int], int]) -> None:
        self._of_plan, self._places = of_plan, template_of

    def __getitem__(self, node: int) -> T:
        return self._of_plan[node if node < len(self._of_plan) else self._places(node)]


class Rare(Mapping[int, T]):
    """What few nodes have: of added nodes it is what their templates have."""

    __slots__ = ("_graph", "_of_plan")

    def __init__(self, of_plan: Mapping[int, T], graph: GrownGraph) -> None:
        self._of_plan, self._graph = of_plan, graph

    def __getitem__(self, node: int) -> T:
        return self._of_plan[self._graph.template_of(node)]

    def __contains__(self, node: object) -> bool:
        of_plan = self._of_plan
        return bool(of_plan) and isinstance(node, int) and self._graph.template_of(node) in of_plan

    def __iter__(self) -> Iterator[int]:
        return (node for template in self._of_plan for node in self._graph.executions(template))

    def __len__(self) -> int:
        return sum(len(self._graph.executions(template)) for template in self._of_plan)

    def __bool__(self) -> bool:
        return bool(self._of_plan)  # also before a map has added any


class Edges:
    """The nodes before or after each node."""

    __slots__ = ("_edges", "_graph")

    def __init__(self, edges: Sequence[tuple[int, ...]], graph: GrownGraph) -> None:
        """`edges` are those of the plan, with those of its templates."""
        self._edges, self._graph = edges, graph

    def __getitem__(self, node: int) -> Sequence[int]:
        return self._graph.around(node, self._edges)

    def __iter__(self) -> Iterator[Sequence[int]]:
        return (self[node] for node in range(self._graph.size))


class GrownGraph:
    """The graph of one run of a plan that has maps; read as a PlanGraph is.

    `size` counts the plan's nodes, templates among them, and what maps have added.
    """

    __slots__ = (
        "_firsts",
        "_of_node",
        "bundle",
        "children",
        "finals",
        "growths",
        "has_control",
        "hash",
        "kinds",
        "name",
        "names",
        "on_failure",
        "operators",
        "output_nodes",
        "parents",
        "plan",
        "resources",
        "retry",
        "roots",
        "sensors",
        "sides",
        "size",
        "templates",
        "timeout_s",
        "tolerates",
        "value_parents",
        "waits",
    )

    def __init__(self, plan: PlanGraph) -> None:
        self.plan = plan
        self.hash, self.name, self.bundle = plan.hash, plan.name, plan.bundle
        self.size = plan.size
        self.growths: list[Growth] = []
        self._firsts: list[int] = []
        self._of_node: dict[int, Growth] = {}
        template = self.template_of
        self.kinds = Column(plan.kinds, template)
        self.names = Column(plan.names, template)
        self.operators = Column(plan.operators, template)
        self.resources = Column(plan.resources, template)
        self.retry = Column(plan.retry, template)
        self.timeout_s = Column(plan.timeout_s, template)
        self.on_failure = Column(plan.on_failure, template)
        self.tolerates = Column(plan.tolerates, template)
        self.parents = Edges(plan.parents, self)
        self.children = Edges(plan.children, self)
        self.value_parents = Edges(plan.value_parents, self)
        self.templates = plan.templates
        self.roots = tuple(node for node in plan.roots if not plan.maps[node])
        self.output_nodes = plan.output_nodes
        self.has_control = plan.has_control
        self.sides = plan.sides
        self.waits = Rare(plan.waits, self)
        self.sensors = Rare(plan.sensors, self)
        self.finals = plan.finals

    def grow(self, node: int, items: int) -> range:
        """Add the nodes of a map's items; return their indexes."""
        growth = Growth(node, self.size, items, self.place(node))
        added = range(self.size, self.size + self.added_by(node, items))
        if added:
            self._of_node[node] = growth
            self.growths.append(growth)
            self._firsts.append(growth.first)
            self.size = added.stop
        return added

    def added_by(self, node: int, items: int) -> int:
        """How many nodes a map adds that has so many items."""
        return items * len(self.templates[self.template_of(node)])

    def items_of(self, node: int, added: int) -> int:
        """How many items a map has that adds so many nodes."""
        return added // self.added_by(node, 1)

    def expanded(self, of_plan: Sequence[T]) -> list[T]:
        """Return a column of the plan for all nodes of the run."""
        found = list(of_plan)
        for growth in self.growths:
            for template in self.templates[growth.place.template]:
                found += [of_plan[template]] * growth.items
        return found

    def place(self, node: int) -> Place:
        """What a node is an execution of."""
        if node < self.plan.size:
            return Place(node)
        growth = self.growths[bisect_right(self._firsts, node) - 1]
        position, item = divmod(node - growth.first, growth.items)
        return Place(self.templates[growth.place.template][position], growth, item)

    def template_of(self, node: int) -> int:
        """The node of the plan that a node is an execution of: itself, if no map added it."""
        return self.place(node).template

    def path(self, node: int) -> list[int]:
        """The number of an added node's item, that of the outermost map first; empty for a node of the plan."""
        place = self.place(node)
        path: list[int] = []
        while place.growth is not None:
            path.append(place.item)
            place = place.growth.place
        return path[::-1]

    def name_of(self, node: int) -> str:
        """The node's name, with the numbers of its items: "score[3]"."""
        return self.names[node] + "".join(f"[{item}]" for item in self.path(node))

    def node_of(self, name: str) -> int:
        """The node of a name, with the numbers of its items: "score[3]"; -1: there is none."""
        numbered = _ITEMS.search(name)
        base, items = (name[: numbered.start()], numbered[0]) if numbered else (name, "")
        if base not in self.plan.names:
            return -1
        return self.execution(self.plan.names.index(base), [int(item) for item in _ITEM.findall(items)])

    def not_taken(self, branch: int, side: int) -> set[int]:
        """The nodes on the other sides of a branch."""
        place = self.place(branch)
        others = (node for node, its_side in self.sides[place.template] if its_side != side)
        return {node for other in others for node in self.related(other, place)}

    def inputs(self, node: int) -> Iterator[tuple[int, int]]:
        """The nodes whose outputs a node uses: by which number it knows each, and which node of the run it is.

        The number is that of the node of the plan; of what a gather collects, that of the item.
        """
        place = self.place(node)
        gathers = self.plan.kinds[place.template] == GATHER
        for parent in self.plan.value_parents[place.template]:
            for number, execution in enumerate(self.related(parent, place)):
                yield (number if gathers else parent), execution

    def items_before(self, node: int) -> Iterator[tuple[int, list[int]]]:
        """The number of each item of the map that a list of failures is about, and the item's nodes."""
        place = self.place(node)
        own = self.plan.value_parents[place.template]
        before = [self.related(parent, place) for parent in self.plan.parents[place.template] if parent not in own]
        return ((number, list(nodes)) for number, nodes in enumerate(zip(*before, strict=True)))

    def around(self, node: int, edges: Sequence[tuple[int, ...]]) -> Sequence[int]:
        """The nodes that the plan's edges of a node lead to in this run."""
        place, maps = self.place(node), self.plan.maps
        of_node = edges[place.template]
        if place.growth is None:
            if maps[node]:
                return ()  # a template: it is never executed
            if not any(maps[other] for other in of_node if other >= 0):
                return of_node
        return [each for other in of_node for each in self.related(other, place)]

    def related(self, other: int, place: Place) -> Sequence[int]:
        """The executions of the plan's node `other` that belong to an execution of another one."""
        if other < 0:
            return (other,)
        maps = self.plan.maps
        chain, own = maps[other], maps[place.template]
        if len(chain) <= len(own):
            for _ in range(len(own) - len(chain)):
                assert place.growth is not None, "a node within maps has a growth for each"
                place = place.growth.place
            return (self._at(other, place.growth, place.item),)
        return self._within(other, chain[len(own) :], (place.growth, place.item))

    def executions(self, template: int) -> Sequence[int]:
        """All executions of a node of the plan that there are so far; it itself, where it is within no map."""
        chain = self.plan.maps[template]
        return self._within(template, chain, (None, 0)) if chain else (template,)

    def execution(self, template: int, path: Sequence[int]) -> int:
        """The execution of a node of the plan for these items, that of the outermost map first; -1: there is none."""
        chain = self.plan.maps[template]
        growth, item = None, 0
        for map_node, number in zip(chain, path, strict=False):
            growth, item = self._of_node.get(self._at(map_node, growth, item)), number
            if growth is None or not 0 <= number < growth.items:
                return -1
        return self._at(template, growth, item) if len(chain) == len(path) else -1

    def _within(self, other: int, chain: Sequence[int], outermost: tuple[Growth | None, int]) -> Sequence[int]:
        """The executions of a node within these maps, of which the first is executed once, outside of them."""
        frontier = [outermost]
        for map_node in chain[:-1]:
            frontier = [
                (inner, number)
                for outer, at in frontier
                if (inner := self._of_node.get(self._at(map_node, outer, at))) is not None
                for number in range(inner.items)
            ]
        found: list[int] = []
        for outer, at in frontier:
            last = self._of_node.get(self._at(chain[-1], outer, at))
            if last is not None:
                found.extend(self._all(other, last))
        return found

    def _at(self, template: int, growth: Growth | None, item: int) -> int:
        if growth is None:
            return template
        return growth.first + self.templates[growth.place.template].index(template) * growth.items + item

    def _all(self, template: int, growth: Growth) -> range:
        first = self._at(template, growth, 0)
        return range(first, first + growth.items)


RunGraph = PlanGraph | GrownGraph


def without_items(name: str) -> str:
    """The name of a node without the numbers of its items."""
    return _ITEMS.sub("", name)


def graph_of_run(plan: PlanGraph) -> RunGraph:
    """The graph of a new run: one of its own only if maps or branches shape it."""
    return GrownGraph(plan) if plan.has_control else plan
