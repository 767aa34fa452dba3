"""What does not fit a schema, and in which words; a schema that cannot be used admits everything."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_plan.json_schema import BadJson, Schema, parsed

POINT = {"type": "object", "required": ["x"], "properties": {"x": {"type": "integer"}, "y": {"$ref": "#/$defs/side"}}}

FLOAT = {"anyOf": [{"type": "number", "minimum": 0}, {"enum": ["Infinity"]}]}
PAIRS = {"prefixItems": [{"type": "string"}], "items": {"type": "integer"}}


def as_sent(value: Any) -> Any:
    """The value as it arrives, in JSON."""
    return parsed(json.dumps(value))


@pytest.mark.parametrize(
    ("schema", "value", "text"),
    [
        ({"type": "integer"}, 1.5, "must be integer, not 1.5"),
        ({"type": "integer"}, True, "must be integer, not true"),
        ({"type": "number"}, "1", 'must be number, not "1"'),
        ({"type": ["string", "null"]}, 1, "must be null or string, not 1"),
        ({"enum": ["a", "b"]}, "c", 'must be one of "a", "b", not "c"'),
        ({"const": 3}, 4, "must be 3, not 4"),
        ({"minimum": 0}, -1, "must be at least 0, not -1"),
        ({"exclusiveMaximum": 1}, 1, "must be less than 1, not 1"),
        ({"maxLength": 2}, "abc", "must have at most 2 characters, not 3"),
        ({"minItems": 1}, [], "must have at least 1 items, not 0"),
        ({"items": {"type": "string"}}, ["a", 1], "item 1 must be string, not 1"),
        (POINT | {"$defs": {"side": {}}}, {}, "must have 'x'"),
        ({"pattern": "x"}, "y", "must match 'x', not \"y\""),
        ({"enum": [1]}, True, "must be one of 1, not true"),
        ({"const": 0}, False, "must be 0, not false"),
        (
            {"prefixItems": [{"type": "string"}], "items": {"type": "integer"}},
            ["a", "b"],
            'item 1 must be integer, not "b"',
        ),
        ({"patternProperties": {"^x": {}}, "additionalProperties": False}, {"xa": 1, "y": 2}, "has no field 'y'"),
        ({"maxProperties": 1}, {"a": 1, "b": 2}, "must have at most 1 fields, not 2"),
        ({"multipleOf": 3}, 4, "must be a multiple of 3, not 4"),
        ({"uniqueItems": True}, [1, 1], "must have no item twice"),
        ({"type": "number"}, float("inf"), 'must be number, not "Infinity"'),
        (FLOAT, "nan", 'must be number, not "nan"'),
        (FLOAT, -1, "must be at least 0, not -1"),
        ({"items": FLOAT}, [float("-inf")], 'item 0 must be number, not "-Infinity"'),
        (POINT | {"$defs": {"side": {"maximum": 9}}}, {"x": 1, "y": 10}, "field 'y' must be at most 9, not 10"),
        ({"additionalProperties": {"type": "string"}}, {"a": 1}, "field 'a' must be string, not 1"),
        ({"anyOf": [{"type": "string"}, {"minimum": 5}]}, 1, "must be string, not 1 and must be at least 5, not 1"),
    ],
)
def test_what_is_wrong_is_said(schema: dict[str, Any], value: Any, text: str) -> None:
    assert Schema(schema).problem(as_sent(value)) == text


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, 2.0),
        ({"type": "number"}, 2),
        ({"type": "integer"}, 10**400),
        ({"type": "boolean"}, False),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, None),
        ({"type": "unheard of"}, 1),
        (PAIRS, ["a", 1]),
        ({"patternProperties": {"^x": {}}, "additionalProperties": False}, {"xa": 1}),
        ({"minLength": 5}, [1]),
        ({"maxItems": 1}, "abc"),
        ({"$ref": "http://127.0.0.1:1/schema"}, 1),
        (FLOAT, "Infinity"),
        (FLOAT, float("inf")),
        ({"properties": {f"f{n}": FLOAT for n in range(1_500)}}, {"f1": "Infinity"}),
        ({"$ref": "#/nowhere"}, 1),
        ({"$ref": "#"}, 1),
        ({"minimum": "x"}, 1),
        ({"type": 5}, 1),
        (None, 1),
        ([], 1),
    ],
)
def test_what_fits_or_is_not_known_is_accepted(schema: Any, value: Any) -> None:
    assert Schema(schema).problem(as_sent(value)) == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
KEYWORDS = st.sampled_from(
    ["type", "enum", "const", "anyOf", "items", "properties", "required", "minimum", "maxLength", "$ref"]
)


@given(schema=JSON | st.dictionaries(KEYWORDS, JSON), value=JSON)
def test_no_schema_and_no_value_break_it(schema: Any, value: Any) -> None:
    assert isinstance(Schema(schema).problem(as_sent(value)), str)


def test_choices_within_choices_end() -> None:
    """100 ** 16 ways: whoever looks at all of them never answers anybody again."""
    schema = {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}] * 100}}, "$ref": "#/$defs/a"}
    assert Schema(schema).problem(1) == ""


def test_a_schema_as_deep_as_can_be_read_is_accepted() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert Schema({"enum": [deep]}).problem(1) == ""


def test_what_is_no_json_is_said() -> None:
    for data in (b"{", b"[" * 100_000, b"\xff"):
        with pytest.raises(BadJson):
            Schema({}).problem_of(data)


TREE = {
    "$defs": {"t": {"type": "object", "properties": {"kids": {"items": {"$ref": "#/$defs/t"}}}}},
    "$ref": "#/$defs/t",
}
BRANCHING = {
    "$defs": {"t": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/t"}}] * 2}},
    "$ref": "#/$defs/t",
}


def test_trees_are_checked_as_deep_as_that_is_cheap() -> None:
    """Two choices at each level are 2 ** 200 ways: a value as deep as that is left to the worker."""
    assert Schema(TREE).problem({"kids": [{"kids": [1]}]}).endswith("item 0 must be object, not 1")
    assert Schema(BRANCHING).problem([[1]]) != ""
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    assert Schema(BRANCHING).problem([deep, 1]) == ""
    assert Schema({"items": {"type": "string"}}).problem([deep]) != ""


def test_a_pattern_that_takes_for_ever_is_left_to_the_worker() -> None:
    assert Schema({"pattern": r"^(a|aa)+\1c$"}).problem("a" * 60 + "b") == ""
