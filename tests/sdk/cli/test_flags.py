"""Flags of a workflow, read by JSON Schema."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock.cli.flags import BadValue, Flag, parse, read, type_text

DEFINED = {"$defs": {"Layer": {"type": "object", "title": "Layer", "properties": {"size": {"type": "integer"}}}}}
MODEL = {**DEFINED, "$ref": "#/$defs/Layer"}
PRICED = {
    "type": "object",
    "properties": {"price": {"type": "string", "format": "decimal"}, "wait": {"type": "string", "format": "duration"}},
}
OPTIONAL_INT = {"anyOf": [{"type": "integer"}, {"type": "null"}]}


FLOAT: dict[str, Any] = {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}


@pytest.mark.parametrize(
    ("schema", "texts", "value"),
    [
        ({"type": "integer"}, ["-3"], -3),
        ({"type": "number"}, ["1e-3"], 0.001),
        ({"type": "boolean"}, ["yes"], True),
        ({"type": "string"}, ["12"], "12"),
        ({"type": "string"}, ["@not a file"], "@not a file"),
        ({"enum": ["adam", "sgd"]}, ["sgd"], "sgd"),
        ({"enum": [1, 2]}, ["2"], 2),
        ({"const": "only"}, ["only"], "only"),
        (OPTIONAL_INT, ["7"], 7),
        (OPTIONAL_INT, ["none"], None),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, ["null"], None),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, ["7"], 7),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, ["seven"], "seven"),
        ({"type": "array", "items": {"type": "integer"}}, ["1", "2"], [1, 2]),
        ({"type": "array", "items": {"type": "integer"}}, ["[1, 2]"], [1, 2]),
        ({"type": "array", "items": {"type": "string"}}, ["a"], ["a"]),
        ({"type": "array", "items": {"$ref": "#/$defs/Layer"}, **DEFINED}, ['{"a": 1}'], [{"a": 1}]),
        (MODEL, ['{"size": 3}'], {"size": 3}),
        ({}, ["[1]"], [1]),
        ({"type": "number"}, ["inf"], "Infinity"),
        (FLOAT, ["nan"], "NaN"),
        ({"type": "array", "items": FLOAT}, ['[1, NaN, "NaN", 1e400]'], [1, "NaN", "NaN", "Infinity"]),
        ({"anyOf": [*FLOAT["anyOf"], {"type": "string"}]}, ["NaN"], "NaN"),
        ({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}, ["a"], "a"),
        ({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}, ["a", "b"], ["a", "b"]),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, ["007"], "007"),
        ({"type": "string", "format": "duration"}, ["90s"], "PT90S"),
        ({"type": "string", "format": "duration"}, ["1h30m"], "PT5400S"),
        ({"type": "string", "format": "duration"}, ["-1.5ms"], "-PT0.0015S"),
        ({"type": "string", "format": "duration"}, ["P1DT2H"], "P1DT2H"),
        ({"type": "string", "format": "decimal"}, ["12345678901234567.89"], "12345678901234567.89"),
        ({"type": "array", "items": {"format": "decimal", "type": "string"}}, ["[12345678901234567.89, 1]"],
         ["12345678901234567.89", "1"]),
        (PRICED, ['{"price": 1234567890123.456789, "wait": "2d"}'],
         {"price": "1234567890123.456789", "wait": "PT172800S"}),
        ({"enum": ["LOW", "HIGH", 1, 2], "x-names": ["LOW", "HIGH"]}, ["HIGH"], "HIGH"),
        ({"enum": ["LOW", "HIGH", 1, 2], "x-names": ["LOW", "HIGH"]}, ["2"], 2),
        ({}, ["plain"], "plain"),
    ],
)  # fmt: skip
def test_values(schema: dict[str, Any], texts: list[str], value: Any) -> None:
    assert read(schema, texts) == value


@pytest.mark.parametrize(
    ("schema", "text", "part"),
    [
        ({"type": "integer"}, "1.5", "whole number"),
        ({"type": "integer"}, "", "whole number"),
        ({"type": "string", "format": "duration"}, "90x", "such as 90s"),
        ({"type": "array", "items": {"type": "array"}}, "[" * 100_000, "nested too deeply"),
        ({"type": "boolean"}, "maybe", "true or false"),
        ({"enum": ["adam", "sgd"]}, "adagrad", "adam, sgd"),
        (MODEL, "{size: 3}", "not valid JSON"),
        (MODEL, "[]", "JSON object"),
        (MODEL, "@missing.json", "missing.json"),
    ],
)
def test_what_does_not_fit_says_what_would(schema: dict[str, Any], text: str, part: str) -> None:
    with pytest.raises(BadValue, match=part):
        read(schema, [text])


def test_a_value_comes_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "layer.json"
    path.write_text('{"size": 4}')
    assert read(MODEL, [f"@{path}"]) == {"size": 4}
    path.write_text("{")
    with pytest.raises(BadValue, match="not valid JSON"):
        read(MODEL, [f"@{path}"])


FLAGS = [
    Flag("learning_rate", {"type": "number"}, required=False),
    Flag("epochs", {"type": "integer"}, required=True),
    Flag("verbose", {"type": "boolean"}, required=False),
    Flag("names", {"type": "array", "items": {"type": "string"}}, required=False),
]


def test_both_spellings_and_both_forms() -> None:
    assert parse(FLAGS, ["--learning-rate", "0.1", "--epochs=3"]) == ({"learning_rate": 0.1, "epochs": 3}, [])
    assert parse(FLAGS, ["--learning_rate=0.1", "--epochs", "-3"])[0] == {"learning_rate": 0.1, "epochs": -3}


def test_switches_and_lists() -> None:
    words = ["--verbose", "--epochs", "1", "--names", "a", "--names", "b"]
    assert parse(FLAGS, words)[0] == {"verbose": True, "epochs": 1, "names": ["a", "b"]}
    assert parse(FLAGS, ["--no-verbose", "--epochs", "1"])[0] == {"verbose": False, "epochs": 1}
    assert parse(FLAGS, ["--verbose", "false", "--epochs", "1"])[0] == {"verbose": False, "epochs": 1}


def test_everything_wrong_is_said_at_once() -> None:
    _, problems = parse(FLAGS, ["--epoch", "3", "--learning-rate", "fast", "loose"])
    text = "\n".join(problems)
    assert "unknown input --epoch; the inputs are --learning-rate, --epochs" in text
    assert "unexpected argument 'loose': no --NAME comes before it" in text
    assert "--learning-rate: 'fast' is not float" in text
    assert "--epochs is missing (int)" in text
    assert len(problems) == 4


def test_a_flag_without_its_value() -> None:
    assert parse(FLAGS, ["--epochs"])[1][0] == "--epochs needs a value (int)"


def test_types_in_words() -> None:
    assert type_text(OPTIONAL_INT) == "int or null"
    assert type_text({"type": "number", "minimum": 0, "exclusiveMaximum": 1}) == "float >= 0 and < 1"
    assert type_text(FLOAT) == "float"
    assert type_text(FLAGS[3].schema) == "list of text"
    assert type_text(MODEL) == "JSON or @FILE of Layer"


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.text()))
def test_any_scalar_is_read_back(value: Any) -> None:
    kinds = {int: "integer", float: "number", bool: "boolean", str: "string"}
    text = value if isinstance(value, str) else json.dumps(value)
    assert read({"type": kinds[type(value)]}, [text]) == value
