"""What the read models need of a plan: names, operators, who waits for whom, and the names of inputs."""

from typing import NamedTuple

from penstock_plan.graph import PlanGraph
from penstock_plan.growth import RunGraph
from penstock_proto.plan.v1 import plan_pb2

from ..core.nodes import Nodes


class Outline(NamedTuple):
    """Names of a plan; `outputs`: of each node, equal ones are one object."""

    graph: PlanGraph
    inputs: list[str]
    outputs: list[tuple[str, ...]]


def outline(data: bytes, plan_hash: bytes) -> Outline:
    """Read the bytes of a plan that the State Tracker has accepted."""
    plan = plan_pb2.Plan.FromString(data)
    ports = [tuple(port.name for port in operator.outputs) for operator in plan.operators]
    outputs = [ports[node.operator] if node.kind == plan_pb2.NODE_KIND_TASK else () for node in plan.nodes]
    return Outline(PlanGraph.of(plan, plan_hash), [declared.name for declared in plan.inputs], outputs)


def node_name(graph: RunGraph | None, node: int) -> str:
    """Name a node as its run does, or by its number where the plan is gone."""
    return graph.name_of(node) if graph is not None and 0 <= node < graph.size else f"node {node}"


def graph_of(found: Outline | None, nodes: Nodes) -> RunGraph | None:
    """Return the graph of a run as it has grown; None where the plan is gone."""
    return None if found is None else nodes.graph(found.graph)
