"""Plans that decide as they run, on a running stack: maps, branches and loops, as users see and repair them."""

from __future__ import annotations

import textwrap

import pytest
from penstock import Client
from penstock.client import RunFailed
from penstock.client.view import NodeState

from tests.system.conftest import Cli, Served
from tests.waiting import wait_for

FLOW = """
    import numpy as np
    import penstock
    from penstock import operator, workflow


    @operator
    def parts(n: int) -> list[int]:
        return list(range(n))


    @operator
    def load(part: int) -> np.ndarray:
        if part == 13:
            raise ValueError("part 13 is corrupt")
        print("loaded", part)
        return np.full(300, part)


    @operator
    def mean(values: np.ndarray, scale: float) -> float:
        return float(values.mean()) * scale


    @operator
    def best(means: list[float]) -> float:
        return max(means)


    @operator
    def good(score: float) -> bool:
        return score > 10


    @operator
    def praise(score: float) -> str:
        return f"{score} is good"


    @workflow
    def scored(n: int, scale: float = 1.0) -> str:
        score = best(mean.map(load.map(parts(n)), scale=scale))
        return penstock.when(good(score), lambda: praise(score), "poor")


    @operator
    def report(means: list[float], failures: list[penstock.ItemFailure]) -> str:
        return f"{len(means)} means, without " + ", ".join(f"{each.index}: {each.message}" for each in failures)


    @workflow
    def reported(n: int) -> str:
        kept = load.map(parts(n), on_item_failure="keep", success_min=0.5)
        return report(mean.map(kept.results, scale=1.0), kept.failures)


    @workflow
    def priced(part: int) -> int:
        return penstock.signal("price", int)


    @workflow
    def asked(n: int) -> list[int]:
        return priced.map(parts(n))


    @workflow
    def forgiving(n: int) -> list[float]:
        return mean.map(load.options(on_failure="continue").map(parts(n)), scale=1.0)
"""


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("dynamic") / "dynamic_flow.py"
    file.write_text(textwrap.dedent(FLOW))
    return str(file)


def test_the_run_decides_how_many_items_there_are_and_which_side_is_taken(stack: Served, cli: Cli, flow: str) -> None:
    done = cli("run", flow + ":scored", "--n", "12", "--json")
    assert done.json["outputs"] == {"result": "11.0 is good"}
    poor = cli("run", flow + ":scored", "--n", "3", "--json")
    assert poor.json["outputs"] == {"result": "poor"}
    with Client(stack.address) as client:
        view = client.view(poor.json["run"])
    states = {node.name: node.state for node in view.nodes}
    assert states["praise"] is NodeState.NOT_TAKEN
    assert states["load"] is NodeState.MAPPED
    assert [states[f"load[{item}]"] for item in range(3)] == [NodeState.SUCCEEDED] * 3
    assert sum(view.counts().values()) == len(view.nodes) - 2, "the two that are mapped count with their items"


def test_items_are_shown_by_name(stack: Served, cli: Cli, flow: str) -> None:
    run = cli("run", flow + ":scored", "--n", "4", "--json").json["run"]
    with Client(stack.address) as client:
        assert client.output(run, "mean[2].result") == 2.0
    assert "loaded 3" in cli("logs", run, "load[3]").out
    shown = cli("show", run).out
    assert "load[1]" in shown
    assert cli("show", run, "mean[1]", "--json").json["name"] == "mean[1]"


def test_a_failed_item_is_named(stack: Served, cli: Cli, flow: str) -> None:
    done = cli("run", flow + ":scored", "--n", "15")
    assert done.code == 1
    assert "node load[13] failed" in done.out and "part 13 is corrupt" in done.out
    with Client(stack.address) as client, pytest.raises(RunFailed, match=r"load\[13\]"):
        client.result(cli.run_id(done))


def test_items_that_fail_under_continue_are_left_out(stack: Served, cli: Cli, flow: str) -> None:
    done = cli("run", flow + ":forgiving", "--n", "15", "--json")
    assert done.json["outputs"] == {"result": [float(part) for part in range(15) if part != 13]}


def test_items_that_fail_are_kept_apart(stack: Served, cli: Cli, flow: str) -> None:
    done = cli("run", flow + ":reported", "--n", "15", "--json")
    assert done.json["outputs"] == {"result": "14 means, without 13: part 13 is corrupt"}
    assert "load.failures" in cli("show", done.json["run"]).out


def test_each_item_waits_for_its_own_signal(stack: Served, cli: Cli, flow: str) -> None:
    run = cli("run", flow + ":asked", "--n", "3", "--detach", "--json").json["run"]
    with Client(stack.address) as client:
        wait_for(lambda: len(client.waits(run)) == 3)
        assert [each.node for each in client.waits(run)] == [f"priced/price[{item}]" for item in range(3)]
        unnamed = cli("signal", run, "priced/price", "--value", "1")
        assert unnamed.code != 0 and "priced/price[0]" in unnamed.err
        for item in (2, 0, 1):
            assert cli("signal", run, f"priced/price[{item}]", "--value", str(item * 10)).code == 0
        assert client.result(run) == [0, 10, 20]


def test_a_map_over_nothing_is_an_empty_list(stack: Served, cli: Cli, flow: str) -> None:
    done = cli("run", flow + ":forgiving", "--n", "0", "--json")
    assert done.json["outputs"] == {"result": []}
