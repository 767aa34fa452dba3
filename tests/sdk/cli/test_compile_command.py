"""`penstock compile --svg`: to a file, to stdout, and what can go wrong with it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from penstock.cli.app import execute

HELLO = f"{Path(__file__).parents[3] / 'examples' / 'hello.py'}:hello"


def test_a_picture_in_a_file_and_on_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "plan.svg"
    assert execute(["compile", HELLO, "--svg", str(file)]) == 0
    assert capsys.readouterr().out == f"wrote {file}\n"
    assert execute(["compile", HELLO, "--svg", "-"]) == 0
    assert capsys.readouterr().out == file.read_text()
    text = "".join(ElementTree.fromstring(file.read_text()).itertext())
    assert "greet-2" in text and "critical path" in text


def test_a_file_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["compile", HELLO, "--svg", str(tmp_path / "none" / "plan.svg")]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_many_nodes_that_differ_are_a_few_boxes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flow = tmp_path / "large_flow.py"
    flow.write_text(
        "import random\n"
        "from penstock import operator, workflow\n\n"
        "@operator\ndef mix(parts: list[float]) -> float:\n    return sum(parts)\n\n"
        "@workflow\ndef large() -> float:\n"
        "    chance, made = random.Random(1), [mix([1.0])]\n"
        "    for _ in range(2000):\n        made.append(mix(chance.sample(made[-9:], min(len(made), 2))))\n"
        "    return mix(made[-5:])\n"
    )
    assert execute(["compile", f"{flow}:large", "--svg", "-"]) == 0
    assert 2 <= capsys.readouterr().out.count('class="name"') <= 200
