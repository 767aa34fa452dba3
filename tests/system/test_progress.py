"""How far operators are, as users see it while they run; checkpoints over the death of an operator's process."""

from collections.abc import Callable
from pathlib import Path

from penstock import Client

from tests.system.conftest import Cli, Served
from tests.waiting import wait_for

WORKFLOWS = """
import os, signal, sys, time
from pathlib import Path
import penstock
from penstock import operator, workflow

@operator
def steps(gate: str) -> int:
    for epoch in penstock.progress(range(8), text="epochs"):
        sys.stderr.write(f"\\rbatch {epoch} of 8")
        sys.stderr.flush()
        while epoch == 3 and not Path(gate).exists():
            time.sleep(0.05)
    return 8

@workflow
def stepping(gate: str) -> int:
    return steps(gate)

@operator(retries=2)
def epochs(count: int) -> list[int]:
    state = penstock.last_checkpoint() or {"epoch": 0, "attempts": []}
    for epoch in range(state["epoch"], count):
        state = {"epoch": epoch + 1, "attempts": [*state["attempts"], penstock.context().attempt]}
        penstock.checkpoint(state)
        if epoch in (1, 3) and penstock.context().attempt <= epoch // 2 + 1:
            os.kill(os.getpid(), signal.SIGKILL)
    return state["attempts"]

@workflow
def training(count: int = 6) -> list[int]:
    return epochs(count)
"""


def test_progress_is_shown_while_an_operator_runs(
    stack: Served, cli: Cli, project: Callable[[str, str], Path], tmp_path: Path
) -> None:
    file, gate = project("stepping.py", WORKFLOWS), tmp_path / "gate"
    log = tmp_path / "run.log"
    with log.open("w") as out:
        running = cli.start("run", f"{file}:stepping", "--gate", str(gate), stdout=out, stderr=out)
    wait_for(lambda: "progress 38% (3 of 8) epochs batch 3 of 8" in log.read_text())
    run = log.read_text().split("run ", 1)[1].split()[0]
    with Client(stack.address) as client:
        (said,) = client.progress(run)
        assert (said.node, said.done, said.total, said.text, said.line) == ("steps", 3, 8, "epochs", "batch 3 of 8")
    (node,) = cli("show", run, "--json").json["timings"]["nodes"]
    assert (node["progress"]["done"], node["progress"]["line"]) == (3, "batch 3 of 8")
    for words in (("show", run), ("show", run, "steps"), ("logs", run)):
        assert "38% (3 of 8) epochs" in cli(*words).out
    (entry,) = cli("logs", run, "--json").json
    assert entry["progress"] == {"done": 3, "total": 8, "text": "epochs", "line": "batch 3 of 8"}
    assert (entry["node"], entry["text"]) == ("steps", "38% (3 of 8) epochs batch 3 of 8")
    gate.touch()
    assert running.wait(60) == 0, log.read_text()
    assert "38%" not in cli("show", run).out
    assert cli("logs", run).out.count("batch") == 1
    assert not any("progress" in each for each in cli("logs", run, "--json").json)
    assert "100% (8 of 8)" in cli("show", run, "steps").out


def test_a_killed_operator_goes_on_from_its_checkpoint(cli: Cli, project: Callable[[str, str], Path]) -> None:
    done = cli("run", f"{project('training.py', WORKFLOWS)}:training", "--json")
    assert done.json["outputs"]["result"] == [1, 1, 2, 2, 3, 3], done
