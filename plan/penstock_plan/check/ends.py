"""What the nodes of a run's end must fulfil: they are executed once all others have ended, however that was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from penstock_proto.plan.v1 import plan_pb2

from ..refs import add_refs
from ..spelling import quote

CALLS = (plan_pb2.NODE_KIND_TASK, plan_pb2.NODE_KIND_PASS)


def problems_at_end(plan: plan_pb2.Plan) -> Iterator[tuple[int, str]]:
    """Yield what is wrong with the end of a plan: nodes, each with a sentence; of the plan's outputs, node -1."""
    nodes = plan.nodes
    if not any(node.at_end for node in nodes):
        return
    for index, node in enumerate(nodes):
        used = set(node.after)
        for argument in node.arguments:
            add_refs(argument.value, used)
        if node.at_end and (text := _misplaced(node)):
            yield index, text
        for other in sorted(used):
            if 0 <= other < index and (text := _unusable(node, nodes, other)):
                yield index, text
    for output in plan.outputs:
        returned: set[int] = set()
        add_refs(output.value, returned)
        if any(0 <= node < len(nodes) and nodes[node].at_end for node in returned):
            yield (
                -1,
                f"output {quote(output.name)} is of an operator that is called at the end of the run",
            )


def _misplaced(node: plan_pb2.Node) -> str:
    if node.at_end not in plan_pb2.AtEnd.values():
        return "belongs to an end that this version does not support"
    if node.kind not in CALLS or node.HasField("wait"):
        return "is at the end of a run, where only operators are called: no map, branch, wait or child run"
    if node.map or node.sides:
        return "is at the end of a run, so it cannot be within a map or a branch"
    return ""


def _unusable(node: plan_pb2.Node, nodes: Sequence[plan_pb2.Node], other: int) -> str:
    kind, name = nodes[other].at_end, quote(nodes[other].name)
    if not node.at_end and kind:
        return f"comes after {name}, which is executed at the end of the run"
    if node.at_end == plan_pb2.AT_END_ALWAYS and kind == plan_pb2.AT_END_FAILURE:
        return f"is executed at every end, but comes after {name}, which is executed after a failure only"
    if node.at_end and (nodes[other].map or nodes[other].sides):
        return f"is at the end of a run, and uses {name}, which is within a map or a branch"
    return ""
