"""Validation: a valid plan passes, and each mistake is named."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_plan import PlanGraph, plan_hash
from penstock_plan.check.validation import load
from penstock_plan.errors import PROBLEMS_MAX, InvalidPlan
from penstock_plan.limits import NODES_MAX, OPERATORS_MAX, PARTS_MAX, PLAN_BYTES_MAX, PORTS_MAX
from penstock_proto.plan.v1 import plan_pb2 as pb

from tests.plan.plans import (
    ANY,
    CONFIG,
    INT,
    LIST_INT,
    OPTIONAL,
    ROW,
    ROWS,
    STR,
    TUPLE_INT,
    literal,
    output,
    plan_of,
    valid_plan,
)

Change = Callable[[pb.Plan], object]


def problems_of(plan: pb.Plan | bytes) -> list[str]:
    """What is wrong with the plan."""
    try:
        load(plan if isinstance(plan, bytes) else plan.SerializeToString())
    except InvalidPlan as error:
        assert error.problems
        return error.problems
    return []


def changed(change: Change) -> pb.Plan:
    plan = valid_plan()
    change(plan)
    return plan


def argument(node: int, position: int, expr: pb.Expr) -> Change:
    return lambda plan: plan.nodes[node].arguments[position].value.CopyFrom(expr)


def sequence(kind: str, *items: pb.Expr) -> pb.Expr:
    return pb.Expr(sequence=pb.Sequence(kind=kind, items=items))


def set_field(path: str, value: object) -> Change:
    """Set a field such as `nodes.1.line`."""

    def change(plan: pb.Plan) -> None:
        target: object = plan
        *way, last = path.split(".")
        for step in way:
            target = target[int(step)] if step.isdigit() else getattr(target, step)  # type: ignore[index]
        if last.isdigit():
            target[int(last)] = value  # type: ignore[index]
        else:
            setattr(target, last, value)

    return change


def test_a_valid_plan_is_loaded() -> None:
    data = valid_plan().SerializeToString()
    graph = PlanGraph.of(load(data), plan_hash(data))
    assert graph.value_parents == [(-1,), (-1, 0), (), (-1, 0, 1)]
    assert graph.parents == [(), (0,), (1,), (0, 1, 2)]
    assert graph.output_nodes == (-1, 3)


MISTAKES: dict[str, tuple[Change, str]] = {
    "no name": (set_field("name", ""), "the plan has no name"),
    "bundle": (set_field("bundle", b"123"), "bundle is a hash of 3 bytes instead of 32"),
    "no nodes": (lambda plan: plan.ClearField("nodes"), "no nodes"),
    "node name": (set_field("nodes.0.name", ""), "node has no name"),
    "control character": (set_field("nodes.0.name", "a\nb"), r"'a\nb' has a control character"),
    "long name": (set_field("nodes.0.name", "a" * 256), "name of 256 characters; the limit is 255"),
    "same name": (set_field("nodes.1.name", "load"), "node 'load' occurs more than once"),
    "same input": (set_field("inputs.1.name", "seed"), "input 'seed' occurs more than once"),
    "same output": (set_field("outputs.1.name", "accuracy"), "output 'accuracy' occurs more than once"),
    "same argument": (set_field("nodes.1.arguments.1.name", "rows"), "gets 'rows' more than once"),
    "same port": (set_field("operators.0.outputs.1.name", "rows"), "output 'rows' occurs more than once"),
    "no operator": (set_field("nodes.1.operator", 3), "calls operator 3, but the plan has 3 operators"),
    "negative operator": (set_field("nodes.1.operator", -1), "calls operator -1"),
    "kind": (set_field("nodes.1.kind", pb.NODE_KIND_LOOP), "kind 'loop', which this version does not support"),
    "map that calls": (set_field("nodes.1.kind", pb.NODE_KIND_MAP), "must call penstock.control:map"),
    "newer kind": (set_field("nodes.1.kind", 77), "kind 77, which this version does not support"),
    "no kind": (set_field("nodes.1.kind", 0), "kind 'unspecified'"),
    "file": (set_field("nodes.1.file", 5), "at line 4 of file 5, but the plan has 1 files"),
    "unknown parent": (argument(1, 0, output(9)), "uses node 9, but the plan has 4 nodes"),
    "negative parent": (argument(1, 0, output(-1)), "uses node -1"),
    "unknown output": (argument(1, 0, output(0, 2)), "uses output 2 of node 'load', which has 2"),
    "output of nothing": (argument(3, 0, output(2)), "uses output 0 of node 'point', which has 0"),
    "unknown input": (argument(0, 0, pb.Expr(input=2)), "uses input 2, but the plan has 2 inputs"),
    "unknown after": (lambda plan: plan.nodes[3].after.append(4), "comes after node 4"),
    "unknown argument": (
        set_field("nodes.0.arguments.0.name", "sead"),
        "gets 'sead', but 'flow:load' takes 'seed'",
    ),
    "missing argument": (lambda plan: plan.nodes[1].ClearField("arguments"), "lacks 'config', 'rows' of 'flow:train'"),
    "arguments of pass": (lambda plan: plan.nodes[2].arguments.add(name="x"), "executes nothing, but has arguments"),
    "no value": (argument(0, 0, pb.Expr()), "has no value, or one of an unknown kind"),
    "type of output": (argument(3, 0, output(0)), "'model' of 'flow:evaluate': expected Model, given Dataset"),
    "type of input": (argument(3, 0, pb.Expr(input=0)), "expected Model, given int"),
    "type of literal": (argument(0, 0, literal("1", "str")), "expected int, given a str"),
    "bool for int": (argument(0, 0, literal(True, "bool")), "expected int, given a bool; a bool is not a number"),
    "scalar for model": (argument(3, 0, literal(1, "int")), "expected Model, given a int"),
    "item": (
        argument(3, 1, sequence("list", literal(1, "int"), output(1))),
        "'sizes' of 'flow:evaluate': item 1: expected int, given Model",
    ),
    "tuple for list": (set_field("nodes.3.arguments.1.value.sequence.kind", "tuple"), "given a tuple"),
    "sequence kind": (set_field("nodes.3.arguments.1.value.sequence.kind", "bag"), "unknown kind 'bag'"),
    "mapping": (lambda plan: plan.nodes[3].arguments[2].value.mapping.keys.pop(), "has 0 keys, 1 values"),
    "mapping key": (
        lambda plan: plan.nodes[3].arguments[2].value.mapping.keys[0].CopyFrom(output(0, 1)),
        "key 0: expected str, given int",
    ),
    "record type": (set_field("nodes.1.arguments.1.value.record.type", ROW), "unknown field 'rate'"),
    "no record": (set_field("nodes.1.arguments.1.value.record.type", INT), "but int is not a record"),
    "record range": (set_field("nodes.1.arguments.1.value.record.type", 99), "has type 99"),
    "record field": (
        set_field("nodes.1.arguments.1.value.record.names.0", "size"),
        "unknown field 'size', field 'rate'",
    ),
    "record value": (
        lambda plan: plan.nodes[1].arguments[1].value.record.values[0].CopyFrom(output(0)),
        "field 'rate': expected float, given Dataset",
    ),
    "type of plan output": (set_field("outputs.0.type", STR), "output 'accuracy': expected str, given float"),
    "plan output range": (set_field("outputs.0.type", 50), "output 'accuracy' has type 50"),
    "plan output node": (lambda plan: plan.outputs[0].value.CopyFrom(output(8)), "output 'accuracy' uses node 8"),
    "input type": (set_field("inputs.0.type", -3), "input 'seed' has type -3"),
    "input default": (lambda plan: plan.inputs[1].ClearField("default"), "not required and has no default"),
    "input schema": (set_field("inputs.0.schema_json", "[1"), "unreadable schema"),
    "type name": (set_field("types.0.name", ""), "has no name"),
    "type args": (set_field("types.3.args.0", 12), "refers to type 12, but the plan has 12 types"),
    "type in itself": (set_field("types.5.args.0", LIST_INT), "contains itself"),
    "type circle": (set_field("types.5.args.0", OPTIONAL), "contains itself"),
    "field type": (set_field("types.7.fields.0.type", 12), "refers to type 12"),
    "constraints": (set_field("types.0.constraints_json", "{"), "unreadable constraints"),
    "nameless record": (set_field("types.6.qualname", ""), "does not name its class"),
    "empty literal": (set_field("types.0.name", "literal"), "needs values"),
    "port type": (set_field("operators.0.inputs.0.type", 12), "input 'seed' has type 12"),
    "module": (set_field("operators.0.module", "../secrets"), "is not a name that Python can import"),
    "qualname": (set_field("operators.0.qualname", ""), "its name has no name"),
    "shape": (set_field("operators.0.output_shape", pb.OUTPUT_SHAPE_NONE), "output shape 3 does not match 2 outputs"),
    "no shape": (set_field("operators.1.output_shape", 0), "output shape 0"),
    "cpu": (set_field("operators.1.resources.cpu_milli", -1), "cpu_milli is -1; it must not be negative"),
    "gpu": (set_field("nodes.3.overrides.resources.gpu", -2), "gpu is -2"),
    "memory": (set_field("operators.1.resources.memory_bytes", -1), "memory_bytes is -1"),
    "retries": (set_field("operators.1.retry.retries", -1), "-1 retries"),
    "delay": (set_field("operators.1.retry.delay_s", float("nan")), "delay_s is nan"),
    "factor": (set_field("nodes.0.overrides.retry.factor", -1.0), "factor is -1.0"),
    "jitter": (set_field("operators.1.retry.jitter", 2.0), "jitter is 2.0"),
    "timeout": (set_field("nodes.3.overrides.timeout_s", -1.0), "timeout_s is -1.0"),
    "endless timeout": (set_field("operators.1.timeout_s", float("inf")), "timeout_s is inf"),
    "policy": (set_field("operators.1.on_failure", 9), "does not support failure policy 9"),
    "codec": (set_field("nodes.3.arguments.1.value.sequence.items.0.literal.codec", ""), "has no codec"),
    "artifact": (set_field("inputs.1.default.artifact", b"x"), "its artifact is a hash of 1 bytes"),
    "inline": (argument(0, 0, literal("x" * 2000)), "2002 bytes inline; the limit is 1024, store it as an artifact"),
    "much inline": (
        argument(3, 1, sequence("list", *[literal("x" * 1000)] * 80)),
        "80164 bytes of literals; the limit is 65536",
    ),
    "negative size": (set_field("inputs.1.default.size_bytes", -1), "negative size"),
    "itself": (lambda plan: plan.nodes[1].after.append(1), "node 'train' depends on itself"),
    "circle": (
        lambda plan: plan.nodes[1].after.append(3),
        "the plan has a cycle of dependencies: 'train' -> 'evaluate' -> 'train'",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_named(name: str) -> None:
    change, text = MISTAKES[name]
    problems = problems_of(changed(change))
    assert any(text in problem for problem in problems), problems


def test_a_tuple_is_not_a_list() -> None:
    plan = valid_plan()
    plan.operators[2].inputs[1].type = LIST_INT
    plan.nodes[3].arguments[1].value.sequence.kind = "tuple"
    assert problems_of(plan) == [
        "node 'evaluate' (flow.py:6), argument 'sizes' of 'flow:evaluate': expected list[int], given a tuple; "
        "a tuple is not a list: declare tuple[...] or pass list(...)"
    ]


@pytest.mark.parametrize("size", [0, 1, 3])
def test_a_tuple_of_any_length(size: int) -> None:
    plan = valid_plan()
    plan.operators[2].inputs[1].type = TUPLE_INT
    plan.nodes[3].arguments[1].value.CopyFrom(sequence("tuple", *[output(0, 1)] * size))
    assert not problems_of(plan)
    plan.types[TUPLE_INT].variadic = False
    assert bool(problems_of(plan)) == (size != 1)


def test_all_problems_come_at_once() -> None:
    plan = valid_plan()
    plan.nodes[0].name = ""
    plan.nodes[1].arguments[0].name = "raws"
    plan.nodes[3].overrides.timeout_s = -1
    plan.outputs[0].type = CONFIG
    assert len(problems_of(plan)) == 5  # the misspelt argument is unknown, the right one missing


def test_many_problems_are_counted() -> None:
    plan = plan_of([[]] * 1000)
    for node in plan.nodes:
        node.operator = 7
    problems = problems_of(plan)
    assert len(problems) == PROBLEMS_MAX + 1
    assert problems[-1] == "and 900 more"


def test_out_of_order_without_a_circle() -> None:
    assert problems_of(plan_of([[], [2], []])) == [
        "node 'step-1' is out of order: it depends on the later node 'step-2'"
    ]


def test_the_shortest_of_several_circles_is_named() -> None:
    edges = [[1], [2], [3], [0], [5], [6], [4], [8], [7], [7]]
    assert problems_of(plan_of(edges)) == ["the plan has a cycle of dependencies: 'step-7' -> 'step-8' -> 'step-7'"]


def test_a_long_circle_is_cut() -> None:
    (problem,) = problems_of(plan_of([[index + 1] for index in range(4999)] + [[0]]))
    assert "'step-19' -> 4980 more -> 'step-0'" in problem


@pytest.mark.parametrize("name", ["Übung", "数字の学習", "🦆", "a b", "مرحبا", "e\u0301", "\u200b", "x'\"y"])
def test_any_unicode_is_kept(name: str) -> None:
    plan = valid_plan()
    plan.nodes[0].name = plan.inputs[0].name = plan.outputs[0].name = plan.name = name
    data = plan.SerializeToString()
    assert PlanGraph.of(load(data), b"").names[0] == name


def test_schemas() -> None:
    assert problems_of(b"") == ["the plan is empty"]
    newer = valid_plan()
    newer.schema = 3
    newer.name = ""
    assert problems_of(newer) == ["the plan has schema 3, this version supports 1 to 2: upgrade the server"]
    newer.schema = 0
    assert "compile it again" in problems_of(newer)[0]
    assert "not a valid plan" in problems_of(b"\xff\xff\xff")[0]
    assert "the limit is" in problems_of(bytes(PLAN_BYTES_MAX + 1))[0]


def test_fields_of_the_future_survive() -> None:
    data = valid_plan().SerializeToString() + b"\xd2\x0f\x03new"  # field 250
    assert load(data).SerializeToString() == data


def test_too_many_nodes() -> None:
    assert problems_of(plan_of([[]] * (NODES_MAX + 1)))[0].endswith(f"the limit is {NODES_MAX}")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda plan: plan.operators.extend([pb.Operator()] * (OPERATORS_MAX + 1)), "operators; the limit"),
        (lambda plan: plan.inputs.extend([pb.PlanInput()] * (PORTS_MAX + 1)), "inputs; the limit"),
        (lambda plan: plan.operators[0].inputs.extend([pb.Port()] * (PORTS_MAX + 1)), "inputs or outputs; the limit"),
        (lambda plan: plan.operators[0].outputs.extend([pb.Port()] * (PORTS_MAX + 1)), "inputs or outputs; the limit"),
    ],
)
def test_what_every_run_is_checked_against_is_bounded(change: Change, problem: str) -> None:
    (found,) = problems_of(changed(change))
    assert problem in found


def test_calls_that_would_take_for_ever() -> None:
    plan = valid_plan()
    plan.operators[0].inputs.extend([pb.Port(name=str(number), required=True) for number in range(PORTS_MAX - 10)])
    plan.nodes.extend([pb.Node(name=str(number), kind=pb.NODE_KIND_TASK) for number in range(1_000)])
    assert problems_of(plan) == [f"the plan's calls have more than {PARTS_MAX} inputs"]


def test_types_that_would_take_for_ever() -> None:
    plan = plan_of([[]])
    for index in range(40):
        plan.types.add(name="union", args=[index, index])
    assert "nested deeper" in problems_of(plan)[0]


def test_a_choice_at_every_depth_takes_little() -> None:
    """Each list could be meant for each of the members: only what is counted is walked."""
    plan = plan_of([[], [0]])
    expr = output(0)
    for _ in range(15):
        lists = [len(plan.types) + offset for offset in range(8)]
        for index in lists:
            plan.types.add(name="list", args=[lists[0] - 1])
            plan.types[index].constraints_json = f'{{"minItems": {index}}}'
        plan.types.add(name="union", args=lists)
        expr = sequence("list", expr)
    plan.types[0].name = "int"
    plan.operators[0].outputs[0].type = plan.types.add(name="str") and len(plan.types) - 1
    plan.operators[0].inputs[0].type = len(plan.types) - 2
    plan.nodes[1].arguments[0].value.CopyFrom(expr)
    assert "unions within unions" in problems_of(plan)[0]


def test_a_hundred_thousand_nodes() -> None:
    choose = random.Random(1)
    edges = [[choose.randrange(index) for _ in range(3)] if index else [] for index in range(100_000)]
    assert not problems_of(plan_of(edges))


def test_a_chain_of_fifty_thousand() -> None:
    assert not problems_of(plan_of([[index - 1] if index else [] for index in range(50_000)]))


def test_fifty_thousand_nodes_in_a_circle() -> None:
    assert "cycle" in problems_of(plan_of([[index - 1 if index else 49_999] for index in range(50_000)]))[0]


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_or_loaded(data: bytes) -> None:
    problems_of(data)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_damaged_bytes_are_refused_or_loaded(damage: list[tuple[float, int]]) -> None:
    data = bytearray(VALID)
    for where, byte in damage:
        data[min(int(where * len(data)), len(data) - 1)] = byte
    if not problems_of(bytes(data)):
        PlanGraph.of(load(bytes(data)), b"")


VALID = valid_plan().SerializeToString()
EDGY = st.sampled_from([-(2**31), -1, 0, 1, 2, 3, 11, 12, 255, 2**31 - 1])


@given(st.data())
def test_any_field_may_have_any_value(data: st.DataObject) -> None:
    plan = pb.Plan.FromString(VALID)
    for _ in range(data.draw(st.integers(1, 3))):
        _mutate(plan, data)
    encoded = plan.SerializeToString()
    if not problems_of(encoded):
        PlanGraph.of(load(encoded), b"").critical_path()


def _mutate(message: object, data: st.DataObject) -> None:
    """Change a field somewhere below the message: another value, one item more or less, gone."""
    fields = message.ListFields()  # type: ignore[attr-defined]
    if not fields:
        return
    field, value = data.draw(st.sampled_from(fields), label="field")
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return
    if field.is_repeated:
        action = data.draw(st.sampled_from(["drop", "repeat", "inside", "inside", "inside"]))
        item = data.draw(st.integers(0, len(value) - 1))
        if action == "drop":
            del value[item]
        elif action == "repeat":
            value.append(value[item])
        elif field.message_type is not None:
            _mutate(value[item], data)
        else:
            value[item] = _other(value[item], data)
    elif field.message_type is not None:
        _mutate(value, data) if data.draw(st.integers(0, 4)) else message.ClearField(field.name)  # type: ignore[attr-defined]
    else:
        setattr(message, field.name, _other(value, data))


def _other(value: object, data: st.DataObject) -> object:
    match value:
        case bool():
            return not value
        case int():
            return data.draw(EDGY)
        case float():
            return data.draw(st.floats())
        case str():
            return data.draw(
                st.sampled_from(["", "any", "union", "record", "literal", "tuple", "int", "{", "\x00", "load"])
            )
        case _:
            return data.draw(st.binary(max_size=40))


def test_any_is_accepted_only_by_any() -> None:
    plan = valid_plan()
    plan.operators[0].outputs[0].type = ANY
    assert "Any fits only Any" in problems_of(plan)[0]
    plan.operators[1].inputs[0].type = ANY
    assert not problems_of(plan)
    plan.operators[0].outputs[0].type = ROWS
    assert not problems_of(plan)
