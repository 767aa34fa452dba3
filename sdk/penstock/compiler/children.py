"""Child runs of a plan: each workflow that is started as one is compiled to a plan of its own, with the same bundle."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from penstock_plan.children import CHILD_DEPTH_MAX, SIMPLE
from penstock_plan.limits import SCHEMA
from penstock_plan.waits import MODULE
from penstock_proto.plan.v1 import plan_pb2

from ..declare.signatures import Problem, bind
from ..declare.static import names_of, plain
from ..declare.workflows import Workflow
from ..errors import CompileErrors
from .containers import futures_in
from .control import control_operator
from .future import WHOLE, Future, Origin, describe
from .literals import BadLiteral, Literals
from .lowering import checked, located
from .shape import Shape
from .trace import Trace

TraceBody = Callable[[Trace, Workflow[..., Any], Mapping[str, Any]], Shape]


@dataclass(slots=True)
class ChildPlan:
    """The plan of a child run.

    Attributes:
        data: Its bytes, and `hash` their SHA-256, once the bundle is known.
        shape: Puts the outputs together to what the workflow returns.
        nodes: The nodes that start it.
    """

    plan: plan_pb2.Plan
    shape: Shape
    artifacts: Mapping[bytes, bytes]
    data: bytes = b""
    hash: bytes = b""
    nodes: list[plan_pb2.Node] = field(default_factory=list[plan_pb2.Node])


class Family:
    """The plans of all child runs of one plan, and of theirs."""

    def __init__(self, trace_body: TraceBody) -> None:
        self._trace_body = trace_body
        self._known: dict[Hashable, ChildPlan] = {}
        self._tracing: list[Hashable] = []
        self._plans: list[ChildPlan] = []  # those first that the others start

    def start(
        self,
        trace: Trace,
        workflow: Workflow[..., Any],
        given: tuple[Sequence[Any], Mapping[str, Any]],
        options: plan_pb2.Child,
        policy: plan_pb2.FailurePolicy,
        frame: FrameType,
    ) -> Any:
        """Add the node that starts a run; return what the workflow returns, made of the node's outputs."""
        signature = workflow.signature
        arguments, problems = bind(signature, *given)
        problems += signature.problems
        static = {name: arguments.pop(name) for name in names_of(signature) if name in arguments}
        for name, value in static.items():
            if futures := list(futures_in(value)):
                text = f"is static, given {describe(futures[0])}, whose value only the run has"
                problems.append(Problem(text, name, "give it a plain value, or a static input"))
        for problem in problems:
            trace.problem(workflow.name, problem, frame)
        if problems:
            raise CompileErrors("", [])
        child = self._child(trace, workflow, static, frame)
        values = _arguments(trace, workflow, arguments, frame)
        trace.plan.schema = SCHEMA
        outputs = _outputs(trace, workflow, child.shape)
        index = len(trace.plan.nodes)
        node = trace.add_node(workflow.name, plan_pb2.NODE_KIND_WAIT, frame)
        node.operator = _operator(trace, signature.parameters, values, outputs)
        for name, (expr, _) in values.items():
            node.arguments.add(name=name, value=expr)
        node.wait.child.CopyFrom(options)
        node.wait.child.outputs.extend(output.value for output in child.plan.outputs)
        if policy != plan_pb2.FAILURE_POLICY_BLOCK_DEPENDENTS:
            node.overrides.on_failure = policy
        if node.map:
            text = "starts a run within a map, where nothing can wait for each item"
            trace.problem(workflow.name, Problem(text, remedy="call it without start, or start one run for all"), frame)
        trace.order(node, arguments.values())
        child.nodes.append(node)
        return _result(trace, child.shape, outputs, Origin(index, node.name, workflow.name, frame.f_lineno, outputs))

    def traced(self, plan: plan_pb2.Plan) -> list[plan_pb2.Plan]:
        """Return the plans of all child runs, and that of their parent."""
        return [*(child.plan for child in self._plans), plan]

    def finish(self, bundle: bytes) -> tuple[ChildPlan, ...]:
        """Name the plans by their hashes in those that start them; return them, those first that others start."""
        for child in self._plans:
            child.plan.bundle = bundle
            child.data = child.plan.SerializeToString(deterministic=True)
            child.hash = hashlib.sha256(child.data).digest()
            for node in child.nodes:
                node.wait.child.plan = child.hash
        return tuple(self._plans)

    def _child(
        self, trace: Trace, workflow: Workflow[..., Any], static: Mapping[str, Any], frame: FrameType
    ) -> ChildPlan:
        key = _key(workflow, static)
        if (known := self._known.get(key)) is not None:
            return known
        if key in self._tracing or len(self._tracing) >= CHILD_DEPTH_MAX:
            text = (
                "starts itself as a child run, without end"
                if key in self._tracing
                else f"is more than {CHILD_DEPTH_MAX} child runs deep"
            )
            trace.problem(workflow.name, Problem(text, remedy="repeat by penstock.repeat, or by a loop"), frame)
            raise CompileErrors("", [])
        self._tracing.append(key)
        try:
            own = trace.of_child()
            shape = self._trace_body(own, workflow, static)
        finally:
            self._tracing.pop()
        _make_simple(own, shape, frame)
        child = self._known[key] = ChildPlan(own.plan, shape, own.literals.artifacts)
        self._plans.append(child)
        return child


