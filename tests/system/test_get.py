"""Every output of a run can be had: whole as JSON, as a file, in Python; of nodes too, and while the run goes on."""

import base64
import json
import math
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas  # pyright: ignore[reportMissingTypeStubs]
import pytest
from penstock import Client
from penstock.client import NoSuchOutput

from tests.sdk.pictures import png
from tests.system.conftest import Cli, Served
from tests.waiting import wait_for

Project = Callable[[str, str], Path]

FLOW = """
    import time
    from pathlib import Path
    from dataclasses import dataclass
    from typing import Any, NamedTuple

    import numpy as np
    import pandas as pd
    from penstock import Model, after, operator, workflow


    class Made(NamedTuple):
        plot: Path
        table: pd.DataFrame
        model: Model[dict[str, Any]]
        numbers: list[float]


    @dataclass
    class Scores:
        best: float


    @operator
    def make(picture: bytes) -> Made:
        path = Path("confusion.png")
        path.write_bytes(picture)
        weights = Model({"w": np.ones(3)}, "numpy", {"epochs": 3})
        return Made(path, pd.DataFrame({"n": [1, 2]}), weights, [i / 7 for i in range(5000)] + [float("nan")])


    @operator
    def summed(numbers: list[float]) -> float:
        return sum(numbers[:3])


    @workflow
    def making(picture: bytes) -> dict[str, Any]:
        made = make(picture)
        plots = [made.plot, made.plot]
        return {"plot": made.plot, "plots": plots, "numbers": made.numbers, "sum": summed(made.numbers)}


    @operator
    def seen(loss: float, either: float | str, scores: Scores) -> dict[str, Any]:
        assert (loss, scores.best) == (float("-inf"), float("inf")) and either == "NaN"
        return {"loss": loss, "either": either, "list": [1.0, float("nan")], "scores": (scores.best,)}


    @workflow
    def lost(loss: float, either: float | str, scores: Scores) -> dict[str, Any]:
        return seen(loss, either, scores)


    @operator
    def hold(go: str, x: float) -> float:
        while not Path(go).exists():
            time.sleep(0.02)
        raise ValueError("too late")


    @workflow
    def failing(picture: bytes, go: str) -> float:
        made = make(picture)
        return hold(go, summed(made.numbers))
"""


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("get")
    (folder / "flow.py").write_text(textwrap.dedent(FLOW))
    return folder / "flow.py"


PICTURE = base64.b64encode(png(640, 480)).decode()


@pytest.fixture(scope="module")
def run(stack: Served, flow: Path) -> str:
    done = stack.cli("run", f"{flow}:making", "--picture", PICTURE, "--json")
    assert done.code == 0, done.err
    outputs = done.json["outputs"]
    assert outputs["numbers"] == [i / 7 for i in range(5000)] + ["NaN"]
    assert outputs["plot"]["preview"]["figure"] == {"format": "png", "width": 640, "height": 480}
    return done.json["run"]


def test_json_is_whole_and_the_screen_says_how_to_save(cli: Cli, run: str) -> None:
    assert len(cli("show", run, "--json").json["outputs"]["numbers"]) == 5001
    assert len(cli("show", run, "make", "--json").json["outputs"]["numbers"]) == 5001
    out = cli("show", run).out
    assert f"plot: figure confusion.png, PNG 640x480, 2.3 KiB; save: penstock get {run[-12:]} plot" in out
    assert "numbers: list of 5001: 0, 0.142857," in out and f"save: penstock get {run[-12:]} numbers FILE" in out


