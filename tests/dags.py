"""Plans of any shape for tests, without the compiler."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from penstock_plan.graph import PlanGraph
from penstock_plan.refs import add_refs
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.value.v1.value_pb2 import Value

POLICIES = (
    plan_pb2.FAILURE_POLICY_CONTINUE,
    plan_pb2.FAILURE_POLICY_BLOCK_DEPENDENTS,
    plan_pb2.FAILURE_POLICY_CANCEL_DEPENDENTS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSpec:
    """What matters of a node here. `uses`: nodes by value; -1: the inputs of the run."""

    uses: Sequence[int] = ()
    after: Sequence[int] = ()
    is_pass: bool = False
    on_failure: plan_pb2.FailurePolicy = plan_pb2.FAILURE_POLICY_BLOCK_DEPENDENTS
    retries: int = 0
    delay_s: float = 0.0
    timeout_s: float = 0.0
    cpu_milli: int = 1000


def plan_of(nodes: Sequence[NodeSpec], outputs: Sequence[int] = (), name: str = "tests:dag") -> plan_pb2.Plan:
    """Return a plan in which every node has one output, which the nodes that use it take as an argument."""
    plan = plan_pb2.Plan(schema=1, name=name)
    plan.types.add(name="any")
    plan.inputs.add(name="x", type=0, required=True)
    for index, spec in enumerate(nodes):
        _add_node(plan, index, spec)
    for output in outputs:
        plan.outputs.add(name=f"o{output}", type=0, value=_expr(output))
    return plan


def graph_of(plan: plan_pb2.Plan) -> PlanGraph:
    data = plan.SerializeToString(deterministic=True)
    return PlanGraph.of(plan, hashlib.sha256(data).digest())


def random_nodes(dice: Random, count_max: int) -> list[NodeSpec]:
    """Draw a DAG with every kind of edge and policy."""
    nodes: list[NodeSpec] = []
    for _ in range(dice.randint(1, count_max)):
        nodes.append(_random_node(dice, nodes))
    return nodes


def random_plan(dice: Random, count_max: int) -> plan_pb2.Plan:
    nodes = random_nodes(dice, count_max)
    with_output = [index for index, spec in enumerate(nodes) if not spec.is_pass]
    outputs = dice.sample(with_output, dice.randint(0, min(2, len(with_output))))
    return plan_of(nodes, outputs, name=f"tests:dag{dice.randrange(1000)}")


def with_waits(plan: plan_pb2.Plan, dice: Random, clock_us: int) -> plan_pb2.Plan:
    """Let nodes whose outputs nobody uses wait instead of run, each for something else."""
    used: set[int] = set()
    for expr in [each.value for node in plan.nodes for each in node.arguments] + [each.value for each in plan.outputs]:
        add_refs(expr, used)
    plan.schema = 2
    operators = [len(plan.operators), len(plan.operators) + 1]
    plan.operators.add(module="penstock", qualname="sleep", output_shape=plan_pb2.OUTPUT_SHAPE_NONE)
    signal = plan.operators.add(module="penstock", qualname="signal", output_shape=plan_pb2.OUTPUT_SHAPE_SINGLE)
    signal.outputs.add(name="result", type=0, required=True)
    for index, node in enumerate(plan.nodes):
        if index not in used and dice.random() < 0.7:
            parents = set(node.after)
            for argument in node.arguments:
                add_refs(argument.value, parents)
            wait = _random_wait(dice, clock_us)
            kind, operator = plan_pb2.NODE_KIND_WAIT, operators[wait.HasField("signal") or wait.HasField("approval")]
            after = sorted(parents - {-1})
            node.CopyFrom(plan_pb2.Node(name=node.name, kind=kind, operator=operator, after=after, wait=wait))
            node.overrides.on_failure = dice.choice(POLICIES)
    return plan


def _random_wait(dice: Random, clock_us: int) -> plan_pb2.Wait:
    match dice.randrange(5):
        case 0 | 1:
            return plan_pb2.Wait(sleep_s=dice.choice((0.0, 0.2, 3.0, 12.0)))
        case 2:
            return plan_pb2.Wait(until_us=clock_us + int(dice.choice((-1.0, 5.0, 25.0)) * 1e6))
        case 3:
            wait = plan_pb2.Wait(signal=plan_pb2.Signal(), timeout_s=dice.choice((0.0, 0.5, 10.0)))
            if wait.timeout_s and dice.random() < 0.5:
                wait.otherwise.CopyFrom(Value(codec="json", inline=b'"late"'))
            return wait
        case _:
            return plan_pb2.Wait(approval=plan_pb2.Approval(question="?", goes_on_denied=dice.random() < 0.5))


def _random_node(dice: Random, before: Sequence[NodeSpec]) -> NodeSpec:
    index = len(before)
    parents = dice.sample(range(index), dice.choice((0, 1, 1, 2, 3)) if index > 3 else dice.randint(0, index))
    by_order = [parent for parent in parents if dice.random() < 0.3 or before[parent].is_pass]
    if dice.random() < 0.15:
        return NodeSpec(after=parents, is_pass=True)
    uses = [parent for parent in parents if parent not in by_order]
    return NodeSpec(
        uses=[-1, *uses] if dice.random() < 0.3 else uses,
        after=by_order,
        on_failure=dice.choice(POLICIES),
        retries=dice.choice((0, 0, 1, 3)),
        delay_s=dice.choice((0.0, 0.5, 3.0)),
        timeout_s=dice.choice((0.0, 0.0, 5.0)),
        cpu_milli=dice.choice((500, 1000, 1000, 2000)),
    )


def _add_node(plan: plan_pb2.Plan, index: int, spec: NodeSpec) -> None:
    if spec.is_pass:
        plan.nodes.add(name=f"n{index}", kind=plan_pb2.NODE_KIND_PASS, after=spec.after)
        return
    operator = plan.operators.add(
        module="tests",
        qualname=f"op{index}",
        output_shape=plan_pb2.OUTPUT_SHAPE_SINGLE,
        resources=plan_pb2.Resources(cpu_milli=spec.cpu_milli),
        retry=plan_pb2.RetryPolicy(retries=spec.retries, delay_s=spec.delay_s, factor=2, delay_max_s=8, jitter=0.5),
        timeout_s=spec.timeout_s,
        on_failure=spec.on_failure,
    )
    operator.outputs.add(name="result", type=0, required=True)
    node = plan.nodes.add(
        name=f"n{index}", kind=plan_pb2.NODE_KIND_TASK, operator=len(plan.operators) - 1, after=spec.after
    )
    for place, used in enumerate(spec.uses):
        operator.inputs.add(name=f"a{place}", type=0, required=True)
        node.arguments.add(name=f"a{place}", value=_expr(used))


def _expr(node: int) -> plan_pb2.Expr:
    if node < 0:
        return plan_pb2.Expr(input=0)
    return plan_pb2.Expr(output=plan_pb2.OutputRef(node=node, output=0))
