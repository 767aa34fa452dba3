"""`penstock show` tells inputs and arguments, tells nodes apart, and keeps a run of many nodes on one screen."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.conftest import PENSTOCK, Cli, Served
from tests.waiting import WAIT_S, wait_for

Project = Callable[[str, str], Path]

FLOW = """
    import time
    from pathlib import Path
    from penstock import operator, workflow


    @operator
    def load(rows: int) -> list[float]:
        return [i / 2 for i in range(rows)]


    @operator
    def train(data: list[float], fold: int, lr: float) -> float:
        print("fold", fold, "begins")
        if fold == 3:
            raise ValueError("loss is nan")
        return fold * lr


    @operator
    def best(scores: list[float]) -> float:
        return max(scores)


    @workflow
    def search(rows: int = 500, folds: str = "few") -> float:
        data = load(rows)
        return best([train(data, fold, lr) for fold in range(3) for lr in (0.1, 0.01)])


    @workflow
    def wide(rows: int = 5) -> float:
        data = load(rows)
        return best([train(data, fold, 0.1) for fold in range(60)])


    @operator
    def slow(go: str) -> int:
        print("epoch 1", flush=True)
        while not Path(go).exists():
            time.sleep(0.02)
        return 1


    @workflow
    def slowly(go: str) -> int:
        return slow(go)
"""


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("show") / "flow.py"
    path.write_text(textwrap.dedent(FLOW))
    return path


@pytest.fixture(scope="module")
def run(stack: Served, flow: Path) -> str:
    done = stack.cli("run", f"{flow}:search", "--json")
    assert done.code == 0, done.err
    assert done.json["inputs"] == {"rows": 500, "folds": "few"}
    assert "train[fold=2, lr=0.01]  succeeded" in done.err
    return done.json["run"]


@pytest.fixture(scope="module")
def failed(stack: Served, flow: Path) -> str:
    done = stack.cli("run", f"{flow}:wide")
    assert done.code == 1
    assert "node train[fold=3] failed (train-4, flow:train" in done.out and "fold 3 begins" in done.out
    return stack.cli.run_id(done)


def test_inputs_and_nodes_that_are_told_apart(cli: Cli, run: str) -> None:
    out = cli("show", run).out
    assert 'inputs: rows=500, folds="few"' in out
    assert re.search(r"^train\[fold=1, lr=0\.01\] +train-4 +succeeded", out, re.MULTILINE)
    shown = cli("show", run, "--json").json
    assert shown["inputs"] == {"rows": 500, "folds": "few"}
    fourth = shown["timings"]["nodes"][4]
    assert (fourth["name"], fourth["label"]) == ("train-4", "train[fold=1, lr=0.01]")
    assert fourth["arguments"] == {
        "data": {"node": "load", "output": "result"},
        "fold": {"value": 1},
        "lr": {"value": 0.01},
    }


def test_the_arguments_of_a_node(cli: Cli, run: str) -> None:
    out = cli("show", run, "train[fold=1, lr=0.01]").out
    assert "node train[fold=1, lr=0.01] (train-4)  succeeded" in out
    assert "data = [0.0, 0.5, 1.0" in out and "(load)" in out and "  lr = 0.01\n" in out
    shown = cli("show", run, "train-4", "--json").json
    assert shown["arguments"]["data"] == {"from": "load", "value": [i / 2 for i in range(500)]}
    assert shown["arguments"]["fold"] == {"from": "1", "value": 1}
    several = cli("show", run, "train[fold=1]")
    assert several.code == 1 and "is several nodes of flow:search: train-3, train-4" in several.err
    assert cli("get", run, "train-4", "-").out == "0.01\n"


def test_logs_of_a_run_and_of_a_node(cli: Cli, run: str) -> None:
    assert "fold 1 begins" not in cli("show", run).out
    out = cli("show", run, "--logs").out
    assert "train[fold=1, lr=0.1]  fold 1 begins" in out and out.count("begins") == 6
    assert cli("show", run, "train-4", "--logs").out.count("begins") == 1
    assert "train[fold=2, lr=0.1]  fold 2 begins" in cli("logs", run).out
    assert "nothing was printed" in cli("show", run, "load", "--logs").out


def test_many_nodes_are_summarised_with_what_failed_first(cli: Cli, failed: str) -> None:
    out = cli("show", failed).out
    assert "62 nodes: 60 succeeded, 1 failed, 1 skipped" in out
    assert re.search(r"^train +60 +59 +1 ", out, re.MULTILINE)
    assert re.search(r"^train\[fold=3\] +train-4 +failed .*user: loss is nan", out, re.MULTILINE)
    assert len(out.splitlines()) < 60 and "fold 3 begins" in out
    everything = cli("show", failed, "--all").out
    assert len(re.findall(r"^train\[fold=\d+\] +train\S* +succeeded", everything, re.MULTILINE)) == 59
    assert cli("show", failed, "--json").json["failure"]["node"] == "train-4"


def test_a_node_that_runs_has_arguments_and_no_outputs(cli: Cli, flow: Path, tmp_path: Path) -> None:
    go = tmp_path / "go"
    run = cli("run", f"{flow}:slowly", "--go", str(go), "--detach").out.split()[1]
    wait_for(lambda: "epoch 1" in cli("show", run, "--logs").out)
    shown = cli("show", run, "slow", "--json").json
    assert shown["arguments"] == {"go": {"from": "input go", "value": str(go)}} and shown["outputs"] is None
    go.touch()
    assert cli("watch", run, "--logs").code == 0


def on_terminal(columns: int, *words: str, cli: Cli, env: dict[str, str] | None = None) -> str:
    """What a command writes to a terminal of that width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    named = {"PENSTOCK_HOME": str(cli.data), "PATH": os.environ["PATH"], "TERM": "xterm", **(env or {})}
    with subprocess.Popen(
        [str(PENSTOCK), *words], stdin=theirs, stdout=theirs, stderr=theirs, env=named, start_new_session=True
    ) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            written += part
        os.close(ours)
        assert process.wait(WAIT_S) in (0, 1)
    return written.decode()


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_it_fits_any_terminal(cli: Cli, run: str, failed: str, columns: int) -> None:
    for words in (("show", run), ("show", failed), ("show", run, "train-4")):
        lines = re.sub(r"\x1b\[[0-9;]*m", "", on_terminal(columns, *words, cli=cli)).splitlines()
        assert max(map(len, lines)) <= columns, words


def test_colours_only_where_they_are_wanted(cli: Cli, failed: str) -> None:
    assert "\x1b[1;31m" in on_terminal(80, "show", failed, cli=cli)
    assert "\x1b[1;31m" not in on_terminal(80, "show", failed, cli=cli, env={"NO_COLOR": "1"})
    assert "\x1b" not in cli("show", failed).out
