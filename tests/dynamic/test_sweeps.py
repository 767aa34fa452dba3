"""Sweeps do what docs/sweeps.md says, as workflows and as plain Python; a space that does not fit is refused."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from penstock import compile, operator, sweeps, testing, workflow
from penstock.compiler.loader import load_workflow, workflows_in
from penstock.errors import InvalidDeclaration

ROOT = Path(__file__).parents[2]


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Any]:
    """The Python of the page as one file."""
    path = list(sys.path)
    file = tmp_path / "sweeps_page.py"
    file.write_text("\n".join(re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "sweeps.md").read_text(), re.DOTALL)))
    workflows_in(file)
    yield sys.modules["sweeps_page"]
    sys.path[:] = path
    del sys.modules["sweeps_page"]


@operator
def loss(rate: float, depth: int = 1, wide: bool = True) -> float:
    return float("nan") if not wide else rate


@operator
def several(rate: float) -> sweeps.Sweep:
    return sweeps.Sweep({}, rate, [])


@workflow
def doubled(rate: float) -> dict[str, float]:
    return {"first": loss(rate), "second": loss(rate)}


def test_the_page_does_what_it_says(page: Any) -> None:
    compared = testing.run(page.compared)
    assert compared == page.compared() and compared.best == {"rate": 0.3, "depth": 4} and len(compared.table) == 12
    scores = [row["score"] for row in compared.table]
    assert scores == sorted(scores) and scores[0] == compared.score
    drawn = testing.run(page.drawn, count=7, seed=3)
    assert drawn == page.drawn(7, 3) != page.drawn(7, 4) and len(drawn.table) == 7
    tuned = testing.run(page.tuned)
    assert tuned == page.tuned()
    assert tuned.table[0] == {**tuned.best, "score": tuned.score, "round": tuned.table[0]["round"]}
    rounds = {row["round"] for row in tuned.table}
    assert rounds == set(range(1, len(rounds) + 1)) and len(tuned.table) == 4 * len(rounds)
    last = max(rounds)
    assert tuned.score <= 0.001 or last == 10 or last - tuned.table[0]["round"] >= 3


def test_the_example_tunes_a_machine() -> None:
    on_a_grid = load_workflow(f"{ROOT / 'examples' / 'tuning.py'}:on_a_grid")
    found = testing.run(on_a_grid, images=200)
    assert found.best["gamma"] == 0.001 and found.score > 0.8 and len(found.table) == 9


def test_what_is_no_number_comes_last() -> None:
    @workflow
    def some() -> sweeps.Sweep:
        return sweeps.grid(loss, {"depth": sweeps.integers(4, 5), "wide": sweeps.choice(True, False)}, rate=1.0)

    found = testing.run(some)
    assert [row["wide"] for row in found.table] == [True, True, False, False] and found.score == 1.0


def test_an_objective_may_have_several_outputs_and_be_a_workflow() -> None:
    space = {"rate": sweeps.choice(3.0, 2.0)}
    assert sweeps.grid(loss, space, goal="maximize").best == {"rate": 3.0}

    @workflow
    def of_operator() -> sweeps.Sweep:
        return sweeps.grid(several, space, output="score")

    @workflow
    def of_workflow() -> sweeps.Sweep:
        return sweeps.grid(doubled, space, output="second")

    assert testing.run(of_operator).best == testing.run(of_workflow).best == {"rate": 2.0}


def test_a_search_ends_when_nothing_is_better() -> None:
    rows: list[sweeps.Point] = [{"rate": 1.0, "score": 2.0, "round": 1}, {"rate": 2.0, "score": 3.0, "round": 2}]
    assert not sweeps.is_over(rows, 2, None, "minimize") and sweeps.is_over(rows, 1, None, "minimize")
    assert not sweeps.is_over(rows, 1, None, "maximize") and sweeps.is_over(rows, 9, 3.0, "maximize")
    unknown: list[sweeps.Point] = [{"rate": 1.0, "score": float("nan"), "round": 1}]
    assert sweeps.is_over(unknown, 1, 5.0, "minimize") and not sweeps.is_over(unknown, 2, 5.0, "minimize")
    with pytest.raises(ValueError, match="none of 1 points"):
        sweeps.rank(unknown, "minimize")


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "no axes"),
        ({"speed": sweeps.choice(1)}, "has no input 'speed'; the inputs are rate, depth, wide"),
        ({"rate": sweeps.choice("fast")}, "rate of loss is float, which is never 'fast'"),
        ({"depth": sweeps.choice(1, 2.5)}, "never 2.5"),
        ({"depth": sweeps.uniform(1, 2)}, "never uniform"),
        ({"rate": sweeps.uniform(0, 1)}, "no end of values"),
        ({"score": sweeps.choice(1)}, "a column of the table"),
        ({"depth": sweeps.integers(0, 10**6)}, "the limit is 100,000"),
        ({"rate": 3}, "expected choice, uniform"),
    ],
)
def test_a_space_that_does_not_fit_is_refused(space: Any, message: str) -> None:
    with pytest.raises(InvalidDeclaration, match=message):
        sweeps.grid(loss, space)


def test_an_input_that_is_no_number_or_text_is_refused() -> None:
    @operator
    def total(values: list[float]) -> float:
        return sum(values)

    with pytest.raises(InvalidDeclaration, match="values of total is list"):
        sweeps.grid(total, {"values": sweeps.choice(1.0)})
    for wrong in (lambda: sweeps.uniform(2, 1), lambda: sweeps.log_uniform(0, 1), lambda: sweeps.choice()):
        with pytest.raises(InvalidDeclaration):
            wrong()
    with pytest.raises(ValueError, match="expected 1 to"):
        sweeps.random(loss, {"rate": sweeps.uniform(0, 1)}, count=0)


def test_a_sweep_is_the_same_plan_however_many_points_it_has() -> None:
    @workflow
    def sized(count: int = 3) -> sweeps.Sweep:
        return sweeps.random(loss, {"rate": sweeps.uniform(0, 1)}, count=count)

    assert len(compile(sized, bundle_hash=b"", local=True).plan.nodes) < 10
