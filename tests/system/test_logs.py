"""What the stack's log says of a run that fails."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.system.conftest import Served
from tests.waiting import wait_for

FLOW = """
from penstock import operator, workflow

@operator(retries=1, retry_delay_s=0.01)
def fragile(n: int) -> int:
    raise ValueError(f"no room for {n}")

@workflow
def breaks(n: int = 7) -> int:
    return fragile(n)
"""


def test_every_line_about_a_run_names_it(stack: Served, project: Callable[[str, str], Path]) -> None:
    done = stack.cli("run", f"{project('breaks.py', FLOW)}:breaks", "--json")
    run = json.loads(done.out)["run"]
    lines = wait_for(
        lambda: told if len(told := [line for line in stack.log().splitlines() if run in line]) >= 5 else []
    )
    for attempt in (1, 2):
        of_attempt = [line for line in lines if line.endswith(f"(run {run}, node 0, attempt {attempt})")]
        assert {line.split()[4].removesuffix(":") for line in of_attempt} == {
            "penstock_executors.failure_log",
            "penstock_state_tracker.failure_log",
        }
        assert all("ValueError: no room for 7" in line for line in of_attempt)
    assert any("retrying in 0" in line for line in lines)
    assert any(f"the run ended: failed at node 0 (run {run})" in line for line in lines)
