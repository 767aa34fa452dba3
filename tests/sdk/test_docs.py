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
from penstock.loading import workflows_in
from penstock_plan import validate

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
    for name in ("measure", "compare", "publishing"):
        compiled = penstock.compile(getattr(example, name), bundle_hash=b"")
        validate.load(compiled.data)
    assert [each.doc for each in penstock.compile(example.measure, bundle_hash=b"").plan.inputs] == [
        "How many to load.",
        "How many of them are for training.",
    ]
    assert testing.run(example.compare) == example.compare() == pytest.approx(2.45)
    assert testing.run(example.publishing) is None
    example.test_measure()


def test_the_errors_are_those_of_the_page(example: Any) -> None:
    with pytest.raises(FutureUsedAsValue, match=r"the result of node 'mean' \(line \d+\) was compared \(<, >\)"):
        penstock.compile(example.wrong, bundle_hash=b"")
    with pytest.raises(CompileErrors) as caught:
        penstock.compile(example.mistakes, bundle_hash=b"")
    said = re.sub(r"\S*\.py:\d+", "example.py:0", str(caught.value)).splitlines()
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE.read_text(), re.DOTALL)
    expected = re.sub(r"example\.py:\d+", "example.py:0", shown).splitlines()
    assert said == expected
