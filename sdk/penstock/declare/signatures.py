"""What an operator's or workflow's Python signature says: parameters, outputs, and what is missing."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from penstock_proto.plan.v1 import plan_pb2

from .annotations import ML_TYPES, is_named_tuple
from .declarable import declaration_of

MISSING = inspect.Parameter.empty
RESULT = "result"


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    annotation: Any
    default: Any
    positional: bool
    keyword: bool

    @property
    def is_required(self) -> bool:
        return self.default is MISSING

    @property
    def is_variadic(self) -> bool:
        """Whether it is one of *args and **kwargs, which are refused."""
        return not (self.positional or self.keyword)


@dataclass(frozen=True, slots=True)
class Output:
    name: str
    annotation: Any


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a signature or with a call's arguments; the caller adds where."""

    text: str
    argument: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    parameters: dict[str, Parameter]
    positional: tuple[Parameter, ...]
    returns: Any
    shape: plan_pb2.OutputShape
    outputs: tuple[Output, ...]
    problems: tuple[Problem, ...]
    # Of a class, whose parameters are its fields and those of its method: what each of the two takes.
    constructor: Signature | None = None
    method: Signature | None = None


def read(function: Callable[..., Any], *, needs_return: bool = True, is_method: bool = False) -> Signature:
    """Read a function's signature, or a method's without `self`; what is wrong with it is in `problems`."""
    problems: list[Problem] = []
    declared = inspect.signature(function)
    hints = _hints(function, problems)
    listed = list(declared.parameters.values())[1 if is_method else 0 :]
    parameters = {p.name: _parameter(p, hints, problems) for p in listed}
    returns = hints.get("return", MISSING)
    if returns is MISSING and needs_return and declared.return_annotation is MISSING:
        problems.append(
            Problem("has no return annotation", remedy="write what it returns, such as -> float or -> None")
        )
    shape, outputs = outputs_of(returns)
    positional = tuple(p for p in parameters.values() if p.positional)
    return Signature(parameters, positional, returns, shape, outputs, tuple(problems))


def read_class(cls: type, run: Callable[..., Any], *, needs_return: bool = True) -> Signature:
    """Read the signature of a dataclass with a method `run`: its fields and the method's parameters, all by name."""
    problems: list[Problem] = []
    hints = _hints(cls, problems)
    fields = {f.name: _field(f, hints) for f in dataclasses.fields(cls) if f.init}
    method = read(run, needs_return=needs_return, is_method=True)
    for name in inspect.signature(cls).parameters:
        if name not in fields:
            problems.append(Problem("is an InitVar", name, "make it a field"))
    for name, parameter in method.parameters.items():
        if name in fields:
            problems.append(Problem("is a field and an argument of run", name, "rename one of them"))
        if parameter.positional and not parameter.keyword:
            problems.append(Problem("can only be given by position", name, "remove the / from run"))
    positional = tuple(p for p in fields.values() if p.positional)
    constructor = Signature(fields, positional, cls, plan_pb2.OUTPUT_SHAPE_NONE, (), ())
    return dataclasses.replace(
        method,
        parameters={**fields, **method.parameters},
        positional=(),
        problems=(*problems, *method.problems),
        constructor=constructor,
        method=method,
    )


def _field(field: dataclasses.Field[Any], hints: dict[str, Any]) -> Parameter:
    default = MISSING if field.default is dataclasses.MISSING else field.default
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    return Parameter(field.name, hints.get(field.name, MISSING), default, positional=not field.kw_only, keyword=True)


def outputs_of(returns: Any) -> tuple[plan_pb2.OutputShape, tuple[Output, ...]]:
    """How a return type maps to outputs: none, one named "result", or one for each field."""
    if returns is None or returns is type(None):  # -> None
        return plan_pb2.OUTPUT_SHAPE_NONE, ()
    fields = fields_of(returns)
    if fields:
        return plan_pb2.OUTPUT_SHAPE_FIELDS, tuple(Output(name, hint) for name, hint in fields.items())
    return plan_pb2.OUTPUT_SHAPE_SINGLE, (Output(RESULT, returns),)


