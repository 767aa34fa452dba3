"""Workflows that are classes, on a running stack."""

from pathlib import Path

from penstock import Client

from tests.system.class_flow import Scores
from tests.system.conftest import Cli, Served

FLOW = Path(__file__).with_name("class_flow.py")


def test_a_workflow_class_has_flags_and_runs_on_workers(cli: Cli) -> None:
    shown = cli("run", f"{FLOW}:Scores", "--help")
    assert "--count" in shown.out and "How many rows to score." in shown.out and "--power" in shown.out
    done = cli("run", f"{FLOW}:Scores", "--count", "4", "--power", "3", "--json")
    assert (done.code, done.json["outputs"]) == (0, {"best": 54, "worst": 0})
    again = cli("diff", done.json["run"], f"{FLOW}:Scores")
    assert (again.code, again.out) == (0, "no differences\n")
    assert cli("diff", "f" * 32, str(FLOW)).code == 2


def test_the_client_takes_the_class(stack: Served) -> None:
    with Client(stack.address) as client:
        assert client.result(client.submit(Scores, count=3)) == Scores(count=3).run()
