"""Statistics and comparisons on the command line and in Python, on a whole stack; docs/history.md is executed."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from penstock import Client

from tests.system.conftest import Cli, Served
from tests.waiting import wait_for

PAGE = (Path(__file__).parents[2] / "docs" / "history.md").read_text()
FLOW = """
    from penstock import operator, workflow

    @operator
    def scale(x: float, by: float) -> float:
        return x / by

    @workflow
    def {name}(x: float = 1.0, by: float = 2.0) -> float:
        return scale(x, by)
"""


@pytest.fixture
def runs(cli: Cli, project: Callable[[str, str], Path]) -> list[str]:
    """A run that succeeds, another with another input, and one that fails; of a workflow that no other test has."""
    name = f"scaling{time.time_ns()}"
    path = project("scaled.py", FLOW.format(name=name))
    done = [cli("run", str(path), "--json", *words) for words in ((), ("--by", "4"), ("--by", "0"))]
    assert [one.code for one in done] == [0, 0, 1]
    ids = [cli.run_id(one) for one in done]

    def is_there() -> bool:
        rows = cli("stats", "--workflow", f"scaled:{name}", "--json").json
        return bool(rows) and rows[0]["succeeded"] + rows[0]["failed"] == 3

    wait_for(is_there)
    return [name, *ids]


def test_figures(cli: Cli, runs: list[str]) -> None:
    workflow = f"scaled:{runs[0]}"
    (row,) = cli("stats", "--workflow", workflow, "--json").json
    assert (row["workflow"], row["succeeded"], row["failed"]) == (workflow, 2, 1)
    assert row["p95_s"] >= row["p50_s"] > 0
    (row,) = cli("stats", "--workflow", workflow, "--by", "operator", "--by", "day", "--json").json
    assert (row["operator"], row["succeeded"], row["failed"]) == ("scaled:scale", 2, 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["day"])
    shown = cli("stats", "--workflow", workflow)
    assert re.search(rf"{workflow} +2 +1 ", shown.out), shown.out
    assert "nothing has ended" in cli("stats", "--workflow", "no:such").out
    assert cli("stats", "--by", "moon").code == 2 and "choose from workflow" in cli("stats", "--by", "moon").err


def test_runs_are_found_by_user_label_and_text(cli: Cli, runs: list[str]) -> None:
    found = cli("runs", "--search", runs[0].upper(), "--json").json
    assert [run["run"] for run in found] == runs[:0:-1]
    assert runs[1] in cli("runs", "--search", runs[0]).out
    user = found[0]["user"]
    mine = cli("runs", "--search", runs[0], "--user", user, "--state", "failed", "--json").json
    assert [run["run"] for run in mine] == [runs[3]]
    assert cli("runs", "--search", runs[0], "--user", "nobody", "--json").json == []
    assert cli("runs", "--search", runs[0], "--label", "a=b", "--json").json == []
    assert cli("runs", "--label", "odd").code == 2 and "NAME=VALUE" in cli("runs", "--label", "odd").err


def test_comparisons(cli: Cli, runs: list[str]) -> None:
    found = cli("compare", *runs[1:], "--json").json
    assert found["same_plan"] and [run["state"] for run in found["runs"]] == ["succeeded", "succeeded", "failed"]
    assert found["inputs"] == [
        {"input": "x", "values": [1.0, 1.0, 1.0], "differs": False},
        {"input": "by", "values": [2.0, 4.0, 0.0], "differs": True},
    ]
    assert [each["counts"] for each in found["operators"][0]["runs"]] == [{"succeeded": 1}] * 2 + [{"failed": 1}]
    out = cli("compare", *(run[-12:] for run in runs[1:])).out
    assert re.search(r"by \* +2\.0 +4\.0 +0\.0", out) and "ZeroDivisionError" in out
    assert cli("compare", runs[1]).code == 2
    assert cli("compare", runs[1], "0" * 32).code != 0


BYTES = """
    from penstock import operator, workflow

    @operator
    def fill(size: int) -> bytes:
        return b"x" * size

    @operator
    def count(data: bytes) -> int:
        return len(data)

    @workflow
    def filled(size: int = 5_000) -> int:
        return count(fill(size))
"""


def test_artifacts_and_their_lineage(stack: Served, cli: Cli, project: Callable[[str, str], Path]) -> None:
    run = cli.run_id(cli("run", str(project("filling.py", BYTES)), "--json"))
    found = wait_for(lambda: cli("artifacts", "--operator", "filling:fill", "--json").json)
    assert [(one["run"], one["node"], one["port"], one["size_bytes"]) for one in found] == [
        (run, "fill", "result", 5_000)
    ]
    shown = cli("artifacts", found[0]["hash"])
    assert f"made by fill of run {run}, as result" in shown.out and f"used in run {run} by count, as data" in shown.out
    assert "fill.result" in cli("artifacts", "--search", "ILLING", "--type", "bytes").out
    assert cli("artifacts", found[0]["hash"], "--json").json["used"][0]["argument"] == "data"
    assert cli("artifacts", "0" * 64).code == 1 and cli("artifacts", "0").code == 2
    with Client(stack.address) as client:
        (same,) = client.history.artifacts(run=run)
        assert (same.hash, client.history.lineage(same.hash).made) == (found[0]["hash"], [same])


def test_in_python_and_made_again(stack: Served, cli: Cli, runs: list[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    with Client(stack.address) as client:
        found = client.history.runs(search=runs[0].upper())
        assert [str(run.id) for run in found] == runs[:0:-1]
        assert (found[0].failed_node, found[0].counts) == ("scale", {"failed": 1})
        past = client.history.run(runs[1])
        assert past.inputs == {"x": 1.0, "by": 2.0} and past.critical_path == [0]
        assert past.operators[0].nodes == 1 and past.run.duration_s
        before = client.history.statistics(workflow=f"scaled:{runs[0]}")
        assert client.history.lag() >= 0
        assert cli("rebuild-history", "--json").json == {"rebuilding": True}
        wait_for(lambda: client.history.statistics(workflow=f"scaled:{runs[0]}") == before)
    exec(example.replace("Client()", f"Client({stack.address!r})"), {})
