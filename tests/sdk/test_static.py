"""Static inputs: their values are known in the body of a workflow, and only there they may shape the plan."""

from typing import Any

import penstock
import pytest
from penstock import Static, testing
from penstock.errors import CompileErrors, InvalidInputs
from penstock_plan import form
from penstock_plan.check.validation import load


@penstock.operator
def fold(number: int, rows: int) -> int:
    return number * rows


@penstock.operator
def total(parts: list[int]) -> int:
    return sum(parts)


@penstock.workflow
def parts(k: Static[int], rows: int) -> list[int]:
    return [fold(number, rows) for number in range(k)]


@penstock.workflow
def validate(folds: Static[int], rows: int = 10, names: Static[tuple[str, ...]] = ("a",)) -> int:
    """Validate.

    Args:
        folds: How many.
    """
    return total([each for _ in names for each in parts(folds, rows)])


@penstock.workflow
def misuse(folds: int) -> int:
    return total(parts(folds, 1))  # pyright: ignore[reportArgumentType]


@penstock.workflow
def unshaped(folds: int) -> int:
    return total([fold(number, 1) for number in range(folds)])


def compiled(workflow: Any = validate, **static: Any) -> penstock.Compiled:
    return penstock.compile(workflow, bundle_hash=b"", local=True, static=static)


def test_values_shape_the_plan_and_its_hash() -> None:
    three = compiled(folds=3)
    assert len(load(three.data).nodes) == 4
    assert three.plan.schema == 2
    assert three.hash == compiled(folds=3).hash != compiled(folds=4).hash
    assert len(compiled(folds=3, names=("a", "b")).plan.nodes) == 7
    folds, rows, _ = three.plan.inputs
    assert (folds.static.inline, folds.default.inline, folds.required) == (b"3", b"3", False)
    assert not rows.HasField("static")
    shown = form.of("", "", three.plan.inputs)["properties"]["folds"]
    assert (shown["const"], shown["x-static"], shown["default"]) == (3, True, 3)


def test_a_run_in_a_test_takes_them_as_any_input() -> None:
    assert testing.run(validate, folds=3, rows=2) == validate(3, 2) == 6
    with pytest.raises(InvalidInputs, match="unknown input 'x'"):
        testing.run(validate, folds=3, x=1)


@pytest.mark.parametrize(
    ("workflow", "static", "says"),
    [
        (validate, {}, r"folds\): is static and has no value.*\n.*penstock run FILE --folds VALUE"),
        (validate, {"folds": "3"}, "its value does not fit: expected int, given str '3'"),
        (validate, {"folds": 3, "rows": 1}, "rows.: is not a static input; those are folds, names"),
        (misuse, {}, r"parts\(k\): is static, given input 'folds'"),
        (unshaped, {}, r"or declare folds: penstock.Static\[...\]"),
    ],
)
def test_what_is_wrong_is_said_with_the_remedy(workflow: Any, static: dict[str, Any], says: str) -> None:
    with pytest.raises(CompileErrors, match=says):
        compiled(workflow, **static)
