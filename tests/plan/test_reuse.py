"""Which nodes a fork takes over: those whose code, inputs and ancestors are the same and that have succeeded."""

import copy

from penstock_plan.reuse import Code, Decision, Done, Side, decide
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.value.v1.value_pb2 import Value


def json_value(text: str) -> Value:
    return Value(codec="json", inline=text.encode())


def plan() -> plan_pb2.Plan:
    """load(1), load(2) -> clean each with the input `factor` -> total, which says log after it."""
    made = plan_pb2.Plan(schema=1, name="m:w")
    made.types.add(name="int")
    made.inputs.add(name="factor", required=True)
    for name in ("load", "clean", "total", "log"):
        operator = made.operators.add(module="m", qualname=name, outputs=[plan_pb2.Port(name="result")])
        operator.resources.cpu_milli = 1000
    for number in (1, 2):
        literal = plan_pb2.Expr(literal=json_value(str(number)))
        add(made, f"load-{number}", 0, n=literal)
    for number in (1, 2):
        add(made, f"clean-{number}", 1, x=output(number - 1), factor=plan_pb2.Expr(input=0))
    items = plan_pb2.Sequence(kind="list", items=[output(2), output(3)])
    add(made, "total", 2, xs=plan_pb2.Expr(sequence=items))
    add(made, "log", 3).after.append(4)
    return made


def output(node: int) -> plan_pb2.Expr:
    return plan_pb2.Expr(output=plan_pb2.OutputRef(node=node))


def add(made: plan_pb2.Plan, name: str, operator: int, **arguments: plan_pb2.Expr) -> plan_pb2.Node:
    given = [plan_pb2.Argument(name=each, value=value) for each, value in arguments.items()]
    return made.nodes.add(name=name, kind=plan_pb2.NODE_KIND_TASK, operator=operator, arguments=given)


def side(made: plan_pb2.Plan, factor: str = "2", **code: str) -> Side:
    codes: list[Code] = [{each.qualname: code.get(each.qualname, "1")} for each in made.operators]
    return Side(made, [json_value(factor)], codes)


def differing(old: Code, new: Code) -> list[str]:
    return [name for name in old if old[name] != new.get(name)]


def decided(new: Side, done: Done | None = None, again: tuple[str, ...] = ()) -> list[Decision]:
    done = done or Done({node: 10 + node for node in range(6)})
    return decide(side(plan()), new, done, again, differing).nodes


def runs(found: list[Decision]) -> dict[int, tuple[str, ...]]:
    return {each.node: each.reasons for each in found if not each.seq}


def test_the_same_again_takes_all_of_it_over() -> None:
    found = decided(side(plan()))
    assert [each.seq for each in found] == [10, 11, 12, 13, 14, 15]


def test_only_what_did_not_succeed_and_what_follows_runs_again() -> None:
    done = Done({0: 10, 1: 11, 2: 12}, {3: "it failed", 4: "it was skipped", 5: "it was skipped"})
    assert runs(decided(side(plan()), done)) == {
        3: ("it failed",),
        4: ("it was skipped", "clean-2 runs again"),
        5: ("it was skipped", "total runs again"),
    }


def test_an_input_and_a_literal_count_by_content() -> None:
    changed = runs(decided(side(plan(), factor="3")))
    assert set(changed) == {2, 3, 4, 5} and changed[2] == ("input factor changed",)
    other = plan()
    other.nodes[1].arguments[0].value.literal.inline = b"7"
    changed = runs(decided(side(other)))
    assert set(changed) == {1, 3, 4, 5} and changed[1] == ("argument n is now 7",)
    assert changed[3] == ("load-2 runs again",)


def test_code_and_types_count_and_resources_do_not() -> None:
    changed = runs(decided(side(plan(), clean="2")))
    assert set(changed) == {2, 3, 4, 5} and changed[3] == ("code changed: clean",)
    other = plan()
    other.operators[1].resources.cpu_milli = 4000
    other.nodes[0].overrides.timeout_s = 5.0
    assert runs(decided(side(other))) == {}
    other.operators[1].outputs[0].name = "other"
    assert runs(decided(side(other)))[2] == ("its types changed",)


def test_names_and_the_order_of_nodes_do_not_count() -> None:
    other = plan()
    first, second = copy.deepcopy(other.nodes[0]), copy.deepcopy(other.nodes[1])
    other.nodes[0].CopyFrom(second)
    other.nodes[1].CopyFrom(first)
    other.nodes[2].arguments[0].value.output.node, other.nodes[3].arguments[0].value.output.node = 1, 0
    other.nodes[2].name = "renamed"
    assert [each.seq for each in decided(side(other))] == [11, 10, 12, 13, 14, 15]


def test_what_is_asked_for_runs_with_what_follows() -> None:
    changed = runs(decided(side(plan()), again=("load-1",)))
    assert changed == {
        0: ("it was asked for",),
        2: ("load-1 runs again",),
        4: ("clean-1 runs again",),
        5: ("total runs again",),
    }


def test_two_equal_calls_are_two_results() -> None:
    """Each result is taken over once: an operator may draw random numbers."""
    old = plan()
    old.nodes[1].arguments[0].value.literal.inline = b"1"
    new = copy.deepcopy(old)
    add(new, "load-3", 0, n=plan_pb2.Expr(literal=json_value("1")))
    found = decide(side(old), side(new), Done({node: 10 + node for node in range(6)}), (), differing).nodes
    assert [each.seq for each in found] == [10, 11, 12, 13, 14, 15, 0]
    assert found[-1].reasons == ("it is new",)
