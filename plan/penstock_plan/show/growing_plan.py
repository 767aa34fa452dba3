"""The plan of a run, with the nodes that maps add to it as the run goes on: for those who show it."""

from collections.abc import Sequence

from penstock_proto.plan.v1 import plan_pb2

from ..graph import MAP, PlanGraph
from ..growth import GrownGraph, Growth, graph_of_run
from ..limits import SCHEMA_MIN
from ..refs import parts_of


def may_grow(plan: plan_pb2.Plan) -> bool:
    """Whether maps may add nodes to runs of the plan."""
    return plan.schema > SCHEMA_MIN and any(node.kind == MAP for node in plan.nodes)


class GrowingPlan:
    """A plan that grows. `plan` is the `given` message until the first growth, and a copy from then on."""

    def __init__(self, plan: plan_pb2.Plan) -> None:
        self.plan = plan
        self.given = plan
        self._graph: GrownGraph | None = None

    @property
    def growths(self) -> Sequence[Growth]:
        """What maps have added, in the order in which they did."""
        return self._graph.growths if self._graph is not None else ()

    def executions(self, template: int) -> Sequence[int]:
        """The nodes that are executions of a node within a map."""
        return self._graph.executions(template) if self._graph is not None else ()

    def added_by(self, node: int, items: int) -> int:
        """How many nodes a map adds that has so many items."""
        return self.graph().added_by(node, items)

    def graph(self) -> GrownGraph:
        """The graph of the run; of a plan with maps or branches."""
        if self._graph is None:
            made = graph_of_run(PlanGraph.of(self.given, b""))
            assert isinstance(made, GrownGraph), "only plans with maps grow"
            self._graph = made
        return self._graph

    def grow(self, node: int, added: int) -> range:
        """Add the nodes of a map's items, named "score[3]"; return their indexes."""
        graph = self.graph()
        if self.plan is self.given:
            self.plan = plan_pb2.Plan()
            self.plan.CopyFrom(self.given)
        nodes = graph.grow(node, graph.items_of(node, added))
        for index in nodes:
            self._add(graph, index)
        return nodes

    def _add(self, graph: GrownGraph, index: int) -> None:
        made = self.plan.nodes.add()
        made.CopyFrom(self.given.nodes[graph.template_of(index)])
        made.name, made.map = graph.name_of(index), 0
        del made.sides[:], made.after[:]
        for argument in made.arguments:
            _point(argument.value, graph, index)
        made.after.extend(sorted({*graph.parents[index]} - {*graph.value_parents[index]}))


def _point(expr: plan_pb2.Expr, graph: GrownGraph, index: int) -> None:
    """Let an expression name the nodes that it uses in this execution."""
    match expr.WhichOneof("kind"):
        case "output":
            expr.output.node = _one(graph, index, expr.output.node)
        case "item":
            expr.item.node = _one(graph, index, expr.item.node)
        case "choice":
            expr.choice.branch = _one(graph, index, expr.choice.branch)
            for part in parts_of(expr):
                _point(part, graph, index)
        case _:
            for part in parts_of(expr):
                _point(part, graph, index)


def _one(graph: GrownGraph, index: int, node: int) -> int:
    """The execution of a node that belongs to this one; of a list that is collected, the node of the plan itself."""
    found = graph.related(node, graph.place(index))
    return found[0] if len(found) == 1 else node
