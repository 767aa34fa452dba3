"""Workflows run in the test's own process."""

from __future__ import annotations

import enum
import traceback
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import penstock
import pytest
from penstock import Metrics, Model, Report, after, barrier, operator, testing, workflow
from penstock.errors import CompileErrors, InvalidInputs, OperatorFailed

from tests.sdk.programs import Config, Digits, Evaluation, Settings, Split, add, evaluate, fit, load, note, split, total


class Summary(NamedTuple):
    total: int
    evaluation: Evaluation
    config: Config


def test_a_workflow_returns_what_it_returns() -> None:
    @workflow
    def summary(count: int = 4) -> Summary:
        """Everything at once."""
        rows = load(count)
        train, test = split(rows)
        with after(barrier(train, test)):
            note("done")
        return Summary(add(total(train), total(test)), evaluate(rows), Config(0.5, test))

    found = testing.run(summary)
    assert found == Summary(6, Evaluation(Metrics({"count": 4}), [0]), Config(0.5, [2, 3]))
    assert testing.run(summary, count=2).total == 1


def test_records_reach_operators_complete() -> None:
    @workflow
    def flow(count: int) -> float:
        rows = load(count)
        return fit(Config(2.0, rows), Settings(rate=0.5, rows=[total(rows), 4]))

    assert testing.run(flow, count=3) == 9.5 == flow(3)


def test_what_a_model_demands_is_demanded_of_futures_too() -> None:
    @operator
    def rate() -> Any:
        return -1.0

    @operator
    def use(settings: Settings) -> None: ...

    @workflow
    def flow() -> None:
        use(Settings(rate=rate(), rows=[]))

    with pytest.raises(CompileErrors, match="given Any"):
        testing.run(flow)


def test_outputs_by_key_and_nothing() -> None:
    @workflow
    def keyed(count: int) -> dict[str, Any]:
        return {"rows": load(count), "whole": split([1, 2]), "literal": "x"}

    @workflow
    def silent() -> None:
        return note("x")

    assert testing.run(keyed, count=2) == {"rows": [0, 1], "whole": Split([1], [2]), "literal": "x"}
    assert testing.run(silent) is None


def test_arrays_datasets_and_files_go_through_their_codecs(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("hello")

    @operator
    def digits(scale: float) -> Digits:
        return Digits({"pixels": np.arange(2000.0) * scale, "label": np.arange(2000)}, "made")

    @operator
    def train(data: Digits) -> Model[dict[str, np.ndarray]]:
        return Model({"w": data["pixels"][:3]}, "numpy", {"rows": len(data)})

    @operator
    def report(model: Model[dict[str, np.ndarray]], file: Path) -> Report:
        return Report("Digits", file.read_text(), Metrics({"first": float(model.payload["w"][1])}))

    @workflow
    def flow(file: Path) -> dict[str, Any]:
        data = digits(0.5)
        model = train(data)
        return {"data": data, "report": report(model, file)}

    found = testing.run(flow, file=tmp_path / "in.txt")
    assert found["report"] == Report("Digits", "hello", Metrics({"first": 0.5}))
    assert isinstance(found["data"], Digits) and found["data"]["pixels"][2] == 1.0


def test_an_operator_that_raises() -> None:
    @operator
    def divide(by: int) -> float:
        return 1 / by

    @workflow
    def flow() -> float:
        return divide(0)

    with pytest.raises(OperatorFailed) as caught:
        testing.run(flow)
    error = caught.value
    assert error.node == "divide" and error.operator.endswith("<locals>.divide")
    lines = str(error).splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "test_testing_run.py" in lines[1] and lines[2].strip() == "return 1 / by"
    assert "ZeroDivisionError: division by zero" in lines
    assert lines[-1].startswith("in node 'divide', operator ")
    assert isinstance(error.__cause__, ZeroDivisionError)
    first = traceback.extract_tb(error.__cause__.__traceback__)[0]
    assert first.filename == __file__ and first.name == "divide"


def test_a_result_of_another_type_than_declared() -> None:
    @operator
    def wrong() -> int:
        return "text"  # type: ignore[return-value]  # pyright: ignore

    @workflow
    def flow() -> int:
        return wrong()

    with pytest.raises(OperatorFailed, match=r"expected int, given str"):
        testing.run(flow)


class Level(enum.Enum):
    LOW = "low"
    HIGH = "high"


def test_inputs_are_checked() -> None:
    @workflow
    def flow(count: int, level: Level = Level.LOW) -> Level:
        note("x")
        return level

    assert testing.run(flow, count=1) is Level.LOW
    assert testing.run(flow, count=1, level=Level.HIGH) is Level.HIGH
    with pytest.raises(InvalidInputs) as caught:
        testing.run(flow, level="up", cuont=3)
    assert caught.value.problems == [
        "unknown input 'cuont', did you mean 'count'?",
        "count is missing",
        "level: given str 'up'",
    ]


def test_operators_called_by_operators_are_plain_functions() -> None:
    @operator
    def outer(count: int) -> int:
        return add(count, 1) + len(load(count))

    @workflow
    def flow() -> int:
        return outer(3)

    assert testing.run(flow) == 7


def test_a_compiled_plan_says_what_is_run() -> None:
    @workflow
    def flow() -> int:
        return add(1)

    compiled = penstock.compile(flow, bundle_hash=b"")
    assert compiled.shape({"result": 3}) == 3
    assert list(compiled.operators) == [("tests.sdk.programs", "add")]
