"""Inputs and options are kept apart, whatever inputs are called; values are refused in our words."""

from pathlib import Path

import pytest
from penstock.cli.app import execute
from penstock.client import submission
from penstock.client.errors import BadInputs

FLOW = """
from dataclasses import dataclass, field
from penstock import operator, workflow

@dataclass
class Config:
    learning_rate: float = 0.001

@operator
def show(team: str, config: Config, input: int, help: bool) -> str:
    return f"{team} {config} {input} {help}"

@workflow
def flow(team: str = "t", config: Config = Config(), input: int = 1, help: bool = False) -> str:
    return show(team, config, input, help)
"""


@pytest.fixture
def flow(tmp_path: Path) -> str:
    path = tmp_path / "flow_of_inputs.py"
    path.write_text(FLOW)
    return f"{path}:flow"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (
            ["--team", "red"],
            "--team is an input of the workflow and an option of penstock run: write --input team=VALUE",
        ),
        (["--team=red"], "--input team=VALUE"),
        (["--input", "5"], "invalid --input '5': expected NAME=VALUE"),
        (["--config", '{"learning_rat": 0.5}'], "has no field 'learning_rat'; did you mean 'learning_rate'?"),
        (["--config", '{"learning_rate": "fast"}'], "field 'learning_rate' must be number, not \"fast\""),
        (["--config", '{"learning_rate":' + "[" * 5000], "nested too deeply"),
        (["--", "--input", "x"], "not int"),
        (["--", "--nothing", "x"], "unknown input --nothing"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(
    flow: str, words: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["run", flow, *words]) == 2
    said = capsys.readouterr().err
    assert part in said and "pydantic" not in said


def test_help_is_asked_for_unless_it_is_an_input(flow: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["run", flow, "--help"]) == 0
    assert "--config" in capsys.readouterr().out
    assert execute(["run", flow, "--", "--help", "perhaps"]) == 2
    assert "--help" in capsys.readouterr().err


def test_the_client_keeps_them_apart() -> None:
    options = submission.options_given(None, "red", None, 0, None, None, None, None)
    with pytest.raises(BadInputs, match="team is an input of the workflow and an option of submit"):
        submission.separated("flow", ["team", "x"], None, {"x": 1}, options)
    assert submission.separated("flow", ["x"], None, {"x": 1}, options) == {"x": 1}
    assert submission.separated("flow", ["team"], {"team": "blue"}, {}, options) == {"team": "blue"}
    with pytest.raises(BadInputs, match="x is not an option of submit"):
        submission.separated("flow", ["team"], {"team": "blue"}, {"x": 1}, options)
    assert submission.run_options(options).team == "red"
