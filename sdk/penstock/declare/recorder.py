"""Who notes the calls of a workflow while it is compiled; the compiler's trace is the one that does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from types import FrameType
from typing import Any, NamedTuple, Protocol

from penstock_proto.plan.v1 import plan_pb2

from ..errors import CompileError
from ..item_failures import MapOptions
from .signatures import Problem


class Instance(NamedTuple):
    """An instance of an operator or workflow class whose `run` is called."""

    object: Any
    fields: Mapping[str, Any]  # what it was made of
    run: Callable[..., Any]  # as it was written


class Recorder(Protocol):
    """Collects the nodes and errors of one compilation. `declared` is the operator or workflow that is called."""

    errors: list[CompileError]

    def note_instance(
        self, declared: Any, instance: object, args: Sequence[Any], kwargs: Mapping[str, Any], frame: FrameType
    ) -> tuple[dict[str, Any], list[Problem]]:
        """Remember where an instance of a class was made; return what its fields are given, and what is wrong."""
        ...

    def call(
        self,
        operator: Any,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        frame: FrameType,
        instance: Instance | None = None,
    ) -> Any:
        """Add the node of one operator call; return the future of its result."""
        ...

    def inline(
        self,
        workflow: Any,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        frame: FrameType,
        instance: Instance | None = None,
    ) -> Any:
        """Run the body of a workflow that is called by a workflow."""
        ...

    def start(
        self,
        workflow: Any,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: plan_pb2.Child,
        policy: plan_pb2.FailurePolicy,
        frame: FrameType,
    ) -> Any:
        """Add a node that starts a run of the workflow; return what that returns, made of the node's outputs."""
        ...

    def map(
        self, declared: Any, args: Sequence[Any], kwargs: Mapping[str, Any], options: MapOptions, frame: FrameType
    ) -> Any:
        """Call an operator or workflow for each item of the lists that are given."""
        ...

    def branch(
        self, name: str, condition: Any, cases: Sequence[Any] | None, sides: Sequence[Any], frame: FrameType
    ) -> Any:
        """Let the run take one of several sides; return the future of what it has."""
        ...

    def barrier(self, nodes: Iterable[int], frame: FrameType) -> Any:
        """Add a node that executes nothing and comes after the given ones."""
        ...

    def wait(
        self, name: str, function: str, wait: plan_pb2.Wait, returns: Any, otherwise: object, frame: FrameType
    ) -> Any:
        """Add a node that waits; return the future of what it waits for."""
        ...

    def order_after(self, nodes: Iterable[int]) -> AbstractContextManager[None]:
        """All nodes added meanwhile come after the given ones."""
        ...

    def at_end(self, end: plan_pb2.AtEnd) -> AbstractContextManager[None]:
        """All nodes added meanwhile belong to the end of the run."""
        ...

    def nodes_of(self, function: str, dependencies: Iterable[Any], frame: FrameType) -> set[int]:
        """Return the nodes that futures in `dependencies` come from."""
        ...

    def problem(self, operator: str, problem: Problem, frame: FrameType) -> None:
        """Note an error at the line of the frame."""
        ...


current: ContextVar[Recorder | None] = ContextVar("penstock_recorder", default=None)
