"""What an argument is put together from: the nodes, inputs and artifacts that an expression refers to."""

from collections.abc import Mapping, Sequence

from penstock_proto.plan.v1.plan_pb2 import Expr, Plan
from penstock_proto.value.v1.value_pb2 import Value
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
        case "item":
            found.add(expr.item.node)
        case "choice":
            found.add(expr.choice.branch)
            for item in expr.choice.sides:
                add_refs(item, found)
        case _:
            pass


def add_artifacts(expr: Expr, found: set[bytes]) -> None:
    """Add every artifact that the expression's literals are."""
    if expr.WhichOneof("kind") == "literal":
        if expr.literal.artifact:
            found.add(expr.literal.artifact)
        return
    for item in parts_of(expr):
        add_artifacts(item, found)


def is_used(expr: Expr, node: int, place: int) -> bool:
    """Whether the expression uses an output of a node, or, with `INPUTS_NODE`, an input of the run."""
    match expr.WhichOneof("kind"):
        case "output":
            return (expr.output.node, expr.output.output) == (node, place)
        case "input":
            return (INPUTS_NODE, expr.input) == (node, place)
        case _:
            return any(is_used(part, node, place) for part in parts_of(expr))


def parts_of(expr: Expr) -> list[Expr]:
    """Return what a list, a dict, a record or a choice is put together from."""
    return [
        *expr.sequence.items,
        *expr.mapping.keys,
        *expr.mapping.values,
        *expr.record.values,
        *expr.choice.sides,
    ]


def maps_around(plan: Plan, node: int) -> list[int]:
    """Return the maps that a node of the plan is within, the innermost first."""
    found: list[int] = []
    while (around := plan.nodes[node].map) > 0:
        node = around - 1
        found.append(node)
    return found


def leaf_of(expr: Expr, values: Mapping[int, Sequence[Value]]) -> Value | None:
    """Return the value that an expression stands for; None if it has parts. Raises LookupError if it is missing."""
    match expr.WhichOneof("kind"):
        case "literal":
            return expr.literal
        case "output":
            return values[expr.output.node][expr.output.output]
        case "input":
            return values[INPUTS_NODE][expr.input]
        case "choice":
            return leaf_of(side_of(expr, values), values)
        case _:
            return None


def side_of(expr: Expr, values: Mapping[int, Sequence[Value]]) -> Expr:
    """Return what the side that a branch took has; raises LookupError if the branch is missing."""
    return expr.choice.sides[int(values[expr.choice.branch][0].inline)]