def fields_of(returns: Any) -> dict[str, Any]:
    """Fields of a NamedTuple or dataclass, which become outputs; none for everything else.

    The ML types are values although they are dataclasses, and so is a dataclass that its fields alone cannot build.
    """
    if not isinstance(returns, type) or issubclass(returns, ML_TYPES) or declaration_of(returns):
        return {}
    if is_named_tuple(returns):
        hints = typing.get_type_hints(returns, include_extras=True)
        return {name: hints.get(name, Any) for name in cast("Any", returns)._fields}
    if dataclasses.is_dataclass(returns) and all(f.init for f in dataclasses.fields(returns)):
        hints = typing.get_type_hints(returns, include_extras=True)
        return {f.name: hints[f.name] for f in dataclasses.fields(returns)}
    return {}


def bind(signature: Signature, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Arguments by parameter, in the order of the parameters, and what is wrong with them."""
    given = {parameter.name: value for parameter, value in zip(signature.positional, args, strict=False)}
    problems: list[Problem] = []
    if len(args) > len(signature.positional):
        text = f"takes {len(signature.positional)} positional arguments, given {len(args)}"
        problems.append(Problem(text, remedy=_call_form(signature)))
    if kwargs:
        problems += _bind_keywords(signature, given, kwargs)
        given = {name: given[name] for name in signature.parameters if name in given}
    if len(given) < len(signature.parameters):
        for parameter in signature.parameters.values():
            if parameter.name not in given and parameter.is_required and not parameter.is_variadic:
                problems.append(Problem("is missing", parameter.name, _call_form(signature)))
    return given, problems


def _bind_keywords(signature: Signature, given: dict[str, Any], kwargs: Mapping[str, Any]) -> Iterator[Problem]:
    for name, value in kwargs.items():
        parameter = signature.parameters.get(name)
        if parameter is None or not parameter.keyword:
            yield Problem("has no such argument", name, _did_you_mean(name, signature))
        elif name in given:
            yield Problem("is given twice, by position and by name", name)
        else:
            given[name] = value


def _did_you_mean(name: str, signature: Signature) -> str:
    if name in signature.parameters:
        return "it can only be given by position"
    close = difflib.get_close_matches(name, signature.parameters, n=1)
    return f"did you mean {close[0]!r}?" if close else _call_form(signature)


def _call_form(signature: Signature) -> str:
    names = [p.name if p.is_required else f"{p.name}={p.default!r:.40}" for p in signature.parameters.values()]
    return f"the arguments are ({', '.join(names)})"


def _hints(declared: Callable[..., Any] | type, problems: list[Problem]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(declared, include_extras=True)
    except NameError as error:
        remedy = f"import {error.name} at the top of the file; it must also be there when the program runs"
        problems.append(Problem(f"the annotation names {error.name!r}, which is not defined", remedy=remedy))
    except Exception as error:
        problems.append(Problem(f"an annotation cannot be read: {type(error).__name__}: {error}"))
    return {}


def _parameter(declared: inspect.Parameter, hints: dict[str, Any], problems: list[Problem]) -> Parameter:
    name, kind = declared.name, declared.kind
    if kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
        form = f"*{name}" if kind is inspect.Parameter.VAR_POSITIONAL else f"**{name}"
        instead = "list" if kind is inspect.Parameter.VAR_POSITIONAL else "dict"
        problems.append(Problem(f"declares {form}", name, f"name each argument, or take one {instead}"))
    elif declared.annotation is MISSING:
        problems.append(Problem("has no type", name, _annotation_to_write(declared)))
    return Parameter(
        name,
        hints.get(name, MISSING),
        declared.default,
        positional=kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD),
        keyword=kind in (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD),
    )


def _annotation_to_write(declared: inspect.Parameter) -> str:
    if declared.name in ("self", "cls"):
        return "make the operator a function of its module, not a method"
    if declared.default in (MISSING, None):
        return f"write its type, such as {declared.name}: float"
    return f"write {declared.name}: {type(declared.default).__name__} = {declared.default!r:.40}"
