"""Checks of what a plan's nodes refer to: types, operators, inputs and options."""

import math
import re
from collections.abc import Iterable

from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.value.v1.value_pb2 import Value
from penstock_proto.wire import HASH_BYTES, INLINE_BYTES_MAX

from .. import constraints, secrets
from ..limits import (
    MEMBERS_MAX,
    NAME_LENGTH_MAX,
    RETRIES_MAX,
    RETRY_DELAY_S_MAX,
    RETRY_FACTOR_MAX,
    TYPE_DEPTH_MAX,
    TYPES_MAX,
)
from ..literals import value_of
from ..spelling import quote
from .problems import Problems

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_PATH = re.compile(r"[/\\]|^\.|\.\.|\.$")
_ARGS_OF = {"list": (0, 1), "set": (0, 1), "dict": (0, 2), "union": (1, MEMBERS_MAX)}


def check_name(problems: Problems, what: str, name: str) -> None:
    """Any Unicode will do, but a name is not empty, not endless and has no control characters."""
    if not name:
        problems.add(f"{what} has no name")
    elif len(name) > NAME_LENGTH_MAX:
        problems.add(f"{what} {quote(name)} has a name of {len(name)} characters; the limit is {NAME_LENGTH_MAX}")
    elif _CONTROL.search(name):
        problems.add(f"{what} {quote(name)} has a control character in its name")


def check_unique(problems: Problems, what: str, names: Iterable[str]) -> None:
    """Say each name that occurs again, once."""
    seen: set[str] = set()
    again: set[str] = set()
    for name in names:
        if name in seen and name not in again:
            again.add(name)
            problems.add(f"{what} {quote(name)} occurs more than once")
        seen.add(name)


def check_types(problems: Problems, types: list[plan_pb2.Type]) -> bool:
    """Check the table of types; True if the relation can be asked about them."""
    if len(types) > TYPES_MAX:
        problems.add(f"the plan has {len(types)} types; the limit is {TYPES_MAX}")
        return False
    found = Problems()
    for index, kind in enumerate(types):
        _check_type(found, f"type {index} ({quote(kind.name)})", kind, len(types))
    if not found and (deep := _too_deep(types)) is not None:
        found.add(f"type {deep} contains itself or is nested deeper than {TYPE_DEPTH_MAX}")
    problems.extend(found)
    return not found


def _check_type(problems: Problems, what: str, kind: plan_pb2.Type, size: int) -> None:
    if not kind.name:
        problems.add(f"{what} has no name")
    for used in (*kind.args, *(field.type for field in kind.fields)):
        if not 0 <= used < size:
            problems.add(f"{what} refers to type {used}, but the plan has {size} types")
    if max(len(kind.args), len(kind.literals), len(kind.fields), len(kind.bases)) > MEMBERS_MAX:
        problems.add(f"{what} has more than {MEMBERS_MAX} parameters, values, fields or bases")
    least, most = _ARGS_OF.get(kind.name, (0, MEMBERS_MAX))
    if not least <= len(kind.args) <= most or (kind.name == "dict" and len(kind.args) == 1):
        problems.add(f"{what} has {len(kind.args)} parameters")
    if kind.name == "tuple" and kind.variadic and len(kind.args) > 1:
        problems.add(f"{what} has any length, so it needs one parameter, not {len(kind.args)}")
    if kind.name == "literal" and (
        not kind.literals
        or any(value_of(text)[1] not in ("str", "int", "bool", "float", "none") for text in kind.literals)
    ):
        problems.add(f"{what} needs values that are JSON scalars")
    if kind.name == "record" and not kind.qualname:
        problems.add(f"{what} does not name its class")
    check_unique(problems, f"{what}: field", (field.name for field in kind.fields))
    try:
        constraints.parse(kind.constraints_json)
    except ValueError as error:
        problems.add(f"{what} has unreadable constraints: {error}")


def _too_deep(types: list[plan_pb2.Type]) -> int | None:
    """A type that contains itself through its parameters or is nested too deeply; fields may refer to anything."""
    depth = [0] * len(types)
    deepest = changed = 0
    while changed is not None and deepest <= TYPE_DEPTH_MAX:
        changed = None
        for index, kind in enumerate(types):
            below = 1 + max((depth[used] for used in kind.args), default=-1)
            if below > depth[index]:
                depth[index], changed = below, index
                deepest = max(deepest, below)
    return changed


