"""An operator's declaration as the plan has it, and what is wrong with the declaration."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock_proto.plan.v1 import plan_pb2

from ..codecs import uncarried
from ..declare import docstrings, modules
from ..declare.annotations import is_named_tuple
from ..declare.modules import Place
from ..declare.signatures import MISSING, Problem, Signature
from ..errors import CompileError
from .sources import source_hash
from .type_table import UNKNOWN, TypeTable, UnsupportedAnnotation

if TYPE_CHECKING:
    from ..declare.operators import Operator


@dataclass(slots=True)
class Lowered:
    """An operator as one plan has it."""

    index: int
    signature: Signature
    annotations: dict[str, Any]  # of the parameters
    outputs: dict[str, tuple[int, Any, int]]  # by name: position, annotation, type
    single: bool
    unpackable: bool
    returns: Any
    returns_type: int


def lower(
    operator: Operator[..., Any],
    plan: plan_pb2.Plan,
    types: TypeTable,
    known: dict[tuple[str, str], Operator[..., Any]],
    *,
    local: bool,
) -> tuple[Lowered, list[CompileError]]:
    """Add the operator to the plan. `local`: it may be one that only this process can find."""
    signature = operator.signature
    problems = [*signature.problems, *_not_importable(operator, known, local)]
    annotations = {
        name: checked(types, parameter.annotation, name, problems, taken=True)[0]
        for name, parameter in signature.parameters.items()
    }
    returns, returns_type = checked(types, signature.returns, "return", problems)
    outputs: dict[str, tuple[int, Any, int]] = {}
    for position, output in enumerate(signature.outputs):
        outputs[output.name] = (position, *checked(types, output.annotation, f"return.{output.name}", problems))
    index = len(plan.operators)
    plan.operators.append(_message(operator, types, annotations, outputs))
    single = signature.shape == plan_pb2.OUTPUT_SHAPE_SINGLE
    lowered = Lowered(index, signature, annotations, outputs, single, is_named_tuple(returns), returns, returns_type)
    return lowered, [located(operator.place, operator.name, problem) for problem in problems]


def checked(
    types: TypeTable, annotation: Any, argument: str, problems: list[Problem], *, taken: bool = False
) -> tuple[Any, int]:
    """The annotation and its type; Any and UNKNOWN in place of what is missing, or no value can have."""
    if annotation is MISSING:
        return Any, UNKNOWN
    try:
        index = types.index(annotation)
        if not (problem := uncarried(annotation, taken=taken)):
            return annotation, index
        if not any(each.text == problem for each in problems):
            problems.append(Problem(problem, argument))
    except UnsupportedAnnotation as error:
        if not any(problem.text == str(error) for problem in problems):
            problems.append(Problem(str(error), argument))
    except (NameError, TypeError) as error:
        problems.append(Problem(f"its annotation cannot be read: {error}", argument))
    return Any, UNKNOWN


def located(place: Place, name: str, problem: Problem) -> CompileError:
    """A problem of a declaration, at the line of the declaration."""
    return CompileError(
        problem=problem.text,
        operator=name,
        argument=problem.argument,
        file=place.file,
        line=place.line,
        remedy=problem.remedy,
    )


def _message(
    operator: Operator[..., Any],
    types: TypeTable,
    annotations: dict[str, Any],
    outputs: dict[str, tuple[int, Any, int]],
) -> plan_pb2.Operator:
    settings, parameters = operator.settings, operator.signature.parameters
    return plan_pb2.Operator(
        module=operator.module,
        qualname=operator.qualname,
        inputs=[
            plan_pb2.Port(name=name, type=types.index(annotation), required=parameters[name].is_required)
            for name, annotation in annotations.items()
        ],
        outputs=[plan_pb2.Port(name=name, type=type, required=True) for name, (_, _, type) in outputs.items()],
        output_shape=operator.signature.shape,
        resources=settings.resources(),
        retry=settings.retry(),
        timeout_s=settings.timeout_s or 0.0,
        on_failure=settings.failure_policy(),
        doc=docstrings.first_paragraph(operator.fn),
        source_hash=source_hash(operator.place),
        secrets=settings.secrets,
        cache=settings.caching(),
    )


def _not_importable(
    operator: Operator[..., Any], known: dict[tuple[str, str], Operator[..., Any]], local: bool
) -> list[Problem]:
    """Why a worker could not import the operator by its name."""
    name = f"{operator.module}:{operator.qualname}"
    other = known.setdefault((operator.module, operator.qualname), operator)
    if other is not operator:
        return [Problem(f"another operator has the same name, {name}", remedy="rename one of them")]
    if local:
        return []
    if not os.path.isfile(operator.place.file):
        remedy = "put it into a .py file beside the notebook or in the current folder, and import it from there"
        return [
            Problem("is defined in a notebook, a shell or standard input, whose code does not travel", remedy=remedy)
        ]
    if "<locals>" in operator.qualname or "<lambda>" in operator.qualname:
        remedy = "define it at the top level of its file"
        return [Problem("is defined inside a function, where a worker cannot import it", remedy=remedy)]
    found = modules.lookup(operator.module, operator.qualname)
    declared = operator.cls or operator.fn
    if found is declared or getattr(found, "fn", None) is declared:
        return []
    remedy = f"give it the name it is defined by, {operator.qualname}, at the top level of {operator.module}"
    return [Problem(f"a worker cannot import it as {name}", remedy=remedy)]
