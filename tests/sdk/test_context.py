"""What operators say and ask of the action that executes them: as plain functions, in tests, and in workflows."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import penstock
import pytest
from penstock import CompileErrors, operator, testing, workflow
from penstock.errors import NotInOperator


@dataclass
class State:
    epoch: int
    weights: np.ndarray


@operator
def train(epochs: int) -> int:
    state = penstock.last_checkpoint(State) or State(0, np.zeros(3))
    for epoch in penstock.progress(range(state.epoch, epochs), text="epochs"):
        penstock.checkpoint(State(epoch + 1, state.weights + 1))
    return epochs - state.epoch


def test_outside_of_operators_there_is_no_context() -> None:
    with pytest.raises(NotInOperator, match=r"outside of an operator"):
        penstock.context()


def test_an_operator_stays_a_plain_function() -> None:
    assert train(3) == 3
    assert penstock.progress(1, 2) is None and penstock.last_checkpoint() is None
    assert list(penstock.progress("ab")) == ["a", "b"]


def test_a_faked_context(tmp_path: Path) -> None:
    run = uuid.uuid4()
    with testing.context(run=run, node="train", attempt=2, team="vision", scratch=tmp_path) as fake:
        who = penstock.context()
        assert (who.run, who.node, who.attempt, who.team, who.scratch) == (run, "train", 2, "vision", tmp_path)
        assert train(3) == 3
        assert (fake.progress[0].done, fake.progress[0].total, fake.progress[-1].done) == (0, 3, 3)
        assert fake.checkpoint["epoch"] == 3 and fake.checkpoint["weights"].tolist() == [1, 1, 1]
    with testing.context(checkpoint=State(2, np.ones(3))):
        assert train(3) == 1
        (penstock.context().scratch / "file").write_text("kept while the block lasts")
    with pytest.raises(NotInOperator):
        penstock.context()


def test_operators_of_a_tested_workflow_have_a_context() -> None:
    @operator
    def name(number: int) -> list[str]:
        (penstock.context().scratch / "x").write_text("x")
        return [
            penstock.context().node,
            str(penstock.context().run),
            str(len(list(penstock.context().scratch.iterdir()))),
        ]

    @workflow
    def names() -> tuple[list[str], list[str]]:
        return name(1), name(2)

    first, second = testing.run(names)
    assert first[0] != second[0] and first[1] == second[1] and first[2] == second[2] == "1"


@pytest.mark.parametrize(
    "call",
    [
        lambda: penstock.context(),
        lambda: penstock.progress(1),
        lambda: penstock.checkpoint(1),
        lambda: penstock.last_checkpoint(),
    ],
)
def test_a_workflow_is_no_operator(call: Any) -> None:
    @workflow
    def wrong() -> int:
        call()
        return train(1)

    with pytest.raises(CompileErrors, match=r"test_context\.py:\d+: wrong: .*body of a workflow"):
        penstock.compile(wrong, bundle_hash=b"")


@pytest.mark.parametrize("number", [3, 3.0, np.int64(3), np.float32(3), np.array(3), True])
def test_one_number_of_any_library_is_progress(number: Any) -> None:
    with testing.context() as fake:
        assert penstock.progress(number, 4) is None
    assert fake.progress[0].done == float(number)


@pytest.mark.parametrize("items", [[1, 2], (1, 2), np.array([1, 2]), iter([1, 2]), {1: 0, 2: 0}])
def test_anything_that_a_loop_takes_is_gone_through(items: Any) -> None:
    with testing.context() as fake:
        assert [int(each) for each in penstock.progress(items)] == [1, 2]
    assert fake.progress[-1].done == 2


def test_what_is_neither_is_refused() -> None:
    with pytest.raises(TypeError, match="expected a number"):
        penstock.progress(None)  # pyright: ignore


def test_a_checkpoint_needs_a_codec_everywhere() -> None:
    with pytest.raises(penstock.codecs.CodecError):
        penstock.checkpoint(object())
