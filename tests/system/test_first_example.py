"""The example of the README, typed as it is written."""

from pathlib import Path

from tests.system.conftest import Cli

README = Path(__file__).parents[2] / "README.md"


def test_the_example_runs_as_typed(cli: Cli, tmp_path: Path) -> None:
    page = README.read_text()
    (tmp_path / "experiment.py").write_text(page.split("```python\n")[1].split("```")[0])
    lines = [f"{area},{3 * area + area % 7}" for area in range(20, 200, 5)]
    (tmp_path / "data.csv").write_text("\n".join(["area,price", *lines]))
    commands = [line.split("#")[0].split() for line in page.split("```\npenstock ")[1].split("```")[0].splitlines()]
    (check, run) = commands
    done = cli(*check, cwd=tmp_path)
    assert done.code == 0 and "experiment: ok" in done.out
    done = cli(*run[1:], "--json", cwd=tmp_path)
    assert done.json["outputs"]["result"]["numbers"]["error"] < 5, done
