"""The inputs of a workflow that is not compiled yet, since values of its static ones are not known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from penstock_proto.plan.v1 import plan_pb2

from ..codecs import CodecError, decode
from ..declare import docstrings
from ..declare.signatures import MISSING
from ..declare.static import plain
from ..declare.workflows import Workflow
from ..errors import InvalidInputs
from . import schema
from .literals import BadLiteral, Literals


def declared(workflow: Workflow[..., Any]) -> list[plan_pb2.PlanInput]:
    """Return what the signature says of each input, without types: enough for a form."""
    prose, literals = docstrings.arguments(workflow.fn), Literals()
    if workflow.cls is not None:
        prose |= docstrings.arguments(workflow.cls.run)
    found: list[plan_pb2.PlanInput] = []
    for name, parameter in workflow.signature.parameters.items():
        annotation = Any if parameter.annotation is MISSING else plain(parameter.annotation)
        each = plan_pb2.PlanInput(name=name, required=parameter.is_required, doc=prose.get(name, ""))
        each.schema_json = schema.of(annotation)
        if not parameter.is_required:
            try:
                each.default.CopyFrom(literals.encode(parameter.default, annotation))
            except BadLiteral:
                each.required = False  # the compilation says what is wrong with it
        found.append(each)
    return found


def values_of(workflow: Workflow[..., Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Return values of static inputs from texts: JSON, or a text as it is. Raise InvalidInputs."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, text in texts.items():
        parameter = workflow.signature.parameters.get(name)
        if parameter is None:
            known = ", ".join(workflow.signature.parameters) or "none"
            problems.append(f"unknown input {name!r}; the inputs are {known}")
            continue
        try:
            values[name] = _value(text, plain(parameter.annotation))
        except CodecError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise InvalidInputs(workflow.name, problems)
    return values


def _value(text: str, annotation: Any) -> Any:
    try:
        return decode("json", text.encode(), annotation)
    except CodecError:
        return decode("json", json.dumps(text).encode(), annotation)
