"""What ends the waits of a workflow in a test: values that the test gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock_plan.growth import without_items
from penstock_plan.json_schema import Schema
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.value.v1.value_pb2 import Value

from ..codecs import Store, encode, to_value
from ..compiler.compilation import Compiled
from ..errors import InvalidInputs, OperatorFailed


def given_signals(compiled: Compiled, signals: Mapping[str, Any], store: Store) -> dict[str, Value]:
    """Return the values of signals, encoded; raise InvalidInputs for what the workflow does not wait for."""
    waits = {
        node.name: node.wait
        for plan in (compiled.plan, *(child.plan for child in compiled.children))
        for node in plan.nodes
        if node.HasField("wait") and node.wait.WhichOneof("kind") in ("signal", "approval")
    }
    problems = [
        f"unknown signal {name!r}; the workflow waits for {', '.join(waits) or 'none'}"
        for name in signals
        if without_items(name) not in waits
    ]
    kinds: dict[str, Any] = {name: type(value) for name, value in signals.items() if without_items(name) in waits}
    values = {name: to_value(encode(signals[name], kind), store) for name, kind in kinds.items()}
    problems += [
        problem for name, value in values.items() if (problem := _misfit(name, waits[without_items(name)], value))
    ]
    if problems:
        raise InvalidInputs(compiled.plan.name, problems)
    return values


def _misfit(name: str, wait: plan_pb2.Wait, value: Value) -> str:
    is_approval = wait.HasField("approval")
    schema = Schema({"type": "boolean"}) if is_approval else Schema.of(wait.signal.schema_json)
    if schema is None or value.codec != "json" or not value.inline:
        return ""
    problem = schema.problem_of(value.inline)
    return f"signal {name!r} {problem}" if problem else ""


def ended(node: plan_pb2.Node, name: str, given: Mapping[str, Value]) -> list[Value]:
    """Return the outputs of a wait; raise OperatorFailed if it fails."""
    wait = node.wait
    if wait.WhichOneof("kind") in ("sleep_s", "until_us"):
        return []
    value = given.get(name)
    fails_denied = wait.HasField("approval") and not wait.approval.goes_on_denied
    if value is not None and value.inline == b"false" and fails_denied:
        raise OperatorFailed(name, "penstock:approval", "denied")
    if value is None and not wait.HasField("otherwise"):
        text = f"waits for a signal: give it as penstock.testing.run(workflow, fakes, {{{name!r}: ...}})"
        raise OperatorFailed(name, "penstock:signal", text)
    return [value if value is not None else wait.otherwise]