def test_outputs_become_files(cli: Cli, run: str, tmp_path: Path) -> None:
    def get(*words: str) -> str:
        done = cli("get", run[-12:], *words, cwd=tmp_path)
        assert done.code == 0, done.err
        return done.out

    assert get("plot") == "wrote confusion.png (2.3 KiB)\n"
    assert (tmp_path / "confusion.png").read_bytes() == png(640, 480)
    get("plots[1]", "second.png")
    assert (tmp_path / "second.png").read_bytes() == png(640, 480)
    get("make.table", "t.parquet")
    assert cast(Any, pandas).read_parquet(tmp_path / "t.parquet")["n"].tolist() == [1, 2]
    assert get("make.table", "-") == "n\n1\n2\n"
    get("make.model.payload.w", "w.npy")
    assert np.load(tmp_path / "w.npy").tolist() == [1.0, 1.0, 1.0]
    assert json.loads(get("make.model", "model", "--json"))["files"] == 2
    assert get("summed", "-") == f"{3 / 7}\n"
    listed = cli("get", run, "--json").json
    assert [each["output"] for each in listed] == ["plot", "plots", "numbers", "sum"]
    assert all(each["ready"] for each in listed) and "penstock get" in cli("get", run).out


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("plot", "confusion.png"), "confusion.png exists; choose another name, or replace it with --force"),
        (
            ("nobody",),
            "no output or node 'nobody'; its outputs are plot, plots, numbers, sum, its nodes are make, summed",
        ),
        (("make",), "node 'make' does not have exactly one output; its outputs: make.plot, make.table"),
        (("make.nothing",), "node 'make' has no output 'nothing'"),
        (("plots[7]",), "plots.7 does not exist: its parts are 0, 1"),
        (("make.model", "-"), "several parts"),
        (("numbers", "numbers.parquet"), "not as .parquet"),
        (("plot", "nowhere/plot.png"), "nowhere does not exist"),
    ],
)
def test_what_cannot_be_saved(cli: Cli, run: str, tmp_path: Path, words: tuple[str, ...], problem: str) -> None:
    (tmp_path / "confusion.png").write_text("mine")
    done = cli("get", run, *words, cwd=tmp_path)
    assert done.code == 1 and problem in done.err and done.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["confusion.png"]
    assert (tmp_path / "confusion.png").read_text() == "mine"


def test_in_python(stack: Served, run: str, tmp_path: Path) -> None:
    with Client(stack.address) as client:
        assert client.output(run, "plot").read_bytes() == png(640, 480)
        assert client.output(run, "make.table")["n"].tolist() == [1, 2]
        assert client.output(run, "make.model.payload.w").tolist() == [1.0, 1.0, 1.0]
        assert client.output(run, "summed", float) == 3 / 7
        assert math.isnan(client.output(run, "numbers")[-1])
        assert [each.path for each in client.outputs(run, "make")][:2] == ["make.plot", "make.table"]
        assert client.save(run, "numbers", tmp_path).path == tmp_path / "numbers.json"


def test_nan_and_infinities_on_their_way(stack: Served, flow: Path, tmp_path: Path) -> None:
    words = ("run", f"{flow}:lost", "--either", "NaN", "--scores", '{"best": "Infinity"}')
    done = stack.cli(*words, "--loss=-inf", "--json")
    assert done.code == 0, done.err
    assert done.json["outputs"]["result"] == {
        "loss": "-Infinity",
        "either": "NaN",
        "list": [1.0, "NaN"],
        "scores": ["Infinity"],
    }
    with Client(stack.address) as client:
        found = client.output(done.json["run"], "result")
        assert found.pop("list")[0] == 1.0
        assert found == {"loss": float("-inf"), "either": "NaN", "scores": (float("inf"),)}
    refused = stack.cli(*words, "--loss", "small", "--json")
    assert refused.code == 2 and "'small' is not float" in refused.err


def test_nodes_of_a_run_that_goes_on_and_fails(stack: Served, flow: Path, tmp_path: Path) -> None:
    go = tmp_path / "go"
    started = stack.cli("run", f"{flow}:failing", "--picture", PICTURE, "--go", str(go), "--detach")
    run = started.out.split()[1]
    with Client(stack.address) as client:
        wait_for(lambda: client.outputs(run, "summed")[0].is_ready)
        assert client.output(run, "summed") == 3 / 7
        with pytest.raises(NoSuchOutput, match="node 'hold' has not succeeded"):
            client.output(run)
        go.touch()
        assert client.wait_ended(run).failed_node == 2
        assert client.output(run, "make.table")["n"].tolist() == [1, 2]
