"""The form: one schema of all inputs, whose references stay within it."""

import json
from typing import Any

import jsonschema
from hypothesis import given
from hypothesis import strategies as st
from penstock_plan import form
from penstock_proto.plan.v1.plan_pb2 import PlanInput
from penstock_proto.value.v1.value_pb2 import Value

from tests.state_tracker.running import value


def made(*inputs: tuple[str, Any], **defaults: str) -> dict[str, Any]:
    """The form of inputs with these schemas; those with a default (JSON) are optional."""
    declared = [
        PlanInput(
            name=name,
            schema_json=json.dumps(schema),
            required=name not in defaults,
            default=value(defaults[name]) if name in defaults else None,
            doc=f"About {name}.",
        )
        for name, schema in inputs
    ]
    return form.of("w", "Does it.", declared)


def test_inputs_keep_their_order_their_words_and_their_documentation() -> None:
    found = made(("b", {"type": "integer", "x-kind": "Model"}), ("a", {"type": "string"}), a='"x"')
    assert list(found["properties"]) == ["b", "a"]
    assert found["properties"]["b"] == {"type": "integer", "x-kind": "Model", "description": "About b."}
    assert found["properties"]["a"]["default"] == "x"
    assert (found["required"], found["additionalProperties"]) == (["b"], False)
    assert form.as_json(found) == form.as_json(json.loads(form.as_json(found)))


def test_definitions_of_the_same_name_are_shared_or_renamed() -> None:
    one = {
        "$defs": {"T": {"type": "integer"}, "L": {"type": "array", "items": {"$ref": "#/$defs/T"}}},
        "$ref": "#/$defs/L",
    }
    other = json.loads(json.dumps(one).replace("integer", "string"))
    found = made(("a", one), ("b", one), ("c", other))
    assert found["properties"]["a"]["$ref"] == found["properties"]["b"]["$ref"] == "#/$defs/L"
    # Both are renamed: the list differs by what it is a list of.
    assert set(found["$defs"]) == {"T", "L", "T_2", "L_2"}
    validator: Any = jsonschema.Draft202012Validator(found)
    assert validator.is_valid({"a": [1], "b": [2], "c": ["x"]})
    assert not validator.is_valid({"a": [1], "b": ["x"], "c": ["x"]})
    assert not validator.is_valid({"a": [1], "b": [2], "c": [3]})


def test_data_is_not_taken_for_references() -> None:
    own = {
        "type": "object",
        "default": {"$ref": "#/$defs/T"},
        "properties": {"$ref": {"$ref": "#/$defs/T"}, "default": {"$ref": "#/$defs/T"}},
    }
    found = made(("a", {"$defs": {"T": {"type": "integer"}}}), ("b", {"$defs": {"T": {"type": "string"}}, **own}))
    assert found["properties"]["b"]["default"] == {"$ref": "#/$defs/T"}
    assert found["properties"]["b"]["properties"]["$ref"] == {"$ref": "#/$defs/T_2"}
    assert found["properties"]["b"]["properties"]["default"] == {"$ref": "#/$defs/T_2"}


def test_defaults_that_are_not_short_json_are_described() -> None:
    large = PlanInput(name="a", default=Value(codec="numpy", artifact=b"1" * 32, size_bytes=9, type_name="ndarray"))
    strange = PlanInput(name="b", default=value("NaN"))
    found = form.of("w", "", [large, strange])
    assert found["properties"]["a"]["x-default"] == {"codec": "numpy", "type": "ndarray", "size_bytes": 9}
    assert "default" not in found["properties"]["b"] and found["properties"]["b"]["x-default"]["codec"] == "json"


def test_a_schema_that_cannot_be_read_takes_anything() -> None:
    deep = '{"items":' * 5_000 + "{}" + "}" * 5_000
    for text in ("", "no", "[]", "NaN", '{"minimum": NaN}', deep):
        found = form.of("w", "", [PlanInput(name="a", schema_json=text, required=True)])
        assert found["properties"]["a"] == {}


SCHEMAS = st.recursive(
    st.sampled_from([{"type": "integer"}, {"type": "string"}, {"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]),
    lambda inner: (
        st.fixed_dictionaries({"type": st.just("array"), "items": inner})
        | st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=2)})
        | st.fixed_dictionaries(
            {"type": st.just("object"), "properties": st.dictionaries(st.sampled_from("xy"), inner)}
        )
    ),
    max_leaves=5,
)
LEAVES = st.sampled_from([{"type": "integer"}, {"type": "string"}, {"type": "boolean"}])
INPUTS = st.fixed_dictionaries({"schema": SCHEMAS, "A": SCHEMAS, "B": LEAVES})
VALUES = st.recursive(
    st.integers() | st.text(max_size=2) | st.booleans(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xy"), inner),
    max_leaves=4,
)


@given(inputs=st.lists(INPUTS, min_size=1, max_size=3), given_values=st.lists(VALUES, min_size=3, max_size=3))
def test_an_input_is_valid_in_the_form_as_it_is_alone(inputs: list[Any], given_values: list[Any]) -> None:
    # A definition that is only itself, "A is A", means nothing.
    alone = [
        {"$defs": {"A": {"type": "array", "items": each["A"]}, "B": each["B"]}, **each["schema"]} for each in inputs
    ]
    found = made(*((f"i{number}", schema) for number, schema in enumerate(alone)))
    for number, schema in enumerate(alone):
        own: Any = jsonschema.Draft202012Validator(schema)
        part: Any = jsonschema.Draft202012Validator(
            {**found["properties"][f"i{number}"], "$defs": found.get("$defs", {})}
        )
        for one in given_values:
            assert own.is_valid(one) == part.is_valid(one)