def _key(workflow: Workflow[..., Any], static: Mapping[str, Any]) -> Hashable:
    literals = Literals()
    try:
        encoded = [
            (name, literals.encode(value, plain(workflow.signature.parameters[name].annotation)).SerializeToString())
            for name, value in static.items()
        ]
    except BadLiteral:  # said when it is compiled
        return object()
    return workflow.module, workflow.qualname, id(workflow.fn), tuple(encoded)


def _make_simple(trace: Trace, shape: Shape, frame: FrameType) -> None:
    """Let every output be one value, so that whoever hands it on needs to decode nothing."""
    for output in trace.plan.outputs:
        if output.value.WhichOneof("kind") not in SIMPLE and not trace.errors:
            output.value.CopyFrom(_one_value(trace, output.name, output.value, output.type, frame))


def _one_value(trace: Trace, name: str, expr: plan_pb2.Expr, type_index: int, frame: FrameType) -> plan_pb2.Expr:
    """Add a node that puts an expression together; return its output."""
    operator = control_operator(trace, "value", {"value": type_index}, {"result": type_index})
    index = len(trace.plan.nodes)
    node = trace.add_node(name, plan_pb2.NODE_KIND_TASK, frame)
    node.operator = operator
    node.arguments.add(name="value", value=expr)
    return plan_pb2.Expr(output=plan_pb2.OutputRef(node=index))


def _arguments(
    trace: Trace, workflow: Workflow[..., Any], arguments: Mapping[str, Any], frame: FrameType
) -> dict[str, tuple[plan_pb2.Expr, int]]:
    """The arguments, each as one value, with their types."""
    if trace.control is not None:
        trace.control.gather(arguments.values())
    trace.literals.begin_node()
    found: dict[str, tuple[plan_pb2.Expr, int]] = {}
    for name, value in arguments.items():
        problems: list[Problem] = []
        annotation, index = checked(trace.types, plain(workflow.signature.parameters[name].annotation), name, problems)
        for problem in problems:
            trace.error(located(workflow.place, workflow.name, problem))
        expr = plan_pb2.Expr()
        for wrong in trace.writer.write(expr, value, annotation, name):
            trace.mismatch(workflow.name, wrong, frame)
        if expr.WhichOneof("kind") not in SIMPLE and not trace.errors:
            expr = _one_value(trace, f"{workflow.name}.{name}", expr, index, frame)
        found[name] = expr, index
    return found


def _outputs(trace: Trace, workflow: Workflow[..., Any], shape: Shape) -> dict[str, tuple[int, Any, int]]:
    problems: list[Problem] = []
    found: dict[str, tuple[int, Any, int]] = {}
    for position, (name, annotation) in enumerate(shape.annotations.items()):
        found[name] = (position, *checked(trace.types, annotation, name, problems))
    for problem in problems:
        trace.error(located(workflow.place, workflow.name, problem))
    return found


def _operator(
    trace: Trace,
    parameters: Mapping[str, Any],
    values: Mapping[str, tuple[plan_pb2.Expr, int]],
    outputs: Mapping[str, tuple[int, Any, int]],
) -> int:
    """The operator that stands for the run: its inputs as far as they are given, and its outputs."""
    shapes = {0: plan_pb2.OUTPUT_SHAPE_NONE, 1: plan_pb2.OUTPUT_SHAPE_SINGLE}
    operator = trace.plan.operators.add(
        module=MODULE, qualname="child", output_shape=shapes.get(len(outputs), plan_pb2.OUTPUT_SHAPE_FIELDS)
    )
    for name, (_, type_index) in values.items():
        operator.inputs.add(name=name, type=type_index, required=parameters[name].is_required)
    for name, (_, _, type_index) in outputs.items():
        operator.outputs.add(name=name, type=type_index, required=True)
    return len(trace.plan.operators) - 1


def _result(trace: Trace, shape: Shape, outputs: Mapping[str, tuple[int, Any, int]], origin: Origin) -> Any:
    if not outputs:
        return Future(trace, origin, WHOLE, type(None), trace.types.index(type(None)))
    return shape({name: Future(trace, origin, *each) for name, each in outputs.items()})
