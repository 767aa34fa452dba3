"""Checks of nodes that wait: that the State Tracker can end each of them."""

import math
from collections.abc import Sequence
from typing import Final

from penstock_proto.plan.v1 import plan_pb2

from .. import constraints
from ..children import SIMPLE
from ..waits import MODULE, WAIT_S_MAX
from .problems import Problems
from .tables import check_hash, check_name, check_value

WHO_MAX: Final = 100
QUESTION_CHARS_MAX: Final = 2_000
# Microseconds of Unix time: the year 9999, which is the last that everybody can write.
UNTIL_US_MAX: Final = 253_402_300_799_000_000
# Attempts of a sensor are events, each.
EVERY_S_MIN: Final = 0.1
OUTPUTS: Final = {"sleep_s": 0, "until_us": 0, "signal": 1, "approval": 1}


def check_wait(problems: Problems, what: str, node: plan_pb2.Node, operators: Sequence[plan_pb2.Operator]) -> None:
    """Check what a node waits for, and the built-in operator that stands for its output."""
    wait = node.wait
    kind = wait.WhichOneof("kind")
    if kind == "child":
        _check_child(problems, what, node, operators)
        return
    if kind not in OUTPUTS:
        problems.add(f"{what} waits for nothing, or for something that this version does not support")
        return
    if node.arguments:
        problems.add(f"{what} waits, but has arguments")
    declared = operators[node.operator] if 0 <= node.operator < len(operators) else None
    if declared is None or declared.module != MODULE or len(declared.outputs) != OUTPUTS[kind]:
        problems.add(f"{what} waits, so its operator must be a built-in one with {OUTPUTS[kind]} outputs")
    for name, seconds in (("sleep", wait.sleep_s), ("timeout", wait.timeout_s)):
        if not (math.isfinite(seconds) and 0 <= seconds <= WAIT_S_MAX):
            problems.add(f"{what}: its {name} is {seconds:g} seconds; expected 0 to {WAIT_S_MAX:g}")
    if not 0 <= wait.until_us <= UNTIL_US_MAX:
        problems.add(f"{what} waits until {wait.until_us} microseconds of Unix time; expected 0 to {UNTIL_US_MAX}")
    if wait.HasField("otherwise"):
        check_value(problems, f"{what}: its value at the timeout", wait.otherwise)
        if not OUTPUTS[kind] or not wait.timeout_s:
            problems.add(f"{what} has a value for a timeout that it does not have")
    elif wait.timeout_s and not OUTPUTS[kind]:
        problems.add(f"{what} has a timeout, but it waits for a time")
    _check_approval(problems, what, wait.approval)
    try:
        constraints.parse(wait.signal.schema_json)
    except ValueError as error:
        problems.add(f"{what} has an unreadable schema: {error}")


def check_sensor(problems: Problems, what: str, wait: plan_pb2.Wait) -> None:
    """Check a call that is tried again until it finds something."""
    if wait.WhichOneof("kind") != "sensor" or wait.HasField("otherwise"):
        problems.add(f"{what} is a call that waits for something else than what it finds")
    elif not EVERY_S_MIN <= wait.sensor.every_s <= WAIT_S_MAX:
        problems.add(f"{what} looks every {wait.sensor.every_s:g} seconds; expected {EVERY_S_MIN:g} to {WAIT_S_MAX:g}")
    if not (math.isfinite(wait.timeout_s) and 0 <= wait.timeout_s <= WAIT_S_MAX):
        problems.add(f"{what}: its timeout is {wait.timeout_s:g} seconds; expected 0 to {WAIT_S_MAX:g}")


def _check_child(problems: Problems, what: str, node: plan_pb2.Node, operators: Sequence[plan_pb2.Operator]) -> None:
    child = node.wait.child
    check_hash(problems, f"{what}: the plan of its child run", child.plan)
    declared = operators[node.operator] if 0 <= node.operator < len(operators) else None
    if declared is None or declared.module != MODULE or len(declared.outputs) != len(child.outputs):
        problems.add(f"{what} starts a run, so its operator must be a built-in one with {len(child.outputs)} outputs")
    for value in (*(argument.value for argument in node.arguments), *child.outputs):
        if value.WhichOneof("kind") not in SIMPLE:
            problems.add(f"{what} starts a run with an argument or output that is not one value")
    if node.wait.timeout_s or node.wait.HasField("otherwise"):
        problems.add(f"{what} starts a run, which ends by its own deadline, not by a timeout")
    if not 0 <= child.deadline_s <= WAIT_S_MAX:  # also refuses NaN
        problems.add(f"{what}: its deadline is {child.deadline_s:g} seconds; expected 0 to {WAIT_S_MAX:g}")


def _check_approval(problems: Problems, what: str, approval: plan_pb2.Approval) -> None:
    if len(approval.question) > QUESTION_CHARS_MAX:
        problems.add(f"{what} asks in {len(approval.question)} characters; the limit is {QUESTION_CHARS_MAX}")
    if len(approval.who) > WHO_MAX:
        problems.add(f"{what} names {len(approval.who)} who may answer; the limit is {WHO_MAX}")
    for name in approval.who:
        check_name(problems, f"{what}: who may answer", name)
