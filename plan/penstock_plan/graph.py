"""The plan as the schedulers read it: plain columns by node index, in topological order."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.wire import INPUTS_NODE

from .errors import PlanError
from .refs import add_refs
from .waits import WAIT, Wait

# How a node goes on without all of its parents.
TOLERATES_NOTHING: Final = 0
TOLERATES_NOT_TAKEN: Final = 1  # sides that a branch did not take
TOLERATES_FAILED: Final = 2  # items of its map that failed

MAP: Final = int(plan_pb2.NODE_KIND_MAP)
BRANCH: Final = int(plan_pb2.NODE_KIND_BRANCH)
GATHER: Final = int(plan_pb2.NODE_KIND_GATHER)
# What comes after such a node cannot go on without it, also where it does not use its outputs.
DECIDING_KINDS: Final = frozenset({MAP, BRANCH})
CONTROL_KINDS: Final = frozenset({MAP, BRANCH, GATHER})

Message = TypeVar("Message", plan_pb2.Resources, plan_pb2.RetryPolicy)


class PlanGraph:
    """A valid plan without its types and values; nobody changes it after `of`.

    Holds no part of the message it was made from, so that the message's memory can go.
    """

    __slots__ = (
        "__weakref__",
        "bundle",
        "children",
        "concurrency",
        "finals",
        "has_control",
        "hash",
        "kinds",
        "maps",
        "name",
        "names",
        "on_failure",
        "operators",
        "output_nodes",
        "parents",
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

    hash: bytes
    name: str
    bundle: bytes
    size: int
    kinds: bytes  # NodeKind
    names: list[str]
    operators: list[str]  # "module:qualname"; "" for a node that calls none
    parents: list[tuple[int, ...]]  # must end before, by value or by `after`; ascending
    children: list[tuple[int, ...]]  # ascending
    value_parents: list[tuple[int, ...]]  # whose outputs its arguments use; ascending, -1 first: inputs of the run
    resources: list[plan_pb2.Resources]  # effective; equal ones are one object
    retry: list[plan_pb2.RetryPolicy]  # effective; equal ones are one object
    timeout_s: list[float]  # effective; 0: none
    on_failure: bytes  # FailurePolicy, effective, never unspecified
    roots: tuple[int, ...]  # without parents, and not of the run's end
    output_nodes: tuple[int, ...]  # that Plan.outputs use; ascending, -1 first: inputs of the run
    waits: dict[int, Wait]  # of the nodes that the State Tracker ends itself
    sensors: dict[int, Wait]  # of the calls that are tried again until they find something
    finals: dict[int, int]  # the nodes of the run's end, ascending, each with its AtEnd
    has_control: bool  # some node decides how the run goes on: a map or a branch
    # The following are empty unless `has_control`.
    maps: list[tuple[int, ...]]  # the maps around a node, outermost first; a node within one is a template
    concurrency: dict[int, int]  # of the maps that have such a limit: items that may be open at the same time
    templates: dict[int, tuple[int, ...]]  # of each map, the nodes that are directly within it
    sides: dict[int, tuple[tuple[int, int], ...]]  # of each branch: nodes on its sides, each with the side
    tolerates: bytes  # one of TOLERATES_...

    @classmethod
    def of(cls, plan: plan_pb2.Plan, plan_hash: bytes) -> "PlanGraph":
        """Read the columns of a plan that `validate.load` accepted; raise PlanError if a node precedes its parent."""
        graph = cls()
        graph.hash, graph.name, graph.bundle = plan_hash, plan.name, plan.bundle
        nodes = list(plan.nodes)
        graph.size = len(nodes)
        graph.kinds = bytes(node.kind for node in nodes)
        graph.names = [node.name for node in nodes]
        graph.waits = {index: Wait.of(node) for index, node in enumerate(nodes) if node.kind == WAIT}
        graph.sensors = {
            index: Wait.of(node) for index, node in enumerate(nodes) if node.kind != WAIT and node.HasField("wait")
        }
        graph.finals = {index: node.at_end for index, node in enumerate(nodes) if node.at_end}
        _read_edges(graph, nodes)
        _read_options(graph, plan.operators, nodes)
        used: set[int] = set()
        for output in plan.outputs:
            add_refs(output.value, used)
        graph.output_nodes = tuple(sorted(used))
        _read_control(graph, nodes)
        return graph

    def template_of(self, node: int) -> int:
        """The node itself: no map adds nodes to this graph."""
        return node

    def name_of(self, node: int) -> str:
        """The node's name."""
        return self.names[node]

    def node_of(self, name: str) -> int:
        """The node of a name; -1: there is none."""
        return self.names.index(name) if name in self.names else -1

    def levels(self) -> list[list[int]]:
        """Nodes by the length of the longest path to them: those of one level can run at the same time."""
        level_of = [0] * self.size
        levels: list[list[int]] = []
        for node, parents in enumerate(self.parents):
            level = 1 + max(map(level_of.__getitem__, parents)) if parents else 0
            level_of[node] = level
            if level == len(levels):
                levels.append([])
            levels[level].append(node)
        return levels

    def critical_path(self, weight: Callable[[int], float] | None = None) -> list[int]:
        """Nodes of the heaviest path, in order; without `weight` (never negative) every node weighs 1."""
        if not self.size:
            return []
        ends = [0.0] * self.size
        before = [-1] * self.size
        for node, parents in enumerate(self.parents):
            if parents:
                before[node] = max(parents, key=ends.__getitem__)
                ends[node] = ends[before[node]]
            ends[node] += 1.0 if weight is None else weight(node)
        node = max(range(self.size), key=ends.__getitem__)
        path: list[int] = []
        while node != -1:
            path.append(node)
            node = before[node]
        return path[::-1]


