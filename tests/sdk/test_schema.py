"""JSON Schema and prose of a workflow's inputs."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import penstock
import pydantic
import pytest
from penstock import Dataset, Metrics, Model, operator, workflow
from penstock.compiler import schema
from penstock.compiler.literals import BadLiteral, Literals
from penstock.declare import docstrings
from pydantic import BaseModel, Field

from tests.sdk.programs import Digits, Row, Settings, add


@dataclass
class WithArray:
    array: np.ndarray[Any, Any]
    data: Dataset[Row]


class Trainer(BaseModel):
    """Fields in no alphabetical order."""

    seed: int = 3
    model: Model[bytes] | None = Field(None, description="Starts from these weights.")
    budget: Decimal


class Tree(BaseModel):
    data: Dataset[Row]
    children: list[Tree] = []


FLOAT = {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}
DECIMAL = r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"
ROW = {
    "type": "array",
    "minItems": 2,
    "maxItems": 2,
    "prefixItems": [
        {"title": "Pixels", "type": "array", "items": FLOAT},
        {"title": "Label", "type": "integer"},
    ],
}
WITH_ARRAY = {
    "title": "WithArray",
    "type": "object",
    "properties": {
        "array": {"title": "Array", "x-kind": "numpy.ndarray"},
        "data": {"title": "Data", "x-kind": "Dataset", "x-type": "Dataset[Row]", "x-row": ROW},
    },
    "required": ["array", "data"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (int, {"type": "integer"}),
        (float, FLOAT),
        (Annotated[float, Field(ge=0)], {"anyOf": [{"type": "number", "minimum": 0}, {"enum": ["Infinity"]}]}),
        (Annotated[float, Field(ge=0, lt=1)], {"type": "number", "minimum": 0, "exclusiveMaximum": 1}),
        (pydantic.FiniteFloat, {"type": "number"}),
        (float | None, {"anyOf": [*FLOAT["anyOf"], {"type": "null"}]}),
        (str, {"type": "string"}),
        (bool, {"type": "boolean"}),
        (Annotated[int, Field(ge=1, title="N")], {"type": "integer", "minimum": 1, "title": "N"}),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (Literal["a", "b"], {"enum": ["a", "b"], "type": "string"}),
        (Path, {"type": "string", "format": "path"}),
        (Any, {}),
        (Dataset, {"x-kind": "Dataset"}),
        (Dataset[Row], {"x-kind": "Dataset", "x-type": "Dataset[Row]", "x-row": ROW}),
        (Digits, {"x-kind": "Dataset", "x-type": "Digits[Row]", "x-row": ROW}),
        (Annotated[Model[bytes], Field(title="M")], {"x-kind": "Model", "x-type": "Model[bytes]"}),
        (Model | None, {"anyOf": [{"x-kind": "Model"}, {"type": "null"}]}),
        (list[Dataset[Row]], {"type": "array", "items": {"x-kind": "Dataset", "x-type": "Dataset[Row]", "x-row": ROW}}),
        (dict[str, Metrics], {"type": "object", "additionalProperties": {"x-kind": "Metrics"}}),
        (tuple[int, np.ndarray], {"type": "array", "minItems": 2, "maxItems": 2,
                                  "prefixItems": [{"type": "integer"}, {"x-kind": "numpy.ndarray"}]}),
        (Decimal, {"type": "string", "format": "decimal", "pattern": DECIMAL}),
        (Annotated[Decimal, Field(gt=0, le=9)], {"type": "string", "format": "decimal", "pattern": DECIMAL,
                                                 "exclusiveMinimum": 0.0, "maximum": 9.0}),
        (Metrics, {"x-kind": "Metrics"}),
        (np.ndarray, {"x-kind": "numpy.ndarray"}),
        (WithArray, WITH_ARRAY),
        (list[WithArray], {"type": "array", "items": {"$ref": "#/$defs/WithArray"},
                           "$defs": {"WithArray": WITH_ARRAY}}),
    ],
)  # fmt: skip
def test_each_kind_of_input(annotation: Any, expected: dict[str, Any]) -> None:
    assert json.loads(schema.of(annotation)) == expected


def test_fields_keep_their_order_and_what_is_said_of_them() -> None:
    shown = json.loads(schema.of(Trainer))
    assert list(shown["properties"]) == ["seed", "model", "budget"]
    assert shown["properties"]["model"] == {
        "title": "Model",
        "description": "Starts from these weights.",
        "default": None,
        "anyOf": [{"x-kind": "Model", "x-type": "Model[bytes]"}, {"type": "null"}],
    }
    assert (shown["description"], shown["required"]) == ("Fields in no alphabetical order.", ["budget"])


def test_a_recursive_class_has_an_end() -> None:
    assert "x-kind" in schema.of(Tree)


def test_a_model_is_spelt_out() -> None:
    assert set(json.loads(schema.of(Settings))["properties"]) == {"rate", "rows", "name"}


def test_classes_that_pydantic_does_not_know_are_left_to_their_codec() -> None:
    literals = Literals()
    assert literals.encode([1.5, None], list[float | np.ndarray[Any, Any] | None]).codec == "json"
    with pytest.raises(BadLiteral):
        literals.encode([WithArray("x", 3)], list[WithArray])  # type: ignore[arg-type]  # pyright: ignore


def test_prose_of_docstrings() -> None:
    def documented() -> None:
        """First line,
        and second.

        More text.

        Args:
            one: First.
            two (int, optional): Second,
                continued: with a colon.

            *three: Third.

        Returns:
            four: Not an argument.
        """

    assert docstrings.first_paragraph(documented) == "First line, and second."
    assert docstrings.arguments(documented) == {
        "one": "First.",
        "two": "Second, continued: with a colon.",
        "three": "Third.",
    }
    assert docstrings.arguments(lambda: None) == {} and docstrings.first_paragraph(lambda: None) == ""


@operator
def use(settings: Settings) -> None: ...


def test_threads_compile_without_disturbing_each_other() -> None:
    """One holds futures in models while others compile and build ordinary models."""
    inside, done = threading.Event(), threading.Event()

    @workflow
    def slow(count: int) -> None:
        inside.set()
        assert done.wait(30)
        use(Settings(rate=1.0, rows=[add(count)]))

    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(penstock.compile(slow, bundle_hash=b"")))
    thread.start()
    try:
        assert inside.wait(30)

        @workflow
        def quick(count: int) -> None:
            use(Settings(rate=1.0, rows=[add(count)]))

        penstock.compile(quick, bundle_hash=b"")
        assert Settings(rate=1.0, rows=[3]).rows == [3]
        with pytest.raises(ValueError, match="greater than 0"):
            Settings(rate=-1.0, rows=[])
    finally:
        done.set()
        thread.join(30)
    assert len(found[0].plan.nodes) == 2
