"""Runs with maps and branches that failed, and go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import penstock
import pytest
from penstock import operator, workflow
from penstock_plan.graph import MAP, PlanGraph
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as st
from penstock_state_tracker.api.forks import nodes_taken_over
from penstock_state_tracker.errors import BadRequest
from penstock_tracer.core import Traces

from tests.dynamic.cores import CoreRun

broken: set[str] = set()


def check(what: str) -> None:
    if what in broken:
        raise ValueError(what)


@operator
def items(n: int) -> list[int]:
    return list(range(n))


@operator
def load(x: int) -> int:
    check(f"load {x}")
    return x


@operator(on_failure="continue")
def tolerant(x: int) -> int:
    check(f"tolerant {x}")
    return x


@operator
def double(x: int, plus: int = 0) -> int:
    check(f"double {x}")
    return 2 * x + plus


@operator
def total(xs: list[int]) -> int:
    check("total")
    return sum(xs)


@operator
def is_odd(x: int) -> bool:
    check("is_odd")
    return x % 2 == 1


@workflow
def row(x: int) -> int:
    return total(double.map(items(load(x)), plus=x))


@workflow
def nested(n: int) -> int:
    found = total(row.map(items(n)))
    return penstock.when(is_odd(found), lambda: double(found), lambda: double(load(found)))


@workflow
def leaving_out(n: int) -> int:
    return double(total(double.map(tolerant.map(items(n)))))


@pytest.fixture(autouse=True)
def nothing_is_broken() -> None:
    broken.clear()


FAILURES = [{"load 2"}, {"double 1", "load 4"}, {"total"}, {"is_odd"}, {"double 50"}, {"load 50"}]


@pytest.mark.parametrize("what", FAILURES)
@pytest.mark.parametrize("seed", range(3))
def test_only_what_failed_and_hangs_on_it_is_executed_again(tmp_path: Path, seed: int, what: set[str]) -> None:
    broken.update(what)
    run = CoreRun(nested, {"n": 5}, seed, tmp_path)
    while run.drive().state == ev.RUN_STATE_FAILED:
        done = {event.action_succeeded.node for event in run.log if event.HasField("action_succeeded")}
        before = len(run.executed)
        broken.pop()
        run.reopen()
        again = {node for node, _ in run.executed[before:]}
        assert not again & done
    assert run.result() == nested(5)
    succeeded = [event.action_succeeded.node for event in run.log if event.HasField("action_succeeded")]
    assert len(succeeded) == len(set(succeeded))


@pytest.mark.parametrize("seed", range(6))
def test_items_that_a_list_was_made_without_stay_left_out(tmp_path: Path, seed: int) -> None:
    broken.update({"tolerant 1", "total"})
    run = CoreRun(leaving_out, {"n": 5}, seed, tmp_path)
    assert run.drive().state == ev.RUN_STATE_FAILED
    broken.clear()
    before = len(run.executed)
    run.reopen()
    assert run.drive().state == ev.RUN_STATE_SUCCEEDED
    assert run.names(node for node, _ in run.executed[before:]) == {"total", "double-2"}
    assert run.result() == 2 * sum(2 * x for x in (0, 2, 3, 4))


@pytest.mark.parametrize("seed", range(6))
def test_an_item_that_may_not_fail_stops_a_list_that_leaves_out_others(tmp_path: Path, seed: int) -> None:
    broken.update({"tolerant 1", "double 3"})
    run = CoreRun(leaving_out, {"n": 5}, seed, tmp_path)
    assert run.drive().state == ev.RUN_STATE_FAILED
    assert "total" not in run.names(node for node, _ in run.executed)
    broken.clear()
    run.reopen()
    assert run.drive().state == ev.RUN_STATE_SUCCEEDED
    assert run.result() == 2 * sum(2 * x for x in range(5))


def names_that_ran(run: CoreRun) -> set[str]:
    return run.names(node for node, _ in run.executed)


@pytest.mark.parametrize("what", FAILURES)
@pytest.mark.parametrize("seed", range(2))
def test_a_fork_takes_over_the_items_that_succeeded(tmp_path: Path, seed: int, what: set[str]) -> None:
    broken.update(what)
    run = CoreRun(nested, {"n": 5}, seed, tmp_path)
    assert run.drive().state == ev.RUN_STATE_FAILED
    done = run.names(event.action_succeeded.node for event in run.log if event.HasField("action_succeeded"))
    broken.clear()
    fork = CoreRun(nested, {"n": 5}, seed, tmp_path, origin=run)
    assert fork.drive().state == ev.RUN_STATE_SUCCEEDED
    assert fork.result() == nested(5)
    assert not names_that_ran(fork) & done
    again = CoreRun(nested, {"n": 5}, seed, tmp_path, origin=fork)
    assert again.log[-1].run_ended.state == ev.RUN_STATE_SUCCEEDED and again.result() == nested(5)


def test_a_fork_runs_items_whose_code_changed_and_what_follows(tmp_path: Path) -> None:
    broken.add("is_odd")
    run = CoreRun(nested, {"n": 3}, 1, tmp_path)
    run.drive()
    broken.clear()
    fork = CoreRun(nested, {"n": 3}, 1, tmp_path, origin=run, double="new")
    assert fork.drive().state == ev.RUN_STATE_SUCCEEDED and fork.result() == nested(3)
    ran = names_that_ran(fork)
    assert "row/double[2][1]" in ran and not ran & {"row/load[2]", "row.items", "row/double.items[2]"}, ran


def test_a_fork_does_not_open_items_whose_list_changed(tmp_path: Path) -> None:
    broken.add("is_odd")
    run = CoreRun(nested, {"n": 3}, 1, tmp_path)
    run.drive()
    broken.clear()
    fork = CoreRun(nested, {"n": 3}, 1, tmp_path, origin=run, items="new")
    reasons = {each.name: each.reasons for each in fork.decided.nodes}
    assert fork.drive().state == ev.RUN_STATE_SUCCEEDED and fork.result() == nested(3)
    assert reasons["items"] == ("code changed: items",), reasons
    assert not any("[" in name for name in reasons)


@pytest.mark.parametrize("seed", range(4))
def test_a_fork_leaves_out_what_was_left_out_unless_something_new_needs_it(tmp_path: Path, seed: int) -> None:
    broken.update({"tolerant 1", "total"})
    run = CoreRun(leaving_out, {"n": 5}, seed, tmp_path)
    run.drive()
    broken.clear()
    fork = CoreRun(leaving_out, {"n": 5}, seed, tmp_path, origin=run)
    assert fork.decided.left_out == ["tolerant[1]"]
    assert fork.drive().state == ev.RUN_STATE_SUCCEEDED and names_that_ran(fork) == {"total", "double-2"}
    assert fork.result() == 2 * sum(2 * x for x in (0, 2, 3, 4))

    broken.update({"tolerant 1", "total"})
    run = CoreRun(leaving_out, {"n": 5}, seed, tmp_path)
    run.drive()
    broken.clear()
    other = CoreRun(leaving_out, {"n": 5}, seed, tmp_path, origin=run, double="new")
    assert other.drive().state == ev.RUN_STATE_SUCCEEDED and "tolerant[1]" in names_that_ran(other)
    assert other.result() == 2 * sum(2 * x for x in range(5))


@pytest.mark.parametrize(
    ("claim", "text"),
    [
        ({"growths": [ev.Growth(node=0, items=2)]}, "is not a map"),
        ({"growths": [ev.Growth(node=99, items=2)]}, "is not a map"),
        ({"growths": [ev.Growth(node=1, items=0)]}, "one item or more"),
        ({"growths": [ev.Growth(node=1, items=1), ev.Growth(node=1, items=1)]}, "adds nodes once"),
        ({"growths": [ev.Growth(node=1, items=2**30)]}, "more than"),
        ({"growths": [ev.Growth(node=1, items=1)]}, "not reused itself"),
        ({"growths": [ev.Growth(node=4, items=1)]}, "within another"),
        ({"failed_steps": [1]}, "something waits for it"),
        ({"skipped_steps": [2]}, "within a map"),
        ({"not_taken_steps": [2]}, "within a map"),
        ({"not_taken_steps": [0]}, "no side of a branch"),
        ({"not_taken_steps": [1, 0]}, "ascending"),
        ({"not_taken_steps": [-1]}, "begins with"),
        ({"failed_steps": [1], "skipped_steps": [1]}, "each once"),
    ],
)
def test_what_a_fork_may_not_claim(claim: dict[str, Any], text: str) -> None:
    compiled = penstock.compile(nested, bundle_hash=b"", local=True)
    graph = PlanGraph.of(compiled.plan, compiled.hash)
    assert graph.kinds[1] == graph.kinds[4] == MAP and graph.maps[4] == (1,)
    with pytest.raises(BadRequest, match=text):
        nodes_taken_over(st.Fork(reused=ev.Successes(**claim)), graph)


def test_a_trace_has_each_item_also_after_the_run_was_reopened(tmp_path: Path) -> None:
    broken.add("total")
    run = CoreRun(nested, {"n": 3}, 1, tmp_path)
    run.drive()
    broken.clear()
    run.reopen()
    run.drive()
    traces = Traces(run.plans)
    spans = [traces.take(0, seq, seq, event) for seq, event in enumerate(run.log, 1)]
    names = [span.name for span in spans if span is not None]
    assert {"row/double[2][1]", "row/load[0]"} <= set(names)
    assert names.count("nested") == 0 and names.count("row/total[0]") == 2
