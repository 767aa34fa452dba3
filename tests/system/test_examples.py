"""The examples: the main job learns, its forms agree, and evaluating and predicting overlap."""

import os
import re
import signal
from pathlib import Path

from penstock import Client
from penstock.cli.timeline import overlaps
from penstock.compiler.loader import load_workflow

from tests.system.conftest import Cli, Served
from tests.waiting import WAIT_S, wait_for

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_pages_name_workflows_and_inputs_that_exist(cli: Cli) -> None:
    pages = [*(EXAMPLES.parent / "docs").glob("*.md"), EXAMPLES.parent / "README.md", *EXAMPLES.glob("*.py")]
    commands = {
        command
        for page in pages
        for command in re.findall(r"penstock run (examples/\w+\.py:\w+(?: --[\w-]+ \w+)*)", page.read_text())
    }
    assert len(commands) >= 5
    for command in commands:
        target, *words = command.split()
        done = cli("run", str(EXAMPLES.parent / target), *words, "--help")
        assert done.code == 0 and all(word in done.out for word in words if word.startswith("--")), command


def test_hello(cli: Cli) -> None:
    done = cli("run", f"{EXAMPLES / 'hello.py'}:hello", "--name", "Ada", "--greeting", "Hi", "--json")
    assert done.json["outputs"] == {"result": "Hi, Ada! Hi, everybody!"}


def test_digits_learn_the_same_every_time(stack: Served) -> None:
    workflow = load_workflow(f"{EXAMPLES / 'digits.py'}:digits")
    with Client(stack.address) as client:
        first = client.submit(workflow, seed=1, epochs=20)
        result = client.result(first, timeout_s=WAIT_S)
        assert min(result.metrics[f"accuracy_{form}"] for form in ("torch", "onnx", "int8")) >= 0.95
        assert result.report.metrics["onnx_agrees"] >= 0.99
        assert result.report.metrics["onnx_difference_max"] < 1e-3
        assert result.model.metadata["weights"] == "int8" and len(result.model.payload) > 1000
        nodes = {node.name: node for node in client.view(first).nodes}
        assert overlaps(nodes["evaluate"], nodes["predict"])

        again = client.result(client.submit(workflow, seed=1, epochs=20), timeout_s=WAIT_S)
    assert (again.report, again.metrics) == (result.report, result.metrics)
    assert (again.model.payload, again.model.metadata) == (result.model.payload, result.model.metadata)


def test_digits_refuses_what_makes_no_sense(cli: Cli) -> None:
    done = cli("run", f"{EXAMPLES / 'digits.py'}:digits", "--epochs", "0", "--test-share", "1.5")
    assert done.code == 2
    assert "epochs" in done.err and "test-share" in done.err and "Traceback" not in done.err


def test_a_sweep_of_30_trainings_draws_a_matrix(cli: Cli, tmp_path: Path) -> None:
    done = cli("run", f"{EXAMPLES / 'sweep.py'}:sweep", "--json")
    assert done.code == 0, done
    assert done.json["outputs"]["accuracy"] > 0.9
    nodes = done.json["timings"]["nodes"]
    assert sum(node["operator"] == "sweep:train" for node in nodes) == 30
    assert cli("get", done.json["run"], "matrix", str(tmp_path / "matrix.png")).code == 0
    assert (tmp_path / "matrix.png").read_bytes().startswith(b"\x89PNG")


def test_200_files_become_one_table_and_one_report(cli: Cli, tmp_path: Path) -> None:
    done = cli("run", f"{EXAMPLES / 'files.py'}:sales", "--rows", "50", "--json")
    assert done.code == 0, done
    assert done.json["outputs"]["report"]["metrics"]["numbers"]["files"] == 200
    assert cli("get", done.json["run"], "table", str(tmp_path / "sales.csv")).code == 0
    assert len((tmp_path / "sales.csv").read_text().splitlines()) > 700


def test_a_cnn_that_is_killed_goes_on_from_its_checkpoint(stack: Served) -> None:
    """`kill -9` in the middle: the second attempt goes on, and the result is that of a run that nobody killed."""
    workflow = load_workflow(f"{EXAMPLES / 'cnn.py'}:cnn")
    with Client(stack.address) as client:
        run = client.submit(workflow, epochs=60)
        wait_for(lambda: any((each.done or 0) >= 2 for each in client.progress(run)))
        (first,) = [line.text for line in client.logs(run, "train")]
        os.kill(int(re.findall(r"process (\d+) ", first)[0]), signal.SIGKILL)
        killed = client.result(run, timeout_s=WAIT_S)
        attempts = [each.number for each in client.view(run).nodes[1].attempts]
        begun = [int(re.findall(r"from epoch (\d+) on", line.text)[0]) for line in client.logs(run, "train")]
        assert attempts == [1, 2] and begun[0] == 1 and begun[1] >= 3
        whole = client.result(client.submit(workflow, epochs=60), timeout_s=WAIT_S)
    assert killed.metrics == whole.metrics and killed.metrics["accuracy"] > 0.8
    assert all((killed.model.payload[name] == tensor).all() for name, tensor in whole.model.payload.items())
