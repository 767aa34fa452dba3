"""The examples of docs/sdk.md do what the page says."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import penstock
import pytest
from penstock import CompileErrors, FutureUsedAsValue, testing
from penstock.cli.app import execute
from penstock.compiler.loader import workflows_in
from penstock_plan.check import validation

PAGE = Path(__file__).parents[2] / "docs" / "sdk.md"


@pytest.fixture
def example(tmp_path: Path) -> Iterator[ModuleType]:
    """All Python blocks of the page, in their order, as one file."""
    path = list(sys.path)
    file = tmp_path / "sdk_page_example.py"
    file.write_text("\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)))
    workflows_in(file)
    yield sys.modules["sdk_page_example"]
    sys.path[:] = path
    del sys.modules["sdk_page_example"]


def test_the_workflows_compile_and_run(example: Any) -> None:
    for name in ("measure", "compare", "publishing", "Measure", "SmoothMeasure"):
        compiled = penstock.compile(getattr(example, name), bundle_hash=b"")
        validation.load(compiled.data)
    assert [each.doc for each in penstock.compile(example.measure, bundle_hash=b"").plan.inputs] == [
        "How many to load.",
        "How many of them are for training.",
    ]
    assert testing.run(example.compare) == example.compare() == pytest.approx(2.45)
    assert testing.run(example.publishing) is None
    assert testing.run(example.fitting) == pytest.approx(0.45)
    assert testing.run(example.pricing) == example.pricing()
    example.test_fit_goes_on()
    example.test_measure()
    example.test_without_data()
    example.test_release()


def test_classes_do_what_the_page_says(example: Any) -> None:
    assert example.Clip(0.0).within(7.0) == 5.0
    assert example.Measure(10).run() == testing.run(example.Measure, count=10)
    plan = penstock.compile(example.SmoothMeasure, bundle_hash=b"").plan
    assert [each.name for each in plan.inputs] == ["count", "low", "share"]
    assert [node.name for node in plan.nodes][:3] == ["load", "Clip", "smooth"]
    big = penstock.with_options(example.Clip, memory="8Gi")
    assert big(0.0).run([7.0]) == [5.0]


def test_differences_are_said_as_on_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, path = PAGE.read_text(), list(sys.path)
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    (shown,) = re.findall(r"\$ penstock diff measure.json example.py:measure\n(.*?)```", page, re.DOTALL)
    edited = code
    for old, new in (
        ("def load(count: int", "def load(count: float"),
        ("range(count)", "range(round(count))"),
        ("retries=3", "retries=5"),
        (" split(smooth(load(count)), share)", " split(values := smooth(load(count)), 0.5)"),
        (
            '"train": mean(parts.train)',
            '"train": mean(parts.train), "test": mean(parts.test), "all": mean(values)}  # ',
        ),
    ):
        assert old in edited
        edited = edited.replace(old, new, 1)
    for folder, text in (("old", code), ("new", edited)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "example.py").write_text(text)
    golden = str(tmp_path / "measure.json")
    assert execute(["compile", str(tmp_path / "old" / "example.py:measure"), "--golden", golden]) == 0
    capsys.readouterr()
    assert execute(["diff", golden, str(tmp_path / "new" / "example.py:measure")]) == 1
    assert capsys.readouterr().out == shown
    sys.path[:] = path
    sys.modules.pop("example")


def test_the_errors_are_those_of_the_page(example: Any) -> None:
    with pytest.raises(FutureUsedAsValue, match=r"the result of node 'mean' \(line \d+\) was compared \(<, >\)"):
        penstock.compile(example.wrong, bundle_hash=b"")
    with pytest.raises(CompileErrors) as caught:
        penstock.compile(example.mistakes, bundle_hash=b"")
    said = re.sub(r"\S*\.py:\d+", "example.py:0", str(caught.value)).splitlines()
    (shown,) = re.findall(r"```text\n(\d errors.*?)```", PAGE.read_text(), re.DOTALL)
    expected = re.sub(r"example\.py:\d+", "example.py:0", shown).splitlines()
    assert said == expected
