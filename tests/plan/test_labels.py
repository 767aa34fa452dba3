"""Calls of one operator are told apart by what they are given."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from penstock_plan.show.labels import labels, matching
from penstock_proto.plan.v1 import plan_pb2 as pb
from penstock_proto.value.v1.value_pb2 import Value

from tests.plan.plans import literal, output


def plan(*calls: tuple[str, int, Mapping[str, Any]]) -> pb.Plan:
    """Nodes by name, operator and arguments; what is not an expression is a literal."""
    made = pb.Plan(operators=[pb.Operator(qualname=f"operator{index}") for index in range(3)])
    for name, operator, arguments in calls:
        node = made.nodes.add(name=name, kind=pb.NODE_KIND_TASK, operator=operator)
        for each, value in arguments.items():
            expr = value if isinstance(value, pb.Expr) else literal(value)
            node.arguments.add(name=each, value=expr)
    return made


GRID = plan(
    ("load", 0, {"path": "a.csv"}),
    ("train", 1, {"data": output(0), "fold": 1, "lr": 0.1, "epochs": 5}),
    ("train-2", 1, {"data": output(0), "fold": 1, "lr": 0.01, "epochs": 5}),
    ("train-3", 1, {"data": output(0), "fold": 2, "lr": 0.1, "epochs": 5}),
    ("best", 2, {"scores": pb.Expr(sequence=pb.Sequence(kind="list", items=[output(1), output(2)]))}),
)


def test_literals_that_differ_are_in_the_label() -> None:
    assert labels(GRID) == ["load", "train[fold=1, lr=0.1]", "train[fold=1, lr=0.01]", "train[fold=2, lr=0.1]", "best"]


def test_calls_that_differ_in_no_literal_keep_their_names() -> None:
    same = plan(("train", 0, {"x": 1}), ("train-2", 0, {"x": 1}), ("train-3", 0, {"x": output(0)}))
    assert labels(same) == ["train[x=1]", "train-2[x=1]", "train-3"]
    assert labels(plan(("train", 0, {"x": 1}), ("train-2", 0, {"x": 1}))) == ["train", "train-2"]


def test_a_number_that_is_part_of_a_name_stays() -> None:
    named = plan(("size-2", 0, {"x": 1}), ("size-2-2", 0, {"x": 2}), ("step-7", 1, {"x": 1}))
    assert labels(named) == ["size-2[x=1]", "size-2[x=2]", "step-7"]


def test_long_and_large_literals_are_short() -> None:
    artifact = pb.Expr(literal=Value(codec="numpy", artifact=bytes(range(32)), size_bytes=5000))
    long = plan(("a", 0, {"x": "word " * 20}), ("a-2", 0, {"x": {"deep": [1, 2]}}), ("a-3", 0, {"x": artifact}))
    assert labels(long) == ["a[x=word word word word wor…]", 'a[x={"deep": [1, 2]}]', "a[x=numpy:00010203]"]


def test_nodes_are_found_by_label_or_a_part_of_it() -> None:
    assert matching(GRID, "train[fold=1, lr=0.01]") == [2]
    assert matching(GRID, "train[lr=0.1,fold=2]") == [3]
    assert matching(GRID, "train[fold=1]") == [1, 2]
    assert matching(GRID, "train-3[fold=2]") == [3]
    assert matching(GRID, "train[fold=7]") == [] == matching(GRID, "train") == matching(GRID, "[")


def test_a_name_that_looks_like_another_with_its_number() -> None:
    given = {"x": 1}
    alike = plan(("a", 0, {}), ("a-12", 0, given), ("a-1", 0, given), ("a-1-12", 0, given), ("a-1-13", 0, {}))
    assert labels(alike) == ["a", "a-12[x=1]", "a-1", "a-1-12", "a-1-13"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "a-1"]), st.dictionaries(st.sampled_from("xyz"), st.text() | st.integers())
        ),
        max_size=8,
    )
)
def test_labels_are_unique_and_find_their_node(calls: list[tuple[str, dict[str, Any]]]) -> None:
    counts: dict[str, int] = {}
    nodes: list[tuple[str, int, dict[str, Any]]] = []
    for name, arguments in calls:
        counts[name] = counts.get(name, 0) + 1
        unique = name if counts[name] == 1 else f"{name}-{counts[name] + 10}"
        nodes.append((unique, "ab".find(name[0]), arguments))
    made = plan(*nodes)
    found = labels(made)
    assert len(set(found)) == len(found)
