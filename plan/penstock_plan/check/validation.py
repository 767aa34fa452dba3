"""Plans come from anywhere, in any language: what they must fulfil before anything believes them."""

from google.protobuf.message import DecodeError
from penstock_proto.plan.v1 import plan_pb2

from ..errors import InvalidPlan
from ..graph import CONTROL_KINDS
from ..limits import NODES_MAX, OPERATORS_MAX, PLAN_BYTES_MAX, PORTS_MAX, SCHEMA, SCHEMA_MIN
from ..spelling import quote
from .control import Scopes
from .ends import problems_at_end
from .expressions import Expressions
from .nodes import CALLING, Nodes
from .problems import Problems
from .tables import check_hash, check_input, check_name, check_operator, check_types, check_unique

# Kinds of nodes whose outputs are those of an operator.
_WITH_OUTPUTS = CALLING | {plan_pb2.NODE_KIND_WAIT}


def load(data: bytes) -> plan_pb2.Plan:
    """Read a plan's bytes; raise InvalidPlan with everything that is wrong with it at once."""
    if not data:
        raise InvalidPlan(["the plan is empty"])
    if len(data) > PLAN_BYTES_MAX:
        raise InvalidPlan([f"the plan has {len(data)} bytes; the limit is {PLAN_BYTES_MAX}"])
    try:
        plan = plan_pb2.Plan.FromString(data)
    except DecodeError as error:
        raise InvalidPlan([f"the bytes are not a valid plan: {error}"]) from None
    check(plan)
    return plan


def check(plan: plan_pb2.Plan) -> None:
    """Raise InvalidPlan with everything that is wrong with the plan at once."""
    if not SCHEMA_MIN <= plan.schema <= SCHEMA:
        remedy = "upgrade the server" if plan.schema > SCHEMA else "compile it again"
        supported = f"this version supports {SCHEMA_MIN} to {SCHEMA}"
        raise InvalidPlan([f"the plan has schema {plan.schema}, {supported}: {remedy}"])
    _check_sizes(plan)
    problems = Problems()
    check_name(problems, "the plan", plan.name)
    if plan.bundle:
        check_hash(problems, "the plan's bundle", plan.bundle)
    types = list(plan.types)
    typed = check_types(problems, types)
    before = Problems()
    _check_operators(before, plan, len(types))
    _check_inputs(before, plan, len(types))
    problems.extend(before)
    _check_graph(problems, plan, types, typed=typed and not before)
    if problems:
        raise problems.error()


def _check_sizes(plan: plan_pb2.Plan) -> None:
    """Refuse, before anything else is looked at, what would take too long to look at."""
    tables = {"nodes": (plan.nodes, NODES_MAX), "operators": (plan.operators, OPERATORS_MAX)}
    for what, (found, most) in (tables | {"inputs": (plan.inputs, PORTS_MAX)}).items():
        if len(found) > most:
            raise InvalidPlan([f"the plan has {len(found)} {what}; the limit is {most}"])
    for operator in plan.operators:
        if (ports := max(len(operator.inputs), len(operator.outputs))) > PORTS_MAX:
            what = quote(f"{operator.module}:{operator.qualname}")
            raise InvalidPlan([f"operator {what} has {ports} inputs or outputs; the limit is {PORTS_MAX}"])


def _check_operators(problems: Problems, plan: plan_pb2.Plan, types: int) -> None:
    for operator in plan.operators:
        what = f"operator {quote(f'{operator.module}:{operator.qualname}')}"
        check_operator(problems, what, operator, types)


def _check_inputs(problems: Problems, plan: plan_pb2.Plan, types: int) -> None:
    check_unique(problems, "input", (declared.name for declared in plan.inputs))
    for declared in plan.inputs:
        what = f"input {quote(declared.name)}"
        check_input(problems, what, declared, types)
        if plan.schema < SCHEMA and declared.HasField("static"):
            problems.add(f"{what} is static, which needs a plan of schema {SCHEMA}")


def _check_graph(problems: Problems, plan: plan_pb2.Plan, types: list[plan_pb2.Type], *, typed: bool) -> None:
    nodes = list(plan.nodes)
    if not nodes:
        problems.add("the plan has no nodes")
    names = [node.name for node in nodes]
    declared = [tuple(port.type for port in operator.outputs) for operator in plan.operators]
    outputs = [
        declared[node.operator] if node.kind in _WITH_OUTPUTS and 0 <= node.operator < len(declared) else ()
        for node in nodes
    ]
    expressions = Expressions(problems, types, [declared.type for declared in plan.inputs], names, outputs)
    check_unique(problems, "node", names)
    scopes = (
        Scopes(problems, nodes, list(plan.operators)) if any(node.kind in CONTROL_KINDS for node in nodes) else None
    )
    if scopes is not None and plan.schema < SCHEMA:
        problems.add(f"a plan with maps or branches has schema {SCHEMA}")
    checks = Nodes(problems, expressions, plan, typed=typed, scopes=scopes)
    for node, name in zip(nodes, names, strict=True):
        checks.check(node, name)
    checks.check_order(names)
    _check_outputs(problems, expressions, plan, len(types), typed=typed, scopes=scopes)
    if plan.schema < SCHEMA and any(node.at_end for node in nodes):
        problems.add(f"a plan with calls at its end has schema {SCHEMA}")
    for index, text in problems_at_end(plan):
        problems.add(text if index < 0 else f"node {quote(names[index])} {text}")


def _check_outputs(
    problems: Problems,
    expressions: Expressions,
    plan: plan_pb2.Plan,
    types: int,
    *,
    typed: bool,
    scopes: Scopes | None,
) -> None:
    check_unique(problems, "output", (output.name for output in plan.outputs))
    for output in plan.outputs:
        what = f"output {quote(output.name)}"
        check_name(problems, "output", output.name)
        used: set[int] = set()
        size = expressions.check_refs(what, output.value, used)
        if scopes is not None and size >= 0:
            scopes.check_values(what, output.value, frozenset(), ())
            if any(node >= 0 and scopes.maps[node] for node in used):
                problems.add(f"{what} uses a node that is executed for each item of a map: gather it")
        if not 0 <= output.type < types:
            problems.add(f"{what} has type {output.type}, but the plan has {types} types")
        elif size >= 0 and typed and (wrong := expressions.mismatch(output.value, output.type)):
            problems.add(f"{what}: {wrong}")
