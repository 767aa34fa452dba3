"""The outputs of a run, put together from the plan's expressions and the values that nodes recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec
from penstock_plan.refs import add_refs, parts_of, side_of
from penstock_proto import wire
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import service_pb2
from penstock_proto.value.v1 import value_pb2
from penstock_proto.wire import INPUTS_NODE

from .. import codecs
from .errors import BadOutput
from .float_words import Declared

Recorded = Mapping[int, Sequence[value_pb2.Value]]
Show = Callable[[value_pb2.Value], Any]


def recorded(outputs: Iterable[service_pb2.NodeOutputs]) -> Recorded:
    """Return the values by node, those of the run's inputs under -1."""
    return {each.node: list(each.values.values) for each in outputs}


def values_used(plan: plan_pb2.Plan, values: Recorded) -> list[value_pb2.Value]:
    """Return every value that the plan's outputs are made of."""
    return [value for output in plan.outputs for value in values_within(output.value, values)]


def values_within(expr: plan_pb2.Expr, values: Recorded) -> list[value_pb2.Value]:
    """Return every value that an expression is made of."""
    found: list[value_pb2.Value] = []
    _walk(expr, values, found.append)
    return found


def nodes_within(expr: plan_pb2.Expr) -> set[int]:
    """Return the nodes whose outputs an expression uses; -1 for the inputs of the run."""
    found: set[int] = set()
    add_refs(expr, found)
    return found


def as_json(plan: plan_pb2.Plan, values: Recorded, show: Show) -> dict[str, Any]:
    """Return each output as JSON; a value that is not JSON as its preview, or as the place of its bytes."""
    return {output.name: shown_as(output.value, values, show) for output in plan.outputs}


def plain_json(data: bytes | memoryview) -> Any:
    """Return what a JSON value says; what JSON has no number for becomes text: "NaN", "Infinity", "-Infinity"."""
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        pass
    try:
        return wire.in_words(codecs.decode("json", bytes(data)))
    except codecs.CodecError:
        return bytes(data).decode(errors="replace")


def lookup(expr: plan_pb2.Expr, values: Recorded) -> value_pb2.Value | None:
    """The value that a leaf stands for; None for an expression that has parts."""
    kind = expr.WhichOneof("kind")
    if kind == "literal":
        return expr.literal
    if kind == "choice":
        return lookup(taken(expr, values), values)
    if kind not in ("output", "input"):
        return None
    node, index = (INPUTS_NODE, expr.input) if kind == "input" else (expr.output.node, expr.output.output)
    try:
        return values[node][index]
    except (KeyError, IndexError):
        raise BadOutput(f"the run's record lacks output {index} of node {node}; `penstock events` shows it") from None


def taken(expr: plan_pb2.Expr, values: Recorded) -> plan_pb2.Expr:
    """Return what the side that a branch took has; raises BadOutput."""
    try:
        return side_of(expr, values)
    except LookupError:
        raise BadOutput(f"the run's record lacks what branch {expr.choice.branch} decided") from None


def _walk(expr: plan_pb2.Expr, values: Recorded, keep: Callable[[value_pb2.Value], None]) -> None:
    if (value := lookup(expr, values)) is not None:
        keep(value)
        return
    if expr.HasField("choice"):
        expr = taken(expr, values)
    for part in parts_of(expr):
        _walk(part, values, keep)


def shown_as(expr: plan_pb2.Expr, values: Recorded, show: Show) -> Any:
    """Return what an expression is put together from, with each value as it is shown."""
    if (value := lookup(expr, values)) is not None:
        return show(value)
    match expr.WhichOneof("kind"):
        case "choice":
            return shown_as(taken(expr, values), values, show)
        case "sequence":
            return [shown_as(item, values, show) for item in expr.sequence.items]
        case "mapping":
            keys = [shown_as(key, values, show) for key in expr.mapping.keys]
            return {
                str(key): shown_as(value, values, show) for key, value in zip(keys, expr.mapping.values, strict=True)
            }
        case "record":
            return {
                name: shown_as(value, values, show)
                for name, value in zip(expr.record.names, expr.record.values, strict=True)
            }
        case _:
            return None


Decode = Callable[[value_pb2.Value, Any], Any]


def as_python(plan: plan_pb2.Plan, expr: plan_pb2.Expr, values: Recorded, annotation: Any, decode: Decode) -> Any:
    """Return an output's value; its annotation is used where it is one value, what it is made of is plain Python."""
    if expr.HasField("choice"):
        return as_python(plan, taken(expr, values), values, annotation, decode)
    if (value := lookup(expr, values)) is not None:
        return _decoded(plan, expr, value, annotation, decode)
    match expr.WhichOneof("kind"):
        case "sequence":
            items = [as_python(plan, item, values, Any, decode) for item in expr.sequence.items]
            make = {"tuple": tuple, "set": set}.get(expr.sequence.kind, list)
            return cast(Any, make)(items)
        case "mapping":
            keys = [as_python(plan, key, values, Any, decode) for key in expr.mapping.keys]
            parts = [as_python(plan, part, values, Any, decode) for part in expr.mapping.values]
            return dict(zip(keys, parts, strict=True))
        case "record":
            parts = [as_python(plan, part, values, Any, decode) for part in expr.record.values]
            return dict(zip(expr.record.names, parts, strict=True))
        case _:
            return None


def _decoded(plan: plan_pb2.Plan, expr: plan_pb2.Expr, value: value_pb2.Value, annotation: Any, decode: Decode) -> Any:
    found = decode(value, annotation)
    if annotation is not Any or value.codec != "json":
        return found
    return Declared(plan, expr).exact(found, value.inline)
