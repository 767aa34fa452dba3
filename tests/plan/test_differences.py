"""What differs between two plans, in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
from penstock_plan.show.differences import differences
from penstock_plan.show.expressions import spell_expression
from penstock_plan.show.outline import outline
from penstock_proto.plan.v1 import plan_pb2 as pb
from penstock_proto.value.v1.value_pb2 import Value

from tests.plan.plans import FLOAT, INT, STR, literal, output, valid_plan

Change = Callable[[pb.Plan], Any]


def said(*changes: Change, base: pb.Plan | None = None) -> list[str]:
    """What differs after the changes; the other way round there must be as much."""
    old = base or valid_plan()
    new = pb.Plan()
    new.CopyFrom(old)
    for change in changes:
        change(new)
    back = differences(outline(new), outline(old))
    there = differences(outline(old), outline(new))
    assert len(back) == len(there)
    return [str(each) for each in there]


def _move_lines(plan: pb.Plan) -> None:
    plan.doc, plan.bundle, plan.files[0] = "Other words.", b"\x01" * 32, "other.py"
    for node in plan.nodes:
        node.line += 7


def test_lines_documentation_and_bundle_are_no_difference() -> None:
    assert said(_move_lines) == []
    assert json.loads(json.dumps(asdict(outline(valid_plan())))) == asdict(outline(valid_plan()))


def _retype(plan: pb.Plan) -> None:
    plan.inputs[0].type = FLOAT
    plan.operators[0].inputs[0].type = FLOAT
    plan.operators[1].outputs[0].type = STR
    plan.operators[2].inputs[1].required = True
    plan.types[7].fields[0].type = INT


def test_types() -> None:
    assert said(_retype) == [
        "input seed: type is now float, was int",
        "type flow:Config: field rate is now int, was float",
        "operator flow:evaluate: input sizes is now required",
        "operator flow:load: input seed is now float, was int",
        "operator flow:train: output result is now str, was Model",
    ]


def _reinput(plan: pb.Plan) -> None:
    plan.inputs[1].default.CopyFrom(literal(0.2).literal)
    plan.inputs.add(name="note", type=STR, required=True)
    plan.outputs[0].value.CopyFrom(output(0, 1))
    plan.outputs[0].type = INT
    del plan.outputs[1]


def test_inputs_and_outputs() -> None:
    assert said(_reinput) == [
        "input note added, str",
        "input rate: default is now 0.2, was 0.1",
        "output seed removed, int",
        "output accuracy: type is now int, was float",
        "output accuracy: value is now load.count, was evaluate",
    ]


def _reoption(plan: pb.Plan) -> None:
    train, evaluate = plan.operators[1], plan.operators[2]
    train.retry.retries, train.timeout_s, train.on_failure = 5, 1.5, pb.FAILURE_POLICY_CONTINUE
    train.resources.memory_bytes, train.resources.labels["zone"] = 512 * 2**20, "a"
    train.resources.memory_is_declared = True
    evaluate.timeout_s = 60
    plan.nodes[1].overrides.resources.cpu_milli = 500
    plan.nodes[3].ClearField("overrides")


def test_options_of_an_operator_and_of_a_call() -> None:
    assert said(_reoption) == [
        "operator flow:evaluate: timeout_s is now 60, was none",
        "operator flow:train: memory is now 512Mi (declared), was none",
        'operator flow:train: labels is now {"zone": "a"}, was {}',
        "operator flow:train: retries is now 5, was 2",
        "operator flow:train: timeout_s is now 1.5, was none",
        "operator flow:train: on_failure is now continue, was block",
        "node train: cpu is now 0.5, was 2",
    ]


def _recode(plan: pb.Plan) -> None:
    plan.operators[0].source_hash = bytes(32)
    plan.operators[2].qualname = "judge"
    plan.nodes[3].name = "judge"


def test_code_and_names() -> None:
    assert said(_recode) == [
        "operator flow:evaluate renamed to flow:judge",
        "operator flow:load: its code changed",
        "node evaluate renamed to judge",
    ]


def _rewire(plan: pb.Plan) -> None:
    last = plan.nodes[3]
    last.arguments[1].value.sequence.items[1].CopyFrom(literal("much " * 40, "str"))
    last.arguments[2].value.mapping.keys[0].CopyFrom(output(0, 1))
    last.arguments[0].name = "network"
    last.after[:] = [0]
    plan.nodes[1].arguments[1].value.record.values[0].CopyFrom(literal(0.5))


def test_edges() -> None:
    assert said(_rewire) == [
        "node train: config is now Config(rate=0.5), was Config(rate=input rate)",
        "node evaluate: model is now not given, was train",
        f'node evaluate: sizes is now [1, "{"much " * 11}m..., input seed], was [1, load.count, input seed]',
        'node evaluate: weights is now {load.count: 2}, was {"a": 2}',
        "node evaluate: network is now train, was not given",
        "node evaluate: now waits for load",
        "node evaluate: no longer waits for point",
    ]


def _insert_first(plan: pb.Plan) -> None:
    """Another call of `total` before the two that there are, which are numbered anew."""
    plan.nodes[1].name, plan.nodes[2].name = "total-2", "total-3"
    first = plan.nodes.add(name="total", kind=pb.NODE_KIND_TASK)
    first.arguments.add(name="number").value.CopyFrom(literal(7))


def test_a_call_among_others_of_the_same_operator() -> None:
    plan = pb.Plan(schema=1, name="flow:main", types=[pb.Type(name="int")])
    total = plan.operators.add(module="flow", qualname="total", output_shape=pb.OUTPUT_SHAPE_SINGLE)
    total.inputs.add(name="number", type=0, required=True)
    total.outputs.add(name="result", type=0)
    for name, value in (("start", literal(1)), ("total", literal(2)), ("total-2", output(1))):
        plan.nodes.add(name=name, kind=pb.NODE_KIND_TASK).arguments.add(name="number").value.CopyFrom(value)
    assert said(_insert_first, base=plan) == [
        "node total added, total(number=7)",
        "node total renamed to total-2",
        "node total-2 renamed to total-3",
    ]


def _replace(plan: pb.Plan) -> None:
    added = plan.operators.add()
    added.CopyFrom(plan.operators[2])
    added.module, added.qualname = "other", "score"
    added.outputs[0].type = INT
    del added.inputs[1]
    plan.nodes[3].operator = 3
    node = plan.nodes.add(name="late", kind=pb.NODE_KIND_PASS, after=[3])
    node.line = 9


def test_operators_and_nodes_that_come() -> None:
    assert said(_replace) == [
        "operator other:score added, (model: Model, weights: dict[str, float]) -> (result: int)",
        "node late added, pass(), after evaluate",
        "node evaluate: calls other:score, called flow:evaluate",
    ]


@pytest.mark.parametrize("moved", ["moved:train", "moved:fit"])
def test_an_operator_with_the_same_code_was_moved(moved: str) -> None:
    base = valid_plan()
    base.operators[1].source_hash = b"\x05" * 32

    def move(plan: pb.Plan) -> None:
        plan.operators[1].module, plan.operators[1].qualname = moved.split(":")
        plan.operators[1].inputs[0].type = STR

    assert said(move, base=base) == [
        f"operator flow:train renamed to {moved}",
        f"operator {moved}: input rows is now str, was Dataset[flow:Row]",
    ]


def test_values_that_are_no_json_are_told_by_their_hash() -> None:
    plan = valid_plan()
    plan.nodes[0].arguments[0].value.literal.CopyFrom(Value(codec="numpy", artifact=bytes(32), size_bytes=9))
    plan.nodes[1].arguments[0].value.literal.CopyFrom(Value(codec="torch", inline=b"\xff", size_bytes=1))
    nodes = outline(plan).nodes
    assert spell_expression(nodes["load"].arguments["seed"]) == "numpy data 00000000"
    assert spell_expression(nodes["train"].arguments["rows"]) == "torch data a8100ae6"
