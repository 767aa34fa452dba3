"""Within a team, runs take turns, and the longest remaining path of a run goes first: in virtual time, and by hand."""

from statistics import mean

import pytest
from penstock_action_service.pool.records import AHEAD_S

from tests.action_service.pools import Driven, start, succeeded
from tests.action_service.virtual_cluster import VirtualCluster, mix
from tests.dags import NodeSpec, graph_of, plan_of

SEEDS = range(6)


def chain(length: int) -> list[NodeSpec]:
    return [NodeSpec(uses=[node - 1] if node else []) for node in range(length)]


@pytest.mark.parametrize("fans", [1, 30])
def test_a_short_chain_does_not_wait_for_fan_outs_before_it(fans: int) -> None:
    cluster = VirtualCluster(4, 4)
    wide = graph_of(plan_of([NodeSpec()] * 1_000, name="wide"))
    for _ in range(fans):
        cluster.submit(wide, [0.1] * 1_000)
    cluster.run(until_s=0.3)
    submitted_at = cluster.now
    run = cluster.submit(graph_of(plan_of(chain(5), name="narrow")), [0.1] * 5)
    cluster.run(until_s=20.0)
    fair_s = 0.5 if fans == 1 else 0.5 * (fans + 1) / 8
    assert cluster.ended_at[run] - submitted_at < 1.5 * fair_s + 0.5


def test_a_mix_of_graphs_ends_near_the_lower_bound() -> None:
    results = [mix(seed) for seed in SEEDS]
    assert mean(first for first, _, _ in results) < 1.15
    assert mean(seen for _, seen, _ in results) < 1.1


def test_short_runs_end_one_after_the_other() -> None:
    cluster = VirtualCluster(2)
    graph = graph_of(plan_of([NodeSpec()] * 4, name="small"))
    runs = [cluster.submit(graph, [0.02] * 4) for _ in range(20)]
    cluster.run()
    ends = [cluster.ended_at[run] for run in runs]
    assert ends == sorted(ends) and ends[0] < ends[-1] / 8


def test_no_run_starves_behind_runs_that_come_later() -> None:
    cluster = VirtualCluster(2)
    old = cluster.submit(graph_of(plan_of([NodeSpec()] * 100, name="old")), [0.1] * 100)
    small = graph_of(plan_of([NodeSpec()] * 4, name="small"))
    while old not in cluster.ended_at and cluster.now < 60:
        cluster.submit(small, [0.1] * 4)
        cluster.run(until_s=cluster.now + 0.25)
    assert old in cluster.ended_at


def test_the_longest_remaining_path_of_a_run_goes_first() -> None:
    pool = Driven()
    pool.say(*(start(node, remaining_s=float(node)) for node in (1, 3, 2)))
    pool.worker(cpus=1)
    order: list[int] = []
    while granted := pool.granted():
        order += [each.start.node for each in granted]
        pool.reports(*(succeeded(each) for each in granted))
    assert order == [3, 2, 1]


def test_what_is_given_back_to_the_queue_goes_before_its_like() -> None:
    pool = Driven()
    pool.worker("w", cpus=1)
    pool.say(start(0, remaining_s=1.0), start(1, remaining_s=9.0))
    (first,) = pool.granted()
    assert first.start.node == 1
    pool.core.disconnect("w", pool.now)
    pool.say(start(2, remaining_s=20.0))
    pool.worker("w", cpus=1, held=[])  # the order never arrived
    assert pool.nodes() == [1]


def test_runs_take_turns_over_needs_that_differ() -> None:
    pool = Driven()
    pool.worker(cpus=2)
    many, few = b"m" * 16, b"f" * 16
    pool.say(*(start(node, run_id=many) for node in range(50)))
    first, second = pool.granted()
    pool.say(*(start(node, run_id=few, cpus=0.5) for node in range(2)))
    pool.reports(succeeded(first))
    assert [each.start.run_id for each in pool.granted()] == [few, few]
    pool.reports(succeeded(second))
    assert [each.start.run_id for each in pool.granted()] == [many]


def test_short_actions_take_turns_as_well() -> None:
    pool = Driven()
    pool.worker(cpus=1)
    pool.say(start())
    (seen,) = pool.granted()
    pool.reports(succeeded(seen, duration_s=AHEAD_S / 100))
    pool.record(seen)
    runs = [bytes([number]) * 16 for number in range(4)]
    for run in runs:
        pool.say(*(start(node, run_id=run) for node in range(3)))
    granted = [each.start.run_id for each in pool.granted()]
    assert granted[:4] == runs and granted[4:8] == runs
