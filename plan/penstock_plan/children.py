"""Child runs, as the State Tracker reads them of a plan: what each is started with, and what its outputs are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.value.v1 import value_pb2
from penstock_proto.wire import INPUTS_NODE

from .errors import PlanError

# Runs above a child run.
CHILD_DEPTH_MAX: Final = 10
# What an argument or an output may be made of, so that nobody has to decode a value.
SIMPLE: Final = ("literal", "input", "output")

ValuesOf = Callable[[int], Sequence[value_pb2.Value] | None]


@dataclass(frozen=True, slots=True)
class Simple:
    """One value: an output of a node, an input of the run (of node -1), or a literal."""

    node: int
    output: int
    literal: bytes | None  # serialised

    @classmethod
    def of(cls, expr: plan_pb2.Expr) -> Simple:
        match expr.WhichOneof("kind"):
            case "literal":
                return cls(INPUTS_NODE, 0, expr.literal.SerializeToString())
            case "input":
                return cls(INPUTS_NODE, expr.input, None)
            case "output":
                return cls(expr.output.node, expr.output.output, None)
            case _:
                raise PlanError("an argument of a child run is not one value; validate the plan first")

    def value(self, values_of: ValuesOf) -> value_pb2.Value | None:
        """Return the value, given those of each node; None if it is not there."""
        if self.literal is not None:
            return value_pb2.Value.FromString(self.literal)
        values = values_of(self.node)
        return values[self.output] if values is not None and 0 <= self.output < len(values) else None


@dataclass(frozen=True, slots=True)
class Child:
    """A run that a node starts."""

    plan: bytes
    arguments: tuple[tuple[str, Simple], ...]
    outputs: tuple[Simple, ...]
    options: bytes  # the plan's message, without its outputs, serialised

    @classmethod
    def of(cls, node: plan_pb2.Node) -> Child:
        declared = node.wait.child
        options = plan_pb2.Child()
        options.CopyFrom(declared)
        del options.outputs[:]
        return cls(
            declared.plan,
            tuple((argument.name, Simple.of(argument.value)) for argument in node.arguments),
            tuple(map(Simple.of, declared.outputs)),
            options.SerializeToString(),
        )
