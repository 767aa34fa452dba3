"""What is caught of an input's schema, in which words; what is not known is accepted."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_state_tracker.core.json_schema import problem

POINT = {"type": "object", "required": ["x"], "properties": {"x": {"type": "integer"}, "y": {"$ref": "#/$defs/side"}}}


@pytest.mark.parametrize(
    ("schema", "value", "text"),
    [
        ({"type": "integer"}, 1.5, "must be integer, not 1.5"),
        ({"type": "integer"}, True, "must be integer, not true"),
        ({"type": "number"}, "1", 'must be number, not "1"'),
        ({"type": ["string", "null"]}, 1, "must be string or null, not 1"),
        ({"enum": ["a", "b"]}, "c", 'must be one of "a", "b", not "c"'),
        ({"const": 3}, 4, "must be 3, not 4"),
        ({"minimum": 0}, -1, "must be at least 0, not -1"),
        ({"exclusiveMaximum": 1}, 1, "must be less than 1, not 1"),
        ({"maxLength": 2}, "abc", "must have at most 2 characters, not 3"),
        ({"minItems": 1}, [], "must have at least 1 items, not 0"),
        ({"items": {"type": "string"}}, ["a", 1], "item 1 must be string, not 1"),
        (POINT, {}, "must have 'x'"),
        (POINT | {"$defs": {"side": {"maximum": 9}}}, {"x": 1, "y": 10}, "field 'y' must be at most 9, not 10"),
        ({"additionalProperties": {"type": "string"}}, {"a": 1}, "field 'a' must be string, not 1"),
        ({"anyOf": [{"type": "string"}, {"minimum": 5}]}, 1, "must be string, not 1 and must be at least 5, not 1"),
    ],
)
def test_what_is_wrong_is_said(schema: dict[str, Any], value: Any, text: str) -> None:
    assert problem(schema, value) == text


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, 2.0),
        ({"type": "number"}, 2),
        ({"type": "integer"}, 10**400),
        ({"type": "boolean"}, False),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, None),
        ({"type": "unheard of"}, 1),
        ({"pattern": "x"}, "y"),
        ({"$ref": "#/nowhere"}, 1),
        ({"$ref": "#"}, 1),
        ({"minimum": "x"}, 1),
        ({"type": 5}, 1),
        (None, 1),
        ([], 1),
    ],
)
def test_what_fits_or_is_not_known_is_accepted(schema: Any, value: Any) -> None:
    assert problem(schema, value) == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
KEYWORDS = st.sampled_from(
    ["type", "enum", "const", "anyOf", "items", "properties", "required", "minimum", "maxLength", "$ref"]
)


@given(schema=JSON | st.dictionaries(KEYWORDS, JSON), value=JSON)
def test_no_schema_and_no_value_break_it(schema: Any, value: Any) -> None:
    assert isinstance(problem(schema, value), str)


def test_choices_within_choices_end() -> None:
    """100 ** 16 ways: whoever looks at all of them never answers anybody again."""
    schema = {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}] * 100}}, "$ref": "#/$defs/a"}
    assert problem(schema, 1) == ""


def test_a_schema_as_deep_as_can_be_read_is_accepted() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert problem({"enum": [deep]}, 1) == ""
