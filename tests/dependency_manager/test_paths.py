"""How long the rest of a run takes from each node on."""

from penstock_dependency_manager import paths
from penstock_dependency_manager.core import Graph
from penstock_dependency_manager.paths import HOP_S, UNKNOWN_S, Durations, Paths, remaining_s
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from pytest import MonkeyPatch, approx

from tests.dags import NodeSpec, graph_of, plan_of

RUN = b"r" * 16
# 0 -> 1 -> 3, 0 -> 2, 4 alone
NODES = [NodeSpec(), NodeSpec(uses=[0]), NodeSpec(uses=[0]), NodeSpec(uses=[1]), NodeSpec(is_pass=True)]


def test_unknown_operators_count_alike() -> None:
    one = HOP_S + UNKNOWN_S
    assert list(remaining_s(graph_of(plan_of(NODES)), Durations())) == approx([3 * one, 2 * one, one, one, HOP_S])


def test_the_slower_branch_is_the_longer_one() -> None:
    graph = graph_of(plan_of(NODES))
    durations = Durations()
    for node, seconds in enumerate([1.0, 2.0, 10.0, 3.0]):
        durations.learn(graph.operators[node], seconds)
    assert list(remaining_s(graph, durations)) == approx([11 + 2 * HOP_S, 5 + 2 * HOP_S, 10 + HOP_S, 3 + HOP_S, HOP_S])


def test_a_mean_that_hardly_changes_costs_no_new_look() -> None:
    durations = Durations()
    durations.learn("m:f", 1.0)
    version = durations.version
    for _ in range(100):
        durations.learn("m:f", 1.1)
    assert durations.version == version
    for _ in range(100):
        durations.learn("m:f", 3.0)
    assert durations.version > version


def test_what_is_learnt_shows_in_the_next_run_and_in_a_snapshot() -> None:
    graph = graph_of(plan_of(NODES))
    core = Graph(0, {graph.hash: graph})
    submit = ev.RunSubmitted(plan=graph.hash)
    first = core.advance(ev.EventBatch(from_seq=1, events=[ev.Event(run_id=RUN, run_submitted=submit)]), 0.0)
    assert first[0].start.remaining_s == approx(3 * (HOP_S + UNKNOWN_S), rel=1e-5)
    done = ev.ActionSucceeded(node=0, attempt=1, grant=1, duration_us=7_000_000)
    later = 1.0
    core.advance(ev.EventBatch(from_seq=2, events=[ev.Event(run_id=RUN, action_succeeded=done)]), later)
    submitted = ev.Event(run_id=b"s" * 16, run_submitted=submit)
    second = core.advance(ev.EventBatch(from_seq=3, events=[submitted]), later)
    assert second[0].start.remaining_s == approx(7 + 2 * UNKNOWN_S + 3 * HOP_S, rel=1e-5)
    assert {start.remaining_s for start in core.starts(later) if start.run_id == b"s" * 16} == {
        each.start.remaining_s for each in second
    }


def test_plans_and_operators_that_are_remembered_are_bounded(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "NODES_MAX", 20)
    monkeypatch.setattr(paths, "OPERATORS_MAX", 5)
    known = Paths()
    graphs = [graph_of(plan_of(NODES, name=f"tests:{number}")) for number in range(10)]
    for graph in graphs:
        assert len(known.of(graph, 0.0)) == len(NODES)
    for number in range(100):
        known.durations.learn(f"m:{number}", 1.0)
        known.of(graphs[number % 10], float(number))
    assert known.remembered == (4, 20)
