"""Sweeps on a running stack: a point that fails is left out on request, and Optuna chooses points on a worker."""

from pathlib import Path

from penstock import Client
from penstock.compiler.loader import load_workflow

from tests.system.conftest import Served
from tests.waiting import WAIT_S

FLOW = """
from penstock import operator, sweeps, workflow


@operator(cpu=0.1)
def loss(rate: float, depth: int) -> float:
    if depth == 3:
        raise ValueError("too deep")
    return rate * depth


@workflow
def compared() -> sweeps.Sweep:
    space = {"rate": sweeps.choice(1.0, 2.0), "depth": sweeps.integers(2, 4)}
    return sweeps.grid(loss.options(on_failure="continue"), space)


@workflow
def searched() -> sweeps.Sweep:
    space = {"rate": sweeps.uniform(1.0, 2.0), "depth": sweeps.choice(1, 2)}
    return sweeps.search(loss, space, rounds_max=4, parallel=2, patience=1, goal="maximize")
"""


def test_sweeps_run(stack: Served, tmp_path: Path) -> None:
    file = tmp_path / "sweep_flow.py"
    file.write_text(FLOW)
    compared, searched = (load_workflow(f"{file}:{name}") for name in ("compared", "searched"))
    with Client(stack.address) as client:
        found = client.result(client.submit(compared), timeout_s=WAIT_S)
        assert found.best == {"rate": 1.0, "depth": 2} and found.score == 2.0
        assert {row["depth"] for row in found.table} == {2, 4} and len(found.table) == 4
        run = client.submit(searched)
        tuned = client.result(run, timeout_s=WAIT_S)
        last = max(row["round"] for row in tuned.table)
        assert len(tuned.table) == 2 * last and (last == 4 or last - tuned.table[0]["round"] == 1)
        ended = {node.state.value for node in client.view(run).nodes}
        assert ended <= {"succeeded", "mapped", "not_taken"}
