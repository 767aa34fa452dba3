"""Operators replaced by functions of a test, which are called and whose results are checked as theirs."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

from ..compiler.compilation import Compiled
from ..declare.operators import Operator, operator_of
from ..errors import InvalidDeclaration

Operators = dict[tuple[str, str], Operator[..., Any]]


def with_fakes(compiled: Compiled, fakes: Mapping[Any, Callable[..., Any]]) -> Operators:
    """The operators of a workflow, some of them replaced.

    Raises:
        InvalidDeclaration: Something else than an operator of this workflow would be replaced, or not by a function.
    """
    operators = dict(compiled.operators)
    for replaced, fake in fakes.items():
        declared = operator_of(replaced)
        key = (declared.module, declared.qualname) if declared else ("", "")
        if declared is None or key not in operators:
            known = ", ".join(qualname for _, qualname in operators) or "none"
            name = declared.qualname if declared else f"{replaced!r:.80}"
            raise InvalidDeclaration(f"{compiled.plan.name} does not call the operator {name}; it calls {known}")
        if not callable(fake):
            raise InvalidDeclaration(f"the fake of {declared.qualname} must be a function, not {fake!r:.80}")
        operators[key] = _fake(operators[key], fake)
    return operators


def _fake(operator: Operator[..., Any], fake: Callable[..., Any]) -> Operator[..., Any]:
    """An operator that is declared as the given one, calls the fake, and gives it every argument it can by name."""

    @functools.wraps(operator.fn)
    def call(*args: Any, **kwargs: Any) -> Any:  # a fake need not be a function: a partial or a Mock has no name
        return fake(*args, **kwargs)

    replaced = Operator(call, operator.settings, operator.place)
    by_position = tuple(each for each in operator.signature.positional if not each.keyword)
    replaced.signature = dataclasses.replace(operator.signature, positional=by_position)
    return replaced
