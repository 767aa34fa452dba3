"""The `workflow` decorator: Python code that calls operators."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, cast, dataclass_transform, overload

from penstock_proto.plan.v1 import plan_pb2

from ..errors import CompileErrors
from . import classes, modules, signatures, user_code
from .children import Startable, child_options
from .declarable import declaration_of
from .mapping import Mappable
from .options import NAME_LENGTH_MAX, OnFailure, check_name
from .recorder import Recorder, current
from .signatures import Signature

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")


class Workflow(Mappable[R], Generic[P, R]):
    """A function that calls operators. `penstock.compile` makes a plan of it; a call runs it as ordinary Python.

    Called by another workflow, its nodes become part of that one's plan.

    Attributes:
        fn: The plain function; of a class, one that takes its fields and the arguments of `run`, all by name.
        cls: The class, if it is one.
        place: Where it is declared.
        name: What people call it.
        module, qualname: How it is imported.
    """

    def __init__(
        self, fn: Callable[P, R], name: str | None, place: modules.Place, *, cls: type[Any] | None = None
    ) -> None:
        functools.update_wrapper(self, fn)
        self.fn, self.cls, self.place = fn, cls, place
        self.name = name or fn.__name__[:NAME_LENGTH_MAX]
        self.module, self.qualname = modules.module_name(fn.__module__), fn.__qualname__
        user_code.note(self)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        trace = current.get()
        if trace is None:
            return self.fn(*args, **kwargs)
        return cast("R", trace.inline(self, args, kwargs, modules.frame_at(1)))

    def start(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Start the workflow as a run of its own, whose result this is: a child of the run that starts it.

        It has its own id, events and end, and `penstock show` lists it under its parent. If it fails, so does the node
        that started it; it is cancelled if its parent ends before it.
        """
        trace = current.get()
        if trace is None:
            return self.fn(*args, **kwargs)
        policy = plan_pb2.FAILURE_POLICY_BLOCK_DEPENDENTS
        return cast("R", trace.start(self, args, kwargs, plan_pb2.Child(), policy, modules.frame_at(1)))

    def options(
        self,
        *,
        pool: str | None = None,
        priority: int | None = None,
        labels: Mapping[str, str] | None = None,
        deadline_s: float | None = None,
        on_failure: OnFailure = "block",
    ) -> Startable[P, R]:
        """Return the workflow with options of the child runs that it is started as: `flow.options(...).start(...)`.

        Args:
            pool, priority: As of `submit`; by default those of the run that starts it.
            labels: Added to those of the run that starts it.
            deadline_s: Seconds in which it must end.
            on_failure: What the failure of the child means for the nodes that come after it, as of an operator.

        Raises:
            InvalidDeclaration: One of them is invalid.
        """
        return Startable(self, self.fn, child_options(pool, priority, labels, deadline_s), on_failure)

    @functools.cached_property
    def signature(self) -> Signature:
        """What the function's signature says; read once, when it is first needed."""
        if self.cls is None:
            return signatures.read(self.fn, needs_return=False)
        return signatures.read_class(self.cls, self.cls.run, needs_return=False)

    def make(self, trace: Recorder, instance: Any, args: Any, kwargs: Any, frame: FrameType) -> None:
        """An instance of the class is made in another workflow's body."""
        _, problems = trace.note_instance(self, instance, args, kwargs, frame)
        if problems:
            raise CompileErrors("", [])
        classes.make_body(instance, args, kwargs)

    def call(self, trace: Recorder, instance: Any, args: Any, kwargs: Any, frame: FrameType) -> Any:
        """The `run` of an instance is called in another workflow's body."""
        return trace.inline(self, args, kwargs, frame, classes.seen(instance))

    def __repr__(self) -> str:
        return f"<workflow {self.module}:{self.qualname}>"


class Declare(Protocol):
    """`@workflow(...)`, waiting for what it is put above."""

    @overload
    def __call__(self, cls: type[C], /) -> type[C]: ...  # pyright: ignore[reportOverlappingOverload]
    @overload
    def __call__(self, function: Callable[P, R], /) -> Workflow[P, R]: ...


@overload
def workflow(cls: type[C], /) -> type[C]: ...  # pyright: ignore[reportOverlappingOverload] # the class first
@overload
def workflow(function: Callable[P, R], /) -> Workflow[P, R]: ...
@overload
def workflow(*, name: str | None = None) -> Declare: ...
@dataclass_transform(field_specifiers=(dataclasses.field,))
def workflow(function: Callable[..., Any] | type[Any] | None = None, /, *, name: str | None = None) -> Any:
    """Declare a function, or a class with a method `run`, as a workflow: `@workflow`, or `@workflow(name="Digits")`.

    Raises:
        InvalidDeclaration: The name is invalid, or it decorates neither a plain function nor a class of fields.
    """
    if name is not None:
        check_name(name)

    def make(fn: Callable[..., Any], place: modules.Place, cls: type[Any] | None = None) -> Workflow[..., Any]:
        return Workflow(fn, name, place, cls=cls)

    declare = classes.declarer("workflow", make)
    return declare if function is None else declare(function, depth=2)


def workflow_of(value: object) -> Workflow[..., Any] | None:
    """The workflow that a decorated function or class is; None for anything else."""
    found = declaration_of(value) or value
    return found if isinstance(found, Workflow) else None  # pyright: ignore[reportUnknownVariableType]


def hidden_workflow(value: object) -> Workflow[..., Any] | None:
    """The workflow below a decorator that does not hand it on; None if there is none."""
    while workflow_of(value) is None and (inner := getattr(value, "__wrapped__", None)) is not None:
        value = inner
    return workflow_of(value)