def check_operator(problems: Problems, what: str, operator: plan_pb2.Operator, types: int) -> None:
    """Check one declaration: what the worker imports, its ports and its options."""
    for part, name in (("module", operator.module), ("name", operator.qualname)):
        check_name(problems, f"{what}: its {part}", name)
        if _PATH.search(name):
            problems.add(f"{what}: its {part} {quote(name)} is not a name that Python can import")
    for side, ports in (("input", operator.inputs), ("output", operator.outputs)):
        check_unique(problems, f"{what}: {side}", (port.name for port in ports))
        for port in ports:
            check_name(problems, f"{what}: {side}", port.name)
            if not 0 <= port.type < types:
                problems.add(f"{what}: {side} {quote(port.name)} has type {port.type}, but the plan has {types} types")
    count = len(operator.outputs)
    match operator.output_shape:
        case plan_pb2.OUTPUT_SHAPE_SINGLE if count == 1:
            pass
        case plan_pb2.OUTPUT_SHAPE_FIELDS if count > 0:
            pass
        case plan_pb2.OUTPUT_SHAPE_NONE if count == 0:
            pass
        case shape:
            problems.add(f"{what}: output shape {shape} does not match {count} outputs")
    check_options(problems, what, operator.resources, operator.retry, operator.timeout_s, operator.on_failure)
    check_cache(problems, what, operator.cache)
    check_unique(problems, f"{what}: secret", operator.secrets)
    if len(operator.secrets) > secrets.COUNT_MAX:
        problems.add(f"{what}: it declares {len(operator.secrets)} secrets; the limit is {secrets.COUNT_MAX}")
    for name in operator.secrets:
        try:
            secrets.check_name(name)
        except secrets.SecretError as error:
            problems.add(f"{what}: {error}")


def check_options(
    problems: Problems,
    what: str,
    resources: plan_pb2.Resources,
    retry: plan_pb2.RetryPolicy,
    timeout_s: float,
    on_failure: int,
) -> None:
    """Check what an execution needs and what its failure means."""
    for name in ("cpu_milli", "gpu", "memory_bytes"):
        if getattr(resources, name) < 0:
            problems.add(f"{what}: {name} is {getattr(resources, name)}; it must not be negative")
    for label, value in resources.labels.items():
        check_name(problems, f"{what}: label", label)
        if len(value) > NAME_LENGTH_MAX or _CONTROL.search(value):
            problems.add(
                f"{what}: label {quote(label)} has the value {quote(value)}, too long or with control characters"
            )
    if not 0 <= retry.retries <= RETRIES_MAX:
        problems.add(f"{what}: {retry.retries} retries; expected 0 to {RETRIES_MAX}")
    numbers = {"delay_s": retry.delay_s, "factor": retry.factor, "delay_max_s": retry.delay_max_s}
    for name, number in (numbers | {"jitter": retry.jitter, "timeout_s": timeout_s}).items():
        if not math.isfinite(number) or number < 0:
            problems.add(f"{what}: {name} is {number}; expected a number of at least 0")
    for name, number, most in (
        ("delay_s", retry.delay_s, RETRY_DELAY_S_MAX),
        ("factor", retry.factor, RETRY_FACTOR_MAX),
        ("delay_max_s", retry.delay_max_s, RETRY_DELAY_S_MAX),
    ):
        if number > most and math.isfinite(number):
            problems.add(f"{what}: {name} of its retries is {number:g}; the limit is {most:g}")
    if retry.jitter > 1:
        problems.add(f"{what}: jitter is {retry.jitter}; expected a fraction of the delay, 0 to 1")
    if on_failure not in plan_pb2.FailurePolicy.values():
        problems.add(f"{what}: this version does not support failure policy {on_failure}")


def check_cache(problems: Problems, what: str, cache: plan_pb2.Cache) -> None:
    """Check for how long results are reused."""
    if not math.isfinite(cache.lifetime_s) or cache.lifetime_s < 0:
        problems.add(f"{what}: results are reused for {cache.lifetime_s} s; expected a number of at least 0")


def check_input(problems: Problems, what: str, declared: plan_pb2.PlanInput, types: int) -> None:
    """Check one input of the run."""
    check_name(problems, "input", declared.name)
    if not 0 <= declared.type < types:
        problems.add(f"{what} has type {declared.type}, but the plan has {types} types")
    if declared.HasField("default"):
        check_value(problems, f"{what}: its default", declared.default)
    elif not declared.required:
        problems.add(f"{what} is not required and has no default")
    if declared.HasField("static") and (declared.required or declared.static != declared.default):
        problems.add(f"{what} is static, but its default is not its value")
    try:
        constraints.parse(declared.schema_json)
    except ValueError as error:
        problems.add(f"{what} has an unreadable schema: {error}")


def check_value(problems: Problems, what: str, value: Value) -> None:
    """Check one encoded value: it has a codec, a body, and is small if it is inline."""
    if not value.codec:
        problems.add(f"{what} has no codec")
    if value.size_bytes < 0:
        problems.add(f"{what} has a negative size")
    match value.WhichOneof("body"):
        case "inline":
            if len(value.inline) > INLINE_BYTES_MAX:
                limit = f"the limit is {INLINE_BYTES_MAX}, store it as an artifact"
                problems.add(f"{what} has {len(value.inline)} bytes inline; {limit}")
        case "artifact":
            check_hash(problems, f"{what}: its artifact", value.artifact)
        case _:
            problems.add(f"{what} has no value")


def check_hash(problems: Problems, what: str, digest: bytes) -> None:
    """A hash is a SHA-256 digest."""
    if len(digest) != HASH_BYTES:
        problems.add(f"{what} is a hash of {len(digest)} bytes instead of {HASH_BYTES}")
