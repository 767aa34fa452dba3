"""The `operator` decorator: a unit of work, declared."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Generic, ParamSpec, TypeVar, Unpack, cast, overload

from . import modules, signatures
from .errors import InvalidDeclaration
from .options import NAME_LENGTH_MAX, Changes, OnFailure, Options
from .signatures import Signature
from .trace import current

P = ParamSpec("P")
R = TypeVar("R")


class Operator(Generic[P, R]):
    """A function that workflows can call. In a workflow a call adds a node; elsewhere it is the plain function.

    Attributes:
        fn: The plain function.
        name: What its nodes are called.
        module, qualname: How a worker imports it.
        settings: Its options, with the changes of this call.
        declaration: The operator as it was declared; itself, unless made by `options`.
    """

    def __init__(self, fn: Callable[P, R], settings: Options, declaration: Operator[P, R] | None = None) -> None:
        functools.update_wrapper(self, fn)
        self.fn = fn
        self.settings = settings
        self.name = settings.name or fn.__name__[:NAME_LENGTH_MAX]
        self.module, self.qualname = modules.module_name(fn.__module__), fn.__qualname__
        self.declaration: Operator[P, R] = declaration or self

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        trace = current.get()
        if trace is None:
            return self.fn(*args, **kwargs)
        return cast("R", trace.call(self, args, kwargs, modules.frame_at(1)))

    def options(self, **changes: Unpack[Changes]) -> Operator[P, R]:
        """The same operator with other options, for one call or for several.

        Raises:
            InvalidDeclaration: An option is unknown or out of its range.
        """
        unknown = changes.keys() - Changes.__annotations__.keys()
        if unknown:
            known = ", ".join(Changes.__annotations__)
            raise InvalidDeclaration(f"{self.name} has no option {', '.join(sorted(unknown))}; there are {known}")
        return Operator(self.fn, replace(self.settings, **changes), self.declaration)

    @functools.cached_property
    def signature(self) -> Signature:
        """What the function's signature says; read once, when it is first needed."""
        return signatures.read(self.fn)

    def __repr__(self) -> str:
        return f"<operator {self.module}:{self.qualname}>"


@overload
def operator(function: Callable[P, R], /) -> Operator[P, R]: ...
@overload
def operator(
    *,
    name: str | None = None,
    cpu: float = 1.0,
    gpu: int = 0,
    memory: str | int | None = "512Mi",
    labels: Mapping[str, str] | None = None,
    retries: int = 0,
    retry_delay_s: float = 1.0,
    retry_factor: float = 2.0,
    retry_delay_max_s: float = 60.0,
    retry_jitter: float = 0.2,
    timeout_s: float | None = None,
    on_failure: OnFailure = "block",
) -> Callable[[Callable[P, R]], Operator[P, R]]: ...
def operator(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    cpu: float = 1.0,
    gpu: int = 0,
    memory: str | int | None = "512Mi",
    labels: Mapping[str, str] | None = None,
    retries: int = 0,
    retry_delay_s: float = 1.0,
    retry_factor: float = 2.0,
    retry_delay_max_s: float = 60.0,
    retry_jitter: float = 0.2,
    timeout_s: float | None = None,
    on_failure: OnFailure = "block",
) -> Any:
    """Declare a function as an operator: `@operator`, or `@operator(gpu=1, retries=3)`.

    Args:
        name: What its nodes are called; the function's name by default.
        cpu: Cores that one execution holds; a fraction is possible.
        gpu: GPUs that one execution holds.
        memory: Bytes, or a size such as "512Mi" or "2G"; None: nothing is set aside.
        labels: Labels that the worker must carry.
        retries: Attempts after the first failed one. A lost worker or a preemption does not count.
        retry_delay_s: Seconds before the first retry; each further one waits `retry_factor` times as long,
            up to `retry_delay_max_s`, with `retry_jitter` (0 to 1) of it spread at random.
        timeout_s: Wall-clock limit of one attempt; None: no limit.
        on_failure: What its final failure means for what depends on it: "block" skips it, "cancel" cancels it,
            "continue" lets go on what depends on the order alone.

    Raises:
        InvalidDeclaration: An option is out of its range, or it is no plain function.
    """
    settings = Options(
        name=name,
        cpu=cpu,
        gpu=gpu,
        memory=memory,
        labels=labels,
        retries=retries,
        retry_delay_s=retry_delay_s,
        retry_factor=retry_factor,
        retry_delay_max_s=retry_delay_max_s,
        retry_jitter=retry_jitter,
        timeout_s=timeout_s,
        on_failure=on_failure,
    )

    def declare(fn: Callable[..., Any]) -> Operator[..., Any]:
        check_function(fn, "operator")
        return Operator(fn, settings)

    return declare if function is None else declare(function)


def check_function(fn: object, what: str) -> None:
    """Raise InvalidDeclaration for what is no plain function."""
    if isinstance(fn, Operator):
        raise InvalidDeclaration(f"{fn.name} is declared as an {what} twice")
    if isinstance(fn, staticmethod | classmethod) or not inspect.isfunction(fn):
        raise InvalidDeclaration(f"@{what} goes on a function, not on {fn!r:.80}; write @{what} above a def")
    if inspect.iscoroutinefunction(fn) or inspect.isasyncgenfunction(fn):
        raise InvalidDeclaration(f"@{what} goes on a plain function: write def {fn.__name__}, without async")
    if inspect.isgeneratorfunction(fn):
        raise InvalidDeclaration(f"@{what} goes on a function that returns: {fn.__name__} yields, return a list")