def way_back(last: int, parents: Callable[[int], Iterable[int]], ended: Callable[[int], int], most: int) -> list[int]:
    """Return the nodes that a node waited for, first to last: from each, back to the parent that ended last."""
    path: list[int] = []
    node = last
    while node >= 0 and len(path) < most:
        path.append(node)
        node = max((parent for parent in parents(node) if parent >= 0), key=ended, default=-1)
    return path[::-1]


def _read_edges(graph: PlanGraph, nodes: Iterable[plan_pb2.Node]) -> None:
    graph.parents, graph.value_parents = [], []
    children: list[list[int]] = []
    for index, node in enumerate(nodes):
        used: set[int] = set()
        for argument in node.arguments:
            add_refs(argument.value, used)
        by_value = tuple(sorted(used))
        after = node.after
        if after:
            used.update(after)
        used.discard(INPUTS_NODE)
        parents = tuple(sorted(used)) if after or by_value[:1] == (INPUTS_NODE,) else by_value
        if parents and not 0 <= parents[0] <= parents[-1] < index:
            raise PlanError(f"node {node.name!r} does not come after its parents; validate the plan first")
        graph.value_parents.append(by_value)
        graph.parents.append(parents)
        children.append([])
        for parent in parents:
            children[parent].append(index)
    graph.children = [tuple(of_node) for of_node in children]
    finals = graph.finals
    graph.roots = tuple(index for index, parents in enumerate(graph.parents) if not parents and index not in finals)


def _read_control(graph: PlanGraph, nodes: Sequence[plan_pb2.Node]) -> None:
    graph.has_control = any(kind in CONTROL_KINDS for kind in graph.kinds)
    graph.maps, graph.templates, graph.sides, graph.tolerates = [], {}, {}, b""
    graph.concurrency = {index: node.concurrency for index, node in enumerate(nodes) if node.concurrency}
    if not graph.has_control:
        return
    graph.maps = [()] * graph.size
    templates: dict[int, list[int]] = {node: [] for node in range(graph.size) if graph.kinds[node] == MAP}
    sides: dict[int, list[tuple[int, int]]] = {node: [] for node in range(graph.size) if graph.kinds[node] == BRANCH}
    tolerates = bytearray(graph.size)
    for index, node in enumerate(nodes):
        if node.map:
            around = node.map - 1
            graph.maps[index] = (*graph.maps[around], around)
            templates[around].append(index)
        for side in node.sides:
            sides[side.branch].append((index, side.side))
        own = {(side.branch, side.side) for side in node.sides}
        if any((side.branch, side.side) not in own for parent in graph.parents[index] for side in nodes[parent].sides):
            tolerates[index] = TOLERATES_NOT_TAKEN
        elif node.leaves_out_failed:
            tolerates[index] = TOLERATES_FAILED
    graph.templates = {node: tuple(found) for node, found in templates.items()}
    graph.sides = {node: tuple(found) for node, found in sides.items()}
    graph.tolerates = bytes(tolerates)


def _read_options(graph: PlanGraph, operators: Iterable[plan_pb2.Operator], nodes: Iterable[plan_pb2.Node]) -> None:
    shared: dict[bytes, plan_pb2.Resources] = {}
    shared_retry: dict[bytes, plan_pb2.RetryPolicy] = {}
    declared = [
        (
            f"{operator.module}:{operator.qualname}",
            _share(operator.resources, shared),
            _share(operator.retry, shared_retry),
            operator.timeout_s,
            operator.on_failure,
        )
        for operator in operators
    ]
    nothing = ("", _share(plan_pb2.Resources(), shared), _share(plan_pb2.RetryPolicy(), shared_retry), 0.0, 0)
    graph.operators, graph.resources, graph.retry, graph.timeout_s = [], [], [], []
    on_failure = bytearray()
    for node in nodes:
        calls = node.kind == plan_pb2.NODE_KIND_TASK or node.kind in CONTROL_KINDS
        name, resources, retry, timeout_s, policy = declared[node.operator] if calls else nothing
        if node.HasField("overrides"):
            over = node.overrides
            if over.HasField("resources"):
                resources = _share(over.resources, shared)
            if over.HasField("retry"):
                retry = _share(over.retry, shared_retry)
            timeout_s = over.timeout_s if over.HasField("timeout_s") else timeout_s
            policy = over.on_failure if over.HasField("on_failure") else policy
        graph.operators.append(name)
        graph.resources.append(resources)
        graph.retry.append(retry)
        graph.timeout_s.append(timeout_s)
        on_failure.append(policy or plan_pb2.FAILURE_POLICY_BLOCK_DEPENDENTS)
    graph.on_failure = bytes(on_failure)


def _share(message: Message, shared: dict[bytes, Message]) -> Message:
    """The one copy of all equal messages; a copy, because a part of a plan keeps the whole plan in memory."""
    key = message.SerializeToString(deterministic=True)
    if key not in shared:
        shared[key] = type(message).FromString(key)
    return shared[key]
