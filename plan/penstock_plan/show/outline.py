"""A plan in short: what it computes and how it is run, without lines, documentation and the bundle of code.

Two plans with equal outlines do the same. As JSON it is what golden files hold, and what plans are compared by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock_proto.plan.v1 import plan_pb2

from ..spelling import spell
from .expressions import Expression, expression, literal

VERSION = 1

_ON_FAILURE = {
    plan_pb2.FAILURE_POLICY_CONTINUE: "continue",
    plan_pb2.FAILURE_POLICY_BLOCK_DEPENDENTS: "block",
    plan_pb2.FAILURE_POLICY_CANCEL_DEPENDENTS: "cancel",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InputOutline:
    """An input of the workflow; `default` as an expression, None if it is required."""

    type: str
    default: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOutline:
    """An output of the workflow; `value` as an expression."""

    type: str
    value: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorOutline:
    """An operator as it was declared."""

    inputs: dict[str, str] = field(default_factory=dict[str, str])  # types by name
    optional: list[str] = field(default_factory=list[str])  # inputs with a default
    outputs: dict[str, str] = field(default_factory=dict[str, str])
    options: dict[str, Any]  # by the names that the SDK has for them
    code: str  # hash of its source, hexadecimal


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOutline:
    """One call; arguments are expressions, see expressions.py."""

    kind: str = "task"
    operator: str = ""  # "module:qualname"; empty if it calls none
    arguments: dict[str, Expression] = field(default_factory=dict[str, Expression])
    after: list[str] = field(default_factory=list[str])  # order alone
    options: dict[str, Any] = field(default_factory=dict[str, Any])  # where the call differs from the operator


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A whole plan; everything is found by its name, nodes in topological order."""

    outline: int  # version of this form
    workflow: str
    types: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])  # fields of records
    inputs: dict[str, InputOutline] = field(default_factory=dict[str, InputOutline])
    operators: dict[str, OperatorOutline] = field(default_factory=dict[str, OperatorOutline])
    nodes: dict[str, NodeOutline] = field(default_factory=dict[str, NodeOutline])
    outputs: dict[str, OutputOutline] = field(default_factory=dict[str, OutputOutline])


def outline(plan: plan_pb2.Plan) -> Outline:
    """The outline of a valid plan."""
    operators = [f"{each.module}:{each.qualname}" for each in plan.operators]
    return Outline(
        outline=VERSION,
        workflow=plan.name,
        types={
            each.qualname: {part.name: _optional(spell(plan.types, part.type, full=True), part) for part in each.fields}
            for each in sorted(plan.types, key=lambda each: each.qualname)
            if each.fields
        },
        inputs={
            each.name: InputOutline(
                type=spell(plan.types, each.type, full=True), default=None if each.required else literal(each.default)
            )
            for each in plan.inputs
        },
        operators={
            name: _operator(plan, each)
            for name, each in sorted(zip(operators, plan.operators, strict=True), key=_first)
        },
        nodes={each.name: _node(plan, operators, each) for each in plan.nodes},
        outputs={
            each.name: OutputOutline(type=spell(plan.types, each.type, full=True), value=expression(plan, each.value))
            for each in plan.outputs
        },
    )


def _first(pair: tuple[str, plan_pb2.Operator]) -> str:
    return pair[0]


def _optional(spelt: str, field: plan_pb2.Field) -> str:
    return spelt if field.required else f"{spelt}, optional"


def _operator(plan: plan_pb2.Plan, operator: plan_pb2.Operator) -> OperatorOutline:
    return OperatorOutline(
        inputs=_ports(plan, operator.inputs),
        optional=[port.name for port in operator.inputs if not port.required],
        outputs=_ports(plan, operator.outputs),
        options={
            **_resources(operator.resources),
            **_retry(operator.retry),
            "timeout_s": operator.timeout_s or None,
            "on_failure": _ON_FAILURE.get(operator.on_failure, "block"),
            **({"cache": _cache(operator.cache)} if operator.HasField("cache") else {}),
        },
        code=operator.source_hash.hex(),
    )


def _ports(plan: plan_pb2.Plan, ports: Sequence[plan_pb2.Port]) -> dict[str, str]:
    return {port.name: spell(plan.types, port.type, full=True) for port in ports}


def _node(plan: plan_pb2.Plan, operators: Sequence[str], node: plan_pb2.Node) -> NodeOutline:
    is_task = node.kind == plan_pb2.NODE_KIND_TASK
    return NodeOutline(
        kind=plan_pb2.NodeKind.Name(node.kind).removeprefix("NODE_KIND_").lower(),
        operator=operators[node.operator] if is_task else "",
        arguments={each.name: expression(plan, each.value) for each in node.arguments},
        after=[plan.nodes[each].name for each in node.after],
        options=_overrides(plan.operators[node.operator], node.overrides) if is_task else {},
    )


def _overrides(operator: plan_pb2.Operator, over: plan_pb2.Overrides) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    if over.HasField("resources"):
        changed |= _unlike(_resources(operator.resources), _resources(over.resources))
    if over.HasField("retry"):
        changed |= _unlike(_retry(operator.retry), _retry(over.retry))
    if over.HasField("timeout_s"):
        changed["timeout_s"] = over.timeout_s or None
    if over.HasField("on_failure"):
        changed["on_failure"] = _ON_FAILURE.get(over.on_failure, "block")
    if over.HasField("cache"):
        changed["cache"] = _cache(over.cache)
    return changed


def _cache(cache: plan_pb2.Cache) -> bool | str:
    """Whether results are reused, or for how long."""
    return f"{cache.lifetime_s:g} s" if cache.lifetime_s else not cache.is_off


def _unlike(declared: Mapping[str, Any], called: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in called.items() if value != declared[name]}


def _resources(resources: plan_pb2.Resources) -> dict[str, Any]:
    return {
        "cpu": resources.cpu_milli / 1000,
        "gpu": resources.gpu,
        "memory": _memory(resources),
        "labels": dict(sorted(resources.labels.items())),
    }


def _memory(resources: plan_pb2.Resources) -> Any:
    size = _size(resources.memory_bytes)
    return f"{size} (declared)" if resources.memory_is_declared else size


def _retry(retry: plan_pb2.RetryPolicy) -> dict[str, Any]:
    return {
        "retries": retry.retries,
        "retry_delay_s": retry.delay_s,
        "retry_factor": retry.factor,
        "retry_delay_max_s": retry.delay_max_s,
        "retry_jitter": retry.jitter,
    }


def _size(size_bytes: int) -> str | int | None:
    """As one writes it: "512Mi", or bytes where that is not exact; None: nothing is set aside."""
    for unit, factor in (("Ti", 2**40), ("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10)):
        if size_bytes and size_bytes % factor == 0:
            return f"{size_bytes // factor}{unit}"
    return size_bytes or None
