"""Operators replaced in `testing.run`."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from penstock import operator, testing, workflow
from penstock.errors import InvalidDeclaration, OperatorFailed

from tests.sdk.class_programs import Load, Pipeline, Scale, Summarise, Summary
from tests.sdk.programs import Split, add, load, note, split, total


@operator
def sign(number: int, /, suffix: str = "") -> str:
    raise RuntimeError("the real one")


@workflow
def flow(count: int = 4, fakes: int = 0) -> int:
    train, test = split(load(count), share=0.25)
    note("done")
    return add(total(train), total.options(retries=1)(test))


def test_fakes_are_called_with_the_arguments_by_name() -> None:
    asked: list[Any] = []

    def fake_split(rows: list[int], share: float) -> Split:
        asked.append((rows, share))
        return Split([100], rows)

    assert testing.run(flow, {split: fake_split, load: lambda count: [count]}, count=7, fakes=1) == 107
    assert asked == [([7], 0.25)]


def test_every_call_of_the_operator_is_replaced() -> None:
    assert testing.run(flow, {total: lambda **_: 5}) == 10
    assert testing.run(flow, {total.options(cpu=2): lambda rows: len(rows)}) == 4
    assert testing.run(flow, {total: Mock(return_value=7)}) == 14
    assert testing.run(flow) == 6


def test_classes_are_replaced_too() -> None:
    def fake_scale(factor: int, offsets: list[int], rows: list[int], **rest: Any) -> list[int]:
        assert not rest
        return [factor + row for row in rows]

    assert testing.run(Pipeline, {Scale: fake_scale, Load: lambda count: [count] * 2}) == Summary(6.0, 6.0)


def test_what_can_only_be_given_by_position_is() -> None:
    @workflow
    def signed() -> str:
        return sign(3, suffix="!")

    assert testing.run(signed, {sign: lambda number, suffix: f"{number}{suffix}"}) == "3!"


@pytest.mark.parametrize(
    ("replaced", "fake", "said"),
    [
        (total, lambda rows: "five", "the result|output 'result' of tests.sdk.programs:total"),
        (split, lambda rows, share: (rows, rows), "the result of tests.sdk.programs:split: expected Split"),
        (note, lambda text: 3, "expected None"),
    ],
)
def test_results_are_checked_against_the_operators_outputs(replaced: Any, fake: Any, said: str) -> None:
    with pytest.raises(OperatorFailed, match=said):
        testing.run(flow, {replaced: fake})


def test_a_fake_that_raises_or_takes_other_arguments() -> None:
    def broken(rows: list[int]) -> int:
        raise ValueError("as if")

    with pytest.raises(OperatorFailed, match="as if") as caught:
        testing.run(flow, {total: broken})
    assert isinstance(caught.value.__cause__, ValueError) and caught.value.node == "total"
    with pytest.raises(OperatorFailed, match="unexpected keyword argument 'rows'"):
        testing.run(flow, {total: lambda values: 1})


def test_what_is_no_operator_of_the_workflow_is_named() -> None:
    calls = "tests.sdk.test_fakes:flow does not call the operator {}; it calls load, split, note, total, add"
    for replaced, name in ((sign, "sign"), (Summarise, "Summarise"), ("total", "'total'"), (flow, repr(flow))):
        with pytest.raises(InvalidDeclaration) as caught:
            testing.run(flow, {replaced: lambda **_: 1})
        assert str(caught.value) == calls.format(name)
    with pytest.raises(InvalidDeclaration, match="the fake of total must be a function, not 3"):
        testing.run(flow, {total: 3})  # type: ignore[dict-item]  # pyright: ignore
