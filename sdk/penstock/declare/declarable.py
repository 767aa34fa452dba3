"""What can be an operator or a workflow: a plain function, or a class of typed fields with a method `run`."""

from __future__ import annotations

import inspect
from typing import Any

from ..errors import InvalidDeclaration
from .annotations import is_model

DECLARATION = "__penstock__"


def declaration_of(value: object) -> Any:
    """The Operator or Workflow that a decorated class stands for; None for anything else."""
    return vars(value).get(DECLARATION) if isinstance(value, type) else None


def check_function(fn: Any, what: str) -> None:
    """Raise InvalidDeclaration for what is no plain function."""
    if isinstance(fn, staticmethod | classmethod) or not inspect.isfunction(fn):
        raise InvalidDeclaration(
            f"@{what} decorates a function or a class, not {fn!r:.80}; write it above def or class"
        )
    if inspect.iscoroutinefunction(fn) or inspect.isasyncgenfunction(fn):
        raise InvalidDeclaration(f"@{what} decorates a plain function: write def {fn.__name__}, without async")
    if inspect.isgeneratorfunction(fn):
        raise InvalidDeclaration(f"@{what} decorates a function that returns: {fn.__name__} yields, return a list")


def check_class(cls: type, what: str) -> None:
    """Raise InvalidDeclaration for a class whose instances are more than typed fields, or that has nothing to run."""
    name = cls.__qualname__
    if declaration_of(cls) is not None:
        raise InvalidDeclaration(f"{name} is declared already, as {declaration_of(cls)!r}")
    run: Any = inspect.getattr_static(cls, "run", None)
    if run is None:
        raise InvalidDeclaration(f"{name} has no method run, which @{what} requires: write def run(self, ...) in it")
    if not inspect.isfunction(run):
        raise InvalidDeclaration(f"{name}.run must be a plain method with self, not {type(run).__name__}")
    check_function(run, what)
    if is_model(cls) or cls.__new__ is not object.__new__:
        bases = " and ".join(base.__name__ for base in cls.__bases__)
        raise InvalidDeclaration(f"{name} must be a plain class or a dataclass for @{what}, not a subclass of {bases}")
    made = vars(cls).get("__dataclass_params__")
    if not made.init if made else "__init__" in vars(cls):
        raise InvalidDeclaration(
            f"{name} has an __init__: declare what it takes as typed fields, such as rate: float = 0.1"
        )
