"""What an argument is put together from: the nodes, inputs and artifacts that an expression refers to."""

from penstock_proto.plan.v1.plan_pb2 import Expr
from penstock_proto.wire import INPUTS_NODE

# How inputs of the run are referred to wherever a node's index could stand.


def add_refs(expr: Expr, found: set[int]) -> None:
    """Add the node of every output that the expression uses; `INPUTS_NODE` if it uses an input of the run."""
    # Recursion is as deep as one expression is nested, which the protobuf parser limits to 100.
    match expr.WhichOneof("kind"):
        case "output":
            found.add(expr.output.node)
        case "input":
            found.add(INPUTS_NODE)
        case "sequence":
            for item in expr.sequence.items:
                add_refs(item, found)
        case "mapping":
            for item in (*expr.mapping.keys, *expr.mapping.values):
                add_refs(item, found)
        case "record":
            for item in expr.record.values:
                add_refs(item, found)
        case _:
            pass


def add_artifacts(expr: Expr, found: set[bytes]) -> None:
    """Add every artifact that the expression's literals are."""
    if expr.WhichOneof("kind") == "literal":
        if expr.literal.artifact:
            found.add(expr.literal.artifact)
        return
    for item in (*expr.sequence.items, *expr.mapping.keys, *expr.mapping.values, *expr.record.values):
        add_artifacts(item, found)


def is_used(expr: Expr, node: int, place: int) -> bool:
    """Whether the expression uses an output of a node, or, with `INPUTS_NODE`, an input of the run."""
    match expr.WhichOneof("kind"):
        case "output":
            return (expr.output.node, expr.output.output) == (node, place)
        case "input":
            return (INPUTS_NODE, expr.input) == (node, place)
        case _:
            parts = (*expr.sequence.items, *expr.mapping.keys, *expr.mapping.values, *expr.record.values)
            return any(is_used(part, node, place) for part in parts)
