"""The examples of docs/patterns.md do what the page says, and those of sdk.md about running operators."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from penstock import testing
from penstock.compiler.loader import workflows_in

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """All Python blocks of the page, in their order, as one file, beside three files of measurements."""
    path = list(sys.path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "measurements").mkdir()
    for number in range(3):
        (tmp_path / "measurements" / f"{number}.csv").write_text(f"number,square\n{number},{number**2}\n")
    file = tmp_path / "patterns_page.py"
    file.write_text("\n".join(re.findall(r"```python\n(.*?)```", (DOCS / "patterns.md").read_text(), re.DOTALL)))
    workflows_in(file)
    yield sys.modules["patterns_page"]
    sys.path[:] = path
    del sys.modules["patterns_page"]


def test_every_pattern_runs(patterns: Any) -> None:
    assert testing.run(patterns.sweep) == patterns.Setting(0.1, 8)
    assert testing.run(patterns.many_files) == sum(number**2 for number in range(20))
    assert testing.run(patterns.my_files) == 0 + 1 + 4
    assert testing.run(patterns.training, epochs=3) == [1, 1 / 2, 1 / 3]
    assert len(testing.run(patterns.in_stages)) == 10
    assert testing.run(patterns.partial).startswith("5 of 6 parts")
    assert testing.run(patterns.reporting).metrics["mean"] == pytest.approx(0.85)


def test_a_pattern_goes_on_from_its_checkpoint(patterns: Any) -> None:
    with testing.context(attempt=2, checkpoint={"epoch": 2, "losses": [9.0, 9.0]}) as fake:
        assert patterns.fit(3) == [9.0, 9.0, 1 / 3]
    assert [each.done for each in fake.progress] == [3]
