"""The `workflow` decorator: Python code that calls operators."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar, cast, overload

from . import modules, signatures
from .operators import check_function
from .options import NAME_LENGTH_MAX, check_name
from .signatures import Signature
from .trace import current

P = ParamSpec("P")
R = TypeVar("R")


class Workflow(Generic[P, R]):
    """A function that calls operators. `penstock.compile` makes a plan of it; a call runs it as ordinary Python.

    Called by another workflow, its nodes become part of that one's plan.

    Attributes:
        fn: The plain function.
        name: What people call it.
        module, qualname, file: Where it is defined.
    """

    def __init__(self, fn: Callable[P, R], name: str | None = None) -> None:
        functools.update_wrapper(self, fn)
        self.fn = fn
        self.name = name or fn.__name__[:NAME_LENGTH_MAX]
        self.module, self.qualname = modules.module_name(fn.__module__), fn.__qualname__
        self.file = fn.__code__.co_filename

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        trace = current.get()
        if trace is None:
            return self.fn(*args, **kwargs)
        return cast("R", trace.inline(self, args, kwargs, modules.frame_at(1)))

    @functools.cached_property
    def signature(self) -> Signature:
        """What the function's signature says; read once, when it is first needed."""
        return signatures.read(self.fn, needs_return=False)

    def __repr__(self) -> str:
        return f"<workflow {self.module}:{self.qualname}>"


@overload
def workflow(function: Callable[P, R], /) -> Workflow[P, R]: ...
@overload
def workflow(*, name: str | None = None) -> Callable[[Callable[P, R]], Workflow[P, R]]: ...
def workflow(function: Callable[..., Any] | None = None, /, *, name: str | None = None) -> Any:
    """Declare a function as a workflow: `@workflow`, or `@workflow(name="Train digits")`.

    Raises:
        InvalidDeclaration: The name cannot be used, or it is no plain function.
    """
    if name is not None:
        check_name(name)

    def declare(fn: Callable[..., Any]) -> Workflow[..., Any]:
        check_function(fn, "workflow")
        return Workflow(fn, name)

    return declare if function is None else declare(function)
