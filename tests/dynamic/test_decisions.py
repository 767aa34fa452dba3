"""What maps and branches do to a run when items fail, when it is cancelled, and when what they decide cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import penstock
import pytest
from penstock import operator, workflow
from penstock_plan.graph import PlanGraph
from penstock_plan.growth import ADDED_NODES_MAX, GrownGraph
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import reports_pb2
from penstock_proto.successes import numbers, unpacked
from penstock_proto.value.v1 import value_pb2

from tests.dynamic.cores import RUN, CoreRun
from tests.reopening import reopening_of


@operator
def items(n: int) -> list[int]:
    return list(range(n))


@operator
def picky(x: int) -> int:
    if x % 3 == 2:
        raise ValueError(x)
    return x


@operator
def double(x: int, plus: int = 0) -> int:
    return 2 * x + plus


@operator
def total(xs: list[int]) -> int:
    return sum(xs)


@operator
def broken(n: int) -> int:
    raise ValueError(n)


@workflow
def strict(n: int) -> int:
    return total(double.map(picky.map(items(n))))


@workflow
def forgiving(n: int) -> int:
    return total(double.map(picky.options(on_failure="continue").map(items(n))))


@operator
def is_big(x: int) -> bool:
    return x > 100


@workflow
def nested(n: int) -> int:
    def inner() -> int:
        return double(penstock.when(is_big(double(n)), lambda: double(n), lambda: double(n)))

    return double(penstock.when(is_big(n), inner, lambda: picky(n)))


@workflow
def hopeless(n: int) -> int:
    return total(double.map(items(n), plus=broken(n)))


@pytest.mark.parametrize("seed", range(6))
def test_the_list_of_results_fails_with_an_item(tmp_path: Path, seed: int) -> None:
    run = CoreRun(strict, {"n": 7}, seed, tmp_path)
    ended = run.drive()
    assert ended.state == ev.RUN_STATE_FAILED
    succeeded = [event.action_succeeded.node for event in run.log if event.HasField("action_succeeded")]
    assert len(succeeded) == 2 + 5 + 5, "the items that do not fail go on to their end"
    assert run.names(event.action_failed.node for event in run.log if event.HasField("action_failed")) == {
        "picky[2]",
        "picky[5]",
    }
    assert run.names(node for event in run.log for node in event.nodes_skipped.nodes) == {
        "double[2]",
        "double[5]",
        "double.list",
        "total",
    }


@pytest.mark.parametrize("seed", range(6))
def test_items_that_fail_under_continue_are_left_out(tmp_path: Path, seed: int) -> None:
    run = CoreRun(forgiving, {"n": 7}, seed, tmp_path)
    assert run.drive().state == ev.RUN_STATE_SUCCEEDED
    assert run.result() == sum(2 * x for x in range(7) if x % 3 != 2)


@pytest.mark.parametrize("seed", range(12))
def test_items_whose_other_arguments_failed_never_run(tmp_path: Path, seed: int) -> None:
    run = CoreRun(hopeless, {"n": 5}, seed, tmp_path)
    assert run.drive().state == ev.RUN_STATE_FAILED
    assert not any(name.startswith("double[") for name in run.names(node for node, _ in run.executed))


@pytest.mark.parametrize("n", [4, 103])
def test_nothing_of_the_other_sides_may_begin(tmp_path: Path, n: int) -> None:
    run = CoreRun(nested, {"n": n}, n, tmp_path)
    assert (run.drive().state, run.result()) == (ev.RUN_STATE_SUCCEEDED, nested(n))
    left_out = {node for event in run.log for node in event.nodes_skipped.nodes}
    assert left_out and not left_out.intersection(node for node, _ in run.executed)


def test_a_cancelled_run_adds_nothing(tmp_path: Path) -> None:
    run = CoreRun(strict, {"n": 5}, 1, tmp_path)
    run.step()  # items
    (node,) = run.starts
    run.record(run.shard.cancel(RUN, ev.Caller(), "enough", 0.0))
    report = reports_pb2.Report(run_id=RUN, node=node, attempt=1, grant=1, worker="w")
    report.succeeded.outputs.values.append(number(5))
    assert run.shard.report(report, 0.0) == []
    assert run.log[-1].run_ended.state == ev.RUN_STATE_CANCELLED


def test_a_map_that_ends_while_its_run_is_stopping_decides_again_if_the_run_goes_on(tmp_path: Path) -> None:
    run = CoreRun(strict, {"n": 5}, 1, tmp_path)
    run.step()  # items
    (node,) = run.starts
    begun = reports_pb2.Report(run_id=RUN, node=node, attempt=1, grant=1, worker="w", started=reports_pb2.Started())
    run.record(run.shard.report(begun, 0.0))
    run.record(run.shard.cancel(RUN, ev.Caller(), "enough", 0.0))
    ended = reports_pb2.Report(run_id=RUN, node=node, attempt=1, grant=1, worker="w")
    ended.succeeded.outputs.values.append(number(5))
    run.record(run.shard.report(ended, 0.0))
    assert run.log[-1].run_ended.state == ev.RUN_STATE_CANCELLED
    again = reopening_of(RUN, run.log, run.plans)
    assert node not in dict(unpacked(again.succeeded))
    assert list(numbers(again.tried_steps)) == [node] and list(again.next_attempts) == [2]


@pytest.mark.parametrize("value", [b"-1", b"true", b'"5"', b"5.0", b"", b"%d" % (ADDED_NODES_MAX + 1), b"9" * 30])
def test_a_map_that_does_not_say_how_many_items_it_has_has_failed(tmp_path: Path, value: bytes) -> None:
    run = CoreRun(strict, {"n": 5}, 1, tmp_path)
    run.step()
    (node,) = run.starts
    report = reports_pb2.Report(run_id=RUN, node=node, attempt=1, grant=1, worker="w")
    report.succeeded.outputs.values.append(value_pb2.Value(codec="json", inline=value))
    run.record(run.shard.report(report, 0.0))
    assert run.log[-1].run_ended.state == ev.RUN_STATE_FAILED
    assert "number" in run.log[2].action_failed.failure.message or "limit" in run.log[2].action_failed.failure.message


def test_a_list_of_too_many_items_is_not_opened(tmp_path: Path) -> None:
    run = CoreRun(strict, {"n": ADDED_NODES_MAX + 1}, 1, tmp_path)
    assert run.drive().state == ev.RUN_STATE_FAILED
    (failed,) = [event.action_failed for event in run.log if event.HasField("action_failed")]
    assert "1,000,001 items are more than a run can have, 1,000,000" in failed.failure.message


def test_an_item_costs_no_memory_in_the_graph() -> None:
    compiled = penstock.compile(strict, bundle_hash=b"", local=True)
    graph = GrownGraph(PlanGraph.of(compiled.plan, compiled.hash))
    added = graph.grow(1, 400_000)
    assert (len(added), len(graph.growths)) == (800_000, 1)
    last = added[-1]
    assert (graph.name_of(last), graph.path(last)) == ("double[399999]", [399_999])
    assert list(graph.parents[last]) == [added[399_999]]
    assert len(graph.parents[next(n for n in range(graph.plan.size) if graph.names[n] == "double.list")]) == 400_001


def number(value: int) -> value_pb2.Value:
    return value_pb2.Value(codec="json", inline=b"%d" % value)


def test_what_is_wrong_is_said_before_anything_runs() -> None:
    def text(body: Any) -> str:
        body.__annotations__ = {"n": int}
        with pytest.raises(penstock.CompileErrors) as raised:
            penstock.compile(workflow(body), bundle_hash=b"", local=True)
        return str(raised.value)

    assert "expected list[int], given int" in text(lambda n: double.map(n))
    assert "expected bool, given int" in text(lambda n: penstock.when(double(n), lambda: double(n), n))
    assert "known already" in text(lambda n: penstock.when(True, lambda: double(n), n))
    assert "is mapped over nothing" in text(lambda n: double.map(x=n))
    assert "takes 2 lists, given 3" in text(lambda n: double.map(items(n), items(n), items(n)))
    assert "has no argument z" in text(lambda n: double.map(items(n), z=penstock.each(items(n))))
    assert "used as a condition" in text(lambda n: double.map(items(n)) or n)
