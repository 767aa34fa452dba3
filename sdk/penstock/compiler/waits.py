"""Nodes that wait, as the plan has them."""

from __future__ import annotations

from typing import Any

from penstock_plan.waits import MODULE
from penstock_proto.plan.v1 import plan_pb2

from ..declare.signatures import RESULT
from ..declare.waiting import Fails
from . import schema
from .literals import Literals

__all__ = ["built_in", "write_wait"]


def write_wait(wait: plan_pb2.Wait, annotation: Any, otherwise: object, literals: Literals) -> None:
    """Add the schema of what is waited for, and the value that holds at the timeout. Raises BadLiteral."""
    if wait.HasField("signal"):
        wait.signal.schema_json = schema.of(annotation)
    if not isinstance(otherwise, Fails):
        wait.otherwise.CopyFrom(literals.encode(otherwise, annotation))


def built_in(function: str, output: int | None) -> plan_pb2.Operator:
    """The operator that stands for the output of a wait: none, or one of a type."""
    operator = plan_pb2.Operator(module=MODULE, qualname=function, output_shape=plan_pb2.OUTPUT_SHAPE_NONE)
    if output is not None:
        operator.output_shape = plan_pb2.OUTPUT_SHAPE_SINGLE
        operator.outputs.add(name=RESULT, type=output, required=True)
    return operator
