"""The graph's columns, against a simple oracle and at the sizes we design for."""

from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_plan import PlanGraph, plan_hash
from penstock_plan.errors import PlanError
from penstock_proto.plan.v1 import plan_pb2 as pb

from tests.plan.plans import plan_of

Edges = list[set[int]]


def test_columns_of_a_diamond() -> None:
    plan = plan_of([[], [0], [0], [1, 2]])
    graph = PlanGraph.of(plan, plan_hash(plan.SerializeToString()))
    assert graph.size == 4
    assert graph.hash == plan_hash(plan.SerializeToString()) and len(graph.hash) == 32
    assert (graph.name, graph.bundle) == ("flow:main", b"")
    assert graph.names == ["step-0", "step-1", "step-2", "step-3"]
    assert graph.operators == ["flow:step"] * 4
    assert graph.kinds == bytes([pb.NODE_KIND_TASK] * 4)
    assert graph.parents == graph.value_parents == [(), (0,), (0,), (1, 2)]
    assert graph.children == [(1, 2), (3,), (3,), ()]
    assert graph.roots == (0,)
    assert graph.levels() == [[0], [1, 2], [3]]
    assert graph.critical_path([1, 1, 5, 1].__getitem__) == [0, 2, 3]


def test_order_alone_is_a_parent_but_no_value() -> None:
    graph = PlanGraph.of(plan_of([[], [], [1]], after=[[], [0], [0, 1]]), b"")
    assert graph.parents == [(), (0,), (0, 1)]
    assert graph.value_parents == [(), (), (1,)]


def test_inputs_of_the_run_come_first_and_unlock_nothing() -> None:
    plan = plan_of([[], [0]])
    plan.inputs.add(name="seed", type=0, required=True)
    plan.nodes[1].arguments.add(name="seed").value.input = 0
    plan.outputs.add(name="a").value.output.node = 1
    plan.outputs.add(name="b").value.input = 0
    graph = PlanGraph.of(plan, b"")
    assert graph.value_parents == [(), (-1, 0)]
    assert graph.parents == [(), (0,)]
    assert graph.output_nodes == (-1, 1)


def test_references_are_found_however_deep_they_lie() -> None:
    plan = plan_of([[], [], [], [], []])
    argument = plan.nodes[4].arguments.add(name="x").value
    argument.sequence.items.add().output.node = 3
    mapping = argument.sequence.items.add().mapping
    mapping.keys.add().output.node = 2
    record = mapping.values.add().record
    record.values.add().output.node = 0
    assert PlanGraph.of(plan, b"").value_parents[4] == (0, 2, 3)


def test_overrides_win_over_the_declaration() -> None:
    plan = plan_of([[], [], []])
    plan.operators[0].MergeFrom(
        pb.Operator(resources=pb.Resources(cpu_milli=1000), retry=pb.RetryPolicy(retries=2), timeout_s=5.0)
    )
    plan.nodes[1].overrides.resources.gpu = 1
    plan.nodes[1].overrides.timeout_s = 0
    plan.nodes[2].overrides.on_failure = pb.FAILURE_POLICY_CONTINUE
    graph = PlanGraph.of(plan, b"")
    assert [r.cpu_milli for r in graph.resources] == [1000, 0, 1000]
    assert [r.gpu for r in graph.resources] == [0, 1, 0]
    assert graph.resources[0] is graph.resources[2]
    assert graph.retry[0] is graph.retry[1] and graph.retry[0].retries == 2
    assert graph.timeout_s == [5.0, 0.0, 5.0]
    assert list(graph.on_failure) == [pb.FAILURE_POLICY_BLOCK_DEPENDENTS] * 2 + [pb.FAILURE_POLICY_CONTINUE]


def test_a_pass_node_calls_no_operator() -> None:
    plan = plan_of([[], []], after=[[], [0]])
    plan.operators[0].resources.gpu = 1
    plan.nodes[1].kind = pb.NODE_KIND_PASS
    graph = PlanGraph.of(plan, b"")
    assert graph.operators == ["flow:step", ""]
    assert graph.resources[1] == pb.Resources()


@pytest.mark.parametrize("parent", [1, 2, 7, -2])
def test_a_node_cannot_precede_its_parent(parent: int) -> None:
    with pytest.raises(PlanError, match="validate"):
        PlanGraph.of(plan_of([[], [parent], []]), b"")


def test_a_plan_without_nodes() -> None:
    graph = PlanGraph.of(pb.Plan(), b"")
    assert (graph.levels(), graph.critical_path(), graph.roots, graph.output_nodes) == ([], [], (), ())


@st.composite
def dags(draw: st.DrawFn) -> Edges:
    size = draw(st.integers(1, 12))
    return [draw(st.sets(st.integers(0, index - 1), max_size=4)) if index else set[int]() for index in range(size)]


@given(dags(), st.data())
def test_levels_and_critical_path_agree_with_an_oracle(edges: Edges, data: st.DataObject) -> None:
    graph = PlanGraph.of(plan_of(edges), b"")
    weights = data.draw(st.lists(st.integers(0, 9), min_size=len(edges), max_size=len(edges)))

    @cache
    def depth(node: int) -> int:
        return max((1 + depth(parent) for parent in edges[node]), default=0)

    @cache
    def heaviest(node: int) -> int:
        return weights[node] + max(map(heaviest, edges[node]), default=0)

    assert {node: level for level, nodes in enumerate(graph.levels()) for node in nodes} == {
        node: depth(node) for node in range(len(edges))
    }
    path = graph.critical_path(weights.__getitem__)
    assert sum(weights[node] for node in path) == max(map(heaviest, range(len(edges))))
    assert all(before in edges[node] for before, node in pairwise(path))
    assert all(parents == tuple(sorted(edges[node])) for node, parents in enumerate(graph.parents))
    assert all(node in graph.children[parent] for node, parents in enumerate(edges) for parent in parents)
    assert sum(map(len, graph.children)) == sum(map(len, edges))


def test_a_chain_of_fifty_thousand() -> None:
    graph = PlanGraph.of(plan_of([[index - 1] if index else [] for index in range(50_000)]), b"")
    assert len(graph.levels()) == 50_000
    assert graph.critical_path() == list(range(50_000))


def test_a_hundred_thousand_nodes_in_one_level() -> None:
    graph = PlanGraph.of(plan_of([[]] + [[0]] * 99_999), b"")
    assert [len(level) for level in graph.levels()] == [1, 99_999]
    assert len(graph.children[0]) == 99_999
