"""`penstock show` looks into what a run made, wherever the bytes are."""

import asyncio
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from penstock.client import AsyncClient
from penstock.client.expressions import recorded
from penstock_proto.state_tracker.v1 import service_pb2

from tests.system.conftest import Cli, Served

Project = Callable[[str, str], Path]

FLOW = """
    import tempfile
    from pathlib import Path
    from typing import Any, NamedTuple

    import numpy as np
    import pandas as pd
    from penstock import Model, Report, operator, workflow


    class Made(NamedTuple):
        frame: pd.DataFrame
        weights: Model[dict[str, Any]]
        file: Path
        report: Report


    @operator
    def make(rows: int) -> Made:
        path = Path(tempfile.mkdtemp()) / "notes.txt"
        path.write_text("first line\\n" * 2000)
        frame = pd.DataFrame({"n": np.arange(rows), "half": np.arange(rows) / 2})
        weights = Model({"w": np.ones((100, 4), np.float32)}, "numpy", {"epochs": 3})
        return Made(frame, weights, path, Report("Summary", "**bold** words. " * 200))


    @operator
    def grown(frame: pd.DataFrame) -> int:
        return len(frame)


    @operator
    def fails(rows: int) -> int:
        raise ValueError("no rows")


    @workflow
    def making(rows: int = 500) -> Made:
        made = make(rows)
        grown(made.frame)
        return made


    @workflow
    def breaking(rows: int = 500) -> int:
        return fails(rows)
"""


@pytest.fixture(scope="module")
def run(stack: Served, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("previews") / "flow.py"
    path.write_text(textwrap.dedent(FLOW))
    done = stack.cli("run", f"{path}:making", "--json")
    assert done.code == 0, done.err
    return done.json["run"]


def test_outputs_of_a_run(cli: Cli, run: str) -> None:
    out = cli("show", run).out
    assert "frame: table of 500 rows, 2 columns" in out and "n      half" in out
    assert "array float32 (100, 4): 1, 1, 1" in out and '{"epochs": 3}' in out
    assert "file: file notes.txt, 21.5 KiB" in out and "  first line" in out
    assert "report: Summary" in out and "bold words." in out
    outputs = cli("show", run, "--json").json["outputs"]
    assert outputs["frame"]["preview"]["rows"] == 500
    assert outputs["file"]["preview"]["name"] == "notes.txt" and outputs["file"]["size_bytes"] > 22_000


def test_one_node(cli: Cli, run: str) -> None:
    out = cli("show", run, "make").out
    assert "node make  succeeded" in out and "flow:make, called at flow.py:" in out
    assert "frame: table of 500 rows, 2 columns" in out
    found = cli("show", run, "grown", "--json").json
    assert (found["name"], found["uses"], found["outputs"]) == ("grown", ["make"], {"result": 500})
    wrong = cli("show", run, "nobody")
    assert wrong.code == 1 and "no node 'nobody'; its nodes are make, grown" in wrong.err


def test_a_node_that_failed(cli: Cli, project: Project) -> None:
    failed = cli("run", f"{project('flow.py', FLOW)}:breaking", "--json").json["run"]
    shown = cli("show", failed, "fails")
    assert shown.code == 0 and "ValueError: no rows" in shown.out
    found = cli("show", failed, "fails", "--json").json
    assert found["outputs"] is None and found["failure"]["type"] == "ValueError"


def test_artifacts_that_are_elsewhere_or_gone(stack: Served, run: str) -> None:
    async def look() -> tuple[Any, Any]:
        async with AsyncClient(stack.address) as client:
            info = service_pb2.InfoResponse()
            info.CopyFrom(await client.info())
            info.artifact_folder = ""  # as on another host: everything comes from the service
            client._connection._info = info  # pyright: ignore[reportPrivateUsage]
            remote = await client.outputs_json(run, previews=True)
            for value in recorded((await client.wait_ended(run)).outputs)[0]:
                if value.artifact:
                    (
                        Path(stack.data) / "artifacts" / "objects" / value.artifact.hex()[:2] / value.artifact.hex()
                    ).unlink()
            return remote, await client.outputs_json(run, previews=True)

    remote, gone = asyncio.run(look())
    assert remote["frame"]["preview"]["rows"] == 500 and remote["file"]["preview"]["lines"][0] == "first line"
    assert gone["frame"]["type"] == remote["frame"]["type"] and "artifact" in gone["frame"]["preview"]["problem"]
