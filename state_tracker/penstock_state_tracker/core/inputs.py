"""The inputs of a run: what was given is checked against the plan, what was not takes its default."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from penstock_plan.json_schema import BadJson, Budget, Schema, parsed
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.value.v1 import value_pb2
from penstock_proto.wire import HASH_BYTES, INLINE_BYTES_MAX

from ..errors import BadRequest

INLINE_ALL_BYTES_MAX: Final = 64 * 1024
JSON_CODEC: Final = "json"
CODEC_CHARS_MAX: Final = 100
# Inputs that do not exist and are named.
UNKNOWN_NAMED_MAX: Final = 20
# What was meant is looked for among so many inputs, for so many names: a comparison of two names takes its time.
MEANT_AMONG_MAX: Final = 200
MEANT_NAMES_MAX: Final = 3
# Inputs that are named where one is asked for that does not exist.
INPUTS_NAMED_MAX: Final = 20
# Problems that are listed; their text goes into an answer of a few KiB anyway.
PROBLEMS_MAX: Final = 50
_STATIC: Final = (
    "is static: this plan was compiled with another value; run the workflow from its file, or deploy it with that value"
)


@dataclass(frozen=True, slots=True)
class Input:
    name: str
    required: bool
    # None if required.
    default: value_pb2.Value | None
    # None: anything.
    schema: Schema | None
    # Its default is the value that the plan was compiled with, and no other is accepted.
    is_static: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with what was given: the input, a JSON pointer into its value, and a sentence."""

    input: str
    pointer: str
    text: str


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of one plan, in its order."""

    plan_name: str
    inputs: tuple[Input, ...]

    @classmethod
    def of(cls, plan: plan_pb2.Plan) -> "Inputs":
        return cls(plan.name, tuple(map(_input, plan.inputs)))

    def fill(self, given: Mapping[str, value_pb2.Value]) -> value_pb2.Values:
        """Return a value for each input; raise BadRequest with everything that is wrong with those given."""
        if problems := [problem.text for problem in self.problems(given, 1)]:
            if len(problems) > PROBLEMS_MAX:
                problems[PROBLEMS_MAX:] = [f"there are {len(problems) - PROBLEMS_MAX} more problems"]
            raise BadRequest(f"{self.plan_name} cannot run with these inputs:\n- " + "\n- ".join(problems))
        chosen = [given.get(declared.name, declared.default) for declared in self.inputs]
        return value_pb2.Values(values=[value for value in chosen if value is not None])

    def problems(self, given: Mapping[str, value_pb2.Value], each_max: int) -> list[Problem]:
        """Return what is wrong with the values given, of each value so many things at most."""
        problems = self._unknown(given)
        inline_bytes = 0
        budget = Budget()  # of all inputs together
        for declared in self.inputs:
            if declared.name in given:
                value = given[declared.name]
                what = f"input {declared.name!r}"
                problems += value_problems(what, declared.name, declared.schema, value, budget, each_max)
                if declared.is_static and not _is_same(value, declared.default):
                    problems.append(Problem(declared.name, "", f"{what} {_STATIC}"))
                inline_bytes += len(value.inline)
            elif declared.default is None:
                problems.append(Problem(declared.name, "", f"input {declared.name!r} is missing"))
        if inline_bytes > INLINE_ALL_BYTES_MAX:
            text = f"the inputs have {inline_bytes:,} bytes, the limit is {INLINE_ALL_BYTES_MAX:,}: store artifacts"
            problems.append(Problem("", "", text))
        return problems

    def _unknown(self, given: Mapping[str, value_pb2.Value]) -> list[Problem]:
        names = [declared.name for declared in self.inputs]
        unknown = sorted(given.keys() - set(names))
        problems: list[Problem] = []
        for index, name in enumerate(unknown[:UNKNOWN_NAMED_MAX]):
            hint = _hint(name, names if index < MEANT_NAMES_MAX else [])
            problems.append(Problem(name, "", f"unknown input {name!r}{hint}"))
        if len(unknown) > UNKNOWN_NAMED_MAX:
            problems.append(Problem("", "", f"there are {len(unknown) - UNKNOWN_NAMED_MAX} more that do not exist"))
        return problems


def _hint(name: str, names: list[str]) -> str:
    """Say what was meant, or what there is; nothing where no names are given or finding out would take too long."""
    if not names or len(names) > MEANT_AMONG_MAX:
        return ""
    if near := difflib.get_close_matches(name[:CODEC_CHARS_MAX], [known[:CODEC_CHARS_MAX] for known in names], 1):
        return f"; did you mean {near[0]!r}?"
    more = f" and {len(names) - INPUTS_NAMED_MAX} more" if len(names) > INPUTS_NAMED_MAX else ""
    return f"; the inputs are {', '.join(map(repr, names[:INPUTS_NAMED_MAX]))}{more}"


def _input(declared: plan_pb2.PlanInput) -> Input:
    default = None
    if not declared.required:
        # A copy: a part of the plan would keep all of it in memory.
        default = value_pb2.Value.FromString(declared.default.SerializeToString())
    schema = Schema.of(declared.schema_json)
    return Input(declared.name, declared.required, default, schema, declared.HasField("static"))


def _is_same(value: value_pb2.Value, other: value_pb2.Value | None) -> bool:
    if other is None or value.codec != other.codec or value.artifact != other.artifact:
        return False
    if value.inline == other.inline or value.codec != JSON_CODEC:
        return value.inline == other.inline
    try:
        return parsed(value.inline) == parsed(other.inline)
    except BadJson:
        return False


def value_problems(
    what: str, name: str, schema: Schema | None, value: value_pb2.Value, budget: Budget, count_max: int
) -> list[Problem]:
    """Return what is wrong with a value, of which `what` says in a sentence what it is."""
    text = _shape_problem(what, value)
    if text:
        return [Problem(name, "", text)]
    if value.WhichOneof("body") != "inline" or value.codec != JSON_CODEC or schema is None:
        return []
    try:
        faults = schema.faults(parsed(value.inline), budget, count_max)
    except BadJson as error:
        return [Problem(name, "", f"{what} is not JSON: {error}")]
    return [Problem(name, fault.pointer, f"{what} {fault.text}") for fault in faults]


def _shape_problem(what: str, value: value_pb2.Value) -> str:
    """Say what is wrong with a value, whatever its type; nothing if it may be right."""
    body = value.WhichOneof("body")
    if body is None:
        return f"{what} has no value: neither inline nor an artifact"
    if not 0 < len(value.codec) <= CODEC_CHARS_MAX:
        return f"{what} does not name its codec"
    if body == "artifact" and len(value.artifact) != HASH_BYTES:
        return f"{what} names an artifact by {len(value.artifact)} bytes; its SHA-256 has {HASH_BYTES}"
    if len(value.inline) > INLINE_BYTES_MAX:
        return f"{what} has {len(value.inline):,} bytes; the limit is {INLINE_BYTES_MAX:,}, store it as an artifact"
    return ""
