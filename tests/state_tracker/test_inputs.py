"""What a caller gives as inputs is checked in a time that no caller can stretch."""

import pytest
from penstock_plan.json_schema import SCHEMA_CHARS_MAX
from penstock_proto.plan.v1 import plan_pb2 as pl
from penstock_state_tracker.core.inputs import UNKNOWN_NAMED_MAX, Inputs
from penstock_state_tracker.errors import BadRequest

from tests.state_tracker.running import value


def test_of_many_inputs_that_do_not_exist_the_first_are_named() -> None:
    inputs = Inputs.of(pl.Plan(name="m:w", inputs=[pl.PlanInput(name="n", required=True)]))
    given = {f"{number:04}": value("1") for number in range(UNKNOWN_NAMED_MAX + 3)} | {"n": value("1")}
    with pytest.raises(BadRequest) as refused:
        inputs.fill(given)
    assert str(refused.value).count("unknown input") == UNKNOWN_NAMED_MAX
    assert str(refused.value).endswith("there are 3 more that do not exist")


def test_a_schema_that_is_too_large_is_left_to_the_worker() -> None:
    def plan(choices: int) -> pl.Plan:
        schema = '{"enum": [' + ", ".join(["0"] * choices) + "]}"
        return pl.Plan(name="m:w", inputs=[pl.PlanInput(name="n", required=True, schema_json=schema)])

    with pytest.raises(BadRequest):
        Inputs.of(plan(10)).fill({"n": value("1")})
    assert len(Inputs.of(plan(SCHEMA_CHARS_MAX)).fill({"n": value("1")}).values) == 1
