"""`check`, `compile` and `diff` of files, with workflows that are classes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from penstock.cli.app import execute

PARTS = """
from penstock import operator

@operator
class Scale:
    factor: int = {factor}

    def run(self, number: int) -> int:
        return number * self.factor
"""

FLOW = """
from penstock import operator, workflow
from parts import Scale

@operator(retries={retries})
def add(a: int, b: int = 0) -> int:
    return a + b

@workflow
class Flow:
    \"\"\"Scale and add.\"\"\"

    start: {type} = 1

    def run(self) -> int:
        return add(Scale().run(self.start), 2)
"""


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """Leave no module and no folder behind."""
    path = list(sys.path)
    yield
    sys.path[:] = path
    for name in ("flow", "parts"):
        sys.modules.pop(name, None)


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    return project(tmp_path / "flow")


def project(folder: Path, factor: int = 2, retries: int = 0, type: str = "int") -> Path:
    folder.mkdir()
    (folder / "parts.py").write_text(PARTS.format(factor=factor))
    (folder / "flow.py").write_text(FLOW.format(retries=retries, type=type))
    return folder / "flow.py"


def shown(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_workflow_class_is_found(flow: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["check", str(flow), "--json"]) == 0
    assert shown(capsys)["files"][0]["workflows"] == [{"name": "Flow", "nodes": 2, "secrets": []}]
    assert execute(["compile", f"{flow}:Flow", "--json"]) == 0
    found = shown(capsys)
    assert (found["name"], found["doc"], found["inputs"][0]["name"]) == ("flow:Flow", "Scale and add.", "start")


def test_errors_in_a_class_have_their_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flow = project(tmp_path / "flow", type="str")
    assert execute(["check", str(flow), "--json"]) == 2
    (error,) = [each for each in shown(capsys)["files"][0]["errors"] if each["operator"] == "Scale"]
    line = flow.read_text().splitlines().index("        return add(Scale().run(self.start), 2)") + 1
    assert (error["line"], error["argument"], error["expected"], error["given"]) == (line, "number", "int", "str")


def test_golden_files_and_workflows_are_compared(
    flow: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    golden = flow.with_name("golden.json")
    assert execute(["compile", str(flow), "--golden", str(golden)]) == 0
    capsys.readouterr()
    assert execute(["diff", str(golden), str(flow)]) == 0
    assert capsys.readouterr().out == "no differences\n"
    edited = project(tmp_path / "edited")
    edited.write_text(flow.read_text().replace("return a + b", "return b + a").replace(", 2)", ", b=3)"))
    assert execute(["diff", str(golden), f"{edited}:Flow"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said == ["operator flow:add: its code changed", "node add: b is now 3, was 2"]


def test_two_versions_of_the_same_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second is not taken for the first, although all modules have the same names."""
    old, new = project(tmp_path / "old"), project(tmp_path / "new", factor=3, retries=4)
    assert execute(["diff", str(old), str(new), "--json"]) == 1
    found = shown(capsys)
    assert (found["same"], found["old"], found["new"]) == (False, str(old), str(new))
    assert [(each["kind"], each["subject"], each["text"]) for each in found["differences"]] == [
        ("options", "operator flow:add", "operator flow:add: retries is now 4, was 0"),
        ("code", "operator parts:Scale", "operator parts:Scale: its code changed"),
        ("arguments", "node Scale", "node Scale: factor is now 3, was 2"),
    ]
    assert execute(["diff", str(old), str(old), "--json"]) == 0
    assert shown(capsys)["same"] is True


@pytest.mark.parametrize("side", ["nowhere.json", "nowhere.py", "nowhere.py:Flow"])
def test_what_cannot_be_read_is_no_difference(flow: Path, side: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["diff", str(flow), side]) == 2
    assert "nowhere" in capsys.readouterr().err
