"""Workflows that start others as runs of their own: what the plans say, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import penstock
import pytest
from penstock import operator, testing, workflow
from penstock.compiler.loader import load_workflow
from penstock.errors import CompileErrors, InvalidDeclaration, OperatorFailed
from penstock_plan.check.validation import load
from penstock_plan.errors import InvalidPlan
from penstock_proto.plan.v1 import plan_pb2 as pl

PAGE = Path(__file__).parents[2] / "docs" / "children.md"


class Trained(NamedTuple):
    score: float
    names: list[str]


@operator
def train(rows: int, scale: float = 1.0) -> float:
    if rows < 0:
        raise ValueError("too few rows")
    return rows * scale


@operator
def name(score: float) -> str:
    return f"s{score:g}"


@operator
def counted(texts: list[str], score: float) -> str:
    return f"{len(texts)} {score:g}"


@operator
def numbers(n: int) -> list[int]:
    return list(range(n))


@workflow
def training(rows: int, scale: float = 1.0) -> Trained:
    score = train(rows, scale)
    return Trained(score, [name(score), name(score)])


@workflow
def nothing(texts: list[str]) -> None:
    counted(texts, 0.5)


@workflow
def outer(rows: int) -> str:
    trained = training.options(labels={"a": "b"}, priority=-1, pool="gpu", deadline_s=60).start(rows, scale=2.0)
    ended = nothing.start([name(trained.score), "x"])
    with penstock.after(ended):
        return counted(trained.names, trained.score)


@workflow
def repeated(left: penstock.Static[int], rows: int) -> float:
    return train(rows) if left == 0 else repeated.start(left - 1, rows)


def compiled(flow: Any, **static: Any) -> Any:
    found = penstock.compile(flow, bundle_hash=b"", local=True, static=static)
    for plan in (*found.children, found):
        load(plan.data)
    return found


def test_the_plan_names_that_of_the_child_and_what_it_is_started_with() -> None:
    parent = compiled(outer)
    training_plan, nothing_plan = parent.children
    nodes = {node.name: node for node in parent.plan.nodes}
    child = nodes["training"].wait.child
    assert (child.plan, child.priority, child.pool, child.deadline_s, dict(child.labels)) == (
        training_plan.hash,
        -1,
        "gpu",
        60,
        {"a": "b"},
    )
    assert nodes["nothing"].wait.child.plan == nothing_plan.hash
    assert [argument.value.WhichOneof("kind") for argument in nodes["training"].arguments] == ["input", "literal"]
    assert nodes["nothing.texts"].kind == pl.NODE_KIND_TASK, "what is put together gets a node"
    assert [output.value.WhichOneof("kind") for output in training_plan.plan.outputs] == ["output", "output"]
    assert testing.run(outer, rows=3) == outer(3) == "2 6"
    with pytest.raises(OperatorFailed, match="too few rows"):
        testing.run(outer, rows=-1)


def test_one_plan_serves_all_that_are_started_alike() -> None:
    assert [child.plan.name.rpartition(":")[2] for child in compiled(repeated, left=3).children] == ["repeated"] * 3
    assert testing.run(repeated, left=2, rows=4) == 4.0

    @workflow
    def twice(rows: int) -> str:
        return counted(training.start(rows).names, training.start(rows, scale=3.0).score)

    assert len(compiled(twice).children) == 1


def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    file = tmp_path / "children_page.py"
    file.write_text("\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)))
    assert testing.run(load_workflow(f"{file}:comparison"), rows=9) == 0.75


def itself(n: int) -> float:
    return looping.start(n)


looping = workflow(itself)


@workflow
def starting(n: int) -> float:
    return training.start(n).score


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (lambda n: looping.start(n), "starts itself as a child run, without end"),
        (lambda n: repeated.start(10, n), "is more than 10 child runs deep"),
        (lambda n: repeated.start(n, n), "is static, given input 'n'"),
        (lambda n: training.start(), "is missing"),
        (lambda n: training.start(name(n)), "expected int, given str"),
        (lambda n: training.start(numbers(n)), "expected int, given list"),
        (lambda n: starting.map(numbers(n)), "starts a run within a map"),
        (lambda n: training.options(priority=1.5).start(n), "priority must be a whole number"),
        (lambda n: training.options(deadline_s=0).start(n), "deadline_s must be seconds"),
        (lambda n: training.options(labels={"": "x"}).start(n), "a label of labels"),
    ],
)
def test_what_cannot_be_started_is_refused(body: Any, says: str) -> None:
    def flow(n: int) -> None:
        body(n)

    with pytest.raises((CompileErrors, InvalidDeclaration), match=re.escape(says)):
        penstock.compile(workflow(flow), bundle_hash=b"", local=True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda node: setattr(node.wait.child, "plan", b"x"), "is a hash of 1 bytes"),
        (lambda node: node.wait.child.outputs.pop(), "a built-in one with 1 outputs"),
        (lambda node: setattr(node.wait, "timeout_s", 5), "ends by its own deadline"),
        (lambda node: setattr(node.wait.child, "deadline_s", -1), "its deadline is -1 seconds"),
        (lambda node: node.arguments[0].value.sequence.SetInParent(), "that is not one value"),
        (lambda node: node.arguments.pop(0), "lacks 'rows'"),
    ],
)
def test_plans_of_others_are_checked(change: Any, says: str) -> None:
    plan = penstock.compile(outer, bundle_hash=b"", local=True).plan
    change(next(node for node in plan.nodes if node.name == "training"))
    with pytest.raises(InvalidPlan) as refused:
        load(plan.SerializeToString())
    assert any(says in problem for problem in refused.value.problems), refused.value.problems
