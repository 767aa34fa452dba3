"""The examples: the main job learns, its forms agree, and evaluating and predicting overlap."""

from pathlib import Path

from penstock import Client
from penstock.cli.timeline import overlaps
from penstock.compiler.loader import load_workflow

from tests.system.conftest import Cli, Served
from tests.waiting import WAIT_S

EXAMPLES = Path(__file__).parents[2] / "examples"


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
    assert "epochs" in done.err and "test_share" in done.err and "Traceback" not in done.err
