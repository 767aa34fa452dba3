"""What `penstock compile` shows of a plan, as data for people, for JSON and for the UI."""

from collections.abc import Iterable
from typing import TypedDict

from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.wire import INPUTS_NODE

from ..graph import PlanGraph
from ..limits import memory_limit
from ..spelling import spell


class ResourcesShown(TypedDict):
    """What executions hold while they run."""

    cpu_milli: int
    gpu: int
    memory_bytes: int


class PortShown(TypedDict):
    """An input or output of the workflow."""

    name: str
    type: str
    doc: str
    required: bool


class NodeShown(TypedDict):
    """One node; names of other nodes stand for their outputs or their end."""

    name: str
    kind: str
    operator: str  # "module:qualname"; "" if it calls none
    call: str  # "digits.py:12"; "" if unknown
    uses: list[str]  # whose outputs
    uses_inputs: bool
    after: list[str]  # order alone
    resources: ResourcesShown
    memory_limit_bytes: int  # beyond it an execution is ended; 0: the operator declares none
    timeout_s: float
    retries: int


class LevelShown(TypedDict):
    """Nodes that can run at the same time, and what they hold together."""

    nodes: list[NodeShown]
    resources: ResourcesShown


class PlanShown(TypedDict):
    """A whole plan."""

    name: str
    hash: str  # hexadecimal, as is the bundle
    bundle: str
    doc: str
    inputs: list[PortShown]
    outputs: list[PortShown]
    nodes: int
    edges: int
    levels: list[LevelShown]
    critical_path: list[str]
    resources: ResourcesShown  # of all nodes together
    peak_resources: ResourcesShown  # the most of each that one level holds


def describe(plan: plan_pb2.Plan, plan_hash: bytes) -> PlanShown:
    """Everything about a valid plan that people ask before it runs."""
    graph = PlanGraph.of(plan, plan_hash)
    shown = [_node(plan, graph, index) for index in range(graph.size)]
    levels = [
        LevelShown(
            nodes=[shown[index] for index in level],
            resources=_sum(graph.resources[index] for index in level),
        )
        for level in graph.levels()
    ]
    return PlanShown(
        name=plan.name,
        hash=plan_hash.hex(),
        bundle=plan.bundle.hex(),
        doc=plan.doc,
        inputs=[
            PortShown(name=port.name, type=spell(plan.types, port.type), doc=port.doc, required=port.required)
            for port in plan.inputs
        ],
        outputs=[
            PortShown(name=port.name, type=spell(plan.types, port.type), doc="", required=True) for port in plan.outputs
        ],
        nodes=graph.size,
        edges=sum(map(len, graph.parents)),
        levels=levels,
        critical_path=[graph.names[index] for index in graph.critical_path()],
        resources=_sum(graph.resources),
        peak_resources=_most([level["resources"] for level in levels]),
    )


def _node(plan: plan_pb2.Plan, graph: PlanGraph, index: int) -> NodeShown:
    node = plan.nodes[index]
    used = [parent for parent in graph.value_parents[index] if parent != INPUTS_NODE]
    by_value = set(used)
    return NodeShown(
        name=node.name,
        kind=plan_pb2.NodeKind.Name(node.kind).removeprefix("NODE_KIND_").lower(),
        operator=graph.operators[index],
        call=f"{plan.files[node.file]}:{node.line}" if node.line else "",
        uses=[graph.names[parent] for parent in used],
        uses_inputs=len(used) < len(graph.value_parents[index]),
        after=[graph.names[parent] for parent in graph.parents[index] if parent not in by_value],
        resources=_shown(graph.resources[index]),
        memory_limit_bytes=memory_limit(graph.resources[index]),
        timeout_s=graph.timeout_s[index],
        retries=graph.retry[index].retries,
    )


def _shown(resources: plan_pb2.Resources) -> ResourcesShown:
    return ResourcesShown(cpu_milli=resources.cpu_milli, gpu=resources.gpu, memory_bytes=resources.memory_bytes)


def _sum(each: Iterable[plan_pb2.Resources]) -> ResourcesShown:
    total = ResourcesShown(cpu_milli=0, gpu=0, memory_bytes=0)
    for resources in each:
        total["cpu_milli"] += resources.cpu_milli
        total["gpu"] += resources.gpu
        total["memory_bytes"] += resources.memory_bytes
    return total


def _most(levels: list[ResourcesShown]) -> ResourcesShown:
    return ResourcesShown(
        cpu_milli=max((level["cpu_milli"] for level in levels), default=0),
        gpu=max((level["gpu"] for level in levels), default=0),
        memory_bytes=max((level["memory_bytes"] for level in levels), default=0),
    )
