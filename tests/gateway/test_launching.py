"""Inputs of a launch as JSON: what a run says it was launched with launches the same again."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from penstock.client.uploads import Outgoing
from penstock_gateway.api import shown
from penstock_gateway.api.launching import input_values
from penstock_gateway.api.requests import GivenInputs

NUMBERS = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LEAVES = st.none() | st.booleans() | NUMBERS | WORDS | st.sampled_from(["NaN", "Infinity", "-Infinity", "PT1H"])
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=6
)


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(["n", "training", "note"]), VALUES, max_size=3))
def test_what_was_launched_is_launched_again(inputs: dict[str, object]) -> None:
    first = input_values(GivenInputs(inputs=inputs), Outgoing())
    assume(all(value.WhichOneof("body") == "inline" for value in first.values()))  # others go on as artifacts
    read = {name: shown.value(value) for name, value in first.items()}
    assert read == inputs and list(map(repr, read.values())) == list(map(repr, inputs.values()))
    assert input_values(GivenInputs(inputs=read), Outgoing()) == first
